// Compares what modes told about a program.
//
// Lines are compared in their order. Names of variables, and what tells unnamed spaces
// apart, count up to a renaming that is one-to-one within an atom, or a line that is no
// result list: alternatives share no variables. A string has a renaming of its own, since
// its numbers were given when it was made. Who was cut by a limit may have told less, but
// what was told must be the same.
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
  Name
      names[MAX_NAMES];  // in order of appearance, those of a string at the end
  unsigned n;
  unsigned outside;  // in a string: the n of what it stands in
  int depth;         // of brackets
  bool string;
} Line;

static size_t variable_length(const Line *l) {
  const char *p = l->at + 1, *ends = l->string ? " \t()],\"\\" : " \t()],";
  while (p < l->end && !strchr(ends, *p))
    p++;
  return (size_t)(p - l->at);
}

// The number of the variable that stands here; moves behind it.
static unsigned take_variable(Line *l) {
  Name name = {l->at, variable_length(l)};
  l->at += name.len;
  unsigned i = l->string ? l->outside : 0;
  while (i < l->n && (l->names[i].len != name.len ||
                      memcmp(l->names[i].at, name.at, name.len)))
    i++;
  if (i == l->n && l->n < MAX_NAMES) l->names[l->n++] = name;
  return i;
}

// Strings of the same text, names of variables aside, begin and end together.
static void quote(Line *l) {
  l->string = !l->string;
  if (l->string)
    l->outside = l->n;
  else
    l->n = l->outside;
}

// A variable, or what tells an unnamed space or a handle apart.
static bool at_name(const Line *l) {
  return *l->at == '$' || (l->end - l->at > 3 && !memcmp(l->at, "-0x", 3));
}

static bool same_step(Line *a, Line *b) {
  if (at_name(a) && at_name(b)) return take_variable(a) == take_variable(b);
  if (*a->at != *b->at) return false;
  if (*a->at == '"') {
    quote(a);
    quote(b);
  } else if (!a->string) {
    a->depth += *a->at == '(' ? 1 : *a->at == ')' ? -1 : 0;
    if (*a->at == ',' && a->depth == 0) a->n = b->n = 0;
  } else if (*a->at == '\\' && a->at + 1 < a->end && b->at + 1 < b->end) {
    a->at++;  // what is escaped ends no string
    b->at++;
    return *a->at++ == *b->at++;
  }
  a->at++;
  b->at++;
  return true;
}

static const char *line_end(const char *at, const char *end) {
  const char *p = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
  return p ? p : end;
}

static bool same_line(Line *a, Line *b) {
  a->n = b->n = 0;
  a->string = b->string = false;
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
