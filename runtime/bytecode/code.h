// Units of bytecode, definitions, and how calls find them.
//
// A Definition is everything a call of (context space, head, arity) can reach.
// It has one Variant for each expected type it was called with: the body of a
// rule is evaluated against that type, so what has to be checked is decided at
// lowering. A call instruction names a Variant; the Variant names the Unit in
// force, or the unit that lowers it. When a rule or type that lowered code
// relied on changes, every variant goes back to the lowering unit; frames that
// run old units go on in them (units are freed between forms).
//
// PROTOCOL code-state
//   what      what several evaluators of one Runtime share of CodeState: definitions,
//             what is known of them, variants, the unit of each, the epoch
//   writer    who has the guard (runtime/guard.h): it makes what was missed, once for
//             all, and who changes rules, types or imports has it from before the code is
//             thrown away until the change can be seen
//   readers   everybody, also outside of any epoch
//   publish   release stores of links and pointers to what is complete; what is known
//             of a definition is one word. x_epoch behind all that throwing away does
//   observe   acquire loads, machine code (x86-64) plain ones. Who finds nothing looks
//             again under the guard
//   why safe  definitions and variants stay as long as the Runtime, those of spaces that
//             are no modules until one evaluator is left (leave.c). A call that finds
//             the unit of before a change is one that was made before. What is known in
//             an epoch was found out under the guard, so no change came in between
//   waits     a reader for nobody
//   lifetime  units, their constants and Targets that are in force no more are freed
//             between forms, those of spaces that code leaves sooner (leave.c), when one evaluator is left, because frames and records of
//             others, resting ones too, may lead there; a table of definitions that was
//             outgrown is retired (memory/epoch.h)
//   weaker?   a relaxed Variant.x_unit is rejected: the unit could be seen unwritten
//   test      tests/unit/jit/evaluators_test.c, also under tsan
#ifndef AMBIT_RUNTIME_CODE_H
#define AMBIT_RUNTIME_CODE_H

#include "memory/stress.h"
#include "runtime/bytecode/native.h"
#include "runtime/bytecode/sole_type.h"
#include "runtime/runtime.h"

union Code {
  struct {
    uint16_t op, a, b, c;
  };
  uint16_t half[4];
  uint64_t w;
};

enum Opcode {
#define OP(name, operands, flags, text) OP_I_##name,
#include "runtime/bytecode/opcodes.def"
  OP_I_COUNT
};

enum OpFlag {
  X_LIST = 1,
  X_CALL = 2,
  X_PUSH = 4,
  X_ENV = 8,
  X_VARL = 16,  // a second label stands in the next word (b-half of it)
  X_ELSE = 32,  // after the slots of X_ENV: one word with a label
  F_END = 64,
  F_ALT = 128,
  F_RET = 256
};
typedef struct OpInfo {
  const char *name;
  const char *operands;
  uint16_t flags;
  const char *text;
} OpInfo;
extern const OpInfo ambi_ops[OP_I_COUNT];

// Sources: slot, slot to be checked (a value that must be its own), constant.
#define SRC_CHECK 0x4000u
#define SRC_CONST 0xC000u
#define ENV_NEW   0x8000u  // X_ENV slot: the variable is first seen here
#define ENV_LATE  0x4000u  // and if it is made, it is made late: see Unit.stamp
#define ENV_SLOT  0x3FFFu
#define NO_SLOT   0x3FFFu
#define MAX_SLOTS 0x3FF0u

// Words an instruction takes.
static inline unsigned ambi_op_words(const Code *pc) {
  unsigned f = ambi_ops[pc->op].flags, n = 1;
  if (f & X_CALL)
    n += (pc->b + 4u) / 4;
  else if (f & (X_LIST | X_ENV))
    n += (pc->b + 3u) / 4;
  return n + ((f & (X_VARL | X_ELSE)) != 0);
}
// Does it go on behind the next instruction, which takes what comes later?
static inline bool ambi_op_skips(const Code *pc) {
  const OpInfo *op = &ambi_ops[pc->op];
  return pc->op == OP_I_BUILTIN ||
         ((op->flags & X_PUSH) && op->operands[0] == 'W');
}
// The sources or slots behind an instruction, four to a word.
static inline const uint16_t *ambi_op_list(const Code *pc) {
  return (const uint16_t *)(pc + 1);
}

