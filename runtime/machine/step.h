// The slow halves of the loop's instructions (loop.h), and the tests on values
// that its fast halves share with them.
//
// A function here runs with the registers written back to the Engine, at the
// instruction g->pc. It either leaves g->pc at the next one (NEXT_PC), or says
// what else to do.
#ifndef AMBIT_RUNTIME_STEP_H
#define AMBIT_RUNTIME_STEP_H

#include "runtime/machine/handover.h"
#include "runtime/machine/routine.h"

// What a source operand of an instruction stands for in frame e.
static inline Value ambi_source(const Word *e, unsigned x) {
  if (AMB_LIKELY(x < SRC_CHECK)) return AMB_V(e[x]);
  if (x < SRC_CONST) return AMB_V(e[x & (SRC_CHECK - 1)]);
  return AMB_V(((const Unit *)(uintptr_t)e[FRAME_UNIT])->k[x - SRC_CONST]);
}

// ---- what a value is -------------------------------------------------------
// Before an operation that has effects. False: cx->stop is set.
static inline bool ambi_effect_begins(Engine *g) {
  if (AMB_UNLIKELY(g->hopeful)) return ambi_handover_effect(g);
  g->effects++;
  return true;
}

// What is marked is none.
static inline bool ambi_is_error_value(Value v) {
  return ambi_is_expr(v) && !(v.w & (AMB_EXPR_EVAL | AMB_EXPR_RIGID)) &&
         ambi_expr_items(v)[0].w == AMB_SYM(ERROR).w;
}

// Lists of cons-atom and of results whose children are no symbols: presumed to be
// their own value as long as every rule is about calls headed by a symbol.
enum { AMB_PRESUMED = 1 };
static inline bool ambi_presumed(const Engine *g, Value v) {
  return ambi_is_expr(v) && ambi_is_ground_expr(v) &&
         ambi_hdr_spare(*ambi_ptr(v)) == AMB_PRESUMED &&
         !ambi_load_relaxed(&g->code->x_odd_rules);
}

static inline bool ambi_rigid_holds(const Engine *g) {
  return g->cx->rigid.all == ambi_code_epoch(g->code);
}
// The mark of v, or what it tells of a term made of v's parts.
static inline bool ambi_rigid_holds_of(const Engine *g, Value v) {
  if (AMB_LIKELY(ambi_rigid_holds(g))) return true;
  return ambi_is_expr(v) && ambi_is_ground_expr(v) &&
         g->cx->rigid.ground == ambi_code_epoch(g->code);
}

// A checked source: may the value be passed as a member of an evaluated tuple?
static inline bool ambi_source_ready(const Engine *g, Value *v) {
  *v = ambi_deref(*v);
  if (ambi_is_expr(*v)) {
    if ((v->w & AMB_EXPR_RIGID) && ambi_rigid_holds_of(g, *v)) {
      v->w |= AMB_EXPR_EVAL;  // it stays evaluated when there are new rules
      return true;
    }
    if (ambi_presumed(g, *v)) return true;
    return (v->w & (AMB_EXPR_EVAL | AMB_EXPR_GROUND)) ==
           (AMB_EXPR_EVAL | AMB_EXPR_GROUND);
  }
  return v->w != AMB_SYM(EMPTY).w;
}

// Is unifying these a query, of the one in the other?
static inline bool ambi_asks(Value a, Value b) {
  return a.w != b.w && ((ambi_is_space(a) && !ambi_is_var(b)) ||
                        (ambi_is_space(b) && !ambi_is_var(a)));
}

// Values of two kinds have no type in common, unless they are of kind 0: symbols
// and expressions, of which the type checker knows more.
static inline int ambi_value_kind(Value v) {
  return ambi_is_number(v) ? 1 : ambi_is_bool(v) ? 2 : ambi_is_str(v) ? 3 : 0;
}

// Equality with a symbol, or with True and its like, is that of the words.
static inline bool ambi_step_equal(Value a, Value b) {
  bool words = ambi_is_sym(a) || ambi_tag(a) == TAG_IMM || ambi_is_sym(b) ||
               ambi_tag(b) == TAG_IMM;
  return words ? a.w == b.w : ambi_equal(a, b);
}

