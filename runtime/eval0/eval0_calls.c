// The calls that tier 0 is in: those whose arguments, or whose values, it waits for.
#include "runtime/calls.h"

#include "runtime/eval0/eval0.h"

void ambi_eval0_calls(Context *cx, CallLines *l) {
  const Machine *m = cx->machine;
  Value last = AMB_NONE;
  for (const Frame *f = m ? m->up : NULL; f; f = f->up) {
    if (f->kind != FRAME_ARGS && f->kind != FRAME_CALL) continue;
    Value call = ambi_deref(f->a);
    if (!ambi_is_expression(call) || ambi_same(call, last)) continue;
    last = call;
    ambi_calls_add(l, call);
  }
}
