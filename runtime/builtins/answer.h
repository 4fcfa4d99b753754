// How a builtin ends: the few phrases all builtin_*.c files share.
//
// Each returns the status to hand on, so that a builtin reads
// `return ambi_answer(cx, out, value);`.
#ifndef AMBIT_RUNTIME_ANSWER_H
#define AMBIT_RUNTIME_ANSWER_H

#include "runtime/atoms/printer.h"
#include "runtime/builtins/builtin.h"

// Memory ran out, or something else has stopped the form already.
static inline enum BuiltinStatus ambi_answer_stop(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return B_STOP;
}

// The value, or a stop if it could not be made.
static inline enum BuiltinStatus ambi_answer(Context *cx, Value *out, Value v) {
  *out = v;
  return ambi_is_none(v) ? ambi_answer_stop(cx) : B_OK;
}

static inline enum BuiltinStatus ambi_answer_bool(Value *out, bool b) {
  *out = ambi_bool(b);
  return B_OK;
}

static inline enum BuiltinStatus ambi_answer_unit(Value *out) {
  *out = AMB_UNIT;
  return B_OK;
}

// (Error call <text>)
static inline enum BuiltinStatus ambi_answer_error(Context *cx,
                                                   const char *text) {
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "%s", text);
  return B_ERROR;
}

// What every operation says to something that should be an expression.
static inline enum BuiltinStatus ambi_answer_no_expr(Context *cx) {
  return ambi_answer_error(cx, "Atom is not an ExpressionAtom");
}

// The text as a String; the buffer is given up.
static inline enum BuiltinStatus ambi_answer_text(Context *cx, Value *out,
                                                  Buffer *b) {
  Value v = b->failed ? AMB_NONE : ambi_make_str(cx, b->text, b->len);
  ambi_buffer_drop(b);
  return ambi_answer(cx, out, v);
}

#endif
