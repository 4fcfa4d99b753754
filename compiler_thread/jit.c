// The assembler of jit.h: code of two pairs of sections, its labels and jumps, put
// together when its place is known.
//
// What a unit needs by the thousand is encoded here, a few nanoseconds an
// instruction: moves, sums, compares, jumps. The rest is asmjit's (encoder.h), and
// debug builds compare the two, instruction by instruction.
//
// A displacement is a Link until the code is placed: nothing is looked up, moved or
// patched before.
#include "compiler_thread/jit.h"

#include <string.h>

#include "compiler_thread/encoder.h"
#include "memory/alloc.h"
#include "memory/check.h"

enum {
  SECTIONS = 4,
  LONGEST = 16,  // bytes of an instruction
  FIRST_BYTES = 1 << 12,
  UNBOUND = SECTIONS
};

typedef struct Section {
  uint8_t *bytes;
  size_t n, cap;
  size_t base;  // once placed
} Section;

typedef struct Place {
  uint32_t section, offset;
} Place;

typedef struct Link {
  uint32_t section, offset;  // of the four bytes of displacement
  uint64_t to;               // a label, or an address
  bool address;
} Link;

struct Jit {
  uint8_t *p, *end;  // in the section at hand
  unsigned at, pair;
  const char *error;
  Section sections[SECTIONS];
  Place *labels;
  size_t nlabels, caplabels;
  Link *links;
  size_t nlinks, caplinks;
  Encoder *encoder;
  uint8_t waste[2 * LONGEST];  // where instructions go behind an error
};

// ---- life ----------------------------------------------------------------------------
Jit *jit_open(void) {
  Jit *j = ambi_alloc(sizeof *j);
  if (!j) return NULL;
  j->encoder = ambi_encoder_open();
  if (j->encoder) return j;
  jit_close(j);
  return NULL;
}

void jit_close(Jit *j) {
  if (j->encoder) ambi_encoder_close(j->encoder);
  for (int i = 0; i < SECTIONS; i++)
    ambi_free(j->sections[i].bytes, j->sections[i].cap);
  ambi_free(j->labels, j->caplabels * sizeof *j->labels);
  ambi_free(j->links, j->caplinks * sizeof *j->links);
  ambi_free(j, sizeof *j);
}

static void open_section(Jit *j) {
  Section *s = &j->sections[j->at];
  j->p = s->bytes + s->n;
  j->end = s->bytes + s->cap;
}

static void close_section(Jit *j) {
  if (!j->error)
    j->sections[j->at].n = (size_t)(j->p - j->sections[j->at].bytes);
}

void jit_begin(Jit *j) {
  for (int i = 0; i < SECTIONS; i++)
    j->sections[i].n = 0;
  j->nlabels = j->nlinks = 0;
  j->error = NULL;
  j->at = j->pair = 0;
  open_section(j);
}

const char *jit_error(const Jit *j) {
  return j->error;
}

static void fail(Jit *j, const char *why) {
  if (!j->error) j->error = why;
}

static void go_to(Jit *j, unsigned section) {
  close_section(j);
  j->at = section;
  open_section(j);
}
void jit_pair(Jit *j, bool second) {
  j->pair = second ? 2 : 0;
  go_to(j, j->pair);
}
void jit_hot(Jit *j) {
  go_to(j, j->pair);
}
void jit_cold(Jit *j) {
  go_to(j, j->pair + 1);
}

// ---- bytes -----------------------------------------------------------------------------
static uint8_t *more_room(Jit *j) {
  Section *s = &j->sections[j->at];
  close_section(j);
  size_t need = s->n + FIRST_BYTES;
  if (!j->error && !ambi_grow((void **)&s->bytes, &s->cap, need, 1))
    fail(j, "out of memory");
  if (j->error) return j->waste;
  open_section(j);
  return j->p;
}

static inline uint8_t *room(Jit *j) {
  if (AMB_UNLIKELY(j->error || (size_t)(j->end - j->p) < LONGEST))
    return more_room(j);
  return j->p;
}

