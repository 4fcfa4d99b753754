// Noting steps, and telling the tree of an answer: see why.h.
#include "cli/trace/why.h"

#include "memory/alloc.h"

enum {
  ATOM_MOST = 120,  // bytes of an atom that are shown
  INDENT_MOST = 40  // columns
};

typedef struct Step {
  const struct Step *before;
  // Of a call: its own steps, from the newest one to the one it began behind.
  const struct Step *inner, *began;
  bool is_call;
  char text[];
} Step;

// ---- noting -----------------------------------------------------------------

// NULL: memory is out, and the step is not noted.
static Step *note(Why *w, const Step *before, Buffer *text) {
  Step *s = text->failed
                ? NULL
                : ambi_arena_alloc(&w->arena, sizeof *s + text->len + 1);
  if (s) {
    *s = (Step){.before = before};
    memcpy(s->text, text->text, text->len + 1);
  }
  ambi_buffer_drop(text);
  return s;
}

static bool wants(void *arg, Context *cx, Space *s, Value call) {
  (void)arg;
  (void)s;
  return !cli_trace_is_library(cx->rt, call);
}

static bool tell(void *arg, Context *cx, TraceEvent *e) {
  Why *w = arg;
  (void)cx;
  if (e->port != TRACE_EXIT && e->port != TRACE_ERROR) return true;
  Buffer b = {0};
  cli_trace_print(w->rt, &b, e->call, ATOM_MOST);
  ambi_buffer_puts(&b, " = ");
  cli_trace_print(w->rt, &b, e->value, ATOM_MOST);
  Step *s = note(w, e->began, &b);
  if (!s) return true;
  s->is_call = true;
  s->inner = e->way;
  s->began = e->began;
  e->way = s;
  return true;
}

// Rules of the library are no news.
static bool is_news(const Runtime *rt, const TraceUse *used) {
  if (!ambi_is_none(used->fact)) return true;
  Value rule = ambi_record_atom(used->rule);
  Value left = ambi_expr_size(rule) > 1 ? ambi_expr_at(rule, 1) : AMB_NONE;
  return ambi_is_none(left) || !ambi_is_expr(left) ||
         !cli_trace_is_library(rt, left);
}

static const void *use(void *arg, Context *cx, const void *way,
                       const TraceUse *used) {
  Why *w = arg;
  Buffer b = {0};
  if (!is_news(w->rt, used)) return way;
  if (!ambi_is_none(used->fact)) {
    ambi_buffer_puts(&b, "fact ");
    cli_trace_print(w->rt, &b, used->fact, ATOM_MOST);
  } else {
    Template rule = ambi_record_template(used->rule);
    Value as_written = ambi_instance(cx, &rule, true);
    ambi_buffer_puts(&b, "rule ");
    if (!ambi_is_none(as_written))
      cli_trace_print(w->rt, &b, as_written, ATOM_MOST);
  }
  const Step *s = note(w, way, &b);
  return s ? s : way;
}

// ---- telling ----------------------------------------------------------------

typedef struct Place {
  const Step *step;
  uint32_t depth;
} Place;

typedef struct Places {  // what is still to be told, the next one last
  Place *at;
  size_t n, cap;
} Places;

static bool push_chain(Places *p, const Step *from, const Step *to,
                       uint32_t depth) {
  for (const Step *s = from; s && s != to; s = s->before) {
    if (!ambi_grow((void **)&p->at, &p->cap, p->n + 1, sizeof *p->at))
      return false;
    p->at[p->n++] = (Place){s, depth};
  }
  return true;
}

static void tell_line(const Why *w, uint32_t depth, const char *text) {
  Buffer b = {0};
  ambi_buffer_format(
      &b, "%*s", depth < INDENT_MOST / 2 ? 2 * (int)depth : INDENT_MOST, "");
  ambi_buffer_puts(&b, text);
  ambi_buffer_puts(&b, "\n");
  if (!b.failed) w->line(w->arg, b.text, b.len);
  ambi_buffer_drop(&b);
}

static void answer(void *arg, Context *cx, const void *way, Value value) {
  const Why *w = arg;
  (void)cx;
  Buffer head = {0};
  cli_trace_print(w->rt, &head, value, ATOM_MOST);
  ambi_buffer_puts(&head, way ? " because" : " without a rule of the program");
  if (!head.failed) tell_line(w, 0, head.text);
  ambi_buffer_drop(&head);
  Places todo = {0};
  bool ok = push_chain(&todo, way, NULL, 1);
  while (ok && todo.n) {
    Place now = todo.at[--todo.n];
    tell_line(w, now.depth, now.step->text);
    if (now.step->is_call)
      ok = push_chain(&todo, now.step->inner, now.step->began, now.depth + 1);
  }
  ambi_free(todo.at, todo.cap * sizeof *todo.at);
}

// ---- life -------------------------------------------------------------------

void cli_why_open(Why *w, Runtime *rt) {
  w->rt = rt;
  ambi_arena_open(&w->arena);
  w->tracer = (Tracer){
      .arg = w, .wants = wants, .tell = tell, .use = use, .answer = answer};
  rt->tracer = &w->tracer;
}

void cli_why_close(Why *w) {
  w->rt->tracer = NULL;
  ambi_arena_close(&w->arena);
}
