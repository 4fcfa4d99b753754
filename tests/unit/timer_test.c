// Timers fire in order and not before their time, once; a cancelled one never does.
#include "scheduler/timer.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "memory/alloc.h"
#include "memory/atomic.h"
#include "scheduler/pool.h"
#include "tests/unit/unit.h"

static AMB_ATOMIC(uint32_t) x_drained;
static Timers *timers;

static void drained(void *arg) {
  ambi_add_release(&x_drained, 1);
  sem_post(arg);
}

typedef struct Note {
  Timer timer;
  uint64_t fired_ns, place;  // when, and as which one
  bool cancelled;
} Note;

static uint64_t nfired;  // the thread of the timers
static void note(Timer *t) {
  Note *n = (Note *)t;
  ck_assert_uint_eq(n->fired_ns, 0);
  n->fired_ns = ambi_now_ns();
  n->place = nfired++;
}

enum { NOTES = 1000 };

// Starts them in a disorder, and cancels some of them again. False: the first was due
// before all had been started, as they may be on a busy machine; then none is left.
static bool start_all(Note *notes, uint64_t ahead) {
  uint64_t from = ambi_now_ns() + ahead;
  for (unsigned i = 0; i < NOTES; i++) {
    notes[i] = (Note){0};
    ck_assert(ambi_timer_start(timers, &notes[i].timer,
                               from + i * 379 % NOTES / 4 * 40000, note));
  }
  bool in_time = ambi_now_ns() < from;
  for (unsigned i = 0; i < NOTES; i++) {
    if (in_time && i % 3 != 0) continue;
    notes[i].cancelled = ambi_timer_cancel(timers, &notes[i].timer);
    ck_assert(!ambi_timer_cancel(timers, &notes[i].timer));
  }
  return in_time;
}

START_TEST(test_order) {
  sem_t all_done;
  sem_init(&all_done, 0, 0);
  timers = ambi_timers_open(drained, &all_done);
  ck_assert(timers);
  Note *notes = ambi_alloc(NOTES * sizeof *notes);
  ck_assert(notes);
  for (uint64_t ahead = 20000000; !start_all(notes, ahead); ahead *= 4)
    nfired = 0;
  while (ambi_timers_armed(timers) > 0)
    sem_wait(&all_done);
  ambi_timers_close(timers);
  for (unsigned i = 0; i < NOTES; i++) {
    const Note *n = &notes[i];
    ck_assert((n->fired_ns == 0) == n->cancelled);
    ck_assert(n->cancelled || n->fired_ns >= n->timer.due_ns);
    for (unsigned j = 0; j < i && !n->cancelled; j++)
      ck_assert(notes[j].cancelled ||
                (notes[j].place < n->place) ==
                    (notes[j].timer.due_ns <= n->timer.due_ns));
  }
  ck_assert_uint_gt(nfired, NOTES / 2);
  ck_assert_uint_ge(ambi_load_relaxed(&x_drained), 1);
  sem_destroy(&all_done);
  ambi_free(notes, NOTES * sizeof *notes);
}
END_TEST

// One that is earlier than what the thread sleeps for.
START_TEST(test_earlier) {
  sem_t all_done;
  sem_init(&all_done, 0, 0);
  timers = ambi_timers_open(drained, &all_done);
  Note late = {0}, soon = {0};
  ck_assert(ambi_timer_start(timers, &late.timer,
                             ambi_now_ns() + 3600000000000u, note));
  sched_yield();
  ck_assert(ambi_timer_start(timers, &soon.timer, ambi_now_ns() + 1, note));
  while (ambi_timers_armed(timers) > 1)
    sched_yield();
  ck_assert(ambi_timer_cancel(timers, &late.timer));
  ck_assert(late.fired_ns == 0 && soon.fired_ns > 0);
  ck_assert(ambi_timer_start(timers, &late.timer, 0, note));  // long ago
  sem_wait(&all_done);
  ambi_timers_close(timers);
  ck_assert(late.fired_ns > 0);
  sem_destroy(&all_done);
}
END_TEST

