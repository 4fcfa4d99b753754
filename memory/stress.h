// Making rare things happen all the time, for tests of debug builds.
//
// A set of switches for the whole process, none at the start (in the build type
// `stress`: collect, verify and walk). They change when something happens, never an
// answer. Release builds have no switches: every question is the constant false.
#ifndef AMBIT_MEMORY_STRESS_H
#define AMBIT_MEMORY_STRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/atomic.h"
#include "memory/check.h"

enum {
  STRESS_COLLECT =
      1,  // "collect": each call collects if anything was allocated
  STRESS_RELOWER =
      2,  // "relower": units serve one call, epochs end all the time
  STRESS_MINIMAL =
      4,              // "minimal": the least memory at each growth, blocks move
  STRESS_VERIFY = 8,  // "verify": all bytecode again whenever a form has ended
  STRESS_WALK = 16,   // "walk": structures are walked, see AMB_WALK
  STRESS_LEAVE =
      32,  // "leave": machine code does less and goes back to bytecode
  STRESS_REFUSE = 64,  // "refuse": units are not compiled, or find no room
  STRESS_EARLY =
      128,  // "early": the first machine code of a unit is of level 2
  STRESS_TABLING = 256,  // "tabling": (pragma! tabling auto) from the start
  STRESS_YIELD = 512,    // "yield": each step gives the thread back and goes on
  STRESS_HANDOVER =
      1024,  // "handover": alternatives are handed over at every step
  STRESS_STOW =
      2048  // "stow": what rests is put into a block (runtime/machine/stow.h)
};

// Comma-separated names in place of the set there was. False: a name nobody knows
// (or, in a release build, any), and nothing changed.
bool ambi_stress_choose(const char *names);
// The names, for messages.
const char *ambi_stress_names(void);

#ifdef AMB_DEBUG
extern AMB_ATOMIC(unsigned) ambi_stress_switches;  // [all~]
static inline bool ambi_stress(unsigned which) {
  return (ambi_load_relaxed(&ambi_stress_switches) & which) != 0;
}
#else
static inline bool ambi_stress(unsigned which) {
  (void)which;
  return false;
}
#endif

// The third price of assertions (memory/check.h): a walk over a whole structure
// that says in *why what is wrong. `walk` is an `_is_valid` call with &why.
#define AMB_WALK(walk)                            \
  do {                                            \
    const char *why = NULL;                       \
    if (ambi_stress(STRESS_WALK) && !(walk))      \
      ambi_check_failed(__FILE__, __LINE__, why); \
  } while (0)

// Keeps the price of a stress a constant factor: true at each of the first
// `rarer` times, then less and less often.
typedef struct Pace {
  uint64_t n, next;
} Pace;
static inline bool ambi_pace(Pace *p, unsigned rarer) {
  if (++p->n < p->next) return false;
  p->next = p->n + 1 + p->n / rarer;
  return true;
}

#endif