static inline void done(Jit *j, uint8_t *p) {
  if (AMB_LIKELY(!j->error)) j->p = p;
}

static inline uint8_t *put32(uint8_t *p, uint32_t x) {
  memcpy(p, &x, sizeof x);
  return p + sizeof x;
}
static inline uint8_t *put64(uint8_t *p, uint64_t x) {
  memcpy(p, &x, sizeof x);
  return p + sizeof x;
}

// What asmjit has just encoded.
static void take_encoded(Jit *j) {
  size_t n;
  const uint8_t *bytes = ambi_encoder_bytes(j->encoder, &n);
  uint8_t *p = room(j);
  if (bytes && n <= LONGEST)
    done(j, (uint8_t *)memcpy(p, bytes, n) + n);
  else
    fail(j,
         bytes ? "an instruction is too long" : ambi_encoder_error(j->encoder));
}

#ifdef AMB_DEBUG
static bool same(Jit *j, const uint8_t *from, const uint8_t *to) {
  size_t n;
  const uint8_t *bytes = ambi_encoder_bytes(j->encoder, &n);
  return j->error ||
         (bytes && n == (size_t)(to - from) && memcmp(from, bytes, n) == 0);
}
// The instruction ends at p; the call makes asmjit encode it, too.
#define FINISH(j, p, call)             \
  do {                                 \
    Encoder *e = (j)->encoder;         \
    call;                              \
    AMB_CHECK(same((j), (j)->p, (p))); \
    done((j), (p));                    \
  } while (0)
#else
#define FINISH(j, p, call) done((j), (p))
#endif

// ---- encoding --------------------------------------------------------------------------
enum { REX = 0x40, REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

// Opcodes of `op r/m, r`; `op r, r/m` is two above.
static const uint8_t store_form[J_OP_COUNT] = {
    [J_MOV] = 0x89, [J_ADD] = 0x01, [J_SUB] = 0x29, [J_AND] = 0x21,
    [J_OR] = 0x09,  [J_XOR] = 0x31, [J_CMP] = 0x39, [J_TEST] = 0x85};
// The digit of `op r/m, imm`.
static const uint8_t digit[J_OP_COUNT] = {
    [J_ADD] = 0, [J_OR] = 1,  [J_AND] = 4,
    [J_SUB] = 5, [J_XOR] = 6, [J_CMP] = 7};

static inline uint8_t *rex(uint8_t *p, unsigned w, unsigned reg, unsigned index,
                           unsigned base) {
  unsigned bits = w | (reg & 8 ? REX_R : 0) | (index & 8 ? REX_X : 0) |
                  (base & 8 ? REX_B : 0);
  if (bits) *p++ = (uint8_t)(REX | bits);
  return p;
}

static inline uint8_t *direct(uint8_t *p, unsigned reg, unsigned rm) {
  *p = (uint8_t)(0xC0 | (reg & 7) << 3 | (rm & 7));
  return p + 1;
}

static inline uint8_t *indirect(uint8_t *p, unsigned reg, JitMem m) {
  bool indexed = m.index != J_NONE, sib = indexed || (m.base & 7) == J_RSP;
  unsigned mod = m.disp == 0 && (m.base & 7) != J_RBP ? 0
                 : m.disp == (int8_t)m.disp           ? 1
                                                      : 2;
  *p++ = (uint8_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : m.base & 7));
  if (sib)
    *p++ = (uint8_t)((unsigned)m.scale << 6 | (indexed ? m.index & 7 : 4) << 3 |
                     (m.base & 7));
  if (mod == 1) *p++ = (uint8_t)m.disp;
  return mod == 2 ? put32(p, (uint32_t)m.disp) : p;
}

static inline uint8_t *rex_of(uint8_t *p, unsigned w, unsigned reg, JitMem m) {
  return rex(p, w, reg, m.index == J_NONE ? 0 : m.index, m.base);
}

