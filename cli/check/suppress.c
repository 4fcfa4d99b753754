// Comments that ask for silence:
//   ; check: ignore [CODE...]        on the line, or alone on the line before
//   ; check: ignore-file [CODE...]   anywhere
// Without codes all are meant.
#include <string.h>

#include "cli/check/check.h"

typedef struct Request {
  const char *codes;  // the rest of the comment
  size_t len;
  bool whole;     // of the file
  uint32_t line;  // that is meant
} Request;

static bool take(const char **at, const char *end, const char *word) {
  size_t n = strlen(word);
  const char *p = *at;
  while (p < end && (*p == ' ' || *p == '\t' || *p == ';'))
    p++;
  if ((size_t)(end - p) < n || memcmp(p, word, n) != 0) return false;
  if (p + n < end && p[n] != ' ' && p[n] != '\t') return false;
  *at = p + n;
  return true;
}

static bool stands_alone(const CheckFile *f, uint32_t comment) {
  uint32_t at = f->tree.nodes[comment].begin;
  while (at > 0 &&
         (f->tree.text[at - 1] == ' ' || f->tree.text[at - 1] == '\t'))
    at--;
  return at == 0 || f->tree.text[at - 1] == '\n';
}

static bool read_request(const CheckFile *f, uint32_t comment, Request *out) {
  const char *at = check_text(f, comment), *end = at + check_len(f, comment);
  if (!take(&at, end, "check:")) return false;
  bool whole = take(&at, end, "ignore-file");
  if (!whole && !take(&at, end, "ignore")) return false;
  uint32_t line = cli_tree_place(&f->tree, f->tree.nodes[comment].begin).line;
  *out = (Request){at, (size_t)(end - at), whole,
                   line + (stands_alone(f, comment) ? 1 : 0)};
  return true;
}

static bool names(const Request *r, const char *code) {
  bool any = false;
  size_t n = strlen(code);
  for (size_t i = 0; i < r->len; i++) {
    bool blank = r->codes[i] == ' ' || r->codes[i] == '\t' ||
                 r->codes[i] == ',' || r->codes[i] == '\r';
    if (blank) continue;
    any = true;
    if (r->len - i >= n && memcmp(r->codes + i, code, n) == 0) return true;
    while (i < r->len && r->codes[i] != ' ' && r->codes[i] != ',')
      i++;
  }
  return !any;
}

static void suppress(Check *c, const CheckFile *f, const Request *r) {
  size_t kept = 0;
  for (size_t i = 0; i < c->out.n; i++) {
    Diagnostic *d = &c->out.at[i];
    bool here =
        d->at.in == &f->shown &&
        (r->whole ||
         cli_tree_place(&f->tree, (uint32_t)d->at.begin).line == r->line);
    if (here && names(r, d->code))
      cli_diagnostic_drop(d);
    else
      c->out.at[kept++] = *d;
  }
  c->out.n = kept;
}

void check_suppress(Check *c) {
  for (size_t i = 0; i < c->nfiles; i++) {
    const CheckFile *f = c->files[i];
    Request r;
    for (uint32_t n = 1; f->own && n < f->tree.count; n++)
      if (check_kind(f, n) == NODE_COMMENT && read_request(f, n, &r))
        suppress(c, f, &r);
  }
}
