// Templates of evaluated positions: what a call returned, streamed and gathered
// results, atoms evaluated as data.
#include "compiler_thread/template.h"
#include "runtime/machine/step.h"

// Most often it was noted before: frames that are returned through again and again are
// not written to.
void emit_leave_choices(Emit *m) {
  JitLabel noted = jit_label(m->j);
  jit_mi(m->j, J_TEST, 1, in_slot(m->pc->b), 1);
  jit_jump_if(m->j, J_NE, noted);
  jit_mi(m->j, J_OR, 8, in_slot(m->pc->b), 1);
  jit_bind(m->j, noted);
}

void ambi_emit_POS(Emit *m) {
  emit_to_slot(m, m->pc->a, R_B);
}

void ambi_emit_R_STORE(Emit *m) {
  emit_to_slot(m, m->pc->a, J_RAX);
}

static enum Next position_end(Engine *g, uint64_t slots, const Code *next,
                              const Code *err) {
  uint32_t slot = (uint32_t)(slots & 0xFFFF), dst = slots >> 16 & 0xFFFF;
  bool error = ambi_is_error_value(AMB_V(g->e[dst]));
  if (error && !err) {
    g->cx->stop = STOP_INTERNAL;
    return NEXT_STOP;
  }
  return ambi_position_end(g, slot, dst, (slots >> 32 & 1) != 0, error, next,
                           err);
}

// rax: the value, in its slot, too. Here choices are left behind it, or it is an
// Error that may not be the position's only result.
static void more_to_come(Emit *m, bool stream) {
  Jit *j = m->j;
  uint32_t err = ambi_unit_edge(m->u, m->at);
  uint64_t slots = m->pc->b | (uint64_t)m->pc->a << 16 | (uint64_t)stream << 32;
  jit_imm(j, J_RSI, slots);
  jit_imm(j, J_RDX, (uintptr_t)emit_position(m, m->at + 1));
  jit_imm(j, J_RCX, err == UINT32_MAX ? 0 : (uintptr_t)emit_position(m, err));
  emit_leave_by(m, (const void *)(uintptr_t)position_end);
}

// Is it the result of a call against the type Number?
static bool of_number_call(const Emit *m, uint32_t at) {
  if (m->u->code[at].op != OP_I_R_STREAM || at == 0) return false;
  uint32_t call = at - 1;
  while (call > 0 && !m->wanted[call])
    call--;
  const Code *pc = m->u->code + call;
  if (pc->op != OP_I_CALL || call + m->wanted[call] != at) return false;
  const Variant *v = (const Variant *)(uintptr_t)m->u->k[pc->c];
  return v->type.w == AMB_SYM(T_NUMBER).w;
}

enum Fact ambi_emit_expects(const Emit *m, uint32_t at) {
  if (!of_number_call(m, at)) return FACTS;
  return m->seen && (m->seen[at] & SEEN_DOUBLE) ? FACT_FLOAT : FACT_INT;
}

static void position(Emit *m, bool stream) {
  Jit *j = m->j;
  JitLabel more = jit_label(j), fine = jit_label(j), end = jit_label(j);
  jit_mr(j, J_CMP, in_slot(m->pc->b), R_B);
  jit_jump_if(j, J_NE, more);
  emit_tag(m, J_RCX, J_RAX);
  if (m->level == 1 && of_number_call(m, m->at)) {
    jit_ri32(j, J_CMP, J_RCX, TAG_INT);
    jit_jump_if(j, J_EQ, fine);
    emit_note(m, SEEN_DOUBLE);
    emit_tag(m, J_RCX, J_RAX);
  }
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  JitSkip atom = jit_skip_if(j, J_NE);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_EVAL | AMB_EXPR_RIGID);
  emit_unless(m, J_NE, SHARED_NO_ERROR, emit_edge(m));
  jit_skip_to_here(j, atom);
  jit_bind(j, fine);
  jit_cold(j);
  jit_bind(j, more);
  if (stream) {
    emit_error_test(m, end);
    emit_leave_choices(m);
    jit_jump(j, emit_next(m));
  }
  jit_bind(j, end);
  more_to_come(m, stream);
  jit_hot(j);
}

