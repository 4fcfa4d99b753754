// What was taken out of sight is freed when nobody can still be looking at it.
//
// Threads that look at shared structures without a lock take part in an Epochs. Each
// says when it goes in and when it is out again; in between it may keep what it has
// found. Who takes something out of sight retires it: it is given back when everybody
// who was inside then has been out since.
//
// PROTOCOL epochs
//   what      Epochs.x_now, a number that grows; Participant.x_since, what it was when
//             the thread went in, 0 while it is outside
//   writer    x_now: who retires, by adding; x_since: its own thread
//   readers   everybody; x_since: who wants to know whether a number is past
//   publish   what is retired was taken out of sight before x_now grows (release);
//             going out is a release store of 0
//   observe   going in is an exchange of x_since, then whatever is looked at. Asking
//             is a compare-exchange of 0 for 0
//   why safe  who asks and finds 0 is, in the order of x_since, either before the next
//             going in, which then sees all that was done before the question, or after
//             the last going out, whose looking is over. Who is found inside with a
//             number above that of the retired thing went in after x_now had grown, so
//             it did not find it
//   waits     going in and out: never. Retiring takes the lock; giving back is left to a
//             later time where another thread has it, as every change of a space asks
//   lifetime  a Participant belongs to its thread, from join to part
//   weaker?   a plain store for going in is rejected: what is looked at could be loaded
//             before the store is seen
//   test      tests/unit/epoch_test.c, tests/unit/share_test.c, also under tsan
#ifndef AMBIT_MEMORY_EPOCH_H
#define AMBIT_MEMORY_EPOCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/atomic.h"
#include "memory/check.h"
#include "memory/stress.h"

typedef struct Participant Participant;
struct Participant {
  AMB_ATOMIC(uint64_t) x_since;  // [own>all] 0: outside
  Participant *next;             // [lock]
};

// The first field of what is retired, or a thing of its own that leads there.
typedef struct Retired Retired;
struct Retired {
  Retired *next;
  uint64_t since;
  void (*give_back)(Retired *r);
};

typedef struct Epochs {
  AMB_ATOMIC(uint64_t) x_now;    // [all]
  AMB_ATOMIC(size_t) x_waiting;  // [lock>all] retired and not given back
  pthread_mutex_t lock;          // [init]
  Participant *all;              // [lock]
  Retired *oldest, **newest;     // [lock] where the next one is linked
  Pace walked;                   // [lock]
} Epochs;

void ambi_epochs_open(Epochs *e);
// Nobody takes part any more; gives back what waits.
void ambi_epochs_close(Epochs *e);
void ambi_epoch_join(Epochs *e, Participant *p);
void ambi_epoch_part(Epochs *e, Participant *p);

static inline void ambi_epoch_enter(Epochs *e, Participant *p) {
  AMB_ASSERT(ambi_load_relaxed(&p->x_since) == 0);
  ambi_exchange(&p->x_since, ambi_load_acquire(&e->x_now));
}
static inline void ambi_epoch_leave(Participant *p) {
  AMB_ASSERT(ambi_load_relaxed(&p->x_since) != 0);
  ambi_store_release(&p->x_since, 0);
}

// Asked by its own thread.
static inline bool ambi_epoch_is_inside(const Participant *p) {
  return ambi_load_relaxed(&p->x_since) != 0;
}

// A number for this moment.
uint64_t ambi_epoch_mark(Epochs *e);
// Has everybody who was inside at the mark been out since?
bool ambi_epoch_is_past(Epochs *e, uint64_t mark);

// Any thread. What is retired was taken out of sight.
void ambi_epoch_retire(Epochs *e, Retired *r);
// Gives back what can be; also without anything to do it is cheap.
void ambi_epoch_poll(Epochs *e);

bool ambi_epochs_is_valid(Epochs *e, const char **why);

// Memory that will be retired: what it takes to do so is asked for before something
// changes. NULL: memory is out.
typedef struct RetiredBlock RetiredBlock;
RetiredBlock *ambi_retired_block(void *at, size_t size);
void ambi_epoch_retire_block(Epochs *e, RetiredBlock *b);
void ambi_retired_drop(RetiredBlock *b);  // it is not retired after all

// An array becomes larger while others may be looking at it, in three steps: a larger
// one is begun, the caller publishes it with a release store, the old one is retired.
// Without Epochs there are no others: then it is ambi_grow.
typedef struct Growth {
  void *at;
  size_t cap;
  RetiredBlock *old;
} Growth;
bool ambi_growth_begin(Growth *g, Epochs *e, void *array, size_t cap,
                       size_t need, size_t item);
void ambi_growth_end(Growth *g, Epochs *e);

#endif
