// Handing over the oldest alternative, going on from one, and putting results together.
#include "runtime/machine/handover.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "memory/timeline.h"
#include "runtime/atoms/best.h"
#include "runtime/config.h"
#include "runtime/crew.h"
#include "runtime/machine/chain.h"
#include "runtime/machine/lend.h"
#include "runtime/machine/reach.h"
#include "runtime/machine/region.h"
#include "runtime/machine/segment.h"
#include "runtime/machine/step.h"
#include "runtime/runtime.h"
#include "runtime/tables/table.h"
#include "runtime/types/types.h"
#include "runtime/watch.h"

enum {
  MOST_WORDS = 1 << 16,  // of frames that are copied
  // In a region before anything of it is handed over: steps, or nanoseconds after
  // somebody first asked, as steps that match may be few and long. As long is what
  // others do of it, at least, where that is worth it. If it was, the next region is
  // taken to be like it: then the first look is soon enough.
  GRAIN = 30000,
  GRAIN_NS = 300000,
  GRAIN_AGAIN = AMB_POLL_STEPS / 2
};

// ---- giving ---------------------------------------------------------------------

typedef struct Giving {
  Engine *g;
  Handover *to;
  Region region;
  Choice *record;
  uint64_t alternatives;  // of the record that do not go
  bool clean;             // the region had no effects until now
  enum Tallied kept;      // why nothing goes, if nothing does
  ValueVec terms;
} Giving;

// Of the records from the region's base to this one, those that a part has, too. All others
// between the region's beginning and the record that goes have gone before, else one of them
// would go now (region.c).
static size_t records_to(const Giving *x, const Choice *c) {
  const Region *region = &x->region;
  bool begins = region->begins > region->base && c >= region->begins;
  return (size_t)begins + (c == x->record);
}

// A position slot counts records from the region's base.
static bool give_position(Giving *x, size_t at, Word w) {
  Handover *to = x->to;
  const Choice *c = ambi_position_choice(AMB_V(w));
  if (c < x->region.base || c > x->record ||
      !ambi_grow((void **)&to->positions, &to->positions_cap,
                 to->npositions + 1, sizeof *to->positions))
    return false;
  to->positions[to->npositions++] = (uint32_t)at;
  to->words[at] = (Word)records_to(x, c) << 1 | (w & 1);
  return true;
}

static bool give_slot(Giving *x, const Word *e, const Unit *u, uint32_t slot) {
  Handover *to = x->to;
  const Word *base = x->region.frame - FRAME_HEADER;
  size_t at = (size_t)(e + slot - base);
  Word w = e[slot];
  const Word *low = (const Word *)(const void *)x->g->choices,
             *high = (const Word *)(const void *)x->g->choices_end;
  const Word *p = (const Word *)(uintptr_t)(w & ~(Word)1);
  if (p >= low && p < high && ambi_unit_notes_position(u, slot))
    return give_position(x, at, w);
  if (!ambi_grow((void **)&to->slots, &to->slots_cap, to->nslots + 1,
                 sizeof *to->slots) ||
      !ambi_vec_push(&x->terms, AMB_V(w)))
    return false;
  to->slots[to->nslots++] = (uint32_t)at;
  return true;
}

// Where the once ends that the region is; NULL: it is none, or the frame is another.
static const Code *end_in(const Giving *x, const Word *e) {
  return e == x->region.frame ? x->region.begins->hook->once : NULL;
}

// Is it certain that nothing from `from` to `end` has effects or asks a table, or is it to
// be hoped: only what fetched atoms and unknown heads turn out to be might do so.
static bool is_harmless(Giving *x, const Unit *u, const Code *from,
                        const Code *end) {
  const unsigned harmless = E_READ_SPACE | E_READ_STATE | E_CALLS | E_TABLED;
  unsigned effects = ambi_reach_effects(x->g, u, from, end);
  bool tables = ambi_tables_in_use(x->g->cx->rt);
  bool known = (effects & ~harmless) == 0;
  x->kept =
      tables && (effects & E_TABLED) ? TALLY_KEPT_TABLES : TALLY_KEPT_EFFECTS;
  if (x->kept == TALLY_KEPT_TABLES) return false;
  if (known && !tables) return true;
  x->to->hopeful = true;
  return x->clean && (known || (effects & E_CALLS));
}

