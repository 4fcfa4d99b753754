// Taking and leaving twins, and what they tell of symbols.
#include "runtime/spaces/twin.h"

#include "memory/alloc.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal.h"

uint64_t ambi_rules_age(const Space *s) {
  size_t ndeps = ambi_space_ndeps(s);
  uint64_t age = ndeps;
  for (size_t i = 0; i <= ndeps; i++)
    age += ambi_load_acquire(&ambi_space_nth(s, i)->x_ruled);
  return age;
}

// ---- life -------------------------------------------------------------------------

static bool take_deps(Space *twin, const Space *of) {
  bool ok = true;
  for (size_t i = 0, n = ambi_space_ndeps(of); ok && i < n; i++)
    ok = ambi_space_add_dep(twin, ambi_space_dep(of, i));
  return ok;
}

// It has a name, so that it takes no number of those that programs see.
static Space *open_twin(Space *of) {
  Twin *t = ambi_alloc(sizeof *t);
  Space *s = t ? ambi_space_open(of->rt, "twin", false) : NULL;
  if (!s) {
    ambi_free(t, sizeof *t);
    return NULL;
  }
  if (!take_deps(s, of)) {  // it goes as other cells do
    ambi_free(t, sizeof *t);
    return NULL;
  }
  *t = (Twin){.of = of, .next = of->twins};
  s->twin = t;
  of->twins = s;
  ambi_cell_stay(&s->cell);
  return s;
}

static Space *find_free(const Space *of) {
  Space *s = of->twins;
  while (s && s->twin->journal)
    s = s->twin->next;
  return s;
}

Space *ambi_twin_take(struct Journal *j, Space *of) {
  ambi_guard(of->rt);
  Space *s = find_free(of);
  if (!s) s = open_twin(of);
  if (s) {
    s->twin->journal = j;
    s->twin->age = ambi_rules_age(of);
    s->twin->stale = false;
  }
  ambi_unguard(of->rt);
  return s;
}

// Its definitions and units go when nobody evaluates in it, and then it does.
static void let_go(Space *twin) {
  Twin *t = twin->twin;
  Space **at = &t->of->twins;
  while (*at != twin)
    at = &(*at)->twin->next;
  *at = t->next;
  t->of = NULL;
  ambi_store_relaxed(&twin->cell.x_stays, false);
}

void ambi_twin_leave(Space *twin) {
  Twin *t = twin->twin;
  ambi_guard(twin->rt);
  t->journal = NULL;
  if (t->stale || !t->of->is_module) let_go(twin);
  ambi_unguard(twin->rt);
}

void ambi_twin_free(Space *s) {
  if (!s->twin) return;
  if (s->twin->of) let_go(s);
  ambi_free(s->twin, sizeof *s->twin);
}

// ---- what it tells ----------------------------------------------------------------

void ambi_twin_asked(const Space *twin) {
  Twin *t = twin->twin;
  if (t->journal && !t->stale && ambi_rules_age(t->of) != t->age)
    t->stale = true;
}

bool ambi_twin_defines(const Space *twin, size_t i, uint32_t symbol) {
  const Twin *t = twin->twin;
  const Space *s = i == 0 && t->of ? t->of : ambi_space_nth(twin, i);
  ambi_twin_asked(twin);
  return t->journal ? ambi_journal_defines(t->journal, s, symbol)
                    : ambi_space_count_of(s, symbol) > 0;
}

bool ambi_twin_leaves(const Space *twin, const Space *dep) {
  const Twin *t = twin->twin;
  return !t->journal || !ambi_journal_rules(t->journal, dep);
}
