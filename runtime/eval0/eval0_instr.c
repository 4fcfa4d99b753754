// The minimal instructions (section 10 of the language) and one evaluation step
// (7.7): grounded calls and the query for `(= atom $X)`.
//
// Instructions gather nothing: the alternatives of a nested one stream depth
// first into what encloses it. Only `metta` and the collectors run agendas.
#include <stdlib.h>

#include "runtime/atoms/work.h"
#include "runtime/depth.h"
#include "runtime/eval0/eval0.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal.h"
#include "runtime/spaces/twin.h"
#include "runtime/trace.h"

static void return_error(Machine *m, Value call, Value reason, Frame *up) {
  if (!ambi_eval0_ok(m, reason)) return;
  Value error = ambi_make_error(m->cx, call, reason);
  if (ambi_eval0_ok(m, error)) ambi_eval0_return(m, error, up);
}

static void return_error_text(Machine *m, Value call, const char *text,
                              Frame *up) {
  Value error = ambi_make_error_text(m->cx, call, text);
  if (ambi_eval0_ok(m, error)) ambi_eval0_return(m, error, up);
}

// (Error instr expected: FORM, found: INSTR), the reason being one symbol.
static void return_malformed(Machine *m, Value instr, const char *form,
                             Frame *up) {
  Context *cx = m->cx;
  Buffer b = {0};
  Naming naming = {0};
  ambi_buffer_puts(&b, "expected: ");
  ambi_buffer_puts(&b, form);
  ambi_buffer_puts(&b, ", found: ");
  ambi_print(cx->rt, &b, instr, &naming);
  ambi_vec_drop(&naming.vars);
  Value reason = b.failed ? AMB_NONE : ambi_make_sym(cx, b.text, b.len);
  ambi_buffer_drop(&b);
  return_error(m, instr, reason, up);
}

// ---- chain ------------------------------------------------------------------

static void instr_chain(Machine *m, Value instr, const Value *c, uint32_t n) {
  if (n != 4 || !ambi_is_var(ambi_deref(c[2]))) {
    return_malformed(m, instr, "(chain <nested> (: <var> Variable) <templ>)",
                     m->up);
    return;
  }
  Frame *f =
      ambi_eval0_frame(m, FRAME_CHAIN, m->up, m->up->depth + DEPTH_NESTED);
  if (!f) return;
  f->a = ambi_deref(c[2]);
  f->b = c[3];
  m->todo = DO_INSTR;
  m->atom = c[1];
  m->up = f;
}

// What became of variables meanwhile changes the template as a part of the
// instruction, and so leaves its mark; the value of the chain's own variable
// changes it as a whole.
void ambi_eval0_chained(Machine *m, Value value, Frame *f) {
  Value templ = ambi_same(f->b, f->a) ? f->b : ambi_deref(f->b);
  bool own = ambi_is_expr(templ) && ambi_has_eval(templ);
  if (own) {
    templ = ambi_resolve(m->cx, templ);
    if (!ambi_eval0_ok(m, templ)) return;
    templ = ambi_mark_eval(templ);
  }
  value = ambi_resolve(m->cx, value);
  if (!ambi_eval0_ok(m, value)) return;
  Value next = ambi_substitute(m->cx, templ, f->a, value);
  if (!ambi_eval0_ok(m, next)) return;
  if (ambi_is_var(templ)) next = ambi_eval0_whole(next);
  m->todo = DO_INSTR;
  m->atom = next;
  m->up = f->up;
}

// ---- function -------------------------------------------------------------------

static void run_function(Machine *m, Value function, Value call, uint32_t depth,
                         Frame *up) {
  Value body = ambi_expr_size(function) == 2
                   ? ambi_deref(ambi_expr_at(function, 1))
                   : AMB_NONE;
  if (ambi_is_none(body) || !ambi_is_expression(body)) {
    return_malformed(m, function, "(function (: <body> Expression))", up);
    return;
  }
  Frame *f = ambi_eval0_frame(m, FRAME_FUNCTION, up, depth);
  if (!f) return;
  f->a = call;
  m->todo = DO_INSTR;
  m->atom = body;
  m->up = f;
}

