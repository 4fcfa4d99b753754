// A model of a task's state (scheduler/task.h), looked at in every interleaving: two
// threads that bring news and wake the task, two evaluators that take it from a queue.
//
// Who knows of what is part of the model: each thread has a set of news it is sure to
// see, and so have the state and the queue. A release adds the writer's set to that of
// what it writes, an acquire the other way round; without them nothing passes. A slice
// that is not sure to see something does not see it. So what is too weak shows here,
// though steps have an order.
//
// Checked: the task is run by one at a time and stands in one queue at most; a slice
// sees what the one before did; at the end it rests and has seen all news. A second test
// breaks the rules of task.c one by one and wants to see that the model notices.
#include <stdbool.h>
#include <stdint.h>

#include "scheduler/task.h"

enum { WAKERS = 2, WAKES = 2, EVALUATORS = 2 };
enum WakerAt { BRING, CHANGE, PUSH, WOKEN };
enum EvaluatorAt { IDLE, BEGIN, CLEAR, LOOK, END, CLEAR_LATE, REST, PUT };
enum Broken {
  NOTHING,
  LOOKS_ONLY,       // a wake that finds NEWS leaves it without writing
  LEAVES_BUSY,      // a wake that finds BUSY thinks that the slice will look
  RESTS_BY_STORE,   // WAIT does not compare
  WAKES_FIRST,      // and brings the news behind it
  PUSHES_ALWAYS,    // whoever wakes puts the task into a queue
  CLEARS_BY_STORE,  // a slice begins without an acquire of what it clears
  RESTS_RELAXED,    // what a slice did is not released
  CLEARS_AT_END,    // news are forgotten before it rests, not when it begins
  BROKEN_COUNT
};

// Sets: a bit for each piece of news, one for each evaluator's last slice.
typedef struct Model {
  uint8_t state, state_knows;
  uint8_t queued, queue_knows;
  uint8_t waker[WAKERS], wakes[WAKERS], acquired[WAKERS];
  uint8_t evaluator[EVALUATORS], knows[EVALUATORS];
  uint8_t seen, last;  // news that slices have seen; who ran last, and 1
} Model;

#include "tests/unit/explore.h"

static uint8_t news_of(int w, unsigned wakes) {
  return (uint8_t)(((1u << wakes) - 1) << (w * WAKES));
}
enum { ALL_NEWS = (1 << (WAKERS * WAKES)) - 1 };
static uint8_t slice_of(int e) {
  return (uint8_t)(1 << (WAKERS * WAKES + e));
}

static enum Broken broken;
static const char *wrong;

static void blame(const char *what) {
  if (!wrong) wrong = what;
}

// ---- who wakes --------------------------------------------------------------------

static void push(Model *m, uint8_t knows) {
  if (m->queued++ > 0) blame("it stands in two queues");
  m->queue_knows |= knows;
}

// The compare-exchange that ends the loop.
static uint8_t change(Model *m, int w) {
  uint8_t found = m->state;
  if (found == TASK_BUSY && broken == LEAVES_BUSY) return WOKEN;
  if (found == TASK_NEWS && broken == LOOKS_ONLY) return WOKEN;
  m->state = found == TASK_RESTING ? TASK_BUSY : TASK_NEWS;
  m->state_knows |= news_of(w, m->wakes[w]);
  m->acquired[w] = m->state_knows;
  return found == TASK_RESTING || broken == PUSHES_ALWAYS ? PUSH : WOKEN;
}

// What the thread has acquired itself goes with the task.
static bool wake(Model *m, int w) {
  uint8_t *at = &m->waker[w];
  bool late = broken == WAKES_FIRST;
  switch (*at) {
  case BRING:
    if (m->wakes[w] == WAKES) return false;
    m->wakes[w]++;
    *at = CHANGE;
    return true;
  case CHANGE:
    if (late) m->wakes[w]--;
    *at = change(m, w);
    if (late) m->wakes[w]++;
    return true;
  case PUSH:
    push(m, m->acquired[w]);
    m->acquired[w] = 0;
    *at = WOKEN;
    return true;
  default: *at = BRING; return true;
  }
}

// ---- who runs ---------------------------------------------------------------------

static void acquire(Model *m, int e) {
  m->knows[e] |= m->state_knows;
}
static void release(Model *m, int e) {
  m->state_knows |= m->knows[e];
}