static inline uint8_t *with_memory(uint8_t *p, unsigned w, uint8_t opcode,
                                   unsigned reg, JitMem m) {
  p = rex_of(p, w, reg, m);
  *p++ = opcode;
  return indirect(p, reg, m);
}

static inline uint8_t *two_registers(uint8_t *p, unsigned w, JitOp op,
                                     unsigned to, unsigned from) {
  if (op == J_IMUL) {
    p = rex(p, w, to, 0, from);
    *p++ = 0x0F;
    *p++ = 0xAF;
    return direct(p, to, from);
  }
  p = rex(p, w, from, 0, to);
  *p++ = store_form[op];
  return direct(p, from, to);
}

static inline uint8_t *with_constant(uint8_t *p, unsigned w, JitOp op,
                                     unsigned r, int32_t imm) {
  bool small = imm == (int8_t)imm;
  p = rex(p, w, 0, 0, r);
  if (op == J_TEST) {
    if (r == J_RAX) {
      *p++ = 0xA9;
    } else {
      *p++ = 0xF7;
      p = direct(p, 0, r);
    }
    return put32(p, (uint32_t)imm);
  }
  if (!small && r == J_RAX) {
    *p++ = (uint8_t)(digit[op] << 3 | 5);
    return put32(p, (uint32_t)imm);
  }
  *p++ = small ? 0x83 : 0x81;
  p = direct(p, digit[op], r);
  if (!small) return put32(p, (uint32_t)imm);
  *p++ = (uint8_t)imm;
  return p;
}

// Compares, tests, sums and moves of a constant of 1, 2, 4 or 8 bytes in memory.
static uint8_t *memory_constant(uint8_t *p, unsigned size, JitOp op, JitMem m,
                                int32_t imm) {
  unsigned w = size == 8 ? REX_W : 0;
  bool plain = op == J_MOV || op == J_TEST,
       small = size == 1 || (!plain && imm == (int8_t)imm);
  uint8_t byte = op == J_MOV ? 0xC6 : op == J_TEST ? 0xF6 : 0x80;
  uint8_t opcode = size == 1 ? byte : (uint8_t)(byte + (small ? 3 : 1));
  if (size == 2) *p++ = 0x66;
  p = with_memory(p, w, opcode, plain ? 0 : digit[op], m);
  *p++ = (uint8_t)imm;
  if (small) return p;
  *p++ = (uint8_t)((uint32_t)imm >> 8);
  if (size == 2) return p;
  *p++ = (uint8_t)((uint32_t)imm >> 16);
  *p++ = (uint8_t)((uint32_t)imm >> 24);
  return p;
}

