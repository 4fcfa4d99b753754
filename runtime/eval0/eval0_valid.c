// A walk over tier 0's machine: its agenda, the collectors and results on its stack, and
// the frames of each continuation.
#include "runtime/eval0/eval0.h"

// Of a chain only so many are looked at: continuations share their lower parts.
enum { FRAMES = 256, ITEMS = 256 };

static bool is_on_stack(const Machine *m, const void *p, size_t size) {
  const char *at = p;
  return at >= m->stack.base && at + size <= m->top &&
         (uintptr_t)at % sizeof(Word) == 0;
}

static bool is_value(const Machine *m, Value v, const char **why) {
  return ambi_is_none(v) || ambi_value_is_valid(m->cx, v, why);
}

// ---- results --------------------------------------------------------------------

static bool item_is_valid(const Machine *m, const Item *i, const char **why) {
  if (!is_on_stack(m, i, sizeof *i) ||
      !is_on_stack(m, i, sizeof *i + i->nbindings * sizeof(Binding)))
    return ambi_invalid(why, "a result that is not on the stack");
  for (size_t k = 0; k < i->nbindings; k++) {
    const Binding *b = &i->bindings[k];
    if (!ambi_in_heap(m->cx, b->cell))
      return ambi_invalid(why, "a result that binds what is no variable");
    if (!is_value(m, b->value, why)) return false;
  }
  return is_value(m, i->value, why);
}

static bool items_are_valid(const Machine *m, const Item *i, const Item *last,
                            const char **why) {
  unsigned n = 0;
  for (; i && n < ITEMS; i = i->next, n++) {
    if (!item_is_valid(m, i, why)) return false;
    if (last && (i == last) != (i->next == NULL))
      return ambi_invalid(why, "results that end elsewhere");
  }
  return true;
}

static bool collector_is_valid(const Machine *m, const Collector *c,
                               const char **why) {
  if (!is_on_stack(m, c, sizeof *c))
    return ambi_invalid(why, "a collector that is not on the stack");
  if (c->mark.top > (const char *)c || c->mark.trail > m->cx->tr ||
      c->mark.h > m->cx->h)
    return ambi_invalid(why, "a collector that began later than it stands");
  if (!c->items.first != !c->items.last)
    return ambi_invalid(why, "results that end elsewhere");
  return items_are_valid(m, c->items.first, c->items.last, why);
}

// ---- frames ---------------------------------------------------------------------

static bool own_is_valid(const Machine *m, const Frame *f, const char **why) {
  switch ((enum FrameKind)f->kind) {
  case FRAME_COLLECT:
    if (!is_on_stack(m, f->collector, sizeof *f->collector) ||
        f->collector->up != f->up)
      return ambi_invalid(why, "a frame of no collector");
    return true;
  case FRAME_MARK:
    return !f->base || is_on_stack(m, f->base, sizeof *f->base) ||
           ambi_invalid(why, "a frame that goes back to none");
  case FRAME_ARGS:
    for (const Done *d = f->done; d; d = d->older)
      if (!is_on_stack(m, d, sizeof *d))
        return ambi_invalid(why, "a value of a child that is nowhere");
    return f->index < ambi_expr_size(f->a) ||
           ambi_invalid(why, "a frame for a child that the call has not");
  default: return true;
  }
}

static bool frame_is_valid(const Machine *m, const Frame *f, const char **why) {
  if (!is_on_stack(m, f, sizeof *f))
    return ambi_invalid(why, "a frame that is not on the stack");
  if (f->kind > FRAME_TRACE) return ambi_invalid(why, "a frame of no kind");
  if (f->up && f->up >= f)
    return ambi_invalid(why, "a frame above the one that goes on with it");
  if (!f->space || f->space->cell.kind != CELL_SPACE)
    return ambi_invalid(why, "a frame of no space");
  return is_value(m, f->a, why) && is_value(m, f->b, why) &&
         is_value(m, f->c, why) && own_is_valid(m, f, why);
}

static bool chain_is_valid(const Machine *m, const Frame *f, const char **why) {
  for (unsigned n = 0; f && n < FRAMES; f = f->up, n++) {
    if (!frame_is_valid(m, f, why)) return false;
    uint32_t nest = f->up && is_on_stack(m, f->up, sizeof *f) ? f->up->nest : 0;
    bool counts = f->kind == FRAME_COLLECT || f->kind == FRAME_TABLE;
    if (f->nest != nest + counts)
      return ambi_invalid(why, "a frame that counts its collectors wrong");
  }
  return true;
}

// ---- the agenda -----------------------------------------------------------------

static bool choice_is_valid(const Machine *m, size_t i, const char **why) {
  const Choice *c = &m->choices[i], *below = i ? c - 1 : NULL;
  if (c->kind > CHOICE_TABLE) return ambi_invalid(why, "a choice of no kind");
  if (c->trail > c->tidied || c->tidied > m->cx->tr || c->h > m->cx->h ||
      (below && (c->trail < below->trail || c->h < below->h)))
    return ambi_invalid(why, "a choice that goes back further than one below");
  switch (c->kind) {
  case CHOICE_ITEMS:
  case CHOICE_STEP:
    if (!c->next) return ambi_invalid(why, "a choice without alternatives");
    return items_are_valid(m, c->next, NULL, why) && is_value(m, c->call, why);
  case CHOICE_COLLECT:
    if (!collector_is_valid(m, c->collector, why)) return false;
    return (c->collector->choice == i && c->collector->up == c->up) ||
           ambi_invalid(why, "a collector under another's choice");
  default:
    return c->up != NULL || ambi_invalid(why, "a table's choice for nothing");
  }
}

bool ambi_eval0_is_valid(const Machine *m, const char **why) {
  if (!ambi_range_is_valid(&m->stack, why)) return false;
  if (m->top < m->stack.base || m->top > m->stack.base + m->stack.committed)
    return ambi_invalid(why, "the stack's top is not on it");
  if (m->nchoices > m->choices_cap)
    return ambi_invalid(why, "an agenda longer than its room");
  for (size_t i = 0; i < m->nchoices; i++)
    if (!choice_is_valid(m, i, why) ||
        !chain_is_valid(m, m->choices[i].up, why))
      return false;
  return true;
}
