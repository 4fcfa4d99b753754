// The generator: fills the rows of the grammar, and puts a program together.
//
// Everything is drawn from one Dice, so a program depends on its seed, mix and
// number alone. A Scope holds the variables that are known where something is made;
// most of what is made uses them, some of it others.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gen/grammar.h"

enum { MAX_SCOPE = 16, MAX_FUNCTIONS = 6, MAX_LOCALS = 4 };

typedef struct Scope {
  const Node *at[MAX_SCOPE];
  unsigned n;
} Scope;

typedef struct Function {
  const Node *name;
  unsigned arity;
} Function;

typedef struct Maker {
  const Grammar *g;
  unsigned mix;
  Dice dice;
  Arena *arena;
  Function function[MAX_FUNCTIONS];
  unsigned nfunctions;
  unsigned fresh;  // variables made so far
  Program *out;
} Maker;

// A row that is being filled.
typedef struct Fill {
  Scope outer;  // what was known outside
  const Node *local[MAX_LOCALS];
  unsigned nlocals;
  const Node *self;  // the function being defined
} Fill;

static const Node *make(Maker *m, char what, int depth, Scope *s);

static unsigned draw(Maker *m, unsigned below) {
  return gen_draw(&m->dice, below);
}
static bool chance(Maker *m, unsigned percent) {
  return gen_chance(&m->dice, percent);
}
static unsigned knob(const Maker *m, enum Knob k) {
  return gen_knob(m->g, m->mix, k);
}
static const Node *word(Maker *m, const char *text) {
  return gen_word(m->arena, text, strlen(text));
}
static const Node *list(Maker *m, const Node *const *kids, unsigned n) {
  return gen_expr(m->arena, kids, n);
}
static const Node *list3(Maker *m, const char *head, const Node *a,
                         const Node *b) {
  return list(m, (const Node *[]){word(m, head), a, b}, 3);
}

// ---- variables ------------------------------------------------------------------------

static void know(Scope *s, const Node *v) {
  for (unsigned i = 0; i < s->n; i++)
    if (strcmp(s->at[i]->word, v->word) == 0) return;
  if (s->n < MAX_SCOPE) s->at[s->n++] = v;
}

static const Node *known(Maker *m, const Scope *s) {
  return s->at[draw(m, s->n)];
}

static const Node *new_variable(Maker *m, Scope *s) {
  static const char *const usual[] = {"$x", "$y", "$z"};
  char name[16];
  unsigned k = draw(m, 4);
  snprintf(name, sizeof name, "$v%u", ++m->fresh);
  const Node *v = word(m, k < 3 ? usual[k] : name);
  know(s, v);
  return v;
}

static const Node *leaf(Maker *m, char what, Scope *s) {
  if (s->n && chance(m, what == 'e' ? 60 : 50)) return known(m, s);
  if (what == 'n') return make(m, 'm', 0, s);
  if (what == 'b') return word(m, chance(m, 50) ? "True" : "False");
  if (chance(m, knob(m, KNOB_NARROW)))
    return word(m, chance(m, 50) ? "$q" : "$w");
  return make(m, 'k', 0, s);
}

// ---- rows -----------------------------------------------------------------------------

// The letter of a word that stands for something, or 0.
static char slot(const Node *n) {
  const char *w = n->word;
  return w && w[0] == '_' && w[1] && !w[2] ? w[1] : 0;
}

static const Node *fill_slot(Maker *m, char c, int depth, Scope *s, Fill *f) {
  if (c == '0') return f->self;
  if (c >= '1' && c <= '9') {
    unsigned i = (unsigned)(c - '1');
    if (i >= f->nlocals) abort();
    return f->local[i];
  }
  if (c >= 'A' && c <= 'Z') {
    Scope outer = f->outer;
    return make(m, (char)(c - 'A' + 'a'), depth - 1, &outer);
  }
  const Node *made = make(m, c, depth - 1, s);
  if (c == 'v' && f->nlocals < MAX_LOCALS) f->local[f->nlocals++] = made;
  return made;
}

