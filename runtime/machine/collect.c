// When tier 1 collects, how much, and into what room. What is moved and why so little of
// it, see collect.h.
//
// A minor collection is due when a nursery full was allocated, a major one when as much
// has survived minor ones as survived the last major one, the stack included, so a deep
// stack is not walked again and again. Shared atoms (the store) do not move; those given
// up are freed by a major collection.
#include "runtime/machine/collect.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/bytecode/sampler.h"
#include "runtime/cells.h"
#include "runtime/config.h"
#include "runtime/machine/seen.h"
#include "runtime/modules/module.h"
#include "runtime/spaces/journal.h"
#include "runtime/types/types.h"
#include "runtime/watch.h"

enum {
  NURSERY = 3 << 15,      // words: 768 KiB, stays in second-level caches
  SMALLEST_NURSERY = 64,  // under stress
  MIN_OLD = 1 << 20,      // words that are old before a major collection
  MIN_SHARED = 1 << 22,   // bytes of the store between collections
  STACK_STEP = 1 << 16,   // words of new frames that a collection looks through
  SMALL_STEP =
      1 << 15,      // words between collections that memory is too small for
  MAJOR_STRESS = 4  // under stress, every so many collections is a major one
};

static size_t nursery(void) {
  return ambi_stress(STRESS_MINIMAL) ? SMALLEST_NURSERY : NURSERY;
}

static size_t at_least(size_t n, size_t least) {
  return n < least ? least : n;
}

static size_t young_words(const Engine *g) {
  return (size_t)(g->cx->h - g->cx->hbase);
}

// Under stress at once, but for what would take for ever: the price of a collection
// is spread over as many words as keep it a constant factor, a smaller one of large
// heaps.
static size_t due_at_once(size_t all) {
  enum { FACTOR = 4096, LARGE = 1 << 16, LARGE_FACTOR = 4 };
  return all / (all < LARGE ? FACTOR : LARGE_FACTOR);
}

// Looking at the roots of a major collection takes as long as copying so many words.
static size_t root_words(const Engine *g) {
  return (size_t)(g->e - g->stack) + (size_t)(g->b - g->choices) * 10 +
         g->cx->tr;
}

// A heap that is limited is not to come to half of that.
static void keep_within(Engine *g, size_t live) {
  size_t most = (size_t)g->cx->limits.heap / (2 * sizeof(Word));
  if (most && g->heap_soft > most)
    g->heap_soft = at_least(most, live + live / 8 + SMALL_STEP);
}

static size_t stack_words(const Engine *g) {
  return (size_t)(g->e - g->stack);
}

static void set_young_soft(Engine *g, size_t words) {
  g->young_soft = words;
  if (ambi_stress(STRESS_COLLECT))
    g->young_soft = due_at_once(ambi_heap_words(g->cx) + root_words(g));
  g->stack_soft = stack_words(g) + STACK_STEP;
}

// Behind a collection that moved what survived of `young` words. What survives takes
// time, so where most does, collections are more frequent, and the words of some
// nurseries, few beside those that are old, are going to stay. Garbage among them costs
// as much as moving the rest would have.
static void expect(Engine *g, size_t survived, size_t young) {
  bool most = survived > young / 3 * 2;
  size_t old = ambi_old_words(g->cx) / 4;
  g->stay_words = most ? at_least(old, 4 * nursery()) : 0;
  set_young_soft(g, survived > nursery() / 2 ? nursery() / 2 : nursery());
}

// When the next one is due, behind a collection of `young` new words.
static void settle(const Collector *c, size_t young) {
  Engine *g = c->g;
  if (c->stays) {
    g->stay_words -= young < g->stay_words ? young : g->stay_words;
    set_young_soft(g, g->stay_words ? nursery() : nursery() / 4);
  } else if (!c->major) {
    expect(g, (size_t)(g->cx->old_top - g->cx->moved_from), young);
  } else {
    set_young_soft(g, g->stay_words ? nursery() : nursery() / 2);
  }
}

// live: words behind a major collection, or when the form begins.
static void set_heap_soft(Engine *g, size_t live) {
  size_t roots = root_words(g);
  g->heap_soft = live + at_least(live + roots, MIN_OLD);
  keep_within(g, live);
}

