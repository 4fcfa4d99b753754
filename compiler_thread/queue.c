// The ring of queue.h. The ends stand on cache lines of their own.
#include "compiler_thread/queue_data.h"

#include "memory/alloc.h"
#include "memory/check.h"
#include "memory/stress.h"

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
  AMB_WALK(ambi_queue_is_valid(q, &why));
  Place *p = &q->places[q->head & q->mask];
  if (ambi_load_acquire(&p->x_turn) != q->head + 1) return false;
  *out = p->item;
  ambi_store_release(&p->x_turn, q->head + q->mask + 1);
  q->head++;
  return true;
}

// From head on, a place waits for its item, or has it; whoever fills it has moved x_tail
// before.
bool ambi_queue_is_valid(HotQueue *q, const char **why) {
  for (uint32_t at = q->head; at != q->head + q->mask + 1; at++) {
    uint32_t turn = ambi_load_acquire(&q->places[at & q->mask].x_turn);
    if (turn != at && turn != at + 1)
      return ambi_invalid(why, "a place of a queue with the turn of another");
    if (turn == at + 1 && (int32_t)(ambi_load_relaxed(&q->x_tail) - at) <= 0)
      return ambi_invalid(why, "an item of a queue behind its end");
  }
  return true;
}
