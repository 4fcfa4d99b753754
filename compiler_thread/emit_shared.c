// What many templates do with a value, as routines: the usual case is in line, the
// rest is a call. Code size is time to compile.
//
// All take the value in rax and use rcx and rdx, where nothing else is said; what they
// give and keep is said at STUBS in template.h. An answer of yes or no is a flag.
//
// Level 2 has the same bodies in its own cold sections: a call and its return take as
// long as ten of their instructions.
#include "compiler_thread/template.h"

typedef struct Body {
  Emit *m;
  const StubLabels *l;  // of a routine, which returns; NULL: in a unit ...
  JitLabel done;        // ... and goes there
  JitLabel slow;
} Body;

static void done(const Body *b) {
  if (b->l)
    jit_ret(b->m->j);
  else
    jit_jump(b->m->j, b->done);
}

static void follow(const Body *b) {
  if (b->l)
    jit_call_label(b->m->j, b->l->deref);
  else
    jit_call_to(b->m->j, b->m->em->stubs.deref);
}

// Answers of routines that say "carry: slow"; tests, OR and compares of what is equal
// leave no carry either.
static void fine(const Body *b) {
  if (b->l) jit_rr32(b->m->j, J_TEST, J_RAX, J_RAX);
  done(b);
}
static void slow_answer(Jit *j, JitLabel slow) {
  jit_bind(j, slow);
  jit_rr32(j, J_XOR, J_RCX, J_RCX);
  jit_ri32(j, J_CMP, J_RCX, 1);  // carry
  jit_ret(j);
}

static void dereferencing(Jit *j, const StubLabels *l) {
  JitLabel loop = jit_label(j), unbound = jit_label(j);
  jit_bind(j, l->deref);
  jit_bind(j, loop);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_shift(j, J_SHL, J_RCX, 16);
  jit_shift(j, J_SHR, J_RCX, 16);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, 0));
  jit_rr(j, J_CMP, J_RCX, J_RAX);
  jit_jump_if(j, J_EQ, unbound);
  jit_rr(j, J_MOV, J_RAX, J_RCX);
  jit_shift(j, J_SHR, J_RCX, 48);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, loop);
  jit_ret(j);
  jit_bind(j, unbound);
  jit_imm(j, J_RCX, TAG_VAR);
  jit_ret(j);
}

// rdx = the EXPR in rax without marks, by its address; jumps if it is a view.
static void object(Jit *j, JitLabel view) {
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_ri(j, J_AND, J_RDX, -8);
  jit_rr(j, J_ADD, J_RDX, R_XB);
  jit_mi(j, J_TEST, 1, jit_at(J_RDX, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(j, J_NE, view);
}

// rdx = the first child of the term in rax, compared with Error.
static void compare_error(Jit *j, JitLabel view, JitLabel have) {
  object(j, view);
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDX, 8));
  jit_bind(j, have);
  jit_imm(j, J_RCX, AMB_SYM(ERROR).w);
  jit_rr(j, J_CMP, J_RCX, J_RDX);
}
static void child_of_view(Jit *j, JitLabel view, JitLabel have) {
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDX, 16));
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDX, 0));
  jit_jump(j, have);
}

static void being_error(Jit *j, const StubLabels *l) {
  JitLabel no = jit_label(j), view = jit_label(j), have = jit_label(j);
  jit_bind(j, l->is_error);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_shift(j, J_SHR, J_RCX, 48);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, no);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_EVAL | AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, no);
  jit_bind(j, l->is_error_term);
  compare_error(j, view, have);
  jit_bind(j, no);
  jit_ret(j);
  child_of_view(j, view, have);
}

// An EXPR without these marks: an Error is slow.
static void no_error(const Body *b) {
  Jit *j = b->m->j;
  JitLabel view = jit_label(j), have = jit_label(j);
  compare_error(j, view, have);
  jit_jump_if(j, J_EQ, b->slow);
  fine(b);
  child_of_view(j, view, have);
}

// ---- values --------------------------------------------------------------------------
static void rigid_or_soft(const Body *b, JitLabel rigid, JitLabel soft) {
  Jit *j = b->m->j;
  jit_bind(j, soft);
  emit_presumed(b->m, b->slow);
  done(b);
  jit_bind(j, rigid);
  emit_rigid_holds(b->m, b->slow);
  jit_ri(j, J_OR, J_RAX, AMB_EXPR_EVAL);
  done(b);
}

