// The assembler of jit.h, by asmjit's x86::Assembler. The only C++ in the tree.
#include <asmjit/x86.h>

#include <cstring>
#include <new>

#include "compiler_thread/jit.h"
#include "compiler_thread/jit_encode.h"
#include "compiler_thread/jit_labels.h"

using namespace asmjit;

// What asmjit would say itself, and where: its own versions write to stderr and end the
// process, which no part of a library may, and cannot stand in a shared object.
ASMJIT_BEGIN_NAMESPACE
namespace DebugUtils {
const char *errorAsString(Error err) noexcept {
  return err == kErrorOutOfMemory ? "out of memory"
                                  : "an instruction that cannot be encoded";
}
void debugOutput(const char *) noexcept {}
void ASMJIT_NORETURN assertionFailed(const char *, int, const char *) noexcept {
  __builtin_trap();
}
}  // namespace DebugUtils
ASMJIT_END_NAMESPACE

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
// As they are numbered in the instructions.
const uint8_t conditions[J_IF_COUNT] = {0x4, 0x5, 0xC, 0xE, 0xF, 0xD, 0x2,
                                        0x6, 0x7, 0x3, 0x0, 0x8, 0xA};
const InstId floats[] = {x86::Inst::kIdAddsd,  x86::Inst::kIdSubsd,
                         x86::Inst::kIdMulsd,  x86::Inst::kIdDivsd,
                         x86::Inst::kIdSqrtsd, x86::Inst::kIdUcomisd};

}  // namespace

// Code outside that this piece goes to has a label, too.
struct Outside {
  const void *address;
  JitLabel label;
};

// A jump is so many bytes of instruction, and then the distance: of 32 bits, or of 8
// where there is a form with that.
struct Jump {
  uint8_t bytes[2], n;
  int near_byte;  // the instruction of the short form, -1: there is none
};

struct Jit {
  enum { SECTIONS = 4, OUTSIDE = 64 };
  FirstError error;
  CodeHolder code;
  x86::Assembler a;
  Section *sections[SECTIONS] = {};  // hot, cold, the second pair
  unsigned pair = 0;
  unsigned section = 0;  // what is being written
  uint64_t from[SECTIONS + 1] =
      {};  // of sections, laid out; of what is outside
  JitLabels labels = {};
  Outside outside[OUTSIDE];  // hashed by address
  unsigned noutside = 0;
  bool opened = false;  // the sections are there
  bool whole = false;   // asmjit encodes everything that has no label

  // Where an instruction may be written; NULL: asmjit is to do it, and to find room.
  uint8_t *room() {
    return whole || a.remainingSpace() < JIT_LONGEST ? nullptr : a.bufferPtr();
  }
  // An instruction was written up to `end`. False: none was.
  bool wrote(uint8_t *end) {
    if (!end) return false;
    CodeBuffer &buffer = a.currentSection()->buffer();
    a._bufferPtr = end;
    if (a.offset() > buffer._size) buffer._size = a.offset();
    return true;
  }
  template <typename Encode> bool put(Encode encode) {
    uint8_t *at = room();
    return at && wrote(encode(at));
  }
  void put_bytes(const uint8_t *bytes, size_t n) {
    if (uint8_t *at = room()) {
      memcpy(at, bytes, n);
      wrote(at + n);
    } else {
      a.embed(bytes, n);
    }
  }

  bool open() {
    static const char *const names[] = {"", ".cold", ".hot2", ".cold2"};
    code.reset(ResetPolicy::kSoft);
    if (code.init(Environment::host()) != kErrorOk) fail("out of memory");
    code.setErrorHandler(&error);
    if (error.text || code.attach(&a) != kErrorOk) return false;
#ifdef AMB_DEBUG
    a.addDiagnosticOptions(DiagnosticOptions::kValidateAssembler);
#endif
    sections[0] = code.textSection();
    for (int i = 1; i < SECTIONS; i++)
      if (code.newSection(&sections[i], names[i], SIZE_MAX,
                          SectionFlags::kExecutable, 1, i) != kErrorOk)
        fail("out of memory");
    return !error.text;
  }

