// Body terms -> code: what semantics 7.2 to 7.7 decides, decided once.
//
// A term in an evaluated place becomes straight code when its head's types are
// simple: constants, variables, data, calls, grounded operations. Whatever is
// not simple is built as an atom and handed to EVAL (ambi_lower_generic). The
// type check of a call looks at the unevaluated arguments before anything is
// evaluated, so code that meets an odd operand can still go back and hand the
// whole expression to EVAL: that is a bail-out, and it repeats no effect.
#include "runtime/bytecode/lower.h"
#include "runtime/machine/routine.h"

// ---- positions ------------------------------------------------------------------

bool ambi_lower_can_stream(unsigned effects, unsigned rest) {
  if (effects & E_EFFECTS) return false;
  if ((effects & E_READ_SPACE) && (rest & (E_WRITE_SPACE | E_RULES)))
    return false;
  if ((effects & E_READ_STATE) && (rest & E_WRITE_STATE)) return false;
  return !(rest & E_RULES);  // what is data now may be a call then
}

static bool is_quoted(Lower *l, Value e) {
  Value head = ambi_expr_at(e, 0);
  return is_sym(head, AMB_SYM(QUOTE).w) &&
         ambi_form_untouched(l->cs, l->space, head, ambi_expr_size(e) - 1);
}

bool ambi_lower_is_det(Lower *l, Value e) {
  if (!ambi_is_expr(e)) return true;
  if (is_quoted(l, e)) return true;
  Value head = ambi_expr_at(e, 0);
  if (!ambi_lower_plain_builtin(head)) {
    if (!ambi_is_sym(head) && !ambi_is_number(head) && !ambi_is_str(head))
      return false;
    if (ambi_lower_head_of(l, e).kind != HEAD_DATA) return false;
  }
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (!ambi_lower_is_det(l, ambi_expr_at(e, i))) return false;
  return true;
}

bool ambi_lower_plain_application(Value e) {
  if (!ambi_is_expr(e) || ambi_is_instruction(e)) return false;
  Value h = ambi_expr_at(e, 0);
  return ambi_is_op(h) || (ambi_is_sym(h) && h.w != AMB_SYM(ERROR).w);
}

void ambi_lower_value_of(Lower *l, uint16_t slot, Dst d, ErrTo err) {
  if (d.tail) {
    ambi_lower_emit(l, OP_I_RETV, slot,
                    ambi_lower_const(l, AMB_SYM(UNDEFINED).w),
                    ambi_lower_handed(l));
    return;
  }
  if (l->whole) {
    uint16_t whole = ambi_lower_slot(l);
    ambi_lower_emit(l, OP_I_WHOLE, whole, slot, l->bound);
    slot = whole;
  }
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_EVALT, d.slot, slot, p);
  ambi_lower_error_edge(l, d.slot, err);
  ambi_lower_take(l, d.slot, p, err);
}

// What the position makes and others use must be older than it.
static void begin_position(Lower *l, Value e, uint16_t pos) {
  uint16_t vars[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, e, vars);
  for (unsigned i = 0; i < n; i++)
    if (ambi_lower_shared(l, e, vars[i])) ambi_lower_var(l, vars[i]);
  ambi_lower_emit(l, OP_I_POS, pos, 0, 0);
}

static bool call_at(Lower *l, Value e, Value t, uint16_t slot, uint16_t pos,
                    ErrTo err, unsigned rest, bool stream);

// Variables may hold what has several results. All of them count as parts of the expression
// before something behind it can change what that is.
static bool must_gather(Lower *l, Value e, unsigned rest) {
  return l->unstable && (rest & E_RULES) && ambi_is_expr(e) &&
         !ambi_is_ground_expr(e) && !is_quoted(l, e);
}

