// What many templates have in common: registers written back, tags, the tests on
// values of step.h, helpers, choice records.
#include "compiler_thread/template.h"
#include "runtime/machine/step.h"

void emit_save(Jit *j) {
  jit_mr(j, J_MOV, in_engine(OFF(Engine, e)), R_E);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, b)), R_B);
  jit_mr(j, J_MOV, in_context(OFF(Context, h)), R_H);
}

void emit_load(Jit *j) {
  jit_rm(j, J_MOV, R_E, in_engine(OFF(Engine, e)));
  jit_rm(j, J_MOV, R_B, in_engine(OFF(Engine, b)));
  jit_rm(j, J_MOV, R_H, in_context(OFF(Context, h)));
}

void emit_note(Emit *m, enum NativeSeen what) {
  if (!m->native->seen) return;
  jit_imm(m->j, J_RCX, (uintptr_t)&m->native->seen[m->at]);
  jit_mi(m->j, J_OR, 1, jit_at(J_RCX, 0), (int32_t)what);
}

// ---- what is rare --------------------------------------------------------------------
bool emit_thick(const Emit *m) {
  return m->sure && m->level == 2;
}

Aside emit_aside(Emit *m, JitIf usual, JitIf rare) {
  Jit *j = m->j;
  Aside a = {.cold = emit_thick(m)};
  if (!a.cold) {
    a.skip = jit_skip_if(j, usual);
    return a;
  }
  JitLabel at = jit_label(j);
  a.back = jit_label(j);
  jit_jump_if(j, rare, at);
  jit_bind(j, a.back);
  jit_cold(j);
  jit_bind(j, at);
  return a;
}

void emit_back(Emit *m, Aside a) {
  if (!a.cold) {
    jit_skip_to_here(m->j, a.skip);
    return;
  }
  jit_jump(m->j, a.back);
  jit_hot(m->j);
}

// ---- values ----------------------------------------------------------------------
void emit_tag(Emit *m, JitReg tag, JitReg v) {
  jit_rr(m->j, J_MOV, tag, v);
  jit_shift(m->j, J_SHR, tag, 48);
}

void emit_want_tag(Emit *m, JitReg v, unsigned tag, JitLabel other) {
  emit_tag(m, J_RCX, v);
  jit_ri32(m->j, J_CMP, J_RCX, (int32_t)tag);
  jit_jump_if(m->j, J_NE, other);
}

static void value(Emit *m, unsigned source, bool learnt) {
  Jit *j = m->j;
  emit_source(m, J_RAX, source);
  emit_tag(m, J_RCX, J_RAX);
  if (is_constant(source) || emit_is_full(m, slot_of(source))) return;
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  if (learnt) {
    jit_jump_if(j, J_EQ, emit_general(m));
    return;
  }
  Aside a = emit_aside(m, J_NE, J_EQ);
  jit_call_to(j, m->em->stubs.deref);
  emit_back(m, a);
}

void emit_value(Emit *m, unsigned source) {
  value(m, source, false);
}

void emit_value_learnt(Emit *m, unsigned source) {
  value(m, source, m->sure);
}

void emit_flat(Emit *m, JitReg p, JitReg v, JitLabel view) {
  if (p != v) jit_rr(m->j, J_MOV, p, v);
  jit_ri(m->j, J_AND, p, -8);
  jit_mi(m->j, J_TEST, 1, in_object(p, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(m->j, J_NE, view);
}

// By their marks, all of which most terms have; no variable has marks. Atoms are what
// else is no object, which might hold one.
void emit_test_marks(Jit *j, JitReg scratch, int32_t marks) {
  jit_lea(j, scratch, jit_at(J_RAX, 1));
  jit_ri32(j, J_TEST, scratch, marks);
}
_Static_assert((AMB_EXPR_MARKS & (AMB_EXPR_MARKS + 1)) == 0 &&
                   (AMB_EXPR_EVAL | AMB_EXPR_GROUND) == 3,
               "marks are the lowest bits, these two the last");

void emit_want_full(Jit *j, JitLabel other) {
  JitLabel full = jit_label(j);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_shift(j, J_SHR, J_RCX, 48);
  jit_ri32(j, J_SUB, J_RCX, TAG_SYM);
  jit_ri32(j, J_CMP, J_RCX, TAG_OBJ - TAG_SYM);
  jit_jump_if(j, J_ABOVE, full);
  emit_test_marks(j, J_RDX, AMB_EXPR_MARKS);
  jit_jump_if(j, J_EQ, full);
  jit_rr32(j, J_TEST, J_RCX, J_RCX);
  jit_jump_if(j, J_NE, other);
  jit_ri32(j, J_CMP, J_RAX, AMB_S_EMPTY);
  jit_jump_if(j, J_EQ, other);
  jit_bind(j, full);
}

void emit_error_test(Emit *m, JitLabel error) {
  jit_call_to(m->j, m->em->stubs.is_error);
  jit_jump_if(m->j, J_EQ, error);
}

void emit_rigid_holds(Emit *m, JitLabel not ) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(CodeState, x_epoch)));
  jit_rm(j, J_CMP, J_RCX, in_context(OFF(Context, rigid.all)));
  jit_jump_if(j, J_NE, not );
}

