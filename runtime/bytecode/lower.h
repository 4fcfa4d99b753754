// Inside of lowering: the unit being built, variables, labels, late code.
//
// lower_head.c decides how a definition's rules are told apart; lower_expr.c
// turns body terms into code, lower_leaf.c what they end in; lower_op.c has the
// grounded operations, lower_equal.c ==, lower_form.c the special forms,
// lower_case.c case and switch, lower_deepen.c searches that count choices, lower_own.c
// what may be its own value, lower_site.c calls through variables, lower_list.c those
// about lists, lower_pattern.c their patterns,
// lower_loop.c the loops over expressions, lower_stub.c the code behind the main line.
// lower_type.c says what types tell in advance, and lower_emit.c puts instructions,
// constants and labels together.
#ifndef AMBIT_RUNTIME_LOWER_H
#define AMBIT_RUNTIME_LOWER_H

#include "memory/arena.h"
#include "runtime/bytecode/code.h"
#include "runtime/types/types.h"

enum { STEP_INDEX = 1 };  // the slot that counts the rounds of a map
enum { MAX_VARS = 250, MAX_CALL_ARGS = 250, MAX_RULES = 2000, NO_LABEL = -1 };

// Where an Error that ends an expression goes: returned from the unit, or put
// into a slot at a label.
typedef struct ErrTo {
  bool ret;
  uint16_t slot;
  int label;
} ErrTo;

// Where a value is wanted.
typedef struct Dst {
  bool tail;  // returned from the unit
  uint16_t slot;
} Dst;

typedef struct Var {
  uint16_t slot;  // NO_SLOT: not yet made
  uint16_t pre;   // the slot it is going to have, or NO_SLOT
  // NO_SLOT, or where the form has made it when it began; in a step of a map its number
  // among those that were made for the step.
  uint16_t made;
} Var;

typedef struct Fixup {
  uint32_t at;    // code word of the instruction
  uint32_t word;  // word that holds the field
  uint8_t half;   // its field
  int label;
} Fixup;

typedef struct Slots {
  uint32_t next;     // the next free one
  uint16_t scratch;  // for terms that leave at once, or NO_SLOT
} Slots;

// Code that is rarely run, put behind the rest of the unit.
enum StubKind {
  STUB_ERROR,
  STUB_BAIL,
  STUB_BODY,
  STUB_CLAUSE,
  STUB_STEP,
  STUB_COND,
  STUB_LIKE,
  STUB_CHECKED,
  STUB_POSITION,
  STUB_CALL,
  STUB_DATA,
  STUB_SPACE,
  STUB_APPLY,
  STUB_REBUILD,
  STUB_IF,
  STUB_CAST,
  STUB_OWN,
  STUB_OWN_CALL
};
typedef struct Stub {
  enum StubKind kind;
  int entry;   // label to bind
  int back;    // label where the main line goes on
  int no;      // COND, LIKE: where a False condition goes; REBUILD: 1 cast;
               // BAIL: where to go back to instead, or NO_LABEL
  Value term;  // BAIL: expression to evaluate; BODY: the call; IF: the whole
  Value type;
  bool argument;  // BAIL: a type check is to look at the term first
  bool body;  // BAIL: its head is a variable, and as an Error it is the value
  bool done;
  Dst dst;
  ErrTo err;
  uint16_t from;  // slot with the Error, the body, the condition or the
                  // variable whose value is the new one of a state
  int back_to;  // REBUILD: the whole again, where nothing ran; LIKE: where it can
                // run again; or NO_LABEL
  const Template *rule;  // whose term it is
  unsigned rule_number;
  bool choices, counted;
  Var *vars;     // variables as they were
  Slots *slots;  // of that rule
  Code head;     // CHECKED: the instruction
  uint16_t *list;
  unsigned nlist;
  uint16_t first, each;  // as in Lower, where it was made
  uint16_t first_value;  // CLAUSE: of the first argument, or NO_SLOT
  uint32_t index;        // STEP: of the argument that has its value
  bool own;     // BODY: the call of the sources is a value if they are;
                // LIKE: both are values of calls; OWN: it may be an Error
  bool stayed;  // BODY: the call of the sources is what was to be evaluated
  Code ret;     // CHECKED: the return point; POSITION: how it ends
} Stub;

