// Tail recursion modulo constructor: a rule whose value is data with a call as its
// last child, like (Cons $h (app $t $y)).
//
// The cell is built with a hole and put at the end of a chain, and the call takes
// the frame's place. The chain hangs on a frame of its own below: what returns to it
// is the value for the last hole. A cell joins a chain only if no choice record was
// made since the chain began; otherwise it begins a new one. If the value comes with
// choices left, the chain is copied, because the next value needs the holes again.
// (Warren 1980 and later Prologs, where it falls out of unbound variables; with holes
// as in the Mercury compiler's last call modulo constructor.)
#ifndef AMBIT_RUNTIME_CHAIN_H
#define AMBIT_RUNTIME_CHAIN_H

#include "runtime/machine/step.h"

enum {          // slots of a chain's frame
  CHAIN_POS,    // the position the value ends
  CHAIN_VALUE,  // the value for the last hole
  CHAIN_HEAD,   // the first cell
  CHAIN_LAST,   // the cell with the hole; behind CHAIN_HEAD, see CHAINED
  CHAIN_COUNT,  // cells, as an integer; below: the last cell, counted from 1, that
  CHAIN_OPEN,   // ... holds a variable beside its last child
  CHAIN_SOFT,   // ... holds something that is not rigid there
  CHAIN_LOOSE,  // ... holds something that is not its own value there
  CHAIN_EPOCH,  // of the code when the chain began
  CHAIN_OLD,    // the cell that had the hole at the last collection, or 0
  CHAIN_SLOTS
};

// Puts the cell, newest on the heap, at the end of the chain in frame c.
static inline void ambi_chain_append(Word *c, Value cell) {
  Word *last = ambi_ptr(AMB_V(c[CHAIN_LAST]));
  last[ambi_hdr_size(last[0])] = cell.w;
  c[CHAIN_LAST] = cell.w;
  Word n = ++c[CHAIN_COUNT];
  if (!(cell.w & AMB_EXPR_GROUND)) c[CHAIN_OPEN] = n;
  if (!(cell.w & AMB_EXPR_RIGID)) c[CHAIN_SOFT] = n;
  if (!(cell.w & AMB_EXPR_EVAL)) c[CHAIN_LOOSE] = n;
}

// May the newest frame's value, a cell, join the chain that frame returns to?
static inline bool ambi_chain_goes_on(const Engine *g, const Word *e,
                                      const Choice *b) {
  const Unit *u = ambi_load_acquire(&g->code->x_chain_unit);
  return u && e[FRAME_RET] == (Word)(uintptr_t)u->code &&
         ((const Word *)(uintptr_t)e[FRAME_PREV])[CHAIN_POS] ==
             ambi_position(b).w;
}

// Marks are taken away when the value is there; for a walk over the heap, those that
// no value could let stand go before.
void ambi_chain_correct(Word *c);
// Is e the frame of a chain?
static inline bool ambi_is_chain(const CodeState *cs, const Word *e) {
  const Unit *u = ambi_load_acquire(&cs->x_chain_unit);
  return u && e[FRAME_UNIT] == (Word)(uintptr_t)u;
}
// The cells have been copied to another heap, and only CHAIN_HEAD refers to them.
void ambi_chain_moved(Word *c);
// CHAIN: begins a chain with the cell in slot a of the instruction.
enum Next ambi_chain_begin(Engine *g);
// CHAINED: the value is there.
enum Next ambi_chain_end(Engine *g);

#endif
