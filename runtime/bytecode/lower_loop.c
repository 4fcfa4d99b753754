// Loops over expressions: foldl-atom, map-atom and filter-atom as units of their own.
//
// The step becomes a local unit that takes the list, an index, what there is so
// far and the variables it captures, and calls itself: a tail call for the fold
// (constant space as long as a step leaves no choice), a call for the map, whose
// results are consed together on the way back. Variables that occur only in the
// step are new in each round. The steps of a map are instances of one expression before
// the first is evaluated; so what they have for themselves is one in all alternatives of
// the steps before, and is made first where that can be seen (OWNVARS). A round of a fold
// is an instance of its own for each value of the one before (Unit.stamp).
#include "runtime/bytecode/lower.h"

#include "memory/alloc.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/machine/routine.h"

typedef struct Loop {
  Lower *outer;
  Value step;
  uint16_t captured[MAX_VARS];
  unsigned ncaptured;
  uint16_t own[MAX_VARS];  // variables of a map's steps that are made first
  unsigned nown;
  Variant *self;
} Loop;

// A variable that is nothing but the name of something in the step.
static bool binder(Lower *l, Value v, Value step) {
  return ambi_is_lvar(v) && l->vars[ambi_lvar_of(v)].slot == NO_SLOT &&
         ambi_lower_outside(l, step, ambi_lvar_of(v)) == 1;
}

// Variables of the step that live outside of it exist from now on.
static bool capture(Loop *p, Value a, Value b) {
  Lower *l = p->outer;
  uint16_t vars[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, p->step, vars);
  for (unsigned i = 0; i < n; i++) {
    Value v = ambi_lvar(vars[i]);
    if (v.w == a.w || v.w == b.w || !ambi_lower_shared(l, p->step, vars[i]))
      continue;
    ambi_lower_var(l, vars[i]);
    p->captured[p->ncaptured++] = vars[i];
  }
  return p->ncaptured < 100;
}

// Is it what the steps are applications of, and nothing else in them?
static bool is_function_of(const Loop *p, uint16_t var) {
  Value head =
      ambi_lower_is_site(p->step) ? ambi_expr_at(p->step, 0) : AMB_NONE;
  return head.w == ambi_lvar(var).w &&
         ambi_lower_outside(p->outer, head, var) ==
             ambi_lower_outside(p->outer, p->step, var);
}

static unsigned args_of(const Loop *p, unsigned fixed) {
  return fixed + p->ncaptured + (p->nown > 0);
}

// `fixed` slots, then what is captured, then where the variables lie that were made first.
static bool open_step(Loop *p, Lower *l, enum LoopKind kind, unsigned fixed) {
  Lower *o = p->outer;
  ambi_lower_open(l, o->cx, o->space);
  l->rule = o->rule;
  l->unstable = o->unstable;
  l->counted = o->counted;
  l->loop = kind;
  l->in_body = true;
  l->choices = kind == MAP;  // left by the steps before
  l->for_steps = (uint16_t)(fixed + p->ncaptured);
  l->own.next = l->frame = args_of(p, fixed);
  for (unsigned i = 0; i < p->nown; i++)
    l->vars[p->own[i]].made = (uint16_t)i;
  for (unsigned i = 0; i < p->ncaptured; i++) {
    l->vars[p->captured[i]].slot = (uint16_t)(fixed + i);
    if (is_function_of(p, p->captured[i])) l->applied = p->captured[i];
  }
  p->self = ambi_alloc(sizeof *p->self);
  if (!p->self) l->failed = o->failed = true;
  return p->self != NULL;
}

static void check_ground(Lower *l, uint16_t slot, uint16_t other, int entry) {
  ambi_lower_emit(l, OP_I_CHKGROUND, slot, other, 0);
  ambi_lower_edge(l, entry);
}

// Unbound variables would be renamed in each step: that is left to EVAL. A function
// without a name has variables, new ones in each application, or where EVAL shows it (see
// renewed in lower_stub.c); so all is well if nothing that the steps are made of shares
// one with it. other: a source of that beside the list.
static void check_captured(const Loop *p, uint16_t list, uint16_t other,
                           int entry) {
  Lower *l = p->outer;
  for (unsigned i = 0; i < p->ncaptured; i++) {
    uint16_t slot = l->vars[p->captured[i]].slot;
    if (!is_function_of(p, p->captured[i])) {
      check_ground(l, slot, slot, entry);
      continue;
    }
    check_ground(l, slot, ambi_lower_in_slot(l, list), entry);
    if (other != NO_SLOT)
      check_ground(l, slot, ambi_lower_in_slot(l, other), entry);
  }
}

