// Terms are compared, unified and found in spaces as a plain model does it: trees,
// recursion, linear search, and a copy of each stored atom for each question.
#include "tests/fuzz/fuzz.h"

enum { NVARS = 4, MAX_DEPTH = 3, MAX_ATOMS = 40, MAX_NODES = 2000 };

// ---- the model's terms --------------------------------------------------------------

typedef struct Term Term;
struct Term {
  enum { VARIABLE, LEAF, EXPRESSION } kind;
  Term *value;    // VARIABLE: bound to
  char text[24];  // VARIABLE: its name; LEAF: as printed, numbers by value
  unsigned n;     // EXPRESSION
  Term *items[4];
};

static Term *nodes;  // freed all at once
static unsigned nnodes;

static Term *node(int kind) {
  static const Term none;
  HOLDS(nnodes < 1u << 20, "the model is out of terms");
  Term *t = &nodes[nnodes++];
  *t = none;
  t->kind = kind;
  return t;
}

static Term *walk(Term *t) {
  while (t->kind == VARIABLE && t->value)
    t = t->value;
  return t;
}

static bool same_leaf(const Term *a, const Term *b) {
  return strcmp(a->text, b->text) == 0;
}

// Literal equality: variables by name.
static bool equal(Term *a, Term *b) {
  a = walk(a), b = walk(b);
  if (a->kind != b->kind || a->n != b->n) return false;
  if (a->kind != EXPRESSION) return same_leaf(a, b);
  for (unsigned i = 0; i < a->n; i++)
    if (!equal(a->items[i], b->items[i])) return false;
  return true;
}

static bool occurs(const Term *v, Term *in) {
  in = walk(in);
  if (in == v) return true;
  for (unsigned i = 0; i < in->n; i++)
    if (occurs(v, in->items[i])) return true;
  return false;
}

static Term *bound[1 << 12];  // the model's trail
static unsigned nbound;

static void undo(unsigned mark) {
  while (nbound > mark)
    bound[--nbound]->value = NULL;
}

static bool bind(Term *v, Term *to) {
  if (occurs(v, to)) return false;
  HOLDS(nbound < sizeof bound / sizeof *bound, "the model's trail is full");
  v->value = to;
  bound[nbound++] = v;
  return true;
}

static bool unify(Term *a, Term *b) {
  a = walk(a), b = walk(b);
  if (a == b) return true;
  if (a->kind == VARIABLE) return bind(a, b);
  if (b->kind == VARIABLE) return bind(b, a);
  if (a->kind != b->kind || a->n != b->n) return false;
  if (a->kind == LEAF) return same_leaf(a, b);
  for (unsigned i = 0; i < a->n; i++)
    if (!unify(a->items[i], b->items[i])) return false;
  return true;
}

typedef struct Renaming {
  Term *from[16], *to[16];
  unsigned n;
} Renaming;

// Variables anew, also those bound to variables.
static Term *copy(Renaming *r, Term *t) {
  t = walk(t);
  if (t->kind == LEAF) return t;
  if (t->kind == VARIABLE) {
    for (unsigned i = 0; i < r->n; i++)
      if (r->from[i] == t) return r->to[i];
    Term *v = node(VARIABLE);
    memcpy(v->text, t->text, sizeof v->text);
    HOLDS(r->n < 16, "too many variables");
    r->from[r->n] = t;
    return r->to[r->n++] = v;
  }
  Term *c = node(EXPRESSION);
  c->n = t->n;
  for (unsigned i = 0; i < t->n; i++)
    c->items[i] = copy(r, t->items[i]);
  return c;
}

// One-to-one, both ways.
static bool alpha(Renaming *r, Term *a, Term *b) {
  a = walk(a), b = walk(b);
  if (a->kind != b->kind || a->n != b->n) return false;
  if (a->kind == LEAF) return same_leaf(a, b);
  if (a->kind == VARIABLE) {
    for (unsigned i = 0; i < r->n; i++)
      if (r->from[i] == a || r->to[i] == b)
        return r->from[i] == a && r->to[i] == b;
    r->from[r->n] = a;
    r->to[r->n++] = b;
    return true;
  }
  for (unsigned i = 0; i < a->n; i++)
    if (!alpha(r, a->items[i], b->items[i])) return false;
  return true;
}

// ---- both at once -------------------------------------------------------------------

static Runtime *rt;
static Context *cx;

typedef struct Pair {  // the same term in the model and in the library
  Term *t;
  Value v;
} Pair;

typedef struct Scope {  // the variables of one atom
  Pair vars[NVARS];
} Scope;

