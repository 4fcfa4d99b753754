// What each evaluator of a Runtime did so far: what its thread counted, and the pools it
// worked for.
#ifndef AMBIT_SCHEDULER_EVALUATORS_H
#define AMBIT_SCHEDULER_EVALUATORS_H

#include "memory/tally.h"
#include "runtime/runtime.h"
#include "scheduler/pool.h"

// X(name, key, text): of PoolCounts, for those who show them.
#define POOL_COUNTS(X)                            \
  X(slices, "slices", "slices of tasks")          \
  X(done, "tasks", "tasks ended")                 \
  X(steals, "steals", "times it stole")           \
  X(stolen, "stolen", "tasks stolen")             \
  X(parks, "parks", "times it had nothing to do") \
  X(wakes, "wakes", "times it woke another")

typedef struct EvaluatorSum {
  uint64_t at[TALLY_COUNT];
  PoolCounts pool;
} EvaluatorSum;

// Until the pools are closed: the number of evaluators, 1 at least.
unsigned ambi_evaluators_count(const Runtime *rt);
// The owner's thread is evaluator 0. What runs may count on meanwhile.
EvaluatorSum ambi_evaluators_sum(const Runtime *rt, unsigned i);
// All of them together: sums, and the longest.
EvaluatorSum ambi_evaluators_total(const EvaluatorSum *of, unsigned n);

#endif
