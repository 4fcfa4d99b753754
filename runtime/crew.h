// What the runtime asks of whoever runs several evaluations of it (scheduler/).
//
// A Runtime without a crew has one evaluation at a time; then nothing rests but under
// stress, and forms that would run beside one another run one after another. All calls
// come from the thread that evaluates cx.
#ifndef AMBIT_RUNTIME_CREW_H
#define AMBIT_RUNTIME_CREW_H

#include "runtime/builtins/builtin.h"

typedef struct Crew Crew;
struct Crew {
  // The evaluation of cx stopped with STOP_YIELD or STOP_WAIT, and its thread can do
  // nothing else: comes back when it may go on.
  void (*rest)(Context *cx);
  // The form has ended: what it began and nobody waits for any more is cancelled.
  void (*form_ended)(Context *cx);
  // Begins to evaluate the children of a list, one or more, beside one another, each
  // in a Context of its own. Returns a number for them; 0: they cannot run beside this
  // one, or cx->stop is set.
  uint64_t (*begin)(Context *cx, Value list);
  // The same; each goes on as far as its next result, and rests until that is taken.
  uint64_t (*begin_turns)(Context *cx, Value list);
  // The results of one branch, or its next one, pushed onto cx->many. B_MANY; B_EMPTY if
  // there is no next one; or B_STOP with STOP_WAIT while they are not there, or with what
  // stopped the branch. Where order is that of arrival: those of any that was not taken.
  enum BuiltinStatus (*branch)(Context *cx, uint64_t branches, uint32_t index);
  // Likewise the results of the first branch to have one that is no Error, or else of
  // the first with any; B_EMPTY: none has, and all have ended.
  enum BuiltinStatus (*first)(Context *cx, uint64_t branches);
  // Nothing more is wanted of them.
  void (*drop)(Context *cx, uint64_t branches);
  // Has somebody nothing to do, and may cx hand something over (machine/handover.h)?
  bool (*wants)(const Context *cx);
  // The evaluations of cx's Runtime are together from now on, so that something can be
  // handed over. False: there is no memory.
  bool (*share)(Context *cx);
  // Does nobody but cx evaluate any more, once those are through that nobody wants?
  bool (*alone)(Context *cx);
  // A part for what cx hands over, to be filled in. NULL: there is no memory.
  struct Part *(*part_make)(Context *cx);
  void (*part_start)(Context *cx, struct Part *p);  // it was filled in
  // What it found, which may be taken (and is all zero then); NULL: cx->stop is set, to
  // STOP_WAIT if it is not ready, or it cannot be told by itself: *again. *rest: what it
  // handed on, the newest first, whose results come behind; the caller's from now on.
  struct Segment *(*part_results)(Context *cx, struct Part *p,
                                  struct Part **rest, bool *again);
  bool (*part_done)(struct Part *p);               // is that there?
  void (*part_drop)(Context *cx, struct Part *p);  // nobody wants it
};

#endif
