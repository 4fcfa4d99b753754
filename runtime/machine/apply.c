// Calls whose children are values (metta_call, semantics 7.7): one step, and how
// the evaluation goes on with what the step gave.
#include "runtime/machine/deepen.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/step.h"

#include "memory/alloc.h"
#include "runtime/spaces/journal.h"
#include "runtime/types/types.h"

enum Next ambi_give_overflow(Engine *g, Value v, Value t) {
  Context *cx = g->cx;
  Value call =
      AMB_EXPR(cx, AMB_SYM(METTA), v, t, ambi_space_face_value(cx->space));
  if (ambi_is_none(call)) return NEXT_STOP;
  return ambi_give(g, ambi_make_error(cx, call, AMB_SYM(STACK_OVERFLOW)));
}

// The call is its own value.
static enum Next give_call(Engine *g, Value call) {
  if (ambi_has_eval(call) && g->call_stays) {
    g->same_from = ambi_ptr(ambi_deref(AMB_V(g->e[EV_ATOM])));
    g->same_to = ambi_ptr(call);
  }
  return ambi_give(g, call);
}

static enum Next engine_op(Engine *g, uint32_t op, const Value *args,
                           Value call) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  if (op == OP_MATCH) {
    if (!ambi_is_space(args[0]))
      return ambi_give(g, ambi_make_error_text(
                              g->cx, ambi_unmark(call),
                              "match expects a space as the first argument"));
    g->e[EV_TMPL] = ambi_settle(g->cx, args[2]).w;
    if (ambi_is_none(AMB_V(g->e[EV_TMPL]))) return NEXT_STOP;
    return ambi_match_begin(g, args[0], args[1], u->code + EV_CODE_TMP);
  }
  const Code *ret = u->code + EV_CODE_TMP;
  if (op == OP_CAPTURE) return ambi_capture_push(g, args[0], ret);
  Word depth = ambi_depth(g, DEPTH_STEP - 1 + DEPTH_ONCE);
  if (op == OP_ONCE) return ambi_once_push(g, args[0], depth, ret);
  return ambi_best_push(g, op, args[0], depth, ret);
}

