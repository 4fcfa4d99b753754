// Running scripts and queries for an embedding program.
#include "scheduler/system.h"

#include <errno.h>

#include "memory/alloc.h"
#include "runtime/crew.h"
#include "runtime/eval.h"
#include "runtime/spaces/share.h"
#include "runtime/watch.h"

// ---- scripts ------------------------------------------------------------------

typedef struct Running {
  ambit *a;
  ambit_on_results *on_results;
  void *arg;
} Running;

static ambit_status status_of(ambit *a, const FormReport *r) {
  if (r->stop != STOP_NONE && r->stop != STOP_ANSWERS)
    return system_stopped(a, r->cx);
  return r->is_error ? AMBIT_ERROR : AMBIT_OK;
}

static bool on_form(void *arg, const FormReport *r) {
  Running *run = arg;
  ambit_heap heap = {.a = run->a, .cx = (Context *)(uintptr_t)r->cx};
  ambit_results results = {.heap = &heap,
                           .at = (const ambit_term *)(const void *)r->results,
                           .n = r->n,
                           .status = status_of(run->a, r),
                           .line = r->at.line,
                           .column = r->at.column};
  bool go_on = !run->on_results || run->on_results(run->arg, &results);
  ambi_buffer_drop(&heap.text);
  return go_on;
}

// The status of a script that has run; what a form was stopped by is noted already.
static ambit_status outcome(ambit *a, const Script *s, enum RunStatus status) {
  switch (status) {
  case RUN_OK: return AMBIT_OK;
  case RUN_ERROR_RESULT:
    return system_fail(a, AMBIT_ERROR, "%s:%u:%u: a result is an Error",
                       s->name, s->at.line, s->at.column);
  case RUN_PARSE:
    return system_fail(a, AMBIT_SYNTAX, "%s:%u:%u: %s", s->name, s->at.line,
                       s->at.column, s->error.message);
  case RUN_LIMIT:
    return s->stop == STOP_MEMORY && !a->rt->limits.memory ? AMBIT_MEMORY
                                                           : AMBIT_LIMIT;
  case RUN_CANCELLED: return AMBIT_CANCELLED;
  case RUN_EXIT:
    a->exit_code = s->code;
    return system_fail(a, AMBIT_EXIT, "the program called exit!");
  default: return AMBIT_INTERNAL;
  }
}

ambit_status ambit_run(ambit *a, const char *name, const char *text,
                       size_t length, ambit_on_results *on_results, void *arg) {
  if (!text && length)
    return system_fail(a, AMBIT_MISUSE, "there is no text to run");
  Running run = {a, on_results, arg};
  Script s = {.rt = a->rt,
              .module = ambi_module_top(a->rt),
              .name = name ? name : "text",
              .text = text ? text : "",
              .len = length,
              .on_form = on_form,
              .arg = &run};
  enum RunStatus status = ambi_run_script(&s);
  ambit_status result = outcome(a, &s, status);
  ambi_script_drop(&s);
  return result;
}

ambit_status ambit_run_file(ambit *a, const char *path,
                            ambit_on_results *on_results, void *arg) {
  FileText file = {0};
  if (!ambi_file_load(path, a->rt->limits.memory, a->rt, &file)) {
    int why = errno;
    if (why == EINTR) return system_fail(a, AMBIT_CANCELLED, "cancelled");
    return system_fail(a, why == ENOMEM ? AMBIT_MEMORY : AMBIT_FILE,
                       "cannot read %s: %s", path, strerror(why));
  }
  ambit_status status =
      ambit_run(a, path, file.text, file.len, on_results, arg);
  ambi_file_drop(&file);
  return status;
}

// ---- queries -------------------------------------------------------------------

enum QueryState { QUERY_NEW, QUERY_RESTS, QUERY_ENDED };
struct ambit_query {
  ambit_heap heap;
  Template form;  // in the store until it runs
  ValueVec answers;
  size_t given;  // answers of a refused form
  enum QueryState state;
  bool opened;   // the form, in the engine
  bool refused;  // it is ill-typed: the answers tell why
};

