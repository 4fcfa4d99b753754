// Return addresses that say that a collection has seen all they lead to.
//
// A collection gives the frames it comes to such an address in place of the one they
// have: a copy of the landing, or a word with the opcode SEEN, that leads to the same
// position. A frame with one need not be looked below again: building a frame writes its
// return address, a frame that takes another's place takes the address over, and what
// is below is not written to before it is returned to. Only a chain's frame is; returns
// to one stay as they are.
#ifndef AMBIT_RUNTIME_SEEN_H
#define AMBIT_RUNTIME_SEEN_H

#include "runtime/machine/engine.h"

static inline bool ambi_is_seen(const Word *e) {
  const Code *ret = (const Code *)(uintptr_t)e[FRAME_RET];
  return (ret->op == OP_I_NATIVE || ret->op == OP_I_SEEN) && ret->a;
}
// Marks the frame's return address; without memory it stays as it is.
void ambi_seen_mark(Engine *g, Word *e);
// Units of spaces that code has left go, and others may come to lie at their addresses.
void ambi_seen_leave(Engine *g);
// No frame has one any more.
void ambi_seen_drop(Engine *g);

#endif
