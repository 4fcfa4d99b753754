// A plan is run: depth first over the goals, each with a batch of facts on the way.
//
// Facts and slots of indexes lie anywhere in memory. So a goal takes some candidates
// at once: first their words are fetched, then the facts, then the slots where the
// next goal will look, and by the time a goal comes to use them they are there.
// Batches change nothing of the order.
//
// A fact with variables waits in its batch until its turn. Then the pattern's variables
// get the values they have by now, it is unified with its pattern, and so are, below it,
// the candidates of the goals that are left. What that binds is undone when the next fact
// of the batch is taken.
#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/spaces/join_run.h"

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
    case JOIN_TAKE:
      if (!equal(r->cx, r->slot[op->to], v)) return false;
      r->slot[op->to] = *taken++ = v;
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
  for (unsigned i = 0; i < g->nops; i++) {
    const JoinOp *op = &g->ops[i];
    if (op->kind == JOIN_BIND || op->kind == JOIN_TAKE)
      r->slot[op->to] = *taken++;
  }
}

static bool is_unified(const Level *l, unsigned i) {
  return l->unified || l->open >> i & 1;
}

// False: they do not match, or cx->stop is set.
static bool unify_fact(Run *r, Level *l, uint32_t pos) {
  Context *cx = r->cx;
  l->bound = true;
  l->mark = cx->tr;
  l->top = cx->h;
  l->solutions = r->nsolutions;
  bool ok = (l->unified || ambi_join_bind_slots(r, l->g)) &&
            ambi_record_unify(cx, l->g->at[pos], l->g->pattern);
  l->g->found += ok;
  return ok;
}

// Undoes what the fact in use has bound.
static void leave_fact(Run *r, Level *l) {
  if (!l->bound) return;
  l->bound = false;
  ambi_trail_undo(r->cx, l->mark);
  if (l->solutions == r->nsolutions) r->cx->h = l->top;
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
  const Record *at = below->g->at;
  for (unsigned i = 0; i < l->n; i++) {
    if (is_unified(l, i)) continue;
    l->hits[i] = ambi_join_hits(below, keys[i]);
    if (l->hits[i].hits.n)
      __builtin_prefetch(&at[ambi_hit(&l->hits[i].hits, 0)]);
  }
  for (unsigned i = 0; i < l->n; i++)
    if (!is_unified(l, i) && l->hits[i].hits.n)
      __builtin_prefetch(ambi_ptr(at[ambi_hit(&l->hits[i].hits, 0)].held));
}

static unsigned take_candidates(Level *l, uint32_t pos[JOIN_BATCH]) {
  const Record *at = l->g->at;
  unsigned n = 0;
  while (n < JOIN_BATCH && ambi_join_next(&l->c, &pos[n])) {
    __builtin_prefetch(&at[pos[n]]);
    n++;
  }
  for (unsigned i = 0; n > 1 && i < n; i++)
    __builtin_prefetch(ambi_ptr(at[pos[i]].held));
  return n;
}

// Into the batch, if it matches, or may.
static inline bool take_fact(Run *r, Level *l, uint32_t pos) {
  JoinGoal *g = l->g;
  Record rec = g->at[pos];
  if (ambi_is_ended(g->end, pos, g->view.seen) || ambi_record_gone(rec))
    return false;
  if (l->unified || ambi_record_open(rec) || g->unifies ||
      (g->asks && ambi_join_may_be_unasked(r, l, pos))) {
    l->open |= (uint32_t)1 << l->n;
    g->open += ambi_record_open(rec);
  } else if (match(r, g, rec.held, l->taken[l->n])) {
    g->found++;
  } else {
    return false;
  }
  l->pos[l->n++] = pos;
  return true;
}

