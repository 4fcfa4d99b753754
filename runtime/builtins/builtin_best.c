// (bound L): goes on only while a result of cost L could become the answer of the
// minimize or maximize around it (atoms/best.h).
#include "runtime/atoms/best.h"
#include "runtime/builtins/answer.h"

enum BuiltinStatus ambi_b_bound(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 1 || !ambi_is_number(args[0]))
    return ambi_answer_error(cx, "bound expects a number");
  if (cx->best && !ambi_best_may_win(cx->best, args[0])) return B_EMPTY;
  return ambi_answer_unit(out);
}
