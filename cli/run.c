// Running a script: one line of results for each `!` form as soon as it is done.
#include "cli/cli.h"
#include "cli/diagnostic/json.h"
#include "runtime/guard.h"
#include "runtime/modules/module.h"

void cli_enter_dir(Cli *cli, const Source *s) {
  const char *slash = s->path ? strrchr(s->path, '/') : NULL;
  char *dir = NULL;
  if (slash)
    dir = ambi_text_copy(s->path,
                         slash == s->path ? 1 : (size_t)(slash - s->path));
  if (!ambi_module_set_dir(ambi_module_top(cli->rt), dir))
    cli_complain("out of memory");
  ambi_text_free(dir);
}

typedef struct Running {
  Cli *cli;
  const Source *source;
} Running;

typedef struct Printing {
  Cli *cli;
  const Context *cx;
} Printing;

static bool cancelled(const Cli *cli) {
  return ambi_load_relaxed(&cli->rt->x_cancel) != 0;
}

static bool write_part(void *arg, const char *text, size_t len) {
  Printing *p = arg;
  return ambi_limits_may_print(p->cx) && cli_write(p->cli, text, len);
}

const char *cli_why_cut(const FormReport *r) {
  return ambi_limits_may_print(r->cx) ? "out of memory" : "no more time";
}

static void tell_cut(Cli *cli, const FormReport *r) {
  if (cli->closed) return;
  cli_complain("a result line was cut: %s", cli_why_cut(r));
  cli->code = cancelled(cli) ? RUN_CANCELLED : RUN_LIMIT;
}

bool cli_write_results(Cli *cli, const Source *source, const FormReport *r) {
  json_t *o = json_object(), *all = json_array();
  bool cut = false;
  Naming naming = {0};
  const char *name = source->name;
  for (size_t i = 0; i < r->n && !cut; i++) {
    Buffer b = {0};
    ambi_print(cli->rt, &b, r->results[i], &naming);
    cut = b.failed || !ambi_limits_may_print(r->cx);
    if (!cut) json_array_append_new(all, cli_json_string(b.text, b.len));
    ambi_buffer_drop(&b);
  }
  ambi_vec_drop(&naming.vars);
  json_object_set_new(o, "kind", json_string("results"));
  json_object_set_new(o, "file", cli_json_string(name, strlen(name)));
  json_object_set_new(o, "line", json_integer(r->at.line));
  json_object_set_new(o, "column", json_integer(r->at.column));
  json_object_set_new(o, "results", all);
  ambi_output_take(cli->rt);
  cli_write_json(cli, o);
  cli_flush(cli);
  ambi_output_give(cli->rt);
  return !cut;
}

// Printed in parts: a term that shares its parts may be very long as text.
static bool print_results(Cli *cli, const FormReport *r) {
  Printing printing = {cli, r->cx};
  Buffer b = {.sink = write_part, .arg = &printing};
  ambi_output_take(cli->rt);
  ambi_print_results(cli->rt, &b, r->results, r->n);
  bool cut = b.failed;
  if (b.len) cli_write(cli, b.text, b.len);
  cli_write(cli, "\n", 1);
  cli_flush(cli);
  ambi_output_give(cli->rt);
  ambi_buffer_drop(&b);
  return !cut;
}

static void report_error(const Running *running, const FormReport *r) {
  Failure f = {0};
  for (size_t i = 0; i < r->n; i++)
    cli_failure_note(running->cli, r->results[i], &f);
  cli_failure_tell(running->source, r->at, &f, "; the script ends here");
  cli_failure_drop(&f);
}

static bool on_form(void *arg, const FormReport *r) {
  Running *running = arg;
  Cli *cli = running->cli;
  bool quiet = !r->n && (!r->form || r->stop == STOP_EXIT);
  bool whole =
      quiet || (cli->options.json ? cli_write_results(cli, running->source, r)
                                  : print_results(cli, r));
  if (!whole) tell_cut(cli, r);
  switch (r->stop) {
  case STOP_NONE:
  case STOP_ANSWERS:
  case STOP_EXIT: break;
  default:
    cli_stop_tell(cli, running->source, r);
    if (r->stop != STOP_CANCEL && r->stop != STOP_INTERNAL)
      cli->code = RUN_LIMIT;
  }
  if (r->is_error) report_error(running, r);
  ambi_kept_calls_forget(&cli->calls);
  return !cli->closed && !cancelled(cli);
}

void cli_run(Cli *cli, Source *s) {
  cli_enter_dir(cli, s);
  Running running = {cli, s};
  Script script = {.rt = cli->rt,
                   .module = ambi_module_top(cli->rt),
                   .name = s->name,
                   .text = s->text,
                   .len = s->len,
                   .compiled = s->compiled,
                   .on_form = on_form,
                   .arg = &running};
  enum RunStatus status = ambi_run_script(&script);
  if (script.unbegun) cli_complain("out of memory");
  // An interrupt between two forms stops none of them.
  if (status == RUN_OK && cancelled(cli)) status = RUN_CANCELLED;
  if (status == RUN_PARSE)
    cli_report(s, script.error.at, SEVERITY_ERROR, script.error.message);
  if (status != RUN_OK)
    cli->code = status == RUN_EXIT ? script.code & 0xFF : (int)status;
  cli->over =
      (status != RUN_OK && status != RUN_LIMIT) || script.stop == STOP_RUN_TIME;
  ambi_script_drop(&script);
}