START_TEST(test_outage) {
  Note n = {0};
  size_t before = ambi_alloc_bytes();
  ambi_alloc_fail_at(1);
  ck_assert_ptr_null(ambi_timers_open(drained, NULL));
  ambi_alloc_fail_at(0);
  timers = ambi_timers_open(drained, NULL);
  ambi_alloc_fail_at(1);  // the thread
  ck_assert(!ambi_timer_start(timers, &n.timer, 0, note));
  ambi_alloc_fail_at(0);
  ck_assert(!ambi_timer_cancel(timers, &n.timer));
  ambi_timers_close(timers);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// Several threads start and cancel their own, which fire all the while; what a cancel
// has answered holds.
enum { THREADS = 3, ROUNDS = 4000 };
static void *start_and_cancel(void *arg) {
  uint64_t seed = (uintptr_t)arg + 88172645463325252u;
  Note notes[8] = {0};
  for (unsigned i = 0; i < ROUNDS; i++) {
    Note *n = &notes[i % 8];
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    bool armed = i >= 8 && ambi_timer_cancel(timers, &n->timer);
    ck_assert(i < 8 || armed == (n->fired_ns == 0));
    *n = (Note){0};
    uint64_t due = ambi_now_ns() + (seed >> 33) % 100000;
    ck_assert(ambi_timer_start(timers, &n->timer, due, note));
  }
  for (unsigned i = 0; i < 8; i++)
    ambi_timer_cancel(timers, &notes[i].timer);
  return NULL;
}

START_TEST(test_threads) {
  sem_t all_done;
  pthread_t threads[THREADS];
  sem_init(&all_done, 0, 0);
  timers = ambi_timers_open(drained, &all_done);
  for (uintptr_t i = 0; i < THREADS; i++)
    ck_assert_int_eq(
        pthread_create(&threads[i], NULL, start_and_cancel, (void *)i), 0);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  ck_assert_uint_eq(ambi_timers_armed(timers), 0);
  ambi_timers_close(timers);
  sem_destroy(&all_done);
}
END_TEST

// ---- tasks that wait for a time -------------------------------------------------------
// Nothing is stuck while a timer is armed; it is when the last one has been.
typedef struct Sleepy {
  Task task;
  Timer timer;
  unsigned naps;
} Sleepy;
static AMB_ATOMIC(uint32_t) x_awake;

static void wake(Timer *t) {
  Sleepy *s = (Sleepy *)((char *)t - offsetof(Sleepy, timer));
  ambi_task_wake(&s->task, NULL);
}

static TaskNext nap(Task *t, Evaluator *self) {
  Sleepy *s = (Sleepy *)t;
  if (s->naps == 0) {
    ambi_add_relaxed(&x_awake, 1);
    return TASK_WAIT;
  }
  Timers *all = ambi_pool_timers(ambi_evaluator_pool(self));
  if (ambi_timer_cancel(all, &s->timer)) ck_abort();  // woken too early
  s->naps--;
  ck_assert(ambi_timer_start(all, &s->timer,
                             ambi_now_ns() + 100000 + s->naps * 1000, wake));
  return TASK_WAIT;
}

static bool never(void *arg) {
  (void)arg;
  return false;
}

// One aside does not keep a pool from being stuck, and fires all the same.
static AMB_ATOMIC(uint32_t) x_aside;
static void come_aside(Timer *t) {
  (void)t;
  ambi_store_release(&x_aside, 1);
}

START_TEST(test_aside) {
  Timer late = {0}, soon = {0};
  Pool *pool = ambi_pool_open(1, NULL);
  ck_assert(pool);
  timers = ambi_pool_timers(pool);
  uint64_t now = ambi_now_ns(), hour = 3600000000000u;
  ck_assert(ambi_timer_start_aside(timers, &late, now + hour, come_aside));
  ck_assert_uint_eq(ambi_timers_armed(timers), 0);
  ck_assert_int_eq(ambi_pool_help(pool, never, NULL), HELP_STUCK);
  ck_assert(ambi_timer_start_aside(timers, &soon, now, come_aside));
  while (ambi_load_acquire(&x_aside) == 0)
    sched_yield();
  ck_assert(ambi_timer_cancel(timers, &late));
  ck_assert_uint_eq(ambi_timers_armed(timers), 0);
  ck_assert_uint_eq(ambi_pool_close(pool, NULL, NULL), 0);
}
END_TEST

START_TEST(test_tasks) {
  enum { N = 50 };
  static Sleepy all[N];
  Pool *pool = ambi_pool_open((unsigned)_i, NULL);
  ck_assert(pool);
  for (unsigned i = 0; i < N; i++) {
    ambi_task_init(&all[i].task, pool, TASK_INTERACTIVE, nap);
    all[i].naps = 10;
    ambi_task_start(&all[i].task, NULL);
  }
  ck_assert_int_eq(ambi_pool_help(pool, never, NULL), HELP_STUCK);
  ck_assert_uint_eq(ambi_load_relaxed(&x_awake), N);
  ck_assert_uint_eq(ambi_pool_close(pool, NULL, NULL), N);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("timer");
  tcase_add_test(tc, test_order);
  tcase_add_test(tc, test_earlier);
  tcase_add_test(tc, test_outage);
  tcase_add_test(tc, test_threads);
  tcase_add_test(tc, test_aside);
  tcase_add_loop_test(tc, test_tasks, 1, 5);
  return unit_run(tc, "timer");
}
