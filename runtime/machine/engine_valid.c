// A walk over the machine as a collection has left it: frames, choice records,
// what hangs on them, and the heap they refer to.
#include "runtime/machine/deepen.h"

static bool on_stack(const Engine *g, const Word *p) {
  return p >= g->stack &&
         (const char *)p <= g->stack_range.base + g->stack_range.committed;
}

// Into the caller's code, or to what several frames share: the end of the form, and
// what operations that give several results return to.
static bool returns_well(const Unit *caller, const Code *ret) {
  ret = ambi_code_origin(ret);
  if (ret >= caller->code && ret < caller->code + caller->ncode) return true;
  return ret->op == OP_I_TOP_RESULT || ret->op == OP_I_RETRV;
}

// ---- frames -------------------------------------------------------------------

static bool header_is_valid(const Engine *g, const Word *e, const char **why) {
  if (!on_stack(g, e) || e < g->stack + FRAME_HEADER)
    return ambi_invalid(why, "a frame that is not on the stack");
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  const Code *ret = (const Code *)(uintptr_t)e[FRAME_RET];
  const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
  if (!u || !u->code || u->nslots > MAX_SLOTS)
    return ambi_invalid(why, "a frame of no unit");
  if (!ret || ret->op >= OP_I_COUNT)
    return ambi_invalid(why, "a frame returns to no instruction");
  if (prev == e) return true;
  if (prev > e || !on_stack(g, prev))
    return ambi_invalid(why, "a frame's caller stands above it");
  return returns_well((const Unit *)(uintptr_t)prev[FRAME_UNIT], ret) ||
         ambi_invalid(why, "a frame does not return into its caller's code");
}

static bool frames_are_valid(const Engine *g, const Word *e, const char **why) {
  for (;;) {
    if (!header_is_valid(g, e, why)) return false;
    const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
    if (prev == e) return true;
    e = prev;
  }
}

// ---- hooks --------------------------------------------------------------------

static bool item_is_valid(const Hook *h, const Item *it) {
  return it->img_from <= it->img_to && it->img_to <= h->image.n &&
         it->bind_from <= it->bind_to && it->bind_to <= h->nbinds;
}

static bool hook_is_valid(const Engine *g, const Hook *h, const char **why) {
  if (h->kind > HOOK_ROUNDS || h->nitems > h->items_cap ||
      h->nbinds > h->binds_cap || h->image.n > h->image.cap ||
      h->values.n > h->values.cap || h->records.n > h->records.cap)
    return ambi_invalid(why, "saved results are more than their room");
  for (size_t i = 0; i < h->nitems; i++)
    if (!item_is_valid(h, &h->items[i]))
      return ambi_invalid(why, "a saved result lies outside its image");
  for (size_t i = 0; i < h->lent.n; i++)
    if (!ambi_is_var(h->lent.at[i]))
      return ambi_invalid(why, "what was lent is no variable");
  for (size_t i = 0; i < h->known.n; i++)
    if (!ambi_is_var(h->known.at[i]))
      return ambi_invalid(why,
                          "what an adopted image refers to is no variable");
  if (h->kind == HOOK_ROUNDS && (!h->search || h->search->rounds.step == 0))
    return ambi_invalid(why, "a search that gets no further");
  if (h->kind != HOOK_STREAM && h->kind != HOOK_GATHER) return true;
  if (!h->old_resume || !h->next || !h->err)
    return ambi_invalid(why, "saved results go nowhere");
  return header_is_valid(g, h->frame, why);
}

// ---- choice records -----------------------------------------------------------

static bool order_is_valid(const Engine *g, const Choice *r, const char **why) {
  const Context *cx = g->cx;
  if (r->h < cx->hbase || r->h > cx->h || r->tr > cx->tr)
    return ambi_invalid(why, "a record goes back to what was given back");
  if (r == g->choices) return true;
  if (r->h < r[-1].h || r->tr < r[-1].tr || r->top < r[-1].top)
    return ambi_invalid(why, "a record goes back further than the one before");
  return r->top >= r->e ||
         ambi_invalid(why, "a record does not protect its own frame");
}

static bool record_is_valid(const Engine *g, const Choice *r,
                            const char **why) {
  if (!r->resume || r->resume->op >= OP_I_COUNT || !r->s)
    return ambi_invalid(why, "a record resumes nowhere");
  if (!order_is_valid(g, r, why) || !header_is_valid(g, r->e, why))
    return false;
  for (const Hook *h = r->hook; h; h = h->old)
    if (!hook_is_valid(g, h, why)) return false;
  return ambi_value_is_valid(g->cx, r->aux, why);
}

static bool records_are_valid(const Engine *g, const char **why) {
  if (g->b < g->choices || g->b >= g->choices_end ||
      g->choices->resume->op != OP_I_TOP_DONE)
    return ambi_invalid(why, "the choice stack has lost its ends");
  for (const Choice *r = g->choices; r <= g->b; r++)
    if (!record_is_valid(g, r, why)) return false;
  return g->cx->hb == g->b->h ||
         ambi_invalid(why, "bindings are not noted as the newest record needs");
}

bool ambi_engine_is_valid(const Engine *g, const char **why) {
  return ambi_range_is_valid(&g->stack_range, why) &&
         ambi_range_is_valid(&g->choice_range, why) &&
         records_are_valid(g, why) && frames_are_valid(g, g->e, why) &&
         ambi_value_is_valid(g->cx, g->rv, why) &&
         ambi_context_is_valid(g->cx, why);
}
