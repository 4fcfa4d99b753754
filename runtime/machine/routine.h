// Inside of tier 1: the frames of EVAL (routine.c), the calls they end in (apply.c),
// the frames of the minimal instructions (instr.c), what is a value already (inert.c),
// and what these and the loop share.
#ifndef AMBIT_RUNTIME_ROUTINE_H
#define AMBIT_RUNTIME_ROUTINE_H

#include "runtime/depth.h"
#include "runtime/machine/engine.h"

// Slots of an EVAL frame; child i has its value at EV_SLOTS + 2i and its
// position behind it.
enum {
  EV_ATOM,   // the atom as given
  EV_TYPE,   // expected type
  EV_FTYPE,  // function type in use; unit: the tuple branch
  EV_RTYPE,  // type its result is evaluated against
  EV_CALL,   // the call with evaluated children
  EV_TMPL,  // template of a match; AMB_NONE: results come as returned values. EV_CALL
            // is no expression: the call whose results are to be cast
  EV_DEPTH,  // of its metta instruction, see ambi_depth
  EV_EPOCH,  // of the code when it began
  EV_SLOTS
};

// Where the code of an EVAL unit has what; three words for each child.
enum { EV_CODE_START = 0, EV_CODE_TMP = 1, EV_CODE_ARGS = 2 };

// Slots of an instruction's frame (instr.c).
enum {
  IN_ATOM,
  IN_CALL,
  IN_TYPE,
  IN_A,
  IN_B,
  IN_VAL,
  IN_DEPTH = EV_DEPTH,  // of what it runs in, see ambi_depth
  IN_POS,
  IN_SPACE,
  IN_SLOTS
};

// While the pragma max-stack-depth is set, forms are evaluated as data: all
// frames are those of EVAL and of instructions, which note their depth as the
// reference counts it (depth.h). `more` beyond that of the current frame; 0 when
// nothing is counted, where the frame may be any.
static inline Word ambi_depth(const Engine *g, Word more) {
  return AMB_UNLIKELY(g->max_depth) ? g->e[EV_DEPTH] + more : 0;
}
static inline bool ambi_too_deep(const Engine *g, Word depth) {
  return AMB_UNLIKELY(g->max_depth) && g->max_depth != DEPTH_UNCOUNTED &&
         depth >= g->max_depth;
}

// What the result of the frame's call is evaluated against. A type variable that became
// a metatype while the arguments were evaluated keeps no result from being evaluated.
static inline Value ambi_result_type(const Engine *g) {
  Value declared = AMB_V(g->e[EV_RTYPE]), t = ambi_deref(declared);
  bool open = t.w == AMB_SYM(T_EXPRESSION).w || t.w == AMB_SYM(T_ATOM).w;
  return open && ambi_is_var(declared) ? AMB_SYM(UNDEFINED) : t;
}

Unit *ambi_routine_unit_make(const Code *code, uint32_t n, uint32_t nslots);
// The unit that is kept there: u, unless there was one. u: complete, or NULL.
Unit *ambi_routine_unit_keep(CodeState *cs, SharedUnit *at, Unit *u);
bool ambi_stack_more(Engine *g, Word *need);  // step_control.c
bool ambi_frame_room(Engine *g, Word *end);
// The new frame is of the variant: its arguments, from the call's children. False: cx->stop.
bool ambi_frame_call(Engine *g, const Variant *v, Value call);
// New frame on top / in place of the current one; g->pc is the unit's start.
bool ambi_frame_push(Engine *g, Unit *u, const Code *ret);
bool ambi_frame_replace(Engine *g, Unit *u);
// As ambi_eval_push, at this depth.
enum Next ambi_eval_push_at(Engine *g, Value v, Value t, Word depth,
                            const Code *ret);
enum Next ambi_eval_tail_at(Engine *g, Value v, Value t, Word depth);
// A value of another space, here. If it has only wrong types here, which a call that
// it becomes an argument of is to see, it is taken for one with variables: those are
// looked at in spite of their mark.
Value ambi_from_elsewhere(Engine *g, Value v);
// A value that happens to equal the atom it came from is marked, too (7.8), whatever
// made it. Where calls are lowered (literal.c) nobody looks for that but those who say so.
Value ambi_came_back(const Engine *g, Value v, Value atom, bool lowered);
// Would the call be an argument with none but wrong types? Then it is not marked as
// evaluated, since marks end all looking. of_terms: is it asked of arguments that are
// expressions, or of atoms and what has an unusual type? The first takes a walk.
bool ambi_ill_typed(Engine *g, Value call, bool of_terms);
// Do checks look at the types of this expression in spite of its mark? It has variables,
// and may be a value with only wrong types, since its head has several.
bool ambi_looked_at_anyway(Engine *g, Value v);
// A frame of EVAL for v that does not begin with it: what runs in it is for the caller
// to say.
bool ambi_eval_frame(Engine *g, Value v, Value t, const Code *ret);
bool ambi_eval_frame_replace(Engine *g, Value v,
                             Value t);  // of the current one

