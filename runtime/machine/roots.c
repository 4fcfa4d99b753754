// What the machine refers to: the returned value, live slots of all frames that can
// still be entered, records, hooks with their images, the trail. A minor collection
// looks at what may refer to the nursery only; collect.h says what that is.
#include "runtime/cells.h"
#include "runtime/machine/chain.h"
#include "runtime/machine/collect.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/seen.h"

#include "memory/stress.h"

static void root(Collector *c, Value *v) {
  v->w = ambi_evacuate(c, v->w);
}

// A space that something is evaluated in; NULL: none.
static void context(Collector *c, Space *s) {
  if (c->cells && s) ambi_cell_met(c->g->cx->rt, &s->cell);
}

// ---- frames ---------------------------------------------------------------------

static void scan_slot(Collector *c, Word *e, uint32_t slot, uint32_t except) {
  if (slot != except) e[slot] = ambi_evacuate(c, e[slot]);
}

// Frames of EVAL: what a failed alternative has left in later slots is garbage.
static void scan_eval(Collector *c, Word *e, const Unit *u, const Code *pc,
                      uint32_t except) {
  for (uint32_t i = EV_ATOM; i <= EV_RTYPE; i++) {
    bool begun = pc->op != OP_I_EV_START;
    if (i <= EV_TYPE || begun) scan_slot(c, e, i, except);
  }
  if (pc->op == OP_I_EV_TMP) {
    scan_slot(c, e, EV_CALL, except);
    scan_slot(c, e, EV_TMPL, except);
    return;
  }
  if (pc->op == OP_I_EV_START) return;
  uint32_t child = (uint32_t)((size_t)(pc - u->code - EV_CODE_ARGS) / 3);
  if (pc->op == OP_I_EV_VAL) child++;
  for (uint32_t i = 0; i < child; i++)
    scan_slot(c, e, EV_SLOTS + 2 * i, except);
}

// Frames of instructions: the slots each return point looks at.
static void scan_instruction(Collector *c, Word *e, const Code *pc,
                             uint32_t except) {
  static const struct {
    uint16_t op;
    uint16_t slots;  // a bit for each
  } live[] = {
      {OP_I_EV_STEP, 1 << IN_ATOM | 1 << IN_CALL | 1 << IN_TYPE},
      {OP_I_EV_CHAIN, 1 << IN_CALL | 1 << IN_A | 1 << IN_B},
      {OP_I_EV_FUNCTION, 1 << IN_CALL},
      {OP_I_EV_BODY, 1 << IN_CALL | 1 << IN_TYPE},
      {OP_I_EV_EVALED, 1 << IN_CALL},
      {OP_I_EV_METTA, 1 << IN_B},
      {OP_I_EV_METTA_VAL, 1 << IN_A | 1 << IN_VAL},
      {OP_I_EV_ONCE_VAL, 1 << IN_VAL},
  };
  if (pc->op == OP_I_EV_METTA || pc->op == OP_I_EV_SPACE)
    context(c, ambi_space_of(AMB_V(e[IN_SPACE])));
  for (size_t i = 0; i < sizeof live / sizeof *live; i++)
    for (uint32_t slot = 0; live[i].op == pc->op && slot < IN_SLOTS; slot++)
      if ((live[i].slots >> slot) & 1) scan_slot(c, e, slot, except);
}

// A chain that waits for its end, slots scanned. What its hole has got since the last
// collection is reached from an old cell, unless all cells are gone through.
static void scan_open(Collector *c, Word *e) {
  Word *old = (Word *)(uintptr_t)e[CHAIN_OLD];
  if (old && !c->major) {
    Word *hole = old + ambi_hdr_size(old[0]);
    *hole = ambi_evacuate(c, *hole);
  }
  e[CHAIN_OLD] = (Word)(uintptr_t)ambi_ptr(AMB_V(e[CHAIN_LAST]));
  if (ambi_stress(STRESS_WALK)) ambi_chain_correct(e);
}

static void scan_slots(Collector *c, Word *e, const Code *pc, uint32_t except) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  pc = ambi_code_origin(pc);
  context(c, u->space);
  if (pc < u->code || pc >= u->code + u->ncode) return;
  if (u->routine) {
    if (u == ambi_load_relaxed(&c->g->code->x_routine_unit))
      scan_instruction(c, e, pc, except);
    else if (u->code->op == OP_I_EV_START)
      scan_eval(c, e, u, pc, except);
    return;
  }
  const uint64_t *row = ambi_unit_live_row(u, (uint32_t)(pc - u->code));
  for (uint32_t i = 0; row && i < u->nlive; i++) {
    for (uint64_t bits = row[i]; bits; bits &= bits - 1)
      scan_slot(c, e, i * 64 + (uint32_t)__builtin_ctzll(bits), except);
  }
  if (u == ambi_load_relaxed(&c->g->code->x_chain_unit) && pc->op != OP_I_RET)
    scan_open(c, e);
}