// Frame header, below slot 0.
enum {
  FRAME_UNIT = -1,
  FRAME_PREV = -2,  // previous E
  FRAME_RET = -3,   // where the caller goes on
  FRAME_MARK = -4,  // collection that scanned this frame last
  FRAME_HEADER = 4
};

typedef struct ErrorEdge {  // where an instruction goes when it has an Error or
  uint32_t at;              // cannot do its fast case
  uint32_t to;
} ErrorEdge;

typedef struct SwitchCase {
  Word key;  // see ambi_switch_key
  uint32_t to;
} SwitchCase;
typedef struct Switch {
  SwitchCase *cases;
  uint32_t n;
  uint32_t other;  // no case
  uint32_t open;   // an unbound variable
} Switch;

typedef struct Variant Variant;
typedef struct Definition Definition;
typedef AMB_ATOMIC(Unit *) SharedUnit;              // [lock>all]
typedef AMB_ATOMIC(Definition *) SharedDefinition;  // [lock>all]
typedef AMB_ATOMIC(uint32_t) SharedEffects;         // [lock>all]
typedef struct Target Target;                       // see site.h
typedef struct Targets Targets;                     // likewise

// What a unit was made of that has bodies of others inlined (INLINED), and where such
// a body goes on as the unit it was taken from (SPLIT).
typedef struct InlinedBody {
  const Variant *variant;
  const Unit *unit;
} InlinedBody;
typedef struct Outlet {
  const Unit *unit;
  uint32_t at;
  const uint64_t *live;  // the unit's row for it
} Outlet;

struct Unit {
  // Where calls go, from the loop and from machine code: see native.h.
  AMB_ATOMIC(const Code *) entry;  // [compiler] code, a counter, or a landing
  AMB_ATOMIC(const void *) enter;  // [compiler] machine address
  AMB_ATOMIC(Native *) native;     // [compiler] NULL: none
  AMB_ATOMIC(uint32_t) x_state;    // [all] enum NativeState
  // Who counts beside others may lose some.
  AMB_ATOMIC(uint32_t) heat;      // [all~] calls and turns until it is hot ...
  AMB_ATOMIC(uint32_t) aim;       // [all~] ... of so many
  AMB_ATOMIC(uint32_t) looks;     // [all~] ... until it is hot for level 2
  AMB_ATOMIC(double) warm_since;  // [all~] when that count began
  Code *code;                     // ncode words
  uint32_t ncode;
  uint32_t nslots;
  uint32_t nargs;
  Word *k;  // constants: Values in the store, Templates, Variants
  uint32_t nk;
  ErrorEdge *edges;  // ascending by `at`
  uint32_t nedges;
  Switch *switches;
  uint32_t nswitches;
  uint64_t *live;     // a row of nlive words for each return point or resume
  uint32_t *live_at;  // ascending code offsets
  uint32_t nlive, nrows;
  uint32_t routine;  // frame of a whole-atom routine: all slots are live
  Variant *variant;  // whose code this is, or NULL
  Space *space;  // [init] in which it was lowered, or NULL: a module's, or any
  struct FunctionCounts *counts;  // [init] of its function (sampler.h), or NULL
  struct UnitCover *cover;  // [init] of its instructions (coverage.h), or NULL
  Template **templates;     // owned, referred to from k
  Store *store;             // theirs
  uint32_t ntemplates;
  struct Unit *next;  // all units, for freeing
  bool form;          // a top-level form: new variables are as written
  // Variables of a rule that are made where choices may have been left are one
  // variable in all alternatives. What tells so is a stamp; this slot keeps it,
  // whatever is backtracked over, from the first of them on (0 before). Slot + 1;
  // 0: there are none.
  uint32_t stamp;
  uint64_t epoch;  // of the code when it was lowered
  uint32_t nhost;  // operations of the embedding program there were then
  Variant *local;  // a loop's unit: the variant that calls it, owned
  // Made of another unit, by inlining: what calls of that one run at level 2.
  const Unit *of;   // NULL: lowered
  uint64_t number;  // [init] no other unit has or will have it; 0: not in force
  AMB_ATOMIC(Unit *) better;  // [compiler] owned; `of` this one
  // Attempts to hand over a region of it until the next that is one: regions of it had to
  // begin again (handover.h).
  AMB_ATOMIC(uint32_t) x_discouraged;  // [all~]
  AMB_ATOMIC(uint32_t) x_held;  // [all] by how many compilations (compiler.h)
  InlinedBody *bodies;
  Outlet *outlets;
  uint32_t nbodies, noutlets;
  size_t block;  // not 0: all of it is one block of so many bytes, and its
                 // code and tables lie in the boot image (boot_code.c)
};

