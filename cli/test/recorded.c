// What forms print beside what was recorded, form by form.
#include <errno.h>

#include "cli/answers.h"
#include "cli/diagnostic/json.h"
#include "cli/lost.h"
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
    Span line = cli_next_line(&got);
    if (recorded->at == recorded->end) same = false;
    Span want = cli_next_line(recorded);
    same = same && cli_same_line(line, want);
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
    if (b.failed) cli_lost();
    cli_test_point(out, a->name, a->at, a->seconds, b.len ? b.text : NULL);
    ambi_buffer_drop(&b);
  }
  if (rest.at < rest.end || !all->n) {
    Buffer b = {0};
    if (rest.at < rest.end) add_span(&b, "expected:\n", rest);
    if (b.failed) cli_lost();
    cli_test_point(out, "nothing is missing at the end",
                   all->n ? all->at[all->n - 1].at : first, 0,
                   b.len ? b.text : NULL);
    ambi_buffer_drop(&b);
  }
  ambi_file_drop(&file);
}