  // asmjit knows of no labels, so its sections are empty again once they have no bytes.
  bool begin() {
    if (error.text) opened = false;
    error.text = nullptr;
    if (!opened && !open()) return false;
    opened = true;
    for (Section *s : sections)
      s->buffer()._size = 0;
    jit_labels_clear(&labels);
    noutside = 0;
    memset(outside, 0, sizeof outside);
    pair = 0;
    go_to(0);
    return true;
  }

  void fail(const char *why) {
    if (!error.text) error.text = why;
  }

  void go_to(unsigned number) {
    section = number;
    a.section(sections[number]);
  }

  JitLabel label_outside(const void *address) {
    unsigned i =
        static_cast<unsigned>(reinterpret_cast<uintptr_t>(address) >> 2);
    while (outside[i %= OUTSIDE].address != address) {
      if (outside[i].address) {
        i++;
        continue;
      }
      if (++noutside == OUTSIDE) fail("too many routines are called");
      if (error.text) return 0;
      outside[i] = {address, new_label()};
    }
    return outside[i].label;
  }

  JitLabel new_label() {
    const JitLabel l = jit_labels_new(&labels);
    if (labels.failed) fail("out of memory");
    return l;
  }
  void bind(JitLabel l) {
    if (error.text) return;
    if (jit_labels_is_bound(&labels, l)) fail("a label that was bound twice");
    jit_labels_bind(&labels, l, section, static_cast<int64_t>(a.offset()));
  }

  void jump(Jump j, JitLabel to) {
    uint8_t bytes[6];
    if (error.text) return;
    const size_t here = a.offset();
    int64_t distance = 0;
    if (jit_labels_is_bound(&labels, to) &&
        labels.place[to].section == static_cast<int32_t>(section)) {
      distance = labels.place[to].offset - static_cast<int64_t>(here);
      if (j.near_byte >= 0 && distance - 2 >= INT8_MIN) {
        bytes[0] = static_cast<uint8_t>(j.near_byte);
        bytes[1] = static_cast<uint8_t>(distance - 2);
        put_bytes(bytes, 2);
        return;
      }
      distance -= j.n + 4;
    } else {
      jit_labels_link(&labels, to, section, here + j.n);
      if (labels.failed) fail("out of memory");
    }
    memcpy(bytes, j.bytes, j.n);
    jit_put32(bytes + j.n, static_cast<uint32_t>(distance));
    put_bytes(bytes, j.n + 4u);
  }

  // Lays the sections out from `run` on, and binds what lies outside.
  void lay_out(uintptr_t run) {
    if (error.text) return;
    uint64_t at = 0;
    for (int i = 0; i < SECTIONS; i++) {
      from[i] = at;
      at += sections[i]->bufferSize();
    }
    from[SECTIONS] = 0;
    for (const Outside &o : outside)
      if (o.address)
        jit_labels_bind(
            &labels, o.label, SECTIONS,
            static_cast<int64_t>(reinterpret_cast<uintptr_t>(o.address) - run));
    for (size_t i = 0; i < labels.nlinks; i++)
      fill_in(labels.link[i]);
  }

  void fill_in(const JitLink &link) {
    const JitPlace to = labels.place[link.label];
    if (to.section == JIT_UNBOUND) {
      fail("a label that was never bound");
      return;
    }
    const int64_t distance = static_cast<int64_t>(from[to.section]) +
                             to.offset -
                             static_cast<int64_t>(from[link.section]) -
                             static_cast<int64_t>(link.at) - 4;
    if (distance != static_cast<int32_t>(distance))
      fail("a jump that is too long");
    jit_put32(sections[link.section]->data() + link.at,
              static_cast<uint32_t>(distance));
  }
};