struct Variant {
  SharedUnit x_unit;  // [lock>all] what calls run now
  Definition *def;
  Value
      type;  // expected type: a ground type; AMB_SYM(UNDEFINED), AMB_SYM(T_ATOM)
  bool
      same;  // evaluating the arguments of such calls has changed none: one that
             // is its own value stays so
  bool
      made;  // the head of such calls was something else before it was evaluated: one
             // that is its own value may have others when it is evaluated again
  // Calls that ask a table first: how, and the variant that they call without one.
  // Of a function that is not tabled: TABLE_NONE and NULL.
  uint8_t table;  // enum TableKind
  bool only_new;  // such a call wants no more than the last round has brought
  bool counted;   // choices are counted in its code (machine/deepen.h)
  Variant *plain;
  uint64_t number;  // [init] no other variant has or will have it
  Variant *next;
  AMB_ATOMIC(Targets *) targets;  // [lock>all] of a shape, see site.h
};
static inline Unit *ambi_unit_of(const Variant *v) {
  return ambi_load_acquire(&v->x_unit);
}

enum OwnValue {
  OWN_UNKNOWN,  // not looked at
  OWN_NEVER,
  OWN_AT_TIMES,  // no rule is for it, or one sends back to it
  OWN_BUILT      // or one puts it together
};

// What rules and types say of a definition: one word, so nobody sees half of it.
typedef struct DefinitionInfo {
  bool known;        // in this epoch; else the rest is what was known last
  bool untyped;      // the head has no type in the space
  bool has_rules;    // some rule could match
  bool dynamic;      // changes too often: rules are matched as they stand
  bool tabled;       // declared so
  uint8_t stays;     // may a call be its own value? enum OwnValue
  bool takes_atoms;  // its only type is (-> Atom .. %Undefined%)
  bool lambda;       // calls of (|-> ..), which are as the library says
} DefinitionInfo;
_Static_assert(sizeof(DefinitionInfo) == 8, "a word");

struct Definition {
  Space *space;
  // A symbol; or of calls whose head is an expression, as ((comp $f $g) $x), the key of such
  // heads (ambi_term_key): the head is the first argument then. (): of a shape, see site.h.
  // A number: of a function without a name, see lambda.h.
  Value head;
  uint32_t nargs;
  AMB_ATOMIC(Variant *) x_variants;   // [lock>all]
  AMB_ATOMIC(DefinitionInfo) x_info;  // [lock>all]
  SoleTypes types;                    // valid when it is known
  SharedDefinition x_chain;           // [lock>all] hash chain
  uint32_t effects;    // [lock:guard] enum Effect, valid when effects_known
  bool effects_known;  // [lock:guard]
  uint32_t
      node;  // [lock:guard] while effects are looked for, see effects.c; else 0
  uint8_t
      form;  // [lock:guard] a special form: 0 not looked at, 1 as the library has
             // it, 2 not
};
static inline DefinitionInfo ambi_info_of(const Definition *d) {
  return ambi_load_acquire(&d->x_info);
}

