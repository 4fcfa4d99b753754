// Rounds of a search by the number of choices, and what comes of them.
#include "runtime/machine/deepen.h"

#include "memory/alloc.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/step.h"

// ---- rounds ---------------------------------------------------------------------------

static void count_from_here(Engine *g, Search *s) {
  s->outer = g->search;
  s->made = g->made;
  s->most = g->most;
  s->taken = g->taken;
  s->enough = g->enough;
  s->cut = s->given_up = s->has_value = false;
  g->search = s;
  g->made = 0;
  g->most = ambi_rounds_most(&s->rounds);
  g->taken = 0;
  g->enough = ambi_rounds_enough(&s->rounds);
}

static void count_as_before(Engine *g, const Search *s) {
  g->search = s->outer;
  g->made = s->made;
  g->most = s->most;
  g->taken = s->taken;
  g->enough = s->enough;
}

// The record is the newest. What was bound, and what is above it, is gone.
static enum Next begin_round(Engine *g, Choice *r) {
  Hook *h = r->hook;
  h->nitems = h->nbinds = h->nvalues = h->image.n = 0;
  h->image.leaves_open = h->image.refers = h->image.has_variables = false;
  h->cursor = 0;
  h->next = NULL;
  h->search->record = r;
  r->resume = h->old_resume;
  count_from_here(g, h->search);
  g->e = r->e;
  g->e[h->slot] = ambi_position(r - 1).w;
  g->pc = ambi_code_origin(r->next) + 1;
  return NEXT_PC;
}

bool ambi_deepen_begin(Engine *g, const Code *resume) {
  const Code *pc = g->pc;
  Hook *h = ambi_hook_new(g, HOOK_ROUNDS);
  Search *s = h ? ambi_alloc(sizeof *s) : NULL;
  if (s)
    *s = (Search){.rounds = {.step = pc->b ? pc->b : 1, .fixed = pc->b != 0}};
  else
    g->cx->stop = STOP_MEMORY;
  if (h) h->search = s;
  Choice *r = s ? ambi_choice_push(g, resume) : NULL;
  if (!r) {
    ambi_hook_free(g, h);
    return false;
  }
  h->slot = pc->a;
  h->frame = g->e;
  h->s = g->cx->space;
  h->old_resume = resume;
  r->hook = h;
  r->next = pc;
  return begin_round(g, r) == NEXT_PC;
}

// ---- alternatives -----------------------------------------------------------------------

enum Next ambi_deepen_enough(Engine *g) {
  Search *s = g->search;
  s->cut = true;
  if (g->taken > g->enough) {
    s->given_up = true;
    ambi_choice_cut(g, s->record + 1);
  }
  return NEXT_FAIL;
}

enum Next ambi_deepen_plainly(Engine *g) {
  g->search->plainly = true;
  ambi_choice_cut(g, g->search->record + 1);
  return NEXT_FAIL;
}

// ---- results ----------------------------------------------------------------------------

// What a body may be only as a whole sends back to the call it is of.
enum Next ambi_deepen_add(Engine *g) {
  const Code *pc = g->pc;
  Choice *r = ambi_position_choice(AMB_V(g->e[pc->b])) + 1;
  Hook *h = r->hook;
  Search *s = h->search;
  Value v = ambi_deref(AMB_V(g->e[pc->a]));
  bool error = ambi_is_error_value(v);
  if (ambi_odd_body(v)) return ambi_deepen_plainly(g);
  if (v.w == AMB_SYM(EMPTY).w) return NEXT_FAIL;
  s->has_value |= !error;
  if (error ? s->has_value : g->made < s->rounds.from) return NEXT_FAIL;
  h->dst = pc->a;
  h->next = h->err = pc + (int16_t)pc->c;
  return ambi_item_save(g, h, r, v, error) ? NEXT_FAIL : NEXT_STOP;
}

// Where something was cut off, or there is a value, an Error is no result.
static void drop_errors(Hook *h, bool all) {
  size_t n = 0;
  for (size_t i = 0; i < h->nitems; i++)
    if (!all && !h->items[i].error) h->items[n++] = h->items[i];
  h->nitems = n;
}

static void merge(const Item *from, size_t a, size_t b, size_t end, Item *to) {
  size_t i = a, k = b;
  for (size_t n = a; n < end; n++) {
    bool first = i < b && (k == end || from[i].made <= from[k].made);
    to[n] = first ? from[i++] : from[k++];
  }
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

// Fewer choices first, else as they came. False: memory is out.
static bool sort(Hook *h) {
  size_t n = h->nitems, bytes = n * sizeof *h->items;
  bool sorted = true;
  for (size_t i = 1; i < n; i++)
    sorted &= h->items[i - 1].made <= h->items[i].made;
  if (sorted) return true;
  Item *other = ambi_alloc(bytes), *from = h->items, *to = other;
  if (!other) return false;
  for (size_t run = 1; run < n; run *= 2) {
    for (size_t a = 0; a < n; a += 2 * run)
      merge(from, a, smaller(a + run, n), smaller(a + 2 * run, n), to);
    Item *swap = from;
    from = to;
    to = swap;
  }
  if (from != h->items) memcpy(h->items, from, bytes);
  ambi_free(other, bytes);
  return true;
}

// Tier 0 begins where the round did.
static enum Next leave(Engine *g, Choice *r, const Rounds *rounds) {
  const Code *pc = g->pc;
  g->e[pc->a] = ambi_small_int((int64_t)rounds->from).w;
  g->e[pc->b] = ambi_small_int((int64_t)rounds->step).w;
  g->e[pc->c] = ambi_small_int((int64_t)rounds->before).w;
  g->pc = pc + ambi_op_words(pc);
  ambi_choice_cut(g, r);
  return NEXT_PC;
}

enum Next ambi_deepen_end(Engine *g) {
  static const Code next[1] = {{.op = OP_I_DEEPEN_NEXT}};
  Choice *r = g->b;
  Hook *h = r->hook;
  Search *s = h->search;
  uint64_t taken = g->taken;
  count_as_before(g, s);
  if (s->plainly) return leave(g, r, &s->rounds);
  if (s->has_value || s->cut) drop_errors(h, s->given_up || !s->has_value);
  ambi_rounds_go_on(&s->rounds, taken, s->given_up);
  if (h->nitems == 0 && s->cut) return begin_round(g, r);
  if (h->nitems == 0)
    ambi_choice_cut(g, r);
  else if (!sort(h)) {
    g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  } else {
    r->resume = next;
  }
  return NEXT_FAIL;
}

// The record goes before the last result of the last round goes on.
enum Next ambi_deepen_next(Engine *g) {
  Choice *r = g->b;
  Hook *h = r->hook;
  if (h->cursor == h->nitems) return begin_round(g, r);
  const Item *it = &h->items[h->cursor++];
  bool last = h->cursor == h->nitems && !h->search->cut;
  if (last) {
    r->hook = NULL;
    ambi_choice_cut(g, r);
  }
  g->e = h->frame;
  g->cx->space = h->s;
  g->pc = h->next;
  bool ok = ambi_item_give(g, h, it, &g->e[h->dst]);
  if (last) ambi_hook_free(g, h);
  return ok ? NEXT_PC : NEXT_STOP;
}

void ambi_deepen_drop(Engine *g, Hook *h) {
  Search *s = h->search;
  if (!s) return;
  if (g->search == s) count_as_before(g, s);
  ambi_free(s, sizeof *s);
  h->search = NULL;
}
