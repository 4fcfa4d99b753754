// Equality, unification and one-way matching against plain recursive versions,
// and on terms too deep for recursion.
#include "tests/unit/terms.h"

enum { DEEP = 1000000 };

START_TEST(test_equality) {
  Value nan = AMB_V(AMB_CANONICAL_NAN);
  Value x = var("x"), y = var("y");
  ck_assert(ambi_equal(num(1), ambi_double(1.0)));
  ck_assert(ambi_equal(ambi_double(0.0), ambi_double(-0.0)));
  ck_assert(!ambi_equal(num(1), ambi_double(1.5)));
  ck_assert(!ambi_equal(nan, nan));
  Value with_nan = E(sym("f"), nan);
  ck_assert(!ambi_equal(with_nan, with_nan));
  ck_assert(ambi_equal(num(INT64_MAX), num(INT64_MAX)));
  ck_assert(ambi_equal(num((int64_t)1 << 60), ambi_double(0x1p60)));
  ck_assert(!ambi_equal(num(INT64_MAX), num(INT64_MAX - 1)));
  ck_assert(ambi_equal(str("long enough text"), str("long enough text")));
  ck_assert(!ambi_equal(str("a"), sym("a")));
  ck_assert(ambi_equal(x, x) && !ambi_equal(x, y));
  ck_assert(!ambi_equal(E(x), AMB_UNIT) && !ambi_equal(AMB_UNIT, E(x)));
  ck_assert(ambi_equal(ambi_mark_eval(E(x, num(1))), E(x, ambi_double(1))));
  ck_assert(!ambi_equal(E(x, x), E(x, x, x)));
  ck_assert(ambi_bind(cx, y, x) && ambi_equal(E(y), E(x)));
  Value a[] = {x, num(1), str("s")};
  ck_assert(ambi_equal(ambi_make_tail(cx, E(sym("h"), x, num(1), str("s")), 1),
                       ambi_make_expr(cx, a, 3)));
}
END_TEST

START_TEST(test_states) {
  Value one = state(num(1)), uno = state(ambi_double(1)), two = state(num(2));
  ck_assert(ambi_equal(one, uno) && !ambi_equal(one, two));
  ck_assert(ambi_equal(E(one, sym("a")), E(uno, sym("a"))));
  ck_assert(!ambi_equal(E(one, sym("a")), E(uno, sym("b"))));
  ck_assert(ambi_hash(E(one)) == ambi_hash(E(uno)));
  ck_assert(ambi_equal(state(E(one, two)), state(E(uno, two))));
  ck_assert(!ambi_equal(state(E(one, two)), state(E(two, one))));
  ck_assert(
      ambi_equal(state(E(sym("f"), var("x"))), state(E(sym("f"), var("x")))));
  ck_assert(
      !ambi_equal(state(E(sym("f"), var("x"))), state(E(sym("f"), var("y")))));
  ck_assert(ambi_unify(cx, E(one), E(uno)) && !ambi_unify(cx, one, two));
  // A state inside itself.
  Value s = state(num(1)), t = state(num(1));
  ck_assert(ambi_state_change(&rt, ambi_state_of(s), E(sym("f"), t)));
  ck_assert(ambi_state_change(&rt, ambi_state_of(t), E(sym("f"), s)));
  ck_assert(ambi_equal(s, s));
  ck_assert(!ambi_equal(s, t));
  // A NaN, by itself and inside, and what becomes of it.
  Value nan = ambi_double(__builtin_nan(""));
  for (int nested = 0; nested < 2; nested++) {
    ck_assert(ambi_state_change(&rt, ambi_state_of(s),
                                nested ? E(sym("f"), nan) : nan));
    ck_assert(!ambi_equal(s, s) && !ambi_equal(E(s), E(s)));
    ck_assert(ambi_state_change(&rt, ambi_state_of(s), E(nan, t)));
    ck_assert(ambi_equal(s, s));
    ck_assert(ambi_state_change(&rt, ambi_state_of(s), E(ambi_double(1.5))));
    ck_assert(ambi_equal(s, s) && ambi_equal(s, state(E(ambi_double(1.5)))));
  }
}
END_TEST

