// Templates with values put in: lambdas, one step of map, filter and fold, and
// the results of collapse-bind.
//
// A template belongs to the program and may be used many times, so each use
// gets new variables in place of all that are not filled in.
#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/builtins/answer.h"
#include "runtime/types/types.h"

// ---- filling templates ------------------------------------------------------

typedef struct Filling {
  Context *cx;
  ValueVec pairs;  // variable, value, variable, value ...
} Filling;

static bool fill(Filling *f, Value var, Value value) {
  return ambi_vec_push(&f->pairs, var) && ambi_vec_push(&f->pairs, value);
}

// Where the value of var stands among the pairs, or NULL.
static const Value *filled_with(const Filling *f, Value var) {
  for (size_t i = 0; i < f->pairs.n; i += 2)
    if (ambi_same(f->pairs.at[i], var)) return &f->pairs.at[i + 1];
  return NULL;
}

// Values put in are not entered: they keep their own variables.
static enum Leaf fill_leaf(void *arg, Value *v) {
  Filling *f = arg;
  *v = ambi_deref(*v);
  if (ambi_word_ground(*v)) return LEAF_GROUND;
  if (!ambi_is_var(*v)) return LEAF_NODE;
  const Value *value = filled_with(f, *v);
  if (value) {
    *v = *value;
    return ambi_word_ground(*v) ? LEAF_GROUND : LEAF_OPEN;
  }
  Word info = ambi_ptr(*v)[1];
  Value fresh = ambi_make_var(f->cx, ambi_vinfo_name(info), AMB_VAR_FRESH);
  if (ambi_is_none(fresh) || !fill(f, *v, fresh)) return LEAF_FAIL;
  *v = fresh;
  return LEAF_OPEN;
}

static Word *fill_words(void *arg, size_t words) {
  Filling *f = arg;
  return ambi_heap_alloc(f->cx, words);
}

// The template with its variables replaced; ends the filling.
static Value filled(Filling *f, bool ok, Value template) {
  Value v = AMB_NONE;
  if (ok) {
    Work w;
    ambi_work_open(&w);
    v = ambi_build(&w, template, fill_leaf, fill_words, f);
    ambi_work_close(&w);
  }
  ambi_vec_drop(&f->pairs);
  if (ambi_is_none(v) && f->cx->stop == STOP_NONE) f->cx->stop = STOP_MEMORY;
  return v;
}

// What atom-subst says to something that is no variable.
static Value no_variable(Context *cx, Value item, Value var, Value template) {
  Value name = ambi_make_sym(cx, "atom-subst", 10);
  if (ambi_is_none(name)) return name;
  Value call = AMB_EXPR(cx, name, item, var, template);
  if (ambi_is_none(call)) return call;
  return ambi_make_error(cx, call, AMB_SYM(NO_RETURN));
}

// (_filled list variable template): the template for each item of the list.
enum BuiltinStatus ambi_b_filled(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  if (n < 3)
    return ambi_answer_error(cx, "a list, a variable and a template expected");
  uint32_t size = ambi_expr_size(args[0]);
  ValueVec all = {0};
  bool ok = true;
  for (uint32_t i = 0; i < size && ok; i++) {
    Value item = ambi_deref(ambi_expr_at(args[0], i)), v;
    if (ambi_is_var(args[1])) {
      Filling f = {.cx = cx};
      // An item that holds the variable is no value of it.
      ok = fill(&f, args[1], ambi_occurs(cx, args[1], item) ? args[1] : item);
      v = filled(&f, ok, args[2]);
    } else {
      v = no_variable(cx, item, args[1], args[2]);
    }
    ok = !ambi_is_none(v) && ambi_vec_push(&all, v);
  }
  Value v = ok ? ambi_make_expr(cx, all.at, all.n) : AMB_NONE;
  ambi_vec_drop(&all);
  return ambi_answer(cx, out, v);
}

enum BuiltinStatus ambi_b_has_instruction(Context *cx, const Value *args,
                                          unsigned n, Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  uint32_t size = ambi_expr_size(args[0]);
  bool found = false;
  for (uint32_t i = 0; i < size && !found; i++)
    found = ambi_is_instruction(ambi_deref(ambi_expr_at(args[0], i)));
  return ambi_answer_bool(out, found);
}

