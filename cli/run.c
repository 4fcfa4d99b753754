// Running a script: one line of results for each `!` form as soon as it is done.
#include "cli/cli.h"
#include "cli/diagnostic/json.h"
#include "cli/source/tree.h"
#include "runtime/guard.h"
#include "runtime/types/types.h"

enum { CALL_MAX = 120 };  // bytes of a call that a message shows

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

static void tell_cut(Cli *cli, const FormReport *r) {
  if (cli->closed) return;
  bool memory = ambi_limits_may_print(r->cx);
  cli_complain("a result line was cut: %s",
               memory ? "out of memory" : "no more time");
  cli->code = cancelled(cli) ? RUN_CANCELLED : RUN_LIMIT;
}

// {"kind":"results","file":...,"line":...,"column":...,"results":[TEXT...]}
static void print_json_results(const Running *running, const FormReport *r) {
  Cli *cli = running->cli;
  json_t *o = json_object(), *all = json_array();
  bool cut = false;
  Naming naming = {0};
  const char *name = running->source->name;
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
  if (cut) tell_cut(cli, r);
}

// Printed in parts: a term that shares its parts may be very long as text.
static void print_results(Cli *cli, const FormReport *r) {
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
  if (cut) tell_cut(cli, r);
}

// The first Error among the results: (Error CALL REASON).
static Value first_error(const FormReport *r) {
  for (size_t i = 0; i < r->n; i++) {
    Value v = ambi_deref(r->results[i]);
    if (ambi_is_error_atom(v)) return v;
  }
  return AMB_NONE;
}

static Value part_of(Value v, uint32_t i) {
  bool there = !ambi_is_none(v) && ambi_is_expr(v) && i < ambi_expr_size(v);
  return there ? ambi_deref(ambi_expr_at(v, i)) : AMB_NONE;
}

// An atom as text, cut where it gets long.
static void shorten(Runtime *rt, Value v, char *out) {
  Buffer b = {0};
  Naming naming = {0};
  if (!ambi_is_none(v)) ambi_print(rt, &b, v, &naming);
  size_t len = b.failed ? 0 : b.len;
  bool cut = len > CALL_MAX;
  if (cut) {
    len = CALL_MAX;
    while (len > 0 && ((unsigned char)b.text[len] & 0xC0) == 0x80)
      len--;
  }
  snprintf(out, CALL_MAX + 4, "%.*s%s", (int)len, len ? b.text : "",
           cut ? "..." : "");
  ambi_vec_drop(&naming.vars);
  ambi_buffer_drop(&b);
}

static bool is_of_types(Value reason) {
  Value head = part_of(reason, 0);
  return !ambi_is_none(head) && (ambi_same(head, AMB_SYM(BAD_ARG_TYPE)) ||
                                 ambi_same(head, AMB_SYM(BAD_TYPE)));
}

// What a type that did not fit should have been, as the reason of the Error says.
static void say_expected(Diagnostic *d, Runtime *rt, Value reason) {
  char want[CALL_MAX + 4], got[CALL_MAX + 4], at[CALL_MAX + 4];
  if (!is_of_types(reason)) return;
  Value head = part_of(reason, 0);
  if (ambi_same(head, AMB_SYM(BAD_ARG_TYPE))) {
    shorten(rt, part_of(reason, 1), at);
    shorten(rt, part_of(reason, 2), want);
    shorten(rt, part_of(reason, 3), got);
    cli_diagnostic_expect(d, "%s as argument %s, and not %s", want, at, got);
  } else {
    shorten(rt, part_of(reason, 1), want);
    shorten(rt, part_of(reason, 2), got);
    cli_diagnostic_expect(d, "%s, and not %s", want, got);
  }
}

static void say_calls(Cli *cli, Diagnostic *d, Value call) {
  const char *lines = cli_calls_about(cli, call);
  if (lines) cli_diagnostic_stack(d, lines, strlen(lines));
}

