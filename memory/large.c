#define _GNU_SOURCE  // mremap
#include "memory/large.h"

#include <sys/mman.h>
#include <unistd.h>

size_t ambi_large_size(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (size + page - 1) / page * page;
}

// With room for alignment, of which the rest goes back.
void *ambi_address_space(size_t bytes, size_t align) {
  size_t room = bytes + align;
  char *block = mmap(NULL, room, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED) return NULL;
  uintptr_t past = (uintptr_t)block & (align - 1);
  char *at = block + (past ? align - past : 0);
  if (at > block) munmap(block, (size_t)(at - block));
  size_t behind = (size_t)(block + room - (at + bytes));
  if (behind) munmap(at + bytes, behind);
  return at;
}

void *ambi_large_alloc(size_t size) {
  size = ambi_large_size(size);
  void *p = ambi_address_space(size, LARGE_BLOCK);
  if (!p) return NULL;
  if (mprotect(p, size, PROT_READ | PROT_WRITE) != 0) {
    munmap(p, size);
    return NULL;
  }
  madvise(p, size,
          MADV_HUGEPAGE);  // where the system does not, nothing happens
  return p;
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25  // Linux 6.1; older ones refuse
#endif

// A block's end has small pages, for a huge one would reach beyond it. When the block
// has grown there, they are made one.
static void join_pages(char *p, size_t old, size_t size) {
  size_t from = old / LARGE_BLOCK * LARGE_BLOCK;
  if (from < old && size >= from + LARGE_BLOCK)
    madvise(p + from, LARGE_BLOCK, MADV_COLLAPSE);
}

// Where it is, or where huge pages stay what they are.
static void *resize(void *p, size_t old, size_t size) {
  if (mremap(p, old, size, 0) != MAP_FAILED) return p;
  void *to = ambi_address_space(size, LARGE_BLOCK);
  if (!to) return NULL;
  if (mremap(p, old, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to) return to;
  munmap(to, size);
  return NULL;
}

void *ambi_large_realloc(void *p, size_t old, size_t size) {
  old = ambi_large_size(old);
  size = ambi_large_size(size);
  if (size == old) return p;
  p = resize(p, old, size);
  if (p) join_pages(p, old, size);
  return p;
}

void ambi_large_free(void *p, size_t size) {
  munmap(p, ambi_large_size(size));
}