static Unit *unit_of(const Engine *g, const Region *region) {
  const Choice *begins = region->begins;
  if (begins->hook == g->top_hook) return g->is_part ? NULL : g->form;
  return (Unit *)(uintptr_t)begins->e[FRAME_UNIT];
}

// The same would come of it another time.
static void discourage(const Engine *g, Choice *r) {
  enum { ATTEMPTS = 64 };
  Unit *u = unit_of(g, &(Region){.begins = r});
  if (u) ambi_store_relaxed(&u->x_discouraged, ATTEMPTS);
}

static bool is_discouraged(Unit *u) {
  uint32_t n = u ? ambi_load_relaxed(&u->x_discouraged) : 0;
  if (n) ambi_store_relaxed(&u->x_discouraged, n - 1);
  return n > 0 && !ambi_stress(STRESS_HANDOVER);
}

// Could all of the region run once more? What an evaluator has of another's region, was
// looked at when it was given.
static bool may_begin_again(Giving *x) {
  const Engine *g = x->g;
  const Choice *begins = x->region.begins;
  Unit *u = unit_of(g, &x->region);
  x->kept = TALLY_KEPT_AGAIN;
  if (is_discouraged(u)) return false;
  x->kept = TALLY_KEPT_EFFECTS;
  x->clean = begins->hook->effects == g->effects;
  if (begins->hook == g->top_hook)
    return g->is_part || (u && is_harmless(x, u, u->code, NULL));
  const Code *from = ambi_code_origin(begins->next);
  return from >= u->code && from < u->code + u->ncode &&
         is_harmless(x, u, from + ambi_op_words(from), begins->hook->once);
}

// The live slots of a frame that goes on at pc. Of a chain, to which nothing was added
// since the record was made, the cells go with the first of them.
static bool give_frame(Giving *x, Word *e, const Code *pc) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  bool chain = ambi_is_chain(x->g->code, e);
  x->kept = TALLY_KEPT_OTHER;
  if (u->routine || pc < u->code || pc >= u->code + u->ncode) return false;
  const uint64_t *row = ambi_unit_live_row(u, (uint32_t)(pc - u->code));
  if (!row || !is_harmless(x, u, pc, end_in(x, e))) return false;
  x->kept = TALLY_KEPT_OTHER;
  if (chain) ambi_chain_correct(e);
  for (uint32_t i = 0; i < u->nlive; i++)
    for (uint64_t bits = row[i]; bits; bits &= bits - 1) {
      uint32_t slot = i * 64 + (uint32_t)__builtin_ctzll(bits);
      if (slot + 1 == u->stamp) ambi_step_stamp(x->g, e);
      if (!(chain && slot == CHAIN_LAST) && !give_slot(x, e, u, slot))
        return false;
    }
  return true;
}

// The frames from the record's to the region's own; links become offsets.
static bool give_frames(Giving *x) {
  Handover *to = x->to;
  Word *last = x->region.frame, *base = last - FRAME_HEADER;
  const Code *pc = ambi_divide_goes_on(x->record);
  for (Word *e = x->record->e;;) {
    if (e < last || !give_frame(x, e, pc)) return false;
    Word *copy = to->words + (e - base),
         *prev = (Word *)(uintptr_t)e[FRAME_PREV];
    bool outer = e == last;
    copy[FRAME_PREV] = (Word)((outer ? e : prev) - base);
    pc = ambi_frame_returns(e);
    copy[FRAME_RET] = (Word)(uintptr_t)pc;
    copy[FRAME_MARK] = 0;
    if (outer) return true;
    if (prev == e) return false;
    e = prev;
  }
}

