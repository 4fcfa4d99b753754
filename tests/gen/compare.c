// Compares what modes told about a program.
//
// Lines are compared in their order. Names of variables count up to a renaming
// that is one-to-one within an atom, or a line that is no result list: alternatives
// share no variables. Addresses do not count. Who was cut by a limit may have told
// less, but what was told must be the same.
#include <stdio.h>
#include <string.h>

#include "tests/gen/gen.h"

enum { MAX_NAMES = 256, SHOWN = 2000 };

typedef struct Name {
  const char *at;
  size_t len;
} Name;

// A line that is read in step with another one.
typedef struct Line {
  const char *at, *end;
  Name names[MAX_NAMES];  // in order of appearance
  unsigned n;
  int depth;  // of brackets
} Line;

static size_t variable_length(const char *at, const char *end) {
  const char *p = at + 1;
  while (p < end && !strchr(" \t()],", *p))
    p++;
  return (size_t)(p - at);
}

static size_t address_length(const char *at, const char *end) {
  const char *p = at;
  if (end - at < 6 || p[0] != '0' || p[1] != 'x') return 0;
  for (p += 2; p < end && strchr("0123456789abcdef", *p);)
    p++;
  return (size_t)(p - at);
}

// The number of the variable that stands here; moves behind it.
static unsigned take_variable(Line *l) {
  Name name = {l->at, variable_length(l->at, l->end)};
  l->at += name.len;
  unsigned i = 0;
  while (i < l->n && (l->names[i].len != name.len ||
                      memcmp(l->names[i].at, name.at, name.len)))
    i++;
  if (i == l->n && l->n < MAX_NAMES) l->names[l->n++] = name;
  return i;
}

static bool same_step(Line *a, Line *b) {
  if (*a->at == '$' && *b->at == '$')
    return take_variable(a) == take_variable(b);
  size_t m = address_length(a->at, a->end), n = address_length(b->at, b->end);
  if (m && n) {
    a->at += m;
    b->at += n;
    return true;
  }
  int step = *a->at == '(' ? 1 : *a->at == ')' ? -1 : 0;
  a->depth += step;
  if (*a->at == ',' && a->depth == 0) a->n = b->n = 0;
  return *a->at++ == *b->at++;
}

static const char *line_end(const char *at, const char *end) {
  const char *p = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
  return p ? p : end;
}

static bool same_line(Line *a, Line *b) {
  a->n = b->n = 0;
  a->depth = *a->at == '[' ? 0 : 1;
  while (a->at < a->end && b->at < b->end)
    if (!same_step(a, b)) return false;
  return a->at == a->end && b->at == b->end;
}

enum GenVerdict gen_compare(const Told *a, const Told *b) {
  if (a->wrong || b->wrong) return GEN_WRONG;
  static Line one, two;
  const char *p = a->text, *q = b->text;
  const char *pend = p + a->len, *qend = q + b->len;
  while (p < pend && q < qend) {
    one.at = p;
    two.at = q;
    p = one.end = line_end(p, pend);
    q = two.end = line_end(q, qend);
    // a limit may strike while a line is being written
    bool partial = (p == pend && a->cut) || (q == qend && b->cut);
    if (partial) break;
    if (!same_line(&one, &two)) return GEN_DIFFERENT;
    p += p < pend;
    q += q < qend;
  }
  if ((p < pend && !b->cut) || (q < qend && !a->cut)) return GEN_DIFFERENT;
  return a->cut || b->cut ? GEN_CUT : GEN_SAME;
}

static void report_told(Buffer *b, const GenMode *mode, const Told *t) {
  ambi_buffer_puts(b, "---- ");
  ambi_buffer_puts(b, mode->name);
  if (t->cut) ambi_buffer_puts(b, " (cut by a limit)");
  if (t->wrong) {
    ambi_buffer_puts(b, ": ");
    ambi_buffer_puts(b, t->wrong);
  }
  ambi_buffer_puts(b, "\n");
  if (t->len) ambi_buffer_put(b, t->text, t->len < SHOWN ? t->len : SHOWN);
  if (t->len > SHOWN) ambi_buffer_puts(b, " ...\n");
}

enum GenVerdict gen_check(const GenMode *modes, unsigned nmodes,
                          const Program *p, Buffer *report) {
  Buffer text = {0};
  Told told[GEN_MAX_MODES];
  enum GenVerdict worst = GEN_SAME;
  gen_put_program(&text, p);
  for (unsigned i = 0; i < nmodes; i++) {
    gen_run(&modes[i], text.text, text.len, &told[i]);
    enum GenVerdict v = i             ? gen_compare(&told[0], &told[i])
                        : told[0].cut ? GEN_CUT
                                      : GEN_SAME;
    if (v > worst) worst = v;
    if (report && v >= GEN_DIFFERENT) {
      report_told(report, &modes[0], &told[0]);
      report_told(report, &modes[i], &told[i]);
    }
  }
  for (unsigned i = 0; i < nmodes; i++)
    gen_told_drop(&told[i]);
  ambi_buffer_drop(&text);
  return worst;
}
