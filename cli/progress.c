// One line on the terminal that tells how far loading a file has come.
//
// It is written over again and again, and stays, with the final count, when loading is
// over. What takes less than two seconds says nothing.
#include <unistd.h>

#include "cli/cli.h"

static const double first_after = 2, then_every = 0.25;

// "1234567" -> "1.23 M"; five characters of digits at most.
static void put_count(double n) {
  const char *unit = n < 1e4 ? "" : n < 1e6 ? " k" : " M";
  double scaled = n < 1e4 ? n : n < 1e6 ? n / 1e3 : n / 1e6;
  fprintf(stderr, "%.*f%s", n < 1e4 ? 0 : 2, scaled, unit);
}

void cli_progress(void *arg, const Progress *now) {
  Cli *cli = arg;
  bool late =
      now->seconds >= (cli->told > 0 ? cli->told + then_every : first_after);
  if (!(now->over ? cli->told > 0 : late) || !isatty(STDERR_FILENO)) return;
  cli->told = now->over ? 0 : now->seconds;
  fprintf(stderr, "\r%s: ", now->what);
  put_count((double)now->count);
  fputs(" facts, ", stderr);
  put_count((double)now->count / now->seconds);
  fputs(" a second", stderr);
  if (now->all && !now->over)
    fprintf(stderr, ", %.0f %%", 100.0 * (double)now->done / (double)now->all);
  fputs(now->over ? "\x1b[K\n" : "\x1b[K", stderr);
  fflush(stderr);
}
