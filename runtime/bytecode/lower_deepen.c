// Counting choices, and searches by their number: breadth-first, iterative-deepening.
//
// The expression that is searched becomes code in the unit around it, as that of `once`
// does, and what it calls is lowered once more, to code that counts (machine/deepen.h).
// Behind it stands what leaves the rest of the search to tier 0.
#include "runtime/bytecode/lambda.h"
#include "runtime/bytecode/lower.h"
#include "runtime/machine/routine.h"
#include "runtime/rounds.h"

// ---- counting -------------------------------------------------------------------------

static uint16_t noted(Lower *l, enum Opcode op, unsigned b) {
  if (!l->counted) return NO_SLOT;
  uint16_t slot = ambi_lower_slot(l);
  ambi_lower_emit(l, op, slot, b, 0);
  return slot;
}

uint16_t ambi_lower_made(Lower *l) {
  return noted(l, OP_I_MADE, 1);
}

uint16_t ambi_lower_made_of(Lower *l, uint16_t list) {
  return noted(l, OP_I_MADEL, list);
}

uint16_t ambi_lower_made_so_far(Lower *l) {
  return noted(l, OP_I_MADE, 0);
}

uint16_t ambi_lower_hold(Lower *l) {
  return noted(l, OP_I_HOLD, 0);
}

void ambi_lower_count(Lower *l, uint16_t made) {
  if (l->counted && made != NO_SLOT)
    ambi_lower_emit(l, OP_I_CHOICE, made, 0, 0);
}

// ---- searches -------------------------------------------------------------------------

enum { MOST_STEP = UINT16_MAX };  // that an operand holds

// The step of a search: 0 where it grows.
typedef struct Deepening {
  Value searched;
  uint32_t step;
} Deepening;

// The rule of the library is (= (NAME $e [$step]) (_deepen $e 0 STEP FIXED 0)).
static bool read_rule(Value rule, Value e, Deepening *out) {
  Value lhs = ambi_expr_at(rule, 1), rhs = ambi_expr_at(rule, 2);
  if (ambi_expr_size(lhs) != ambi_expr_size(e) || ambi_expr_size(rhs) != 6 ||
      ambi_expr_at(rhs, 0).w != AMB_OP_ID(OP_DEEPEN).w ||
      !ambi_is_lvar(ambi_expr_at(lhs, 1)) ||
      ambi_expr_at(rhs, 1).w != ambi_expr_at(lhs, 1).w)
    return false;
  bool given = ambi_expr_size(e) == 3;
  Value step = ambi_expr_at(rhs, 3), fixed = ambi_expr_at(rhs, 4);
  if (given) {
    if (!ambi_is_lvar(step) || step.w != ambi_expr_at(lhs, 2).w) return false;
    step = ambi_expr_at(e, 2);
  }
  if (!ambi_is_int(step) || ambi_int_of(step) < 1 ||
      ambi_int_of(step) > MOST_STEP)
    return false;
  out->searched = ambi_expr_at(e, 1);
  out->step = fixed.w == AMB_TRUE.w ? (uint32_t)ambi_int_of(step) : 0;
  return true;
}

static bool is_search(Value head, uint32_t nargs) {
  return (is_sym(head, AMB_SYM(BREADTH_FIRST).w) && nargs == 1) ||
         (is_sym(head, AMB_SYM(ITERATIVE_DEEPENING).w) && nargs >= 1 &&
          nargs <= 2);
}

// Effects would be repeated in other rounds when tier 0 goes on.
static bool may_be_code(Lower *l, Value x) {
  unsigned harmless =
      E_CALLS | E_TABLED | (unsigned)E_READ_SPACE | (unsigned)E_READ_STATE;
  return ambi_is_expr(x) && !ambi_odd_body(x) && !ambi_is_error_atom(x) &&
         !ambi_is_var(ambi_expr_at(x, 0)) &&
         !(ambi_effects_term(l->cs, l->space, x) & ~harmless);
}

static bool deepening(Lower *l, Value e, Deepening *out) {
  Value head = ambi_expr_at(e, 0);
  if (l->counted || l->unstable || !is_search(head, ambi_expr_size(e) - 1))
    return false;
  Head h = ambi_lower_head_of(l, e);
  RecordVec rules = {0};
  if (h.kind != HEAD_TYPED || !ambi_info_of(h.def).has_rules ||
      ambi_info_of(h.def).dynamic)
    return false;
  bool told = ambi_definition_rules(l->cs, h.def, &rules);
  bool fits =
      told && rules.n == 1 && read_rule(ambi_record_atom(rules.at[0]), e, out);
  if (!told) l->cs->starved = true;
  ambi_records_drop(&rules);
  return fits && may_be_code(l, out->searched);
}

bool ambi_lower_deepens(Lower *l, Value e) {
  Deepening found;
  return deepening(l, e, &found);
}

// What is left goes to the operation, whose results are values.
static void plainly(Lower *l, const Deepening *s, const uint16_t *numbers,
                    Dst d, int end) {
  uint16_t type = ambi_lower_const(l, AMB_SYM(UNDEFINED).w);
  uint16_t list[6] = {ambi_lower_k(l, AMB_OP_ID(OP_DEEPEN)),
                      ambi_lower_term(l, s->searched),
                      numbers[0],
                      numbers[1],
                      ambi_lower_k(l, ambi_bool(s->step != 0)),
                      numbers[2]};
  uint16_t call = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_MKEXPR, call, 6, 0);
  ambi_lower_list(l, list, 6);
  if (d.tail) {
    ambi_lower_emit(l, OP_I_EVALXT, 0, call, type);
    return;
  }
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_EVALX, p, call, type);
  ambi_lower_emit(l, OP_I_R_STORE, d.slot, 0, 0);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
}

void ambi_lower_deepen(Lower *l, Value e, Dst d, ErrTo err) {
  Deepening s;
  if (!deepening(l, e, &s)) {
    l->failed = true;
    return;
  }
  uint16_t p = ambi_lower_slot(l), v = ambi_lower_slot(l), numbers[3];
  for (unsigned i = 0; i < 3; i++)
    numbers[i] = ambi_lower_slot(l);
  int round = ambi_lower_label(l), add = ambi_lower_label(l),
      done = ambi_lower_label(l), out = ambi_lower_label(l),
      end = ambi_lower_label(l);
  ambi_lower_prepare_shared(l, s.searched);
  Var *vars = ambi_lower_save_vars(l);
  ambi_lower_jump(l, OP_I_DEEPEN, p, s.step, done);
  ambi_lower_bind(l, round);
  uint16_t each = l->each, first = l->first;
  l->counted = true;
  l->each = v;
  l->first = NO_SLOT;
  ambi_lower_expr(l, s.searched, AMB_SYM(UNDEFINED), (Dst){false, v},
                  (ErrTo){false, v, add}, 0);
  l->counted = false;
  l->each = each;
  l->first = first;
  ambi_lower_bind(l, add);
  ambi_lower_jump(l, OP_I_DEEPEN_ADD, v, p, out);
  ambi_lower_bind(l, done);
  ambi_lower_emit(l, OP_I_DEEPEN_END, numbers[0], numbers[1], numbers[2]);
  ambi_lower_varl(l, round);
  ambi_lower_restore_vars(l, vars);
  plainly(l, &s, numbers, d, end);
  ambi_lower_restore_vars(l, vars);
  ambi_lower_bind(l, out);
  ambi_lower_result_in(l, v, e, d, err);
  ambi_lower_bind(l, end);
}
