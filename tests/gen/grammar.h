// The grammar as tables: rows read once, and the drawing of a row.
#ifndef AMBIT_TESTS_GRAMMAR_H
#define AMBIT_TESTS_GRAMMAR_H

#include "tests/gen/gen.h"

enum Knob {
#define KNOB(name, usual) KNOB_##name,
#include "tests/gen/mixes.def"
  KNOB_COUNT
};

typedef struct Dice {
  uint64_t state;
} Dice;

static inline uint32_t gen_draw(Dice *d, uint32_t below) {  // below > 0
  uint64_t x = d->state += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return (uint32_t)(((x ^ x >> 31) >> 32) * below >> 32);
}
static inline bool gen_chance(Dice *d, unsigned percent) {
  return gen_draw(d, 100) < percent;
}

unsigned gen_knob(const Grammar *g, unsigned mix, enum Knob k);
// One way to write `of`, drawn by the weights of the mix. Most rows are one form.
const Program *gen_pick(const Grammar *g, unsigned mix, char of, Dice *d);

#endif