extern "C" {

Jit *jit_open(void) {
  return new (std::nothrow) Jit;
}
void jit_close(Jit *j) {
  jit_labels_drop(&j->labels);
  delete j;
}
bool jit_begin(Jit *j) {
  return j->begin();
}

void jit_whole(Jit *j, bool whole) {
  j->whole = whole;
}

size_t jit_size(Jit *j) {
  size_t size = 0;
  for (int i = 0; i < Jit::SECTIONS && !j->error.text; i++)
    size += j->sections[i]->bufferSize();
  return size;
}

bool jit_place(Jit *j, void *write, const void *run) {
  j->lay_out(reinterpret_cast<uintptr_t>(run));
  if (j->error.text) return false;
  for (int i = 0; i < Jit::SECTIONS; i++) {
    const Section *s = j->sections[i];
    if (s->bufferSize())
      memcpy(static_cast<uint8_t *>(write) + j->from[i], s->data(),
             s->bufferSize());
  }
  return true;
}

const char *jit_error(const Jit *j) {
  return j->error.text;
}
size_t jit_offset(const Jit *j, JitLabel l) {
  const JitPlace place = j->labels.place[l];
  if (place.section == JIT_UNBOUND) __builtin_trap();
  return j->from[place.section] + static_cast<uint64_t>(place.offset);
}

JitLabel jit_label(Jit *j) {
  return j->new_label();
}
void jit_bind(Jit *j, JitLabel l) {
  j->bind(l);
}
bool jit_is_bound(const Jit *j, JitLabel l) {
  return jit_labels_is_bound(&j->labels, l);
}
void jit_pair(Jit *j, bool second) {
  j->pair = second ? 2 : 0;
  jit_hot(j);
}
void jit_hot(Jit *j) {
  j->go_to(j->pair);
}
void jit_cold(Jit *j) {
  j->go_to(j->pair + 1);
}

void jit_rr(Jit *j, JitOp op, JitReg to, JitReg from) {
  if (!j->put([=](uint8_t *at) {
        return jit_encode_rr(at, true, jit_op_codes[op].to_rm, from, to);
      }))
    j->a.emit(ops[op], reg64(to), reg64(from));
}
void jit_rr32(Jit *j, JitOp op, JitReg to, JitReg from) {
  if (!j->put([=](uint8_t *at) {
        return jit_encode_rr(at, false, jit_op_codes[op].to_rm, from, to);
      }))
    j->a.emit(ops[op], reg32(to), reg32(from));
}
void jit_ri(Jit *j, JitOp op, JitReg to, int32_t i) {
  if (!j->put([=](uint8_t *at) { return jit_encode_ri(at, true, op, to, i); }))
    j->a.emit(ops[op], reg64(to), Imm(i));
}
void jit_ri32(Jit *j, JitOp op, JitReg to, int32_t i) {
  const x86::Gp low = x86::gpb(static_cast<uint32_t>(to));
  if (j->put([=](uint8_t *at) { return jit_encode_ri(at, false, op, to, i); }))
    return;
  if (op == J_TEST && i == 0xFF)
    j->a.test(low, low);
  else if (op == J_TEST && i > 0 && i <= INT8_MAX)  // a mark
    j->a.test(low, Imm(i));
  else
    j->a.emit(ops[op], reg32(to), Imm(i));
}
void jit_rm(Jit *j, JitOp op, JitReg to, JitMem from) {
  if (!j->put([=](uint8_t *at) {
        return jit_encode_rm(at, true, jit_op_codes[op].from_rm, to, from);
      }))
    j->a.emit(ops[op], reg64(to), memory(from, 8));
}
void jit_rm32(Jit *j, JitOp op, JitReg to, JitMem from) {
  if (!j->put([=](uint8_t *at) {
        return jit_encode_rm(at, false, jit_op_codes[op].from_rm, to, from);
      }))
    j->a.emit(ops[op], reg32(to), memory(from, 4));
}
void jit_mr(Jit *j, JitOp op, JitMem to, JitReg from) {
  if (!j->put([=](uint8_t *at) {
        return jit_encode_rm(at, true, jit_op_codes[op].to_rm, from, to);
      }))
    j->a.emit(ops[op], memory(to, 8), reg64(from));
}
void jit_mr32(Jit *j, JitOp op, JitMem to, JitReg from) {
  if (!j->put([=](uint8_t *at) {
        return jit_encode_rm(at, false, jit_op_codes[op].to_rm, from, to);
      }))
    j->a.emit(ops[op], memory(to, 4), reg32(from));
}
void jit_mi(Jit *j, JitOp op, unsigned size, JitMem to, int32_t i) {
  if (!j->put([=](uint8_t *at) { return jit_encode_mi(at, size, op, to, i); }))
    j->a.emit(ops[op], memory(to, size), Imm(i));
}
void jit_imm(Jit *j, JitReg to, uint64_t i) {
  if (j->put([=](uint8_t *at) { return jit_encode_imm(at, to, i); })) return;
  if (i <= UINT32_MAX)
    j->a.mov(reg32(to), Imm(i));
  else
    j->a.mov(reg64(to), Imm(i));
}
void jit_zx(Jit *j, unsigned size, JitReg to, JitMem from) {
  if (!j->put([=](uint8_t *at) {
        return jit_encode_rm(at, false, size == 1 ? 0x0FB6 : 0x0FB7, to, from);
      }))
    j->a.movzx(reg32(to), memory(from, size));
}
void jit_zx16(Jit *j, JitReg to, JitReg from) {
  j->a.movzx(reg32(to), x86::gpw(static_cast<uint32_t>(from)));
}
void jit_shift(Jit *j, JitShift op, JitReg r, unsigned n) {
  if (!j->put([=](uint8_t *at) { return jit_encode_shift(at, op, r, n); }))
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
void jit_prefetch(Jit *j, JitMem m) {
  j->a.prefetcht0(memory(m, 1));
}
void jit_lea(Jit *j, JitReg to, JitMem m) {
  if (!j->put(
          [=](uint8_t *at) { return jit_encode_rm(at, true, 0x8D, to, m); }))
    j->a.lea(reg64(to), memory(m, 8));
}
void jit_push(Jit *j, JitReg r) {
  j->a.push(reg64(r));
}
void jit_pop(Jit *j, JitReg r) {
  j->a.pop(reg64(r));
}

void jit_jump(Jit *j, JitLabel l) {
  j->jump({{0xE9}, 1, 0xEB}, l);
}
void jit_jump_if(Jit *j, JitIf c, JitLabel l) {
  const uint8_t condition = conditions[c];
  j->jump({{0x0F, static_cast<uint8_t>(0x80 | condition)}, 2, 0x70 | condition},
          l);
}
void jit_jump_r(Jit *j, JitReg r) {
  j->a.jmp(reg64(r));
}
void jit_jump_m(Jit *j, JitMem m) {
  j->a.jmp(memory(m, 8));
}
void jit_jump_to(Jit *j, const void *address) {
  jit_jump(j, j->label_outside(address));
}
void jit_jump_to_if(Jit *j, JitIf c, const void *address) {
  jit_jump_if(j, c, j->label_outside(address));
}
void jit_call_to(Jit *j, const void *address) {
  jit_call_label(j, j->label_outside(address));
}
void jit_call(Jit *j, const void *function) {
  jit_imm(j, J_RAX, reinterpret_cast<uintptr_t>(function));
  jit_call_r(j, J_RAX);
}
void jit_call_r(Jit *j, JitReg r) {
  j->a.call(reg64(r));
}
void jit_call_label(Jit *j, JitLabel l) {
  j->jump({{0xE8}, 1, -1}, l);
}
void jit_ret(Jit *j) {
  j->a.ret();
}
JitSkip jit_skip_if(Jit *j, JitIf c) {
  const uint8_t jump[2] = {static_cast<uint8_t>(0x70 | conditions[c]), 0};
  j->put_bytes(jump, sizeof jump);
  return {j->a.offset()};
}
void jit_skip_to_here(Jit *j, JitSkip s) {
  if (j->error.text) return;
  size_t n = j->a.offset() - s.from;
  if (n > INT8_MAX)
    j->fail("a skip that is too long");
  else
    j->a.bufferData()[s.from - 1] = static_cast<uint8_t>(n);
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
