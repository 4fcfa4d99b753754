// What the collections of a Runtime did, for those who look: --gc-stats, tests, and
// programs around the library. The collector counts, on the evaluator's thread.
#ifndef AMBIT_RUNTIME_COLLECTIONS_H
#define AMBIT_RUNTIME_COLLECTIONS_H

#include "memory/latency.h"

typedef struct Collections {
  Latency minor, major;  // processor time of each, for which the program waits
  uint64_t copied;       // bytes, by all of them
  uint64_t stayed;       // bytes that became old where they were
  uint64_t trail;        // entries looked at
  uint64_t live;         // bytes of the heap behind the last one
  uint64_t most_live;    // ... behind any
} Collections;

#endif
