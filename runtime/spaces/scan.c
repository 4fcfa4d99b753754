// Every atom of a space, oldest first: its relations, merged by ordinal.
//
// Each relation is in order by itself, so a heap of relations, the one with the oldest
// atom left on top, gives them one by one.
#include "memory/alloc.h"
#include "runtime/spaces/journal.h"

typedef struct Front {  // a relation and the atom it comes to next
  Stream st;
  size_t pos;
} Front;

typedef struct Fronts {
  Front *at;
  size_t n, room;
  const View *of;
} Fronts;

// Goes on to the next atom. False: there is none.
static bool advance_one(const View *v, Front *f) {
  do
    f->pos = ambi_stream_next(&f->st);
  while (f->pos != STREAM_END && ambi_is_hidden(v, f->st.ordinal[f->pos]));
  return f->pos != STREAM_END;
}

static uint32_t ordinal_of(const Front *f) {
  return f->st.ordinal[f->pos];
}

static void sink(Fronts *h, size_t i) {
  Front f = h->at[i];
  for (size_t k; (k = 2 * i + 1) < h->n; i = k) {
    if (k + 1 < h->n && ordinal_of(&h->at[k + 1]) < ordinal_of(&h->at[k])) k++;
    if (ordinal_of(&f) < ordinal_of(&h->at[k])) break;
    h->at[i] = h->at[k];
  }
  h->at[i] = f;
}

static bool open_some(const View *v, Fronts *h) {
  Relation *rel;
  for (Relations rels = ambi_data_relations(v->data);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    if (!ambi_grow((void **)&h->at, &h->room, h->n + 1, sizeof *h->at))
      return false;
    Front *f = &h->at[h->n];
    ambi_relation_all(rel, v, &f->st);
    if (advance_one(h->of, f)) h->n++;
  }
  return true;
}

static bool open_fronts(const View *v, Fronts *h) {
  *h = (Fronts){.of = v};
  if (!open_some(v, h)) return false;
  if (v->shade && v->shade->own) {
    View own = ambi_shade_own(v->shade);
    if (!open_some(&own, h)) return false;
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
  if (!advance_one(h->of, &h->at[0])) h->at[0] = h->at[--h->n];
  if (h->n) sink(h, 0);
}

bool ambi_view_see(const View *v, SeeRecord *see, void *arg) {
  Fronts h;
  bool ok = open_fronts(v, &h);
  for (; ok && h.n; advance(&h))
    if (!see(arg, h.at[0].st.at[h.at[0].pos])) break;
  close_fronts(&h);
  return ok;
}

bool ambi_space_see(const Space *s, SeeRecord *see, void *arg) {
  View v = ambi_space_view(s);
  return ambi_view_see(&v, see, arg);
}

bool ambi_data_renumber(SpaceData *d) {
  enum { MOST = UINT32_MAX - 2 };
  Fronts h;
  View all = {.data = d, .seen = VIEW_ALL};
  uint32_t next = 0;
  bool ok = open_fronts(&all, &h);
  for (; ok && h.n && next < MOST; advance(&h))
    ((uint32_t *)(uintptr_t)h.at[0].st.ordinal)[h.at[0].pos] = next++;
  ok = ok && h.n == 0;
  close_fronts(&h);
  if (!ok) return false;
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    ambi_relation_compact(rel);
    rel->last = 0;
  }
  d->next_ordinal = next;
  return true;
}
