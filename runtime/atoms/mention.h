// What program text can use as data: a bound on what an unknown head may do.
//
// A head that only running can tell is some operation or function whose name
// stands in text that was read, and not where it can only be called: as the head
// of a form. So the reader notes every operation and every name of the core
// library that stands elsewhere; together they bound what a call through a
// variable can do. Bodies of the program's own rules need no look: what they
// mention was read, too. The bound only grows; code that was lowered under a
// smaller one is thrown away.
#ifndef AMBIT_RUNTIME_MENTION_H
#define AMBIT_RUNTIME_MENTION_H

#include "runtime/spaces/space.h"

typedef struct Mentions {
  unsigned effects;   // of operations that were read (enum Effect)
  uint32_t nsymbols;  // ids below are names of the core library
  uint8_t *seen;      // nsymbols: was it read?
  uint8_t *reach;     // nsymbols: effects of its rules; NULL: not known yet
  bool changed;       // since the bound was asked for
} Mentions;

// After the core library was read: what follows is the program's.
bool ambi_mentions_open(Runtime *rt);  // false: memory
void ambi_mentions_close(Runtime *rt);
// The reader met an operation: e is the operation itself, or the expression that
// it heads.
void ambi_mention_op(Runtime *rt, Value e);
// The reader met a symbol; rule: as the head of an atom that is no form.
void ambi_mention_symbol(Runtime *rt, uint32_t symbol, bool rule);
// A text was taken from the boot image: what reading it would have noted.
void ambi_mention_all(Runtime *rt, unsigned effects, const uint32_t *symbols,
                      uint32_t n);
// Effects an unknown head may have. Memory out: all.
unsigned ambi_mentioned_effects(Runtime *rt);
// Is e the addition or removal of an atom that is plainly no rule or type?
bool ambi_changes_plain_fact(Value e);

#endif
