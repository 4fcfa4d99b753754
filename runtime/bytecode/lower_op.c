// Grounded operations: arithmetic, comparisons as conditions, states, and the
// call of any other operation on evaluated operands.
//
// A tree of arithmetic has one bail-out for all its operands: it comes back to
// the whole tree, which is then evaluated as an atom. That is right as long as
// nothing in the tree has an effect, so a tree ends where a call begins.
#include "runtime/bytecode/lower.h"

bool ambi_lower_plain_builtin(Value head) {
  return ambi_is_op(head) && ambi_op_of(head) < OP_COUNT &&
         ambi_builtins[ambi_op_of(head)].flags == F_DET;
}

// May it be evaluated twice?
static bool without_effect(Value head) {
  return ambi_lower_plain_builtin(head) && ambi_op_of(head) != OP_GET_STATE &&
         !(ambi_builtins[ambi_op_of(head)].effects & ~E_READ_SPACE);
}

// == whose types only running can tell is evaluated as an atom: what its operands hold
// may have several values then.
static bool is_left_to_eval(Lower *l, Value e) {
  return ambi_op_of(ambi_expr_at(e, 0)) == OP_EQUAL && ambi_expr_size(e) == 3 &&
         !ambi_lower_simple_types(l, e);
}

bool ambi_lower_is_tree(Lower *l, Value e) {
  if (!ambi_is_expr(e)) return true;
  if (!without_effect(ambi_expr_at(e, 0)) || is_left_to_eval(l, e))
    return false;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (!ambi_lower_is_tree(l, ambi_expr_at(e, i))) return false;
  return true;
}

static enum Opcode arithmetic_op(uint32_t op) {
  switch (op) {
  case OP_ADD: return OP_I_ADD;
  case OP_SUB: return OP_I_SUB;
  case OP_MUL: return OP_I_MUL;
  default: return OP_I_NOP;
  }
}

// Operations whose instruction looks at its operands itself.
static enum Opcode other_op(uint32_t op) {
  switch (op) {
  case OP_AND: return OP_I_AND;
  case OP_OR: return OP_I_OR;
  case OP_XOR: return OP_I_XOR;
  case OP_NOT: return OP_I_NOT;
  case OP_INDEX_ATOM: return OP_I_INDEX;
  case OP_SIZE_ATOM: return OP_I_SIZE;
  default: return OP_I_NOP;
  }
}

// The operation applied to evaluated operands that the fast form cannot take.
static void apply_edge(Lower *l, Value e, const uint16_t *src, uint16_t slot,
                       ErrTo err, bool bail) {
  size_t at = l->last;
  uint32_t op = ambi_op_of(ambi_expr_at(e, 0)), n = ambi_expr_size(e) - 1;
  if (bail && l->bail != NO_LABEL) {
    ambi_lower_edge_at(l, at, l->bail);
    return;
  }
  Stub *s = ambi_lower_stub(l, STUB_APPLY);
  s->err = err;
  s->term = ambi_lower_may_stay(l, e) ? e : AMB_NONE;
  s->dst = (Dst){false, slot};
  s->head.c = (uint16_t)op;
  s->nlist = n;
  s->list = ambi_lower_new_list(l, n);
  if (l->failed) return;
  memcpy(s->list, src, n * sizeof *src);
  ambi_lower_edge_at(l, at, s->entry);
  ambi_lower_bind(l, s->back);
}

void ambi_lower_emit_builtin(Lower *l, uint32_t op, const uint16_t *src,
                             unsigned n, uint16_t slot, ErrTo err) {
  ambi_lower_emit(l, OP_I_BUILTIN, slot, n, op);
  size_t at = l->last;
  ambi_lower_list(l, src, n);
  Stub *s = ambi_lower_stub(l, STUB_ERROR);
  s->from = slot;
  s->err = err;
  ambi_lower_edge_at(l, at, s->entry);
  ambi_lower_emit(l, OP_I_R_STORE, slot, 0, 0);
}

