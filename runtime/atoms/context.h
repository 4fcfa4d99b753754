// One computation: heap, trail, limits, and what helpers need on the way.
//
// Both tiers run on a Context. The heap is one contiguous range that only
// grows upward; allocation never collects (tier 1 collects at safepoints, tier
// 0 not at all), so C helpers may hold Values across allocations. A helper that
// cannot allocate sets cx->stop and returns false/NULL/B_STOP; the evaluator
// then unwinds the form. One thread owns a Context.
#ifndef AMBIT_RUNTIME_CONTEXT_H
#define AMBIT_RUNTIME_CONTEXT_H

#include "memory/atomic.h"
#include "memory/epoch.h"
#include "memory/pages.h"
#include "runtime/atoms/limits.h"
#include "runtime/atoms/symbol.h"
#include "runtime/atoms/value.h"

typedef struct Runtime Runtime;
typedef struct TypeMemo TypeMemo;
typedef struct Space Space;
typedef struct Module Module;

// A growable array of Values outside the heap (results, alternatives).
typedef struct ValueVec {
  Value *at;
  size_t n, cap;
} ValueVec;
bool ambi_vec_push(ValueVec *v, Value x);  // false: memory is out
void ambi_vec_drop(ValueVec *v);

#define RIGID_NEVER UINT64_MAX
// The epochs of the code in which rigid marks of terms hold: that when the form began, or
// RIGID_NEVER where they say nothing in the rest of the form.
typedef struct RigidEpochs {
  uint64_t all;     // until a variable was bound to what may not be a value
  uint64_t ground;  // of terms without variables, which does not concern these
} RigidEpochs;

// Whether heads are data, in one space and one epoch of the code: by symbol,
// generation << 1 | answer (runtime/bytecode/definition.c).
typedef struct DataHeads {
  uint32_t *at;
  size_t cap;
  uint32_t generation;  // grows when the space or the epoch is another one
  const Space *space;
  uint64_t epoch;
} DataHeads;

typedef struct Context {
  // heap: [heap.base, hbase) holds what is old and has stayed where it was made,
  // [hbase, h) what is new, [h, hend) is committed and free
  Word *h;
  Word *hend;
  Word *hbase;
  Word *hb;  // cells below are trailed when written; tier 0: always all
  Range heap;
  // trail of addresses of bound cells; an undo resets each to unbound
  Word **trail;
  size_t tr, trail_cap;
  Range trail_range;
  // What collections have moved, [old.base, old_top), and the range that the next major
  // one moves to. Both lie below the heap, so what is older has the lower address.
  Range old, spare;
  Word *old_top;
  const Word *moved_from;  // the last collection moved what is from here on
  const char *heap_low, *heap_high;  // of all three ranges, reserved
  Runtime *rt;
  Space *space;    // S: the context space
  Module *module;  // whose tokens and files `bind!`, `import!`, ... mean
  RigidEpochs rigid;
  Limits limits;
  enum AmbStop stop;  // set when something must unwind the form
  void
      *actor;  // whose evaluation it is (scheduler/actor.h); NULL: the script's
  AMB_ATOMIC(uint32_t)
  x_cancel;         // [all] set from outside to stop this form alone
  void *crew_data;  // of who runs several, see runtime/crew.h
  void *waits;      // likewise: what it waits for
  void *branches;   // likewise: what the form runs beside itself
  struct Journal
      *journal;  // of an isolated evaluation (spaces/journal.h), or NULL
  struct Delta *deltas;   // what parts of it changed, likewise
  bool rules_next;        // the next one may change rules and types
  struct Held *held;      // named locks it has (scheduler/mutex.c)
  struct Waiter *waiter;  // for one of them
  struct Best *best;      // the innermost minimize or maximize here (best.h)
  uint64_t *random;       // the default generator's state
  bool
      plain;  // tier 0 searches here, and tier 1 waits for that: nobody else may wait
  bool sliced;    // looks at limits end with STOP_YIELD: others want the thread
  ValueVec many;  // alternatives delivered by a builtin (B_MANY)
  // text of the error a builtin reports (B_ERROR), or the error atom itself
  char *message;
  size_t message_cap;
  Value error_reason;                  // AMB_NONE: take message as a symbol
  int exit_code;                       // with STOP_EXIT
  void (*engine_close)(void *engine);  // frees it with the context
  void *engine;                        // the tier's own state
  struct Machine *machine;             // tier 0's, while it runs
  // Count how often a part of the heap was given back by failing, and how often
  // terms may have moved or gone, or the first counter has begun again: who
  // remembers addresses looks at both.
  uint32_t given_back;
  uint64_t moved;
  uint32_t walked;  // nodes, since the last look at the limits
  DataHeads data_heads;
  TypeMemo *types;  // types of terms (types_memo.c)
  void (*types_close)(struct Context *cx);
  Participant party;  // of the thread that evaluates here, see spaces/share.h
} Context;

