// Stamps for all who share a search, and variables by their numbers.
#include "runtime/machine/lend.h"

#include "memory/alloc.h"

enum { AT_ONCE = 64 };  // stamps that one takes at a time

static bool more_stamps(Engine *g) {
  CopyScratch *c = &g->copy;
  if (!c->pool || ambi_load_relaxed(&c->pool->x_next) > AMB_STAMPS - AT_ONCE)
    return false;
  c->stamps = ambi_add_relaxed(&c->pool->x_next, AT_ONCE);
  c->stamps_end = c->stamps + AT_ONCE;
  return c->stamps_end <= AMB_STAMPS;
}

uint32_t ambi_stamps_next(Engine *g) {
  CopyScratch *c = &g->copy;
  if (AMB_LIKELY(c->stamps < c->stamps_end) || more_stamps(g))
    return ambi_stamp(c->stamps++);
  c->stamps = c->stamps_end;
  g->spoilt |= g->is_part;
  return 0;
}

Stamps *ambi_stamps_share(Engine *g) {
  CopyScratch *c = &g->copy;
  if (!c->pool) {
    c->pool = ambi_alloc(sizeof *c->pool);
    if (!c->pool) return NULL;
    ambi_store_relaxed(&c->pool->x_next, c->stamps);
    ambi_store_relaxed(&c->pool->x_held, 1);
    c->stamps_end = c->stamps;
  }
  if (ambi_load_relaxed(&c->pool->x_next) > AMB_STAMPS / 2) return NULL;
  return ambi_stamps_hold(c->pool);
}

Stamps *ambi_stamps_hold(Stamps *s) {
  if (s) ambi_add_relaxed(&s->x_held, 1);
  return s;
}

void ambi_stamps_use(Engine *g, Stamps *s) {
  g->copy.pool = ambi_stamps_hold(s);
  g->copy.stamps = g->copy.stamps_end = AMB_STAMPS;
}

void ambi_stamps_drop(Stamps *s) {
  if (s && ambi_sub(&s->x_held, 1) == 1) ambi_free(s, sizeof *s);
}

// ---- lent ones --------------------------------------------------------------------

bool ambi_lend_names(const Hook *h, ValueVec *infos) {
  for (size_t i = 0; i < h->lent.n; i++)
    if (!ambi_vec_push(infos, AMB_V(ambi_ptr(h->lent.at[i])[1]))) return false;
  return true;
}

bool ambi_lend_cells(Context *cx, const ValueVec *infos, ValueVec *lent) {
  for (size_t i = 0; i < infos->n; i++) {
    Word info = infos->at[i].w;
    Value v = ambi_make_var(cx, ambi_vinfo_name(info), ambi_vinfo_id(info));
    if (ambi_is_none(v) || !ambi_vec_push(lent, v)) return false;
  }
  return true;
}

void ambi_lend_found(const ValueVec *lent, Word *at, size_t n) {
  for (size_t i = 0; lent->n && i < n; i++) {
    bool object = at[i] >> 48 == TAG_HDR;
    enum ObjKind k = object ? ambi_hdr_kind(at[i]) : KIND_FLAT;
    if (k == KIND_STR || k == KIND_BIG)
      i += ambi_object_words(at[i]) - 1;
    else
      at[i] = ambi_lend_value(lent, AMB_V(at[i])).w;
  }
}

// ---- what a part has bound --------------------------------------------------------

static size_t count_bound(const ValueVec *lent) {
  size_t n = 0;
  for (size_t i = 0; i < lent->n; i++)
    n += !ambi_var_unbound(lent->at[i]);
  return n;
}

bool ambi_lend_has_bound(const ValueVec *lent) {
  return count_bound(lent) > 0;
}

Value ambi_lend_with_bound(Engine *g, const ValueVec *lent, Value v) {
  size_t n = 1 + 2 * count_bound(lent);
  Word *w = ambi_heap_alloc(g->cx, 1 + n), *to = w;
  if (!w) return AMB_NONE;
  *to++ = ambi_header(KIND_FLAT, 0, (uint32_t)n);
  *to++ = v.w;
  for (size_t i = 0; i < lent->n; i++) {
    if (ambi_var_unbound(lent->at[i])) continue;
    *to++ = ambi_small_int((int64_t)i).w;
    *to++ = lent->at[i].w;
  }
  return ambi_tag_ptr(TAG_EXPR, w);
}

Value ambi_lend_bind(Engine *g, const ValueVec *lent, Value bound) {
  for (uint32_t i = 1; i < ambi_expr_size(bound); i += 2) {
    Value var = lent->at[ambi_int_of(ambi_expr_at(bound, i))];
    if (!ambi_bind(g->cx, var, ambi_expr_at(bound, i + 1))) return AMB_NONE;
  }
  return ambi_expr_at(bound, 0);
}
