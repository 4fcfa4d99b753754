// Tier 0 on small programs: what each rule of evaluation makes visible.
//
// A case is a program and the lines it must print, printed text and result
// lists in the order they arise.
#include <string.h>

#include "memory/alloc.h"
#include "runtime/builtins/host.h"
#include "runtime/eval0/eval0.h"
#include "runtime/modules/runner.h"
#include "runtime/runtime.h"
#include "tests/unit/broken.h"

typedef struct Session {
  Runtime *rt;
  Buffer output;
  enum AmbStop stop;  // of the last form that was stopped
} Session;

static bool write_output(void *arg, const char *text, size_t len) {
  ambi_buffer_put(&((Session *)arg)->output, text, len);
  return true;
}

static void ignore_note(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
}

static bool print_form(void *arg, const FormReport *report) {
  Session *s = arg;
  ambi_print_results(s->rt, &s->output, report->results, report->n);
  ambi_buffer_puts(&s->output, "\n");
  if (report->stop) s->stop = report->stop;
  return true;
}

static void open_session(Session *s) {
  *s = (Session){0};
  Host host = {.arg = s, .write = write_output, .note = ignore_note};
  s->rt = ambi_runtime_open(&host, 0);
  ck_assert_ptr_nonnull(s->rt);
}

static void close_session(Session *s) {
  ambi_runtime_close(s->rt);
  ambi_buffer_drop(&s->output);
}

static void run(Session *s, const char *program) {
  Script script = {.rt = s->rt,
                   .module = ambi_module_top(s->rt),
                   .name = "test",
                   .text = program,
                   .len = strlen(program),
                   .on_form = print_form,
                   .arg = s};
  ambi_run_script(&script);
  ambi_script_drop(&script);
}

static void expect(const char *program, const char *lines) {
  Session s;
  open_session(&s);
  run(&s, program);
  ck_assert_str_eq(s.output.text ? s.output.text : "", lines);
  close_session(&s);
}

START_TEST(leftmost_argument_is_slowest) {
  expect("!(foo (superpose (1 2)) (superpose (a b)))",
         "[(foo 1 a), (foo 1 b), (foo 2 a), (foo 2 b)]\n");
  expect("(= (f 0) zero) (= (f $n) var) !(f 0)", "[zero, var]\n");
}
END_TEST

START_TEST(bindings_of_arguments_survive) {
  expect("(= (par p1) c1) (= (par p2) c2) !(let $r (par $z) ($z $r))",
         "[(p1 c1), (p2 c2)]\n");
  expect("!(let $x 5 (let $x 6 $x))", "[]\n");
  expect("(= (f a) 1) (= (f b) 2)"
         "!(let $r (collapse-bind (metta (g (f $x)) %Undefined% &self))"
         "   (let $z (superpose-bind $r) ($x $z)))",
         "[(a (g 1)), (b (g 2))]\n");
}
END_TEST

START_TEST(chain_substitutes_and_does_not_bind) {
  expect("!(foo (chain (+ 1 2) $x $x) $x)", "[(foo 3 $x)]\n");
  expect("!(chain (unify $x a ok no) $x (foo $x))", "[(foo ok)]\n");
  expect("!(chain (cons-atom $y ()) $x (foo $x))", "[(foo ($y))]\n");
  expect("!(chain (cons-atom $x ()) $x (foo $x))", "[(foo $x)]\n");
}
END_TEST

START_TEST(errors_go_when_a_sibling_succeeds) {
  expect("(= (t) (Error x 1)) (= (t) (Error x 2)) (= (t) 3) !(bar (t))",
         "[(bar 3)]\n");
  expect("(= (t) (Error x 1)) (= (t) (Error x 2)) (= (t) (Error x 3)) !(bar "
         "(t))",
         "[(Error x 1), (Error x 2), (Error x 3)]\n");
  expect("(= (f) (Error a b)) (= (f) Empty) !(f)", "[(Error a b)]\n");
  expect("(= (z 1) Empty) !(z (superpose (1 (Error a b))))", "[]\n");
  expect("(= (h 1) one) (= (h 2) (Error h two)) !(h $q)", "[one]\n");
  expect("(= (g) (Error a b)) (= (g) 1) (= (foo 1) (Error foo 1))"
         "(= (h $x) (foo $x)) (= (f) (h (g))) !(bar (f))",
         "[(Error foo 1)]\n");
}
END_TEST

