// Operations on atoms as they stand: equality, expressions and their parts.
//
// None of them evaluates anything. Expressions are read through their item
// arrays, so a list costs one step per child.
#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/types/types.h"

// These names of the core library give way to a program's own definitions.
const char *const ambi_corelib_yields[] = {
    "once",          "repr",  "parse",  "stringToChars",
    "charsToString", "catch", "forall", "foldall",
    "progn",         "prog1", "min",    "max",
    "help-example!", NULL};

// ---- equality ---------------------------------------------------------------

enum BuiltinStatus ambi_b_equal(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 2) return ambi_answer_error(cx, "== expects two arguments");
  return ambi_answer_bool(out, ambi_equal(args[0], args[1]));
}

enum BuiltinStatus ambi_b_alpha_eq(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 2) return ambi_answer_error(cx, "=alpha expects two arguments");
  return ambi_answer_bool(out, ambi_alpha_equal(args[0], args[1]));
}

enum BuiltinStatus ambi_b_if_equal(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 4)
    return ambi_answer_error(
        cx, "if-equal expects <atom> <pattern> <then> <else> as an argument");
  *out = args[ambi_alpha_equal(args[0], args[1]) ? 2 : 3];
  return B_OK;
}

enum BuiltinStatus ambi_b_is_error(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  (void)cx;
  return ambi_answer_bool(out, n >= 1 && ambi_is_error_atom(args[0]));
}

// ---- control ----------------------------------------------------------------

enum BuiltinStatus ambi_b_nop(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)cx, (void)args, (void)n;
  return ambi_answer_unit(out);
}

enum BuiltinStatus ambi_b_superpose(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || !ambi_is_expression(args[0]))
    return ambi_answer_error(
        cx, "superpose expects single expression as an argument");
  uint32_t size = ambi_expr_size(args[0]);
  if (size == 0) return B_EMPTY;
  const Value *items = ambi_expr_items(args[0]);
  if (size == 1) return ambi_answer(cx, out, ambi_deref(items[0]));
  for (uint32_t i = 0; i < size; i++)
    if (!ambi_vec_push(&cx->many, ambi_deref(items[i])))
      return ambi_answer_stop(cx);
  return B_MANY;
}

// The variables a renaming leaves alone.
static bool is_kept(Value v, void *arg) {
  const ValueVec *kept = arg;
  for (size_t i = 0; i < kept->n; i++)
    if (ambi_same(kept->at[i], v)) return true;
  return false;
}

enum BuiltinStatus ambi_b_sealed(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  if (n < 2)
    return ambi_answer_error(cx, "sealed expects two arguments: var_list to "
                                 "be ignored and expression");
  ValueVec kept = {0};
  Value v = ambi_collect_vars(cx, args[0], &kept)
                ? ambi_copy_renamed(cx, args[1], is_kept, &kept)
                : AMB_NONE;
  ambi_vec_drop(&kept);
  return ambi_answer(cx, out, v);
}

// ---- parts of expressions ---------------------------------------------------

enum BuiltinStatus ambi_b_size_atom(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  *out = ambi_small_int(ambi_expr_size(args[0]));
  return B_OK;
}

enum BuiltinStatus ambi_b_index_atom(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  if (n < 2 || !ambi_is_number(args[1]))
    return ambi_answer_error(
        cx, "index-atom expects two arguments: expression and atom");
  int64_t i;
  if (!ambi_num_to_int64(args[1], &i) || i < 0 ||
      i >= (int64_t)ambi_expr_size(args[0]))
    return ambi_answer_error(cx, "Index is out of bounds");
  *out = ambi_deref(ambi_expr_at(args[0], (uint32_t)i));
  return B_OK;
}

// A new expression of n children still to be filled in; the header says
// whether they are ground.
static Value new_expr(Context *cx, uint32_t n, bool ground, Value **items) {
  Word *p = ambi_heap_alloc(cx, 1 + (size_t)n);
  if (!p) return AMB_NONE;
  p[0] = ambi_header(KIND_FLAT, ground ? FLAG_GROUND : 0, n);
  *items = (Value *)(p + 1);
  Value v = ambi_tag_ptr(TAG_EXPR, p);
  return ground ? AMB_V(v.w | AMB_EXPR_GROUND) : v;
}

