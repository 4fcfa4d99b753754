// Collectors: results as they are found, and all of them as one expression.
//
// A few results lie in blocks of malloc, their terms in an image that may move. Many
// get a Range each for words and terms, where nothing moves, large pages are used, and
// all becomes part of the memory in use as it stands: each result is copied once.
#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/atoms/best.h"
#include "runtime/atoms/work.h"
#include "runtime/config.h"
#include "runtime/machine/image.h"
#include "runtime/machine/list.h"

enum { MOST_WIDE = 64 };  // at a time: address space has an end, too

static bool many(size_t n) {
  bool small = ambi_stress(STRESS_COLLECT | STRESS_MINIMAL);
  return n >= (small ? 4 : AMB_ADOPT_WORDS);
}

// A Range with room for the words. Where address space is scarce there is none. One with
// room for some more grows by large pages from the beginning: where evaluators share a
// search, the system lets one of them at a time change what memory there is.
static bool open_wide(Engine *g, Range *r, size_t words) {
  enum { LARGE = 1 << 18 };  // words
  if (g->wide >= MOST_WIDE || g->cx->heap.reserved != AMB_HEAP_RESERVE ||
      !ambi_range_open(r, AMB_HEAP_RESERVE))
    return false;
  bool large = words < LARGE && !ambi_stress(STRESS_MINIMAL) &&
               ambi_range_more(r, LARGE * sizeof(Word));
  if (!large && !ambi_range_more(r, words * sizeof(Word))) {
    ambi_range_close(r);
    return false;
  }
  g->wide++;
  return true;
}

static void settle_terms(Engine *g, Hook *h) {
  Range r;
  if (h->image.settled || !many(h->image.n) || !open_wide(g, &r, h->image.n))
    return;
  ambi_image_settle(&h->image, r);
  for (size_t i = 0; i < h->values.n; i++)
    h->values.at[i] = ambi_image_value(h->values.at[i], h->image.w, 0);
}

static void unsettle_terms(Hook *h) {
  if (!h->image.settled) return;
  for (size_t i = 0; i < h->values.n; i++)
    h->values.at[i] = ambi_image_unsettled(&h->image, h->values.at[i]);
  ambi_image_unsettle(&h->image);
}

// The results of a form are handed out as they stand, so their words do not get a
// Range.
static bool widen_list(Engine *g, Hook *h) {
  ValueVec *l = &h->values;
  Range r;
  bool form = h == g->top_hook && !g->is_part;
  if (form || !many(l->n) || !open_wide(g, &r, l->n + 2)) return false;
  Value *at = (Value *)(void *)r.base + 1;
  memcpy(at, l->at, l->n * sizeof *at);
  ambi_free(l->at, l->cap * sizeof *at);
  *l = (ValueVec){at, l->n, r.committed / sizeof *at - 1};
  h->list = r;
  return true;
}

static bool more_list(Engine *g, Hook *h) {
  ValueVec *l = &h->values;
  if (!h->list.base)
    return widen_list(g, h) ||
           ambi_grow((void **)&l->at, &l->cap, l->n + 1, sizeof *l->at);
  if (!ambi_range_more(&h->list, (l->n + 2) * sizeof(Word))) return false;
  l->cap = h->list.committed / sizeof *l->at - 1;
  return true;
}

// What was kept as the best: its cost.
static Value kept_cost(const Hook *h) {
  const Word *at = h->image.w;
  Value kept = h->with_bindings ? h->items[0].value : h->values.at[0];
  kept = ambi_image_value(kept, at, 0);
  return ambi_image_value(ambi_deref(ambi_expr_at(kept, 0)), at, 0);
}

bool ambi_collector_wants(const Hook *h, Value v) {
  Value cost = ambi_best_cost(v);
  return ambi_is_none(cost) || h->nvalues == 0 ||
         ambi_best_beats(h->best, cost, kept_cost(h));
}

// The result takes the place of what was kept. False: it does not.
static bool weigh(Engine *g, Hook *h, Value *v, bool *error) {
  if (*error) return h->nvalues == 0;
  if (!ambi_collector_wants(h, *v)) return false;
  Value cost = ambi_best_cost(*v);
  if (ambi_is_none(cost)) {
    *v = ambi_best_costless(g->cx, *v);
    *error = true;
    return h->nvalues == 0;
  }
  ambi_best_found(h->best, cost);
  h->values.n = h->image.n = h->nvalues = h->nitems = h->nbinds = 0;
  return true;
}

