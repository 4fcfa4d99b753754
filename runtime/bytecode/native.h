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
// A unit may be taken twice. Level 1 is made of what is called or loops `threshold`
// times; level 2 of what goes on being hot, about ten times as long. The evaluator
// counts for that without a word in machine code: every so many steps it looks at
// limits (ambi_step_poll), and the unit that is being called then is counted; and so it
// is with failures, and the unit that has the next alternative. What level 1 made stays until the unit goes, because frames and records refer to it.
//
// Who writes what: evaluators count `heat` and `looks` down, and one of them moves a unit
// from COLD or READY to QUEUED; the compiler moves it on. Publish: Unit.enter and Unit.entry
// are stored with release order after the Native and its landings are complete.
// Observe: calls load Unit.entry with acquire order, machine code (x86-64) by a plain
// load. A unit, with its Natives, is freed between forms, or when code leaves its space
// (leave.c), when one evaluator is alone, and never while the compiler may look at it (is_idle in runtime/bytecode/code.c).
#ifndef AMBIT_RUNTIME_NATIVE_H
#define AMBIT_RUNTIME_NATIVE_H

#include <stdbool.h>
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
  NATIVE_READY,      // machine code of level 1; level 2 may follow
  NATIVE_FINAL,      // machine code, and no better one will come
  NATIVE_STALE,   // was queued when it was thrown away; the compiler drops it
  NATIVE_REFUSED  // stays bytecode: refused, dropped, or there is no compiler
};

enum NativeSeen {
  SEEN_DOUBLE = 1,  // an instruction for numbers met doubles
  SEEN_RARE = 2  // the instruction ran, which level 1 takes to be rare: because
                 // something was unbound, or behind an error edge
};

typedef struct Landing {
  uint64_t code;  // [init] a Code: NATIVE, or SEEN (see seen.h); c: anybody may
                  // come here with an alternative of the fork at offset b
  const void *addr;    // [init]
  const Code *origin;  // [init] the position it stands for
  // [init] Machine code of level 2 that returns the term of this key (ambi_term_key), each
  // part of it a value for good, goes to `parts` with these in registers
  // (compiler_thread/emit_return.c). 0: no term.
  uint64_t parts_of;
  const void *parts;
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
  unsigned level;  // 1, 2
  AMB_ATOMIC(uint8_t)
  *seen;  // [all~] level 1, for each word of the unit's code: bits of NativeSeen, which
      // evaluators set
  struct Native
      *older;     // of the same unit, which it took the place of, or NULL
  bool outdated;  // [compiler] something else took its place
} Native;

// How often something was done. Evaluators that count at the same time may lose some.
typedef AMB_ATOMIC(uint64_t) OpCount;  // [all~]
static inline uint64_t ambi_count(OpCount *count) {
  uint64_t before = ambi_load_relaxed(count);
  ambi_store_release(count, before + 1);
  return before;
}

// What the compiler gives the evaluator. All NULL: there is none.
typedef struct NativeHost {
  void *arg;
  // [compiler] these three, before the first machine code is published: who comes
  // upon machine code sees them.
  // Enters machine code; returns an enum Next with the registers written back.
  int (*enter)(Engine *g, const void *addr);
  const void
      *to_bytecode;  // machine address: calls a unit without machine code
  const void *fail;  // ... backtracks
  // The unit was called, or a loop of it turned, `threshold` times; or, when it has
  // machine code of level 1, it was seen `looks` times. May compile at once, may
  // refuse; never waits for another thread.
  void (*hot)(void *arg, Unit *u);
  // The unit's machine code is needed no more; frees the Native.
  void (*freed)(void *arg, Native *n);
  const void *call_bytecode;  // Unit.enter of units without machine code
  uint32_t threshold;
  uint32_t looks;        // 0: there is no level 2
  uint32_t look_every;   // steps, not 0, if there is a level 2
  OpCount changed_over;  // loops and forks that went to level 2 in their middle
  OpCount chances;       // to leave, with the switch STRESS_LEAVE
  OpCount *one;   // instructions that machine code had the loop run, by opcode;
                  // NULL: nobody counts
  OpCount *left;  // ... where it left to the loop, likewise
} NativeHost;

#endif