static void name_leaf(Term *t, Value v) {
  if (ambi_is_number(v)) {
    snprintf(t->text, sizeof t->text, "%.17g", ambi_num_to_double(v) + 0.0);
    return;
  }
  Buffer b = {0};
  ambi_print(rt, &b, v, NULL);
  HOLDS(b.len < sizeof t->text, "a long leaf");
  memcpy(t->text, b.text, b.len + 1);
  ambi_buffer_drop(&b);
}

static Pair leaf(Value v) {
  Pair p = {node(LEAF), v};
  name_leaf(p.t, v);
  return p;
}

static Pair variable(Bytes *b, Scope *s) {
  static const char *const names[NVARS] = {"x", "y", "z", "w"};
  uint32_t i = choose(b, NVARS), id;
  Pair *p = &s->vars[i];
  if (p->t) return *p;
  HOLDS(ambi_symbol_intern(rt->symbols, names[i], 1, &id), "no symbol");
  p->t = node(VARIABLE);
  memcpy(p->t->text, names[i], 2);
  p->v = ambi_make_var(cx, id, AMB_VAR_AS_WRITTEN);
  return *p;
}

static Pair atomic(Bytes *b) {
  static const char *const names[] = {"a", "b", "=", ":", "f", "g", ",x"};
  switch (choose(b, 16)) {
  case 0: return leaf(AMB_TRUE);
  case 1: return leaf(ambi_make_str(cx, "a", 1));
  case 2: return leaf(ambi_double(choose(b, 4) * 0.5));
  case 3:
    return leaf(ambi_num_from_int64(cx, (int64_t)1 << (44 + choose(b, 8))));
  case 4: return leaf(ambi_double((double)((int64_t)1 << (44 + choose(b, 8)))));
  case 5: return leaf(ambi_double(-0.0));
  case 6: return leaf(AMB_OP_ID(choose(b, 3)));
  case 7:
  case 8: return leaf(ambi_small_int(choose(b, 3)));
  default: {
    const char *name = names[choose(b, 7)];
    return leaf(ambi_make_sym(cx, name, strlen(name)));
  }
  }
}

static Pair term(Bytes *b, Scope *s, unsigned depth) {
  uint32_t kind = choose(b, 8);
  if (kind < 2) return variable(b, s);
  if (kind < 5 || depth == 0 || nnodes > MAX_NODES) return atomic(b);
  Pair p = {.t = node(EXPRESSION)};
  Value items[4];
  p.t->n = choose(b, 5);
  for (unsigned i = 0; i < p.t->n; i++) {
    Pair child = term(b, s, depth - 1);
    p.t->items[i] = child.t;
    items[i] = child.v;
  }
  p.v = ambi_make_expr(cx, items, p.t->n);
  if (p.t->n > 1 && choose(b, 8) == 0) {  // the same children, seen as a tail
    Value longer = ambi_make_cons(cx, AMB_TRUE, p.v);
    p.v = ambi_make_tail(cx, longer, 1);
  }
  return p;
}

// The library's term as one of the model, for comparing up to renaming.
typedef struct Known {
  Value v[64];
  Term *t[64];
  unsigned n;
} Known;

static Term *translate(Known *k, Value v) {
  v = ambi_deref(v);
  if (ambi_is_var(v)) {
    for (unsigned i = 0; i < k->n; i++)
      if (ambi_same(k->v[i], v)) return k->t[i];
    HOLDS(k->n < 64, "too many variables");
    k->v[k->n] = v;
    return k->t[k->n++] = node(VARIABLE);
  }
  if (!ambi_is_expression(v)) return leaf(v).t;
  Term *t = node(EXPRESSION);
  t->n = ambi_expr_size(v);
  HOLDS(t->n <= 4, "%u children", t->n);
  for (unsigned i = 0; i < t->n; i++)
    t->items[i] = translate(k, ambi_expr_at(v, i));
  return t;
}

static void show(Term *t) {
  t = walk(t);
  if (t->kind == VARIABLE) fprintf(stderr, "$%d", (int)(t - nodes));
  if (t->kind == LEAF) fputs(t->text, stderr);
  if (t->kind != EXPRESSION) return;
  for (unsigned i = 0; i < t->n; i++) {
    fputs(i ? " " : "(", stderr);
    show(t->items[i]);
  }
  fputs(t->n ? ")" : "()", stderr);
}

static void agree(const char *what, unsigned n, Term **want, Term **got) {
  Renaming r = {.n = 0};
  bool ok = true;
  for (unsigned i = 0; i < n; i++)
    ok = ok && alpha(&r, want[i], got[i]);
  if (ok) return;
  for (unsigned i = 0; i < n; i++) {
    fputs("\nwanted ", stderr);
    show(want[i]);
    fputs("\ngot    ", stderr);
    show(got[i]);
  }
  wrong("%s", what);
}

