// All states that a model can reach, each kept once: for tests that look at every
// interleaving. Included behind the definition of Model, a struct that is compared byte
// by byte, so it is cleared before it is filled.
//
//   explore_from(&first);
//   while (explore_next(&m)) ... explore_reach(&another);
#ifndef AMBIT_TESTS_EXPLORE_H
#define AMBIT_TESTS_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/unit.h"

enum { EXPLORE_MOST = 1 << 20 };

static Model explored[EXPLORE_MOST];
static uint32_t nexplored, explore_at;
static uint32_t
    explore_table[4 * EXPLORE_MOST];  // 1 + where it is in explored[]

static inline void explore_reach(const Model *m) {
  const uint32_t size = sizeof explore_table / sizeof *explore_table;
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < sizeof *m; i++)
    h = (h ^ ((const uint8_t *)m)[i]) * 1099511628211u;
  uint32_t at = (uint32_t)((h >> 20) % size);
  while (explore_table[at] != 0) {
    if (memcmp(&explored[explore_table[at] - 1], m, sizeof *m) == 0) return;
    at = (at + 1) % size;
  }
  ck_assert_uint_lt(nexplored, EXPLORE_MOST);
  explored[nexplored++] = *m;
  explore_table[at] = nexplored;
}

static inline void explore_from(const Model *first) {
  memset(explore_table, 0, sizeof explore_table);
  nexplored = explore_at = 0;
  explore_reach(first);
}

// One that was not looked at yet.
static inline bool explore_next(Model *m) {
  if (explore_at == nexplored) return false;
  *m = explored[explore_at++];
  return true;
}

#endif
