// Unification of terms, as routines that all units share: what shows at a glance, and
// terms whose children are atoms and variables.
//
// Most pairs of terms that a rule could be for differ in an atom of theirs. That is
// seen before a choice record is made and anything is bound.
#include "compiler_thread/template.h"

// Registers that level 2 may keep numbers in are saved.
static const JitReg saved[] = {J_RDI, J_R8, J_R9, J_R10, J_R11};
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

// rdi + a VAR is the address of its cell.
static void cells(Jit *j) {
  jit_imm(j, J_RDI, -((uint64_t)TAG_VAR << 48));
}
static JitMem in_cell(JitReg v, int32_t off) {
  return jit_at_index(v, J_RDI, 0, off);
}

// r = what the variable in r is bound to; itself: to `unbound`. Uses r10.
static void follow(Jit *j, JitReg r, JitLabel unbound) {
  jit_rm(j, J_MOV, J_R10, in_cell(r, 0));
  jit_rr(j, J_CMP, J_R10, r);
  jit_jump_if(j, J_EQ, unbound);
  jit_rr(j, J_MOV, r, J_R10);
}

// The words are not the same and have their tags in rax and `tag`.
static void either_symbol(Jit *j, JitReg tag, JitLabel differ) {
  jit_ri32(j, J_CMP, J_RAX, TAG_SYM);
  jit_jump_if(j, J_EQ, differ);
  jit_ri32(j, J_CMP, tag, TAG_SYM);
  jit_jump_if(j, J_EQ, differ);
}

// The children in r8 and r9: `same`, different atoms of which one is a symbol or
// different integers, or what is to be unified.
static void glance(Jit *j, JitLabel same, JitLabel differ, JitLabel unify) {
  JitLabel again = jit_label(j), left = jit_label(j), right = jit_label(j),
           integers = jit_label(j);
  jit_bind(j, again);
  jit_rr(j, J_CMP, J_R8, J_R9);
  jit_jump_if(j, J_EQ, same);
  jit_rr(j, J_MOV, J_RAX, J_R8);
  jit_shift(j, J_SHR, J_RAX, 48);
  jit_ri32(j, J_CMP, J_RAX, TAG_VAR);
  jit_jump_if(j, J_EQ, left);
  jit_rr(j, J_MOV, J_R10, J_R9);
  jit_shift(j, J_SHR, J_R10, 48);
  jit_ri32(j, J_CMP, J_R10, TAG_VAR);
  jit_jump_if(j, J_EQ, right);
  either_symbol(j, J_R10, differ);
  jit_ri32(j, J_CMP, J_RAX, TAG_INT);
  jit_jump_if(j, J_EQ, integers);
  jit_jump(j, unify);
  jit_bind(j, integers);
  jit_ri32(j, J_CMP, J_R10, TAG_INT);
  jit_jump_if(j, J_EQ, differ);
  jit_jump(j, unify);
  jit_bind(j, left);
  follow(j, J_R8, unify);
  jit_jump(j, again);
  jit_bind(j, right);
  follow(j, J_R9, unify);
  jit_jump(j, again);
}

// r8 and r9 = children of the objects at rsi and rdx; ecx says which, from 1.
static void children(Jit *j) {
  jit_rm(j, J_MOV, J_R8, jit_at_index(J_RSI, J_RCX, 3, 0));
  jit_rm(j, J_MOV, J_R9, jit_at_index(J_RDX, J_RCX, 3, 0));
}

// To `walk` if there has been a NaN: one term need not equal itself then, as is_itself in
// runtime/atoms/match.c has it. Uses rcx.
static void no_nan(Jit *j, JitLabel walk) {
  emit_ask_nan(j, J_RCX);
  jit_jump_if(j, J_NE, walk);
}

static void address(Jit *j, JitReg p, JitLabel view) {
  jit_ri(j, J_AND, p, -8);
  jit_rr(j, J_ADD, p, R_XB);
  jit_mi(j, J_TEST, 1, jit_at(p, VIEW_BYTE), VIEW_BIT);
  jit_jump_if(j, J_NE, view);
}

