// The tree of what was done, see why_not.h; filled by why_not.c, told by why_not_tell.c.
#ifndef AMBIT_CLI_TRACE_WHY_NOT_DATA_H
#define AMBIT_CLI_TRACE_WHY_NOT_DATA_H

#include "cli/trace/why_not.h"

enum NodeKind {
  STEP_ROOT,
  STEP_CALL,  // its values are below it
  STEP_RULE,  // of the program
  STEP_FACT,
  STEP_VALUE,  // that `call` gave; what follows is below
  STEP_REASON,
  STEP_ANSWER
};

typedef struct Node {
  enum NodeKind kind;
  struct Node *parent, *first, *last, *next;
  struct Node *call;  // VALUE: whose
  Told told;
  uint32_t values;  // CALL: how many there are
  uint32_t depth;   // CALL: where it is told
  bool back;        // CALL: it gave itself
  bool library;     // CALL: it is of the library, or an operation
  bool error;       // CALL: an Error came from it that no call in it had given
  bool passed;      // a value of the call it is part of was reached behind it
  bool reason;      // some alternative of it came to nothing
} Node;

// What has come of the form.
void cli_why_not_tell(WhyNot *w);

#endif
