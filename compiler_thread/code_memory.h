// Memory for machine code: written through one mapping, run through another.
//
// No page is ever both writable and executable (W^X by two mappings of the
// same memory). Live code is never changed: a block is written once, before its
// address is given to anybody. Blocks come back when the unit they belong to is
// freed, and are used again. Reserved at once, so that any block reaches any other
// by a 32-bit displacement; backed by pages as it is written.
//
// Thread rules: any thread may call; a lock of its own guards the free list.
#ifndef AMBIT_COMPILER_THREAD_CODE_MEMORY_H
#define AMBIT_COMPILER_THREAD_CODE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CodeMemory CodeMemory;

typedef struct CodeMemoryUse {
  size_t cap;    // bytes that may be used
  size_t used;   // bytes in live blocks, rounding included
  size_t peak;   // the most that was used
  size_t freed;  // bytes that came back, in all
  bool reuses;   // what came back is handed out again, see ambi_code_settle
} CodeMemoryUse;

// At most `cap` bytes, rounded up to pages. NULL: the system permits no
// executable memory, or has none; *why (static text) says what it refused.
CodeMemory *ambi_code_memory_open(size_t cap, const char **why);
void ambi_code_memory_close(CodeMemory *m);
// n bytes at *run, to be written through *write. False: the cap is reached.
bool ambi_code_take(CodeMemory *m, size_t n, void **run, void **write);
void ambi_code_give_back(CodeMemory *m, void *run, size_t n);
// Between writing a block and giving its address to anybody: no processor goes on
// with bytes that it fetched when the block was another's. Needs the system's
// help (membarrier); where that is refused, blocks are not used again.
void ambi_code_settle(CodeMemory *m);
CodeMemoryUse ambi_code_use(const CodeMemory *m);
bool ambi_code_memory_is_valid(CodeMemory *m, const char **why);
// All code lies in [low, high).
void ambi_code_range(const CodeMemory *m, const void **low, const void **high);

#endif
