// Do these arguments suit this function type? (semantics 7.3, 7.5 and 8.2)
//
// An argument may have several types, so there are several ways to type a call.
// Ways visits them depth first, one level per argument; a level remembers the
// trail before it and the type to try next, so that going back is an undo.
#include "memory/alloc.h"
#include "runtime/types/types.h"
#include "runtime/types/types_walk.h"

// ---- matching types ---------------------------------------------------------

static bool push_pair(Context *cx, ValueVec *v, Value a, Value b) {
  return (ambi_vec_push(v, b) && ambi_vec_push(v, a)) || ambi_out_of_memory(cx);
}

// %Undefined% suits everything; a variable against it becomes it.
static bool match_unknown(Context *cx, Value a, Value b) {
  if (ambi_is_var(a)) return ambi_unify(cx, a, b);
  if (ambi_is_var(b)) return ambi_unify(cx, b, a);
  return true;
}

// Unification in which %Undefined% suits everything at any depth.
static bool unify_loosely(Context *cx, Value x, Value y) {
  ValueVec todo = {0};
  bool ok = push_pair(cx, &todo, x, y);
  while (ok && todo.n) {
    Value a = ambi_unmark(ambi_deref(todo.at[todo.n - 1]));
    Value b = ambi_unmark(ambi_deref(todo.at[todo.n - 2]));
    todo.n -= 2;
    if (ambi_same(a, b) && !ambi_is_double(a)) continue;
    if (ambi_is_unknown_type(a) || ambi_is_unknown_type(b)) {
      ok = match_unknown(cx, a, b);
    } else if (ambi_is_expr(a) && ambi_is_expr(b)) {
      uint32_t n = ambi_expr_size(a);
      ok = n == ambi_expr_size(b);
      for (uint32_t i = n; ok && i-- > 0;)
        ok = push_pair(cx, &todo, ambi_expr_at(a, i), ambi_expr_at(b, i));
    } else {
      ok = ambi_unify(cx, a, b);
    }
  }
  ambi_vec_drop(&todo);
  return ok;
}

static bool suits_all(Value type) {
  return ambi_is_unknown_type(type) || ambi_same(type, AMB_SYM(T_ATOM));
}

// Before a call %Undefined% and Atom suit everything, without binding anything,
// but only as they stand: not inside a type, nor as the value of a variable.
static bool match_strictly(Context *cx, Value x, Value y) {
  if (suits_all(x) || suits_all(y)) return true;
  size_t mark = cx->tr;
  if (ambi_unify(cx, x, y)) return true;
  ambi_trail_undo(cx, mark);
  return false;
}

// Matches two types. Undoes its bindings on failure.
static bool match(Context *cx, Value x, Value y, bool call) {
  if (call) return match_strictly(cx, x, y);
  x = ambi_deref(x);
  y = ambi_deref(y);
  if (ambi_is_unknown_type(x) || ambi_is_unknown_type(y))
    return match_unknown(cx, x, y);
  if (ambi_is_sym(x) && ambi_is_sym(y)) return ambi_same(x, y);
  size_t mark = cx->tr;
  if (ambi_unify(cx, x, y)) return true;
  ambi_trail_undo(cx, mark);
  if (cx->stop || !ambi_is_expr(x) || !ambi_is_expr(y)) return false;
  if (unify_loosely(cx, x, y)) return true;
  ambi_trail_undo(cx, mark);
  return false;
}

bool ambi_match_types(Context *cx, Value x, Value y) {
  size_t mark = cx->tr;
  Word *hb = ambi_types_enter(cx);
  bool ok = match(cx, x, y, true);
  ambi_types_leave(cx, hb, mark);
  return ok;
}

// ---- ways -------------------------------------------------------------------

// Parameters are compared as they stand in the function type: a type variable
// that became Atom does not count.
bool ambi_takes_untyped(Value formal, Value arg) {
  return ambi_is_unknown_type(formal) || ambi_same(formal, AMB_SYM(T_ATOM)) ||
         ambi_same(formal, ambi_metatype(arg));
}

// Before a call even an argument for %Undefined% must be well typed.
static bool takes_unseen(Value formal, Value arg) {
  return !ambi_is_unknown_type(formal) && ambi_takes_untyped(formal, arg);
}

static bool takes_any(const Ways *y, size_t i, size_t ntypes) {
  Value arg = ambi_deref(y->args[i]);
  if (y->call) return takes_unseen(y->formals[i], arg);
  return ntypes == 0 || ambi_takes_untyped(y->formals[i], arg);
}

