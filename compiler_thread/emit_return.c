// Terms that are returned in registers: level 2.
//
// Functions that have two or three things to give back give back a term of them, which the
// caller takes apart at once: (let (Pair $x $r) (sel $l) ...). Where both have machine code
// of level 2, the term is not made. The caller's landing says which term it would take
// apart (Landing.parts_of) and where it goes on with the children in PART registers
// (Landing.parts); RET of a term that is just being made asks it. So a function may be
// called by others as well, and these get a term.
//
// Only children that are FACT_FULL are passed so: the term made of them would pass every
// test on the way to its being taken apart, and none of it takes marks from the term.
#include "compiler_thread/keep.h"

enum { MOST_PARTS = 3 };
// The last one is scratch while the others are looked at.
static const JitReg part_register[MOST_PARTS] = {J_RDI, J_RSI, J_RDX};

// ---- the function ---------------------------------------------------------------------
static bool is_full_constant(Value v) {
  if (ambi_is_expr(v)) return (v.w & AMB_EXPR_MARKS) == AMB_EXPR_MARKS;
  return ambi_emit_full_atom(v);
}

// The key of the term that MKEXPR makes for the RET behind it; 0: it is made.
static Word returned_term(const Emit *m) {
  const Code *pc = m->pc, *ret = pc + emit_words(m);
  const uint16_t *x = ambi_op_list(pc);
  unsigned n = pc->b;
  if (ret->op != OP_I_RET || ret->a != pc->a || m->u->counts) return 0;
  if (m->keep->loop || m->keep->now.turns) return 0;
  if (n < 2 || n > MOST_PARTS + 1 || (pc->c & 3) != 3) return 0;
  if (!is_constant(x[0]) || !ambi_is_sym(constant(m, x[0]))) return 0;
  for (unsigned i = 0; i < n; i++)
    if (is_constant(x[i]) && !is_full_constant(constant(m, x[i]))) return 0;
  Value head = constant(m, x[0]);
  return head.w == AMB_SYM(ERROR).w ? 0 : ambi_term_key(n, ambi_sym_of(head));
}

void ambi_emit_return_parts(Emit *m) {
  Jit *j = m->j;
  Word key = returned_term(m);
  if (!key) return;
  JitLabel make = jit_label(j);
  keep_count(m);
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_RET));
  jit_mi(j, J_CMP, 2, jit_at(J_RCX, 0), OP_I_NATIVE);
  jit_jump_if(j, J_NE, make);
  jit_imm(j, J_RAX, key);
  jit_rm(j, J_CMP, J_RAX, jit_at(J_RCX, OFF(Landing, parts_of)));
  jit_jump_if(j, J_NE, make);
  for (unsigned i = 1; i < m->pc->b; i++) {
    unsigned source = ambi_op_list(m->pc)[i];
    emit_source(m, J_RAX, source);
    if (!is_constant(source) && !emit_is_full(m, slot_of(source)))
      emit_want_full(j, make);
    jit_rr(j, J_MOV, part_register[i - 1], J_RAX);
  }
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_RET));
  jit_rm(j, J_MOV, R_E, in_frame(FRAME_PREV));
  jit_jump_m(j, jit_at(J_RCX, OFF(Landing, parts)));
  jit_bind(j, make);
}

// ---- its caller -----------------------------------------------------------------------
typedef struct Taking {
  Word key;                   // of the term
  uint16_t slot[MOST_PARTS];  // of its children, or NO_SLOT
  uint32_t behind;            // where the term has been taken apart
} Taking;

static const Code *wanted_at(const Emit *m, uint32_t at) {
  return at < m->u->ncode && m->wanted[at] ? m->u->code + at : NULL;
}

// R_STREAM, [CHKBOUND], TESTF, GETCH..., and no other use of the term.
static bool takes_apart(const Emit *m, Taking *t) {
  uint16_t term = m->pc->a;
  uint32_t at = m->at + emit_words(m);
  const Code *pc = wanted_at(m, at);
  if (pc && pc->op == OP_I_CHKBOUND && pc->a == term) {
    at += m->wanted[at];
    pc = wanted_at(m, at);
  }
  if (!pc || pc->op != OP_I_TESTF || pc->a != term) return false;
  t->key = m->u->k[pc->b];
  for (unsigned i = 0; i < MOST_PARTS; i++)
    t->slot[i] = NO_SLOT;
  at += m->wanted[at];
  for (; (pc = wanted_at(m, at)); at += m->wanted[at]) {
    if (pc->op != OP_I_GETCH || pc->b != term) break;
    if (pc->c == 0 || pc->c > MOST_PARTS || t->slot[pc->c - 1] != NO_SLOT)
      return false;
    t->slot[pc->c - 1] = pc->a;
  }
  t->behind = at;
  return pc && !keep_live(m, at, term);
}

void ambi_emit_take_parts(Emit *m) {
  Jit *j = m->j;
  Taking t;
  if (m->keep->loop || m->u->counts || !takes_apart(m, &t)) return;
  JitLabel parts = jit_label(j), noted = jit_label(j);
  if (!emit_landing_of_parts(m, t.key, parts)) return;
  KeepState now = m->keep->now;
  keep_forget(m);
  jit_cold(j);
  jit_bind(j, parts);
  emit_counted(m);
  for (unsigned i = 0; i < MOST_PARTS; i++) {
    if (t.slot[i] == NO_SLOT || !keep_live(m, t.behind, t.slot[i])) continue;
    jit_rr(j, J_MOV, keep_gp[i], part_register[i]);
    m->keep->now.gp[i] = (Kept){.slot = t.slot[i], .dirty = true, .word = true};
  }
  jit_mr(j, J_CMP, in_slot(m->pc->b), R_B);
  jit_jump_if(j, J_EQ, noted);
  emit_leave_choices(m);
  jit_bind(j, noted);
  jit_jump(j, keep_label(m, t.behind));
  jit_hot(j);
  m->keep->now = now;
}
