// Tier 1's machine: engine stack, choice records, hooks, result images.
//
// Registers live in locals of the interpreter loop (loop.h) and are written
// back to the Engine before a helper runs. Frames lie on one contiguous stack
// and are addressed through E; a frame outlives its return exactly when a
// choice record above it needs it, because new frames start beyond what the
// newest record protects. See ARCHITECTURE.md, "The abstract machine".
#ifndef AMBIT_RUNTIME_ENGINE_H
#define AMBIT_RUNTIME_ENGINE_H

#include "memory/arena.h"
#include "runtime/bytecode/code.h"
#include "runtime/spaces/twin.h"

typedef struct Hook Hook;
typedef struct Stamps Stamps;      // of lend.h
typedef struct FlatSite FlatSite;  // of match_flat.c

// A choice record: everything `fail` needs. Records are contiguous; the one
// before is at -1. Slot contents are kept by keeping the frame.
typedef struct Choice {
  const Code *resume;
  Word *h;    // heap top then
  size_t tr;  // trail entries then
  Word *top;  // frames below are protected
  Word *e;
  Space *s;
  Hook *hook;        // saved results, collector, cursor; freed with the record
  Value aux;         // alternatives still to come (a heap value) ...
  uint64_t cursor;   // ... and the position in them (ambi_list_end)
  const Code *next;  // the instruction that made the record, where it matters
} Choice;

// Where the alternatives of a list end, of which `resume` takes the next: of one that was
// divided (divide.h) the upper half of the cursor says it.
static inline uint64_t ambi_list_end(const Choice *r, const Code *resume) {
  return resume->c ? r->cursor >> 32 : ambi_expr_size(r->aux);
}

// A copy of terms outside the backtracked heap, relocatable: pointers into the
// image have bit 47 of the payload set and count bytes from its start. Cells
// older than the record the copy is made for stay pointers.
//
// A large one of a collector gets a Range of its own, where it does not move any more:
// there it is settled, and they are plain pointers.
typedef struct Image {
  Word *w;
  size_t n, cap;
  Range range;  // open: w is its base
  bool settled;
  bool has_variables;
  bool refers;       // to the heap or to an adopted image ...
  bool leaves_open;  // ... where what it refers to has variables
  bool astray;  // copied for another Context, to variables that stay behind
} Image;
#define IMAGE_BIT ((Word)1 << 47)

// An image that became part of the memory in use as it stands: large results of
// a collector are not copied once more, but for their variables. One that refers to
// nothing that moves stays where it is as long as somebody refers to it; another
// is moved to the heap by the next collection.
typedef struct Adopted {
  Word *w;
  size_t n, cap;
  Range range;      // as of an Image
  const Word *top;  // of the heap then
  bool pinned;
  bool hit;  // the collection going on met a reference to it
} Adopted;

// Copies of return addresses, see seen.h.
typedef struct SeenReturn {
  const Code *from;  // NULL: a free place
  Landing *to;
  const Unit *unit;  // whose position it is, or NULL
} SeenReturn;
typedef struct SeenReturns {
  SeenReturn *at;  // a table of cap places, a power of two
  size_t n, cap;
  Arena arena;
  Landing *spare;  // copies that are not used any more, linked by addr
} SeenReturns;

// Room that copying into images uses again and again.
typedef struct CopyWork {
  const Value *src;
  size_t n, dst;
} CopyWork;
typedef struct CopyScratch {
  CopyWork *work;
  size_t work_cap;
  uint32_t steps;  // counted for looks at the limits
  Word **renamed;  // variables bound to their copies for the time being
  size_t renamed_cap;
  struct Forwarded {  // expressions that say where their copies are meanwhile
    Word *at;
    Word header;
  } * forwarded;
  size_t forwarded_cap;
  uint32_t stamps, stamps_end;  // for variables of the form that are told apart
  Stamps *pool;  // where there are more, of all who share the search; or NULL
  // Of the last result and of this one, see image.c: the terms from the whole to the
  // last part of the last part that is not older, and where they were copied to.
  struct Spine {
    struct SpineTerm {
      const Word *p;
      size_t at;
    } * at;
    size_t n, cap;
  } spine[2];
  const Image *spine_of;  // the first is in this image ...
  size_t spine_end;       // ... of so many words
  uint32_t unlike;        // results in a row that had little in common
} CopyScratch;
typedef struct SpineTerm SpineTerm;

