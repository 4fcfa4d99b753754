// Slow halves of instructions on terms and values: unification with templates,
// instances, evaluation of variables, casts, lists, arithmetic, operations.
#include "runtime/machine/step.h"
#include "runtime/machine/deepen.h"

#include "memory/alloc.h"
#include "runtime/atoms/number.h"
#include "runtime/machine/lend.h"
#include "runtime/machine/plain_type.h"
#include "runtime/types/types.h"

enum { MAX_ENV = 256 };

bool ambi_step_compare(enum Opcode op, Value a, Value b, bool *known) {
  int c = ambi_num_cmp(a, b);
  *known = true;
  switch (op) {
  case OP_I_JNLT: return c == -1;
  case OP_I_JNGT: return c == 1;
  case OP_I_JNLE: return c == -1 || c == 0;
  default: return c == 1 || c == 0;
  }
}

static Value arithmetic(Context *cx, enum Opcode op, Value a, Value b) {
  switch (op) {
  case OP_I_ADD: return ambi_num_add(cx, a, b);
  case OP_I_SUB: return ambi_num_sub(cx, a, b);
  default: return ambi_num_mul(cx, a, b);
  }
}

static bool env_load(const Word *e, const Code *list, unsigned n, Value *env) {
  const uint16_t *slot = list->half;
  for (unsigned i = 0; i < n; i++)
    env[i] = slot[i] & ENV_NEW ? AMB_NONE : AMB_V(e[slot[i]]);
  return true;
}

void ambi_step_stamp(Engine *g, Word *e) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  if (!u->stamp || e[u->stamp - 1] != ambi_small_int(0).w) return;
  e[u->stamp - 1] = ambi_small_int(ambi_stamps_next(g)).w;
}

Word ambi_step_late_name(Engine *g, Word *e, Word name) {
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  ambi_step_stamp(g, e);
  int64_t id = ambi_int_of(AMB_V(e[u->stamp - 1]));
  return id ? ambi_vinfo_with_stamp(name, (Word)id) : name;
}

// made: the heap's top before.
static void env_store(Engine *g, const Code *list, unsigned n, const Value *env,
                      const Word *made) {
  const uint16_t *slot = list->half;
  for (unsigned i = 0; i < n; i++) {
    if (!(slot[i] & ENV_NEW)) continue;
    g->e[slot[i] & ENV_SLOT] = env[i].w;
    if (!(slot[i] & ENV_LATE) || !ambi_is_var(env[i])) continue;
    Word *cell = ambi_ptr(env[i]);
    if (cell >= made && ambi_in_heap(g->cx, cell) &&
        ambi_vinfo_id(cell[1]) == AMB_VAR_FRESH)
      cell[1] = ambi_step_late_name(g, g->e, cell[1]);
  }
}

// Variables the template leaves free become heap variables.
static bool env_fill(Context *cx, const Template *t, unsigned n, Value *env,
                     bool as_written) {
  for (unsigned i = 0; i < n; i++) {
    if (!ambi_is_none(env[i])) continue;
    uint32_t id = as_written ? ambi_vinfo_id(t->vinfo[i]) : AMB_VAR_FRESH;
    env[i] = ambi_make_var(cx, ambi_vinfo_name(t->vinfo[i]), id);
    if (ambi_is_none(env[i])) return false;
  }
  return true;
}

// No type was declared for the symbol, though rules may have been.
static bool is_untyped(Engine *g, Value symbol) {
  if (ambi_is_instruction_symbol(ambi_sym_of(symbol))) return false;
  Definition *d = ambi_head_info(g, symbol, 0);
  return d && ambi_info_of(d).untyped;
}

// An expression has no type if its innermost head is data; nor has ().
static bool has_no_type(Engine *g, Value v) {
  bool whole = ambi_is_sym(v);
  while (ambi_is_expr(v))
    v = ambi_deref(ambi_expr_at(v, 0));
  if (!ambi_is_sym(v)) return v.w == AMB_UNIT.w;
  return g->cx->rt->is_data_head(g->cx, v) || (whole && is_untyped(g, v));
}