void ambi_lower_position(Lower *l, Value e, Value t, uint16_t slot, ErrTo err,
                         unsigned rest) {
  int bail = l->bail;
  l->bail = l->arg_bail;
  l->arg_bail = NO_LABEL;
  Dst d = {false, slot};
  uint16_t p = NO_SLOT;
  bool stream = false;
  if (ambi_is_lvar(e) && !is_sym(t, AMB_SYM(T_ATOM).w) && !l->bound_since) {
    ambi_lower_argument(l, e, t, slot, err);
  } else if (ambi_lower_is_det(l, e) && !must_gather(l, e, rest) &&
             !l->bound_since) {
    ambi_lower_expr(l, e, t, d, err, rest);
  } else {
    stream = ambi_lower_can_stream(ambi_effects_term(l->cs, l->space, e), rest);
    p = ambi_lower_slot(l);
    if (l->unstable || l->bound_since ||
        !call_at(l, e, t, slot, p, err, rest, stream)) {
      int end = ambi_lower_label(l);
      begin_position(l, e, p);
      ErrTo to = {false, slot, end};
      if (l->bound_since)
        ambi_lower_generic_of(l, ambi_lower_term(l, e), t, d, to);
      else
        ambi_lower_expr(l, e, t, d, to, rest);
      ambi_lower_bind(l, end);
      ambi_lower_emit(l, stream ? OP_I_STREAM : OP_I_GATHER, slot, p, 0);
      ambi_lower_error_edge(l, slot, err);
    }
  }
  l->position = p;
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
    Value st = ambi_lower_any_type(t) ? AMB_NONE : ambi_lower_static_type(l, e);
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

// Does the type check of a form that looks at this value need a way back?
static bool may_be_wrong(Lower *l, Value v) {
  if (!ambi_is_expr(v)) return false;
  Value head = ambi_expr_at(v, 0);
  if (!ambi_is_sym(head)) return true;
  Head h = ambi_lower_head_of(l, v);
  if (h.kind == HEAD_DATA || h.kind == HEAD_CALL) return false;
  for (uint32_t i = 1; h.kind == HEAD_TYPED && i < ambi_expr_size(v); i++)
    if (!is_sym(ambi_deref(ambi_expr_at(h.ftype, i)), AMB_SYM(T_ATOM).w))
      return true;
  return h.kind != HEAD_TYPED;
}

uint16_t ambi_lower_checked_operand(Lower *l, Value v, ErrTo err,
                                    unsigned rest) {
  Value any = AMB_SYM(UNDEFINED);
  if (!may_be_wrong(l, v))
    return ambi_lower_operand(l, v, any, err, rest, false);
  ambi_lower_prepare_shared(l, v);
  uint16_t slot = ambi_lower_slot(l);
  int bail = l->bail;
  l->bail = NO_LABEL;
  int stub = ambi_lower_bail_stub(l, v, any, (Dst){false, slot}, err);
  ambi_lower_stub_at(l, stub)->argument = true;
  l->arg_bail = ambi_lower_stub_at(l, stub)->entry;
  ambi_lower_position(l, v, any, slot, err, rest);
  l->bail = bail;
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return slot;
}

// ---- data and calls -------------------------------------------------------------

unsigned ambi_lower_effects_from(Lower *l, Value e, uint32_t i, unsigned rest) {
  for (; i < ambi_expr_size(e); i++)
    rest |= ambi_effects_term(l->cs, l->space, ambi_expr_at(e, i));
  return rest;
}

unsigned ambi_lower_effects_behind(Lower *l, Value e, uint32_t i,
                                   unsigned rest) {
  return ambi_lower_effects_from(l, e, i,
                                 rest | ambi_effects_head(l->cs, l->space, e));
}

// May evaluating the members change rules or types?
static bool changing_arguments(Lower *l, Value e) {
  return l->unstable && (ambi_lower_effects_from(l, e, 0, E_PURE) & E_RULES);
}

void ambi_lower_tuple_sources(Lower *l, Value e, uint32_t first, uint32_t n,
                              uint16_t *src, ErrTo err, unsigned rest) {
  uint32_t quiet = n;
  bool changing = changing_arguments(l, e);
  while (n == ambi_expr_size(e) && quiet > first && !changing &&
         is_leaf(ambi_expr_at(e, quiet - 1)) &&
         !is_sym(ambi_expr_at(e, quiet - 1), AMB_SYM(EMPTY).w))
    quiet--;
  for (uint32_t i = first; i < n; i++) {
    Value c = ambi_expr_at(e, i);
    if (i >= quiet && ambi_is_lvar(c)) {
      ambi_lower_var(l, ambi_lvar_of(c));
      src[i - first] = (uint16_t)(l->vars[ambi_lvar_of(c)].slot | SRC_CHECK);
    } else {
      src[i - first] = ambi_lower_operand(
          l, c, AMB_SYM(UNDEFINED), err,
          ambi_lower_effects_behind(l, e, i + 1, rest), true);
    }
  }
}

static bool rigid_head(Value e) {
  Value first = ambi_expr_at(e, 0);
  return !ambi_is_lvar(first) && first.w != AMB_SYM(ERROR).w;
}

bool ambi_lower_is_data(Lower *l, Value e) {
  if (is_leaf(e) || is_quoted(l, e)) return true;
  if (!ambi_is_lvar(ambi_expr_at(e, 0)) &&
      ambi_lower_head_of(l, e).kind != HEAD_DATA)
    return false;
  for (uint32_t i = 0; i < ambi_expr_size(e); i++)
    if (!ambi_lower_is_data(l, ambi_expr_at(e, i))) return false;
  return true;
}

// Is e its own value, unless its types are wrong and it has none? So it is without rules.
static bool stays_or_fails(Lower *l, Value e) {
  if (is_leaf(e) || is_quoted(l, e)) return true;
  Value head = ambi_expr_at(e, 0);
  if (!ambi_is_sym(head) || ambi_is_instruction(e)) return false;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind != HEAD_DATA) {
    DefinitionInfo info = h.def ? ambi_info_of(h.def) : (DefinitionInfo){0};
    if (!info.known || info.has_rules || info.dynamic) return false;
  }
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (!stays_or_fails(l, ambi_expr_at(e, i))) return false;
  return true;
}

