// The verifier: shape first, then two flows over the instructions.
//
// Forward, a State says for each instruction which slots hold a value or a
// position whatever path led there, and what is known of the newest choice
// record: a record remembers the slots that were written when it was made,
// since what was written later may point to heap that backtracking took back.
// Backward, the slots still to be read are worked out anew and compared with
// the rows the collector is going to use.
#include "runtime/bytecode/verify.h"

#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"

enum { MAX_ENV = 256 };  // what the loop has room for

// ---- operands -----------------------------------------------------------------

char ambi_operand_kind(unsigned op, unsigned i) {
  char kind = ambi_ops[op].operands[i];
  if (kind == 'K') {
    if (ambi_ops[op].flags & X_ENV) return 'T';
    if ((ambi_ops[op].flags & X_CALL) || op == OP_I_CHKHEAD ||
        op == OP_I_CHKCALL || op == OP_I_TABLE)
      return 'C';
    return op == OP_I_FRESH ? 'V' : op == OP_I_TESTF ? 'H' : 'K';
  }
  if (kind != 'N') return kind;
  switch (op) {
  case OP_I_SWITCH: return 'X';
  case OP_I_BUILTIN: return 'O';
  case OP_I_INLINED: return 'B';
  case OP_I_SPLIT:
  case OP_I_SPLITT: return 'G';
  case OP_I_ADDI:
  case OP_I_SUBI:
  case OP_I_JNEQI:
  case OP_I_JNLTI:
  case OP_I_JNGTI: return 'Z';
  default: return 'N';
  }
}

bool ambi_operand_optional(unsigned op, unsigned i) {
  return (ambi_ops[op].flags & X_CALL) && ambi_ops[op].operands[i] == 'P';
}

// The next instruction takes what is returned.
static bool returns_behind(const Code *pc) {
  unsigned f = ambi_ops[pc->op].flags;
  return (f & X_PUSH) || pc->op == OP_I_BUILTIN ||
         ((f & X_CALL) && !(f & F_END));
}

// It may also have its value at once and pass over that instruction.
static bool may_skip(const Code *pc) {
  return pc->op == OP_I_BUILTIN || ((ambi_ops[pc->op].flags & X_PUSH) &&
                                    ambi_ops[pc->op].operands[0] == 'W');
}

static bool checked(uint16_t source) {
  return (source & SRC_CONST) == SRC_CHECK;
}

static bool holds_checked(const Code *pc) {
  unsigned f = ambi_ops[pc->op].flags;
  if (!(f & (X_LIST | X_CALL))) return false;
  unsigned from = f & X_CALL ? 1 : 0;
  for (unsigned i = from; i < pc->b + from; i++)
    if (checked(ambi_op_list(pc)[i])) return true;
  return false;
}

// The slot counts the children of an expression: a small integer for sure.
static bool counts_items(const Unit *u, uint16_t slot) {
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (u->code[at].op == OP_I_ITEM && u->code[at].b + 1u == slot) return true;
  return false;
}

// Cannot go on without an error edge.
static bool needs_edge(const Unit *u, const Code *pc) {
  switch (pc->op) {
  case OP_I_ADDI: return !counts_items(u, pc->b);
  case OP_I_R_STREAM:
  case OP_I_R_SAME:
  case OP_I_R_GATHER:
  case OP_I_STREAM:
  case OP_I_GATHER:
  case OP_I_CHKERR:
  case OP_I_TAKE:
  case OP_I_VALUE:
  case OP_I_EVALT:
  case OP_I_MATCH:
  case OP_I_MATCHF:
  case OP_I_ADD:
  case OP_I_SUB:
  case OP_I_MUL:
  case OP_I_SUBI:
  case OP_I_INDEX:
  case OP_I_SIZE:
  case OP_I_AND:
  case OP_I_OR:
  case OP_I_XOR:
  case OP_I_NOT:
  case OP_I_JNLT:
  case OP_I_JNGT:
  case OP_I_JNLE:
  case OP_I_JNGE:
  case OP_I_JNEQT:
  case OP_I_JNEQI:
  case OP_I_JNLTI:
  case OP_I_JNGTI:
  case OP_I_CHKNUM:
  case OP_I_CHKTYPE:
  case OP_I_CHKBOUND:
  case OP_I_CHKBODY:
  case OP_I_CHKEPOCH:
  case OP_I_CHKEXP:
  case OP_I_CHKHEAD:
  case OP_I_CHKCALL:
  case OP_I_CALLV:
  case OP_I_TAILCALLV:
  case OP_I_CHKGROUND:
  case OP_I_CHKLIKE:
  case OP_I_CASTR:
  case OP_I_GETSTATE:
  case OP_I_SETSTATE:
  case OP_I_CHKSTATE:
  case OP_I_CASTSTATE:
  case OP_I_BUILTIN:
  case OP_I_DECONS:
  case OP_I_CAR:
  case OP_I_CONS: return true;
  default: return holds_checked(pc);
  }
}

