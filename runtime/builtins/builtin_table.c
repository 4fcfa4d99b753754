// The declaration of tabled functions.
#include "runtime/builtins/answer.h"
#include "runtime/guard.h"
#include "runtime/tables/table.h"

enum BuiltinStatus ambi_b_tabled(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  if (n < 1 || !ambi_is_sym(args[0]))
    return ambi_answer_error(
        cx, "tabled! expects the name of a function that has rules");
  if (!ambi_tables_may_begin(cx))
    return ambi_answer_error(cx, AMB_NO_TABLES_NOW);
  if (!ambi_tables_declare(cx->rt, cx->space, ambi_sym_of(args[0])))
    return ambi_answer_stop(cx);
  return ambi_answer_unit(out);
}
