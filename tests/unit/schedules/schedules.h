// Threads one at a time, in an order that a seed decides: the real code, and a schedule
// that can be run again.
//
// The compiler is told to include this before each file of such a program. Atomics,
// locks, semaphores, conditions, threads and the clock are replaced: each is a point
// where another thread may go on. The threads are coroutines of the one real thread, so
// a run is the same whenever its seed is. Accesses have one order here; what weaker
// orders allow is for ThreadSanitizer and the models. Where all threads wait, the clock
// goes to the first time one of them waits for; where there is none, the test fails and
// names the seed.
//
// Half of the seeds prefer to stay with a thread for long, so that others come far while
// one stands between two steps.
#ifndef AMBIT_TESTS_SCHEDULES_H
#define AMBIT_TESTS_SCHEDULES_H

#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "memory/atomic.h"
#include "memory/short_lock.h"

void schedule_begin(uint64_t seed);
void schedule_end(void);         // all threads have ended
uint64_t schedule_random(void);  // also for what the test decides
void schedule_point(void);       // another thread may go on
void schedule_sleep(uint64_t ns);

typedef struct ScheduleLock {
  bool held;
} ScheduleLock;
typedef struct SchedulePosts {
  unsigned n;
} SchedulePosts;
typedef struct ScheduleCondition {
  char unused;
} ScheduleCondition;

int schedule_create(unsigned *thread, const pthread_attr_t *a,
                    void *(*run)(void *arg), void *arg);
int schedule_join(unsigned thread);
int schedule_lock(ScheduleLock *l);
int schedule_unlock(ScheduleLock *l);
int schedule_post(SchedulePosts *s);
int schedule_take_post(SchedulePosts *s);
int schedule_await(ScheduleCondition *c, ScheduleLock *l,
                   const struct timespec *until);
int schedule_signal(ScheduleCondition *c);
int schedule_clock(struct timespec *t);
int schedule_nothing(const void *what);

#define pthread_t                   unsigned
#define pthread_create              schedule_create
#define pthread_join(t, result)     schedule_join(t)
#define pthread_setname_np(t, name) schedule_nothing(name)
#define pthread_mutex_t             ScheduleLock
#define pthread_mutex_init(l, a)    ((l)->held = false)
#define ambi_short_lock_open(l)     ((l)->held = false)
#define pthread_mutex_destroy(l)    schedule_nothing(l)
#define pthread_mutex_lock          schedule_lock
#define pthread_mutex_unlock        schedule_unlock
#define pthread_cond_t              ScheduleCondition
#define pthread_cond_init(c, a)     schedule_nothing(c)
#define pthread_cond_destroy(c)     schedule_nothing(c)
#define pthread_cond_wait(c, l)     schedule_await(c, l, NULL)
#define pthread_cond_timedwait      schedule_await
#define pthread_cond_signal         schedule_signal
#define sem_t                       SchedulePosts
#define sem_init(s, shared, posts)  ((s)->n = (posts))
#define sem_destroy(s)              schedule_nothing(s)
#define sem_post                    schedule_post
#define sem_wait                    schedule_take_post
#define clock_gettime(which, t)     schedule_clock(t)
#define __builtin_ia32_pause()      schedule_point()

// ---- atomics --------------------------------------------------------------------------
#define SCHEDULED(operation) (schedule_point(), operation)
#undef ambi_load_relaxed
#undef ambi_load_acquire
#undef ambi_store_relaxed
#undef ambi_store_release
#undef ambi_compare_exchange
#undef ambi_compare_exchange_relaxed
#undef ambi_exchange
#undef ambi_add_release
#undef ambi_add_relaxed
#define ambi_load_relaxed(p)     SCHEDULED(atomic_load(p))
#define ambi_load_acquire(p)     SCHEDULED(atomic_load(p))
#define ambi_store_relaxed(p, v) SCHEDULED(atomic_store(p, v))
#define ambi_store_release(p, v) SCHEDULED(atomic_store(p, v))
#define ambi_exchange(p, v)      SCHEDULED(atomic_exchange(p, v))
#define ambi_add_release(p, v)   SCHEDULED(atomic_fetch_add(p, v))
#define ambi_add_relaxed(p, v)   SCHEDULED(atomic_fetch_add(p, v))
#define ambi_compare_exchange(p, expected, v) \
  SCHEDULED(atomic_compare_exchange_strong(p, expected, v))
#define ambi_compare_exchange_relaxed ambi_compare_exchange

#endif
