// Mailboxes: what was sent is received once, in each sender's order; a receiver that
// parks is handed to exactly one who has something for it; closing loses nothing. Messages
// that are used again belong to one thread at a time.
#include "scheduler/mailbox.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "memory/alloc.h"
#include "scheduler/parcel.h"
#include "tests/unit/unit.h"

static Message *message(uint64_t sender, uint64_t n) {
  Message *m = ambi_message_new(2, 0);
  ck_assert_ptr_nonnull(m);
  m->words[0] = sender;
  m->words[1] = n;
  return m;
}

static void is_valid(Mailbox *box, const Inbox *in) {
  const char *why = "";
  ck_assert_msg(ambi_mailbox_is_valid(box, in, &why), "%s", why);
}

START_TEST(messages_come_in_their_order) {
  size_t before = ambi_alloc_bytes();
  Mailbox box;
  Inbox in = {0};
  ambi_mailbox_open(&box, 0);
  ck_assert(!ambi_mailbox_drain(&box, &in));
  for (uint64_t i = 0; i < 6; i++) {
    ck_assert_int_eq(ambi_mailbox_post(&box, message(0, i)), POST_DONE);
    if (i % 2) ck_assert(ambi_mailbox_drain(&box, &in));
    is_valid(&box, &in);
  }
  ck_assert_uint_eq(ambi_mailbox_count(&box), 6);
  for (uint64_t i = 0; i < 6; i++) {
    Message *m = in.first;
    ck_assert_uint_eq(m->words[1], i);
    ambi_inbox_take(&box, &in, NULL, m);
    ambi_message_free(m);
    is_valid(&box, &in);
  }
  ck_assert_ptr_null(in.last);
  ambi_inbox_tell(&box, &in);
  ck_assert_uint_eq(ambi_mailbox_count(&box), 0);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

START_TEST(any_message_may_be_taken) {
  Mailbox box;
  Inbox in = {0};
  ambi_mailbox_open(&box, 0);
  for (uint64_t i = 0; i < 4; i++)
    ambi_mailbox_post(&box, message(0, i));
  ambi_mailbox_drain(&box, &in);
  Message *second = in.first->next, *last = in.last;
  ambi_inbox_take(&box, &in, second->next, last);
  ambi_inbox_take(&box, &in, in.first, second);
  ck_assert_uint_eq(in.first->words[1], 0);
  ck_assert_uint_eq(in.first->next->words[1], 2);
  ck_assert_ptr_eq(in.last, in.first->next);
  is_valid(&box, &in);
  ambi_message_free(second);
  ambi_message_free(last);
  ambi_messages_free(in.first);
}
END_TEST

START_TEST(the_first_who_comes_has_the_receiver) {
  Mailbox box;
  Inbox in = {0};
  ambi_mailbox_open(&box, 0);
  ck_assert(ambi_mailbox_park(&box));
  ck_assert_int_eq(ambi_mailbox_post(&box, message(0, 0)), POST_WOKE);
  ck_assert_int_eq(ambi_mailbox_post(&box, message(0, 1)), POST_DONE);
  ck_assert(!ambi_mailbox_nudge(&box));
  ck_assert(!ambi_mailbox_park(&box));
  ck_assert(ambi_mailbox_drain(&box, &in));
  ck_assert(ambi_mailbox_park(&box));
  ck_assert(ambi_mailbox_nudge(&box));
  ck_assert(ambi_mailbox_park(&box));
  ck_assert(ambi_mailbox_nudge(&box));
  ck_assert(!ambi_mailbox_nudge(&box));  // it runs: noted
  ck_assert(!ambi_mailbox_park(&box));
  ck_assert_int_eq(ambi_mailbox_post(&box, message(0, 2)), POST_DONE);
  ck_assert(ambi_mailbox_drain(&box, &in));
  ck_assert_uint_eq(in.last->words[1], 2);
  ambi_messages_free(in.first);
}
END_TEST

START_TEST(full_and_closed_mailboxes_take_nothing) {
  Mailbox box;
  Inbox in = {0};
  ambi_mailbox_open(&box, 2);
  for (uint64_t i = 0; i < 2; i++)
    ck_assert_int_eq(ambi_mailbox_post(&box, message(0, i)), POST_DONE);
  Message *more = message(0, 2);
  ck_assert_int_eq(ambi_mailbox_post(&box, more), POST_FULL);
  ck_assert_int_eq(ambi_mailbox_deliver(&box, more), POST_DONE);
  ambi_mailbox_close(&box, &in);
  is_valid(&box, &in);
  ck_assert_uint_eq(in.last->words[1], 2);
  more = message(0, 3);
  ck_assert_int_eq(ambi_mailbox_post(&box, more), POST_CLOSED);
  ck_assert_int_eq(ambi_mailbox_deliver(&box, more), POST_CLOSED);
  ck_assert(!ambi_mailbox_nudge(&box));
  ck_assert(!ambi_mailbox_park(&box));
  ck_assert(!ambi_mailbox_drain(&box, &in));
  is_valid(&box, &in);
  ambi_message_free(more);
  ambi_messages_free(in.first);
}
END_TEST

START_TEST(a_limit_knows_at_once_what_was_taken) {
  Mailbox box;
  Inbox in = {0};
  ambi_mailbox_open(&box, 3);
  for (uint64_t i = 0; i < 3; i++)
    ambi_mailbox_post(&box, message(0, i));
  Message *more = message(0, 3);
  ck_assert_int_eq(ambi_mailbox_post(&box, more), POST_FULL);
  ck_assert(ambi_mailbox_drain(&box, &in));
  ck_assert_int_eq(ambi_mailbox_post(&box, more),
                   POST_FULL);  // kept, not taken
  Message *m = in.first;
  ambi_inbox_take(&box, &in, NULL, m);
  ambi_message_free(m);
  ck_assert_int_eq(ambi_mailbox_post(&box, more), POST_DONE);
  ck_assert_uint_eq(ambi_mailbox_count(&box), 3);
  ambi_mailbox_close(&box, &in);
  ambi_messages_free(in.first);
}
END_TEST

START_TEST(what_was_taken_is_told_when_more_is_looked_for) {
  Mailbox box;
  Inbox in = {0};
  ambi_mailbox_open(&box, 0);
  for (uint64_t i = 0; i < 2; i++) {
    ambi_mailbox_post(&box, message(0, i));
    ck_assert(ambi_mailbox_drain(&box, &in));
    ck_assert_uint_eq(ambi_mailbox_count(&box), 1);
    Message *m = in.first;
    ambi_inbox_take(&box, &in, NULL, m);
    ambi_message_free(m);
    is_valid(&box, &in);
  }
  ambi_inbox_tell(&box, &in);
  ck_assert_uint_eq(ambi_mailbox_count(&box), 0);
}
END_TEST

START_TEST(a_message_is_an_answer_or_not) {
  PackRoom room = {0};
  for (int i = 0; i < 3; i++) {
    Message *m = ambi_pack_room_message(&room, 2, 0);
    ck_assert_uint_eq(ambi_message_request(m), 0);
    ambi_message_answers(m, INT64_MAX);
    ck_assert_uint_eq(ambi_message_request(m), INT64_MAX);
    ambi_pack_room_take_back(&room, m);
  }
  ambi_pack_room_drop(&room);
}
END_TEST

// ---- messages that are used again -------------------------------------------------

START_TEST(a_room_gets_what_another_has_too_many_of) {
  enum { MANY = 10 * PARCEL_SPARE };
  size_t before = ambi_alloc_bytes();
  Depot depot = {.x_places = {{NULL}}};
  PackRoom one = {.depot = &depot}, two = {.depot = &depot};
  Message *all[MANY];
  for (int i = 0; i < MANY; i++)
    all[i] = message(0, 0);
  for (int i = 0; i < MANY; i++)
    ambi_pack_room_take_back(&one, all[i]);
  uint64_t attempts = ambi_alloc_attempts();
  ambi_alloc_fail_at(1);
  for (int i = 0; i < DEPOT_PLACES * DEPOT_BATCH; i++)
    ck_assert_ptr_nonnull(all[i] = ambi_pack_room_message(&two, 1, 1));
  ck_assert_ptr_null(ambi_pack_room_message(&two, 1, 1));
  ambi_alloc_fail_at(0);
  ck_assert_uint_eq(ambi_alloc_attempts(), attempts + 1);
  for (int i = 0; i < DEPOT_PLACES * DEPOT_BATCH; i++)
    ambi_pack_room_take_back(&two, all[i]);
  ambi_pack_room_drop(&one);
  ambi_pack_room_drop(&two);
  ambi_depot_drop(&depot);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// Some threads only make messages, others only take them back. Each message is of one of
// them at a time: what it says in two words agrees.
enum { MAKERS = 2, TAKERS = 2, PASSED = 8, TURNS = 100000 };
static Depot depot;
static AMB_ATOMIC(Message *) x_passed[PASSED];  // [all]
static AMB_ATOMIC(uint32_t) x_making, x_odd;    // [all]

static void *make_messages(void *arg) {
  PackRoom room = {.depot = &depot};
  for (uint64_t i = 0; i < TURNS; i++) {
    Message *m = ambi_pack_room_message(&room, 2, 0), *none = NULL;
    m->words[0] = (uint64_t)(uintptr_t)arg << 32 | i;
    m->words[1] = ~m->words[0];
    while (!ambi_compare_exchange(&x_passed[i % PASSED], &none, m)) {
      none = NULL;
      sched_yield();
    }
  }
  ambi_pack_room_drop(&room);
  ambi_add_release(&x_making, -1u);
  return NULL;
}

static bool take_passed(PackRoom *room) {
  bool any = false;
  for (int i = 0; i < PASSED; i++) {
    Message *m = ambi_exchange(&x_passed[i], NULL);
    if (!m) continue;
    any = true;
    if (m->words[1] != ~m->words[0]) ambi_add_relaxed(&x_odd, 1);
    m->words[0] = m->words[1] = 0;  // not what a maker writes
    ambi_pack_room_take_back(room, m);
  }
  return any;
}

static void *take_messages(void *arg) {
  PackRoom room = {.depot = &depot};
  (void)arg;
  bool making;
  do {
    making = ambi_load_acquire(&x_making) > 0;
    if (!take_passed(&room)) sched_yield();
  } while (making);
  ambi_pack_room_drop(&room);
  return NULL;
}

START_TEST(a_message_belongs_to_one_thread) {
  size_t before = ambi_alloc_bytes();
  pthread_t threads[MAKERS + TAKERS];
  ambi_store_relaxed(&x_making, MAKERS);
  for (unsigned n = 0; n < MAKERS + TAKERS; n++)
    ck_assert(!pthread_create(&threads[n], NULL,
                              n < MAKERS ? make_messages : take_messages,
                              (void *)(uintptr_t)n));
  for (unsigned n = 0; n < MAKERS + TAKERS; n++)
    pthread_join(threads[n], NULL);
  ambi_depot_drop(&depot);
  ck_assert_uint_eq(ambi_load_relaxed(&x_odd), 0);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

START_TEST(fails_without_memory) {
  ambi_alloc_fail_at(1);
  ck_assert_ptr_null(ambi_message_new(3, 1));
  ambi_alloc_fail_at(0);
}
END_TEST

// ---- torture --------------------------------------------------------------------

enum { SENDERS = 3, RUNNERS = 2, MESSAGES = 60000 };

// A receiver that whoever has it may run. What it finds wrong is counted.
typedef struct Receiver {
  Mailbox box;  // [all]
  Inbox in;     // of who runs it, and so below
  uint64_t next[SENDERS], wrong, left, received;
  AMB_ATOMIC(uint32_t) x_ready;    // [all] it is to be run
  AMB_ATOMIC(uint32_t) x_running;  // [all] how many do: one or none
  AMB_ATOMIC(uint32_t) x_over;     // [all]
  uint64_t nudges;
} Receiver;

static Receiver receiver;

static void look_at(Receiver *r, Message *m) {
  uint64_t sender = m->words[0];
  r->wrong += sender >= SENDERS || m->words[1] != r->next[sender]++;
  r->received++;
  ambi_inbox_take(&r->box, &r->in, NULL, m);
  ambi_message_free(m);
}

static void run_receiver(Receiver *r) {
  r->wrong += ambi_add_relaxed(&r->x_running, 1) != 0;
  do {
    while (ambi_mailbox_drain(&r->box, &r->in))
      while (r->in.first)
        look_at(r, r->in.first);
    if (r->received == (uint64_t)SENDERS * MESSAGES) {
      ambi_mailbox_close(&r->box, &r->in);
      r->left += r->in.first != NULL;
      ambi_store_release(&r->x_over, 1);
      return;
    }
    ambi_add_relaxed(&r->x_running, -1);
    if (ambi_mailbox_park(&r->box)) return;
    ambi_add_relaxed(&r->x_running, 1);
  } while (true);
}

static void make_ready(Receiver *r) {
  ambi_add_release(&r->x_ready, 1);
}

static void *run(void *arg) {
  Receiver *r = arg;
  while (!ambi_load_acquire(&r->x_over)) {
    uint32_t one = 1;
    if (ambi_compare_exchange(&r->x_ready, &one, 0))
      run_receiver(r);
    else
      sched_yield();
  }
  return NULL;
}

static void *send(void *arg) {
  uint64_t sender = (uint64_t)(uintptr_t)arg;
  for (uint64_t i = 0; i < MESSAGES; i++) {
    if (ambi_mailbox_post(&receiver.box, message(sender, i)) == POST_WOKE)
      make_ready(&receiver);
    if (i % 64 == sender) sched_yield();
  }
  return NULL;
}

static void *nudge(void *arg) {
  Receiver *r = arg;
  while (!ambi_load_acquire(&r->x_over)) {
    if (ambi_mailbox_nudge(&r->box)) make_ready(r);
    sched_yield();
  }
  return NULL;
}

START_TEST(nothing_is_lost_and_nobody_runs_twice) {
  Receiver *r = &receiver;
  size_t before = ambi_alloc_bytes();
  pthread_t threads[SENDERS + RUNNERS + 1];
  unsigned n = 0;
  ambi_mailbox_open(&r->box, 0);
  ck_assert(ambi_mailbox_park(&r->box));
  for (; n < SENDERS; n++)
    ck_assert(!pthread_create(&threads[n], NULL, send, (void *)(uintptr_t)n));
  for (; n < SENDERS + RUNNERS; n++)
    ck_assert(!pthread_create(&threads[n], NULL, run, r));
  ck_assert(!pthread_create(&threads[n++], NULL, nudge, r));
  while (n)
    pthread_join(threads[--n], NULL);
  ck_assert_uint_eq(r->wrong, 0);
  ck_assert_uint_eq(r->left, 0);
  for (unsigned i = 0; i < SENDERS; i++)
    ck_assert_uint_eq(r->next[i], MESSAGES);
  is_valid(&r->box, &r->in);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("mailbox");
  tcase_add_test(tc, messages_come_in_their_order);
  tcase_add_test(tc, any_message_may_be_taken);
  tcase_add_test(tc, the_first_who_comes_has_the_receiver);
  tcase_add_test(tc, full_and_closed_mailboxes_take_nothing);
  tcase_add_test(tc, a_limit_knows_at_once_what_was_taken);
  tcase_add_test(tc, what_was_taken_is_told_when_more_is_looked_for);
  tcase_add_test(tc, a_message_is_an_answer_or_not);
  tcase_add_test(tc, a_room_gets_what_another_has_too_many_of);
  tcase_add_test(tc, a_message_belongs_to_one_thread);
  tcase_add_test(tc, fails_without_memory);
  tcase_add_test(tc, nothing_is_lost_and_nobody_runs_twice);
  return unit_run(tc, "mailbox");
}
