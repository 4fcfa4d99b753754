// The walk of inlining: the unit is copied, and where it calls a body that is worth it,
// that body is copied too, and so on.
//
// A Copy is one body at one place, with its own slots of the new frame. What returned
// from its frame becomes a value for whoever waits for it (Site) and a jump; a tail call
// becomes a call. Rare ways out, and the calls that stand in for bodies whose guard
// does not hold, are written at the end (Arm).
#include "compiler_thread/inline.h"

#include "compiler_thread/inline_code.h"
#include "memory/alloc.h"

enum {
  DEEPEST = 5,
  TIMES = 2,         // a unit within itself, the outermost counted
  LEAF_WORDS = 100,  // a body may have, that is a leaf ...
  BODY_WORDS = 60,   // ... or not
  ALL_WORDS = 700,
  ALL_SLOTS = 160,
  MOST_COPIES = 40
};

typedef struct Site {  // who waits for the value of a copy
  bool wanted;         // false: whoever waits for the frame's
  uint16_t op;         // STREAM, GATHER; or NOP: nobody asks what it is
  uint16_t dst, pos;
  bool fresh;  // the position begins with the copy
  Label edge;  // of an Error
  Label next;
  Label back;  // where a frame of its own returns to
} Site;

typedef struct Copy {
  Body body;
  const struct Copy *outer;
  Site site;
  uint16_t *slot;  // by the body's slots; NO_SLOT: not used so far
  Label *label;    // by its words; NO_LABEL: none so far
  Label *split;    // likewise, of ways out to a frame of its own
} Copy;

typedef struct Arm {  // to be written at the end
  bool split;         // a way out of the copy at `at`, or the call there
  Copy *copy;
  uint32_t at;
  Label label;
  Label back;  // of the call: where it returns to
} Arm;

typedef struct Walk {
  Out out;
  const Plan *plan;
  InlineNote *note;
  Copy *copies[MOST_COPIES];
  uint32_t ncopies;
  Arm *arms;
  size_t narms, arms_cap;
} Walk;

static const Code *code_at(const Copy *c, uint32_t at) {
  return c->body.u->code + at;
}

// ---- copies ---------------------------------------------------------------------------------

static void drop_copy(Copy *c) {
  size_t words = (size_t)c->body.u->ncode + 1, slots = c->body.u->nslots + 1u;
  ambi_free(c->slot, slots * sizeof *c->slot);
  ambi_free(c->label, words * sizeof *c->label);
  ambi_free(c->split, words * sizeof *c->split);
  ambi_body_drop(&c->body);
  ambi_free(c, sizeof *c);
}

static Copy *open_copy(Walk *w, const Unit *u, const Copy *outer, bool tail) {
  Copy *c = w->ncopies < MOST_COPIES ? ambi_alloc(sizeof *c) : NULL;
  if (!c) return NULL;
  size_t words = (size_t)u->ncode + 1, slots = u->nslots + 1u;
  c->body = (Body){.u = u, .tail = tail};
  c->outer = outer;
  c->slot = ambi_alloc(slots * sizeof *c->slot);
  c->label = ambi_alloc(words * sizeof *c->label);
  c->split = ambi_alloc(words * sizeof *c->split);
  if (!c->slot || !c->label || !c->split) {
    drop_copy(c);
    return NULL;
  }
  for (size_t i = 0; i < slots; i++)
    c->slot[i] = NO_SLOT;
  memset(c->label, 0xFF, words * sizeof *c->label);
  memset(c->split, 0xFF, words * sizeof *c->split);
  return c;
}

static uint16_t slot_in(Walk *w, Copy *c, unsigned slot) {
  if (slot == NO_SLOT) return NO_SLOT;
  if (c->slot[slot] == NO_SLOT) c->slot[slot] = out_slot(&w->out);
  return c->slot[slot];
}

static uint16_t source_in(Walk *w, Copy *c, unsigned source) {
  if (source >= SRC_CONST)
    return (uint16_t)(source + out_constants(&w->out, c->body.u));
  unsigned check = source & SRC_CHECK;
  return (uint16_t)(slot_in(w, c, source & (SRC_CHECK - 1)) | check);
}

