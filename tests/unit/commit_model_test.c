// A model of a commit of two spaces and two states (runtime/spaces/commit.c), looked at in
// every interleaving: beside it somebody changes first one space and then the other, one
// reader asks for two of the four, one after the other, and one asks both spaces in one
// question.
//
// A step is one access to the word of a space or state. What a space shows is the set of
// changes that are there. Checked: who asks finds what was known to have happened when it
// began, from a change that has ended or an answer that somebody had; and a question to
// both spaces finds them as they were at one moment. A second test breaks the rules one by
// one and wants to see that the model notices.
#include <stdbool.h>
#include <stdint.h>

typedef struct Model {
  uint8_t word[4];    // two spaces, two states
  uint8_t locked[2];  // by whom
  bool guard;
  uint8_t commit, writer;              // what each does next
  bool known, written[2];              // the commit, the changes of the writer
  uint8_t reader, which[2];            // of what it asks for
  uint8_t asker, seen[2];              // of both spaces
  bool asked_known, asked_written[2];  // when it began
} Model;

#include "tests/unit/explore.h"

enum { SPACE_A, SPACE_B, STATE_S, STATE_T, WORDS };
enum { COMMITTED = 1, WRITTEN = 2, CLOSED = 0x80 };  // sealed, or frozen
enum { NOBODY, BY_COMMIT, BY_WRITER };
enum CommitAt {
  C_BEGIN,
  C_LOCK_A,
  C_LOCK_B,
  C_FREEZE_S,
  C_FREEZE_T,
  C_SEAL_A,
  C_SEAL_B,
  C_PUT_S,
  C_PUT_T,
  C_SHOW_A,
  C_SHOW_B,
  C_END,
  C_DONE
};
enum WriterAt { W_LOCK_A, W_SHOW_A, W_LOCK_B, W_SHOW_B, W_DONE };
enum AskerAt { A_LOOK_A, A_LOOK_B, A_AGAIN_A, A_DONE };
enum Broken {
  NOTHING,
  NEVER_SEALED,      // spaces are shown one by one
  SEALED_BY_TURNS,   // each just before it is shown
  SEALS_OVERLOOKED,  // who asks takes what was there before
  NEVER_FROZEN,      // states get their values one by one
  STATES_FIRST,      // before the spaces are sealed
  ASKED_ONCE,        // a question to both does not look again at the first
  BROKEN_COUNT
};

static const char *wrong;

static bool is_space(int i) {
  return i <= SPACE_B;
}

// ---- the commit -----------------------------------------------------------------------
static const uint8_t in_order[] = {
    C_BEGIN, C_LOCK_A, C_LOCK_B, C_FREEZE_S, C_FREEZE_T, C_SEAL_A, C_SEAL_B,
    C_PUT_S, C_PUT_T,  C_SHOW_A, C_SHOW_B,   C_END,      C_DONE};
static const uint8_t by_turns[] = {
    C_BEGIN, C_LOCK_A, C_LOCK_B, C_FREEZE_S, C_FREEZE_T, C_SEAL_A, C_SHOW_A,
    C_PUT_S, C_PUT_T,  C_SEAL_B, C_SHOW_B,   C_END,      C_DONE};
static const uint8_t states_first[] = {
    C_BEGIN,  C_LOCK_A, C_LOCK_B, C_FREEZE_S, C_FREEZE_T, C_PUT_S, C_PUT_T,
    C_SEAL_A, C_SEAL_B, C_SHOW_A, C_SHOW_B,   C_END,      C_DONE};

static bool lock(Model *m, int space, uint8_t who) {
  if (m->locked[space]) return false;
  m->locked[space] = who;
  return true;
}

static void close_word(Model *m, int i, bool broken) {
  if (!broken) m->word[i] |= CLOSED;
}
static void show(Model *m, int i) {
  m->word[i] = (uint8_t)((m->word[i] & ~CLOSED) | COMMITTED);
}

static bool commit(Model *m, enum Broken broken) {
  const uint8_t *order = broken == SEALED_BY_TURNS ? by_turns
                         : broken == STATES_FIRST  ? states_first
                                                   : in_order;
  switch (order[m->commit]) {
  case C_BEGIN: m->guard = true; break;
  case C_LOCK_A:
    if (!lock(m, SPACE_A, BY_COMMIT)) return false;
    break;
  case C_LOCK_B:
    if (!lock(m, SPACE_B, BY_COMMIT)) return false;
    break;
  case C_FREEZE_S: close_word(m, STATE_S, broken == NEVER_FROZEN); break;
  case C_FREEZE_T: close_word(m, STATE_T, broken == NEVER_FROZEN); break;
  case C_SEAL_A: close_word(m, SPACE_A, broken == NEVER_SEALED); break;
  case C_SEAL_B: close_word(m, SPACE_B, broken == NEVER_SEALED); break;
  case C_PUT_S: show(m, STATE_S); break;
  case C_PUT_T: show(m, STATE_T); break;
  case C_SHOW_A: show(m, SPACE_A); break;
  case C_SHOW_B: show(m, SPACE_B); break;
  case C_END:
    m->locked[SPACE_A] = m->locked[SPACE_B] = NOBODY;
    m->guard = false;
    m->known = true;
    break;
  default: return false;
  }
  m->commit++;
  return true;
}

