// Messages to the person at the terminal, and the texts they are about.
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "memory/alloc.h"

enum { WINDOW = 100 };  // bytes of a source line that are shown at most

void cli_complain(const char *format, ...) {
  fflush(NULL);
  va_list args;
  va_start(args, format);
  fputs("ambit: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}

static bool is_continuation(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

// Shows bytes [from, to) with anything a terminal could obey made harmless.
static void show_text(const char *text, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    unsigned char c = (unsigned char)text[i];
    fputc((c < 0x20 && c != '\t') || c == 0x7F ? '?' : c, stderr);
  }
}

// One blank for each character before the caret; tabs stay tabs, so that the
// caret stands right at any tab width.
static void show_caret(const char *text, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (!is_continuation(text[i])) fputc(text[i] == '\t' ? '\t' : ' ', stderr);
  fputs("^\n", stderr);
}

static void show_line(const Source *s, size_t offset) {
  size_t from = offset < s->len ? offset : s->len, to = from;
  while (from > 0 && s->text[from - 1] != '\n')
    from--;
  while (to < s->len && s->text[to] != '\n')
    to++;
  bool cut = offset - from > WINDOW / 2 && to - from > WINDOW;
  if (cut) {
    from = offset - WINDOW / 2;
    while (from < offset && is_continuation(s->text[from]))
      from++;
  }
  bool cut_end = to - from > WINDOW;
  if (cut_end) {
    to = from + WINDOW;
    while (to < s->len && is_continuation(s->text[to]))
      to++;
  }
  if (to > from && s->text[to - 1] == '\r') to--;
  if (offset > to) offset = to;
  fputs(cut ? "  ..." : "  ", stderr);
  show_text(s->text, from, to);
  fputs(cut_end ? "...\n" : "\n", stderr);
  fputs(cut ? "     " : "  ", stderr);
  show_caret(s->text, from, offset);
}

void cli_report(const Source *s, Position at, const char *label,
                const char *message) {
  fflush(NULL);
  fprintf(stderr, "%s:%u:%u: %s: ", s->name, at.line, at.column, label);
  show_text(message, 0, strlen(message));
  fputc('\n', stderr);
  show_line(s, at.offset);
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

void cli_source_drop(Source *s) {
  ambi_file_drop(&s->file);
  if (!s->compiled) return;
  ambi_snapshot_close(s->compiled);
  ambi_free(s->compiled, sizeof *s->compiled);
  s->compiled = NULL;
}
