// Single instructions, encoded by asmjit: the rare ones, and in debug builds the
// others once more, to compare.
//
// encoder.cpp is the only file that knows asmjit (https://asmjit.com), whose
// x86::Assembler does it. An Encoder holds the bytes of the last instruction.
#ifndef AMBIT_COMPILER_THREAD_ENCODER_H
#define AMBIT_COMPILER_THREAD_ENCODER_H

#include "compiler_thread/jit.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Encoder Encoder;

Encoder *ambi_encoder_open(void);  // NULL: memory is out
void ambi_encoder_close(Encoder *e);
// The last instruction; NULL: an error.
const uint8_t *ambi_encoder_bytes(const Encoder *e, size_t *n);
const char *ambi_encoder_error(const Encoder *e);  // static text, NULL: none

// Rare.
void ambi_encode_sign(Encoder *e);  // rdx = the sign of rax
void ambi_encode_divide(Encoder *e, JitReg by);
void ambi_encode_to_float(Encoder *e, unsigned x, JitReg r);
void ambi_encode_from_float(Encoder *e, JitReg r, unsigned x);
void ambi_encode_int_to_float(Encoder *e, unsigned x, JitReg r);
void ambi_encode_float(Encoder *e, JitFloat op, unsigned x, unsigned y);

// Also in jit.c. `size` in bytes, of the operands.
void ambi_encode_rr(Encoder *e, unsigned size, JitOp op, JitReg to,
                    JitReg from);
void ambi_encode_ri(Encoder *e, unsigned size, JitOp op, JitReg to,
                    int32_t imm);
void ambi_encode_rm(Encoder *e, unsigned size, JitOp op, JitReg to,
                    JitMem from);
void ambi_encode_mr(Encoder *e, unsigned size, JitOp op, JitMem to,
                    JitReg from);
void ambi_encode_mi(Encoder *e, unsigned size, JitOp op, JitMem to,
                    int32_t imm);
void ambi_encode_imm(Encoder *e, JitReg to, uint64_t imm);
void ambi_encode_zx(Encoder *e, unsigned size, JitReg to, JitMem from);
void ambi_encode_zx16(Encoder *e, JitReg to, JitReg from);
void ambi_encode_shift(Encoder *e, JitShift op, JitReg r, unsigned n);
void ambi_encode_not32(Encoder *e, JitReg r);
void ambi_encode_lea(Encoder *e, JitReg to, JitMem m);
void ambi_encode_push(Encoder *e, JitReg r);
void ambi_encode_pop(Encoder *e, JitReg r);
void ambi_encode_jump_r(Encoder *e, JitReg r);
void ambi_encode_jump_m(Encoder *e, JitMem m);
void ambi_encode_call_r(Encoder *e, JitReg r);
void ambi_encode_ret(Encoder *e);

#ifdef __cplusplus
}
#endif
#endif
