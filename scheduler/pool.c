// The threads of pool.h: what each takes next, whom it steals from, when it rests.
#define _GNU_SOURCE  // pthread_setname_np
#include "scheduler/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "memory/alloc.h"
#include "memory/check.h"
#include "memory/processors.h"
#include "memory/timeline.h"
#include "scheduler/evaluator.h"

enum {
  STACK_BYTES = 1 << 20,
  BATCH_TURN = 8,  // of so many slices one is for a batch task, if there is any
  SPARE_TURN = 32,     // ... one is for a spare task
  INJECTED_TURN = 16,  // ... one look is at what came from outside
  SPIN_NS =
      4000,    // a search takes no longer than going to sleep and being woken
  PAUSES = 32  // between two looks
};

struct Pool {
  Lot lot;                  // its own
  Timers *timers;           // [init]
  PoolUse use;              // [init]
  unsigned n;               // [init]
  uint64_t spin_ns;         // [init]
  pthread_mutex_t threads;  // [init]
  unsigned nthreads;        // [lock:threads] evaluators 1 .. nthreads have one
  bool closing;             // [lock:threads]
  pthread_t *thread;        // [lock:threads]
  Evaluator *evaluators[];  // [init]
};

static size_t size_of_evaluator(unsigned n) {
  return sizeof(Evaluator) + n * sizeof(uint64_t);
}
static size_t size_of_pool(unsigned n) {
  return sizeof(Pool) + n * sizeof(Evaluator *);
}

// ---- stealing ---------------------------------------------------------------------

static uint64_t next_random(Evaluator *e) {
  uint64_t x = e->random;  // xorshift: never 0
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return e->random = x;
}

static bool steal_from(Evaluator *e, Evaluator *victim, uint64_t least) {
  uint64_t n = ambi_run_queue_steal(&victim->queues[TASK_BATCH],
                                    &e->queues[TASK_BATCH], 1);
  n += ambi_run_queue_steal(&victim->queues[TASK_INTERACTIVE],
                            &e->queues[TASK_INTERACTIVE], least);
  if (n == 0)
    n = ambi_run_queue_steal(&victim->queues[TASK_SPARE],
                             &e->queues[TASK_SPARE], 1);
  if (n == 0) return false;
  ambi_count(&e->counts.x_steals, 1);
  ambi_count(&e->counts.x_stolen, n);
  return true;
}

// The one interactive task of a queue is left alone: its evaluator will take it next,
// where its data are. Only if that did not end a slice during a whole search
// (`long_slices`), it is in a long one. A batch task has much to do wherever it is.
static bool steal(Evaluator *e, bool long_slices) {
  const Pool *p = e->pool;
  uint64_t first = next_random(e) % p->n;
  for (unsigned i = 0; i < p->n; i++) {
    unsigned at = (unsigned)((first + i) % p->n);
    Evaluator *victim = p->evaluators[at];
    if (victim == e) continue;
    bool is_long = long_slices &&
                   ambi_load_relaxed(&victim->counts.x_slices) == e->seen[at];
    if (steal_from(e, victim, is_long ? 1 : 2)) return true;
  }
  return false;
}

static void pause_a_moment(void) {
  for (int i = 0; i < PAUSES; i++) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
  }
}

static bool is_called(const Evaluator *e) {
  return ambi_load_relaxed(&e->lot->x_injected) > 0 ||
         ambi_load_relaxed(&e->lot->x_nudged) ||
         ambi_load_relaxed(&e->lot->x_closing);
}

// It is the one that searches.
static void search(Evaluator *e) {
  const Pool *p = e->pool;
  uint64_t begun = ambi_now_ns();
  for (unsigned i = 0; i < p->n; i++)
    e->seen[i] = ambi_load_relaxed(&p->evaluators[i]->counts.x_slices);
  do {
    if (is_called(e) || steal(e, false)) return;
    pause_a_moment();
  } while (ambi_now_ns() - begun < p->spin_ns);
  steal(e, true);
}

// ---- one evaluator ------------------------------------------------------------------

