// Tables: files of rows, each of which becomes one fact.
//
// A row is read into values in scratch memory, made one expression (HEAD VALUE ..),
// and copied into the store. The formats differ in how they read a row (RowFn); what
// they share is here: columns, their types, values of texts, errors, limits.
#ifndef AMBIT_RUNTIME_TABLE_H
#define AMBIT_RUNTIME_TABLE_H

#include "memory/arena.h"
#include "runtime/atoms/work.h"
#include "runtime/loading/facts.h"
#include "runtime/loading/input.h"
#include "runtime/runtime.h"

enum TableFormat { TABLE_CSV, TABLE_TSV, TABLE_TRIPLES, TABLE_JSON };

enum ColumnType {
  COLUMN_AUTO,  // a Number where it reads as one, a String elsewhere
  COLUMN_NUMBER,
  COLUMN_STRING,
  COLUMN_SYMBOL
};

typedef struct TableOptions {
  enum TableFormat format;
  Value head;      // of each fact
  bool header;     // the first row holds the names of the columns
  char separator;  // of csv
  Value
      empty;  // what a cell without a text becomes; AMB_NONE: see table_text.c
  // The columns that are taken, in this order: names (String, symbol) or numbers
  // from 1. None: all.
  Value columns;
  enum ColumnType *types;  // one for each column taken, or one for all, or none
  uint32_t ntypes;
} TableOptions;

// How a file of that name, or with these options, is to be read. False with
// cx->message.
bool ambi_table_options(Context *cx, const char *file, Value options,
                        TableOptions *o);
void ambi_table_options_drop(TableOptions *o);

typedef struct Column {
  const char *name;  // in the table's own memory
  size_t name_len;
  uint32_t cell;  // csv, tsv: its place in the row
  enum ColumnType type;
} Column;

typedef struct Cell {
  const char *at;  // its text in the file
  size_t len;
  bool quoted, escaped;
} Cell;

enum RowStatus {
  ROW_FACT,    // t->items holds the fact
  ROW_NONE,    // a comment, a header, an empty line
  ROW_MORE,    // the row does not end in the text that is there
  ROW_FAILED,  // cx->message is set
  ROW_STOP     // memory is out
};
typedef struct Table Table;
// Reads the row at `p`, which ends before `end`; *next is the place behind it.
typedef enum RowStatus RowFn(Table *t, const char *p, const char *end,
                             const char **next);

enum { TABLE_SCRATCH = 512, TABLE_MOST_COLUMNS = 1 << 16 };
struct Table {
  Context *cx;
  const TableOptions *o;
  RowFn *row;
  Input in;
  Facts facts;
  uint32_t width;  // cells in each row; 0: no row was read yet
  Column *columns;
  size_t ncolumns, columns_cap;
  Arena names;  // of columns
  Cell *cells;  // of the row
  size_t ncells, cells_cap;
  bool stops[256];    // bytes at which a plain cell may end
  Work values;        // Values of the row: the head, then one for each column
  Work open;          // brackets of JSON that are open
  Word *next, *last;  // free scratch words
  Arena more;         // when those are used up
  Word scratch[TABLE_SCRATCH];
};

// Adds the facts of the file to the space, all or none. *count: how many. False with
// cx->message or cx->stop.
bool ambi_table_import(Context *cx, Space *s, const char *file,
                       const TableOptions *o, uint64_t *count);

// ---- for the formats ------------------------------------------------------------
RowFn ambi_table_text_row, ambi_table_triples_row, ambi_table_json_row;

// `at` must lie in the row. ROW_FAILED.
#define AMB_ROW_FAIL(t, at, ...) \
  (ambi_input_fail((t)->cx, &(t)->in, (at), __VA_ARGS__), ROW_FAILED)

// Is that part of the row UTF-8? False with cx->message.
bool ambi_table_is_sound(Table *t, const char *p, const char *end);
// For formats whose rows are lines: the end of the text of this one, which is sound.
enum RowStatus ambi_table_line(Table *t, const char *p, const char *end,
                               const char **line_end, const char **next);
Word *ambi_table_words(void *table,
                       size_t words);  // scratch; NULL: memory is out
// Appends a value to the row. False: memory is out.
bool ambi_table_push(Table *t, Value v);
// The columns that the options ask for, of n cells that may have names; all without
// that. False with cx->message, told at `at`.
bool ambi_table_columns(Table *t, const char *at, const Cell *names, size_t n);
// One more, whose name is copied. False: memory is out, or there are too many.
bool ambi_table_add_column(Table *t, const Column *like);
// Are there as many types as columns? False with cx->message.
bool ambi_table_types_fit(Table *t, const char *at);
// The text of a symbol or String.
const char *ambi_table_text(const Table *t, Value v, size_t *len);
// AMB_NONE: memory is out.
Value ambi_table_symbol(Table *t, const char *text, size_t len);
// Room for a String of at most so many bytes; NULL: memory is out. It is ended when
// its length is known.
char *ambi_table_string(Table *t, size_t most);
Value ambi_table_string_end(char *bytes, size_t len);
// The text as a value of the type. AMB_NONE: it cannot be, or memory is out
// (cx->stop).
Value ambi_table_value(Table *t, const char *text, size_t len, bool quoted,
                       enum ColumnType type);
// An expression of values in scratch memory; AMB_NONE: memory is out.
Value ambi_table_expr(Table *t, const Value *items, size_t n);
// "a Number", for messages.
const char *ambi_table_type_name(enum ColumnType type);

#endif
