// Terms as rows of words that hold no pointer into a heap: what tables keep.
//
// A row begins with the words of its roots; behind them stand the objects they refer
// to, expressions as they are on a heap, with the distance in bytes from the begin of
// the row in place of an address. Variables are numbers (LVAR) in the order in which
// they are met. Shared parts are written out, so equal terms give equal words: rows are
// compared and hashed as they stand. The evaluated mark is kept, the rigid one is not.
#ifndef AMBIT_RUNTIME_FLAT_H
#define AMBIT_RUNTIME_FLAT_H

#include "runtime/atoms/context.h"

typedef struct Flat {
  Word *w;
  size_t n, cap, most;  // a longer row is odd
  ValueVec vars;        // unbound; their cells hold their numbers until the end
  bool odd;             // something was met that no row can hold
} Flat;

// An empty row with room for so many roots, of at most so many words. False: memory is
// out.
bool ambi_flat_begin(Flat *f, size_t roots, size_t most);
// The unbound variable gets the next number.
bool ambi_flat_number(Flat *f, Value var);
// Root i becomes v, a settled term. False: memory is out, or f->odd.
bool ambi_flat_put(Context *cx, Flat *f, size_t i, Value v);
// The term as it reads now, to be done to all roots before a variable is numbered: what
// was bound inside a part that was marked as evaluated would be lost. whole: v is handed
// on by itself, and loses its own mark if something in it was bound. False: memory is
// out.
bool ambi_flat_settle(Context *cx, Value *v, bool whole);
// Variables are variables again.
void ambi_flat_end(Flat *f);
void ambi_flat_drop(Flat *f);

// The hash of n words. loose: marks do not count.
uint64_t ambi_flat_hash(const Word *w, size_t n, bool loose);
bool ambi_flat_equal_loose(const Word *a, const Word *b, size_t n);
// The roots of a row of n words as heap terms; variable i becomes env[i]. False: memory
// is out.
bool ambi_flat_thaw(Context *cx, const Word *w, size_t roots, size_t n,
                    const Value *env, Value *out);

#endif
