// An open-addressing table of positions.
//
// A slot is 8 bytes: 32 bits of hash and a position, or where the list of several
// positions is. The hash part decides slot and identity alike; among 10^6 keys about
// a hundred pairs share one, which costs those a filtered candidate. Slots stand in
// the order of the hash, so a table grows in one sweep through old and new.
//
// Records enter when someone asks, all that came since the last time. So adding an
// atom costs nothing here, what is loaded at once is indexed at once, with the slots
// fetched ahead, and an index nobody asks stays as it is.
//
// Where others may be looking (Epochs are given), nothing that they can see is moved or
// used again: larger arrays are copies, the old ones are retired, and a list that was
// outgrown is left where it is until the index is made anew. A list's number of
// entries grows when the entry is there, x_upto when all of a batch are.
#include "runtime/spaces/index.h"

#include "memory/alloc.h"

// ---- lists of positions -------------------------------------------------------------
// A block of class k has 4 << k words: the number of entries, the class with the
// first entry that still counts, and the entries.
enum { LIST_HEAD = 2, LIST_SMALLEST = 4, FIRST_SHIFT = 5 };
enum { MAX_FIRST = (1 << (32 - FIRST_SHIFT)) - 1 };

static size_t class_words(unsigned k) {
  return (size_t)LIST_SMALLEST << k;
}
// The first two words of a block are looked at while they change.
typedef AMB_ATOMIC(uint32_t) HeadWord;  // [lock>all]

static uint32_t head_word(const uint32_t *block, unsigned i) {
  return ambi_load_acquire((const HeadWord *)block + i);
}
static void set_head_word(uint32_t *block, unsigned i, uint32_t w) {
  ambi_store_release((HeadWord *)block + i, w);
}
static uint32_t count_of(const uint32_t *block) {
  return head_word(block, 0);
}
static unsigned class_of(const uint32_t *block) {
  return head_word(block, 1) & ((1 << FIRST_SHIFT) - 1);
}
static uint32_t first_of(const uint32_t *block) {
  return head_word(block, 1) >> FIRST_SHIFT;
}
static void set_first(uint32_t *block, uint32_t first) {
  set_head_word(block, 1, first << FIRST_SHIFT | class_of(block));
}

static uint32_t *lists_of(const Index *x) {
  return ambi_load_acquire(&x->x_lists);
}
static uint32_t *block_at(const Index *x, uint32_t at) {
  return lists_of(x) + (at & ~SLOT_LIST);
}

static bool grow_lists(Index *x, Epochs *e, size_t words) {
  Growth g;
  if (words <= x->lists_cap) return true;
  if (!ambi_growth_begin(&g, e, lists_of(x), x->lists_cap, words,
                         sizeof(uint32_t)))
    return false;
  ambi_store_release(&x->x_lists, g.at);
  x->lists_cap = g.cap;
  ambi_growth_end(&g, e);
  return true;
}

// Where a block of the class is, or 0: memory is out. Word 0 is in no block.
static uint32_t take_block(Index *x, Epochs *e, unsigned k) {
  if (k >= LIST_CLASSES) return 0;
  uint32_t at = x->spare[k];
  if (at) {
    x->spare[k] = *block_at(x, at);
    return at;
  }
  size_t from = x->nlists ? x->nlists : 1;
  if (from + class_words(k) >= SLOT_LIST ||
      !grow_lists(x, e, from + class_words(k)))
    return 0;
  x->nlists = from + class_words(k);
  return (uint32_t)from;
}

// The same entries with more room behind them. 0: memory is out.
static uint32_t grow_block(Index *x, Epochs *e, uint32_t at) {
  unsigned k = class_of(block_at(x, at));
  size_t words = class_words(k);
  if (at + words == x->nlists && k + 1 < LIST_CLASSES &&
      at + 2 * words < SLOT_LIST) {  // the last one grows where it is
    if (!grow_lists(x, e, at + 2 * words)) return 0;
    x->nlists = at + 2 * words;
    uint32_t *block = block_at(x, at);
    set_head_word(block, 1, head_word(block, 1) + 1);
    return at;
  }
  uint32_t to = take_block(x, e, k + 1);
  if (!to) return 0;
  uint32_t *wide = block_at(x, to), *old = block_at(x, at);
  memcpy(wide, old, words * sizeof *wide);
  set_head_word(wide, 1, head_word(wide, 1) + 1);
  if (!e) {
    *old = x->spare[k];
    x->spare[k] = at;
  }
  return to;
}

static void tidy_block(uint32_t *block, const Record *at) {
  uint32_t to = 0, n = count_of(block), *entry = block + LIST_HEAD;
  for (uint32_t i = first_of(block); i < n; i++)
    if (!ambi_record_gone(at[entry[i]])) entry[to++] = entry[i];
  set_head_word(block, 0, to);
  set_first(block, 0);
}

