// Arithmetic on exact integers and doubles.
//
// Every integer is looked at as sign and limbs; a small one uses a limb of the
// caller's. Results are written to the top of the heap and cut to size there,
// so no scratch memory is needed: what does not survive is given back by
// lowering the heap top. Two small operands never take this way unless the
// result is large.
#include "runtime/atoms/number.h"

#include <gmp.h>
#include <math.h>

#include "memory/alloc.h"
#include "runtime/runtime.h"

_Static_assert(sizeof(mp_limb_t) == sizeof(Word) && GMP_NAIL_BITS == 0,
               "limbs are stored as heap words");

typedef struct Limbs {
  const mp_limb_t *at;
  mp_size_t n;  // no leading zero limb; zero has none
  bool neg;
} Limbs;

// The limbs of an integer; those of a small one are put into *one.
static Limbs limbs_of(Value v, mp_limb_t *one) {
  if (ambi_is_int(v)) {
    int64_t i = ambi_int_of(v);
    *one = (mp_limb_t)(i < 0 ? -i : i);
    return (Limbs){one, i != 0, i < 0};
  }
  const Word *p = ambi_ptr(v);
  return (Limbs){p + 1, (mp_size_t)ambi_hdr_size(*p),
                 (ambi_hdr_flags(*p) & FLAG_NEG) != 0};
}

static Value out_of_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return AMB_NONE;
}

// Room for a bignum of n limbs and `scratch` words behind it.
static Word *open_big(Context *cx, mp_size_t n, mp_size_t scratch) {
  if (n > (mp_size_t)UINT32_MAX) {
    out_of_memory(cx);
    return NULL;
  }
  return ambi_heap_alloc(cx, (size_t)(n + scratch) + 1);
}

// Turns the words at p, newest on the heap, into an integer of at most n limbs
// and gives the rest back.
static Value close_big(Context *cx, Word *p, mp_size_t n, bool neg) {
  while (n > 0 && p[n] == 0)
    n--;
  if (n == 0 || (n == 1 && p[1] <= (Word)AMB_INT_MAX + neg)) {
    Word mag = n ? p[1] : 0;
    cx->h = p;
    return ambi_small_int(neg ? -(int64_t)mag : (int64_t)mag);
  }
  p[0] = ambi_header(KIND_BIG, neg ? FLAG_NEG : 0, (uint32_t)n);
  cx->h = p + 1 + n;
  return ambi_tag_ptr(TAG_BIG, p);
}

static Value from_magnitude(Context *cx, uint64_t mag, bool neg) {
  Word *p = open_big(cx, 1, 0);
  if (!p) return AMB_NONE;
  p[1] = mag;
  return close_big(cx, p, 1, neg);
}

Value ambi_num_from_int64(Context *cx, int64_t i) {
  if (ambi_int_fits(i)) return ambi_small_int(i);
  return from_magnitude(cx, i < 0 ? -(uint64_t)i : (uint64_t)i, i < 0);
}

Value ambi_num_from_uint64(Context *cx, uint64_t i) {
  if (i <= (uint64_t)AMB_INT_MAX) return ambi_small_int((int64_t)i);
  return from_magnitude(cx, i, false);
}

// ---- conversion to machine numbers ------------------------------------------

// Rounded to nearest even: the top 64 bits, the lowest of them set when any
// bit below is, round as the whole number would.
static double big_to_double(Limbs a) {
  mp_limb_t top = a.at[a.n - 1];
  int shift = __builtin_clzll(top);
  mp_limb_t next = a.n > 1 ? a.at[a.n - 2] : 0;
  mp_limb_t mant = shift ? top << shift | next >> (64 - shift) : top;
  mp_limb_t rest = shift ? next << shift : next;
  for (mp_size_t i = 0; i < a.n - 2 && !rest; i++)
    rest = a.at[i];
  mant |= rest != 0;
  // Beyond 17 limbs it is infinite whatever the digits.
  int exponent = a.n > 17 ? 2000 : (int)(a.n - 1) * 64 - shift;
  double d = ldexp((double)mant, exponent);
  return a.neg ? -d : d;
}

double ambi_num_to_double(Value a) {
  if (ambi_is_int(a)) return (double)ambi_int_of(a);
  if (ambi_is_double(a)) return ambi_double_of(a);
  mp_limb_t one;
  return big_to_double(limbs_of(a, &one));
}

