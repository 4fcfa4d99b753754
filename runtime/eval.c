// Choosing the tier that evaluates a form.
#include "runtime/eval.h"

#include "runtime/runtime.h"
#include "runtime/tables/table.h"

enum AmbStop ambi_eval_form(Context *cx, Value form, ValueVec *out) {
  size_t tables = ambi_tables_form_begin(cx->rt);
  enum AmbStop stop = cx->rt->tier == 0 ? ambi_eval0_form(cx, form, out)
                                        : ambi_eval1_form(cx, form, out);
  ambi_tables_form_end(cx->rt, tables);
  return stop;
}
