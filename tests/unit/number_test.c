// Exact integers against identities and GMP's own integers; text of doubles.
#include <gmp.h>
#include <math.h>
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/atoms/number.h"
#include "runtime/runtime.h"
#include "tests/unit/unit.h"

static Runtime rt;
static Context *cx;

static void open_context(void) {
  rt.symbols = ambi_symbols_open();
  cx = ambi_context_open(&rt);
}

static void close_context(void) {
  ambi_context_close(cx);
  ambi_symbols_close(rt.symbols);
}

static Word *heap_words(void *arg, size_t n) {
  return ambi_heap_alloc(arg, n);
}

static Value num(const char *text) {
  Value v = AMB_NONE;
  ck_assert_int_eq(ambi_num_parse(text, strlen(text), &v, heap_words, cx), 1);
  return v;
}

// Text of any number, in one of a few buffers.
static const char *text_of(Value v) {
  static char buffers[4][4096];
  static unsigned next;
  char *buf = buffers[next++ % 4];
  if (ambi_is_int(v)) {
    snprintf(buf, sizeof buffers[0], "%lld", (long long)ambi_int_of(v));
  } else if (ambi_is_double(v)) {
    ambi_double_text(ambi_double_of(v), buf);
  } else {
    size_t len, size;
    ck_assert(ambi_is_big(v));
    char *text = ambi_big_text(v, &len, &size);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(strlen(text), len);
    ck_assert_uint_lt(len, size);
    snprintf(buf, sizeof buffers[0], "%s", text);
    ambi_free(text, size);
  }
  return buf;
}

#define ck_num(v, text) ck_assert_str_eq(text_of(v), (text))

START_TEST(literals_are_recognised) {
  static const char *const yes[][2] = {
      {"0", "0"},
      {"-0", "0"},
      {"+5", "5"},
      {"007", "7"},
      {"140737488355327", "140737488355327"},
      {"140737488355328", "140737488355328"},
      {"-140737488355328", "-140737488355328"},
      {"-140737488355329", "-140737488355329"},
      {"999999999999999999", "999999999999999999"},
      {"9223372036854775808", "9223372036854775808"},
      {"0000000000000000000000000000012", "12"},
      {"-00000000000000000000000000000000000", "0"},
      {"+340282366920938463463374607431768211456",
       "340282366920938463463374607431768211456"},
      {"1.50", "1.5"},
      {"-0.0", "-0.0"},
      {"1e3", "1000.0"},
      {"+1.5E-3", "0.0015"},
      {"1e400", "inf"},
      {"-1e400", "-inf"},
      {"1e-400", "0.0"},
  };
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    ck_num(num(yes[i][0]), yes[i][1]);
  ck_assert(ambi_is_int(num("140737488355327")));
  ck_assert(ambi_is_int(num("-140737488355328")));
  ck_assert(ambi_is_big(num("140737488355328")));
  ck_assert(ambi_is_big(num("-140737488355329")));
}
END_TEST

START_TEST(other_words_are_no_numbers) {
  static const char *const no[] = {"",     "-",   "+",     "5.",    ".5", "1_0",
                                   "0x10", "1e",  "1e+",   "1.5e",  "a",  "1a",
                                   "1.2.", "--1", "1e3.0", "1e5e5", "inf"};
  Value v;
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    ck_assert_int_eq(ambi_num_parse(no[i], strlen(no[i]), &v, heap_words, cx),
                     0);
  ck_assert_int_eq(ambi_num_parse("12x", 2, &v, heap_words, cx), 1);
  ck_assert_int_eq(ambi_int_of(v), 12);
}
END_TEST

START_TEST(edges_of_small_integers) {
  Value max = num("140737488355327"), min = num("-140737488355328");
  Value one = ambi_small_int(1), minus = ambi_small_int(-1);
  bool zero;
  ck_num(ambi_num_add(cx, max, one), "140737488355328");
  ck_num(ambi_num_sub(cx, min, one), "-140737488355329");
  ck_num(ambi_num_mul(cx, min, minus), "140737488355328");
  ck_num(ambi_num_div(cx, min, minus, &zero), "140737488355328");
  ck_num(ambi_num_rem(cx, min, minus, &zero), "0");
  ck_num(ambi_num_abs(cx, min), "140737488355328");
  ck_num(ambi_num_mul(cx, min, min), "19807040628566084398385987584");
  ck_num(ambi_num_mul(cx, min, max), "-19807040628565943660897632256");
  // back into the word
  Value beyond = ambi_num_add(cx, max, one);
  ck_assert(ambi_same(ambi_num_sub(cx, beyond, one), max));
  ck_assert(ambi_same(ambi_num_mul(cx, beyond, minus), min));
  ck_assert(ambi_same(ambi_num_sub(cx, beyond, beyond), ambi_small_int(0)));
  ck_assert(ambi_same(ambi_num_div(cx, beyond, beyond, &zero), one));
}
END_TEST

