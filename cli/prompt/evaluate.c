// Evaluating what was typed or read: answers as they come, page by page, and what is said
// about them.
#include "cli/prompt/interrupt.h"
#include "cli/prompt/prompt.h"
#include "memory/alloc.h"
#include "runtime/types/types.h"

typedef struct Run {
  Prompt *p;
  const Evaluated *what;
  bool listing;     // answers of the form are on the screen
  bool all;         // no more pauses
  bool cut;         // the person wanted no more of them
  bool lost;        // an answer could not be shown as a whole
  Failure failure;  // of the form
  Value head;  // of an answer that is an expression with a symbol for its head
} Run;

static bool is_cancelled(const Prompt *p) {
  return ambi_load_relaxed(&p->cli->rt->x_cancel) != 0;
}

// ---- pages ------------------------------------------------------------------

enum {
  KEY_ENTER = '\r',
  KEY_NEWLINE = '\n',
  KEY_ESCAPE = 27,
};

int cli_prompt_ask(Prompt *p, const char *question) {
  char shown[160];
  snprintf(shown, sizeof shown, "-- %s --", question);
  cli_screen_ask(&p->screen, shown);
  cli_interrupt_runs(NULL);
  int key = p->lines->key(p->lines);
  cli_interrupt_runs(p->cli->rt);
  cli_screen_wipe(&p->screen);
  return key;
}

// The rows that may follow; 0: a page. -1: all, -2: no more.
static int rows_wanted(Prompt *p, const char *question) {
  for (;;) {
    switch (cli_prompt_ask(p, question)) {
    case ' ': return 0;
    case KEY_ENTER:
    case KEY_NEWLINE: return 1;
    case 'a':
    case 'A': return -1;
    case 'q':
    case 'Q':
    case 3:  // Ctrl-C
    case 4:
    case KEY_ESCAPE:
    case -1: return -2;
    default: break;
    }
  }
}

// The page is full, and there is another answer. False: it is not wanted.
static bool turn_page(Run *run) {
  Prompt *p = run->p;
  char question[120];
  snprintf(question, sizeof question,
           "%llu answers; space: next page, enter: next, a: all, q: stop",
           (unsigned long long)p->screen.flow.answers);
  int rows = rows_wanted(p, question);
  cli_flow_turn(&p->screen.flow, rows > 0 ? (unsigned)rows : 0);
  run->all = rows == -1;
  run->cut = rows == -2;
  return !run->cut;
}

// ---- answers ----------------------------------------------------------------

typedef struct Writing {
  Run *run;
  const Context *cx;
  enum Colour colour;
  bool begun;
} Writing;

static bool write_part(void *arg, const char *text, size_t len) {
  Writing *w = arg;
  Prompt *p = w->run->p;
  bool first = !w->begun;
  w->begun = true;
  if (first && !w->run->all && cli_flow_is_full(&p->screen.flow, text, len) &&
      !p->lines->is_pasting(p->lines) && !turn_page(w->run))
    return false;
  return ambi_limits_may_print(w->cx) &&
         cli_screen_part(&p->screen, first, w->colour, text, len);
}

static void begin_list(Run *run) {
  const Prompt *p = run->p;
  unsigned width = 0, height = 0;
  if (p->screen.terminal) cli_screen_size(&width, &height);
  cli_screen_list(&run->p->screen, width, p->pause ? height : 0);
  run->listing = true;
}

static void look_at(Run *run, Value answer) {
  Value head =
      ambi_is_expr(answer) ? ambi_deref(ambi_expr_at(answer, 0)) : AMB_NONE;
  if (ambi_is_sym(head)) run->head = head;
  cli_failure_note(run->p->cli, answer, &run->failure);
}

static bool take_answer(void *arg, const Context *cx, Value answer) {
  Run *run = arg;
  Prompt *p = run->p;
  if (!run->listing) begin_list(run);
  Writing w = {run, cx,
               ambi_is_error_atom(answer) ? COLOUR_ERROR : COLOUR_PLAIN, false};
  Buffer b = {.sink = write_part, .arg = &w};
  ambi_print(p->cli->rt, &b, answer, NULL);
  bool ok = !b.failed && write_part(&w, b.text, b.len);
  ambi_buffer_drop(&b);
  cli_screen_answered(&p->screen);
  if (run->cut) return false;
  run->lost = !ok;
  look_at(run, answer);
  return ok && !p->cli->closed && !is_cancelled(p);
}