// Operand of a typed operation: a variable stands as it is (checked before).
// way_back: as long as nothing has run.
static uint16_t builtin_operand(Lower *l, Value arg, Value p, ErrTo err,
                                unsigned rest, bool tree, int way_back) {
  if (ambi_is_lvar(arg) &&
      (is_sym(p, AMB_SYM(T_NUMBER).w) || is_sym(p, AMB_SYM(T_SPACE).w) ||
       is_sym(p, AMB_SYM(T_EXPRESSION).w) || is_sym(p, AMB_SYM(T_BOOL).w))) {
    ambi_lower_var(l, ambi_lvar_of(arg));
    return l->vars[ambi_lvar_of(arg)].slot;
  }
  if (ambi_is_expr(arg) && tree) {  // one bail-out for the whole
    uint16_t slot = ambi_lower_slot(l);
    ambi_lower_expr(l, arg, p, (Dst){false, slot}, err, rest);
    return slot;
  }
  l->arg_bail = way_back;
  uint16_t slot = ambi_lower_operand(
      l, arg, ambi_is_var(p) ? AMB_SYM(UNDEFINED) : p, err, rest, false);
  l->arg_bail = NO_LABEL;
  return slot;
}

static void fast_arithmetic(Lower *l, Value e, enum Opcode op, uint16_t *src,
                            uint16_t slot, ErrTo err) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  bool tree = ambi_lower_is_tree(l, a) && ambi_lower_is_tree(l, b);
  if (ambi_short_int(b) && src[0] < SRC_CHECK && op != OP_I_MUL)
    ambi_lower_emit(l, op == OP_I_ADD ? OP_I_ADDI : OP_I_SUBI, slot, src[0],
                    (uint16_t)ambi_int_of(b));
  else if (ambi_short_int(a) && src[1] < SRC_CHECK && op == OP_I_ADD)
    ambi_lower_emit(l, OP_I_ADDI, slot, src[1], (uint16_t)ambi_int_of(a));
  else
    ambi_lower_emit(l, op, slot, src[0], src[1]);
  apply_edge(l, e, src, slot, err, tree);
}

bool ambi_lower_is_comparison(Value e) {
  if (!ambi_is_expr(e) || !ambi_is_op(ambi_expr_at(e, 0)) ||
      ambi_expr_size(e) != 3)
    return false;
  switch (ambi_op_of(ambi_expr_at(e, 0))) {
  case OP_LT:
  case OP_GT:
  case OP_LE:
  case OP_GE:
  case OP_EQUAL: return true;
  default: return false;
  }
}