// Is what the frame returns to known to be seen? If not, it counts as that from now on.
static bool pass(Collector *c, Word *e) {
  if (e[FRAME_MARK] == c->g->gc_mark || (!c->major && ambi_is_seen(e)))
    return true;
  e[FRAME_MARK] = c->g->gc_mark;
  ambi_seen_mark(c->g, e);
  return false;
}

// The frame and its callers, as far as they have not been seen.
static void scan_chain(Collector *c, Word *e, const Code *pc, uint32_t except) {
  for (;;) {
    scan_slots(c, e, pc, except);
    except = UINT32_MAX;
    Word *prev = (Word *)(uintptr_t)e[FRAME_PREV];
    if (prev == e || pass(c, e)) return;
    pc = (const Code *)(uintptr_t)e[FRAME_RET];
    e = prev;
  }
}

static void scan_current(Collector *c, size_t args) {
  Word *e = c->g->e, *prev = (Word *)(uintptr_t)e[FRAME_PREV];
  context(c, ((const Unit *)(uintptr_t)e[FRAME_UNIT])->space);
  if (args == SIZE_MAX) scan_slots(c, e, c->g->pc, UINT32_MAX);
  for (size_t i = 0; args != SIZE_MAX && i < args; i++)
    e[i] = ambi_evacuate(c, e[i]);
  if (prev == e || (!c->major && ambi_is_seen(e))) return;
  ambi_seen_mark(c->g, e);
  scan_chain(c, prev, (const Code *)(uintptr_t)e[FRAME_RET], UINT32_MAX);
}

// ---- records ------------------------------------------------------------------------

static void scan_hook(Collector *c, Hook *h) {
  context(c, h->s);
  if (h->image.refers || h->image.has_variables || c->store)
    ambi_evacuate_image(c, h->image.w, h->image.n);
  for (size_t i = 0; i < h->nitems; i++)
    root(c, &h->items[i].value);
  for (size_t i = 0; i < h->nbinds; i++) {
    Word cell = AMB_TAGGED(TAG_VAR, (uintptr_t)h->binds[i].cell);
    h->binds[i].cell = ambi_ptr(AMB_V(ambi_evacuate(c, cell)));
    root(c, &h->binds[i].value);
  }
  root(c, &h->pattern);
  root(c, &h->templ);
  for (size_t i = 0; i < h->values.n; i++)
    root(c, &h->values.at[i]);
  for (size_t i = 0; i < h->lent.n; i++)
    root(c, &h->lent.at[i]);
  for (size_t i = 0; i < h->known.n; i++)
    root(c, &h->known.at[i]);
  if (h->kind == HOOK_STREAM || h->kind == HOOK_GATHER ||
      (h->kind == HOOK_ROUNDS && h->next)) {
    scan_chain(c, h->frame, h->next, h->dst);
    scan_slots(c, h->frame, h->err, h->dst);
  }
}

static void scan_resume(Collector *c, Choice *r, const Code *resume) {
  resume = ambi_code_origin(resume);
  switch (resume->op) {
  case OP_I_FORK_NEXT:
  case OP_I_MATCH_NEXT:
  case OP_I_MATCHF_NEXT:
  case OP_I_MANY_NEXT: resume = r->next; break;
  case OP_I_PEND:
  case OP_I_DELIVER:
  case OP_I_DEEPEN_NEXT:
  case OP_I_ONCE_FAIL:
  case OP_I_FAIL:
  case OP_I_TOP_DONE: return;
  default: break;
  }
  scan_chain(c, r->e, resume, UINT32_MAX);
}

static void scan_record(Collector *c, Choice *r) {
  context(c, r->s);
  root(c, &r->aux);
  for (Hook *h = r->hook; h; h = h->old) {
    scan_hook(c, h);
    if (h->once && r->resume == ambi_once_fail)  // its value is still to come
      scan_chain(c, r->e, h->once, h->once->a);
    if (h->old_resume) scan_resume(c, r, h->old_resume);
  }
  scan_resume(c, r, r->resume);
}

// Records that may refer to what is left are those from here on.
static Choice *first_record(const Collector *c) {
  const Engine *g = c->g;
  Choice *r = g->b + 1;
  while (r > g->choices && (c->major || r[-1].h > c->young))
    r--;
  return r;
}

// ---- the trail ----------------------------------------------------------------------

// Entries below have been seen by an earlier collection.
static size_t trail_from(const Collector *c) {
  const Engine *g = c->g;
  const Context *cx = g->cx;
  const Choice *r = first_record(c);
  if (c->major) return 0;
  size_t from = r > g->choices ? r[-1].tr : g->choices->tr;
  bool marked = g->trail_mark < cx->tr &&
                cx->trail[g->trail_mark] == g->trail_seen &&
                g->trail_seen[0] == AMB_UNIT.w;
  return marked && g->trail_mark > from ? g->trail_mark : from;
}

