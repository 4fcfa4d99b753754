// The heap of timer.h, and its thread.
#define _GNU_SOURCE  // pthread_setname_np
#include "scheduler/timer.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "memory/alloc.h"
#include "memory/atomic.h"
#include "memory/check.h"
#include "memory/stress.h"

enum { STACK_BYTES = 128 << 10 };

struct Timers {
  pthread_mutex_t lock;    // [init]
  pthread_cond_t changed;  // [init] with lock: the first timer is another one
  pthread_t thread;        // [lock]
  bool threaded, closing;  // [lock]
  Timer *first;            // [lock]
  uint64_t turn;           // [lock]
  uint64_t sleeps_until;   // [lock] 0: it does not sleep
  AMB_ATOMIC(uint64_t) x_armed;  // [lock>all]
  Pace walked;                   // [lock]
  void (*drained)(void *arg);    // [init]
  void *arg;                     // [init]
};

uint64_t ambi_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// ---- the heap -------------------------------------------------------------------------
// A tree where nobody is due before its parent. Children form a list.
static bool goes_first(const Timer *a, const Timer *b) {
  return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->turn < b->turn);
}

// Of two trees one; neither has siblings.
static Timer *meld(Timer *a, Timer *b) {
  if (!a || !b) return a ? a : b;
  if (goes_first(b, a)) {
    Timer *c = a;
    a = b;
    b = c;
  }
  b->before = a;
  b->next = a->child;
  if (b->next) b->next->before = b;
  a->child = b;
  return a;
}

// Of a list of siblings one tree: in pairs from the left, then these from the right.
static Timer *meld_all(Timer *t) {
  Timer *pairs = NULL, *all = NULL;
  while (t) {
    Timer *a = t, *b = t->next;
    t = b ? b->next : NULL;
    a->next = a->before = NULL;
    if (b) b->next = b->before = NULL;
    a = meld(a, b);
    a->next = pairs;
    pairs = a;
  }
  while (pairs) {
    Timer *a = pairs;
    pairs = a->next;
    a->next = NULL;
    all = meld(all, a);
  }
  return all;
}

static void unlink_timer(Timers *all, Timer *t) {
  Timer *below = meld_all(t->child);
  if (t == all->first) {
    all->first = below;
  } else {
    if (t->before->child == t)
      t->before->child = t->next;
    else
      t->before->next = t->next;
    if (t->next) t->next->before = t->before;
    all->first = meld(all->first, below);
  }
  t->child = t->next = t->before = NULL;
}

// ---- looking whether all is well, under the lock --------------------------------------
static bool family_is_valid(const Timers *all, const Timer *t,
                            const char **why) {
  if (!t->fire) return ambi_invalid(why, "a timer that waits and is not armed");
  if (t->turn >= all->turn)
    return ambi_invalid(why, "a timer of a turn to come");
  const Timer *before = t;
  for (const Timer *c = t->child; c; before = c, c = c->next) {
    if (c->before != before)
      return ambi_invalid(why, "a timer that another one stands before");
    if (goes_first(c, t))
      return ambi_invalid(why, "a timer that is due before its parent");
  }
  return true;
}

// The one behind t, parents before their children. NULL: t is the last.
static const Timer *timer_behind(const Timer *t) {
  if (t->child) return t->child;
  while (!t->next) {
    while (t->before && t->before->child != t)
      t = t->before;
    if (!t->before) return NULL;
    t = t->before;
  }
  return t->next;
}

static bool heap_is_valid(const Timers *all, const char **why) {
  uint64_t armed = 0;
  if (all->first && (all->first->before || all->first->next))
    return ambi_invalid(why, "the first timer is not alone");
  for (const Timer *t = all->first; t; t = timer_behind(t)) {
    if (!family_is_valid(all, t, why)) return false;
    armed += t->brings;
  }
  return armed == ambi_load_relaxed(&all->x_armed) ||
         ambi_invalid(why, "armed timers are miscounted");
}

bool ambi_timers_is_valid(Timers *all, const char **why) {
  pthread_mutex_lock(&all->lock);
  bool ok = heap_is_valid(all, why);
  pthread_mutex_unlock(&all->lock);
  return ok;
}

// Behind each change.
static void count_armed(Timers *all, uint64_t more) {
  ambi_store_release(&all->x_armed, ambi_load_relaxed(&all->x_armed) + more);
  if (ambi_pace(&all->walked, 64)) AMB_WALK(heap_is_valid(all, &why));
}