typedef struct Item {  // one saved result
  Value value;
  bool error;
  uint32_t made;              // choices on the way to it, if they are counted
  size_t img_from, img_to;    // its words of the image
  size_t bind_from, bind_to;  // its bindings
} Item;

enum HookKind {
  HOOK_STREAM,
  HOOK_GATHER,
  HOOK_COLLECT,
  HOOK_BEST,  // a collector that keeps the best (atoms/best.h)
  HOOK_CURSOR,
  HOOK_TABLE,
  HOOK_ROUNDS  // results of a search by the number of choices (deepen.h)
};
struct Hook {
  enum HookKind kind;
  uint32_t slot;       // position slot
  uint32_t dst;        // slot that takes a delivered value
  bool sequential;     // nothing of it is handed over
  bool bound;          // of a once: the result comes with what it has bound
  bool hopeful;        // what was handed over may turn out to have effects
  bool with_bindings;  // collapse-bind: results are (atom bindings) pairs
  bool certain;        // HOOK_CURSOR: the candidates match, and bind nothing
  Word *frame;
  Space *s;
  const Code *next;        // where a delivered value goes on
  const Code *err;         // where a delivered Error goes on
  const Code *old_resume;  // of the record this hook was put on
  Hook *old;
  Item *items;
  size_t nitems, items_cap;
  struct {
    Word *cell;
    Value value;
  } * binds;
  size_t nbinds, binds_cap;
  Image image;
  size_t cursor;
  size_t nvalues;         // items that are no errors
  struct Part *parts;     // what others have of its region, the newest first
  ValueVec lent;          // variables that are older, by number (lend.h)
  ValueVec known;         // variables of images that were adopted (merge.c)
  struct Best *best;      // HOOK_BEST: the scope, which ends with the hook
  struct Search *search;  // HOOK_ROUNDS: likewise
  const Code *once;       // HOOK_COLLECT: of a once, which ends there; or NULL
  uint64_t effects;       // HOOK_COLLECT: those of the Engine when it began ...
  uint64_t steps;         // ... and steps, as far as they were counted
  uint64_t collections;   // those of the Engine when it began
  RecordVec records;      // HOOK_CURSOR: candidates of a query
  ValueVec values;        // HOOK_CURSOR: solutions of a conjunction;
                          // HOOK_COLLECT without bindings: results (no items)
  Range list;             // open: where those lie, behind room for a header
  // Heap values, collected with the hook. HOOK_COLLECT with bindings: templ has the
  // variables that results may bind. HOOK_TABLE: nvars is the making whose record this
  // is.
  Value pattern, templ;
  size_t nvars;
};

// What a routine tells the loop to do next.
enum Next {
  NEXT_PC,    // go on at engine->pc in engine->e
  NEXT_RET,   // return engine->rv from the frame engine->e
  NEXT_FAIL,  // backtrack
  NEXT_STOP   // cx->stop is set
};

// What code can still do (reach.h): as long as the epoch is that.
typedef struct Reached {
  uint64_t unit;  // its number; 0: nothing is kept here
  uint64_t epoch;
  const Code *from, *end;
  unsigned effects;
} Reached;

enum { AMB_MEETS = 32, AMB_REACHES = 16 };
#define AMB_UNCOUNTED UINT32_MAX  // Engine.made

