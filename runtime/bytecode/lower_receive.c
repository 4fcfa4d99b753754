// receive in a rule, as a function of its own.
//
// What the clauses take from the rule around them become parameters: (receive CLAUSES)
// is lowered as (F v1 .. vn), where F is a name that no program can write, with the rule
//
//   (= (F v1 .. vn) (let $r (_receive-next (P1 ..) (F v1 .. vn))
//                      (unify $r (1 P1) B1 (unify $r (2 P2) B2 .. Empty))))
//
// beside that of `receive`. So the bodies are code like that of any function, and an actor
// that waits for nothing but its next message is kept as the call of F.
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/bytecode/lower.h"
#include "runtime/guard.h"
#include "runtime/spaces/space_data.h"

enum { MOST_CAPTURED = 12, MOST_CLAUSES = 32, MOST_KEPT = 512 };

typedef struct Received {
  Template key;  // (CLAUSES (v1 .. vn))
  Space *space;  // that has the rule
  uint32_t name;
} Received;

typedef struct Receives {
  Received at[MOST_KEPT];
  size_t n;
} Receives;

void ambi_receives_close(CodeState *cs) {
  Receives *all = cs->receives;
  if (!all) return;
  for (size_t i = 0; i < all->n; i++)
    ambi_template_release(cs->rt->store, &all->at[i].key);
  ambi_free(all, sizeof *all);
}

// ---- is it ours? -------------------------------------------------------------------

// The space that `receive` comes from, if nothing was added to it.
static Space *origin(Lower *l) {
  RecordVec rules = {0};
  Value head = AMB_SYM(RECEIVE);
  bool ours = ambi_space_rules(l->space, head, 1, &rules) && rules.n == 1;
  if (ours) {
    Value rhs = ambi_expr_at(ambi_record_atom(rules.at[0]), 2);
    ours = ambi_expr_size(rhs) == 2 &&
           ambi_same(ambi_expr_at(rhs, 0), AMB_OP_ID(OP_RECEIVE));
  }
  ambi_records_drop(&rules);
  for (size_t i = 0, n = ambi_space_ndeps(l->space); ours && i < n; i++)
    if (ambi_space_defines(ambi_space_dep(l->space, i), AMB_S_RECEIVE))
      return ambi_space_dep(l->space, i);
  return NULL;
}

static bool are_clauses(Value v) {
  if (!ambi_is_expr(v) || ambi_expr_size(v) > MOST_CLAUSES) return false;
  for (uint32_t i = 0; i < ambi_expr_size(v); i++)
    if (ambi_expr_size(ambi_expr_at(v, i)) != 2) return false;
  return true;
}

// ---- what the clauses take -----------------------------------------------------------

typedef struct Taken {
  Value clauses;
  uint16_t id[MOST_CAPTURED];
  uint32_t n;
  Value env[MAX_VARS];  // of the function
} Taken;

static bool count_variables(Value v, uint16_t *count) {
  ValueVec todo = {0};
  bool ok = ambi_vec_push(&todo, v);
  while (ok && todo.n) {
    v = todo.at[--todo.n];
    if (ambi_is_lvar(v)) count[ambi_lvar_of(v)]++;
    for (uint32_t i = 0; ok && ambi_is_expr(v) && i < ambi_expr_size(v); i++)
      ok = ambi_vec_push(&todo, ambi_expr_at(v, i));
  }
  ambi_vec_drop(&todo);
  return ok;
}

// A variable that also stands elsewhere in the rule is shared with that.
static bool find_taken(const Lower *l, Taken *t) {
  uint16_t count[MAX_VARS] = {0};
  if (!count_variables(t->clauses, count)) return false;
  for (uint16_t i = 0; i < l->rule->nvars; i++) {
    if (count[i] == 0 || l->uses[i] == count[i]) continue;
    if (t->n == MOST_CAPTURED) return false;
    t->id[t->n++] = i;
  }
  return true;
}

static Value call_of(Context *cx, Value name, const Taken *t, bool in_rule) {
  Value items[MOST_CAPTURED + 1] = {name};
  for (uint32_t i = 0; i < t->n; i++)
    items[i + 1] = in_rule ? ambi_lvar(t->id[i]) : t->env[t->id[i]];
  return ambi_make_expr(cx, items, t->n + 1);
}

// ---- the function --------------------------------------------------------------------

// The patterns once more, with variables of their own.
static Value patterns(const Lower *l, const Taken *t) {
  Value env[MAX_VARS], items[MOST_CLAUSES];
  uint32_t n = ambi_expr_size(t->clauses);
  for (unsigned i = 0; i < MAX_VARS; i++)
    env[i] = AMB_NONE;
  for (uint32_t i = 0; i < t->n; i++)
    env[t->id[i]] = t->env[t->id[i]];
  for (uint32_t i = 0; i < n; i++) {
    Value p = ambi_expr_at(ambi_expr_at(t->clauses, i), 0);
    items[i] = ambi_instantiate_part(l->cx, p, l->rule, env, false);
    if (ambi_is_none(items[i])) return AMB_NONE;
  }
  return ambi_make_expr(l->cx, items, n);
}

static Value choice(Context *cx, Value clauses, Value r) {
  Value v = AMB_SYM(EMPTY);
  for (uint32_t i = ambi_expr_size(clauses); i-- > 0 && !ambi_is_none(v);) {
    Value clause = ambi_deref(ambi_expr_at(clauses, i));
    Value p = AMB_EXPR(cx, ambi_small_int(i + 1), ambi_expr_at(clause, 0));
    if (ambi_is_none(p)) return p;
    v = AMB_EXPR(cx, AMB_SYM(UNIFY), r, p, ambi_expr_at(clause, 1), v);
  }
  return v;
}

