// Keys of values, and the paths that lead to them.
#include "runtime/spaces/path.h"

#include "runtime/atoms/work.h"

// ---- keys -----------------------------------------------------------------------
uint64_t ambi_key_functor(uint64_t head_key, uint32_t size) {
  return ambi_hash_mix(ambi_hash_mix(17, head_key), size);
}

uint64_t ambi_key_nested(uint32_t size) {
  return ambi_hash_mix(19, size);
}

static bool is_open(Value v) {
  return ambi_is_var(v) || ambi_is_lvar(v) || ambi_is_none(v);
}

enum KeyKind ambi_key_other(Value v, uint64_t *key) {
  v = ambi_deref(v);
  if (is_open(v)) return KEY_OPEN;
  if (!ambi_is_expr(v)) {
    *key = ambi_atomic_hash(v);
    return KEY_VALUE;
  }
  Value head = ambi_deref(ambi_expr_at(v, 0));
  if (is_open(head)) return KEY_OPEN;
  *key = ambi_is_expr(head)
             ? ambi_key_nested(ambi_expr_size(v))
             : ambi_key_functor(ambi_atomic_hash(head), ambi_expr_size(v));
  return KEY_VALUE;
}

enum KeyKind ambi_key_all(Value v, uint64_t *key) {
  v = ambi_deref(v);
  if (is_open(v) || !ambi_word_ground(v)) return KEY_OPEN;
  *key = ambi_hash(v);
  return KEY_VALUE;
}

// The value that the last steps lead to.
static enum KeyKind key_inside(Value v, uint32_t steps, uint64_t *key) {
  uint32_t sizes[PATH_DEPTH];
  unsigned n = 0;
  for (; steps && steps != PATH_ALL; steps >>= 8) {
    uint32_t child = (steps & 0xFF) - 1;
    v = ambi_deref(v);
    if (is_open(v)) return KEY_OPEN;
    if (!ambi_is_expr(v) || ambi_expr_size(v) <= child) return KEY_ABSENT;
    sizes[n++] = ambi_expr_size(v);
    v = ambi_expr_at(v, child);
  }
  enum KeyKind kind = steps ? ambi_key_all(v, key) : ambi_key_value(v, key);
  if (kind == KEY_VALUE) *key = ambi_key_inside(*key, sizes, n);
  return kind;
}

Value ambi_path_value(Value v, Path path) {
  for (uint32_t steps = path.steps; steps && steps != PATH_ALL; steps >>= 8) {
    uint32_t child = (steps & 0xFF) - 1;
    v = ambi_deref(v);
    if (!ambi_is_expr(v) || ambi_expr_size(v) <= child) return AMB_NONE;
    v = ambi_expr_at(v, child);
  }
  return v;
}

enum KeyKind ambi_key_path(const Value *items, uint32_t n, Path path,
                           uint64_t *key) {
  uint32_t child = (path.steps & 0xFF) - 1;
  if (child >= n) return KEY_ABSENT;
  uint32_t rest = path.steps >> 8;
  return rest ? key_inside(items[child], rest, key)
              : ambi_key_value(items[child], key);
}

enum KeyKind ambi_key_record(Record r, Path path, uint64_t *key) {
  Value atom = ambi_record_atom(r);
  bool ground = ambi_path_same(path, PATH_GROUND);
  if (ground && ambi_record_open(r)) return KEY_OPEN;
  if (ground || ambi_path_same(path, PATH_WHOLE)) {
    *key = ambi_hash(atom);
    return KEY_VALUE;
  }
  return ambi_key_path(ambi_expr_items(atom), ambi_expr_size(atom), path, key);
}

// ---- the paths of a pattern -------------------------------------------------------
static uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

void ambi_paths_begin(PathWalk *w, const Value *items, uint32_t n,
                      uint32_t first) {
  w->n = 1;
  w->at = 0;
  w->expr[0] =
      (PathExpr){.items = items, .n = least(n, PATH_STEPS), .child = first};
}

// A head that is no expression is part of the expression's own key.
static void note_inner(PathWalk *w, const PathExpr *outer, Path path, Value v) {
  if (w->n == PATH_EXPRS || outer->depth + 1 == PATH_DEPTH) return;
  uint32_t size = ambi_expr_size(v);
  PathExpr *e = &w->expr[w->n++];
  *e = (PathExpr){.items = ambi_expr_items(v),
                  .n = least(size, PATH_INNER),
                  .child = !ambi_is_expr(ambi_deref(ambi_expr_at(v, 0))),
                  .path = path,
                  .depth = outer->depth + 1};
  for (unsigned i = 0; i < outer->depth; i++)
    e->sizes[i] = outer->sizes[i];
  e->sizes[outer->depth] = size;
}

bool ambi_paths_next(PathWalk *w, PathPlace *out) {
  for (; w->at < w->n; w->at++) {
    PathExpr *e = &w->expr[w->at];
    if (e->child >= e->n) continue;
    Path path = ambi_path_into(e->path, e->depth, e->child);
    Value v = ambi_deref(e->items[e->child++]);
    *out = (PathPlace){path, v, e->sizes, e->depth};
    if (ambi_is_expr(v)) note_inner(w, e, path, v);
    return true;
  }
  return false;
}
