// Counts by function, and the tree of the stacks that were met.
#include "runtime/bytecode/sampler_data.h"

#include <string.h>

#include "memory/alloc.h"
#include "memory/timeline.h"
#include "runtime/machine/engine.h"
#include "runtime/modules/module.h"
#include "runtime/runtime.h"

static _Thread_local struct {
  const Sampler *of;
  uint64_t opened;
  Watched *thread;
} mine;

static Watched *own_thread(const Sampler *p) {
  return mine.thread && mine.of == p && mine.opened == p->opened ? mine.thread
                                                                 : NULL;
}

enum SamplerCount ambi_sampler_kind(const Code *pc) {
  switch (pc->op) {
  case OP_I_RET:
  case OP_I_RETRV:
  case OP_I_RETV: return SAMPLER_ANSWERS;
  case OP_I_TRY:
  case OP_I_FORKV:
  case OP_I_MATCH:
  case OP_I_MATCHF:
  case OP_I_QUERYT: return SAMPLER_CHOICES;
  default: return SAMPLER_COUNTS;
  }
}

// ---- life -----------------------------------------------------------------------

Sampler *ambi_sampler_start(CodeState *cs, void (*begin)(void *arg),
                            void *arg) {
  Sampler *p = ambi_alloc(sizeof *p);
  if (!p) return NULL;
  p->cs = cs;
  p->opened = ambi_timeline_now();
  p->begin = begin;
  p->arg = arg;
  p->collecting.name = (char *)(uintptr_t) "(collection)";
  p->deeper.name = (char *)(uintptr_t) "(deeper)";
  p->building.name = (char *)(uintptr_t) "(expression)";
  p->other.name = (char *)(uintptr_t) "(data)";
  pthread_mutex_init(&p->lock, NULL);
  if (!ambi_grow((void **)&p->nodes, &p->nodes_cap, 1, sizeof *p->nodes)) {
    ambi_free(p, sizeof *p);
    return NULL;
  }
  p->nodes[0] = (Node){0};
  p->nnodes = 1;
  cs->sampler = p;
  return p;
}

void ambi_sampler_end(CodeState *cs) {
  Sampler *p = cs->sampler;
  if (!p) return;
  cs->sampler = NULL;
  mine.thread = NULL;
  while (p->threads) {
    Watched *w = p->threads;
    p->threads = w->next;
    ambi_free(w, sizeof *w);
  }
  while (p->functions) {
    FunctionCounts *f = p->functions;
    p->functions = f->next;
    ambi_text_free(f->name);
    ambi_free(f, sizeof *f);
  }
  ambi_free(p->units, p->units_cap * sizeof *p->units);
  ambi_free(p->nodes, p->nodes_cap * sizeof *p->nodes);
  pthread_mutex_destroy(&p->lock);
  ambi_free(p, sizeof *p);
}

void ambi_sampler_code(Sampler *p, const void *low, const void *high) {
  p->low = (uintptr_t)low;
  p->high = (uintptr_t)high;
}

// ---- functions ------------------------------------------------------------------

static char *name_of(Runtime *rt, const Unit *u, const Definition *def) {
  if (!def) return ambi_text_copy(u->form ? "(form)" : "(loop)", 6);
  Buffer b = {0};
  ambi_definition_name(rt, &b, def);
  for (size_t i = 0; i < b.len; i++)
    if ((unsigned char)b.text[i] <= ' ' || b.text[i] == ';') b.text[i] = '_';
  char *name = b.failed ? NULL : ambi_text_copy(b.text, b.len);
  ambi_buffer_drop(&b);
  return name;
}

// Under the lock. NULL: memory is out.
static FunctionCounts *function_of(Sampler *p, const Unit *u) {
  static const char form, loop;
  const Definition *def = u->variant ? u->variant->def : NULL;
  const void *key = def ? (const void *)def : u->form ? &form : &loop;
  for (FunctionCounts *f = p->functions; f; f = f->next)
    if (f->key == key) return f;
  FunctionCounts *f = ambi_alloc(sizeof *f);
  char *name = f ? name_of(p->cs->rt, u, def) : NULL;
  if (!name) {
    ambi_free(f, sizeof *f);
    return NULL;
  }
  f->key = key;
  f->name = name;
  f->number = p->nfunctions++;
  f->next = p->functions;
  return p->functions = f;
}