static void instr_function(Machine *m, Value instr, const Value *c,
                           uint32_t n) {
  (void)c;
  (void)n;
  run_function(m, instr, AMB_NONE, m->up->depth + DEPTH_NESTED, m->up);
}

void ambi_eval0_step_result(Machine *m, Value result, Value call, Frame *up) {
  result = ambi_deref(result);
  if (ambi_is_expr(result) &&
      ambi_same(ambi_deref(ambi_expr_at(result, 0)), AMB_SYM(FUNCTION)))
    run_function(m, result, call, up->depth + DEPTH_FUNCTION, up);
  else
    ambi_eval0_return(m, result, up);
}

// ---- unify ------------------------------------------------------------------------

// One item, the resolved template, for each solution of a query.
static bool solve(Machine *m, Space *space, Value pattern, Value template,
                  ItemList *items) {
  Context *cx = m->cx;
  Mark mark = ambi_eval0_mark(m);
  size_t n = 0;
  m->vars.n = m->scratch.n = 0;
  if (cx->rt->explain) ambi_space_explain(cx, space, pattern);
  if (!ambi_space_solve(cx, space, pattern, &m->vars, &m->scratch, &n)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return false;
  }
  const Value *values = m->scratch.at;
  for (size_t i = 0; i < n; i++, values += m->vars.n) {
    bool fits = true;
    for (size_t j = 0; fits && j < m->vars.n; j++)
      fits = ambi_unify(cx, m->vars.at[j], values[j]);
    if (fits && !ambi_eval0_keep(m, items, template, mark)) return false;
    if (fits && m->traces)
      items->last->way = ambi_eval0_trace_use(
          m, &(TraceUse){{AMB_NONE}, AMB_NONE, pattern, space});
    ambi_trail_undo(cx, mark.trail);
  }
  return cx->stop == STOP_NONE;
}

static void unify_failed(Machine *m, Value a, Value b, Value otherwise) {
  if (m->traces) ambi_eval0_trace_miss(m, a, b);
  ambi_eval0_return(m, otherwise, m->up);
}

static void unify_space(Machine *m, Space *space, Value pattern,
                        const Value *c) {
  ItemList items = {0};
  if (!solve(m, space, pattern, c[3], &items)) return;
  if (items.first)
    ambi_eval0_offer(m, CHOICE_ITEMS, &items, m->up, AMB_NONE);
  else
    unify_failed(m, ambi_space_value(space), pattern, c[4]);
}

static void instr_unify(Machine *m, Value instr, const Value *c, uint32_t n) {
  Context *cx = m->cx;
  if (n != 5) {
    return_malformed(m, instr, "(unify <atom> <pattern> <then> <else>)", m->up);
    return;
  }
  Value a = ambi_deref(c[1]), b = ambi_deref(c[2]);
  bool same = ambi_same(a, b);  // a space matches itself
  if (ambi_is_space(a) && !ambi_is_var(b) && !same) {
    unify_space(m, ambi_space_of(a), b, c);
    return;
  }
  if (ambi_is_space(b) && !ambi_is_var(a) && !same) {
    unify_space(m, ambi_space_of(b), a, c);
    return;
  }
  size_t trail = cx->tr;
  if (ambi_unify(cx, a, b)) {
    // A variable is replaced as a whole: its value loses the mark.
    Value then = ambi_resolve(cx, c[3]);
    if (ambi_is_var(c[3])) then = ambi_eval0_whole(then);
    if (ambi_eval0_ok(m, then)) ambi_eval0_return(m, then, m->up);
    return;
  }
  ambi_trail_undo(cx, trail);
  unify_failed(m, a, b, c[4]);
}

// ---- expressions ------------------------------------------------------------------

static void instr_cons(Machine *m, Value instr, const Value *c, uint32_t n) {
  if (n != 3 || !ambi_is_expression(ambi_deref(c[2]))) {
    return_malformed(m, instr, "(cons-atom <head> (: <tail> Expression))",
                     m->up);
    return;
  }
  Value e = ambi_make_cons(m->cx, ambi_deref(c[1]), ambi_deref(c[2]));
  if (ambi_eval0_ok(m, e)) ambi_eval0_return(m, e, m->up);
}

