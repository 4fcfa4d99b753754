// What the parts of the C library share: the handles behind include/ambit.h.
#ifndef AMBIT_SCHEDULER_SYSTEM_H
#define AMBIT_SCHEDULER_SYSTEM_H

#include <pthread.h>

#include "include/ambit.h"
#include "runtime/kept_calls.h"
#include "runtime/modules/module.h"
#include "runtime/modules/runner.h"

struct ambit_heap {
  ambit *a;
  Context *cx;
  Buffer text;  // of ambit_text
};

enum { SPARE_CONTEXTS = 4 };  // kept for the next queries and heaps

typedef struct SystemLog SystemLog;  // log.c

struct ambit {
  Runtime *rt;
  SystemLog *log;           // the newest; or NULL
  ambit_port *ports;        // the newest that is open
  AMB_ATOMIC(bool) x_told;  // [all] something has come to a port
  pthread_mutex_t calls;    // [init] of functions that are called one at a time
  KeptCalls kept;           // in which something failed
  unsigned running;         // queries that have begun and not ended
  Context *spare[SPARE_CONTEXTS];
  unsigned nspare;
  void *compiler;  // NULL: bytecode only
  ambit_options options;
  Buffer message, called;  // of ambit_message, ambit_calls
  int exit_code;
};

// ---- terms ------------------------------------------------------------------
static inline Value value_of(ambit_term t) {
  return AMB_V(t.bits);
}
static inline ambit_term term_of(Value v) {
  return (ambit_term){v.w};
}
// Reads the one atom of a text; form: to be evaluated. False: it is not one, noted.
bool system_read(ambit *a, const char *text, size_t length, bool form,
                 Template *out);

// ---- errors -------------------------------------------------------------------
// Notes what is wrong, for ambit_message; returns the status.
__attribute__((format(printf, 3, 4))) ambit_status
system_fail(ambit *a, ambit_status status, const char *format, ...);
// A stop as a status, and noted. Not STOP_NONE.
ambit_status system_stopped(ambit *a, const Context *cx);

// What the program calls back, one thread at a time. It may be taken again.
void system_lock(ambit *a);
void system_unlock(ambit *a);
void system_logs_drop(ambit *a);
void system_ports_close(ambit *a);
// Is this the thread that uses the runtime?
bool system_is_owner(void);

// ---- heaps ----------------------------------------------------------------------
// Opens a Context in the top module, and counts it as a guest of the runtime.
bool system_heap_open(ambit *a, ambit_heap *h);
void system_heap_close(ambit_heap *h);

#endif