typedef struct Definitions {  // by hash
  size_t size;                // [init] a power of two
  SharedDefinition x_at[];    // [lock>all]
} Definitions;

struct CodeState {
  Runtime *rt;
  struct Sampler *sampler;    // [init] NULL: nobody profiles
  struct Coverage *coverage;  // [init] NULL: nobody asks which rules are taken
  AMB_ATOMIC(Definitions *) x_table;  // [lock>all]
  size_t count;                       // [lock:guard] of definitions
  AMB_ATOMIC(uint64_t) x_numbered;    // [all] units that got a number
  SharedDefinition x_met[256];  // [all~] the definition met last for a key
  Unit *units;                  // [lock:guard] in force
  Unit *retired;                // [lock:guard] freed between forms
  AMB_ATOMIC(uint64_t)
  x_epoch;  // [lock>all] grows when lowered code was thrown away
  AMB_ATOMIC(bool)
  x_relied;  // [lock>all] some lowered code relies on rules or types
  AMB_ATOMIC(bool)
  x_odd_rules;  // [lock>all] some rule is for heads that are neither
                // symbol nor operation
  AMB_ATOMIC(bool)
  x_broad_rules;  // [lock>all] some rule or type of others than the
                  // core library is about no symbol in particular
  AMB_ATOMIC(bool)
  x_rule_for_all;  // [lock>all] a rule came because of which all forms are literal
  AMB_ATOMIC(bool)
  x_metatypes;  // [lock>all] some atom was said to have a metatype: Expression and so on
  AMB_ATOMIC(bool)
  x_typed_calls;  // [lock>all] some expression was given a type as a whole
  struct Receives *receives;               // [lock:guard] of lower_receive.c
  AMB_ATOMIC(struct Lambdas *) x_lambdas;  // [lock>all] see lambda.h, or NULL
  Unit *lower_unit;                        // [init] stub: OP_I_LOWER
  // Units of frames that no rule was lowered to, once they are needed.
  AMB_ATOMIC(Unit *)
  x_eval_units[32];           // [lock>all] EVAL, for up to 2^i children
  SharedUnit x_routine_unit;  // [lock>all] chain, function, metta ...
  SharedUnit x_chain_unit;    // [lock>all] of chains (chain.h)
  SharedUnit x_data_unit;     // [lock>all] of forms that are not lowered
  Target *targets;  // [lock:guard] of calls through variables (site.h), and ...
  Targets *target_tables;  // [lock:guard] ... where they are looked up
  bool
      starved;  // [lock:guard] what lowering asked for was not told: memory is out
  // Effects, and EFFECTS_KNOWN if somebody has asked: of a call through an unknown head,
  // and of code that was fetched as data.
  SharedEffects x_unknown;  // [lock>all]
  SharedEffects x_fetched;  // [lock>all]
  NativeHost native;        // [init]
#ifdef AMB_DEBUG
  AMB_ATOMIC(uint16_t) op_before;            // [all~] of some evaluator
  OpCount op_pairs[OP_I_COUNT][OP_I_COUNT];  // [a][b]: b came right after a
#endif
};

static inline uint64_t ambi_code_epoch(const CodeState *cs) {
  return ambi_load_acquire(&cs->x_epoch);
}
// Of calls of a definition: they are lowered first.
static inline bool ambi_is_lowered(const CodeState *cs, const Variant *v) {
  return ambi_unit_of(v) != cs->lower_unit;
}

