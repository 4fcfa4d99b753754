// Internal to spaces: what a Space holds, shared by changes and queries.
#ifndef AMBIT_RUNTIME_SPACE_DATA_H
#define AMBIT_RUNTIME_SPACE_DATA_H

#include <pthread.h>

#include "runtime/spaces/relation.h"
#include "runtime/spaces/space.h"

// By kind, head and size.
typedef struct RelationTable {
  size_t cap;                       // [init] a power of two
  AMB_ATOMIC(Relation *) x_slot[];  // [lock>all] open addressing
} RelationTable;

typedef struct SpaceData SpaceData;
struct SpaceData {
  Epochs
      *epochs;  // changes with nobody else there; NULL: one thread has it all
  uint32_t
      next_ordinal;  // [lock] of the next atom, or end; when they run out, all
                     // begin again
  AMB_ATOMIC(uint32_t)
  x_now;  // [lock>all] what others see up to, or NOW_SEALED
  AMB_ATOMIC(RelationTable *) x_table;  // [lock>all] NULL: no relations
  AMB_ATOMIC(size_t) x_ntable;          // [lock>all] relations
  AMB_ATOMIC(Relation *)
  x_lone[REL_KINDS];  // [lock>all] those that are the only one
                      // of their kind, or NULL
};

// How many rules and types a symbol has in the space.
typedef struct DefCount {
  AMB_ATOMIC(uint32_t) x_symbol;  // [lock>all] its number + 1; 0: free
  AMB_ATOMIC(uint32_t) x_count;   // [lock>all]
} DefCount;
typedef struct DefTable {
  size_t cap;     // [init] a power of two
  DefCount at[];  // open addressing, by symbol
} DefTable;

typedef struct SpaceWriter {
  pthread_mutex_t lock;        // [init] of changes, where others may be looking
  unsigned depth;              // [lock] changes that have begun
  uint32_t horizon;            // [lock] nobody sees less any more
  uint32_t noted;              // [lock] will be the horizon when `mark` is past
  uint64_t mark;               // [lock]
  AMB_ATOMIC(size_t) x_count;  // [lock>all] atoms
  AMB_ATOMIC(DefTable *) x_defs;  // [lock>all] NULL: none
  size_t ndefs;                   // [lock]
  bool ruled;  // [lock] rules or types changed since a change began
  RecordVec
      removed;  // rules and types, on which code may still rely; none come
                // here together
  Space *
      next_untidy;  // [lock:lists] in the list of those that wait for a compaction
  bool untidy;      // [lock:lists] is in that list
} SpaceWriter;

// What x_now is while a commit shows several changes at once.
#define NOW_SEALED VIEW_ALL
// When that is over.
View ambi_share_settled(const Space *s);

// For one question, or several that are to see the same.
static inline View ambi_space_view(const Space *s) {
  const SpaceData *d = ambi_load_acquire(&s->x_data);
  if (!d->epochs) return (View){.data = d, .seen = VIEW_ALL};
  uint32_t seen = ambi_load_acquire(&d->x_now);
  if (AMB_UNLIKELY(seen == NOW_SEALED)) return ambi_share_settled(s);
  return (View){.data = d, .epochs = d->epochs, .seen = seen};
}
// Would it be the same now? Not while a commit shows several changes.
static inline bool ambi_view_is_latest(const Space *s, const View *v) {
  const SpaceData *d = ambi_load_acquire(&s->x_data);
  return d == v->data &&
         (!d->epochs || ambi_load_acquire(&d->x_now) == v->seen);
}
// What is there by now, for the thread that changes it.
static inline View ambi_space_latest(const Space *s) {
  const SpaceData *d = ambi_load_acquire(&s->x_data);
  return (View){.data = d, .epochs = d->epochs, .seen = VIEW_ALL};
}

// One for the space and one for each dep, which all patterns of a conjunction see. NULL:
// memory is out.
enum { FEW_VIEWS = 8 };
const View *ambi_space_views(Context *cx, const Space *s, const Value *patterns,
                             size_t n, View few[FEW_VIEWS]);
void ambi_drop_views(const View *v, const View *few);

// The space, and its deps from 1 on.
static inline const Space *ambi_space_nth(const Space *s, size_t i) {
  return i ? ambi_space_dep(s, i - 1) : s;
}
// Where a record stands among those of the space and its deps: which of them in the upper
// half, the ordinal in the lower.
typedef uint64_t Rank;
typedef struct RankVec {
  Rank *at;
  size_t n, cap;
} RankVec;
// As ambi_space_query, of what the views show; what was asked is not noted. ranks: NULL,
// or of each record; then names that are the library's own are among them even where they
// are not asked for by name. False: memory is out, cx->stop is set.
bool ambi_views_query(Context *cx, Space *s, const View *views, Value pattern,
                      RecordVec *out, RankVec *ranks);
