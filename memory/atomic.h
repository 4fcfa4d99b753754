// All atomics: operations named by their ordering; grep here is the audit.
//
// The only file with memory_order_*. C11 builtins, which ThreadSanitizer sees.
//
// What more than one thread looks at says whose it is, in a tag that opens its
// comment (tests/check_shared.sh looks for it):
//   [init]      written before anybody else can see it
//   [own]       of the thread that uses the Runtime
//   [lock]      looked at under the lock beside it; [lock:NAME]: under that one
//   [lock>all]  written under the lock, read by anybody; [own>all] likewise
//   [all]       anybody, atomically; [all~]: and nothing depends on how soon
//   [compiler]  written by the thread that compiles, read by anybody
//   [evaluator] of the thread that acts as this evaluator (scheduler/pool.h);
//               [evaluator>all]: written by that one, read by anybody
#ifndef AMBIT_MEMORY_ATOMIC_H
#define AMBIT_MEMORY_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

// Is ThreadSanitizer watching? It does not see machine code that we make.
#if defined(__SANITIZE_THREAD__)
enum { AMB_TSAN = 1 };
#elif defined(__has_feature)
enum { AMB_TSAN = __has_feature(thread_sanitizer) };
#else
enum { AMB_TSAN = 0 };
#endif

#define AMB_ATOMIC(T) _Atomic(T)

// In a build of the type `noise`, threads change places in front of any of these.
#ifdef AMB_NOISE
void ambi_noise(void);  // memory/noise.c
#define AMB_NOISY(operation) (ambi_noise(), operation)
#else
#define AMB_NOISY(operation) (operation)
#endif

#define ambi_load_relaxed(p) \
  AMB_NOISY(atomic_load_explicit((p), memory_order_relaxed))
#define ambi_load_acquire(p) \
  AMB_NOISY(atomic_load_explicit((p), memory_order_acquire))
#define ambi_store_relaxed(p, v) \
  AMB_NOISY(atomic_store_explicit((p), (v), memory_order_relaxed))
#define ambi_store_release(p, v) \
  AMB_NOISY(atomic_store_explicit((p), (v), memory_order_release))
// True: it was *expected and is v now. False: *expected is what it was.
#define ambi_compare_exchange(p, expected, v)        \
  AMB_NOISY(atomic_compare_exchange_strong_explicit( \
      (p), (expected), (v), memory_order_acq_rel, memory_order_acquire))
#define ambi_compare_exchange_relaxed(p, expected, v) \
  AMB_NOISY(atomic_compare_exchange_strong_explicit(  \
      (p), (expected), (v), memory_order_relaxed, memory_order_relaxed))
#define ambi_exchange(p, v) \
  AMB_NOISY(atomic_exchange_explicit((p), (v), memory_order_acq_rel))
#define ambi_add_release(p, v) \
  AMB_NOISY(atomic_fetch_add_explicit((p), (v), memory_order_release))
#define ambi_add_relaxed(p, v) \
  AMB_NOISY(atomic_fetch_add_explicit((p), (v), memory_order_relaxed))

// What was there, less v from now on.
#define ambi_sub(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)

// The most of what was there and v.
static inline void ambi_raise_relaxed(AMB_ATOMIC(uint64_t) * p, uint64_t v) {
  uint64_t was = ambi_load_relaxed(p);
  while (v > was && !ambi_compare_exchange_relaxed(p, &was, v)) {
  }
}

#endif
