// Named locks that evaluations take: with-mutex.
//
// PROTOCOL mutex
//   what      Mutex: its holder and how often that took it, and who waits, in the order in
//             which they came; Context.held and Context.waiter, what one evaluation has and
//             waits for
//   writer    whoever takes or gives a lock, with Mutexes.lock
//   readers   the same
//   publish   under that lock; the next holder is written before it is woken
//   observe   under that lock, or in the slice that a wake brings about (task-state)
//   why safe  a lock is handed on: who gives it makes the first who waits its holder, so
//             nobody takes it in between, and who is woken for nothing waits on. A Context
//             touches its own lists only
//   waits     an evaluation rests (STOP_WAIT); a thread waits for nobody. When nobody can go
//             on, the evaluation that came last to wait is refused, and gets an Error
//   lifetime  a Mutex goes with its last holder when nobody waits. What a Context has is
//             given back when its form is closed, for whatever reason; so it goes on
//             existing while anybody waits
//   weaker?   a lock for each Mutex is rejected: it is held for a few instructions
//   test      tests/lang/concurrent/with-mutex.metta and mutex-among-actors.metta, also
//             under tsan
#ifndef AMBIT_SCHEDULER_MUTEX_H
#define AMBIT_SCHEDULER_MUTEX_H

#include "runtime/runtime.h"

// Does nothing where there are some, nor in tier 0, which has one evaluation at a time.
// They go with the Runtime. False: memory is out.
bool ambi_mutexes_open(Runtime *rt);
// Has cx got what it waited for, or been refused?
bool ambi_mutex_news(const Context *cx);
// Nobody can go on: refuses who waits and came last. False: nobody waits.
bool ambi_mutexes_refuse(Runtime *rt);

bool ambi_mutexes_is_valid(Runtime *rt, const char **why);

#endif
