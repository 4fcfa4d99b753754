// Level 2: a hot unit rewritten, bytecode to bytecode, with bodies of what it calls.
//
// Two halves. The evaluator makes a Plan when it sends a unit off: which unit each
// variant runs that the unit calls, or that those call. The compiler rewrites from
// that and looks at nothing else of the evaluator's.
//
// PROTOCOL unit-hold
//   what      Unit.x_held: how many Plans name the unit; it is not freed meanwhile
//   writer    the evaluator adds, when it makes a plan; whoever has the plan takes
//             away, when it drops it: the compiler, or the evaluator if the queue was
//             full
//   readers   the evaluator, in is_idle (runtime/bytecode/code.c)
//   publish   release decrement: the last access to the unit
//   observe   acquire load; only the evaluator adds, so 0 stays 0 while it frees
//   why safe  a unit that is ready does not change, but for fields that are atomic
//   test      tests/unit/jit/compiler_test.c; compiler_torture_test.c under tsan
//
// The new unit has a frame of its own: the slots of the unit, and behind them those of
// each body. It keeps what was true of the unit: whatever it does not do in line goes
// on in frames of the units that were there before (SPLIT), so a rare case costs a
// frame and changes nothing. Before each body a guard (INLINED) asks whether the
// variant still runs that unit; if not, there is a call.
#ifndef AMBIT_COMPILER_THREAD_INLINE_H
#define AMBIT_COMPILER_THREAD_INLINE_H

#include "compiler_thread/emit.h"

typedef struct Plan Plan;

// What `u` and those it calls call now, held; NULL: nothing, or memory is out.
Plan *ambi_plan_make(const CodeState *cs, Unit *u);
void ambi_plan_drop(Plan *p);  // NULL is none
// The unit that the variant ran then, NULL: not known.
const Unit *ambi_plan_unit(const Plan *p, const Variant *v);

// Why a call stays a call. Rows: constant, text.
#define INLINE_RESULTS(X)                            \
  X(INLINE_OK, "inlined")                            \
  X(INLINE_UNKNOWN, "nothing to inline yet")         \
  X(INLINE_LOOP, "a loop")                           \
  X(INLINE_RECURSION, "recursive")                   \
  X(INLINE_LARGE, "too large")                       \
  X(INLINE_ROOM, "no room for more")                 \
  X(INLINE_POSITION, "it would leave in its middle") \
  X(INLINE_LATE, "it makes variables late")          \
  X(INLINE_USELESS, "a frame is replaced in it")
typedef enum InlineResult {
#define X(name, text) name,
  INLINE_RESULTS(X)
#undef X
      INLINE_RESULT_COUNT
} InlineResult;

typedef struct InlineNote {
  uint32_t calls[INLINE_RESULT_COUNT];  // of the unit and its bodies
} InlineNote;

// The unit of level 2, which belongs to the caller, with what level 1 has noted of
// each word in *seen (as many bytes as it has words); NULL: nothing was inlined, or
// memory is out.
Unit *ambi_inline(const Unit *u, const Plan *p, SeenByte **seen,
                  InlineNote *note);

// ---- inline_body.c: what of a unit is copied ------------------------------------------

typedef struct Body {
  const Unit *u;
  bool tail;  // it is copied to where it returns for the whole frame
  bool
      rare;  // asked for: error edges that level 1 has taken, too. Told: there are any
  bool leaf;  // it ends with the newest choice record it began with, and
              // nothing comes back to it
  const SeenByte *seen;  // or NULL
  uint8_t *take;         // per word: the instruction there is copied
  uint8_t *open;         // per word: a position has begun and not ended
  uint8_t *own;          // per word: what comes moves or drops a choice record
                         // that is there already
  uint8_t *clean;  // per word: nothing has branched out on any way to here
  bool late;       // wherever that changes, an instruction branches out
  uint32_t words;  // that are copied
} Body;

// INLINE_OK: body->take says what is copied.
InlineResult ambi_body_look(Body *b);
void ambi_body_drop(Body *b);
// How an instruction is copied to where its frame is not the whole frame.
enum Move {
  MOVE_PLAIN,
  MOVE_SPLIT,  // it needs a frame of its own
  MOVE_TAKE,   // EVALV, EVALT: a value is taken, else it needs one
  MOVE_GIVE    // it returns
};
enum Move ambi_body_move(const Body *b, uint32_t at);
// May the newest choice record be another one behind the instruction, or may something
// come back to it?
bool ambi_body_branches_out(const Body *b, uint32_t at);

#endif
