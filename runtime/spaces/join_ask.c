// Goals whose facts may be in several relations: they ask the space, each time.
//
// What the space gives is laid behind what it gave before, in an array that is to the goal
// what its relation is to another one: a candidate's place there stands for it in
// solutions. It is kept as long as a solution may refer to it.
//
// The library's own names are found by who asks for them by name (query.c). What a goal
// asks for depends on the order then, so where goals run in another one all are
// candidates, and a solution with such a record is looked at again when it is settled.
#include "runtime/spaces/join_run.h"

bool ambi_join_bind_slots(Run *r, const JoinGoal *g) {
  uint32_t left = g->known;
  for (unsigned i = 0; left; i++, left >>= 1)
    if ((left & 1) && !ambi_unify(r->cx, r->j->vars->at[i], r->slot[i]))
      return false;
  return true;
}

// Without what no solution can refer to.
static void drop_answer(const Run *r, Level *l) {
  if (r->j->reordered && l->solutions_then != r->nsolutions) {
    l->since = l->asked.n;
    return;
  }
  l->asked.n = l->since;
  if (r->j->reordered) l->ranks.n = l->since;
}

static bool ask(Run *r, Level *l) {
  const Join *j = r->j;
  bool ok = ambi_views_query(r->cx, j->space, j->views, l->g->pattern,
                             &l->asked, j->reordered ? &l->ranks : NULL);
  if (!ok || l->asked.n < UINT32_MAX) return ok;
  r->cx->stop = STOP_MEMORY;
  return false;
}

void ambi_join_ask(Run *r, Level *l) {
  Context *cx = r->cx;
  size_t mark = cx->tr;
  drop_answer(r, l);
  l->solutions_then = r->nsolutions;
  bool ok = (l->unified || ambi_join_bind_slots(r, l->g)) && ask(r, l);
  ambi_trail_undo(cx, mark);
  size_t n = ok ? l->asked.n - l->since : 0;
  l->c = (Candidates){
      .of = {.hits = {.from = (uint32_t)l->since, .n = (uint32_t)n}}};
  l->g->at = l->asked.at;
  r->rank[l->g->written] = l->ranks.at;
}

// ---- library names ------------------------------------------------------------------
static const Space *space_of(const Run *r, Rank rank) {
  return ambi_space_nth(r->j->space, (size_t)(rank >> 32));
}

bool ambi_join_may_be_unasked(const Run *r, const Level *l, uint32_t pos) {
  if (!r->j->reordered) return false;
  Rank rank = l->ranks.at[pos];
  return rank >> 32 &&
         ambi_is_unasked(space_of(r, rank), AMB_NONE, l->g->at[pos]);
}

bool ambi_join_is_unasked(const Run *r, const JoinGoal *g, uint32_t pos) {
  if (!g->asks) return false;
  Rank rank = r->rank[g->written][pos];
  return rank >> 32 &&
         ambi_is_unasked(space_of(r, rank), g->pattern, g->at[pos]);
}
