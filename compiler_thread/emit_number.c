// Templates of arithmetic, comparisons and branches.
//
// Integers are added with their tag rotated to the low 16 bits: the processor's
// overflow of 64 bits is then that of 48. Doubles are taken out of line; what is
// neither goes to emit_slow.
#include "compiler_thread/template.h"
#include "runtime/machine/step.h"

// r = the operand with its tag in the low 16 bits; no INT: to `other`. Uses rcx.
static void rotated(Emit *m, JitReg r, unsigned source, JitLabel other) {
  Jit *j = m->j;
  if (is_constant(source)) {
    Word w = constant(m, source).w;
    jit_imm(j, r, w << 16 | w >> 48);
    return;
  }
  if (emit_last(m, r, source)) return;
  jit_rm(j, J_MOV, r, in_slot(slot_of(source)));
  jit_shift(j, J_ROL, r, 16);
  if (emit_known(m, source, FACT_INT)) return;
  jit_zx16(j, J_RCX, r);
  jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(j, J_NE, other);
}

// r = the operand shifted left by 16, its tag gone; no INT: to `other`. Uses rcx.
static void shifted(Emit *m, JitReg r, unsigned source, JitLabel other) {
  Jit *j = m->j;
  if (is_constant(source)) {
    jit_imm(j, r, constant(m, source).w << 16);
    return;
  }
  if (emit_last(m, r, source)) {
    jit_ri(j, J_AND, r, -65536);
    return;
  }
  jit_rm(j, J_MOV, r, in_slot(slot_of(source)));
  if (!emit_known(m, source, FACT_INT)) emit_want_tag(m, r, TAG_INT, other);
  jit_shift(j, J_SHL, r, 16);
}

// rax, an integer with its tag rotated, to slot a; R_LAST keeps it.
static void give(Emit *m) {
  jit_rr(m->j, J_MOV, R_LAST, J_RAX);
  jit_shift(m->j, J_ROR, J_RAX, 16);
  emit_to_slot(m, m->pc->a, J_RAX);
  m->has = m->pc->a;
}

static bool never_int(const Emit *m, unsigned source) {
  return is_constant(source) && !ambi_is_int(constant(m, source));
}
static bool may_be_double(const Emit *m, unsigned source) {
  return !is_constant(source) || ambi_is_double(constant(m, source));
}

// Both operands as doubles in xmm0 and xmm1, else to `slow`. Uses rax, rcx.
static void two_doubles(Emit *m, unsigned x, unsigned y, JitLabel slow) {
  Jit *j = m->j;
  const unsigned source[2] = {x, y};
  for (unsigned i = 0; i < 2; i++) {
    emit_source(m, J_RAX, source[i]);
    if (!is_constant(source[i])) {
      emit_tag(m, J_RCX, J_RAX);
      jit_ri32(j, J_AND, J_RCX, 0x7FFF);
      jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
      jit_jump_if(j, J_ABOVE, slow);
    }
    jit_to_float(j, i, J_RAX);
  }
}

// ---- arithmetic ----------------------------------------------------------------------
// Out of line: large integers, mixed numbers, and what is no number.
static void slow_arm(Emit *m, JitLabel at, unsigned x, Value small) {
  Jit *j = m->j;
  jit_cold(j);
  jit_bind(j, at);
  emit_source(m, J_RSI, x);
  if (ambi_is_none(small))
    emit_source(m, J_RDX, m->pc->c);
  else
    jit_imm(j, J_RDX, small.w);
  emit_helper_cold(m, (const void *)(uintptr_t)ambi_step_arith_slow, m->at + 1);
  jit_hot(j);
}

static void float_arm(Emit *m, JitLabel at, JitLabel slow, JitFloat op) {
  Jit *j = m->j;
  unsigned x = m->pc->b, y = m->pc->c;
  jit_cold(j);
  jit_bind(j, at);
  if (may_be_double(m, x) && may_be_double(m, y)) {
    two_doubles(m, x, y, slow);
    emit_note(m, SEEN_DOUBLE);
    jit_float(j, op, 0, 1);
    jit_float(j, J_FCMP, 0, 0);
    jit_jump_if(j, J_PARITY, slow);  // not a number
    jit_from_float(j, J_RAX, 0);
    emit_to_slot(m, m->pc->a, J_RAX);
    jit_jump(j, emit_general_next(m));
  } else {
    jit_jump(j, slow);
  }
  slow_arm(m, slow, x, AMB_NONE);
}

static void sum(Emit *m, JitOp op, JitFloat float_op) {
  Jit *j = m->j;
  unsigned x = m->pc->b, y = m->pc->c;
  JitLabel other = jit_label(j), slow = jit_label(j);
  if (never_int(m, x) || never_int(m, y)) {
    jit_jump(j, other);
  } else {
    rotated(m, J_RAX, x, other);
    shifted(m, J_RDX, y, other);
    jit_rr(j, op, J_RAX, J_RDX);
    jit_jump_if(j, J_OVERFLOW, slow);
    give(m);
  }
  float_arm(m, other, slow, float_op);
}

