/* Asks a question that has endlessly many answers, and takes the first few.
 *
 *   cc -o first_answers first_answers.c $(pkg-config --cflags --libs ambit)
 */
#include <ambit.h>
#include <stdio.h>
#include <string.h>

static const char program[] =
    "; every whole number from $n on\n"
    "(= (from $n) $n)\n"
    "(= (from $n) (from (+ $n 1)))\n"
    "; one alternative for each way to write $c^2 as a sum of two squares\n"
    "(= (triple)\n"
    "   (let* (($c (from 1)) ($b (between 1 $c)) ($a (between 1 $b)))\n"
    "     (if (== (+ (* $a $a) (* $b $b)) (* $c $c)) ($a $b $c) (empty))))\n"
    "(= (between $lo $hi) (if (> $lo $hi) (empty) $lo))\n"
    "(= (between $lo $hi) (if (> $lo $hi) (empty) (between (+ $lo 1) $hi)))\n";

int main(void) {
  ambit *a = ambit_open(NULL);
  if (!a || ambit_run(a, "triples", program, strlen(program), NULL, NULL)) {
    fprintf(stderr, "%s\n", a ? ambit_message(a) : "out of memory");
    ambit_close(a);
    return 1;
  }
  ambit_query *q = ambit_ask(a, "(triple)", 8);
  ambit_term t;
  for (int i = 0; q && i < 5 && ambit_next(q, &t) == AMBIT_OK; i++) {
    int64_t side[3];
    for (size_t k = 0; k < 3; k++)
      ambit_get_integer(ambit_at(t, k), &side[k]);
    printf("%d^2 + %d^2 = %d^2\n", (int)side[0], (int)side[1], (int)side[2]);
  }
  ambit_query_close(q);
  ambit_close(a);
  return 0;
}
