// Internal to spaces: the records of one relation, and the way to a few of them.
//
// A relation keeps its records in insertion order; a record's position in it
// stays until a compaction. Removed records stay in the array, marked, until
// they are the majority: then array and indexes are made anew.
#ifndef AMBIT_RUNTIME_RELATION_H
#define AMBIT_RUNTIME_RELATION_H

#include "runtime/spaces/index.h"
#include "runtime/spaces/space.h"

enum RelationKind {
  REL_SYMBOL,    // expressions of one symbol head and size
  REL_SIZE,      // of one size, headed by something grounded or an expression
  REL_VAR_HEAD,  // variable-headed expressions of any size
  REL_OPEN,      // bare variables
  REL_ATOM,      // all other atoms without children
  REL_ALL        // every record of the space once more; has no indexes
};

typedef struct Relation Relation;

typedef struct Rec {
  Record r;  // first: the Record handed out is the Rec
  Relation *rel;
  uint32_t pos[2];   // in rel and in REL_ALL; REC_GONE: no longer there
  struct Rec *next;  // in the list of removed or of free ones
} Rec;
#define REC_GONE UINT32_MAX

struct Relation {
  enum RelationKind kind;
  uint32_t head, size;  // as far as the kind has them
  Rec **at;             // NULL: was removed and freed
  size_t n, cap, dead;
  Index *index;
  size_t nindexes, indexes_cap;
};

void ambi_relation_close(Relation *rel);
// Makes sure that the next append succeeds.
bool ambi_relation_reserve(Relation *rel);
void ambi_relation_append(Relation *rel, Rec *rec);
// rec was marked as removed: counts it, and compacts when it is time.
void ambi_relation_removed(Relation *rel);
// A removed record is about to be freed: forgets its address.
void ambi_relation_forget(Relation *rel, const Rec *rec);
static inline size_t ambi_relation_live(const Relation *rel) {
  return rel->n - rel->dead;
}

// Records know their places and stand in the order they came; each that is not
// removed is found through every index.
bool ambi_relation_is_valid(const Relation *rel, const char **why);

// Some records of a relation, in order; removed ones are passed over.
typedef struct Stream {
  const Relation *rel;
  Posting *posting;     // where `pos` comes from, or NULL
  const uint32_t *pos;  // NULL: all positions
  size_t n, next;
  size_t dead;  // passed over so far
} Stream;
enum { STREAMS_EACH = 2 };  // at most, from one relation

// The record after the last one returned; NULL at the end.
const Record *ambi_stream_next(Stream *st);
void ambi_stream_close(Stream *st);  // tidies the posting list behind it

void ambi_relation_all(const Relation *rel, Stream *out);
// Streams that hold every record that an expression with these children can
// match; the shortest that an index gives.
size_t ambi_relation_select(Relation *rel, const Value *items, uint32_t n,
                            Stream out[STREAMS_EACH]);
// The same when only the key at one path is known.
size_t ambi_relation_lookup(Relation *rel, Path path, uint64_t key,
                            Stream out[STREAMS_EACH]);
// Records whose atom hashes like this (ambi_hash).
size_t ambi_relation_lookup_whole(Relation *rel, uint64_t hash,
                                  Stream out[STREAMS_EACH]);

#endif
