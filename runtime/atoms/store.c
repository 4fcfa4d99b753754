// Chunks of immutable terms.
//
// Small terms are laid one behind the other in 64 KiB chunks aligned to their
// size, so that masking an address finds the chunk; sixteen or more chunks come from
// one allocation, a segment. A term over a quarter of a chunk gets a chunk of
// its own, aligned alike. The root of a term (or its vinfo, when the term is
// one variable) always lies in the first 64 KiB of its chunk.
#include "runtime/atoms/store_data.h"

#include <stdlib.h>

#include "memory/alloc.h"

// ---- life ---------------------------------------------------------------------
Store *ambi_store_open(void) {
  Store *s = ambi_alloc(sizeof *s);
  if (!s) return NULL;
  pthread_mutex_init(&s->lock, NULL);
  for (int i = 0; i < DESKS; i++)
    pthread_mutex_init(&s->desks[i].lock, NULL);
  return s;
}

static void free_segment(Store *s, Segment *g) {
  ambi_store_count_bytes(s, -ambi_segment_bytes(g));
  ambi_free_aligned(g->base, ambi_segment_bytes(g));
  ambi_free(g, sizeof *g);
}

static void free_large(Store *s, StoreChunk *c) {
  if (c->map) return;  // goes with its map
  ambi_store_count_bytes(s, -c->bytes);
  ambi_free_aligned(c, c->bytes);
}

void ambi_store_close(Store *s) {
  if (!s) return;
  for (Segment *g = s->segments, *next; g; g = next) {
    next = g->next;
    free_segment(s, g);
  }
  for (size_t i = 0; i < s->nlarge; i++)
    free_large(s, s->large[i]);
  ambi_free(s->large, s->large_cap * sizeof *s->large);
  ambi_store_close_maps(s);
  ambi_store_close_notes(s);
  for (int i = 0; i < DESKS; i++)
    pthread_mutex_destroy(&s->desks[i].lock);
  pthread_mutex_destroy(&s->lock);
  ambi_free(s, sizeof *s);
}

size_t ambi_store_bytes(const Store *s) {
  return ambi_load_relaxed(&s->x_bytes);
}

bool ambi_store_is_current(const Store *s, const StoreChunk *c) {
  for (int i = 0; i < DESKS; i++)
    if (s->desks[i].current == c) return true;
  return false;
}

// ---- chunks -------------------------------------------------------------------
void ambi_store_doom(Store *s, StoreChunk *c) {
  if (c->doomed) return;
  c->doomed = true;
  c->next_doomed = s->doomed;
  s->doomed = c;
}

// What is large comes in huge pages (memory/large.h); a small store shall not.
static uint32_t next_segment(const Store *s) {
  enum { SMALL = 8 << 20 };
  return ambi_store_bytes(s) < SMALL ? FIRST_CHUNKS : SEGMENT_CHUNKS;
}

static bool add_segment(Store *s) {
  Segment *g = ambi_alloc(sizeof *g);
  if (!g) return false;
  *g = (Segment){.next = s->segments, .nchunks = next_segment(s)};
  g->free = ambi_chunk_bits(g->nchunks);
  g->base = ambi_alloc_aligned(ambi_segment_bytes(g), CHUNK_BYTES);
  if (!g->base) {
    ambi_free(g, sizeof *g);
    return false;
  }
  s->segments = g;
  ambi_store_count_bytes(s, ambi_segment_bytes(g));
  return true;
}

// A chunk for small terms. NULL: memory is out.
static StoreChunk *take_chunk(Store *s) {
  Segment *g = s->segments;
  while (g && !g->free)
    g = g->next;
  if (!g) {
    if (!add_segment(s)) return NULL;
    g = s->segments;
  }
  int i = __builtin_ctz(g->free);
  g->free &= ~(1u << i);
  StoreChunk *c = (StoreChunk *)(void *)(g->base + (size_t)i * CHUNK_BYTES);
  *c = (StoreChunk){.segment = g};
  return c;
}

bool ambi_desk_next(Store *s, Desk *d) {
  ambi_store_hold(s);
  StoreChunk *c = take_chunk(s);
  ambi_store_let_go(s);
  if (!c) return false;
  if (!s->together && d->current && ambi_chunk_live(d->current) == 0)
    ambi_store_doom(s, d->current);
  d->current = c;
  d->next = (Word *)(c + 1);
  d->end = (Word *)(void *)((char *)c + CHUNK_BYTES);
  return true;
}

// Takes n chunks that follow one another. NULL: memory is out.
static char *take_chunks(Store *s, uint32_t n) {
  uint32_t all = ambi_chunk_bits(n);
  for (Segment *g = s->segments; g; g = g->next) {
    for (uint32_t i = 0; i + n <= g->nchunks; i++) {
      if ((g->free >> i & all) != all) continue;
      g->free &= ~(all << i);
      for (uint32_t k = i; k < i + n; k++)
        *(StoreChunk *)(void *)(g->base + (size_t)k * CHUNK_BYTES) =
            (StoreChunk){.segment = g};
      return g->base + (size_t)i * CHUNK_BYTES;
    }
  }
  return add_segment(s) ? take_chunks(s, n) : NULL;
}

