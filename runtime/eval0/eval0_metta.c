// Evaluation proper, as the language defines it in sections 7.2 to 7.7: metta,
// interpret_expression, interpret_function, interpret_tuple and metta_call.
#include "runtime/depth.h"
#include "runtime/eval0/eval0.h"
#include "runtime/runtime.h"
#include "runtime/spaces/twin.h"

static bool is_sym(Value v, uint32_t id) {
  return ambi_same(v, AMB_SYM_ID(id));
}

// Each error is one alternative of `up`.
static void offer_errors(Machine *m, const ValueVec *errors, Frame *up) {
  ItemList items = {0};
  Mark mark = ambi_eval0_mark(m);
  for (size_t i = 0; i < errors->n; i++)
    if (!ambi_eval0_keep(m, &items, errors->at[i], mark)) return;
  ambi_eval0_offer(m, CHOICE_ITEMS, &items, up, AMB_NONE);
}

static void type_cast(Machine *m, Value a, Value type, Frame *up) {
  m->scratch.n = 0;
  if (ambi_type_cast(m->cx, m->space, a, type, &m->scratch))
    ambi_eval0_return(m, a, up);
  else
    offer_errors(m, &m->scratch, up);
}

void ambi_eval0_cast(Machine *m, Value value, Frame *f) {
  m->scratch.n = 0;
  if (ambi_type_cast_result(m->cx, f->space, f->a, value, f->b, &m->scratch))
    ambi_eval0_return(m, value, f->up);
  else
    offer_errors(m, &m->scratch, f->up);
}

// ---- interpret_expression, 7.4 -------------------------------------------------

static void start_children(Machine *m, Frame *f, Value type) {
  m->todo = DO_METTA;
  m->resolved = f->state == ambi_eval0_state(m);
  m->atom = ambi_expr_at(f->a, f->index);
  m->type = type;
  m->space = f->space;
  m->up = f;
  m->depth = f->depth + 1;
}

// The children of `call` are to be evaluated, then the call itself; `ftype` is
// NONE for a tuple. `up` is the mark frame of the call.
static void start_call(Machine *m, Value call, Value ftype, Value type,
                       Frame *up) {
  Frame *f = ambi_eval0_frame(m, FRAME_ARGS, up, m->depth + DEPTH_CHILD - 1);
  if (!f) return;
  f->a = call;
  f->b = ftype;
  f->c = type;
  f->done = NULL;
  f->state = up->state;
  start_children(m, f, ambi_is_none(ftype) ? AMB_SYM(UNDEFINED) : ftype);
}

// A type variable that became Atom does not keep the result from being evaluated,
// whether the check of the call binds it or the evaluation of an argument.
static Value result_type(Value declared) {
  Value type = ambi_deref(declared);
  bool open = is_sym(type, AMB_S_T_EXPRESSION) ||
              (ambi_is_var(declared) && is_sym(type, AMB_S_T_ATOM));
  return open ? AMB_SYM(UNDEFINED) : type;
}

static void start_function(Machine *m, Value call, Value type, Frame *up) {
  Value declared = ambi_expr_at(type, ambi_expr_size(type) - 1);
  start_call(m, call, type, result_type(declared), up);
}

// The first function type of the head under which the call is well typed; NONE:
// none is, with the errors in m->scratch.
static Value find_applicable(Machine *m, Value e, Value type) {
  m->scratch.n = 0;
  for (size_t i = 0; i < m->types.n && !m->cx->stop; i++) {
    const TypeItem *t = &m->types.at[i];
    if (t->is_error || !t->is_function) continue;
    if (ambi_check_applicable(m->cx, m->space, e, t->type, type, &m->scratch))
      return t->type;
  }
  return AMB_NONE;
}

typedef struct HeadTypes {
  bool function, tuple, error;
} HeadTypes;

static HeadTypes classify(const TypeVec *types) {
  HeadTypes h = {false, false, true};
  for (size_t i = 0; i < types->n; i++) {
    const TypeItem *t = &types->at[i];
    if (t->is_error) continue;
    h.error = false;
    if (t->is_function)
      h.function = true;
    else
      h.tuple = true;
  }
  return h;
}

