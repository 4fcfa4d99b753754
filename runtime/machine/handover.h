// Alternatives that are handed over: a part of a search goes on in another Context.
//
// A *region* is what a collector collects, or the form. Where all code that may still
// run in it has no effects, its results are the same wherever and whenever each
// alternative is tried, as long as they are put together in order. So the oldest record
// of alternatives in a region can go to somebody else, with all that they refer to: the
// frames from the region's to the record's, and the terms in their live slots as they
// were when the record was made. What is left behind is a record that fails, or one with
// the nearer half of a list (divide.h).
//
// The results of what was handed over come behind those of whoever handed it over, and
// what is handed over later comes before what was handed over earlier, because that was
// older. They are waited for at the end of the region, and only there: who was handed a
// part leaves to its parent what it has handed on of it.
//
// Positions that were open when something was handed over may get results on both sides.
// That makes no difference, unless one of them is an Error, which is dropped if there is
// a value on the other. Then the region is begun again, by one evaluator.
//
// What fetched atoms and unknown heads would do cannot be known before. Where only they
// might have effects, it is hoped that they have none; whoever is about to do something
// that has, while others have parts of the region, begins it again instead.
//
// The idea of handing over the oldest alternative by copying is that of MUSE (Ali and
// Karlsson 1990); here what is copied is found by reachability, as in a collection.
#ifndef AMBIT_RUNTIME_HANDOVER_H
#define AMBIT_RUNTIME_HANDOVER_H

#include "memory/tally.h"
#include "runtime/machine/carry.h"
#include "runtime/machine/divide.h"

typedef struct Handover {
  Carried terms;  // of the slots, and behind them those of `rest`
  ValueVec
      lent;  // names of variables that are older than the region, by number
  Stamps *stamps;   // of all who share it; held
  Farther rest;     // what the record has still to try
  uint32_t *slots;  // where they go, words from `words`
  size_t nslots, slots_cap;
  uint32_t *positions;  // where words are that count records
  size_t npositions, positions_cap;
  Word *words;  // the frames as they are; links are offsets in words
  size_t nwords;
  size_t frame;  // of the record, in words
  Space *space;  // of the record
  size_t
      records;  // from the region's base to the record, without those that went
  Space *home;
  RigidEpochs rigid;
  struct Best *best;  // of the scope it lies in; held
  const Code *once;   // where the once ends that the region is; or NULL
  bool keeps_best;    // the region is that scope
  bool form;          // the region is the form
  bool hopeful;       // it may turn out to have effects
  uint64_t number;    // where somebody looks (runtime/watch.h)
} Handover;

// Somebody who has an alternative of this evaluation's. The rest of it is the crew's.
typedef struct Part Part;
struct Part {
  struct Part *older;  // of the same region, what was handed over before
  uint64_t took;       // nanoseconds, when it is done
  Handover from;
};

// Is there something in a region without effects to hand over? Then the oldest goes, and
// this is TALLY_GIVEN; else nothing was changed, and it is the reason, a TALLY_KEPT.
// newest: the last record that may go.
enum Tallied ambi_handover_give(Engine *g, const Choice *newest, Handover *to,
                                Hook **region);
// Prepares the engine of cx, whose heap is empty, to go on from there by ambi_form_run.
// False: cx->stop is set.
bool ambi_handover_take(Context *cx, const Handover *from);
void ambi_handover_drop(Handover *h);
// An Error ends a position that was opened when the record `at` was the newest. Has
// something newer in the same region been handed over?
bool ambi_handover_hides(const Engine *g, const Choice *at);
// An operation that has effects is about to begin, where something was handed over in
// hope. False: it must not, and cx->stop is set.
bool ambi_handover_effect(Engine *g);
// The region is begun again, and nothing of it is handed over any more.
enum Next ambi_handover_again(Engine *g);
// What a part has handed on of all it had, the newest first: the caller's from now on.
Part *ambi_handover_leave(Engine *g);
// The region is cut: nobody wants what others have of it.
void ambi_handover_cut(Engine *g, Hook *region);
// At a look at limits: somebody has nothing to do, so something is handed over.
void ambi_handover_offer(Engine *g, const Choice *newest);
// At the region's end: results of others are added. False: cx->stop is set, to
// STOP_WAIT if they are not there yet; *again: begin again.
bool ambi_handover_join(Engine *g, Hook *region, Choice *barrier, bool *again);

#endif
