// Scripts: what the observer sees, where they stop, what survives when
// allocations fail.
#include "memory/alloc.h"
#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

typedef struct Seen {
  Runtime *rt;
  Buffer results;  // one line a form
  Buffer written;
  unsigned forms;
  unsigned stop_after;  // forms; 0: never
  enum AmbStop stop;
  Position at;
} Seen;

static bool take_text(void *arg, const char *text, size_t len) {
  Seen *seen = arg;
  ambi_buffer_put(&seen->written, text, len);
  return true;
}

static void drop_note(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
}

static bool on_form(void *arg, const FormReport *r) {
  Seen *seen = arg;
  ambi_print_results(seen->rt, &seen->results, r->results, r->n);
  ambi_buffer_puts(&seen->results, "\n");
  seen->stop = r->stop;
  seen->at = r->at;
  return ++seen->forms != seen->stop_after;
}

static Runtime *open_runtime(Seen *seen) {
  Host host = {.arg = seen, .write = take_text, .note = drop_note};
  seen->rt = ambi_runtime_open(&host, 0);
  return seen->rt;
}

static Script make_script(Seen *seen, const char *text) {
  return (Script){.rt = seen->rt,
                  .module = ambi_module_top(seen->rt),
                  .name = "test",
                  .text = text,
                  .len = strlen(text),
                  .on_form = on_form,
                  .arg = seen};
}

static void close_all(Seen *seen) {
  ambi_runtime_close(seen->rt);
  ambi_buffer_drop(&seen->results);
  ambi_buffer_drop(&seen->written);
}

static void check_run(const char *text, enum RunStatus want,
                      const char *results) {
  Seen seen = {0};
  ck_assert_ptr_nonnull(open_runtime(&seen));
  Script s = make_script(&seen, text);
  ck_assert_int_eq(ambi_run_script(&s), want);
  ck_assert_str_eq(seen.results.text ? seen.results.text : "", results);
  ambi_script_drop(&s);
  close_all(&seen);
}

START_TEST(each_form_gives_one_line) {
  check_run("(= (f) 1) (= (f) 2) !(f) ! (g) !", RUN_OK, "[1, 2]\n[(g)]\n");
}
END_TEST

START_TEST(an_error_result_ends_the_script) {
  check_run("!(+ 1 1) !(/ 1 0) !(+ 2 2)", RUN_ERROR_RESULT,
            "[2]\n[(Error (/ 1 0) DivisionByZero)]\n");
}
END_TEST

START_TEST(an_error_beside_another_result_is_dropped) {
  check_run("(= (f) (Error a b)) (= (f) 1) !(f) !(+ 2 2)", RUN_OK,
            "[1]\n[4]\n");
}
END_TEST

START_TEST(forms_before_a_syntax_error_have_run) {
  Seen seen = {0};
  ck_assert_ptr_nonnull(open_runtime(&seen));
  Script s = make_script(&seen, "!(+ 1 1)\n  )");
  ck_assert_int_eq(ambi_run_script(&s), RUN_PARSE);
  ck_assert_uint_eq(seen.forms, 1);
  ck_assert_uint_eq(s.error.at.line, 2);
  ck_assert_uint_eq(s.error.at.column, 3);
  close_all(&seen);
}
END_TEST

START_TEST(the_observer_may_stop_the_script) {
  Seen seen = {.stop_after = 2};
  ck_assert_ptr_nonnull(open_runtime(&seen));
  Script s = make_script(&seen, "!(+ 1 1) !(+ 2 2) !(+ 3 3)");
  ck_assert_int_eq(ambi_run_script(&s), RUN_OK);
  ck_assert_uint_eq(seen.forms, 2);
  close_all(&seen);
}
END_TEST

