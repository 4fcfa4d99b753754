// The symbol table: an open-addressing hash over dense ids.
//
// Symbols sit in an arena and are found by id through a two-level directory
// whose parts never move, so a reader that was handed an id needs no lock: the
// hand-over itself made the entry visible. Each segment of the directory has
// twice the entries of the one before, so few programs need a second. The hash
// side is used under the lock only.
#include "runtime/atoms/symbol.h"

#include <pthread.h>

#include "memory/alloc.h"
#include "memory/arena.h"
#include "memory/atomic.h"
#include "runtime/config.h"

enum { SEGMENT = 1024, SEGMENTS = 15 };  // entries of the first; their number
_Static_assert(SEGMENT *((1u << SEGMENTS) - 1) >= AMB_MAX_SYMBOLS,
               "all segments hold all symbols");

typedef struct
    SymbolSlot {  // the hash, so that only equal ones lead to a Symbol
  uint32_t hash;
  uint32_t id;  // + 1, or 0: free
} SymbolSlot;

struct SymbolTable {
  pthread_mutex_t lock;
  Arena texts;                   // [lock] all Symbols
  SymbolSlot *slots;             // [lock]
  size_t nslots;                 // [lock] power of two
  AMB_ATOMIC(uint32_t) x_count;  // [lock>all]
  Symbol **segments[SEGMENTS];   // [lock] grows; entries never change
};

static const struct {
  const char *text;
  uint32_t len;
} predefined[] = {
#define SYM(name, text) {text, sizeof(text) - 1},
#include "runtime/atoms/symbols.def"
};

// Eight bytes at a time; the last ones with zeros behind.
static uint32_t hash_text(const char *text, size_t len) {
  uint64_t h = 0xcbf29ce484222325u ^ len, part;
  for (; len >= sizeof part; len -= sizeof part, text += sizeof part) {
    memcpy(&part, text, sizeof part);
    h = (h ^ part) * 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
  }
  part = 0;
  if (len) memcpy(&part, text, len);
  h = (h ^ part) * 0x9E3779B97F4A7C15u;
  h ^= h >> 29;
  h *= 0xbf58476d1ce4e5b9u;
  return (uint32_t)(h >> 32);
}

// The segment of an id: its ids, counted from SEGMENT, are those with the same
// highest bit.
static unsigned segment_of(uint32_t id) {
  return 31 - (unsigned)__builtin_clz(id / SEGMENT + 1);
}
static size_t segment_size(unsigned segment) {
  return (size_t)SEGMENT << segment;
}
static Symbol **place(const SymbolTable *t, uint32_t id) {
  unsigned segment = segment_of(id);
  return t->segments[segment] + (id - (segment_size(segment) - SEGMENT));
}
static Symbol *entry(const SymbolTable *t, uint32_t id) {
  return *place(t, id);
}
// False: memory is out.
static bool make_segment(SymbolTable *t, uint32_t id) {
  unsigned segment = segment_of(id);
  Symbol ***at = &t->segments[segment];
  if (!*at) *at = ambi_alloc(segment_size(segment) * sizeof **at);
  return *at != NULL;
}

// The slot that holds the text, or the free one where it belongs.
static size_t probe(const SymbolTable *t, const char *text, size_t len,
                    uint32_t hash) {
  size_t mask = t->nslots - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    SymbolSlot slot = t->slots[i];
    if (slot.id == 0) return i;
    if (slot.hash != hash) continue;
    const Symbol *s = entry(t, slot.id - 1);
    if (s->len == len && memcmp(s->text, text, len) == 0) return i;
  }
}

static bool grow_slots(SymbolTable *t, size_t n) {
  SymbolSlot *slots = ambi_alloc(n * sizeof *slots);
  if (!slots) return false;
  uint32_t count = ambi_load_relaxed(&t->x_count);
  for (uint32_t id = 0; id < count; id++) {
    uint32_t hash = entry(t, id)->hash;
    size_t i = hash & (n - 1);
    while (slots[i].id)
      i = (i + 1) & (n - 1);
    slots[i] = (SymbolSlot){hash, id + 1};
  }
  ambi_free(t->slots, t->nslots * sizeof *t->slots);
  t->slots = slots;
  t->nslots = n;
  return true;
}

// Adds a text that is not there yet. Any step may fail and leaves the table
// usable; what was allocated before it stays for the next attempt.
static bool add(SymbolTable *t, const char *text, size_t len, uint32_t hash,
                uint32_t *id) {
  uint32_t count = ambi_load_relaxed(&t->x_count);
  if (count >= AMB_MAX_SYMBOLS || len >= UINT32_MAX) return false;
  if ((size_t)count + count / 2 >= t->nslots && !grow_slots(t, t->nslots * 2))
    return false;
  if (!make_segment(t, count)) return false;
  Symbol *s = ambi_arena_alloc(&t->texts, sizeof *s + len + 1);
  if (!s) return false;
  *s = (Symbol){.len = (uint32_t)len, .hash = hash};
  memcpy(s->text, text, len);
  s->text[len] = 0;
  *place(t, count) = s;
  t->slots[probe(t, text, len, hash)] = (SymbolSlot){hash, count + 1};
  ambi_store_release(&t->x_count, count + 1);
  *id = count;
  return true;
}

