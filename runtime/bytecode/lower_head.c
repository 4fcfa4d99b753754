// Telling the rules of one head apart.
//
// All rules that unify fire, in order. On the bound entry (the arguments that
// rules look at are no variables) a switch on one argument after another leaves
// ordered sets of candidate rules; matching is one-way and binds nothing
// outside. A set of one rule needs no choice record. As soon as an unbound
// variable stands where a rule has a pattern, the open entry takes over: every
// rule in turn, unified in full behind a choice record. Until a rule has
// matched, "no rule" means that the call is its own value; afterwards it only
// means that there are no more results. So each candidate has two heads: one
// for each of the two cases.
#include "runtime/bytecode/lower_head.h"
#include "runtime/bytecode/coverage.h"

#include <stdlib.h>

#include "memory/alloc.h"

enum { SWITCH_DEPTH = 3, MUCH_CODE = 8000 };

// A pattern that a switch cannot tell apart from others by its key.
static bool odd_pattern(Value p) {
  if (ambi_is_expr(p)) return !ambi_is_sym(ambi_expr_at(p, 0));
  return ambi_switch_key(p) == 0;
}

static bool any_pattern(Value p) {
  return ambi_is_none(p) || ambi_is_lvar(p);
}

// ---- heads ---------------------------------------------------------------------------

// Where a part of a pattern meets an unbound variable: code behind the head that
// unifies the two and goes back.
typedef struct Open {
  int label, back;
  uint16_t slot;
  Value pattern;
  Var vars[MAX_VARS];  // as they are there
  struct Open *next;
} Open;

typedef struct Binder {
  Heads *h;
  Rule *r;
  Open *opens;
} Binder;

// The variables that have a value so far; the others know where it will be.
static void no_variables_yet(Lower *l, const Rule *r) {
  ambi_lower_use_rule(l, (Rule *)(uintptr_t)r);
  for (unsigned i = 0; i < MAX_VARS; i++) {
    l->vars[i].pre = r->vars[i].slot;
    l->vars[i].slot = NO_SLOT;
  }
}

static int open_part(Binder *b, uint16_t slot, Value p) {
  Lower *l = b->h->l;
  Open *o = ambi_arena_alloc(&l->arena, sizeof *o);
  if (!o) {
    l->failed = true;
    return ambi_lower_label(l);
  }
  *o = (Open){.label = ambi_lower_label(l),
              .back = ambi_lower_label(l),
              .slot = slot,
              .pattern = p,
              .next = b->opens};
  memcpy(o->vars, l->vars, sizeof o->vars);
  b->opens = o;
  return o->label;
}

// Emits the test that the value in `slot` is like p; failure backtracks. The
// label where control comes back from the code for an unbound variable.
static int test_part(Binder *b, uint16_t slot, Value p) {
  Lower *l = b->h->l;
  int open = open_part(b, slot, p);
  if (l->failed) return open;
  if (!ambi_is_expr(p))
    ambi_lower_jump(l, OP_I_TESTK, slot, ambi_lower_const(l, p.w),
                    ambi_lower_fail_label(l));
  else if (ambi_is_sym(ambi_expr_at(p, 0)))
    ambi_lower_jump(l, OP_I_TESTF, slot,
                    ambi_lower_const(l, ambi_switch_key(p)),
                    ambi_lower_fail_label(l));
  else
    ambi_lower_jump(l, OP_I_TESTN, slot, ambi_expr_size(p),
                    ambi_lower_fail_label(l));
  ambi_lower_varl(l, open);
  return b->opens->back;
}

