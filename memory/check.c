// The one place a failed check ends up: say what, then abort.
#include "memory/check.h"

#include <stdio.h>
#include <stdlib.h>

void ambi_check_failed(const char *file, int line, const char *text) {
  fprintf(stderr, "ambit: internal error: %s:%d: %s\n", file, line, text);
  fflush(stderr);
  abort();
}
