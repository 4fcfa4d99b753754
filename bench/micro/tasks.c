// What the scheduler costs without anything to run: a slice, a wake, a start, and what
// passes between threads.
#include <pthread.h>

#include "bench/micro/micro.h"
#include "memory/alloc.h"
#include "scheduler/pool.h"

typedef struct Worker {
  Task task;
  struct Worker *other;
  uint64_t left;
} Worker;

static AMB_ATOMIC(uint64_t) x_ended;
static Pool *pool;

static bool have_ended(void *n) {
  return ambi_load_acquire(&x_ended) >= *(uint64_t *)n;
}

static TaskNext end(void) {
  ambi_add_release(&x_ended, 1);
  ambi_pool_nudge(pool);
  return TASK_DONE;
}

static void help_until(uint64_t n) {
  micro_must(ambi_pool_help(pool, have_ended, &n) == HELP_REACHED, "stuck");
}

static void open_pool(unsigned n) {
  ambi_store_release(&x_ended, 0);
  pool = ambi_pool_open(n, NULL);
  micro_must(pool, "no pool");
}

static void close_pool(void) {
  micro_must(ambi_pool_close(pool, NULL, NULL) == 0, "tasks are left");
}

static void begin(Worker *w, TaskNext (*run)(Task *, Evaluator *),
                  uint64_t turns) {
  ambi_task_init(&w->task, pool, TASK_INTERACTIVE, run);
  w->left = turns;
}

// ---- slices and wakes ---------------------------------------------------------------
static TaskNext count_down(Task *t, Evaluator *self) {
  (void)self;
  return --((Worker *)t)->left > 0 ? TASK_AGAIN : end();
}

static uint64_t yield(void *arg, uint64_t n) {
  unsigned tasks = *(unsigned *)arg;
  Worker *all = ambi_alloc(tasks * sizeof *all);
  micro_must(all, "no memory");
  open_pool(1);
  for (unsigned i = 0; i < tasks; i++) {
    begin(&all[i], count_down, n);
    ambi_task_start(&all[i].task, NULL);
  }
  help_until(tasks);
  close_pool();
  ambi_free(all, tasks * sizeof *all);
  return n;
}

// Two in turns: each wakes the other one and waits.
static Worker *whose_turn;
static uint64_t turns;
static TaskNext hand_over(Task *t, Evaluator *self) {
  Worker *w = (Worker *)t;
  if (whose_turn != w) return TASK_WAIT;
  whose_turn = w->other;
  bool last = turns <= 1;
  if (turns > 0) {
    turns--;
    ambi_task_wake(&w->other->task, self);
  }
  return last ? end() : TASK_WAIT;
}

static uint64_t wake(void *arg, uint64_t n) {
  Worker two[2];
  open_pool(*(unsigned *)arg);
  turns = 2 * n;
  whose_turn = &two[0];
  for (int i = 0; i < 2; i++) {
    begin(&two[i], hand_over, 0);
    two[i].other = &two[1 - i];
  }
  for (int i = 1; i >= 0; i--)
    ambi_task_start(&two[i].task, NULL);
  help_until(2);
  close_pool();
  return n;
}

// ---- starts ---------------------------------------------------------------------------
static TaskNext end_at_once(Task *t, Evaluator *self) {
  (void)t;
  (void)self;
  return TASK_DONE;
}

static Worker *crowd;
static TaskNext start_all(Task *t, Evaluator *self) {
  Worker *w = (Worker *)t;
  for (uint64_t i = 0; i < w->left; i++) {
    ambi_task_init(&crowd[i].task, pool, TASK_BATCH, end_at_once);
    ambi_task_start(&crowd[i].task, self);
  }
  return TASK_DONE;
}

static bool never(void *arg) {
  return !arg;
}

