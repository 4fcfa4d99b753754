// Where a program spends its time, by function: exact counts, and samples of the stack.
//
// Who profiles gives each unit the counts of its function when the unit is made, has the
// loop that counts run in place of the usual one (machine/interp_counted.c), and machine
// code count as well (emit_counted in compiler_thread/emit.c); nothing is inlined then.
//
// Samples come from outside: somebody interrupts a thread in the middle of anything and
// calls ambi_sampler_tick there, in a signal handler. That copies what the frames on the
// stack name as their units and looks at none of it, for a frame may be half made. At the
// next poll the thread looks up what these words are (ambi_sampler_drain); what is no
// unit, is told apart.
#ifndef AMBIT_RUNTIME_SAMPLER_H
#define AMBIT_RUNTIME_SAMPLER_H

#include "memory/atomic.h"
#include "runtime/bytecode/code.h"

typedef struct Sampler Sampler;

enum SamplerCount {
  SAMPLER_CALLS,
  SAMPLER_CHOICES,
  SAMPLER_ANSWERS,
  SAMPLER_COUNTS
};

typedef struct FunctionCounts {
  struct FunctionCounts *next;
  const void *key;
  char *name;
  uint32_t number;  // from 0
  // Of several evaluators that count at the same time some may get lost.
  AMB_ATOMIC(uint64_t) x_n[SAMPLER_COUNTS];  // [all~]
} FunctionCounts;

// What executing an instruction counts as; SAMPLER_COUNTS: nothing. A call is counted by
// the first instruction of a unit.
enum SamplerCount ambi_sampler_kind(const Code *pc);

// NULL: memory is out. Before anything is lowered. begin: called once on each thread that
// evaluates.
Sampler *ambi_sampler_start(CodeState *cs, void (*begin)(void *arg), void *arg);
void ambi_sampler_end(CodeState *cs);  // when nothing runs any more
// A unit is made.
void ambi_sampler_unit(CodeState *cs, Unit *u);
// Machine code lies there.
void ambi_sampler_code(Sampler *p, const void *low, const void *high);

// The calling thread runs g, or no more; returns what it ran before.
struct Engine *ambi_sampler_enter(Sampler *p, struct Engine *g);
void ambi_sampler_leave(Sampler *p, struct Engine *before);
// It collects, or no more.
void ambi_sampler_collecting(Sampler *p, bool on);
// What it was interrupted in is put together.
void ambi_sampler_drain(Sampler *p);
// For signal handlers: the calling thread was interrupted at this instruction; frame: the
// register that holds the frame in machine code, or 0.
void ambi_sampler_tick(uintptr_t at, uintptr_t frame);

// Is all well? The caller has the lock, or is alone with it.
bool ambi_sampler_is_valid(const Sampler *p, const char **why);

// ---- looking ------------------------------------------------------------------
typedef struct SamplerRow {
  const char *name;
  uint64_t own;  // samples
  uint64_t n[SAMPLER_COUNTS];
} SamplerRow;
typedef struct SamplerTotals {
  size_t rows;
  uint64_t samples;  // in functions
  uint64_t outside;  // while no function ran
  uint64_t lost;     // there was no room for them
} SamplerTotals;
SamplerTotals ambi_sampler_totals(const Sampler *p);
SamplerRow ambi_sampler_row(const Sampler *p, size_t i);
// Each stack that was met, outermost function first, with `;` between names. The text is
// valid during the call.
void ambi_sampler_stacks(const Sampler *p,
                         void (*with)(void *arg, const char *stack, uint64_t n),
                         void *arg);

#endif