static bool report_misfits(const Ways *y, size_t i, size_t start, size_t end) {
  for (size_t k = start; k < end; k++)
    if (!y->misfit(y->arg, i, &y->walk->items->at[k])) return false;
  return true;
}

static enum Trying try_types(Ways *y, size_t i, size_t start, size_t end) {
  Context *cx = y->walk->cx;
  TypeLevel *level = &y->walk->levels[i];
  while (start + level->next < end) {
    // A copy: misfit may append to the vector.
    const TypeItem t = y->walk->items->at[start + level->next++];
    if (y->call && t.is_error) {
      if (!y->misfit(y->arg, i, &t)) return TRY_STOPPED;
    } else if (match(cx, y->formals[i], t.type, y->call)) {
      level->any = true;
      return TRY_FOUND;
    } else if (cx->stop || (y->call && !y->misfit(y->arg, i, &t))) {
      return TRY_STOPPED;
    }
  }
  if (!y->call && !level->any && !report_misfits(y, i, start, end))
    return TRY_STOPPED;
  return TRY_NONE;
}

// Takes the next type of argument i that suits.
static enum Trying try_argument(Ways *y, size_t i) {
  Walk *w = y->walk;
  TypeLevel *level = &w->levels[i];
  size_t end = w->ends[y->ends + i];
  size_t start = i ? w->ends[y->ends + i - 1] : y->first;
  ambi_trail_undo(w->cx, level->mark);
  if (!ambi_walk_poll(w)) return TRY_STOPPED;
  if (!takes_any(y, i, end - start)) return try_types(y, i, start, end);
  if (level->any) return TRY_NONE;
  level->any = true;
  return TRY_FOUND;
}

enum Trying ambi_ways_next(Ways *y) {
  Walk *w = y->walk;
  size_t i = y->level;
  bool forward = !y->begun;
  if (forward && !ambi_grow((void **)&w->levels, &w->levels_cap, y->n,
                            sizeof *w->levels)) {
    ambi_out_of_memory(w->cx);
    return TRY_STOPPED;
  }
  y->begun = true;
  for (;;) {
    if (forward && i == y->n) {
      y->level = i;
      return TRY_FOUND;
    }
    if (forward)
      w->levels[i] = (TypeLevel){.mark = w->cx->tr};
    else if (i-- == 0)
      return TRY_NONE;
    enum Trying t = try_argument(y, i);
    if (t == TRY_STOPPED) return t;
    forward = t == TRY_FOUND;
    if (forward) i++;
  }
}

// ---- application types ------------------------------------------------------

typedef struct Applying {
  Walk *walk;
  Value call, ftype;
} Applying;

// The error shows the parameter without the bindings of this way, so it can
// only be built when they are gone: for now the argument's number stands there.
static bool note_misfit(void *arg, size_t i, const TypeItem *actual) {
  Applying *a = arg;
  return ambi_walk_push(a->walk, actual->type, ambi_small_int((int64_t)i + 1));
}

static Value arg_error(Context *cx, Value call, size_t i, Value formal,
                       Value actual) {
  Value reason = AMB_EXPR(cx, AMB_SYM(BAD_ARG_TYPE), ambi_small_int((int64_t)i),
                          formal, actual);
  return ambi_is_none(reason) ? reason : ambi_make_error(cx, call, reason);
}

static bool build_errors(const Applying *a, size_t from) {
  Context *cx = a->walk->cx;
  TypeVec *v = a->walk->items;
  for (; from < v->n; from++) {
    TypeItem *t = &v->at[from];
    if (!t->is_error || !ambi_is_int(t->error)) continue;
    uint32_t i = (uint32_t)ambi_int_of(t->error);
    t->error = arg_error(cx, a->call, i, ambi_expr_at(a->ftype, i), t->type);
    if (ambi_is_none(t->error)) return false;
    t->type = a->ftype;
    t->is_function = true;
  }
  return true;
}

