// Telling the tree of what came to nothing, see why_not.h.
#include "cli/trace/why_not_data.h"

#include <string.h>

#include "cli/lost.h"
#include "memory/alloc.h"

enum {
  USUAL_DEPTH = 12,  // calls nested deeper are cut
  MOST_STEPS = 400,  // that are told of a form
  MOST_KNOWN = 1 << 10
};

typedef struct Visit {
  Node *node;
  uint32_t depth;  // where it is told
  uint32_t nest;   // calls around it
} Visit;

typedef struct Telling {
  const WhyNot *w;
  Visit *at;  // what is still to be told, the next one last
  size_t n, cap;
  uint64_t told, deepest;
  bool cut;
  const char *known[MOST_KNOWN];  // calls that were explained, by hash
} Telling;

static void push_children(Telling *t, const Node *n, uint32_t depth,
                          uint32_t nest) {
  size_t from = t->n;
  for (Node *c = n->first; c; c = c->next) {
    if (!ambi_grow((void **)&t->at, &t->cap, t->n + 1, sizeof *t->at)) {
      cli_lost();
      return;
    }
    t->at[t->n++] = (Visit){c, depth, nest};
  }
  for (size_t i = from, j = t->n; i + 1 < j; i++) {
    Visit swap = t->at[i];
    t->at[i] = t->at[--j];
    t->at[j] = swap;
  }
}

static void tell(Telling *t, uint32_t depth, const Told *told) {
  if (++t->told <= MOST_STEPS) cli_told(&t->w->to, depth, told);
}

static bool is_known(Telling *t, const char *text) {
  uint32_t h = 2166136261u;
  for (const char *c = text; *c; c++)
    h = (h ^ (unsigned char)*c) * 16777619u;
  const char **slot = &t->known[h % MOST_KNOWN];
  bool known = *slot && strcmp(*slot, text) == 0;
  *slot = text;
  return known;
}

static void visit_call(Telling *t, Visit v) {
  Node *n = v.node;
  n->depth = v.depth;
  if (n->library || (n->values && !n->back)) {
    push_children(t, n, v.depth, v.nest);
    return;
  }
  Told told = n->told;
  bool deep = v.nest >= t->deepest;
  bool known = is_known(t, told.text);
  if (known) told.value = "is told above";
  if (deep && !known) t->cut = true;
  tell(t, v.depth, &told);
  if (!known && !deep) push_children(t, n, v.depth + 1, v.nest + 1);
}

// Conditions are told, and values of the program's functions; of the library only where
// there are several.
static bool is_shown(const Node *value) {
  const char *v = value->told.value;
  const Node *call = value->call;
  if (call->back) return false;
  return !call->library || call->values > 1 || call->error ||
         strcmp(v, "True") == 0 || strcmp(v, "False") == 0;
}

static void visit_value(Telling *t, Visit v) {
  const Node *call = v.node->call;
  bool shown = is_shown(v.node) && v.node->reason;
  if (shown) tell(t, call->depth, &v.node->told);
  push_children(t, v.node, call->depth + (shown && call->values > 1), v.nest);
}

// Rules and facts: those on the way to a value are not told, what was tried beside it is.
static void visit_use(Telling *t, Visit v) {
  const Node *n = v.node;
  if (n->passed || !n->reason) {
    push_children(t, n, v.depth, v.nest);
    return;
  }
  tell(t, v.depth, &n->told);
  bool alone = n->kind == STEP_FACT && n->parent->first == n && !n->next;
  push_children(t, n, v.depth + !alone, v.nest);
}

static void visit(Telling *t, Visit v) {
  switch (v.node->kind) {
  case STEP_ROOT: push_children(t, v.node, v.depth, v.nest); break;
  case STEP_CALL: visit_call(t, v); break;
  case STEP_VALUE: visit_value(t, v); break;
  case STEP_RULE:
  case STEP_FACT: visit_use(t, v); break;
  case STEP_REASON: tell(t, v.depth, &v.node->told); break;
  case STEP_ANSWER:
    if (v.node->reason) tell(t, v.depth, &v.node->told);
    break;
  }
}

static void tell_head(const WhyNot *w) {
  Buffer b = {0};
  ambi_buffer_puts(&b, w->root->told.text);
  if (w->answers)
    ambi_buffer_format(&b, " has %u answer%s", w->answers,
                       w->answers == 1 ? "" : "s");
  else
    ambi_buffer_puts(&b, " has no answer");
  bool other = w->answers && w->is_missing && !w->found;
  if (other) {
    ambi_buffer_puts(&b, ", and not ");
    ambi_buffer_puts(&b, w->wanted);
  }
  ambi_buffer_puts(&b, !w->root->reason       ? ", and nothing was in vain"
                       : !w->answers || other ? " because"
                                              : "; in vain was");
  if (b.failed)
    cli_lost();
  else
    cli_told_line(&w->to, 0, b.text);
  ambi_buffer_drop(&b);
}

static void tell_cuts(const Telling *t) {
  char line[80];
  if (t->cut)
    cli_told_line(&t->w->to, 1, "... deeper calls: --trace-depth N tells them");
  snprintf(line, sizeof line, "... and %llu more steps",
           (unsigned long long)(t->told - MOST_STEPS));
  if (t->told > MOST_STEPS) cli_told_line(&t->w->to, 1, line);
}

void cli_why_not_tell(WhyNot *w) {
  Telling t = {.w = w, .deepest = w->depth ? w->depth : USUAL_DEPTH};
  cli_told_begin(&w->to);
  tell_head(w);
  push_children(&t, w->root, 1, 0);
  while (t.n) {
    Visit v = t.at[--t.n];
    visit(&t, v);
  }
  tell_cuts(&t);
  cli_told_end(&w->to, "why-not", w->root->told.text);
  ambi_free(t.at, t.cap * sizeof *t.at);
}
