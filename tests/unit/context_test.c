// Heap, trail and limits of a context; building expressions.
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/runtime.h"
#include "tests/unit/unit.h"

static Runtime rt;
static Context *cx;

static void open_context(void) {
  rt.symbols = ambi_symbols_open();
  cx = ambi_context_open(&rt);
}

static void close_context(void) {
  ambi_context_close(cx);
  ambi_symbols_close(rt.symbols);
}

static Value var(void) {
  return ambi_make_var(cx, AMB_S_X, AMB_VAR_FRESH);
}

static Value n(int64_t i) {
  return ambi_small_int(i);
}

// Header and word agree, and the mark is set iff all children say so.
static void check_expr(Value e, uint32_t size, bool ground) {
  ck_assert(ambi_is_expr(e));
  ck_assert_uint_eq(ambi_expr_size(e), size);
  ck_assert(ambi_is_ground_expr(e) == ground);
  ck_assert(((ambi_hdr_flags(*ambi_ptr(e)) & FLAG_GROUND) != 0) == ground);
}

START_TEST(expressions) {
  ck_assert(ambi_same(ambi_make_expr(cx, NULL, 0), AMB_UNIT));
  Value e = AMB_EXPR(cx, AMB_SYM(EQ), n(1), n(2));
  check_expr(e, 3, true);
  ck_assert(ambi_same(ambi_expr_at(e, 0), AMB_SYM(EQ)));
  ck_assert(ambi_same(ambi_expr_at(e, 2), n(2)));
  check_expr(AMB_EXPR(cx, e, AMB_UNIT, ambi_make_str(cx, "s", 1)), 3, true);
  Value open = AMB_EXPR(cx, n(1), var());
  check_expr(open, 2, false);
  check_expr(AMB_EXPR(cx, e, open), 2, false);
  check_expr(AMB_EXPR(cx, ambi_lvar(0)), 1, false);
  Word *bindings = ambi_heap_alloc(cx, 1);
  bindings[0] = ambi_header(KIND_BIND, 0, 0);
  check_expr(AMB_EXPR(cx, ambi_tag_ptr(TAG_OBJ, bindings)), 1, false);
}
END_TEST

START_TEST(children_are_dereferenced) {
  Value a = var(), b = var();
  ck_assert(ambi_bind(cx, a, b) && ambi_bind(cx, b, n(7)));
  Value e = AMB_EXPR(cx, a, b);
  check_expr(e, 2, true);
  ck_assert(ambi_same(ambi_expr_at(e, 0), n(7)));
  check_expr(ambi_make_cons(cx, a, e), 3, true);
}
END_TEST

START_TEST(evaluated_marks_of_children_stay) {
  Value child = ambi_mark_eval(AMB_EXPR(cx, n(1)));
  Value e = AMB_EXPR(cx, child, n(2));
  ck_assert(ambi_has_eval(ambi_expr_at(e, 0)));
  ck_assert(!ambi_has_eval(e));
  Value five = AMB_EXPR(cx, child, n(2), n(3), n(4), n(5));
  ck_assert(!ambi_has_eval(ambi_make_tail(cx, ambi_mark_eval(five), 1)));
  ck_assert(!ambi_has_eval(ambi_make_cons(cx, n(0), ambi_mark_eval(five))));
}
END_TEST

START_TEST(consing_is_cheap) {
  enum { N = 100000 };
  Value list = AMB_UNIT;
  Word *start = cx->h;
  for (int i = 0; i < N; i++)
    list = ambi_make_cons(cx, n(i), list);
  check_expr(list, N, true);
  size_t wrong = 0;
  for (uint32_t i = 0; i < N; i++)
    wrong += !ambi_same(ambi_expr_at(list, i), n(N - 1 - (int64_t)i));
  ck_assert_uint_eq(wrong, 0);
  ck_assert_int_lt(cx->h - start, 10 * N);
}
END_TEST

