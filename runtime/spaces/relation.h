// Internal to spaces: the records of one relation, and the way to a few of them.
//
// A relation keeps its records in insertion order; a record's position stays until a
// compaction. Removed records leave a gap, until gaps are the majority: then the
// records move together and indexes are made anew. An ordinal beside each record says
// when it came, among the records of all relations of the space.
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

typedef struct Relation {
  enum RelationKind kind;
  uint32_t head, size;  // as far as the kind has them
  Record *at;
  uint32_t *ordinal;
  size_t n, cap, ordinals_cap;
  size_t dead;       // gaps
  size_t nopen;      // records with variables
  uint64_t changed;  // the space's version when something last came or went
  Index *index;
  size_t nindexes, indexes_cap;
} Relation;
#define RELATION_MOST (SLOT_LIST - 1)  // records, gaps included

void ambi_relation_close(Relation *rel);
// Makes sure that the next `more` appends succeed.
bool ambi_relation_reserve(Relation *rel, size_t more);
void ambi_relation_append(Relation *rel, Record r, uint32_t ordinal);
// The newest record, which no index has taken in yet, goes.
Record ambi_relation_pop(Relation *rel);
// Leaves a gap, and compacts when it is time.
void ambi_relation_remove(Relation *rel, uint32_t pos);
// Without gaps; positions change.
void ambi_relation_compact(Relation *rel);
static inline size_t ambi_relation_live(const Relation *rel) {
  return rel->n - rel->dead;
}

// Records stand in the order they came; each is found through every index.
bool ambi_relation_is_valid(const Relation *rel, const char **why);

// Some records of a relation, in order; gaps are passed over.
typedef struct Stream {
  Relation *rel;
  const uint32_t *pos;  // NULL: all positions
  size_t n, next;
  size_t dead;   // passed over so far
  Index *index;  // where `pos` comes from, for this key; or NULL
  uint64_t key;
} Stream;
enum { STREAMS_EACH = 2 };  // at most, from one relation
#define STREAM_END SIZE_MAX

// The next position, or STREAM_END.
static inline size_t ambi_stream_next(Stream *st) {
  while (st->next < st->n) {
    size_t i = st->next++;
    size_t pos = st->pos ? st->pos[i] : i;
    if (AMB_LIKELY(!ambi_record_gone(st->rel->at[pos]))) return pos;
    st->dead++;
  }
  return STREAM_END;
}
void ambi_stream_close(Stream *st);  // tidies the list of positions behind it

void ambi_relation_all(Relation *rel, Stream *out);
// Streams that hold every record that an expression with these children can
// match; the shortest that an index gives.
size_t ambi_relation_select(Relation *rel, const Value *items, uint32_t n,
                            Stream out[STREAMS_EACH]);
// The same when only the key at one path is known.
size_t ambi_relation_lookup(Relation *rel, Path path, uint64_t key,
                            Stream out[STREAMS_EACH]);
// The index, with all records in it; NULL: the relation is too small, or memory is out.
Index *ambi_relation_index(Relation *rel, Path path);
const Index *ambi_relation_has_index(const Relation *rel, Path path);
// Records that may be equal to the stored atom.
size_t ambi_relation_lookup_equal(Relation *rel, Value atom,
                                  Stream out[STREAMS_EACH]);

#endif
