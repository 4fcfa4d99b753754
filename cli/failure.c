// What is told of a form that failed: an Error that nothing caught, or a limit, each with
// the calls it happened in.
#include <string.h>

#include "cli/cli.h"
#include "cli/lost.h"
#include "cli/source/tree.h"
#include "runtime/types/types.h"

static Value part_of(Value v, uint32_t i) {
  bool there = !ambi_is_none(v) && ambi_is_expr(v) && i < ambi_expr_size(v);
  return there ? ambi_deref(ambi_expr_at(v, i)) : AMB_NONE;
}

// An atom as text, cut where it gets long.
static void shorten(Runtime *rt, Value v, char out[FAILURE_TEXT]) {
  Buffer b = {0};
  Naming naming = {0};
  if (!ambi_is_none(v)) ambi_print(rt, &b, v, &naming);
  size_t len = b.failed ? 0 : b.len;
  if (b.failed) cli_lost();
  bool cut = len > FAILURE_TEXT - 4;
  if (cut) {
    len = FAILURE_TEXT - 4;
    while (len > 0 && ((unsigned char)b.text[len] & 0xC0) == 0x80)
      len--;
  }
  snprintf(out, FAILURE_TEXT, "%.*s%s", (int)len, len ? b.text : "",
           cut ? "..." : "");
  ambi_vec_drop(&naming.vars);
  ambi_buffer_drop(&b);
}

// What the Error says of its reason: of a type that did not fit, what it should have been.
static void note_reason(Failure *f, Runtime *rt, Value reason) {
  Value head = part_of(reason, 0);
  if (ambi_same(head, AMB_SYM(BAD_ARG_TYPE))) {
    shorten(rt, part_of(reason, 1), f->at);
    shorten(rt, part_of(reason, 2), f->wanted);
    shorten(rt, part_of(reason, 3), f->got);
  } else if (ambi_same(head, AMB_SYM(BAD_TYPE))) {
    shorten(rt, part_of(reason, 1), f->wanted);
    shorten(rt, part_of(reason, 2), f->got);
  } else {
    shorten(rt, reason, f->why);
  }
}

void cli_failure_calls(void *arg, Context *cx, Value call) {
  ambi_kept_calls_note(&((Cli *)arg)->calls, cx, call);
}

void cli_failure_note(Cli *cli, Value v, Failure *f) {
  v = ambi_deref(v);
  if (f->noted || !ambi_is_error_atom(v)) return;
  Runtime *rt = cli->rt;
  Value call = part_of(v, 1);
  f->noted = true;
  shorten(rt, call, f->call);
  shorten(rt, part_of(call, 0), f->name);
  note_reason(f, rt, part_of(v, 2));
  ambi_kept_calls_find(&cli->calls, rt, call, &f->calls);
  if (f->calls.failed) cli_lost();
}

void cli_failure_drop(Failure *f) {
  ambi_buffer_drop(&f->calls);
  *f = (Failure){0};
}

// The declaration of what failed, or else its first rule, if the text has one.
static void note_definition(Diagnostic *d, const DiagnosticText *text,
                            const char *name) {
  Tree t;
  uint32_t rule = 0, type = 0;
  if (!*name) return;
  if (!cli_tree_read(&t, text->text, text->len)) {
    cli_lost();
    return;
  }
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

void cli_failure_tell(const Source *s, Position at, const Failure *f,
                      const char *then) {
  DiagnosticText text = cli_source_text(s, at);
  Diagnostics one = {0};
  Diagnostic *d =
      cli_diagnostics_add(&one, SEVERITY_ERROR, NULL,
                          (DiagnosticPlace){&text, at.offset, at.offset},
                          "uncaught Error%s%s%s%s%s", *f->call ? " in " : "",
                          f->call, *f->why ? ": " : "", f->why, then);
  if (*f->at)
    cli_diagnostic_expect(d, "%s as argument %s, and not %s", f->wanted, f->at,
                          f->got);
  else if (*f->wanted)
    cli_diagnostic_expect(d, "%s, and not %s", f->wanted, f->got);
  if (f->calls.len) cli_diagnostic_stack(d, f->calls.text, f->calls.len);
  note_definition(d, &text, f->name);
  cli_diagnostics_tell(&one);
}

void cli_stop_tell(Cli *cli, const Source *s, const FormReport *r) {
  char what[160];
  DiagnosticText text = cli_source_text(s, r->at);
  Diagnostics one = {0};
  if (r->stop == STOP_INTERNAL) {
    cli_report(s, r->at, SEVERITY_INTERNAL, r->cx->message);
    return;
  }
  ambi_stop_text(r->cx, what, sizeof what);
  Diagnostic *d = cli_diagnostics_add(
      &one, SEVERITY_STOPPED, NULL,
      (DiagnosticPlace){&text, r->at.offset, r->at.offset}, "%s", what);
  Buffer calls = {0};
  ambi_kept_calls_find(&cli->calls, cli->rt, AMB_NONE, &calls);
  if (calls.len) cli_diagnostic_stack(d, calls.text, calls.len);
  cli_diagnostics_tell(&one);
  ambi_buffer_drop(&calls);
}
