// Numbers from text and back.
//
// Neither direction depends on the locale of the program: reading asks for the
// C locale by name, printing takes only digits from printf.
#define _GNU_SOURCE  // strtod_l
#include <gmp.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory/alloc.h"
#include "runtime/atoms/number.h"

// ---- reading ----------------------------------------------------------------

static const char *skip_digits(const char *s, const char *end) {
  while (s < end && *s >= '0' && *s <= '9')
    s++;
  return s;
}

typedef enum Shape { NOT_A_NUMBER, INTEGER, FLOAT } Shape;

// [-+]?D+  |  [-+]?D+\.D+  |  [-+]?D+(\.D+)?[eE][-+]?D+
static Shape shape_of(const char *s, size_t len) {
  const char *end = s + len;
  if (s < end && (*s == '-' || *s == '+')) s++;
  const char *p = skip_digits(s, end);
  if (p == s) return NOT_A_NUMBER;
  if (p == end) return INTEGER;
  if (*p == '.') {
    s = p + 1;
    p = skip_digits(s, end);
    if (p == s) return NOT_A_NUMBER;
    if (p == end) return FLOAT;
  }
  if (*p != 'e' && *p != 'E') return NOT_A_NUMBER;
  s = p + 1;
  if (s < end && (*s == '-' || *s == '+')) s++;
  p = skip_digits(s, end);
  return p > s && p == end ? FLOAT : NOT_A_NUMBER;
}

// strtod as in the C locale, which glibc hands out without allocating.
static double read_double(const char *text) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  double d = strtod_l(text, NULL, c);
  freelocale(c);
  return d;
}

static int parse_float(const char *s, size_t len, Value *out) {
  char small[64];
  char *text = len < sizeof small ? small : ambi_alloc(len + 1);
  if (!text) return -1;
  memcpy(text, s, len);
  text[len] = 0;
  *out = ambi_double(read_double(text));
  if (text != small) ambi_free(text, len + 1);
  return 1;
}

static int make_big(const mp_limb_t *limbs, mp_size_t n, bool neg, Value *out,
                    Word *(*alloc)(void *, size_t), void *arg) {
  if (n > (mp_size_t)UINT32_MAX) return -1;
  Word *p = alloc(arg, (size_t)n + 1);
  if (!p) return -1;
  p[0] = ambi_header(KIND_BIG, neg ? FLAG_NEG : 0, (uint32_t)n);
  memcpy(p + 1, limbs, (size_t)n * sizeof *limbs);
  *out = ambi_tag_ptr(TAG_BIG, p);
  return 1;
}

// Digits that do not fit a machine integer: scratch for them as numbers 0..9
// and for the limbs, log2(10) < 3.33 bits a digit.
static int parse_long(const char *s, size_t len, bool neg, Value *out,
                      Word *(*alloc)(void *, size_t), void *arg) {
  if (len > (size_t)1 << 36) return -1;
  size_t nlimbs = len * 333 / 100 / 64 + 2, limb_bytes = nlimbs * 8;
  mp_limb_t *limbs = ambi_realloc(NULL, 0, limb_bytes + len);
  if (!limbs) return -1;
  unsigned char *digits = (unsigned char *)limbs + limb_bytes;
  for (size_t i = 0; i < len; i++)
    digits[i] = (unsigned char)(s[i] - '0');
  mp_size_t n = mpn_set_str(limbs, digits, len, 10);
  while (n > 0 && limbs[n - 1] == 0)
    n--;
  int result = make_big(limbs, n, neg, out, alloc, arg);
  ambi_free(limbs, limb_bytes + len);
  return result;
}

static int parse_integer(const char *s, size_t len, Value *out,
                         Word *(*alloc)(void *, size_t), void *arg) {
  const char *end = s + len;
  bool neg = *s == '-';
  if (*s == '-' || *s == '+') s++;
  while (s < end && *s == '0')
    s++;
  size_t ndigits = (size_t)(end - s);
  if (ndigits > 18) return parse_long(s, ndigits, neg, out, alloc, arg);
  mp_limb_t mag = 0;
  for (; s < end; s++)
    mag = mag * 10 + (mp_limb_t)(*s - '0');
  int64_t i = neg ? -(int64_t)mag : (int64_t)mag;
  if (!ambi_int_fits(i)) return make_big(&mag, 1, neg, out, alloc, arg);
  *out = ambi_small_int(i);
  return 1;
}

int ambi_num_parse(const char *s, size_t len, Value *out,
                   Word *(*alloc)(void *, size_t), void *arg) {
  switch (shape_of(s, len)) {
  case INTEGER: return parse_integer(s, len, out, alloc, arg);
  case FLOAT: return parse_float(s, len, out);
  default: return 0;
  }
}

// ---- printing doubles -------------------------------------------------------

typedef struct Decimal {  // 0.d1d2d3... * 10^point
  char digits[20];        // characters, no trailing zeros, NUL after them
  int n, point;
} Decimal;

