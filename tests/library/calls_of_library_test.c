// The calls in which something failed, as an embedding program is told of them: for Errors
// among the answers of queries and the results of scripts, and for what a limit stopped.
#include "tests/library/library.h"

static const char program[] =
    "(= (area $w $h) (* $w $h))\n"
    "(= (house $n) (+ $n (area $n \"two\")))\n"
    "(= (street $n) (let $h (house $n) (+ $h $n)))\n"
    "(= (own $n) (Error (own $n) Mine))\n"
    "(= (loop $n) (+ 1 (loop (+ $n 1))))\n"
    "(= (ask) (+ 1 (house 4)))\n"
    "(= (places) (house 1)) (= (places) (street 2))\n";

static void open_with_program(void) {
  open_one();
  ck_assert_int_eq(run(program), AMBIT_OK);
}

static ambit_query *first_answer(const char *text, ambit_term *t) {
  ambit_query *q = ask(text);
  ck_assert_int_eq(ambit_next(q, t), AMBIT_OK);
  return q;
}

START_TEST(calls_of_an_error_are_known) {
  ambit_term t;
  ambit_query *q = first_answer("(street 3)", &t);
  ck_assert(ambit_is_error(t));
  ck_assert_str_eq(ambit_calls(a, t), "(house 3)\n(street 3)\n");
  ck_assert_str_eq(ambit_calls(a, ambit_none()), "");
  ambit_query_close(q);
}
END_TEST

// Both are Errors of the same function; each has its own calls.
START_TEST(errors_are_told_apart) {
  ambit_term t;
  ambit_query *q = first_answer("(places)", &t);
  ck_assert_str_eq(ambit_calls(a, t), "(house 1)\n(places)\n");
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
  ck_assert_str_eq(ambit_calls(a, t), "(house 2)\n(street 2)\n");
  ambit_query_close(q);
}
END_TEST

START_TEST(what_is_no_error_has_no_calls) {
  ambit_term t;
  ambit_query *q = first_answer("(own 1)", &t);
  ck_assert(ambit_is_error(t));
  ck_assert_str_eq(ambit_calls(a, t), "");  // the program made it
  ambit_query_close(q);
  q = first_answer("(area 2 3)", &t);
  ck_assert_str_eq(ambit_calls(a, t), "");
  ambit_heap *h = ambit_query_heap(q);
  ck_assert_str_eq(ambit_calls(a, ambit_parse(h, "(Error)", 7)), "");
  ck_assert_str_eq(ambit_calls(a, ambit_parse(h, "(Error a b)", 11)), "");
  ambit_query_close(q);
}
END_TEST

START_TEST(calls_that_a_limit_stopped) {
  ambit_term t;
  ambit_set_limits(a, &(ambit_limits){.depth = 100});
  ambit_query *q = ask("(loop 0)");
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_LIMIT);
  ck_assert_ptr_nonnull(strstr(ambit_calls(a, ambit_none()), "(loop "));
  ck_assert_ptr_nonnull(strstr(ambit_calls(a, ambit_none()), "more of loop\n"));
  ambit_query_close(q);
  q = first_answer("(area 2 3)", &t);
  ck_assert_str_eq(ambit_calls(a, ambit_none()), "");
  ambit_query_close(q);
}
END_TEST

// While a query rests others are asked; its calls stay.
START_TEST(calls_stay_while_a_query_rests) {
  ambit_term t, other;
  ambit_query *q = first_answer("(places)", &t);
  ambit_query *inner = first_answer("(house 7)", &other);
  ck_assert_str_eq(ambit_calls(a, other), "(house 7)\n");
  ambit_query_close(inner);
  ck_assert_str_eq(ambit_calls(a, t), "(house 1)\n(places)\n");
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
  ck_assert_str_eq(ambit_calls(a, t), "(house 2)\n(street 2)\n");
  ambit_query_close(q);
  gives("(area 2 3)", "6");
}
END_TEST

// A query that rests does not keep later ones from being told about.
START_TEST(errors_of_each_query_count_anew) {
  ambit_term t, other;
  ambit_query *q = first_answer("(superpose (1 2))", &t);
  for (int i = 0; i < 100; i++) {
    ambit_query *inner = first_answer("(street 9)", &other);
    ck_assert_str_eq(ambit_calls(a, other), "(house 9)\n(street 9)\n");
    ambit_query_close(inner);
  }
  ambit_query_close(q);
}
END_TEST

static bool note_calls(void *arg, const ambit_results *r) {
  if (r->n) strcat(arg, ambit_calls(a, r->at[r->n - 1]));
  return true;
}

START_TEST(calls_of_a_script) {
  char told[256] = "";
  static const char text[] = "!(area 1 2)\n!(ask)";
  ck_assert_int_eq(ambit_run(a, "s", text, strlen(text), note_calls, told),
                   AMBIT_ERROR);
  ck_assert_str_eq(told, "(house 4)\n(ask)\n");
  ck_assert_str_eq(ambit_calls(a, ambit_none()), told);
  ck_assert_str_eq(ambit_message(a),
                   "s:2:1: a result is an Error: (Error (* 4 \"two\") "
                   "(BadArgType 2 Number String))");
  ck_assert_int_eq(run("!(area 1 2)"), AMBIT_OK);
  ck_assert_str_eq(ambit_calls(a, ambit_none()), "");
}
END_TEST

int main(void) {
  TCase *c = tcase_create("calls of library");
  tcase_add_checked_fixture(c, open_with_program, close_one);
  tcase_set_timeout(c, 600);
  tcase_add_test(c, calls_of_an_error_are_known);
  tcase_add_test(c, errors_are_told_apart);
  tcase_add_test(c, what_is_no_error_has_no_calls);
  tcase_add_test(c, calls_that_a_limit_stopped);
  tcase_add_test(c, calls_stay_while_a_query_rests);
  tcase_add_test(c, errors_of_each_query_count_anew);
  tcase_add_test(c, calls_of_a_script);
  return unit_run(c, "calls_of_library");
}
