// Texts that an editor has open, and how they change.
#include <stdlib.h>
#include <string.h>

#include "cli/diagnostic/json.h"
#include "cli/lost.h"
#include "cli/lsp/lsp.h"

// ---- positions --------------------------------------------------------------

// Bytes of the character at `at`, and how many UTF-16 units it is.
static size_t character(const char *at, size_t len, unsigned *units) {
  unsigned char c = (unsigned char)*at;
  size_t n = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  *units = n == 4 ? 2 : 1;
  return n < len ? n : len;
}

static json_int_t number(const json_t *o, const char *key) {
  json_int_t n = json_integer_value(json_object_get(o, key));
  return n < 0 ? 0 : n;
}

size_t lsp_byte(const char *text, size_t len, const json_t *position) {
  json_int_t line = number(position, "line"),
             units = number(position, "character");
  size_t at = 0;
  for (; line > 0; line--) {
    const char *end = memchr(text + at, '\n', len - at);
    if (!end) return len;
    at = (size_t)(end - text) + 1;
  }
  while (units > 0 && at < len && text[at] != '\n' && text[at] != '\r') {
    unsigned wide;
    at += character(text + at, len - at, &wide);
    units -= wide;
  }
  return at;
}

static json_t *position_of(const char *text, size_t len, size_t byte) {
  json_int_t line = 0, units = 0;
  for (size_t at = 0; at < byte && at < len;) {
    unsigned wide;
    bool ends = text[at] == '\n';
    at += character(text + at, len - at, &wide);
    line += ends;
    units = ends ? 0 : units + wide;
  }
  return json_pack("{s:I,s:I}", "line", line, "character", units);
}

json_t *lsp_range(const char *text, size_t len, size_t begin, size_t end) {
  return json_pack("{s:o,s:o}", "start", position_of(text, len, begin), "end",
                   position_of(text, len, end));
}

// ---- names ------------------------------------------------------------------

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// file:///a%20b -> /a b; another URI stays.
static char *path_of(const char *uri) {
  static const char scheme[] = "file://";
  bool file = strncmp(uri, scheme, sizeof scheme - 1) == 0;
  char *path = strdup(file ? uri + sizeof scheme - 1 : uri), *to = path;
  for (const char *from = path; path && *from; from++) {
    bool coded = file && *from == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0;
    *to++ = coded ? (char)(16 * hex(from[1]) + hex(from[2])) : *from;
    if (coded) from += 2;
  }
  if (path) *to = 0;
  return path;
}

static json_t *uri_of(const char *path) {
  static const char plain[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  Buffer b = {0};
  char *whole = *path == '/' ? NULL : realpath(path, NULL);
  if (whole) path = whole;
  ambi_buffer_puts(&b, "file://");
  for (; *path; path++)
    if (strchr(plain, *path))
      ambi_buffer_put(&b, path, 1);
    else
      ambi_buffer_format(&b, "%%%02X", (unsigned char)*path);
  json_t *uri = b.failed ? NULL : cli_json_string(b.text, b.len);
  if (b.failed) cli_lost();
  ambi_buffer_drop(&b);
  free(whole);
  return uri;
}

json_t *lsp_location(const Document *d, const DiagnosticPlace *at) {
  const DiagnosticText *in = at->in;
  bool own = d->file && in == &d->file->shown;
  return json_pack("{s:o,s:o}", "uri",
                   own ? json_string(d->uri) : uri_of(in->name), "range",
                   lsp_range(in->text, in->len, at->begin, at->end));
}

// ---- life -------------------------------------------------------------------

static void drop_check(Document *d) {
  if (d->checked) check_close(&d->check);
  d->checked = false;
  d->file = NULL;
}

static void drop(Document *d) {
  drop_check(d);
  free(d->uri);
  free(d->path);
  free(d->text);
  free(d);
}

Document *lsp_find(const Documents *all, const char *uri) {
  for (size_t i = 0; uri && i < all->n; i++)
    if (strcmp(all->at[i]->uri, uri) == 0) return all->at[i];
  return NULL;
}

void lsp_close(Documents *all, const char *uri) {
  for (size_t i = 0; i < all->n; i++) {
    if (strcmp(all->at[i]->uri, uri) != 0) continue;
    drop(all->at[i]);
    all->at[i] = all->at[--all->n];
    return;
  }
}

void lsp_close_all(Documents *all) {
  for (size_t i = 0; i < all->n; i++)
    drop(all->at[i]);
  free(all->at);
  *all = (Documents){0};
}

static bool set_text(Document *d, size_t from, size_t to, const char *text,
                     size_t len) {
  size_t whole = d->len - (to - from) + len;
  char *made = malloc(whole + 1);
  if (!made) {
    cli_lost();
    return false;
  }
  if (from) memcpy(made, d->text, from);
  memcpy(made + from, text, len);
  if (to < d->len) memcpy(made + from + len, d->text + to, d->len - to);
  made[whole] = 0;
  drop_check(d);
  free(d->text);
  d->text = made;
  d->len = whole;
  d->told = false;
  return true;
}

Document *lsp_open(Documents *all, const char *uri, const char *text,
                   size_t len) {
  Document *d = lsp_find(all, uri);
  if (d) return set_text(d, 0, d->len, text, len) ? d : NULL;
  if (all->n == all->cap) {
    size_t cap = all->cap ? 2 * all->cap : 8;
    Document **grown = realloc(all->at, cap * sizeof *grown);
    if (!grown) cli_lost();
    if (!grown) return NULL;
    all->at = grown;
    all->cap = cap;
  }
  d = calloc(1, sizeof *d);
  if (!d) cli_lost();
  if (!d) return NULL;
  d->uri = strdup(uri);
  d->path = path_of(uri);
  if (!d->uri || !d->path || !set_text(d, 0, 0, text, len)) {
    drop(d);
    cli_lost();
    return NULL;
  }
  return all->at[all->n++] = d;
}

bool lsp_change(Document *d, const json_t *change) {
  const json_t *text = json_object_get(change, "text");
  const json_t *range = json_object_get(change, "range");
  if (!json_is_string(text)) return false;
  size_t from = 0, to = d->len;
  if (range && !json_is_null(range)) {
    from = lsp_byte(d->text, d->len, json_object_get(range, "start"));
    to = lsp_byte(d->text, d->len, json_object_get(range, "end"));
    if (to < from) return false;
  }
  return set_text(d, from, to, json_string_value(text),
                  json_string_length(text));
}

Check *lsp_check(Document *d) {
  if (d->checked) return &d->check;
  if (!check_open(&d->check, false)) {
    cli_lost();
    return NULL;
  }
  d->checked = true;
  d->file = check_add(&d->check, d->path, d->text, d->len, true);
  if (d->file) check_all(&d->check);
  if (d->file && !d->check.failed) return &d->check;
  drop_check(d);
  cli_lost();
  return NULL;
}
