// Variables that evaluators who share a search have in common.
//
// Results of several evaluators may hold one variable. A variable that is younger than the
// region was copied to whoever has a part: each of its copies has one stamp, which no other
// variable has in all that shares the region (Stamps), so the collector makes them one again,
// as it does with what it copied itself (image.c).
//
// A variable that is older than the region has to stay what it is: it is *lent*, and goes by
// a number. The region's hook has a list of those that were lent, and so has the collector of
// each part: there they are cells of its own, by the same numbers. On the way, in what is
// handed over and in results, a lent variable is the LVAR of its number.
#ifndef AMBIT_RUNTIME_LEND_H
#define AMBIT_RUNTIME_LEND_H

#include "runtime/machine/engine.h"

// Stamps of all who share a search: each takes some at a time.
//
// x_next: only its own value counts, so it is relaxed. x_held: who takes the last one away
// has seen what the others did, as with any count of holders.
struct Stamps {
  AMB_ATOMIC(uint32_t) x_next;  // [all~]
  AMB_ATOMIC(uint32_t) x_held;  // [all]
};

// The number of a stamp that no other variable has; 0: there are no more, and a part that
// asked cannot be told by itself any more.
uint32_t ambi_stamps_next(Engine *g);
// Those of this Engine, held once more, for somebody who is to share its search. NULL: there
// are too few, or no memory.
Stamps *ambi_stamps_share(Engine *g);
void ambi_stamps_use(Engine *g, Stamps *s);  // from now on; held once more
Stamps *ambi_stamps_hold(Stamps *s);         // once more; NULL is none
void ambi_stamps_drop(Stamps *s);            // likewise

// Names and ids of the variables that the hook has lent, by number. False: no memory.
bool ambi_lend_names(const Hook *h, ValueVec *infos);
// Cells for them. False: cx->stop is set, or no memory.
bool ambi_lend_cells(Context *cx, const ValueVec *infos, ValueVec *lent);
// A result of a once, or of what a case looks at, with what a part has bound of lent
// variables: an expression of the result, and of a number and a value for each of them.
// AMB_NONE: cx->stop is set. The second gives the result, and binds these variables here.
Value ambi_lend_with_bound(Engine *g, const ValueVec *lent, Value v);
Value ambi_lend_bind(Engine *g, const ValueVec *lent, Value bound);
bool ambi_lend_has_bound(const ValueVec *lent);
// Numbers in so many words that were copied become variables.
void ambi_lend_found(const ValueVec *lent, Word *at, size_t n);
static inline Value ambi_lend_value(const ValueVec *lent, Value v) {
  return ambi_is_lvar(v) ? lent->at[ambi_lvar_of(v)] : v;
}

#endif
