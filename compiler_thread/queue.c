// The ring of queue.h. The ends stand on cache lines of their own.
#include "compiler_thread/queue.h"

#include "memory/alloc.h"
#include "memory/atomic.h"
#include "memory/check.h"

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

static size_t size_of(uint32_t places) {
  return sizeof(HotQueue) + places * sizeof(Place);
}

HotQueue *ambi_queue_open(uint32_t size) {
  AMB_CHECK(size >= 2 && (size & (size - 1)) == 0);
  HotQueue *q = ambi_alloc(size_of(size));
  if (!q) return NULL;
  q->mask = size - 1;
  for (uint32_t i = 0; i < size; i++)
    ambi_store_release(&q->places[i].x_turn, i);
  return q;
}

void ambi_queue_close(HotQueue *q) {
  if (q) ambi_free(q, size_of(q->mask + 1));
}

bool ambi_queue_push(HotQueue *q, HotUnit item) {
  uint32_t at = ambi_load_relaxed(&q->x_tail);
  for (;;) {
    Place *p = &q->places[at & q->mask];
    int32_t ahead = (int32_t)(ambi_load_acquire(&p->x_turn) - at);
    if (ahead < 0) return false;  // still holds an item of the last round
    if (ahead > 0) {              // somebody else has filled it
      at = ambi_load_relaxed(&q->x_tail);
    } else if (ambi_compare_exchange_relaxed(&q->x_tail, &at, at + 1)) {
      p->item = item;
      ambi_store_release(&p->x_turn, at + 1);
      return true;
    }
  }
}

bool ambi_queue_pop(HotQueue *q, HotUnit *out) {
  Place *p = &q->places[q->head & q->mask];
  if (ambi_load_acquire(&p->x_turn) != q->head + 1) return false;
  *out = p->item;
  ambi_store_release(&p->x_turn, q->head + q->mask + 1);
  q->head++;
  return true;
}