static bool look_up(SymbolTable *t, const char *text, size_t len, bool create,
                    uint32_t *id) {
  uint32_t hash = hash_text(text, len);
  pthread_mutex_lock(&t->lock);
  size_t slot = probe(t, text, len, hash);
  bool ok = t->slots[slot].id != 0;
  if (ok)
    *id = t->slots[slot].id - 1;
  else if (create)
    ok = add(t, text, len, hash, id);
  pthread_mutex_unlock(&t->lock);
  return ok;
}

bool ambi_symbol_intern(SymbolTable *t, const char *text, size_t len,
                        uint32_t *id) {
  return look_up(t, text, len, true, id);
}

bool ambi_symbol_find(SymbolTable *t, const char *text, size_t len,
                      uint32_t *id) {
  return look_up(t, text, len, false, id);
}

Symbol *ambi_symbol(const SymbolTable *t, uint32_t id) {
  AMB_ASSERT(id < ambi_symbols_count(t));
  return entry(t, id);
}

size_t ambi_symbols_count(const SymbolTable *t) {
  return ambi_load_acquire(&t->x_count);
}

static bool add_predefined(SymbolTable *t) {
  for (uint32_t i = 0; i < AMB_S_COUNT; i++) {
    uint32_t id = 0;
    if (!ambi_symbol_intern(t, predefined[i].text, predefined[i].len, &id))
      return false;
    AMB_ASSERT(id == i);  // otherwise two rows of symbols.def have one text
  }
  return true;
}

static SymbolTable *open_empty(void) {
  SymbolTable *t = ambi_alloc(sizeof *t);
  if (!t) return NULL;
  pthread_mutex_init(&t->lock, NULL);
  ambi_arena_open(&t->texts);
  return t;
}

SymbolTable *ambi_symbols_open(void) {
  SymbolTable *t = open_empty();
  if (t && grow_slots(t, 1024) && add_predefined(t)) return t;
  ambi_symbols_close(t);
  return NULL;
}

// All in one block of the arena.
static bool copy_symbols(SymbolTable *t, const SymbolImage *image) {
  Word *block = ambi_arena_alloc(&t->texts, image->nwords * sizeof *block);
  if (!block) return false;
  memcpy(block, image->words, image->nwords * sizeof *block);
  for (uint32_t id = 0; id < image->n; id++) {
    if (!make_segment(t, id)) return false;
    *place(t, id) = (Symbol *)(void *)(block + image->at[id]);
  }
  ambi_store_release(&t->x_count, image->n);
  return true;
}

SymbolTable *ambi_symbols_load(const SymbolImage *image) {
  SymbolTable *t = open_empty();
  size_t nslots = 1024;
  while (nslots < (size_t)image->n * 2)
    nslots *= 2;
  if (t && copy_symbols(t, image) && grow_slots(t, nslots)) return t;
  ambi_symbols_close(t);
  return NULL;
}

void ambi_symbols_close(SymbolTable *t) {
  if (!t) return;
  for (unsigned i = 0; i < SEGMENTS; i++)
    ambi_free(t->segments[i], segment_size(i) * sizeof *t->segments[i]);
  ambi_free(t->slots, t->nslots * sizeof *t->slots);
  ambi_arena_close(&t->texts);
  pthread_mutex_destroy(&t->lock);
  ambi_free(t, sizeof *t);
}

bool ambi_symbols_is_valid(const SymbolTable *t, const char **why) {
  uint32_t count = ambi_load_acquire(&t->x_count);
  if (count < AMB_S_COUNT || (t->nslots & (t->nslots - 1)))
    return ambi_invalid(why, "a symbol table of no possible size");
  size_t used = 0;
  for (size_t i = 0; i < t->nslots; i++) {
    if (t->slots[i].id > count)
      return ambi_invalid(why, "a slot holds a symbol that is not there");
    used += t->slots[i].id != 0;
  }
  if (used != count)
    return ambi_invalid(why, "slots and symbols are not equally many");
  for (uint32_t id = 0; id < count; id++) {
    const Symbol *s = entry(t, id);
    if (s->hash != hash_text(s->text, s->len) || s->text[s->len] != 0)
      return ambi_invalid(why, "a symbol's text is not what was hashed");
    if (t->slots[probe(t, s->text, s->len, s->hash)].id != id + 1)
      return ambi_invalid(why, "a symbol is not found by its text");
  }
  return ambi_arena_is_valid(&t->texts, why);
}
