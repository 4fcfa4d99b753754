// Tier 1's loop while somebody profiles: it counts calls, choice points and answers by
// function, and says at each instruction which frame runs, for those who interrupt it.
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
  return pc->op;
}

#define LOOP_COUNTED 1
#include "runtime/machine/loop.h"
