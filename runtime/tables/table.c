// Tables found by their calls, kept in the order of their use, and dropped.
#include "runtime/tables/table.h"

#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/crew.h"
#include "runtime/guard.h"
#include "runtime/spaces/twin.h"
#include "runtime/tables/table_data.h"

// ---- life -------------------------------------------------------------------------

bool ambi_tables_open(Runtime *rt) {
  Tables *ts = ambi_alloc(sizeof *ts);
  if (!ts) return false;
  rt->tables = ts;
  rt->give_memory = ambi_tables_give_back;
  return true;
}

static size_t table_bytes(const Table *t) {
  return sizeof *t + t->nkey * sizeof(Word) + t->cap * sizeof(Word) +
         t->answers_cap * sizeof *t->answers + t->index_cap * sizeof *t->index +
         t->nreads * sizeof *t->reads;
}

static void free_table(Table *t) {
  ambi_free(t->w, t->cap * sizeof *t->w);
  ambi_free(t->answers, t->answers_cap * sizeof *t->answers);
  ambi_free(t->index, t->index_cap * sizeof *t->index);
  ambi_free(t->reads, t->nreads * sizeof *t->reads);
  ambi_free(t, sizeof *t + t->nkey * sizeof *t->key);
}

void ambi_tables_close(Runtime *rt) {
  Tables *ts = rt->tables;
  if (!ts) return;
  for (size_t i = 0; i < ts->cap; i++)
    while (ts->table[i]) {
      Table *t = ts->table[i];
      ts->table[i] = t->chain;
      free_table(t);
    }
  ambi_free(ts->table, ts->cap * sizeof *ts->table);
  ambi_free(ts->makings, ts->makings_cap * sizeof *ts->makings);
  ambi_free(ts->partials, ts->partials_cap * sizeof *ts->partials);
  ambi_free(ts->declared, ts->declared_cap * sizeof *ts->declared);
  ambi_flat_drop(&ts->key);
  ambi_flat_drop(&ts->row);
  ambi_vec_drop(&ts->roots);
  ambi_reads_drop(&rt->reads);
  ambi_free(ts, sizeof *ts);
  rt->tables = NULL;
  rt->give_memory = NULL;
}

// ---- by key -----------------------------------------------------------------------

static bool has_key(const Table *t, const Flat *key, uint64_t hash) {
  return t->hash == hash && t->nkey == key->n &&
         memcmp(t->key, key->w, key->n * sizeof *t->key) == 0;
}

static bool holds(const Table *t, const TableAsk *ask) {
  return t->epoch == ask->epoch && ambi_reads_hold(t->reads, t->nreads);
}

Table *ambi_table_find(Runtime *rt, const TableAsk *ask, uint64_t hash) {
  Tables *ts = rt->tables;
  if (ts->cap == 0) return NULL;
  Table *t = ts->table[hash & (ts->cap - 1)];
  while (t && !has_key(t, &ts->key, hash))
    t = t->chain;
  if (!t || t->state != STATE_COMPLETE || holds(t, ask)) return t;
  ambi_table_drop(rt, t);
  return NULL;
}

static void grow(Tables *ts) {
  size_t cap = ts->cap ? ts->cap * 2 : 256;
  Table **table = ambi_alloc(cap * sizeof *table);
  if (!table) return;  // longer chains, no harm
  for (size_t i = 0; i < ts->cap; i++)
    while (ts->table[i]) {
      Table *t = ts->table[i];
      ts->table[i] = t->chain;
      t->chain = table[t->hash & (cap - 1)];
      table[t->hash & (cap - 1)] = t;
    }
  ambi_free(ts->table, ts->cap * sizeof *table);
  ts->table = table;
  ts->cap = cap;
}

Table *ambi_table_new(Runtime *rt, const TableAsk *ask, uint64_t hash) {
  Tables *ts = rt->tables;
  if (ts->count >= ts->cap) grow(ts);
  size_t words = ts->key.n * sizeof(Word);
  Table *t = ts->cap ? ambi_alloc(sizeof *t + words) : NULL;
  if (!t) return NULL;
  *t = (Table){.hash = hash,
               .nkey = (uint32_t)ts->key.n,
               .nvars = (uint32_t)ts->key.vars.n,
               .kind = (uint8_t)ask->kind,
               .epoch = ask->epoch,
               .low = SIZE_MAX};
  memcpy(t->key, ts->key.w, words);
  Table **slot = &ts->table[hash & (ts->cap - 1)];
  t->chain = *slot;
  *slot = t;
  ts->count++;
  return t;
}

void ambi_table_free(Runtime *rt, Table *t) {
  Tables *ts = rt->tables;
  Table **slot = &ts->table[t->hash & (ts->cap - 1)];
  while (*slot != t)
    slot = &(*slot)->chain;
  *slot = t->chain;
  ts->count--;
  free_table(t);
}

// ---- by use -----------------------------------------------------------------------

static void unlink_use(Tables *ts, Table *t) {
  *(t->newer ? &t->newer->older : &ts->newest) = t->older;
  *(t->older ? &t->older->newer : &ts->oldest) = t->newer;
}

static void link_newest(Tables *ts, Table *t) {
  t->newer = NULL;
  t->older = ts->newest;
  *(ts->newest ? &ts->newest->newer : &ts->oldest) = t;
  ts->newest = t;
}

void ambi_table_used(Tables *ts, Table *t) {
  if (ts->newest == t) return;
  unlink_use(ts, t);
  link_newest(ts, t);
}

void ambi_table_drop(Runtime *rt, Table *t) {
  Tables *ts = rt->tables;
  unlink_use(ts, t);
  ts->bytes -= table_bytes(t);
  ts->dropped++;
  ambi_table_free(rt, t);
}

