// What forms print beside what was recorded, form by form.
#include <errno.h>

#include "cli/diagnostic/json.h"
#include "cli/test/test.h"

void cli_test_point(FILE *out, const char *name, Position at, double seconds,
                    const char *message) {
  json_t *o = json_object();
  json_object_set_new(o, "name", cli_json_string(name, strlen(name)));
  json_object_set_new(o, "line", json_integer(at.line));
  json_object_set_new(o, "column", json_integer(at.column));
  json_object_set_new(o, "ok", json_boolean(!message));
  json_object_set_new(o, "seconds", json_real(seconds));
  if (message)
    json_object_set_new(o, "message",
                        cli_json_string(message, strlen(message)));
  cli_json_line(out, o);
  fflush(out);
}

// ---- lines ----------------------------------------------------------------------

typedef struct Span {
  const char *at, *end;
} Span;

static Span next_line(Span *rest) {
  const char *end = memchr(rest->at, '\n', (size_t)(rest->end - rest->at));
  Span line = {rest->at, end ? end : rest->end};
  rest->at = end ? end + 1 : rest->end;
  return line;
}

// The number behind the name of a new variable, $x#12; where there is none, 0.
static uint64_t variable_number(Span *s) {
  uint64_t n = 0;
  if (s->at + 1 >= s->end || *s->at != '#') return 0;
  const char *p = s->at + 1;
  while (p < s->end && *p >= '0' && *p <= '9')
    n = n * 10 + (uint64_t)(*p++ - '0');
  if (n) s->at = p;
  return n;
}

// The numbers of new variables may differ, if each stands for the same one throughout.
static bool same_line(Span a, Span b) {
  enum { MOST = 64 };
  uint64_t of_a[MOST], of_b[MOST];
  unsigned n = 0;
  while (a.at < a.end && b.at < b.end) {
    uint64_t x = variable_number(&a), y = variable_number(&b);
    if (!x != !y) return false;
    if (!x) {
      if (*a.at++ != *b.at++) return false;
      continue;
    }
    unsigned i = 0;
    while (i < n && of_a[i] != x && of_b[i] != y)
      i++;
    if (i < n && (of_a[i] != x || of_b[i] != y)) return false;
    if (i == n && n < MOST) {
      of_a[n] = x;
      of_b[n++] = y;
    }
  }
  return a.at == a.end && b.at == b.end;
}

static void add_span(Buffer *b, const char *label, Span s) {
  enum { SHOWN = 2000 };
  ambi_buffer_puts(b, label);
  size_t len = (size_t)(s.end - s.at);
  ambi_buffer_put(b, s.at, len < SHOWN ? len : SHOWN);
  if (!len || s.end[-1] != '\n') ambi_buffer_puts(b, "\n");
}

// ---- forms ----------------------------------------------------------------------

// As many lines as the form printed are taken from what was recorded.
static bool same_lines(Span got, Span *recorded, Span *taken) {
  bool same = true;
  taken->at = recorded->at;
  while (got.at < got.end) {
    Span line = next_line(&got);
    if (recorded->at == recorded->end) same = false;
    Span want = next_line(recorded);
    same = same && same_line(line, want);
  }
  taken->end = recorded->at;
  return same;
}

void cli_test_compare(const Answers *all, const Buffer *output,
                      const char *recorded, FILE *out) {
  FileText file;
  Position first = {1, 1, 0};
  if (!ambi_file_load(recorded, 0, NULL, &file)) {
    cli_test_point(out, "recorded answers", first, 0, strerror(errno));
    return;
  }
  Span rest = {file.text, file.text + file.len};
  size_t begin = 0;
  for (size_t i = 0; i < all->n; i++) {
    const Answer *a = &all->at[i];
    Span got = {output->text + begin, output->text + a->end}, want;
    Buffer b = {0};
    begin = a->end;
    if (!same_lines(got, &rest, &want)) {
      add_span(&b, "expected:\n", want);
      add_span(&b, "got:\n", got);
    }
    if (a->stopped) ambi_buffer_puts(&b, a->stopped);
    cli_test_point(out, a->name, a->at, a->seconds, b.len ? b.text : NULL);
    ambi_buffer_drop(&b);
  }
  if (rest.at < rest.end || !all->n) {
    Buffer b = {0};
    if (rest.at < rest.end) add_span(&b, "expected:\n", rest);
    cli_test_point(out, "nothing is missing at the end",
                   all->n ? all->at[all->n - 1].at : first, 0,
                   b.len ? b.text : NULL);
    ambi_buffer_drop(&b);
  }
  ambi_file_drop(&file);
}
