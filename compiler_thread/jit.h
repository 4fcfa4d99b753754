// The assembler's C face: x86-64 instructions, labels, sections, relocation.
//
// A Jit assembles one piece of code at a time: jit_begin, instructions, jit_size,
// jit_place. Rare code goes to a cold section, so that what usually runs is dense.
// Errors are sticky: instructions after the first one do nothing, and jit_error says
// what it was. Registers, operand sizes and conditions are the machine's; what units
// need of them is in template.h. One thread at a time uses a Jit.
//
// jit_asmjit.cpp is the only file that knows asmjit (https://asmjit.com), whose
// x86::Assembler encodes each instruction as it comes.
#ifndef AMBIT_COMPILER_THREAD_JIT_H
#define AMBIT_COMPILER_THREAD_JIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Jit Jit;

// Numbered as the machine does.
typedef enum JitReg {
  J_RAX,
  J_RCX,
  J_RDX,
  J_RBX,
  J_RSP,
  J_RBP,
  J_RSI,
  J_RDI,
  J_R8,
  J_R9,
  J_R10,
  J_R11,
  J_R12,
  J_R13,
  J_R14,
  J_R15,
  J_NONE = 255
} JitReg;

typedef enum JitOp {  // two operands, the first also takes the result
  J_MOV,
  J_ADD,
  J_SUB,
  J_AND,
  J_OR,
  J_XOR,
  J_CMP,
  J_TEST,
  J_IMUL,  // register only
  J_OP_COUNT
} JitOp;

typedef enum JitShift { J_SHL, J_SHR, J_SAR, J_ROL, J_ROR } JitShift;

typedef enum JitIf {
  J_EQ,
  J_NE,
  J_LT,  // signed
  J_LE,
  J_GT,
  J_GE,
  J_BELOW,  // unsigned
  J_BELOW_EQ,
  J_ABOVE,
  J_ABOVE_EQ,
  J_OVERFLOW,
  J_SIGN,
  J_PARITY,
  J_IF_COUNT
} JitIf;

typedef enum JitFloat {
  J_FADD,
  J_FSUB,
  J_FMUL,
  J_FDIV,
  J_FSQRT,
  J_FCMP
} JitFloat;

// [base + index * 2^scale + disp]
typedef struct JitMem {
  uint8_t base, index, scale;
  int32_t disp;
} JitMem;
static inline JitMem jit_at(JitReg base, int32_t disp) {
  JitMem m = {(uint8_t)base, (uint8_t)J_NONE, 0, disp};
  return m;
}
static inline JitMem jit_at_index(JitReg base, JitReg index, unsigned scale,
                                  int32_t disp) {
  JitMem m = {(uint8_t)base, (uint8_t)index, (uint8_t)scale, disp};
  return m;
}

typedef uint32_t JitLabel;  // valid until the next jit_begin

Jit *jit_open(void);  // NULL: memory is out
void jit_close(Jit *j);
// False: error, and nothing may be assembled.
bool jit_begin(Jit *j);
// From now on asmjit encodes all there is, which takes longer and is for tests.
void jit_whole(Jit *j, bool whole);
// Bytes of what was assembled, an upper bound; 0 after an error.
size_t jit_size(Jit *j);
// Writes jit_size bytes to `write`, to be run at `run`. False: error.
bool jit_place(Jit *j, void *write, const void *run);
const char *jit_error(const Jit *j);          // static text, NULL: none
size_t jit_offset(const Jit *j, JitLabel l);  // from the start, once placed

JitLabel jit_label(Jit *j);
void jit_bind(Jit *j, JitLabel l);
bool jit_is_bound(const Jit *j, JitLabel l);
// What follows goes to the first or the second of two pairs of sections, hot and
// cold, which come in this order: first hot, first cold, second hot, second cold.
void jit_pair(Jit *j, bool second);  // hot
void jit_hot(Jit *j);
void jit_cold(Jit *j);

// Operands of 64 bits, or of `size` bytes where there is one (1, 2, 4, 8).
void jit_rr(Jit *j, JitOp op, JitReg to, JitReg from);
void jit_rr32(Jit *j, JitOp op, JitReg to, JitReg from);
void jit_ri(Jit *j, JitOp op, JitReg to, int32_t imm);
void jit_ri32(Jit *j, JitOp op, JitReg to, int32_t imm);
void jit_rm(Jit *j, JitOp op, JitReg to, JitMem from);
void jit_mr(Jit *j, JitOp op, JitMem to, JitReg from);
void jit_mr32(Jit *j, JitOp op, JitMem to, JitReg from);
void jit_mi(Jit *j, JitOp op, unsigned size, JitMem to, int32_t imm);
void jit_rm32(Jit *j, JitOp op, JitReg to, JitMem from);
void jit_imm(Jit *j, JitReg to, uint64_t imm);  // the shortest that does it
void jit_zx(Jit *j, unsigned size, JitReg to, JitMem from);  // 1, 2: extended
void jit_zx16(Jit *j, JitReg to, JitReg from);
void jit_shift(Jit *j, JitShift op, JitReg r, unsigned n);
void jit_not32(Jit *j, JitReg r);
void jit_divide(Jit *j, JitReg by);  // rax = quotient, rdx = remainder; signed
void jit_multiply_high(Jit *j, JitReg by);  // rdx:rax = rax * by; signed
void jit_prefetch(Jit *j, JitMem m);        // into all caches; faults nowhere
void jit_lea(Jit *j, JitReg to, JitMem m);
void jit_push(Jit *j, JitReg r);
void jit_pop(Jit *j, JitReg r);

void jit_jump(Jit *j, JitLabel l);
void jit_jump_if(Jit *j, JitIf c, JitLabel l);
void jit_jump_r(Jit *j, JitReg r);
void jit_jump_m(Jit *j, JitMem m);
void jit_jump_to(Jit *j, const void *address);  // within 2 GiB
void jit_jump_to_if(Jit *j, JitIf c, const void *address);
void jit_call_to(Jit *j, const void *address);  // within 2 GiB
void jit_call(Jit *j, const void *function);    // anywhere; by rax
void jit_call_label(Jit *j, JitLabel l);
void jit_call_r(Jit *j, JitReg r);
void jit_ret(Jit *j);
// Jumps over what comes until jit_skip_to_here: at most 127 bytes of this section.
typedef struct JitSkip {
  size_t from;  // of the section
} JitSkip;
JitSkip jit_skip_if(Jit *j, JitIf c);
void jit_skip_to_here(Jit *j, JitSkip s);

// Doubles, in xmm registers 0..15; a move is of the 64 bits.
void jit_to_float(Jit *j, unsigned x, JitReg r);
void jit_from_float(Jit *j, JitReg r, unsigned x);
void jit_int_to_float(Jit *j, unsigned x, JitReg r);  // signed, 64 bits
void jit_float(Jit *j, JitFloat op, unsigned x, unsigned y);
void jit_float_rr(Jit *j, unsigned x, unsigned y);
void jit_float_rm(Jit *j, unsigned x, JitMem from);
void jit_float_mr(Jit *j, JitMem to, unsigned x);

#ifdef __cplusplus
}
#endif
#endif