bool ambi_collector_add(Engine *g, Hook *h, Choice *barrier, Value v,
                        bool error) {
  bool best = h->kind == HOOK_BEST;
  if (AMB_UNLIKELY(best) && !weigh(g, h, &v, &error)) return true;
  if (ambi_is_none(v)) return false;
  if (h->with_bindings) return ambi_item_save(g, h, barrier, v, best && error);
  if (error && h->nvalues) return true;
  if (!error && h->nvalues == 0)  // errors until now: dropped
    h->values.n = h->image.n = 0;
  Value copy;
  if (AMB_UNLIKELY(many(h->image.n))) settle_terms(g, h);
  const Choice *older = g->is_part && h == g->top_hook ? NULL : barrier;
  if (!ambi_image_copy(g, &h->image, v, older, &copy)) return false;
  if (h->values.n == h->values.cap && !more_list(g, h)) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  h->values.at[h->values.n++] = copy;
  if (!error) h->nvalues++;
  return true;
}

bool ambi_collector_add_all(Engine *g, Hook *h, const Value *v, size_t n,
                            bool errors) {
  ValueVec *l = &h->values;
  if (!errors && h->nvalues == 0) l->n = 0;
  if (!h->list.base) widen_list(g, h);
  bool room =
      h->list.base
          ? ambi_range_more(&h->list, (l->n + n + 1) * sizeof(Word))
          : ambi_grow((void **)&l->at, &l->cap, l->n + n, sizeof *l->at);
  if (!room) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  if (h->list.base) l->cap = h->list.committed / sizeof *l->at - 1;
  memcpy(l->at + l->n, v, n * sizeof *v);
  l->n += n;
  if (!errors) h->nvalues += n;
  return true;
}

bool ambi_collector_append(Engine *g, Hook *h, const Image *m, Value *v,
                           size_t n, bool errors) {
  settle_terms(g, h);
  if (ambi_image_append(&h->image, m, &h->lent, v, n))
    return ambi_collector_add_all(g, h, v, n, errors);
  g->cx->stop = STOP_MEMORY;
  return false;
}

void ambi_results_drop(Engine *g, Hook *h) {
  if (h->image.range.base) g->wide--;
  ambi_image_drop(&h->image);
  if (!h->list.base) return;
  g->wide--;
  ambi_range_close(&h->list);
  h->values = (ValueVec){0};
}

// ---- as one expression ---------------------------------------------------------
static bool adopt(Engine *g, Adopted a) {
  if (!ambi_grow((void **)&g->adopted, &g->adopted_cap, g->nadopted + 1,
                 sizeof *g->adopted))
    return false;
  if (a.range.base) ambi_range_seal(&a.range);
  a.top = g->cx->h;
  g->adopted[g->nadopted++] = a;
  g->adopted_words += a.n;
  return true;
}

void ambi_adopted_drop(Adopted *a) {
  if (a->range.base)
    ambi_range_close(&a->range);
  else
    ambi_free(a->w, a->cap * sizeof(Word));
}

bool ambi_image_is_large(const Image *m) {
  return many(m->n);
}

bool ambi_image_adopt(Engine *g, Image *m) {
  if (!many(m->n) || m->has_variables ||
      !adopt(g, (Adopted){.w = m->w,
                          .n = m->n,
                          .cap = m->cap,
                          .range = m->range,
                          .pinned = !m->refers}))
    return false;
  *m = (Image){0};
  return true;
}

// Takes the hook's image over as it stands, if it can be. NULL: copy it.
static Word *adopt_own(Engine *g, Hook *h) {
  Image m = h->image;
  if (!ambi_image_adopt(g, &h->image)) return NULL;
  if (m.range.base) g->wide--;
  if (!m.settled) ambi_image_relocate(m.w, m.n, 0);
  return m.w;
}

static bool refers(Value v) {
  return ambi_is_expr(v) || ambi_is_var(v) || ambi_is_obj(v) || ambi_is_big(v);
}

