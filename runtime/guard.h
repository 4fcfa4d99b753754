// What the evaluators of one Runtime change by turns: code, types, words, modules.
//
// A Runtime begins alone, with one evaluator (rt->sharing is NULL), and the guard costs
// one load. Together, each evaluator runs a Context of its own, inside the epochs of
// rt->sharing from the first step of a task until it rests, and takes the guard for
// what is rare and changes something that all of them look at: lowering a rule, making
// a variant, a change of rules or types, an import, binding a word. Running code,
// asking a space, adding facts, reading or changing a state do not take it.
//
// It may be taken again by its holder. Order of locks: the guard, then the lock of a
// space, then Sharing.lists; below them the locks of store and names, under which no
// other is taken. Nothing is evaluated under it but
// the forms of a module that is imported.
#ifndef AMBIT_RUNTIME_GUARD_H
#define AMBIT_RUNTIME_GUARD_H

#include <stdbool.h>

#include "runtime/runtime.h"

static inline bool ambi_together(const Runtime *rt) {
  return rt->sharing != NULL;
}
void ambi_guard_take(Runtime *rt);
void ambi_guard_give(Runtime *rt);

// A line of output, be it written in parts. Nothing else is locked meanwhile.
void ambi_output_take(Runtime *rt);
void ambi_output_give(Runtime *rt);
// Before the program waits for somebody who may wait for what it has written.
void ambi_output_show(Runtime *rt);

// Alone it is only counted how often it was taken: whoever has it then still has it when
// it is no longer alone.
static inline void ambi_guard(Runtime *rt) {
  if (AMB_UNLIKELY(ambi_together(rt)))
    ambi_guard_take(rt);
  else
    rt->guards++;
}
static inline void ambi_unguard(Runtime *rt) {
  if (AMB_UNLIKELY(ambi_together(rt)))
    ambi_guard_give(rt);
  else
    rt->guards--;
}

#endif
