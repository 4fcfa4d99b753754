// Body terms -> code: what semantics 7.2 to 7.7 decides, decided once.
//
// A term in an evaluated place becomes straight code when its head's types are
// simple: constants, variables, data, calls, grounded operations. Whatever is
// not simple is built as an atom and handed to EVAL (ambi_lower_generic). The
// type check of a call looks at the unevaluated arguments before anything is
// evaluated, so code that meets an odd operand can still go back and hand the
// whole expression to EVAL: that is a bail-out, and it repeats no effect.
#include "runtime/lower.h"

#include "memory/alloc.h"
#include "runtime/routine.h"

static bool is_sym(Value v, Word w) {
  return v.w == w;
}

// ---- static types --------------------------------------------------------------

enum Fit { FIT_YES, FIT_DYNAMIC, FIT_NO };

typedef struct Head {
  enum { HEAD_DATA, HEAD_CALL, HEAD_TYPED, HEAD_ODD } kind;
  Value ftype;  // HEAD_TYPED: (-> ...) as a heap atom
  Definition *def;
} Head;

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

static Head head_of(Lower *l, Value e) {
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
  if (ambi_is_lvar(head) || ambi_is_expr(head)) return h;
  Value key = ambi_is_sym(head) ? head : AMB_UNIT;
  h.def = ambi_definition(l->cs, l->space, key, nargs);
  if (!h.def || (!h.def->info_known && !ambi_definition_info(l->cx, h.def))) {
    l->failed = true;
    return h;
  }
  if (h.def->untyped)
    h.kind = h.def->has_rules ? HEAD_CALL : HEAD_DATA;
  else if (one_simple_type(l, head, nargs, &h.ftype))
    h.kind = HEAD_TYPED;
  if (h.kind != HEAD_DATA && !ambi_is_sym(head)) h.kind = HEAD_ODD;
  if (h.def->dynamic) h.kind = HEAD_ODD;
  if (is_sym(head, AMB_SYM(ERROR).w) && h.def->has_rules) h.kind = HEAD_ODD;
  return h;
}

static bool any_type(Value t) {
  return ambi_is_var(t) || is_sym(t, AMB_SYM(UNDEFINED).w) ||
         is_sym(t, AMB_SYM(T_ATOM).w);
}

// The type a constant or an application has for sure; AMB_NONE: none (passes
// everywhere); AMB_UNIT: not known before the program runs.
static Value static_type(Lower *l, Value e) {
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
  Head h = head_of(l, e);
  if (ambi_is_sym(ambi_expr_at(e, 0)) &&
      (h.kind == HEAD_DATA || h.kind == HEAD_CALL))
    return AMB_NONE;
  if (h.kind != HEAD_TYPED) return AMB_UNIT;
  Value r = ambi_deref(ambi_expr_at(h.ftype, ambi_expr_size(h.ftype) - 1));
  if (any_type(r)) return AMB_NONE;
  return ambi_is_sym(r) ? r : AMB_UNIT;
}

static enum Fit fits(Lower *l, Value arg, Value param) {
  if (ambi_is_var(param) || is_sym(param, AMB_SYM(UNDEFINED).w) ||
      is_sym(param, AMB_SYM(T_ATOM).w))
    return FIT_YES;
  if (!ambi_is_sym(param)) return FIT_NO;
  if (is_sym(param, AMB_SYM(T_EXPRESSION).w) && ambi_is_expression(arg))
    return FIT_YES;
  if (ambi_is_metatype(param) && !is_sym(param, AMB_SYM(T_EXPRESSION).w))
    return FIT_NO;
  Value t = static_type(l, arg);
  if (ambi_is_none(t))
    return is_sym(param, AMB_SYM(T_EXPRESSION).w) ? FIT_NO : FIT_YES;
  if (t.w == param.w) return FIT_YES;
  return ambi_is_unit(t) && ambi_is_lvar(arg) ? FIT_DYNAMIC : FIT_NO;
}

// Is there, for each argument, a way to check it that the code below knows?
static bool arguments_fit(Lower *l, Value e, Value ftype) {
  uint32_t n = ambi_expr_size(e);
  for (uint32_t i = 1; i < n; i++) {
    Value arg = ambi_expr_at(e, i);
    if (ambi_is_expr(arg) && is_sym(ambi_expr_at(arg, 0), AMB_SYM(ERROR).w))
      return false;
    if (fits(l, arg, ambi_deref(ambi_expr_at(ftype, i))) == FIT_NO)
      return false;
  }
  return true;
}

static bool returns(Value r, Value t) {
  return any_type(r) || any_type(t) || r.w == t.w ||
         (is_sym(r, AMB_SYM(T_EXPRESSION).w) &&
          is_sym(t, AMB_SYM(UNDEFINED).w));
}

// ---- leaves -----------------------------------------------------------------------

void ambi_lower_give(Lower *l, uint16_t source, Dst d) {
  if (d.tail)
    ambi_lower_emit(l, OP_I_RET, source, 0, 0);
  else if (source != d.slot)
    ambi_lower_emit(l, OP_I_MOVE, d.slot, source, 0);
}

uint16_t ambi_lower_term(Lower *l, Value e) {
  if (ambi_is_lvar(e)) {
    ambi_lower_var(l, ambi_lvar_of(e));
    return l->vars[ambi_lvar_of(e)].slot;
  }
  if (!ambi_is_expr(e) || ambi_is_ground_expr(e)) return ambi_lower_k(l, e);
  uint16_t slot = ambi_lower_slot(l);
  ambi_lower_env(l, OP_I_INST, slot, e, NO_LABEL);
  return slot;
}

static uint16_t term_slot(Lower *l, Value e) {
  uint16_t s = ambi_lower_term(l, e);
  if (s < SRC_CHECK) return s;
  uint16_t slot = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_MOVE, slot, s, 0);
  return slot;
}

