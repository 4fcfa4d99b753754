// Templates of matching: switches, tests, unification, questions to spaces.
#include <stdlib.h>

#include "compiler_thread/keep.h"
#include "runtime/atoms/match.h"
#include "runtime/machine/step.h"

enum { LINEAR = 8 };  // cases compared one by one; more are searched by halves

static int by_key(const void *a, const void *b) {
  const SwitchCase *x = a, *y = b;
  return x->key < y->key ? -1 : x->key > y->key;
}

// rax: the key. Goes to its case, else to `other`. The cases are sorted.
static void find_key(Emit *m, const SwitchCase *c, uint32_t n, JitLabel other) {
  Jit *j = m->j;
  if (n > LINEAR) {
    JitLabel upper = jit_label(j);
    jit_imm(j, J_RCX, c[n / 2].key);
    jit_rr(j, J_CMP, J_RAX, J_RCX);
    jit_jump_if(j, J_ABOVE_EQ, upper);
    find_key(m, c, n / 2, other);
    jit_bind(j, upper);
    find_key(m, c + n / 2, n - n / 2, other);
    return;
  }
  for (uint32_t i = 0; i < n; i++) {
    jit_imm(j, J_RCX, c[i].key);
    jit_rr(j, J_CMP, J_RAX, J_RCX);
    jit_jump_if(j, J_EQ, emit_label(m, c[i].to));
  }
  jit_jump(j, other);
}

// rax = key of the EXPR in rax; its head must be a symbol.
static void key_of_expression(Emit *m, JitLabel slow) {
  Jit *j = m->j;
  JitLabel view = jit_label(j), have = jit_label(j);
  emit_flat(m, J_RDX, J_RAX, m->sure ? emit_general(m) : view);
  jit_lea(j, J_RSI, in_object(J_RDX, 8));
  jit_bind(j, have);
  jit_rm(j, J_MOV, J_RAX, jit_at(J_RSI, 0));
  emit_want_tag(m, J_RAX, TAG_SYM, slow);
  jit_rm32(j, J_MOV, J_RDX, in_object(J_RDX, 0));
  jit_shift(j, J_SHL, J_RDX, 28);
  jit_rr32(j, J_MOV, J_RAX, J_RAX);
  jit_rr(j, J_ADD, J_RAX, J_RDX);
  jit_imm(j, J_RCX, (Word)TAG_HDR << 48);
  jit_rr(j, J_ADD, J_RAX, J_RCX);
  if (m->sure) return;
  jit_cold(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RSI, in_object(J_RDX, 16));
  jit_jump(j, have);
  jit_hot(j);
}

enum { MOST_CASES = 64 };
typedef struct Cases {
  SwitchCase at[MOST_CASES];
  uint32_t n;
} Cases;

static Cases select_cases(const Switch *s, bool terms) {
  Cases c = {.n = 0};
  for (uint32_t i = 0; i < s->n; i++)
    if (((s->cases[i].key >> 48) == TAG_HDR) == terms)
      c.at[c.n++] = s->cases[i];
  qsort(c.at, c.n, sizeof *c.at, by_key);
  return c;
}

// rdx: the EXPR in rax without marks; few cases: head and size are compared.
static void few_terms(Emit *m, const Cases *c, JitLabel other, JitLabel slow) {
  Jit *j = m->j;
  JitLabel view = jit_label(j), have = jit_label(j);
  if (emit_known(m, m->pc->a, FACT_FLAT)) {
    jit_rr(j, J_MOV, J_RDX, J_RAX);
    jit_ri(j, J_AND, J_RDX, -8);
  } else {
    emit_flat(m, J_RDX, J_RAX, m->sure ? emit_general(m) : view);
  }
  jit_rm(j, J_MOV, J_RAX, in_object(J_RDX, 8));
  jit_bind(j, have);
  for (uint32_t i = 0; i < c->n; i++) {
    Word key = c->at[i].key;
    JitLabel next = jit_label(j);
    jit_imm(j, J_RCX, AMB_SYM_ID(key & 0xFFFFFFF).w);
    jit_rr(j, J_CMP, J_RAX, J_RCX);
    jit_jump_if(j, J_NE, next);
    jit_mi(j, J_CMP, 4, in_object(J_RDX, 0), (int32_t)(key >> 28 & 0xFFFFF));
    jit_jump_if(j, J_EQ, emit_label(m, c->at[i].to));
    jit_bind(j, next);
  }
  emit_want_tag(m, J_RAX, TAG_SYM, slow);
  jit_jump(j, other);
  if (m->sure) return;
  jit_cold(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RSI, in_object(J_RDX, 16));
  jit_rm(j, J_MOV, J_RAX, jit_at(J_RSI, 0));
  jit_jump(j, have);
  jit_hot(j);
}