enum Use { READ, READ_POSITION, WRITE, WRITE_POSITION };
typedef bool SlotFn(void *arg, uint32_t slot, enum Use use);

static bool each_source(const Code *pc, unsigned from, SlotFn *fn, void *arg) {
  for (unsigned i = from; i < pc->b + from; i++) {
    uint16_t s = ambi_op_list(pc)[i];
    if (s < SRC_CONST && !fn(arg, s & (SRC_CHECK - 1), READ)) return false;
  }
  return true;
}

static bool each_variable(const Code *pc, bool new, SlotFn *fn, void *arg) {
  for (unsigned i = 0; i < pc->b; i++) {
    uint16_t s = ambi_op_list(pc)[i];
    if (new == ((s & ENV_NEW) != 0) &&
        !fn(arg, s & ENV_SLOT, new ? WRITE : READ))
      return false;
  }
  return true;
}

static bool each_read(const Code *pc, SlotFn *fn, void *arg) {
  const OpInfo *op = &ambi_ops[pc->op];
  const uint16_t x[3] = {pc->a, pc->b, pc->c};
  for (unsigned i = 0; i < 3; i++) {
    bool ok = true;
    switch (op->operands[i]) {
    case 'I': ok = fn(arg, x[i], READ) && fn(arg, x[i] + 1u, READ); break;
    case 'R':
    case 'U': ok = fn(arg, x[i], READ); break;
    case 'S': ok = x[i] >= SRC_CONST || fn(arg, x[i], READ); break;
    case 'Q': ok = fn(arg, x[i], READ_POSITION); break;
    default: break;
    }
    if (!ok) return false;
  }
  if ((op->flags & (X_LIST | X_CALL)) &&
      !each_source(pc, op->flags & X_CALL ? 1 : 0, fn, arg))
    return false;
  return !(op->flags & X_ENV) || each_variable(pc, false, fn, arg);
}

// Where control goes next sees some of what an instruction writes.
enum { SEES_VALUES = 1, SEES_POSITION = 2, SEES_ALL = 3 };

static bool each_write(const Code *pc, unsigned sees, SlotFn *fn, void *arg) {
  const OpInfo *op = &ambi_ops[pc->op];
  const uint16_t x[3] = {pc->a, pc->b, pc->c};
  for (unsigned i = 0; i < 3; i++) {
    char kind = op->operands[i];
    if ((kind == 'W' || kind == 'U') && (sees & SEES_VALUES) &&
        !fn(arg, x[i], WRITE))
      return false;
    if (kind != 'P' || !(sees & SEES_POSITION)) continue;
    if (x[i] == NO_SLOT && ambi_operand_optional(pc->op, i)) continue;
    if (!fn(arg, x[i], WRITE_POSITION)) return false;
  }
  return !(op->flags & X_ENV) || !(sees & SEES_VALUES) ||
         each_variable(pc, true, fn, arg);
}

// ---- what is being checked ------------------------------------------------------

enum { STARTS = 1, RESUMED = 2, HAS_ROW = 4 };

