// The choice among the indexes of a relation, and how there come to be any.
//
// An index is made when a question can first use it, and takes in what came since
// whenever one asks. While several threads look, one at a time does that: who finds
// another one at it takes the index for the records it has and looks at those behind
// one by one.
#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/atoms/work.h"
#include "runtime/spaces/relation.h"

enum {
  SMALL_RELATION = 8,  // scanned: an index would not pay
  GOOD_ENOUGH = 8,     // candidates: do not look for a better index
  MAX_INDEXES = 16,
  MAX_CHOICES = 24
};

// Under stress every relation is indexed, and compacted as soon as it may be.
static bool is_small(const Relation *rel) {
  size_t small = ambi_stress(STRESS_MINIMAL) ? 0 : SMALL_RELATION;
  return ambi_relation_live(rel) <= small;
}

// ---- the list of indexes --------------------------------------------------------------
static void free_index(Retired *r) {
  Index *x = (Index *)r;
  ambi_index_close(x);
  ambi_free(x, sizeof *x);
}

static void drop_index(Relation *rel, Epochs *e, Index *x) {
  AMB_ATOMIC(Index *) *link = &rel->x_index;  // [lock>all]
  while (ambi_load_relaxed(link) != x)
    link = &ambi_load_relaxed(link)->x_next;
  ambi_store_release(link, ambi_load_relaxed(&x->x_next));
  rel->nindexes--;
  x->r.give_back = free_index;
  if (e)
    ambi_epoch_retire(e, &x->r);
  else
    free_index(&x->r);
}

void ambi_relation_drop_indexes(Relation *rel) {
  for (Index *x; (x = ambi_load_relaxed(&rel->x_index)) != NULL;)
    drop_index(rel, NULL, x);
}

void ambi_relation_drop_idle(Relation *rel) {
  size_t half = ambi_relation_n(rel) / 2;
  for (Index *x = ambi_load_relaxed(&rel->x_index), *next; x; x = next) {
    next = ambi_load_relaxed(&x->x_next);
    if (ambi_index_upto(x) < half) drop_index(rel, NULL, x);
  }
}

// NULL: there are enough already, or memory is out.
static Index *new_index(Relation *rel, Path path) {
  Index *x = rel->nindexes < MAX_INDEXES ? ambi_alloc(sizeof *x) : NULL;
  if (!x) return NULL;
  ambi_index_open(x, path);
  AMB_ATOMIC(Index *) *link = &rel->x_index;  // [lock>all]
  while (ambi_load_relaxed(link))
    link = &ambi_load_relaxed(link)->x_next;
  ambi_store_release(link, x);
  rel->nindexes++;
  return x;
}

// ---- making and bringing up to date -----------------------------------------------------
static bool try_lock(Relation *rel, const View *v) {
  return !v->epochs || !ambi_exchange(&rel->x_busy, true);
}
static void unlock(Relation *rel, const View *v) {
  if (v->epochs) ambi_store_release(&rel->x_busy, false);
}

// With all records in it, or NULL; it goes when memory is out. `make`: if it is missing.
static Index *catch_up(Relation *rel, const View *v, Path path, bool make) {
  Index *x = ambi_relation_has_index(rel, path);
  if (!x && make) x = new_index(rel, path);
  size_t n = ambi_relation_n(rel);
  if (!x || ambi_index_catch_up(x, v->epochs, ambi_relation_at(rel), n))
    return x;
  drop_index(rel, v->epochs, x);
  return NULL;
}

// The index with the n records of the view, or with fewer if another thread is at it.
// NULL: there is none.
static inline Index *find_index(Relation *rel, const View *v, Path path,
                                size_t n) {
  Index *x = ambi_relation_has_index(rel, path);
  if (!x || ambi_index_upto(x) >= n || !try_lock(rel, v)) return x;
  x = catch_up(rel, v, path, false);
  unlock(rel, v);
  return x;
}

// NULL: there are enough already, memory is out, or another thread is at it.
static Index *make_index(Relation *rel, const View *v, Path path) {
  if (!try_lock(rel, v)) return NULL;
  Index *x = catch_up(rel, v, path, true);
  unlock(rel, v);
  return x;
}

static Index *need_index(Relation *rel, const View *v, Path path, size_t n) {
  Index *x = find_index(rel, v, path, n);
  return x ? x : make_index(rel, v, path);
}

Index *ambi_relation_index(Relation *rel, const View *v, Path path) {
  if (is_small(rel)) return NULL;
  size_t n = ambi_relation_seen(rel, v);
  Index *x = need_index(rel, v, path, n);
  return x && ambi_index_upto(x) >= n ? x : NULL;
}

// ---- what an index says -----------------------------------------------------------------
typedef struct Answer {
  Index *index;
  uint64_t key;
  Hits hits, open, rest;  // rest: records that are not in the index
} Answer;

static size_t answer_size(const Answer *a) {
  return (size_t)a->hits.n + a->open.n + a->rest.n;
}

// n: records of the view. What the index has is asked before anything it has.
static Answer ask_index(const Relation *rel, const View *v, Index *x,
                        uint64_t key, size_t n) {
  Answer a = {.index = x, .key = key};
  size_t upto = ambi_index_upto(x);
  if (!v->epochs) {
    a.hits = ambi_index_find(x, key, ambi_relation_at(rel));
    a.open = ambi_index_open_hits(x);
    return a;
  }
  if (upto < n)
    a.rest = (Hits){.from = (uint32_t)upto, .n = (uint32_t)(n - upto)};
  a.hits = ambi_index_look(x, key);
  a.open = ambi_index_open_hits(x);
  ambi_hits_cut(&a.hits, upto < n ? upto : n);
  ambi_hits_cut(&a.open, upto < n ? upto : n);
  return a;
}

