// What is known of a frame's slots, for the sure version of a unit.
//
// A unit is emitted twice. The general version assumes nothing. The sure version
// assumes what its own checks have shown: after a comparison of integers both are
// integers, after a switch to a term's case the slot holds an expression with its
// children behind its header. Whatever else happens goes on in the general version:
// slow arms, doubles, variables that have to be followed. So only the edges of the
// sure version count here. Slots keep their words across calls and alternatives (a
// slot that is needed later is not written again), and a collection changes
// addresses, not kinds; what held before a call holds behind it.
//
// Rows of bits, one for each slot: those known to be integers, those known to be flat
// expressions. Code mostly goes forward, so one pass over the unit nearly always does.
#include "compiler_thread/template.h"
#include "memory/stress.h"

enum { ROOM = 1 << 19 };  // words of rows; larger units have no sure version

typedef struct Flow {
  Emit *m;
  uint64_t *now;  // behind the instruction at hand
  uint64_t *nothing;
  uint32_t at;
  bool back;  // something changed that was passed already
} Flow;

static uint64_t *row(const Emit *m, uint32_t at) {
  return m->facts + (size_t)at * FACTS * m->fact_words;
}

static void into(Flow *f, uint32_t at, const uint64_t *facts) {
  const Emit *m = f->m;
  if (at >= m->u->ncode || !m->wanted[at]) return;
  uint64_t *to = row(m, at), lost = 0;
  for (uint32_t i = 0; i < FACTS * m->fact_words; i++) {
    lost |= to[i] & ~facts[i];
    to[i] &= facts[i];
  }
  if (lost && at <= f->at) f->back = true;
}

static uint64_t *bits(const Flow *f, enum Fact fact, unsigned slot) {
  return f->now + fact * f->m->fact_words + slot / 64;
}
static void know(Flow *f, enum Fact fact, unsigned slot) {
  *bits(f, fact, slot) |= (uint64_t)1 << slot % 64;
}
static void forget_slot(Flow *f, unsigned slot) {
  for (unsigned i = 0; i < FACTS; i++)
    *bits(f, i, slot) &= ~((uint64_t)1 << slot % 64);
}

static void learn(Flow *f, unsigned source, enum Fact fact) {
  if (!is_constant(source)) know(f, fact, slot_of(source));
}

static bool told_integer(const Flow *f, unsigned source) {
  if (is_constant(source)) return ambi_is_int(constant(f->m, source));
  return *bits(f, FACT_INT, slot_of(source)) >> slot_of(source) % 64 & 1;
}

// What the operands have shown to be, if the instruction goes on in its version.
static void learn_operands(Flow *f, const Code *pc) {
  switch (pc->op) {
  case OP_I_ADD:
  case OP_I_SUB:
  case OP_I_MUL:
    learn(f, pc->b, FACT_INT);
    learn(f, pc->c, FACT_INT);
    break;
  case OP_I_ADDI:
  case OP_I_SUBI: learn(f, pc->b, FACT_INT); break;
  case OP_I_JNLT:
  case OP_I_JNGT:
  case OP_I_JNLE:
  case OP_I_JNGE:
  case OP_I_JNEQT:
    learn(f, pc->a, FACT_INT);
    learn(f, pc->b, FACT_INT);
    break;
  case OP_I_JNEQI:
  case OP_I_JNLTI:
  case OP_I_JNGTI: learn(f, pc->a, FACT_INT); break;
  case OP_I_GETCH: learn(f, pc->b, FACT_FLAT); break;
  default: break;
  }
}

// What the written slot is known to be: a fact, or FACTS.
static enum Fact result(const Flow *f, const Code *pc) {
  switch (pc->op) {
  case OP_I_ADD:
  case OP_I_SUB:
  case OP_I_MUL:
  case OP_I_ADDI:
  case OP_I_SUBI: return FACT_INT;
  case OP_I_MOVE:
  case OP_I_EVALV:
  case OP_I_EVALT: return told_integer(f, pc->b) ? FACT_INT : FACTS;
  case OP_I_MKEXPR: return FACT_FLAT;
  case OP_I_BUILTIN: return ambi_emit_gives_integer(pc) ? FACT_INT : FACTS;
  default: return FACTS;
  }
}

