// Keys of values, and an open-addressing table of positions.
//
// A slot is 8 bytes: 32 bits of hash and a position, or where the list of several
// positions is. The hash part decides slot and identity alike; among 10^6 keys about
// a hundred pairs share one, which costs those a filtered candidate. Slots stand in
// the order of the hash, so a table grows in one sweep through old and new.
//
// Records enter when someone asks, all that came since the last time. So adding an
// atom costs nothing here, what is loaded at once is indexed at once, with the slots
// fetched ahead, and an index nobody asks stays as it is.
#include "runtime/spaces/index.h"

#include "memory/alloc.h"

// ---- keys -----------------------------------------------------------------------
uint64_t ambi_key_functor(uint64_t head_key, uint32_t size) {
  return ambi_hash_mix(ambi_hash_mix(17, head_key), size);
}

uint64_t ambi_key_nested(uint32_t size) {
  return ambi_hash_mix(19, size);
}

static bool is_open(Value v) {
  return ambi_is_var(v) || ambi_is_lvar(v) || ambi_is_none(v);
}

enum KeyKind ambi_key_value(Value v, uint64_t *key) {
  v = ambi_deref(v);
  if (is_open(v)) return KEY_OPEN;
  if (!ambi_is_expr(v)) {
    *key = ambi_atomic_hash(v);
    return KEY_VALUE;
  }
  Value head = ambi_deref(ambi_expr_at(v, 0));
  if (is_open(head)) return KEY_OPEN;
  *key = ambi_is_expr(head)
             ? ambi_key_nested(ambi_expr_size(v))
             : ambi_key_functor(ambi_atomic_hash(head), ambi_expr_size(v));
  return KEY_VALUE;
}

enum KeyKind ambi_key_path(const Value *items, uint32_t n, Path path,
                           uint64_t *key) {
  if (path.arg >= n) return KEY_ABSENT;
  Value v = items[path.arg];
  if (path.sub == PATH_SELF) return ambi_key_value(v, key);
  v = ambi_deref(v);
  if (is_open(v)) return KEY_OPEN;
  if (!ambi_is_expr(v) || ambi_expr_size(v) <= path.sub) return KEY_ABSENT;
  enum KeyKind kind = ambi_key_value(ambi_expr_at(v, path.sub), key);
  if (kind == KEY_VALUE) *key = ambi_key_functor(*key, ambi_expr_size(v));
  return kind;
}

enum KeyKind ambi_key_record(Record r, Path path, uint64_t *key) {
  Value atom = ambi_record_atom(r);
  if (path.arg == PATH_GROUND && ambi_record_open(r)) return KEY_OPEN;
  if (path.arg == PATH_GROUND || path.arg == PATH_WHOLE) {
    *key = ambi_hash(atom);
    return KEY_VALUE;
  }
  return ambi_key_path(ambi_expr_items(atom), ambi_expr_size(atom), path, key);
}

// ---- lists of positions -------------------------------------------------------------
// A block of class k has 4 << k words: the number of entries, the class with the
// first entry that still counts, and the entries.
enum { LIST_HEAD = 2, LIST_SMALLEST = 4, FIRST_SHIFT = 5 };
enum { MAX_FIRST = (1 << (32 - FIRST_SHIFT)) - 1 };

static size_t class_words(unsigned k) {
  return (size_t)LIST_SMALLEST << k;
}
static unsigned class_of(const uint32_t *block) {
  return block[1] & ((1 << FIRST_SHIFT) - 1);
}
static uint32_t first_of(const uint32_t *block) {
  return block[1] >> FIRST_SHIFT;
}
static void set_first(uint32_t *block, uint32_t first) {
  block[1] = first << FIRST_SHIFT | class_of(block);
}

static uint32_t *block_at(const Index *x, uint32_t at) {
  return x->lists + (at & ~SLOT_LIST);
}

static void spare_block(Index *x, uint32_t at, unsigned k) {
  x->lists[at] = x->spare[k];
  x->spare[k] = at;
}

// Where a block of the class is, or 0: memory is out. Word 0 is in no block.
static uint32_t take_block(Index *x, unsigned k) {
  if (k >= LIST_CLASSES) return 0;
  uint32_t at = x->spare[k];
  if (at) {
    x->spare[k] = x->lists[at];
    return at;
  }
  size_t from = x->nlists ? x->nlists : 1;
  if (from + class_words(k) >= SLOT_LIST ||
      !ambi_grow((void **)&x->lists, &x->lists_cap, from + class_words(k),
                 sizeof *x->lists))
    return 0;
  x->nlists = from + class_words(k);
  return (uint32_t)from;
}