// Two slots that an instruction names by the first stay together, and so do all then.
static void pair_slots(Walk *w, Copy *c) {
  const Unit *u = c->body.u;
  bool pairs = false;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    pairs |= c->body.take[at] &&
             memchr(ambi_ops[u->code[at].op].operands, 'I', 3) != NULL;
  for (uint32_t i = 0; pairs && i < u->nslots; i++)
    slot_in(w, c, i);
}

// ---- labels ---------------------------------------------------------------------------------

static void add_arm(Walk *w, Arm arm) {
  if (w->out.failed || !ambi_grow((void **)&w->arms, &w->arms_cap, w->narms + 1,
                                  sizeof *w->arms))
    w->out.failed = true;
  else
    w->arms[w->narms++] = arm;
}

static Label split_at(Walk *w, Copy *c, uint32_t at) {
  if (c->split[at] == NO_LABEL) {
    c->split[at] = out_label(&w->out);
    add_arm(w,
            (Arm){.split = true, .copy = c, .at = at, .label = c->split[at]});
  }
  return c->split[at];
}

static Label label_at(Walk *w, Copy *c, uint32_t at) {
  if (!c->body.take[at]) return split_at(w, c, at);
  if (c->label[at] == NO_LABEL) c->label[at] = out_label(&w->out);
  return c->label[at];
}

static void copy_edge(Walk *w, Copy *c, uint32_t at, uint32_t to) {
  uint32_t edge = ambi_unit_edge(c->body.u, at);
  if (edge != UINT32_MAX) out_edge(&w->out, to, label_at(w, c, edge));
}

// ---- instructions -----------------------------------------------------------------------------

static void copy_operands(Walk *w, Copy *c, Code *to, uint32_t from) {
  const OpInfo *op = &ambi_ops[to->op];
  for (unsigned i = 0; i < 3; i++) {
    uint16_t x = to->half[i + 1];
    switch (op->operands[i]) {
    case 'W':
    case 'R':
    case 'P':
    case 'Q':
    case 'U':
    case 'I': to->half[i + 1] = slot_in(w, c, x); break;
    case 'S': to->half[i + 1] = source_in(w, c, x); break;
    case 'K':
      to->half[i + 1] = (uint16_t)(x + out_constants(&w->out, c->body.u));
      break;
    default: break;
    }
  }
  if (op->operands[2] != 'L') return;
  uint32_t at = (uint32_t)((int64_t)from + (int16_t)to->c);
  uint32_t here = (uint32_t)(to - w->out.code);
  out_jump(&w->out, here, here, 3, label_at(w, c, at));
}

static void copy_list(Walk *w, Copy *c, Code *to) {
  unsigned flags = ambi_ops[to->op].flags, skip = flags & X_CALL ? 1 : 0;
  uint16_t *list = &to[1].half[0];
  if (flags & (X_LIST | X_CALL))
    for (unsigned i = skip; i < to->b + skip; i++)
      list[i] = source_in(w, c, list[i]);
  if (flags & X_ENV)
    for (unsigned i = 0; i < to->b; i++)
      list[i] =
          (uint16_t)(slot_in(w, c, list[i] & ENV_SLOT) | (list[i] & ~ENV_SLOT));
}

static void copy_switch(Walk *w, Copy *c, Code *to) {
  const Switch *s = &c->body.u->switches[to->b];
  uint16_t table = to->b = out_switch(&w->out, s);
  for (uint32_t i = 0; i < s->n; i++)
    out_case(&w->out, table, i, label_at(w, c, s->cases[i].to));
  out_case(&w->out, table, s->n, label_at(w, c, s->other));
  out_case(&w->out, table, s->n + 1, label_at(w, c, s->open));
}

// The instruction as it is. The code may move while labels are asked for.
static void copy_plain(Walk *w, Copy *c, uint32_t at) {
  const Code *pc = code_at(c, at);
  unsigned words = ambi_op_words(pc);
  unsigned seen = c->body.seen ? ambi_load_relaxed(&c->body.seen[at]) : 0;
  uint32_t here = (uint32_t)w->out.n;
  Code *to = out_copy(&w->out, pc, words, seen);
  if (!to) return;
  copy_operands(w, c, to, at);
  copy_list(w, c, to);
  if (pc->op == OP_I_SWITCH) copy_switch(w, c, to);
  if (ambi_ops[pc->op].flags & (X_VARL | X_ELSE)) {
    uint32_t second = (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b);
    out_jump(&w->out, here, here + words - 1, 2, label_at(w, c, second));
  }
  copy_edge(w, c, at, here);
}