// Closes the local unit; the outer one owns it.
static bool close_step(Loop *p, Lower *l, unsigned nargs) {
  Lower *o = p->outer;
  Unit *u = ambi_lower_finish(l, nargs);
  o->refused |= l->refused;
  o->failed |= l->failed;
  ambi_lower_close(l);
  if (!u) {
    ambi_free(p->self, sizeof *p->self);
    return false;
  }
  u->local = p->self;
  ambi_store_release(&p->self->x_unit, u);
  return true;
}

static void self_call(Loop *p, Lower *l, bool tail, uint16_t index,
                      uint16_t so_far, unsigned fixed, uint16_t pos) {
  uint16_t list[MAX_VARS];
  unsigned n = 0;
  list[n++] = 0;  // the frame size, filled in at the end
  list[n++] = 0;
  list[n++] = index;
  if (fixed == 3) list[n++] = so_far;
  for (unsigned i = fixed; i < args_of(p, fixed); i++)
    list[n++] = (uint16_t)i;
  ambi_lower_emit(l, tail ? OP_I_TAILCALL : OP_I_CALL, tail ? 0 : pos, n - 1,
                  ambi_lower_const(l, (Word)(uintptr_t)p->self));
  ambi_lower_list(l, list, n);
}

// The variables that the steps over this list have for themselves, by their names.
static uint16_t make_own(Loop *p, uint16_t list) {
  Lower *l = p->outer;
  Value names[MAX_VARS];
  uint16_t own = ambi_lower_slot(l), from = ambi_lower_in_slot(l, list);
  for (unsigned i = 0; i < p->nown; i++)
    names[i] = AMB_SYM_ID(ambi_vinfo_name(l->rule->vinfo[p->own[i]]));
  Value all = ambi_lower_kept(l, ambi_make_expr(l->cx, names, p->nown));
  ambi_lower_emit(l, OP_I_OWNVARS, own, from, ambi_lower_const(l, all.w));
  return own;
}

// Calls the loop from the outer unit. stream: what it gives goes on as it comes.
static void enter(Loop *p, uint16_t list, uint16_t so_far, unsigned fixed,
                  Dst d, ErrTo err, bool stream) {
  Lower *l = p->outer;
  uint16_t args[MAX_VARS];
  unsigned n = 0;
  args[n++] = 0;
  args[n++] = list;
  args[n++] = ambi_lower_k(l, ambi_small_int(0));
  if (fixed == 3) args[n++] = so_far;
  for (unsigned i = 0; i < p->ncaptured; i++)
    args[n++] = l->vars[p->captured[i]].slot;
  if (p->nown) args[n++] = make_own(p, list);
  uint16_t pos = d.tail ? 0 : ambi_lower_slot(l);
  ambi_lower_emit(l, d.tail ? OP_I_TAILCALL : OP_I_CALL, pos, n - 1,
                  ambi_lower_const(l, (Word)(uintptr_t)p->self));
  ambi_lower_list(l, args, n);
  if (d.tail) return;
  ambi_lower_emit(l, stream ? OP_I_R_STREAM : OP_I_R_GATHER, d.slot, pos, 0);
  ambi_lower_error_edge(l, d.slot, err);
}

static bool list_operand(Lower *l, Value list, int bail, uint16_t *out) {
  if (ambi_is_lvar(list)) {
    ambi_lower_var(l, ambi_lvar_of(list));
    *out = l->vars[ambi_lvar_of(list)].slot;
    ambi_lower_emit(l, OP_I_CHKEXP, *out, 0, 0);
    ambi_lower_edge(l, bail);
    return true;
  }
  if (!ambi_is_expression(list)) return false;
  *out = ambi_lower_term(l, list);
  return true;
}

