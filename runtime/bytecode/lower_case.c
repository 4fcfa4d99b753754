// case and switch: all results of what is looked at, or each in turn, against clauses.
//
// Clauses are tried in order, each a test that goes on with the next. What the library
// does between them, a question to if-equal, is seen only where the body that was
// chosen is odd.
#include "runtime/bytecode/lower.h"
#include "runtime/machine/routine.h"

// value: of what switch looks at, else NO_SLOT.
static void clause_body(Lower *l, Value e, uint16_t value, Value body, Dst d,
                        ErrTo err, unsigned rest) {
  if (!ambi_lower_odd_body(body)) {
    ambi_lower_body(l, body, AMB_NONE, AMB_SYM(UNDEFINED), d, err, rest);
    return;
  }
  uint16_t from = ambi_lower_in_slot(l, ambi_lower_term(l, body));
  int stub = ambi_lower_clause_stub(l, from, e, value, d, err);
  if (ambi_is_lvar(body)) {
    ambi_lower_body_in(l, from, stub, d, err);
    return;
  }
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, ambi_lower_stub_at(l, stub)->entry);
  ambi_lower_come_back(l, stub);
}

static void clauses(Lower *l, Value e, uint16_t v, bool space_too, Dst d,
                    ErrTo err, unsigned rest) {
  Value list = ambi_expr_at(e, 2);
  bool switched = is_sym(ambi_expr_at(e, 0), AMB_SYM(SWITCH).w);
  int end = ambi_lower_label(l), space = -1;
  if (!d.tail) ambi_lower_prepare_shared(l, list);
  if (space_too && ambi_expr_size(list) &&
      !ambi_lower_unset(l, ambi_expr_at(ambi_expr_at(list, 0), 0)))
    space = ambi_lower_space_check(
        l, v, AMB_EXPR(l->cx, AMB_SYM(SWITCH), AMB_UNIT, list), d, err);
  for (uint32_t i = 0; i < ambi_expr_size(list); i++) {
    Value c = ambi_expr_at(list, i);
    int no = ambi_lower_label(l);
    Var *vars = ambi_lower_save_vars(l);
    bool always = ambi_lower_unset(l, ambi_expr_at(c, 0));
    ambi_lower_match(l, v, ambi_expr_at(c, 0), no);
    clause_body(l, e, switched ? v : NO_SLOT, ambi_expr_at(c, 1), d, err, rest);
    if (!d.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
    ambi_lower_bind(l, no);
    ambi_lower_restore_vars(l, vars);
    if (always) break;
  }
  ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
  ambi_lower_bind(l, end);
  ambi_lower_come_back(l, space);
}

static bool clause_list(Value list) {
  if (!ambi_is_expression(list)) return false;
  for (uint32_t i = 0; i < ambi_expr_size(list); i++)
    if (ambi_expr_size(ambi_expr_at(list, i)) != 2 ||
        ambi_is_space(ambi_expr_at(ambi_expr_at(list, i), 0)))
      return false;
  return true;
}

// Functions may send back to the whole case, which shows what was bound in it.
static bool runs_functions(Value list) {
  for (uint32_t i = 0; i < ambi_expr_size(list); i++)
    if (ambi_is_function(ambi_expr_at(ambi_expr_at(list, i), 1))) return true;
  return false;
}

bool ambi_lower_case(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value list = ambi_expr_at(e, 2);
  if (!clause_list(list)) return false;
  uint16_t p = ambi_lower_slot(l), v = ambi_lower_slot(l);
  int none = ambi_lower_label(l), ready = ambi_lower_label(l),
      go = ambi_lower_label(l);
  if (runs_functions(list))
    ambi_lower_prepare(l, ambi_expr_at(e, 1));
  else
    ambi_lower_prepare_shared(l, ambi_expr_at(e, 1));
  Var *vars = ambi_lower_save_vars(l);
  bool counted = l->counted;
  uint16_t held = ambi_lower_hold(l);
  l->counted = false;
  ambi_lower_jump(l, OP_I_CASE, p, 0, none);
  ambi_lower_expr(l, ambi_expr_at(e, 1), AMB_SYM(UNDEFINED), (Dst){false, v},
                  (ErrTo){false, v, ready}, E_PURE);
  ambi_lower_bind(l, ready);
  ambi_lower_emit(l, OP_I_CASE_END, v, p, 0);
  l->counted = counted;
  ambi_lower_count(l, held);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, go);
  ambi_lower_bind(l, none);
  ambi_lower_emit(l, OP_I_CASE_NONE, 0, 0, 0);
  ambi_lower_count(l, held);
  ambi_lower_emit(l, OP_I_MOVE, v, ambi_lower_k(l, AMB_SYM(EMPTY)), 0);
  ambi_lower_bind(l, go);
  ambi_lower_restore_vars(l, vars);  // without a value they were not made
  int step = ambi_lower_step_check(l, e, 1, v, AMB_SYM(UNDEFINED), d, err);
  clauses(l, e, v, ambi_lower_may_be_space(l, ambi_expr_at(e, 1)), d, err,
          rest);
  ambi_lower_come_back(l, step);
  return true;
}

bool ambi_lower_switch(Lower *l, Value e, Dst d, ErrTo err, unsigned rest) {
  Value list = ambi_expr_at(e, 2);
  if (!clause_list(list) || ambi_lower_wrong(l, ambi_expr_at(e, 1)))
    return false;
  unsigned then = rest | ambi_effects_term(l->cs, l->space, list);
  uint16_t v = ambi_lower_checked_operand(l, ambi_expr_at(e, 1), err, then);
  v = ambi_lower_in_slot(l, v);
  int step = ambi_lower_step_check(l, e, 1, v, AMB_SYM(UNDEFINED), d, err);
  clauses(l, e, v, ambi_lower_may_be_space(l, ambi_expr_at(e, 1)), d, err,
          rest);
  ambi_lower_come_back(l, step);
  return true;
}
