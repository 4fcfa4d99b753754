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

typedef struct PostList {
  uint32_t first;  // entries before are gone
  uint32_t n, cap;
  uint32_t at[];
} PostList;

typedef struct Posting {
  uint32_t tag;  // part of the key's hash
  uint32_t n;    // entries of `one`; POST_LIST: see list; 0: free slot
  union {
    uint32_t one[2];
    PostList *list;
  } u;
} Posting;
enum { POST_INLINE = 2 };
#define POST_LIST UINT32_MAX

typedef struct Index {
  Path path;
  Posting *table;
  size_t cap, used;
  Posting open;
} Index;

void ambi_index_open(Index *x, Path path);
void ambi_index_close(Index *x);
// Positions must be added in ascending order. False: memory is out, nothing
// changed.
bool ambi_index_add(Index *x, enum KeyKind kind, uint64_t key, uint32_t pos);

// NULL: no record has that key.
Posting *ambi_index_find(Index *x, uint64_t key);
const uint32_t *ambi_posting_at(const Posting *p, size_t *n);
// Entries are in order and below n, and every key is found where it stands.
bool ambi_index_is_valid(const Index *x, size_t n, const char **why);
// Drops entries the test calls dead: those at the front, or all.
typedef bool DeadFn(const void *arg, uint32_t pos);
void ambi_posting_trim(Posting *p, DeadFn *dead, const void *arg);
void ambi_posting_compact(Posting *p, DeadFn *dead, const void *arg);

#endif
