// Dividing the alternatives of a record: the farther ones go to somebody else.
//
// Of a list, and of the candidates and solutions of a match, the nearer half stays; of
// alternatives in the program, which have no number, all go.
#ifndef AMBIT_RUNTIME_DIVIDE_H
#define AMBIT_RUNTIME_DIVIDE_H

#include "runtime/machine/engine.h"

// What goes, but for the terms in it.
typedef struct Farther {
  const Code *resume, *next;
  uint64_t cursor;       // of a list
  bool match;            // the record has a hook with what follows
  RecordVec candidates;  // of one pattern, or
  size_t nsolutions;     // of a conjunction, ...
  size_t nvars;          // ... of so many terms each
} Farther;

// Do the record's alternatives not ask what became of those before them?
bool ambi_divide_can(const Choice *r);
// How many of them stay.
uint64_t ambi_divide_near(const Choice *r);
// Where the frame of the record goes on with one.
const Code *ambi_divide_goes_on(const Choice *r);
// All but the nearest `kept`, as they are: what they have of terms is pushed onto
// `terms`. False: memory is out.
bool ambi_divide_give(const Choice *r, uint64_t kept, Farther *to,
                      ValueVec *terms);
// The nearest stay: what went is not tried here any more.
void ambi_divide_keep(Engine *g, Choice *r, uint64_t kept);
// They become those of a record of another Engine; n terms, as they were pushed.
bool ambi_divide_take(Engine *g, Choice *r, const Farther *from,
                      const Value *terms, size_t n);
void ambi_divide_drop(Farther *f);

// What a record resumes at of which all went: it goes, and the one below is next.
extern const Code ambi_divide_gone[1];

#endif
