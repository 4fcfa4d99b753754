// Machine code, as the command line has it: opening, closing, and --jit-stats.
//
// Built with -DAMBIT_JIT=OFF there is none: the options refuse to ask for it, and
// --jit-stats says so.
#include <stdlib.h>

#include "cli/cli.h"

enum { MOST_LEFT = 8 };  // instructions that are shown by name

#ifdef AMBIT_JIT

static const char *refused;  // why there is no machine code, NULL: there is

const char *cli_jit_version(void) {
  return "x86-64";
}

void cli_jit_open(Cli *cli) {
  const Options *o = &cli->options;
  JitConfig config = ambi_jit_defaults;
  config.mode = o->jit.mode;
  config.counts = o->jit_stats;
#ifdef AMB_DEBUG
  config.counts_all = getenv("AMBIT_OPCODES_NATIVE") != NULL;
#endif
  if (o->jit.level) config.level = o->jit.level;
  if (o->jit.threshold) config.threshold = o->jit.threshold;
  if (o->jit.memory) config.memory = o->jit.memory;
  config.profile = o->jit.profile;
  config.debugger = o->jit.debugger;
  config.at_once = o->jit_chosen || o->tier_chosen;
  refused = NULL;
  if (!ambi_compiler_open(cli->rt, &config, &refused)) {
    if (config.at_once || o->jit.profile || o->jit.debugger)
      cli_complain("no machine code: %s", refused);
    return;
  }
  refused = NULL;
  cli->compiler = ambi_compiler_of(cli->rt);
}

// To the file that the environment names: instructions that machine code has done
// itself, and did not begin only to leave them to the loop; NAME/2: and those with a
// template of level 2 of their own.
#ifdef AMB_DEBUG
static uint64_t counted(const JitStats *s, enum EmitCounted row, unsigned op) {
  return ambi_load_relaxed(&s->ran[row * OP_I_COUNT + op]);
}

static void note_opcodes(const JitStats *s) {
  FILE *list = s->ran ? fopen(getenv("AMBIT_OPCODES_NATIVE"), "a") : NULL;
  for (unsigned op = 0; list && op < OP_I_COUNT; op++) {
    if (counted(s, COUNTED_ALL, op) > ambi_load_relaxed(&s->one[op]))
      fprintf(list, "%s\n", ambi_ops[op].name);
    if (counted(s, COUNTED_KEPT, op) > counted(s, COUNTED_USUAL, op))
      fprintf(list, "%s/2\n", ambi_ops[op].name);
  }
  if (list) fclose(list);
}
#endif

// ---- statistics -------------------------------------------------------------

static void row(const char *name, unsigned long long n, const char *unit) {
  fprintf(stderr, "jit: %-56s %llu%s%s\n", name, n, *unit ? " " : "", unit);
}

static double us(uint64_t ns) {
  return (double)ns / 1000;
}

static void print_inlined(const JitStats *s) {
  static const char *const names[INLINE_RESULT_COUNT] = {
#define X(name, text) text,
      INLINE_RESULTS(X)
#undef X
  };
  for (int i = 0; i < INLINE_RESULT_COUNT; i++) {
    char name[80];
    snprintf(name, sizeof name, "calls %s%s",
             i == INLINE_OK ? "" : "not inlined: ", names[i]);
    row(name, s->inlined[i], "");
  }
}

static void print_outcomes(const JitStats *s) {
  static const char *const names[EMIT_RESULT_COUNT] = {
#define X(name, text) text,
      EMIT_RESULTS(X)
#undef X
  };
  row("units that got hot", s->hot, "");
  for (int i = 0; i < EMIT_RESULT_COUNT; i++) {
    char name[80];
    snprintf(name, sizeof name, "%s%s",
             i == EMIT_OK ? "" : "not compiled: ", names[i]);
    row(name, s->results[i], "");
    if (i == EMIT_OK) row("compiled again, for level 2", s->second, "");
  }
  print_inlined(s);
  row("dropped: thrown away meanwhile", s->stale, "");
  row("dropped: too late", s->late, "");
  row("put off: queue full", s->queue_full, "");
  row("counted on: queue long", s->counted_on, "");
  row("waiting", s->queue_depth, "");
  row("waiting at most", s->queue_peak, "");
}

