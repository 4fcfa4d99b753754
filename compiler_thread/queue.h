// Hot units on their way from the evaluator to the compiler.
//
// A ring of places. Each place has a turn: a number that says whether it waits for
// the producer or for the consumer of which round. Many producers, one consumer.
//
// PROTOCOL hot-queue
//   what      HotQueue.places[i].item, owned by whoever the place's turn names
//   writer    a producer that moved x_tail from t to t + 1 owns the place t; turn t
//   readers   the one consumer, in the order of x_tail; turn t + 1
//   publish   release store of turn t + 1 by the producer, of t + size by the
//             consumer: the place is free for the next round
//   observe   acquire load of the turn before the item is touched
//   why safe  a producer moves x_tail only if it saw turn t, so the consumer has
//             left the place; x_tail moves once from each t, so no two producers
//             own a place; a queue that is full shows an older turn and is left
//   waits     nobody. A producer that was stopped between its two steps hides
//             later items until it goes on: the consumer sees an empty queue, so
//             each push has to see to it that a sleeping consumer looks again
//   lifetime  a Unit in the queue is not freed: its state is QUEUED or STALE
//             (runtime/bytecode/native.h)
//   weaker?   relaxed x_tail is enough: it orders nothing, the turns do
//   test      tests/unit/queue_test.c, also under tsan
#ifndef AMBIT_COMPILER_THREAD_QUEUE_H
#define AMBIT_COMPILER_THREAD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Unit Unit;

typedef struct HotUnit {
  Unit *unit;
  uint64_t hot_ns;  // when it got hot
  double rate;      // calls and turns a second until then: more is more urgent
  char *name;       // for profilers, or NULL
  unsigned level;   // 1, 2
  struct Plan *plan;  // for level 2, or NULL
} HotUnit;

typedef struct HotQueue HotQueue;

// `size` places, a power of two. NULL: memory is out.
HotQueue *ambi_queue_open(uint32_t size);
void ambi_queue_close(HotQueue *q);
// Any thread. False: the queue is full.
bool ambi_queue_push(HotQueue *q, HotUnit item);
// The consumer. False: nothing is there, or nothing yet.
bool ambi_queue_pop(HotQueue *q, HotUnit *out);
bool ambi_queue_is_valid(HotQueue *q, const char **why);

#endif
