// What evaluating a term may do: the analysis that allows streaming.
//
// A term's effects are those of every head in it, evaluated or not (a safe
// guess); a head with rules has the effects of all bodies it can reach. Heads
// that only running can tell (variables, expressions) may do, where they are
// evaluated, what the text read so far mentions (mention.h), and so may what a variable
// holds, or what is fetched, as far as that can be code; patterns and the lists of let*,
// case and switch are not evaluated.
#include "memory/alloc.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/bytecode/lower.h"
#include "runtime/guard.h"
#include "runtime/machine/routine.h"
#include "runtime/tables/table.h"

typedef struct Reach {  // what a term or some rules do, and call
  CodeState *cs;
  Definition **at;  // called: some maybe more than once
  size_t n, cap;
  unsigned effects;
  bool failed;
} Reach;

static void add_definition(Reach *r, Definition *d) {
  if (d && ambi_grow((void **)&r->at, &r->cap, r->n + 1, sizeof *r->at))
    r->at[r->n++] = d;
  else
    r->failed = true;
}

static unsigned mentioned_unknown(Runtime *rt) {
  return E_CALLS | ambi_mentioned_effects(rt);
}

static unsigned mentioned_fetched(Runtime *rt) {
  unsigned effects = ambi_fetched_effects(rt);
  return effects ? effects | E_CALLS : 0;
}

static unsigned remembered(CodeState *cs, SharedEffects *at,
                           unsigned (*find_out)(Runtime *)) {
  uint32_t known = ambi_load_acquire(at);
  if (AMB_UNLIKELY(!known)) {
    ambi_guard(cs->rt);
    known = find_out(cs->rt) | EFFECTS_KNOWN;
    ambi_store_release(at, known);
    ambi_unguard(cs->rt);
  }
  return known & ~EFFECTS_KNOWN;
}

unsigned ambi_effects_unknown(CodeState *cs) {
  return remembered(cs, &cs->x_unknown, mentioned_unknown);
}

unsigned ambi_effects_fetched(CodeState *cs) {
  return remembered(cs, &cs->x_fetched, mentioned_fetched);
}

// Finds out again, if it is known. True: it is not what it was.
static bool is_another(CodeState *cs, SharedEffects *at,
                       unsigned (*find_out)(Runtime *)) {
  uint32_t was = ambi_load_relaxed(at);
  if (!was) return false;
  uint32_t is = find_out(cs->rt) | EFFECTS_KNOWN;
  ambi_store_release(at, is);
  return is != was;
}

void ambi_effects_mentioned(CodeState *cs) {
  bool known =
      ambi_load_relaxed(&cs->x_unknown) || ambi_load_relaxed(&cs->x_fetched);
  if (!cs->rt->mentions.changed || !known) return;
  bool unknown = is_another(cs, &cs->x_unknown, mentioned_unknown);
  if (is_another(cs, &cs->x_fetched, mentioned_fetched) || unknown)
    ambi_code_invalidate(cs);
  cs->rt->mentions.changed = false;
}

// Is a head that only running can tell one here?
static bool unknown_head(Value h) {
  return ambi_is_lvar(h) || ambi_is_var(h) || ambi_is_expr(h);
}

static bool effect_free_instruction(uint32_t symbol) {
  switch (symbol) {
  case AMB_S_CONS_ATOM:
  case AMB_S_DECONS_ATOM:
  case AMB_S_CHAIN:
  case AMB_S_CONTEXT_SPACE:
  case AMB_S_FUNCTION:
  case AMB_S_COLLAPSE_BIND:
  case AMB_S_SUPERPOSE_BIND: return true;
  default: return false;
  }
}

// Does an `eval` reduce what has a known head? Nothing happens then but what that does.
static bool evaluates_known(Value e) {
  if (ambi_expr_size(e) != 2) return false;
  Value call = ambi_expr_at(e, 1);
  return ambi_is_expr(call) && !unknown_head(ambi_expr_at(call, 0));
}

static bool is_effect_free(Value instruction) {
  uint32_t symbol = ambi_sym_of(ambi_expr_at(instruction, 0));
  return symbol == AMB_S_EVAL ? evaluates_known(instruction)
                              : effect_free_instruction(symbol);
}

static void head_effects(Reach *r, Space *s, Value e, bool evaluated) {
  Value h = ambi_expr_at(e, 0);
  if (ambi_is_op(h)) {
    uint32_t op = ambi_op_of(h);
    unsigned f = ambi_builtin(r->cs->rt, op)->effects;
    if (ambi_changes_plain_fact(e)) f &= ~(unsigned)E_RULES;
    if (op == OP_GET_ATOMS || op == OP_GET_STATE)
      f |= ambi_effects_fetched(r->cs);
    r->effects |= f;
  } else if (ambi_is_sym(h)) {
    if (ambi_sym_of(h) == AMB_S_UNIFY)
      r->effects |= E_READ_SPACE;  // if one side is a space
    else if (ambi_is_instruction(e) && !is_effect_free(e))
      r->effects |= E_EVERYTHING;
    if (ambi_form_untouched(r->cs, s, h, ambi_expr_size(e) - 1)) return;
    add_definition(r, ambi_definition(r->cs, s, h, ambi_expr_size(e) - 1));
  } else if (evaluated && unknown_head(h)) {
    r->effects |= ambi_effects_unknown(r->cs) | E_TABLED;
  }
}

