// mmap. The pages count against the memory limit as a whole: who asks for them is going
// to fill them.
#define _GNU_SOURCE  // MAP_FIXED_NOREPLACE
#include "memory/mapping.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "memory/atomic.h"
#include "memory/large.h"

static size_t pages(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

static void *map_at(void *at, size_t bytes, int flags) {
  return mmap(at, bytes, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void *map_aligned(size_t bytes, size_t align) {
  char *at = ambi_address_space(bytes, align);
  if (!at) return MAP_FAILED;
  void *p = map_at(at, bytes, MAP_FIXED);
  if (p != MAP_FAILED) return p;
  int why = errno;
  munmap(at, bytes);
  errno = why;
  return MAP_FAILED;
}

// MAP_FAILED: not there. ThreadSanitizer makes 0 of an address that it keeps for itself,
// which most are, and ends the process when it is mapped there: it is not asked.
static void *map_wanted(uintptr_t wanted, size_t bytes, size_t align) {
#ifdef MAP_FIXED_NOREPLACE
  if (AMB_TSAN || !wanted || wanted % align != 0) return MAP_FAILED;
  void *at = (void *)wanted;  // NOLINT
  void *p = map_at(at, bytes, MAP_FIXED_NOREPLACE);
  if (p == MAP_FAILED || p == at) return p;
  munmap(p, bytes);  // by a system that does not know the flag
#else
  (void)wanted, (void)bytes, (void)align;
#endif
  return MAP_FAILED;
}

bool ambi_mapping_open(Mapping *m, size_t bytes, uintptr_t wanted,
                       size_t align) {
  *m = (Mapping){0};
  bytes = pages(bytes);
  bool large = ambi_is_large(bytes);
  if (large && align < LARGE_BLOCK) align = LARGE_BLOCK;
  if (!ambi_alloc_permitted() || !ambi_alloc_charge(bytes)) {
    errno = ENOMEM;
    return false;
  }
  void *p = map_wanted(wanted, bytes, align);
  if (p == MAP_FAILED) p = map_aligned(bytes, align);
  if (p == MAP_FAILED) {
    int why = errno;
    ambi_alloc_discharge(bytes);
    errno = why;
    return false;
  }
  if (large) madvise(p, bytes, MADV_HUGEPAGE);  // as memory/large.h has it
  *m = (Mapping){p, bytes, bytes};
  return true;
}

void ambi_mapping_close(Mapping *m) {
  if (!m->base) return;
  munmap(m->base, m->bytes);
  ambi_alloc_discharge(m->counted);
  *m = (Mapping){0};
}

void ambi_mapping_forget(Mapping *m, char *at, size_t bytes) {
  if (at + bytes > m->base + m->bytes)
    bytes = (size_t)(m->base + m->bytes - at);
  if (madvise(at, bytes, MADV_DONTNEED) != 0) return;
  m->counted -= bytes;
  ambi_alloc_discharge(bytes);
}
