// Templates of level 2: terms taken apart and put together, from registers to registers.
//
// What these do not take is stored on the way out (emit_slow, emit_general); nothing else
// is, so a list that is walked along stays in a register. In a loop the parts of terms
// have to be FACT_FULL, else the turn goes on in the whole version.
#include "compiler_thread/keep.h"

bool ambi_emit_keep_switch(Emit *m) {
  keep_release_rsi(m);
  keep_word_of(m, m->pc->a);
  ambi_emit_SWITCH(m);
  return true;
}

// rdx = the address of the term in r, less that of its tag, which is one whose children
// are behind its header.
static void object(Emit *m, JitReg r, unsigned source) {
  Jit *j = m->j;
  if (emit_known(m, source, FACT_FLAT)) {
    jit_rr(j, J_MOV, J_RDX, r);
    jit_ri(j, J_AND, J_RDX, -8);
    return;
  }
  JitLabel other = emit_general(m);
  if (!emit_is_full(m, slot_of(source))) {
    emit_tag(m, J_RCX, r);
    jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
    jit_jump_if(j, J_EQ, other);
  }
  emit_flat(m, J_RDX, r, other);
}

bool ambi_emit_keep_child(Emit *m) {
  Jit *j = m->j;
  if (emit_known(m, m->pc->b, FACT_FLAT) &&
      !keep_live(m, m->at + emit_words(m), m->pc->a)) {
    keep_drop(m, m->pc->a);
    return true;
  }
  if (!m->keep->loop) keep_release_rsi(m);
  JitReg r = keep_word_of(m, m->pc->b);
  object(m, r, m->pc->b);
  if (!m->keep->loop) jit_rr(j, J_MOV, J_RSI, r);
  jit_rm(j, J_MOV, J_RAX, in_object(J_RDX, 8 + 8 * (int32_t)m->pc->c));
  if (m->keep->loop)
    emit_want_full(j, keep_leave(m));
  else
    ambi_emit_part(m);
  keep_give_word(m, m->pc->a);
  return true;
}

// What is no expression has no children; what is behind the last goes on elsewhere, too.
bool ambi_emit_keep_item(Emit *m) {
  Jit *j = m->j;
  unsigned list = m->pc->b;
  keep_release_rsi(m);
  JitReg index = keep_int(m, list + 1), r = keep_word_of(m, list);
  JitLabel end = emit_branch(m, m->pc->c);
  if (r != J_RAX) jit_rr(j, J_MOV, J_RAX, r);
  emit_tag(m, J_RCX, J_RAX);
  if (!emit_is_full(m, list)) {
    jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
    jit_jump_if(j, J_EQ, emit_general(m));
  }
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, end);
  emit_items(m);
  jit_rr(j, J_MOV, J_RSI, index);
  jit_shift(j, J_SAR, J_RSI, 16);
  jit_rr(j, J_CMP, J_RSI, J_RCX);
  jit_jump_if(j, J_GE, end);
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RDX, J_RSI, 3, 0));
  if (m->keep->loop)
    emit_want_full(j, keep_leave(m));
  else
    ambi_emit_bound(m);
  keep_give_word(m, m->pc->a);
  return true;
}

bool ambi_emit_keep_make(Emit *m) {
  keep_release_rsi(m);
  ambi_emit_return_parts(m);
  ambi_emit_make(m);
  keep_give_word(m, m->pc->a);
  return true;
}

bool ambi_emit_keep_chain(Emit *m) {
  keep_release_rsi(m);
  emit_source(m, J_RAX, m->pc->a);
  ambi_emit_append(m);
  return true;
}

// EVALT of what is a value: goes on behind the instruction that takes another.
bool ambi_emit_keep_value(Emit *m) {
  unsigned source = m->pc->b;
  if (m->pc->op == OP_I_EVALV || is_constant(source)) return false;
  emit_source(m, J_RAX, source);
  if (!emit_is_ready(m, slot_of(source))) emit_ready(m, emit_slow(m));
  keep_give_word(m, m->pc->a);
  jit_jump(m->j, keep_label(m, m->at + emit_words(m) + 1));
  return true;
}
