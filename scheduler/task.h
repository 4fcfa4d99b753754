// What evaluators run: a computation that is cut into slices.
//
// A Task is the first field of something larger. Its `run` does one slice on whichever
// evaluator has taken it, and says what comes next: AGAIN, to the end of the queue; WAIT,
// until somebody wakes it; DONE, and then nobody but its owner touches it any more (the
// slice may have freed it). At most one evaluator runs it at a time, and what a slice
// did is seen by the next one.
//
// A wake is never lost. Whoever has news for a task (a message, an answer, a time that
// has come) first puts them where the task looks, then wakes it. A task that waits goes
// into a queue; one that is in a queue looks in its next slice; one that runs and says
// WAIT is queued again at once. So a slice that was woken for nothing, because it saw
// the news earlier, is usual, and says WAIT again.
//
// PROTOCOL task-state
//   what      Task.x_state, and with it everything the task's slices touch
//   writer    the evaluator that runs the task; whoever wakes it
//   readers   the same
//   publish   news come before the wake's compare-exchange (release), whatever it finds;
//             a slice ends before BUSY becomes RESTING, or before it goes into a queue
//   observe   a slice begins with an acquire load; if that is NEWS, an exchange of BUSY
//             follows. Then it looks for news
//   why safe  every wake writes, if only NEWS over NEWS, so wakes and the changes of the
//             slice have an order. Who makes RESTING into BUSY puts the task into a
//             queue, nobody else does: it is never in two, nor in one while it runs, and
//             the queue carries its news. A wake that finds BUSY leaves NEWS: either the
//             beginning slice finds that, or BUSY does not become RESTING at its end and
//             the task is queued. One that finds NEWS is before the slice's exchange,
//             which acquires it, or finds BUSY
//   waits     nobody
//   lifetime  who wakes a task holds something that keeps it from being freed until the
//             call is over. After DONE the scheduler does not touch it
//   weaker?   a wake that only looks, and leaves alone what is NEWS, is rejected: the
//             slice that is about to begin need not see what it brought
//   test      tests/unit/task_model_test.c, tests/unit/pool_test.c, also under tsan;
//             tests/unit/schedules/
#ifndef AMBIT_SCHEDULER_TASK_H
#define AMBIT_SCHEDULER_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/atomic.h"

typedef struct Task Task;
typedef struct Evaluator Evaluator;
typedef struct Pool Pool;

typedef enum TaskNext { TASK_AGAIN, TASK_WAIT, TASK_DONE } TaskNext;
// Interactive tasks go first; of each eight slices one is for the batch. What is spare is
// there for whoever has nothing else to do, but for one slice of many.
typedef enum TaskClass {
  TASK_INTERACTIVE,
  TASK_BATCH,
  TASK_SPARE,
  TASK_CLASSES
} TaskClass;

enum TaskState {
  TASK_RESTING,  // in no queue, until somebody wakes it
  TASK_BUSY,     // it runs or is in a queue
  TASK_NEWS      // likewise, and was woken since
};

struct Task {
  Task *next, *ahead;  // of whoever holds it in a list
  const void *hint;    // what its next slice looks at first
  TaskNext (*run)(Task *t, Evaluator *self);  // [init]
  Pool *pool;                                 // [init]
  AMB_ATOMIC(uint32_t) x_state;               // [all] enum TaskState
  uint32_t of_class;  // TaskClass; a slice may change its own task's
};

// It will be looked at soon, if there is one: it comes into the cache, with what stands
// behind it.
static inline void ambi_task_fetch(const Task *t) {
  enum { LINE = 64 };
  for (uintptr_t line = 0; line < 3; line++)
    __builtin_prefetch((const void *)((uintptr_t)t + line * LINE));
}

void ambi_task_init(Task *t, Pool *pool, TaskClass class,
                    TaskNext (*run)(Task *t, Evaluator *self));
// It may run from now on; one that is done may be started again, even while somebody
// still wakes it who had reason to before. `self` is the evaluator that this thread is acting as, NULL
// on any other thread.
void ambi_task_start(Task *t, Evaluator *self);
// Any thread; `self` as above. The task was started and is not done, or something of
// the caller's own keeps its memory.
void ambi_task_wake(Task *t, Evaluator *self);

#endif
