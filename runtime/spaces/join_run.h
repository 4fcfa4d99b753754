// Internal to joins: what a plan that runs holds.
#ifndef AMBIT_RUNTIME_JOIN_RUN_H
#define AMBIT_RUNTIME_JOIN_RUN_H

#include "runtime/spaces/join.h"

enum { JOIN_BATCH = 16 };

// The positions that an index gives for a key: those that have it, and those that could
// have any. Both ascend, and have none in common.
typedef struct Keyed {
  Hits hits, open;
} Keyed;
static inline size_t ambi_keyed_n(const Keyed *k) {
  return (size_t)k->hits.n + k->open.n;
}

// Positions of one Keyed, or those that two have in common.
typedef struct Candidates {
  Keyed of;
  uint32_t next, next_open;
  bool narrowed;
  Keyed in;
  uint32_t beside, beside_open;
} Candidates;

typedef struct Level {
  JoinGoal *g;
  Index *first;      // of keys[0]; NULL: all facts are candidates
  Index *hash;       // by all keys, of this join alone; NULL: not made
  bool hash_failed;  // or was made
  uint64_t walked;   // candidates so far
  Candidates c;
  bool unified;      // something above has variables
  unsigned n, next;  // of the batch
  uint32_t open;     // set of those of the batch that may only match
  RecordVec asked;   // what the space gave, as long as solutions refer to it
  RankVec ranks;     // of each, if they are to be sorted
  size_t since,
      solutions_then;   // where the last answer begins, and what there was
  const Index *looked;  // where the next goal will look for each of the batch
  bool bound;           // the fact in use was unified: what to go back to
  size_t mark;
  Word *top;
  size_t solutions;
  Path more[JOIN_KEYS];               // of the hash
  uint32_t pos[JOIN_BATCH];           // facts that match, or may
  Value taken[JOIN_BATCH][JOIN_OPS];  // what the operations of the others bind
  Keyed hits[JOIN_BATCH];             // what the index says that was looked at
} Level;

typedef struct Run {
  Join *j;
  Context *cx;
  uint32_t at[JOIN_GOALS];  // positions of the facts in use, by written place
  uint64_t tried;
  ValueVec *values;
  size_t from;  // of the values, where those of this join begin
  size_t nsolutions;
  uint32_t *places;  // of each solution, when they are to be sorted
  size_t nplaces, places_cap;
  const Rank
      *rank[JOIN_GOALS];  // of what is at a place, by written place; NULL: the
                          // position itself
  bool unvalued;          // some solutions have no values yet
  Value slot[JOIN_VARS];
  Level level[];
} Run;

// ---- join_look.c: where a goal looks ---------------------------------------------
void ambi_join_find_first(Level *l);
// Begins with the candidates of a goal. known: those by its first key, or NULL.
void ambi_join_look(Run *r, Level *l, const Keyed *known);
// The key by which the goal begins to look.
uint64_t ambi_join_key(const Run *r, const Level *l);
static inline Index *ambi_join_index(const Level *l) {
  return l->hash ? l->hash : l->first;
}
Keyed ambi_join_hits(const Level *l, uint64_t key);  // what that index says
bool ambi_join_next(Candidates *c, uint32_t *pos);
static inline bool ambi_join_is_end(const Candidates *c) {
  return c->next == c->of.hits.n && c->next_open == c->of.open.n;
}
void ambi_join_forget(Level *l);  // what was made for this join alone

// ---- join_ask.c: goals that ask the space -------------------------------------------
// The variables of the conjunction get the values they have at this goal. False: one
// has no value that can be asked for, or cx->stop is set.
bool ambi_join_bind_slots(Run *r, const JoinGoal *g);
// Begins with the candidates that the space has. cx->stop may be set.
void ambi_join_ask(Run *r, Level *l);
// A record that the goal as written may not find, by how its space gives way.
bool ambi_join_may_be_unasked(const Run *r, const Level *l, uint32_t pos);
// The same, now that the goals written before it are unified with their facts.
bool ambi_join_is_unasked(const Run *r, const JoinGoal *g, uint32_t pos);

// ---- join_order.c: solutions as the written conjunction has them -------------------
// Finds the values that are missing, leaves out what the written conjunction does not
// find, and sorts. False: cx->stop is set.
bool ambi_join_settle(Run *r);

#endif
