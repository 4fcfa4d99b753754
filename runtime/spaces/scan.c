// Every atom of a space, oldest first: its relations, merged by ordinal.
//
// Each relation is in order by itself, so a heap of relations, the one with the oldest
// atom left on top, gives them one by one.
#include "memory/alloc.h"
#include "runtime/spaces/space_data.h"

typedef struct Front {  // a relation and the atom it comes to next
  Relation *rel;
  size_t pos;
  uint32_t ordinal;
} Front;

typedef struct Fronts {
  Front *at;
  size_t n, room;
} Fronts;

// Goes on to the first atom from f->pos on. False: there is none.
static bool settle(Front *f) {
  while (f->pos < f->rel->n && ambi_record_gone(f->rel->at[f->pos]))
    f->pos++;
  if (f->pos == f->rel->n) return false;
  f->ordinal = f->rel->ordinal[f->pos];
  return true;
}

static void sink(Fronts *h, size_t i) {
  Front f = h->at[i];
  for (size_t k; (k = 2 * i + 1) < h->n; i = k) {
    if (k + 1 < h->n && h->at[k + 1].ordinal < h->at[k].ordinal) k++;
    if (f.ordinal < h->at[k].ordinal) break;
    h->at[i] = h->at[k];
  }
  h->at[i] = f;
}

static bool open_fronts(const Space *s, Fronts *h) {
  const SpaceData *d = s->data;
  *h = (Fronts){.room = d->ntable};
  h->at = ambi_alloc(h->room * sizeof *h->at);
  if (!h->at) return false;
  for (size_t i = 0; i < d->cap; i++) {
    Front f = {d->table[i], 0, 0};
    if (f.rel && settle(&f)) h->at[h->n++] = f;
  }
  for (size_t i = h->n / 2; i-- > 0;)
    sink(h, i);
  return true;
}

static void close_fronts(Fronts *h) {
  ambi_free(h->at, h->room * sizeof *h->at);
}

// Behind the oldest atom, which is at[0]'s.
static void advance(Fronts *h) {
  h->at[0].pos++;
  if (!settle(&h->at[0])) h->at[0] = h->at[--h->n];
  if (h->n) sink(h, 0);
}

bool ambi_space_see(const Space *s, SeeRecord *see, void *arg) {
  Fronts h;
  if (s->data->ntable == 0) return true;
  if (!open_fronts(s, &h)) return false;
  for (; h.n; advance(&h))
    if (!see(arg, h.at[0].rel->at[h.at[0].pos])) break;
  close_fronts(&h);
  return true;
}

bool ambi_space_renumber(Space *s) {
  Fronts h;
  if (s->data->count >= UINT32_MAX - 1 || !open_fronts(s, &h)) return false;
  uint32_t next = 0;
  for (; h.n; advance(&h))
    h.at[0].rel->ordinal[h.at[0].pos] = next++;
  close_fronts(&h);
  for (size_t i = 0; i < s->data->cap; i++)
    if (s->data->table[i]) ambi_relation_compact(s->data->table[i]);
  s->data->next_ordinal = next;
  return true;
}
