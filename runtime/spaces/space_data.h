// Internal to spaces: what a Space holds, shared by changes and queries.
#ifndef AMBIT_RUNTIME_SPACE_DATA_H
#define AMBIT_RUNTIME_SPACE_DATA_H

#include "runtime/spaces/relation.h"

typedef struct RecSlab {
  struct RecSlab *next;
  size_t n;
  Rec recs[];
} RecSlab;

// How many rules and types a symbol has in the space.
typedef struct DefCount {
  uint32_t symbol;
  uint32_t count;
  bool used;
} DefCount;

typedef struct SpaceData SpaceData;
struct SpaceData {
  Relation all;        // every record, in insertion order
  Relation **table;    // open addressing, by kind, head and size
  size_t ntable, cap;  // cap is zero or a power of two
  Relation
      *lone[REL_ALL];  // those that are the only one of their kind, or NULL
  DefCount *defs;      // open addressing, by symbol
  size_t ndefs, defs_cap;
  RecSlab *slabs;
  Rec *free;
  Rec *removed, *removed_rules;  // rules and types apart: code relies on them
  uint64_t next_ordinal;
};

// NULL: there is no such relation.
Relation *ambi_space_relation(const Space *s, enum RelationKind kind,
                              uint32_t head, uint32_t size);
// Does the space have a rule or a type for the symbol?
bool ambi_space_defines(const Space *s, uint32_t symbol);
// The symbol that a stored `(= (symbol ..) ..)` or `(: symbol ..)` defines.
bool ambi_space_defined_by(Value atom, uint32_t *symbol);

#endif
