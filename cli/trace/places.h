// Where the atoms of a program stand: file, line and column of what scripts add.
//
// An atom is told by the word that its space keeps of it, and by its hash, since memory that
// an atom has left may be another one's. What programs add while they run is nowhere.
#ifndef AMBIT_CLI_TRACE_PLACES_H
#define AMBIT_CLI_TRACE_PLACES_H

#include <pthread.h>

#include "runtime/runtime.h"

typedef struct AtomPlace {
  const char *file;  // NULL: not known
  uint32_t line, column;
} AtomPlace;

typedef struct Places {
  pthread_mutex_t lock;  // of all below; scripts may run on several threads
  struct PlacedAtom *at;
  size_t n, cap;
  uint32_t *slots;  // number + 1 by hash; a power of two
  size_t nslots;
  char **files;
  size_t nfiles, files_cap;
} Places;

// What memory is out for is not noted.
void cli_places_add(Places *p, const char *file, Position at,
                    const Template *t);
AtomPlace cli_places_of(Places *p, Record r);
// Of the first atom of the space that is like this one.
AtomPlace cli_places_find(Places *p, Context *cx, Space *s, Value atom);
void cli_places_clear(Places *p);

#endif
