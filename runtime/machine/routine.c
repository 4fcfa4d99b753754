// Evaluation of atoms as data: what bytecode cannot decide when it is made.
//
// EVAL (semantics 7.2-7.7) runs in frames of its own on the engine stack, one
// per expression, never as recursion of a C function. A frame holds the atom,
// the expected type, the chosen function type and, for each child, a value and
// a position slot; code for child i stands at a fixed place of a unit made for
// frames of that size. Everything here gathers.
#include "runtime/machine/routine.h"
#include "runtime/machine/deepen.h"

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/guard.h"
#include "runtime/machine/plain_type.h"
#include "runtime/machine/step.h"
#include "runtime/types/types.h"

Unit *ambi_routine_unit_make(const Code *code, uint32_t n, uint32_t nslots) {
  Unit *u = ambi_alloc(sizeof *u);
  if (!u) return NULL;
  u->code = ambi_alloc(n * sizeof(Code));
  if (!u->code) {
    ambi_free(u, sizeof *u);
    return NULL;
  }
  memcpy(u->code, code, n * sizeof(Code));
  ambi_store_release(&u->entry, (const Code *)u->code);
  u->ncode = n;
  u->nslots = nslots;
  u->routine = 1;
  return u;
}

// Of several evaluators that make it at once the first one is believed.
Unit *ambi_routine_unit_keep(CodeState *cs, SharedUnit *at, Unit *u) {
  ambi_guard(cs->rt);
  Unit *first = ambi_load_relaxed(at);
  if (!first) ambi_store_release(at, u);
  ambi_unguard(cs->rt);
  if (first && u) ambi_unit_free(u);
  return first ? first : u;
}

static Unit *eval_unit(CodeState *cs, uint32_t size) {
  unsigned k = 1;
  while (((uint32_t)1 << k) < size)
    k++;
  Unit *u = ambi_load_acquire(&cs->x_eval_units[k]);
  if (u) return u;
  uint32_t max = (uint32_t)1 << k, n = EV_CODE_ARGS + 3 * (max + 1);
  Code *code = ambi_alloc(n * sizeof *code);
  if (!code) return NULL;
  code[0].op = OP_I_EV_START;
  code[EV_CODE_TMP].op = OP_I_EV_TMP;
  for (uint32_t i = 0; i <= max; i++) {
    code[EV_CODE_ARGS + 3 * i].op = OP_I_EV_ARG;
    code[EV_CODE_ARGS + 3 * i + 1].op = OP_I_EV_RET;
    code[EV_CODE_ARGS + 3 * i + 2].op = OP_I_EV_VAL;
  }
  u = ambi_routine_unit_make(code, n, EV_SLOTS + 2 * max);
  ambi_free(code, n * sizeof *code);
  return ambi_routine_unit_keep(cs, &cs->x_eval_units[k], u);
}

static const Code *ev_code(const Engine *g, uint32_t child, uint32_t which) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  return u->code + EV_CODE_ARGS + 3 * (size_t)child + which;
}

// ---- frames -----------------------------------------------------------------

bool ambi_frame_room(Engine *g, Word *end) {
  if (end <= g->stack_end) return true;
  return ambi_stack_more(g, end);
}

bool ambi_frame_call(Engine *g, const Variant *v, Value call) {
  uint32_t n = v->def->nargs, first = !ambi_is_applied(v->def);
  AMB_ASSERT(ambi_expr_size(call) == n + first);
  if (!ambi_frame_room(g, g->e + n)) return false;
  for (uint32_t i = 0; i < n; i++)
    g->e[i] = ambi_deref(ambi_expr_at(call, i + first)).w;
  g->e[FRAME_MARK] = (Word)(uintptr_t)v;
  return true;
}

bool ambi_frame_push(Engine *g, Unit *u, const Code *ret) {
  Word *n = ambi_frame_top(g->e, ambi_frame_slots(g->e), g->b) + FRAME_HEADER;
  if (!u) g->cx->stop = STOP_MEMORY;
  if (!u || !ambi_frame_room(g, n + u->nslots)) return false;
  n[FRAME_UNIT] = (Word)(uintptr_t)u;
  n[FRAME_PREV] = (Word)(uintptr_t)g->e;
  n[FRAME_RET] = (Word)(uintptr_t)ret;
  n[FRAME_MARK] = 0;
  g->e = n;
  g->pc = ambi_load_acquire(&u->entry);
  return true;
}

