// What code can still do in the frame of a unit: the effects of all instructions that
// control may reach from some position on.
#ifndef AMBIT_RUNTIME_REACH_H
#define AMBIT_RUNTIME_REACH_H

#include "runtime/machine/engine.h"

// enum Effect, E_CALLS, E_TABLED. Error edges and alternatives count as reached; so do
// those of other records, where they lie behind the instruction that makes them. What lies
// behind `end`, if that is not NULL, does not. The Engine keeps what it has found last: the
// searches of a program that has many short ones are of the same code.
unsigned ambi_reach_effects(Engine *g, const Unit *u, const Code *from,
                            const Code *end);

#endif