void ambi_emit_ADD(Emit *m) {
  sum(m, J_ADD, J_FADD);
}
void ambi_emit_SUB(Emit *m) {
  sum(m, J_SUB, J_FSUB);
}

void ambi_emit_MUL(Emit *m) {
  Jit *j = m->j;
  unsigned x = m->pc->b, y = m->pc->c;
  JitLabel other = jit_label(j), slow = jit_label(j);
  if (never_int(m, x) || never_int(m, y)) {
    jit_jump(j, other);
  } else {
    rotated(m, J_RAX, x, other);
    shifted(m, J_RDX, y, other);
    jit_shift(j, J_SAR, J_RDX, 16);
    jit_ri(j, J_XOR, J_RAX, TAG_INT);
    jit_rr(j, J_IMUL, J_RAX, J_RDX);
    jit_jump_if(j, J_OVERFLOW, slow);
    jit_ri(j, J_OR, J_RAX, TAG_INT);
    give(m);
  }
  float_arm(m, other, slow, J_FMUL);
}

// Out of line at `at`: a double is noted, and on it goes at `to`.
static void note_small(Emit *m, JitLabel at, unsigned source, JitLabel to) {
  Jit *j = m->j;
  jit_cold(j);
  jit_bind(j, at);
  if (m->level == 1) {
    jit_rm(j, J_MOV, J_RAX, in_slot(slot_of(source)));
    emit_tag(m, J_RCX, J_RAX);
    jit_ri32(j, J_AND, J_RCX, 0x7FFF);
    jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
    jit_jump_if(j, J_ABOVE, to);
    emit_note(m, SEEN_DOUBLE);
  }
  jit_jump(j, to);
  jit_hot(j);
}

static void sum_small(Emit *m, JitOp op) {
  Jit *j = m->j;
  JitLabel slow = jit_label(j), other = jit_label(j);
  rotated(m, J_RAX, m->pc->b, other);
  jit_ri(j, op, J_RAX, (int32_t)(int16_t)m->pc->c * 65536);
  jit_jump_if(j, J_OVERFLOW, slow);
  give(m);
  note_small(m, other, m->pc->b, slow);
  slow_arm(m, slow, m->pc->b, ambi_small_int((int16_t)m->pc->c));
}
void ambi_emit_ADDI(Emit *m) {
  sum_small(m, J_ADD);
}
void ambi_emit_SUBI(Emit *m) {
  sum_small(m, J_SUB);
}

// ---- comparisons ------------------------------------------------------------------------
typedef struct Unless {  // the conditions under which the jump is taken
  JitIf integer;
  JitIf x_y;  // of doubles, after comparing x with y ...
  bool swap;  // ... or y with x, so that "not a number" jumps as well
} Unless;

static void compare(Emit *m, Unless c) {
  Jit *j = m->j;
  unsigned x = m->pc->a, y = m->pc->b;
  JitLabel other = jit_label(j), to = emit_branch(m, m->pc->c);
  if (never_int(m, x) || never_int(m, y)) {
    jit_jump(j, other);
  } else {
    rotated(m, J_RAX, x, other);
    rotated(m, J_RDX, y, other);
    jit_rr(j, J_CMP, J_RAX, J_RDX);  // the tags, alike, change nothing
    jit_jump_if(j, c.integer, to);
  }
  jit_cold(j);
  jit_bind(j, other);
  if (may_be_double(m, x) && may_be_double(m, y)) {
    two_doubles(m, x, y, emit_slow(m));
    emit_note(m, SEEN_DOUBLE);
    jit_float(j, J_FCMP, c.swap, !c.swap);
    jit_jump_if(j, c.x_y,
                emit_general_at(m, emit_offset(m, (int16_t)m->pc->c)));
    jit_jump(j, emit_general_next(m));
  } else {
    jit_jump(j, emit_slow(m));
  }
  jit_hot(j);
}

// x < y is y > x, and "above" does not hold of what is not a number.
void ambi_emit_JNLT(Emit *m) {
  compare(m, (Unless){J_GE, J_BELOW_EQ, true});
}
void ambi_emit_JNGT(Emit *m) {
  compare(m, (Unless){J_LE, J_BELOW_EQ, false});
}
void ambi_emit_JNLE(Emit *m) {
  compare(m, (Unless){J_GT, J_BELOW, true});
}
void ambi_emit_JNGE(Emit *m) {
  compare(m, (Unless){J_LT, J_BELOW, false});
}

// Of two kinds that can be told apart: symbols, expressions and () are of one kind,
// and their words decide if one is atomic. Where the types of symbols are asked for,
// there is an error edge.
static void equal_to_symbol(Emit *m, JitLabel to, JitLabel slow) {
  Jit *j = m->j;
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_EQ, to);
  jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
  jit_jump_if(j, J_EQ, to);
  jit_jump(j, slow);
}

