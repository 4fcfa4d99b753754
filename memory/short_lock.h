// Locks that are held for some tens of instructions, by threads that meet there often.
//
// Who finds one taken looks some more times before it sleeps, where the C library can do
// that: going to sleep and being woken takes a hundred times as long as the lock is held.
#ifndef AMBIT_MEMORY_SHORT_LOCK_H
#define AMBIT_MEMORY_SHORT_LOCK_H

#include <pthread.h>

// Closed by pthread_mutex_destroy.
void ambi_short_lock_open(pthread_mutex_t *lock);

#endif
