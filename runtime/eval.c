// Choosing the tier that evaluates a form.
//
// The pragma max-stack-depth counts the stack of the reference, which only tier
// 0 keeps track of: while it is set, forms run there. Tier 1's code stays valid
// meanwhile, since changes of rules are announced to it in either tier.
#include "runtime/eval.h"

#include "runtime/runtime.h"

enum AmbStop ambi_eval_form(Context *cx, Value form, ValueVec *out) {
  bool plain = cx->rt->tier == 0 || cx->limits.max_stack_depth != 0;
  return plain ? ambi_eval0_form(cx, form, out)
               : ambi_eval1_form(cx, form, out);
}
