// Minimal instructions as data (semantics section 10).
//
// An instruction runs in a frame of one unit whose code is a row of return
// points: chain waits for its nested instruction at one, function at another.
// Nothing is gathered here; alternatives stream depth first. A frame that a
// choice record may enter again is never written over: going on in place makes
// a new frame then.
#include "runtime/machine/deepen.h"
#include "runtime/machine/routine.h"

#include "memory/alloc.h"
#include "runtime/spaces/journal.h"
#include "runtime/types/types.h"

enum {  // return points of the routine unit
  RP_STEP,
  RP_CHAIN,
  RP_FUNCTION,
  RP_BODY,
  RP_EVALED,
  RP_METTA,
  RP_METTA_VAL,
  RP_CBIND,
  RP_CBIND_END,
  RP_SPACE,
  RP_ONCE,
  RP_ONCE_VAL,
  RP_COUNT
};

static Unit *routine_unit(CodeState *cs) {
  static const Code code[RP_COUNT] = {
      [RP_STEP] = {.op = OP_I_EV_STEP},
      [RP_CHAIN] = {.op = OP_I_EV_CHAIN},
      [RP_FUNCTION] = {.op = OP_I_EV_FUNCTION},
      [RP_BODY] = {.op = OP_I_EV_BODY},
      [RP_EVALED] = {.op = OP_I_EV_EVALED},
      [RP_METTA] = {.op = OP_I_EV_METTA},
      [RP_METTA_VAL] = {.op = OP_I_EV_METTA_VAL},
      [RP_CBIND] = {.op = OP_I_EV_CBIND},
      [RP_CBIND_END] = {.op = OP_I_EV_CBIND_END},
      [RP_SPACE] = {.op = OP_I_EV_SPACE},
      [RP_ONCE] = {.op = OP_I_EV_ONCE},
      [RP_ONCE_VAL] = {.op = OP_I_EV_ONCE_VAL},
  };
  Unit *u = ambi_load_acquire(&cs->x_routine_unit);
  return u ? u
           : ambi_routine_unit_keep(
                 cs, &cs->x_routine_unit,
                 ambi_routine_unit_make(code, RP_COUNT, IN_SLOTS));
}

static const Code *point(const Engine *g, unsigned i) {
  return ambi_load_acquire(&g->code->x_routine_unit)->code + i;
}

static void init_slots(Engine *g, Value atom, Value call, Value t, Word depth) {
  for (unsigned i = 0; i < IN_SLOTS; i++)
    g->e[i] = AMB_UNIT.w;
  g->e[IN_ATOM] = atom.w;
  g->e[IN_CALL] = call.w;
  g->e[IN_TYPE] = t.w;
  g->e[IN_DEPTH] = depth;
}

// In place of the current frame.
static enum Next replace(Engine *g, Value instr, Value call, Word depth) {
  if (!ambi_frame_replace(g, routine_unit(g->code))) return NEXT_STOP;
  init_slots(g, ambi_deref(instr), call, AMB_UNIT, depth);
  return NEXT_PC;
}

enum Next ambi_function_replace(Engine *g, Value function, Value call) {
  return replace(g, function, call,
                 ambi_depth(g, DEPTH_FUNCTION - DEPTH_NESTED));
}

bool ambi_is_function(Value v) {
  return ambi_is_expr(v) &&
         ambi_deref(ambi_expr_at(v, 0)).w == AMB_SYM(FUNCTION).w;
}

enum Next ambi_instr_push(Engine *g, Value instr, Value call, Word deeper,
                          const Code *ret) {
  Word depth = ambi_depth(g, deeper);
  if (!ambi_frame_push(g, routine_unit(g->code), ret)) return NEXT_STOP;
  init_slots(g, ambi_deref(instr), call, AMB_UNIT, depth);
  return NEXT_PC;
}

// Goes on with another instruction in place of the current frame.
static enum Next instr_tail(Engine *g, Value instr) {
  return replace(g, instr, AMB_V(g->e[IN_CALL]), ambi_depth(g, 0));
}