void ambi_emit_R_STREAM(Emit *m) {
  emit_to_slot(m, m->pc->a, J_RAX);
  position(m, true);
}

void ambi_emit_R_GATHER(Emit *m) {
  emit_to_slot(m, m->pc->a, J_RAX);
  position(m, false);
}

static bool forks(const Unit *u) {
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (u->code[at].op == OP_I_FORKV) return true;
  return false;
}

// It is no Error, so all there is to do is to note choices that are left behind it.
bool ambi_emit_stream_number(Emit *m) {
  if (!emit_known(m, m->pc->a, FACT_INT) &&
      !emit_known(m, m->pc->a, FACT_FLOAT))
    return false;
  if (emit_known(m, m->pc->b, FACT_NEWEST)) return true;
  if (forks(m->u)) {  // then it has been noted most of the time
    Jit *j = m->j;
    JitLabel more = jit_label(j), next = emit_next(m);
    jit_mi(j, J_TEST, 1, in_slot(m->pc->b), 1);
    jit_jump_if(j, J_EQ, more);
    jit_cold(j);
    jit_bind(j, more);
    jit_mr(j, J_CMP, in_slot(m->pc->b), R_B);
    jit_jump_if(j, J_EQ, next);
    jit_mi(j, J_OR, 8, in_slot(m->pc->b), 1);
    jit_jump(j, next);
    jit_hot(j);
    return true;
  }
  jit_mr(m->j, J_CMP, in_slot(m->pc->b), R_B);
  jit_jump_if(m->j, J_EQ, emit_next(m));
  emit_leave_choices(m);
  return true;
}

void ambi_emit_STREAM(Emit *m) {
  if (ambi_emit_stream_number(m)) return;
  jit_rm(m->j, J_MOV, J_RAX, in_slot(m->pc->a));
  position(m, true);
}

void ambi_emit_GATHER(Emit *m) {
  jit_rm(m->j, J_MOV, J_RAX, in_slot(m->pc->a));
  position(m, false);
}

// Bodies that give back what they asked for, (let $g (prove $g) $g), return from
// level to level: SETTLE and RETV of a rigid term, joined. Anything else goes on at
// the SETTLE. Most often the next level is at the same place.
static void give_back(Emit *m, JitLabel again) {
  Jit *j = m->j;
  const Code *settle = m->pc + 2, *ret = m->pc + 3;
  JitLabel behind = emit_label(m, m->at + 2);
  if (settle->op != OP_I_SETTLE || ret->op != OP_I_RETV ||
      settle->a != ret->a) {
    jit_jump(j, behind);
    return;
  }
  jit_rm(j, J_MOV, J_RAX, in_slot(settle->b));
  emit_want_tag(m, J_RAX, TAG_EXPR, behind);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_EQ, behind);
  emit_rigid_holds(m, behind);
  jit_ri(j, J_OR, J_RAX, AMB_EXPR_EVAL);
  jit_imm(j, J_RDI, (uintptr_t)emit_position(m, m->at));
  jit_rm(j, J_CMP, J_RDI, in_frame(FRAME_RET));
  JitSkip elsewhere = jit_skip_if(j, J_NE);
  jit_rr(j, J_MOV, J_RDX, R_E);
  jit_rm(j, J_MOV, R_E, in_frame(FRAME_PREV));
  jit_rr(j, J_MOV, J_RCX, R_E);
  jit_rr(j, J_SUB, J_RCX, J_RDX);
  jit_prefetch(j, jit_at_index(R_E, J_RCX, 3, 0));
  jit_jump(j, again);
  jit_skip_to_here(j, elsewhere);
  emit_return(m);
}