// (_picked list (_tests verdict ..) call): the items whose verdict is True.
enum BuiltinStatus ambi_b_picked(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  if (n < 3) return ambi_answer_no_expr(cx);
  if (ambi_is_error_atom(args[1])) return ambi_answer(cx, out, args[1]);
  uint32_t size = ambi_expr_size(args[0]);
  bool fits = ambi_expr_size(args[1]) == size + 1;
  ValueVec kept = {0};
  bool ok = true;
  for (uint32_t i = 0; fits && ok && i < size; i++) {
    Value verdict = ambi_deref(ambi_expr_at(args[1], i + 1));
    fits = ambi_is_bool(verdict);
    if (ambi_same(verdict, AMB_TRUE))
      ok = ambi_vec_push(&kept, ambi_expr_at(args[0], i));
  }
  Value v = AMB_NONE;
  if (ok)
    v = fits ? ambi_make_expr(cx, kept.at, kept.n)
             : ambi_make_error(cx, args[2], AMB_SYM(NO_RETURN));
  ambi_vec_drop(&kept);
  return ambi_answer(cx, out, v);
}

// ---- lambdas ----------------------------------------------------------------

// Are the parameters n different variables?
static bool plain_params(Value params, uint32_t n) {
  if (ambi_expr_size(params) != n) return false;
  for (uint32_t i = 0; i < n; i++) {
    Value v = ambi_deref(ambi_expr_at(params, i));
    if (!ambi_is_var(v)) return false;
    for (uint32_t k = 0; k < i; k++)
      if (ambi_same(v, ambi_deref(ambi_expr_at(params, k)))) return false;
  }
  return true;
}

// (Error ((|-> params body) args ..) IncorrectNumberOfArguments)
static Value wrong_count(Context *cx, Value params, Value body, Value list) {
  Value lambda = AMB_EXPR(cx, AMB_SYM(LAMBDA), params, body);
  if (ambi_is_none(lambda)) return lambda;
  Value call = ambi_make_cons(cx, lambda, list);
  if (ambi_is_none(call)) return call;
  return ambi_make_error(cx, call, AMB_SYM(INCORRECT_ARITY));
}

// (_apply-lambda params body (args ..)): the body to evaluate. Patterns among
// the parameters are left to `unify`.
enum BuiltinStatus ambi_b_apply_lambda(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  if (n < 3 || !ambi_is_expression(args[2])) return ambi_answer_no_expr(cx);
  Value params = args[0], body = args[1], list = args[2];
  uint32_t count = ambi_expr_size(list);
  if (ambi_is_expression(params) && ambi_expr_size(params) != count)
    return ambi_answer(cx, out, wrong_count(cx, params, body, list));
  if (ambi_is_expression(params) && plain_params(params, count)) {
    Filling f = {.cx = cx};
    bool ok = true;
    for (uint32_t i = 0; i < count && ok; i++)
      ok = fill(&f, ambi_deref(ambi_expr_at(params, i)),
                ambi_deref(ambi_expr_at(list, i)));
    return ambi_answer(cx, out, filled(&f, ok, body));
  }
  Value lambda = AMB_EXPR(cx, params, body);
  if (ambi_is_none(lambda)) return B_STOP;
  lambda = ambi_copy_renamed(cx, lambda, NULL, NULL);
  if (ambi_is_none(lambda)) return B_STOP;
  const Value *own = ambi_expr_items(lambda);
  return ambi_answer(
      cx, out,
      AMB_EXPR(cx, AMB_SYM(UNIFY), own[0], list, own[1], AMB_SYM(EMPTY)));
}

// ---- folding ----------------------------------------------------------------

static const char *wrong_fold(const Value *args, unsigned n) {
  if (n < 1 || !ambi_is_expression(args[0]))
    return "Expression is expected as a first argument";
  if (n < 2) return "Initial value is expected as a second argument";
  if (n < 3 || !ambi_is_var(args[2]))
    return "Variable is expected as a third argument";
  if (n < 4 || !ambi_is_var(args[3]))
    return "Variable is expected as a forth argument";
  if (n < 5) return "Operation expression is expected as a fifth argument";
  if (n < 6) return "Atomspace is expected as a sixth argument";
  return NULL;
}

