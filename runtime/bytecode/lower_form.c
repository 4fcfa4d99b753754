// Special forms: heads whose meaning the core library fixes.
//
// if, let, let*, case, switch, unify, collapse, once, superpose, match, quote,
// noeval, id, empty become code as long as the program added no rule or type to
// them.
#include "runtime/bytecode/lower.h"

#include "memory/alloc.h"
#include "runtime/machine/routine.h"

enum Meaning { NOT_KNOWN, AS_IN_LIBRARY, CHANGED };  // Definition.form

// NOT_KNOWN: memory is out.
static enum Meaning compared(Space *s, Space *lib, Value head, uint32_t nargs) {
  RecordVec all = {0}, own = {0};
  bool told = ambi_space_rules(s, head, nargs, &all) &&
              ambi_space_rules(lib, head, nargs, &own);
  bool same = told && all.n == own.n && own.n > 0;
  for (size_t i = 0; same && i < all.n; i++)
    same = ambi_same(all.at[i].held, own.at[i].held);
  if (same) {
    all.n = own.n = 0;
    told = ambi_space_types(s, head, &all) && ambi_space_types(lib, head, &own);
    same = all.n == own.n;
  }
  ambi_records_drop(&all);
  ambi_records_drop(&own);
  return !told ? NOT_KNOWN : same ? AS_IN_LIBRARY : CHANGED;
}

static bool untouched(CodeState *cs, Space *s, Value head, uint32_t nargs) {
  Definition *d = ambi_definition(cs, s, head, nargs);
  if (d && ambi_info_of(d).dynamic) return false;
  if (d && d->form == NOT_KNOWN)
    d->form = (uint8_t)compared(s, cs->rt->corelib, head, nargs);
  if (!d || d->form == NOT_KNOWN) {
    cs->starved = true;
    return false;
  }
  ambi_code_rely(cs, head);
  return d->form == AS_IN_LIBRARY;
}

enum Form {
  FORM_NONE,
  FORM_IF,
  FORM_LET,
  FORM_LETS,
  FORM_CASE,
  FORM_SWITCH,
  FORM_UNIFY,
  FORM_COLLAPSE,
  FORM_ONCE,
  FORM_BEST,
  FORM_SUPERPOSE,
  FORM_MATCH,
  FORM_QUOTE,
  FORM_NOEVAL,
  FORM_ID,
  FORM_EMPTY,
  FORM_FOLD,
  FORM_MAP,
  FORM_FILTER,
  FORM_CAR,
  FORM_CDR,
  FORM_CONS,
  FORM_DECONS,
  FORM_CHAIN,
  FORM_DEEPEN
};

static const struct FormRow {
  uint32_t symbol;
  uint32_t nargs;
  enum Form form;
} forms[] = {
    {AMB_S_IF, 3, FORM_IF},
    {AMB_S_LET, 3, FORM_LET},
    {AMB_S_LET_STAR, 2, FORM_LETS},
    {AMB_S_CASE, 2, FORM_CASE},
    {AMB_S_SWITCH, 2, FORM_SWITCH},
    {AMB_S_COLLAPSE, 1, FORM_COLLAPSE},
    {AMB_S_ONCE, 1, FORM_ONCE},
    {AMB_S_QUOTE, 1, FORM_QUOTE},
    {AMB_S_NOEVAL, 1, FORM_NOEVAL},
    {AMB_S_ID, 1, FORM_ID},
    {AMB_S_EMPTY_CALL, 0, FORM_EMPTY},
    {AMB_S_FOLDL_ATOM, 5, FORM_FOLD},
    {AMB_S_MAP_ATOM, 3, FORM_MAP},
    {AMB_S_FILTER_ATOM, 3, FORM_FILTER},
    {AMB_S_CAR_ATOM, 1, FORM_CAR},
    {AMB_S_CDR_ATOM, 1, FORM_CDR},
};

bool ambi_form_untouched(CodeState *cs, Space *s, Value head, uint32_t nargs) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (ambi_is_sym(head) && forms[i].symbol == ambi_sym_of(head) &&
        forms[i].nargs == nargs)
      return untouched(cs, s, head, nargs);
  return false;
}

// Some forms are made of others.
static bool made_of_library(Lower *l, enum Form form) {
  switch (form) {
  case FORM_LETS: return untouched(l->cs, l->space, AMB_SYM(LET), 3);
  case FORM_CASE:
  case FORM_SWITCH:
    return untouched(l->cs, l->space, AMB_SYM(SWITCH_MINIMAL), 2);
  default: return true;
  }
}

static bool is_best(Value op) {
  return ambi_op_of(op) == OP_MINIMIZE || ambi_op_of(op) == OP_MAXIMIZE;
}