static void offer_head_errors(Machine *m, Frame *up) {
  m->scratch.n = 0;
  for (size_t i = 0; i < m->types.n; i++)
    if (!ambi_vec_push(&m->scratch, m->types.at[i].error)) {
      ambi_eval0_stop(m, STOP_MEMORY);
      return;
    }
  offer_errors(m, &m->scratch, up);
}

// An applicable function type leaves no other branch. With none, the head may
// also be plain data: the tuple's results come before the errors of the types.
static void interpret_expression(Machine *m, Value e, Value type, Frame *up) {
  Context *cx = m->cx;
  if (ambi_is_unit(e)) {
    type_cast(m, e, type, up);
    return;
  }
  m->types.n = 0;
  Value op = ambi_expr_at(e, 0);
  if (!ambi_get_types_or_undefined(cx, m->space, op, &m->types)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return;
  }
  HeadTypes head = classify(&m->types);
  if (head.function) {  // the types of a call with so many arguments
    m->types.n = 0;
    if (!ambi_head_types(cx, m->space, op, ambi_expr_size(e) - 1,
                         ambi_expr_at(e, ambi_expr_size(e) - 1), &m->types)) {
      ambi_eval0_stop(m, STOP_MEMORY);
      return;
    }
  }
  if (head.error) {
    offer_head_errors(m, up);
    return;
  }
  if (head.function) {
    Value f = find_applicable(m, e, type);
    if (cx->stop) return;
    if (!ambi_is_none(f)) {
      start_function(m, e, f, up);
      return;
    }
    offer_errors(m, &m->scratch, up);
  }
  if (head.tuple && !cx->stop) start_call(m, e, AMB_NONE, type, up);
}

// ---- metta, 7.2 -------------------------------------------------------------

static bool is_too_deep(const Machine *m) {
  uint64_t limit = m->cx->limits.max_stack_depth;
  return limit && m->depth >= limit;
}

static void return_overflow(Machine *m, Value a, Value type) {
  Context *cx = m->cx;
  Value call =
      AMB_EXPR(cx, AMB_SYM(METTA), a, type, ambi_space_face_value(m->space));
  if (!ambi_eval0_ok(m, call)) return;
  Value error = ambi_make_error(cx, call, AMB_SYM(STACK_OVERFLOW));
  if (ambi_eval0_ok(m, error)) ambi_eval0_return(m, error, m->up);
}

// Is the atom what its expected type wants just as it stands?
static bool is_untouched(Value a, Value type) {
  if (ambi_is_var(a) || is_sym(type, AMB_S_T_ATOM)) return true;
  if (ambi_is_sym(a)) return is_sym(type, AMB_S_T_SYMBOL);
  if (ambi_is_expression(a)) return is_sym(type, AMB_S_T_EXPRESSION);
  return is_sym(type, AMB_S_T_GROUNDED);
}

void ambi_eval0_metta(Machine *m) {
  bool tail = m->todo == DO_TAIL, resolved = m->resolved;
  m->resolved = false;
  Value a = ambi_deref(m->atom), type = ambi_deref(m->type);
  if (is_too_deep(m)) {
    return_overflow(m, a, type);
    return;
  }
  if (is_untouched(a, type)) {
    ambi_eval0_return(m, a, m->up);
    return;
  }
  if (!ambi_is_expression(a)) {
    type_cast(m, a, type, m->up);
    return;
  }
  bool own = !tail && ambi_is_expr(a) && ambi_has_eval(a);
  if (!resolved) a = ambi_resolve(m->cx, a);
  if (!ambi_eval0_ok(m, a)) return;
  if (own) a = ambi_mark_eval(a);
  bool was_own = own && ambi_is_error_atom(a);  // before its head was bound
  if (was_own || ambi_is_rigid(a) || (ambi_is_expr(a) && ambi_has_eval(a))) {
    ambi_eval0_return(m, a, m->up);
    return;
  }
  Frame *up = m->up;
  if (!tail) up = ambi_eval0_collect(m, COLLECT_POSITION, up, m->depth);
  if (!up) return;
  Frame *f = ambi_eval0_frame(m, FRAME_MARK, up, m->depth);
  if (!f) return;
  f->a = a;
  f->state = ambi_eval0_state(m);
  f->base = up->kind == FRAME_MARK ? up->base : up;
  interpret_expression(m, a, type, f);
}