// The words of the results, as plain values, become the expression.
static Value adopt_list(Engine *g, Hook *h, Word header, bool referring) {
  size_t n = h->values.n;
  Word *w = (Word *)(void *)h->list.base;
  if (!adopt(g,
             (Adopted){
                 .w = w, .n = n + 1, .range = h->list, .pinned = !referring}))
    return AMB_NONE;
  g->wide--;
  w[0] = header;
  h->values = (ValueVec){0};
  h->list = (Range){0};
  return ambi_tag_ptr(TAG_EXPR, w);
}

static Value list_of(Engine *g, Hook *h, const Word *at) {
  size_t n = h->values.n;
  Value *values = h->values.at;
  bool ground = true, referring = false, presumed = true;
  for (size_t i = 0; i < n; i++) {
    if (AMB_LIKELY(ambi_is_int(values[i]))) continue;
    Value v = values[i] = ambi_image_value(values[i], at, 0);
    presumed = presumed && (ambi_presumable_leaf(v) || ambi_presumed(g, v));
    if (!refers(v)) continue;
    referring = true;
    ground = ground && ambi_word_ground(v);
  }
  Word header =
      ambi_header(KIND_FLAT, ground ? (unsigned)FLAG_GROUND : 0, (uint32_t)n);
  if (presumed && !ambi_load_relaxed(&g->code->x_odd_rules))
    header = ambi_hdr_with_spare(header, AMB_PRESUMED);
  Value all = AMB_NONE;
  if (h->list.base) all = adopt_list(g, h, header, referring);
  if (ambi_is_none(all)) {
    Word *w = ambi_heap_alloc(g->cx, 1 + n);
    if (!w) return AMB_NONE;
    w[0] = header;
    memcpy(w + 1, values, n * sizeof *values);
    all = ambi_tag_ptr(TAG_EXPR, w);
  }
  return AMB_V(all.w | (ground ? AMB_EXPR_GROUND : 0));
}

static Value bindings_object(Engine *g, Hook *h, const Item *it,
                             const Word *at) {
  size_t n = it->bind_to - it->bind_from;
  Word *w = ambi_heap_alloc(g->cx, 1 + 2 * n);
  if (!w) return AMB_NONE;
  w[0] = ambi_header(KIND_BIND, 0, (uint32_t)(2 * n));
  for (size_t i = 0; i < n; i++) {
    w[1 + 2 * i] =
        AMB_TAGGED(TAG_VAR, (uintptr_t)h->binds[it->bind_from + i].cell);
    w[2 + 2 * i] = ambi_image_value(h->binds[it->bind_from + i].value, at, 0).w;
  }
  return ambi_tag_ptr(TAG_OBJ, w);
}

static Value binding_pair(Engine *g, Hook *h, const Item *it, const Word *at) {
  Value b = bindings_object(g, h, it, at);
  return ambi_is_none(b)
             ? b
             : AMB_EXPR(g->cx, ambi_image_value(it->value, at, 0), b);
}

static Value list_of_pairs(Engine *g, Hook *h, const Word *at) {
  size_t n = h->nitems;
  Word *w = ambi_heap_alloc(g->cx, 1 + n);
  if (!w) return AMB_NONE;
  bool ground = true;
  for (size_t i = 0; i < n; i++) {
    Value v = binding_pair(g, h, &h->items[i], at);
    if (ambi_is_none(v)) return v;
    ground = ground && ambi_word_ground(v);
    w[1 + i] = v.w;
  }
  w[0] =
      ambi_header(KIND_FLAT, ground ? (unsigned)FLAG_GROUND : 0, (uint32_t)n);
  return AMB_V(ambi_tag_ptr(TAG_EXPR, w).w | (ground ? AMB_EXPR_GROUND : 0));
}

Value ambi_collector_expr(Engine *g, Hook *h) {
  if ((h->with_bindings ? h->nitems : h->values.n) == 0) return AMB_UNIT;
  if (!ambi_image_merge(g, h)) return AMB_NONE;
  if (!h->with_bindings && h->image.n == 0)
    return list_of(g, h, NULL);  // atoms
  Word *at = h->with_bindings ? NULL : adopt_own(g, h);
  if (!at) {
    unsettle_terms(h);
    at = ambi_image_thaw(g, &h->image, 0, h->image.n);
  }
  if (!at) return AMB_NONE;
  return h->with_bindings ? list_of_pairs(g, h, at) : list_of(g, h, at);
}
