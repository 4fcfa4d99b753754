// The instructions that units have most of, encoded here: moves, arithmetic and
// comparisons of registers, memory and constants. asmjit encodes all others, and would
// make the same bytes of these in ten times the time (tests/unit/jit/encode_test.c).
//
// Each function writes no more than JIT_LONGEST bytes and gives the place behind them,
// or NULL for operands that it leaves to asmjit.
#ifndef AMBIT_COMPILER_THREAD_JIT_ENCODE_H
#define AMBIT_COMPILER_THREAD_JIT_ENCODE_H

#include <string.h>

#include "compiler_thread/jit.h"

enum { JIT_LONGEST = 15 };

// `op r/m, r`, `op r, r/m`, and the digit in `op r/m, constant` with 81 or 83; -1: none.
struct JitOpCode {
  int to_rm, from_rm, digit;
};
static const struct JitOpCode jit_op_codes[J_OP_COUNT] = {
    {0x89, 0x8B, -1},  // mov
    {0x01, 0x03, 0},   // add
    {0x29, 0x2B, 5},   // sub
    {0x21, 0x23, 4},   // and
    {0x09, 0x0B, 1},   // or
    {0x31, 0x33, 6},   // xor
    {0x39, 0x3B, 7},   // cmp
    {0x85, -1, -1},    // test
    {-1, -1, -1},      // imul
};

static inline uint8_t *jit_put32(uint8_t *at, uint32_t i) {
  memcpy(at, &i, sizeof i);
  return at + sizeof i;
}

static inline int jit_is_byte(int32_t i) {
  return i >= INT8_MIN && i <= INT8_MAX;
}

// REX, where one is needed; wide: 64 bits.
static inline uint8_t *jit_put_rex(uint8_t *at, int wide, unsigned reg,
                                   unsigned index, unsigned rm) {
  unsigned rex = (wide ? 8u : 0u) | (reg & 8) >> 1 | (index & 8) >> 2 | rm >> 3;
  if (rex) *at++ = (uint8_t)(0x40 | rex);
  return at;
}

static inline uint8_t *jit_encode_rr(uint8_t *at, int wide, int code,
                                     unsigned reg, unsigned rm) {
  if (code < 0) return NULL;
  at = jit_put_rex(at, wide, reg, 0, rm);
  *at++ = (uint8_t)code;
  *at++ = (uint8_t)(0xC0 | (reg & 7) << 3 | (rm & 7));
  return at;
}

// code: one byte, or two with 0F in front.
static inline uint8_t *jit_encode_rm(uint8_t *at, int wide, int code,
                                     unsigned reg, JitMem m) {
  int plain = m.index == J_NONE;
  unsigned base = m.base & 7, index = plain ? 4 : m.index;
  if (code < 0) return NULL;
  at = jit_put_rex(at, wide, reg, plain ? 0 : index, m.base);
  if (code > 0xFF) *at++ = (uint8_t)(code >> 8);
  *at++ = (uint8_t)code;
  unsigned mode = m.disp == 0 && base != J_RBP ? 0
                  : jit_is_byte(m.disp)        ? 1
                                               : 2;
  int sib = !plain || base == J_RSP;
  *at++ = (uint8_t)(mode << 6 | (reg & 7) << 3 | (sib ? 4 : base));
  if (sib)
    *at++ = (uint8_t)((plain ? 0u : m.scale) << 6 | (index & 7) << 3 | base);
  if (mode == 2) return jit_put32(at, (uint32_t)m.disp);
  if (mode == 1) *at++ = (uint8_t)m.disp;
  return at;
}

// The constant of arithmetic: one byte where that does.
static inline uint8_t *jit_put_constant(uint8_t *at, int32_t i) {
  if (!jit_is_byte(i)) return jit_put32(at, (uint32_t)i);
  *at++ = (uint8_t)i;
  return at;
}

// With rax a large constant has a form of its own.
static inline uint8_t *jit_encode_ri(uint8_t *at, int wide, JitOp op, JitReg to,
                                     int32_t i) {
  int digit = jit_op_codes[op].digit, byte = jit_is_byte(i);
  if (digit < 0 || (to == J_RAX && !byte)) return NULL;
  at = jit_encode_rr(at, wide, byte ? 0x83 : 0x81, (unsigned)digit, to);
  return jit_put_constant(at, i);
}

static inline uint8_t *jit_encode_mi(uint8_t *at, unsigned size, JitOp op,
                                     JitMem to, int32_t i) {
  int digit = jit_op_codes[op].digit, wide = size == 8;
  if (size != 4 && size != 8) return NULL;
  if (op == J_MOV)
    return jit_put32(jit_encode_rm(at, wide, 0xC7, 0, to), (uint32_t)i);
  if (digit < 0) return NULL;
  at = jit_encode_rm(at, wide, jit_is_byte(i) ? 0x83 : 0x81, (unsigned)digit,
                     to);
  return jit_put_constant(at, i);
}

// Constants that are negative numbers of 32 bits have a shorter form.
static inline uint8_t *jit_encode_imm(uint8_t *at, JitReg to, uint64_t i) {
  int wide = i > UINT32_MAX;
  if (wide && (int64_t)i == (int32_t)i) return NULL;
  at = jit_put_rex(at, wide, 0, 0, to);
  *at++ = (uint8_t)(0xB8 | (to & 7));
  if (!wide) return jit_put32(at, (uint32_t)i);
  memcpy(at, &i, sizeof i);
  return at + sizeof i;
}

static inline uint8_t *jit_encode_shift(uint8_t *at, JitShift op, JitReg r,
                                        unsigned n) {
  static const uint8_t digits[] = {4, 5, 7, 0, 1};  // shl shr sar rol ror
  if (n < 2 || n > 63) return NULL;
  at = jit_encode_rr(at, 1, 0xC1, digits[op], r);
  *at++ = (uint8_t)n;
  return at;
}

#endif
