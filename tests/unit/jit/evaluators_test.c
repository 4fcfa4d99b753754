// Several evaluators on one Runtime: threads that each run forms in a Context of their
// own, call the same code while it is lowered, counted and compiled, and throw it away
// for one another by adding and removing rules. Answers stay right; the sanitizers see
// the rest. With one argument: so many rounds.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "compiler_thread/compiler.h"
#include "memory/alloc.h"
#include "runtime/eval.h"
#include "runtime/guard.h"
#include "runtime/modules/module.h"
#include "runtime/modules/runner.h"
#include "runtime/spaces/share.h"
#include "tests/unit/unit.h"

enum { MOST = 4 };
static unsigned rounds = 12;

typedef struct Evaluator {
  pthread_t thread;
  unsigned number, others;
  Runtime *rt;
  Context *cx;
  pthread_barrier_t *together;
  unsigned right;
  char wrong[512];  // the first form that was not answered as it should be
} Evaluator;

// What all of them call.
static const char program[] =
    "(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))"
    "(= (coin) heads) (= (coin) tails)"
    "(= (inc $x) (+ $x 1)) (= (double $x) (* $x 2))"
    "(= (twice $f $x) ($f ($f $x)))"
    "(: length (-> (List $t) Number))"
    "(: Nil (List $t)) (: Cons (-> $t (List $t) (List $t)))"
    "(= (length Nil) 0) (= (length (Cons $h $t)) (+ 1 (length $t)))"
    "(: word Word) (: half (-> Number Number)) (= (half $x) (/ $x 2))"
    "(= (app Nil $b) $b) (= (app (Cons $h $t) $b) (Cons $h (app $t $b)))"
    "(= (loop $n $s) (if (== $n 0) $s (loop (- $n 1) (+ $s (step $n)))))"
    "(= (step $x) 1)"
    "(= (shared) first)";

static bool drop_text(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}
static void drop_note(void *arg, const char *text, size_t len) {
  drop_text(arg, text, len);
}

// ---- forms ------------------------------------------------------------------------

static bool read_one(Evaluator *e, const char *text, Template *out) {
  Reader r;
  ambi_guard(e->rt);
  ambi_reader_open(&r, e->rt, ambi_module_top(e->rt)->tokens, text,
                   strlen(text));
  r.form = true;
  bool ok = ambi_read(&r, out) == READ_ATOM;
  ambi_unguard(e->rt);
  return ok;
}

static void blame(Evaluator *e, const char *text, const char *got) {
  if (!*e->wrong)
    snprintf(e->wrong, sizeof e->wrong, "%u: %s: %s", e->number, text, got);
}

// As a task does: inside from its first step until it is done.
static void ask(Evaluator *e, const char *text, const char *want) {
  Context *cx = e->cx;
  Template t;
  ValueVec results = {0};
  Buffer b = {0};
  ambi_party_enter(cx);
  ambi_limits_begin(cx);
  if (!read_one(e, text, &t)) {
    blame(e, text, "cannot be read");
  } else {
    Value form = ambi_instance(cx, &t, true);
    enum AmbStop stop = ambi_eval1_form(cx, form, &results);
    ambi_print_results(e->rt, &b, results.at, results.n);
    ambi_template_release(e->rt->store, &t);
    bool right = stop == STOP_NONE && b.text && strcmp(b.text, want) == 0;
    if (right)
      e->right++;
    else
      blame(e, text, b.text ? b.text : "nothing");
  }
  ambi_vec_drop(&results);
  ambi_buffer_drop(&b);
  ambi_party_leave(cx);
  ambi_context_reset(cx);
  ambi_code_quiesce(e->rt->code);  // others may run what was thrown away
}

static void ask_with(Evaluator *e, const char *format, unsigned a, unsigned b,
                     const char *want) {
  char text[512];
  snprintf(text, sizeof text, format, a, b, a, b, a, b, a, b, a, b);
  ask(e, text, want);
}

static void ask_all(Evaluator *e) {
  ask(e, "(fib 12)", "[144]");
  ask(e, "(collapse ((coin) (coin)))",
      "[((heads heads) (heads tails) (tails heads) (tails tails))]");
  ask(e, "(let $f (superpose (inc double)) (twice $f 5))", "[7, 20]");
  ask(e, "(length (app (Cons a (Cons b Nil)) (Cons c Nil)))", "[3]");
  ask(e, "(half word)", "[(Error (half word) (BadArgType 1 Number Word))]");
  ask(e, "(loop 300 0)", "[300]");
  ask(e, "(let $s (collapse (match &self (= (coin) $x) $x)) (size-atom $s))",
      "[2]");
}

// Rules of this evaluator alone, and of its round: what it runs is thrown away in the
// middle, by itself and by the others.
static void change_own(Evaluator *e, unsigned round) {
  unsigned n = e->number;
  ask_with(e, "(== (own-%u-%u) (own-%u-%u))", n, round, "[True]");
  ask_with(e, "(add-atom &self (= (own-%u-%u) one))", n, round, "[()]");
  ask_with(e,
           "(let () (add-atom &self (= (own-%u-%u) two))"
           " (collapse (own-%u-%u)))",
           n, round, "[(one two)]");
  ask_with(e,
           "(let $r (collapse ((coin) (own-%u-%u)))"
           " (let () (remove-atom &self (= (own-%u-%u) one))"
           "  ((size-atom $r) (own-%u-%u))))",
           n, round, "[(4 two)]");
  ask_with(e, "(add-atom &self (: (typed-%u-%u) Number))", n, round, "[()]");
  ask_with(e, "(== (data-%u-%u (inc 1)) (data-%u-%u 2))", n, round, "[True]");
}