static Value rule_of(const Lower *l, const Taken *t, Value clauses,
                     Value name) {
  Context *cx = l->cx;
  Value call = call_of(cx, name, t, false), all = patterns(l, t);
  Value r = ambi_make_var(cx, AMB_S_X, AMB_VAR_FRESH);
  if (ambi_is_none(call) || ambi_is_none(all) || ambi_is_none(r))
    return AMB_NONE;
  Value next = AMB_EXPR(cx, AMB_OP_ID(OP_RECEIVE_NEXT), all, call);
  Value then = choice(cx, clauses, r);
  if (ambi_is_none(next) || ambi_is_none(then)) return AMB_NONE;
  Value body = AMB_EXPR(cx, AMB_SYM(LET), r, next, then);
  if (ambi_is_none(body)) return body;
  return AMB_EXPR(cx, AMB_SYM(EQ), call, body);
}

static Value type_of(Context *cx, const Taken *t, Value name) {
  Value items[MOST_CAPTURED + 2] = {AMB_SYM(ARROW)};
  for (uint32_t i = 0; i < t->n; i++)
    items[i + 1] = AMB_SYM(T_ATOM);
  items[t->n + 1] = AMB_SYM(UNDEFINED);
  Value type = ambi_make_expr(cx, items, t->n + 2);
  return ambi_is_none(type) ? type : AMB_EXPR(cx, AMB_SYM(COLON), name, type);
}

static Value name_of(Context *cx, size_t number) {
  char text[40];
  int n = snprintf(text, sizeof text, "receive %zu", number);
  return ambi_make_sym(cx, text, (size_t)n);
}

static Received *look_up(Receives *all, const Template *key, Space *space) {
  for (size_t i = 0; i < all->n; i++) {
    Received *r = &all->at[i];
    if (r->space == space && r->key.nvars == key->nvars &&
        ambi_equal(r->key.atom, key->atom))
      return r;
  }
  return NULL;
}

// The function for these clauses. AMB_NONE: there is none.
static Value function(Lower *l, Taken *t, Space *space) {
  Context *cx = l->cx;
  Receives *all = l->cs->receives;
  for (unsigned i = 0; i < MAX_VARS; i++)
    t->env[i] = AMB_NONE;
  Value clauses = ambi_instantiate_part(cx, t->clauses, l->rule, t->env, false);
  Value vars =
      ambi_is_none(clauses) ? clauses : call_of(cx, AMB_UNIT, t, false);
  Value whole = ambi_is_none(vars) ? vars : AMB_EXPR(cx, clauses, vars);
  Template key;
  if (ambi_is_none(whole) || !ambi_template_make(cx->rt->store, whole, &key))
    return AMB_NONE;
  Received *old = look_up(all, &key, space);
  Value name = old ? AMB_SYM_ID(old->name) : AMB_NONE;
  if (!old && all->n < MOST_KEPT) {
    name = name_of(cx, all->n);
    Value rule = ambi_is_none(name) ? name : rule_of(l, t, clauses, name);
    Value type = ambi_is_none(rule) ? rule : type_of(cx, t, name);
    if (!ambi_is_none(type) && ambi_space_add(space, type) &&
        ambi_space_add(space, rule)) {
      all->at[all->n++] = (Received){key, space, ambi_sym_of(name)};
      return name;
    }
    name = AMB_NONE;
  }
  ambi_template_release(cx->rt->store, &key);
  return name;
}

// ---- as it was written ----------------------------------------------------------------

static Value written(Context *cx, const Receives *all, Value call) {
  Value name = ambi_deref(ambi_expr_at(call, 0)), env[MAX_VARS];
  const Received *r = NULL;
  for (size_t i = 0; all && i < all->n && !r; i++)
    if (ambi_same(AMB_SYM_ID(all->at[i].name), name)) r = &all->at[i];
  if (!r) return AMB_UNIT;
  for (unsigned i = 0; i < MAX_VARS; i++)
    env[i] = AMB_NONE;
  Value vars = ambi_expr_at(r->key.atom, 1);
  for (uint32_t i = 1; i < ambi_expr_size(call); i++)
    env[ambi_lvar_of(ambi_expr_at(vars, i))] = ambi_expr_at(call, i);
  return ambi_instantiate_part(cx, ambi_expr_at(r->key.atom, 0), &r->key, env,
                               false);
}

Value ambi_receive_clauses(Context *cx, Value call) {
  ambi_guard(cx->rt);
  Value v = written(cx, cx->rt->code->receives, ambi_deref(call));
  ambi_unguard(cx->rt);
  return v;
}

// ---- lowering -------------------------------------------------------------------------

Value ambi_lower_receive(Lower *l, Value e) {
  // Where there are no actors its Error tells what the program has written.
  if (!l->cx->rt->actor_table || !l->variant || ambi_expr_size(e) != 2 ||
      !ambi_same(ambi_expr_at(e, 0), AMB_SYM(RECEIVE)))
    return e;
  Taken t = {.clauses = ambi_expr_at(e, 1)};
  if (!are_clauses(t.clauses) || !find_taken(l, &t)) return e;
  Space *space = origin(l);
  if (!l->cs->receives) l->cs->receives = ambi_alloc(sizeof(Receives));
  if (!space || !l->cs->receives ||
      !ambi_form_untouched(l->cs, l->space, AMB_SYM(LET), 3))
    return e;
  ambi_code_rely(l->cs, AMB_SYM(RECEIVE));
  Value name = function(l, &t, space);
  if (ambi_is_none(name)) return e;
  Value call = call_of(l->cx, name, &t, true);
  return ambi_is_none(call) ? e : call;
}
