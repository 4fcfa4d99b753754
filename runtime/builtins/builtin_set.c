// Expressions as collections: distinct children, multiset operations, sorting.
//
// A table of the children seen so far keeps all of them linear on ground
// children: children that are not ground share one slot chain, because equal
// up to renaming does not show in a hash.
#define _GNU_SOURCE  // qsort_r
#include <stdlib.h>

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/builtins/answer.h"

typedef bool Same(Value a, Value b);

typedef struct Entry {
  Value item;
  uint64_t hash;
  uint32_t count;  // copies still there; 0 only for a used up entry
} Entry;

typedef struct Table {  // open addressing, half full at most
  Entry *slots;
  size_t size;  // power of two
  Same *same;
} Table;

static bool table_open(Table *t, size_t items, Same *same) {
  t->size = 4;
  while (t->size < 2 * items)
    t->size *= 2;
  t->same = same;
  t->slots = ambi_alloc(t->size * sizeof *t->slots);
  for (size_t i = 0; t->slots && i < t->size; i++)
    t->slots[i].item = AMB_NONE;
  return t->slots != NULL;
}

static void table_close(Table *t) {
  ambi_free(t->slots, t->size * sizeof *t->slots);
}

// Has it variables? What has none need not be marked as ground.
static bool is_open(Context *cx, Value item) {
  if (!ambi_is_expr(item) || ambi_is_ground_expr(item))
    return ambi_is_var(item);
  ValueVec vars = {0};
  bool ok = ambi_collect_vars(cx, item, &vars), open = vars.n > 0;
  ambi_vec_drop(&vars);
  if (!ok && !cx->stop) cx->stop = STOP_MEMORY;
  return open;
}

// The entry of an equal item, or the empty slot where it belongs.
static Entry *table_find(Context *cx, const Table *t, Value item) {
  uint64_t hash = is_open(cx, item) ? 1 : ambi_hash(item);
  for (size_t i = hash;; i++) {
    Entry *e = &t->slots[i & (t->size - 1)];
    if (ambi_is_none(e->item)) {
      e->hash = hash;
      return e;
    }
    if (e->hash == hash && t->same(e->item, item)) return e;
  }
}

// Child i with its bindings resolved. What counts as evaluated still does.
static Value child(Context *cx, Value list, uint32_t i) {
  Value v = ambi_expr_at(list, i), now = ambi_resolve(cx, v);
  bool own = ambi_is_expr(v) && ambi_has_eval(v);
  return own && !ambi_is_none(now) ? ambi_mark_eval(now) : now;
}

static bool table_add(Context *cx, Table *t, Value list) {
  uint32_t size = ambi_expr_size(list);
  for (uint32_t i = 0; i < size; i++) {
    Value v = child(cx, list, i);
    if (ambi_is_none(v)) return false;
    Entry *e = table_find(cx, t, v);
    if (ambi_is_none(e->item)) e->item = v;
    e->count++;
  }
  return true;
}

static enum BuiltinStatus answer_vec(Context *cx, Value *out, bool ok,
                                     ValueVec *items) {
  Value v = ok ? ambi_make_expr(cx, items->at, items->n) : AMB_NONE;
  ambi_vec_drop(items);
  return ambi_answer(cx, out, v);
}

enum BuiltinStatus ambi_b_unique_atom(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  uint32_t size = ambi_expr_size(args[0]);
  Table t;
  if (!table_open(&t, size, ambi_alpha_equal)) return ambi_answer_stop(cx);
  ValueVec kept = {0};
  bool ok = true;
  for (uint32_t i = 0; i < size && ok; i++) {
    Value v = child(cx, args[0], i);
    ok = !ambi_is_none(v);
    Entry *e = ok ? table_find(cx, &t, v) : NULL;
    if (e && ambi_is_none(e->item)) {
      e->item = v;
      ok = ambi_vec_push(&kept, v);
    }
  }
  table_close(&t);
  return answer_vec(cx, out, ok, &kept);
}

enum { FEW = 64 };  // words that the stack has room for

static void put_children(Value *to, Value list) {
  size_t n = ambi_expr_size(list);
  if (n) memcpy(to, ambi_expr_items(list), n * sizeof *to);
}

