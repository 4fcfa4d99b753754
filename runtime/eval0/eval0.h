// Tier 0, the reference evaluator: an agenda machine (internal header).
//
// A *continuation* is a chain of immutable frames; alternatives share its lower
// part. The *agenda* is a stack of choices, each saying how the next untried
// alternative starts; the newest is taken first, so evaluation is depth first
// and in natural order. A *collector* runs an agenda of its own: it is a choice
// (met when everything above it is done) and a frame (met by each result). A
// result is kept as an *item*: the resolved value and what the variables older
// than the collector were bound to.
//
// Frames, items and collectors lie on one stack that only grows while a
// collector is open; when its agenda is done, its items are all that is left of
// it. Nothing recurses in C.
#ifndef AMBIT_RUNTIME_EVAL0_H
#define AMBIT_RUNTIME_EVAL0_H

#include "memory/pages.h"
#include "memory/stress.h"
#include "runtime/rounds.h"
#include "runtime/types/types.h"

typedef struct Frame Frame;

typedef struct Binding {
  Word *cell;
  Value value;
} Binding;

typedef struct Item {
  struct Item *next;
  Value value;
  uint32_t made;    // choices on the way to it
  const void *way;  // to it, see runtime/trace.h
  size_t nbindings;
  Binding bindings[];
} Item;

typedef struct ItemList {
  Item *first, *last;
} ItemList;

// The state of the machine at some moment.
typedef struct Mark {
  size_t trail;
  Word *h;    // cells below existed then
  char *top;  // of the stack
} Mark;

enum CollectorKind {
  COLLECT_POSITION,  // an evaluated position (semantics 7.2)
  COLLECT_BIND,      // collapse-bind: everything, with bindings
  COLLECT_CAPTURE,   // capture: everything, without bindings
  COLLECT_ONCE,      // the first value; else the first error
  COLLECT_LEAST,     // minimize: the value that costs least; else all errors
  COLLECT_GREATEST,  // maximize
  COLLECT_BAND,      // results behind so many choices, see eval0_deepen.c
  COLLECT_FORM,      // the results of an evaluated top-level expression
  COLLECT_RAW        // everything a bare instruction or an atom gives
};

// Choices made on the way to where the machine is, while a search counts them; see
// eval0_deepen.c.
typedef struct Counted {
  uint32_t made, most;  // those behind more fail
  uint32_t deepest;     // on any way since the position began
} Counted;

typedef struct Collector {
  enum CollectorKind kind;
  bool has_value;  // a result that is no error was seen
  ItemList items;  // the values, or while there is none the errors
  Mark mark;
  Frame *up;          // what goes on with the results
  Value call;         // the call they are results of, for `function` results
  size_t choice;      // height of the agenda below the collector's choice
  const Word *kept;   // Machine.kept outside of the collector
  Counted outside;    // when it was opened
  uint64_t cuts;      // likewise
  const void *way;    // likewise
  struct Band *band;  // COLLECT_BAND
} Collector;

enum FrameKind {
  FRAME_COLLECT,   // collector: a result of its agenda
  FRAME_MARK,      // a: a value equal to it gets the evaluated mark
  FRAME_ARGS,      // a: call, b: function type or NONE, c: result type,
                   // index, done: value of child `index` of the call
  FRAME_CALL,      // a: call, b: type: the outcome of one step of it
  FRAME_CHAIN,     // a: variable, b: template: the nested result
  FRAME_TABLE,     // a: call, b: type, c: its variables, index: the making: a
                   // result for the table
  FRAME_CAST,      // a: call, b: type: a result that was made without it
  FRAME_FUNCTION,  // a: call or NONE: the outcome of the body
  FRAME_TRACE,  // a: call, index: depth, state: its number: a value to be told of
};

// Values of children evaluated so far, newest first.
typedef struct Done {
  Value value;
  struct Done *older;
} Done;

struct Frame {
  Frame *up;
  uint8_t kind;    // enum FrameKind
  uint32_t index;  // FRAME_ARGS
  uint32_t depth;  // as the reference counts its stack (semantics 9.3)
  uint32_t nest;   // collectors, and tables being made, below
  Value a, b, c;
  Space *space;    // S of the evaluation the frame belongs to
  uint64_t state;  // MARK, ARGS: the bindings under which `a` is resolved
  union {
    Collector *collector;  // FRAME_COLLECT
    Frame *base;           // FRAME_MARK: the frame below all marks
    Done *done;            // FRAME_ARGS
    const void *began;     // FRAME_TRACE: the way behind its CALL
  };
};

