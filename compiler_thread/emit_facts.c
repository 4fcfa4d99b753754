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
// expressions, and so on (enum Fact). Code mostly goes forward, so one pass over the unit
// nearly always does.
//
// Level 2 also asks what is known in a unit's loop (emit_loop.c) if the first turn is
// left aside: of its arguments all is supposed that the turns to follow do not
// contradict, and a turn is only taken with arguments of that kind.
#include "compiler_thread/keep.h"
#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/builtins/builtin.h"

enum { ROOM = 1 << 19 };  // words of rows; larger units have no sure version

typedef struct Flow {
  Emit *m;
  uint64_t *rows;
  uint8_t *region;    // of a loop: grows; NULL: the whole unit
  uint64_t *reached;  // a bit for each word: the sure version comes there
  uint64_t *now;      // behind the instruction at hand
  uint64_t *nothing;
  uint32_t at;
  bool back;  // something changed that was passed already
} Flow;

static uint64_t *row(const Flow *f, uint32_t at) {
  return f->rows + (size_t)at * FACTS * f->m->fact_words;
}

static bool is_reached(const Flow *f, uint32_t at) {
  return f->reached[at / 64] >> at % 64 & 1;
}

static bool is_turn(const Emit *m, const Code *pc) {
  return pc->op == OP_I_TAILCALL && emit_calls_self(m, pc);
}

static uint64_t *bits(const Flow *f, enum Fact fact, unsigned slot) {
  return f->now + fact * f->m->fact_words + slot / 64;
}

static bool told(const Flow *f, enum Fact fact, unsigned source) {
  if (!is_constant(source))
    return *bits(f, fact, slot_of(source)) >> slot_of(source) % 64 & 1;
  Value v = constant(f->m, source);
  switch (fact) {
  case FACT_INT: return ambi_is_int(v);
  case FACT_FLOAT: return ambi_is_double(v);
  case FACT_READY:
  case FACT_FULL: return ambi_emit_full_atom(v);
  default: return false;
  }
}

// What is streamed goes on at once, unless it is an Error.
static bool streams_number(const Flow *f, const Code *pc) {
  return pc->op == OP_I_STREAM &&
         (told(f, FACT_INT, pc->a) || told(f, FACT_FLOAT, pc->a));
}

// What does not keep registers is no part of a loop.
static bool enters(Flow *f, uint32_t at) {
  const Code *pc = f->m->u->code + at;
  if (!f->m->wanted[at]) return false;
  if (!f->region || f->region[at]) return true;
  if (!ambi_emit_keeps(pc) && !is_turn(f->m, pc) && !streams_number(f, pc))
    return false;
  if (at <= f->at) f->back = true;
  f->region[at] = 1;
  return true;
}

static void into(Flow *f, uint32_t at, const uint64_t *facts) {
  const Emit *m = f->m;
  if (at >= m->u->ncode || !enters(f, at)) return;
  uint64_t *to = row(f, at), lost = !is_reached(f, at);
  f->reached[at / 64] |= (uint64_t)1 << at % 64;
  for (uint32_t i = 0; i < FACTS * m->fact_words; i++) {
    lost |= to[i] & ~facts[i];
    to[i] &= facts[i];
  }
  if (lost && at <= f->at) f->back = true;
}

static void know(Flow *f, enum Fact fact, unsigned slot) {
  *bits(f, fact, slot) |= (uint64_t)1 << slot % 64;
}
static void forget_slot(Flow *f, unsigned slot) {
  for (unsigned i = 0; i <= FACT_NEWEST; i++)
    *bits(f, i, slot) &= ~((uint64_t)1 << slot % 64);
}

static void learn(Flow *f, unsigned source, enum Fact fact) {
  if (!is_constant(source)) know(f, fact, slot_of(source));
}

bool ambi_emit_full_atom(Value v) {
  switch (ambi_tag(v)) {
  case TAG_SYM: return v.w != AMB_SYM(EMPTY).w;
  case TAG_EXPR: return (v.w & AMB_EXPR_MARKS) == AMB_EXPR_MARKS;
  case TAG_INT:
  case TAG_IMM:
  case TAG_OP: return true;
  default: return ambi_is_double(v);
  }
}

// ---- doubles ------------------------------------------------------------------------
static bool calculates(const Code *pc) {
  switch (pc->op) {
  case OP_I_ADD:
  case OP_I_SUB:
  case OP_I_MUL:
  case OP_I_ADDI:
  case OP_I_SUBI:
  case OP_I_JNLT:
  case OP_I_JNGT:
  case OP_I_JNLE:
  case OP_I_JNGE:
  case OP_I_JNLTI:
  case OP_I_JNGTI: return true;
  case OP_I_BUILTIN: return pc->c == OP_DIV || pc->c == OP_SQRT_MATH;
  default: return false;
  }
}

