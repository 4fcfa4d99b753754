// Templates of choice records, forks and collectors.
#include "compiler_thread/template.h"
#include "runtime/machine/step.h"

static void aux_is_unit(Emit *m) {  // of the record at rdx
  jit_imm(m->j, J_RCX, AMB_UNIT.w);
  jit_mr(m->j, J_MOV, jit_at(J_RDX, OFF(Choice, aux)), J_RCX);
}

static const Code *alternative(Emit *m) {
  return emit_position(m, emit_offset(m, (int16_t)m->pc->c));
}

void ambi_emit_TRY(Emit *m) {
  emit_push_choice(m, alternative(m));
  aux_is_unit(m);
}

static void resume_at(Emit *m) {
  jit_imm(m->j, J_RCX, (uintptr_t)alternative(m));
  jit_mr(m->j, J_MOV, in_record(OFF(Choice, resume)), J_RCX);
}

void ambi_emit_RETRY(Emit *m) {
  resume_at(m);
}
void ambi_emit_SETALT(Emit *m) {
  resume_at(m);
}
void ambi_emit_TRUST(Emit *m) {
  emit_pop_choice(m);
}
void ambi_emit_POPALT(Emit *m) {
  emit_pop_choice(m);
}

// ---- forks over a list ---------------------------------------------------------------
static const Code fork_next[1] = {{.op = OP_I_FORK_NEXT}};

// rsi = address of the first child of the EXPR in rax, rdi = its object. Lists that
// programs take apart and put together are views.
static void children(Emit *m) {
  Jit *j = m->j;
  JitLabel view = jit_label(j), have = jit_label(j);
  emit_flat(m, J_RDI, J_RAX, view);
  jit_lea(j, J_RSI, in_object(J_RDI, 8));
  jit_bind(j, have);
  jit_cold(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RSI, in_object(J_RDI, 16));
  jit_jump(j, have);
  jit_hot(j);
}

// The record's next alternative; where FORKV's landing leads.
static void next_alternative(Emit *m, JitLabel resume) {
  Jit *j = m->j;
  JitLabel variable = jit_label(j), ok = jit_label(j);
  jit_bind(j, resume);
  jit_rm(j, J_MOV, J_RAX, in_record(OFF(Choice, aux)));
  jit_rm(j, J_MOV, J_RDX, in_record(OFF(Choice, cursor)));
  children(m);
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RSI, J_RDX, 3, 0));
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, variable);
  jit_bind(j, ok);
  jit_ri(j, J_ADD, J_RDX, 1);
  jit_mr(j, J_MOV, in_record(OFF(Choice, cursor)), J_RDX);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_rm32(j, J_CMP, J_RDX, in_object(J_RDI, 0));
  jit_jump_if(j, J_NE, emit_next(m));
  emit_pop_choice(m);
  jit_cold(j);
  jit_bind(j, variable);
  jit_call_to(j, m->em->stubs.deref);
  jit_jump(j, ok);
  jit_hot(j);
}

void ambi_emit_FORKV(Emit *m) {
  Jit *j = m->j;
  JitLabel resume = jit_label(j), slow = emit_slow(m);
  emit_value(m, m->pc->b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, slow);
  children(m);
  jit_mi(j, J_CMP, 4, in_object(J_RDI, 0), 1);
  jit_jump_if(j, J_EQ, slow);
  jit_rm(j, J_MOV, J_RSI, jit_at(J_RSI, 0));
  emit_tag(m, J_RCX, J_RSI);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, slow);
  emit_push_choice(m, emit_landing(m, resume, fork_next));
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, aux)), J_RAX);
  jit_mi(j, J_MOV, 8, jit_at(J_RDX, OFF(Choice, cursor)), 1);
  jit_imm(j, J_RCX, (uintptr_t)m->pc);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, next)), J_RCX);
  emit_to_slot(m, m->pc->a, J_RSI);
  jit_jump(j, emit_next(m));
  next_alternative(m, resume);
}

// ---- collectors ------------------------------------------------------------------------
void ambi_emit_COLLECT(Emit *m) {
  jit_imm(m->j, J_RSI, (uintptr_t)alternative(m));
  emit_helper_bool(m, (const void *)(uintptr_t)ambi_step_collect_begin);
}

// rdi = the collector's hook, if it is the newest on its record and wants no bindings.
static void collector(Emit *m, JitLabel other) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RDI, in_slot(m->pc->b));
  jit_ri(j, J_AND, J_RDI, -2);
  jit_rm(j, J_MOV, J_RDI,
         jit_at(J_RDI, (int32_t)sizeof(Choice) + OFF(Choice, hook)));
  jit_mi(j, J_CMP, 4, jit_at(J_RDI, OFF(Hook, kind)), HOOK_COLLECT);
  jit_jump_if(j, J_NE, other);
  jit_mi(j, J_CMP, 1, jit_at(J_RDI, OFF(Hook, with_bindings)), 0);
  jit_jump_if(j, J_NE, other);
}

// Integers, symbols and the like, behind a first value that was no Error, go straight
// to the list.
void ambi_emit_COLLECT_ADD(Emit *m) {
  static const unsigned plain[] = {TAG_INT, TAG_SYM, TAG_IMM};
  Jit *j = m->j;
  JitLabel other = jit_label(j), ok = jit_label(j);
  jit_rm(j, J_MOV, J_RAX, in_slot(m->pc->a));
  emit_tag(m, J_RCX, J_RAX);
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    jit_ri32(j, J_CMP, J_RCX, (int32_t)plain[i]);
    jit_jump_if(j, J_EQ, ok);
  }
  jit_jump(j, other);
  jit_bind(j, ok);
  collector(m, other);
  jit_mi(j, J_CMP, 8, jit_at(J_RDI, OFF(Hook, nvalues)), 0);
  jit_jump_if(j, J_EQ, other);
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDI, OFF(Hook, values.n)));
  jit_rm(j, J_CMP, J_RDX, jit_at(J_RDI, OFF(Hook, values.cap)));
  jit_jump_if(j, J_ABOVE_EQ, other);
  jit_rm(j, J_MOV, J_RSI, jit_at(J_RDI, OFF(Hook, values.at)));
  jit_mr(j, J_MOV, jit_at_index(J_RSI, J_RDX, 3, 0), J_RAX);
  jit_mi(j, J_ADD, 8, jit_at(J_RDI, OFF(Hook, values.n)), 1);
  jit_mi(j, J_ADD, 8, jit_at(J_RDI, OFF(Hook, nvalues)), 1);
  jit_jump_to(j, m->em->stubs.fail);
  jit_cold(j);
  jit_bind(j, other);
  emit_save(j);
  emit_set_pc(m);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, (const void *)(uintptr_t)ambi_step_collect_add);
  jit_jump_to(j, m->em->stubs.after);
  jit_hot(j);
}

void ambi_emit_COLLECT_END(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_collect_end, m->at + 1);
}

void ambi_emit_CASE_END(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_case_end, m->at + 1);
}

void ambi_emit_ONCE_END(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_once_end, m->at + 1);
}