enum ChoiceKind {
  CHOICE_ITEMS,    // results: each goes to the frame
  CHOICE_STEP,     // results of one step: a `function` among them is run
  CHOICE_COLLECT,  // the bottom of a collector's agenda
  CHOICE_TABLE     // that of a table's; up: its frame
};

typedef struct Choice {
  enum ChoiceKind kind;
  size_t trail;   // undo to here before the alternative starts
  size_t tidied;  // entries up to here are about cells older than h
  const Word *h;  // heap top when the choice was made
  uint32_t made;  // choices on the way to it
  uint32_t most;  // CHOICE_TABLE: Counted.most outside of the table
  bool several;   // taking one of them is a choice
  Frame *up;
  Value call;  // CHOICE_STEP: the call; CHOICE_FUNCTION: the expression
  union {
    const Item *next;      // ITEMS, STEP
    Collector *collector;  // COLLECT
  };
} Choice;

// What to do next, and with which registers.
enum Todo {
  DO_RETURN,  // atom is the value of `up`
  DO_INSTR,   // run atom as an instruction
  DO_METTA,   // (metta atom type space), gathering its results
  DO_TAIL,    // the same in tail position: results join this agenda
  DO_CALL,    // metta_call(atom, type, space)
  DO_STEP,    // one step of atom in space
  DO_FAIL,    // take the next alternative
  DO_END
};

// Marks of tier 0: what evaluation gave has the evaluated mark (7.8); an Error that a part
// of it became since is rigid. What a variable is replaced by as a whole has neither.
static inline Value ambi_eval0_whole(Value v) {
  return ambi_is_expr(v) ? AMB_V(v.w & ~(AMB_EXPR_EVAL | AMB_EXPR_RIGID)) : v;
}

// Known outcomes of comparing expressions, direct mapped: without them marking
// the nodes of a list would walk the whole rest of it for each.
enum { KNOWN_PAIRS = 1024 };
typedef struct Known {
  const Word *a, *b;
  uint64_t epoch;  // addresses mean something else in another epoch
  uint64_t state;  // bindings under which it is so; 0: both are ground
  bool equal;
} Known;

typedef struct Traces Traces;
typedef struct Machine {
  Context *cx;
  struct Machine *outer;  // that waits for this one, or NULL
  Range stack;
  char *top;  // of the stack
  Choice *choices;
  size_t nchoices, choices_cap;
  enum Todo todo;
  Value atom, type;
  Space *space;
  Frame *up;
  uint32_t depth;  // DO_METTA, DO_TAIL, DO_CALL: depth of the metta instruction
  Counted count;
  uint64_t cuts;      // alternatives that were behind too many choices
  struct Band *band;  // of the innermost search that counts, or NULL
  bool inside;        // tier 1 waits for it
  Traces *traces;     // who follows calls, or NULL
  const void *way;    // what that is told of
  bool resolved;  // atom is known to be resolved; seen by the next step only
  ValueVec *out;
  uint32_t stamps;  // given to variables of results
  Known known[KNOWN_PAIRS];
  uint64_t epoch;      // heap was given back so often
  uint64_t state;      // changes with the bindings; see ambi_eval0_state
  const Word *kept;    // results of open collectors refer to cells below
  size_t state_trail;  // length of the trail when state was last looked at
  TypeVec types;       // scratch
  ValueVec scratch;    // scratch
  ValueVec vars;       // scratch
  RecordVec records;   // scratch
  Pace walked;
} Machine;

// ---- eval0.c: frames, agenda, alternatives ---------------------------------
void *ambi_eval0_alloc(Machine *m, size_t size);  // NULL: cx->stop is set
Frame *ambi_eval0_frame(Machine *m, enum FrameKind kind, Frame *up,
                        uint32_t depth);
Mark ambi_eval0_mark(const Machine *m);
// Are all children ground, marked, or no expressions and dereferenced? Marked
// ones were resolved when they got their marks.
bool ambi_eval0_has_resolved_children(Value e);
// Keeps value and bindings made since the mark; false: cx->stop is set.
bool ambi_eval0_keep(Machine *m, ItemList *list, Value value, Mark mark);
// A number that stays as long as no variable is bound or unbound.
uint64_t ambi_eval0_state(Machine *m);
// A choice that undoes to the present state; NULL: cx->stop is set.
Choice *ambi_eval0_choose(Machine *m, enum ChoiceKind kind, Frame *up);
// The items become alternatives of `up` (CHOICE_ITEMS or CHOICE_STEP).
void ambi_eval0_offer(Machine *m, enum ChoiceKind kind, const ItemList *items,
                      Frame *up, Value call);
