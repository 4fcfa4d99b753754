// Spaces to files and back.
#include "memory/alloc.h"
#include "runtime/loading/snapshot.h"
#include "runtime/spaces/space_data.h"

enum { BATCH = 4096 };  // atoms added between two looks at the limits

// ---- saving -------------------------------------------------------------------------

typedef struct Saving {
  SnapshotWriter *w;
  bool ok;
} Saving;

static bool save_record(void *arg, Record r, uint32_t ordinal) {
  Saving *s = arg;
  (void)ordinal;
  Template t = ambi_record_template(r);
  s->ok = ambi_snapshot_put(s->w, &t);
  return s->ok;
}

bool ambi_space_save(Context *cx, Space *from, const char *path,
                     uint64_t *count) {
  Saving s = {ambi_snapshot_begin(cx, path, from), true};
  if (!s.w) return false;
  bool seen = ambi_space_see(from, save_record, &s);
  if (!seen && cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  *count = ambi_snapshot_written(s.w);
  if (seen && s.ok) return ambi_snapshot_finish(s.w, NULL);
  ambi_snapshot_abandon(s.w);
  return false;
}

// ---- loading ------------------------------------------------------------------------

// *next: the first atom that is neither added nor given back.
static bool add_batch(Space *into, const Snapshot *s, size_t at, size_t n,
                      size_t *next) {
  Facts facts;
  ambi_facts_open(&facts, s->rt->store);
  size_t end = at + n;
  while (at < end &&
         ambi_facts_push_record(&facts, ambi_snapshot_record(s, at)))
    at++;
  bool ok = at == end && ambi_facts_add(&facts, into);
  ambi_facts_close(&facts);
  *next = at;
  return ok;
}

size_t ambi_snapshot_add(Context *cx, const Snapshot *s, Space *into, size_t at,
                         size_t n) {
  size_t done = 0, next = at, end = at + n;
  for (size_t batch; done < n && ambi_limits_poll(cx); done += batch) {
    batch = n - done < BATCH ? n - done : BATCH;
    if (add_batch(into, s, at + done, batch, &next)) continue;
    cx->stop = STOP_MEMORY;
    break;
  }
  for (; next < end; next++)
    ambi_record_release(s->rt->store, ambi_snapshot_record(s, next));
  return done;
}

bool ambi_space_load(Context *cx, Space *into, const char *path,
                     uint64_t *count) {
  Snapshot s;
  if (!ambi_snapshot_open(cx, &s, path, SNAPSHOT_SPACE, ambi_space_value(into)))
    return false;
  size_t n = (size_t)s.tail.natoms;
  size_t added = ambi_snapshot_add(cx, &s, into, 0, n);
  *count = added;
  if (added < n) ambi_space_take_back(into, added);
  ambi_snapshot_close(&s);
  return added == n;
}
