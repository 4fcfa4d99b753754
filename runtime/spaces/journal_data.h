// Internal to journals: what one holds.
#ifndef AMBIT_RUNTIME_JOURNAL_DATA_H
#define AMBIT_RUNTIME_JOURNAL_DATA_H

#include "runtime/spaces/journal.h"

enum ChangeKind { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_STATE, CHANGE_CALL };

typedef struct Change {
  enum ChangeKind kind;
  bool gone;     // what was added was removed again
  Space *space;  // or
  State *state;  // the one that was changed
  Record
      record;  // what was added, is removed, is held now, or is called. Its own
  uint32_t ordinal;  // of what came, or was hidden
  Record before;     // of the state, to go back to
  bool changed;      // was it another one than that of the state itself?
} Change;

typedef struct Changes {
  Change *at;
  size_t n, cap;
} Changes;

typedef struct StateSeen {
  State *state;
  Record read;       // at the first look
  uint64_t version;  // then
  Record now;        // of some Change
  bool changed;
  Record next;  // while it is committed: what the state is going to hold
} StateSeen;

typedef struct Level {
  enum LevelKind kind;
  size_t mark;  // of the log
} Level;

typedef struct Places {  // of what has an address: place + 1, 0: none
  struct Place {
    const void *of;
    size_t at;
  } * slot;
  size_t n, cap;
} Places;

typedef struct RulesSeen {
  const Space *space;
  uint64_t age;  // of its rules when it was first evaluated in (twin.h)
} RulesSeen;

struct Journal {
  Runtime *rt;
  bool in_place;  // tier 0 evaluates
  bool ruling;    // rules and types may be changed
  bool calm;      // nobody expects that they are changed
  bool again;     // it is to begin again, so that they may be
  size_t height;  // of the engine's records when it began
  Space **twins;
  size_t ntwins, twins_cap;
  RulesSeen *seen;  // none in place
  size_t nseen, seen_cap;
  size_t nruled;             // changes of rules and types that were made so far
  Participant party;         // inside while it exists, together
  uint64_t number, version;  // of the journal; of what it shows
  Shade **shades;
  size_t nshades, shades_cap;
  Shade **in_order;  // the same, as all who commit lock their spaces
  size_t in_order_cap;
  StateSeen *states;
  size_t nstates, states_cap;
  Places places;  // of both
  Changes log;
  uint32_t added;  // so far: ordinals
  size_t *log_at;  // of each of these, its place in the log
  size_t log_at_cap;
  Changes dead;  // what was undone, and may still be looked at
  Level *levels;
  size_t nlevels, levels_cap;
};

struct Delta {
  Delta *next;      // of a Context
  uint64_t number;  // grows
  Journal *whole;   // all of it, or NULL:
  Journal *within;  // it was taken out of that
  Changes changes;
};

// journal.c
Shade *ambi_journal_shade(Journal *j, const Space *s);  // NULL: memory is out
const Shade *ambi_journal_find_shade(const Journal *j, const Space *s);

// journal_rules.c: may a rule or a type be changed now? False: cx->stop is STOP_AGAIN.
bool ambi_journal_lets_rule(Context *cx);
// Room for one more symbol. False: memory is out.
bool ambi_shade_reserve_def(Shade *s);
// The atom, if it is a rule or a type, comes or goes; there is room.
void ambi_shade_note_rule(Journal *j, Shade *s, Value atom, bool comes);
// Are rules and types as they were read? Under the guard.
bool ambi_rules_hold(const Journal *j);
// Its twins are somebody else's from now on. undone: what was changed of rules has not
// happened.
void ambi_journal_leave_twins(Journal *j, bool undone);
// Code may run on a rule that is not in any space: it is given back when no code does.
void ambi_rule_release(Journal *j, Space *of, Record r);

// commit.c: the changes become visible, those of each space at once. The records that are
// in spaces then are gone from them. False: memory is out.
bool ambi_changes_publish(Context *cx, Journal *j, Changes *c);
// The same with all of the journal's, if nobody has changed what it read. False: nothing
// was changed, or cx->stop is set.
bool ambi_journal_publish(Context *cx, Journal *j);
// Is all that it read still so, at one moment?
bool ambi_journal_holds(Journal *j);
// Calls that were held, from a place in the log on. False: cx->stop is set.
bool ambi_journal_calls(Context *cx, Changes *log, size_t from);

#endif