// Such a record, which this pattern does not find. AMB_NONE: some pattern may not.
bool ambi_is_unasked(const Space *dep, Value pattern, Record r);

// The slot of the relation, with what is in it, or a free one.
static inline size_t ambi_relation_slot(const RelationTable *t,
                                        enum RelationKind kind, uint32_t head,
                                        uint32_t size, Relation **out) {
  uint64_t h = ambi_hash_mix(((uint64_t)head << 32) | size, kind);
  size_t i = (size_t)(h >> 16) & (t->cap - 1);
  for (;; i = (i + 1) & (t->cap - 1)) {
    Relation *rel = *out = ambi_load_acquire(&t->x_slot[i]);
    if (!rel || (rel->kind == kind && rel->head == head && rel->size == size))
      return i;
  }
}
// NULL: there is no such relation.
static inline Relation *ambi_data_relation(const SpaceData *d,
                                           enum RelationKind kind,
                                           uint32_t head, uint32_t size) {
  const RelationTable *t = ambi_load_acquire(&d->x_table);
  Relation *rel = NULL;
  if (t) ambi_relation_slot(t, kind, head, size, &rel);
  return rel;
}
static inline Relation *ambi_data_lone(const SpaceData *d,
                                       enum RelationKind kind) {
  return ambi_load_acquire(&d->x_lone[kind]);
}
static inline Relation *ambi_space_relation(const Space *s,
                                            enum RelationKind kind,
                                            uint32_t head, uint32_t size) {
  return ambi_data_relation(ambi_load_acquire(&s->x_data), kind, head, size);
}
// Could an atom of the space that is not in the relation of head and size match?
static inline bool ambi_data_has_open(const SpaceData *d) {
  const Relation *heads = ambi_data_lone(d, REL_VAR_HEAD),
                 *bare = ambi_data_lone(d, REL_OPEN);
  return (heads && ambi_relation_live(heads)) ||
         (bare && ambi_relation_live(bare));
}
// All relations, one after the other. The table is loaded once: while others look, a
// larger one may take its place, where everything stands elsewhere.
typedef struct Relations {
  const RelationTable *table;
  size_t next;
} Relations;
static inline Relations ambi_data_relations(const SpaceData *d) {
  return (Relations){.table = ambi_load_acquire(&d->x_table)};
}
Relation *ambi_relations_next(Relations *rels);  // NULL: that was all
SpaceData *ambi_data_open(Epochs *e);
void ambi_data_free(SpaceData *d);  // the relations are somebody else's
void ambi_data_drop(SpaceData *d);  // with the relations, but not their atoms
// A relation that is new, or takes the place of the one of its kind, head and size.
bool ambi_data_put(SpaceData *d, Relation *rel);
// The relation a stored atom belongs to, or NULL.
Relation *ambi_data_relation_of(const SpaceData *d, Value atom);
// The same; one is made if there is none. NULL: memory is out.
Relation *ambi_data_need_relation(SpaceData *d, Value atom);

// Places of answers that threads have kept (FactPlace) are good no more. Before the
// relations that were there are retired.
void ambi_space_lose_places(Space *s);

// Does the space have a rule or a type for the symbol?
bool ambi_space_defines(const Space *s, uint32_t symbol);
// The same of its dep i - 1, or itself: 0.
bool ambi_space_nth_defines(const Space *s, size_t i, uint32_t symbol);
// How many it has, without what an isolated evaluation knows.
uint32_t ambi_space_count_of(const Space *s, uint32_t symbol);
// One more place for what a symbol has. False: memory is out.
bool ambi_space_reserve_def(Space *s);
void ambi_space_count_def(Space *s, uint32_t symbol, bool added);
// Does the atom say how something is evaluated, or what type it has?
bool ambi_is_rule(Value atom);
// One that is in no space any more, but in code: it is given back like removed ones.
void ambi_space_keep_rule(Space *s, Record r);
// One of these has changed. Under the guard.
static inline void ambi_space_ruled(Space *s) {
  ambi_store_release(&s->x_ruled, ambi_load_relaxed(&s->x_ruled) + 1);
}

// Shows every atom, oldest first, until `see` answers false. False: memory is out.
typedef bool SeeRecord(void *arg, Record r, uint32_t ordinal);
bool ambi_view_see(const View *v, SeeRecord *see, void *arg);
// The same with those at least that an expression with these children can match, whose
// head is open.
bool ambi_view_see_like(const View *v, const Value *items, uint32_t n,
                        SeeRecord *see, void *arg);
bool ambi_space_see(const Space *s, SeeRecord *see, void *arg);
// The same order with ordinals from 0 on, where no other thread looks. False: memory
// is out, or there are too many atoms.
bool ambi_data_renumber(SpaceData *d);
// The symbol that a stored `(= (symbol ..) ..)` or `(: symbol ..)` defines.
bool ambi_space_defined_by(Value atom, uint32_t *symbol);

#endif