typedef struct Lower {
  Context *cx;
  Space *space;
  CodeState *cs;
  Variant *variant;  // whose unit it will be, or NULL
  Arena arena;
  // Rules whose variables get a stamp where they are made late, and rules that
  // turned out to need one: by number, and 0 is a step of a fold. Of a form, or a step
  // of a map: variables that are made when all begins, and those to be made so.
  uint64_t stamped[MAX_RULES / 64 + 1], late[MAX_RULES / 64 + 1];
  unsigned rule_number;  // MAX_RULES: no rule
  uint32_t stamp;        // as in Unit
  bool ran;              // something may have run
  bool in_body;          // of a rule, or in a form
  bool choices;          // choices may have been left in it
  bool whole;    // the variable being lowered is all that a match hands on
  bool bound;    // ... and what it has was bound by that
  bool failed;   // memory is out
  bool refused;  // too large or too odd: matched as the rules stand
  Code *code;
  size_t ncode, code_cap;
  Word *k;
  size_t nk, k_cap;
  ErrorEdge *edges;
  size_t nedges, edges_cap;
  Switch *switches;
  size_t nswitches, switches_cap;
  Template **templates;
  size_t ntemplates, templates_cap;
  int64_t *labels;  // code offsets, or negative: not bound
  size_t nlabels, labels_cap;
  Fixup *fixups;
  size_t nfixups, fixups_cap;
  Stub *stubs;
  size_t nstubs, stubs_cap;
  Stub no_stub;  // what there is instead when memory is out
  Code no_code;
  struct {
    uint32_t at;
    int label;
  } * edge_labels;
  size_t nedge_labels, edge_labels_cap;
  struct CoverMark *marks;  // where rules begin, if somebody asks
  size_t nmarks, marks_cap;
  uint32_t frame;  // slots of the whole frame
  Slots own;       // where there are no rules
  Slots *slots;    // of the rule being lowered: rules of one definition share
                   // slots, since a later one only runs when nothing can come
                   // back to an earlier one
  const Template *rule;  // whose variables the LVARs are
  Var vars[MAX_VARS];
  bool form;                                  // a top-level form
  enum LoopKind { NO_LOOP, FOLD, MAP } loop;  // a step of what
  bool bound_since;  // the operand is a variable that may be a call by now
  bool unstable;     // rules or types may change while the unit runs
  bool tabled;       // of a function that is declared so
  bool counted;      // choices are counted (machine/deepen.h)
  bool linear;       // its rule calls tabled functions at one place only
  size_t last;       // start of the instruction emitted last
  int fail;          // label of an instruction that backtracks, or NO_LABEL
  uint16_t *uses;    // occurrences of each variable in the whole rule
  int bail;  // where the current expression goes back to, as an argument that a
             // type check has looked at, as long as nothing has run: the whole
             // is evaluated as an atom then. NO_LABEL: it is no such argument
  int arg_bail;  // the same for what is the next position
  Value body;  // takes the place of a call: an Error is its value as it stands
  Value step;  // of a map whose steps are all of an expression: the check of
               // that looks at the first one, whose STEP_INDEX is 0
  // In a step of a loop: the variable that it applies, a function that has variables of
  // its own in each step, or NO_SLOT; where those lie that a map has made for its steps.
  uint16_t applied, for_steps;
  struct Heads *built;  // whose calls its bodies may put together, or NULL
  int whole_call;       // where the next body goes when it is odd, or NO_LABEL
  uint16_t position;    // of what was lowered last as a position, or NO_SLOT
  uint16_t first;  // slot whose first value is all that is wanted, or NO_SLOT
  uint16_t
      each;  // slot of a collector that tells Errors from values itself, or NO_SLOT
} Lower;

// How the results of an evaluation get into the slot: all of them first, unless the
// first value is enough, when nothing that comes after it may run, or who takes them
// wants each.
static inline enum Opcode ambi_lower_taken_by(const Lower *l, uint16_t slot) {
  return slot == l->each    ? OP_I_R_STORE
         : slot == l->first ? OP_I_R_STREAM
                            : OP_I_R_GATHER;
}