// ---- life -----------------------------------------------------------------
Context *ambi_context_open(Runtime *rt);
void ambi_context_close(Context *cx);
// Empties heap and trail between forms; keeps the reservations.
void ambi_context_reset(Context *cx);

// A walk over a term goes on with another node: terms that share parts may be endless as
// trees. False: cx->stop is set.
enum { AMB_WALK_NODES = 1 << 16 };
static inline bool ambi_walk_on(Context *cx) {
  return ++cx->walked % AMB_WALK_NODES != 0 ||
         ambi_limits_walked(cx, AMB_WALK_NODES);
}

// ---- heap -------------------------------------------------------------------
// `n` uninitialised words, or NULL with cx->stop set. Does not collect.
Word *ambi_heap_more(Context *cx, size_t n);
static inline Word *ambi_heap_alloc(Context *cx, size_t n) {
  Word *p = cx->h;
  if (AMB_UNLIKELY((size_t)(cx->hend - p) < n)) return ambi_heap_more(cx, n);
  cx->h = p + n;
  return p;
}
static inline bool ambi_in_heap(const Context *cx, const void *p) {
  return (const char *)p >= cx->heap_low && (const char *)p < cx->heap_high;
}

static inline size_t ambi_old_words(const Context *cx) {
  return (size_t)(cx->old_top - (const Word *)(const void *)cx->old.base) +
         (size_t)(cx->hbase - (const Word *)(const void *)cx->heap.base);
}
// Words in use, old ones and new ones.
static inline size_t ambi_heap_words(const Context *cx) {
  return ambi_old_words(cx) + (size_t)(cx->h - cx->hbase);
}

enum { AMB_VIEW_MIN = 4 };  // children from which a tail is a view
// ---- building atoms: AMB_NONE when memory is out ----------------------------
// Expression of n children (n == 0: unit). Children are dereferenced one step
// deep and the ground mark is computed.
Value ambi_make_expr(Context *cx, const Value *items, size_t n);
#define AMB_EXPR(cx, ...)                            \
  ambi_make_expr((cx), (const Value[]){__VA_ARGS__}, \
                 sizeof((const Value[]){__VA_ARGS__}) / sizeof(Value))
Value ambi_make_var(Context *cx, uint32_t name, uint32_t id);
Value ambi_make_str(Context *cx, const char *bytes, size_t len);
Value ambi_make_sym(Context *cx, const char *text, size_t len);  // interns
// h followed by the children of `tail`, amortised constant time.
Value ambi_make_cons(Context *cx, Value head, Value tail);
// Children from..size of e (a view or a copy); unit when none is left.
Value ambi_make_tail(Context *cx, Value e, uint32_t from);
Value ambi_make_error(Context *cx, Value atom, Value reason);
// (Error atom <symbol with this text>)
Value ambi_make_error_text(Context *cx, Value atom, const char *text);

// From h on, the heap has no terms any more.
static inline void ambi_heap_give_back(Context *cx, Word *h) {
  cx->h = h;
  if (++cx->given_back == 0) cx->moved++;
}

// ---- bindings and trail ---------------------------------------------------------
bool ambi_trail_grow(Context *cx);            // false: cx->stop set
bool ambi_trail_room(Context *cx, size_t n);  // for n entries; false: likewise
static inline bool ambi_bind(Context *cx, Value var, Value to) {
  Word *cell = ambi_ptr(var);
  if (cell < cx->hb) {
    if (AMB_UNLIKELY(cx->tr == cx->trail_cap) && !ambi_trail_grow(cx))
      return false;
    cx->trail[cx->tr++] = cell;
  }
  if (!ambi_is_firm(to) || to.w == AMB_SYM(EMPTY).w)
    cx->rigid.all = RIGID_NEVER;
  *cell = to.w;
  return true;
}
// A word of an old object is about to refer to something new. Undoing makes a variable
// of it, so it may be one that nobody looks at then.
static inline bool ambi_remember(Context *cx, Word *at) {
  if (cx->tr == cx->trail_cap && !ambi_trail_grow(cx)) return false;
  cx->trail[cx->tr++] = at;
  return true;
}
// Entries of the trail that are no variables are what was remembered.
static inline bool ambi_trail_is_variable(const Word *entry) {
  return entry[1] >> 48 == TAG_VINFO;
}
// Unbinds everything bound since the trail had `mark` entries.
static inline void ambi_trail_undo(Context *cx, size_t mark) {
  while (cx->tr > mark) {
    Word *cell = cx->trail[--cx->tr];
    *cell = AMB_TAGGED(TAG_VAR, (uintptr_t)cell);
  }
}

// ---- looking whether all is well ------------------------------------------------
// The word is a value, and what it points to is what its tag says.
bool ambi_value_is_valid(const Context *cx, Value v, const char **why);
// Heap and trail just behind a collection, or empty.
bool ambi_context_is_valid(const Context *cx, const char **why);

// ---- reporting --------------------------------------------------------------
// printf into cx->message; always leaves a terminated text.
void ambi_set_message(Context *cx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
