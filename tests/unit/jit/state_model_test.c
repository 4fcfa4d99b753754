// A model of Unit.x_state, looked at in every interleaving: an evaluator that calls a
// unit, throws it away, frees it between forms and closes; another one that comes and
// goes and calls it, too; a compiler that takes, compiles, publishes or refuses it, for
// level 1 and then for level 2, and is stopped.
//
// A step is one access to memory that they share, or a choice. Checked in each
// state: nobody touches a unit that was freed, calls find what they go to complete, and
// what was compiled is called, frames find what they return to, nothing is freed twice,
// no level is made twice; and at the end: everything was freed, nothing waits. The
// steps are those of the protocol cards in compiler_thread/compiler.h. A second
// test breaks the rules one by one and wants to see that the model notices.
#include <stdbool.h>

#include "runtime/bytecode/native.h"

enum EvaluatorAt {
  IN_FORM,
  HOT_CLAIM,  // COLD or READY -> QUEUED
  HOT_ENTRY,  // the entry becomes the code
  HOT_PUSH,
  COOL_ENTRY,
  COOL_STATE,
  AWAY,  // the other one, while it has nothing to do
  BETWEEN,
  FREE_LOOK,  // free_units: QUEUED -> STALE
  STOP_FLAG,  // ambi_compiler_stop
  STOP_JOIN,
  CLOSE_LOOK,  // free_units, for good
  CLOSED
};
enum CompilerAt {
  WAITING,
  CLAIM,  // QUEUED -> COMPILING
  DROP,
  READ,  // emitting
  PUT_NATIVE,
  PUT_ENTER,
  PUT_ENTRY,
  PUT_READY,
  REFUSE,
  DRAIN,
  ENDED
};
enum Entry { WARM, CODE, LANDING, LANDING_2 };
enum Broken {
  NOTHING,
  FREES_UNSEEN,      // without a look at the state
  STALE_BY_STORE,    // not by compare-exchange
  READY_TOO_EARLY,   // before the entry is there
  KEEPS_WAITING,     // at a stop, the queue is left as it is
  STAYS_QUEUED,      // after a push that found no room
  ENTRY_FIRST,       // before the native
  DROPS_IN_SILENCE,  // a stale unit stays STALE
  FREES_OLDER,       // level 2 frees what level 1 has made
  ASKS_AGAIN,        // level 2 ends with READY
  COOLS_TO_COLD,    // level 2 finds no room, and the unit counts from the start
  CLAIMS_BY_STORE,  // not by compare-exchange
  ENTRY_UNCLAIMED,  // the entry becomes the code before the unit was claimed
  STATE_BEFORE_WARM,  // a unit that found no room is COLD before its entry is WARM
  FREES_TOGETHER,     // while the other evaluator is there
  BROKEN_COUNT
};

typedef struct Model {
  uint8_t state;  // x_state
  uint8_t entry;
  bool native, enter, queued, retired, freed, stop, stopped;
  bool native_2, enter_2;  // of level 2
  uint8_t level;           // the one that was asked for last
  uint8_t evaluator[2], compiler;
  bool frame[2];       // something returns to code of level 1
  uint8_t claimed[2];  // the state that an evaluator saw and claims
} Model;

#include "tests/unit/explore.h"

typedef struct Search {
  enum Broken broken;
  const char *wrong;  // what was found
  Model at;           // ... where
  unsigned steps;
} Search;

static void blame(Search *s, const Model *m, const char *what) {
  if (s->wrong) return;
  s->wrong = what;
  s->at = *m;
}

static void reach(Search *s, const Model *m) {
  s->steps++;
  explore_reach(m);
}

// The evaluator `who` goes on at `next`.
static void step_as(Search *s, Model m, unsigned who, enum EvaluatorAt next) {
  m.evaluator[who] = (uint8_t)next;
  reach(s, &m);
}
// The one that owns the Runtime.
static void step_e(Search *s, Model m, enum EvaluatorAt next) {
  step_as(s, m, 0, next);
}
static void step_c(Search *s, Model m, enum CompilerAt next) {
  m.compiler = (uint8_t)next;
  reach(s, &m);
}

