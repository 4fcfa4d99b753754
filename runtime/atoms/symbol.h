// Interned symbols: text <-> small id, one table per runtime.
//
// Ids are dense and start with the rows of symbols.def. A Symbol never moves
// and lives as long as its runtime. The table is capped (config.h, ambi_symbols_cap):
// interning beyond the cap fails cleanly. While several threads use it (ambi_symbols_share), only a new
// name takes a lock.
//
// PROTOCOL names
//   what      SymbolTable: which names there are, and what an id stands for
//   writer    who has the lock: a new name, a larger table of slots
//   readers   everybody, also outside of any epoch
//   publish   a Symbol and its place in a segment, then x_count, then the word of its
//             slot, by release stores; a larger table of slots when it has all names
//   observe   acquire loads of x_slots and of a slot, or of x_count. Who was handed an id
//             has what it stands for by the hand-over
//   why safe  Symbols, segments and words of slots are written once. Who finds no slot for
//             a name looks again under the lock before it makes one, so a name has one id;
//             who only asks may miss a name that is being made
//   waits     a reader for nobody, who makes a name for others who make names
//   lifetime  tables of slots that were outgrown stay until the table is used by one
//             thread again; together they are as large as the newest
//   weaker?   a relaxed word of a slot is rejected: its Symbol could be seen unwritten
//   test      tests/unit/symbol_test.c, also under tsan
#ifndef AMBIT_RUNTIME_SYMBOL_H
#define AMBIT_RUNTIME_SYMBOL_H

#include "runtime/atoms/value.h"

enum SymbolId {
#define SYM(name, text) AMB_S_##name,
#include "runtime/atoms/symbols.def"
  AMB_S_COUNT
};
// The Value of a predefined symbol: AMB_SYM(ERROR).
#define AMB_SYM(name) AMB_SYM_ID(AMB_S_##name)

// The heads of minimal instructions (semantics section 10).
static inline bool ambi_is_instruction_symbol(uint32_t symbol) {
  switch (symbol) {
  case AMB_S_EVAL:
  case AMB_S_EVALC:
  case AMB_S_CHAIN:
  case AMB_S_UNIFY:
  case AMB_S_CONS_ATOM:
  case AMB_S_DECONS_ATOM:
  case AMB_S_FUNCTION:
  case AMB_S_COLLAPSE_BIND:
  case AMB_S_SUPERPOSE_BIND:
  case AMB_S_METTA:
  case AMB_S_CONTEXT_SPACE:
  case AMB_S_CALL_NATIVE: return true;
  default: return false;
  }
}

// Evaluation has given the expression itself (7.8). That an Error was its own value says
// nothing of what it is where another type is expected, so it has no mark.
static inline Value ambi_mark_eval(Value v) {
  if (!ambi_is_expr(v) || ambi_expr_at(v, 0).w == AMB_SYM(ERROR).w) return v;
  return AMB_V(v.w | AMB_EXPR_EVAL);
}

static inline bool ambi_is_instruction(Value v) {
  if (!ambi_is_expr(v)) return false;
  Value h = ambi_deref(ambi_expr_at(v, 0));
  return ambi_is_sym(h) && ambi_is_instruction_symbol(ambi_sym_of(h));
}

typedef struct Symbol {
  uint32_t len;   // [init] bytes
  uint32_t hash;  // [init]
  uint32_t
      analysed;  // [lock:guard] code was lowered that relied on its rules, types
  uint32_t changes;  // [lock:guard] times such code had to be thrown away
  char text[];       // [init] UTF-8, NUL after it
} Symbol;

typedef struct SymbolTable SymbolTable;

SymbolTable *ambi_symbols_open(void);  // NULL when memory is out
// The symbols of a table made at build time, with the same ids.
typedef struct SymbolImage {
  const Word *words;   // Symbols, one behind the other
  const uint32_t *at;  // where each begins, in words
  uint32_t n, nwords;
} SymbolImage;
SymbolTable *ambi_symbols_load(const SymbolImage *image);
void ambi_symbols_close(SymbolTable *t);
// Several threads use it from now on, or one again. By the only one that does.
void ambi_symbols_share(SymbolTable *t, bool together);
// At most so many names beside those of the image, or of symbols.def; 0: as many as
// config.h allows. What is there stays.
void ambi_symbols_cap(SymbolTable *t, uint64_t names);
// Was a name refused because of that, since the cap was set?
bool ambi_symbols_refused(const SymbolTable *t);
// The id of the text, made if new. False when memory or the cap is reached.
bool ambi_symbol_intern(SymbolTable *t, const char *text, size_t len,
                        uint32_t *id);
// So many names are about to be made: room for them at once, as far as there is memory.
void ambi_symbols_expect(SymbolTable *t, size_t names);
// As above but never creates; false when the text is no symbol yet.
bool ambi_symbol_find(SymbolTable *t, const char *text, size_t len,
                      uint32_t *id);
Symbol *ambi_symbol(const SymbolTable *t, uint32_t id);
size_t ambi_symbols_count(const SymbolTable *t);
bool ambi_symbols_is_valid(const SymbolTable *t, const char **why);

#endif