bool ambi_frame_replace(Engine *g, Unit *u) {
  Word *old = g->e, *n = old;
  if (old - FRAME_HEADER < g->b->top)
    n = ambi_frame_top(old, ambi_frame_slots(old), g->b) + FRAME_HEADER;
  if (!u) g->cx->stop = STOP_MEMORY;
  if (!u || !ambi_frame_room(g, n + u->nslots)) return false;
  n[FRAME_PREV] = old[FRAME_PREV];
  n[FRAME_RET] = old[FRAME_RET];
  n[FRAME_UNIT] = (Word)(uintptr_t)u;
  n[FRAME_MARK] = 0;
  g->e = n;
  g->pc = ambi_load_acquire(&u->entry);
  return true;
}

static Value epoch_now(const Engine *g) {
  return ambi_small_int((int64_t)ambi_code_epoch(g->code));
}

static void eval_init(Engine *g, Value v, Value t, Word depth) {
  size_t n = ambi_frame_slots(g->e);
  for (size_t i = 0; i < n; i++)
    g->e[i] = AMB_UNIT.w;
  g->e[EV_ATOM] = v.w;
  g->e[EV_TYPE] = t.w;
  g->e[EV_DEPTH] = depth;
  g->e[EV_EPOCH] = epoch_now(g).w;
}

bool ambi_eval_frame(Engine *g, Value v, Value t, const Code *ret) {
  if (!ambi_frame_push(g, eval_unit(g->code, 1), ret)) return false;
  eval_init(g, v, t, DEPTH_FORM);
  return true;
}

bool ambi_eval_frame_replace(Engine *g, Value v, Value t) {
  if (!ambi_frame_replace(g, eval_unit(g->code, 1))) return false;
  eval_init(g, v, t, DEPTH_FORM);
  return true;
}

// ---- calls of functions that are only known now -------------------------------------
static bool plain_argument(Value c) {
  if (ambi_is_expr(c)) return ambi_has_eval(c);
  return ambi_is_sym(c) ? c.w != AMB_SYM(EMPTY).w : !ambi_is_var(c);
}

static bool plain_head(Value head) {
  if (ambi_is_expr(head)) return ambi_has_eval(head);
  return ambi_is_sym(head) && head.w != AMB_SYM(EMPTY).w &&
         !ambi_is_instruction_symbol(ambi_sym_of(head));
}

// The variant to be called for v, if v is the call of a function that takes anything and
// its arguments are values: all that a frame of EVAL would find out. NULL: it is not, or
// it is time to look at the limits.
static Variant *plain_call(Engine *g, Value v, Value t) {
  if (g->max_depth || g->budget < 0 || t.w != AMB_SYM(UNDEFINED).w ||
      !ambi_is_expr(v) || (v.w & (AMB_EXPR_EVAL | AMB_EXPR_RIGID)))
    return NULL;
  const Value *items = ambi_expr_items(v);
  uint32_t n = ambi_expr_size(v) - 1;
  Value head = ambi_deref(items[0]);
  if (n > 64 || !plain_head(head)) return NULL;
  for (uint32_t i = 1; i <= n; i++)
    if (!plain_argument(ambi_deref(items[i]))) return NULL;
  Definition *d = ambi_is_expr(head)
                      ? ambi_applied_info(g, head, n)
                      : ambi_definition(g->code, g->cx->space, head, n);
  DefinitionInfo info = d ? ambi_info_of(d) : (DefinitionInfo){0};
  if (!info.known || !(info.untyped || info.takes_atoms) || !info.has_rules ||
      info.dynamic)
    return NULL;
  return ambi_variant_same(g->code, d, t);
}

static enum Next begin_call(Engine *g, Variant *v, Value call) {
  if (!ambi_frame_call(g, v, call)) return NEXT_STOP;
  g->same_from = g->same_to = NULL;
  g->budget--;
  return NEXT_PC;
}

enum Next ambi_eval_push_at(Engine *g, Value v, Value t, Word depth,
                            const Code *ret) {
  if (AMB_UNLIKELY(ambi_counts(g))) return ambi_deepen_plainly(g);
  v = ambi_deref(v);
  Variant *plain = plain_call(g, v, t);
  if (plain)
    return ambi_frame_push(g, ambi_unit_of(plain), ret)
               ? begin_call(g, plain, v)
               : NEXT_STOP;
  if (!ambi_frame_push(g, eval_unit(g->code, ambi_expr_size(v)), ret))
    return NEXT_STOP;
  eval_init(g, v, t, depth);
  return NEXT_PC;
}