// Two-way match of the value in `slot` with pattern p (known = its key was
// switched on).
static void bind_part(Binder *b, uint16_t slot, Value p, bool known) {
  Lower *l = b->h->l;
  if (l->failed) return;
  if (ambi_is_lvar(p)) {
    Var *v = &l->vars[ambi_lvar_of(p)];
    if (v->slot != NO_SLOT) {
      ambi_lower_emit(l, OP_I_UNIFYV, slot, v->slot, 0);
      return;
    }
    v->slot = v->pre;
    if (v->slot != slot) ambi_lower_emit(l, OP_I_MOVE, v->slot, slot, 0);
    return;
  }
  int back = known ? ambi_lower_label(l) : test_part(b, slot, p);
  if (l->failed) return;
  bool functor = ambi_is_expr(p) && ambi_is_sym(ambi_expr_at(p, 0));
  for (uint32_t i = functor; i < ambi_expr_size(p); i++) {
    Value c = ambi_expr_at(p, i);
    Var *v = ambi_is_lvar(c) ? &l->vars[ambi_lvar_of(c)] : NULL;
    if (v && v->slot == NO_SLOT) {
      v->slot = v->pre;
      ambi_lower_emit(l, OP_I_GETCH, v->slot, slot, i);
    } else {
      uint16_t s = ambi_lower_slot(l);
      ambi_lower_emit(l, OP_I_GETCH, s, slot, i);
      bind_part(b, s, c, false);
    }
  }
  ambi_lower_bind(l, back);
}

// Behind the head: the parts that met a variable.
static void open_parts(Binder *b) {
  Lower *l = b->h->l;
  l->rule = b->r->tmpl;
  for (Open *o = b->opens; o && !l->failed; o = o->next) {
    ambi_lower_bind(l, o->label);
    memcpy(l->vars, o->vars, sizeof l->vars);
    ambi_lower_env(l, OP_I_UNIFYT, o->slot, o->pattern, NO_LABEL);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, o->back);
  }
}

// Unifies the arguments with the rule's patterns; what comes next is the body.
// known: arguments whose keys were switched on.
static void bind_args(Binder *b, uint64_t known) {
  Heads *h = b->h;
  Rule *r = b->r;
  Lower *l = h->l;
  ambi_lower_mark_rule(l, r->tmpl, COVER_TRIED);
  no_variables_yet(l, r);
  if (!ambi_is_expr(r->lhs)) {  // the whole call
    ambi_lower_env(l, OP_I_UNIFYT, ambi_lower_call_atom(h, false), r->lhs,
                   NO_LABEL);
    return;
  }
  uint64_t there = 0;  // plain variables that keep their arguments' slots
  for (uint32_t i = 0; i < h->nargs; i++) {
    Value p = ambi_rule_pattern(r, i);
    if (!ambi_is_lvar(p) || r->vars[ambi_lvar_of(p)].slot != i) continue;
    l->vars[ambi_lvar_of(p)].slot = (uint16_t)i;
    there |= (uint64_t)1 << i;
  }
  Value head = ambi_expr_at(r->lhs, 0);
  if (ambi_is_lvar(head) && !h->applied)
    ambi_lower_env(l, OP_I_UNIFYT, ambi_lower_k(l, h->head), head, NO_LABEL);
  for (uint32_t i = 0; i < h->nargs; i++)
    if (!((there >> i) & 1))
      bind_part(b, (uint16_t)i, ambi_rule_pattern(r, i),
                ((known >> i) & 1) && !odd_pattern(ambi_rule_pattern(r, i)));
}