// ---- literal.c ------------------------------------------------------------------
// May a form that is evaluated by the rules as they stand call lowered code for this?
bool ambi_literal_enters(Engine *g, Definition *d);

// ---- apply.c --------------------------------------------------------------------
// One step of the call in place of the EVAL frame, and what its value is evaluated to.
enum Next ambi_call_step(Engine *g, Value call);
enum Next ambi_ev_result(Engine *g);  // one more result of the step
// The value of what is deeper than the pragma max-stack-depth allows.
enum Next ambi_give_overflow(Engine *g, Value v, Value t);
// CALLX: calls an expression whose children are values: nothing else is evaluated.
enum Next ambi_call_push(Engine *g, Value v, Value t, const Code *ret);
// CALLOWN: the same of what a map has made.
enum Next ambi_call_own_push(Engine *g, Value v, const Code *ret);
// Goes on, in place of the current frame, with what a step of `call` gave (see
// ambi_body_tail), where that is no function to run any more.
enum Next ambi_value_tail(Engine *g, Value call, Value body, Value t);

// ---- inert.c --------------------------------------------------------------------
enum { AMB_SOME_NODES = 256 };
// What is known of calls of this head in the context space: types and rules.
Definition *ambi_head_info(Engine *g, Value head, uint32_t nargs);
// The same of calls whose head is this expression, which is their first argument then. NULL:
// all of EVAL is needed to know, or cx->stop.
Definition *ambi_applied_info(Engine *g, Value head, uint32_t nargs);
// Has the head of this expression neither rules nor a type?
bool ambi_is_data(Engine *g, Value e);
// Is v what evaluating it against t gives? *out: v, marked if it is an expression.
// budget: of nodes looked at, see ambi_is_inert.
bool ambi_settled(Engine *g, Value v, Value t, size_t budget, Value *out);

// ---- returning ------------------------------------------------------------------
// Returns v from the current frame; AMB_NONE: memory is out.
static inline enum Next ambi_give(Engine *g, Value v) {
  if (ambi_is_none(v)) return NEXT_STOP;
  g->rv = v;
  return NEXT_RET;
}
enum Next ambi_give_many(Engine *g, const ValueVec *v);
// The children of the expression as alternatives, returned likewise.
enum Next ambi_give_each(Engine *g, Value list);

// ---- instr.c --------------------------------------------------------------------
bool ambi_is_function(Value v);  // (function ...)
// Is there more to the body of a call than its value? NotReducible gives the
// call itself, and a function is run at once.
static inline bool ambi_odd_body(Value v) {
  return v.w == AMB_SYM(NOT_REDUCIBLE).w || ambi_is_function(v);
}
// Runs the instruction in a frame of its own; its result goes to ret. call: the
// atom a missing return is reported for, or () for what came instead. deeper: by
// how much than the current frame.
enum Next ambi_instr_push(Engine *g, Value instr, Value call, Word deeper,
                          const Code *ret);
// The body of a rule is (function ...): run it, then go on as with any body.
enum Next ambi_function_tail(Engine *g, Value call, Value body, Value t);
// In place of the current frame: the function a step gave, for the call it came
// from.
enum Next ambi_function_replace(Engine *g, Value function, Value call);
// Runs a form as a bare instruction in place of the current frame.
enum Next ambi_instr_tail(Engine *g, Value instr);
// What `once` of the atom evaluates. AMB_NONE: memory is out.
Value ambi_once_of(Context *cx, Value atom);
// The operations _once, minimize and maximize, and capture, likewise. depth: of the atom.
enum Next ambi_once_push(Engine *g, Value atom, Word depth, const Code *ret);
enum Next ambi_best_push(Engine *g, uint32_t op, Value atom, Word depth,
                         const Code *ret);
enum Next ambi_capture_push(Engine *g, Value atom, const Code *ret);
enum Next ambi_instr_step(Engine *g);
// ---- cursor.c -------------------------------------------------------------------
// Rules for the call, one alternative each. metta: evaluate bodies against t,
// otherwise return them (NotReducible if there is none).
enum Next ambi_query_begin(Engine *g, Value call, Value t, bool metta);

#endif
