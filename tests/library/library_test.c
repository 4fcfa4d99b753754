// The C library as an embedding program sees it: ambit.h and the shared object alone.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/library/library.h"

// ---- scripts ----------------------------------------------------------------

typedef struct Log {
  char text[1024];
  int forms;
  int stop_at;
} Log;

static bool log_results(void *arg, const ambit_results *r) {
  Log *log = arg;
  char head[64];
  snprintf(head, sizeof head, "%u:%u:%d:", r->line, r->column, r->status);
  strcat(log->text, head);
  for (size_t i = 0; i < r->n; i++) {
    strcat(log->text, i ? "," : "");
    strcat(log->text, ambit_text(r->heap, r->at[i], NULL));
  }
  strcat(log->text, "\n");
  return ++log->forms != log->stop_at;
}

START_TEST(a_script_reports_each_form) {
  static const char text[] = "(= (two) 1)\n(= (two) 2)\n!(two)\n  !(+ 1 2)";
  Log log = {0};
  ck_assert_int_eq(ambit_run(a, "s", text, strlen(text), log_results, &log),
                   AMBIT_OK);
  ck_assert_str_eq(log.text, "3:1:0:1,2\n4:3:0:3\n");
  Log first = {.stop_at = 1};
  ck_assert_int_eq(
      ambit_run(a, "s", "!(+ 0 1) !(+ 0 2)", 17, log_results, &first),
      AMBIT_OK);
  ck_assert_str_eq(first.text, "1:1:0:1\n");
}
END_TEST

START_TEST(what_ends_a_script_is_told) {
  ck_assert_int_eq(run("!(+ 1 2"), AMBIT_SYNTAX);
  ck_assert_ptr_nonnull(strstr(ambit_message(a), "test:1:"));
  ck_assert_int_eq(run("!(Error a b)\n!(println! no)"), AMBIT_ERROR);
  ck_assert_int_eq(run("!(import! &self io) !(exit! 7)"), AMBIT_EXIT);
  ck_assert_int_eq(ambit_exit_code(a), 7);
  ck_assert_int_eq(ambit_run_file(a, "/no/such/file", NULL, NULL), AMBIT_FILE);
  ck_assert_ptr_nonnull(strstr(ambit_message(a), "/no/such/file"));
  ck_assert_int_eq(ambit_run(a, "none", NULL, 3, NULL, NULL), AMBIT_MISUSE);
  gives("(+ 1 2)", "3");
}
END_TEST

// ---- queries ----------------------------------------------------------------

START_TEST(answers_come_one_by_one) {
  ck_assert_int_eq(run("(= (nat $n) $n) (= (nat $n) (nat (+ $n 1)))"),
                   AMBIT_OK);
  ambit_query *q = ask("(nat 0)");  // it never ends
  ambit_term t;
  int64_t n = -1;
  for (int64_t i = 0; i < 20000; i++) {
    ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
    ck_assert(ambit_get_integer(t, &n));
    ck_assert_int_eq(n, i);
  }
  ambit_query_close(q);
  q = ask("(nat 0)");
  ambit_query_close(q);  // never begun
  gives("(superpose ())", "");
  gives("(superpose (1 (a $x) \"s\"))", "1 (a $x) \"s\"");
}
END_TEST

// Errors are answers where nothing else is, all of them.
START_TEST(errors_are_answers) {
  ck_assert_int_eq(run("(= (bad) (Error a 1)) (= (bad) (Error b 2))"
                       "(= (bad) (Error c 3))"
                       "(= (mixed) (bad)) (= (mixed) 1) (= (mixed) (bad))"
                       "(= (mixed) 2)"),
                   AMBIT_OK);
  gives("(bad)", "(Error a 1) (Error b 2) (Error c 3)");
  gives("(mixed)", "1 2");
}
END_TEST

START_TEST(queries_are_open_at_the_same_time) {
  ck_assert_int_eq(run("(p 1) (p 2) (p 3) (= (q $n) (* 10 $n))"), AMBIT_OK);
  ambit_query *outer = ask("(match &self (p $x) $x)");
  ambit_term t;
  char got[200] = "";
  while (ambit_next(outer, &t) == AMBIT_OK) {
    int64_t n;
    ck_assert(ambit_get_integer(t, &n));
    char text[64];
    snprintf(text, sizeof text, "(q %d)", (int)n);
    ambit_query *inner = ask(text);
    ck_assert_int_eq(ambit_next(inner, &t), AMBIT_OK);
    strcat(got, ambit_text(ambit_query_heap(inner), t, NULL));
    strcat(got, ";");
    // Facts and rules that come while the outer one rests.
    ck_assert_int_eq(run("(p 9) (= (q $n) (+ $n 1))"), AMBIT_OK);
    ambit_query_close(inner);
  }
  ambit_query_close(outer);
  ck_assert_str_eq(got, "10;20;30;");
  gives("(q 1)", "10 2 2 2");
}
END_TEST