// The operands an instruction calculates with.
static unsigned numbers(const Code *pc, uint16_t out[2]) {
  const char *kinds = ambi_ops[pc->op].operands;
  const uint16_t x[3] = {pc->a, pc->b, pc->c};
  unsigned n = 0;
  if (pc->op == OP_I_BUILTIN) {
    for (; n < pc->b && n < 2; n++)
      out[n] = ambi_op_list(pc)[n];
    return n;
  }
  for (int i = 0; i < 3; i++)
    if (kinds[i] == 'S' || kinds[i] == 'R') out[n++] = x[i];
  return n;
}

static bool has(const Emit *m, const uint64_t *facts, enum Fact fact,
                unsigned slot) {
  return facts[fact * m->fact_words + slot / 64] >> slot % 64 & 1;
}

// Is a constant among them that registers do not hold?
static bool odd_operand(const Emit *m, const uint16_t *x, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    if (!is_constant(x[i])) continue;
    Value v = constant(m, x[i]);
    if (!ambi_is_int(v) && !ambi_is_double(v)) return true;
  }
  return false;
}

bool ambi_emit_in_doubles(const Emit *m, const Code *pc,
                          const uint64_t *facts) {
  uint16_t x[2];
  unsigned ints = 0;
  if (m->level < 2 || !calculates(pc)) return false;
  unsigned n = numbers(pc, x);
  if (odd_operand(m, x, n)) return false;
  for (unsigned i = 0; i < n; i++) {
    if (is_constant(x[i])) {
      if (ambi_is_double(constant(m, x[i]))) return true;
      ints++;
      continue;
    }
    // Both are said of what no way has reached yet.
    bool is_int = has(m, facts, FACT_INT, slot_of(x[i])),
         is_float = has(m, facts, FACT_FLOAT, slot_of(x[i]));
    if (is_float && !is_int) return true;
    ints += is_int && !is_float;
  }
  return m->seen && (m->seen[pc - m->u->code] & SEEN_DOUBLE) && ints < n;
}

bool ambi_emit_wants_integer(const Emit *m, const Code *pc,
                             const uint64_t *facts) {
  return m->level > 1 && !is_constant(pc->a) &&
         !(m->seen && (m->seen[pc - m->u->code] & SEEN_DOUBLE)) &&
         !has(m, facts, FACT_FLOAT, slot_of(pc->a));
}

static unsigned known_bit(enum Fact fact) {
  return fact == FACTS ? 0 : 1u << fact;
}

static void learn_doubles(Flow *f, const Code *pc) {
  uint16_t x[2];
  unsigned n = numbers(pc, x);
  for (unsigned i = 0; i < n; i++)
    if (!told(f, FACT_INT, x[i])) learn(f, x[i], FACT_FLOAT);
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
  case OP_I_CHKNUM:
    if (ambi_emit_wants_integer(f->m, pc, f->now)) learn(f, pc->a, FACT_INT);
    break;
  default: break;
  }
}

// What is known of a source's value, as bits 1 << fact.
static unsigned told_of(const Flow *f, unsigned source) {
  unsigned known = 0;
  for (unsigned i = 0; i < FACTS_OF_VALUES; i++)
    known |= (unsigned)told(f, i, source) << i;
  return known;
}

static bool makes_full(const Flow *f, const Code *pc) {
  bool full = (pc->c & 3) == 3;
  for (unsigned i = 0; i < pc->b; i++)
    full &= (told_of(f, ambi_op_list(pc)[i]) & FULL_BITS) != 0;
  return full;
}

