// Operations that the embedding program adds: rows like those of builtins.def, made
// while the runtime runs.
//
// Their numbers follow those of the table. A row stays where it is until the runtime is
// closed; it is whole before its number stands in any atom, so the compiler thread,
// which meets numbers in bytecode only, may read it.
#ifndef AMBIT_RUNTIME_HOST_H
#define AMBIT_RUNTIME_HOST_H

#include "runtime/builtins/builtin.h"

typedef enum BuiltinStatus HostFn(Context *cx, const Value *args, unsigned n,
                                  Value *out, void *data);

typedef struct HostOp {
  Builtin row;  // first; F_HOST is set, name and type are the row's own copies
  Template type;  // AMB_NONE: %Undefined%
  HostFn *call;
  void *data;
  void (*drop)(void *data);  // when the runtime is closed; or NULL
} HostOp;

enum { HOST_PAGE = 64, HOST_PAGES = 64 };
typedef struct HostOps {
  HostOp *page[HOST_PAGES];  // HOST_PAGE rows each
  uint32_t n;
} HostOps;

enum HostAdded {
  HOST_ADDED,
  HOST_NAME_TAKEN,  // the language knows the word already, or it is no word
  HOST_BAD_TYPE,    // no (-> ...) of as many arguments as the row takes
  HOST_FULL,
  HOST_NO_MEMORY
};
// Adds an operation and its word, in all modules; `op` is copied, its texts too.
// Unless it was added, op->data stays the caller's.
enum HostAdded ambi_host_add(Runtime *rt, const HostOp *op);
void ambi_host_close(Runtime *rt);

#endif
