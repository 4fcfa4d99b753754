// Sums of what evaluators counted.
#include "scheduler/evaluators.h"

#include "scheduler/actor.h"
#include "scheduler/crew_data.h"

enum { MOST_POOLS = 2 };

// The crew's, and that of the actors where they have one.
static unsigned pools_of(const Runtime *rt, Pool *out[MOST_POOLS]) {
  const CrewMates *crew = ambi_crew_of(rt);
  const Actors *actors = rt->actors;
  unsigned n = 0;
  if (crew) out[n++] = crew->pool;
  if (actors && actors->pool && (!crew || actors->pool != crew->pool))
    out[n++] = actors->pool;
  return n;
}

unsigned ambi_evaluators_count(const Runtime *rt) {
  Pool *pools[MOST_POOLS];
  unsigned n = 1;
  for (unsigned i = pools_of(rt, pools); i-- > 0;)
    if (ambi_pool_size(pools[i]) > n) n = ambi_pool_size(pools[i]);
  return n;
}

static void add(EvaluatorSum *sum, int which, uint64_t more) {
  if (which != TALLY_LONGEST)
    sum->at[which] += more;
  else if (sum->at[which] < more)
    sum->at[which] = more;
}

static void add_tally(EvaluatorSum *sum, const Tally *t) {
  for (int k = 0; k < TALLY_COUNT; k++)
    add(sum, k, ambi_load_relaxed(&t->at[k]));
}

static void add_pool(PoolCounts *sum, const PoolCounts *more) {
#define X(name, key, text) sum->name += more->name;
  POOL_COUNTS(X)
#undef X
}

EvaluatorSum ambi_evaluators_sum(const Runtime *rt, unsigned i) {
  EvaluatorSum sum = {0};
  Pool *pools[MOST_POOLS];
  if (i == 0) add_tally(&sum, &rt->tally);
  for (unsigned p = pools_of(rt, pools); p-- > 0;) {
    if (i >= ambi_pool_size(pools[p])) continue;
    PoolCounts counts = ambi_pool_counts(pools[p], i);
    add_tally(&sum, ambi_pool_tally(pools[p], i));
    add_pool(&sum.pool, &counts);
  }
  return sum;
}

EvaluatorSum ambi_evaluators_total(const EvaluatorSum *of, unsigned n) {
  EvaluatorSum sum = {0};
  for (unsigned i = 0; i < n; i++) {
    for (int k = 0; k < TALLY_COUNT; k++)
      add(&sum, k, of[i].at[k]);
    add_pool(&sum.pool, &of[i].pool);
  }
  return sum;
}
