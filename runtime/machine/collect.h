// The collector of tier 1, generational: what its files share.
//
// A heap has three ranges (Context in context.h). All is made in the *nursery*; below
// it lie two ranges that take turns being *old*. A minor collection moves what lives in
// the nursery to the end of the old range, a major one moves all that lives to the
// spare range. Both leave the nursery empty, and the heap top of every record at its
// beginning. What survived is not given back by backtracking any more, only by a major
// collection.
//
// Where nearly all survives, moving it is in vain: then all that is new is old from now
// on and stays where it is, and the nursery begins behind it, until the next major
// collection brings it back. Now and then a minor collection that moves shows whether
// that still holds.
//
// A minor collection looks at nothing that cannot refer to the nursery:
//
// * Records whose heap top is the nursery's beginning. When such a record was made, or
//   at the last collection, there was nothing in the nursery; what it and its hooks
//   refer to, and the frames it goes on in, is older. (Records are ordered by their
//   heap tops, so those to look at are the newest.)
// * Frames below a return address that says that a collection has been there (seen.h).
//   Nothing can be written to such a frame before it is returned to. It may be returned
//   to several times, but slots are written once on each path, and new alternatives
//   find them as they were.
// * Old objects, but for these: variables bound since, which are on the trail, because
//   no record's heap top is below the nursery's beginning; words that ambi_remember has
//   put there; the hole of a chain that was open then (CHAIN_OLD).
//
// Entries of the trail below the newest record that is not looked at are older, too.
// Where many would be looked at again, an entry that is no variable marks how far it has
// been seen: undoing unbinds it, as if it were one.
//
// Adopted images do not move in a minor collection. One that may refer to the nursery is
// looked at once, when something that lives refers to it: what backtracking has left
// refers to where something else is by now.
//
// Files: collect.c decides and counts, evacuate.c moves terms, roots.c finds them, seen.c
// marks return addresses.
#ifndef AMBIT_RUNTIME_COLLECT_H
#define AMBIT_RUNTIME_COLLECT_H

#include "runtime/machine/engine.h"

typedef struct Collector {
  Engine *g;
  bool major;
  bool stays;    // nothing is moved
  bool adopted;  // minor: some adopted image may refer to the nursery
  Word *young, *young_end;  // what is left: the nursery and what stayed ...
  Word *old, *old_end;      // ... and, in a major collection, the old range
  Word *scan, *top;         // of the range that is moved to
  Store *store;             // told of each pointer into it; NULL: not wanted
  bool cells;               // cells that are not met go ...
  bool circles;             // ... and so do those that use one another
} Collector;

// ---- evacuate.c -------------------------------------------------------------
// Is p in what is left? Notes that an adopted image is referred to.
bool ambi_evacuate_leaves(const Collector *c, const Word *p);
// The word as it is after its object has moved.
Word ambi_evacuate(Collector *c, Word w);
// Moves what the words moved so far refer to.
void ambi_evacuate_all(Collector *c);
// The words of an image outside the heap.
void ambi_evacuate_image(Collector *c, Word *at, size_t n);

static inline bool ambi_evacuate_refers(uint32_t tag) {
  return tag >= TAG_EXPR && tag <= TAG_OBJ;
}

// ---- roots.c ----------------------------------------------------------------
// Everything the machine refers to; args: live slots of its frame, SIZE_MAX: those at
// its instruction.
void ambi_roots_scan(Collector *c, size_t args);
// Behind that: looks at adopted images that were met meanwhile. False: at none.
bool ambi_roots_scan_adopted(Collector *c);
// Behind that: entries of cells that nothing refers to any more go.
void ambi_roots_sweep_trail(Collector *c);
// Tells the store what queries in progress will come to, and images that stay.
void ambi_roots_touch(Collector *c);
// Atoms that queries in progress will come to.
size_t ambi_roots_pending(const Engine *g);

#endif