bool ambi_code_open(Runtime *rt);
void ambi_code_close(Runtime *rt);
void ambi_receives_close(CodeState *cs);
// The clauses from which the function of this call was made (lower_receive.c), with its
// values; () if it was not. AMB_NONE: memory is out.
Value ambi_receive_clauses(Context *cx, Value call);
// Symbols whose rules or types changed this often after code relied on them are
// no longer relied on: their calls are matched as the rules stand.
enum { MAX_CHANGES = 8 };
static inline bool ambi_symbol_is_dynamic(const Symbol *s) {
  return s->changes > MAX_CHANGES;
}
// For opening and closing.
bool ambi_definitions_open(CodeState *cs);
void ambi_definition_free(Definition *d);
void ambi_definitions_close(CodeState *cs);
// What Runtime.rules_changed, calls_changed and is_data_head do in tier 1.
void ambi_code_rules_changed(Runtime *rt, Space *s, Value atom);
bool ambi_code_keeps_rules(Context *cx, Value atom);
void ambi_code_calls_changed(Runtime *rt);
bool ambi_code_is_data_head(Context *cx, Value head);
// Where the definition met last for a key is remembered.
static inline size_t ambi_definition_place(Value head, uint32_t nargs) {
  return (head.w * 31 + nargs) & 255;
}
// NULL: memory is out.
Definition *ambi_definition(CodeState *cs, Space *s, Value head,
                            uint32_t nargs);
// What is known is found out, if it is not. False: cx->stop.
bool ambi_definition_find_out(Context *cx, Definition *d);
static inline bool ambi_definition_ask(Context *cx, Definition *d) {
  return ambi_info_of(d).known || ambi_definition_find_out(cx, d);
}
Variant *ambi_variant_of(CodeState *cs, Definition *d, Value type, bool same);
// What calls of a definition go to; if that is declared to be tabled, to the table.
Variant *ambi_variant(CodeState *cs, Definition *d, Value type);
// The one for calls of which evaluating the arguments has changed none. It is
// another only where that can be seen.
Variant *ambi_variant_same(CodeState *cs, Definition *d, Value type);
// The one for calls with a head that was something else before it was evaluated. It is
// another only where that can be seen.
Variant *ambi_variant_made(CodeState *cs, Definition *d, Value type);
// May a call of d be its own value, as far as its rules tell?
bool ambi_may_stay(CodeState *cs, Definition *d);
// ... since one of its rules puts it together? False also if memory is out.
bool ambi_may_build(CodeState *cs, Definition *d);
// The one that asks a table of this kind before it calls v. NULL: memory is out.
Variant *ambi_variant_tabled(CodeState *cs, Variant *v, unsigned kind,
                             bool only_new);
// The same as v in code that counts choices. NULL: memory is out.
Variant *ambi_variant_counted(CodeState *cs, Variant *v);
// What calls of an unknown head with so many arguments have in common, for one
// expected type. NULL: memory is out.
Variant *ambi_shape(CodeState *cs, Space *s, uint32_t nargs, Value type,
                    bool same);
// Throws away all lowered code; running frames keep theirs. Under the guard, before
// what it relied on changes.
void ambi_code_invalidate(CodeState *cs);
void ambi_code_quiesce(
    CodeState *cs);  // between forms, of a Runtime that is alone
