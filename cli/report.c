// Messages to the person at the terminal, and the texts they are about.
#define _GNU_SOURCE  // vasprintf
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "memory/alloc.h"

void cli_complain(const char *format, ...) {
  char small[512], *what = NULL;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  if (vsnprintf(small, sizeof small, format, args) >= (int)sizeof small &&
      vasprintf(&what, format, again) < 0)
    what = NULL;
  va_end(again);
  va_end(args);
  Diagnostics one = {0};
  cli_diagnostics_add(&one, SEVERITY_ERROR, NULL, (DiagnosticPlace){0}, "%s",
                      what ? what : small);
  cli_diagnostics_tell(&one);
  free(what);
}

DiagnosticText cli_source_text(const Source *s, Position at) {
  return (DiagnosticText){
      s->name, s->text, s->len, {at.line, at.column}, at.offset};
}

void cli_report(const Source *s, Position at, enum Severity severity,
                const char *message) {
  Diagnostics one = {0};
  DiagnosticText text = cli_source_text(s, at);
  cli_diagnostics_add(&one, severity, NULL,
                      (DiagnosticPlace){&text, at.offset, at.offset}, "%s",
                      message);
  cli_diagnostics_tell(&one);
}

// A compiled program, whose text is the one it was made from.
static bool load_compiled(Source *s, Runtime *rt) {
  Context *cx = ambi_context_open(rt);
  Snapshot *made = cx ? ambi_alloc(sizeof *made) : NULL;
  bool ok = false;
  if (made) {
    ambi_limits_begin(cx);
    Value self = ambi_space_value(ambi_module_top(rt)->space);
    ok = ambi_snapshot_open(cx, made, s->path, SNAPSHOT_PROGRAM, self);
  }
  if (!ok)
    cli_complain("%s",
                 made && cx->stop == STOP_NONE ? cx->message : "out of memory");
  ambi_context_close(cx);
  if (!ok) {
    ambi_free(made, sizeof *made);
    return false;
  }
  s->compiled = made;
  s->name = made->title;
  s->text = made->source;
  s->len = (size_t)made->tail.source_bytes;
  return true;
}

bool cli_source_load(Source *s, uint64_t max_bytes, Runtime *rt) {
  if (!s->path) return true;
  if (ambi_snapshot_is(s->path)) return load_compiled(s, rt);
  bool ok = strcmp(s->path, "-") == 0
                ? ambi_file_read(STDIN_FILENO, max_bytes, rt, &s->file)
                : ambi_file_load(s->path, max_bytes, rt, &s->file);
  if (!ok && errno != EINTR) {
    const char *why = strerror(errno);
    if (errno == ENOENT && s->verb)
      cli_complain("cannot read %s: %s; did you mean the command %s?", s->name,
                   why, s->verb);
    else
      cli_complain("cannot read %s: %s", s->name, why);
  }
  if (!ok) return false;
  s->text = s->file.text;
  s->len = s->file.len;
  return true;
}

void cli_source_forget(Source *s) {
  if (!s->path) return;
  ambi_file_drop(&s->file);
  s->file = (FileText){0};
  if (!s->compiled) return;
  ambi_snapshot_close(s->compiled);
  ambi_free(s->compiled, sizeof *s->compiled);
  s->compiled = NULL;
  s->name = s->path;
}

void cli_source_drop(Source *s) {
  cli_source_forget(s);
  ambi_text_free(s->owned);
  s->owned = NULL;
}