START_TEST(instructions_open_no_position) {
  const char *rules = "(= (er) (Error a b)) (= (er) 1) (= (fz 1) (empty))";
  char text[200];
  snprintf(text, sizeof text, "%s !(let $x (er) (fz $x))", rules);
  expect(text, "[]\n");
  snprintf(text, sizeof text, "%s !(chain (eval (er)) $x (fz $x))", rules);
  expect(text, "[(Error a b)]\n");
}
END_TEST

START_TEST(errors_keep_their_bindings) {
  expect("(= (g a) (Error a a)) (= (g b) (Error b b))"
         "!(case (g $x) (((Error $e $m) (caught $x $m))))",
         "[(caught a a), (caught b b)]\n");
  expect("(= (bb $x) (let $x ($w) (let $w (superpose (1 2)) (Error e $x))))"
         "!(case (bb $q) (((Error $e $m) ($q $m))))",
         "[((1) (1)), ((2) (2))]\n");
}
END_TEST

START_TEST(a_position_is_gathered_before_the_rest) {
  expect("!(bind! &c (new-state 0))"
         "(= (inc) (change-state! &c (+ 1 (get-state &c))))"
         "!(let $x (superpose ((inc) (inc))) (get-state &c))",
         "[()]\n[2, 2]\n");
  expect("(= (f) 1)"
         "!(let $x (superpose ((f) (f))) (let $_ (add-atom &self (= (f) 2)) "
         "$x))",
         "[1, 1]\n");
  expect("(= (dd $x) (let $x ($w) (let $w (superpose (1 2))"
         "   (let $_ (println! hi) $x))))"
         "!(let $r (dd $q) (let $u (println! ho) ($q $r)))",
         "hi\nhi\nho\nho\n[((1) (1)), ((2) (2))]\n");
}
END_TEST

START_TEST(once_abandons_the_rest) {
  expect("!(once (superpose ((println! a) (println! b))))", "a\n[()]\n");
  expect("(= (e) (Error a b)) (= (e) 1) (= (e) 2) !(once (e))", "[1]\n");
  expect("(= (e) (Error a b)) (= (e) (Error c d)) !(once (e))",
         "[(Error a b)]\n");
  expect("(= (p a) 1) (= (p b) 2) !(let $v (once (p $x)) ($x $v))",
         "[(a 1)]\n");
  expect("!(once (empty))", "[]\n");
}
END_TEST

START_TEST(evaluated_atoms_are_not_evaluated_again) {
  expect("(= (mk) (data 1))"
         "!(let $d (mk) (let $_ (add-atom &self (= (data 1) reduced)) $d))"
         "!(data 1)",
         "[(data 1)]\n[reduced]\n");
  expect("(: twice (-> Atom %Undefined%))"
         "(= (addr) (add-atom &self (= (data 1) reduced)))"
         "(= (twice $d) ($d (addr) $d)) !(twice (data 1))",
         "[((data 1) () reduced)]\n");
}
END_TEST

START_TEST(types_choose_the_branches) {
  const char *both =
      "(: both A) (: both (-> Number Number)) (= (both $x) (got $x))";
  char text[200];
  snprintf(text, sizeof text, "%s !(both (+ 1 2))", both);
  expect(text, "[(got 3)]\n");
  snprintf(text, sizeof text, "%s !(both \"s\")", both);
  expect(text, "[(got \"s\")]\n");
  expect("(: f (-> Number Number)) (= (f $x) $x) !(f \"s\")",
         "[(Error (f \"s\") (BadArgType 1 Number String))]\n");
  expect("(: g (-> Atom Atom)) (= (g $x) (+ 1 $x)) !(g 1)", "[(+ 1 1)]\n");
  expect("(: g (-> Atom Expression)) (= (g $x) (+ 1 $x)) !(g 1)", "[2]\n");
}
END_TEST