static bool plain_keys(const Cases *c) {  // all heads are symbols
  for (uint32_t i = 0; i < c->n; i++)
    if ((c->at[i].key & 0xFFFFFFF) == 0xFFFFFFF) return false;
  return true;
}

// The atoms among the cases; tag in ecx.
static void atom_cases(Emit *m, const Cases *c, JitLabel other, JitLabel slow) {
  static const unsigned plain[] = {TAG_SYM, TAG_INT, TAG_IMM};
  Jit *j = m->j;
  JitLabel compare = jit_label(j);
  if (!emit_known(m, m->pc->a, FACT_INT)) {
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
      jit_ri32(j, J_CMP, J_RCX, (int32_t)plain[i]);
      jit_jump_if(j, J_EQ, compare);
    }
    jit_jump(j, slow);
  }
  jit_bind(j, compare);
  find_key(m, c->at, c->n, other);
}

void ambi_emit_SWITCH(Emit *m) {
  Jit *j = m->j;
  const Switch *s = &m->u->switches[m->pc->b];
  JitLabel other = emit_label(m, s->other), atoms = jit_label(j),
           slow = emit_slow(m);
  bool is_int = emit_known(m, m->pc->a, FACT_INT),
       is_term = emit_known(m, m->pc->a, FACT_FLAT);
  if (s->n > MOST_CASES) {
    jit_jump(j, slow);
    return;
  }
  Cases terms = select_cases(s, true), constants = select_cases(s, false);
  if (is_term)
    emit_source(m, J_RAX, m->pc->a);
  else
    emit_value_learnt(m, m->pc->a);
  if (!is_int) {
    if (!is_term) {
      jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
      jit_jump_if(j, J_NE, atoms);
    }
    if (terms.n <= LINEAR && plain_keys(&terms)) {
      few_terms(m, &terms, other, slow);
    } else {
      key_of_expression(m, slow);
      find_key(m, terms.at, terms.n, other);
    }
  }
  jit_bind(j, atoms);
  if (!is_term) atom_cases(m, &constants, other, slow);
}

void ambi_emit_TESTF(Emit *m) {
  Jit *j = m->j;
  JitLabel no = emit_branch(m, m->pc->c), slow = emit_slow(m),
           other = jit_label(j);
  Word key = m->u->k[m->pc->b];
  uint32_t size = (uint32_t)(key >> 28) & 0xFFFFF, id = key & 0xFFFFFFF;
  if (id == 0xFFFFFFF) {
    jit_jump(j, slow);
    return;
  }
  if (emit_known(m, m->pc->a, FACT_FLAT)) {
    jit_rm(j, J_MOV, J_RAX, in_slot(m->pc->a));
    jit_rr(j, J_MOV, J_RDX, J_RAX);
    jit_ri(j, J_AND, J_RDX, -8);
  } else {
    emit_value_learnt(m, m->pc->a);
    jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
    jit_jump_if(j, J_NE, other);
    emit_flat(m, J_RDX, J_RAX, m->sure ? emit_general(m) : slow);
  }
  jit_imm(j, J_RCX, AMB_SYM_ID(id).w);
  jit_rm(j, J_CMP, J_RCX, in_object(J_RDX, 8));
  jit_jump_if(j, J_NE, other);
  jit_mi(j, J_CMP, 4, in_object(J_RDX, 0), (int32_t)size);
  jit_jump_if(j, J_NE, no);
  jit_cold(j);
  jit_bind(j, other);
  jit_call_to(j, m->em->stubs.not_term);
  jit_jump_if(j, J_EQ, no);
  jit_jump(j, slow);
  jit_hot(j);
}

void ambi_emit_TESTN(Emit *m) {
  Jit *j = m->j;
  JitLabel no = emit_branch(m, m->pc->c), slow = emit_slow(m);
  emit_value(m, m->pc->a);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, slow);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, no);
  jit_ri(j, J_AND, J_RAX, -8);
  jit_mi(j, J_CMP, 4, in_object(J_RAX, 0), m->pc->b);
  jit_jump_if(j, J_NE, no);
}