enum Next ambi_eval_push(Engine *g, Value v, Value t, const Code *ret) {
  return ambi_eval_push_at(g, v, t, DEPTH_FORM, ret);
}

// May the type check of a call find something wrong with this argument? It looks
// at the types of the argument's head first.
static bool has_typed_head(Engine *g, Value v) {
  if (!ambi_is_expr(v) || ambi_has_eval(v)) return false;
  Value head = ambi_deref(ambi_expr_at(v, 0));
  if (ambi_is_var(head)) return false;
  if (!ambi_is_sym(head)) return ambi_is_op(head) || ambi_is_expr(head);
  Definition *d = ambi_head_info(g, head, ambi_expr_size(v) - 1);
  return d && !ambi_info_of(d).untyped;
}

// Appends the errors that are all the types an argument has.
static void argument_errors(Engine *g, Value v, ValueVec *errors) {
  Context *cx = g->cx;
  TypeVec types = {0};
  CallKey key;
  if (!has_typed_head(g, v)) return;
  bool keyed =
      ambi_told_by_names(g) && ambi_call_key(cx, cx->space, v, AMB_NONE, &key);
  if (keyed && ambi_call_known(cx, cx->space, &key)) return;
  bool known = ambi_get_types(cx, cx->space, v, &types);
  for (size_t i = 0; known && i < types.n && types.at[i].is_error; i++) {
    Value error = ambi_resolve(cx, types.at[i].error);
    if (ambi_is_none(error) || !ambi_vec_push(errors, error)) {
      cx->stop = STOP_MEMORY;
      break;
    }
  }
  if (errors->n < types.n) errors->n = 0;
  if (keyed && known && errors->n == 0 && !cx->stop)
    ambi_call_note(cx, cx->space, &key, AMB_UNIT, false);
  ambi_types_drop(&types);
}

// Has the symbol, as the head of n arguments, types that are not told by a word?
static bool is_odd_name(Engine *g, Value symbol, uint32_t n) {
  Definition *d = ambi_head_info(g, symbol, n);
  return d && !ambi_info_of(d).untyped && !ambi_load_acquire(&d->types.x_now);
}

// Has it a type that is not told by a word? It may be Atom, which passes the check of a
// call, and is a type like any other inside of an argument.
static bool is_of_odd_type(Engine *g, Value v) {
  uint32_t n = ambi_is_expr(v) ? ambi_expr_size(v) - 1 : 0;
  Value head = ambi_is_expr(v) ? ambi_deref(ambi_expr_at(v, 0)) : v;
  return ambi_is_sym(head) ? is_odd_name(g, head, n)
                           : has_typed_head(g, ambi_unmark(v));
}

// Do types of names tell less than a word of the expression's head? It may be a value then
// and have only wrong types all the same.
static bool is_of_odd_head(Engine *g, Value v) {
  while (ambi_is_expr(v)) {
    Value head = ambi_deref(ambi_expr_at(v, 0));
    if (ambi_is_sym(head)) return is_odd_name(g, head, ambi_expr_size(v) - 1);
    v = head;
  }
  return false;
}

bool ambi_looked_at_anyway(Engine *g, Value v) {
  return !ambi_is_ground_expr(v) && !g->max_depth && is_of_odd_head(g, v);
}

bool ambi_ill_typed(Engine *g, Value call, bool of_terms) {
  if (ambi_looked_at_anyway(g, call)) return false;
  ValueVec errors = {0};
  bool terms = false, odd = false;
  for (uint32_t i = 1; i < ambi_expr_size(call); i++) {
    Value arg = ambi_deref(ambi_expr_at(call, i));
    terms |= ambi_is_expr(arg);
    odd = odd || (!of_terms && is_of_odd_type(g, arg));
  }
  if (terms == of_terms || odd) argument_errors(g, ambi_unmark(call), &errors);
  bool ill = errors.n > 0;
  ambi_vec_drop(&errors);
  return ill;
}