// ---- lower_emit.c ----------------------------------------------------------------
uint16_t ambi_lower_slot(Lower *l);
// A slot read by the instruction that ends the frame, just behind the one that
// writes it; all such places share it.
uint16_t ambi_lower_scratch(Lower *l);
int ambi_lower_label(Lower *l);
void ambi_lower_bind(Lower *l, int label);
Code *ambi_lower_emit(Lower *l, enum Opcode op, unsigned a, unsigned b,
                      unsigned c);
// As emit, with field c (half 3) of the instruction to be the label.
void ambi_lower_jump(Lower *l, enum Opcode op, unsigned a, unsigned b,
                     int label);
// The word behind with a second label.
void ambi_lower_varl(Lower *l, int label);
void ambi_lower_list(Lower *l, const uint16_t *list, unsigned n);
// Code behind will go to the label.
void ambi_lower_use(Lower *l, int label);
bool ambi_lower_used(const Lower *l, int label);
// Makes the unit the owner of a template. NULL: it is released, memory is out.
Template *ambi_lower_own(Lower *l, Template *from);
// Room for n sources; NULL, and l->failed, when memory is out.
uint16_t *ambi_lower_new_list(Lower *l, uint32_t n);
void ambi_lower_edge(Lower *l, int label);  // of the instruction emitted last
void ambi_lower_edge_at(Lower *l, size_t at, int label);
// The instruction at `at`, which names no label, once more, with its error edge.
void ambi_lower_repeat(Lower *l, size_t at);
uint16_t ambi_lower_const(Lower *l, Word w);  // constant index
// The term on the heap, with new variables.
Value ambi_lower_on_heap(Lower *l, Value term);
Value ambi_lower_kept(Lower *l, Value term);  // a term made here, for the unit
uint16_t ambi_lower_k(Lower *l, Value v);     // source operand of a constant
Stub *ambi_lower_stub(Lower *l, enum StubKind kind);  // entry label made
// An edge from the last instruction: the Error in `slot` goes to err.
void ambi_lower_error_edge(Lower *l, uint16_t slot, ErrTo err);
// What comes goes into the slot, of the position noted in pos; Errors to err.
void ambi_lower_take(Lower *l, uint16_t slot, uint16_t pos, ErrTo err);
void ambi_lower_raise(Lower *l, uint16_t slot, ErrTo err);  // here and now
// What comes is the head of the rule, or its body: enum CoverKind.
void ambi_lower_mark_rule(Lower *l, const Template *rule, int kind);
Unit *ambi_lower_finish(Lower *l, uint32_t nargs);
bool ambi_lower_open(Lower *l, Context *cx, Space *s);
void ambi_lower_close(Lower *l);
// Distinct LVARs of a term in order of first occurrence; n <= MAX_VARS.
unsigned ambi_lower_vars_of(Lower *l, Value term, uint16_t *vars);
// Emits INST/UNIFYT/UNIFYE for the term. else_label only for UNIFYE.
void ambi_lower_env(Lower *l, enum Opcode op, uint16_t a, Value term,
                    int else_label);
// Makes every variable of the term exist.
void ambi_lower_prepare(Lower *l, Value term);
void ambi_lower_var(Lower *l, uint32_t v);
// Makes the variables of the form that would be made behind choices, and be another one
// for each of these.
void ambi_lower_early(Lower *l);

// ---- lower_type.c ----------------------------------------------------------------
enum Fit { FIT_YES, FIT_DYNAMIC, FIT_NO };

typedef struct Head {
  enum { HEAD_DATA, HEAD_CALL, HEAD_TYPED, HEAD_ODD } kind;
  Value ftype;  // HEAD_TYPED: (-> ...) as a heap atom
  Definition *def;
} Head;

static inline bool is_sym(Value v, Word w) {
  return v.w == w;
}