static void instr_decons(Machine *m, Value instr, const Value *c, uint32_t n) {
  Context *cx = m->cx;
  Value e = n == 2 ? ambi_deref(c[1]) : AMB_NONE;
  if (!ambi_is_expr(e)) {
    return_malformed(m, instr, "(decons-atom (: <expr> Expression))", m->up);
    return;
  }
  Value tail = ambi_make_tail(cx, e, 1);
  if (!ambi_eval0_ok(m, tail)) return;
  Value pair = AMB_EXPR(cx, ambi_expr_at(e, 0), tail);
  if (ambi_eval0_ok(m, pair)) ambi_eval0_return(m, pair, m->up);
}

// ---- collapse-bind, superpose-bind --------------------------------------------

static void instr_collapse(Machine *m, Value instr, const Value *c,
                           uint32_t n) {
  if (n != 2) {
    return_malformed(m, instr, "(collapse-bind <atom>)", m->up);
    return;
  }
  Frame *f =
      ambi_eval0_collect(m, COLLECT_BIND, m->up, m->up->depth + DEPTH_NESTED);
  if (!f) return;
  m->todo = DO_INSTR;
  m->atom = c[1];
  m->up = f;
}

static Value make_bindings(Context *cx, const Item *item) {
  size_t size = 2 * item->nbindings;
  Word *p = ambi_heap_alloc(cx, 1 + size);
  if (!p) return AMB_NONE;
  p[0] = ambi_header(KIND_BIND, 0, (uint32_t)size);
  for (size_t i = 0; i < item->nbindings; i++) {
    p[1 + 2 * i] = ambi_tag_ptr(TAG_VAR, item->bindings[i].cell).w;
    p[2 + 2 * i] = item->bindings[i].value.w;
  }
  return ambi_tag_ptr(TAG_OBJ, p);
}

static int by_name(const void *a, const void *b) {
  const Value *x = a, *y = b;
  Word one = ambi_ptr(*x)[1], other = ambi_ptr(*y)[1];
  if (one != other) return one < other ? -1 : 1;
  return (x->w > y->w) - (x->w < y->w);
}

// Each time a variable is read (parse) it is a new one with the name it was read with. In
// several results that are collected those of one name are one, as those of a form are.
static bool join_read(Machine *m, Value all) {
  size_t n = 0;
  m->vars.n = 0;
  if (ambi_word_ground(all)) return true;
  if (!ambi_collect_vars(m->cx, all, &m->vars)) return false;
  for (size_t i = 0; i < m->vars.n; i++)
    if (ambi_vinfo_id(ambi_ptr(m->vars.at[i])[1]) == AMB_VAR_AS_WRITTEN)
      m->vars.at[n++] = m->vars.at[i];
  if (n > 1) qsort(m->vars.at, n, sizeof *m->vars.at, by_name);
  for (size_t i = 1, first = 0; i < n; i++) {
    Value v = m->vars.at[i], to = m->vars.at[first];
    if (ambi_ptr(v)[1] != ambi_ptr(to)[1])
      first = i;
    else if (!ambi_bind(m->cx, v, to))
      return false;
  }
  return true;
}

Value ambi_eval0_collapsed(Machine *m, const ItemList *items) {
  Context *cx = m->cx;
  m->scratch.n = 0;
  for (const Item *i = items->first; i; i = i->next) {
    Value bindings = make_bindings(cx, i);
    if (ambi_is_none(bindings)) return AMB_NONE;
    Value pair = AMB_EXPR(cx, i->value, bindings);
    if (ambi_is_none(pair) || !ambi_vec_push(&m->scratch, pair))
      return AMB_NONE;
  }
  Value all = ambi_make_expr(cx, m->scratch.at, m->scratch.n);
  if (ambi_is_none(all)) return all;
  bool several = items->first != items->last;
  return !several || join_read(m, all) ? all : AMB_NONE;
}

