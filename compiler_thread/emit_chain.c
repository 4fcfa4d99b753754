// Templates of chains, see runtime/machine/chain.h: a cell joins one, or begins one.
#include "compiler_thread/keep.h"
#include "runtime/machine/chain.h"

static JitMem in_chain(int word) {  // rdx: the chain's frame
  return jit_at(J_RDX, word * 8);
}

// The rare marks of the cell in rax; rcx: its number in the chain.
static void chain_marks(Emit *m, JitLabel marks, JitLabel done) {
  static const struct {
    Word mark;
    int word;
  } rare[] = {{AMB_EXPR_GROUND, CHAIN_OPEN},
              {AMB_EXPR_RIGID, CHAIN_SOFT},
              {AMB_EXPR_EVAL, CHAIN_LOOSE}};
  Jit *j = m->j;
  jit_cold(j);
  jit_bind(j, marks);
  for (size_t i = 0; i < sizeof rare / sizeof *rare; i++) {
    JitLabel has = jit_label(j);
    jit_ri32(j, J_TEST, J_RAX, (int32_t)rare[i].mark);
    jit_jump_if(j, J_NE, has);
    jit_mr(j, J_MOV, in_chain(rare[i].word), J_RCX);
    jit_bind(j, has);
  }
  jit_jump(j, done);
  jit_hot(j);
}

// ambi_chain_goes_on, else to `begin`.
static void goes_on(Emit *m, JitLabel begin) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(CodeState, x_chain_unit)));
  jit_rr(j, J_TEST, J_RCX, J_RCX);
  jit_jump_if(j, J_EQ, begin);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(Unit, code)));
  jit_rm(j, J_CMP, J_RCX, in_frame(FRAME_RET));
  jit_jump_if(j, J_NE, begin);
  jit_mr(j, J_CMP, in_chain(CHAIN_POS), R_B);
  jit_jump_if(j, J_NE, begin);
}

// ---- the first cell -----------------------------------------------------------------
enum { MOVED = CHAIN_SLOTS + FRAME_HEADER, MOST_MOVED = 8 };

typedef struct First {
  JitLabel begin;   // where what cannot join goes ...
  JitLabel helper;  // ... to be done by ambi_chain_begin
  bool here;        // or in line, if these slots are all that memory has
  unsigned slot[MOST_MOVED], n;
  JitLabel other;  // and this is not in the way
} First;

// The slots that the frame needs later and memory has. False: too many.
static bool moving_slots(const Emit *m, First *f) {
  const Keep *k = m->keep;
  for (unsigned i = 0; i < m->u->nslots; i++) {
    bool held = false;
    for (unsigned r = 0; r < KEEP_GP; r++)
      held |= k->now.gp[r].slot == i && k->now.gp[r].dirty;
    for (unsigned r = 0; r < KEEP_FP; r++)
      held |= k->now.fp[r].slot == i && k->now.fp[r].dirty;
    if (held || !keep_live(m, m->at + emit_words(m), i)) continue;
    if (f->n == MOST_MOVED) return false;
    f->slot[f->n++] = i;
  }
  return true;
}

static void move_word(Emit *m, int from, int to) {
  jit_rm(m->j, J_MOV, J_RCX, in_frame(from));
  jit_mr(m->j, J_MOV, in_frame(to), J_RCX);
}

// 1 to the word if the cell in rax has not this mark.
static void unless_marked(Emit *m, int word, unsigned bit) {
  jit_rr32(m->j, J_MOV, J_RCX, J_RAX);
  jit_not32(m->j, J_RCX);
  if (bit) jit_shift(m->j, J_SHR, J_RCX, bit);
  jit_ri32(m->j, J_AND, J_RCX, 1);
  jit_mr(m->j, J_MOV, in_frame(word), J_RCX);
}

// The chain's words, where the frame was; rdx: the CodeState.
static void chain_words(Emit *m) {
  Jit *j = m->j;
  jit_mr(j, J_MOV, in_frame(CHAIN_POS), R_B);
  jit_imm(j, J_RCX, AMB_UNIT.w);
  jit_mr(j, J_MOV, in_frame(CHAIN_VALUE), J_RCX);
  jit_mr(j, J_MOV, in_frame(CHAIN_HEAD), J_RAX);
  jit_mr(j, J_MOV, in_frame(CHAIN_LAST), J_RAX);
  jit_mi(j, J_MOV, 8, in_frame(CHAIN_COUNT), 1);
  unless_marked(m, CHAIN_OPEN, 1);
  unless_marked(m, CHAIN_SOFT, 2);
  unless_marked(m, CHAIN_LOOSE, 0);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RDX, OFF(CodeState, x_epoch)));
  jit_mr(j, J_MOV, in_frame(CHAIN_EPOCH), J_RCX);
  jit_mi(j, J_MOV, 8, in_frame(CHAIN_OLD), 0);
}
_Static_assert(AMB_EXPR_GROUND == 2 && AMB_EXPR_RIGID == 4 &&
                   AMB_EXPR_EVAL == 1,
               "chain_words shifts them");

