// The calls that an evaluation is in, as text for people: what a limit stopped, or where
// an Error was made.
//
// Nothing is kept for this while nothing fails. Tier 0 has the calls whose arguments or
// bodies it evaluates; tier 1 has frames, and of a frame's arguments those that its code
// still needs, which are the only ones sure to be there. The others read as _.
#ifndef AMBIT_RUNTIME_CALLS_H
#define AMBIT_RUNTIME_CALLS_H

#include "runtime/runtime.h"

enum {
  CALLS_SHOWN = 12,
  CALLS_ALIKE = 3  // calls of one function right behind one another
};

typedef struct CallLines {
  Runtime *rt;
  Buffer *out;
  Value told;
  uint32_t shown;
  uint64_t more;   // calls that are not shown
  Value head;      // of the call before ...
  uint64_t alike;  // ... and how many of that there were
} CallLines;

// The calls of the form that runs in the Context, the innermost first, a line each;
// without the one that is told anyway, or AMB_NONE.
void ambi_calls_print(Context *cx, Value told, Buffer *out);
// An atom, shortened as those of the lines are.
void ambi_calls_shorten(Runtime *rt, Value v, Buffer *out);

// Tells the host that something has failed, while the calls it happened in are there: a
// form is stopped, or an Error is made (call: what it is about; else AMB_NONE).
static inline void ambi_calls_failed(Context *cx, Value call) {
  const Host *host = &cx->rt->host;
  if (AMB_UNLIKELY(host->failed != NULL)) host->failed(host->arg, cx, call);
}
// Is that what stops a form because something is wrong?
static inline bool ambi_calls_matter(enum AmbStop stop) {
  return stop != STOP_NONE && stop != STOP_ANSWERS && stop != STOP_EXIT &&
         stop != STOP_AGAIN && !ambi_rests(stop);
}

// ---- for the tiers ------------------------------------------------------------
// A call as it stands.
void ambi_calls_add(CallLines *l, Value call);
// One of which parts are known. False: it is not shown.
bool ambi_calls_begin(CallLines *l, Value head);
void ambi_calls_argument(CallLines *l, Value v);  // AMB_NONE: not known
void ambi_calls_end(CallLines *l);
void ambi_eval0_calls(Context *cx, CallLines *l);
void ambi_engine_calls(Context *cx, CallLines *l);

#endif
