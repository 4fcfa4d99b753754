// What memory for machine code is made of: code_memory.c and its tests know.
#ifndef AMBIT_COMPILER_THREAD_CODE_MEMORY_DATA_H
#define AMBIT_COMPILER_THREAD_CODE_MEMORY_DATA_H

#include <pthread.h>

#include "compiler_thread/code_memory.h"
#include "memory/stress.h"

typedef struct Extent {
  size_t from, n;
} Extent;

struct CodeMemory {
  unsigned char *run, *write;  // [init]
  size_t cap;                  // [init]
  bool reuses;                 // [init]
  pthread_mutex_t lock;        // [init]
  Extent *extents;             // [lock] free, ascending, never adjacent
  size_t nextents, extents_cap;
  size_t nblocks;            // [lock] live
  size_t high;               // [lock] below it, bytes were handed out
  size_t charged;            // [lock] ... in whole pages
  bool recycled;             // [lock] bytes were handed out a second time
  size_t used, peak, freed;  // [lock]
  Pace walked;               // [lock]
};

#endif