typedef struct Engine {
  Context *cx;
  CodeState *code;
  Space *home;  // context of the form: what `eval` and `context-space` mean
  // The last call that was found to be its own value and equal to the atom it
  // came from; looked at when it returns, and at once.
  const Word *same_from, *same_to;
  bool call_stays;  // the call that an EVAL frame has just made equals its atom
  Range stack_range, choice_range;
  Word *stack;      // base
  Word *stack_end;  // a frame may not reach beyond
  Choice *choices;  // base; choices[0] is the sentinel of the form
  Choice *choices_end;
  // registers, valid while a helper runs
  Word *e;
  Choice *b;
  const Code *pc;
  Value rv;         // returned value
  int64_t budget;   // steps until the next poll ...
  int64_t granted;  // ... and what they were when steps were last counted
  uint32_t looks;   // at limits, so far
  Pace lowerings, epochs;  // of the form, under stress (relower)
  // STOP_YIELD came before the first instruction of a frame with so many arguments;
  // SIZE_MAX: before that at pc.
  size_t entry_args;
  ValueVec *out;       // results of the form
  Unit *form;          // that is open, see ambi_form_open
  Hook *top_hook;      // its collector; NULL: none is open
  bool bare;           // it is an instruction: Errors count as results
  size_t young_soft;   // words of the nursery that trigger a collection
  size_t stay_words;   // that are to become old where they are
  size_t heap_soft;    // words in all that trigger a major one
  size_t stack_soft;   // words of the stack that trigger a minor one
  size_t shared_soft;  // bytes of atoms outside the heap that do
  size_t held;         // bytes of both behind the last of these
  size_t too_large;    // live words that were too many for a block, see stow.h
  uint64_t collections;
  uint64_t
      gc_mark;  // of the last collection; reads as a header, so no slot holds it
  uint32_t given_back;  // of the Context, when it was last looked at
  // Alternatives at others (handover.h): the newest record handed over; this is such an
  // alternative, of the form's region; it cannot be told by itself; looks until the
  // next attempt, after one that failed.
  Choice *handed_to;
  bool is_part, part_of_form, spoilt;
  bool hopeful;      // what was handed over may turn out to have effects
  uint64_t effects;  // so many operations that have some were begun
  Reached reached[AMB_REACHES];  // what was found of effects last ...
  unsigned nreached;             // ... and how often something was
  bool gave;         // something was handed over that has not come back
  bool worth_it;     // what has come back last was, in this form or one before
  uint64_t gave_at;  // when something was handed over last
  const Hook
      *asked;  // the region that was too new when it was last asked, by name
  uint64_t asked_steps, asked_at;  // ... and steps, and when that was first
  uint32_t refused, patience;
  enum Tallied refuses;  // for this reason
  uint64_t took;         // nanoseconds of those that have
  SeenReturns seen;
  size_t trail_mark;   // where the trail has been marked as seen ...
  Word trail_seen[2];  // ... with this, no variable; unbound: undone
  Adopted *adopted;
  size_t nadopted, adopted_cap;
  size_t adopted_words;  // of those the next major collection has not seen yet
  unsigned wide;         // Ranges of results that are being collected
  Image handed;          // the terms of the form's results, for the runner
  CopyScratch copy;      // image.c
  Hook *spare_hooks;     // a few that are free, with room for some values
  unsigned nspare;
  uint64_t max_depth;  // pragma max-stack-depth when the form began, or 0
  // Choices on the way to here, while a search counts them, and behind how many it
  // fails; UNCOUNTED, and what the others are means nothing. Alternatives taken in this
  // round, and with how many it is given up; rules of a call that have matched.
  struct Search *search;  // the innermost in a round (deepen.h), or NULL
  uint32_t made, most;
  uint64_t taken, enough;
  uint32_t alike;
  const Target *target;  // of the call that machine code is about to make
  // In machine code: children of two terms that were compared and are to be unified;
  // the first pair has this index, the last AMB_MEETS. 0: they were not looked at.
  uint32_t first_met;
  Word met[2][AMB_MEETS + 1];
  FlatSite *flat_sites;  // where matches found their facts; NULL: none did yet
  uint32_t flat_asked;   // so many did before that
  RecordVec found;       // scratch of queries
  ValueVec work;         // scratch of walks
  ValueVec roots;        // values C code wants kept across a safepoint
} Engine;

// Is it in the form's own space, or a twin of it?
static inline bool ambi_is_at_home(const Engine *g) {
  return ambi_space_face(g->cx->space) == g->home;
}
// Takes the steps made since the last look into account.
void ambi_engine_count(Engine *g);
// Steps of the form so far.
static inline uint64_t ambi_engine_steps(const Engine *g) {
  return g->cx->limits.steps_used + (uint64_t)(g->granted - g->budget);
}
// Makes the step behind so many look at limits and memory.
static inline void ambi_engine_hurry(Engine *g, int64_t steps) {
  if (g->budget <= steps) return;
  g->granted -= g->budget - steps;
  g->budget = steps;
}
Engine *ambi_engine_open(Context *cx);
void ambi_engine_close(Engine *g);
Engine *ambi_engine_of(Context *cx);  // opened if need be; NULL: memory is out
// A form begins: the sentinel record and its collector. False: memory is out.
bool ambi_engine_begin(Engine *g);
// What it remembers of the form before goes.
void ambi_engine_fresh(Engine *g);
// The form is not here any more: memory and copies of return addresses go.
void ambi_engine_leave(Engine *g);
// The unit of a form that has ended; NULL is none.
void ambi_form_unit_drop(CodeState *cs, Unit *form);
// Its frame, and the way into it. False: memory is out.
bool ambi_engine_frame(Engine *g, const Unit *form);
// Runs a unit without arguments as a form of its own; its results are appended
// to out as heap atoms.
enum AmbStop ambi_engine_run_unit(Engine *g, Unit *form, ValueVec *out);
// Runs from g->pc until the sentinel record resumes or something stops.
enum AmbStop ambi_interp_run(Engine *g);
// The same, with counts (runtime/bytecode/sampler.h).
enum AmbStop ambi_interp_run_counted(Engine *g);
// Runs the one instruction at g->pc. NEXT_PC: g->pc says where to go on (a
// landing, too); NEXT_STOP: cx->stop is set. Not for TOP_DONE.
enum Next ambi_interp_one(Engine *g);

