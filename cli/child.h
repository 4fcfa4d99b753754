// A process that runs a program for us and leaves what it finds in files without a name.
#ifndef AMBIT_CLI_CHILD_H
#define AMBIT_CLI_CHILD_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

typedef struct Child {
  pid_t pid;    // -1: it could not be started
  FILE *found;  // where it writes
  FILE *notes;  // its standard error
  double began;
} Child;

// As fork: 0 in the process itself, which ends by cli_child_end.
pid_t cli_child_start(Child *c);
_Noreturn void cli_child_end(int code);
// All that was written, with a NUL behind it, to be freed with ambi_free(text, *len + 1).
// NULL: nothing was, or memory is out.
char *cli_child_text(FILE *f, size_t *len);
void cli_child_close(Child *c);  // after it ended

#endif
