// The collector of tier 1: copies what is reachable into fresh space.
//
// Cheney's algorithm over two ranges that change places. Roots: the returned
// value, live slots of all frames that can still be entered (by the current
// chain of frames and by every choice record), records, hooks with their
// images, trail. Afterwards every record's heap top is the new top: what
// survived is no longer given back by backtracking, only by the next
// collection. Shared atoms (the store) do not move; those given up are freed. The
// next collection is due when as much has been allocated again as survived, the
// stack included, so a deep stack is not walked again and again.
#include "runtime/machine/engine.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/config.h"
#include "runtime/machine/chain.h"
#include "runtime/machine/routine.h"
#include "runtime/modules/module.h"
#include "runtime/types/types.h"

enum {
  MIN_NURSERY = 1 << 17,  // words: 1 MiB, stays in second-level caches
  SMALLEST_NURSERY = 64,  // under stress
  MIN_SHARED = 1 << 22,   // bytes of the store between collections
  SMALL_STEP =
      1 << 15  // words between collections that memory is too small for
};

typedef struct Collector {
  Engine *g;
  Word *lo, *hi;     // the range left
  Word *scan, *top;  // of the new range
  Store *store;      // told of each pointer into it; NULL: not wanted
} Collector;

static size_t nursery(void) {
  return ambi_stress(STRESS_MINIMAL) ? SMALLEST_NURSERY : MIN_NURSERY;
}

// Under stress at once, but for what would take for ever: the price of a collection
// is spread over as many words as keep it a constant factor, a smaller one of large
// heaps.
static size_t due_at_once(size_t live, size_t roots) {
  enum { FACTOR = 4096, LARGE = 1 << 16, LARGE_FACTOR = 4 };
  size_t all = live + roots;
  size_t next = live + all / (all < LARGE ? FACTOR : LARGE_FACTOR);
  return next ? next - 1 : 0;
}

// How many words may be in use until the next collection, of which `live` are
// now; looking at the roots takes as long as copying `roots` words.
static size_t next_due(size_t live, size_t roots) {
  if (ambi_stress(STRESS_COLLECT)) return due_at_once(live, roots);
  size_t next = live + roots, least = nursery();
  return live + (next > least ? next : least);
}

// Where memory is limited, a heap of more than half of what is left to it could
// not be copied any more.
static size_t due_within(const Engine *g, size_t live, size_t roots) {
  const Context *cx = g->cx;
  size_t due = next_due(live, roots), limit = (size_t)cx->limits.memory;
  if (!limit) return due;
  size_t others = ambi_alloc_bytes() - cx->heap.committed - g->other.committed;
  size_t most = others < limit ? (limit - others) / (2 * sizeof(Word)) : 0;
  size_t least = live + live / 8 + SMALL_STEP;
  if (most < least) most = least;
  return due < most ? due : most;
}

// Bytes of atoms outside the heap, of which a collection may free some.
static size_t shared_bytes(const Engine *g) {
  const Runtime *rt = g->cx->rt;
  return ambi_store_bytes(rt->store);
}

bool ambi_collect_due(const Engine *g) {
  size_t used = (size_t)(g->cx->h - g->cx->hbase) + g->adopted_words;
  return used > g->heap_soft || shared_bytes(g) > g->shared_soft;
}

static void set_shared_soft(Engine *g) {
  g->shared_soft = 2 * shared_bytes(g) + MIN_SHARED;
}

void ambi_collect_first(Engine *g) {
  g->heap_soft = due_within(g, (size_t)(g->cx->h - g->cx->hbase), 0);
  set_shared_soft(g);
}

void ambi_collect_close(Engine *g) {
  ambi_adopted_free(g);
  ambi_free(g->adopted, g->adopted_cap * sizeof *g->adopted);
  if (g->other.base) ambi_range_close(&g->other);
}