static bool apply_one(Applying *a, size_t first, size_t first_end) {
  Walk *w = a->walk;
  Context *cx = w->cx;
  size_t mark = cx->tr;
  size_t from = w->items->n;
  Ways ways = {.walk = w,
               .args = ambi_expr_items(a->call) + 1,
               .formals = ambi_expr_items(a->ftype) + 1,
               .n = ambi_expr_size(a->call) - 1,
               .first = first,
               .ends = first_end,
               .misfit = note_misfit,
               .arg = a};
  enum Trying t;
  while ((t = ambi_ways_next(&ways)) == TRY_FOUND) {
    Value result = ambi_resolve(cx, ambi_function_result(a->ftype));
    if (ambi_is_none(result) || !ambi_walk_push(w, result, AMB_NONE))
      return false;
  }
  ambi_trail_undo(cx, mark);
  return t == TRY_NONE && build_errors(a, from);
}

bool ambi_walk_apply(Walk *w, Value call, size_t from, size_t to,
                     size_t first_end) {
  Applying a = {.walk = w, .call = call};
  for (size_t k = from; k < to; k++) {
    if (!w->items->at[k].is_function) continue;
    a.ftype = w->items->at[k].type;
    if (ambi_expr_size(a.ftype) == ambi_expr_size(call) + 1) {
      if (!apply_one(&a, to, first_end)) return false;
      continue;
    }
    Value error = ambi_make_error(w->cx, call, AMB_SYM(INCORRECT_ARITY));
    if (ambi_is_none(error) || !ambi_walk_push(w, a.ftype, error)) return false;
  }
  return true;
}

// ---- before a call ----------------------------------------------------------

typedef struct Calling {
  Context *cx;
  Value call, ftype;
  ValueVec *errors;
} Calling;

// An error is kept as it reads under the bindings of the way that led to it.
static bool keep_error(Context *cx, Value error, ValueVec *errors) {
  if (ambi_is_none(error)) return false;
  error = ambi_resolve(cx, error);
  if (ambi_is_none(error)) return false;
  return ambi_vec_push(errors, error) || ambi_out_of_memory(cx);
}

static bool keep_misfit(void *arg, size_t i, const TypeItem *actual) {
  Calling *c = arg;
  Value error = actual->error;
  if (!actual->is_error)
    error = arg_error(c->cx, c->call, i + 1,
                      ambi_expr_at(c->ftype, (uint32_t)i + 1), actual->type);
  return keep_error(c->cx, error, c->errors);
}

static Value bad_type(Context *cx, Value atom, Value expected, Value actual) {
  Value reason = AMB_EXPR(cx, AMB_SYM(BAD_TYPE), expected, actual);
  return ambi_is_none(reason) ? reason : ambi_make_error(cx, atom, reason);
}

// The type of an atom that needs no look-up, as far as it matters here.
static Value plain_type(Value atom) {
  if (ambi_is_number(atom)) return AMB_SYM(T_NUMBER);
  if (ambi_is_var(atom) || ambi_is_unit(atom)) return AMB_SYM(UNDEFINED);
  if (ambi_is_bool(atom)) return AMB_SYM(T_BOOL);
  if (ambi_is_str(atom)) return AMB_SYM(T_STRING);
  if (ambi_is_space(atom)) return AMB_SYM(T_SPACE);
  return AMB_NONE;
}

static bool suits_at_once(Value formal, Value arg) {
  if (takes_unseen(formal, arg)) return true;
  if (ambi_is_expr(arg)) return false;
  if (ambi_is_unknown_type(formal)) return true;
  Value type = plain_type(arg);
  return ambi_is_unknown_type(type) ||
         (ambi_same(type, formal) && !ambi_is_none(type));
}

// Most calls suit whatever else is true: settled without memory or bindings.
static bool call_suits_at_once(const Value *args, const Value *formals,
                               size_t n, Value expected) {
  for (size_t i = 0; i < n; i++)
    if (!suits_at_once(formals[i], ambi_deref(args[i]))) return false;
  Value result = formals[n];
  return ambi_is_unknown_type(expected) || ambi_is_unknown_type(result) ||
         ambi_same(expected, AMB_SYM(T_ATOM)) ||
         ambi_same(result, AMB_SYM(T_ATOM)) ||
         (ambi_is_sym(result) && ambi_same(result, expected));
}

// The types of the arguments that the check will look at, before any binding.
static bool type_arguments(Walk *w, const Value *args, const Value *formals,
                           size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t before = w->items->n;
    if (!takes_unseen(formals[i], ambi_deref(args[i]))) {
      if (!ambi_walk_types(w, args[i])) return false;
      if (w->items->n == before &&
          !ambi_walk_push(w, AMB_SYM(UNDEFINED), AMB_NONE))
        return false;
    }
    if (!ambi_walk_end_child(w)) return false;
  }
  return true;
}

