// What types tell before the program runs: heads, constants, arguments.
//
// A head is simple when it has no type or one function type without links
// between its places. Of its arguments, constants and applications have a type
// that is known here; variables get a check in the code (ambi_lower_guard).
// Whatever else there is goes to the full checker at run time.
#include "runtime/bytecode/lower.h"

static bool simple_type(Value t) {
  return ambi_is_sym(t) || ambi_is_var(t) || ambi_is_unit(t) ||
         (ambi_is_expr(t) && ambi_expr_size(t) == 1);
}

static bool one_simple_type(Lower *l, Value head, uint32_t nargs,
                            Value *ftype) {
  TypeVec types = {0};
  bool ok = ambi_get_types(l->cx, l->space, head, &types) && types.n == 1 &&
            types.at[0].is_function && !types.at[0].is_error &&
            ambi_expr_size(types.at[0].type) == nargs + 2;
  if (ok) *ftype = types.at[0].type;
  for (uint32_t i = 1; ok && i < nargs + 2; i++) {
    Value t = ambi_deref(ambi_expr_at(*ftype, i));
    ok = simple_type(t);
    // A type variable that links two places needs the real checker.
    for (uint32_t j = 1; ok && j < i && ambi_is_var(t) && !ambi_is_op(head);
         j++)
      ok = ambi_deref(ambi_expr_at(*ftype, j)).w != t.w;
  }
  ambi_types_drop(&types);
  if (l->cx->stop) l->failed = true;
  return ok;
}

Head ambi_lower_head_of(Lower *l, Value e) {
  Head h = {.kind = HEAD_ODD};
  Value head = ambi_expr_at(e, 0);
  uint32_t nargs = ambi_expr_size(e) - 1;
  if (ambi_is_op(head)) {
    if (ambi_builtins[ambi_op_of(head)].type[0] == '\0')
      h.kind = HEAD_DATA;
    else if (one_simple_type(l, head, nargs, &h.ftype))
      h.kind = HEAD_TYPED;
    return h;
  }
  if (ambi_is_lvar(head)) return h;
  if (!ambi_is_sym(head) && l->space == l->cx->space &&
      l->cx->rt->is_data_head(l->cx, head))
    h.kind = HEAD_DATA;
  if (ambi_is_expr(head) || h.kind == HEAD_DATA) return h;
  Value key = ambi_is_sym(head) ? head : AMB_UNIT;
  h.def = ambi_definition(l->cs, l->space, key, nargs);
  if (!h.def || (!h.def->info_known && !ambi_definition_info(l->cx, h.def))) {
    l->failed = true;
    return h;
  }
  bool empty =
      is_sym(head, AMB_SYM(EMPTY).w);  // ends the tuple before any call
  if (h.def->untyped)
    h.kind = h.def->has_rules && !empty ? HEAD_CALL : HEAD_DATA;
  else if (one_simple_type(l, head, nargs, &h.ftype))
    h.kind = HEAD_TYPED;
  if (h.kind != HEAD_DATA && !ambi_is_sym(head)) h.kind = HEAD_ODD;
  if (h.def->dynamic) h.kind = HEAD_ODD;
  if (is_sym(head, AMB_SYM(ERROR).w) && h.def->has_rules) h.kind = HEAD_ODD;
  return h;
}

bool ambi_lower_any_type(Value t) {
  return ambi_is_var(t) || is_sym(t, AMB_SYM(UNDEFINED).w) ||
         is_sym(t, AMB_SYM(T_ATOM).w);
}

