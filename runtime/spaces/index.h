// Internal to spaces: one hash index, from a key to ascending record positions.
//
// An index looks at one Path of the records: an argument, a child of an
// argument that is an expression, or the whole atom. Keys are 64-bit hashes
// such that values that can match have equal keys; a collision merely gives a
// candidate too many. Records with a variable at the path are in `open`: they
// are candidates for every key.
#ifndef AMBIT_RUNTIME_INDEX_H
#define AMBIT_RUNTIME_INDEX_H

#include "runtime/atoms/match.h"
#include "runtime/spaces/record.h"

enum { PATH_SELF = 0xFF, PATH_WHOLE = 0xFF, PATH_GROUND = 0xFE };
typedef struct Path {
  uint8_t arg;  // child of the record's atom; PATH_WHOLE: the atom itself;
                // PATH_GROUND: the atom, if it has no variables
  uint8_t sub;  // child of that; PATH_SELF: the argument itself
} Path;

enum KeyKind {
  KEY_VALUE,  // *key is set
  KEY_OPEN,   // a variable stands there: no key
  KEY_ABSENT  // the atom has no such path: never a candidate
};
// Key of one value: atoms by value, expressions by head and size.
enum KeyKind ambi_key_value(Value v, uint64_t *key);
uint64_t ambi_key_functor(uint64_t head_key, uint32_t size);
// The key of any expression whose head is an expression.
uint64_t ambi_key_nested(uint32_t size);
// Key of a path of an expression's children (AMB_NONE counts as a variable).
enum KeyKind ambi_key_path(const Value *items, uint32_t n, Path path,
                           uint64_t *key);
// Key of a record, which is there, at any path.
enum KeyKind ambi_key_record(Record r, Path path, uint64_t *key);

// A slot of the table: one position, or the block of a list of them.
typedef struct Slot {
  uint32_t tag;  // part of the key's hash; 0: the slot is free
  uint32_t at;   // position; with SLOT_LIST: where in `lists`
} Slot;
#define SLOT_LIST ((uint32_t)1 << 31)
enum { LIST_CLASSES = 27 };

typedef struct Index {
  Path path;
  size_t upto;  // records before this position are in the index
  Slot *table;
  size_t cap, used;
  uint32_t
      *lists;  // blocks of two words (entries; class and first) and positions
  size_t nlists, lists_cap;
  uint32_t spare[LIST_CLASSES];  // blocks given back, by class; 0: none
  uint32_t *open;
  size_t nopen, open_cap;
} Index;

void ambi_index_open(Index *x, Path path);
void ambi_index_close(Index *x);
// Takes in the records from x->upto to n. False: memory is out, and the index is of
// no use any more.
bool ambi_index_catch_up(Index *x, const Record *at, size_t n);

// Positions in ascending order; valid until the index takes in more.
typedef struct Hits {
  const uint32_t *at;
  uint32_t n;
} Hits;
// Those of the key, without removed records at the front.
Hits ambi_index_find(Index *x, uint64_t key, const Record *at);
void ambi_index_prefetch(const Index *x, uint64_t key);
Hits ambi_index_look(const Index *x, uint64_t key);  // as they stand
// Drops the removed records from the positions of a key.
void ambi_index_tidy(Index *x, uint64_t key, const Record *at);
// Entries are in order and below n, and every key is found where it stands.
bool ambi_index_is_valid(const Index *x, size_t n, const char **why);

#endif
