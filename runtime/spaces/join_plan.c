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
  for (size_t i = 0; i <= views[0].more; i++) {
    Relation *rel = ambi_data_relation(views[i].data, REL_SYMBOL, head, size);
    if (!rel || ambi_relation_live(rel) == 0) continue;
    if (g->rel || (i && ambi_space_nyields(ambi_space_dep(s, i - 1))))
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

// The places of the goals whose facts give the variables their values.
typedef struct Givers {
  unsigned written[JOIN_VARS];
} Givers;

// What is equal is not always the same: 1 and 1.0. The value in a solution is that of the
// goal written first.
static void note_variable(JoinOp *op, unsigned written, uint32_t *bound,
                          Givers *by) {
  if (!is_bound(*bound, op->to)) {
    op->kind = JOIN_BIND;
  } else {
    op->kind = written < by->written[op->to] ? JOIN_TAKE : JOIN_SAME;
    if (op->kind == JOIN_SAME) return;
  }
  *bound |= (uint32_t)1 << op->to;
  by->written[op->to] = written;
}

// Parts that have been entered, and how far each is through.
typedef struct Parts {
  Value at[JOIN_PARTS];
  uint32_t child[JOIN_PARTS];
  uint8_t outer[JOIN_PARTS];
  unsigned n;
} Parts;

// False: there are too many.
static bool enter(Parts *p, unsigned outer, JoinOp *op) {
  if (!ambi_is_expr(op->value) || p->n == JOIN_PARTS) return false;
  op->kind = JOIN_ENTER;
  op->size = ambi_expr_size(op->value);
  op->to = (uint8_t)p->n;
  p->at[p->n] = op->value;
  p->child[p->n] = 0;
  p->outer[p->n++] = (uint8_t)outer;
  return true;
}

// In the order in which unification would come to them. False: there are too many.
static bool compile(const Join *j, JoinGoal *g, uint32_t *bound, Givers *by) {
  Parts p = {.at = {g->pattern}, .child = {1}, .n = 1};
  unsigned now = 0;
  g->nops = 0;
  for (;;) {
    uint32_t child = p.child[now]++;
    if (child == ambi_expr_size(p.at[now])) {
      if (now == 0) return true;
      now = p.outer[now];
      continue;
    }
    if (g->nops == JOIN_OPS || child > UINT8_MAX) return false;
    JoinOp *op = &g->ops[g->nops++];
    *op = (JoinOp){.kind = JOIN_CONST,
                   .part = (uint8_t)now,
                   .child = (uint8_t)child,
                   .value = ambi_deref(ambi_expr_at(p.at[now], child))};
    if (ambi_is_var(op->value)) {
      op->to = (uint8_t)var_number(j, op->value);
      note_variable(op, g->written, bound, by);
    } else if (!ambi_word_ground(op->value)) {
      if (!enter(&p, now, op)) return false;
      now = op->to;
    }
  }
}

// ---- what is known of a goal -----------------------------------------------------
// Adds the key of what stands there, if it has one by now.
static void note_key(const Join *j, JoinGoal *g, uint32_t bound,
                     const PathPlace *p) {
  JoinKey *k = &g->keys[g->nkeys];
  *k = (JoinKey){
      .path = p->path, .var = JOIN_VARS, .nsizes = (uint8_t)p->nsizes};
  for (unsigned i = 0; i < p->nsizes; i++)
    k->sizes[i] = p->sizes[i];
  if (ambi_is_var(p->value)) {
    k->var = (uint8_t)var_number(j, p->value);
    g->nkeys += is_bound(bound, k->var);
  } else if (ambi_key_value(p->value, &k->key) == KEY_VALUE) {
    k->key = ambi_key_inside(k->key, k->sizes, k->nsizes);
    g->nkeys++;
  }
}

static void note_keys(const Join *j, JoinGoal *g, uint32_t bound) {
  PathWalk w;
  PathPlace p;
  g->nkeys = 0;
  ambi_paths_begin(&w, ambi_expr_items(g->pattern), ambi_expr_size(g->pattern),
                   1);
  while (g->nkeys < JOIN_KEYS && ambi_paths_next(&w, &p))
    note_key(j, g, bound, &p);
}

static bool is_all_known(const Join *j, const JoinGoal *g, uint32_t bound) {
  for (uint32_t i = 1; i < ambi_expr_size(g->pattern); i++) {
    Value v = ambi_deref(ambi_expr_at(g->pattern, i));
    if (ambi_is_var(v) ? !is_bound(bound, var_number(j, v))
                       : !ambi_word_ground(v))
      return false;
  }
  return true;
}

// Facts that one key leaves, as far as can be told without making an index for it.
static double left_by(const JoinGoal *g, const JoinKey *k) {
  double n = (double)ambi_relation_live(g->rel);
  const Index *x = ambi_relation_has_index(g->rel, k->path);
  double used = x ? (double)ambi_load_relaxed(&x->x_used) : 0;
  if (used == 0) return sqrt(n) + (double)ambi_load_acquire(&g->rel->x_nopen);
  double open = (double)ambi_load_acquire(&x->x_nopen);
  if (k->var >= JOIN_VARS) return ambi_index_look(x, k->key).n + open;
  return ((double)ambi_index_upto(x) - open) / used + open;
}

// How many facts are found each time, with the best key in front.
static double estimate(const Join *j, JoinGoal *g, uint32_t bound) {
  note_keys(j, g, bound);
  g->known = bound;
  g->all_known = is_all_known(j, g, bound);
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
  g->keys[0] = (JoinKey){.path = PATH_GROUND, .var = JOIN_WHOLE};
}

bool ambi_join_plan(Join *j, Context *cx, Space *s, const View *views,
                    const Value *patterns, size_t n, const ValueVec *vars) {
  if (n == 0 || n > JOIN_GOALS || vars->n > JOIN_VARS) return false;
  for (size_t i = 0; i <= views[0].more; i++)
    if (views[i].shade || ambi_data_has_open(views[i].data)) return false;
  j->cx = cx;
  j->vars = vars;
  j->ngoals = (unsigned)n;
  j->reordered = j->empty = false;
  Givers by;
  for (unsigned i = 0; i < n; i++) {
    JoinGoal *g = &j->goals[i];
    g->pattern = ambi_deref(patterns[i]);
    g->written = i;
    g->vars = 0;
    g->asked = g->looked_at = g->found = g->open = 0;
    g->hashed = false;
    if (!is_plannable(g->pattern) || !find_relation(s, views, g)) return false;
    if (!compile(j, g, &g->vars, &by)) return false;
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
    compile(j, g, &bound, &by);
  }
  return true;
}