static bool make_room(Sampler *p) {
  if (2 * (p->nunits + 1) <= p->units_cap) return true;
  Sampler larger = {.units_cap = p->units_cap ? 2 * p->units_cap : 256};
  larger.units = ambi_alloc(larger.units_cap * sizeof *larger.units);
  if (!larger.units) return false;
  for (size_t i = 0; i < p->units_cap; i++)
    if (p->units[i].unit)
      *ambi_sampler_place(&larger, p->units[i].unit) = p->units[i];
  ambi_free(p->units, p->units_cap * sizeof *p->units);
  p->units = larger.units;
  p->units_cap = larger.units_cap;
  return true;
}

// An address may be that of a unit which is gone.
void ambi_sampler_unit(CodeState *cs, Unit *u) {
  Sampler *p = cs->sampler;
  u->counts = NULL;
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  FunctionCounts *f = make_room(p) ? function_of(p, u) : NULL;
  if (f) {
    UnitName *at = ambi_sampler_place(p, u);
    p->nunits += at->unit == NULL;
    *at = (UnitName){u, f};
  }
  pthread_mutex_unlock(&p->lock);
  u->counts = f;
}

// ---- samples --------------------------------------------------------------------

struct Engine *ambi_sampler_enter(Sampler *p, struct Engine *g) {
  Watched *w = own_thread(p);
  if (!w) {
    w = ambi_alloc(sizeof *w);
    if (!w) return NULL;
    pthread_mutex_lock(&p->lock);
    w->next = p->threads;
    p->threads = w;
    pthread_mutex_unlock(&p->lock);
    mine.of = p;
    mine.opened = p->opened;
    mine.thread = w;
    p->begin(p->arg);
  }
  struct Engine *before = ambi_load_relaxed(&w->x_runs);
  ambi_store_relaxed(&w->x_runs, g);
  return before;
}

void ambi_sampler_leave(Sampler *p, struct Engine *before) {
  Watched *w = own_thread(p);
  if (!w) return;
  ambi_store_relaxed(&w->x_runs, before);
  ambi_sampler_drain(p);
}

void ambi_sampler_collecting(Sampler *p, bool on) {
  Watched *w = own_thread(p);
  if (w) ambi_store_relaxed(&w->x_collects, on);
}

// The frames, as far as addresses can be frames of this stack.
static uint32_t copy_stack(const Engine *g, const Word *e, Word *to) {
  const Word *low = g->stack + FRAME_HEADER, *high = g->stack_end;
  uint32_t n = 0;
  for (; n < SAMPLER_DEPTH; n++) {
    if (e < low || e > high) return n;
    to[n] = e[FRAME_UNIT];
    const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
    if (prev >= e) return n + 1;
    e = prev;
  }
  to[n] = 0;
  return n + 1;
}

static bool is_frame(const Engine *g, uintptr_t e) {
  return e % sizeof(Word) == 0 && e >= (uintptr_t)(g->stack + FRAME_HEADER) &&
         e <= (uintptr_t)g->stack_end;
}

void ambi_sampler_tick(uintptr_t at, uintptr_t frame) {
  Watched *w = mine.thread;
  if (!w) return;
  const Engine *g = ambi_load_relaxed(&w->x_runs);
  uint32_t n = ambi_load_relaxed(&w->x_n);
  if (!g) {
    ambi_store_relaxed(&w->x_outside, ambi_load_relaxed(&w->x_outside) + 1);
    return;
  }
  if (ambi_load_relaxed(&w->x_closed) || n + SAMPLER_DEPTH + 3 > SAMPLER_ROOM) {
    ambi_store_relaxed(&w->x_lost, ambi_load_relaxed(&w->x_lost) + 1);
    return;
  }
  bool native = at >= mine.of->low && at < mine.of->high && is_frame(g, frame);
  const Word *e = native ? (const Word *)frame : g->e;
  uint32_t used = 1;
  if (ambi_load_relaxed(&w->x_collects)) w->at[n + used++] = 0;
  used += copy_stack(g, e, w->at + n + used);
  w->at[n] = used - 1;
  ambi_store_relaxed(&w->x_n, n + used);
}

// ---- stacks ---------------------------------------------------------------------

// Under the lock. 0: memory is out.
static uint32_t child_of(Sampler *p, uint32_t parent, const FunctionCounts *f) {
  for (uint32_t c = p->nodes[parent].first; c; c = p->nodes[c].next)
    if (p->nodes[c].f == f) return c;
  if (!ambi_grow((void **)&p->nodes, &p->nodes_cap, p->nnodes + 1,
                 sizeof *p->nodes))
    return SAMPLER_NO_NODE;
  uint32_t child = (uint32_t)p->nnodes++;
  p->nodes[child] = (Node){.f = f, .next = p->nodes[parent].first};
  p->nodes[parent].first = child;
  return child;
}

