// Where a goal looks for its facts: the list of one key, what two lists have in common,
// or a table of all keys together.
//
// Each position list comes with the positions of facts that have a variable at its path:
// they are candidates for every key. A goal that walks along far more than it finds, and
// has several keys, hashes its facts by all of them, once, for this join: that costs as
// much as walking along a few times as many.
#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/atoms/work.h"
#include "runtime/spaces/join_run.h"

enum {
  FEW = 8,  // candidates: tried one by one, not looked for in more indexes
  HASH_COSTS = 4  // hashing a fact, in facts walked along
};

// Under stress all that may be made is made.
static size_t few(void) {
  return ambi_stress(STRESS_MINIMAL) ? 0 : FEW;
}

static const JoinKey whole = {.path = PATH_GROUND, .var = JOIN_WHOLE};

// ---- keys -------------------------------------------------------------------------
static uint64_t hash_now(const Run *r, const JoinGoal *g) {
  Value items[JOIN_OPS + 1];
  uint32_t n = ambi_expr_size(g->pattern);
  items[0] = ambi_expr_at(g->pattern, 0);
  for (uint32_t i = 1; i < n; i++) {
    const JoinOp *op = &g->ops[i - 1];
    items[i] = op->kind == JOIN_CONST ? op->value : r->slot[op->to];
  }
  return ambi_hash_items(items, n);
}

static uint64_t known_key(const Run *r, const JoinGoal *g, const JoinKey *k) {
  if (k->var == JOIN_WHOLE) return hash_now(r, g);
  if (k->var == JOIN_VARS) return k->key;
  uint64_t key = 0;
  Value v = r->slot[k->var];  // of a fact without variables
  enum KeyKind kind = ambi_path_is_all(k->path) ? ambi_key_all(v, &key)
                                                : ambi_key_value(v, &key);
  AMB_ASSERT(kind == KEY_VALUE);
  (void)kind;
  return ambi_key_inside(key, k->sizes, k->nsizes);
}

// What the pattern has there now: all of it, or of an expression with variables its head.
// *path: where that key is. False: a variable.
static bool unified_key(const JoinGoal *g, const JoinKey *k, Path *path,
                        uint64_t *key) {
  const Value *items = ambi_expr_items(g->pattern);
  uint32_t n = ambi_expr_size(g->pattern);
  *path = k->path;
  if (k->var != JOIN_WHOLE) {
    if (ambi_key_path(items, n, *path, key) == KEY_VALUE) return true;
    if (!ambi_path_is_all(*path)) return false;
    *path = ambi_path_there(*path);
    return ambi_key_path(items, n, *path, key) == KEY_VALUE;
  }
  for (uint32_t i = 1; i < n; i++)
    if (!ambi_word_ground(ambi_deref(items[i]))) return false;
  *key = ambi_hash_items(items, n);
  return true;
}

static bool key_now(const Run *r, const Level *l, const JoinKey *k, Path *path,
                    uint64_t *key) {
  if (l->unified) return unified_key(l->g, k, path, key);
  *path = k->path;
  *key = known_key(r, l->g, k);
  return true;
}

uint64_t ambi_join_key(const Run *r, const Level *l) {
  const JoinGoal *g = l->g;
  uint64_t key = known_key(r, g, &g->keys[0]);
  for (unsigned i = 1; l->hash && i < g->nkeys; i++)
    key = ambi_key_and(key, known_key(r, g, &g->keys[i]));
  return key;
}

// ---- lists ------------------------------------------------------------------------
static Keyed keyed(const JoinGoal *g, Index *x, uint64_t key) {
  Keyed k = {ambi_relation_hits(g->rel, &g->view, x, key),
             ambi_index_open_hits(x)};
  if (g->view.epochs) ambi_hits_cut(&k.open, g->n);
  return k;
}

Keyed ambi_join_hits(const Level *l, uint64_t key) {
  if (l->hash)
    return (Keyed){ambi_index_look(l->hash, key),
                   ambi_index_open_hits(l->hash)};
  return keyed(l->g, l->first, key);
}

// False: the key is not known, or there is no such index.
static bool look(const Run *r, const Level *l, const JoinKey *k, Keyed *out) {
  uint64_t key;
  Path path;
  if (!key_now(r, l, k, &path, &key)) return false;
  Index *x = ambi_relation_index(l->g->rel, &l->g->view, path);
  if (x) *out = keyed(l->g, x, key);
  return x != NULL;
}

