// What of a unit is copied when its body is inlined: what it usually runs.
//
// Left out are error edges, and what is done when something is unbound, unless code of
// level 1 has noted that this happens (Native.seen); of a body that would be too large
// with its error edges, these all the same. There the copy goes on as the unit itself, in
// a frame of its own, with the slots that are live (SPLIT). It cannot inside
// of a position that has begun, since results that were saved for it name the frame,
// nor where a choice record of the frame is moved or dropped later. What such a place
// leads to is copied as well.
#include "compiler_thread/inline.h"
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"

// ---- positions that are open ------------------------------------------------------------

// Slots that hold positions, a bit each.
static void find_positions(const Unit *u, uint64_t *set) {
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    const Code *pc = u->code + at;
    const uint16_t x[3] = {pc->a, pc->b, pc->c};
    for (unsigned i = 0; i < 3; i++)
      if (ambi_ops[pc->op].operands[i] == 'P' && x[i] != NO_SLOT)
        set[x[i] / 64] |= (uint64_t)1 << (x[i] % 64);
  }
}

// A position is open where its slot is still needed.
static bool find_open(Body *b) {
  const Unit *u = b->u;
  size_t bytes = (u->nslots / 64 + 1u) * sizeof(uint64_t);
  uint64_t *positions = ambi_alloc(bytes);
  if (!positions) return false;
  find_positions(u, positions);
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    const uint64_t *live = ambi_unit_live_row(u, at);
    b->open[at] = !live;
    for (uint32_t i = 0; live && i < u->nlive; i++)
      b->open[at] |= (live[i] & positions[i]) != 0;
  }
  ambi_free(positions, bytes);
  return true;
}

// ---- records that the frame has made ------------------------------------------------------

static bool wants_record(unsigned op) {
  switch (op) {
  case OP_I_RETRY:
  case OP_I_SETALT:
  case OP_I_TRUST:
  case OP_I_CASE_NONE:
  case OP_I_POPALT:
  case OP_I_DEEPEN_END:
  case OP_I_COLLECT_END: return true;
  default: return false;
  }
}

static bool wanted_in_case(const Body *b, const Switch *s) {
  bool wanted = b->own[s->other] || b->own[s->open];
  for (uint32_t i = 0; i < s->n; i++)
    wanted |= b->own[s->cases[i].to];
  return wanted;
}

static bool wanted_from(const Body *b, uint32_t at) {
  const Code *pc = b->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  unsigned words = ambi_op_words(pc);
  uint32_t edge = ambi_unit_edge(b->u, at);
  if (wants_record(pc->op)) return true;
  if (op->flags & F_ALT) return false;  // the newest is a new one
  return (!(op->flags & F_END) && b->own[at + words]) ||
         (ambi_op_skips(pc) && b->own[at + words + 1]) ||
         (op->operands[2] == 'L' && b->own[(int64_t)at + (int16_t)pc->c]) ||
         ((op->flags & (X_VARL | X_ELSE)) &&
          b->own[(int64_t)at + (int16_t)pc[words - 1].b]) ||
         (pc->op == OP_I_SWITCH && wanted_in_case(b, &b->u->switches[pc->b])) ||
         (edge != UINT32_MAX && b->own[edge]);
}

static void find_own_records(Body *b) {
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t at = 0; at < b->u->ncode;
         at += ambi_op_words(b->u->code + at)) {
      bool own = !b->own[at] && wanted_from(b, at);
      b->own[at] |= own;
      changed |= own;
    }
  }
}

// Can the body not go on in a frame of its own here?
static bool stays(const Body *b, int64_t at) {
  return b->open[at] || b->own[at];
}

// ---- how each instruction is moved ----------------------------------------------------------

// In place of a frame of their own, for all that comes.
static bool ends_frame(unsigned op) {
  switch (op) {
  case OP_I_CHAIN:
  case OP_I_CHAINED:
  case OP_I_TAILCALLV:
  case OP_I_EVALXT:
  case OP_I_QUERYT:
  case OP_I_BODYT:
  case OP_I_EVINSTR: return true;
  default: return false;
  }
}