Value ambi_lower_static_type(Lower *l, Value e) {
  if (ambi_is_lvar(e)) return AMB_UNIT;
  if (ambi_is_number(e)) return AMB_SYM(T_NUMBER);
  if (ambi_is_bool(e)) return AMB_SYM(T_BOOL);
  if (ambi_is_str(e)) return AMB_SYM(T_STRING);
  if (ambi_is_space(e)) return AMB_SYM(T_SPACE);
  if (ambi_is_unit(e)) return AMB_NONE;
  if (ambi_is_sym(e)) {
    Definition *d = ambi_definition(l->cs, l->space, e, 0);
    if (!d || (!d->info_known && !ambi_definition_info(l->cx, d)))
      l->failed = true;
    return d && d->untyped && !d->dynamic ? AMB_NONE : AMB_UNIT;
  }
  if (!ambi_is_expr(e)) return AMB_UNIT;
  Head h = ambi_lower_head_of(l, e);
  if (ambi_is_sym(ambi_expr_at(e, 0)) &&
      (h.kind == HEAD_DATA || h.kind == HEAD_CALL))
    return AMB_NONE;
  if (h.kind != HEAD_TYPED) return AMB_UNIT;
  Value r = ambi_deref(ambi_expr_at(h.ftype, ambi_expr_size(h.ftype) - 1));
  if (ambi_lower_any_type(r)) return AMB_NONE;
  return ambi_is_sym(r) ? r : AMB_UNIT;
}

// May the argument have a metatype as its type? Then a type variable in its place
// means that, and it may have to stay unevaluated.
static bool may_have_metatype(Lower *l, Value arg) {
  if (!ambi_is_expr(arg)) return false;
  Head h = ambi_lower_head_of(l, arg);
  if (ambi_is_sym(ambi_expr_at(arg, 0)) &&
      (h.kind == HEAD_DATA || h.kind == HEAD_CALL))
    return false;
  TypeVec types = {0};
  Value heap = ambi_lower_on_heap(l, arg);
  bool may = l->failed || !ambi_get_types(l->cx, l->space, heap, &types);
  for (size_t i = 0; i < types.n && !may; i++)
    may = ambi_is_metatype(types.at[i].type) &&
          !is_sym(types.at[i].type, AMB_SYM(T_ATOM).w);
  ambi_types_drop(&types);
  if (l->cx->stop) l->failed = true;
  return may;
}

enum Fit ambi_lower_fits(Lower *l, Value arg, Value param) {
  if (ambi_is_var(param)) return may_have_metatype(l, arg) ? FIT_NO : FIT_YES;
  if (is_sym(param, AMB_SYM(UNDEFINED).w) || is_sym(param, AMB_SYM(T_ATOM).w))
    return FIT_YES;
  if (!ambi_is_sym(param)) return FIT_NO;
  if (is_sym(param, AMB_SYM(T_EXPRESSION).w) && ambi_is_expression(arg))
    return FIT_YES;
  if (ambi_is_metatype(param) && !is_sym(param, AMB_SYM(T_EXPRESSION).w))
    return FIT_NO;
  Value t = ambi_lower_static_type(l, arg);
  if (ambi_is_none(t))
    return is_sym(param, AMB_SYM(T_EXPRESSION).w) ? FIT_NO : FIT_YES;
  if (t.w == param.w) return FIT_YES;
  return ambi_is_unit(t) && ambi_is_lvar(arg) ? FIT_DYNAMIC : FIT_NO;
}

bool ambi_lower_ill_typed(Lower *l, Value e) {
  if (!ambi_is_expr(e)) return false;
  TypeVec types = {0};
  Value heap = ambi_lower_on_heap(l, e);
  bool ill = !l->failed && ambi_get_types(l->cx, l->space, heap, &types) &&
             types.n > 0;
  for (size_t i = 0; i < types.n; i++)
    ill &= types.at[i].is_error;
  ambi_types_drop(&types);
  if (l->cx->stop) l->failed = true;
  return ill;
}