// Rules that all of them call and change, the ninth change and more.
static void change_shared(Evaluator *e, unsigned round) {
  ask_with(e, "(add-atom &self (= (shared) (by %u %u)))", e->number, round,
           "[()]");
  ask_with(e, "(let $all (collapse (shared)) (> (size-atom $all) 1))", 0, 0,
           "[True]");
  ask_with(e, "(remove-atom &self (= (shared) (by %u %u)))", e->number, round,
           "[()]");
}

static void *evaluate(void *arg) {
  Evaluator *e = arg;
  for (unsigned round = 0; round < rounds && !*e->wrong; round++) {
    pthread_barrier_wait(e->together);
    ask_all(e);
    change_own(e, round);
    ask_all(e);
    change_shared(e, round);
  }
  return NULL;
}

// ---- a Runtime --------------------------------------------------------------------

static bool ignore(void *arg, const FormReport *r) {
  (void)arg;
  return r->n <= SIZE_MAX;
}

static Runtime *open_runtime(const JitConfig *config) {
  Host host = {.write = drop_text, .note = drop_note};
  const char *why;
  Runtime *rt = ambi_runtime_open(&host, 1);
  ck_assert_ptr_nonnull(rt);
  ck_assert(ambi_compiler_open(rt, config, &why));
  Script s = {.rt = rt,
              .module = ambi_module_top(rt),
              .name = "test",
              .text = program,
              .len = sizeof program - 1,
              .on_form = ignore};
  ck_assert_int_eq(ambi_run_script(&s), RUN_OK);
  ambi_script_drop(&s);
  return rt;
}

static void open_evaluator(Evaluator *e, Runtime *rt, unsigned number,
                           pthread_barrier_t *together) {
  *e = (Evaluator){.rt = rt, .number = number, .together = together};
  e->cx = ambi_context_open(rt);
  ck_assert_ptr_nonnull(e->cx);
  e->cx->module = ambi_module_top(rt);
  e->cx->space = e->cx->module->space;
}

static void run_together(Runtime *rt, unsigned n) {
  static Evaluator all[MOST];
  pthread_barrier_t together;
  pthread_barrier_init(&together, NULL, n);
  for (unsigned i = 0; i < n; i++)
    open_evaluator(&all[i], rt, i, &together);
  ck_assert(ambi_spaces_share(rt));
  for (unsigned i = 0; i < n; i++)
    ck_assert_int_eq(pthread_create(&all[i].thread, NULL, evaluate, &all[i]),
                     0);
  for (unsigned i = 0; i < n; i++)
    pthread_join(all[i].thread, NULL);
  ambi_spaces_unshare(rt);
  pthread_barrier_destroy(&together);
  for (unsigned i = 0; i < n; i++) {
    ck_assert_str_eq(all[i].wrong, "");
    ck_assert_uint_eq(all[i].right, rounds * (2 * 7 + 6 + 3));
    ambi_context_close(all[i].cx);
  }
}

// One evaluator again: what was thrown away is freed, and all holds together.
static void check_alone(Runtime *rt) {
  const char *why = NULL;
  Evaluator e;
  ambi_runtime_quiesce(rt);
  ck_assert_msg(ambi_code_is_valid(rt->code, &why), "%s", why);
  ck_assert_msg(ambi_runtime_is_valid(rt, &why), "%s", why);
  open_evaluator(&e, rt, 0, NULL);
  ask_all(&e);
  ck_assert_str_eq(e.wrong, "");
  ambi_context_close(e.cx);
}

static void live(enum JitMode mode, unsigned threshold, unsigned n) {
  size_t before = ambi_alloc_bytes();
  JitConfig config = ambi_jit_defaults;
  config.mode = mode;
  config.threshold = threshold;
  Runtime *rt = open_runtime(&config);
  Compiler *c = ambi_compiler_of(rt);
  run_together(rt, n);
  if (c) ambi_compiler_wait(c);
  check_alone(rt);
  if (c) {
    JitStats stats;
    ambi_compiler_stop(rt);
    ambi_compiler_stats(c, &stats);
    ck_assert_uint_gt(stats.compiled, 0);
  }
  ambi_runtime_close(rt);
  ambi_compiler_close(c);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}

START_TEST(bytecode_is_shared) {
  live(JIT_OFF, 1, 2);
  live(JIT_OFF, 1, MOST);
}
END_TEST

START_TEST(one_compiler_serves_them) {
  live(JIT_BACKGROUND, 3, 2);
  live(JIT_BACKGROUND, 20, MOST);
}
END_TEST

START_TEST(they_compile_by_turns) {
  live(JIT_SYNC, 2, 2);
  live(JIT_SYNC, 10, MOST);
}
END_TEST

int main(int argc, char **argv) {
  TCase *tc = tcase_create("evaluators");
  if (argc > 1) rounds = (unsigned)strtoul(argv[1], NULL, 10);
  if (argc > 1) tcase_set_timeout(tc, 0);
  tcase_add_test(tc, bytecode_is_shared);
  tcase_add_test(tc, one_compiler_serves_them);
  tcase_add_test(tc, they_compile_by_turns);
  return unit_run(tc, "evaluators");
}