// ---- instructions ------------------------------------------------------------------------
void jit_rr(Jit *j, JitOp op, JitReg to, JitReg from) {
  uint8_t *p = two_registers(room(j), REX_W, op, to, from);
  FINISH(j, p, ambi_encode_rr(e, 8, op, to, from));
}
void jit_rr32(Jit *j, JitOp op, JitReg to, JitReg from) {
  uint8_t *p = two_registers(room(j), 0, op, to, from);
  FINISH(j, p, ambi_encode_rr(e, 4, op, to, from));
}
void jit_ri(Jit *j, JitOp op, JitReg to, int32_t imm) {
  uint8_t *p = with_constant(room(j), REX_W, op, to, imm);
  FINISH(j, p, ambi_encode_ri(e, 8, op, to, imm));
}
void jit_ri32(Jit *j, JitOp op, JitReg to, int32_t imm) {
  uint8_t *p = with_constant(room(j), 0, op, to, imm);
  FINISH(j, p, ambi_encode_ri(e, 4, op, to, imm));
}
static uint8_t load_form(JitOp op) {
  return op == J_TEST ? store_form[op] : (uint8_t)(store_form[op] + 2);
}
void jit_rm(Jit *j, JitOp op, JitReg to, JitMem from) {
  uint8_t *p = with_memory(room(j), REX_W, load_form(op), to, from);
  FINISH(j, p, ambi_encode_rm(e, 8, op, to, from));
}
void jit_rm32(Jit *j, JitOp op, JitReg to, JitMem from) {
  uint8_t *p = with_memory(room(j), 0, load_form(op), to, from);
  FINISH(j, p, ambi_encode_rm(e, 4, op, to, from));
}
void jit_mr(Jit *j, JitOp op, JitMem to, JitReg from) {
  uint8_t *p = with_memory(room(j), REX_W, store_form[op], from, to);
  FINISH(j, p, ambi_encode_mr(e, 8, op, to, from));
}
void jit_mr32(Jit *j, JitOp op, JitMem to, JitReg from) {
  uint8_t *p = with_memory(room(j), 0, store_form[op], from, to);
  FINISH(j, p, ambi_encode_mr(e, 4, op, to, from));
}
void jit_mi(Jit *j, JitOp op, unsigned size, JitMem to, int32_t imm) {
  uint8_t *p = memory_constant(room(j), size, op, to, imm);
  FINISH(j, p, ambi_encode_mi(e, size, op, to, imm));
}
void jit_imm(Jit *j, JitReg to, uint64_t imm) {
  uint8_t *p = room(j);
  bool negative = (int64_t)imm < 0 && (int64_t)imm >= INT32_MIN;
  p = rex(p, imm <= UINT32_MAX ? 0 : REX_W, 0, 0, to);
  if (negative) {
    *p++ = 0xC7;
    p = put32(direct(p, 0, to), (uint32_t)imm);
  } else {
    *p++ = (uint8_t)(0xB8 | (to & 7));
    p = imm <= UINT32_MAX ? put32(p, (uint32_t)imm) : put64(p, imm);
  }
  FINISH(j, p, ambi_encode_imm(e, to, imm));
}
void jit_zx(Jit *j, unsigned size, JitReg to, JitMem from) {
  uint8_t *p = rex_of(room(j), 0, to, from);
  *p++ = 0x0F;
  *p++ = size == 1 ? 0xB6 : 0xB7;
  p = indirect(p, to, from);
  FINISH(j, p, ambi_encode_zx(e, size, to, from));
}
void jit_zx16(Jit *j, JitReg to, JitReg from) {
  uint8_t *p = rex(room(j), 0, to, 0, from);
  *p++ = 0x0F;
  *p++ = 0xB7;
  p = direct(p, to, from);
  FINISH(j, p, ambi_encode_zx16(e, to, from));
}
void jit_shift(Jit *j, JitShift op, JitReg r, unsigned n) {
  static const uint8_t digits[] = {
      [J_SHL] = 4, [J_SHR] = 5, [J_SAR] = 7, [J_ROL] = 0, [J_ROR] = 1};
  uint8_t *p = rex(room(j), REX_W, 0, 0, r);
  *p++ = 0xC1;
  p = direct(p, digits[op], r);
  *p++ = (uint8_t)n;
  FINISH(j, p, ambi_encode_shift(e, op, r, n));
}
void jit_not32(Jit *j, JitReg r) {
  uint8_t *p = rex(room(j), 0, 0, 0, r);
  *p++ = 0xF7;
  p = direct(p, 2, r);
  FINISH(j, p, ambi_encode_not32(e, r));
}
void jit_lea(Jit *j, JitReg to, JitMem m) {
  uint8_t *p = with_memory(room(j), REX_W, 0x8D, to, m);
  FINISH(j, p, ambi_encode_lea(e, to, m));
}
void jit_push(Jit *j, JitReg r) {
  uint8_t *p = rex(room(j), 0, 0, 0, r);
  *p++ = (uint8_t)(0x50 | (r & 7));
  FINISH(j, p, ambi_encode_push(e, r));
}
void jit_pop(Jit *j, JitReg r) {
  uint8_t *p = rex(room(j), 0, 0, 0, r);
  *p++ = (uint8_t)(0x58 | (r & 7));
  FINISH(j, p, ambi_encode_pop(e, r));
}
void jit_divide(Jit *j, JitReg by) {
  ambi_encode_sign(j->encoder);
  take_encoded(j);
  ambi_encode_divide(j->encoder, by);
  take_encoded(j);
}

