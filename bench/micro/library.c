// The C library: opening, asking, answers, and calls in both directions.
#include "include/ambit.h"

#include <string.h>

#include "bench/micro/micro.h"

static ambit *a;

static ambit_outcome square(ambit_call *call, const ambit_term *args, size_t n,
                            void *data) {
  int64_t i = 0;
  (void)n;
  (void)data;
  ambit_get_integer(args[0], &i);
  ambit_give(call, ambit_make_integer(ambit_call_heap(call), i * i));
  return AMBIT_GAVE;
}

static uint64_t open_close(void *arg, uint64_t n) {
  uint64_t opened = 0;
  (void)arg;
  for (uint64_t i = 0; i < n; i++) {
    ambit *one = ambit_open(NULL);
    opened += one != NULL;
    ambit_close(one);
  }
  micro_must(opened == n, "no runtime");
  return opened;
}

// Answers of the question, asked n times.
static uint64_t ask(void *arg, uint64_t n) {
  const char *text = arg;
  uint64_t sum = 0;
  int64_t one;
  ambit_term t;
  for (uint64_t i = 0; i < n; i++) {
    ambit_query *q = ambit_ask(a, text, strlen(text));
    micro_must(q, "no query");
    while (ambit_next(q, &t) == AMBIT_OK)
      sum += ambit_get_integer(t, &one) ? (uint64_t)one : 0;
    ambit_query_close(q);
  }
  return sum;
}

static uint64_t answers(void *arg, uint64_t n) {
  uint64_t sum = 0;
  ambit_term t;
  (void)arg;
  ambit_query *q = ambit_ask(a, "(nat 0)", 7);
  for (uint64_t i = 0; i < n; i++) {
    micro_must(ambit_next(q, &t) == AMBIT_OK, "no answer");
    sum += ambit_size(t) == 0;
  }
  ambit_query_close(q);
  return sum;
}

static uint64_t add(void *arg, uint64_t n) {
  (void)arg;
  ambit_heap *h = ambit_heap_open(a);
  ambit_term space = ambit_make_space(h), items[3];
  for (uint64_t i = 0; i < n; i++) {
    items[0] = ambit_make_symbol(h, "edge");
    items[1] = ambit_make_integer(h, (int64_t)i);
    items[2] = ambit_make_integer(h, (int64_t)i + 1);
    ambit_add(h, space, ambit_make_expression(h, items, 3));
  }
  uint64_t added = ambit_count(space);
  micro_must(added == n, "facts are missing");
  ambit_heap_close(h);
  return added;
}

int main(int argc, char **argv) {
  static const ambit_operation op = {.name = "square",
                                     .type = "(-> Number Number)",
                                     .min_args = 1,
                                     .max_args = 1,
                                     .deterministic = true,
                                     .function = square};
  static const char rules[] =
      "(= (nat $n) $n) (= (nat $n) (nat (+ $n 1)))"
      "(= (total $n $s) (if (== $n 0) $s (total (- $n 1) (+ $s (square $n)))))";
  micro_begin(argc, argv);
  a = ambit_open(NULL);
  micro_must(a && ambit_register(a, &op) == AMBIT_OK &&
                 !ambit_run(a, "rules", rules, strlen(rules), NULL, NULL),
             "no runtime");
  char sum[] = "(+ 1 2)", total[] = "(total 10000 0)";
  micro_must(ask(sum, 1) == 3 && ask(total, 1) == 333383335000u, "wrong");
  micro_case("library", "a runtime, opened and closed", open_close, NULL, 1);
  micro_case("library", "a question, asked, answered and closed", ask, sum, 1);
  micro_case("library", "one answer more", answers, NULL, 1);
  micro_case("library", "a call of a C function", ask, total, 10000);
  micro_case("library", "a fact made and added", add, NULL, 1);
  ambit_close(a);
  return 0;
}