// What the written slot is known to be, as bits.
static unsigned result(const Flow *f, const Code *pc, bool doubles) {
  enum { INT = 1 << FACT_INT, FULL = 1 << FACT_FULL };
  if (doubles) return ambi_ops[pc->op].operands[0] == 'W' ? 1 << FACT_FLOAT : 0;
  switch (pc->op) {
  case OP_I_ADD:
  case OP_I_SUB:
  case OP_I_MUL:
  case OP_I_ADDI:
  case OP_I_SUBI:
  case OP_I_SIZE: return INT;
  case OP_I_TAKE:
  case OP_I_EVALT: return told_of(f, pc->b) | 1 << FACT_READY;
  case OP_I_MOVE:
  case OP_I_VALUE:
  case OP_I_EVALV: return told_of(f, pc->b);
  case OP_I_MKEXPR: return 1 << FACT_FLAT | (makes_full(f, pc) ? FULL : 0);
  case OP_I_GETCH:
  case OP_I_ITEM: return f->region ? FULL : 0;  // or the loop is left
  case OP_I_POS: return 1 << FACT_NEWEST;
  case OP_I_FRESH: return 1 << FACT_OPEN;
  case OP_I_R_STREAM:
    return f->m->level > 1 ? known_bit(ambi_emit_expects(f->m, f->at)) : 0;
  case OP_I_FORKV: return ambi_emit_forks_numbers(f->m, f->at) ? INT : 0;
  case OP_I_BUILTIN: return ambi_emit_gives_integer(pc) ? INT : 0;
  default: return 0;
  }
}

// Choice records may come and go, bindings, and rules.
static void forget_world(Flow *f) {
  static const enum Fact lost[] = {FACT_READY, FACT_OPEN, FACT_NEWEST,
                                   FACT_GUARDED, FACT_CHAINED};
  size_t words = f->m->fact_words;
  for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
    memset(f->now + lost[i] * words, 0, words * sizeof *f->now);
}

unsigned ambi_emit_guard_of(const Unit *u, unsigned body) {
  const InlinedBody *b = u->bodies;
  for (unsigned i = 0; i < body; i++)
    if (b[i].variant == b[body].variant && b[i].unit == b[body].unit) return i;
  return body;
}

static void forget(Flow *f, const Code *pc) {
  if (streams_number(f, pc)) return;
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
      forget_slot(f, ambi_op_list(pc)[i] & ENV_SLOT);
}

static void into_cases(Flow *f, const Code *pc) {
  const Switch *s = &f->m->u->switches[pc->b];
  uint64_t was[FACTS];
  for (unsigned i = 0; i < FACTS; i++)
    was[i] = *bits(f, i, pc->a);
  into(f, s->other, f->now);  // an unbound variable is the general version's
  for (uint32_t i = 0; i < s->n; i++) {
    uint32_t tag = (uint32_t)(s->cases[i].key >> 48);
    if (tag == TAG_HDR) know(f, FACT_FLAT, pc->a);
    if (tag == TAG_INT) know(f, FACT_INT, pc->a);
    into(f, s->cases[i].to, f->now);
    for (unsigned k = 0; k < FACTS; k++)
      *bits(f, k, pc->a) = was[k];
  }
}

// Is it looked at when it is passed, or was it before?
static bool passes_ready(const Flow *f, unsigned source) {
  return (!is_constant(source) && is_checked(source)) ||
         (told_of(f, source) & READY_BITS);
}

// What the next turn begins with.
static void turn(Flow *f, const Code *pc) {
  const uint16_t *x = ambi_op_list(pc) + 1;
  size_t words = f->m->fact_words;
  for (unsigned i = 0; i < pc->b; i++) {
    if (is_constant(x[i]) || slot_of(x[i]) != i)
      f->m->keep->changes |= (uint64_t)1 << i;
    for (unsigned fact = 0; fact < FACTS_OF_VALUES; fact++) {
      uint64_t *word = f->rows + fact * words + i / 64,
               bit = (uint64_t)1 << i % 64;
      if (!(*word & bit) || told(f, fact, x[i])) continue;
      if (fact == FACT_READY && passes_ready(f, x[i])) continue;
      *word &= ~bit;
      f->back = true;
    }
  }
  for (size_t i = FACT_GUARDED * words; i < FACTS * words; i++) {
    if (f->rows[i] & ~f->now[i]) f->back = true;
    f->rows[i] &= f->now[i];
  }
}

