// Internal to spaces: one hash index, from a key to ascending record positions.
//
// An index looks at one Path of the records (path.h). Records with a variable on the
// way are in `open`: they are candidates for every key.
#ifndef AMBIT_RUNTIME_INDEX_H
#define AMBIT_RUNTIME_INDEX_H

#include "memory/epoch.h"
#include "runtime/spaces/path.h"

// A slot of the table: one word, so that who looks sees all of it or nothing. In the
// lower half a part of the key's hash, in the upper one a position; with SLOT_LIST
// where in `lists` its list is. 0: the slot is free.
typedef uint64_t SlotWord;
#define SLOT_LIST ((uint32_t)1 << 31)
typedef struct SlotTable {
  size_t cap;                     // [init]
  AMB_ATOMIC(SlotWord) x_slot[];  // [lock>all]
} SlotTable;
enum { LIST_CLASSES = 27 };

// One thread at a time takes records in, the others look at what is there by then;
// share.h tells how. The lock is the relation's.
typedef struct Index {
  Retired r;         // [lock]
  Path path;         // [init]
  const Path *more;  // [init] paths whose keys are part of the key, too
  unsigned nmore;    // [init]
  AMB_ATOMIC(size_t) x_upto;  // [lock>all] records before are in the index
  AMB_ATOMIC(SlotTable *) x_table;  // [lock>all] NULL: no keys yet
  AMB_ATOMIC(size_t) x_used;        // [lock>all] keys
  // Blocks of two words (entries; class and first) and positions.
  AMB_ATOMIC(uint32_t *) x_lists;  // [lock>all]
  size_t nlists, lists_cap;
  uint32_t spare[LIST_CLASSES];   // blocks given back, by class; 0: none
  AMB_ATOMIC(uint32_t *) x_open;  // [lock>all]
  AMB_ATOMIC(size_t) x_nopen;     // [lock>all]
  size_t open_cap;
  AMB_ATOMIC(struct Index *) x_next;  // [lock>all] of the relation
} Index;

void ambi_index_open(Index *x, Path path);
// Key of the facts that have this at the first path, and that at the next one.
uint64_t ambi_key_and(uint64_t key, uint64_t next);
void ambi_index_close(Index *x);
// Takes in the records from x->x_upto to n. Epochs: of those who may be looking, or
// NULL. False: memory is out, and more can not be taken in.
bool ambi_index_catch_up(Index *x, Epochs *e, const Record *at, size_t n);
static inline size_t ambi_index_upto(const Index *x) {
  return ambi_load_acquire(&x->x_upto);
}

// Positions in ascending order; valid until the index takes in more, and while others
// may be looking as long as one is inside.
typedef struct Hits {
  const uint32_t *at;  // NULL: from `from` on
  uint32_t from, n;
} Hits;
static inline uint32_t ambi_hit(const Hits *h, uint32_t i) {
  return h->at ? h->at[i] : h->from + i;
}
// Where a key is looked for first: slots stand in the order of the hash.
static inline uint32_t ambi_index_tag(uint64_t key) {
  uint32_t tag = (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> 32);
  return tag ? tag : 1;
}
static inline size_t ambi_index_home(size_t cap, uint32_t tag) {
  return (size_t)(((uint64_t)tag * cap) >> 32);
}
static inline uint32_t ambi_slot_tag(SlotWord w) {
  return (uint32_t)w;
}
static inline uint32_t ambi_slot_at(SlotWord w) {
  return (uint32_t)(w >> 32);
}
static inline bool ambi_slot_is_list(SlotWord w) {
  return (int64_t)w < 0;
}
// What the index has for the key; 0: nothing.
static inline SlotWord ambi_index_slot(const Index *x, uint64_t key) {
  const SlotTable *t = ambi_load_acquire(&x->x_table);
  if (!t) return 0;
  uint32_t tag = ambi_index_tag(key);
  for (size_t i = ambi_index_home(t->cap, tag);;) {
    SlotWord w = ambi_load_acquire(&t->x_slot[i]);
    if (ambi_slot_tag(w) == tag || !w) return w;
    i = i + 1 == t->cap ? 0 : i + 1;
  }
}
// Those of the key, without removed records at the front. For a thread that is alone.
Hits ambi_index_find(Index *x, uint64_t key, const Record *at);
void ambi_index_prefetch(const Index *x, uint64_t key);
Hits ambi_index_look(const Index *x, uint64_t key);  // as they stand
Hits ambi_index_open_hits(const Index *x);           // those that every key has
// Leaves those below a position.
void ambi_hits_cut(Hits *h, size_t below);
// Drops the removed records from the positions of a key, as ambi_index_find.
void ambi_index_tidy(Index *x, uint64_t key, const Record *at);
// Entries are in order and below n, and every key is found where it stands.
bool ambi_index_is_valid(const Index *x, size_t n, const char **why);

#endif
