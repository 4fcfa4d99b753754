// What a part of a search found, on its way to whoever handed the part over.
//
// A part's collector copies all of a result, so that nothing refers to its Context; when
// it has all, they change hands as they stand. Many become part of the memory in use of
// the one who gets them, like those of a collector; a few are copied to the results that
// its own collector has found, and so wait outside of the heap until it has all.
#ifndef AMBIT_RUNTIME_SEGMENT_H
#define AMBIT_RUNTIME_SEGMENT_H

#include "runtime/machine/image.h"

typedef struct Segment {
  Image image;
  ValueVec values;  // all of them Errors, or none
  Range list;       // open: where those lie, behind room for a header
  bool bound;  // values that are no Errors come with what was bound (lend.h)
} Segment;

// Takes what the part has found that the Engine has just run.
Segment ambi_segment_of(Engine *g);
// Adds the results to those of the hook, whose record is the barrier, and leaves the
// segment empty. False: cx->stop is set.
bool ambi_segment_add(Engine *g, Hook *h, Choice *barrier, Segment *s);
void ambi_segment_drop(Segment *s);

#endif
