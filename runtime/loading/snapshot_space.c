// Spaces to files and back.
#include "memory/alloc.h"
#include "runtime/loading/snapshot.h"
#include "runtime/spaces/space_data.h"

// Atoms added between two looks at the limits.
enum { BATCH = 4096 };

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

typedef struct Adding {
  const Snapshot *s;
  Space *into;
  size_t next;  // the first atom that is neither added nor given back
} Adding;

// Of atoms that are not alike, n.
static bool add_mixed(Adding *a, size_t n) {
  Facts facts;
  ambi_facts_open(&facts, a->s->rt->store);
  size_t end = a->next + n;
  while (a->next < end &&
         ambi_facts_push_record(&facts, ambi_snapshot_record(a->s, a->next)))
    a->next++;
  bool ok = a->next == end && ambi_facts_add(&facts, a->into);
  ambi_facts_close(&facts);
  return ok;
}

// Of plain atoms that are alike, n, when `more` of them will follow at once.
static bool add_alike(Adding *a, size_t n, size_t more) {
  Value atoms[BATCH];
  for (size_t i = 0; i < n; i++)
    atoms[i] = ambi_snapshot_expression(a->s, a->next + i);
  if (!ambi_space_append_alike(a->into, atoms, n, more)) return false;
  a->next += n;
  return true;
}

// The run that atom i is in.
static size_t run_of(const Snapshot *s, size_t i) {
  size_t lo = 0, hi = s->nruns - 1;
  while (lo < hi) {
    size_t mid = hi - (hi - lo) / 2;
    if (s->runs[mid].first <= i)
      lo = mid;
    else
      hi = mid - 1;
  }
  return lo;
}

// Some atoms of the run from a->next on, up to `end`. Done: *added of them.
static bool add_some(Adding *a, size_t run, size_t end, size_t *added) {
  const SnapshotRun *r = &a->s->runs[run];
  if (run + 1 < a->s->nruns && r[1].first < end) end = r[1].first;
  size_t left = end - a->next;
  *added = left < BATCH ? left : BATCH;
  bool alike =
      r->alike && ambi_is_plain(ambi_snapshot_expression(a->s, a->next));
  return alike ? add_alike(a, *added, left - *added) : add_mixed(a, *added);
}

size_t ambi_snapshot_add(Context *cx, const Snapshot *s, Space *into, size_t at,
                         size_t n) {
  Adding a = {.s = s, .into = into, .next = at};
  size_t done = 0, end = at + n;
  for (size_t added; done < n && ambi_limits_poll(cx); done += added) {
    if (add_some(&a, run_of(s, a.next), end, &added)) continue;
    cx->stop = STOP_MEMORY;
    break;
  }
  for (; a.next < end; a.next++)
    ambi_record_release(s->rt->store, ambi_snapshot_record(s, a.next));
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
