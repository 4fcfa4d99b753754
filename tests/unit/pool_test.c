// Evaluators as a whole: tasks that yield, wait, wake one another and are stolen, wakes
// from outside, what is found stuck, and what closing leaves.
#include "scheduler/pool.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "memory/alloc.h"
#include "tests/unit/unit.h"

static AMB_ATOMIC(uint64_t) finished;
static Pool *pool;

static void one_finished(void) {
  ambi_add_release(&finished, 1);
  ambi_pool_nudge(pool);
}

// All of so many have finished.
static bool have_finished(void *n) {
  return ambi_load_acquire(&finished) == *(uint64_t *)n;
}

static HelpEnd help_until(uint64_t n) {
  return ambi_pool_help(pool, have_finished, &n);
}

static void open_pool(unsigned n) {
  ambi_store_release(&finished, 0);
  pool = ambi_pool_open(n, NULL);
  ck_assert(pool);
}

static void close_pool(uint64_t left) {
  ck_assert_uint_eq(ambi_pool_close(pool, NULL, NULL), left);
}

static uint64_t total(uint64_t (*of)(PoolCounts c)) {
  uint64_t n = 0;
  for (unsigned i = 0; i <= ambi_pool_size(pool); i++)
    n += of(ambi_pool_counts(pool, i));
  return n;
}
static uint64_t slices_of(PoolCounts c) {
  return c.slices;
}

static const unsigned sizes[] = {1, 2, 3, 4, 8};

// ---- yielding -----------------------------------------------------------------------
typedef struct Counter {
  Task task;
  unsigned left;
} Counter;

static TaskNext count_down(Task *t, Evaluator *self) {
  Counter *c = (Counter *)t;
  (void)self;
  if (--c->left > 0) return TASK_AGAIN;
  one_finished();
  return TASK_DONE;
}

static Counter *counters(unsigned n, unsigned slices) {
  Counter *all = ambi_alloc(n * sizeof *all);
  ck_assert(all);
  for (unsigned i = 0; i < n; i++) {
    ambi_task_init(&all[i].task, pool, i % TASK_CLASSES, count_down);
    all[i].left = slices;
  }
  return all;
}

START_TEST(test_yield) {
  enum { N = 1000, SLICES = 30 };
  open_pool(sizes[_i]);
  Counter *all = counters(N, SLICES);
  for (unsigned i = 0; i < N; i++)
    ambi_task_start(&all[i].task, NULL);
  ck_assert_int_eq(help_until(N), HELP_REACHED);
  ck_assert_uint_eq(total(slices_of), N * SLICES);
  close_pool(0);
  ambi_free(all, N * sizeof *all);
}
END_TEST

// A task that never ends, of either class, keeps nobody from running, wherever they
// come from.
static AMB_ATOMIC(bool) enough;
static TaskNext go_on(Task *t, Evaluator *self) {
  (void)t;
  (void)self;
  return ambi_load_relaxed(&enough) ? TASK_DONE : TASK_AGAIN;
}

static void *start_late(void *arg) {
  ambi_task_start(arg, NULL);
  return NULL;
}

START_TEST(test_no_starvation) {
  enum { N = 40 };
  open_pool(1);
  Task endless[2 * TASK_CLASSES];
  Counter *all = counters(N, 3);
  pthread_t late;
  ambi_store_release(&enough, false);
  for (unsigned i = 0; i < 2 * TASK_CLASSES; i++) {
    ambi_task_init(&endless[i], pool, i % TASK_CLASSES, go_on);
    ambi_task_start(&endless[i], NULL);
  }
  for (unsigned i = 1; i < N; i++)
    ambi_task_start(&all[i].task, NULL);
  ck_assert_int_eq(pthread_create(&late, NULL, start_late, &all[0].task), 0);
  ck_assert_int_eq(help_until(N), HELP_REACHED);
  pthread_join(late, NULL);
  ambi_store_release(&enough, true);
  ck_assert_int_eq(help_until(N + 1), HELP_STUCK);
  close_pool(0);
  ambi_free(all, N * sizeof *all);
}
END_TEST