static void forget(Flow *f, const Code *pc) {
  const OpInfo *op = &ambi_ops[pc->op];
  const uint16_t x[3] = {pc->a, pc->b, pc->c};
  for (int i = 0; i < 3; i++) {
    char kind = op->operands[i];
    if ((kind == 'W' || kind == 'P' || kind == 'U') && x[i] != NO_SLOT)
      forget_slot(f, x[i]);
  }
  if (!(op->flags & X_ENV)) return;
  for (unsigned i = 0; i < pc->b; i++)
    if (ambi_op_list(pc)[i] & ENV_NEW)
      forget_slot(f, ambi_op_list(pc)[i] & (ENV_NEW - 1));
}

static void into_cases(Flow *f, const Code *pc) {
  const Switch *s = &f->m->u->switches[pc->b];
  uint64_t was[FACTS];
  for (unsigned i = 0; i < FACTS; i++)
    was[i] = *bits(f, i, pc->a);
  into(f, s->other, f->now);
  into(f, s->open, f->now);
  for (uint32_t i = 0; i < s->n; i++) {
    uint32_t tag = (uint32_t)(s->cases[i].key >> 48);
    if (tag == TAG_HDR) know(f, FACT_FLAT, pc->a);
    if (tag == TAG_INT) know(f, FACT_INT, pc->a);
    into(f, s->cases[i].to, f->now);
    for (unsigned k = 0; k < FACTS; k++)
      *bits(f, k, pc->a) = was[k];
  }
}

static void step(Flow *f) {
  const Emit *m = f->m;
  const Unit *u = m->u;
  uint32_t at = f->at, words = m->wanted[at];
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  memcpy(f->now, row(m, at), FACTS * m->fact_words * sizeof *f->now);
  if (ambi_stress(STRESS_COLLECT)) {  // only then edges get machine code
    uint32_t edge = ambi_unit_edge(u, at);
    if (edge != UINT32_MAX) into(f, edge, f->nothing);
  }
  learn_operands(f, pc);
  if (op->operands[2] == 'L')
    into(f, (uint32_t)((int64_t)at + (int16_t)pc->c), f->now);
  if (op->flags & (X_VARL | X_ELSE))
    into(f, (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b), f->now);
  if (pc->op == OP_I_SWITCH) into_cases(f, pc);
  enum Fact gives = result(f, pc);
  forget(f, pc);
  bool skips = !(op->flags & F_END) && ambi_op_skips(pc);
  if (skips) into(f, at + words, f->now);
  if (gives != FACTS) know(f, gives, pc->a);
  if (pc->op == OP_I_TESTF) know(f, FACT_FLAT, pc->a);
  if (!(op->flags & F_END)) into(f, at + words + skips, f->now);
}

size_t ambi_emit_facts_room(Emit *m) {
  const Unit *u = m->u;
  m->fact_words = (u->nslots + 63) / 64;
  // Those two behind the last are Flow.now and Flow.nothing.
  size_t room = ((size_t)u->ncode + 2) * FACTS * m->fact_words;
  return room <= ROOM ? room : 0;
}

void ambi_emit_facts(Emit *m) {
  const Unit *u = m->u;
  Flow f = {.m = m, .now = row(m, u->ncode), .nothing = row(m, u->ncode + 1)};
  memset(m->facts, 0xFF, (size_t)((char *)f.now - (char *)m->facts));
  memset(m->facts, 0, FACTS * m->fact_words * sizeof *f.now);  // an entry
  memset(f.nothing, 0, FACTS * m->fact_words * sizeof *f.now);
  do {
    f.back = false;
    for (f.at = 0; f.at < u->ncode; f.at++)
      if (m->wanted[f.at]) step(&f);
  } while (f.back);
}
