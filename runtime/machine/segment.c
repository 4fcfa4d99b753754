// Results of a part: taken from its Engine, and added to a collector of another one.
#include "runtime/machine/segment.h"

#include "runtime/atoms/work.h"
#include "runtime/machine/lend.h"
#include "runtime/machine/step.h"

Segment ambi_segment_of(Engine *g) {
  Hook *h = g->top_hook;
  Segment s = {.image = h->image, .values = h->values, .list = h->list};
  s.bound = h->once && h->lent.n;
  g->wide -= (h->image.range.base != NULL) + (h->list.base != NULL);
  h->image = (Image){0};
  h->values = (ValueVec){0};
  h->list = (Range){0};
  h->nvalues = 0;
  return s;
}

static void settle(Segment *s) {
  if (s->image.settled) return;
  ambi_image_settle_here(&s->image);
  for (size_t i = 0; i < s->values.n; i++)
    s->values.at[i] = ambi_image_value(s->values.at[i], s->image.w, 0);
}

void ambi_segment_drop(Segment *s) {
  ambi_image_drop(&s->image);
  if (s->list.base)
    ambi_range_close(&s->list);
  else
    ambi_vec_drop(&s->values);
  *s = (Segment){0};
}

// Copied to the heap, where what was lent is again what it was.
static bool add_few(Engine *g, const Hook *h, Segment *s) {
  Image *m = &s->image;
  if (m->n == 0 && !m->has_variables) return true;
  Word *at = ambi_heap_alloc(g->cx, m->n);
  if (!at) return false;
  if (m->settled) ambi_image_unsettle(m);
  memcpy(at, m->w, m->n * sizeof *at);
  ambi_image_relocate(at, m->n, 0);
  ambi_lend_found(&h->lent, at, m->n);
  for (size_t i = 0; i < s->values.n; i++) {
    Value v = ambi_image_unsettled(m, s->values.at[i]);
    s->values.at[i] = ambi_lend_value(&h->lent, ambi_image_value(v, at, 0));
  }
  return true;
}

// The best, or Errors: to a collector that keeps the best.
static bool add_best(Engine *g, Hook *h, Choice *barrier, Segment *s,
                     bool errors) {
  settle(s);
  if (!errors && !ambi_collector_wants(h, s->values.at[0])) return true;
  if (!add_few(g, h, s)) return false;
  for (size_t i = 0; i < s->values.n; i++)
    if (!ambi_collector_add(g, h, barrier, s->values.at[i], errors))
      return false;
  return true;
}

// To what was found of a case.
static bool add_items(Engine *g, Hook *h, Choice *r, Segment *s, bool errors) {
  if (!add_few(g, h, s)) return false;
  for (size_t i = 0; i < s->values.n; i++) {
    Value v = s->values.at[i];
    if (s->bound && !errors) v = ambi_lend_bind(g, &h->lent, v);
    if (ambi_is_none(v) || !ambi_item_save(g, h, r, v, errors)) return false;
    ambi_trail_undo(g->cx, r->tr);
  }
  return true;
}

bool ambi_segment_add(Engine *g, Hook *h, Choice *barrier, Segment *s) {
  size_t n = s->values.n;
  if (n == 0) return true;
  Value first = ambi_image_value(s->values.at[0], s->image.w, 0);
  bool errors = ambi_is_error_value(first);
  if (errors && h->nvalues) return true;
  if (h->kind == HOOK_BEST) return add_best(g, h, barrier, s, errors);
  if (h->kind == HOOK_GATHER) return add_items(g, h, barrier, s, errors);
  if (!errors && h->nvalues == 0) h->image.n = 0;  // Errors until now
  h->bound = s->bound && !errors;  // of a once: the first result ends it
  if (!ambi_image_is_large(&s->image))
    return ambi_collector_append(g, h, &s->image, s->values.at, n, errors);
  settle(s);
  if (!ambi_image_open(g, h, &s->image, s->values.at, n)) return false;
  return (ambi_image_adopt(g, &s->image) || add_few(g, h, s)) &&
         ambi_collector_add_all(g, h, s->values.at, n, errors);
}
