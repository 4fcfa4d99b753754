// Threads that change places where nobody expects it, for builds of the type `noise`.
//
// What goes wrong between two looks at what threads share takes another thread at this
// very moment, which else comes once in a million runs. Here each thread gives way now
// and then in front of an atomic operation, or sleeps for some microseconds.
#include "memory/atomic.h"

#ifdef AMB_NOISE
#include <sched.h>
#include <unistd.h>

enum { APART = 512, SLEEPS = 8, MICROSECONDS = 64 };

void ambi_noise(void) {
  static _Thread_local uint64_t random;
  static _Thread_local unsigned left;
  if (left-- > 0) return;
  if (!random) random = (uint64_t)(uintptr_t)&random ^ (uint64_t)getpid() << 32;
  random = random * 6364136223846793005u + 1442695040888963407u;
  unsigned r = (unsigned)(random >> 33);
  left = r % APART;
  r /= APART;
  if (r % SLEEPS)
    sched_yield();
  else
    usleep(r / SLEEPS % MICROSECONDS);
}
#endif