// ambi_chain_begin: the frame moves up, and the chain's takes its place. What registers
// hold stays there. Uses rcx, rdx, and rax is the cell.
static void begin_here(Emit *m, const First *f) {
  Jit *j = m->j;
  JitLabel other = f->other;
  jit_rm(j, J_MOV, J_RDX, in_engine(OFF(Engine, code)));
  jit_mi(j, J_CMP, 8, jit_at(J_RDX, OFF(CodeState, x_chain_unit)), 0);
  jit_jump_if(j, J_EQ, other);
  jit_lea(j, J_RCX, in_frame(-FRAME_HEADER));
  jit_rm(j, J_CMP, J_RCX, in_record(OFF(Choice, top)));
  jit_jump_if(j, J_BELOW, other);
  jit_lea(j, J_RCX, in_frame((int)m->u->nslots + MOVED));
  jit_rm(j, J_CMP, J_RCX, in_engine(OFF(Engine, stack_end)));
  jit_jump_if(j, J_ABOVE, other);
  for (unsigned i = f->n; i-- > 0;)
    move_word(m, (int)f->slot[i], (int)f->slot[i] + MOVED);
  move_word(m, FRAME_UNIT, FRAME_UNIT + MOVED);
  move_word(m, FRAME_MARK, FRAME_MARK + MOVED);
  jit_mr(j, J_MOV, in_frame(FRAME_PREV + MOVED), R_E);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RDX, OFF(CodeState, x_chain_unit)));
  jit_mr(j, J_MOV, in_frame(FRAME_UNIT), J_RCX);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(Unit, code)));
  jit_mr(j, J_MOV, in_frame(FRAME_RET + MOVED), J_RCX);
  jit_mi(j, J_MOV, 8, in_frame(FRAME_MARK), 0);
  chain_words(m);
  jit_lea(j, R_E, in_frame(MOVED));
}

static First first_cell(Emit *m) {
  First f = {.begin = jit_label(m->j), .helper = jit_label(m->j)};
  f.here = m->keep && m->keep->on && !m->keep->loop && !m->u->stamp &&
           moving_slots(m, &f);
  f.other = emit_stored(m, f.helper);
  if (!f.here) f.begin = f.other;
  return f;
}

// Out of line, and back to `done` if it could be done here.
static void begin_chain(Emit *m, const First *f, JitLabel done) {
  Jit *j = m->j;
  jit_cold(j);
  if (f->here) {
    jit_bind(j, f->begin);
    begin_here(m, f);
    jit_jump(j, done);
  }
  jit_bind(j, f->helper);
  emit_helper_cold(m, (const void *)(uintptr_t)ambi_chain_begin, m->at + 1);
  jit_hot(j);
}

// ---- the next ones -------------------------------------------------------------------
// ambi_chain_append
void ambi_emit_append(Emit *m) {
  Jit *j = m->j;
  JitLabel done = jit_label(j);
  bool joined = m->sure && emit_fact(m, m->at, 0, FACT_CHAINED);
  First first;
  jit_rm(j, J_MOV, J_RDX, in_frame(FRAME_PREV));
  if (!joined) {
    first = first_cell(m);
    goes_on(m, first.begin);
  }
  jit_rm(j, J_MOV, J_RSI, in_chain(CHAIN_LAST));
  jit_ri(j, J_AND, J_RSI, -8);
  jit_rr(j, J_ADD, J_RSI, R_XB);
  jit_rm32(j, J_MOV, J_RCX, jit_at(J_RSI, 0));
  jit_mr(j, J_MOV, jit_at_index(J_RSI, J_RCX, 3, 0), J_RAX);
  jit_mr(j, J_MOV, in_chain(CHAIN_LAST), J_RAX);
  if (emit_is_full(m, m->pc->a)) {
    jit_mi(j, J_ADD, 8, in_chain(CHAIN_COUNT), 1);
  } else {
    JitLabel marks = jit_label(j);
    jit_rm(j, J_MOV, J_RCX, in_chain(CHAIN_COUNT));
    jit_ri(j, J_ADD, J_RCX, 1);
    jit_mr(j, J_MOV, in_chain(CHAIN_COUNT), J_RCX);
    jit_rr32(j, J_MOV, J_RSI, J_RAX);
    jit_not32(j, J_RSI);
    jit_ri32(j, J_TEST, J_RSI, AMB_EXPR_MARKS);
    jit_jump_if(j, J_NE, marks);
    chain_marks(m, marks, done);
  }
  jit_bind(j, done);
  if (!joined) begin_chain(m, &first, done);
}

void ambi_emit_CHAIN(Emit *m) {
  emit_source(m, J_RAX, m->pc->a);
  ambi_emit_append(m);
}