// Both INT, or both SYM.
static void equal_alike(Emit *m, bool symbols, JitLabel to, JitLabel slow) {
  Jit *j = m->j;
  jit_shift(j, J_SHR, J_RDX, 48);
  jit_rr32(j, J_CMP, J_RDX, J_RCX);
  jit_jump_if(j, J_NE, slow);
  jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(j, J_EQ, to);
  if (symbols) {
    jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
    jit_jump_if(j, J_EQ, to);
  }
  jit_jump(j, slow);
}

static void equal(Emit *m, bool symbols, JitLabel slow) {
  Jit *j = m->j;
  JitLabel to = emit_branch(m, m->pc->c), same = jit_label(j);
  unsigned x = m->pc->a, y = m->pc->b;
  if (is_constant(x)) {
    x = m->pc->b;
    y = m->pc->a;
  }
  if (!symbols && emit_known(m, x, FACT_INT) && emit_known(m, y, FACT_INT)) {
    emit_source(m, J_RAX, x);
    emit_source(m, J_RDX, y);
    jit_rr(j, J_CMP, J_RAX, J_RDX);
    jit_jump_if(j, J_NE, to);
    return;
  }
  if (symbols)
    emit_value(m, x);
  else
    emit_value_learnt(m, x);
  emit_source(m, J_RDX, y);
  jit_rr(j, J_CMP, J_RAX, J_RDX);
  jit_jump_if(j, J_EQ, same);
  Value fixed = is_constant(y) ? constant(m, y) : AMB_NONE;
  if (symbols && (ambi_is_sym(fixed) || ambi_is_unit(fixed)))
    equal_to_symbol(m, to, slow);
  else
    equal_alike(m, symbols, to, slow);
  jit_bind(j, same);  // only what is not a number differs from itself
  if (!symbols) {
    jit_ri32(j, J_CMP, J_RCX, TAG_INT);
    jit_jump_if(j, J_NE, slow);
    return;
  }
  jit_ri32(j, J_AND, J_RCX, 0x7FFF);
  jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
  jit_jump_if(j, J_BELOW_EQ, slow);
}
void ambi_emit_JNEQ(Emit *m) {
  if (ambi_unit_edge(m->u, m->at) == UINT32_MAX)
    equal(m, true, emit_slow(m));
  else
    jit_jump(m->j, emit_slow(m));
}
// ambi_interp_one would do as much, but it takes longer to begin and end.
enum { DIFFER, EQUAL, OTHER_TYPES };
static unsigned equal_of_one_type(Engine *g, Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (!ambi_step_one_type(g, &a, &b)) return OTHER_TYPES;
  return ambi_step_equal(a, b) ? EQUAL : DIFFER;
}

void ambi_emit_JNEQT(Emit *m) {
  Jit *j = m->j;
  uint32_t to = emit_offset(m, (int16_t)m->pc->c);
  JitLabel other = jit_label(j);
  equal(m, false, other);
  jit_cold(j);
  jit_bind(j, other);
  emit_source(m, J_RSI, m->pc->a);
  emit_source(m, J_RDX, m->pc->b);
  emit_ask(m, (const void *)(uintptr_t)equal_of_one_type);
  jit_jump_if(j, J_EQ, emit_general_at(m, to));
  jit_ri32(j, J_CMP, J_RAX, EQUAL);
  jit_jump_if(j, J_EQ, emit_general_next(m));
  jit_jump(j, emit_slow(m));  // which takes the edge
  jit_hot(j);
}

static void compare_small(Emit *m, JitIf unless) {
  Jit *j = m->j;
  if (slot_of(m->pc->a) != m->had) {
    JitLabel other = jit_label(j);
    rotated(m, R_LAST, m->pc->a, other);
    note_small(m, other, m->pc->a, emit_slow(m));
  }
  jit_ri(j, J_CMP, R_LAST, (int32_t)(int16_t)m->pc->b * 65536 + TAG_INT);
  jit_jump_if(j, unless, emit_branch(m, m->pc->c));
  m->has = m->pc->a;
}
void ambi_emit_JNEQI(Emit *m) {
  compare_small(m, J_NE);
}
void ambi_emit_JNLTI(Emit *m) {
  compare_small(m, J_GE);
}
void ambi_emit_JNGTI(Emit *m) {
  compare_small(m, J_LE);
}

// False and True are neighbours, so one load does.
_Static_assert(AMB_TAGGED(TAG_IMM, 2) + 1 == AMB_TAGGED(TAG_IMM, 3),
               "BRANCH counts on it");
void ambi_emit_BRANCH(Emit *m) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RAX, in_slot(m->pc->a));
  jit_imm(j, J_RCX, AMB_FALSE.w);
  jit_rr(j, J_CMP, J_RAX, J_RCX);
  jit_jump_if(j, J_EQ, emit_branch(m, m->pc->c));
  jit_ri(j, J_ADD, J_RCX, 1);
  jit_rr(j, J_CMP, J_RAX, J_RCX);
  jit_jump_if(j, J_NE, emit_slow(m));
}