void emit_firm_marks(Emit *m, JitIf missing, JitLabel l) {
  Jit *j = m->j;
  emit_test_marks(j, J_RCX, AMB_EXPR_EVAL | AMB_EXPR_GROUND);
  jit_jump_if(j, missing, l);
}

void emit_presumed(Emit *m, JitLabel not ) {
  Jit *j = m->j;
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_GROUND);
  jit_jump_if(j, J_EQ, not );
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_ri(j, J_AND, J_RDX, -8);
  jit_mi(j, J_CMP, 1, in_object(J_RDX, SPARE_BYTE), AMB_PRESUMED);
  jit_jump_if(j, J_NE, not );
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_mi(j, J_CMP, 1, jit_at(J_RCX, OFF(CodeState, x_odd_rules)), 0);
  jit_jump_if(j, J_NE, not );
}

// Marks are looked at before tags, see emit_unless: a symbol with these bits is not
// Empty, and the pointer of a variable has none.
_Static_assert((AMB_S_EMPTY & AMB_EXPR_MARKS) != AMB_EXPR_MARKS,
               "emit_ready would take Empty for a value");

void emit_ready(Emit *m, JitLabel other) {
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(m->j, J_SUB, J_RCX, TAG_SYM);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_VAR - TAG_SYM);
  emit_unless(m, J_ABOVE, SHARED_READY, other);
}

void emit_member(Emit *m) {
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(m->j, J_SUB, J_RCX, TAG_EXPR);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_OBJ - TAG_EXPR);
  emit_unless(m, J_ABOVE, SHARED_MEMBER, 0);
}

void emit_ready_member(Emit *m) {
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(m->j, J_SUB, J_RCX, TAG_SYM);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_OBJ - TAG_SYM);
  emit_unless(m, J_ABOVE, SHARED_READY_MEMBER, emit_slow(m));
}

// ---- helpers -----------------------------------------------------------------------
// rcx: this instruction. What follows looks at the answer in eax.
static void call_in_line(Emit *m, const void *helper) {
  Jit *j = m->j;
  emit_save(j);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, helper);
}

// Goes on if the answer is to go on at this offset.
static void helper(Emit *m, const void *function, uint32_t offset) {
  Jit *j = m->j;
  jit_imm(j, J_RCX, (uintptr_t)m->pc);
  if (!emit_thick(m)) {
    jit_imm(j, J_RAX, (uintptr_t)function);
    jit_call_to(j, m->em->stubs.helper);
    jit_ri32(j, J_CMP, J_RCX, (int32_t)(8 * (offset - m->at)));
    return;
  }
  call_in_line(m, function);
  jit_rr32(j, J_TEST, J_RAX, J_RAX);
  jit_jump_to_if(j, J_NE, m->em->stubs.after);
  emit_load(j);
  jit_imm(j, J_RCX, (uintptr_t)(m->u->code + offset));
  jit_rm(j, J_CMP, J_RCX, in_engine(OFF(Engine, pc)));
}

void emit_helper(Emit *m, const void *function, uint32_t offset) {
  Jit *j = m->j;
  helper(m, function, offset);
  jit_jump_to_if(j, J_NE, m->em->stubs.after);
  if (offset != m->at + emit_words(m)) jit_jump(j, emit_label(m, offset));
}

void emit_helper_cold(Emit *m, const void *function, uint32_t offset) {
  Jit *j = m->j;
  helper(m, function, offset);
  jit_jump_if(j, J_EQ, emit_general_at(m, offset));
  jit_jump_to(j, m->em->stubs.after);
}

// Flags: the answer is 0, and nothing must stop.
static void ask(Emit *m, const void *function) {
  Jit *j = m->j;
  if (!emit_thick(m)) {
    jit_imm(j, J_RAX, (uintptr_t)function);
    jit_call_to(j, m->em->stubs.asks);
    return;
  }
  call_in_line(m, function);
  jit_rm(j, J_MOV, R_H, in_context(OFF(Context, h)));
  jit_ri32(j, J_TEST, J_RAX, 0xFF);
  JitSkip yes = jit_skip_if(j, J_NE);
  jit_mi(j, J_CMP, 4, in_context(OFF(Context, stop)), 0);
  jit_jump_to_if(j, J_NE, m->em->stubs.stop);
  jit_skip_to_here(j, yes);
}

