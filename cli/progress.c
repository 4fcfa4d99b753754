// One line on the terminal that tells how far loading a file has come.
//
// It is written over again and again, and stays, with the final count, when loading is
// over. What takes less than two seconds says nothing.
#include <unistd.h>

#include "cli/cli.h"
#include "cli/figures.h"

static const double first_after = 2, then_every = 0.25;

void cli_progress(void *arg, const Progress *now) {
  Cli *cli = arg;
  bool late =
      now->seconds >= (cli->told > 0 ? cli->told + then_every : first_after);
  if (!(now->over ? cli->told > 0 : late) || !isatty(STDERR_FILENO)) return;
  cli->told = now->over ? 0 : now->seconds;
  char count[CLI_COUNT_SIZE], rate[CLI_COUNT_SIZE];
  cli_count_text((double)now->count, count);
  cli_count_text((double)now->count / now->seconds, rate);
  fprintf(stderr, "\r%s: %s facts, %s a second", now->what, count, rate);
  if (now->all && !now->over)
    fprintf(stderr, ", %.0f %%", 100.0 * (double)now->done / (double)now->all);
  fputs(now->over ? "\x1b[K\n" : "\x1b[K", stderr);
  fflush(stderr);
}