// What the code of a step has turned out to make late is made otherwise when it is lowered
// again. False: this code will do.
static bool is_late(Loop *p, Lower *l, uint64_t *stamped) {
  size_t bytes = sizeof l->late;
  if (l->failed || l->refused || !memcmp(l->late, stamped, bytes)) return false;
  memcpy(stamped, l->late, bytes);
  p->nown = 0;
  for (uint32_t v = 0; v < MAX_VARS && l->loop == MAP; v++)
    if (l->late[v / 64] >> v % 64 & 1) p->own[p->nown++] = (uint16_t)v;
  ambi_lower_close(l);
  ambi_free(p->self, sizeof *p->self);
  return true;
}

// The stamp of a round, which has none yet.
static void begin_round(Lower *l) {
  l->stamp = ambi_lower_slot(l) + 1u;
  ambi_lower_emit(l, OP_I_MOVE, l->stamp - 1,
                  ambi_lower_k(l, ambi_small_int(0)), 0);
}

// Slots of the fold's unit: 0 list, 1 index, 2 so far, then what is captured.
static void fold_code(Loop *p, Lower *l, Value a, Value b) {
  uint16_t item = ambi_lower_slot(l), next = ambi_lower_slot(l),
           acc = ambi_lower_slot(l);
  int done = ambi_lower_label(l), again = ambi_lower_label(l);
  l->vars[ambi_lvar_of(a)].slot = 2;
  l->vars[ambi_lvar_of(b)].slot = item;
  ambi_lower_jump(l, OP_I_ITEM, item, 0, done);
  ErrTo err = {false, acc, again};
  if (ambi_is_lvar(p->step))  // what it holds is no argument, to be checked
    ambi_lower_generic_of(l, ambi_lower_term(l, p->step), AMB_SYM(UNDEFINED),
                          (Dst){false, acc}, err);
  else
    ambi_lower_position(l, p->step, AMB_SYM(UNDEFINED), acc, err,
                        ambi_effects_term(l->cs, l->space, p->step));
  ambi_lower_bind(l, again);
  ambi_lower_emit(l, OP_I_ADDI, next, 1, 1);
  self_call(p, l, true, next, acc, 3, 0);
  ambi_lower_bind(l, done);
  ambi_lower_emit(l, OP_I_RETV, 2, ambi_lower_const(l, AMB_SYM(UNDEFINED).w),
                  0);
  ambi_lower_stubs(l);
}

static bool fold_unit(Loop *p, Value a, Value b) {
  Lower l;
  uint64_t stamped[sizeof l.late / sizeof *l.late] = {0};
  do {
    if (!open_step(p, &l, FOLD, 3)) {
      ambi_lower_close(&l);
      return false;
    }
    memcpy(l.stamped, stamped, sizeof stamped);
    if (stamped[0]) begin_round(&l);
    fold_code(p, &l, a, b);
  } while (is_late(p, &l, stamped));
  return close_step(p, &l, args_of(p, 3));
}

bool ambi_lower_fold(Lower *l, Value e, Dst d, ErrTo err) {
  Value list = ambi_expr_at(e, 1), a = ambi_expr_at(e, 3),
        b = ambi_expr_at(e, 4);
  Loop p = {.outer = l, .step = ambi_expr_at(e, 5)};
  if (!binder(l, a, p.step) || !binder(l, b, p.step) || a.w == b.w ||
      ambi_odd_body(p.step))
    return false;
  if (ambi_is_lvar(p.step) && p.step.w != a.w && p.step.w != b.w)
    return false;  // it may hold NotReducible
  if (!ambi_is_lvar(list) && !ambi_is_expression(list)) return false;
  if (!capture(&p, a, b)) return false;
  uint16_t start = ambi_lower_term(l, ambi_expr_at(e, 2)), src = 0;
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err);
  list_operand(l, list, ambi_lower_stub_at(l, stub)->entry, &src);
  check_captured(&p, src, start, ambi_lower_stub_at(l, stub)->entry);
  if (l->failed || l->refused || !fold_unit(&p, a, b)) return true;
  enter(&p, src, start, 3, d, err, true);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}