Value ambi_from_elsewhere(Engine *g, Value v) {
  ValueVec errors = {0};
  v = ambi_deref(v);
  if (!ambi_is_ground_expr(v) || !ambi_has_eval(v)) return v;
  argument_errors(g, ambi_unmark(v), &errors);
  bool well = errors.n == 0;
  ambi_vec_drop(&errors);
  if (g->cx->stop) return AMB_NONE;
  if (well) return v;
  uint32_t n = ambi_expr_size(v);
  Word *p = ambi_heap_alloc(g->cx, 1 + (size_t)n);
  if (!p) return AMB_NONE;
  p[0] = ambi_header(KIND_FLAT, 0, n);
  memcpy(p + 1, ambi_expr_items(v), n * sizeof *p);
  return ambi_mark_eval(ambi_tag_ptr(TAG_EXPR, p));
}

enum Next ambi_eval_push_argument(Engine *g, Value v, Value t,
                                  const Code *ret) {
  ValueVec errors = {0};
  enum Next next = NEXT_STOP;
  if (AMB_UNLIKELY(ambi_counts(g))) return ambi_deepen_plainly(g);
  v = ambi_deref(v);
  argument_errors(g, v, &errors);
  if (!g->cx->stop && errors.n == 0) {
    next = ambi_eval_push(g, v, t, ret);
  } else if (!g->cx->stop && ambi_step_has_edge(g)) {
    next = ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  } else if (!g->cx->stop && ambi_eval_frame(g, v, t, ret)) {
    next = ambi_give_many(g, &errors);
  }
  ambi_vec_drop(&errors);
  return next;
}

enum Next ambi_eval_tail_at(Engine *g, Value v, Value t, Word depth) {
  if (AMB_UNLIKELY(ambi_counts(g))) return ambi_deepen_plainly(g);
  v = ambi_deref(v);
  Variant *plain = plain_call(g, v, t);
  if (plain)
    return ambi_frame_replace(g, ambi_unit_of(plain)) ? begin_call(g, plain, v)
                                                      : NEXT_STOP;
  if (!ambi_frame_replace(g, eval_unit(g->code, ambi_expr_size(v))))
    return NEXT_STOP;
  eval_init(g, v, t, depth);
  return NEXT_PC;
}

enum Next ambi_eval_tail(Engine *g, Value v, Value t) {
  return ambi_eval_tail_at(g, v, t, DEPTH_FORM);
}

// ---- returning -----------------------------------------------------------------

// The children of an expression from number `from` on come later, returned from
// the current frame.
static bool give_later(Engine *g, Value list, uint32_t from) {
  static const Code resume[1] = {{.op = OP_I_MANY_NEXT}};
  static const Code ret[1] = {{.op = OP_I_RETRV}};
  if (from >= ambi_expr_size(list)) return true;
  Choice *c = ambi_choice_push(g, resume);
  if (!c) return false;
  c->aux = list;
  c->cursor = from;
  c->next = ret;
  return true;
}

enum Next ambi_give_each(Engine *g, Value list) {
  if (!give_later(g, list, 1)) return NEXT_STOP;
  return ambi_give(g, ambi_deref(ambi_expr_at(list, 0)));
}

// The values as alternatives, each returned from the current frame.
enum Next ambi_give_many(Engine *g, const ValueVec *v) {
  if (g->cx->stop) return NEXT_STOP;
  if (v->n == 0) return NEXT_FAIL;
  if (v->n == 1) return ambi_give(g, v->at[0]);
  Value list = ambi_make_expr(g->cx, v->at, v->n);
  return ambi_is_none(list) ? NEXT_STOP : ambi_give_each(g, list);
}

static enum Next stop_or(Engine *g, enum Next next) {
  return g->cx->stop ? NEXT_STOP : next;
}

// ---- the steps of EVAL ------------------------------------------------------------

static enum Next cast(Engine *g, Value v, Value t) {
  ValueVec errors = {0};
  bool pass = ambi_type_cast(g->cx, g->cx->space, v, t, &errors);
  enum Next next = pass ? ambi_give(g, v) : ambi_give_many(g, &errors);
  ambi_vec_drop(&errors);
  return stop_or(g, next);
}

static enum Next ev_args(Engine *g, uint32_t i);
static enum Next ev_func(Engine *g, bool tuple);