// What an application gave differs from what stands there, so it is evaluated again
// wherever it is used (7.8). Only new rules can make that visible, or what its
// variables get bound to.
static uint16_t own_mark(Lower *l, Value e) {
  if (ambi_lower_is_data(l, e)) return 1;
  return l->unstable ? 0 : stays_or_fails(l, e) ? 1 : 5;
}

// The marks that MKEXPR may make.
static uint16_t marks_of(Lower *l, Value e) {
  return (rigid_head(e) ? 2 : 0) | own_mark(l, e);
}

// Where rules may change, what evaluating has changed a member of is not marked: not as
// rigid either, or what it becomes a part of would count as a value. So where a variable
// among the first n members was evaluated into another slot, both are compared: the label
// to go on at if they differ, or NO_LABEL where none was.
static int ask_for_changes(Lower *l, Value e, const uint16_t *src, uint32_t n,
                           uint16_t marks) {
  int changed = NO_LABEL;
  for (uint32_t i = 0; l->unstable && (marks & 1) && i < n; i++) {
    Value c = ambi_expr_at(e, i);
    uint16_t was = ambi_is_lvar(c) ? l->vars[ambi_lvar_of(c)].slot : NO_SLOT;
    if (was == NO_SLOT || src[i] >= SRC_CHECK || src[i] == was) continue;
    if (changed == NO_LABEL) changed = ambi_lower_label(l);
    ambi_lower_jump(l, OP_I_SAMEV, src[i], was, changed);
    ambi_lower_varl(l, changed);
  }
  return changed;
}

// Is it worth a chain? What an operation gives ends no recursion.
static bool may_chain(Lower *l, Value last) {
  return ambi_is_expr(last) && !ambi_is_op(ambi_expr_at(last, 0)) &&
         !ambi_lower_is_det(l, last);
}

