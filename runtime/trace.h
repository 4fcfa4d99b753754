// Who follows the calls that the plain evaluator makes, one by one.
//
// With a Tracer set, forms are evaluated by tier 0 (runtime/eval.h), which tells what
// becomes of each call: it is made, gives a value, is tried again for another one, gives
// an Error, or has no value at all. A call that has given all it has is not told of again.
//
// A *way* is what the tracer knows of how the evaluation came to where it is. The evaluator
// carries it along, keeps it with each result, and takes it up again when it goes back to
// that result. It never looks at one; they stay valid while the form is evaluated.
#ifndef AMBIT_RUNTIME_TRACE_H
#define AMBIT_RUNTIME_TRACE_H

#include "runtime/spaces/record.h"

enum TracePort { TRACE_CALL, TRACE_EXIT, TRACE_RETRY, TRACE_ERROR, TRACE_FAIL };

typedef struct TraceEvent {
  enum TracePort port;
  uint64_t number;  // of the call, from 1
  uint32_t depth;   // traced calls around it
  Value call;       // as it was made; variables are as they are now
  Value value;      // of EXIT and ERROR
  const void
      *way;  // in: so far; out: from here on. FAIL and RETRY: not looked at
  const void *began;  // EXIT, ERROR, FAIL: the way behind its CALL
} TraceEvent;

typedef struct TraceUse {
  Record rule;   // that is tried for a call: its left side fits
  Value call;    // which
  Value fact;    // or an instance of a pattern that was found; else AMB_NONE
  Space *space;  // where
} TraceUse;

typedef struct TraceMiss {  // two atoms that were to be made one, in vain
  Value a, b;               // a may be a space in which nothing fits b
  Value inside;  // the call whose body does so, if known; else AMB_NONE
} TraceMiss;

typedef struct Tracer {
  void *arg;
  // Is the call told of? Its head is an operation or a symbol with rules.
  bool (*wants)(void *arg, Context *cx, Space *s, Value call);
  // False: the form is to stop, as if it had been cancelled.
  bool (*tell)(void *arg, Context *cx, TraceEvent *e);
  // The way when that is used; NULL: nobody wants to know.
  const void *(*use)(void *arg, Context *cx, const void *way,
                     const TraceUse *use);
  // On that way something did not fit; NULL: likewise.
  void (*miss)(void *arg, Context *cx, const void *way, const TraceMiss *miss);
  // A result of the form, and the way to it; NULL: likewise.
  void (*answer)(void *arg, Context *cx, const void *way, Value value);
  // A form is evaluated, it is over or was stopped; NULL: likewise.
  void (*begin)(void *arg, Context *cx, Value form);
  void (*end)(void *arg, Context *cx);
} Tracer;

#endif