// Opens a collector; its frame is the continuation of what it collects.
Frame *ambi_eval0_collect(Machine *m, enum CollectorKind kind, Frame *up,
                          uint32_t depth);
// The rest of the work goes on with atom as the value of `up`.
void ambi_eval0_return(Machine *m, Value atom, Frame *up);
void ambi_eval0_stop(Machine *m, enum AmbStop stop);
// True if v is there; otherwise memory is out and cx->stop is set.
bool ambi_eval0_ok(Machine *m, Value v);
// Is all well, between two steps?
bool ambi_eval0_is_valid(const Machine *m, const char **why);

// ---- eval0_metta.c: semantics 7.2 to 7.6, metta_call -----------------------
void ambi_eval0_metta(Machine *m);  // DO_METTA, DO_TAIL
void ambi_eval0_call(Machine *m);   // DO_CALL
// The same with the rules as they stand, whatever is tabled.
void ambi_eval0_call_rules(Machine *m);
// A value for a FRAME_ARGS, FRAME_CAST, FRAME_CALL frame.
void ambi_eval0_argument(Machine *m, Value value, Frame *f);
void ambi_eval0_cast(Machine *m, Value value, Frame *f);
void ambi_eval0_called(Machine *m, Value result, Frame *f);

// ---- eval0_table.c: tabled functions ----------------------------------------
// DO_CALL of this call goes on with its table; false: it has none.
bool ambi_eval0_tabled(Machine *m, Value call);
void ambi_eval0_table_result(Machine *m, Value value, const Frame *f);
void ambi_eval0_table_end(Machine *m, Frame *f);

// ---- eval0_deepen.c: breadth-first, iterative-deepening ----------------------
// One round of a search.
typedef struct Band {
  struct Band *outer;
  Value atom;  // what is searched
  Space *space;
  uint32_t depth;
  Rounds rounds;
  uint64_t taken;  // alternatives, in this round
  size_t choice;   // as in its Collector
  bool given_up;   // too much for so large a step
} Band;
// The operation _deepen.
void ambi_eval0_deepen(Machine *m, Value call);
// An alternative is about to be taken. False: it is not to be.
bool ambi_eval0_count(Machine *m, const Choice *c, const Item *item);
// A value for a band: is it to be kept?
static inline bool ambi_eval0_in_band(const Machine *m) {
  return m->count.made >= m->band->rounds.from;
}
void ambi_eval0_band_end(Machine *m, Collector *c);

// ---- eval0_trace.c: for who follows the calls; only if m->traces is there ---
bool ambi_eval0_trace_open(Machine *m, Value form);  // false: cx->stop is set
void ambi_eval0_trace_close(Machine *m);
void ambi_eval0_trace_call(Machine *m);                     // DO_CALL
void ambi_eval0_traced(Machine *m, Value value, Frame *f);  // FRAME_TRACE
// The choice at that height is about to be taken.
void ambi_eval0_trace_resume(Machine *m, size_t height);
void ambi_eval0_trace_alternative(Machine *m, const Choice *c);  // one of it
void ambi_eval0_trace_answer(Machine *m, Value value);
// The way when that is used.
struct TraceUse;
const void *ambi_eval0_trace_use(Machine *m, const struct TraceUse *use);
void ambi_eval0_trace_miss(Machine *m, Value a, Value b);

// ---- eval0_instr.c: semantics 10, one step (7.7, 7.9) ----------------------
void ambi_eval0_instruction(Machine *m);  // DO_INSTR
void ambi_eval0_step(Machine *m);         // DO_STEP
// One result of a step of `call`: `function` is run, all else is a value.
void ambi_eval0_step_result(Machine *m, Value result, Value call, Frame *up);
// A value for a FRAME_CHAIN, FRAME_FUNCTION frame.
void ambi_eval0_chained(Machine *m, Value value, Frame *f);
void ambi_eval0_function_ret(Machine *m, Value value, Frame *f);
// The results of collapse-bind as an expression of (atom bindings) pairs.
Value ambi_eval0_collapsed(Machine *m, const ItemList *items);

#endif
