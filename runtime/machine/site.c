// Targets of calls through variables: found out at the first call with a head,
// kept in tables that grow until heads in use do not get in each other's way.
#include "runtime/machine/site.h"

#include "memory/alloc.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/guard.h"
#include "runtime/machine/routine.h"
#include "runtime/types/types.h"

enum { SMALLEST_TABLE = 16, LARGEST_TABLE = 1 << 16, MOST_ARGUMENTS = 60 };

// ---- what is known without a table ---------------------------------------------

static const Target nothing = {.kind = TARGET_ODD, .epoch = UINT64_MAX};
static const Target data_target = {.kind = TARGET_DATA};
static const Target term_target = {.kind = TARGET_TERM};

// A table of one place.
static const struct None {  // [init]
  uint32_t mask;
  Variant *shape;
  Targets *next;
  const Target *only;
} none = {.only = &nothing};
_Static_assert(offsetof(struct None, only) == offsetof(Targets, at), "a table");

Targets *ambi_targets_none(void) {
  return (Targets *)(uintptr_t)&none;
}

// ---- tables --------------------------------------------------------------------

static size_t table_bytes(uint32_t size) {
  return sizeof(Targets) + size * sizeof(const Target *);
}

static size_t target_bytes(uint32_t nargs) {
  return sizeof(Target) + nargs * sizeof(Value);
}

static void free_tables(CodeState *cs) {
  while (cs->target_tables) {
    Targets *t = cs->target_tables;
    cs->target_tables = t->next;
    ambi_store_release(&t->shape->targets, ambi_targets_none());
    ambi_free(t, table_bytes(t->mask + 1));
  }
}

void ambi_targets_free(CodeState *cs) {
  free_tables(cs);
  while (cs->targets) {
    Target *t = cs->targets;
    cs->targets = t->next;
    ambi_free(t, target_bytes(t->nargs));
  }
}

// The shapes go, too.
void ambi_targets_leave(CodeState *cs) {
  for (Targets **at = &cs->target_tables, *t; (t = *at) != NULL;) {
    if (!ambi_code_has_left(t->shape->def->space)) {
      at = &t->next;
      continue;
    }
    *at = t->next;
    ambi_free(t, table_bytes(t->mask + 1));
  }
  for (Target **at = &cs->targets, *t; (t = *at) != NULL;) {
    if (!ambi_code_has_left(t->space)) {
      at = &t->next;
      continue;
    }
    *at = t->next;
    ambi_free(t, target_bytes(t->nargs));
  }
}

void ambi_targets_quiesce(CodeState *cs) {
  if (cs->targets && cs->targets->epoch != ambi_code_epoch(cs))
    ambi_targets_free(cs);
}

static bool in_use(const CodeState *cs, const Target *t) {
  return t != &nothing && t->epoch == ambi_code_epoch(cs);
}

// A table of this size with what is in the old one, if all have a place each.
// NULL: they do not, or memory is out.
static Targets *larger_table(CodeState *cs, const Targets *old, uint32_t size,
                             const Target *more) {
  Targets *t = ambi_alloc(table_bytes(size));
  if (!t) return NULL;
  t->mask = size - 1;
  bool apart = true;
  for (uint32_t i = 0; i < size; i++)
    ambi_store_release(&t->at[i], &nothing);
  ambi_store_release(&t->at[ambi_target_index(more->head, t->mask)], more);
  for (uint32_t i = 0; apart && i <= old->mask; i++) {
    const Target *was = ambi_load_relaxed(&old->at[i]);
    if (!in_use(cs, was)) continue;
    uint32_t to = ambi_target_index(was->head, t->mask);
    apart = ambi_load_relaxed(&t->at[to]) == &nothing;
    ambi_store_release(&t->at[to], was);
  }
  if (apart) return t;
  ambi_free(t, table_bytes(size));
  return NULL;
}

