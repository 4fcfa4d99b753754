// Which atoms are their own values: what may be taken for evaluated as it stands,
// and which marks still hold.
#include "runtime/machine/plain_type.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/step.h"

#include "runtime/atoms/work.h"
#include "runtime/types/types.h"

Definition *ambi_head_info(Engine *g, Value head, uint32_t nargs) {
  Context *cx = g->cx;
  Value key = ambi_is_sym(head) ? head : AMB_UNIT;
  Definition *d = ambi_definition(g->code, cx->space, key, nargs);
  if (!d) {
    cx->stop = STOP_MEMORY;
    return NULL;
  }
  return ambi_definition_ask(cx, d) ? d : NULL;
}

Definition *ambi_applied_info(Engine *g, Value head, uint32_t nargs) {
  Context *cx = g->cx;
  Value symbol = ambi_expr_at(head, 0);
  if (!ambi_is_sym(symbol) || symbol.w == AMB_SYM(ERROR).w ||
      ambi_load_acquire(&g->code->x_odd_rules))
    return NULL;
  Value key = AMB_V(ambi_switch_key(head));
  Definition *d = ambi_definition(g->code, cx->space, key, nargs + 1);
  if (!d) cx->stop = STOP_MEMORY;
  if (!d || !ambi_definition_ask(cx, d)) return NULL;
  DefinitionInfo info = ambi_info_of(d);
  return info.untyped && !info.dynamic ? d : NULL;
}

bool ambi_mark_holds(Value v) {
  if (ambi_is_ground_expr(v)) return true;
  Value stack[64];
  size_t n = 0;
  bool open = false;  // else it is from another space (ambi_from_elsewhere)
  stack[n++] = v;
  while (n) {
    Value e = stack[--n];
    const Value *it = ambi_expr_items(e);
    for (uint32_t i = 0, size = ambi_expr_size(e); i < size; i++) {
      if (ambi_is_var(it[i]) && !ambi_var_unbound(it[i])) return false;
      open |= !ambi_is_expr(it[i]) && !ambi_word_ground(it[i]);
      if (!ambi_is_expr(it[i]) || ambi_is_ground_expr(it[i])) continue;
      if (n == 64) return false;  // deep: evaluate it again, which is safe
      stack[n++] = it[i];
    }
  }
  return open;
}

Value ambi_settle(Context *cx, Value v) {
  v = ambi_deref(v);
  Value now = ambi_resolve(cx, v);
  if (ambi_is_none(now) || !ambi_is_expr(v) || !ambi_has_eval(v)) return now;
  return ambi_mark_eval(now);
}

Value ambi_whole(Value v) {
  if (ambi_is_var(v)) return ambi_unmark(ambi_deref(v));
  return ambi_is_expr(v) && !ambi_mark_holds(v) ? ambi_unmark(v) : v;
}

Value ambi_handed_on(Context *cx, Value v) {
  Value now = ambi_resolve(cx, v);
  return ambi_is_var(v) && !ambi_is_none(now) ? ambi_unmark(now) : now;
}

bool ambi_is_data(Engine *g, Value e) {
  Value head = ambi_deref(ambi_expr_at(e, 0));
  if (ambi_is_op(head) || ambi_is_instruction(e)) return false;
  if (ambi_is_var(head) || g->cx->rt->is_data_head(g->cx, head)) return true;
  Definition *d = ambi_head_info(g, head, ambi_expr_size(e) - 1);
  DefinitionInfo info = d ? ambi_info_of(d) : (DefinitionInfo){0};
  return info.untyped && !info.has_rules;
}

// An argument for Atom, or for the metatype it has, is not evaluated.
static bool stays_as_written(const SoleType *f, uint32_t i, Value arg) {
  if (!f || i == 0) return false;
  Value formal = f->params[i - 1];
  return formal.w != AMB_SYM(UNDEFINED).w && ambi_takes_untyped(formal, arg);
}

