// What may stop a form: time, steps, memory, depth, answers, cancellation.
//
// The evaluator counts steps in cx->limits.steps_used and calls
// ambi_limits_poll every few thousand steps; helpers that may run long call it
// themselves. A stop is sticky (cx->stop) until the next form begins.
#ifndef AMBIT_RUNTIME_LIMITS_H
#define AMBIT_RUNTIME_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum AmbStop {
  STOP_NONE = 0,
  STOP_TIME,      // --query-timeout, max-time
  STOP_RUN_TIME,  // --time-limit: the whole run ends
  STOP_STEPS,     // --steps, max-steps
  STOP_MEMORY,    // --memory, max-memory, --names, or the system has no more
  STOP_HEAP,      // Limits.heap
  STOP_DEPTH,     // --depth
  STOP_ANSWERS,   // -n
  STOP_CANCEL,    // interrupted from outside
  STOP_EXIT,      // (exit! CODE)
  STOP_YIELD,     // its slice is over; the form goes on when it is run again
  STOP_WAIT,      // an operation waits, and is done again then
  STOP_AGAIN,     // within the machine: a part of the form begins again
  STOP_INTERNAL   // our own bug, reported as such
};

// The form is not over: run again, it goes on.
static inline bool ambi_rests(enum AmbStop stop) {
  return stop == STOP_YIELD || stop == STOP_WAIT;
}

typedef struct Limits {
  // settings; 0 = unlimited
  double query_seconds;
  double run_deadline;  // absolute, monotonic seconds
  uint64_t steps;
  uint64_t memory;  // bytes
  uint64_t heap;    // bytes of what this evaluation has on its own heap
  uint64_t depth;   // nested calls
  uint64_t names;   // of the program, beside those of the library
  uint64_t answers;
  uint64_t max_stack_depth;  // pragma of the reference: a value, not a stop
  // state of the running form
  double deadline;      // absolute, monotonic seconds; 0 = none
  double left;          // until then, when it began to rest
  uint64_t steps_used;  // the step that begins included
  size_t seen_bytes;  // counted when the host was last asked what is taken ...
  unsigned looks;     // ... and looks at the limits since then
} Limits;

struct Context;
uint64_t ambi_thread_ns(void);  // processor time of this thread
double ambi_monotonic_seconds(void);
// Bytes that may still be asked for below the limit on memory; SIZE_MAX: there is none.
size_t ambi_limits_left(uint64_t memory);
// A form begins: cx->limits starts from the settings of the runtime, so that a
// pragma holds from the next form on; cx->stop is cleared.
void ambi_limits_begin(struct Context *cx);
// Looks at clock, cancellation, memory and steps. True: go on. False: cx->stop.
bool ambi_limits_poll(struct Context *cx);
// The same behind so many nodes of terms, which count as steps: a term that shares its
// parts may have more of them, as a tree, than anybody can look at.
bool ambi_limits_walked(struct Context *cx, size_t nodes);
// A form rests, and goes on: its time stands still meanwhile.
void ambi_limits_rest(struct Context *cx);
void ambi_limits_go_on(struct Context *cx);
// A form has ended: telling what it found may take a little more than the limit
// on memory, until the next form begins.
void ambi_limits_end(struct Context *cx);
// May more of the results be printed? Not after a cancellation, nor when the time
// is over; but what a form had found when it was stopped is printed in full.
bool ambi_limits_may_print(const struct Context *cx);
// "the time limit of 2 s", for the message to the user.
void ambi_stop_text(const struct Context *cx, char *buf, size_t size);

#endif
