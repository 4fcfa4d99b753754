// Internal to spaces: what a Space holds, shared by changes and queries.
#ifndef AMBIT_RUNTIME_SPACE_DATA_H
#define AMBIT_RUNTIME_SPACE_DATA_H

#include "runtime/spaces/relation.h"
#include "runtime/spaces/space.h"

// How many rules and types a symbol has in the space.
typedef struct DefCount {
  uint32_t symbol;
  uint32_t count;
  bool used;
} DefCount;

typedef struct SpaceData SpaceData;
struct SpaceData {
  Relation **table;    // open addressing, by kind, head and size
  size_t ntable, cap;  // cap is zero or a power of two
  Relation
      *lone[REL_KINDS];  // those that are the only one of their kind, or NULL
  size_t count;          // atoms
  DefCount *defs;        // open addressing, by symbol
  size_t ndefs, defs_cap;
  RecordVec removed;  // rules and types, on which code may still rely
  uint32_t
      next_ordinal;  // of the next atom; when they run out, all begin again
};

// NULL: there is no such relation.
Relation *ambi_space_relation(const Space *s, enum RelationKind kind,
                              uint32_t head, uint32_t size);
// Does the space have a rule or a type for the symbol?
bool ambi_space_defines(const Space *s, uint32_t symbol);
// Shows every atom, oldest first, until `see` answers false. False: memory is out.
typedef bool SeeRecord(void *arg, Record r);
bool ambi_space_see(const Space *s, SeeRecord *see, void *arg);
// The same order with ordinals from 0 on. False: memory is out, or there are too
// many atoms.
bool ambi_space_renumber(Space *s);
// The symbol that a stored `(= (symbol ..) ..)` or `(: symbol ..)` defines.
bool ambi_space_defined_by(Value atom, uint32_t *symbol);

#endif
