// Files of rows, as csv or ndjson, each of which becomes one fact: what `import-table!`
// reads. (Tables of calls are in runtime/tables/.)
//
// A row is read into values in scratch memory, made one expression (HEAD VALUE ..),
// and copied into the store. The formats differ in how they read a row (RowFn); what
// they share is here: columns, their types, values of texts, errors, limits.
#ifndef AMBIT_RUNTIME_ROWS_H
#define AMBIT_RUNTIME_ROWS_H

#include "memory/arena.h"
#include "runtime/atoms/work.h"
#include "runtime/loading/facts.h"
#include "runtime/loading/input.h"
#include "runtime/runtime.h"

enum RowsFormat { ROWS_CSV, ROWS_TSV, ROWS_TRIPLES, ROWS_JSON };

enum ColumnType {
  COLUMN_AUTO,  // a Number where it reads as one, a String elsewhere
  COLUMN_NUMBER,
  COLUMN_STRING,
  COLUMN_SYMBOL
};

typedef struct RowsOptions {
  enum RowsFormat format;
  Value head;      // of each fact
  bool header;     // the first row holds the names of the columns
  char separator;  // of csv
  Value empty;  // what a cell without a text becomes; AMB_NONE: see rows_text.c
  // The columns that are taken, in this order: names (String, symbol) or numbers
  // from 1. None: all.
  Value columns;
  enum ColumnType *types;  // one for each column taken, or one for all, or none
  uint32_t ntypes;
} RowsOptions;

// How a file of that name, or with these options, is to be read. False with
// cx->message.
bool ambi_rows_options(Context *cx, const char *file, Value options,
                       RowsOptions *o);
void ambi_rows_options_drop(RowsOptions *o);

typedef struct Column {
  const char *name;  // in the reader's own memory
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
typedef struct Rows Rows;
// Reads the row at `p`, which ends before `end`; *next is the place behind it.
typedef enum RowStatus RowFn(Rows *t, const char *p, const char *end,
                             const char **next);

enum { ROWS_SCRATCH = 512, ROWS_MOST_COLUMNS = 1 << 16 };
struct Rows {
  Context *cx;
  const RowsOptions *o;
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
  Word scratch[ROWS_SCRATCH];
};

// Adds the facts of the file to the space, all or none. *count: how many. False with
// cx->message or cx->stop.
bool ambi_rows_import(Context *cx, Space *s, const char *file,
                      const RowsOptions *o, uint64_t *count);

// ---- for the formats ------------------------------------------------------------
RowFn ambi_rows_text_row, ambi_rows_triples_row, ambi_rows_json_row;

// `at` must lie in the row. ROW_FAILED.
#define AMB_ROW_FAIL(t, at, ...) \
  (ambi_input_fail((t)->cx, &(t)->in, (at), __VA_ARGS__), ROW_FAILED)

// Is that part of the row UTF-8? False with cx->message.
bool ambi_rows_is_sound(Rows *t, const char *p, const char *end);
// For formats whose rows are lines: the end of the text of this one, which is sound.
enum RowStatus ambi_rows_line(Rows *t, const char *p, const char *end,
                              const char **line_end, const char **next);
Word *ambi_rows_words(void *rows,
                      size_t words);  // scratch; NULL: memory is out
// Appends a value to the row. False: memory is out.
bool ambi_rows_push(Rows *t, Value v);
// The columns that the options ask for, of n cells that may have names; all without
// that. False with cx->message, told at `at`.
bool ambi_rows_columns(Rows *t, const char *at, const Cell *names, size_t n);
// One more, whose name is copied. False: memory is out, or there are too many.
bool ambi_rows_add_column(Rows *t, const Column *like);
// Are there as many types as columns? False with cx->message.
bool ambi_rows_types_fit(Rows *t, const char *at);
// The text of a symbol or String.
const char *ambi_rows_text(const Rows *t, Value v, size_t *len);
// AMB_NONE: memory is out.
Value ambi_rows_symbol(Rows *t, const char *text, size_t len);
// Room for a String of at most so many bytes; NULL: memory is out. It is ended when
// its length is known.
char *ambi_rows_string(Rows *t, size_t most);
Value ambi_rows_string_end(char *bytes, size_t len);
// The text as a value of the type. AMB_NONE: it cannot be, or memory is out
// (cx->stop).
Value ambi_rows_value(Rows *t, const char *text, size_t len, bool quoted,
                      enum ColumnType type);
// An expression of values in scratch memory; AMB_NONE: memory is out.
Value ambi_rows_expr(Rows *t, const Value *items, size_t n);
// "a Number", for messages.
const char *ambi_rows_type_name(enum ColumnType type);

#endif