static const Node *fill(Maker *m, const Node *t, int depth, Scope *s, Fill *f) {
  char c = slot(t);
  if (c) return fill_slot(m, c, depth, s, f);
  if (t->word) {
    if (t->word[0] == '$') know(s, t);
    return t;
  }
  const Node *kids[GEN_MAX_KIDS];
  unsigned n = 0;
  for (unsigned i = 0; i < t->n; i++) {
    c = slot(t->kid[i]);
    if (c != 'i' && c != 'I') {
      kids[n++] = fill(m, t->kid[i], depth, s, f);
      continue;
    }
    Scope *from = c == 'i' ? s : &(Scope){.n = 0};
    if (c == 'I') *from = f->outer;
    for (unsigned k = 1 + draw(m, 3); k > 0; k--)
      kids[n++] = make(m, 'e', depth - 1, from);
  }
  return list(m, kids, n);
}

static const Node *fill_row(Maker *m, char of, int depth, Scope *s) {
  Fill f = {.outer = *s};
  const Program *row = gen_pick(m->g, m->mix, of, &m->dice);
  return fill(m, row->form[0].atom, depth, s, &f);
}

// As above; what the row brings in is not known after it.
static const Node *fill_closed(Maker *m, char of, int depth, const Scope *s) {
  Scope inner = *s;
  return fill_row(m, of, depth, &inner);
}

// ---- what is more than a row --------------------------------------------------------------

static const Function *some_function(Maker *m) {
  return &m->function[draw(m, m->nfunctions)];
}

static const Node *make_call(Maker *m, int depth, Scope *s) {
  if (m->nfunctions == 0) return make(m, 'k', depth, s);
  const Function *f = some_function(m);
  unsigned arity = f->arity;
  if (chance(m, 4)) arity += chance(m, 50) && arity ? -1u : 1u;
  const Node *kids[8] = {f->name};
  for (unsigned i = 0; i < arity; i++)
    kids[i + 1] = make(m, 'e', depth - 1, s);
  return list(m, kids, arity + 1);
}

static const Node *make_pattern(Maker *m, int depth, Scope *s) {
  if (depth > 0 && chance(m, 35)) return fill_row(m, 'S', depth, s);
  if (s->n && chance(m, 12)) return known(m, s);
  if (chance(m, 65)) return new_variable(m, s);
  return make(m, 'k', 0, s);
}

static const Node *make_head(Maker *m, const Function *f, int depth, Scope *s) {
  const Node *kids[8] = {f->name};
  for (unsigned i = 0; i < f->arity; i++)
    kids[i + 1] = make_pattern(m, depth, s);
  return list(m, kids, f->arity + 1);
}

static const Node *make_clauses(Maker *m, int depth, const Scope *s) {
  const Node *kids[6];
  unsigned n = 0, plain = 1 + draw(m, 3);
  while (n < plain) {
    Scope inner = *s;
    const Node *p = make_pattern(m, 2, &inner);
    const Node *e = make(m, 'e', depth - 1, &inner);
    kids[n++] = list(m, (const Node *[]){p, e}, 2);
  }
  Scope inner = *s;
  if (chance(m, 20)) {
    const Node *e = make(m, 'e', depth - 1, &inner);
    kids[n++] = list(m, (const Node *[]){word(m, "Empty"), e}, 2);
  }
  if (chance(m, 25)) {
    const Node *why = word(m, "$m");
    know(&inner, why);
    const Node *p = list3(m, "Error", word(m, "$e"), why);
    const Node *e = make(m, 'e', depth - 1, &inner);
    kids[n++] = list(m, (const Node *[]){p, e}, 2);
  }
  return list(m, kids, n);
}

static const Node *make_list(Maker *m, int depth, Scope *s) {
  const Node *kids[4];
  unsigned n = draw(m, 4);
  for (unsigned i = 0; i < n; i++)
    kids[i] = make(m, 'e', depth - 1, s);
  return list(m, kids, n);
}

