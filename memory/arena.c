// Chunks linked newest first; a block too large for the usual chunk gets one
// of its own, slipped in behind so that the current chunk stays in use.
#include "memory/arena.h"

#include <stdint.h>

#include "memory/alloc.h"
#include "memory/stress.h"

enum {
  SMALLEST_CHUNK = 64,
  FIRST_CHUNK = 4 * 1024,
  LARGEST_CHUNK = 256 * 1024
};

struct ArenaChunk {
  ArenaChunk *older;
  size_t size;  // header included
  char bytes[];
};

void ambi_arena_open(Arena *a) {
  *a = (Arena){0};
}

void ambi_arena_close(Arena *a) {
  for (ArenaChunk *c = a->chunk, *older; c; c = older) {
    older = c->older;
    ambi_free(c, c->size);
  }
  *a = (Arena){0};
}

static ArenaChunk *new_chunk(Arena *a, size_t room) {
  size_t size = sizeof(ArenaChunk) + room;
  ArenaChunk *c = ambi_realloc(NULL, 0, size);
  if (!c) return NULL;
  c->size = size;
  a->total += size;
  return c;
}

static void *alloc_alone(Arena *a, size_t size) {
  ArenaChunk *c = new_chunk(a, size);
  if (!c) return NULL;
  if (a->chunk) {
    c->older = a->chunk->older;
    a->chunk->older = c;
  } else {
    c->older = NULL;
    a->chunk = c;
    a->next = a->end = c->bytes + size;
  }
  return c->bytes;
}

void *ambi_arena_alloc(Arena *a, size_t size) {
  if (size > PTRDIFF_MAX / 2) return NULL;
  size = size ? (size + 7) & ~(size_t)7 : 8;
  if ((size_t)(a->end - a->next) < size) {
    // Doubling with the total keeps the chunks few; the cap keeps them small.
    size_t least = ambi_stress(STRESS_MINIMAL) ? SMALLEST_CHUNK : FIRST_CHUNK;
    size_t room = a->total < least ? least : a->total;
    if (room > LARGEST_CHUNK) room = LARGEST_CHUNK;
    if (size > room / 4) return alloc_alone(a, size);
    ArenaChunk *c = new_chunk(a, room);
    if (!c) return NULL;
    c->older = a->chunk;
    a->chunk = c;
    a->next = c->bytes;
    a->end = c->bytes + room;
  }
  void *p = a->next;
  a->next += size;
  return p;
}

bool ambi_arena_is_valid(const Arena *a, const char **why) {
  size_t total = 0;
  for (const ArenaChunk *c = a->chunk; c; c = c->older)
    total += c->size;
  if (total != a->total)
    return ambi_invalid(why, "the chunks of an arena are not its total");
  if (!a->chunk)
    return (!a->next && !a->end) ||
           ambi_invalid(why, "an empty arena has room");
  if (a->next > a->end) return ambi_invalid(why, "an arena is overfull");
  const char *from = a->chunk->bytes,
             *to = (const char *)a->chunk + a->chunk->size;
  return (a->next >= from && a->end == to) ||
         ambi_invalid(why, "an arena's room is not in its newest chunk");
}
