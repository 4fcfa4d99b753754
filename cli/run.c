// Running a script: one line of results for each `!` form as soon as it is done.
#include "cli/cli.h"
#include "runtime/guard.h"
#include "runtime/types/types.h"

enum { CALL_MAX = 120 };  // bytes of a call that a message shows

typedef struct Running {
  Cli *cli;
  const Source *source;
} Running;

typedef struct Line {
  Cli *cli;
  const Context *cx;
} Line;

static bool cancelled(const Cli *cli) {
  return ambi_load_relaxed(&cli->rt->x_cancel) != 0;
}

static bool write_part(void *arg, const char *text, size_t len) {
  Line *line = arg;
  return ambi_limits_may_print(line->cx) && cli_write(line->cli, text, len);
}

// Printed in parts: a term that shares its parts may be very long as text.
static void print_results(Cli *cli, const FormReport *r) {
  Line line = {cli, r->cx};
  Buffer b = {.sink = write_part, .arg = &line};
  ambi_output_take(cli->rt);
  ambi_print_results(cli->rt, &b, r->results, r->n);
  bool cut = b.failed;
  if (b.len) cli_write(cli, b.text, b.len);
  cli_write(cli, "\n", 1);
  cli_flush(cli);
  ambi_output_give(cli->rt);
  ambi_buffer_drop(&b);
  if (!cut || cli->closed) return;
  bool memory = ambi_limits_may_print(r->cx);
  cli_complain("a result line was cut: %s",
               memory ? "out of memory" : "no more time");
  cli->code = cancelled(cli) ? RUN_CANCELLED : RUN_LIMIT;
}

// What the first Error among the results is about: (Error CALL REASON).
static Value failed_call(const FormReport *r) {
  for (size_t i = 0; i < r->n; i++) {
    Value v = ambi_deref(r->results[i]);
    if (ambi_is_error_atom(v))
      return ambi_expr_size(v) > 1 ? ambi_deref(ambi_expr_at(v, 1)) : AMB_NONE;
  }
  return AMB_NONE;
}

static void report_error(const Running *running, const FormReport *r) {
  char what[CALL_MAX + 80];
  Value call = failed_call(r);
  Buffer b = {0};
  Naming naming = {0};
  if (!ambi_is_none(call)) ambi_print(running->cli->rt, &b, call, &naming);
  size_t len = b.failed ? 0 : b.len;
  bool cut = len > CALL_MAX;
  if (cut) {
    len = CALL_MAX;
    while (len > 0 && ((unsigned char)b.text[len] & 0xC0) == 0x80)
      len--;
  }
  snprintf(what, sizeof what, "uncaught Error%s%.*s%s; the script ends here",
           len ? " in " : "", (int)len, len ? b.text : "", cut ? "..." : "");
  cli_report(running->source, r->at, "error", what);
  ambi_vec_drop(&naming.vars);
  ambi_buffer_drop(&b);
}

static bool on_form(void *arg, const FormReport *r) {
  Running *running = arg;
  Cli *cli = running->cli;
  bool quiet = !r->n && (!r->form || r->stop == STOP_EXIT);
  if (!quiet) print_results(cli, r);
  char what[160];
  switch (r->stop) {
  case STOP_NONE:
  case STOP_ANSWERS:
  case STOP_EXIT: break;
  case STOP_INTERNAL:
    cli_report(running->source, r->at, "internal error", r->cx->message);
    break;
  default:
    ambi_stop_text(r->cx, what, sizeof what);
    cli_report(running->source, r->at, "stopped", what);
    if (r->stop != STOP_CANCEL) cli->code = RUN_LIMIT;
  }
  if (r->is_error) report_error(running, r);
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
  // An interrupt between two forms stops none of them.
  if (status == RUN_OK && cancelled(cli)) status = RUN_CANCELLED;
  if (status == RUN_PARSE)
    cli_report(s, script.error.at, "error", script.error.message);
  if (status != RUN_OK)
    cli->code = status == RUN_EXIT ? script.code & 0xFF : (int)status;
  cli->over =
      (status != RUN_OK && status != RUN_LIMIT) || script.stop == STOP_RUN_TIME;
  ambi_script_drop(&script);
}
