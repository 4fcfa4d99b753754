// Internal to spaces: a conjunction of patterns over facts without variables.
//
// Where no atom that could match holds a variable, matching binds nothing but the
// pattern's own variables, and these to parts of facts. So a conjunction becomes a
// plan: for each goal a relation, keys of which some index can make use, and a few
// operations that compare and take parts of a fact. Goals run in the order that
// promises the fewest facts looked at; solutions come out in the order of the
// written conjunction all the same.
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
    JOIN_ENTER   // it is an expression of `size` children: part `to`
  } kind;
  uint8_t part, child, to;
  uint32_t size;
  Value value;
} JoinOp;

// A path where the value is known before the fact is.
typedef struct JoinKey {
  Path path;
  uint8_t var;    // whose value it is; JOIN_VARS: known from the beginning;
                  // JOIN_WHOLE: the key of the fact as a whole
  uint32_t size;  // of the argument that the path leads into, or 0
  uint64_t key;
} JoinKey;

typedef struct JoinGoal {
  Value pattern;
  unsigned written;  // place in the conjunction
  uint32_t vars;     // set of its variables
  Relation *rel;
  View view;  // of the space it is in
  const Record *at;
  const EndWord *end;
  uint32_t n;  // records of the view
  JoinOp ops[JOIN_OPS];
  unsigned nops;
  JoinKey keys[JOIN_KEYS];  // the one to begin with first
  unsigned nkeys;
  bool all_known;   // every child
  double expected;  // facts found each time, as far as one can tell
  uint64_t asked, looked_at, found;
} JoinGoal;

typedef struct Join {
  Context *cx;
  JoinGoal goals[JOIN_GOALS];  // in the order they run
  unsigned ngoals;
  bool reordered;
  bool empty;  // a relation has no facts
  const ValueVec *vars;
} Join;

// False: this is no conjunction of that kind.
bool ambi_join_plan(Join *j, Context *cx, Space *s, const View *views,
                    const Value *patterns, size_t n, const ValueVec *vars);
// Appends j->vars->n values for each solution. False: cx->stop is set.
bool ambi_join_run(Join *j, ValueVec *values, size_t *nsolutions);

#endif
