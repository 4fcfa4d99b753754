// Registers that hold slots: found, taken, stored, and made to agree where ways meet.
#include "compiler_thread/keep.h"

#include "memory/alloc.h"

const JitReg keep_gp[KEEP_GP] = {J_R8, J_R9, J_R10, J_R11, J_RSI};

// ---- opening ------------------------------------------------------------------------
bool keep_open(Emit *m) {
  const Unit *u = m->u;
  size_t words = (size_t)u->ncode + 1;
  Keep *k = m->keep = ambi_alloc(sizeof *k);
  if (!k) return false;
  for (int i = 0; i < 2; i++)
    k->label[i] = ambi_alloc(words * sizeof *k->label[i]);
  k->region = ambi_alloc(words);
  k->row = ambi_alloc(words * sizeof *k->row);
  k->loop_label = ambi_alloc(words * sizeof *k->loop_label);
  k->stub = ambi_alloc(KEEP_STUBS * sizeof *k->stub);
  if (!k->label[0] || !k->label[1] || !k->region || !k->row || !k->loop_label ||
      !k->stub)
    return false;
  for (uint32_t i = 0; i < u->nrows; i++)
    k->row[u->live_at[i]] = i;
  keep_empty(&k->now);
  return ambi_emit_loop_facts(m);
}

void keep_close(Emit *m) {
  Keep *k = m->keep;
  size_t words = (size_t)m->u->ncode + 1;
  if (!k) return;
  for (int i = 0; i < 2; i++)
    ambi_free(k->label[i], words * sizeof *k->label[i]);
  ambi_free(k->region, words);
  ambi_free(k->row, words * sizeof *k->row);
  ambi_free(k->loop_label, words * sizeof *k->loop_label);
  ambi_free(k->loop_facts, ambi_emit_facts_room(m) * sizeof *k->loop_facts);
  ambi_free(k->stub, KEEP_STUBS * sizeof *k->stub);
  ambi_free(k, sizeof *k);
}

// ---- what is held -------------------------------------------------------------------
void keep_empty(KeepState *s) {
  *s = (KeepState){.turns = false};
  for (int i = 0; i < KEEP_GP; i++)
    s->gp[i].slot = NO_SLOT;
  for (int i = 0; i < KEEP_FP; i++)
    s->fp[i].slot = NO_SLOT;
}

bool keep_live(const Emit *m, uint32_t offset, unsigned slot) {
  const Unit *u = m->u;
  const uint64_t *row = u->live + (size_t)m->keep->row[offset] * u->nlive;
  return row[slot / 64] >> (slot % 64) & 1;
}

static int find(const Kept *k, unsigned n, unsigned source, bool word) {
  if (is_constant(source)) return -1;
  for (unsigned i = 0; i < n; i++)
    if (k[i].slot == slot_of(source) && k[i].word == word) return (int)i;
  return -1;
}

int keep_find_gp(const Emit *m, unsigned source) {
  return find(m->keep->now.gp, KEEP_GP, source, false);
}

int keep_find_word(const Emit *m, unsigned source) {
  return find(m->keep->now.gp, KEEP_GP, source, true);
}

int keep_find_fp(const Emit *m, unsigned source) {
  return find(m->keep->now.fp, KEEP_FP, source, false);
}

void keep_drop(Emit *m, unsigned slot) {
  KeepState *s = &m->keep->now;
  for (unsigned i = 0; i < KEEP_GP; i++)
    if (s->gp[i].slot == slot) s->gp[i] = (Kept){.slot = NO_SLOT};
  for (unsigned i = 0; i < KEEP_FP; i++)
    if (s->fp[i].slot == slot) s->fp[i] = (Kept){.slot = NO_SLOT};
}

void keep_forget(Emit *m) {
  keep_empty(&m->keep->now);
}

// ---- to and from memory -------------------------------------------------------------
static void store_gp(Emit *m, unsigned i, Kept k) {
  if (k.word) {
    emit_to_slot(m, k.slot, keep_gp[i]);
    return;
  }
  jit_lea(m->j, J_RCX, jit_at(keep_gp[i], TAG_INT));
  jit_shift(m->j, J_ROR, J_RCX, 16);
  emit_to_slot(m, k.slot, J_RCX);
}

static void load_gp(Emit *m, unsigned i, Kept k) {
  jit_rm(m->j, J_MOV, keep_gp[i], in_slot(k.slot));
  if (!k.word) jit_shift(m->j, J_SHL, keep_gp[i], 16);
}