START_TEST(beyond_64_bits) {
  Value a = num("9223372036854775807"), one = ambi_small_int(1);
  ck_num(ambi_num_add(cx, a, one), "9223372036854775808");
  Value f = one;
  for (int i = 2; i <= 30; i++)
    f = ambi_num_mul(cx, f, ambi_small_int(i));
  ck_num(f, "265252859812191058636308480000000");
  bool zero;
  for (int i = 30; i >= 2; i--)
    f = ambi_num_div(cx, f, ambi_small_int(i), &zero);
  ck_assert(ambi_same(f, one));
}
END_TEST

START_TEST(machine_integers_both_ways) {
  static const int64_t cases[] = {0,           -1,
                                  AMB_INT_MAX, AMB_INT_MAX + 1,
                                  AMB_INT_MIN, AMB_INT_MIN - 1,
                                  INT64_MAX,   INT64_MIN};
  int64_t back;
  char text[32];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Value v = ambi_num_from_int64(cx, cases[i]);
    ck_assert(ambi_num_to_int64(v, &back));
    ck_assert_int_eq(back, cases[i]);
    snprintf(text, sizeof text, "%lld", (long long)cases[i]);
    ck_num(v, text);
  }
  ck_num(ambi_num_from_uint64(cx, UINT64_MAX), "18446744073709551615");
  ck_num(ambi_num_from_uint64(cx, 7), "7");
  ck_assert(!ambi_num_to_int64(num("9223372036854775808"), &back));
  ck_assert(!ambi_num_to_int64(num("-9223372036854775809"), &back));
  ck_assert(!ambi_num_to_int64(num("1e19"), &back));
  ck_assert(!ambi_num_to_int64(num("1e400"), &back));
  ck_assert(!ambi_num_to_int64(ambi_double(NAN), &back));
  ck_assert(ambi_num_to_int64(num("-2.9"), &back) && back == -2);
}
END_TEST

START_TEST(division_truncates) {
  static const char *const rows[][4] = {
      // a, b, a / b, a % b
      {"7", "2", "3", "1"},
      {"-7", "2", "-3", "-1"},
      {"7", "-2", "-3", "1"},
      {"-7", "-2", "3", "-1"},
      {"100000000000000000000", "7", "14285714285714285714", "2"},
      {"-100000000000000000000", "7", "-14285714285714285714", "-2"},
      {"7", "100000000000000000000", "0", "7"},
      {"-7", "100000000000000000000", "0", "-7"},
      {"100000000000000000000", "-100000000000000000001", "0",
       "100000000000000000000"},
      {"5.5", "2", "2.75", "1.5"},
      {"-5.5", "2", "-2.75", "-1.5"},
      {"100000000000000000000", "0.5", "2e20", "0.0"},
  };
  bool zero;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Value a = num(rows[i][0]), b = num(rows[i][1]);
    ck_num(ambi_num_div(cx, a, b, &zero), rows[i][2]);
    ck_assert(!zero);
    ck_num(ambi_num_rem(cx, a, b, &zero), rows[i][3]);
    ck_assert(!zero);
  }
}
END_TEST

START_TEST(division_by_zero) {
  Value big = num("100000000000000000000"), zero = ambi_small_int(0);
  bool by_zero;
  ambi_num_div(cx, ambi_small_int(3), zero, &by_zero);
  ck_assert(by_zero);
  ambi_num_rem(cx, big, zero, &by_zero);
  ck_assert(by_zero);
  ck_num(ambi_num_div(cx, num("1.0"), zero, &by_zero), "inf");
  ck_assert(!by_zero);
  ck_num(ambi_num_rem(cx, big, num("0.0"), &by_zero), "NaN");
  ck_assert(!by_zero);
}
END_TEST

START_TEST(comparison) {
  static const char *const rising[] = {"-1e400",
                                       "-100000000000000000001",
                                       "-100000000000000000000",
                                       "-140737488355329",
                                       "-5",
                                       "-4.5",
                                       "0",
                                       "1",
                                       "1.5",
                                       "140737488355328",
                                       "100000000000000000000",
                                       "300000000000000000000.5"};
  enum { N = sizeof rising / sizeof *rising };
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      ck_assert_int_eq(ambi_num_cmp(num(rising[i]), num(rising[j])),
                       (i > j) - (i < j));
  ck_assert_int_eq(ambi_num_cmp(num("1"), num("1.0")), 0);
  ck_assert_int_eq(ambi_num_cmp(num("100000000000000000000"), num("1e20")), 0);
  Value nan = ambi_double(NAN);
  ck_assert_int_eq(ambi_num_cmp(nan, nan), 2);
  ck_assert_int_eq(ambi_num_cmp(num("100000000000000000000"), nan), 2);
}
END_TEST

