// What machine code is made with: code memory, the emitter with the code that all units
// share, and those that are told of it.
//
// It takes a quarter of a millisecond to open, and most programs end before anything of
// theirs is hot. So whoever compiles opens it, for the first unit; earlier where somebody
// wants to know whether there will be machine code at all (JitConfig.at_once).
//
// PROTOCOL maker
//   what      the fields of a Maker, and those of NativeHost that machine code needs
//   writer    whoever compiles, once, for its first unit; or who opens the compiler
//   readers   whoever compiles; evaluators for statistics, and who frees machine code
//   publish   release store of x_state; for NativeHost that of a unit's entry, behind it
//   observe   acquire load of x_state in ambi_maker_state; an evaluator that frees or
//             enters machine code has come upon that by an acquire load
//   lifetime  what is open stays so until the runtime is closed
//   test      tests/unit/jit/compiler_test.c, torture.h, also under tsan
#ifndef AMBIT_COMPILER_THREAD_MAKER_H
#define AMBIT_COMPILER_THREAD_MAKER_H

#include "compiler_thread/emit.h"
#include "compiler_thread/gdb.h"
#include "compiler_thread/profile.h"

enum MakerState { MAKER_CLOSED, MAKER_OPEN, MAKER_REFUSED };

typedef struct Maker {
  size_t cap;                // [init] bytes of code memory
  enum JitProfile profiles;  // [init]
  bool debugs;               // [init] gdb is told
  OpCount *ran;              // [init] instructions are counted there, or NULL
  AMB_ATOMIC(uint32_t) x_state;  // [compiler] enum MakerState
  const char *why;               // [compiler] static text, MAKER_REFUSED
  CodeMemory *memory;            // [compiler]
  Emitter *emitter;              // [compiler]
  Profile *profile;              // [compiler] or NULL
  // [compiler] of the code that all units share, or NULL
  GdbEntry *debugger, *debugger_called;
} Maker;

// Whoever compiles: opens it if nobody has, with what host needs. False: it is refused.
bool ambi_maker_ready(Maker *m, NativeHost *host);
// Anybody. What it says of the other fields holds.
enum MakerState ambi_maker_state(const Maker *m);
// Anybody; nothing is used before it is open.
CodeMemoryUse ambi_maker_use(const Maker *m);
// Profilers and debuggers learn of code in code memory.
void ambi_maker_tell(const Maker *m, Native *n, const char *name);
void ambi_maker_close(Maker *m);

#endif