// Data whose last child is still to be computed, as the value of a unit: the cell
// waits in a chain, and the child is what the unit goes on with.
static void chained(Lower *l, Value e, uint16_t *src, ErrTo err,
                    unsigned rest) {
  uint32_t n = ambi_expr_size(e);
  Value last = ambi_expr_at(e, n - 1);
  unsigned then = rest | ambi_effects_term(l->cs, l->space, last);
  ambi_lower_tuple_sources(l, e, 0, n - 1, src, err, then);
  src[n - 1] = ambi_lower_k(l, AMB_UNIT);
  uint16_t cell = ambi_lower_slot(l), marks = marks_of(l, e);
  int changed = ask_for_changes(l, e, src, n - 1, marks);
  ambi_lower_emit(l, OP_I_MKEXPR, cell, n, marks);
  ambi_lower_list(l, src, n);
  if (changed != NO_LABEL) {
    int end = ambi_lower_label(l);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
    ambi_lower_bind(l, changed);
    ambi_lower_emit(l, OP_I_MKEXPR, cell, n, 0);
    ambi_lower_list(l, src, n);
    ambi_lower_bind(l, end);
  }
  ambi_lower_emit(l, OP_I_CHAIN, cell, 0, 0);
  l->bail = NO_LABEL;
  ambi_lower_expr(l, last, AMB_SYM(UNDEFINED), (Dst){.tail = true}, err, rest);
}

static void members(Lower *l, const uint16_t *src, uint32_t n, uint16_t slot,
                    uint16_t marks, ErrTo err) {
  Code head = {.op = OP_I_MKEXPR};
  head.a = slot;
  head.b = (uint16_t)n;
  head.c = marks;
  ambi_lower_emit(l, OP_I_MKEXPR, head.a, head.b, head.c);
  size_t at = l->last;
  ambi_lower_list(l, src, n);
  size_t stubs = l->nstubs;
  ambi_lower_checked_stub(l, at, head, src, n, err);
  if (l->nstubs > stubs) ambi_lower_bind(l, l->stubs[l->nstubs - 1].back);
}

void ambi_lower_members(Lower *l, Value e, const uint16_t *src, uint16_t slot,
                        ErrTo err) {
  uint32_t n = ambi_expr_size(e);
  uint16_t marks = marks_of(l, e);
  int changed = ask_for_changes(l, e, src, n, marks);
  members(l, src, n, slot, marks, err);
  if (changed == NO_LABEL) return;
  int end = ambi_lower_label(l);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
  ambi_lower_bind(l, changed);
  members(l, src, n, slot, 0, err);
  ambi_lower_bind(l, end);
}

// Data whose members were evaluated may have become a call by that.
static int data_or_call(Lower *l, const uint16_t *src, uint32_t n, Value t,
                        Dst d, ErrTo err) {
  Stub *s = ambi_lower_stub(l, STUB_CALL);
  int stub = (int)(s - l->stubs);
  s->dst = d;
  s->err = err;
  s->type = t;
  s->nlist = n;
  s->list = ambi_lower_new_list(l, n);
  if (l->failed) return stub;
  memcpy(s->list, src, n * sizeof *src);
  ambi_lower_emit(l, OP_I_CHKEPOCH, 0, 0, 0);
  ambi_lower_edge(l, s->entry);
  return stub;
}

void ambi_lower_data(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest) {
  uint32_t n = ambi_expr_size(e);
  if (n > 60000) {
    l->refused = true;
    return;
  }
  uint16_t *src = ambi_lower_new_list(l, n);
  if (l->failed) return;
  Value last = ambi_expr_at(e, n - 1);
  if (d.tail && !l->form && n > 1 && !changing_arguments(l, e) &&
      may_chain(l, last)) {
    chained(l, e, src, err, rest);
    return;
  }
  ambi_lower_tuple_sources(l, e, 0, n, src, err, rest);
  uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
  int call = changing_arguments(l, e)
                 ? data_or_call(l, src, n, t, (Dst){false, slot}, err)
                 : -1;
  ambi_lower_members(l, e, src, slot, err);
  if (call >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, call)->back);
  if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
}

// The position a call is.
typedef struct Scope {
  uint16_t slot;  // NO_SLOT: none, or one that ends elsewhere
  bool stream;
  bool begun;  // before the arguments, else with the call
  ErrTo err;   // where an Error that ends it goes
} Scope;

static const Scope no_scope = {.slot = NO_SLOT};

static Code scope_ret(Scope p, uint16_t slot) {
  Code ret = {.op = p.slot == NO_SLOT ? OP_I_R_STORE
                    : p.stream        ? OP_I_R_STREAM
                                      : OP_I_R_GATHER};
  ret.a = slot;
  ret.b = p.slot == NO_SLOT ? 0 : p.slot;
  return ret;
}

