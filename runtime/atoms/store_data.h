// Internal to the store: segments and chunks, shared with the walk over them.
#ifndef AMBIT_RUNTIME_STORE_DATA_H
#define AMBIT_RUNTIME_STORE_DATA_H

#include "runtime/atoms/store.h"

enum {
  CHUNK_BYTES = STORE_CHUNK_WORDS * 8,
  SEGMENT_CHUNKS = STORE_IMAGE_CHUNKS,
  LARGE_WORDS = CHUNK_BYTES / 4 / 8
};

typedef struct Segment {
  struct Segment *next;
  char *block;    // as allocated
  char *base;     // first chunk
  uint32_t free;  // bit i: chunk i is not in use
} Segment;

// A mapped file whose terms are used where they are. It goes when none is left.
typedef struct StoreMap {
  struct StoreMap *next;
  Mapping file;
  size_t n;        // chunks from its beginning
  size_t nchunks;  // not yet freed
} StoreMap;

typedef struct StoreChunk {
  struct StoreChunk *next_doomed;
  Segment *segment;  // NULL: a large chunk
  size_t live;       // templates not yet released
  char *block;       // large: as allocated, `bytes` long; mapped: itself
  size_t bytes;
  StoreMap *map;  // of a mapped chunk, until it is freed
  bool doomed;    // in the store's list of chunks to be freed
  bool touched;   // but still pointed to
  bool lasting;   // of the boot image: freed with the store
} StoreChunk;

struct Store {
  StoreChunk *current;  // where small terms go; NULL before the first
  Word *next, *end;     // free words of it
  Segment *segments;
  StoreChunk *doomed;
  StoreChunk **watched;  // the doomed ones by address, for touches
  size_t nwatched;
  StoreChunk **large;  // by address
  size_t nlarge, large_cap;
  StoreMap *maps;
  size_t bytes;
};

enum { ALL_FREE = (1 << SEGMENT_CHUNKS) - 1 };
#define SEGMENT_BYTES ((size_t)(SEGMENT_CHUNKS + 1) * CHUNK_BYTES)

static inline StoreChunk *ambi_chunk_at(const void *p) {
  return (StoreChunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK_BYTES - 1));
}

// Room for one more large chunk. False: memory is out.
bool ambi_store_reserve_large(Store *s);
void ambi_store_insert_large(Store *s, StoreChunk *c);
void ambi_store_remove_large(Store *s, const StoreChunk *c);
void ambi_store_free_mapped(Store *s, StoreChunk *c);
void ambi_store_close_maps(Store *s);

#endif
