// The calls that tier 1 is in: its frames, and of their arguments what is sure to be there.
#include "runtime/calls.h"

#include "runtime/machine/routine.h"

// Does an instruction write the slot? Then it may hold something else than the argument.
static bool is_written(const Unit *u, uint32_t slot) {
  for (const Code *pc = u->code; pc < u->code + u->ncode;
       pc += ambi_op_words(pc)) {
    const OpInfo *op = &ambi_ops[pc->op];
    const uint16_t operand[] = {pc->a, pc->b, pc->c};
    for (int i = 0; i < 3; i++)
      if (strchr("WUP", op->operands[i]) && operand[i] == slot) return true;
    if (!(op->flags & X_ENV)) continue;
    const uint16_t *env = ambi_op_list(pc);
    for (uint16_t i = 0; i < pc->b; i++)
      if ((env[i] & ENV_NEW) && (env[i] & ENV_SLOT) == slot) return true;
  }
  return false;
}

// The mark is still the one that the call left, so no collection has scanned the frame
// (which never mark the first frame) and it was not handed over; and no machine code
// keeps its values elsewhere: what was put there is there.
static bool is_as_made(const Unit *u, const Word *e) {
  return e[FRAME_MARK] == (Word)(uintptr_t)u->variant &&
         e[FRAME_PREV] != (Word)(uintptr_t)e &&
         ambi_load_acquire(&u->native) == NULL;
}

// Argument i of the frame, which goes on at pc; AMB_NONE: it is not kept any more.
static Value argument(const Unit *u, const Word *e, const Code *pc,
                      uint32_t i) {
  if (is_written(u, i)) return AMB_NONE;
  if (is_as_made(u, e)) return AMB_V(e[i]);
  if (pc < u->code || pc >= u->code + u->ncode) return AMB_NONE;
  const uint64_t *row = ambi_unit_live_row(u, (uint32_t)(pc - u->code));
  bool live = row && i / 64 < u->nlive && (row[i / 64] >> (i % 64) & 1);
  return live ? AMB_V(e[i]) : AMB_NONE;
}

// What is evaluated as it stands: the frame has the atom.
static void add_evaluation(CallLines *l, const Word *e) {
  Value atom = ambi_deref(AMB_V(e[EV_ATOM]));
  if (ambi_is_expression(atom)) ambi_calls_add(l, atom);
}

static void add_frame(CallLines *l, const Word *e, const Code *pc) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  const Definition *d = u->variant ? u->variant->def : NULL;
  if (u->routine && u->code->op == OP_I_EV_START) add_evaluation(l, e);
  if (!d || u->routine || !(ambi_is_sym(d->head) || ambi_is_applied(d))) return;
  uint32_t first = ambi_is_applied(d);
  Value head = first ? argument(u, e, pc, 0) : d->head;
  if (ambi_is_none(head) || !ambi_calls_begin(l, head)) return;
  for (uint32_t i = first; i < d->nargs && i < u->nargs; i++)
    ambi_calls_argument(l, argument(u, e, pc, i));
  ambi_calls_end(l);
}

void ambi_engine_calls(Context *cx, CallLines *l) {
  const Engine *g = cx->engine;
  if (!g || !g->top_hook) return;
  const Word *e = g->e;
  const Code *pc = NULL;  // where the innermost frame is, no row tells
  for (;;) {
    add_frame(l, e, pc);
    const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
    if (prev == e) return;
    pc = ambi_frame_returns(e);
    e = prev;
  }
}
