// Records of one relation, their indexes, and the choice among these.
#include "runtime/spaces/relation.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/atoms/work.h"

enum {
  SMALL_RELATION = 8,  // scanned: an index would not pay
  GOOD_ENOUGH = 8,     // candidates: do not look for a better index
  MAX_INDEXES = 16,
  MAX_ARG = 32,  // paths beyond are not indexed
  MAX_SUB = 8,
  MAX_CHOICES = 24,
  MIN_DEAD = 16  // compaction waits for that many
};

// Under stress every relation is indexed, and compacted as soon as it may be.
static bool is_small(const Relation *rel) {
  size_t small = ambi_stress(STRESS_MINIMAL) ? 0 : SMALL_RELATION;
  return ambi_relation_live(rel) <= small;
}

static uint32_t *seat(const Relation *rel, Rec *rec) {
  return &rec->pos[rel->kind == REL_ALL];
}

static bool is_dead(const void *arg, uint32_t pos) {
  const Rec *rec = ((const Relation *)arg)->at[pos];
  return !rec || rec->r.removed;
}

// ---- records ----------------------------------------------------------------------
static void drop_indexes(Relation *rel) {
  for (size_t i = 0; i < rel->nindexes; i++)
    ambi_index_close(&rel->index[i]);
  ambi_free(rel->index, rel->indexes_cap * sizeof *rel->index);
  rel->index = NULL;
  rel->nindexes = rel->indexes_cap = 0;
}

void ambi_relation_close(Relation *rel) {
  drop_indexes(rel);
  ambi_free(rel->at, rel->cap * sizeof *rel->at);
}

bool ambi_relation_reserve(Relation *rel) {
  return rel->n < REC_GONE &&
         ambi_grow((void **)&rel->at, &rel->cap, rel->n + 1, sizeof *rel->at);
}

static enum KeyKind key_of(const Rec *rec, Path path, uint64_t *key) {
  Value atom = rec->r.tmpl.atom;
  if (path.arg == PATH_WHOLE) {
    *key = ambi_hash(atom);
    return KEY_VALUE;
  }
  if (path.arg == PATH_GROUND) {
    if (!ambi_word_ground(atom)) return KEY_OPEN;
    *key = ambi_hash(atom);
    return KEY_VALUE;
  }
  return ambi_key_path(ambi_expr_items(atom), ambi_expr_size(atom), path, key);
}

static bool index_record(const Relation *rel, Index *x, uint32_t pos) {
  uint64_t key = 0;
  enum KeyKind kind = key_of(rel->at[pos], x->path, &key);
  return ambi_index_add(x, kind, key, pos);
}

void ambi_relation_append(Relation *rel, Rec *rec) {
  uint32_t pos = (uint32_t)rel->n++;
  rel->at[pos] = rec;
  *seat(rel, rec) = pos;
  for (size_t i = 0; i < rel->nindexes;) {
    if (index_record(rel, &rel->index[i], pos)) {
      i++;
      continue;
    }
    // No memory for it: go on without this index.
    ambi_index_close(&rel->index[i]);
    rel->index[i] = rel->index[--rel->nindexes];
  }
}

static void compact(Relation *rel) {
  size_t to = 0;
  for (size_t i = 0; i < rel->n; i++) {
    Rec *rec = rel->at[i];
    if (!rec) continue;
    if (rec->r.removed) {
      *seat(rel, rec) = REC_GONE;
      continue;
    }
    *seat(rel, rec) = (uint32_t)to;
    rel->at[to++] = rec;
  }
  rel->n = to;
  rel->dead = 0;
  drop_indexes(rel);
}

void ambi_relation_removed(Relation *rel) {
  rel->dead++;
  size_t least = ambi_stress(STRESS_MINIMAL) ? 0 : MIN_DEAD;
  if (rel->dead > least && rel->dead > rel->n / 2) compact(rel);
}

void ambi_relation_forget(Relation *rel, const Rec *rec) {
  uint32_t pos = rec->pos[rel->kind == REL_ALL];
  if (pos != REC_GONE) rel->at[pos] = NULL;
}

// ---- streams ------------------------------------------------------------------------
const Record *ambi_stream_next(Stream *st) {
  while (st->next < st->n) {
    size_t i = st->next++;
    const Rec *rec = st->rel->at[st->pos ? st->pos[i] : i];
    if (rec && !rec->r.removed) return &rec->r;
    st->dead++;
  }
  return NULL;
}

