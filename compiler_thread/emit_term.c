// Templates that build terms and take them apart: expressions, variables, lists,
// states, operations.
#include "compiler_thread/keep.h"
#include "runtime/machine/list.h"

void ambi_emit_NOP(Emit *m) {
  (void)m;
}

void ambi_emit_MOVE(Emit *m) {
  emit_source(m, J_RAX, m->pc->b);
  emit_to_slot(m, m->pc->a, J_RAX);
}

// rax is a value that stays one (ambi_is_firm), else to `other`; its tag in ecx.
static void want_firm(Emit *m, JitLabel other) {
  Jit *j = m->j;
  JitLabel firm = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, firm);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_NE, firm);
  emit_firm_marks(m, J_NE, other);
  jit_bind(j, firm);
}

// What is rigid stays as it is only where these marks hold.
void ambi_emit_SETTLE(Emit *m) {
  Jit *j = m->j;
  JitLabel marks = jit_label(j), stays = jit_label(j);
  emit_value(m, m->pc->b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, stays);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_EQ, marks);
  emit_rigid_holds(m, emit_slow(m));
  jit_jump(j, stays);
  jit_bind(j, marks);
  emit_firm_marks(m, J_NE, emit_slow(m));
  jit_bind(j, stays);
  emit_to_slot(m, m->pc->a, J_RAX);
}

void ambi_emit_WHOLE(Emit *m) {
  Jit *j = m->j;
  JitLabel walk = jit_label(j), done = jit_label(j);
  if (m->pc->c) emit_rigid_holds(m, emit_slow(m));
  emit_source(m, J_RAX, m->pc->b);
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, walk);
  want_firm(m, walk);
  jit_bind(j, done);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_cold(j);
  jit_bind(j, walk);
  jit_rr(j, J_MOV, J_RDI, J_RAX);
  jit_call(j, (const void *)(uintptr_t)ambi_whole);
  jit_jump(j, done);
  jit_hot(j);
}

// rdx = h + 8 * words, which must be there.
static void want_words(Emit *m, unsigned words) {
  jit_lea(m->j, J_RDX, jit_at(R_H, (int32_t)(8 * words)));
  jit_rm(m->j, J_CMP, J_RDX, in_context(OFF(Context, hend)));
  jit_jump_if(m->j, J_ABOVE, emit_slow(m));
}

void ambi_emit_FRESH(Emit *m) {
  Jit *j = m->j;
  Word name = m->u->k[m->pc->b];
  want_words(m, 2);
  if (m->pc->c) {  // the stamp of the frame is a small integer, 0 at first
    jit_rm32(j, J_MOV, J_RSI, in_slot(m->pc->c - 1));
    jit_rr32(j, J_TEST, J_RSI, J_RSI);
    jit_jump_if(j, J_EQ, emit_slow(m));
    name = ambi_vinfo_with_stamp(name, 0);
  }
  jit_imm(j, J_RAX, (Word)TAG_VAR << 48);
  jit_rr(j, J_OR, J_RAX, R_H);
  jit_mr(j, J_MOV, jit_at(R_H, 0), J_RAX);
  jit_imm(j, J_RCX, name);
  if (m->pc->c) jit_rr(j, J_OR, J_RCX, J_RSI);
  jit_mr(j, J_MOV, jit_at(R_H, 8), J_RCX);
  jit_rr(j, J_MOV, R_H, J_RDX);
  emit_to_slot(m, m->pc->a, J_RAX);
}

void ambi_emit_INST(Emit *m) {
  emit_ask_at(m, (const void *)(uintptr_t)ambi_step_instance);
  jit_jump_to_if(m->j, J_EQ, m->em->stubs.stop);
}

// ---- expressions ----------------------------------------------------------------------
// What the children say about the whole. Marks that depend on them are gathered in
// rsi: the AND of their words; bits of the marks survive where all have them.
typedef struct Marks {
  bool ground, firm, own;  // as far as the constants and checked children go
  bool open;               // a child decides at run time
} Marks;

