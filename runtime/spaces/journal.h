// Isolated evaluations: changes of spaces and states that nobody else sees yet.
//
// par, race and transaction evaluate under a Journal. It has, for each space they look at,
// a View as of the first look, what was added since (a SpaceData of its own, with ordinals
// above those of the View) and which records are hidden, because they were removed; for
// each state what was read and what it holds now. A question asks the space as of the View
// and what was added, and leaves out what is hidden; so the answer has the order it would
// have in the space itself, and indexes are used on both sides. What a space does not have
// of its own costs nothing: its View alone is asked, joins included.
//
// All changes stand in a log, one behind the other. A level is a place in it: an isolated
// evaluation within another begins there, and is undone back to there. What a branch of par
// or race did is taken out of the log (a Delta) and done again when all is known: as part
// of the log around it, or to the spaces themselves.
//
// Code is shared by all evaluations, so who changes rules or types needs code of its own:
// twins of spaces (twin.h). An evaluation begins without. When it is about to change a
// rule, or to do what could not be undone, such as to print, it begins again (STOP_AGAIN),
// in twins from then on: all that it has done so far is in the log, and nobody has seen it.
// Tier 0 looks at rules whenever it needs them and sees them through the Journal: it does
// not begin again.
//
// What code has read of rules and types is noted by space, as a count of their changes (a
// RulesSeen), since code does not look at rules when it is called.
//
// PROTOCOL journal
//   what      spaces and states as an isolated evaluation sees them, and its commit
//   writer    the Journal: its evaluation alone. A commit: who has the guard and the locks
//             of all spaces in it
//   readers   its evaluation; what it committed, everybody
//   publish   a commit is a batch of each space (PROTOCOL space); states are frozen first,
//             each by a compare-exchange with what was read, and get their new values when
//             the spaces have changed and nothing can fail any more. Then the spaces that
//             changed are sealed, states get their values, and the spaces are shown
//             (PROTOCOL snapshot, together)
//   observe   a View is taken at the first look. Relation.last, read under the lock of the
//             space, tells whether anybody has changed a relation since then, and the age
//             of its rules (twin.h), read under the guard, whether they are others
//   why safe  between freezing and the last new value nobody changes a state or asks for
//             its value: they wait while it is frozen. Spaces are locked, and those that
//             changed cannot be asked from the first change that is shown until the last.
//             So who sees one of them, with or without a transaction, finds all others;
//             what was read is still true when the changes become visible, and of two
//             commits that read what the other changes the second finds out. All who lock
//             several spaces have the guard, and lock them in one order, so none waits in
//             a circle
//   waits     a commit for changes in progress and other commits; who changes a state, or
//             asks for it, for the commit that froze it. All are short, and evaluate nothing
//   lifetime  the Journal is inside (memory/epoch.h) as long as it exists, whoever runs its
//             evaluation and whether that rests, so Views stay valid. Without Sharing, evaluations of other
//             actors may come in between: then a space has changed if its version has
//   weaker?   Views without locks at the commit are rejected: a change could come between
//             looking and publishing
//   test      tests/lang/concurrent/transactions-conflict.metta and its neighbours, and
//             histories in tests/unit/linear_test.c, also under tsan
#ifndef AMBIT_RUNTIME_JOURNAL_H
#define AMBIT_RUNTIME_JOURNAL_H

#include "runtime/spaces/space_data.h"
#include "runtime/spaces/state.h"

enum { SHADE_READS = 16 };

// A space as the evaluation sees it.
typedef struct Shade {
  Space *space;
  View base;         // what it is asked first
  uint64_t version;  // of the space then
  uint32_t first;    // ordinal of the first addition
  SpaceData *own;    // additions; NULL: none
  uint32_t *hidden;  // open addressing, ordinals + 1; 0: free
  size_t nhidden, hidden_cap;
  // what was read: relations by head and size, or all
  struct {
    uint32_t head, size;
  } read[SHADE_READS];
  unsigned nread;
  bool read_all;
  // how many more rules and types symbols have here, or fewer; open addressing
  struct DefMore {
    uint32_t symbol;  // its number + 1; 0: free
    int32_t more;
  } * defs;
  size_t ndefs, defs_cap;
  bool ruled;  // some were changed
} Shade;

bool ambi_shade_hides(const Shade *s, uint32_t ordinal);
static inline bool ambi_is_hidden(const View *v, uint32_t ordinal) {
  return v->shade && ambi_shade_hides(v->shade, ordinal);
}
// What was added, as a View of its own.
static inline View ambi_shade_own(const Shade *s) {
  return (View){.data = s->own, .seen = VIEW_ALL};
}