typedef struct Check {
  const Unit *u;
  uint32_t nset;    // words of a set of slots
  uint8_t *marks;   // by offset
  uint64_t *state;  // by offset, nstate words each: see State
  uint64_t *live;   // by offset, nset words each
  uint64_t *work;   // a State
  size_t nstate;
  bool changed;
  uint32_t here;  // instruction being looked at
  const char *why;
} Check;

static bool bad(Check *c, uint32_t at, const char *why) {
  c->why = why;
  c->here = at;
  return false;
}

static bool starts(const Check *c, int64_t at) {
  return at >= 0 && at < c->u->ncode && (c->marks[at] & STARTS);
}

static int64_t label(uint32_t at, uint16_t field) {
  return (int64_t)at + (int16_t)field;
}

// ---- shape ------------------------------------------------------------------------

static bool counts(Check *c) {
  const Unit *u = c->u;
  if (u->ncode == 0) return bad(c, 0, "there is no code");
  return (u->nslots <= MAX_SLOTS && u->nargs <= u->nslots &&
          u->stamp <= u->nslots) ||
         bad(c, 0, "the counts of slots and arguments make no sense");
}

static bool find_starts(Check *c) {
  const Unit *u = c->u;
  for (uint32_t at = 0; at < u->ncode;) {
    if (u->code[at].op >= OP_I_COUNT) return bad(c, at, "no such instruction");
    unsigned words = ambi_op_words(u->code + at);
    if (words > u->ncode - at)
      return bad(c, at, "the instruction's words reach beyond the code");
    c->marks[at] = STARTS;
    at += words;
  }
  return true;
}

static bool template_of_unit(const Unit *u, Word w) {
  for (uint32_t i = 0; i < u->ntemplates; i++)
    if ((Word)(uintptr_t)u->templates[i] == w) return true;
  return false;
}

static bool variant_word(const Unit *u, Word w) {
  return w && !(w >> 48) && !(w & 7) && !template_of_unit(u, w);
}

static bool value_word(const Unit *u, Word w) {
  switch (ambi_tag(AMB_V(w))) {
  case TAG_VAR:
  case TAG_LVAR:
  case TAG_HDR:
  case TAG_FWD:
  case TAG_VINFO: return false;
  default: return !ambi_is_none(AMB_V(w)) && !template_of_unit(u, w);
  }
}

static bool constant(Check *c, uint32_t at, char kind, uint32_t i) {
  const Unit *u = c->u;
  if (i >= u->nk) return bad(c, at, "a constant beyond the last one");
  Word w = u->k[i];
  bool ok;
  switch (kind) {
  case 'T': ok = template_of_unit(u, w); break;
  case 'C': ok = variant_word(u, w); break;
  case 'V': ok = ambi_tag(AMB_V(w)) == TAG_VINFO; break;
  case 'H': ok = ambi_tag(AMB_V(w)) == TAG_HDR; break;
  default: ok = value_word(u, w); break;
  }
  return ok || bad(c, at, "a constant of the wrong sort");
}

static bool source(Check *c, uint32_t at, uint16_t s, bool may_check) {
  if (s >= SRC_CONST) return constant(c, at, 'K', s - SRC_CONST);
  if (s < SRC_CHECK || (checked(s) && may_check)) return true;
  return bad(c, at, "a source that is neither slot nor constant");
}

static bool in_frame(void *arg, uint32_t slot, enum Use use) {
  (void)use;
  return slot < ((const Check *)arg)->u->nslots;
}

// As many sources as the unit there wants to have, and a return point to come back to.
static bool outlet(Check *c, uint32_t at, uint32_t i) {
  const Code *pc = c->u->code + at;
  if (i >= c->u->noutlets) return bad(c, at, "no such outlet");
  const Outlet *o = &c->u->outlets[i];
  unsigned live = 0;
  for (uint32_t j = 0; j < o->unit->nlive; j++)
    live += (unsigned)__builtin_popcountll(o->live[j]);
  if (o->at >= o->unit->ncode ||
      o->live != ambi_unit_live_row(o->unit, o->at) || live != pc->b)
    return bad(c, at, "an outlet with other slots than are live there");
  int64_t to = label(at, pc->c);
  return pc->op == OP_I_SPLITT ||
         (starts(c, to) && (ambi_ops[c->u->code[to].op].flags & F_RET)) ||
         bad(c, at, "no return point to come back to");
}

