// What a program pays for having a compiler: for each unit that gets hot, and beside one
// that has much to do.
//
// A chain of functions is called until all of them are hot. "asking" is what the
// program itself spends on one of them, "installed" how long it takes until machine
// code is there. For the other figures the process keeps to one processor: a loop is
// timed by the clock while hundreds of functions wait for the compiler, and again when
// none does. What it lost should be no more than the share the compiler took.
#define _GNU_SOURCE  // sched_setaffinity
#include <sched.h>
#include <string.h>

#include "bench/micro/machine.h"
#include "compiler_thread/compiler.h"

enum { FUNCTIONS = 10000, QUICK_FUNCTIONS = 100, LINE = 128 };

typedef struct Program {
  Runtime *rt;
  Compiler *compiler;
  char result[64];
} Program;

static bool on_form(void *arg, const FormReport *r) {
  Program *p = arg;
  Buffer b = {0};
  ambi_print_results(p->rt, &b, r->results, r->n);
  micro_must(!b.failed && b.len < sizeof p->result, "no result");
  memcpy(p->result, b.text, b.len + 1);
  ambi_buffer_drop(&b);
  return true;
}

static void run(Program *p, const char *text, const char *want) {
  p->result[0] = 0;
  Script s = {.rt = p->rt,
              .module = ambi_module_top(p->rt),
              .name = "hot",
              .text = text,
              .len = strlen(text),
              .on_form = on_form,
              .arg = p};
  micro_must(ambi_run_script(&s) == RUN_OK, "a form failed");
  ambi_script_drop(&s);
  micro_must(strcmp(p->result, want) == 0, "a wrong answer");
}

// (f0 x) calls (f1 x) and so on; the last gives x + 1.
static void define(Program *p, int functions) {
  char *text = malloc((size_t)functions * LINE), *at = text;
  micro_must(text, "no memory");
  for (int i = 0; i < functions - 1; i++)
    at += snprintf(at, LINE,
                   "(= (f%d $x) (if (< $x 0) (f%d (+ $x %d)) (f%d $x)))\n", i,
                   i, i + 1, i + 1);
  snprintf(at, LINE, "(= (f%d $x) (+ $x 1))\n", functions - 1);
  run(p, text, "");
  free(text);
  run(p, "(= (rep $n) (if (== $n 0) done (let $x (f0 $n) (rep (- $n 1)))))",
      "");
  run(p,
      "(= (loop $n $x) (if (== $n 0) $x (loop (- $n 1) (% (+ (* $x 3) $n) "
      "1003))))",
      "");
}

static Program open_program(int functions, uint32_t threshold) {
  Host host = {.write = drop_output, .note = drop_note};
  JitConfig config = ambi_jit_defaults;
  config.threshold = threshold;
  const char *why = "";
  Program p = {.rt = ambi_runtime_open(&host, 1)};
  micro_must(p.rt, "no runtime");
  micro_must(ambi_compiler_open(p.rt, &config, &why), why);
  p.compiler = ambi_compiler_of(p.rt);
  define(&p, functions);
  return p;
}

static void close_program(Program *p) {
  ambi_compiler_stop(p->rt);
  ambi_runtime_close(p->rt);
  ambi_compiler_close(p->compiler);
}

static JitStats stats(const Program *p) {
  JitStats s;
  ambi_compiler_stats(p->compiler, &s);
  return s;
}

// ---- each unit that gets hot ------------------------------------------------------

static void latency_line(const char *where, const char *what,
                         const LatencyView *v) {
  char name[64];
  snprintf(name, sizeof name, "%s, %s, half of them", what, where);
  micro_line("hot", name, (double)v->half);
  snprintf(name, sizeof name, "%s, %s, 99 %% of them", what, where);
  micro_line("hot", name, (double)v->most_of_them);
  snprintf(name, sizeof name, "%s, %s, longest", what, where);
  micro_line("hot", name, (double)v->longest);
}

// Until all are compiled: with many in the queue, more is asked of each.
static void heat(const char *where, int functions) {
  Program p = open_program(functions, ambi_jit_defaults.threshold);
  while (stats(&p).compiled < (uint64_t)functions) {
    run(&p, "!(rep 100)", "[done]");
    micro_must(stats(&p).hot >= stats(&p).compiled, "units from nowhere");
  }
  JitStats s = stats(&p);
  latency_line(where, "asking", &s.asked);
  latency_line(where, "installed", &s.published);
  close_program(&p);
}

// ---- beside a busy compiler ---------------------------------------------------------

static double wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef struct Loss {
  double alone, beside;  // time of the loop by the clock
  double taken;          // by the compiler meanwhile
} Loss;

static double time_loop(Program *p) {
  double start = wall();
  run(p, micro_quick ? "!(loop 1000 1)" : "!(loop 5000000 1)",
      micro_quick ? "[239]" : "[899]");
  return wall() - start;
}

static Loss measure_loss(int functions) {
  Program p = open_program(functions, 2);
  time_loop(&p);
  ambi_compiler_wait(p.compiler);
  double alone = time_loop(&p);
  while (!micro_quick && stats(&p).queue_depth < 900)
    run(&p, "!(rep 1)", "[done]");
  JitStats before = stats(&p);
  double start = wall(), beside = time_loop(&p), end = wall();
  JitStats after = stats(&p);
  micro_must(micro_quick || after.queue_depth > 0, "the compiler was idle");
  close_program(&p);
  double share = (double)(after.cpu_ns - before.cpu_ns) / (end - start);
  return (Loss){alone, beside, share};
}

static void share_line(const char *name, double figure, const char *unit) {
  if (micro_quick)
    printf("%-10s %-44s right\n", "hot", name);
  else
    printf("%-10s %-44s %10.2f %s\n", "hot", name, figure, unit);
}

// Of several rounds the quickest of each kind: what others do on the machine can only
// add to both.
static void losses(int functions) {
  Loss best = measure_loss(functions);
  for (int i = 1; i < MICRO_ROUNDS && !micro_quick; i++) {
    Loss l = measure_loss(functions);
    if (l.alone < best.alone) best.alone = l.alone;
    if (l.beside > best.beside) continue;
    best.beside = l.beside;
    best.taken = l.taken;
  }
  double lost = (best.beside - best.alone) / best.beside;
  share_line("lost beside a busy compiler", 100 * lost, "%");
  share_line("taken by it", 100 * best.taken, "%");
  share_line("lost over taken", lost / best.taken, "times");
}

// The first processor we may use.
static void keep_to_one(void) {
  cpu_set_t all, one;
  micro_must(sched_getaffinity(0, sizeof all, &all) == 0, "no processors");
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &all)) continue;
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    break;
  }
  micro_must(sched_setaffinity(0, sizeof one, &one) == 0, "not one processor");
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  int functions = micro_quick ? QUICK_FUNCTIONS : FUNCTIONS;
  heat("all processors", functions);
  keep_to_one();
  heat("one processor", functions);
  losses(functions);
  return 0;
}