static void truth_of(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  int no = ambi_lower_label(l), end = ambi_lower_label(l);
  int odd =
      ambi_lower_condition(l, e, AMB_NONE, no, d, err, AMB_SYM(T_BOOL), rest);
  ambi_lower_give(l, ambi_lower_k(l, AMB_TRUE), d);
  if (!d.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
  ambi_lower_bind(l, no);
  ambi_lower_give(l, ambi_lower_k(l, AMB_FALSE), d);
  ambi_lower_bind(l, end);
  if (!l->failed) ambi_lower_bind(l, ambi_lower_stub_at(l, odd)->back);
}

// The operation with its operands evaluated and checked, into a slot.
static void builtin_body(Lower *l, Value e, Value ftype, uint16_t slot,
                         ErrTo err, unsigned rest) {
  if (l->failed) return;  // the type is not known, for want of memory
  uint32_t n = ambi_expr_size(e) - 1, op = ambi_op_of(ambi_expr_at(e, 0));
  bool tree = ambi_lower_is_tree(l, e);
  enum Opcode fast = arithmetic_op(op), other = other_op(op);
  bool checks = fast != OP_I_NOP || other != OP_I_NOP;
  for (uint32_t i = 1; i <= n && (!tree || !checks); i++)
    ambi_lower_guard(l, ambi_expr_at(e, i), ambi_deref(ambi_expr_at(ftype, i)),
                     l->bail);
  if (!tree) ambi_lower_guard_nested(l, e, l->bail);
  uint16_t *src = ambi_lower_new_list(l, n);
  if (l->failed) return;
  int back = l->bail;
  for (uint32_t i = 1; i <= n; i++) {
    src[i - 1] = builtin_operand(
        l, ambi_expr_at(e, i), ambi_deref(ambi_expr_at(ftype, i)), err,
        ambi_lower_effects_behind(l, e, i + 1, rest), tree, back);
    if (!ambi_lower_is_tree(l, ambi_expr_at(e, i))) back = NO_LABEL;
  }
  if (fast != OP_I_NOP && n == 2) {
    fast_arithmetic(l, e, fast, src, slot, err);
  } else if (other != OP_I_NOP) {
    ambi_lower_emit(l, other, slot, src[0], n == 2 ? src[1] : 0);
    apply_edge(l, e, src, slot, err, tree);
  } else {
    ambi_lower_emit_builtin(l, op, src, n, slot, err);
    if (tree)
      ambi_lower_edge(l, l->bail);  // of the R_STORE
    else if (ambi_lower_may_stay(l, e))
      ambi_lower_bind(l, ambi_lower_own_edge(l, e, slot, err));
  }
}

// A variable that fits as long as it is free may have been bound to something else when the
// operands before it have been evaluated: EVAL looks at it then.
static bool binds_on_its_way(Lower *l, Value e, Value ftype) {
  bool quiet = true;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value param = ambi_deref(ambi_expr_at(ftype, i));
    if (!quiet && ambi_lower_bound_since(l, e, i, param)) return true;
    quiet = quiet && ambi_lower_is_tree(l, ambi_expr_at(e, i));
  }
  return false;
}

// Variables of equal parameter types (== and its like) need a look at both.
static bool polymorphic(Value ftype) {
  for (uint32_t i = 1; i + 1 < ambi_expr_size(ftype); i++)
    if (ambi_is_var(ambi_deref(ambi_expr_at(ftype, i)))) return true;
  return false;
}

bool ambi_lower_builtin(Lower *l, Value e, Head h, Value t, Dst d, ErrTo err,
                        unsigned rest) {
  uint32_t n = ambi_expr_size(e) - 1, op = ambi_op_of(ambi_expr_at(e, 0));
  const Builtin *b = ambi_builtin(l->cx->rt, op);
  if (b->flags & F_ENGINE) return false;
  Value r = ambi_deref(ambi_expr_at(h.ftype, n + 1));
  if (!ambi_lower_returns(r, t) || !ambi_lower_arguments_fit(l, e, h.ftype))
    return false;
  if (ambi_lower_is_comparison(e) &&
      (op != OP_EQUAL || ambi_lower_simple_types(l, e))) {
    if (!is_sym(t, AMB_SYM(T_BOOL).w) && !ambi_lower_any_type(t)) return false;
    truth_of(l, e, d, err, rest);
    return true;
  }
  if (polymorphic(h.ftype) || binds_on_its_way(l, e, h.ftype)) return false;
  bool again =
      is_sym(r, AMB_SYM(UNDEFINED).w) || is_sym(r, AMB_SYM(T_EXPRESSION).w);
  if ((again && !(b->flags & F_VALUE)) || (b->flags & F_NONDET))
    return false;  // results are evaluated: EVAL does it
  ambi_lower_prepare(l, e);
  int outer = l->bail, stub = -1;
  if (outer == NO_LABEL) {
    stub = ambi_lower_bail_stub(l, e, t, d, err);
    l->bail = ambi_lower_stub_at(l, stub)->entry;
  }
  uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
  builtin_body(l, e, h.ftype, slot, err, rest);
  l->bail = outer;
  int odd =
      -1;  // what an operation takes out of an expression may be a function
  if (is_sym(r, AMB_SYM(T_ATOM).w)) {
    odd = ambi_lower_body_stub(l, slot, e, r, d, err);
    ambi_lower_emit(l, OP_I_CHKBODY, slot, 0, 0);
    ambi_lower_edge(l, ambi_lower_stub_at(l, odd)->entry);
  }
  if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
  if (odd >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, odd)->back);
  if (stub >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}

