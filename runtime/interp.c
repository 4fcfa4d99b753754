// Tier 1's loop: one label per instruction, registers in locals.
//
// E (frame), B (newest choice record), h (heap top) and pc are locals; SAVE
// writes them back before a helper runs, LOAD takes them again. An instruction
// whose fast case does not hold takes its error edge (a table of the unit, so
// the fast path pays nothing) or calls a helper.
#include "runtime/routine.h"

#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/eval.h"
#include "runtime/number.h"
#include "runtime/types.h"

#define UNIT()   ((const Unit *)(uintptr_t)E[FRAME_UNIT])
#define KONST(i) (UNIT()->k[i])
#define SOURCE(x)                                        \
  (AMB_LIKELY((x) < SRC_CHECK)                           \
       ? AMB_V(E[x])                                     \
       : ((x) >= SRC_CONST ? AMB_V(KONST((x)-SRC_CONST)) \
                           : AMB_V(E[(x) & (SRC_CHECK - 1)])))
#define SAVE() (g->e = E, g->b = B, g->pc = pc, g->rv = rv, cx->h = h)
#define LOAD() (E = g->e, B = g->b, pc = g->pc, rv = g->rv, h = cx->h)
#ifdef AMB_DEBUG
#define NEXT() goto *labels[(g->code->executed[pc->op] = true, pc->op)]
#else
#define NEXT() goto *labels[pc->op]
#endif
#define STEP(n) \
  do {          \
    pc += (n);  \
    NEXT();     \
  } while (0)
#define JUMP(l)         \
  do {                  \
    pc += (int16_t)(l); \
    NEXT();             \
  } while (0)
#define EDGE()                    \
  do {                            \
    SAVE();                       \
    if (!take_edge(g)) goto stop; \
    pc = g->pc;                   \
    NEXT();                       \
  } while (0)
#define AFTER(call)                    \
  do {                                 \
    SAVE();                            \
    enum Next next_ = (call);          \
    LOAD();                            \
    if (next_ == NEXT_PC) NEXT();      \
    if (next_ == NEXT_FAIL) goto fail; \
    if (next_ == NEXT_RET) goto ret;   \
    goto stop;                         \
  } while (0)
#define ALLOC(p, n)                                           \
  do {                                                        \
    (p) = h;                                                  \
    if (AMB_UNLIKELY((size_t)(cx->hend - h) < (size_t)(n))) { \
      SAVE();                                                 \
      (p) = ambi_heap_more(cx, (n));                          \
      h = cx->h;                                              \
      ambi_engine_hurry(g);                                   \
      if (!(p)) goto stop;                                    \
    } else                                                    \
      h += (n);                                               \
  } while (0)

static inline bool is_error(Value v) {
  return ambi_is_expr(v) && ambi_expr_items(v)[0].w == AMB_SYM(ERROR).w;
}

static bool take_edge(Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  uint32_t to = ambi_unit_edge(u, (uint32_t)(g->pc - u->code));
  if (to == UINT32_MAX) {
    g->cx->stop = STOP_INTERNAL;
    return false;
  }
  g->pc = u->code + to;
  return true;
}

// Lists put together by cons-atom whose children are no symbols: presumed to be
// their own value as long as every rule is about calls headed by a symbol.
enum { PRESUMED = 1 };
static inline bool presumed(const Engine *g, Value v) {
  return ambi_is_expr(v) && ambi_is_ground_expr(v) &&
         ambi_hdr_spare(*ambi_ptr(v)) == PRESUMED && !g->code->odd_rules;
}

static bool presumable_item(const Engine *g, Value h) {
  if (ambi_is_number(h) || ambi_is_bool(h) || ambi_is_unit(h) || ambi_is_str(h))
    return true;
  return presumed(g, h);
}

// Marks the list whose first child is h and whose others are `others`.
static void presume(const Engine *g, Value list, Value h, Value others) {
  if (g->code->odd_rules || !ambi_is_ground_expr(list) ||
      !presumable_item(g, h))
    return;
  if (!ambi_is_unit(others) && !presumed(g, others)) return;
  Word *p = ambi_ptr(list);
  if (ambi_in_heap(g->cx, p)) *p = ambi_hdr_with_spare(*p, PRESUMED);
}

static inline bool rigid_holds(const Engine *g) {
  return !g->cx->loose && g->rigid_epoch == g->code->epoch;
}

// A checked source: may the value be passed as a member of an evaluated tuple?
static inline bool source_ready(const Engine *g, Value *v) {
  *v = ambi_deref(*v);
  if (ambi_is_expr(*v)) {
    if ((v->w & AMB_EXPR_RIGID) && rigid_holds(g)) return true;
    if (presumed(g, *v)) return true;
    return (v->w & (AMB_EXPR_EVAL | AMB_EXPR_GROUND)) ==
               (AMB_EXPR_EVAL | AMB_EXPR_GROUND) &&
           !is_error(*v);
    return v->w != AMB_SYM(EMPTY).w;
  }
  return v->w != AMB_SYM(EMPTY).w;
}

