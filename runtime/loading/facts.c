// The one place where loading hands atoms to a space.
#include "runtime/loading/facts.h"

#include "memory/alloc.h"

bool ambi_facts_push_record(Facts *f, Record r) {
  RecordVec *v = &f->records;
  if (!ambi_grow((void **)&v->at, &v->cap, v->n + 1, sizeof *v->at))
    return false;
  v->at[v->n++] = r;
  return true;
}

bool ambi_facts_push(Facts *f, const Template *t) {
  Record r;
  if (!ambi_facts_push_record(f, (Record){AMB_NONE})) return false;
  if (!ambi_record_make(f->store, t, &r)) {
    f->records.n--;
    return false;
  }
  f->records.at[f->records.n - 1] = r;
  return true;
}

// How many records from `at` on have no variables.
static size_t count_ground(const RecordVec *v, size_t at) {
  size_t n = at;
  while (n < v->n && !ambi_record_open(v->at[n]))
    n++;
  return n - at;
}

static bool add_open(Facts *f, Space *s, size_t at) {
  Template t = ambi_record_template(f->records.at[at]);
  if (!ambi_space_add_template(s, &t)) return false;
  ambi_template_give_up(f->store, ambi_record_kept(f->records.at[at]));
  return true;
}

bool ambi_facts_add(Facts *f, Space *s) {
  RecordVec *v = &f->records;
  size_t done = 0;
  bool ok = true;
  ambi_space_begin(s);
  while (ok && done < v->n) {
    size_t n = count_ground(v, done), added;
    if (n == 0)
      added = ok = add_open(f, s, done);
    else
      added = ambi_space_append(s, &v->at[done].held, n);
    ok = ok && added >= n;
    done += added;
  }
  if (!ok) ambi_space_take_back(s, done);
  ambi_space_commit(s);
  for (size_t i = 0; i < done; i++)  // given to the space, or back already
    v->at[i].held = AMB_NONE;
  return ok;
}

void ambi_facts_close(Facts *f) {
  for (size_t i = 0; i < f->records.n; i++)
    ambi_record_release(f->store, f->records.at[i]);
  ambi_records_drop(&f->records);
}
