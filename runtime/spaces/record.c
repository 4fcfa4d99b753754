#include "runtime/spaces/record.h"

#include "memory/alloc.h"

bool ambi_record_make(Store *s, const Template *t, Record *out) {
  if (t->nvars) return ambi_record_keep(s, t, out);
  *out = (Record){t->atom};
  return true;
}

bool ambi_record_keep(Store *s, const Template *t, Record *out) {
  const Template *kept = ambi_template_keep(s, t);
  if (kept) *out = (Record){ambi_tag_ptr(TAG_FWD, kept)};
  return kept != NULL;
}

void ambi_record_release(Store *s, Record r) {
  if (ambi_record_gone(r)) return;
  Template t = ambi_record_template(r);
  ambi_template_release(s, &t);
  if (ambi_record_open(r)) ambi_template_give_up(s, ambi_record_kept(r));
}

void ambi_records_drop(RecordVec *v) {
  ambi_free(v->at, v->cap * sizeof *v->at);
  *v = (RecordVec){NULL, 0, 0};
}
