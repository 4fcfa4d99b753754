// A conjunction as a plan: which relation, in which order, by which keys.
#include <math.h>

#include "memory/stress.h"
#include "runtime/atoms/work.h"
#include "runtime/spaces/join.h"

// A plan has to promise that much less before the written order is left, because the
// solutions have to be sorted then.
enum { WORTH_SORTING = 4 };
// So few facts are sooner looked at than another order is found.
enum { FEW_FACTS = 32 };

// ---- which atoms can match --------------------------------------------------------
static void take_relation(JoinGoal *g, Relation *rel, const View *v) {
  g->rel = rel;
  g->view = *v;
  g->n = (uint32_t)ambi_relation_seen(rel, v);
  g->at = ambi_relation_at(rel);
  g->end = ambi_load_acquire(&rel->x_end);
}

static Value head_of(const JoinGoal *g) {
  return ambi_deref(ambi_expr_at(g->pattern, 0));
}

// Has the pattern a head of its own, and no atom without one comes into question?
static bool is_closed(const JoinGoal *g, const View *views) {
  if (!ambi_is_expr(g->pattern) || !ambi_is_sym(head_of(g))) return false;
  for (size_t i = 0; i <= views[0].more; i++)
    if (views[i].shade || ambi_data_has_open(views[i].data)) return false;
  return true;
}

// The one relation with facts that the pattern can match; g->rel is NULL if there are
// none. False: there may be more, or facts that are not seen by all.
static bool find_relation(const Space *s, const View *views, JoinGoal *g) {
  g->rel = NULL;
  if (!is_closed(g, views)) return false;
  uint32_t head = ambi_sym_of(head_of(g)), size = ambi_expr_size(g->pattern);
  for (size_t i = 0; i <= views[0].more; i++) {
    Relation *rel = ambi_data_relation(views[i].data, REL_SYMBOL, head, size);
    if (!rel || ambi_relation_live(rel) == 0) continue;
    if (g->rel || (i && ambi_space_nyields(ambi_space_dep(s, i - 1))))
      return false;
    take_relation(g, rel, &views[i]);
  }
  return true;
}

// The facts of one relation that is in question, which stands for so many like it.
static void count_facts(JoinGoal *g, Relation *rel, double times) {
  double n = rel ? (double)ambi_relation_live(rel) : 0;
  if (n == 0) return;
  g->facts += n * times;
  g->relations += times;
  if (!g->rel || n > (double)ambi_relation_live(g->rel)) g->rel = rel;
}

// Could an atom of the relation match, by its size?
static bool may_be_in(const JoinGoal *g, const Relation *rel) {
  if (rel->kind == REL_OPEN || rel->kind == REL_VAR_HEAD) return false;
  return ambi_is_var(g->pattern) ||
         (rel->kind != REL_ATOM && rel->size == ambi_expr_size(g->pattern));
}

// Of many relations some are looked at, and the others taken to be like these.
static void count_some(JoinGoal *g, const SpaceData *d) {
  enum { MOST = 64 };
  Relation *some[MOST];
  size_t n = 0;
  Relations rels = ambi_data_relations(d);
  while (n < MOST && (some[n] = ambi_relations_next(&rels)) != NULL)
    n++;
  double times = n < MOST ? 1 : (double)rels.table->cap / (double)rels.next;
  for (size_t k = 0; k < n; k++)
    if (may_be_in(g, some[k])) count_facts(g, some[k], times);
}

static double live_ones(const SpaceData *d, enum RelationKind kind) {
  const Relation *rel = ambi_data_lone(d, kind);
  return rel ? (double)ambi_relation_live(rel) : 0;
}

