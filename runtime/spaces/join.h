// Internal to spaces: a conjunction of patterns as a plan.
//
// Matching a fact without variables binds nothing but the pattern's own variables, and
// these to parts of the fact. So a conjunction becomes a plan: for each goal a relation,
// keys of which some index can make use, and a few operations that compare and take
// parts of a fact. Facts with variables stand among a goal's candidates in their places;
// behind one of them the goals that are left are unified with their candidates, which
// the same indexes tell, by what is known then. Where facts of a goal may be in several
// relations - its head is a variable, several spaces have some, or an atom with a variable
// for its head might match -, it asks the space for its candidates, with all that is known
// by then. Goals run in the order that promises the fewest facts looked at; solutions come out in the order of the written conjunction all
// the same, with the values that it would find.
#ifndef AMBIT_RUNTIME_JOIN_H
#define AMBIT_RUNTIME_JOIN_H

#include "runtime/spaces/space_data.h"

enum {
  JOIN_GOALS = 8,
  JOIN_VARS = 32,
  JOIN_WHOLE,
  JOIN_OPS = 24,
  JOIN_KEYS = 8,
  JOIN_PARTS = 8  // expressions of one fact that are looked into
};

// What is done with a child of a fact, or of an expression inside.
typedef struct JoinOp {
  enum {
    JOIN_CONST,  // it equals `value`
    JOIN_BIND,   // it is the value of variable `to` from now on
    JOIN_SAME,   // it equals the value of variable `to`
    JOIN_TAKE,  // both: it equals that value, and stands for it in the solution
    JOIN_ENTER  // it is an expression of `size` children: part `to`
  } kind;
  uint8_t part, child, to;
  uint32_t size;
  Value value;
} JoinOp;

// A path where the value is known before the fact is.
typedef struct JoinKey {
  Path path;
  uint8_t var;  // whose value it is; JOIN_VARS: known from the beginning;
                // JOIN_WHOLE: the key of the fact as a whole
  uint8_t nsizes;
  uint32_t
      sizes[PATH_DEPTH - 1];  // of the expressions that the path leads into
  uint64_t key;
} JoinKey;

typedef struct JoinGoal {
  Value pattern;
  unsigned written;  // place in the conjunction
  uint32_t vars;     // set of its variables
  uint32_t known;    // set of those that have a value before it is asked
  Relation *rel;
  View view;  // of the space it is in
  const Record *at;
  const EndWord *end;
  uint32_t n;  // records of the view
  bool
      asks;  // the space, each time: `rel` is the largest of the relations that it
             // may be in, or NULL, and `at` what was found
  bool unifies;  // with each candidate: its operations would be too many
  double facts, relations,
      heads;  // if it asks: all that may match, and in how many;
              // with variables in front
  unsigned nops, nkeys;
  bool all_known;  // every child
  bool hashed;  // facts were hashed by all keys together, for this join alone
  double expected;  // facts found each time, as far as one can tell
  uint64_t asked, looked_at, found;
  uint64_t open;            // of those looked at: with variables
  JoinOp ops[JOIN_OPS];     // as many as there are; so are the keys
  JoinKey keys[JOIN_KEYS];  // the one to begin with first
} JoinGoal;

typedef struct Join {
  Context *cx;
  Space *space;
  const View *views;
  JoinGoal goals[JOIN_GOALS];  // in the order they run
  unsigned ngoals;
  bool reordered;
  bool empty;  // a relation has no facts
  const ValueVec *vars;
} Join;

// False: there are too many patterns or variables, or cx->stop is set.
bool ambi_join_plan(Join *j, Context *cx, Space *s, const View *views,
                    const Value *patterns, size_t n, const ValueVec *vars);
// Has it a value once these variables have?
bool ambi_join_knows(const Join *j, Value v, uint32_t bound);
// Appends j->vars->n values for each solution. False: cx->stop is set.
bool ambi_join_run(Join *j, ValueVec *values, size_t *nsolutions);

#endif
