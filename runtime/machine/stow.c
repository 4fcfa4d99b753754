// Into a block and out of it: stow.h.
#include "runtime/machine/stow.h"
#include "runtime/machine/lend.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/machine/chain.h"
#include "runtime/machine/collect.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/seen.h"

enum {
  MOST_TERMS = 1 << 13,  // words
  MOST_STACK = 1 << 13,  // words
  MOST_RECORDS = 1 << 10,
  MOST_TRAIL = 1 << 12
};

struct Stowed {
  size_t bytes;
  // Words of terms, then those of the stack, records, and entries of the trail.
  size_t nterms, nstack, nrecords, ntrail;
  const Word *stack;  // where these were
  const Choice *choices;
  // of the Engine; e counts words of the stack
  size_t e;
  const Code *pc;
  Value rv;
  Space *home;
  bool call_stays, bare;
  size_t entry_args;
  int64_t budget;
  uint64_t collections, effects, max_depth;
  uint32_t stamps, stamps_end;
  Stamps *pool;
  Unit *form;
  const Target *target;
  // of the Context
  Space *space;
  Module *module;
  RigidEpochs rigid;
  Limits limits;
  enum AmbStop stop;
  Word words[];
};

static Word *stack_of(Stowed *s) {
  return s->words + s->nterms;
}
static Choice *records_of(Stowed *s) {
  return (Choice *)(void *)(stack_of(s) + s->nstack);
}
static Word **trail_of(Stowed *s) {
  return (Word **)(void *)(records_of(s) + s->nrecords);
}

size_t ambi_stowed_bytes(const Stowed *s) {
  return s->bytes;
}

// ---- what can be stowed ---------------------------------------------------------

// Somebody else knows this Context, or it has more than its own heap and stacks.
static bool is_known(const Context *cx) {
  return cx->journal || cx->deltas || cx->held || cx->waiter || cx->best ||
         cx->branches || cx->waits || cx->plain || cx->machine;
}

static bool is_plain(const Choice *r) {
  for (const Hook *h = r->hook; h; h = h->old)
    if (h->parts || h->kind == HOOK_BEST || h->kind == HOOK_TABLE ||
        h->kind == HOOK_ROUNDS)
      return false;
  return true;
}

static const Word *stack_top(const Engine *g) {
  return ambi_frame_top(g->e, ambi_frame_slots(g->e), g->b);
}

static bool is_small(const Engine *g) {
  return stack_top(g) - g->stack <= MOST_STACK &&
         g->b - g->choices < MOST_RECORDS && g->cx->tr <= MOST_TRAIL;
}

// Was it too large, and is not another one since?
static bool is_still_too_large(const Engine *g) {
  size_t now = ambi_heap_words(g->cx);
  return now > MOST_TERMS && now > g->too_large / 2 && now / 2 < g->too_large;
}

static bool can_be_stowed(const Engine *g) {
  if (!g || !g->top_hook || !ambi_rests(g->cx->stop) || g->is_part ||
      g->handed_to || g->wide || is_known(g->cx) || !is_small(g) ||
      is_still_too_large(g))
    return false;
  for (const Choice *r = g->choices; r <= g->b; r++)
    if (!is_plain(r)) return false;
  return true;
}

// ---- frames ---------------------------------------------------------------------

static bool is_position_slot(const CodeState *cs, const Unit *u,
                             uint32_t slot) {
  if (!u->routine) return ambi_unit_notes_position(u, slot);
  if (u == ambi_load_acquire(&cs->x_chain_unit)) return slot == CHAIN_POS;
  if (u == ambi_load_acquire(&cs->x_routine_unit)) return slot == IN_POS;
  return slot >= EV_SLOTS && (slot - EV_SLOTS) % 2;
}

// All frames that a return or a record can reach, by `visit`, which says whether it has
// been there, and else leads to the caller's.
typedef bool Visit(Engine *g, const Stowed *s, Word *e);

static void visit_callers(Engine *g, const Stowed *s, Word *e, Visit *visit) {
  while (visit(g, s, e)) {
    Word prev = e[FRAME_PREV];
    Word *caller = prev & 1 ? g->stack + (prev >> 1) : (Word *)(uintptr_t)prev;
    if (caller == e) return;
    e = caller;
  }
}

static void visit_frames(Engine *g, const Stowed *s, Visit *visit) {
  visit_callers(g, s, g->e, visit);
  for (Choice *r = g->choices; r <= g->b; r++) {
    visit_callers(g, s, r->e, visit);
    for (const Hook *h = r->hook; h; h = h->old)
      if (h->kind == HOOK_STREAM || h->kind == HOOK_GATHER)
        visit_callers(g, s, h->frame, visit);
  }
}