void ambi_lower_generic(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  uint16_t atom = term_slot(l, e), type = ambi_lower_const(l, t.w);
  if (d.tail) {
    ambi_lower_emit(l, OP_I_EVALXT, 0, atom, type);
    return;
  }
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_EVALX, p, atom, type);
  ambi_lower_emit(l, OP_I_R_GATHER, d.slot, p, 0);
  ambi_lower_error_edge(l, d.slot, err);
}

static void leaf(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  if (is_sym(e, AMB_SYM(EMPTY).w)) {
    ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
    return;
  }
  Value st = any_type(t) ? AMB_NONE : static_type(l, e);
  bool meta = (ambi_is_sym(e) && is_sym(t, AMB_SYM(T_SYMBOL).w)) ||
              (ambi_is_grounded(e) && is_sym(t, AMB_SYM(T_GROUNDED).w)) ||
              (ambi_is_unit(e) && is_sym(t, AMB_SYM(T_EXPRESSION).w));
  if (ambi_is_none(st) || st.w == t.w || meta)
    ambi_lower_give(l, ambi_lower_k(l, e), d);
  else
    ambi_lower_generic(l, e, t, d, err);
}

// A variable as the argument of a typed call: Empty passes.
static void argument(Lower *l, Value e, Value t, uint16_t slot, ErrTo err) {
  ambi_lower_var(l, ambi_lvar_of(e));
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_EVALV, slot, l->vars[ambi_lvar_of(e)].slot, p);
  ambi_lower_emit(l, OP_I_R_GATHER, slot, p, 0);
  ambi_lower_error_edge(l, slot, err);
  if (any_type(t)) return;
  ambi_lower_emit(l, OP_I_CASTR, slot, ambi_lower_const(l, t.w), 0);
  ambi_lower_error_edge(l, slot, err);
}

// A variable as the value of an expression.
static void variable(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  ambi_lower_var(l, ambi_lvar_of(e));
  uint16_t slot = l->vars[ambi_lvar_of(e)].slot;
  if (is_sym(t, AMB_SYM(T_ATOM).w)) {
    ambi_lower_give(l, slot, d);
    return;
  }
  if (d.tail) {
    ambi_lower_emit(l, OP_I_RETV, slot, ambi_lower_const(l, t.w), 0);
    return;
  }
  ambi_lower_value_of(l, slot, d, err);
  if (any_type(t)) return;
  ambi_lower_emit(l, OP_I_CASTR, d.slot, ambi_lower_const(l, t.w), 0);
  ambi_lower_error_edge(l, d.slot, err);
}

// ---- positions ------------------------------------------------------------------------

bool ambi_lower_can_stream(unsigned effects, unsigned rest) {
  if (effects & (E_WRITE_SPACE | E_WRITE_STATE | E_IO | E_RULES)) return false;
  if ((effects & E_READ_SPACE) && (rest & (E_WRITE_SPACE | E_RULES)))
    return false;
  if ((effects & E_READ_STATE) && (rest & E_WRITE_STATE)) return false;
  return !((effects & E_CALLS) && (rest & E_RULES));
}

static bool plain_builtin(Value head) {
  return ambi_is_op(head) && ambi_builtins[ambi_op_of(head)].flags == F_DET;
}

// Leaves no choice and needs no scope, whatever its operands hold.
static bool is_det(Lower *l, Value e) {
  if (!ambi_is_expr(e)) return true;
  Value head = ambi_expr_at(e, 0);
  if (is_sym(head, AMB_SYM(QUOTE).w)) return true;
  if (!plain_builtin(head)) {
    if (!ambi_is_sym(head) && !ambi_is_number(head) && !ambi_is_str(head))
      return false;
    if (head_of(l, e).kind != HEAD_DATA) return false;
  }
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (!is_det(l, ambi_expr_at(e, i))) return false;
  return true;
}

bool ambi_lower_plain_application(Lower *l, Value e) {
  (void)l;
  if (!ambi_is_expr(e) || ambi_is_instruction(e)) return false;
  Value h = ambi_expr_at(e, 0);
  return ambi_is_op(h) || (ambi_is_sym(h) && h.w != AMB_SYM(ERROR).w);
}

void ambi_lower_value_of(Lower *l, uint16_t slot, Dst d, ErrTo err) {
  if (d.tail) {
    ambi_lower_emit(l, OP_I_RETV, slot,
                    ambi_lower_const(l, AMB_SYM(UNDEFINED).w), 0);
    return;
  }
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_EVALT, d.slot, slot, p);
  ambi_lower_error_edge(l, d.slot, err);
  ambi_lower_emit(l, OP_I_R_GATHER, d.slot, p, 0);
  ambi_lower_error_edge(l, d.slot, err);
}

static bool call_at(Lower *l, Value e, Value t, uint16_t slot, ErrTo err,
                    unsigned rest, bool stream);

void ambi_lower_position(Lower *l, Value e, Value t, uint16_t slot, ErrTo err,
                         unsigned rest) {
  int bail = l->bail;
  l->bail = NO_LABEL;
  Dst d = {false, slot};
  if (ambi_is_lvar(e) && !is_sym(t, AMB_SYM(T_ATOM).w)) {
    argument(l, e, t, slot, err);
  } else if (is_det(l, e)) {
    ambi_lower_expr(l, e, t, d, err, rest);
  } else {
    bool stream =
        ambi_lower_can_stream(ambi_effects_term(l->cs, l->space, e), rest);
    if (!call_at(l, e, t, slot, err, rest, stream)) {
      uint16_t p = ambi_lower_slot(l);
      int end = ambi_lower_label(l);
      // What the position makes and others use must be older than it.
      uint16_t vars[MAX_VARS];
      unsigned n = ambi_lower_vars_of(l, e, vars);
      for (unsigned i = 0; i < n; i++)
        if (ambi_lower_shared(l, e, vars[i])) ambi_lower_var(l, vars[i]);
      ambi_lower_emit(l, OP_I_POS, p, 0, 0);
      ambi_lower_expr(l, e, t, d, (ErrTo){false, slot, end}, rest);
      ambi_lower_bind(l, end);
      ambi_lower_emit(l, stream ? OP_I_STREAM : OP_I_GATHER, slot, p, 0);
      ambi_lower_error_edge(l, slot, err);
    }
  }
  l->bail = bail;
}

