// Memory was out, and something is missing of what the program shows.
//
// Tools go on where they can, so that one place tells it for all: at its end the program
// says so, and the exit code tells. What is shown must not look whole when it is not.
#ifndef AMBIT_CLI_LOST_H
#define AMBIT_CLI_LOST_H

#include <stdbool.h>

// Any thread.
void cli_lost(void);
// How often until now.
unsigned cli_losses(void);
// JSON of this process that finds no memory counts, too.
void cli_lost_count_json(void);

#endif
