// Templates of expressions as arrays: how many children, and which.
#include "compiler_thread/template.h"

enum { VIEW_ITEMS = 16 };  // where a view has the address of its first child

void emit_items(Emit *m) {
  Jit *j = m->j;
  JitLabel view = jit_label(j), have = jit_label(j);
  emit_flat(m, J_RDX, J_RAX, view);
  jit_rm32(j, J_MOV, J_RCX, in_object(J_RDX, 0));
  jit_lea(j, J_RDX, in_object(J_RDX, 8));
  jit_bind(j, have);
  jit_cold(j);
  jit_bind(j, view);
  jit_rm32(j, J_MOV, J_RCX, in_object(J_RDX, 0));
  jit_rm(j, J_MOV, J_RDX, in_object(J_RDX, VIEW_ITEMS));
  jit_jump(j, have);
  jit_hot(j);
}

// The same of a source that is an expression, else to the slow arm. Uses rax.
static void array(Emit *m, unsigned source) {
  emit_value(m, source);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(m->j, J_NE, emit_slow(m));
  emit_items(m);
}

void ambi_emit_INDEX(Emit *m) {
  Jit *j = m->j;
  JitLabel variable = jit_label(j), done = jit_label(j);
  array(m, m->pc->b);
  emit_source(m, J_RSI, m->pc->c);
  if (!emit_known(m, m->pc->c, FACT_INT)) {
    jit_rr(j, J_MOV, J_RAX, J_RSI);
    jit_shift(j, J_SHR, J_RAX, 48);
    jit_ri32(j, J_CMP, J_RAX, TAG_INT);
    jit_jump_if(j, J_NE, emit_slow(m));
  }
  jit_shift(j, J_SHL, J_RSI, 16);
  jit_shift(j, J_SAR, J_RSI, 16);
  jit_rr(j, J_CMP, J_RSI, J_RCX);
  jit_jump_if(j, J_ABOVE_EQ, emit_slow(m));
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RDX, J_RSI, 3, 0));
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, variable);
  jit_bind(j, done);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_cold(j);
  jit_bind(j, variable);
  jit_call_to(j, m->em->stubs.deref);
  jit_jump(j, done);
  jit_hot(j);
}

void ambi_emit_SIZE(Emit *m) {
  Jit *j = m->j;
  array(m, m->pc->b);
  jit_imm(j, J_RAX, (Word)TAG_INT << 48);
  jit_rr(j, J_OR, J_RAX, J_RCX);
  emit_to_slot(m, m->pc->a, J_RAX);
}