static bool is_leaf(Value e) {
  return !ambi_is_expr(e);
}

uint16_t ambi_lower_operand(Lower *l, Value e, Value t, ErrTo err,
                            unsigned rest, bool tuple) {
  if (is_sym(t, AMB_SYM(T_ATOM).w) ||
      (is_sym(t, AMB_SYM(T_EXPRESSION).w) && ambi_is_expression(e)))
    return ambi_lower_term(l, e);
  if (is_leaf(e) && !ambi_is_lvar(e)) {
    if (tuple && is_sym(e, AMB_SYM(EMPTY).w))
      ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
    Value st = any_type(t) ? AMB_NONE : static_type(l, e);
    if (ambi_is_none(st) || st.w == t.w) return ambi_lower_k(l, e);
  }
  uint16_t slot = ambi_lower_slot(l);
  if (ambi_is_lvar(e) && tuple) {
    ambi_lower_var(l, ambi_lvar_of(e));
    uint16_t p = ambi_lower_slot(l);
    ambi_lower_emit(l, OP_I_EVALT, slot, l->vars[ambi_lvar_of(e)].slot, p);
    ambi_lower_error_edge(l, slot, err);
    ambi_lower_emit(l, OP_I_R_GATHER, slot, p, 0);
    ambi_lower_error_edge(l, slot, err);
  } else {
    ambi_lower_position(l, e, t, slot, err, rest);
  }
  return slot;
}

// ---- data and calls ---------------------------------------------------------------------

static unsigned effects_from(Lower *l, Value e, uint32_t i, unsigned rest) {
  for (; i < ambi_expr_size(e); i++)
    rest |= ambi_effects_term(l->cs, l->space, ambi_expr_at(e, i));
  return rest;
}

// Sources for children from `first` of an untyped call or tuple. A variable
// whose successors cannot do anything is checked by the instruction itself.
static void tuple_sources(Lower *l, Value e, uint32_t first, uint16_t *src,
                          ErrTo err, unsigned rest) {
  uint32_t n = ambi_expr_size(e), quiet = n;
  while (quiet > first && is_leaf(ambi_expr_at(e, quiet - 1)))
    quiet--;
  for (uint32_t i = first; i < n; i++) {
    Value c = ambi_expr_at(e, i);
    if (i >= quiet && ambi_is_lvar(c)) {
      ambi_lower_var(l, ambi_lvar_of(c));
      src[i - first] = (uint16_t)(l->vars[ambi_lvar_of(c)].slot | SRC_CHECK);
    } else {
      src[i - first] = ambi_lower_operand(
          l, c, AMB_SYM(UNDEFINED), err, effects_from(l, e, i + 1, rest), true);
    }
  }
}

static void checked_stub(Lower *l, size_t at, Code head, const uint16_t *list,
                         unsigned n, ErrTo err) {
  bool any = false;
  for (unsigned i = 0; i < n; i++)
    any |= (list[i] & SRC_CONST) == SRC_CHECK;
  if (!any) return;
  Stub *s = ambi_lower_stub(l, STUB_CHECKED);
  s->head = head;
  s->err = err;
  s->nlist = n;
  s->list = ambi_arena_alloc(&l->arena, (n + 1) * sizeof *s->list);
  if (!s->list) {
    l->failed = true;
    return;
  }
  memcpy(s->list, list, n * sizeof *list);
  ambi_lower_edge_at(l, at, s->entry);
}

static uint16_t *new_list(Lower *l, uint32_t n) {
  static uint16_t none[1];
  uint16_t *list = ambi_arena_alloc(&l->arena, (n + 2) * sizeof *list);
  if (!list) l->failed = true;
  return list ? list : none;
}

static void data(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  uint32_t n = ambi_expr_size(e);
  if (n > 60000) {
    l->refused = true;
    return;
  }
  uint16_t *src = new_list(l, n);
  if (l->failed) return;
  tuple_sources(l, e, 0, src, err, rest);
  uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
  Code head = {.op = OP_I_MKEXPR};
  head.a = slot;
  head.b = (uint16_t)n;
  head.c = ambi_is_sym(ambi_expr_at(e, 0)) ? 3 : 1;  // a rigid head
  ambi_lower_emit(l, OP_I_MKEXPR, head.a, head.b, head.c);
  size_t at = l->last;
  ambi_lower_list(l, src, n);
  size_t stubs = l->nstubs;
  checked_stub(l, at, head, src, n, err);
  if (l->nstubs > stubs) ambi_lower_bind(l, l->stubs[l->nstubs - 1].back);
  if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
}