// ---- conditions -----------------------------------------------------------------

static void inequality(Lower *l, Value e, int no, ErrTo err, unsigned rest) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  uint32_t op = ambi_op_of(ambi_expr_at(e, 0));
  bool tree = ambi_lower_is_tree(l, e);
  Value number = AMB_SYM(T_NUMBER);
  if (!tree) {
    ambi_lower_guard(l, a, number, l->bail);
    ambi_lower_guard(l, b, number, l->bail);
  }
  uint16_t src[2];
  src[0] = builtin_operand(
      l, a, number, err, ambi_lower_effects_from(l, e, 2, rest), tree, l->bail);
  src[1] = builtin_operand(l, b, number, err, rest, tree,
                           ambi_lower_is_tree(l, a) ? l->bail : NO_LABEL);
  bool small =
      ambi_short_int(b) && src[0] < SRC_CHECK && (op == OP_LT || op == OP_GT);
  if (small)
    ambi_lower_jump(l, op == OP_LT ? OP_I_JNLTI : OP_I_JNGTI, src[0],
                    (uint16_t)ambi_int_of(b), no);
  else
    ambi_lower_jump(l,
                    op == OP_LT   ? OP_I_JNLT
                    : op == OP_GT ? OP_I_JNGT
                    : op == OP_LE ? OP_I_JNLE
                                  : OP_I_JNGE,
                    src[0], src[1], no);
  ambi_lower_edge(l, l->bail);
}

// When a comparison has operands that calls delivered, an odd one cannot send
// the whole back to EVAL (the calls ran already): it is not lowered this way.
bool ambi_lower_fused(Lower *l, Value e) {
  if (!ambi_lower_is_comparison(e)) return false;
  if (l->bail != NO_LABEL && !ambi_lower_inside_fits(l, e, false)) return false;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind != HEAD_TYPED || !ambi_lower_arguments_fit(l, e, h.ftype))
    return false;
  if (ambi_op_of(ambi_expr_at(e, 0)) == OP_EQUAL)
    return ambi_lower_simple_types(l, e);
  return ambi_lower_is_tree(l, e);
}

// A variable: True and False go on at once, all else sends the whole `if` to
// EVAL, whose type check looks at the variable before it is evaluated.
static int branch_on_variable(Lower *l, Value e, Value whole, int no, Dst d,
                              ErrTo err, Value t) {
  ambi_lower_prepare(l, whole);
  uint16_t slot = ambi_lower_term(l, e);
  int stub = ambi_lower_bail_stub(l, whole, t, d, err);
  ambi_lower_jump(l, OP_I_BRANCH, slot, slot, no);
  ambi_lower_varl(l, ambi_lower_stub_at(l, stub)->entry);
  return stub;
}

static int branch_on(Lower *l, uint16_t slot, Value whole, int no, Dst d,
                     ErrTo err, Value t) {
  Stub *s = ambi_lower_stub(l, STUB_IF);
  int stub = (int)l->nstubs - 1, entry = s->entry, back = s->back;
  s->from = slot;
  s->term = whole;
  s->type = t;
  s->dst = d;
  s->err = err;
  if (!ambi_is_none(whole)) {
    int step = ambi_lower_step_check(l, whole, 1, slot, t, d, err);
    if (step >= 0) ambi_lower_stub_at(l, step)->back = back;
  }
  ambi_lower_jump(l, OP_I_BRANCH, slot, slot, no);
  ambi_lower_varl(l, entry);
  return stub;
}