// ---- two terms --------------------------------------------------------------------

static void check_equality(Pair a, Pair b) {
  Renaming r = {.n = 0};
  bool same = equal(a.t, b.t), renamed = alpha(&r, a.t, b.t);
  HOLDS(ambi_equal(a.v, b.v) == same, "equality: not %d", same);
  HOLDS(ambi_alpha_equal(a.v, b.v) == renamed, "alpha: not %d", renamed);
  HOLDS(!renamed || ambi_hash(a.v) == ambi_hash(b.v), "hashes of equals");
}

static void check_unification(Pair a, Pair b) {
  unsigned mark = nbound;
  size_t trail = cx->tr;
  Word *hb = cx->hb;
  cx->hb = (Word *)(UINTPTR_MAX & ~(uintptr_t)7);  // everything is trailed
  bool want = unify(a.t, b.t), got = ambi_unify(cx, a.v, b.v);
  HOLDS(got == want, "unification: not %d", want);
  if (got) {
    Known k = {.n = 0};
    Term *results[] = {a.t, b.t};
    Term *found[] = {translate(&k, a.v), translate(&k, b.v)};
    agree("what unification binds", 2, results, found);
    HOLDS(ambi_equal(a.v, b.v), "unified, yet unequal");
    Value resolved = ambi_resolve(cx, a.v);
    HOLDS(ambi_equal(resolved, b.v), "resolved, yet unequal");
  }
  ambi_trail_undo(cx, trail);
  cx->hb = hb;
  undo(mark);
}

// Of a template's variables only, as a rule's head is matched.
static bool one_way(Renaming *r, Term *t, Term *pattern) {
  if (pattern->kind == VARIABLE) {
    for (unsigned i = 0; i < r->n; i++)
      if (r->from[i] == pattern) return equal(r->to[i], t);
    r->from[r->n] = pattern;
    r->to[r->n++] = t;
    return true;
  }
  if (t->kind != pattern->kind || t->n != pattern->n) return false;
  if (t->kind == LEAF) return same_leaf(t, pattern);
  for (unsigned i = 0; i < t->n; i++)
    if (!one_way(r, t->items[i], pattern->items[i])) return false;
  return true;
}

static void check_template(Pair a, Pair b) {
  Template t;
  HOLDS(ambi_template_make(rt->store, b.v, &t), "no template");
  Value env[NVARS];
  for (unsigned i = 0; i < NVARS; i++)
    env[i] = AMB_NONE;
  Renaming names = {.n = 0}, r = {.n = 0};
  unsigned mark = nbound;
  Term *pattern = copy(&names, b.t);
  bool matches = one_way(&r, a.t, b.t), unifies = unify(a.t, pattern);
  int got = ambi_match_template(cx, a.v, t.atom, &t, env);
  HOLDS((got == 1) == matches, "one-way match is %d, not %d", got, matches);
  HOLDS(got != 0 || !unifies, "a match that is said to be impossible");
  if (got == 1)
    HOLDS(ambi_equal(ambi_instantiate(cx, &t, env, true), a.v),
          "the instance of a match is another term");
  for (unsigned i = 0; i < NVARS; i++)
    env[i] = AMB_NONE;
  size_t trail = cx->tr;
  Word *hb = cx->hb;
  cx->hb = (Word *)(UINTPTR_MAX & ~(uintptr_t)7);
  HOLDS(ambi_unify_template(cx, a.v, t.atom, &t, env) == unifies,
        "unification with a template: not %d", unifies);
  if (unifies) {
    Known k = {.n = 0};
    Term *want[] = {a.t, pattern};
    Term *found[] = {translate(&k, a.v),
                     translate(&k, ambi_instantiate(cx, &t, env, true))};
    agree("what unification with a template binds", 2, want, found);
  }
  ambi_trail_undo(cx, trail);
  cx->hb = hb;
  undo(mark);
  ambi_template_release(rt->store, &t);
}

// ---- a space ------------------------------------------------------------------------

typedef struct Model {
  Term *atoms[MAX_ATOMS];
  unsigned n;
} Model;

static void remove_atom(Space *s, Model *m, Pair p) {
  unsigned i = 0;
  while (i < m->n && !equal(m->atoms[i], p.t))
    i++;
  bool found = false;
  HOLDS(ambi_space_remove(s, p.v, &found), "no memory");
  HOLDS(found == (i < m->n), "removal: not %d", i < m->n);
  if (!found) return;
  m->n--;
  memmove(&m->atoms[i], &m->atoms[i + 1], (m->n - i) * sizeof *m->atoms);
}