static bool operand(Check *c, uint32_t at, unsigned i) {
  const Code *pc = c->u->code + at;
  uint16_t x = pc->half[i + 1];
  char kind = ambi_operand_kind(pc->op, i);
  switch (kind) {
  case 'S': return source(c, at, x, false);
  case 'K':
  case 'T':
  case 'C':
  case 'V':
  case 'H': return constant(c, at, kind, x);
  case 'O':
    return x < OP_COUNT + c->u->nhost ||
           bad(c, at, "an operation that does not exist");
  case 'B': return x < c->u->nbodies || bad(c, at, "no such inlined body");
  case 'G': return outlet(c, at, x);
  case 'X':
    return x < c->u->nswitches || bad(c, at, "a switch that does not exist");
  case 'L':
    return starts(c, label(at, x)) ||
           bad(c, at, "a label between instructions");
  default: return true;
  }
}

// A variable made late, in a unit whose frames have no stamp.
static bool has_no_stamp(const Unit *u, const Code *pc) {
  if (pc->op == OP_I_FRESH) return pc->c && pc->c != u->stamp;
  bool late = false;
  if (ambi_ops[pc->op].flags & X_ENV)
    for (unsigned i = 0; i < pc->b; i++)
      late |= (ambi_op_list(pc)[i] & ENV_LATE) != 0;
  return late && !u->stamp;
}

static bool list(Check *c, uint32_t at) {
  const Code *pc = c->u->code + at;
  if (has_no_stamp(c->u, pc))
    return bad(c, at, "a late variable, and no slot for stamps");
  unsigned f = ambi_ops[pc->op].flags, from = f & X_CALL ? 1 : 0;
  if (f & (X_LIST | X_CALL))
    for (unsigned i = from; i < pc->b + from; i++)
      if (!source(c, at, ambi_op_list(pc)[i], pc->op != OP_I_BUILTIN))
        return false;
  if ((f & X_CALL) && ambi_op_list(pc)[0] != c->u->nslots)
    return bad(c, at, "the call does not leave room for its own frame");
  if (f & X_ENV) {
    const Template *t = (const Template *)(uintptr_t)c->u->k[pc->c];
    if (t->nvars != pc->b || pc->b > MAX_ENV)
      return bad(c, at, "not one slot for each variable of the template");
  }
  if (f & (X_VARL | X_ELSE)) {
    unsigned last = ambi_op_words(pc) - 1;
    if (!starts(c, label(at, pc[last].b)))
      return bad(c, at, "a second label between instructions");
  }
  return true;
}

// Failing would come back to the alternative for ever.
static bool resumes_well(const Code *pc, const Code *alternative) {
  unsigned op = alternative->op;
  if (pc->op == OP_I_COLLECT) return op == OP_I_COLLECT_END;
  if (pc->op == OP_I_CASE) return op == OP_I_CASE_NONE;
  if (pc->op == OP_I_DEEPEN) return op == OP_I_DEEPEN_END;
  return op == OP_I_RETRY || op == OP_I_TRUST;
}

// Where control can be when a row is asked for: return points, and what choice
// records and hooks resume.
static bool note_resumes(Check *c, uint32_t at) {
  const Code *pc = c->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  uint32_t next = at + ambi_op_words(pc);
  bool ends_position = op->operands[1] == 'Q' && !(op->flags & F_END);
  if (!(op->flags & F_END) && !starts(c, next))
    return bad(c, at, "control falls off the end");
  if ((op->flags & F_ALT) && !resumes_well(pc, pc + (int16_t)pc->c))
    return bad(c, at, "an alternative that leaves its choice record as it is");
  if ((op->flags & F_ALT) || pc->op == OP_I_DEEPEN_ADD)
    c->marks[label(at, pc->c)] |= RESUMED;
  if ((op->flags & F_RET) || pc->op == OP_I_FORKV || pc->op == OP_I_MATCHF)
    c->marks[at] |= RESUMED;
  if (ends_position || pc->op == OP_I_MATCH) c->marks[next] |= RESUMED;
  if (!returns_behind(pc)) return true;
  if (!(ambi_ops[c->u->code[next].op].flags & F_RET))
    return bad(c, at, "no return point behind it");
  if (may_skip(pc) && !starts(c, next + 1))
    return bad(c, at, "nothing behind its return point");
  return true;
}