static void jump(Walk *w, Label to) {
  uint32_t here = (uint32_t)w->out.n;
  if (out_one(&w->out, OP_I_JUMP, 0, 0, 0))
    out_jump(&w->out, here, here, 3, to);
}

static void with_edge(Walk *w, unsigned op, unsigned a, unsigned b, unsigned c,
                      Label edge) {
  uint32_t here = (uint32_t)w->out.n;
  if (out_one(&w->out, op, a, b, c)) out_edge(&w->out, here, edge);
}

// ---- giving back ---------------------------------------------------------------------------

static bool surely_no_error(const Copy *c, unsigned source) {
  return source >= SRC_CONST &&
         !ambi_is_expr(AMB_V(c->body.u->k[source - SRC_CONST]));
}

// The value is in the site's slot.
static void end_site(Walk *w, const Copy *c, uint32_t at, bool sure) {
  const Site *s = &c->site;
  bool same_record = c->body.clean[at] && s->fresh;
  if (s->op != OP_I_NOP && !(same_record && sure)) {
    if (same_record)
      with_edge(w, OP_I_CHKERR, s->dst, 0, 0, s->edge);
    else
      with_edge(w, s->op, s->dst, s->pos, 0, s->edge);
  }
  jump(w, s->next);
}

// The return point of a call in a copy, or in place of it.
static void return_point(Walk *w, const Site *s) {
  if (s->op == OP_I_NOP)
    out_one(&w->out, OP_I_R_STORE, s->dst, 0, 0);
  else
    with_edge(w, s->op == OP_I_STREAM ? OP_I_R_STREAM : OP_I_R_GATHER, s->dst,
              s->pos, 0, s->edge);
  jump(w, s->next);
}

static void give_variable(Walk *w, Copy *c, uint32_t at) {
  const Code *pc = code_at(c, at);
  uint16_t from = slot_in(w, c, pc->a);
  uint32_t type = pc->b + out_constants(&w->out, c->body.u);
  with_edge(w, OP_I_VALUE, c->site.dst, from, type, split_at(w, c, at));
  end_site(w, c, at, false);
}

// A tail call where the frame goes on.
static void call_and_give(Walk *w, Copy *c, uint32_t at) {
  uint32_t here = (uint32_t)w->out.n;
  copy_plain(w, c, at);
  if (w->out.failed) return;
  w->out.code[here].op = OP_I_CALL;
  w->out.code[here].a = NO_SLOT;
  return_point(w, &c->site);
}

static void give(Walk *w, Copy *c, uint32_t at) {
  const Code *pc = code_at(c, at);
  switch (pc->op) {
  case OP_I_RET:
    out_one(&w->out, OP_I_MOVE, c->site.dst, source_in(w, c, pc->a), 0);
    end_site(w, c, at, surely_no_error(c, pc->a));
    break;
  case OP_I_RETV: give_variable(w, c, at); break;
  case OP_I_RETRV: return_point(w, &c->site); break;
  default: call_and_give(w, c, at); break;
  }
}

// ---- calls -------------------------------------------------------------------------------------

static void walk(Walk *w, Copy *c);

static bool calls_itself_last(const Body *b) {
  const Unit *u = b->u;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (b->take[at] && u->code[at].op == OP_I_TAILCALL &&
        (u->k[u->code[at].c] == (Word)(uintptr_t)u->variant ||
         u->k[u->code[at].c] == (Word)(uintptr_t)u->local))
      return true;
  return false;
}

static InlineResult may_nest(const Copy *outer, const Unit *u) {
  unsigned depth = 0, times = 0;
  for (const Copy *c = outer; c; c = c->outer) {
    depth++;
    times += c->body.u == u;
  }
  if (times >= TIMES) return INLINE_RECURSION;
  return depth > DEEPEST ? INLINE_ROOM : INLINE_OK;
}

