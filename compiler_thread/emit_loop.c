// The versions of a unit at level 2: the whole of it, and its loop.
//
// A unit that calls itself in place of its frame is a loop. The whole version runs its
// first turn and finds out what the arguments are; the loop version is the part that
// leads from the beginning to the next turn without leaving registers: arguments that
// are known to be numbers, and those that change, stay in registers from turn to turn,
// and so does the count of steps. Any other instruction goes on in the whole version; so
// does the loop where a part of a term is not what can be passed on and put into other
// terms without a look (FACT_FULL).
//
// What is checked before the first turn of a loop - the unit is still in force, its
// frame is not protected - holds for the next ones: nothing in the loop changes it.
#include "compiler_thread/keep.h"

enum { LOOP_GP = 4, LOOP_FP = 10, LOOP_MEMORY = 3 };

static bool wants(const Keep *k, unsigned argument, enum Fact fact) {
  return k->kinds[argument] >> fact & 1;
}

// ---- one turn -----------------------------------------------------------------------
static int header_gp(const Keep *k, unsigned slot) {
  for (int i = 0; i < LOOP_GP; i++)
    if (k->header.gp[i].slot == slot) return i;
  return -1;
}
static int header_fp(const Keep *k, unsigned slot) {
  for (int i = 0; i < LOOP_FP; i++)
    if (k->header.fp[i].slot == slot) return i;
  return -1;
}

typedef struct Moves {
  unsigned to[LOOP_FP], from[LOOP_FP];
  unsigned n;
} Moves;

static void move(Emit *m, bool fp, unsigned to, unsigned from) {
  if (fp)
    jit_float_rr(m->j, to, from);
  else
    jit_rr(m->j, J_MOV, (JitReg)to, (JitReg)from);
}

// All at once: no register is written that another still has to read. A ring is
// opened by way of a scratch register.
static void move_all(Emit *m, Moves *v, bool fp, unsigned scratch) {
  while (v->n > 0) {
    bool moved = false;
    for (unsigned i = 0; i < v->n; i++) {
      bool read = false;
      for (unsigned k = 0; k < v->n; k++)
        read |= k != i && v->from[k] == v->to[i];
      if (read) continue;
      if (v->to[i] != v->from[i]) move(m, fp, v->to[i], v->from[i]);
      v->n--;
      v->to[i] = v->to[v->n];
      v->from[i] = v->from[v->n];
      moved = true;
      break;
    }
    if (moved) continue;
    unsigned open = v->to[0];
    move(m, fp, scratch, open);
    for (unsigned k = 0; k < v->n; k++)
      if (v->from[k] == open) v->from[k] = scratch;
  }
}

// Is the argument the one this frame has?
static bool stays(unsigned source, unsigned i) {
  return !is_constant(source) && slot_of(source) == i;
}

typedef struct Turn {
  const uint16_t *x;  // arguments
  unsigned n;
  unsigned memory[LOOP_MEMORY], nmemory;  // those that change in memory
  unsigned word[MOST_LOOP_ARGUMENTS];  // registers of words: where they are now
  JitLabel call;    // without the loop, with everything in memory ...
  unsigned called;  // ... from so many places ...
  unsigned missed;  // ... the last with this argument in rax
} Turn;

static bool is_word(const Keep *k, unsigned i) {
  int h = header_gp(k, i);
  return h >= 0 && k->header.gp[h].word;
}

// Must it be looked at to be passed on, or to be what the loop wants?
static bool must_be_ready(const Emit *m, unsigned source) {
  return is_checked(source) && !emit_is_ready(m, slot_of(source));
}
static bool must_be_full(const Emit *m, const Turn *t, unsigned i) {
  bool number = wants(m->keep, i, FACT_INT) || wants(m->keep, i, FACT_FLOAT);
  unsigned s = t->x[i];
  if (number || !wants(m->keep, i, FACT_FULL)) return false;
  return is_constant(s) ? !ambi_emit_full_atom(constant(m, s))
                        : !emit_is_full(m, slot_of(s));
}

// False: this is no way into the loop.
static bool plan(const Emit *m, Turn *t) {
  const Keep *k = m->keep;
  for (unsigned i = 0; i < t->n; i++) {
    unsigned s = t->x[i];
    bool want_int = wants(k, i, FACT_INT), want_float = wants(k, i, FACT_FLOAT);
    bool kept = header_gp(k, i) >= 0 || header_fp(k, i) >= 0;
    if (is_constant(s)) {
      Value v = constant(m, s);
      if (want_int && !ambi_is_int(v)) return false;
      if (want_float && !ambi_is_double(v)) return false;
    } else {
      if (want_int && !keep_can_be_int(m, s)) return false;
      if (want_float && keep_surely_int(m, s)) return false;
      // What does not go to a register is not looked at.
      if (!kept && want_int && !emit_known(m, s, FACT_INT)) return false;
      if (!kept && want_float && !emit_known(m, s, FACT_FLOAT)) return false;
    }
    if (is_constant(s) && must_be_full(m, t, i)) return false;
    if (kept || (stays(s, i) && !must_be_ready(m, s) && !must_be_full(m, t, i)))
      continue;
    if (t->nmemory == LOOP_MEMORY) return false;
    t->memory[t->nmemory++] = i;
  }
  return true;
}

