// The assembler of jit.h, by asmjit's x86::Assembler. The only C++ in the tree.
#include <asmjit/x86.h>

#include <new>

#include "compiler_thread/jit.h"

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
const InstId jumps[J_IF_COUNT] = {
    x86::Inst::kIdJe, x86::Inst::kIdJne, x86::Inst::kIdJl, x86::Inst::kIdJle,
    x86::Inst::kIdJg, x86::Inst::kIdJge, x86::Inst::kIdJb, x86::Inst::kIdJbe,
    x86::Inst::kIdJa, x86::Inst::kIdJae, x86::Inst::kIdJo, x86::Inst::kIdJs,
    x86::Inst::kIdJp};
const InstId floats[] = {x86::Inst::kIdAddsd,  x86::Inst::kIdSubsd,
                         x86::Inst::kIdMulsd,  x86::Inst::kIdDivsd,
                         x86::Inst::kIdSqrtsd, x86::Inst::kIdUcomisd};

}  // namespace

struct Jit {
  FirstError error;
  CodeHolder code;
  x86::Assembler a;
  Section *sections[4] = {};  // hot, cold, and the second pair
  unsigned pair = 0;

  void begin() {
    code.reset(ResetPolicy::kSoft);
    error.text = nullptr;
    code.init(Environment::host());
    code.setErrorHandler(&error);
    code.attach(&a);
#ifdef AMB_DEBUG
    a.addDiagnosticOptions(DiagnosticOptions::kValidateAssembler);
#endif
    static const char *const names[] = {"", ".cold", ".hot2", ".cold2"};
    sections[0] = code.textSection();
    pair = 0;
    for (int i = 1; i < 4; i++)
      code.newSection(&sections[i], names[i], SIZE_MAX,
                      SectionFlags::kExecutable, 1, i);
  }
};

static Label label_of(JitLabel l) {
  return Label(l);
}

