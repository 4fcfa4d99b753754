// Several evaluators, each with a compiler thread: loops run while rules are added
// and units thrown away, runtimes are closed in the middle of it, and forms are
// interrupted from outside. Answers stay right; the sanitizers see the rest.
//
// For two programs: one with the emitter, one with the fake one, which is faster and
// refuses more.
#ifndef AMBIT_TESTS_TORTURE_H
#define AMBIT_TESTS_TORTURE_H

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "compiler_thread/compiler.h"
#include "memory/alloc.h"
#include "runtime/modules/module.h"
#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

enum { EVALUATORS = 4, LIVES = 12, ROUNDS = 6 };

typedef struct Evaluator {
  pthread_t thread;
  unsigned number;
  pthread_mutex_t lock;  // guards rt against its closing
  Runtime *rt;
  Buffer results;
  unsigned right, wrong, cancelled;
  uint64_t compiled;
} Evaluator;

static AMB_ATOMIC(uint32_t) running;

static bool drop_text(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}

static void drop_note(void *arg, const char *text, size_t len) {
  drop_text(arg, text, len);
}

static bool on_form(void *arg, const FormReport *r) {
  Evaluator *e = arg;
  ambi_print_results(e->rt, &e->results, r->results, r->n);
  return true;
}

// A loop that calls a definition of this round and adds to it in its middle: what
// runs is thrown away under its feet.
static void write_round(char *text, size_t size, unsigned round) {
  snprintf(text, size,
           "(= (step%u $x) (+ $x 1))"
           "(= (loop%u $n $sum) (if (== $n 0) $sum"
           "  (loop%u (- $n 1) (+ $sum (step%u 0)))))"
           "(= (odd%u 0) no) (= (odd%u 1) yes)"
           "!(loop%u 300 0)"
           "!(let () (add-atom &self (= (odd%u 2) maybe))"
           "   (collapse (odd%u (superpose (0 1 2)))))"
           "!(loop%u 300 0)",
           round, round, round, round, round, round, round, round, round,
           round);
}

// False: interrupted, or wrong.
static bool check(Evaluator *e, const char *text, const char *want) {
  ambi_buffer_drop(&e->results);
  Script s = {.rt = e->rt,
              .module = ambi_module_top(e->rt),
              .name = "test",
              .text = text,
              .len = strlen(text),
              .on_form = on_form,
              .arg = e};
  enum RunStatus status = ambi_run_script(&s);
  ambi_script_drop(&s);
  bool right =
      status == RUN_OK && e->results.text && strcmp(e->results.text, want) == 0;
  if (right)
    e->right++;
  else if (status == RUN_CANCELLED)
    e->cancelled++;
  else
    e->wrong++;
  ambi_store_release(&e->rt->x_cancel, 0);
  return right;
}

// The second time, when there was no change, with what has been compiled.
static void check_round(Evaluator *e, unsigned round, Compiler *wait_for) {
  char text[1024];
  write_round(text, sizeof text, round);
  if (!check(e, text, "[300][(no yes maybe)][300]") || !wait_for) return;
  ambi_compiler_wait(wait_for);
  snprintf(text, sizeof text, "!(loop%u 300 0)", round);
  check(e, text, "[300]");
}

static void publish_runtime(Evaluator *e, Runtime *rt) {
  pthread_mutex_lock(&e->lock);
  e->rt = rt;
  pthread_mutex_unlock(&e->lock);
}

static void live(Evaluator *e, unsigned life) {
  Host host = {.write = drop_text, .note = drop_note};
  JitConfig config = ambi_jit_defaults;
  const char *why;
  config.threshold = 1 + (life + e->number) % 3;
  config.debugger = life % 3 == 1;
  config.memory = life % 4 == 3 ? 1 : 1 << 20;
  Runtime *rt = ambi_runtime_open(&host, 1);
  if (!rt || !ambi_compiler_open(rt, &config, &why)) {
    e->wrong++;
    return;
  }
  Compiler *c = ambi_compiler_of(rt);
  publish_runtime(e, rt);
  for (unsigned round = 0; round < ROUNDS; round++)
    check_round(e, round, life % 2 ? c : NULL);
  publish_runtime(e, NULL);
  ambi_compiler_stop(rt);
  JitStats stats;
  ambi_compiler_stats(c, &stats);
  e->compiled += stats.compiled;
  ambi_runtime_close(rt);
  ambi_compiler_close(c);
}

static void *evaluate(void *arg) {
  Evaluator *e = arg;
  for (unsigned life = 0; life < LIVES; life++)
    live(e, life);
  ambi_buffer_drop(&e->results);
  ambi_add_release(&running, (uint32_t)-1);
  return NULL;
}

// What an interrupt does, now and then, to each runtime.
static void interrupt_all(Evaluator *all) {
  for (unsigned turn = 0; ambi_load_acquire(&running) != 0; turn++) {
    Evaluator *e = &all[turn % EVALUATORS];
    pthread_mutex_lock(&e->lock);
    if (e->rt && turn % 64 < EVALUATORS)
      ambi_store_release(&e->rt->x_cancel, 1);
    pthread_mutex_unlock(&e->lock);
    sched_yield();
    struct timespec pause = {.tv_nsec = 200000};
    nanosleep(&pause, NULL);
  }
}

static void torture(void) {
  static Evaluator all[EVALUATORS];
  size_t before = ambi_alloc_bytes();
  ambi_store_release(&running, EVALUATORS);
  for (unsigned i = 0; i < EVALUATORS; i++) {
    all[i].number = i;
    pthread_mutex_init(&all[i].lock, NULL);
    ck_assert_int_eq(pthread_create(&all[i].thread, NULL, evaluate, &all[i]),
                     0);
  }
  interrupt_all(all);
  uint64_t compiled = 0;
  for (unsigned i = 0; i < EVALUATORS; i++) {
    pthread_join(all[i].thread, NULL);
    ck_assert_uint_eq(all[i].wrong, 0);
    ck_assert_uint_gt(all[i].right, 0);
    compiled += all[i].compiled;
  }
  ck_assert_uint_gt(compiled, 0);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}

#endif