enum Next ambi_function_tail(Engine *g, Value call, Value body, Value t) {
  if (AMB_UNLIKELY(ambi_counts(g))) return ambi_deepen_plainly(g);
  Word depth = ambi_depth(g, 0);
  if (!ambi_frame_replace(g, routine_unit(g->code))) return NEXT_STOP;
  init_slots(g, body, call, t, depth);
  return ambi_instr_push(g, body, call,
                         DEPTH_STEP - 1 + DEPTH_FUNCTION - DEPTH_NESTED,
                         point(g, RP_BODY));
}

enum Next ambi_instr_tail(Engine *g, Value instr) {
  return replace(g, instr, AMB_UNIT, DEPTH_FORM - 1);
}

// Of branches beside one another, the first result to arrive.
Value ambi_once_of(Context *cx, Value atom) {
  atom = ambi_deref(atom);
  if (ambi_expr_size(atom) != 2 ||
      ambi_deref(ambi_expr_at(atom, 0)).w != AMB_OP_ID(OP_HYPERPOSE).w)
    return atom;
  return AMB_EXPR(cx, AMB_OP_ID(OP_FIRST), ambi_expr_at(atom, 1));
}

// The first value of the atom, evaluated under a record that a cut removes.
enum Next ambi_once_push(Engine *g, Value atom, Word depth, const Code *ret) {
  static const Code once_fail[1] = {{.op = OP_I_ONCE_FAIL}};
  atom = ambi_once_of(g->cx, atom);
  if (ambi_is_none(atom) || !ambi_frame_push(g, routine_unit(g->code), ret))
    return NEXT_STOP;
  init_slots(g, atom, AMB_UNIT, AMB_UNIT, 0);
  g->e[IN_POS] = ambi_position(g->b).w;
  if (!ambi_choice_push(g, once_fail)) return NEXT_STOP;
  return ambi_eval_push_at(g, atom, AMB_SYM(UNDEFINED), depth,
                           point(g, RP_ONCE));
}

static Value variables_of(Context *cx, Value atom) {
  ValueVec vars = {0};
  bool ok = ambi_collect_vars(cx, atom, &vars);
  Value list = ok ? ambi_make_expr(cx, vars.at, vars.n) : AMB_NONE;
  ambi_vec_drop(&vars);
  if (!ok) cx->stop = STOP_MEMORY;
  return list;
}

// atom: what collapse-bind runs, or AMB_NONE. best: see ambi_hook_collector.
static bool begin_collector(Engine *g, Value atom, unsigned best) {
  Hook *h = ambi_hook_collector(g, best);
  if (!h) return false;
  h->with_bindings = !ambi_is_none(atom);
  if (h->with_bindings) {
    h->templ = variables_of(g->cx, atom);
    if (ambi_is_none(h->templ)) h->templ = AMB_UNIT;
  }
  g->e[IN_POS] = ambi_position(g->b).w;
  Choice *c = ambi_choice_push(g, point(g, RP_CBIND_END));
  if (!c) {
    ambi_hook_free(g, h);
    return false;
  }
  c->hook = h;
  return true;
}

// All results of the atom in the form's own space, without their bindings.
enum Next ambi_capture_push(Engine *g, Value atom, const Code *ret) {
  if (!ambi_frame_push(g, routine_unit(g->code), ret)) return NEXT_STOP;
  init_slots(g, atom, AMB_UNIT, AMB_UNIT, 0);
  if (!begin_collector(g, AMB_NONE, 0)) return NEXT_STOP;
  Space *home = ambi_home(g->cx, g->home);
  if (!home) return NEXT_STOP;
  g->cx->space = home;
  return ambi_eval_push(g, atom, AMB_SYM(UNDEFINED), point(g, RP_CBIND));
}

// The best result of the atom, with its bindings.
enum Next ambi_best_push(Engine *g, uint32_t op, Value atom, Word depth,
                         const Code *ret) {
  if (!ambi_frame_push(g, routine_unit(g->code), ret)) return NEXT_STOP;
  init_slots(g, atom, AMB_UNIT, AMB_UNIT, 0);
  if (!begin_collector(g, atom, op == OP_MAXIMIZE ? 2 : 1)) return NEXT_STOP;
  if (g->cx->stop) return NEXT_STOP;
  return ambi_eval_push_at(g, atom, AMB_SYM(UNDEFINED), depth,
                           point(g, RP_CBIND));
}

