// Which part of an evaluation others may have something of: a region is what a collector
// collects, a once, what a case looks at, or the form (handover.h).
#ifndef AMBIT_RUNTIME_REGION_H
#define AMBIT_RUNTIME_REGION_H

#include "runtime/machine/handover.h"

// A region: its collector's record, or the sentinel; and the record below which lie
// the records of others.
typedef struct Region {
  Choice *begins;     // NULL: nothing of it is handed over ...
  enum Tallied kept;  // ... for this reason
  Choice *base;       // what is counted from: one below, or the sentinel itself
  Word *frame;        // the region's own
  struct Best *best;  // the scope around the record, or NULL
} Region;

// The oldest record of alternatives in a region where nothing older is in the way. NULL:
// there is none, and region->kept says why.
Choice *ambi_region_oldest(const Engine *g, const Choice *newest,
                           Region *region);
// The record of a once or case gets its hook, which others have parts of. False: it
// cannot have one.
bool ambi_region_hook(Engine *g, const Region *region);
// The CASE whose record this is, while what it looks at is evaluated; or NULL. Results
// that were found wait on the record.
const Code *ambi_region_case(const Choice *r);

#endif
