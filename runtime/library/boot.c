// Opening a runtime from the boot image that the program holds. A file of its
// own, because the program that makes the image does without it.
#include "runtime/library/boot.h"

#include "runtime/runtime.h"

Runtime *ambi_runtime_open(const Host *host, int tier) {
  return ambi_runtime_open_from(&ambi_boot_image, host, tier);
}