// ---- the thread -----------------------------------------------------------------------
// Everything that is due; true: nothing is waited for any more. What a timer does is done
// before it stops counting, so who finds none armed finds what they did.
static bool fire_due(Timers *all) {
  bool fired = false;
  while (all->first && all->first->due_ns <= ambi_now_ns()) {
    Timer *t = all->first;
    void (*fire)(Timer *) = t->fire;
    bool brings = t->brings;
    unlink_timer(all, t);
    t->fire = NULL;
    fire(t);  // t may be gone now
    count_armed(all, -(uint64_t)brings);
    fired |= brings;
  }
  return fired && ambi_load_relaxed(&all->x_armed) == 0;
}

static void sleep_until_due(Timers *all) {
  if (!all->first) {
    all->sleeps_until = UINT64_MAX;
    pthread_cond_wait(&all->changed, &all->lock);
  } else {
    uint64_t due = all->sleeps_until = all->first->due_ns;
    struct timespec until = {(time_t)(due / 1000000000u),
                             (long)(due % 1000000000u)};
    pthread_cond_timedwait(&all->changed, &all->lock, &until);
  }
  all->sleeps_until = 0;
}

static void *work(void *arg) {
  Timers *all = arg;
  pthread_mutex_lock(&all->lock);
  while (!all->closing) {
    if (fire_due(all)) {
      pthread_mutex_unlock(&all->lock);
      all->drained(all->arg);
      pthread_mutex_lock(&all->lock);
    } else {
      sleep_until_due(all);
    }
  }
  pthread_mutex_unlock(&all->lock);
  return NULL;
}

// Signals are for the threads of the program around us.
static bool start_thread(Timers *all) {
  sigset_t every, before;
  pthread_attr_t attributes;
  if (!ambi_alloc_permitted() || pthread_attr_init(&attributes) != 0)
    return false;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&every);
  pthread_sigmask(SIG_SETMASK, &every, &before);
  all->threaded = pthread_create(&all->thread, &attributes, work, all) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (all->threaded) pthread_setname_np(all->thread, "ambit-events");
  return all->threaded;
}

// ---- its users ------------------------------------------------------------------------
Timers *ambi_timers_open(void (*drained)(void *arg), void *arg) {
  Timers *all = ambi_alloc(sizeof *all);
  if (!all) return NULL;
  all->drained = drained;
  all->arg = arg;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&all->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&all->lock, NULL);
  return all;
}

void ambi_timers_close(Timers *all) {
  if (!all) return;
  pthread_mutex_lock(&all->lock);
  all->closing = true;
  pthread_cond_signal(&all->changed);
  bool threaded = all->threaded;
  pthread_mutex_unlock(&all->lock);
  if (threaded) pthread_join(all->thread, NULL);
  pthread_cond_destroy(&all->changed);
  pthread_mutex_destroy(&all->lock);
  ambi_free(all, sizeof *all);
}

static bool start(Timers *all, Timer *t, const Timer *as) {
  pthread_mutex_lock(&all->lock);
  AMB_ENSURE(!t->fire);
  bool ok = all->threaded || start_thread(all);
  if (ok) {
    *t = *as;
    t->turn = all->turn++;
    all->first = meld(all->first, t);
    count_armed(all, as->brings);
    if (as->due_ns < all->sleeps_until) pthread_cond_signal(&all->changed);
  }
  pthread_mutex_unlock(&all->lock);
  return ok;
}

bool ambi_timer_start(Timers *all, Timer *t, uint64_t due_ns,
                      void (*fire)(Timer *t)) {
  return start(all, t,
               &(Timer){.due_ns = due_ns, .fire = fire, .brings = true});
}

bool ambi_timer_start_aside(Timers *all, Timer *t, uint64_t due_ns,
                            void (*fire)(Timer *t)) {
  return start(all, t, &(Timer){.due_ns = due_ns, .fire = fire});
}

bool ambi_timer_cancel(Timers *all, Timer *t) {
  pthread_mutex_lock(&all->lock);
  bool armed = t->fire != NULL;
  if (armed) {
    unlink_timer(all, t);
    t->fire = NULL;
    count_armed(all, -(uint64_t)t->brings);
  }
  pthread_mutex_unlock(&all->lock);
  return armed;
}

size_t ambi_timers_armed(const Timers *all) {
  return (size_t)ambi_load_acquire(&all->x_armed);
}
