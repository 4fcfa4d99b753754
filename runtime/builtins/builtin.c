// The table of grounded operations and their types.
//
// The types are written as text in builtins.def, and become templates; each use
// of a type with variables gets fresh ones.
#include "runtime/builtins/builtin.h"

#include "memory/alloc.h"
#include "runtime/builtins/host.h"
#include "runtime/runtime.h"

const Builtin ambi_builtins[OP_COUNT] = {
#define BUILTIN(id, name, module, type, min, max, fn, effects, flags, text) \
  [OP_##id] = {name, module, type, min, max, fn, effects, flags, text},
#include "runtime/builtins/builtins.def"
};

// Reads the one atom of a type's text. No word in a type is a token.
static bool read_type(Runtime *rt, const char *text, Template *out) {
  Reader r;
  ambi_reader_open(&r, rt, NULL, text, strlen(text));
  enum ReadStatus status = ambi_read(&r, out);
  AMB_CHECK(status == READ_ATOM || status == READ_MEMORY);
  return status == READ_ATOM;
}

bool ambi_builtins_open(Runtime *rt) {
  Template *types = ambi_alloc(OP_COUNT * sizeof *types);
  rt->op_types = types;
  if (!types) return false;
  for (unsigned i = 0; i < OP_COUNT; i++)
    types[i].atom = AMB_NONE;
  bool ok = true;
  for (unsigned i = 0; ok && i < OP_COUNT; i++) {
    if (!*ambi_builtins[i].type) continue;
    if (rt->boot)
      types[i] = ambi_template_of_image(
          rt->store, rt->booted[rt->boot->core].terms, &rt->boot->op_types[i]);
    else
      ok = read_type(rt, ambi_builtins[i].type, &types[i]);
  }
  return ok;
}

void ambi_builtins_close(Runtime *rt) {
  if (!rt->op_types) return;
  for (unsigned i = 0; i < OP_COUNT; i++)
    if (!ambi_is_none(rt->op_types[i].atom))
      ambi_template_release(rt->store, &rt->op_types[i]);
  ambi_free(rt->op_types, OP_COUNT * sizeof *rt->op_types);
  rt->op_types = NULL;
}

Value ambi_builtin_type(Context *cx, uint32_t op) {
  const Template *t = op < OP_COUNT
                          ? &cx->rt->op_types[op]
                          : &((const HostOp *)ambi_builtin(cx->rt, op))->type;
  return ambi_instance(cx, t, false);
}