// Interactive tasks come first, batch tasks get one slice of eight, spare ones one of 32.
static unsigned slices_by_class[TASK_CLASSES];
static TaskNext count_class(Task *t, Evaluator *self) {
  (void)self;
  slices_by_class[t->of_class]++;
  if (slices_by_class[TASK_INTERACTIVE] < 7000) return TASK_AGAIN;
  one_finished();
  return TASK_WAIT;
}

START_TEST(test_classes) {
  open_pool(1);
  Task tasks[6];
  for (unsigned i = 0; i < 6; i++) {
    ambi_task_init(&tasks[i], pool, i % TASK_CLASSES, count_class);
    ambi_task_start(&tasks[i], NULL);
  }
  ck_assert_int_eq(help_until(6), HELP_REACHED);
  ck_assert_uint_ge(slices_by_class[TASK_BATCH], 1025);
  ck_assert_uint_le(slices_by_class[TASK_BATCH], 1050);
  ck_assert_uint_ge(slices_by_class[TASK_SPARE], 250);
  ck_assert_uint_le(slices_by_class[TASK_SPARE], 270);
  close_pool(6);
}
END_TEST

// ---- news ---------------------------------------------------------------------------
// Rings of tasks that hand tokens on: each adds what it was given to its count and wakes
// the next one. A lost wake would leave a token where it is.
enum { PLAYERS = 24, TOKENS = 5, ROUNDS = 4000 };
typedef struct Player {
  Task task;
  AMB_ATOMIC(uint32_t) x_given;  // tokens that lie here
  struct Player *next;
  AMB_ATOMIC(uint64_t) * x_left;  // of the whole ring
  unsigned pinned;  // how often it yields with a token in its hand
} Player;

static TaskNext play(Task *t, Evaluator *self) {
  Player *p = (Player *)t;
  uint32_t n = ambi_exchange(&p->x_given, 0);
  for (uint32_t i = 0; i < n; i++) {
    uint64_t left = ambi_add_relaxed(p->x_left, -(uint64_t)1);
    if (left == 1) one_finished();
    if (left <= 1 || left > (uint64_t)1 << 40) continue;
    ambi_add_release(&p->next->x_given, 1);
    ambi_task_wake(&p->next->task, self);
  }
  return n > 0 && p->pinned++ % 7 == 0 ? TASK_AGAIN : TASK_WAIT;
}

START_TEST(test_wakes) {
  open_pool(sizes[_i]);
  enum { RINGS = 4 };
  static Player players[RINGS][PLAYERS];
  static AMB_ATOMIC(uint64_t) left[RINGS];
  for (unsigned r = 0; r < RINGS; r++) {
    ambi_store_release(&left[r], ROUNDS);
    for (unsigned i = 0; i < PLAYERS; i++) {
      Player *p = &players[r][i];
      *p = (Player){.next = &players[r][(i + 1) % PLAYERS], .x_left = &left[r]};
      ambi_task_init(&p->task, pool, (r + i) % TASK_CLASSES, play);
    }
  }
  for (unsigned r = 0; r < RINGS; r++)
    for (unsigned i = 0; i < PLAYERS; i++)
      ambi_task_start(&players[r][i].task, NULL);
  for (unsigned r = 0; r < RINGS; r++) {
    for (unsigned i = 0; i < TOKENS; i++) {
      ambi_add_release(&players[r][i].x_given, 1);
      ambi_task_wake(&players[r][i].task, NULL);
    }
  }
  ck_assert_int_eq(help_until(RINGS), HELP_REACHED);
  close_pool((uint64_t)RINGS * PLAYERS);
}
END_TEST

// Threads that are no evaluators wake one task that waits; it is told the last number
// of each, though nobody waits for it to have seen the one before.
enum { SENDERS = 3, NUMBERS = 3000 };
typedef struct Listener {
  Task task;
  AMB_ATOMIC(uint32_t) x_said[SENDERS];
} Listener;
static Listener listener;