// d > 0 rounded to n digits.
static Decimal round_to(double d, int n) {
  char text[40];
  Decimal x = {0};
  int len = snprintf(text, sizeof text, "%.*e", n - 1, d);
  int e = len;
  while (e > 0 && text[e] != 'e')
    e--;
  for (int i = 0; i < e; i++)
    if (text[i] >= '0' && text[i] <= '9') x.digits[x.n++] = text[i];
  while (x.n > 1 && x.digits[x.n - 1] == '0')
    x.n--;
  x.digits[x.n] = 0;
  x.point = atoi(text + e + 1) + 1;
  return x;
}

static bool reads_back(const Decimal *x, double d) {
  char text[40];
  snprintf(text, sizeof text, "%se%d", x->digits, x->point - x->n);
  return read_double(text) == d;
}

// The next larger decimal of n digits.
static void step_up(Decimal *x, int n) {
  while (x->n < n)
    x->digits[x->n++] = '0';
  int i = n - 1;
  while (i >= 0 && x->digits[i] == '9')
    i--;
  if (i < 0) {
    x->digits[0] = '1';
    x->n = 1;
    x->point++;
  } else {
    x->digits[i]++;
    x->n = i + 1;
  }
  x->digits[x->n] = 0;
}

// The shortest decimal that reads back, the nearest one of these. Fifteen
// digits survive a double, so a shorter text shows as trailing zeros there,
// except among the denormals. Below a power of two doubles lie closer than
// above: there the nearest decimal may fail where the next one up succeeds.
static Decimal shortest(double d) {
  int mantissa_exponent;
  bool power_of_two = frexp(d, &mantissa_exponent) == 0.5;
  for (int n = d < 0x1p-1022 ? 1 : 15; n < 17; n++) {
    Decimal x = round_to(d, n);
    if (reads_back(&x, d)) return x;
    if (!power_of_two) continue;
    step_up(&x, n);
    if (reads_back(&x, d)) return x;
  }
  return round_to(d, 17);
}

// Digits with the point among or around them, always one digit after it.
static int put_plain(char *buf, const Decimal *x) {
  int len = 0;
  if (x->point <= 0) buf[len++] = '0';
  for (int i = 0; i < x->point; i++)
    buf[len++] = i < x->n ? x->digits[i] : '0';
  buf[len++] = '.';
  for (int i = x->point; i < 0; i++)
    buf[len++] = '0';
  for (int i = x->point > 0 ? x->point : 0; i < x->n; i++)
    buf[len++] = x->digits[i];
  if (x->n <= x->point) buf[len++] = '0';
  return len;
}

static int put_exponent(char *buf, const Decimal *x) {
  int len = 0;
  buf[len++] = x->digits[0];
  if (x->n > 1) buf[len++] = '.';
  for (int i = 1; i < x->n; i++)
    buf[len++] = x->digits[i];
  return len + snprintf(buf + len, 8, "e%d", x->point - 1);
}

size_t ambi_double_text(double d, char buf[40]) {
  int len = 0;
  if (signbit(d) && !isnan(d)) buf[len++] = '-';
  double mag = fabs(d);
  if (isnan(d) || isinf(d)) {
    memcpy(buf + len, isnan(d) ? "NaN" : "inf", 3);
    len += 3;
  } else if (mag == 0) {
    memcpy(buf + len, "0.0", 3);
    len += 3;
  } else {
    Decimal x = shortest(mag);
    bool plain = mag >= 1e-4 && mag < 1e16;
    len += plain ? put_plain(buf + len, &x) : put_exponent(buf + len, &x);
  }
  buf[len] = 0;
  return (size_t)len;
}

// ---- printing bignums -------------------------------------------------------

char *ambi_big_text(Value big, size_t *len, size_t *size) {
  const Word *p = ambi_ptr(big);
  size_t n = ambi_hdr_size(*p), limb_bytes = (n + 1) * sizeof(mp_limb_t);
  // log10(2) < 0.3011; sign, one digit of rounding, a zero in front, NUL
  *size = n * 64 * 3011 / 10000 + 4;
  mp_limb_t *limbs = ambi_realloc(NULL, 0, limb_bytes);
  char *text = ambi_realloc(NULL, 0, *size);
  if (!limbs || !text) {
    ambi_free(limbs, limb_bytes);
    ambi_free(text, *size);
    return NULL;
  }
  memcpy(limbs, p + 1, n * sizeof *limbs);  // the conversion destroys them
  bool neg = (ambi_hdr_flags(*p) & FLAG_NEG) != 0;
  char *digits = text + neg;
  size_t count = mpn_get_str((unsigned char *)digits, 10, limbs, (mp_size_t)n);
  size_t zeros = 0;
  while (zeros + 1 < count && digits[zeros] == 0)
    zeros++;
  count -= zeros;
  for (size_t i = 0; i < count; i++)
    digits[i] = (char)(digits[i + zeros] + '0');
  if (neg) text[0] = '-';
  *len = count + neg;
  text[*len] = 0;
  ambi_free(limbs, limb_bytes);
  return text;
}