START_TEST(malformed_instructions_are_errors) {
  expect("!(chain a b c)",
         "[(Error (chain a b c) expected: (chain <nested> (: <var> Variable) "
         "<templ>), found: (chain a b c))]\n");
  expect("!(cons-atom a b)",
         "[(Error (cons-atom a b) expected: (cons-atom <head> (: <tail> "
         "Expression)), found: (cons-atom a b))]\n");
  expect("(= (nr) (function (foo a))) !(nr)", "[(Error (nr) NoReturn)]\n");
  expect("!(superpose-bind ((1 x)))",
         "[(Error (superpose-bind ((1 x))) expected: (superpose-bind (: "
         "<collapsed> Expression)), found: (superpose-bind ((1 x))))]\n");
}
END_TEST

START_TEST(bare_instructions_evaluate_nothing) {
  expect("!(pragma! interpreter bare-minimal) !(+ 1 2) !(eval (+ 1 2))"
         "!(chain (eval (superpose (1 2))) $x (foo $x))",
         "[()]\n[(+ 1 2)]\n[3]\n[(foo 1), (foo 2)]\n");
}
END_TEST

START_TEST(depth_needs_no_c_stack) {
  expect("(= (f $n) (if (> $n 0) (+ 1 (f (- $n 1))) 0)) !(f 100000)",
         "[100000]\n");
  expect("(= (g $n) (if (> $n 0) (g (- $n 1)) done)) !(g 100000)", "[done]\n");
  expect("(= (b $n) (if (> $n 0) (S (b (- $n 1))) Z))"
         "(= (c Z) 0) (= (c (S $x)) (+ 1 (c $x))) !(c (b 20000))",
         "[20000]\n");
}
END_TEST

START_TEST(max_stack_depth_gives_a_value) {
  expect("(= (loop $n) (loop (+ $n 1)))"
         "!(pragma! max-stack-depth 60)"
         "!(case (loop 0) (((Error $a StackOverflow) caught)))",
         "[()]\n[caught]\n");
}
END_TEST

static enum AmbStop stopped_by(Session *s, const char *program) {
  s->stop = STOP_NONE;
  run(s, program);
  return s->stop;
}

START_TEST(limits_stop_the_form) {
  Session s;
  open_session(&s);
  s.rt->limits.answers = 2;
  ck_assert_int_eq(stopped_by(&s, "!(superpose (1 2 3))"), STOP_ANSWERS);
  ck_assert_str_eq(s.output.text, "[1, 2]\n");
  s.rt->limits = (Limits){.steps = 100000};
  ck_assert_int_eq(stopped_by(&s, "(= (l) (l)) !(l)"), STOP_STEPS);
  s.rt->limits = (Limits){.depth = 1000};
  ck_assert_int_eq(stopped_by(&s, "(= (d) (S (d))) !(d)"), STOP_DEPTH);
  s.rt->limits = (Limits){.memory = 64 << 20};
  ck_assert_int_eq(stopped_by(&s, "!(d)"), STOP_MEMORY);
  s.rt->limits = (Limits){0};
  ck_assert_int_eq(stopped_by(&s, "!(+ 1 2)"), STOP_NONE);
  close_session(&s);
}
END_TEST