// ambi_apart: rax and rdx are EXPRs. The last children come first: heads are most
// often the same. Those that are to be unified are noted in the Engine for `meet`, and
// what might be a NaN, which is not the same as itself.
void ambi_emit_apart(Jit *j, const StubLabels *l) {
  JitLabel loop = jit_label(j), next = jit_label(j), differ = jit_label(j),
           same = jit_label(j), unify = jit_label(j), unknown = jit_label(j);
  jit_bind(j, l->apart);
  for (int i = 0; i < NSAVED; i++)
    jit_push(j, saved[i]);
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  address(j, J_RSI, unknown);
  address(j, J_RDX, unknown);
  jit_rm32(j, J_MOV, J_RCX, jit_at(J_RSI, 0));
  jit_rm32(j, J_CMP, J_RCX, jit_at(J_RDX, 0));
  jit_jump_if(j, J_NE, differ);
  jit_ri32(j, J_CMP, J_RCX, AMB_MEETS);
  jit_jump_if(j, J_ABOVE, unknown);
  cells(j);
  jit_imm(j, J_R11, AMB_MEETS + 1);
  jit_bind(j, loop);
  children(j);
  glance(j, same, differ, unify);
  jit_bind(j, same);
  jit_rr32(j, J_TEST, J_R8, J_R8);
  jit_jump_if(j, J_NE, next);
  jit_bind(j, unify);
  jit_ri(j, J_SUB, J_R11, 1);
  jit_mr(j, J_MOV, jit_at_index(R_G, J_R11, 3, OFF(Engine, met[0])), J_R8);
  jit_mr(j, J_MOV, jit_at_index(R_G, J_R11, 3, OFF(Engine, met[1])), J_R9);
  jit_bind(j, next);
  jit_ri(j, J_SUB, J_RCX, 1);
  jit_jump_if(j, J_NE, loop);
  no_nan(j, unknown);
  jit_mr32(j, J_MOV, in_engine(OFF(Engine, first_met)), J_R11);
  answer(j, false);
  jit_bind(j, unknown);
  jit_mi(j, J_MOV, 4, in_engine(OFF(Engine, first_met)), 0);
  answer(j, false);
  jit_bind(j, differ);
  answer(j, true);
}

// ---- unification -----------------------------------------------------------------
// The answers: below: not done, some variables may be bound; equal: they differ.
static void say(Jit *j, JitLabel at, int x, int y) {
  jit_bind(j, at);
  jit_pop(j, J_RDX);
  jit_pop(j, J_RSI);
  jit_imm(j, J_RAX, (uint64_t)x);
  jit_ri32(j, J_CMP, J_RAX, y);
  jit_ret(j);
}

// Where pairs of children go. `ahead`: a choice record will be made behind this, so every
// binding is noted, at r11, for which there is room.
typedef struct Ways {
  JitLabel next, differ, hard;
  bool ahead;
} Ways;

static void note_cell(Jit *j, const Ways *w,
                      JitLabel newer) {  // its address: rax
  if (w->ahead) {
    jit_mr(j, J_MOV, jit_at(J_R11, 0), J_RAX);
    jit_ri(j, J_ADD, J_R11, 8);
    return;
  }
  jit_rm(j, J_CMP, J_RAX, in_context(OFF(Context, hb)));
  jit_jump_if(j, J_ABOVE_EQ, newer);
  jit_rm(j, J_MOV, J_R10, in_context(OFF(Context, tr)));
  jit_rm(j, J_CMP, J_R10, in_context(OFF(Context, trail_cap)));
  jit_jump_if(j, J_EQ, w->hard);
  jit_rm(j, J_MOV, J_R11, in_context(OFF(Context, trail)));
  jit_mr(j, J_MOV, jit_at_index(J_R11, J_R10, 3, 0), J_RAX);
  jit_mi(j, J_ADD, 8, in_context(OFF(Context, tr)), 1);
}

// The cell of the unbound variable `v` becomes the word `to`. Uses rax, r10; r11 unless ahead.
static void bind_cell(Jit *j, JitReg v, JitReg to, const Ways *w) {
  JitLabel newer = jit_label(j);
  jit_lea(j, J_RAX, in_cell(v, 0));
  note_cell(j, w, newer);
  jit_bind(j, newer);
  jit_mr(j, J_MOV, jit_at(J_RAX, 0), to);
  jit_jump(j, w->next);
}

