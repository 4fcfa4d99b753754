// What the counts of rules are made of, for coverage.c, its walk, and tests of that.
#ifndef AMBIT_RUNTIME_COVERAGE_DATA_H
#define AMBIT_RUNTIME_COVERAGE_DATA_H

#include "runtime/bytecode/coverage.h"

typedef struct Known {
  char *file, *shown;
  char *text;  // what it is told by; NULL: as that of `same`
  uint32_t line;
  uint32_t same;  // the number of the first rule with its text
  uint32_t next;  // and of the next one, or 0
  bool unseen;
  uint64_t n[2];  // by CoverKind
} Known;

// Under the guard, but for the counts of units.
struct Coverage {
  Known *rules;
  size_t nrules, cap;
  uint32_t *places;  // by hash of the text, number + 1; a power of two
  size_t nplaces;
  UnitCover *units;
};

// Where the number of the rule with that text is to be, or is to come.
uint32_t *ambi_coverage_place(const Coverage *c, const char *text);

#endif
