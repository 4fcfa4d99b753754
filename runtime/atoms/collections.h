// What the collections of a Runtime did, for those who look: --gc-stats, tests, and
// programs around the library. Each collector counts, on its evaluator's thread.
#ifndef AMBIT_RUNTIME_COLLECTIONS_H
#define AMBIT_RUNTIME_COLLECTIONS_H

#include "memory/latency.h"

typedef struct Collections {
  Latency minor, major;  // processor time of each, for which the program waits
  AMB_ATOMIC(uint64_t) x_copied;  // [all~] bytes, by all of them
  AMB_ATOMIC(uint64_t)
  x_stayed;                      // [all~] bytes that became old where they were
  AMB_ATOMIC(uint64_t) x_trail;  // [all~] entries looked at
  AMB_ATOMIC(uint64_t) x_live;   // [all~] bytes of the heap behind the last one
  AMB_ATOMIC(uint64_t) x_most_live;  // [all~] ... behind any
} Collections;

#endif