static enum Next call_op(Engine *g, Value call, Value t) {
  uint32_t n = ambi_expr_size(call), op = ambi_op_of(ambi_expr_at(call, 0));
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  Value small[8], *args = small;
  if (n > 9 && !(args = ambi_alloc(n * sizeof *args))) {
    g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  for (uint32_t i = 1; i < n; i++)
    args[i - 1] = ambi_deref(ambi_expr_at(call, i));
  enum Next next;
  g->e[EV_TMPL] = AMB_NONE.w;
  const Builtin *b = ambi_builtin(g->cx->rt, op);
  if ((b->flags & F_ENGINE) && ambi_builtin_takes(b, n - 1)) {
    next = engine_op(g, op, args, call);
  } else {
    switch (ambi_call_builtin(g, op, args, n - 1, u->code + EV_CODE_TMP)) {
    case CALL_VALUE: next = ambi_body_tail(g, call, g->rv, t); break;
    case CALL_EMPTY: next = NEXT_FAIL; break;
    case CALL_STOP: next = NEXT_STOP; break;
    case CALL_DATA:
      next = give_call(g, ambi_ill_typed(g, call, true) ? ambi_unmark(call)
                                                        : call);
      break;
    default: next = NEXT_RET; break;
    }
  }
  if (args != small) ambi_free(args, n * sizeof *args);
  return next;
}

static bool nested_variable_head(Value v) {
  while (ambi_is_expr(v))
    v = ambi_deref(ambi_expr_at(v, 0));
  return ambi_is_var(v);
}

// Enters the variant of a definition: in place of the EVAL frame, or to return there.
static enum Next enter_variant(Engine *g, Variant *v, Value call,
                               const Code *ret) {
  Unit *u = ambi_unit_of(v);
  if (ret ? !ambi_frame_push(g, u, ret) : !ambi_frame_replace(g, u))
    return NEXT_STOP;
  return ambi_frame_call(g, v, call) ? NEXT_PC : NEXT_STOP;
}

// Is it what stood there before it was evaluated?
static bool has_own_head(const Engine *g, Value head) {
  Value atom = ambi_deref(AMB_V(g->e[EV_ATOM]));
  return !ambi_is_expr(atom) ||
         ambi_same(ambi_deref(ambi_expr_at(atom, 0)), head);
}

// metta_call, 7.7, in place of the EVAL frame.
enum Next ambi_call_step(Engine *g, Value call) {
  Value t = ambi_result_type(g);
  if (ambi_is_error_atom(call)) return give_call(g, call);
  if (ambi_is_function(call) && !g->max_depth)
    call = ambi_unmark(call);  // wherever it is a body
  g->e[EV_CALL] = call.w;
  Value head = ambi_deref(ambi_expr_at(call, 0));
  if (ambi_is_op(head)) return call_op(g, call, t);
  if (ambi_is_instruction(call)) {
    const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
    g->e[EV_TMPL] = AMB_NONE.w;
    return ambi_instr_push(g, ambi_unmark(call), AMB_UNIT, DEPTH_STEP - 1,
                           u->code + EV_CODE_TMP);
  }
  if (nested_variable_head(call)) return give_call(g, call);
  uint32_t n = ambi_expr_size(call) - 1;
  Definition *d = ambi_is_expr(head) && !g->max_depth && ambi_is_sym(t)
                      ? ambi_applied_info(g, head, n)
                      : NULL;
  if (!d && !g->cx->stop) d = ambi_head_info(g, head, n);
  if (!d || g->cx->stop) return NEXT_STOP;
  DefinitionInfo info = ambi_info_of(d);
  if (!info.has_rules) {
    bool ill = !info.untyped && ambi_ill_typed(g, call, false);
    return give_call(g, ill ? ambi_unmark(call) : call);
  }
  if (ambi_is_unit(d->head) || (info.dynamic && !info.tabled) ||
      d->nargs > 64 || (g->max_depth && !ambi_literal_enters(g, d)))
    return ambi_query_begin(g, call, t, true);
  // As an argument it is checked again, and not by the rules by which it is called.
  if (ambi_has_eval(call) && !info.untyped && ambi_ill_typed(g, call, true))
    call = ambi_unmark(call);
  // A variable that nobody else knows says nothing any more.
  if (ambi_is_var(t) && !ambi_is_var(ambi_deref(AMB_V(g->e[EV_TYPE]))))
    t = AMB_SYM(UNDEFINED);
  const Code *ret = NULL;
  if (!ambi_is_sym(t) && info.tabled) {  // that is asked of what the table has
    t = AMB_SYM(UNDEFINED);
    g->e[EV_CALL] = ambi_small_int(0).w;  // see ambi_ev_result
    g->e[EV_TMPL] = call.w;
    ret = ((const Unit *)(uintptr_t)g->e[FRAME_UNIT])->code + EV_CODE_TMP;
  }
  if (!ambi_is_sym(t)) return ambi_query_begin(g, call, t, true);
  Variant *v = ambi_has_eval(call)     ? ambi_variant_same(g->code, d, t)
               : has_own_head(g, head) ? ambi_variant(g->code, d, t)
                                       : ambi_variant_made(g->code, d, t);
  if (!v) {
    g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  return enter_variant(g, v, call, ret);
}

// Would it be the same again, if it is evaluated as a whole? A head with a type is
// checked then.
static bool own_children(Engine *g, Value v) {
  Value head = ambi_deref(ambi_expr_at(v, 0));
  if (ambi_is_op(head)) return false;
  if (ambi_is_sym(head) && !g->cx->rt->is_data_head(g->cx, head)) {
    Definition *d = ambi_head_info(g, head, ambi_expr_size(v) - 1);
    if (!d || !ambi_info_of(d).untyped) return false;
  }
  for (uint32_t i = 0; i < ambi_expr_size(v); i++) {
    Value c = ambi_deref(ambi_expr_at(v, i));
    if (ambi_is_expr(c) && !ambi_has_eval(c)) return false;
  }
  return true;
}

// The results of a map's steps: the symbol Error among them is called otherwise while
// the list is made, or what of it begins with it would count as an Error.
static Value with_errors(Engine *g, Value list) {
  Value *items = NULL;
  uint32_t n = ambi_expr_size(list);
  for (uint32_t i = 0; i < n; i++) {
    if (ambi_expr_at(list, i).w != AMB_SYM(ERROR_ITEM).w) continue;
    if (!items) {
      items = ambi_alloc(n * sizeof *items);
      if (!items) return AMB_NONE;
      memcpy(items, ambi_expr_items(list), n * sizeof *items);
    }
    items[i] = AMB_SYM(ERROR);
  }
  if (items) list = ambi_make_expr(g->cx, items, n);
  ambi_free(items, n * sizeof *items);
  return list;
}

static enum Next call_of_values(Engine *g, Value v, Value t, bool own,
                                const Code *ret) {
  if (AMB_UNLIKELY(ambi_counts(g))) return ambi_deepen_plainly(g);
  if (!ambi_eval_frame(g, v, t, ret)) return NEXT_STOP;
  g->e[EV_RTYPE] = t.w;
  if (!ambi_is_expr(v)) return ambi_give(g, v);
  return ambi_call_step(g, own ? ambi_mark_eval(v) : ambi_unmark(v));
}

enum Next ambi_call_push(Engine *g, Value v, Value t, const Code *ret) {
  return call_of_values(g, ambi_deref(v), t, false, ret);
}

enum Next ambi_call_own_push(Engine *g, Value v, const Code *ret) {
  v = with_errors(g, ambi_deref(v));
  if (ambi_is_none(v)) {
    g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  bool own = ambi_is_expr(v) && own_children(g, v);
  return call_of_values(g, v, AMB_SYM(UNDEFINED), own, ret);
}

static enum Next cast_result(Engine *g, Value t) {
  ValueVec errors = {0};
  bool pass = ambi_type_cast_result(g->cx, g->cx->space, AMB_V(g->e[EV_TMPL]),
                                    g->rv, t, &errors);
  enum Next next = pass ? ambi_give(g, g->rv) : ambi_give_many(g, &errors);
  ambi_vec_drop(&errors);
  return g->cx->stop ? NEXT_STOP : next;
}

// The call has one more result: a grounded operation's, an instruction's, a table's, or a
// match (whose result is the template).
enum Next ambi_ev_result(Engine *g) {
  Value call = AMB_V(g->e[EV_CALL]), t = ambi_result_type(g);
  if (ambi_is_unit(call))  // see await_own
    return ambi_give(g, ambi_came_back(g, g->rv, AMB_V(g->e[EV_ATOM]), false));
  if (!ambi_is_expr(call)) return cast_result(g, t);
  Value r = g->rv, tmpl = AMB_V(g->e[EV_TMPL]);
  if (!ambi_is_none(tmpl)) {
    r = ambi_handed_on(g->cx, tmpl);
    if (ambi_is_none(r)) return NEXT_STOP;
  }
  return ambi_is_instruction(call) ? ambi_value_tail(g, call, r, t)
                                   : ambi_body_tail(g, call, r, t);
}

enum Next ambi_body_tail(Engine *g, Value call, Value body, Value t) {
  body = ambi_deref(body);
  return ambi_is_function(body) ? ambi_function_tail(g, call, body, t)
                                : ambi_value_tail(g, call, body, t);
}

enum Next ambi_body_push(Engine *g, Value call, Value body, Value t,
                         const Code *ret) {
  if (AMB_UNLIKELY(ambi_counts(g))) return ambi_deepen_plainly(g);
  if (!ambi_eval_frame(g, call, t, ret)) return NEXT_STOP;
  return ambi_body_tail(g, call, body, t);
}

// Is it a call that what its body gives may equal? See literal.c.
static bool may_come_back(Engine *g, Value call) {
  if (!g->max_depth || ambi_expr_size(call) != 1) return false;
  Value head = ambi_deref(ambi_expr_at(call, 0));
  RecordVec rules = {0};
  bool names = false;
  if (!ambi_is_sym(head)) return false;
  if (!ambi_space_rules(g->cx->space, head, 0, &rules))
    g->cx->stop = STOP_MEMORY;
  for (size_t i = 0; i < rules.n && !names; i++)
    names = ambi_names_itself(ambi_record_atom(rules.at[i]));
  ambi_records_drop(&rules);
  return names;
}

// The values of the body are looked at when they come.
static enum Next await_own(Engine *g, Value call, Value body, Value t,
                           Word depth) {
  if (g->cx->stop || !ambi_eval_frame_replace(g, call, t)) return NEXT_STOP;
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  return ambi_eval_push_at(g, body, t, depth, u->code + EV_CODE_TMP);
}

enum Next ambi_value_tail(Engine *g, Value call, Value body, Value t) {
  body = ambi_deref(body);
  if (ambi_is_sym(body)) {
    if (body.w == AMB_SYM(EMPTY).w) return NEXT_FAIL;
    if (body.w == AMB_SYM(NOT_REDUCIBLE).w && ambi_is_expr(call)) {
      // It may have other results as well.
      g->cx->rigid = (RigidEpochs){RIGID_NEVER, RIGID_NEVER};
      return ambi_give(g, call);
    }
  }
  if (ambi_is_error_atom(body)) return ambi_give(g, body);
  Word depth = ambi_depth(g, DEPTH_TAIL);
  if (ambi_too_deep(g, depth)) return ambi_give_overflow(g, body, t);
  Value out;
  if (ambi_settled(g, body, t, SIZE_MAX, &out)) {
    bool atom = t.w == AMB_SYM(T_ATOM).w && ambi_has_eval(call);
    return ambi_give(g, ambi_came_back(g, out, call, atom));
  }
  if (g->cx->stop) return NEXT_STOP;
  if (may_come_back(g, call)) return await_own(g, call, body, t, depth);
  return ambi_eval_tail_at(g, body, t, depth);
}

static bool may_be_done(Engine *g, const Builtin *b) {
  return ambi_effect_begins(g) &&
         (AMB_LIKELY(!g->cx->journal) || ambi_journal_lets(g->cx, b->flags));
}

enum CallResult ambi_call_builtin(Engine *g, uint32_t op, const Value *args,
                                  unsigned n, const Code *next) {
  static const Code resume[1] = {{.op = OP_I_MANY_NEXT}};
  Context *cx = g->cx;
  const Builtin *b = ambi_builtin(g->cx->rt, op);
  Value out = AMB_UNIT;
  enum BuiltinStatus s = B_NOREDUCE;
  cx->error_reason = AMB_NONE;
  cx->many.n = 0;
  if (!ambi_builtin_takes(b, n)) {
    ambi_set_message(cx, "%s", b->count_text);
    if (*b->count_text) s = B_ERROR;
  } else if (!(b->flags & F_ENGINE)) {
    if ((b->effects & E_EFFECTS) && !may_be_done(g, b)) return CALL_STOP;
    s = ambi_builtin_call(cx, b, args, n, &out);
  }
  if (s == B_STOP || cx->stop) return CALL_STOP;
  if (s == B_EMPTY || (s == B_MANY && cx->many.n == 0)) return CALL_EMPTY;
  if (s == B_MANY && cx->many.n > 1) {
    Value list = ambi_make_expr(cx, cx->many.at, cx->many.n);
    Choice *c = ambi_is_none(list) ? NULL : ambi_choice_push(g, resume);
    if (!c) return CALL_STOP;
    c->aux = list;
    c->cursor = 1;
    c->next = next;
  }
  g->rv = s == B_MANY ? cx->many.at[0] : ambi_deref(out);
  if (s == B_MANY) return CALL_VALUE;
  if (s == B_OK && g->rv.w == AMB_SYM(EMPTY).w) return CALL_EMPTY;
  if (s == B_OK && g->rv.w != AMB_SYM(NOT_REDUCIBLE).w)
    return ambi_is_error_atom(g->rv) ? CALL_ERROR : CALL_VALUE;
  Value *call = ambi_alloc((n + 1) * sizeof *call);
  if (!call) {
    cx->stop = STOP_MEMORY;
    return CALL_STOP;
  }
  call[0] = AMB_OP_ID(op);
  memcpy(call + 1, args, n * sizeof *call);
  Value e = ambi_make_expr(cx, call, n + 1);
  ambi_free(call, (n + 1) * sizeof *call);
  if (!ambi_is_none(e) && s == B_ERROR)
    e = ambi_is_none(cx->error_reason)
            ? ambi_make_error_text(cx, e, cx->message)
            : ambi_make_error(cx, e, cx->error_reason);
  if (ambi_is_none(e)) return CALL_STOP;
  g->rv = e;
  return s == B_ERROR ? CALL_ERROR : CALL_DATA;
}
