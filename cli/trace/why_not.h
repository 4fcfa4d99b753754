// Why there is no answer, or not the one that is expected: what each alternative came to.
//
// The way to a place (runtime/trace.h) is a node of a tree here: a call that was made, a rule
// or a fact that was taken, a value that a call gave, and below it what was done then. Where
// an alternative ends with nothing there is a reason: no fact, a pattern that does not fit,
// a rule with another head, an answer that is another one. What is told is the part of the
// tree that leads to reasons: calls of the library are not, but for what they compare, nor
// is how a call came to a value that it gave.
#ifndef AMBIT_CLI_TRACE_WHY_NOT_H
#define AMBIT_CLI_TRACE_WHY_NOT_H

#include "cli/trace/told.h"
#include "cli/trace/trace.h"

typedef struct WhyNot {
  Tracer tracer;
  Runtime *rt;
  Arena arena;
  Places *places;
  Teller to;
  const char *wanted;  // text of the answer that is missing, or NULL: any
  uint64_t depth;      // calls nested deeper are not told of; 0: the usual
  // of the form that is evaluated
  struct Node *root;
  Template missing;  // `wanted` as an atom
  bool is_missing;   // there is one
  bool found;        // it is an answer
  uint32_t nodes, answers;
  uint32_t forms;  // that are evaluated: modules have some while one waits
} WhyNot;

// Fills in all but `places`, `to`, `wanted` and `depth`.
void cli_why_not_open(WhyNot *w, Runtime *rt);
void cli_why_not_close(WhyNot *w);

#endif