// The budget, but for `left` steps.
static void count(Emit *m, KeepState *s, int left) {
  JitMem budget = in_engine(OFF(Engine, budget));
  if (s->turns && s->turns_dirty)
    jit_mr(m->j, J_MOV, budget, R_TURNS);
  else if (s->steps != left)
    jit_mi(m->j, J_SUB, 8, budget, (int)s->steps - left);
  s->turns_dirty = false;
  s->steps = (uint16_t)left;
}

static void store_dirty(Emit *m, KeepState *s, uint32_t offset) {
  for (unsigned i = 0; i < KEEP_GP; i++) {
    Kept *k = &s->gp[i];
    if (k->dirty && keep_live(m, offset, k->slot)) store_gp(m, i, *k);
    if (k->dirty && !keep_live(m, offset, k->slot))
      *k = (Kept){.slot = NO_SLOT};
    k->dirty = false;
  }
  for (unsigned i = 0; i < KEEP_FP; i++) {
    Kept *k = &s->fp[i];
    if (k->dirty && keep_live(m, offset, k->slot))
      jit_float_mr(m->j, in_slot(k->slot), keep_xmm(i));
    if (k->dirty && !keep_live(m, offset, k->slot)) k->slot = NO_SLOT;
    k->dirty = false;
  }
  count(m, s, 0);
}

void keep_count(Emit *m) {
  count(m, &m->keep->now, 0);
}

void keep_flush(Emit *m, uint32_t offset) {
  store_dirty(m, &m->keep->now, offset);
}

bool keep_word(Emit *m, JitReg r, unsigned slot) {
  int w = keep_find_word(m, slot), i = keep_find_gp(m, slot);
  if (w >= 0) jit_rr(m->j, J_MOV, r, keep_gp[w]);
  if (w >= 0) return true;
  if (i >= 0) {
    jit_lea(m->j, r, jit_at(keep_gp[i], TAG_INT));
    jit_shift(m->j, J_ROR, r, 16);
    return true;
  }
  i = keep_find_fp(m, slot);
  if (i >= 0) jit_from_float(m->j, r, keep_xmm((unsigned)i));
  return i >= 0;
}

// ---- taking registers ---------------------------------------------------------------
// Free, or of a value that is needed no more, or that memory has; else any. The last one
// does not live long.
static unsigned choose(const Emit *m, const Kept *k, unsigned n,
                       uint32_t pins) {
  uint32_t behind = m->at + emit_words(m);
  bool ends = ambi_ops[m->pc->op].flags & F_END;
  int dead = -1, clean = -1, any = -1, spare = -1;
  for (unsigned i = 0; i < n; i++) {
    if (pins >> i & 1) continue;
    if (k[i].slot == NO_SLOT && i + 1 < n) return i;
    any = (int)i;
    if (k[i].slot == NO_SLOT) {
      spare = any;
      continue;
    }
    if (!k[i].dirty) clean = (int)i;
    if (!ends && !keep_live(m, behind, k[i].slot) &&
        !keep_live(m, m->at, k[i].slot))
      dead = (int)i;
  }
  AMB_CHECK(any >= 0);
  return (unsigned)(dead >= 0    ? dead
                    : spare >= 0 ? spare
                    : clean >= 0 ? clean
                                 : any);
}

void keep_pin(Emit *m, bool fp, int i) {
  m->keep->pins[fp] |= 1u << i;
}

static unsigned take_gp(Emit *m) {
  KeepState *s = &m->keep->now;
  unsigned i = choose(m, s->gp, KEEP_GP, m->keep->pins[0]);
  if (s->gp[i].dirty) store_gp(m, i, s->gp[i]);
  s->gp[i] = (Kept){.slot = NO_SLOT};
  m->keep->pins[0] |= 1u << i;
  return i;
}

static unsigned take_fp(Emit *m) {
  KeepState *s = &m->keep->now;
  unsigned i = choose(m, s->fp, KEEP_FP, m->keep->pins[1]);
  if (s->fp[i].dirty) jit_float_mr(m->j, in_slot(s->fp[i].slot), keep_xmm(i));
  s->fp[i] = (Kept){.slot = NO_SLOT};
  m->keep->pins[1] |= 1u << i;
  return i;
}

JitReg keep_define_gp(Emit *m, unsigned slot) {
  keep_drop(m, slot);
  unsigned i = take_gp(m);
  m->keep->now.gp[i] = (Kept){.slot = (uint16_t)slot, .dirty = true};
  return keep_gp[i];
}

