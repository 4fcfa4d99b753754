// Numbers are those of the texts: literals mean what strtod and GMP make of them,
// doubles print as the shortest text that reads back, and integers are GMP's.
#include "tests/fuzz/fuzz.h"

#include <gmp.h>
#include <math.h>
#include <regex.h>

static Runtime *rt;
static Context *cx;
static regex_t integer, floating;

static void open_once(void) {
  if (rt) return;
  rt = open_runtime(0);
  cx = open_context(rt);
  bool ok = !regcomp(&integer, "^[-+]?[0-9]+$", REG_EXTENDED | REG_NOSUB) &&
            !regcomp(&floating,
                     "^[-+]?[0-9]+([.][0-9]+|([.][0-9]+)?[eE][-+]?[0-9]+)$",
                     REG_EXTENDED | REG_NOSUB);
  HOLDS(ok, "bad patterns");
}

static Word *heap_words(void *arg, size_t words) {
  return ambi_heap_alloc(arg, words);
}

// ---- integers -------------------------------------------------------------------

static void to_mpz(Value v, mpz_t out) {
  if (ambi_is_int(v)) {
    mpz_set_si(out, ambi_int_of(v));
    return;
  }
  HOLDS(ambi_is_big(v), "not an integer");
  const Word *p = ambi_ptr(v);
  mpz_import(out, ambi_hdr_size(*p), -1, sizeof *p, 0, 0, p + 1);
  if (ambi_hdr_flags(*p) & FLAG_NEG) mpz_neg(out, out);
  HOLDS(mpz_cmpabs_ui(out, (unsigned long)AMB_INT_MAX) > 0,
        "a small integer that is stored as a large one");
}

static void same_integer(Value v, const mpz_t want, const char *what) {
  mpz_t got;
  mpz_init(got);
  to_mpz(v, got);
  if (mpz_cmp(got, want) != 0)
    wrong("%s: %s, not %s", what, mpz_get_str(NULL, 10, got),
          mpz_get_str(NULL, 10, want));
  mpz_clear(got);
  Buffer b = {0};
  char *text = mpz_get_str(NULL, 10, want);
  ambi_print(rt, &b, v, NULL);
  HOLDS(strcmp(b.text, text) == 0, "%s prints as %s", text, b.text);
  ambi_buffer_drop(&b);
  free(text);
}

static Value parsed(const char *text, size_t len) {
  Value v = AMB_NONE;
  int made = ambi_num_parse(text, len, &v, heap_words, cx);
  HOLDS(made == 1, "%.*s is no number", (int)len, text);
  return v;
}

// ---- doubles ----------------------------------------------------------------------

