// Internal to profiles: what sampler.c keeps, and a walk looks at.
#ifndef AMBIT_RUNTIME_SAMPLER_DATA_H
#define AMBIT_RUNTIME_SAMPLER_DATA_H

#include <pthread.h>

#include "memory/stress.h"
#include "runtime/bytecode/sampler.h"

enum {
  SAMPLER_DEPTH =
      64,  // frames of a stack that are looked at, from the newest on
  SAMPLER_ROOM = 1 << 15,  // words for samples until the next poll
  SAMPLER_NO_NODE = 0
};

// Words of samples: how many there are, then units, the newest frame's first. A unit 0 in
// front says that the thread collected, one at the end that there were more frames.
typedef struct Watched {
  struct Watched *next;                    // [lock]
  AMB_ATOMIC(struct Engine *) x_runs;      // [own] NULL: none
  AMB_ATOMIC(bool) x_collects;             // [own]
  AMB_ATOMIC(bool) x_closed;               // [own] samples are being taken out
  AMB_ATOMIC(uint32_t) x_n;                // [own]
  AMB_ATOMIC(uint64_t) x_outside, x_lost;  // [own>all]
  Word at[SAMPLER_ROOM];                   // [own]
} Watched;

typedef struct Node {  // of the tree of stacks; 0 is its root
  const FunctionCounts *f;
  uint32_t first, next;  // child, sibling
  uint64_t own;          // samples that end here
} Node;

typedef struct UnitName {  // what a word is that was a unit's address
  const Unit *unit;
  FunctionCounts *f;
} UnitName;

struct Sampler {
  CodeState *cs;             // [init]
  uint64_t opened;           // [init] tells it from others at the same place
  void (*begin)(void *arg);  // [init]
  void *arg;                 // [init]
  uintptr_t low, high;       // [init] machine code
  pthread_mutex_t lock;      // [init] of the rest
  Watched *threads;
  FunctionCounts *functions;  // the newest
  uint32_t nfunctions;
  FunctionCounts collecting, deeper, building, other;  // that are none
  UnitName *units;  // by address, a power of two of places
  size_t nunits, units_cap;
  Node *nodes;
  size_t nnodes, nodes_cap;
  Pace walked;
};

// Where a unit stands by its address, or the free place for it. There are places.
static inline UnitName *ambi_sampler_place(const Sampler *p, const Unit *u) {
  size_t mask = p->units_cap - 1;
  size_t i = ((uintptr_t)u >> 4) * 0x9E3779B97F4A7C15u >> 20 & mask;
  while (p->units[i].unit && p->units[i].unit != u)
    i = (i + 1) & mask;
  return &p->units[i];
}

#endif