// Heads that cannot be told apart take turns; so they do when memory is out.
static void keep(CodeState *cs, Variant *shape, const Target *t) {
  Targets *now = ambi_load_relaxed(&shape->targets), *more = NULL;
  uint32_t at = ambi_target_index(t->head, now->mask);
  const Target *was = ambi_load_relaxed(&now->at[at]);
  if (now != ambi_targets_none() &&
      (!in_use(cs, was) || was->head == t->head)) {
    ambi_store_release(&now->at[at], t);
    return;
  }
  uint32_t size = now->mask + 1;
  if (size < SMALLEST_TABLE) size = SMALLEST_TABLE / 2;
  while (!more && size < LARGEST_TABLE)
    more = larger_table(cs, now, size *= 2, t);
  if (!more) {
    if (now != ambi_targets_none()) ambi_store_release(&now->at[at], t);
    return;
  }
  more->shape = shape;
  more->next = cs->target_tables;
  cs->target_tables = more;
  ambi_store_release(&shape->targets, more);
}

// ---- finding out ------------------------------------------------------------------

static void untyped(Target *t, Variant *v) {
  t->kind = v ? TARGET_CALL : TARGET_DATA;
  t->variant = v;
  for (uint32_t i = 0; i < t->nargs; i++)
    t->param[i] = AMB_SYM(UNDEFINED);
}

// Does such a function's result pass where this type is expected? Like
// ambi_lower_returns, of types that are symbols.
static bool returns(Value r, Value t) {
  bool any = r.w == AMB_SYM(UNDEFINED).w || r.w == AMB_SYM(T_ATOM).w ||
             t.w == AMB_SYM(UNDEFINED).w || t.w == AMB_SYM(T_ATOM).w;
  return any || r.w == t.w;
}

// The types that arguments are checked against. False: only EVAL can do it.
static bool parameters(Target *t, Value ftype) {
  for (uint32_t i = 0; i < t->nargs; i++) {
    Value p = ambi_deref(ambi_expr_at(ftype, i + 1));
    if (ambi_is_var(p)) p = AMB_SYM(UNDEFINED);
    if (!ambi_is_sym(p)) return false;
    if (ambi_is_metatype(p) && p.w != AMB_SYM(T_ATOM).w &&
        p.w != AMB_SYM(T_EXPRESSION).w)
      return false;
    t->param[i] = p;
  }
  return true;
}

// As calls of the shape go on counting choices, so does what they call. v may be NULL.
static Variant *like_shape(CodeState *cs, const Variant *shape, Variant *v) {
  return v && shape->counted ? ambi_variant_counted(cs, v) : v;
}

static bool typed(Engine *g, Target *t, Definition *d, const Variant *shape) {
  Value expected = shape->type;
  Value ftype;
  if (!ambi_simple_function(g->cx, d->space, d->head, t->nargs, &ftype))
    return !g->cx->stop;
  Value r = ambi_deref(ambi_expr_at(ftype, t->nargs + 1));
  if (r.w == AMB_SYM(T_EXPRESSION).w && expected.w == AMB_SYM(UNDEFINED).w)
    r = AMB_SYM(UNDEFINED);
  if (ambi_is_var(r)) r = expected;
  if (!ambi_info_of(d).has_rules || !ambi_is_sym(r) || !returns(r, expected) ||
      !parameters(t, ftype))
    return true;
  t->variant = shape->same ? ambi_variant_same(g->code, d, r)
                           : ambi_variant(g->code, d, r);
  t->variant = like_shape(g->code, shape, t->variant);
  if (!t->variant) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  t->kind = TARGET_TYPED;
  return true;
}

// An operation is applied here if it may be done twice and its result is a value.
// Type variables that link two places: see like.
static bool operation(Engine *g, Target *t, Value expected) {
  const Builtin *b = ambi_builtin(g->cx->rt, ambi_op_of(AMB_V(t->head)));
  Value ftype;
  if (b->flags != F_DET || b->effects != E_PURE || !*b->type) return true;
  if (!ambi_simple_function(g->cx, g->cx->space, AMB_V(t->head), t->nargs,
                            &ftype))
    return !g->cx->stop;
  Value r = ambi_deref(ambi_expr_at(ftype, t->nargs + 1)), link = AMB_NONE;
  if (!ambi_is_sym(r) || ambi_is_metatype(r) || r.w == AMB_SYM(UNDEFINED).w ||
      !returns(r, expected) || !parameters(t, ftype))
    return true;
  for (uint32_t i = 0; i < t->nargs; i++) {
    Value p = ambi_deref(ambi_expr_at(ftype, i + 1));
    if (!ambi_is_var(p)) continue;
    if (!ambi_is_none(link) && link.w != p.w) return true;
    link = p;
    t->param[i] = AMB_UNIT;
  }
  t->kind = TARGET_APPLY;
  return true;
}

