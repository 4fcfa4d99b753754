// What is retired waits for those who were inside, and for nobody else.
#include "memory/epoch.h"

#include <sched.h>

#include "memory/alloc.h"
#include "tests/unit/unit.h"

typedef struct Thing {
  Retired r;
  unsigned *given_back;
} Thing;

static void count_back(Retired *r) {
  Thing *t = (Thing *)r;
  ++*t->given_back;
  ambi_free(t, sizeof *t);
}

static void retire_one(Epochs *e, unsigned *given_back) {
  Thing *t = ambi_alloc(sizeof *t);
  ck_assert(t);
  t->r.give_back = count_back;
  t->given_back = given_back;
  ambi_epoch_retire(e, &t->r);
}

START_TEST(test_order) {
  Epochs e;
  Participant a, b;
  unsigned back = 0;
  ambi_epochs_open(&e);
  ambi_epoch_join(&e, &a);
  ambi_epoch_join(&e, &b);
  ambi_epoch_enter(&e, &a);
  retire_one(&e, &back);
  ambi_epoch_enter(&e, &b);
  retire_one(&e, &back);
  ambi_epoch_poll(&e);
  ck_assert_uint_eq(back, 0);
  ambi_epoch_leave(&a);
  ambi_epoch_poll(&e);
  ck_assert_uint_eq(back, 1);  // b went in behind the first
  ambi_epoch_enter(&e, &a);
  ambi_epoch_leave(&b);
  ambi_epoch_poll(&e);
  ck_assert_uint_eq(back, 2);
  uint64_t mark = ambi_epoch_mark(&e);
  ck_assert(!ambi_epoch_is_past(&e, mark));
  ambi_epoch_leave(&a);
  ck_assert(ambi_epoch_is_past(&e, mark));
  ambi_epoch_enter(&e, &a);
  ck_assert(ambi_epoch_is_past(&e, mark));
  ambi_epoch_leave(&a);
  retire_one(&e, &back);
  ambi_epoch_part(&e, &a);
  ambi_epoch_part(&e, &b);
  ambi_epochs_close(&e);
  ck_assert_uint_eq(back, 3);
}
END_TEST

START_TEST(test_growth) {
  Epochs e;
  Participant a;
  Growth g;
  size_t before = ambi_alloc_bytes();
  ambi_epochs_open(&e);
  ambi_epoch_join(&e, &a);
  uint32_t *old = ambi_alloc(4 * sizeof *old);
  ck_assert(old);
  old[3] = 7;
  ambi_epoch_enter(&e, &a);
  ck_assert(ambi_growth_begin(&g, &e, old, 4, 5, sizeof *old));
  ck_assert(g.at != old && g.cap >= 5 && ((uint32_t *)g.at)[3] == 7);
  ambi_growth_end(&g, &e);
  ambi_epoch_poll(&e);
  ck_assert_uint_eq(old[3], 7);  // still there
  ambi_epoch_leave(&a);
  ambi_epoch_part(&e, &a);
  ambi_epochs_close(&e);
  for (uint64_t n = 1; n <= 2; n++) {
    Growth none;
    ambi_epochs_open(&e);
    ambi_alloc_fail_at(n);
    ck_assert(!ambi_growth_begin(&none, &e, g.at, g.cap, 50, sizeof *old));
    ambi_alloc_fail_at(0);
    ambi_epochs_close(&e);
  }
  ambi_free(g.at, g.cap * sizeof *old);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// ---- several threads ------------------------------------------------------------------
// One puts new numbers in place of old ones, the others look: what they have found does
// not change while they are inside.
enum { LOOKERS = 3, NUMBERS = 4 };
typedef struct Number {
  Retired r;
  uint64_t value, twice;
} Number;
static Epochs epochs;
static AMB_ATOMIC(Number *) current[NUMBERS];
static AMB_ATOMIC(int) joined;
static AMB_ATOMIC(bool) done;

static void wipe(Retired *r) {
  Number *n = (Number *)r;
  n->value = 1;  // a looker would see that
  n->twice = 1;
  ambi_free(n, sizeof *n);
}

static Number *number(uint64_t value) {
  Number *n = ambi_alloc(sizeof *n);
  ck_assert(n);
  *n = (Number){{NULL, 0, wipe}, value, 2 * value};
  return n;
}

static void *look(void *arg) {
  Participant me;
  uint64_t *wrong = arg, last = 0;
  ambi_epoch_join(&epochs, &me);
  ambi_add_release(&joined, 1);
  while (!ambi_load_acquire(&done)) {
    ambi_epoch_enter(&epochs, &me);
    for (int i = 0; i < NUMBERS; i++) {
      const Number *n = ambi_load_acquire(&current[i]);
      if (i % 2) sched_yield();
      *wrong += n->twice != 2 * n->value;
      if (i == 0) *wrong += n->value < last;
      if (i == 0) last = n->value;
    }
    ambi_epoch_leave(&me);
  }
  ambi_epoch_part(&epochs, &me);
  return NULL;
}

START_TEST(test_lookers) {
  uint64_t wrong[LOOKERS] = {0},
           rounds = getenv("AMBIT_LONG") ? 3000000 : 20000;
  pthread_t thread[LOOKERS];
  ambi_epochs_open(&epochs);
  for (int i = 0; i < NUMBERS; i++)
    ambi_store_release(&current[i], number(1));
  for (int i = 0; i < LOOKERS; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, look, &wrong[i]), 0);
  while (ambi_load_acquire(&joined) < LOOKERS)
    sched_yield();
  // Until some came back meanwhile, too, for which all that look are to look elsewhere.
  size_t waiting = 0;
  bool some = false;
  for (uint64_t i = 2; i < rounds || !some; i++) {
    Number *n = number(i), *old = ambi_exchange(&current[i % NUMBERS], n);
    size_t before = waiting;
    ambi_epoch_retire(&epochs, &old->r);
    ambi_epoch_poll(&epochs);
    waiting = ambi_load_relaxed(&epochs.x_waiting);
    some |= waiting <= before;
    if (i >= rounds) sched_yield();
  }
  ambi_store_release(&done, true);
  for (int i = 0; i < LOOKERS; i++) {
    pthread_join(thread[i], NULL);
    ck_assert_uint_eq(wrong[i], 0);
  }
  ambi_epochs_close(&epochs);
  for (int i = 0; i < NUMBERS; i++)
    ambi_free(ambi_load_relaxed(&current[i]), sizeof(Number));
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("epoch");
  tcase_add_test(tc, test_order);
  tcase_add_test(tc, test_growth);
  tcase_add_test(tc, test_lookers);
  return unit_run(tc, "epoch");
}