typedef struct Walk {
  Reach *r;
  Space *s;
  ValueVec evaluated;  // terms
  ValueVec patterns;   // terms that are only taken apart: their parts may still
                       // reach an evaluated place through a variable
} Walk;

static void later(Walk *w, ValueVec *v, Value e) {
  if ((ambi_is_lvar(e) || ambi_is_var(e)) && v == &w->evaluated)
    w->r->effects |= ambi_effects_fetched(w->r->cs);
  if (ambi_is_expr(e) && !ambi_vec_push(v, e)) w->r->failed = true;
}

// (pattern term) pairs: of let*, or the clauses of case and switch.
static void walk_pairs(Walk *w, Value list) {
  for (uint32_t i = 0; i < ambi_expr_size(list); i++) {
    Value p = ambi_expr_at(list, i);
    if (ambi_expr_size(p) != 2) {
      later(w, &w->evaluated, p);
      continue;
    }
    later(w, &w->patterns, ambi_expr_at(p, 0));
    later(w, &w->evaluated, ambi_expr_at(p, 1));
  }
}

static bool is_form(Walk *w, Value e, uint32_t symbol, uint32_t nargs) {
  Value h = ambi_expr_at(e, 0);
  return ambi_is_sym(h) && ambi_sym_of(h) == symbol &&
         ambi_expr_size(e) == nargs + 1 &&
         ambi_form_untouched(w->r->cs, w->s, h, nargs);
}

static void walk_children(Walk *w, Value e) {
  Value h = ambi_expr_at(e, 0);
  uint32_t n = ambi_expr_size(e), pattern = 0;
  if (is_form(w, e, AMB_S_LET_STAR, 2)) {
    walk_pairs(w, ambi_expr_at(e, 1));
    later(w, &w->evaluated, ambi_expr_at(e, 2));
    return;
  }
  if (is_form(w, e, AMB_S_CASE, 2) || is_form(w, e, AMB_S_SWITCH, 2)) {
    later(w, &w->evaluated, ambi_expr_at(e, 1));
    walk_pairs(w, ambi_expr_at(e, 2));
    return;
  }
  if (is_form(w, e, AMB_S_LET, 3)) pattern = 1;
  if (ambi_is_op(h) && ambi_op_of(h) == OP_MATCH && n == 4) pattern = 2;
  for (uint32_t i = 0; i < n; i++)
    later(w, i && i == pattern ? &w->patterns : &w->evaluated,
          ambi_expr_at(e, i));
}

static void walk(Reach *r, Space *s, Value term) {
  Walk w = {.r = r, .s = s};
  later(&w, &w.evaluated, term);
  while ((w.evaluated.n || w.patterns.n) && r->effects != E_EVERYTHING) {
    if (w.evaluated.n) {
      Value e = w.evaluated.at[--w.evaluated.n];
      head_effects(r, s, e, true);
      walk_children(&w, e);
    } else {
      Value e = w.patterns.at[--w.patterns.n];
      head_effects(r, s, e, false);
      for (uint32_t i = 0; i < ambi_expr_size(e); i++)
        later(&w, &w.patterns, ambi_expr_at(e, i));
    }
  }
  ambi_vec_drop(&w.evaluated);
  ambi_vec_drop(&w.patterns);
}

static void walk_rules(Reach *r, Definition *d) {
  if (ambi_info_of(d).dynamic) {
    r->effects |= E_EVERYTHING;
    return;
  }
  RecordVec rules = {0};
  if (!ambi_definition_rules(r->cs, d, &rules)) r->failed = true;
  ambi_code_rely(r->cs, ambi_definition_symbol(d));
  if (rules.n) r->effects |= E_CALLS;
  if (ambi_tables_declares(r->cs->rt, d->space, d->head))
    r->effects |= E_TABLED;
  for (size_t i = 0; i < rules.n && r->effects != E_EVERYTHING; i++)
    walk(r, d->space, ambi_expr_at(ambi_record_atom(rules.at[i]), 2));
  ambi_records_drop(&rules);
}

// ---- what definitions reach -------------------------------------------------------

// Definitions that reach each other have the same effects: all that can be reached
// are looked at once, and known together as soon as their group is complete (Tarjan).
// A chain of thousands must not be walked again for each of its members.

typedef struct Node {
  Definition *d;
  unsigned effects;
  size_t next, end;  // of calls: those still to be looked at
  size_t low;        // the first node that can be reached again from here
  size_t before;     // on the path
} Node;