enum BuiltinStatus ambi_b_reversed(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  uint32_t size = ambi_expr_size(args[0]);
  if (size < 2) return ambi_answer(cx, out, ambi_unmark(args[0]));
  Value *to;
  Value v = new_expr(cx, size, ambi_is_ground_expr(args[0]), &to);
  if (ambi_is_none(v)) return ambi_answer_stop(cx);
  const Value *from = ambi_expr_items(args[0]);
  for (uint32_t i = 0; i < size; i++)
    to[i] = from[size - 1 - i];
  return ambi_answer(cx, out, v);
}

// Children from..from+count of a list, cut to what there is.
enum BuiltinStatus ambi_b_slice(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  int64_t from, count;
  if (n < 3 || !ambi_num_to_int64(args[1], &from) ||
      !ambi_num_to_int64(args[2], &count))
    return ambi_answer_error(cx, "a start and a count are expected");
  int64_t size = ambi_expr_size(args[0]);
  if (from < 0) from = 0;
  if (from > size) from = size;
  if (count > size - from) count = size - from;
  if (count <= 0) return ambi_answer_unit(out);
  if (from + count == size)
    return ambi_answer(cx, out, ambi_make_tail(cx, args[0], (uint32_t)from));
  const Value *items = ambi_expr_items(args[0]) + from;
  return ambi_answer(cx, out, ambi_make_expr(cx, items, (size_t)count));
}

// Integers from, from + step, ... before `to`.
enum BuiltinStatus ambi_b_range(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 3 || !ambi_is_int(args[0]) || !ambi_is_int(args[1]) ||
      !ambi_is_int(args[2]) || ambi_int_of(args[2]) == 0)
    return ambi_answer_error(
        cx, "range expects integers: start, end and a step that is not 0");
  int64_t from = ambi_int_of(args[0]), to = ambi_int_of(args[1]);
  int64_t step = ambi_int_of(args[2]);
  int64_t distance = step > 0 ? to - from : from - to;
  int64_t stride = step > 0 ? step : -step;
  if (distance <= 0) return ambi_answer_unit(out);
  int64_t count = (distance + stride - 1) / stride;
  if (count > UINT32_MAX) return ambi_answer_error(cx, "range is too long");
  Value *items;
  Value v = new_expr(cx, (uint32_t)count, true, &items);
  if (ambi_is_none(v)) return ambi_answer_stop(cx);
  for (int64_t i = 0; i < count; i++)
    items[i] = ambi_small_int(from + i * step);
  return ambi_answer(cx, out, v);
}

enum BuiltinStatus ambi_b_contains(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 2 || !ambi_is_expression(args[1])) return ambi_answer_no_expr(cx);
  uint32_t size = ambi_expr_size(args[1]);
  bool found = false;
  for (uint32_t i = 0; i < size && !found; i++)
    found = ambi_equal(args[0], ambi_deref(ambi_expr_at(args[1], i)));
  return ambi_answer_bool(out, found);
}

// A list without the children equal to an atom.
enum BuiltinStatus ambi_b_without(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  if (n < 2 || !ambi_is_expression(args[1])) return ambi_answer_no_expr(cx);
  uint32_t size = ambi_expr_size(args[1]);
  ValueVec kept = {0};
  bool ok = true;
  for (uint32_t i = 0; i < size && ok; i++) {
    Value v = ambi_deref(ambi_expr_at(args[1], i));
    if (!ambi_equal(args[0], v)) ok = ambi_vec_push(&kept, v);
  }
  Value v = ok ? ambi_make_expr(cx, kept.at, kept.n) : AMB_NONE;
  ambi_vec_drop(&kept);
  return ambi_answer(cx, out, v);
}

// Turns (Pair a b) around; an example of a native operation.
enum BuiltinStatus ambi_b_skel_swap(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || ambi_expr_size(args[0]) != 3)
    return ambi_answer_error(cx, "single pair is expected as an argument");
  const Value *pair = ambi_expr_items(args[0]);
  return ambi_answer(cx, out, AMB_EXPR(cx, pair[0], pair[2], pair[1]));
}
