// Diagnostics as values: made, put in order, made one where they say the same.
//
// Their memory is malloc's own: that the runtime has come to its memory limit is one of
// the things to be told.
#include "cli/diagnostic/diagnostic.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/lost.h"

static enum DiagnosticForm chosen;

static char *format_text(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = n < 0 ? NULL : malloc((size_t)n + 1);
  if (text)
    vsnprintf(text, (size_t)n + 1, format, args);
  else
    cli_lost();
  return text;
}

static char *copy(const char *text, size_t len) {
  char *to = strndup(text, len);
  if (!to) cli_lost();
  return to;
}

Diagnostic *cli_diagnostics_add(Diagnostics *all, enum Severity severity,
                                const char *code, DiagnosticPlace at,
                                const char *format, ...) {
  if (all->n == all->cap) {
    size_t cap = all->cap ? 2 * all->cap : 1;
    Diagnostic *grown = realloc(all->at, cap * sizeof *grown);
    if (!grown) {
      all->failed = true;
      cli_lost();
      return NULL;
    }
    all->at = grown;
    all->cap = cap;
  }
  Diagnostic *d = &all->at[all->n++];
  *d = (Diagnostic){.severity = severity, .code = code, .at = at};
  va_list args;
  va_start(args, format);
  d->message = format_text(format, args);
  va_end(args);
  return d;
}

void cli_diagnostic_expect(Diagnostic *d, const char *format, ...) {
  if (!d || d->expected) return;
  va_list args;
  va_start(args, format);
  d->expected = format_text(format, args);
  va_end(args);
}

void cli_diagnostic_nearest(Diagnostic *d, const char *name, size_t len) {
  if (d && !d->nearest && name) d->nearest = copy(name, len);
}

void cli_diagnostic_stack(Diagnostic *d, const char *lines, size_t len) {
  if (d && !d->stack && len) d->stack = copy(lines, len);
}

void cli_diagnostic_note(Diagnostic *d, DiagnosticPlace at, const char *format,
                         ...) {
  if (!d) return;
  if (d->nnotes == DIAGNOSTIC_NOTES) {
    d->more++;
    return;
  }
  va_list args;
  va_start(args, format);
  d->notes[d->nnotes++] = (DiagnosticNote){at, format_text(format, args)};
  va_end(args);
}

void cli_diagnostic_drop(Diagnostic *d) {
  free(d->message);
  free(d->expected);
  free(d->nearest);
  free(d->stack);
  for (size_t i = 0; i < d->nnotes; i++)
    free(d->notes[i].message);
}

void cli_diagnostics_drop(Diagnostics *all) {
  for (size_t i = 0; i < all->n; i++)
    cli_diagnostic_drop(&all->at[i]);
  free(all->at);
  *all = (Diagnostics){0};
}

// ---- order ------------------------------------------------------------------

static int by_place(const void *a, const void *b) {
  const Diagnostic *x = a, *y = b;
  const char *in = x->at.in ? x->at.in->name : "";
  int order = strcmp(in, y->at.in ? y->at.in->name : "");
  if (order) return order;
  if (x->at.begin != y->at.begin) return x->at.begin < y->at.begin ? -1 : 1;
  if (x->at.end != y->at.end) return x->at.end < y->at.end ? -1 : 1;
  return strcmp(x->code ? x->code : "", y->code ? y->code : "");
}

void cli_diagnostics_sort(Diagnostics *all) {
  if (all->n) qsort(all->at, all->n, sizeof *all->at, by_place);
}

static bool says_the_same(const Diagnostic *a, const Diagnostic *b) {
  return a->code == b->code && a->severity == b->severity && a->message &&
         b->message && strcmp(a->message, b->message) == 0;
}

void cli_diagnostics_group(Diagnostics *all) {
  cli_diagnostics_sort(all);
  size_t kept = 0;
  for (size_t i = 0; i < all->n; i++) {
    Diagnostic *d = &all->at[i], *first = NULL;
    for (size_t k = 0; k < kept && !first; k++)
      if (says_the_same(&all->at[k], d)) first = &all->at[k];
    if (!first) {
      all->at[kept++] = *d;
      continue;
    }
    if (first->at.in != d->at.in || first->at.begin != d->at.begin)
      cli_diagnostic_note(first, d->at, "and here");
    cli_diagnostic_drop(d);
  }
  all->n = kept;
}

// ---- places -----------------------------------------------------------------

DiagnosticAt cli_diagnostic_at(const DiagnosticText *in, size_t byte) {
  bool known = in->known.line && byte >= in->known_byte;
  DiagnosticAt at = known ? in->known : (DiagnosticAt){1, 1};
  size_t i = known ? in->known_byte : 0;
  for (; i < byte && i < in->len; i++) {
    if (in->text[i] == '\n')
      at = (DiagnosticAt){at.line + 1, 1};
    else
      at.column += ((unsigned char)in->text[i] & 0xC0) != 0x80;
  }
  return at;
}

const char *cli_severity_name(enum Severity severity) {
  static const char *const names[] = {"error", "warning", "note", "stopped",
                                      "internal error"};
  return names[severity];
}

// ---- telling ----------------------------------------------------------------

bool cli_colours(const FILE *out) {
  const char *off = getenv("NO_COLOR"), *terminal = getenv("TERM");
  if (off && *off) return false;
  if (terminal && strcmp(terminal, "dumb") == 0) return false;
  return isatty(out == stderr ? STDERR_FILENO : STDOUT_FILENO);
}

void cli_diagnostic_choose(enum DiagnosticForm form) {
  chosen = form;
}

void cli_diagnostics_tell(Diagnostics *all) {
  fflush(NULL);
  for (size_t i = 0; i < all->n; i++) {
    if (chosen == DIAGNOSTIC_JSON)
      cli_diagnostic_json(stderr, &all->at[i]);
    else
      cli_diagnostic_text(stderr, &all->at[i], cli_colours(stderr));
  }
  if (all->failed) fputs("ambit: out of memory\n", stderr);
  cli_diagnostics_drop(all);
}
