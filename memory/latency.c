// The counts of latency.h. Size i of a doubling d is for (8 + i) << d, rounded up.
#include "memory/latency.h"

static unsigned size_of(uint64_t ns) {
  if (ns < LATENCY_STEPS) return (unsigned)ns;
  unsigned shift =
      60 - (unsigned)__builtin_clzll(ns);  // 3 bits below the first
  unsigned size = (shift + 1) * LATENCY_STEPS +
                  (unsigned)(ns >> shift & (LATENCY_STEPS - 1));
  return size < LATENCY_SIZES ? size : LATENCY_SIZES - 1;
}

// The longest time that is counted there.
static uint64_t end_of(unsigned size) {
  if (size < LATENCY_STEPS) return size;
  unsigned shift = size / LATENCY_STEPS - 1;
  uint64_t next = LATENCY_STEPS + size % LATENCY_STEPS + 1;
  return (next << shift) - 1;
}

void ambi_latency_add(Latency *l, uint64_t ns) {
  ambi_add_relaxed(&l->counts[size_of(ns)], 1);
  ambi_add_relaxed(&l->n, 1);
  ambi_add_relaxed(&l->sum, ns);
  ambi_raise_relaxed(&l->most, ns);
}

// So many of a hundred took no longer.
static uint64_t percentile(const Latency *l, uint64_t n, unsigned percent) {
  uint64_t below = 0, want = (n * percent + 99) / 100;
  for (unsigned i = 0; i < LATENCY_SIZES; i++) {
    below += ambi_load_relaxed(&l->counts[i]);
    if (below >= want) return end_of(i);
  }
  return UINT64_MAX;
}

static uint64_t at_most(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

LatencyView ambi_latency_view(const Latency *l) {
  LatencyView v = {.n = ambi_load_relaxed(&l->n),
                   .longest = ambi_load_relaxed(&l->most)};
  if (v.n == 0) return v;
  v.mean = ambi_load_relaxed(&l->sum) / v.n;
  v.half = at_most(percentile(l, v.n, 50), v.longest);
  v.most_of_them = at_most(percentile(l, v.n, 99), v.longest);
  return v;
}

bool ambi_latency_is_valid(const Latency *l, const char **why) {
  uint64_t n = ambi_load_relaxed(&l->n), sum = ambi_load_relaxed(&l->sum),
           most = ambi_load_relaxed(&l->most), room;
  uint32_t counted = 0;
  unsigned last = 0;
  for (unsigned i = 0; i < LATENCY_SIZES; i++) {
    uint32_t here = ambi_load_relaxed(&l->counts[i]);
    counted += here;
    if (here) last = i;
  }
  if (counted != (uint32_t)n) return ambi_invalid(why, "times are miscounted");
  if (last != (n ? size_of(most) : 0))
    return ambi_invalid(why, "the longest time is not that of the counts");
  bool fits = __builtin_mul_overflow(n, most, &room) || sum <= room;
  return (sum >= most && fits) ||
         ambi_invalid(why, "a sum that its times do not give");
}