void jit_to_float(Jit *j, unsigned x, JitReg r) {
  ambi_encode_to_float(j->encoder, x, r);
  take_encoded(j);
}
void jit_from_float(Jit *j, JitReg r, unsigned x) {
  ambi_encode_from_float(j->encoder, r, x);
  take_encoded(j);
}
void jit_int_to_float(Jit *j, unsigned x, JitReg r) {
  ambi_encode_int_to_float(j->encoder, x, r);
  take_encoded(j);
}
void jit_float(Jit *j, JitFloat op, unsigned x, unsigned y) {
  ambi_encode_float(j->encoder, op, x, y);
  take_encoded(j);
}

// ---- labels and jumps ----------------------------------------------------------------------
static uint32_t offset_of(const Jit *j, const uint8_t *p) {
  return (uint32_t)(p - j->sections[j->at].bytes);
}

JitLabel jit_label(Jit *j) {
  if (AMB_UNLIKELY(!ambi_grow((void **)&j->labels, &j->caplabels,
                              j->nlabels + 1, sizeof *j->labels))) {
    fail(j, "out of memory");
    return 0;
  }
  j->labels[j->nlabels] = (Place){UNBOUND, 0};
  return (JitLabel)j->nlabels++;
}

void jit_bind(Jit *j, JitLabel l) {
  if (j->error) return;
  AMB_ASSERT(j->labels[l].section == UNBOUND);
  j->labels[l] = (Place){j->at, offset_of(j, j->p)};
}

// p: four bytes of displacement.
static uint8_t *link_to(Jit *j, uint8_t *p, bool address, uint64_t to) {
  if (j->error) return p;
  if (AMB_UNLIKELY(!ambi_grow((void **)&j->links, &j->caplinks, j->nlinks + 1,
                              sizeof *j->links))) {
    fail(j, "out of memory");
    return p;
  }
  j->links[j->nlinks++] = (Link){j->at, offset_of(j, p), to, address};
  return p + 4;
}

// The bytes back to a label near by, from behind two bytes at p; 0: it is far.
static int near_by(const Jit *j, const uint8_t *p, JitLabel l) {
  if (j->error || j->labels[l].section != j->at) return 0;
  int64_t back = (int64_t)j->labels[l].offset - (int64_t)offset_of(j, p) - 2;
  return back == (int8_t)back ? (int)back : 0;
}

static const uint8_t conditions[J_IF_COUNT] = {
    [J_EQ] = 0x4,    [J_NE] = 0x5,       [J_LT] = 0xC,       [J_LE] = 0xE,
    [J_GT] = 0xF,    [J_GE] = 0xD,       [J_BELOW] = 0x2,    [J_BELOW_EQ] = 0x6,
    [J_ABOVE] = 0x7, [J_ABOVE_EQ] = 0x3, [J_OVERFLOW] = 0x0, [J_SIGN] = 0x8,
    [J_PARITY] = 0xA};

static void jump(Jit *j, bool address, uint64_t to) {
  uint8_t *p = room(j);
  *p++ = 0xE9;
  done(j, link_to(j, p, address, to));
}
static void jump_if(Jit *j, JitIf c, bool address, uint64_t to) {
  uint8_t *p = room(j);
  *p++ = 0x0F;
  *p++ = 0x80 | conditions[c];
  done(j, link_to(j, p, address, to));
}
static void call(Jit *j, bool address, uint64_t to) {
  uint8_t *p = room(j);
  *p++ = 0xE8;
  done(j, link_to(j, p, address, to));
}
static void jump_near(Jit *j, uint8_t opcode, int back) {
  uint8_t *p = room(j);
  p[0] = opcode;
  p[1] = (uint8_t)back;
  done(j, p + 2);
}