static bool leaving(const Collector *c, const Word *p) {
  if (p >= c->lo && p < c->hi) return true;
  if (c->g->nadopted == 0) return false;
  Adopted *a = ambi_adopted_at(c->g, p);
  if (a && a->pinned) a->hit = true;
  return a && !a->pinned;
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

static Word *copy_words(Collector *c, Word *from, size_t n) {
  Word *to = c->top;
  memcpy(to, from, n * sizeof *to);
  c->top += n;
  from[0] = AMB_TAGGED(TAG_FWD, (uintptr_t)to);
  return to;
}

// No child of a buffer counts until a view of it is scanned.
static Word *copy_object(Collector *c, Word *p) {
  Word header = p[0];
  Word *to = copy_words(c, p, ambi_object_words(header));
  if (ambi_hdr_kind(header) == KIND_BUF)
    to[1] = ambi_small_int(ambi_hdr_size(header)).w;
  return to;
}

// Where the object at p is now.
static Word *moved(Collector *c, Word *p, bool variable) {
  if ((p[0] >> 48) == TAG_FWD)
    return (Word *)(uintptr_t)(p[0] & AMB_PAYLOAD_MASK);
  if (!variable) return copy_object(c, p);
  bool unbound = p[0] == AMB_TAGGED(TAG_VAR, (uintptr_t)p);
  Word *to = copy_words(c, p, 2);
  if (unbound) *to = AMB_TAGGED(TAG_VAR, (uintptr_t)to);
  return to;
}

static bool refers(uint32_t tag) {
  return tag == TAG_EXPR || tag == TAG_VAR || tag == TAG_OBJ || tag == TAG_BIG;
}

static Word evacuate(Collector *c, Word w) {
  uint32_t tag = (uint32_t)(w >> 48);
  if (!refers(tag)) return w;
  Word *p = ambi_ptr(AMB_V(w));
  if (!leaving(c, p)) {
    if (c->store) ambi_store_touch(c->store, p);
    return w;
  }
  Word marks = tag == TAG_EXPR ? w & AMB_EXPR_MARKS : 0;
  return AMB_TAGGED(tag, (uintptr_t)moved(c, p, tag == TAG_VAR)) | marks;
}

static void root(Collector *c, Value *v) {
  v->w = evacuate(c, v->w);
}

// A view keeps its place in the buffer it looks into. Children of a buffer that
// no view sees any more are garbage, and perhaps point to where nothing is.
static void scan_view(Collector *c, Word *p) {
  Word *old = ambi_ptr(AMB_V(p[1]));
  p[1] = evacuate(c, p[1]);
  Word *base = ambi_ptr(AMB_V(p[1]));
  p[2] =
      (Word)(uintptr_t)((char *)(uintptr_t)p[2] + ((char *)base - (char *)old));
  if (ambi_hdr_kind(base[0]) != KIND_BUF) return;
  Word *from = (Word *)(uintptr_t)p[2];
  Word *seen = base + 2 + ambi_int_of(AMB_V(base[1]));
  for (Word *child = from; child < seen; child++)
    *child = evacuate(c, *child);
  if (from < seen) base[1] = ambi_small_int(from - (base + 2)).w;
}

static void scan_words(Collector *c) {
  while (c->scan < c->top) {
    Word w = *c->scan;
    if ((w >> 48) != TAG_HDR) {
      *c->scan++ = evacuate(c, w);
      continue;
    }
    switch (ambi_hdr_kind(w)) {
    case KIND_STR:
    case KIND_BIG:
    case KIND_BUF: c->scan += ambi_object_words(w); break;
    case KIND_VIEW:
      scan_view(c, c->scan);
      c->scan += 3;
      break;
    default: c->scan++; break;
    }
  }
}

// ---- frames ---------------------------------------------------------------------

static void scan_slot(Collector *c, Word *e, uint32_t slot, uint32_t except) {
  if (slot != except) e[slot] = evacuate(c, e[slot]);
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
      {OP_I_EV_METTA_VAL, 1 << IN_A | 1 << IN_VAL},
      {OP_I_EV_ONCE_VAL, 1 << IN_VAL},
  };
  for (size_t i = 0; i < sizeof live / sizeof *live; i++)
    for (uint32_t slot = 0; live[i].op == pc->op && slot < IN_SLOTS; slot++)
      if ((live[i].slots >> slot) & 1) scan_slot(c, e, slot, except);
}

static void scan_slots(Collector *c, Word *e, const Code *pc, uint32_t except) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  pc = ambi_code_origin(pc);
  if (pc < u->code || pc >= u->code + u->ncode) return;
  if (u->routine) {
    if (u == c->g->code->routine_unit)
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
  bool waits = u == c->g->code->chain_unit && pc->op != OP_I_RET;
  if (ambi_stress(STRESS_WALK) && waits) ambi_chain_correct(e);
}

// The frame and its callers, as far as nobody has been there in this collection.
static void scan_chain(Collector *c, Word *e, const Code *pc, uint32_t except) {
  for (;;) {
    scan_slots(c, e, pc, except);
    except = UINT32_MAX;
    Word *prev = (Word *)(uintptr_t)e[FRAME_PREV];
    if (e[FRAME_MARK] == c->g->gc_mark || prev == e) return;
    e[FRAME_MARK] = c->g->gc_mark;
    pc = (const Code *)(uintptr_t)e[FRAME_RET];
    e = prev;
  }
}

