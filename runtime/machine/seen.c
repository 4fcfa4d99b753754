// The copies of return addresses, one for each, in a table by address; see seen.h.
#include "runtime/machine/seen.h"

#include "memory/alloc.h"

static size_t home_of(const SeenReturns *s, const Code *ret) {
  return ((uintptr_t)ret >> 3) * 0x9E3779B97F4A7C15u >> 20 & (s->cap - 1);
}

static SeenReturn *place_of(const SeenReturns *s, const Code *ret) {
  size_t i = home_of(s, ret);
  while (s->at[i].from && s->at[i].from != ret)
    i = (i + 1) & (s->cap - 1);
  return &s->at[i];
}

static void free_table(SeenReturns *s) {
  ambi_free(s->at, s->cap * sizeof *s->at);
}

static bool grow(SeenReturns *s) {
  SeenReturns was = *s;
  size_t cap = was.cap ? 2 * was.cap : 64;
  SeenReturn *at = ambi_alloc(cap * sizeof *at);
  if (!at) return false;
  s->at = at;
  s->cap = cap;
  for (size_t i = 0; i < was.cap; i++)
    if (was.at[i].from) *place_of(s, was.at[i].from) = was.at[i];
  free_table(&was);
  return true;
}

static Landing *new_copy(SeenReturns *s) {
  Landing *l = s->spare;
  if (!l) return ambi_arena_alloc(&s->arena, sizeof *l);
  s->spare = (Landing *)(uintptr_t)l->addr;
  return l;
}

static Landing *copy_of(SeenReturns *s, const Code *ret) {
  Landing *l = new_copy(s);
  if (!l) return NULL;
  if (ret->op == OP_I_NATIVE)
    *l = *(const Landing *)(const void *)ret;
  else
    *l = (Landing){.code = ((Code){{.op = OP_I_SEEN}}).w, .origin = ret};
  Code code = {.w = l->code};
  code.a = 1;
  l->code = code.w;
  return l;
}

// Whose position the frame returns to; NULL: it is a stub's.
static const Unit *unit_at(const Word *e) {
  const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
  const Unit *u = (const Unit *)(uintptr_t)prev[FRAME_UNIT];
  const Code *at = ambi_frame_returns(e);
  return at >= u->code && at < u->code + u->ncode ? u : NULL;
}

void ambi_seen_mark(Engine *g, Word *e) {
  SeenReturns *s = &g->seen;
  const Code *ret = (const Code *)(uintptr_t)e[FRAME_RET];
  const Unit *chain = ambi_load_acquire(&g->code->x_chain_unit);
  if (ambi_is_seen(e) || (chain && ret == chain->code)) return;
  if (2 * s->n >= s->cap && !grow(s)) return;
  SeenReturn *at = place_of(s, ret);
  if (!at->from) {
    Landing *to = copy_of(s, ret);
    if (!to) return;
    *at = (SeenReturn){ret, to, unit_at(e)};
    s->n++;
  }
  e[FRAME_RET] = (Word)(uintptr_t)at->to;
}

// Those behind it that found its place taken move up.
static void take_out(SeenReturns *s, size_t i) {
  size_t mask = s->cap - 1;
  s->at[i].to->addr = s->spare;
  s->spare = s->at[i].to;
  for (size_t k = (i + 1) & mask; s->at[k].from; k = (k + 1) & mask)
    if (((k - home_of(s, s->at[k].from)) & mask) >= ((k - i) & mask)) {
      s->at[i] = s->at[k];
      i = k;
    }
  s->at[i] = (SeenReturn){0};
  s->n--;
}

void ambi_seen_leave(Engine *g) {
  SeenReturns *s = &g->seen;
  for (size_t i = 0; i < s->cap; i++)
    while (s->at[i].from && s->at[i].unit && s->at[i].unit->space &&
           ambi_code_has_left(s->at[i].unit->space))
      take_out(s, i);
}

void ambi_seen_drop(Engine *g) {
  ambi_arena_close(&g->seen.arena);
  free_table(&g->seen);
  g->seen = (SeenReturns){0};
}