static enum Next ev_tuple(Engine *g) {
  g->e[EV_FTYPE] = AMB_UNIT.w;
  g->e[EV_RTYPE] = g->e[EV_TYPE];
  return ev_args(g, 0);
}

// 7.4: the first applicable function type decides. When none is applicable, the
// tuple branch (if the head has another type too), then the type errors.
static enum Next ev_branches(Engine *g, Value head) {
  Context *cx = g->cx;
  TypeVec types = {0};
  ValueVec errors = {0};
  enum Next next = NEXT_STOP;
  bool func = false, tuple = false;
  if (ambi_get_types_or_undefined(cx, cx->space, head, &types)) {
    for (size_t i = 0; i < types.n; i++) {
      const TypeItem *t = &types.at[i];
      if (t->is_error) {
        if (!ambi_vec_push(&errors, t->error)) cx->stop = STOP_MEMORY;
      } else if (t->is_function) {
        func = true;
      } else {
        tuple = true;
      }
    }
    if (!func && !tuple)
      next = ambi_give_many(g, &errors);
    else
      next = NEXT_PC;
  }
  ambi_types_drop(&types);
  ambi_vec_drop(&errors);
  if (next != NEXT_PC || cx->stop) return stop_or(g, next);
  return func ? ev_func(g, tuple) : ev_tuple(g);
}

// &rng is the one operation whose type is not that of a function.
static bool has_function_type(const Runtime *rt, uint32_t op) {
  return ambi_builtin(rt, op)->type[0] == '(';
}

static enum Next ev_start(Engine *g) {
  g->same_from = g->same_to = NULL;
  Value v = ambi_deref(AMB_V(g->e[EV_ATOM])), t = AMB_V(g->e[EV_TYPE]), out;
  if (ambi_too_deep(g, g->e[EV_DEPTH])) return ambi_give_overflow(g, v, t);
  // The children of a walk that failed look at less, or deep terms would be walked
  // once for each level.
  const Code *ret = ambi_frame_returns(g->e);
  size_t budget = ret->op == OP_I_EV_RET ? AMB_SOME_NODES : SIZE_MAX;
  if (ambi_settled(g, v, t, budget, &out)) return ambi_give(g, out);
  if (g->cx->stop) return NEXT_STOP;
  if (!ambi_is_expr(v)) return cast(g, v, t);
  Value head = ambi_deref(ambi_expr_at(v, 0));
  if (ambi_is_var(head)) return ev_tuple(g);
  if (ambi_is_sym(head)) {
    Definition *d = ambi_head_info(g, head, ambi_expr_size(v) - 1);
    if (!d) return NEXT_STOP;
    if (ambi_info_of(d).untyped) return ev_tuple(g);
  } else if (ambi_is_op(head) &&
             has_function_type(g->cx->rt, ambi_op_of(head))) {
    return ev_func(g, false);
  }
  return ev_branches(g, head);
}

// In place of the epoch: what is evaluated has only wrong types, which the check of
// a call that it becomes an argument of will see. So it is not marked as a value. But
// where depth is counted, marks end no checks; and one with variables has to be known for
// a value when these are bound, so the checks look at it in spite of its mark.
#define WRONG_ARGUMENT ambi_small_int(-1)

// The tuple branch now, the errors as results behind it.
static enum Next tuple_then_errors(Engine *g, const ValueVec *errors) {
  Value list = ambi_make_expr(g->cx, errors->at, errors->n);
  if (ambi_is_none(list) || !give_later(g, list, 0)) return NEXT_STOP;
  g->e[EV_EPOCH] = WRONG_ARGUMENT.w;
  return ev_tuple(g);
}

// The atom as a value of this type: its variables become what the atom's type says.
static bool binds_type(Engine *g, Value c, Value type) {
  ValueVec errors = {0};
  bool pass = ambi_type_cast(g->cx, g->cx->space, c, type, &errors);
  ambi_vec_drop(&errors);
  return pass && !g->cx->stop;
}

// A function type that the check has picked: f, with its variables as they were bound, for
// the type as it was declared.
static void note_function(Engine *g, Value f, Value declared,
                          const CallKey *key) {
  uint32_t last = ambi_expr_size(f) - 1;
  Value r = ambi_expr_at(f, last);
  bool open = r.w == AMB_SYM(T_EXPRESSION).w ||
              (r.w == AMB_SYM(T_ATOM).w &&
               ambi_is_var(ambi_expr_at(ambi_deref(declared), last)));
  g->e[EV_FTYPE] = f.w;
  g->e[EV_RTYPE] = open ? AMB_SYM(UNDEFINED).w : r.w;
  if (key) ambi_call_note(g->cx, g->cx->space, key, f, open);
}