// One-way match of the value in `slot` (known = its key was switched on).
static void match_part(Heads *h, Rule *r, uint16_t slot, Value p, bool known,
                       int no, int open, bool *set) {
  Lower *l = h->l;
  if (ambi_is_lvar(p)) {
    uint32_t i = ambi_lvar_of(p);
    if (!set[i]) {
      set[i] = true;
      if (r->vars[i].slot != slot)
        ambi_lower_emit(l, OP_I_MOVE, r->vars[i].slot, slot, 0);
    } else {
      ambi_lower_jump(l, OP_I_SAMEV, slot, r->vars[i].slot, no);
      ambi_lower_varl(l, open);
    }
    return;
  }
  if (!ambi_is_expr(p)) {
    if (known) return;
    ambi_lower_jump(l, OP_I_TESTK, slot, ambi_lower_const(l, p.w), no);
    ambi_lower_varl(l, open);
    return;
  }
  Value head = ambi_expr_at(p, 0);
  uint32_t first = 0;
  if (ambi_is_sym(head)) {
    first = 1;
    if (!known) {
      ambi_lower_jump(l, OP_I_TESTF, slot,
                      ambi_lower_const(l, ambi_switch_key(p)), no);
      ambi_lower_varl(l, open);
    }
  } else {
    ambi_lower_jump(l, OP_I_TESTN, slot, ambi_expr_size(p), no);
    ambi_lower_varl(l, open);
  }
  for (uint32_t i = first; i < ambi_expr_size(p); i++) {
    Value c = ambi_expr_at(p, i);
    uint16_t s;
    if (ambi_is_lvar(c) && !set[ambi_lvar_of(c)]) {
      set[ambi_lvar_of(c)] = true;
      s = r->vars[ambi_lvar_of(c)].slot;
      ambi_lower_emit(l, OP_I_GETCH, s, slot, i);
    } else {
      s = ambi_lower_slot(l);
      ambi_lower_emit(l, OP_I_GETCH, s, slot, i);
      match_part(h, r, s, c, false, no, open, set);
    }
  }
}

static bool one_way_rule(const Rule *r) {
  return ambi_is_expr(r->lhs) &&
         (r->first == 0 || !ambi_is_lvar(ambi_expr_at(r->lhs, 0)));
}

static void match_args(Heads *h, Rule *r, uint64_t known, int no, int open) {
  bool set[MAX_VARS] = {false};
  ambi_lower_mark_rule(h->l, r->tmpl, COVER_TRIED);
  ambi_lower_use_rule(h->l, r);
  for (uint32_t i = 0; i < h->nargs; i++)  // plain variables are there already
    if (ambi_is_lvar(ambi_rule_pattern(r, i)) &&
        r->vars[ambi_lvar_of(ambi_rule_pattern(r, i))].slot == i)
      set[ambi_lvar_of(ambi_rule_pattern(r, i))] = true;
  for (uint32_t i = 0; i < h->nargs; i++) {
    Value p = ambi_rule_pattern(r, i);
    if (ambi_is_lvar(p) && r->vars[ambi_lvar_of(p)].slot == i) continue;
    match_part(h, r, (uint16_t)i, p, ((known >> i) & 1) && !odd_pattern(p), no,
               open, set);
  }
}

// A later candidate, after an earlier one has matched: its failure is just a
// failure.
static void later_head(Heads *h, Rule *r, uint64_t known) {
  Binder b = {.h = h, .r = r};
  bind_args(&b, known);
  ambi_lower_count(h->l, h->made);
  ambi_lower_to_body(h, r, known != 0);
  open_parts(&b);
}

// ---- the open entry -----------------------------------------------------------------------

// Do the arguments match the rule whatever they hold, if those that are known
// have the keys of its patterns?
static bool cannot_fail(const Heads *h, const Rule *r, uint64_t known) {
  bool seen[MAX_VARS] = {false};
  if (!one_way_rule(r)) return false;
  for (uint32_t a = 0; a < h->nargs; a++) {
    Value p = ambi_rule_pattern(r, a);
    bool sure = ((known >> a) & 1) && !odd_pattern(p);
    if (!ambi_is_lvar(p) && !sure) return false;
    const Value *parts = ambi_is_expr(p) ? ambi_expr_items(p) : &p;
    uint32_t n = ambi_is_expr(p) ? ambi_expr_size(p) : ambi_is_lvar(p);
    for (uint32_t i = ambi_is_expr(p); i < n; i++) {
      if (!ambi_is_lvar(parts[i]) || seen[ambi_lvar_of(parts[i])]) return false;
      seen[ambi_lvar_of(parts[i])] = true;
    }
  }
  return true;
}

// ---- choices that are counted ---------------------------------------------------------

