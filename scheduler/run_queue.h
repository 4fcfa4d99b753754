// Tasks that can run, first in, first out: one evaluator puts and takes, all others may
// steal half of it.
//
// A ring of places, and behind it a list for what came when the ring was full. The list
// is the owner's alone; at each take it moves some of it up. So there is no limit, no
// memory is asked for, and order is kept; thieves see the ring only, which is plenty.
//
// PROTOCOL run-queue
//   what      RunQueue.x_places[i % RUN_PLACES] for x_head <= i < x_tail, and the tasks
//             that stand there
//   writer    places and x_tail: the owner. x_head: who takes, by compare-exchange
//   readers   thieves, places between a head and a tail that they have loaded
//   publish   a place is stored before x_tail grows past it (release)
//   observe   x_tail is loaded (acquire) before places; they count as read only when
//             x_head could be moved over them
//   why safe  the owner writes a place again only when it saw x_head beyond it (acquire).
//             So whoever read a place that had been written again finds x_head moved,
//             and its compare-exchange fails: x_head only grows, in 64 bits. Who moves
//             x_head from h to h + n is the only one who got those n
//   waits     nobody. Who loses against another thief tries again, as often as that may
//             happen while somebody else succeeds
//   lifetime  the queue lives as long as the pool; a stolen task is in the thief's ring
//             before the thief's x_tail shows it
//   weaker?   a plain store of x_head by the owner is rejected: a thief could take the
//             same place
//   test      tests/unit/run_queue_test.c, also under tsan; tests/unit/schedules/
#ifndef AMBIT_SCHEDULER_RUN_QUEUE_H
#define AMBIT_SCHEDULER_RUN_QUEUE_H

#include <stddef.h>

#include "memory/stress.h"
#include "scheduler/task.h"

#ifndef RUN_PLACES
#define RUN_PLACES 256  // fewer in a test
#endif
enum { CACHE_LINE = 64 };

// Tasks one behind the other, of whoever holds the list. Each knows one some places further
// on, which is fetched from memory when this one is taken: a long list does not wait for
// each of its tasks.
enum { TASKS_AHEAD = 8 };
typedef struct TaskList {
  Task *first, *last;
  uint64_t n;
  Task *newest[TASKS_AHEAD];  // by turns
  unsigned turn;
} TaskList;

static inline void ambi_tasks_append(TaskList *l, Task *t) {
  Task **turn = &l->newest[l->turn++ % TASKS_AHEAD];
  if (l->n >= TASKS_AHEAD) (*turn)->ahead = t;  // which is still in the list
  *turn = t;
  t->next = t->ahead = NULL;
  if (l->n++ == 0)
    l->first = t;
  else
    l->last->next = t;
  l->last = t;
}
bool ambi_tasks_is_valid(const TaskList *l, const char **why);
// NULL: there is none.
static inline Task *ambi_tasks_take(TaskList *l) {
  Task *t = l->first;
  if (!t) return NULL;
  ambi_task_fetch(t->ahead);
  __builtin_prefetch(t->hint);
  l->first = t->next;
  l->n--;
  return t;
}

typedef struct RunQueue {
  AMB_ATOMIC(uint64_t) x_head;  // [all] the next to be taken
  char gap0[CACHE_LINE];
  AMB_ATOMIC(uint64_t) x_tail;  // [evaluator>all] the next to be filled
  TaskList behind;              // [evaluator] what found the ring full
  Pace walked;                  // [evaluator]
  char gap1[CACHE_LINE];
  AMB_ATOMIC(Task *) x_places[RUN_PLACES];  // [evaluator>all]
} RunQueue;

// The owner. All zero is an empty queue.
void ambi_run_queue_put(RunQueue *q, Task *t);
Task *ambi_run_queue_take(RunQueue *q);  // NULL: it is empty
static inline bool ambi_run_queue_is_empty(const RunQueue *q) {
  return ambi_load_relaxed(&q->x_head) == ambi_load_relaxed(&q->x_tail) &&
         q->behind.n == 0;
}
// The owner of `to`, which is empty, takes half of another's queue, if there are at
// least so many in its ring. Returns how many.
uint64_t ambi_run_queue_steal(RunQueue *from, RunQueue *to, uint64_t least);
// The owner.
bool ambi_run_queue_is_valid(RunQueue *q, const char **why);

#endif