static bool function(Engine *g, Target *t, const Variant *shape) {
  Context *cx = g->cx;
  Value head = AMB_V(t->head);
  if (head.w == AMB_SYM(EMPTY).w || head.w == AMB_SYM(ERROR).w ||
      ambi_is_instruction_symbol(ambi_sym_of(head)))
    return true;
  if (cx->rt->is_data_head(cx, head)) {
    untyped(t, NULL);
    return true;
  }
  Definition *d = ambi_definition(g->code, cx->space, head, t->nargs);
  if (!d) cx->stop = STOP_MEMORY;
  if (!d || !ambi_definition_ask(cx, d)) return false;
  DefinitionInfo info = ambi_info_of(d);
  if (info.dynamic) return true;
  if (!info.untyped) return typed(g, t, d, shape);
  Variant *v = NULL;
  if (info.has_rules)
    v = shape->same ? ambi_variant_same(g->code, d, shape->type)
                    : ambi_variant(g->code, d, shape->type);
  v = like_shape(g->code, shape, v);
  if (info.has_rules && !v) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  untyped(t, v);
  return true;
}

static const Target *find_out(Engine *g, Variant *shape, Value head) {
  CodeState *cs = g->code;
  uint32_t n = shape->def->nargs;
  Target *t = ambi_alloc(target_bytes(n));
  if (!t) {
    g->cx->stop = STOP_MEMORY;
    return NULL;
  }
  *t = (Target){.head = head.w,
                .kind = TARGET_ODD,
                .nargs = n,
                .space = shape->def->space};
  t->next = cs->targets;
  cs->targets = t;
  Word *h = g->cx->h;
  bool ok =
      ambi_is_op(head) ? operation(g, t, shape->type) : function(g, t, shape);
  if (!ok || g->cx->stop) return NULL;
  g->cx->h = h;
  t->epoch = ambi_code_epoch(cs);
  keep(cs, shape, t);
  return t;
}

// Another evaluator may have been first.
static const Target *learn(Engine *g, Variant *shape, Value head) {
  Runtime *rt = g->cx->rt;
  ambi_guard(rt);
  const Target *t = ambi_target_seen(shape, head);
  if (!ambi_together(rt) || !ambi_target_holds(g, t, head))
    t = find_out(g, shape, head);
  ambi_unguard(rt);
  return t;
}

// ---- heads that are expressions ---------------------------------------------------

// A function without a name is its own value; what else there is has been evaluated.
static bool is_called(Engine *g, const Variant *shape, Value head) {
  uint32_t n = shape->def->nargs;
  if (ambi_is_lambda_term(head))
    return ambi_lambdas_are_plain(g->cx, g->cx->space, n);
  if (shape->type.w != AMB_SYM(UNDEFINED).w || !ambi_source_ready(g, &head))
    return false;
  Definition *d = ambi_applied_info(g, head, n);
  return d && ambi_info_of(d).has_rules;
}

// What a call of this head enters, and the arguments before those of the call. NULL: only
// EVAL can do it, or cx->stop.
static Variant *entered(Engine *g, Value head, uint32_t n, const Variant *shape,
                        Value *args, uint32_t *before) {
  Value any = AMB_SYM(UNDEFINED);
  Definition *d;
  if (ambi_is_lambda_term(head)) {
    const Lambda *f = ambi_lambda_find(g->cx, head, n, args);
    if (!f) return NULL;
    d = ambi_lambda_definition(g->code, g->cx->space, f);
    *before = f->ncaptured;
  } else {
    if (!ambi_source_ready(g, &head)) return NULL;
    d = ambi_applied_info(g, head, n);
    args[0] = head;
    *before = 1;
  }
  if (!d || !ambi_definition_ask(g->cx, d)) return NULL;
  Variant *v = shape->same ? ambi_variant_same(g->code, d, any)
                           : ambi_variant(g->code, d, any);
  v = like_shape(g->code, shape, v);
  if (!v) g->cx->stop = STOP_MEMORY;
  return v;
}