// `to` is an atom that may be bound as it is, else to `hard`. Uses `scratch`.
static void want_atom(Jit *j, JitReg to, JitReg tag, JitReg scratch,
                      JitLabel hard) {
  JitLabel fine = jit_label(j);
  jit_lea(j, scratch, jit_at(tag, -TAG_INT));
  jit_ri32(j, J_CMP, scratch, TAG_SYM - TAG_INT);
  jit_jump_if(j, J_ABOVE, hard);
  jit_ri32(j, J_CMP, to, AMB_S_EMPTY);
  jit_jump_if(j, J_NE, fine);
  jit_ri32(j, J_CMP, tag, TAG_SYM);
  jit_jump_if(j, J_EQ, hard);
  jit_bind(j, fine);
}
_Static_assert(TAG_SYM == TAG_INT + 1, "one compare takes both");

// to = the rank of a variable as bind_vars means it: 0, or 1 if it has no name of its
// own. One that a query asks for is hard.
static void rank_of(Jit *j, JitReg to, JitReg v, JitLabel hard) {
  jit_rm32(j, J_MOV, to, in_cell(v, 8));
  jit_ri32(j, J_AND, to, 0xFFFFFF);
  JitLabel odd = jit_label(j);
  jit_ri32(j, J_TEST, to, 1);
  jit_jump_if(j, J_NE, odd);
  jit_ri32(j, J_CMP, to, AMB_VAR_STAMPED);
  jit_jump_if(j, J_ABOVE_EQ, hard);
  jit_bind(j, odd);
  jit_shift(j, J_SHR, to, 23);
}
_Static_assert((uint32_t)AMB_CANONICAL_NAN == 0, "apart looks for it");
_Static_assert(AMB_VAR_STAMPED == 1 << 23 && AMB_VAR_FRESH % 2 == 1 &&
                   AMB_VAR_ASKED % 2 == 0,
               "rank_of takes that bit, and the last one");

// Both are unbound.
static void bind_either(Jit *j, const Ways *w) {
  JitLabel first = jit_label(j);
  rank_of(j, J_RAX, J_R8, w->hard);
  rank_of(j, J_R10, J_R9, w->hard);
  jit_rr32(j, J_CMP, J_RAX, J_R10);
  jit_jump_if(j, J_ABOVE, first);
  bind_cell(j, J_R9, J_R8, w);
  jit_bind(j, first);
  bind_cell(j, J_R8, J_R9, w);
}

// The same word: a NaN differs from itself.
static void same_word(Jit *j, JitLabel at, const Ways *w) {
  jit_bind(j, at);
  jit_rr32(j, J_TEST, J_R8, J_R8);
  jit_jump_if(j, J_NE, w->next);
  jit_imm(j, J_RAX, AMB_CANONICAL_NAN);
  jit_rr(j, J_CMP, J_R8, J_RAX);
  jit_jump_if(j, J_NE, w->next);
  jit_jump(j, w->differ);
}

// r8 is unbound and not r9, which is followed to its end.
static void unify_open(Jit *j, const Ways *w) {
  JitLabel again = jit_label(j), value = jit_label(j), both = jit_label(j);
  jit_bind(j, again);
  emit_tag(&(Emit){.j = j}, J_R10, J_R9);
  jit_ri32(j, J_CMP, J_R10, TAG_VAR);
  jit_jump_if(j, J_NE, value);
  follow(j, J_R9, both);
  jit_rr(j, J_CMP, J_R8, J_R9);
  jit_jump_if(j, J_EQ, w->next);
  jit_jump(j, again);
  jit_bind(j, value);
  want_atom(j, J_R9, J_R10, J_RAX, w->hard);
  bind_cell(j, J_R8, J_R9, w);
  jit_bind(j, both);
  bind_either(j, w);
}

