// get-type, get-type-space, get-metatype.
#include "runtime/builtins/builtin.h"
#include "runtime/modules/module.h"
#include "runtime/spaces/journal.h"
#include "runtime/types/types.h"

static enum BuiltinStatus fail(Context *cx, const char *message) {
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "%s", message);
  return B_ERROR;
}

enum BuiltinStatus ambi_b_get_metatype(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  if (n < 1) return fail(cx, "get-metatype expects single atom as an argument");
  *out = ambi_metatype(args[0]);
  return B_OK;
}

// All valid types; an atom that cannot be typed gives no result.
static enum BuiltinStatus deliver_types(Context *cx, Space *s, Value atom,
                                        Value *out) {
  TypeVec types = {0};
  s = ambi_home(cx, s);
  if (!s) return B_STOP;
  bool ok = ambi_get_types_or_undefined(cx, s, atom, &types);
  size_t valid = 0;
  for (size_t i = 0; i < types.n; i++)
    if (!types.at[i].is_error) types.at[valid++] = types.at[i];
  if (valid == 1) *out = types.at[0].type;
  for (size_t i = 0; ok && valid > 1 && i < valid; i++) {
    ok = ambi_vec_push(&cx->many, types.at[i].type);
    if (!ok) cx->stop = STOP_MEMORY;
  }
  ambi_types_drop(&types);
  if (!ok) return B_STOP;
  return valid == 0 ? B_EMPTY : valid == 1 ? B_OK : B_MANY;
}

// Without a space the types are those of the program's module.
enum BuiltinStatus ambi_b_get_type(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 1) return fail(cx, "get-type expects single atom as an argument");
  Space *s = cx->module ? cx->module->space : cx->space;
  if (n > 1) {
    if (!ambi_is_space(args[1]))
      return fail(cx, "match expects a space as the first argument");
    s = ambi_space_of(args[1]);
  }
  return deliver_types(cx, s, args[0], out);
}

enum BuiltinStatus ambi_b_get_type_space(Context *cx, const Value *args,
                                         unsigned n, Value *out) {
  if (n < 1)
    return fail(cx, "get-type-space expects two arguments: space and atom");
  if (!ambi_is_space(args[0]))
    return fail(cx, "get-type-space expects a space as the first argument");
  if (n < 2)
    return fail(cx, "get-type-space expects two arguments: space and atom");
  return deliver_types(cx, ambi_space_of(args[0]), args[1], out);
}
