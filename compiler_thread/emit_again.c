// Back to the sure version of level 2.
//
// Frames come to the general version that the sure one would have taken: they began at
// level 1 or as bytecode, or before numbers were what they are now, or at another evaluator,
// which has handed over a part of a search. What they return to or fork from may go on for
// as long as the program does. So where such a frame arrives, its slots are looked at, and if
// all that the sure version knows of them there holds, that one goes on.
#include "compiler_thread/keep.h"

enum { MOST_CHECKS = 8 };

// The slot is as the sure version wants it, by these bits; else to `no`.
static void want_facts(Emit *m, unsigned slot, unsigned facts, JitLabel no) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RAX, in_slot(slot));
  if (facts & (1 << FACT_INT)) {
    emit_want_tag(m, J_RAX, TAG_INT, no);
  } else if (facts & (1 << FACT_FLOAT)) {
    emit_tag(m, J_RCX, J_RAX);
    jit_ri32(j, J_AND, J_RCX, 0x7FFF);
    jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
    jit_jump_if(j, J_ABOVE, no);
  }
  if (facts & (1 << FACT_FLAT)) {
    emit_want_tag(m, J_RAX, TAG_EXPR, no);
    emit_flat(m, J_RDX, J_RAX, no);
  }
  if (facts & (1 << FACT_FULL | 1 << FACT_READY)) emit_want_full(j, no);
}

// Where the sure version goes on at this offset. False: it is not there, or knows too much.
static bool is_there(Emit *m, uint32_t offset, JitLabel *sure) {
  if (!m->keep || m->sure || !keep_again(m, offset, sure)) return false;
  unsigned checks = 0;
  for (unsigned s = 0; s < m->u->nslots; s++)
    checks += keep_live(m, offset, s) && keep_wants(m, offset, s);
  return checks <= MOST_CHECKS;
}

// What it knows there of all slots; else to `no`. Uses rax, rcx, rdx.
static void want_all(Emit *m, uint32_t offset, JitLabel no) {
  for (unsigned s = 0; s < m->u->nslots; s++) {
    unsigned facts = keep_live(m, offset, s) ? keep_wants(m, offset, s) : 0;
    if (facts) want_facts(m, s, facts, no);
  }
}

JitLabel ambi_emit_behind_fork(Emit *m) {
  Jit *j = m->j;
  uint32_t next = m->at + emit_words(m);
  JitLabel general = emit_next(m), on = jit_label(j), sure;
  if (!is_there(m, next, &sure)) return general;
  jit_cold(j);
  jit_bind(j, on);
  want_all(m, next, general);
  jit_jump(j, sure);
  jit_hot(j);
  keep_stubs(m);
  return on;
}

void ambi_emit_arrival(Emit *m) {
  Jit *j = m->j;
  JitLabel no = jit_label(j), sure;
  if (!is_there(m, m->at, &sure)) return;
  jit_rr(j, J_MOV, J_R8, J_RAX);
  want_all(m, m->at, no);
  jit_rr(j, J_MOV, J_RAX, J_R8);
  jit_jump(j, sure);
  jit_bind(j, no);
  jit_rr(j, J_MOV, J_RAX, J_R8);
  keep_stubs(m);
}
