// Evaluations put away in a block and taken out in another Context, every few steps: they
// give what they give where they stay. Also what may not be stowed, memory that runs out,
// and what never goes on.
#include <string.h>

#include "memory/alloc.h"
#include "runtime/eval.h"
#include "runtime/machine/engine.h"
#include "runtime/machine/stow.h"
#include "runtime/modules/module.h"
#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

static Runtime *rt;
static Context *houses[2];
static size_t bytes_before;

static bool drop_text(void *arg, const char *text, size_t len) {
  (void)arg, (void)text;
  return len <= SIZE_MAX;
}
static void drop_note(void *arg, const char *text, size_t len) {
  drop_text(arg, text, len);
}

static const char program[] =
    "(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))"
    "(= (deep $n) (if (== $n 0) 0 (+ 1 (deep (- $n 1)))))"
    "(= (app Nil $b) $b) (= (app (Cons $h $t) $b) (Cons $h (app $t $b)))"
    "(= (upto $n) (if (== $n 0) Nil (Cons $n (upto (- $n 1)))))"
    "(= (bit) 0) (= (bit) 1)"
    "(= (bits $n) (if (== $n 0) () (let $b (bit)"
    "   (let $r (bits (- $n 1)) (cons-atom $b $r)))))"
    "(= (pair a 1) x) (= (pair b 2) y) (= (pair c 2) z)"
    "(= (err 1) (Error e 1)) (= (err 2) ok) (= (err 3) (Error e 3))"
    "(= (grow $n $l) (if (== $n 0) $l (grow (- $n 1) (cons-atom $n $l))))"
    "(= (first (Cons $h $t)) $h)"
    "(= (big $n) (if (== $n 0) 1 (* 1000000007 (big (- $n 1)))))"
    "(link a b) (link b c) (link c d)"
    "(= (path $x $y) (match &self (link $x $y) found))"
    "(= (path $x $y) (match &self (link $x $z) (path $z $y)))"
    "(: len (-> Atom Number)) (= (len $x) (size-atom $x))"
    "(= (spin $n) (if (== $n 0) done (spin (- $n 1))))";

static const struct {
  const char *form, *gives;
} forms[] = {
    {"(fib 12)", "[144]"},
    {"(deep 300)", "[300]"},
    {"(let $l (app (upto 20) (upto 3)) (first $l))", "[20]"},
    {"(app (upto 3) (app (upto 1) Nil))",
     "[(Cons 3 (Cons 2 (Cons 1 (Cons 1 Nil))))]"},
    {"(let $all (collapse (bits 6)) (size-atom $all))", "[64]"},
    {"(bits 2)", "[(0 0), (0 1), (1 0), (1 1)]"},
    {"(let $r (pair $k $n) ($k $n $r (fib 6)))",
     "[(a 1 x 8), (b 2 y 8), (c 2 z 8)]"},
    {"(let $x (err (superpose (1 2 3))) (got $x (fib 5)))", "[(got ok 5)]"},
    {"(collapse (let $x (superpose (1 3)) (err $x)))",
     "[((Error e 1) (Error e 3))]"},
    {"(once (let $b (bits 8) (if (== (fib 7) 13) $b (empty))))",
     "[(0 0 0 0 0 0 0 0)]"},
    {"(case (pair $k 2) ((x one) (y (fib 9)) ($else (fib 4))))", "[34, 3]"},
    {"(let $l (grow 40 ()) (size-atom $l))", "[40]"},
    {"(collapse-bind (pair $q 2))", "[((y {  })), ((z {  }))]"},
    {"(- (big 6) (- (big 6) 5))", "[5]"},
    {"(collapse (path a $y))", "[(found found found)]"},
    {"(eval (fib 3))", "[(if (< 3 2) 3 (+ (fib (- 3 1)) (fib (- 3 2))))]"},
    {"(chain (fib 10) $x (foo $x \"text\" (fib 4)))", "[(foo 55 \"text\" 3)]"},
    {"(foldl-atom (1 2 3 4) 0 $a $b (+ $a (* $b (fib 5))))", "[50]"},
    {"(map-atom (1 2 3) $x (fib (+ $x 5)))", "[(8 13 21)]"},
    {"(len ($a (fib 3) $b))", "[3]"},
    {"(let* (($x $y) ($z (fib 6)) ($y 7)) ($x $z))", "[(7 8)]"},
};
enum { FORMS = sizeof forms / sizeof *forms };

// ---- the two Contexts ---------------------------------------------------------------

static void settle(Context *cx) {
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  cx->sliced = true;
}

static void open_all(void) {
  Host host = {.write = drop_text, .note = drop_note};
  bytes_before = ambi_alloc_bytes();
  rt = ambi_runtime_open(&host, 1);
  ck_assert_ptr_nonnull(rt);
  Script s = {.rt = rt,
              .module = ambi_module_top(rt),
              .name = "test",
              .text = program,
              .len = strlen(program)};
  ck_assert_int_eq(ambi_run_script(&s), RUN_OK);
  ambi_script_drop(&s);
  rt->guests += 2;
  for (int i = 0; i < 2; i++) {
    houses[i] = ambi_context_open(rt);
    ck_assert_ptr_nonnull(houses[i]);
    settle(houses[i]);
  }
}