static Task *take_own(Evaluator *e) {
  int first = e->turn % SPARE_TURN == 1   ? TASK_SPARE
              : e->turn % BATCH_TURN == 0 ? TASK_BATCH
                                          : TASK_INTERACTIVE;
  Task *t = ambi_run_queue_take(&e->queues[first]);
  for (int c = 0; !t && c < TASK_CLASSES; c++)
    t = ambi_run_queue_take(&e->queues[c]);
  return t;
}

static void take_injected(Evaluator *e) {
  if (ambi_load_relaxed(&e->lot->x_injected) > 0)
    ambi_count(&e->counts.x_wakes,
               ambi_lot_take(e->lot, &e->sleeper, e->queues));
}

// NULL: it found nothing.
static Task *next_task(Evaluator *e) {
  e->turn++;
  if (e->turn % INJECTED_TURN == 0) take_injected(e);
  Task *t = take_own(e);
  if (!t) {
    take_injected(e);
    t = take_own(e);
  }
  if (!t && steal(e, false)) t = take_own(e);
  if (!t) return NULL;
  if (e->sleeper.searching)
    ambi_count(&e->counts.x_wakes, ambi_lot_found(e->lot, &e->sleeper));
  ambi_pool_offer(e);
  return t;
}

static void run_slice(Task *t, Evaluator *e) {
  Timeline *look = e->pool->use.timeline;
  uint64_t began = look ? ambi_timeline_now() : 0;
  ambi_task_slice(t, e);
  if (look) ambi_timeline_slice(look, began);
}

static LotRest sleep_in_lot(Evaluator *e) {
  Timeline *look = e->pool->use.timeline;
  uint64_t began = look ? ambi_timeline_now() : 0;
  LotRest woken_to = ambi_lot_rest(e->lot, &e->sleeper);
  if (look) ambi_timeline_span(look, began, "parked", "parked", 0);
  return woken_to;
}

// False: nobody can go on (the helper alone is told).
static bool rest(Evaluator *e) {
  const PoolUse *use = &e->pool->use;
  if (use->rest) use->rest(e, use->arg);
  ambi_count(&e->counts.x_parks, 1);
  switch (sleep_in_lot(e)) {
  case LOT_SEARCH: search(e); break;
  case LOT_LOOK: break;
  case LOT_STUCK: return false;
  }
  return true;
}

static bool begin_acting(Evaluator *e) {
  const PoolUse *use = &e->pool->use;
  return !use->enter || use->enter(e, use->arg);
}

// What it has goes to the others; the only one keeps it for the next time.
static void end_acting(Evaluator *e, bool entered) {
  const PoolUse *use = &e->pool->use;
  TaskList tasks[TASK_CLASSES] = {0};
  if (entered && use->leave) use->leave(e, use->arg);
  for (int c = 0; e->pool->n > 1 && c < TASK_CLASSES; c++) {
    Task *t;
    while ((t = ambi_run_queue_take(&e->queues[c])))
      ambi_tasks_append(&tasks[c], t);
  }
  ambi_lot_part(e->lot, &e->sleeper, tasks);
}

HelpEnd ambi_pool_help(Pool *p, bool (*until)(void *arg), void *arg) {
  Evaluator *e = p->evaluators[0];
  HelpEnd end = HELP_REACHED;
  ambi_lot_join(&p->lot, &e->sleeper);
  bool entered = begin_acting(e);
  if (!entered) end = HELP_OUTAGE;
  while (entered && !until(arg)) {
    Task *t = next_task(e);
    if (t) {
      run_slice(t, e);
    } else if (!rest(e)) {
      end = HELP_STUCK;
      break;
    }
  }
  end_acting(e, entered);
  return end;
}

void ambi_pool_turn(Pool *p) {
  Evaluator *e = p->evaluators[0];
  ambi_lot_join(&p->lot, &e->sleeper);
  bool entered = begin_acting(e);
  Task *t = entered ? next_task(e) : NULL;
  if (t) run_slice(t, e);
  end_acting(e, entered);
}