// An == that may end in an Error is a position of its own.
static bool may_cast(Lower *l, Value e) {
  return ambi_op_of(ambi_expr_at(e, 0)) == OP_EQUAL &&
         (ambi_lower_untyped_call(l, ambi_expr_at(e, 1)) ||
          ambi_lower_untyped_call(l, ambi_expr_at(e, 2)) ||
          ambi_lower_is_asked(ambi_expr_at(e, 1)) ||
          ambi_lower_is_asked(ambi_expr_at(e, 2)));
}

static bool may_change_rules(Lower *l, Value e) {
  return l->unstable && (ambi_effects_term(l->cs, l->space, e) & E_RULES) != 0;
}

int ambi_lower_condition(Lower *l, Value e, Value whole, int no, Dst d,
                         ErrTo err, Value t, unsigned rest) {
  if (ambi_is_lvar(e) && !ambi_is_none(whole))
    return branch_on_variable(l, e, whole, no, d, err, t);
  if (!ambi_lower_fused(l, e) ||
      (!ambi_is_none(whole) && (may_cast(l, e) || may_change_rules(l, e)))) {
    uint16_t slot = ambi_lower_slot(l);
    if (ambi_lower_is_comparison(e) &&
        ambi_is_none(whole)) {  // as a value, with operands from calls
      Head h = ambi_lower_head_of(l, e);
      ambi_lower_prepare(l, e);
      int outer = l->bail, stub = ambi_lower_bail_stub(l, e, AMB_SYM(T_BOOL),
                                                       (Dst){false, slot}, err);
      l->bail = ambi_lower_stub_at(l, stub)->entry;
      builtin_body(l, e, h.ftype, slot, err, rest);
      l->bail = outer;
      ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
    } else {
      Value want = ambi_is_lvar(e) ? AMB_SYM(UNDEFINED) : AMB_SYM(T_BOOL);
      l->arg_bail = l->bail;
      ambi_lower_position(l, e, want, slot, err, rest);
    }
    return branch_on(l, slot, whole, no, d, err, t);
  }
  ambi_lower_prepare(l, e);
  int outer = l->bail;
  Stub *s = ambi_lower_stub(l, STUB_COND);
  int stub = (int)(s - l->stubs);
  s->term = e;
  s->type = t;
  s->dst = d;
  s->err = err;
  s->no = no;
  s->from = 0;
  Stub *w = ambi_lower_stub(l, STUB_IF);
  w->term = whole;
  w->type = t;
  w->dst = d;
  w->err = err;
  w->from = ambi_lower_slot(l);
  if (outer == NO_LABEL) l->bail = ambi_lower_stub_at(l, stub)->entry;
  if (ambi_op_of(ambi_expr_at(e, 0)) == OP_EQUAL)
    ambi_lower_equality(l, e, no, ambi_lower_stub_at(l, stub)->entry, err,
                        rest);
  else
    inequality(l, e, no, err, rest);
  l->bail = outer;
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return stub + 1;
}

// ---- states ---------------------------------------------------------------------

static bool state_operand(Lower *l, Value s, uint16_t *source) {
  if (!ambi_is_lvar(s) && !ambi_is_state(s)) return false;
  *source = ambi_lower_term(l, s);
  return true;
}

// What the type check of change-state! asks of the state before V is evaluated.
static Value wanted_type(Lower *l, Value v) {
  Value t = ambi_lower_static_type(l, v);
  return ambi_is_sym(t) ? t : AMB_SYM(UNDEFINED);
}

static bool may_hold(Lower *l, Value s, Value v) {
  return !ambi_is_state(s) || !ambi_is_expr(v) ||
         ambi_state_is_of(s, wanted_type(l, v), false);
}

void ambi_lower_check_state(Lower *l, uint16_t state, Value type, bool exactly,
                            int label) {
  ambi_lower_emit(l, OP_I_CHKSTATE, state, ambi_lower_const(l, type.w),
                  exactly);
  ambi_lower_edge(l, label);
}

// Is V evaluated as its type wants it, which is the state's?
static bool as_the_state_wants(Lower *l, Value v) {
  return ambi_lower_untyped_call(l, v) && !ambi_lower_states(l, v);
}

