// A model of scheduler/mailbox.h, looked at in every interleaving: two senders with two
// messages each, one who nudges, and a receiver that takes, parks and is run again, and
// that closes its mailbox when it has seen enough, or is nudged after that.
//
// A step is one access to x_in. Checked in each state: nobody has the receiver run while
// somebody does; and at the end: each message was received or handed back by closing or
// refused, once, in its sender's order, and the receiver is not asleep over any. A second
// test breaks the rules one by one and wants to see that the model notices.
#include <stdbool.h>
#include <string.h>

#include "tests/unit/unit.h"

enum { SENDERS = 2, EACH = 2, MESSAGES = SENDERS * EACH, NUDGES = 2 };
// x_in: a mark, or FIRST plus the number of the newest message.
enum { EMPTY, PARKED, NUDGED, CLOSED, FIRST };
enum SenderAt { S_LOAD, S_SWAP, S_DONE };
enum NudgerAt { N_LOAD, N_SWAP, N_DONE };
enum ReceiverAt { R_DRAIN, R_STORE, R_PARK, R_MARK, R_ASLEEP, R_OVER };
enum Broken {
  NOTHING,
  PARKS_BY_STORE,   // without a look at what has arrived
  DRAINS_BY_STORE,  // a load, then a store
  NOBODY_WAKES,     // the sender that finds it asleep leaves it so
  EVERYBODY_WAKES,  // each sender has it run
  FORGETS_NUDGES,   // ... to a receiver that runs
  NUDGE_STORES,     // by a store of the mark
  CLOSE_FORGETS,    // what is there when it closes
  BROKEN_COUNT
};

typedef struct Model {
  uint8_t in, running;
  uint8_t next[MESSAGES];  // below it, as x_in
  uint8_t sender[SENDERS], saw[SENDERS], sent[SENDERS];
  uint8_t nudger, nudger_saw, nudges, unseen;  // nudges not looked at yet
  uint8_t receiver, taken;                     // what a broken drain has loaded
  uint8_t got[MESSAGES];                       // how often
  uint8_t last[SENDERS];                       // of it, plus one
  bool refused[MESSAGES], closes;
} Model;

enum { MOST_MODELS = 1 << 20, TABLE = 1 << 22 };
static Model models[MOST_MODELS];
static uint32_t nmodels, table[TABLE];
static const char *wrong;

static void add(const Model *m) {
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < sizeof *m; i++)
    h = (h ^ ((const uint8_t *)m)[i]) * 1099511628211u;
  for (uint32_t at = (uint32_t)(h >> 20) % TABLE;; at = (at + 1) % TABLE) {
    if (table[at] && memcmp(&models[table[at] - 1], m, sizeof *m) != 0)
      continue;
    if (table[at]) return;
    ck_assert_uint_lt(nmodels, MOST_MODELS);
    models[nmodels++] = *m;
    table[at] = nmodels;
    return;
  }
}

// Somebody has the receiver run: it was asleep, and nobody else has.
static void wake(Model *m) {
  if (m->running) wrong = "run by two";
  m->running = true;
  if (m->receiver == R_ASLEEP) m->receiver = R_DRAIN;
}

static bool send(Model *m, int s, enum Broken broken) {
  uint8_t which = (uint8_t)(s * EACH + m->sent[s]);
  switch (m->sender[s]) {
  case S_LOAD:
    m->saw[s] = m->in;
    m->sender[s] = S_SWAP;
    return true;
  case S_SWAP:
    if (m->saw[s] != m->in) {  // another was faster
      m->saw[s] = m->in;
      return true;
    }
    if (m->in == CLOSED) {
      m->refused[which] = true;
    } else {
      m->next[which] = m->in >= FIRST ? m->in : EMPTY;
      bool slept = m->in == PARKED;
      m->in = (uint8_t)(FIRST + which);
      bool wakes = slept || (broken == EVERYBODY_WAKES && m->next[which]);
      if (wakes && broken != NOBODY_WAKES) wake(m);
    }
    m->sender[s] = ++m->sent[s] == EACH ? S_DONE : S_LOAD;
    return true;
  default: return false;
  }
}

static void nudged(Model *m) {
  m->nudger = ++m->nudges == NUDGES ? N_DONE : N_LOAD;
}

