// Templates: copying in and out, names of variables, release of chunks; and
// the walks over heap terms.
#include "tests/unit/terms.h"

enum { DEEP = 1000000 };

// Every object of the stored term lies in one chunk of the store.
static void check_inside(const Template *t, Value v) {
  ck_assert(!ambi_is_var(v));
  if (ambi_is_expr(v) || ambi_is_big(v) || ambi_is_obj(v))
    ck_assert_ptr_eq(ambi_store_chunk_of(rt.store, ambi_ptr(v)),
                     ambi_store_chunk_of(rt.store, ambi_template_block(t)));
  if (!ambi_is_expr(v)) return;
  ck_assert(!ambi_has_eval(v));
  ck_assert_int_eq(ambi_hdr_kind(*ambi_ptr(v)), KIND_FLAT);
  for (uint32_t i = 0; i < ambi_expr_size(v); i++)
    check_inside(t, ambi_expr_at(v, i));
}

START_TEST(test_round_trip) {
  for (uint32_t i = 0; i < 8000; i++) {
    Scope s = {.vars_in_100 = i % 3 * 15};
    Value v = random_term(&s, 4);
    Template t = make(v);
    check_inside(&t, t.atom);
    bool ground;
    ck_assert(marks_right(t.atom, &ground));
    ck_assert_int_eq(ground, t.nvars == 0);
    if (ambi_is_expr(v)) ck_assert_int_eq(ground, ambi_is_ground_expr(t.atom));
    Value back = instance(&t, true);
    ck_assert(marks_right(back, &ground));
    Template again = make(back);
    ck_assert(t.flags == again.flags && t.nvars == again.nvars);
    if (!(t.flags & TMPL_HAS_FLOAT)) {
      ck_assert(plain_equal(v, back));
      ck_assert(ambi_template_equal(&t, &again));
    }
    ck_assert(ambi_is_ground_expr(t.atom) ? ambi_same(back, t.atom) : true);
    ambi_template_release(rt.store, &t);
    ambi_template_release(rt.store, &again);
  }
}
END_TEST

START_TEST(test_make_details) {
  Value x = var("x"), y = var("y");
  Value inner = ambi_mark_eval(E(sym("g"), x));
  Value view = ambi_make_tail(cx, E(sym("a"), sym("b"), y, x), 1);
  ck_assert(ambi_bind(cx, y, E(sym("k"), num(1))));
  Template t = make(E(sym("f"), inner, y, view, x));
  check_inside(&t, t.atom);
  ck_assert_uint_eq(t.nvars, 1);
  ck_assert(ambi_is_ground_expr(ambi_expr_at(t.atom, 2)));
  ck_assert(!ambi_is_ground_expr(t.atom));
  ck_assert(ambi_same(ambi_expr_at(t.atom, 4), ambi_lvar(0)));
  ck_assert(ambi_var_unbound(x));
  // Instances: a ground value makes its surroundings ground.
  Value env[] = {num(7)};
  Value v = ambi_instantiate(cx, &t, env, false);
  ck_assert(ambi_is_ground_expr(v) && ambi_is_ground_expr(ambi_expr_at(v, 1)));
  ck_assert_ptr_eq(ambi_ptr(ambi_expr_at(v, 2)),
                   ambi_ptr(ambi_expr_at(t.atom, 2)));
  Value part = ambi_instantiate_part(cx, ambi_expr_at(t.atom, 1), &t, env, 0);
  ck_assert(ambi_equal(part, E(sym("g"), num(7))));
  Value open[] = {AMB_NONE};
  v = ambi_instantiate(cx, &t, open, false);
  ck_assert(ambi_is_var(open[0]));
  ck_assert_uint_eq(ambi_vinfo_id(ambi_ptr(open[0])[1]), AMB_VAR_FRESH);
  ck_assert_uint_eq(ambi_vinfo_name(ambi_ptr(open[0])[1]), name("x"));
}
END_TEST

