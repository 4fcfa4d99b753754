// Bump allocation in chunks, freed all at once.
//
// For data of one phase: a parse, a lowering, a form run by tier 0. Blocks are
// 8-byte aligned and not zeroed.
#ifndef AMBIT_MEMORY_ARENA_H
#define AMBIT_MEMORY_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ArenaChunk ArenaChunk;
typedef struct Arena {
  ArenaChunk *chunk;  // newest chunk
  char *next, *end;
  size_t total;  // bytes in all chunks
} Arena;

void ambi_arena_open(Arena *a);
void ambi_arena_close(Arena *a);  // frees everything; a may be used again
void *ambi_arena_alloc(Arena *a, size_t size);  // NULL when memory is out
bool ambi_arena_is_valid(const Arena *a, const char **why);

#endif
