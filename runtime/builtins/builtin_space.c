// Spaces and states as values.
//
// Atoms of a space come out as instances with variables of their own; ground
// atoms are handed out as stored, without a copy. A state keeps its contents
// in the store, so that the cell outlives the form that made it.
#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal.h"
#include "runtime/types/types.h"

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

static bool add(Context *cx, Space *s, Value atom) {
  return AMB_UNLIKELY(cx->journal != NULL) ? ambi_journal_add(cx, s, atom)
                                           : ambi_space_add(s, atom);
}

static bool take_away(Context *cx, Space *s, Value atom) {
  bool found;
  return AMB_UNLIKELY(cx->journal != NULL) ? ambi_journal_remove(cx, s, atom)
                                           : ambi_space_remove(s, atom, &found);
}

enum BuiltinStatus ambi_b_add_atom(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 2)
    return ambi_answer_error(cx,
                             "add-atom expects two arguments: space and atom");
  if (!ambi_is_space(args[0]))
    return ambi_answer_error(cx,
                             "add-atom expects a space as the first argument");
  if (!add(cx, ambi_space_of(args[0]), args[1])) return ambi_answer_stop(cx);
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
  if (!take_away(cx, ambi_space_of(args[0]), args[1]))
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
  bool ok = ambi_space_atoms_for(cx, ambi_space_of(args[0]), &records);
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
  bool ok = own && ambi_space_atoms_for(cx, from, &records);
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
  if (AMB_LIKELY(!cx->journal))
    return ambi_answer(cx, out,
                       ambi_state_instance(cx, ambi_state_of(args[0])));
  Record r;
  if (!ambi_journal_read_state(cx, ambi_state_of(args[0]), &r)) return B_STOP;
  return ambi_answer(cx, out, record_instance(cx, r));
}

static bool change_state(Context *cx, State *s, Value v) {
  if (AMB_UNLIKELY(cx->journal != NULL))
    return ambi_journal_change_state(cx, s, v);
  return ambi_state_change(cx->rt, s, v);
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
  if (!change_state(cx, ambi_state_of(args[0]), args[1]))
    return ambi_answer_stop(cx);
  return ambi_answer(cx, out, args[0]);
}

// Is that what was read from the state? A value without variables is handed out as it
// is stored; others come with variables of their own. Equal ones will do as well.
static bool was_read(Context *cx, Record r, Value read) {
  if (ambi_same(r.held, ambi_unmark(read))) return true;
  if (!ambi_is_expr(read) && !ambi_record_open(r)) return false;
  Template t = ambi_record_template(r);
  Value now = ambi_instance(cx, &t, false);
  return !ambi_is_none(now) && ambi_alpha_equal(now, read);
}

// What a state holds, as it stands: nothing evaluates it.
enum BuiltinStatus ambi_b_read_state(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1 || !ambi_is_state(args[0]))
    return ambi_answer_error(
        cx, "update-state! expects a state as the first argument");
  return ambi_b_get_state(cx, args, n, out);
}

// The Error that change-state! gives for a value the state cannot hold; AMB_NONE: it can.
static Value refusal(Context *cx, Value state, Value v) {
  if (ambi_state_takes(ambi_state_of(state), v)) return AMB_NONE;
  Value type = ambi_state_type(cx, ambi_state_of(state)), error = AMB_NONE;
  ValueVec errors = {0};
  if (!ambi_is_none(type) && !ambi_type_cast(cx, cx->space, v, type, &errors) &&
      errors.n) {
    Value reason = ambi_deref(ambi_expr_at(ambi_deref(errors.at[0]), 2));
    error = ambi_make_error(
        cx, AMB_EXPR(cx, AMB_OP_ID(OP_CHANGE_STATE), state, v),
        AMB_EXPR(cx, AMB_SYM(BAD_ARG_TYPE), ambi_small_int(2),
                 ambi_expr_at(reason, 1), ambi_expr_at(reason, 2)));
  }
  ambi_vec_drop(&errors);
  return error;
}

static bool replace(Context *cx, State *s, Value read, Value v, bool *done) {
  Record r;
  if (AMB_UNLIKELY(cx->journal != NULL)) {
    if (!ambi_journal_read_state(cx, s, &r)) return false;
    *done = was_read(cx, r, read);
    return !*done || ambi_journal_change_state(cx, s, v);
  }
  r = ambi_state_settled(cx->rt, s);
  return !was_read(cx, r, read) || ambi_state_replace(cx->rt, s, r, v, done);
}

// (_put-state state read new): the new value takes the place of what was read. False:
// something else is there by now.
enum BuiltinStatus ambi_b_put_state(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 3 || !ambi_is_state(args[0])) return B_NOREDUCE;
  State *s = ambi_state_of(args[0]);
  Value error = refusal(cx, args[0], args[2]);
  bool done = false;
  if (cx->stop) return B_STOP;
  if (!ambi_is_none(error)) return ambi_answer(cx, out, error);
  if (!replace(cx, s, args[1], args[2], &done)) return ambi_answer_stop(cx);
  return cx->stop ? B_STOP : ambi_answer_bool(out, done);
}
