// Noting what is done, see why_not.h.
#include "cli/trace/why_not_data.h"

#include <string.h>

#include "cli/lost.h"
#include "cli/trace/unlike.h"
#include "runtime/modules/module.h"

enum {
  MOST_NODES = 1 << 18,  // what comes later is not noted
  MOST_RULES = 40        // of a function whose heads are compared with a call
};

// ---- nodes ------------------------------------------------------------------

// NULL: there are too many, or memory is out, which is noted.
static Node *add(WhyNot *w, const void *parent, enum NodeKind kind) {
  if (w->nodes == MOST_NODES) return NULL;
  Node *n = ambi_arena_alloc(&w->arena, sizeof *n);
  if (!n) {
    cli_lost();
    return NULL;
  }
  Node *up = parent ? (Node *)parent : w->root;
  *n = (Node){.kind = kind, .parent = up};
  w->nodes++;
  if (!up) return n;
  if (up->last)
    up->last->next = n;
  else
    up->first = n;
  up->last = n;
  return n;
}

// Steps within a call that gave a value are no part of what follows it.
static Node *step_back(const Node *n) {
  return n->kind == STEP_VALUE ? n->call->parent : n->parent;
}

static void mark_reason(Node *n) {
  for (; n && !n->reason; n = step_back(n))
    n->reason = true;
}

static void add_reason(WhyNot *w, const void *parent, Told told) {
  Node *n = add(w, parent, STEP_REASON);
  if (!n) return;
  n->told = told;
  mark_reason(n);
}

// There is no root where memory was out when the form began.
static bool is_noted(const WhyNot *w) {
  return w->root != NULL;
}

static const char *text(WhyNot *w, Value v) {
  return cli_told_atom(w->rt, &w->arena, v);
}

// ---- calls ------------------------------------------------------------------

static bool wants(void *arg, Context *cx, Space *s, Value call) {
  (void)cx;
  (void)s;
  (void)call;
  return is_noted(arg) && ((const WhyNot *)arg)->nodes < MOST_NODES;
}

// Rules of the function whose heads do not fit.
static void compare_rules(WhyNot *w, Context *cx, Node *call, Value v) {
  RecordVec rules = {0};
  Value head = ambi_deref(ambi_expr_at(v, 0));
  if (!ambi_space_rules(cx->space, head, ambi_expr_size(v) - 1, &rules))
    cli_lost();
  for (size_t i = 0; i < rules.n && i < MOST_RULES; i++) {
    const char *why = cli_unlike_rule(cx, &w->arena, rules.at[i], v);
    if (!why) continue;
    Told told = {.kind = TOLD_UNFIT,
                 .text = cli_told_rule(cx, &w->arena, rules.at[i]),
                 .value = why,
                 .place = cli_places_of(w->places, rules.at[i])};
    add_reason(w, call, told);
  }
  ambi_records_drop(&rules);
}

static const void *called(WhyNot *w, Context *cx, const TraceEvent *e) {
  Node *n = add(w, e->way, STEP_CALL);
  if (!n) return e->way;
  n->library = cli_trace_is_library(w->rt, e->call);
  n->told = (Told){
      .kind = TOLD_NOTHING, .text = text(w, e->call), .value = "has no value"};
  if (!n->library) compare_rules(w, cx, n, e->call);
  return n;
}

// What lies between a call and one of its values.
static void mark_passed(Node *value, const Node *call) {
  for (Node *n = value->parent; n && n != call; n = step_back(n))
    n->passed = true;
}

// Calls around the one that an Error comes from give it, too.
static bool is_new_error(const Node *n) {
  const Node *before = n->parent;
  n->call->error |= before->kind != STEP_VALUE ||
                    strcmp(before->told.value, n->told.value) != 0;
  return n->call->error;
}