// Unifies each rule with the call, and backtracks.
static void meet_rules(Heads *h, Rule **set, uint32_t n) {
  Lower *l = h->l;
  l->slots = &l->own;
  uint16_t call = ambi_lower_call_atom(h, false);
  ambi_lower_emit(l, OP_I_ALIKE, 0, 0, 0);
  int next = ambi_lower_label(l);
  ambi_lower_jump(l, OP_I_TRY, 0, 0, next);
  for (uint32_t i = 0; i < n; i++) {
    l->rule = set[i]->tmpl;
    l->uses = NULL;
    for (unsigned v = 0; v < MAX_VARS; v++)
      l->vars[v] = (Var){NO_SLOT, NO_SLOT, NO_SLOT};
    ambi_lower_env(l, OP_I_UNIFYT, call, set[i]->lhs, NO_LABEL);
    ambi_lower_emit(l, OP_I_ALIKE, 1, 0, 0);
    ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
    ambi_lower_bind(l, next);
    next = ambi_lower_label(l);
    if (i + 1 < n)
      ambi_lower_jump(l, OP_I_RETRY, 0, 0, next);
    else
      ambi_lower_emit(l, OP_I_TRUST, 0, 0, 0);
  }
}

// A call makes a choice where several rules match, which is known before the first of
// them runs. Most often the heads tell it.
static void note_choices(Heads *h, Rule **set, uint32_t n, uint64_t known) {
  Lower *l = h->l;
  uint32_t sure = 0;
  if (!l->counted) return;
  for (uint32_t i = 0; i < n; i++)
    sure += cannot_fail(h, set[i], known);
  if (sure < 2) meet_rules(h, set, n);
  ambi_lower_emit(l, OP_I_MADE, h->made, sure < 2 ? 2 : 1, 0);
}

// Each rule of the set in turn, unified in full. known: arguments whose keys were
// switched on.
static void open_entry(Heads *h, Rule **set, uint32_t n, uint64_t known,
                       int entry) {
  Lower *l = h->l;
  int *fresh = ambi_arena_alloc(&l->arena, (n + 1) * sizeof *fresh);
  int *later = ambi_arena_alloc(&l->arena, (n + 1) * sizeof *later);
  if (!fresh || !later) {
    l->failed = true;
    return;
  }
  ambi_lower_bind(l, entry);
  note_choices(h, set, n, known);
  for (uint32_t i = 0; i <= n; i++) {
    fresh[i] = ambi_lower_label(l);
    later[i] = ambi_lower_label(l);
  }
  for (uint32_t i = 0; i < n; i++) {  // nothing has matched so far
    ambi_lower_bind(l, fresh[i]);
    bool sure = i > 0 && i + 1 == n && cannot_fail(h, set[i], known);
    if (sure)
      ambi_lower_emit(l, OP_I_TRUST, 0, 0, 0);
    else
      ambi_lower_jump(l, i ? OP_I_RETRY : OP_I_TRY, 0, 0, fresh[i + 1]);
    Binder b = {.h = h, .r = set[i]};
    bind_args(&b, known);
    if (i + 1 < n)
      ambi_lower_jump(l, OP_I_SETALT, 0, 0, later[i + 1]);
    else if (!sure)
      ambi_lower_emit(l, OP_I_POPALT, 0, 0, 0);
    ambi_lower_count(l, h->made);
    ambi_lower_to_body(h, set[i], known != 0);
    open_parts(&b);
  }
  ambi_lower_bind(l, fresh[n]);
  ambi_lower_emit(l, OP_I_TRUST, 0, 0, 0);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, h->data);
  for (uint32_t i = 1; i < n; i++) {
    ambi_lower_bind(l, later[i]);
    if (i + 1 < n)
      ambi_lower_jump(l, OP_I_RETRY, 0, 0, later[i + 1]);
    else
      ambi_lower_emit(l, OP_I_TRUST, 0, 0, 0);
    later_head(h, set[i], known);
  }
}

// ---- the bound entry ---------------------------------------------------------------------