START_TEST(test_alpha) {
  Value x = var("x"), y = var("y"), z = var("z");
  ck_assert(ambi_alpha_equal(E(x, y, x), E(y, z, y)));
  ck_assert(ambi_alpha_equal(E(x, y), E(y, x)));
  ck_assert(!ambi_alpha_equal(E(x, y), E(z, z)));
  ck_assert(!ambi_alpha_equal(E(z, z), E(x, y)));
  ck_assert(!ambi_alpha_equal(E(x), E(num(1))));
  ck_assert(!ambi_alpha_equal(E(num(1)), E(x)));
  ck_assert(ambi_alpha_equal(E(x, E(y, num(1))), E(x, E(z, ambi_double(1)))));
  ck_assert(ambi_var_unbound(x) && ambi_var_unbound(y) && ambi_var_unbound(z));
  ck_assert(ambi_bind(cx, z, num(4)));
  ck_assert(ambi_alpha_equal(E(x, z), E(y, num(4))));
}
END_TEST

START_TEST(test_names_kept) {
  Value x = var("x"), y = var("y"), f = fresh("f"), g = fresh("g");
  ck_assert(ambi_unify(cx, x, f) && ambi_same(ambi_deref(f), x));
  ck_assert(ambi_unify(cx, g, y) && ambi_same(ambi_deref(g), y));
  ck_assert(ambi_unify(cx, y, x) && ambi_same(ambi_deref(x), y));
  ck_assert(!ambi_unify(cx, y, E(x)));
  Value q = var("q");
  Value v = var("v");
  Template t = make(E(v, v, E(sym("k"), var("u"))));
  Value env[] = {AMB_NONE, AMB_NONE};
  ck_assert(
      ambi_unify_template(cx, E(q, fresh("h"), var("r")), t.atom, &t, env));
  ck_assert(ambi_same(ambi_deref(env[0]), q));
  ck_assert(ambi_is_var(env[1]));
}
END_TEST

START_TEST(test_occurs_in_template) {
  // ($x $x) with ($y ($y)), and through a variable of the query.
  Value x = var("x"), y = var("y"), z = var("z");
  Template t = make(E(x, x));
  Value env[] = {AMB_NONE};
  ck_assert(!ambi_unify_template(cx, E(y, E(y)), t.atom, &t, env));
  Template u = make(E(x, E(sym("f"), x)));
  size_t mark = cx->tr;
  env[0] = AMB_NONE;
  ck_assert(!ambi_unify_template(cx, E(z, z), u.atom, &u, env));
  ambi_trail_undo(cx, mark);
  env[0] = AMB_NONE;
  ck_assert(ambi_unify_template(cx, E(num(1), z), u.atom, &u, env));
  ck_assert(ambi_equal(z, E(sym("f"), num(1))));
}
END_TEST

// The outcome of a unification: the pair of terms, resolved.
static Value outcome(Value a, Value b) {
  return ambi_resolve(cx, E(a, b));
}

START_TEST(test_unify_random) {
  for (uint32_t i = 0; i < 20000; i++) {
    Scope s = {.vars_in_100 = 25 + i % 40};
    Value a = random_term(&s, 3), b = random_term(&s, 3);
    if (below(3) == 0) b = ambi_copy_renamed(cx, a, NULL, NULL);
    // Shared terms unify even with a NaN inside.
    if (!ambi_equal(a, a) || !ambi_equal(b, b)) continue;
    size_t mark = cx->tr;
    bool expected = plain_unify(a, b);
    Value want = expected ? outcome(a, b) : AMB_UNIT;
    ambi_trail_undo(cx, mark);
    ck_assert_int_eq(ambi_unify(cx, a, b), expected);
    if (expected) ck_assert(ambi_alpha_equal(want, outcome(a, b)));
    ambi_trail_undo(cx, mark);
    if (i % 1000 == 0) ambi_context_reset(cx);
  }
}
END_TEST

