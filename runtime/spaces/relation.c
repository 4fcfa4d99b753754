// Records of one relation: they come, they go, and the gaps are closed.
#include "runtime/spaces/relation.h"

#include <string.h>

#include "memory/alloc.h"
#include "memory/stress.h"

enum { MIN_DEAD = 16 };  // compaction waits for that many

static const uint32_t *ordinals_of(const Relation *rel) {
  return ambi_load_acquire(&rel->x_ordinal);
}
static EndWord *ends_of(const Relation *rel) {
  return ambi_load_acquire(&rel->x_end);
}
static size_t nopen(const Relation *rel) {
  return ambi_load_relaxed(&rel->x_nopen);
}

void ambi_relation_close(Relation *rel) {
  ambi_relation_drop_indexes(rel);
  ambi_free(ambi_load_acquire(&rel->x_at), rel->cap * sizeof(Record));
  ambi_free(ambi_load_acquire(&rel->x_ordinal),
            rel->ordinals_cap * sizeof(uint32_t));
  ambi_free(ends_of(rel), rel->ends_cap * sizeof(EndWord));
}

// ---- coming -------------------------------------------------------------------------
static bool grow_records(Relation *rel, Epochs *e, size_t need) {
  Growth g;
  if (!ambi_growth_begin(&g, e, ambi_load_relaxed(&rel->x_at), rel->cap, need,
                         sizeof(Record)))
    return false;
  ambi_store_release(&rel->x_at, g.at);
  rel->cap = g.cap;
  ambi_growth_end(&g, e);
  return true;
}

static bool grow_ordinals(Relation *rel, Epochs *e, size_t need) {
  Growth g;
  if (!ambi_growth_begin(&g, e, ambi_load_relaxed(&rel->x_ordinal),
                         rel->ordinals_cap, need, sizeof(uint32_t)))
    return false;
  ambi_store_release(&rel->x_ordinal, g.at);
  rel->ordinals_cap = g.cap;
  ambi_growth_end(&g, e);
  return true;
}

static bool grow_ends(Relation *rel, Epochs *e, size_t need) {
  Growth g;
  size_t had = rel->ends_cap;
  if (need <= had) return true;
  if (!ambi_growth_begin(&g, e, ends_of(rel), had, need, sizeof(EndWord)))
    return false;
  memset((EndWord *)g.at + had, 0xFF, (g.cap - had) * sizeof(EndWord));
  ambi_store_release(&rel->x_end, g.at);
  rel->ends_cap = g.cap;
  ambi_growth_end(&g, e);
  return true;
}

bool ambi_relation_make_room(Relation *rel, Epochs *e, size_t more) {
  size_t n = ambi_relation_n(rel), need = n + more;
  if (!e) ambi_relation_drop_idle(rel);
  return more <= RELATION_MOST - n && grow_records(rel, e, need) &&
         grow_ordinals(rel, e, need) &&
         (!rel->ends_cap || grow_ends(rel, e, rel->cap));
}

void ambi_relation_append(Relation *rel, Record r, uint32_t ordinal) {
  size_t n = ambi_load_relaxed(&rel->x_n);
  ambi_load_relaxed(&rel->x_at)[n] = r;
  ambi_load_relaxed(&rel->x_ordinal)[n] = ordinal;
  if (ambi_record_open(r)) ambi_store_release(&rel->x_nopen, nopen(rel) + 1);
  ambi_store_release(&rel->x_n, n + 1);
}

void ambi_relation_append_ground(Relation *rel, const Value *atoms, size_t n,
                                 uint32_t ordinal) {
  size_t had = ambi_load_relaxed(&rel->x_n);
  Record *at = ambi_load_relaxed(&rel->x_at) + had;
  uint32_t *ordinals = ambi_load_relaxed(&rel->x_ordinal) + had;
  for (size_t i = 0; i < n; i++) {
    at[i] = (Record){atoms[i]};
    ordinals[i] = ordinal + (uint32_t)i;
  }
  ambi_store_release(&rel->x_n, had + n);
}

// ---- going, for a thread that is alone ----------------------------------------------
Record ambi_relation_pop(Relation *rel) {
  size_t n = ambi_relation_n(rel) - 1;
  Record r = ambi_relation_at(rel)[n];
  if (ambi_record_open(r)) ambi_store_release(&rel->x_nopen, nopen(rel) - 1);
  for (Index *x = ambi_load_relaxed(&rel->x_index); x;
       x = ambi_load_relaxed(&x->x_next))
    AMB_ASSERT(ambi_index_upto(x) <= n);
  ambi_store_release(&rel->x_n, n);
  return r;
}