static const FunctionCounts *named(const Sampler *p, Word w, uint32_t i) {
  if (w == 0) return i == 0 ? &p->collecting : &p->deeper;
  if (w == (Word)(uintptr_t)ambi_load_acquire(&p->cs->x_chain_unit))
    return &p->building;
  const UnitName *at =
      p->units_cap ? ambi_sampler_place(p, (const Unit *)(uintptr_t)w) : NULL;
  return at && at->unit ? at->f : &p->other;
}

static void add_sample(Sampler *p, const Word *at, uint32_t n) {
  uint32_t node = 0;
  for (uint32_t i = n; i-- > 0;) {
    node = child_of(p, node, named(p, at[i], i));
    if (!node) return;
  }
  p->nodes[node].own++;
}

void ambi_sampler_drain(Sampler *p) {
  Watched *w = own_thread(p);
  if (!w || ambi_load_relaxed(&w->x_n) == 0) return;
  ambi_store_relaxed(&w->x_closed, true);
  uint32_t all = ambi_load_relaxed(&w->x_n);
  pthread_mutex_lock(&p->lock);
  for (uint32_t i = 0; i < all; i += 1 + (uint32_t)w->at[i])
    add_sample(p, w->at + i + 1, (uint32_t)w->at[i]);
  if (ambi_pace(&p->walked, 64)) AMB_WALK(ambi_sampler_is_valid(p, &why));
  pthread_mutex_unlock(&p->lock);
  ambi_store_relaxed(&w->x_n, 0);
  ambi_store_relaxed(&w->x_closed, false);
}

// ---- looking --------------------------------------------------------------------

enum { SPECIAL = 4 };

static const FunctionCounts *row_at(const Sampler *p, size_t i) {
  const FunctionCounts *special[SPECIAL] = {&p->collecting, &p->deeper,
                                            &p->building, &p->other};
  if (i < SPECIAL) return special[i];
  const FunctionCounts *f = p->functions;
  while (f && i-- > SPECIAL)
    f = f->next;
  return f;
}

SamplerTotals ambi_sampler_totals(const Sampler *p) {
  SamplerTotals t = {.rows = p->nfunctions + SPECIAL};
  for (size_t i = 1; i < p->nnodes; i++)
    t.samples += p->nodes[i].own;
  for (const Watched *w = p->threads; w; w = w->next) {
    t.outside += ambi_load_relaxed(&w->x_outside);
    t.lost += ambi_load_relaxed(&w->x_lost);
  }
  return t;
}

SamplerRow ambi_sampler_row(const Sampler *p, size_t i) {
  const FunctionCounts *f = row_at(p, i);
  SamplerRow row = {.name = f->name};
  for (size_t n = 1; n < p->nnodes; n++)
    if (p->nodes[n].f == f) row.own += p->nodes[n].own;
  for (int k = 0; k < SAMPLER_COUNTS; k++)
    row.n[k] = ambi_load_relaxed(&f->x_n[k]);
  return row;
}

typedef struct
    Step {  // of a walk through the tree: a node, and what stands before it
  uint32_t node;
  size_t len;
} Step;

static bool push(Step **work, size_t *cap, size_t *n, Step step) {
  if (!ambi_grow((void **)work, cap, *n + 1, sizeof step)) return false;
  (*work)[(*n)++] = step;
  return true;
}

void ambi_sampler_stacks(const Sampler *p,
                         void (*with)(void *arg, const char *stack, uint64_t n),
                         void *arg) {
  Step *work = NULL;
  size_t cap = 0, n = 0;
  Buffer b = {0};
  bool ok = true;
  for (uint32_t c = p->nodes[0].first; c && ok; c = p->nodes[c].next)
    ok = push(&work, &cap, &n, (Step){c, 0});
  while (n > 0 && ok) {
    Step at = work[--n];
    const Node *node = &p->nodes[at.node];
    b.len = at.len;
    if (b.len) ambi_buffer_puts(&b, ";");
    ambi_buffer_puts(&b, node->f->name);
    if (node->own && !b.failed) with(arg, b.text, node->own);
    for (uint32_t c = node->first; c && ok; c = p->nodes[c].next)
      ok = push(&work, &cap, &n, (Step){c, b.len});
  }
  ambi_free(work, cap * sizeof *work);
  ambi_buffer_drop(&b);
}