// Whichever allocation fails, the form stops cleanly and the next one runs.
START_TEST(memory_may_run_out_anywhere) {
  const char *program =
      "(= (p a) 1) (= (p b) 2) (= (f $n) (if (> $n 0) (S (f (- $n 1))) Z))"
      "!(case (foo (p $x) (f 5)) (($y (got $x $y))))"
      "!(collapse (match &self (= (p $x) $y) ($x $y)))";
  for (uint64_t n = 1;; n++) {
    Session s;
    open_session(&s);
    uint64_t before = ambi_alloc_attempts();
    ambi_alloc_fail_at(n);
    run(&s, program);
    bool failed = ambi_alloc_attempts() - before >= n;
    ambi_alloc_fail_at(0);
    if (!failed) {
      close_session(&s);
      break;
    }
    s.output.failed = false;
    s.output.len = 0;
    run(&s, "!(+ 1 2)");
    ck_assert_str_eq(s.output.text, "[3]\n");
    close_session(&s);
  }
}
END_TEST

// ---- the walk over the machine ----------------------------------------------------

static Choice *newest_choice(Machine *m, enum ChoiceKind kind) {
  size_t i = m->nchoices;
  while (i > 0 && m->choices[i - 1].kind != kind)
    i--;
  ck_assert_uint_gt(i, 0);
  return &m->choices[i - 1];
}

static Frame *newest_frame(Machine *m, enum FrameKind kind) {
  Frame *f = m->choices[m->nchoices - 1].up;
  while (f && f->kind != kind)
    f = f->up;
  ck_assert_ptr_nonnull(f);
  return f;
}

#define MACHINE ambi_eval0_is_valid(m, &why)

static void break_agenda(Machine *m) {
  BROKEN(m->nchoices, m->choices_cap + 1, MACHINE,
         "an agenda longer than its room");
  BROKEN(m->top, m->stack.base - 1, MACHINE, "the stack's top is not on it");
  Choice *c = newest_choice(m, CHOICE_COLLECT);
  BROKEN(c->kind, (enum ChoiceKind)(CHOICE_TABLE + 1), MACHINE,
         "a choice of no kind");
  BROKEN(c->trail, m->cx->tr + 1, MACHINE,
         "a choice that goes back further than one below");
  BROKEN(c->h, m->cx->h + 1, MACHINE,
         "a choice that goes back further than one below");
  BROKEN(c[-1].h, c->h + 1, MACHINE,
         "a choice that goes back further than one below");
  Collector *k = c->collector;
  BROKEN(c->collector, (Collector *)(void *)m->top, MACHINE,
         "a collector that is not on the stack");
  BROKEN(k->choice, k->choice + 1, MACHINE,
         "a collector under another's choice");
  BROKEN(k->mark.top, (char *)(k + 1), MACHINE,
         "a collector that began later than it stands");
  c = newest_choice(m, CHOICE_ITEMS);
  BROKEN(c->next, NULL, MACHINE, "a choice without alternatives");
  Item *item = (Item *)(uintptr_t)c->next;
  BROKEN(k->items.first, item, MACHINE, "results that end elsewhere");
  BROKEN(c->next, (const Item *)(void *)m->top, MACHINE,
         "a result that is not on the stack");
  ck_assert_uint_eq(item->nbindings, 1);
  BROKEN(item->nbindings, 1 << 20, MACHINE,
         "a result that is not on the stack");
  BROKEN(item->bindings[0].cell, (Word *)(void *)m->stack.base, MACHINE,
         "a result that binds what is no variable");
  BROKEN(item->value, ambi_tag_ptr(TAG_EXPR, m->cx->h), MACHINE,
         "a value points to where nothing is");
}