static Marks marks_of(const Emit *m) {
  Marks k = {true, true, true, false};
  for (unsigned i = 0; i < m->pc->b; i++) {
    unsigned s = ambi_op_list(m->pc)[i];
    if (!is_constant(s)) {
      if (emit_known(m, s, FACT_OPEN))
        k.ground = false;
      else if (!emit_is_full(m, slot_of(s)))
        k.open = true;
      continue;
    }
    Value v = constant(m, s);
    if (ambi_is_expr(v) && !ambi_is_ground_expr(v)) k.ground = false;
    if (!ambi_is_firm(v)) {
      k.firm = false;
      if (!ambi_is_expr(v) || !(v.w & AMB_EXPR_EVAL)) k.own = false;
    }
  }
  return k;
}

// A child in rax, stored. Atoms leave the marks; EXPRs and they go to rsi, where the
// bits say: GROUND, RIGID (firm) and EVAL (own) of the whole.
static void child(Emit *m, unsigned i) {
  Jit *j = m->j;
  unsigned s = ambi_op_list(m->pc)[i];
  JitMem at = jit_at(R_H, 8 + 8 * (int32_t)i);
  emit_source(m, J_RAX, s);
  if (is_constant(s) || emit_is_full(m, slot_of(s)) ||
      emit_known(m, s, FACT_OPEN)) {
    jit_mr(j, J_MOV, at, J_RAX);
    return;
  }
  if (is_checked(s)) {
    emit_ready_member(m);
  } else {
    emit_member(m);
  }
  jit_mr(j, J_MOV, at, J_RAX);
}

void ambi_emit_make(Emit *m) {
  Jit *j = m->j;
  unsigned n = m->pc->b;
  Marks k = marks_of(m);
  Word marks =
      (k.ground ? AMB_EXPR_GROUND : 0) |
      (k.firm && (m->pc->c & 2) ? AMB_EXPR_RIGID : 0) |
      (k.own && (m->pc->c & 1) && (k.open || k.ground || !(m->pc->c & 4))
           ? AMB_EXPR_EVAL
           : 0);
  Word header = ambi_header(KIND_FLAT, 0, n);
  want_words(m, n + 1);
  if (k.open) jit_imm(j, J_RSI, marks);
  for (unsigned i = 0; i < n; i++)
    child(m, i);
  if (k.open && (m->pc->c & 4)) {  // EVAL if GROUND
    jit_rr32(j, J_MOV, J_RAX, J_RSI);
    jit_shift(j, J_SHR, J_RAX, 1);
    jit_ri32(j, J_OR, J_RAX, ~(int32_t)AMB_EXPR_EVAL);
    jit_rr32(j, J_AND, J_RSI, J_RAX);
  }
  if (!k.open && (marks & AMB_EXPR_GROUND))
    header = ambi_header(KIND_FLAT, FLAG_GROUND, n);
  jit_imm(j, J_RCX, header);
  if (k.open) {  // the ground mark to the header's flag
    jit_rr32(j, J_MOV, J_RAX, J_RSI);
    jit_ri32(j, J_AND, J_RAX, AMB_EXPR_GROUND);
    jit_shift(j, J_SHL, J_RAX, 39);
    jit_rr(j, J_OR, J_RCX, J_RAX);
  }
  jit_mr(j, J_MOV, jit_at(R_H, 0), J_RCX);
  jit_rr(j, J_MOV, J_RAX, R_H);
  if (k.open)
    jit_rr(j, J_OR, J_RAX, J_RSI);
  else if (marks)
    jit_ri(j, J_OR, J_RAX, (int32_t)marks);
  jit_rr(j, J_SUB, J_RAX, R_XB);
  jit_ri(j, J_ADD, R_H, (int32_t)(8 * (n + 1)));
}

void ambi_emit_MKEXPR(Emit *m) {
  ambi_emit_make(m);
  emit_to_slot(m, m->pc->a, J_RAX);
}
_Static_assert(AMB_EXPR_GROUND << 39 == (Word)FLAG_GROUND << 40,
               "MKEXPR shifts one to the other");

