// Tier 1's loop while somebody profiles, or asks which rules are taken: it counts calls,
// choice points and answers by function and what a unit executes, and says at each instruction which frame runs, for those who interrupt it.
#include "runtime/bytecode/coverage.h"
#include "runtime/bytecode/sampler.h"
#include "runtime/machine/engine.h"

static inline unsigned counted(Engine *g, Word *e, const Code *pc) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  struct FunctionCounts *counts = u->counts;
  g->e = e;
  if (counts) {
    enum SamplerCount kind = ambi_sampler_kind(pc);
    if (pc == u->code) ambi_count(&counts->x_n[SAMPLER_CALLS]);
    if (kind != SAMPLER_COUNTS) ambi_count(&counts->x_n[kind]);
  }
  if (u->cover) ambi_coverage_count(u->cover, (size_t)(pc - u->code));
  return pc->op;
}

#define LOOP_COUNTED 1
#include "runtime/machine/loop.h"
