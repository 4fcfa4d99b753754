// Tabling: what calls gave is kept, and given again. (Files of rows, which
// `import-table!` reads, are in runtime/loading/rows.h.)
//
// Two kinds, for two purposes:
//
// AUTO (`(pragma! tabling auto)`, tier 1 alone) is memory and nothing else. A call is
// evaluated as ever, and each result is noted on its way; when there are no more, the
// table is complete, and an equal call gets the same results in the same order. A call
// met again before that is evaluated as if there was no table. Only calls without
// effects are kept, and what is cut off or stopped leaves nothing behind.
//
// SET (`(tabled! f)`, both tiers) is a declaration: the results of f are a set, in the
// order in which they are first derived, and calls that depend on themselves end. This
// is linear tabling (SLDT: Zhou, Shen, Yuan, You, "Implementation of a Linear Tabling
// Mechanism", PADL 2000; leaders and their iteration as in Zhou, Sato, Shen, "Linear
// Tabling Strategies and Optimizations", TPLP 2008), in rounds that look only at what
// the round before has left (Jacobi iteration), so that the order of the results
// depends on no evaluator:
//
//  * The first call of a variant makes its table: all its rules are run, every result
//    goes into the table if it is not there, and fails.
//  * A call of a table that is being made, or that depends on one, gets the results
//    that were there when the round began.
//  * When its rules have been run, a table that depends on no older one is the *leader*
//    of all that were made meanwhile and are not complete. If one of them has grown,
//    the next round begins: its rules are run again, and so are those of the others at
//    their first call. Otherwise all are complete (their group is a strongly connected
//    component, or several that one leader reaches).
//  * A table that depends on an older one is *partial* until the leader is through.
//  * only_new: where a rule calls tabled functions at one place only, what the round
//    before has used needs not be looked at again (semi-naive iteration): such a call
//    gets what came in the round before.
//
// Words of tables are rows (flat.h), owned by the Table, counted by memory/alloc.h;
// replaying copies them to the heap at once, so nothing ever points into a table, and
// one can go at any time between its calls: when what was read has changed (reads.h,
// and the epoch of rules and types), when memory is short (least recently used first).
#ifndef AMBIT_RUNTIME_TABLE_H
#define AMBIT_RUNTIME_TABLE_H

#include "runtime/runtime.h"

typedef struct Table Table;

enum TableKind { TABLE_NONE, TABLE_AUTO, TABLE_SET };

typedef struct TableStats {
  uint64_t made, hits, misses, dropped;
  size_t kept, bytes;  // complete tables now
} TableStats;

// A call, as its tier sees it.
typedef struct TableAsk {
  enum TableKind kind;
  bool only_new;
  Word owner;         // what else the results depend on: a function, a space
  uint64_t epoch;     // of the rules and types
  const Value *args;  // dereferenced or not
  size_t n;
} TableAsk;

enum TableDo {
  TABLE_STOP,   // cx->stop is set
  TABLE_PLAIN,  // evaluate it as if there was no table
  TABLE_MAKE,   // evaluate it, and tell results and the end
  TABLE_GIVE,   // the results are those of the table
  TABLE_AGAIN   // an end: evaluate it once more
};

typedef struct TableCall {
  Table *table;
  uint32_t from, to;     // GIVE: which results; valid until the next call
  size_t making;         // MAKE: its number, for results and the end
  const ValueVec *vars;  // unbound ones in the call; valid until the next one
} TableCall;

bool ambi_tables_open(Runtime *rt);
void ambi_tables_close(Runtime *rt);
enum TableDo ambi_table_call(Context *cx, const TableAsk *ask, TableCall *out);
// A result of a call that is being evaluated. vars: those of the call, as they are
// now. AUTO: it goes on to who called; SET: it does not, whatever the answer.
// False: cx->stop is set.
bool ambi_table_result(Context *cx, size_t making, Value v, const Value *vars,
                       size_t nvars);
// There are no more results. AUTO: always GIVE, and nothing more is to be given.
enum TableDo ambi_table_end(Context *cx, size_t making, TableCall *out);
// This making, and all younger ones, will not come to their ends.
void ambi_tables_cut(Runtime *rt, size_t making);
// Makings of a form are above the number that was returned at its begin.
size_t ambi_tables_form_begin(Runtime *rt);
void ambi_tables_form_end(Runtime *rt, size_t begun);
// Result i of a table on the heap: the value itself, or if the call has variables, an
// expression of the value and what each of them is. AMB_NONE: memory is out.
Value ambi_table_answer(Context *cx, const Table *t, uint32_t i,
                        const Value *vars, size_t nvars);

// What is told where evaluators run beside one another, and tables cannot begin.
#define AMB_NO_TABLES_NOW \
  "tables are to begin before others evaluate beside this"
// `(tabled! symbol)` in this space.
bool ambi_tables_declare(Runtime *rt, Space *s, uint32_t symbol);
// May a call ask a table at all? Tables belong to one evaluation.
bool ambi_tables_in_use(const Runtime *rt);
// Does nobody evaluate beside cx? Waits for those that nobody wants any more.
bool ambi_tables_may_begin(Context *cx);
bool ambi_tables_declares(const Runtime *rt, const Space *s, Value head);
// Drops complete tables, the least recently used first, until so many bytes are back.
// False: there were none.
bool ambi_tables_give_back(Runtime *rt, size_t bytes);
TableStats ambi_tables_stats(const Runtime *rt);
bool ambi_tables_is_valid(const Runtime *rt, const char **why);

// Shows the cells that tables, and the log of what is read for them, refer to.
void ambi_tables_see_cells(const Runtime *rt, SeeCell *see, void *arg);

#endif
