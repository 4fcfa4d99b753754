// What jit_encode.h encodes: the bytes that asmjit makes of it, for all registers, and
// for constants and offsets on both sides of every limit.
#include <stdlib.h>
#include <string.h>

#include "compiler_thread/jit.h"
#include "tests/unit/unit.h"

static const int32_t numbers[] = {
    0,    1,    -1,  2,      63,    127,     128,       255,
    -128, -129, 256, 0x7FFC, 65536, 1 << 30, INT32_MAX, INT32_MIN};
static const uint64_t words[] = {0,
                                 1,
                                 127,
                                 INT32_MAX,
                                 (uint64_t)INT32_MAX + 1,
                                 UINT32_MAX,
                                 (uint64_t)UINT32_MAX + 1,
                                 0x7FFB000000001238,
                                 (uint64_t)INT64_MIN,
                                 (uint64_t)-1,
                                 (uint64_t)INT32_MIN,
                                 (uint64_t)INT32_MIN - 1};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static void registers(Jit *j, JitReg a, JitReg b) {
  for (JitOp op = J_MOV; op < J_OP_COUNT; op++) {
    jit_rr(j, op, a, b);
    jit_rr32(j, op, a, b);
  }
}

static void constants(Jit *j, JitReg r) {
  for (size_t i = 0; i < COUNT(numbers); i++)
    for (JitOp op = J_MOV; op <= J_TEST; op++) {
      jit_ri(j, op, r, numbers[i]);
      jit_ri32(j, op, r, numbers[i]);
    }
  for (size_t i = 0; i < COUNT(words); i++)
    jit_imm(j, r, words[i]);
  for (JitShift op = J_SHL; op <= J_ROR; op++)
    for (unsigned n = 0; n < 64; n++)
      jit_shift(j, op, r, n);
}

static void with_memory(Jit *j, JitReg r, JitMem m) {
  for (JitOp op = J_MOV; op <= J_CMP; op++) {
    jit_rm(j, op, r, m);
    jit_rm32(j, op, r, m);
    jit_mr(j, op, m, r);
    jit_mr32(j, op, m, r);
  }
  jit_mr(j, J_TEST, m, r);
  jit_mr32(j, J_TEST, m, r);
  jit_lea(j, r, m);
  jit_zx(j, 1, r, m);
  jit_zx(j, 2, r, m);
}

static void constants_to(Jit *j, JitMem m) {
  static const int32_t small[] = {0, 1, -1, 127, -128};
  for (JitOp op = J_MOV; op <= J_TEST; op++) {
    for (size_t i = 0; i < COUNT(numbers); i++) {
      jit_mi(j, op, 4, m, numbers[i]);
      jit_mi(j, op, 8, m, numbers[i]);
    }
    for (size_t i = 0; i < COUNT(small); i++)
      jit_mi(j, op, 1, m, small[i]);
    jit_mi(j, op, 2, m, 0x90);
  }
}

static void assemble(Jit *j, JitReg a) {
  constants(j, a);
  for (JitReg b = J_RAX; b <= J_R15; b++) {
    registers(j, a, b);
    for (size_t i = 0; i < COUNT(numbers); i++) {
      with_memory(j, a, jit_at(b, numbers[i]));
      if (a != J_RSP)
        with_memory(j, J_RSI, jit_at_index(b, a, i % 4, numbers[i]));
    }
    constants_to(j, jit_at(b, 8 * (int32_t)a - 64));
    if (a != J_RSP) constants_to(j, jit_at_index(b, a, 3, 0x1000));
  }
}

// The bytes, to be freed; *n of them.
static uint8_t *bytes(Jit *j, bool whole, JitReg a, size_t *n) {
  jit_whole(j, whole);
  jit_begin(j);
  assemble(j, a);
  ck_assert_ptr_null(jit_error(j));
  *n = jit_size(j);
  uint8_t *at = malloc(*n);
  ck_assert(*n && at && jit_place(j, at, at));
  return at;
}

START_TEST(as_asmjit_does) {
  Jit *j = jit_open();
  ck_assert_ptr_nonnull(j);
  for (JitReg a = J_RAX; a <= J_R15; a++) {
    size_t n, m;
    uint8_t *own = bytes(j, false, a, &n), *theirs = bytes(j, true, a, &m);
    size_t i = 0;
    while (i < n && i < m && own[i] == theirs[i])
      i++;
    ck_assert_msg(n == m && i == n, "register %u: byte %zu of %zu and %zu",
                  (unsigned)a, i, n, m);
    free(own);
    free(theirs);
  }
  jit_close(j);
}
END_TEST

// Skips need no label: the byte is filled in when its place is reached.
START_TEST(skips) {
  Jit *j = jit_open();
  ck_assert_ptr_nonnull(j);
  for (JitIf c = J_EQ; c < J_IF_COUNT; c++)
    for (unsigned n = 0; n <= 120; n += 40) {
      jit_begin(j);
      for (unsigned i = 0; i < 5000; i++)  // so that buffers grow
        jit_ret(j);
      JitSkip s = jit_skip_if(j, c);
      for (unsigned i = 0; i < n; i++)
        jit_ret(j);
      jit_skip_to_here(j, s);
      size_t size = jit_size(j);
      uint8_t *at = malloc(size);
      ck_assert(at && jit_place(j, at, at));
      ck_assert_uint_eq(size, 5002 + n);
      ck_assert_uint_eq(at[5000] & 0xF0, 0x70);
      ck_assert_uint_eq(at[5001], n);
      free(at);
    }
  jit_begin(j);
  JitSkip s = jit_skip_if(j, J_EQ);
  for (unsigned i = 0; i < 128; i++)
    jit_ret(j);
  jit_skip_to_here(j, s);
  ck_assert_ptr_nonnull(jit_error(j));
  jit_close(j);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("encode");
  tcase_add_test(tc, as_asmjit_does);
  tcase_add_test(tc, skips);
  return unit_run(tc, "encode");
}
