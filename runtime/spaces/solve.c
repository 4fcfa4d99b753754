// Solutions of patterns: a record is unified, a conjunction is a plan (join.h), or its
// patterns are solved one behind the other.
#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/spaces/join.h"
#include "runtime/spaces/reads.h"

// ---- one record ---------------------------------------------------------------------
// While a pattern is being tried every binding is trailed, whatever its age, so
// that it can be undone without resetting the heap.
static Word *trail_all(Context *cx) {
  Word *hb = cx->hb;
  cx->hb = (Word *)(UINTPTR_MAX & ~(uintptr_t)7);
  return hb;
}

enum { FEW_VARS = 24 };

static Value *new_env(Context *cx, const Template *t, Value few[FEW_VARS]) {
  uint32_t n = t->nvars;
  Value *env = n <= FEW_VARS ? few : ambi_alloc(n * sizeof *env);
  if (!env) cx->stop = STOP_MEMORY;
  for (uint32_t i = 0; env && i < n; i++)
    env[i] = AMB_NONE;
  return env;
}

static void drop_env(const Template *t, Value *env, const Value *few) {
  if (env != few) ambi_free(env, t->nvars * sizeof *env);
}

static bool unify_record(Context *cx, Record r, Value pattern) {
  Template t = ambi_record_template(r);
  Value few[FEW_VARS], *env = new_env(cx, &t, few);
  if (!env) return false;
  bool ok = ambi_unify_template(cx, pattern, t.atom, &t, env);
  drop_env(&t, env, few);
  return ok;
}

// The child of a record where the pattern has a new variable. AMB_NONE: a
// variable stands there that has no value yet.
static Value record_part(Context *cx, const Template *t, Value part,
                         Value *env) {
  if (ambi_is_lvar(part)) return env[ambi_lvar_of(part)];
  Value v = ambi_instantiate_part(cx, part, t, env, false);
  return ambi_presume_data(cx, v);
}

static bool unify_items(Context *cx, const Template *t, const Value *items,
                        uint32_t n, const Value *fresh, Value *out) {
  Value few[FEW_VARS], *env = new_env(cx, t, few);
  if (!env) return false;
  bool any = ambi_is_lvar(t->atom), ok = true;  // a bare variable takes all
  const Value *parts = any ? NULL : ambi_expr_items(t->atom);
  for (uint32_t i = 0; ok && i < n; i++)
    if (!ambi_is_none(items[i]) && !any)
      ok = ambi_unify_template(cx, items[i], parts[i], t, env);
  for (uint32_t i = 0; ok && i < n; i++) {
    if (!ambi_is_none(items[i])) continue;
    out[i] = any ? AMB_NONE : record_part(cx, t, parts[i], env);
    if (!ambi_is_none(out[i]) || cx->stop) continue;
    out[i] = fresh[i];
    if (!any) env[ambi_lvar_of(parts[i])] = out[i];
  }
  drop_env(t, env, few);
  return ok && !cx->stop;
}

// Begins and ends a unification that leaves nothing behind when it fails.
typedef struct Attempt {
  size_t mark;
  Word *top, *hb;
} Attempt;

static Attempt attempt(Context *cx) {
  Attempt a = {.mark = cx->tr, .top = cx->h};
  a.hb = trail_all(cx);
  return a;
}

static bool attempted(Context *cx, const Attempt *a, bool ok) {
  cx->hb = a->hb;
  if (!ok) {
    ambi_trail_undo(cx, a->mark);
    cx->h = a->top;
    return false;
  }
  size_t to = a->mark;  // only what is older than hb needs to stay on the trail
  for (size_t i = a->mark; i < cx->tr; i++)
    if (cx->trail[i] < a->hb) cx->trail[to++] = cx->trail[i];
  cx->tr = to;
  return true;
}

bool ambi_record_unify(Context *cx, Record r, Value pattern) {
  Attempt a = attempt(cx);
  return attempted(cx, &a, unify_record(cx, r, pattern));
}

bool ambi_record_unify_items(Context *cx, Record r, const Value *items,
                             uint32_t n, const Value *fresh, Value *out) {
  Template t = ambi_record_template(r);
  Attempt a = attempt(cx);
  return attempted(cx, &a, unify_items(cx, &t, items, n, fresh, out));
}

// ---- patterns one behind the other ----------------------------------------------------
bool ambi_record_answers(Context *cx, Record r, Value call, Value x) {
  const Value items[] = {AMB_SYM(EQ), call, AMB_NONE};
  const Value fresh[] = {AMB_UNIT, AMB_UNIT, x};
  Value out[3];
  if (!ambi_record_unify_items(cx, r, items, 3, fresh, out)) return false;
  Value answer = ambi_deref(out[2]);
  return ambi_same(answer, x) ||
         ambi_bind(cx, x, ambi_presume_data(cx, answer));
}

