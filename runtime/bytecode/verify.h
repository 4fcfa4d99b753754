// Checks that a unit of bytecode cannot lead the machine astray.
//
// Everything the loop takes for granted is looked at: operands, targets, return
// points, error edges, that a slot is written on every path before it is read,
// that the newest choice record is the unit's own where it is moved or dropped,
// and that the collector's rows name all slots still needed and no others that
// may hold garbage.
#ifndef AMBIT_RUNTIME_VERIFY_H
#define AMBIT_RUNTIME_VERIFY_H

#include "runtime/bytecode/code.h"

// What operand i (0..2) of an instruction is: the letter of its row, where K
// and N are told apart further:
//   K a value      T a template       C a variant   V the name of a variable
//   H head and size as in a switch key
//   N a count      Z a signed number  O an operation  X a switch table
//   B an inlined body                 G an outlet
char ambi_operand_kind(unsigned op, unsigned i);
// Operand i of the instruction is a position slot that may be missing.
bool ambi_operand_optional(unsigned op, unsigned i);

// False: *why says what is wrong with the instruction at *at. *why is NULL when
// memory ran out before the answer was known. Trusts the unit's counts and the
// arrays they belong to, nothing that is in them.
bool ambi_unit_verify(const Unit *u, const char **why, uint32_t *at);

// Debug builds: a broken unit is an internal error.
#ifdef AMB_DEBUG
void ambi_unit_check(const Unit *u);
#define AMB_CHECK_UNIT(u) ambi_unit_check(u)
#else
#define AMB_CHECK_UNIT(u) ((void)(u))
#endif

#endif
