// The best cost found so far: what searches for the least or greatest prune by.
//
// Branch and bound (Land and Doig 1960). A *scope* is one run of `minimize` or
// `maximize`: its results are weighed as they come, the best is kept, and inside of it
// (bound L) fails where a result of cost L could not become the answer any more. Costs
// are compared by *keys*: doubles, those of maximize negated, so the least key wins.
//
// The answer is the first in natural order of those with the least cost, whoever found
// it. So who looks for results may leave out
//   - what costs more than anything found in the scope, by anybody;
//   - what costs as much as something found to the left, that is earlier in natural
//     order. A result further right of equal cost leaves it in the race.
// Everybody who takes part in a scope has a Best of his own, and what he found himself
// was to the left of where he is now. Alternatives that are handed over are older than
// all that is still tried where they came from, so all that is found there, be it later,
// is to their left; and so is what is found by whoever that one had its part from.
// Hence a Best knows the one it came from (`left`), and all know the scope's least key.
// What is to the left but was handed over, too, is only used by the first rule. (That
// the order of parts decides how much can be left out: Lai and Sahni 1984.)
//
// A key that a double does not hold exactly is rounded so that too little is left out;
// results themselves are compared exactly.
//
// best: keys only fall, each word by itself, and nothing else is read because of them,
// so they are relaxed: who sees an old one leaves out too little.
#ifndef AMBIT_RUNTIME_BEST_H
#define AMBIT_RUNTIME_BEST_H

#include "runtime/atoms/context.h"

typedef struct LeastKey {
  AMB_ATOMIC(uint64_t) x_bits;  // [all~] of a double
} LeastKey;

typedef struct Best Best;
struct Best {
  Best *outer;                  // [evaluator] the scope around this one, here
  Best *left;                   // [init] whom this part came from; held
  Best *root;                   // [init] of the scope
  bool greatest;                // [init]
  AMB_ATOMIC(uint32_t) x_held;  // [all] by so many
  LeastKey own, least;          // found here; root: and by anybody
};

// A scope begins in cx->best. False: cx->stop is set.
bool ambi_best_begin(Context *cx, bool greatest);
// The newest ends.
void ambi_best_end(Context *cx);
// What has been found here is to be found once more.
void ambi_best_again(Best *b);
// For somebody who is to try what comes behind all that is found here; to be entered by
// his Context, and given up by whoever asked. NULL: memory is out.
Best *ambi_best_share(Best *b);
void ambi_best_enter(Context *cx, Best *b);
void ambi_best_give_up(Best *b);  // NULL is none
// The Best that cx was entered with, or NULL.
Best *ambi_best_entered(const Context *cx);

// (COST ...): its cost, or AMB_NONE.
Value ambi_best_cost(Value result);
// Does a result of this cost take the place of one that was found before it?
bool ambi_best_beats(const Best *b, Value cost, Value before);
void ambi_best_found(Best *b, Value cost);
// Could a result of this cost still become the answer?
bool ambi_best_may_win(const Best *b, Value cost);
// What a result without a cost counts as: an Error. AMB_NONE: memory is out.
Value ambi_best_costless(Context *cx, Value result);

#endif