static void step(Flow *f) {
  const Emit *m = f->m;
  const Unit *u = m->u;
  uint32_t at = f->at, words = m->wanted[at];
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  memcpy(f->now, row(f, at), FACTS * m->fact_words * sizeof *f->now);
  if (ambi_stress(STRESS_COLLECT)) {  // only then they are in the sure version
    uint32_t edge = ambi_unit_edge(u, at);
    if (edge != UINT32_MAX) into(f, edge, f->nothing);
  }
  bool doubles = ambi_emit_in_doubles(m, pc, f->now);
  if (doubles)
    learn_doubles(f, pc);
  else
    learn_operands(f, pc);
  if (f->region && is_turn(m, pc)) turn(f, pc);
  if (!ambi_emit_keeps(pc) && !streams_number(f, pc)) forget_world(f);
  if (op->operands[2] == 'L')
    into(f, (uint32_t)((int64_t)at + (int16_t)pc->c), f->now);
  if (op->flags & (X_VARL | X_ELSE))
    into(f, (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b), f->now);
  if (pc->op == OP_I_SWITCH) into_cases(f, pc);
  unsigned gives = result(f, pc, doubles);
  forget(f, pc);
  // What comes later, to the instruction between, comes in the general version.
  bool skips = !(op->flags & F_END) && ambi_op_skips(pc);
  for (unsigned i = 0; i < FACTS; i++)
    if (gives >> i & 1) know(f, i, pc->a);
  if (pc->op == OP_I_CHAIN) know(f, FACT_CHAINED, 0);
  if (pc->op == OP_I_INLINED && pc->a < u->nslots)
    know(f, FACT_GUARDED, ambi_emit_guard_of(u, pc->a));
  if (pc->op == OP_I_TESTF) know(f, FACT_FLAT, pc->a);
  if (!(op->flags & F_END)) into(f, at + words + skips, f->now);
}

static size_t reach_words(const Unit *u) {
  return (size_t)u->ncode / 64 + 1;
}

size_t ambi_emit_facts_room(Emit *m) {
  const Unit *u = m->u;
  m->fact_words = (u->nslots + 63) / 64;
  // Behind the last are Flow.now, Flow.nothing and Flow.reached.
  size_t room = ((size_t)u->ncode + 2) * FACTS * m->fact_words + reach_words(u);
  return room <= ROOM ? room : 0;
}

static void settle(Flow *f) {
  const Unit *u = f->m->u;
  do {
    f->back = false;
    for (f->at = 0; f->at < u->ncode; f->at++)
      if (is_reached(f, f->at)) step(f);
  } while (f->back);
}

static void begin(Flow *f, Emit *m, uint64_t *rows) {
  size_t words = (size_t)FACTS * m->fact_words;
  *f = (Flow){.m = m, .rows = rows};
  f->now = row(f, m->u->ncode);
  f->nothing = row(f, m->u->ncode + 1);
  memset(rows, 0xFF, (size_t)((char *)f->now - (char *)rows));
  memset(rows, 0, words * sizeof *rows);  // an entry
  memset(f->nothing, 0, words * sizeof *rows);
  f->reached = f->nothing + words;
  memset(f->reached, 0, reach_words(m->u) * sizeof *rows);
  f->reached[0] = m->wanted[0] != 0;
}

// Arguments that all turns of the unit look at when they pass them, and some pass on as
// they are.
static uint64_t passed_on(const Emit *m) {
  const Unit *u = m->u;
  uint64_t all = ~(uint64_t)0, some = 0;
  for (uint32_t at = 0; at < u->ncode; at++) {
    const Code *pc = u->code + at;
    if (!m->wanted[at] || !is_turn(m, pc)) continue;
    for (unsigned i = 0; i < pc->b && i < 64; i++) {
      unsigned source = ambi_op_list(pc)[1 + i];
      uint64_t bit = (uint64_t)1 << i;
      if (is_constant(source) || !is_checked(source))
        all &= ~bit;
      else if (slot_of(source) == i)
        some |= bit;
    }
  }
  return all & some;
}

// Those of them that a turn passes on without a look if they were looked at before the
// first.
static uint64_t stay_ready(const Flow *f) {
  const Emit *m = f->m;
  uint64_t stay = 0;
  for (uint32_t at = 0; at < m->u->ncode; at++) {
    const Code *pc = m->u->code + at;
    if (!m->wanted[at] || !is_turn(m, pc) || !is_reached(f, at)) continue;
    for (unsigned i = 0; i < pc->b && i < 64; i++)
      if ((m->passed >> i & 1) && slot_of(ambi_op_list(pc)[1 + i]) == i &&
          emit_fact(m, at, i, FACT_READY))
        stay |= (uint64_t)1 << i;
  }
  return stay;
}

static uint64_t sure_facts(Emit *m, uint64_t passed) {
  Flow f;
  m->passed = passed;
  begin(&f, m, m->facts);
  if (m->fact_words) f.rows[FACT_READY * m->fact_words] = passed;
  settle(&f);
  return stay_ready(&f);
}

void ambi_emit_facts(Emit *m) {
  uint64_t passed = m->level > 1 ? passed_on(m) : 0;
  uint64_t stay = sure_facts(m, passed);
  if (stay != passed) sure_facts(m, stay);
}

// ---- loops --------------------------------------------------------------------------
enum { ANYTHING = (1 << FACTS_OF_VALUES) - 1 };

