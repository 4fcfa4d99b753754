// What type a value has, where its names tell it: a walk that gives up early.
#include "runtime/machine/plain_type.h"

#include "runtime/machine/routine.h"
#include "runtime/machine/step.h"
#include "runtime/types/types.h"

enum {
  MOST_LEVELS = 64,  // of terms within terms at a time
  NOTED_NODES = 4,   // what has fewer parts is not remembered with its type
  LONG_WALK = 32     // nodes after which what was asked for is, wherever it is
};

typedef struct Look {
  Engine *g;
  unsigned level;
  unsigned nodes;  // seen since a type was noted
  size_t walked;   // ... and in all
  Value deep;  // the term below MOST_LEVELS, whose type is to be known first
} Look;

static Value type_of(Look *l, Value v);

static bool is_literal(Value v) {
  return ambi_is_number(v) || ambi_is_bool(v) || ambi_is_str(v);
}

// NULL: it has several, or none, or not one of the simple kind.
static const SoleType *sole_type(Engine *g, Value symbol, uint32_t nargs,
                                 bool *untyped) {
  Definition *d = ambi_head_info(g, symbol, nargs);
  if (!d) return NULL;
  *untyped = ambi_info_of(d).untyped;
  return ambi_load_acquire(&d->types.x_now);
}

static Value type_of_symbol(Engine *g, Value symbol) {
  if (ambi_is_instruction_symbol(ambi_sym_of(symbol))) return AMB_NONE;
  if (g->cx->rt->is_data_head(g->cx, symbol)) return AMB_UNIT;
  bool untyped = false;
  const SoleType *t = sole_type(g, symbol, 0, &untyped);
  if (untyped) return AMB_UNIT;
  return t && !t->is_function ? t->result : AMB_NONE;
}

// Of a tuple only that it has no type, since one of its parts has none, is told by a word.
static Value type_of_tuple(Look *l, Value tuple) {
  for (uint32_t i = 0; i < ambi_expr_size(tuple); i++) {
    Value t = type_of(l, ambi_expr_at(tuple, i));
    if (ambi_is_none(t) || ambi_is_unit(t)) return t;
  }
  return AMB_NONE;
}

static Value type_of_call(Look *l, Value call, const SoleType *f) {
  for (uint32_t i = 0; i < f->nparams; i++) {
    Value arg = ambi_deref(ambi_expr_at(call, i + 1));
    if (ambi_takes_untyped(f->params[i], arg)) continue;
    Value t = type_of(l, arg);
    if (!ambi_is_unit(t) && t.w != f->params[i].w) return AMB_NONE;
  }
  return f->result;
}

static bool is_tuple(Engine *g, Value head) {
  if (is_literal(head)) return true;
  if (!ambi_is_sym(head)) return false;
  Value t = type_of_symbol(g, head);
  return !ambi_is_none(t) && !ambi_is_unit(t);
}

// ((a ..) ..) has no type if a is data.
static Value type_by_innermost(Engine *g, Value head) {
  while (ambi_is_expr(head))
    head = ambi_deref(ambi_expr_at(head, 0));
  return ambi_is_sym(head) && g->cx->rt->is_data_head(g->cx, head) ? AMB_UNIT
                                                                   : AMB_NONE;
}

static Value type_of_expr(Look *l, Value e) {
  Engine *g = l->g;
  Value head = ambi_deref(ambi_expr_at(e, 0));
  if (ambi_is_expr(head)) return type_by_innermost(g, head);
  if (ambi_is_sym(head)) {
    if (ambi_is_instruction_symbol(ambi_sym_of(head))) return AMB_NONE;
    if (g->cx->rt->is_data_head(g->cx, head)) return AMB_UNIT;
    bool untyped = false;
    uint32_t nargs = ambi_expr_size(e) - 1;
    const SoleType *f = sole_type(g, head, nargs, &untyped);
    if (untyped) return AMB_UNIT;
    if (f && f->is_function)
      return f->nparams == nargs ? type_of_call(l, e, f) : AMB_NONE;
  }
  return is_tuple(g, head) ? type_of_tuple(l, e) : AMB_NONE;
}

// Milestones are asked for and remembered, in what the type checker remembers of long
// walks. So is what the walk is about, if that was long: a large tree has too many ways
// down.
static Value type_of_term(Look *l, Value e) {
  Context *cx = l->g->cx;
  bool milestone = ambi_is_milestone(e), bottom = l->level == MOST_LEVELS;
  if (milestone || bottom || l->level == 0) {
    Value known = ambi_known_type(cx, cx->space, e);
    if (!ambi_is_none(known)) return ambi_is_expr(known) ? AMB_NONE : known;
  }
  if (bottom) {
    l->deep = e;
    return AMB_NONE;
  }
  l->level++;
  Value t = type_of_expr(l, e);
  l->level--;
  bool much = (milestone && l->nodes >= NOTED_NODES) ||
              (l->level == 0 && l->walked >= LONG_WALK);
  if (much && ambi_is_sym(t)) {
    ambi_note_type(cx, cx->space, e, t);
    l->nodes = 0;
  }
  return t;
}

