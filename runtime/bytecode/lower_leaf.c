// What a body ends in: leaves (constants and variables in an evaluated place), atoms that
// are built and handed to EVAL, and values as the result of a body.
#include "runtime/bytecode/lower.h"
#include "runtime/machine/routine.h"

// ---- leaves ---------------------------------------------------------------------

void ambi_lower_give(Lower *l, uint16_t source, Dst d) {
  if (d.tail)
    ambi_lower_emit(l, OP_I_RET, source, 0, 0);
  else if (source != d.slot)
    ambi_lower_emit(l, OP_I_MOVE, d.slot, source, 0);
}

// Is the term small enough to be put together by instructions?
static bool small_term(Value e, unsigned depth, unsigned *nodes) {
  if (!ambi_is_expr(e) || ambi_is_ground_expr(e)) return true;
  *nodes += ambi_expr_size(e);
  if (depth == 0 || *nodes > 24) return false;
  for (uint32_t i = 0; i < ambi_expr_size(e); i++)
    if (!small_term(ambi_expr_at(e, i), depth - 1, nodes)) return false;
  return true;
}

static uint16_t built_term(Lower *l, Value e) {
  if (ambi_is_lvar(e)) {
    ambi_lower_var(l, ambi_lvar_of(e));
    return l->vars[ambi_lvar_of(e)].slot;
  }
  if (!ambi_is_expr(e) || ambi_is_ground_expr(e)) return ambi_lower_k(l, e);
  uint32_t n = ambi_expr_size(e);
  uint16_t *src = ambi_arena_alloc(&l->arena, (n + 2) * sizeof *src);
  if (!src) {
    l->failed = true;
    return 0;
  }
  for (uint32_t i = 0; i < n; i++)
    src[i] = built_term(l, ambi_expr_at(e, i));
  uint16_t slot = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_MKEXPR, slot, n, 0);
  ambi_lower_list(l, src, n);
  return slot;
}

uint16_t ambi_lower_term(Lower *l, Value e) {
  unsigned nodes = 0;
  if (small_term(e, 4, &nodes)) return built_term(l, e);
  uint16_t slot = ambi_lower_slot(l);
  ambi_lower_env(l, OP_I_INST, slot, e, NO_LABEL);
  return slot;
}

static uint16_t term_slot(Lower *l, Value e, bool tail) {
  if (ambi_is_lvar(e)) return ambi_lower_term(l, e);
  uint16_t slot = tail ? ambi_lower_scratch(l) : ambi_lower_slot(l);
  if (!ambi_is_expr(e) || ambi_is_ground_expr(e))
    ambi_lower_emit(l, OP_I_MOVE, slot, ambi_lower_k(l, e), 0);
  else
    ambi_lower_env(l, OP_I_INST, slot, e, NO_LABEL);
  return slot;
}

// back: where an argument without a type goes, as a part of its call.
static void evaluated(Lower *l, enum Opcode op, uint16_t atom, Value t, Dst d,
                      ErrTo err, int back) {
  uint16_t type = ambi_lower_const(l, t.w);
  if (d.tail) {
    ambi_lower_emit(l, OP_I_EVALXT, 0, atom, type);
    return;
  }
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, op, p, atom, type);
  if (back != NO_LABEL) ambi_lower_edge(l, back);
  ambi_lower_take(l, d.slot, p, err);
}

// Of the steps of a map the check of arguments looks at the first.
static void generic(Lower *l, Value e, Value t, Dst d, ErrTo err, bool argument,
                    int back) {
  bool step = ambi_same(e, l->step);
  uint16_t atom = term_slot(l, e, d.tail);
  int later = step ? ambi_lower_label(l) : NO_LABEL,
      done = step ? ambi_lower_label(l) : NO_LABEL;
  if (argument && step) {
    ambi_lower_jump(l, OP_I_TESTK, STEP_INDEX,
                    ambi_lower_const(l, ambi_small_int(0).w), later);
    ambi_lower_varl(l, later);
    evaluated(l, OP_I_EVALA, atom, t, d, err, NO_LABEL);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, done);
    ambi_lower_bind(l, later);
    argument = false;
  }
  if (argument)
    evaluated(l, OP_I_EVALA, atom, t, d, err, back);
  else
    evaluated(l, OP_I_EVALX, atom, t, d, err, NO_LABEL);
  if (step) ambi_lower_bind(l, done);
}

void ambi_lower_generic(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  generic(l, e, t, d, err, l->bail != NO_LABEL, l->bail);
}

void ambi_lower_generic_argument(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  generic(l, e, t, d, err, true, NO_LABEL);
}

void ambi_lower_generic_of(Lower *l, uint16_t atom, Value t, Dst d, ErrTo err) {
  evaluated(l, OP_I_EVALX, atom, t, d, err, NO_LABEL);
}

void ambi_lower_leaf(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  if (is_sym(e, AMB_SYM(EMPTY).w)) {
    ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
    return;
  }
  if (l->unstable && l->ran && !ambi_lower_any_type(t)) {  // e may have got one
    ambi_lower_generic(l, e, t, d, err);
    return;
  }
  Value st = ambi_lower_any_type(t) ? AMB_NONE : ambi_lower_static_type(l, e);
  bool meta = (ambi_is_sym(e) && is_sym(t, AMB_SYM(T_SYMBOL).w)) ||
              (ambi_is_grounded(e) && is_sym(t, AMB_SYM(T_GROUNDED).w)) ||
              (ambi_is_unit(e) && is_sym(t, AMB_SYM(T_EXPRESSION).w));
  bool fixed = !l->unstable || !ambi_is_sym(e) || ambi_lower_any_type(t);
  if (((ambi_is_none(st) || st.w == t.w) && fixed) || meta)
    ambi_lower_give(l, ambi_lower_k(l, e), d);
  else
    ambi_lower_generic(l, e, t, d, err);
}

