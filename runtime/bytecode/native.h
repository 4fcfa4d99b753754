// Machine code of units, as bytecode sees it.
//
// A return or resume address is always a `const Code *`. Where machine code goes
// on, it names a *landing*: a word with the opcode NATIVE, the machine address and
// the position it stands for. The loop that returns or fails to a landing enters
// machine code by its usual dispatch; machine code that returns or fails compares
// the opcode and jumps, or leaves to the loop at that position.
//
// What makes machine code (compiler_thread/) stands above this folder and is
// reached through the three functions of NativeHost.
//
// Who writes what: the evaluator counts `heat` down and moves a unit from COLD to
// QUEUED; the compiler moves it on. Publish: Unit.enter and Unit.entry are stored
// with release order after the Native and its landings are complete. Observe: calls
// load Unit.entry with acquire order, machine code (x86-64) by a plain load. A
// unit, with its Native, is freed between forms and never while the compiler may
// look at it (ambi_unit_idle).
#ifndef AMBIT_RUNTIME_NATIVE_H
#define AMBIT_RUNTIME_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#include "memory/atomic.h"

typedef union Code Code;
typedef struct Unit Unit;
typedef struct Engine Engine;

enum NativeState {
  NATIVE_COLD,
  NATIVE_QUEUED,     // in the queue, or on the way into it
  NATIVE_COMPILING,  // the compiler reads the unit
  NATIVE_READY,
  NATIVE_STALE,   // was queued when it was thrown away; the compiler drops it
  NATIVE_REFUSED  // stays bytecode: refused, dropped, or there is no compiler
};

typedef struct Landing {
  uint64_t code;       // [init] a Code: NATIVE
  const void *addr;    // [init]
  const Code *origin;  // [init] the position it stands for
} Landing;

// Complete before it is published.
typedef struct Native {
  const void *entry;  // of calls from machine code: counts the step
  Landing *landings;
  uint32_t *at;  // for each word of the unit's code: 1 + the offset of its
                 // machine code, 0: none
  uint32_t
      *sure;  // the same for a second version of the code, see emit_facts.c;
              // for those who show it
  uint32_t end, sure_end;           // of the two, without their rare parts
  uint32_t nlandings, caplandings;  // used, allocated
  uint32_t ncode;                   // words of the unit, the length of `at`
  void *code;                       // the machine code, in code memory
  size_t bytes;
  void *debugger;  // what was told to one, or NULL
} Native;

// What the compiler gives the evaluator. All NULL: there is none.
typedef struct NativeHost {
  void *arg;
  // Enters machine code; returns an enum Next with the registers written back.
  int (*enter)(Engine *g, const void *addr);
  // The unit was called, or a loop of it turned, `threshold` times. May compile
  // at once, may refuse; never waits for another thread.
  void (*hot)(void *arg, Unit *u);
  // The unit's machine code is needed no more; frees the Native.
  void (*freed)(void *arg, Native *n);
  const void *call_bytecode;  // Unit.enter of units without machine code
  uint32_t threshold;
  uint32_t chances;  // [own] to leave, with the switch STRESS_LEAVE
  uint64_t *one;   // [own] instructions that machine code had the loop run, by
                   // opcode; NULL: nobody counts
  uint64_t *left;  // [own] ... where it left to the loop, likewise
} NativeHost;

#endif
