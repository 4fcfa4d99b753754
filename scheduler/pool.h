// The evaluators: threads that take tasks from queues and run them, slice by slice.
//
// A pool of n is the thread that calls ambi_pool_help, as evaluator 0, and n - 1 threads
// of its own, each started when there is work for it. Every evaluator has a queue for
// each class; a task goes to the end of the queue of the evaluator that started or woke
// it, because what it is about lies in that processor's cache. One that has nothing to
// do steals half of another's queue, one that finds nothing sleeps (scheduler/park.h).
//
// A task that is put into an empty queue wakes nobody: its evaluator takes it after the
// slice that it is in. So two that take turns waking each other stay on one processor.
// If that slice is going to be long, it says so with ambi_pool_offer.
#ifndef AMBIT_SCHEDULER_POOL_H
#define AMBIT_SCHEDULER_POOL_H

#include <semaphore.h>

#include "scheduler/task.h"
#include "scheduler/timer.h"

// What the owner does on each thread that acts as an evaluator. Each may be NULL.
typedef struct PoolUse {
  // Before the first slice; false: there is no memory, and this thread will not do.
  bool (*enter)(Evaluator *self, void *arg);
  void (*leave)(Evaluator *self, void *arg);  // after the last one
  void (*rest)(Evaluator *self,
               void *arg);  // nothing to do: it is about to sleep
  void *arg;
  struct Timeline *timeline;  // of who looks
} PoolUse;

// What one evaluator did. Each is written by it alone, and may be read at any time.
typedef struct PoolCounts {
  uint64_t slices, started, done;
  uint64_t steals, stolen;  // times it took something, tasks taken
  uint64_t parks, wakes;    // times it slept; times it woke somebody
} PoolCounts;

typedef enum HelpEnd {
  HELP_REACHED,  // the condition holds
  HELP_STUCK,  // no task can run, no timer is armed, and nobody outside is expected
  HELP_OUTAGE  // enter() said no
} HelpEnd;

// NULL: memory is out. n >= 1.
Pool *ambi_pool_open(unsigned n, const PoolUse *use);
// Nobody is in ambi_pool_help. Slices that run end, none is begun, no timer fires any
// more, and tasks in queues are forgotten: their owner takes them apart.
void ambi_pool_stop(Pool *p);
// Nobody is in ambi_pool_help. Slices that run end, none is begun. `left` gets each task
// that was in a queue, when all threads are gone; the tasks that rest are not known
// here. Returns how many were started and not done.
uint64_t ambi_pool_close(Pool *p, void (*left)(Task *t, void *arg), void *arg);

// This thread is evaluator 0 until the condition holds; one at a time, not from a slice.
// The condition is looked at before each slice and after ambi_pool_nudge. What is left
// in the queue then goes to the others, or waits for the next call.
HelpEnd ambi_pool_help(Pool *p, bool (*until)(void *arg), void *arg);
// This thread is evaluator 0 for one slice, if it finds one; it waits for nothing.
void ambi_pool_turn(Pool *p);
// Any thread: evaluator 0 looks at its condition.
void ambi_pool_nudge(Pool *p);
// Posted, it does the same, and a signal handler may do that. It is there as long as the
// pool.
sem_t *ambi_pool_bell(Pool *p);
// Somebody outside may wake a task later: nothing is stuck as long as there is one.
void ambi_pool_expect(Pool *p);
void ambi_pool_unexpect(Pool *p);
// No evaluator but 0 has a task or looks for one, and no queue holds any. Asked by
// evaluator 0, between slices or outside ambi_pool_help, it stays true until somebody
// starts or wakes a task.
bool ambi_pool_is_quiet(Pool *p);

// For the slice that runs: what waits behind it is shown to the others, if there is
// anything and anybody. Cheap enough for every poll.
void ambi_pool_offer(Evaluator *self);
// Does anything wait for this evaluator? If not, a slice may as well go on. spare: what
// is spare counts, too.
bool ambi_pool_has_waiting(const Evaluator *self, bool spare);

unsigned ambi_pool_size(const Pool *p);
Timers *ambi_pool_timers(Pool *p);
Evaluator *ambi_pool_evaluator(const Pool *p, unsigned i);
Pool *ambi_evaluator_pool(const Evaluator *self);
unsigned ambi_evaluator_index(const Evaluator *self);  // 0 .. n - 1
// The owner's, for what a thread needs (set by enter).
void **ambi_evaluator_data(Evaluator *self);
// Evaluator i's counts; i == size: those of all other threads.
PoolCounts ambi_pool_counts(Pool *p, unsigned i);
// What evaluator i counted on its own thread: nothing, if it is 0.
const struct Tally *ambi_pool_tally(const Pool *p, unsigned i);

#endif
