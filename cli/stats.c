// What --stats tells at the end of a run: a row for each count, a column for each
// evaluator; or the same as JSON.
#include <inttypes.h>
#include <sys/resource.h>

#include "cli/cli.h"
#include "memory/alloc.h"
#include "scheduler/evaluators.h"

struct Stats {
  unsigned n;
  EvaluatorSum total;
  EvaluatorSum of[];
};

static size_t bytes_of(unsigned n) {
  return sizeof(Stats) + n * sizeof(EvaluatorSum);
}

void cli_stats_take(Cli *cli) {
  if (!cli->options.stats) return;
  unsigned n = ambi_evaluators_count(cli->rt);
  Stats *s = cli->stats = ambi_alloc(bytes_of(n));
  if (!s) {
    cli_complain("out of memory: no statistics");
    return;
  }
  s->n = n;
  for (unsigned i = 0; i < n; i++)
    s->of[i] = ambi_evaluators_sum(cli->rt, i);
  s->total = ambi_evaluators_total(s->of, n);
}

typedef struct Row {
  const char *key, *text;
  size_t at;  // in an EvaluatorSum
} Row;

static const Row rows[] = {
#define X(name, key, text) \
  {key, text, offsetof(EvaluatorSum, at) + TALLY_##name * sizeof(uint64_t)},
    TALLIES(X)
#undef X
#define X(name, key, text) {key, text, offsetof(EvaluatorSum, pool.name)},
        POOL_COUNTS(X)
#undef X
};
enum { NROWS = sizeof rows / sizeof *rows };

static uint64_t in_row(const EvaluatorSum *s, const Row *r) {
  return *(const uint64_t *)(const void *)((const char *)s + r->at);
}

// ---- of the whole run -------------------------------------------------------------

typedef struct Whole {
  const char *key, *text;
  uint64_t n;
} Whole;
enum { WHOLE = 4 };

static uint64_t most_resident(void) {
  struct rusage u;
  return getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss << 10 : 0;
}

static void find_whole(const Cli *cli, Whole out[WHOLE]) {
  const Collections *c = &cli->rt->collections;
  uint64_t units = 0, again = 0;
#ifdef AMBIT_JIT
  JitStats jit;
  if (cli->compiler) {
    ambi_compiler_stats(cli->compiler, &jit);
    units = jit.compiled;
    again = jit.second;
  }
#endif
  const Whole all[WHOLE] = {
      {"compiled_units", "units compiled", units},
      {"compiled_again", "... of them for level 2", again},
      {"live_heap_peak_bytes", "live heap at most, bytes",
       ambi_load_relaxed(&c->x_most_live)},
      {"resident_peak_bytes", "resident at most, bytes", most_resident()}};
  memcpy(out, all, sizeof all);
}

// ---- as text ----------------------------------------------------------------------

static void print_text(const Stats *s, const Whole whole[WHOLE]) {
  fprintf(stderr, "stats: %-30s %15s", "", "total");
  for (unsigned i = 0; s->n > 1 && i < s->n; i++)
    fprintf(stderr, " %15u", i);
  fputc('\n', stderr);
  for (int r = 0; r < NROWS; r++) {
    fprintf(stderr, "stats: %-30s %15" PRIu64, rows[r].text,
            in_row(&s->total, &rows[r]));
    for (unsigned i = 0; s->n > 1 && i < s->n; i++)
      fprintf(stderr, " %15" PRIu64, in_row(&s->of[i], &rows[r]));
    fputc('\n', stderr);
  }
  for (int w = 0; w < WHOLE; w++)
    fprintf(stderr, "stats: %-30s %15" PRIu64 "\n", whole[w].text, whole[w].n);
}

static void print_brief(const Stats *s, const Whole whole[WHOLE]) {
  for (int r = 0; r < NROWS; r++) {
    uint64_t n = in_row(&s->total, &rows[r]);
    if (n) fprintf(stderr, "  %-30s %15" PRIu64 "\n", rows[r].text, n);
  }
  for (int w = 0; w < WHOLE; w++)
    if (whole[w].n)
      fprintf(stderr, "  %-30s %15" PRIu64 "\n", whole[w].text, whole[w].n);
}

// ---- as JSON ----------------------------------------------------------------------

static void print_sum(const EvaluatorSum *s) {
  for (int r = 0; r < NROWS; r++)
    fprintf(stderr, "%s\"%s\": %" PRIu64, r ? ", " : "{", rows[r].key,
            in_row(s, &rows[r]));
  fputc('}', stderr);
}

static void print_json(const Stats *s, const Whole whole[WHOLE]) {
  fputs("{\"evaluators\": [", stderr);
  for (unsigned i = 0; i < s->n; i++) {
    if (i) fputs(", ", stderr);
    print_sum(&s->of[i]);
  }
  fputs("], \"total\": ", stderr);
  print_sum(&s->total);
  for (int w = 0; w < WHOLE; w++)
    fprintf(stderr, ", \"%s\": %" PRIu64, whole[w].key, whole[w].n);
  fputs("}\n", stderr);
}

void cli_stats_print(Cli *cli) {
  Stats *s = cli->stats;
  if (!s) return;
  Whole whole[WHOLE];
  find_whole(cli, whole);
  if (cli->options.stats == STATS_JSON)
    print_json(s, whole);
  else if (cli->options.stats == STATS_BRIEF)
    print_brief(s, whole);
  else
    print_text(s, whole);
  ambi_free(s, bytes_of(s->n));
  cli->stats = NULL;
}