// What was picked for a call that looked like this one. False: there was none, or
// cx->stop is set.
static bool function_known(Engine *g, const CallKey *key) {
  const CallType *known = ambi_call_known(g->cx, g->cx->space, key);
  Value f = known ? ambi_instance(g->cx, &known->type, false) : AMB_NONE;
  if (ambi_is_none(f)) return false;
  g->e[EV_FTYPE] = f.w;
  g->e[EV_RTYPE] = known->open ? AMB_SYM(UNDEFINED).w
                               : ambi_expr_at(f, ambi_expr_size(f) - 1).w;
  return true;
}

// Picks the first applicable function type.
static bool find_function(Engine *g, Value v, Value t, const CallKey *key,
                          ValueVec *errors) {
  Context *cx = g->cx;
  Value head = ambi_deref(ambi_expr_at(v, 0));
  TypeVec types = {0};
  bool found = false;
  if (ambi_head_types(cx, cx->space, head, ambi_expr_size(v) - 1,
                      ambi_expr_at(v, ambi_expr_size(v) - 1), &types)) {
    for (size_t i = 0; i < types.n && !found && !cx->stop; i++) {
      if (types.at[i].is_error || !types.at[i].is_function) continue;
      if (!ambi_check_applicable(cx, cx->space, v, types.at[i].type, t, errors))
        continue;
      found = true;
      // As a value, the head may have a type that comes before this one.
      if (i > 0 && ambi_is_sym(head)) binds_type(g, head, types.at[i].type);
      Value f = cx->stop ? AMB_NONE : ambi_resolve(cx, types.at[i].type);
      if (ambi_is_none(f)) break;
      note_function(g, f, types.at[i].type, key);
    }
  }
  ambi_types_drop(&types);
  return found;
}

static enum Next ev_func(Engine *g, bool tuple) {
  Context *cx = g->cx;
  Value v = ambi_deref(AMB_V(g->e[EV_ATOM])), t = AMB_V(g->e[EV_TYPE]);
  CallKey key;
  bool keyed =
      ambi_told_by_names(g) && ambi_call_key(cx, cx->space, v, t, &key);
  if (keyed && function_known(g, &key)) return ev_args(g, 0);
  if (cx->stop) return NEXT_STOP;
  ValueVec errors = {0};
  bool found = find_function(g, v, t, keyed ? &key : NULL, &errors);
  enum Next next = NEXT_PC;
  if (!found && !cx->stop)
    next = tuple ? tuple_then_errors(g, &errors) : ambi_give_many(g, &errors);
  ambi_vec_drop(&errors);
  if (cx->stop) return NEXT_STOP;
  return found ? ev_args(g, 0) : next;
}

static Value arg_type(Engine *g, uint32_t i) {
  Value f = AMB_V(g->e[EV_FTYPE]);
  if (ambi_is_unit(f)) return AMB_SYM(UNDEFINED);
  if (i == 0) return f;
  return ambi_deref(ambi_expr_at(f, i));
}

// Does the type variable in place i stand elsewhere in the function type as well?
// Then what it is bound to by this argument counts there.
static bool linked(Engine *g, Value var, uint32_t i) {
  Value f = AMB_V(g->e[EV_FTYPE]);
  for (uint32_t j = 1; j < ambi_expr_size(f); j++)
    if (j != i && ambi_occurs(g->cx, var, ambi_expr_at(f, j))) return true;
  return false;
}

static enum Next ev_call(Engine *g);

// A child gave nothing: Empty is what the call of it takes the place of. Only a rule for
// everything says more of that.
static enum Next ev_empty(Engine *g) {
  if (!ambi_load_relaxed(&g->code->x_rule_for_all)) return NEXT_FAIL;
  enum Next next =
      ambi_query_begin(g, AMB_SYM(EMPTY), ambi_result_type(g), true);
  return next == NEXT_RET && g->rv.w == AMB_SYM(EMPTY).w ? NEXT_FAIL : next;
}