static enum Next malformed(Engine *g, Value instr, const char *expected) {
  Buffer b = {0};
  ambi_buffer_puts(&b, "expected: ");
  ambi_buffer_puts(&b, expected);
  ambi_buffer_puts(&b, ", found: ");
  ambi_print(g->cx->rt, &b, instr, NULL);
  Value v = AMB_NONE;
  if (b.failed)
    g->cx->stop = STOP_MEMORY;
  else  // a name may hold any character, one that ends a text in C, too
    v = ambi_make_sym(g->cx, b.text, b.len);
  ambi_buffer_drop(&b);
  return ambi_give(g, ambi_is_none(v) ? v : ambi_make_error(g->cx, instr, v));
}

// ---- single instructions ---------------------------------------------------------

// The template for each match; without any, the other atom.
static enum Next match_or(Engine *g, Value space, Value pattern, Value templ,
                          Value other) {
  templ = ambi_settle(g->cx, templ);
  if (ambi_is_none(templ)) return NEXT_STOP;
  g->e[IN_A] = templ.w;
  enum Next next = ambi_match_begin(g, space, pattern, point(g, RP_METTA_VAL));
  if (next != NEXT_FAIL) return next;
  return ambi_give(g, ambi_settle(g->cx, other));
}

static enum Next bare_match(Engine *g, Value call, const Value *args) {
  if (!ambi_is_space(args[0]))
    return ambi_give(
        g, ambi_make_error_text(g->cx, call,
                                "match expects a space as the first argument"));
  return match_or(g, args[0], args[1], args[2], AMB_SYM(EMPTY));
}

// An operation gives its results one by one, and functions among them are run.
static enum Next evaled(Engine *g) {
  Value v = ambi_deref(g->rv);
  return ambi_is_function(v) ? ambi_function_replace(g, v, AMB_V(g->e[IN_CALL]))
                             : NEXT_RET;
}