// Merges the bindings with the present ones; false: they are incompatible.
static bool take_bindings(Context *cx, Value bindings) {
  const Word *p = ambi_ptr(bindings);
  uint32_t size = ambi_hdr_size(p[0]);
  for (uint32_t i = 1; i < size; i += 2)
    if (!ambi_unify(cx, AMB_V(p[i + 1]), AMB_V(p[i]))) return false;
  return true;
}

static void instr_superpose(Machine *m, Value instr, const Value *c,
                            uint32_t n) {
  Context *cx = m->cx;
  Value all = n == 2 ? ambi_deref(c[1]) : AMB_NONE;
  if (!ambi_is_collapsed(all)) {
    return_malformed(m, instr, "(superpose-bind (: <collapsed> Expression))",
                     m->up);
    return;
  }
  ItemList items = {0};
  Mark mark = ambi_eval0_mark(m);
  for (uint32_t i = 0; i < ambi_expr_size(all); i++) {
    Value pair = ambi_deref(ambi_expr_at(all, i));
    if (take_bindings(cx, ambi_deref(ambi_expr_at(pair, 1))) &&
        !ambi_eval0_keep(m, &items, ambi_expr_at(pair, 0), mark))
      return;
    ambi_trail_undo(cx, mark.trail);
  }
  ambi_eval0_offer(m, CHOICE_ITEMS, &items, m->up, AMB_NONE);
}

// ---- the other instructions ----------------------------------------------------------

static void enter_space(Machine *m, Value space) {
  Space *s = ambi_home(m->cx, ambi_space_of(ambi_deref(space)));
  if (s) m->space = s;
}

static void instr_eval(Machine *m, Value instr, const Value *c, uint32_t n) {
  if (n != 2) {
    return_malformed(m, instr, "(eval <atom>)", m->up);
    return;
  }
  m->todo = DO_STEP;
  m->atom = c[1];
  m->space = m->cx->space;
}

static void instr_evalc(Machine *m, Value instr, const Value *c, uint32_t n) {
  if (n != 3 || !ambi_is_space(ambi_deref(c[2]))) {
    return_malformed(m, instr, "(evalc <atom> <space>)", m->up);
    return;
  }
  m->todo = DO_STEP;
  m->atom = c[1];
  enter_space(m, c[2]);
}

static void instr_metta(Machine *m, Value instr, const Value *c, uint32_t n) {
  if (n != 4 || !ambi_is_space(ambi_deref(c[3]))) {
    return_malformed(m, instr, "(metta atom type space)", m->up);
    return;
  }
  m->todo = DO_METTA;
  m->atom = c[1];
  m->type = c[2];
  enter_space(m, c[3]);
  m->depth = m->up->depth + DEPTH_NESTED;
}

static void instr_context_space(Machine *m, Value instr, const Value *c,
                                uint32_t n) {
  (void)c;
  if (n != 1)
    return_malformed(m, instr, "(context-space)", m->up);
  else
    ambi_eval0_return(m, ambi_space_face_value(m->cx->space), m->up);
}

static void instr_call_native(Machine *m, Value instr, const Value *c,
                              uint32_t n) {
  (void)c;
  (void)n;
  return_malformed(m, instr, "(call-native func args)", m->up);
}

typedef void InstrFn(Machine *m, Value instr, const Value *children,
                     uint32_t n);
static InstrFn *const instructions[] = {
    [AMB_S_EVAL] = instr_eval,
    [AMB_S_EVALC] = instr_evalc,
    [AMB_S_CHAIN] = instr_chain,
    [AMB_S_UNIFY] = instr_unify,
    [AMB_S_CONS_ATOM] = instr_cons,
    [AMB_S_DECONS_ATOM] = instr_decons,
    [AMB_S_FUNCTION] = instr_function,
    [AMB_S_COLLAPSE_BIND] = instr_collapse,
    [AMB_S_SUPERPOSE_BIND] = instr_superpose,
    [AMB_S_METTA] = instr_metta,
    [AMB_S_CONTEXT_SPACE] = instr_context_space,
    [AMB_S_CALL_NATIVE] = instr_call_native,
};

