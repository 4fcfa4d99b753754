// A conjunction as a plan: which relation, in which order, by which keys.
#include <math.h>

#include "runtime/atoms/work.h"
#include "runtime/spaces/join.h"

// A plan has to promise that much less before the written order is left, because the
// solutions have to be sorted then.
enum { WORTH_SORTING = 4 };

// ---- which atoms can match --------------------------------------------------------
static void take_relation(JoinGoal *g, Relation *rel, const View *v) {
  g->rel = rel;
  g->view = *v;
  g->n = (uint32_t)ambi_relation_seen(rel, v);
  g->at = ambi_relation_at(rel);
  g->end = ambi_load_acquire(&rel->x_end);
}

// The one relation with facts that the pattern can match; g->rel is NULL if there are
// none. False: more than one, or facts that are not seen by all.
static bool find_relation(const Space *s, const View *views, JoinGoal *g) {
  uint32_t head = ambi_sym_of(ambi_deref(ambi_expr_at(g->pattern, 0)));
  uint32_t size = ambi_expr_size(g->pattern);
  g->rel = NULL;
  for (size_t i = 0; i <= s->ndeps; i++) {
    Relation *rel = ambi_data_relation(views[i].data, REL_SYMBOL, head, size);
    if (!rel || ambi_relation_live(rel) == 0) continue;
    if (g->rel || ambi_load_acquire(&rel->x_nopen) ||
        (i && s->deps[i - 1]->nyields))
      return false;
    take_relation(g, rel, &views[i]);
  }
  return true;
}

static bool is_plannable(Value pattern) {
  return ambi_is_expr(pattern) &&
         ambi_is_sym(ambi_deref(ambi_expr_at(pattern, 0)));
}

// ---- operations -------------------------------------------------------------------
// Number of an unbound variable of the conjunction.
static unsigned var_number(const Join *j, Value v) {
  unsigned i = 0;
  while (!ambi_same(j->vars->at[i], v))
    i++;
  return i;
}

static bool is_bound(uint32_t bound, unsigned var) {
  return bound >> var & 1;
}

// False: there are too many.
static bool compile(const Join *j, JoinGoal *g, uint32_t *bound) {
  Value parts[JOIN_PARTS] = {g->pattern};
  unsigned nparts = 1;
  g->nops = 0;
  for (unsigned p = 0; p < nparts; p++) {
    for (uint32_t i = p == 0; i < ambi_expr_size(parts[p]); i++) {
      if (g->nops == JOIN_OPS || i > UINT8_MAX) return false;
      Value v = ambi_deref(ambi_expr_at(parts[p], i));
      JoinOp *op = &g->ops[g->nops++];
      *op = (JoinOp){.kind = JOIN_CONST,
                     .part = (uint8_t)p,
                     .child = (uint8_t)i,
                     .value = v};
      if (ambi_is_var(v)) {
        op->to = (uint8_t)var_number(j, v);
        op->kind = is_bound(*bound, op->to) ? JOIN_SAME : JOIN_BIND;
        *bound |= (uint32_t)1 << op->to;
      } else if (!ambi_word_ground(v)) {
        if (!ambi_is_expr(v) || nparts == JOIN_PARTS) return false;
        op->kind = JOIN_ENTER;
        op->size = ambi_expr_size(v);
        op->to = (uint8_t)nparts;
        parts[nparts++] = v;
      }
    }
  }
  return true;
}

// ---- what is known of a goal -----------------------------------------------------
// Adds the key of child v at the path, if it has one by now.
static void note_key(const Join *j, JoinGoal *g, uint32_t bound, Value v,
                     Path path, uint32_t size) {
  if (g->nkeys == JOIN_KEYS) return;
  JoinKey *k = &g->keys[g->nkeys];
  *k = (JoinKey){.path = path, .var = JOIN_VARS, .size = size};
  v = ambi_deref(v);
  if (ambi_is_var(v)) {
    k->var = (uint8_t)var_number(j, v);
    g->nkeys += is_bound(bound, k->var);
    return;
  }
  if (ambi_key_value(v, &k->key) != KEY_VALUE) return;
  if (size) k->key = ambi_key_functor(k->key, size);
  g->nkeys++;
}

// The paths with a key, as ambi_relation_select would look for them.
static void note_keys(const Join *j, JoinGoal *g, uint32_t bound) {
  const Value *items = ambi_expr_items(g->pattern);
  uint32_t n = ambi_expr_size(g->pattern);
  g->nkeys = 0;
  g->all_known = true;
  for (uint32_t i = 1; i < n && i < PATH_GROUND; i++) {
    Value v = ambi_deref(items[i]);
    note_key(j, g, bound, v, (Path){(uint8_t)i, PATH_SELF}, 0);
    if (ambi_is_var(v))
      g->all_known = g->all_known && is_bound(bound, var_number(j, v));
    else if (!ambi_word_ground(v))
      g->all_known = false;
  }
  for (uint32_t i = 1; i < n && i < PATH_GROUND; i++) {
    Value v = ambi_deref(items[i]);
    if (!ambi_is_expr(v)) continue;
    uint32_t size = ambi_expr_size(v);
    for (uint32_t k = 1; k < size && k < PATH_SELF; k++)
      note_key(j, g, bound, ambi_expr_at(v, k), (Path){(uint8_t)i, (uint8_t)k},
               size);
  }
}

