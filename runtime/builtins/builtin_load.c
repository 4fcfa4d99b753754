// The modules table and snapshot: files that fill a space, and back.
#include "runtime/builtins/answer.h"
#include "runtime/loading/rows.h"
#include "runtime/loading/snapshot.h"

// A path as the system wants it; NULL for one it could not name.
static const char *path_of(Value v) {
  if (!ambi_is_str(v)) return NULL;
  const char *s = ambi_str_bytes(v);
  return strlen(s) == ambi_str_len(v) ? s : NULL;
}

static enum BuiltinStatus answer_count(Context *cx, bool ok, uint64_t count,
                                       Value *out) {
  if (ok) return ambi_answer(cx, out, ambi_num_from_uint64(cx, count));
  return cx->stop == STOP_NONE ? B_ERROR : B_STOP;
}

static enum BuiltinStatus not_here(Context *cx) {
  return ambi_answer_error(cx, "not in par, race and transaction");
}

enum BuiltinStatus ambi_b_import_table(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  if (cx->journal) return not_here(cx);
  const char *file = n < 3 ? NULL : path_of(args[1]);
  if (!file || !ambi_is_space(args[0]) || !ambi_is_expression(args[2]))
    return ambi_answer_error(cx, "import-table! expects a space, the path of a "
                                 "file as a string, and an expression of "
                                 "options");
  RowsOptions o;
  uint64_t count = 0;
  bool ok = ambi_rows_options(cx, file, args[2], &o) &&
            ambi_rows_import(cx, ambi_space_of(args[0]), file, &o, &count);
  ambi_rows_options_drop(&o);
  return answer_count(cx, ok, count, out);
}

enum BuiltinStatus ambi_b_save_space(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (cx->journal) return not_here(cx);
  const char *file = n < 2 ? NULL : path_of(args[1]);
  if (!file || !ambi_is_space(args[0]))
    return ambi_answer_error(cx, "save-space! expects a space and the path of "
                                 "a file as a string");
  uint64_t count = 0;
  bool ok = ambi_space_save(cx, ambi_space_of(args[0]), file, &count);
  return answer_count(cx, ok, count, out);
}

enum BuiltinStatus ambi_b_load_space(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (cx->journal) return not_here(cx);
  const char *file = n < 2 ? NULL : path_of(args[1]);
  if (!file || !ambi_is_space(args[0]))
    return ambi_answer_error(cx, "load-space! expects a space and the path of "
                                 "a file as a string");
  uint64_t count = 0;
  bool ok = ambi_space_load(cx, ambi_space_of(args[0]), file, &count);
  return answer_count(cx, ok, count, out);
}