// ---- the evaluator ----------------------------------------------------------------

static void free_unit(Search *s, Model m, enum EvaluatorAt next) {
  if (m.freed) blame(s, &m, "freed twice");
  if (m.evaluator[1] != AWAY) blame(s, &m, "freed while another may run it");
  m.freed = true;
  m.native = m.enter = m.native_2 = m.enter_2 = false;
  step_e(s, m, next);
}

// free_units: STALE if it waits, freed if nobody has it.
static void look(Search *s, Model m, enum EvaluatorAt next) {
  if (s->broken == FREES_UNSEEN) {
    free_unit(s, m, next);
  } else if (m.state == NATIVE_QUEUED || s->broken == STALE_BY_STORE) {
    if (next == CLOSED) blame(s, &m, "it leaks");
    m.state = NATIVE_STALE;
    step_e(s, m, next);
  } else if (m.state == NATIVE_COMPILING || m.state == NATIVE_STALE) {
    if (next == CLOSED) blame(s, &m, "it leaks");
    step_e(s, m, next);
  } else {
    free_unit(s, m, next);
  }
}

// A call of a unit that is in force, or that an old frame still runs.
static void call(Search *s, Model m, unsigned who) {
  if ((m.entry == LANDING && !(m.native && m.enter)) ||
      (m.entry == LANDING_2 && !(m.native_2 && m.enter_2)))
    blame(s, &m, "a call goes to what is not complete");
  if (m.state == NATIVE_READY && m.entry != LANDING)
    blame(s, &m, "what was compiled is not called");
  m.claimed[who] = m.state;
  if (m.entry == WARM)
    step_as(s, m, who, s->broken == ENTRY_UNCLAIMED ? HOT_ENTRY : HOT_CLAIM);
  if (m.entry != LANDING) return;
  m.frame[who] = true;
  step_as(s, m, who, HOT_CLAIM);  // seen while limits are looked at
  m.claimed[who] = 0;
  step_as(s, m, who, IN_FORM);
}

// The other one comes and goes; what is freed is freed while it is away.
static void in_form(Search *s, Model m, unsigned who) {
  if (m.frame[who] && !m.native)
    blame(s, &m, "a frame returns to what is gone");
  if (!m.freed) call(s, m, who);
  if (!m.freed && !m.retired) {
    Model thrown = m;
    thrown.retired = true;
    step_as(s, thrown, who, IN_FORM);
  }
  m.frame[who] = false;
  if (who == 1)
    step_as(s, m, who, AWAY);
  else if (m.evaluator[1] == AWAY || s->broken == FREES_TOGETHER)
    step_as(s, m, who, BETWEEN);
}

static void between(Search *s, Model m) {
  if (m.retired && !m.freed)
    step_e(s, m, FREE_LOOK);
  else
    step_e(s, m, IN_FORM);
  step_e(s, m, m.stopped ? CLOSE_LOOK : STOP_FLAG);
}

static void claim_hot(Search *s, Model m, unsigned who) {
  unsigned was = m.claimed[who];
  bool first = m.state == was || s->broken == CLAIMS_BY_STORE;
  m.claimed[who] = 0;
  if ((was != NATIVE_COLD && was != NATIVE_READY) || !first) {
    step_as(s, m, who, IN_FORM);
    return;
  }
  if (was == NATIVE_COLD && m.level > 0 && m.native)
    blame(s, &m, "level 1 is made twice");
  m.level = was == NATIVE_COLD ? 1 : 2;
  m.state = NATIVE_QUEUED;
  bool entry_next = m.level == 1 && s->broken != ENTRY_UNCLAIMED;
  step_as(s, m, who, entry_next ? HOT_ENTRY : HOT_PUSH);
}

