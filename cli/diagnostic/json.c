// A diagnostic as one JSON object: {"kind":"diagnostic","severity":"error",...}.
#include "cli/diagnostic/json.h"

#include <stdlib.h>
#include <string.h>

// Bytes of the character at `at`, or 0: there is none that JSON may hold.
static size_t character(const unsigned char *at, size_t len) {
  size_t n = at[0] < 0x80                     ? 1
             : at[0] >= 0xC2 && at[0] < 0xE0  ? 2
             : at[0] >= 0xE0 && at[0] < 0xF0  ? 3
             : at[0] >= 0xF0 && at[0] <= 0xF4 ? 4
                                              : 0;
  if (n == 0 || n > len) return 0;
  for (size_t i = 1; i < n; i++)
    if ((at[i] & 0xC0) != 0x80) return 0;
  bool bad = (at[0] == 0xE0 && at[1] < 0xA0) ||
             (at[0] == 0xED && at[1] >= 0xA0) ||
             (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F);
  return bad ? 0 : n;
}

json_t *cli_json_string(const char *text, size_t len) {
  static const char replacement[] = "\xEF\xBF\xBD";
  json_t *whole = json_stringn(text, len);
  if (whole) return whole;
  size_t cap = 3 * len + 1, n = 0;
  char *clean = malloc(cap);
  if (!clean) return NULL;
  for (size_t i = 0; i < len;) {
    size_t k = character((const unsigned char *)text + i, len - i);
    memcpy(clean + n, k ? text + i : replacement, k ? k : 3);
    n += k ? k : 3;
    i += k ? k : 1;
  }
  whole = json_stringn(clean, n);
  free(clean);
  return whole;
}

static void set_text(json_t *o, const char *key, const char *text) {
  if (text) json_object_set_new(o, key, cli_json_string(text, strlen(text)));
}

static void set_place(json_t *o, const DiagnosticPlace *at) {
  if (!at->in) return;
  size_t end = at->end > at->begin ? at->end : at->begin;
  DiagnosticAt from = cli_diagnostic_at(at->in, at->begin),
               to = cli_diagnostic_at(at->in, end);
  if (end == at->begin) to.column++;
  set_text(o, "file", at->in->name);
  json_object_set_new(o, "line", json_integer(from.line));
  json_object_set_new(o, "column", json_integer(from.column));
  json_object_set_new(o, "end_line", json_integer(to.line));
  json_object_set_new(o, "end_column", json_integer(to.column));
}

static json_t *lines_of(const char *text) {
  json_t *all = json_array();
  while (*text) {
    size_t n = strcspn(text, "\n");
    json_array_append_new(all, cli_json_string(text, n));
    text += n + (text[n] != 0);
  }
  return all;
}

static json_t *notes_of(const Diagnostic *d) {
  json_t *all = json_array();
  for (size_t i = 0; i < d->nnotes; i++) {
    json_t *n = json_object();
    set_text(n, "message", d->notes[i].message);
    set_place(n, &d->notes[i].at);
    json_array_append_new(all, n);
  }
  return all;
}

static json_t *object_of(const Diagnostic *d) {
  json_t *o = json_object();
  set_text(o, "kind", "diagnostic");
  set_text(o, "severity", cli_severity_name(d->severity));
  set_text(o, "code", d->code);
  set_text(o, "message", d->message ? d->message : "out of memory");
  set_place(o, &d->at);
  set_text(o, "expected", d->expected);
  set_text(o, "nearest", d->nearest);
  if (d->stack) json_object_set_new(o, "stack", lines_of(d->stack));
  if (d->nnotes) json_object_set_new(o, "notes", notes_of(d));
  return o;
}

void cli_json_line(FILE *out, json_t *line) {
  if (!line || json_dumpf(line, out, JSON_COMPACT) != 0)
    fputs("{\"kind\":\"diagnostic\",\"severity\":\"error\",\"message\":"
          "\"out of memory\"}",
          out);
  fputc('\n', out);
  json_decref(line);
}

void cli_diagnostic_json(FILE *out, const Diagnostic *d) {
  cli_json_line(out, object_of(d));
}