static void firm(const Body *b) {
  Jit *j = b->m->j;
  JitLabel rigid = jit_label(j), soft = jit_label(j);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, rigid);
  emit_firm_marks(b->m, J_NE, soft);
  done(b);
  rigid_or_soft(b, rigid, soft);
}

static void own(const Body *b) {
  Jit *j = b->m->j;
  JitLabel rigid = jit_label(j), soft = jit_label(j);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, rigid);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_EVAL);
  jit_jump_if(j, J_EQ, soft);
  done(b);
  rigid_or_soft(b, rigid, soft);
}

static void ready(const Body *b) {
  Jit *j = b->m->j;
  JitLabel atom = jit_label(j), term = jit_label(j), variable = jit_label(j),
           plain = jit_label(j), symbol = jit_label(j), rigid = jit_label(j),
           soft = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR - TAG_SYM);
  jit_jump_if(j, J_NE, atom);
  jit_bind(j, term);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, rigid);
  emit_firm_marks(b->m, J_NE, soft);
  fine(b);
  rigid_or_soft(b, rigid, soft);
  jit_bind(j, atom);
  jit_jump_if(j, J_ABOVE, variable);
  jit_bind(j, symbol);
  jit_ri32(j, J_CMP, J_RAX, AMB_S_EMPTY);
  jit_jump_if(j, J_EQ, b->slow);
  jit_bind(j, plain);
  fine(b);
  jit_bind(j, variable);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR - TAG_SYM);
  jit_jump_if(j, J_NE, plain);
  follow(b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_EQ, term);
  jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
  jit_jump_if(j, J_EQ, symbol);
  fine(b);  // unbound: its own value
}

// No EXPR, its tag in ecx.
static void result_any(const Body *b) {
  Jit *j = b->m->j;
  JitLabel symbol = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
  jit_jump_if(j, J_EQ, symbol);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, b->slow);
  fine(b);
  jit_bind(j, symbol);
  jit_ri32(j, J_CMP, J_RAX, AMB_S_EMPTY);
  jit_jump_if(j, J_EQ, b->slow);
  jit_ri32(j, J_CMP, J_RAX, AMB_S_NOT_REDUCIBLE);
  jit_jump_if(j, J_EQ, b->slow);
  fine(b);
}

static void result_number(const Body *b) {
  Jit *j = b->m->j;
  JitLabel number = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(j, J_EQ, number);
  jit_ri32(j, J_AND, J_RCX, 0x7FFF);
  jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
  jit_jump_if(j, J_ABOVE, b->slow);
  jit_bind(j, number);
  fine(b);
}

// ---- members of terms ----------------------------------------------------------------
// Of objects only bindings may hold variables.
static void object_member(Jit *j, JitLabel done) {
  jit_ri32(j, J_CMP, J_RCX, TAG_OBJ - TAG_EXPR);
  jit_jump_if(j, J_NE, done);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_shift(j, J_SHL, J_RCX, 16);
  jit_shift(j, J_SHR, J_RCX, 16);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, 0));
  jit_shift(j, J_SHR, J_RCX, 44);
  jit_ri32(j, J_AND, J_RCX, 15);
  jit_ri32(j, J_CMP, J_RCX, KIND_BIND);
  jit_jump_if(j, J_NE, done);
  jit_ri32(j, J_AND, J_RSI, ~(int32_t)AMB_EXPR_GROUND);
}

// Atoms leave the marks in rsi; EXPRs do their AND: GROUND, RIGID (firm) and EVAL
// (own) of the whole.
static void expression_member(Emit *m, JitLabel done) {
  Jit *j = m->j;
  JitLabel not_own = jit_label(j);
  jit_rr32(j, J_MOV, J_RCX, J_RAX);
  jit_ri32(j, J_OR, J_RCX, ~(int32_t)AMB_EXPR_GROUND);
  jit_rr32(j, J_AND, J_RSI, J_RCX);  // ground as the child is
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, done);
  emit_firm_marks(m, J_EQ, done);
  jit_ri32(j, J_AND, J_RSI, ~(int32_t)AMB_EXPR_RIGID);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_EVAL);
  jit_jump_if(j, J_NE, done);
  emit_presumed(m, not_own);
  jit_jump(j, done);
  jit_bind(j, not_own);
  jit_ri32(j, J_AND, J_RSI, ~(int32_t)AMB_EXPR_EVAL);
}

