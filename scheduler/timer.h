// What is to happen later: a heap of times, and one thread that sleeps until the first.
//
// Evaluators would have to look at a clock between slices, would be late behind a slice
// that is long, and could not wait for anything but time; so the thread is one of its
// own. It is started with the first timer. A timer that is not the first one wakes
// nobody when it is started, and none does when it is cancelled: waits that end in time,
// which is nearly all of them, cost a lock and a few links (pairing heap: a Timer needs
// no memory but its own, so that only the start of the thread can fail).
//
// `fire` is called on that thread, under the lock: it wakes a task or leaves a note, and
// neither blocks nor starts or cancels timers. So when ambi_timer_cancel has returned,
// nobody looks at the timer any more.
#ifndef AMBIT_SCHEDULER_TIMER_H
#define AMBIT_SCHEDULER_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Timers Timers;
typedef struct Timer Timer;

struct Timer {  // [lock]
  Timer *child, *next;
  Timer *before;    // sibling, or the parent
  uint64_t due_ns;  // by ambi_now_ns
  uint64_t turn;    // of two that are due at once the older one goes first
  void (*fire)(Timer *t);  // NULL: it is not armed
  bool brings;             // something that others wait for
};

// A clock that nobody sets.
uint64_t ambi_now_ns(void);

// NULL: memory is out. `drained` is called, without the lock, when the last timer has
// fired.
Timers *ambi_timers_open(void (*drained)(void *arg), void *arg);
// Nothing fires any more.
void ambi_timers_close(Timers *all);
// t is all zero, or was cancelled, or has fired. False: there is no thread for it.
bool ambi_timer_start(Timers *all, Timer *t, uint64_t due_ns,
                      void (*fire)(Timer *t));
// The same for one that brings nothing that is waited for: it is not counted.
bool ambi_timer_start_aside(Timers *all, Timer *t, uint64_t due_ns,
                            void (*fire)(Timer *t));
// True: it has not fired and will not. False: it has, or was not armed.
bool ambi_timer_cancel(Timers *all, Timer *t);
// How many are armed, but those aside. A timer counts until its `fire` is over.
size_t ambi_timers_armed(const Timers *all);

bool ambi_timers_is_valid(Timers *all, const char **why);

#endif
