// Internal to spaces: where in an atom an index looks, and the key of what stands there.
//
// A Path leads to an argument, a child of an argument that is an expression, and so on
// for a few levels. Keys are 64-bit hashes such that values that can match have equal
// keys; a collision merely gives a candidate too many. An expression's own key tells its
// head and size; what else it has is found by paths that lead into it.
#ifndef AMBIT_RUNTIME_PATH_H
#define AMBIT_RUNTIME_PATH_H

#include "runtime/atoms/match.h"
#include "runtime/spaces/record.h"

enum {
  PATH_DEPTH = 4,   // steps at most
  PATH_STEPS = 32,  // children of the atom that paths lead to
  PATH_INNER = 8,   // children of expressions inside
  PATH_EXPRS = 12   // expressions of one pattern that are looked into
};

// A byte for each step, the first one lowest: 1 + which child. 0 ends it; 0xFF says that
// the key is of all that stands there, if it has no variables.
typedef struct Path {
  uint32_t steps;
} Path;
#define PATH_WHOLE  ((Path){0})         // the atom itself
#define PATH_GROUND ((Path){PATH_ALL})  // the atom, if it has no variables
#define PATH_ALL    0xFF

static inline Path ambi_path(uint32_t child) {
  return (Path){child + 1};
}
static inline Path ambi_path_into(Path p, unsigned depth, uint32_t child) {
  return (Path){p.steps | (child + 1) << (8 * depth)};
}
// All that stands at a path of fewer than PATH_DEPTH steps.
static inline Path ambi_path_all(Path p, unsigned depth) {
  return (Path){p.steps | (uint32_t)PATH_ALL << (8 * depth)};
}
// The bits before the last step of a path that has one.
static inline unsigned ambi_path_before_last(Path p) {
  return (31u - (unsigned)__builtin_clz(p.steps)) & ~7u;
}
static inline bool ambi_path_is_all(Path p) {
  return p.steps && p.steps >> ambi_path_before_last(p) == PATH_ALL;
}
// Where the key at such a path comes from.
static inline Path ambi_path_there(Path p) {
  return (Path){p.steps & ~((uint32_t)PATH_ALL << ambi_path_before_last(p))};
}
static inline bool ambi_path_same(Path a, Path b) {
  return a.steps == b.steps;
}

enum KeyKind {
  KEY_VALUE,  // *key is set
  KEY_OPEN,   // a variable stands there: no key
  KEY_ABSENT  // the atom has no such path: never a candidate
};
// Key of one value: atoms by value, expressions by head and size.
enum KeyKind ambi_key_other(Value v, uint64_t *key);
static inline enum KeyKind ambi_key_value(Value v, uint64_t *key) {
  if (!ambi_is_sym(v) && !ambi_is_int(v)) return ambi_key_other(v, key);
  *key = ambi_atomic_hash(v);
  return KEY_VALUE;
}
uint64_t ambi_key_functor(uint64_t head_key, uint32_t size);
// The key of any expression whose head is an expression.
uint64_t ambi_key_nested(uint32_t size);
// The key at a path through expressions of these sizes, the outermost first, from that
// of the value there.
static inline uint64_t ambi_key_inside(uint64_t key, const uint32_t *sizes,
                                       unsigned n) {
  while (n--)
    key = ambi_key_functor(key, sizes[n]);
  return key;
}
// The same of all that it is.
enum KeyKind ambi_key_all(Value v, uint64_t *key);
// What stands at a path of an expression; AMB_NONE: there is no such path.
Value ambi_path_value(Value expr, Path path);
// Key of a path of an expression's children (AMB_NONE counts as a variable).
enum KeyKind ambi_key_path(const Value *items, uint32_t n, Path path,
                           uint64_t *key);
// Key of a record, which is there, at any path.
enum KeyKind ambi_key_record(Record r, Path path, uint64_t *key);

// The paths of a pattern's children, arguments before their children.
typedef struct PathExpr {
  const Value *items;
  uint32_t n, child;
  Path path;
  uint32_t sizes[PATH_DEPTH];  // of the expressions on the way
  unsigned depth;
} PathExpr;
typedef struct PathWalk {
  PathExpr expr[PATH_EXPRS];
  unsigned n, at;
} PathWalk;
typedef struct PathPlace {
  Path path;
  Value value;  // dereferenced
  const uint32_t *sizes;
  unsigned nsizes;
} PathPlace;
// From that child on. AMB_NONE counts as a variable.
void ambi_paths_begin(PathWalk *w, const Value *items, uint32_t n,
                      uint32_t first);
bool ambi_paths_next(PathWalk *w, PathPlace *out);

#endif
