// What the micro benchmarks share: a clock, repetition, one line of output.
//
// A case is a function that does its work `n` times and returns something made of
// all of it, so that nothing can be left out. n is doubled until a round takes
// long enough; the median of some rounds is printed as nanoseconds of one.
#ifndef AMBIT_BENCH_MICRO_H
#define AMBIT_BENCH_MICRO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef uint64_t MicroCase(void *arg, uint64_t n);

enum { MICRO_ROUNDS = 7 };

static bool micro_quick;  // one short round: is the result right?
static volatile uint64_t micro_sink;

static inline double micro_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline double micro_round(MicroCase *run, void *arg, uint64_t n) {
  double start = micro_now();
  micro_sink += run(arg, n);
  return micro_now() - start;
}

static inline int micro_order(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// Nanoseconds of one of the `each` things that a turn of the case does.
static inline double micro_time(MicroCase *run, void *arg, uint64_t each) {
  double took[MICRO_ROUNDS];
  uint64_t n = 1;
  while (!micro_quick && micro_round(run, arg, n) < 5e7)
    n *= 2;
  int rounds = micro_quick ? 1 : MICRO_ROUNDS;
  for (int i = 0; i < rounds; i++)
    took[i] = micro_round(run, arg, n);
  qsort(took, (size_t)rounds, sizeof *took, micro_order);
  return took[rounds / 2] / (double)n / (double)each;
}

static inline void micro_line(const char *group, const char *name, double ns) {
  if (micro_quick)
    printf("%-10s %-44s right\n", group, name);
  else
    printf("%-10s %-44s %10.2f ns\n", group, name, ns);
}

static inline void micro_case(const char *group, const char *name,
                              MicroCase *run, void *arg, uint64_t each) {
  micro_line(group, name, micro_time(run, arg, each));
}

static inline void micro_must(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s\n", what);
  exit(1);
}

// Any argument asks for one short round.
static inline void micro_begin(int argc, char **argv) {
  (void)argv;
  micro_quick = argc > 1;
}

#endif