static bool copy_words(Giving *x) {
  Handover *to = x->to;
  const Word *base = x->region.frame - FRAME_HEADER;
  const Choice *r = x->record;
  if (r->top <= base || r->top - base > MOST_WORDS) return false;
  to->nwords = (size_t)(r->top - base);
  to->words = ambi_alloc(to->nwords * sizeof *to->words);
  if (!to->words) return false;
  memcpy(to->words, base, to->nwords * sizeof *to->words);
  to->frame = (size_t)(r->e - base);
  to->records = records_to(x, r);
  to->space = r->s;
  to->home = x->g->home;
  to->form = x->region.frame == x->g->stack + FRAME_HEADER &&
             x->region.base == x->region.begins;
  to->rigid = x->g->cx->rigid;
  to->once = x->region.begins->hook->once;
  to->keeps_best = x->region.begins->hook->kind == HOOK_BEST;
  to->best = x->region.best ? ambi_best_share(x->region.best) : NULL;
  to->stamps = ambi_stamps_share(x->g);
  return to->stamps && (to->best || !x->region.best);
}

// What a once has bound of what is older stays bound behind it. A part tells what it has
// bound itself: has something been bound until the record?
static bool has_bound(const Giving *x) {
  const Context *cx = x->g->cx;
  const Choice *begins = x->region.begins;
  for (size_t i = begins->tr; i < x->record->tr; i++)
    if (cx->trail[i] < begins->h && ambi_trail_is_variable(cx->trail[i]))
      return true;
  return false;
}

// Terms as they were when the record was made: what was bound since is unbound while
// they are copied.
static bool give_terms(Giving *x) {
  Context *cx = x->g->cx;
  Hook *region = x->region.begins->hook;
  bool began_here = !x->g->is_part || region != x->g->top_hook;
  Lending lending = {.lent = &region->lent};
  if (began_here) lending.lends = x->region.begins->h;
  x->kept = x->to->once ? TALLY_KEPT_BINDS : TALLY_KEPT_OTHER;
  if (x->to->once && began_here && has_bound(x)) return false;
  size_t from = x->record->tr, n = cx->tr - from;
  Word *bound = ambi_alloc(n * sizeof *bound + 1);
  if (!bound) return false;
  for (size_t i = 0; i < n; i++) {
    Word *cell = cx->trail[from + i];
    bound[i] = *cell;
    if (ambi_trail_is_variable(cell))
      *cell = AMB_TAGGED(TAG_VAR, (uintptr_t)cell);
  }
  bool ok =
      !(x->to->once && ambi_lend_has_bound(&region->lent)) &&
      ambi_divide_give(x->record, x->alternatives, &x->to->rest, &x->terms) &&
      ambi_carry_out_lent(cx, &x->to->terms, x->terms.at, x->terms.n,
                          &lending) &&
      ambi_lend_names(region, &x->to->lent);
  for (size_t i = n; i-- > 0;)
    *cx->trail[from + i] = bound[i];
  ambi_free(bound, n * sizeof *bound + 1);
  return ok;
}

// What a part goes on with had begun before.
static bool is_new(const Giving *x) {
  Engine *g = x->g;
  const Hook *h = x->region.begins->hook;
  bool again = g->is_part && h == g->top_hook;
  if (again ||
      g->cx->limits.steps_used - h->steps >=
          (g->worth_it ? GRAIN_AGAIN : GRAIN) ||
      ambi_stress(STRESS_HANDOVER))
    return false;
  uint64_t now = ambi_timeline_now();
  if (g->asked != h || g->asked_steps != h->steps) {
    g->asked = h;
    g->asked_steps = h->steps;
    g->asked_at = now;
  }
  return now - g->asked_at < GRAIN_NS;
}