static bool nudge(Model *m, enum Broken broken) {
  switch (m->nudger) {
  case N_LOAD:
    m->nudger_saw = m->in;
    m->nudger = N_SWAP;
    return true;
  case N_SWAP:
    if (broken == NUDGE_STORES) {
      m->in = NUDGED;
      m->unseen = 1;
      nudged(m);
      return true;
    }
    if (m->nudger_saw != m->in) {
      m->nudger_saw = m->in;
      return true;
    }
    nudged(m);
    if (m->in == CLOSED) return true;
    m->unseen = 1;
    if (m->in == PARKED) {
      m->in = EMPTY;
      wake(m);
    } else if (m->in == EMPTY && broken != FORGETS_NUDGES) {
      m->in = NUDGED;
    }
    return true;
  default: return false;
  }
}

static void receive(Model *m, uint8_t newest) {
  uint8_t order[MESSAGES], n = 0;
  for (uint8_t at = newest; at >= FIRST; at = m->next[at - FIRST])
    order[n++] = (uint8_t)(at - FIRST);
  while (n) {
    uint8_t which = order[--n], s = which / EACH;
    if (m->got[which]++) wrong = "received twice";
    if (which % EACH + 1 <= m->last[s]) wrong = "out of order";
    m->last[s] = (uint8_t)(which % EACH + 1);
  }
}

// The receiver has looked at all there was; it may end, or it goes to sleep.
static void looked(Model *m, uint8_t newest) {
  m->unseen = 0;
  receive(m, newest);
  m->receiver = R_PARK;
}

static bool run(Model *m, enum Broken broken) {
  switch (m->receiver) {
  case R_DRAIN:
    m->taken = m->in;
    if (broken == DRAINS_BY_STORE) {
      m->receiver = R_STORE;
      return true;
    }
    m->in = EMPTY;
    looked(m, m->taken);
    return true;
  case R_STORE:
    m->in = EMPTY;
    looked(m, m->taken);
    return true;
  case R_PARK:
    if (broken == PARKS_BY_STORE || m->in == EMPTY) {
      m->in = PARKED;
      m->running = false;
      m->receiver = R_ASLEEP;
    } else {
      m->receiver = R_DRAIN;
    }
    return true;
  default: return false;
  }
}

static void close_box(Model *m, enum Broken broken) {
  if (broken != CLOSE_FORGETS) receive(m, m->in);
  m->in = CLOSED;
  m->unseen = 0;
  m->receiver = R_OVER;
  m->running = false;
}

static void look_at_end(const Model *m) {
  bool over = m->receiver == R_OVER;
  for (int i = 0; i < MESSAGES; i++)
    if (m->got[i] + m->refused[i] != 1) wrong = "a message is lost";
  if (!over && m->receiver != R_ASLEEP) wrong = "nobody runs it";
  if (!over && m->unseen) wrong = "a nudge is lost";
}

static bool step(Model *m, int who, enum Broken broken) {
  if (who < SENDERS) return send(m, who, broken);
  if (who == SENDERS) return nudge(m, broken);
  if (who == SENDERS + 1) return run(m, broken);
  if (m->receiver != R_PARK && m->receiver != R_DRAIN) return false;
  close_box(m, broken);
  return true;
}

static const char *explore(enum Broken broken) {
  Model first;
  memset(&first, 0, sizeof first);
  first.running = true;
  memset(table, 0, sizeof table);
  nmodels = 0;
  wrong = NULL;
  add(&first);
  for (uint32_t i = 0; i < nmodels && !wrong; i++) {
    bool moved = false;
    for (int who = 0; who <= SENDERS + 2; who++) {
      Model next = models[i];
      if (!step(&next, who, broken)) continue;
      moved = moved || who < SENDERS + 2;
      add(&next);
    }
    if (!moved) look_at_end(&models[i]);
  }
  return wrong;
}

START_TEST(every_order_of_steps_is_right) {
  const char *found = explore(NOTHING);
  ck_assert_msg(!found, "%s", found);
  ck_assert_uint_gt(nmodels, 1000);
}
END_TEST

START_TEST(the_model_notices_what_is_broken) {
  for (int broken = NOTHING + 1; broken < BROKEN_COUNT; broken++)
    ck_assert_msg(explore((enum Broken)broken) != NULL, "%d", broken);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("mailbox_model");
  tcase_add_test(tc, every_order_of_steps_is_right);
  tcase_add_test(tc, the_model_notices_what_is_broken);
  return unit_run(tc, "mailbox_model");
}