START_TEST(what_is_no_atom_is_refused) {
  static const char *const bad[] = {"", "(+ 1", ")", "a b", "\"x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_ptr_null(ambit_ask(a, bad[i], strlen(bad[i])));
    ck_assert_str_ne(ambit_message(a), "");
  }
  ck_assert_ptr_null(ambit_ask(a, NULL, 0));
  ck_assert_int_eq(run("!(pragma! type-check auto) (: f (-> Number Number))"),
                   AMBIT_OK);
  gives("(f \"s\")", "(Error (f \"s\") (BadArgType 1 Number String))");
}
END_TEST

START_TEST(limits_stop_a_query_and_not_the_runtime) {
  ck_assert_int_eq(
      run("(= (loop $n) (loop (+ $n 1))) (= (grow $x) (grow (1 $x)))"),
      AMBIT_OK);
  static const ambit_limits limits[] = {
      {.seconds = 0.5}, {.steps = 100000}, {.memory = 64 << 20}};
  for (size_t i = 0; i < 3; i++) {
    ambit_set_limits(a, &limits[i]);
    ambit_query *q = ask(limits[i].memory ? "(grow (a))" : "(loop 0)");
    ambit_term t;
    ck_assert_int_eq(ambit_next(q, &t), AMBIT_LIMIT);
    ck_assert_ptr_nonnull(strstr(ambit_message(a), "limit"));
    ck_assert_int_eq(ambit_next(q, &t), AMBIT_DONE);
    ambit_query_close(q);
    gives("(+ 1 2)", "3");
  }
}
END_TEST

START_TEST(a_limit_is_lifted) {
  static const ambit_limits least = {.memory = 1024}, none;
  ambit_set_limits(a, &least);
  ck_assert_int_eq(run("!(+ 1 2)"), AMBIT_LIMIT);
  ambit_set_limits(a, &none);
  gives("(+ 1 2)", "3");
}
END_TEST

static void *cancel_soon(void *arg) {
  usleep(30000);
  ambit_cancel(arg);
  return NULL;
}

START_TEST(another_thread_cancels) {
  ck_assert_int_eq(run("(= (loop $n) (loop (+ $n 1)))"), AMBIT_OK);
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, a), 0);
  ambit_query *q = ask("(loop 0)");
  ambit_term t;
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_CANCELLED);
  pthread_join(thread, NULL);
  ambit_query_close(q);
  ck_assert_int_eq(run("!(loop 0)"),
                   AMBIT_CANCELLED);  // until it is taken back
  ambit_resume(a);
  gives("(+ 1 2)", "3");
}
END_TEST

// ---- terms --------------------------------------------------------------------

START_TEST(terms_are_made_and_taken_apart) {
  ambit_heap *h = ambit_heap_open(a);
  int64_t i = 0;
  double d = 0;
  bool b = false;
  const char *s;
  size_t n;
  static const int64_t integers[] = {
      0, -1, INT64_MAX, INT64_MIN, (int64_t)1 << 47, -((int64_t)1 << 47) - 1};
  for (size_t k = 0; k < sizeof integers / sizeof *integers; k++) {
    ambit_term t = ambit_make_integer(h, integers[k]);
    ck_assert_int_eq(ambit_kind_of(t), AMBIT_INTEGER);
    ck_assert(ambit_get_integer(t, &i));
    ck_assert_int_eq(i, integers[k]);
  }
  ck_assert(ambit_get_float(ambit_make_float(h, 2.5), &d) && d == 2.5);
  ck_assert(!ambit_get_integer(ambit_make_float(h, 2.5), &i));
  ck_assert(ambit_get_bool(ambit_make_bool(true), &b) && b);
  ambit_term str = ambit_make_string(h, "a\0b", 3);
  ck_assert(ambit_get_string(str, &s, &n) && n == 3 && !memcmp(s, "a\0b", 4));
  ambit_term f = ambit_make_symbol(h, "f"), x = ambit_make_variable(h, "x");
  ck_assert_str_eq(ambit_name(h, f), "f");
  ck_assert_str_eq(ambit_name(h, x), "x");
  ambit_term e = ambit_make_expression(h, (ambit_term[]){f, x, x}, 3);
  ck_assert_uint_eq(ambit_size(e), 3);
  ck_assert_str_eq(ambit_text(h, e, &n), "(f $x $x)");
  ck_assert_uint_eq(n, 9);
  ck_assert(ambit_equal(h, ambit_at(e, 1), ambit_at(e, 2)));
  ck_assert(ambit_is_none_term(ambit_at(e, 3)));
  ambit_term read =
      ambit_parse(h, "(f (+ 1 2) 123456789012345678901234567890)", 42);
  ck_assert_int_eq(ambit_kind_of(ambit_at(ambit_at(read, 1), 0)),
                   AMBIT_OPERATION);
  ck_assert_int_eq(ambit_kind_of(ambit_at(read, 2)), AMBIT_BIG);
  ck_assert_int_eq(ambit_kind_of(ambit_parse(h, "()", 2)), AMBIT_EXPRESSION);
  ck_assert(ambit_is_error(ambit_parse(h, "(Error a b)", 11)));
  ambit_heap_close(h);
}
END_TEST