static InlineResult has_room(const Walk *w, const Body *b) {
  if (b->words > (b->leaf ? LEAF_WORDS : BODY_WORDS)) return INLINE_LARGE;
  return w->out.n + b->words > ALL_WORDS ||
                 w->out.nslots + b->u->nslots > ALL_SLOTS
             ? INLINE_ROOM
             : INLINE_OK;
}

static InlineResult look_at(const Walk *w, Body *b) {
  InlineResult r = ambi_body_look(b);
  if (r == INLINE_OK && calls_itself_last(b)) r = INLINE_LOOP;
  return r == INLINE_OK ? has_room(w, b) : r;
}

// With error edges that have been taken, if it is small enough for that.
static InlineResult look(const Walk *w, const Copy *outer, Copy *in) {
  Body *b = &in->body;
  InlineResult r = may_nest(outer, b->u);
  if (r == INLINE_OK && b->u->stamp) r = INLINE_LATE;
  if (r != INLINE_OK) return r;
  b->rare = true;
  r = look_at(w, b);
  if (r == INLINE_OK || !b->rare) return r;
  ambi_body_drop(b);
  *b = (Body){.u = b->u, .tail = b->tail};
  return look_at(w, b);
}

// The copy of what is called at `at`; NULL: it stays a call.
static Copy *consider(Walk *w, const Copy *c, uint32_t at, bool tail) {
  const Code *pc = code_at(c, at);
  const Variant *v = (const Variant *)(uintptr_t)c->body.u->k[pc->c];
  const Unit *u = ambi_plan_unit(w->plan, v);
  InlineResult r = INLINE_UNKNOWN;
  Copy *in = u && u->nargs == pc->b ? open_copy(w, u, c, tail) : NULL;
  if (in) r = look(w, c, in);
  w->note->calls[r]++;
  if (r == INLINE_OK) return w->copies[w->ncopies++] = in;
  if (in) drop_copy(in);
  return NULL;
}

static bool writes_at(const Code *pc, unsigned slot) {
  const OpInfo *op = &ambi_ops[pc->op];
  for (unsigned i = 0; i < 3; i++)
    if (memchr("WPU", op->operands[i], 3) && pc->half[i + 1] == slot)
      return true;
  for (unsigned i = 0; (op->flags & X_ENV) && i < pc->b; i++)
    if ((ambi_op_list(pc)[i] & ENV_NEW) &&
        (ambi_op_list(pc)[i] & ENV_SLOT) == slot)
      return true;
  return false;
}

static bool writes(const Body *b, unsigned slot) {
  const Unit *u = b->u;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (b->take[at] && writes_at(u->code + at, slot)) return true;
  return false;
}

// Does one place at most write the slot, so that it does not change behind it?
static bool written_once(const Copy *c, unsigned slot) {
  const Body *b = &c->body;
  unsigned places = slot < b->u->nargs;
  for (uint32_t at = 0; at < b->u->ncode; at += ambi_op_words(b->u->code + at))
    places += b->take[at] && writes_at(b->u->code + at, slot);
  return places <= 1;
}

// Arguments are copied, unless nothing can come back to the body after the slot they
// are in has changed.
static void pass(Walk *w, Copy *c, uint32_t at, Copy *in) {
  const Code *pc = code_at(c, at);
  uint32_t edge = ambi_unit_edge(c->body.u, at);
  for (unsigned i = 0; i < pc->b; i++) {
    unsigned s = pc[1].half[1 + i];
    uint16_t from = source_in(w, c, s);
    bool stays = s < SRC_CHECK && (in->body.leaf || written_once(c, s));
    if (stays && in->slot[i] == NO_SLOT && !writes(&in->body, i)) {
      in->slot[i] = from;
      continue;
    }
    uint16_t to = slot_in(w, in, i);
    if ((s & SRC_CONST) == SRC_CHECK)
      with_edge(w, OP_I_TAKE, to, from & (SRC_CHECK - 1), 0,
                label_at(w, c, edge));
    else
      out_one(&w->out, OP_I_MOVE, to, from, 0);
  }
}

// Behind the last word a jump to what comes there is none.
static void join(Walk *w, Label next) {
  Out *o = &w->out;
  if (o->failed || !o->nfixups) return;
  const Fixup *last = &o->fixups[o->nfixups - 1];
  for (size_t i = 0; i < o->nlabels; i++)
    if (o->labels[i] == o->n) return;
  if (last->to != next || last->from + 1 != o->n ||
      o->code[last->from].op != OP_I_JUMP)
    return;
  o->n--;
  o->nfixups--;
}