bool ambi_lower_arguments_fit(Lower *l, Value e, Value ftype) {
  uint32_t n = ambi_expr_size(e);
  for (uint32_t i = 1; i < n; i++) {
    Value arg = ambi_expr_at(e, i);
    if (ambi_is_expr(arg) && is_sym(ambi_expr_at(arg, 0), AMB_SYM(ERROR).w))
      return false;
    Value param = ambi_deref(ambi_expr_at(ftype, i));
    if (ambi_lower_fits(l, arg, param) == FIT_NO) return false;
    if (!is_sym(param, AMB_SYM(T_ATOM).w) &&
        !is_sym(param, AMB_SYM(T_EXPRESSION).w) && ambi_lower_ill_typed(l, arg))
      return false;
  }
  return true;
}

bool ambi_lower_returns(Value r, Value t) {
  return ambi_lower_any_type(r) || ambi_lower_any_type(t) || r.w == t.w ||
         (is_sym(r, AMB_SYM(T_EXPRESSION).w) &&
          is_sym(t, AMB_SYM(UNDEFINED).w));
}

bool ambi_lower_may_be_bool(Lower *l, Value e) {
  return ambi_lower_fits(l, e, AMB_SYM(T_BOOL)) != FIT_NO;
}

// A variable that is not made yet is what a form like map-atom wants to bind.
static bool needs_guard(Lower *l, Value arg, Value param) {
  return ambi_is_lvar(arg) && !ambi_lower_any_type(param) &&
         !(ambi_lower_unset(l, arg) && is_sym(param, AMB_SYM(T_VARIABLE).w));
}

void ambi_lower_guard(Lower *l, Value arg, Value param, int label) {
  if (!needs_guard(l, arg, param)) return;
  ambi_lower_var(l, ambi_lvar_of(arg));
  uint16_t slot = l->vars[ambi_lvar_of(arg)].slot;
  if (is_sym(param, AMB_SYM(T_NUMBER).w))
    ambi_lower_emit(l, OP_I_CHKNUM, slot, 0, 0);
  else if (is_sym(param, AMB_SYM(T_EXPRESSION).w))
    ambi_lower_emit(l, OP_I_CHKEXP, slot, 0, 0);
  else
    ambi_lower_emit(l, OP_I_CHKTYPE, slot, ambi_lower_const(l, param.w), 0);
  ambi_lower_edge(l, label);
}

static void guard_inside(Lower *l, Value e, int label) {
  if (!ambi_is_expr(e)) return;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind != HEAD_TYPED) return;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value param = ambi_deref(ambi_expr_at(h.ftype, i));
    if (is_sym(param, AMB_SYM(T_ATOM).w)) continue;
    ambi_lower_guard(l, ambi_expr_at(e, i), param, label);
    guard_inside(l, ambi_expr_at(e, i), label);
  }
}

void ambi_lower_guard_nested(Lower *l, Value e, int label) {
  bool run = false;  // something would have run before
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value arg = ambi_expr_at(e, i);
    if (run) guard_inside(l, arg, label);
    run |= !ambi_lower_is_det(l, arg) ||
           ambi_effects_term(l->cs, l->space, arg) != E_PURE;
  }
}

// Makes the variables that need guards. False: there are none.
static bool prepare_guards(Lower *l, Value e) {
  if (!ambi_is_expr(e)) return false;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind != HEAD_TYPED) return false;
  bool any = false;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value param = ambi_deref(ambi_expr_at(h.ftype, i)), c = ambi_expr_at(e, i);
    if (is_sym(param, AMB_SYM(T_ATOM).w)) continue;
    bool guarded = needs_guard(l, c, param);
    if (guarded) ambi_lower_var(l, ambi_lvar_of(c));
    any |= prepare_guards(l, c) || guarded;
  }
  return any;
}

int ambi_lower_guard_whole(Lower *l, Value whole, Value arg, Value t, Dst d,
                           ErrTo err) {
  if (!prepare_guards(l, arg)) return -1;
  if (!d.tail) ambi_lower_prepare_shared(l, whole);
  int stub = ambi_lower_bail_stub(l, whole, t, d, err);
  guard_inside(l, arg, ambi_lower_stub_at(l, stub)->entry);
  return stub;
}