typedef struct Graph {
  CodeState *cs;
  Node *nodes;  // Definition.node is 1 + its place here
  size_t n, cap;
  Definition **calls;
  size_t ncalls, capcalls;
  size_t *open;  // nodes whose group is not complete
  size_t nopen, capopen;
  bool failed;
} Graph;

// Puts d on the path, behind the node `before`.
static size_t enter(Graph *g, Definition *d, size_t before) {
  Reach r = {.cs = g->cs};
  walk_rules(&r, d);
  size_t at = g->n, end = g->ncalls + r.n;
  if (r.failed ||
      !ambi_grow((void **)&g->nodes, &g->cap, g->n + 1, sizeof *g->nodes) ||
      !ambi_grow((void **)&g->open, &g->capopen, g->nopen + 1,
                 sizeof *g->open) ||
      !ambi_grow((void **)&g->calls, &g->capcalls, end, sizeof *g->calls)) {
    g->failed = true;
  } else {
    for (size_t i = 0; i < r.n; i++)
      g->calls[g->ncalls + i] = r.at[i];
    g->nodes[g->n++] = (Node){d, r.effects, g->ncalls, end, at, before};
    g->ncalls = end;
    g->open[g->nopen++] = at;
    d->node = (uint32_t)g->n;
  }
  ambi_free(r.at, r.cap * sizeof *r.at);
  return at;
}

// The group that begins at this node is complete.
static void complete(Graph *g, size_t at) {
  unsigned effects = g->nodes[at].effects;
  for (size_t member = g->n; member != at;) {
    member = g->open[--g->nopen];
    Definition *d = g->nodes[member].d;
    d->effects = effects;
    d->effects_known = true;
  }
}

// The end of a node: the way back along the path.
static size_t leave(Graph *g, size_t at) {
  Node *v = &g->nodes[at];
  if (v->low == at) complete(g, at);
  if (v->before == SIZE_MAX) return SIZE_MAX;
  Node *u = &g->nodes[v->before];
  u->effects |= v->effects;
  if (v->low < u->low) u->low = v->low;
  return v->before;
}

// The next node on the path.
static size_t follow(Graph *g, size_t at) {
  Node *v = &g->nodes[at];
  if (v->next == v->end || v->effects == E_EVERYTHING) return leave(g, at);
  Definition *d = g->calls[v->next++];
  if (d->effects_known) {
    v->effects |= d->effects;
  } else if (!d->node) {
    return enter(g, d, at);
  } else if (d->node - 1 < v->low) {
    v->low = d->node - 1;
  }
  return at;
}

unsigned ambi_effects_definition(CodeState *cs, Definition *d) {
  if (d->effects_known) return d->effects;
  Graph g = {.cs = cs};
  for (size_t at = enter(&g, d, SIZE_MAX); at != SIZE_MAX && !g.failed;)
    at = follow(&g, at);
  for (size_t i = 0; i < g.n; i++)
    g.nodes[i].d->node = 0;
  ambi_free(g.nodes, g.cap * sizeof *g.nodes);
  ambi_free(g.calls, g.capcalls * sizeof *g.calls);
  ambi_free(g.open, g.capopen * sizeof *g.open);
  if (g.failed) {
    d->effects = E_EVERYTHING;
    d->effects_known = true;
  }
  return d->effects;
}

unsigned ambi_effects_head(CodeState *cs, Space *s, Value e) {
  Reach r = {.cs = cs};
  head_effects(&r, s, e, false);
  unsigned effects = r.effects;
  for (size_t i = 0; i < r.n; i++)
    effects |= ambi_effects_definition(cs, r.at[i]);
  if (r.failed) effects = E_EVERYTHING;
  ambi_free(r.at, r.cap * sizeof *r.at);
  return effects;
}

unsigned ambi_effects_term(CodeState *cs, Space *s, Value term) {
  if (ambi_is_lvar(term)) return ambi_effects_fetched(cs);
  if (!ambi_is_expr(term)) return E_PURE;
  Reach r = {.cs = cs};
  walk(&r, s, term);
  unsigned effects = r.effects;
  for (size_t i = 0; i < r.n; i++)
    effects |= ambi_effects_definition(cs, r.at[i]);
  if (r.failed) effects = E_EVERYTHING;
  ambi_free(r.at, r.cap * sizeof *r.at);
  return effects;
}

bool ambi_code_keeps_rules(Context *cx, Value atom) {
  CodeState *cs = cx->rt->code;
  atom = ambi_resolve(cx, atom);
  if (ambi_is_none(atom)) return false;
  ambi_guard(cx->rt);
  unsigned effects =
      ambi_is_var(atom) ? E_EVERYTHING : ambi_effects_term(cs, cx->space, atom);
  ambi_unguard(cx->rt);
  return (effects & E_RULES) == 0;
}