// ---- threads ----------------------------------------------------------------------

static void name_track(const Evaluator *e) {
  char name[TRACK_NAME];
  if (!e->pool->use.timeline) return;
  snprintf(name, sizeof name, "evaluator %u", e->index);
  ambi_timeline_name(e->pool->use.timeline, name, e->index);
}

static void *work(void *arg) {
  Evaluator *e = arg;
  ambi_tally_use(&e->tally);
  name_track(e);
  if (!begin_acting(e)) {
    ambi_lot_start_failed(e->lot);
    return NULL;
  }
  while (!ambi_load_acquire(&e->lot->x_closing)) {
    Task *t = next_task(e);
    if (t)
      run_slice(t, e);
    else
      rest(e);
  }
  end_acting(e, true);
  return NULL;
}

// Signals are for the threads of the program around us.
static bool create(pthread_t *thread, Evaluator *e) {
  sigset_t all, before;
  pthread_attr_t attributes;
  char name[16];
  if (!ambi_alloc_permitted() || pthread_attr_init(&attributes) != 0)
    return false;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool ok = pthread_create(thread, &attributes, work, e) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  snprintf(name, sizeof name, "ambit-%u", e->index % 1000);
  if (ok) pthread_setname_np(*thread, name);
  return ok;
}

// The lot has decided it: whoever comes next, a searching one.
static void start_thread(void *arg) {
  Pool *p = arg;
  pthread_mutex_lock(&p->threads);
  bool ok = !p->closing;
  if (ok) {
    Evaluator *e = p->evaluators[p->nthreads + 1];
    e->sleeper.searching = true;
    ok = create(&p->thread[p->nthreads], e);
    p->nthreads += ok;
  }
  pthread_mutex_unlock(&p->threads);
  if (!ok) ambi_lot_start_failed(&p->lot);
}

static bool is_awaited(void *arg) {
  const Pool *p = arg;
  return ambi_timers_armed(p->timers) > 0;
}

static void drained(void *arg) {
  ambi_pool_nudge(arg);
}

// ---- the pool -----------------------------------------------------------------------

static Evaluator *open_evaluator(Pool *p, unsigned index) {
  Evaluator *e = ambi_alloc(size_of_evaluator(p->n));
  if (!e) return NULL;
  e->pool = p;
  e->lot = &p->lot;
  e->index = index;
  e->random = 0x9e3779b97f4a7c15u * (index + 1);
  sem_init(&e->sleeper.wake, 0, 0);
  return e;
}

static void free_pool(Pool *p) {
  for (unsigned i = 0; i < p->n; i++) {
    if (!p->evaluators[i]) continue;
    sem_destroy(&p->evaluators[i]->sleeper.wake);
    ambi_free(p->evaluators[i], size_of_evaluator(p->n));
  }
  ambi_timers_close(p->timers);
  if (p->thread) ambi_free(p->thread, p->n * sizeof *p->thread);
  ambi_lot_close(&p->lot);
  pthread_mutex_destroy(&p->threads);
  ambi_free(p, size_of_pool(p->n));
}

Pool *ambi_pool_open(unsigned n, const PoolUse *use) {
  AMB_CHECK(n >= 1);
  Pool *p = ambi_alloc(size_of_pool(n));
  if (!p) return NULL;
  p->n = n;
  if (use) p->use = *use;
  p->spin_ns = ambi_processors_allowed() > 1 ? SPIN_NS : 0;
  pthread_mutex_init(&p->threads, NULL);
  ambi_lot_open(&p->lot, n - 1, &(LotUse){start_thread, is_awaited, p});
  p->timers = ambi_timers_open(drained, p);
  p->thread = ambi_alloc(n * sizeof *p->thread);
  bool ok = p->timers && p->thread;
  for (unsigned i = 0; ok && i < n; i++)
    ok = (p->evaluators[i] = open_evaluator(p, i)) != NULL;
  if (ok) return p;
  free_pool(p);
  return NULL;
}

