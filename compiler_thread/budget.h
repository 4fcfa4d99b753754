// How much of a processor the compiler takes where the program needs it, too.
//
// A share of the wall, saved up to BUDGET_MOST_NS of processor time: so that a
// program that has just begun gets its first units at once, and a compiler that had
// nothing to do for long does not then take the processor for long.
#ifndef AMBIT_COMPILER_THREAD_BUDGET_H
#define AMBIT_COMPILER_THREAD_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum { BUDGET_MOST_NS = 5000000 };

typedef struct Budget {
  uint32_t percent;  // of the wall; 100 and more: all of it
  uint64_t seen_ns;  // the wall at the last look
  int64_t saved_ns;  // processor time that may be taken; below 0: owed
} Budget;

void ambi_budget_open(Budget *b, uint32_t percent, uint64_t now_ns);
// So much processor time was taken until now. Returns for how long the wall has to
// go on before more may be.
uint64_t ambi_budget_spend(Budget *b, uint64_t now_ns, uint64_t spent_ns);
bool ambi_budget_is_valid(const Budget *b, uint64_t now_ns, const char **why);

#endif
