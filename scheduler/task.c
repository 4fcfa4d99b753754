// The changes of a task's state (task.h), and the queue it goes into.
#include "scheduler/task.h"

#include "memory/check.h"
#include "scheduler/evaluator.h"

void ambi_task_init(Task *t, Pool *pool, TaskClass class,
                    TaskNext (*run)(Task *t, Evaluator *self)) {
  *t = (Task){.pool = pool, .run = run, .of_class = class};
}

static void put(Task *t, Evaluator *self) {
  ambi_run_queue_put(&self->queues[t->of_class], t);
}

// From within a slice: what stands behind it may be enough for another evaluator.
static void put_new(Task *t, Evaluator *self) {
  bool more = ambi_evaluator_has_tasks(self);
  put(t, self);
  if (more) ambi_pool_offer(self);
}

void ambi_task_start(Task *t, Evaluator *self) {
  ambi_store_relaxed(&t->x_state, TASK_BUSY);
  if (!self) {
    ambi_pool_inject(t, true);
  } else {
    AMB_ASSERT(self->pool == t->pool);
    ambi_count(&self->counts.x_started, 1);
    put_new(t, self);
  }
}

// True: the task rested, and is to be put into a queue.
static bool give_news(Task *t) {
  uint32_t state = TASK_RESTING;
  do {
    uint32_t next = state == TASK_RESTING ? TASK_BUSY : TASK_NEWS;
    if (ambi_compare_exchange(&t->x_state, &state, next))
      return state == TASK_RESTING;
  } while (true);
}

void ambi_task_wake(Task *t, Evaluator *self) {
  ambi_task_fetch(t);
  if (!give_news(t)) return;
  __builtin_prefetch(t->hint);
  if (self)
    put_new(t, self);
  else
    ambi_pool_inject(t, false);
}

void ambi_task_slice(Task *t, Evaluator *self) {
  uint32_t busy = TASK_BUSY;
  if (ambi_load_acquire(&t->x_state) != TASK_BUSY)
    ambi_exchange(&t->x_state, TASK_BUSY);
  ambi_count(&self->counts.x_slices, 1);
  switch (t->run(t, self)) {
  case TASK_DONE: ambi_count(&self->counts.x_done, 1); return;
  case TASK_WAIT:
    if (ambi_compare_exchange(&t->x_state, &busy, TASK_RESTING)) return;
    break;
  case TASK_AGAIN: break;
  }
  put(t, self);
}