unsigned keep_define_fp(Emit *m, unsigned slot) {
  keep_drop(m, slot);
  unsigned i = take_fp(m);
  m->keep->now.fp[i] = (Kept){.slot = (uint16_t)slot, .dirty = true};
  return keep_xmm(i);
}

JitReg keep_load_gp(Emit *m, unsigned slot) {
  unsigned i = take_gp(m);
  m->keep->now.gp[i] = (Kept){.slot = (uint16_t)slot};
  load_gp(m, i, m->keep->now.gp[i]);
  return keep_gp[i];
}

void keep_give_word(Emit *m, unsigned slot) {
  jit_rr(m->j, J_MOV, keep_define_gp(m, slot), J_RAX);
  m->keep->now.gp[keep_find_gp(m, slot)].word = true;
}

JitReg keep_word_of(Emit *m, unsigned source) {
  Kept *gp = m->keep->now.gp;
  int w = keep_find_word(m, source);
  bool memory = !is_constant(source) && w < 0 && keep_find_gp(m, source) < 0 &&
                keep_find_fp(m, source) < 0;
  for (int i = 0; memory && i < KEEP_GP - 1; i++) {
    if (gp[i].slot != NO_SLOT || (m->keep->pins[0] >> i & 1)) continue;
    gp[i] = (Kept){.slot = (uint16_t)slot_of(source), .word = true};
    load_gp(m, (unsigned)i, gp[i]);
    w = i;
    break;
  }
  if (w >= 0) {
    keep_pin(m, false, w);
    return keep_gp[w];
  }
  emit_source(m, J_RAX, source);
  return J_RAX;
}

unsigned keep_scratch(Emit *m) {
  return take_gp(m);
}

void keep_release_rsi(Emit *m) {
  Kept *k = &m->keep->now.gp[KEEP_GP - 1];
  if (k->slot != NO_SLOT && k->dirty) store_gp(m, KEEP_GP - 1, *k);
  *k = (Kept){.slot = NO_SLOT};
  keep_pin(m, false, KEEP_GP - 1);
}

unsigned keep_load_fp(Emit *m, unsigned slot) {
  unsigned i = take_fp(m);
  jit_float_rm(m->j, keep_xmm(i), in_slot(slot));
  m->keep->now.fp[i] = (Kept){.slot = (uint16_t)slot};
  return keep_xmm(i);
}

// ---- places where ways meet ----------------------------------------------------------
static bool same(Kept a, Kept b) {
  return a.slot == b.slot && a.word == b.word;
}

// Does `from` need nothing to be done for it to be `want`?
static bool agree(const Emit *m, const KeepState *from, const KeepState *want,
                  uint32_t offset) {
  if (want->turns != from->turns && (want->turns || from->turns_dirty))
    return false;
  if (want->turns && from->turns_dirty && !want->turns_dirty) return false;
  if (want->steps != from->steps) return false;
  for (unsigned i = 0; i < KEEP_GP + KEEP_FP; i++) {
    bool g = i < KEEP_GP;
    Kept f = g ? from->gp[i] : from->fp[i - KEEP_GP],
         w = g ? want->gp[i] : want->fp[i - KEEP_GP];
    if (w.slot != NO_SLOT && !same(w, f)) return false;
    if (f.dirty && !(same(w, f) && w.dirty) && keep_live(m, offset, f.slot))
      return false;
  }
  return true;
}

// Everything that `want` does not take over dirty is stored; then what it has and
// `from` does not is loaded.
static void become(Emit *m, KeepState from, const KeepState *want,
                   uint32_t offset) {
  KeepState left = from;
  for (unsigned i = 0; i < KEEP_GP; i++)
    if (want->gp[i].dirty && same(want->gp[i], from.gp[i]))
      left.gp[i].dirty = false;
  for (unsigned i = 0; i < KEEP_FP; i++)
    if (want->fp[i].dirty && want->fp[i].slot == from.fp[i].slot)
      left.fp[i].dirty = false;
  if (want->turns && want->turns_dirty) left.turns_dirty = false;
  count(m, &left, want->steps);
  left.steps = 0;
  store_dirty(m, &left, offset);
  for (unsigned i = 0; i < KEEP_GP; i++)
    if (want->gp[i].slot != NO_SLOT && !same(want->gp[i], from.gp[i]))
      load_gp(m, i, want->gp[i]);
  for (unsigned i = 0; i < KEEP_FP; i++)
    if (want->fp[i].slot != NO_SLOT && want->fp[i].slot != from.fp[i].slot)
      jit_float_rm(m->j, keep_xmm(i), in_slot(want->fp[i].slot));
  if (want->turns && !from.turns)
    jit_rm(m->j, J_MOV, R_TURNS, in_engine(OFF(Engine, budget)));
}

