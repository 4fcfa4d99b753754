// What --gc-stats tells at the end of a run.
#include "cli/cli.h"
#include "memory/alloc.h"
#include "memory/pages.h"

static void count_row(const char *name, uint64_t n, const char *unit) {
  fprintf(stderr, "gc: %-40s %llu%s%s\n", name, (unsigned long long)n,
          *unit ? " " : "", unit);
}

static void pauses(const char *which, const Latency *l) {
  static const char *const names[] = {"mean", "99 % within", "longest"};
  LatencyView v = ambi_latency_view(l);
  const uint64_t times[] = {v.mean, v.most_of_them, v.longest};
  char name[80];
  snprintf(name, sizeof name, "%s collections", which);
  count_row(name, v.n, "");
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "%s pause, %s", which, names[i]);
    fprintf(stderr, "gc: %-40s %.1f us\n", name, (double)times[i] / 1000);
  }
}

void cli_gc_stats(const Cli *cli) {
  const Collections *c = &cli->rt->collections;
  pauses("minor", &c->minor);
  pauses("major", &c->major);
  count_row("copied", ambi_load_relaxed(&c->x_copied), "bytes");
  count_row("stayed", ambi_load_relaxed(&c->x_stayed), "bytes");
  count_row("trail looked at", ambi_load_relaxed(&c->x_trail), "entries");
  count_row("live behind the last one", ambi_load_relaxed(&c->x_live), "bytes");
  count_row("live at most", ambi_load_relaxed(&c->x_most_live), "bytes");
  count_row("counted for --memory", ambi_alloc_bytes(), "bytes");
  count_row("resident", ambi_resident_memory(), "bytes");
}
