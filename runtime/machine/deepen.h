// Searches by the number of choices, in tier 1: what eval0/eval0_deepen.c does, which
// also says what a choice is, as bytecode and machine code.
//
// While a round of a search runs, the Engine has the number of choices on the way to
// here. Code that may run then is lowered to a variant of its own (Variant.counted):
// where it leaves alternatives it notes the number in a slot (MADE), and each of them
// begins with CHOICE of that slot. So a choice record needs to know nothing of it. What
// is gathered, for `collapse` and the like, is one step, in code that counts nothing
// (HOLD); results that are saved for later keep their number.
//
// A search in a form or rule is written out there: DEEPEN lays a record, whose hook keeps
// the results of the round. When control comes back to it, DEEPEN_END sorts them, and they
// go on one by one; behind the last another round begins. The searched expression has no
// effects. So where the number cannot be told as tier 0 would, in atoms that are evaluated
// as data, or for an argument that has nothing but an Error, the round is dropped, and
// tier 0 goes on from where it began.
#ifndef AMBIT_RUNTIME_DEEPEN_H
#define AMBIT_RUNTIME_DEEPEN_H

#include "runtime/machine/engine.h"
#include "runtime/rounds.h"

typedef struct Search {
  struct Search
      *outer;  // that was in a round when this one began its own, or NULL
  Choice *record;
  Rounds rounds;
  // Of this round: there are alternatives behind too many choices; there are too many for
  // so large a step; a result that is no Error was met; tier 0 is to do it.
  bool cut, given_up, has_value, plainly;
  uint32_t made, most;  // as in the Engine, outside
  uint64_t taken, enough;
} Search;

static inline bool ambi_counts(const Engine *g) {
  return g->made != AMB_UNCOUNTED;
}
// What MADE notes.
static inline Value ambi_choices_noted(const Engine *g, bool several) {
  return ambi_small_int((int64_t)g->made * 2 + several);
}
// Where results that go on at `next` note that they are several, a bit to be set; NULL:
// they are not counted.
static inline Word *ambi_counted_behind(const Engine *g, const Code *next) {
  next = ambi_code_origin(next);
  return next->op == OP_I_CHOICE ? &g->e[next->a] : NULL;
}

// DEEPEN; resume: its DEEPEN_END. False: cx->stop is set.
bool ambi_deepen_begin(Engine *g, const Code *resume);
enum Next ambi_deepen_add(Engine *g);
enum Next ambi_deepen_end(Engine *g);
enum Next ambi_deepen_next(Engine *g);
// The alternative that was just counted is not taken.
enum Next ambi_deepen_enough(Engine *g);
// Tier 0 is to do the round: backtracks to the search that counts here.
enum Next ambi_deepen_plainly(Engine *g);
// The hook of a search goes, maybe in a round.
void ambi_deepen_drop(Engine *g, Hook *h);

#endif
