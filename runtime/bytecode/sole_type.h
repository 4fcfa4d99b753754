// The one type of a name, where it is a symbol or a function of symbols.
//
// Most declarations are of that kind: (: Z Nat), (: S (-> Nat Nat)). What type a value
// made of such names has is then told without asking the space (plain_type.h).
#ifndef AMBIT_RUNTIME_SOLE_TYPE_H
#define AMBIT_RUNTIME_SOLE_TYPE_H

#include "memory/atomic.h"
#include "runtime/atoms/value.h"

// Not changed once it is made.
typedef struct SoleType SoleType;
struct SoleType {
  SoleType *next;    // the one made before it for the same name
  bool is_function;  // else result is the type itself
  uint32_t nparams;
  Value result;    // a symbol, no metatype, not %Undefined%
  Value params[];  // symbols
};

// What a definition has of them. One that was in force stays as long as the definition:
// others may be reading it.
typedef struct SoleTypes {
  AMB_ATOMIC(const SoleType *) x_now;  // [lock>all] NULL: there is none
  SoleType *made;                      // [lock:guard]
} SoleTypes;

// Under the guard: from now on it is what (: name type) tells; AMB_NONE, a declaration of
// another kind, or no memory: there is none.
void ambi_sole_type_set(SoleTypes *s, Value declaration);
void ambi_sole_types_drop(SoleTypes *s);

#endif