void ambi_emit_R_SAME(Emit *m) {
  Jit *j = m->j;
  JitLabel other = jit_label(j), on = jit_label(j), again = jit_label(j);
  jit_bind(j, again);
  emit_want_tag(m, J_RAX, TAG_EXPR, other);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_EQ, other);
  jit_rm(j, J_MOV, J_RDX, in_slot(m->pc[1].b));
  jit_rr(j, J_XOR, J_RDX, J_RAX);
  jit_ri(j, J_CMP, J_RDX, AMB_EXPR_MARKS);
  jit_jump_if(j, J_ABOVE, other);
  jit_mr(j, J_CMP, in_slot(m->pc->b), R_B);
  jit_jump_if(j, J_EQ, on);
  emit_leave_choices(m);
  jit_bind(j, on);
  give_back(m, again);
  jit_bind(j, other);
  emit_to_slot(m, m->pc->a, J_RAX);
  position(m, true);
}

void ambi_emit_CHKERR(Emit *m) {
  Jit *j = m->j;
  JitLabel fine = jit_label(j);
  if (emit_known(m, m->pc->a, FACT_INT)) return;
  jit_rm(j, J_MOV, J_RAX, in_slot(m->pc->a));
  emit_want_tag(m, J_RAX, TAG_EXPR, fine);
  emit_error_test(m, emit_edge(m));
  jit_bind(j, fine);
}

// ---- atoms evaluated as data -------------------------------------------------------
// A value goes on behind the next instruction, which takes what is evaluated.
static bool integer_goes_on(Emit *m) {
  if (!emit_known(m, m->pc->b, FACT_INT)) return false;
  emit_source(m, J_RAX, m->pc->b);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_jump(m->j, emit_label(m, m->at + 2));
  return true;
}

void ambi_emit_EVALV(Emit *m) {
  if (integer_goes_on(m)) return;
  Jit *j = m->j;
  emit_value(m, m->pc->b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  emit_unless(m, J_NE, SHARED_FIRM, emit_slow(m));
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_jump(j, emit_label(m, m->at + 2));
}

void ambi_emit_EVALT(Emit *m) {
  if (integer_goes_on(m)) return;
  emit_value(m, m->pc->b);
  emit_ready(m, emit_slow(m));
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_jump(m->j, emit_label(m, m->at + 2));
}

static void evaluated(Emit *m, const void *push) {
  Jit *j = m->j;
  emit_to_slot(m, m->pc->a, R_B);
  jit_rm(j, J_MOV, J_RSI, in_slot(m->pc->b));
  jit_imm(j, J_RDX, m->u->k[m->pc->c]);
  jit_imm(j, J_RCX, (uintptr_t)emit_position(m, m->at + 1));
  emit_leave_by(m, push);
}

void ambi_emit_EVALX(Emit *m) {
  evaluated(m, (const void *)(uintptr_t)ambi_eval_push);
}

void ambi_emit_EVALA(Emit *m) {
  evaluated(m, (const void *)(uintptr_t)ambi_eval_push_argument);
}

void ambi_emit_CALLX(Emit *m) {
  evaluated(m, (const void *)(uintptr_t)ambi_call_push);
}

void ambi_emit_CALLOWN(Emit *m) {
  Jit *j = m->j;
  emit_to_slot(m, m->pc->a, R_B);
  jit_rm(j, J_MOV, J_RSI, in_slot(m->pc->b));
  jit_imm(j, J_RDX, (uintptr_t)emit_position(m, m->at + 1));
  emit_leave_by(m, (const void *)(uintptr_t)ambi_call_own_push);
}

// In place of this frame.
void ambi_emit_EVALXT(Emit *m) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RSI, in_slot(m->pc->b));
  jit_imm(j, J_RDX, m->u->k[m->pc->c]);
  emit_leave_by(m, (const void *)(uintptr_t)ambi_eval_tail);
}
