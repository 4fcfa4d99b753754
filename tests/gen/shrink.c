// Makes a program smaller as long as something about it stays true.
//
// Two kinds of steps until neither helps: forms are taken away, many at once first;
// and inside a form each term is replaced by something smaller: nothing, a small
// atom, one of its own parts.
#include <string.h>

#include "tests/gen/gen.h"

typedef struct Shrink {
  Arena *arena;
  GenTry *still;
  void *arg;
  unsigned budget, tries;
  Program *best;
  Program trial;
} Shrink;

// Takes the trial if what is wanted still holds for it.
static bool keep_if_still(Shrink *s) {
  if (s->tries >= s->budget || s->trial.n == 0) return false;
  s->tries++;
  if (!s->still(s->arg, &s->trial)) return false;
  *s->best = s->trial;
  return true;
}

// ---- forms ------------------------------------------------------------------------------

static bool drop_forms(Shrink *s, unsigned from, unsigned n) {
  const Program *p = s->best;
  s->trial.n = 0;
  for (unsigned i = 0; i < p->n; i++)
    if (i < from || i >= from + n) s->trial.form[s->trial.n++] = p->form[i];
  return keep_if_still(s);
}

static bool take_forms_away(Shrink *s) {
  bool any = false;
  for (unsigned n = s->best->n / 2; n > 0; n /= 2)
    for (unsigned end = s->best->n; end >= n;) {
      bool gone = drop_forms(s, end - n, n);
      any |= gone;
      if (gone && end > s->best->n) end = s->best->n;
      if (!gone) end--;
    }
  return any;
}

// ---- terms ------------------------------------------------------------------------------

static bool put_term(Shrink *s, unsigned form, uint32_t at, const Node *by) {
  const Node *whole = s->best->form[form].atom;
  const Node *less = gen_replace(s->arena, whole, at, by);
  if (!less) return false;
  s->trial = *s->best;
  s->trial.form[form].atom = less;
  return keep_if_still(s);
}

static const char *const small[] = {"a", "1", "()"};
enum { SMALL = sizeof small / sizeof *small };

// Is the small atom a step down? Any is from an expression; from a word, one that
// stands before it in the list.
static bool is_less(const Node *n, unsigned k) {
  if (n->nodes > 1) return true;
  unsigned rank = 0;
  while (rank < SMALL && !gen_is_word(n, small[rank]))
    rank++;
  if (!n->word) return strcmp(small[k], "()") != 0;
  return k < rank && strcmp(small[k], "()") != 0 &&
         strlen(n->word) >= strlen(small[k]);
}

// One step down for the term at this place.
static bool step_down(Shrink *s, unsigned form, uint32_t at) {
  const Node *n = gen_subterm(s->best->form[form].atom, at);
  if (at > 0 && put_term(s, form, at, NULL)) return true;
  for (unsigned k = 0; k < SMALL; k++) {
    if (!is_less(n, k)) continue;
    const Node *by = strcmp(small[k], "()")
                         ? gen_word(s->arena, small[k], strlen(small[k]))
                         : gen_expr(s->arena, NULL, 0);
    if (put_term(s, form, at, by)) return true;
  }
  for (unsigned i = 0; i < n->n; i++)
    if (put_term(s, form, at, n->kid[i])) return true;
  return false;
}

// Halves of a deep chain of one child first: level by level takes too long.
static bool cut_chain(Shrink *s, unsigned form, uint32_t at) {
  const Node *n = gen_subterm(s->best->form[form].atom, at);
  for (uint32_t skip = n->nodes / 2; skip > 8; skip /= 2)
    if (put_term(s, form, at, gen_subterm(n, skip))) return true;
  return false;
}

static bool make_terms_smaller(Shrink *s) {
  bool any = false;
  for (unsigned f = 0; f < s->best->n; f++)
    for (uint32_t at = 0; at < s->best->form[f].atom->nodes;) {
      bool less = step_down(s, f, at) || cut_chain(s, f, at);
      any |= less;
      if (!less) at++;
    }
  return any;
}

unsigned gen_shrink(Arena *a, Program *p, GenTry *still, void *arg,
                    unsigned budget) {
  Shrink s = {
      .arena = a, .still = still, .arg = arg, .budget = budget, .best = p};
  bool smaller = true;
  while (smaller && s.tries < s.budget) {
    smaller = take_forms_away(&s);
    smaller |= make_terms_smaller(&s);
  }
  return s.tries;
}
