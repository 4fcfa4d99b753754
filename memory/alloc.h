// The one door to malloc: byte accounting and planned failure.
//
// Every long-lived C allocation of the library goes through here, so that a
// memory limit counts it and a test can make the n-th allocation fail. Sizes
// are remembered by the caller (as for realloc in an arena), not in the block.
// Any call may return NULL; nothing is freed or changed then.
#ifndef AMBIT_MEMORY_ALLOC_H
#define AMBIT_MEMORY_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Zeroed memory of `size` bytes, or NULL.
void *ambi_alloc(size_t size);
// Grows or shrinks; `old` is the size given before. New bytes are not zeroed.
void *ambi_realloc(void *p, size_t old, size_t size);
void ambi_free(void *p, size_t size);
// `size` bytes, not zeroed, at a multiple of `align`, a power of two and at most 2 MiB.
void *ambi_alloc_aligned(size_t size, size_t align);
void ambi_free_aligned(void *p, size_t size);

// Bytes now in use for what this door and ambi_range_commit handed out, process-wide:
// sizes as malloc rounds them. Each other thread that is alive adds up to 64 KiB that it
// does not use.
size_t ambi_alloc_bytes(void);
// Attempts that would take that count above `bytes` fail from now on, by every
// door; 0: no such limit. What is out already stays. Process-wide.
void ambi_alloc_limit(size_t bytes);
// Until that limit is reached.
size_t ambi_alloc_room(void);
// Counts memory obtained elsewhere (committed pages). False: the limit is reached,
// nothing is counted.
bool ambi_alloc_charge(size_t bytes);
void ambi_alloc_discharge(size_t bytes);

// Tests: the n-th allocation from now fails (0 = never). Attempts are counted until 0 is
// given; NEVER_FAILS counts them alone.
#define NEVER_FAILS (UINT64_MAX / 2)
void ambi_alloc_fail_at(uint64_t n);
uint64_t ambi_alloc_attempts(void);
// Counts an attempt made by another door (committed pages). False: it is the
// one planned to fail.
bool ambi_alloc_permitted(void);

// What something of that many bytes should grow to, when it is full.
size_t ambi_grown(size_t bytes);
// Grows an array geometrically to at least `need` items; cap counts items.
// False (array untouched) on failure. Freed with ambi_free(v, cap * sizeof *v).
//   Value *v; size_t n, cap;  ambi_grow((void **)&v, &cap, n + 1, sizeof *v)
bool ambi_grow(void **array, size_t *cap, size_t need, size_t item);
// Cuts such an array to n items, if it has more; 0: it is freed. False (array untouched)
// on failure.
bool ambi_shrink(void **array, size_t *cap, size_t n, size_t item);

#endif