// The instruction an atom is, or NULL.
static InstrFn *instruction_of(Value a) {
  if (!ambi_is_expr(a)) return NULL;
  Value head = ambi_deref(ambi_expr_at(a, 0));
  if (!ambi_is_sym(head)) return NULL;
  uint32_t id = ambi_sym_of(head);
  return id < sizeof instructions / sizeof *instructions ? instructions[id]
                                                         : NULL;
}

// What is no instruction is its own result.
void ambi_eval0_instruction(Machine *m) {
  Value a = ambi_deref(m->atom);
  InstrFn *fn = instruction_of(a);
  if (fn)
    fn(m, a, ambi_expr_items(a), ambi_expr_size(a));
  else
    ambi_eval0_return(m, a, m->up);
}

void ambi_eval0_function_ret(Machine *m, Value value, Frame *f) {
  value = ambi_deref(value);
  if (ambi_expr_size(value) == 2 &&
      ambi_same(ambi_deref(ambi_expr_at(value, 0)), AMB_SYM(RETURN))) {
    ambi_eval0_return(m, ambi_expr_at(value, 1), f->up);
  } else if (instruction_of(value)) {
    m->todo = DO_INSTR;
    m->atom = value;
    m->up = f;
  } else {
    return_error(m, ambi_is_none(f->a) ? value : f->a, AMB_SYM(NO_RETURN),
                 f->up);
  }
}

// ---- grounded calls, 7.9 ---------------------------------------------------------------

static void offer_many(Machine *m, Value call) {
  Context *cx = m->cx;
  ItemList items = {0};
  Mark mark = ambi_eval0_mark(m);
  for (size_t i = 0; i < cx->many.n; i++)
    if (!ambi_eval0_keep(m, &items, cx->many.at[i], mark)) return;
  cx->many.n = 0;
  if (items.first)
    ambi_eval0_offer(m, CHOICE_STEP, &items, m->up, call);
  else
    ambi_eval0_return(m, AMB_SYM(EMPTY), m->up);
}

static void run_match(Machine *m, Value call, const Value *args) {
  if (!ambi_is_space(args[0])) {
    return_error_text(m, call, "match expects a space as the first argument",
                      m->up);
    return;
  }
  ItemList items = {0};
  if (!solve(m, ambi_space_of(args[0]), args[1], args[2], &items)) return;
  if (items.first)
    ambi_eval0_offer(m, CHOICE_STEP, &items, m->up, call);
  else
    ambi_eval0_return(m, AMB_SYM(EMPTY), m->up);
}

// capture, _once, minimize and maximize: evaluation of the argument under a collector of their own.
static void run_collected(Machine *m, enum CollectorKind kind, Value call,
                          const Value *args) {
  bool fresh = kind == COLLECT_CAPTURE;  // a run of its own, counted from 0
  uint32_t depth = fresh ? DEPTH_FORM : m->up->depth + DEPTH_ONCE;
  Frame *f = ambi_eval0_collect(m, kind, m->up, depth - 1);
  if (!f) return;
  f->collector->call = call;
  m->todo = fresh ? DO_METTA : DO_TAIL;
  m->atom = args[0];
  m->type = AMB_SYM(UNDEFINED);
  if (fresh) m->space = m->cx->space;
  m->up = f;
  m->depth = depth;
}

static void run_plain(Machine *m, Value call, const Builtin *b,
                      const Value *args, uint32_t n) {
  Context *cx = m->cx;
  Value out = AMB_NONE;
  cx->error_reason = AMB_NONE;
  cx->many.n = 0;
  if (cx->journal && !ambi_journal_lets(cx, b->flags)) return;
  switch (ambi_builtin_call(cx, b, args, n, &out)) {
  case B_OK: ambi_eval0_step_result(m, out, call, m->up); break;
  case B_EMPTY: ambi_eval0_return(m, AMB_SYM(EMPTY), m->up); break;
  case B_NOREDUCE: ambi_eval0_return(m, AMB_SYM(NOT_REDUCIBLE), m->up); break;
  case B_ERROR:
    if (ambi_is_none(cx->error_reason))
      return_error_text(m, call, cx->message, m->up);
    else
      return_error(m, call, cx->error_reason, m->up);
    break;
  case B_MANY: offer_many(m, call); break;
  case B_STOP: ambi_eval0_stop(m, STOP_INTERNAL); break;
  }
}