// Then, too: throws away all code, and the definitions of spaces that are no modules, so
// that nothing refers to these; but for those of which the compiler still has a unit.
// False: not now. (leave.c)
bool ambi_code_leave_spaces(CodeState *cs);
// In a major collection that has met what is evaluated in: the code of other spaces that
// are no modules, and that no heap, table or, but for circles, term refers to. Its units
// are to be dropped once the store may be given their terms back.
Unit *ambi_code_leave_unused(Engine *g, bool circles);
static inline bool ambi_code_has_left(const Space *s) {
  return !s->is_module && !ambi_space_has_code(s);
}
void ambi_code_drop_left(CodeState *cs, Unit *left);
#ifdef AMB_DEBUG
static inline uint16_t ambi_code_count_op(CodeState *cs, uint16_t op) {
  ambi_count(&cs->op_pairs[ambi_load_relaxed(&cs->op_before)][op]);
  ambi_store_release(&cs->op_before, op);
  return op;
}
#endif
void ambi_unit_free(Unit *u);  // one without machine code
// May the unit be freed? If not, the compiler has it; it will let go of it.
bool ambi_unit_is_idle(Unit *u);
// Frees one that nothing runs; later, if the compiler has it.
void ambi_unit_drop(CodeState *cs, Unit *u);
// Makes a finished unit callable.
void ambi_unit_ready(CodeState *cs, Unit *u);
static inline void ambi_unit_number(CodeState *cs, Unit *u) {
  u->number = ambi_add_relaxed(&cs->x_numbered, 1) + 1;
}
// One event less in *count. True: that was the last one. 0 does not count.
static inline bool ambi_unit_counted(AMB_ATOMIC(uint32_t) * count) {
  uint32_t left = ambi_load_relaxed(count);
  if (left) ambi_store_release(count, left - 1);
  return left == 1;
}
// A call or a turn counted `heat` down to zero. Returns where a call goes now.
const Code *ambi_unit_hot(CodeState *cs, Unit *u);
// `was`, COLD or READY, -> QUEUED; calls are not counted any more. False: another
// evaluator was first.
bool ambi_unit_claim(Unit *u, uint32_t was);
// The unit is being called while the evaluator looks at limits.
void ambi_unit_look(CodeState *cs, Unit *u);
// By who claimed it: the unit found no room on its way to the compiler. It is as it was
// before (COLD, or READY for level 2), with half of its count.
void ambi_unit_cool(CodeState *cs, Unit *u, unsigned level);
// ... a unit that was COLD is that again, and goes on counting, to `aim` in all.
void ambi_unit_count_on(Unit *u, uint32_t aim);
// The position that a return or resume address stands for.
static inline const Code *ambi_code_origin(const Code *pc) {
  return pc->op == OP_I_NATIVE || pc->op == OP_I_SEEN
             ? ((const Landing *)(const void *)pc)->origin
             : pc;
}
static inline const Code *ambi_frame_returns(const Word *e) {
  return ambi_code_origin((const Code *)(uintptr_t)e[FRAME_RET]);
}
// The machine code for a position of the unit, NULL: there is none.
const void *ambi_unit_machine(const Unit *u, const Code *pc);
bool ambi_code_is_valid(const CodeState *cs, const char **why);
// The verifier accepts every unit there is.
bool ambi_code_verifies(const CodeState *cs, const char **why);
// Notes, under the guard, that code relies on rules and types of this symbol.
static inline void ambi_code_rely(CodeState *cs, Value sym) {
  if (ambi_is_sym(sym))
    ambi_symbol(cs->rt->symbols, ambi_sym_of(sym))->analysed = 1;
  ambi_store_release(&cs->x_relied, true);
}
// The edge of the instruction at offset `at`, or UINT32_MAX.
uint32_t ambi_unit_edge(const Unit *u, uint32_t at);
// SEEN_RARE for level 2, where level 1 has no machine code.
void ambi_unit_note_rare(const Unit *u, uint32_t at);
// `f/2`, `(comp _ _)/1`; `_/1` of a shape (disasm.c).
void ambi_definition_name(Runtime *rt, struct Buffer *b, const Definition *d);
// Of calls whose head is an expression?
static inline bool ambi_is_applied(const Definition *d) {
  return ambi_is_term_key(d->head);
}
// The symbol that the rules of a definition are about; AMB_NONE: of a shape.
static inline Value ambi_definition_symbol(const Definition *d) {
  if (ambi_is_applied(d)) return AMB_SYM_ID((uint32_t)d->head.w & 0xFFFFFFF);
  return ambi_is_sym(d->head) ? d->head : AMB_NONE;
}
// Key under which a value is looked up in a switch: 0 = none of the cases can
// hold it (strings, fractions ...), a variable must be told apart before.
Word ambi_switch_key_slow(Value v);
static inline Word ambi_switch_key(Value v) {
  uint32_t t = ambi_tag(v);
  if (t == TAG_EXPR) {
    Value head = ambi_expr_items(v)[0];
    if (ambi_is_sym(head))
      return ambi_term_key(ambi_hdr_size(*ambi_ptr(v)), ambi_sym_of(head));
  }
  return t == TAG_SYM || t == TAG_INT ? v.w : ambi_switch_key_slow(v);
}
// An expression whose head may yet become that of a pattern.
static inline bool ambi_head_unbound(Value v) {
  return ambi_is_expr(v) && !ambi_is_ground_expr(v) &&
         ambi_is_var(ambi_deref(ambi_expr_items(v)[0]));
}

