// A runtime with several evaluators inside a C program: searches, functions of the program
// that they call, questions that are open meanwhile, and the log.
#include <pthread.h>
#include <stdatomic.h>

#include "tests/library/library.h"

static const char program[] =
    "(= (bit) 0) (= (bit) 1)\n"
    "(= (bits $n) (if (== $n 0) nil (cons (bit) (bits (- $n 1)))))\n"
    "(= (sum nil) 0)\n"
    "(= (sum (cons $b $more)) (+ $b (sum $more)))\n"
    "(= (all $n) (let $r (collapse (sum (bits $n))) (size-atom $r)))\n";

// ThreadSanitizer does not see what machine code reads and writes.
#ifdef __SANITIZE_THREAD__
static const ambit_machine_code code = AMBIT_CODE_OFF;
#else
static const ambit_machine_code code = AMBIT_CODE_BACKGROUND;
#endif

static void open_three(void) {
  a = ambit_open(&(ambit_options){.evaluators = 3, .machine_code = code});
  ck_assert_ptr_nonnull(a);
  ck_assert_int_eq(run(program), AMBIT_OK);
}

START_TEST(searches_are_shared) {
  for (int i = 0; i < 5; i++) {
    gives("(all 13)", "8192");
    gives("(sum (bits 3))", "0 1 1 2 1 2 2 3");
  }
  ck_assert_int_eq(run("!(import! &self concurrent)"), AMBIT_OK);
  gives("(hyperpose ((all 10) (all 11) (all 12)))", "1024 2048 4096");
}
END_TEST

// One question rests while others begin and end, and stays what it was.
START_TEST(questions_rest) {
  ck_assert_int_eq(run("!(import! &self concurrent)"), AMBIT_OK);
  ambit_query *q = ask("(hyperpose ((all 10) (sum (bits 2)) (all 12)))");
  ambit_term t;
  int64_t n;
  const int64_t want[] = {1024, 0, 1, 1, 2, 4096};
  for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
    ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
    ck_assert(ambit_get_integer(t, &n));
    ck_assert_int_eq(n, want[i]);
    gives("(all 11)", "2048");
    ck_assert_int_eq(run("!(all 9)"), AMBIT_OK);
  }
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_DONE);
  ambit_query_close(q);
  gives("(all 11)", "2048");
}
END_TEST

// The rest of a question that is closed is not looked for, be it endless.
START_TEST(a_question_is_closed_early) {
  ck_assert_int_eq(run("!(import! &self concurrent) (= (ever) (ever))"),
                   AMBIT_OK);
  ambit_query *q = ask("(hyperpose (1 (ever)))");
  ambit_term t;
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
  gives("(all 10)", "1024");
  ambit_query_close(q);
  gives("(all 10)", "1024");
  q = ask("(hyperpose (1 (ever)))");
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_OK);
  ambit_query_close(q);  // and nothing behind it but the end of the runtime
}
END_TEST

// ---- functions of the program -------------------------------------------------------

typedef struct Calls {
  long plain;  // as one thread at a time may count
  atomic_long inside, most, all;
} Calls;

static ambit_outcome count_plain(ambit_call *call, const ambit_term *args,
                                 size_t n, void *data) {
  Calls *c = data;
  long now = atomic_fetch_add(&c->inside, 1) + 1;
  if (now > atomic_load(&c->most)) atomic_store(&c->most, now);
  c->plain++;
  (void)n;
  ambit_give(call, args[0]);
  atomic_fetch_sub(&c->inside, 1);
  return AMBIT_GAVE;
}

static ambit_outcome count_all(ambit_call *call, const ambit_term *args,
                               size_t n, void *data) {
  Calls *c = data;
  int64_t i;
  (void)n;
  atomic_fetch_add(&c->all, 1);
  if (!ambit_get_integer(args[0], &i)) return AMBIT_NOT_MINE;
  ambit_give(call, ambit_make_integer(ambit_call_heap(call), i + 1));
  return AMBIT_GAVE;
}

static void add(const char *name, ambit_function *function, bool any_thread,
                void *data) {
  ambit_operation op = {.name = name,
                        .type = "(-> Number Number)",
                        .min_args = 1,
                        .max_args = 1,
                        .deterministic = true,
                        .function = function,
                        .data = data,
                        .any_thread = any_thread};
  ck_assert_int_eq(ambit_register(a, &op), AMBIT_OK);
}

