// Numbers: exact integers of any size and doubles.
//
// Small integers sit in the word; larger ones are bignum objects whose limbs
// are worked on by GMP's mpn layer. Results that fit 48 bits are always small,
// so small integers are equal iff their words are.
#ifndef AMBIT_RUNTIME_NUMBER_H
#define AMBIT_RUNTIME_NUMBER_H

#include "runtime/atoms/context.h"

// Operands must be numbers. AMB_NONE: memory is out (cx->stop set).
Value ambi_num_add(Context *cx, Value a, Value b);
Value ambi_num_sub(Context *cx, Value a, Value b);
Value ambi_num_mul(Context *cx, Value a, Value b);
// Integers truncate toward zero. *by_zero is set (and the result meaningless)
// when an integer is divided by integer zero.
Value ambi_num_div(Context *cx, Value a, Value b, bool *by_zero);
Value ambi_num_rem(Context *cx, Value a, Value b, bool *by_zero);
Value ambi_num_abs(Context *cx, Value a);
// <0, 0, >0; 2 when one is NaN. Mixed integer and float compare as doubles.
int ambi_num_cmp(Value a, Value b);
double ambi_num_to_double(Value a);
// What was calculated, which may be NaN: that is noted for ambi_unify.
Value ambi_num_nan(Runtime *rt);
static inline Value ambi_num_from_double(Context *cx, double d) {
  return AMB_UNLIKELY(d != d) ? ambi_num_nan(cx->rt) : ambi_double(d);
}
Value ambi_num_from_int64(Context *cx, int64_t i);
Value ambi_num_from_uint64(Context *cx, uint64_t i);
// Doubles are truncated toward zero. False: does not fit, or no number.
bool ambi_num_to_int64(Value a, int64_t *out);

// Is the whole text an integer / float literal (2.1)? Then makes it.
// Result: 1 made, 0 not a number, -1 memory is out. Words for a bignum come
// from alloc(arg, words) so that reader and heap share the code.
int ambi_num_parse(const char *s, size_t len, Value *out,
                   Word *(*alloc)(void *, size_t), void *arg);
// Text of a double as printed: the shortest that reads back, terminated;
// returns its length.
size_t ambi_double_text(double d, char buf[40]);
// Decimal text of a bignum, terminated, *len characters in *size bytes to be
// given to ambi_free. NULL: memory is out.
char *ambi_big_text(Value big, size_t *len, size_t *size);

#endif