START_TEST(test_template_random) {
  for (uint32_t i = 0; i < 20000; i++) {
    Scope s = {.vars_in_100 = i % 50}, own = {.vars_in_100 = 10 + i % 40};
    Value a = random_term(&s, 3), b = random_term(&own, 3);
    if (below(3) == 0) {
      Value c = ambi_copy_renamed(cx, a, NULL, NULL);
      if (!plain_unify(c, b)) cx->tr = 0;
    }
    Template t = make(b);
    Value copy = instance(&t, false);
    Value env[NVARS * 2];
    for (uint32_t k = 0; k < NVARS * 2; k++)
      env[k] = AMB_NONE;
    if (t.nvars > NVARS * 2) continue;
    size_t mark = cx->tr;
    bool expected = plain_unify(a, copy);
    Value want = expected ? ambi_resolve(cx, a) : AMB_UNIT;
    ambi_trail_undo(cx, mark);
    int one_way = ambi_match_template(cx, a, t.atom, &t, env);
    ck_assert(cx->tr == mark);
    if (expected) ck_assert_int_ne(one_way, 0);
    if (one_way == 1) {
      ck_assert(expected);
      Value back = ambi_instantiate(cx, &t, env, false);
      ck_assert(ambi_equal(a, back) || !ambi_equal(a, a));
    }
    if (one_way == 0) ck_assert(!expected);
    if (ambi_is_expr(a) && ambi_is_ground_expr(a)) {
      ck_assert_int_ge(one_way, 0);
      ck_assert(one_way == expected || !ambi_equal(a, a));
    }
    for (uint32_t k = 0; k < NVARS * 2; k++)
      env[k] = AMB_NONE;
    ck_assert_int_eq(ambi_unify_template(cx, a, t.atom, &t, env), expected);
    if (expected)
      ck_assert(ambi_alpha_equal(want, ambi_resolve(cx, a)) ||
                !ambi_equal(want, want));
    ambi_trail_undo(cx, mark);
    ambi_template_release(rt.store, &t);
    if (i % 1000 == 0) {
      ambi_context_reset(cx);
      ambi_store_quiesce(rt.store);
    }
  }
}
END_TEST

START_TEST(test_equal_random) {
  for (uint32_t i = 0; i < 20000; i++) {
    Scope s = {.vars_in_100 = 15};
    Value a = random_term(&s, 2), b = random_term(&s, 2);
    bool expected = plain_equal(a, b);
    ck_assert_int_eq(ambi_equal(a, b), expected);
    if (expected) ck_assert(ambi_hash(a) == ambi_hash(b));
    Template t = make(a), u = make(b);
    ck_assert_int_eq(ambi_template_equal(&t, &u), expected);
    ambi_template_release(rt.store, &t);
    ambi_template_release(rt.store, &u);
  }
}
END_TEST

START_TEST(test_deep) {
  for (int last = 0; last <= 1; last++) {
    Value x = var("x"), y = var("y");
    Value a = deep(DEEP, x, last), b = deep(DEEP, num(1), last);
    Value c = deep(DEEP, E(y), last);
    ck_assert(ambi_unify(cx, a, b) && ambi_same(ambi_deref(x), num(1)));
    ck_assert(ambi_equal(a, b) && ambi_hash(a) == ambi_hash(b));
    ambi_trail_undo(cx, 0);
    ck_assert(!ambi_unify(cx, x, a));
    ck_assert(ambi_unify(cx, a, c));
    ck_assert(!ambi_unify(cx, y, a));
    ambi_trail_undo(cx, 0);
    Template t = make(a);
    Value env[] = {AMB_NONE};
    ck_assert_int_eq(ambi_match_template(cx, b, t.atom, &t, env), 1);
    ck_assert(ambi_same(env[0], num(1)));
    ck_assert(ambi_unify_template(cx, b, t.atom, &t, env));
    ambi_template_release(rt.store, &t);
    ambi_store_quiesce(rt.store);
    ambi_context_reset(cx);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("match");
  tcase_add_checked_fixture(tc, terms_open, terms_close);
  tcase_add_test(tc, test_equality);
  tcase_add_test(tc, test_states);
  tcase_add_test(tc, test_alpha);
  tcase_add_test(tc, test_names_kept);
  tcase_add_test(tc, test_occurs_in_template);
  tcase_add_test(tc, test_unify_random);
  tcase_add_test(tc, test_template_random);
  tcase_add_test(tc, test_equal_random);
  tcase_add_test(tc, test_deep);
  return unit_run(tc, "match");
}
