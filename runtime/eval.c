// Choosing the tier that evaluates a form.
#include "runtime/eval.h"

#include "runtime/runtime.h"

enum AmbStop ambi_eval_form(Context *cx, Value form, ValueVec *out) {
  return cx->rt->tier == 0 ? ambi_eval0_form(cx, form, out)
                           : ambi_eval1_form(cx, form, out);
}