static bool settles_next(Check *c, uint32_t at) {
  const Code *pc = c->u->code + at;
  return pc->op != OP_I_UNIFYV || pc->c == 0 ||
         (pc->c == 1 && starts(c, at + 1) && pc[1].op == OP_I_SETTLE) ||
         bad(c, at, "no SETTLE behind it");
}

static bool instructions(Check *c) {
  const Unit *u = c->u;
  for (uint32_t at = 0; at < u->ncode; at++) {
    if (!(c->marks[at] & STARTS)) continue;
    const Code *pc = u->code + at;
    for (unsigned i = 0; i < 3; i++)
      if (!operand(c, at, i)) return false;
    if (!each_read(pc, in_frame, c) || !each_write(pc, SEES_ALL, in_frame, c))
      return bad(c, at, "a slot outside of the frame");
    if (!list(c, at) || !note_resumes(c, at) || !settles_next(c, at))
      return false;
    if (needs_edge(u, pc) && ambi_unit_edge(u, at) == UINT32_MAX)
      return bad(c, at, "no error edge");
  }
  return true;
}

static bool edges(Check *c) {
  const Unit *u = c->u;
  for (uint32_t i = 0; i < u->nedges; i++) {
    uint32_t at = u->edges[i].at;
    if (i && u->edges[i - 1].at >= at)
      return bad(c, at, "error edges out of order");
    if (!starts(c, at)) return bad(c, at, "an error edge of no instruction");
    if (!starts(c, u->edges[i].to))
      return bad(c, at, "an error edge between instructions");
    if (ambi_ops[u->code[at].op].operands[1] == 'Q')
      c->marks[u->edges[i].to] |= RESUMED;
  }
  return true;
}

static bool switch_key(Word key) {
  switch (ambi_tag(AMB_V(key))) {
  case TAG_INT:
  case TAG_SYM:
  case TAG_IMM:
  case TAG_OP:
  case TAG_HDR: return true;
  default: return false;
  }
}

static bool switches(Check *c) {
  for (uint32_t i = 0; i < c->u->nswitches; i++) {
    const Switch *s = &c->u->switches[i];
    if (!starts(c, s->other) || !starts(c, s->open))
      return bad(c, 0, "a switch between instructions");
    for (uint32_t j = 0; j < s->n; j++) {
      if (!starts(c, s->cases[j].to))
        return bad(c, 0, "a switch between instructions");
      if (!switch_key(s->cases[j].key))
        return bad(c, 0, "a switch case that nothing can select");
      if (j && s->cases[j - 1].key >= s->cases[j].key)
        return bad(c, 0, "switch cases out of order");
    }
  }
  return true;
}

// ---- successors -----------------------------------------------------------------

typedef bool FlowFn(Check *c, uint32_t at, int64_t to, unsigned sees);

static bool each_case(Check *c, uint32_t at, FlowFn *fn) {
  const Switch *s = &c->u->switches[c->u->code[at].b];
  for (uint32_t i = 0; i < s->n; i++)
    if (!fn(c, at, s->cases[i].to, 0)) return false;
  return fn(c, at, s->other, 0) && fn(c, at, s->open, 0);
}