void emit_ask(Emit *m, const void *function) {
  jit_imm(m->j, J_RCX, (uintptr_t)m->pc);
  ask(m, function);
}

void emit_ask_at(Emit *m, const void *function) {
  jit_imm(m->j, J_RCX, (uintptr_t)m->pc);
  jit_rr(m->j, J_MOV, J_RSI, J_RCX);
  ask(m, function);
}

void emit_leave_by(Emit *m, const void *helper) {
  Jit *j = m->j;
  jit_imm(j, J_R8, (uintptr_t)m->pc);
  jit_imm(j, J_RAX, (uintptr_t)helper);
  jit_jump_to(j, m->em->stubs.leave_by);
}

// ---- choice records ------------------------------------------------------------------
void emit_push_choice(Emit *m, const Code *resume) {
  Jit *j = m->j;
  jit_lea(j, J_RDX, in_record(sizeof(Choice)));
  jit_rm(j, J_CMP, J_RDX, in_engine(OFF(Engine, choices_end)));
  jit_jump_if(j, J_ABOVE_EQ, emit_slow(m));
  jit_lea(j, J_RCX, in_slot(m->u->nslots));
  jit_rm(j, J_CMP, J_RCX, in_record(OFF(Choice, top)));
  Aside low = emit_aside(m, J_ABOVE_EQ, J_BELOW);
  jit_rm(j, J_MOV, J_RCX, in_record(OFF(Choice, top)));
  emit_back(m, low);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, top)), J_RCX);
  jit_imm(j, J_RCX, (uintptr_t)resume);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, resume)), J_RCX);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, h)), R_H);
  jit_rm(j, J_MOV, J_RCX, in_context(OFF(Context, tr)));
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, tr)), J_RCX);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, e)), R_E);
  jit_rm(j, J_MOV, J_RCX, in_context(OFF(Context, space)));
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, s)), J_RCX);
  jit_mi(j, J_MOV, 8, jit_at(J_RDX, OFF(Choice, hook)), 0);
  jit_mr(j, J_MOV, in_context(OFF(Context, hb)), R_H);
  jit_rr(j, J_MOV, R_B, J_RDX);
}

void emit_pop_choice(Emit *m) {
  jit_ri(m->j, J_SUB, R_B, sizeof(Choice));
  jit_rm(m->j, J_MOV, J_RCX, in_record(OFF(Choice, h)));
  jit_mr(m->j, J_MOV, in_context(OFF(Context, hb)), J_RCX);
}

void emit_restore(Jit *j) {
  jit_rm(j, J_MOV, R_H, in_record(OFF(Choice, h)));
  jit_rm(j, J_MOV, R_E, in_record(OFF(Choice, e)));
  jit_rm(j, J_MOV, J_RDX, in_record(OFF(Choice, s)));
  jit_rm(j, J_MOV, J_RCX, in_record(OFF(Choice, resume)));
  jit_mr(j, J_MOV, in_context(OFF(Context, space)), J_RDX);
}

// In line where nothing was bound, and limits need no look.
void emit_fail(Emit *m) {
  Jit *j = m->j;
  const void *fail = m->em->stubs.fail;
  if (!emit_thick(m)) {
    jit_jump_to(j, fail);
    return;
  }
  jit_rm(j, J_MOV, J_RSI, in_record(OFF(Choice, tr)));
  jit_rm(j, J_CMP, J_RSI, in_context(OFF(Context, tr)));
  jit_jump_to_if(j, J_NE, fail);
  jit_rm32(j, J_MOV, J_RSI, in_context(OFF(Context, given_back)));
  jit_ri32(j, J_ADD, J_RSI, 1);
  jit_ri32(j, J_TEST, J_RSI, FAILURES_POLL - 1);
  jit_jump_to_if(j, J_EQ, fail);
  jit_mr32(j, J_MOV, in_context(OFF(Context, given_back)), J_RSI);
  emit_restore(j);
  jit_mi(j, J_CMP, 2, jit_at(J_RCX, 0), OP_I_NATIVE);
  jit_jump_to_if(j, J_NE, m->em->stubs.go);
  jit_jump_m(j, jit_at(J_RCX, OFF(Landing, addr)));
}

void emit_return(Emit *m) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_RET));
  jit_rr(j, J_MOV, J_RDX, R_E);
  jit_rm(j, J_MOV, R_E, in_frame(FRAME_PREV));
  jit_mi(j, J_CMP, 2, jit_at(J_RCX, 0), OP_I_NATIVE);
  jit_jump_to_if(j, J_NE, m->em->stubs.ret_bytecode);
  jit_jump_m(j, jit_at(J_RCX, OFF(Landing, addr)));
}