// Bytes of atoms and cells outside the heap, of which a collection may free some.
static size_t shared_bytes(const Engine *g) {
  const Runtime *rt = g->cx->rt;
  return ambi_store_bytes(rt->store) + ambi_cells_bytes(rt);
}

static size_t heap_bytes(const Engine *g) {
  return (ambi_heap_words(g->cx) + g->adopted_words) * sizeof(Word);
}

// From what there is now on.
static void set_shared_soft(Engine *g) {
  g->shared_soft = 2 * shared_bytes(g) + MIN_SHARED;
  g->held = heap_bytes(g) + shared_bytes(g);
}

// Where memory is limited: is what came since the last major collection half of what is
// left, or could the heap not be moved soon? It is also to be a share of what is looked
// at, so that all collections together take as long as what came.
static bool room_is_short(const Engine *g) {
  enum { SHARE = 8, LEAST = 1 << 17, BETWEEN_LOOKS = 1 << 19 };
  size_t left = ambi_limits_left(g->cx->limits.memory);
  if (AMB_LIKELY(left == SIZE_MAX)) return false;
  size_t heap = heap_bytes(g), now = heap + shared_bytes(g);
  if (now < g->held + g->held / SHARE + LEAST) return false;
  return now - g->held > left / 2 || heap + BETWEEN_LOOKS > left;
}

static bool heap_is_due(const Engine *g) {
  return ambi_heap_words(g->cx) + g->adopted_words > g->heap_soft;
}

static bool stack_is_due(Engine *g) {
  size_t now = stack_words(g);
  if (now + STACK_STEP < g->stack_soft) g->stack_soft = now + STACK_STEP;
  return now > g->stack_soft;
}

bool ambi_collect_due(Engine *g) {
  return young_words(g) > g->young_soft || heap_is_due(g) || stack_is_due(g) ||
         shared_bytes(g) > g->shared_soft || room_is_short(g);
}

// What is new is moved to the old range only when it is small beside that, else once.
static bool major_is_due(const Engine *g) {
  if (ambi_stress(STRESS_COLLECT))
    return g->collections % MAJOR_STRESS == 0 || heap_is_due(g);
  size_t young = young_words(g);
  return heap_is_due(g) || shared_bytes(g) > g->shared_soft ||
         room_is_short(g) ||
         (young > 4 * nursery() && young > ambi_old_words(g->cx));
}

// Is what is new going to stay where it is? Every record gets another heap top then.
static bool stays(const Engine *g) {
  enum { MANY_RECORDS = 1 << 14 };
  if (ambi_stress(STRESS_COLLECT)) return g->collections % 4 == 2;
  return g->stay_words > 0 && g->b - g->choices < MANY_RECORDS;
}

void ambi_collect_first(Engine *g) {
  g->stay_words = 0;
  set_young_soft(g, nursery() / 2);
  set_heap_soft(g, ambi_heap_words(g->cx));
  set_shared_soft(g);
  g->trail_mark = SIZE_MAX;
}

void ambi_collect_close(Engine *g) {
  ambi_seen_drop(g);
  ambi_adopted_free(g);
  ambi_free(g->adopted, g->adopted_cap * sizeof *g->adopted);
}

// Frees adopted images: all, or those that nothing refers to any more.
static void drop_adopted(Engine *g, bool keep_hit) {
  size_t kept = 0;
  for (size_t i = 0; i < g->nadopted; i++) {
    Adopted *a = &g->adopted[i];
    if (keep_hit && a->hit) {
      a->hit = false;
      g->adopted[kept++] = *a;
    } else {
      ambi_adopted_drop(a);
    }
  }
  g->nadopted = kept;
  g->adopted_words = 0;
}

void ambi_adopted_free(Engine *g) {
  drop_adopted(g, false);
}

// ---- room -----------------------------------------------------------------------------

// Would it be too much to have `want` bytes of the range?
static bool beyond_limit(const Engine *g, const Range *r, size_t want) {
  size_t limit = (size_t)g->cx->limits.memory, now = r->committed;
  return limit && want > now && ambi_alloc_bytes() + (want - now) > limit;
}

static void trim_nursery(Context *cx, size_t keep) {
  ambi_range_trim(&cx->heap, keep);
  cx->hend = (Word *)(void *)(cx->heap.base + cx->heap.committed);
}

