// From a unit of bytecode to machine code: one template for each instruction.
//
// An Emitter belongs to one thread at a time. It reads units, which do not change
// once they are callable, and writes code memory; it touches nothing else of the
// evaluator's. Level 1: the frames, records, hooks, trail and heap of bytecode as
// they are, so any instruction may leave to the loop at itself and machine code
// may take over at any landing.
#ifndef AMBIT_COMPILER_THREAD_EMIT_H
#define AMBIT_COMPILER_THREAD_EMIT_H

#include "compiler_thread/code_memory.h"
#include "runtime/bytecode/code.h"

typedef struct Emitter Emitter;

// Why a unit stays bytecode. Rows: constant, text.
#define EMIT_RESULTS(X)                            \
  X(EMIT_OK, "compiled")                           \
  X(EMIT_LARGE, "too large")                       \
  X(EMIT_NO_MEMORY, "no memory")                   \
  X(EMIT_CODE_FULL, "code memory full")            \
  X(EMIT_ASSEMBLER, "refused by the assembler")    \
  X(EMIT_CLOSED, "no machine code here, see mode") \
  X(EMIT_POINTLESS, "nothing in it that machine code does")
typedef enum EmitResult {
#define X(name, text) name,
  EMIT_RESULTS(X)
#undef X
      EMIT_RESULT_COUNT
} EmitResult;

typedef struct EmitNote {  // for --jit-stats, disassembly, profilers
  size_t instructions;     // of the unit that have machine code
  size_t bytes;
  const char *refused_for;  // EMIT_ASSEMBLER: what it said, static
} EmitNote;

// Writes the code all units share. NULL: memory is out, or *why.
Emitter *ambi_emitter_open(CodeMemory *m, const char **why);
void ambi_emitter_close(Emitter *em);
// Units that are emitted from now on count their instructions as they begin them, for
// tests: rows of a counter for each opcode.
enum EmitCounted {
  COUNTED_ALL,
  COUNTED_KEPT,   // with a template of level 2 of its own ...
  COUNTED_USUAL,  // ... that it turned out not to be for
  COUNTED_ROWS
};
void ambi_emitter_count(Emitter *em, OpCount *ran);
// Unit.enter of units without machine code: goes on at NativeHost.to_bytecode, so that
// units can be made before there is an emitter.
const void *ambi_emit_call_bytecode(void);
// The shared part of NativeHost: enter, to_bytecode and fail.
void ambi_emitter_host(const Emitter *em, NativeHost *host);
const void *ambi_emitter_code(const Emitter *em, size_t *bytes);
// The last part of it: what machine code calls.
const void *ambi_emitter_called(const Emitter *em, size_t *bytes);
typedef AMB_ATOMIC(uint8_t) SeenByte;  // [all~]
// *out is complete and unpublished; the caller publishes or frees it. seen: what code
// of level 1 has noted for each word of the unit (Native.seen), or NULL.
EmitResult ambi_emit_unit(Emitter *em, const Unit *u, unsigned level,
                          const SeenByte *seen, Native **out, EmitNote *note);
// Frees it and those before it.
void ambi_native_free(CodeMemory *m, Native *n);

#endif
