// The ring of run_queue.h, and the list behind it.
#include "scheduler/run_queue.h"

#include "memory/check.h"

static void set_place(RunQueue *q, uint64_t at, Task *t) {
  ambi_store_relaxed(&q->x_places[at % RUN_PLACES], t);
}
static Task *get_place(RunQueue *q, uint64_t at) {
  return ambi_load_relaxed(&q->x_places[at % RUN_PLACES]);
}

bool ambi_tasks_is_valid(const TaskList *l, const char **why) {
  uint64_t n = 0;
  const Task *last = NULL;
  for (const Task *t = l->first; t && n <= l->n; last = t, t = t->next)
    n++;
  if (n != l->n) return ambi_invalid(why, "a list of tasks is miscounted");
  return n == 0 || last == l->last ||
         ambi_invalid(why, "a list of tasks ends elsewhere");
}

// Thieves move x_head while we look, and only forward: what stands behind it stays.
bool ambi_run_queue_is_valid(RunQueue *q, const char **why) {
  uint64_t head = ambi_load_acquire(&q->x_head);
  uint64_t tail = ambi_load_relaxed(&q->x_tail);
  if (tail - head > RUN_PLACES)
    return ambi_invalid(why, "a queue that is longer than its ring");
  for (; head != tail; head++)
    if (!get_place(q, head)) return ambi_invalid(why, "a place without a task");
  return ambi_tasks_is_valid(&q->behind, why);
}

static void look(RunQueue *q) {
  if (ambi_pace(&q->walked, 64)) AMB_WALK(ambi_run_queue_is_valid(q, &why));
}

void ambi_run_queue_put(RunQueue *q, Task *t) {
  uint64_t tail = ambi_load_relaxed(&q->x_tail);
  if (q->behind.n == 0 && tail - ambi_load_acquire(&q->x_head) < RUN_PLACES) {
    set_place(q, tail, t);
    ambi_store_release(&q->x_tail, tail + 1);
  } else {
    ambi_tasks_append(&q->behind, t);
  }
  look(q);
}

// Half a ring at a time, so that the line of x_tail is not written at each take.
static void move_up(RunQueue *q) {
  uint64_t tail = ambi_load_relaxed(&q->x_tail);
  uint64_t used = tail - ambi_load_acquire(&q->x_head);
  if (used > RUN_PLACES / 2) return;
  for (; used < RUN_PLACES && q->behind.n > 0; used++)
    set_place(q, tail++, ambi_tasks_take(&q->behind));
  ambi_store_release(&q->x_tail, tail);
}

Task *ambi_run_queue_take(RunQueue *q) {
  if (q->behind.n > 0) move_up(q);
  look(q);
  uint64_t tail = ambi_load_relaxed(&q->x_tail);
  uint64_t head = ambi_load_acquire(&q->x_head);
  while (head != tail) {
    Task *t = get_place(q, head);
    if (ambi_compare_exchange(&q->x_head, &head, head + 1)) return t;
  }
  if (q->behind.n == 0) return NULL;
  return ambi_tasks_take(&q->behind);  // thieves have emptied the ring just now
}

uint64_t ambi_run_queue_steal(RunQueue *from, RunQueue *to, uint64_t least) {
  uint64_t at = ambi_load_relaxed(&to->x_tail);
  AMB_ASSERT(ambi_load_acquire(&to->x_head) == at && to->behind.n == 0);
  uint64_t head = ambi_load_acquire(&from->x_head);
  for (;;) {
    uint64_t there = ambi_load_acquire(&from->x_tail) - head;
    if (there > RUN_PLACES) {  // head is of long ago
      head = ambi_load_acquire(&from->x_head);
      continue;
    }
    if (there == 0 || there < least) return 0;
    uint64_t n = there - there / 2;
    for (uint64_t i = 0; i < n; i++)
      set_place(to, at + i, get_place(from, head + i));
    if (!ambi_compare_exchange(&from->x_head, &head, head + n)) continue;
    ambi_store_release(&to->x_tail, at + n);
    return n;
  }
}