// err: where errors of the arguments go.
static void emit_call(Lower *l, Variant *v, uint16_t *src, uint32_t n, Dst d,
                      ErrTo err, Scope p) {
  uint16_t *list = ambi_lower_new_list(l, n + 1);
  if (l->failed) return;
  memcpy(list + 1, src, n * sizeof *src);
  list[0] = 0;  // the frame size, filled in at the end
  Code head = {.op = d.tail ? OP_I_TAILCALL : OP_I_CALL};
  head.a = d.tail ? 0 : p.begun ? NO_SLOT : p.slot;
  head.b = (uint16_t)n;
  v = ambi_lower_callee(l, v, d.tail);
  head.c = ambi_lower_const(l, (Word)(uintptr_t)v);
  ambi_lower_emit(l, (enum Opcode)head.op, head.a, head.b, head.c);
  size_t at = l->last;
  ambi_lower_list(l, list, n + 1);
  Code ret = {.op = OP_I_NOP};
  if (!d.tail) {
    ret = scope_ret(p, d.slot);
    ambi_lower_emit(l, (enum Opcode)ret.op, ret.a, ret.b, 0);
    if (p.slot != NO_SLOT) ambi_lower_error_edge(l, d.slot, p.err);
  }
  size_t stubs = l->nstubs;
  ambi_lower_checked_stub(l, at, head, src, n,
                          p.slot == NO_SLOT || p.begun ? err : p.err);
  if (l->nstubs > stubs) {
    l->stubs[l->nstubs - 1].ret = ret;
    ambi_lower_bind(l, l->stubs[l->nstubs - 1].back);
  }
}

void ambi_lower_call(Lower *l, Variant *v, uint16_t *src, uint32_t n, Dst d,
                     ErrTo err) {
  emit_call(l, v, src, n, d, err, no_scope);
}

static bool callable(Lower *l, Value e, const Head *h, Value t) {
  uint32_t n = ambi_expr_size(e) - 1;
  Value r = ambi_deref(ambi_expr_at(h->ftype, n + 1));
  return n <= MAX_CALL_ARGS && ambi_lower_returns(r, t) &&
         ambi_is_sym(ambi_is_var(r) ? t : r) &&
         ambi_lower_arguments_fit(l, e, h->ftype);
}

static bool members_stay(Lower *l, Value e) {
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (!ambi_lower_is_data(l, ambi_expr_at(e, i))) return false;
  return true;
}

static bool takes_atom(Value ftype, uint32_t i) {
  return is_sym(ambi_deref(ambi_expr_at(ftype, i)), AMB_SYM(T_ATOM).w);
}

// The first argument that is a call, if that and all others may be their own values: then
// so may e. Else 0.
static uint32_t coming_back(Lower *l, Value e, Value ftype) {
  uint32_t first = 0;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value arg = ambi_expr_at(e, i);
    bool term =
        takes_atom(ftype, i) ||
        is_sym(ambi_deref(ambi_expr_at(ftype, i)), AMB_SYM(T_EXPRESSION).w);
    if (term || ambi_lower_is_data(l, arg)) continue;
    if (!ambi_lower_may_stay(l, arg)) return 0;
    if (!first) first = i;
  }
  return first;
}

// Unmarked: evaluated again it is checked again, as what it then is. But what cannot
// have changed is its own value.
static void typed_data(Lower *l, Value e, Value ftype, const uint16_t *all,
                       uint16_t slot) {
  uint32_t n = ambi_expr_size(e);
  bool constant = ambi_is_ground_expr(e), stays = true, atoms = false,
       seen = true;  // what each argument becomes
  for (uint32_t i = 1; i < n; i++) {
    Value arg = ambi_expr_at(e, i);
    bool atom = ambi_is_expr(arg) && takes_atom(ftype, i);
    constant = constant && (atom || is_leaf(arg));
    stays = stays && (atom || ambi_lower_is_data(l, arg));
    atoms |= atom;
    seen &= !ambi_is_lvar(arg) || takes_atom(ftype, i);
  }
  if (constant) {
    ambi_lower_emit(l, OP_I_MOVE, slot, ambi_lower_k(l, ambi_mark_eval(e)), 0);
    return;
  }
  bool error = ambi_expr_at(e, 0).w == AMB_SYM(ERROR).w;  // is never marked
  ambi_lower_emit(l, OP_I_MKEXPR, slot, n, stays && !error);
  ambi_lower_list(l, all, n);
  if (error) return;
  if (stays && atoms && seen) ambi_lower_emit(l, OP_I_OWN, slot, slot, 0);
  uint32_t i = stays ? 0 : coming_back(l, e, ftype);
  if (i) ambi_lower_own_if_same(l, e, slot, ambi_expr_at(e, i), all[i]);
}