// May these two values of == be of different types?
bool ambi_step_differ_in_type(Context *cx, Value a, Value b);

// v is the value of a body; true: it passes as type t with nothing to do.
static inline bool ambi_body_value_ready(Value v, Value t) {
  if (ambi_is_expr(v))
    return (v.w & (AMB_EXPR_EVAL | AMB_EXPR_GROUND)) ==
           (AMB_EXPR_EVAL | AMB_EXPR_GROUND);
  if (ambi_is_sym(v))
    return t.w == AMB_SYM(UNDEFINED).w && v.w != AMB_SYM(EMPTY).w &&
           v.w != AMB_SYM(NOT_REDUCIBLE).w;
  if (t.w == AMB_SYM(UNDEFINED).w) return true;
  if (ambi_is_number(v)) return t.w == AMB_SYM(T_NUMBER).w;
  if (ambi_is_bool(v)) return t.w == AMB_SYM(T_BOOL).w;
  return false;
}

// The same of what only a look inside tells: a variable, or a term with some; g->rv: what
// is returned for it. t is %Undefined%. (inert.c)
bool ambi_body_stays(Engine *g, Value v);

// SPLIT and SPLITT of an inlined body.
enum Next ambi_step_split(Engine *g);

// ---- step.c: terms and values ---------------------------------------------------
bool ambi_step_compare(enum Opcode op, Value a, Value b, bool *known);
// Both are values, of one kind or one of them without a type, so that no types can clash.
bool ambi_step_one_type(Engine *g, Value *a, Value *b);
bool ambi_step_unify(Engine *g, const Code *pc, Value v);
// The name of a variable that the frame makes late, with the stamp that all its
// alternatives have in common.
Word ambi_step_late_name(Engine *g, Word *e, Word name);
// Gives the frame its stamp, if its unit has late variables and it has none. A frame
// that moves takes it along.
void ambi_step_stamp(Engine *g, Word *e);
bool ambi_step_unify_else(Engine *g, const Code *pc, Value v);
bool ambi_step_instance(Engine *g, const Code *pc);
enum Next ambi_step_own_if_same(Engine *g);
enum Next ambi_step_one_step(Engine *g);
enum Next ambi_step_eval_value(Engine *g, bool tuple);
bool ambi_step_check_type(Engine *g, Value v, Value type);
enum Next ambi_step_cast_result(Engine *g);
enum Next ambi_step_own_variables(Engine *g);
enum Next ambi_step_check_like(Engine *g, Value v, Value like);
enum Next ambi_step_decons(Engine *g);
enum Next ambi_step_cons(Engine *g, Value head, Value tail);
enum Next ambi_step_fork_begin(Engine *g);
enum Next ambi_step_cast_for_state(Engine *g, Value v, Value state);
enum Next ambi_step_cast_of_state(Engine *g, const State *s, Value v);
enum Next ambi_step_set_state(Engine *g, Value state, Value v);
enum Next ambi_step_arith_slow(Engine *g, Value a, Value b);
enum Next ambi_step_builtin_call(Engine *g);

// ---- step_table.c ------------------------------------------------------------------
enum Next ambi_step_table(Engine *g);
enum Next ambi_step_table_result(Engine *g);
enum Next ambi_step_table_end(Engine *g);
enum Next ambi_step_table_next(Engine *g);

// ---- step_control.c: calls, limits, collectors -----------------------------------
bool ambi_step_edge(Engine *g);
bool ambi_step_has_edge(const Engine *g);
bool ambi_step_poll(Engine *g, size_t args);
// The same without a collection, after so many failures.
enum { FAILURES_POLL = 4096 };
bool ambi_step_failed_often(Engine *g);
enum Next ambi_step_first_call(Engine *g);
// Where a record of ONCE resumes: no alternatives are left. It says in `next` where it was
// made.
extern const Code ambi_once_fail[1];
enum Next ambi_step_once_fail(Engine *g);
enum Next ambi_step_once_end(Engine *g);
enum Next ambi_step_case_end(Engine *g);
enum Next ambi_step_top_result(Engine *g);
bool ambi_step_collect_begin(Engine *g, const Code *resume);
enum Next ambi_step_collect_add(Engine *g);
enum Next ambi_step_collect_end(Engine *g);

#endif