void ambi_lower_cast(Lower *l, uint16_t slot, Value t, ErrTo err) {
  if (ambi_lower_any_type(t)) return;
  ambi_lower_emit(l, OP_I_CASTR, slot, ambi_lower_const(l, t.w), 0);
  Stub *s = ambi_lower_stub(l, STUB_CAST);
  s->from = slot;
  s->type = t;
  s->err = err;
  int back = s->back;
  ambi_lower_edge(l, s->entry);
  ambi_lower_bind(l, back);
}

void ambi_lower_argument(Lower *l, Value e, Value t, uint16_t slot, ErrTo err) {
  ambi_lower_var(l, ambi_lvar_of(e));
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_EVALV, slot, l->vars[ambi_lvar_of(e)].slot, p);
  if (l->bail != NO_LABEL) ambi_lower_edge(l, l->bail);
  ambi_lower_emit(l, OP_I_R_GATHER, slot, p, 0);
  ambi_lower_error_edge(l, slot, err);
  ambi_lower_cast(l, slot, t, err);
}

unsigned ambi_lower_handed(const Lower *l) {
  if (!l->whole) return 1;
  return l->bound ? 2 : 0;
}

void ambi_lower_variable(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  ambi_lower_var(l, ambi_lvar_of(e));
  uint16_t slot = l->vars[ambi_lvar_of(e)].slot;
  if (is_sym(t, AMB_SYM(T_ATOM).w)) {
    ambi_lower_give(l, slot, d);
    return;
  }
  if (d.tail) {
    ambi_lower_emit(l, OP_I_RETV, slot, ambi_lower_const(l, t.w),
                    ambi_lower_handed(l));
    return;
  }
  if (l->whole || ambi_lower_any_type(t)) {
    ambi_lower_value_of(l, slot, d, err);
    ambi_lower_cast(l, d.slot, t, err);
    return;
  }
  // What is evaluated here as a call has the type of that.
  int stub = ambi_lower_bail_stub(l, e, t, d, err);
  ambi_lower_emit(l, OP_I_TAKE, d.slot, slot, 0);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_cast(l, d.slot, t, err);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}

// ---- bodies ---------------------------------------------------------------------

bool ambi_lower_odd_body(Value body) {
  return ambi_is_lvar(body) || ambi_odd_body(body);
}

// What a step gives ends there as it is, if it is an Error.
static bool error_body(Lower *l, Value body, Dst d, ErrTo err) {
  if (!ambi_is_error_atom(body)) return false;
  ambi_lower_raise(l, ambi_lower_term(l, body),
                   d.tail ? (ErrTo){.ret = true} : err);
  return true;
}

static void body_of(Lower *l, Value body, Value call, Value t, Dst d, ErrTo err,
                    unsigned rest) {
  int whole = l->whole_call;
  l->whole_call = NO_LABEL;
  if (error_body(l, body, d, err)) return;
  if (!ambi_lower_odd_body(body)) {
    l->body = body;
    ambi_lower_expr(l, body, t, d, err, rest);
    return;
  }
  call = ambi_lower_kept(l, call);
  if (!ambi_is_lvar(body)) {
    if (whole == NO_LABEL)
      ambi_lower_generic(l, call, t, d, err);
    else
      ambi_lower_jump(l, OP_I_JUMP, 0, 0, whole);
    return;
  }
  ambi_lower_var(l, ambi_lvar_of(body));
  int stub = -1;
  if (whole == NO_LABEL) {
    stub = ambi_lower_bail_stub(l, call, t, d, err);
    whole = ambi_lower_stub_at(l, stub)->entry;
  }
  if (!d.tail) {
    ambi_lower_emit(l, OP_I_CHKBODY, l->vars[ambi_lvar_of(body)].slot, 0, 0);
    ambi_lower_edge(l, whole);
  }
  ambi_lower_variable(l, body, t, d, err);
  if (d.tail) ambi_lower_edge(l, whole);
  if (stub >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}

void ambi_lower_body(Lower *l, Value body, Value call, Value t, Dst d,
                     ErrTo err, unsigned rest) {
  int bail = l->bail;
  l->bail = NO_LABEL;  // something may have run
  body_of(l, body, call, t, d, err, rest);
  l->bail = bail;
}

void ambi_lower_body_in(Lower *l, uint16_t slot, int stub, Dst d, ErrTo err) {
  if (!d.tail) {
    ambi_lower_emit(l, OP_I_CHKBODY, slot, 0, 0);
    ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  }
  ambi_lower_value_of(l, slot, d, err);
  if (d.tail) ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}

void ambi_lower_result_in(Lower *l, uint16_t slot, Value call, Dst d,
                          ErrTo err) {
  int stub = ambi_lower_body_stub(l, slot, call, AMB_SYM(UNDEFINED), d, err);
  ambi_lower_body_in(l, slot, stub, d, err);
}

void ambi_lower_result(Lower *l, Value body, Value call, Dst d, ErrTo err,
                       unsigned rest) {
  int bail = l->bail;
  l->bail = NO_LABEL;
  if (ambi_is_lvar(body)) {
    ambi_lower_result_in(l, ambi_lower_term(l, body), call, d, err);
  } else if (!error_body(l, body, d, err)) {
    l->body = body;
    ambi_lower_expr(l, body, AMB_SYM(UNDEFINED), d, err, rest);
  }
  l->bail = bail;
}
