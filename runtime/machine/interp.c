// Tier 1's loop over the instructions of loop.h.
#include "runtime/machine/loop.h"
