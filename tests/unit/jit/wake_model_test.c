// A model of how the compiler sleeps and is woken, looked at in every interleaving: two
// producers that push, and a consumer that sleeps when it finds nothing.
//
// A push has two steps, as in queue.h: a place is reserved, which hides what others put
// behind it, and then filled. Then the producer takes the flag `asleep`; if it was set,
// it posts the semaphore. At the end everything must have been taken. A second test
// breaks the rules of compiler.c one by one and wants to see that the model notices.
#include <stdbool.h>
#include <stdint.h>

enum { PRODUCERS = 2, ITEMS = 2 };
enum ProducerAt { RESERVE, FILL, TAKE_FLAG, POST, PUSHED };
enum ConsumerAt { SET_FLAG, LOOK, SLEEP, CLEAR_FLAG, DRAIN };
enum Broken {
  NOTHING,
  LOOKS_FIRST,  // at the queue, and sets the flag when it found nothing
  SETS_ONCE,    // not again after it was woken
  FLAG_FIRST,   // the producer takes the flag before it has filled the place
  BROKEN_COUNT
};

typedef struct Model {
  uint8_t producer[PRODUCERS], place[PRODUCERS];
  uint8_t consumer, reserved, head, posts;
  bool filled[ITEMS], asleep;
} Model;

#include "tests/unit/explore.h"

static bool take_item(Model *m) {
  if (m->head == ITEMS || !m->filled[m->head]) return false;
  m->head++;
  return true;
}

// One step; false: it cannot take one.
static bool produce(Model *m, int p, enum Broken broken) {
  uint8_t *at = &m->producer[p];
  switch (*at) {
  case RESERVE:
    m->place[p] = m->reserved++;
    *at = broken == FLAG_FIRST ? TAKE_FLAG : FILL;
    return true;
  case FILL:
    m->filled[m->place[p]] = true;
    *at = broken == FLAG_FIRST ? PUSHED : TAKE_FLAG;
    return true;
  case TAKE_FLAG:
    *at = m->asleep ? POST : broken == FLAG_FIRST ? FILL : PUSHED;
    m->asleep = false;
    return true;
  case POST:
    m->posts++;
    *at = broken == FLAG_FIRST ? FILL : PUSHED;
    return true;
  default: return false;
  }
}

static bool consume(Model *m, enum Broken broken) {
  uint8_t *at = &m->consumer;
  switch (*at) {
  case SET_FLAG:
    m->asleep = true;
    *at = broken == LOOKS_FIRST ? SLEEP : LOOK;
    return true;
  case LOOK:
    *at = take_item(m) ? CLEAR_FLAG : broken == LOOKS_FIRST ? SET_FLAG : SLEEP;
    return true;
  case SLEEP:
    if (m->posts == 0) return false;
    m->posts--;
    *at = broken == NOTHING || broken == FLAG_FIRST ? SET_FLAG : LOOK;
    return true;
  case CLEAR_FLAG:
    m->asleep = false;
    *at = DRAIN;
    return true;
  default:
    if (!take_item(m)) *at = broken == LOOKS_FIRST ? LOOK : SET_FLAG;
    return true;
  }
}

// How many states there are where nobody can go on though something was not taken.
static uint32_t explore(enum Broken broken) {
  uint32_t stuck = 0;
  Model first, m;
  memset(&first, 0, sizeof first);
  first.consumer = broken == LOOKS_FIRST ? LOOK : SET_FLAG;
  explore_from(&first);
  while (explore_next(&m)) {
    bool moved = false;
    for (int who = 0; who <= PRODUCERS; who++) {
      Model next = m;
      if (who < PRODUCERS ? !produce(&next, who, broken)
                          : !consume(&next, broken))
        continue;
      moved = true;
      explore_reach(&next);
    }
    stuck += !moved && m.head != ITEMS;
  }
  return stuck;
}

START_TEST(nothing_that_was_pushed_is_slept_over) {
  ck_assert_uint_eq(explore(NOTHING), 0);
  ck_assert_uint_gt(nexplored, 100);
}
END_TEST

START_TEST(the_model_notices_what_is_broken) {
  for (int broken = NOTHING + 1; broken < BROKEN_COUNT; broken++)
    ck_assert_msg(explore((enum Broken)broken) > 0, "%d", broken);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("wake_model");
  tcase_add_test(tc, nothing_that_was_pushed_is_slept_over);
  tcase_add_test(tc, the_model_notices_what_is_broken);
  return unit_run(tc, "wake_model");
}
