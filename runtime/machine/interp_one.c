// One instruction of loop.h at a time: what machine code has no template for, and
// what its templates do not take.
#define LOOP_ONE 1
#include "runtime/machine/loop.h"
