// One variable in several results of a collector becomes one in their list.
//
// Results are copied one by one, so that each has a cell of its own for a variable, and
// the stamps of the cells tell which are one. A collection makes all there is as old as
// the collector: a later result refers to the variable in the heap, where the first one
// has a copy, or another variable with the same stamp. Only then are terms of the heap
// gone through; an expression that was met says so in its header meanwhile.
//
// Large images are used as they stand, but what may be bound has to lie on the heap: there
// every variable gets one cell, whatever holds it.
#include "runtime/atoms/work.h"
#include "runtime/machine/image.h"
#include "runtime/machine/lend.h"

#include "memory/alloc.h"

typedef struct Known {
  Word info;  // 0: free
  Value var;
} Known;

typedef struct Merge {
  Engine *g;
  Hook *h;
  Image *m;
  Known *table;
  size_t cap;  // of the table, a power of two or 0
  size_t used;
  ValueVec heap;  // variables of the heap, as often as they were met
  size_t nmet;    // expressions, in the Engine's scratch
  Work work;
} Merge;

// Has it a stamp, or a name of its own? The variables of a form have one, and so have
// those that were read (parse), which are one if they have the same.
static bool is_known(Word info) {
  return ambi_vinfo_id(info) < AMB_VAR_ASKED;
}

// ---- variables of the heap -----------------------------------------------------
typedef struct Span {
  const Value *at;
  size_t n;
} Span;

static bool meet(Merge *t, Value v) {
  CopyScratch *s = &t->g->copy;
  Word *p = ambi_ptr(v);
  if (!ambi_in_heap(t->g->cx, p) && !ambi_adopted_at(t->g, p)) return true;
  if (*p >> 48 == TAG_FWD) return true;
  if (!ambi_grow((void **)&s->forwarded, &s->forwarded_cap, t->nmet + 1,
                 sizeof *s->forwarded))
    return false;
  Span *parts = ambi_work_push(&t->work, sizeof *parts);
  if (!parts || !ambi_walk_on(t->g->cx)) return false;
  *parts = (Span){ambi_expr_items(v), ambi_hdr_size(*p)};
  s->forwarded[t->nmet].at = p;
  s->forwarded[t->nmet++].header = *p;
  *p = AMB_TAGGED(TAG_FWD, 0);
  return true;
}

// Bindings that were met do not say any more what they are.
static bool was_met(Value v) {
  return ambi_tag(v) == TAG_OBJ && *ambi_ptr(v) >> 48 == TAG_FWD;
}

static bool look_at(Merge *t, Value v) {
  if (v.w & IMAGE_BIT || was_met(v) || ambi_word_ground(v) || ambi_is_lvar(v))
    return true;
  v = ambi_deref(v);
  if (was_met(v)) return true;
  if (!ambi_is_var(v)) return ambi_word_ground(v) || meet(t, v);
  return !is_known(ambi_ptr(v)[1]) || !ambi_in_heap(t->g->cx, ambi_ptr(v)) ||
         ambi_vec_push(&t->heap, v);
}

// The term and all it refers to.
static bool go_through(Merge *t, Value v) {
  if (!look_at(t, v)) return false;
  while (t->work.used) {
    Span *s = ambi_work_top(&t->work, sizeof *s);
    if (s->n == 0) {
      t->work.used -= sizeof *s;
      continue;
    }
    s->n--;
    if (!look_at(t, *s->at++)) return false;
  }
  return true;
}

static bool find_in_heap(Merge *t) {
  const Hook *h = t->h;
  const Image *m = t->m;
  bool ok = true;
  for (size_t i = 0; ok && i < h->values.n; i++)
    ok = go_through(t, h->values.at[i]);
  for (size_t i = 0; ok && i < h->nitems; i++)
    ok = go_through(t, h->items[i].value);
  for (size_t i = 0; ok && i < h->nbinds; i++)
    ok = go_through(t, h->binds[i].value);
  for (size_t i = 0; ok && i < m->n; i = ambi_image_next(m->w, i))
    ok = go_through(t, AMB_V(m->w[i]));
  for (size_t i = 0; i < t->nmet; i++)
    *t->g->copy.forwarded[i].at = t->g->copy.forwarded[i].header;
  return ok;
}

