// A question whose answer is one fact or none, without a list of candidates.
//
// Most questions of programs that compute are of this kind: some children are known,
// no atom of the space has variables where it matters, and an index that is there
// leads to one position at most. Everything else is for query.c.
#include "runtime/atoms/work.h"
#include "runtime/spaces/reads.h"
#include "runtime/spaces/space_data.h"

static bool has_live(const Relation *rel) {
  return rel && ambi_relation_live(rel);
}

// The only relation with atoms that can match, or NULL.
static Relation *sole_relation(const Space *s, const View *v, Value head,
                               uint32_t n) {
  uint32_t symbol = ambi_sym_of(head);
  Relation *rel = ambi_data_relation(v->data, REL_SYMBOL, symbol, n);
  if (!rel || ambi_data_has_open(v->data)) return NULL;
  for (size_t i = 0, ndeps = ambi_space_ndeps(s); i < ndeps; i++) {
    const SpaceData *dep = ambi_load_acquire(&ambi_space_dep(s, i)->x_data);
    if (ambi_data_has_open(dep) ||
        has_live(ambi_data_relation(dep, REL_SYMBOL, symbol, n)))
      return NULL;
  }
  return rel;
}

// The same where no atom has variables.
static Relation *only_relation(const Space *s, const View *v, Value head,
                               uint32_t n) {
  Relation *rel = sole_relation(s, v, head, n);
  return rel && !ambi_load_acquire(&rel->x_nopen) ? rel : NULL;
}

// With all records of the view, or NULL. Who adds an atom after each question has the
// index follow here.
static inline Index *ready(Relation *rel, const View *v, Index *x) {
  if (AMB_LIKELY(ambi_index_upto(x) >= ambi_relation_n(rel))) return x;
  return ambi_relation_index(rel, v, x->path);
}

// The index at an argument, if it is there and has all records.
static inline Index *ready_index(Relation *rel, const View *v, uint32_t arg) {
  Index *x = ambi_relation_has_index(rel, ambi_path(arg));
  return x ? ready(rel, v, x) : NULL;
}

static bool equal_part(Context *cx, Value asked, Value part) {
  if (ambi_same(asked, part) && !ambi_is_expr(part))
    return part.w != AMB_CANONICAL_NAN;
  if (ambi_is_sym(asked) || ambi_is_sym(part)) return false;
  return ambi_unify(cx, asked, part);
}

bool ambi_fact_take(Context *cx, Value var, Value part) {
  var = ambi_deref(var);
  return ambi_is_var(var) ? ambi_bind(cx, var, ambi_presume_data(cx, part))
                          : equal_part(cx, var, part);
}

static bool take_parts(Context *cx, const FlatAsk *a, const Value *parts) {
  for (uint32_t i = 1, left = a->vars; left; i++) {
    if (!ambi_is_var(a->items[i])) continue;
    if (!ambi_fact_take(cx, a->items[i], parts[i])) return false;
    left--;
  }
  return true;
}

static bool equal_parts(Context *cx, const FlatAsk *a, const Value *parts) {
  if (a->known == 1) return equal_part(cx, a->items[a->last], parts[a->last]);
  for (uint32_t i = 1; i < a->n; i++) {
    Value v = a->items[i];
    if (!ambi_is_none(v) && !ambi_is_var(v) && !equal_part(cx, v, parts[i]))
      return false;
  }
  return true;
}

// What the index at an argument has for it. False: there is none, or no key.
static inline __attribute__((always_inline)) bool
find_at(Relation *rel, const View *view, const FlatAsk *a, uint32_t arg,
        Hits *hits) {
  uint64_t key;
  Index *x = arg < PATH_STEPS ? ready_index(rel, view, arg) : NULL;
  if (!x || ambi_key_value(a->items[arg], &key) != KEY_VALUE) return false;
  *hits = ambi_relation_hits(rel, view, x, key);
  return true;
}

// The first that leaves one at most. False: the question is not of this kind.
static inline bool find_hits(Relation *rel, const View *view, const FlatAsk *a,
                             Hits *hits) {
  *hits = (Hits){.n = UINT32_MAX};
  if (a->known == 1)
    return ambi_word_ground(a->items[a->last]) &&
           find_at(rel, view, a, a->last, hits) && hits->n <= 1;
  for (uint32_t i = 1; i < a->n; i++) {
    Value v = a->items[i];
    if (ambi_is_none(v) || ambi_is_var(v)) continue;
    if (!ambi_word_ground(v)) return false;
    if (hits->n > 1) find_at(rel, view, a, i, hits);
  }
  return hits->n <= 1;
}

// The atom that is left, if there is one and the view has it.
static inline bool take_hit(const Relation *rel, const View *view,
                            const Hits *hits, Record *out) {
  if (hits->n == 0) return false;
  size_t pos = ambi_hit(hits, 0);
  if (ambi_is_ended(ambi_load_acquire(&rel->x_end), pos, view->seen))
    return false;
  *out = ambi_relation_at(rel)[pos];
  return !ambi_record_gone(*out);
}

