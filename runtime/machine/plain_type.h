// What type a value has, where its names tell it.
//
// Where each name in a value has one type at most, a symbol or a function of symbols
// (sole_type.h), and no expression was given a type as a whole, the type is found without
// asking the space. What is not as simple is left to the type checker (types.h), which
// would give the same answer.
#ifndef AMBIT_RUNTIME_PLAIN_TYPE_H
#define AMBIT_RUNTIME_PLAIN_TYPE_H

#include "runtime/machine/engine.h"

// No rule or type is about expressions as such, or about everything.
bool ambi_told_by_names(const Engine *g);
// Its only type, a symbol; (): it has none; AMB_NONE: not known, or cx->stop is set.
Value ambi_plain_type(Engine *g, Value v);
// The type of the head of an expression that makes data: a call of a function that has a
// type and no rules, with arguments that suit it, but no Error, which ends what it is an
// argument of. NULL: it is none, or not known to be, or cx->stop is set.
const SoleType *ambi_constructor(Engine *g, Value e);
// Do the two have one type, or one of them none, so that no types can clash? False: they
// may.
bool ambi_plain_like(Engine *g, Value a, Value b);

#endif