Word *ambi_store_load(Store *s, const StoreImage *image) {
  _Static_assert(sizeof(StoreChunk) <= STORE_CHUNK_FIRST * sizeof(Word),
                 "the terms of an image begin behind the chunk's own data");
  ambi_store_hold(s);
  char *block = take_chunks(s, image->nchunks);
  ambi_store_let_go(s);
  if (!block) return NULL;
  const Word *from = image->words;
  for (uint32_t i = 0; i < image->nchunks; i++) {
    char *chunk = block + (size_t)i * CHUNK_BYTES;
    ambi_chunk_use(s, ambi_chunk_at(chunk));  // never freed
    ambi_chunk_at(chunk)->lasting = true;
    memcpy(chunk + STORE_CHUNK_FIRST * sizeof *from, from,
           image->nwords[i] * sizeof *from);
    from += image->nwords[i];
  }
  Word *base = (Word *)(void *)block;
  for (uint32_t i = 0; i < image->npointers; i++)
    base[image->pointers[i]] += (Word)(uintptr_t)base;
  return base;
}

// Index of the first large chunk above p.
static size_t large_above(const Store *s, const void *p) {
  size_t lo = 0, hi = s->nlarge;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if ((const char *)s->large[mid] > (const char *)p)
      hi = mid;
    else
      lo = mid + 1;
  }
  return lo;
}

bool ambi_store_reserve_large(Store *s) {
  return ambi_grow((void **)&s->large, &s->large_cap, s->nlarge + 1,
                   sizeof *s->large);
}

void ambi_store_insert_large(Store *s, StoreChunk *c) {
  size_t i = large_above(s, c);
  memmove(s->large + i + 1, s->large + i, (s->nlarge - i) * sizeof *s->large);
  s->large[i] = c;
  s->nlarge++;
}

void ambi_store_remove_large(Store *s, const StoreChunk *c) {
  size_t i = large_above(s, c) - 1;
  AMB_ENSURE(s->large[i] == c);
  s->nlarge--;
  memmove(s->large + i, s->large + i + 1, (s->nlarge - i) * sizeof *s->large);
}

static StoreChunk *add_large(Store *s, size_t words) {
  size_t bytes = sizeof(StoreChunk) + words * sizeof(Word);
  if (!ambi_store_reserve_large(s)) return NULL;
  StoreChunk *c = ambi_alloc_aligned(bytes, CHUNK_BYTES);
  if (!c) return NULL;
  *c = (StoreChunk){.bytes = bytes};
  ambi_store_insert_large(s, c);
  ambi_store_count_bytes(s, bytes);
  return c;
}

StoreChunk *ambi_store_add_large(Store *s, size_t words) {
  ambi_store_hold(s);
  StoreChunk *c = add_large(s, words);
  ambi_store_let_go(s);
  return c;
}

void ambi_store_drop_large(Store *s, StoreChunk *c) {
  ambi_store_hold(s);
  ambi_store_remove_large(s, c);
  free_large(s, c);
  ambi_store_let_go(s);
}

const void *ambi_store_chunk_of(const Store *s, const void *p) {
  size_t i = large_above(s, p);
  if (i > 0) {
    const StoreChunk *c = s->large[i - 1];
    if ((const char *)p < (const char *)c + c->bytes) return c;
  }
  return ambi_chunk_at(p);
}

static bool is_small(const Segment *g) {
  return g->nchunks == FIRST_CHUNKS;
}

// Segments that nothing uses any more go back, but for a small one.
static void trim_segments(Store *s) {
  bool keep = true;
  for (Segment **link = &s->segments; *link;) {
    Segment *g = *link;
    if (ambi_segment_unused(g) && !(keep && is_small(g))) {
      *link = g->next;
      free_segment(s, g);
      continue;
    }
    if (ambi_segment_unused(g)) keep = false;
    link = &g->next;
  }
}

static void free_chunk(Store *s, StoreChunk *c) {
  AMB_ENSURE(ambi_chunk_live(c) == 0 && !ambi_store_is_current(s, c));
  if (c->map) {
    ambi_store_free_mapped(s, c);
    return;
  }
  if (!c->segment) {
    ambi_store_drop_large(s, c);
    return;
  }
  ptrdiff_t at = (char *)c - c->segment->base;
  c->segment->free |= 1u << (at / CHUNK_BYTES);
#ifdef AMB_DEBUG
  memset(c, 0xDD, CHUNK_BYTES);  // a dangling pointer shall be seen
#endif
}