static bool give(Giving *x) {
  x->kept = TALLY_KEPT_OTHER;
  if (!ambi_region_hook(x->g, &x->region)) return false;
  x->kept = TALLY_KEPT_NEW;
  if (is_new(x)) return false;
  x->kept = TALLY_KEPT_OTHER;
  x->alternatives = ambi_divide_near(x->record);
  return may_begin_again(x) && copy_words(x) && give_frames(x) &&
         give_terms(x) && x->g->cx->rt->crew->share(x->g->cx);
}

enum Tallied ambi_handover_give(Engine *g, const Choice *newest, Handover *to,
                                Hook **region) {
  Giving x = {.g = g, .to = to};
  x.record = ambi_region_oldest(g, newest, &x.region);
  if (!x.record) return x.region.kept;
  enum AmbStop before = g->cx->stop;
  bool ok = give(&x);
  ambi_vec_drop(&x.terms);
  g->cx->stop = before;  // what cannot be given stays
  if (!ok) {
    ambi_handover_drop(to);
    return x.kept;
  }
  ambi_divide_keep(g, x.record, x.alternatives);
  if (to->hopeful) g->hopeful = x.region.begins->hook->hopeful = true;
  if (x.record > g->handed_to) g->handed_to = x.record;
  *region = x.region.begins->hook;
  return TALLY_GIVEN;
}

// After an attempt that failed, twice as many looks pass until the next.
static void wait_longer(Engine *g, enum Tallied why) {
  enum { MOST = 1 << 8 };
  g->patience = g->patience ? 2 * g->patience : 1;
  if (g->patience > MOST) g->patience = MOST;
  g->refused = ambi_stress(STRESS_HANDOVER) ? 0 : g->patience;
  g->refuses = why;
}

void ambi_handover_offer(Engine *g, const Choice *newest) {
  Context *cx = g->cx;
  const Crew *crew = cx->rt->crew;
  Tally *tally = ambi_tally(&cx->rt->tally);
  if (g->refused) {
    g->refused--;
    ambi_tally_add(tally, (int)g->refuses, 1);
    return;
  }
  Hook *region;
  Part *p = crew->part_make(cx);
  enum Tallied how =
      p ? ambi_handover_give(g, newest, &p->from, &region) : TALLY_KEPT_OTHER;
  ambi_tally_add(tally, (int)how, 1);
  if (how != TALLY_GIVEN) {
    if (p) crew->part_drop(cx, p);
    if (how != TALLY_KEPT_NEW) wait_longer(g, how);
    return;
  }
  p->older = region->parts;
  region->parts = p;
  ambi_tally_add(tally, TALLY_CARRIED, p->from.nwords * sizeof(Word));
  if (ambi_watch(cx->rt))
    p->from.number = ambi_watch_given(cx->rt, p->from.nwords * sizeof(Word));
  crew->part_start(cx, p);
  g->gave = true;
}

void ambi_handover_drop(Handover *h) {
  ambi_carried_drop(&h->terms);
  ambi_divide_drop(&h->rest);
  ambi_free(h->slots, h->slots_cap * sizeof *h->slots);
  ambi_free(h->positions, h->positions_cap * sizeof *h->positions);
  ambi_free(h->words, h->nwords * sizeof *h->words);
  ambi_vec_drop(&h->lent);
  ambi_stamps_drop(h->stamps);
  ambi_best_give_up(h->best);
  *h = (Handover){0};
}

// ---- taking ---------------------------------------------------------------------

static bool take_frames(Engine *g, const Handover *from) {
  if (g->stack + from->nwords > g->stack_end &&
      !ambi_stack_more(g, g->stack + from->nwords))
    return false;
  memcpy(g->stack, from->words, from->nwords * sizeof *g->stack);
  for (Word *e = g->stack + from->frame;;) {
    Word *prev = g->stack + e[FRAME_PREV];
    e[FRAME_PREV] = (Word)(uintptr_t)prev;
    if (prev == e) return true;
    e = prev;
  }
}