static enum Form form_of(Lower *l, Value e) {
  Value head = ambi_expr_at(e, 0);
  uint32_t n = ambi_expr_size(e) - 1;
  if (ambi_is_op(head)) {
    if (ambi_op_of(head) == OP_SUPERPOSE && n == 1) return FORM_SUPERPOSE;
    if (ambi_op_of(head) == OP_MATCH && n == 3) return FORM_MATCH;
    if (ambi_op_of(head) == OP_ONCE && n == 1) return FORM_ONCE;
    if (is_best(head) && n == 1) return FORM_BEST;
    return FORM_NONE;
  }
  if (!ambi_is_sym(head)) return FORM_NONE;
  if (ambi_sym_of(head) == AMB_S_UNIFY && n == 4) return FORM_UNIFY;
  if (ambi_sym_of(head) == AMB_S_CONS_ATOM && n == 2) return FORM_CONS;
  if (ambi_sym_of(head) == AMB_S_DECONS_ATOM && n == 1) return FORM_DECONS;
  if (ambi_sym_of(head) == AMB_S_CHAIN && n == 3) return FORM_CHAIN;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (forms[i].symbol == ambi_sym_of(head) && forms[i].nargs == n)
      return untouched(l->cs, l->space, head, n) &&
                     made_of_library(l, forms[i].form)
                 ? forms[i].form
                 : FORM_NONE;
  return ambi_lower_deepens(l, e) ? FORM_DEEPEN : FORM_NONE;
}

bool ambi_lower_is_form(Lower *l, Value e) {
  return form_of(l, e) != FORM_NONE;
}

// ---- the forms ------------------------------------------------------------------------------

void ambi_lower_come_back(Lower *l, int stub) {
  if (stub >= 0) ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}

// A value stays one, though its variables were bound since, where it is a part of
// what is handed on. A body that is a variable is all of it: then what the match
// binds makes it an atom to be evaluated. What was bound before does not, so that is
// put in its place before the match. Gives the slot the variable had, for what does
// not come this way.
static uint16_t settle_body(Lower *l, Value body) {
  if (!ambi_is_lvar(body) || ambi_lower_unset(l, body)) return NO_SLOT;
  Var *v = &l->vars[ambi_lvar_of(body)];
  uint16_t slot = ambi_lower_slot(l), was = v->slot;
  ambi_lower_emit(l, OP_I_SETTLE, slot, was, 0);
  v->slot = slot;
  return was;
}

// What a match binds a body to is evaluated again. That gives the same as long as marks
// hold, unless a rule may apply to a value: to a quoted one, if the program has rules for
// quote.
uint16_t ambi_lower_matched(Lower *l, uint16_t slot) {
  if (ambi_form_untouched(l->cs, l->space, AMB_SYM(QUOTE), 1)) return slot;
  uint16_t bare = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_UNMARK, bare, slot, 0);
  return bare;
}

static void matched_body(Lower *l, Value body, Value call, uint16_t settled,
                         Dst d, ErrTo err, unsigned rest) {
  l->whole = ambi_is_lvar(body);
  Var *v = l->whole ? &l->vars[ambi_lvar_of(body)] : NULL;
  uint16_t was = v ? v->slot : NO_SLOT;
  if (was != NO_SLOT && settled == NO_SLOT) {
    v->slot = ambi_lower_matched(l, was);
    settled = was;
    l->bound = true;
  }
  ambi_lower_body(l, body, call, AMB_SYM(UNDEFINED), d, err, rest);
  l->whole = l->bound = false;
  if (settled != NO_SLOT) l->vars[ambi_lvar_of(body)].slot = settled;
}

// The calls below are what the library's rules make of a form when its body is
// the next step. An odd body goes back to them.
static void branch(Lower *l, Value e, Value truth, Value body, Value t, Dst d,
                   ErrTo err, unsigned rest) {
  Value call = AMB_NONE;
  if (ambi_lower_odd_body(body))
    call = AMB_EXPR(l->cx, ambi_expr_at(e, 0), truth, ambi_expr_at(e, 2),
                    ambi_expr_at(e, 3));
  ambi_lower_body(l, body, call, t, d, err, rest);
}

// Behind a match of the pattern with a value, which has become equal to it.
static void let_body(Lower *l, Value pattern, bool fresh, Value body,
                     uint16_t settled, Dst d, ErrTo err, unsigned rest) {
  Value call = AMB_NONE;
  if (ambi_lower_odd_body(body))
    call =
        AMB_EXPR(l->cx, AMB_SYM(UNIFY), pattern, pattern, body, AMB_SYM(EMPTY));
  // A variable that is new here does not stand in older values, unless it is the
  // value itself.
  if (fresh && settled == NO_SLOT)
    ambi_lower_body(l, body, call, AMB_SYM(UNDEFINED), d, err, rest);
  else
    matched_body(l, body, call, settled, d, err, rest);
}