void ambi_emit_part(Emit *m) {
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(m->j, J_SUB, J_RCX, TAG_EXPR);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_VAR - TAG_EXPR);
  emit_unless(m, J_ABOVE, SHARED_PART, 0);
}

void ambi_emit_GETCH(Emit *m) {
  Jit *j = m->j;
  if (!m->sure) {
    jit_rm(j, J_MOV, J_RAX, in_slot(m->pc->b));
    jit_imm(j, J_RDX, m->pc->c);
    jit_call_to(j, m->em->stubs.child);
    emit_to_slot(m, m->pc->a, J_RAX);
    return;
  }
  if (emit_known(m, m->pc->b, FACT_FLAT)) {
    // A variable of the rule that its body has no use for.
    if (m->keep && !keep_live(m, m->at + emit_words(m), m->pc->a)) return;
    jit_rm(j, J_MOV, J_RSI, in_slot(m->pc->b));
    jit_rr(j, J_MOV, J_RDX, J_RSI);
    jit_ri(j, J_AND, J_RDX, -8);
  } else {
    emit_value_learnt(m, m->pc->b);
    jit_rr(j, J_MOV, J_RSI, J_RAX);
    emit_flat(m, J_RDX, J_RAX, emit_general(m));
  }
  jit_rm(j, J_MOV, J_RAX, in_object(J_RDX, 8 + 8 * (int32_t)m->pc->c));
  ambi_emit_part(m);
  emit_to_slot(m, m->pc->a, J_RAX);
}

// rdx = address of the first child of the EXPR in rax. Uses rcx.
static void children(Emit *m) {
  Jit *j = m->j;
  JitLabel view = jit_label(j), have = jit_label(j);
  jit_rr(j, J_MOV, J_RDI, J_RAX);
  emit_flat(m, J_RDI, J_RDI, view);
  jit_lea(j, J_RDX, in_object(J_RDI, 8));
  jit_bind(j, have);
  jit_cold(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RDX, in_object(J_RDI, 16));
  jit_jump(j, have);
  jit_hot(j);
}

void ambi_emit_bound(Emit *m) {
  Jit *j = m->j;
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  Aside variable = emit_aside(m, J_NE, J_EQ);
  jit_call_to(j, m->em->stubs.deref);
  emit_back(m, variable);
}

void ambi_emit_CAR(Emit *m) {
  Jit *j = m->j;
  emit_value(m, m->pc->b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, emit_slow(m));
  children(m);
  jit_rm(j, J_MOV, J_RAX, jit_at(J_RDX, 0));
  ambi_emit_bound(m);
  emit_to_slot(m, m->pc->a, J_RAX);
}

void ambi_emit_ITEM(Emit *m) {
  Jit *j = m->j;
  JitLabel end = emit_branch(m, m->pc->c);
  emit_value(m, m->pc->b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, end);  // nothing else has children
  children(m);
  jit_rm(j, J_MOV, J_RSI, in_slot(m->pc->b + 1u));
  jit_shift(j, J_SHL, J_RSI, 16);
  jit_shift(j, J_SAR, J_RSI, 16);
  jit_rm32(j, J_MOV, J_RCX, in_object(J_RDI, 0));
  jit_rr(j, J_CMP, J_RSI, J_RCX);
  jit_jump_if(j, J_GE, end);
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RDX, J_RSI, 3, 0));
  ambi_emit_bound(m);
  emit_to_slot(m, m->pc->a, J_RAX);
}

// ---- lists ----------------------------------------------------------------------------
typedef struct TwoWords {
  Word first, rest;
} TwoWords;

// The fast half of the loop's DECONS: first and rest, or AMB_NONE.
static TwoWords list_take(Engine *g, Value v, Word *p) {
  if (!ambi_is_expr(v)) return (TwoWords){AMB_NONE.w, AMB_NONE.w};
  Value rest = ambi_list_rest(g, v, p);
  if (ambi_is_none(rest)) return (TwoWords){AMB_NONE.w, AMB_NONE.w};
  Value first = ambi_expr_at(v, 0);
  if (ambi_is_rigid(v)) first = ambi_part_of_rigid(first, AMB_EXPR_RIGID);
  return (TwoWords){first.w, rest.w};
}