// Room for all that might be moved.
static bool make_room(Engine *g, bool major) {
  Context *cx = g->cx;
  Range *to = major ? &cx->spare : &cx->old;
  const Word *base = (const Word *)(const void *)cx->old.base;
  size_t words = major ? ambi_heap_words(cx) + g->adopted_words
                       : (size_t)(cx->old_top - base) + young_words(g);
  size_t want = words * sizeof(Word);
  if (beyond_limit(g, to, want)) {  // nothing unused beside it
    trim_nursery(cx, (size_t)((char *)cx->h - cx->heap.base));
    if (beyond_limit(g, to, want)) return false;
  }
  return ambi_range_commit(to, want);
}

// Gives back what is far more than the next collections need. What might stay where it
// is made has its pages already while that is not very much.
static void give_back(Engine *g) {
  enum { MUCH = 8 << 20 };
  Context *cx = g->cx;
  size_t room = g->heap_soft + nursery();
  size_t young = 4 * at_least(g->young_soft, nursery());
  if (g->stay_words && g->heap_soft < MUCH) young = at_least(young, room);
  young *= sizeof(Word);
  if (cx->spare.committed > room * sizeof(Word))
    ambi_range_trim(&cx->spare, room * sizeof(Word));
  if (cx->old.committed > 2 * room * sizeof(Word))
    ambi_range_trim(&cx->old, 2 * room * sizeof(Word));
  if (cx->heap.committed > young) trim_nursery(cx, young);
}

// ---- the whole ------------------------------------------------------------------------

// Debug builds: whoever still looks at what was left fails an assertion, as no
// header and no value has this tag.
static void poison(Word *from, const Word *end) {
#ifdef AMB_DEBUG
  for (Word *p = from; p < end; p++)
    *p = AMB_TAGGED(TAG_FWD, 0);
#endif
  (void)from;
  (void)end;
}

static void take_over(Collector *c) {
  Engine *g = c->g;
  Context *cx = g->cx;
  poison(c->young, c->young_end);
  if (c->major) {
    poison(c->old, c->old_end);
    Range old = cx->old;
    cx->old = cx->spare;
    cx->spare = old;
  }
  Word *base = cx->hbase;
  if (c->major) cx->hbase = (Word *)(void *)cx->heap.base;
  if (c->stays) cx->hbase = cx->h;
  cx->old_top = c->top;
  cx->h = cx->hb = cx->hbase;
  for (Choice *r = g->b; r >= g->choices && (r->h > base || cx->hbase != base);
       r--)
    r->h = cx->hbase;
  for (size_t i = 0; i < g->nadopted; i++)
    g->adopted[i].top = cx->hbase;
}

// Atoms that were given up, such as removed ones or old values of states, and cells may
// be freed when all that can point to them is seen here: no other heap is in use. And
// when there are so many that a look at all queries in progress is worth its time.
static void watch_store(Collector *c) {
  Runtime *rt = c->g->cx->rt;
  bool isolated = c->g->cx->journal || c->g->cx->deltas;  // has cells, too
  size_t left = ambi_limits_left(c->g->cx->limits.memory);
  bool cells = !isolated && ambi_cells_due(rt, left);
  bool circles = cells && ambi_circles_due(rt, left);
  size_t gain = cells ? shared_bytes(c->g) : ambi_store_doomed_bytes(rt->store);
  if (rt->sharing || rt->modules->nesting + rt->guests != 1 ||
      ambi_roots_pending(c->g) * sizeof(Record) > gain ||
      !ambi_store_watch(rt->store, cells, circles))
    return;
  c->store = rt->store;
  c->cells = cells;
  c->circles = circles;
  if (cells) ambi_cells_watch(rt);
}

static void reap(const Collector *c) {
  Runtime *rt = c->g->cx->rt;
  ambi_store_forget_watched(c->store);
  if (!c->cells) {
    ambi_store_reap(c->store);
    return;
  }
  bool leaves = ambi_evaluated_due(rt);
  Unit *left = leaves ? ambi_code_leave_unused(c->g, c->circles) : NULL;
  ambi_cells_reap(rt, c->circles, leaves, left);
}

// What a remembered address has become. Stored terms may go with this collection
// when it looks for those.
static const Word *where_now(void *arg, const Word *at) {
  Collector *c = arg;
  if (!ambi_evacuate_leaves(c, at))
    return c->major && (c->store || ambi_adopted_at(c->g, at)) ? NULL : at;
  if (at[0] >> 48 != TAG_FWD) return NULL;
  return (const Word *)(uintptr_t)(at[0] & AMB_PAYLOAD_MASK);
}