static void scan_current(Collector *c, size_t args) {
  Word *e = c->g->e;
  if (args == SIZE_MAX) scan_slots(c, e, c->g->pc, UINT32_MAX);
  for (size_t i = 0; args != SIZE_MAX && i < args; i++)
    e[i] = evacuate(c, e[i]);
  Word *prev = (Word *)(uintptr_t)e[FRAME_PREV];
  if (prev != e)
    scan_chain(c, prev, (const Code *)(uintptr_t)e[FRAME_RET], UINT32_MAX);
}

// ---- records ------------------------------------------------------------------------

static void scan_image(Collector *c, Word *at, size_t n) {
  for (size_t i = 0; i < n;) {
    Word w = at[i];
    if ((w >> 48) == TAG_HDR &&
        (ambi_hdr_kind(w) == KIND_STR || ambi_hdr_kind(w) == KIND_BIG)) {
      i += ambi_object_words(w);
      continue;
    }
    at[i++] = evacuate(c, w);
  }
}

// Images that stay where they are refer to nothing that moves, but perhaps to the
// store.
static void touch_pinned(Collector *c) {
  for (size_t i = 0; i < c->g->nadopted; i++) {
    Adopted *a = &c->g->adopted[i];
    if (a->pinned && a->hit) scan_image(c, a->w, a->n);
  }
}

static void scan_hook(Collector *c, Hook *h) {
  if (h->image.refers || h->image.has_variables || c->store)
    scan_image(c, h->image.w, h->image.n);
  for (size_t i = 0; i < h->nitems; i++)
    root(c, &h->items[i].value);
  for (size_t i = 0; i < h->nbinds; i++) {
    Word cell = AMB_TAGGED(TAG_VAR, (uintptr_t)h->binds[i].cell);
    h->binds[i].cell = ambi_ptr(AMB_V(evacuate(c, cell)));
    root(c, &h->binds[i].value);
  }
  root(c, &h->pattern);
  root(c, &h->templ);
  for (size_t i = 0; i < h->values.n; i++)
    root(c, &h->values.at[i]);
  if (h->kind == HOOK_STREAM || h->kind == HOOK_GATHER) {
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
  case OP_I_ONCE_FAIL:
  case OP_I_FAIL:
  case OP_I_TOP_DONE: return;
  default: break;
  }
  scan_chain(c, r->e, resume, UINT32_MAX);
}

static void scan_record(Collector *c, Choice *r) {
  root(c, &r->aux);
  for (Hook *h = r->hook; h; h = h->old) {
    scan_hook(c, h);
    if (h->old_resume) scan_resume(c, r, h->old_resume);
  }
  scan_resume(c, r, r->resume);
}

// Entries of cells that nothing refers to any more go.
static void sweep_trail(Collector *c) {
  Context *cx = c->g->cx;
  Choice *r = c->g->choices;
  size_t kept = 0;
  for (size_t i = 0; i <= cx->tr; i++) {
    while (r <= c->g->b && r->tr <= i)
      (r++)->tr = kept;
    if (i == cx->tr) break;
    Word *cell = cx->trail[i];
    if (leaving(c, cell)) {
      if ((cell[0] >> 48) != TAG_FWD) continue;
      cell = (Word *)(uintptr_t)(cell[0] & AMB_PAYLOAD_MASK);
    }
    cx->trail[kept++] = cell;
  }
  cx->tr = kept;
}

// ---- the whole ---------------------------------------------------------------------------

// Would it be too much to have `want` bytes of the other half?
static bool beyond_limit(const Engine *g, size_t want) {
  size_t limit = (size_t)g->cx->limits.memory, now = g->other.committed;
  return limit && want > now && ambi_alloc_bytes() + (want - now) > limit;
}

static bool make_room(Engine *g, size_t words) {
  Context *cx = g->cx;
  if (!g->other.base && !ambi_range_open_most(&g->other, cx->heap.reserved))
    return false;
  size_t want = (words + nursery()) * sizeof(Word);
  if (beyond_limit(g, want)) {  // the least, and nothing unused in this half
    want = words * sizeof(Word);
    ambi_range_trim(&cx->heap, (size_t)((char *)cx->h - cx->heap.base));
    cx->hend = (Word *)(void *)(cx->heap.base + cx->heap.committed);
    if (beyond_limit(g, want)) return false;
  }
  return ambi_range_commit(&g->other, want);
}

// Debug builds: whoever still looks at the old half fails an assertion, as no
// header and no value has this tag.
static void poison(Collector *c) {
#ifdef AMB_DEBUG
  for (Word *p = c->lo; p < c->hi; p++)
    *p = AMB_TAGGED(TAG_FWD, 0);
#endif
  (void)c;
}