extern "C" {

Jit *jit_open(void) {
  return new (std::nothrow) Jit;
}
void jit_close(Jit *j) {
  delete j;
}
void jit_begin(Jit *j) {
  j->begin();
}

size_t jit_size(Jit *j) {
  if (!j->error.text) j->code.flatten();
  if (!j->error.text) j->code.resolveUnresolvedLinks();
  if (!j->error.text && j->code.hasUnresolvedLinks())
    j->error.text = "a label that was never bound";
  return j->error.text ? 0 : j->code.codeSize();
}

bool jit_place(Jit *j, void *write, const void *run, size_t size) {
  Error e = j->code.relocateToBase(reinterpret_cast<uint64_t>(run));
  if (!e && j->code.codeSize() > size) e = kErrorTooLarge;
  if (!e) e = j->code.copyFlattenedData(write, size);
  if (e && !j->error.text) j->error.text = DebugUtils::errorAsString(e);
  return !j->error.text;
}

const char *jit_error(const Jit *j) {
  return j->error.text;
}
size_t jit_offset(const Jit *j, JitLabel l) {
  return j->code.labelOffsetFromBase(l);
}

JitLabel jit_label(Jit *j) {
  return j->a.newLabel().id();
}
void jit_bind(Jit *j, JitLabel l) {
  j->a.bind(label_of(l));
}
bool jit_is_bound(const Jit *j, JitLabel l) {
  return j->code.isLabelBound(l);
}
void jit_pair(Jit *j, bool second) {
  j->pair = second ? 2 : 0;
  jit_hot(j);
}
void jit_hot(Jit *j) {
  j->a.section(j->sections[j->pair]);
}
void jit_cold(Jit *j) {
  j->a.section(j->sections[j->pair + 1]);
}

void jit_rr(Jit *j, JitOp op, JitReg to, JitReg from) {
  j->a.emit(ops[op], reg64(to), reg64(from));
}
void jit_rr32(Jit *j, JitOp op, JitReg to, JitReg from) {
  j->a.emit(ops[op], reg32(to), reg32(from));
}
void jit_ri(Jit *j, JitOp op, JitReg to, int32_t i) {
  j->a.emit(ops[op], reg64(to), Imm(i));
}
void jit_ri32(Jit *j, JitOp op, JitReg to, int32_t i) {
  j->a.emit(ops[op], reg32(to), Imm(i));
}
void jit_rm(Jit *j, JitOp op, JitReg to, JitMem from) {
  j->a.emit(ops[op], reg64(to), memory(from, 8));
}
void jit_rm32(Jit *j, JitOp op, JitReg to, JitMem from) {
  j->a.emit(ops[op], reg32(to), memory(from, 4));
}
void jit_mr(Jit *j, JitOp op, JitMem to, JitReg from) {
  j->a.emit(ops[op], memory(to, 8), reg64(from));
}
void jit_mr32(Jit *j, JitOp op, JitMem to, JitReg from) {
  j->a.emit(ops[op], memory(to, 4), reg32(from));
}
void jit_mi(Jit *j, JitOp op, unsigned size, JitMem to, int32_t i) {
  j->a.emit(ops[op], memory(to, size), Imm(i));
}
void jit_imm(Jit *j, JitReg to, uint64_t i) {
  if (i <= UINT32_MAX)
    j->a.mov(reg32(to), Imm(i));
  else
    j->a.mov(reg64(to), Imm(i));
}
void jit_zx(Jit *j, unsigned size, JitReg to, JitMem from) {
  j->a.movzx(reg32(to), memory(from, size));
}
void jit_zx16(Jit *j, JitReg to, JitReg from) {
  j->a.movzx(reg32(to), x86::gpw(static_cast<uint32_t>(from)));
}
void jit_shift(Jit *j, JitShift op, JitReg r, unsigned n) {
  j->a.emit(shifts[op], reg64(r), Imm(n));
}
void jit_not32(Jit *j, JitReg r) {
  j->a.not_(reg32(r));
}
void jit_divide(Jit *j, JitReg by) {
  j->a.cqo(x86::rdx, x86::rax);
  j->a.idiv(x86::rdx, x86::rax, reg64(by));
}
void jit_multiply_high(Jit *j, JitReg by) {
  j->a.imul(x86::rdx, x86::rax, reg64(by));
}
void jit_lea(Jit *j, JitReg to, JitMem m) {
  j->a.lea(reg64(to), memory(m, 8));
}
void jit_push(Jit *j, JitReg r) {
  j->a.push(reg64(r));
}
void jit_pop(Jit *j, JitReg r) {
  j->a.pop(reg64(r));
}

void jit_jump(Jit *j, JitLabel l) {
  j->a.jmp(label_of(l));
}
void jit_jump_if(Jit *j, JitIf c, JitLabel l) {
  j->a.emit(jumps[c], label_of(l));
}
void jit_jump_r(Jit *j, JitReg r) {
  j->a.jmp(reg64(r));
}
void jit_jump_m(Jit *j, JitMem m) {
  j->a.jmp(memory(m, 8));
}
void jit_jump_to(Jit *j, const void *address) {
  j->a.jmp(Imm(reinterpret_cast<uint64_t>(address)));
}
void jit_jump_to_if(Jit *j, JitIf c, const void *address) {
  j->a.emit(jumps[c], Imm(reinterpret_cast<uint64_t>(address)));
}
void jit_call(Jit *j, const void *function) {
  j->a.call(Imm(reinterpret_cast<uint64_t>(function)));
}
void jit_call_to(Jit *j, const void *address) {
  jit_call(j, address);
}
void jit_call_label(Jit *j, JitLabel l) {
  j->a.call(label_of(l));
}
void jit_ret(Jit *j) {
  j->a.ret();
}

void jit_to_float(Jit *j, unsigned x, JitReg r) {
  j->a.movq(x86::xmm(x), reg64(r));
}
void jit_from_float(Jit *j, JitReg r, unsigned x) {
  j->a.movq(reg64(r), x86::xmm(x));
}
void jit_int_to_float(Jit *j, unsigned x, JitReg r) {
  j->a.cvtsi2sd(x86::xmm(x), reg64(r));
}
void jit_float(Jit *j, JitFloat op, unsigned x, unsigned y) {
  j->a.emit(floats[op], x86::xmm(x), x86::xmm(y));
}
void jit_float_rr(Jit *j, unsigned x, unsigned y) {
  j->a.movaps(x86::xmm(x), x86::xmm(y));
}
void jit_float_rm(Jit *j, unsigned x, JitMem from) {
  j->a.movsd(x86::xmm(x), memory(from, 8));
}
void jit_float_mr(Jit *j, JitMem to, unsigned x) {
  j->a.movsd(memory(to, 8), x86::xmm(x));
}

}  // extern "C"
