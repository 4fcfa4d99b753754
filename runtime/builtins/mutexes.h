// Named locks, which belong to whoever runs several evaluations (scheduler/mutex.c). A
// Runtime without them has one evaluation at a time, and needs none.
#ifndef AMBIT_RUNTIME_MUTEXES_H
#define AMBIT_RUNTIME_MUTEXES_H

#include "runtime/builtins/builtin.h"

typedef struct MutexTable {
  // cx has the lock, once more if it had it: B_OK. B_STOP with STOP_WAIT: the operation
  // is to be done again. B_ERROR: it would wait for ever. name: without variables.
  enum BuiltinStatus (*lock)(Context *cx, Value name);
  void (*unlock)(Context *cx);   // the one that cx took last
  void (*release)(Context *cx);  // all it has, and it waits for none
} MutexTable;

#endif