// A slot, and what is in it, for the one who changes it.
typedef struct Place {
  AMB_ATOMIC(SlotWord) * x_at;  // [lock>all]
  SlotWord w;
} Place;

static void fill_place(Place *p, uint32_t tag, uint32_t at) {
  p->w = (SlotWord)at << 32 | tag;
  ambi_store_release(p->x_at, p->w);
}

static bool to_list(Index *x, Epochs *e, Place *p) {
  uint32_t at = take_block(x, e, 0);
  if (!at) return false;
  uint32_t *block = block_at(x, at);
  block[LIST_HEAD] = ambi_slot_at(p->w);
  set_head_word(block, 1, 0);
  set_head_word(block, 0, 1);
  fill_place(p, ambi_slot_tag(p->w), at | SLOT_LIST);
  return true;
}

// Makes room for one more entry. False: memory is out.
static bool widen(Index *x, Epochs *e, Place *p, const Record *records) {
  uint32_t at = ambi_slot_at(p->w) & ~SLOT_LIST, *block = block_at(x, at);
  uint32_t room = (uint32_t)class_words(class_of(block)) - LIST_HEAD;
  if (count_of(block) < room) return true;
  if (!e) {
    tidy_block(block, records);
    if (count_of(block) <= room / 4 * 3) return true;
  }
  uint32_t to = grow_block(x, e, at);
  if (to && to != at) fill_place(p, ambi_slot_tag(p->w), to | SLOT_LIST);
  return to != 0;
}

// What was removed makes room first: then a key that comes and goes needs no more
// than what is there at a time.
static bool append(Index *x, Epochs *e, Place p, uint32_t pos,
                   const Record *records) {
  if (!ambi_slot_is_list(p.w)) {
    if (ambi_record_gone(records[ambi_slot_at(p.w)])) {
      fill_place(&p, ambi_slot_tag(p.w), pos);
      return true;
    }
    if (!to_list(x, e, &p)) return false;
  }
  if (!widen(x, e, &p, records)) return false;
  uint32_t *block = block_at(x, ambi_slot_at(p.w)), n = count_of(block);
  block[LIST_HEAD + n] = pos;
  set_head_word(block, 0, n + 1);
  return true;
}

// ---- the table ------------------------------------------------------------------
void ambi_index_open(Index *x, Path path) {
  memset(x, 0, sizeof *x);
  x->path = path;
}

static SlotTable *table_of(const Index *x) {
  return ambi_load_acquire(&x->x_table);
}
static size_t table_size(size_t cap) {
  return sizeof(SlotTable) + cap * sizeof(SlotWord);
}

void ambi_index_close(Index *x) {
  SlotTable *t = table_of(x);
  if (t) ambi_free(t, table_size(t->cap));
  ambi_free(lists_of(x), x->lists_cap * sizeof(uint32_t));
  ambi_free(ambi_load_acquire(&x->x_open), x->open_cap * sizeof(uint32_t));
}

// The slot with that tag, or the free slot where it belongs.
static inline Place find_place(SlotTable *t, uint32_t tag) {
  size_t i = ambi_index_home(t->cap, tag);
  for (;;) {
    SlotWord w = ambi_load_acquire(&t->x_slot[i]);
    if (ambi_slot_tag(w) == tag || !w) return (Place){&t->x_slot[i], w};
    i = i + 1 == t->cap ? 0 : i + 1;
  }
}

// A table that is neither full nor much too large.
static size_t roomy(double keys) {
  return (size_t)(keys * 1.6) + 16;
}

static void copy_slots(const SlotTable *from, SlotTable *to) {
  for (size_t i = 0; i < from->cap; i++) {
    SlotWord w = ambi_load_relaxed(&from->x_slot[i]);
    if (!w) continue;
    Place p = find_place(to, ambi_slot_tag(w));
    fill_place(&p, ambi_slot_tag(w), ambi_slot_at(w));
  }
}

static bool resize(Index *x, Epochs *e, size_t cap) {
  SlotTable *old = table_of(x);
  size_t size = old ? table_size(old->cap) : 0;
  RetiredBlock *block = e && old ? ambi_retired_block(old, size) : NULL;
  if (e && old && !block) return false;
  SlotTable *t = cap <= UINT32_MAX ? ambi_alloc(table_size(cap)) : NULL;
  if (!t) {
    if (block) ambi_retired_drop(block);
    return false;
  }
  t->cap = cap;
  if (old) copy_slots(old, t);
  ambi_store_release(&x->x_table, t);
  if (block)
    ambi_epoch_retire_block(e, block);
  else
    ambi_free(old, size);
  return true;
}

static size_t used(const Index *x) {
  return ambi_load_relaxed(&x->x_used);
}