static void write_body(Walk *w, Copy *c, uint32_t at, Copy *in) {
  Out *o = &w->out;
  Label slow = out_label(o);
  uint32_t here = (uint32_t)o->n;
  const Code *pc = code_at(c, at);
  const Variant *v = (const Variant *)(uintptr_t)c->body.u->k[pc->c];
  in->site.back = out_label(o);
  if (out_one(o, OP_I_INLINED, out_body(o, v, in->body.u), 0, 0))
    out_jump(o, here, here, 3, slow);
  add_arm(w, (Arm){.copy = c, .at = at, .label = slow, .back = in->site.back});
  pair_slots(w, in);
  pass(w, c, at, in);
  if (in->site.wanted && in->site.fresh && !in->body.late)
    out_one(o, OP_I_POS, in->site.pos, 0, 0);
  walk(w, in);
}

// Who waits for what is called at `at`, which is no tail call.
static bool site_of(Walk *w, Copy *c, uint32_t at, Site *s) {
  const Code *pc = code_at(c, at), *ret = pc + ambi_op_words(pc);
  uint32_t behind = (uint32_t)(ret - c->body.u->code);
  uint32_t edge = ambi_unit_edge(c->body.u, behind);
  bool store = ret->op == OP_I_R_STORE;
  if (!store && ((ret->op != OP_I_R_STREAM && ret->op != OP_I_R_SAME &&
                  ret->op != OP_I_R_GATHER) ||
                 edge == UINT32_MAX))
    return false;
  *s = (Site){.wanted = true,
              .op = store                      ? OP_I_NOP
                    : ret->op == OP_I_R_GATHER ? OP_I_GATHER
                                               : OP_I_STREAM,
              .dst = slot_in(w, c, ret->a),
              .pos = store ? NO_SLOT : slot_in(w, c, ret->b),
              .fresh = pc->a != NO_SLOT && !store,
              .edge = store ? NO_LABEL : label_at(w, c, edge),
              .next = label_at(w, c, behind + 1)};
  return true;
}

// Is the call at `at` a body now? Then so is its return point.
static bool inline_call(Walk *w, Copy *c, uint32_t at) {
  Site site;
  if (!site_of(w, c, at, &site)) return false;
  Copy *in = consider(w, c, at, false);
  if (!in) return false;
  in->site = site;
  write_body(w, c, at, in);
  join(w, site.next);
  return true;
}

static bool inline_tail_call(Walk *w, Copy *c, uint32_t at) {
  Copy *in = consider(w, c, at, !c->site.wanted);
  if (!in) return false;
  in->site = c->site;
  in->site.fresh = false;
  write_body(w, c, at, in);
  return true;
}

// ---- the walk -----------------------------------------------------------------------------------

static void take_value(Walk *w, Copy *c, uint32_t at) {
  const Code *pc = code_at(c, at);
  uint16_t to = slot_in(w, c, pc->a), from = slot_in(w, c, pc->b);
  with_edge(w, OP_I_TAKE, to, from, 0, split_at(w, c, at));
}

// One instruction, or a call with what takes its value; gives what comes behind it.
static uint32_t write_at(Walk *w, Copy *c, uint32_t at) {
  const Code *pc = code_at(c, at);
  const Site *s = &c->site;
  if (s->wanted && s->fresh && c->body.late && c->body.clean[at] &&
      ambi_body_branches_out(&c->body, at))
    out_one(&w->out, OP_I_POS, s->pos, 0, 0);
  uint32_t behind = at + ambi_op_words(pc);
  enum Move move = ambi_body_move(&c->body, at);
  if (pc->op == OP_I_CALL && inline_call(w, c, at)) return behind + 1;
  if (pc->op == OP_I_TAILCALL && inline_tail_call(w, c, at)) return behind;
  switch (move) {
  case MOVE_PLAIN: copy_plain(w, c, at); break;
  case MOVE_SPLIT: jump(w, split_at(w, c, at)); break;
  case MOVE_TAKE: take_value(w, c, at); break;
  case MOVE_GIVE: give(w, c, at); break;
  }
  return behind;
}