// ---- who changes one space and then the other -------------------------------------------
static void write_to(Model *m, int space) {
  m->word[space] |= WRITTEN;
  m->locked[space] = NOBODY;
  m->written[space] = true;
}

static bool change(Model *m) {
  switch (m->writer) {
  case W_LOCK_A:
    if (!lock(m, SPACE_A, BY_WRITER)) return false;
    break;
  case W_SHOW_A: write_to(m, SPACE_A); break;
  case W_LOCK_B:
    if (!lock(m, SPACE_B, BY_WRITER)) return false;
    break;
  case W_SHOW_B: write_to(m, SPACE_B); break;
  default: return false;
  }
  m->writer++;
  return true;
}

// ---- who asks -------------------------------------------------------------------------
// False: it has to wait for who has the guard.
static bool look(const Model *m, int i, enum Broken broken, uint8_t *out) {
  bool may =
      !(m->word[i] & CLOSED) || (is_space(i) && broken == SEALS_OVERLOOKED);
  *out = (uint8_t)(m->word[i] & ~CLOSED);
  return may;
}

static void check(bool known, bool written, uint8_t got) {
  if (known && !(got & COMMITTED)) wrong = "a commit is there and gone";
  if (written && !(got & WRITTEN)) wrong = "a change is there and gone";
}

static void learn(Model *m, int i, uint8_t got) {
  m->known = m->known || (got & COMMITTED);
  if (is_space(i)) m->written[i] = m->written[i] || (got & WRITTEN);
}

static bool read_one(Model *m, enum Broken broken) {
  if (m->reader == 2) return false;
  int i = m->which[m->reader];
  uint8_t got;
  if (!look(m, i, broken, &got)) return false;
  check(m->known, is_space(i) && m->written[i], got);
  learn(m, i, got);
  m->reader++;
  return true;
}

static void asked_both(Model *m) {
  const uint8_t *got = m->seen;
  for (int i = SPACE_A; i <= SPACE_B; i++)
    check(m->asked_known, m->asked_written[i], got[i]);
  if ((got[0] ^ got[1]) & COMMITTED) wrong = "half of a commit is seen";
  if (got[1] & ~got[0] & WRITTEN) wrong = "what came later is seen alone";
  for (int i = SPACE_A; i <= SPACE_B; i++)
    learn(m, i, got[i]);
  m->asker = A_DONE;
}

static bool ask_both(Model *m, enum Broken broken) {
  switch (m->asker) {
  case A_LOOK_A:
    if (!look(m, SPACE_A, broken, &m->seen[0])) return false;
    m->asked_known = m->known;
    m->asked_written[0] = m->written[0];
    m->asked_written[1] = m->written[1];
    m->asker = A_LOOK_B;
    return true;
  case A_LOOK_B:
    if (!look(m, SPACE_B, broken, &m->seen[1])) return false;
    m->asker = A_AGAIN_A;
    if (broken == ASKED_ONCE) asked_both(m);
    return true;
  case A_AGAIN_A:
    if (m->word[SPACE_A] == m->seen[0])
      asked_both(m);
    else
      m->asker = A_LOOK_A;
    return true;
  default: return false;
  }
}

// ---- all of them ------------------------------------------------------------------------
static bool step(Model *m, int who, enum Broken broken) {
  switch (who) {
  case 0: return commit(m, broken);
  case 1: return change(m);
  case 2: return read_one(m, broken);
  default: return ask_both(m, broken);
  }
}

static void look_at_end(const Model *m) {
  if (m->commit != C_DONE || m->writer != W_DONE || m->reader != 2 ||
      m->asker != A_DONE)
    wrong = "somebody waits for ever";
}

static const char *explore(enum Broken broken, uint8_t first, uint8_t second) {
  Model m;
  memset(&m, 0, sizeof m);
  m.which[0] = first;
  m.which[1] = second;
  wrong = NULL;
  explore_from(&m);
  while (!wrong && explore_next(&m)) {
    bool moved = false;
    for (int who = 0; who < 4; who++) {
      Model next = m;
      if (!step(&next, who, broken)) continue;
      moved = true;
      explore_reach(&next);
    }
    if (!moved) look_at_end(&m);
  }
  return wrong;
}

// Whatever the reader asks for.
static const char *explore_all(enum Broken broken) {
  const char *found = NULL;
  for (uint8_t i = 0; !found && i < WORDS * WORDS; i++)
    found = explore(broken, i / WORDS, i % WORDS);
  return found;
}

START_TEST(every_order_of_steps_is_right) {
  const char *found = explore_all(NOTHING);
  ck_assert_msg(!found, "%s", found);
  ck_assert_uint_gt(nexplored, 1000);
}
END_TEST

START_TEST(the_model_notices_what_is_broken) {
  for (int broken = NOTHING + 1; broken < BROKEN_COUNT; broken++)
    ck_assert_msg(explore_all((enum Broken)broken) != NULL, "%d", broken);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("commit_model");
  tcase_set_timeout(tc, 0);
  tcase_add_test(tc, every_order_of_steps_is_right);
  tcase_add_test(tc, the_model_notices_what_is_broken);
  return unit_run(tc, "commit_model");
}
