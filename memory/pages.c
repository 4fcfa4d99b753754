// mmap behind the Range: address space first, pages when asked for.
//
// Reserved pages are PROT_NONE and never charged; commit is a protection
// change, giving back is a fresh reservation mapped over the old pages.
#include "memory/pages.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "memory/stress.h"

enum {
  COMMIT_STEP = 256 * 1024,
  LARGE = 2 << 20,  // ranges of this size grow by huge pages
  HUGE_PAGE = 2 << 20,
  SMALLEST_RESERVE = 64 << 20
};

static size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

static size_t page_size(void) {
  return (size_t)sysconf(_SC_PAGESIZE);
}

static void *reserve(void *at, size_t bytes, int more_flags) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | more_flags;
  return mmap(at, bytes, PROT_NONE, flags, -1, 0);
}

bool ambi_range_open(Range *r, size_t bytes) {
  *r = (Range){0};
  if (bytes == 0 || bytes > PTRDIFF_MAX) return false;
  bytes = round_up(bytes, page_size());
  if (!ambi_alloc_permitted()) return false;
  void *p = reserve(NULL, bytes, 0);
  if (p == MAP_FAILED) return false;
  r->base = p;
  r->reserved = bytes;
  return true;
}

bool ambi_range_open_most(Range *r, size_t bytes) {
  for (; bytes >= SMALLEST_RESERVE; bytes /= 2)
    if (ambi_range_open(r, bytes)) return true;
  return false;
}

void ambi_range_close(Range *r) {
  if (!r->base) return;
  munmap(r->base, r->reserved);
  ambi_alloc_discharge(r->committed);
  *r = (Range){0};
}

void ambi_range_split(Range *r, size_t bytes, Range *upper) {
  bytes -= bytes % page_size();
  AMB_ENSURE(r->committed == 0 && bytes < r->reserved);
  *upper = (Range){.base = r->base + bytes, .reserved = r->reserved - bytes};
  r->reserved = bytes;
}

// Bytes of the range up to the address, a multiple of the unit, behind so many.
static size_t up_to(const Range *r, size_t bytes, size_t unit) {
  size_t base = (uintptr_t)r->base, end = round_up(base + bytes, unit) - base;
  return end < r->reserved ? end : r->reserved;
}

size_t ambi_range_whole(const Range *r, size_t bytes) {
  if (ambi_stress(STRESS_MINIMAL) || bytes < LARGE || bytes >= r->reserved)
    return bytes;
  return up_to(r, bytes, HUGE_PAGE);
}

// What is large and filled from one end takes a fault for each 2 MiB, not for each page;
// where the system does not do that, nothing happens. Blocks of malloc do not gain: they
// move as they grow, and take small pages from then on.
static void use_huge_pages(const Range *r, size_t more) {
  if (r->committed >= LARGE)
    madvise(r->base + r->committed - more, more, MADV_HUGEPAGE);
}

bool ambi_range_commit(Range *r, size_t bytes) {
  if (bytes <= r->committed) return true;
  if (bytes > r->reserved || !ambi_alloc_permitted()) return false;
  size_t step = ambi_stress(STRESS_MINIMAL) ? page_size() : COMMIT_STEP;
  size_t end = up_to(r, bytes, step), more = end - r->committed;
  if (!ambi_alloc_charge(more)) return false;
  if (mprotect(r->base + r->committed, more, PROT_READ | PROT_WRITE) != 0) {
    ambi_alloc_discharge(more);
    return false;
  }
  r->committed = end;
  use_huge_pages(r, more);
  return true;
}

bool ambi_range_more(Range *r, size_t bytes) {
  if (bytes <= r->committed) return true;
  size_t more = ambi_stress(STRESS_MINIMAL) ? 0 : bytes / 8;
  return ambi_range_commit(r, ambi_range_whole(r, bytes + more)) ||
         ambi_range_commit(r, bytes);
}

void ambi_range_seal(Range *r) {
  if (r->committed == r->reserved || r->committed == 0) return;
  munmap(r->base + r->committed, r->reserved - r->committed);
  r->reserved = r->committed;
}

void ambi_range_trim(Range *r, size_t keep) {
  if (keep >= r->committed) return;
  keep = round_up(keep, page_size());
  if (keep >= r->committed) return;
  size_t less = r->committed - keep;
  // Refused (no room for one more mapping): the pages stay as they are.
  if (reserve(r->base + keep, less, MAP_FIXED) == MAP_FAILED) return;
  r->committed = keep;
  ambi_alloc_discharge(less);
}

bool ambi_range_is_valid(const Range *r, const char **why) {
  size_t page = page_size();
  if (!r->base)
    return (!r->reserved && !r->committed) ||
           ambi_invalid(why, "a closed range has a size");
  if ((uintptr_t)r->base % page || r->reserved % page || r->committed % page)
    return ambi_invalid(why, "a range ends within a page");
  return r->committed <= r->reserved ||
         ambi_invalid(why, "more is committed than reserved");
}

// ---- how much memory there is ----------------------------------------------

// The number a one-line file holds; UINT64_MAX: no file, "max", not a number.
static uint64_t number_in(const char *path) {
  FILE *f = fopen(path, "r");
  if (!f) return UINT64_MAX;
  char line[64], *end = line;
  uint64_t n = UINT64_MAX;
  if (fgets(line, sizeof line, f)) n = strtoull(line, &end, 10);
  fclose(f);
  return end == line ? UINT64_MAX : n;
}

// The smallest limit of the control group (version 2) and those around it.
static uint64_t group_limit(void) {
  char line[PATH_MAX] = "", path[PATH_MAX + 64];
  uint64_t least = UINT64_MAX;
  FILE *f = fopen("/proc/self/cgroup", "r");
  if (!f) return least;
  while (fgets(line, sizeof line, f))
    if (strncmp(line, "0::/", 4) == 0) break;
  fclose(f);
  char *group = strncmp(line, "0::/", 4) == 0 ? line + 3 : strcpy(line, "/");
  group[strcspn(group, "\n")] = 0;
  for (;;) {
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    uint64_t n = number_in(path);
    if (n < least) least = n;
    char *slash = strrchr(group, '/');
    if (!slash) break;
    *slash = 0;
  }
  return least;
}

uint64_t ambi_system_memory(void) {
  uint64_t machine =
      (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t group = group_limit();
  uint64_t old = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  if (old < group) group = old;
  return group < machine ? group : machine;
}

uint64_t ambi_resident_memory(void) {
  unsigned long long size = 0, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f) return 0;
  bool told = fscanf(f, "%llu %llu", &size, &resident) == 2;
  fclose(f);
  return told ? resident * page_size() : 0;
}