// (_minimal-foldl-atom list start so-far item step space): the instructions
// of one step, which end in the call for the rest of the list.
enum BuiltinStatus ambi_b_minimal_foldl(Context *cx, const Value *args,
                                        unsigned n, Value *out) {
  const char *wrong = wrong_fold(args, n);
  if (wrong) return ambi_answer_error(cx, wrong);
  if (ambi_expr_size(args[0]) == 0)
    return ambi_answer(cx, out, AMB_EXPR(cx, AMB_SYM(RETURN), args[1]));
  Filling f = {.cx = cx};
  bool ok = fill(&f, args[2], args[1]) &&
            fill(&f, args[3], ambi_deref(ambi_expr_at(args[0], 0)));
  Value step = filled(&f, ok, args[4]);
  Value rest = ambi_is_none(step) ? step : ambi_make_tail(cx, args[0], 1);
  if (ambi_is_none(rest)) return ambi_answer_stop(cx);
  Value x = ambi_make_var(cx, AMB_S_X, AMB_VAR_FRESH);
  Value run = AMB_EXPR(cx, AMB_SYM(METTA), step, AMB_SYM(UNDEFINED), args[5]);
  if (ambi_is_none(x) || ambi_is_none(run)) return ambi_answer_stop(cx);
  Value next = AMB_EXPR(cx, AMB_OP_ID(OP_MINIMAL_FOLDL), rest, x, args[2],
                        args[3], args[4], args[5]);
  if (ambi_is_none(next)) return ambi_answer_stop(cx);
  Value go_on = AMB_EXPR(cx, AMB_SYM(EVAL), next);
  if (ambi_is_none(go_on)) return ambi_answer_stop(cx);
  return ambi_answer(cx, out, AMB_EXPR(cx, AMB_SYM(CHAIN), run, x, go_on));
}

// ---- results of collapse-bind -----------------------------------------------

// The atom under the bindings. They are in force for the time of the walk
// only, without a trace on the trail.
static Value under_bindings(Context *cx, Value atom, Value bindings) {
  uint32_t n = ambi_hdr_size(*ambi_ptr(bindings));
  const Value *items = (const Value *)(ambi_ptr(bindings) + 1);
  ValueVec bound = {0};
  bool ok = true;
  for (uint32_t i = 0; i + 1 < n && ok; i += 2) {
    Value var = ambi_deref(items[i]), value = ambi_deref(items[i + 1]);
    if (!ambi_is_var(var) || ambi_same(var, value)) continue;
    ok = ambi_vec_push(&bound, var);
    if (ok) *ambi_ptr(var) = value.w;
  }
  Value v = ok ? ambi_resolve(cx, atom) : AMB_NONE;
  for (size_t i = 0; i < bound.n; i++)
    *ambi_ptr(bound.at[i]) = bound.at[i].w;
  ambi_vec_drop(&bound);
  return v;
}

// The result in an (atom bindings) pair; false if v is no such pair.
static bool result_of(Context *cx, Value v, Value *result) {
  if (ambi_expr_size(v) < 2) return false;
  const Value *pair = ambi_expr_items(v);
  Value bindings = ambi_deref(pair[1]);
  if (!ambi_is_bindings(bindings)) return false;
  *result = under_bindings(cx, ambi_deref(pair[0]), bindings);
  return true;
}

static enum BuiltinStatus no_pair(Context *cx) {
  return ambi_answer_error(
      cx, "(Atom Bindings) pair is expected as a second argument");
}

// All results, without their bindings.
enum BuiltinStatus ambi_b_collapsed(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  uint32_t size = ambi_expr_size(args[0]);
  ValueVec results = {0};
  enum BuiltinStatus status = B_OK;
  for (uint32_t i = 0; i < size && status == B_OK; i++) {
    Value v = AMB_NONE;
    if (!result_of(cx, ambi_deref(ambi_expr_at(args[0], i)), &v))
      status = no_pair(cx);
    else if (ambi_is_none(v) || !ambi_vec_push(&results, v))
      status = ambi_answer_stop(cx);
  }
  if (status == B_OK)
    status = ambi_answer(cx, out, ambi_make_expr(cx, results.at, results.n));
  ambi_vec_drop(&results);
  return status;
}

// A list with one more result at its end.
enum BuiltinStatus ambi_b_collapse_add(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  if (n < 1 || !ambi_is_expression(args[0]))
    return ambi_answer_error(cx, "Expression is expected as a first argument");
  Value result;
  if (n < 2 || !result_of(cx, args[1], &result)) return no_pair(cx);
  uint32_t size = ambi_expr_size(args[0]);
  ValueVec all = {0};
  bool ok = !ambi_is_none(result);
  for (uint32_t i = 0; i < size && ok; i++)
    ok = ambi_vec_push(&all, ambi_expr_at(args[0], i));
  ok = ok && ambi_vec_push(&all, result);
  Value v = ok ? ambi_make_expr(cx, all.at, all.n) : AMB_NONE;
  ambi_vec_drop(&all);
  return ambi_answer(cx, out, v);
}
