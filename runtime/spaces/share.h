// Spaces that several threads look at while one at a time changes them.
//
// A Runtime begins alone: its thread has all spaces for itself, and nothing below costs
// anything. ambi_spaces_share changes that, ambi_spaces_unshare changes it back; both
// are called while no other thread uses the Runtime. In between each thread takes part
// in rt->sharing->epochs.
//
// PROTOCOL snapshot
//   what      the records of a space that a question finds
//   writer    who has SpaceWriter.lock: appends records behind x_n with ascending
//             ordinals, gives ends, puts other relations into the table. One count gives
//             ordinals and ends
//   readers   everybody inside. A View is x_now, once for each space, for all the
//             patterns of a conjunction: seen. A record is there if its ordinal is below
//             and its end, if it has one, is not
//   publish   release store of x_now, behind all that a change has done; x_n and the
//             pointers of arrays, tables and relations by release stores when what they
//             lead to is complete
//   observe   acquire load of x_now, then of whatever is looked at: x_n before x_at,
//             x_ordinal and x_end, so that arrays are not shorter than the number says;
//             who goes through all relations loads the table once, for in a larger one
//             they stand elsewhere
//   why safe  what changes behind x_now has ordinals and ends that are not below `seen`;
//             whether it is met or not makes no difference. Positions of a relation never
//             change: a compaction makes another relation
//   together  a commit of several spaces seals each that it has changed (x_now is
//             NOW_SEALED) before it shows any. Who asks for a sealed one waits for the
//             guard, which the commit has, and which waits for nothing meanwhile. So who
//             has seen one as it is now finds the others sealed, or as they are now. A
//             question to a space and its deps looks a second time at all but the last,
//             and begins again unless they are as it has found them
//   kept      the place of an answer (FactPlace), also by who is outside meanwhile: a
//             relation of x_data, and the number that the space had (x_number). A space gets
//             another number (release store) when a relation has been replaced, or all of
//             them with x_data, before what was there is retired and anything else is
//             changed. Who keeps a place acquires the number behind x_data and x_now, and
//             looks at the relation only if both are the same: then nobody has given it
//             back, and what x_now shows was done to it, not to what has taken its place
//   waits     a reader for nobody but a commit of several that is being shown, for a few
//             stores. Writers of a space for one another
//   lifetime  what was taken out of sight is retired (memory/epoch.h). A compaction leaves
//             out what ended before the horizon: a number that x_now had at a mark which
//             is past, so everybody inside sees at least that. Atoms left out are given
//             back to the store with the relation they were in
//   weaker?   relaxed x_now is rejected: what was changed before could be missed
//   test      tests/unit/share_test.c and linear_test.c, also under tsan and with noise;
//             every interleaving of a model in tests/unit/commit_model_test.c
//
// PROTOCOL index
//   what      the indexes of a relation, and what each has
//   writer    who has moved x_busy from false to true; nobody waits for that. The relation's
//             writer has no part in it
//   readers   everybody inside
//   publish   release stores: x_upto behind all that was taken in, a slot's word behind the
//             list it leads to, a list's number behind its entry, x_table and x_lists behind
//             what was copied
//   observe   acquire loads in the order x_upto, x_table, slot, x_lists, number
//   why safe  what is loaded behind x_upto is not older, so it has all records below; of
//             those behind, positions not below are left out and looked at one by one. An
//             older table or older lists are right for what they have: slots and lists
//             change only by being replaced or by growing at their end
//   waits     nobody
//   lifetime  as above; what a list has outgrown is used again in the next index
//   test      as above
//
// Who takes part: each thread that evaluates is inside from the first step of a task until
// the task rests or ends (ambi_party_enter), so are threads that ask or change spaces
// through the C interface. Nobody keeps a View, nor what leads to relations and indexes,
// while outside, but for places of answers; records and atoms may be kept, because the
// store frees nothing.
//
// Facts and states come and go under no lock but the space's. A change of rules or types
// (ambi_is_rule) takes the guard before, and gives it back when others see the change;
// so does a batch (ambi_space_begin), which may come to such a change. Runtime's counts of
// these changes grow before and after. New deps and yields, likewise under the guard, are
// appended: the number is published behind what it counts. Removed rules and types stay
// until one evaluator is left, for code may still run on them. Which library heads give
// way is decided by what there is, not by a View. No log of questions is open (reads.h).
//
// Beginning, in the middle of a form of the only evaluator, changes nothing that it has:
// what it removed before waits for the same moment as ever, between forms when it is alone
// again, and what its queries have yet to deliver are records.
#ifndef AMBIT_RUNTIME_SHARE_H
#define AMBIT_RUNTIME_SHARE_H

#include "runtime/spaces/space_data.h"

// A change begins with at least that many ordinals, if it can.
#define AMB_SHARE_ORDINALS ((uint32_t)1 << 30)

typedef struct Sharing {
  Epochs epochs;           // [init]
  pthread_mutex_t guard;   // [init] of code, types, words and modules: guard.h
  pthread_mutex_t output;  // [init] one line at a time
  pthread_mutex_t lists;   // [init] of what follows
  Space *untidy;           // [lock:lists] spaces that wait for a compaction
  RecordVec rules;         // [lock:lists] removed, and out of sight
  size_t rules_to_come;    // [lock:lists] removed, and still in a relation
} Sharing;

// False: memory is out. In the middle of a form, say: the caller goes in then.
bool ambi_spaces_share(Runtime *rt);
// All have parted. Between forms: removed rules are given back.
void ambi_spaces_unshare(Runtime *rt);
// Compacts what had to wait for somebody inside; gives back what nobody sees, but not
// removed rules: code may still run on them. Any thread.
void ambi_spaces_tidy(Runtime *rt);

// Whoever runs a task is inside; alone, nothing is done. Going out also frees what nobody
// sees any more.
void ambi_party_enter(Context *cx);
void ambi_party_leave(Context *cx);
// Goes in unless it is.
void ambi_party_be_in(Context *cx);

// For commits of several spaces, which they have begun: nobody sees one changed and
// another as it was. All are sealed first, then all are shown, then they end as ever.
// Has the space changed, so that it is to be sealed?
bool ambi_share_is_changed(const Space *s);
void ambi_share_seal(Space *s);
void ambi_share_show(Space *s);  // if it is sealed

// For change.c.
void ambi_share_begin(Space *s);
void ambi_share_commit(Space *s);
bool ambi_share_reserve_rule(Sharing *sh);
// One that is in no space; the store keeps it if memory is out.
void ambi_share_keep_rule(Sharing *sh, Record r);
// Compacts the relation if that is worth it by now.
void ambi_share_tidy(Space *s, Relation *rel);

#endif