static void emit_call(Lower *l, Variant *v, uint16_t *src, uint32_t n, Dst d,
                      ErrTo err, uint16_t pos, bool stream) {
  uint16_t *list = new_list(l, n + 1);
  if (l->failed) return;
  memcpy(list + 1, src, n * sizeof *src);
  list[0] = 0;  // the frame size, filled in at the end
  Code head = {.op = d.tail ? OP_I_TAILCALL : OP_I_CALL};
  head.a = d.tail ? 0 : pos;
  head.b = (uint16_t)n;
  head.c = ambi_lower_const(l, (Word)(uintptr_t)v);
  ambi_lower_emit(l, (enum Opcode)head.op, head.a, head.b, head.c);
  size_t at = l->last;
  ambi_lower_list(l, list, n + 1);
  Code ret = {.op = OP_I_NOP};
  if (!d.tail) {
    ret.op = pos == NO_SLOT ? OP_I_R_STORE
             : stream       ? OP_I_R_STREAM
                            : OP_I_R_GATHER;
    ret.a = d.slot;
    ret.b = pos == NO_SLOT ? 0 : pos;
    ambi_lower_emit(l, (enum Opcode)ret.op, ret.a, ret.b, 0);
    if (pos != NO_SLOT) ambi_lower_error_edge(l, d.slot, err);
  }
  size_t stubs = l->nstubs;
  checked_stub(l, at, head, src, n, err);
  if (l->nstubs > stubs) {
    l->stubs[l->nstubs - 1].ret = ret;
    ambi_lower_bind(l, l->stubs[l->nstubs - 1].back);
  }
}

static int bail_stub(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  Stub *s = ambi_lower_stub(l, STUB_BAIL);
  s->term = e;
  s->type = t;
  s->dst = d;
  s->err = err;
  return (int)(s - l->stubs);
}

