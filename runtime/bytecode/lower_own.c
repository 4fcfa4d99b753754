// Applications whose value may be the application itself.
//
// A value that equals the atom it came from is its own value (7.8): it is not evaluated
// again, so no type is asked of it. Of data that is known when it is lowered. But a call
// that no rule is for comes back, and with it what it is an argument of; whether that
// happens only running can tell. The main line asks no more than whether a value looks
// like the call it came from. What follows stands in stubs.
#include "runtime/bytecode/lower.h"

bool ambi_lower_may_stay(Lower *l, Value e) {
  if (ambi_lower_is_data(l, e)) return true;
  if (ambi_is_lvar(ambi_expr_at(e, 0))) return true;
  if (is_sym(ambi_expr_at(e, 0), AMB_SYM(IF).w) && ambi_expr_size(e) == 4)
    return ambi_lower_may_stay(l, ambi_expr_at(e, 1));
  if (ambi_is_instruction(e) || ambi_lower_is_form(l, e)) return false;
  Head h = ambi_lower_head_of(l, e);
  bool calls = h.kind == HEAD_CALL ||
               (h.kind == HEAD_TYPED && !ambi_is_op(ambi_expr_at(e, 0)) &&
                ambi_info_of(h.def).has_rules);
  if (h.kind == HEAD_ODD || (calls && !ambi_may_stay(l->cs, h.def)))
    return false;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (!ambi_lower_may_stay(l, ambi_expr_at(e, i))) return false;
  return true;
}

// Goes to the stub if what is in the slot looks like the application e.
static void ask(Lower *l, Value e, uint16_t slot, const Stub *s) {
  int entry = s->entry, back = s->back;
  if (ambi_is_sym(ambi_expr_at(e, 0)))
    ambi_lower_jump(l, OP_I_TESTF, slot,
                    ambi_lower_const(l, ambi_switch_key(e)), back);
  else
    ambi_lower_jump(l, OP_I_TESTN, slot, ambi_expr_size(e), back);
  ambi_lower_varl(l, back);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, entry);
  ambi_lower_bind(l, back);
}

static Stub *own_stub(Lower *l, Value e, uint16_t slot, ErrTo err) {
  Stub *s = ambi_lower_stub(l, STUB_OWN);
  s->term = e;
  s->from = slot;
  s->err = err;
  return s;
}

void ambi_lower_own_if_same(Lower *l, Value e, uint16_t slot, Value part,
                            uint16_t at) {
  ask(l, part, at, own_stub(l, e, slot, (ErrTo){.ret = true}));
}

int ambi_lower_own_edge(Lower *l, Value e, uint16_t slot, ErrTo err) {
  Stub *s = own_stub(l, e, slot, err);
  s->own = true;
  ambi_lower_edge(l, s->entry);
  return s->back;
}

void ambi_lower_own_call(Lower *l, Value e, const uint16_t *src, Variant *v,
                         uint32_t i) {
  uint32_t n = ambi_expr_size(e) - 1;
  if (!v) l->failed = true;
  if (l->failed) return;
  Stub *s = ambi_lower_stub(l, STUB_OWN_CALL);
  s->term = e;
  s->head.c =
      ambi_lower_const(l, (Word)(uintptr_t)ambi_lower_callee(l, v, true));
  s->nlist = n;
  s->list = ambi_lower_new_list(l, n);
  if (l->failed) return;
  memcpy(s->list, src, n * sizeof *src);
  ask(l, ambi_expr_at(e, i), src[i - 1], s);
}

void ambi_lower_own_code(Lower *l, const Stub *s) {
  if (s->own) {  // or the Error that the operation gave
    ambi_lower_emit(l, OP_I_CHKERR, s->from, 0, 0);
    ambi_lower_error_edge(l, s->from, s->err);
  }
  ambi_lower_env(l, OP_I_OWNIF, s->from, s->term, NO_LABEL);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

void ambi_lower_own_call_code(Lower *l, const Stub *s) {
  for (unsigned i = 0; i < s->nlist; i++) {
    Value arg = ambi_expr_at(s->term, i + 1);
    if (!ambi_is_expr(arg) || s->list[i] >= SRC_CHECK) continue;
    uint16_t term = ambi_lower_in_slot(l, ambi_lower_term(l, arg));
    ambi_lower_jump(l, OP_I_SAMEV, s->list[i], term, s->back);
    ambi_lower_varl(l, s->back);
  }
  uint16_t *list = ambi_lower_new_list(l, s->nlist + 1);
  if (l->failed) return;
  list[0] = 0;  // the frame size, filled in at the end
  memcpy(list + 1, s->list, s->nlist * sizeof *list);
  ambi_lower_emit(l, OP_I_TAILCALL, 0, s->nlist, s->head.c);
  ambi_lower_list(l, list, s->nlist + 1);
}