static const void *gave(WhyNot *w, const TraceEvent *e) {
  Node *call = (Node *)e->began, *n = add(w, e->way, STEP_VALUE);
  if (!n || !call || call->kind != STEP_CALL) return e->way;
  n->call = call;
  n->told = (Told){
      .kind = TOLD_CALL, .text = call->told.text, .value = text(w, e->value)};
  call->back = !call->library && ambi_alpha_equal(e->call, e->value);
  if (call->back) call->told.value = "comes back as it is";
  call->values++;
  mark_passed(n, call);
  if (e->port == TRACE_ERROR && is_new_error(n)) mark_reason(n);
  return n;
}

// ---- reasons ----------------------------------------------------------------

static bool is_call_of(const Runtime *rt, Value call, const char *name) {
  Value head = ambi_deref(ambi_expr_at(call, 0));
  if (ambi_is_sym(head))
    return strcmp(ambi_symbol(rt->symbols, ambi_sym_of(head))->text, name) == 0;
  return ambi_is_op(head) &&
         strcmp(ambi_builtin(rt, ambi_op_of(head))->name, name) == 0;
}

static const char *why_match(WhyNot *w, Context *cx, Value call) {
  Value space = ambi_deref(ambi_expr_at(call, 1));
  return ambi_is_space(space)
             ? cli_unlike_space(cx, &w->arena, w->places, ambi_space_of(space),
                                ambi_expr_at(call, 2))
             : "it has no space to look at";
}

// A call is over that has given nothing, and nothing in it says why.
static void failed(WhyNot *w, Context *cx, const TraceEvent *e) {
  Node *call = (Node *)e->began;
  if (!call || call->kind != STEP_CALL || call->reason || call->values) return;
  Told told = {.kind = TOLD_REASON,
               .text = call->told.text,
               .value = "it gives nothing"};
  if (is_call_of(w->rt, e->call, "match") && ambi_expr_size(e->call) == 4)
    told.value = why_match(w, cx, e->call);
  else if (is_call_of(w->rt, e->call, "case"))
    told.value = "no case fits";
  add_reason(w, call, told);
}

static bool tell(void *arg, Context *cx, TraceEvent *e) {
  WhyNot *w = arg;
  if (!is_noted(w)) return true;
  switch (e->port) {
  case TRACE_CALL: e->way = called(w, cx, e); break;
  case TRACE_EXIT:
  case TRACE_ERROR: e->way = gave(w, e); break;
  case TRACE_FAIL: failed(w, cx, e); break;
  case TRACE_RETRY: break;
  }
  return true;
}

static const void *use(void *arg, Context *cx, const void *way,
                       const TraceUse *used) {
  WhyNot *w = arg;
  bool is_fact = !ambi_is_none(used->fact);
  if (!is_noted(w)) return way;
  if (!is_fact && cli_trace_is_library(cx->rt, used->call)) return way;
  Node *n = add(w, way, is_fact ? STEP_FACT : STEP_RULE);
  if (!n) return way;
  Told *t = &n->told;
  if (is_fact) {
    *t = (Told){.kind = TOLD_FACT, .text = text(w, used->fact)};
    t->place = cli_places_find(w->places, cx, used->space, used->fact);
  } else {
    *t = (Told){.kind = TOLD_RULE,
                .text = cli_told_rule(cx, &w->arena, used->rule)};
    t->place = cli_places_of(w->places, used->rule);
    cli_told_bindings(t, cx, &w->arena, used->rule, used->call);
  }
  return n;
}

static void miss(void *arg, Context *cx, const void *way,
                 const TraceMiss *miss) {
  WhyNot *w = arg;
  if (!is_noted(w)) return;
  if (!ambi_is_none(miss->inside) && cli_trace_is_library(cx->rt, miss->inside))
    return;
  Told told = {.kind = TOLD_REASON};
  if (ambi_is_space(miss->a) && !ambi_is_space(miss->b)) {
    told.text = text(w, miss->b);
    told.value = cli_unlike_space(cx, &w->arena, w->places,
                                  ambi_space_of(miss->a), miss->b);
  } else {
    Buffer b = {0};
    ambi_buffer_puts(&b, "it does not fit ");
    ambi_buffer_puts(&b, text(w, miss->b));
    ambi_buffer_puts(&b, "; ");
    ambi_buffer_puts(&b, cli_unlike(cx, &w->arena, miss->a, miss->b));
    told.text = text(w, miss->a);
    told.value = cli_told_text(&w->arena, &b);
  }
  add_reason(w, way, told);
}