void ambi_stream_close(Stream *st) {
  if (st->posting && st->dead > st->n / 2)
    ambi_posting_compact(st->posting, is_dead, st->rel);
}

// Written in place, field by field: a struct returned by value is put together
// on the stack and copied by wider loads, which wait for the narrow stores.
void ambi_relation_all(const Relation *rel, Stream *out) {
  out->rel = rel;
  out->posting = NULL;
  out->pos = NULL;
  out->n = rel->n;
  out->next = 0;
  out->dead = 0;
}

static void stream_of(const Relation *rel, Posting *p, Stream *out) {
  ambi_posting_trim(p, is_dead, rel);
  out->rel = rel;
  out->posting = p;
  out->pos = ambi_posting_at(p, &out->n);
  out->next = 0;
  out->dead = 0;
}

// ---- choosing an index --------------------------------------------------------------
static bool same_path(Path a, Path b) {
  return a.arg == b.arg && a.sub == b.sub;
}

static Index *find_index(const Relation *rel, Path path) {
  for (size_t i = 0; i < rel->nindexes; i++)
    if (same_path(rel->index[i].path, path)) return &rel->index[i];
  return NULL;
}

// NULL: there are enough already, or memory is out.
static Index *make_index(Relation *rel, Path path) {
  if (rel->nindexes == MAX_INDEXES ||
      !ambi_grow((void **)&rel->index, &rel->indexes_cap, rel->nindexes + 1,
                 sizeof *rel->index))
    return NULL;
  Index *x = &rel->index[rel->nindexes];
  ambi_index_open(x, path);
  for (size_t i = 0; i < rel->n; i++) {
    if (is_dead(rel, (uint32_t)i)) continue;
    if (!index_record(rel, x, (uint32_t)i)) {
      ambi_index_close(x);
      return NULL;
    }
  }
  rel->nindexes++;
  return x;
}

static size_t posting_size(const Posting *p) {
  size_t n = 0;
  if (p) ambi_posting_at(p, &n);
  return n;
}

static size_t index_streams(const Relation *rel, Index *x, uint64_t key,
                            Stream *out) {
  size_t n = 0;
  Posting *p = ambi_index_find(x, key);
  if (p) stream_of(rel, p, &out[n++]);
  if (posting_size(&x->open)) stream_of(rel, &x->open, &out[n++]);
  return n;
}

size_t ambi_relation_lookup(Relation *rel, Path path, uint64_t key,
                            Stream out[STREAMS_EACH]) {
  if (!is_small(rel)) {
    Index *x = find_index(rel, path);
    if (!x) x = make_index(rel, path);
    if (x) return index_streams(rel, x, key, out);
  }
  ambi_relation_all(rel, &out[0]);
  return 1;
}

size_t ambi_relation_lookup_whole(Relation *rel, uint64_t hash,
                                  Stream out[STREAMS_EACH]) {
  return ambi_relation_lookup(rel, (Path){PATH_WHOLE, PATH_SELF}, hash, out);
}

// The search for the shortest posting that the pattern's keys give.
typedef struct Search {
  Relation *rel;
  const Value *items;
  uint32_t n;
  bool create;    // indexes that are missing, too
  size_t looked;  // paths with a key
  size_t best;    // records so far
  Path path;      // of the index that gives so few
  uint64_t key;   // ... for this key
  bool found;
} Search;

// True: no need to look further.
static bool consider(Search *s, Path path) {
  uint64_t key;
  if (ambi_key_path(s->items, s->n, path, &key) != KEY_VALUE) return false;
  if (++s->looked > MAX_CHOICES) return true;
  Index *x = find_index(s->rel, path);
  if ((x != NULL) == s->create) return false;
  if (s->create) x = make_index(s->rel, path);
  if (!x) return false;
  size_t cost = posting_size(ambi_index_find(x, key)) + posting_size(&x->open);
  if (cost >= s->best) return false;
  s->best = cost;
  s->path = path;
  s->key = key;
  s->found = true;
  return cost <= GOOD_ENOUGH;
}