static bool compare(enum Opcode op, Value a, Value b, bool *known) {
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

// More frames on the way to the form's than allowed? Walked only when the stack
// is large enough for that.
static bool too_deep(const Engine *g) {
  uint64_t n = 0;
  if ((uint64_t)(g->e - g->stack) / FRAME_HEADER < g->cx->limits.depth)
    return false;
  for (const Word *e = g->e; n <= g->cx->limits.depth; n++) {
    const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
    if (prev == e) return false;
    e = prev;
  }
  return true;
}

// Looks at limits and collects when wanted. The frame at e has `args` live
// slots. False: stop.
static bool poll(Engine *g, size_t args) {
  Context *cx = g->cx;
  ambi_engine_count(g);
  if (args != SIZE_MAX) g->rv = AMB_UNIT;  // dead there, and perhaps stale
  if (!ambi_limits_poll(cx)) return false;
  if (cx->limits.depth && too_deep(g)) {
    cx->stop = STOP_DEPTH;
    return false;
  }
  uint64_t grant = AMB_POLL_STEPS;
  uint64_t left = cx->limits.steps - cx->limits.steps_used;
  if (cx->limits.steps && left < grant) grant = left;
  g->granted = g->budget = (int64_t)grant;
  if ((size_t)(cx->h - cx->hbase) + g->adopted_words > g->heap_soft)
    return ambi_collect(g, args);
  return true;
}

bool ambi_stack_more(Engine *g, Word *need) {
  size_t bytes = (size_t)((char *)need - g->stack_range.base) + (1 << 16);
  if (g->cx->limits.memory && bytes > g->cx->limits.memory) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  if (bytes > g->stack_range.committed &&
      !ambi_range_commit(&g->stack_range, bytes + bytes / 2) &&
      !ambi_range_commit(&g->stack_range, bytes)) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  g->stack_end =
      (Word *)(void *)(g->stack_range.base + g->stack_range.committed) - 256;
  return true;
}

enum { MAX_ENV = 256 };

static bool env_load(const Word *e, const Code *list, unsigned n, Value *env) {
  const uint16_t *slot = list->half;
  for (unsigned i = 0; i < n; i++)
    env[i] = slot[i] & ENV_NEW ? AMB_NONE : AMB_V(e[slot[i]]);
  return true;
}

static void env_store(Word *e, const Code *list, unsigned n, const Value *env) {
  const uint16_t *slot = list->half;
  for (unsigned i = 0; i < n; i++)
    if (slot[i] & ENV_NEW) e[slot[i] & ~ENV_NEW] = env[i].w;
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

static bool unify_env(Engine *g, const Code *pc, Value v) {
  Value env[MAX_ENV];
  Word *e = g->e;
  const Unit *u = (const Unit *)(uintptr_t)e[FRAME_UNIT];
  const Template *t = (const Template *)(uintptr_t)u->k[pc->c];
  env_load(e, pc + 1, pc->b, env);
  if (!ambi_unify_template(g->cx, v, t->atom, t, env)) return false;
  if (!env_fill(g->cx, t, pc->b, env, u->form)) return false;
  env_store(e, pc + 1, pc->b, env);
  return true;
}

static bool instance_env(Engine *g, const Code *pc) {
  Value env[MAX_ENV];
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  const Template *t = (const Template *)(uintptr_t)u->k[pc->c];
  env_load(g->e, pc + 1, pc->b, env);
  Value v = ambi_instantiate(g->cx, t, env, u->form);
  if (ambi_is_none(v)) return false;
  env_store(g->e, pc + 1, pc->b, env);
  g->e[pc->a] = v.w;
  return true;
}

static const SwitchCase *find_case(const Switch *s, Word key) {
  if (s->n <= 8) {
    for (uint32_t i = 0; i < s->n; i++)
      if (s->cases[i].key == key) return &s->cases[i];
    return NULL;
  }
  uint32_t lo = 0, hi = s->n;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (s->cases[mid].key < key)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < s->n && s->cases[lo].key == key ? &s->cases[lo] : NULL;
}

// Makes a value that is no variable of its own out of a returned variable.
static enum Next eval_value(Engine *g, bool tuple) {
  const Code *pc = g->pc;
  Value v = ambi_deref(AMB_V(g->e[pc->b]));
  if (ambi_is_expr(v)) {
    if (presumed(g, v)) {
      g->e[pc->a] = v.w;
      g->pc = pc + 2;
      return NEXT_PC;
    }
    bool rigid = false;
    if ((v.w & AMB_EXPR_RIGID) && rigid_holds(g))
      rigid = true;
    else if (!ambi_is_inert(g, v, &rigid, SIZE_MAX) &&
             !((v.w & AMB_EXPR_EVAL) && ambi_mark_holds(v))) {
      if (g->cx->stop) return NEXT_STOP;
      g->e[pc->c] = ambi_position(g->b).w;
      return ambi_eval_push(g, v, AMB_SYM(UNDEFINED), pc + 1);
    }
    v = ambi_mark_eval(v);
    if (rigid) v.w |= AMB_EXPR_RIGID;
    if (tuple && is_error(v)) {
      g->e[pc->a] = v.w;
      return take_edge(g) ? NEXT_PC : NEXT_STOP;
    }
  } else if (tuple && v.w == AMB_SYM(EMPTY).w) {
    return NEXT_FAIL;
  }
  g->e[pc->a] = v.w;
  g->pc = pc + 2;
  return NEXT_PC;
}

static bool check_type(Engine *g, Value v, Value type) {
  v = ambi_deref(v);
  if (ambi_is_number(v)) return type.w == AMB_SYM(T_NUMBER).w;
  if (ambi_is_bool(v)) return type.w == AMB_SYM(T_BOOL).w;
  if (ambi_is_str(v)) return type.w == AMB_SYM(T_STRING).w;
  if (ambi_is_var(v) || ambi_is_unit(v)) return true;
  TypeVec types = {0};
  Context *cx = g->cx;
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

// v is the value of a body; true: it passes as type t with nothing to do.
static inline bool body_value_ready(Value v, Value t) {
  if (ambi_is_expr(v))
    return (v.w & (AMB_EXPR_EVAL | AMB_EXPR_GROUND)) ==
           (AMB_EXPR_EVAL | AMB_EXPR_GROUND);
  if (ambi_is_sym(v))
    return t.w == AMB_SYM(UNDEFINED).w && v.w != AMB_SYM(EMPTY).w &&
           v.w != AMB_SYM(NOT_REDUCIBLE).w;
  if (t.w == AMB_SYM(UNDEFINED).w) return true;
  if (ambi_is_number(v)) return t.w == AMB_SYM(T_NUMBER).w;
  if (ambi_is_bool(v)) return t.w == AMB_SYM(T_BOOL).w;
  return false;
}

static enum Next first_call(Engine *g) {
  Unit *stub = (Unit *)(uintptr_t)g->e[FRAME_UNIT];
  (void)stub;
  Variant *v = (Variant *)(uintptr_t)g->e[FRAME_MARK];
  Unit *u = v->unit;
  if (u == g->code->lower_unit) {
    g->e[FRAME_MARK] = 0;
    u = ambi_lower_variant(g->cx, v);
    if (!u) return NEXT_STOP;
    v->unit = u;
  }
  g->e[FRAME_MARK] = 0;
  g->e[FRAME_UNIT] = (Word)(uintptr_t)u;
  if (g->e + u->nslots > g->stack_end && !ambi_stack_more(g, g->e + u->nslots))
    return NEXT_STOP;
  g->pc = u->code;
  return NEXT_PC;
}

static enum Next once_end(Engine *g) {
  const Code *pc = g->pc;
  Choice *at = ambi_position_choice(AMB_V(g->e[pc->b]));
  bool error = is_error(AMB_V(g->e[pc->a]));
  bool saved = g->b > at && ambi_results_wait(at + 1);
  if (!error || (g->b <= at + 1 && !saved)) {
    if (g->b > at) ambi_choice_cut(g, at + 1);
    g->pc = pc + 1;
    return NEXT_PC;
  }
  static const Code fail_code[1] = {{.op = OP_I_ONCE_FAIL}};
  if (at[1].resume->op == OP_I_ONCE_FAIL) at[1].resume = fail_code;
  return ambi_position_end(g, pc->b, pc->a, true, true, pc, pc);
}

static enum Next case_end(Engine *g) {
  const Code *pc = g->pc;
  Choice *at = ambi_position_choice(AMB_V(g->e[pc->b]));
  if (g->b <= at || (g->b == at + 1 && !ambi_results_wait(at + 1))) {
    if (g->b == at + 1) ambi_choice_cut(g, at + 1);
    g->pc = pc + 1;
    return NEXT_PC;
  }
  static const Code fail_code[1] = {{.op = OP_I_ONCE_FAIL}};
  if (!ambi_results_wait(at + 1) && !at[1].hook) at[1].resume = fail_code;
  return ambi_position_end(g, pc->b, pc->a, false, is_error(AMB_V(g->e[pc->a])),
                           pc + 1, pc + 1);
}

// Unbinds again when the terms do not unify, whatever the newest record says.
static bool unify_or_undo(Engine *g, const Code *pc, Value v) {
  Context *cx = g->cx;
  Word *hb = cx->hb;
  size_t mark = cx->tr;
  cx->hb = (Word *)UINTPTR_MAX;
  bool ok = unify_env(g, pc, v);
  cx->hb = hb;
  if (!ok) ambi_trail_undo(cx, mark);
  return ok;
}

static enum Next top_result(Engine *g) {
  Value v = g->rv;
  if (v.w == AMB_SYM(EMPTY).w && g->top_hook->with_bindings) return NEXT_FAIL;
  if (!ambi_collector_add(g, g->top_hook, g->choices, v, is_error(v)))
    return NEXT_STOP;
  if (g->cx->limits.answers && g->top_hook->nvalues >= g->cx->limits.answers) {
    g->cx->stop = STOP_ANSWERS;
    return NEXT_STOP;
  }
  return NEXT_FAIL;
}

static enum Next collect_end(Engine *g) {
  Hook *h = g->b->hook;
  Value v = ambi_collector_expr(g, h);
  if (ambi_is_none(v)) return NEXT_STOP;
  uint16_t dst = g->pc->a;
  ambi_choice_cut(g, g->b);
  g->e[dst] = v.w;
  g->pc++;
  return NEXT_PC;
}

static bool collect_begin(Engine *g, const Code *resume) {
  g->e[g->pc->a] = ambi_position(g->b).w;
  Hook *hook = ambi_hook_new(g, HOOK_COLLECT);
  Choice *c = hook ? ambi_choice_push(g, resume) : NULL;
  if (!c) {
    ambi_hook_free(hook);
    return false;
  }
  c->hook = hook;
  return true;
}

static enum Next collect_add(Engine *g) {
  Choice *barrier = ambi_position_choice(AMB_V(g->e[g->pc->b])) + 1;
  Value v = AMB_V(g->e[g->pc->a]);
  Hook *h = barrier->hook;
  while (h->kind != HOOK_COLLECT)
    h = h->old;
  return ambi_collector_add(g, h, barrier, v, is_error(v)) ? NEXT_FAIL
                                                           : NEXT_STOP;
}

static enum Next builtin_call(Engine *g) {
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
    args[i] = ambi_deref(SOURCE(pc[1].half[i]));
  const Code *after = pc + ambi_op_words(pc);
  enum CallResult r = ambi_call_builtin(g, pc->c, args, n, after);
  if (args != small) ambi_free(args, n * sizeof *args);
  if (r == CALL_EMPTY) return NEXT_FAIL;
  if (r == CALL_STOP) return NEXT_STOP;
  g->e[pc->a] = g->rv.w;
  if (r == CALL_ERROR) return take_edge(g) ? NEXT_PC : NEXT_STOP;
  g->pc = after + 1;  // over the R_STORE that takes further results
  return NEXT_PC;
}

static enum Next fork_begin(Engine *g) {
  const Code *pc = g->pc;
  Value v = ambi_deref(AMB_V(g->e[pc->b]));
  if (ambi_is_unit(v)) return NEXT_FAIL;
  if (!ambi_is_expr(v)) return take_edge(g) ? NEXT_PC : NEXT_STOP;
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

static enum Next fork_next(Engine *g) {
  Choice *c = g->b;
  const Code *pc = c->next;
  uint64_t i = c->cursor++;
  Value v = ambi_expr_at(c->aux, (uint32_t)i);
  if (i + 1 == ambi_expr_size(c->aux)) {
    g->b = c - 1;
    g->cx->hb = g->b->h;
  }
  g->e[pc->a] = ambi_deref(v).w;
  g->pc = pc + 1;
  return NEXT_PC;
}

static enum Next decons(Engine *g) {
  const Code *pc = g->pc;
  Value v = ambi_deref(AMB_V(g->e[pc->c]));
  if (!ambi_is_expr(v)) return take_edge(g) ? NEXT_PC : NEXT_STOP;
  Value rest = ambi_make_tail(g->cx, v, 1);
  if (ambi_is_none(rest)) return NEXT_STOP;
  if (presumed(g, v) && ambi_is_expr(rest) &&
      presumable_item(g, ambi_deref(ambi_expr_at(rest, 0))))
    *ambi_ptr(rest) = ambi_hdr_with_spare(*ambi_ptr(rest), PRESUMED);
  g->e[pc->a] = ambi_deref(ambi_expr_at(v, 0)).w;
  g->e[pc->b] = rest.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

static enum Next cons(Engine *g, Value head, Value tail) {
  const Code *pc = g->pc;
  tail = ambi_deref(tail);
  if (!ambi_is_expression(tail)) return take_edge(g) ? NEXT_PC : NEXT_STOP;
  head = ambi_deref(head);
  Value v = ambi_make_cons(g->cx, head, tail);
  if (ambi_is_none(v)) return NEXT_STOP;
  presume(g, v, head, tail);
  g->e[pc->a] = v.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

static enum Next new_variable(Engine *g, Word vinfo) {
  Value v = ambi_make_var(g->cx, ambi_vinfo_name(vinfo), ambi_vinfo_id(vinfo));
  if (ambi_is_none(v)) return NEXT_STOP;
  g->e[g->pc->a] = v.w;
  g->pc++;
  return NEXT_PC;
}

static enum Next same_value(Engine *g, Value a, Value b) {
  const Code *pc = g->pc;
  a = ambi_deref(a);
  b = ambi_deref(b);
  bool ground = !ambi_is_var(a) && !ambi_is_var(b) &&
                (!ambi_is_expr(a) || ambi_is_ground_expr(a)) &&
                (!ambi_is_expr(b) || ambi_is_ground_expr(b));
  if (!ground)
    g->pc = pc + (int16_t)pc[1].b;
  else
    g->pc = ambi_equal(a, b) ? pc + 2 : pc + (int16_t)pc->c;
  return NEXT_PC;
}

static enum Next cast_result(Engine *g) {
  const Code *pc = g->pc;
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  Value v = ambi_deref(AMB_V(g->e[pc->a]));
  Value type = AMB_V(u->k[pc->b]);
  g->e[pc->a] = v.w;
  if (ambi_is_expr(v) || ambi_is_var(v) || check_type(g, v, type)) {
    g->pc = pc + 1;
    return NEXT_PC;
  }
  ValueVec errors = {0};
  bool pass = ambi_type_cast(g->cx, g->cx->space, v, type, &errors);
  enum Next next = g->cx->stop ? NEXT_STOP : NEXT_PC;
  g->pc = pc + 1;
  if (next == NEXT_PC && !pass) {
    g->e[pc->a] = errors.at[0].w;
    g->pc = pc;
    if (!take_edge(g)) next = NEXT_STOP;
  }
  ambi_vec_drop(&errors);
  return next;
}

// Does a value pass as the type a state has, without asking the type checker?
static bool state_takes(const State *st, Value v) {
  Value t = st->type.atom;
  if (ambi_is_lvar(t) || t.w == AMB_SYM(UNDEFINED).w) return true;
  if (ambi_is_number(v)) return t.w == AMB_SYM(T_NUMBER).w;
  if (ambi_is_bool(v)) return t.w == AMB_SYM(T_BOOL).w;
  return ambi_is_str(v) && t.w == AMB_SYM(T_STRING).w;
}

static enum Next set_state(Engine *g, Value state, Value v) {
  const Code *pc = g->pc;
  Value args[2] = {ambi_deref(state), ambi_deref(v)};
  if (!ambi_is_state(args[0]) || ambi_is_var(args[1]) ||
      !state_takes((const State *)(const void *)ambi_cell(args[0]), args[1]))
    return take_edge(g) ? NEXT_PC : NEXT_STOP;
  if (ambi_call_builtin(g, OP_CHANGE_STATE, args, 2, pc) != CALL_VALUE)
    return NEXT_STOP;
  g->e[pc->a] = args[0].w;
  g->pc = pc + 1;
  return NEXT_PC;
}

static enum Next arith_slow(Engine *g, Value a, Value b) {
  const Code *pc = g->pc;
  enum Opcode op = pc->op == OP_I_ADDI   ? OP_I_ADD
                   : pc->op == OP_I_SUBI ? OP_I_SUB
                                         : (enum Opcode)pc->op;
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (!ambi_is_number(a) || !ambi_is_number(b))
    return take_edge(g) ? NEXT_PC : NEXT_STOP;
  Value v = arithmetic(g->cx, op, a, b);
  if (ambi_is_none(v) || g->cx->stop) return NEXT_STOP;
  g->e[pc->a] = v.w;
  g->pc = pc + 1;
  return NEXT_PC;
}

// The loop proper. A label's work that takes more than a few lines stands in a
// function above.
enum AmbStop ambi_interp_run(Engine *g) {
  static const void *const labels[] = {
#define OP(name, operands, flags, text) &&do_##name,
#include "runtime/opcodes.def"
  };
  Context *const cx = g->cx;
  Word *E;
  Choice *B;
  Word *h;
  const Code *pc;
  Value rv = AMB_UNIT;
  LOAD();
  NEXT();

ret:
  pc = (const Code *)(uintptr_t)E[FRAME_RET];
  E = (Word *)(uintptr_t)E[FRAME_PREV];
  NEXT();

fail:
  ambi_trail_undo(cx, B->tr);
  h = B->h;
  E = B->e;
  cx->space = B->s;
  pc = B->resume;
  NEXT();

stop:
  SAVE();
  return cx->stop ? cx->stop : STOP_INTERNAL;

do_NOP:
  STEP(1);
do_MOVE:
  E[pc->a] = SOURCE(pc->b).w;
  STEP(1);
do_FRESH:
  AFTER(new_variable(g, KONST(pc->b)));
do_INST:
  SAVE();
  if (!instance_env(g, pc)) goto stop;
  h = cx->h;
  STEP(1 + (pc->b + 3u) / 4);
do_MKEXPR : {
  unsigned n = pc->b;
  Word *p;
  Word ground = AMB_EXPR_GROUND, rigid = (pc->c & 2u) << 1;
  ALLOC(p, n + 1);
  for (unsigned i = 0; i < n; i++) {
    uint16_t s = pc[1].half[i];
    Value v = SOURCE(s);
    if (AMB_UNLIKELY((s & SRC_CONST) == SRC_CHECK) && !source_ready(g, &v)) {
      h = p;
      EDGE();
    }
    if (ambi_is_var(v)) {
      v = ambi_deref(v);
    }
    if (ambi_is_var(v) || (ambi_is_expr(v) && !ambi_is_ground_expr(v)))
      ground = 0;
    if (!ambi_is_firm(v)) rigid = 0;
    p[1 + i] = v.w;
  }
  p[0] = ambi_header(KIND_FLAT, ground ? (unsigned)FLAG_GROUND : 0, n);
  E[pc->a] = ambi_tag_ptr(TAG_EXPR, p).w | ground | rigid | (pc->c & 1u);
  STEP(1 + (n + 3) / 4);
}
do_GETCH : {
  Value v = AMB_V(E[pc->b]);
  if (AMB_UNLIKELY(ambi_is_var(v))) v = ambi_deref(v);
  Value part = ambi_deref(ambi_expr_at(v, pc->c));
  if (ambi_is_expr(part) && (v.w & AMB_EXPR_RIGID))  // so are its parts
    part.w |= AMB_EXPR_RIGID | AMB_EXPR_EVAL;
  E[pc->a] = part.w;
  STEP(1);
}

do_JUMP:
  JUMP(pc->c);
do_FAIL:
  goto fail;
do_RETRV:
  goto ret;
do_RET:
  rv = SOURCE(pc->a);
  goto ret;
do_RETV : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  Value t = AMB_V(KONST(pc->b));
  if (AMB_LIKELY(
          (body_value_ready(v, t) || presumed(g, v) ||
           (ambi_is_expr(v) && (v.w & AMB_EXPR_RIGID) && rigid_holds(g))))) {
    rv = v;
    goto ret;
  }
  AFTER(ambi_body_tail(g, AMB_UNIT, v, t));
}
do_CALL : {
  unsigned n = pc->b;
  const uint16_t *src = pc[1].half;
  Word *N = E + src[0];
  if (N < B->top) N = B->top;
  N += FRAME_HEADER;
  Variant *v = (Variant *)(uintptr_t)KONST(pc->c);
  const Unit *u = v->unit;
  if (AMB_UNLIKELY(N + n + u->nslots > g->stack_end)) {
    SAVE();
    if (!ambi_stack_more(g, N + n + u->nslots)) goto stop;
  }
  for (unsigned i = 0; i < n; i++) {
    uint16_t s = src[1 + i];
    Value x = SOURCE(s);
    if ((s & SRC_CONST) == SRC_CHECK && AMB_UNLIKELY(!source_ready(g, &x)))
      EDGE();
    N[i] = x.w;
  }
  if (pc->a != NO_SLOT) E[pc->a] = ambi_position(B).w;
  N[FRAME_UNIT] = (Word)(uintptr_t)u;
  N[FRAME_PREV] = (Word)(uintptr_t)E;
  N[FRAME_RET] = (Word)(uintptr_t)(pc + 1 + (n + 4) / 4);
  N[FRAME_MARK] = (Word)(uintptr_t)v;
  E = N;
  pc = u->code;
  if (AMB_UNLIKELY(--g->budget < 0)) {
    SAVE();
    if (!poll(g, n)) goto stop;
    LOAD();
  }
  NEXT();
}
do_TAILCALL : {
  unsigned n = pc->b;
  const uint16_t *src = pc[1].half;
  Word small[16];
  Word *args = small, *N;
  bool reuse = E - FRAME_HEADER >= B->top;
  if (reuse && n <= 16) {
    N = E;
  } else {
    N = E + src[0];
    if (N < B->top) N = B->top;
    N += FRAME_HEADER;
    args = N;
  }
  Variant *v = (Variant *)(uintptr_t)KONST(pc->c);
  const Unit *u = v->unit;
  if (AMB_UNLIKELY(N + n + u->nslots > g->stack_end)) {
    SAVE();
    if (!ambi_stack_more(g, N + n + u->nslots)) goto stop;
  }
  for (unsigned i = 0; i < n; i++) {
    uint16_t s = src[1 + i];
    Value x = SOURCE(s);
    if ((s & SRC_CONST) == SRC_CHECK && AMB_UNLIKELY(!source_ready(g, &x)))
      EDGE();
    args[i] = x.w;
  }
  if (args == small) {
    for (unsigned i = 0; i < n; i++)
      N[i] = small[i];
  } else if (reuse) {  // many arguments: down to the frame that goes
    memmove(E, N, n * sizeof(Word));
    N = E;
  } else {
    N[FRAME_PREV] = E[FRAME_PREV];
    N[FRAME_RET] = E[FRAME_RET];
  }
  N[FRAME_UNIT] = (Word)(uintptr_t)u;
  N[FRAME_MARK] = (Word)(uintptr_t)v;
  E = N;
  pc = u->code;
  if (AMB_UNLIKELY(--g->budget < 0)) {
    SAVE();
    if (!poll(g, n)) goto stop;
    LOAD();
  }
  NEXT();
}
do_R_STORE:
  E[pc->a] = rv.w;
  STEP(1);
do_R_STREAM:
  E[pc->a] = rv.w;
do_STREAM : {
  Value v = AMB_V(E[pc->a]);
  Value p = AMB_V(E[pc->b]);
  if (AMB_LIKELY(p.w == ambi_position(B).w)) {
    if (AMB_UNLIKELY(is_error(v))) EDGE();
    STEP(1);
  }
  if (AMB_LIKELY(!is_error(v))) {
    E[pc->b] = p.w | 1;
    STEP(1);
  }
  SAVE();
  const Code *at = pc;
  const Unit *u = UNIT();
  uint32_t to = ambi_unit_edge(u, (uint32_t)(at - u->code));
  if (to == UINT32_MAX) goto stop;
  AFTER(ambi_position_end(g, at->b, at->a, true, true, at + 1, u->code + to));
}
do_R_GATHER:
  E[pc->a] = rv.w;
do_GATHER : {
  Value v = AMB_V(E[pc->a]);
  if (AMB_LIKELY(AMB_V(E[pc->b]).w == ambi_position(B).w)) {
    if (AMB_UNLIKELY(is_error(v))) EDGE();
    STEP(1);
  }
  const Code *at = pc;
  const Unit *u = UNIT();
  uint32_t to = ambi_unit_edge(u, (uint32_t)(at - u->code));
  if (to == UINT32_MAX) goto stop;
  AFTER(ambi_position_end(g, at->b, at->a, false, is_error(v), at + 1,
                          u->code + to));
}
do_POS:
  E[pc->a] = ambi_position(B).w;
  STEP(1);
do_CHKERR:
  if (AMB_UNLIKELY(is_error(AMB_V(E[pc->a])))) EDGE();
  STEP(1);
do_EVALV : {
  Value v = AMB_V(E[pc->b]);
  if (ambi_is_var(v)) v = ambi_deref(v);
  if (AMB_LIKELY(!ambi_is_expr(v) || (v.w & 3) == 3 || presumed(g, v))) {
    E[pc->a] = v.w;
    STEP(2);
  }
  AFTER(eval_value(g, false));
}
do_EVALT : {
  Value v = AMB_V(E[pc->b]);
  if (AMB_LIKELY(source_ready(g, &v))) {
    E[pc->a] = v.w;
    STEP(2);
  }
  AFTER(eval_value(g, true));
}
do_EVALX:
  E[pc->a] = ambi_position(B).w;
  AFTER(ambi_eval_push(g, AMB_V(E[pc->b]), AMB_V(KONST(pc->c)), pc + 1));
do_EVALXT:
  AFTER(ambi_eval_tail(g, AMB_V(E[pc->b]), AMB_V(KONST(pc->c))));
do_EVINSTR:
  AFTER(ambi_instr_tail(g, AMB_V(E[pc->b])));
do_QUERYT:
  AFTER(ambi_query_begin(g, AMB_V(E[pc->a]), AMB_V(KONST(pc->b)), true));
do_BODYT:
  AFTER(
      ambi_body_tail(g, AMB_V(E[pc->a]), AMB_V(E[pc->b]), AMB_V(KONST(pc->c))));

do_TRY : {
  SAVE();
  Choice *c = ambi_choice_push(g, pc + (int16_t)pc->c);
  if (!c) goto stop;
  B = c;
  STEP(1);
}
do_RETRY:
do_SETALT:
  B->resume = pc + (int16_t)pc->c;
  STEP(1);
do_TRUST:
do_POPALT:
  B--;
  cx->hb = B->h;
  STEP(1);
do_FORKV:
  AFTER(fork_begin(g));
do_FORK_NEXT:
  AFTER(fork_next(g));
do_MANY_NEXT : {
  Choice *c = B;
  uint64_t i = c->cursor++;
  rv = ambi_expr_at(c->aux, (uint32_t)i);
  pc = c->next;
  if (i + 1 == ambi_expr_size(c->aux)) {
    B--;
    cx->hb = B->h;
  }
  NEXT();
}

do_COLLECT:
  SAVE();
  if (!collect_begin(g, pc + (int16_t)pc->c)) goto stop;
  LOAD();
  STEP(1);
do_COLLECT_ADD:
  AFTER(collect_add(g));
do_COLLECT_END:
  AFTER(collect_end(g));
do_CASE:
  E[pc->a] = ambi_position(B).w;
  SAVE();
  if (!ambi_choice_push(g, pc + (int16_t)pc->c)) goto stop;
  LOAD();
  STEP(1);
do_CASE_END:
  AFTER(case_end(g));
do_ONCE : {
  static const Code once_fail[1] = {{.op = OP_I_ONCE_FAIL}};
  E[pc->a] = ambi_position(B).w;
  SAVE();
  if (!ambi_choice_push(g, once_fail)) goto stop;
  LOAD();
  STEP(1);
}
do_ONCE_FAIL:
  B--;
  cx->hb = B->h;
  goto fail;
do_ONCE_END:
  AFTER(once_end(g));

do_SWITCH : {
  const Switch *s = &UNIT()->switches[pc->b];
  Value v = AMB_V(E[pc->a]);
  const Code *code = UNIT()->code;
  if (ambi_is_var(v)) {
    v = ambi_deref(v);
    if (ambi_is_var(v)) {
      pc = code + s->open;
      NEXT();
    }
  }
  Word key = ambi_switch_key(v);
  const SwitchCase *c = key ? find_case(s, key) : NULL;
  pc = code + (c ? c->to : s->other);
  NEXT();
}
do_TESTK : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_var(v)) JUMP(pc[1].b);
  Value k = AMB_V(KONST(pc->b));
  if (v.w == k.w && !ambi_is_double(v)) STEP(2);
  if (!ambi_is_expr(v) && ambi_atomic_equal(v, k)) STEP(2);
  JUMP(pc->c);
}
do_TESTF : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_var(v)) JUMP(pc[1].b);
  if (ambi_switch_key(v) != KONST(pc->b)) JUMP(pc->c);
  STEP(2);
}
do_TESTN : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_var(v)) JUMP(pc[1].b);
  if (!ambi_is_expr(v) || ambi_expr_size(v) != pc->b) JUMP(pc->c);
  STEP(2);
}
do_SAMEV:
  AFTER(same_value(g, AMB_V(E[pc->a]), AMB_V(E[pc->b])));