START_TEST(consing_leaves_the_tail_alone) {
  Value base = AMB_EXPR(cx, n(1), n(2), n(3), n(4));
  Value a = ambi_make_cons(cx, n(10), base);
  Value b = ambi_make_cons(cx, n(20), a);  // in the buffer of a
  Value c = ambi_make_cons(cx, n(30), a);  // the place is taken: a copy
  Value d = ambi_make_cons(cx, var(), b);  // open
  Value e = ambi_make_cons(cx, n(40), base);
  check_expr(base, 4, true);
  check_expr(a, 5, true);
  check_expr(b, 6, true);
  check_expr(c, 6, true);
  check_expr(d, 7, false);
  check_expr(e, 5, true);
  ck_assert(ambi_same(ambi_expr_at(a, 0), n(10)));
  ck_assert(ambi_same(ambi_expr_at(b, 0), n(20)));
  ck_assert(ambi_same(ambi_expr_at(b, 1), n(10)));
  ck_assert(ambi_same(ambi_expr_at(c, 0), n(30)));
  ck_assert(ambi_same(ambi_expr_at(c, 1), n(10)));
  ck_assert(ambi_same(ambi_expr_at(d, 1), n(20)));
  ck_assert(ambi_same(ambi_expr_at(e, 0), n(40)));
  ck_assert(ambi_same(ambi_expr_at(e, 4), n(4)));
}
END_TEST

START_TEST(consing_again_after_backtracking) {
  Value base = AMB_EXPR(cx, n(1), n(2), n(3), n(4));
  Value a = ambi_make_cons(cx, n(10), base);
  Word *top = cx->hb = cx->h;
  Value b = ambi_make_cons(cx, n(20), a);  // in the older buffer
  ck_assert_uint_eq(ambi_ptr(a)[1], ambi_ptr(b)[1]);
  cx->h = top;
  Value c = ambi_make_cons(cx, n(30), a);  // the place is taken: a copy
  check_expr(a, 5, true);
  check_expr(c, 6, true);
  ck_assert(ambi_same(ambi_expr_at(a, 0), n(10)));
  ck_assert(ambi_same(ambi_expr_at(c, 0), n(30)));
  ck_assert(ambi_same(ambi_expr_at(c, 1), n(10)));
}
END_TEST

START_TEST(tails) {
  Value x = var();
  Value e = AMB_EXPR(cx, n(0), n(1), x, n(3), n(4), n(5), n(6));
  check_expr(ambi_make_tail(cx, e, 0), 7, false);
  Value t = ambi_make_tail(cx, e, 2);
  check_expr(t, 5, false);
  ck_assert(ambi_same(ambi_expr_at(t, 0), x));
  t = ambi_make_tail(cx, t, 1);  // a view of a view, ground again
  check_expr(t, 4, true);
  ck_assert(ambi_same(ambi_expr_at(t, 0), n(3)));
  t = ambi_make_tail(cx, t, 1);  // short: a copy
  check_expr(t, 3, true);
  ck_assert_int_eq(ambi_hdr_kind(*ambi_ptr(t)), KIND_FLAT);
  ck_assert(ambi_same(ambi_make_tail(cx, e, 7), AMB_UNIT));
  ck_assert(ambi_same(ambi_make_tail(cx, e, 99), AMB_UNIT));
  ck_assert(ambi_same(ambi_make_tail(cx, AMB_UNIT, 1), AMB_UNIT));
  Value two = AMB_EXPR(cx, x, x, n(1), n(2), n(3), n(4), x);
  check_expr(ambi_make_tail(cx, two, 2), 5, false);
  check_expr(ambi_make_tail(cx, two, 6), 1, false);
}
END_TEST

START_TEST(tail_then_cons_does_not_damage) {
  Value e = AMB_UNIT;
  for (int i = 9; i >= 0; i--)
    e = ambi_make_cons(cx, n(i), e);
  Value t = ambi_make_tail(cx, e, 2);
  Value c = ambi_make_cons(cx, n(99), t);
  check_expr(c, 9, true);
  ck_assert(ambi_same(ambi_expr_at(c, 0), n(99)));
  for (uint32_t i = 0; i < 10; i++)
    ck_assert(ambi_same(ambi_expr_at(e, i), n(i)));
}
END_TEST

// Taking a list apart must not look at the whole rest each time, even when a
// variable at the very end keeps the rest from being ground: a trillion looks, and no
// end before the test is ended.
START_TEST(taking_apart_is_linear) {
  enum { N = 1500000 };
  Value list = AMB_EXPR(cx, var());
  for (int i = 0; i < N; i++)
    list = ambi_make_cons(cx, n(i), list);
  uint32_t count = 0, wrong = 0;
  while (!ambi_is_unit(list)) {
    list = ambi_make_tail(cx, list, 1);
    wrong += ambi_is_expr(list) && ambi_is_ground_expr(list);
    count++;
  }
  ck_assert_uint_eq(wrong, 0);
  ck_assert_uint_eq(count, N + 1);
}
END_TEST