static void run_operation(Machine *m, Value call, uint32_t op) {
  const Value *args = ambi_expr_items(call) + 1;
  uint32_t n = ambi_expr_size(call) - 1;
  const Builtin *b = ambi_builtin(m->cx->rt, op);
  if (!ambi_builtin_takes(b, n)) {
    if (*b->count_text)
      return_error_text(m, call, b->count_text, m->up);
    else
      ambi_eval0_return(m, AMB_SYM(NOT_REDUCIBLE), m->up);
    return;
  }
  switch (op) {
  case OP_MATCH: run_match(m, call, args); break;
  case OP_CAPTURE: run_collected(m, COLLECT_CAPTURE, call, args); break;
  case OP_ONCE: run_collected(m, COLLECT_ONCE, call, args); break;
  case OP_DEEPEN: ambi_eval0_deepen(m, call); break;
  case OP_MINIMIZE: run_collected(m, COLLECT_LEAST, call, args); break;
  case OP_MAXIMIZE: run_collected(m, COLLECT_GREATEST, call, args); break;
  default: run_plain(m, call, b, args, n); break;
  }
}

// ---- one step, 7.7 ------------------------------------------------------------------------

// A variable as the innermost head: never queried.
static bool has_variable_head(Value a) {
  while (ambi_is_expr(a)) {
    a = ambi_deref(ambi_expr_at(a, 0));
    if (ambi_is_var(a)) return true;
  }
  return false;
}

// Every rule whose left side unifies is an alternative.
static void query(Machine *m, Value a) {
  Context *cx = m->cx;
  Mark mark = ambi_eval0_mark(m);
  Value x = ambi_make_var(cx, AMB_S_X, AMB_VAR_ASKED);
  if (!ambi_eval0_ok(m, x)) return;
  Value pattern = AMB_EXPR(cx, AMB_SYM(EQ), a, x);
  if (!ambi_eval0_ok(m, pattern)) return;
  m->records.n = 0;
  if (!ambi_space_query(cx, m->space, pattern, &m->records)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return;
  }
  ItemList items = {0};
  for (size_t i = 0; i < m->records.n; i++) {
    Record r = m->records.at[i];
    if (ambi_is_lvar(ambi_record_atom(r))) continue;  // gives $X no value
    if (ambi_record_answers(cx, r, a, x)) {
      if (!ambi_eval0_keep(m, &items, x, mark)) return;
      if (m->traces)
        items.last->way =
            ambi_eval0_trace_use(m, &(TraceUse){r, a, AMB_NONE, m->space});
      // A body that is a variable holds a part of the call (7.8).
      Value body = ambi_deref(x), *kept = &items.last->value;
      if (ambi_is_expr(body) && ambi_has_eval(body) && ambi_is_expr(*kept))
        *kept = ambi_mark_eval(*kept);
    }
    ambi_trail_undo(cx, mark.trail);
    if (cx->stop) return;
  }
  if (items.first)
    ambi_eval0_offer(m, CHOICE_STEP, &items, m->up, a);
  else
    ambi_eval0_return(m, AMB_SYM(NOT_REDUCIBLE), m->up);
}

void ambi_eval0_step(Machine *m) {
  Value a = m->resolved ? ambi_deref(m->atom) : ambi_resolve(m->cx, m->atom);
  m->resolved = false;
  if (!ambi_eval0_ok(m, a)) return;
  Value head = ambi_is_expr(a) ? ambi_deref(ambi_expr_at(a, 0)) : AMB_NONE;
  if (ambi_is_op(head)) {
    run_operation(m, a, ambi_op_of(head));
  } else if (instruction_of(a)) {
    m->todo = DO_INSTR;
    m->atom = a;
  } else if (has_variable_head(a)) {
    ambi_eval0_return(m, AMB_SYM(NOT_REDUCIBLE), m->up);
  } else {
    query(m, a);
  }
}
