// A script runs atom by atom: each is read, handled and forgotten before the
// next one is read, so that a form may change how the rest is read.
//
// A form lives on the heap of the script's Context, which is emptied after it.
// Only the outermost script lets spaces and store free what was removed: the
// forms around a nested script may still point there.
#include "runtime/modules/runner.h"
#include "runtime/guard.h"

#include "runtime/bytecode/coverage.h"

#include "memory/alloc.h"
#include "runtime/spaces/share.h"
#include "runtime/types/types.h"
#include "runtime/watch.h"

enum { POLL_ATOMS = 256 };  // atoms added between two looks at the limits

typedef struct Run {
  Script *s;
  Context *cx;
  Reader reader;
  bool at_end;          // the reader has come to the end of its text
  CompiledRun program;  // what is run, when it is compiled
  bool bang;            // the next atom is to be evaluated
  Position bang_at;
  unsigned adds;
  bool error_taken;  // among the results that on_answer was given
  enum RunStatus status;
} Run;

// ---- limits -----------------------------------------------------------------

// A form of a nested script spends what is left to the form that caused it.
static void begin_form(Run *run) {
  Context *cx = run->cx;
  const Context *parent = run->s->parent;
  ambi_limits_begin(cx);
  if (!parent) return;
  cx->limits.deadline = parent->limits.deadline;
  cx->limits.steps_used = parent->limits.steps_used;
  cx->limits.answers = 0;
}

// Between forms only the limits of the run hold, and those of the form that
// runs a nested script; what stopped a form is over.
static void begin_reading(Run *run) {
  begin_form(run);
  if (!run->s->parent) run->cx->limits.deadline = 0;
}

static void end_form(Run *run) {
  if (run->s->parent)
    run->s->parent->limits.steps_used = run->cx->limits.steps_used;
}

// The status a stop leaves, and whether the script goes on after it.
static bool note_stop(Run *run, enum AmbStop stop) {
  run->s->stop = stop;
  switch (stop) {
  case STOP_NONE:
  case STOP_ANSWERS: return true;
  case STOP_CANCEL: run->status = RUN_CANCELLED; return false;
  case STOP_EXIT:
    run->s->code = run->cx->exit_code;
    run->status = RUN_EXIT;
    return false;
  case STOP_INTERNAL: run->status = RUN_INTERNAL; return false;
  case STOP_RUN_TIME: run->status = RUN_LIMIT; return false;
  default: run->status = RUN_LIMIT; return !run->s->parent;
  }
}

// A stop outside of any form, which always ends the script.
static bool stop_reading(Run *run, enum AmbStop stop, Position at) {
  run->cx->stop = stop;
  note_stop(run, stop);
  run->s->at = at;
  ambi_watch_stopped(run->cx, at.line);
  FormReport report = {.at = at, .stop = stop, .cx = run->cx};
  if (run->s->on_form) run->s->on_form(run->s->arg, &report);
  return false;
}

// ---- results ----------------------------------------------------------------

static void drop_last(Script *s) {
  for (size_t i = 0; i < s->nlast; i++)
    ambi_template_release(s->rt->store, &s->last[i]);
  s->nlast = 0;
}

static bool keep_results(Run *run, const ValueVec *results) {
  Script *s = run->s;
  drop_last(s);
  if (!s->keep_last || results->n == 0) return true;
  if (!ambi_grow((void **)&s->last, &s->last_cap, results->n, sizeof *s->last))
    return false;
  for (size_t i = 0; i < results->n; i++) {
    if (!ambi_template_make(s->rt->store, results->at[i], &s->last[i]))
      return false;
    s->nlast = i + 1;
  }
  return true;
}

static bool holds_error(const ValueVec *results) {
  for (size_t i = 0; i < results->n; i++)
    if (ambi_is_error_atom(ambi_deref(results->at[i]))) return true;
  return false;
}

static void tell(const Run *run, const FormReport *r) {
  ambi_watch_stopped(run->cx, r->at.line);
  if (r->is_error)
    AMB_LOG(run->s->rt, WATCH_ERROR, "error", {"script", run->s->name, 0},
            {"line", NULL, r->at.line});
}

// Hands the results on. False: the script ends here.
static bool report_form(Run *run, Position at, const Value *form,
                        const ValueVec *results) {
  Script *s = run->s;
  enum AmbStop stop = run->cx->stop;
  FormReport report = {.at = at,
                       .results = results->at,
                       .n = results->n,
                       .stop = stop,
                       .cx = run->cx,
                       .form = form,
                       .is_error = run->error_taken || holds_error(results)};
  s->at = at;
  ambi_limits_end(run->cx);
  tell(run, &report);
  bool wanted = !s->on_form || s->on_form(s->arg, &report);
  bool go_on = note_stop(run, stop);
  if (!keep_results(run, results)) go_on = note_stop(run, STOP_MEMORY);
  if (report.is_error && go_on && !s->past_errors) {
    run->status = RUN_ERROR_RESULT;
    go_on = false;
  }
  return go_on && wanted;
}