static bool search_ways(Walk *w, Calling *c, size_t n, Value expected) {
  Context *cx = w->cx;
  Ways ways = {.walk = w,
               .args = ambi_expr_items(c->call) + 1,
               .formals = ambi_expr_items(c->ftype) + 1,
               .n = n,
               .call = true,
               .misfit = keep_misfit,
               .arg = c};
  Value result = ambi_function_result(c->ftype);
  if (!type_arguments(w, ways.args, ways.formals, n)) return false;
  while (ambi_ways_next(&ways) == TRY_FOUND) {
    if (match(cx, result, expected, true)) return true;
    if (cx->stop) return false;
    Value error = bad_type(cx, c->call, expected, result);
    if (!keep_error(cx, error, c->errors)) return false;
  }
  return false;
}

bool ambi_check_applicable(Context *cx, Space *s, Value e, Value ftype,
                           Value expected, ValueVec *errors) {
  ftype = ambi_deref(ftype);
  expected = ambi_deref(expected);
  if (ambi_expr_size(ftype) != ambi_expr_size(e) + 1) {
    keep_error(cx, ambi_make_error(cx, e, AMB_SYM(INCORRECT_ARITY)), errors);
    return false;
  }
  size_t n = ambi_expr_size(e) - 1;
  if (call_suits_at_once(ambi_expr_items(e) + 1, ambi_expr_items(ftype) + 1, n,
                         expected))
    return true;
  Walk w;
  TypeVec items = {0};
  Calling c = {.cx = cx, .call = e, .ftype = ftype, .errors = errors};
  size_t mark = cx->tr;
  Word *hb = ambi_types_enter(cx);
  ambi_walk_open(&w, cx, s, &items);
  size_t before = errors->n;
  bool ok = search_ways(&w, &c, n, expected);
  if (ok)
    errors->n = before;
  else
    ambi_trail_undo(cx, mark);
  ambi_walk_close(&w);
  ambi_types_drop(&items);
  ambi_types_leave(cx, hb, mark);
  return ok;
}

static bool cast_to_some(Context *cx, Value a, Value type, const TypeVec *types,
                         ValueVec *errors) {
  size_t before = errors->n;
  for (size_t i = 0; i < types->n; i++) {
    if (types->at[i].is_error) continue;
    if (match(cx, type, types->at[i].type, true)) {
      errors->n = before;
      return true;
    }
    if (cx->stop ||
        !keep_error(cx, bad_type(cx, a, type, types->at[i].type), errors))
      return false;
  }
  return false;
}

bool ambi_type_cast(Context *cx, Space *s, Value a, Value type,
                    ValueVec *errors) {
  a = ambi_deref(a);
  type = ambi_deref(type);
  Value plain = plain_type(a);
  if (ambi_is_unknown_type(type) || ambi_same(type, AMB_SYM(T_ATOM)) ||
      ambi_is_unknown_type(plain) ||
      (ambi_same(type, plain) && !ambi_is_none(plain)))
    return true;
  TypeVec types = {0};
  size_t mark = cx->tr;
  Word *hb = ambi_types_enter(cx);
  bool ok = ambi_get_types_or_undefined(cx, s, a, &types);
  if (ok && ambi_is_sym(a) && ambi_is_function_type(type) &&
      types.at[0].is_function) {  // as the head of a call
    types.n = 0;
    ok = ambi_head_types(cx, s, a, ambi_expr_size(type) - 2, AMB_UNIT, &types);
  }
  ok = ok && cast_to_some(cx, a, type, &types, errors);
  ambi_types_drop(&types);
  ambi_types_leave(cx, hb, mark);
  return ok;
}

bool ambi_type_cast_result(Context *cx, Space *s, Value call, Value v,
                           Value type, ValueVec *errors) {
  v = ambi_deref(v);
  bool function = !ambi_is_expr(v);
  TypeVec types = {0};
  if (!function) ambi_get_types(cx, s, ambi_expr_at(v, 0), &types);
  for (size_t i = 0; i < types.n; i++)
    function |= types.at[i].is_function;
  ambi_types_drop(&types);
  if (!function || ambi_is_error_atom(v) || ambi_equal(v, call)) return true;
  size_t before = errors->n;
  bool pass = ambi_type_cast(cx, s, v, type, errors);
  // A call that is ill typed by now was none when it was looked at.
  return pass || (!cx->stop && ambi_is_expr(v) && errors->n == before);
}
