// What a space keeps of an atom: one word.
//
// A ground atom is kept as it stands. One with variables needs their names as well:
// its word leads to a Template, which lies in the store like the atom itself. What a
// query hands out are these words, so they stay right whatever happens to the space
// meanwhile, as long as the store keeps the atoms.
#ifndef AMBIT_RUNTIME_RECORD_H
#define AMBIT_RUNTIME_RECORD_H

#include "runtime/atoms/store.h"

typedef struct Record {
  Value held;  // a ground atom; FWD: address of a Template; AMB_NONE: removed
} Record;

typedef struct RecordVec {
  Record *at;
  size_t n, cap;
} RecordVec;
void ambi_records_drop(RecordVec *v);

static inline bool ambi_record_gone(Record r) {
  return ambi_is_none(r.held);
}
static inline bool ambi_record_open(Record r) {
  return ambi_tag(r.held) == TAG_FWD;
}
static inline const Template *ambi_record_kept(Record r) {
  AMB_ASSERT(ambi_record_open(r));
  return (const Template *)(const void *)ambi_ptr(r.held);
}
static inline Value ambi_record_atom(Record r) {
  return ambi_record_open(r) ? ambi_record_kept(r)->atom : r.held;
}
static inline Template ambi_record_template(Record r) {
  return ambi_record_open(r) ? *ambi_record_kept(r)
                             : (Template){.atom = r.held};
}

// Takes the template over; false: memory is out, it stays the caller's.
bool ambi_record_make(Store *s, const Template *t, Record *out);
// The same; the record leads to the Template, be it ground or not.
bool ambi_record_keep(Store *s, const Template *t, Record *out);
void ambi_record_release(Store *s, Record r);

#endif