// Words decide about symbols and truth values; an integer may yet equal another kind of number.
void ambi_emit_TESTK(Emit *m) {
  static const unsigned no_number[] = {TAG_INT, TAG_SYM, TAG_EXPR};
  Jit *j = m->j;
  Value k = AMB_V(m->u->k[m->pc->b]);
  JitLabel no = emit_branch(m, m->pc->c), yes = emit_next(m),
           slow = emit_slow(m);
  bool word = ambi_is_sym(k) || ambi_is_bool(k) || ambi_is_unit(k);
  if (!word && !ambi_is_int(k)) {
    jit_jump(j, slow);
    return;
  }
  emit_value(m, m->pc->a);
  jit_imm(j, J_RDX, k.w);
  jit_rr(j, J_CMP, J_RAX, J_RDX);
  jit_jump_if(j, J_EQ, yes);
  if (word) {
    jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
    jit_jump_if(j, J_NE, no);
  } else {
    for (size_t i = 0; i < sizeof no_number / sizeof *no_number; i++) {
      jit_ri32(j, J_CMP, J_RCX, (int32_t)no_number[i]);
      jit_jump_if(j, J_EQ, no);
    }
  }
  jit_jump(j, slow);
}

// Terms that may become the same are unified next, behind a choice record or not: does
// SAMEV lead to TRY, if any, the same child again, and UNIFYV of that?
static bool meets(const Emit *m, uint32_t *unify) {
  const Unit *u = m->u;
  uint32_t open = emit_offset(m, (int16_t)m->pc[1].b);
  if (!emit_thick(m) || m->keep->loop || m->at == 0 || !m->wanted[m->at - 1])
    return false;
  if (u->code[open].op == OP_I_TRY) open++;
  const Code *before = m->pc - 1, *again = u->code + open, *last = again + 1;
  *unify = open + 1;
  return before->op == OP_I_GETCH && again->op == OP_I_GETCH &&
         last->op == OP_I_UNIFYV && before->a == m->pc->a &&
         before->b == again->b && before->c == again->c &&
         last->a == again->a && last->b == m->pc->b && last->c == 0 &&
         before->b != before->a && !is_constant(last->b) &&
         again->a != last->b && m->wanted[open] && m->wanted[*unify] &&
         m->wanted[*unify + 1] && !emit_is_target(m, m->at);
}

// The same child again, for UNIFYV at this offset; the EXPR it unifies may be in rax.
static void child_again(Emit *m, uint32_t unify) {
  jit_rm(m->j, J_MOV, J_RCX, in_slot(m->pc->a));
  emit_to_slot(m, m->u->code[unify].a, J_RCX);
  keep_forget(m);
}

// All that in one, without looking at the children again.
static void meet(Emit *m, uint32_t unify) {
  Jit *j = m->j;
  KeepState now = m->keep->now;
  child_again(m, unify);
  jit_call_to(j, m->em->stubs.meet);
  jit_jump_to_if(j, J_EQ, m->em->stubs.fail);
  jit_jump_if(j, J_BELOW, emit_label(m, unify));
  jit_jump(j, emit_label(m, unify + 1));
  m->keep->now = now;
}

// Of a routine that uses all registers; leaves flags as they are behind it.
static void call_saving(Emit *m, const void *routine) {
  Jit *j = m->j;
  const KeepState *now = &m->keep->now;
  if (now->turns) jit_push(j, R_TURNS);
  for (int i = 0; i < KEEP_GP; i++)
    if (now->gp[i].slot != NO_SLOT) jit_push(j, keep_gp[i]);
  jit_call_to(j, routine);
  for (int i = KEEP_GP; i-- > 0;)
    if (now->gp[i].slot != NO_SLOT) jit_pop(j, keep_gp[i]);
  if (now->turns) jit_pop(j, R_TURNS);
}