// Its link is an odd number from now on: twice the words below the caller's, and 1.
static bool loosen(Engine *g, const Stowed *s, Word *e) {
  (void)s;
  if (e[FRAME_PREV] & 1) return false;
  const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
  e[FRAME_PREV] = (Word)(prev - g->stack) << 1 | 1;
  e[FRAME_RET] = (Word)(uintptr_t)ambi_frame_returns(e);
  return true;
}

// The link and the positions are those of this stack.
static bool fasten(Engine *g, const Stowed *s, Word *e) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  if (!(e[FRAME_PREV] & 1)) return false;
  e[FRAME_PREV] = (Word)(uintptr_t)(g->stack + (e[FRAME_PREV] >> 1));
  for (uint32_t slot = 0; slot < u->nslots; slot++) {
    const Choice *c = ambi_position_choice(AMB_V(e[slot]));
    if (c < s->choices || c >= s->choices + s->nrecords ||
        !is_position_slot(g->code, u, slot))
      continue;
    Word bit = e[slot] & 1;
    e[slot] = ambi_position(g->choices + (c - s->choices)).w | bit;
  }
  return true;
}

// ---- terms ------------------------------------------------------------------------

// All terms move from one place to another, and nothing else is anywhere. Returns their end.
static Word *move_terms(Engine *g, size_t args, Word *from, const Word *end,
                        Word *to) {
  Collector c = {.g = g,
                 .major = true,
                 .young = from,
                 .young_end = (Word *)end,
                 .scan = to,
                 .top = to};
  g->gc_mark = AMB_TAGGED(TAG_HDR, ++g->collections);
  g->same_from = g->same_to = NULL;
  ambi_roots_scan(&c, args);
  ambi_evacuate_all(&c);
  ambi_roots_sweep_trail(&c);
  return c.top;
}

// ---- into the block -----------------------------------------------------------------

// A frame that is just beginning may have more arguments than its unit has slots yet.
static Stowed *make_block(const Engine *g, size_t args) {
  const Context *cx = g->cx;
  const Word *end = stack_top(g);
  if (args != SIZE_MAX && end < g->e + args) end = g->e + args;
  Stowed sizes = {.nterms = ambi_heap_words(cx),
                  .nstack = (size_t)(end - g->stack),
                  .nrecords = (size_t)(g->b - g->choices) + 1,
                  .ntrail = cx->tr};
  size_t bytes = sizeof sizes +
                 (sizes.nterms + sizes.nstack + sizes.ntrail) * sizeof(Word) +
                 sizes.nrecords * sizeof(Choice);
  Stowed *s = ambi_alloc(bytes);
  if (!s) return NULL;
  *s = sizes;
  s->bytes = bytes;
  return s;
}

static void note(Stowed *s, const Engine *g) {
  const Context *cx = g->cx;
  s->stack = g->stack;
  s->choices = g->choices;
  s->e = (size_t)(g->e - g->stack);
  s->pc = g->pc;
  s->rv = g->rv;
  s->home = g->home;
  s->call_stays = g->call_stays;
  s->bare = g->bare;
  s->entry_args = g->entry_args;
  s->budget = g->budget;
  s->collections = g->collections;
  s->effects = g->effects;
  s->max_depth = g->max_depth;
  s->stamps = g->copy.stamps;
  s->stamps_end = g->copy.stamps_end;
  s->pool = ambi_stamps_hold(g->copy.pool);
  s->form = g->form;
  s->target = g->target;
  s->space = cx->space;
  s->module = cx->module;
  s->rigid = cx->rigid;
  s->limits = cx->limits;
  s->stop = cx->stop;
}

static void fill(Stowed *s, Engine *g, size_t args) {
  Context *cx = g->cx;
  move_terms(g, args, (Word *)(void *)cx->old.base, cx->old_top, s->words);
  if (cx->tr && cx->trail[cx->tr - 1] == g->trail_seen) cx->tr--;
  AMB_ENSURE(cx->tr <= s->ntrail);
  s->ntrail = cx->tr;
  visit_frames(g, s, loosen);
  note(s, g);
  memcpy(stack_of(s), g->stack, s->nstack * sizeof(Word));
  memcpy(records_of(s), g->choices, s->nrecords * sizeof(Choice));
  memcpy(trail_of(s), cx->trail, s->ntrail * sizeof(Word *));
}