static void close_all(void) {
  for (int i = 0; i < 2; i++)
    ambi_context_close(houses[i]);
  rt->guests -= 2;
  ambi_runtime_close(rt);
  ck_assert_uint_eq(ambi_alloc_bytes(), bytes_before);
}

static void open_form(Context *cx, const char *text) {
  Reader r;
  Template t;
  ambi_reader_open(&r, rt, ambi_module_top(rt)->tokens, text, strlen(text));
  r.form = true;
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ambi_limits_begin(cx);
  Value form = ambi_instance(cx, &t, true);
  ck_assert_int_eq(ambi_form_open(cx, form), STOP_NONE);
  ambi_template_release(rt->store, &t);
}

// Runs for so many steps; true: there is more to do.
static bool run_some(Context *cx, int64_t steps, ValueVec *out) {
  ambi_engine_hurry(cx->engine, steps);
  return ambi_rests(ambi_form_run(cx, out));
}

static void leave(Context *cx) {
  ambi_form_close(cx);
  ambi_context_reset(cx);
}

static void go_on_in(Context *from, Context *to, Stowed *s) {
  leave(from);
  ambi_limits_begin(to);
  ck_assert(ambi_unstow(to, s));
}

static void move(Context *from, Context *to) {
  Stowed *s = ambi_stow(from);
  ck_assert_ptr_nonnull(s);
  go_on_in(from, to, s);
}

static void compare(Context *cx, ValueVec *out, const char *gives) {
  Buffer b = {0};
  ambi_print_results(rt, &b, out->at, out->n);
  ck_assert_str_eq(b.text, gives);
  ambi_buffer_drop(&b);
  ambi_vec_drop(out);
  leave(cx);
}

// ---- tests ----------------------------------------------------------------------------

// Every so many steps, from each step to every seventh. (With none it would never go on.)
START_TEST(answers_are_the_same) {
  open_all();
  for (int64_t steps = 1; steps < 8; steps++) {
    ValueVec out = {0};
    int at = 0;
    open_form(houses[at], forms[_i].form);
    while (run_some(houses[at], steps, &out)) {
      move(houses[at], houses[!at]);
      at = !at;
    }
    compare(houses[at], &out, forms[_i].gives);
  }
  close_all();
}
END_TEST

START_TEST(what_never_goes_on_leaves_nothing) {
  open_all();
  for (int64_t steps = 1; steps < 100; steps++) {
    ValueVec out = {0};
    open_form(houses[0], forms[_i].form);
    if (run_some(houses[0], steps, &out)) {
      Stowed *s = ambi_stow(houses[0]);
      ck_assert_ptr_nonnull(s);
      ck_assert_uint_gt(ambi_stowed_bytes(s), 0);
      ambi_stowed_drop(rt, s);
    }
    ambi_vec_drop(&out);
    leave(houses[0]);
  }
  close_all();
}
END_TEST

// What does not fit stays where it is, and so does what has ended or has not begun.
START_TEST(some_stay) {
  ValueVec out = {0};
  open_all();
  ck_assert_ptr_null(ambi_stow(houses[0]));
  open_form(houses[0],
            "(let $l (grow 20000 ()) (let $s (spin 9000) (size-atom $l)))");
  unsigned refused = 0, stowed = 0;
  int at = 0;
  while (run_some(houses[at], 1000, &out)) {
    Stowed *s = ambi_stow(houses[at]);
    if (!s) {
      refused++;
      continue;
    }
    stowed++;
    go_on_in(houses[at], houses[!at], s);
    at = !at;
  }
  ck_assert_uint_gt(refused, 10);
  ck_assert_uint_gt(stowed, 3);
  ck_assert_ptr_null(ambi_stow(houses[at]));
  compare(houses[at], &out, "[20000]");
  close_all();
}
END_TEST

// Whichever allocation fails, it is where it was, or in the block as before.
START_TEST(memory_runs_out) {
  open_all();
  for (uint64_t n = 1; n < 12; n++) {
    ValueVec out = {0};
    int at = 0;
    open_form(houses[at], forms[_i].form);
    while (run_some(houses[at], 5, &out)) {
      ambi_alloc_fail_at(n);
      Stowed *s = ambi_stow(houses[at]);
      ambi_alloc_fail_at(0);
      if (!s) {
        ck_assert(ambi_rests(houses[at]->stop));
        continue;
      }
      leave(houses[at]);
      ambi_limits_begin(houses[!at]);
      ambi_alloc_fail_at(n);
      bool taken = ambi_unstow(houses[!at], s);
      ambi_alloc_fail_at(0);
      ck_assert(taken || ambi_unstow(houses[!at], s));
      at = !at;
    }
    compare(houses[at], &out, forms[_i].gives);
    ambi_context_close(
        houses[0]);  // the next one has to ask for its room again
    ambi_context_close(houses[1]);
    for (int i = 0; i < 2; i++) {
      houses[i] = ambi_context_open(rt);
      settle(houses[i]);
    }
  }
  close_all();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("stow");
  tcase_add_loop_test(tc, answers_are_the_same, 0, FORMS);
  tcase_add_loop_test(tc, what_never_goes_on_leaves_nothing, 0, FORMS);
  tcase_add_test(tc, some_stay);
  tcase_add_loop_test(tc, memory_runs_out, 0, FORMS);
  return unit_run(tc, "stow");
}