// Slots of the map's unit: 0 list, 1 index, then what is captured. headed: the steps
// are members of an expression that has a head before them.
static void map_code(Loop *p, Lower *l, Value x, bool headed) {
  uint16_t item = ambi_lower_slot(l), next = ambi_lower_slot(l),
           v = ambi_lower_slot(l);
  uint16_t others = ambi_lower_slot(l), pos = ambi_lower_slot(l),
           out = ambi_lower_slot(l);
  int done = ambi_lower_label(l), odd = ambi_lower_label(l);
  l->vars[ambi_lvar_of(x)].slot = item;
  ambi_lower_jump(l, OP_I_ITEM, item, 0, done);
  unsigned rest = ambi_effects_term(l->cs, l->space, p->step);
  ErrTo err = {.ret = true};
  // The first step is the head of them all, at whose types the evaluation of the
  // whole looks before it is evaluated.
  int head = ambi_lower_label(l);
  int own = ambi_lower_bail_stub(l, p->step, AMB_SYM(UNDEFINED),
                                 (Dst){false, v}, err),
      first = ambi_lower_bail_stub(l, p->step, AMB_SYM(UNDEFINED),
                                   (Dst){false, v}, err);
  ambi_lower_stub_at(l, first)->argument = true;
  l->arg_bail = headed ? NO_LABEL : head;
  if (!headed) l->step = p->step;
  ambi_lower_position(l, p->step, AMB_SYM(UNDEFINED), v, err, rest);
  ambi_lower_bind(l, ambi_lower_stub_at(l, own)->back);
  ambi_lower_bind(l, ambi_lower_stub_at(l, first)->back);
  ambi_lower_emit(l, OP_I_ADDI, next, 1, 1);
  self_call(p, l, false, next, 0, 2, pos);
  ambi_lower_emit(l, OP_I_R_STREAM, others, pos, 0);
  ambi_lower_error_edge(l, others, err);
  ambi_lower_emit(l, OP_I_CONS, out, v, others);
  ambi_lower_edge(l, odd);
  ambi_lower_emit(l, OP_I_RET, out, 0, 0);
  ambi_lower_bind(l, done);
  ambi_lower_emit(l, OP_I_RET, ambi_lower_k(l, AMB_UNIT), 0, 0);
  ambi_lower_bind(l, odd);  // v is the symbol Error, see ambi_call_push
  ambi_lower_emit(l, OP_I_CONS, out, ambi_lower_k(l, AMB_SYM(ERROR_ITEM)),
                  others);
  ambi_lower_edge(l, ambi_lower_fail_label(l));
  ambi_lower_emit(l, OP_I_RET, out, 0, 0);
  if (ambi_lower_used(l, head)) {
    ambi_lower_bind(l, head);
    int later = ambi_lower_stub_at(l, own)->entry;
    ambi_lower_jump(l, OP_I_TESTK, STEP_INDEX,
                    ambi_lower_const(l, ambi_small_int(0).w), later);
    ambi_lower_varl(l, later);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, ambi_lower_stub_at(l, first)->entry);
  }
  ambi_lower_stubs(l);
}

static bool map_unit(Loop *p, Value x, bool headed) {
  Lower l;
  uint64_t stamped[sizeof l.late / sizeof *l.late] = {0};
  do {
    if (!open_step(p, &l, MAP, 2)) {
      ambi_lower_close(&l);
      return false;
    }
    memcpy(l.stamped, stamped, sizeof stamped);
    map_code(p, &l, x, headed);
  } while (is_late(p, &l, stamped));
  return close_step(p, &l, args_of(p, 2));
}

// The steps are members of one expression, whose head is the first of them: it
// must not have a function type.
static bool no_function(Lower *l, Value step) {
  if (ambi_lower_is_site(step)) return true;  // see check_step
  Head h = ambi_lower_head_of(l, step);
  if (h.kind == HEAD_DATA || h.kind == HEAD_CALL) return true;
  if (h.kind != HEAD_TYPED) return false;
  Value r = ambi_deref(ambi_expr_at(h.ftype, ambi_expr_size(h.ftype) - 1));
  // That of `if` is a variable, which no argument says anything of.
  return ambi_is_sym(r) ||
         (ambi_is_var(r) && !ambi_is_op(ambi_expr_at(step, 0)));
}

// What a variable names, which is not that of the loop, must give no function.
static bool may_be_step(Value step, Value x) {
  return ambi_lower_is_site(step) ? ambi_expr_at(step, 0).w != x.w
                                  : ambi_lower_plain_application(step);
}