// Checks of variables that the type check makes before anything is evaluated.
static void guard(Lower *l, Value arg, Value param, int label) {
  if (!ambi_is_lvar(arg) || any_type(param)) return;
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

static bool call_typed(Lower *l, Value e, Head h, Value t, Dst d, ErrTo err,
                       unsigned rest, uint16_t pos, bool stream) {
  uint32_t n = ambi_expr_size(e) - 1;
  Value r = ambi_deref(ambi_expr_at(h.ftype, n + 1));
  if (!arguments_fit(l, e, h.ftype) || !returns(r, t) || n > MAX_CALL_ARGS) return false;
  if (is_sym(r, AMB_SYM(T_EXPRESSION).w)) r = AMB_SYM(UNDEFINED);
  if (ambi_is_var(r)) r = t;  // bound to what is expected
  if (!ambi_is_sym(r)) return false;
  ambi_lower_prepare(l, e);
  int stub = bail_stub(l, e, t, d, err);
  for (uint32_t i = 1; i <= n; i++)
    guard(l, ambi_expr_at(e, i), ambi_deref(ambi_expr_at(h.ftype, i)),
          l->stubs[stub].entry);
  uint16_t *src = new_list(l, n);
  if (l->failed) return true;
  for (uint32_t i = 1; i <= n; i++) {
    Value p = ambi_deref(ambi_expr_at(h.ftype, i));
    if (ambi_is_var(p)) p = AMB_SYM(UNDEFINED);
    if (is_sym(p, AMB_SYM(T_EXPRESSION).w))
      p = AMB_SYM(T_ATOM);  // checked already
    src[i - 1] = ambi_lower_operand(l, ambi_expr_at(e, i), p, err,
                                    effects_from(l, e, i + 1, rest), false);
  }
  Variant *v = ambi_variant(l->cs, h.def, r);
  if (!v) {
    l->failed = true;
    return true;
  }
  if (!h.def->has_rules) {  // data of a typed constructor
    uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
    uint16_t *all = new_list(l, n + 1);
    all[0] = ambi_lower_k(l, ambi_expr_at(e, 0));
    memcpy(all + 1, src, n * sizeof *src);
    // Unmarked: evaluated again it is checked again, as what it then is.
    ambi_lower_emit(l, OP_I_MKEXPR, slot, n + 1, 0);
    ambi_lower_list(l, all, n + 1);
    if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
  } else {
    emit_call(l, v, src, n, d, err, pos, stream);
  }
  ambi_lower_bind(l, l->stubs[stub].back);
  return true;
}

static void call_untyped(Lower *l, Value e, Head h, Value t, Dst d, ErrTo err,
                         unsigned rest, uint16_t pos, bool stream) {
  uint32_t n = ambi_expr_size(e) - 1;
  Variant *v = n > MAX_CALL_ARGS ? NULL : ambi_variant(l->cs, h.def, t);
  if (!v) {
    if (n > MAX_CALL_ARGS)
      l->refused = true;
    else
      l->failed = true;
    return;
  }
  uint16_t *src = new_list(l, n);
  if (l->failed) return;
  tuple_sources(l, e, 1, src, err, rest);
  emit_call(l, v, src, n, d, err, pos, stream);
}

// A call that is a position by itself: the call notes the choice stack.
static bool call_at(Lower *l, Value e, Value t, uint16_t slot, ErrTo err,
                    unsigned rest, bool stream) {
  Value head = ambi_expr_at(e, 0);
  if (!ambi_is_sym(head) || ambi_is_instruction(e) || ambi_lower_is_form(l, e))
    return false;
  Head h = head_of(l, e);
  Dst d = {false, slot};
  if (h.kind == HEAD_CALL) {
    call_untyped(l, e, h, t, d, err, rest, ambi_lower_slot(l), stream);
    return true;
  }
  return h.kind == HEAD_TYPED && h.def->has_rules &&
         call_typed(l, e, h, t, d, err, rest, ambi_lower_slot(l), stream);
}

// ---- grounded operations ----------------------------------------------------------------

static bool numeric_tree(Value e) {
  if (!ambi_is_expr(e)) return true;
  if (!plain_builtin(ambi_expr_at(e, 0)) ||
      ambi_op_of(ambi_expr_at(e, 0)) == OP_GET_STATE ||
      ambi_op_of(ambi_expr_at(e, 0)) == OP_CHANGE_STATE)
    return false;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (!numeric_tree(ambi_expr_at(e, i))) return false;
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

static bool short_int(uint16_t source, Value e) {
  (void)source;
  return ambi_is_int(e) && ambi_int_of(e) >= INT16_MIN &&
         ambi_int_of(e) <= INT16_MAX;
}

// The operation applied to evaluated operands that the fast form cannot take.
static void apply_edge(Lower *l, uint32_t op, const uint16_t *src, unsigned n,
                       uint16_t slot, ErrTo err, bool bail) {
  size_t at = l->last;
  if (bail && l->bail != NO_LABEL) {
    ambi_lower_edge_at(l, at, l->bail);
    return;
  }
  Stub *s = ambi_lower_stub(l, STUB_APPLY);
  s->err = err;
  s->dst = (Dst){false, slot};
  s->head.c = (uint16_t)op;
  s->nlist = n;
  s->list = new_list(l, n);
  if (l->failed) return;
  memcpy(s->list, src, n * sizeof *src);
  ambi_lower_edge_at(l, at, s->entry);
  ambi_lower_bind(l, s->back);
}

static void emit_builtin(Lower *l, uint32_t op, const uint16_t *src, unsigned n,
                         uint16_t slot, ErrTo err) {
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
static uint16_t builtin_operand(Lower *l, Value arg, Value p, ErrTo err,
                                unsigned rest) {
  if (ambi_is_lvar(arg) &&
      (is_sym(p, AMB_SYM(T_NUMBER).w) || is_sym(p, AMB_SYM(T_SPACE).w) ||
       is_sym(p, AMB_SYM(T_EXPRESSION).w) || is_sym(p, AMB_SYM(T_BOOL).w))) {
    ambi_lower_var(l, ambi_lvar_of(arg));
    return l->vars[ambi_lvar_of(arg)].slot;
  }
  if (ambi_is_expr(arg) && numeric_tree(arg)) {  // the same tree: one bail-out
    uint16_t slot = ambi_lower_slot(l);
    ambi_lower_expr(l, arg, p, (Dst){false, slot}, err, rest);
    return slot;
  }
  return ambi_lower_operand(l, arg, ambi_is_var(p) ? AMB_SYM(UNDEFINED) : p,
                            err, rest, false);
}

static void fast_arithmetic(Lower *l, Value e, enum Opcode op, uint16_t *src,
                            uint16_t slot, ErrTo err) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  bool tree = numeric_tree(a) && numeric_tree(b);
  if (short_int(src[1], b) && src[0] < SRC_CHECK && op != OP_I_MUL)
    ambi_lower_emit(l, op == OP_I_ADD ? OP_I_ADDI : OP_I_SUBI, slot, src[0],
                    (uint16_t)ambi_int_of(b));
  else if (short_int(src[0], a) && src[1] < SRC_CHECK && op == OP_I_ADD)
    ambi_lower_emit(l, OP_I_ADDI, slot, src[1], (uint16_t)ambi_int_of(a));
  else
    ambi_lower_emit(l, op, slot, src[0], src[1]);
  apply_edge(l, ambi_op_of(ambi_expr_at(e, 0)), src, 2, slot, err, tree);
}

static bool comparison(Value e) {
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

static void truth(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  int no = ambi_lower_label(l), end = ambi_lower_label(l);
  int odd =
      ambi_lower_condition(l, e, AMB_NONE, no, d, err, AMB_SYM(T_BOOL), rest);
  ambi_lower_give(l, ambi_lower_k(l, AMB_TRUE), d);
  if (!d.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
  ambi_lower_bind(l, no);
  ambi_lower_give(l, ambi_lower_k(l, AMB_FALSE), d);
  ambi_lower_bind(l, end);
  if (!l->failed) ambi_lower_bind(l, l->stubs[odd].back);
}

// The operation with its operands evaluated and checked, into a slot.
static void builtin_body(Lower *l, Value e, Value ftype, uint16_t slot,
                         ErrTo err, unsigned rest) {
  uint32_t n = ambi_expr_size(e) - 1, op = ambi_op_of(ambi_expr_at(e, 0));
  bool tree = numeric_tree(e);
  enum Opcode fast = arithmetic_op(op);
  for (uint32_t i = 1; i <= n && (!tree || fast == OP_I_NOP); i++)
    guard(l, ambi_expr_at(e, i), ambi_deref(ambi_expr_at(ftype, i)), l->bail);
  uint16_t *src = new_list(l, n);
  if (l->failed) return;
  for (uint32_t i = 1; i <= n; i++)
    src[i - 1] = builtin_operand(l, ambi_expr_at(e, i),
                                 ambi_deref(ambi_expr_at(ftype, i)), err,
                                 effects_from(l, e, i + 1, rest));
  if (fast != OP_I_NOP && n == 2)
    fast_arithmetic(l, e, fast, src, slot, err);
  else
    emit_builtin(l, op, src, n, slot, err);
}

// Variables of equal parameter types (== and its like) need a look at both.
static bool polymorphic(Value ftype) {
  for (uint32_t i = 1; i + 1 < ambi_expr_size(ftype); i++)
    if (ambi_is_var(ambi_deref(ambi_expr_at(ftype, i)))) return true;
  return false;
}

static bool builtin_app(Lower *l, Value e, Head h, Value t, Dst d, ErrTo err,
                        unsigned rest) {
  uint32_t n = ambi_expr_size(e) - 1, op = ambi_op_of(ambi_expr_at(e, 0));
  const Builtin *b = &ambi_builtins[op];
  if (b->flags & F_ENGINE) return false;
  Value r = ambi_deref(ambi_expr_at(h.ftype, n + 1));
  if (!returns(r, t) || !arguments_fit(l, e, h.ftype)) return false;
  if (comparison(e) && (op != OP_EQUAL || ambi_lower_simple_types(l, e))) {
    if (!is_sym(t, AMB_SYM(T_BOOL).w) && !any_type(t)) return false;
    truth(l, e, d, err, rest);
    return true;
  }
  if (polymorphic(h.ftype)) return false;
  bool again =
      is_sym(r, AMB_SYM(UNDEFINED).w) || is_sym(r, AMB_SYM(T_EXPRESSION).w);
  if (again || (b->flags & F_NONDET))
    return false;  // results are evaluated: EVAL does it
  ambi_lower_prepare(l, e);
  int outer = l->bail, stub = -1;
  if (outer == NO_LABEL) {
    stub = bail_stub(l, e, t, d, err);
    l->bail = l->stubs[stub].entry;
  }
  uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
  builtin_body(l, e, h.ftype, slot, err, rest);
  l->bail = outer;
  if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
  if (stub >= 0) ambi_lower_bind(l, l->stubs[stub].back);
  return true;
}

// ---- conditions ---------------------------------------------------------------------------

static Value side_type(Lower *l, Value e) {
  return ambi_is_lvar(e) ? AMB_UNIT : static_type(l, e);
}

// (== a b): can the code below decide whether the types agree?
bool ambi_lower_simple_types(Lower *l, Value e) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  Value ta = side_type(l, a), tb = side_type(l, b);
  bool known_a = !ambi_is_unit(ta) || ambi_is_lvar(a),
       known_b = !ambi_is_unit(tb) || ambi_is_lvar(b);
  if (!known_a || !known_b) return false;
  if (ambi_is_lvar(a) || ambi_is_lvar(b)) return true;
  return ambi_is_none(ta) || ambi_is_none(tb) || ta.w == tb.w;
}

static void equality(Lower *l, Value e, int no, ErrTo err, unsigned rest) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  Value ta = side_type(l, a), tb = side_type(l, b);
  bool free_a = ambi_is_none(ta), free_b = ambi_is_none(tb);
  bool dynamic = (ambi_is_lvar(a) && !free_b) || (ambi_is_lvar(b) && !free_a);
  if (dynamic && short_int(0, b) && ambi_is_lvar(a)) {
    ambi_lower_var(l, ambi_lvar_of(a));
    ambi_lower_jump(l, OP_I_JNEQI, l->vars[ambi_lvar_of(a)].slot,
                    (uint16_t)ambi_int_of(b), no);
    ambi_lower_edge(l, l->bail);
    return;
  }
  uint16_t src[2];
  bool tree = numeric_tree(a) && numeric_tree(b);
  for (int i = 0; i < 2; i++) {
    Value side = i ? b : a;
    unsigned then = i ? rest : effects_from(l, e, 2, rest);
    if (ambi_is_lvar(side) && dynamic) {
      ambi_lower_var(l, ambi_lvar_of(side));
      src[i] = l->vars[ambi_lvar_of(side)].slot;
    } else if (ambi_is_expr(side) && tree) {
      src[i] = ambi_lower_slot(l);
      ambi_lower_expr(l, side, AMB_SYM(UNDEFINED), (Dst){false, src[i]}, err,
                      then);
    } else {
      src[i] =
          ambi_lower_operand(l, side, AMB_SYM(UNDEFINED), err, then, false);
    }
  }
  bool int_b =
      short_int(0, b) && src[0] < SRC_CHECK && !free_a && !ambi_is_lvar(a);
  if (int_b)
    ambi_lower_jump(l, OP_I_JNEQI, src[0], (uint16_t)ambi_int_of(b), no);
  else
    ambi_lower_jump(l, dynamic ? OP_I_JNEQT : OP_I_JNEQ, src[0], src[1], no);
  if (int_b || dynamic) {
    if (dynamic || tree)
      ambi_lower_edge(l, l->bail);
    else {  // a call in the tree gave no number: not equal
      size_t at = l->last;
      ambi_lower_edge_at(l, at, no);
    }
  }
}

static void inequality(Lower *l, Value e, int no, ErrTo err, unsigned rest,
                       int apply) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  uint32_t op = ambi_op_of(ambi_expr_at(e, 0));
  bool tree = numeric_tree(e);
  Value number = AMB_SYM(T_NUMBER);
  if (!tree) {
    guard(l, a, number, l->bail);
    guard(l, b, number, l->bail);
  }
  uint16_t src[2];
  src[0] = builtin_operand(l, a, number, err, effects_from(l, e, 2, rest));
  src[1] = builtin_operand(l, b, number, err, rest);
  bool small =
      short_int(0, b) && src[0] < SRC_CHECK && (op == OP_LT || op == OP_GT);
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
  (void)apply;
  ambi_lower_edge(l, l->bail);
}

// When a comparison has operands that calls delivered, an odd one cannot send
// the whole back to EVAL (the calls ran already): it is not lowered this way.
static bool fused(Lower *l, Value e) {
  if (!comparison(e)) return false;
  Head h = head_of(l, e);
  if (h.kind != HEAD_TYPED || !arguments_fit(l, e, h.ftype)) return false;
  if (ambi_op_of(ambi_expr_at(e, 0)) == OP_EQUAL)
    return ambi_lower_simple_types(l, e);
  return numeric_tree(e);
}

static int branch_on(Lower *l, uint16_t slot, Value whole, Value e, int no,
                     Dst d, ErrTo err, Value t) {
  Stub *s = ambi_lower_stub(l, STUB_IF);
  s->from = slot;
  s->term = whole;
  s->type = t;
  s->dst = d;
  s->err = err;
  int entry = s->entry;
  (void)e;
  ambi_lower_jump(l, OP_I_BRANCH, slot, slot, no);
  ambi_lower_varl(l, entry);
  return (int)l->nstubs - 1;
}

bool ambi_lower_may_be_bool(Lower *l, Value e) {
  return fits(l, e, AMB_SYM(T_BOOL)) != FIT_NO;
}

int ambi_lower_condition(Lower *l, Value e, Value whole, int no, Dst d,
                         ErrTo err, Value t, unsigned rest) {
  if (!fused(l, e)) {
    uint16_t slot = ambi_lower_slot(l);
    if (comparison(e) &&
        ambi_is_none(whole)) {  // as a value, with operands from calls
      Head h = head_of(l, e);
      ambi_lower_prepare(l, e);
      int outer = l->bail,
          stub = bail_stub(l, e, AMB_SYM(T_BOOL), (Dst){false, slot}, err);
      l->bail = l->stubs[stub].entry;
      builtin_body(l, e, h.ftype, slot, err, rest);
      l->bail = outer;
      ambi_lower_bind(l, l->stubs[stub].back);
    } else {
      Value want = ambi_is_lvar(e) ? AMB_SYM(UNDEFINED) : AMB_SYM(T_BOOL);
      ambi_lower_position(l, e, want, slot, err, rest);
    }
    return branch_on(l, slot, whole, e, no, d, err, t);
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
  l->bail = l->stubs[stub].entry;
  if (ambi_op_of(ambi_expr_at(e, 0)) == OP_EQUAL)
    equality(l, e, no, err, rest);
  else
    inequality(l, e, no, err, rest, 0);
  l->bail = outer;
  ambi_lower_bind(l, l->stubs[stub].back);
  return stub + 1;
}

// ---- states -----------------------------------------------------------------

static bool state_operand(Lower *l, Value s, uint16_t *source) {
  if (!ambi_is_lvar(s) && !ambi_is_state(s)) return false;
  *source = ambi_lower_term(l, s);
  return true;
}

// (get-state S), (change-state! S V) of a state that is there or in a variable.
// V is evaluated before anything is checked: whatever is odd goes to EVAL with
// the value in place, which then reports it.
static bool state_app(Lower *l, Value e, Value t, Dst d, ErrTo err,
                      unsigned rest) {
  Value head = ambi_expr_at(e, 0);
  uint32_t n = ambi_expr_size(e) - 1;
  bool get = ambi_is_op(head) && ambi_op_of(head) == OP_GET_STATE && n == 1;
  bool set = ambi_is_op(head) && ambi_op_of(head) == OP_CHANGE_STATE && n == 2;
  uint16_t state, slot;
  if ((!get && !set) || (set && !any_type(t)) || l->failed) return false;
  if (set && !ambi_is_none(static_type(l, ambi_expr_at(e, 2))) &&
      ambi_is_unit(static_type(l, ambi_expr_at(e, 2))) &&
      !ambi_is_lvar(ambi_expr_at(e, 2)))
    return false;
  ambi_lower_prepare(l, e);
  if (!state_operand(l, ambi_expr_at(e, 1), &state)) return false;
  int bail = l->bail;
  l->bail = NO_LABEL;
  int stub = bail_stub(l, e, t, d, err);
  if (get) {
    slot = ambi_lower_slot(l);
    ambi_lower_emit(l, OP_I_GETSTATE, slot, state, 0);
    ambi_lower_edge(l, l->stubs[stub].entry);
    Dst value = d.tail || any_type(t) ? d : (Dst){false, d.slot};
    if (d.tail && !any_type(t)) {
      ambi_lower_emit(l, OP_I_RETV, slot, ambi_lower_const(l, t.w), 0);
    } else {
      ambi_lower_value_of(l, slot, value, err);
      if (!d.tail && !any_type(t)) {
        ambi_lower_emit(l, OP_I_CASTR, d.slot, ambi_lower_const(l, t.w), 0);
        ambi_lower_error_edge(l, d.slot, err);
      }
    }
  } else {
    uint16_t v = ambi_lower_operand(l, ambi_expr_at(e, 2), AMB_SYM(UNDEFINED),
                                    err, rest, false);
    slot = d.tail ? ambi_lower_slot(l) : d.slot;
    Stub *s = ambi_lower_stub(l, STUB_REBUILD);
    s->type = t;
    s->dst = d;
    s->err = err;
    s->nlist = 3;
    s->list = new_list(l, 3);
    s->list[0] = ambi_lower_k(l, head);
    s->list[1] = state;
    s->list[2] = v;
    int entry = s->entry, back = s->back;
    ambi_lower_emit(l, OP_I_SETSTATE, slot, state, v);
    ambi_lower_edge(l, entry);
    if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
    ambi_lower_bind(l, back);
  }
  l->bail = bail;
  ambi_lower_bind(l, l->stubs[stub].back);
  return true;
}

// ---- expressions --------------------------------------------------------------------------

void ambi_lower_expr(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest) {
  if (l->failed || l->refused) return;
  if (ambi_is_lvar(e)) {
    variable(l, e, t, d, err);
    return;
  }
  if (!ambi_is_expr(e)) {
    leaf(l, e, t, d, err);
    return;
  }
  if (is_sym(t, AMB_SYM(T_ATOM).w) || is_sym(t, AMB_SYM(T_EXPRESSION).w)) {
    ambi_lower_give(l, ambi_lower_term(l, e), d);
    return;
  }
  if (ambi_lower_form_expr(l, e, t, d, err, rest)) return;
  Value head = ambi_expr_at(e, 0);
  if (!ambi_is_instruction(e)) {
    Head h = head_of(l, e);
    if (l->failed) return;
    if (ambi_is_op(head)) {
      if (state_app(l, e, t, d, err, rest)) return;
      if (h.kind == HEAD_TYPED && builtin_app(l, e, h, t, d, err, rest)) return;
    } else if (h.kind == HEAD_DATA) {
      data(l, e, d, err, rest);
      return;
    } else if (h.kind == HEAD_CALL) {
      call_untyped(l, e, h, t, d, err, rest, NO_SLOT, false);
      return;
    } else if (h.kind == HEAD_TYPED &&
               call_typed(l, e, h, t, d, err, rest, NO_SLOT, false)) {
      return;
    }
  }
  ambi_lower_generic(l, e, t, d, err);
}

// ---- code behind the main line ----------------------------------------------------------------

static void checked_code(Lower *l, Stub *s) {
  for (unsigned i = 0; i < s->nlist; i++) {
    if ((s->list[i] & SRC_CONST) != SRC_CHECK) continue;
    uint16_t slot = ambi_lower_slot(l), p = ambi_lower_slot(l);
    ambi_lower_emit(l, OP_I_EVALT, slot, s->list[i] & (SRC_CHECK - 1), p);
    ambi_lower_error_edge(l, slot, s->err);
    ambi_lower_emit(l, OP_I_R_GATHER, slot, p, 0);
    ambi_lower_error_edge(l, slot, s->err);
    s->list[i] = slot;
  }
  ambi_lower_emit(l, (enum Opcode)s->head.op, s->head.a, s->head.b, s->head.c);
  if (s->head.op == OP_I_MKEXPR) {
    ambi_lower_list(l, s->list, s->nlist);
  } else {
    uint16_t *list = new_list(l, s->nlist + 1);
    if (l->failed) return;
    list[0] = 0;
    memcpy(list + 1, s->list, s->nlist * sizeof *list);
    ambi_lower_list(l, list, s->nlist + 1);
    if (s->ret.op != OP_I_NOP) {
      ambi_lower_emit(l, (enum Opcode)s->ret.op, s->ret.a, s->ret.b, 0);
      if (s->ret.op != OP_I_R_STORE) ambi_lower_error_edge(l, s->ret.a, s->err);
    }
  }
  if (s->head.op != OP_I_TAILCALL) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

// The condition was neither True nor False: build the if with it, and let EVAL
// try the rules of `if` (an unbound variable takes both branches).
static void odd_if(Lower *l, const Stub *s) {
  if (ambi_is_none(s->term)) {  // a truth value was asked for: it is the value
    ambi_lower_give(l, s->from, s->dst);
    if (!s->dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
    return;
  }
  uint16_t list[4];
  list[0] = ambi_lower_k(l, ambi_expr_at(s->term, 0));
  list[1] = s->from;
  list[2] = ambi_lower_term(l, ambi_expr_at(s->term, 2));
  list[3] = ambi_lower_term(l, ambi_expr_at(s->term, 3));
  int data_if = ambi_lower_label(l), open = ambi_lower_label(l);
  uint16_t slot = ambi_lower_slot(l), p = ambi_lower_slot(l);
  ambi_lower_jump(l, OP_I_TESTK, s->from, ambi_lower_const(l, AMB_TRUE.w),
                  data_if);
  ambi_lower_varl(l, open);
  ambi_lower_bind(l, data_if);  // no rule of `if` is for it
  ambi_lower_emit(l, OP_I_MKEXPR, slot, 4, 1);
  ambi_lower_list(l, list, 4);
  ambi_lower_give(l, slot, s->dst);
  if (!s->dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
  ambi_lower_bind(l, open);
  ambi_lower_emit(l, OP_I_MKEXPR, slot, 4, 0);
  ambi_lower_list(l, list, 4);
  uint16_t type = ambi_lower_const(l, s->type.w);
  if (s->dst.tail) {
    ambi_lower_emit(l, OP_I_EVALXT, 0, slot, type);
    return;
  }
  ambi_lower_emit(l, OP_I_EVALX, p, slot, type);
  ambi_lower_emit(l, OP_I_R_GATHER, s->dst.slot, p, 0);
  ambi_lower_error_edge(l, s->dst.slot, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

// The call with its operands evaluated, for EVAL.
static void rebuilt(Lower *l, const Stub *s) {
  uint16_t slot = ambi_lower_slot(l), p = ambi_lower_slot(l);
  uint16_t type = ambi_lower_const(l, s->type.w);
  ambi_lower_emit(l, OP_I_MKEXPR, slot, s->nlist, 0);
  ambi_lower_list(l, s->list, s->nlist);
  if (s->dst.tail) {
    ambi_lower_emit(l, OP_I_EVALXT, 0, slot, type);
    return;
  }
  ambi_lower_emit(l, OP_I_EVALX, p, slot, type);
  ambi_lower_emit(l, OP_I_R_GATHER, s->dst.slot, p, 0);
  ambi_lower_error_edge(l, s->dst.slot, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

static void stub_code(Lower *l, Stub s, size_t i) {
  uint16_t slot;
  switch (s.kind) {
  case STUB_ERROR: ambi_lower_raise(l, s.from, s.err); break;
  case STUB_BAIL:
    ambi_lower_generic(l, s.term, s.type, s.dst, s.err);
    if (!s.dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_COND:  // the stub behind it knows the whole
    if (!ambi_is_none(
            l->stubs[i + 1].term)) {  // the check of `if` looks at it all
      Stub whole = l->stubs[i + 1];
      ambi_lower_generic(l, whole.term, whole.type, whole.dst, whole.err);
      if (!whole.dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, whole.back);
      break;
    }
    slot = l->stubs[i + 1].from;
    ambi_lower_generic(l, s.term, AMB_SYM(T_BOOL), (Dst){false, slot}, s.err);
    ambi_lower_jump(l, OP_I_BRANCH, slot, slot, s.no);
    ambi_lower_varl(l, l->stubs[i + 1].entry);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_CHECKED: checked_code(l, &s); break;
  case STUB_APPLY:
    emit_builtin(l, s.head.c, s.list, s.nlist, s.dst.slot, s.err);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_REBUILD: rebuilt(l, &s); break;
  case STUB_IF: odd_if(l, &s); break;
  }
}

void ambi_lower_stubs(Lower *l) {
  for (size_t i = 0; i < l->nstubs && !l->failed && !l->refused; i++) {
    Stub s = l->stubs[i];
    memcpy(l->vars, s.vars, sizeof l->vars);
    if (l->rule != s.rule) l->uses = NULL;
    l->rule = s.rule;
    ambi_lower_bind(l, s.entry);
    stub_code(l, s, i);
  }
  if (l->fail != NO_LABEL) {
    ambi_lower_bind(l, l->fail);
    ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
  }
}