START_TEST(test_names) {
  Value a = var("x"), b = fresh("x"), c = fresh("x"), d = var("x");
  Value e = ambi_make_var(cx, name("x"), 2), f = fresh("y");
  Template t = make(E(b, a, c, d, e, f, b));
  static const uint32_t ids[] = {1, 0, 3, 4, 2, 1};
  ck_assert_uint_eq(t.nvars, 6);
  for (uint32_t i = 0; i < 6; i++)
    ck_assert_uint_eq(ambi_vinfo_id(t.vinfo[i]), ids[i]);
  // Very many of one name.
  enum { MANY = 20000 };
  static Value items[MANY];
  for (uint32_t i = 0; i < MANY; i++)
    items[i] = fresh("x");
  t = make(ambi_make_expr(cx, items, MANY));
  ck_assert_uint_eq(t.nvars, MANY);
  for (uint32_t i = 0; i < MANY; i++)
    ck_assert_uint_eq(ambi_vinfo_id(t.vinfo[i]), i + 1);
  // One variable alone has nothing but its name in the store.
  t = make(fresh("q"));
  ck_assert(ambi_is_lvar(t.atom) && ambi_template_block(&t) == t.vinfo);
  ambi_template_release(rt.store, &t);
}
END_TEST

START_TEST(test_bindings_object) {
  Value x = var("x");
  Word *p = ambi_heap_alloc(cx, 3);
  p[0] = ambi_header(KIND_BIND, 0, 2);
  p[1] = x.w;
  p[2] = E(sym("f"), x).w;
  Template t = make(E(sym("a"), ambi_tag_ptr(TAG_OBJ, p)));
  ck_assert_uint_eq(t.nvars, 1);
  Value v = instance(&t, true);
  ck_assert(ambi_is_bindings(ambi_expr_at(v, 1)));
  ck_assert(ambi_alpha_equal(v, E(sym("a"), ambi_tag_ptr(TAG_OBJ, p))));
  ValueVec vars = {0};
  ck_assert(ambi_collect_vars(cx, v, &vars) && vars.n == 1);
  ambi_vec_drop(&vars);
}
END_TEST

static Value big_list(uint32_t n) {
  Value *items = ambi_alloc(n * sizeof *items);
  for (uint32_t i = 0; i < n; i++)
    items[i] = E(num(i));
  Value v = ambi_make_expr(cx, items, n);
  ambi_free(items, n * sizeof *items);
  return v;
}

START_TEST(test_chunks) {
  size_t start = ambi_store_bytes(rt.store);
  enum { MANY = 30000 };
  static Template t[MANY];
  for (int round = 0; round < 5; round++) {
    for (uint32_t i = 0; i < MANY; i++)
      t[i] = make(E(sym("edge"), num(i), E(sym("n"), num(i), str("text"))));
    size_t full = ambi_store_bytes(rt.store);
    ck_assert_uint_gt(full, MANY * 10 * sizeof(Word));
    ck_assert_uint_lt(full, MANY * 10 * sizeof(Word) * 2 + start + (4u << 20));
    for (uint32_t i = 0; i < MANY; i++)
      ck_assert_int_eq(ambi_int_of(ambi_expr_at(t[i].atom, 1)), i);
    for (uint32_t i = 0; i < MANY; i++)
      ambi_template_release(rt.store, &t[i]);
    ck_assert_uint_eq(ambi_store_bytes(rt.store), full);
    ambi_store_quiesce(rt.store);
    ck_assert_uint_lt(ambi_store_bytes(rt.store), start + (3u << 20));
    ambi_context_reset(cx);
  }
}
END_TEST

// What is still pointed to when a collector looks is not freed under it.
START_TEST(test_reaping) {
  enum { N = 20000, EVERY = 4000 };
  static Template t[N];
  static Value kept[N];
  ck_assert(
      !ambi_store_watch(rt.store, false, false));  // nothing has been given up
  for (uint32_t i = 0; i < N; i++)
    t[i] = make(E(sym("old"), num(i), E(sym("part"), num(i), str("text"))));
  Value large = big_list(100000);
  Template l = make(large);
  Value inner = ambi_expr_at(l.atom, 99999);
  for (uint32_t i = 0; i < N; i++) {
    kept[i] = ambi_expr_at(t[i].atom, 2);
    ambi_template_release(rt.store, &t[i]);
  }
  ambi_template_release(rt.store, &l);
  size_t full = ambi_store_bytes(rt.store);
  ck_assert(ambi_store_watch(rt.store, false, false));
  for (uint32_t i = 0; i < N; i += EVERY)
    ambi_store_touch(rt.store, ambi_ptr(kept[i]));
  ambi_store_touch(rt.store, ambi_ptr(inner));
  ambi_store_touch(rt.store, &full);  // not of the store
  ambi_store_reap(rt.store);
  for (uint32_t i = 0; i < N; i += EVERY)
    ck_assert_int_eq(ambi_int_of(ambi_expr_at(kept[i], 1)), i);
  ck_assert_int_eq(ambi_int_of(ambi_expr_at(inner, 0)), 99999);
  ck_assert(
      ambi_store_watch(rt.store, false, false));  // they are still in the list
  ambi_store_reap(rt.store);
  ck_assert_uint_lt(ambi_store_bytes(rt.store), full / 2);
}
END_TEST

