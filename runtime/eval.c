// Choosing the tier that evaluates a form, be it as a whole or answer by answer.
#include "runtime/eval.h"

#include "runtime/crew.h"

#include "runtime/runtime.h"
#include "runtime/tables/table.h"

enum AmbStop ambi_eval_form(Context *cx, Value form, ValueVec *out) {
  size_t tables = ambi_tables_form_begin(cx->rt);
  enum AmbStop stop = cx->rt->tier == 0 ? ambi_eval0_form(cx, form, out)
                                        : ambi_eval1_form(cx, form, out);
  ambi_tables_form_end(cx->rt, tables);
  return stop;
}

// Hands on what was found. False: nothing more is wanted.
static bool hand_on(Context *cx, const ValueVec *found, TakeAnswer *take,
                    void *arg) {
  bool wanted = true;
  ambi_limits_rest(cx);
  for (size_t i = 0; i < found->n && wanted; i++)
    wanted = take(arg, cx, ambi_deref(found->at[i]));
  ambi_limits_go_on(cx);
  return wanted;
}

static bool stream0(Context *cx, Value form, TakeAnswer *take, void *arg) {
  ValueVec found = {0};
  ambi_eval0_form(cx, form, &found);
  bool wanted = hand_on(cx, &found, take, arg);
  ambi_vec_drop(&found);
  return wanted;
}

static bool stream1(Context *cx, Value form, TakeAnswer *take, void *arg) {
  ValueVec found = {0};
  uint64_t left = cx->limits.answers ? cx->limits.answers : UINT64_MAX;
  bool wanted = true;
  cx->limits.answers = 1;
  if (ambi_form_open(cx, form) == STOP_NONE) do {
      while (ambi_rests(ambi_form_run(cx, &found)))
        if (cx->rt->crew) cx->rt->crew->rest(cx);
      left -= found.n;
      wanted = hand_on(cx, &found, take, arg);
    } while (cx->stop == STOP_ANSWERS && wanted && left);
  ambi_form_close(cx);
  ambi_vec_drop(&found);
  return wanted;
}

enum AmbStop ambi_eval_stream(Context *cx, Value form, TakeAnswer *take,
                              void *arg) {
  size_t tables = ambi_tables_form_begin(cx->rt);
  bool wanted = cx->rt->tier == 0 ? stream0(cx, form, take, arg)
                                  : stream1(cx, form, take, arg);
  ambi_tables_form_end(cx->rt, tables);
  if (!wanted && cx->stop == STOP_NONE) cx->stop = STOP_ANSWERS;
  return cx->stop;
}
