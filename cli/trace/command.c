// `ambit trace FILE` and `ambit why FILE`: a program is run, and its calls are told on
// standard error, or what its answers rest on, or why there are none.
#include <unistd.h>

#include "cli/cli.h"
#include "cli/prompt/lines.h"
#include "cli/trace/why.h"
#include "cli/trace/why_not.h"

typedef struct Stepping {
  Cli *cli;
  Lines *keys;  // or NULL: nobody is asked
} Stepping;

static void write_line(void *arg, enum TracePort port, const char *text,
                       size_t len) {
  const Stepping *s = arg;
  (void)port;
  cli_flush(s->cli);
  fwrite(text, 1, len, stderr);
}

static int read_key(void *arg, const char *question) {
  const Stepping *s = arg;
  fprintf(stderr, "-- %s -- ", question);
  fflush(stderr);
  return s->keys->key(s->keys);
}

void cli_trace(Cli *cli, Source *source) {
  Trace *t = &cli->options.trace;
  Stepping s = {.cli = cli};
  if (t->breaks.n && isatty(STDIN_FILENO)) s.keys = cli_plain_open();
  t->mode = t->breaks.n ? TRACE_LEAP : TRACE_SHOW;
  t->line = write_line;
  t->key = s.keys ? read_key : NULL;
  t->arg = &s;
  cli_trace_open(t, cli->rt);
  cli_run(cli, source);
  cli_trace_close(t);
  if (s.keys) s.keys->close(s.keys);
}

// ---- explanations -----------------------------------------------------------

static void write_told(void *arg, const char *text, size_t len) {
  cli_flush(arg);
  fwrite(text, 1, len, stderr);
}

static Teller teller_of(Cli *cli) {
  return (Teller){.line = write_told, .arg = cli, .json = cli->options.json};
}

void cli_why(Cli *cli, Source *source) {
  Why w = {.places = &cli->places, .to = teller_of(cli)};
  cli_why_open(&w, cli->rt);
  cli_run(cli, source);
  cli_why_close(&w);
}

void cli_why_not(Cli *cli, Source *source) {
  WhyNot w = {.places = &cli->places,
              .to = teller_of(cli),
              .wanted = cli->options.answer,
              .depth = cli->options.trace.depth};
  cli_why_not_open(&w, cli->rt);
  cli_run(cli, source);
  cli_why_not_close(&w);
}