// TRY at this offset stands first: its record is made when the terms have become the same.
static void attempt(Emit *m, uint32_t try, uint32_t unify, JitLabel no) {
  Jit *j = m->j;
  const Code *first = m->u->code + try;
  jit_lea(j, J_RCX, in_record(sizeof(Choice)));
  jit_rm(j, J_CMP, J_RCX, in_engine(OFF(Engine, choices_end)));
  jit_jump_if(j, J_ABOVE_EQ, emit_slow(m));
  call_saving(m, m->em->stubs.attempt);
  jit_jump_if(j, J_EQ, no);
  KeepState now = m->keep->now;
  emit_try(m, emit_position(m, try + (uint32_t)(int16_t)first->c));
  jit_mr(j, J_MOV, in_context(OFF(Context, tr)), J_RSI);
  child_again(m, unify);
  jit_ri32(j, J_CMP, J_RAX, 1);
  jit_jump_if(j, J_BELOW, emit_label(m, unify));
  jit_jump(j, emit_label(m, unify + 1));
  m->keep->now = now;
}

// SAMEV of the EXPR in rax and what is in rdx, its tag in esi.
static void terms_same(Emit *m, JitLabel no, JitLabel open, JitLabel slow) {
  Jit *j = m->j;
  JitLabel other = jit_label(j);
  uint32_t unify;
  jit_ri32(j, J_CMP, J_RSI, TAG_EXPR);
  jit_jump_if(j, J_NE, other);
  jit_rr32(j, J_MOV, J_RCX, J_RAX);
  jit_rr32(j, J_AND, J_RCX, J_RDX);
  jit_ri32(j, J_TEST, J_RCX, AMB_EXPR_GROUND);
  jit_jump_if(j, J_NE, slow);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_rr(j, J_XOR, J_RCX, J_RDX);
  jit_ri(j, J_CMP, J_RCX, AMB_EXPR_MARKS);
  jit_jump_if(j, J_BELOW_EQ, slow);  // one term
  bool meeting = meets(m, &unify);
  uint32_t way = emit_offset(m, (int16_t)m->pc[1].b);
  if (meeting && m->u->code[way].op == OP_I_TRY) {
    attempt(m, way, unify, no);
  } else {
    jit_call_to(j, m->em->stubs.apart);
    jit_jump_if(j, J_BELOW, no);
    if (meeting)
      meet(m, unify);
    else
      jit_jump(j, open);
  }
  jit_bind(j, other);
  jit_ri32(j, J_CMP, J_RSI, TAG_VAR);
  jit_jump_if(j, J_EQ, open);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_GROUND);
  jit_jump_if(j, J_EQ, open);
  jit_jump(j, no);
}

// Atoms of one word each decide at once, and open terms that differ in such a one;
// ground terms are compared by a helper.
void ambi_emit_SAMEV(Emit *m) {
  Jit *j = m->j;
  JitLabel no = emit_branch(m, m->pc->c), open = emit_branch(m, m->pc[1].b),
           slow = emit_slow(m), yes = emit_label(m, m->at + 2),
           atom = jit_label(j), variable = jit_label(j);
  jit_cold(j);
  jit_bind(j, variable);
  jit_rr(j, J_CMP, J_RAX, J_RDX);
  jit_jump_if(j, J_EQ, yes);
  jit_jump(j, open);
  jit_hot(j);
  emit_value(m, m->pc->b);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_rr(j, J_MOV, J_RSI, J_RCX);
  emit_value(m, m->pc->a);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, atom);
  terms_same(m, no, open, slow);
  jit_bind(j, atom);
  jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
  jit_jump_if(j, J_EQ, variable);
  jit_ri32(j, J_CMP, J_RSI, TAG_VAR);
  jit_jump_if(j, J_EQ, open);
  jit_ri32(j, J_CMP, J_RSI, TAG_EXPR);
  JitLabel both = jit_label(j), word = jit_label(j);
  jit_jump_if(j, J_NE, both);
  jit_ri32(j, J_TEST, J_RDX, AMB_EXPR_GROUND);
  jit_jump_if(j, J_EQ, open);
  jit_jump(j, no);
  jit_bind(j, both);
  jit_ri32(j, J_CMP, J_RCX, TAG_SYM);
  jit_jump_if(j, J_EQ, word);
  jit_rr32(j, J_CMP, J_RCX, J_RSI);
  jit_jump_if(j, J_NE, slow);
  jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(j, J_NE, slow);
  jit_bind(j, word);
  jit_rr(j, J_CMP, J_RAX, J_RDX);
  jit_jump_if(j, J_EQ, yes);
  jit_jump(j, no);
}

// A space and a pattern are not unified: the space is asked.
enum { UNIFY_NO, UNIFY_YES, UNIFY_ASKS };

