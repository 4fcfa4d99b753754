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

// ---- records ----------------------------------------------------------------------
static void drop_index(Relation *rel, size_t i) {
  ambi_index_close(&rel->index[i]);
  rel->index[i] = rel->index[--rel->nindexes];
}

static void drop_indexes(Relation *rel) {
  while (rel->nindexes)
    drop_index(rel, rel->nindexes - 1);
  ambi_free(rel->index, rel->indexes_cap * sizeof *rel->index);
  rel->index = NULL;
  rel->indexes_cap = 0;
}

void ambi_relation_close(Relation *rel) {
  drop_indexes(rel);
  ambi_free(rel->at, rel->cap * sizeof *rel->at);
  ambi_free(rel->ordinal, rel->ordinals_cap * sizeof *rel->ordinal);
}

// Indexes that nobody has asked since there were half as many records go: when
// someone does, they are made at once.
static void drop_idle(Relation *rel) {
  for (size_t i = rel->nindexes; i-- > 0;)
    if (rel->index[i].upto < rel->n / 2) drop_index(rel, i);
}

bool ambi_relation_reserve(Relation *rel, size_t more) {
  size_t need = rel->n + more;
  if (AMB_LIKELY(need <= rel->cap && need <= rel->ordinals_cap)) return true;
  drop_idle(rel);
  return more <= RELATION_MOST - rel->n &&
         ambi_grow((void **)&rel->at, &rel->cap, need, sizeof *rel->at) &&
         ambi_grow((void **)&rel->ordinal, &rel->ordinals_cap, need,
                   sizeof *rel->ordinal);
}

void ambi_relation_append(Relation *rel, Record r, uint32_t ordinal) {
  rel->at[rel->n] = r;
  rel->ordinal[rel->n++] = ordinal;
  rel->nopen += ambi_record_open(r);
}

Record ambi_relation_pop(Relation *rel) {
  Record r = rel->at[--rel->n];
  rel->nopen -= ambi_record_open(r);
  for (size_t i = 0; i < rel->nindexes; i++)
    AMB_ASSERT(rel->index[i].upto <= rel->n);
  return r;
}

void ambi_relation_compact(Relation *rel) {
  size_t to = 0;
  for (size_t i = 0; i < rel->n; i++) {
    if (ambi_record_gone(rel->at[i])) continue;
    rel->at[to] = rel->at[i];
    rel->ordinal[to++] = rel->ordinal[i];
  }
  rel->n = to;
  rel->dead = 0;
  drop_indexes(rel);
}

// Arrays that have become much too large go back, as far as there is memory to do so.
static void shrink(Relation *rel) {
  size_t cap = rel->n + rel->n / 4 + 8;
  if (rel->cap / 4 < cap) return;
  Record *at = ambi_realloc(rel->at, rel->cap * sizeof *at, cap * sizeof *at);
  if (!at) return;
  rel->at = at;
  rel->cap = cap;
  uint32_t *ordinal = ambi_realloc(
      rel->ordinal, rel->ordinals_cap * sizeof *ordinal, cap * sizeof *ordinal);
  if (!ordinal) return;
  rel->ordinal = ordinal;
  rel->ordinals_cap = cap;
}

void ambi_relation_remove(Relation *rel, uint32_t pos) {
  rel->nopen -= ambi_record_open(rel->at[pos]);
  rel->at[pos].held = AMB_NONE;
  rel->dead++;
  size_t least = ambi_stress(STRESS_MINIMAL) ? 0 : MIN_DEAD;
  if (rel->dead <= least || rel->dead <= rel->n / 2) return;
  ambi_relation_compact(rel);
  shrink(rel);
}

// ---- streams ------------------------------------------------------------------------
void ambi_stream_close(Stream *st) {
  if (st->index && st->dead > st->n / 2)
    ambi_index_tidy(st->index, st->key, st->rel->at);
}

static void stream_at(Relation *rel, const uint32_t *pos, size_t n,
                      Stream *out) {
  out->rel = rel;
  out->pos = pos;
  out->n = n;
  out->next = 0;
  out->dead = 0;
  out->index = NULL;
}

void ambi_relation_all(Relation *rel, Stream *out) {
  stream_at(rel, NULL, rel->n, out);
}

// ---- choosing an index --------------------------------------------------------------
static bool same_path(Path a, Path b) {
  return a.arg == b.arg && a.sub == b.sub;
}

// The index with all records in it, or NULL; it goes when memory is out.
static Index *find_index(Relation *rel, Path path) {
  for (size_t i = 0; i < rel->nindexes; i++) {
    Index *x = &rel->index[i];
    if (!same_path(x->path, path)) continue;
    if (x->upto == rel->n || ambi_index_catch_up(x, rel->at, rel->n)) return x;
    drop_index(rel, i);
    return NULL;
  }
  return NULL;
}

// NULL: there are enough already, or memory is out.
static Index *make_index(Relation *rel, Path path) {
  if (rel->nindexes == MAX_INDEXES ||
      !ambi_grow((void **)&rel->index, &rel->indexes_cap, rel->nindexes + 1,
                 sizeof *rel->index))
    return NULL;
  ambi_index_open(&rel->index[rel->nindexes++], path);
  return find_index(rel, path);
}

static Index *need_index(Relation *rel, Path path) {
  Index *x = find_index(rel, path);
  return x ? x : make_index(rel, path);
}

Index *ambi_relation_index(Relation *rel, Path path) {
  return is_small(rel) ? NULL : need_index(rel, path);
}

const Index *ambi_relation_has_index(const Relation *rel, Path path) {
  for (size_t i = 0; i < rel->nindexes; i++)
    if (same_path(rel->index[i].path, path)) return &rel->index[i];
  return NULL;
}

