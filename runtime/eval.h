// Running one form: what the runner asks of either tier.
#ifndef AMBIT_RUNTIME_EVAL_H
#define AMBIT_RUNTIME_EVAL_H

#include "runtime/atoms/context.h"

// Evaluates (metta form %Undefined% cx->space), or the form itself as a minimal
// instruction when rt->bare_minimal. Appends results to out (heap values, valid
// until ambi_context_reset) up to the answer limit. Returns STOP_NONE, or what
// stopped the form: out then holds what had been found. The form is a heap
// atom. Reentrant: builtins that load modules run nested forms on a Context of
// their own.
enum AmbStop ambi_eval0_form(Context *cx, Value form, ValueVec *out);  // tier 0
// For tier 1: a call of _deepen, for the results of one round and a call that gives the
// others.
enum AmbStop ambi_eval0_search(Context *cx, Value call, ValueVec *out);
enum AmbStop ambi_eval1_form(Context *cx, Value form, ValueVec *out);  // tier 1
enum AmbStop ambi_eval_form(Context *cx, Value form,
                            ValueVec *out);  // rt->tier

// Evaluates, and hands on each result as it comes: the next is looked for when this one
// was taken, in tier 0 all are found before the first is handed on. What the result refers
// to is valid during the call, in which time stands still for the form. False: nothing more
// is wanted, and the form ends as at its limit of answers.
typedef bool TakeAnswer(void *arg, const Context *cx, Value answer);
enum AmbStop ambi_eval_stream(Context *cx, Value form, TakeAnswer *take,
                              void *arg);

// Tier 1, answer by answer: a form is opened, run until nothing is left of it, and
// closed, whatever became of it. Where a run ends with STOP_ANSWERS the next one goes
// on behind the last answer; the results of a run are valid until then. One that ends
// with STOP_YIELD or STOP_WAIT has none; the next goes on where it was, on any thread.
// Between two runs rules and spaces may change as they may within a form.
enum AmbStop ambi_form_open(Context *cx, Value form);
// The same for a form that is evaluated once and soon over: it is not lowered.
enum AmbStop ambi_form_open_data(Context *cx, Value form);
// Asked by an operation: what it gives, evaluated, is the form's only result, so nothing
// else of the form is needed any more.
bool ambi_form_ends_here(const Context *cx);
// The same, where the operation is the first thing that this call of a function does: all
// that is left of the form is that call.
bool ambi_form_ends_with(const Context *cx, Value call);
// How many records of choices the form has, of whatever is open.
size_t ambi_form_records(const Context *cx);
enum AmbStop ambi_form_run(Context *cx, ValueVec *out);
void ambi_form_close(Context *cx);

#endif
