// Branches: expressions that are evaluated beside one another.
//
// An operation here begins its branches and then waits for them by turns: the results
// of one, and behind them a call of _branch for the next, so that nobody waits for a
// branch whose turn has not come. Who evaluates them is the crew; without one, or where
// it cannot, they are alternatives like those of superpose.
//
// What a branch binds of the variables it shares with the others is told by its
// results: each comes with the list of branches as it reads then, and that is unified
// with the list as it was.
#include "runtime/builtins/answer.h"
#include "runtime/builtins/branch.h"
#include "runtime/crew.h"
#include "runtime/runtime.h"
#include "runtime/types/types.h"

// What is evaluated instead of a branch: its result, and how the list reads by then.
static Value with_list(Context *cx, Value list) {
  uint32_t n = ambi_expr_size(list);
  ValueVec items = {0};
  bool ok = true;
  for (uint32_t i = 0; ok && i < n; i++) {
    Value item =
        AMB_EXPR(cx, AMB_OP_ID(OP_BRANCH_RESULT), ambi_expr_at(list, i), list);
    ok = !ambi_is_none(item) && ambi_vec_push(&items, item);
  }
  Value v = ok ? ambi_make_expr(cx, items.at, n) : AMB_NONE;
  ambi_vec_drop(&items);
  return v;
}

Value ambi_branches_told(Context *cx, Value list) {
  return ambi_is_ground_expr(list) ? list : with_list(cx, list);
}

Value ambi_branches_call(Context *cx, uint32_t op, uint64_t branches,
                         uint32_t i, uint32_t n, Value list) {
  return AMB_EXPR(cx, AMB_OP_ID(op), ambi_small_int((int64_t)branches),
                  ambi_small_int(i), ambi_small_int(n), list);
}

// Begins what the list holds. 0: it is not begun.
static uint64_t begin(Context *cx, Value list) {
  const Crew *crew = cx->rt->crew;
  if (!crew || cx->rt->tier == 0) return 0;
  list = ambi_branches_told(cx, list);
  if (!ambi_is_none(list)) return crew->begin(cx, list);
  ambi_answer_stop(cx);
  return 0;
}

enum BuiltinStatus ambi_b_hyperpose(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || !ambi_is_expression(args[0]))
    return ambi_answer_error(
        cx, "hyperpose expects single expression as an argument");
  uint32_t size = ambi_expr_size(args[0]);
  uint64_t branches = size > 1 ? begin(cx, args[0]) : 0;
  if (cx->stop) return B_STOP;
  if (!branches) return ambi_b_superpose(cx, args, n, out);
  return ambi_answer(
      cx, out, ambi_branches_call(cx, OP_BRANCH, branches, 0, size, args[0]));
}

// ((result list) ..) as they came, made into what binds the variables of the list.
static bool bind_results(Context *cx, Value list) {
  for (size_t i = 0; i < cx->many.n; i++) {
    Value pair = ambi_deref(cx->many.at[i]);
    if (ambi_is_error_atom(pair) || ambi_expr_size(pair) != 2) continue;
    Value result = ambi_mark_eval(ambi_deref(ambi_expr_at(pair, 0)));
    Value bound = ambi_expr_at(pair, 1);
    cx->many.at[i] =
        AMB_EXPR(cx, AMB_SYM(UNIFY), bound, list, result, AMB_SYM(EMPTY));
    if (ambi_is_none(cx->many.at[i])) return false;
  }
  return true;
}

bool ambi_branches_bind(Context *cx, Value list) {
  return ambi_is_ground_expr(list) || bind_results(cx, list);
}

bool ambi_branches_read(const Value *args, unsigned n, uint64_t *branches,
                        uint32_t *i, uint32_t *size) {
  if (n < 4 || !ambi_is_int(args[0]) || !ambi_is_int(args[1]) ||
      !ambi_is_int(args[2]))
    return false;
  *branches = (uint64_t)ambi_int_of(args[0]);
  *i = (uint32_t)ambi_int_of(args[1]);
  *size = (uint32_t)ambi_int_of(args[2]);
  return true;
}

// (_branch BRANCHES I N LIST)
enum BuiltinStatus ambi_b_branch(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  (void)out;
  const Crew *crew = cx->rt->crew;
  uint64_t branches;
  uint32_t i, size;
  if (!crew || !ambi_branches_read(args, n, &branches, &i, &size))
    return B_NOREDUCE;
  enum BuiltinStatus status = crew->branch(cx, branches, i);
  if (status != B_MANY) return status;
  if (!ambi_branches_bind(cx, args[3])) return ambi_answer_stop(cx);
  if (i + 1 == size) {
    crew->drop(cx, branches);
    return B_MANY;
  }
  Value next =
      ambi_branches_call(cx, OP_BRANCH, branches, i + 1, size, args[3]);
  if (ambi_is_none(next) || !ambi_vec_push(&cx->many, next))
    return ambi_answer_stop(cx);
  return B_MANY;
}

// ---- the first to have a result -----------------------------------------------------

// A branch gives no more than its first result.
static Value with_once(Context *cx, Value list) {
  ValueVec items = {0};
  bool ok = true;
  for (uint32_t i = 0; ok && i < ambi_expr_size(list); i++) {
    Value item = AMB_EXPR(cx, AMB_OP_ID(OP_ONCE), ambi_expr_at(list, i));
    ok = !ambi_is_none(item) && ambi_vec_push(&items, item);
  }
  Value v = ok ? ambi_make_expr(cx, items.at, items.n) : AMB_NONE;
  ambi_vec_drop(&items);
  return v;
}

// (_first LIST): of the branches, the first result to arrive; where they are alternatives,
// the first one of these. An Error only if there is nothing else.
enum BuiltinStatus ambi_b_first(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 1 || !ambi_is_expression(args[0]))
    return ambi_answer_error(
        cx, "hyperpose expects single expression as an argument");
  Value list = with_once(cx, args[0]);
  if (ambi_is_none(list)) return ambi_answer_stop(cx);
  uint64_t branches = ambi_expr_size(list) > 1 ? begin(cx, list) : 0;
  if (cx->stop) return B_STOP;
  Value e = branches ? AMB_EXPR(cx, AMB_OP_ID(OP_BRANCH_FIRST),
                                ambi_small_int((int64_t)branches), list)
                     : AMB_EXPR(cx, AMB_OP_ID(OP_ONCE),
                                AMB_EXPR(cx, AMB_OP_ID(OP_SUPERPOSE), args[0]));
  return ambi_answer(cx, out, e);
}

// (_branch-first BRANCHES LIST)
enum BuiltinStatus ambi_b_branch_first(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  (void)out;
  const Crew *crew = cx->rt->crew;
  if (n < 2 || !crew || !ambi_is_int(args[0])) return B_NOREDUCE;
  uint64_t branches = (uint64_t)ambi_int_of(args[0]);
  enum BuiltinStatus status = crew->first(cx, branches);
  if (status == B_STOP) return status;
  crew->drop(cx, branches);
  if (status == B_MANY && !ambi_is_ground_expr(args[1]) &&
      !bind_results(cx, args[1]))
    return ambi_answer_stop(cx);
  return status;
}

enum BuiltinStatus ambi_b_branch_result(Context *cx, const Value *args,
                                        unsigned n, Value *out) {
  if (n < 2) return B_NOREDUCE;
  return ambi_answer(cx, out, AMB_EXPR(cx, args[0], args[1]));
}
