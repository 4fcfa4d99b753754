// Branches, transactions and handed over searches while memory runs out: whichever
// allocation fails, and whichever evaluator it fails for, the script is stopped or gives
// what it always gives, a transaction has happened or not, nothing is left behind, and
// the runtime goes on working.
//
// How many allocations there are differs from run to run, because evaluators do what comes
// to them; so each is tried that the first run had, or with fewer places between them.
#include <stdio.h>

#include "tests/unit/actors.h"

static const unsigned crews[] = {1, 2, 4};  // evaluators
enum { CREWS = sizeof crews / sizeof *crews, PLACES = 150, MOST = 200 };

typedef struct Program {
  const char *rules, *forms, *gives;
  const char *then;       // asked when memory is there again
  const char *either[2];  // what that gives: had it happened, had it not
} Program;

#define SUM  "(= (sum $l) (foldl-atom $l 0 $a $b (+ $a $b)))"
#define WORK "(= (work $n) (if (== $n 0) done (work (- $n 1))))"

static const Program programs[] = {
    {"(acc a 10) (acc b 20)"
     "(= (move $x $y $n) (match &self (, (acc $x $p) (acc $y $q))"
     "  (let* (($a (remove-atom &self (acc $x $p))) ($m (- $p $n))"
     "         ($b (remove-atom &self (acc $y $q))) ($o (+ $q $n))"
     "         ($c (add-atom &self (acc $x $m)))"
     "         ($d (add-atom &self (acc $y $o)))) moved)))",
     "!(transaction (move a b 3))",
     "[moved]",
     "!(collapse (match &self (acc $x $n) ($x $n)))",
     {"[((a 7) (b 23))]", "[((a 10) (b 20))]"}},
    {"(= (one) 0) (= (two) 0) (: t A)"
     "(= (both) (let* (($a (remove-atom &self (= (one) 0)))"
     "    ($b (add-atom &self (= (one) 1))) ($c (add-atom &self (: t B)))"
     "    ($d (remove-atom &self (= (two) 0))) ($e (add-atom &self (= (two) "
     "1)))"
     "    ($t (collapse (get-type t))))"
     "  ((one) (two) $t)))",
     "!(transaction (both))",
     "[(1 1 (A B))]",
     "!(let $t (collapse (get-type t)) ((one) (two) $t))",
     {"[(1 1 (A B))]", "[(0 0 (A))]"}},
    {"(= (f) 0)",
     "!(par (let $1 (add-atom &self (= (f) 1)) (collapse (f)))"
     "  (let $1 (remove-atom &self (= (f) 0)) (collapse (f))))",
     "[(0 1), ((f))]",
     "!(+ 1 1)",
     {"[2]", "[2]"}},
    {"(y 0)",
     "!(par (let $1 (add-atom &self (y 1)) (collapse (match &self (y $n) $n)))"
     "  (let $1 (remove-atom &self (y 0)) (collapse (match &self (y $n) $n))))",
     "[(0 1), ()]",
     "!(+ 1 1)",
     {"[2]", "[2]"}},
    {"!(bind! &s (new-state (0 0)))"
     "(= (next ($a $b)) (let* (($c (+ $a 1)) ($d (+ $b 1))) ($c $d)))"
     "(= (times $n) (if (== $n 0) done (let $u (update-state! &s next)"
     "  (times (- $n 1)))))"
     "(= (same ($a $b)) (== $a $b))",
     "!(hyperpose ((times 20) (times 20)))",
     "[done, done]",
     "!(let $p (get-state &s) (same $p))",
     {"[True]", "[True]"}},
    {"(edge a b) (edge b c) !(tabled! reach)"
     "(= (reach $x) (match &self (edge $x $y) $y))"
     "(= (reach $x) (let $y (reach $x) (match &self (edge $y $z) $z)))",
     "!(par (let $1 (add-atom &self (edge c d)) (collapse (reach a)))"
     "  (collapse (reach a)))"
     "!(collapse (reach a))",
     "[(b c d), (b c)][(b c d)]",
     "!(collapse (reach b))",
     {"[(c d)]", "[(c)]"}},
    {SUM,
     "!(interleave (superpose (1 2)) (superpose (\"text\" 3)))"
     "!(once (hyperpose ((sum (1 2 99999999999999999999)))))",
     "[1, \"text\", 2, 3][100000000000000000002]",
     "!(sum (1 2))",
     {"[3]", "[3]"}},
    {WORK "(= (leaf $x) (let $d (work 3000) (pair $x \"a string\" $x)))"
          "(= (all) (collapse (leaf (superpose (1 2 3 4 5 6 7 8)))))",
     "!(size-atom (unique-atom (all)))!(let $l (all) (size-atom $l))",
     "[2][8]",
     "!(work 3)",
     {"[done]", "[done]"}},
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

// One allocation fails, the n-th; 0: none. Returns how many there were.
static uint64_t run_with(const Program *p, unsigned evaluators, uint64_t n,
                         char *usual) {
  open_runtime(evaluators);
  ck_assert_int_eq(run("!(import! &self concurrent)"), RUN_OK);
  ck_assert_int_eq(run(p->rules), RUN_OK);
  uint64_t from = ambi_alloc_attempts();
  ambi_alloc_fail_at(n ? n : NEVER_FAILS);
  enum RunStatus status = run(p->forms);
  uint64_t attempts = ambi_alloc_attempts() - from;
  ambi_alloc_fail_at(0);
  if (n == 0) snprintf(usual, MOST, "%s", lines.text);
  bool same = strncmp(lines.len ? lines.text : "", usual, lines.len) == 0;
  bool stopped = n && status == RUN_LIMIT;
  bool untold = lines.failed;  // there was no memory for what is kept here
  ck_assert_msg(same && (stopped || untold || lines.len == strlen(usual)),
                "%s, with %u, %u: %d, %s", p->forms, evaluators, (unsigned)n,
                status, lines.text);
  ck_assert_int_eq(run(p->then), RUN_OK);
  ck_assert_msg(strcmp(lines.text, p->either[0]) == 0 ||
                    (stopped && strcmp(lines.text, p->either[1]) == 0),
                "%s, with %u, %u: %s", p->forms, evaluators, (unsigned)n,
                lines.text);
  gives("(= (again $x) (+ $x 1)) !(again 41)", "[42]");
  close_runtime();
  return attempts;
}

START_TEST(memory_runs_out) {
  const Program *p = &programs[_i / CREWS];
  unsigned evaluators = crews[_i % CREWS];
  char usual[MOST];
  uint64_t all = run_with(p, evaluators, 0, usual);
  ck_assert_uint_gt(all, 0);
  ck_assert_str_eq(usual, p->gives);
  bool each = getenv("AMBIT_LONG") != NULL;
  uint64_t stride = each ? 1 : all / PLACES + 1;
  for (uint64_t n = 1; n <= all; n += stride)
    run_with(p, evaluators, n, usual);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("concurrent outage");
  if (getenv("AMBIT_LONG")) tcase_set_timeout(tc, 7200);
  tcase_add_loop_test(tc, memory_runs_out, 0, PROGRAMS * CREWS);
  return unit_run(tc, "concurrent_outage");
}
