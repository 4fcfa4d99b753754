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

void emit_set_pc(Emit *m) {
  jit_imm(m->j, J_RCX, (uintptr_t)m->pc);
  jit_mr(m->j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
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
  if (is_constant(source) || emit_known(m, source, FACT_INT)) return;
  JitLabel variable = jit_label(j), back = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  if (learnt) {
    jit_jump_if(j, J_EQ, emit_general(m));
    return;
  }
  jit_jump_if(j, J_EQ, variable);
  jit_bind(j, back);
  jit_cold(j);
  jit_bind(j, variable);
  jit_call_to(j, m->em->stubs.deref);
  jit_jump(j, back);
  jit_hot(j);
}

void emit_value(Emit *m, unsigned source) {
  value(m, source, false);
}

void emit_value_learnt(Emit *m, unsigned source) {
  value(m, source, m->sure);
}

// TAG_VAR follows TAG_EXPR: one compare sets terms and variables apart.
_Static_assert(TAG_VAR == TAG_EXPR + 1, "emit_child counts on it");

void emit_child(Emit *m, JitLabel expr) {
  Jit *j = m->j;
  JitLabel again = jit_label(j), special = jit_label(j), done = jit_label(j);
  jit_bind(j, again);
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_SUB, J_RCX, TAG_EXPR);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR - TAG_EXPR);
  jit_jump_if(j, J_BELOW_EQ, special);
  jit_bind(j, done);
  jit_cold(j);
  jit_bind(j, special);
  jit_jump_if(j, J_NE, expr);
  jit_call_to(j, m->em->stubs.deref);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_NE, again);
  jit_jump(j, done);
  jit_hot(j);
}

// The bit in which the header of a view differs: byte of the header, bit of that.
enum { VIEW_BYTE = 5, VIEW_BIT = KIND_VIEW << 4, SPARE_BYTE = 4 };

void emit_flat(Emit *m, JitReg p, JitReg v, JitLabel view) {
  if (p != v) jit_rr(m->j, J_MOV, p, v);
  jit_ri(m->j, J_AND, p, -8);
  jit_mi(m->j, J_TEST, 1, in_object(p, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(m->j, J_NE, view);
}

void emit_error_test(Emit *m, JitLabel view, JitLabel error) {
  Jit *j = m->j;
  JitLabel no = jit_label(j), perhaps = jit_label(j);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, no);
  emit_flat(m, J_RDX, J_RAX, view);
  jit_mi(j, J_CMP, 4, in_object(J_RDX, 8), AMB_S_ERROR);
  jit_jump_if(j, J_EQ, perhaps);
  jit_bind(j, no);
  jit_cold(j);
  jit_bind(j, perhaps);
  jit_mi(j, J_CMP, 4, in_object(J_RDX, 12), TAG_SYM << 16);
  jit_jump_if(j, J_NE, no);
  jit_jump(j, error);
  jit_hot(j);
}

// Does the rigid mark of rax still say something? Sets the evaluated mark.
static void rigid_arm(Emit *m, JitLabel rigid, JitLabel ok) {
  Jit *j = m->j;
  jit_cold(j);
  jit_bind(j, rigid);
  emit_rigid_holds(m, emit_slow(m));
  jit_ri(j, J_OR, J_RAX, AMB_EXPR_EVAL);
  jit_jump(j, ok);
  jit_hot(j);
}

void emit_rigid_holds(Emit *m, JitLabel not ) {
  Jit *j = m->j;
  jit_mi(j, J_CMP, 1, in_context(OFF(Context, loose)), 0);
  jit_jump_if(j, J_NE, not );
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(CodeState, epoch)));
  jit_rm(j, J_CMP, J_RCX, in_engine(OFF(Engine, rigid_epoch)));
  jit_jump_if(j, J_NE, not );
}

void emit_firm_marks(Emit *m, JitIf missing, JitLabel l) {
  Jit *j = m->j;
  jit_rr32(j, J_MOV, J_RCX, J_RAX);
  jit_not32(j, J_RCX);
  jit_ri32(j, J_TEST, J_RCX, AMB_EXPR_EVAL | AMB_EXPR_GROUND);
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
  jit_mi(j, J_CMP, 1, jit_at(J_RCX, OFF(CodeState, odd_rules)), 0);
  jit_jump_if(j, J_NE, not );
}

