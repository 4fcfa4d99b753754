// Instructions for numbers and truth values: a part of the function in loop.h, and of
// nothing else.
#define ARITH(name, overflow, ext, dop)                              \
  do_##name : {                                                      \
    Value a = SOURCE(pc->b), b = SOURCE(pc->c);                      \
    if (AMB_LIKELY(ambi_is_int(a) && ambi_is_int(b))) {              \
      int64_t r;                                                     \
      if (AMB_LIKELY(!overflow((int64_t)(a.w << 16), ext(b), &r))) { \
        E[pc->a] = ((Word)TAG_INT << 48) | ((Word)r >> 16);          \
        STEP(1);                                                     \
      }                                                              \
    } else if (ambi_is_double(a) && ambi_is_double(b)) {             \
      double r = ambi_double_of(a) dop ambi_double_of(b);            \
      E[pc->a] = ambi_num_from_double(cx, r).w;                      \
      STEP(1);                                                       \
    }                                                                \
    AFTER(ambi_step_arith_slow(g, a, b));                            \
  }
#define SHIFTED(v) ((int64_t)((v).w << 16))
#define PLAIN(v)   ambi_int_of(v)
ARITH(ADD, __builtin_add_overflow, SHIFTED, +)
ARITH(SUB, __builtin_sub_overflow, SHIFTED, -)
ARITH(MUL, __builtin_mul_overflow, PLAIN, *)
#define ARITH_I(name, overflow, generic)                               \
  do_##name : {                                                        \
    Value a = AMB_V(E[pc->b]);                                         \
    int64_t r;                                                         \
    if (AMB_LIKELY(ambi_is_int(a) &&                                   \
                   !overflow((int64_t)(a.w << 16),                     \
                             (int64_t)(int16_t)pc->c * 65536, &r))) {  \
      E[pc->a] = ((Word)TAG_INT << 48) | ((Word)r >> 16);              \
      STEP(1);                                                         \
    }                                                                  \
    AFTER(ambi_step_arith_slow(g, a, ambi_small_int((int16_t)pc->c))); \
  }
ARITH_I(ADDI, __builtin_add_overflow, OP_I_ADD)
ARITH_I(SUBI, __builtin_sub_overflow, OP_I_SUB)

// Words of truth values differ in bit 0.
#define TRUTH(name, x, word)                            \
  do_##name : {                                         \
    Value a = SOURCE(pc->b), b = SOURCE(x);             \
    if (!ambi_is_bool(a) || !ambi_is_bool(b)) {         \
      a = ambi_deref(a);                                \
      b = ambi_deref(b);                                \
      if (!ambi_is_bool(a) || !ambi_is_bool(b)) EDGE(); \
    }                                                   \
    E[pc->a] = (word);                                  \
    STEP(1);                                            \
  }
TRUTH(AND, pc->c, a.w &b.w)
TRUTH(OR, pc->c, a.w | b.w)
TRUTH(XOR, pc->c, ambi_bool(a.w != b.w).w)
TRUTH(NOT, pc->b, a.w ^ 1)

#define COMPARE(name, rel)                                       \
  do_##name : {                                                  \
    Value a = SOURCE(pc->a), b = SOURCE(pc->b);                  \
    if (AMB_LIKELY(ambi_is_int(a) && ambi_is_int(b))) {          \
      if ((int64_t)(a.w << 16) rel(int64_t)(b.w << 16)) STEP(1); \
      JUMP(pc->c);                                               \
    }                                                            \
    if (ambi_is_double(a) && ambi_is_double(b)) {                \
      if (ambi_double_of(a) rel ambi_double_of(b)) STEP(1);      \
      JUMP(pc->c);                                               \
    }                                                            \
    a = ambi_deref(a);                                           \
    b = ambi_deref(b);                                           \
    if (!ambi_is_number(a) || !ambi_is_number(b)) EDGE();        \
    bool known;                                                  \
    if (ambi_step_compare(OP_I_##name, a, b, &known)) STEP(1);   \
    JUMP(pc->c);                                                 \
  }
COMPARE(JNLT, <)
COMPARE(JNGT, >)
COMPARE(JNLE, <=)
COMPARE(JNGE, >=)
#define COMPARE_I(name, full, rel)                                        \
  do_##name : {                                                           \
    Value a = AMB_V(E[pc->a]);                                            \
    if (AMB_LIKELY(ambi_is_int(a))) {                                     \
      if (ambi_int_of(a) rel(int16_t) pc->b) STEP(1);                     \
      JUMP(pc->c);                                                        \
    }                                                                     \
    a = ambi_deref(a);                                                    \
    if (!ambi_is_number(a)) EDGE();                                       \
    bool known;                                                           \
    if (ambi_step_compare(OP_I_##full, a, ambi_small_int((int16_t)pc->b), \
                          &known))                                        \
      STEP(1);                                                            \
    JUMP(pc->c);                                                          \
  }
COMPARE_I(JNLTI, JNLT, <)
COMPARE_I(JNGTI, JNGT, >)
do_JNEQ : {  // both sides are evaluated
  Value a = ambi_deref(SOURCE(pc->a)), b = ambi_deref(SOURCE(pc->b));
  if ((a.w == b.w && ambi_is_int(a)) || ambi_step_equal(a, b)) STEP(1);
  if (ambi_unit_edge(UNIT(), (uint32_t)(pc - UNIT()->code)) != UINT32_MAX &&
      ambi_step_differ_in_type(cx, a, b))
    EDGE();
  JUMP(pc->c);
}
do_JNEQT : {
  Value a = ambi_deref(SOURCE(pc->a)), b = ambi_deref(SOURCE(pc->b));
  if (AMB_LIKELY(ambi_is_int(a) && ambi_is_int(b))) {
    if (a.w == b.w) STEP(1);
    JUMP(pc->c);
  }
  if (!ambi_step_one_type(g, &a, &b)) EDGE();
  if (ambi_step_equal(a, b)) STEP(1);
  JUMP(pc->c);
}
do_JNEQI : {
  Value a = AMB_V(E[pc->a]);
  if (AMB_LIKELY(ambi_is_int(a))) {
    if (ambi_int_of(a) == (int16_t)pc->b) STEP(1);
    JUMP(pc->c);
  }
  a = ambi_deref(a);
  if (ambi_is_number(a)) {
    if (ambi_num_cmp(a, ambi_small_int((int16_t)pc->b)) == 0) STEP(1);
    JUMP(pc->c);
  }
  EDGE();
}
do_BRANCH : {
  Value v = AMB_V(E[pc->a]);
  if (v.w == AMB_TRUE.w) STEP(2);
  if (v.w == AMB_FALSE.w) JUMP(pc->c);
  v = ambi_deref(v);
  if (v.w == AMB_TRUE.w) STEP(2);
  if (v.w == AMB_FALSE.w) JUMP(pc->c);
  JUMP(pc[1].b);
}