enum Move ambi_body_move(const Body *b, uint32_t at) {
  const Code *pc = b->u->code + at;
  if (b->tail) return MOVE_PLAIN;
  if (ends_frame(pc->op)) return MOVE_SPLIT;
  switch (pc->op) {
  case OP_I_RETV: return pc->c == 1 ? MOVE_GIVE : MOVE_SPLIT;
  case OP_I_RET:
  case OP_I_RETRV:
  case OP_I_TAILCALL: return MOVE_GIVE;
  case OP_I_EVALV:
  case OP_I_EVALT: return stays(b, at) ? MOVE_PLAIN : MOVE_TAKE;
  default: return MOVE_PLAIN;
  }
}

bool ambi_body_branches_out(const Body *b, uint32_t at) {
  const Code *pc = b->u->code + at;
  unsigned f = ambi_ops[pc->op].flags;
  if (ambi_body_move(b, at) == MOVE_TAKE) return false;
  if (pc->op == OP_I_BUILTIN)
    return pc->c >= OP_COUNT || ambi_builtins[pc->c].flags != F_DET;
  if ((f & (X_CALL | X_PUSH | F_ALT)) || ambi_ops[pc->op].operands[1] == 'Q')
    return true;
  switch (pc->op) {
  case OP_I_POS:
  case OP_I_TRUST:
  case OP_I_CASE_NONE:
  case OP_I_POPALT:
  case OP_I_FORKV:
  case OP_I_ONCE:
  case OP_I_MATCH:
  case OP_I_MATCHF: return true;
  default: return false;
  }
}

// ---- what is copied ---------------------------------------------------------------------------

typedef struct Reach {
  Body *b;
  uint32_t *todo;
  size_t n;
  bool rare;  // an error edge was copied because it has been taken
} Reach;

static void reach(Reach *r, int64_t at) {
  if (r->b->take[at]) return;
  r->b->take[at] = 1;
  r->todo[r->n++] = (uint32_t)at;
}

static bool comes_up(const Body *b, int64_t at) {
  return b->seen && (ambi_load_relaxed(&b->seen[at]) & SEEN_RARE);
}

// Only where it must be copied, or pays.
static void reach_rare(Reach *r, int64_t at) {
  if (comes_up(r->b, at) || stays(r->b, at)) reach(r, at);
}

static void reach_edge(Reach *r, int64_t at) {
  bool taken = r->b->rare && comes_up(r->b, at);
  r->rare |= taken;
  if (taken || stays(r->b, at)) reach(r, at);
}

static void reach_switch(Reach *r, const Switch *s) {
  reach(r, s->other);
  reach_rare(r, s->open);
  for (uint32_t i = 0; i < s->n; i++)
    reach(r, s->cases[i].to);
}

static void reach_from(Reach *r, uint32_t at) {
  const Unit *u = r->b->u;
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  unsigned words = ambi_op_words(pc);
  uint32_t edge = ambi_unit_edge(u, at);
  enum Move move = ambi_body_move(r->b, at);
  if (move == MOVE_SPLIT) return;
  if (!(op->flags & F_END) && move != MOVE_TAKE) reach(r, at + words);
  if (ambi_op_skips(pc)) reach(r, at + words + 1);
  if (op->operands[2] == 'L') reach(r, (int64_t)at + (int16_t)pc->c);
  if (pc->op == OP_I_SWITCH) reach_switch(r, &u->switches[pc->b]);
  if (op->flags & X_ELSE) reach(r, (int64_t)at + (int16_t)pc[words - 1].b);
  if (op->flags & X_VARL) reach_rare(r, (int64_t)at + (int16_t)pc[words - 1].b);
  if (edge != UINT32_MAX) reach_edge(r, edge);
}

static bool choose(Body *b) {
  Reach r = {.b = b};
  size_t bytes = (size_t)b->u->ncode * sizeof *r.todo;
  if (!(r.todo = ambi_alloc(bytes))) return false;
  reach(&r, 0);
  while (r.n)
    reach_from(&r, r.todo[--r.n]);
  ambi_free(r.todo, bytes);
  b->rare = r.rare;
  return true;
}