// (S (S ... a)), up to where no walk may recurse.
static const Node *make_deep(Maker *m) {
  static const unsigned depths[] = {3, 40, 700};
  const Node *x = word(m, chance(m, 50) ? "Z" : "a"), *head = word(m, "S");
  for (unsigned n = depths[draw(m, 3)]; n > 0; n--)
    x = list(m, (const Node *[]){head, x}, 2);
  return x;
}

static const Node *make_argument(Maker *m, int depth, Scope *s) {
  if (chance(m, 25 * knob(m, KNOB_DEEP))) return make_deep(m);
  if (!chance(m, 20)) return make(m, 'e', depth, s);
  const Node *x = word(m, "Nil");
  for (unsigned n = draw(m, 4); n > 0; n--)
    x = list3(m, "Cons", make(m, 'd', 1, s), x);
  return x;
}

static const Node *make(Maker *m, char what, int depth, Scope *s) {
  switch (what) {
  case 'e':
    if (depth <= 0 || chance(m, 12)) return leaf(m, what, s);
    return fill_closed(m, what, depth, s);
  case 'n':
    if (depth <= 0 || chance(m, 35)) return leaf(m, what, s);
    return fill_closed(m, what, depth, s);
  case 'b':
    if (depth <= 0) return leaf(m, what, s);
    return fill_closed(m, what, depth, s);
  case 'd':
    if (depth <= 0) return leaf(m, what, s);
    return fill_closed(m, what, depth < 2 ? depth : 2, s);
  case 'c': return make_call(m, depth, s);
  case 'p': return make_pattern(m, depth < 2 ? depth : 2, s);
  case 'v': return new_variable(m, s);
  case 'x': return s->n ? known(m, s) : make(m, 'k', 0, s);
  case 'f': return m->nfunctions ? some_function(m)->name : make(m, 'h', 0, s);
  case 'o':
    return m->nfunctions ? make_head(m, some_function(m), 1, s)
                         : make(m, 'd', 1, s);
  case 'a': return make_clauses(m, depth, s);
  case 'l': return make_list(m, depth, s);
  case 'u': return make_argument(m, depth, s);
  case 'q': return fill_row(m, what, 2, s);
  default: return fill_closed(m, what, depth, s);
  }
}

// ---- functions ------------------------------------------------------------------------

static void put_form(Maker *m, bool run, const Node *atom) {
  if (m->out->n < GEN_MAX_FORMS) m->out->form[m->out->n++] = (Form){run, atom};
}

static void put_rows(Maker *m, char of, const Node *self) {
  const Program *row = gen_pick(m->g, m->mix, of, &m->dice);
  for (unsigned i = 0; i < row->n; i++) {
    Scope s = {.n = 0};
    Fill f = {.self = self};
    put_form(m, row->form[i].run, fill(m, row->form[i].atom, 3, &s, &f));
  }
}

// A head that overlaps with this one.
static const Node *near(Maker *m, const Node *head, Scope *s) {
  if (head->word) {
    if (head->word[0] == '$') know(s, head);
    if (!chance(m, 30)) return head;
    switch (draw(m, 4)) {
    case 0: return make(m, 'k', 0, s);
    case 1:
      return list(m, (const Node *[]){word(m, "S"), new_variable(m, s)}, 2);
    default: return new_variable(m, s);
    }
  }
  const Node *kids[GEN_MAX_KIDS];
  for (unsigned i = 0; i < head->n; i++) {
    const Node *kid = head->kid[i];
    bool keep = i == 0 && kid->word && kid->word[0] != '$';
    kids[i] = keep ? kid : near(m, kid, s);
  }
  return list(m, kids, head->n);
}

static void put_rules(Maker *m, const Function *f) {
  static const unsigned counts[] = {1, 1, 2, 2, 3, 4};
  const Node *head = NULL;
  for (unsigned n = counts[draw(m, 6)]; n > 0; n--) {
    Scope s = {.n = 0};
    bool again = head && chance(m, 23 * knob(m, KNOB_OVERLAP));
    head = again ? near(m, head, &s) : make_head(m, f, 2, &s);
    const Node *body = make(m, 'e', 1 + (int)draw(m, 3), &s);
    put_form(m, false, list3(m, "=", head, body));
  }
}

