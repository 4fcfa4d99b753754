// What a program pays for having a compiler: for each unit that gets hot, and beside one
// that has much to do.
//
// A chain of functions is called until all of them are hot. "asking" is what the
// program itself spends on one of them, "installed" how long it takes until machine
// code is there.
//
// For the other figures the process keeps to one processor, as a usual process whatever
// it was started as. A loop in machine code is timed by the clock: alone, beside a
// compiler for which a thousand functions with long bodies wait, and alone once more. What
// it took longer should be no more than the processor time of the compiler's thread
// meanwhile. Whoever else wants the processor would count as the compiler's doing, so a
// round counts only if the loop had the processor for itself when it was alone.
#define _GNU_SOURCE  // sched_setaffinity
#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "bench/micro/machine.h"
#include "compiler_thread/compiler.h"

enum {
  FUNCTIONS = 10000,
  QUICK_FUNCTIONS = 100,
  LONG_FUNCTIONS = 1000,  // fewer than the compiler's queue has places for
  LONG_TERMS = 500,
  LINE = 128,
  TERM = 16,
  SAMPLED = 16,  // a threshold: with less, every fourth step is looked at
  TURNS = 60000000,
  LEAST_ROUNDS = 5,
  MOST_ROUNDS = 15
};

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

// (f0 x) calls (f1 x) and so on; the last gives x + 1. Each has so many terms besides,
// in an arm that is compiled and never taken.
static void define(Program *p, int functions, int terms) {
  size_t size = (size_t)functions * (LINE + (size_t)terms * TERM);
  char *text = malloc(size), *at = text;
  micro_must(text, "no memory");
  for (int i = 0; i < functions - 1; i++) {
    at += snprintf(at, LINE, "(= (f%d $x) (if (< $x 0) (f%d (+ $x %d)", i, i,
                   i + 1);
    for (int k = 0; k < terms; k++)
      at += snprintf(at, TERM, " (- $x %d)", k);
    at += snprintf(at, LINE, ") (f%d $x)))\n", i + 1);
  }
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

static Program open_program(int functions, int terms, uint32_t threshold) {
  Host host = {.write = drop_output, .note = drop_note};
  JitConfig config = ambi_jit_defaults;
  config.threshold = threshold;
  const char *why = "";
  Program p = {.rt = ambi_runtime_open(&host, 1)};
  micro_must(p.rt, "no runtime");
  micro_must(ambi_compiler_open(p.rt, &config, &why), why);
  p.compiler = ambi_compiler_of(p.rt);
  define(&p, functions, terms);
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
  Program p = open_program(functions, 0, ambi_jit_defaults.threshold);
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

static double clock_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// Of the loop: by the clock, and of this thread.
typedef struct Took {
  double wall, cpu;
} Took;

// What the loop gives after so many turns: found once, since the compiler goes on.
static uint64_t loop_result(uint64_t turns) {
  static uint64_t known = UINT64_MAX;
  if (known != UINT64_MAX) return known;
  known = 1;
  for (uint64_t n = turns; n > 0; n--)
    known = (known * 3 + n) % 1003;
  return known;
}

static Took time_loop(Program *p) {
  uint64_t turns = micro_quick ? 1000 : TURNS;
  char text[64], want[64];
  snprintf(text, sizeof text, "!(loop %" PRIu64 " 1)", turns);
  snprintf(want, sizeof want, "[%" PRIu64 "]", loop_result(turns));
  double wall = clock_of(CLOCK_MONOTONIC);
  double cpu = clock_of(CLOCK_THREAD_CPUTIME_ID);
  run(p, text, want);
  return (Took){.wall = clock_of(CLOCK_MONOTONIC) - wall,
                .cpu = clock_of(CLOCK_THREAD_CPUTIME_ID) - cpu};
}

typedef struct Round {
  double lost, taken;  // shares of the wall beside the compiler
  double others;       // ... while the loop was alone: somebody else's
  bool busy;           // the compiler was, until the end
} Round;

// Long functions wait, and still do when the loop has ended.
static Round one_round(int functions, int terms) {
  Program p = open_program(functions, terms, SAMPLED);
  time_loop(&p);
  ambi_compiler_wait(p.compiler);
  Took before = time_loop(&p);
  while (!micro_quick && stats(&p).queue_depth < (uint32_t)functions * 9 / 10)
    run(&p, "!(rep 10)", "[done]");
  double from = (double)stats(&p).cpu_ns;
  Took beside = time_loop(&p);
  JitStats s = stats(&p);
  ambi_compiler_stop(p.rt);
  Took after = time_loop(&p);
  close_program(&p);
  double alone = before.wall + after.wall;
  return (Round){.lost = 1 - alone / 2 / beside.wall,
                 .taken = ((double)s.cpu_ns - from) / beside.wall,
                 .others = 1 - (before.cpu + after.cpu) / alone,
                 .busy = s.queue_depth > 0};
}

static void share_line(const char *name, double figure, const char *unit) {
  if (micro_quick)
    printf("%-10s %-44s right\n", "hot", name);
  else
    printf("%-10s %-44s %10.2f %s\n", "hot", name, figure, unit);
}

static double quarter(double *figures, int n, int which) {
  qsort(figures, (size_t)n, sizeof *figures, micro_order);
  return figures[n * which / 4];
}

// Until there are enough rounds that nobody disturbed.
static void losses(void) {
  double lost[MOST_ROUNDS], taken[MOST_ROUNDS], over[MOST_ROUNDS], others = 1;
  int n = 0, functions = micro_quick ? QUICK_FUNCTIONS : LONG_FUNCTIONS;
  for (int i = 0; i < MOST_ROUNDS && n < (micro_quick ? 1 : MICRO_ROUNDS);
       i++) {
    Round r = one_round(functions, micro_quick ? 2 : LONG_TERMS);
    if (r.others < others) others = r.others;
    if (!micro_quick && (r.others > 0.01 || !r.busy)) continue;
    lost[n] = r.lost;
    taken[n] = r.taken;
    over[n++] = r.lost / r.taken;
  }
  if (n < (micro_quick ? 1 : LEAST_ROUNDS)) {
    fprintf(
        stderr,
        "lost beside a busy compiler: no figure, others took %.0f %% of the "
        "processor and more\n",
        100 * others);
    return;
  }
  share_line("lost beside a busy compiler", 100 * quarter(lost, n, 2), "%");
  share_line("taken by it", 100 * quarter(taken, n, 2), "%");
  share_line("lost over taken", quarter(over, n, 2), "times");
  share_line("lost over taken, spread",
             quarter(over, n, 3) - quarter(over, n, 1), "times");
}

// ---- one processor ------------------------------------------------------------------

// Of each processor, how long it had nothing to do.
static void idle_times(double idle[CPU_SETSIZE]) {
  FILE *f = fopen("/proc/stat", "r");
  char line[512];
  while (f && fgets(line, sizeof line, f)) {
    int cpu;
    double free;
    if (sscanf(line, "cpu%d %*f %*f %*f %lf", &cpu, &free) == 2 && cpu >= 0 &&
        cpu < CPU_SETSIZE)
      idle[cpu] = free;
  }
  if (f) fclose(f);
}

// The one, of those we may use, with the least to do.
static void keep_to_one(void) {
  static double before[CPU_SETSIZE], after[CPU_SETSIZE];
  cpu_set_t all, one;
  micro_must(sched_getaffinity(0, sizeof all, &all) == 0, "no processors");
  idle_times(before);
  nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
  idle_times(after);
  int best = -1;
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &all) &&
        (best < 0 || after[i] - before[i] > after[best] - before[best]))
      best = i;
  CPU_ZERO(&one);
  CPU_SET(best, &one);
  micro_must(sched_setaffinity(0, sizeof one, &one) == 0, "not one processor");
}

// In front of everything else, the compiler would never have its turn.
static void be_usual(void) {
  struct sched_param none = {0};
  micro_must(sched_setscheduler(0, SCHED_OTHER, &none) == 0,
             "not a usual process");
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  int functions = micro_quick ? QUICK_FUNCTIONS : FUNCTIONS;
  heat("all processors", functions);
  keep_to_one();
  heat("one processor", functions);
  be_usual();
  losses();
  return 0;
}
