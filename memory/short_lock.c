#define _GNU_SOURCE  // PTHREAD_MUTEX_ADAPTIVE_NP
#include "memory/short_lock.h"

void ambi_short_lock_open(pthread_mutex_t *lock) {
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
#ifdef __GLIBC__
  pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
  pthread_mutex_init(lock, &kind);
  pthread_mutexattr_destroy(&kind);
}