static void take_positions(Engine *g, const Handover *from) {
  for (size_t i = 0; i < from->npositions; i++) {
    Word *at = g->stack + from->positions[i];
    *at = ambi_position(g->choices + (*at >> 1)).w | (*at & 1);
  }
}

static bool take_terms(Context *cx, Engine *g, const Handover *from,
                       ValueVec *terms, ValueVec *lent) {
  if (!ambi_lend_cells(cx, &from->lent, lent) ||
      !ambi_carry_in_lent(cx, &from->terms, lent, terms))
    return false;
  for (size_t i = 0; i < from->nslots; i++)
    g->stack[from->slots[i]] = terms->at[i].w;
  Word *e = g->stack + from->frame;
  for (Word *prev; (prev = (Word *)(uintptr_t)e[FRAME_PREV]) != e; e = prev)
    if (ambi_is_chain(g->code, prev)) ambi_chain_moved(prev);
  return true;
}

// Records below are there to be counted; the collector's own is the region's end. One
// more keeps the positions that are open from being looked at as the only ones there are.
static bool take_records(Engine *g, const Handover *from,
                         const ValueVec *terms) {
  static const Code done[1] = {{.op = OP_I_TOP_DONE}};
  Word *e = g->stack + from->frame;
  for (size_t i = 1; i <= from->records + 1; i++) {
    g->e = e;
    Choice *c = ambi_choice_push(g, ambi_divide_gone);
    if (!c) return false;
    c->top = g->stack + from->nwords;
    c->s = from->space;
  }
  if (from->best) ambi_best_enter(g->cx, from->best);
  if (from->keeps_best) {
    g->top_hook->kind = HOOK_BEST;
    g->top_hook->best = from->best;
  }
  if (!from->form) {
    g->choices[1].resume = done;
    g->choices[1].hook = g->top_hook;
    g->choices->hook = NULL;
  }
  g->top_hook->once = from->once;
  size_t n = from->nslots;
  g->handed_to = g->b;
  return ambi_divide_take(g, g->b, &from->rest, terms->at + n, terms->n - n);
}

bool ambi_handover_take(Context *cx, const Handover *from) {
  static const Code further[1] = {{.op = OP_I_FAIL}};
  Engine *g = ambi_engine_of(cx);
  ValueVec terms = {0}, lent = {0};
  bool ok = g && take_frames(g, from);
  if (ok) take_positions(g, from);
  ok = ok && take_terms(cx, g, from, &terms, &lent) && ambi_engine_begin(g);
  if (ok) {
    g->top_hook->lent = lent;
    ambi_stamps_use(g, from->stamps);
    g->is_part = true;
    g->part_of_form = from->form;
    g->hopeful = from->hopeful;
    g->home = from->home;
    g->max_depth = 0;
    g->bare = false;
    g->form = NULL;
    cx->rigid = from->rigid;
    g->pc = further;
    ok = take_records(g, from, &terms);
  } else
    ambi_vec_drop(&lent);
  ambi_vec_drop(&terms);
  if (!ok && !cx->stop) cx->stop = STOP_MEMORY;
  ambi_tally_add(ambi_tally(&cx->rt->tally), TALLY_TAKEN, ok);
  if (from->number) ambi_watch_taken(cx->rt, from->number);
  return ok;
}

// ---- putting together -----------------------------------------------------------

bool ambi_handover_hides(const Engine *g, const Choice *at) {
  return g->handed_to && at < g->handed_to &&
         !(at < g->b && ambi_region_case(at + 1));
}

void ambi_handover_cut(Engine *g, Hook *region) {
  while (region->parts) {
    Part *p = region->parts;
    region->parts = p->older;
    g->cx->rt->crew->part_drop(g->cx, p);
  }
}

// The newest region of which something was handed over.
static Choice *region_of(Engine *g) {
  Choice *r = g->b;
  while (r > g->choices && !(r->hook && r->hook->parts))
    r--;
  return r;
}