START_TEST(test_large) {
  enum { N = 50000, TERMS = 8 };
  static Value items[N];
  Template t[TERMS];
  for (uint32_t k = 0; k < TERMS; k++) {
    for (uint32_t i = 0; i < N; i++)
      items[i] = E(num(k), num(i));
    t[k] = make(ambi_make_expr(cx, items, N));
    make(E(sym("small"), num(k)));
  }
  const void *small = ambi_store_chunk_of(
      rt.store,
      ambi_template_block(&(Template){.atom = make(E(sym("a"))).atom}));
  for (uint32_t k = 0; k < TERMS; k++) {
    const void *chunk = ambi_store_chunk_of(rt.store, ambi_ptr(t[k].atom));
    ck_assert_ptr_ne(chunk, small);
    for (uint32_t i = 0; i < N; i += 999)
      ck_assert_ptr_eq(
          ambi_store_chunk_of(rt.store, ambi_ptr(ambi_expr_at(t[k].atom, i))),
          chunk);
  }
  size_t full = ambi_store_bytes(rt.store);
  for (uint32_t k = 0; k < TERMS; k += 2)
    ambi_template_release(rt.store, &t[k]);
  ambi_store_quiesce(rt.store);
  ck_assert_uint_lt(ambi_store_bytes(rt.store), full * 6 / 10);
  for (uint32_t k = 1; k < TERMS; k += 2)
    ck_assert_int_eq(
        ambi_int_of(ambi_expr_at(ambi_expr_at(t[k].atom, N - 1), 1)), N - 1);
}
END_TEST

START_TEST(test_discard) {
  Template keep = make(E(sym("keep")));
  Value v = E(sym("f"), var("x"), num(1));
  Template a = make(v);
  const Word *at = ambi_template_block(&a);
  ambi_template_discard(rt.store, &a);
  for (int i = 0; i < 100000; i++) {
    a = make(v);
    ck_assert_ptr_eq(ambi_template_block(&a), at);
    ambi_template_discard(rt.store, &a);
  }
  ck_assert(ambi_equal(keep.atom, E(sym("keep"))));
}
END_TEST

START_TEST(test_deep) {
  for (int last = 0; last <= 1; last++) {
    Value x = var("x");
    Value v = deep(DEEP, x, last);
    Template t = make(v);
    ck_assert_uint_eq(t.nvars, 1);
    Value back = instance(&t, false);
    ck_assert(ambi_alpha_equal(v, back));
    ck_assert(!ambi_equal(v, back));
    ValueVec vars = {0};
    ck_assert(ambi_collect_vars(cx, v, &vars) && vars.n == 1);
    ck_assert(ambi_same(vars.at[0], x));
    ambi_vec_drop(&vars);
    Value copy = ambi_copy_renamed(cx, v, NULL, NULL);
    ck_assert(ambi_alpha_equal(v, copy) && !ambi_equal(v, copy));
    ck_assert(ambi_same(ambi_resolve(cx, v), v));
    ck_assert(ambi_bind(cx, x, num(3)));
    Value done = ambi_resolve(cx, v);
    ck_assert(ambi_is_ground_expr(done));
    ck_assert(ambi_equal(done, v));
    ck_assert(ambi_hash(done) == ambi_hash(v));
    ambi_template_release(rt.store, &t);
    ambi_store_quiesce(rt.store);
    cx->tr = 0;
    ambi_context_reset(cx);
  }
}
END_TEST

static bool keep_x(Value v, void *arg) {
  return ambi_same(v, *(Value *)arg);
}