static void member(const Body *b) {
  Jit *j = b->m->j;
  JitLabel special = jit_label(j), expr = jit_label(j), thing = jit_label(j),
           plain = jit_label(j), again = jit_label(j);
  jit_bind(j, again);
  emit_tag(b->m, J_RCX, J_RAX);
  jit_ri32(j, J_SUB, J_RCX, TAG_EXPR);
  jit_ri32(j, J_CMP, J_RCX, TAG_OBJ - TAG_EXPR);
  jit_jump_if(j, J_BELOW_EQ, special);
  jit_bind(j, plain);
  fine(b);
  jit_bind(j, special);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR - TAG_EXPR);
  jit_jump_if(j, J_BELOW, expr);
  jit_jump_if(j, J_NE, thing);
  follow(b);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_NE, again);
  // An unbound variable is firm and its own value, but not ground.
  jit_ri32(j, J_AND, J_RSI, ~(int32_t)AMB_EXPR_GROUND);
  fine(b);
  jit_bind(j, expr);
  expression_member(b->m, plain);
  fine(b);
  jit_bind(j, thing);
  object_member(j, plain);
  fine(b);
}

// rcx as for `ready`. Most variables that become members were just made.
static void unbound_member(const Body *b) {
  Jit *j = b->m->j;
  JitLabel other = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR - TAG_SYM);
  jit_jump_if(j, J_NE, other);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_shift(j, J_SHL, J_RDX, 16);
  jit_shift(j, J_SHR, J_RDX, 16);
  jit_rm(j, J_CMP, J_RAX, jit_at(J_RDX, 0));
  jit_jump_if(j, J_NE, other);
  jit_ri32(j, J_AND, J_RSI, ~(int32_t)AMB_EXPR_GROUND);
  fine(b);
  jit_bind(j, other);
}

static void ready_member(const Body *b) {
  unbound_member(b);
  Body first = *b;
  first.done = jit_label(b->m->j);
  ready(&first);
  jit_bind(b->m->j, first.done);
  member(b);
}

// TAG_VAR follows TAG_EXPR: one compare sets terms and variables apart.
_Static_assert(TAG_VAR == TAG_EXPR + 1, "taking_part counts on it");

// The flags say of which kind it is.
static void part(const Body *b) {
  Jit *j = b->m->j;
  JitLabel variable = jit_label(j), plain = jit_label(j);
  jit_jump_if(j, J_EQ, variable);
  jit_ri32(j, J_TEST, J_RSI, AMB_EXPR_RIGID);  // as ambi_part_of_rigid
  jit_jump_if(j, J_EQ, plain);
  emit_firm_marks(b->m, J_EQ, plain);
  jit_rr32(j, J_MOV, J_RCX, J_RSI);
  jit_ri32(j, J_AND, J_RCX, AMB_EXPR_EVAL);
  jit_ri32(j, J_OR, J_RCX, AMB_EXPR_RIGID);
  jit_rr(j, J_OR, J_RAX, J_RCX);
  done(b);
  jit_bind(j, variable);
  follow(b);
  jit_bind(j, plain);
  done(b);
}

static void taking_part(const Body *b) {
  Jit *j = b->m->j;
  JitLabel flat = jit_label(j), view = jit_label(j), plain = jit_label(j),
           have = jit_label(j);
  jit_bind(j, b->l->child);
  emit_want_tag(b->m, J_RAX, TAG_VAR, flat);
  follow(b);
  jit_bind(j, flat);
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  jit_ri(j, J_AND, J_RAX, -8);
  jit_rr(j, J_ADD, J_RAX, R_XB);
  jit_mi(j, J_TEST, 1, jit_at(J_RAX, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(j, J_NE, view);
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RAX, J_RDX, 3, 8));
  jit_bind(j, have);
  emit_tag(b->m, J_RCX, J_RAX);
  jit_ri32(j, J_SUB, J_RCX, TAG_EXPR);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR - TAG_EXPR);
  jit_jump_if(j, J_ABOVE, plain);
  jit_bind(j, b->l->part);
  part(b);
  jit_bind(j, plain);
  jit_ret(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RAX, jit_at(J_RAX, 16));
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RAX, J_RDX, 3, 0));
  jit_jump(j, have);
}