static bool each_successor(Check *c, uint32_t at, FlowFn *fn) {
  const Code *pc = c->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  unsigned words = ambi_op_words(pc);
  uint32_t next = at + words, edge = ambi_unit_edge(c->u, at);
  if (returns_behind(pc)) {
    if (!fn(c, at, next, SEES_POSITION)) return false;
    if (may_skip(pc) && !fn(c, at, next + 1, SEES_VALUES)) return false;
  } else if (!(op->flags & F_END) &&
             !fn(c, at, next, pc->op == OP_I_CHKLIKE ? 0 : SEES_ALL)) {
    return false;  // what CHKLIKE writes is there if it takes its edge
  }
  if (op->operands[2] == 'L' &&
      !fn(c, at, label(at, pc->c), op->flags & F_ALT ? SEES_POSITION : 0))
    return false;
  if ((op->flags & (X_VARL | X_ELSE)) &&
      !fn(c, at, label(at, pc[words - 1].b), 0))
    return false;
  if (ambi_operand_kind(pc->op, 1) == 'X' && !each_case(c, at, fn))
    return false;
  bool has_error = (op->flags & (F_RET | X_PUSH)) || pc->op == OP_I_BUILTIN ||
                   pc->op == OP_I_CHKLIKE || pc->op == OP_I_CASTSTATE;
  return edge == UINT32_MAX || fn(c, at, edge, has_error ? SEES_VALUES : 0);
}

// ---- forward: what is written -----------------------------------------------------

// A State: word 0 tells whether control gets there and what the newest choice
// record is; then four sets of slots.
enum Newest { UNKNOWN, RECORD, COLLECTOR };
enum { VALUES, POSITIONS, RECORD_VALUES, RECORD_POSITIONS, NSETS };
#define REACHED ((uint64_t)1 << 32)