static void begin(Model *m, int e) {
  for (int i = 0; i < EVALUATORS; i++)
    if (i != e && m->evaluator[i] != IDLE) blame("two run it");
  acquire(m, e);
  bool busy = m->state == TASK_BUSY || broken == CLEARS_AT_END;
  m->evaluator[e] = busy ? LOOK : CLEAR;
}

// Others may have written NEWS again since that was loaded.
static void clear(Model *m, int e, uint8_t next) {
  m->state = TASK_BUSY;
  if (broken != CLEARS_BY_STORE) acquire(m, e);
  m->evaluator[e] = next;
}

// The slice. What others know of slices is of older ones now.
static void look(Model *m, int e) {
  if (m->last && !(m->knows[e] & slice_of(m->last - 1)))
    blame("a slice does not see the one before");
  uint8_t others = (uint8_t)~slice_of(e);
  m->state_knows &= others;
  m->queue_knows &= others;
  for (int i = 0; i < WAKERS; i++)
    m->acquired[i] &= others;
  for (int i = 0; i < EVALUATORS; i++)
    m->knows[i] &= others;
  m->knows[e] |= slice_of(e);
  m->last = (uint8_t)(e + 1);
  m->seen |= m->knows[e] & ALL_NEWS;
  m->evaluator[e] = broken == CLEARS_AT_END ? CLEAR_LATE : REST;
}

static void rest(Model *m, int e) {
  if (m->state != TASK_BUSY && broken != RESTS_BY_STORE) {
    acquire(m, e);
    m->evaluator[e] = PUT;
    return;
  }
  m->state = TASK_RESTING;
  acquire(m, e);
  if (broken != RESTS_RELAXED) release(m, e);
  m->evaluator[e] = IDLE;
}

static bool evaluate(Model *m, int e) {
  switch (m->evaluator[e]) {
  case IDLE:
    if (m->queued == 0) return false;
    m->queued--;
    m->knows[e] |= m->queue_knows;
    m->evaluator[e] = BEGIN;
    break;
  case BEGIN: begin(m, e); break;
  case CLEAR: clear(m, e, LOOK); break;
  case LOOK: look(m, e); break;
  case CLEAR_LATE: clear(m, e, REST); break;
  case REST: rest(m, e); break;
  case PUT:
    push(m, m->knows[e]);
    m->evaluator[e] = IDLE;
    break;
  }
  return true;
}

// ---- the search -------------------------------------------------------------------

static bool step(const Model *m, int who) {
  Model next = *m;
  if (who < WAKERS ? !wake(&next, who) : !evaluate(&next, who - WAKERS))
    return false;
  explore_reach(&next);
  // A slice that says AGAIN; a load of BUSY that is older than NEWS.
  int e = who - WAKERS;
  if (who >= WAKERS && m->evaluator[e] == LOOK) {
    next.evaluator[e] = PUT;
    explore_reach(&next);
  } else if (who >= WAKERS && next.evaluator[e] == CLEAR) {
    next = *m;
    next.evaluator[e] = LOOK;
    explore_reach(&next);
  }
  return true;
}

static void explore(enum Broken how) {
  Model first, m;
  memset(&first, 0, sizeof first);
  broken = how;
  wrong = NULL;
  explore_from(&first);
  while (!wrong && explore_next(&m)) {
    bool moved = false;
    for (int who = 0; who < WAKERS + EVALUATORS; who++)
      moved |= step(&m, who);
    if (moved) continue;
    if (m.seen != ALL_NEWS) blame("news that nobody has seen");
    if (m.state != TASK_RESTING) blame("it does not rest");
  }
}

START_TEST(no_wake_is_lost) {
  explore(NOTHING);
  ck_assert_msg(!wrong, "%s", wrong);
  ck_assert_uint_gt(nexplored, 1000);
}
END_TEST

START_TEST(each_broken_rule_is_noticed) {
  for (int how = NOTHING + 1; how < BROKEN_COUNT; how++) {
    explore((enum Broken)how);
    ck_assert_msg(wrong, "rule %d", how);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("task_model");
  tcase_add_test(tc, no_wake_is_lost);
  tcase_add_test(tc, each_broken_rule_is_noticed);
  return unit_run(tc, "task_model");
}
