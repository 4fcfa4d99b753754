// Inside of the program that makes the boot image: what its files share.
//
// It runs at build time, on a library that is known: whatever it cannot do ends
// it, and the build.
#ifndef AMBIT_RUNTIME_LIBRARY_MAKE_H
#define AMBIT_RUNTIME_LIBRARY_MAKE_H

#include "runtime/bytecode/code.h"
#include "runtime/library/boot.h"

// ---- words.c: growing rows, and giving up -----------------------------------------
__attribute__((noreturn)) void make_fail(const char *why);
static inline void make_check(bool ok, const char *why) {
  if (!ok) make_fail(why);
}

typedef struct WordVec {
  Word *at;
  size_t n, cap;
} WordVec;
void make_push(WordVec *v, Word w);
void make_drop(WordVec *v);

// ---- terms.c: the terms of the image ------------------------------------------
typedef struct Terms {
  Word *out;              // all chunks
  uint32_t next;          // the first free word
  WordVec pointers;       // words that refer to terms
  struct Copied *copied;  // hash of objects, by address
  struct Kept *kept;      // hash of what the image holds, by contents
  size_t ncopied, nkept;
  WordVec room;  // an object while it is made
} Terms;

void make_terms_open(Terms *t);
void make_terms_close(Terms *t);
Word make_terms_word(Terms *t, Value v);  // copies what it refers to
TemplateImage make_terms_template(Terms *t, const Template *from);

// ---- units.c: units of bytecode ------------------------------------------------
typedef struct Source {  // a module of the library
  Space *space;
  Space *user;  // of a module that imports it and has nothing of its own
  Terms terms;
  WordVec mentions;  // symbols its text mentions
  unsigned effects, fetched;
} Source;

typedef struct Units {
  Context *cx;
  Source *sources;  // in the order of ambi_embedded
  uint32_t nsources, core;
  BootUnit *rows;
  size_t n, cap;
  WordVec code;
} Units;

// Lowers every definition of the modules and what their units call.
void make_units(Units *u);
void make_units_close(Units *u);

#endif
