// Internal to the store: segments and chunks, shared with the walk over them.
//
// PROTOCOL store
//   what      terms made and given up by several threads (ambi_store_share); alone none
//             of this is done
//   writer    who has a desk writes behind the end of its chunk. Segments, large chunks
//             and maps change under Store.lock; x_live of a chunk by adding
//   readers   everybody: terms do not change
//   publish   whoever hands a term over: a space by its records, a state by its word, a
//             scheduler by its queues
//   why safe  a chunk is the current one of one desk. Nothing is freed, and no room of a
//             term that anybody has seen is used again
//   waits     for another thread at the same desk, when all are taken; and for who takes
//             a chunk or segment
//   lifetime  chunks whose terms were all given up are found when the store belongs to
//             one thread again, and go like any other between forms
//   weaker?   counting without an atomic add is rejected: a chunk in use would be freed
//   test      tests/unit/together_test.c, also under tsan
#ifndef AMBIT_RUNTIME_STORE_DATA_H
#define AMBIT_RUNTIME_STORE_DATA_H

#include <pthread.h>

#include "memory/atomic.h"
#include "runtime/atoms/store.h"

enum {
  CHUNK_BYTES = STORE_CHUNK_WORDS * 8,
  FIRST_CHUNKS = STORE_IMAGE_CHUNKS,  // of a small store's segments
  SEGMENT_CHUNKS = 32,                // of the others
  LARGE_WORDS = CHUNK_BYTES / 4 / 8
};

typedef struct Segment {
  struct Segment *next;
  char *base;        // first chunk
  uint32_t nchunks;  // FIRST_CHUNKS or SEGMENT_CHUNKS
  uint32_t free;     // bit i: chunk i is not in use
} Segment;

// A file in memory whose terms are used where they are. It goes when none is left.
typedef struct StoreMap {
  struct StoreMap *next;
  Mapping file;
  size_t n;        // chunks from its beginning
  size_t nchunks;  // not yet freed
} StoreMap;

typedef struct StoreChunk {
  struct StoreChunk *next_doomed;
  Segment *segment;           // NULL: a large chunk
  AMB_ATOMIC(size_t) x_live;  // [all] templates not yet released
  size_t bytes;               // of a large or mapped one
  StoreMap *map;              // of a mapped chunk, until it is freed
  bool doomed;                // in the store's list of chunks to be freed
  bool watched;               // among those of the store
  bool touched;               // but still pointed to
  bool lasting;               // of the boot image: freed with the store
  AMB_ATOMIC(bool) x_noted;   // [all] terms in it refer to cells
} StoreChunk;

// Cells that a term refers to, one that has room in the store.
typedef struct CellNote {
  struct CellNote *next;
  const Word *block;  // the term's, as ambi_template_block says
  uint32_t n;
  CellHeader *cell[];
} CellNote;

// Where one thread at a time puts small terms.
typedef struct Desk {
  pthread_mutex_t lock;  // [init] of who is at it, together
  StoreChunk *current;   // [lock] NULL before the first
  Word *next, *end;      // [lock] free words of it
  const Word *newest;    // [lock] of the term made last, together
  char apart[56];        // from what others write
} Desk;
enum { DESKS = 8 };

struct Store {
  bool together;         // [init] several threads use it
  Desk desks[DESKS];     // who is alone has the first
  pthread_mutex_t lock;  // [init] of what follows, together
  Segment *segments;
  StoreChunk *doomed;    // to be freed; nothing comes here together
  StoreChunk **watched;  // the doomed ones by address, for touches
  size_t nwatched, room_watched;
  StoreChunk **large;  // by address
  size_t nlarge, large_cap;
  StoreMap *maps;
  CellNote **notes;  // a table by block
  size_t nnotes, notes_cap;
  CellNote *given;             // of terms that were given up
  CellNote *watched_notes;     // of those that were when touches began
  CellHeader *unused;          // cells whose count came to 0
  bool uncounted;              // [init] cells go with the runtime
  AMB_ATOMIC(size_t) x_bytes;  // [lock>all]
};

static inline void ambi_store_hold(Store *s) {
  if (AMB_UNLIKELY(s->together)) pthread_mutex_lock(&s->lock);
}
static inline void ambi_store_let_go(Store *s) {
  if (AMB_UNLIKELY(s->together)) pthread_mutex_unlock(&s->lock);
}
// Under the lock, together.
static inline void ambi_store_count_bytes(Store *s, size_t more) {
  ambi_store_release(&s->x_bytes, ambi_load_relaxed(&s->x_bytes) + more);
}

static inline size_t ambi_chunk_live(const StoreChunk *c) {
  return ambi_load_relaxed(&c->x_live);
}
static inline void ambi_chunk_use(const Store *s, StoreChunk *c) {
  if (AMB_UNLIKELY(s->together))
    ambi_add_relaxed(&c->x_live, 1);
  else
    ambi_store_release(&c->x_live, ambi_chunk_live(c) + 1);
}
bool ambi_store_is_current(const Store *s, const StoreChunk *c);

static inline uint32_t ambi_chunk_bits(uint32_t n) {
  return UINT32_MAX >> (32 - n);
}
static inline bool ambi_segment_unused(const Segment *g) {
  return g->free == ambi_chunk_bits(g->nchunks);
}
static inline size_t ambi_segment_bytes(const Segment *g) {
  return (size_t)g->nchunks * CHUNK_BYTES;
}

static inline StoreChunk *ambi_chunk_at(const void *p) {
  return (StoreChunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK_BYTES - 1));
}

// Makes a fresh chunk the desk's current one. False: memory is out.
bool ambi_desk_next(Store *s, Desk *d);
// A chunk with so many words. NULL: memory is out.
StoreChunk *ambi_store_add_large(Store *s, size_t words);
void ambi_store_drop_large(Store *s, StoreChunk *c);
void ambi_store_doom(Store *s, StoreChunk *c);
// Room for one more large chunk. False: memory is out.
bool ambi_store_reserve_large(Store *s);
void ambi_store_insert_large(Store *s, StoreChunk *c);
void ambi_store_remove_large(Store *s, const StoreChunk *c);
void ambi_store_free_mapped(Store *s, StoreChunk *c);
// Shows each chunk of a mapped file that is not freed yet.
void ambi_store_see_mapped(Store *s, void (*found)(Store *s, StoreChunk *c));
void ambi_store_close_maps(Store *s);

// The term lies in [from, end). False: memory is out.
bool ambi_store_note_cells(Store *s, const Word *block, const Word *from,
                           const Word *end);
void ambi_store_give_note(Store *s, const Word *block);
// The same of a term that is a cell.
void ambi_store_use_cell(CellHeader *c);
void ambi_store_leave_cell(Store *s, CellHeader *c);
// Of what was given up, or all.
size_t ambi_store_count_notes(const Store *s, bool all);
// Notes given up so far are those that touches tell about.
void ambi_store_watch_notes(Store *s);
void ambi_store_close_notes(Store *s);

#endif
