// What the tests of the C library begin with: a runtime, and questions with their answers.
#ifndef AMBIT_TESTS_LIBRARY_H
#define AMBIT_TESTS_LIBRARY_H

#include <stdio.h>
#include <string.h>

#include "include/ambit.h"
#include "tests/unit/unit.h"

static ambit *a;

static inline void open_one(void) {
  a = ambit_open(NULL);
  ck_assert_ptr_nonnull(a);
}
static inline void close_one(void) {
  ambit_close(a);
  a = NULL;
}

static inline ambit_status run(const char *text) {
  return ambit_run(a, "test", text, strlen(text), NULL, NULL);
}

static inline ambit_query *ask(const char *text) {
  ambit_query *q = ambit_ask(a, text, strlen(text));
  ck_assert_msg(q, "%s", ambit_message(a));
  return q;
}

// All answers as text, with blanks between; the status behind them if it is not DONE.
static inline void gives(const char *text, const char *want) {
  ambit_query *q = ask(text);
  ambit_term t;
  ambit_status s;
  char got[4096] = "";
  while ((s = ambit_next(q, &t)) == AMBIT_OK) {
    const char *one = ambit_text(ambit_query_heap(q), t, NULL);
    ck_assert_ptr_nonnull(one);
    if (*got) strncat(got, " ", sizeof got - strlen(got) - 1);
    strncat(got, one, sizeof got - strlen(got) - 1);
  }
  ck_assert_msg(s == AMBIT_DONE, "%s: %d %s", text, s, ambit_message(a));
  ambit_query_close(q);
  ck_assert_str_eq(got, want);
}

#endif
