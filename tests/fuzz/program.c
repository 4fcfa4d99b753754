// Both tiers tell the same of any program.
#define _GNU_SOURCE  // memmem
enum { STEPS = 2000 };
#include "tests/fuzz/tiers.h"
