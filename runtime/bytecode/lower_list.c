// Expressions taken apart and put together by code: car-atom, cdr-atom,
// cons-atom, decons-atom, and chains that begin with the last.
#include "runtime/bytecode/lower.h"
#include "runtime/machine/routine.h"

// The value of a part; odd: where what sends back to the call goes.
static void part_value(Lower *l, uint16_t part, int odd, Dst d, ErrTo err) {
  if (!d.tail) {
    ambi_lower_emit(l, OP_I_CHKBODY, part, 0, 0);
    ambi_lower_edge(l, odd);
  }
  l->whole = l->bound = true;
  ambi_lower_value_of(l, part, d, err);
  l->whole = l->bound = false;
  if (d.tail) ambi_lower_edge(l, odd);
}

// (car-atom V), (cdr-atom V), (decons-atom V) of a variable.
bool ambi_lower_part(Lower *l, Value e, enum ListPart part, Dst d, ErrTo err) {
  Value x = ambi_expr_at(e, 1);
  if (!ambi_is_lvar(x)) return false;
  ambi_lower_var(l, ambi_lvar_of(x));
  uint16_t first = ambi_lower_slot(l), others = ambi_lower_slot(l);
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
  uint16_t slot = l->vars[ambi_lvar_of(x)].slot;
  if (part == PART_HEAD)
    ambi_lower_emit(l, OP_I_CAR, first, slot, 0);
  else
    ambi_lower_emit(l, OP_I_DECONS, first, others, slot);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  if (part == PART_BOTH) {
    uint16_t pair[2] = {first, others},
             out = d.tail ? ambi_lower_slot(l) : d.slot;
    ambi_lower_emit(l, OP_I_MKEXPR, out, 2, 0);
    ambi_lower_list(l, pair, 2);
    if (d.tail) ambi_lower_emit(l, OP_I_RET, out, 0, 0);
  } else {
    part_value(l, ambi_lower_matched(l, part == PART_HEAD ? first : others),
               ambi_lower_stub_at(l, stub)->entry, d, err);
  }
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}

bool ambi_lower_cons(Lower *l, Value e, Dst d, ErrTo err) {
  Value tail = ambi_expr_at(e, 2);
  if (!ambi_is_lvar(tail) && !ambi_is_expression(tail)) return false;
  ambi_lower_prepare(l, e);
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
  uint16_t head = ambi_lower_term(l, ambi_expr_at(e, 1)),
           others = ambi_lower_term(l, tail);
  uint16_t out = d.tail ? ambi_lower_slot(l) : d.slot;
  ambi_lower_emit(l, OP_I_CONS, out, head, others);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_give_built(l, out, d);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}

// (let ($h $t) (decons-atom $x) ...): no pair is built.
bool ambi_lower_decons_into(Lower *l, Value p, Value v, ErrTo err) {
  if (!ambi_is_expr(v) || ambi_expr_at(v, 0).w != AMB_SYM(DECONS_ATOM).w ||
      ambi_expr_size(v) != 2 || !ambi_is_lvar(ambi_expr_at(v, 1)) ||
      ambi_expr_size(p) != 2)
    return false;
  Value h = ambi_expr_at(p, 0), t = ambi_expr_at(p, 1);
  if (!ambi_lower_unset(l, h) || !ambi_lower_unset(l, t) || h.w == t.w)
    return false;
  ambi_lower_prepare(l, v);
  if (!ambi_lower_unset(l, h) || !ambi_lower_unset(l, t)) return false;
  uint16_t slot = l->vars[ambi_lvar_of(ambi_expr_at(v, 1))].slot;
  uint16_t pair = ambi_lower_slot(l);
  int stub = ambi_lower_bail_stub(l, v, AMB_SYM(UNDEFINED), (Dst){false, pair},
                                  err),
      done = ambi_lower_label(l);
  ambi_lower_stub_at(l, stub)->argument = true;
  uint16_t first = ambi_lower_slot(l), others = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_DECONS, first, others, slot);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, done);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  l->vars[ambi_lvar_of(h)].pre = first;
  l->vars[ambi_lvar_of(t)].pre = others;
  ambi_lower_env(l, OP_I_UNIFYT, pair, p, NO_LABEL);
  ambi_lower_bind(l, done);
  return true;
}

// (chain (decons-atom $x) $v TEMPLATE) where the template, as an instruction, gives
// what evaluating it gives, and $v stands nowhere else. What is not taken apart
// goes to EVAL, and so does it all if what it gives is odd: the call is the chain.
bool ambi_lower_chain(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value nested = ambi_expr_at(e, 1), var = ambi_expr_at(e, 2),
        templ = ambi_expr_at(e, 3);
  if (ambi_expr_size(nested) != 2 ||
      ambi_expr_at(nested, 0).w != AMB_SYM(DECONS_ATOM).w ||
      !ambi_is_lvar(ambi_expr_at(nested, 1)) || !ambi_is_expr(templ) ||
      !ambi_lower_unset(l, var))
    return false;
  bool unify = ambi_expr_size(templ) == 5 &&
               ambi_expr_at(templ, 0).w == AMB_SYM(UNIFY).w;
  if ((ambi_is_instruction(templ) && !unify) ||
      ambi_lower_outside(l, templ, ambi_lvar_of(var)) != 1)
    return false;
  if (!d.tail) ambi_lower_prepare_shared(l, e);
  uint32_t x = ambi_lvar_of(ambi_expr_at(nested, 1));
  ambi_lower_var(l, x);
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
  uint16_t parts[2] = {ambi_lower_slot(l), ambi_lower_slot(l)},
           pair = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_DECONS, parts[0], parts[1], l->vars[x].slot);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_emit(l, OP_I_MKEXPR, pair, 2, 0);
  ambi_lower_list(l, parts, 2);
  l->vars[ambi_lvar_of(var)].slot = pair;
  l->bail = NO_LABEL;
  l->body = templ;
  if (unify) l->whole_call = ambi_lower_stub_at(l, stub)->entry;
  ambi_lower_expr(l, templ, AMB_SYM(UNDEFINED), d, err, rest);
  l->whole_call = NO_LABEL;
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}
