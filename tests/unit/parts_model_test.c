// A model of parts that are handed over (scheduler/parts.c), looked at in every
// interleaving: somebody hands over a part and that one another, which it waits for, at the
// end of a region of its own, or leaves to whoever it is a part of. What is not wanted any
// more is dropped. Whoever has the whole may drop it at any time, and the last part may
// have no end of its own.
//
// A step is what happens under a part's lock, or a change of a task's state (task.h, which
// has a model of its own: a wake that comes while the task runs is not lost).
//
// Checked: a part is freed once, by the second of those who are through with it, and not
// touched then; nobody wakes a task that is gone, or cancels a Context that was given
// back; when nothing moves any more, all have ended, unless they wait for one that has
// no end and is still wanted. A second test breaks the rules of parts.c one by one and
// wants to see that the model notices.
#include <stdbool.h>
#include <stdint.h>

enum { WHOLE = 0, PARTS = 2, ALL = 1 + PARTS };
enum At {
  NOT_MADE,
  QUEUED,     // started, and not begun
  RUN,        // in its own work
  JOIN,       // about to look whether a part is done
  LAY_DOWN,   // it was not: about to rest
  REST,       // until it is woken
  CLOSE,      // drops its parts, one by one
  FREE_PART,  // `part` was done when it was dropped, or its results were taken
  CANCEL,     // about to cancel `part`, of which it knows that it runs
  FINISH,
  WAKE,  // about to wake who waits for it
  FREE,  // nobody wants it: frees itself
  GONE
};
enum Job { RUNS, DONE, UNWANTED, FREED };
enum Broken {
  NOTHING,
  CANCELS_IN_SILENCE,  // who waits for a part of its own is not woken
  WAITS_THOUGH_CUT,    // or does not look whether it is wanted
  RESTS_BY_STORE,      // who lies down does not look for news
  WAKES_OUTSIDE,       // behind the lock
  CANCELS_OUTSIDE,     // likewise
  BEGINS_UNSEEN,       // without a look whether it is still wanted
  KEEPS_CONTEXT,       // what is over can still be cancelled
  LEAVES_UNWANTED,     // a part that nobody wants is not freed by its task
  FREES_ANYWAY,        // a part that is dropped is freed though it runs
  KEEPS_WAITER,        // what is left to the parent goes on to wake who left it
  LEAVES_THOUGH_CUT,   // it is left to a parent that may be gone
  FORGETS_REST,        // what a dropped part has left is not dropped
  BROKEN_COUNT
};

typedef struct Model {
  uint8_t at[ALL], then[ALL];      // then: behind FREE_PART, CANCEL and CLOSE
  uint8_t part[ALL];               // which one FREE_PART and CANCEL are about
  uint8_t news[ALL], cut[ALL];     // of its task; of its Context
  uint8_t handed[ALL];             // it has handed something over
  uint8_t inner[ALL];              // in a region of its own
  uint8_t closes[ALL];             // drops one part after the other
  uint8_t has[ALL];                // a set: parts in its list
  uint8_t job[ALL], running[ALL];  // of the part that it is; has it a Context?
  uint8_t waiter[ALL];
  uint8_t endless;
} Model;

#include "tests/unit/explore.h"

static enum Broken broken;
static const char *wrong;

static void blame(const char *what) {
  if (!wrong) wrong = what;
}

static void touch(const Model *m, int part) {
  if (m->job[part] == FREED) blame("what was freed is touched");
}
static void wake(Model *m, int who) {
  if (m->at[who] == GONE) blame("a task that is gone is woken");
  m->news[who] = true;
}
static void cancel(Model *m, int part) {
  touch(m, part);
  if (!m->running[part]) blame("a Context is cancelled that was given back");
  m->cut[part] = true;
  if (broken != CANCELS_IN_SILENCE) wake(m, part);
}
static int first_of(uint8_t set) {
  return __builtin_ctz(set);
}

// ---- what somebody does next -------------------------------------------------------
static bool moves;

static void reach(const Model *m) {
  moves = true;
  explore_reach(m);
}

static void hand_over(Model m, int i, bool inner) {
  int part = i + 1;
  m.handed[i] = true;
  m.inner[i] = inner;
  m.has[i] = (uint8_t)(1 << part);
  m.job[part] = RUNS;
  m.waiter[part] = (uint8_t)i;
  m.at[part] = QUEUED;
  reach(&m);
}

static void begin(Model m, int i) {
  touch(&m, i);
  m.news[i] = false;
  bool wanted = m.job[i] == RUNS || broken == BEGINS_UNSEEN;
  m.running[i] = wanted;
  m.at[i] = wanted ? RUN : FINISH;
  reach(&m);
}

static void run(Model m, int i) {
  if (i < PARTS && !m.handed[i]) {
    hand_over(m, i, true);
    if (i != WHOLE) hand_over(m, i, false);
  }
  Model closed = m;
  closed.at[i] = CLOSE;
  closed.then[i] = FINISH;
  if (i == WHOLE || m.cut[i]) reach(&closed);
  m.at[i] = m.has[i] && m.inner[i] ? JOIN : FINISH;
  if (i < PARTS || !m.endless) reach(&m);
}

static void join(Model m, int i) {
  if (m.cut[i] && broken != WAITS_THOUGH_CUT) {
    m.at[i] = CLOSE;
    m.then[i] = FINISH;
  } else {
    int part = first_of(m.has[i]);
    touch(&m, part);
    m.at[i] = LAY_DOWN;
    if (m.job[part] == DONE) {
      m.has[i] = (uint8_t)((m.has[i] | m.has[part]) & ~(1 << part));
      m.part[i] = (uint8_t)part;
      m.at[i] = FREE_PART;
      m.then[i] = m.has[i] ? JOIN : FINISH;
    }
  }
  reach(&m);
}

