// Arithmetic, comparison, and the functions of the -math family.
//
// The operators leave calls on anything but numbers as they stand; division
// and the -math functions report an error instead. Integers are exact, the
// transcendental functions work on doubles.
#include <math.h>

#include "runtime/atoms/number.h"
#include "runtime/builtins/answer.h"

static bool both_numbers(const Value *args, unsigned n) {
  return n >= 2 && ambi_is_number(args[0]) && ambi_is_number(args[1]);
}

static bool is_integer(Value v) {
  return ambi_is_int(v) || ambi_is_big(v);
}

// ---- operators --------------------------------------------------------------

enum BuiltinStatus ambi_b_add(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  if (!both_numbers(args, n)) return B_NOREDUCE;
  return ambi_answer(cx, out, ambi_num_add(cx, args[0], args[1]));
}

enum BuiltinStatus ambi_b_sub(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  if (!both_numbers(args, n)) return B_NOREDUCE;
  return ambi_answer(cx, out, ambi_num_sub(cx, args[0], args[1]));
}

enum BuiltinStatus ambi_b_mul(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  if (!both_numbers(args, n)) return B_NOREDUCE;
  return ambi_answer(cx, out, ambi_num_mul(cx, args[0], args[1]));
}

static enum BuiltinStatus by_zero(Context *cx) {
  cx->error_reason = AMB_SYM(DIVISION_BY_ZERO);
  return B_ERROR;
}

enum BuiltinStatus ambi_b_div(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  if (!both_numbers(args, n))
    return ambi_answer_error(
        cx, "Divide expects two numbers: dividend and divisor");
  bool zero = false;
  Value v = ambi_num_div(cx, args[0], args[1], &zero);
  return zero ? by_zero(cx) : ambi_answer(cx, out, v);
}

enum BuiltinStatus ambi_b_rem(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  if (!both_numbers(args, n)) return B_NOREDUCE;
  bool zero = false;
  Value v = ambi_num_rem(cx, args[0], args[1], &zero);
  return zero ? by_zero(cx) : ambi_answer(cx, out, v);
}

// ambi_num_cmp gives 2 for NaN, which is in no set below.
enum { BELOW = 1, SAME = 2, ABOVE = 4 };

static enum BuiltinStatus compare(const Value *args, unsigned n,
                                  unsigned wanted, Value *out) {
  if (!both_numbers(args, n)) return B_NOREDUCE;
  int c = ambi_num_cmp(args[0], args[1]);
  unsigned found = c == 2 ? 0 : c < 0 ? BELOW : c > 0 ? ABOVE : SAME;
  return ambi_answer_bool(out, (found & wanted) != 0);
}

enum BuiltinStatus ambi_b_lt(Context *cx, const Value *args, unsigned n,
                             Value *out) {
  (void)cx;
  return compare(args, n, BELOW, out);
}

enum BuiltinStatus ambi_b_gt(Context *cx, const Value *args, unsigned n,
                             Value *out) {
  (void)cx;
  return compare(args, n, ABOVE, out);
}

enum BuiltinStatus ambi_b_le(Context *cx, const Value *args, unsigned n,
                             Value *out) {
  (void)cx;
  return compare(args, n, BELOW | SAME, out);
}

enum BuiltinStatus ambi_b_ge(Context *cx, const Value *args, unsigned n,
                             Value *out) {
  (void)cx;
  return compare(args, n, ABOVE | SAME, out);
}

// A NaN loses against any number.
static enum BuiltinStatus choose(const Value *args, unsigned n, bool greater,
                                 Value *out) {
  if (!both_numbers(args, n)) return B_NOREDUCE;
  int c = ambi_num_cmp(args[0], args[1]);
  bool first = c == 2 ? !isnan(ambi_num_to_double(args[0]))
                      : (greater ? c >= 0 : c <= 0);
  *out = args[first ? 0 : 1];
  return B_OK;
}

enum BuiltinStatus ambi_b_min(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)cx;
  return choose(args, n, false, out);
}

enum BuiltinStatus ambi_b_max(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)cx;
  return choose(args, n, true, out);
}

// ---- truth values -----------------------------------------------------------

static bool both_bools(const Value *args, unsigned n) {
  return n >= 2 && ambi_is_bool(args[0]) && ambi_is_bool(args[1]);
}

static bool is_true(Value v) {
  return ambi_same(v, AMB_TRUE);
}

enum BuiltinStatus ambi_b_and(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)cx;
  if (!both_bools(args, n)) return B_NOREDUCE;
  return ambi_answer_bool(out, is_true(args[0]) && is_true(args[1]));
}

enum BuiltinStatus ambi_b_or(Context *cx, const Value *args, unsigned n,
                             Value *out) {
  (void)cx;
  if (!both_bools(args, n)) return B_NOREDUCE;
  return ambi_answer_bool(out, is_true(args[0]) || is_true(args[1]));
}

enum BuiltinStatus ambi_b_xor(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)cx;
  if (!both_bools(args, n)) return B_NOREDUCE;
  return ambi_answer_bool(out, is_true(args[0]) != is_true(args[1]));
}

enum BuiltinStatus ambi_b_not(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)cx;
  if (n < 1 || !ambi_is_bool(args[0])) return B_NOREDUCE;
  return ambi_answer_bool(out, !is_true(args[0]));
}

// ---- functions of two numbers -----------------------------------------------

// Square and multiply: the same roundings, so the same last digits, on every
// machine.
static double integer_power(double base, int32_t exponent) {
  double result = 1;
  for (int64_t left = exponent < 0 ? -(int64_t)exponent : exponent;;) {
    if (left & 1) result *= base;
    left >>= 1;
    if (left == 0) break;
    base *= base;
  }
  return exponent < 0 ? 1 / result : result;
}

