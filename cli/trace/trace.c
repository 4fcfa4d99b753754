// Filtering, printing and stepping, see trace.h.
#include "cli/trace/trace.h"

#include <string.h>

#include "cli/lost.h"
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"
#include "runtime/modules/module.h"

enum {
  ATOM_MOST = 120,  // bytes of an atom that are shown
  INDENT_MOST = 40  // columns
};

// ---- which calls ------------------------------------------------------------

static Value head_of(Value call) {
  return ambi_deref(ambi_expr_at(call, 0));
}

bool cli_trace_is_library(const Runtime *rt, Value call) {
  Value head = head_of(call);
  if (!ambi_is_sym(head)) return true;
  for (size_t i = 0; i < rt->modules->n; i++) {
    const Module *m = rt->modules->all[i];
    bool ours = m == rt->modules->corelib || m->embedded;
    if (ours && m->space &&
        ambi_space_has_rules(m->space, head, ambi_expr_size(call) - 1))
      return true;
  }
  return false;
}

static const char *name_of(const Runtime *rt, Value call) {
  Value head = head_of(call);
  return ambi_is_sym(head) ? ambi_symbol(rt->symbols, ambi_sym_of(head))->text
                           : ambi_builtin(rt, ambi_op_of(head))->name;
}

// Is the call's head one of these?
static bool is_named(const Runtime *rt, const TraceNames *names, Value call) {
  const char *text = name_of(rt, call);
  for (size_t i = 0; i < names->n; i++)
    if (strcmp(names->at[i], text) == 0) return true;
  return false;
}

static bool wants(void *arg, Context *cx, Space *s, Value call) {
  const Trace *t = arg;
  (void)s;
  if (t->all) return true;
  if (t->only.n)
    return is_named(cx->rt, &t->only, call) ||
           is_named(cx->rt, &t->breaks, call);
  return !cli_trace_is_library(cx->rt, call) ||
         is_named(cx->rt, &t->breaks, call);
}

// ---- lines ------------------------------------------------------------------

typedef struct Short {
  Buffer *out;
  size_t most;
} Short;

static bool put_some(void *arg, const char *text, size_t len) {
  Short *s = arg;
  size_t room = s->most > s->out->len ? s->most - s->out->len : 0;
  ambi_buffer_put(s->out, text, len < room ? len : room);
  return len < room;
}

// The program's own space is a word in its text.
static void put_self(Runtime *rt, Buffer *b, const Buffer *text) {
  Buffer self = {0};
  const char *at = text->len ? text->text : "", *next;
  ambi_print(rt, &self, ambi_space_value(ambi_module_top(rt)->space), NULL);
  while (!self.failed && (next = strstr(at, self.text))) {
    ambi_buffer_put(b, at, (size_t)(next - at));
    ambi_buffer_puts(b, "&self");
    at = next + self.len;
  }
  ambi_buffer_puts(b, at);
  b->failed = b->failed || self.failed || text->failed;
  ambi_buffer_drop(&self);
}

void cli_trace_print(Runtime *rt, Buffer *b, Value v, size_t most) {
  enum { SELVES = 8 };  // as long as this many of them may be
  Buffer text = {0};
  Short s = {&text, SELVES * most};
  Buffer whole = {.sink = put_some, .arg = &s};
  ambi_print(rt, &whole, v, NULL);
  bool fits = !whole.failed && put_some(&s, whole.text, whole.len);
  if (whole.failed && text.len < s.most) b->failed = true;  // memory is out
  size_t end = b->len + most;
  ambi_buffer_drop(&whole);
  put_self(rt, b, &text);
  ambi_buffer_drop(&text);
  if (fits && b->len <= end) return;
  if (b->len > end) b->len = end;
  while (b->len && ((unsigned char)b->text[b->len - 1] & 0xC0) == 0x80)
    b->len--;
  if (b->len && (unsigned char)b->text[b->len - 1] >= 0xC0) b->len--;
  ambi_buffer_puts(b, "...");
}

static void show(const Trace *t, const TraceEvent *e) {
  static const char *const ports[] = {"call", "exit", "retry", "error", "fail"};
  Buffer b = {0};
  uint32_t indent = e->depth < INDENT_MOST / 2 ? 2 * e->depth : INDENT_MOST;
  ambi_buffer_format(&b, "%*s%-5s %llu: ", (int)indent, "", ports[e->port],
                     (unsigned long long)e->number);
  cli_trace_print(t->rt, &b, e->call, ATOM_MOST);
  if (!ambi_is_none(e->value)) {
    ambi_buffer_puts(&b, " = ");
    cli_trace_print(t->rt, &b, e->value, ATOM_MOST);
  }
  ambi_buffer_puts(&b, "\n");
  if (b.failed)
    cli_lost();
  else
    t->line(t->arg, e->port, b.text, b.len);
  ambi_buffer_drop(&b);
}

// ---- steps ------------------------------------------------------------------

// What the person wants: false: nothing any more.
static bool ask(Trace *t, const TraceEvent *e) {
  for (;;) {
    switch (
        t->key(t->arg, "space: step, s: skip, l: leap, b: break, a: abort")) {
    case ' ':
    case '\r':
    case '\n': t->mode = TRACE_STEP; return true;
    case 's':
      t->mode = e->port == TRACE_CALL || e->port == TRACE_RETRY ? TRACE_SKIP
                                                                : TRACE_STEP;
      t->until = e->number;
      return true;
    case 'b':  // wherever this function is called
      if (!is_named(t->rt, &t->breaks, e->call))
        cli_trace_name(&t->breaks, name_of(t->rt, e->call));
      break;
    case 'l': t->mode = TRACE_LEAP; return true;
    case 'a':
    case 'q':
    case -1: t->aborted = true; return false;
    default: break;
    }
  }
}

// Is the line to be shown, as far as stepping goes?
static bool is_due(Trace *t, const TraceEvent *e) {
  bool leaves = e->port != TRACE_CALL && e->port != TRACE_RETRY;
  if (t->mode == TRACE_SKIP && e->number == t->until && leaves)
    t->mode = TRACE_STEP;
  if (t->mode == TRACE_LEAP && e->port == TRACE_CALL &&
      is_named(t->rt, &t->breaks, e->call))
    t->mode = TRACE_STEP;
  return t->mode == TRACE_SHOW || t->mode == TRACE_STEP;
}

static bool tell(void *arg, Context *cx, TraceEvent *e) {
  Trace *t = arg;
  if (t->depth && e->depth >= t->depth) return true;
  if (!is_due(t, e)) return true;
  show(t, e);
  if (t->mode != TRACE_STEP || !t->key) return true;
  ambi_limits_rest(cx);
  bool go_on = ask(t, e);
  ambi_limits_go_on(cx);
  return go_on;
}

void cli_trace_open(Trace *t, Runtime *rt) {
  t->rt = rt;
  t->aborted = false;
  t->tracer = (Tracer){.arg = t, .wants = wants, .tell = tell};
  rt->tracer = &t->tracer;
}

void cli_trace_close(Trace *t) {
  t->rt->tracer = NULL;
}
