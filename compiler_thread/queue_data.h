// What the queue of hot units is made of: queue.c and its tests know.
#ifndef AMBIT_COMPILER_THREAD_QUEUE_DATA_H
#define AMBIT_COMPILER_THREAD_QUEUE_DATA_H

#include "compiler_thread/queue.h"
#include "memory/atomic.h"

enum { CACHE_LINE = 64 };

typedef struct Place {
  AMB_ATOMIC(uint32_t) x_turn;  // [all] whose the item is
  HotUnit item;                 // [whose turn it is]
} Place;

struct HotQueue {
  uint32_t mask;  // [init]
  char gap0[CACHE_LINE];
  AMB_ATOMIC(uint32_t) x_tail;  // [all] the next place to be filled
  char gap1[CACHE_LINE];
  uint32_t head;  // [consumer] the next to be emptied
  char gap2[CACHE_LINE];
  Place places[];
};

#endif