// ---- children, 7.6 ------------------------------------------------------------

static uint32_t call_depth(const Frame *f) {
  return f->depth - (DEPTH_CHILD - 1) - DEPTH_NEXT_CHILD * f->index;
}

static void start_metta_call(Machine *m, Value a, const Frame *f) {
  m->todo = DO_CALL;
  m->atom = a;
  m->type = result_type(f->c);
  m->space = f->space;
  m->up = f->up;
  m->depth = call_depth(f);
  m->resolved =
      f->state == ambi_eval0_state(m) && ambi_eval0_has_resolved_children(a);
}

// The call with all its children replaced by their values.
static Value build_call(Machine *m, const Done *done, uint32_t n) {
  m->scratch.n = 0;
  for (uint32_t i = 0; i < n; i++)
    if (!ambi_vec_push(&m->scratch, AMB_UNIT)) return AMB_NONE;
  for (; done; done = done->older)
    m->scratch.at[--n] = done->value;
  return ambi_make_expr(m->cx, m->scratch.at, m->scratch.n);
}

// Untouched is what holds NaN as well, which equals nothing.
static bool as_it_was(Value value, Value argument) {
  return ambi_same(value, ambi_deref(argument)) ||
         ambi_alpha_equal(value, argument);
}

void ambi_eval0_argument(Machine *m, Value value, Frame *f) {
  bool function = !ambi_is_none(f->b);
  value = ambi_deref(value);
  if (ambi_same(value, AMB_SYM(EMPTY)) || ambi_is_error_atom(value)) {
    if (!function || f->index == 0 ||
        !as_it_was(value, ambi_expr_at(f->a, f->index))) {
      start_metta_call(m, value, f);
      return;
    }
  }
  Done *done = ambi_eval0_alloc(m, sizeof *done);
  if (!done) return;
  *done = (Done){value, f->done};
  uint32_t n = ambi_expr_size(f->a), next = f->index + 1;
  if (next == n) {
    Value call = build_call(m, done, n);
    if (ambi_eval0_ok(m, call)) start_metta_call(m, call, f);
    return;
  }
  Frame *g = ambi_eval0_alloc(m, sizeof *g);
  if (!g) return;
  *g = *f;
  g->index = next;
  g->depth += DEPTH_NEXT_CHILD;
  g->done = done;
  start_children(m, g,
                 function ? ambi_expr_at(f->b, next) : AMB_SYM(UNDEFINED));
}

// ---- metta_call, 7.7 ------------------------------------------------------------

void ambi_eval0_call(Machine *m) {
  Value a = ambi_deref(m->atom);
  bool resolved = m->resolved;
  m->resolved = false;
  if (ambi_is_error_atom(a)) {
    ambi_eval0_return(m, a, m->up);
    return;
  }
  if (m->traces) ambi_eval0_trace_call(m);
  if (ambi_eval0_tabled(m, a)) return;
  m->resolved = resolved;
  ambi_eval0_call_rules(m);
}

void ambi_eval0_call_rules(Machine *m) {
  Value a = ambi_deref(m->atom);
  bool resolved = m->resolved;
  Frame *f = ambi_eval0_frame(m, FRAME_CALL, m->up, m->depth + DEPTH_STEP - 1);
  if (!f) return;
  f->a = a;
  f->b = m->type;
  m->resolved = resolved;
  m->todo = DO_STEP;
  m->atom = a;
  m->up = f;
}

void ambi_eval0_called(Machine *m, Value result, Frame *f) {
  result = ambi_deref(result);
  if (is_sym(result, AMB_S_NOT_REDUCIBLE)) {
    ambi_eval0_return(m, f->a, f->up);
    return;
  }
  if (is_sym(result, AMB_S_EMPTY) || ambi_is_error_atom(result)) {
    ambi_eval0_return(m, result, f->up);
    return;
  }
  m->todo = DO_TAIL;
  m->atom = result;
  m->type = f->b;
  m->space = f->space;
  m->up = f->up;
  m->depth = f->depth + DEPTH_TAIL - (DEPTH_STEP - 1);
}
