// What the two halves of the type checker share; private to types*.c.
//
// Walk computes the types of atoms; Ways searches the choices of argument types
// that suit a function type. Trial bindings are undone again, so both run
// between ambi_types_enter and ambi_types_leave, which put every binding on the
// trail, whatever choice points the evaluator has.
#ifndef AMBIT_RUNTIME_TYPES_WALK_H
#define AMBIT_RUNTIME_TYPES_WALK_H

#include "runtime/types/types.h"

typedef struct TypeFrame TypeFrame;
typedef struct TypeLevel TypeLevel;

typedef struct Walk {
  Context *cx;
  Space *space;
  TypeVec *items;     // types found so far; those of open frames below
  size_t *ends;       // where the types of each finished child end
  TypeFrame *frames;  // expressions under way
  TypeLevel *levels;  // room for Ways
  size_t nends, ends_cap, nframes, frames_cap, levels_cap;
  RecordVec records;
  size_t steps;
} Walk;

void ambi_walk_open(Walk *w, Context *cx, Space *s, TypeVec *items);
void ambi_walk_close(Walk *w);
// Appends the types of the atom to w->items. Every false of this file means
// that cx->stop is set.
bool ambi_walk_types(Walk *w, Value atom);
// Notes that the types of the next child end here.
bool ambi_walk_end_child(Walk *w);
bool ambi_walk_push(Walk *w, Value type, Value error);
bool ambi_walk_poll(Walk *w);

// ---- what was found before (types_memo.c) -----------------------------------
// Appends the types of the expression if they are known. False: cx->stop.
bool ambi_memo_find(Walk *w, Value expr, bool *found);
// The types of the expression are items[from ..): remembers them if that is worth
// it.
void ambi_memo_note(Walk *w, Value expr, size_t from);

// ---- what is declared of names (types_names.c) --------------------------------
enum Scope { SCOPE_UNKNOWN, SCOPE_NAMES, SCOPE_MORE };
enum { TYPED_HEADS = 4 };
// Of one space, as long as nothing that gives types changes.
typedef struct TypeNames {
  struct NameTypes *at;  // open addressing; cap is a power of two
  size_t n, cap;
  Template *types;
  size_t ntypes, types_cap;
  // NAMES: declarations are about names, and expressions that begin with one of these
  enum Scope scope;
  uint32_t heads[TYPED_HEADS], nheads;
  size_t asked;     // how often that was wanted while it is not known
  size_t declared;  // declarations when all were looked at last
} TypeNames;
// Appends the types of the name, supertypes too, if they are known.
bool ambi_names_find(Walk *w, Value name, bool *found);
// They are items[from ..).
void ambi_names_note(Walk *w, Value name, size_t from);
// *none: it is known that no declaration is about the expression, and that no type is a
// subtype of another.
bool ambi_names_alone(Walk *w, Value expr, bool *none);
void ambi_names_clear(Context *cx, TypeNames *m);
void ambi_names_close(Context *cx, TypeNames *m);
// In types_memo.c: what is kept for the walk's space as it is; NULL: memory is out.
TypeNames *ambi_memo_names(const Walk *w);
// The same if nothing has changed since that was asked for last; else NULL.
TypeNames *ambi_memo_names_still(const Walk *w);

// ---- what checks of calls have found (types_calls.c) ---------------------------
typedef struct CheckedCall CheckedCall;
typedef struct CallTypes {
  CheckedCall *at;  // open addressing; cap is a power of two
  size_t n, cap;
  Word *keys;
  size_t nkeys, keys_cap;
  uint64_t asked;  // how often one was looked for
} CallTypes;
// Has so much been asked that it is worth room in the store? What a short evaluation gives
// up there may stay until the form ends.
static inline bool ambi_calls_are_many(const CallTypes *m) {
  return m->asked >= 64;
}
void ambi_calls_clear(Context *cx, CallTypes *m);
void ambi_calls_close(Context *cx, CallTypes *m);
// In types_memo.c: what is kept for the space as it is, and a number that is another one
// when something has changed; NULL: memory is out.
CallTypes *ambi_memo_calls(Context *cx, const Space *s, uint32_t *stamp);

// ---- choices of argument types (types_apply.c) ------------------------------
enum Trying { TRY_FOUND, TRY_NONE, TRY_STOPPED };

struct TypeLevel {
  size_t next;  // type of this argument to try next
  size_t mark;  // trail before the argument
  bool any;     // some choice succeeded on the present way
};

typedef struct Ways {
  Walk *walk;
  const Value *args, *formals;  // n each
  size_t n;
  size_t first;  // index of the first argument's first type
  size_t ends;   // index in walk->ends of the first argument's end
  bool call;     // the check before a call, else that of get-type
  size_t level;
  bool begun;
  // Called for a type that does not suit (call), or for each type of an
  // argument none of whose types suits (get-type).
  bool (*misfit)(void *arg, size_t i, const TypeItem *actual);
  void *arg;
} Ways;

// The next combination of types that suits, its bindings on the trail.
enum Trying ambi_ways_next(Ways *y);
// Appends one application type, or the errors, per function type among the
// types items[from .. to) of the head of the call; its arguments' types stand
// behind them.
bool ambi_walk_apply(Walk *w, Value call, size_t from, size_t to,
                     size_t first_end);
static inline Value ambi_function_result(Value type) {
  return ambi_expr_at(type, ambi_expr_size(type) - 1);
}
static inline bool ambi_is_unknown_type(Value type) {
  return ambi_same(type, AMB_SYM(UNDEFINED));
}

static inline bool ambi_out_of_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return false;
}
Word *ambi_types_enter(Context *cx);
void ambi_types_leave(Context *cx, Word *hb, size_t mark);

#endif