bool ambi_num_to_int64(Value a, int64_t *out) {
  if (ambi_is_int(a)) {
    *out = ambi_int_of(a);
    return true;
  }
  if (ambi_is_double(a)) {
    double d = ambi_double_of(a);
    if (!(d >= -0x1p63 && d < 0x1p63)) return false;
    *out = (int64_t)d;
    return true;
  }
  if (!ambi_is_big(a)) return false;
  mp_limb_t one;
  Limbs l = limbs_of(a, &one);
  if (l.n > 1 || l.at[0] > (mp_limb_t)INT64_MAX + l.neg) return false;
  *out = (int64_t)(l.neg ? -l.at[0] : l.at[0]);
  return true;
}

// ---- comparison -------------------------------------------------------------

static int cmp_magnitude(Limbs a, Limbs b) {
  if (a.n != b.n) return a.n < b.n ? -1 : 1;
  int c = a.n ? mpn_cmp(a.at, b.at, a.n) : 0;
  return (c > 0) - (c < 0);
}

int ambi_num_cmp(Value a, Value b) {
  if (ambi_is_int(a) && ambi_is_int(b)) {
    int64_t i = ambi_int_of(a), j = ambi_int_of(b);
    return (i > j) - (i < j);
  }
  if (ambi_is_double(a) || ambi_is_double(b)) {
    double x = ambi_num_to_double(a), y = ambi_num_to_double(b);
    if (isnan(x) || isnan(y)) return 2;
    return (x > y) - (x < y);
  }
  mp_limb_t one, two;
  Limbs x = limbs_of(a, &one), y = limbs_of(b, &two);
  if (x.neg != y.neg) return x.neg ? -1 : 1;
  int c = cmp_magnitude(x, y);
  return x.neg ? -c : c;
}

// ---- integer arithmetic -----------------------------------------------------

static Value add_limbs(Context *cx, Limbs a, Limbs b) {
  if (cmp_magnitude(a, b) < 0) {
    Limbs t = a;
    a = b;
    b = t;
  }
  Word *p = open_big(cx, a.n + 1, 0);
  if (!p) return AMB_NONE;
  p[a.n + 1] = 0;
  if (b.n == 0)
    memcpy(p + 1, a.at, (size_t)a.n * sizeof *a.at);
  else if (a.neg == b.neg)
    p[a.n + 1] = mpn_add(p + 1, a.at, a.n, b.at, b.n);
  else
    mpn_sub(p + 1, a.at, a.n, b.at, b.n);
  return close_big(cx, p, a.n + 1, a.neg);
}

// GMP takes scratch memory for large operands from malloc and aborts when
// there is none. Asking for as much just before turns that into a stop.
static bool scratch_available(Context *cx, mp_size_t limbs) {
  enum { SMALL = 4096, SHARE = 4 };
  if (limbs < SMALL) return true;
  size_t size = (size_t)limbs * sizeof(mp_limb_t) * SHARE;
  void *p = ambi_realloc(NULL, 0, size);
  ambi_free(p, size);
  if (!p) out_of_memory(cx);
  return p != NULL;
}

static Value mul_limbs(Context *cx, Limbs a, Limbs b) {
  if (a.n == 0 || b.n == 0) return ambi_small_int(0);
  if (a.n < b.n) {
    Limbs t = a;
    a = b;
    b = t;
  }
  if (!scratch_available(cx, a.n + b.n)) return AMB_NONE;
  Word *p = open_big(cx, a.n + b.n, 0);
  if (!p) return AMB_NONE;
  mpn_mul(p + 1, a.at, a.n, b.at, b.n);
  return close_big(cx, p, a.n + b.n, a.neg != b.neg);
}

// Quotient or remainder of truncating division; the other one is scratch.
static Value divide_limbs(Context *cx, Value dividend, Value divisor,
                          bool want_rem) {
  mp_limb_t one, two;
  Limbs a = limbs_of(dividend, &one), b = limbs_of(divisor, &two);
  if (a.n < b.n) return want_rem ? dividend : ambi_small_int(0);
  if (!scratch_available(cx, a.n + b.n)) return AMB_NONE;
  mp_size_t nq = a.n - b.n + 1, n = want_rem ? b.n : nq;
  Word *p = open_big(cx, n, want_rem ? nq : b.n);
  if (!p) return AMB_NONE;
  Word *quotient = want_rem ? p + 1 + n : p + 1;
  Word *rest = want_rem ? p + 1 : p + 1 + n;
  mpn_tdiv_qr(quotient, rest, 0, a.at, a.n, b.at, b.n);
  return close_big(cx, p, n, want_rem ? a.neg : a.neg != b.neg);
}

