// What evaluating a term may do: the analysis that allows streaming.
//
// A term's effects are those of every head in it, evaluated or not (a safe
// guess); a head with rules has the effects of all bodies it can reach. Heads
// that only running can tell (variables, expressions) may do anything.
#include "memory/alloc.h"
#include "runtime/lower.h"
#include "runtime/routine.h"

typedef struct Reach {  // definitions met on the way
  CodeState *cs;
  Definition **at;
  size_t n, cap;
  unsigned effects;
  bool failed;
} Reach;

static bool add_definition(Reach *r, Definition *d) {
  if (!d) {
    r->failed = true;
    return false;
  }
  for (size_t i = 0; i < r->n; i++)
    if (r->at[i] == d) return true;
  if (!ambi_grow((void **)&r->at, &r->cap, r->n + 1, sizeof *r->at)) {
    r->failed = true;
    return false;
  }
  r->at[r->n++] = d;
  return true;
}

// add-atom and remove-atom of something that is plainly no rule or type.
static bool plain_fact(Value e) {
  if (ambi_expr_size(e) != 3) return false;
  Value a = ambi_expr_at(e, 2);
  if (ambi_is_lvar(a)) return false;
  if (!ambi_is_expr(a)) return true;
  Value h = ambi_expr_at(a, 0);
  return (ambi_is_sym(h) && h.w != AMB_SYM(EQ).w && h.w != AMB_SYM(COLON).w &&
          h.w != AMB_SYM(SUBTYPE).w) ||
         ambi_is_number(h);
}

static void head_effects(Reach *r, Space *s, Value e) {
  Value h = ambi_expr_at(e, 0);
  if (ambi_is_op(h)) {
    uint32_t op = ambi_op_of(h);
    unsigned f = ambi_builtins[op].effects;
    if ((op == OP_ADD_ATOM || op == OP_REMOVE_ATOM) && plain_fact(e))
      f &= ~(unsigned)E_RULES;
    r->effects |= f;
  } else if (ambi_is_sym(h)) {
    if (ambi_is_instruction(e) && ambi_sym_of(h) != AMB_S_UNIFY &&
        ambi_sym_of(h) != AMB_S_CONS_ATOM &&
        ambi_sym_of(h) != AMB_S_DECONS_ATOM && ambi_sym_of(h) != AMB_S_CHAIN &&
        ambi_sym_of(h) != AMB_S_CONTEXT_SPACE &&
        ambi_sym_of(h) != AMB_S_FUNCTION &&
        ambi_sym_of(h) != AMB_S_COLLAPSE_BIND &&
        ambi_sym_of(h) != AMB_S_SUPERPOSE_BIND)
      r->effects |= E_EVERYTHING;
    if (ambi_form_untouched(r->cs, s, h, ambi_expr_size(e) - 1)) return;
    add_definition(r, ambi_definition(r->cs, s, h, ambi_expr_size(e) - 1));
  } else if (ambi_is_lvar(h) || ambi_is_expr(h)) {
    r->effects |= E_EVERYTHING;
  }
}

static void walk(Reach *r, Space *s, Value term) {
  ValueVec todo = {0};
  if (!ambi_vec_push(&todo, term)) r->failed = true;
  while (todo.n && r->effects != E_EVERYTHING) {
    Value e = todo.at[--todo.n];
    if (!ambi_is_expr(e)) continue;
    head_effects(r, s, e);
    for (uint32_t i = 0; i < ambi_expr_size(e); i++)
      if (ambi_is_expr(ambi_expr_at(e, i)) &&
          !ambi_vec_push(&todo, ambi_expr_at(e, i)))
        r->failed = true;
  }
  ambi_vec_drop(&todo);
}

static void walk_rules(Reach *r, Definition *d) {
  if (d->effects_known) {
    r->effects |= d->effects;
    return;
  }
  if (d->dynamic) {
    r->effects |= E_EVERYTHING;
    return;
  }
  RecordVec rules = {0};
  if (!ambi_space_rules(d->space, d->head, d->nargs, &rules)) r->failed = true;
  ambi_code_rely(r->cs, d->head);
  if (rules.n) r->effects |= E_CALLS;
  for (size_t i = 0; i < rules.n && r->effects != E_EVERYTHING; i++)
    walk(r, d->space, ambi_expr_at(rules.at[i]->tmpl.atom, 2));
  ambi_records_drop(&rules);
}

static unsigned finish(Reach *r, size_t from) {
  for (size_t i = from; i < r->n && r->effects != E_EVERYTHING; i++)
    walk_rules(r, r->at[i]);
  if (r->failed) r->effects = E_EVERYTHING;
  unsigned effects = r->effects;
  ambi_free(r->at, r->cap * sizeof *r->at);
  return effects;
}

unsigned ambi_effects_definition(CodeState *cs, Definition *d) {
  if (d->effects_known) return d->effects;
  Reach r = {.cs = cs};
  add_definition(&r, d);
  unsigned effects = finish(&r, 0);
  d->effects = effects;
  d->effects_known = true;
  return effects;
}

unsigned ambi_effects_term(CodeState *cs, Space *s, Value term) {
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
