// The counting door to malloc, and to pages for what is large.
//
// What goes through is counted in account.c. Debug builds put the size in front of each
// block and compare it with what the caller claims when the block comes back, since one
// wrong size would falsify the count for good.
#include "memory/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "memory/atomic.h"
#include "memory/check.h"
#include "memory/large.h"
#include "memory/stress.h"

static AMB_ATOMIC(uint64_t) attempts;     // [all] counted while one is to fail
static AMB_ATOMIC(uint64_t) failing_one;  // [all~] attempt to fail, 0 = none

#ifdef AMB_DEBUG
enum { PREFIX = 16 };  // keeps the alignment malloc gives
#else
enum { PREFIX = 0 };
#endif

// What a block takes, as far as one can tell from outside malloc.
static size_t weight(size_t size) {
  if (ambi_is_large(size)) return ambi_large_size(size + PREFIX);
  size_t n = (size + PREFIX + sizeof(size_t) + 15) & ~(size_t)15;
  return n < 32 ? 32 : n;
}

static void *to_user(char *block, size_t size) {
  if (PREFIX) memcpy(block, &size, sizeof size);
  return block + PREFIX;
}

static char *to_block(void *user, size_t claimed) {
  char *block = (char *)user - PREFIX;
  if (PREFIX) {
    size_t size;
    memcpy(&size, block, sizeof size);
    AMB_CHECK(size == claimed);
  }
  (void)claimed;
  return block;
}

bool ambi_alloc_permitted(void) {
  uint64_t planned = ambi_load_relaxed(&failing_one);
  return AMB_LIKELY(!planned) || ambi_add_relaxed(&attempts, 1) + 1 != planned;
}

#define LARGEST ((size_t)PTRDIFF_MAX / 2)

static char *take_block(size_t size) {
  if (ambi_is_large(size)) return ambi_large_alloc(size + PREFIX);
  return calloc(1, size + PREFIX + (size + PREFIX == 0));
}

static void free_block(char *block, size_t size) {
  if (ambi_is_large(size))
    ambi_large_free(block, size + PREFIX);
  else
    free(block);
}

void *ambi_alloc(size_t size) {
  if (size > LARGEST || !ambi_alloc_permitted() ||
      !ambi_alloc_charge(weight(size)))
    return NULL;
  char *block = take_block(size);
  if (!block) {
    ambi_alloc_discharge(weight(size));
    return NULL;
  }
  return to_user(block, size);
}

// From malloc to pages of its own, or back.
static char *move_block(char *block, size_t old, size_t size) {
  char *to = take_block(size);
  if (!to || !block) return to;
  memcpy(to, block, PREFIX + (old < size ? old : size));
  free_block(block, old);
  return to;
}

static char *resize_block(char *block, size_t old, size_t size) {
  bool is_large = ambi_is_large(size);
  if (is_large != (block && ambi_is_large(old)))
    return move_block(block, old, size);
  if (is_large) return ambi_large_realloc(block, old + PREFIX, size + PREFIX);
  return realloc(block, size + PREFIX + (size + PREFIX == 0));
}

void *ambi_realloc(void *p, size_t old, size_t size) {
  if (size > LARGEST || !ambi_alloc_permitted()) return NULL;
  size_t was = p ? weight(old) : 0, is = weight(size);
  if (is > was && !ambi_alloc_charge(is - was)) return NULL;
  char *block = resize_block(p ? to_block(p, old) : NULL, old, size);
  if (!block) {
    if (is > was) ambi_alloc_discharge(is - was);
    return NULL;
  }
  if (was > is) ambi_alloc_discharge(was - is);
  return to_user(block, size);
}

void ambi_free(void *p, size_t size) {
  if (!p) return;
  free_block(to_block(p, size), size);
  ambi_alloc_discharge(weight(size));
}

// What comes before the block to align it, nobody touches.
void *ambi_alloc_aligned(size_t size, size_t align) {
  void *p = NULL;
  if (size > LARGEST || !ambi_alloc_permitted() ||
      !ambi_alloc_charge(weight(size)))
    return NULL;
  if (ambi_is_large(size) && align <= LARGE_BLOCK)
    p = ambi_large_alloc(size);
  else if (posix_memalign(&p, align, size) != 0)
    p = NULL;
  if (!p) ambi_alloc_discharge(weight(size));
  return p;
}

void ambi_free_aligned(void *p, size_t size) {
  if (!p) return;
  if (ambi_is_large(size))
    ambi_large_free(p, size);
  else
    free(p);
  ambi_alloc_discharge(weight(size));
}

void ambi_alloc_fail_at(uint64_t n) {
  uint64_t target = n ? ambi_load_relaxed(&attempts) + n : 0;
  ambi_store_release(&failing_one, target);
}

uint64_t ambi_alloc_attempts(void) {
  return ambi_load_relaxed(&attempts);
}

// Under stress: hardly more than needed, and always somewhere else, so that whoever
// kept an address is found out.
static bool grow_moving(void **array, size_t *cap, size_t need, size_t item) {
  size_t n = need + need / 64;
  char *p = ambi_alloc(n * item);
  if (!p) return false;
  if (*array) {
    memcpy(p, *array, *cap * item);
    memset(*array, 0xA7, *cap * item);
  }
  ambi_free(*array, *cap * item);
  *array = p;
  *cap = n;
  return true;
}

// By less where it is much: pages that nobody has touched yet count. The system moves
// large blocks without a copy, so growing more often costs little.
size_t ambi_grown(size_t bytes) {
  enum { MUCH = 1 << 20 };
  return bytes + bytes / (bytes < MUCH ? 2 : 8);
}

bool ambi_grow(void **array, size_t *cap, size_t need, size_t item) {
  if (need <= *cap) return true;
  if (*cap > SIZE_MAX / 2 / item || need > SIZE_MAX / 2 / item) return false;
  size_t n = ambi_grown(*cap * item) / item;
  if (n < need) n = need;
  if (n < 8) n = 8;
  if (ambi_stress(STRESS_MINIMAL)) return grow_moving(array, cap, need, item);
  void *p = ambi_realloc(*array, *cap * item, n * item);
  if (!p) return false;
  *array = p;
  *cap = n;
  return true;
}

// By a copy: cut off in its place, the rest would stay behind the block that is kept, often
// too small for anybody, while a whole block serves the next array that grows. What is
// large has pages, which go back.
bool ambi_shrink(void **array, size_t *cap, size_t n, size_t item) {
  size_t old = *cap * item, size = n * item;
  bool in_place = ambi_is_large(size);
  void *p = NULL;
  if (n >= *cap) return true;
  if (size &&
      !(p = ambi_realloc(in_place ? *array : NULL, in_place ? old : 0, size)))
    return false;
  if (!in_place) {
    if (p) memcpy(p, *array, size);
    ambi_free(*array, old);
  }
  *array = p;
  *cap = n;
  return true;
}