bool ambi_handover_effect(Engine *g) {
  Choice *r = g->b;
  while (r > g->choices && !(r->hook && r->hook->parts && r->hook->hopeful))
    r--;
  g->hopeful = g->is_part || (r->hook->parts && r->hook->hopeful);
  if (g->hopeful) g->cx->stop = STOP_AGAIN;
  g->effects += !g->hopeful;
  return !g->hopeful;
}

enum Next ambi_handover_again(Engine *g) {
  Context *cx = g->cx;
  cx->stop = STOP_NONE;
  if (g->is_part) {  // who handed this over begins again
    g->spoilt = true;
    cx->stop = STOP_CANCEL;
    return NEXT_STOP;
  }
  Choice *r = region_of(g);
  Hook *h = r->hook;
  discourage(g, r);
  ambi_tally_add(ambi_tally(&cx->rt->tally), TALLY_AGAIN, 1);
  ambi_choice_cut(g, r + 1);
  ambi_trail_undo(cx, r->tr);
  ambi_heap_give_back(cx, r->h);
  ambi_handover_cut(g, h);
  h->sequential = true;
  ambi_hook_restart(h);
  if (h->kind == HOOK_BEST) ambi_best_again(h->best);
  cx->space = r->s;
  g->handed_to = NULL;
  if (r == g->choices)
    return ambi_engine_frame(g, g->form) ? NEXT_PC : NEXT_STOP;
  g->e = r->e;
  g->pc = ambi_code_origin(r->next) + 1;
  return NEXT_PC;
}

// What a part handed on becomes its parent's, so a part waits for nobody at its end.
struct Part *ambi_handover_leave(Engine *g) {
  Part *parts = g->top_hook ? g->top_hook->parts : NULL;
  if (parts) g->top_hook->parts = NULL;
  return parts;
}

// Is the first result all that is wanted?
static bool is_first(const Hook *region) {
  return region->once && region->once->op == OP_I_ONCE_END;
}

// Whose results are next: those of the newest part, or, where the order is free, of one
// that has them already.
static Part **next_part(const Engine *g, Hook *region) {
  const Runtime *rt = g->cx->rt;
  if (rt->free_order && region->kind != HOOK_BEST && !region->once)
    for (Part **at = &region->parts; *at; at = &(*at)->older)
      if (rt->crew->part_done(*at)) return at;
  return &region->parts;
}

// What others did of a region may be too little to have been worth it, as it is when a
// search is short: then it is a while until the next time.
static void learn(Engine *g) {
  g->worth_it = g->took >= GRAIN_NS;
  if (g->worth_it)
    g->refused = g->patience = 0;
  else
    wait_longer(g, TALLY_KEPT_SMALL);
  g->took = 0;
  g->gave = false;
}

// The part at *at goes; in its place stands what it handed on.
static void replace(Part **at, Part *rest) {
  Part *older = (*at)->older;
  *at = rest ? rest : older;
  if (!rest) return;
  while (rest->older)
    rest = rest->older;
  rest->older = older;
}

bool ambi_handover_join(Engine *g, Hook *region, Choice *barrier, bool *again) {
  Context *cx = g->cx;
  const Crew *crew = cx->rt->crew;
  *again = false;
  while (region->parts) {
    Part **at = next_part(g, region), *p = *at, *rest = NULL;
    Segment *results = crew->part_results(cx, p, &rest, again);
    if (*again) return true;
    if (!results) return false;
    g->took += p->took;
    replace(at, rest);
    bool added = ambi_segment_add(g, region, barrier, results);
    crew->part_drop(cx, p);
    if (!added) return false;
    if (is_first(region) && region->nvalues) ambi_handover_cut(g, region);
  }
  learn(g);
  g->handed_to = NULL;
  for (Choice *r = g->choices; r < barrier; r++)
    if (r->hook && r->hook->parts) g->handed_to = barrier;
  return true;
}
