// A plan is run: depth first over the goals, each with a batch of facts on the way.
//
// Facts and slots of indexes lie anywhere in memory. So a goal takes some candidates
// at once: first their words are fetched, then the facts, then the slots where the
// next goal will look, and by the time a goal comes to use them they are there.
// Batches change nothing of the order.
#include "runtime/spaces/join.h"

#include "memory/alloc.h"
#include "runtime/config.h"

enum {
  JOIN_BATCH = 16,
  FEW =
      8  // candidates: tried one by one, rather than looking into more indexes
};

// Positions that two lists have in common, or all of one list.
typedef struct Candidates {
  Hits hits;
  uint32_t next;
  const uint32_t *other;  // NULL: none
  uint32_t nother, beside;
} Candidates;

typedef struct Level {
  JoinGoal *g;
  Index *first;  // of keys[0]; NULL: all facts are candidates
  Candidates c;
  unsigned n, next;                   // of the batch
  uint32_t pos[JOIN_BATCH];           // facts that match
  Value taken[JOIN_BATCH][JOIN_OPS];  // what their operations bind
  bool looked;
  Hits hits[JOIN_BATCH];  // where the next goal looks, if that was looked up
} Level;

typedef struct Run {
  Join *j;
  Context *cx;
  Value slot[JOIN_VARS];
  uint32_t at[JOIN_GOALS];  // positions of the facts in use, by written place
  uint64_t tried;
  ValueVec *values;
  size_t nsolutions;
  uint32_t *places;  // of each solution, when they are to be sorted
  size_t nplaces, places_cap;
  Level level[];
} Run;

// ---- candidates ---------------------------------------------------------------------
static Candidates candidates_of(Hits h) {
  return (Candidates){.hits = h};
}

// The first entry of the other list that is not below pos: steps that double, then
// halves.
static bool gallop(Candidates *c, uint32_t pos) {
  uint32_t lo = c->beside, step = 1;
  while (lo + step < c->nother && c->other[lo + step] < pos) {
    lo += step;
    step *= 2;
  }
  uint32_t hi = lo + step < c->nother ? lo + step : c->nother;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (c->other[mid] < pos)
      lo = mid + 1;
    else
      hi = mid;
  }
  c->beside = lo;
  return lo < c->nother && c->other[lo] == pos;
}

static bool next_candidate(Candidates *c, uint32_t *pos) {
  while (c->next < c->hits.n) {
    *pos = ambi_hit(&c->hits, c->next++);
    if (!c->other || gallop(c, *pos)) return true;
  }
  return false;
}

static uint64_t hash_now(const Run *r, const JoinGoal *g) {
  Value items[JOIN_OPS + 1];
  uint32_t n = ambi_expr_size(g->pattern);
  items[0] = ambi_expr_at(g->pattern, 0);
  for (uint32_t i = 1; i < n; i++) {
    const JoinOp *op = &g->ops[i - 1];
    items[i] = op->kind == JOIN_SAME ? r->slot[op->to] : op->value;
  }
  return ambi_hash_items(items, n);
}

static uint64_t key_now(const Run *r, const JoinGoal *g, const JoinKey *k) {
  if (k->var == JOIN_WHOLE) return hash_now(r, g);
  if (k->var == JOIN_VARS) return k->key;
  uint64_t key = 0;
  ambi_key_value(r->slot[k->var], &key);
  return k->size ? ambi_key_functor(key, k->size) : key;
}

// False: there is no such index.
static bool look(const JoinGoal *g, Path path, uint64_t key, Hits *out) {
  Index *x = ambi_relation_index(g->rel, &g->view, path);
  if (x) *out = ambi_relation_hits(g->rel, &g->view, x, key);
  return x != NULL;
}

// Narrows down many candidates by what else is known.
static void narrow(Run *r, JoinGoal *g, Candidates *c) {
  Hits best = c->hits, second = {.n = UINT32_MAX}, h;
  for (unsigned i = 1; i < g->nkeys && best.n > FEW; i++) {
    if (!look(g, g->keys[i].path, key_now(r, g, &g->keys[i]), &h)) continue;
    if (h.n < best.n) {
      second = best;
      best = h;
    } else if (h.n < second.n) {
      second = h;
    }
  }
  Path whole = {PATH_GROUND, PATH_SELF};
  if (best.n > FEW && g->all_known && g->keys[0].var != JOIN_WHOLE &&
      look(g, whole, hash_now(r, g), &h))
    best = h;
  *c = candidates_of(best);
  if (best.n <= FEW || !second.at) return;
  c->other = second.at;
  c->nother = second.n;
}

// While another thread was at the index, all facts were candidates.
static void find_first(Level *l) {
  if (l->first || l->g->nkeys == 0) return;
  l->first = ambi_relation_index(l->g->rel, &l->g->view, l->g->keys[0].path);
}