static uint64_t *set_of(const Check *c, uint64_t *state, unsigned i) {
  return state + 1 + (size_t)i * c->nset;
}
static uint64_t *state_at(const Check *c, uint32_t at) {
  return c->state + at * c->nstate;
}
static bool has(const uint64_t *set, uint32_t slot) {
  return (set[slot / 64] >> (slot % 64)) & 1;
}
static void put(uint64_t *set, uint32_t slot) {
  set[slot / 64] |= (uint64_t)1 << (slot % 64);
}
static void drop(uint64_t *set, uint32_t slot) {
  set[slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

static bool is_written(void *arg, uint32_t slot, enum Use use) {
  Check *c = arg;
  uint64_t *state = state_at(c, c->here);
  bool value = has(set_of(c, state, VALUES), slot);
  bool position = has(set_of(c, state, POSITIONS), slot);
  // Two positions are the same word if no record was left between them.
  if (c->u->code[c->here].op == OP_I_SAMEV) return value || position;
  return use == READ ? value : position;
}

// What is written over is not as the newest record left it.
static bool write_slot(void *arg, uint32_t slot, enum Use use) {
  Check *c = arg;
  bool value = use == WRITE;
  drop(set_of(c, c->work, RECORD_VALUES), slot);
  drop(set_of(c, c->work, RECORD_POSITIONS), slot);
  put(set_of(c, c->work, value ? VALUES : POSITIONS), slot);
  drop(set_of(c, c->work, value ? POSITIONS : VALUES), slot);
  return true;
}

static void copy_sets(const Check *c, uint64_t *state, unsigned to,
                      unsigned from) {
  memcpy(set_of(c, state, to), set_of(c, state, from),
         2 * c->nset * sizeof *state);
}

static enum Newest needed_record(unsigned op) {
  switch (op) {
  case OP_I_RETRY:
  case OP_I_SETALT:
  case OP_I_TRUST:
  case OP_I_CASE_NONE:
  case OP_I_POPALT: return RECORD;
  case OP_I_DEEPEN_END:
  case OP_I_COLLECT_END: return COLLECTOR;
  default: return UNKNOWN;
  }
}

// What the newest record is after the instruction.
static enum Newest newest_after(const Code *pc, enum Newest before) {
  const OpInfo *op = &ambi_ops[pc->op];
  switch (pc->op) {
  case OP_I_TRY:
  case OP_I_CASE:
  case OP_I_ONCE: return RECORD;
  case OP_I_DEEPEN:
  case OP_I_COLLECT: return COLLECTOR;
  case OP_I_TRUST:
  case OP_I_CASE_NONE:
  case OP_I_POPALT:
  case OP_I_COLLECT_END:
  case OP_I_DEEPEN_END:
  case OP_I_FORKV:
  case OP_I_TABLE:
  case OP_I_MATCHF:
  case OP_I_MATCH: return UNKNOWN;
  default: break;
  }
  if (returns_behind(pc) || pc->op == OP_I_SPLIT || op->operands[1] == 'Q')
    return UNKNOWN;
  return before;
}

// Two paths meet: what holds on both.
static bool meet(Check *c, uint32_t at, int64_t to, unsigned sees) {
  const Code *pc = c->u->code + at;
  uint64_t *out = c->work, *in = state_at(c, (uint32_t)to);
  memcpy(out, state_at(c, at), c->nstate * sizeof *out);
  each_write(pc, sees, write_slot, c);
  enum Newest newest = newest_after(pc, (enum Newest)(out[0] & 3));
  bool alternative = (ambi_ops[pc->op].flags & F_ALT) && to == label(at, pc->c);
  if (newest_after(pc, UNKNOWN) != UNKNOWN)  // made just now
    copy_sets(c, out, RECORD_VALUES, VALUES);
  else if (alternative)
    copy_sets(c, out, VALUES, RECORD_VALUES);
  out[0] = REACHED | newest;
  if (!(in[0] & REACHED)) {
    memcpy(in, out, c->nstate * sizeof *in);
    c->changed = true;
    return true;
  }
  if ((in[0] & 3) != newest && (in[0] & 3) != UNKNOWN) {
    in[0] = REACHED | UNKNOWN;
    c->changed = true;
  }
  for (size_t i = 1; i < c->nstate; i++) {
    c->changed |= (in[i] & ~out[i]) != 0;
    in[i] &= out[i];
  }
  return true;
}

// A return point is entered by returning only.
static bool entered_well(Check *c, uint32_t at, int64_t to, unsigned sees) {
  const Code *pc = c->u->code + at;
  (void)sees;
  bool behind = (returns_behind(pc) && to == at + ambi_op_words(pc)) ||
                pc->op == OP_I_SPLIT;
  return behind || !(ambi_ops[c->u->code[to].op].flags & F_RET) ||
         bad(c, at, "control runs into a return point");
}

static bool check_state(Check *c, uint32_t at) {
  const Code *pc = c->u->code + at;
  uint64_t *s = state_at(c, at);
  c->here = at;
  if (!each_read(pc, is_written, c))
    return bad(c, at, "a slot is read that may not have been written");
  enum Newest need = needed_record(pc->op);
  if (need != UNKNOWN && (s[0] & 3) != need)
    return bad(c, at, "the newest choice record need not be its own");
  return each_successor(c, at, entered_well);
}

static bool forward(Check *c) {
  const Unit *u = c->u;
  uint64_t *entry = state_at(c, 0);
  entry[0] = REACHED;
  for (uint32_t i = 0; i < u->nargs; i++)
    put(set_of(c, entry, VALUES), i);
  do {
    c->changed = false;
    for (uint32_t at = 0; at < u->ncode; at++)
      if ((c->marks[at] & STARTS) && (state_at(c, at)[0] & REACHED))
        each_successor(c, at, meet);
  } while (c->changed);
  if (ambi_ops[u->code[0].op].flags & F_RET)
    return bad(c, 0, "the unit begins with a return point");
  for (uint32_t at = 0; at < u->ncode; at++)
    if ((c->marks[at] & STARTS) && (state_at(c, at)[0] & REACHED) &&
        !check_state(c, at))
      return false;
  return true;
}

// ---- backward: what is still needed -----------------------------------------------

static bool kill_slot(void *arg, uint32_t slot, enum Use use) {
  (void)use;
  drop(((Check *)arg)->work, slot);
  return true;
}

static bool need_slot(void *arg, uint32_t slot, enum Use use) {
  (void)use;
  put(((Check *)arg)->work, slot);
  return true;
}

static uint64_t *live_at(const Check *c, uint32_t at) {
  return c->live + (size_t)at * c->nset;
}

static bool need_of(Check *c, uint32_t at, int64_t to, unsigned sees) {
  uint64_t *live = live_at(c, at), *then = live_at(c, (uint32_t)to);
  memcpy(c->work, then, c->nset * sizeof *then);
  each_write(c->u->code + at, sees, kill_slot, c);
  for (uint32_t i = 0; i < c->nset; i++) {
    c->changed |= (c->work[i] & ~live[i]) != 0;
    live[i] |= c->work[i];
  }
  return true;
}

static void backward(Check *c) {
  const Unit *u = c->u;
  for (uint32_t at = 0; at < u->ncode; at++) {
    if (!(c->marks[at] & STARTS)) continue;
    memset(c->work, 0, c->nset * sizeof *c->work);
    each_read(u->code + at, need_slot, c);
    memcpy(live_at(c, at), c->work, c->nset * sizeof *c->work);
  }
  do {
    c->changed = false;
    for (uint32_t at = u->ncode; at-- > 0;)
      if (c->marks[at] & STARTS) each_successor(c, at, need_of);
  } while (c->changed);
}

static bool row(Check *c, uint32_t at, const uint64_t *row) {
  uint64_t *s = state_at(c, at), *live = live_at(c, at);
  if (!(s[0] & REACHED)) return true;
  const uint64_t *values = set_of(c, s, VALUES),
                 *positions = set_of(c, s, POSITIONS);
  for (uint32_t i = 0; i < c->nset; i++) {
    if (live[i] & ~row[i])
      return bad(c, at, "the collector is not told of a slot still needed");
    if (row[i] & ~(values[i] | positions[i]))
      return bad(c, at, "the collector is told of a slot not written");
  }
  return true;
}

static bool rows(Check *c) {
  const Unit *u = c->u;
  if (u->nrows && u->nlive != c->nset)
    return bad(c, 0, "the collector's rows have the wrong size");
  for (uint32_t i = 0; i < u->nrows; i++) {
    uint32_t at = u->live_at[i];
    if (!starts(c, at))
      return bad(c, at, "a collector's row of no instruction");
    if (i && u->live_at[i - 1] >= at)
      return bad(c, at, "the collector's rows are out of order");
    if (!row(c, at, u->live + (size_t)i * u->nlive)) return false;
    c->marks[at] |= HAS_ROW;
  }
  for (uint32_t at = 0; at < u->ncode; at++)
    if ((c->marks[at] & (RESUMED | HAS_ROW)) == RESUMED &&
        (state_at(c, at)[0] & REACHED))
      return bad(c, at, "a place to come back to without a collector's row");
  return true;
}

// ---- the whole ---------------------------------------------------------------------

// Frames of routines are filled when they are made, and engine code moves
// between their instructions.
static bool check_unit(Check *c) {
  if (!find_starts(c) || !edges(c) || !switches(c) || !instructions(c))
    return false;
  if (c->u->routine) return true;
  if (!forward(c)) return false;
  backward(c);
  return rows(c);
}

static bool with_memory(Check *c) {
  size_t n = c->u->ncode;
  c->nset = c->u->nslots / 64 + 1;
  c->nstate = 1 + (size_t)NSETS * c->nset;
  size_t words = n * (c->nstate + c->nset) + c->nstate;
  c->state = ambi_alloc(words * sizeof *c->state);
  c->marks = ambi_alloc(n);
  bool ok = c->state && c->marks;
  if (ok) {
    c->live = c->state + n * c->nstate;
    c->work = c->live + n * c->nset;
    ok = check_unit(c);
  }
  ambi_free(c->state, words * sizeof *c->state);
  ambi_free(c->marks, n);
  return ok;
}

bool ambi_unit_verify(const Unit *u, const char **why, uint32_t *at) {
  Check c = {.u = u};
  bool ok = counts(&c) && with_memory(&c);
  *why = c.why;
  *at = c.here;
  return ok;
}

#ifdef AMB_DEBUG
void ambi_unit_check(const Unit *u) {
  const char *why;
  uint32_t at;
  if (!ambi_unit_verify(u, &why, &at) && why)
    ambi_check_failed("bytecode at", (int)at, why);
}
#endif
