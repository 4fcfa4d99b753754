// Actors as a whole: a hundred thousand at once, killed at random, and while memory
// runs out, with one evaluator and with several. Whatever happens, those that
// live get their messages, ends are told, and nothing is left behind.
#include <stdio.h>

#include "tests/unit/actors.h"

static const unsigned crews[] = {1, 2, 4};  // evaluators
enum { CREWS = sizeof crews / sizeof *crews };

static const char ring[] =
    "!(import! &self concurrent)"
    "(= (node $root $next)"
    "   (receive (((token 0) (send $root done))"
    "             ((token $k) (let $u (send $next (token (- $k 1)))"
    "                           (node $root $next))))))"
    "(= (first $root) (receive (((next $a) (node $root $a)))))"
    "(= (ring $n $root $next)"
    "   (if (== $n 0) $next"
    "       (ring (- $n 1) $root (spawn (node $root $next)))))"
    "(= (turn $n $k)"
    "   (let* (($root (self)) ($f (spawn (first $root))) ($l (ring $n $root "
    "$f))"
    "          ($u (send $f (next $l))) ($v (send $f (token $k))))"
    "     (receive ((done finished)))))";

// A hundred thousand do, and each takes less than so many bytes.
static void begin_to_live(const char *form, const char *answer, size_t bytes) {
  enum { MANY = 100000 };
  size_t before = ambi_alloc_bytes();
  gives(form, answer);
  const Actors *all = rt->actors;
  ck_assert_uint_gt(ambi_load_relaxed(&all->x_living), MANY);
  ck_assert_uint_lt((ambi_alloc_bytes() - before) / MANY, bytes);
}

START_TEST(a_hundred_thousand_at_once) {
  open_runtime(crews[_i]);
  gives(ring, "[()]");
  gives("!(turn 1000 100)", "[finished]");
  begin_to_live("!(turn 100000 110000)", "[finished]", 1024);
  close_runtime();
}
END_TEST

// Their answer is a part of something, so they have more on their stacks than a form.
static const char within[] =
    "!(import! &self concurrent)"
    "(= (adder $boss $n) (let $u (send $boss here)"
    "   (send $boss (sum (+ $n (receive (((add $x) $x))))))))"
    "(= (start $boss $n $l) (if (== $n 0) $l (let $a (spawn (adder $boss $n))"
    "   (start $boss (- $n 1) (Cons $a $l)))))"
    "(= (await $k) (if (== $k 0) all (receive ((here (await (- $k 1)))))))"
    "(= (tell Nil) ())"
    "(= (tell (Cons $a $r)) (let $u (send $a (add 2)) (tell $r)))"
    "(= (gather $k $s) (if (== $k 0) $s"
    "   (receive (((sum $i) (gather (- $k 1) (+ $s $i)))))))"
    "(= (all $n) (let $l (start (self) $n Nil) (let $w (await $n) $l)))";

START_TEST(a_hundred_thousand_wait_within) {
  open_runtime(crews[_i]);
  gives(within, "[()]");
  gives("!(bind! &some (all 100))", "[()]");
  begin_to_live("!(bind! &all (all 100000))", "[()]", 3072);
  gives("!(let $u (tell &all) (gather 100000 0))", "[5000250000]");
  close_runtime();
}
END_TEST

// ---- chaos ----------------------------------------------------------------------

// Servers that others call, link to and kill at random; each call is answered or fails,
// each end is told once.
static const char chaos[] =
    "!(import! &self concurrent)"
    "!(import! &self random)"
    "(= (server $n)"
    "   (receive (((call $r $x) (let $u (reply $r (+ $x 1)) (server (+ $n 1))))"
    "             ((die $x) (/ $x 0)))))"
    "(= (client $who $server 0) (send $who ended))"
    "(= (client $who $server $k)"
    "   (if (> $k 0)"
    "     (let $x (catch (call $server $k 200) failed)"
    "       (if (or (== $x (+ $k 1)) (== $x failed))"
    "         (client $who $server (- $k 1))"
    "         (send $who (wrong $k $x))))"
    "     (empty)))"
    "(= (killer $servers 0) done)"
    "(= (killer $servers $k)"
    "   (if (> $k 0)"
    "     (let* (($i (random-int &rng 0 10)) ($s (index-atom $servers $i))"
    "            ($u (if (flip) (kill $s chaos) (send $s (die $k))))"
    "            ($v (receive () 1 ())))"
    "       (killer $servers (- $k 1)))"
    "     (empty)))"
    "(= (many $n $x) (if (== $n 0) () (let* (($a (spawn (server 0) (monitor)))"
    "   ($l (many (- $n 1) $x))) (cons-atom $a $l))))"
    "(= (ends 0 $n) $n)"
    "(= (ends $k $n) (if (> $k 0) (receive ((ended (ends (- $k 1) $n))"
    "   ((wrong $a $b) (wrong $a $b))) 20000 lost) (empty)))"
    "(= (downs 0) all)"
    "(= (downs $k) (if (> $k 0) (receive (((down $a $r) (downs (- $k 1)))) "
    "20000"
    "   (missing $k)) (empty)))"
    "(= (clients $me $servers $n) (if (== $n 0) () (let* (($s (index-atom "
    "$servers"
    "   (% $n 10))) ($c (spawn (client $me $s 50))))"
    "   (clients $me $servers (- $n 1)))))"
    "(= (kill-all $l) (map-atom $l $s (kill $s over)))"
    "(= (round $x) (let* (($me (self)) ($servers (many 10 $x))"
    "   ($u (clients $me $servers 20)) ($k (spawn (killer $servers 12)))"
    "   ($e (ends 20 fine)) ($v (kill-all $servers)))"
    "   ($e (downs 10) (receive ((ended twice) ((down $a $r) twice)) 0 "
    "once))))";

