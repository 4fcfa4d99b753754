// Interned symbols: text <-> small id, one table per runtime.
//
// Ids are dense and start with the rows of symbols.def. A Symbol never moves
// and lives as long as its runtime; interning takes a lock, reading none. The
// table is capped (config.h): interning beyond the cap fails cleanly.
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

typedef struct Symbol {
  uint32_t len;       // [init] bytes
  uint32_t hash;      // [init]
  uint32_t analysed;  // [own] code was lowered that relied on rules/types of it
  uint32_t changes;   // [own] times such code had to be thrown away
  char text[];        // [init] UTF-8, NUL after it
} Symbol;

typedef struct SymbolTable SymbolTable;

SymbolTable *ambi_symbols_open(void);  // NULL when memory is out
void ambi_symbols_close(SymbolTable *t);
// The id of the text, made if new. False when memory or the cap is reached.
bool ambi_symbol_intern(SymbolTable *t, const char *text, size_t len,
                        uint32_t *id);
// As above but never creates; false when the text is no symbol yet.
bool ambi_symbol_find(SymbolTable *t, const char *text, size_t len,
                      uint32_t *id);
Symbol *ambi_symbol(const SymbolTable *t, uint32_t id);
size_t ambi_symbols_count(const SymbolTable *t);

#endif
