// Spaces and states as values.
//
// Atoms of a space come out as instances with variables of their own; ground
// atoms are handed out as stored, without a copy. A state keeps its contents
// in the store, so that the cell outlives the form that made it.
#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"

// ---- spaces -----------------------------------------------------------------

static enum BuiltinStatus answer_space(Context *cx, Value *out, Space *s) {
  return ambi_answer(cx, out, s ? ambi_space_value(s) : AMB_NONE);
}

enum BuiltinStatus ambi_b_new_space(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  (void)args;
  if (n > 0) return ambi_answer_error(cx, "new-space doesn't expect arguments");
  return answer_space(cx, out, ambi_space_open(cx->rt, NULL, false));
}

enum BuiltinStatus ambi_b_add_atom(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 2)
    return ambi_answer_error(cx,
                             "add-atom expects two arguments: space and atom");
  if (!ambi_is_space(args[0]))
    return ambi_answer_error(cx,
                             "add-atom expects a space as the first argument");
  if (!ambi_space_add(ambi_space_of(args[0]), args[1]))
    return ambi_answer_stop(cx);
  return ambi_answer_unit(out);
}

enum BuiltinStatus ambi_b_remove_atom(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 2)
    return ambi_answer_error(
        cx, "remove-atom expects two arguments: space and atom");
  if (!ambi_is_space(args[0]))
    return ambi_answer_error(
        cx, "remove-atom expects a space as the first argument");
  bool found;
  if (!ambi_space_remove(ambi_space_of(args[0]), args[1], &found))
    return ambi_answer_stop(cx);
  return ambi_answer_unit(out);
}

static Value record_instance(Context *cx, Record r) {
  return ambi_record_open(r) ? ambi_instance(cx, ambi_record_kept(r), false)
                             : ambi_record_atom(r);
}

enum BuiltinStatus ambi_b_get_atoms(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || !ambi_is_space(args[0]))
    return ambi_answer_error(cx, "get-atoms expects a space as its argument");
  RecordVec records = {0};
  bool ok = ambi_space_atoms(ambi_space_of(args[0]), &records);
  if (ok && records.n == 1) {
    Value only = record_instance(cx, records.at[0]);
    ambi_records_drop(&records);
    return ambi_answer(cx, out, only);
  }
  for (size_t i = 0; ok && i < records.n; i++) {
    Value v = record_instance(cx, records.at[i]);
    ok = !ambi_is_none(v) && ambi_vec_push(&cx->many, v);
  }
  size_t count = records.n;
  ambi_records_drop(&records);
  if (!ok) return ambi_answer_stop(cx);
  return count == 0 ? B_EMPTY : B_MANY;
}

// A module's own atoms as they are now, in a space without dependencies.
enum BuiltinStatus ambi_b_module_space_no_deps(Context *cx, const Value *args,
                                               unsigned n, Value *out) {
  if (n < 1 || !ambi_is_space(args[0]))
    return ambi_answer_error(
        cx, "module-space-no-deps expects a space as an argument");
  Space *from = ambi_space_of(args[0]);
  if (!from->is_module) return ambi_answer(cx, out, args[0]);
  Space *own = ambi_space_open(cx->rt, from->name, false);
  RecordVec records = {0};
  bool ok = own && ambi_space_atoms(from, &records);
  for (size_t i = 0; ok && i < records.n; i++) {
    Value v = record_instance(cx, records.at[i]);
    ok = !ambi_is_none(v) && ambi_space_add(own, v);
  }
  ambi_records_drop(&records);
  return answer_space(cx, out, ok ? own : NULL);
}

// ---- states -----------------------------------------------------------------

// (_new-state value (type ..))
enum BuiltinStatus ambi_b_new_state(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 2 || ambi_expr_size(args[1]) == 0)
    return ambi_answer_error(cx, "new-state expects atom as a first argument "
                                 "and non-empty list of types as a second "
                                 "argument");
  State *s = ambi_state_open(cx->rt, args[0], ambi_expr_at(args[1], 0));
  if (!s) return ambi_answer_stop(cx);
  return ambi_answer(cx, out, ambi_tag_ptr(TAG_CELL, s));
}

enum BuiltinStatus ambi_b_get_state(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1 || !ambi_is_state(args[0]))
    return ambi_answer_error(
        cx, "get-state expects single state atom as an argument");
  return ambi_answer(cx, out, ambi_state_instance(cx, ambi_state_of(args[0])));
}

enum BuiltinStatus ambi_b_change_state(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  if (n < 1 || !ambi_is_state(args[0]))
    return ambi_answer_error(
        cx, "change-state! expects a state as the first argument");
  if (n < 2)
    return ambi_answer_error(
        cx, "change-state! expects a state atom and its new value as "
            "arguments");
  if (!ambi_state_change(cx->rt, ambi_state_of(args[0]), args[1]))
    return ambi_answer_stop(cx);
  return ambi_answer(cx, out, args[0]);
}
