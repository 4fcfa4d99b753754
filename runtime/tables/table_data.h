// Internal to tables: what a Table holds, shared by keeping (table.c) and making
// (making.c).
#ifndef AMBIT_RUNTIME_TABLE_DATA_H
#define AMBIT_RUNTIME_TABLE_DATA_H

#include "runtime/spaces/reads.h"
#include "runtime/tables/flat.h"
#include "runtime/tables/table.h"

enum TableState {
  STATE_MAKING,   // its rules are being run
  STATE_PARTIAL,  // they were, but it depends on an older one
  STATE_COMPLETE
};

typedef struct Answer {  // a row: value and variables of the call
  uint32_t at, n;        // its words; behind them the names of new variables
  uint32_t fresh;        // how many
} Answer;

struct Table {
  Table *chain;  // hash chain
  uint64_t hash;
  Table *newer, *older;  // complete ones, by their last use
  uint32_t nkey, nvars;
  uint8_t kind, state;
  bool due;        // SET: not yet evaluated in this round
  bool was_there;  // SET: evaluated in the round before
  bool errors;     // there is an Error among the answers
  Word *w;
  size_t n, cap;
  Answer *answers;
  uint32_t count;
  size_t answers_cap;
  uint32_t *index;  // SET: open addressing, 1 + number of an answer
  size_t index_cap;
  Read *reads;
  size_t nreads;
  uint64_t epoch;
  uint32_t before, now;  // answers when the round before began, and this one
  size_t making;         // MAKING: its number
  size_t low;    // the oldest making it depended on when it was last partial
  size_t place;  // among the partial ones, since it was one
  bool one;      // there is one answer without parts, and it stands here alone
  Word only;
  Word key[];
};

typedef struct Making {
  Table *table;
  size_t
      newest_set;   // the newest SET among this and older ones; SIZE_MAX: none
  size_t reads;     // of the log, when it began
  size_t partials;  // how many there were
  size_t low;       // SET: the oldest making it depends on
  size_t tainted;   // AUTO: results depend on this incomplete making
  bool dead;        // AUTO: not to be kept
  bool depends;     // SET: some call of its group got what is not all
  bool
      shares;  // AUTO: a result has new variables that a later one may have, too
} Making;

typedef struct Declared {
  const Space *space;
  uint32_t symbol;
} Declared;

struct Tables {
  Table **table;
  size_t cap, count;
  Table *newest, *oldest;  // complete
  Making *makings;
  size_t nmakings, makings_cap;
  size_t form;  // the first making of the running form
  bool
      odd;  // rules of a tabled function run without a table, inside of makings
  Table **partials;
  size_t npartials, partials_cap;
  Declared *declared;
  size_t ndeclared, declared_cap;
  Flat key, row;   // scratch
  bool row_stays;  // a new variable of the row outlives the next failure
  ValueVec roots;  // scratch
  size_t bytes;    // of complete tables
  uint64_t made, hits, misses, dropped;
};

// ---- table.c: finding, keeping, dropping ------------------------------------------
// The one with the key in ts->key; a complete one that does not hold any more is
// dropped. NULL: there is none.
Table *ambi_table_find(Runtime *rt, const TableAsk *ask, uint64_t hash);
Table *ambi_table_new(Runtime *rt, const TableAsk *ask, uint64_t hash);
void ambi_table_free(Runtime *rt, Table *t);  // one that is not complete
// Complete from now on: exact in size, and among those that can be dropped.
void ambi_table_keep(Runtime *rt, Table *t);
void ambi_table_used(Tables *ts, Table *t);
void ambi_table_drop(Runtime *rt, Table *t);  // a complete one

#endif