// ---- what is said about them ------------------------------------------------

// Does the text evaluate an expression with that head?
static bool calls(const Source *s, const char *name) {
  const char *at = memchr(s->text, '!', s->len);
  if (!at) return false;
  at++;
  at += strspn(at, " \t\n");
  if (*at != '(') return false;
  at++;
  size_t len = strlen(name);
  return strncmp(at, name, len) == 0 && strcspn(at, " \t\n()") == len;
}

// What was called came back as it was, and there is a name like it.
static void hint(Run *run) {
  Prompt *p = run->p;
  if (!run->what->typed || !p->hints || !ambi_is_sym(run->head)) return;
  const char *name =
      ambi_symbol(p->cli->rt->symbols, ambi_sym_of(run->head))->text;
  const Names *names = cli_prompt_names(p);
  if (!calls(run->what->source, name) ||
      cli_names_have(names, name, strlen(name)))
    return;
  const char *near = cli_names_near(names, name, strlen(name));
  if (near)
    cli_screen_say(&p->screen, COLOUR_NOTE,
                   "note: %s is not known here; did you mean %s?", name, near);
}

static void tell_calls(Prompt *p, const Buffer *calls) {
  const char *lines = calls->text;
  if (!calls->len) return;
  cli_screen_say(&p->screen, COLOUR_NOTE, "  calls, the innermost first:");
  for (size_t n; *lines; lines += n + (lines[n] != 0)) {
    n = strcspn(lines, "\n");
    cli_screen_say(&p->screen, COLOUR_NOTE, "    %.*s", (int)n, lines);
  }
}

// An answer is missing, or a part of one. Who interrupted the form, or closed the output,
// knows why.
static void tell_lost(Run *run, const FormReport *r) {
  Prompt *p = run->p;
  if (!run->lost || p->cli->closed || is_cancelled(p)) return;
  cli_screen_leave(&p->screen);
  cli_complain("results were cut: %s", cli_why_cut(r));
}

static void tell_stop(Run *run, const FormReport *r) {
  Prompt *p = run->p;
  char what[160];
  enum AmbStop stop = r->stop;
  if (stop == STOP_ANSWERS && is_cancelled(p)) stop = STOP_CANCEL;
  if (stop == STOP_NONE || stop == STOP_ANSWERS || stop == STOP_EXIT) return;
  cli_screen_leave(&p->screen);
  if (stop == STOP_CANCEL) {
    cli_screen_say(&p->screen, COLOUR_NOTE, "interrupted");
  } else if (run->what->typed && stop != STOP_INTERNAL &&
             !p->cli->options.json) {
    ambi_stop_text(r->cx, what, sizeof what);
    cli_screen_say(&p->screen, COLOUR_ERROR, "stopped: %s", what);
    Buffer calls = {0};
    ambi_kept_calls_find(&p->cli->calls, p->cli->rt, AMB_NONE, &calls);
    tell_calls(p, &calls);
    ambi_buffer_drop(&calls);
  } else {
    cli_stop_tell(p->cli, run->what->source, r);
  }
}

// Where an Error among the answers comes from; what is typed is seen, and shows it.
static void tell_failure(Run *run, const FormReport *r) {
  Prompt *p = run->p;
  if (!r->is_error) return;
  cli_screen_leave(&p->screen);
  if (!run->what->typed)
    cli_failure_tell(run->what->source, r->at, &run->failure,
                     "; the file is read up to here");
  else if (p->cli->options.json)
    cli_failure_tell(run->what->source, r->at, &run->failure, "");
  else
    tell_calls(p, &run->failure.calls);
}

static bool only_units(const Run *run, const FormReport *r) {
  return run->what->no_units && !run->listing && r->n == 1 &&
         ambi_is_unit(ambi_deref(r->results[0]));
}

static void show_json(Run *run, const FormReport *r) {
  Prompt *p = run->p;
  bool quiet = !r->n && (!r->form || r->stop == STOP_EXIT);
  if (quiet || only_units(run, r)) return;
  run->lost = !cli_write_results(p->cli, run->what->source, r);
  for (size_t i = 0; i < r->n; i++)
    look_at(run, ambi_deref(r->results[i]));
}

