// Both tiers tell the same of any program, though tier 1 collects at every call: this
// target has the switch `collect` on.
#define _GNU_SOURCE  // memmem
enum { STEPS = 500 };
#include "tests/fuzz/tiers.h"
