// Templates of truth values: their words are neighbours, so one compare tells whether
// a word is one of them, and what is left is 0 for True and 1 for False.
#include "compiler_thread/template.h"

// r = 0 or 1; rdx: the word of True. Variables and what is no truth value go to the
// slow arm.
static void untruth(Emit *m, JitReg r, unsigned source) {
  Jit *j = m->j;
  emit_source(m, r, source);
  jit_rr(j, J_XOR, r, J_RDX);
  jit_ri(j, J_CMP, r, 1);
  jit_jump_if(j, J_ABOVE, emit_slow(m));
}

static void give(Emit *m) {
  jit_rr(m->j, J_XOR, J_RAX, J_RDX);
  emit_to_slot(m, m->pc->a, J_RAX);
}

static void both(Emit *m, JitOp op) {
  Jit *j = m->j;
  jit_imm(j, J_RDX, AMB_TRUE.w);
  untruth(m, J_RAX, m->pc->b);
  untruth(m, J_RCX, m->pc->c);
  jit_rr(j, op, J_RAX, J_RCX);
}

void ambi_emit_AND(Emit *m) {
  both(m, J_OR);
  give(m);
}

void ambi_emit_OR(Emit *m) {
  both(m, J_AND);
  give(m);
}

void ambi_emit_XOR(Emit *m) {
  both(m, J_XOR);
  jit_ri(m->j, J_XOR, J_RAX, 1);
  give(m);
}

void ambi_emit_NOT(Emit *m) {
  jit_imm(m->j, J_RDX, AMB_TRUE.w);
  untruth(m, J_RAX, m->pc->b);
  jit_ri(m->j, J_XOR, J_RAX, 1);
  give(m);
}

// Truth values at once, all other types by the loop.
void ambi_emit_CHKTYPE(Emit *m) {
  if (m->u->k[m->pc->b] != AMB_SYM(T_BOOL).w) {
    jit_jump(m->j, emit_slow(m));
    return;
  }
  jit_imm(m->j, J_RDX, AMB_TRUE.w);
  untruth(m, J_RAX, m->pc->a);
}
