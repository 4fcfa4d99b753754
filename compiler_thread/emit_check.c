// Templates of checks, which go on or take an error edge.
#include "compiler_thread/template.h"
#include "runtime/machine/step.h"

void ambi_emit_CHKNUM(Emit *m) {
  Jit *j = m->j;
  JitLabel other = jit_label(j), ok = jit_label(j);
  if (emit_known(m, m->pc->a, FACT_INT)) return;
  emit_value(m, m->pc->a);
  jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(j, J_NE, other);
  jit_bind(j, ok);
  jit_cold(j);
  jit_bind(j, other);
  jit_ri32(j, J_AND, J_RCX, 0x7FFF);
  jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
  jit_jump_if(j, J_ABOVE, emit_slow(m));
  emit_note(m, SEEN_DOUBLE);
  jit_jump(j, ok);
  jit_hot(j);
}

void ambi_emit_CHKEXP(Emit *m) {
  emit_value(m, m->pc->a);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(m->j, J_NE, emit_slow(m));
}

void ambi_emit_CHKBOUND(Emit *m) {
  emit_value(m, m->pc->a);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_CELL);
  jit_jump_if(m->j, J_EQ, emit_slow(m));
}

void ambi_emit_CHKEPOCH(Emit *m) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_rm(j, J_MOV, J_RDX, in_frame(FRAME_UNIT));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(CodeState, x_epoch)));
  jit_rm(j, J_CMP, J_RCX, jit_at(J_RDX, OFF(Unit, epoch)));
  jit_jump_if(j, J_NE, emit_slow(m));
}

// NotReducible, Empty, functions and Errors are odd; all else is a body's value.
void ambi_emit_CHKBODY(Emit *m) {
  Jit *j = m->j;
  JitLabel atom = jit_label(j), ok = jit_label(j), slow = emit_slow(m),
           view = jit_label(j), have = jit_label(j);
  emit_value(m, m->pc->a);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, atom);
  emit_flat(m, J_RDX, J_RAX, view);
  jit_rm(j, J_MOV, J_RDX, in_object(J_RDX, 8));
  jit_bind(j, have);  // the head
  jit_ri32(j, J_CMP, J_RDX, AMB_S_FUNCTION);
  jit_jump_if(j, J_EQ, slow);
  jit_ri32(j, J_CMP, J_RDX, AMB_S_ERROR);
  jit_jump_if(j, J_EQ, slow);
  emit_tag(m, J_RCX, J_RDX);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, slow);
  jit_bind(j, ok);
  jit_cold(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RDX, in_object(J_RDX, 16));
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDX, 0));
  jit_jump(j, have);
  jit_bind(j, atom);
  jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
  jit_jump_if(j, J_NE, ok);
  jit_ri32(j, J_CMP, J_RAX, AMB_S_NOT_REDUCIBLE);
  jit_jump_if(j, J_EQ, slow);
  jit_ri32(j, J_CMP, J_RAX, AMB_S_EMPTY);
  jit_jump_if(j, J_EQ, slow);
  jit_jump(j, ok);
  jit_hot(j);
}

void ambi_emit_CHKGROUND(Emit *m) {
  Jit *j = m->j;
  JitLabel atom = jit_label(j), ok = jit_label(j), slow = emit_slow(m);
  emit_value(m, m->pc->a);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, atom);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_GROUND);
  jit_jump_if(j, J_EQ, slow);
  jit_bind(j, ok);
  jit_cold(j);
  jit_bind(j, atom);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_NE, ok);
  jit_jump(j, slow);
  jit_hot(j);
}

void ambi_emit_CASTR(Emit *m) {
  Jit *j = m->j;
  JitLabel ok = jit_label(j), slow = emit_slow(m);
  jit_rm(j, J_MOV, J_RAX, in_slot(m->pc->a));
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  if (m->u->k[m->pc->b] == AMB_SYM(T_NUMBER).w) {
    jit_jump_if(j, J_EQ, ok);
    jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  }
  jit_jump_if(j, J_NE, slow);
  jit_bind(j, ok);
}