// Facts that one key leaves, as far as can be told without making an index for it.
static double left_by(const JoinGoal *g, const JoinKey *k) {
  double n = (double)ambi_relation_live(g->rel);
  const Index *x = ambi_relation_has_index(g->rel, k->path);
  double used = x ? (double)ambi_load_relaxed(&x->x_used) : 0;
  if (used == 0) return sqrt(n);
  if (k->var < JOIN_VARS) return (double)ambi_index_upto(x) / used;
  return ambi_index_look(x, k->key).n;
}

// How many facts are found each time, with the best key in front.
static double estimate(const Join *j, JoinGoal *g, uint32_t bound) {
  note_keys(j, g, bound);
  double n = (double)ambi_relation_live(g->rel), found = n, least = n;
  for (unsigned i = 0; i < g->nkeys; i++) {
    double left = left_by(g, &g->keys[i]);
    found *= n > 0 ? left / n : 0;
    if (left >= least) continue;
    least = left;
    JoinKey best = g->keys[i];
    g->keys[i] = g->keys[0];
    g->keys[0] = best;
  }
  return g->expected = found;
}

// ---- the order --------------------------------------------------------------------
// Facts looked at in this order, as far as one can tell.
static double cost_of(const Join *j, JoinGoal *goals) {
  double rows = 1, cost = 0;
  uint32_t bound = 0;
  for (unsigned i = 0; i < j->ngoals; i++) {
    double found = estimate(j, &goals[i], bound);
    cost += rows * (found > 1 ? found : 1);
    rows *= found;
    bound |= goals[i].vars;
  }
  return cost;
}

// Always the goal that finds least comes next.
static void choose_order(Join *j) {
  JoinGoal best[JOIN_GOALS];
  memcpy(best, j->goals, j->ngoals * sizeof *best);
  uint32_t bound = 0;
  for (unsigned i = 0; i < j->ngoals; i++) {
    unsigned least = i;
    for (unsigned k = i; k < j->ngoals; k++)
      if (estimate(j, &best[k], bound) < best[least].expected) least = k;
    JoinGoal g = best[least];
    memmove(&best[i + 1], &best[i], (least - i) * sizeof g);
    best[i] = g;
    bound |= g.vars;
  }
  double written = cost_of(j, j->goals), other = cost_of(j, best);
  if (other * WORTH_SORTING >= written) return;
  memcpy(j->goals, best, j->ngoals * sizeof *best);
  for (unsigned i = 0; i < j->ngoals; i++)
    j->reordered = j->reordered || j->goals[i].written != i;
}

// Facts that are known in full, and asked for more often than it takes to hash them
// all, are better found as a whole when the best key leaves several.
static void prefer_whole(JoinGoal *g, double asked) {
  enum { SEVERAL = 2 };
  if (!g->all_known || g->nkeys == 0 || g->nkeys == JOIN_KEYS ||
      asked < (double)ambi_relation_live(g->rel))
    return;
  ambi_relation_index(g->rel, &g->view,
                      g->keys[0].path);  // tells what it leaves
  if (left_by(g, &g->keys[0]) <= SEVERAL) return;
  memmove(&g->keys[1], &g->keys[0], g->nkeys++ * sizeof g->keys[0]);
  g->keys[0] = (JoinKey){.path = {PATH_GROUND, PATH_SELF}, .var = JOIN_WHOLE};
}

bool ambi_join_plan(Join *j, Context *cx, Space *s, const View *views,
                    const Value *patterns, size_t n, const ValueVec *vars) {
  if (n == 0 || n > JOIN_GOALS || vars->n > JOIN_VARS) return false;
  for (size_t i = 0; i <= s->ndeps; i++)
    if (ambi_data_has_open(views[i].data)) return false;
  j->cx = cx;
  j->vars = vars;
  j->ngoals = (unsigned)n;
  j->reordered = j->empty = false;
  for (unsigned i = 0; i < n; i++) {
    JoinGoal *g = &j->goals[i];
    g->pattern = ambi_deref(patterns[i]);
    g->written = i;
    g->vars = 0;
    g->asked = g->looked_at = g->found = 0;
    if (!is_plannable(g->pattern) || !find_relation(s, views, g)) return false;
    if (!compile(j, g, &g->vars)) return false;
    j->empty = j->empty || !g->rel;
  }
  if (j->empty) return true;
  choose_order(j);
  uint32_t bound = 0;
  double rows = 1;
  for (unsigned i = 0; i < n; i++) {
    JoinGoal *g = &j->goals[i];
    double found = estimate(j, g, bound);
    prefer_whole(g, rows);
    rows *= found;
    compile(j, g, &bound);
  }
  return true;
}
