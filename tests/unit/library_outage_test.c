// An embedding program while memory runs out: whichever allocation fails, each call
// of the C library says so or does what it should, nothing leaks, and the runtime goes
// on working.
#include "include/ambit.h"
#include "memory/alloc.h"
#include "tests/unit/unit.h"

#include <string.h>

static ambit_outcome twice(ambit_call *call, const ambit_term *args, size_t n,
                           void *data) {
  (void)n;
  (void)data;
  ambit_give(call, args[0]);
  ambit_give(call, args[0]);
  return AMBIT_GAVE;
}

static const ambit_operation operation = {.name = "twice",
                                          .type = "(-> Number Number)",
                                          .min_args = 1,
                                          .max_args = 1,
                                          .function = twice};
static const ambit_class thing = {"Thing", NULL};

static int taken;  // answers, of an undisturbed run and of this one

static void query(ambit *a) {
  static const char text[] = "(let $x (superpose (1 2 3)) (twice (f $x)))";
  ambit_term t;
  ambit_query *q = ambit_ask(a, text, strlen(text));
  while (q && ambit_next(q, &t) == AMBIT_OK) {
    taken++;
    ambit_text(ambit_query_heap(q), t, NULL);
    ambit_atom_free(a, ambit_keep(ambit_query_heap(q), t));
  }
  ambit_query_close(q);
}

static void terms(ambit *a) {
  ambit_heap *h = ambit_heap_open(a);
  if (!h) return;
  ambit_term items[] = {ambit_make_symbol(h, "g"), ambit_make_variable(h, "v"),
                        ambit_make_string(h, "text", 4),
                        ambit_make_integer(h, INT64_MAX),
                        ambit_make_object(h, &thing, NULL)};
  ambit_term e = ambit_make_expression(h, items, 5);
  ambit_term read = ambit_parse(h, "(a (b \"c\") $d)", 14);
  ambit_add(h, ambit_top_space(a), e);
  ambit_remove(h, ambit_top_space(a), e);
  ambit_add(h, ambit_make_space(h), read);
  ambit_query *q = ambit_is_none_term(read) ? NULL : ambit_ask_term(h, read);
  ambit_term t;
  if (q) ambit_next(q, &t);
  ambit_query_close(q);
  ambit_heap_close(h);
}

// With the n-th allocation failing; 0: none. How many there were.
static uint64_t run(uint64_t n) {
  static const char rules[] = "(= (f $x) (+ $x 1)) !(collapse (f 1))";
  static const char more[] = "!(assertEqual (+ 1 2) 3)";
  size_t before = ambi_alloc_bytes();
  uint64_t from = ambi_alloc_attempts();
  ambi_alloc_fail_at(n ? n : NEVER_FAILS);
  taken = 0;
  ambit *a = ambit_open(&(ambit_options){.machine_code = AMBIT_CODE_OFF});
  if (a) {
    ambit_register(a, &operation);
    ambit_run(a, "rules", rules, strlen(rules), NULL, NULL);
    query(a);
    terms(a);
    uint64_t attempts = ambi_alloc_attempts() - from;
    ambi_alloc_fail_at(0);
    ck_assert_int_eq(ambit_run(a, "more", more, strlen(more), NULL, NULL),
                     AMBIT_OK);
    ambit_close(a);
    ck_assert_msg(ambi_alloc_bytes() == before, "%llu: leak",
                  (unsigned long long)n);
    return attempts;
  }
  ambi_alloc_fail_at(0);
  ck_assert_uint_ne(n, 0);
  ck_assert_msg(ambi_alloc_bytes() == before, "%llu: leak of a runtime",
                (unsigned long long)n);
  return UINT64_MAX;
}

START_TEST(each_allocation_fails_once) {
  uint64_t all = run(0);
  ck_assert_uint_gt(all, 100);
  ck_assert_int_eq(taken, 6);
  for (uint64_t n = 1; n <= all; n++)
    run(n);
  run(0);
  ck_assert_int_eq(taken, 6);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("library outage");
  tcase_add_test(tc, each_allocation_fails_once);
  return unit_run(tc, "library_outage");
}