// To what all n records will need if those behind pos are like those before; not by
// much at once, while only few have been seen.
static bool grow_table(Index *x, Epochs *e, size_t pos, size_t n) {
  enum { MANY = 8192 };
  SlotTable *t = table_of(x);
  size_t least = t ? t->cap + t->cap / 2 : 16;
  size_t cap = roomy((double)used(x) * (double)n / (double)(pos + 1));
  if (pos < MANY && t && cap > t->cap * 4) cap = t->cap * 4;
  return (cap > least && resize(x, e, cap)) || resize(x, e, least);
}

// The records that came later had few keys of their own.
static void shrink_table(Index *x, Epochs *e) {
  enum { WORTH = 256 };
  SlotTable *t = table_of(x);
  if (t && t->cap > WORTH && t->cap / 8 > used(x))
    resize(x, e, roomy((double)used(x)));
}

static bool add_open(Index *x, Epochs *e, uint32_t pos) {
  Growth g;
  size_t n = ambi_load_relaxed(&x->x_nopen);
  if (!ambi_growth_begin(&g, e, ambi_load_relaxed(&x->x_open), x->open_cap,
                         n + 1, sizeof(uint32_t)))
    return false;
  ((uint32_t *)g.at)[n] = pos;
  ambi_store_release(&x->x_open, g.at);
  ambi_store_release(&x->x_nopen, n + 1);
  x->open_cap = g.cap;
  ambi_growth_end(&g, e);
  return true;
}

static bool add(Index *x, Epochs *e, uint32_t tag, uint32_t pos,
                const Record *at, size_t n) {
  SlotTable *t = table_of(x);
  if (!t || used(x) * 5 >= t->cap * 4) {
    if (!grow_table(x, e, pos, n)) return false;
    t = table_of(x);
  }
  Place p = find_place(t, tag);
  if (p.w) return append(x, e, p, pos, at);
  fill_place(&p, tag, pos);
  ambi_store_release(&x->x_used, used(x) + 1);
  return true;
}

// Records whose keys are known, so that their slots are on the way long before they are
// needed.
enum { COMING = 32, AHEAD = 24, PUBLISHED = 16 };
typedef struct Coming {
  uint32_t tag[COMING], pos[COMING];
  size_t from, to;
} Coming;

// The one that has waited longest.
static bool add_oldest(Index *x, Epochs *e, Coming *c, const Record *at,
                       size_t n) {
  size_t i = c->from++ % COMING;
  if (!add(x, e, c->tag[i], c->pos[i], at, n)) return false;
  if (c->from % PUBLISHED == 0) ambi_store_release(&x->x_upto, c->pos[i] + 1);
  return true;
}

static bool add_soon(Index *x, Epochs *e, Coming *c, uint64_t key, size_t pos,
                     const Record *at, size_t n) {
  const SlotTable *t = table_of(x);
  uint32_t tag = ambi_index_tag(key);
  if (t) __builtin_prefetch(&t->x_slot[ambi_index_home(t->cap, tag)], 1);
  if (c->to - c->from == COMING && !add_oldest(x, e, c, at, n)) return false;
  size_t i = c->to++ % COMING;
  c->tag[i] = tag;
  c->pos[i] = (uint32_t)pos;
  return true;
}

uint64_t ambi_key_and(uint64_t key, uint64_t next) {
  return ambi_hash_mix(ambi_hash_mix(23, key), next);
}

static enum KeyKind key_of(const Index *x, Record r, uint64_t *key) {
  enum KeyKind all = ambi_key_record(r, x->path, key);
  for (unsigned i = 0; i < x->nmore && all != KEY_ABSENT; i++) {
    uint64_t next = 0;
    enum KeyKind kind = ambi_key_record(r, x->more[i], &next);
    if (kind != KEY_VALUE) all = kind;
    *key = ambi_key_and(*key, next);
  }
  return all;
}

// Room at once for what the lists will take if records behind i are like those before:
// growing little by little costs as much as the rest.
static void expect_lists(Index *x, Epochs *e, size_t i, size_t n) {
  double words = (double)x->nlists * (double)n / (double)i;
  if (words < (double)SLOT_LIST && words > (double)x->lists_cap)
    grow_lists(x, e, (size_t)words);
}

bool ambi_index_catch_up(Index *x, Epochs *e, const Record *at, size_t n) {
  enum { MANY = 1 << 16 };
  Coming c;
  c.from = c.to = 0;
  for (size_t i = ambi_index_upto(x); i < n; i++) {
    if (i >= MANY && (i & (i - 1)) == 0 && n - i >= i) expect_lists(x, e, i, n);
    if (i + AHEAD < n && !ambi_record_gone(at[i + AHEAD]))
      __builtin_prefetch(ambi_ptr(at[i + AHEAD].held));
    if (ambi_record_gone(at[i])) continue;
    uint64_t key = 0;
    enum KeyKind kind = key_of(x, at[i], &key);
    if (kind == KEY_OPEN && !add_open(x, e, (uint32_t)i)) return false;
    if (kind == KEY_VALUE && !add_soon(x, e, &c, key, i, at, n)) return false;
  }
  while (c.from < c.to)
    if (!add_oldest(x, e, &c, at, n)) return false;
  ambi_store_release(&x->x_upto, n);
  shrink_table(x, e);
  return true;
}