void keep_become(Emit *m, uint32_t offset, const KeepState *want) {
  become(m, m->keep->now, want, offset);
  m->keep->now = *want;
}

JitLabel keep_jump(Emit *m, JitLabel to, uint32_t offset,
                   const KeepState *want) {
  Keep *k = m->keep;
  if (agree(m, &k->now, want, offset)) return to;
  AMB_CHECK(k->nstubs < KEEP_STUBS);
  KeepStub *s = &k->stub[k->nstubs++];
  *s = (KeepStub){.at = jit_label(m->j),
                  .to = to,
                  .offset = offset,
                  .from = k->now,
                  .want = *want};
  return s->at;
}

void keep_stubs(Emit *m) {
  Keep *k = m->keep;
  jit_cold(m->j);
  for (unsigned i = 0; i < k->nstubs; i++) {
    KeepStub *s = &k->stub[i];
    jit_bind(m->j, s->at);
    become(m, s->from, &s->want, s->offset);
    jit_jump(m->j, s->to);
  }
  k->nstubs = 0;
  jit_hot(m->j);
}

// What is worth keeping where only this much is known on all ways.
static void fix(Emit *m, KeepLabel *l, uint32_t offset) {
  l->state = m->keep->now;
  l->set = true;
  for (unsigned i = 0; i < KEEP_GP; i++) {
    Kept *g = &l->state.gp[i];
    if (g->slot != NO_SLOT &&
        ((!g->word && !emit_fact(m, offset, g->slot, FACT_INT)) ||
         !keep_live(m, offset, g->slot)))
      *g = (Kept){.slot = NO_SLOT};
  }
  for (unsigned i = 0; i < KEEP_FP; i++) {
    Kept *g = &l->state.fp[i];
    if (g->slot != NO_SLOT && (!emit_fact(m, offset, g->slot, FACT_FLOAT) ||
                               !keep_live(m, offset, g->slot)))
      *g = (Kept){.slot = NO_SLOT};
  }
}

JitLabel keep_general(Emit *m, uint32_t offset) {
  KeepState nothing;
  keep_empty(&nothing);
  m->used[offset] = 1;
  return keep_jump(m, emit_general_at(m, offset), offset, &nothing);
}

static JitLabel label_in(Emit *m, uint32_t offset, bool loop) {
  Keep *k = m->keep;
  KeepLabel *l = &k->label[loop][offset];
  JitLabel to = loop ? k->loop_label[offset] : emit_sure_at(m, offset);
  // The whole unit is complete when its loop is emitted.
  if (loop != k->loop && !l->done) return keep_general(m, offset);
  if (!l->set) fix(m, l, offset);
  return keep_jump(m, to, offset, &l->state);
}

JitLabel keep_label(Emit *m, uint32_t offset) {
  Keep *k = m->keep;
  if (!m->wanted[offset]) return keep_general(m, offset);
  return label_in(m, offset, k->loop && k->region[offset]);
}

JitLabel keep_leave(Emit *m) {
  return label_in(m, m->at, false);
}

JitLabel keep_arrive(Emit *m, uint32_t offset) {
  KeepState now = m->keep->now;
  keep_forget(m);
  JitLabel l = keep_label(m, offset);
  m->keep->now = now;
  return l;
}

bool keep_again(Emit *m, uint32_t offset, JitLabel *to) {
  const KeepLabel *l = &m->keep->label[false][offset];
  if (!l->done) return false;
  keep_forget(m);
  *to = keep_jump(m, emit_sure_at(m, offset), offset, &l->state);
  return true;
}

unsigned keep_wants(const Emit *m, uint32_t offset, unsigned slot) {
  const KeepState *s = &m->keep->label[false][offset].state;
  unsigned facts = 0;
  for (unsigned i = 0; i < FACTS_OF_VALUES; i++)
    facts |= (unsigned)emit_fact(m, offset, slot, (enum Fact)i) << i;
  if (find(s->gp, KEEP_GP, slot, false) >= 0) facts |= 1u << FACT_INT;
  if (find(s->fp, KEEP_FP, slot, false) >= 0) facts |= 1u << FACT_FLOAT;
  return facts;
}

JitLabel keep_exit(Emit *m) {
  return keep_general(m, m->at);
}

JitLabel keep_stored(Emit *m, JitLabel to) {
  KeepState nothing;
  keep_empty(&nothing);
  return keep_jump(m, to, m->at, &nothing);
}
