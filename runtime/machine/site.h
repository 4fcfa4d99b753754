// Calls through a variable: what a head that is known only now stands for.
//
// A site names its *shape*, the Variant of an unknown head with so many arguments
// and one expected type. A shape has a table from heads to Targets, which say what
// such a call enters and which arguments it takes as they are: so all sites of a
// shape learn from each other, and many heads at one site cost no more than one.
//
// Who writes what: an evaluator that misses makes the Target and stores it, under the
// guard. Targets do not change, and say for which epoch of the code they hold; so nothing
// has to be cleared when rules change, and a look is one word. Publish: a Target, and a
// table that had to grow, are stored with release order when they are complete. Observe:
// the loop loads both with acquire order, machine code (x86-64) by plain loads. Old ones
// are freed between forms, with the old units.
#ifndef AMBIT_RUNTIME_SITE_H
#define AMBIT_RUNTIME_SITE_H

#include "runtime/machine/step.h"

enum TargetKind {
  TARGET_CALL,   // of `variant`, which has no type: of the evaluated members
  TARGET_DATA,   // an expression of the evaluated members
  TARGET_TYPED,  // of `variant`
  TARGET_APPLY,  // an operation
  TARGET_TERM,  // what the expression at its head is the key of: see ambi_target_enter
  TARGET_ODD  // whatever it is, EVAL knows
};

struct Target {      // [init] all of it, but `next`
  Word head;         // the word of a symbol or an operation
  uint64_t epoch;    // of the code for which this holds
  Variant *variant;  // TARGET_CALL, TARGET_TYPED
  uint32_t kind;     // enum TargetKind
  uint32_t nargs;
  const Space *space;   // of the shape
  struct Target *next;  // [lock:guard] all there are
  Value param[];  // types of the arguments, %Undefined% for type variables; of
      // operations () for a type variable that stands more than once
};

struct Targets {  // [init] all but `at` and `next`
  uint32_t mask;
  Variant *shape;
  struct Targets *next;             // [lock:guard] all there are
  AMB_ATOMIC(const Target *) at[];  // [lock>all] never NULL
};

static inline uint32_t ambi_target_index(Word head, uint32_t mask) {
  return (uint32_t)head & mask;
}
// Looks it up; the head need not be the one asked for.
static inline const Target *ambi_target_seen(Variant *shape, Value head) {
  Targets *t = ambi_load_acquire(&shape->targets);
  return ambi_load_acquire(&t->at[ambi_target_index(head.w, t->mask)]);
}
static inline bool ambi_target_holds(const Engine *g, const Target *t,
                                     Value head) {
  return t->head == head.w && t->epoch == ambi_code_epoch(g->code);
}
// Tuples of numbers are data unless some rule is about such a thing.
static inline bool ambi_target_is_data(const Engine *g, Value head) {
  return ambi_is_int(head) && ambi_load_acquire(&g->code->x_relied) &&
         !ambi_load_acquire(&g->code->x_odd_rules);
}
const Target *ambi_target_data(void);  // what such a head stands for
// Finds out. NULL: cx->stop is set.
const Target *ambi_target_find(Engine *g, Variant *shape, Value head);
// May *v be passed where this type is asked for? given: as it stands in the program,
// not evaluated yet. May set cx->stop.
bool ambi_target_accepts(Engine *g, Value type, bool given, Value *v);
// The instruction at g->pc asks whether a call that is no TARGET_CALL passes the type
// check of what it is an argument of. May set cx->stop.
bool ambi_target_passes(Engine *g, const Target *t);
// The instruction at g->pc applies an operation.
enum Next ambi_target_apply(Engine *g, const Target *t);
// The instruction at g->pc makes a call whose head is an expression, to return to `ret`
// if it is not the last.
enum Next ambi_target_enter(Engine *g, const Code *ret);
// What a new shape looks up in: it has nothing.
Targets *ambi_targets_none(void);
void ambi_targets_quiesce(CodeState *cs);  // between forms
void ambi_targets_leave(CodeState *cs);    // those of spaces that code has left
void ambi_targets_free(CodeState *cs);
// Under the guard.
bool ambi_targets_is_valid(const CodeState *cs, const char **why);

#endif
