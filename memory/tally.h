// What each thread that evaluates did, counted where nothing is fast: at polls, in
// collections, when something is handed over.
//
// A thread that belongs to others' tasks has a tally of its own for as long as it runs
// (ambi_tally_use); any other thread counts into that of the Runtime it works for. So each
// has one writer at a time, and counting is a load and a store.
#ifndef AMBIT_MEMORY_TALLY_H
#define AMBIT_MEMORY_TALLY_H

#include <stdint.h>

#include "memory/atomic.h"

// X(name, key, text): the table that programs show, in its order. KEPT: looks at which an
// evaluator had nothing to do and this one handed nothing over, by the reason.
#define TALLIES(X)                                            \
  X(STEPS, "steps", "evaluation steps")                       \
  X(BACKTRACKS, "backtracks", "choice points gone back to")   \
  X(GIVEN, "given", "alternatives handed over")               \
  X(TAKEN, "taken", "alternatives taken over")                \
  X(KEPT_NEW, "kept_new", "kept: only begun")                 \
  X(KEPT_SINGLE, "kept_single", "kept: no alternatives")      \
  X(KEPT_BEHIND, "kept_behind", "kept: behind others")        \
  X(KEPT_EFFECTS, "kept_effects", "kept: effects")            \
  X(KEPT_TABLES, "kept_tables", "kept: tables")               \
  X(KEPT_BINDS, "kept_binds", "kept: binds older variables")  \
  X(KEPT_AGAIN, "kept_again", "kept: has begun again")        \
  X(KEPT_SMALL, "kept_small", "kept: parts were small")       \
  X(KEPT_LIMITS, "kept_limits", "kept: limits, transactions") \
  X(KEPT_OTHER, "kept_other", "kept: for other reasons")      \
  X(AGAIN, "begun_again", "searches begun again")             \
  X(CARRIED, "carried_bytes", "bytes copied for others")      \
  X(MESSAGES, "messages", "messages sent")                    \
  X(MINOR, "minor_collections", "minor collections")          \
  X(MAJOR, "major_collections", "major collections")          \
  X(COPIED, "collected_bytes", "bytes copied by collections") \
  X(PAUSED, "collection_ns", "nanoseconds of collections")    \
  X(LONGEST, "longest_collection_ns", "nanoseconds of the longest")

enum Tallied {
#define X(name, key, text) TALLY_##name,
  TALLIES(X)
#undef X
      TALLY_COUNT
};

typedef struct Tally {
  AMB_ATOMIC(uint64_t) at[TALLY_COUNT];  // [own>all]
} Tally;

// The calling thread counts into t from now on, whatever it works for; NULL: no more.
void ambi_tally_use(Tally *t);
// The calling thread's; own: that of who has none.
Tally *ambi_tally(Tally *own);

static inline void ambi_tally_add(Tally *t, int which, uint64_t more) {
  ambi_store_relaxed(&t->at[which], ambi_load_relaxed(&t->at[which]) + more);
}
static inline void ambi_tally_raise(Tally *t, int which, uint64_t to) {
  if (ambi_load_relaxed(&t->at[which]) < to)
    ambi_store_relaxed(&t->at[which], to);
}

#endif
