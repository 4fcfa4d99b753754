// The compiler of a runtime: takes hot units, has them emitted, publishes them.
//
// One thread per runtime (JIT_BACKGROUND), started for the first hot unit, or the
// evaluator itself at the moment a unit gets hot (JIT_SYNC, for tests and comparisons;
// or where the system gives no thread; several of them by turns, under the guard of
// runtime/guard.h). An evaluator never waits for the thread: the
// more units wait, the longer others count before they join them, and a full queue
// halves the count, so that the unit tries again later.
//
// Where the two have one processor between them the thread is a modest one: it has a
// low priority and takes a share of the time (budget.h), however much there is to do.
//
// PROTOCOL native-state
//   what      Unit.x_state, enum NativeState: who may look at a unit, and free it
//   writer    an evaluator COLD -> QUEUED (level 1) or READY -> QUEUED (level 2) before
//             it pushes, by compare-exchange: one of them wins, and is the only one to
//             store Unit.entry until the unit is pushed; back if there was no room;
//             QUEUED -> STALE when it would free the unit; compiler QUEUED -> COMPILING
//             when it takes it, COMPILING -> READY, FINAL or REFUSED, STALE -> REFUSED.
//             Both leave QUEUED by compare-exchange: one of them wins
//   readers   all of these. The compiler touches a unit from the exchange that gave
//             COMPILING to its store of READY, FINAL or REFUSED; an evaluator frees
//             a unit between forms, or where nothing can run it any more
//             (runtime/bytecode/leave.c), when it is alone and the unit in none of
//             QUEUED, COMPILING, STALE
//   publish   release store of READY, FINAL or REFUSED: the compiler's last access
//             Going back to COLD is one behind the entry
//   observe   acquire load in free_units (runtime/bytecode/code.c), or the exchange
//   level 2   ends in FINAL, compiled or not: nobody asks a second time. REFUSED
//             there says nothing of Unit.native
//   lifetime  a STALE unit stays in its list until a later look finds it REFUSED
//   close     ambi_compiler_stop ends the thread with nothing QUEUED, COMPILING or
//             STALE; what gets hot later is REFUSED or FINAL at once
//   test      tests/unit/jit/state_model_test.c looks at every interleaving;
//             tests/unit/jit/compiler_test.c and compiler_torture_test.c under tsan
//
// PROTOCOL code-swap
//   what      Unit.native, better, enter and entry: where calls of a unit go
//   writer    whoever compiles, once for each level of a unit
//   readers   evaluators at each call, return and resume; no lock, no retry
//   publish   release stores, in that order, after the Native, its landings and its
//             code are complete and processors are synchronized (ambi_code_settle)
//   observe   acquire load of entry or native by the loop; machine code loads enter
//             plainly, which on x86-64 is an acquire. ThreadSanitizer sees neither that
//             load nor the order: in its builds whatever machine code calls begins with
//             a call of `observe` (emit_stubs.c), which acquires the entry of a complete
//             unit and then native, stored first, so all that enter led to. What frames
//             and records name later was reached behind such a call, by this evaluator
//             or by who handed the search over
//   why safe  bytecode and machine code of a unit have the same frames, records and
//             positions; a call takes either, a frame may go on in the other. So it
//             is with the two levels, whichever of the three stores is seen
//   inlined   Unit.better, complete with its own native and enter, is stored before the
//             enter and entry that lead there. Frames are one unit's or the other's,
//             as they say themselves; code of the better one puts its name into each
//             frame that it is called with
//   lifetime  a Native is freed with its unit, by an evaluator that is alone
//             (NativeHost.freed), and
//             with it the one it took the place of (Native.older): landings of that
//             stand in frames and records until then
//   weaker?   relaxed stores rejected: landings could be read before they are set
//   test      as above
#ifndef AMBIT_COMPILER_THREAD_COMPILER_H
#define AMBIT_COMPILER_THREAD_COMPILER_H

#include "compiler_thread/emit.h"
#include "compiler_thread/inline.h"
#include "compiler_thread/profile.h"
#include "memory/latency.h"

typedef struct Compiler Compiler;

enum JitMode { JIT_OFF, JIT_SYNC, JIT_BACKGROUND };

typedef struct JitConfig {
  enum JitMode mode;
  unsigned level;      // 1: never level 2
  uint32_t threshold;  // calls until a unit is hot, at least 1
  uint32_t percent;  // of the wall, for the thread; 0: as the machine asks for
  size_t memory;     // bytes of machine code at most
  enum JitProfile profile;
  bool debugger;    // machine code is told to gdb
  bool at_once;     // to be opened at the start, to know whether that works
  bool counts;      // instructions that machine code leaves to the loop
  bool counts_all;  // ... and those that it begins, for tests
} JitConfig;
extern const JitConfig ambi_jit_defaults;

typedef struct JitStats {
  bool threadless;      // the evaluator compiles
  const char *refused;  // NULL, or why what got hot found no machine code
  uint64_t hot;         // units that got hot, for either level
  uint64_t compiled;    // ... that were published
  uint64_t second;      // ... at level 2
  uint64_t results[EMIT_RESULT_COUNT];    // by EmitResult
  uint64_t inlined[INLINE_RESULT_COUNT];  // calls, by InlineResult
  uint64_t stale;       // dropped: thrown away while they waited
  uint64_t late;        // dropped: still waiting at the end, or hot then
  uint64_t queue_full;  // pushes that found no room
  uint64_t counted_on;  // units that would have been hot with less in the queue
  uint64_t instructions;  // of published units
  uint64_t bytes;         // ... of their machine code
  uint64_t changed_over;  // loops that went to level 2 in their middle
  uint64_t outdated;  // bytes of level 1 that wait for their unit to be freed
  uint64_t retired;   // units whose machine code was given back
  uint64_t emit_ns;   // spent emitting
  LatencyView published;  // from hot to published
  LatencyView asked;      // what the evaluator spent on a unit that got hot
  // The thread: processor time and the wall since it began, what it may take of the
  // wall, how often it stood back for that, and how long.
  uint64_t cpu_ns, wall_ns;
  uint32_t percent;
  uint64_t pauses, paused_ns;
  uint32_t queue_depth, queue_peak;
  CodeMemoryUse memory;
  // By opcode, where that is counted, else NULL: what the loop ran one by one for
  // machine code, and where machine code left to it.
  const OpCount *one, *left;
  const OpCount *ran;  // ... which it began itself, in rows of enum EmitCounted
} JitStats;

// Gives rt a compiler; rt->code->native is filled. To be called before anything
// is lowered. False: rt stays on bytecode and *why (static text) says what is
// missing; mode JIT_OFF is no failure.
bool ambi_compiler_open(Runtime *rt, const JitConfig *config, const char **why);
// Stops the thread; to be called before the runtime is closed. rt goes on in
// bytecode, units that have machine code keep it until the runtime is closed.
void ambi_compiler_stop(Runtime *rt);
// Frees what is left, after the runtime was closed.
void ambi_compiler_close(Compiler *c);
Compiler *ambi_compiler_of(const Runtime *rt);  // NULL: none
// A snapshot, for the evaluator.
void ambi_compiler_stats(const Compiler *c, JitStats *out);
// Bytes of machine code that is called no more and was not given back yet, because
// frames may run in it; while the runtime is open.
uint64_t ambi_compiler_retiring(const Compiler *c);
void ambi_compiler_wait(Compiler *c);  // until the queue is empty (tests)

#endif
