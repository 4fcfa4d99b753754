// The symbol table: an open-addressing hash over dense ids.
//
// Symbols sit in an arena and are found by id through a two-level directory
// whose parts never move, so a reader that was handed an id needs no lock: the
// hand-over itself made the entry visible. Each segment of the directory has
// twice the entries of the one before, so few programs need a second. A name is
// found in a table of slots, which a larger one replaces.
#include "runtime/atoms/symbol.h"

#include <pthread.h>

#include "memory/alloc.h"
#include "memory/arena.h"
#include "memory/atomic.h"
#include "runtime/config.h"

enum { SEGMENT = 1024, SEGMENTS = 15 };  // entries of the first; their number
_Static_assert(SEGMENT *((1u << SEGMENTS) - 1) >= AMB_MAX_SYMBOLS,
               "all segments hold all symbols");

// Slots have the hash above and id + 1 below, so that only equal hashes lead to a
// Symbol; 0: free.
typedef struct Slots {
  struct Slots *outgrown;  // [lock] the one before, while others may look at it
  size_t n;                // [init] power of two
  AMB_ATOMIC(uint64_t) x_at[];  // [lock>all]
} Slots;

struct SymbolTable {
  bool together;                // [init] several threads use it
  uint32_t own;                 // [init] names it began with
  AMB_ATOMIC(uint32_t) x_most;  // [all~] names it may have
  AMB_ATOMIC(bool) x_refused;   // [all~] one more was asked for
  pthread_mutex_t lock;
  Arena texts;                   // [lock] all Symbols
  AMB_ATOMIC(Slots *) x_slots;   // [lock>all]
  AMB_ATOMIC(uint32_t) x_count;  // [lock>all]
  AMB_ATOMIC(Symbol **)
  x_segments[SEGMENTS];  // [lock>all] entries never change
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
  return ambi_load_acquire(&t->x_segments[segment]) +
         (id - (segment_size(segment) - SEGMENT));
}
static Symbol *entry(const SymbolTable *t, uint32_t id) {
  return *place(t, id);
}
// False: memory is out.
static bool make_segment(SymbolTable *t, uint32_t id) {
  unsigned segment = segment_of(id);
  if (ambi_load_relaxed(&t->x_segments[segment])) return true;
  Symbol **at = ambi_alloc(segment_size(segment) * sizeof *at);
  ambi_store_release(&t->x_segments[segment], at);
  return at != NULL;
}

static Slots *slots_of(const SymbolTable *t) {
  return ambi_load_acquire(&t->x_slots);
}
static size_t slots_size(size_t n) {
  return sizeof(Slots) + n * sizeof(uint64_t);
}
static uint64_t slot_word(uint32_t hash, uint32_t id) {
  return (uint64_t)hash << 32 | (id + 1);
}

// The slot that holds the text, or the free one where it belongs; *word is what it has.
static size_t probe(const SymbolTable *t, const Slots *slots, const char *text,
                    size_t len, uint32_t hash, uint64_t *word) {
  size_t mask = slots->n - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    *word = ambi_load_acquire(&slots->x_at[i]);
    if (*word == 0) return i;
    if (*word >> 32 != hash) continue;
    const Symbol *s = entry(t, (uint32_t)*word - 1);
    if (s->len == len && memcmp(s->text, text, len) == 0) return i;
  }
}

static void free_outgrown(Slots *slots) {
  for (Slots *old = slots->outgrown, *older; old; old = older) {
    older = old->outgrown;
    ambi_free(old, slots_size(old->n));
  }
  slots->outgrown = NULL;
}

static bool grow_slots(SymbolTable *t, size_t n) {
  Slots *slots = ambi_alloc(slots_size(n));
  if (!slots) return false;
  slots->n = n;
  uint32_t count = ambi_load_relaxed(&t->x_count);
  for (uint32_t id = 0; id < count; id++) {
    uint32_t hash = entry(t, id)->hash;
    size_t i = hash & (n - 1);
    while (ambi_load_relaxed(&slots->x_at[i]))
      i = (i + 1) & (n - 1);
    ambi_store_release(&slots->x_at[i], slot_word(hash, id));
  }
  slots->outgrown = slots_of(t);
  ambi_store_release(&t->x_slots, slots);
  if (!t->together) free_outgrown(slots);
  return true;
}

// Adds a text that is not there yet. Any step may fail and leaves the table
// usable; what was allocated before it stays for the next attempt.
static bool add(SymbolTable *t, const char *text, size_t len, uint32_t hash,
                uint32_t *id) {
  uint32_t count = ambi_load_relaxed(&t->x_count);
  if (count >= ambi_load_relaxed(&t->x_most)) {
    ambi_store_relaxed(&t->x_refused, true);
    return false;
  }
  if (len >= UINT32_MAX) return false;
  size_t nslots = slots_of(t)->n;
  if ((size_t)count + count / 2 >= nslots && !grow_slots(t, nslots * 2))
    return false;
  if (!make_segment(t, count)) return false;
  Symbol *s = ambi_arena_alloc(&t->texts, sizeof *s + len + 1);
  if (!s) return false;
  *s = (Symbol){.len = (uint32_t)len, .hash = hash};
  memcpy(s->text, text, len);
  s->text[len] = 0;
  *place(t, count) = s;
  ambi_store_release(&t->x_count, count + 1);
  uint64_t word;
  size_t free_slot = probe(t, slots_of(t), text, len, hash, &word);
  ambi_store_release(&slots_of(t)->x_at[free_slot], slot_word(hash, count));
  *id = count;
  return true;
}

