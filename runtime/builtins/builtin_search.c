// (_deepen ATOM FROM STEP FIXED BEFORE) in tier 1: one round of a search that counts
// choices, by tier 0, which has them as they are in the language (eval0/eval0_deepen.c).
#include "runtime/builtins/answer.h"
#include "runtime/eval.h"

enum BuiltinStatus ambi_b_deepen(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  (void)out;
  ValueVec found = {0};
  Value call = n == 5 ? AMB_EXPR(cx, AMB_OP_ID(OP_DEEPEN), args[0], args[1],
                                 args[2], args[3], args[4])
                      : AMB_NONE;
  if (ambi_is_none(call)) return n == 5 ? ambi_answer_stop(cx) : B_NOREDUCE;
  enum AmbStop stop = ambi_eval0_search(cx, call, &found);
  ambi_vec_drop(&cx->many);
  cx->many = found;
  return stop ? ambi_answer_stop(cx) : B_MANY;
}
