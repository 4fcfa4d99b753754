// Ctrl-C and changes of the window, as signals.
//
// The handlers are of the process, so what they touch is global. While something runs, the
// first interrupt stops it; another one, should it be deaf, asks whether to leave, right
// where it comes.
#ifndef AMBIT_CLI_PROMPT_INTERRUPT_H
#define AMBIT_CLI_PROMPT_INTERRUPT_H

#include "runtime/runtime.h"

void cli_interrupt_open(void);
// What runs from now on; NULL: nothing does.
void cli_interrupt_runs(Runtime *rt);
// Has an interrupt come while nothing ran? Asked once for each.
bool cli_interrupt_came(void);
// Has the window another size since this was asked last?
bool cli_interrupt_resized(void);

#endif