static TaskNext listen(Task *t, Evaluator *self) {
  Listener *l = (Listener *)t;
  (void)self;
  bool all = true;
  for (unsigned i = 0; i < SENDERS; i++)
    all &= ambi_load_relaxed(&l->x_said[i]) == NUMBERS;
  if (!all) return TASK_WAIT;
  one_finished();
  return TASK_DONE;
}

static void *say(void *arg) {
  AMB_ATOMIC(uint32_t) *x_said = arg;
  for (uint32_t i = 1; i <= NUMBERS; i++) {
    ambi_store_relaxed(x_said, i);
    ambi_task_wake(&listener.task, NULL);
    if (i % 50 == 0) sched_yield();
  }
  return NULL;
}

START_TEST(test_wakes_from_outside) {
  open_pool(sizes[_i]);
  pthread_t threads[SENDERS];
  ambi_task_init(&listener.task, pool, TASK_BATCH, listen);
  ambi_task_start(&listener.task, NULL);
  ambi_pool_expect(pool);
  for (unsigned i = 0; i < SENDERS; i++) {
    ambi_store_release(&listener.x_said[i], 0);
    ck_assert_int_eq(
        pthread_create(&threads[i], NULL, say, &listener.x_said[i]), 0);
  }
  ck_assert_int_eq(help_until(1), HELP_REACHED);
  for (unsigned i = 0; i < SENDERS; i++)
    pthread_join(threads[i], NULL);
  ambi_pool_unexpect(pool);
  close_pool(0);
}
END_TEST

// ---- trees of tasks -----------------------------------------------------------------
// Each starts two smaller ones and waits for both: work that spreads by stealing.
typedef struct Node Node;
struct Node {
  Task task;
  Node *parent;
  unsigned depth;
  bool begun;
  AMB_ATOMIC(uint32_t) x_waits;  // for so many of its children
};

static TaskNext branch(Task *t, Evaluator *self);

static Node *node(Node *parent, unsigned depth) {
  Node *n = ambi_alloc(sizeof *n);
  ck_assert(n);
  ambi_task_init(&n->task, pool, TASK_INTERACTIVE, branch);
  n->parent = parent;
  n->depth = depth;
  return n;
}

static TaskNext end_branch(Node *n, Evaluator *self) {
  Node *parent = n->parent;
  ambi_free(n, sizeof *n);
  if (!parent) {
    one_finished();
  } else if (ambi_add_release(&parent->x_waits, -1u) == 1) {
    ambi_task_wake(&parent->task, self);
  }
  return TASK_DONE;
}

static TaskNext branch(Task *t, Evaluator *self) {
  Node *n = (Node *)t;
  if (n->depth == 0) return end_branch(n, self);
  if (n->begun)
    return ambi_load_acquire(&n->x_waits) == 0 ? end_branch(n, self)
                                               : TASK_WAIT;
  n->begun = true;
  ambi_store_release(&n->x_waits, 2);
  ambi_task_start(&node(n, n->depth - 1)->task, self);
  ambi_task_start(&node(n, n->depth - 1)->task, self);
  return TASK_WAIT;
}

