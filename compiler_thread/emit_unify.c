// Unification of terms, as routines that all units share: what shows at a glance.
//
// Most pairs of terms that a rule could be for differ in an atom of theirs. That is
// seen before a choice record is made and anything is bound.
#include "compiler_thread/template.h"

// Registers that level 2 may keep numbers in are saved.
static const JitReg saved[] = {J_R8, J_R9, J_R10};
enum { NSAVED = sizeof saved / sizeof *saved };

static void answer(Jit *j, bool carry) {
  for (int i = NSAVED; i-- > 0;)
    jit_pop(j, saved[i]);
  if (carry) {
    jit_rr32(j, J_XOR, J_RCX, J_RCX);
    jit_ri32(j, J_CMP, J_RCX, 1);
  } else {
    jit_rr32(j, J_TEST, J_RCX, J_RCX);
  }
  jit_ret(j);
}

// r = what the variable in r is bound to; itself: to `unbound`. Uses r10.
static void follow(Jit *j, JitReg r, JitLabel unbound) {
  jit_rr(j, J_MOV, J_R10, r);
  jit_shift(j, J_SHL, J_R10, 16);
  jit_shift(j, J_SHR, J_R10, 16);
  jit_rm(j, J_MOV, J_R10, jit_at(J_R10, 0));
  jit_rr(j, J_CMP, J_R10, r);
  jit_jump_if(j, J_EQ, unbound);
  jit_rr(j, J_MOV, r, J_R10);
}

// The children in r8 and r9: goes to `next` unless they are different atoms of which
// one is a symbol, or different integers.
static void glance(Jit *j, JitLabel next, JitLabel differ) {
  JitLabel again = jit_label(j), left = jit_label(j), right = jit_label(j),
           integers = jit_label(j);
  jit_bind(j, again);
  jit_rr(j, J_CMP, J_R8, J_R9);
  jit_jump_if(j, J_EQ, next);
  jit_rr(j, J_MOV, J_RAX, J_R8);
  jit_shift(j, J_SHR, J_RAX, 48);
  jit_ri32(j, J_CMP, J_RAX, TAG_VAR);
  jit_jump_if(j, J_EQ, left);
  jit_rr(j, J_MOV, J_R10, J_R9);
  jit_shift(j, J_SHR, J_R10, 48);
  jit_ri32(j, J_CMP, J_R10, TAG_VAR);
  jit_jump_if(j, J_EQ, right);
  jit_ri32(j, J_CMP, J_RAX, TAG_SYM);
  jit_jump_if(j, J_EQ, differ);
  jit_ri32(j, J_CMP, J_R10, TAG_SYM);
  jit_jump_if(j, J_EQ, differ);
  jit_ri32(j, J_CMP, J_RAX, TAG_INT);
  jit_jump_if(j, J_EQ, integers);
  jit_jump(j, next);
  jit_bind(j, integers);
  jit_ri32(j, J_CMP, J_R10, TAG_INT);
  jit_jump_if(j, J_EQ, differ);
  jit_jump(j, next);
  jit_bind(j, left);
  follow(j, J_R8, next);
  jit_jump(j, again);
  jit_bind(j, right);
  follow(j, J_R9, next);
  jit_jump(j, again);
}

static void address(Jit *j, JitReg p, JitLabel view) {
  jit_ri(j, J_AND, p, -8);
  jit_rr(j, J_ADD, p, R_XB);
  jit_mi(j, J_TEST, 1, jit_at(p, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(j, J_NE, view);
}

// ambi_apart: rax and rdx are EXPRs. The last children come first: heads are most
// often the same.
void ambi_emit_apart(Jit *j, const StubLabels *l) {
  JitLabel loop = jit_label(j), next = jit_label(j), differ = jit_label(j),
           perhaps = jit_label(j);
  jit_bind(j, l->apart);
  for (int i = 0; i < NSAVED; i++)
    jit_push(j, saved[i]);
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  address(j, J_RSI, perhaps);
  address(j, J_RDX, perhaps);
  jit_rm32(j, J_MOV, J_RCX, jit_at(J_RSI, 0));
  jit_rm32(j, J_CMP, J_RCX, jit_at(J_RDX, 0));
  jit_jump_if(j, J_NE, differ);
  jit_bind(j, loop);
  jit_rm(j, J_MOV, J_R8, jit_at_index(J_RSI, J_RCX, 3, 0));
  jit_rm(j, J_MOV, J_R9, jit_at_index(J_RDX, J_RCX, 3, 0));
  glance(j, next, differ);
  jit_bind(j, next);
  jit_ri(j, J_SUB, J_RCX, 1);
  jit_jump_if(j, J_NE, loop);
  jit_bind(j, perhaps);
  answer(j, false);
  jit_bind(j, differ);
  answer(j, true);
}