// Of an instruction that is done again what it has been returned is no longer wanted, but
// by those that begin with that.
static size_t live_args(Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  size_t args = g->cx->stop == STOP_YIELD ? g->entry_args : SIZE_MAX;
  if (args != SIZE_MAX || !u->routine) g->rv = AMB_UNIT;
  return args;
}

Stowed *ambi_stow(Context *cx) {
  Engine *g = cx->engine;
  if (!can_be_stowed(g)) return NULL;
  size_t args = live_args(g);
  if (!ambi_collect_all(g, args) || g->nadopted) return NULL;
  g->too_large = ambi_heap_words(cx);
  if (g->too_large > MOST_TERMS) return NULL;
  Stowed *s = make_block(g, args);
  if (!s) return NULL;
  fill(s, g, args);
  g->form = NULL;
  g->b = g->choices;
  g->copy.spine_of = NULL;
  cx->tr = 0;
  ambi_engine_leave(g);
  return s;
}

// ---- out of it ------------------------------------------------------------------------

static bool make_room(Engine *g, const Stowed *s) {
  Context *cx = g->cx;
  const Choice *end = g->choices + s->nrecords + 1;
  size_t records =
      (size_t)((const char *)end - g->choice_range.base) + sizeof(Choice);
  bool ok = (g->stack + s->nstack <= g->stack_end ||
             ambi_stack_more(g, g->stack + s->nstack)) &&
            ambi_range_commit(&g->choice_range, records) &&
            ambi_range_commit(&cx->old, s->nterms * sizeof(Word)) &&
            ambi_trail_room(cx, s->ntrail);
  ambi_choices_committed(g);
  return ok;
}

static void put_back(Stowed *s, Engine *g) {
  Context *cx = g->cx;
  g->e = g->stack + s->e;
  g->pc = s->pc;
  g->rv = s->rv;
  g->home = s->home;
  g->call_stays = s->call_stays;
  g->bare = s->bare;
  g->entry_args = s->entry_args;
  g->granted = g->budget = s->budget;
  if (g->collections < s->collections) g->collections = s->collections;
  g->effects = s->effects;
  g->max_depth = s->max_depth;
  g->copy.stamps = s->stamps;
  g->copy.stamps_end = s->stamps_end;
  g->copy.pool = s->pool;
  g->form = s->form;
  g->target = s->target;
  cx->space = s->space;
  cx->module = s->module;
  cx->rigid = s->rigid;
  cx->limits = s->limits;
  cx->stop = s->stop;
}

static void put_back_records(Stowed *s, Engine *g) {
  memcpy(g->choices, records_of(s), s->nrecords * sizeof(Choice));
  g->b = g->choices + s->nrecords - 1;
  g->top_hook = g->choices->hook;
  for (Choice *r = g->choices; r <= g->b; r++) {
    r->top = g->stack + (r->top - s->stack);
    r->e = g->stack + (r->e - s->stack);
    r->h = g->cx->hbase;
    for (Hook *h = r->hook; h; h = h->old)
      if (h->kind == HOOK_STREAM || h->kind == HOOK_GATHER)
        h->frame = g->stack + (h->frame - s->stack);
  }
}

bool ambi_unstow(Context *cx, Stowed *s) {
  enum AmbStop before = cx->stop;
  Engine *g = ambi_engine_of(cx);
  if (!g || !make_room(g, s)) {
    cx->stop = before;
    return false;
  }
  ambi_engine_fresh(g);
  memcpy(g->stack, stack_of(s), s->nstack * sizeof(Word));
  memcpy(cx->trail, trail_of(s), s->ntrail * sizeof(Word *));
  cx->tr = s->ntrail;
  put_back(s, g);
  put_back_records(s, g);
  visit_frames(g, s, fasten);
  size_t args = s->stop == STOP_YIELD ? s->entry_args : SIZE_MAX;
  Word *to = (Word *)(void *)cx->old.base;
  cx->old_top = move_terms(g, args, s->words, s->words + s->nterms, to);
  cx->moved_from = cx->old_top;
  cx->hb = cx->hbase;
  ambi_collect_first(g);
  ambi_free(s, s->bytes);
  AMB_WALK(ambi_engine_is_valid(g, &why));
  return true;
}

void ambi_stowed_drop(Runtime *rt, Stowed *s) {
  if (!s) return;
  for (size_t i = 0; i < s->nrecords; i++)
    ambi_hooks_discard(records_of(s)[i].hook);
  ambi_stamps_drop(s->pool);
  ambi_form_unit_drop(rt->code, s->form);
  ambi_free(s, s->bytes);
}