// ---- looking ------------------------------------------------------------------------
// The lists are loaded behind the word, so they are not older than that.
static inline Hits hits_of(const Index *x, SlotWord w) {
  if (!w) return (Hits){0};
  if (!ambi_slot_is_list(w)) return (Hits){.from = ambi_slot_at(w), .n = 1};
  const uint32_t *block = block_at(x, ambi_slot_at(w));
  uint32_t first = first_of(block);
  return (Hits){.at = block + LIST_HEAD + first, .n = count_of(block) - first};
}

Hits ambi_index_find(Index *x, uint64_t key, const Record *at) {
  SlotWord w = ambi_index_slot(x, key);
  if (ambi_slot_is_list(w)) {
    uint32_t *block = block_at(x, ambi_slot_at(w)), first = first_of(block),
             n = count_of(block);
    while (first < n && first < MAX_FIRST &&
           ambi_record_gone(at[block[LIST_HEAD + first]]))
      first++;
    set_first(block, first);
  }
  return hits_of(x, w);
}

void ambi_index_prefetch(const Index *x, uint64_t key) {
  const SlotTable *t = table_of(x);
  if (t)
    __builtin_prefetch(
        &t->x_slot[ambi_index_home(t->cap, ambi_index_tag(key))]);
}

Hits ambi_index_look(const Index *x, uint64_t key) {
  return hits_of(x, ambi_index_slot(x, key));
}

// The array is loaded behind the number, so it has that many.
Hits ambi_index_open_hits(const Index *x) {
  uint32_t n = (uint32_t)ambi_load_acquire(&x->x_nopen);
  return (Hits){.at = ambi_load_acquire(&x->x_open), .n = n};
}

void ambi_hits_cut(Hits *h, size_t below) {
  uint32_t lo = 0, hi = h->n;
  if (hi == 0 || ambi_hit(h, hi - 1) < below) return;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (ambi_hit(h, mid) < below)
      lo = mid + 1;
    else
      hi = mid;
  }
  h->n = lo;
}

void ambi_index_tidy(Index *x, uint64_t key, const Record *at) {
  SlotWord w = ambi_index_slot(x, key);
  if (ambi_slot_is_list(w)) tidy_block(block_at(x, ambi_slot_at(w)), at);
}

// ---- looking whether all is well ----------------------------------------------------
static bool hits_are_valid(Hits h, size_t below, const char **why) {
  for (uint32_t i = 0; i < h.n; i++) {
    if (ambi_hit(&h, i) >= below)
      return ambi_invalid(why, "an index names a record that is not there");
    if (i && ambi_hit(&h, i - 1) >= ambi_hit(&h, i))
      return ambi_invalid(why, "a list of positions out of order");
  }
  return true;
}

static bool block_is_valid(const Index *x, uint32_t at, const char **why) {
  at &= ~SLOT_LIST;
  if (at == 0 || at + LIST_SMALLEST > x->nlists)
    return ambi_invalid(why, "a list of positions that is not there");
  const uint32_t *block = block_at(x, at);
  size_t words = class_words(class_of(block));
  return (at + words <= x->nlists && count_of(block) + LIST_HEAD <= words &&
          first_of(block) <= count_of(block)) ||
         ambi_invalid(why, "a list of positions longer than its room");
}

bool ambi_index_is_valid(const Index *x, size_t n, const char **why) {
  size_t keys = 0, upto = ambi_index_upto(x);
  SlotTable *t = table_of(x);
  if (upto > n)
    return ambi_invalid(why, "an index has more records than there are");
  if (x->nlists > x->lists_cap || ambi_load_acquire(&x->x_nopen) > x->open_cap)
    return ambi_invalid(why, "an index longer than its room");
  for (size_t i = 0; t && i < t->cap; i++) {
    SlotWord w = ambi_load_acquire(&t->x_slot[i]);
    if (!w) continue;
    keys++;
    if (find_place(t, ambi_slot_tag(w)).x_at != &t->x_slot[i])
      return ambi_invalid(why, "a key of an index is not found");
    if (ambi_slot_is_list(w) && !block_is_valid(x, ambi_slot_at(w), why))
      return false;
    if (!hits_are_valid(hits_of(x, w), upto, why)) return false;
  }
  if (keys != used(x))
    return ambi_invalid(why, "an index's keys are miscounted");
  return hits_are_valid(ambi_index_open_hits(x), upto, why);
}