// Narrows down many candidates by what else is known, from that key on.
static void narrow(Run *r, Level *l, unsigned from) {
  const JoinGoal *g = l->g;
  Keyed best = l->c.of, second = {.hits = {.n = UINT32_MAX}}, h;
  for (unsigned i = from; i < g->nkeys && ambi_keyed_n(&best) > few(); i++) {
    if (!look(r, l, &g->keys[i], &h)) continue;
    if (ambi_keyed_n(&h) < ambi_keyed_n(&best)) {
      second = best;
      best = h;
    } else if (ambi_keyed_n(&h) < ambi_keyed_n(&second)) {
      second = h;
    }
  }
  if (ambi_keyed_n(&best) > few() && g->all_known &&
      g->keys[0].var != JOIN_WHOLE && look(r, l, &whole, &h))
    best = h;
  l->c = (Candidates){.of = best};
  if (ambi_keyed_n(&best) <= few() || !second.hits.at) return;
  l->c.narrowed = true;
  l->c.in = second;
}

// ---- a table of all keys ------------------------------------------------------------
static void forget_hash(Level *l) {
  if (!l->hash) return;
  ambi_index_close(l->hash);
  ambi_free(l->hash, sizeof *l->hash);
  l->hash = NULL;
}

void ambi_join_forget(Level *l) {
  forget_hash(l);
  ambi_records_drop(&l->asked);
  ambi_free(l->ranks.at, l->ranks.cap * sizeof *l->ranks.at);
}

// Without memory for it, it is left as it is.
static void make_hash(Level *l) {
  JoinGoal *g = l->g;
  Index *x = ambi_alloc(sizeof *x);
  l->hash_failed = true;
  if (!x) return;
  ambi_index_open(x, g->keys[0].path);
  for (unsigned i = 1; i < g->nkeys; i++)
    l->more[i - 1] = g->keys[i].path;
  x->more = l->more;
  x->nmore = g->nkeys - 1;
  l->hash = x;
  g->hashed = ambi_index_catch_up(x, NULL, g->at, g->n);
  if (!g->hashed) forget_hash(l);
}

static bool is_hash_worth(const Level *l) {
  const JoinGoal *g = l->g;
  bool wasteful = ambi_stress(STRESS_MINIMAL) ||
                  l->walked > g->found + (uint64_t)HASH_COSTS * g->n;
  return wasteful && !l->hash_failed && g->nkeys > 1 &&
         g->keys[0].var != JOIN_WHOLE;
}

// ---- a goal is asked ----------------------------------------------------------------
// While another thread was at the index, all facts were candidates.
void ambi_join_find_first(Level *l) {
  if (l->first || l->g->asks || l->g->nkeys == 0) return;
  l->first = ambi_relation_index(l->g->rel, &l->g->view, l->g->keys[0].path);
}

static void look_known(Run *r, Level *l, const Keyed *known) {
  if (is_hash_worth(l)) {
    make_hash(l);
    if (l->hash) known = NULL;
  }
  l->c.of = known ? *known : ambi_join_hits(l, ambi_join_key(r, l));
  if (l->hash) return;
  if (ambi_keyed_n(&l->c.of) > few()) narrow(r, l, 1);
  l->walked += ambi_keyed_n(&l->c.of);
}

void ambi_join_look(Run *r, Level *l, const Keyed *known) {
  JoinGoal *g = l->g;
  g->asked++;
  l->n = l->next = 0;
  if (g->asks) {
    ambi_join_ask(r, l);
    return;
  }
  l->c = (Candidates){.of = {.hits = {.n = g->n}}};
  if (l->unified) {
    narrow(r, l, 0);
    return;
  }
  if (g->view.epochs && !known) ambi_join_find_first(l);
  if (l->first) look_known(r, l, known);
}

// ---- candidates ---------------------------------------------------------------------
// Is the position in the list? From *at on: steps that double, then halves.
static bool gallop(const Hits *h, uint32_t *at, uint32_t pos) {
  uint32_t lo = *at, step = 1;
  while (lo + step < h->n && ambi_hit(h, lo + step) < pos) {
    lo += step;
    step *= 2;
  }
  uint32_t hi = lo + step < h->n ? lo + step : h->n;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (ambi_hit(h, mid) < pos)
      lo = mid + 1;
    else
      hi = mid;
  }
  *at = lo;
  return lo < h->n && ambi_hit(h, lo) == pos;
}

// The next of both lists, in order.
static inline uint32_t next_of(Candidates *c) {
  const Hits *h = &c->of.hits, *open = &c->of.open;
  if (AMB_LIKELY(c->next_open == open->n)) return ambi_hit(h, c->next++);
  uint32_t pos = ambi_hit(open, c->next_open);
  if (c->next < h->n && ambi_hit(h, c->next) < pos)
    return ambi_hit(h, c->next++);
  c->next_open++;
  return pos;
}

bool ambi_join_next(Candidates *c, uint32_t *pos) {
  while (!ambi_join_is_end(c)) {
    *pos = next_of(c);
    if (!c->narrowed || gallop(&c->in.hits, &c->beside, *pos) ||
        gallop(&c->in.open, &c->beside_open, *pos))
      return true;
  }
  return false;
}