// Does no term that is like p, as far as that is no variable, unify with q?
static bool apart(Value p, Value q) {
  if (any_pattern(p) || any_pattern(q)) return false;
  if (!ambi_is_expr(p) || !ambi_is_expr(q)) {
    Word x = ambi_is_expr(p) ? 1 : ambi_switch_key(p),
         y = ambi_is_expr(q) ? 1 : ambi_switch_key(q);
    return x != 0 && y != 0 && x != y;
  }
  if (ambi_expr_size(p) != ambi_expr_size(q)) return true;
  for (uint32_t i = 0; i < ambi_expr_size(p); i++)
    if (apart(ambi_expr_at(p, i), ambi_expr_at(q, i))) return true;
  return false;
}

// The first rule behind `at` that may match, too, when that one has; n if there is none.
static uint32_t next_alike(const Heads *h, Rule **set, uint32_t at,
                           uint32_t n) {
  for (uint32_t j = at + 1; j < n; j++) {
    bool none = false;
    for (uint32_t a = 0; a < h->nargs && !none; a++)
      none = apart(ambi_rule_pattern(set[at], a), ambi_rule_pattern(set[j], a));
    if (!none) return j;
  }
  return n;
}

// Candidates in order on the bound entry.
static void leaf(Heads *h, Rule **set, uint32_t n, uint64_t known) {
  Lower *l = h->l;
  int *later = ambi_arena_alloc(&l->arena, (n + 1) * sizeof *later);
  if (!later) {
    l->failed = true;
    return;
  }
  for (uint32_t i = 0; i < n; i++)
    later[i] = ambi_lower_label(l);
  // A variable met on the way: where keys are known, the candidates of this leaf
  // will do.
  bool local = false;
  for (uint32_t i = 0; i < n && known && l->ncode < MUCH_CODE; i++)
    local |= !cannot_fail(h, set[i], known);
  int open = local ? ambi_lower_label(l) : h->open;
  uint32_t earliest = n;  // of those that come after another
  bool alike = false;
  for (uint32_t i = 0; i < n && !alike && l->counted; i++)
    alike = next_alike(h, set, i, n) < n;
  if (alike) note_choices(h, set, n, known);
  for (uint32_t i = 0; i < n; i++) {
    int no = i + 1 < n ? ambi_lower_label(l) : h->data;
    uint32_t next = next_alike(h, set, i, n);
    match_args(h, set[i], known, no, open);
    if (next < n) ambi_lower_jump(l, OP_I_TRY, 0, 0, later[next]);
    if (next < earliest) earliest = next;
    if (alike) ambi_lower_count(l, h->made);
    ambi_lower_to_body(h, set[i], known != 0);
    if (i + 1 < n) ambi_lower_bind(l, no);
  }
  for (uint32_t i = earliest; i < n; i++) {
    ambi_lower_bind(l, later[i]);
    if (i + 1 < n)
      ambi_lower_jump(l, OP_I_RETRY, 0, 0, later[i + 1]);
    else
      ambi_lower_emit(l, OP_I_TRUST, 0, 0, 0);
    later_head(h, set[i], known);
  }
  if (local) open_entry(h, set, n, known, open);
}

// ---- the switch -------------------------------------------------------------------------

// Where patterns are looked at: an argument, or a child of a child of one.
typedef struct Place {
  uint32_t arg, depth, child[SWITCH_DEPTH];
} Place;

static Value pattern_at(const Rule *r, const Place *at) {
  Value p = ambi_rule_pattern(r, at->arg);
  for (uint32_t i = 0; i < at->depth; i++)
    p = ambi_expr_at(p, at->child[i]);
  return p;
}

// 0: none that tells it from others.
static Word key_at(const Rule *r, const Place *at) {
  Value p = pattern_at(r, at);
  return any_pattern(p) || odd_pattern(p) ? 0 : ambi_switch_key(p);
}

static int choose_arg(Heads *h, Rule **set, uint32_t n, uint64_t known) {
  int best = -1;
  uint32_t most = 0;
  for (uint32_t i = 0; i < h->nargs; i++) {
    uint32_t count = 0;
    if ((known >> i) & 1) continue;
    for (uint32_t j = 0; j < n; j++) {
      Value p = ambi_rule_pattern(set[j], i);
      count += !any_pattern(p) && !odd_pattern(p);
    }
    if (count > most) {
      most = count;
      best = (int)i;
    }
  }
  return best;
}