START_TEST(functions_are_called_one_at_a_time_or_not) {
  Calls calls = {0};
  add("plain", count_plain, false, &calls);
  add("next", count_all, true, &calls);
  ck_assert_int_eq(
      run("(= (plains $n) (let $r (collapse (plain (sum (bits $n)))) "
          "(size-atom $r)))\n"
          "(= (nexts $n) (let $r (collapse (next (sum (bits $n)))) "
          "(size-atom $r)))"),
      AMBIT_OK);
  gives("(plains 13)", "8192");
  ck_assert_int_ge(calls.plain, 8192);
  ck_assert_int_eq(atomic_load(&calls.most), 1);
  gives("(nexts 13)", "8192");
  ck_assert_int_ge(atomic_load(&calls.all), 8192);
}
END_TEST

// It asks the same runtime, on the thread that uses it; elsewhere that is refused.
static ambit_outcome ask_back(ambit_call *call, const ambit_term *args,
                              size_t n, void *data) {
  atomic_long *asked = data;
  ambit_query *q = ambit_ask(a, "(all 6)", 7);
  ambit_term t;
  int64_t found = 0;
  (void)n;
  (void)args;
  if (!q) {
    ambit_give(call, ambit_make_integer(ambit_call_heap(call), 64));
    return AMBIT_GAVE;
  }
  atomic_fetch_add(asked, 1);
  if (ambit_next(q, &t) == AMBIT_OK) ambit_get_integer(t, &found);
  ambit_query_close(q);
  ambit_give(call, ambit_make_integer(ambit_call_heap(call), found));
  return AMBIT_GAVE;
}

START_TEST(functions_ask) {
  atomic_long asked = 0;
  add("ask-back", ask_back, false, &asked);
  gives("(ask-back 1)", "64");
  ck_assert_int_eq(asked, 1);
  ck_assert_int_eq(run("(= (backs $n) (let $r (collapse (ask-back (sum (bits "
                       "$n)))) (unique-atom $r)))"),
                   AMBIT_OK);
  gives("(backs 10)", "(64)");
}
END_TEST

// ---- the log --------------------------------------------------------------------------

typedef struct Heard {
  atomic_int all, handovers, limits;
  char what[64];
} Heard;

static void hear(void *arg, ambit_log_level level, const char *event,
                 const ambit_log_field *fields, size_t n) {
  Heard *h = arg;
  atomic_fetch_add(&h->all, 1);
  if (strcmp(event, "handover") == 0) atomic_fetch_add(&h->handovers, 1);
  if (strcmp(event, "limit") != 0) return;
  ck_assert_int_eq(level, AMBIT_LOG_WARN);
  atomic_fetch_add(&h->limits, 1);
  for (size_t i = 0; i < n; i++)
    if (strcmp(fields[i].key, "what") == 0)
      snprintf(h->what, sizeof h->what, "%s", fields[i].text);
}

START_TEST(what_happens_is_told) {
  Heard debug = {0}, warn = {0};
  ck_assert_int_eq(ambit_set_log(a, AMBIT_LOG_DEBUG, hear, &debug), AMBIT_OK);
  gives("(all 14)", "16384");
  ck_assert_int_gt(debug.all, 0);
  ck_assert_int_eq(ambit_set_log(a, AMBIT_LOG_WARN, hear, &warn), AMBIT_OK);
  ambit_limits limits = {.steps = 5000};
  ambit_set_limits(a, &limits);
  ambit_query *q = ask("(all 14)");
  ambit_term t;
  ck_assert_int_eq(ambit_next(q, &t), AMBIT_LIMIT);
  ambit_query_close(q);
  ck_assert_int_eq(warn.limits, 1);
  ck_assert_int_eq(warn.all, 1);
  ck_assert_str_eq(warn.what, "the limit of 5000 steps");
  ck_assert_int_eq(ambit_set_log(a, AMBIT_LOG_OFF, hear, &warn), AMBIT_OK);
  ck_assert_int_eq(run("!(all 14)"), AMBIT_LIMIT);
  ck_assert_int_eq(warn.all, 1);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("evaluators of the library");
  tcase_add_checked_fixture(c, open_three, close_one);
  tcase_set_timeout(c, 600);
  tcase_add_test(c, searches_are_shared);
  tcase_add_test(c, questions_rest);
  tcase_add_test(c, a_question_is_closed_early);
  tcase_add_test(c, functions_are_called_one_at_a_time_or_not);
  tcase_add_test(c, functions_ask);
  tcase_add_test(c, what_happens_is_told);
  return unit_run(c, "evaluators of the library");
}