// An atom is not a term, nor is one with another head or size; an unbound variable
// may become it, and one whose head is no symbol may be evaluated to it.
static void being_no_term(Emit *m, const StubLabels *l) {
  Jit *j = m->j;
  JitLabel atom = jit_label(j), view = jit_label(j);
  jit_bind(j, l->not_term);
  emit_want_tag(m, J_RAX, TAG_EXPR, atom);
  object(j, view);
  jit_zx(j, 2, J_RCX, jit_at(J_RDX, 14));  // the tag of its head
  jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
  jit_bind(j, view);  // not equal
  jit_ret(j);
  JitLabel variable = jit_label(j);
  jit_bind(j, atom);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, variable);
  jit_rr32(j, J_CMP, J_RCX, J_RCX);
  jit_ret(j);
  jit_bind(j, variable);
  jit_rr32(j, J_TEST, J_RCX, J_RCX);
  jit_ret(j);
}

void ambi_emit_shared(Emit *m, const StubLabels *l) {
  Jit *j = m->j;
  Body b = {.m = m, .l = l, .slow = jit_label(j)};
  dereferencing(j, l);
  being_error(j, l);
  jit_bind(j, l->firm);
  firm(&b);
  jit_bind(j, l->own);
  own(&b);
  jit_bind(j, l->ready);
  ready(&b);
  jit_bind(j, l->result_any);
  result_any(&b);
  jit_bind(j, l->result_number);
  result_number(&b);
  jit_bind(j, l->ready_member);
  unbound_member(&b);
  jit_call_label(j, l->ready);
  jit_jump_if(j, J_BELOW, b.slow);
  jit_bind(j, l->member);
  member(&b);
  taking_part(&b);
  ambi_emit_apart(j, l);
  ambi_emit_unify(j, l);
  ambi_emit_attempt(j, l);
  ambi_emit_taking(j, l);
  being_no_term(m, l);
  slow_answer(j, b.slow);
}

// ---- in units ----------------------------------------------------------------------
typedef struct Routine {
  const void *at;
  void (*body)(const Body *b);
} Routine;

static Routine routine(const Emit *m, enum Shared which) {
  const Stubs *s = &m->em->stubs;
  switch (which) {
  case SHARED_READY: return (Routine){s->ready, ready};
  case SHARED_FIRM: return (Routine){s->firm, firm};
  case SHARED_OWN: return (Routine){s->own, own};
  case SHARED_MEMBER: return (Routine){s->member, member};
  case SHARED_READY_MEMBER: return (Routine){s->ready_member, ready_member};
  case SHARED_PART: return (Routine){s->part, part};
  case SHARED_RESULT_ANY: return (Routine){s->result_any, result_any};
  case SHARED_RESULT_NUMBER: return (Routine){s->result_number, result_number};
  case SHARED_NO_ERROR: return (Routine){s->is_error_term, no_error};
  }
  AMB_UNREACHABLE();
}

void emit_routine(Emit *m, enum Shared which, JitLabel done, JitLabel slow) {
  Routine r = routine(m, which);
  if (emit_thick(m)) {
    r.body(&(Body){.m = m, .done = done, .slow = slow});
    return;
  }
  jit_call_to(m->j, r.at);
  jit_jump_if(m->j, J_BELOW, slow);
  jit_jump(m->j, done);
}

static JitIf opposite(JitIf usual) {
  switch (usual) {
  case J_EQ: return J_NE;
  case J_NE: return J_EQ;
  case J_ABOVE: return J_BELOW_EQ;
  default: AMB_UNREACHABLE();
  }
}

void emit_unless(Emit *m, JitIf usual, enum Shared which, JitLabel slow) {
  Jit *j = m->j;
  Routine r = routine(m, which);
  if (!emit_thick(m)) {
    JitSkip skip = jit_skip_if(j, usual);
    jit_call_to(j, r.at);
    if (which == SHARED_NO_ERROR)
      jit_jump_if(j, J_EQ, slow);
    else if (which != SHARED_MEMBER && which != SHARED_PART)
      jit_jump_if(j, J_BELOW, slow);
    jit_skip_to_here(j, skip);
    return;
  }
  JitLabel back = jit_label(j), cold = jit_label(j);
  if (which == SHARED_READY || which == SHARED_READY_MEMBER) {
    // Most terms have all marks, which change nothing in the whole.
    jit_jump_if(j, usual, back);
    emit_test_marks(j, J_RDX, AMB_EXPR_MARKS);
    jit_jump_if(j, J_NE, cold);
  } else {
    jit_jump_if(j, opposite(usual), cold);
  }
  jit_bind(j, back);
  jit_cold(j);
  jit_bind(j, cold);
  r.body(&(Body){.m = m, .done = back, .slow = slow});
  jit_hot(j);
}