// The same entries with more room behind them. 0: memory is out.
static uint32_t grow_block(Index *x, uint32_t at) {
  unsigned k = class_of(x->lists + at);
  size_t words = class_words(k);
  if (at + words == x->nlists && k + 1 < LIST_CLASSES &&
      at + 2 * words < SLOT_LIST) {  // the last one grows where it is
    if (!ambi_grow((void **)&x->lists, &x->lists_cap, at + 2 * words,
                   sizeof *x->lists))
      return 0;
    x->nlists = at + 2 * words;
    x->lists[at + 1]++;
    return at;
  }
  uint32_t to = take_block(x, k + 1);
  if (!to) return 0;
  memcpy(x->lists + to, x->lists + at, words * sizeof *x->lists);
  x->lists[to + 1]++;
  spare_block(x, at, k);
  return to;
}

static void tidy_block(uint32_t *block, const Record *at) {
  uint32_t to = 0, *entry = block + LIST_HEAD;
  for (uint32_t i = first_of(block); i < block[0]; i++)
    if (!ambi_record_gone(at[entry[i]])) entry[to++] = entry[i];
  block[0] = to;
  set_first(block, 0);
}

static bool to_list(Index *x, Slot *s) {
  uint32_t at = take_block(x, 0);
  if (!at) return false;
  x->lists[at] = 1;
  x->lists[at + 1] = 0;
  x->lists[at + LIST_HEAD] = s->at;
  s->at = at | SLOT_LIST;
  return true;
}

// What was removed makes room first: then a key that comes and goes needs no more
// than what is there at a time.
static bool append(Index *x, Slot *s, uint32_t pos, const Record *records) {
  if (!(s->at & SLOT_LIST)) {
    if (ambi_record_gone(records[s->at])) {
      s->at = pos;
      return true;
    }
    if (!to_list(x, s)) return false;
  }
  uint32_t *block = block_at(x, s->at);
  size_t room = class_words(class_of(block)) - LIST_HEAD;
  if (block[0] == room) {
    tidy_block(block, records);
    if (block[0] > room / 4 * 3) {
      uint32_t at = grow_block(x, s->at & ~SLOT_LIST);
      if (!at) return false;
      s->at = at | SLOT_LIST;
      block = block_at(x, s->at);
    }
  }
  block[LIST_HEAD + block[0]++] = pos;
  return true;
}

// ---- the table ------------------------------------------------------------------
void ambi_index_open(Index *x, Path path) {
  *x = (Index){.path = path};
}

void ambi_index_close(Index *x) {
  ambi_free(x->table, x->cap * sizeof *x->table);
  ambi_free(x->lists, x->lists_cap * sizeof *x->lists);
  ambi_free(x->open, x->open_cap * sizeof *x->open);
}

static uint32_t tag_of(uint64_t key) {
  uint32_t tag = (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> 32);
  return tag ? tag : 1;
}

static size_t home(size_t cap, uint32_t tag) {
  return (size_t)(((uint64_t)tag * cap) >> 32);
}

// The slot with that tag, or the free slot where it belongs.
static Slot *find_slot(Slot *table, size_t cap, uint32_t tag) {
  size_t i = home(cap, tag);
  while (table[i].tag && table[i].tag != tag)
    i = i + 1 == cap ? 0 : i + 1;
  return &table[i];
}

// A table that is neither full nor much too large.
static size_t roomy(double keys) {
  return (size_t)(keys * 1.3) + 16;
}

static bool resize(Index *x, size_t cap) {
  Slot *table = cap <= UINT32_MAX ? ambi_alloc(cap * sizeof *table) : NULL;
  if (!table) return false;
  for (size_t i = 0; i < x->cap; i++)
    if (x->table[i].tag) *find_slot(table, cap, x->table[i].tag) = x->table[i];
  ambi_free(x->table, x->cap * sizeof *x->table);
  x->table = table;
  x->cap = cap;
  return true;
}

// To what all n records will need if those behind pos are like those before; not by
// much at once, while only few have been seen.
static bool grow_table(Index *x, size_t pos, size_t n) {
  enum { MANY = 8192 };
  size_t least = x->cap ? x->cap + x->cap / 2 : 16;
  size_t cap = roomy((double)x->used * (double)n / (double)(pos + 1));
  if (pos < MANY && cap > x->cap * 4) cap = x->cap * 4;
  return (cap > least && resize(x, cap)) || resize(x, least);
}

// The records that came later had few keys of their own.
static void shrink_table(Index *x) {
  enum { WORTH = 256 };
  if (x->cap > WORTH && x->cap / 8 > x->used) resize(x, roomy((double)x->used));
}

static bool add_open(Index *x, uint32_t pos) {
  if (!ambi_grow((void **)&x->open, &x->open_cap, x->nopen + 1,
                 sizeof *x->open))
    return false;
  x->open[x->nopen++] = pos;
  return true;
}

static bool add(Index *x, uint32_t tag, uint32_t pos, const Record *at,
                size_t n) {
  if (x->used * 5 >= x->cap * 4 && !grow_table(x, pos, n)) return false;
  Slot *s = find_slot(x->table, x->cap, tag);
  if (s->tag) return append(x, s, pos, at);
  *s = (Slot){tag, pos};
  x->used++;
  return true;
}

