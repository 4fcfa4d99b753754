// Chunks of immutable terms, and the copy of a heap term into them.
//
// Small terms are laid one behind the other in 64 KiB chunks aligned to their
// size, so that masking an address finds the chunk; sixteen chunks come from
// one allocation, a segment. A term over a quarter of a chunk gets a chunk of
// its own, aligned alike. The root of a term (or its vinfo, when the term is
// one variable) always lies in the first 64 KiB of its chunk.
#include "runtime/atoms/store_data.h"

#include <stdlib.h>

#include "memory/alloc.h"
#include "runtime/atoms/work.h"

static char *align_up(char *p) {
  uintptr_t past = (uintptr_t)p & (CHUNK_BYTES - 1);
  return past ? p + (CHUNK_BYTES - past) : p;
}

// ---- life ---------------------------------------------------------------------
Store *ambi_store_open(void) {
  return ambi_alloc(sizeof(Store));
}

static void free_segment(Store *s, Segment *g) {
  s->bytes -= SEGMENT_BYTES;
  ambi_free(g->block, SEGMENT_BYTES);
  ambi_free(g, sizeof *g);
}

static void free_large(Store *s, StoreChunk *c) {
  if (c->map) return;  // goes with its map
  s->bytes -= c->bytes;
  ambi_free(c->block, c->bytes);
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
  ambi_free(s, sizeof *s);
}

size_t ambi_store_bytes(const Store *s) {
  return s->bytes;
}

// ---- chunks -------------------------------------------------------------------
static void doom(Store *s, StoreChunk *c) {
  if (c->doomed) return;
  c->doomed = true;
  c->next_doomed = s->doomed;
  s->doomed = c;
}

static bool add_segment(Store *s) {
  Segment *g = ambi_alloc(sizeof *g);
  char *block = g ? ambi_alloc(SEGMENT_BYTES) : NULL;
  if (!block) {
    if (g) ambi_free(g, sizeof *g);
    return false;
  }
  *g = (Segment){s->segments, block, align_up(block), ALL_FREE};
  s->segments = g;
  s->bytes += SEGMENT_BYTES;
  return true;
}

// Makes a fresh chunk the current one.
static bool next_chunk(Store *s) {
  Segment *g = s->segments;
  while (g && !g->free)
    g = g->next;
  if (!g) {
    if (!add_segment(s)) return false;
    g = s->segments;
  }
  int i = __builtin_ctz(g->free);
  g->free &= ~(1u << i);
  StoreChunk *c = (StoreChunk *)(void *)(g->base + (size_t)i * CHUNK_BYTES);
  *c = (StoreChunk){.segment = g};
  if (s->current && s->current->live == 0) doom(s, s->current);
  s->current = c;
  s->next = (Word *)(c + 1);
  s->end = (Word *)(void *)((char *)c + CHUNK_BYTES);
  return true;
}