START_TEST(bignum_to_nearest_double) {
  static const char *const rows[][2] = {
      {"9007199254740993", "9007199254740992.0"},
      {"9007199254740995", "9007199254740996.0"},
      {"18446744073709551615", "1.8446744073709552e19"},
      {"-36893488147419107329", "-3.689348814741911e19"},
      // halfway, decided by the last bit of three limbs
      {"680564733841877002484612940777859842048", "6.80564733841877e38"},
      {"680564733841877002484612940777859842049", "6.805647338418771e38"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    ck_num(ambi_double(ambi_num_to_double(num(rows[i][0]))), rows[i][1]);
  Value v = ambi_small_int(10);
  for (int i = 0; i < 9; i++)
    v = ambi_num_mul(cx, v, v);
  ck_num(ambi_num_add(cx, v, num("0.5")), "inf");  // 10^512
  ck_num(ambi_double(ambi_num_to_double(ambi_num_sub(cx, num("0"), v))),
         "-inf");
}
END_TEST

// Pseudo-random integers of up to 40 limbs, long runs of ones and zeros
// included, against GMP's mpz functions.
static void random_integer(gmp_randstate_t state, mpz_t z) {
  mpz_rrandomb(z, state, gmp_urandomm_ui(state, 2600));
  if (gmp_urandomb_ui(state, 1)) mpz_neg(z, z);
}

static Value from_mpz(const mpz_t z) {
  char text[1024];
  mpz_get_str(text, 10, z);
  return num(text);
}

static void same_as_mpz(Value v, const mpz_t z) {
  char text[4096];
  mpz_get_str(text, 10, z);
  ck_num(v, text);
  ck_assert(ambi_is_int(v) == (mpz_cmp_si(z, AMB_INT_MIN) >= 0 &&
                               mpz_cmp_si(z, AMB_INT_MAX) <= 0));
}

START_TEST(agrees_with_mpz) {
  gmp_randstate_t state;
  mpz_t a, b, c;
  gmp_randinit_default(state);
  mpz_inits(a, b, c, NULL);
  for (int i = 0; i < 3000; i++) {
    random_integer(state, a);
    random_integer(state, b);
    Value x = from_mpz(a), y = from_mpz(b);
    bool by_zero;
    mpz_add(c, a, b);
    same_as_mpz(ambi_num_add(cx, x, y), c);
    mpz_sub(c, a, b);
    same_as_mpz(ambi_num_sub(cx, x, y), c);
    mpz_mul(c, a, b);
    same_as_mpz(ambi_num_mul(cx, x, y), c);
    int cmp = mpz_cmp(a, b);
    ck_assert_int_eq(ambi_num_cmp(x, y), (cmp > 0) - (cmp < 0));
    if (mpz_sgn(b) != 0) {
      mpz_tdiv_q(c, a, b);
      same_as_mpz(ambi_num_div(cx, x, y, &by_zero), c);
      mpz_tdiv_r(c, a, b);
      same_as_mpz(ambi_num_rem(cx, x, y, &by_zero), c);
    }
    mpz_abs(c, a);
    same_as_mpz(ambi_num_abs(cx, x), c);
    ambi_context_reset(cx);
  }
  mpz_clears(a, b, c, NULL);
  gmp_randclear(state);
}
END_TEST

START_TEST(hundred_thousand_digits) {
  size_t n = 100000, len, size;
  char *nines = ambi_alloc(n + 1);
  memset(nines, '9', n);
  Value x = num(nines), one = ambi_small_int(1);
  // (10^n - 1)^2 + 2 * (10^n - 1) + 1 = 10^2n
  Value y = ambi_num_mul(cx, x, x);
  y = ambi_num_add(cx, y, ambi_num_mul(cx, x, ambi_small_int(2)));
  y = ambi_num_add(cx, y, one);
  char *text = ambi_big_text(y, &len, &size);
  ck_assert_uint_eq(len, 2 * n + 1);
  ck_assert_int_eq(text[0], '1');
  ck_assert_uint_eq(strspn(text + 1, "0"), 2 * n);
  ambi_free(text, size);
  bool by_zero;
  Value root = ambi_num_div(cx, y, ambi_num_add(cx, x, one), &by_zero);
  ck_assert_int_eq(ambi_num_cmp(root, ambi_num_add(cx, x, one)), 0);
  ambi_free(nines, n + 1);
}
END_TEST

START_TEST(results_take_only_their_words) {
  Value a = num("100000000000000000000"), b = num("99999999999999999999");
  bool by_zero;
  Word *top = cx->h;
  ambi_num_sub(cx, a, b);
  ambi_num_div(cx, a, b, &by_zero);
  ambi_num_rem(cx, a, b, &by_zero);
  ck_assert_ptr_eq(cx->h, top);
  ambi_num_add(cx, a, b);
  ck_assert_int_eq(cx->h - top, 3);
}
END_TEST

START_TEST(memory_limit_stops_growth) {
  cx->limits.memory = 64 << 20;
  Value x = num("123456789123456789123456789");
  for (int i = 0; i < 40 && !ambi_is_none(x); i++)
    x = ambi_num_mul(cx, x, x);
  ck_assert(ambi_is_none(x));
  ck_assert_int_eq(cx->stop, STOP_MEMORY);
}
END_TEST

START_TEST(double_text) {
  static const struct {
    double d;
    const char *text;
  } rows[] = {
      {3, "3.0"},
      {-3, "-3.0"},
      {0.1, "0.1"},
      {0.1 + 0.2, "0.30000000000000004"},
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {100, "100.0"},
      {123.456, "123.456"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e16"},
      {9999999999999998.0, "9999999999999998.0"},
      {1.5e300, "1.5e300"},
      {-1.5e-300, "-1.5e-300"},
      {0.0001, "0.0001"},
      {0.00012345, "0.00012345"},
      {0.00001, "1e-5"},
      {0.000099999, "9.9999e-5"},
      {1e-7, "1e-7"},
      {1e20, "1e20"},
      {5e-324, "5e-324"},
      {1.5e-323, "1.5e-323"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {1.7976931348623157e308, "1.7976931348623157e308"},
      {0x1p-44, "5.684341886080802e-14"},
      {9007199254740993.0, "9007199254740992.0"},
      {INFINITY, "inf"},
      {-INFINITY, "-inf"},
      {NAN, "NaN"},
      {3.141592653589793, "3.141592653589793"},
  };
  char buf[40];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t len = ambi_double_text(rows[i].d, buf);
    ck_assert_str_eq(buf, rows[i].text);
    ck_assert_uint_eq(len, strlen(buf));
  }
}
END_TEST

START_TEST(doubles_read_back) {
  uint64_t bits = 88172645463325252;
  char buf[40];
  for (int i = 0; i < 100000; i++) {
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    double d;
    memcpy(&d, &bits, sizeof d);
    if (!isfinite(d)) continue;
    size_t len = ambi_double_text(d, buf);
    Value v = AMB_NONE;
    int made = ambi_num_parse(buf, len, &v, heap_words, cx);
    if (made != 1 || !ambi_is_double(v) || ambi_double_of(v) != d)
      ck_abort_msg("%a was written as %s", d, buf);
  }
}
END_TEST

START_TEST(failed_allocations_are_reported) {
  char digits[400];
  memset(digits, '7', sizeof digits);
  Value v = AMB_NONE, big = num("77777777777777777777777777");
  size_t len, size;
  for (uint64_t n = 1; n <= 2; n++) {
    ambi_alloc_fail_at(n);
    ck_assert_ptr_null(ambi_big_text(big, &len, &size));
  }
  ambi_alloc_fail_at(1);
  ck_assert_int_eq(ambi_num_parse(digits, 400, &v, heap_words, cx), -1);
  digits[200] = '.';
  ambi_alloc_fail_at(1);
  ck_assert_int_eq(ambi_num_parse(digits, 400, &v, heap_words, cx), -1);
  cx->hend = cx->h;
  ambi_alloc_fail_at(1);
  ck_assert(ambi_is_none(ambi_num_add(cx, big, big)));
  ck_assert_int_eq(cx->stop, STOP_MEMORY);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("number");
  tcase_add_checked_fixture(tc, open_context, close_context);
  tcase_add_test(tc, literals_are_recognised);
  tcase_add_test(tc, other_words_are_no_numbers);
  tcase_add_test(tc, edges_of_small_integers);
  tcase_add_test(tc, beyond_64_bits);
  tcase_add_test(tc, machine_integers_both_ways);
  tcase_add_test(tc, division_truncates);
  tcase_add_test(tc, division_by_zero);
  tcase_add_test(tc, comparison);
  tcase_add_test(tc, bignum_to_nearest_double);
  tcase_add_test(tc, agrees_with_mpz);
  tcase_add_test(tc, hundred_thousand_digits);
  tcase_add_test(tc, results_take_only_their_words);
  tcase_add_test(tc, memory_limit_stops_growth);
  tcase_add_test(tc, double_text);
  tcase_add_test(tc, doubles_read_back);
  tcase_add_test(tc, failed_allocations_are_reported);
  return unit_run(tc, "number");
}
