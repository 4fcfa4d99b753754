// Templates that call what the loop calls: all the work is in one C function, and machine
// code goes on where that says, without ambi_interp_one in between.
//
// Marks that are set or taken away are a few instructions, and stand here with them.
#include "compiler_thread/template.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/step.h"

static uint32_t behind(const Emit *m) {
  return m->at + emit_words(m);
}

// ---- marks ---------------------------------------------------------------------------
// An Error is never marked.
void ambi_emit_OWN(Emit *m) {
  Jit *j = m->j;
  JitLabel done = jit_label(j), view = jit_label(j), have = jit_label(j);
  emit_source(m, J_RAX, m->pc->b);
  emit_want_tag(m, J_RAX, TAG_EXPR, done);
  emit_flat(m, J_RDX, J_RAX, view);
  jit_rm(j, J_MOV, J_RDX, in_object(J_RDX, 8));
  jit_bind(j, have);  // the head
  jit_imm(j, J_RCX, AMB_SYM(ERROR).w);
  jit_rr(j, J_CMP, J_RDX, J_RCX);
  jit_jump_if(j, J_EQ, done);
  jit_ri(j, J_OR, J_RAX, AMB_EXPR_EVAL);
  jit_bind(j, done);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_cold(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RDX, in_object(J_RDX, 16));
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDX, 0));
  jit_jump(j, have);
  jit_hot(j);
}

void ambi_emit_UNMARK(Emit *m) {
  Jit *j = m->j;
  emit_value(m, m->pc->b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  JitSkip atom = jit_skip_if(j, J_NE);
  jit_ri(j, J_AND, J_RAX, ~(int32_t)AMB_EXPR_EVAL);
  jit_skip_to_here(j, atom);
  emit_to_slot(m, m->pc->a, J_RAX);
}

void ambi_emit_OWNIF(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_own_if_same, behind(m));
}

// ---- checks --------------------------------------------------------------------------
static void check(Emit *m, const void *helper) {
  emit_source(m, J_RSI, m->pc->b);
  emit_source(m, J_RDX, m->pc->c);
  emit_helper(m, helper, behind(m));
}

void ambi_emit_CHKLIKE(Emit *m) {
  check(m, (const void *)(uintptr_t)ambi_step_check_like);
}

void ambi_emit_CASTSTATE(Emit *m) {
  check(m, (const void *)(uintptr_t)ambi_step_cast_for_state);
}

// ---- rules as they stand, and bodies -------------------------------
void ambi_emit_ONESTEP(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_one_step, behind(m));
}

static enum Next query(Engine *g, Value call, Value type) {
  return ambi_query_begin(g, call, type, true);
}

void ambi_emit_QUERYT(Emit *m) {
  emit_source(m, J_RSI, m->pc->a);
  jit_imm(m->j, J_RDX, m->u->k[m->pc->b]);
  emit_leave_by(m, (const void *)(uintptr_t)query);
}

void ambi_emit_BODYT(Emit *m) {
  emit_source(m, J_RSI, m->pc->a);
  emit_source(m, J_RDX, m->pc->b);
  jit_imm(m->j, J_RCX, m->u->k[m->pc->c]);
  emit_leave_by(m, (const void *)(uintptr_t)ambi_body_tail);
}

// At g->pc is the instruction, with what there is no register for.
static enum Next push_body(Engine *g, const Code *ret) {
  const Code *pc = g->pc;
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  g->e[pc->a] = ambi_position(g->b).w;
  return ambi_body_push(g, AMB_V(g->e[pc->b]), AMB_V(g->e[pc->b + 1]),
                        AMB_V(u->k[pc->c]), ret);
}

void ambi_emit_BODYX(Emit *m) {
  jit_imm(m->j, J_RSI, (uintptr_t)emit_position(m, behind(m)));
  emit_leave_by(m, (const void *)(uintptr_t)push_body);
}

// ---- inlined bodies ------------------------------------------------------------------
void ambi_emit_SPLIT(Emit *m) {
  emit_leave_by(m, (const void *)(uintptr_t)ambi_step_split);
}

void ambi_emit_SPLITT(Emit *m) {
  emit_leave_by(m, (const void *)(uintptr_t)ambi_step_split);
}

// ---- tables --------------------------------------------------------------------------
void ambi_emit_TABLE(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_table, behind(m));
}

void ambi_emit_TABLED(Emit *m) {
  jit_mr(m->j, J_MOV, in_engine(OFF(Engine, rv)), J_RAX);
  emit_leave_by(m, (const void *)(uintptr_t)ambi_step_table_result);
}
