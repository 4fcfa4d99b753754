// What a pool keeps for each thread that runs tasks, for pool.c and task.c alone.
#ifndef AMBIT_SCHEDULER_EVALUATOR_H
#define AMBIT_SCHEDULER_EVALUATOR_H

#include "memory/tally.h"
#include "scheduler/park.h"
#include "scheduler/pool.h"

typedef struct EvaluatorCounts {  // [evaluator>all]
  AMB_ATOMIC(uint64_t) x_slices, x_started, x_done;
  AMB_ATOMIC(uint64_t) x_steals, x_stolen, x_parks, x_wakes;
} EvaluatorCounts;

// One writer: no more than a load and a store.
static inline void ambi_count(AMB_ATOMIC(uint64_t) * x_count, uint64_t more) {
  ambi_store_relaxed(x_count, ambi_load_relaxed(x_count) + more);
}

struct Evaluator {
  Pool *pool;                     // [init]
  Lot *lot;                       // [init] the pool's
  unsigned index;                 // [init]
  uint32_t turn;                  // [evaluator] how often it took something
  uint64_t random;                // [evaluator] whom it steals from first
  void *data;                     // [evaluator] of the owner of the pool
  Sleeper sleeper;                // [lock] the lot's
  EvaluatorCounts counts;         // [evaluator>all]
  Tally tally;                    // [evaluator>all] of a thread of the pool's
  RunQueue queues[TASK_CLASSES];  // [evaluator], and thieves
  uint64_t seen[];  // [evaluator] slices of the others when a search began
};

static inline bool ambi_evaluator_has(const Evaluator *e, TaskClass class) {
  return !ambi_run_queue_is_empty(&e->queues[class]);
}
// Any that are not spare?
static inline bool ambi_evaluator_is_busy(const Evaluator *e) {
  return ambi_evaluator_has(e, TASK_INTERACTIVE) ||
         ambi_evaluator_has(e, TASK_BATCH);
}
static inline bool ambi_evaluator_has_tasks(const Evaluator *e) {
  return ambi_evaluator_is_busy(e) || ambi_evaluator_has(e, TASK_SPARE);
}

// One slice of a task that was taken from a queue, and what comes of it.
void ambi_task_slice(Task *t, Evaluator *self);

// The task goes where any evaluator finds it. is_new: it is started by that.
void ambi_pool_inject(Task *t, bool is_new);

#endif