Head ambi_lower_head_of(Lower *l, Value e);
bool ambi_lower_any_type(Value t);
// The type a constant or an application has for sure; AMB_NONE: none (passes
// everywhere); AMB_UNIT: not known before the program runs.
Value ambi_lower_static_type(Lower *l, Value e);
enum Fit ambi_lower_fits(Lower *l, Value arg, Value param);
// Is there, for each argument, a way to check it that the code knows?
bool ambi_lower_arguments_fit(Lower *l, Value e, Value ftype);
// Is every type of the expression an error, whatever its variables hold? The type
// check of a call then gives that error before anything is evaluated.
bool ambi_lower_ill_typed(Lower *l, Value e);
// Can what the types of an expression depend on be told, by what is known here and
// by checks of variables? early: before anything has run, so without those that
// instructions make by themselves.
bool ambi_lower_inside_fits(Lower *l, Value e, bool early);
bool ambi_lower_returns(Value r, Value t);
bool ambi_lower_may_be_bool(Lower *l, Value e);
// An application whose type only running tells, by a guard before it is evaluated: of a
// variable, or what a state in a variable holds.
bool ambi_lower_is_asked(Value e);
// The value in the slot is of this type, and the state there holds such values; else it
// goes to the label.
void ambi_lower_check_type(Lower *l, uint16_t slot, Value type, int label);
void ambi_lower_check_state(Lower *l, uint16_t state, Value type, bool exactly,
                            int label);
// Emits the check of a variable that the type check makes before anything is
// evaluated; goes to the label if it fails.
void ambi_lower_guard(Lower *l, Value arg, Value param, int label);
// The same for variables in the arguments' own arguments, where an earlier
// argument could do something before their turn comes.
void ambi_lower_guard_nested(Lower *l, Value e, int label);
// Is argument i of e a variable that an argument before it may have bound to a call? The
// check of the arguments did not see that, and it has a type of its own. Numbers are
// left out, and so are Errors, which stay what they are.
bool ambi_lower_bound_since(Lower *l, Value e, uint32_t i, Value param);

// ---- lower_receive.c ---------------------------------------------------------------
// A call of a function made of its clauses, if e is a `receive` of a rule; else e.
Value ambi_lower_receive(Lower *l, Value e);

// ---- lower_lambda.c --------------------------------------------------------------
// Notes the functions without a name that are written in this body, or form.
void ambi_lower_note_lambdas(Lower *l, Value body);
// An application of a function where it is written: ((|-> PARAMS BODY) ARG ..)?
bool ambi_lower_is_applied_lambda(Lower *l, Value e);
// False, and nothing happened: it is left to EVAL.
bool ambi_lower_applied_lambda(Lower *l, Value e, Value t, Dst d, ErrTo err,
                               unsigned rest);

// ---- lower_leaf.c ----------------------------------------------------------------
// A constant, and a variable, as the value of an expression of type t.
void ambi_lower_leaf(Lower *l, Value e, Value t, Dst d, ErrTo err);
void ambi_lower_variable(Lower *l, Value e, Value t, Dst d, ErrTo err);
// A variable as the argument of a typed call: Empty passes.
void ambi_lower_argument(Lower *l, Value e, Value t, uint16_t slot, ErrTo err);
// How RETV takes a variable: its operand c.
unsigned ambi_lower_handed(const Lower *l);
void ambi_lower_generic(Lower *l, Value e, Value t, Dst d, ErrTo err);
// The same of an argument that the type check of its call looks at, which gives its Errors.
void ambi_lower_generic_argument(Lower *l, Value e, Value t, Dst d, ErrTo err);
// The atom in the slot, where something has run.
void ambi_lower_generic_of(Lower *l, uint16_t atom, Value t, Dst d, ErrTo err);
void ambi_lower_give(Lower *l, uint16_t source, Dst d);
uint16_t ambi_lower_term(Lower *l, Value e);  // the term itself, unevaluated
// A body stands for the value of a call: NotReducible and functions, which may
// also come in a variable, go back to that call. Those are odd bodies.
bool ambi_lower_odd_body(Value body);
// call: what to evaluate as an atom where the body is odd; nothing happens twice.
void ambi_lower_body(Lower *l, Value body, Value call, Value t, Dst d,
                     ErrTo err, unsigned rest);
// A body that is one of several results of an operation's call.
void ambi_lower_result(Lower *l, Value body, Value call, Dst d, ErrTo err,
                       unsigned rest);
void ambi_lower_result_in(Lower *l, uint16_t slot, Value call, Dst d,
                          ErrTo err);
// The value of the body in the slot, with the stub for what is odd.
void ambi_lower_body_in(Lower *l, uint16_t slot, int stub, Dst d, ErrTo err);
// The value in the slot as one of type t. What does not pass is left to EVAL: there is
// an Error for each type it has.
void ambi_lower_cast(Lower *l, uint16_t slot, Value t, ErrTo err);