// Records begin a part of a page further on than frames do: where both stand at the same
// place in their pages, the processor takes loads of one for what was just stored in the
// other, and a fork and fail takes five times as long.
enum { CHOICES_APART = 16 };
static inline void ambi_choices_committed(Engine *g) {
  g->choices_end = (Choice *)(void *)g->choice_range.base +
                   g->choice_range.committed / sizeof(Choice) - 1;
}
// What a position slot holds: the address of the newest record, records do not
// move. Bit 0 is free for the mark of a streamed position, and no collection
// takes the word for a reference (it reads as a double).
static inline Value ambi_position(const Choice *b) {
  return AMB_V((Word)(uintptr_t)b);
}
static inline Choice *ambi_position_choice(Value p) {
  return (Choice *)(uintptr_t)(p.w & ~(Word)1);
}
// Where the next frame's header goes: beyond this frame and what B protects.
static inline Word *ambi_frame_top(Word *e, size_t nslots, const Choice *b) {
  Word *top = e + nslots;
  return top < b->top ? b->top : top;
}
// Slots of the frame: a unit's, or counted in slot 0 of a routine's frame.
static inline size_t ambi_frame_slots(const Word *e) {
  return ((const Unit *)(uintptr_t)e[FRAME_UNIT])->nslots;
}

// Just behind a collection: frames, records, hooks and the heap hold together.
bool ambi_engine_is_valid(const Engine *g, const char **why);

// ---- choice.c: records, hooks, positions, collectors ------------------------
Choice *ambi_choice_push(Engine *g, const Code *resume);  // NULL: stop
// Drops records down to and including `to`, freeing their hooks.
void ambi_choice_cut(Engine *g, Choice *to);
Hook *ambi_hook_new(Engine *g, enum HookKind kind);
void ambi_hooks_drop(Engine *g);          // the spare ones
void ambi_hook_free(Engine *g, Hook *h);  // and those below it; NULL is none
// Likewise, where there is no Engine; of tables, scopes and parts there are none.
void ambi_hooks_discard(Hook *h);
static inline bool ambi_hook_collects(const Hook *h) {
  return h->kind == HOOK_COLLECT || h->kind == HOOK_BEST;
}
// A collector has found nothing yet.
static inline void ambi_hook_restart(Hook *h) {
  h->values.n = h->image.n = h->nvalues = h->nitems = h->nbinds = 0;
  h->lent.n = h->known.n = 0;
}
// A collector; best: 0, or 1 for one that keeps the least, 2 for the greatest. NULL:
// cx->stop is set.
Hook *ambi_hook_collector(Engine *g, unsigned best);
// The position in slot `slot` of frame e ends with the value in slot dst.
// stream: see machine description. next/err: where to go on.
enum Next ambi_position_end(Engine *g, uint32_t slot, uint32_t dst, bool stream,
                            bool error, const Code *next, const Code *err);
// A hook on r for results of the position in that slot of the frame; they go on at next.
// NULL: cx->stop is set.
Hook *ambi_hook_results(Engine *g, Choice *r, enum HookKind kind, uint32_t slot,
                        uint32_t dst, const Code *next);
bool ambi_results_wait(const Choice *r);
enum Next ambi_pend(Engine *g);
enum Next ambi_deliver(Engine *g);
// Puts the item's value into the slot, and binds what it has bound. False: stop.
bool ambi_item_give(Engine *g, Hook *h, const Item *it, Word *slot);
// The value or Error goes into an item of the hook, with the bindings made since r.
bool ambi_item_save(Engine *g, Hook *h, const Choice *r, Value v, bool error);

// ---- results.c: collectors -----------------------------------------------------
bool ambi_collector_add(Engine *g, Hook *h, Choice *barrier, Value v,
                        bool error);