// Symbols without types pass as anything, and so do expressions that begin with one.
static bool may_have_type(Context *cx, Value v) {
  if (ambi_is_sym(v)) return !cx->rt->is_data_head(cx, v);
  if (!ambi_is_expr(v)) return ambi_is_op(v) || ambi_is_cell(v);
  v = ambi_deref(ambi_expr_at(v, 0));
  if (ambi_is_sym(v)) return !cx->rt->is_data_head(cx, v);
  return !ambi_is_var(v) && !ambi_is_unit(v);
}
// Two expressions: only as calls of what has a type.
bool ambi_step_differ_in_type(Context *cx, Value a, Value b) {
  if (ambi_value_kind(a) != ambi_value_kind(b)) return true;
  if (ambi_value_kind(a) != 0) return false;
  if (ambi_is_expr(a) && ambi_is_expr(b)) {
    a = ambi_deref(ambi_expr_at(a, 0));
    b = ambi_deref(ambi_expr_at(b, 0));
    if (a.w == b.w || ambi_is_expr(a) || ambi_is_expr(b)) return false;
  }
  return may_have_type(cx, a) && may_have_type(cx, b);
}

static bool no_clash(Engine *g, Value *a, Value *b) {
  return !ambi_load_relaxed(&g->code->x_broad_rules) && !ambi_is_var(*a) &&
         !ambi_is_var(*b) && ambi_source_ready(g, a) &&
         ambi_source_ready(g, b) &&
         (has_no_type(g, *a) || has_no_type(g, *b) ||
          ambi_plain_like(g, *a, *b));
}

bool ambi_step_one_type(Engine *g, Value *a, Value *b) {
  int kind = ambi_value_kind(*a);
  if (kind && kind == ambi_value_kind(*b)) return true;
  return no_clash(g, a, b);
}

bool ambi_step_unify(Engine *g, const Code *pc, Value v) {
  Value env[MAX_ENV];
  Word *e = g->e;
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  const Template *t = (const Template *)(uintptr_t)u->k[pc->c];
  const Word *top = g->cx->h;
  env_load(e, pc + 1, pc->b, env);
  if (!ambi_unify_template(g->cx, v, t->atom, t, env)) return false;
  if (!env_fill(g->cx, t, pc->b, env, u->form)) return false;
  env_store(g, pc + 1, pc->b, env, top);
  return true;
}

// Unbinds again when the terms do not unify, whatever the newest record says.
bool ambi_step_unify_else(Engine *g, const Code *pc, Value v) {
  Context *cx = g->cx;
  Word *hb = cx->hb;
  size_t mark = cx->tr;
  cx->hb = (Word *)UINTPTR_MAX;
  bool ok = ambi_step_unify(g, pc, v);
  cx->hb = hb;
  if (!ok) ambi_trail_undo(cx, mark);
  return ok;
}

bool ambi_step_instance(Engine *g, const Code *pc) {
  Value env[MAX_ENV];
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  const Template *t = (const Template *)(uintptr_t)u->k[pc->c];
  const Word *top = g->cx->h;
  env_load(g->e, pc + 1, pc->b, env);
  Value v = ambi_instantiate(g->cx, t, env, u->form);
  if (ambi_is_none(v)) return false;
  env_store(g, pc + 1, pc->b, env, top);
  g->e[pc->a] = v.w;
  return true;
}

enum Next ambi_step_own_if_same(Engine *g) {
  const Code *pc = g->pc;
  Value v = ambi_deref(AMB_V(g->e[pc->a]));
  if (!ambi_step_instance(g, pc)) return NEXT_STOP;
  bool same = ambi_is_expr(v) && ambi_equal(v, AMB_V(g->e[pc->a])) &&
              !ambi_ill_typed(g, v, true) && !ambi_ill_typed(g, v, false);
  if (g->cx->stop) return NEXT_STOP;
  g->e[pc->a] = same ? ambi_mark_eval(v).w : v.w;
  g->pc = pc + ambi_op_words(pc);
  return NEXT_PC;
}