void emit_ready(Emit *m) {
  Jit *j = m->j;
  JitLabel again = jit_label(j), atom = jit_label(j), ok = jit_label(j),
           rigid = jit_label(j), slow = emit_slow(m), symbol = jit_label(j),
           soft = jit_label(j);
  jit_bind(j, again);
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(j, J_EQ, ok);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, atom);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, rigid);
  emit_firm_marks(m, J_NE, soft);
  emit_error_test(m, slow, slow);
  jit_bind(j, ok);
  rigid_arm(m, rigid, ok);
  jit_cold(j);
  jit_bind(j, soft);
  emit_presumed(m, slow);
  jit_jump(j, ok);
  jit_bind(j, atom);
  jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
  jit_jump_if(j, J_EQ, symbol);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_NE, ok);
  jit_call_to(j, m->em->stubs.deref);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, ok);  // unbound: its own value
  jit_jump(j, again);
  jit_bind(j, symbol);
  jit_ri32(j, J_CMP, J_RAX, AMB_S_EMPTY);
  jit_jump_if(j, J_EQ, slow);
  jit_jump(j, ok);
  jit_hot(j);
}

// ---- helpers -----------------------------------------------------------------------
static void call_helper(Emit *m, const void *helper) {
  Jit *j = m->j;
  emit_save(j);
  emit_set_pc(m);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, helper);
  jit_rr32(j, J_TEST, J_RAX, J_RAX);
  jit_jump_to_if(j, J_NE, m->em->stubs.after);
  emit_load(j);
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, pc)));
}

void emit_helper(Emit *m, const void *helper, uint32_t offset) {
  Jit *j = m->j;
  call_helper(m, helper);
  jit_imm(j, J_RDX, (uintptr_t)(m->u->code + offset));
  jit_rr(j, J_CMP, J_RCX, J_RDX);
  jit_jump_to_if(j, J_NE, m->em->stubs.dispatch);
  if (offset != m->at + emit_words(m)) jit_jump(j, emit_label(m, offset));
}

void emit_helper_cold(Emit *m, const void *helper, uint32_t offset) {
  Jit *j = m->j;
  call_helper(m, helper);
  jit_imm(j, J_RDX, (uintptr_t)(m->u->code + offset));
  jit_rr(j, J_CMP, J_RCX, J_RDX);
  jit_jump_if(j, J_EQ, emit_general_at(m, offset));
  jit_jump_to(j, m->em->stubs.dispatch);
}

void emit_helper_bool(Emit *m, const void *helper) {
  Jit *j = m->j;
  emit_save(j);
  emit_set_pc(m);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, helper);
  jit_ri32(j, J_TEST, J_RAX, 0xFF);
  jit_jump_to_if(j, J_EQ, m->em->stubs.stop);
  emit_load(j);
}

// ---- choice records ------------------------------------------------------------------
void emit_push_choice(Emit *m, const Code *resume) {
  Jit *j = m->j;
  JitLabel low = jit_label(j), ok = jit_label(j);
  jit_lea(j, J_RDX, in_record(sizeof(Choice)));
  jit_rm(j, J_CMP, J_RDX, in_engine(OFF(Engine, choices_end)));
  jit_jump_if(j, J_ABOVE_EQ, emit_slow(m));
  jit_lea(j, J_RCX, in_slot(m->u->nslots));
  jit_rm(j, J_CMP, J_RCX, in_record(OFF(Choice, top)));
  jit_jump_if(j, J_BELOW, low);
  jit_bind(j, ok);
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
  jit_cold(j);
  jit_bind(j, low);
  jit_rm(j, J_MOV, J_RCX, in_record(OFF(Choice, top)));
  jit_jump(j, ok);
  jit_hot(j);
}

void emit_pop_choice(Emit *m) {
  jit_ri(m->j, J_SUB, R_B, sizeof(Choice));
  jit_rm(m->j, J_MOV, J_RCX, in_record(OFF(Choice, h)));
  jit_mr(m->j, J_MOV, in_context(OFF(Context, hb)), J_RCX);
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