static void count(const Collector *c, uint64_t began, uint64_t seen) {
  const Context *cx = c->g->cx;
  Collections *counts = &cx->rt->collections;
  Tally *t = ambi_tally(&cx->rt->tally);
  uint64_t live = ambi_old_words(cx) * sizeof(Word);
  uint64_t copied = (uint64_t)(cx->old_top - cx->moved_from) * sizeof(Word);
  uint64_t took = ambi_thread_ns() - began;
  ambi_add_relaxed(&counts->x_copied, copied);
  if (c->stays)
    ambi_add_relaxed(&counts->x_stayed,
                     (uint64_t)(cx->h - c->young) * sizeof(Word));
  ambi_store_relaxed(&counts->x_live, live);
  ambi_raise_relaxed(&counts->x_most_live, live);
  ambi_latency_add(c->major ? &counts->major : &counts->minor, took);
  ambi_tally_add(t, c->major ? TALLY_MAJOR : TALLY_MINOR, 1);
  ambi_tally_add(t, TALLY_COPIED, copied);
  ambi_tally_add(t, TALLY_PAUSED, took);
  ambi_tally_raise(t, TALLY_LONGEST, took);
  if (seen) ambi_watch_collected(cx->rt, seen, c->major, copied, live);
}

static void move_all(Collector *c, size_t live_args) {
  Engine *g = c->g;
  Context *cx = g->cx;
  cx->moved_from = c->top;
  g->gc_mark = AMB_TAGGED(TAG_HDR, ++g->collections);
  g->same_from = g->same_to = NULL;
  ambi_roots_scan(c, live_args);
  ambi_evacuate_all(c);
  while (c->adopted && ambi_roots_scan_adopted(c))
    ambi_evacuate_all(c);
  if (c->store) ambi_roots_touch(c);
  ambi_roots_sweep_trail(c);
  if (!c->stays) ambi_types_moved(cx, where_now, c);
  take_over(c);
}

// False: memory is out.
static bool collect(Engine *g, size_t live_args, bool major) {
  Context *cx = g->cx;
  uint64_t began = ambi_thread_ns(), seen = ambi_watch_begin(cx->rt);
  size_t young = young_words(g);
  if (!major && young == 0) {  // nothing refers to the nursery
    ambi_seen_mark(g, g->e);
    set_young_soft(g, nursery());
    return true;
  }
  bool staying = !major && stays(g);
  if (!staying && !make_room(g, major)) {
    // No room to move to: go on as long as the heap itself can grow.
    g->heap_soft = 2 * (ambi_heap_words(cx) + g->adopted_words);
    g->young_soft = g->heap_soft;
    set_shared_soft(g);
    return true;
  }
  if (g->collections % 64 == 0) AMB_WALK(ambi_runtime_is_valid(cx->rt, &why));
  Word *old = (Word *)(void *)cx->old.base,
       *to = major ? (Word *)(void *)cx->spare.base : cx->old_top;
  Collector c = {.g = g,
                 .major = major,
                 .stays = staying,
                 .young = major ? (Word *)(void *)cx->heap.base : cx->hbase,
                 .young_end = staying ? cx->hbase : cx->h,
                 .old = old,
                 .old_end = cx->old_top,
                 .scan = to,
                 .top = to};
  if (major) watch_store(&c);
  if (g->code->sampler) ambi_sampler_collecting(g->code->sampler, true);
  move_all(&c, live_args);
  if (g->code->sampler) ambi_sampler_collecting(g->code->sampler, false);
  settle(&c, young);
  if (major) {
    drop_adopted(g, true);
    if (c.store) reap(&c);
    set_heap_soft(g, ambi_old_words(cx));
    set_shared_soft(g);
    give_back(g);
  }
  AMB_WALK(ambi_engine_is_valid(g, &why));
  if (cx->journal) AMB_WALK(ambi_journal_is_valid(cx->journal, &why));
  count(&c, began, seen);
  return true;
}

bool ambi_collect(Engine *g, size_t live_args) {
  return collect(g, live_args, major_is_due(g));
}

bool ambi_collect_all(Engine *g, size_t live_args) {
  const Context *cx = g->cx;
  return collect(g, live_args, true) && (const char *)cx->h == cx->heap.base;
}
