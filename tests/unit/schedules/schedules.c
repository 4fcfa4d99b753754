// The threads of schedules.h: coroutines, and who goes on.
#include "tests/unit/schedules/schedules.h"

#include <errno.h>
#include <string.h>
#include <ucontext.h>

#include "memory/alloc.h"
#include "tests/unit/unit.h"

enum {
  MOST_FIBERS = 16,
  FIBER_STACK = 256 << 10,
  STEP_NS = 50,
  MOST_STEPS = 1000000
};

typedef struct Fiber {
  ucontext_t at;
  char *stack;
  void *(*run)(void *arg);
  void *arg;
  bool ended;
  const void *waits_for;  // NULL: it can go on
  uint64_t until_ns;      // ... or at that time; 0: never
} Fiber;

static struct Schedule {
  Fiber fibers[MOST_FIBERS];  // [0] is the test itself
  unsigned n, now;
  uint64_t seed, random, clock_ns, steps;
  unsigned stay;  // one point of so many changes the thread
} schedule;

uint64_t schedule_random(void) {
  uint64_t x = schedule.random;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return schedule.random = x;
}

static bool fiber_can_go(const Fiber *f) {
  return !f->ended && (!f->waits_for ||
                       (f->until_ns != 0 && f->until_ns <= schedule.clock_ns));
}

// When all wait.
static void pass_time(void) {
  uint64_t first = UINT64_MAX;
  for (unsigned i = 0; i < schedule.n; i++) {
    const Fiber *f = &schedule.fibers[i];
    if (!f->ended && f->until_ns != 0 && f->until_ns < first)
      first = f->until_ns;
  }
  ck_assert_msg(first != UINT64_MAX, "seed %lu: all threads wait",
                (unsigned long)schedule.seed);
  schedule.clock_ns = first;
}

static void go_to(unsigned next) {
  unsigned before = schedule.now;
  if (next == before) return;
  schedule.now = next;
  swapcontext(&schedule.fibers[before].at, &schedule.fibers[next].at);
}

// Some thread goes on, perhaps this one.
static void go_on(void) {
  unsigned ready[MOST_FIBERS], n = 0;
  ck_assert_msg(++schedule.steps < MOST_STEPS, "seed %lu: no end",
                (unsigned long)schedule.seed);
  for (;;) {
    for (unsigned i = 0; i < schedule.n; i++)
      if (fiber_can_go(&schedule.fibers[i])) ready[n++] = i;
    if (n > 0) break;
    pass_time();
  }
  go_to(ready[schedule_random() % n]);
}

void schedule_point(void) {
  schedule.clock_ns += STEP_NS;
  if (schedule_random() % schedule.stay == 0) go_on();
}

// False: the time came first.
static bool schedule_wait(const void *what, uint64_t until_ns) {
  Fiber *me = &schedule.fibers[schedule.now];
  me->waits_for = what;
  me->until_ns = until_ns;
  go_on();
  bool woken = !me->waits_for;
  me->waits_for = NULL;
  me->until_ns = 0;
  return woken;
}

static void schedule_wake(const void *what, bool all) {
  unsigned from = (unsigned)(schedule_random() % schedule.n);
  for (unsigned i = 0; i < schedule.n; i++) {
    Fiber *f = &schedule.fibers[(from + i) % schedule.n];
    if (f->ended || f->waits_for != what) continue;
    f->waits_for = NULL;
    if (!all) return;
  }
}

static void run_fiber(void) {
  Fiber *me = &schedule.fibers[schedule.now];
  me->run(me->arg);
  me->ended = true;
  schedule_wake(me, true);
  go_on();
}

void schedule_begin(uint64_t seed) {
  memset(&schedule, 0, sizeof schedule);
  schedule.seed = seed;
  schedule.random = seed * 0x9e3779b97f4a7c15u + 1;
  schedule.stay = seed % 2 == 0 ? 2 : 2 + (unsigned)(seed / 2 % 30);
  schedule.n = 1;
}

void schedule_end(void) {
  for (unsigned i = 1; i < schedule.n; i++) {
    ck_assert(schedule.fibers[i].ended);
    ambi_free(schedule.fibers[i].stack, FIBER_STACK);
  }
}

// ---- what stands in for threads ------------------------------------------------------
int schedule_create(unsigned *thread, const pthread_attr_t *a,
                    void *(*run)(void *arg), void *arg) {
  (void)a;
  ck_assert_uint_lt(schedule.n, MOST_FIBERS);
  Fiber *f = &schedule.fibers[schedule.n];
  *f = (Fiber){.stack = ambi_alloc(FIBER_STACK), .run = run, .arg = arg};
  if (!f->stack) return EAGAIN;
  getcontext(&f->at);
  f->at.uc_stack.ss_sp = f->stack;
  f->at.uc_stack.ss_size = FIBER_STACK;
  makecontext(&f->at, run_fiber, 0);
  *thread = schedule.n++;
  schedule_point();
  return 0;
}

int schedule_join(unsigned thread) {
  while (!schedule.fibers[thread].ended)
    schedule_wait(&schedule.fibers[thread], 0);
  return 0;
}

int schedule_lock(ScheduleLock *l) {
  schedule_point();
  while (l->held)
    schedule_wait(l, 0);
  l->held = true;
  return 0;
}
int schedule_unlock(ScheduleLock *l) {
  ck_assert(l->held);
  l->held = false;
  schedule_wake(l, false);
  schedule_point();
  return 0;
}

int schedule_post(SchedulePosts *s) {
  s->n++;
  schedule_wake(s, false);
  schedule_point();
  return 0;
}
int schedule_take_post(SchedulePosts *s) {
  schedule_point();
  while (s->n == 0)
    schedule_wait(s, 0);
  s->n--;
  return 0;
}

int schedule_await(ScheduleCondition *c, ScheduleLock *l,
                   const struct timespec *until) {
  uint64_t until_ns =
      until ? (uint64_t)until->tv_sec * 1000000000u + (uint64_t)until->tv_nsec
            : 0;
  l->held = false;
  schedule_wake(l, false);
  bool woken = schedule_wait(c, until_ns);
  while (l->held)
    schedule_wait(l, 0);
  l->held = true;
  return woken ? 0 : ETIMEDOUT;
}
int schedule_signal(ScheduleCondition *c) {
  schedule_wake(c, false);
  return 0;
}

int schedule_clock(struct timespec *t) {
  schedule_point();
  *t = (struct timespec){(time_t)(schedule.clock_ns / 1000000000u),
                         (long)(schedule.clock_ns % 1000000000u)};
  return 0;
}

int schedule_nothing(const void *what) {
  (void)what;
  return 0;
}

void schedule_sleep(uint64_t ns) {
  schedule_wait(&schedule, schedule.clock_ns + ns + 1);
}