// V for a state in a variable: that of numbers, or of whatever there is.
static void value_for(Lower *l, Value v, uint16_t state, uint16_t slot,
                      int bail, ErrTo err, unsigned rest) {
  int other = ambi_lower_label(l), end = ambi_lower_label(l);
  ambi_lower_check_state(l, state, AMB_SYM(T_NUMBER), true, other);
  l->arg_bail = bail;
  ambi_lower_position(l, v, AMB_SYM(T_NUMBER), slot, err, rest);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
  ambi_lower_bind(l, other);
  ambi_lower_check_state(l, state, AMB_SYM(UNDEFINED), true, bail);
  l->arg_bail = bail;
  ambi_lower_position(l, v, AMB_SYM(UNDEFINED), slot, err, rest);
  ambi_lower_bind(l, end);
}

// AMB_NONE: what is known of the state does not tell.
static Value state_type(Value s) {
  Value t = ambi_is_state(s) ? ambi_state_of(s)->type.atom : AMB_NONE;
  if (ambi_is_lvar(t)) return AMB_SYM(UNDEFINED);
  return ambi_is_sym(t) && !ambi_is_metatype(t) ? t : AMB_NONE;
}

static uint16_t state_value(Lower *l, Value s, uint16_t state, Value v,
                            int bail, ErrTo err, unsigned rest) {
  bool wants = as_the_state_wants(l, v);
  if (wants && ambi_is_lvar(s)) {
    uint16_t slot = ambi_lower_slot(l);
    value_for(l, v, state, slot, bail, err, rest);
    return slot;
  }
  if (ambi_is_lvar(s) && ambi_is_expr(v))  // before anything runs
    ambi_lower_check_state(l, state, wanted_type(l, v), false, bail);
  l->arg_bail = bail;
  uint16_t slot = ambi_lower_operand(
      l, v, wants ? state_type(s) : AMB_SYM(UNDEFINED), err, rest, false);
  l->arg_bail = NO_LABEL;
  return slot;
}

static void get_state(Lower *l, uint16_t state, Value t, int bail, Dst d,
                      ErrTo err) {
  bool number = is_sym(t, AMB_SYM(T_NUMBER).w);  // its own value
  uint16_t slot = number && !d.tail ? d.slot : ambi_lower_slot(l);
  // The state has a type of its own, and numbers only where that is theirs.
  if (!number && !ambi_lower_any_type(t))
    ambi_lower_check_state(l, ambi_lower_in_slot(l, state), t, true, bail);
  ambi_lower_emit(l, OP_I_GETSTATE, slot, state, 0);
  ambi_lower_edge(l, bail);
  if (number) ambi_lower_check_type(l, slot, t, bail);
  if (number)
    ambi_lower_give(l, slot, d);
  else
    ambi_lower_value_of(l, slot, d, err);
}

static void set_state(Lower *l, Value e, uint16_t state, int bail, Value t,
                      Dst d, ErrTo err, unsigned rest) {
  Value arg = ambi_expr_at(e, 2);
  uint16_t v = state_value(l, ambi_expr_at(e, 1), state, arg, bail, err,
                           rest | E_WRITE_STATE);
  uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
  if (!ambi_is_expr(arg) && !ambi_is_lvar(arg)) {  // nothing has run
    ambi_lower_emit(l, OP_I_SETSTATE, slot, state, v);
    ambi_lower_edge(l, bail);
    if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
    return;
  }
  Stub *s = ambi_lower_stub(l, STUB_REBUILD);
  s->type = t;
  s->dst = d;
  s->err = err;
  s->nlist = 3;
  s->list = ambi_lower_new_list(l, 3);
  if (l->failed) return;
  bool free = ambi_is_none(ambi_lower_static_type(l, arg));
  s->no = free && ambi_lower_states(l, arg);
  s->list[0] = ambi_lower_k(l, ambi_expr_at(e, 0));
  s->list[1] = state;
  s->list[2] = v;
  if (ambi_is_lvar(arg)) {
    s->from = l->vars[ambi_lvar_of(arg)].slot;
    s->back_to = bail;
    ambi_lower_use(l, s->back_to);
  }
  int entry = s->entry, back = s->back;
  ambi_lower_emit(l, OP_I_SETSTATE, slot, state, v);
  ambi_lower_edge(l, entry);
  if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
  ambi_lower_bind(l, back);
}