typedef struct Search {
  const Model *m;
  Term *patterns[3];
  unsigned npatterns;
  Pair *vars[NVARS];  // in order of first occurrence
  unsigned nvars;
  ValueVec values;  // what the library found
  size_t nth;       // solution
} Search;

static void check_solution(Search *s) {
  Known k = {.n = 0};
  Term *want[NVARS], *got[NVARS];
  size_t from = s->nth++ * s->nvars;
  HOLDS(s->nvars == 0 || from + s->nvars <= s->values.n, "a missing solution");
  for (unsigned i = 0; i < s->nvars; i++) {
    want[i] = s->vars[i]->t;
    got[i] = translate(&k, s->values.at[from + i]);
  }
  agree("a solution of a query", s->nvars, want, got);
}

static void search(Search *s, unsigned goal) {
  if (goal == s->npatterns) {
    check_solution(s);
    return;
  }
  for (unsigned i = 0; i < s->m->n; i++) {
    Renaming names = {.n = 0};
    unsigned mark = nbound, terms = nnodes;
    if (unify(s->patterns[goal], copy(&names, s->m->atoms[i])))
      search(s, goal + 1);
    undo(mark);
    nnodes = terms;  // the copy, which nothing is bound to any more
  }
}

static void query(Bytes *b, Space *space, const Model *m) {
  Search s = {.m = m};
  Scope scope = {0};
  Value items[4];
  s.npatterns = 1 + choose(b, 3);
  items[0] = AMB_SYM(COMMA);
  for (unsigned i = 0; i < s.npatterns; i++) {
    Pair p = term(b, &scope, MAX_DEPTH - 1);
    s.patterns[i] = p.t;
    items[i + 1] = p.v;
  }
  bool plain = s.npatterns == 1 && choose(b, 2);
  Value pattern = plain ? items[1] : ambi_make_expr(cx, items, s.npatterns + 1);
  ValueVec vars = {0};
  size_t n = 0;
  HOLDS(ambi_space_solve(cx, space, pattern, &vars, &s.values, &n),
        "no memory");
  for (size_t i = 0; i < vars.n; i++)
    for (unsigned j = 0; j < NVARS; j++)
      if (scope.vars[j].t && ambi_same(scope.vars[j].v, vars.at[i]))
        s.vars[s.nvars++] = &scope.vars[j];
  HOLDS(s.nvars == vars.n, "variables that are not of the pattern");
  search(&s, 0);
  HOLDS(s.nth == n, "%zu solutions, not %zu", n, s.nth);
  ambi_vec_drop(&vars);
  ambi_vec_drop(&s.values);
}

static void check_space(Bytes *b) {
  Space *space = ambi_space_open(rt, NULL, false);
  HOLDS(space, "no space");
  Model m = {.n = 0};
  // Half of the spaces have an index wherever one may be, and no gaps.
  ambi_stress_choose(choose(b, 2) ? "minimal" : "");
  while (b->n > 0 && nnodes < MAX_NODES) {
    Scope scope = {0};
    uint32_t what = choose(b, 4);
    if (what == 3) {
      query(b, space, &m);
      continue;
    }
    Pair p = term(b, &scope, MAX_DEPTH);
    if (what == 2) {
      remove_atom(space, &m, p);
    } else if (m.n < MAX_ATOMS) {
      HOLDS(ambi_space_add(space, p.v), "no memory");
      m.atoms[m.n++] = p.t;
    }
    HOLDS(ambi_space_count(space) == m.n, "%zu atoms, not %u",
          ambi_space_count(space), m.n);
  }
  query(b, space, &m);
  ambi_stress_choose("");
  const char *why = NULL;
  HOLDS(ambi_space_is_valid(space, &why), "%s", why);
  rt->cells = rt->cells->next;  // the space is the newest cell
  ambi_space_free(space);
}

static void renew(void) {
  static unsigned inputs;
  if (rt && inputs++ < 500) return;
  if (rt) {
    ambi_context_close(cx);
    ambi_runtime_close(rt);
  }
  rt = open_runtime(0);
  cx = open_context(rt);
  inputs = 0;
  if (!nodes) nodes = malloc(((size_t)1 << 20) * sizeof *nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  renew();
  nnodes = nbound = 0;
  Bytes b = {data, size};
  if (choose(&b, 3) == 0) {
    check_space(&b);
  } else {
    Scope s = {0}, other = {0};
    Pair x = term(&b, &s, MAX_DEPTH), y = term(&b, &s, MAX_DEPTH);
    Pair apart = term(&b, &other, MAX_DEPTH);
    check_equality(x, y);
    check_equality(x, x);
    check_unification(x, y);
    check_unification(y, x);
    check_template(x, apart);
    check_template(y, apart);
  }
  ambi_context_reset(cx);
  return 0;
}
