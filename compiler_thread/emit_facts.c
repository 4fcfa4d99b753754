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
// One forward pass to a fixed point; a row of bits for each word of the unit.
#include "compiler_thread/template.h"
#include "memory/alloc.h"

enum { ROOM = 1 << 22 };  // bytes of rows; larger units have no sure version

typedef struct Flow {
  Emit *m;
  uint8_t *now;  // behind the instruction at hand
  bool changed;
} Flow;

static uint8_t *row(const Emit *m, uint32_t at) {
  return m->facts + (size_t)at * m->u->nslots;
}

static void into(Flow *f, uint32_t at, const uint8_t *facts) {
  uint8_t *to = row(f->m, at);
  if (at >= f->m->u->ncode || !f->m->wanted[at]) return;
  for (uint32_t i = 0; i < f->m->u->nslots; i++) {
    if ((to[i] & facts[i]) == to[i]) continue;
    to[i] &= facts[i];
    f->changed = true;
  }
}

static void learn(Flow *f, unsigned source, unsigned fact) {
  if (!is_constant(source)) f->now[slot_of(source)] |= (uint8_t)fact;
}

static uint8_t told(const Flow *f, unsigned source) {
  if (!is_constant(source)) return f->now[slot_of(source)];
  return ambi_is_int(constant(f->m, source)) ? FACT_INT : 0;
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

static uint8_t result(const Flow *f, const Code *pc) {
  switch (pc->op) {
  case OP_I_ADD:
  case OP_I_SUB:
  case OP_I_MUL:
  case OP_I_ADDI:
  case OP_I_SUBI: return FACT_INT;
  case OP_I_MOVE:
  case OP_I_EVALV:
  case OP_I_EVALT: return told(f, pc->b) & FACT_INT;
  case OP_I_MKEXPR: return FACT_FLAT;
  case OP_I_BUILTIN: return ambi_emit_gives_integer(pc) ? FACT_INT : 0;
  default: return 0;
  }
}

static void forget(Flow *f, const Code *pc) {
  const OpInfo *op = &ambi_ops[pc->op];
  const uint16_t x[3] = {pc->a, pc->b, pc->c};
  for (int i = 0; i < 3; i++) {
    char kind = op->operands[i];
    if ((kind == 'W' || kind == 'P' || kind == 'U') && x[i] != NO_SLOT)
      f->now[x[i]] = 0;
  }
  if (!(op->flags & X_ENV)) return;
  for (unsigned i = 0; i < pc->b; i++)
    if (ambi_op_list(pc)[i] & ENV_NEW)
      f->now[ambi_op_list(pc)[i] & (ENV_NEW - 1)] = 0;
}

static void into_cases(Flow *f, const Code *pc) {
  const Switch *s = &f->m->u->switches[pc->b];
  uint8_t was = f->now[pc->a];
  into(f, s->other, f->now);
  into(f, s->open, f->now);
  for (uint32_t i = 0; i < s->n; i++) {
    uint32_t tag = (uint32_t)(s->cases[i].key >> 48);
    f->now[pc->a] = was | (tag == TAG_HDR   ? FACT_FLAT
                           : tag == TAG_INT ? FACT_INT
                                            : 0);
    into(f, s->cases[i].to, f->now);
  }
  f->now[pc->a] = was;
}

static void step(Flow *f, uint32_t at) {
  const Unit *u = f->m->u;
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  uint32_t words = ambi_op_words(pc), edge = ambi_unit_edge(u, at);
  memcpy(f->now, row(f->m, at), u->nslots);
  if (edge != UINT32_MAX) into(f, edge, f->m->nothing);
  learn_operands(f, pc);
  if (op->operands[2] == 'L')
    into(f, (uint32_t)((int64_t)at + (int16_t)pc->c), f->now);
  if (op->flags & (X_VARL | X_ELSE))
    into(f, (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b), f->now);
  if (pc->op == OP_I_SWITCH) into_cases(f, pc);
  uint8_t gives = result(f, pc);
  forget(f, pc);
  if (!(op->flags & F_END) && ambi_op_skips(pc)) {
    into(f, at + words, f->now);
    f->now[pc->a] = gives;
    into(f, at + words + 1, f->now);
    return;
  }
  if (gives) f->now[pc->a] = gives;
  if (pc->op == OP_I_TESTF) f->now[pc->a] |= FACT_FLAT;
  if (!(op->flags & F_END)) into(f, at + words, f->now);
}

bool ambi_emit_facts(Emit *m) {
  const Unit *u = m->u;
  size_t bytes = ((size_t)u->ncode + 2) * u->nslots;
  if (bytes > ROOM || u->nslots == 0) return true;
  m->facts_bytes = bytes + 2 * (size_t)u->nslots;
  m->facts = ambi_alloc(m->facts_bytes);
  if (!m->facts) return false;
  m->nothing = m->facts + bytes;
  Flow f = {.m = m, .now = m->facts + bytes + u->nslots, .changed = true};
  memset(m->facts, 0xFF, bytes);
  memset(m->facts, 0, u->nslots);  // an entry knows nothing
  while (f.changed) {
    f.changed = false;
    for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
      if (m->wanted[at]) step(&f, at);
  }
  return true;
}
