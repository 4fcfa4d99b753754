// Noting steps, and telling the tree of an answer: see why.h.
#include "cli/trace/why.h"

#include "cli/lost.h"
#include "memory/alloc.h"

typedef struct Step {
  const struct Step *before;
  // Of a call: its own steps, from the newest one to the one it began behind.
  const struct Step *inner, *began;
  Told told;
} Step;

// ---- noting -----------------------------------------------------------------

// NULL: memory is out, and the step is not noted.
static Step *note(Why *w, const Step *before, const Told *told) {
  Step *s = ambi_arena_alloc(&w->arena, sizeof *s);
  if (s)
    *s = (Step){.before = before, .told = *told};
  else
    cli_lost();
  return s;
}

static bool wants(void *arg, Context *cx, Space *s, Value call) {
  (void)arg;
  (void)s;
  return !cli_trace_is_library(cx->rt, call);
}

static bool tell(void *arg, Context *cx, TraceEvent *e) {
  Why *w = arg;
  if (e->port != TRACE_EXIT && e->port != TRACE_ERROR) return true;
  Told told = {.kind = TOLD_CALL,
               .text = cli_told_atom(cx->rt, &w->arena, e->call),
               .value = cli_told_atom(cx->rt, &w->arena, e->value)};
  Step *s = note(w, e->began, &told);
  if (!s) return true;
  s->inner = e->way;
  s->began = e->began;
  e->way = s;
  return true;
}

static const void *use(void *arg, Context *cx, const void *way,
                       const TraceUse *used) {
  Why *w = arg;
  Told told = {0};
  if (!ambi_is_none(used->fact)) {
    told.kind = TOLD_FACT;
    told.text = cli_told_atom(cx->rt, &w->arena, used->fact);
    told.place = cli_places_find(w->places, cx, used->space, used->fact);
  } else if (cli_trace_is_library(cx->rt, used->call)) {
    return way;  // no news
  } else {
    told.kind = TOLD_RULE;
    told.text = cli_told_rule(cx, &w->arena, used->rule);
    told.place = cli_places_of(w->places, used->rule);
    cli_told_bindings(&told, cx, &w->arena, used->rule, used->call);
  }
  const Step *s = note(w, way, &told);
  return s ? s : way;
}

// ---- telling ----------------------------------------------------------------

typedef struct Place {
  const Step *step;
  uint32_t depth;
} Place;

typedef struct Todo {  // what is still to be told, the next one last
  Place *at;
  size_t n, cap;
} Todo;

static bool push_chain(Todo *p, const Step *from, const Step *to,
                       uint32_t depth) {
  for (const Step *s = from; s && s != to; s = s->before) {
    if (!ambi_grow((void **)&p->at, &p->cap, p->n + 1, sizeof *p->at))
      return false;
    p->at[p->n++] = (Place){s, depth};
  }
  return true;
}

static void tell_head(const Why *w, const char *value, bool has_reason) {
  Buffer head = {0};
  ambi_buffer_puts(&head, value);
  ambi_buffer_puts(&head,
                   has_reason ? " because" : " without a rule of the program");
  if (head.failed)
    cli_lost();
  else
    cli_told_line(&w->to, 0, head.text);
  ambi_buffer_drop(&head);
}

static void answer(void *arg, Context *cx, const void *way, Value value) {
  Why *w = arg;
  const char *text = cli_told_atom(cx->rt, &w->arena, value);
  cli_told_begin(&w->to);
  tell_head(w, text, way != NULL);
  Todo todo = {0};
  bool ok = push_chain(&todo, way, NULL, 1);
  while (ok && todo.n) {
    Place now = todo.at[--todo.n];
    const Step *s = now.step;
    cli_told(&w->to, now.depth, &s->told);
    if (s->told.kind == TOLD_CALL)
      ok = push_chain(&todo, s->inner, s->began, now.depth + 1);
  }
  if (!ok) cli_lost();
  ambi_free(todo.at, todo.cap * sizeof *todo.at);
  cli_told_end(&w->to, "why", text);
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