do_UNIFYT:
  SAVE();
  if (!unify_env(g, pc, SOURCE(pc->a))) {
    if (cx->stop) goto stop;
    goto fail;
  }
  h = cx->h;
  STEP(1 + (pc->b + 3u) / 4);
do_UNIFYE : {
  SAVE();
  unsigned w = 1 + (pc->b + 3u) / 4;
  if (!unify_or_undo(g, pc, SOURCE(pc->a))) {
    if (cx->stop) goto stop;
    JUMP(pc[w].b);
  }
  h = cx->h;
  STEP(w + 1);
}
do_UNIFYV:
  SAVE();
  if (!ambi_unify(cx, SOURCE(pc->a), SOURCE(pc->b))) {
    if (cx->stop) goto stop;
    goto fail;
  }
  h = cx->h;
  STEP(1);
do_MATCH : {
  Value s = ambi_deref(SOURCE(pc->a));
  if (AMB_UNLIKELY(!ambi_is_space(s))) EDGE();
  AFTER(ambi_match_begin(g, s, SOURCE(pc->b), pc + 1));
}
do_MATCH_NEXT:
  AFTER(ambi_match_next(g));

#define ARITH(name, overflow, ext, dop)                                  \
  do_##name : {                                                          \
    Value a = SOURCE(pc->b), b = SOURCE(pc->c);                          \
    if (AMB_LIKELY(ambi_is_int(a) && ambi_is_int(b))) {                  \
      int64_t r;                                                         \
      if (AMB_LIKELY(!overflow((int64_t)(a.w << 16), ext(b), &r))) {     \
        E[pc->a] = ((Word)TAG_INT << 48) | ((Word)r >> 16);              \
        STEP(1);                                                         \
      }                                                                  \
    } else if (ambi_is_double(a) && ambi_is_double(b)) {                 \
      E[pc->a] = ambi_double(ambi_double_of(a) dop ambi_double_of(b)).w; \
      STEP(1);                                                           \
    }                                                                    \
    AFTER(arith_slow(g, a, b));                                          \
  }