static ambit_query *query_open(ambit *a, Template *form) {
  if (!system_is_owner()) {
    ambi_template_release(a->rt->store, form);
    system_fail(a, AMBIT_MISUSE,
                "questions are asked on the thread that uses the runtime");
    return NULL;
  }
  ambit_query *q = ambi_alloc(sizeof *q);
  if (q && system_heap_open(a, &q->heap)) {
    q->form = *form;
    return q;
  }
  ambi_free(q, sizeof *q);
  ambi_template_release(a->rt->store, form);
  system_fail(a, AMBIT_MEMORY, "out of memory");
  return NULL;
}

ambit_query *ambit_ask(ambit *a, const char *text, size_t length) {
  Template form;
  return system_read(a, text, length, true, &form) ? query_open(a, &form)
                                                   : NULL;
}

ambit_query *ambit_ask_term(ambit_heap *h, ambit_term t) {
  Template form;
  if (ambit_is_none_term(t)) {
    system_fail(h->a, AMBIT_MISUSE, "there is no term to evaluate");
    return NULL;
  }
  if (ambi_template_make(h->a->rt->store, value_of(t), &form))
    return query_open(h->a, &form);
  system_fail(h->a, AMBIT_MEMORY, "out of memory");
  return NULL;
}

// To the next answer.
static enum AmbStop run(ambit_query *q) {
  Context *cx = q->heap.cx;
  ambi_party_be_in(cx);
  while (ambi_rests(ambi_form_run(cx, &q->answers)))
    if (cx->rt->crew) cx->rt->crew->rest(cx);
  return cx->stop;
}

// With the pragma type-check auto an ill-typed form is not run: its errors are the
// answers.
static enum AmbStop begin(ambit_query *q) {
  Context *cx = q->heap.cx;
  ambi_limits_begin(cx);
  Value form = ambi_instance(cx, &q->form, true);
  if (ambi_is_none(form)) return cx->stop = STOP_MEMORY;
  q->refused = ambi_load_relaxed(&cx->rt->x_type_check) &&
               ambi_fails_type_check(cx, form, &q->answers);
  if (q->refused || cx->stop) return cx->stop;
  cx->limits.answers = 1;
  q->opened = true;
  if (ambi_form_open(cx, form)) return cx->stop;
  return run(q);
}

static enum AmbStop go_on(ambit_query *q) {
  Context *cx = q->heap.cx;
  if (q->refused) return STOP_NONE;
  if (q->state == QUERY_RESTS) {
    ambi_limits_go_on(cx);
    return run(q);
  }
  return begin(q);
}

ambit_status ambit_next(ambit_query *q, ambit_term *answer) {
  Context *cx = q->heap.cx;
  if (q->state == QUERY_ENDED)
    return system_fail(q->heap.a, AMBIT_DONE, "there is no further answer");
  enum AmbStop stop = go_on(q);
  q->state = QUERY_RESTS;
  size_t at = q->refused ? q->given++ : 0;
  if (at < q->answers.n && (stop == STOP_ANSWERS || stop == STOP_NONE)) {
    ambi_limits_rest(cx);
    *answer = term_of(ambi_deref(q->answers.at[at]));
    return AMBIT_OK;
  }
  q->state = QUERY_ENDED;
  ambi_limits_end(cx);
  if (stop == STOP_NONE)
    return system_fail(q->heap.a, AMBIT_DONE, "there is no further answer");
  ambi_watch_stopped(cx, 0);
  return system_stopped(q->heap.a, cx);
}

ambit_heap *ambit_query_heap(ambit_query *q) {
  return &q->heap;
}

void ambit_query_close(ambit_query *q) {
  if (!q) return;
  Runtime *rt = q->heap.a->rt;
  if (q->opened) ambi_form_close(q->heap.cx);
  ambi_vec_drop(&q->answers);
  ambi_template_release(rt->store, &q->form);
  system_heap_close(&q->heap);
  ambi_free(q, sizeof *q);
}