// Some records with their keys, so that the slots are on the way before the first
// is needed.
enum { BATCH = 16, AHEAD = 24 };
typedef struct Batch {
  uint32_t tag[BATCH], pos[BATCH];
  unsigned n;
} Batch;

static bool add_batch(Index *x, Batch *b, const Record *at, size_t n) {
  for (unsigned i = 0; x->cap && i < b->n; i++)
    __builtin_prefetch(&x->table[home(x->cap, b->tag[i])], 1);
  for (unsigned i = 0; i < b->n; i++)
    if (!add(x, b->tag[i], b->pos[i], at, n)) return false;
  b->n = 0;
  return true;
}

bool ambi_index_catch_up(Index *x, const Record *at, size_t n) {
  Batch b;
  b.n = 0;
  for (size_t i = x->upto; i < n; i++) {
    if (i + AHEAD < n && !ambi_record_gone(at[i + AHEAD]))
      __builtin_prefetch(ambi_ptr(at[i + AHEAD].held));
    if (ambi_record_gone(at[i])) continue;
    uint64_t key = 0;
    enum KeyKind kind = ambi_key_record(at[i], x->path, &key);
    if (kind == KEY_OPEN && !add_open(x, (uint32_t)i)) return false;
    if (kind != KEY_VALUE) continue;
    b.tag[b.n] = tag_of(key);
    b.pos[b.n++] = (uint32_t)i;
    if (b.n == BATCH && !add_batch(x, &b, at, n)) return false;
  }
  x->upto = n;
  if (!add_batch(x, &b, at, n)) return false;
  shrink_table(x);
  return true;
}

static Slot *slot_of(const Index *x, uint64_t key) {
  Slot *s = x->cap ? find_slot(x->table, x->cap, tag_of(key)) : NULL;
  return s && s->tag ? s : NULL;
}

static Hits hits_of(const Index *x, const Slot *s) {
  if (!(s->at & SLOT_LIST)) return (Hits){&s->at, 1};
  const uint32_t *block = block_at(x, s->at);
  uint32_t first = first_of(block);
  return (Hits){block + LIST_HEAD + first, block[0] - first};
}

Hits ambi_index_find(Index *x, uint64_t key, const Record *at) {
  const Slot *s = slot_of(x, key);
  if (!s) return (Hits){NULL, 0};
  if (s->at & SLOT_LIST) {
    uint32_t *block = block_at(x, s->at), first = first_of(block);
    while (first < block[0] && first < MAX_FIRST &&
           ambi_record_gone(at[block[LIST_HEAD + first]]))
      first++;
    set_first(block, first);
  }
  return hits_of(x, s);
}

void ambi_index_prefetch(const Index *x, uint64_t key) {
  if (x->cap) __builtin_prefetch(&x->table[home(x->cap, tag_of(key))]);
}

Hits ambi_index_look(const Index *x, uint64_t key) {
  const Slot *s = slot_of(x, key);
  return s ? hits_of(x, s) : (Hits){NULL, 0};
}

void ambi_index_tidy(Index *x, uint64_t key, const Record *at) {
  const Slot *s = slot_of(x, key);
  if (s && s->at & SLOT_LIST) tidy_block(block_at(x, s->at), at);
}

// ---- looking whether all is well ----------------------------------------------------
static bool hits_are_valid(Hits h, size_t below, const char **why) {
  for (uint32_t i = 0; i < h.n; i++) {
    if (h.at[i] >= below)
      return ambi_invalid(why, "an index names a record that is not there");
    if (i && h.at[i - 1] >= h.at[i])
      return ambi_invalid(why, "a list of positions out of order");
  }
  return true;
}

static bool block_is_valid(const Index *x, uint32_t at, const char **why) {
  at &= ~SLOT_LIST;
  if (at == 0 || at + LIST_SMALLEST > x->nlists)
    return ambi_invalid(why, "a list of positions that is not there");
  const uint32_t *block = x->lists + at;
  size_t words = class_words(class_of(block));
  return (at + words <= x->nlists && block[0] + LIST_HEAD <= words &&
          first_of(block) <= block[0]) ||
         ambi_invalid(why, "a list of positions longer than its room");
}

bool ambi_index_is_valid(const Index *x, size_t n, const char **why) {
  size_t used = 0;
  if (x->upto > n)
    return ambi_invalid(why, "an index has more records than there are");
  if (x->nlists > x->lists_cap || x->nopen > x->open_cap)
    return ambi_invalid(why, "an index longer than its room");
  for (size_t i = 0; i < x->cap; i++) {
    const Slot *s = &x->table[i];
    if (!s->tag) continue;
    used++;
    if (find_slot(x->table, x->cap, s->tag) != s)
      return ambi_invalid(why, "a key of an index is not found");
    if (s->at & SLOT_LIST && !block_is_valid(x, s->at, why)) return false;
    if (!hits_are_valid(hits_of(x, s), x->upto, why)) return false;
  }
  if (used != x->used)
    return ambi_invalid(why, "an index's keys are miscounted");
  return hits_are_valid((Hits){x->open, (uint32_t)x->nopen}, x->upto, why);
}
