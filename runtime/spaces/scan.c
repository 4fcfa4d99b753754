// Atoms of a space, oldest first: streams of its relations, merged by ordinal.
//
// Each stream is in order by itself, so a heap of them, the one with the oldest atom left
// on top, gives the atoms one by one. All atoms are one stream for each relation. Those
// that a pattern with an open head can match are in the relations of its size, where
// indexes may leave few of them, and among the atoms with open heads.
#include "memory/alloc.h"
#include "runtime/spaces/journal.h"

typedef struct Front {  // a stream and the atom it comes to next
  Stream st;
  size_t pos;
} Front;

typedef struct Fronts {
  Front *at;
  size_t n, room;
  const View *of;
  const Value *items;  // children of the pattern; NULL: all atoms
  uint32_t nitems;
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

static size_t streams_of(const Fronts *h, Relation *rel, const View *v,
                         Stream out[STREAMS_EACH]) {
  bool sized = rel->kind == REL_SYMBOL || rel->kind == REL_SIZE;
  if (h->items && (rel->kind == REL_ATOM || (sized && rel->size != h->nitems)))
    return 0;
  if (h->items && sized)
    return ambi_relation_select(rel, v, h->items, h->nitems, out);
  ambi_relation_all(rel, v, &out[0]);
  return 1;
}

// One more, if it has an atom. False: memory is out.
static bool add_front(Fronts *h, const Stream *st) {
  if (!ambi_grow((void **)&h->at, &h->room, h->n + 1, sizeof *h->at))
    return false;
  Front *f = &h->at[h->n];
  f->st = *st;
  if (advance_one(h->of, f))
    h->n++;
  else
    ambi_stream_close(&f->st);
  return true;
}

static bool open_some(const View *v, Fronts *h) {
  Relation *rel;
  for (Relations rels = ambi_data_relations(v->data);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    Stream st[STREAMS_EACH];
    size_t n = streams_of(h, rel, v, st);
    for (size_t i = 0; i < n; i++)
      if (!add_front(h, &st[i])) return false;
  }
  return true;
}

static bool open_fronts(const View *v, Fronts *h) {
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
  for (size_t i = 0; i < h->n; i++)
    ambi_stream_close(&h->at[i].st);
  ambi_free(h->at, h->room * sizeof *h->at);
}

// Behind the oldest atom, which is at[0]'s.
static void advance(Fronts *h) {
  if (!advance_one(h->of, &h->at[0])) {
    ambi_stream_close(&h->at[0].st);
    h->at[0] = h->at[--h->n];
  }
  if (h->n) sink(h, 0);
}

bool ambi_view_see_like(const View *v, const Value *items, uint32_t n,
                        SeeRecord *see, void *arg) {
  Fronts h = {.of = v, .items = items, .nitems = n};
  bool ok = open_fronts(v, &h);
  for (; ok && h.n; advance(&h))
    if (!see(arg, h.at[0].st.at[h.at[0].pos], ordinal_of(&h.at[0]))) break;
  close_fronts(&h);
  return ok;
}

bool ambi_view_see(const View *v, SeeRecord *see, void *arg) {
  return ambi_view_see_like(v, NULL, 0, see, arg);
}

bool ambi_space_see(const Space *s, SeeRecord *see, void *arg) {
  View v = ambi_space_view(s);
  return ambi_view_see(&v, see, arg);
}

bool ambi_data_renumber(SpaceData *d) {
  enum { MOST = UINT32_MAX - 2 };
  View all = {.data = d, .seen = VIEW_ALL};
  Fronts h = {.of = &all};
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