// The frame of the callee, in place of this one or on top of it.
static bool enter_frame(Engine *g, Variant *v, const Value *args,
                        const Code *ret) {
  const Code *pc = g->pc;
  Unit *u = ambi_unit_of(v);
  uint32_t n = v->def->nargs;
  if (ambi_ops[pc->op].flags & F_END) {
    if (!ambi_frame_replace(g, u)) return false;
  } else {
    if (pc->a != NO_SLOT) g->e[pc->a] = ambi_position(g->b).w;
    if (!ambi_frame_push(g, u, ret)) return false;
  }
  if (!ambi_frame_room(g, g->e + n)) return false;
  for (uint32_t i = 0; i < n; i++)
    g->e[i] = args[i].w;
  g->e[FRAME_MARK] = (Word)(uintptr_t)v;
  g->budget--;
  return true;
}

// When it is time to look at the limits, EVAL does that.
enum Next ambi_target_enter(Engine *g, const Code *ret) {
  const Code *pc = g->pc;
  const Variant *shape =
      (const Variant *)(uintptr_t)((const Unit *)(uintptr_t)g->e[FRAME_UNIT])
          ->k[pc->c];
  const uint16_t *src = ambi_op_list(pc) + 1;
  Value args[LAMBDA_CAPTURES + MOST_ARGUMENTS];
  uint32_t n = pc->b - 1u, before = 0;
  Value head = ambi_deref(ambi_source(g->e, src[0]));
  Variant *v = g->budget < 0 ? NULL : entered(g, head, n, shape, args, &before);
  for (uint32_t i = 0; v && i < n; i++) {
    args[before + i] = ambi_source(g->e, src[1 + i]);
    if (!ambi_source_ready(g, &args[before + i])) v = NULL;
  }
  if (g->cx->stop) return NEXT_STOP;
  if (!v) return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  return enter_frame(g, v, args, ret) ? NEXT_PC : NEXT_STOP;
}

// ---- finding out, again -----------------------------------------------------------

const Target *ambi_target_data(void) {
  return &data_target;
}

const Target *ambi_target_find(Engine *g, Variant *shape, Value head) {
  head = ambi_deref(head);
  AMB_ASSERT(shape->def->space == g->cx->space);
  const Target *t = ambi_target_seen(shape, head);
  if (ambi_target_holds(g, t, head)) return t;
  if (g->max_depth || shape->def->nargs > MOST_ARGUMENTS) return &nothing;
  if (ambi_is_sym(head) || ambi_is_op(head)) return learn(g, shape, head);
  if (ambi_is_expr(head) && is_called(g, shape, head)) return &term_target;
  if (g->cx->stop) return NULL;
  if (ambi_is_var(head) || !g->cx->rt->is_data_head(g->cx, head))
    return &nothing;
  return &data_target;
}

// ---- arguments -----------------------------------------------------------------

bool ambi_target_accepts(Engine *g, Value type, bool given, Value *v) {
  Value d = ambi_deref(*v);
  if (type.w == AMB_SYM(T_ATOM).w) return given;
  if (type.w == AMB_SYM(T_EXPRESSION).w) return given && ambi_is_expression(d);
  if (type.w == AMB_SYM(T_NUMBER).w) {
    *v = d;
    return ambi_is_number(d);
  }
  if (!ambi_source_ready(g, v)) return false;
  return type.w == AMB_SYM(UNDEFINED).w || ambi_step_check_type(g, *v, type);
}

// Values of one kind have one type, so a type variable may stand for it.
static bool like(const Value *args, const Target *t) {
  int kind = 0;
  for (uint32_t i = 0; i < t->nargs; i++) {
    if (t->param[i].w != AMB_UNIT.w) continue;
    int k = ambi_value_kind(args[i]);
    if (k == 0 || (kind && k != kind)) return false;
    kind = k;
  }
  return true;
}

