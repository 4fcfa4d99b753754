// Evaluators without work: who searches, who sleeps, who is woken, and the tasks that
// come from outside.
//
// All of it stands under one lock, which is taken when an evaluator runs out of work,
// and when a thread that is none brings some: not when there is work. So each step of
// the protocol sees the whole, and "nobody can go on" is a fact, not a guess.
//
// At most one evaluator searches at a time; others that find nothing sleep at once. New
// work wakes one that sleeps, or starts another thread, if nobody searches. Who is woken
// searches, and when it has found something it gives up the search, which wakes the next
// one if there is more. So n sleepers are woken one after the other, each by one that
// had reason to.
//
// PROTOCOL park
//   what      Lot: injected tasks, sleepers, the right to search
//   writer    everybody, under the lock; fields named x_ are
//             read without it, where it may be missed
//   publish   a task is injected, and a sleeper chosen for it, in one locked step; who
//             was chosen is no sleeper any more, and gets one post of its semaphore
//   observe   an evaluator looks at what was injected and becomes a sleeper, or gives up
//             the search, in one locked step
//   why safe  what is injected before that step is seen by it; what comes after it finds
//             the sleeper, or that nobody searches. Each sleeper is chosen once and
//             posted once, then waits no more. Who wakes and is still a sleeper was
//             interrupted, leaves the sleepers and looks; a post that comes later makes
//             it look once more. What stands in an evaluator's own queue
//             needs nobody's wake: that evaluator is awake
//   waits     the lock, for some tens of instructions; a sleeper
//   lifetime  semaphores are there until all threads have ended
//   weaker?   work in an evaluator's queue is offered by loads without the lock. That
//             may miss one that is just going to sleep: until the next offer, at the end
//             of the slice at the latest, it is the evaluator's own to do
//   test      tests/unit/park_model_test.c, tests/unit/pool_test.c, also under tsan;
//             tests/unit/schedules/
#ifndef AMBIT_SCHEDULER_PARK_H
#define AMBIT_SCHEDULER_PARK_H

#include <pthread.h>
#include <semaphore.h>

#include "scheduler/run_queue.h"

typedef struct Sleeper {
  struct Sleeper *next;  // [lock]
  bool asleep;           // [lock] among the sleepers
  bool searching;        // [lock] the right to search is its own
  sem_t wake;            // [init]
} Sleeper;

// What the lot asks of its pool.
typedef struct LotUse {
  void (*start)(
      void *arg);  // a thread; it is the searching one. Without the lock
  bool (*is_awaited)(void *arg);  // may a timer bring tasks? Under the lock
  void *arg;
} LotUse;

typedef struct Lot {
  pthread_mutex_t lock;              // [init]
  LotUse use;                        // [init]
  TaskList injected[TASK_CLASSES];   // [lock]
  AMB_ATOMIC(uint64_t) x_injected;   // [lock>all] tasks there
  Sleeper *sleepers;                 // [lock]
  AMB_ATOMIC(uint32_t) x_sleeping;   // [lock>all]
  AMB_ATOMIC(uint32_t) x_startable;  // [lock>all] threads that could be started
  AMB_ATOMIC(bool) x_searching;      // [lock>all]
  AMB_ATOMIC(bool)
  x_nudged;  // [lock>all] the helper is to look at its condition
  AMB_ATOMIC(bool) x_closing;  // [lock>all]
  Sleeper *helper;             // [lock] the thread in ambi_pool_help, or NULL
  uint32_t acting;    // [lock] evaluators, asleep and starting ones too
  uint64_t expected;  // [lock] somebody outside may bring tasks
  uint64_t started;   // [lock] tasks that came from outside at first
  Pace walked;        // [lock]
} Lot;

typedef enum LotRest {
  LOT_LOOK,    // something may be there
  LOT_SEARCH,  // it may search now
  LOT_STUCK    // it is the helper, and nobody can go on
} LotRest;

void ambi_lot_open(Lot *l, uint32_t startable, const LotUse *use);
void ambi_lot_close(Lot *l);

// The helper comes and goes; other threads are counted when their start is decided.
void ambi_lot_join(Lot *l, Sleeper *s);
// It gives up the search; `tasks` are injected.
void ambi_lot_part(Lot *l, Sleeper *s, const TaskList tasks[TASK_CLASSES]);
// There is no such thread after all, nor will there be others.
void ambi_lot_start_failed(Lot *l);

// Those that may wake somebody answer whether they did.
//
// Any thread. is_new: to be counted as started.
bool ambi_lot_inject(Lot *l, Task *t, bool is_new);
// There is more in an evaluator's queue than it can do at once.
bool ambi_lot_offer(Lot *l);
static inline bool ambi_lot_wants(const Lot *l) {
  return !ambi_load_relaxed(&l->x_searching) &&
         (ambi_load_relaxed(&l->x_sleeping) > 0 ||
          ambi_load_relaxed(&l->x_startable) > 0);
}
// A share of what was injected goes to s's queues; so it has found something.
bool ambi_lot_take(Lot *l, Sleeper *s, RunQueue queues[TASK_CLASSES]);
// One of the tasks that are injected and that nobody is going to run; NULL: there is none.
Task *ambi_lot_take_left(Lot *l);
// It gives up the search, if it had it.
bool ambi_lot_found(Lot *l, Sleeper *s);
// s has found nothing; sleeps until that may have changed, where no other answer is due.
LotRest ambi_lot_rest(Lot *l, Sleeper *s);

bool ambi_lot_nudge(Lot *l);
void ambi_lot_expect(Lot *l, bool more);
// Nobody but the helper has anything to do, and nothing is injected.
bool ambi_lot_is_quiet(Lot *l);
uint64_t ambi_lot_started(Lot *l);
bool ambi_lot_is_valid(Lot *l, const char **why);
// Everybody wakes up to end.
void ambi_lot_end(Lot *l);

#endif