typedef struct Journal Journal;
typedef struct Delta Delta;
enum LevelKind { LEVEL_TRANSACTION, LEVEL_BRANCH };

// A level more of cx->journal, which is made if there is none. height: how many records
// the engine has, to which it goes back where it begins again. False: cx->stop is set.
bool ambi_journal_enter(Context *cx, enum LevelKind kind, size_t height);
// Its evaluation has come to an end because it is to begin again: the Journal goes, and the
// next one is for an evaluation in twins.
bool ambi_journal_begins_again(Context *cx);
// The newest level ends. Its changes are part of what is around it, if that is isolated
// too; else they become visible. False: nothing was changed, for what it read is not what
// it was (or cx->stop is set).
bool ambi_journal_commit(Context *cx);
// The newest level ends as if it had not been.
void ambi_journal_undo(Context *cx);
// The same for an evaluation that has come to nothing. False: what it read was not so at
// any one moment, so it may have come to nothing for that.
bool ambi_journal_give_up(Context *cx);
// The newest level is undone, and what it changed is kept. NULL: cx->stop is set.
Delta *ambi_journal_take(Context *cx);
void ambi_delta_drop(Delta *d);
// The number of a Delta that waits in cx->deltas; others that come later have larger ones.
uint64_t ambi_delta_keep(Context *cx, Delta *d);
uint64_t ambi_delta_numbers(Runtime *rt);  // the next one
Delta *ambi_delta_find(Context *cx, uint64_t number);
void ambi_deltas_free(Delta **all, uint64_t from);  // from that number on
// All that `from` keeps is kept by `to`.
void ambi_deltas_move(Delta **from, Delta **to);
// Done again for cx; the Delta is still to be dropped. False: cx->stop is set.
bool ambi_delta_apply(Context *cx, Delta *d);
void ambi_isolation_end(Context *cx);  // all levels and Deltas, at a form's end
// A call of an operation that is done when the transaction is. False: cx->stop is set.
bool ambi_journal_hold(Context *cx, Value call);
// Is there a level of that kind?
bool ambi_journal_has(const Context *cx, enum LevelKind kind);
// Another word for each journal and whatever it has changed: what was remembered from
// elsewhere does not count. 0: cx is not isolated.
Word ambi_journal_stamp(const Context *cx);

// ---- what operations do there ----------------------------------------------------
// The View that cx has of the space. head, n: what is asked for, as in
// ambi_space_version; it counts as read. False: cx->stop is set.
bool ambi_journal_view(Context *cx, const Space *s, Value head, uint32_t n,
                       View *out);
bool ambi_journal_look(Journal *j, const Space *s, Value head, uint32_t n,
                       View *out);  // the same; false: memory is out
// False: cx->stop is set.
bool ambi_journal_add(Context *cx, Space *s, Value atom);
bool ambi_journal_remove(Context *cx, Space *s, Value atom);
// What the state holds for cx. False: cx->stop is set.
bool ambi_journal_read_state(Context *cx, State *s, Record *out);
bool ambi_journal_change_state(Context *cx, State *s, Value v);

// ---- rules and types: journal_rules.c -------------------------------------------------
// Does it look at rules and types itself, as tier 0 does?
bool ambi_journal_in_place(const Journal *j);
// The space in which cx evaluates where s is meant: a twin, or s itself. NULL: cx->stop is
// set.
Space *ambi_journal_home(Context *cx, Space *s);
static inline Space *ambi_home(Context *cx, Space *s) {
  return AMB_LIKELY(!cx->journal) ? s : ambi_journal_home(cx, s);
}
// Whoever evaluates has found that it will keep all rules and types, or not.
void ambi_journal_expects(Context *cx, bool keeps_rules);
// May an operation with these flags (enum BuiltinFlag) be done now? False: cx->stop is
// STOP_AGAIN.
bool ambi_journal_lets(Context *cx, unsigned flags);
// Where an evaluation is that is to begin again: how many records of the engine are older.
// SIZE_MAX: it is not to.
size_t ambi_journal_goes_back(const Context *cx);
bool ambi_journal_defines(const Journal *j, const Space *s, uint32_t symbol);
// Has it changed rules or types of the space?
bool ambi_journal_rules(const Journal *j, const Space *s);
// journal_valid.c: is what the journal shows what its log tells?
bool ambi_journal_is_valid(const Journal *j, const char **why);

#endif
