// What --profile tells: a table of functions, and a file of the stacks that were met.
//
// Each thread that evaluates is interrupted every millisecond by a timer of its own; the
// signal's handler has the stack copied (runtime/bytecode/sampler.h).
#define _GNU_SOURCE  // SIGEV_THREAD_ID, REG_RIP
#include "runtime/bytecode/sampler.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "cli/cli.h"
#include "memory/alloc.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { TICK_NS = 1000000, MOST_TIMERS = MOST_EVALUATORS + 1, MOST_ROWS = 40 };

static struct {
  pthread_mutex_t lock;
  timer_t timer[MOST_TIMERS];
  unsigned n;
} ticking = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_tick(int signal_number, siginfo_t *info, void *context) {
  (void)signal_number;
  (void)info;
#ifdef __x86_64__
  const ucontext_t *c = context;
  ambi_sampler_tick((uintptr_t)c->uc_mcontext.gregs[REG_RIP],
                    (uintptr_t)c->uc_mcontext.gregs[REG_RBX]);
#else
  (void)context;
  ambi_sampler_tick(0, 0);
#endif
}

// The calling thread is interrupted from now on. Without a timer it is just not seen.
static void begin_thread(void *arg) {
  (void)arg;
  sigset_t tick;
  timer_t timer;
  struct sigevent to = {.sigev_notify = SIGEV_THREAD_ID,
                        .sigev_signo = SIGPROF};
  to.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
  struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
  if (timer_create(CLOCK_MONOTONIC, &to, &timer) != 0) return;
  pthread_mutex_lock(&ticking.lock);
  bool kept = ticking.n < MOST_TIMERS;
  if (kept) ticking.timer[ticking.n++] = timer;
  pthread_mutex_unlock(&ticking.lock);
  if (!kept) {
    timer_delete(timer);
    return;
  }
  sigemptyset(&tick);
  sigaddset(&tick, SIGPROF);
  pthread_sigmask(SIG_UNBLOCK, &tick, NULL);
  timer_settime(timer, 0, &every, NULL);
}

bool cli_profile_open(Cli *cli) {
  const Options *o = &cli->options;
  if (!o->profile) return true;
  if (o->profile_file && !cli_file_may(o->profile_file)) return false;
  struct sigaction tick = {.sa_sigaction = on_tick,
                           .sa_flags = SA_RESTART | SA_SIGINFO};
  sigemptyset(&tick.sa_mask);
  sigaction(SIGPROF, &tick, NULL);
  if (ambi_sampler_start(cli->rt->code, begin_thread, NULL)) return true;
  cli_complain("out of memory: no profile");
  return false;
}

static void stop_ticking(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  for (unsigned i = 0; i < ticking.n; i++)
    timer_delete(ticking.timer[i]);
  ticking.n = 0;
  sigemptyset(&ignore.sa_mask);
  sigaction(SIGPROF, &ignore, NULL);
}

// ---- the table --------------------------------------------------------------------

static bool is_empty(const SamplerRow *r) {
  uint64_t all = r->own;
  for (int k = 0; k < SAMPLER_COUNTS; k++)
    all |= r->n[k];
  return all == 0;
}

static int by_time(const void *a, const void *b) {
  const SamplerRow *x = a, *y = b;
  if (x->own != y->own) return x->own < y->own ? 1 : -1;
  if (x->n[SAMPLER_CALLS] != y->n[SAMPLER_CALLS])
    return x->n[SAMPLER_CALLS] < y->n[SAMPLER_CALLS] ? 1 : -1;
  return strcmp(x->name, y->name);
}

static void print_row(const SamplerRow *r, uint64_t samples) {
  double share = samples ? 100.0 * (double)r->own / (double)samples : 0;
  fprintf(stderr,
          "profile: %5.1f %9" PRIu64 " %12" PRIu64 " %13" PRIu64 " %12" PRIu64
          "  %s\n",
          share, r->own, r->n[SAMPLER_CALLS], r->n[SAMPLER_CHOICES],
          r->n[SAMPLER_ANSWERS], r->name);
}

static void print_table(const Sampler *p) {
  SamplerTotals t = ambi_sampler_totals(p);
  SamplerRow *rows = ambi_alloc(t.rows * sizeof *rows);
  size_t n = 0;
  if (!rows) return;
  for (size_t i = 0; i < t.rows; i++) {
    rows[n] = ambi_sampler_row(p, i);
    n += !is_empty(&rows[n]);
  }
  qsort(rows, n, sizeof *rows, by_time);
  fprintf(stderr, "profile: %5s %9s %12s %13s %12s  %s\n", "own %", "samples",
          "calls", "choice points", "answers", "function");
  for (size_t i = 0; i < n && i < MOST_ROWS; i++)
    print_row(&rows[i], t.samples);
  if (n > MOST_ROWS)
    fprintf(stderr, "profile: and %zu more functions\n", n - MOST_ROWS);
  fprintf(stderr,
          "profile: samples in functions %" PRIu64 ", outside %" PRIu64
          ", lost %" PRIu64 "; one a millisecond of each evaluator\n",
          t.samples, t.outside, t.lost);
  ambi_free(rows, t.rows * sizeof *rows);
}

// ---- the file ---------------------------------------------------------------------

static void write_stack(void *arg, const char *stack, uint64_t n) {
  fprintf(arg, "%s %" PRIu64 "\n", stack, n);
}

static bool write_stacks(const Sampler *p, const char *path) {
  CliFile file;
  if (!cli_file_begin(&file, path)) return false;
  ambi_sampler_stacks(p, write_stack, file.out);
  return cli_file_end(&file);
}

void cli_profile_close(Cli *cli) {
  const Options *o = &cli->options;
  Sampler *p = cli->rt->code ? cli->rt->code->sampler : NULL;
  if (!p) return;
  stop_ticking();
  print_table(p);
  if (o->profile_file && !write_stacks(p, o->profile_file) && !cli->code)
    cli->code = RUN_INTERNAL;
  ambi_sampler_end(cli->rt->code);
}
