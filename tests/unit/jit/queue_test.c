// The queue of hot units: what is pushed comes out once, in the order of its
// producer; a full queue refuses and goes on.
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "compiler_thread/queue_data.h"
#include "memory/alloc.h"
#include "tests/unit/broken.h"

static HotUnit item(uint64_t producer, uint64_t n) {
  return (HotUnit){.hot_ns = producer, .rate = (double)n};
}

START_TEST(first_in_first_out) {
  HotQueue *q = ambi_queue_open(4);
  HotUnit out;
  ck_assert(!ambi_queue_pop(q, &out));
  uint64_t in = 0, next = 0;
  for (int round = 0; round < 1000; round++) {
    while (ambi_queue_push(q, item(0, in)))
      in++;
    ck_assert_uint_eq(in - next, 4);
    for (int i = 0; i < 1 + round % 4; i++) {
      ck_assert(ambi_queue_pop(q, &out));
      ck_assert_uint_eq((uint64_t)out.rate, next++);
    }
  }
  while (ambi_queue_pop(q, &out))
    next++;
  ck_assert_uint_eq(next, in);
  ambi_queue_close(q);
}
END_TEST

START_TEST(a_walk_sees_what_is_broken) {
  HotQueue *q = ambi_queue_open(4);
  HotUnit out;
  for (uint64_t i = 0; i < 6; i++) {
    ck_assert(ambi_queue_push(q, item(0, i)));
    if (i < 4) ck_assert(ambi_queue_pop(q, &out));
  }
#define QUEUE ambi_queue_is_valid(q, &why)
  SOUND(QUEUE);
  BROKEN(q->places[2].x_turn, 3, QUEUE,
         "a place of a queue with the turn of another");
  BROKEN(q->places[2].x_turn, 7, QUEUE, "an item of a queue behind its end");
  BROKEN(q->x_tail, 5, QUEUE, "an item of a queue behind its end");
  BROKEN(q->head, 3, QUEUE, "a place of a queue with the turn of another");
  ambi_queue_close(q);
}
END_TEST

START_TEST(fails_without_memory) {
  size_t before = ambi_alloc_bytes();
  ambi_alloc_fail_at(1);
  ck_assert_ptr_null(ambi_queue_open(4));
  ambi_alloc_fail_at(0);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// ---- torture ------------------------------------------------------------------

enum { PRODUCERS = 4, ITEMS = 200000 };

typedef struct Producer {
  HotQueue *q;
  pthread_t thread;
  uint64_t number, refused;
  uint32_t items;
} Producer;

static AMB_ATOMIC(uint32_t) running;
static uint64_t payloads[PRODUCERS][ITEMS];

static void *produce(void *arg) {
  Producer *p = arg;
  for (uint64_t i = 0; i < p->items; i++) {
    payloads[p->number][i] = i * 3 + p->number;
    while (!ambi_queue_push(p->q, item(p->number, i))) {
      p->refused++;
      sched_yield();
    }
  }
  ambi_add_release(&running, (uint32_t)-1);
  return NULL;
}

// Returns how many items were not as they should be.
static uint64_t consume(HotQueue *q, uint64_t next[PRODUCERS]) {
  uint64_t wrong = 0;
  for (bool last = false;;) {
    HotUnit out;
    if (ambi_queue_pop(q, &out)) {
      uint64_t n = (uint64_t)out.rate;
      bool right = out.hot_ns < PRODUCERS && n == next[out.hot_ns]++ &&
                   payloads[out.hot_ns][n] == n * 3 + out.hot_ns;
      wrong += !right;
    } else if (last) {
      return wrong;
    } else {
      last = ambi_load_acquire(&running) == 0;
      sched_yield();
    }
  }
}

static void torture(uint32_t size, uint32_t items) {
  HotQueue *q = ambi_queue_open(size);
  Producer p[PRODUCERS] = {0};
  uint64_t next[PRODUCERS] = {0}, refused = 0;
  memset(payloads, 0, sizeof payloads);
  ambi_store_release(&running, PRODUCERS);
  for (uint64_t i = 0; i < PRODUCERS; i++) {
    p[i].q = q;
    p[i].number = i;
    p[i].items = items;
    ck_assert_int_eq(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
  }
  ck_assert_uint_eq(consume(q, next), 0);
  for (int i = 0; i < PRODUCERS; i++) {
    pthread_join(p[i].thread, NULL);
    ck_assert_uint_eq(next[i], items);
    refused += p[i].refused;
  }
  if (size == 2) ck_assert_uint_gt(refused, 0);
  ambi_queue_close(q);
}

START_TEST(several_producers_keep_their_order) {
  torture(2, ITEMS / 20);
  torture(1024, ITEMS);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("queue");
  tcase_add_test(tc, first_in_first_out);
  tcase_add_test(tc, a_walk_sees_what_is_broken);
  tcase_add_test(tc, fails_without_memory);
  tcase_add_test(tc, several_producers_keep_their_order);
  return unit_run(tc, "queue");
}