// ---- lower_expr.c ----------------------------------------------------------------
void ambi_lower_expr(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest);
// Evaluates e at a position of its own into a slot or constant.
uint16_t ambi_lower_operand(Lower *l, Value e, Value t, ErrTo err,
                            unsigned rest, bool tuple);
// The same for what the type check of a form looks at without expecting a type.
uint16_t ambi_lower_checked_operand(Lower *l, Value v, ErrTo err,
                                    unsigned rest);
void ambi_lower_position(Lower *l, Value e, Value t, uint16_t slot, ErrTo err,
                         unsigned rest);
bool ambi_lower_can_stream(unsigned effects, unsigned rest);
// What `rest` and the children of e from i on do.
unsigned ambi_lower_effects_from(Lower *l, Value e, uint32_t i, unsigned rest);
// The same, and what the call of e does: all that comes behind argument i - 1.
unsigned ambi_lower_effects_behind(Lower *l, Value e, uint32_t i,
                                   unsigned rest);
// Applications whose head is no instruction and no variable.
bool ambi_lower_plain_application(Value e);
// Leaves no choice and needs no scope, whatever its operands hold.
bool ambi_lower_is_det(Lower *l, Value e);
// The value of what a slot holds, wherever it is wanted.
void ambi_lower_value_of(Lower *l, uint16_t slot, Dst d, ErrTo err);

// Sources for children first..n-1 of an untyped call or tuple. A variable whose
// successors cannot do anything is checked by the instruction itself.
void ambi_lower_tuple_sources(Lower *l, Value e, uint32_t first, uint32_t n,
                              uint16_t *src, ErrTo err, unsigned rest);
// Calls v with these sources, in a place that is no position by itself.
void ambi_lower_call(Lower *l, Variant *v, uint16_t *src, uint32_t n, Dst d,
                     ErrTo err);
// The members of e, evaluated or to be checked, as data.
void ambi_lower_members(Lower *l, Value e, const uint16_t *src, uint16_t slot,
                        ErrTo err);
void ambi_lower_data(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest);

// Is e data, and all that is in it? Its value is e then.
bool ambi_lower_is_data(Lower *l, Value e);

// ---- lower_own.c -----------------------------------------------------------------
// May the value of e be e as it stands?
bool ambi_lower_may_stay(Lower *l, Value e);
// The value of e in the slot is its own if it equals e: if the value of this part of e,
// a call, does.
void ambi_lower_own_if_same(Lower *l, Value e, uint16_t slot, Value part,
                            uint16_t at);
// The same where the last instruction's edge is taken if the operation e has no value for
// its operands. The label to go on at.
int ambi_lower_own_edge(Lower *l, Value e, uint16_t slot, ErrTo err);
// Calls v in place of this frame if no argument has changed by being evaluated: if
// argument i has not, a call itself.
void ambi_lower_own_call(Lower *l, Value e, const uint16_t *src, Variant *v,
                         uint32_t i);
void ambi_lower_own_code(Lower *l, const Stub *s);  // of the stubs
void ambi_lower_own_call_code(Lower *l, const Stub *s);

// ---- lower_site.c ----------------------------------------------------------------
// An application of a variable. changing: its members may change rules or types.
void ambi_lower_site(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest, bool changing);
// Is it one whose type can be told when the program runs?
bool ambi_lower_is_site(Value e);
// Goes to the label unless its type is this one.
void ambi_lower_guard_site(Lower *l, Value e, Value type, int label);
// Goes to the label if only EVAL can tell what it is, its arguments aside.
void ambi_lower_guard_kind(Lower *l, Value e, int label);
// The same as a position by itself. False, and nothing happened: it cannot be one.
bool ambi_lower_site_at(Lower *l, Value e, Value t, uint16_t slot, uint16_t pos,
                        ErrTo err, bool stream);

// ---- lower.c ---------------------------------------------------------------------
// An expression that was put together in the slot is the value, and not evaluated.
void ambi_lower_give_built(Lower *l, uint16_t slot, Dst d);

