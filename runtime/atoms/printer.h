// Atoms -> text (semantics section 3). Iterative, any depth.
//
// Text goes into a growing Buffer, or through one to a sink. Fresh variables are numbered per output, in
// order of appearance: $x#1, $x#2.
#ifndef AMBIT_RUNTIME_PRINTER_H
#define AMBIT_RUNTIME_PRINTER_H

#include "runtime/atoms/store.h"

typedef struct Buffer {
  char *text;  // NUL-terminated once anything was put
  size_t len, cap;
  bool failed;  // memory ran out or the sink refused; the text is cut there
  // Where the text goes whenever much has come together; NULL: nowhere. What is
  // left at the end is the owner's to write.
  bool (*sink)(void *arg, const char *text, size_t len);
  void *arg;
} Buffer;
void ambi_buffer_put(Buffer *b, const char *s, size_t n);
void ambi_buffer_puts(Buffer *b, const char *s);
// Short text: what is beyond 159 bytes is cut.
__attribute__((format(printf, 2, 3))) void
ambi_buffer_format(Buffer *b, const char *format, ...);
void ambi_buffer_drop(Buffer *b);

// Numbering of fresh variables over one output (several atoms of one line).
// Starts as {0}; ended by ambi_vec_drop(&naming.vars). No variable may move
// meanwhile.
typedef struct Naming {
  ValueVec vars;  // hash from variables to numbers: n entries, see printer.c
} Naming;

// naming may be NULL: the atom is an output of its own.
void ambi_print(Runtime *rt, Buffer *b, Value v, Naming *naming);
// The string view: a String at the top level without quotes.
void ambi_print_plain(Runtime *rt, Buffer *b, Value v, Naming *naming);
// A stored atom, its variables with the names kept in the template.
void ambi_print_template(Runtime *rt, Buffer *b, const Template *t,
                         Naming *naming);
// [r1, r2, ...]
void ambi_print_results(Runtime *rt, Buffer *b, const Value *results, size_t n);

#endif
