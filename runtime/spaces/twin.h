// Twins of spaces: what code is made of that belongs to one isolated evaluation.
//
// Code belongs to a space. An isolated evaluation that changes rules or types (journal.h)
// is evaluated in twins: spaces without atoms, in whose place the Journal answers what is
// asked of rules and types. So it has code of its own, made as all code is, by the rules as
// they were when it began, with its own changes; and a change of these makes code be thrown
// away as a change of any rule does. Nothing else is done in a twin. No program gets hold
// of one: what is handed out is the space that it is a twin of (ambi_space_face).
//
// Twins of modules are kept for the next such evaluation, with their code: what one changed
// is announced when it comes, and when it goes. Code that was made while others had changed
// rules, by those that are not in force any more, is not used again: such a twin is let go.
#ifndef AMBIT_RUNTIME_TWIN_H
#define AMBIT_RUNTIME_TWIN_H

#include "runtime/spaces/space_data.h"

struct Journal;

typedef struct Twin {
  Space
      *of;  // [lock>all] the guard's; NULL: nobody will evaluate in it any more
  Space *next;              // [lock:guard] the next twin of the same space
  struct Journal *journal;  // [own] of who evaluates in it, or NULL
  uint64_t age;             // [own] of the rules when that began
  bool stale;  // [own] it has code by rules that others have changed
} Twin;

// The space, whether it is asked for as a twin or not.
static inline Space *ambi_space_face(Space *s) {
  return AMB_UNLIKELY(s->twin != NULL) && s->twin->of ? s->twin->of : s;
}
static inline Value ambi_space_face_value(Space *s) {
  return ambi_space_value(ambi_space_face(s));
}

// How often rules and types were changed that are seen from the space: another number
// whenever they are others.
uint64_t ambi_rules_age(const Space *s);

// A twin for the journal. NULL: memory is out.
Space *ambi_twin_take(struct Journal *j, Space *of);
// The journal does not need it any more.
void ambi_twin_leave(Space *twin);
void ambi_twin_free(Space *s);  // before the space is, if it is one

// Code is about to be made by what the twin says.
void ambi_twin_asked(const Space *twin);
// As ambi_space_nth_defines.
bool ambi_twin_defines(const Space *twin, size_t i, uint32_t symbol);
// Are rules and types of that space, a dep of the twin, as they are without the journal?
bool ambi_twin_leaves(const Space *twin, const Space *dep);

#endif