// One step of an executable operation, as `eval` sees it.
static enum Next bare_op(Engine *g, Value x) {
  const Code *ret = point(g, RP_EVALED);
  uint32_t n = ambi_expr_size(x),
           op = ambi_op_of(ambi_deref(ambi_expr_at(x, 0)));
  Value *args = ambi_alloc(n * sizeof *args);
  if (!args) {
    g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  for (uint32_t i = 1; i < n; i++)
    args[i - 1] = ambi_deref(ambi_expr_at(x, i));
  enum Next next;
  g->e[IN_CALL] = x.w;
  if (op == OP_MATCH && n >= 4)
    next = bare_match(g, x, args);
  else if (op == OP_CAPTURE && n >= 2)
    next = ambi_capture_push(g, args[0], ret);
  else if (op == OP_ONCE && n >= 2)
    next = ambi_once_push(g, args[0], ambi_depth(g, DEPTH_ONCE), ret);
  else if ((op == OP_MINIMIZE || op == OP_MAXIMIZE) && n >= 2)
    next = ambi_best_push(g, op, args[0], ambi_depth(g, DEPTH_ONCE), ret);
  else
    switch (ambi_call_builtin(g, op, args, n - 1, ret)) {
    case CALL_EMPTY: next = ambi_give(g, AMB_SYM(EMPTY)); break;
    case CALL_STOP: next = NEXT_STOP; break;
    case CALL_DATA: next = ambi_give(g, AMB_SYM(NOT_REDUCIBLE)); break;
    case CALL_VALUE: next = evaled(g); break;
    default: next = NEXT_RET; break;
    }
  ambi_free(args, n * sizeof *args);
  return next;
}

// One step of x in the space S.
static enum Next step_here(Engine *g, Value x) {
  x = ambi_resolve(g->cx, x);
  if (ambi_is_none(x)) return NEXT_STOP;
  if (ambi_is_expr(x)) {
    Value head = ambi_deref(ambi_expr_at(x, 0));
    if (ambi_is_op(head)) return bare_op(g, x);
    if (ambi_is_instruction(x)) return instr_tail(g, x);
    while (ambi_is_expr(head))
      head = ambi_deref(ambi_expr_at(head, 0));
    if (ambi_is_var(head)) return ambi_give(g, AMB_SYM(NOT_REDUCIBLE));
  }
  return ambi_query_begin(g, x, AMB_UNIT, false);
}

// What is data in one space may be a call in another, so what was seen at a glance
// says nothing in the rest of the form.
static void enter_space(Engine *g, Space *space) {
  Context *cx = g->cx;
  g->e[IN_SPACE] = ambi_space_value(cx->space).w;
  if (space != cx->space) cx->rigid = (RigidEpochs){RIGID_NEVER, RIGID_NEVER};
  cx->space = space;
  ambi_space_evaluates(space);
}

// One step of x in a space. Another than S: a frame of its own takes it there,
// and the caller's comes back at the return point.
static enum Next step_in(Engine *g, Value x, Space *space) {
  space = ambi_home(g->cx, space);
  if (!space) return NEXT_STOP;
  if (space == g->cx->space) return step_here(g, x);
  Value evalc =
      AMB_EXPR(g->cx, AMB_SYM(EVALC), x, ambi_space_face_value(space));
  if (ambi_is_none(evalc)) return NEXT_STOP;
  enter_space(g, space);
  return ambi_instr_push(g, evalc, AMB_UNIT, 0, point(g, RP_SPACE));
}

static enum Next metta_step(Engine *g, Value x, Value t, Value space) {
  Space *home = ambi_home(g->cx, ambi_space_of(space));
  if (!home) return NEXT_STOP;
  enter_space(g, home);
  g->e[IN_POS] = ambi_position(g->b).w;
  t = ambi_resolve(g->cx, t);
  if (ambi_is_none(t)) return NEXT_STOP;
  bool stays = t.w == AMB_SYM(T_ATOM).w || t.w == AMB_SYM(T_EXPRESSION).w;
  g->e[IN_B] = stays ? AMB_UNIT.w : x.w;
  return ambi_eval_push_at(g, x, t, ambi_depth(g, DEPTH_NESTED),
                           point(g, RP_METTA));
}

static enum Next unify_step(Engine *g, Value instr, const Value *it) {
  Context *cx = g->cx;
  Value a = ambi_deref(it[1]), b = ambi_deref(it[2]);
  (void)instr;
  bool first = ambi_is_space(a) && !ambi_is_var(b);
  bool query = first || (ambi_is_space(b) && !ambi_is_var(a));
  if (query && !ambi_same(a, b)) {  // a space matches itself
    Value space = first ? a : b, pattern = first ? b : a;
    return match_or(g, space, pattern, it[3], it[4]);
  }
  Value then = ambi_settle(cx, it[3]);
  if (ambi_is_none(then)) return NEXT_STOP;
  size_t mark = cx->tr;
  Word *hb = cx->hb;
  cx->hb = (Word *)UINTPTR_MAX;
  bool ok = ambi_unify(cx, a, b);
  cx->hb = hb;
  if (cx->stop) return NEXT_STOP;
  if (ok) return ambi_give(g, ambi_handed_on(cx, then));
  ambi_trail_undo(cx, mark);
  return ambi_give(g, ambi_settle(cx, it[4]));
}

static enum Next chain_go(Engine *g, Value var, Value templ, Value by) {
  Value own = ambi_same(templ, var) ? var : ambi_deref(templ);
  if (ambi_is_expr(own) && ambi_has_eval(own)) own = ambi_settle(g->cx, own);
  Value next = ambi_is_none(own) ? own : ambi_substitute(g->cx, own, var, by);
  if (ambi_is_none(next)) return NEXT_STOP;
  return instr_tail(g, ambi_is_var(own) ? ambi_unmark(next) : next);
}

static enum Next chain_step(Engine *g, Value instr, const Value *it,
                            uint32_t n) {
  Value var = n == 4 ? ambi_deref(it[2]) : AMB_UNIT;
  if (!ambi_is_var(var))
    return malformed(g, instr, "(chain <nested> (: <var> Variable) <templ>)");
  Value nested = ambi_deref(it[1]);
  if (!ambi_is_instruction(nested)) return chain_go(g, var, it[3], nested);
  g->e[IN_A] = var.w;
  g->e[IN_B] = it[3].w;
  return ambi_instr_push(g, nested, AMB_UNIT, DEPTH_NESTED, point(g, RP_CHAIN));
}

static enum Next collapse_step(Engine *g, Value nested) {
  if (!begin_collector(g, nested, 0)) return NEXT_STOP;
  if (g->cx->stop) return NEXT_STOP;
  return ambi_instr_push(g, nested, AMB_UNIT, DEPTH_NESTED, point(g, RP_CBIND));
}

// Unifies the pairs of a bindings object; false: incompatible.
static bool merge(Context *cx, Value bindings) {
  const Value *w = (const Value *)(ambi_ptr(bindings) + 1);
  uint32_t n = ambi_hdr_size(*ambi_ptr(bindings));
  for (uint32_t i = 0; i < n; i += 2)
    if (!ambi_unify(cx, w[i + 1], w[i])) return false;
  return true;
}

// The pairs from position i on, one alternative each.
static enum Next superpose_from(Engine *g, Value list, uint32_t i) {
  static const Code resume[1] = {{.op = OP_I_EV_BIND_NEXT}};
  Context *cx = g->cx;
  uint32_t n = ambi_expr_size(list);
  for (; i < n; i++) {
    Value pair = ambi_deref(ambi_expr_at(list, i));
    Value b = ambi_deref(ambi_expr_at(pair, 1));
    Choice *c = NULL;
    if (i + 1 < n) {
      c = ambi_choice_push(g, resume);
      if (!c) return NEXT_STOP;
      c->aux = list;
      c->cursor = i + 1;
    }
    size_t mark = cx->tr;
    if (merge(cx, b))
      return ambi_give(g, ambi_resolve(cx, ambi_expr_at(pair, 0)));
    if (cx->stop) return NEXT_STOP;
    if (!c) return NEXT_FAIL;
    ambi_trail_undo(cx, mark);
    ambi_choice_cut(g, c);
  }
  return NEXT_FAIL;
}

static enum Next bind_next(Engine *g) {
  Choice *c = g->b;
  Value list = c->aux;
  uint32_t i = (uint32_t)c->cursor;
  ambi_choice_cut(g, c);
  return superpose_from(g, list, i);
}

static enum Next cons_step(Engine *g, Value instr, const Value *it,
                           uint32_t n) {
  Value tail = n == 3 ? ambi_deref(it[2]) : AMB_TRUE;
  if (!ambi_is_expression(tail))
    return malformed(g, instr, "(cons-atom <head> (: <tail> Expression))");
  return ambi_give(g, ambi_make_cons(g->cx, it[1], tail));
}

static enum Next decons_step(Engine *g, Value instr, const Value *it,
                             uint32_t n) {
  Value v = n == 2 ? ambi_deref(it[1]) : AMB_UNIT;
  if (!ambi_is_expr(v))
    return malformed(g, instr, "(decons-atom (: <expr> Expression))");
  Value tail = ambi_make_tail(g->cx, v, 1);
  return ambi_give(
      g, ambi_is_none(tail) ? tail : AMB_EXPR(g->cx, ambi_expr_at(v, 0), tail));
}

static enum Next function_step(Engine *g, Value instr, const Value *it,
                               uint32_t n) {
  Value body = n == 2 ? ambi_deref(it[1]) : AMB_TRUE;
  if (!ambi_is_expression(body))
    return malformed(g, instr, "(function (: <body> Expression))");
  return ambi_instr_push(g, body, AMB_UNIT, DEPTH_NESTED,
                         point(g, RP_FUNCTION));
}

static enum Next instr_start(Engine *g) {
  Value instr = ambi_deref(AMB_V(g->e[IN_ATOM]));
  if (!ambi_is_instruction(instr)) return ambi_give(g, instr);
  const Value *it = ambi_expr_items(instr);
  uint32_t n = ambi_expr_size(instr);
  switch (ambi_sym_of(ambi_deref(it[0]))) {
  case AMB_S_EVAL:
    return n == 2 ? step_in(g, it[1], g->home)
                  : malformed(g, instr, "(eval <atom>)");
  case AMB_S_EVALC:
    return n == 3 && ambi_is_space(ambi_deref(it[2]))
               ? step_in(g, it[1], ambi_space_of(ambi_deref(it[2])))
               : malformed(g, instr, "(evalc <atom> <space>)");
  case AMB_S_CHAIN: return chain_step(g, instr, it, n);
  case AMB_S_UNIFY:
    return n == 5
               ? unify_step(g, instr, it)
               : malformed(g, instr, "(unify <atom> <pattern> <then> <else>)");
  case AMB_S_CONS_ATOM: return cons_step(g, instr, it, n);
  case AMB_S_DECONS_ATOM: return decons_step(g, instr, it, n);
  case AMB_S_FUNCTION: return function_step(g, instr, it, n);
  case AMB_S_COLLAPSE_BIND:
    return n == 2 ? collapse_step(g, it[1])
                  : malformed(g, instr, "(collapse-bind <atom>)");
  case AMB_S_SUPERPOSE_BIND:
    return n == 2 && ambi_is_collapsed(ambi_deref(it[1]))
               ? superpose_from(g, ambi_deref(it[1]), 0)
               : malformed(g, instr,
                           "(superpose-bind (: <collapsed> Expression))");
  case AMB_S_METTA:
    return n == 4 && ambi_is_space(ambi_deref(it[3]))
               ? metta_step(g, it[1], it[2], ambi_deref(it[3]))
               : malformed(g, instr, "(metta atom type space)");
  case AMB_S_CONTEXT_SPACE:
    return n == 1 ? ambi_give(g, ambi_space_value(g->home))
                  : malformed(g, instr, "(context-space)");
  default: return malformed(g, instr, "(call-native func args)");
  }
}

Value ambi_one_step(Context *cx, Value v) {
  Value x = ambi_make_var(cx, AMB_S_X, AMB_VAR_FRESH);
  Value step = AMB_EXPR(cx, AMB_SYM(EVAL), v);
  if (ambi_is_none(x) || ambi_is_none(step)) return AMB_NONE;
  Value back = AMB_EXPR(cx, AMB_SYM(RETURN), x);
  Value chain =
      ambi_is_none(back) ? back : AMB_EXPR(cx, AMB_SYM(CHAIN), step, x, back);
  return ambi_is_none(chain) ? chain : AMB_EXPR(cx, AMB_SYM(FUNCTION), chain);
}

// ---- return points -------------------------------------------------------------------

static enum Next function_ret(Engine *g) {
  Value v = ambi_deref(g->rv);
  if (ambi_expr_size(v) == 2 &&
      ambi_deref(ambi_expr_at(v, 0)).w == AMB_SYM(RETURN).w)
    return ambi_give(g, ambi_deref(ambi_expr_at(v, 1)));
  if (ambi_is_instruction(v))
    return ambi_instr_push(g, v, AMB_UNIT, DEPTH_NESTED, point(g, RP_FUNCTION));
  Value call = AMB_V(g->e[IN_CALL]);
  return ambi_give(
      g, ambi_make_error(g->cx, ambi_unmark(ambi_is_unit(call) ? v : call),
                         AMB_SYM(NO_RETURN)));
}

static enum Next metta_ret(Engine *g) {
  Space *home = ambi_space_of(AMB_V(g->e[IN_SPACE]));
  bool elsewhere = ambi_space_face(g->cx->space) != ambi_space_face(home);
  g->cx->space = home;
  if (elsewhere) g->rv = ambi_from_elsewhere(g, g->rv);
  if (ambi_is_none(g->rv)) return NEXT_STOP;
  g->rv = ambi_came_back(g, g->rv, AMB_V(g->e[IN_B]), false);
  g->e[IN_VAL] = g->rv.w;
  g->e[IN_A] = AMB_NONE.w;
  const Code *val = point(g, RP_METTA_VAL);
  return ambi_position_end(g, IN_POS, IN_VAL, false, ambi_is_error_atom(g->rv),
                           val, val);
}

// A replayed value of metta, or one match of a unify or match: its template.
static enum Next metta_value(Engine *g) {
  if (ambi_is_none(AMB_V(g->e[IN_A]))) return ambi_give(g, AMB_V(g->e[IN_VAL]));
  return ambi_give(g, ambi_handed_on(g->cx, AMB_V(g->e[IN_A])));
}

static enum Next collapse_add(Engine *g) {
  Choice *barrier = ambi_position_choice(AMB_V(g->e[IN_POS])) + 1;
  if (g->rv.w == AMB_SYM(EMPTY).w) return NEXT_FAIL;
  Hook *h = barrier->hook;
  while (!ambi_hook_collects(h))
    h = h->old;
  return ambi_collector_add(g, h, barrier, g->rv, ambi_is_error_atom(g->rv))
             ? NEXT_FAIL
             : NEXT_STOP;
}

// collapse-bind gives all it has collected as one atom, others one by one.
static enum Next collapse_end(Engine *g) {
  bool best = g->b->hook->kind == HOOK_BEST;
  bool whole = !best && g->b->hook->with_bindings;
  Value v = ambi_collector_expr(g, g->b->hook);
  if (ambi_is_none(v)) return NEXT_STOP;
  ambi_choice_cut(g, g->b);
  if (whole) return ambi_give(g, v);
  if (ambi_is_unit(v)) return ambi_give(g, AMB_SYM(EMPTY));
  return best ? superpose_from(g, v, 0) : ambi_give_each(g, v);
}

static enum Next once_ret(Engine *g) {
  static const Code fail_code[1] = {{.op = OP_I_ONCE_FAIL}};
  Choice *at = ambi_position_choice(AMB_V(g->e[IN_POS]));
  Value v = g->pc->op == OP_I_EV_ONCE && g->pc == point(g, RP_ONCE) ? g->rv
                                                                    : AMB_UNIT;
  g->e[IN_VAL] = v.w;
  g->e[IN_A] = AMB_NONE.w;
  bool saved = g->b > at && ambi_results_wait(at + 1);
  if (!ambi_is_error_atom(v) || (g->b <= at + 1 && !saved)) {
    if (g->b > at) ambi_choice_cut(g, at + 1);
    return ambi_give(g, v);
  }
  if (at[1].resume->op == OP_I_ONCE_FAIL) at[1].resume = fail_code;
  const Code *val = point(g, RP_ONCE_VAL);
  return ambi_position_end(g, IN_POS, IN_VAL, true, true, val, val);
}

// A saved Error is the result after all: nothing else comes.
static enum Next once_value(Engine *g) {
  Choice *at = ambi_position_choice(AMB_V(g->e[IN_POS]));
  if (g->b > at) ambi_choice_cut(g, at + 1);
  return ambi_give(g, AMB_V(g->e[IN_VAL]));
}

enum Next ambi_instr_step(Engine *g) {
  switch (g->pc->op) {
  case OP_I_EV_STEP: return instr_start(g);
  case OP_I_EV_CHAIN:
    return chain_go(g, AMB_V(g->e[IN_A]), AMB_V(g->e[IN_B]), g->rv);
  case OP_I_EV_FUNCTION: return function_ret(g);
  case OP_I_EV_EVALED: return evaled(g);
  case OP_I_EV_BODY:
    return ambi_value_tail(g, AMB_V(g->e[IN_CALL]), g->rv,
                           ambi_deref(AMB_V(g->e[IN_TYPE])));
  case OP_I_EV_METTA: return metta_ret(g);
  case OP_I_EV_METTA_VAL: return metta_value(g);
  case OP_I_EV_CBIND: return collapse_add(g);
  case OP_I_EV_CBIND_END: return collapse_end(g);
  case OP_I_EV_SPACE:
    g->cx->space = ambi_space_of(AMB_V(g->e[IN_SPACE]));
    return NEXT_RET;
  case OP_I_EV_ONCE_VAL: return once_value(g);
  case OP_I_EV_BIND_NEXT: return bind_next(g);
  default: return once_ret(g);
  }
}