START_TEST(strings_and_symbols) {
  char text[40];
  memset(text, 'a', sizeof text);
  for (size_t len = 0; len <= 33; len++) {
    Word *top = cx->h;
    Value s = ambi_make_str(cx, text, len);
    ck_assert(ambi_is_str(s));
    ck_assert_uint_eq(ambi_str_len(s), len);
    ck_assert_mem_eq(ambi_str_bytes(s), text, len);
    ck_assert_int_eq(ambi_str_bytes(s)[len], 0);
    ck_assert_uint_eq((size_t)(cx->h - top), ambi_object_words(*ambi_ptr(s)));
  }
  ck_assert(ambi_same(ambi_make_sym(cx, "Error", 5), AMB_SYM(ERROR)));
  Value e = ambi_make_error_text(cx, n(1), "went wrong");
  check_expr(e, 3, true);
  ck_assert(ambi_same(ambi_expr_at(e, 0), AMB_SYM(ERROR)));
  ck_assert_str_eq(
      ambi_symbol(rt.symbols, ambi_sym_of(ambi_expr_at(e, 2)))->text,
      "went wrong");
}
END_TEST

START_TEST(trail_undoes_bindings) {
  enum { N = 500000 };  // grows the trail more than once
  Value first = var();
  ck_assert(ambi_bind(cx, first, n(1)));
  size_t mark = cx->tr;
  Value v[3];
  for (int i = 0; i < N; i++) {
    v[i % 3] = var();
    if (!ambi_bind(cx, v[i % 3], n(i))) ck_abort_msg("the trail is full");
  }
  ck_assert_uint_eq(cx->tr, mark + N);
  ambi_trail_undo(cx, mark);
  ck_assert(ambi_var_unbound(v[0]));
  ck_assert(ambi_same(ambi_deref(first), n(1)));
  ambi_trail_undo(cx, 0);
  ck_assert(ambi_var_unbound(first));
  cx->hb = cx->hbase;  // every cell is newer than the choice: nothing to undo
  ck_assert(ambi_bind(cx, first, n(2)));
  ck_assert_uint_eq(cx->tr, 0);
}
END_TEST

START_TEST(reset_gives_memory_back) {
  size_t before = ambi_alloc_bytes();
  for (int i = 0; i < 20; i++) {
    Word *p = ambi_heap_alloc(cx, 1 << 20);
    ck_assert_ptr_nonnull(p);
    p[0] = p[(1 << 20) - 1] = 1;
  }
  ck_assert_uint_ge(ambi_alloc_bytes() - before, 150 << 20);
  ambi_vec_push(&cx->many, n(1));
  ambi_context_reset(cx);
  ck_assert_ptr_eq(cx->h, cx->hbase);
  ck_assert_uint_eq(cx->many.n, 0);
  ck_assert_uint_le(ambi_alloc_bytes() - before, 8 << 20);
  Word *p = ambi_heap_alloc(cx, 2 << 20);
  ck_assert_ptr_nonnull(p);
  p[(2 << 20) - 1] = 1;
}
END_TEST

START_TEST(heap_obeys_the_memory_limit) {
  cx->limits.memory = ambi_alloc_bytes() + (32 << 20);
  size_t words = 0;
  while (ambi_heap_alloc(cx, 1000))
    words += 1000;
  ck_assert_int_eq(cx->stop, STOP_MEMORY);
  ck_assert_uint_ge(words * 8, 30 << 20);
  ck_assert_uint_le(ambi_alloc_bytes(), cx->limits.memory);
  ck_assert(ambi_is_none(ambi_make_expr(cx, (Value[1001]){0}, 1001)));
  ck_assert_ptr_null(ambi_heap_more(cx, SIZE_MAX / 8));
  ck_assert_ptr_null(ambi_heap_more(cx, SIZE_MAX));
}
END_TEST