static void tree(Heads *h, Rule **set, uint32_t n, uint64_t known,
                 unsigned depth);

static int compare_cases(const void *a, const void *b) {
  const SwitchCase *x = a, *y = b;
  return x->key < y->key ? -1 : x->key > y->key;
}

// Rules of the set that a value with this key could match (0: another key).
static uint32_t select_rules(Rule **set, uint32_t n, const Place *at, Word key,
                             Rule **out) {
  uint32_t m = 0;
  for (uint32_t j = 0; j < n; j++) {
    Word own = key_at(set[j], at);
    if (own == 0 || own == key) out[m++] = set[j];
  }
  return m;
}

static uint32_t new_switch(Lower *l, Rule **set, uint32_t n, const Place *at) {
  if (!ambi_grow((void **)&l->switches, &l->switches_cap, l->nswitches + 1,
                 sizeof(Switch))) {
    l->failed = true;
    return 0;
  }
  Switch *s = &l->switches[l->nswitches];
  *s = (Switch){0};
  SwitchCase *cases = ambi_alloc(n * sizeof *cases);
  if (!cases) {
    l->failed = true;
    return 0;
  }
  uint32_t count = 0;
  for (uint32_t j = 0; j < n; j++) {
    Word key = key_at(set[j], at);
    bool seen = key == 0;
    for (uint32_t k = 0; k < count; k++)
      seen |= cases[k].key == key;
    if (!seen) cases[count++].key = key;
  }
  s->cases = ambi_alloc((count ? count : 1) * sizeof *s->cases);
  if (s->cases) {
    memcpy(s->cases, cases, count * sizeof *cases);
    s->n = count;
    qsort(s->cases, count, sizeof *s->cases, compare_cases);
  } else {
    l->failed = true;
  }
  ambi_free(cases, n * sizeof *cases);
  return (uint32_t)l->nswitches++;
}

// The slot with the value at the place, behind tests that what lies around it is what all
// of the rules have there.
static uint16_t value_at(Heads *h, const Rule *r, const Place *at, int open) {
  Lower *l = h->l;
  Place on = {.arg = at->arg};
  uint16_t slot = (uint16_t)at->arg;
  l->slots = &l->own;
  for (uint32_t i = 0; i < at->depth; i++) {
    if (i > 0) {
      ambi_lower_jump(l, OP_I_TESTF, slot, ambi_lower_const(l, key_at(r, &on)),
                      h->data);
      ambi_lower_varl(l, open);
    }
    on.child[on.depth++] = at->child[i];
    uint16_t part = ambi_lower_slot(l);
    ambi_lower_emit(l, OP_I_GETCH, part, slot, at->child[i]);
    slot = part;
  }
  return slot;
}

static void switch_at(Heads *h, Rule **set, uint32_t n, uint64_t known,
                      unsigned depth, const Place *at) {
  Lower *l = h->l;
  uint32_t s = new_switch(l, set, n, at);
  Rule **some = ambi_arena_alloc(&l->arena, n * sizeof *some);
  if (l->failed || !some) {
    l->failed = true;
    return;
  }
  uint64_t found = at->depth ? 0 : (uint64_t)1 << at->arg;
  // As in a leaf, unless all rules are left anyway.
  bool local = at->depth && n < h->nrules && l->ncode < MUCH_CODE;
  int open = local ? ambi_lower_label(l) : h->open;
  ambi_lower_emit(l, OP_I_SWITCH, value_at(h, set[0], at, open), s, 0);
  l->switches[s].open = (uint32_t)open;
  for (uint32_t i = 0; i < l->switches[s].n; i++) {
    int label = ambi_lower_label(l);
    Word key = l->switches[s].cases[i].key;
    l->switches[s].cases[i].to = (uint32_t)label;
    ambi_lower_bind(l, label);
    uint32_t m = select_rules(set, n, at, key, some);
    tree(h, some, m, known | found, depth - 1);
    if (l->failed || l->refused) return;
  }
  int other = ambi_lower_label(l);
  l->switches[s].other = (uint32_t)other;
  ambi_lower_bind(l, other);
  uint32_t m = select_rules(set, n, at, 1, some);
  tree(h, some, m, known, depth > 1 ? depth - 1 : 0);
  if (local) open_entry(h, set, n, known, open);
}

