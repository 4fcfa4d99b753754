// Text -> atoms, one at a time (semantics section 2).
//
// The reader walks a byte buffer and hands out one top-level atom per call as a
// Template in the store, so that bind! and import! change how the rest of the
// file is read. Positions are kept for the top-level atom and, on request, for
// every node in it. Nesting depth is limited by memory only.
#ifndef AMBIT_RUNTIME_READER_H
#define AMBIT_RUNTIME_READER_H

#include "runtime/atoms/store.h"

typedef struct Tokens
    Tokens;                  // a module's tokenizer: words that are not symbols
typedef struct Words Words;  // those that every tokenizer knows

// The words of the language itself (operations without a module, True, False, PI,
// EXP), once for the runtime. False: memory is out.
bool ambi_words_open(Runtime *rt);
void ambi_words_close(Runtime *rt);
// One word more, which each tokenizer that is there has to learn. False: memory is out.
bool ambi_words_add(Runtime *rt, const char *word, Value v);
bool ambi_words_know(const Runtime *rt, const char *word);
void ambi_tokens_learn(Tokens *t);
// Knows these words as its oldest entries. NULL: memory is out.
Tokens *ambi_tokens_open(Runtime *rt);
void ambi_tokens_close(Tokens *t);
// Newest first. A name without regular-expression characters is matched as it
// stands. The value is copied into the store. False with *error set (valid
// until the next ambi_tokens_add) for a bad pattern, with *error = NULL when
// memory is out.
bool ambi_tokens_add(Tokens *t, const char *pattern, size_t len, Value v,
                     const char **error);
// What a word or string literal stands for; AMB_NONE: nothing special. An atom
// with variables holds LVAR words.
Value ambi_tokens_find(Tokens *t, const char *word, size_t len);
// All tokens of `from` after `t`'s own, so they are found before these (import
// of a module's tokens). `from` must outlive `t`.
bool ambi_tokens_import(Tokens *t, Tokens *from);
bool ambi_tokens_is_valid(const Tokens *t, const char **why);

// For the reader. Could any entry match a text that begins with this byte?
bool ambi_tokens_may_match(const Tokens *t, char first);
// The entry for a text whose symbol id is known; AMB_NO_SYMBOL: it is no symbol
// or is not known to be one. NULL: nothing special.
#define AMB_NO_SYMBOL UINT32_MAX
const Template *ambi_tokens_entry(Tokens *t, const char *word, size_t len,
                                  uint32_t symbol);

// Entries, numbered by age; and what entry i replaces: a symbol, or AMB_NO_SYMBOL for
// what is not read as a symbol without it.
size_t ambi_tokens_count(const Tokens *t);
uint32_t ambi_tokens_symbol(const Tokens *t, size_t i, Value *stands_for);
// Is the symbol a word of the language?
bool ambi_words_have(const Words *w, uint32_t symbol);

typedef struct Position {
  uint32_t line;    // from 1
  uint32_t column;  // characters, from 1
  size_t offset;    // bytes, from 0
} Position;

typedef struct ReadError {
  Position at;
  const char *message;  // lives as long as the runtime
} ReadError;

typedef struct Reader {
  Runtime *rt;
  Tokens *tokens;
  const char *text;
  size_t len;
  size_t next;     // bytes read
  Position pos;    // position of `next`
  Position start;  // of the atom last read
  ReadError error;
  bool form;  // the next atom is evaluated: its head does not become data
  struct SpanVec *spans;  // NULL, or where to note each node's position
} Reader;

typedef struct SpanVec {  // preorder: one span per node of the atom last read
  Position *at;
  size_t n, cap;
} SpanVec;

enum ReadStatus { READ_ATOM, READ_END, READ_ERROR, READ_MEMORY };

// tokens may be NULL: every word that is no number is a symbol then.
void ambi_reader_open(Reader *r, Runtime *rt, Tokens *tokens, const char *text,
                      size_t len);
// Reads one atom; *out is to be released or handed to a space by the caller.
// An error swallows the rest of the text; READ_MEMORY reads nothing.
enum ReadStatus ambi_read(Reader *r, Template *out);

#endif