static void open_level(Run *r, Level *l, const Hits *known) {
  JoinGoal *g = l->g;
  g->asked++;
  l->n = l->next = 0;
  if (g->view.epochs && !known) find_first(l);
  if (!l->first) {
    l->c = candidates_of((Hits){.n = g->n});
    return;
  }
  l->c = candidates_of(known ? *known
                             : ambi_relation_hits(g->rel, &g->view, l->first,
                                                  key_now(r, g, &g->keys[0])));
  if (l->c.hits.n > FEW) narrow(r, g, &l->c);
}

// ---- one fact ---------------------------------------------------------------------
static bool equal(Context *cx, Value a, Value b) {
  if (ambi_same(a, b) && !ambi_is_expr(a)) return a.w != AMB_CANONICAL_NAN;
  if (ambi_is_sym(a) || ambi_is_sym(b) || (ambi_is_int(a) && ambi_is_int(b)))
    return false;
  return ambi_unify(cx, a, b);
}

// False: the fact is another one, or cx->stop is set.
static inline bool match(Run *r, const JoinGoal *g, Value fact, Value *taken) {
  const Value *part[JOIN_PARTS];
  part[0] = ambi_expr_items(fact);
  for (unsigned i = 0; i < g->nops; i++) {
    const JoinOp *op = &g->ops[i];
    Value v = part[op->part][op->child];
    switch (op->kind) {
    case JOIN_BIND: r->slot[op->to] = *taken++ = v; break;
    case JOIN_CONST:
      if (!equal(r->cx, op->value, v)) return false;
      break;
    case JOIN_SAME:
      if (!equal(r->cx, r->slot[op->to], v)) return false;
      break;
    case JOIN_ENTER:
      if (!ambi_is_expr(v) || ambi_expr_size(v) != op->size) return false;
      part[op->to] = ambi_expr_items(v);
      break;
    }
  }
  return true;
}

static void take_again(Run *r, const JoinGoal *g, const Value *taken) {
  for (unsigned i = 0; i < g->nops; i++)
    if (g->ops[i].kind == JOIN_BIND) r->slot[g->ops[i].to] = *taken++;
}

// ---- batches ----------------------------------------------------------------------
static bool poll(Run *r, unsigned n) {
  uint64_t before = r->tried;
  r->tried += n;
  return before / AMB_POLL_STEPS == r->tried / AMB_POLL_STEPS ||
         ambi_limits_poll(r->cx);
}

// Where the next goal will look for each fact of the batch.
static void look_ahead(Level *l, const Level *below, const uint64_t *keys) {
  const JoinGoal *g = below->g;
  const Record *at = g->at;
  for (unsigned i = 0; i < l->n; i++) {
    l->hits[i] = ambi_relation_hits(g->rel, &g->view, below->first, keys[i]);
    if (l->hits[i].n) __builtin_prefetch(&at[ambi_hit(&l->hits[i], 0)]);
  }
  for (unsigned i = 0; i < l->n; i++)
    if (l->hits[i].n)
      __builtin_prefetch(ambi_ptr(at[ambi_hit(&l->hits[i], 0)].held));
}

// The next candidates that match. False: cx->stop is set.
static bool fill(Run *r, Level *l, const Level *below) {
  const Record *at = l->g->at;
  uint32_t pos[JOIN_BATCH];
  uint64_t keys[JOIN_BATCH];
  unsigned n = 0;
  l->n = l->next = 0;
  while (n < JOIN_BATCH && next_candidate(&l->c, &pos[n])) {
    __builtin_prefetch(&at[pos[n]]);
    n++;
  }
  for (unsigned i = 0; n > 1 && i < n; i++)
    __builtin_prefetch(ambi_ptr(at[pos[i]].held));
  for (unsigned i = 0; i < n; i++) {
    if (ambi_is_ended(l->g->end, pos[i], l->g->view.seen) ||
        ambi_record_gone(at[pos[i]]) ||
        !match(r, l->g, at[pos[i]].held, l->taken[l->n]))
      continue;
    l->pos[l->n] = pos[i];
    if (below && below->first) {
      keys[l->n] = key_now(r, below->g, &below->g->keys[0]);
      ambi_index_prefetch(below->first, keys[l->n]);
    }
    l->n++;
  }
  l->g->looked_at += n;
  l->g->found += l->n;
  l->looked = below && below->first;
  if (l->looked) look_ahead(l, below, keys);
  return !r->cx->stop && poll(r, n);
}

// ---- solutions --------------------------------------------------------------------
static bool out_of_memory(Run *r) {
  r->cx->stop = STOP_MEMORY;
  return false;
}

