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

// Is it a function type without links, of so many arguments?
static bool is_simple(Value head, uint32_t nargs, Value ftype) {
  bool ok = ambi_expr_size(ftype) == nargs + 2;
  for (uint32_t i = 1; ok && i < nargs + 2; i++) {
    Value t = ambi_deref(ambi_expr_at(ftype, i));
    ok = simple_type(t);
    // A type variable that links two places needs the real checker.
    for (uint32_t j = 1; ok && j < i && ambi_is_var(t) && !ambi_is_op(head);
         j++)
      ok = ambi_deref(ambi_expr_at(ftype, j)).w != t.w;
  }
  return ok;
}

bool ambi_simple_function(Context *cx, Space *s, Value head, uint32_t nargs,
                          Value *ftype) {
  TypeVec types = {0};
  bool ok = ambi_get_types(cx, s, head, &types) && types.n == 1 &&
            types.at[0].is_function && !types.at[0].is_error &&
            is_simple(head, nargs, types.at[0].type);
  if (ok) *ftype = types.at[0].type;
  ambi_types_drop(&types);
  return ok;
}

// Of a function with several numbers of arguments: its only type for this one. The
// others can do no more than add their errors, which evaluating it as data does.
static bool type_by_number(Lower *l, Value head, uint32_t nargs, Value *ftype) {
  TypeVec types = {0};
  bool ok = ambi_get_types(l->cx, l->space, head, &types) && types.n > 1;
  *ftype = AMB_UNIT;
  for (size_t i = 0; ok && i < types.n; i++) {
    const TypeItem *t = &types.at[i];
    ok = t->is_function && !t->is_error;
    if (!ok || ambi_expr_size(t->type) != nargs + 2) continue;
    ok = ambi_is_unit(*ftype) && is_simple(head, nargs, t->type) &&
         is_sym(ambi_deref(ambi_expr_at(t->type, nargs + 1)),
                AMB_SYM(UNDEFINED).w);
    *ftype = t->type;
  }
  ambi_types_drop(&types);
  return ok && !ambi_is_unit(*ftype);
}

static bool one_simple_type(Lower *l, Value head, uint32_t nargs, bool called,
                            Value *ftype) {
  bool ok = ambi_simple_function(l->cx, l->space, head, nargs, ftype) ||
            (called && type_by_number(l, head, nargs, ftype));
  if (l->cx->stop) l->failed = true;
  return ok;
}