// The next candidates that match. False: cx->stop is set.
static bool fill(Run *r, Level *l, const Level *below) {
  uint32_t pos[JOIN_BATCH];
  uint64_t keys[JOIN_BATCH];
  const Index *next = below && !l->unified ? ambi_join_index(below) : NULL;
  l->n = l->next = l->open = 0;
  l->looked = next;
  unsigned n = take_candidates(l, pos);
  for (unsigned i = 0; i < n; i++) {
    if (!take_fact(r, l, pos[i]) || !next || is_unified(l, l->n - 1)) continue;
    keys[l->n - 1] = ambi_join_key(r, below);
    ambi_index_prefetch(next, keys[l->n - 1]);
  }
  l->g->looked_at += n;
  if (next) look_ahead(l, below, keys);
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

// Room for the values of one more solution. NULL: cx->stop is set.
static Value *new_solution(Run *r) {
  size_t n = r->j->vars->n;
  ValueVec *v = r->values;
  if (!ambi_grow((void **)&v->at, &v->cap, v->n + n + 1, sizeof *v->at) ||
      (r->j->reordered && !note_places(r))) {
    out_of_memory(r);
    return NULL;
  }
  Value *at = v->at + v->n;
  v->n += n;
  r->nsolutions++;
  return at;
}

// The facts of the last goal's batch are solutions, up to one with variables.
static bool emit_batch(Run *r, Level *l) {
  size_t n = r->j->vars->n;
  for (; l->next < l->n && !is_unified(l, l->next); l->next++) {
    r->at[l->g->written] = l->pos[l->next];
    take_again(r, l->g, l->taken[l->next]);
    Value *at = new_solution(r);
    if (!at) return false;
    memcpy(at, r->slot, n * sizeof *at);
  }
  return true;
}

// Where facts were not unified in the written order, values are found later: variables
// that are the same might else be named after another one.
static bool emit_unified(Run *r) {
  const ValueVec *vars = r->j->vars;
  Value *at = new_solution(r);
  for (size_t i = 0; at && i < vars->n; i++) {
    at[i] = r->j->reordered ? AMB_NONE : ambi_resolve(r->cx, vars->at[i]);
    if (ambi_is_none(at[i]) && !r->j->reordered) return out_of_memory(r);
  }
  r->unvalued = r->unvalued || r->j->reordered;
  return at != NULL;
}

// ---- all goals ----------------------------------------------------------------------
// Takes the next fact of the batch. False: it does not match, or cx->stop is set.
static bool use_fact(Run *r, Level *l, unsigned i) {
  r->at[l->g->written] = l->pos[i];
  if (is_unified(l, i)) return unify_fact(r, l, l->pos[i]);
  take_again(r, l->g, l->taken[i]);
  return true;
}

static void go_below(Run *r, const Level *l, unsigned i, Level *below) {
  below->unified = is_unified(l, i);
  bool known =
      !below->unified && l->looked && l->looked == ambi_join_index(below);
  ambi_join_look(r, below, known ? &l->hits[i] : NULL);
}

static bool run(Run *r) {
  unsigned depth = 0, last = r->j->ngoals - 1;
  ambi_join_look(r, &r->level[0], NULL);
  for (;;) {
    Level *l = &r->level[depth], *below = depth < last ? l + 1 : NULL;
    leave_fact(r, l);
    if (l->next == l->n) {
      if (!fill(r, l, below)) return false;
      if (l->n == 0 && ambi_join_is_end(&l->c)) {
        if (depth == 0) return true;
        depth--;
        continue;
      }
    }
    if (!below && !emit_batch(r, l)) return false;
    if (l->next == l->n) continue;
    unsigned i = l->next++;
    bool ok = use_fact(r, l, i);
    if (r->cx->stop || (ok && !below && !emit_unified(r))) return false;
    if (!ok || !below) continue;
    go_below(r, l, i, below);
    depth++;
  }
}

static void close_run(Run *r, size_t bytes) {
  for (unsigned i = 0; i < r->j->ngoals; i++)
    ambi_join_forget(&r->level[i]);
  ambi_free(r->places, r->places_cap * sizeof *r->places);
  ambi_free(r, bytes);
}

bool ambi_join_run(Join *j, ValueVec *values, size_t *nsolutions) {
  Context *cx = j->cx;
  *nsolutions = 0;
  if (j->empty) return true;
  size_t bytes = sizeof(Run) + j->ngoals * sizeof(Level), mark = cx->tr;
  Run *r = ambi_realloc(NULL, 0, bytes);
  if (!r) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  memset(r, 0, offsetof(Run, slot));
  r->j = j;
  r->cx = cx;
  r->values = values;
  r->from = values->n;
  for (unsigned i = 0; i < j->ngoals; i++) {
    memset(&r->level[i], 0, offsetof(Level, more));
    r->level[i].g = &j->goals[i];
    ambi_join_find_first(&r->level[i]);
  }
  Word *hb = cx->hb;  // every binding is trailed, whatever its age
  cx->hb = (Word *)UINTPTR_MAX;
  bool ok = run(r);
  ambi_trail_undo(cx, mark);
  ok = ok && (!j->reordered || ambi_join_settle(r));
  cx->hb = hb;
  *nsolutions = r->nsolutions;
  close_run(r, bytes);
  return ok;
}
