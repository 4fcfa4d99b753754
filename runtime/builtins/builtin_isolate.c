// par, race and transaction: evaluations that others see when they are done.
//
// The library (concurrent.metta) begins a level of the journal, gathers all results, and
// ends the level: a transaction by a commit, which may say that all is to be done again; a
// branch by taking out what it changed, under a number that comes with its results. What
// branches changed is merged when the results of all are there.
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal.h"
#include "runtime/types/types.h"

static enum BuiltinStatus begin_level(Context *cx, enum LevelKind kind,
                                      Value *out) {
  if (!ambi_journal_enter(cx, kind)) return B_STOP;
  return ambi_answer_unit(out);
}

// (_begin-transaction)
enum BuiltinStatus ambi_b_begin_transaction(Context *cx, const Value *args,
                                            unsigned n, Value *out) {
  (void)args, (void)n;
  return begin_level(cx, LEVEL_TRANSACTION, out);
}

// (_begin-branch)
enum BuiltinStatus ambi_b_begin_branch(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  (void)args, (void)n;
  return begin_level(cx, LEVEL_BRANCH, out);
}

// Are these (result bindings) pairs of an evaluation that came to nothing?
static bool failed(Value results) {
  results = ambi_deref(results);
  Value first =
      ambi_expr_size(results) ? ambi_deref(ambi_expr_at(results, 0)) : AMB_UNIT;
  return ambi_expr_size(first) == 0 ||
         ambi_is_error_atom(ambi_deref(ambi_expr_at(first, 0)));
}

// (_commit results): False: it is to be done again.
enum BuiltinStatus ambi_b_commit(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  if (n < 1 || !cx->journal) return B_NOREDUCE;
  bool done =
      failed(args[0]) ? ambi_journal_give_up(cx) : ambi_journal_commit(cx);
  return cx->stop ? B_STOP : ambi_answer_bool(out, done);
}

// (_end-branch): the number of what it changed.
enum BuiltinStatus ambi_b_end_branch(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  (void)args, (void)n;
  if (!cx->journal) return B_NOREDUCE;
  Delta *d = ambi_journal_take(cx);
  if (!d) return ambi_answer_stop(cx);
  return ambi_answer(cx, out, ambi_num_from_uint64(cx, ambi_delta_keep(cx, d)));
}

// (_mark): numbers from here on are larger.
enum BuiltinStatus ambi_b_mark(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  (void)args, (void)n;
  return ambi_answer(cx, out,
                     ambi_num_from_uint64(cx, ambi_delta_numbers(cx->rt)));
}

// The number in (_part NUMBER RESULTS), or in an Error about that; 0: none.
static uint64_t number_of(Value part) {
  int64_t number;
  part = ambi_deref(part);
  if (ambi_is_error_atom(part)) part = ambi_deref(ambi_expr_at(part, 1));
  if (ambi_expr_size(part) != 3 ||
      !ambi_num_to_int64(ambi_deref(ambi_expr_at(part, 1)), &number))
    return 0;
  return (uint64_t)number;
}

// (_merge mark parts): what the parts changed is done, in their order; all other changes
// with numbers above the mark are dropped.
enum BuiltinStatus ambi_b_merge(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  int64_t mark;
  if (n < 2 || !ambi_num_to_int64(args[0], &mark)) return B_NOREDUCE;
  for (uint32_t i = 0; i < ambi_expr_size(args[1]); i++) {
    Value pair = ambi_deref(ambi_expr_at(args[1], i));
    if (ambi_expr_size(pair) == 0) continue;
    uint64_t number = number_of(ambi_expr_at(pair, 0));
    Delta *d = number ? ambi_delta_find(cx, number) : NULL;
    if (d && !ambi_delta_apply(cx, d)) return B_STOP;
  }
  ambi_deltas_free(&cx->deltas, (uint64_t)mark);
  return ambi_answer_unit(out);
}

// (_came-to-nothing results)
enum BuiltinStatus ambi_b_came_to_nothing(Context *cx, const Value *args,
                                          unsigned n, Value *out) {
  (void)cx;
  return ambi_answer_bool(out, n < 1 || failed(args[0]));
}
