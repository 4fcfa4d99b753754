// Bytecode as text: one line for each instruction, the same on every run.
#ifndef AMBIT_RUNTIME_DISASM_H
#define AMBIT_RUNTIME_DISASM_H

#include "runtime/bytecode/code.h"

// Appends the text of the unit and of the loops it calls. A unit that the
// verifier refuses is not printed, but what is wrong with it; then the answer
// is false. It is false, too, with b->failed: memory is out.
bool ambi_disasm_unit(Runtime *rt, Buffer *b, const Unit *u);
// fib/1, and :Type unless the type is %Undefined%.
void ambi_disasm_variant(Runtime *rt, Buffer *b, const Variant *v);

#endif