static bool is_wanted(const WhyNot *w, Context *cx, Value value) {
  Value wanted = ambi_instance(cx, &w->missing, false);
  if (ambi_is_none(wanted)) cli_lost();
  return !ambi_is_none(wanted) && cli_unlike_fits(cx, wanted, value);
}

// What was asked for came back, and is no function.
static void tell_unknown(WhyNot *w, Context *cx, const void *way, Value v) {
  if (!ambi_is_expr(v) || strcmp(w->root->told.text, text(w, v)) != 0) return;
  Value head = ambi_deref(ambi_expr_at(v, 0));
  uint32_t n = ambi_expr_size(v) - 1;
  if (!ambi_is_sym(head) || ambi_space_has_rules(cx->space, head, n)) return;
  Buffer b = {0};
  ambi_buffer_format(&b, "no rule is for it with %u argument%s", n,
                     n == 1 ? "" : "s");
  add_reason(w, way,
             (Told){.kind = TOLD_REASON,
                    .text = text(w, head),
                    .value = cli_told_text(&w->arena, &b)});
}

static void answer(void *arg, Context *cx, const void *way, Value value) {
  WhyNot *w = arg;
  if (w->forms > 1 || !is_noted(w)) return;
  bool expected = w->is_missing && is_wanted(w, cx, value);
  w->answers++;
  w->found |= expected;
  tell_unknown(w, cx, way, value);
  Node *n = add(w, way, STEP_ANSWER);
  if (!n) return;
  n->told = (Told){.kind = TOLD_ANSWER,
                   .text = text(w, value),
                   .value = expected        ? "the answer"
                            : w->is_missing ? "another answer"
                                            : "an answer"};
  if (w->is_missing && !expected) mark_reason(n);
}

// ---- forms ------------------------------------------------------------------

static void begin(WhyNot *w) {
  ambi_arena_open(&w->arena);
  w->nodes = w->answers = 0;
  w->found = false;
  w->root = NULL;
  w->root = add(w, NULL, STEP_ROOT);
}

static void form_begins(void *arg, Context *cx, Value form) {
  WhyNot *w = arg;
  (void)cx;
  if (w->forms++ == 0 && is_noted(w)) w->root->told.text = text(w, form);
}

static void form_ends(void *arg, Context *cx) {
  WhyNot *w = arg;
  (void)cx;
  if (--w->forms > 0) return;
  if (is_noted(w)) cli_why_not_tell(w);
  ambi_arena_close(&w->arena);
  begin(w);
}

// False: it is no atom.
static bool read_wanted(WhyNot *w) {
  Reader r;
  ambi_reader_open(&r, w->rt, ambi_module_top(w->rt)->tokens, w->wanted,
                   strlen(w->wanted));
  enum ReadStatus status = ambi_read(&r, &w->missing);
  if (status == READ_MEMORY) cli_lost();
  return status == READ_ATOM;
}

void cli_why_not_open(WhyNot *w, Runtime *rt) {
  w->rt = rt;
  w->is_missing = w->wanted && read_wanted(w);
  begin(w);
  w->tracer = (Tracer){.arg = w,
                       .wants = wants,
                       .tell = tell,
                       .use = use,
                       .miss = miss,
                       .answer = answer,
                       .begin = form_begins,
                       .end = form_ends};
  rt->tracer = &w->tracer;
}

void cli_why_not_close(WhyNot *w) {
  w->rt->tracer = NULL;
  if (w->is_missing) ambi_template_release(w->rt->store, &w->missing);
  ambi_arena_close(&w->arena);
}