// Evaluates children from i on until one needs a frame of its own.
static enum Next ev_args(Engine *g, uint32_t i) {
  Value atom = ambi_deref(AMB_V(g->e[EV_ATOM]));
  uint32_t n = ambi_expr_size(atom);
  bool tuple = ambi_is_unit(AMB_V(g->e[EV_FTYPE]));
  for (; i < n; i++) {
    Value c = ambi_deref(ambi_expr_at(atom, i)), t = arg_type(g, i), out;
    if (!tuple && ambi_is_expr(t) && i > 0) t = ambi_resolve(g->cx, t);
    if (ambi_is_none(t)) return NEXT_STOP;
    Word depth = ambi_depth(g, DEPTH_CHILD + DEPTH_NEXT_CHILD * (Word)i);
    bool deep = ambi_too_deep(g, depth);
    if (ambi_is_var(t) && !deep && !linked(g, t, i)) t = AMB_SYM(UNDEFINED);
    bool head = i == 0 && !ambi_is_expr(c);
    // A part that was evaluated stays as it is.
    bool own = head || (ambi_is_expr(c) && ambi_has_eval(c));
    if (!own && ambi_is_var(t) && !ambi_is_expr(c) && !deep)
      own = binds_type(g, c, t);
    if (!deep && (own || ambi_settled(g, c, t, AMB_SOME_NODES, &out))) {
      if (own) out = c;
      if ((tuple || i == 0) && out.w == AMB_SYM(EMPTY).w) return ev_empty(g);
      if (tuple && ambi_is_error_atom(out)) return ambi_give(g, out);
      g->e[EV_SLOTS + 2 * (size_t)i] = out.w;
      continue;
    }
    if (g->cx->stop) return NEXT_STOP;
    g->e[EV_SLOTS + 2 * (size_t)i + 1] = ambi_position(g->b).w;
    return ambi_eval_push_at(g, c, t, depth, ev_code(g, i, 1));
  }
  return ev_call(g);
}

static uint32_t child_of(const Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  return (uint32_t)((size_t)(g->pc - u->code - EV_CODE_ARGS) / 3);
}

// Child i has its value in its slot.
static enum Next ev_value(Engine *g, uint32_t i) {
  Value v = ambi_deref(AMB_V(g->e[EV_SLOTS + 2 * (size_t)i]));
  bool tuple = ambi_is_unit(AMB_V(g->e[EV_FTYPE]));
  bool error = ambi_is_error_atom(v), empty = v.w == AMB_SYM(EMPTY).w;
  if ((error || empty) && !tuple) {
    Value atom = ambi_deref(AMB_V(g->e[EV_ATOM]));
    if (ambi_alpha_equal(v, ambi_expr_at(atom, i))) error = empty = false;
  }
  if (empty) return ev_empty(g);
  if (error) return ambi_give(g, v);
  return ev_args(g, i + 1);
}

static bool is_at(Value v, const Word *p) {
  return ambi_is_expr(v) && ambi_ptr(v) == p;
}

Value ambi_came_back(const Engine *g, Value v, Value atom, bool lowered) {
  if (!g->max_depth && !lowered) return v;
  atom = ambi_deref(atom);
  bool same = ambi_is_ground_expr(v) && ambi_is_expr(atom) &&
              !ambi_is_error_atom(v) && ambi_equal(v, atom);
  return same ? ambi_mark_eval(v) : v;
}

static enum Next ev_ret(Engine *g) {
  uint32_t i = child_of(g), slot = EV_SLOTS + 2 * i;
  Value child = ambi_expr_at(ambi_deref(AMB_V(g->e[EV_ATOM])), i);
  bool same =
      is_at(g->rv, g->same_to) && is_at(ambi_deref(child), g->same_from);
  g->same_from = g->same_to = NULL;
  g->rv = ambi_came_back(g, g->rv, child, false);
  g->e[slot] = g->rv.w;
  if (g->e[slot + 1] == ambi_position(g->b).w) {
    if (same) g->e[slot + 1] = AMB_TRUE.w;
    return ev_value(g, i);
  }
  const Code *val = ev_code(g, i, 2);
  return ambi_position_end(g, slot + 1, slot, false, ambi_is_error_atom(g->rv),
                           val, val);
}

// ---- calls -------------------------------------------------------------------------

