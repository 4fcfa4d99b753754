// Templates of choices that are counted, and of searches by their number
// (runtime/machine/deepen.h).
#include "compiler_thread/template.h"
#include "runtime/machine/deepen.h"

// ecx = twice the number of choices made.
static void twice_made(Emit *m) {
  jit_rm32(m->j, J_MOV, J_RCX, in_engine(OFF(Engine, made)));
  jit_rr32(m->j, J_ADD, J_RCX, J_RCX);
}

// The slot gets the number in rcx.
static void note(Emit *m) {
  jit_imm(m->j, J_RAX, (Word)TAG_INT << 48);
  jit_rr(m->j, J_OR, J_RAX, J_RCX);
  emit_to_slot(m, m->pc->a, J_RAX);
}

void ambi_emit_MADE(Emit *m) {
  Jit *j = m->j;
  twice_made(m);
  if (m->pc->b == 1) jit_ri32(j, J_ADD, J_RCX, 1);
  if (m->pc->b == 2) {
    jit_mi(j, J_CMP, 4, in_engine(OFF(Engine, alike)), 1);
    JitSkip one = jit_skip_if(j, J_BELOW_EQ);
    jit_ri32(j, J_ADD, J_RCX, 1);
    jit_skip_to_here(j, one);
  }
  note(m);
}

void ambi_emit_MADEL(Emit *m) {
  Jit *j = m->j;
  JitLabel single = jit_label(j);
  emit_value(m, m->pc->b);  // the tag in ecx
  jit_rr32(j, J_MOV, J_RDX, J_RCX);
  twice_made(m);
  jit_ri32(j, J_CMP, J_RDX, TAG_EXPR);
  jit_jump_if(j, J_NE, single);
  jit_ri(j, J_AND, J_RAX, ~(int32_t)AMB_EXPR_MARKS);
  jit_mi(j, J_CMP, 4, in_object(J_RAX, 0), 1);
  jit_jump_if(j, J_BELOW_EQ, single);
  jit_ri32(j, J_ADD, J_RCX, 1);
  jit_bind(j, single);
  note(m);
}

void ambi_emit_ALIKE(Emit *m) {
  if (m->pc->a)
    jit_mi(m->j, J_ADD, 4, in_engine(OFF(Engine, alike)), 1);
  else
    jit_mi(m->j, J_MOV, 4, in_engine(OFF(Engine, alike)), 0);
}

void ambi_emit_HOLD(Emit *m) {
  twice_made(m);
  note(m);
  jit_mi(m->j, J_MOV, 4, in_engine(OFF(Engine, made)), -1);
}

void ambi_emit_CHOICE(Emit *m) {
  Jit *j = m->j;
  JitLabel enough = jit_label(j), next = jit_label(j);
  jit_rm32(j, J_MOV, J_RAX, in_slot(m->pc->a));
  jit_rr32(j, J_MOV, J_RCX, J_RAX);
  jit_ri32(j, J_AND, J_RCX, 1);
  jit_rr32(j, J_ADD, J_RAX, J_RCX);
  jit_shift(j, J_SHR, J_RAX, 1);
  jit_mr32(j, J_MOV, in_engine(OFF(Engine, made)), J_RAX);
  jit_rr32(j, J_TEST, J_RCX, J_RCX);
  jit_jump_if(j, J_EQ, next);
  jit_rm(j, J_MOV, J_RDX, in_engine(OFF(Engine, taken)));
  jit_ri(j, J_ADD, J_RDX, 1);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, taken)), J_RDX);
  jit_rm32(j, J_CMP, J_RAX, in_engine(OFF(Engine, most)));
  jit_jump_if(j, J_ABOVE, enough);
  jit_rm(j, J_CMP, J_RDX, in_engine(OFF(Engine, enough)));
  jit_jump_if(j, J_ABOVE, enough);
  jit_bind(j, next);
  jit_cold(j);
  jit_bind(j, enough);
  emit_leave_by(m, (const void *)(uintptr_t)ambi_deepen_enough);
  jit_hot(j);
}

void ambi_emit_UNCOUNTED(Emit *m) {
  Jit *j = m->j;
  JitLabel counts = jit_label(j);
  jit_mi(j, J_CMP, 4, in_engine(OFF(Engine, made)), -1);
  jit_jump_if(j, J_NE, counts);
  jit_cold(j);
  jit_bind(j, counts);
  emit_leave_by(m, (const void *)(uintptr_t)ambi_deepen_plainly);
  jit_hot(j);
}

void ambi_emit_DEEPEN(Emit *m) {
  const Code *resume = emit_position(m, emit_offset(m, (int16_t)m->pc->c));
  jit_imm(m->j, J_RSI, (uintptr_t)resume);
  emit_ask(m, (const void *)(uintptr_t)ambi_deepen_begin);
  jit_jump_to_if(m->j, J_EQ, m->em->stubs.stop);
  emit_load(m->j);
}

void ambi_emit_DEEPEN_ADD(Emit *m) {
  emit_leave_by(m, (const void *)(uintptr_t)ambi_deepen_add);
}

void ambi_emit_DEEPEN_END(Emit *m) {
  emit_leave_by(m, (const void *)(uintptr_t)ambi_deepen_end);
}