// Keys, as often as another one follows in the order of the rules: what a switch there
// tells apart, and quickly counted.
static uint32_t runs_of_keys(Rule **set, uint32_t n, const Place *at) {
  uint32_t count = 0;
  Word last = 0;
  for (uint32_t j = 0; j < n; j++) {
    Word key = key_at(set[j], at);
    count += key != 0 && key != last;
    if (key != 0) last = key;
  }
  return count;
}

// Do all rules have an expression with one head there, the same?
static bool alike_at(Rule **set, uint32_t n, const Place *at) {
  Word key = key_at(set[0], at);
  bool alike = key != 0 && ambi_is_expr(pattern_at(set[0], at));
  for (uint32_t j = 1; j < n && alike; j++)
    alike = key_at(set[j], at) == key;
  return alike;
}

// The place within `at`, or below it, that tells the rules apart best.
static void choose_within(Rule **set, uint32_t n, Place at, uint32_t *most,
                          Place *best) {
  if (at.depth == SWITCH_DEPTH || !alike_at(set, n, &at)) return;
  uint32_t size = ambi_expr_size(pattern_at(set[0], &at));
  at.depth++;
  for (uint32_t i = 1; i < size; i++) {
    at.child[at.depth - 1] = i;
    uint32_t count = runs_of_keys(set, n, &at);
    if (count > *most) {
      *most = count;
      *best = at;
    }
    choose_within(set, n, at, most, best);
  }
}

// False: nothing within the arguments tells many of the rules apart.
static bool choose_nested(const Heads *h, Rule **set, uint32_t n,
                          uint64_t known, Place *best) {
  enum { FEW_RULES = 4 };  // are as quickly tried one by one
  uint32_t most = FEW_RULES;
  for (uint32_t a = 0; a < h->nargs && n > FEW_RULES; a++)
    if ((known >> a) & 1) choose_within(set, n, (Place){.arg = a}, &most, best);
  return most > FEW_RULES;
}

static void tree(Heads *h, Rule **set, uint32_t n, uint64_t known,
                 unsigned depth) {
  Lower *l = h->l;
  if (l->failed || l->refused) return;
  int arg = n && depth ? choose_arg(h, set, n, known) : -1;
  Place at = {.arg = (uint32_t)arg};
  if (arg >= 0 || (depth && choose_nested(h, set, n, known, &at)))
    switch_at(h, set, n, known, depth, &at);
  else if (n)
    leaf(h, set, n, known);
  else
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, h->data);
}

// ---- the whole ---------------------------------------------------------------------------

void ambi_lower_heads(Heads *h) {
  Lower *l = h->l;
  bool one_way = true, patterns = false;
  for (uint32_t i = 0; i < h->nrules; i++) {
    one_way &= one_way_rule(h->rules[i]);
    for (uint32_t a = 0; a < h->nargs && one_way; a++) {
      Value p = ambi_rule_pattern(h->rules[i], a);
      patterns |=
          !ambi_is_lvar(p) || h->rules[i]->vars[ambi_lvar_of(p)].slot != a;
    }
  }
  h->open = ambi_lower_label(l);
  h->data = ambi_lower_label(l);
  if (one_way) tree(h, h->rules, h->nrules, 0, SWITCH_DEPTH);
  if (!one_way || patterns)
    open_entry(h, h->rules, h->nrules, 0, h->open);
  else
    ambi_lower_bind(l, h->open);
  ambi_lower_bind(l, h->data);
  ambi_lower_data_code(h);
}
