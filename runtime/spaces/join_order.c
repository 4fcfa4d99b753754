// Solutions of a plan as the written conjunction has them: in its order, with its values.
//
// A solution is a fact for each goal. Their positions, goal by goal as written, give the
// order. Where variables were unified, which of them stands for which is that of the
// written order, too: the facts are unified with their patterns once more; and so are
// those that may not be found in that order.
#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/spaces/join_run.h"

static bool out_of_memory(Run *r) {
  r->cx->stop = STOP_MEMORY;
  return false;
}

// ---- values -----------------------------------------------------------------------
// *found: it is a solution. False: cx->stop is set, or memory is out.
static bool unify_written(Run *r, const JoinGoal *const *goals,
                          const uint32_t *places, bool *found) {
  *found = false;
  for (unsigned i = 0; i < r->j->ngoals; i++) {
    if (ambi_join_is_unasked(r, goals[i], places[i])) return true;
    if (!ambi_record_unify(r->cx, goals[i]->at[places[i]], goals[i]->pattern))
      return false;
  }
  *found = true;
  return true;
}

static Value *values_at(const Run *r, size_t solution) {
  return r->values->at + r->from + solution * r->j->vars->n;
}

// They stay AMB_NONE where it is no solution. False: cx->stop is set.
static bool value_of(Run *r, const JoinGoal *const *goals, size_t solution) {
  const ValueVec *vars = r->j->vars;
  Value *at = values_at(r, solution);
  size_t mark = r->cx->tr;
  if (!ambi_is_none(at[0])) return true;
  bool found,
      ok = unify_written(r, goals, r->places + solution * r->j->ngoals, &found);
  for (size_t i = 0; ok && found && i < vars->n; i++) {
    at[i] = ambi_resolve(r->cx, vars->at[i]);
    ok = !ambi_is_none(at[i]);
  }
  ambi_trail_undo(r->cx, mark);
  return ok || r->cx->stop || out_of_memory(r);
}

static void move_solution(Run *r, size_t from, size_t to) {
  size_t n = r->j->ngoals;
  if (from == to) return;
  memcpy(values_at(r, to), values_at(r, from), r->j->vars->n * sizeof(Value));
  memcpy(r->places + to * n, r->places + from * n, n * sizeof *r->places);
}

static bool find_values(Run *r) {
  size_t kept = 0;
  const JoinGoal *goals[JOIN_GOALS];
  if (r->j->vars->n == 0) return true;
  for (unsigned i = 0; i < r->j->ngoals; i++)
    goals[r->j->goals[i].written] = &r->j->goals[i];
  for (size_t i = 0; i < r->nsolutions; i++) {
    if (!value_of(r, goals, i) || r->cx->stop ||
        (i % AMB_POLL_STEPS == AMB_POLL_STEPS - 1 && !ambi_limits_poll(r->cx)))
      return false;
    if (!ambi_is_none(*values_at(r, i))) move_solution(r, i, kept++);
  }
  r->nsolutions = kept;
  r->values->n = r->from + kept * r->j->vars->n;
  return true;
}

// ---- the order ----------------------------------------------------------------------
static Rank rank_of(const Run *r, unsigned goal, uint32_t place) {
  return r->rank[goal] ? r->rank[goal][place] : place;
}

static bool comes_after(const Run *r, uint32_t a, uint32_t b) {
  unsigned n = r->j->ngoals;
  const uint32_t *x = r->places + (size_t)a * n, *y = r->places + (size_t)b * n;
  for (unsigned i = 0; i < n; i++) {
    Rank first = rank_of(r, i, x[i]), other = rank_of(r, i, y[i]);
    if (first != other) return first > other;
  }
  return false;
}

// Sorts runs of length 1, 2, 4, .. into one another; the result is in one of the two.
static uint32_t *merge_sort(const Run *r, uint32_t *from, uint32_t *to,
                            size_t n) {
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t lo = 0; lo < n; lo += 2 * width) {
      size_t mid = lo + width < n ? lo + width : n;
      size_t hi = lo + 2 * width < n ? lo + 2 * width : n;
      size_t a = lo, b = mid;
      for (size_t i = lo; i < hi; i++)
        to[i] = b == hi || (a < mid && !comes_after(r, from[a], from[b]))
                    ? from[a++]
                    : from[b++];
    }
    uint32_t *t = from;
    from = to;
    to = t;
  }
  return from;
}

static bool sort_solutions(Run *r) {
  size_t n = r->nsolutions, width = r->j->vars->n;
  if (n < 2 || width == 0) return true;
  size_t bytes = n * width * sizeof(Value);
  uint32_t *order = n < UINT32_MAX ? ambi_alloc(2 * n * sizeof *order) : NULL;
  Value *copy = order ? ambi_alloc(bytes) : NULL;
  if (copy) {
    for (uint32_t i = 0; i < n; i++)
      order[i] = i;
    const uint32_t *sorted = merge_sort(r, order, order + n, n);
    Value *at = r->values->at + r->from;
    memcpy(copy, at, bytes);
    for (size_t i = 0; i < n; i++)
      memcpy(at + i * width, copy + sorted[i] * width, width * sizeof *at);
  }
  bool ok = copy != NULL;
  ambi_free(copy, bytes);
  ambi_free(order, 2 * n * sizeof *order);
  return ok || out_of_memory(r);
}

bool ambi_join_settle(Run *r) {
  return (!r->unvalued || find_values(r)) && sort_solutions(r);
}