static size_t answer_streams(const Relation *rel, const View *v,
                             const Answer *a, Stream *out) {
  size_t n = 0;
  if (a->hits.n) {
    ambi_relation_stream(rel, v, a->hits, &out[n]);
    out[n].index = v->epochs || v->keep ? NULL : a->index;
    out[n++].key = a->key;
  }
  if (a->open.n) ambi_relation_stream(rel, v, a->open, &out[n++]);
  if (a->rest.n) ambi_relation_stream(rel, v, a->rest, &out[n++]);
  return n;
}

size_t ambi_relation_lookup(Relation *rel, const View *v, Path path,
                            uint64_t key, Stream out[STREAMS_EACH]) {
  size_t n = ambi_relation_seen(rel, v);
  Index *x = is_small(rel) ? NULL : need_index(rel, v, path, n);
  if (x) {
    Answer a = ask_index(rel, v, x, key, n);
    return answer_streams(rel, v, &a, out);
  }
  ambi_relation_all(rel, v, &out[0]);
  return 1;
}

// ---- choosing an index --------------------------------------------------------------
// The search for the shortest list of candidates that the pattern's keys give.
typedef struct Search {
  Relation *rel;
  const View *v;
  size_t seen;  // records of the view
  const Value *items;
  uint32_t n;
  bool create;    // indexes that are missing, too
  size_t looked;  // paths with a key
  size_t best;    // records so far
  Answer answer;  // the one with so few; without an index: all
} Search;

static void weigh(Search *s, Index *x, uint64_t key) {
  Answer a = ask_index(s->rel, s->v, x, key, s->seen);
  size_t size = answer_size(&a);
  if (size >= s->best) return;
  s->best = size;
  s->answer = a;
}

// True: no need to look further.
static bool consider(Search *s, const PathPlace *p) {
  uint64_t key;
  Path path = p->path;
  if (ambi_key_value(p->value, &key) != KEY_VALUE) return false;
  key = ambi_key_inside(key, p->sizes, p->nsizes);
  if (++s->looked > MAX_CHOICES) return true;
  Index *x = find_index(s->rel, s->v, path, s->seen);
  if ((x != NULL) == s->create) return false;
  if (s->create) x = make_index(s->rel, s->v, path);
  if (x) weigh(s, x, key);
  return s->best <= GOOD_ENOUGH;
}

// Looks at all paths where the pattern has a key.
static bool consider_all(Search *s) {
  PathWalk w;
  PathPlace p;
  s->looked = 0;
  ambi_paths_begin(&w, s->items, s->n, s->rel->kind == REL_SYMBOL);
  while (ambi_paths_next(&w, &p))
    if (consider(s, &p)) return true;
  return s->best <= GOOD_ENOUGH;
}

// A ground pattern whose arguments are common each by itself: is this fact there?
static void consider_ground(Search *s) {
  if (s->best <= GOOD_ENOUGH || s->n < 2) return;
  for (uint32_t i = 0; i < s->n; i++)
    if (ambi_is_none(s->items[i]) || !ambi_word_ground(ambi_deref(s->items[i])))
      return;
  Index *x = need_index(s->rel, s->v, PATH_GROUND, s->seen);
  if (x) weigh(s, x, ambi_hash_items(s->items, s->n));
}

static Search begin_search(Relation *rel, const View *v, const Value *items,
                           uint32_t n) {
  size_t seen = ambi_relation_seen(rel, v);
  return (Search){
      .rel = rel, .v = v, .seen = seen, .items = items, .n = n, .best = seen};
}

static size_t found_streams(const Search *s, Stream out[STREAMS_EACH]) {
  if (s->answer.index) return answer_streams(s->rel, s->v, &s->answer, out);
  ambi_relation_stream(s->rel, s->v, (Hits){.n = (uint32_t)s->seen}, &out[0]);
  return 1;
}

size_t ambi_relation_select(Relation *rel, const View *v, const Value *items,
                            uint32_t n, Stream out[STREAMS_EACH]) {
  Search s = begin_search(rel, v, items, n);
  if (!is_small(rel) && rel->kind <= REL_SIZE) {
    if (!consider_all(&s)) {
      s.create = true;
      consider_all(&s);
    }
    consider_ground(&s);
  }
  return found_streams(&s, out);
}

// A fact is found through the indexes that queries have made, if these are good
// enough.
size_t ambi_relation_lookup_equal(Relation *rel, const View *v, Value atom,
                                  Stream out[STREAMS_EACH]) {
  if (rel->kind > REL_SIZE || !ambi_is_ground_expr(atom))
    return ambi_relation_lookup(rel, v, PATH_WHOLE, ambi_hash(atom), out);
  Search s = begin_search(rel, v, ambi_expr_items(atom), ambi_expr_size(atom));
  if (!is_small(rel) && !consider_all(&s)) {
    Index *x = need_index(rel, v, PATH_GROUND, s.seen);
    if (x) weigh(&s, x, ambi_hash(atom));
  }
  return found_streams(&s, out);
}