// One pattern of a conjunction being worked on.
typedef struct Goal {
  RecordVec records;
  size_t next;
  size_t trail;      // before the record now in use was unified
  Word *top;         // heap top then
  size_t solutions;  // found before it was
} Goal;

typedef struct Solver {
  Context *cx;
  Space *space;
  const View *views;
  const Value *patterns;
  size_t npatterns;
  ValueVec *vars, *values;
  size_t solutions;
  uint64_t tried;  // records
  Goal *goals;
} Solver;

static bool take_solution(Solver *sv) {
  for (size_t i = 0; i < sv->vars->n; i++) {
    Value v = ambi_resolve(sv->cx, sv->vars->at[i]);
    if (ambi_is_none(v)) return false;
    if (!ambi_vec_push(sv->values, v)) {
      sv->cx->stop = STOP_MEMORY;
      return false;
    }
  }
  sv->solutions++;
  return true;
}

static bool ask_goal(Solver *sv, size_t depth) {
  Goal *g = &sv->goals[depth];
  g->next = 0;
  return ambi_views_query(sv->cx, sv->space, sv->views, sv->patterns[depth],
                          &g->records, NULL);
}

// Depth first over the goals, which is left to right over partial solutions.
static bool solve(Solver *sv) {
  Context *cx = sv->cx;
  size_t depth = 0;
  if (sv->npatterns == 0) return take_solution(sv);
  if (!ask_goal(sv, 0)) return false;
  for (;;) {
    Goal *g = &sv->goals[depth];
    if (g->next == g->records.n) {
      ambi_records_drop(&g->records);
      if (depth == 0) return true;
      g = &sv->goals[--depth];
      ambi_trail_undo(cx, g->trail);
      if (g->solutions == sv->solutions) cx->h = g->top;
      continue;
    }
    Record r = g->records.at[g->next++];
    if (++sv->tried % AMB_POLL_STEPS == 0 && !ambi_limits_poll(cx))
      return false;
    g->trail = cx->tr;
    g->top = cx->h;
    g->solutions = sv->solutions;
    bool ok = unify_record(cx, r, sv->patterns[depth]);
    if (cx->stop) return false;
    if (ok && depth + 1 < sv->npatterns) {
      if (!ask_goal(sv, ++depth)) return false;
      continue;
    }
    if (ok && !take_solution(sv)) return false;
    ambi_trail_undo(cx, g->trail);
    if (g->solutions == sv->solutions) cx->h = g->top;
  }
}

// Depth first over the goals, with candidates unified one by one.
static bool solve_plainly(Solver *sv) {
  Context *cx = sv->cx;
  Goal one = {.next = 0};
  size_t n = sv->npatterns;
  sv->goals = n <= 1 ? &one : ambi_alloc(n * sizeof *sv->goals);
  if (!sv->goals) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  size_t mark = cx->tr;
  Word *hb = trail_all(cx);
  bool ok = solve(sv);
  ambi_trail_undo(cx, mark);
  cx->hb = hb;
  for (size_t i = 0; i < n; i++)
    ambi_records_drop(&sv->goals[i].records);
  if (sv->goals != &one) ambi_free(sv->goals, n * sizeof *sv->goals);
  return ok;
}

// ---- all solutions --------------------------------------------------------------------
bool ambi_space_solve(Context *cx, Space *s, Value pattern, ValueVec *vars,
                      ValueVec *values, size_t *nsolutions) {
  View few[FEW_VIEWS];
  pattern = ambi_deref(pattern);
  Solver sv = {.cx = cx,
               .space = s,
               .patterns = &pattern,
               .npatterns = 1,
               .vars = vars,
               .values = values};
  if (ambi_is_expr(pattern) &&
      ambi_same(ambi_deref(ambi_expr_at(pattern, 0)), AMB_SYM(COMMA))) {
    sv.patterns = ambi_expr_items(pattern) + 1;
    sv.npatterns = ambi_expr_size(pattern) - 1;
  }
  for (size_t i = 0; i < sv.npatterns; i++) {
    Value p = ambi_deref(sv.patterns[i]);
    bool any = !ambi_is_expr(p);
    ambi_space_asked(s, any ? AMB_NONE : ambi_expr_at(p, 0), ambi_expr_size(p));
  }
  if (!ambi_collect_vars(cx, pattern, vars)) return false;
  sv.views = ambi_space_views(cx, s, sv.patterns, sv.npatterns, few);
  if (!sv.views) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  Join join;
  bool ok;
  if (ambi_join_plan(&join, cx, s, sv.views, sv.patterns, sv.npatterns, vars)) {
    ok = ambi_join_run(&join, values, nsolutions);
  } else {
    ok = cx->stop == STOP_NONE && solve_plainly(&sv);
    *nsolutions = sv.solutions;
  }
  ambi_drop_views(sv.views, few);
  return ok;
}
