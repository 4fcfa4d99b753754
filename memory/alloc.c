// The counting door to malloc.
//
// What goes through is counted in account.c. Debug builds put the size in front of each
// block and compare it with what the caller claims when the block comes back, since one
// wrong size would falsify the count for good.
#include "memory/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "memory/atomic.h"
#include "memory/check.h"
#include "memory/stress.h"

static AMB_ATOMIC(uint64_t) attempts;     // [all] counted while one is to fail
static AMB_ATOMIC(uint64_t) failing_one;  // [all~] attempt to fail, 0 = none

#ifdef AMB_DEBUG
enum { PREFIX = 16 };  // keeps the alignment malloc gives
#else
enum { PREFIX = 0 };
#endif

// What malloc takes for a block, as far as one can tell from outside.
static size_t weight(size_t size) {
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

void *ambi_alloc(size_t size) {
  if (size > LARGEST || !ambi_alloc_permitted() ||
      !ambi_alloc_charge(weight(size)))
    return NULL;
  char *block = calloc(1, size + PREFIX + (size + PREFIX == 0));
  if (!block) {
    ambi_alloc_discharge(weight(size));
    return NULL;
  }
  return to_user(block, size);
}

void *ambi_realloc(void *p, size_t old, size_t size) {
  if (size > LARGEST || !ambi_alloc_permitted()) return NULL;
  size_t was = p ? weight(old) : 0, is = weight(size);
  if (is > was && !ambi_alloc_charge(is - was)) return NULL;
  char *block = p ? to_block(p, old) : NULL;
  block = realloc(block, size + PREFIX + (size + PREFIX == 0));
  if (!block) {
    if (is > was) ambi_alloc_discharge(is - was);
    return NULL;
  }
  if (was > is) ambi_alloc_discharge(was - is);
  return to_user(block, size);
}

void ambi_free(void *p, size_t size) {
  if (!p) return;
  free(to_block(p, size));
  ambi_alloc_discharge(weight(size));
}

// What comes before the block to align it, nobody touches.
void *ambi_alloc_aligned(size_t size, size_t align) {
  void *p = NULL;
  if (size > LARGEST || !ambi_alloc_permitted() ||
      !ambi_alloc_charge(weight(size)))
    return NULL;
  if (posix_memalign(&p, align, size) == 0) return p;
  ambi_alloc_discharge(weight(size));
  return NULL;
}

void ambi_free_aligned(void *p, size_t size) {
  if (!p) return;
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