static void lets_body(Lower *l, Value e, Value body, Dst d, ErrTo err,
                      unsigned rest) {
  Value call = AMB_NONE;
  if (ambi_lower_odd_body(body))
    call = AMB_EXPR(l->cx, ambi_expr_at(e, 0), AMB_UNIT, body);
  ambi_lower_body(l, body, call, AMB_SYM(UNDEFINED), d, err, rest);
}

static void lower_if(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest) {
  int no = ambi_lower_label(l), end = ambi_lower_label(l);
  Value yes = ambi_expr_at(e, 2), other = ambi_expr_at(e, 3);
  if (!d.tail) {
    ambi_lower_prepare_shared(l, yes);
    ambi_lower_prepare_shared(l, other);
  }
  unsigned then = rest | ambi_effects_term(l->cs, l->space, yes) |
                  ambi_effects_term(l->cs, l->space, other);
  Value cond = ambi_expr_at(e, 1);
  if (!d.tail) ambi_lower_prepare_shared(l, cond);
  int bail = l->bail, whole = ambi_lower_bail_stub(l, e, t, d, err);
  l->bail = ambi_lower_stub_at(l, whole)->entry;
  if (ambi_lower_is_asked(cond))
    ambi_lower_guard(l, cond, AMB_SYM(T_BOOL), l->bail);
  int odd = ambi_lower_condition(l, cond, e, no, d, err, t, then);
  l->bail = bail;
  Var *vars = ambi_lower_save_vars(l);
  branch(l, e, AMB_TRUE, yes, t, d, err, rest);
  if (!d.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
  ambi_lower_bind(l, no);
  ambi_lower_restore_vars(l, vars);
  branch(l, e, AMB_FALSE, other, t, d, err, rest);
  ambi_lower_bind(l, end);
  ambi_lower_come_back(l, odd);
  ambi_lower_come_back(l, whole);
}

bool ambi_lower_may_be_space(Lower *l, Value v) {
  if (!ambi_is_expr(v)) return ambi_is_lvar(v) || ambi_is_space(v);
  if (ambi_lower_plain_builtin(ambi_expr_at(v, 0))) return false;
  return ambi_lower_is_form(l, v) || ambi_lower_head_of(l, v).kind != HEAD_DATA;
}

// What a value that is a space meets is a query: all is left to EVAL then, in
// which the pattern and the rest of the form are `term`.
int ambi_lower_space_check(Lower *l, uint16_t slot, Value term, Dst d,
                           ErrTo err) {
  int stub = ambi_lower_space_stub(l, slot, term, d, err);
  ambi_lower_emit(l, OP_I_CHKBOUND, slot, 0, 0);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  return stub;
}

// then: what stands behind the match; settled: and is all that it hands on, see
// settle_body. The stub that comes back, or -1.
static int let_one(Lower *l, Value p, Value v, Value then, uint16_t *settled,
                   Dst d, ErrTo err, unsigned rest) {
  if (ambi_lower_decons_into(l, p, v, err)) return -1;
  uint16_t src = ambi_lower_checked_operand(l, v, err, rest);
  int stub = -1, step = -1;
  if (l->unstable && ambi_is_expr(v)) {
    src = ambi_lower_in_slot(l, src);
    step = ambi_lower_step_check(l, AMB_EXPR(l->cx, AMB_SYM(LET), p, v, then),
                                 2, src, AMB_SYM(UNDEFINED), d, err);
  }
  if (!ambi_is_lvar(p) && ambi_lower_may_be_space(l, v)) {
    src = ambi_lower_in_slot(l, src);
    stub = ambi_lower_space_check(
        l, src,
        AMB_EXPR(l->cx, AMB_SYM(UNIFY), AMB_UNIT, p, then, AMB_SYM(EMPTY)), d,
        err);
  }
  bool set = ambi_is_lvar(p) && !ambi_lower_unset(l, p);
  bool settle = settled && !ambi_lower_unset(l, p);
  if (settle && !ambi_is_lvar(p)) *settled = settle_body(l, then);
  ambi_lower_match(l, src, p, NO_LABEL);
  size_t unify = l->last;
  if (stub < 0 && set) {  // a space in the pattern is asked
    stub = ambi_lower_space_stub(
        l, src,
        AMB_EXPR(l->cx, AMB_SYM(UNIFY), AMB_UNIT, p, then, AMB_SYM(EMPTY)), d,
        err);
    ambi_lower_edge_at(l, unify, ambi_lower_stub_at(l, stub)->entry);
  }
  if (settle && ambi_is_lvar(p)) {
    // UNIFYV does it first: R_SAME wants to stand right before that.
    *settled = settle_body(l, then);
    if (*settled != NO_SLOT && !l->failed) l->code[unify].c = 1;
  }
  if (stub < 0 || step < 0) return stub < 0 ? step : stub;
  ambi_lower_stub_at(l, step)->back = ambi_lower_stub_at(l, stub)->back;
  return stub;
}

// An argument that the type check of the form answers with an Error.
bool ambi_lower_wrong(Lower *l, Value v) {
  return ambi_is_expr(v) && (ambi_expr_at(v, 0).w == AMB_SYM(ERROR).w ||
                             ambi_lower_ill_typed(l, v));
}

static bool lower_let(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value pattern = ambi_expr_at(e, 1), value = ambi_expr_at(e, 2),
        body = ambi_expr_at(e, 3);
  // A space as the pattern is searched for the value.
  if (ambi_lower_wrong(l, value) || ambi_is_space(pattern)) return false;
  unsigned then = rest | ambi_effects_term(l->cs, l->space, body);
  bool fresh = ambi_lower_unset(l, pattern) && !ambi_same(pattern, body);
  uint16_t settled = NO_SLOT;
  int space = let_one(l, pattern, value, body, &settled, d, err, then);
  let_body(l, pattern, fresh, body, settled, d, err, rest);
  ambi_lower_come_back(l, space);
  return true;
}

// Code for a pair may need the pairs behind it as a term: very many are left to the
// library's rule, which takes them one by one.
static bool pairs(Lower *l, Value list) {
  enum { MAX_PAIRS = 250 };
  if (!ambi_is_expression(list) || ambi_expr_size(list) > MAX_PAIRS)
    return false;
  for (uint32_t i = 0; i < ambi_expr_size(list); i++) {
    Value p = ambi_expr_at(list, i);
    if (ambi_expr_size(p) != 2 || ambi_lower_wrong(l, ambi_expr_at(p, 1)) ||
        ambi_is_space(ambi_expr_at(p, 0)))
      return false;
  }
  return true;
}

// The let* e without its first pairs.
static Value others(Lower *l, Value e, uint32_t from) {
  Value list = ambi_expr_at(e, 1);
  uint32_t n = ambi_expr_size(list) - from;
  Value rest =
      n ? ambi_make_expr(l->cx, ambi_expr_items(list) + from, n) : AMB_UNIT;
  if (ambi_is_none(rest)) return rest;
  return AMB_EXPR(l->cx, ambi_expr_at(e, 0), rest, ambi_expr_at(e, 2));
}

static bool lower_lets(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value list = ambi_expr_at(e, 1), body = ambi_expr_at(e, 2);
  if (!pairs(l, list)) return false;
  uint32_t n = ambi_expr_size(list);
  unsigned *then = ambi_arena_alloc(&l->arena, (n + 1) * sizeof *then);
  int *back = ambi_arena_alloc(&l->arena, (n + 1) * sizeof *back);
  if (!then || !back) {
    l->failed = true;
    return true;
  }
  then[n] = rest | ambi_effects_term(l->cs, l->space, body);
  for (uint32_t i = n; i-- > 0;)
    then[i] =
        then[i + 1] | ambi_effects_term(l->cs, l->space,
                                        ambi_expr_at(ambi_expr_at(list, i), 1));
  for (uint32_t i = 0; i < n; i++) {
    Value p = ambi_expr_at(list, i);
    back[i] = let_one(l, ambi_expr_at(p, 0), ambi_expr_at(p, 1),
                      others(l, e, i + 1), NULL, d, err, then[i + 1]);
  }
  lets_body(l, e, body, d, err, rest);
  for (uint32_t i = 0; i < n; i++)
    ambi_lower_come_back(l, back[i]);
  return true;
}

static bool lower_unify(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  Value yes = ambi_expr_at(e, 3), other = ambi_expr_at(e, 4);
  int whole = l->whole_call;
  l->whole_call = NO_LABEL;
  if (ambi_is_space(a) || ambi_is_space(b)) return false;
  if (!d.tail) ambi_lower_prepare_shared(l, e);
  int query = -1;
  if (ambi_is_lvar(a)) ambi_lower_var(l, ambi_lvar_of(a));
  if (ambi_is_lvar(b)) ambi_lower_var(l, ambi_lvar_of(b));
  if (ambi_is_lvar(a) || ambi_is_lvar(b))  // may hold a space
    query = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
  for (uint32_t i = 1; i <= 2; i++) {
    Value x = ambi_expr_at(e, i);
    if (!ambi_is_lvar(x)) continue;
    ambi_lower_emit(l, OP_I_CHKBOUND, l->vars[ambi_lvar_of(x)].slot, 0, 0);
    ambi_lower_edge(l, ambi_lower_stub_at(l, query)->entry);
  }
  int no = ambi_lower_label(l), end = ambi_lower_label(l);
  uint16_t src = ambi_lower_in_slot(l, ambi_lower_term(l, a));
  Var *vars = ambi_lower_save_vars(l);
  uint16_t settled = settle_body(l, yes);
  ambi_lower_match(l, src, b, no);
  l->whole_call = whole;
  matched_body(l, yes, e, settled, d, err, rest);
  if (!d.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
  ambi_lower_bind(l, no);
  ambi_lower_restore_vars(l, vars);
  l->whole_call = whole;
  ambi_lower_body(l, other, e, AMB_SYM(UNDEFINED), d, err, rest);
  ambi_lower_bind(l, end);
  ambi_lower_come_back(l, query);
  return true;
}

// What a collector gets of x, in d's slot or one of its own. best: of COLLECT.
static uint16_t collected(Lower *l, Value x, unsigned best, Dst d) {
  uint16_t p = ambi_lower_slot(l), v = ambi_lower_slot(l);
  uint16_t out = d.tail ? ambi_lower_slot(l) : d.slot;
  int done = ambi_lower_label(l), add = ambi_lower_label(l);
  ambi_lower_prepare_shared(l, x);
  Var *vars = ambi_lower_save_vars(l);
  bool counted = l->counted;
  uint16_t held = ambi_lower_hold(l);
  l->counted = false;
  ambi_lower_jump(l, OP_I_COLLECT, p, best, done);
  uint16_t outer = l->each;
  l->each = best ? v : NO_SLOT;  // a value without a cost counts as an Error
  ambi_lower_expr(l, x, AMB_SYM(UNDEFINED), (Dst){false, v},
                  (ErrTo){false, v, add}, 0);
  l->each = outer;
  ambi_lower_bind(l, add);
  ambi_lower_emit(l, OP_I_COLLECT_ADD, v, p, 0);
  ambi_lower_bind(l, done);
  ambi_lower_emit(l, OP_I_COLLECT_END, out, 0, 0);
  l->counted = counted;
  ambi_lower_count(l, held);
  ambi_lower_restore_vars(l, vars);
  return out;
}

static void lower_collapse(Lower *l, Value e, Dst d, ErrTo err) {
  uint16_t out = collected(l, ambi_expr_at(e, 1), 0, d);
  // the results together may look like a function
  int odd = ambi_lower_body_stub(l, out, e, AMB_SYM(T_ATOM), d, err);
  ambi_lower_emit(l, OP_I_CHKBODY, out, 0, 0);
  ambi_lower_edge(l, ambi_lower_stub_at(l, odd)->entry);
  ambi_lower_give_built(l, out, d);
  ambi_lower_bind(l, ambi_lower_stub_at(l, odd)->back);
}

static bool lower_once(Lower *l, Value e, Dst d, ErrTo err) {
  if (ambi_lower_odd_body(ambi_expr_at(e, 1))) return false;
  uint16_t p = ambi_lower_slot(l), v = ambi_lower_slot(l);
  int end = ambi_lower_label(l);
  Value of = ambi_once_of(l->cx, ambi_expr_at(e, 1));
  if (ambi_is_none(of)) l->failed = true;
  if (l->failed) return true;
  ambi_lower_prepare_shared(l, of);
  Var *vars = ambi_lower_save_vars(l);
  bool counted = l->counted;
  uint16_t held = ambi_lower_hold(l);
  l->counted = false;
  ambi_lower_emit(l, OP_I_ONCE, p, 0, 0);
  uint16_t outer = l->first;
  l->first = v;
  ambi_lower_expr(l, of, AMB_SYM(UNDEFINED), (Dst){false, v},
                  (ErrTo){false, v, end}, 0);
  l->first = outer;
  ambi_lower_bind(l, end);
  ambi_lower_emit(l, OP_I_ONCE_END, v, p, 0);
  l->counted = counted;
  ambi_lower_count(l, held);
  ambi_lower_restore_vars(l, vars);
  // The rule of `once` calls the operation, which may be sent back.
  e = AMB_EXPR(l->cx, AMB_OP_ID(OP_ONCE), ambi_expr_at(e, 1));
  if (ambi_is_none(e)) l->failed = true;
  if (!l->failed) ambi_lower_result_in(l, v, e, d, err);
  return true;
}

// minimize and maximize: what they collect has no bindings, so a variable that a result
// may bind leaves them to the operation.
static bool lower_best(Lower *l, Value e, Dst d, ErrTo err) {
  Value x = ambi_expr_at(e, 1);
  uint16_t vars[MAX_VARS];
  if (ambi_lower_odd_body(x)) return false;
  ambi_lower_prepare_shared(l, x);
  int open = -1;
  unsigned n = ambi_lower_vars_of(l, x, vars);
  for (unsigned i = 0; i < n; i++) {
    uint16_t slot = l->vars[vars[i]].slot;
    if (slot == NO_SLOT) continue;
    if (open < 0) open = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
    ambi_lower_emit(l, OP_I_CHKGROUND, slot, slot, 0);
    ambi_lower_edge(l, ambi_lower_stub_at(l, open)->entry);
  }
  bool least = ambi_op_of(ambi_expr_at(e, 0)) == OP_MINIMIZE;
  uint16_t v = collected(l, x, least ? 1 : 2, (Dst){.tail = true});
  uint16_t made = ambi_lower_made_of(l, v);
  ambi_lower_emit(l, OP_I_FORKV, v, v, 0);
  ambi_lower_count(l, made);
  ambi_lower_result_in(l, v, e, d, err);
  ambi_lower_come_back(l, open);
  return true;
}

// What several alternatives name is one variable in all of them.
static void prepare_common(Lower *l, Value list) {
  uint16_t vars[MAX_VARS];
  uint16_t items[MAX_VARS] = {0};
  for (uint32_t i = 0; i < ambi_expr_size(list); i++) {
    unsigned n = ambi_lower_vars_of(l, ambi_expr_at(list, i), vars);
    for (unsigned k = 0; k < n; k++)
      if (++items[vars[k]] == 2) ambi_lower_var(l, vars[k]);
  }
}

// Alternatives written out: one choice record that moves along.
static void alternatives(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value list = ambi_expr_at(e, 1);
  uint32_t n = ambi_expr_size(list);
  int end = ambi_lower_label(l);
  if (!d.tail) ambi_lower_prepare_shared(l, list);
  prepare_common(l, list);
  Var *vars = ambi_lower_save_vars(l);
  uint16_t made = n > 1 ? ambi_lower_made(l) : NO_SLOT;
  for (uint32_t i = 0; i < n; i++) {
    int next = ambi_lower_label(l);
    if (i + 1 < n)
      ambi_lower_jump(l, i ? OP_I_RETRY : OP_I_TRY, 0, 0, next);
    else if (i)
      ambi_lower_emit(l, OP_I_TRUST, 0, 0, 0);
    ambi_lower_count(l, made);
    ambi_lower_restore_vars(l, vars);
    ambi_lower_result(l, ambi_expr_at(list, i), e, d, err, rest);
    if (!d.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
    ambi_lower_bind(l, next);
  }
  ambi_lower_bind(l, end);
}

static bool constants(Value list) {
  for (uint32_t i = 0; i < ambi_expr_size(list); i++) {
    Value v = ambi_expr_at(list, i);
    if (ambi_is_lvar(v) || ambi_is_expr(v) || v.w == AMB_SYM(EMPTY).w)
      return false;
  }
  return true;
}

static bool odd_item(Value list) {
  for (uint32_t i = 0; i < ambi_expr_size(list); i++)
    if (ambi_odd_body(ambi_expr_at(list, i))) return true;
  return false;
}

static bool lower_superpose(Lower *l, Value e, Dst d, ErrTo err,
                            unsigned rest) {
  Value list = ambi_expr_at(e, 1);
  if (ambi_is_unit(list)) {
    ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
    return true;
  }
  if (odd_item(list)) return false;
  bool fixed = ambi_is_expr(list) && constants(list);
  if (ambi_is_expr(list) && !fixed) {
    alternatives(l, e, d, err, rest);
    return true;
  }
  if (!fixed && !ambi_is_lvar(list)) return false;
  int back = NO_LABEL, entry = NO_LABEL;
  uint16_t src;
  if (fixed) {
    src = ambi_lower_in_slot(l, ambi_lower_k(l, list));
  } else {
    ambi_lower_prepare(l, e);
    int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
    back = ambi_lower_stub_at(l, stub)->back;
    entry = ambi_lower_stub_at(l, stub)->entry;
    src = l->vars[ambi_lvar_of(list)].slot;
    ambi_lower_emit(l, OP_I_CHKEXP, src, 0, 0);
    ambi_lower_edge(l, entry);
  }
  uint16_t item = ambi_lower_slot(l), made = ambi_lower_made_of(l, src);
  ambi_lower_emit(l, OP_I_FORKV, item, src, 0);
  if (entry != NO_LABEL) ambi_lower_edge(l, entry);
  ambi_lower_count(l, made);
  if (fixed)
    ambi_lower_give(l, item, d);
  else
    ambi_lower_result_in(l, item, e, d, err);
  if (back != NO_LABEL) ambi_lower_bind(l, back);
  return true;
}

// A pattern whose children are variables, new ones once each, or have none.
static bool flat_pattern(Lower *l, Value p) {
  enum { MAX_FLAT = 16 };
  bool seen[MAX_VARS] = {false};
  if (l->form || !ambi_is_expr(p) || ambi_expr_size(p) > MAX_FLAT) return false;
  Value head = ambi_expr_at(p, 0);
  if (!ambi_is_sym(head) || head.w == AMB_SYM(COMMA).w ||
      ambi_is_ground_expr(p))
    return false;
  for (uint32_t i = 1; i < ambi_expr_size(p); i++) {
    Value c = ambi_expr_at(p, i);
    if (ambi_is_lvar(c)) {
      if (ambi_lower_unset(l, c) && seen[ambi_lvar_of(c)]) return false;
      seen[ambi_lvar_of(c)] = true;
    } else if (ambi_is_expr(c) && !ambi_is_ground_expr(c)) {
      return false;
    }
  }
  return true;
}

static bool lower_match(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value space = ambi_expr_at(e, 1);
  if (!ambi_is_space(space) && !ambi_is_lvar(space)) return false;
  if (ambi_odd_body(ambi_expr_at(e, 3))) return false;
  if (!d.tail) ambi_lower_prepare_outside(l, ambi_expr_at(e, 3), e);
  Value pattern = ambi_expr_at(e, 2);
  bool flat = flat_pattern(l, pattern);
  if (ambi_is_lvar(space)) ambi_lower_prepare(l, flat ? space : e);
  if (!flat) ambi_lower_prepare(l, pattern);
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err),
      entry = ambi_lower_stub_at(l, stub)->entry;
  uint16_t where = ambi_lower_term(l, space);
  Value templ = ambi_expr_at(e, 3);
  uint16_t settled = settle_body(l, templ);
  uint16_t made = ambi_lower_made_so_far(l);
  if (flat)
    ambi_lower_env(l, OP_I_MATCHF, where, pattern, NO_LABEL);
  else
    ambi_lower_emit(l, OP_I_MATCH, where, ambi_lower_term(l, pattern), 0);
  ambi_lower_edge(l, entry);
  ambi_lower_count(l, made);
  l->whole = ambi_is_lvar(templ);
  ambi_lower_result(l, templ, e, d, err, rest);
  l->whole = false;
  if (settled != NO_SLOT) l->vars[ambi_lvar_of(templ)].slot = settled;
  ambi_lower_come_back(l, stub);
  return true;
}

// What the variable holds is evaluated against its own type, which only the whole
// can tell.
static void id_of_variable(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  ambi_lower_prepare(l, e);
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
  l->arg_bail = ambi_lower_stub_at(l, stub)->entry;
  uint16_t v = ambi_lower_operand(l, ambi_expr_at(e, 1), AMB_SYM(UNDEFINED),
                                  err, rest, false);
  l->arg_bail = NO_LABEL;
  ambi_lower_result_in(l, v, e, d, err);
  ambi_lower_come_back(l, stub);
}

static bool lower_id(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest) {
  Value x = ambi_expr_at(e, 1);
  bool any = ambi_lower_any_type(t);  // else the type of x is what is returned
  if (!any || ambi_lower_wrong(l, x) || ambi_odd_body(x)) return false;
  if (ambi_is_lvar(x)) {
    id_of_variable(l, e, d, err, rest);
    return true;
  }
  if (!ambi_is_expr(x)) {
    ambi_lower_body(l, x, e, t, d, err, rest);
    return true;
  }
  // A type of its own is what x, and what that gives, are evaluated against.
  if (!ambi_is_none(ambi_lower_static_type(l, x)) &&
      !ambi_lower_plain_builtin(ambi_expr_at(x, 0)))
    return false;
  if (!d.tail) ambi_lower_prepare_shared(l, x);
  Var *vars = ambi_lower_save_vars(l);
  uint16_t v = ambi_lower_checked_operand(l, x, err, rest);
  ambi_lower_restore_vars(l, vars);
  v = ambi_lower_in_slot(l, v);
  int step = ambi_lower_step_check(l, e, 1, v, t, d, err);
  ambi_lower_result_in(l, v, e, d, err);
  ambi_lower_come_back(l, step);
  return true;
}

static bool lower_noeval(Lower *l, Value e, Dst d, ErrTo err) {
  Value x = ambi_expr_at(e, 1);
  if (ambi_odd_body(x) || is_sym(x, AMB_SYM(EMPTY).w)) return false;
  uint16_t term = ambi_lower_term(l, x);
  if (!ambi_is_lvar(x)) {
    if (d.tail && l->built) term = ambi_lower_in_slot(l, term);
    ambi_lower_give_built(l, term, d);
    return true;
  }
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
  ambi_lower_emit(l, OP_I_CHKBODY, term, 0, 0);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_give_built(l, term, d);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}

// Does its type check look at an argument that may be wrong? What the others
// evaluate is checked, if at all, as the argument of something else.
static bool looks_at_argument(enum Form form) {
  switch (form) {
  case FORM_IF:
  case FORM_SUPERPOSE:
  case FORM_MATCH:
  case FORM_FOLD:
  case FORM_MAP:
  case FORM_FILTER:
  case FORM_CAR:
  case FORM_CDR:
  case FORM_CONS:
  case FORM_DECONS:
  case FORM_UNIFY:
  case FORM_NOEVAL:
  case FORM_NONE: return true;
  default: return false;
  }
}

// Its own value, in other spaces as well.
static void lower_quote(Lower *l, Value e, Dst d) {
  if (ambi_is_ground_expr(e)) {
    ambi_lower_give(l, ambi_lower_k(l, ambi_mark_eval(e)), d);
    return;
  }
  uint16_t term = ambi_lower_term(l, e);
  uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
  ambi_lower_emit(l, OP_I_OWN, slot, term, 0);
  if (d.tail) ambi_lower_give(l, slot, d);
}

bool ambi_lower_form_expr(Lower *l, Value e, Value t, Dst d, ErrTo err,
                          unsigned rest) {
  int bail = l->bail;
  bool done = true;
  enum Form form = form_of(l, e);
  if (form != FORM_NONE && bail != NO_LABEL &&
      !ambi_lower_inside_fits(l, e, false))
    return false;
  if (!looks_at_argument(form)) l->bail = NO_LABEL;
  switch (form) {
  case FORM_IF:
    done = ambi_lower_may_be_bool(l, ambi_expr_at(e, 1)) &&
           !ambi_lower_wrong(l, ambi_expr_at(e, 1)) &&
           ambi_expr_at(e, 1).w != AMB_SYM(EMPTY).w;
    if (done) lower_if(l, e, t, d, err, rest);
    break;
  case FORM_LET: done = lower_let(l, e, d, err, rest); break;
  case FORM_LETS: done = lower_lets(l, e, d, err, rest); break;
  case FORM_CASE: done = ambi_lower_case(l, e, d, err, rest); break;
  case FORM_SWITCH: done = ambi_lower_switch(l, e, d, err, rest); break;
  case FORM_UNIFY: done = lower_unify(l, e, d, err, rest); break;
  case FORM_COLLAPSE: lower_collapse(l, e, d, err); break;
  case FORM_ONCE: done = lower_once(l, e, d, err); break;
  case FORM_BEST: done = lower_best(l, e, d, err); break;
  case FORM_SUPERPOSE: done = lower_superpose(l, e, d, err, rest); break;
  case FORM_MATCH: done = lower_match(l, e, d, err, rest); break;
  case FORM_QUOTE: lower_quote(l, e, d); break;
  case FORM_NOEVAL: done = lower_noeval(l, e, d, err); break;
  case FORM_ID: done = lower_id(l, e, t, d, err, rest); break;
  case FORM_EMPTY: ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0); break;
  case FORM_FOLD: done = ambi_lower_fold(l, e, d, err); break;
  case FORM_MAP:
    done = ambi_lower_any_type(t) && ambi_lower_map(l, e, d, err);
    break;
  case FORM_FILTER:
    done = ambi_lower_any_type(t) && ambi_lower_filter(l, e, d, err, rest);
    break;
  case FORM_CAR: done = ambi_lower_part(l, e, PART_HEAD, d, err); break;
  case FORM_CDR:
    done = ambi_lower_any_type(t) && ambi_lower_part(l, e, PART_TAIL, d, err);
    break;
  case FORM_DECONS: done = ambi_lower_part(l, e, PART_BOTH, d, err); break;
  case FORM_CONS: done = ambi_lower_cons(l, e, d, err); break;
  case FORM_CHAIN: done = ambi_lower_chain(l, e, d, err, rest); break;
  case FORM_DEEPEN:
    done = ambi_lower_any_type(t);
    if (done) ambi_lower_deepen(l, e, d, err);
    break;
  case FORM_NONE: done = false; break;
  }
  l->bail = bail;
  return done || l->failed || l->refused;
}