static size_t hits_streams(Relation *rel, Index *x, uint64_t key, Hits hits,
                           Stream *out) {
  size_t n = 0;
  if (hits.n) {
    stream_at(rel, hits.at, hits.n, &out[n]);
    out[n].index = x;
    out[n++].key = key;
  }
  if (x->nopen) stream_at(rel, x->open, x->nopen, &out[n++]);
  return n;
}

size_t ambi_relation_lookup(Relation *rel, Path path, uint64_t key,
                            Stream out[STREAMS_EACH]) {
  Index *x = ambi_relation_index(rel, path);
  if (x)
    return hits_streams(rel, x, key, ambi_index_find(x, key, rel->at), out);
  ambi_relation_all(rel, &out[0]);
  return 1;
}

// The search for the shortest list of candidates that the pattern's keys give.
typedef struct Search {
  Relation *rel;
  const Value *items;
  uint32_t n;
  bool create;    // indexes that are missing, too
  size_t looked;  // paths with a key
  size_t best;    // records so far
  Path path;  // of the index that gives so few; the array of indexes may move
  uint64_t key;  // ... for this key
  Hits hits;
  bool found;
} Search;

static void weigh(Search *s, Index *x, uint64_t key) {
  Hits hits = ambi_index_find(x, key, s->rel->at);
  if (hits.n + x->nopen >= s->best) return;
  s->best = hits.n + x->nopen;
  s->path = x->path;
  s->key = key;
  s->hits = hits;
  s->found = true;
}

// True: no need to look further.
static bool consider(Search *s, Path path) {
  uint64_t key;
  if (ambi_key_path(s->items, s->n, path, &key) != KEY_VALUE) return false;
  if (++s->looked > MAX_CHOICES) return true;
  Index *x = find_index(s->rel, path);
  if ((x != NULL) == s->create) return false;
  if (s->create) x = make_index(s->rel, path);
  if (x) weigh(s, x, key);
  return s->best <= GOOD_ENOUGH;
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
  Index *x = need_index(s->rel, (Path){PATH_GROUND, PATH_SELF});
  if (x) weigh(s, x, ambi_hash_items(s->items, s->n));
}

static size_t found_streams(Search *s, Stream out[STREAMS_EACH]) {
  if (!s->found) {
    ambi_relation_all(s->rel, &out[0]);
    return 1;
  }
  for (size_t i = 0; i < s->rel->nindexes; i++)
    if (same_path(s->rel->index[i].path, s->path))
      return hits_streams(s->rel, &s->rel->index[i], s->key, s->hits, out);
  AMB_UNREACHABLE();
}

size_t ambi_relation_select(Relation *rel, const Value *items, uint32_t n,
                            Stream out[STREAMS_EACH]) {
  Search s = {.rel = rel, .items = items, .n = n, .best = rel->n};
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
size_t ambi_relation_lookup_equal(Relation *rel, Value atom,
                                  Stream out[STREAMS_EACH]) {
  if (rel->kind > REL_SIZE || !ambi_is_ground_expr(atom))
    return ambi_relation_lookup(rel, (Path){PATH_WHOLE, PATH_SELF},
                                ambi_hash(atom), out);
  Search s = {.rel = rel,
              .items = ambi_expr_items(atom),
              .n = ambi_expr_size(atom),
              .best = rel->n};
  if (!is_small(rel) && !consider_all(&s)) {
    Index *x = need_index(rel, (Path){PATH_GROUND, PATH_SELF});
    if (x) weigh(&s, x, ambi_hash(atom));
  }
  return found_streams(&s, out);
}

// ---- looking whether all is well ----------------------------------------------------
static bool holds(Hits h, uint32_t pos) {
  uint32_t n = h.n;
  for (uint32_t lo = 0; lo < n;) {
    uint32_t mid = lo + (n - lo) / 2;
    if (h.at[mid] == pos) return true;
    if (h.at[mid] < pos)
      lo = mid + 1;
    else
      n = mid;
  }
  return false;
}

static bool is_indexed(const Relation *rel, const Index *x, uint32_t pos) {
  uint64_t key = 0;
  enum KeyKind kind = ambi_key_record(rel->at[pos], x->path, &key);
  if (kind == KEY_ABSENT) return true;
  if (kind == KEY_OPEN) return holds((Hits){x->open, (uint32_t)x->nopen}, pos);
  return holds(ambi_index_look(x, key), pos);
}

bool ambi_relation_is_valid(const Relation *rel, const char **why) {
  size_t dead = 0, open = 0;
  int64_t last = -1;
  if (rel->n > rel->cap || rel->n > rel->ordinals_cap)
    return ambi_invalid(why, "a relation longer than its room");
  for (size_t i = 0; i < rel->nindexes; i++)
    if (!ambi_index_is_valid(&rel->index[i], rel->n, why)) return false;
  for (size_t i = 0; i < rel->n; i++) {
    if (last >= rel->ordinal[i])
      return ambi_invalid(why, "records out of order");
    last = rel->ordinal[i];
    dead += ambi_record_gone(rel->at[i]);
    if (ambi_record_gone(rel->at[i])) continue;
    open += ambi_record_open(rel->at[i]);
    for (size_t k = 0; k < rel->nindexes; k++)
      if (i < rel->index[k].upto &&
          !is_indexed(rel, &rel->index[k], (uint32_t)i))
        return ambi_invalid(why, "a record that an index does not find");
  }
  return (dead == rel->dead && open == rel->nopen) ||
         ambi_invalid(why, "removed or open records are miscounted");
}