static void check_step(Lower *l, Value step, int entry) {
  if (ambi_lower_is_site(step)) ambi_lower_guard_kind(l, step, entry);
}

bool ambi_lower_map(Lower *l, Value e, Dst d, ErrTo err) {
  Value list = ambi_expr_at(e, 1), x = ambi_expr_at(e, 2);
  Loop p = {.outer = l, .step = ambi_expr_at(e, 3)};
  if (!binder(l, x, p.step) || !may_be_step(p.step, x)) return false;
  if (!no_function(l, p.step) || !ambi_lower_inside_fits(l, p.step, false))
    return false;
  if (!ambi_is_lvar(list) && !ambi_is_expression(list)) return false;
  if (!capture(&p, x, x)) return false;
  uint16_t src = 0, out = ambi_lower_slot(l);
  int stub = ambi_lower_bail_stub(l, e, AMB_SYM(UNDEFINED), d, err),
      entry = ambi_lower_stub_at(l, stub)->entry;
  list_operand(l, list, entry, &src);
  check_captured(&p, src, NO_SLOT, entry);
  check_step(l, p.step, entry);
  if (l->failed || l->refused || !map_unit(&p, x, false)) return true;
  enter(&p, src, 0, 2, (Dst){false, out}, err, true);
  uint16_t pos = ambi_lower_slot(l), value = d.tail ? out : d.slot;
  ambi_lower_emit(l, OP_I_CALLOWN, pos, out, 0);
  ambi_lower_emit(l, OP_I_R_STREAM, value, pos, 0);
  ambi_lower_error_edge(l, value, err);
  ambi_lower_give(l, value, d);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}

// Is the element compared with what has to run first? Its type, which the check of the
// comparison sees before that, is that of any atom.
static bool compares_unseen(Lower *l, Value step, Value x) {
  if (!ambi_lower_is_comparison(step)) return false;
  for (uint32_t i = 1; i <= 2; i++) {
    Value other = ambi_expr_at(step, 3 - i);
    if (ambi_expr_at(step, i).w == x.w && ambi_is_expr(other) &&
        !ambi_lower_is_tree(l, other))
      return true;
  }
  return false;
}

// The verdicts are evaluated once more, as members of (_tests verdict ..), and so is
// what they leave.
bool ambi_lower_filter(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value list = ambi_expr_at(e, 1), x = ambi_expr_at(e, 2);
  Value any = AMB_SYM(UNDEFINED);
  Loop p = {.outer = l, .step = ambi_expr_at(e, 3)};
  if (!binder(l, x, p.step) ||
      (!ambi_lower_is_site(p.step) && !ambi_lower_plain_application(p.step)) ||
      compares_unseen(l, p.step, x))
    return false;
  if (!ambi_is_lvar(list) && !ambi_is_expression(list)) return false;
  if (!capture(&p, x, x)) return false;
  uint16_t src = 0, out = ambi_lower_slot(l), all = ambi_lower_slot(l);
  int stub = ambi_lower_bail_stub(l, e, any, d, err),
      entry = ambi_lower_stub_at(l, stub)->entry;
  list_operand(l, list, entry, &src);
  check_captured(&p, src, NO_SLOT, entry);
  bool stream =
      ambi_lower_can_stream(ambi_effects_term(l->cs, l->space, p.step), rest);
  if (l->failed || l->refused || !map_unit(&p, x, true)) return true;
  enter(&p, src, 0, 2, (Dst){false, out}, err, stream);
  ambi_lower_emit(l, OP_I_CONS, all, ambi_lower_k(l, AMB_SYM(TESTS)), out);
  ambi_lower_edge(l, ambi_lower_fail_label(l));
  uint16_t verdicts = ambi_lower_slot(l), kept = ambi_lower_slot(l);
  ambi_lower_generic_of(l, all, any, (Dst){false, verdicts}, err);
  uint16_t call = ambi_lower_term(l, e);
  ambi_lower_emit_builtin(l, OP_PICKED, (uint16_t[]){src, verdicts, call}, 3,
                          kept, err);
  ambi_lower_generic_of(l, kept, any, d, err);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}
