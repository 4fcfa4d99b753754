// Internal to spaces: the records of one relation, and the way to a few of them.
//
// A relation keeps its records in insertion order; a record's position stays until a
// compaction. An ordinal beside each record says when it came, among the records of all
// relations of the space; so ordinals ascend. While one thread has the space for itself,
// a record that is removed leaves a gap at once. While others may be looking, it gets an
// end, a number of the same count: the array of ends is there from the first one on. A
// question that began at `seen` finds the records with ordinals below that have no end
// below (View). When gaps and ends are the majority, the records that are left move
// together and indexes are made anew: in place, or in a copy that takes the place of the
// relation (change.c). share.h has the protocol.
#ifndef AMBIT_RUNTIME_RELATION_H
#define AMBIT_RUNTIME_RELATION_H

#include "runtime/spaces/index.h"

enum RelationKind {
  REL_SYMBOL,    // expressions of one symbol head and size
  REL_SIZE,      // of one size, headed by something grounded or an expression
  REL_VAR_HEAD,  // variable-headed expressions of any size
  REL_OPEN,      // bare variables
  REL_ATOM,      // all other atoms without children
  REL_KINDS
};

// What a question sees of a space.
typedef struct View {
  const struct SpaceData *data;
  Epochs *epochs;  // NULL: no other thread is there
  uint32_t seen;   // what came before that, and was not removed before
  uint32_t more;   // as many of the space's deps follow, in ambi_space_views
  bool keep;       // lists of positions are not tidied: some are in use
  const struct Shade
      *shade;  // with changes nobody else sees, or NULL (journal.h)
} View;
#define VIEW_ALL UINT32_MAX

typedef AMB_ATOMIC(uint32_t) EndWord;  // [lock>all] VIEW_ALL: not removed

typedef struct Relation {
  enum RelationKind kind;              // [init]
  uint32_t head, size;                 // [init] as far as the kind has them
  AMB_ATOMIC(size_t) x_n;              // [lock>all] records
  AMB_ATOMIC(Record *) x_at;           // [lock>all]
  AMB_ATOMIC(uint32_t *) x_ordinal;    // [lock>all]
  AMB_ATOMIC(EndWord *) x_end;         // [lock>all] NULL: none has an end
  size_t cap, ordinals_cap, ends_cap;  // [lock]
  size_t dead;                 // gaps; changed by a thread that is alone
  size_t ended;                // [lock] records with an end
  size_t worth;                // [lock] of those: look again whether to compact
  AMB_ATOMIC(size_t) x_nopen;  // [lock>all] with variables, ended ones too
  AMB_ATOMIC(uint64_t) x_changed;  // [lock>all] version of the last change
  uint32_t last;  // [lock] ordinal of the last change; 0: while alone
  AMB_ATOMIC(Index *) x_index;  // [lock>all] the first one
  AMB_ATOMIC(bool) x_busy;      // [all] somebody has the lock of the indexes
  size_t nindexes;              // [lock]
} Relation;
#define RELATION_MOST (SLOT_LIST - 1)  // records, gaps included

void ambi_relation_close(Relation *rel);
// Makes sure that the next `more` appends succeed.
bool ambi_relation_make_room(Relation *rel, Epochs *e, size_t more);
void ambi_relation_append(Relation *rel, Record r, uint32_t ordinal);
// Of n ground atoms, with ordinals from this one on.
void ambi_relation_append_ground(Relation *rel, const Value *atoms, size_t n,
                                 uint32_t ordinal);
// The newest record, which no index has taken in yet, goes. For a thread that is alone.
Record ambi_relation_pop(Relation *rel);
// For a thread that is alone: leaves a gap, and compacts when it is time.
void ambi_relation_remove(Relation *rel, uint32_t pos);
void ambi_relation_leave_gap(Relation *rel, uint32_t pos);
// Without gaps; positions change. For a thread that is alone.
void ambi_relation_compact(Relation *rel);
// Makes sure that the next end succeeds.
bool ambi_relation_reserve_end(Relation *rel, Epochs *e);
void ambi_relation_end(Relation *rel, uint32_t pos, uint32_t end);
// Are gaps and ends the majority?
bool ambi_relation_is_sparse(const Relation *rel);
// Records that have not gone, nor ended below `horizon`.
size_t ambi_relation_kept(const Relation *rel, uint32_t horizon);
// A copy without what has gone or has an end below `horizon`. NULL: memory is out.
Relation *ambi_relation_copy(const Relation *rel, uint32_t horizon);