static void take_over(Collector *c) {
  Engine *g = c->g;
  Context *cx = g->cx;
  Range old = cx->heap;
  poison(c);
  cx->heap = g->other;
  g->other = old;
  cx->hbase = (Word *)(void *)cx->heap.base;
  cx->h = c->top;
  cx->hend = cx->hbase + cx->heap.committed / sizeof(Word);
  for (Choice *r = g->choices; r <= g->b; r++)
    r->h = c->top;
  cx->hb = c->top;
}

// Atoms that queries in progress will come to.
static size_t pending_records(const Engine *g) {
  size_t pending = 0;
  for (const Choice *r = g->choices; r <= g->b; r++)
    for (const Hook *h = r->hook; h; h = h->old)
      if (h->cursor < h->records.n) pending += h->records.n - h->cursor;
  return pending;
}

static void touch_value(Store *s, Value v) {
  if (refers(ambi_tag(v))) ambi_store_touch(s, ambi_ptr(v));
}

static void touch_record(Store *s, Record r) {
  if (!ambi_record_open(r)) {
    touch_value(s, r.held);
    return;
  }
  const Template *t = ambi_record_kept(r);
  ambi_store_touch(s, t);
  touch_value(s, t->atom);
  ambi_store_touch(s, t->vinfo);
}

static void touch_records(Engine *g, Store *s) {
  for (Choice *r = g->choices; r <= g->b; r++)
    for (Hook *h = r->hook; h; h = h->old)
      for (size_t i = h->cursor; i < h->records.n; i++)
        touch_record(s, h->records.at[i]);
}

// Atoms that were given up, such as removed ones or old values of states, may be
// freed when all that can point to them is seen here: no other heap is in use. And
// when there are so many that a look at all queries in progress is worth its time.
static Store *watched_store(Engine *g) {
  Runtime *rt = g->cx->rt;
  if (rt->modules->nesting != 1 ||
      pending_records(g) * sizeof(Record) > ambi_store_doomed_bytes(rt->store))
    return NULL;
  return ambi_store_watch(rt->store) ? rt->store : NULL;
}

// What a remembered address has become. Stored terms may go with this collection
// when it looks for those.
static const Word *where_now(void *arg, const Word *at) {
  Collector *c = arg;
  const Adopted *a = ambi_adopted_at(c->g, at);
  bool leaves = (at >= c->lo && at < c->hi) || (a && !a->pinned);
  if (!leaves) return a || c->store ? NULL : at;
  if (at[0] >> 48 != TAG_FWD) return NULL;
  return (const Word *)(uintptr_t)(at[0] & AMB_PAYLOAD_MASK);
}

static void count(Engine *g, uint64_t began) {
  Collections *counts = &g->cx->rt->collections;
  uint64_t live = (uint64_t)(g->cx->h - g->cx->hbase) * sizeof(Word);
  counts->copied += live;
  counts->live = live;
  if (live > counts->most_live) counts->most_live = live;
  ambi_latency_add(&counts->major, ambi_monotonic_ns() - began);
}

bool ambi_collect(Engine *g, size_t live_args) {
  Context *cx = g->cx;
  uint64_t began = ambi_monotonic_ns();
  size_t used = (size_t)(cx->h - cx->hbase) + g->adopted_words;
  if (!make_room(g, used)) {
    // No room to copy into: go on as long as the heap itself can grow.
    g->heap_soft = used * 2;
    set_shared_soft(g);
    return true;
  }
  g->gc_mark = AMB_TAGGED(TAG_HDR, ++g->collections);
  if (g->collections % 64 == 0) AMB_WALK(ambi_runtime_is_valid(cx->rt, &why));
  Word *base = (Word *)(void *)g->other.base;
  Collector c = {.g = g,
                 .lo = cx->hbase,
                 .hi = cx->h,
                 .scan = base,
                 .top = base,
                 .store = watched_store(g)};
  root(&c, &g->rv);
  scan_current(&c, live_args);
  for (Choice *r = g->choices; r <= g->b; r++)
    scan_record(&c, r);
  scan_words(&c);
  if (c.store) {
    touch_pinned(&c);
    touch_records(g, c.store);
  }
  sweep_trail(&c);
  ambi_types_moved(cx, where_now, &c);
  take_over(&c);
  drop_adopted(g, true);
  if (c.store) ambi_store_reap(c.store);
  size_t roots =
      (size_t)(g->e - g->stack) + (size_t)(g->b - g->choices) * 10 + cx->tr;
  size_t live = (size_t)(cx->h - cx->hbase);
  g->heap_soft = due_within(g, live, roots);
  set_shared_soft(g);
  AMB_WALK(ambi_engine_is_valid(g, &why));
  size_t keep = (2 * g->heap_soft + nursery() - live) * sizeof(Word);
  if (g->other.committed > keep) ambi_range_trim(&g->other, keep);
  count(g, began);
  return true;
}