static bool takes_int(Value type) {
  return type.w == AMB_SYM(T_NUMBER).w || type.w == AMB_SYM(UNDEFINED).w ||
         type.w == AMB_UNIT.w;
}

// src: sources of the arguments.
static bool take_arguments(Engine *g, const Target *t, const uint16_t *src,
                           Value *args) {
  for (uint32_t i = 0; i < t->nargs; i++) {
    args[i] = ambi_source(g->e, src[i]);
    if (ambi_is_int(args[i]) && takes_int(t->param[i])) continue;
    Value p = ambi_is_unit(t->param[i]) ? AMB_SYM(UNDEFINED) : t->param[i];
    if (!ambi_target_accepts(g, p, (src[i] & SRC_CHECK) != 0, &args[i]))
      return false;
    args[i] = ambi_deref(args[i]);
  }
  return like(args, t);
}

// What is declared to give an Atom has that as its type, which fits in some places
// only. Tuples of what has types have a type; headed by a symbol that is data, none.
bool ambi_target_passes(Engine *g, const Target *t) {
  Value args[MOST_ARGUMENTS];
  if (g->cx->stop || t->kind == TARGET_ODD) return false;
  if (g->pc->a) return true;
  if (t->kind == TARGET_TERM) return false;
  if (t->kind == TARGET_DATA) return ambi_is_sym(AMB_V(t->head));
  bool atom =
      t->kind == TARGET_TYPED && t->variant->type.w == AMB_SYM(T_ATOM).w;
  return !atom && g->pc->b == t->nargs + 1 &&
         take_arguments(g, t, ambi_op_list(g->pc) + 1, args);
}

// Most of what is passed on is arithmetic. (): it is something else.
static Value computed(Context *cx, uint32_t op, Value a, Value b) {
  bool small = ambi_is_int(a) && ambi_is_int(b);
  int64_t x = small ? ambi_int_of(a) : 0, y = small ? ambi_int_of(b) : 0;
  switch (op) {
  case OP_ADD:
    return small && ambi_int_fits(x + y) ? ambi_small_int(x + y)
                                         : ambi_num_add(cx, a, b);
  case OP_SUB:
    return small && ambi_int_fits(x - y) ? ambi_small_int(x - y)
                                         : ambi_num_sub(cx, a, b);
  case OP_MUL: return ambi_num_mul(cx, a, b);
  case OP_LT: return ambi_bool(small ? x < y : ambi_num_cmp(a, b) == -1);
  case OP_GT: return ambi_bool(small ? x > y : ambi_num_cmp(a, b) == 1);
  default: return AMB_UNIT;
  }
}

static enum CallResult apply(Engine *g, const Target *t, const Value *args) {
  uint32_t op = ambi_op_of(AMB_V(t->head));
  g->rv = AMB_UNIT;
  if (t->nargs == 2 && ambi_is_number(args[0]) && ambi_is_number(args[1]))
    g->rv = computed(g->cx, op, args[0], args[1]);
  if (ambi_is_none(g->rv) || g->cx->stop) return CALL_STOP;
  if (!ambi_is_unit(g->rv)) return CALL_VALUE;
  return ambi_call_builtin(g, op, args, t->nargs, g->pc);
}

enum Next ambi_target_apply(Engine *g, const Target *t) {
  const Code *pc = g->pc;
  Value args[MOST_ARGUMENTS];
  bool fits = take_arguments(g, t, ambi_op_list(pc) + 2, args);
  if (g->cx->stop) return NEXT_STOP;
  enum CallResult r = fits ? apply(g, t, args) : CALL_DATA;
  if (r == CALL_STOP) return NEXT_STOP;
  if (r != CALL_VALUE) return ambi_step_edge(g) ? NEXT_PC : NEXT_STOP;
  if (ambi_ops[pc->op].flags & F_END) return NEXT_RET;
  if (pc->a != NO_SLOT) g->e[pc->a] = ambi_position(g->b).w;
  g->pc = pc + ambi_op_words(pc);
  return NEXT_PC;
}