// Full, there is no room; so it goes for a unit that is to count on.
static void push(Search *s, Model m, unsigned who) {
  if (m.stopped) {
    m.state = m.level == 1 ? NATIVE_REFUSED : NATIVE_FINAL;
    step_as(s, m, who, IN_FORM);
    return;
  }
  Model room = m;
  if (m.queued) blame(s, &m, "it is in the queue twice");
  room.queued = true;
  step_as(s, room, who, IN_FORM);
  bool entry_first = m.level == 1 && s->broken != STATE_BEFORE_WARM;
  step_as(s, m, who, entry_first ? COOL_ENTRY : COOL_STATE);
}

static void cool_state(Search *s, Model m, unsigned who) {
  bool cold = m.level == 1 || s->broken == COOLS_TO_COLD;
  if (s->broken != STAYS_QUEUED) m.state = cold ? NATIVE_COLD : NATIVE_READY;
  bool late = s->broken == STATE_BEFORE_WARM && m.level == 1;
  step_as(s, m, who, late ? COOL_ENTRY : IN_FORM);
}

// What every evaluator does.
static void evaluate_as(Search *s, Model m, unsigned who) {
  switch ((enum EvaluatorAt)m.evaluator[who]) {
  case IN_FORM: in_form(s, m, who); break;
  case HOT_CLAIM: claim_hot(s, m, who); break;
  case HOT_ENTRY:
    m.entry = CODE;
    step_as(s, m, who, s->broken == ENTRY_UNCLAIMED ? HOT_CLAIM : HOT_PUSH);
    break;
  case HOT_PUSH: push(s, m, who); break;
  case COOL_STATE: cool_state(s, m, who); break;
  case COOL_ENTRY:
    m.entry = WARM;
    step_as(s, m, who, s->broken == STATE_BEFORE_WARM ? IN_FORM : COOL_STATE);
    break;
  case AWAY:
    if (m.evaluator[0] < AWAY) step_as(s, m, who, IN_FORM);
    break;
  default: break;
  }
}

// What the owner does beside that.
static void evaluate(Search *s, Model m) {
  switch ((enum EvaluatorAt)m.evaluator[0]) {
  case BETWEEN: between(s, m); break;
  // A unit that may not be freed yet is looked at between later forms.
  case FREE_LOOK: look(s, m, IN_FORM); break;
  case STOP_FLAG:
    m.stop = true;
    step_e(s, m, STOP_JOIN);
    break;
  case STOP_JOIN:
    if (m.compiler != ENDED) break;
    m.stopped = true;
    step_e(s, m, BETWEEN);
    break;
  case CLOSE_LOOK:
    if (m.freed)
      step_e(s, m, CLOSED);
    else
      look(s, m, CLOSED);
    break;
  default: evaluate_as(s, m, 0); break;
  }
}

// ---- the compiler -----------------------------------------------------------------

static void touch(Search *s, const Model *m) {
  if (m->freed) blame(s, m, "the compiler touches a unit that was freed");
}

static void wait_for_work(Search *s, Model m) {
  if (m.stop) step_c(s, m, s->broken == KEEPS_WAITING ? ENDED : DRAIN);
  if (m.queued) {
    m.queued = false;
    step_c(s, m, CLAIM);
  }
}

static void claim(Search *s, Model m) {
  touch(s, &m);
  if (m.state == NATIVE_QUEUED) {
    m.state = NATIVE_COMPILING;
    step_c(s, m, READ);
  } else {
    if (m.state != NATIVE_STALE) blame(s, &m, "neither QUEUED nor STALE");
    step_c(s, m, s->broken == DROPS_IN_SILENCE ? WAITING : DROP);
  }
}

// Level 2 leaves what there is, compiled or not.
static void end_with(Search *s, Model m, enum NativeState state) {
  touch(s, &m);
  if (m.level == 2 && m.state == NATIVE_COMPILING)
    state = s->broken == ASKS_AGAIN ? NATIVE_READY : NATIVE_FINAL;
  m.state = (uint8_t)state;
  step_c(s, m, WAITING);
}

static void put_entry(Search *s, Model m, enum CompilerAt next) {
  touch(s, &m);
  m.entry = m.level == 2 ? LANDING_2 : LANDING;
  step_c(s, m, next);
}

