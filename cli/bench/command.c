// `ambit bench`: how long a program takes in each tier.
//
// Each run is a process of its own, and the tiers take turns, so that what disturbs the
// machine disturbs all of them. What is counted is the processor time of that process,
// from an empty runtime to its end.
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/answers.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "memory/alloc.h"

enum { ANSWERS_DIFFER = 1, TIERS = 3 };

typedef struct BenchOptions {
  uint64_t runs, warmup;
  const char *tiers;
  bool json, wall;
} BenchOptions;

static const ToolOption options[] = {
    {"--runs", "N", "runs of each tier that count (default 10)", TOOL_COUNT,
     offsetof(BenchOptions, runs)},
    {"--warmup", "N", "runs before, which do not (default 1)", TOOL_COUNT,
     offsetof(BenchOptions, warmup)},
    {"--tiers", "LIST", "such as 0,1,2 (default: all but 0)", TOOL_TEXT,
     offsetof(BenchOptions, tiers)},
    {"--wall", NULL, "seconds of the clock, not of the processor", TOOL_FLAG,
     offsetof(BenchOptions, wall)},
    {"--json", NULL, "tell it as JSON", TOOL_FLAG,
     offsetof(BenchOptions, json)},
};

static const Tool tool = {
    "bench [OPTION...] FILE [ARGUMENT...]",
    "Runs a program again and again, with bytecode (tier 1) and with machine "
    "code,\n"
    "too (tier 2), and tells the median of the seconds, the least, the most, "
    "and\n"
    "the distance of the quartiles in parts of the median. The answers have to "
    "be\n"
    "the same each time. Options of ambit before the word bench hold for the "
    "runs.\n\n"
    "exit codes: 0 fine, 1 answers differ, 2 usage, 3 FILE cannot be read, 5 a "
    "run\n"
    "broke off\n",
    options, sizeof options / sizeof *options};

typedef struct Tier {
  int number;
  double *seconds;
  size_t n;
} Tier;

typedef struct Bench {
  Cli *cli;
  BenchOptions o;
  char **words;  // FILE and its arguments
  int nwords;
  Tier tiers[TIERS];
  size_t ntiers;
  char *answers;  // of the first run
  size_t len;
  int exit_code;  // of that
  int differs;    // the tier of a run with others; -1: none
} Bench;

// ---- one run ----------------------------------------------------------------------

static _Noreturn void run_child(const Bench *b, int tier, FILE *found) {
  Source source = {.name = b->words[0], .path = b->words[0]};
  Cli cli = {.options = b->cli->options};
  Options *o = &cli.options;
  o->verb = cli_run;
  o->sources = &source;
  o->nsources = 1;
  o->args = b->words + 1;
  o->nargs = b->nwords - 1;
  if (!o->evaluators) o->evaluators = 1;
  o->tier = tier;
  if (!o->jit_chosen) o->jit.mode = JIT_BACKGROUND;
  if (tier < 2) o->jit.mode = JIT_OFF;
  Buffer printed = {0};
  cli.out = cli_capture(&printed);
  if (!cli.out) cli_child_end(RUN_LIMIT);
  cli_session(&cli);
  fflush(cli.out);
  fwrite(printed.text, 1, printed.len, found);
  cli_child_end(cli.code);
}

static double seconds_of(const struct rusage *used) {
  return (double)used->ru_utime.tv_sec + (double)used->ru_stime.tv_sec +
         1e-6 * (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec);
}

// The answers of this run, beside those of the first one.
static void compare(Bench *b, int tier, char *text, size_t len, int code) {
  if (!b->answers) {
    b->answers = text ? text : ambi_alloc(1);
    b->len = text ? len : 0;
    b->exit_code = code;
    return;
  }
  Span mine = {text, text + len}, first = {b->answers, b->answers + b->len};
  if (code != b->exit_code || !cli_same_answers(mine, first)) b->differs = tier;
  if (text) ambi_free(text, len + 1);
}

static void show_notes(FILE *notes) {
  size_t len;
  char *text = cli_child_text(notes, &len);
  if (!text) return;
  fwrite(text, 1, len, stderr);
  ambi_free(text, len + 1);
}

