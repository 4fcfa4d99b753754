// Blocks of 2 MiB and more: pages of their own, which no processor has to find one by
// one.
//
// They begin at multiples of 2 MiB, so the system can back them by huge pages. Who looks
// for something in a large table misses the cache either way, but does not miss the
// table of pages as well. Blocks of malloc do not gain that: they begin anywhere, and
// take small pages when they move. Nothing is counted here.
#ifndef AMBIT_MEMORY_LARGE_H
#define AMBIT_MEMORY_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LARGE_BLOCK = 2 << 20 };

// What watches over malloc sees nothing else, so it gets blocks of all sizes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AMB_LARGE_BLOCKS false
#elif defined(__has_feature)
#define AMB_LARGE_BLOCKS \
  !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define AMB_LARGE_BLOCKS true
#endif

static inline bool ambi_is_large(size_t size) {
  return AMB_LARGE_BLOCKS && size >= LARGE_BLOCK;
}
// What the block takes: whole pages.
size_t ambi_large_size(size_t size);
// Sizes are those of large blocks. NULL: the system has no memory; a block that was
// there stays as it is.
void *ambi_large_alloc(size_t size);  // zeroed
void *ambi_large_realloc(void *p, size_t old, size_t size);
void ambi_large_free(void *p, size_t size);

// Address space that nobody may touch yet, at a multiple of `align`, a power of two.
// NULL: there is none.
void *ambi_address_space(size_t bytes, size_t align);

#endif
