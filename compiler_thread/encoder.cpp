// The instructions of encoder.h, by asmjit. The only C++ in the tree.
#include "compiler_thread/encoder.h"

#include <asmjit/x86.h>

#include <new>

using namespace asmjit;

namespace {

class FirstError : public ErrorHandler {
public:
  const char *text = nullptr;
  void handleError(Error err, const char *, BaseEmitter *) override {
    if (!text) text = DebugUtils::errorAsString(err);
  }
};

x86::Gp reg64(JitReg r) {
  return x86::gpq(static_cast<uint32_t>(r));
}
x86::Gp reg32(JitReg r) {
  return x86::gpd(static_cast<uint32_t>(r));
}
x86::Gp reg(unsigned size, JitReg r) {
  return size == 8 ? reg64(r) : reg32(r);
}

x86::Mem memory(const JitMem &m, uint32_t size) {
  const x86::Gp base = x86::gpq(m.base);
  if (m.index == J_NONE) return x86::Mem(base, m.disp, size);
  return x86::Mem(base, x86::gpq(m.index), m.scale, m.disp, size);
}

const InstId ops[J_OP_COUNT] = {
    x86::Inst::kIdMov, x86::Inst::kIdAdd,  x86::Inst::kIdSub,
    x86::Inst::kIdAnd, x86::Inst::kIdOr,   x86::Inst::kIdXor,
    x86::Inst::kIdCmp, x86::Inst::kIdTest, x86::Inst::kIdImul};
const InstId shifts[] = {x86::Inst::kIdShl, x86::Inst::kIdShr,
                         x86::Inst::kIdSar, x86::Inst::kIdRol,
                         x86::Inst::kIdRor};
const InstId floats[] = {x86::Inst::kIdAddsd,  x86::Inst::kIdSubsd,
                         x86::Inst::kIdMulsd,  x86::Inst::kIdDivsd,
                         x86::Inst::kIdSqrtsd, x86::Inst::kIdUcomisd};

}  // namespace

struct Encoder {
  FirstError error;
  CodeHolder code;
  x86::Assembler a;

  Encoder() {
    code.init(Environment::host());
    code.setErrorHandler(&error);
    code.attach(&a);
#ifdef AMB_DEBUG
    a.addDiagnosticOptions(DiagnosticOptions::kValidateAssembler);
#endif
  }
  x86::Assembler &next() {
    a.setOffset(0);
    return a;
  }
};

extern "C" {

Encoder *ambi_encoder_open(void) {
  return new (std::nothrow) Encoder;
}
void ambi_encoder_close(Encoder *e) {
  delete e;
}
const uint8_t *ambi_encoder_bytes(const Encoder *e, size_t *n) {
  *n = e->a.offset();
  return e->error.text ? nullptr : e->a.bufferData();
}
const char *ambi_encoder_error(const Encoder *e) {
  return e->error.text;
}

void ambi_encode_sign(Encoder *e) {
  e->next().cqo(x86::rdx, x86::rax);
}
void ambi_encode_divide(Encoder *e, JitReg by) {
  e->next().idiv(x86::rdx, x86::rax, reg64(by));
}
void ambi_encode_to_float(Encoder *e, unsigned x, JitReg r) {
  e->next().movq(x86::xmm(x), reg64(r));
}
void ambi_encode_from_float(Encoder *e, JitReg r, unsigned x) {
  e->next().movq(reg64(r), x86::xmm(x));
}
void ambi_encode_int_to_float(Encoder *e, unsigned x, JitReg r) {
  e->next().cvtsi2sd(x86::xmm(x), reg64(r));
}
void ambi_encode_float(Encoder *e, JitFloat op, unsigned x, unsigned y) {
  e->next().emit(floats[op], x86::xmm(x), x86::xmm(y));
}

void ambi_encode_rr(Encoder *e, unsigned size, JitOp op, JitReg to,
                    JitReg from) {
  e->next().emit(ops[op], reg(size, to), reg(size, from));
}
void ambi_encode_ri(Encoder *e, unsigned size, JitOp op, JitReg to,
                    int32_t imm) {
  e->next().emit(ops[op], reg(size, to), Imm(imm));
}
void ambi_encode_rm(Encoder *e, unsigned size, JitOp op, JitReg to,
                    JitMem from) {
  e->next().emit(ops[op], reg(size, to), memory(from, size));
}
void ambi_encode_mr(Encoder *e, unsigned size, JitOp op, JitMem to,
                    JitReg from) {
  e->next().emit(ops[op], memory(to, size), reg(size, from));
}
void ambi_encode_mi(Encoder *e, unsigned size, JitOp op, JitMem to,
                    int32_t imm) {
  e->next().emit(ops[op], memory(to, size), Imm(imm));
}
void ambi_encode_imm(Encoder *e, JitReg to, uint64_t imm) {
  if (imm <= UINT32_MAX)
    e->next().mov(reg32(to), Imm(imm));
  else
    e->next().mov(reg64(to), Imm(imm));
}
void ambi_encode_zx(Encoder *e, unsigned size, JitReg to, JitMem from) {
  e->next().movzx(reg32(to), memory(from, size));
}
void ambi_encode_zx16(Encoder *e, JitReg to, JitReg from) {
  e->next().movzx(reg32(to), x86::gpw(static_cast<uint32_t>(from)));
}
void ambi_encode_shift(Encoder *e, JitShift op, JitReg r, unsigned n) {
  e->next().emit(shifts[op], reg64(r), Imm(n));
}
void ambi_encode_not32(Encoder *e, JitReg r) {
  e->next().not_(reg32(r));
}
void ambi_encode_lea(Encoder *e, JitReg to, JitMem m) {
  e->next().lea(reg64(to), memory(m, 8));
}
void ambi_encode_push(Encoder *e, JitReg r) {
  e->next().push(reg64(r));
}
void ambi_encode_pop(Encoder *e, JitReg r) {
  e->next().pop(reg64(r));
}
void ambi_encode_jump_r(Encoder *e, JitReg r) {
  e->next().jmp(reg64(r));
}
void ambi_encode_jump_m(Encoder *e, JitMem m) {
  e->next().jmp(memory(m, 8));
}
void ambi_encode_call_r(Encoder *e, JitReg r) {
  e->next().call(reg64(r));
}
void ambi_encode_ret(Encoder *e) {
  e->next().ret();
}

}  // extern "C"
