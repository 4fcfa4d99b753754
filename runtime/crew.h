// What the runtime asks of whoever runs several evaluations of it (scheduler/).
//
// A Runtime without a crew has one evaluation at a time; then nothing rests but under
// stress, and forms that would run beside one another run one after another.
#ifndef AMBIT_RUNTIME_CREW_H
#define AMBIT_RUNTIME_CREW_H

#include "runtime/atoms/context.h"

typedef struct Crew Crew;
struct Crew {
  // The evaluation of cx stopped with STOP_YIELD or STOP_WAIT, and its thread can do
  // nothing else: comes back when it may go on.
  void (*rest)(Context *cx);
};

#endif