START_TEST(limits_stop_a_form) {
  rt.limits = (Limits){.steps = 100, .query_seconds = 1000};
  ambi_limits_begin(cx);
  ck_assert(ambi_limits_poll(cx));
  cx->limits.steps_used = 100;
  ck_assert(ambi_limits_poll(cx));
  cx->limits.steps_used = 101;
  ck_assert(!ambi_limits_poll(cx));
  ck_assert_int_eq(cx->stop, STOP_STEPS);
  cx->limits.steps_used = 0;
  ck_assert(!ambi_limits_poll(cx));  // sticky
  char text[80];
  ambi_stop_text(cx, text, sizeof text);
  ck_assert_str_eq(text, "the limit of 100 steps");

  rt.limits = (Limits){.query_seconds = 1e-9};
  ambi_limits_begin(cx);
  ck_assert_int_eq(cx->stop, STOP_NONE);
  ck_assert(!ambi_limits_poll(cx));
  ck_assert_int_eq(cx->stop, STOP_TIME);

  rt.limits = (Limits){.run_deadline = ambi_monotonic_seconds()};
  ambi_limits_begin(cx);
  ck_assert(!ambi_limits_poll(cx));
  ck_assert_int_eq(cx->stop, STOP_RUN_TIME);

  rt.limits = (Limits){.memory = 1 << 10};
  ambi_limits_begin(cx);
  ck_assert(!ambi_limits_poll(cx));
  ck_assert_int_eq(cx->stop, STOP_MEMORY);
  ambi_stop_text(cx, text, sizeof text);
  ck_assert_str_eq(text, "the memory limit of 1 KiB");

  rt.limits = (Limits){0};
  ambi_store_release(&rt.x_cancel, 1);
  ambi_limits_begin(cx);
  ck_assert(!ambi_limits_poll(cx));
  ck_assert_int_eq(cx->stop, STOP_CANCEL);
  ambi_store_release(&rt.x_cancel, 0);
  ambi_limits_begin(cx);
  ck_assert(ambi_limits_poll(cx));
}
END_TEST

START_TEST(messages_of_any_length) {
  char longer[3000];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  ambi_set_message(cx, "%s", longer);
  ck_assert_str_eq(cx->message, longer);
  ambi_set_message(cx, "%d", 5);
  ck_assert_str_eq(cx->message, "5");
  ambi_set_message(cx, "%s and %s", cx->message, cx->message);
  ck_assert_str_eq(cx->message, "5 and 5");
  ambi_alloc_fail_at(1);
  ambi_set_message(cx, "y%s", longer);
  ck_assert_int_eq(cx->message[0], 'y');
  ck_assert_uint_gt(strlen(cx->message), 100);
}
END_TEST

START_TEST(opening_survives_failed_allocations) {
  size_t before = ambi_alloc_bytes();
  int failures = 0;
  for (uint64_t i = 1; i < 100; i++) {
    ambi_alloc_fail_at(i);
    Context *other = ambi_context_open(&rt);
    ambi_alloc_fail_at(0);
    failures += other == NULL;
    ambi_context_close(other);
    ck_assert_uint_eq(ambi_alloc_bytes(), before);
  }
  ck_assert_int_ge(failures, 4);
}
END_TEST

START_TEST(building_reports_out_of_memory) {
  Value base = AMB_EXPR(cx, n(1), n(2), n(3), n(4));
  Value list = ambi_make_cons(cx, n(0), base);
  Word saved = ambi_ptr(AMB_V(ambi_ptr(list)[1]))[1];
  cx->limits.memory = 1;
  cx->hend = cx->h;
  ck_assert(ambi_is_none(AMB_EXPR(cx, n(1))));
  ck_assert_int_eq(cx->stop, STOP_MEMORY);
  ck_assert(ambi_is_none(ambi_make_cons(cx, n(1), list)));
  ck_assert_uint_eq(ambi_ptr(AMB_V(ambi_ptr(list)[1]))[1], saved);
  ck_assert(ambi_is_none(ambi_make_cons(cx, n(1), base)));
  ck_assert(ambi_is_none(ambi_make_cons(cx, n(1), AMB_UNIT)));
  ck_assert(ambi_is_none(ambi_make_tail(cx, list, 1)));
  ck_assert(ambi_is_none(ambi_make_str(cx, "abc", 3)));
  ck_assert(ambi_is_none(var()));
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("context");
  tcase_add_checked_fixture(tc, open_context, close_context);
  tcase_add_test(tc, expressions);
  tcase_add_test(tc, children_are_dereferenced);
  tcase_add_test(tc, evaluated_marks_of_children_stay);
  tcase_add_test(tc, consing_is_cheap);
  tcase_add_test(tc, consing_leaves_the_tail_alone);
  tcase_add_test(tc, consing_again_after_backtracking);
  tcase_add_test(tc, tails);
  tcase_add_test(tc, tail_then_cons_does_not_damage);
  tcase_add_test(tc, taking_apart_is_linear);
  tcase_add_test(tc, strings_and_symbols);
  tcase_add_test(tc, trail_undoes_bindings);
  tcase_add_test(tc, reset_gives_memory_back);
  tcase_add_test(tc, heap_obeys_the_memory_limit);
  tcase_add_test(tc, limits_stop_a_form);
  tcase_add_test(tc, messages_of_any_length);
  tcase_add_test(tc, opening_survives_failed_allocations);
  tcase_add_test(tc, building_reports_out_of_memory);
  return unit_run(tc, "context");
}