#define SHIFTED(v) ((int64_t)((v).w << 16))
#define PLAIN(v)   ambi_int_of(v)
  ARITH(ADD, __builtin_add_overflow, SHIFTED, +)
  ARITH(SUB, __builtin_sub_overflow, SHIFTED, -)
  ARITH(MUL, __builtin_mul_overflow, PLAIN, *)
#define ARITH_I(name, overflow, generic)                              \
  do_##name : {                                                       \
    Value a = AMB_V(E[pc->b]);                                        \
    int64_t r;                                                        \
    if (AMB_LIKELY(ambi_is_int(a) &&                                  \
                   !overflow((int64_t)(a.w << 16),                    \
                             (int64_t)(int16_t)pc->c * 65536, &r))) { \
      E[pc->a] = ((Word)TAG_INT << 48) | ((Word)r >> 16);             \
      STEP(1);                                                        \
    }                                                                 \
    AFTER(arith_slow(g, a, ambi_small_int((int16_t)pc->c)));          \
  }
  ARITH_I(ADDI, __builtin_add_overflow, OP_I_ADD)
  ARITH_I(SUBI, __builtin_sub_overflow, OP_I_SUB)

#define COMPARE(name, rel)                                       \
  do_##name : {                                                  \
    Value a = SOURCE(pc->a), b = SOURCE(pc->b);                  \
    if (AMB_LIKELY(ambi_is_int(a) && ambi_is_int(b))) {          \
      if ((int64_t)(a.w << 16) rel(int64_t)(b.w << 16)) STEP(1); \
      JUMP(pc->c);                                               \
    }                                                            \
    if (ambi_is_double(a) && ambi_is_double(b)) {                \
      if (ambi_double_of(a) rel ambi_double_of(b)) STEP(1);      \
      JUMP(pc->c);                                               \
    }                                                            \
    a = ambi_deref(a);                                           \
    b = ambi_deref(b);                                           \
    if (!ambi_is_number(a) || !ambi_is_number(b)) EDGE();        \
    bool known;                                                  \
    if (compare(OP_I_##name, a, b, &known)) STEP(1);             \
    JUMP(pc->c);                                                 \
  }
  COMPARE(JNLT, <)
  COMPARE(JNGT, >)
  COMPARE(JNLE, <=)
  COMPARE(JNGE, >=)
#define COMPARE_I(name, full, rel)                                       \
  do_##name : {                                                          \
    Value a = AMB_V(E[pc->a]);                                           \
    if (AMB_LIKELY(ambi_is_int(a))) {                                    \
      if (ambi_int_of(a) rel(int16_t) pc->b) STEP(1);                    \
      JUMP(pc->c);                                                       \
    }                                                                    \
    a = ambi_deref(a);                                                   \
    if (!ambi_is_number(a)) EDGE();                                      \
    bool known;                                                          \
    if (compare(OP_I_##full, a, ambi_small_int((int16_t)pc->b), &known)) \
      STEP(1);                                                           \
    JUMP(pc->c);                                                         \
  }
  COMPARE_I(JNLTI, JNLT, <)
  COMPARE_I(JNGTI, JNGT, >)
do_JNEQ : {  // both sides are evaluated and of one type: no error is possible
  Value a = ambi_deref(SOURCE(pc->a)), b = ambi_deref(SOURCE(pc->b));
  bool same = a.w == b.w && (ambi_is_int(a) || ambi_is_sym(a));
  if (same || ambi_equal(a, b)) STEP(1);
  JUMP(pc->c);
}
do_JNEQT : {
  Value a = ambi_deref(SOURCE(pc->a)), b = ambi_deref(SOURCE(pc->b));
  if (AMB_LIKELY(ambi_is_int(a) && ambi_is_int(b))) {
    if (a.w == b.w) STEP(1);
    JUMP(pc->c);
  }
  bool one_type = (ambi_is_number(a) && ambi_is_number(b)) ||
                  (ambi_is_bool(a) && ambi_is_bool(b)) ||
                  (ambi_is_str(a) && ambi_is_str(b));
  if (!one_type) EDGE();
  if (ambi_equal(a, b)) STEP(1);
  JUMP(pc->c);
}
do_JNEQI : {
  Value a = AMB_V(E[pc->a]);
  if (AMB_LIKELY(ambi_is_int(a))) {
    if (ambi_int_of(a) == (int16_t)pc->b) STEP(1);
    JUMP(pc->c);
  }
  a = ambi_deref(a);
  if (ambi_is_number(a)) {
    if (ambi_num_cmp(a, ambi_small_int((int16_t)pc->b)) == 0) STEP(1);
    JUMP(pc->c);
  }
  EDGE();
}
do_BRANCH : {
  Value v = AMB_V(E[pc->a]);
  if (v.w == AMB_TRUE.w) STEP(2);
  if (v.w == AMB_FALSE.w) JUMP(pc->c);
  v = ambi_deref(v);
  if (v.w == AMB_TRUE.w) STEP(2);
  if (v.w == AMB_FALSE.w) JUMP(pc->c);
  JUMP(pc[1].b);
}
do_CHKNUM : {
  Value v = AMB_V(E[pc->a]);
  if (AMB_UNLIKELY(!ambi_is_number(v))) {
    v = ambi_deref(v);
    if (!ambi_is_number(v)) EDGE();
  }
  STEP(1);
}
do_CHKTYPE:
  SAVE();
  if (!check_type(g, AMB_V(E[pc->a]), AMB_V(KONST(pc->b)))) {
    if (cx->stop) goto stop;
    EDGE();
  }
  h = cx->h;
  STEP(1);
do_CHKBOUND:
  if (ambi_is_space(ambi_deref(AMB_V(E[pc->a])))) EDGE();
  STEP(1);
do_CHKEXP : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (AMB_UNLIKELY(!ambi_is_expression(v))) EDGE();
  STEP(1);
}
do_CASTR : {
  Value v = AMB_V(E[pc->a]), t = AMB_V(KONST(pc->b));
  if (ambi_is_expr(v) || (ambi_is_int(v) && t.w == AMB_SYM(T_NUMBER).w))
    STEP(1);
  AFTER(cast_result(g));
}
do_GETSTATE : {
  Value v = ambi_deref(SOURCE(pc->b));
  if (AMB_UNLIKELY(!ambi_is_state(v))) EDGE();
  const State *st = (const State *)(const void *)ambi_cell(v);
  if (AMB_UNLIKELY(st->value.nvars)) EDGE();
  E[pc->a] = st->value.atom.w;
  STEP(1);
}
do_SETSTATE:
  AFTER(set_state(g, SOURCE(pc->b), SOURCE(pc->c)));
do_BUILTIN:
  AFTER(builtin_call(g));
do_DECONS:
  AFTER(decons(g));
do_CAR : {
  Value v = ambi_deref(AMB_V(E[pc->b]));
  if (AMB_UNLIKELY(!ambi_is_expr(v))) EDGE();
  E[pc->a] = ambi_deref(ambi_expr_at(v, 0)).w;
  STEP(1);
}
do_ITEM : {
  Value v = ambi_deref(AMB_V(E[pc->b]));
  int64_t i = ambi_int_of(AMB_V(E[pc->b + 1]));
  if (i >= ambi_expr_size(v)) JUMP(pc->c);
  E[pc->a] = ambi_deref(ambi_expr_at(v, (uint32_t)i)).w;
  STEP(1);
}
do_CHKGROUND : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_var(v) || (ambi_is_expr(v) && !ambi_is_ground_expr(v))) EDGE();
  STEP(1);
}
do_CONS:
  AFTER(cons(g, SOURCE(pc->b), SOURCE(pc->c)));

do_EV_START:
do_EV_ARG:
do_EV_VAL:
do_EV_METTA_VAL:
do_EV_CBIND_END:
do_EV_STEP:
do_EV_BIND_NEXT:
do_EV_ONCE_VAL:
  rv = AMB_UNIT;
do_EV_RET:
do_EV_TMP:
do_EV_CHAIN:
do_EV_FUNCTION:
do_EV_BODY:
do_EV_METTA:
do_EV_CBIND:
do_EV_SPACE:
do_EV_ONCE:
  SAVE();
  if (AMB_UNLIKELY(--g->budget < 0)) {
    if (!poll(g, SIZE_MAX)) goto stop;
    LOAD();
  }
  AFTER(ambi_ev_step(g));
do_EV_QUERY:
  AFTER(ambi_query_next(g));
do_PEND:
  AFTER(ambi_pend(g));
do_DELIVER:
  AFTER(ambi_deliver(g));
do_TOP_RESULT:
  AFTER(top_result(g));
do_TOP_DONE:
  SAVE();
  return STOP_NONE;
do_LOWER:
  AFTER(first_call(g));
}
