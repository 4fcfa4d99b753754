// Calls that ask a table first: their units, and which calls they are.
//
// Such a call goes to a Variant of its own, whose unit is TABLE, a call of the variant
// as it would be without a table, and TABLED for what that returns. A function that is
// declared to be tabled is always called so. With the pragma, calls of functions
// without effects are, where they are evaluated to be part of something else: a call in
// the last place gives what the call it stands in gives, and that has a table.
#include "runtime/bytecode/lower.h"
#include "runtime/machine/routine.h"
#include "runtime/spaces/space_data.h"
#include "runtime/tables/table.h"

static void put_call(Lower *l, enum Opcode op, unsigned pos, const Variant *v,
                     uint32_t n) {
  uint16_t *list = ambi_lower_new_list(l, n + 1);
  if (l->failed) return;
  list[0] = 0;  // the frame size, filled in at the end
  for (uint32_t i = 0; i < n; i++)
    list[i + 1] = (uint16_t)i;
  ambi_lower_emit(l, op, pos, n, ambi_lower_const(l, (Word)(uintptr_t)v));
  ambi_lower_list(l, list, n + 1);
}

Unit *ambi_lower_tabled(Context *cx, Variant *v) {
  Definition *d = v->def;
  Lower l;
  ambi_lower_open(&l, cx, d->space);
  l.own.next = l.frame = d->nargs;
  uint16_t pos = ambi_lower_slot(&l);
  int no_table = ambi_lower_label(&l);
  ambi_lower_jump(&l, OP_I_TABLE, pos, ambi_lower_const(&l, (Word)(uintptr_t)v),
                  no_table);
  put_call(&l, OP_I_CALL, NO_SLOT, v->plain, d->nargs);
  ambi_lower_emit(&l, OP_I_TABLED, 0, pos, 0);
  ambi_lower_bind(&l, no_table);
  put_call(&l, OP_I_TAILCALL, 0, v->plain, d->nargs);
  Unit *u = ambi_lower_finish(&l, d->nargs);
  ambi_lower_close(&l);
  if (u)
    u->variant = v;
  else
    cx->stop = STOP_MEMORY;
  return u;
}

// ---- which calls -------------------------------------------------------------------

// Has the program itself rules for it, and does evaluating it only read?
static bool may_be_kept(Lower *l, Definition *d) {
  if (!ambi_is_sym(d->head) || !d->has_rules || d->dynamic ||
      !ambi_space_defines(d->space, ambi_sym_of(d->head)))
    return false;
  unsigned effects = ambi_effects_definition(l->cs, d);
  return (effects & ~(unsigned)(E_READ_SPACE | E_CALLS)) == 0;
}

Variant *ambi_lower_callee(Lower *l, Variant *v, bool tail) {
  bool part = !tail || l->form;
  if (v->table || !l->cx->rt->tabling || !part || !may_be_kept(l, v->def))
    return v;
  Variant *t = ambi_variant_tabled(l->cs, v, TABLE_AUTO, false);
  if (!t) l->failed = true;
  return t ? t : v;
}
