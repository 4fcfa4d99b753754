// What a match does, in words: goals in the order they run, with what they looked at.
//
// The match is run once more for this, and nothing comes of it but the text.
#include <inttypes.h>

#include "runtime/atoms/printer.h"
#include "runtime/runtime.h"
#include "runtime/spaces/join.h"

typedef struct Explain {
  Context *cx;
  Space *space;
  const Value *patterns;
  size_t n;
  Buffer b;
  Naming naming;
} Explain;

static void say_path(Explain *e, Path path) {
  if (ambi_path_same(path, PATH_GROUND)) {
    ambi_buffer_format(&e->b, "the whole fact");
    return;
  }
  ambi_buffer_format(&e->b, "argument %u", (path.steps & 0xFF) - 1);
  while ((path.steps >>= 8) != 0 && path.steps != PATH_ALL)
    ambi_buffer_format(&e->b, ", child %u of it", (path.steps & 0xFF) - 1);
}

// The space is asked each time.
static void say_asked(Explain *e, const Join *j, const JoinGoal *g) {
  Value head = ambi_is_expr(g->pattern)
                   ? ambi_deref(ambi_expr_at(g->pattern, 0))
                   : g->pattern;
  ambi_buffer_format(&e->b, "%s",
                     !ambi_is_var(head) ? "facts of several relations"
                     : ambi_join_knows(j, head, g->known)
                         ? "by the head, which is known then"
                         : "facts of any head");
}

// The first key leads; more are asked where it leaves much.
static void say_keys(Explain *e, const JoinGoal *g) {
  bool indexed = g->nkeys && ambi_relation_has_index(g->rel, g->keys[0].path);
  if (!indexed)
    ambi_buffer_format(&e->b, "all %zu facts", ambi_relation_live(g->rel));
  for (unsigned k = 0; indexed && k < g->nkeys; k++) {
    ambi_buffer_format(&e->b, k == 0   ? "by "
                              : k == 1 ? "; known, too: "
                                       : "; ");
    say_path(e, g->keys[k].path);
  }
  if (g->hashed) ambi_buffer_format(&e->b, "; hashed by all of them");
}

static void say_goal(Explain *e, unsigned i, const Join *j) {
  const JoinGoal *g = &j->goals[i];
  ambi_buffer_format(&e->b, "  %u. ", i + 1);
  ambi_print(e->cx->rt, &e->b, g->pattern, &e->naming);
  ambi_buffer_format(&e->b, "  ");
  if (g->asks)
    say_asked(e, j, g);
  else
    say_keys(e, g);
  if (g->open)
    ambi_buffer_format(&e->b, "; %" PRIu64 " facts have variables", g->open);
  ambi_buffer_format(&e->b,
                     "\n     asked %" PRIu64 " times, %" PRIu64
                     " facts looked at, %" PRIu64 " match\n",
                     g->asked, g->looked_at, g->found);
}

static void say_plan(Explain *e, Join *j) {
  ValueVec values = {0};
  size_t n = 0;
  if (!ambi_join_run(j, &values, &n)) return;
  ambi_buffer_format(&e->b, "match: %zu solutions%s\n", n,
                     j->reordered ? ", not found in the written order" : "");
  for (unsigned i = 0; i < j->ngoals && !j->empty; i++)
    say_goal(e, i, j);
  ambi_vec_drop(&values);
}

// No plan: there are too many patterns or variables for one.
static void say_unplanned(Explain *e) {
  ambi_buffer_format(
      &e->b,
      "match: one pattern behind the other, unified with each candidate\n");
  for (size_t i = 0; i < e->n; i++) {
    RecordVec found = {0};
    if (!ambi_space_query(e->cx, e->space, e->patterns[i], &found)) return;
    ambi_buffer_format(&e->b, "  %zu. ", i + 1);
    ambi_print(e->cx->rt, &e->b, e->patterns[i], &e->naming);
    ambi_buffer_format(&e->b, "  %zu candidates by itself\n", found.n);
    ambi_records_drop(&found);
  }
}

bool ambi_space_plan(Context *cx, Space *s, Value pattern, Buffer *out) {
  pattern = ambi_deref(pattern);
  Explain e = {.cx = cx, .space = s, .patterns = &pattern, .n = 1, .b = *out};
  if (ambi_is_expr(pattern) &&
      ambi_same(ambi_deref(ambi_expr_at(pattern, 0)), AMB_SYM(COMMA))) {
    e.patterns = ambi_expr_items(pattern) + 1;
    e.n = ambi_expr_size(pattern) - 1;
  }
  ValueVec vars = {0};
  View few[FEW_VIEWS];
  Join j;
  if (!ambi_collect_vars(cx, pattern, &vars)) return false;
  const View *views = ambi_space_views(cx, s, e.patterns, e.n, few);
  if (views && ambi_join_plan(&j, cx, s, views, e.patterns, e.n, &vars))
    say_plan(&e, &j);
  else
    say_unplanned(&e);
  ambi_drop_views(views, few);
  ambi_vec_drop(&e.naming.vars);
  ambi_vec_drop(&vars);
  *out = e.b;
  return cx->stop == STOP_NONE;
}

void ambi_space_explain(Context *cx, Space *s, Value pattern) {
  const Host *host = &cx->rt->host;
  Buffer b = {0};
  ambi_space_plan(cx, s, pattern, &b);
  if (b.text && host->note) host->note(host->arg, b.text, b.len);
  ambi_buffer_drop(&b);
}