enum BuiltinStatus ambi_b_union_atom(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 2 || !ambi_is_expression(args[0]) || !ambi_is_expression(args[1]))
    return ambi_answer_no_expr(cx);
  size_t first = ambi_expr_size(args[0]), second = ambi_expr_size(args[1]);
  Value few[FEW], *all = few;
  size_t words = first + second, bytes = words * sizeof *all;
  if (words > FEW && !(all = ambi_alloc(bytes))) return ambi_answer_stop(cx);
  put_children(all, args[0]);
  put_children(all + first, args[1]);
  Value v = ambi_make_expr(cx, all, words);
  if (all != few) ambi_free(all, bytes);
  return ambi_answer(cx, out, v);
}

// Equal, and with integers where the other has integers: a float is no copy of
// an integer here, although the two compare equal.
static bool same_copy(Value a, Value b) {
  typedef struct Pair {
    Value a, b;
  } Pair;
  if (!ambi_equal(a, b)) return false;
  Work w;
  ambi_work_open(&w);
  bool same = true;
  for (Pair now = {a, b};;) {
    now = (Pair){ambi_deref(now.a), ambi_deref(now.b)};
    same = ambi_is_double(now.a) == ambi_is_double(now.b);
    for (uint32_t i = 0; same && i < ambi_expr_size(now.a); i++) {
      Pair *part = ambi_work_push(&w, sizeof *part);
      same = part != NULL;
      if (part) *part = (Pair){ambi_expr_at(now.a, i), ambi_expr_at(now.b, i)};
    }
    if (!same || w.used == 0) break;
    now = *(Pair *)ambi_work_top(&w, sizeof now);
    w.used -= sizeof now;
  }
  ambi_work_close(&w);
  return same;
}

// Children of the left list that find (or do not find) a copy of their own in
// the right one.
static enum BuiltinStatus pick(Context *cx, const Value *args, unsigned n,
                               bool wanted, Value *out) {
  if (n < 2 || !ambi_is_expression(args[0]) || !ambi_is_expression(args[1]))
    return ambi_answer_no_expr(cx);
  Table t;
  if (!table_open(&t, ambi_expr_size(args[1]), same_copy))
    return ambi_answer_stop(cx);
  ValueVec kept = {0};
  bool ok = table_add(cx, &t, args[1]);
  uint32_t size = ambi_expr_size(args[0]);
  for (uint32_t i = 0; i < size && ok; i++) {
    Value v = child(cx, args[0], i);
    ok = !ambi_is_none(v);
    Entry *e = ok ? table_find(cx, &t, v) : NULL;
    bool found = e && e->count > 0;
    if (found) e->count--;
    if (ok && found == wanted) ok = ambi_vec_push(&kept, v);
  }
  table_close(&t);
  return answer_vec(cx, out, ok, &kept);
}

enum BuiltinStatus ambi_b_intersection_atom(Context *cx, const Value *args,
                                            unsigned n, Value *out) {
  return pick(cx, args, n, true, out);
}

enum BuiltinStatus ambi_b_subtraction_atom(Context *cx, const Value *args,
                                           unsigned n, Value *out) {
  return pick(cx, args, n, false, out);
}

// ---- sorting ----------------------------------------------------------------

// An atom is compared as the row of its parts: the leaves, and where expressions
// begin and end. An end comes before everything, so a list before those that it
// begins; then numbers by value, other leaves by their text, expressions. Equal
// atoms keep their order.
enum PartKind { PART_END, PART_NUMBER, PART_TEXT, PART_BEGIN };

typedef struct Part {
  enum PartKind kind;
  Value number;
  size_t text, len;  // offset in the texts
} Part;

typedef struct SortKey {
  Value item;
  size_t first, count;  // its parts
  size_t place;
} SortKey;

typedef struct Sorting {
  SortKey *keys;
  size_t n;
  Part *parts;
  size_t nparts, parts_cap;
  Buffer texts;
} Sorting;

static int compare_numbers(Value a, Value b) {
  int c = ambi_num_cmp(a, b);
  if (c != 2) return c;  // else NaN comes first
  return (ambi_num_cmp(b, b) == 2) - (ambi_num_cmp(a, a) == 2);
}

