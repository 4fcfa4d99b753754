// par, race and transaction: evaluations that others see when they are done.
//
// The library (concurrent.metta) begins a level of the journal, gathers all results, and
// ends the level: a transaction by a commit, a branch by taking out what it changed, under
// a number that comes with its results. Either may say that all is to be done again; then
// an operation does what the library has done. What branches changed is merged when the
// results of all are there.
#include "runtime/builtins/answer.h"
#include "runtime/eval.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal.h"
#include "runtime/types/types.h"

// ---- evaluating a level, and again --------------------------------------------------

static Value fresh(Context *cx) {
  return ambi_make_var(cx, AMB_S_X, AMB_VAR_FRESH);
}

static Value eval_of(Context *cx, Value call) {
  return AMB_EXPR(cx, AMB_SYM(EVAL), call);
}

static Value chain(Context *cx, Value nested, Value var, Value then) {
  return AMB_EXPR(cx, AMB_SYM(CHAIN), nested, var, then);
}

static Value return_of(Context *cx, Value v) {
  return AMB_EXPR(cx, AMB_SYM(RETURN), v);
}

static Value return_each(Context *cx, Value nested) {
  Value x = fresh(cx);
  return chain(cx, nested, x, return_of(cx, x));
}

typedef struct LevelParts {
  Value atom;        // what is evaluated
  Value begin, end;  // the operations that begin and end the level
  Value ended,
      results;  // variables for what the end tells, and for what was found
  Value done;   // what is done with these, if the end has not told False
  Value again;  // else
} LevelParts;

// The body of a function: all results of the atom are gathered in a level. What is to be
// done again is an operation, so that no rule of the program applies to it.
static enum BuiltinStatus answer_level(Context *cx, Value *out,
                                       const LevelParts *p) {
  Value space = fresh(cx);
  Value found = AMB_EXPR(
      cx, AMB_SYM(COLLAPSE_BIND),
      AMB_EXPR(cx, AMB_SYM(METTA), p->atom, AMB_SYM(UNDEFINED), space));
  Value look = AMB_EXPR(cx, AMB_SYM(UNIFY), p->ended, AMB_FALSE,
                        return_each(cx, eval_of(cx, p->again)), p->done);
  Value body = chain(cx, found, p->results,
                     chain(cx, eval_of(cx, p->end), p->ended, look));
  body = chain(cx, eval_of(cx, p->begin), fresh(cx), body);
  body = chain(cx, AMB_EXPR(cx, AMB_SYM(CONTEXT_SPACE)), space, body);
  *out = AMB_EXPR(cx, AMB_SYM(FUNCTION), body);
  return cx->stop ? B_STOP : B_OK;
}

// (_transact e): what a transaction of e is evaluated by from the second time on.
enum BuiltinStatus ambi_b_transact(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 1) return B_NOREDUCE;
  Value results = fresh(cx);
  LevelParts p = {
      .atom = args[0],
      .begin = AMB_EXPR(cx, AMB_OP_ID(OP_BEGIN_TRANSACTION)),
      .end = AMB_EXPR(cx, AMB_OP_ID(OP_COMMIT), results),
      .ended = fresh(cx),
      .results = results,
      .done = return_each(cx, AMB_EXPR(cx, AMB_SYM(SUPERPOSE_BIND), results)),
      .again = AMB_EXPR(cx, AMB_OP_ID(OP_TRANSACT), args[0])};
  return answer_level(cx, out, &p);
}

// (_isolate e part): the same of a branch, which gives (part NUMBER RESULTS).
enum BuiltinStatus ambi_b_isolate(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  if (n < 2) return B_NOREDUCE;
  Value results = fresh(cx), number = fresh(cx);
  LevelParts p = {.atom = args[0],
                  .begin = AMB_EXPR(cx, AMB_OP_ID(OP_BEGIN_BRANCH), args[0]),
                  .end = AMB_EXPR(cx, AMB_OP_ID(OP_END_BRANCH)),
                  .ended = number,
                  .results = results,
                  .done = return_of(cx, AMB_EXPR(cx, args[1], number, results)),
                  .again =
                      AMB_EXPR(cx, AMB_OP_ID(OP_ISOLATE), args[0], args[1])};
  return answer_level(cx, out, &p);
}

// ---- beginning and ending -----------------------------------------------------------

static enum BuiltinStatus begin_level(Context *cx, enum LevelKind kind,
                                      Value *out) {
  if (!ambi_journal_enter(cx, kind, ambi_form_records(cx))) return B_STOP;
  return ambi_answer_unit(out);
}

// (_begin-transaction)
enum BuiltinStatus ambi_b_begin_transaction(Context *cx, const Value *args,
                                            unsigned n, Value *out) {
  (void)args, (void)n;
  return begin_level(cx, LEVEL_TRANSACTION, out);
}

// (_begin-branch e): what is evaluated is told, for branches print at once.
enum BuiltinStatus ambi_b_begin_branch(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  const Runtime *rt = cx->rt;
  bool outermost = !cx->journal;
  enum BuiltinStatus status = begin_level(cx, LEVEL_BRANCH, out);
  if (status == B_OK && outermost && n > 0 && rt->keeps_rules)
    ambi_journal_expects(cx, rt->keeps_rules(cx, args[0]));
  return cx->stop ? B_STOP : status;
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
  if (ambi_journal_begins_again(cx)) return ambi_answer_bool(out, false);
  bool done =
      failed(args[0]) ? ambi_journal_give_up(cx) : ambi_journal_commit(cx);
  return cx->stop ? B_STOP : ambi_answer_bool(out, done);
}

// (_end-branch): the number of what it changed, or False: it is to be done again.
enum BuiltinStatus ambi_b_end_branch(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  (void)args, (void)n;
  if (!cx->journal) return B_NOREDUCE;
  if (ambi_journal_begins_again(cx)) return ambi_answer_bool(out, false);
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