// The children in r8 and r9, as unify_pair does it.
static void unify_children(Jit *j, const Ways *w) {
  JitLabel again = jit_label(j), same = jit_label(j), left = jit_label(j),
           left_open = jit_label(j), right = jit_label(j),
           right_open = jit_label(j), value = jit_label(j);
  jit_bind(j, again);
  jit_rr(j, J_CMP, J_R8, J_R9);
  jit_jump_if(j, J_EQ, same);
  emit_tag(&(Emit){.j = j}, J_RAX, J_R8);
  jit_ri32(j, J_CMP, J_RAX, TAG_VAR);
  jit_jump_if(j, J_EQ, left);
  jit_bind(j, value);
  emit_tag(&(Emit){.j = j}, J_R10, J_R9);
  jit_ri32(j, J_CMP, J_R10, TAG_VAR);
  jit_jump_if(j, J_EQ, right);
  either_symbol(j, J_R10, w->differ);
  jit_rr32(j, J_CMP, J_RAX, J_R10);
  jit_jump_if(j, J_NE, w->hard);
  jit_ri32(j, J_CMP, J_RAX, TAG_INT);
  jit_jump_if(j, J_EQ, w->differ);
  jit_jump(j, w->hard);
  same_word(j, same, w);
  jit_bind(j, left);
  follow(j, J_R8, left_open);
  jit_jump(j, again);
  jit_bind(j, right);
  follow(j, J_R9, right_open);
  jit_rr(j, J_CMP, J_R8, J_R9);
  jit_jump_if(j, J_NE, value);
  jit_jump(j, same);
  jit_bind(j, right_open);
  want_atom(j, J_R8, J_RAX, J_R10, w->hard);
  bind_cell(j, J_R9, J_R8, w);
  jit_bind(j, left_open);
  unify_open(j, w);
}

// From the one whose number is in ecx on; falls through behind the last.
static void unify_all(Jit *j, const Ways *w) {
  JitLabel loop = jit_label(j);
  jit_bind(j, loop);
  children(j);
  unify_children(j, w);
  jit_bind(j, w->next);
  jit_ri(j, J_ADD, J_RCX, 1);
  jit_rm32(j, J_CMP, J_RCX, jit_at(J_RSI, 0));
  jit_jump_if(j, J_BELOW_EQ, loop);
}

// Terms, or pairs that `apart` has noted: two rows of words behind their number.
void ambi_emit_unify(Jit *j, const StubLabels *l) {
  JitLabel next = jit_label(j), differ = jit_label(j), hard = jit_label(j),
           same = jit_label(j), begin = jit_label(j);
  jit_bind(j, l->meet);
  jit_push(j, J_RSI);
  jit_push(j, J_RDX);
  jit_rm32(j, J_MOV, J_RCX, in_engine(OFF(Engine, first_met)));
  jit_rr32(j, J_TEST, J_RCX, J_RCX);
  jit_jump_if(j, J_EQ, hard);
  jit_lea(j, J_RSI, jit_at_index(R_G, J_RCX, 3, OFF(Engine, met[0]) - 8));
  jit_lea(j, J_RDX, jit_at_index(R_G, J_RCX, 3, OFF(Engine, met[1]) - 8));
  jit_imm(j, J_RAX, AMB_MEETS + 1);
  jit_rr32(j, J_SUB, J_RAX, J_RCX);
  jit_jump_if(j, J_EQ, same);
  jit_mr32(j, J_MOV, jit_at(J_RSI, 0), J_RAX);
  jit_jump(j, begin);
  jit_bind(j, l->unify);
  jit_push(j, J_RSI);
  jit_push(j, J_RDX);
  no_nan(j, hard);
  address(j, J_RSI, hard);
  address(j, J_RDX, hard);
  jit_rm32(j, J_MOV, J_RCX, jit_at(J_RSI, 0));
  jit_rm32(j, J_CMP, J_RCX, jit_at(J_RDX, 0));
  jit_jump_if(j, J_NE, differ);
  jit_rr(j, J_CMP, J_RSI, J_RDX);
  jit_jump_if(j, J_EQ, same);
  jit_bind(j, begin);
  jit_imm(j, J_RCX, 1);
  cells(j);
  unify_all(j, &(Ways){next, differ, hard, false});
  say(j, same, 2, 1);
  say(j, differ, 1, 1);
  say(j, hard, 0, 1);
}