void jit_jump(Jit *j, JitLabel l) {
  int back = near_by(j, j->p, l);
  if (back)
    jump_near(j, 0xEB, back);
  else
    jump(j, false, l);
}
void jit_jump_if(Jit *j, JitIf c, JitLabel l) {
  int back = near_by(j, j->p, l);
  if (back)
    jump_near(j, 0x70 | conditions[c], back);
  else
    jump_if(j, c, false, l);
}
void jit_jump_to(Jit *j, const void *address) {
  jump(j, true, (uintptr_t)address);
}
void jit_jump_to_if(Jit *j, JitIf c, const void *address) {
  jump_if(j, c, true, (uintptr_t)address);
}
void jit_call_label(Jit *j, JitLabel l) {
  call(j, false, l);
}
void jit_call_to(Jit *j, const void *address) {
  call(j, true, (uintptr_t)address);
}
void jit_call(Jit *j, const void *function) {
  jit_imm(j, J_RAX, (uintptr_t)function);
  uint8_t *p = room(j);
  *p++ = 0xFF;
  p = direct(p, 2, J_RAX);
  FINISH(j, p, ambi_encode_call_r(e, J_RAX));
}
void jit_jump_r(Jit *j, JitReg r) {
  uint8_t *p = rex(room(j), 0, 0, 0, r);
  *p++ = 0xFF;
  p = direct(p, 4, r);
  FINISH(j, p, ambi_encode_jump_r(e, r));
}
void jit_jump_m(Jit *j, JitMem m) {
  uint8_t *p = with_memory(room(j), 0, 0xFF, 4, m);
  FINISH(j, p, ambi_encode_jump_m(e, m));
}
void jit_ret(Jit *j) {
  uint8_t *p = room(j);
  *p++ = 0xC3;
  FINISH(j, p, ambi_encode_ret(e));
}

JitSkip jit_skip_if(Jit *j, JitIf c) {
  uint8_t *p = room(j);
  p[0] = 0x70 | conditions[c];
  p[1] = 0;
  done(j, p + 2);
  return j->error ? 0 : offset_of(j, p + 2);
}

void jit_skip_to_here(Jit *j, JitSkip s) {
  if (j->error) return;
  uint32_t n = offset_of(j, j->p) - s;
  AMB_CHECK(n <= INT8_MAX);
  if (n > INT8_MAX) fail(j, "a short jump is too long");
  j->p[-(ptrdiff_t)n - 1] = (uint8_t)n;
}

// ---- placing ---------------------------------------------------------------------------------
size_t jit_size(Jit *j) {
  close_section(j);
  size_t size = 0;
  for (int i = 0; i < SECTIONS; i++) {
    j->sections[i].base = size;
    size += j->sections[i].n;
  }
  for (size_t i = 0; i < j->nlinks; i++)
    if (!j->links[i].address && j->labels[j->links[i].to].section == UNBOUND)
      fail(j, "a label that was never bound");
  return j->error ? 0 : size;
}

size_t jit_offset(const Jit *j, JitLabel l) {
  return j->sections[j->labels[l].section].base + j->labels[l].offset;
}

static bool resolve(const Jit *j, const Link *l, uint8_t *write,
                    uintptr_t run) {
  size_t at = j->sections[l->section].base + l->offset;
  uint64_t to = l->address ? l->to : run + jit_offset(j, (JitLabel)l->to);
  int64_t by = (int64_t)(to - (run + at + 4));
  put32(write + at, (uint32_t)by);
  return by == (int32_t)by;
}

bool jit_place(Jit *j, void *write, const void *run, size_t size) {
  if (j->error || size < jit_size(j)) return false;
  for (int i = 0; i < SECTIONS; i++) {
    const Section *s = &j->sections[i];
    if (s->n) memcpy((uint8_t *)write + s->base, s->bytes, s->n);
  }
  for (size_t i = 0; i < j->nlinks; i++)
    if (!resolve(j, &j->links[i], write, (uintptr_t)run))
      fail(j, "a jump out of reach");
  return !j->error;
}
