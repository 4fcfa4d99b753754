// Terms on their way from one Context to another.
//
// A term is copied out of the heap it lies in, whatever it shares with others there, and
// copied into another one by whoever owns that. In between it belongs to no Context.
// What lies in the store or in cells stays where it is. Tier 1 only.
#ifndef AMBIT_RUNTIME_CARRY_H
#define AMBIT_RUNTIME_CARRY_H

#include "runtime/machine/image.h"

typedef struct Carried {
  Image image;
  ValueVec values;  // that refer to it
} Carried;

// Adds the terms, of which variables met twice stay one. False: cx->stop is set, and
// what was added before is still there.
bool ambi_carry_out(Context *cx, Carried *c, const Value *terms, size_t n);
// How terms go to somebody who shares a search (lend.h).
typedef struct Lending {
  ValueVec *lent;
  const Word *lends;  // variables below are older than the search; or NULL
} Lending;
bool ambi_carry_out_lent(Context *cx, Carried *c, const Value *terms, size_t n,
                         const Lending *lending);
// Puts all of them onto the heap and pushes them onto `out`. They stay here as well.
bool ambi_carry_in(Context *cx, const Carried *c, ValueVec *out);
// The same, of a search that is shared; lent: the cells of this Context.
bool ambi_carry_in_lent(Context *cx, const Carried *c, const ValueVec *lent,
                        ValueVec *out);
void ambi_carried_drop(Carried *c);

#endif
