// A model of who sleeps and who is woken (scheduler/park.h), looked at in every
// interleaving: the helper and two threads, of which one is started in the course of
// it; a thread outside that injects two tasks and says when it has no more; a timer
// that brings one; a bell that rings at any time; each task may start another.
//
// A step is what happens under the lock, or what follows behind it: a post, a start.
// Checked: what is injected has somebody who looks for it, if there is anybody left to
// look; one at most searches, and does not sleep; no sleeper is posted twice; the
// helper
// is told that it is stuck when, and only when, nothing can come any more. A second test
// breaks the rules of park.c one by one and wants to see that the model notices.
#include <stdbool.h>
#include <stdint.h>

enum { EVALUATORS = 3, HELPER = 0, OUTSIDE_TASKS = 2, CHILDREN = 2 };
enum EvaluatorAt {
  UNSTARTED,
  STARTING,  // decided, and not there yet
  TAKE,  // looks for something: its own queue, what was injected, other queues
  SLICE,
  REST,    // has found nothing
  ASLEEP,  // in sem_wait
  TOLD     // that it is stuck
};

enum TimerAt { FIRE, INJECT, NUDGE, POST_NUDGED, FIRED };
enum Broken {
  NOTHING,
  SLEEPS_UNSEEN,      // without a look at what was injected
  FOUND_IN_SILENCE,   // the search ends without a look at it
  KEEPS_SEARCHING,    // asleep
  STAYS_A_SLEEPER,    // though it was called
  NOT_EXPECTING,      // stuck, though somebody outside may come
  NOT_AWAITING,       // ... though a timer is armed
  LAST_IN_SILENCE,    // the last one to sleep does not call the helper
  LEAVES_IN_SILENCE,  // the thread outside does not call it either
  DRAINS_IN_SILENCE,  // nor does the timer
  DISARMS_FIRST,      // the timer does not count any more when it injects
  CALLS_TWO,          // though somebody searches
  SLEEPS_ON,          // counted as a sleeper when the bell has woken it
  BROKEN_COUNT
};

typedef struct Model {
  uint8_t at[EVALUATORS], queue[EVALUATORS], posts[EVALUATORS];
  bool asleep[EVALUATORS], searching[EVALUATORS];
  bool call_post[EVALUATORS + 2];  // to be posted behind the lock, by whom
  uint8_t call_whom[EVALUATORS + 2];
  bool x_searching, nudged, expected, armed, rung;
  uint8_t bell;  // posts that nobody was called by
  uint8_t injected, started, acting, children;
  uint8_t brought, timer;
} Model;

#include "tests/unit/explore.h"

static enum Broken broken;
static const char *wrong;

static void blame(const char *what) {
  if (!wrong) wrong = what;
}

// ---- the locked steps ---------------------------------------------------------------

static void call(Model *m, int who, int whom) {
  if (broken != STAYS_A_SLEEPER) m->asleep[whom] = false;
  m->call_post[who] = true;
  m->call_whom[who] = (uint8_t)whom;
}

static void begin_search(Model *m, int e) {
  if (m->x_searching) blame("two search");
  m->x_searching = m->searching[e] = true;
}
static void end_search(Model *m, int e) {
  if (!m->searching[e]) return;
  m->searching[e] = m->x_searching = false;
}

// Somebody is to look, unless somebody does.
static void call_one(Model *m, int who) {
  if (m->x_searching && broken != CALLS_TWO) return;
  for (int e = 0; e < EVALUATORS; e++) {
    if (!m->asleep[e]) continue;
    begin_search(m, e);
    call(m, who, e);
    return;
  }
  if (m->started == EVALUATORS) return;
  int next = m->started++;
  m->acting++;
  begin_search(m, next);
  m->at[next] = STARTING;
}

static void call_for_injected(Model *m, int who) {
  if (m->injected > 0) call_one(m, who);
}

static void call_helper(Model *m, int who) {
  if (m->asleep[HELPER]) call(m, who, HELPER);
}

static bool is_quiet(const Model *m) {
  int asleep = 0;
  for (int e = 0; e < EVALUATORS; e++)
    asleep += m->asleep[e];
  return asleep + !m->asleep[HELPER] == m->acting && m->injected == 0;
}

// ---- evaluators -----------------------------------------------------------------------

// What was injected or stolen is found: the search is over.
static void found(Model *m, int e) {
  end_search(m, e);
  if (broken != FOUND_IN_SILENCE) call_for_injected(m, e);
}

static bool steal(Model *m, int e) {
  for (int v = 0; v < EVALUATORS; v++) {
    if (v == e || m->queue[v] == 0) continue;
    m->queue[v]--;
    return true;
  }
  return false;
}

static void take(Model *m, int e) {
  m->at[e] = SLICE;
  if (m->queue[e] > 0) {
    m->queue[e]--;
  } else if (m->injected > 0) {
    m->injected--;
    found(m, e);
  } else if (steal(m, e)) {
    found(m, e);
  } else {
    m->at[e] = REST;
  }
}

static void fall_asleep(Model *m, int e) {
  m->asleep[e] = true;
  m->at[e] = ASLEEP;
  if (e != HELPER && is_quiet(m) && broken != LAST_IN_SILENCE)
    call_helper(m, e);
}