// ---- unification before its choice record is made ---------------------------------------
// To `differ` if an atom among the children of the object at rdx is another one at rsi: that
// is most of what makes terms differ, and is seen before anything is bound.
static void other_atom(Jit *j, JitLabel differ) {
  JitLabel loop = jit_label(j), next = jit_label(j), again = jit_label(j),
           variable = jit_label(j);
  jit_bind(j, loop);
  jit_rm(j, J_MOV, J_R9, jit_at_index(J_RDX, J_RCX, 3, 0));
  emit_tag(&(Emit){.j = j}, J_RAX, J_R9);
  jit_ri32(j, J_CMP, J_RAX, TAG_VAR);
  jit_jump_if(j, J_EQ, next);
  jit_rm(j, J_MOV, J_R8, jit_at_index(J_RSI, J_RCX, 3, 0));
  jit_bind(j, again);
  jit_rr(j, J_CMP, J_R8, J_R9);
  jit_jump_if(j, J_EQ, next);
  emit_tag(&(Emit){.j = j}, J_R10, J_R8);
  jit_ri32(j, J_CMP, J_R10, TAG_VAR);
  jit_jump_if(j, J_EQ, variable);
  either_symbol(j, J_R10, differ);
  jit_ri32(j, J_CMP, J_RAX, TAG_INT);
  jit_jump_if(j, J_NE, next);
  jit_ri32(j, J_CMP, J_R10, TAG_INT);
  jit_jump_if(j, J_EQ, differ);
  jit_bind(j, next);
  jit_ri(j, J_SUB, J_RCX, 1);
  jit_jump_if(j, J_NE, loop);
  JitLabel done = jit_label(j);
  jit_jump(j, done);
  jit_bind(j, variable);
  follow(j, J_R8, next);
  jit_jump(j, again);
  jit_bind(j, done);
}

// Bindings from r11 down to the trail's top are undone. Uses rax, rcx, r10.
static void undo_ahead(Jit *j) {
  JitLabel loop = jit_label(j), done = jit_label(j);
  jit_rm(j, J_MOV, J_R10, in_context(OFF(Context, tr)));
  jit_shift(j, J_SHL, J_R10, 3);
  jit_rm(j, J_ADD, J_R10, in_context(OFF(Context, trail)));
  jit_bind(j, loop);
  jit_rr(j, J_CMP, J_R11, J_R10);
  jit_jump_if(j, J_EQ, done);
  jit_ri(j, J_SUB, J_R11, 8);
  jit_rm(j, J_MOV, J_RAX, jit_at(J_R11, 0));
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_rr(j, J_SUB, J_RCX, J_RDI);
  jit_mr(j, J_MOV, jit_at(J_RAX, 0), J_RCX);
  jit_jump(j, loop);
  jit_bind(j, done);
}

static void attempted(Jit *j, int answer) {
  jit_imm(j, J_RAX, (uint64_t)answer);
  jit_rr(j, J_MOV, J_RSI, J_R11);
  jit_rm(j, J_SUB, J_RSI, in_context(OFF(Context, trail)));
  jit_shift(j, J_SHR, J_RSI, 3);
  jit_ri32(j, J_CMP, J_RAX, 1);
  jit_ret(j);
}

// What a choice record is made for only if it succeeds: what was bound is undone where
// the terms differ after all.
void ambi_emit_attempt(Jit *j, const StubLabels *l) {
  JitLabel next = jit_label(j), differ = jit_label(j), hard = jit_label(j),
           apart = jit_label(j), other = jit_label(j);
  jit_bind(j, l->attempt);
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  address(j, J_RSI, other);
  address(j, J_RDX, other);
  jit_rm32(j, J_MOV, J_RCX, jit_at(J_RSI, 0));
  jit_rm32(j, J_CMP, J_RCX, jit_at(J_RDX, 0));
  jit_jump_if(j, J_NE, apart);
  cells(j);
  jit_rm(j, J_MOV, J_R11, in_context(OFF(Context, tr)));
  jit_rr(j, J_MOV, J_R10, J_R11);
  jit_rr(j, J_ADD, J_R10, J_RCX);
  jit_rm(j, J_CMP, J_R10, in_context(OFF(Context, trail_cap)));
  jit_jump_if(j, J_ABOVE, other);
  other_atom(j, apart);
  no_nan(j, other);
  jit_shift(j, J_SHL, J_R11, 3);
  jit_rm(j, J_ADD, J_R11, in_context(OFF(Context, trail)));
  jit_imm(j, J_RCX, 1);
  unify_all(j, &(Ways){next, differ, hard, true});
  attempted(j, 2);
  jit_bind(j, differ);
  undo_ahead(j);
  jit_bind(j, apart);
  jit_rr32(j, J_CMP, J_RAX, J_RAX);
  jit_ret(j);
  jit_bind(j, hard);
  attempted(j, 0);
  jit_bind(j, other);
  jit_imm(j, J_RAX, 0);
  jit_rm(j, J_MOV, J_RSI, in_context(OFF(Context, tr)));
  jit_ri32(j, J_CMP, J_RAX, 1);
  jit_ret(j);
}