static bool same_double(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static unsigned significant(const char *text) {
  unsigned n = 0, zeros = 0;
  for (; *text && *text != 'e'; text++) {
    if (*text < '0' || *text > '9' || (*text == '0' && n == 0)) continue;
    n++;
    zeros = *text == '0' ? zeros + 1 : 0;
  }
  return n - zeros;
}

// Digits a text of d needs at least.
static unsigned shortest(double d) {
  char text[40];
  for (int n = 1; n < 17; n++) {
    snprintf(text, sizeof text, "%.*e", n - 1, d);
    if (same_double(strtod(text, NULL), d)) return (unsigned)n;
  }
  return 17;
}

static void check_double(double d) {
  char text[40];
  size_t len = ambi_double_text(d, text);
  HOLDS(len == strlen(text) && len < sizeof text, "length %zu", len);
  if (!isfinite(d)) return;
  Value v = parsed(text, len);
  HOLDS(ambi_is_double(v) && same_double(ambi_double_of(v), d),
        "%a prints as %s, which is %a", d, text, ambi_num_to_double(v));
  unsigned n = significant(text), least = shortest(d);
  HOLDS(n <= least, "%s has %u digits where %u would do", text, n, least);
}

// ---- texts ------------------------------------------------------------------------

static void check_text(const char *text, size_t len) {
  char *copy = malloc(len + 1);
  memcpy(copy, text, len);
  copy[len] = 0;
  bool plain = strlen(copy) == len && !strchr(copy, '\n');
  bool is_integer = plain && regexec(&integer, copy, 0, NULL, 0) == 0;
  bool is_float = plain && regexec(&floating, copy, 0, NULL, 0) == 0;
  Value v = AMB_NONE;
  int made = ambi_num_parse(text, len, &v, heap_words, cx);
  HOLDS(made == (is_integer || is_float), "%s: %d", copy, made);
  if (is_integer) {
    mpz_t want;
    mpz_init_set_str(want, copy + (*copy == '+'), 10);
    same_integer(v, want, copy);
    mpz_clear(want);
  }
  if (is_float) {
    HOLDS(ambi_is_double(v) &&
              same_double(ambi_double_of(v), strtod(copy, NULL)),
          "%s is %a", copy, ambi_num_to_double(v));
    check_double(ambi_double_of(v));
  }
  free(copy);
}

// ---- arithmetic -------------------------------------------------------------------

typedef Value Operation(Context *cx, Value a, Value b);

// An integer of up to 40 bytes, often next to a power of two.
static void random_integer(Bytes *b, mpz_t out) {
  uint8_t how = next_byte(b);
  mpz_set_ui(out, 0);
  if (how & 1) {
    mpz_setbit(out, next_byte(b));
    mpz_add_ui(out, out, choose(b, 3));
    mpz_sub_ui(out, out, 1);
  } else {
    size_t n = choose(b, 41);
    if (n > b->n) n = b->n;
    mpz_import(out, n, -1, 1, 0, 0, b->at);
    b->at += n;
    b->n -= n;
  }
  if (how & 2) mpz_neg(out, out);
}

static Value to_value(const mpz_t x) {
  char *text = mpz_get_str(NULL, 10, x);
  Value v = parsed(text, strlen(text));
  same_integer(v, x, "parsing");
  free(text);
  return v;
}

static void check_division(Value a, Value b, const mpz_t x, const mpz_t y) {
  bool by_zero = false, rem_by_zero = false;
  Value q = ambi_num_div(cx, a, b, &by_zero);
  Value r = ambi_num_rem(cx, a, b, &rem_by_zero);
  bool zero = mpz_sgn(y) == 0;
  HOLDS(by_zero == zero && rem_by_zero == zero, "division by zero: %d %d",
        by_zero, rem_by_zero);
  if (zero) return;
  mpz_t wq, wr;
  mpz_inits(wq, wr, NULL);
  mpz_tdiv_qr(wq, wr, x, y);
  same_integer(q, wq, "quotient");
  same_integer(r, wr, "remainder");
  mpz_clears(wq, wr, NULL);
}

static void check_integers(Bytes *bytes) {
  mpz_t x, y, want;
  mpz_inits(x, y, want, NULL);
  random_integer(bytes, x);
  random_integer(bytes, y);
  Value a = to_value(x), b = to_value(y);
  mpz_add(want, x, y);
  same_integer(ambi_num_add(cx, a, b), want, "sum");
  mpz_sub(want, x, y);
  same_integer(ambi_num_sub(cx, a, b), want, "difference");
  mpz_mul(want, x, y);
  same_integer(ambi_num_mul(cx, a, b), want, "product");
  mpz_abs(want, x);
  same_integer(ambi_num_abs(cx, a), want, "absolute value");
  check_division(a, b, x, y);
  int order = mpz_cmp(x, y), got = ambi_num_cmp(a, b);
  HOLDS((order < 0) == (got < 0) && (order > 0) == (got > 0),
        "compared as %d, not %d", got, order);
  HOLDS(ambi_equal(a, b) == (order == 0), "equality is not order");
  HOLDS(order || ambi_hash(a) == ambi_hash(b), "equal, but for the hash");
  int64_t i;
  HOLDS(ambi_num_to_int64(a, &i) == (mpz_fits_slong_p(x) != 0),
        "the range of 64 bits");
  HOLDS(!mpz_fits_slong_p(x) || i == mpz_get_si(x), "64 bits");
  mpz_clears(x, y, want, NULL);
}

static void check_doubles(Bytes *bytes) {
  uint64_t w[2] = {next_word(bytes), next_word(bytes)};
  double x, y;
  memcpy(&x, &w[0], sizeof x);
  memcpy(&y, &w[1], sizeof y);
  check_double(x);
  Value a = ambi_double(x), b = ambi_double(y);
  bool by_zero = false;
  HOLDS(same_double(ambi_double_of(ambi_num_add(cx, a, b)), x + y), "sum");
  HOLDS(same_double(ambi_double_of(ambi_num_sub(cx, a, b)), x - y), "minus");
  HOLDS(same_double(ambi_double_of(ambi_num_mul(cx, a, b)), x * y), "product");
  HOLDS(same_double(ambi_double_of(ambi_num_div(cx, a, b, &by_zero)), x / y) &&
            !by_zero,
        "quotient");
  HOLDS(same_double(ambi_double_of(ambi_num_rem(cx, a, b, &by_zero)),
                    fmod(x, y)) &&
            !by_zero,
        "remainder");
  int got = ambi_num_cmp(a, b);
  int want = isnan(x) || isnan(y) ? 2 : (x > y) - (x < y);
  HOLDS(got == want, "%a and %a compare as %d", x, y, got);
}

// An integer among doubles is the nearest double.
static void check_mixed(Bytes *bytes) {
  mpz_t x;
  mpz_init(x);
  random_integer(bytes, x);
  uint64_t w = next_word(bytes);
  double y;
  memcpy(&y, &w, sizeof y);
  Value a = to_value(x), b = ambi_double(y);
  char *text = mpz_get_str(NULL, 10, x);
  double near = strtod(text, NULL);
  HOLDS(same_double(ambi_num_to_double(a), near), "%s as %a", text,
        ambi_num_to_double(a));
  HOLDS(same_double(ambi_double_of(ambi_num_add(cx, a, b)), near + y),
        "%s + %a", text, y);
  HOLDS(same_double(ambi_double_of(ambi_num_mul(cx, b, a)), y * near),
        "%a * %s", y, text);
  HOLDS(!ambi_equal(a, b) || ambi_hash(a) == ambi_hash(b),
        "%s equals %a, but for the hash", text, y);
  free(text);
  mpz_clear(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  open_once();
  Bytes b = {data, size};
  switch (choose(&b, 4)) {
  case 0: check_text((const char *)b.at, b.n); break;
  case 1: check_integers(&b); break;
  case 2: check_doubles(&b); break;
  case 3: check_mixed(&b); break;
  }
  ambi_context_reset(cx);
  return 0;
}