void ambi_relation_compact(Relation *rel) {
  size_t to = 0, n = ambi_relation_n(rel);
  Record *at = ambi_load_relaxed(&rel->x_at);
  uint32_t *ordinal = ambi_load_relaxed(&rel->x_ordinal);
  for (size_t i = 0; i < n; i++) {
    if (ambi_record_gone(at[i])) continue;
    at[to] = at[i];
    ordinal[to++] = ordinal[i];
  }
  ambi_store_release(&rel->x_n, to);
  rel->dead = 0;
  ambi_relation_drop_indexes(rel);
}

static size_t ample(size_t n) {
  return n + n / 4 + 8;
}

// Arrays that have become much too large go back, as far as there is memory to do so.
static void shrink(Relation *rel) {
  size_t cap = ample(ambi_relation_n(rel));
  if (rel->cap / 4 < cap) return;
  Record *at = ambi_realloc(ambi_load_relaxed(&rel->x_at),
                            rel->cap * sizeof *at, cap * sizeof *at);
  if (!at) return;
  ambi_store_release(&rel->x_at, at);
  rel->cap = cap;
  uint32_t *ordinal =
      ambi_realloc(ambi_load_relaxed(&rel->x_ordinal),
                   rel->ordinals_cap * sizeof *ordinal, cap * sizeof *ordinal);
  if (!ordinal) return;
  ambi_store_release(&rel->x_ordinal, ordinal);
  rel->ordinals_cap = cap;
}

bool ambi_relation_is_sparse(const Relation *rel) {
  size_t least = ambi_stress(STRESS_MINIMAL) ? 0 : MIN_DEAD;
  size_t gone = rel->dead + rel->ended;
  return gone > least && gone > ambi_relation_n(rel) / 2;
}

void ambi_relation_leave_gap(Relation *rel, uint32_t pos) {
  Record *at = ambi_load_relaxed(&rel->x_at);
  if (ambi_record_open(at[pos]))
    ambi_store_release(&rel->x_nopen, nopen(rel) - 1);
  at[pos].held = AMB_NONE;
  rel->dead++;
}

void ambi_relation_remove(Relation *rel, uint32_t pos) {
  ambi_relation_leave_gap(rel, pos);
  if (!ambi_relation_is_sparse(rel)) return;
  ambi_relation_compact(rel);
  shrink(rel);
}

// ---- going, while others look ---------------------------------------------------------
bool ambi_relation_reserve_end(Relation *rel, Epochs *e) {
  return grow_ends(rel, e, rel->cap);
}

void ambi_relation_end(Relation *rel, uint32_t pos, uint32_t end) {
  ambi_store_release(&ends_of(rel)[pos], end);
  rel->ended++;
}

// What is still to be seen by somebody keeps its end.
static void copy_records(const Relation *from, uint32_t horizon, Relation *to) {
  const Record *at = ambi_relation_at(from);
  const EndWord *end = ends_of(from);
  size_t n = ambi_relation_n(from);
  for (size_t i = 0; i < n; i++) {
    if (ambi_record_gone(at[i]) || ambi_is_ended(end, i, horizon)) continue;
    uint32_t ends = end ? ambi_load_relaxed(&end[i]) : VIEW_ALL;
    if (ends != VIEW_ALL)
      ambi_relation_end(to, (uint32_t)ambi_relation_n(to), ends);
    ambi_relation_append(to, at[i], ordinals_of(from)[i]);
  }
}

size_t ambi_relation_kept(const Relation *rel, uint32_t horizon) {
  const Record *at = ambi_relation_at(rel);
  const EndWord *end = ends_of(rel);
  size_t kept = 0, n = ambi_relation_n(rel);
  for (size_t i = 0; i < n; i++)
    kept += !ambi_record_gone(at[i]) && !ambi_is_ended(end, i, horizon);
  return kept;
}