static void put_native(Search *s, Model m, enum CompilerAt next) {
  touch(s, &m);
  if (m.level == 2 ? m.native_2 : m.native) blame(s, &m, "a level made twice");
  if (m.level == 2)
    m.native_2 = true;
  else
    m.native = true;
  if (m.level == 2 && s->broken == FREES_OLDER) m.native = false;
  step_c(s, m, next);
}

static void after_reading(Search *s, Model m) {
  touch(s, &m);
  step_c(s, m, REFUSE);
  step_c(s, m, s->broken == ENTRY_FIRST ? PUT_ENTRY : PUT_NATIVE);
}

static void publish(Search *s, Model m) {
  bool early = s->broken == READY_TOO_EARLY, swapped = s->broken == ENTRY_FIRST;
  switch ((enum CompilerAt)m.compiler) {
  case PUT_NATIVE: put_native(s, m, PUT_ENTER); break;
  case PUT_ENTER:
    touch(s, &m);
    if (m.level == 2)
      m.enter_2 = true;
    else
      m.enter = true;
    if (early) m.state = NATIVE_READY;
    step_c(s, m, swapped ? PUT_READY : PUT_ENTRY);
    break;
  case PUT_ENTRY: put_entry(s, m, swapped ? PUT_NATIVE : PUT_READY); break;
  default: end_with(s, m, NATIVE_READY);
  }
}

static void drain(Search *s, Model m) {
  if (!m.queued) {
    step_c(s, m, ENDED);
    return;
  }
  touch(s, &m);
  m.queued = false;
  m.state = NATIVE_REFUSED;
  step_c(s, m, DRAIN);
}

static void compile(Search *s, Model m) {
  switch ((enum CompilerAt)m.compiler) {
  case WAITING: wait_for_work(s, m); break;
  case CLAIM: claim(s, m); break;
  case DROP:
  case REFUSE: end_with(s, m, NATIVE_REFUSED); break;
  case READ: after_reading(s, m); break;
  case PUT_NATIVE:
  case PUT_ENTER:
  case PUT_ENTRY:
  case PUT_READY: publish(s, m); break;
  case DRAIN: drain(s, m); break;
  case ENDED: break;
  }
}

// ---- the search -------------------------------------------------------------------

static void check_end(Search *s, const Model *m) {
  if (!m->freed || m->native || m->native_2) blame(s, m, "it leaks");
  if (m->queued) blame(s, m, "a freed unit is in the queue");
}

static void explore(Search *s, enum Broken broken) {
  Model first, m;
  memset(&first, 0, sizeof first);
  memset(s, 0, sizeof *s);
  first.evaluator[1] = AWAY;
  s->broken = broken;
  explore_from(&first);
  while (!s->wrong && explore_next(&m)) {
    if (m.evaluator[0] == CLOSED) check_end(s, &m);
    unsigned before = s->steps;
    evaluate(s, m);
    evaluate_as(s, m, 1);
    compile(s, m);
    if (s->steps == before && m.evaluator[0] != CLOSED)
      blame(s, &m, "nobody goes on");
  }
}

static Search search;

static bool was_seen(enum NativeState state) {
  for (unsigned i = 0; i < nexplored; i++)
    if (explored[i].state == state) return true;
  return false;
}

START_TEST(every_interleaving_is_sound) {
  explore(&search, NOTHING);
  ck_assert_msg(!search.wrong, "%s: state %d, evaluator %d, compiler %d",
                search.wrong, search.at.state, search.at.evaluator[0],
                search.at.compiler);
  ck_assert_uint_gt(nexplored, 400);
  for (int state = NATIVE_COLD; state <= NATIVE_REFUSED; state++)
    ck_assert_msg(was_seen((enum NativeState)state), "state %d", state);
}
END_TEST

START_TEST(each_broken_rule_is_noticed) {
  for (int broken = NOTHING + 1; broken < BROKEN_COUNT; broken++) {
    explore(&search, (enum Broken)broken);
    ck_assert_msg(search.wrong, "rule %d", broken);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("state model");
  tcase_add_test(tc, every_interleaving_is_sound);
  tcase_add_test(tc, each_broken_rule_is_noticed);
  return unit_run(tc, "state model");
}