static void show_answers(Run *run, const FormReport *r) {
  Prompt *p = run->p;
  bool wanted = true;
  if (!only_units(run, r))
    for (size_t i = 0; i < r->n && wanted; i++)
      wanted = take_answer(run, r->cx, ambi_deref(r->results[i]));
  // Who reads a line for each form gets one, where a limit stopped it, too.
  bool told =
      r->stop == STOP_NONE || (!p->screen.terminal && r->stop != STOP_EXIT);
  if (!run->listing && told && r->form && !only_units(run, r)) begin_list(run);
  if (run->listing) cli_screen_list_end(&p->screen, run->cut);
  run->listing = false;
}

static bool on_form(void *arg, const FormReport *r) {
  Run *run = arg;
  Prompt *p = run->p;
  if (p->cli->options.json)
    show_json(run, r);
  else
    show_answers(run, r);
  tell_lost(run, r);
  tell_stop(run, r);
  tell_failure(run, r);
  hint(run);
  cli_failure_drop(&run->failure);
  ambi_kept_calls_forget(&p->cli->calls);
  run->head = AMB_NONE;
  run->all = run->cut = run->lost = false;
  return !p->cli->closed && !is_cancelled(p);
}

// ---- texts ------------------------------------------------------------------

static void conclude(Prompt *p, const Script *s, enum RunStatus status) {
  Cli *cli = p->cli;
  if (status == RUN_EXIT) {
    cli->code = s->code & 0xFF;
    p->leaving = true;
  }
  if (s->stop == STOP_RUN_TIME) {
    cli->code = RUN_LIMIT;
    p->leaving = true;
  }
  if (cli->closed) p->leaving = true;
}

bool cli_prompt_evaluate(Prompt *p, const Evaluated *what) {
  Cli *cli = p->cli;
  Source *s = what->source;
  Run run = {.p = p, .what = what, .head = AMB_NONE};
  // With more evaluators a form is shared as a whole; and what is no terminal gets the
  // lines that a script would print.
  bool streams = p->screen.terminal && cli->options.evaluators <= 1;
  Script script = {.rt = cli->rt,
                   .module = ambi_module_top(cli->rt),
                   .name = s->name,
                   .text = s->text,
                   .len = s->len,
                   .compiled = s->compiled,
                   .on_answer = streams && !what->no_units ? take_answer : NULL,
                   .on_form = on_form,
                   .arg = &run};
  ambi_store_release(&cli->rt->x_cancel, 0);
  cli_interrupt_runs(cli->rt);
  cli_screen_runs(&p->screen, true);
  enum RunStatus status = ambi_run_script(&script);
  cli_screen_runs(&p->screen, false);
  cli_interrupt_runs(NULL);
  if (script.unbegun) cli_complain("out of memory");
  if (status == RUN_PARSE)
    cli_report(s, script.error.at, SEVERITY_ERROR, script.error.message);
  conclude(p, &script, status);
  ambi_script_drop(&script);
  if (!cli->closed) ambi_store_release(&cli->rt->x_cancel, 0);
  return status == RUN_OK;
}

bool cli_prompt_run(Prompt *p, const char *before, const char *text,
                    const char *behind) {
  Buffer b = {0};
  ambi_buffer_puts(&b, before);
  ambi_buffer_puts(&b, text);
  ambi_buffer_puts(&b, behind);
  bool ok = !b.failed;
  Source s = {.name = PROMPT_NAME, .text = b.text, .len = b.len};
  if (ok)
    ok = cli_prompt_evaluate(p, &(Evaluated){&s, true, *before != 0});
  else
    cli_complain("out of memory");
  ambi_buffer_drop(&b);
  return ok;
}

bool cli_prompt_load(Prompt *p, Source *s) {
  Cli *cli = p->cli;
  cli_interrupt_runs(cli->rt);
  ambi_store_release(&cli->rt->x_cancel, 0);
  cli_source_forget(s);
  bool read = cli_source_load(s, cli->options.limits.memory, cli->rt);
  cli_interrupt_runs(NULL);
  if (!read) return false;
  cli_enter_dir(cli, s);
  cli_prompt_evaluate(p, &(Evaluated){s, false, false});
  ambi_module_set_dir(ambi_module_top(cli->rt), NULL);
  return true;
}