// rigid: NULL if nobody asks. Parts that are marked need not be looked into then.
static bool inert_node(Engine *g, Value e, ValueVec *todo, bool *rigid) {
  const Value *it = ambi_expr_items(e);
  uint32_t size = ambi_expr_size(e);
  const SoleType *f = NULL;
  if (!ambi_is_data(g, e) && !(f = ambi_constructor(g, e))) return false;
  if (rigid && (f ? !ambi_is_ground_expr(e) : ambi_is_var(ambi_deref(it[0]))))
    *rigid = false;
  for (uint32_t i = 0; i < size; i++) {
    Value c = ambi_deref(it[i]);
    if (c.w == AMB_SYM(EMPTY).w) return false;
    if (!ambi_is_expr(c)) continue;
    if (ambi_is_error_atom(c)) return false;  // it would be the value
    if (stays_as_written(f, i, c)) {
      if (rigid) *rigid = false;  // it is no value as a part is
      // What has variables would be marked with all parts of a value (ambi_mark_parts).
      if (!ambi_is_ground_expr(c) && !ambi_has_eval(c)) return false;
      continue;
    }
    if (ambi_has_eval(c) && (!rigid || ambi_is_ground_expr(c))) continue;
    if (!ambi_vec_push(todo, c)) return false;
  }
  return true;
}

enum { INERT_POLL = 1 << 14 };  // nodes between looks at the limits

// What ambi_is_data goes through: heads may be very deep.
static size_t nodes_of_head(Value e) {
  size_t n = 1;
  for (Value head = ambi_deref(ambi_expr_at(e, 0)); ambi_is_expr(head); n++)
    head = ambi_deref(ambi_expr_at(head, 0));
  return n;
}

// Its head may get bound, and then only a mark of its own says that it is a value.
static bool becomes_call(Value part) {
  return !ambi_has_eval(part) && ambi_is_var(ambi_deref(ambi_expr_at(part, 0)));
}

bool ambi_is_inert(Engine *g, Value v, bool *rigid, size_t budget) {
  size_t base = g->work.n;
  bool fixed = true;  // also when variables get bound
  bool *ask = rigid ? &fixed : NULL;
  size_t looked = nodes_of_head(v), polled = 0;
  bool inert = inert_node(g, v, &g->work, ask);
  while (inert && g->work.n > base && looked <= budget) {
    Value e = g->work.at[--g->work.n];
    looked += nodes_of_head(e);
    inert = !becomes_call(e) && inert_node(g, e, &g->work, ask);
    // A term that shares its parts may be very large as a tree.
    if (looked - polled < INERT_POLL) continue;
    if (!ambi_limits_walked(g->cx, looked - polled)) inert = false;
    polled = looked;
  }
  if (g->work.n > base) inert = false;
  g->work.n = base;
  if (rigid) *rigid = inert && fixed;
  return inert;
}

// Data has no type, and what is made by a constructor its own.
static bool may_be_of(Engine *g, Value v, Value t) {
  return t.w == AMB_SYM(UNDEFINED).w || ambi_is_data(g, v) ||
         ambi_plain_type(g, v).w == t.w;
}

bool ambi_settled(Engine *g, Value v, Value t, size_t budget, Value *out) {
  *out = v;
  if (t.w == AMB_SYM(T_ATOM).w || ambi_is_var(v)) return true;
  if (ambi_is_sym(v))
    return t.w == AMB_SYM(T_SYMBOL).w || t.w == AMB_SYM(UNDEFINED).w;
  if (!ambi_is_expr(v))
    return t.w == AMB_SYM(UNDEFINED).w ||
           (ambi_is_unit(v) && t.w == AMB_SYM(T_EXPRESSION).w) ||
           (!ambi_is_unit(v) && t.w == AMB_SYM(T_GROUNDED).w) ||
           (ambi_is_number(v) && t.w == AMB_SYM(T_NUMBER).w);
  if (t.w == AMB_SYM(T_EXPRESSION).w) return true;
  if (ambi_has_eval(v)) return true;
  if (g->max_depth || !ambi_is_at_home(g) ||
      !ambi_is_inert(g, v, NULL, budget) || !may_be_of(g, v, t))
    return false;
  *out = ambi_mark_parts(g->cx, v);
  return !ambi_is_none(*out);
}

bool ambi_body_stays(Engine *g, Value v) {
  if (g->max_depth) return false;
  g->rv = v = ambi_whole(v);
  bool holds = ambi_rigid_holds_of(g, v);
  if (ambi_is_var(v)) return true;
  if (!ambi_is_expr(v) || ambi_is_error_atom(v) || ambi_is_function(v))
    return false;
  if (holds && ambi_is_rigid(v)) g->rv = ambi_mark_eval(v);
  if (!holds) v = ambi_unmark(v);
  return (holds && ambi_is_rigid(v)) ||
         ambi_settled(g, v, AMB_SYM(UNDEFINED), AMB_SOME_NODES, &g->rv);
}