static void stop_threads(Pool *p) {
  if (!p->timers) return;  // it was stopped before
  ambi_lot_end(&p->lot);
  pthread_mutex_lock(&p->threads);
  p->closing = true;
  pthread_mutex_unlock(&p->threads);
  for (unsigned i = 0; i < p->nthreads; i++)
    pthread_join(p->thread[i], NULL);
  ambi_timers_close(p->timers);  // which may have brought tasks until now
  p->timers = NULL;
}

static Task *take_left(Pool *p) {
  Task *t = NULL;
  for (int c = 0; c < TASK_CLASSES && !t; c++)
    t = ambi_run_queue_take(&p->evaluators[0]->queues[c]);
  return t ? t : ambi_lot_take_left(&p->lot);
}

static void leave_tasks(Pool *p, void (*left)(Task *t, void *arg), void *arg) {
  Task *t;
  while ((t = take_left(p)))
    if (left) left(t, arg);
}

void ambi_pool_stop(Pool *p) {
  stop_threads(p);
  leave_tasks(p, NULL, NULL);
}

uint64_t ambi_pool_close(Pool *p, void (*left)(Task *t, void *arg), void *arg) {
  stop_threads(p);
  uint64_t living = 0;
  for (unsigned i = 0; i <= p->n; i++) {
    PoolCounts c = ambi_pool_counts(p, i);
    living += c.started - c.done;
  }
  leave_tasks(p, left, arg);
  free_pool(p);
  return living;
}

void ambi_pool_inject(Task *t, bool is_new) {
  ambi_lot_inject(&t->pool->lot, t, is_new);
}

void ambi_pool_nudge(Pool *p) {
  ambi_lot_nudge(&p->lot);
}

sem_t *ambi_pool_bell(Pool *p) {
  return &p->evaluators[0]->sleeper.wake;
}

void ambi_pool_expect(Pool *p) {
  ambi_lot_expect(&p->lot, true);
}

void ambi_pool_unexpect(Pool *p) {
  ambi_lot_expect(&p->lot, false);
}

bool ambi_pool_is_quiet(Pool *p) {
  return !ambi_evaluator_has_tasks(p->evaluators[0]) &&
         ambi_lot_is_quiet(&p->lot);
}

void ambi_pool_offer(Evaluator *self) {
  if (ambi_lot_wants(self->lot) && ambi_evaluator_has_tasks(self))
    ambi_count(&self->counts.x_wakes, ambi_lot_offer(self->lot));
}

bool ambi_pool_has_waiting(const Evaluator *self, bool spare) {
  return (spare ? ambi_evaluator_has_tasks(self)
                : ambi_evaluator_is_busy(self)) ||
         ambi_load_relaxed(&self->lot->x_injected) > 0;
}

unsigned ambi_pool_size(const Pool *p) {
  return p->n;
}
Timers *ambi_pool_timers(Pool *p) {
  return p->timers;
}
Evaluator *ambi_pool_evaluator(const Pool *p, unsigned i) {
  return p->evaluators[i];
}
Pool *ambi_evaluator_pool(const Evaluator *self) {
  return self->pool;
}
unsigned ambi_evaluator_index(const Evaluator *self) {
  return self->index;
}
void **ambi_evaluator_data(Evaluator *self) {
  return &self->data;
}

PoolCounts ambi_pool_counts(Pool *p, unsigned i) {
  if (i == p->n) return (PoolCounts){.started = ambi_lot_started(&p->lot)};
  const EvaluatorCounts *c = &p->evaluators[i]->counts;
  return (PoolCounts){
      .slices = ambi_load_relaxed(&c->x_slices),
      .started = ambi_load_relaxed(&c->x_started),
      .done = ambi_load_relaxed(&c->x_done),
      .steals = ambi_load_relaxed(&c->x_steals),
      .stolen = ambi_load_relaxed(&c->x_stolen),
      .parks = ambi_load_relaxed(&c->x_parks),
      .wakes = ambi_load_relaxed(&c->x_wakes),
  };
}

const Tally *ambi_pool_tally(const Pool *p, unsigned i) {
  return &p->evaluators[i]->tally;
}
