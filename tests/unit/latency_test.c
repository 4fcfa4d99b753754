// Percentiles of many times, against the sorted times themselves.
#include "memory/latency.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

enum { TIMES = 10000 };

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

// At most an eighth above the truth, and never below.
static void check_about(uint64_t told, uint64_t truth) {
  ck_assert_uint_ge(told, truth);
  ck_assert_uint_le(told, truth + truth / 8);
}

static void check_times(uint64_t *times, unsigned n) {
  static Latency l;
  l = (Latency){0};
  for (unsigned i = 0; i < n; i++)
    ambi_latency_add(&l, times[i]);
  qsort(times, n, sizeof *times, by_size);
  LatencyView v = ambi_latency_view(&l);
  ck_assert_uint_eq(v.n, n);
  ck_assert_uint_eq(v.longest, times[n - 1]);
  check_about(v.half, times[(n + 1) / 2 - 1]);
  check_about(v.most_of_them, times[(99 * n + 99) / 100 - 1]);
}

START_TEST(nothing_took_no_time) {
  static Latency l;
  LatencyView v = ambi_latency_view(&l);
  ck_assert_uint_eq(v.n | v.mean | v.half | v.most_of_them | v.longest, 0);
}
END_TEST

START_TEST(any_one_time) {
  for (unsigned bit = 0; bit < 42; bit++) {
    for (int around = -1; around <= 1; around++) {
      uint64_t one = ((uint64_t)1 << bit) + (uint64_t)around;
      check_times(&one, 1);
    }
  }
}
END_TEST

START_TEST(many_times_of_all_sizes) {
  static uint64_t times[TIMES];
  uint64_t seed = 88172645463325252u;
  for (unsigned n = 1; n <= TIMES; n = n * 3 + 1) {
    for (unsigned i = 0; i < n; i++) {
      seed ^= seed << 13;
      seed ^= seed >> 7;
      seed ^= seed << 17;
      times[i] = (seed & 0xFFFFFFFFFF) >> seed % 41;
    }
    check_times(times, n);
  }
}
END_TEST

START_TEST(the_mean) {
  static Latency l;
  for (uint64_t ns = 1; ns <= 99; ns++)
    ambi_latency_add(&l, ns);
  ck_assert_uint_eq(ambi_latency_view(&l).mean, 50);
}
END_TEST

// What is beyond the last size counts as the longest.
START_TEST(hours) {
  static Latency l;
  uint64_t took = (uint64_t)1 << 60;
  ambi_latency_add(&l, took);
  ck_assert_uint_eq(ambi_latency_view(&l).longest, took);
  ck_assert_uint_le(ambi_latency_view(&l).half, took);
  ck_assert_uint_gt(ambi_latency_view(&l).half, (uint64_t)1 << 41);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("latency");
  tcase_add_test(tc, nothing_took_no_time);
  tcase_add_test(tc, any_one_time);
  tcase_add_test(tc, many_times_of_all_sizes);
  tcase_add_test(tc, the_mean);
  tcase_add_test(tc, hours);
  return unit_run(tc, "latency");
}