static void put_type(Maker *m, const Function *f) {
  const Node *kids[12] = {word(m, "->")};
  unsigned n = 1, arity = f->arity + (chance(m, 7) ? 1 : 0);
  Scope s = {.n = 0};
  const Node *one = chance(m, 30) ? make(m, 't', 1, &s) : NULL;
  for (; n <= arity + 1; n++)
    kids[n] = one ? one : make(m, 't', 1, &s);
  const Node *type = chance(m, 93) ? list(m, kids, n) : make(m, 't', 1, &s);
  put_form(m, false, list3(m, ":", f->name, type));
}

static void shuffle(Maker *m, unsigned from) {
  Form *at = m->out->form + from;
  for (unsigned n = m->out->n - from; n > 1; n--) {
    unsigned k = draw(m, n);
    Form f = at[k];
    at[k] = at[n - 1];
    at[n - 1] = f;
  }
}

static void define(Maker *m, unsigned i) {
  static const unsigned arities[] = {0, 1, 1, 2, 2, 3};
  char name[12];
  snprintf(name, sizeof name, "f%u", i);
  Function f = {word(m, name), arities[draw(m, 6)]};
  unsigned from = m->out->n;
  bool walks = f.arity == 1 && chance(m, 40);
  if (walks)
    put_rows(m, 'R', f.name);
  else
    put_rules(m, &f);
  if (chance(m, 5 * knob(m, KNOB_TYPES)))
    for (unsigned n = chance(m, 25) ? 2 : 1; n > 0; n--)
      put_type(m, &f);
  if (chance(m, 20)) shuffle(m, from);
  m->function[m->nfunctions++] = f;
}

// ---- programs ---------------------------------------------------------------------------

static void put_query(Maker *m) {
  Scope s = {.n = 0};
  unsigned k = draw(m, 4);
  const Node *q = k == 0 ? make_call(m, 2, &s) : make(m, 'e', 3, &s);
  if (k >= 2) {
    const Function *f = some_function(m);
    const Node *kids[8] = {f->name};
    for (unsigned i = 0; i < f->arity; i++)
      kids[i + 1] = make_argument(m, 2, &s);
    if (f->arity && chance(m, 4 * knob(m, KNOB_NARROW)))
      kids[1 + draw(m, f->arity)] = word(m, "$q");
    q = list(m, kids, f->arity + 1);
  }
  if (chance(m, 30)) q = list(m, (const Node *[]){word(m, "collapse"), q}, 2);
  put_form(m, true, q);
}

static uint64_t start(uint64_t seed, unsigned mix, uint64_t number) {
  Dice d = {seed * 0x100000001B3u + mix};
  gen_draw(&d, 2);
  d.state ^= number * 0xD1342543DE82EF95u;
  gen_draw(&d, 2);
  return d.state;
}

void gen_make(const Grammar *g, Arena *a, unsigned mix, uint64_t seed,
              uint64_t number, Program *out) {
  static const char world[] =
      "!(bind! &kb (new-space)) !(bind! &s (new-state 0))";
  Maker m = {.g = g,
             .mix = mix,
             .dice = {start(seed, mix, number)},
             .arena = a,
             .out = out};
  gen_parse(a, world, strlen(world), out);
  for (unsigned n = draw(&m, 4); n > 0; n--)
    put_rows(&m, '!', NULL);
  for (unsigned i = 0, n = 1 + draw(&m, 5); i < n; i++)
    define(&m, i);
  if (chance(&m, 20)) shuffle(&m, 2);
  for (unsigned n = 1 + draw(&m, 3); n > 0; n--)
    put_query(&m);
  if (knob(&m, KNOB_ILL) && chance(&m, 1))
    put_form(&m, chance(&m, 50), make(&m, 'w', 0, &(Scope){.n = 0}));
  if (knob(&m, KNOB_ILL) && chance(&m, 1)) shuffle(&m, 0);
}