// What makes units, or tells effects, is called under the guard.

// The variant's unit from the boot image, else lowered. NULL: memory is out
// (cx->stop).
Unit *ambi_variant_unit(Context *cx, Variant *v);
// Has the head one type, that of a function of so many arguments whose places are
// not linked? *ftype: a heap atom. May set cx->stop.
bool ambi_simple_function(Context *cx, Space *s, Value head, uint32_t nargs,
                          Value *ftype);
// The unit of a variant that asks a table first. NULL: memory is out (cx->stop).
Unit *ambi_lower_tabled(Context *cx, Variant *v);
// Lowering. NULL: memory is out (cx->stop).
Unit *ambi_lower_variant(Context *cx, Variant *v);
// A top-level form: a heap atom; its variables are those of the atom.
Unit *ambi_lower_form(Context *cx, Value form);
// Is it evaluated by the rules as they stand instead (literal.c)? May set cx->stop.
bool ambi_form_is_literal(Context *cx, Value form);
// Is every form?
bool ambi_all_is_literal(const Runtime *rt);
// Is it a rule of a call without arguments, (f), whose body has `f` as data?
bool ambi_names_itself(Value atom);
// Liveness rows for return points; false: memory is out.
bool ambi_unit_liveness(Unit *u);
// The CASE that goes to this CASE_NONE; or NULL.
const Code *ambi_unit_case(const Unit *u, const Code *none);
// The slots, a bit each, that are live at the instruction; NULL: not known.
const uint64_t *ambi_unit_live_row(const Unit *u, uint32_t at);
// Is it a slot in which a position notes the newest record?
bool ambi_unit_notes_position(const Unit *u, uint32_t slot);
// Beside enum Effect: calls a definition, so reads rules and types.
#define E_CALLS 64u
// Beside it, too: may call a function that is declared to be tabled.
#define E_TABLED      128u
#define E_EVERYTHING  (E_CALLS | E_TABLED | (unsigned)E_ALL)
#define EFFECTS_KNOWN 0x80000000u  // beside them, in what is remembered
// Is this a special form of lowering with the meaning the library gives it?
bool ambi_form_untouched(CodeState *cs, Space *s, Value head, uint32_t nargs);
// Effects of evaluating a template term in space s (enum Effect).
unsigned ambi_effects_term(CodeState *cs, Space *s, Value term);
// What calling the head of the term does; nothing if only running can tell it.
unsigned ambi_effects_head(CodeState *cs, Space *s, Value e);
unsigned ambi_effects_definition(CodeState *cs, Definition *d);
// Of a call through a head that only running can tell.
unsigned ambi_effects_unknown(CodeState *cs);
// May a form change rules or types between two steps of it, as far as has been read?
// Then it shows whether a call that is its own value is marked as evaluated: only if
// it was one before its arguments were evaluated (7.8).
static inline bool ambi_rules_may_change(CodeState *cs) {
  return (ambi_effects_unknown(cs) & E_RULES) != 0;
}
// Of evaluating what a variable holds, or what was fetched from a space.
unsigned ambi_effects_fetched(CodeState *cs);
// More text was read: what relied on an unknown head doing less is thrown away.
void ambi_effects_mentioned(CodeState *cs);

#endif