START_TEST(a_limit_stops_one_form_only) {
  Seen seen = {0};
  Runtime *rt = open_runtime(&seen);
  ck_assert_ptr_nonnull(rt);
  rt->limits.steps = 20000;
  Script s = make_script(&seen, "(= (l) (l))\n!(l)\n!(+ 1 1)");
  ck_assert_int_eq(ambi_run_script(&s), RUN_LIMIT);
  ck_assert_str_eq(seen.results.text, "[]\n[2]\n");
  close_all(&seen);
}
END_TEST

START_TEST(cancelling_ends_the_script) {
  Seen seen = {0};
  Runtime *rt = open_runtime(&seen);
  ck_assert_ptr_nonnull(rt);
  ambi_store_release(&rt->x_cancel, 1);
  Script s = make_script(&seen, "!(+ 1 1)");
  ck_assert_int_eq(ambi_run_script(&s), RUN_CANCELLED);
  ck_assert_int_eq(seen.stop, STOP_CANCEL);
  close_all(&seen);
}
END_TEST

START_TEST(the_last_results_are_kept_when_asked) {
  Seen seen = {0};
  ck_assert_ptr_nonnull(open_runtime(&seen));
  Script s = make_script(&seen, "!(superpose (a b)) !(superpose (1 2 3))");
  s.keep_last = true;
  ck_assert_int_eq(ambi_run_script(&s), RUN_OK);
  ck_assert_uint_eq(s.nlast, 3);
  ck_assert_int_eq(ambi_int_of(s.last[2].atom), 3);
  ambi_script_drop(&s);
  close_all(&seen);
}
END_TEST

START_TEST(two_runtimes_share_nothing) {
  Seen one = {0}, two = {0};
  ck_assert_ptr_nonnull(open_runtime(&one));
  ck_assert_ptr_nonnull(open_runtime(&two));
  Script a = make_script(&one, "(= (f) 1) !(f)");
  Script b = make_script(&two, "!(f)");
  ambi_run_script(&a);
  ambi_run_script(&b);
  ck_assert_str_eq(one.results.text, "[1]\n");
  ck_assert_str_eq(two.results.text, "[(f)]\n");
  close_all(&one);
  close_all(&two);
}
END_TEST

static const char busy[] =
    "(= (f $x) (pair $x $y)) (: f (-> Number Atom))\n"
    "!(f 1) !(import! &self random) !(bind! &s (new-space))\n"
    "!(bind! a.* (x $z)) !(add-atom &s (a \"text\" 12345678901234567890))\n"
    "!(match &s $p $p) !(include nosuch)";

// Whatever allocation fails, the script ends with a status and nothing leaks.
START_TEST(any_allocation_may_fail) {
  size_t before = ambi_alloc_bytes();
  uint64_t step = 1;
  for (uint64_t n = 1;; n += step) {
    Seen seen = {0};
    uint64_t from = ambi_alloc_attempts();
    ambi_alloc_fail_at(n);
    if (open_runtime(&seen)) {
      Script s = make_script(&seen, busy);
      ambi_run_script(&s);
      ambi_script_drop(&s);
    }
    bool reached = ambi_alloc_attempts() - from >= n;
    ambi_alloc_fail_at(0);
    close_all(&seen);
    ck_assert_uint_eq(ambi_alloc_bytes(), before);
    if (!reached) break;
    step = 1 + n / 64;  // all early ones, a sample of the many later ones
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("scripts");
  tcase_add_test(tc, each_form_gives_one_line);
  tcase_add_test(tc, an_error_result_ends_the_script);
  tcase_add_test(tc, an_error_beside_another_result_is_dropped);
  tcase_add_test(tc, forms_before_a_syntax_error_have_run);
  tcase_add_test(tc, the_observer_may_stop_the_script);
  tcase_add_test(tc, a_limit_stops_one_form_only);
  tcase_add_test(tc, cancelling_ends_the_script);
  tcase_add_test(tc, the_last_results_are_kept_when_asked);
  tcase_add_test(tc, two_runtimes_share_nothing);
  tcase_add_test(tc, any_allocation_may_fail);
  return unit_run(tc, "runner");
}