// rax = argument i as a word, ready to be passed.
static void word(Emit *m, Turn *t, unsigned i) {
  emit_source(m, J_RAX, t->x[i]);
  if (must_be_full(m, t, i)) {  // that is ready, too
    emit_want_full(m->j, emit_stored(m, t->call));
    t->called++;
    t->missed = i;
  } else if (must_be_ready(m, t->x[i])) {
    emit_ready(m, emit_slow(m));
  }
}

// Those that stay in memory: all are read before one is written.
static void memory_arguments(Emit *m, Turn *t) {
  Jit *j = m->j;
  for (unsigned i = 0; i < t->nmemory; i++) {
    word(m, t, t->memory[i]);
    if (i + 1 < t->nmemory) jit_to_float(j, i, J_RAX);
  }
  for (unsigned i = t->nmemory; i-- > 0;) {
    if (i + 1 < t->nmemory) jit_from_float(j, J_RAX, i);
    emit_to_slot(m, t->memory[i], J_RAX);
  }
}

static void register_arguments(Emit *m, const Turn *t, bool fp) {
  Keep *k = m->keep;
  Moves moves = {.n = 0};
  for (unsigned i = 0; i < t->n; i++) {
    int h = fp ? header_fp(k, i) : header_gp(k, i);
    if (h < 0 || is_constant(t->x[i])) continue;
    int at = is_word(k, i) ? (int)t->word[i]
             : fp          ? keep_find_fp(m, t->x[i])
                           : keep_find_gp(m, t->x[i]);
    AMB_CHECK(at >= 0);
    moves.to[moves.n] = fp ? keep_xmm((unsigned)h) : keep_gp[h];
    moves.from[moves.n++] = fp ? keep_xmm((unsigned)at) : keep_gp[at];
  }
  move_all(m, &moves, fp, fp ? 0 : J_RAX);
  for (unsigned i = 0; i < t->n; i++) {
    int h = fp ? header_fp(k, i) : header_gp(k, i);
    if (h < 0 || !is_constant(t->x[i])) continue;
    Word w = constant(m, t->x[i]).w;
    jit_imm(m->j, fp ? J_RAX : keep_gp[h], fp || is_word(k, i) ? w : w << 16);
    if (fp) jit_to_float(m->j, keep_xmm((unsigned)h), J_RAX);
  }
}

// Numbers into registers, wherever they are; what is no such number leaves.
static void load_numbers(Emit *m, const Turn *t) {
  for (unsigned i = 0; i < t->n; i++) {
    if (is_constant(t->x[i])) continue;
    if (header_gp(m->keep, i) >= 0 && !is_word(m->keep, i))
      keep_int(m, t->x[i]);
    if (header_fp(m->keep, i) >= 0) keep_double(m, 0, t->x[i]);
  }
}

// Other words that go to registers.
static void load_words(Emit *m, Turn *t) {
  for (unsigned i = 0; i < t->n; i++) {
    unsigned s = t->x[i];
    if (is_constant(s) || !is_word(m->keep, i)) continue;
    int held = keep_find_word(m, s);
    if (held >= 0 && !must_be_ready(m, s) && !must_be_full(m, t, i)) {
      keep_pin(m, false, held);
      t->word[i] = (unsigned)held;
      continue;
    }
    word(m, t, i);
    t->word[i] = keep_scratch(m);
    jit_rr(m->j, J_MOV, keep_gp[t->word[i]], J_RAX);
  }
}

bool ambi_emit_turn(Emit *m) {
  Keep *k = m->keep;
  Turn t = {
      .x = ambi_op_list(m->pc) + 1, .n = m->pc->b, .call = jit_label(m->j)};
  if (!emit_calls_self(m, m->pc) || !k->loop_facts || !plan(m, &t))
    return false;
  if (!k->loop) emit_may_turn(m, keep_exit(m));
  load_numbers(m, &t);
  load_words(m, &t);
  memory_arguments(m, &t);
  register_arguments(m, &t, false);
  register_arguments(m, &t, true);
  if (!k->loop) {
    keep_count(m);
    jit_rm(m->j, J_MOV, R_TURNS, in_engine(OFF(Engine, budget)));
  }
  jit_jump(m->j, k->head);
  if (t.called) {
    keep_forget(m);
    jit_bind(m->j, t.call);
    if (t.n <= EMIT_IN_REGISTERS)
      emit_turn_again(m, t.called == 1 ? t.missed : NO_SLOT);
    else
      ambi_emit_TAILCALL(m);
  }
  return true;
}