static void print_sizes(const JitStats *s, uint64_t retiring) {
  row("instructions compiled", s->instructions, "");
  row("machine code", s->bytes, "bytes");
  row("loops and forks that changed over to level 2", s->changed_over, "");
  row("machine code that level 2 took the place of", s->outdated, "bytes");
  row("code memory in use", s->memory.used, "bytes");
  row("code memory at most", s->memory.peak, "bytes");
  row("code memory given back", s->memory.freed, "bytes");
  row("code memory retired, not given back yet", retiring, "bytes");
  row("units whose code was given back", s->retired, "");
  row("code memory there may be", s->memory.cap, "bytes");
}

static void time_row(const char *name, const char *which, uint64_t ns) {
  char both[80];
  snprintf(both, sizeof both, "%s%s", name, which);
  fprintf(stderr, "jit: %-56s %.1f us\n", both, us(ns));
}

static void print_latency(const char *name, const LatencyView *v) {
  time_row(name, ", mean", v->mean);
  time_row(name, ", half of them within", v->half);
  time_row(name, ", 99 % within", v->most_of_them);
  time_row(name, ", longest", v->longest);
}

// The thread's share of a processor, and what it may have.
static void print_share(const JitStats *s) {
  double share =
      s->wall_ns ? 100.0 * (double)s->cpu_ns / (double)s->wall_ns : 0;
  fprintf(stderr, "jit: %-56s %.1f us, %.1f %% of the time since it began\n",
          "processor time of the thread", us(s->cpu_ns), share);
  row("share of a processor it may take", s->percent, "%");
  row("stood back for the program", s->pauses, "times");
  time_row("stood back for the program, in all", "", s->paused_ns);
}

static void print_times(const JitStats *s) {
  time_row("compiling took", "", s->emit_ns);
  print_latency("hot to installed", &s->published);
  print_latency("program asking for it", &s->asked);
  if (!s->threadless) print_share(s);
}

// The instructions with the highest counts.
static void print_highest(const char *what, const OpCount *counted) {
  bool shown[OP_I_COUNT] = {false};
  uint64_t counts[OP_I_COUNT];
  for (int op = 0; op < OP_I_COUNT; op++)
    counts[op] = ambi_load_relaxed(&counted[op]);
  for (int i = 0; i < MOST_LEFT; i++) {
    int best = -1;
    for (int op = 0; op < OP_I_COUNT; op++)
      if (!shown[op] && counts[op] && (best < 0 || counts[op] > counts[best]))
        best = op;
    if (best < 0) return;
    char name[40];
    shown[best] = true;
    snprintf(name, sizeof name, "%s %s", what, ambi_ops[best].name);
    row(name, counts[best], "times");
  }
}

static void print_mode(const Cli *cli, const JitStats *s) {
  const char *why = s ? s->refused : refused;
  if (!s || why)
    fprintf(stderr, "jit: %-56s off%s%s\n", "mode", why ? ": " : "",
            why ? why : "");
  else
    fprintf(stderr, "jit: %-56s %s\n", "mode",
            !s->threadless                      ? "background"
            : cli->options.jit.mode == JIT_SYNC ? "sync"
                                                : "sync: there is no thread");
}

static void print_stats(const Cli *cli) {
  JitStats s;
  if (!cli->compiler) {
    print_mode(cli, NULL);
    return;
  }
  ambi_compiler_stats(cli->compiler, &s);
  print_mode(cli, &s);
  print_outcomes(&s);
  print_sizes(&s, ambi_compiler_retiring(cli->compiler));
  print_times(&s);
  if (s.one) print_highest("run by the loop:", s.one);
  if (s.left) print_highest("left to the loop:", s.left);
}

void cli_jit_stop(Cli *cli) {
  ambi_compiler_stop(cli->rt);
#ifdef AMB_DEBUG
  JitStats s;
  if (cli->compiler) {
    ambi_compiler_stats(cli->compiler, &s);
    note_opcodes(&s);
  }
#endif
  if (cli->options.jit_stats) print_stats(cli);
}

void cli_jit_close(Cli *cli) {
  ambi_compiler_close(cli->compiler);
  cli->compiler = NULL;
}

#else

const char *cli_jit_version(void) {
  return "not built in";
}

void cli_jit_open(Cli *cli) {
  (void)cli;
}

void cli_jit_stop(Cli *cli) {
  if (cli->options.jit_stats)
    fprintf(stderr, "jit: %-56s off: not built in\n", "mode");
}

void cli_jit_close(Cli *cli) {
  (void)cli;
}

#endif
