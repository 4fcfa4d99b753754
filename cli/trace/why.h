// Why an answer is one: the calls, rules and facts that it rests on, as a tree.
//
// The way to a result (runtime/trace.h) is a chain of steps, the newest first: a rule that
// was used, a fact that was found, a call that gave a value. Such a call has the chain from
// where it was made. What was tried in vain is in no chain that an answer is reached on.
// Steps stay until the end.
#ifndef AMBIT_CLI_TRACE_WHY_H
#define AMBIT_CLI_TRACE_WHY_H

#include "cli/trace/told.h"
#include "cli/trace/trace.h"

typedef struct Why {
  Tracer tracer;
  Runtime *rt;
  Arena arena;
  Places *places;
  Teller to;
} Why;

// Fills in all but `places` and `to`.
void cli_why_open(Why *w, Runtime *rt);
void cli_why_close(Why *w);

#endif