// Takes n chunks that follow one another. NULL: memory is out.
static char *take_chunks(Store *s, uint32_t n) {
  uint32_t all = (1u << n) - 1;
  for (Segment *g = s->segments; g; g = g->next) {
    for (uint32_t i = 0; i + n <= SEGMENT_CHUNKS; i++) {
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
  char *block = take_chunks(s, image->nchunks);
  if (!block) return NULL;
  const Word *from = image->words;
  for (uint32_t i = 0; i < image->nchunks; i++) {
    char *chunk = block + (size_t)i * CHUNK_BYTES;
    ambi_chunk_at(chunk)->live = 1;  // never freed
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
  size_t bytes = sizeof(StoreChunk) + words * sizeof(Word) + CHUNK_BYTES;
  if (!ambi_store_reserve_large(s)) return NULL;
  char *block = ambi_alloc(bytes);
  if (!block) return NULL;
  StoreChunk *c = (StoreChunk *)(void *)align_up(block);
  *c = (StoreChunk){.block = block, .bytes = bytes};
  ambi_store_insert_large(s, c);
  s->bytes += bytes;
  return c;
}

static void drop_large(Store *s, StoreChunk *c) {
  ambi_store_remove_large(s, c);
  free_large(s, c);
}

const void *ambi_store_chunk_of(const Store *s, const void *p) {
  size_t i = large_above(s, p);
  if (i > 0) {
    const StoreChunk *c = s->large[i - 1];
    if ((const char *)p < c->block + c->bytes) return c;
  }
  return ambi_chunk_at(p);
}

// Segments that nothing uses any more go back, but for one.
static void trim_segments(Store *s) {
  bool keep = true;
  for (Segment **link = &s->segments; *link;) {
    Segment *g = *link;
    if (g->free == ALL_FREE && !keep) {
      *link = g->next;
      free_segment(s, g);
      continue;
    }
    if (g->free == ALL_FREE) keep = false;
    link = &g->next;
  }
}

static void free_chunk(Store *s, StoreChunk *c) {
  AMB_ENSURE(c->live == 0 && c != s->current);
  if (c->map) {
    ambi_store_free_mapped(s, c);
    return;
  }
  if (!c->segment) {
    drop_large(s, c);
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
      doom(s, c);
    else
      free_chunk(s, c);
  }
  if (any) trim_segments(s);
}

void ambi_store_quiesce(Store *s) {
  free_doomed(s);
  if (s->current && s->current->live == 0) s->next = (Word *)(s->current + 1);
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

bool ambi_store_watch(Store *s) {
  size_t n = 0;
  for (const StoreChunk *c = s->doomed; c; c = c->next_doomed)
    n++;
  s->watched = n ? ambi_alloc(n * sizeof *s->watched) : NULL;
  if (!s->watched) return false;
  s->nwatched = 0;
  for (StoreChunk *c = s->doomed; c; c = c->next_doomed)
    s->watched[s->nwatched++] = c;
  qsort(s->watched, n, sizeof *s->watched, by_address);
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
  const char *end = c->segment ? (char *)c + CHUNK_BYTES : c->block + c->bytes;
  if ((const char *)p < end) c->touched = true;
}

void ambi_store_reap(Store *s) {
  ambi_free(s->watched, s->nwatched * sizeof *s->watched);
  s->watched = NULL;
  free_doomed(s);
}

// ---- copying a term in --------------------------------------------------------
typedef struct Copy {
  Word *next, *end;  // room in the chunk chosen
  uint32_t flags;
  bool full;   // it did not fit
  Work cells;  // Word *: cells of the variables met, now holding LVAR words
  Work work;
} Copy;

static Word **cells_of(Copy *c) {
  return (Word **)(void *)c->cells.at;
}
static uint32_t count_cells(const Copy *c) {
  return (uint32_t)(c->cells.used / sizeof(Word *));
}

static Word *take_words(void *arg, size_t words) {
  Copy *c = arg;
  if ((size_t)(c->end - c->next) < words) {
    c->full = true;
    return NULL;
  }
  Word *p = c->next;
  c->next += words;
  return p;
}

static enum Leaf copy_object(Copy *c, Value *v) {
  const Word *from = ambi_ptr(*v);
  size_t words = ambi_object_words(*from);
  Word *to = take_words(c, words);
  if (!to) return LEAF_FAIL;
  memcpy(to, from, words * sizeof(Word));
  *v = ambi_tag_ptr(ambi_tag(*v), to);
  return LEAF_GROUND;
}

// A variable's cell holds its number while the copy runs: dereferencing then
// leads to the LVAR word by itself. unmark_cells undoes it.
static enum Leaf copy_leaf(void *arg, Value *v) {
  Copy *c = arg;
  *v = ambi_deref(*v);
  switch (ambi_tag(*v)) {
  case TAG_INT:
  case TAG_SYM:
  case TAG_IMM:
  case TAG_OP: return LEAF_GROUND;
  case TAG_EXPR: return LEAF_NODE;
  case TAG_LVAR: return LEAF_OPEN;
  case TAG_VAR: {
    Word *cell = ambi_ptr(*v);
    uint32_t number = count_cells(c);
    Word **slot = ambi_work_push(&c->cells, sizeof *slot);
    if (!slot) return LEAF_FAIL;
    *slot = cell;
    *v = ambi_lvar(number);
    *cell = v->w;
    return LEAF_OPEN;
  }
  case TAG_CELL: c->flags |= TMPL_HAS_CELL; return LEAF_GROUND;
  case TAG_BIG: c->flags |= TMPL_HAS_FLOAT; return copy_object(c, v);
  case TAG_OBJ: return ambi_is_bindings(*v) ? LEAF_NODE : copy_object(c, v);
  default:
    AMB_ASSERT(ambi_is_double(*v));
    c->flags |= TMPL_HAS_FLOAT;
    return LEAF_GROUND;
  }
}

static void unmark_cells(Copy *c) {
  Word **cells = cells_of(c);
  for (uint32_t i = 0, n = count_cells(c); i < n; i++)
    *cells[i] = AMB_TAGGED(TAG_VAR, (uintptr_t)cells[i]);
  c->cells.used = 0;
}

// ---- names of stored variables --------------------------------------------------
// (name, id) pairs in use; the entry (name, FRESH) holds where to go on looking
// for a free id of that name.
typedef struct IdSlot {
  Word key;
  uint32_t next;
} IdSlot;

static IdSlot *find_id(IdSlot *table, size_t cap, Word key, bool *found) {
  size_t i = (size_t)((key * 0x9E3779B97F4A7C15ull) >> 32) & (cap - 1);
  while (table[i].key && table[i].key != key)
    i = (i + 1) & (cap - 1);
  *found = table[i].key != 0;
  table[i].key = key;
  return &table[i];
}

static Word free_id(IdSlot *table, size_t cap, uint32_t name) {
  bool found;
  IdSlot *hint = find_id(table, cap, ambi_vinfo(name, AMB_VAR_FRESH), &found);
  uint32_t id = found ? hint->next : 1;
  while (id < AMB_VAR_STAMPED - 1) {
    find_id(table, cap, ambi_vinfo(name, id), &found);
    if (!found) break;
    id++;
  }
  hint->next = id < AMB_VAR_STAMPED - 1 ? id + 1 : id;
  return ambi_vinfo(name, id);
}

// Ids as they are where that is unambiguous, the next free ones elsewhere.
static bool name_vars(Word **cells, uint32_t n, Word *out) {
  if (n == 1) {
    Word info = cells[0][1];
    bool fresh = ambi_vinfo_is_fresh(info);
    out[0] = fresh ? ambi_vinfo(ambi_vinfo_name(info), 1) : info;
    return true;
  }
  IdSlot few[64];
  size_t cap = 64;
  while (cap < (size_t)n * 3)
    cap *= 2;
  IdSlot *table = cap == 64 ? few : ambi_alloc(cap * sizeof *table);
  if (!table) return false;
  if (table == few) memset(few, 0, sizeof few);
  for (uint32_t i = 0; i < n; i++) {
    bool taken = ambi_vinfo_is_fresh(cells[i][1]);
    if (!taken) find_id(table, cap, cells[i][1], &taken);
    out[i] = taken ? 0 : cells[i][1];
  }
  for (uint32_t i = 0; i < n; i++)
    if (!out[i]) out[i] = free_id(table, cap, ambi_vinfo_name(cells[i][1]));
  if (table != few) ambi_free(table, cap * sizeof *table);
  return true;
}

// ---- making templates -------------------------------------------------------------
// Upper bound of the words a copy takes, 0 when memory is out.
static size_t measure(Work *w, Value term) {
  typedef struct Span {
    const Value *at;
    size_t n;
  } Span;
  size_t words = 1;
  Span now = {&term, 1};
  for (;;) {
    if (now.n == 0) {
      if (w->used == 0) return words;
      now = *(Span *)ambi_work_top(w, sizeof now);
      w->used -= sizeof now;
      continue;
    }
    Value v = ambi_deref(*now.at++);
    now.n--;
    if (ambi_is_var(v)) words++;
    if (ambi_is_big(v) || (ambi_is_obj(v) && !ambi_is_bindings(v)))
      words += ambi_object_words(*ambi_ptr(v));
    if (!ambi_is_expr(v) && !ambi_is_bindings(v)) continue;
    if (now.n > 0) {
      Span *rest = ambi_work_push(w, sizeof *rest);
      if (!rest) return 0;
      *rest = now;
    }
    now = (Span){ambi_expr_items(v), ambi_hdr_size(*ambi_ptr(v))};
    words += 1 + now.n;
  }
}

static bool copy_in(Copy *c, Value term, Template *out) {
  c->full = false;
  c->flags = 0;
  c->work.used = 0;
  Value atom = ambi_build(&c->work, term, copy_leaf, take_words, c);
  bool ok = !ambi_is_none(atom);
  uint32_t n = count_cells(c);
  Word *vinfo = NULL;
  if (ok && n > 0) {
    vinfo = take_words(c, n);
    ok = vinfo && name_vars(cells_of(c), n, vinfo);
  }
  unmark_cells(c);
  if (ok) *out = (Template){atom, n, c->flags, vinfo};
  return ok;
}

// Second try, in a chunk with room enough for sure.
static StoreChunk *copy_measured(Store *s, Copy *c, Value term, Template *out) {
  c->work.used = 0;
  size_t words = measure(&c->work, term);
  if (words == 0) return NULL;
  if (words <= LARGE_WORDS) {
    if (!next_chunk(s)) return NULL;
    c->next = s->next;
    c->end = s->end;
    if (!copy_in(c, term, out)) return NULL;
    s->next = c->next;
    return s->current;
  }
  StoreChunk *chunk = add_large(s, words);
  if (!chunk) return NULL;
  c->next = (Word *)(chunk + 1);
  c->end = c->next + words;
  if (copy_in(c, term, out)) return chunk;
  drop_large(s, chunk);
  return NULL;
}

// What is one word takes no room.
static bool copy_leaf_alone(Value term, Template *out) {
  term = ambi_deref(term);
  bool real = ambi_is_double(term);
  uint32_t tag = ambi_tag(term);
  if (!real && tag != TAG_INT && tag != TAG_SYM && tag != TAG_IMM) return false;
  *out = (Template){term, 0, real ? (uint32_t)TMPL_HAS_FLOAT : 0, NULL};
  return true;
}

// Most terms are a few words that refer to nothing.
static bool copy_flat(Store *s, Value term, Template *out) {
  enum { FEW = 16 };
  term = ambi_deref(term);
  uint32_t n = ambi_expr_size(term), flags = 0;
  if (n == 0 || n > FEW || (size_t)(s->end - s->next) < 1 + n) return false;
  const Value *items = ambi_expr_items(term);
  Word *to = s->next;
  for (uint32_t i = 0; i < n; i++) {
    Value v = ambi_deref(items[i]);
    if (ambi_is_double(v))
      flags |= TMPL_HAS_FLOAT;
    else if (!ambi_is_int(v) && !ambi_is_sym(v))
      return false;
    to[1 + i] = v.w;
  }
  to[0] = ambi_header(KIND_FLAT, FLAG_GROUND, n);
  s->next += 1 + n;
  s->current->live++;
  Value atom = ambi_tag_ptr(TAG_EXPR, to);
  *out = (Template){AMB_V(atom.w | AMB_EXPR_GROUND), 0, flags, NULL};
  return true;
}

bool ambi_template_make(Store *s, Value term, Template *out) {
  if (copy_leaf_alone(term, out) || copy_flat(s, term, out)) return true;
  Copy c;
  ambi_work_open(&c.cells);
  ambi_work_open(&c.work);
  c.next = s->next;
  c.end = s->end;
  StoreChunk *chunk = NULL;
  bool ok = copy_in(&c, term, out);
  if (ok) {
    chunk = s->current;
    if (c.next != s->next) s->next = c.next;
  } else if (c.full) {
    chunk = copy_measured(s, &c, term, out);
    ok = chunk != NULL;
  }
  if (ok && ambi_template_block(out)) chunk->live++;
  ambi_work_close(&c.cells);
  ambi_work_close(&c.work);
  return ok;
}

const Word *ambi_template_block(const Template *t) {
  switch (ambi_tag(t->atom)) {
  case TAG_EXPR:
  case TAG_BIG:
  case TAG_OBJ: return ambi_ptr(t->atom);
  default: return t->vinfo;
  }
}

Template ambi_template_of_image(Word *base, const TemplateImage *t) {
  Template out = {.atom = AMB_V(ambi_image_word(base, t->atom)),
                  .nvars = t->nvars,
                  .flags = t->flags,
                  .vinfo = t->nvars ? base + t->vinfo : NULL};
  const Word *block = ambi_template_block(&out);
  if (block) ambi_chunk_at(block)->live++;
  return out;
}

static void give_up(Store *s, const void *block) {
  StoreChunk *c = ambi_chunk_at(block);
  AMB_ENSURE(c->live > 0);
  if (--c->live == 0 && c != s->current) doom(s, c);
}

void ambi_template_release(Store *s, Template *t) {
  const Word *block = ambi_template_block(t);
  *t = (Template){.atom = AMB_UNIT};
  if (block) give_up(s, block);
}

const Template *ambi_template_keep(Store *s, const Template *t) {
  enum { WORDS = sizeof *t / sizeof(Word) };
  if (s->end - s->next < WORDS && !next_chunk(s)) return NULL;
  Template *kept = (Template *)(void *)s->next;
  s->next += WORDS;
  s->current->live++;
  *kept = *t;
  return kept;
}

void ambi_template_give_up(Store *s, const Template *kept) {
  give_up(s, kept);
}

void ambi_template_discard(Store *s, Template *t) {
  const Word *block = ambi_template_block(t);
  bool small = block && s->current == ambi_chunk_at(block);
  ambi_template_release(s, t);
  if (small) s->next = (Word *)(uintptr_t)block;
}