START_TEST(chaos_loses_nothing) {
  open_runtime(crews[_i]);
  gives(chaos, "[()][()]");
  for (int i = 0; i < 20; i++)
    gives("!(round 1)", "[(fine all once)]");
  close_runtime();
}
END_TEST

// Killed at any moment of its slices, or when it waits, an actor ends.
static const char killed[] =
    "!(import! &self concurrent)"
    "(= (busy) (receive (((add $x) (busy)))))"
    "(= (spin $n) (if (== $n 0) () (spin (- $n 1))))"
    "(= (ends $n $lost) (if (== $n 0) $lost"
    "   (let* (($a (spawn (busy) (monitor))) ($u (spin (* 5 (% $n 200))))"
    "          ($k (kill $a enough))"
    "          ($l (receive (((down $b enough) $lost)) 20000 (+ $lost 1))))"
    "      (ends (- $n 1) $l))))";

START_TEST(killed_at_any_moment) {
  open_runtime(crews[_i]);
  gives(killed, "[()]");
  gives("!(ends 3000 0)", "[0]");
  close_runtime();
}
END_TEST

// Actors that begin others, which wait for ever, while the runtime is closed.
static const char breeding[] =
    "!(import! &self concurrent)"
    "(= (waiter) (receive ((never heard))))"
    "(= (breed $n) (if (== $n 0) ()"
    "   (let $a (spawn (waiter)) (breed (- $n 1)))))";

START_TEST(closed_while_others_begin) {
  for (int i = 0; i < 20; i++) {
    open_runtime(crews[_i]);
    gives(breeding, "[()]");
    gives("!(let* (($a (spawn (breed 3000))) ($b (spawn (breed 3000)))) begun)",
          "[begun]");
    close_runtime();
  }
}
END_TEST

// ---- without memory -------------------------------------------------------------

static const char small[] =
    "(= (count $n) (receive (((add $x) (count (+ $n $x)))"
    "   ((call $r get) (let $u (reply $r $n) (count $n))))))"
    "(= (deep $a) (+ 1 (call $a get)))"
    "!(let* (($a (spawn (count 0) (monitor))) ($u (send $a (add (+ 1 1))))"
    "        ($me (self)) ($b (spawn (send $me (deep-is (deep $a))))))"
    "   (receive (((deep-is $x) $x))))"
    "!(let* (($a (spawn (count 0) (monitor link))) ($x (call $a get)) ($k"
    "   (send $a (add nothing)))) $x)";

// The script is stopped, or gives what it always gives.
static void gives_without_memory(const char *text, const char *expected,
                                 unsigned evaluators, unsigned step) {
  for (uint64_t n = 1;; n += step) {
    open_runtime(evaluators);
    ck_assert_int_eq(run("!(import! &self concurrent)"), RUN_OK);
    uint64_t from = ambi_alloc_attempts();
    ambi_alloc_fail_at(n);
    enum RunStatus status = run(text);
    uint64_t attempts = ambi_alloc_attempts() - from;
    ambi_alloc_fail_at(0);
    bool same = strncmp(lines.text, expected, lines.len) == 0;
    bool stopped = status == RUN_LIMIT || lines.failed;
    ck_assert_msg(same && (stopped || lines.len == strlen(expected)),
                  "%u: %d, %s", (unsigned)n, status, lines.text);
    gives("(= (again $x) (+ $x 1)) !(again 41)", "[42]");
    close_runtime();
    if (n > attempts) return;
  }
}

START_TEST(memory_runs_out) {
  gives_without_memory(small, "[3][0]", crews[_i], 3);
}
END_TEST

// Whoever waits for an end: by a monitor, by a call, by a link that ends it, too.
static const char ends[] =
    "(= (await $a) (receive (((down $a $r) told))))"
    "(= (parent) (let $c (spawn (/ 1 0) (link)) (receive ((never heard)))))"
    "!(let $a (spawn (+ 1 1) (monitor)) (await $a))"
    "!(let $a (spawn (parent) (monitor)) (await $a))"
    "!(let $a (spawn (receive (((call $r x) (/ 1 0)))))"
    "   (catch (call $a x) failed))";

START_TEST(memory_runs_out_at_ends) {
  gives_without_memory(ends, "[told][told][failed]", crews[_i], 1);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("actor");
  tcase_add_loop_test(tc, a_hundred_thousand_at_once, 0, CREWS);
  tcase_add_loop_test(tc, a_hundred_thousand_wait_within, 0, CREWS);
  tcase_add_loop_test(tc, chaos_loses_nothing, 0, CREWS);
  tcase_add_loop_test(tc, killed_at_any_moment, 0, CREWS);
  tcase_add_loop_test(tc, closed_while_others_begin, 0, CREWS);
  tcase_add_loop_test(tc, memory_runs_out, 0, CREWS);
  tcase_add_loop_test(tc, memory_runs_out_at_ends, 0, CREWS);
  return unit_run(tc, "actor");
}
