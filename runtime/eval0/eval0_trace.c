// Telling a tracer of calls: see runtime/trace.h.
//
// A call that is told of has a frame of its own below everything it does, which each of its
// values passes. Whether it has any more of them is a matter of the agenda: what it may
// still give are choices above the height at which it was made, so it is over when one
// below them is taken. Calls that are not over stand in the order in which they were made.
#include "memory/alloc.h"
#include "runtime/eval0/eval0.h"
#include "runtime/runtime.h"
#include "runtime/trace.h"

typedef struct OpenCall {
  Frame *frame;
  size_t height;  // of the agenda
  uint64_t number;
  uint32_t depth;
  uint32_t tries;  // alternatives taken
  bool gave;       // a value, or an Error
  Value call;
  const void *way;  // behind its CALL
} OpenCall;

struct Traces {
  const Tracer *to;
  uint64_t calls;
  OpenCall *open;
  size_t n, cap;
};

bool ambi_eval0_trace_open(Machine *m, Value form) {
  const Tracer *to = m->cx->rt->tracer;
  if (!to) return true;
  m->traces = ambi_alloc(sizeof *m->traces);
  if (!m->traces) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return false;
  }
  m->traces->to = to;
  if (to->begin && !m->outer) to->begin(to->arg, m->cx, form);
  return true;
}

void ambi_eval0_trace_close(Machine *m) {
  Traces *t = m->traces;
  if (!t) return;
  if (t->to->end && !m->outer) t->to->end(t->to->arg, m->cx);
  ambi_free(t->open, t->cap * sizeof *t->open);
  ambi_free(t, sizeof *t);
}

static void tell(Machine *m, TraceEvent *e) {
  if (m->cx->stop) return;
  e->way = m->way;
  const Tracer *to = m->traces->to;
  if (!to->tell(to->arg, m->cx, e)) ambi_eval0_stop(m, STOP_CANCEL);
  m->way = e->way;
}

static TraceEvent event_of(const OpenCall *o, enum TracePort port) {
  return (TraceEvent){.port = port,
                      .number = o->number,
                      .depth = o->depth,
                      .call = o->call,
                      .value = AMB_NONE,
                      .began = o->way};
}

// ---- calls ------------------------------------------------------------------

static bool is_call(const Machine *m, Value a) {
  if (!ambi_is_expr(a)) return false;
  Value head = ambi_deref(ambi_expr_at(a, 0));
  return ambi_is_op(head) ||
         (ambi_is_sym(head) &&
          ambi_space_has_rules(m->space, head, ambi_expr_size(a) - 1));
}

// Traced calls that the frame is part of.
static uint32_t depth_at(const Frame *f) {
  while (f && f->kind != FRAME_TRACE)
    f = f->up;
  return f ? f->index + 1 : 0;
}

void ambi_eval0_trace_call(Machine *m) {
  Traces *t = m->traces;
  Value a = ambi_deref(m->atom);
  if (!is_call(m, a) || !t->to->wants(t->to->arg, m->cx, m->space, a)) return;
  Frame *f = ambi_eval0_frame(m, FRAME_TRACE, m->up, m->depth);
  if (!f) return;
  if (!ambi_grow((void **)&t->open, &t->cap, t->n + 1, sizeof *t->open)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return;
  }
  f->a = a;
  f->index = depth_at(m->up);
  f->state = ++t->calls;
  t->open[t->n] = (OpenCall){.frame = f,
                             .height = m->nchoices,
                             .number = f->state,
                             .depth = f->index,
                             .call = a};
  OpenCall *o = &t->open[t->n++];
  TraceEvent e = event_of(o, TRACE_CALL);
  tell(m, &e);
  f->began = o->way = m->way;
  m->up = f;
}

void ambi_eval0_traced(Machine *m, Value value, Frame *f) {
  Traces *t = m->traces;
  bool resolved = m->resolved;
  value = ambi_deref(value);
  bool empty = ambi_same(value, AMB_SYM(EMPTY));
  for (size_t i = t->n; i-- > 0;)
    if (t->open[i].number == f->state) {
      t->open[i].gave |= !empty;
      break;
    }
  if (!empty) {
    TraceEvent e = {.port =
                        ambi_is_error_atom(value) ? TRACE_ERROR : TRACE_EXIT,
                    .number = f->state,
                    .depth = f->index,
                    .call = f->a,
                    .value = value,
                    .began = f->began};
    tell(m, &e);
  }
  ambi_eval0_return(m, value, f->up);
  m->resolved = resolved;
}

// ---- the agenda -------------------------------------------------------------

void ambi_eval0_trace_resume(Machine *m, size_t height) {
  Traces *t = m->traces;
  while (t->n && t->open[t->n - 1].height > height) {
    OpenCall over = t->open[--t->n];
    if (over.gave) continue;
    TraceEvent e = event_of(&over, TRACE_FAIL);
    tell(m, &e);
  }
}

void ambi_eval0_trace_alternative(Machine *m, const Choice *c) {
  Traces *t = m->traces;
  OpenCall *o = t->n ? &t->open[t->n - 1] : NULL;
  if (c->kind != CHOICE_STEP || !o || c->up->kind != FRAME_CALL ||
      c->up->up != o->frame || o->tries++ == 0)
    return;
  TraceEvent e = event_of(o, TRACE_RETRY);
  tell(m, &e);
}

const void *ambi_eval0_trace_use(Machine *m, const TraceUse *use) {
  const Tracer *to = m->traces->to;
  return to->use ? to->use(to->arg, m->cx, m->way, use) : m->way;
}

// The call whose `function` is run, if nothing else is between it and the machine.
static Value body_of(const Frame *f) {
  while (f && f->kind == FRAME_CHAIN)
    f = f->up;
  return f && f->kind == FRAME_FUNCTION ? f->a : AMB_NONE;
}

void ambi_eval0_trace_miss(Machine *m, Value a, Value b) {
  const Tracer *to = m->traces->to;
  TraceMiss miss = {a, b, body_of(m->up)};
  if (to->miss) to->miss(to->arg, m->cx, m->way, &miss);
}

void ambi_eval0_trace_answer(Machine *m, Value value) {
  const Tracer *to = m->traces->to;
  if (to->answer) to->answer(to->arg, m->cx, m->way, value);
}