// ---- one atom ---------------------------------------------------------------

bool ambi_fails_type_check(Context *cx, Value atom, ValueVec *out) {
  TypeVec types = {0};
  bool all_errors = ambi_get_types(cx, cx->space, atom, &types) && types.n > 0;
  for (size_t i = 0; i < types.n; i++)
    all_errors = all_errors && types.at[i].is_error;
  for (size_t i = 0; all_errors && i < types.n; i++)
    if (!ambi_vec_push(out, types.at[i].error)) cx->stop = STOP_MEMORY;
  ambi_types_drop(&types);
  return all_errors;
}

static void look_around(const Run *run) {
  const Runtime *rt = run->s->rt;
  AMB_WALK(ambi_context_is_valid(run->cx, &why));
  AMB_WALK(ambi_runtime_is_valid(rt, &why));
  const char *why = NULL;
  if (rt->code && ambi_stress(STRESS_VERIFY) &&
      !ambi_code_verifies(rt->code, &why))
    ambi_check_failed("bytecode of", rt->modules->nesting, why);
}

// Between forms nothing on this heap is needed any more.
static void forget(Run *run) {
  Runtime *rt = run->s->rt;
  ambi_context_reset(run->cx);
  begin_reading(run);
  look_around(run);
  if (rt->modules->nesting > 1 || rt->guests) return;
  rt->was_short = run->cx->stop == STOP_MEMORY;
  ambi_runtime_quiesce(rt);
}

static bool take_answer(void *arg, const Context *cx, Value answer) {
  Run *run = arg;
  run->error_taken |= ambi_is_error_atom(answer);
  return run->s->on_answer(run->s->arg, cx, answer);
}

static enum AmbStop eval_form(Run *run, Value form, ValueVec *results) {
  if (!run->s->on_answer) return ambi_eval_form(run->cx, form, results);
  return ambi_eval_stream(run->cx, form, take_answer, run);
}

static bool evaluate(Run *run, Template *t) {
  Context *cx = run->cx;
  ValueVec results = {0};
  uint64_t began = ambi_watch_begin(cx->rt);
  run->error_taken = false;
  begin_form(run);
  Value form = ambi_instance(cx, t, true);
  if (!ambi_is_none(form)) {
    bool checked = ambi_load_relaxed(&cx->rt->x_type_check) &&
                   ambi_fails_type_check(cx, form, &results);
    if (!checked && cx->stop == STOP_NONE)
      cx->stop = eval_form(run, form, &results);
  }
  end_form(run);
  ambi_watch_form(cx->rt, began, run->bang_at.line);
  bool go_on = report_form(run, run->bang_at, ambi_is_none(form) ? NULL : &form,
                           &results);
  ambi_vec_drop(&results);
  ambi_template_release(run->s->rt->store, t);
  forget(run);
  return go_on;
}

// With the pragma type-check auto an ill-typed atom is not added: its errors
// are a result list, and the script stops.
static bool check_addition(Run *run, const Template *t, Position at) {
  Context *cx = run->cx;
  ValueVec errors = {0};
  begin_form(run);
  Value atom = ambi_instance(cx, t, true);
  bool go_on = true;
  if (ambi_is_none(atom) || ambi_fails_type_check(cx, atom, &errors) ||
      cx->stop != STOP_NONE)
    go_on = report_form(run, at, ambi_is_none(atom) ? NULL : &atom, &errors);
  ambi_vec_drop(&errors);
  ambi_context_reset(cx);
  if (go_on) begin_reading(run);
  return go_on;
}

static bool add(Run *run, Template *t, Position at) {
  Script *s = run->s;
  if (ambi_load_relaxed(&s->rt->x_type_check) && !check_addition(run, t, at)) {
    ambi_template_release(s->rt->store, t);
    return false;
  }
  const CodeState *cs = s->rt->code;
  if (AMB_UNLIKELY(cs && cs->coverage))
    ambi_coverage_atom(s->rt->code, s->name, at.line, t);
  const Host *host = &s->rt->host;
  if (AMB_UNLIKELY(host->added != NULL)) host->added(host->arg, s->name, at, t);
  if (!ambi_space_add_template(s->module->space, t)) {
    ambi_template_release(s->rt->store, t);
    return stop_reading(run, STOP_MEMORY, at);
  }
  if (++run->adds % POLL_ATOMS == 0 && !ambi_limits_poll(run->cx))
    return stop_reading(run, run->cx->stop, at);
  return true;
}