// Among the atoms of the relation, none of which has variables.
static inline enum FactAnswer fact_in(Context *cx, Relation *rel,
                                      const View *view, const FlatAsk *a,
                                      Record *out) {
  Hits hits;
  if (!find_hits(rel, view, a, &hits)) return FACT_ASK;
  if (!take_hit(rel, view, &hits, out)) return FACT_NONE;
  const Value *parts = ambi_stored_items(out->held);
  return equal_parts(cx, a, parts) && take_parts(cx, a, parts) ? FACT_ONE
                                                               : FACT_NONE;
}

// ---- a fact with keys within its arguments ----------------------------------------------
// The index leaves one fact at most, for many a key.
static bool is_fine(Relation *rel, const View *view, Index *x) {
  enum { MANY = 8 };
  return ambi_load_relaxed(&x->x_used) * MANY >= ambi_relation_live(rel) &&
         !ambi_path_same(x->path, PATH_GROUND) && ready(rel, view, x);
}

static bool has_key(const Value *items, uint32_t n, Path path, uint64_t *key) {
  uint32_t child = (path.steps & 0xFF) - 1;
  return child < n && !ambi_is_none(items[child]) &&
         ambi_key_path(items, n, path, key) == KEY_VALUE;
}

// The first index that leaves one at most. False: none does.
static bool find_like(Relation *rel, const View *view, const Value *items,
                      uint32_t n, Hits *hits) {
  uint64_t key;
  for (Index *x = ambi_load_acquire(&rel->x_index), *next; x; x = next) {
    next = ambi_load_acquire(&x->x_next);  // x may go when memory is out
    if (!is_fine(rel, view, x) || !has_key(items, n, x->path, &key)) continue;
    *hits = ambi_relation_hits(rel, view, x, key);
    if (hits->n <= 1) return true;
  }
  return false;
}

enum FactAnswer ambi_space_fact_like(Context *cx, Space *s, Value pattern) {
  if (!ambi_is_expr(pattern) || cx->journal) return FACT_ASK;
  Value head = ambi_deref(ambi_expr_at(pattern, 0));
  uint32_t n = ambi_expr_size(pattern);
  if (!ambi_is_sym(head)) return FACT_ASK;
  View view = ambi_space_view(s);
  Relation *rel = only_relation(s, &view, head, n);
  Hits hits;
  if (!rel || !find_like(rel, &view, ambi_expr_items(pattern), n, &hits))
    return FACT_ASK;
  ambi_space_asked(s, head, n);
  Record fact;
  return take_hit(rel, &view, &hits, &fact) &&
                 ambi_unify(cx, pattern, fact.held)
             ? FACT_ONE
             : FACT_NONE;
}

// ---- a fact, or the only candidate ------------------------------------------------------
// A relation of one record, or an index that leaves one.
static bool find_candidate(Relation *rel, const View *view, const FlatAsk *a,
                           Hits *hits) {
  size_t seen = ambi_relation_seen(rel, view);
  *hits = (Hits){.n = (uint32_t)seen};
  return seen <= 1 || (!ambi_load_acquire(&rel->x_nopen) &&
                       find_like(rel, view, a->items, a->n, hits));
}

static enum FactAnswer candidate_in(Relation *rel, const View *view,
                                    const FlatAsk *a, Record *out) {
  Hits hits;
  if (!find_candidate(rel, view, a, &hits)) return FACT_ASK;
  return take_hit(rel, view, &hits, out) ? FACT_CANDIDATE : FACT_NONE;
}

enum FactAnswer ambi_space_fact(Context *cx, Space *s, const FlatAsk *a,
                                Record *out) {
  if (!ambi_is_sym(a->items[0]) || cx->journal) return FACT_ASK;
  ambi_space_asked(s, a->items[0], a->n);
  View view = ambi_space_view(s);
  Relation *rel = sole_relation(s, &view, a->items[0], a->n);
  if (!rel) return FACT_ASK;
  if (!ambi_load_acquire(&rel->x_nopen)) {
    enum FactAnswer answer = fact_in(cx, rel, &view, a, out);
    if (answer != FACT_ASK) return answer;
  }
  return candidate_in(rel, &view, a, out);
}

// ---- the same again -----------------------------------------------------------------
// Relations of deps, and deps, only come. What came unseen since they were counted is of a
// later time than the view of the space, which is taken before.
static size_t relations_of_deps(const Space *s) {
  size_t sum = 0;
  for (size_t i = 0, ndeps = ambi_space_ndeps(s); i < ndeps; i++) {
    const SpaceData *dep = ambi_load_acquire(&ambi_space_dep(s, i)->x_data);
    sum += ambi_load_acquire(&dep->x_ntable) + 1;
  }
  return sum;
}

static bool dep_has(const SpaceData *dep, uint32_t symbol, uint32_t n) {
  return ambi_data_lone(dep, REL_VAR_HEAD) || ambi_data_lone(dep, REL_OPEN) ||
         ambi_data_relation(dep, REL_SYMBOL, symbol, n);
}

