// A diagnostic as lines for a person:
//
//   FILE:LINE:COLUMN: error: message [code]
//     the source line
//         ^~~~
//     expected: ...
//     did you mean NAME?
//   FILE:LINE:COLUMN: note: ...
#include <string.h>

#include "cli/diagnostic/diagnostic.h"

enum { WINDOW = 100 };  // bytes of a source line that are shown at most

static const char bold[] = "\x1b[1m", plain[] = "\x1b[0m",
                  green[] = "\x1b[1;32m";

typedef struct Paper {
  FILE *out;
  bool colours;
} Paper;

static void paint(const Paper *p, const char *colour) {
  if (p->colours) fputs(colour, p->out);
}

static const char *colour_of(enum Severity severity) {
  switch (severity) {
  case SEVERITY_WARNING: return "\x1b[1;35m";
  case SEVERITY_NOTE: return "\x1b[1;36m";
  default: return "\x1b[1;31m";
  }
}

static bool is_continuation(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

// Shows bytes [from, to) with anything a terminal could obey made harmless.
static void show_text(FILE *out, const char *text, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    unsigned char c = (unsigned char)text[i];
    fputc((c < 0x20 && c != '\t') || c == 0x7F ? '?' : c, out);
  }
}

// One blank for each character before the caret; tabs stay tabs, so that the
// caret stands right at any tab width. Behind the caret the rest of the span.
static void show_caret(const Paper *p, const char *text, size_t from, size_t at,
                       size_t end) {
  for (size_t i = from; i < at; i++)
    if (!is_continuation(text[i])) fputc(text[i] == '\t' ? '\t' : ' ', p->out);
  paint(p, green);
  fputc('^', p->out);
  for (size_t i = at + 1; i < end; i++)
    if (!is_continuation(text[i])) fputc('~', p->out);
  paint(p, plain);
  fputc('\n', p->out);
}

// The part of a line that is shown, around one of its bytes.
typedef struct Window {
  size_t from, to;
  bool cut, cut_end;
} Window;

static Window window_at(const DiagnosticText *in, size_t offset) {
  size_t from = offset, to = offset;
  while (from > 0 && in->text[from - 1] != '\n')
    from--;
  while (to < in->len && in->text[to] != '\n')
    to++;
  Window w = {from, to, offset - from > WINDOW / 2 && to - from > WINDOW,
              false};
  if (w.cut) {
    w.from = offset - WINDOW / 2;
    while (w.from < offset && is_continuation(in->text[w.from]))
      w.from++;
  }
  w.cut_end = w.to - w.from > WINDOW;
  if (w.cut_end) {
    w.to = w.from + WINDOW;
    while (w.to < in->len && is_continuation(in->text[w.to]))
      w.to++;
  }
  if (w.to > w.from && in->text[w.to - 1] == '\r') w.to--;
  return w;
}

static void show_line(const Paper *p, const DiagnosticPlace *at) {
  const DiagnosticText *in = at->in;
  size_t offset = at->begin < in->len ? at->begin : in->len;
  Window w = window_at(in, offset);
  size_t end = at->end < w.to ? at->end : w.to;
  if (offset > w.to) offset = w.to;
  fputs(w.cut ? "  ..." : "  ", p->out);
  show_text(p->out, in->text, w.from, w.to);
  fputs(w.cut_end ? "...\n" : "\n", p->out);
  fputs(w.cut ? "     " : "  ", p->out);
  show_caret(p, in->text, w.from, offset, end);
}

static void show_place(const Paper *p, const DiagnosticPlace *at) {
  paint(p, bold);
  if (at->in) {
    DiagnosticAt where = cli_diagnostic_at(at->in, at->begin);
    fprintf(p->out, "%s:%u:%u: ", at->in->name, where.line, where.column);
  } else {
    fputs("ambit: ", p->out);
  }
  paint(p, plain);
}

static void show_message(FILE *out, const char *message) {
  if (!message) message = "out of memory";
  show_text(out, message, 0, strlen(message));
}

// Each line of the stack on its own, set in.
static void show_stack(FILE *out, const char *stack) {
  fputs("  calls, the innermost first:\n", out);
  while (*stack) {
    size_t n = strcspn(stack, "\n");
    fputs("    ", out);
    show_text(out, stack, 0, n);
    fputc('\n', out);
    stack += n + (stack[n] != 0);
  }
}

static void show_notes(const Paper *p, const Diagnostic *d) {
  for (size_t i = 0; i < d->nnotes; i++) {
    const DiagnosticNote *n = &d->notes[i];
    if (n->at.in)
      show_place(p, &n->at);
    else
      fputs("  ", p->out);
    paint(p, colour_of(SEVERITY_NOTE));
    fputs("note: ", p->out);
    paint(p, plain);
    show_message(p->out, n->message);
    fputc('\n', p->out);
    if (n->at.in) show_line(p, &n->at);
  }
  if (d->more) fprintf(p->out, "  note: and %zu more places\n", d->more);
}

void cli_diagnostic_text(FILE *out, const Diagnostic *d, bool colours) {
  Paper p = {out, colours};
  show_place(&p, &d->at);
  if (d->at.in) {
    paint(&p, colour_of(d->severity));
    fprintf(out, "%s: ", cli_severity_name(d->severity));
    paint(&p, plain);
  }
  show_message(out, d->message);
  if (d->code) fprintf(out, " [%s]", d->code);
  fputc('\n', out);
  if (d->at.in) show_line(&p, &d->at);
  if (d->expected) {
    fputs("  expected: ", out);
    show_message(out, d->expected);
    fputc('\n', out);
  }
  if (d->nearest) {
    fputs("  did you mean ", out);
    show_message(out, d->nearest);
    fputs("?\n", out);
  }
  if (d->stack) show_stack(out, d->stack);
  show_notes(&p, d);
}