START_TEST(test_trees) {
  size_t before = ambi_alloc_bytes();
  open_pool(sizes[_i]);
  for (unsigned round = 1; round <= 5; round++) {
    ambi_task_start(&node(NULL, 10)->task, NULL);
    ck_assert_int_eq(help_until(round), HELP_REACHED);
  }
  close_pool(0);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// ---- what stops ---------------------------------------------------------------------
static TaskNext wait_forever(Task *t, Evaluator *self) {
  (void)t;
  (void)self;
  return TASK_WAIT;
}

static void *wake_late(void *arg) {
  struct timespec t = {0, 3000000};
  nanosleep(&t, NULL);
  ambi_task_wake(arg, NULL);
  ambi_pool_unexpect(pool);
  return NULL;
}

START_TEST(test_stuck) {
  open_pool(sizes[_i]);
  Task waiting[10];
  pthread_t late;
  for (unsigned i = 0; i < 10; i++) {
    ambi_task_init(&waiting[i], pool, TASK_BATCH, wait_forever);
    ambi_task_start(&waiting[i], NULL);
  }
  for (unsigned round = 0; round < 50; round++) {
    ck_assert_int_eq(help_until(1), HELP_STUCK);
    ck_assert(ambi_pool_is_quiet(pool));
    ambi_task_wake(&waiting[round % 10], NULL);
  }
  ambi_pool_expect(pool);
  ck_assert_int_eq(pthread_create(&late, NULL, wake_late, &waiting[0]), 0);
  ck_assert_int_eq(help_until(1), HELP_STUCK);
  pthread_join(late, NULL);
  ck_assert_uint_ge(total(slices_of), 10 + 50);
  close_pool(10);
}
END_TEST

// A bell that rings behind the scheduler's back: the condition is looked at, though
// nobody has anything to do.
static AMB_ATOMIC(bool) told;
static bool was_told(void *arg) {
  (void)arg;
  return ambi_load_acquire(&told);
}

static void *ring(void *arg) {
  struct timespec t = {0, 2000000};
  nanosleep(&t, NULL);
  ambi_store_release(&told, true);
  sem_post(arg);
  return NULL;
}

START_TEST(test_bell) {
  open_pool(sizes[_i]);
  pthread_t other;
  Task waiting;
  ambi_task_init(&waiting, pool, TASK_BATCH, wait_forever);
  ambi_task_start(&waiting, NULL);
  ambi_pool_expect(pool);
  for (unsigned round = 0; round < 5; round++) {
    ambi_store_release(&told, false);
    ck_assert_int_eq(pthread_create(&other, NULL, ring, ambi_pool_bell(pool)),
                     0);
    ck_assert_int_eq(ambi_pool_help(pool, was_told, NULL), HELP_REACHED);
    pthread_join(other, NULL);
    ambi_task_wake(&waiting, NULL);
  }
  ambi_pool_unexpect(pool);
  ck_assert_int_eq(help_until(1), HELP_STUCK);
  close_pool(1);
}
END_TEST

// ---- turns -------------------------------------------------------------------------
static AMB_ATOMIC(bool) long_one_runs, long_one_may_end;

static TaskNext take_long(Task *t, Evaluator *self) {
  (void)t;
  (void)self;
  ambi_store_release(&long_one_runs, true);
  while (!ambi_load_acquire(&long_one_may_end))
    sched_yield();
  one_finished();
  return TASK_DONE;
}

// Who has something to do may look whether others have more, and waits for nobody.
START_TEST(test_turn) {
  open_pool(sizes[_i]);
  Counter *one = counters(1, 3);
  Task long_one;
  for (unsigned i = 0; i < 5; i++)
    ambi_pool_turn(pool);  // nobody has anything
  ambi_store_release(&long_one_runs, false);
  ambi_store_release(&long_one_may_end, sizes[_i] == 1);
  ambi_task_init(&long_one, pool, TASK_BATCH, take_long);
  ambi_task_start(&long_one, NULL);
  if (sizes[_i] == 1) ambi_pool_turn(pool);
  while (!ambi_load_acquire(&long_one_runs))
    sched_yield();
  for (unsigned i = 0; i < 100; i++)
    ambi_pool_turn(pool);
  ambi_store_release(&long_one_may_end, true);
  ambi_task_start(&one[0].task, NULL);
  for (unsigned i = 0; i < 3; i++)
    ambi_pool_turn(pool);
  ck_assert_int_eq(help_until(2), HELP_REACHED);
  close_pool(0);
  ambi_free(one, sizeof *one);
}
END_TEST

static void count_left(Task *t, void *n) {
  ck_assert(t->run == go_on);
  ++*(unsigned *)n;
}

// Closing while tasks run, at any moment: each that is not done was in a queue.
START_TEST(test_close) {
  enum { N = 700 };
  for (unsigned round = 0; round < 20; round++) {
    open_pool(sizes[_i]);
    static Task tasks[N];
    ambi_store_release(&enough, false);
    for (unsigned i = 0; i < N; i++) {
      ambi_task_init(&tasks[i], pool, i % TASK_CLASSES, go_on);
      ambi_task_start(&tasks[i], NULL);
    }
    struct timespec moment = {0, round * 20000};
    nanosleep(&moment, NULL);
    unsigned n = 0;
    ck_assert_uint_eq(ambi_pool_close(pool, count_left, &n), N);
    ck_assert_uint_eq(n, N);
  }
}
END_TEST

// ---- what the owner does on threads ---------------------------------------------------
static AMB_ATOMIC(uint32_t) inside, refused;
static bool enter(Evaluator *self, void *arg) {
  ambi_add_relaxed(&inside, 1);
  *ambi_evaluator_data(self) = arg;
  return true;
}
static bool enter_alone(Evaluator *self, void *arg) {
  if (ambi_evaluator_index(self) == 0) return enter(self, arg);
  ambi_add_relaxed(&refused, 1);
  return false;
}
static void leave(Evaluator *self, void *arg) {
  ck_assert_ptr_eq(*ambi_evaluator_data(self), arg);
  ambi_add_relaxed(&inside, -1u);
}
static bool refuse(Evaluator *self, void *arg) {
  (void)self;
  (void)arg;
  return false;
}

static void run_counters(unsigned n, HelpEnd end) {
  ambi_store_release(&finished, 0);
  Counter *all = counters(n, 100);
  for (unsigned i = 0; i < n; i++)
    ambi_task_start(&all[i].task, NULL);
  ck_assert_int_eq(help_until(n), end);
  ambi_pool_close(pool, NULL, NULL);
  ambi_free(all, n * sizeof *all);
}

START_TEST(test_use) {
  int mark;
  pool = ambi_pool_open(3, &(PoolUse){enter, leave, NULL, &mark, NULL});
  run_counters(50, HELP_REACHED);
  ck_assert_uint_eq(ambi_load_relaxed(&inside), 0);
  // Threads for which there is no memory are done without.
  pool = ambi_pool_open(3, &(PoolUse){enter_alone, leave, NULL, &mark, NULL});
  run_counters(50, HELP_REACHED);
  ck_assert_uint_eq(ambi_load_relaxed(&inside), 0);
  ck_assert_uint_le(ambi_load_relaxed(&refused), 1);
  pool = ambi_pool_open(1, &(PoolUse){refuse, NULL, NULL, NULL, NULL});
  run_counters(50, HELP_OUTAGE);
}
END_TEST

START_TEST(test_outage) {
  size_t before = ambi_alloc_bytes();
  for (uint64_t n = 1;; n++) {
    ambi_alloc_fail_at(n);
    pool = ambi_pool_open(3, NULL);
    if (pool) break;
    ck_assert_uint_eq(ambi_alloc_bytes(), before);
  }
  ambi_alloc_fail_at(0);
  Counter *all = counters(40, 20);
  ambi_store_release(&finished, 0);
  ambi_alloc_fail_at(1);  // the first thread
  for (unsigned i = 0; i < 40; i++)
    ambi_task_start(&all[i].task, NULL);
  ambi_alloc_fail_at(0);
  ck_assert_int_eq(help_until(40), HELP_REACHED);
  ck_assert_uint_eq(ambi_pool_counts(pool, 0).slices, 40 * 20);
  close_pool(0);
  ambi_free(all, 40 * sizeof *all);
}
END_TEST

int main(void) {
  const int n = sizeof sizes / sizeof *sizes;
  TCase *tc = tcase_create("pool");
  tcase_add_loop_test(tc, test_yield, 0, n);
  tcase_add_test(tc, test_no_starvation);
  tcase_add_test(tc, test_classes);
  tcase_add_loop_test(tc, test_wakes, 0, n);
  tcase_add_loop_test(tc, test_wakes_from_outside, 0, n);
  tcase_add_loop_test(tc, test_trees, 0, n);
  tcase_add_loop_test(tc, test_stuck, 0, n);
  tcase_add_loop_test(tc, test_bell, 0, n);
  tcase_add_loop_test(tc, test_turn, 0, n);
  tcase_add_loop_test(tc, test_close, 0, n);
  tcase_add_test(tc, test_use);
  tcase_add_test(tc, test_outage);
  return unit_run(tc, "pool");
}
