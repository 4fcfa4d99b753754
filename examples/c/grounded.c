/* Gives a program operations written in C: one with one result, one with several, and
 * one that hands out C data as an atom.
 *
 *   cc -o grounded grounded.c $(pkg-config --cflags --libs ambit)
 */
#include <ambit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Counter {
  int64_t value;
} Counter;

static const ambit_class counter_class = {"Counter", free};

/* (hypot $a $b): a number */
static ambit_outcome hypotenuse(ambit_call *call, const ambit_term *args,
                                size_t n, void *data) {
  double a, b;
  (void)n;
  (void)data;
  if (!ambit_get_float(args[0], &a) || !ambit_get_float(args[1], &b))
    return AMBIT_NOT_MINE;
  double sum = a * a + b * b, root = sum;
  for (int i = 0; i < 60 && root > 0; i++) /* Newton's method */
    root = (root + sum / root) / 2;
  ambit_give(call, ambit_make_float(ambit_call_heap(call), root));
  return AMBIT_GAVE;
}

/* (word "some text"): each word of it, one after the other */
static ambit_outcome words(ambit_call *call, const ambit_term *args, size_t n,
                           void *data) {
  const char *text;
  size_t length, from = 0;
  (void)n;
  (void)data;
  if (!ambit_get_string(args[0], &text, &length)) return AMBIT_NOT_MINE;
  while (from < length) {
    size_t to = from;
    while (to < length && text[to] != ' ')
      to++;
    if (to > from)
      ambit_give(call, ambit_make_string(ambit_call_heap(call), text + from,
                                         to - from));
    from = to + 1;
  }
  return AMBIT_GAVE;
}

static ambit_outcome new_counter(ambit_call *call, const ambit_term *args,
                                 size_t n, void *data) {
  (void)args;
  (void)n;
  (void)data;
  Counter *c = calloc(1, sizeof *c);
  if (!c) return AMBIT_NO_MEMORY;
  ambit_term t = ambit_make_object(ambit_call_heap(call), &counter_class, c);
  if (ambit_is_none_term(t)) free(c);
  ambit_give(call, t);
  return AMBIT_GAVE;
}

static ambit_outcome count(ambit_call *call, const ambit_term *args, size_t n,
                           void *data) {
  Counter *c = ambit_get_object(args[0], &counter_class);
  (void)n;
  (void)data;
  if (!c) {
    ambit_give_error(call, "count! expects a Counter");
    return AMBIT_GAVE_ERROR;
  }
  ambit_give(call, ambit_make_integer(ambit_call_heap(call), ++c->value));
  return AMBIT_GAVE;
}

static const ambit_operation operations[] = {
    {.name = "hypot",
     .type = "(-> Number Number Number)",
     .min_args = 2,
     .max_args = 2,
     .deterministic = true,
     .function = hypotenuse},
    {.name = "word",
     .type = "(-> String String)",
     .min_args = 1,
     .max_args = 1,
     .function = words},
    {.name = "new-counter",
     .type = "(-> Counter)",
     .effects = AMBIT_WRITES_STATES,
     .deterministic = true,
     .function = new_counter},
    {.name = "count!",
     .type = "(-> Counter Number)",
     .min_args = 1,
     .max_args = 1,
     .effects = AMBIT_READS_STATES | AMBIT_WRITES_STATES,
     .deterministic = true,
     .function = count},
};

static const char program[] =
    "!(hypot 3 4)\n"
    "!(collapse (word \"take one by one\"))\n"
    "!(let $c (new-counter) ((count! $c) (count! $c)))\n"
    "!(count! 7)\n";

static bool show(void *arg, const ambit_results *r) {
  (void)arg;
  printf("line %u:", (unsigned)r->line);
  for (size_t i = 0; i < r->n; i++)
    printf(" %s", ambit_text(r->heap, r->at[i], NULL));
  printf("\n");
  return true;
}

int main(void) {
  ambit *a = ambit_open(NULL);
  if (!a) return 1;
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (ambit_register(a, &operations[i]) != AMBIT_OK)
      fprintf(stderr, "%s\n", ambit_message(a));
  if (ambit_run(a, "program", program, strlen(program), show, NULL) != AMBIT_OK)
    printf("%s\n", ambit_message(a));
  ambit_close(a);
  return 0;
}
