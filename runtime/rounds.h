// Rounds of a search by the number of choices, in both tiers: which results one has, and
// what the next one does (eval0/eval0_deepen.c).
#ifndef AMBIT_RUNTIME_ROUNDS_H
#define AMBIT_RUNTIME_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Rounds {
  uint32_t from,
      step;    // new results are behind `from` choices or up to step - 1 more
  bool fixed;  // the step
  uint64_t before;  // alternatives that the round before has taken
} Rounds;

enum {
  MOST_CHOICES = 1 << 30,
  FEW_ALTERNATIVES = 256,  // that any round may take
  MUCH_LONGER = 8,         // times as many as the round before
};

static inline uint32_t ambi_rounds_most(const Rounds *r) {
  return r->from + r->step - 1;
}

// A round that takes more alternatives than this is given up.
static inline uint64_t ambi_rounds_enough(const Rounds *r) {
  if (r->fixed || r->step == 1) return UINT64_MAX;
  return MUCH_LONGER *
         (r->before > FEW_ALTERNATIVES ? r->before : FEW_ALTERNATIVES);
}

// The next band lies behind this one, or is the beginning of one that was too wide.
static inline void ambi_rounds_go_on(Rounds *r, uint64_t taken, bool given_up) {
  if (given_up) {
    r->step = r->step > 4 ? r->step / 4 : 1;
    return;
  }
  r->from += r->step;
  if (!r->fixed && taken < 2 * r->before)
    r->step *= 2;
  else if (!r->fixed && r->step > 1)
    r->step /= 2;
  r->before = taken;
  if (r->step > MOST_CHOICES - r->from) r->step = MOST_CHOICES - r->from;
}

#endif
