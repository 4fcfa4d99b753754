// The copies of return addresses, one for each, in a table by address; see seen.h.
#include "runtime/machine/seen.h"

#include "memory/alloc.h"

static size_t place_of(const SeenReturns *s, const Code *ret) {
  size_t i = ((uintptr_t)ret >> 3) * 0x9E3779B97F4A7C15u >> 20;
  while (s->from[i & (s->cap - 1)] && s->from[i & (s->cap - 1)] != ret)
    i++;
  return i & (s->cap - 1);
}

static void free_table(SeenReturns *s) {
  ambi_free(s->from, s->cap * sizeof *s->from);
  ambi_free(s->to, s->cap * sizeof *s->to);
}

static bool grow(SeenReturns *s) {
  SeenReturns was = *s;
  size_t cap = was.cap ? 2 * was.cap : 64;
  s->from = ambi_alloc(cap * sizeof *s->from);
  s->to = ambi_alloc(cap * sizeof *s->to);
  s->cap = cap;
  if (!s->from || !s->to) {
    free_table(s);
    *s = was;
    return false;
  }
  for (size_t i = 0; i < was.cap; i++) {
    if (!was.from[i]) continue;
    size_t at = place_of(s, was.from[i]);
    s->from[at] = was.from[i];
    s->to[at] = was.to[i];
  }
  free_table(&was);
  return true;
}

static Landing *copy_of(SeenReturns *s, const Code *ret) {
  Landing *l = ambi_arena_alloc(&s->arena, sizeof *l);
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

void ambi_seen_mark(Engine *g, Word *e) {
  SeenReturns *s = &g->seen;
  const Code *ret = (const Code *)(uintptr_t)e[FRAME_RET];
  const Unit *chain = ambi_load_acquire(&g->code->x_chain_unit);
  if (ambi_is_seen(e) || (chain && ret == chain->code)) return;
  if (2 * s->n >= s->cap && !grow(s)) return;
  size_t at = place_of(s, ret);
  if (!s->from[at]) {
    s->to[at] = copy_of(s, ret);
    if (!s->to[at]) return;
    s->from[at] = ret;
    s->n++;
  }
  e[FRAME_RET] = (Word)(uintptr_t)s->to[at];
}

void ambi_seen_drop(Engine *g) {
  ambi_arena_close(&g->seen.arena);
  free_table(&g->seen);
  g->seen = (SeenReturns){0};
}