// ---- which are one ---------------------------------------------------------------
static bool is_cell(const Image *m, size_t i) {
  return m->w[i] == ambi_image_ref(m, TAG_VAR, 0, i).w;
}

// The place of what has that number, or of the next to have it.
static Known *place_of(const Merge *t, Word info) {
  size_t at = (size_t)((info * 0x9E3779B97F4A7C15ull) >> 32) & (t->cap - 1);
  while (t->table[at].info && t->table[at].info != info)
    at = (at + 1) & (t->cap - 1);
  return &t->table[at];
}

static bool more_places(Merge *t) {
  Merge old = *t;
  t->cap = old.cap ? 2 * old.cap : 64;
  t->table = ambi_alloc(t->cap * sizeof *t->table);
  if (!t->table) {
    *t = old;
    return false;
  }
  for (size_t i = 0; i < old.cap; i++)
    if (old.table[i].info) *place_of(t, old.table[i].info) = old.table[i];
  ambi_free(old.table, old.cap * sizeof *old.table);
  return true;
}

// The first one with that number, which may be this. AMB_NONE: memory is out.
static Value first_known(Merge *t, Word info, Value var) {
  if (2 * t->used >= t->cap && !more_places(t)) return AMB_NONE;
  Known *k = place_of(t, info);
  if (!k->info) {
    *k = (Known){info, var};
    t->used++;
  }
  return k->var;
}

static bool bind_in_heap(Merge *t) {
  for (size_t i = 0; i < t->h->nbinds; i++) {  // these stay what they are
    Word *cell = t->h->binds[i].cell;
    if (is_known(cell[1]) && t->heap.n &&
        ambi_is_none(first_known(t, cell[1], ambi_tag_ptr(TAG_VAR, cell))))
      return false;
  }
  for (size_t i = 0; i < t->heap.n; i++) {
    Value v = ambi_deref(t->heap.at[i]);
    Value first = first_known(t, ambi_ptr(v)[1], v);
    if (ambi_is_none(first) ||
        (first.w != v.w && !ambi_bind(t->g->cx, v, first)))
      return false;
  }
  return true;
}

// Of those that stay in the image each refers to the first with its number.
static bool bind_cells(Merge *t) {
  Image *m = t->m;
  for (size_t i = 0; i < m->n; i = ambi_image_next(m->w, i)) {
    if (!is_cell(m, i)) continue;
    Word info = m->w[i + 1];
    if (!is_known(info)) continue;
    Value first = first_known(t, info, AMB_V(m->w[i]));
    if (ambi_is_none(first)) return false;
    m->w[i] = first.w;
    m->refers |= !(m->w[i] & IMAGE_BIT);
  }
  return true;
}

static Value first_of(const Image *m, Value v) {
  if (!ambi_is_var(v) || !(v.w & IMAGE_BIT)) return v;
  return AMB_V(m->w[(v.w & (IMAGE_BIT - 1)) / sizeof(Word)]);
}

static void refer_to_first(Merge *t) {
  Image *m = t->m;
  Hook *h = t->h;
  for (size_t i = 0; i < m->n; i = ambi_image_next(m->w, i))
    m->w[i] = first_of(m, AMB_V(m->w[i])).w;
  for (size_t i = 0; i < h->values.n; i++)
    h->values.at[i] = first_of(m, h->values.at[i]);
  for (size_t i = 0; i < h->nitems; i++)
    h->items[i].value = first_of(m, h->items[i].value);
  for (size_t i = 0; i < h->nbinds; i++)
    h->binds[i].value = first_of(m, h->binds[i].value);
}