// What old cells have been bound to, and what was remembered.
static void scan_trail(Collector *c) {
  const Context *cx = c->g->cx;
  for (size_t i = trail_from(c); i < cx->tr; i++) {
    Word *cell = cx->trail[i];
    if (cell < c->young && ambi_in_heap(cx, cell))
      *cell = ambi_evacuate(c, *cell);
  }
}

// Many entries are not looked at again; a few are no reason to move the mark.
static bool are_many(size_t entries) {
  enum { MANY = 64 };
  return entries > (ambi_stress(STRESS_MINIMAL) ? 0 : MANY);
}

static void mark_trail(Engine *g) {
  Context *cx = g->cx;
  if (cx->tr == cx->trail_cap) return;
  g->trail_seen[0] = g->trail_seen[1] = AMB_UNIT.w;
  g->trail_mark = cx->tr;
  cx->trail[cx->tr++] = g->trail_seen;
}

// Where the entry's cell is now; NULL: nothing refers to it any more, or it is no
// variable and needed no more.
static Word *kept_entry(const Collector *c, Word *cell) {
  if (!ambi_evacuate_leaves(c, cell))
    return ambi_trail_is_variable(cell) ? cell : NULL;
  if ((cell[0] >> 48) != TAG_FWD) return NULL;
  return (Word *)(uintptr_t)(cell[0] & AMB_PAYLOAD_MASK);
}

void ambi_roots_sweep_trail(Collector *c) {
  Engine *g = c->g;
  Context *cx = g->cx;
  size_t from = trail_from(c);
  bool many = are_many(cx->tr - from);
  ambi_add_relaxed(&cx->rt->collections.x_trail, cx->tr - from);
  if (!many && from < cx->tr && cx->trail[from] == g->trail_seen) from++;
  size_t kept = from;
  Choice *r = g->b + 1;
  while (r > g->choices && r[-1].tr > from)
    r--;
  for (size_t i = from; i <= cx->tr; i++) {
    while (r <= g->b && r->tr <= i)
      (r++)->tr = kept;
    if (i == cx->tr) break;
    Word *cell = kept_entry(c, cx->trail[i]);
    if (cell) cx->trail[kept++] = cell;
  }
  cx->tr = kept;
  if (many) mark_trail(g);
}

// ---- the whole ----------------------------------------------------------------------

static bool is_young(const Collector *c, const Adopted *a) {
  return !a->pinned && a->top > c->young;
}

bool ambi_roots_scan_adopted(Collector *c) {
  Engine *g = c->g;
  bool any = false;
  for (size_t i = 0; i < g->nadopted; i++) {
    Adopted *a = &g->adopted[i];
    if (!a->hit || !is_young(c, a)) continue;
    a->top = c->young;
    any = true;
    ambi_evacuate_image(c, a->w, a->n);
  }
  return any;
}

void ambi_roots_scan(Collector *c, size_t args) {
  Engine *g = c->g;
  for (size_t i = 0; i < g->nadopted; i++) {
    g->adopted[i].hit = false;
    c->adopted |= !c->major && is_young(c, &g->adopted[i]);
  }
  root(c, &g->rv);
  context(c, g->cx->space);
  context(c, g->home);
  scan_current(c, args);
  for (Choice *r = first_record(c); r <= g->b; r++)
    scan_record(c, r);
  if (!c->major) scan_trail(c);
}

// Atoms that queries in progress will come to.
size_t ambi_roots_pending(const Engine *g) {
  size_t pending = 0;
  for (const Choice *r = g->choices; r <= g->b; r++)
    for (const Hook *h = r->hook; h; h = h->old)
      if (h->cursor < h->records.n) pending += h->records.n - h->cursor;
  return pending;
}

static void touch_record(Collector *c, Record r) {
  if (!ambi_record_open(r)) {
    ambi_evacuate(c, r.held.w);
    return;
  }
  const Template *t = ambi_record_kept(r);
  ambi_store_touch(c->store, t);
  ambi_evacuate(c, t->atom.w);
  ambi_store_touch(c->store, t->vinfo);
}

void ambi_roots_touch(Collector *c) {
  Engine *g = c->g;
  for (size_t i = 0; i < g->nadopted; i++) {
    Adopted *a = &g->adopted[i];
    if (a->pinned && a->hit) ambi_evacuate_image(c, a->w, a->n);
  }
  for (Choice *r = g->choices; r <= g->b; r++)
    for (Hook *h = r->hook; h; h = h->old)
      for (size_t i = h->cursor; i < h->records.n; i++)
        touch_record(c, h->records.at[i]);
}