bool ambi_tables_give_back(Runtime *rt, size_t bytes) {
  Tables *ts = rt->tables;
  size_t before = ts->bytes;
  while (ts->oldest && before - ts->bytes < bytes)
    ambi_table_drop(rt, ts->oldest);
  return ts->bytes < before;
}

// All tables together take at most so much.
static size_t most_bytes(const Runtime *rt) {
  size_t half = (size_t)rt->limits.memory / 2;
  return half && half < AMB_TABLE_BYTES ? half : AMB_TABLE_BYTES;
}

void ambi_table_keep(Runtime *rt, Table *t) {
  Tables *ts = rt->tables;
  ambi_shrink((void **)&t->w, &t->cap, t->n, sizeof *t->w);
  ambi_shrink((void **)&t->answers, &t->answers_cap, t->count,
              sizeof *t->answers);
  ambi_shrink((void **)&t->index, &t->index_cap, 0, sizeof *t->index);
  t->state = STATE_COMPLETE;
  link_newest(ts, t);
  ts->bytes += table_bytes(t);
  size_t most = most_bytes(rt);
  if (ts->bytes > most) ambi_tables_give_back(rt, ts->bytes - most / 4 * 3);
}

// ---- declarations -------------------------------------------------------------------

bool ambi_tables_may_begin(Context *cx) {
  const Crew *crew = cx->rt->crew;
  return !ambi_together(cx->rt) || (crew && crew->alone(cx));
}

bool ambi_tables_in_use(const Runtime *rt) {
  return rt->tabling || (rt->tables && rt->tables->ndeclared > 0);
}

bool ambi_tables_declares(const Runtime *rt, const Space *s, Value head) {
  const Tables *ts = rt->tables;
  s = ambi_space_face((Space *)(uintptr_t)s);
  for (size_t i = 0; i < ts->ndeclared && ambi_is_sym(head); i++) {
    const Declared *d = &ts->declared[i];
    if (d->symbol != ambi_sym_of(head)) continue;
    if (d->space == s || ambi_space_has_dep(s, d->space)) return true;
  }
  return false;
}

// Under the guard.
static bool declare(Runtime *rt, Space *s, uint32_t symbol) {
  Tables *ts = rt->tables;
  for (size_t i = 0; i < ts->ndeclared; i++)
    if (ts->declared[i].space == s && ts->declared[i].symbol == symbol)
      return true;
  if (!ambi_grow((void **)&ts->declared, &ts->declared_cap, ts->ndeclared + 1,
                 sizeof *ts->declared))
    return false;
  ambi_cell_stay(&s->cell);
  ts->declared[ts->ndeclared++] = (Declared){s, symbol};
  if (rt->calls_changed) rt->calls_changed(rt);
  return true;
}

bool ambi_tables_declare(Runtime *rt, Space *s, uint32_t symbol) {
  ambi_guard(rt);
  bool ok = declare(rt, s, symbol);
  ambi_unguard(rt);
  return ok;
}

// ---- cells --------------------------------------------------------------------------

static void see_reads(const Read *reads, size_t n, SeeCell *see, void *arg) {
  for (size_t i = 0; i < n; i++)
    see(arg, &reads[i].space->cell);
}

static void see_table(const Table *t, SeeCell *see, void *arg) {
  ambi_words_see_cells(t->key, t->key + t->nkey, see, arg);
  if (t->n) ambi_words_see_cells(t->w, t->w + t->n, see, arg);
  if (t->one) ambi_words_see_cells(&t->only, &t->only + 1, see, arg);
  see_reads(t->reads, t->nreads, see, arg);
}

void ambi_tables_see_cells(const Runtime *rt, SeeCell *see, void *arg) {
  const Tables *ts = rt->tables;
  for (size_t i = 0; ts && i < ts->cap; i++)
    for (const Table *t = ts->table[i]; t; t = t->chain)
      see_table(t, see, arg);
  see_reads(rt->reads.at, rt->reads.n, see, arg);
}

// ---- telling ------------------------------------------------------------------------

TableStats ambi_tables_stats(const Runtime *rt) {
  const Tables *ts = rt->tables;
  return (TableStats){.made = ts->made,
                      .hits = ts->hits,
                      .misses = ts->misses,
                      .dropped = ts->dropped,
                      .kept = ts->count,
                      .bytes = ts->bytes};
}

static bool table_is_valid(const Table *t, const char **why) {
  *why = "an answer outside of its words";
  for (uint32_t i = 0; i < t->count && !t->one; i++)
    if (t->answers[i].at + (size_t)t->answers[i].n + t->answers[i].fresh > t->n)
      return false;
  *why = "a key that does not lead to its hash";
  return ambi_flat_hash(t->key, t->nkey, false) == t->hash;
}

bool ambi_tables_is_valid(const Runtime *rt, const char **why) {
  const Tables *ts = rt->tables;
  size_t count = 0, complete = 0, used = 0, bytes = 0;
  for (size_t i = 0; i < ts->cap; i++)
    for (const Table *t = ts->table[i]; t; t = t->chain) {
      if (!table_is_valid(t, why)) return false;
      count++;
      complete += t->state == STATE_COMPLETE;
      bytes += t->state == STATE_COMPLETE ? table_bytes(t) : 0;
    }
  for (const Table *t = ts->newest; t; t = t->older)
    used++;
  *why = "tables are miscounted";
  if (count != ts->count || complete != used) return false;
  *why = "the bytes of tables are miscounted";
  return bytes == ts->bytes;
}
