// Chunks of the store that are a file, read as it is.
//
// They are chunks like others: templates in them are given up one by one, and a chunk
// without any gives its pages back. The address space stays until the last has gone.
#include "memory/alloc.h"
#include "runtime/atoms/store_data.h"

static StoreChunk *chunk_of(const StoreMap *map, size_t i) {
  return (StoreChunk *)(void *)(map->file.base + i * CHUNK_BYTES);
}

// Chunks that belong together from i on.
static size_t span(const uint32_t *live, size_t i, size_t n) {
  size_t end = i + 1;
  while (end < n && live[end] == STORE_CONTINUES)
    end++;
  return end - i;
}

static bool reserve(Store *s, const uint32_t *live, size_t n) {
  size_t large = s->nlarge;
  bool ok = true;
  for (size_t i = 0; i < n && ok; i += span(live, i, n)) {
    if (span(live, i, n) == 1) continue;
    ok = ambi_store_reserve_large(s);
    s->nlarge++;  // so that the next one asks for more
  }
  s->nlarge = large;
  return ok;
}

static bool adopt(Store *s, const Mapping *m, const uint32_t *live, size_t n) {
  _Static_assert(sizeof(StoreChunk) <= STORE_CHUNK_FIRST * sizeof(Word),
                 "terms begin behind the chunk's own data");
  StoreMap *map = reserve(s, live, n) ? ambi_alloc(sizeof *map) : NULL;
  if (!map) return false;
  *map = (StoreMap){.next = s->maps, .file = *m, .n = n};
  s->maps = map;
  ambi_store_count_bytes(s, m->bytes);
  for (size_t i = 0; i < n; i += span(live, i, n)) {
    StoreChunk *c = chunk_of(map, i);
    bool large = span(live, i, n) > 1;
    *c = (StoreChunk){.bytes = span(live, i, n) * CHUNK_BYTES,
                      .x_live = live[i]};
    if (live[i] == 0) continue;
    c->map = map;
    map->nchunks++;
    if (large) ambi_store_insert_large(s, c);
  }
  return true;
}

bool ambi_store_adopt(Store *s, const Mapping *m, const uint32_t *live,
                      size_t n) {
  ambi_store_hold(s);
  bool ok = adopt(s, m, live, n);
  ambi_store_let_go(s);
  return ok;
}

void ambi_store_see_mapped(Store *s, void (*found)(Store *s, StoreChunk *c)) {
  for (StoreMap *map = s->maps; map; map = map->next)
    for (size_t i = 0; i < map->n;) {
      StoreChunk *c = chunk_of(map, i);
      i += c->bytes / CHUNK_BYTES;
      if (c->map) found(s, c);
    }
}

static void close_map(Store *s, StoreMap *map) {
  ambi_store_count_bytes(s, -map->file.bytes);
  ambi_mapping_close(&map->file);
  ambi_free(map, sizeof *map);
}

void ambi_store_free_mapped(Store *s, StoreChunk *c) {
  StoreMap *map = c->map;
  size_t bytes = c->bytes;
  if (bytes > CHUNK_BYTES) ambi_store_remove_large(s, c);
  if (--map->nchunks > 0) {
    ambi_mapping_forget(&map->file, (char *)c, bytes);
    *c = (StoreChunk){.bytes = bytes};
    return;
  }
  StoreMap **link = &s->maps;
  while (*link != map)
    link = &(*link)->next;
  *link = map->next;
  close_map(s, map);
}

void ambi_store_close_maps(Store *s) {
  for (StoreMap *map = s->maps, *next; map; map = next) {
    next = map->next;
    close_map(s, map);
  }
}