// The type of what is wanted becomes that of the value: its parts are evaluated so.
static bool returns_what_is_wanted(Lower *l, Value v) {
  if (!ambi_is_expr(v)) return false;
  if (ambi_same(ambi_expr_at(v, 0), AMB_OP_ID(OP_GET_STATE)))
    return !ambi_is_sym(ambi_lower_static_type(l, v));
  Head h = ambi_lower_head_of(l, v);
  return h.kind == HEAD_TYPED && ambi_is_var(ambi_deref(ambi_expr_at(
                                     h.ftype, ambi_expr_size(h.ftype) - 1)));
}

// Where the type check of a call looks at an argument, what gives an Atom is of no other
// type, though it may be any value.
static bool is_of_atoms(Lower *l, Value v) {
  Head h = l->bail == NO_LABEL || !ambi_is_expr(v) ? (Head){0}
                                                   : ambi_lower_head_of(l, v);
  return h.kind == HEAD_TYPED &&
         is_sym(ambi_deref(ambi_expr_at(h.ftype, ambi_expr_size(h.ftype) - 1)),
                AMB_SYM(T_ATOM).w);
}

static bool settable(Lower *l, Value s, Value v) {
  if (returns_what_is_wanted(l, v) || is_of_atoms(l, v) ||
      (ambi_is_expr(v) && ambi_is_metatype(ambi_lower_static_type(l, v))))
    return false;
  if (!ambi_is_lvar(v) && ambi_is_unit(ambi_lower_static_type(l, v)))
    return false;
  // A value that the state does not take would have to join the errors beside it.
  if (ambi_lower_untyped_call(l, v) && ambi_lower_states(l, v) &&
      !ambi_lower_is_single(l, v))
    return false;
  if (ambi_is_state(s) && ambi_is_expr(v) && as_the_state_wants(l, v) &&
      ambi_is_none(state_type(s)))
    return false;
  return may_hold(l, s, v);
}

// (get-state S), (change-state! S V) of a state that is there or in a variable.
// V is evaluated before anything is checked: whatever is odd goes to EVAL with
// the value in place, which then reports it.
bool ambi_lower_state(Lower *l, Value e, Value t, Dst d, ErrTo err,
                      unsigned rest) {
  Value head = ambi_expr_at(e, 0);
  uint32_t n = ambi_expr_size(e) - 1;
  bool get = ambi_is_op(head) && ambi_op_of(head) == OP_GET_STATE && n == 1;
  bool set = ambi_is_op(head) && ambi_op_of(head) == OP_CHANGE_STATE && n == 2;
  uint16_t state;
  if ((!get && !set) || (set && !ambi_lower_any_type(t)) || l->failed)
    return false;
  if (ambi_is_metatype(t) && !ambi_lower_any_type(t)) return false;
  if (ambi_lower_unset(l, ambi_expr_at(e, 1)) ||
      (set && !settable(l, ambi_expr_at(e, 1), ambi_expr_at(e, 2))))
    return false;
  ambi_lower_prepare(l, e);
  if (!state_operand(l, ambi_expr_at(e, 1), &state)) return false;
  int bail = l->bail, stub = ambi_lower_bail_stub(l, e, t, d, err),
      entry = ambi_lower_stub_at(l, stub)->entry;
  l->bail = NO_LABEL;
  if (get)
    get_state(l, state, t, entry, d, err);
  else
    set_state(l, e, state, entry, t, d, err, rest);
  l->bail = bail;
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}
