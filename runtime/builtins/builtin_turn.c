// interleave: one result of each branch in turn.
//
// The crew evaluates the branches beside one another, each as far as its next result;
// there it rests until that is taken. So a branch without an end hides nothing of the
// others. Where the crew cannot, all results of each branch are gathered first, and then
// put in turn.
#include "runtime/builtins/answer.h"
#include "runtime/builtins/branch.h"
#include "runtime/crew.h"
#include "runtime/runtime.h"
#include "runtime/spaces/twin.h"

// ---- results that were gathered -----------------------------------------------------

static Value chain(Context *cx, Value nested, Value var, Value then) {
  if (ambi_is_none(nested) || ambi_is_none(then)) return AMB_NONE;
  return AMB_EXPR(cx, AMB_SYM(CHAIN), nested, var, then);
}

static Value one(Context *cx, uint32_t symbol, Value v) {
  if (ambi_is_none(v)) return v;
  return AMB_EXPR(cx, AMB_V(AMB_TAGGED(TAG_SYM, symbol)), v);
}

static Value variable(Context *cx) {
  return ambi_make_var(cx, AMB_S_X, AMB_VAR_FRESH);
}

// (chain (eval (_turns (R ..))) $all (chain (superpose-bind $all) $x (return $x)))
static Value put_in_turn(Context *cx, const ValueVec *results) {
  Value all = variable(cx), x = variable(cx);
  Value list = ambi_make_expr(cx, results->at, results->n);
  if (ambi_is_none(all) || ambi_is_none(x) || ambi_is_none(list))
    return AMB_NONE;
  Value turns = AMB_EXPR(cx, AMB_OP_ID(OP_TURNS), list);
  Value give = chain(cx, one(cx, AMB_S_SUPERPOSE_BIND, all), x,
                     one(cx, AMB_S_RETURN, x));
  return chain(cx, one(cx, AMB_S_EVAL, turns), all, give);
}

// (function (chain (collapse-bind (metta BRANCH %Undefined% SPACE)) $r ..))
static Value gathered(Context *cx, Value list) {
  uint32_t n = ambi_expr_size(list);
  ValueVec results = {0};
  bool ok = true;
  for (uint32_t i = 0; ok && i < n; i++) {
    Value r = variable(cx);
    ok = !ambi_is_none(r) && ambi_vec_push(&results, r);
  }
  Value body = ok ? put_in_turn(cx, &results) : AMB_NONE;
  for (uint32_t i = n; !ambi_is_none(body) && i-- > 0;) {
    Value metta =
        AMB_EXPR(cx, AMB_SYM(METTA), ambi_expr_at(list, i), AMB_SYM(UNDEFINED),
                 ambi_space_face_value(cx->space));
    body = chain(cx, one(cx, AMB_S_COLLAPSE_BIND, metta), results.at[i], body);
  }
  ambi_vec_drop(&results);
  return one(cx, AMB_S_FUNCTION, body);
}

// (_turns (RESULTS ..)): the first of each, the second of each, and so on.
enum BuiltinStatus ambi_b_turns(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 1) return B_NOREDUCE;
  uint32_t size = ambi_expr_size(args[0]), most = 1;
  ValueVec all = {0};
  bool ok = true;
  for (uint32_t turn = 0; ok && turn < most; turn++)
    for (uint32_t i = 0; ok && i < size; i++) {
      Value results = ambi_deref(ambi_expr_at(args[0], i));
      uint32_t has = ambi_expr_size(results);
      if (has > most) most = has;
      if (turn < has) ok = ambi_vec_push(&all, ambi_expr_at(results, turn));
    }
  Value v = ok ? ambi_make_expr(cx, all.at, all.n) : AMB_NONE;
  ambi_vec_drop(&all);
  return ambi_answer(cx, out, v);
}

// ---- branches of the crew -------------------------------------------------------------

// 0: they are not begun.
static uint64_t begin(Context *cx, Value list) {
  const Crew *crew = cx->rt->crew;
  if (!crew || cx->rt->tier == 0) return 0;
  list = ambi_branches_told(cx, list);
  if (!ambi_is_none(list)) return crew->begin_turns(cx, list);
  ambi_answer_stop(cx);
  return 0;
}

enum BuiltinStatus ambi_b_interleave(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1 || !ambi_is_expr(args[0])) return B_NOREDUCE;
  uint32_t size = ambi_expr_size(args[0]);
  uint64_t branches = size > 1 ? begin(cx, args[0]) : 0;
  if (cx->stop) return B_STOP;
  return ambi_answer(
      cx, out,
      branches ? ambi_branches_call(cx, OP_TURN, branches, 0, size, args[0])
               : gathered(cx, args[0]));
}

// (_turn BRANCHES I N LIST): the next result, of branch i or the first behind it that has
// one more.
enum BuiltinStatus ambi_b_turn(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  (void)out;
  const Crew *crew = cx->rt->crew;
  uint64_t branches;
  uint32_t first, size;
  if (!crew || !ambi_branches_read(args, n, &branches, &first, &size))
    return B_NOREDUCE;
  for (uint32_t k = 0; k < size; k++) {
    uint32_t i = (first + k) % size;
    enum BuiltinStatus status = crew->branch(cx, branches, i);
    if (status == B_EMPTY) continue;
    if (status != B_MANY) return status;
    if (!ambi_branches_bind(cx, args[3])) return ambi_answer_stop(cx);
    Value next = ambi_branches_call(cx, OP_TURN, branches, (i + 1) % size, size,
                                    args[3]);
    if (ambi_is_none(next) || !ambi_vec_push(&cx->many, next))
      return ambi_answer_stop(cx);
    return B_MANY;
  }
  crew->drop(cx, branches);
  return B_EMPTY;
}