static uint64_t start(void *arg, uint64_t n) {
  enum { CROWD = 1000000 };
  uint64_t many = micro_quick ? 1000 : CROWD;
  crowd = ambi_alloc(many * sizeof *crowd);
  micro_must(crowd, "no memory");
  open_pool(*(unsigned *)arg);
  for (uint64_t i = 0; i < n; i++) {
    Worker first;
    begin(&first, start_all, many);
    ambi_task_start(&first.task, NULL);
    micro_must(ambi_pool_help(pool, never, pool) == HELP_STUCK, "not all");
  }
  close_pool();
  ambi_free(crowd, many * sizeof *crowd);
  return n;
}

// ---- a thread outside -----------------------------------------------------------------
// It wakes a task and waits for the answer, which it looks for all the time.
static AMB_ATOMIC(uint64_t) x_asked, x_answered;
static TaskNext answer(Task *t, Evaluator *self) {
  (void)self;
  uint64_t asked = ambi_load_acquire(&x_asked);
  ambi_store_release(&x_answered, asked);
  return asked == ((Worker *)t)->left ? end() : TASK_WAIT;
}

static void *ask(void *arg) {
  Worker *w = arg;
  for (uint64_t i = 1; i <= w->left; i++) {
    ambi_store_release(&x_asked, i);
    ambi_task_wake(&w->task, NULL);
    while (ambi_load_acquire(&x_answered) < i)
      continue;
  }
  return NULL;
}

static uint64_t ping_pong(void *arg, uint64_t n) {
  Worker w;
  pthread_t thread;
  open_pool(*(unsigned *)arg);
  ambi_store_release(&x_asked, 0);
  ambi_store_release(&x_answered, 0);
  begin(&w, answer, n);
  ambi_task_start(&w.task, NULL);
  ambi_pool_expect(pool);
  micro_must(pthread_create(&thread, NULL, ask, &w) == 0, "no thread");
  help_until(1);
  pthread_join(thread, NULL);
  close_pool();
  return n;
}

// ---- work for several evaluators --------------------------------------------------------
// Chunks that calculate for some microseconds each.
static TaskNext calculate(Task *t, Evaluator *self) {
  Worker *w = (Worker *)t;
  (void)self;
  uint64_t x = w->left | 1;
  for (int i = 0; i < 10000; i++)
    x = x * 6364136223846793005u + 1442695040888963407u;
  w->left = x;
  return TASK_DONE;
}

static TaskNext start_work(Task *t, Evaluator *self) {
  Worker *w = (Worker *)t;
  for (uint64_t i = 0; i < w->left; i++) {
    begin(&crowd[i], calculate, i);
    ambi_task_start(&crowd[i].task, self);
  }
  return TASK_DONE;
}

static uint64_t work(void *arg, uint64_t n) {
  Worker first;
  crowd = ambi_alloc(n * sizeof *crowd);
  micro_must(crowd, "no memory");
  open_pool(*(unsigned *)arg);
  begin(&first, start_work, n);
  ambi_task_start(&first.task, NULL);
  micro_must(ambi_pool_help(pool, never, pool) == HELP_STUCK, "not all");
  close_pool();
  ambi_free(crowd, n * sizeof *crowd);
  return n;
}

int main(int argc, char **argv) {
  unsigned one = 1, two = 2, hundred = 100, million = 1000000;
  micro_begin(argc, argv);
  uint64_t crowded = micro_quick ? 1000 : million;
  micro_case("tasks", "a slice, one task", yield, &one, 1);
  micro_case("tasks", "a slice, a hundred tasks in turns", yield, &hundred,
             hundred);
  micro_case("tasks", "a wake and the slice, one evaluator", wake, &one, 2);
  micro_case("tasks", "a wake and the slice, two evaluators", wake, &two, 2);
  micro_case("tasks", "10^6 started and ended, one evaluator", start, &one,
             crowded);
  micro_case("tasks", "10^6 started and ended, two evaluators", start, &two,
             crowded);
  micro_case("tasks", "a question from another thread, and back", ping_pong,
             &one, 1);
  micro_case("tasks", "... and two evaluators", ping_pong, &two, 1);
  micro_case("tasks", "10000 multiplications, one evaluator", work, &one, 1);
  micro_case("tasks", "10000 multiplications, two evaluators", work, &two, 1);
  return 0;
}