static uint32_t call_coming_back(Lower *l, Value e, const Head *h) {
  return ambi_may_stay(l->cs, h->def) ? coming_back(l, e, h->ftype) : 0;
}

static bool call_typed(Lower *l, Value e, Head h, Value t, Dst d, ErrTo err,
                       unsigned rest, Scope p) {
  uint32_t n = ambi_expr_size(e) - 1;
  Value r = ambi_deref(ambi_expr_at(h.ftype, n + 1));
  if (!callable(l, e, &h, t)) return false;
  if (is_sym(r, AMB_SYM(T_EXPRESSION).w)) r = AMB_SYM(UNDEFINED);
  if (ambi_is_var(r)) r = t;  // bound to what is expected
  ambi_lower_prepare(l, e);
  int stub = ambi_lower_bail_stub(l, e, t, d, err);
  for (uint32_t i = 1; i <= n; i++)
    ambi_lower_guard(l, ambi_expr_at(e, i),
                     ambi_deref(ambi_expr_at(h.ftype, i)),
                     ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_guard_nested(l, e, ambi_lower_stub_at(l, stub)->entry);
  uint16_t *src = ambi_lower_new_list(l, n);
  if (l->failed) return true;
  bool quiet = true, same = true;  // same: evaluating has changed no argument
  for (uint32_t i = 1; i <= n; i++) {
    Value param = ambi_deref(ambi_expr_at(h.ftype, i)),
          arg = ambi_expr_at(e, i);
    if (ambi_is_var(param)) param = AMB_SYM(UNDEFINED);
    if (is_sym(param, AMB_SYM(T_EXPRESSION).w))
      param = AMB_SYM(T_ATOM);  // checked already
    if (quiet && !is_sym(param, AMB_SYM(T_ATOM).w))
      l->arg_bail = ambi_lower_stub_at(l, stub)->entry;
    bool term = is_sym(param, AMB_SYM(T_ATOM).w);
    same = same && (term || (quiet          ? ambi_lower_is_data(l, arg)
                             : is_leaf(arg) ? !ambi_is_lvar(arg)
                                            : ambi_is_ground_expr(arg) &&
                                                  ambi_lower_is_data(l, arg)));
    quiet = quiet && (term || ambi_lower_is_tree(l, arg));
    l->bound_since = !quiet && ambi_lower_bound_since(l, e, i, param);
    src[i - 1] =
        ambi_lower_operand(l, arg, param, err,
                           ambi_lower_effects_behind(l, e, i + 1, rest), false);
    l->bound_since = false;
    l->arg_bail = NO_LABEL;
  }
  Variant *v =
      same ? ambi_variant_same(l->cs, h.def, r) : ambi_variant(l->cs, h.def, r);
  if (!v) {
    l->failed = true;
    return true;
  }
  if (!ambi_info_of(h.def).has_rules) {  // data of a typed constructor
    uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
    uint16_t *all = ambi_lower_new_list(l, n + 1);
    if (l->failed) return true;
    all[0] = ambi_lower_k(l, ambi_expr_at(e, 0));
    memcpy(all + 1, src, n * sizeof *src);
    int call = changing_arguments(l, e)
                   ? data_or_call(l, all, n + 1, r, (Dst){false, slot}, err)
                   : -1;
    typed_data(l, e, h.ftype, all, slot);
    if (call >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, call)->back);
    if (d.tail) ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
  } else {
    uint32_t i = same ? 0 : call_coming_back(l, e, &h);
    if (i && d.tail)
      ambi_lower_own_call(l, e, src, ambi_variant_same(l->cs, h.def, r), i);
    emit_call(l, v, src, n, d, err, p);
    if (i && !d.tail) ambi_lower_own_if_same(l, e, d.slot, e, d.slot);
  }
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}

