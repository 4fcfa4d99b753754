// Machine code by name for debuggers: GDB, and LLDB, which took the interface over.
//
// The interface is that of the GDB manual, chapter "JIT Compilation Interface": a list
// that starts at __jit_debug_descriptor, and a function that is called, with a
// breakpoint of the debugger in it, whenever the list has changed. Each entry is an
// ELF object in memory: here with the one function that a unit is, and with what
// unwinding needs, since all machine code keeps the same words on the C stack; routines
// that it calls keep two more.
//
// Any thread may call; the list is the process's and has a lock of its own.
#ifndef AMBIT_COMPILER_THREAD_GDB_H
#define AMBIT_COMPILER_THREAD_GDB_H

#include <stddef.h>

typedef struct GdbEntry GdbEntry;

// NULL: memory is out, and the debugger does not hear of it.
GdbEntry *ambi_gdb_add(const void *code, size_t bytes, const char *name);
// The same for routines that machine code calls, and that call C with one word more.
GdbEntry *ambi_gdb_add_called(const void *code, size_t bytes, const char *name);
void ambi_gdb_remove(GdbEntry *e);  // before the code's memory is used again

#endif