// Frees the doomed chunks that nobody touched.
static void free_doomed(Store *s) {
  StoreChunk *all = s->doomed;
  bool any = all != NULL;
  s->doomed = NULL;
  for (StoreChunk *c = all, *next; c; c = next) {
    next = c->next_doomed;
    bool keep = c->touched;
    c->touched = c->doomed = false;
    if (keep)
      ambi_store_doom(s, c);
    else
      free_chunk(s, c);
  }
  if (any) trim_segments(s);
}

// No term is at the desk. Where it is shall not keep a large segment.
static void leave_large(Store *s, Desk *d) {
  if (is_small(d->current->segment)) return;
  ambi_store_doom(s, d->current);
  d->current = NULL;
  d->next = d->end = NULL;
}

void ambi_store_quiesce(Store *s) {
  AMB_ASSERT(!s->together);
  Desk *d = &s->desks[0];
  if (d->current && ambi_chunk_live(d->current) == 0) leave_large(s, d);
  free_doomed(s);
  if (!d->current || ambi_chunk_live(d->current) > 0) return;
  d->next = (Word *)(d->current + 1);
  ambi_store_relaxed(&d->current->x_noted, false);
}

// ---- several threads ------------------------------------------------------------
static void doom_unused(Store *s, StoreChunk *c) {
  if (ambi_chunk_live(c) == 0 && !ambi_store_is_current(s, c))
    ambi_store_doom(s, c);
}

static void find_unused(Store *s) {
  for (Segment *g = s->segments; g; g = g->next)
    for (uint32_t i = 0; i < g->nchunks; i++)
      if (!(g->free >> i & 1))
        doom_unused(s, ambi_chunk_at(g->base + (size_t)i * CHUNK_BYTES));
  for (size_t i = 0; i < s->nlarge; i++)
    if (!s->large[i]->map) doom_unused(s, s->large[i]);
  ambi_store_see_mapped(s, doom_unused);
}

void ambi_store_share(Store *s, bool together) {
  bool ends = s->together && !together;
  s->together = together;
  s->desks[0].newest = NULL;
  if (!ends) return;
  for (int i = 1; i < DESKS; i++) {
    Desk *d = &s->desks[i];
    d->current = NULL;
    d->next = d->end = NULL;
    d->newest = NULL;
  }
  find_unused(s);
}

// ---- freeing under a collector -------------------------------------------------
static int by_address(const void *a, const void *b) {
  const char *x = *(char *const *)a, *y = *(char *const *)b;
  return x < y ? -1 : x > y;
}

size_t ambi_store_doomed_bytes(const Store *s) {
  size_t bytes = 0;
  for (const StoreChunk *c = s->doomed; c; c = c->next_doomed)
    bytes += c->segment ? CHUNK_BYTES : c->bytes;
  return bytes;
}

static void watch(Store *s, StoreChunk *c) {
  if (c->watched) return;
  c->watched = true;
  s->watched[s->nwatched++] = c;
}

static size_t count_doomed(const Store *s) {
  size_t n = 0;
  for (const StoreChunk *c = s->doomed; c; c = c->next_doomed)
    n++;
  return n;
}

static void watch_notes(Store *s, const CellNote *note) {
  for (; note; note = note->next)
    watch(s, ambi_chunk_at(note->block));
}

// Doomed chunks, and those of terms with notes.
bool ambi_store_watch(Store *s, bool cells, bool circles) {
  if (s->together) return false;
  size_t n = count_doomed(s) + ambi_store_count_notes(s, circles);
  if (n == 0) return cells;
  s->watched = ambi_alloc(n * sizeof *s->watched);
  if (!s->watched) return false;
  s->room_watched = n;
  s->nwatched = 0;
  for (StoreChunk *c = s->doomed; c; c = c->next_doomed)
    watch(s, c);
  watch_notes(s, s->given);
  for (size_t i = 0; circles && i < s->notes_cap; i++)
    watch_notes(s, s->notes[i]);
  qsort(s->watched, s->nwatched, sizeof *s->watched, by_address);
  ambi_store_watch_notes(s);
  return true;
}

void ambi_store_touch(Store *s, const void *p) {
  size_t lo = 0, hi = s->nwatched;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if ((const char *)s->watched[mid] > (const char *)p)
      hi = mid;
    else
      lo = mid + 1;
  }
  if (lo == 0) return;
  StoreChunk *c = s->watched[lo - 1];
  const char *end = c->segment ? (char *)c + CHUNK_BYTES : (char *)c + c->bytes;
  if ((const char *)p < end) c->touched = true;
}

void ambi_store_reap(Store *s) {
  for (size_t i = 0; i < s->nwatched; i++) {
    StoreChunk *c = s->watched[i];
    c->watched = false;
    if (!c->doomed) c->touched = false;
  }
  ambi_free(s->watched, s->room_watched * sizeof *s->watched);
  s->watched = NULL;
  s->nwatched = s->room_watched = 0;
  free_doomed(s);
}
