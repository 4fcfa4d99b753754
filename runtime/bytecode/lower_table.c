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
  l.variant = v;
  l.own.next = l.frame = d->nargs;
  uint16_t pos = ambi_lower_slot(&l);
  int no_table = ambi_lower_label(&l);
  if (v->counted) ambi_lower_emit(&l, OP_I_UNCOUNTED, 0, 0, 0);
  ambi_lower_jump(&l, OP_I_TABLE, pos, ambi_lower_const(&l, (Word)(uintptr_t)v),
                  no_table);
  put_call(&l, OP_I_CALL, NO_SLOT, v->plain, d->nargs);
  ambi_lower_emit(&l, OP_I_TABLED, 0, pos, 0);
  ambi_lower_bind(&l, no_table);
  put_call(&l, OP_I_TAILCALL, 0, v->plain, d->nargs);
  Unit *u = ambi_lower_finish(&l, d->nargs);
  ambi_lower_close(&l);
  if (!u) cx->stop = STOP_MEMORY;
  return u;
}

// ---- which calls -------------------------------------------------------------------

// Has the program itself rules for it, and does evaluating it only read?
static bool may_be_kept(Lower *l, Definition *d) {
  DefinitionInfo info = ambi_info_of(d);
  if (!ambi_is_sym(d->head) || !info.has_rules || info.dynamic ||
      !ambi_space_defines(d->space, ambi_sym_of(d->head)))
    return false;
  unsigned effects = ambi_effects_definition(l->cs, d);
  return (effects & ~(E_CALLS | E_TABLED | (unsigned)E_READ_SPACE)) == 0;
}

static Variant *counted_callee(Lower *l, Variant *v) {
  Variant *c = ambi_variant_counted(l->cs, v);
  if (!c) l->failed = true;
  return c ? c : v;
}

Variant *ambi_lower_callee(Lower *l, Variant *v, bool tail) {
  if (l->counted) return counted_callee(l, v);
  bool part = !tail || l->form;
  enum TableKind kind = (enum TableKind)v->table;
  if (kind == TABLE_SET && l->linear)
    v = v->plain;
  else if (kind == TABLE_NONE && l->cx->rt->tabling && part &&
           may_be_kept(l, v->def))
    kind = TABLE_AUTO;
  else
    return v;
  Variant *t = ambi_variant_tabled(l->cs, v, kind, kind == TABLE_SET);
  if (!t) l->failed = true;
  return t ? t : v;
}

// ---- linear rules --------------------------------------------------------------------

// Places where a term may call tabled functions; MANY: several, or places where more is
// done with the results than to go on with each.
enum { MANY = 2 };

static bool may_ask(Lower *l, Value e) {
  return ambi_is_expr(e) &&
         (ambi_effects_term(l->cs, l->space, e) & E_TABLED) != 0;
}

static unsigned places(Lower *l, Value e);

static unsigned places_in(Lower *l, Value e, uint32_t from) {
  unsigned n = 0;
  for (uint32_t i = from; i < ambi_expr_size(e) && n < MANY; i++)
    n += places(l, ambi_expr_at(e, i));
  return n;
}

// (pattern value) pairs.
static unsigned places_in_pairs(Lower *l, Value pairs) {
  unsigned n = 0;
  for (uint32_t i = 0; i < ambi_expr_size(pairs) && n < MANY; i++)
    n += places_in(l, ambi_expr_at(pairs, i), 1);
  return n;
}

// Forms that go on with each result of their parts.
static bool places_in_form(Lower *l, Value e, unsigned *n) {
  Value head = ambi_expr_at(e, 0);
  uint32_t nargs = ambi_expr_size(e) - 1;
  if (is_sym(head, AMB_SYM(UNIFY).w)) {
    *n = nargs == 4 ? places_in(l, e, 3) : MANY;
    return true;
  }
  if (ambi_is_op(head) && ambi_op_of(head) == OP_MATCH) {
    *n = nargs == 3 ? places(l, ambi_expr_at(e, 3)) : MANY;
    return true;
  }
  if (ambi_is_op(head) && ambi_op_of(head) == OP_SUPERPOSE) {
    *n = nargs == 1 ? places_in(l, ambi_expr_at(e, 1), 0) : MANY;
    return true;
  }
  if (!ambi_is_sym(head) || !ambi_form_untouched(l->cs, l->space, head, nargs))
    return false;
  if (is_sym(head, AMB_SYM(LET).w) && nargs == 3)
    *n = places_in(l, e, 2);
  else if (is_sym(head, AMB_SYM(LET_STAR).w) && nargs == 2)
    *n = places_in_pairs(l, ambi_expr_at(e, 1)) + places(l, ambi_expr_at(e, 2));
  else
    *n = is_sym(head, AMB_SYM(IF).w) ? places_in(l, e, 1) : MANY;
  return true;
}

static unsigned places(Lower *l, Value e) {
  unsigned n;
  if (!may_ask(l, e)) return 0;
  Value head = ambi_expr_at(e, 0);
  if (places_in_form(l, e, &n)) return n;
  if (ambi_lower_plain_builtin(head)) return places_in(l, e, 1);
  if (!ambi_is_sym(head) || ambi_is_instruction(e)) return MANY;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind == HEAD_DATA) return places_in(l, e, 1);
  bool asks = (h.kind == HEAD_CALL || h.kind == HEAD_TYPED) &&
              ambi_info_of(h.def).tabled;
  return asks && places_in(l, e, 1) == 0 ? 1 : MANY;
}

bool ambi_lower_is_linear(Lower *l, Value body) {
  return places(l, body) == 1;
}