// ---- the operations ---------------------------------------------------------

// Integers of up to 63 bits, which most large ones are.
static bool word_int(Value v, int64_t *out) {
  if (ambi_is_int(v)) {
    *out = ambi_int_of(v);
    return true;
  }
  const Word *p = ambi_ptr(v);
  if (!ambi_is_big(v) || ambi_hdr_size(*p) != 1 || p[1] > (Word)INT64_MAX)
    return false;
  *out = ambi_hdr_flags(*p) & FLAG_NEG ? -(int64_t)p[1] : (int64_t)p[1];
  return true;
}

static bool both_int(Value a, Value b) {
  return ambi_is_int(a) && ambi_is_int(b);
}

static bool either_double(Value a, Value b) {
  return ambi_is_double(a) || ambi_is_double(b);
}

Value ambi_num_nan(Runtime *rt) {
  ambi_store_relaxed(&rt->x_nan, true);
  return AMB_V(AMB_CANONICAL_NAN);
}

Value ambi_num_add(Context *cx, Value a, Value b) {
  int64_t i, j, r;
  if (word_int(a, &i) && word_int(b, &j) && !__builtin_add_overflow(i, j, &r))
    return ambi_num_from_int64(cx, r);
  if (either_double(a, b))
    return ambi_num_from_double(cx,
                                ambi_num_to_double(a) + ambi_num_to_double(b));
  mp_limb_t one, two;
  return add_limbs(cx, limbs_of(a, &one), limbs_of(b, &two));
}

Value ambi_num_sub(Context *cx, Value a, Value b) {
  int64_t i, j, r;
  if (word_int(a, &i) && word_int(b, &j) && !__builtin_sub_overflow(i, j, &r))
    return ambi_num_from_int64(cx, r);
  if (either_double(a, b))
    return ambi_num_from_double(cx,
                                ambi_num_to_double(a) - ambi_num_to_double(b));
  mp_limb_t one, two;
  Limbs y = limbs_of(b, &two);
  y.neg = !y.neg;
  return add_limbs(cx, limbs_of(a, &one), y);
}

Value ambi_num_mul(Context *cx, Value a, Value b) {
  int64_t i, j, r;
  if (word_int(a, &i) && word_int(b, &j) && !__builtin_mul_overflow(i, j, &r))
    return ambi_num_from_int64(cx, r);
  if (either_double(a, b))
    return ambi_num_from_double(cx,
                                ambi_num_to_double(a) * ambi_num_to_double(b));
  mp_limb_t one, two;
  return mul_limbs(cx, limbs_of(a, &one), limbs_of(b, &two));
}

Value ambi_num_div(Context *cx, Value a, Value b, bool *by_zero) {
  *by_zero = false;
  if (either_double(a, b))
    return ambi_num_from_double(cx,
                                ambi_num_to_double(a) / ambi_num_to_double(b));
  *by_zero = ambi_same(b, ambi_small_int(0));
  if (*by_zero) return ambi_small_int(0);
  if (both_int(a, b))
    return ambi_num_from_int64(cx, ambi_int_of(a) / ambi_int_of(b));
  return divide_limbs(cx, a, b, false);
}

Value ambi_num_rem(Context *cx, Value a, Value b, bool *by_zero) {
  *by_zero = false;
  if (either_double(a, b))
    return ambi_num_from_double(
        cx, fmod(ambi_num_to_double(a), ambi_num_to_double(b)));
  *by_zero = ambi_same(b, ambi_small_int(0));
  if (*by_zero) return ambi_small_int(0);
  if (both_int(a, b)) return ambi_small_int(ambi_int_of(a) % ambi_int_of(b));
  return divide_limbs(cx, a, b, true);
}

Value ambi_num_abs(Context *cx, Value a) {
  if (ambi_is_double(a))
    return ambi_num_from_double(cx, fabs(ambi_double_of(a)));
  if (ambi_is_int(a)) {
    int64_t i = ambi_int_of(a);
    return ambi_num_from_int64(cx, i < 0 ? -i : i);
  }
  mp_limb_t one;
  Limbs l = limbs_of(a, &one);
  if (!l.neg) return a;
  l.neg = false;
  return add_limbs(cx, l, (Limbs){0});
}
