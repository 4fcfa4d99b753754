// Bytecode as text: one line for each instruction, the same on every run.
#ifndef AMBIT_RUNTIME_DISASM_H
#define AMBIT_RUNTIME_DISASM_H

#include "runtime/bytecode/code.h"

// Appends the text of the unit and of the loops it calls. A unit that the
// verifier refuses is not printed, but what is wrong with it; then the answer
// is false. It is false, too, with b->failed: memory is out.
bool ambi_disasm_unit(Runtime *rt, Buffer *b, const Unit *u);
// The same, with a look at each instruction behind its line, and at ncode behind the
// unit.
typedef void DisasmNote(void *arg, Buffer *b, const Unit *u, uint32_t at);
bool ambi_disasm_noted(Runtime *rt, Buffer *b, const Unit *u, DisasmNote *note,
                       void *arg);
// fib/1, and :Type unless the type is %Undefined%.
void ambi_disasm_variant(Runtime *rt, Buffer *b, const Variant *v);

#endif
