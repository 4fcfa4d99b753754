// The calls in which something failed, kept until somebody tells of it.
//
// An Error is a value: it may be looked at and dropped, or come to the top. So the calls
// around each of the first ones of a form are kept for a while, and the one that came to
// the top is found by the call that it is about. Several evaluators note beside one
// another.
#ifndef AMBIT_RUNTIME_KEPT_CALLS_H
#define AMBIT_RUNTIME_KEPT_CALLS_H

#include <pthread.h>

#include "memory/stress.h"
#include "runtime/calls.h"

enum { KEPT_ERRORS = 8 };
typedef struct CallsOfError {
  Buffer about, lines;  // the Error's call, and those around it
} CallsOfError;
typedef struct KeptCalls {
  pthread_mutex_t lock;
  CallsOfError errors[KEPT_ERRORS];  // [lock] the newest of those that count
  Buffer stopped;                    // [lock] where a form was stopped
  unsigned made, next;  // [lock] Errors of the form, the next place
  Pace walked;          // [lock]
} KeptCalls;

void ambi_kept_calls_open(KeptCalls *k);
void ambi_kept_calls_close(KeptCalls *k);
// call: that of an Error, or AMB_NONE: a form is stopped. See Host.failed.
void ambi_kept_calls_note(KeptCalls *k, Context *cx, Value call);
// Appends the lines for such a call to out, which has failed where memory was out for
// them.
void ambi_kept_calls_find(KeptCalls *k, Runtime *rt, Value call, Buffer *out);
// The Error of that call ends a script: its calls are those the form was stopped in.
void ambi_kept_calls_end(KeptCalls *k, Runtime *rt, Value call);
// Another form begins; or, only: Errors are counted anew, and what is there stays.
void ambi_kept_calls_forget(KeptCalls *k);
void ambi_kept_calls_count_anew(KeptCalls *k);
bool ambi_kept_calls_is_valid(KeptCalls *k, const char **why);

#endif
