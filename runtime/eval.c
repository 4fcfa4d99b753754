// Choosing the tier that evaluates a form, be it as a whole or answer by answer.
#include "runtime/eval.h"

#include "runtime/crew.h"

#include "runtime/runtime.h"
#include "runtime/tables/table.h"
#include "runtime/types/types.h"

// Only the plain evaluator tells of its calls.
static bool is_plain(const Runtime *rt) {
  return rt->tier == 0 || rt->tracer;
}

enum AmbStop ambi_eval_form(Context *cx, Value form, ValueVec *out) {
  size_t tables = ambi_tables_form_begin(cx->rt);
  enum AmbStop stop = is_plain(cx->rt) ? ambi_eval0_form(cx, form, out)
                                       : ambi_eval1_form(cx, form, out);
  ambi_tables_form_end(cx->rt, tables);
  return stop;
}

typedef struct Stream {
  Context *cx;
  TakeAnswer *take;
  void *arg;
  bool gave;  // a result that is no Error
} Stream;

// Hands on what was found. Errors count as long as there is no other result, and come when
// nothing else is left; so those behind a result are dropped. False: nothing more is
// wanted.
static bool hand_on(Stream *s, const ValueVec *found) {
  bool wanted = true, all = s->cx->rt->bare_minimal;
  ambi_limits_rest(s->cx);
  for (size_t i = 0; i < found->n && wanted; i++) {
    Value answer = ambi_deref(found->at[i]);
    bool error = ambi_is_error_atom(answer);
    if (error && s->gave && !all) continue;
    s->gave |= !error;
    wanted = s->take(s->arg, s->cx, answer);
  }
  ambi_limits_go_on(s->cx);
  return wanted;
}

static bool stream0(Stream *s, Value form) {
  ValueVec found = {0};
  ambi_eval0_form(s->cx, form, &found);
  bool wanted = hand_on(s, &found);
  ambi_vec_drop(&found);
  return wanted;
}

static bool stream1(Stream *s, Value form) {
  Context *cx = s->cx;
  ValueVec found = {0};
  uint64_t left = cx->limits.answers ? cx->limits.answers : UINT64_MAX;
  bool wanted = true;
  cx->limits.answers = 1;
  if (ambi_form_open(cx, form) == STOP_NONE) do {
      while (ambi_rests(ambi_form_run(cx, &found)))
        if (cx->rt->crew) cx->rt->crew->rest(cx);
      left -= found.n;
      wanted = hand_on(s, &found);
    } while (cx->stop == STOP_ANSWERS && wanted && left);
  ambi_form_close(cx);
  ambi_vec_drop(&found);
  return wanted;
}

enum AmbStop ambi_eval_stream(Context *cx, Value form, TakeAnswer *take,
                              void *arg) {
  size_t tables = ambi_tables_form_begin(cx->rt);
  Stream s = {cx, take, arg, false};
  bool wanted = is_plain(cx->rt) ? stream0(&s, form) : stream1(&s, form);
  ambi_tables_form_end(cx->rt, tables);
  if (!wanted && cx->stop == STOP_NONE) cx->stop = STOP_ANSWERS;
  return cx->stop;
}
