// Grounded operations: one row of builtins.def each, shared by all tiers.
//
// A plain builtin takes dereferenced arguments (top level only; use ambi_deref
// on children) and returns a status. It never evaluates atoms, never collects,
// never recurses in proportion to data. Operations that must evaluate something
// (F_ENGINE rows) have no function: each tier implements them.
#ifndef AMBIT_RUNTIME_BUILTIN_H
#define AMBIT_RUNTIME_BUILTIN_H

#include "runtime/atoms/context.h"
#include "runtime/atoms/match.h"
#include "runtime/atoms/number.h"

enum BuiltinStatus {
  B_OK,        // *out is the result
  B_EMPTY,     // no result
  B_NOREDUCE,  // the call stays as data (NotReducible)
  B_ERROR,     // (Error call reason): reason = cx->error_reason, or if that is
               // AMB_NONE the symbol with the text cx->message
  B_MANY,      // cx->many holds the results, in order (the engine empties it)
  B_STOP       // cx->stop is set: unwind the form
};
typedef enum BuiltinStatus BuiltinFn(Context *cx, const Value *args, unsigned n,
                                     Value *out);

// Effects of an operation, for the analysis that allows streaming.
enum Effect {
  E_PURE = 0,
  E_READ_SPACE = 1,
  E_READ_STATE = 2,
  E_WRITE_SPACE = 4,  // may add or remove atoms
  E_WRITE_STATE = 8,
  E_IO = 16,     // prints, reads, random, files
  E_RULES = 32,  // may add or remove =, : or :< atoms, tokens, pragmas
  E_EFFECTS = E_WRITE_SPACE | E_WRITE_STATE | E_IO | E_RULES,
  E_ALL = 63
};
enum BuiltinFlag {
  F_DET = 0,
  F_NONDET = 1,    // may deliver several results or none
  F_ENGINE = 2,    // implemented by each tier
  F_HOST = 4,      // of the embedding program, see host.h
  F_VALUE = 8,     // what it gives is evaluated, whatever its type says
  F_LASTING = 16,  // what it does cannot be undone ...
  F_PRINTS = 32    // ... unless a transaction holds what is printed
};

typedef struct Builtin {
  const char *name;    // token and printed name
  const char *module;  // "" = always there, else the module that brings it
  const char *type;    // text of its type; "" = %Undefined%
  int min_args,
      max_args;  // max -1: any number; checked by the type if it has one
  BuiltinFn *fn;
  unsigned effects;
  unsigned flags;
  const char *count_text;  // what a wrong number of arguments is told
} Builtin;

// Can it be called with n arguments where nothing has counted them? Those beyond
// the last it takes are not looked at.
static inline bool ambi_builtin_takes(const Builtin *b, uint32_t n) {
  return (int)n >= b->min_args && (n == 0 || b->max_args != 0);
}
static inline uint32_t ambi_builtin_count(const Builtin *b, uint32_t n) {
  return b->max_args >= 0 && (int)n > b->max_args ? (uint32_t)b->max_args : n;
}

enum OpId {
#define BUILTIN(id, name, module, type, min, max, fn, effects, flags, text) \
  OP_##id,
#include "runtime/builtins/builtins.def"
  OP_COUNT
};
extern const Builtin ambi_builtins[OP_COUNT];
// The row of any operation of the runtime, one of the embedding program too.
const Builtin *ambi_host_row(const Runtime *rt, uint32_t op);
static inline const Builtin *ambi_builtin(const Runtime *rt, uint32_t op) {
  return AMB_LIKELY(op < OP_COUNT) ? &ambi_builtins[op] : ambi_host_row(rt, op);
}
// Calls the operation, which has a function.
enum BuiltinStatus ambi_host_call(Context *cx, const Builtin *b,
                                  const Value *args, unsigned n, Value *out);
static inline enum BuiltinStatus ambi_builtin_call(Context *cx,
                                                   const Builtin *b,
                                                   const Value *args,
                                                   unsigned n, Value *out) {
  n = ambi_builtin_count(b, n);
  return AMB_LIKELY(b->fn != NULL) ? b->fn(cx, args, n, out)
                                   : ambi_host_call(cx, b, args, n, out);
}

// Every row's function, wherever it is defined.
#define BUILTIN(id, name, module, type, min, max, fn, effects, flags, text) \
  BuiltinFn fn;
#define BUILTIN_ENGINE(id, name, module, type, min, max, effects, flags, text)
#include "runtime/builtins/builtins.def"

// Names of the core library that give way to a program's own definitions; ends
// with NULL.
extern const char *const ambi_corelib_yields[];

// The type of op as a heap atom with fresh variables; AMB_NONE: undefined.
Value ambi_builtin_type(Context *cx, uint32_t op);
// The types as templates, made once per runtime.
bool ambi_builtins_open(Runtime *rt);
void ambi_builtins_close(Runtime *rt);

#endif