// Would a collector that keeps the best keep this result, no Error, or tell of it?
bool ambi_collector_wants(const Hook *h, Value v);
// The same for values that are neither Errors nor refer to anything.
bool ambi_collector_add_all(Engine *g, Hook *h, const Value *v, size_t n,
                            bool errors);
// The same for values that refer to the image or to nothing; its words go behind those of
// the collector's.
bool ambi_collector_append(Engine *g, Hook *h, const Image *m, Value *v,
                           size_t n, bool errors);
// The collected results as one expression.
Value ambi_collector_expr(Engine *g, Hook *h);
// Frees what the hook has of results.
void ambi_results_drop(Engine *g, Hook *h);
void ambi_adopted_drop(Adopted *a);

// ---- routine.c: evaluation of atoms as data ------------------------------------
// Pushes a frame that evaluates atom v against type t, returning to ret.
enum Next ambi_eval_push(Engine *g, Value v, Value t, const Code *ret);
// The same for an argument of a typed call: what the type check of the call finds
// wrong with it comes before it is evaluated.
enum Next ambi_eval_push_argument(Engine *g, Value v, Value t, const Code *ret);
// The same in place of the current frame.
enum Next ambi_eval_tail(Engine *g, Value v, Value t);
// Goes on, in place of the current frame, with the rule body that a step of
// `call` gave, evaluated against t; call: marked if it may be when it turns out to
// be its own value.
enum Next ambi_body_tail(Engine *g, Value call, Value body, Value t);
// The same in a frame of its own, returning to ret.
enum Next ambi_body_push(Engine *g, Value call, Value body, Value t,
                         const Code *ret);
// (function (chain (eval v) $x (return $x)))
Value ambi_one_step(Context *cx, Value v);
enum Next ambi_ev_step(Engine *g);  // executes the EV_* instruction at pc
// Is v its own value, seen at a glance (all heads inert)? *rigid: and will it
// stay one when variables in it get bound to values? May be NULL. budget: nodes
// looked at before giving up: EVAL asks again at each level, so a full walk
// there would be quadratic in the depth.
bool ambi_is_inert(Engine *g, Value v, bool *rigid, size_t budget);
// Does the evaluated mark of this EXPR still hold, where the EXPR is handed on
// as a whole? As a part of something larger it always does.
bool ambi_mark_holds(Value v);
// The term with the bindings made so far, a value as before.
Value ambi_settle(Context *cx, Value v);
// What a match hands on as a whole, a settled term: it is no value any more if the
// match bound something in it. The second gives it as it reads then.
Value ambi_whole(Value v);
Value ambi_handed_on(Context *cx, Value v);
enum Next ambi_query_next(Engine *g);
// Calls operation op. CALL_VALUE, CALL_ERROR, CALL_DATA (nothing applies: the
// call is its own value): the result is in g->rv. Further results, if any, come
// later at `next` as returned values.
enum CallResult { CALL_VALUE, CALL_ERROR, CALL_DATA, CALL_EMPTY, CALL_STOP };
enum CallResult ambi_call_builtin(Engine *g, uint32_t op, const Value *args,
                                  unsigned n, const Code *next);
enum Next ambi_match_begin(Engine *g, Value space, Value pattern,
                           const Code *next);
enum Next ambi_match_next(Engine *g);
// The instruction MATCHF in this space, and its further candidates.
enum Next ambi_match_flat(Engine *g, Value space);
enum Next ambi_match_flat_next(Engine *g);
void ambi_flat_sites_free(Engine *g);

// ---- collect.c ------------------------------------------------------------------
// Moves what is reachable; e must be at a frame whose first nargs slots are
// live. False: memory is out.
bool ambi_collect(Engine *g, size_t live_args);
// Moves all that is live, and there is nothing else then. False: there is no room for it.
bool ambi_collect_all(Engine *g, size_t live_args);
void ambi_adopted_free(Engine *g);
// The adopted image that p points into, or NULL.
static inline Adopted *ambi_adopted_at(const Engine *g, const Word *p) {
  for (size_t i = 0; i < g->nadopted; i++)
    if (p >= g->adopted[i].w && p < g->adopted[i].w + g->adopted[i].n)
      return &g->adopted[i];
  return NULL;
}
void ambi_collect_first(Engine *g);  // sets when the first one is due
bool ambi_collect_due(Engine *g);
void ambi_collect_close(Engine *g);

#endif