// Looks at all paths where the pattern has a key, arguments before their
// children.
static bool consider_all(Search *s) {
  uint32_t first = s->rel->kind == REL_SYMBOL;
  s->looked = 0;
  for (uint32_t i = first; i < s->n && i < MAX_ARG; i++)
    if (consider(s, (Path){(uint8_t)i, PATH_SELF})) return true;
  for (uint32_t i = first; i < s->n && i < MAX_ARG; i++) {
    Value v = ambi_deref(s->items[i]);
    if (!ambi_is_expr(v)) continue;
    // A head that is no expression is part of the argument's own key.
    uint32_t sub = ambi_is_expr(ambi_deref(ambi_expr_at(v, 0))) ? 0 : 1;
    for (; sub < ambi_expr_size(v) && sub < MAX_SUB; sub++)
      if (consider(s, (Path){(uint8_t)i, (uint8_t)sub})) return true;
  }
  return s->best <= GOOD_ENOUGH;
}

// A ground pattern whose arguments are common each by itself: is this fact there?
static void consider_ground(Search *s) {
  if (s->best <= GOOD_ENOUGH || s->n < 2) return;
  for (uint32_t i = 0; i < s->n; i++)
    if (ambi_is_none(s->items[i]) || !ambi_word_ground(ambi_deref(s->items[i])))
      return;
  Path path = {PATH_GROUND, PATH_SELF};
  uint64_t key = ambi_hash_items(s->items, s->n);
  Index *x = find_index(s->rel, path);
  if (!x) x = make_index(s->rel, path);
  if (!x) return;
  size_t cost = posting_size(ambi_index_find(x, key)) + posting_size(&x->open);
  if (cost >= s->best) return;
  s->best = cost;
  s->path = path;
  s->key = key;
  s->found = true;
}

size_t ambi_relation_select(Relation *rel, const Value *items, uint32_t n,
                            Stream out[STREAMS_EACH]) {
  ambi_relation_all(rel, &out[0]);
  if (is_small(rel) || rel->kind > REL_SIZE) return 1;
  Search s = {.rel = rel, .items = items, .n = n, .best = rel->n};
  if (!consider_all(&s)) {
    s.create = true;
    consider_all(&s);
  }
  consider_ground(&s);
  if (!s.found) return 1;
  return index_streams(rel, find_index(rel, s.path), s.key, out);
}

// ---- looking whether all is well ----------------------------------------------------
static bool holds(const Posting *p, uint32_t pos) {
  size_t n;
  const uint32_t *at = ambi_posting_at(p, &n);
  for (size_t lo = 0; lo < n;) {
    size_t mid = (lo + n) / 2;
    if (at[mid] == pos) return true;
    if (at[mid] < pos)
      lo = mid + 1;
    else
      n = mid;
  }
  return false;
}

static bool is_indexed(const Relation *rel, Index *x, uint32_t pos) {
  uint64_t key = 0;
  enum KeyKind kind = key_of(rel->at[pos], x->path, &key);
  if (kind == KEY_ABSENT) return true;
  const Posting *p = kind == KEY_OPEN ? &x->open : ambi_index_find(x, key);
  return p && holds(p, pos);
}

static bool record_is_valid(const Relation *rel, uint32_t pos,
                            const char **why) {
  Rec *rec = rel->at[pos];
  if (*seat(rel, rec) != pos)
    return ambi_invalid(why, "a record does not know its place");
  if (rel->kind != REL_ALL && rec->rel != rel)
    return ambi_invalid(why, "a record of another relation");
  for (size_t i = 0; i < rel->nindexes; i++)
    if (!rec->r.removed && !is_indexed(rel, &rel->index[i], pos))
      return ambi_invalid(why, "a record that an index does not find");
  return true;
}

bool ambi_relation_is_valid(const Relation *rel, const char **why) {
  size_t dead = 0;
  const Rec *last = NULL;
  if (rel->n > rel->cap)
    return ambi_invalid(why, "a relation longer than its room");
  for (size_t i = 0; i < rel->nindexes; i++)
    if (!ambi_index_is_valid(&rel->index[i], rel->n, why)) return false;
  for (size_t i = 0; i < rel->n; i++) {
    dead += is_dead(rel, (uint32_t)i);
    if (!rel->at[i]) continue;
    if (!record_is_valid(rel, (uint32_t)i, why)) return false;
    if (last && last->r.ordinal >= rel->at[i]->r.ordinal)
      return ambi_invalid(why, "records out of order");
    last = rel->at[i];
  }
  return dead == rel->dead ||
         ambi_invalid(why, "removed records are miscounted");
}