static int compare_text(const char *a, size_t na, const char *b, size_t nb) {
  int c = memcmp(a, b, na < nb ? na : nb);
  return c ? c : (na > nb) - (na < nb);
}

static int compare_parts(const Sorting *s, const Part *a, const Part *b) {
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  if (a->kind == PART_NUMBER) return compare_numbers(a->number, b->number);
  if (a->kind != PART_TEXT) return 0;
  const char *text = s->texts.text;
  return compare_text(text + a->text, a->len, text + b->text, b->len);
}

static int compare_keys(const void *left, const void *right, void *sorting) {
  const SortKey *a = left, *b = right;
  const Sorting *s = sorting;
  // Rows that agree so far have the same depth, so they end together.
  for (size_t i = 0; i < a->count && i < b->count; i++) {
    int c = compare_parts(s, &s->parts[a->first + i], &s->parts[b->first + i]);
    if (c) return c;
  }
  return (a->place > b->place) - (a->place < b->place);
}

static bool add_part(Sorting *s, Part part) {
  if (s->nparts == s->parts_cap && !ambi_grow((void **)&s->parts, &s->parts_cap,
                                              s->nparts + 1, sizeof *s->parts))
    return false;
  s->parts[s->nparts++] = part;
  return true;
}

static bool add_leaf(Context *cx, Sorting *s, Value v) {
  if (ambi_is_number(v))
    return add_part(s, (Part){.kind = PART_NUMBER, .number = v});
  size_t start = s->texts.len;
  ambi_print(cx->rt, &s->texts, v, NULL);
  return !s->texts.failed && add_part(s, (Part){.kind = PART_TEXT,
                                                .text = start,
                                                .len = s->texts.len - start});
}

// The parts of one atom; AMB_NONE on the stack ends an expression.
static bool add_parts(Context *cx, Sorting *s, Value v) {
  ValueVec todo = {0};
  bool ok = ambi_vec_push(&todo, v);
  while (ok && todo.n) {
    v = todo.at[--todo.n];
    if (ambi_is_none(v)) {
      ok = add_part(s, (Part){.kind = PART_END});
      continue;
    }
    v = ambi_deref(v);
    if (!ambi_is_expression(v)) {
      ok = add_leaf(cx, s, v);
      continue;
    }
    ok = add_part(s, (Part){.kind = PART_BEGIN}) &&
         ambi_vec_push(&todo, AMB_NONE);
    for (uint32_t i = ambi_expr_size(v); ok && i-- > 0;)
      ok = ambi_vec_push(&todo, ambi_expr_at(v, i));
  }
  ambi_vec_drop(&todo);
  return ok;
}

static bool make_keys(Context *cx, Sorting *s, Value list) {
  for (size_t i = 0; i < s->n; i++) {
    SortKey *key = &s->keys[i];
    Value v = ambi_deref(ambi_expr_at(list, (uint32_t)i));
    *key = (SortKey){.item = v, .first = s->nparts, .place = i};
    if (!add_parts(cx, s, v)) return false;
    key->count = s->nparts - key->first;
  }
  return true;
}

enum BuiltinStatus ambi_b_sorted(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  Sorting s = {.n = ambi_expr_size(args[0])};
  if (s.n < 2) return ambi_answer(cx, out, args[0]);
  size_t bytes = s.n * sizeof *s.keys;
  s.keys = ambi_alloc(bytes);
  ValueVec sorted = {0};
  bool ok = s.keys && make_keys(cx, &s, args[0]);
  ok = ok && ambi_alloc_charge(bytes);  // the sort takes as much once more
  if (ok) {
    qsort_r(s.keys, s.n, sizeof *s.keys, compare_keys, &s);
    ambi_alloc_discharge(bytes);
  }
  for (size_t i = 0; i < s.n && ok; i++)
    ok = ambi_vec_push(&sorted, s.keys[i].item);
  ambi_buffer_drop(&s.texts);
  ambi_free(s.parts, s.parts_cap * sizeof *s.parts);
  ambi_free(s.keys, bytes);
  return answer_vec(cx, out, ok, &sorted);
}
