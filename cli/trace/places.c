// A table by hash, see places.h.
#include "cli/trace/places.h"

#include <string.h>

#include "cli/lost.h"
#include "memory/alloc.h"
#include "runtime/modules/module.h"

enum {
  MOST_PLACES = 1 << 20,  // atoms that are known; those that come later are not
  FIRST_SLOTS = 1 << 8
};

typedef struct PlacedAtom {
  Value atom;
  uint32_t hash;
  uint32_t file;
  uint32_t line, column;
} PlacedAtom;

static uint32_t hash_of(Value atom) {
  uint64_t h = ambi_hash(atom);
  return (uint32_t)(h ^ h >> 32);
}

static size_t home(const Places *p, uint32_t hash) {
  return hash & (p->nslots - 1);
}

static void enter(Places *p, size_t i) {
  size_t s = home(p, p->at[i].hash);
  while (p->slots[s])
    s = (s + 1) & (p->nslots - 1);
  p->slots[s] = (uint32_t)i + 1;
}

// At most half of the slots are taken.
static bool reserve(Places *p) {
  if (2 * (p->n + 1) <= p->nslots) return true;
  size_t n = p->nslots ? 2 * p->nslots : FIRST_SLOTS;
  uint32_t *slots = ambi_alloc(n * sizeof *slots);
  if (!slots) return false;
  ambi_free(p->slots, p->nslots * sizeof *slots);
  p->slots = slots;
  p->nslots = n;
  for (size_t i = 0; i < p->n; i++)
    enter(p, i);
  return true;
}

// Scripts come one after another, so it is the last one as a rule. False: memory is out.
static bool find_file(Places *p, const char *file, uint32_t *out) {
  for (size_t i = p->nfiles; i-- > 0;)
    if (strcmp(p->files[i], file) == 0) {
      *out = (uint32_t)i;
      return true;
    }
  if (!ambi_grow((void **)&p->files, &p->files_cap, p->nfiles + 1,
                 sizeof *p->files))
    return false;
  char *copy = ambi_text_copy(file, strlen(file));
  if (!copy) return false;
  *out = (uint32_t)p->nfiles;
  p->files[p->nfiles++] = copy;
  return true;
}

void cli_places_add(Places *p, const char *file, Position at,
                    const Template *t) {
  uint32_t number;
  uint32_t hash = hash_of(t->atom);
  pthread_mutex_lock(&p->lock);
  if (p->n == MOST_PLACES) {
    // one of those that come too late
  } else if (find_file(p, file, &number) && reserve(p) &&
             ambi_grow((void **)&p->at, &p->cap, p->n + 1, sizeof *p->at)) {
    p->at[p->n] = (PlacedAtom){t->atom, hash, number, at.line, at.column};
    enter(p, p->n++);
  } else {
    cli_lost();
  }
  pthread_mutex_unlock(&p->lock);
}

static AtomPlace place_of(const Places *p, Value atom, uint32_t hash) {
  if (!p->nslots) return (AtomPlace){0};
  const PlacedAtom *found = NULL;
  for (size_t s = home(p, hash); p->slots[s]; s = (s + 1) & (p->nslots - 1)) {
    const PlacedAtom *a = &p->at[p->slots[s] - 1];
    if (a->hash == hash && a->atom.w == atom.w) found = a;  // the newest one
  }
  return found ? (AtomPlace){p->files[found->file], found->line, found->column}
               : (AtomPlace){0};
}

AtomPlace cli_places_of(Places *p, Record r) {
  Value atom = ambi_record_atom(r);
  uint32_t hash = hash_of(atom);
  pthread_mutex_lock(&p->lock);
  AtomPlace at = place_of(p, atom, hash);
  pthread_mutex_unlock(&p->lock);
  return at;
}

AtomPlace cli_places_find(Places *p, Context *cx, Space *s, Value atom) {
  RecordVec records = {0};
  AtomPlace at = {0};
  size_t trail = cx->tr;
  if (ambi_space_query(cx, s, atom, &records))
    for (size_t i = 0; i < records.n && !at.file; i++) {
      if (ambi_record_unify(cx, records.at[i], atom))
        at = cli_places_of(p, records.at[i]);
      ambi_trail_undo(cx, trail);
    }
  ambi_records_drop(&records);
  return at;
}

void cli_places_clear(Places *p) {
  for (size_t i = 0; i < p->nfiles; i++)
    ambi_text_free(p->files[i]);
  ambi_free(p->files, p->files_cap * sizeof *p->files);
  ambi_free(p->slots, p->nslots * sizeof *p->slots);
  ambi_free(p->at, p->cap * sizeof *p->at);
  p->at = NULL;
  p->slots = NULL;
  p->files = NULL;
  p->n = p->cap = p->nslots = p->nfiles = p->files_cap = 0;
}
