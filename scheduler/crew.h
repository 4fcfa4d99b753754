// Who runs several evaluations of one Runtime: a pool of evaluators, and Contexts for
// what they run.
//
// The thread that owns the Runtime is evaluator 0 while its form rests. Everything
// else is a task with a Context of its own, which any evaluator may run next.
#ifndef AMBIT_SCHEDULER_CREW_H
#define AMBIT_SCHEDULER_CREW_H

#include "runtime/runtime.h"

// rt gets a crew of n evaluators, 1 or more; none is started before there is something
// for it; in tier 0 there is nothing but actors' names. False: memory is out.
bool ambi_crew_open(Runtime *rt, unsigned n);
// Before the Runtime is closed, and when no form of it is open. Does nothing to one
// that has none.
void ambi_crew_close(Runtime *rt);

#endif