// RUN_OK, or what the whole ends with: it broke off, and that was told.
static int run_once(Bench *b, Tier *tier, bool counts) {
  Child c;
  struct rusage used;
  int status;
  if (cli_child_start(&c) == 0) run_child(b, tier->number, c.found);
  while (c.pid > 0 && wait4(c.pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  double wall = ambi_monotonic_seconds() - c.began;
  int code = c.pid > 0 && WIFEXITED(status) ? RUN_OK : RUN_INTERNAL;
  if (code == RUN_OK && WEXITSTATUS(status) == RUN_PARSE) code = RUN_PARSE;
  if (code == RUN_OK) {
    size_t len;
    bool first = !b->answers;
    char *text = cli_child_text(c.found, &len);
    compare(b, tier->number, text, len, WEXITSTATUS(status));
    if (first && WEXITSTATUS(status)) show_notes(c.notes);
    if (counts) tier->seconds[tier->n++] = b->o.wall ? wall : seconds_of(&used);
  } else {
    show_notes(c.notes);
    if (c.pid > 0 && WIFSIGNALED(status))
      cli_complain("a run in tier %d was ended by signal %d", tier->number,
                   WTERMSIG(status));
    else if (c.pid < 0)
      cli_complain("a run cannot be started");
  }
  cli_child_close(&c);
  return code;
}

// ---- what is told -------------------------------------------------------------------

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

// Of sorted numbers, what stands at that part of the way.
static double quantile(const Tier *t, double part) {
  double at = part * (double)(t->n - 1);
  size_t i = (size_t)at;
  double rest = at - (double)i;
  double next = i + 1 < t->n ? t->seconds[i + 1] : t->seconds[i];
  return t->seconds[i] * (1 - rest) + next * rest;
}

static double spread_of(const Tier *t) {
  double median = quantile(t, 0.5);
  return median > 0 ? (quantile(t, 0.75) - quantile(t, 0.25)) / median : 0;
}

static void tell_text(const Bench *b) {
  FILE *out = b->cli->out;
  fprintf(out, "%s: %llu runs, %llu before them, seconds of the %s\n",
          b->words[0], (unsigned long long)b->o.runs,
          (unsigned long long)b->o.warmup, b->o.wall ? "clock" : "processor");
  fprintf(out, "%-6s %10s %10s %10s %8s\n", "tier", "median", "least", "most",
          "spread");
  for (size_t i = 0; i < b->ntiers; i++) {
    const Tier *t = &b->tiers[i];
    fprintf(out, "%-6d %10.4f %10.4f %10.4f %6.1f %%\n", t->number,
            quantile(t, 0.5), t->seconds[0], t->seconds[t->n - 1],
            100 * spread_of(t));
  }
  double first = quantile(&b->tiers[0], 0.5);
  for (size_t i = 1; i < b->ntiers && first > 0; i++)
    fprintf(out, "tier %d takes %.3f of the time of tier %d\n",
            b->tiers[i].number, quantile(&b->tiers[i], 0.5) / first,
            b->tiers[0].number);
  if (b->differs < 0) fputs("the answers are the same each time\n", out);
}

static void tell_json(const Bench *b) {
  FILE *out = b->cli->out;
  fputs("{\"file\":", out);
  cli_json_text(out, b->words[0]);
  fprintf(out, ",\"clock\":\"%s\",\"same\":%s,\"tiers\":[",
          b->o.wall ? "wall" : "processor", b->differs < 0 ? "true" : "false");
  for (size_t i = 0; i < b->ntiers; i++) {
    const Tier *t = &b->tiers[i];
    fprintf(out, "%s{\"tier\":%d,\"median\":%.6f,\"spread\":%.4f,\"seconds\":[",
            i ? "," : "", t->number, quantile(t, 0.5), spread_of(t));
    for (size_t k = 0; k < t->n; k++)
      fprintf(out, "%s%.6f", k ? "," : "", t->seconds[k]);
    fputs("]}", out);
  }
  fputs("]}\n", out);
}

static int tell(Bench *b) {
  for (size_t i = 0; i < b->ntiers; i++)
    qsort(b->tiers[i].seconds, b->tiers[i].n, sizeof(double), by_size);
  if (b->o.json)
    tell_json(b);
  else
    tell_text(b);
  if (b->differs < 0) return RUN_OK;
  cli_complain("a run in tier %d gave other answers than the first run",
               b->differs);
  return ANSWERS_DIFFER;
}

// ---- the whole ------------------------------------------------------------------------

// False: it was no list of tiers.
static bool choose_tiers(Bench *b) {
  const char *list = b->o.tiers ? b->o.tiers : JIT_BUILT_IN ? "1,2" : "1";
  for (const char *p = list; b->ntiers < TIERS; p += 2) {
    int tier = *p - '0';
    if (tier < 0 || tier > 1 + JIT_BUILT_IN || (p[1] && p[1] != ',')) break;
    b->tiers[b->ntiers++].number = tier;
    if (!p[1]) return true;
  }
  cli_complain("option --tiers: some of 0,1%s are expected, not %s",
               JIT_BUILT_IN ? ",2" : "", list);
  return false;
}

static int run_all(Bench *b) {
  uint64_t all = b->o.warmup + b->o.runs;
  for (size_t i = 0; i < b->ntiers; i++) {
    b->tiers[i].seconds = ambi_alloc(b->o.runs * sizeof(double));
    if (!b->tiers[i].seconds) return RUN_LIMIT;
  }
  for (uint64_t run = 0; run < all; run++)
    for (size_t i = 0; i < b->ntiers; i++) {
      int code = run_once(b, &b->tiers[i], run >= b->o.warmup);
      if (code != RUN_OK) return code;
    }
  return tell(b);
}

int cli_bench(Cli *cli, int argc, char **argv) {
  Bench b = {.cli = cli, .o = {.runs = 10, .warmup = 1}, .differs = -1};
  ToolWords words;
  int code = cli_tool_read(&tool, &b.o, argc, argv, &words, cli->out);
  if (code >= 0) return code;
  if (!words.n) {
    cli_complain("bench needs a FILE; see ambit bench --help");
    return EXIT_USAGE;
  }
  b.words = words.at;
  b.nwords = words.n;
  if (b.o.runs > UINT32_MAX || !choose_tiers(&b)) return EXIT_USAGE;
  if (access(b.words[0], R_OK) != 0) {
    cli_complain("cannot read %s: %s", b.words[0], strerror(errno));
    return RUN_PARSE;
  }
  code = run_all(&b);
  if (code == RUN_LIMIT) cli_complain("out of memory");
  for (size_t i = 0; i < b.ntiers; i++)
    ambi_free(b.tiers[i].seconds, b.o.runs * sizeof(double));
  if (b.answers) ambi_free(b.answers, b.len + 1);
  return code;
}
