// Atoms on their way into a space: all of them are added, or none.
//
// What reads a file keeps what it has made here. Only when the whole file was read
// does the space see any of it, and then everything, in order.
#ifndef AMBIT_RUNTIME_FACTS_H
#define AMBIT_RUNTIME_FACTS_H

#include "runtime/spaces/space.h"

typedef struct Facts {
  Store *store;
  RecordVec records;
} Facts;

static inline void ambi_facts_open(Facts *f, Store *store) {
  *f = (Facts){.store = store};
}
// Takes the term over; false: memory is out, it stays the caller's.
bool ambi_facts_push(Facts *f, const Template *t);
bool ambi_facts_push_record(Facts *f, Record r);  // likewise
// False: memory is out, and the space is as it was.
bool ambi_facts_add(Facts *f, Space *s);
// Gives back what was not added.
void ambi_facts_close(Facts *f);

#endif