// An argument that every turn passes on as it is could be anything: what the loop
// first calculates with it decides, or with what it was given on as.
static uint8_t first_use(const Flow *f, unsigned slot) {
  const Unit *u = f->m->u;
  for (uint32_t at = 0; at < u->ncode; at++) {
    const Code *pc = u->code + at;
    uint16_t x[2];
    if (!f->region[at]) continue;
    if (pc->op == OP_I_TAKE && pc->b == slot && pc->a > slot) {
      uint8_t use = first_use(f, pc->a);
      if (use) return use;
    }
    if (!calculates(pc) && pc->op != OP_I_JNEQT) continue;
    for (unsigned i = numbers(pc, x); i-- > 0;)
      if (!is_constant(x[i]) && slot_of(x[i]) == slot)
        return ambi_emit_in_doubles(f->m, pc, row(f, at)) ? 1u << FACT_FLOAT
                                                          : 1u << FACT_INT;
  }
  return 0;
}

// What holds of a loop whenever it is entered, from a turn of the whole unit: all that
// is not asked for there.
static void first_turns(Flow *f) {
  Emit *m = f->m;
  const Unit *u = m->u;
  size_t words = m->fact_words;
  Flow whole = {.m = m, .rows = m->facts};
  memset(f->rows + FACT_GUARDED * words, 0xFF,
         (FACTS - FACT_GUARDED) * words * sizeof *f->rows);
  for (uint32_t at = 0; at < u->ncode; at++) {
    const Code *pc = u->code + at;
    if (!m->wanted[at] || !is_turn(m, pc)) continue;
    whole.now = row(&whole, at);
    for (size_t i = FACT_GUARDED * words; i < FACTS * words; i++)
      f->rows[i] &= whole.now[i];
    for (unsigned i = 0; i < pc->b; i++) {
      unsigned source = ambi_op_list(pc)[1 + i];
      uint64_t bit = (uint64_t)1 << i % 64;
      if (!passes_ready(&whole, source))
        f->rows[FACT_READY * words + i / 64] &= ~bit;
      if (!told(&whole, FACT_FLAT, source))
        f->rows[FACT_FLAT * words + i / 64] &= ~bit;
    }
  }
}

// Supposes this much of the arguments, and finds out how much of it holds.
static void suppose(Flow *f, uint8_t *kinds) {
  Emit *m = f->m;
  uint8_t *region = m->keep->region;
  begin(f, m, f->rows);
  f->region = region;
  memset(region, 0, m->u->ncode);
  region[0] = ambi_emit_keeps(m->u->code);
  for (unsigned i = 0; i < m->u->nargs; i++)
    for (unsigned fact = 0; fact < FACTS_OF_VALUES; fact++)
      if (kinds[i] >> fact & 1)
        f->rows[fact * m->fact_words + i / 64] |= (uint64_t)1 << i % 64;
  first_turns(f);
  m->keep->changes = 0;
  settle(f);
  memset(kinds, 0, m->u->nargs);
  for (unsigned i = 0; i < m->u->nargs; i++)
    for (unsigned fact = 0; fact < FACTS_OF_VALUES; fact++)
      if (has(m, f->rows, fact, i)) kinds[i] |= (uint8_t)(1 << fact);
}

static bool turns(const Flow *f) {
  const Unit *u = f->m->u;
  for (uint32_t at = 0; at < u->ncode; at++)
    if (f->region[at] && is_turn(f->m, u->code + at)) return true;
  return false;
}

bool ambi_emit_loop_facts(Emit *m) {
  enum { READY = 1 << FACT_READY, NUMBER = 1 << FACT_INT | 1 << FACT_FLOAT };
  const Unit *u = m->u;
  Keep *k = m->keep;
  size_t bytes = ambi_emit_facts_room(m) * sizeof *k->loop_facts;
  if (u->nargs == 0 || u->nargs > MOST_LOOP_ARGUMENTS) return true;
  k->loop_facts = ambi_alloc(bytes);
  if (!k->loop_facts) return false;
  Flow f = {.m = m, .rows = k->loop_facts};
  memset(k->kinds, ANYTHING, u->nargs);
  suppose(&f, k->kinds);
  for (unsigned i = 0; i < u->nargs; i++) {
    if ((k->kinds[i] & NUMBER) == NUMBER)
      k->kinds[i] = first_use(&f, i) | (k->kinds[i] & READY);
  }
  suppose(&f, k->kinds);
  if (turns(&f)) return true;
  ambi_free(k->loop_facts, bytes);
  k->loop_facts = NULL;
  memset(k->region, 0, u->ncode);
  return true;
}