static void call_untyped(Lower *l, Value e, Head h, Value t, Dst d, ErrTo err,
                         unsigned rest, Scope p) {
  uint32_t n = ambi_expr_size(e) - 1;
  Variant *v = n > MAX_CALL_ARGS    ? NULL
               : members_stay(l, e) ? ambi_variant_same(l->cs, h.def, t)
                                    : ambi_variant(l->cs, h.def, t);
  if (!v) {
    if (n > MAX_CALL_ARGS)
      l->refused = true;
    else
      l->failed = true;
    return;
  }
  uint16_t *src = ambi_lower_new_list(l, n);
  if (l->failed) return;
  ambi_lower_tuple_sources(l, e, 1, ambi_expr_size(e), src, err, rest);
  emit_call(l, v, src, n, d, err, p);
}

// Could evaluating the arguments leave choices, or end in an Error?
static bool arguments_choose(Lower *l, Value e, const Head *h) {
  uint32_t n = ambi_expr_size(e);
  bool later = false;  // an application stands behind
  for (uint32_t i = n - 1; i > 0; i--) {
    Value c = ambi_expr_at(e, i);
    if (h->kind == HEAD_TYPED) {
      Value p = ambi_deref(ambi_expr_at(h->ftype, i));
      if (is_sym(p, AMB_SYM(T_ATOM).w) || is_sym(p, AMB_SYM(T_EXPRESSION).w))
        continue;
      if (ambi_is_lvar(c)) return true;
    }
    if (!ambi_lower_is_det(l, c) || (later && ambi_is_lvar(c))) return true;
    later |= ambi_is_expr(c);
  }
  return false;
}

static bool call_in(Lower *l, Value e, Head h, Value t, uint16_t slot,
                    ErrTo err, unsigned rest, Scope p) {
  Dst d = {false, slot};
  if (h.kind == HEAD_TYPED) return call_typed(l, e, h, t, d, err, rest, p);
  call_untyped(l, e, h, t, d, err, rest, p);
  return true;
}

// A call that is a position by itself. The call notes the choice stack, unless
// its arguments may leave choices: then the position begins before them, and
// an Error of an argument ends it.
static bool call_at(Lower *l, Value e, Value t, uint16_t slot, uint16_t pos,
                    ErrTo err, unsigned rest, bool stream) {
  Value head = ambi_expr_at(e, 0);
  if (ambi_is_lvar(head))
    return ambi_lower_site_at(l, e, t, slot, pos, err, stream);
  if (!ambi_is_sym(head) || ambi_is_instruction(e) || ambi_lower_is_form(l, e))
    return false;
  Head h = ambi_lower_head_of(l, e);
  if (is_sym(head, AMB_SYM(EMPTY).w)) return false;
  if (h.kind != HEAD_CALL &&
      (h.kind != HEAD_TYPED || !ambi_info_of(h.def).has_rules))
    return false;
  Scope p = {pos, stream, arguments_choose(l, e, &h), err};
  if (!p.begun) return call_in(l, e, h, t, slot, err, rest, p);
  if (h.kind == HEAD_TYPED && !callable(l, e, &h, t)) return false;
  begin_position(l, e, p.slot);
  int stub = ambi_lower_position_stub(l, scope_ret(p, slot), err);
  ErrTo end = {false, slot, ambi_lower_stub_at(l, stub)->entry};
  bool done = call_in(l, e, h, t, slot, end, rest, p);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return done || l->failed || l->refused;
}

// ---- expressions ----------------------------------------------------------------

// What kind of application it is was looked up when it was lowered. In a unit
// during which rules may change, that is checked before it is used.
static int check_epoch(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  ambi_lower_prepare(l, e);
  int stub = ambi_lower_bail_stub(l, e, t, d, err);
  ambi_lower_emit(l, OP_I_CHKEPOCH, 0, 0, 0);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  return stub;
}

