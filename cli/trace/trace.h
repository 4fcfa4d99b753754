// The calls of a form as lines, and a person who goes through them step by step.
//
// Which calls are told of: those of the functions that were named, or of all that the
// program defines itself, or of everything. Who steps is asked behind each line. Knows
// nothing of terminals: lines are handed on, and keys are asked for.
#ifndef AMBIT_CLI_TRACE_TRACE_H
#define AMBIT_CLI_TRACE_TRACE_H

#include "runtime/runtime.h"
#include "runtime/trace.h"

enum TraceMode {
  TRACE_SHOW,  // all lines, without asking
  TRACE_STEP,  // ask behind each
  TRACE_SKIP,  // nothing until a call is left
  TRACE_LEAP   // nothing until a breakpoint
};

typedef struct TraceNames {
  const char **at;  // the caller's texts
  size_t n, cap;
} TraceNames;

typedef struct Trace {
  Tracer tracer;  // for Runtime.tracer
  Runtime *rt;
  TraceNames only;    // functions that are told of; none: the program's
  TraceNames breaks;  // functions whose calls end a leap
  bool all;           // operations and the library, too
  uint64_t depth;     // calls nested deeper are not told of; 0: any
  enum TraceMode mode;
  uint64_t until;  // TRACE_SKIP: the call
  bool aborted;
  void (*line)(void *arg, enum TracePort port, const char *text, size_t len);
  int (*key)(void *arg, const char *question);  // NULL: there is nobody
  void *arg;
} Trace;

// Fills in `tracer`; all else is the caller's.
void cli_trace_open(Trace *t, Runtime *rt);
void cli_trace_close(Trace *t);
// False: memory is out.
bool cli_trace_name(TraceNames *names, const char *name);
void cli_trace_names_drop(TraceNames *names);
// Is what is called here of the library, or an operation?
bool cli_trace_is_library(const Runtime *rt, Value call);
// An atom as text, cut where it gets longer than that.
void cli_trace_print(Runtime *rt, Buffer *b, Value v, size_t most);

#endif