// Other lists, and what is no list.
static void slow_list(Emit *m, JitLabel at, const void *helper) {
  jit_cold(m->j);
  jit_bind(m->j, at);
  if (m->pc->op == OP_I_CONS) {
    emit_source(m, J_RSI, m->pc->b);
    emit_source(m, J_RDX, m->pc->c);
  }
  emit_helper_cold(m, helper, m->at + 1);
  jit_hot(m->j);
}

// h goes on behind the rest in rdx, which was built there. Uses rcx.
static void behind_rest(Jit *j) {
  JitLabel few = jit_label(j), done = jit_label(j);
  jit_imm(j, J_RCX, AMB_UNIT.w);
  jit_rr(j, J_CMP, J_RCX, J_RDX);
  jit_jump_if(j, J_EQ, done);
  jit_mi(j, J_TEST, 1, jit_at(R_H, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(j, J_EQ, few);
  jit_ri(j, J_ADD, R_H, 8 * AMB_VIEW_WORDS);
  jit_jump(j, done);
  jit_bind(j, few);
  jit_rm32(j, J_MOV, J_RCX, jit_at(R_H, 0));
  jit_lea(j, R_H, jit_at_index(R_H, J_RCX, 3, 8));
  jit_bind(j, done);
}

// rsi = the object of the EXPR in rax, rdi = its first child, which is no Error, ecx = how
// many more there are. Lists of other marks and other second children, whose marks
// decide, go to `other`.
static void plain_list(Jit *j, JitLabel one, JitLabel other) {
  Emit m = {.j = j};
  JitLabel flat = jit_label(j);
  emit_want_tag(&m, J_RAX, TAG_EXPR, other);
  jit_rr32(j, J_MOV, J_RDX, J_RAX);
  jit_ri32(j, J_AND, J_RDX, AMB_EXPR_GROUND | AMB_EXPR_RIGID);
  jit_ri32(j, J_CMP, J_RDX, AMB_EXPR_GROUND);
  jit_jump_if(j, J_NE, other);
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  jit_ri(j, J_AND, J_RSI, -8);
  jit_rr(j, J_ADD, J_RSI, R_XB);
  jit_lea(j, J_RDI, jit_at(J_RSI, 8));
  jit_mi(j, J_TEST, 1, jit_at(J_RSI, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(j, J_EQ, flat);
  jit_rm(j, J_MOV, J_RDI, jit_at(J_RSI, 16));
  jit_bind(j, flat);
  jit_imm(j, J_RDX, AMB_SYM(ERROR).w);
  jit_mr(j, J_CMP, jit_at(J_RDI, 0), J_RDX);
  jit_jump_if(j, J_EQ, other);
  jit_rm32(j, J_MOV, J_RCX, jit_at(J_RSI, 0));
  jit_ri32(j, J_SUB, J_RCX, 1);
  jit_jump_if(j, J_EQ, one);
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDI, 8));
  jit_shift(j, J_SHR, J_RDX, 48);
  jit_ri32(j, J_CMP, J_RDX, TAG_INT);
  jit_jump_if(j, J_NE, other);
}

// rdx = the header of the rest: as presumed as the list is. Uses r8.
static void rest_header(Jit *j) {
  JitLabel plain = jit_label(j);
  jit_imm(j, J_RDX, ambi_header(KIND_FLAT, FLAG_GROUND, 0));
  jit_rr(j, J_OR, J_RDX, J_RCX);
  jit_mi(j, J_CMP, 1, jit_at(J_RSI, SPARE_BYTE), AMB_PRESUMED);
  jit_jump_if(j, J_NE, plain);
  jit_rm(j, J_MOV, J_R8, in_engine(OFF(Engine, code)));
  jit_mi(j, J_CMP, 1, jit_at(J_R8, OFF(CodeState, x_odd_rules)), 0);
  jit_jump_if(j, J_NE, plain);
  jit_imm(j, J_R8, (Word)AMB_PRESUMED << (8 * SPARE_BYTE));
  jit_rr(j, J_OR, J_RDX, J_R8);
  jit_bind(j, plain);
}

// The rest at h, of ecx children that are copied, or a view of them.
static void build_rest(Jit *j) {
  JitLabel view = jit_label(j), copy = jit_label(j), flat = jit_label(j),
           built = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, AMB_VIEW_MIN);
  jit_jump_if(j, J_ABOVE_EQ, view);
  jit_mr(j, J_MOV, jit_at(R_H, 0), J_RDX);
  jit_bind(j, copy);
  jit_rm(j, J_MOV, J_R8, jit_at_index(J_RDI, J_RCX, 3, 0));
  jit_mr(j, J_MOV, jit_at_index(R_H, J_RCX, 3, 0), J_R8);
  jit_ri32(j, J_SUB, J_RCX, 1);
  jit_jump_if(j, J_NE, copy);
  jit_jump(j, built);
  jit_bind(j, view);
  jit_imm(j, J_R8, ambi_header(KIND_VIEW, 0, 0));
  jit_rr(j, J_OR, J_RDX, J_R8);
  jit_mr(j, J_MOV, jit_at(R_H, 0), J_RDX);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_ri(j, J_AND, J_RDX, -8);
  jit_mi(j, J_TEST, 1, jit_at(J_RSI, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(j, J_EQ, flat);
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RSI, 8));
  jit_bind(j, flat);
  jit_mr(j, J_MOV, jit_at(R_H, 8), J_RDX);
  jit_lea(j, J_RDX, jit_at(J_RDI, 8));
  jit_mr(j, J_MOV, jit_at(R_H, 16), J_RDX);
  jit_bind(j, built);
  jit_rr(j, J_MOV, J_RDX, R_H);
  jit_rr(j, J_SUB, J_RDX, R_XB);
  jit_ri(j, J_OR, J_RDX, AMB_EXPR_GROUND);
}

// rax: a list, rdx = its rest, built at h where there is room, and rax = its first child.
void ambi_emit_taking(Jit *j, const StubLabels *l) {
  JitLabel one = jit_label(j), other = jit_label(j), take = jit_label(j),
           none = jit_label(j);
  jit_bind(j, l->decons);
  plain_list(j, one, other);
  rest_header(j);
  build_rest(j);
  behind_rest(j);
  jit_bind(j, take);
  jit_rm(j, J_MOV, J_RAX, jit_at(J_RDI, 0));
  jit_rr32(j, J_TEST, J_RAX, J_RAX);
  jit_ret(j);
  jit_bind(j, one);
  jit_imm(j, J_RDX, AMB_UNIT.w);
  jit_jump(j, take);
  jit_bind(j, other);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  jit_rr(j, J_MOV, J_RDX, R_H);
  jit_ri(j, J_SUB, J_RSP, 8);
  jit_call(j, (const void *)(uintptr_t)list_take);
  jit_ri(j, J_ADD, J_RSP, 8);
  jit_ri(j, J_CMP, J_RDX, -1);  // AMB_NONE
  jit_jump_if(j, J_EQ, none);
  behind_rest(j);
  jit_rr32(j, J_TEST, J_RAX, J_RAX);
  jit_ret(j);
  jit_bind(j, none);
  jit_rr32(j, J_XOR, J_RCX, J_RCX);
  jit_ri32(j, J_CMP, J_RCX, 1);  // carry
  jit_ret(j);
}

void ambi_emit_DECONS(Emit *m) {
  Jit *j = m->j;
  JitLabel other = jit_label(j);
  want_words(m, AMB_LIST_WORDS);
  emit_source(m, J_RAX, m->pc->c);
  jit_call_to(j, m->em->stubs.decons);
  jit_jump_if(j, J_BELOW, other);
  emit_to_slot(m, m->pc->a, J_RAX);
  emit_to_slot(m, m->pc->b, J_RDX);
  slow_list(m, other, (const void *)(uintptr_t)ambi_step_decons);
}

static Value list_put(Engine *g, Value head, Value tail, Word *p) {
  return ambi_list_cons(g, head, tail, p);
}

void ambi_emit_CONS(Emit *m) {
  Jit *j = m->j;
  JitLabel other = jit_label(j);
  want_words(m, AMB_LIST_WORDS);
  jit_rr(j, J_MOV, J_RDI, R_G);
  emit_source(m, J_RSI, m->pc->b);
  emit_source(m, J_RDX, m->pc->c);
  jit_rr(j, J_MOV, J_RCX, R_H);
  jit_call(j, (const void *)(uintptr_t)list_put);
  jit_ri(j, J_CMP, J_RAX, -1);
  jit_jump_if(j, J_EQ, other);
  jit_ri(j, J_ADD, R_H, 8 * AMB_VIEW_WORDS);
  emit_to_slot(m, m->pc->a, J_RAX);
  slow_list(m, other, (const void *)(uintptr_t)ambi_step_cons);
}

// ---- states and operations -----------------------------------------------------------------
// rax: a tagged word; its address, in the same register.
static void untag(Jit *j) {
  jit_shift(j, J_SHL, J_RAX, 16);
  jit_shift(j, J_SHR, J_RAX, 16);
}

// rax: the State in the source, or it is none.
static void state_in(Emit *m, uint16_t source, JitLabel none) {
  Jit *j = m->j;
  emit_value(m, source);
  jit_ri32(j, J_CMP, J_RCX, TAG_CELL);
  jit_jump_if(j, J_NE, none);
  untag(j);
  jit_mi(j, J_CMP, 1, jit_at(J_RAX, OFF(CellHeader, kind)), CELL_STATE);
  jit_jump_if(j, J_NE, none);
}

// One load of what the state holds: an atom, or in the cold part what leads to one.
void ambi_emit_GETSTATE(Emit *m) {
  Jit *j = m->j;
  JitLabel slow = emit_slow(m), kept = jit_label(j), got = jit_label(j);
  if (AMB_TSAN) {
    jit_jump(j, slow);
    return;
  }
  jit_mi(j, J_CMP, 8, in_context(OFF(Context, journal)), 0);
  jit_jump_if(j, J_NE, slow);
  state_in(m, m->pc->b, slow);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_rm(j, J_MOV, J_RAX, jit_at(J_RDX, OFF(State, x_value)));
  jit_mi(j, J_CMP, 1, jit_at(J_RDX, OFF(State, x_cast)), 0);
  jit_jump_if(j, J_NE, slow);
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, TAG_FWD);
  jit_jump_if(j, J_EQ, kept);
  jit_bind(j, got);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_cold(j);
  jit_bind(j, kept);
  untag(j);
  jit_mi(j, J_CMP, 4, jit_at(J_RAX, OFF(Template, nvars)), 0);
  jit_jump_if(j, J_NE, slow);
  jit_mi(j, J_TEST, 4, jit_at(J_RAX, OFF(Template, flags)), TMPL_FROZEN);
  jit_jump_if(j, J_NE, slow);
  jit_rm(j, J_MOV, J_RAX, jit_at(J_RAX, OFF(Template, atom)));
  jit_jump(j, got);
  jit_hot(j);
}

// The very type is compared in place; what else passes, the loop knows.
void ambi_emit_CHKSTATE(Emit *m) {
  Jit *j = m->j;
  JitLabel slow = emit_slow(m);
  state_in(m, m->pc->a, slow);
  jit_imm(j, J_RDX, m->u->k[m->pc->b]);
  jit_rm(j, J_CMP, J_RDX,
         jit_at(J_RAX, OFF(State, type) + OFF(Template, atom)));
  jit_jump_if(j, J_NE, slow);
}

void ambi_emit_SETSTATE(Emit *m) {
  emit_source(m, J_RSI, m->pc->b);
  emit_source(m, J_RDX, m->pc->c);
  emit_helper(m, (const void *)(uintptr_t)ambi_step_set_state, m->at + 1);
}