static bool find(const SymbolTable *t, const char *text, size_t len,
                 uint32_t hash, uint32_t *id) {
  uint64_t word;
  probe(t, slots_of(t), text, len, hash, &word);
  if (word) *id = (uint32_t)word - 1;
  return word != 0;
}

// Somebody else may have made it meanwhile.
static bool add_together(SymbolTable *t, const char *text, size_t len,
                         uint32_t hash, uint32_t *id) {
  pthread_mutex_lock(&t->lock);
  bool ok = find(t, text, len, hash, id) || add(t, text, len, hash, id);
  pthread_mutex_unlock(&t->lock);
  return ok;
}

bool ambi_symbol_intern(SymbolTable *t, const char *text, size_t len,
                        uint32_t *id) {
  uint32_t hash = hash_text(text, len);
  if (find(t, text, len, hash, id)) return true;
  return AMB_UNLIKELY(t->together) ? add_together(t, text, len, hash, id)
                                   : add(t, text, len, hash, id);
}

void ambi_symbols_expect(SymbolTable *t, size_t names) {
  if (t->together) pthread_mutex_lock(&t->lock);
  size_t need = ambi_load_relaxed(&t->x_count) + names, n = slots_of(t)->n;
  while (n < need + need / 2 && n <= AMB_MAX_SYMBOLS)
    n *= 2;
  if (n > slots_of(t)->n) grow_slots(t, n);
  if (t->together) pthread_mutex_unlock(&t->lock);
}

bool ambi_symbol_find(SymbolTable *t, const char *text, size_t len,
                      uint32_t *id) {
  return find(t, text, len, hash_text(text, len), id);
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
  ambi_symbols_cap(t, 0);
  return t;
}

SymbolTable *ambi_symbols_open(void) {
  SymbolTable *t = open_empty();
  if (t && grow_slots(t, 1024) && add_predefined(t)) {
    t->own = AMB_S_COUNT;
    return t;
  }
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
  t->own = image->n;
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

void ambi_symbols_cap(SymbolTable *t, uint64_t names) {
  uint32_t most = AMB_MAX_SYMBOLS;
  if (names && names < most - t->own) most = t->own + (uint32_t)names;
  ambi_store_relaxed(&t->x_most, most);
  ambi_store_relaxed(&t->x_refused, false);
}

bool ambi_symbols_refused(const SymbolTable *t) {
  return ambi_load_relaxed(&t->x_refused);
}

void ambi_symbols_share(SymbolTable *t, bool together) {
  t->together = together;
  if (!together) free_outgrown(slots_of(t));
}

void ambi_symbols_close(SymbolTable *t) {
  if (!t) return;
  for (unsigned i = 0; i < SEGMENTS; i++)
    ambi_free(ambi_load_relaxed(&t->x_segments[i]),
              segment_size(i) * sizeof(Symbol *));
  Slots *slots = slots_of(t);
  if (slots) {
    free_outgrown(slots);
    ambi_free(slots, slots_size(slots->n));
  }
  ambi_arena_close(&t->texts);
  pthread_mutex_destroy(&t->lock);
  ambi_free(t, sizeof *t);
}

bool ambi_symbols_is_valid(const SymbolTable *t, const char **why) {
  uint32_t count = ambi_load_acquire(&t->x_count);
  const Slots *slots = slots_of(t);
  if (count < AMB_S_COUNT || (slots->n & (slots->n - 1)))
    return ambi_invalid(why, "a symbol table of no possible size");
  size_t used = 0;
  for (size_t i = 0; i < slots->n; i++) {
    uint64_t word = ambi_load_relaxed(&slots->x_at[i]);
    if ((uint32_t)word > count)
      return ambi_invalid(why, "a slot holds a symbol that is not there");
    used += word != 0;
  }
  if (used != count)
    return ambi_invalid(why, "slots and symbols are not equally many");
  for (uint32_t id = 0; id < count; id++) {
    const Symbol *s = entry(t, id);
    uint32_t found;
    if (s->hash != hash_text(s->text, s->len) || s->text[s->len] != 0)
      return ambi_invalid(why, "a symbol's text is not what was hashed");
    if (!find(t, s->text, s->len, s->hash, &found) || found != id)
      return ambi_invalid(why, "a symbol is not found by its text");
  }
  return ambi_arena_is_valid(&t->texts, why);
}