// ---- to the heap -----------------------------------------------------------------
// The variable that is there instead of the cell at p, which refers to it from then on.
static Value moved(Merge *t, Word *p) {
  if (p[0] != ambi_tag_ptr(TAG_VAR, p).w) return AMB_V(p[0]);
  Word info = p[1];
  bool one = is_known(info);
  Value v = one ? first_known(t, info, AMB_UNIT) : AMB_UNIT;
  if (ambi_is_unit(v)) {
    v = ambi_make_var(t->g->cx, ambi_vinfo_name(info), ambi_vinfo_id(info));
    if (ambi_is_none(v) || (one && !ambi_vec_push(&t->h->known, v)))
      return AMB_NONE;
    if (one) place_of(t, info)->var = v;
  }
  p[0] = v.w;
  return v;
}

static bool move_one(Merge *t, Value *v) {
  Image *m = t->m;
  const Word *p = ambi_ptr(*v);
  if (ambi_is_lvar(*v))
    *v = ambi_lend_value(&t->h->lent, *v);
  else if (ambi_is_var(*v) && p >= m->w && p < m->w + m->n)
    *v = moved(t, ambi_ptr(*v));
  else
    return true;
  m->refers = true;
  return !ambi_is_none(*v);
}

static bool move_all(Merge *t, Value *values, size_t n) {
  Image *m = t->m;
  for (size_t i = 0; i < m->n; i = ambi_image_next(m->w, i)) {
    Value v = AMB_V(m->w[i]);
    if (!move_one(t, &v)) return false;
    m->w[i] = v.w;
  }
  for (size_t i = 0; i < n; i++)
    if (!move_one(t, &values[i])) return false;
  m->has_variables = false;
  return true;
}

static bool move_own(Merge *t) {
  Hook *h = t->h;
  for (size_t i = 0; i < h->values.n; i++)
    h->values.at[i] = ambi_image_value(h->values.at[i], t->m->w, 0);
  ambi_image_settle_here(t->m);
  return move_all(t, h->values.at, h->values.n);
}

static bool end(Merge *t, bool ok) {
  ambi_work_close(&t->work);
  ambi_vec_drop(&t->heap);
  ambi_free(t->table, t->cap * sizeof *t->table);
  if (!ok && !t->g->cx->stop) t->g->cx->stop = STOP_MEMORY;
  return ok;
}

bool ambi_image_open(Engine *g, Hook *h, Image *m, Value *values, size_t n) {
  if (!m->has_variables) return true;
  Merge t = {.g = g, .h = h, .m = m};
  ambi_work_open(&t.work);
  return end(&t, move_all(&t, values, n));
}

// ---- the whole -------------------------------------------------------------------
// Those of adopted images, which may be one with what was lent.
static bool find_known(Merge *t) {
  const Hook *h = t->h;
  for (size_t i = 0; i < h->known.n; i++)
    if (!ambi_vec_push(&t->heap, h->known.at[i])) return false;
  for (size_t i = 0; i < h->lent.n; i++)
    if (ambi_is_var(ambi_deref(h->lent.at[i])) && !look_at(t, h->lent.at[i]))
      return false;
  return true;
}

static bool merge(Merge *t, bool moves) {
  if (!find_known(t)) return false;
  if (ambi_image_left_open(t->g, t->h) && !find_in_heap(t)) return false;
  if (!t->m->has_variables && t->heap.n < 2) return true;
  if (!bind_in_heap(t)) return false;
  if (!t->m->has_variables) return true;
  if (moves) return move_own(t);
  if (!bind_cells(t)) return false;
  refer_to_first(t);
  return true;
}

bool ambi_image_merge(Engine *g, Hook *h) {
  const Image *m = &h->image;
  bool moves = !h->with_bindings && (m->settled || ambi_image_is_large(m));
  bool several = h->values.n + h->nitems > 1 || moves;
  if (!several ||
      !(m->has_variables || h->known.n || ambi_image_left_open(g, h)))
    return true;
  Merge t = {.g = g, .h = h, .m = &h->image};
  ambi_work_open(&t.work);
  return end(&t, merge(&t, moves));
}