// Is the value of child i equal to the child? A child's frame may have found
// out already, so that nested terms are not walked once for each level.
static bool unchanged(const Engine *g, Value v, Value child, uint32_t i) {
  v = ambi_deref(v);
  child = ambi_deref(child);
  if (ambi_unmark(v).w == ambi_unmark(child).w) return true;
  if (!ambi_is_expr(v) || !ambi_is_expr(child)) return false;
  return g->e[EV_SLOTS + 2 * (size_t)i + 1] == AMB_TRUE.w ||
         ambi_equal(v, child);
}

enum Stays {
  STAYS_NOT,
  STAYS_OWN,  // its children are values
  STAYS_SAME  // and it equals the atom
};

// May the call be marked if it is its own value? 7.8 asks for the atom as it
// was. Without a function type there is no check that evaluating it again could
// fail, so children that are their own values will do, if the head is the same;
// but where depth is counted, evaluating it again counts, what is data in one space
// may be a call in another, and what was data when it began may be a call by now.
static enum Stays may_mark(const Engine *g, Value atom) {
  const Word *slots = g->e + EV_SLOTS;
  bool own = ambi_is_unit(AMB_V(g->e[EV_FTYPE])) && !g->max_depth &&
             ambi_is_at_home(g) && g->e[EV_EPOCH] == epoch_now(g).w &&
             !ambi_rules_may_change(g->code) &&
             unchanged(g, AMB_V(slots[0]), ambi_expr_at(atom, 0), 0);
  bool same = true;
  uint32_t n = ambi_expr_size(atom);
  for (uint32_t i = 0; i < n && own; i++) {
    Value v = ambi_deref(AMB_V(slots[2 * (size_t)i]));
    own = ambi_word_ground(v) && (!ambi_is_expr(v) || ambi_has_eval(v));
  }
  if (own) return STAYS_OWN;
  for (uint32_t i = 0; i < n && same; i++)
    same = unchanged(g, AMB_V(slots[2 * (size_t)i]), ambi_expr_at(atom, i), i);
  return same ? STAYS_SAME : STAYS_NOT;
}

// The call with its evaluated children, marked if it may be; the atom itself
// when nothing changed.
static Value ev_call_atom(Engine *g) {
  Value atom = ambi_deref(AMB_V(g->e[EV_ATOM]));
  uint32_t n = ambi_expr_size(atom);
  bool same = true;
  for (uint32_t i = 0; i < n && same; i++) {
    Word w = g->e[EV_SLOTS + 2 * (size_t)i];
    same = w == ambi_expr_at(atom, i).w;
  }
  bool wrong = g->e[EV_EPOCH] == WRONG_ARGUMENT.w && !g->max_depth &&
               !ambi_looked_at_anyway(g, atom);
  g->call_stays = same;
  if (same) return wrong ? ambi_unmark(atom) : ambi_mark_eval(atom);
  enum Stays stays = wrong ? STAYS_NOT : may_mark(g, atom);
  g->call_stays = stays == STAYS_SAME;
  Word *p = ambi_heap_alloc(g->cx, 1 + (size_t)n);
  if (!p) return AMB_NONE;
  bool ground = true;
  for (uint32_t i = 0; i < n; i++) {
    Value v = ambi_deref(AMB_V(g->e[EV_SLOTS + 2 * (size_t)i]));
    p[1 + i] = v.w;
    if (!ambi_word_ground(v)) ground = false;
  }
  p[0] = ambi_header(KIND_FLAT, ground ? (unsigned)FLAG_GROUND : 0, n);
  Value call =
      AMB_V(ambi_tag_ptr(TAG_EXPR, p).w | (ground ? AMB_EXPR_GROUND : 0));
  return stays != STAYS_NOT ? ambi_mark_eval(call) : call;
}

static enum Next ev_call(Engine *g) {
  Value call = ev_call_atom(g);
  return ambi_is_none(call) ? NEXT_STOP : ambi_call_step(g, call);
}

enum Next ambi_ev_step(Engine *g) {
  switch (g->pc->op) {
  case OP_I_EV_START: return ev_start(g);
  case OP_I_EV_ARG: return ev_args(g, child_of(g));
  case OP_I_EV_RET: return ev_ret(g);
  case OP_I_EV_VAL: return ev_value(g, child_of(g));
  case OP_I_EV_TMP: return ambi_ev_result(g);
  default: return ambi_instr_step(g);
  }
}