START_TEST(terms_that_cannot_be_are_refused) {
  ambit_heap *h = ambit_heap_open(a);
  static const char *const names[] = {"",   "two words", "(", "\"s\"",
                                      "$v", "12",        ";c"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    ck_assert_msg(ambit_is_none_term(ambit_make_symbol(h, names[i])), "%s",
                  names[i]);
  ck_assert(ambit_is_none_term(ambit_make_symbol(h, NULL)));
  ck_assert(ambit_is_none_term(ambit_make_variable(h, "a b")));
  ck_assert(ambit_is_none_term(ambit_make_string(h, "\xff", 1)));
  ambit_term none = ambit_none();
  ck_assert(ambit_is_none_term(ambit_make_expression(h, &none, 1)));
  ck_assert_ptr_null(ambit_text(h, none, NULL));
  ck_assert_ptr_null(ambit_keep(h, none));
  ambit_heap_close(h);
}
END_TEST

START_TEST(kept_atoms_outlive_their_heap) {
  ambit_query *q = ask("(superpose ((a $x $x (b 1.5)) 2))");
  ambit_term t;
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
  ambit_atom *kept = ambit_keep(ambit_query_heap(q), t);
  ambit_query_close(q);
  ck_assert_int_eq(run("!(collapse (superpose (1 2 3)))"), AMBIT_OK);
  ambit_heap *h = ambit_heap_open(a);
  t = ambit_term_of(h, kept);
  ck_assert_str_eq(ambit_text(h, t, NULL), "(a $x $x (b 1.5))");
  ambit_query *again = ambit_ask_term(h, t);
  ck_assert_int_eq(ambit_next(again, &t), AMBIT_OK);
  ck_assert_str_eq(ambit_text(ambit_query_heap(again), t, NULL),
                   "(a $x $x (b 1.5))");
  ambit_query_close(again);
  ambit_heap_close(h);
  ambit_atom_free(a, kept);
  ambit_atom_free(a, NULL);
}
END_TEST

START_TEST(spaces_are_filled_from_c) {
  ambit_heap *h = ambit_heap_open(a);
  ambit_term space = ambit_make_space(h), self = ambit_top_space(a);
  size_t before = ambit_count(self);
  for (int i = 0; i < 1000; i++) {
    ambit_term fact = ambit_make_expression(
        h,
        (ambit_term[]){ambit_make_symbol(h, "edge"), ambit_make_integer(h, i),
                       ambit_make_integer(h, i + 1)},
        3);
    ck_assert_int_eq(ambit_add(h, self, fact), AMBIT_OK);
    ck_assert_int_eq(ambit_add(h, space, fact), AMBIT_OK);
  }
  ck_assert_uint_eq(ambit_count(self), before + 1000);
  gives("(match &self (, (edge 3 $x) (edge $x $y)) $y)", "5");
  ambit_term rule = ambit_parse(h, "(= (twice $n) (* 2 $n))", 23);
  ck_assert_int_eq(ambit_add(h, self, rule), AMBIT_OK);
  gives("(twice 21)", "42");
  ck_assert_int_eq(ambit_remove(h, self, rule), AMBIT_OK);
  ck_assert_int_eq(ambit_remove(h, self, rule), AMBIT_DONE);
  gives("(twice 21)", "(twice 21)");
  ck_assert_int_eq(ambit_add(h, rule, rule), AMBIT_MISUSE);
  ck_assert_uint_eq(ambit_count(space), 1000);
  ambit_heap_close(h);
}
END_TEST

// ---- operations -----------------------------------------------------------------

static int destroyed;
static void count_destroyed(void *data) {
  (void)data;
  destroyed++;
}

static ambit_outcome square(ambit_call *call, const ambit_term *args, size_t n,
                            void *data) {
  int64_t i;
  (void)data;
  ck_assert_uint_eq(n, 1);
  if (!ambit_get_integer(args[0], &i)) return AMBIT_NOT_MINE;
  if (i < 0) {
    ambit_give_error(call, "square: less than nothing");
    return AMBIT_GAVE_ERROR;
  }
  ambit_give(call, ambit_make_integer(ambit_call_heap(call), i * i));
  return AMBIT_GAVE;
}

static ambit_outcome below(ambit_call *call, const ambit_term *args, size_t n,
                           void *data) {
  int64_t i = 0;
  (void)n;
  (void)data;
  ambit_get_integer(args[0], &i);
  for (int64_t k = 0; k < i; k++)
    ambit_give(call, ambit_make_integer(ambit_call_heap(call), k));
  return AMBIT_GAVE;
}

// Asks the runtime it is called from.
static ambit_outcome sum_of(ambit_call *call, const ambit_term *args, size_t n,
                            void *data) {
  int64_t sum = 0, i;
  ambit_term t;
  (void)n;
  (void)data;
  ambit_query *q = ambit_ask_term(ambit_call_heap(call), args[0]);
  if (!q) return AMBIT_NO_MEMORY;
  while (ambit_next(q, &t) == AMBIT_OK)
    if (ambit_get_integer(t, &i)) sum += i;
  ambit_query_close(q);
  ambit_give(call, ambit_make_integer(ambit_call_heap(call), sum));
  return AMBIT_GAVE;
}

static const ambit_operation operations[] = {{.name = "square",
                                              .type = "(-> Number Number)",
                                              .min_args = 1,
                                              .max_args = 1,
                                              .deterministic = true,
                                              .function = square,
                                              .destroy = count_destroyed},
                                             {.name = "below",
                                              .type = "(-> Number Number)",
                                              .min_args = 1,
                                              .max_args = 1,
                                              .function = below},
                                             {.name = "sum-of",
                                              .type = "(-> Atom Number)",
                                              .min_args = 1,
                                              .max_args = 1,
                                              .effects = AMBIT_DOES_ANYTHING,
                                              .function = sum_of}};

START_TEST(c_functions_are_operations) {
  destroyed = 0;
  for (size_t i = 0; i < 3; i++)
    ck_assert_msg(ambit_register(a, &operations[i]) == AMBIT_OK, "%s",
                  ambit_message(a));
  gives("(square 12)", "144");
  gives("(square (square 3))", "81");
  gives("(square 1.5)", "(square 1.5)");
  gives("(square -1)", "(Error (square -1) square: less than nothing)");
  gives("(square \"s\")",
        "(Error (square \"s\") (BadArgType 1 Number String))");
  gives("(below 4)", "0 1 2 3");
  gives("(below 0)", "");
  gives("(square (below 3))", "0 1 4");
  gives("(get-type square)", "(-> Number Number)");
  gives("(sum-of (square (below 4)))", "14");
  gives("(map-atom (1 2 3) $x (square $x))", "(1 4 9)");
  // Hot, in machine code too.
  ck_assert_int_eq(run("(= (total $n $s) (if (== $n 0) $s (total (- $n 1) (+ "
                       "$s (square $n)))))"),
                   AMBIT_OK);
  gives("(total 100000 0)", "333338333350000");
  close_one();
  ck_assert_int_eq(destroyed, 1);
}
END_TEST

START_TEST(what_is_no_operation_is_refused) {
  ambit_operation op = operations[0];
  static const char *const names[] = {"+", "two words", "", "$x", "match"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    op.name = names[i];
    ck_assert_msg(ambit_register(a, &op) == AMBIT_MISUSE, "%s", names[i]);
  }
  op.name = "fine";
  static const char *const types[] = {"Number", "(-> Number",
                                      "(-> Number Number) x",
                                      "(-> Number Number Number)", ")"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    op.type = types[i];
    ck_assert_msg(ambit_register(a, &op) == AMBIT_MISUSE, "%s", types[i]);
  }
  op.type = NULL;
  op.max_args = 100;
  ck_assert_int_eq(ambit_register(a, &op), AMBIT_MISUSE);
  op.max_args = 1;
  ck_assert_int_eq(ambit_register(a, &op), AMBIT_OK);
  ck_assert_int_eq(ambit_register(a, &op), AMBIT_MISUSE);
  gives("(fine (+ 1 2))", "9");
}
END_TEST

START_TEST(objects_are_atoms) {
  static const ambit_class door = {"Door", count_destroyed},
                           other = {"Other", NULL};
  int data = 5;
  destroyed = 0;
  ambit_heap *h = ambit_heap_open(a);
  ambit_term o = ambit_make_object(h, &door, &data);
  ck_assert_int_eq(ambit_kind_of(o), AMBIT_OBJECT);
  ck_assert_ptr_eq(ambit_get_object(o, &door), &data);
  ck_assert_ptr_null(ambit_get_object(o, &other));
  ck_assert_ptr_null(ambit_get_object(ambit_make_bool(true), &door));
  ambit_term fact = ambit_make_expression(
      h, (ambit_term[]){ambit_make_symbol(h, "has"), o}, 2);
  ck_assert_int_eq(ambit_add(h, ambit_top_space(a), fact), AMBIT_OK);
  ck_assert(!strncmp(ambit_text(h, o, NULL), "Door-", 5));
  ambit_heap_close(h);
  ambit_query *q = ask("(match &self (has $d) ($d (get-type $d)))");
  ambit_term t;
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
  ck_assert_ptr_eq(ambit_get_object(ambit_at(t, 0), &door), &data);
  ambit_query_close(q);
  close_one();
  ck_assert_int_eq(destroyed, 1);
}
END_TEST

// ---- runtimes ---------------------------------------------------------------------

static bool collect(void *arg, const char *text, size_t len) {
  strncat(arg, text, len);
  return true;
}

static void *work(void *arg) {
  char out[256] = "";
  ambit *mine = ambit_open(&(ambit_options){.write = collect, .arg = out});
  static const char rules[] =
      "(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))";
  static const char form[] = "!(println! (fib 20))";
  ambit_run(mine, "rules", rules, strlen(rules), NULL, NULL);
  for (int i = 0; i < 3; i++)
    ambit_run(mine, "form", form, strlen(form), NULL, NULL);
  ambit_close(mine);
  *(int *)arg = strcmp(out, "6765\n6765\n6765\n") != 0;
  return NULL;
}

START_TEST(runtimes_do_not_know_each_other) {
  pthread_t thread[3];
  int wrong[3] = {0};
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, work, &wrong[i]), 0);
  for (int i = 0; i < 3; i++) {
    pthread_join(thread[i], NULL);
    ck_assert_int_eq(wrong[i], 0);
  }
  ambit *second = ambit_open(&(ambit_options){.machine_code = AMBIT_CODE_OFF});
  ck_assert_int_eq(run("(= (only-here) 1)"), AMBIT_OK);
  ambit *first = a;
  a = second;
  gives("(only-here)", "(only-here)");
  a = first;
  gives("(only-here)", "1");
  ambit_close(second);
  ambit_close(NULL);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("library");
  tcase_add_checked_fixture(c, open_one, close_one);
  tcase_set_timeout(c, 600);
  tcase_add_test(c, a_script_reports_each_form);
  tcase_add_test(c, what_ends_a_script_is_told);
  tcase_add_test(c, answers_come_one_by_one);
  tcase_add_test(c, errors_are_answers);
  tcase_add_test(c, queries_are_open_at_the_same_time);
  tcase_add_test(c, what_is_no_atom_is_refused);
  tcase_add_test(c, limits_stop_a_query_and_not_the_runtime);
  tcase_add_test(c, a_limit_is_lifted);
  tcase_add_test(c, another_thread_cancels);
  tcase_add_test(c, terms_are_made_and_taken_apart);
  tcase_add_test(c, terms_that_cannot_be_are_refused);
  tcase_add_test(c, kept_atoms_outlive_their_heap);
  tcase_add_test(c, spaces_are_filled_from_c);
  tcase_add_test(c, c_functions_are_operations);
  tcase_add_test(c, what_is_no_operation_is_refused);
  tcase_add_test(c, objects_are_atoms);
  tcase_add_test(c, runtimes_do_not_know_each_other);
  return unit_run(c, "library");
}