static void report_stop(const Running *running, const FormReport *r) {
  char what[160];
  ambi_stop_text(r->cx, what, sizeof what);
  DiagnosticText text = cli_source_text(running->source);
  Diagnostics one = {0};
  Diagnostic *d = cli_diagnostics_add(
      &one, SEVERITY_STOPPED, NULL,
      (DiagnosticPlace){&text, r->at.offset, r->at.offset}, "%s", what);
  say_calls(running->cli, d, AMB_NONE);
  cli_diagnostics_tell(&one);
}

// The declaration of what failed, or else its first rule, if the text has one.
static void note_definition(Diagnostic *d, const DiagnosticText *text,
                            const char *name) {
  Tree t;
  uint32_t rule = 0, type = 0;
  if (!*name || !cli_tree_read(&t, text->text, text->len)) return;
  for (uint32_t i = 1; i < t.count && !type; i++) {
    uint32_t head = t.nodes[i].kind == NODE_LIST ? cli_tree_first(&t, i) : 0;
    uint32_t what = head ? cli_tree_next(&t, head) : 0;
    if (!what) continue;
    if (cli_tree_is(&t, head, ":") && cli_tree_is(&t, what, name)) type = what;
    if (rule || !cli_tree_is(&t, head, "=") || t.nodes[what].kind != NODE_LIST)
      continue;
    what = cli_tree_first(&t, what);
    if (what && cli_tree_is(&t, what, name)) rule = what;
  }
  uint32_t at = type ? type : rule;
  if (at)
    cli_diagnostic_note(
        d, (DiagnosticPlace){text, t.nodes[at].begin, t.nodes[at].end},
        type ? "%s is declared here" : "%s is defined here", name);
  cli_tree_free(&t);
}

static void report_error(const Running *running, const FormReport *r) {
  Runtime *rt = running->cli->rt;
  char call[CALL_MAX + 4], why[CALL_MAX + 4] = "";
  Value error = first_error(r), reason = part_of(error, 2);
  shorten(rt, part_of(error, 1), call);
  if (!is_of_types(reason)) shorten(rt, reason, why);
  DiagnosticText text = cli_source_text(running->source);
  Diagnostics one = {0};
  Diagnostic *d =
      cli_diagnostics_add(&one, SEVERITY_ERROR, NULL,
                          (DiagnosticPlace){&text, r->at.offset, r->at.offset},
                          "uncaught Error%s%s%s%s; the script ends here",
                          *call ? " in " : "", call, *why ? ": " : "", why);
  say_expected(d, rt, reason);
  say_calls(running->cli, d, part_of(error, 1));
  shorten(rt, part_of(part_of(error, 1), 0), call);
  note_definition(d, &text, call);
  cli_diagnostics_tell(&one);
}

static bool on_form(void *arg, const FormReport *r) {
  Running *running = arg;
  Cli *cli = running->cli;
  bool quiet = !r->n && (!r->form || r->stop == STOP_EXIT);
  if (!quiet && cli->options.json)
    print_json_results(running, r);
  else if (!quiet)
    print_results(cli, r);
  switch (r->stop) {
  case STOP_NONE:
  case STOP_ANSWERS:
  case STOP_EXIT: break;
  case STOP_INTERNAL:
    cli_report(running->source, r->at, SEVERITY_INTERNAL, r->cx->message);
    break;
  default:
    report_stop(running, r);
    if (r->stop != STOP_CANCEL) cli->code = RUN_LIMIT;
  }
  if (r->is_error) report_error(running, r);
  cli_calls_forget(cli);
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
    cli_report(s, script.error.at, SEVERITY_ERROR, script.error.message);
  if (status != RUN_OK)
    cli->code = status == RUN_EXIT ? script.code & 0xFF : (int)status;
  cli->over =
      (status != RUN_OK && status != RUN_LIMIT) || script.stop == STOP_RUN_TIME;
  ambi_script_drop(&script);
}