enum BuiltinStatus ambi_b_pow_math(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (!both_numbers(args, n))
    return ambi_answer_error(
        cx, "pow-math expects two arguments: number (base) and number (power)");
  double base = ambi_num_to_double(args[0]);
  double result;
  if (is_integer(args[1])) {
    int64_t exponent = ambi_is_int(args[1]) ? ambi_int_of(args[1]) : INT64_MAX;
    if (exponent < INT32_MIN || exponent > INT32_MAX)
      return ambi_answer_error(
          cx, "power argument is too big, try using float value");
    result = integer_power(base, (int32_t)exponent);
  } else {
    result = pow(base, ambi_double_of(args[1]));
  }
  return ambi_answer(cx, out, ambi_num_from_double(cx, result));
}

enum BuiltinStatus ambi_b_log_math(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (!both_numbers(args, n))
    return ambi_answer_error(cx, "log-math expects two arguments: base "
                                 "(number) and input value (number)");
  double base = ambi_num_to_double(args[0]);
  double x = ambi_num_to_double(args[1]);
  return ambi_answer(cx, out, ambi_num_from_double(cx, log(x) / log(base)));
}

// ---- functions of one number ------------------------------------------------

static enum BuiltinStatus expects(Context *cx, const char *name,
                                  const char *what) {
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "%s expects one argument: %s", name, what);
  return B_ERROR;
}

static enum BuiltinStatus apply(Context *cx, const Value *args, unsigned n,
                                Value *out, const char *name,
                                double (*f)(double)) {
  if (n < 1 || !ambi_is_number(args[0]))
    return expects(cx, name, "input number");
  return ambi_answer(cx, out,
                     ambi_num_from_double(cx, f(ambi_num_to_double(args[0]))));
}

// Rounding leaves integers alone.
static enum BuiltinStatus apply_rounding(Context *cx, const Value *args,
                                         unsigned n, Value *out,
                                         const char *name,
                                         double (*f)(double)) {
  if (n >= 1 && is_integer(args[0])) return ambi_answer(cx, out, args[0]);
  return apply(cx, args, n, out, name, f);
}

enum BuiltinStatus ambi_b_sqrt_math(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || !ambi_is_number(args[0]))
    return expects(cx, "sqrt-math", "number");
  return ambi_answer(
      cx, out, ambi_num_from_double(cx, sqrt(ambi_num_to_double(args[0]))));
}

enum BuiltinStatus ambi_b_abs_math(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 1 || !ambi_is_number(args[0]))
    return expects(cx, "abs-math", "number");
  return ambi_answer(cx, out, ambi_num_abs(cx, args[0]));
}

#define ROUNDING(id, name, f)                                                \
  enum BuiltinStatus ambi_b_##id(Context *cx, const Value *args, unsigned n, \
                                 Value *out) {                               \
    return apply_rounding(cx, args, n, out, name, f);                        \
  }
ROUNDING(trunc_math, "trunc-math", trunc)
ROUNDING(ceil_math, "ceil-math", ceil)
ROUNDING(floor_math, "floor-math", floor)
ROUNDING(round_math, "round-math", round)

#define FUNCTION(id, name, f)                                                \
  enum BuiltinStatus ambi_b_##id(Context *cx, const Value *args, unsigned n, \
                                 Value *out) {                               \
    return apply(cx, args, n, out, name, f);                                 \
  }
FUNCTION(sin_math, "sin-math", sin)
FUNCTION(cos_math, "cos-math", cos)
FUNCTION(tan_math, "tan-math", tan)
FUNCTION(asin_math, "asin-math", asin)
FUNCTION(acos_math, "acos-math", acos)
FUNCTION(atan_math, "atan-math", atan)

enum BuiltinStatus ambi_b_isnan_math(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1 || !ambi_is_number(args[0]))
    return expects(cx, "isnan-math", "input number");
  return ambi_answer_bool(out, ambi_is_double(args[0]) &&
                                   isnan(ambi_double_of(args[0])));
}

enum BuiltinStatus ambi_b_isinf_math(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1 || !ambi_is_number(args[0]))
    return expects(cx, "isinf-math", "input number");
  return ambi_answer_bool(out, ambi_is_double(args[0]) &&
                                   isinf(ambi_double_of(args[0])));
}

// ---- least and greatest number of an expression -----------------------------

static enum BuiltinStatus not_numbers(Context *cx, Value list) {
  Buffer b = {0};
  ambi_buffer_puts(&b, "Only numbers are allowed in expression: ");
  ambi_print(cx->rt, &b, list, NULL);
  enum BuiltinStatus status =
      b.failed ? ambi_answer_stop(cx) : ambi_answer_error(cx, b.text);
  ambi_buffer_drop(&b);
  return status;
}

// The answer is a double; NaN is passed over.
static enum BuiltinStatus extreme(Context *cx, const Value *args, unsigned n,
                                  double start,
                                  double (*better)(double, double),
                                  Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  uint32_t size = ambi_expr_size(args[0]);
  if (size == 0) return ambi_answer_error(cx, "Empty expression");
  const Value *items = ambi_expr_items(args[0]);
  double best = start;
  for (uint32_t i = 0; i < size; i++) {
    Value v = ambi_deref(items[i]);
    if (!ambi_is_number(v)) return not_numbers(cx, args[0]);
    best = better(best, ambi_num_to_double(v));
  }
  return ambi_answer(cx, out, ambi_num_from_double(cx, best));
}

enum BuiltinStatus ambi_b_min_atom(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  return extreme(cx, args, n, INFINITY, fmin, out);
}

enum BuiltinStatus ambi_b_max_atom(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  return extreme(cx, args, n, -INFINITY, fmax, out);
}