static void lay_down(Model m, int i) {
  m.at[i] = m.news[i] && broken != RESTS_BY_STORE ? JOIN : REST;
  m.news[i] = false;
  reach(&m);
}

// By a limit, or an interrupt.
static void cut_at_rest(Model m) {
  m.at[WHOLE] = CLOSE;
  m.then[WHOLE] = FINISH;
  explore_reach(&m);
}

static void rest(Model m, int i) {
  if (!m.news[i]) return;
  m.news[i] = false;
  m.at[i] = JOIN;
  reach(&m);
}

static void drop_one(Model m, int i) {
  if (!m.has[i]) {
    m.at[i] = m.then[i];
    reach(&m);
    return;
  }
  int part = first_of(m.has[i]);
  touch(&m, part);
  bool done = m.job[part] == DONE;
  m.job[part] = UNWANTED;
  m.has[i] &= (uint8_t) ~(1 << part);
  if (done && broken != FORGETS_REST) m.has[i] |= m.has[part];
  m.part[i] = (uint8_t)part;
  bool later = broken == CANCELS_OUTSIDE && !done;
  if (done || broken == FREES_ANYWAY) m.at[i] = FREE_PART;
  if (m.running[part] && later) m.at[i] = CANCEL;
  if (m.running[part] && !later) cancel(&m, part);
  Model next = m;
  next.closes[i] = true;
  reach(&next);
}

// What it has handed on becomes its parent's.
static void leave_to_parent(Model *m, int i) {
  for (uint8_t set = m->has[i]; set; set &= (uint8_t)(set - 1)) {
    int part = first_of(set);
    touch(m, part);
    if (m->job[part] == RUNS && broken != KEEPS_WAITER)
      m->waiter[part] = m->waiter[i];
  }
}

static void finish(Model m, int i) {
  if (i == WHOLE) {
    m.at[i] = GONE;
    reach(&m);
    return;
  }
  touch(&m, i);
  bool unwanted = m.job[i] == UNWANTED;
  if (broken != KEEPS_CONTEXT) m.running[i] = false;
  if (!unwanted || broken == LEAVES_THOUGH_CUT) leave_to_parent(&m, i);
  if (!unwanted) m.job[i] = DONE;
  m.at[i] = GONE;
  m.then[i] = FREE;
  if (unwanted && broken != LEAVES_UNWANTED)
    m.at[i] = CLOSE;
  else if (!unwanted && broken == WAKES_OUTSIDE)
    m.at[i] = WAKE;
  else if (!unwanted)
    wake(&m, m.waiter[i]);
  reach(&m);
}

static void free_one(Model m, int i, int part, enum At then) {
  touch(&m, part);
  m.job[part] = FREED;
  m.at[i] = (uint8_t)then;
  reach(&m);
}

static enum At behind(const Model *m,
                      int i) {  // CLOSE goes on until there is none
  return m->closes[i] ? CLOSE : (enum At)m->then[i];
}

static void step(Model m, int i) {
  switch ((enum At)m.at[i]) {
  case NOT_MADE:
  case GONE: return;
  case QUEUED: begin(m, i); return;
  case RUN: run(m, i); return;
  case JOIN: join(m, i); return;
  case LAY_DOWN: lay_down(m, i); return;
  case REST: rest(m, i); return;
  case CLOSE: drop_one(m, i); return;
  case FINISH: finish(m, i); return;
  case FREE_PART: free_one(m, i, m.part[i], behind(&m, i)); return;
  case FREE: free_one(m, i, i, GONE); return;
  case CANCEL:
    cancel(&m, m.part[i]);
    m.at[i] = (uint8_t)behind(&m, i);
    break;
  case WAKE:
    wake(&m, m.waiter[i]);
    m.at[i] = GONE;
    break;
  }
  reach(&m);
}

// ---- looking ----------------------------------------------------------------------

// Nothing moves any more but that the whole may be cut.
static void check_end(const Model *m) {
  bool waits = m->endless && m->at[PARTS] == RUN && !m->cut[PARTS];
  for (int i = 0; i < ALL; i++) {
    bool over = m->at[i] == GONE || m->at[i] == NOT_MADE;
    if (!over && !(waits && m->at[WHOLE] == REST)) blame("one never ends");
    if (i > WHOLE && m->at[i] == GONE && m->job[i] != FREED &&
        m->at[WHOLE] != REST)
      blame("one is never freed");
  }
}

static const char *explore(bool endless) {
  Model m;
  wrong = NULL;
  memset(&m, 0, sizeof m);
  m.at[WHOLE] = RUN;
  m.endless = endless;
  explore_from(&m);
  while (!wrong && explore_next(&m)) {
    moves = false;
    for (int i = 0; i < ALL; i++)
      step(m, i);
    if (!moves) check_end(&m);
    if (m.at[WHOLE] == REST) cut_at_rest(m);
  }
  return wrong;
}

START_TEST(test_every_interleaving) {
  for (int endless = 0; endless < 2; endless++) {
    const char *found = explore(endless);
    ck_assert_msg(!found, "%s, after %u states", found, nexplored);
    ck_assert_uint_gt(nexplored, 200);
  }
}
END_TEST

START_TEST(test_broken_rules_are_noticed) {
  for (broken = NOTHING + 1; broken < BROKEN_COUNT; broken++)
    ck_assert_msg(explore(false) || explore(true), "rule %d", broken);
  broken = NOTHING;
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("parts model");
  tcase_add_test(tc, test_every_interleaving);
  tcase_add_test(tc, test_broken_rules_are_noticed);
  return unit_run(tc, "parts_model");
}