// ---- a version ----------------------------------------------------------------------
static void header(Emit *m) {
  Keep *k = m->keep;
  unsigned gp = 0, fp = 0;
  keep_empty(&k->header);
  k->header.turns = k->header.turns_dirty = true;
  for (unsigned i = 0; i < m->u->nargs; i++) {
    Kept arg = {.slot = (uint16_t)i, .dirty = true};
    if (wants(k, i, FACT_INT) && gp < LOOP_GP)
      k->header.gp[gp++] = arg;
    else if (wants(k, i, FACT_FLOAT) && fp < LOOP_FP)
      k->header.fp[fp++] = arg;
  }
  for (unsigned i = 0; i < m->u->nargs && gp < LOOP_GP; i++)
    if (!wants(k, i, FACT_INT) && !wants(k, i, FACT_FLOAT) &&
        (k->changes >> i & 1))
      k->header.gp[gp++] =
          (Kept){.slot = (uint16_t)i, .dirty = true, .word = true};
}

// One step, as at the entry of a call. A look at limits and memory wants all arguments
// in the frame, and goes on with a turn of the whole version.
static void loop_head(Emit *m) {
  Jit *j = m->j;
  Keep *k = m->keep;
  JitLabel look = jit_label(j);
  jit_bind(j, k->head);
  jit_ri(j, J_SUB, R_TURNS, 1);
  jit_jump_if(j, J_SIGN, look);
  jit_cold(j);
  jit_bind(j, look);
  for (unsigned i = 0; i < LOOP_GP; i++)
    if (k->header.gp[i].slot != NO_SLOT &&
        keep_word(m, J_RAX, k->header.gp[i].slot))
      emit_to_slot(m, k->header.gp[i].slot, J_RAX);
  for (unsigned i = 0; i < LOOP_FP; i++)
    if (k->header.fp[i].slot != NO_SLOT)
      jit_float_mr(j, in_slot(k->header.fp[i].slot), keep_xmm(i));
  jit_mr(j, J_MOV, in_engine(OFF(Engine, budget)), R_TURNS);
  jit_call(j, m->em->stubs.poll);
  jit_jump(j, k->peeled);
  jit_hot(j);
  emit_counted_call(m);
}

static void instruction(Emit *m) {
  m->had = NO_SLOT;
  emit_counted(m);
  if (emit_leaves(m)) {
    keep_flush(m, m->at);
    keep_forget(m);
    jit_jump(m->j, emit_slow(m));
  } else {
    ambi_emit_keeping(m);
  }
  emit_slow_arm(m);
  keep_stubs(m);
}

// Does the way lead on to the next instruction? Those that have another behind them
// for what comes later jump over it.
static bool falls(const Code *pc) {
  return !(ambi_ops[pc->op].flags & F_END) && !ambi_op_skips(pc);
}

// From the instruction before, if that leads here.
static void arrive(Emit *m, KeepLabel *l, bool here) {
  Keep *k = m->keep;
  if (here && l->set) keep_become(m, m->at, &l->state);
  if (!l->set) *l = (KeepLabel){.state = k->now, .set = true};
  k->now = l->state;
  l->done = true;
  jit_bind(m->j, k->loop ? k->loop_label[m->at] : emit_sure_at(m, m->at));
  if (AMB_TSAN && m->at == 0 && !k->loop)
    jit_call_to(m->j, m->em->stubs.observe);
}

// Once through the unit: what the instruction before leads to, and what something has
// jumped to. True: some code was emitted.
static bool pass(Emit *m, bool here) {
  Keep *k = m->keep;
  bool some = false;
  for (m->at = 0; m->at < m->u->ncode; m->at += ambi_op_words(m->pc)) {
    m->pc = m->u->code + m->at;
    bool in = k->loop ? k->region[m->at] : m->wanted[m->at] != 0;
    KeepLabel *l = &k->label[k->loop][m->at];
    if (here && (!in || l->done)) {
      jit_jump(m->j, keep_label(m, m->at));
      keep_stubs(m);
      here = false;
    }
    if (!in || l->done || (!here && !l->set)) continue;
    arrive(m, l, here);
    instruction(m);
    here = falls(m->pc);
    some = true;
  }
  return some;
}

// Again for what is only jumped back to.
static void version(Emit *m, bool loop) {
  m->keep->loop = loop;
  bool first = true;
  while (pass(m, first))
    first = false;
}

void ambi_emit_level2(Emit *m) {
  Keep *k = m->keep;
  m->sure = k->on = true;
  k->head = jit_label(m->j);
  for (uint32_t at = 0; at < m->u->ncode; at++)
    k->loop_label[at] = jit_label(m->j);
  if (k->loop_facts) header(m);
  keep_forget(m);
  version(m, false);
  if (k->loop_facts) {
    uint64_t *facts = m->facts;
    m->facts = k->loop_facts;
    k->now = k->header;
    loop_head(m);
    version(m, true);
    m->facts = facts;
  }
  JitLabel end = m->sure_end = jit_label(m->j);
  jit_bind(m->j, end);
  keep_forget(m);
  k->on = false;
}