static void walk(Walk *w, Copy *c) {
  for (uint32_t at = 0; at < c->body.u->ncode && !w->out.failed;) {
    if (!c->body.take[at]) {
      at += ambi_op_words(code_at(c, at));
      continue;
    }
    uint32_t here = (uint32_t)w->out.n;
    unsigned seen = c->body.seen ? ambi_load_relaxed(&c->body.seen[at]) : 0;
    out_bind(&w->out, label_at(w, c, at));
    at = write_at(w, c, at);
    if (here < w->out.n && !w->out.failed)
      w->out.seen[here] |= seen & SEEN_RARE;
  }
}

// ---- arms ---------------------------------------------------------------------------------------

// The call that a body stands for.
static void write_call(Walk *w, const Arm *arm) {
  Copy *c = arm->copy;
  const Code *pc = code_at(c, arm->at);
  uint32_t here = (uint32_t)w->out.n;
  copy_plain(w, c, arm->at);
  Site site = c->site;
  if (w->out.failed) return;
  if (pc->op == OP_I_CALL) {
    if (!site_of(w, c, arm->at, &site)) w->out.failed = true;
  } else if (!site.wanted) {
    return;
  }
  w->out.code[here].op = OP_I_CALL;
  if (pc->op == OP_I_TAILCALL) w->out.code[here].a = NO_SLOT;
  out_bind(&w->out, arm->back);
  return_point(w, &site);
}

// The slots that are live go over to a frame of the body's own.
static void write_split(Walk *w, const Arm *arm) {
  Copy *c = arm->copy;
  Out *o = &w->out;
  const Unit *u = c->body.u;
  const uint64_t *live = ambi_unit_live_row(u, arm->at);
  uint16_t sources[MAX_SLOTS], n = 0;
  for (uint32_t i = 0; live && i < u->nslots; i++)
    if (live[i / 64] >> (i % 64) & 1) {
      if (c->slot[i] == NO_SLOT) o->failed = true;
      sources[n++] = c->slot[i];
    }
  const Site *s = &c->site;
  if (s->wanted && s->fresh && c->body.late && c->body.clean[arm->at])
    out_one(o, OP_I_POS, s->pos, 0, 0);
  uint32_t here = (uint32_t)o->n, words = 1 + (n + 4u) / 4;
  Code code[1 + (MAX_SLOTS + 4) / 4] = {{.w = 0}};
  code[0] = (Code){.op = s->wanted ? OP_I_SPLIT : OP_I_SPLITT,
                   .a = out_outlet(o, u, arm->at),
                   .b = n};
  memcpy(&code[1].half[1], sources, n * sizeof *sources);
  if (out_copy(o, code, words, 0) && s->wanted)
    out_jump(o, here, here, 3, s->back);
}

static void write_arms(Walk *w) {
  for (size_t i = 0; i < w->narms && !w->out.failed; i++) {
    Arm arm = w->arms[i];
    out_bind(&w->out, arm.label);
    if (arm.split)
      write_split(w, &arm);
    else
      write_call(w, &arm);
  }
}

static bool begin(Walk *w, const Unit *u) {
  Copy *root = open_copy(w, u, NULL, true);
  if (!root) return false;
  w->copies[w->ncopies++] = root;
  for (uint32_t i = 0; i < u->nargs; i++)
    slot_in(w, root, i);
  root->body.rare = true;
  if (ambi_body_look(&root->body) != INLINE_OK) return false;
  pair_slots(w, root);
  walk(w, root);
  return w->out.nbodies > 0;
}

Unit *ambi_inline(const Unit *u, const Plan *p, SeenByte **seen,
                  InlineNote *note) {
  Walk *w = ambi_alloc(sizeof *w);
  if (!w) return NULL;
  w->plan = p;
  w->note = note;
  if (begin(w, u))
    write_arms(w);
  else
    w->out.failed = true;
  Unit *made = out_close(&w->out, u, seen);
  for (uint32_t i = 0; i < w->ncopies; i++)
    drop_copy(w->copies[i]);
  ambi_free(w->arms, w->arms_cap * sizeof *w->arms);
  ambi_free(w, sizeof *w);
  return made;
}
