// Order, the list behind the ring, and thieves: each task is taken once, by one.
#include "scheduler/run_queue.h"

#include <pthread.h>
#include <sched.h>

#include "memory/alloc.h"
#include "tests/unit/unit.h"

typedef struct Numbered {
  Task task;
  unsigned number, taken;  // of whoever has taken it
} Numbered;

static unsigned number_of(Task *t) {
  return ((Numbered *)t)->number;
}

static Numbered *numbered(unsigned n) {
  Numbered *all = ambi_alloc(n * sizeof *all);
  ck_assert(all);
  for (unsigned i = 0; i < n; i++)
    all[i].number = i;
  return all;
}

static RunQueue *queue(void) {
  RunQueue *q = ambi_alloc(sizeof *q);
  ck_assert(q);
  return q;
}

// More than the ring holds, put and taken in turns of different length.
START_TEST(test_order) {
  enum { N = 20 * RUN_PLACES };
  Numbered *all = numbered(N);
  RunQueue *q = queue();
  unsigned put = 0, taken = 0;
  ck_assert(ambi_run_queue_is_empty(q));
  for (unsigned round = 0; taken < N; round++) {
    for (unsigned i = 0; i < 97 * (round % 13) && put < N; i++)
      ambi_run_queue_put(q, &all[put++].task);
    for (unsigned i = 0; i < 61 * (round % 11) && taken < put; i++)
      ck_assert_uint_eq(number_of(ambi_run_queue_take(q)), taken++);
    ck_assert(ambi_run_queue_is_empty(q) == (taken == put));
  }
  ck_assert_ptr_null(ambi_run_queue_take(q));
  ambi_free(all, N * sizeof *all);
  ambi_free(q, sizeof *q);
}
END_TEST

START_TEST(test_steal_half) {
  Numbered *all = numbered(2 * RUN_PLACES);
  RunQueue *from = queue(), *to = queue();
  ck_assert_uint_eq(ambi_run_queue_steal(from, to, 1), 0);
  ambi_run_queue_put(from, &all[0].task);
  ck_assert_uint_eq(ambi_run_queue_steal(from, to, 2), 0);  // too few
  ck_assert_uint_eq(ambi_run_queue_steal(from, to, 1), 1);
  ck_assert_uint_eq(number_of(ambi_run_queue_take(to)), 0);
  for (unsigned i = 1; i < 2 * RUN_PLACES; i++)
    ambi_run_queue_put(from, &all[i].task);
  // The older half of the ring; what is behind it cannot be seen.
  ck_assert_uint_eq(ambi_run_queue_steal(from, to, 2), RUN_PLACES / 2);
  for (unsigned i = 0; i < RUN_PLACES / 2; i++)
    ck_assert_uint_eq(number_of(ambi_run_queue_take(to)), i + 1);
  ck_assert_ptr_null(ambi_run_queue_take(to));
  for (unsigned i = RUN_PLACES / 2 + 1; i < 2 * RUN_PLACES; i++)
    ck_assert_uint_eq(number_of(ambi_run_queue_take(from)), i);
  ck_assert(ambi_run_queue_is_empty(from));
  ambi_free(all, 2 * RUN_PLACES * sizeof *all);
  ambi_free(from, sizeof *from);
  ambi_free(to, sizeof *to);
}
END_TEST

// ---- several threads ----------------------------------------------------------------
// One owner that puts tasks and takes some, thieves that steal what they can. Each
// thief's queue is robbed by the next one.
enum { THIEVES = 3, TASKS = 60000 };
static RunQueue *queues[THIEVES + 1];
static AMB_ATOMIC(unsigned) left;

static bool take_own(RunQueue *q) {
  Task *t = ambi_run_queue_take(q);
  if (!t) return false;
  ((Numbered *)t)->taken++;  // not atomic: one alone has it
  ambi_add_relaxed(&left, -1u);
  return true;
}

static void *steal(void *arg) {
  unsigned me = *(unsigned *)arg;
  for (unsigned i = 0; ambi_load_relaxed(&left) > 0; i++) {
    unsigned victim = i % (THIEVES + 1);
    // One that it has taken is kept back for the next thief to see.
    while (victim != me && take_own(queues[me]))
      continue;
    if (victim != me) ambi_run_queue_steal(queues[victim], queues[me], 1);
    if (i % 64 == 0) sched_yield();
  }
  return NULL;
}

START_TEST(test_each_is_taken_once) {
  Numbered *all = numbered(TASKS);
  pthread_t threads[THIEVES];
  unsigned ids[THIEVES];
  ambi_store_release(&left, TASKS);
  for (unsigned i = 0; i <= THIEVES; i++)
    queues[i] = queue();
  for (unsigned i = 0; i < THIEVES; i++) {
    ids[i] = i + 1;
    ck_assert_int_eq(pthread_create(&threads[i], NULL, steal, &ids[i]), 0);
  }
  unsigned put = 0;
  while (ambi_load_relaxed(&left) > 0) {
    // Bursts that fill the ring, and times when it is nearly empty.
    unsigned burst = put / 64 % 3 == 0 ? 3 * RUN_PLACES : 2;
    for (unsigned i = 0; i < burst && put < TASKS; i++)
      ambi_run_queue_put(queues[0], &all[put++].task);
    for (unsigned i = 0; i < burst / 2 + 1; i++)
      take_own(queues[0]);
  }
  for (unsigned i = 0; i < THIEVES; i++)
    pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < TASKS; i++)
    ck_assert_uint_eq(all[i].taken, 1);
  for (unsigned i = 0; i <= THIEVES; i++) {
    ck_assert(ambi_run_queue_is_empty(queues[i]));
    ambi_free(queues[i], sizeof *queues[i]);
  }
  ambi_free(all, TASKS * sizeof *all);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("run_queue");
  tcase_add_test(tc, test_order);
  tcase_add_test(tc, test_steal_half);
  tcase_add_test(tc, test_each_is_taken_once);
  return unit_run(tc, "run_queue");
}