static void rest(Model *m, int e) {
  bool look = m->injected > 0 && broken != SLEEPS_UNSEEN;
  m->at[e] = TAKE;
  if (e == HELPER && m->nudged) {
    m->nudged = false;
  } else if (look) {
    return;
  } else if (!m->x_searching && m->acting > 1) {
    begin_search(m, e);
  } else {
    if (broken != KEEPS_SEARCHING) end_search(m, e);
    bool come = (m->expected && broken != NOT_EXPECTING) ||
                (m->armed && broken != NOT_AWAITING);
    if (e == HELPER && is_quiet(m) && !come)
      m->at[e] = TOLD;
    else
      fall_asleep(m, e);
  }
}

// Each step that calls somebody is followed by the post.
static bool post(Model *m, int who) {
  if (!m->call_post[who]) return false;
  int whom = m->call_whom[who];
  // Woken by the bell, the helper may sleep again before an older post.
  unsigned most = whom == HELPER && m->rung ? 2 : 1;
  if (++m->posts[whom] > most) blame("posted too often");
  m->call_post[who] = false;
  m->call_whom[who] = 0;
  return true;
}

static bool evaluate(Model *m, int e) {
  if (post(m, e)) return true;
  switch (m->at[e]) {
  case STARTING:
  case SLICE: m->at[e] = TAKE; break;
  case TAKE: take(m, e); break;
  case REST: rest(m, e); break;
  case ASLEEP:
    if (m->posts[e] == 0 && (e != HELPER || m->bell == 0)) return false;
    if (m->posts[e] > 0)
      m->posts[e]--;
    else
      m->bell--;
    if (broken != SLEEPS_ON) m->asleep[e] = false;
    m->at[e] = TAKE;
    break;
  default: return false;
  }
  return true;
}

// A slice that starts another task, and offers it or not.
static void start_child(const Model *m, int e) {
  Model next = *m;
  if (m->at[e] != SLICE || m->children == CHILDREN || m->call_post[e]) return;
  next.children++;
  next.queue[e]++;
  explore_reach(&next);
  call_one(&next, e);
  explore_reach(&next);
}

// ---- from outside ---------------------------------------------------------------------

static void inject(Model *m, int who) {
  m->injected++;
  call_one(m, who);
}

static bool come_from_outside(Model *m) {
  enum { ME = EVALUATORS };
  if (post(m, ME)) return true;
  if (m->brought < OUTSIDE_TASKS) {
    m->brought++;
    inject(m, ME);
  } else if (m->expected) {
    m->expected = false;
    if (broken != LEAVES_IN_SILENCE) call_helper(m, ME);
  } else {
    return false;
  }
  return true;
}

static bool be_the_timer(Model *m) {
  enum { ME = EVALUATORS + 1 };
  bool first = broken == DISARMS_FIRST;
  if (post(m, ME)) return true;
  switch (m->timer) {
  case FIRE:
    if (first) m->armed = false;
    m->timer = first ? INJECT : NUDGE;
    if (!first) inject(m, ME);
    return true;
  case INJECT:
    inject(m, ME);
    m->timer = NUDGE;
    return true;
  case NUDGE:
    m->armed = false;
    m->timer = broken == DRAINS_IN_SILENCE ? FIRED : POST_NUDGED;
    return true;
  case POST_NUDGED:
    if (m->asleep[HELPER])
      call_helper(m, ME);
    else
      m->nudged = true;
    m->timer = FIRED;
    return true;
  default: return false;
  }
}

// ---- the search -------------------------------------------------------------------

static bool is_work_left(const Model *m) {
  bool left = m->injected > 0 || m->expected || m->timer < NUDGE;
  for (int e = 0; e < EVALUATORS; e++)
    left |= m->queue[e] > 0 || m->at[e] == SLICE;
  return left;
}

static void check(const Model *m) {
  bool sleeper = false;
  for (int e = 0; e < EVALUATORS; e++) {
    sleeper |= m->asleep[e];
    if (m->asleep[e] && m->searching[e]) blame("the one that searches sleeps");
  }
  if (m->injected > 0 && !m->x_searching &&
      (sleeper || m->started < EVALUATORS))
    blame("nobody looks for what was injected");
  if (m->at[HELPER] == TOLD && is_work_left(m))
    blame("told that it is stuck, and is not");
}

static void explore(enum Broken how) {
  Model first, m;
  memset(&first, 0, sizeof first);
  first.at[HELPER] = TAKE;
  first.started = first.acting = 1;
  first.expected = first.armed = true;
  broken = how;
  wrong = NULL;
  explore_from(&first);
  while (!wrong && explore_next(&m)) {
    bool moved = false;
    check(&m);
    for (int who = 0; who < EVALUATORS + 2; who++) {
      Model next = m;
      if (who < EVALUATORS    ? !evaluate(&next, who)
          : who == EVALUATORS ? !come_from_outside(&next)
                              : !be_the_timer(&next))
        continue;
      moved = true;
      explore_reach(&next);
      if (who < EVALUATORS) start_child(&m, who);
    }
    if (!m.rung) {
      Model next = m;
      next.rung = true;
      next.bell = 1;
      explore_reach(&next);
    }
    if (!moved && m.at[HELPER] != TOLD) blame("all sleep, and nobody was told");
  }
}

START_TEST(nothing_is_slept_over) {
  explore(NOTHING);
  ck_assert_msg(!wrong, "%s", wrong);
  ck_assert_uint_gt(nexplored, 10000);
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
  TCase *tc = tcase_create("park_model");
  tcase_add_test(tc, nothing_is_slept_over);
  tcase_add_test(tc, each_broken_rule_is_noticed);
  return unit_run(tc, "park_model");
}