// How many facts there are for a goal that asks.
static void survey(const View *views, JoinGoal *g) {
  g->rel = NULL;
  g->facts = g->relations = g->heads = 0;
  for (size_t i = 0; i <= views[0].more; i++) {
    const SpaceData *d = views[i].data;
    Value p = g->pattern, head = ambi_is_expr(p) ? head_of(g) : AMB_NONE;
    if (ambi_is_var(p) || ambi_is_var(head))
      count_some(g, d);
    else if (!ambi_is_expr(p))
      count_facts(g, ambi_data_lone(d, REL_ATOM), 1);
    else if (ambi_is_sym(head))
      count_facts(g,
                  ambi_data_relation(d, REL_SYMBOL, ambi_sym_of(head),
                                     ambi_expr_size(p)),
                  1);
    else
      count_facts(g, ambi_data_relation(d, REL_SIZE, 0, ambi_expr_size(p)), 1);
    g->heads += live_ones(d, REL_VAR_HEAD) + live_ones(d, REL_OPEN);
  }
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
  Parts p = {.at = {g->pattern}, .child = {!g->asks}, .n = 1};
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
// Have facts expressions there? The first and the last are looked at.
static bool has_expressions(const JoinGoal *g, Path path) {
  size_t n = g->rel ? ambi_relation_n(g->rel) : 0;
  const Record *at = g->rel ? ambi_relation_at(g->rel) : NULL;
  for (size_t i = 0; i<n; i += n> 1 ? n - 1 : 1)
    if (!ambi_record_gone(at[i]) &&
        ambi_is_expr(ambi_path_value(ambi_record_atom(at[i]), path)))
      return true;
  return false;
}

// Adds the key of what stands there, if it has one by now. What an expression is that a
// variable stands for is not known yet, so its key is of all of it.
static void note_key(const Join *j, JoinGoal *g, uint32_t bound,
                     const PathPlace *p) {
  JoinKey *k = &g->keys[g->nkeys];
  *k = (JoinKey){
      .path = p->path, .var = JOIN_VARS, .nsizes = (uint8_t)p->nsizes};
  for (unsigned i = 0; i < p->nsizes; i++)
    k->sizes[i] = p->sizes[i];
  if (ambi_is_var(p->value)) {
    k->var = (uint8_t)var_number(j, p->value);
    if (!is_bound(bound, k->var)) return;
    g->nkeys++;
    if (p->nsizes + 1 < PATH_DEPTH && has_expressions(g, p->path))
      k->path = ambi_path_all(p->path, p->nsizes + 1);
  } else if (ambi_key_value(p->value, &k->key) == KEY_VALUE) {
    k->key = ambi_key_inside(k->key, k->sizes, k->nsizes);
    g->nkeys++;
  }
}

static void note_keys(const Join *j, JoinGoal *g, uint32_t bound) {
  PathWalk w;
  PathPlace p;
  g->nkeys = 0;
  if (!ambi_is_expr(g->pattern)) return;
  ambi_paths_begin(&w, ambi_expr_items(g->pattern), ambi_expr_size(g->pattern),
                   1);
  while (g->nkeys < JOIN_KEYS && ambi_paths_next(&w, &p))
    note_key(j, g, bound, &p);
}

static bool is_all_known(const Join *j, const JoinGoal *g, uint32_t bound) {
  if (g->asks || g->unifies) return false;
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

bool ambi_join_knows(const Join *j, Value v, uint32_t bound) {
  return !ambi_is_var(v) || is_bound(bound, var_number(j, v));
}

// Of a goal that asks, when its keys leave so many of all. Each head is as likely.
static double found_by_asking(const Join *j, const JoinGoal *g, uint32_t bound,
                              double found) {
  if (!ambi_is_expr(g->pattern))
    return g->heads + (ambi_join_knows(j, g->pattern, bound) ? 1 : found);
  Value head = head_of(g);
  bool one = ambi_is_var(head) && ambi_join_knows(j, head, bound);
  return g->heads + (one && g->relations > 1 ? found / g->relations : found);
}

// How many facts are found each time, with the best key in front.
static double estimate(const Join *j, JoinGoal *g, uint32_t bound) {
  note_keys(j, g, bound);
  g->known = bound;
  g->all_known = is_all_known(j, g, bound);
  double n = g->rel ? (double)ambi_relation_live(g->rel) : 0, least = n;
  double found = g->asks ? g->facts : n;
  for (unsigned i = 0; n > 0 && i < g->nkeys; i++) {
    double left = left_by(g, &g->keys[i]);
    found *= left / n;
    if (left >= least) continue;
    least = left;
    JoinKey best = g->keys[i];
    g->keys[i] = g->keys[0];
    g->keys[0] = best;
  }
  if (g->asks) found = found_by_asking(j, g, bound, found);
  return g->expected = found;
}

// ---- the order --------------------------------------------------------------------
// What is looked at each time beside facts: relations, if the goal asks.
static double width(const Join *j, const JoinGoal *g, uint32_t bound) {
  if (!g->asks) return 0;
  Value v = ambi_is_expr(g->pattern) ? head_of(g) : g->pattern;
  return ambi_join_knows(j, v, bound) ? 1 : g->relations;
}

// Facts looked at in this order, as far as one can tell.
static double cost_of(const Join *j, JoinGoal *goals) {
  double rows = 1, cost = 0;
  uint32_t bound = 0;
  for (unsigned i = 0; i < j->ngoals; i++) {
    double found = estimate(j, &goals[i], bound);
    cost += rows * ((found > 1 ? found : 1) + width(j, &goals[i], bound));
    rows *= found;
    bound |= goals[i].vars;
  }
  return cost;
}

// Always the goal that finds least comes next. Each goal has its keys then.
static void choose_order(Join *j) {
  double written = cost_of(j, j->goals);
  if (written <= (ambi_stress(STRESS_MINIMAL) ? 0 : FEW_FACTS)) return;
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
  double other = cost_of(j, best);
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

// The goal's operations, and its variables. False: cx->stop is set.
static bool note_pattern(Join *j, JoinGoal *g, Givers *by) {
  ValueVec vars = {0};
  g->vars = 0;
  g->unifies = !ambi_is_expr(g->pattern) || !compile(j, g, &g->vars, by);
  bool ok = !g->unifies || ambi_collect_vars(j->cx, g->pattern, &vars);
  for (size_t i = 0; i < vars.n; i++)
    g->vars |= (uint32_t)1 << var_number(j, vars.at[i]);
  ambi_vec_drop(&vars);
  return ok;
}

static bool note_goal(Join *j, unsigned written, Value pattern, Givers *by) {
  JoinGoal *g = &j->goals[written];
  memset(g, 0, offsetof(JoinGoal, ops));
  g->pattern = ambi_deref(pattern);
  g->written = written;
  g->asks = !find_relation(j->space, j->views, g);
  if (g->asks) {
    g->view = (View){.seen = VIEW_ALL};
    g->at = NULL;
    g->end = NULL;
    survey(j->views, g);
  }
  j->empty = j->empty || !(g->asks || g->rel);
  return note_pattern(j, g, by);
}

// What each goal knows when its turn comes.
static void settle_order(Join *j, Givers *by) {
  uint32_t bound = 0;
  double rows = 1;
  for (unsigned i = 0; i < j->ngoals; i++) {
    JoinGoal *g = &j->goals[i];
    prefer_whole(g, rows);
    rows *= g->expected;
    if (g->unifies)
      bound |= g->vars;
    else
      compile(j, g, &bound, by);
  }
}

bool ambi_join_plan(Join *j, Context *cx, Space *s, const View *views,
                    const Value *patterns, size_t n, const ValueVec *vars) {
  if (n == 0 || n > JOIN_GOALS || vars->n > JOIN_VARS) return false;
  j->cx = cx;
  j->space = s;
  j->views = views;
  j->vars = vars;
  j->ngoals = (unsigned)n;
  j->reordered = j->empty = false;
  Givers by;
  for (unsigned i = 0; i < n; i++)
    if (!note_goal(j, i, patterns[i], &by)) return false;
  if (j->empty) return true;
  choose_order(j);
  settle_order(j, &by);
  return true;
}