bool ambi_fact_place(const Context *cx, Space *s, const FlatAsk *a,
                     FactPlace *out) {
  if (cx->journal || a->known != 1 || !ambi_is_sym(a->items[0]) ||
      a->last >= PATH_STEPS)
    return false;
  FactPlace place = {.space = ambi_load_acquire(&s->x_number),
                     .deps = relations_of_deps(s),
                     .arg = a->last};
  uint32_t symbol = ambi_sym_of(a->items[0]);
  for (size_t i = 0, ndeps = ambi_space_ndeps(s); i < ndeps; i++)
    if (dep_has(ambi_load_acquire(&ambi_space_dep(s, i)->x_data), symbol, a->n))
      return false;
  place.data = ambi_load_acquire(&s->x_data);
  place.relation = ambi_data_relation(place.data, REL_SYMBOL, symbol, a->n);
  if (!place.relation ||
      !ambi_relation_has_index(place.relation, ambi_path(a->last)))
    return false;
  *out = place;
  return true;
}

// Nothing but the relation has atoms that can match, as when the place was found. Asked
// when the View has been taken: if the number is the same even then, the relation has all
// that the View shows.
static inline bool is_only(const Space *s, const SpaceData *d,
                           const FactPlace *p) {
  return p->data == d && p->space == ambi_load_acquire(&s->x_number) &&
         !ambi_load_acquire(&p->relation->x_nopen) && !ambi_data_has_open(d) &&
         (AMB_LIKELY(!ambi_space_ndeps(s)) || relations_of_deps(s) == p->deps);
}

// What is seldom makes a View again, which else stays in registers.
static __attribute__((noinline)) bool follow(Relation *rel, const SpaceData *d,
                                             uint32_t seen, Index *x) {
  View v = {.data = d, .epochs = d->epochs, .seen = seen};
  return ready(rel, &v, x);
}

// Those of a list. FACT_ASK also where memory is out.
static __attribute__((noinline)) enum FactAnswer
several_there(const Relation *rel, const SpaceData *d, uint32_t seen, Index *x,
              const FactPlace *p, Value key, RecordVec *out) {
  View v = {.data = d, .epochs = d->epochs, .seen = seen};
  Stream st;
  uint64_t hash = ambi_atomic_hash(key);
  ambi_relation_stream(rel, &v, ambi_relation_hits(rel, &v, x, hash), &st);
  st.index = v.epochs ? NULL : x;
  st.key = hash;
  out->n = 0;
  if (!ambi_grow((void **)&out->at, &out->cap, st.hits.n, sizeof *out->at))
    return FACT_ASK;
  for (size_t pos; (pos = ambi_stream_next(&st)) != STREAM_END;) {
    Record r = st.at[pos];
    if (ambi_stored_items(r.held)[p->arg].w != key.w) return FACT_ASK;
    out->at[out->n++] = r;
  }
  ambi_stream_close(&st);
  return out->n > 1 ? FACT_SEVERAL : out->n ? FACT_ONE : FACT_NONE;
}

// Does who sees so much see the record at a position that an index gave?
static inline bool is_there(const Relation *rel, uint32_t seen, size_t at) {
  if (seen == VIEW_ALL) return true;
  return ambi_load_acquire(&rel->x_ordinal)[at] < seen &&
         !ambi_is_ended(ambi_load_acquire(&rel->x_end), at, seen);
}

enum FactAnswer ambi_fact_there(const Context *cx, const Space *s,
                                const FactPlace *p, Value key,
                                const Value **parts, RecordVec *several) {
  const Runtime *rt = s->rt;
  View v = ambi_space_view(s);
  if (AMB_UNLIKELY(!is_only(s, v.data, p) || cx->journal || rt->reads.open ||
                   rt->explain || (!ambi_is_sym(key) && !ambi_is_int(key))))
    return FACT_ASK;
  Relation *rel = p->relation;
  Index *x = ambi_relation_has_index(rel, ambi_path(p->arg));
  if (AMB_UNLIKELY(!x || (ambi_index_upto(x) < ambi_relation_n(rel) &&
                          !follow(rel, v.data, v.seen, x))))
    return FACT_ASK;
  SlotWord w = ambi_index_slot(x, ambi_atomic_hash(key));
  if (!w) return FACT_NONE;
  if (ambi_slot_is_list(w)) {
    enum FactAnswer answer =
        several_there(rel, v.data, v.seen, x, p, key, several);
    if (answer == FACT_ONE) *parts = ambi_stored_items(several->at[0].held);
    return answer;
  }
  size_t at = ambi_slot_at(w);
  Value fact = ambi_relation_at(rel)[at].held;
  if (AMB_UNLIKELY(ambi_is_none(fact)) || !is_there(rel, v.seen, at))
    return FACT_NONE;
  *parts = ambi_stored_items(fact);
  return AMB_LIKELY((*parts)[p->arg].w == key.w) ? FACT_ONE : FACT_ASK;
}