// ---- what is clean -----------------------------------------------------------------------------

typedef struct Clean {
  Body *b;
  uint32_t from;
  bool clean;    // what comes behind `from`
  bool plainly;  // ... is as it was before
  bool changed;
} Clean;

static void becomes(Clean *c, int64_t at) {
  if (c->clean || !c->b->clean[at]) return;
  c->b->clean[at] = 0;
  c->changed = true;
}

// A way from what is clean, with nothing that branches out, to what is not.
static void joins(Clean *c, int64_t at) {
  if (c->plainly && !c->b->clean[at]) c->b->late = false;
}

static void each_way(Clean *c, void (*fn)(Clean *, int64_t)) {
  const Unit *u = c->b->u;
  uint32_t at = c->from, edge = ambi_unit_edge(u, at);
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  unsigned words = ambi_op_words(pc);
  if (!(op->flags & F_END)) fn(c, at + words);
  if (ambi_op_skips(pc)) fn(c, at + words + 1);
  if (op->operands[2] == 'L') fn(c, (int64_t)at + (int16_t)pc->c);
  if (op->flags & (X_VARL | X_ELSE))
    fn(c, (int64_t)at + (int16_t)pc[words - 1].b);
  if (edge != UINT32_MAX) fn(c, edge);
  if (pc->op != OP_I_SWITCH) return;
  const Switch *s = &u->switches[pc->b];
  fn(c, s->other);
  fn(c, s->open);
  for (uint32_t i = 0; i < s->n; i++)
    fn(c, s->cases[i].to);
}

static void find_clean(Body *b) {
  Clean c = {.b = b, .changed = true};
  memset(b->clean, 1, (size_t)b->u->ncode + 2);
  while (c.changed) {
    c.changed = false;
    for (c.from = 0; c.from < b->u->ncode;
         c.from += ambi_op_words(b->u->code + c.from)) {
      c.clean = b->clean[c.from] && !ambi_body_branches_out(b, c.from);
      if (b->take[c.from]) each_way(&c, becomes);
    }
  }
  b->late = true;
  for (c.from = 0; c.from < b->u->ncode;
       c.from += ambi_op_words(b->u->code + c.from)) {
    c.plainly = b->take[c.from] && b->clean[c.from] &&
                !ambi_body_branches_out(b, c.from);
    each_way(&c, joins);
  }
}

static InlineResult judge(Body *b) {
  b->leaf = !b->tail;
  for (uint32_t at = 0; at < b->u->ncode;
       at += ambi_op_words(b->u->code + at)) {
    if (!b->take[at]) continue;
    b->words += ambi_op_words(b->u->code + at);
    enum Move move = ambi_body_move(b, at);
    if (stays(b, at) && move == MOVE_GIVE) return INLINE_POSITION;
    if (move == MOVE_SPLIT) return INLINE_USELESS;
    if (ambi_body_branches_out(b, at)) b->leaf = false;
  }
  return INLINE_OK;
}

static const SeenByte *seen_of(const Unit *u) {
  const Native *n = ambi_load_acquire(&u->native);
  while (n && !n->seen)
    n = n->older;
  return n ? n->seen : NULL;
}

InlineResult ambi_body_look(Body *b) {
  size_t words = (size_t)b->u->ncode + 2;
  b->seen = seen_of(b->u);
  b->take = ambi_alloc(words);
  b->open = ambi_alloc(words);
  b->own = ambi_alloc(words);
  b->clean = ambi_alloc(words);
  if (!b->take || !b->open || !b->own || !b->clean || !find_open(b))
    return INLINE_ROOM;
  find_own_records(b);
  if (!choose(b)) return INLINE_ROOM;
  find_clean(b);
  return judge(b);
}

void ambi_body_drop(Body *b) {
  size_t words = (size_t)b->u->ncode + 2;
  ambi_free(b->take, words);
  ambi_free(b->open, words);
  ambi_free(b->own, words);
  ambi_free(b->clean, words);
}
