// Which rules of scripts were tried, and which taken: counts for who tests programs.
//
// Nobody asks: CodeState.coverage is NULL, no unit has a cover, and nothing is counted.
// Otherwise each unit lowered from rules gets counts of how often its instructions were
// executed, by the loop that counts (machine/interp_counted.c), and marks of where heads
// and bodies of rules begin; no machine code is made then. A rule is told by its text, as
// the script's atom is when it is added; rules that come in other ways are not counted.
#ifndef AMBIT_RUNTIME_COVERAGE_H
#define AMBIT_RUNTIME_COVERAGE_H

#include "memory/atomic.h"
#include "runtime/bytecode/code.h"

typedef struct Coverage Coverage;

enum CoverKind { COVER_TRIED, COVER_TAKEN };

typedef struct CoverMark {
  uint32_t at;    // of the code
  uint32_t rule;  // number
  enum CoverKind kind;
} CoverMark;

typedef struct UnitCover {
  struct UnitCover *next;           // [init]
  CoverMark *marks;                 // [init] owned
  uint32_t nmarks, ncode;           // [init]
  AMB_ATOMIC(uint64_t) x_counts[];  // [all~] by word of the code
} UnitCover;

// False: memory is out. Before anything is lowered.
bool ambi_coverage_start(CodeState *cs);
void ambi_coverage_end(CodeState *cs);  // when nothing runs any more
// Under the guard.
bool ambi_coverage_is_valid(const Coverage *c, const char **why);
// A script adds an atom.
void ambi_coverage_atom(CodeState *cs, const char *file, uint32_t line,
                        const Template *t);
// The number of a rule; UINT32_MAX: it is of no script.
uint32_t ambi_coverage_rule(CodeState *cs, const Template *t);
// It is matched as it stands, so nothing is known of it.
void ambi_coverage_unseen(CodeState *cs, const Template *t);
// A unit is made, with these marks, which it takes over. NULL: memory is out.
UnitCover *ambi_coverage_unit(CodeState *cs, CoverMark *marks, uint32_t n,
                              uint32_t ncode);
// An instruction is executed.
static inline void ambi_coverage_count(UnitCover *c, size_t at) {
  if (at < c->ncode) ambi_count(&c->x_counts[at]);
}

typedef struct CoveredRule {
  const char *file;
  uint32_t line;
  const char *text;
  bool unseen;
  uint64_t tried, taken;
} CoveredRule;
// When nothing runs: all rules of scripts, in the order in which they were added.
void ambi_coverage_rules(CodeState *cs,
                         void (*with)(void *arg, const CoveredRule *r),
                         void *arg);

#endif