// Reads and handles one atom. False: the script has ended.
static bool step(Run *run) {
  Template t;
  ambi_party_be_in(run->cx);
  ambi_guard(run->s->rt);  // of the words, and of what is mentioned
  enum ReadStatus status = ambi_read(&run->reader, &t);
  ambi_unguard(run->s->rt);
  switch (status) {
  case READ_END: run->at_end = true; return false;
  case READ_ERROR:
    run->s->error = run->reader.error;
    run->s->at = run->reader.error.at;
    run->status = RUN_PARSE;
    return false;
  case READ_MEMORY: return stop_reading(run, STOP_MEMORY, run->reader.start);
  case READ_ATOM: break;
  }
  Position at = run->reader.start;
  if (ambi_same(t.atom, AMB_SYM(BANG))) {
    run->bang = run->reader.form = true;
    run->bang_at = at;
    ambi_template_release(run->s->rt->store, &t);
    return true;
  }
  if (!run->bang) return add(run, &t, at);
  run->bang = run->reader.form = false;
  return evaluate(run, &t);
}

// ---- a compiled script ------------------------------------------------------

// Reads what the step was made from, as if it had not been compiled.
static bool read_again(Run *run, const SnapshotStep *at, size_t atom,
                       size_t natoms) {
  const Snapshot *s = run->s->compiled;
  for (size_t i = atom; i < atom + natoms; i++)
    ambi_record_release(s->rt->store, ambi_snapshot_record(s, i));
  run->reader.pos = (Position){at->line, at->column, (size_t)at->offset};
  run->reader.next = (size_t)at->offset;
  run->reader.len = ambi_program_end(&run->program);
  run->at_end = false;
  while (step(run)) {
  }
  return run->at_end;
}

static bool evaluate_compiled(Run *run, Position at, size_t atom) {
  Store *store = run->s->rt->store;
  Record r = ambi_snapshot_record(run->s->compiled, atom);
  Template t = ambi_record_template(r);
  if (ambi_record_open(r)) ambi_template_give_up(store, ambi_record_kept(r));
  run->bang_at = at;
  return evaluate(run, &t);
}

// The next form, or all atoms up to it. False: the script has ended.
static bool step_compiled(Run *run) {
  ambi_party_be_in(run->cx);
  const Script *s = run->s;
  Space *space = s->module->space;
  bool stale = ambi_load_relaxed(&s->rt->x_type_check) ||
               ambi_program_is_stale(&run->program, s->module->tokens,
                                     ambi_space_value(space));
  size_t atom, natoms;
  const SnapshotStep *next = ambi_program_next(&run->program, &atom, &natoms);
  if (!next) return false;
  if (stale) return read_again(run, next, atom, natoms);
  Position at = {next->line, next->column, (size_t)next->offset};
  if (next->natoms == 0) return evaluate_compiled(run, at, atom);
  if (ambi_snapshot_add(run->cx, s->compiled, space, atom, natoms) == natoms)
    return true;
  return stop_reading(run, run->cx->stop, at);
}

// ---- a script ---------------------------------------------------------------

enum RunStatus ambi_run_script(Script *s) {
  Runtime *rt = s->rt;
  Run run = {.s = s, .cx = ambi_context_open(rt), .status = RUN_OK};
  s->stop = STOP_NONE;
  s->unbegun = !run.cx;
  if (!run.cx) {
    s->stop = STOP_MEMORY;
    return RUN_LIMIT;
  }
  run.cx->space = s->module->space;
  run.cx->module = s->module;
  if (s->parent) {
    run.cx->actor = s->parent->actor;
    run.cx->random = s->parent->random;
  }
  ambi_space_evaluates(s->module->space);
  ambi_reader_open(&run.reader, rt, s->module->tokens, s->text, s->len);
  rt->modules->nesting++;
  begin_reading(&run);
  if (s->compiled) ambi_program_open(&run.program, s->compiled);
  if (ambi_limits_poll(run.cx))
    while (s->compiled ? step_compiled(&run) : step(&run)) {
    }
  else
    stop_reading(&run, run.cx->stop, run.reader.pos);
  if (s->parent && s->stop != STOP_NONE)
    s->parent->exit_code = run.cx->exit_code;
  if (s->compiled) ambi_program_close(&run.program);
  ambi_party_leave(run.cx);
  if (s->parent) ambi_party_be_in(s->parent);
  ambi_context_close(run.cx);
  rt->modules->nesting--;
  return run.status;
}

void ambi_script_drop(Script *s) {
  drop_last(s);
  ambi_free(s->last, s->last_cap * sizeof *s->last);
  s->last = NULL;
  s->last_cap = 0;
}