// The same for a form, which may have been given more rules since the unit began.
static int form_check(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  if (!l->unstable || !l->ran || !ambi_lower_is_form(l, e)) return -1;
  if (!d.tail) ambi_lower_prepare_shared(l, e);
  int stub = ambi_lower_bail_stub(l, e, t, d, err);
  ambi_lower_emit(l, OP_I_CHKEPOCH, 0, 0, 0);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  return stub;
}

// Could a symbol have gained a type when it is its turn to be an argument?
static bool types_may_come(Lower *l, Value e) {
  bool changing = false;
  for (uint32_t i = 1; l->unstable && i < ambi_expr_size(e); i++) {
    Value c = ambi_expr_at(e, i);
    if (changing && ambi_is_sym(c)) return true;
    changing |= (ambi_effects_term(l->cs, l->space, c) & E_RULES) != 0;
  }
  return false;
}

static void application(Lower *l, Value e, Value t, Dst d, ErrTo err,
                        unsigned rest) {
  Value head = ambi_expr_at(e, 0);
  Head h = ambi_lower_head_of(l, e);
  if (l->failed) return;
  bool odd = l->bail != NO_LABEL && !ambi_is_lvar(head) &&
             !ambi_lower_inside_fits(l, e, false);
  if (odd || (h.kind == HEAD_TYPED && types_may_come(l, e))) {
    ambi_lower_generic(l, e, t, d, err);
    return;
  }
  if (ambi_is_expr(head) && ambi_lower_applied_lambda(l, e, t, d, err, rest))
    return;
  if (ambi_is_op(head)) {
    if (ambi_lower_state(l, e, t, d, err, rest)) return;
    if (h.kind == HEAD_TYPED && ambi_lower_builtin(l, e, h, t, d, err, rest))
      return;
  } else if (h.kind == HEAD_DATA) {
    ambi_lower_data(l, e, t, d, err, rest);
    return;
  } else if (ambi_is_lvar(head)) {
    ambi_lower_site(l, e, t, d, err, rest, changing_arguments(l, e));
    return;
  } else if (h.kind == HEAD_CALL && is_sym(head, AMB_SYM(EMPTY).w)) {
    ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);  // as a member that is evaluated
    return;
  } else if (h.kind == HEAD_CALL) {
    call_untyped(l, e, h, t, d, err, rest, no_scope);
    return;
  } else if (h.kind == HEAD_TYPED &&
             call_typed(l, e, h, t, d, err, rest, no_scope)) {
    return;
  }
  ambi_lower_generic(l, e, t, d, err);
}

// Do the types of symbols decide what the operation is applied to?
static bool names_symbol(Value e) {
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value c = ambi_expr_at(e, i);
    if (ambi_is_sym(c)) return true;
    if (ambi_is_expr(c) && ambi_is_op(ambi_expr_at(c, 0)) && names_symbol(c))
      return true;
  }
  return false;
}

static void no_form(Lower *l, Value e, Value t, Dst d, ErrTo err, unsigned rest,
                    bool check) {
  Value head = ambi_expr_at(e, 0);
  if (ambi_is_instruction(e)) {
    ambi_lower_generic(l, e, t, d, err);
    return;
  }
  int stub = -1;
  bool rules = ambi_is_op(head) ? names_symbol(e) : !ambi_is_lvar(head);
  if (check && l->unstable && rules) stub = check_epoch(l, e, t, d, err);
  application(l, e, t, d, err, rest);
  if (stub >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}

void ambi_lower_expr(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest) {
  if (l->failed || l->refused) return;
  if (ambi_is_lvar(e)) {
    ambi_lower_variable(l, e, t, d, err);
    return;
  }
  if (!ambi_is_expr(e)) {
    ambi_lower_leaf(l, e, t, d, err);
    return;
  }
  if (is_sym(t, AMB_SYM(T_ATOM).w) || is_sym(t, AMB_SYM(T_EXPRESSION).w)) {
    ambi_lower_give(l, ambi_lower_term(l, e), d);
    return;
  }
  e = ambi_lower_receive(l, e);
  int stub = form_check(l, e, t, d, err);
  if (!ambi_lower_form_expr(l, e, t, d, err, rest))
    no_form(l, e, t, d, err, rest, stub < 0);
  if (stub >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}
