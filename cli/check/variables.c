// Variables that nothing gives a value, though one is needed, and those that are likely to
// be another one misspelt.
#include "cli/check/check.h"

#include <ctype.h>
#include <string.h>

#include "cli/near.h"

// $x1 and $x2, $x and $xs, $acc and $acc': meant to be near each other.
static bool are_meant_near(const Var *a, const Var *b) {
  const Var *longer = a->len >= b->len ? a : b, *other = longer == a ? b : a;
  char last = longer->text[longer->len - 1];
  bool mark = isdigit((unsigned char)last) || last == '\'';
  if (longer->len == other->len)
    return memcmp(a->text, b->text, a->len - 1) == 0 &&
           (mark || isdigit((unsigned char)other->text[other->len - 1]));
  return (mark || last == 's' || last == '+') &&
         memcmp(a->text, b->text, other->len) == 0;
}

static bool is_anonymous(const Var *v) {
  return v->len < 2 || v->text[1] == '_';
}

static const Var *nearest_bound(const Scope *s, const Var *v) {
  Nearest near = cli_nearest(v->text, v->len,
                             v->len < 4 ? 0 : cli_nearest_usual(v->len - 1));
  const Var *best = NULL;
  for (size_t i = 0; i < s->n; i++) {
    const Var *other = &s->vars[i];
    if (other == v || !(other->uses & VAR_BINDS) || are_meant_near(v, other))
      continue;
    const char *before = near.best;
    cli_nearest_try(&near, other->text, other->len);
    if (near.best != before) best = other;
  }
  return best;
}

static void check_unbound(Check *c, const Scope *s, const Var *v) {
  if (v->uses & VAR_BINDS || is_anonymous(v)) return;
  bool only_strict = v->uses == VAR_STRICT;
  const Var *near = v->count == 1 || only_strict ? nearest_bound(s, v) : NULL;
  // In data a variable that occurs once asks for anything.
  if (near && v->uses & VAR_DATA) near = NULL;
  if (near) {
    Diagnostic *d = check_tell(c, s->file, CHECK_MISSPELT, v->first,
                               "nothing binds %.*s", (int)v->len, v->text);
    cli_diagnostic_nearest(d, near->text, near->len);
  } else if (only_strict) {
    check_tell(c, s->file, CHECK_UNBOUND, v->first,
               "%.*s has no value where one is needed", (int)v->len, v->text);
  }
}

void check_variables(Check *c, const Scope *s) {
  for (size_t i = 0; i < s->n; i++) {
    const Var *v = &s->vars[i];
    check_unbound(c, s, v);
    if (v->count == 1 && !is_anonymous(v) && v->uses == VAR_BINDS)
      check_tell(c, s->file, CHECK_ONCE, v->first, "%.*s is used once",
                 (int)v->len, v->text);
  }
}