// ---- lower_op.c ------------------------------------------------------------------
// Operations of one result and without effects all the way down to the leaves.
bool ambi_lower_is_tree(Lower *l, Value e);
// Of one result and without effects.
bool ambi_lower_plain_builtin(Value head);
bool ambi_lower_builtin(Lower *l, Value e, Head h, Value t, Dst d, ErrTo err,
                        unsigned rest);
void ambi_lower_emit_builtin(Lower *l, uint32_t op, const uint16_t *src,
                             unsigned n, uint16_t slot, ErrTo err);
bool ambi_lower_state(Lower *l, Value e, Value t, Dst d, ErrTo err,
                      unsigned rest);
// Jumps to `no` unless the condition is True; falls through when it is. The
// stub returned comes back at its label `back`: behind the whole expression.
int ambi_lower_condition(Lower *l, Value e, Value whole, int no, Dst d,
                         ErrTo err, Value t, unsigned rest);
bool ambi_lower_fused(Lower *l, Value e);  // a comparison that is a jump
bool ambi_lower_is_comparison(Value e);
static inline bool ambi_short_int(Value e) {
  return ambi_is_int(e) && ambi_int_of(e) >= INT16_MIN &&
         ambi_int_of(e) <= INT16_MAX;
}

// ---- lower_equal.c ---------------------------------------------------------------
// (== a b): can the code for it decide whether the types agree?
bool ambi_lower_simple_types(Lower *l, Value e);
// A call of a function without a type.
bool ambi_lower_untyped_call(Lower *l, Value side);
// Does it come from rules that just state its values?
bool ambi_lower_states(Lower *l, Value side);
// Is e a term, or a call of functions of one rule each, that has one result at most?
bool ambi_lower_is_single(Lower *l, Value e);
// Goes to `no` unless the sides are equal; to `whole`, where the whole is evaluated
// as an atom, when only that can tell.
void ambi_lower_equality(Lower *l, Value e, int no, int whole, ErrTo err,
                         unsigned rest);

// ---- lower_stub.c ----------------------------------------------------------------
// A bail-out: e as a whole goes to EVAL, or that goes on as a part of which e is
// an argument. To be used before anything has run.
int ambi_lower_bail_stub(Lower *l, Value e, Value t, Dst d, ErrTo err);
// The slower copy of the instruction at `at`, if it has sources to be checked.
void ambi_lower_checked_stub(Lower *l, size_t at, Code head,
                             const uint16_t *list, unsigned n, ErrTo err);
// The end of a position with an Error in the slot it fills. ret: how it ends
// otherwise.
int ambi_lower_position_stub(Lower *l, Code ret, ErrTo err);
// The body in the slot, an odd one, of the call.
int ambi_lower_body_stub(Lower *l, uint16_t slot, Value call, Value t, Dst d,
                         ErrTo err);
// The same for the clause that e, a case or switch, has chosen. value: of what
// switch looks at, else NO_SLOT.
int ambi_lower_clause_stub(Lower *l, uint16_t slot, Value e, uint16_t value,
                           Dst d, ErrTo err);
// Behind argument i of the form e, whose value is in the slot: rules may have changed
// while it was evaluated, and the rest is left to EVAL if they have. -1: they cannot
// have.
int ambi_lower_step_check(Lower *l, Value e, uint32_t i, uint16_t slot, Value t,
                          Dst d, ErrTo err);
// A space in the slot meets a pattern: term with it in place of its first
// argument goes to EVAL.
int ambi_lower_space_stub(Lower *l, uint16_t slot, Value term, Dst d,
                          ErrTo err);
void ambi_lower_stubs(Lower *l);
// By number, which means nothing once memory is out.
static inline Stub *ambi_lower_stub_at(Lower *l, int stub) {
  return l->failed ? &l->no_stub : &l->stubs[stub];
}