static unsigned unify_values(Engine *g, Value a, Value b) {
  if (ambi_unify(g->cx, a, b)) return UNIFY_YES;
  return ambi_asks(a, b) ? UNIFY_ASKS : UNIFY_NO;
}

// With the SETTLE that stands behind, done before.
static unsigned settle_and_unify(Engine *g, Value a, Value b) {
  const Code *settle = g->pc + 1;
  Value v = ambi_settle(g->cx, AMB_V(g->e[settle->b]));
  if (ambi_is_none(v)) return UNIFY_NO;
  g->e[settle->a] = v.w;
  return unify_values(g, a, b);
}

// rsi, its tag in ecx, and rdx: two terms are most often done here.
static void unify_terms(Emit *m) {
  Jit *j = m->j;
  JitLabel other = jit_label(j);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, other);
  emit_want_tag(m, J_RDX, TAG_EXPR, other);
  jit_call_to(j, m->em->stubs.unify);
  jit_jump_to_if(j, J_EQ, m->em->stubs.fail);
  jit_jump_if(j, J_ABOVE, emit_next(m));
  jit_bind(j, other);
}

void ambi_emit_UNIFYV(Emit *m) {
  Jit *j = m->j;
  JitLabel differ = jit_label(j), one_term = jit_label(j);
  emit_value(m, m->pc->b);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  emit_value(m, m->pc->a);
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  jit_rr(j, J_XOR, J_RAX, J_RDX);
  jit_ri(j, J_CMP, J_RAX, AMB_EXPR_EVAL);
  jit_jump_if(j, J_ABOVE, differ);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_EQ, one_term);
  jit_bind(j, differ);
  if (!m->pc->c) unify_terms(m);
  emit_ask(m, m->pc->c ? (const void *)(uintptr_t)settle_and_unify
                       : (const void *)(uintptr_t)unify_values);
  if (ambi_unit_edge(m->u, m->at) != UINT32_MAX) {
    jit_ri32(j, J_CMP, J_RAX, UNIFY_ASKS);
    jit_jump_if(j, J_EQ, emit_slow(m));
  }
  jit_ri32(j, J_CMP, J_RAX, UNIFY_YES);
  jit_jump_to_if(j, J_NE, m->em->stubs.fail);
  if (m->pc->c) jit_jump(j, emit_label(m, m->at + 2));
  jit_cold(j);
  jit_bind(j, one_term);
  emit_ask_nan(j, J_RAX);
  jit_jump_if(j, J_NE, differ);
  jit_jump(j, emit_next(m));
  jit_hot(j);
}

void ambi_emit_UNIFYT(Emit *m) {
  emit_source(m, J_RDX, m->pc->a);
  emit_ask_at(m, (const void *)(uintptr_t)ambi_step_unify);
  jit_jump_to_if(m->j, J_EQ, m->em->stubs.fail);
}

void ambi_emit_UNIFYE(Emit *m) {
  JitLabel other = emit_branch(m, m->pc[emit_words(m) - 1].b);
  emit_source(m, J_RDX, m->pc->a);
  emit_ask_at(m, (const void *)(uintptr_t)ambi_step_unify_else);
  jit_jump_if(m->j, J_EQ, other);
}

// rsi = the space in source a; no space: to emit_slow, which takes the edge.
static void space_operand(Emit *m) {
  Jit *j = m->j;
  emit_value(m, m->pc->a);
  jit_ri32(j, J_CMP, J_RCX, TAG_CELL);
  jit_jump_if(j, J_NE, emit_slow(m));
  jit_rr(j, J_MOV, J_RSI, J_RAX);
  jit_shift(j, J_SHL, J_RAX, 16);
  jit_shift(j, J_SHR, J_RAX, 16);
  jit_mi(j, J_CMP, 1, jit_at(J_RAX, OFF(CellHeader, kind)), CELL_SPACE);
  jit_jump_if(j, J_NE, emit_slow(m));
}

void ambi_emit_MATCH(Emit *m) {
  Jit *j = m->j;
  space_operand(m);
  emit_source(m, J_RDX, m->pc->b);
  jit_imm(j, J_RCX, (uintptr_t)emit_position(m, m->at + 1));
  emit_leave_by(m, (const void *)(uintptr_t)ambi_match_begin);
}

void ambi_emit_MATCHF(Emit *m) {
  space_operand(m);
  emit_helper(m, (const void *)(uintptr_t)ambi_match_flat,
              m->at + emit_words(m));
}
