// What named locks are made of: mutex.c and its tests know.
#ifndef AMBIT_SCHEDULER_MUTEX_DATA_H
#define AMBIT_SCHEDULER_MUTEX_DATA_H

#include "memory/stress.h"
#include "runtime/builtins/host.h"
#include "runtime/runtime.h"

typedef struct Mutex Mutex;
typedef struct Waiter Waiter;

typedef struct Held {  // of one Context, the newest first
  struct Held *before;
  Mutex *mutex;
} Held;

enum WaiterState { WAITER_WAITS, WAITER_HAS, WAITER_REFUSED };
struct Waiter {
  Context *cx;             // [init]
  Mutex *mutex;            // [init]
  Held *held;              // [init] what it will have
  Waiter *next;            // [lock] in the order they came
  enum WaiterState state;  // [lock]
  uint64_t number;         // [lock] grows
};

struct Mutex {
  Mutex *next;      // [lock]
  Template name;    // [init]
  Context *holder;  // [lock]
  unsigned depth;   // [lock] how often it has taken it
  Waiter *first;    // [lock]
};

typedef struct Mutexes {
  HostObject keeper;     // the cell of the Runtime that frees them
  Runtime *rt;           // [init]
  pthread_mutex_t lock;  // [init]
  Mutex *all;            // [lock]
  uint64_t numbers;      // [lock]
  Pace walked;           // [lock]
} Mutexes;

#endif