// ---- lower_pattern.c -------------------------------------------------------------
// How often does variable i occur outside of the term? Does it?
unsigned ambi_lower_outside(Lower *l, Value term, uint32_t i);
bool ambi_lower_shared(Lower *l, Value term, uint32_t i);
// Variables of the term that also occur outside of it come to be now.
void ambi_lower_prepare_shared(Lower *l, Value term);
// Those that also occur outside of `whole`, which it is part of.
void ambi_lower_prepare_outside(Lower *l, Value term, Value whole);
// Makes the variables that the value of a body shows and nothing can bind.
void ambi_lower_prepare_shown(Lower *l, Value body);
Var *ambi_lower_save_vars(Lower *l);
void ambi_lower_restore_vars(Lower *l, const Var *v);
int ambi_lower_fail_label(Lower *l);  // of an instruction that backtracks
bool ambi_lower_unset(const Lower *l, Value v);  // a variable not yet made
uint16_t ambi_lower_in_slot(Lower *l, uint16_t source);
// Matches the source against a pattern; a mismatch goes to `no`, or backtracks
// when no is NO_LABEL.
void ambi_lower_match(Lower *l, uint16_t source, Value p, int no);

// ---- lower_loop.c ----------------------------------------------------------------
bool ambi_lower_fold(Lower *l, Value e, Dst d, ErrTo err);
bool ambi_lower_map(Lower *l, Value e, Dst d, ErrTo err);
bool ambi_lower_filter(Lower *l, Value e, Dst d, ErrTo err, unsigned rest);

// ---- lower_list.c ----------------------------------------------------------------
enum ListPart { PART_HEAD, PART_TAIL, PART_BOTH };
// (car-atom V), (cdr-atom V), (decons-atom V) of a variable.
bool ambi_lower_part(Lower *l, Value e, enum ListPart part, Dst d, ErrTo err);
bool ambi_lower_cons(Lower *l, Value e, Dst d, ErrTo err);
// (let ($h $t) (decons-atom $x) ...): no pair is built.
bool ambi_lower_decons_into(Lower *l, Value p, Value v, ErrTo err);
bool ambi_lower_chain(Lower *l, Value e, Dst d, ErrTo err, unsigned rest);

// ---- lower_case.c ----------------------------------------------------------------
// False: it is left to the library.
bool ambi_lower_case(Lower *l, Value e, Dst d, ErrTo err, unsigned rest);
bool ambi_lower_switch(Lower *l, Value e, Dst d, ErrTo err, unsigned rest);

// ---- lower_table.c ---------------------------------------------------------------
// What a call of v in the last place or not goes to: v, or what asks a table before it.
Variant *ambi_lower_callee(Lower *l, Variant *v, bool tail);
// Does this body call tabled functions at one place only, for each of their results by
// itself? Then what the round before has used is of no use in this one.
bool ambi_lower_is_linear(Lower *l, Value body);

// ---- lower_deepen.c --------------------------------------------------------------
// Where choices are counted; elsewhere they emit nothing, and the slot is NO_SLOT.
// Several alternatives follow, or the children of what is in a slot.
uint16_t ambi_lower_made(Lower *l);
uint16_t ambi_lower_made_of(Lower *l, uint16_t list);
// What follows may have several results, or begins a step that is one.
uint16_t ambi_lower_made_so_far(Lower *l);
uint16_t ambi_lower_hold(Lower *l);
// An alternative begins, or what was gathered is there.
void ambi_lower_count(Lower *l, uint16_t made);
// Is e a call of breadth-first or iterative-deepening whose search can be code?
bool ambi_lower_deepens(Lower *l, Value e);
void ambi_lower_deepen(Lower *l, Value e, Dst d, ErrTo err);

// ---- lower_form.c ----------------------------------------------------------------
void ambi_lower_come_back(Lower *l, int stub);  // of the stub, unless it is -1
// An argument that the type check of the form answers with an Error.
bool ambi_lower_wrong(Lower *l, Value v);
bool ambi_lower_may_be_space(Lower *l, Value v);
// What a value that is a space meets is a query: all is left to EVAL then, in which the
// pattern and the rest of the form are `term`. The stub.
int ambi_lower_space_check(Lower *l, uint16_t slot, Value term, Dst d,
                           ErrTo err);
// The slot to read when the value of this slot is all that a match hands on.
uint16_t ambi_lower_matched(Lower *l, uint16_t slot);
// Lowers e if its head is a special form whose library definition is untouched.
bool ambi_lower_form_expr(Lower *l, Value e, Value t, Dst d, ErrTo err,
                          unsigned rest);
bool ambi_lower_is_form(Lower *l, Value e);
bool ambi_lower_intrinsic(Lower *l, Value head, uint32_t nargs);

#endif
