// Building terms by hand and at random, for the tests of store, match, space.
#ifndef AMBIT_TESTS_TERMS_H
#define AMBIT_TESTS_TERMS_H

#include <string.h>

#include "memory/alloc.h"
#include "runtime/cells.h"
#include "tests/unit/unit.h"

static Runtime rt;
static Context *cx;

static void terms_open(void) {
  rt.symbols = ambi_symbols_open();
  rt.store = ambi_store_open();
  cx = ambi_context_open(&rt);
  ck_assert(rt.symbols && rt.store && cx);
}

static void terms_close(void) {
  ambi_context_close(cx);
  ambi_cells_close(&rt);
  ambi_store_close(rt.store);
  ambi_symbols_close(rt.symbols);
  rt = (Runtime){0};
}

static inline uint32_t name(const char *text) {
  uint32_t id;
  ck_assert(ambi_symbol_intern(rt.symbols, text, strlen(text), &id));
  return id;
}
static inline Value sym(const char *text) {
  return AMB_SYM_ID(name(text));
}
static inline Value num(int64_t i) {
  return ambi_num_from_int64(cx, i);
}
static inline Value str(const char *text) {
  return ambi_make_str(cx, text, strlen(text));
}
static inline Value var(const char *text) {
  return ambi_make_var(cx, name(text), AMB_VAR_AS_WRITTEN);
}
static inline Value fresh(const char *text) {
  return ambi_make_var(cx, name(text), AMB_VAR_FRESH);
}
#define E(...) AMB_EXPR(cx, __VA_ARGS__)

static inline Value state(Value content) {
  State *s = ambi_state_open(&rt, content, AMB_UNIT);
  ck_assert(s);
  return ambi_tag_ptr(TAG_CELL, s);
}

static inline Template make(Value v) {
  Template t;
  ck_assert(ambi_template_make(rt.store, v, &t));
  return t;
}

static inline Value instance(const Template *t, bool as_written) {
  size_t n = t->nvars + 1;
  Value *env = ambi_alloc(n * sizeof *env);
  ck_assert(env);
  for (size_t i = 0; i < n; i++)
    env[i] = AMB_NONE;
  Value v = ambi_instantiate(cx, t, env, as_written);
  ambi_free(env, n * sizeof *env);
  ck_assert(!ambi_is_none(v));
  return v;
}

// (f (f ... (f leaf) ..)), nested in the first or in the last child.
static inline Value deep(size_t depth, Value leaf, bool last) {
  Value f = sym("f"), v = leaf;
  for (size_t i = 0; i < depth; i++) {
    v = last ? E(f, v) : E(v, f);
    ck_assert(!ambi_is_none(v));
  }
  return v;
}

// ---- random terms ---------------------------------------------------------------
static uint64_t random_state = 1;

static inline uint32_t below(uint32_t n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % n;
}

enum { NVARS = 4 };
typedef struct Scope {  // the variables of one atom
  Value vars[NVARS];
  uint32_t vars_in_100;
} Scope;

static inline Value random_var(Scope *s) {
  static const char *const names[NVARS] = {"x", "y", "z", "w"};
  uint32_t i = below(NVARS);
  if (s->vars[i].w == 0) s->vars[i] = var(names[i]);
  return s->vars[i];
}

static inline Value random_leaf(Scope *s) {
  static const char *const names[] = {"a", "b", "c", "=", ":", "foo"};
  if (below(100) < s->vars_in_100) return random_var(s);
  switch (below(20)) {
  case 0: return AMB_UNIT;
  case 1: return ambi_bool(below(2));
  case 2: return ambi_double(1 + below(3) * 0.5);
  case 3: return str(names[below(3)]);
  case 4: return AMB_OP_ID(below(2));
  case 5: return num((int64_t)1 << (40 + below(14)));
  case 6: return ambi_double((double)((int64_t)1 << (40 + below(14))));
  case 7: return ambi_double(below(2) ? -0.0 : 0.0);
  case 8: return below(4) ? sym("a") : AMB_V(AMB_CANONICAL_NAN);
  case 9:
  case 10:
  case 11:
  case 12: return num(below(4));
  default: return sym(names[below(6)]);
  }
}

static inline Value random_term(Scope *s, uint32_t depth) {
  if (depth == 0 || below(100) < 35) return random_leaf(s);
  Value items[4];
  uint32_t n = 1 + below(4);
  for (uint32_t i = 0; i < n; i++)
    items[i] = random_term(s, depth - 1);
  return ambi_make_expr(cx, items, n);
}

// ---- the plain way: recursion, linear search ---------------------------------------
// Literal equality: variables by name.
static inline bool plain_equal(Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (ambi_is_var(a) && ambi_is_var(b)) return ambi_ptr(a)[1] == ambi_ptr(b)[1];
  if (ambi_is_var(a) || ambi_is_var(b)) return false;
  if (ambi_is_number(a)) return ambi_is_number(b) && ambi_num_cmp(a, b) == 0;
  if (ambi_is_str(a))
    return ambi_is_str(b) && ambi_str_len(a) == ambi_str_len(b) &&
           !memcmp(ambi_str_bytes(a), ambi_str_bytes(b), ambi_str_len(a));
  if (!ambi_is_expr(a)) return ambi_same(a, b);
  if (!ambi_is_expr(b) || ambi_expr_size(a) != ambi_expr_size(b)) return false;
  for (uint32_t i = 0; i < ambi_expr_size(a); i++)
    if (!plain_equal(ambi_expr_at(a, i), ambi_expr_at(b, i))) return false;
  return true;
}

static inline bool plain_occurs(Value v, Value in) {
  in = ambi_deref(in);
  if (ambi_is_var(in)) return ambi_same(v, in);
  for (uint32_t i = 0; i < ambi_expr_size(in); i++)
    if (plain_occurs(v, ambi_expr_at(in, i))) return true;
  return false;
}

static inline bool plain_unify(Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (ambi_is_var(b) && !ambi_is_var(a)) {
    Value swap = a;
    a = b;
    b = swap;
  }
  if (ambi_is_var(a)) {
    if (ambi_same(a, b)) return true;
    return !plain_occurs(a, b) && ambi_bind(cx, a, b);
  }
  if (!ambi_is_expr(a)) return plain_equal(a, b);
  if (!ambi_is_expr(b) || ambi_expr_size(a) != ambi_expr_size(b)) return false;
  for (uint32_t i = 0; i < ambi_expr_size(a); i++)
    if (!plain_unify(ambi_expr_at(a, i), ambi_expr_at(b, i))) return false;
  return true;
}

// Do the ground marks of words and headers tell the truth?
static inline bool marks_right(Value v, bool *ground) {
  v = ambi_deref(v);
  *ground = !ambi_is_var(v) && !ambi_is_lvar(v);
  if (!ambi_is_expr(v)) return true;
  for (uint32_t i = 0; i < ambi_expr_size(v); i++) {
    bool one;
    if (!marks_right(ambi_expr_at(v, i), &one)) return false;
    *ground &= one;
  }
  bool flag = (ambi_hdr_flags(*ambi_ptr(v)) & FLAG_GROUND) != 0;
  return flag == ambi_is_ground_expr(v) && (!flag || *ground);
}

#endif