Head ambi_lower_head_of(Lower *l, Value e) {
  Head h = {.kind = HEAD_ODD};
  Value head = ambi_expr_at(e, 0);
  uint32_t nargs = ambi_expr_size(e) - 1;
  if (ambi_is_op(head)) {
    if (ambi_builtin(l->cx->rt, ambi_op_of(head))->type[0] == '\0')
      h.kind = HEAD_DATA;
    else if (one_simple_type(l, head, nargs, false, &h.ftype))
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
  if (!h.def || !ambi_definition_ask(l->cx, h.def)) {
    l->failed = true;
    return h;
  }
  bool empty =
      is_sym(head, AMB_SYM(EMPTY).w);  // ends the tuple before any call
  DefinitionInfo info = ambi_info_of(h.def);
  if (info.untyped)
    h.kind = info.has_rules && !empty ? HEAD_CALL : HEAD_DATA;
  else if (!empty && one_simple_type(l, head, nargs, info.has_rules, &h.ftype))
    h.kind = HEAD_TYPED;
  if (h.kind != HEAD_DATA && !ambi_is_sym(head)) h.kind = HEAD_ODD;
  if (info.dynamic) h.kind = HEAD_ODD;
  if (is_sym(head, AMB_SYM(ERROR).w) && info.has_rules) h.kind = HEAD_ODD;
  return h;
}

bool ambi_lower_any_type(Value t) {
  return ambi_is_var(t) || is_sym(t, AMB_SYM(UNDEFINED).w) ||
         is_sym(t, AMB_SYM(T_ATOM).w);
}

// (get-state S), (change-state! S V): the state is looked at when it is there.
static bool of_state(Value e) {
  if (!ambi_is_expr(e)) return false;
  Value head = ambi_expr_at(e, 0);
  uint32_t n = ambi_expr_size(e) - 1;
  if (!ambi_is_op(head) || n == 0) return false;
  Value s = ambi_expr_at(e, 1);
  return (ambi_is_lvar(s) || ambi_is_state(s)) &&
         ((ambi_op_of(head) == OP_GET_STATE && n == 1) ||
          (ambi_op_of(head) == OP_CHANGE_STATE && n == 2));
}

static bool is_read(Value e) {
  return of_state(e) && ambi_expr_size(e) == 2;
}

// A state has one type for as long as it lives, and get-state has that of its state.
static Value type_of_read(Value state) {
  Value t = ambi_is_state(state) ? ambi_state_of(state)->type.atom : AMB_UNIT;
  if (ambi_is_lvar(t)) return AMB_NONE;
  if (!ambi_is_sym(t) || ambi_is_metatype(t)) return AMB_UNIT;
  return is_sym(t, AMB_SYM(UNDEFINED).w) ? AMB_NONE : t;
}

bool ambi_lower_is_asked(Value e) {
  return ambi_lower_is_site(e) ||
         (is_read(e) && ambi_is_lvar(ambi_expr_at(e, 1)));
}

Value ambi_lower_static_type(Lower *l, Value e) {
  if (ambi_is_lvar(e)) return AMB_UNIT;
  if (is_read(e)) return type_of_read(ambi_expr_at(e, 1));
  if (ambi_is_number(e)) return AMB_SYM(T_NUMBER);
  if (ambi_is_bool(e)) return AMB_SYM(T_BOOL);
  if (ambi_is_str(e)) return AMB_SYM(T_STRING);
  if (ambi_is_space(e)) return AMB_SYM(T_SPACE);
  if (ambi_is_unit(e)) return AMB_NONE;
  if (ambi_is_sym(e)) {
    Definition *d = ambi_definition(l->cs, l->space, e, 0);
    if (!d || !ambi_definition_ask(l->cx, d)) {
      l->failed = true;
      return AMB_UNIT;
    }
    DefinitionInfo info = ambi_info_of(d);
    return info.untyped && !info.dynamic ? AMB_NONE : AMB_UNIT;
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

// Does a type say more of an argument than its value shows when it is there?
static bool own_type(Value t) {
  return ambi_is_expr(t) ||
         (ambi_is_metatype(t) && !is_sym(t, AMB_SYM(T_ATOM).w));
}

// May the argument have a metatype as its type? Then a type variable in its place
// means that, and it may have to stay unevaluated. The type of a tuple is what its
// value is expected to have.
static bool may_have_own_type(Lower *l, Value arg) {
  if (!ambi_is_expr(arg)) return false;
  Head h = ambi_lower_head_of(l, arg);
  if (ambi_is_sym(ambi_expr_at(arg, 0)) &&
      (h.kind == HEAD_DATA || h.kind == HEAD_CALL))
    return false;
  TypeVec types = {0};
  Value heap = ambi_lower_on_heap(l, arg);
  bool may = l->failed || !ambi_get_types(l->cx, l->space, heap, &types);
  for (size_t i = 0; i < types.n && !may; i++)
    may = own_type(types.at[i].type);
  ambi_types_drop(&types);
  if (l->cx->stop) l->failed = true;
  return may;
}

enum Fit ambi_lower_fits(Lower *l, Value arg, Value param) {
  if (ambi_is_var(param)) return may_have_own_type(l, arg) ? FIT_NO : FIT_YES;
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
  bool open = ambi_is_lvar(arg) || ambi_lower_is_asked(arg);
  return ambi_is_unit(t) && open ? FIT_DYNAMIC : FIT_NO;
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

// Inside of an argument, Atom is a type like any other.
static bool returns_atom(Lower *l, Value e) {
  if (!ambi_is_expr(e)) return false;
  Head h = ambi_lower_head_of(l, e);
  return h.kind == HEAD_TYPED &&
         is_sym(ambi_deref(ambi_expr_at(h.ftype, ambi_expr_size(h.ftype) - 1)),
                AMB_SYM(T_ATOM).w);
}

// Two arguments of one type, as those of ==.
static bool linked_fit(Lower *l, Value e, bool early) {
  if (!ambi_lower_is_comparison(e) || !ambi_lower_simple_types(l, e) ||
      returns_atom(l, ambi_expr_at(e, 1)) ||
      returns_atom(l, ambi_expr_at(e, 2)))
    return false;
  return !early || !ambi_is_lvar(ambi_expr_at(e, 1)) ||
         !ambi_is_lvar(ambi_expr_at(e, 2));
}

static bool is_error(Value e) {
  return ambi_is_expr(e) && is_sym(ambi_expr_at(e, 0), AMB_SYM(ERROR).w);
}

static bool linked_type(Value ftype, uint32_t i) {
  Value t = ambi_deref(ambi_expr_at(ftype, i));
  for (uint32_t j = 1; j < ambi_expr_size(ftype); j++)
    if (j != i && ambi_deref(ambi_expr_at(ftype, j)).w == t.w) return true;
  return false;
}

// A variable that is not made yet is what a form like map-atom wants to bind.
static bool needs_guard(Lower *l, Value arg, Value param) {
  if (ambi_lower_is_asked(arg))
    return ambi_is_sym(param) && !ambi_lower_any_type(param) &&
           !ambi_is_metatype(param);
  return ambi_is_lvar(arg) && !ambi_lower_any_type(param) &&
         !(ambi_lower_unset(l, arg) && is_sym(param, AMB_SYM(T_VARIABLE).w));
}

// The guard of a read looks at the state before anything runs.
static bool argument_fits(Lower *l, Value arg, Value param, bool early) {
  return (is_read(arg) && needs_guard(l, arg, param)) ||
         ambi_lower_inside_fits(l, arg, early);
}

bool ambi_lower_inside_fits(Lower *l, Value e, bool early) {
  if (!ambi_is_expr(e)) return true;
  if (ambi_lower_is_site(e)) return true;  // looked at as a whole
  if (is_read(e)) return !early || ambi_is_state(ambi_expr_at(e, 1));
  if (of_state(e))
    return !early && ambi_lower_inside_fits(l, ambi_expr_at(e, 2), false);
  if (ambi_lower_is_applied_lambda(l, e)) return true;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind == HEAD_DATA || h.kind == HEAD_CALL) return true;
  if (h.kind != HEAD_TYPED) return false;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value param = ambi_deref(ambi_expr_at(h.ftype, i)),
          arg = ambi_expr_at(e, i);
    if (early && is_error(arg) && !is_sym(param, AMB_SYM(T_ATOM).w))
      return false;
    if (ambi_is_var(param)) {
      Value other = ambi_lower_is_comparison(e)
                        ? ambi_lower_static_type(l, ambi_expr_at(e, 3 - i))
                        : AMB_UNIT;
      if (linked_type(h.ftype, i) &&
          (!linked_fit(l, e, early) || !argument_fits(l, arg, other, early)))
        return false;
      continue;
    }
    if (ambi_lower_any_type(param)) continue;
    if (is_sym(param, AMB_SYM(T_VARIABLE).w) && ambi_lower_unset(l, arg))
      continue;
    if (ambi_lower_fits(l, arg, param) == FIT_NO || returns_atom(l, arg) ||
        !argument_fits(l, arg, param, early))
      return false;
  }
  return true;
}

bool ambi_lower_arguments_fit(Lower *l, Value e, Value ftype) {
  uint32_t n = ambi_expr_size(e);
  bool quiet = true;  // nothing has run yet
  for (uint32_t i = 1; i < n; i++) {
    Value arg = ambi_expr_at(e, i);
    if (is_error(arg)) return false;
    Value param = ambi_deref(ambi_expr_at(ftype, i));
    if (ambi_lower_fits(l, arg, param) == FIT_NO) return false;
    if (!is_sym(param, AMB_SYM(T_ATOM).w) &&
        !is_sym(param, AMB_SYM(T_EXPRESSION).w)) {
      if (ambi_lower_ill_typed(l, arg)) return false;
      if (!quiet && ambi_lower_is_site(arg) && !needs_guard(l, arg, param))
        return false;
      if (!quiet && !argument_fits(l, arg, param, true)) return false;
      quiet = quiet && ambi_lower_is_tree(l, arg);
    }
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

void ambi_lower_check_type(Lower *l, uint16_t slot, Value type, int label) {
  if (is_sym(type, AMB_SYM(T_NUMBER).w))
    ambi_lower_emit(l, OP_I_CHKNUM, slot, 0, 0);
  else if (is_sym(type, AMB_SYM(T_EXPRESSION).w))
    ambi_lower_emit(l, OP_I_CHKEXP, slot, 0, 0);
  else
    ambi_lower_emit(l, OP_I_CHKTYPE, slot, ambi_lower_const(l, type.w), 0);
  ambi_lower_edge(l, label);
}

void ambi_lower_guard(Lower *l, Value arg, Value param, int label) {
  if (!needs_guard(l, arg, param)) return;
  if (ambi_lower_is_site(arg)) {
    ambi_lower_guard_site(l, arg, param, label);
    return;
  }
  Value var = is_read(arg) ? ambi_expr_at(arg, 1) : arg;
  ambi_lower_var(l, ambi_lvar_of(var));
  uint16_t slot = l->vars[ambi_lvar_of(var)].slot;
  if (is_read(arg))
    ambi_lower_check_state(l, slot, param, true, label);
  else
    ambi_lower_check_type(l, slot, param, label);
}

static void guard_inside(Lower *l, Value e, int label) {
  if (!ambi_is_expr(e)) return;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind != HEAD_TYPED) return;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value param = ambi_deref(ambi_expr_at(h.ftype, i));
    if (ambi_is_var(param) && ambi_lower_is_comparison(e))
      param = ambi_lower_static_type(l, ambi_expr_at(e, 3 - i));
    if (!ambi_is_sym(param) || ambi_lower_any_type(param)) continue;
    ambi_lower_guard(l, ambi_expr_at(e, i), param, label);
    guard_inside(l, ambi_expr_at(e, i), label);
  }
}

// What is passed as it stands does not run, and has no type that counts.
void ambi_lower_guard_nested(Lower *l, Value e, int label) {
  bool run = false;  // something would have run before
  Head h = ambi_lower_head_of(l, e);
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value arg = ambi_expr_at(e, i);
    if (h.kind == HEAD_TYPED &&
        is_sym(ambi_deref(ambi_expr_at(h.ftype, i)), AMB_SYM(T_ATOM).w))
      continue;
    if (run) guard_inside(l, arg, label);
    run |= !ambi_lower_is_tree(l, arg);
  }
}

bool ambi_lower_bound_since(Lower *l, Value e, uint32_t i, Value param) {
  Value arg = ambi_expr_at(e, i);
  bool bound = false;
  if (!ambi_is_lvar(arg) || !ambi_is_sym(param) || ambi_lower_any_type(param) ||
      is_sym(param, AMB_SYM(T_NUMBER).w) || is_sym(param, AMB_SYM(T_ERROR).w))
    return false;
  for (uint32_t k = 1; k < i && !bound; k++) {
    Value before = ambi_expr_at(e, k);
    uint16_t vars[MAX_VARS];
    unsigned n = ambi_is_expr(before) ? ambi_lower_vars_of(l, before, vars) : 0;
    for (unsigned j = 0; j < n && !bound; j++)
      bound = vars[j] == ambi_lvar_of(arg);
  }
  return bound;
}