static void break_frames(Machine *m) {
  Frame *f = newest_frame(m, FRAME_ARGS);
  BROKEN(f->up, (Frame *)(void *)m->top, MACHINE,
         "a frame above the one that goes on with it");
  BROKEN(f->kind, FRAME_TRACE + 1, MACHINE, "a frame of no kind");
  BROKEN(f->space, NULL, MACHINE, "a frame of no space");
  BROKEN(f->nest, f->nest + 1, MACHINE,
         "a frame that counts its collectors wrong");
  BROKEN(f->index, ambi_expr_size(f->a), MACHINE,
         "a frame for a child that the call has not");
  BROKEN(f->done, (Done *)(void *)m->top, MACHINE,
         "a value of a child that is nowhere");
  BROKEN(f->a, ambi_tag_ptr(TAG_EXPR, m->cx->h), MACHINE,
         "a value points to where nothing is");
  f = newest_frame(m, FRAME_COLLECT);
  BROKEN(f->collector, (Collector *)(void *)m->stack.base, MACHINE,
         "a frame of no collector");
}

static unsigned looked;

static enum BuiltinStatus look(Context *cx, const Value *args, unsigned n,
                               Value *out, void *data) {
  (void)args, (void)n, (void)data;
  Machine *m = cx->machine;
  SOUND(MACHINE);
  if (looked++ == 0) {
    break_agenda(m);
    break_frames(m);
  }
  *out = ambi_small_int(7);
  return B_OK;
}

START_TEST(walk) {
  Session s;
  open_session(&s);
  HostOp op = {.row = {.name = "look", .type = "", .effects = E_IO},
               .call = look};
  ck_assert_int_eq(ambi_host_add(s.rt, &op), HOST_ADDED);
  looked = 0;
  run(&s, "(= (f a) 1) (= (f b) 2) !(collapse (pair (f $x) (look) $x))");
  ck_assert_str_eq(s.output.text, "[((pair 1 7 a) (pair 2 7 b))]\n");
  ck_assert_uint_eq(looked, 2);
  close_session(&s);
}
END_TEST

static enum BuiltinStatus see(Context *cx, const Value *args, unsigned n,
                              Value *out, void *data) {
  (void)args, (void)n, (void)data;
  Machine *m = cx->machine;
  const Frame *f = newest_frame(m, FRAME_TABLE);
  ck_assert_uint_eq(f->nest, f->up ? f->up->nest + 1 : 1);
  SOUND(MACHINE);
  looked++;
  *out = ambi_small_int(7);
  return B_OK;
}

// A table that is being made nests, whether a limit on that is set or not.
START_TEST(walk_of_tables) {
  Session s;
  open_session(&s);
  HostOp op = {.row = {.name = "see", .type = "", .effects = E_IO},
               .call = see};
  ck_assert_int_eq(ambi_host_add(s.rt, &op), HOST_ADDED);
  looked = 0;
  run(&s, "(= (f) (see)) !(tabled! f) !(f)");
  s.rt->limits.depth = 1000;
  run(&s, "(= (g) (collapse (see))) !(tabled! g) !(g)");
  ck_assert_uint_eq(looked, 2);
  close_session(&s);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("tier 0");
  tcase_add_test(tc, leftmost_argument_is_slowest);
  tcase_add_test(tc, bindings_of_arguments_survive);
  tcase_add_test(tc, chain_substitutes_and_does_not_bind);
  tcase_add_test(tc, errors_go_when_a_sibling_succeeds);
  tcase_add_test(tc, instructions_open_no_position);
  tcase_add_test(tc, errors_keep_their_bindings);
  tcase_add_test(tc, a_position_is_gathered_before_the_rest);
  tcase_add_test(tc, once_abandons_the_rest);
  tcase_add_test(tc, evaluated_atoms_are_not_evaluated_again);
  tcase_add_test(tc, types_choose_the_branches);
  tcase_add_test(tc, malformed_instructions_are_errors);
  tcase_add_test(tc, bare_instructions_evaluate_nothing);
  tcase_add_test(tc, depth_needs_no_c_stack);
  tcase_add_test(tc, max_stack_depth_gives_a_value);
  tcase_add_test(tc, limits_stop_the_form);
  tcase_add_test(tc, memory_may_run_out_anywhere);
  tcase_add_test(tc, walk);
  tcase_add_test(tc, walk_of_tables);
  return unit_run(tc, "eval0");
}
