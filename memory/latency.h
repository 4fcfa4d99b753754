// How long something took, many times: half of them, 99 of 100, the longest.
//
// Counts by size, eight sizes to a doubling, so what is told is at most an eighth
// above the truth. Any thread adds, any may look.
#ifndef AMBIT_MEMORY_LATENCY_H
#define AMBIT_MEMORY_LATENCY_H

#include <stdint.h>

#include "memory/atomic.h"
#include "memory/check.h"

enum { LATENCY_STEPS = 8, LATENCY_SIZES = 40 * LATENCY_STEPS };

typedef struct Latency {              // [all~] whoever measures writes
  AMB_ATOMIC(uint64_t) n, sum, most;  // in nanoseconds
  AMB_ATOMIC(uint32_t) counts[LATENCY_SIZES];
} Latency;

typedef struct LatencyView {
  uint64_t n, mean, half, most_of_them, longest;  // 50 and 99 of 100
} LatencyView;

void ambi_latency_add(Latency *l, uint64_t ns);
LatencyView ambi_latency_view(const Latency *l);
// While nobody adds.
bool ambi_latency_is_valid(const Latency *l, const char **why);

#endif