Relation *ambi_relation_copy(const Relation *rel, uint32_t horizon) {
  size_t kept = ambi_relation_kept(rel, horizon), cap = ample(kept);
  bool ends = kept != ambi_relation_kept(rel, VIEW_ALL);
  Relation *to = ambi_alloc(sizeof *to);
  if (!to) return NULL;
  to->kind = rel->kind;
  to->head = rel->head;
  to->size = rel->size;
  ambi_store_release(&to->x_changed, ambi_load_relaxed(&rel->x_changed));
  to->last = rel->last;
  if (ambi_relation_reserve(to, NULL, cap) &&
      (!ends || ambi_relation_reserve_end(to, NULL))) {
    copy_records(rel, horizon, to);
    return to;
  }
  ambi_relation_close(to);
  ambi_free(to, sizeof *to);
  return NULL;
}

// ---- streams ------------------------------------------------------------------------
size_t ambi_relation_seen_below(const Relation *rel, uint32_t seen) {
  size_t lo = 0, hi = ambi_relation_n(rel);
  const uint32_t *ordinal = ordinals_of(rel);
  if (hi == 0 || ordinal[hi - 1] < seen) return hi;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (ordinal[mid] < seen)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

void ambi_stream_close(Stream *st) {
  if (st->index && st->dead > st->hits.n / 2)
    ambi_index_tidy(st->index, st->key, st->at);
}

void ambi_relation_stream(const Relation *rel, const View *v, Hits hits,
                          Stream *out) {
  out->at = ambi_relation_at(rel);
  out->ordinal = ordinals_of(rel);
  out->end = ends_of(rel);
  out->seen = v->seen;
  out->hits = hits;
  out->next = 0;
  out->dead = 0;
  out->index = NULL;
}

void ambi_relation_all(const Relation *rel, const View *v, Stream *out) {
  Hits all = {.n = (uint32_t)ambi_relation_seen(rel, v)};
  ambi_relation_stream(rel, v, all, out);
}

// ---- looking whether all is well ----------------------------------------------------
static bool holds(Hits h, uint32_t pos) {
  uint32_t n = h.n;
  for (uint32_t lo = 0; lo < n;) {
    uint32_t mid = lo + (n - lo) / 2;
    if (ambi_hit(&h, mid) == pos) return true;
    if (ambi_hit(&h, mid) < pos)
      lo = mid + 1;
    else
      n = mid;
  }
  return false;
}

static bool is_indexed(Record r, const Index *x, uint32_t pos) {
  uint64_t key = 0;
  if (pos >= ambi_index_upto(x)) return true;
  enum KeyKind kind = ambi_key_record(r, x->path, &key);
  if (kind == KEY_ABSENT) return true;
  return holds(kind == KEY_OPEN ? ambi_index_open_hits(x)
                                : ambi_index_look(x, key),
               pos);
}

static bool record_is_valid(const Relation *rel, uint32_t pos,
                            const char **why) {
  Record r = ambi_relation_at(rel)[pos];
  if (pos && ordinals_of(rel)[pos - 1] >= ordinals_of(rel)[pos])
    return ambi_invalid(why, "records out of order");
  if (ambi_is_ended(ends_of(rel), pos, ordinals_of(rel)[pos]))
    return ambi_invalid(why, "a record that ended before it came");
  for (const Index *x = ambi_load_acquire(&rel->x_index);
       x && !ambi_record_gone(r); x = ambi_load_acquire(&x->x_next))
    if (!is_indexed(r, x, pos))
      return ambi_invalid(why, "a record that an index does not find");
  return true;
}

bool ambi_relation_is_valid(const Relation *rel, const char **why) {
  size_t dead = 0, open = 0, ended = 0, n = ambi_relation_n(rel);
  if (n > rel->cap || n > rel->ordinals_cap ||
      (ends_of(rel) && n > rel->ends_cap))
    return ambi_invalid(why, "a relation longer than its room");
  for (const Index *x = ambi_load_acquire(&rel->x_index); x;
       x = ambi_load_acquire(&x->x_next))
    if (!ambi_index_is_valid(x, n, why)) return false;
  for (size_t i = 0; i < n; i++) {
    if (!record_is_valid(rel, (uint32_t)i, why)) return false;
    Record r = ambi_relation_at(rel)[i];
    dead += ambi_record_gone(r);
    ended += ambi_is_ended(ends_of(rel), i, VIEW_ALL);
    open += !ambi_record_gone(r) && ambi_record_open(r);
  }
  return (dead == rel->dead && open == nopen(rel) && ended == rel->ended) ||
         ambi_invalid(why, "removed or open records are miscounted");
}
