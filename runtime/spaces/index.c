// Keys of values, and an open-addressing table of posting lists.
//
// A slot is 16 bytes: 32 bits of hash, and one or two positions or a list. The
// hash part decides slot and identity alike; among 10^6 keys about a hundred
// pairs share one, which costs those a filtered candidate.
#include "runtime/spaces/index.h"

#include "memory/alloc.h"

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

enum KeyKind ambi_key_value(Value v, uint64_t *key) {
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

enum KeyKind ambi_key_path(const Value *items, uint32_t n, Path path,
                           uint64_t *key) {
  if (path.arg >= n) return KEY_ABSENT;
  Value v = items[path.arg];
  if (path.sub == PATH_SELF) return ambi_key_value(v, key);
  v = ambi_deref(v);
  if (is_open(v)) return KEY_OPEN;
  if (!ambi_is_expr(v) || ambi_expr_size(v) <= path.sub) return KEY_ABSENT;
  enum KeyKind kind = ambi_key_value(ambi_expr_at(v, path.sub), key);
  if (kind == KEY_VALUE) *key = ambi_key_functor(*key, ambi_expr_size(v));
  return kind;
}

// ---- posting lists ----------------------------------------------------------------
static size_t list_bytes(uint32_t cap) {
  return sizeof(PostList) + (size_t)cap * sizeof(uint32_t);
}

static void drop_posting(Posting *p) {
  if (p->n == POST_LIST) ambi_free(p->u.list, list_bytes(p->u.list->cap));
}

static bool to_list(Posting *p) {
  PostList *l = ambi_alloc(list_bytes(POST_INLINE * 4));
  if (!l) return false;
  l->n = p->n;
  l->cap = POST_INLINE * 4;
  memcpy(l->at, p->u.one, p->n * sizeof(uint32_t));
  p->u.list = l;
  p->n = POST_LIST;
  return true;
}

static bool grow_list(Posting *p) {
  PostList *l = p->u.list;
  if (l->first > l->n / 2) {  // slide instead
    l->n -= l->first;
    memmove(l->at, l->at + l->first, l->n * sizeof(uint32_t));
    l->first = 0;
    return true;
  }
  if (l->cap > UINT32_MAX / 2) return false;
  l = ambi_realloc(l, list_bytes(l->cap), list_bytes(l->cap * 2));
  if (!l) return false;
  l->cap *= 2;
  p->u.list = l;
  return true;
}

static bool append(Posting *p, uint32_t pos) {
  if (p->n < POST_INLINE) {
    p->u.one[p->n++] = pos;
    return true;
  }
  if (p->n != POST_LIST && !to_list(p)) return false;
  if (p->u.list->n == p->u.list->cap && !grow_list(p)) return false;
  p->u.list->at[p->u.list->n++] = pos;
  return true;
}

const uint32_t *ambi_posting_at(const Posting *p, size_t *n) {
  if (p->n != POST_LIST) {
    *n = p->n;
    return p->u.one;
  }
  *n = p->u.list->n - p->u.list->first;
  return p->u.list->at + p->u.list->first;
}

void ambi_posting_trim(Posting *p, DeadFn *dead, const void *arg) {
  if (p->n != POST_LIST) return;
  PostList *l = p->u.list;
  while (l->first < l->n && dead(arg, l->at[l->first]))
    l->first++;
}

void ambi_posting_compact(Posting *p, DeadFn *dead, const void *arg) {
  if (p->n != POST_LIST) return;
  PostList *l = p->u.list;
  uint32_t to = 0;
  for (uint32_t i = l->first; i < l->n; i++)
    if (!dead(arg, l->at[i])) l->at[to++] = l->at[i];
  l->first = 0;
  l->n = to;
}

// ---- the table ------------------------------------------------------------------
void ambi_index_open(Index *x, Path path) {
  *x = (Index){.path = path};
}

void ambi_index_close(Index *x) {
  for (size_t i = 0; i < x->cap; i++)
    drop_posting(&x->table[i]);
  drop_posting(&x->open);
  ambi_free(x->table, x->cap * sizeof *x->table);
}

static uint32_t tag_of(uint64_t key) {
  return (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> 32);
}

// The slot with that tag, or the free slot where it belongs.
static Posting *find_slot(Posting *table, size_t cap, uint32_t tag) {
  size_t i = tag & (cap - 1);
  while (table[i].n && table[i].tag != tag)
    i = (i + 1) & (cap - 1);
  return &table[i];
}

static bool grow_table(Index *x) {
  size_t cap = x->cap ? x->cap * 2 : 16;
  Posting *table = ambi_alloc(cap * sizeof *table);
  if (!table) return false;
  for (size_t i = 0; i < x->cap; i++)
    if (x->table[i].n) *find_slot(table, cap, x->table[i].tag) = x->table[i];
  ambi_free(x->table, x->cap * sizeof *x->table);
  x->table = table;
  x->cap = cap;
  return true;
}

bool ambi_index_add(Index *x, enum KeyKind kind, uint64_t key, uint32_t pos) {
  if (kind == KEY_ABSENT) return true;
  if (kind == KEY_OPEN) return append(&x->open, pos);
  if (x->used * 4 >= x->cap * 3 && !grow_table(x)) return false;
  uint32_t tag = tag_of(key);
  Posting *p = find_slot(x->table, x->cap, tag);
  bool is_new = p->n == 0;
  if (!append(p, pos)) return false;
  p->tag = tag;
  x->used += is_new;
  return true;
}

Posting *ambi_index_find(Index *x, uint64_t key) {
  if (x->cap == 0) return NULL;
  Posting *p = find_slot(x->table, x->cap, tag_of(key));
  return p->n ? p : NULL;
}

static bool posting_is_valid(const Posting *p, size_t below, const char **why) {
  size_t n;
  const uint32_t *at = ambi_posting_at(p, &n);
  if (p->n == POST_LIST && p->u.list->n > p->u.list->cap)
    return ambi_invalid(why, "a posting list longer than its room");
  for (size_t i = 0; i < n; i++) {
    if (at[i] >= below)
      return ambi_invalid(why, "an index names a record that is not there");
    if (i && at[i - 1] >= at[i])
      return ambi_invalid(why, "a posting list out of order");
  }
  return true;
}

bool ambi_index_is_valid(const Index *x, size_t n, const char **why) {
  if (x->cap & (x->cap - 1))
    return ambi_invalid(why, "an index of no possible size");
  size_t used = 0;
  for (size_t i = 0; i < x->cap; i++) {
    const Posting *p = &x->table[i];
    if (!p->n) continue;
    used++;
    if (find_slot(x->table, x->cap, p->tag) != p)
      return ambi_invalid(why, "a key of an index is not found");
    if (!posting_is_valid(p, n, why)) return false;
  }
  if (used != x->used)
    return ambi_invalid(why, "an index's keys are miscounted");
  return posting_is_valid(&x->open, n, why);
}