enum Next ambi_step_one_step(Engine *g) {
  const Code *pc = g->pc;
  Value function = ambi_one_step(g->cx, AMB_V(g->e[pc->b]));
  if (ambi_is_none(function)) return NEXT_STOP;
  g->e[pc->a] = function.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

// An Error that is its own value, as the library declares it. It ends a tuple; as the
// argument of a typed call it is passed on like any other that evaluation leaves as it was.
static bool plain_error(Engine *g, Value v) {
  if (!ambi_is_error_value(v) || ambi_expr_size(v) != 3) return false;
  Definition *d = ambi_definition(g->code, g->cx->space, AMB_SYM(ERROR), 2);
  if (!d || !ambi_definition_ask(g->cx, d)) return false;
  DefinitionInfo info = ambi_info_of(d);
  return !info.untyped && !info.has_rules;
}

// A value whose variables were bound since may be ill typed by now, and one whose head has
// several types may have been all the time. The type check of a call sees that: then it is
// evaluated again, to the Error.
static bool ill_typed_since(Engine *g, Value v) {
  Context *cx = g->cx;
  if (!ambi_has_eval(v)) return false;
  // Without types of the head there are no errors, however large the rest is.
  Value head = ambi_deref(ambi_expr_at(v, 0));
  if (ambi_is_var(head) ||
      (ambi_is_sym(head) && cx->rt->is_data_head(cx, head)) ||
      (ambi_mark_holds(v) && !ambi_looked_at_anyway(g, v)))
    return false;
  TypeVec types = {0};
  Word *h = cx->h;
  bool ill = ambi_get_types(cx, cx->space, v, &types) && types.n > 0;
  for (size_t i = 0; i < types.n; i++)
    ill = ill && types.at[i].is_error;
  ambi_types_drop(&types);
  if (!cx->stop) cx->h = h;
  return ill;
}

bool ambi_step_has_edge(const Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  return ambi_unit_edge(u, (uint32_t)(g->pc - u->code)) != UINT32_MAX;
}

// The type the value of EVALV is cast to, or AMB_NONE: an Error has a type as well,
// but expressions are not cast.
static Value cast_behind(const Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  const Code *next = g->pc + 2;
  return next->op == OP_I_CASTR && next->a == g->pc->a ? AMB_V(u->k[next->b])
                                                       : AMB_NONE;
}

enum { MARKED_NODES = 64 };
enum Next ambi_step_eval_value(Engine *g, bool tuple) {
  const Code *pc = g->pc;
  Value v = ambi_deref(AMB_V(g->e[pc->b]));
  if (ambi_is_expr(v) && !tuple && ill_typed_since(g, v)) v = ambi_unmark(v);
  if (ambi_is_expr(v)) {
    if (ambi_presumed(g, v)) {
      g->e[pc->a] = v.w;
      g->pc = pc + 2;
      return NEXT_PC;
    }
    if (plain_error(g, v)) {
      if (tuple) {
        g->e[pc->a] = v.w;
        return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
      }
      Value type = cast_behind(g);
      if (!ambi_is_none(type) && !ambi_step_check_type(g, v, type)) {
        if (g->cx->stop) return NEXT_STOP;
        g->e[pc->c] = ambi_position(g->b).w;
        return ambi_eval_push(g, v, type, pc + 1);
      }
      g->e[pc->a] = v.w;
      g->pc = pc + 2;
      return NEXT_PC;
    }
    // What is marked is only asked whether it is rigid, so not in full: a list
    // that grows by a cell between two questions would be walked each time.
    bool rigid = false;
    size_t budget = ambi_has_eval(v) ? MARKED_NODES : SIZE_MAX;
    if ((v.w & AMB_EXPR_RIGID) && ambi_rigid_holds_of(g, v))
      rigid = true;
    else if (!ambi_is_inert(g, v, &rigid, budget) && !ambi_has_eval(v)) {
      if (g->cx->stop) return NEXT_STOP;
      if (!tuple && ambi_step_has_edge(g))
        return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
      g->e[pc->c] = ambi_position(g->b).w;
      return tuple ? ambi_eval_push(g, v, AMB_SYM(UNDEFINED), pc + 1)
                   : ambi_eval_push_argument(g, v, AMB_SYM(UNDEFINED), pc + 1);
    }
    if (!ambi_has_eval(v)) v = ambi_mark_parts(g->cx, v);
    if (ambi_is_none(v)) return NEXT_STOP;
    if (rigid) v.w |= AMB_EXPR_RIGID;
    if (tuple && !rigid && ambi_is_error_atom(v)) {  // it has become one
      v = ambi_resolve(g->cx, ambi_unmark(v));  // who asks looks at the word
      if (ambi_is_none(v)) return NEXT_STOP;
      g->e[pc->a] = v.w;
      return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
    }
  } else if (tuple && v.w == AMB_SYM(EMPTY).w) {
    return NEXT_FAIL;
  }
  g->e[pc->a] = v.w;
  g->pc = pc + 2;
  return NEXT_PC;
}

// One variable of each row, which has room for k.
static void own_column(Word *cells, Word *rows, size_t n, size_t k, Word info) {
  for (; n > 0; n--, cells += 2, rows += 1 + k) {
    *rows = cells[0] = ambi_tag_ptr(TAG_VAR, cells).w;
    cells[1] = info;
  }
}

static Value own_rows(Context *cx, size_t n, Value names) {
  size_t k = ambi_expr_size(names), vars = 2 * n * k, row = 1 + k;
  Word *cells = ambi_heap_alloc(cx, vars + n * row + 1 + n);
  if (!cells) return AMB_NONE;
  Word *rows = cells + vars, *all = rows + n * row;
  for (uint32_t j = 0; j < k; j++) {
    uint32_t name = ambi_sym_of(ambi_expr_at(names, j));
    own_column(cells + 2 * n * j, rows + 1 + j, n, k,
               ambi_vinfo(name, AMB_VAR_FRESH));
  }
  all[0] = ambi_header(KIND_FLAT, 0, (uint32_t)n);
  for (size_t i = 0; i < n; i++) {
    rows[i * row] = ambi_header(KIND_FLAT, 0, (uint32_t)k);
    all[1 + i] = ambi_tag_ptr(TAG_EXPR, rows + i * row).w;
  }
  return ambi_tag_ptr(TAG_EXPR, all);
}

enum Next ambi_step_own_variables(Engine *g) {
  const Code *pc = g->pc;
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  size_t n = ambi_expr_size(ambi_deref(AMB_V(g->e[pc->b])));
  Value own = n ? own_rows(g->cx, n, AMB_V(u->k[pc->c])) : AMB_UNIT;
  if (ambi_is_none(own)) return NEXT_STOP;
  g->e[pc->a] = own.w;
  g->pc++;
  return NEXT_PC;
}

bool ambi_step_check_type(Engine *g, Value v, Value type) {
  v = ambi_deref(v);
  if (ambi_is_number(v)) return type.w == AMB_SYM(T_NUMBER).w;
  if (ambi_is_bool(v)) return type.w == AMB_SYM(T_BOOL).w;
  if (ambi_is_str(v)) return type.w == AMB_SYM(T_STRING).w;
  if (ambi_is_var(v) || ambi_is_unit(v)) return true;
  // What is no value yet may have any type, and operations want these as values.
  if (ambi_is_expr(v) &&
      (type.w == AMB_SYM(T_BOOL).w || type.w == AMB_SYM(T_SPACE).w))
    return false;
  Context *cx = g->cx;
  Value plain = ambi_plain_type(g, v);
  if (cx->stop) return false;
  if (!ambi_is_none(plain)) return ambi_is_unit(plain) || plain.w == type.w;
  TypeVec types = {0};
  bool pass = false, definite = true;
  Word *h = cx->h;
  if (ambi_get_types(cx, cx->space, v, &types)) {
    pass = types.n == 0;
    for (size_t i = 0; i < types.n && !pass; i++) {
      if (types.at[i].is_error)
        definite = false;
      else if (types.at[i].type.w == type.w && i == 0)
        pass = true;
    }
  }
  ambi_types_drop(&types);
  if (!cx->stop) cx->h = h;
  return pass && definite;
}

enum Next ambi_step_check_like(Engine *g, Value v, Value like) {
  Context *cx = g->cx;
  const Code *pc = g->pc;
  TypeVec types = {0};
  ValueVec errors = {0};
  bool pass = true;
  v = ambi_deref(v);  // expressions are not cast
  if (!ambi_is_expr(v) && ambi_get_types(cx, cx->space, like, &types) &&
      types.n)
    pass = types.at[0].is_error ||
           ambi_type_cast(cx, cx->space, v, types.at[0].type, &errors);
  enum Next next = cx->stop ? NEXT_STOP : NEXT_PC;
  if (next == NEXT_PC && pass) {
    g->pc = pc + 1;
  } else if (next == NEXT_PC) {
    g->e[pc->a] = errors.at[0].w;
    if (!ambi_step_edge(g)) next = NEXT_STOP;
  }
  ambi_types_drop(&types);
  ambi_vec_drop(&errors);
  return next;
}

// Goes on with v, or takes the error edge with the first of the errors.
static enum Next cast_or_edge(Engine *g, Value v, Value type) {
  const Code *pc = g->pc;
  ValueVec errors = {0};
  bool pass = ambi_type_cast(g->cx, g->cx->space, v, type, &errors);
  enum Next next = g->cx->stop ? NEXT_STOP : NEXT_PC;
  g->e[pc->a] = v.w;
  g->pc = pc + 1;
  if (next == NEXT_PC && !pass) {
    g->e[pc->a] = errors.at[0].w;
    g->pc = pc;
    if (!ambi_step_edge(g)) next = NEXT_STOP;
  }
  ambi_vec_drop(&errors);
  return next;
}

enum Next ambi_step_cast_result(Engine *g) {
  const Code *pc = g->pc;
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  Value v = ambi_deref(AMB_V(g->e[pc->a]));
  Value type = AMB_V(u->k[pc->b]);
  g->e[pc->a] = v.w;
  if (ambi_is_expr(v) || ambi_is_var(v) || ambi_step_check_type(g, v, type)) {
    g->pc = pc + 1;
    return NEXT_PC;
  }
  ValueVec errors = {0};
  bool pass = ambi_type_cast(g->cx, g->cx->space, v, type, &errors);
  ambi_vec_drop(&errors);
  if (g->cx->stop) return NEXT_STOP;
  if (!pass) return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  g->pc = pc + 1;
  return NEXT_PC;
}

static bool presumable_item(const Engine *g, Value h) {
  if (ambi_is_number(h) || ambi_is_bool(h) || ambi_is_unit(h) || ambi_is_str(h))
    return true;
  return ambi_presumed(g, h);
}

// Marks the list whose first child is h and whose others are `others`.
static void presume(const Engine *g, Value list, Value h, Value others) {
  if (ambi_load_relaxed(&g->code->x_odd_rules) || !ambi_is_ground_expr(list) ||
      !presumable_item(g, h))
    return;
  if (!ambi_is_unit(others) && !ambi_presumed(g, others)) return;
  Word *p = ambi_ptr(list);
  if (ambi_in_heap(g->cx, p)) *p = ambi_hdr_with_spare(*p, AMB_PRESUMED);
}

// Would the list be rigid as a tuple, if its other children `others` are?
static bool rigid_with(const Engine *g, Value list, Value first, Value others) {
  if (ambi_is_var(first) || first.w == AMB_SYM(EMPTY).w ||
      !ambi_is_firm(first) || !ambi_rigid_holds_of(g, list))
    return false;
  return (ambi_is_unit(others) || ambi_is_rigid(others) ||
          ambi_presumed(g, others)) &&
         g->cx->rt->is_data_head(g->cx, first);
}

enum Next ambi_step_decons(Engine *g) {
  const Code *pc = g->pc;
  Value v = ambi_deref(AMB_V(g->e[pc->c]));
  // The parts of an Error, put together again, are one.
  if (!ambi_is_expr(v) || ambi_is_error_atom(v))
    return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  Value rest = ambi_make_tail(g->cx, v, 1);
  if (ambi_is_none(rest)) return NEXT_STOP;
  if (ambi_presumed(g, v) && ambi_is_expr(rest) &&
      presumable_item(g, ambi_deref(ambi_expr_at(rest, 0))))
    *ambi_ptr(rest) = ambi_hdr_with_spare(*ambi_ptr(rest), AMB_PRESUMED);
  Value first = ambi_deref(ambi_expr_at(v, 0));
  if (ambi_is_rigid(v)) {
    if (!ambi_is_var(ambi_expr_at(v, 0)))
      first = ambi_part_of_rigid(first, AMB_EXPR_RIGID);
    if (ambi_is_expr(rest) &&
        rigid_with(g, rest, ambi_deref(ambi_expr_at(rest, 0)), AMB_UNIT))
      rest.w |= AMB_EXPR_RIGID;
  }
  g->e[pc->a] = first.w;
  g->e[pc->b] = rest.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

enum Next ambi_step_cons(Engine *g, Value head, Value tail) {
  const Code *pc = g->pc;
  tail = ambi_deref(tail);
  head = ambi_deref(head);
  // What begins with Error is taken for one by whoever gets it.
  if (!ambi_is_expression(tail) || head.w == AMB_SYM(ERROR).w)
    return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  head = ambi_presume_data(g->cx, head);
  Value v = ambi_make_cons(g->cx, head, tail);
  if (ambi_is_none(v)) return NEXT_STOP;
  presume(g, v, head, tail);
  if (!ambi_presumed(g, v) && rigid_with(g, v, head, tail))
    v.w |= AMB_EXPR_RIGID;
  g->e[pc->a] = v.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

enum Next ambi_step_fork_begin(Engine *g) {
  const Code *pc = g->pc;
  Value v = ambi_deref(AMB_V(g->e[pc->b]));
  if (ambi_is_unit(v)) return NEXT_FAIL;
  if (!ambi_is_expr(v)) return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  static const Code resume[1] = {{.op = OP_I_FORK_NEXT}};
  if (ambi_expr_size(v) > 1) {
    Choice *c = ambi_choice_push(g, resume);
    if (!c) return NEXT_STOP;
    c->aux = v;
    c->cursor = 1;
    c->next = pc;
  }
  g->e[pc->a] = ambi_deref(ambi_expr_at(v, 0)).w;
  g->pc = pc + 1;
  return NEXT_PC;
}

enum Next ambi_step_cast_for_state(Engine *g, Value v, Value state) {
  state = ambi_deref(state);
  if (!ambi_is_state(state)) return NEXT_STOP;
  Value type = ambi_state_type(g->cx, ambi_state_of(state));
  if (ambi_is_none(type)) return NEXT_STOP;
  return cast_or_edge(g, ambi_deref(v), type);
}

// What get-state gives is cast to the type of the state, and of no type known here if it
// is an expression. Another type sends the whole to EVAL.
enum Next ambi_step_cast_of_state(Engine *g, const State *s, Value v) {
  Value type = ambi_is_expr(v) ? AMB_SYM(UNDEFINED) : ambi_state_type(g->cx, s);
  return ambi_is_none(type) ? NEXT_STOP : cast_or_edge(g, v, type);
}

enum Next ambi_step_set_state(Engine *g, Value state, Value v) {
  const Code *pc = g->pc;
  Value args[2] = {ambi_deref(state), ambi_deref(v)};
  if (!ambi_is_state(args[0]) || ambi_is_var(args[1]) ||
      !ambi_state_takes(ambi_state_of(args[0]), args[1]))
    return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  Value same;
  if (!ambi_effect_begins(g)) return NEXT_STOP;
  if (ambi_b_change_state(g->cx, args, 2, &same) != B_OK) return NEXT_STOP;
  g->e[pc->a] = same.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

enum Next ambi_step_arith_slow(Engine *g, Value a, Value b) {
  const Code *pc = g->pc;
  enum Opcode op = pc->op == OP_I_ADDI   ? OP_I_ADD
                   : pc->op == OP_I_SUBI ? OP_I_SUB
                                         : (enum Opcode)pc->op;
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (!ambi_is_number(a) || !ambi_is_number(b))
    return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  Value v = arithmetic(g->cx, op, a, b);
  if (ambi_is_none(v) || g->cx->stop) return NEXT_STOP;
  g->e[pc->a] = v.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

// An operation that has no value for its operands as they stand is left to EVAL,
// which looks at the whole: the edge of the R_STORE behind it, if it has one.
static bool leave_builtin(Engine *g, const Code *after) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  uint32_t to = ambi_unit_edge(u, (uint32_t)(after - u->code));
  if (to == UINT32_MAX) return false;
  ambi_unit_note_rare(u, to);
  g->pc = u->code + to;
  return true;
}

enum Next ambi_step_builtin_call(Engine *g) {
  const Code *pc = g->pc;
  Value small[8];
  Value *args = small;
  unsigned n = pc->b;
  Word *E = g->e;
  if (n > 8 && !(args = ambi_alloc(n * sizeof *args))) {
    g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  for (unsigned i = 0; i < n; i++)
    args[i] = ambi_deref(ambi_source(E, ambi_op_list(pc)[i]));
  const Code *after = pc + ambi_op_words(pc);
  enum CallResult r = ambi_call_builtin(g, pc->c, args, n, after);
  if (args != small) ambi_free(args, n * sizeof *args);
  if (r == CALL_EMPTY) return NEXT_FAIL;
  if (r == CALL_STOP) return NEXT_STOP;
  if (ambi_counts(g) && g->cx->many.n > 1) return ambi_deepen_plainly(g);
  g->e[pc->a] = g->rv.w;
  if (r != CALL_VALUE && leave_builtin(g, after)) return NEXT_PC;
  if (r == CALL_ERROR) return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  g->pc = after + 1;  // over the R_STORE that takes further results
  return NEXT_PC;
}