static Value type_of(Look *l, Value v) {
  v = ambi_deref(v);
  l->nodes++;
  l->walked++;
  if (ambi_is_number(v)) return AMB_SYM(T_NUMBER);
  if (ambi_is_bool(v)) return AMB_SYM(T_BOOL);
  if (ambi_is_str(v)) return AMB_SYM(T_STRING);
  if (ambi_is_var(v) || ambi_is_unit(v)) return AMB_UNIT;
  if (ambi_is_sym(v)) return type_of_symbol(l->g, v);
  return ambi_is_expr(v) ? type_of_term(l, v) : AMB_NONE;
}

bool ambi_told_by_names(const Engine *g) {
  return !ambi_load_acquire(&g->code->x_broad_rules) &&
         !ambi_load_acquire(&g->code->x_typed_calls);
}

// Notes the type of a deep term, so that a walk from further up ends there.
static bool note_deep(Look *l, Value e, Value type) {
  Context *cx = l->g->cx;
  ambi_note_type(cx, cx->space, e, type);
  return !ambi_is_none(ambi_known_type(cx, cx->space, e));
}

// From the bottom up, MOST_LEVELS at a time: `todo` are the terms on the way down.
static Value type_of_deep(Look *l, ValueVec *todo) {
  Value t = AMB_NONE;
  while (todo->n) {
    Value e = todo->at[todo->n - 1];
    l->deep = AMB_NONE;
    t = type_of(l, e);
    if (ambi_is_none(t) && !ambi_is_none(l->deep)) {
      if (!ambi_vec_push(todo, l->deep)) return AMB_NONE;
      continue;
    }
    todo->n--;
    if (ambi_is_none(t) || (todo->n && !note_deep(l, e, t)) ||
        !ambi_limits_walked(l->g->cx, MOST_LEVELS))
      return AMB_NONE;
  }
  return t;
}

Value ambi_plain_type(Engine *g, Value v) {
  if (!ambi_told_by_names(g)) return AMB_NONE;
  Look l = {.g = g, .deep = AMB_NONE};
  Value t = type_of(&l, v);
  if (ambi_is_none(l.deep) || !ambi_is_none(t)) return t;
  ValueVec todo = {0};
  bool room =
      ambi_vec_push(&todo, ambi_deref(v)) && ambi_vec_push(&todo, l.deep);
  if (room) t = type_of_deep(&l, &todo);
  ambi_vec_drop(&todo);
  return t;
}

const SoleType *ambi_constructor(Engine *g, Value e) {
  Value head = ambi_deref(ambi_expr_at(e, 0));
  if (!ambi_is_sym(head) || head.w == AMB_SYM(ERROR).w ||
      ambi_is_instruction_symbol(ambi_sym_of(head)))
    return NULL;
  uint32_t nargs = ambi_expr_size(e) - 1;
  Definition *d = ambi_head_info(g, head, nargs);
  const SoleType *f = d ? ambi_load_acquire(&d->types.x_now) : NULL;
  if (!f || !f->is_function || f->nparams != nargs || ambi_info_of(d).has_rules)
    return NULL;
  return ambi_is_sym(ambi_plain_type(g, e)) ? f : NULL;
}

// ---- two values -------------------------------------------------------------------

enum Likeness {
  LIKE_SAME,  // they have the same type
  LIKE_FREE,  // one of them has none
  LIKE_OPEN   // they have not, or it is not known
};

static enum Likeness like(Look *l, Value a, Value b);

// A part without a type leaves the whole without one.
static enum Likeness like_tuples(Look *l, Value a, Value b) {
  uint32_t n = ambi_expr_size(a);
  if (n != ambi_expr_size(b) || l->level == MOST_LEVELS ||
      !is_tuple(l->g, ambi_deref(ambi_expr_at(a, 0))) ||
      !is_tuple(l->g, ambi_deref(ambi_expr_at(b, 0))))
    return LIKE_OPEN;
  enum Likeness all = LIKE_SAME;
  l->level++;
  for (uint32_t i = 0; i < n && all == LIKE_SAME; i++)
    all = like(l, ambi_expr_at(a, i), ambi_expr_at(b, i));
  l->level--;
  return all;
}

static enum Likeness like(Look *l, Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  Value ta = type_of(l, a), tb = ambi_is_unit(ta) ? ta : type_of(l, b);
  if (ambi_is_unit(tb)) return LIKE_FREE;
  if (ambi_is_sym(ta) && ambi_is_sym(tb))
    return ta.w == tb.w ? LIKE_SAME : LIKE_OPEN;
  return ambi_is_expr(a) && ambi_is_expr(b) ? like_tuples(l, a, b) : LIKE_OPEN;
}

bool ambi_plain_like(Engine *g, Value a, Value b) {
  Look l = {.g = g, .deep = AMB_NONE};
  return ambi_told_by_names(g) && like(&l, a, b) != LIKE_OPEN;
}
