// Running scripts and queries for an embedding program.
#include "scheduler/system.h"

#include <errno.h>

#include "memory/alloc.h"
#include "runtime/crew.h"
#include "runtime/eval.h"
#include "runtime/spaces/share.h"
#include "runtime/types/types.h"
#include "runtime/watch.h"

// ---- the calls something failed in ----------------------------------------------

// A form or a query begins. What another one left, which has begun before and goes on,
// stays.
static void forget_calls(ambit *a) {
  if (a->running || a->rt->modules->nesting)
    ambi_kept_calls_count_anew(&a->kept);
  else
    ambi_kept_calls_forget(&a->kept);
}

const char *ambit_calls(ambit *a, ambit_term error) {
  Value v = ambit_is_none_term(error) ? AMB_NONE : ambi_deref(value_of(error));
  a->called.len = 0;
  a->called.failed = false;
  if (ambi_is_none(v))
    ambi_kept_calls_find(&a->kept, a->rt, v, &a->called);
  else if (ambi_is_error_atom(v) && ambi_expr_size(v) > 1)
    ambi_kept_calls_find(&a->kept, a->rt, ambi_expr_at(v, 1), &a->called);
  return a->called.len && !a->called.failed ? a->called.text : "";
}

// ---- scripts ------------------------------------------------------------------

typedef struct Running {
  ambit *a;
  ambit_on_results *on_results;
  void *arg;
  Buffer error;  // that ends the script, shortened
} Running;

static ambit_status status_of(ambit *a, const FormReport *r) {
  if (r->stop != STOP_NONE && r->stop != STOP_ANSWERS)
    return system_stopped(a, r->cx);
  return r->is_error ? AMBIT_ERROR : AMBIT_OK;
}

// The first Error among the results: its calls are those that the script ended in.
static void note_error(Running *run, const FormReport *r) {
  size_t i = 0;
  while (i < r->n && !ambi_is_error_atom(ambi_deref(r->results[i])))
    i++;
  if (i == r->n) return;
  Value error = ambi_deref(r->results[i]);
  ambi_calls_shorten(run->a->rt, error, &run->error);
  if (ambi_expr_size(error) > 1)
    ambi_kept_calls_end(&run->a->kept, run->a->rt, ambi_expr_at(error, 1));
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
  if (r->is_error) note_error(run, r);
  bool go_on = !run->on_results || run->on_results(run->arg, &results);
  ambi_buffer_drop(&heap.text);
  if (results.status == AMBIT_OK) forget_calls(run->a);
  return go_on;
}

// The status of a script that has run; what a form was stopped by is noted already.
static ambit_status outcome(const Running *run, const Script *s,
                            enum RunStatus status) {
  ambit *a = run->a;
  switch (status) {
  case RUN_OK: return AMBIT_OK;
  case RUN_ERROR_RESULT:
    return system_fail(a, AMBIT_ERROR, "%s:%u:%u: a result is an Error: %s",
                       s->name, s->at.line, s->at.column,
                       run->error.len ? run->error.text : "");
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
  Running run = {.a = a, .on_results = on_results, .arg = arg};
  Script s = {.rt = a->rt,
              .module = ambi_module_top(a->rt),
              .name = name ? name : "text",
              .text = text ? text : "",
              .len = length,
              .on_form = on_form,
              .arg = &run};
  forget_calls(a);
  enum RunStatus status = ambi_run_script(&s);
  ambit_status result = outcome(&run, &s, status);
  ambi_buffer_drop(&run.error);
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
  // Found since it went on: one, or, when there are no more, all that are Errors, which are
  // answers where nothing else is.
  ValueVec answers;
  size_t given;  // of these
  enum QueryState state;
  bool opened;  // the form, in the engine
  bool whole;   // nothing more is to be found
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
  forget_calls(q->heap.a);
  q->heap.a->running++;
  ambi_limits_begin(cx);
  Value form = ambi_instance(cx, &q->form, true);
  if (ambi_is_none(form)) return cx->stop = STOP_MEMORY;
  bool refused = ambi_load_relaxed(&cx->rt->x_type_check) &&
                 ambi_fails_type_check(cx, form, &q->answers);
  if (refused || cx->stop) return cx->stop;
  cx->limits.answers = 1;
  q->opened = true;
  if (ambi_form_open(cx, form)) return cx->stop;
  return run(q);
}

static enum AmbStop go_on(ambit_query *q) {
  if (q->whole || q->given < q->answers.n) return STOP_NONE;
  enum AmbStop stop;
  q->given = 0;
  if (q->state == QUERY_RESTS) {
    ambi_limits_go_on(q->heap.cx);
    stop = run(q);
  } else {
    stop = begin(q);
  }
  q->whole = stop == STOP_NONE;
  return stop;
}

ambit_status ambit_next(ambit_query *q, ambit_term *answer) {
  Context *cx = q->heap.cx;
  if (q->state == QUERY_ENDED)
    return system_fail(q->heap.a, AMBIT_DONE, "there is no further answer");
  enum AmbStop stop = go_on(q);
  q->state = QUERY_RESTS;
  if (q->given < q->answers.n && (stop == STOP_ANSWERS || stop == STOP_NONE)) {
    ambi_limits_rest(cx);
    *answer = term_of(ambi_deref(q->answers.at[q->given++]));
    return AMBIT_OK;
  }
  q->state = QUERY_ENDED;
  q->heap.a->running--;
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
  q->heap.a->running -= q->state == QUERY_RESTS;
  if (q->opened) ambi_form_close(q->heap.cx);
  ambi_vec_drop(&q->answers);
  ambi_template_release(rt->store, &q->form);
  system_heap_close(&q->heap);
  ambi_free(q, sizeof *q);
}