START_TEST(test_copy_and_resolve) {
  Value x = var("x"), y = var("y"), z = var("z");
  Value ground = E(sym("g"), num(1));
  Value v = E(sym("f"), x, y, E(x, y), ground, z);
  ck_assert(ambi_bind(cx, z, ground));
  Value c = ambi_copy_renamed(cx, v, keep_x, &x);
  ck_assert(ambi_same(ambi_expr_at(c, 1), x));
  ck_assert(!ambi_same(ambi_expr_at(c, 2), y));
  ck_assert(ambi_same(ambi_expr_at(ambi_expr_at(c, 3), 1), ambi_expr_at(c, 2)));
  ck_assert(ambi_same(ambi_expr_at(c, 4), ground));
  ck_assert(ambi_same(ambi_expr_at(c, 5), ground));
  ck_assert(ambi_var_unbound(x) && ambi_var_unbound(y));
  // Unchanged parts are shared and keep their mark, changed ones lose it.
  Value same = ambi_mark_eval(E(sym("h"), x));
  Value w = ambi_mark_eval(E(same, y));
  ck_assert(ambi_bind(cx, y, num(2)));
  Value r = ambi_resolve(cx, w);
  ck_assert(!ambi_has_eval(r) && ambi_same(ambi_expr_at(r, 0), same));
  ck_assert(ambi_same(ambi_expr_at(r, 1), num(2)));
  ck_assert(ambi_same(ambi_resolve(cx, same), same));
}
END_TEST

START_TEST(test_random_walks) {
  for (int i = 0; i < 8000; i++) {
    Scope s = {.vars_in_100 = 40};
    Value v = random_term(&s, 4);
    for (int k = 0; k < NVARS; k++) {
      Scope none = {.vars_in_100 = 0};
      if (s.vars[k].w && below(2))
        ck_assert(ambi_bind(cx, s.vars[k], random_term(&none, 2)));
    }
    bool ground;
    Value r = ambi_resolve(cx, v);
    ck_assert(marks_right(r, &ground));
    ValueVec vars = {0};
    ck_assert(ambi_collect_vars(cx, r, &vars));
    ck_assert_int_eq(ground, vars.n == 0);
    if (ambi_is_expr(r)) ck_assert_int_eq(ground, ambi_is_ground_expr(r));
    Value c = ambi_copy_renamed(cx, v, NULL, NULL);
    ck_assert(marks_right(c, &ground));
    ValueVec copies = {0};
    ck_assert(ambi_collect_vars(cx, c, &copies) && copies.n == vars.n);
    for (size_t k = 0; k < vars.n; k++) {
      ck_assert(ambi_var_unbound(vars.at[k]));
      ck_assert(!ambi_same(vars.at[k], copies.at[k]));
    }
    Template t = make(v), u = make(c);
    ck_assert_uint_eq(t.nvars, u.nvars);
    ambi_vec_drop(&vars);
    ambi_vec_drop(&copies);
    ambi_template_release(rt.store, &t);
    ambi_template_release(rt.store, &u);
  }
}
END_TEST

START_TEST(test_memory_out) {
  enum { N = 3000 };
  static Value items[N];
  for (uint32_t i = 0; i < N; i++)
    items[i] = E(var("x"), num(i));
  Value big = ambi_make_expr(cx, items, N);
  Value nested = deep(2000, E(big, var("y")), false);
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    ck_assert_uint_lt(n, 1000);
    Template t = {.atom = AMB_UNIT};
    ambi_alloc_fail_at(n);
    done = ambi_template_make(rt.store, nested, &t);
    ambi_alloc_fail_at(0);
    ck_assert(ambi_is_unit(t.atom) != done);
    ambi_template_release(rt.store, &t);
    ck_assert(ambi_var_unbound(ambi_expr_at(items[0], 0)));
  }
  done = false;
  for (uint64_t n = 1; !done; n++) {
    ambi_alloc_fail_at(n);
    done = !ambi_is_none(ambi_copy_renamed(cx, nested, NULL, NULL));
    ambi_alloc_fail_at(0);
    ck_assert_int_eq(cx->stop, done ? STOP_NONE : STOP_MEMORY);
    cx->stop = STOP_NONE;
    ck_assert(ambi_var_unbound(ambi_expr_at(items[N - 1], 0)));
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("store");
  tcase_add_checked_fixture(tc, terms_open, terms_close);
  tcase_add_test(tc, test_round_trip);
  tcase_add_test(tc, test_make_details);
  tcase_add_test(tc, test_names);
  tcase_add_test(tc, test_bindings_object);
  tcase_add_test(tc, test_chunks);
  tcase_add_test(tc, test_reaping);
  tcase_add_test(tc, test_large);
  tcase_add_test(tc, test_discard);
  tcase_add_test(tc, test_deep);
  tcase_add_test(tc, test_copy_and_resolve);
  tcase_add_test(tc, test_random_walks);
  tcase_add_test(tc, test_memory_out);
  return unit_run(tc, "store");
}