static inline size_t ambi_relation_n(const Relation *rel) {
  return ambi_load_acquire(&rel->x_n);
}
static inline const Record *ambi_relation_at(const Relation *rel) {
  return ambi_load_acquire(&rel->x_at);
}
static inline bool ambi_relation_reserve(Relation *rel, Epochs *e,
                                         size_t more) {
  size_t need = ambi_relation_n(rel) + more;
  bool room = need <= rel->cap && need <= rel->ordinals_cap &&
              (!rel->ends_cap || need <= rel->ends_cap);
  return AMB_LIKELY(room) || ambi_relation_make_room(rel, e, more);
}
static inline size_t ambi_relation_live(const Relation *rel) {
  return ambi_relation_n(rel) - rel->dead;
}
// How many records the view can have.
size_t ambi_relation_seen_below(const Relation *rel, uint32_t seen);
static inline size_t ambi_relation_seen(const Relation *rel, const View *v) {
  return v->seen == VIEW_ALL ? ambi_relation_n(rel)
                             : ambi_relation_seen_below(rel, v->seen);
}
static inline bool ambi_is_ended(const EndWord *end, size_t pos,
                                 uint32_t seen) {
  return end && ambi_load_relaxed(&end[pos]) < seen;
}

// Records stand in the order they came; each is found through every index.
bool ambi_relation_is_valid(const Relation *rel, const char **why);

// Some records of a relation, in order; those the view does not have are passed over.
typedef struct Stream {
  const Record *at;
  const uint32_t *ordinal;
  const EndWord *end;
  uint32_t seen;
  Hits hits;
  uint32_t next;
  uint32_t dead;  // passed over so far
  Index *index;   // where the hits come from, for this key, if it may be tidied
  uint64_t key;
} Stream;
enum { STREAMS_EACH = 3 };  // at most, from one relation
#define STREAM_END SIZE_MAX

// The next position, or STREAM_END.
static inline size_t ambi_stream_next(Stream *st) {
  while (st->next < st->hits.n) {
    size_t pos = ambi_hit(&st->hits, st->next++);
    if (AMB_LIKELY(!ambi_is_ended(st->end, pos, st->seen) &&
                   !ambi_record_gone(st->at[pos])))
      return pos;
    st->dead++;
  }
  return STREAM_END;
}
void ambi_stream_close(Stream *st);  // tidies the list of positions behind it

void ambi_relation_stream(const Relation *rel, const View *v, Hits hits,
                          Stream *out);
void ambi_relation_all(const Relation *rel, const View *v, Stream *out);
// Streams that hold every record that an expression with these children can
// match; the shortest that an index gives.
size_t ambi_relation_select(Relation *rel, const View *v, const Value *items,
                            uint32_t n, Stream out[STREAMS_EACH]);
// The same when only the key at one path is known.
size_t ambi_relation_lookup(Relation *rel, const View *v, Path path,
                            uint64_t key, Stream out[STREAMS_EACH]);
// The index, with all records of the view in it; NULL: the relation is too small, memory
// is out, or another thread is at it.
Index *ambi_relation_index(Relation *rel, const View *v, Path path);
// Records of the view that the index has for the key.
static inline Hits ambi_relation_hits(const Relation *rel, const View *v,
                                      Index *x, uint64_t key) {
  if (!v->epochs) {
    SlotWord w = ambi_index_slot(x, key);
    return AMB_LIKELY(!ambi_slot_is_list(w))
               ? (Hits){.from = ambi_slot_at(w), .n = w != 0}
               : ambi_index_find(x, key, ambi_relation_at(rel));
  }
  Hits h = ambi_index_look(x, key);
  ambi_hits_cut(&h, ambi_relation_seen(rel, v));
  return h;
}
static inline Index *ambi_relation_has_index(const Relation *rel, Path path) {
  Index *x = ambi_load_acquire(&rel->x_index);
  while (x && !ambi_path_same(x->path, path))
    x = ambi_load_acquire(&x->x_next);
  return x;
}
// Records that may be equal to the stored atom.
size_t ambi_relation_lookup_equal(Relation *rel, const View *v, Value atom,
                                  Stream out[STREAMS_EACH]);
// Indexes go; for a thread that is alone.
void ambi_relation_drop_indexes(Relation *rel);
// Those that nobody has asked since there were half as many records, likewise: when
// someone does, they are made at once.
void ambi_relation_drop_idle(Relation *rel);

#endif
