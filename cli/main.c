// The program: opens a runtime, runs what the command line names, exits.
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli/cli.h"
#include "cli/lost.h"
#include "memory/alloc.h"
#include "memory/pages.h"
#include "memory/processors.h"
#include "memory/stress.h"
#include "runtime/bytecode/coverage.h"
#include "scheduler/actor.h"
#include "scheduler/crew.h"

#ifndef AMB_VERSION
#define AMB_VERSION "0.1.0"
#endif

// All an interrupt may touch.
static Runtime *running;

static void on_interrupt(int signal_number) {
  (void)signal_number;
  if (running) ambi_runtime_cancel(running);
}

// The first interrupt ends the form; a second one ends the process, should the
// form be deaf.
static void catch_signals(Runtime *rt) {
  running = rt;
  struct sigaction interrupt = {.sa_handler = on_interrupt,
                                .sa_flags = (int)SA_RESETHAND};
  sigemptyset(&interrupt.sa_mask);
  sigaction(SIGINT, &interrupt, NULL);
}

// A write that cannot be done fails, and that is told.
static void ignore_failed_writes(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigemptyset(&ignore.sa_mask);
  sigaction(SIGPIPE, &ignore, NULL);
  sigaction(SIGXFSZ, &ignore, NULL);
}

// A stream that is closed must not become the first file that is opened: what takes
// its place can do the opposite only.
static void fill_closed_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0)
      (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

// ---- the host ---------------------------------------------------------------

#ifdef AMB_DEBUG
// Adds what was executed to the files that the environment names: the instructions
// to AMBIT_OPCODES, how often which followed which to AMBIT_OPCODE_PAIRS.
static void note_opcodes(const Runtime *rt) {
  const char *names = getenv("AMBIT_OPCODES"),
             *pairs = getenv("AMBIT_OPCODE_PAIRS");
  FILE *list = names && rt->code ? fopen(names, "a") : NULL;
  FILE *counts = pairs && rt->code ? fopen(pairs, "a") : NULL;
  for (unsigned b = 0; b < OP_I_COUNT && (list || counts); b++) {
    bool reached = false;
    for (unsigned a = 0; a < OP_I_COUNT; a++) {
      uint64_t n = ambi_load_relaxed(&rt->code->op_pairs[a][b]);
      if (!n) continue;
      reached = true;
      if (counts)
        fprintf(counts, "%" PRIu64 " %s %s\n", n, ambi_ops[a].name,
                ambi_ops[b].name);
    }
    if (list && reached) fprintf(list, "%s\n", ambi_ops[b].name);
  }
  if (list) fclose(list);
  if (counts) fclose(counts);
}
#endif

// The switches of memory/stress.h, of debug builds only. False: there is no such
// switch, and that was said.
static bool take_stress(void) {
#ifdef AMB_DEBUG
  const char *names = getenv("AMBIT_STRESS");
  if (names && !ambi_stress_choose(names)) {
    cli_complain("AMBIT_STRESS takes some of %s", ambi_stress_names());
    return false;
  }
#endif
  return true;
}

// ---- running ----------------------------------------------------------------

static void run_source(Cli *cli, Source *s) {
  if (!cli_source_load(s, cli->options.limits.memory, cli->rt)) {
    cli->code =
        ambi_load_relaxed(&cli->rt->x_cancel) ? RUN_CANCELLED : RUN_PARSE;
    cli->over = true;
  } else {
    cli->options.verb(cli, s);
  }
}

// The program itself takes memory, too: its pages, and those of the libraries, of which
// some more are going to be used; and more where machine code is made, for that is opened
// when there is something to do for it.
static void count_program(bool machine_code) {
  enum { LATER = 1 << 20, MAKER = 3 << 18 };
  size_t all = (size_t)ambi_resident_memory(), counted = ambi_alloc_bytes();
  if (all) all += LATER + (machine_code ? MAKER : 0);
  if (all > counted) ambi_alloc_charge(all - counted);
}

static bool takes_more(void *arg, size_t bytes) {
  (void)arg;
  if (ambi_resident_memory() <= bytes) return false;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return ambi_resident_memory() > bytes;
}

// What is typed stands nowhere.
static void note_place(void *arg, const char *script, Position at,
                       const Template *t) {
  Cli *cli = arg;
  if (!cli->prompt || strcmp(script, PROMPT_NAME) != 0)
    cli_places_add(&cli->places, script, at, t);
}

static bool asks_why(const Options *o) {
  return o->verb == cli_repl || o->verb == cli_why || o->verb == cli_why_not;
}

static void show_output(void *arg) {
  cli_flush(arg);
}

static Host host_of(Cli *cli) {
  bool prompts = cli->options.verb == cli_repl;
  return (Host){.arg = cli,
                .write = prompts ? cli_prompt_write : cli_write_output,
                .note = prompts ? cli_prompt_note : cli_write_note,
                .progress = prompts ? cli_prompt_progress : cli_progress,
                .failed = cli_failure_calls,
                .added = asks_why(&cli->options) ? note_place : NULL,
                .takes_more = takes_more,
                .waits = show_output};
}

static void run_sources(Cli *cli) {
  Options *o = &cli->options;
  if (o->verb == cli_repl) {
    cli_repl(cli, NULL);
    return;
  }
  catch_signals(cli->rt);
  for (size_t i = 0; i < o->nsources && !cli->over && !cli->closed; i++)
    run_source(cli, &o->sources[i]);
  running = NULL;
}

// As many as processors, unless the command line says how many.
static unsigned evaluators(const Options *o) {
  unsigned n = o->evaluators ? o->evaluators : ambi_processors();
  return n < MOST_EVALUATORS ? n : MOST_EVALUATORS;
}

// False: told why.
static bool open_coverage(Cli *cli) {
  CodeState *cs = cli->rt->code;
  if (!cli->options.coverage || !cs || ambi_coverage_start(cs)) return true;
  cli_complain("out of memory: no coverage");
  return false;
}

void cli_session(Cli *cli) {
  Options *o = &cli->options;
  Host host = host_of(cli);
  cli->rt = ambi_runtime_open(&host, o->tier > 0);
  if (!cli->rt) {
    cli_complain("the runtime cannot start: out of memory");
    cli->code = RUN_LIMIT;
    return;
  }
  count_program(o->tier == 2);
  cli->rt->limits = o->limits;
  cli->rt->explain = o->explain;
  cli->rt->free_order = o->free_order;
  if (o->time_limit > 0)
    cli->rt->limits.run_deadline = ambi_monotonic_seconds() + o->time_limit;
  cli->rt->argv = o->args;
  cli->rt->argc = o->nargs;
  if (!open_coverage(cli) || !cli_watch_open(cli) || !cli_profile_open(cli)) {
    cli->code = RUN_INTERNAL;
    cli->over = true;
  }
  cli_jit_open(cli);
  if (!ambi_crew_open(cli->rt, evaluators(o)))
    cli_complain("out of memory: forms run one after another");
  if (!ambi_actors_open(cli->rt)) cli_complain("out of memory");
  if (!cli->over) run_sources(cli);
  cli_stats_take(cli);
  ambi_actors_close(cli->rt);
#ifdef AMB_DEBUG
  note_opcodes(cli->rt);
#endif
  ambi_crew_close(cli->rt);
  cli_jit_stop(cli);
  cli_profile_close(cli);
  cli_stats_print(cli);
  if (o->gc_stats) cli_gc_stats(cli);
  if (o->table_stats) cli_table_stats(cli);
  cli_timeline_write(cli);
  ambi_runtime_close(cli->rt);
  cli->rt = NULL;
  cli_places_clear(&cli->places);
  cli_jit_close(cli);
}

// Large blocks come from the system and go back to it when they are freed, so
// that --memory counts what the process really takes.
static void give_memory_back(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
#endif
}

// What is told of lost memory needs none.
static void open_messages(void) {
  static char line[BUFSIZ];
  setvbuf(stderr, line, _IOLBF, sizeof line);
  cli_lost_count_json();
}

// An exit code that says already what went wrong stays.
static void tell_losses(Cli *cli) {
  if (!cli_losses()) return;
  cli_complain("out of memory: something is missing");
  if (cli->code == RUN_OK) cli->code = RUN_LIMIT;
}

int main(int argc, char **argv) {
  Cli cli = {.places.lock = PTHREAD_MUTEX_INITIALIZER};
  ambi_kept_calls_open(&cli.calls);
  give_memory_back();
  fill_closed_streams();
  ignore_failed_writes();
  cli_output_open(&cli);
  open_messages();
  int code = cli_options_parse(&cli.options, argc, argv);
  if (code < 0 && !take_stress()) code = EXIT_USAGE;
  if (code >= 0)
    cli.code = code;
  else if (cli.options.help)
    cli_help(cli.out);
  else if (cli.options.version)
    fprintf(cli.out, "ambit " AMB_VERSION "\nmachine code: %s\n",
            cli_jit_version());
  else if (cli.options.tool)
    cli.code = cli.options.tool(&cli, cli.options.nargs, cli.options.args);
  else
    do
      cli_session(&cli);
    while (cli.again);
  cli_prompt_close(&cli);
  ambi_kept_calls_close(&cli.calls);
  cli_output_finish(&cli);
  tell_losses(&cli);
  cli_options_drop(&cli.options);
  return cli.code;
}