static bool note_places(Run *r) {
  unsigned n = r->j->ngoals;
  if (!ambi_grow((void **)&r->places, &r->places_cap, r->nplaces + n,
                 sizeof *r->places))
    return out_of_memory(r);
  memcpy(r->places + r->nplaces, r->at, n * sizeof *r->places);
  r->nplaces += n;
  return true;
}

static bool emit(Run *r) {
  size_t n = r->j->vars->n;
  ValueVec *v = r->values;
  if (!ambi_grow((void **)&v->at, &v->cap, v->n + n, sizeof *v->at))
    return out_of_memory(r);
  if (n) memcpy(v->at + v->n, r->slot, n * sizeof *v->at);
  v->n += n;
  r->nsolutions++;
  return !r->j->reordered || note_places(r);
}

// The facts of the last goal's batch are solutions.
static bool emit_batch(Run *r, Level *l) {
  for (; l->next < l->n; l->next++) {
    r->at[l->g->written] = l->pos[l->next];
    take_again(r, l->g, l->taken[l->next]);
    if (!emit(r)) return false;
  }
  return true;
}

static bool run(Run *r) {
  unsigned depth = 0, last = r->j->ngoals - 1;
  open_level(r, &r->level[0], NULL);
  for (;;) {
    Level *l = &r->level[depth], *below = depth < last ? l + 1 : NULL;
    if (l->next == l->n) {
      if (!fill(r, l, below)) return false;
      if (l->n == 0 && (l->c.next == l->c.hits.n)) {
        if (depth == 0) return true;
        depth--;
        continue;
      }
    }
    if (depth == last) {
      if (!emit_batch(r, l)) return false;
    } else if (l->next < l->n) {
      unsigned i = l->next++;
      r->at[l->g->written] = l->pos[i];
      take_again(r, l->g, l->taken[i]);
      open_level(r, below, l->looked ? &l->hits[i] : NULL);
      depth++;
    }
  }
}

// ---- the written order ------------------------------------------------------------
static bool comes_after(const Run *r, uint32_t a, uint32_t b) {
  unsigned n = r->j->ngoals;
  const uint32_t *x = r->places + (size_t)a * n, *y = r->places + (size_t)b * n;
  for (unsigned i = 0; i < n; i++)
    if (x[i] != y[i]) return x[i] > y[i];
  return false;
}

// Sorts runs of length 1, 2, 4, .. into one another; the result is in one of the two.
static uint32_t *merge_sort(const Run *r, uint32_t *from, uint32_t *to,
                            size_t n) {
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t lo = 0; lo < n; lo += 2 * width) {
      size_t mid = lo + width < n ? lo + width : n;
      size_t hi = lo + 2 * width < n ? lo + 2 * width : n;
      size_t a = lo, b = mid;
      for (size_t i = lo; i < hi; i++)
        to[i] = b == hi || (a < mid && !comes_after(r, from[a], from[b]))
                    ? from[a++]
                    : from[b++];
    }
    uint32_t *t = from;
    from = to;
    to = t;
  }
  return from;
}

static bool sort_solutions(Run *r, size_t from) {
  size_t n = r->nsolutions, width = r->j->vars->n;
  if (n < 2 || width == 0) return true;
  size_t bytes = n * width * sizeof(Value);
  uint32_t *order = n < UINT32_MAX ? ambi_alloc(2 * n * sizeof *order) : NULL;
  Value *copy = order ? ambi_alloc(bytes) : NULL;
  if (copy) {
    for (uint32_t i = 0; i < n; i++)
      order[i] = i;
    const uint32_t *sorted = merge_sort(r, order, order + n, n);
    Value *at = r->values->at + from;
    memcpy(copy, at, bytes);
    for (size_t i = 0; i < n; i++)
      memcpy(at + i * width, copy + sorted[i] * width, width * sizeof *at);
  }
  bool ok = copy != NULL;
  ambi_free(copy, bytes);
  ambi_free(order, 2 * n * sizeof *order);
  return ok || out_of_memory(r);
}

bool ambi_join_run(Join *j, ValueVec *values, size_t *nsolutions) {
  *nsolutions = 0;
  if (j->empty) return true;
  size_t bytes = sizeof(Run) + j->ngoals * sizeof(Level), from = values->n;
  Run *r = ambi_alloc(bytes);
  if (!r) {
    j->cx->stop = STOP_MEMORY;
    return false;
  }
  r->j = j;
  r->cx = j->cx;
  r->values = values;
  for (unsigned i = 0; i < j->ngoals; i++) {
    r->level[i].g = &j->goals[i];
    find_first(&r->level[i]);
  }
  bool ok = run(r) && (!j->reordered || sort_solutions(r, from));
  *nsolutions = r->nsolutions;
  ambi_free(r->places, r->places_cap * sizeof *r->places);
  ambi_free(r, bytes);
  return ok;
}
