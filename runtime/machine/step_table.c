// Tables in tier 1: the instructions TABLE and TABLED, and what records resume.
//
// While a table is being made, a record stands below all that its call does. It holds
// the arguments and the variables of the call, and its hook tells when it is cut. Its
// turn comes when there are no more results. What a table has is copied to the heap at
// once, so a record that hands it out needs the table no more.
#include "runtime/tables/table.h"

#include "runtime/machine/step.h"

static const Variant *variant_at(const Engine *g, const Code *pc) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  return (const Variant *)(uintptr_t)u->k[pc->b];
}

// ---- giving ------------------------------------------------------------------------

// One result; the variables of the call become what they were for it.
static enum Next take(Engine *g, Value vars, Value answer) {
  Context *cx = g->cx;
  g->same_from = g->same_to = NULL;
  if (ambi_is_unit(vars)) return ambi_give(g, answer);
  for (uint32_t i = 0; i < ambi_expr_size(vars); i++) {
    Value var = ambi_deref(ambi_expr_at(vars, i)),
          to = ambi_deref(ambi_expr_at(answer, i + 1));
    if (!ambi_same(var, to) && !ambi_bind(cx, var, to)) return NEXT_STOP;
  }
  return ambi_give(g, ambi_deref(ambi_expr_at(answer, 0)));
}

static void pop_record(Engine *g) {
  g->b--;
  g->cx->hb = g->b->h;
}

enum Next ambi_step_table_next(Engine *g) {
  Choice *c = g->b;
  Value list = c->aux;
  uint32_t i = (uint32_t)c->cursor++;
  if (i + 1 == ambi_expr_size(list)) pop_record(g);
  return take(g, ambi_deref(ambi_expr_at(list, 0)), ambi_expr_at(list, i));
}

// The variables, and behind them the results.
static Value make_list(Engine *g, const TableCall *call, Value vars) {
  const Value *at = ambi_is_unit(vars) ? NULL : ambi_expr_items(vars);
  size_t n = ambi_expr_size(vars);
  ValueVec *list = &g->work;
  list->n = 0;
  if (!ambi_vec_push(list, vars)) return AMB_NONE;
  for (uint32_t i = call->from; i < call->to; i++) {
    Value v = ambi_table_answer(g->cx, call->table, i, at, n);
    if (ambi_is_none(v) || !ambi_vec_push(list, v)) return AMB_NONE;
  }
  return ambi_make_expr(g->cx, list->at, list->n);
}

static enum Next no_memory(Engine *g) {
  if (!g->cx->stop) g->cx->stop = STOP_MEMORY;
  return NEXT_STOP;
}

static enum Next give(Engine *g, const TableCall *call, Value vars) {
  static const Code next[1] = {{.op = OP_I_TABLE_NEXT}};
  if (call->from == call->to) return NEXT_FAIL;
  if (call->from + 1 == call->to && ambi_is_unit(vars)) {
    Value v = ambi_table_answer(g->cx, call->table, call->from, NULL, 0);
    return ambi_is_none(v) ? no_memory(g) : take(g, vars, v);
  }
  Value list = make_list(g, call, vars);
  if (ambi_is_none(list)) return no_memory(g);
  Choice *c = ambi_choice_push(g, next);
  if (!c) return NEXT_STOP;
  c->aux = list;
  c->cursor = 1;
  return ambi_step_table_next(g);
}

// ---- making ------------------------------------------------------------------------

static Value variables(Engine *g, const TableCall *call) {
  return ambi_make_expr(g->cx, call->vars->at, call->vars->n);
}

// Arguments and variables of the call.
static Value make_aux(Engine *g, uint32_t n, const TableCall *call) {
  ValueVec *all = &g->work;
  all->n = 0;
  for (uint32_t i = 0; i < n; i++)
    if (!ambi_vec_push(all, AMB_V(g->e[i]))) return AMB_NONE;
  for (size_t i = 0; i < call->vars->n; i++)
    if (!ambi_vec_push(all, call->vars->at[i])) return AMB_NONE;
  return ambi_make_expr(g->cx, all->at, all->n);
}

static enum Next make(Engine *g, uint32_t n, const TableCall *call) {
  static const Code end[1] = {{.op = OP_I_TABLE_END}};
  Value aux = make_aux(g, n, call);
  if (ambi_is_none(aux)) return no_memory(g);
  Hook *h = ambi_hook_new(g, HOOK_TABLE);
  Choice *c = h ? ambi_choice_push(g, end) : NULL;
  if (!c) {
    ambi_hook_free(g, h);
    return NEXT_STOP;
  }
  h->nvars = call->making;
  c->hook = h;
  c->aux = aux;
  c->cursor = call->making;
  c->next = g->pc;
  g->e[g->pc->a] = ambi_position(c).w;
  g->pc++;
  return NEXT_PC;
}

static enum TableDo ask_auto(Engine *g, const Variant *v, TableCall *call) {
  TableAsk ask = {.kind = TABLE_AUTO,
                  .owner = v->plain->number << 1,
                  .epoch = ambi_code_epoch(g->code),
                  .args = (const Value *)g->e,
                  .n = v->def->nargs};
  return ambi_table_call(g->cx, &ask, call);
}

// A declared function may print, so it is seen when its table is made again. That depends
// on rules and types alone, and not on what has become of the code that was made of them:
// neither epoch nor key do.
static enum TableDo ask_set(Engine *g, const Variant *v, TableCall *call) {
  const Definition *d = v->def;
  ValueVec *key = &g->work;
  key->n = 0;
  bool ok = ambi_vec_push(key, v->type) &&
            ambi_vec_push(key, ambi_small_int(v->same | v->made << 1)) &&
            ambi_vec_push(key, d->head);
  for (uint32_t i = 0; ok && i < d->nargs; i++)
    ok = ambi_vec_push(key, AMB_V(g->e[i]));
  if (!ok) {
    g->cx->stop = STOP_MEMORY;
    return TABLE_STOP;
  }
  TableAsk ask = {.kind = TABLE_SET,
                  .only_new = v->only_new,
                  .owner = ambi_space_identity(d->space),
                  .epoch = ambi_load_acquire(&g->cx->rt->x_rule_changes),
                  .args = key->at,
                  .n = key->n};
  return ambi_table_call(g->cx, &ask, call);
}

// Tables belong to one evaluator, so parts of a search begin again where they ask one.
enum Next ambi_step_table(Engine *g) {
  const Code *pc = g->pc;
  if (AMB_UNLIKELY(g->hopeful) && !ambi_effect_begins(g)) return NEXT_STOP;
  const Variant *v = variant_at(g, pc);
  TableCall call;
  switch (v->table == TABLE_SET ? ask_set(g, v, &call)
                                : ask_auto(g, v, &call)) {
  case TABLE_GIVE: {
    Value vars = variables(g, &call);
    return ambi_is_none(vars) ? no_memory(g) : give(g, &call, vars);
  }
  case TABLE_MAKE: return make(g, v->def->nargs, &call);
  case TABLE_PLAIN: g->pc = pc + (int16_t)pc->c; return NEXT_PC;
  default: return NEXT_STOP;
  }
}

// The record goes; its table is what it is.
static void drop_record(Engine *g) {
  Hook *h = g->b->hook;
  h->kind = HOOK_CURSOR;
  ambi_hook_free(g, h);
  g->b->hook = NULL;
  pop_record(g);
}

// Is the record the newest, and nothing waits on it?
static bool stands_alone(const Engine *g, const Choice *c) {
  return g->b == c && c->resume->op == OP_I_TABLE_END;
}

enum Next ambi_step_table_result(Engine *g) {
  const Code *pc = g->pc;
  Choice *c = ambi_position_choice(AMB_V(g->e[pc->b]));
  const Variant *v = variant_at(g, c->next);
  uint32_t n = v->def->nargs;
  size_t making = c->cursor, nvars = ambi_expr_size(c->aux) - n;
  const Value *vars = nvars ? ambi_expr_items(c->aux) + n : NULL;
  if (!ambi_table_result(g->cx, making, g->rv, vars, nvars)) return NEXT_STOP;
  if (v->table == TABLE_SET) return NEXT_FAIL;
  if (stands_alone(g, c)) {
    TableCall call;
    ambi_table_end(g->cx, making, &call);
    drop_record(g);
  }
  return NEXT_RET;
}

enum Next ambi_step_table_end(Engine *g) {
  Choice *c = g->b;
  const Code *pc = c->next;
  const Variant *v = variant_at(g, pc);
  uint32_t n = v->def->nargs;
  Value aux = c->aux;
  TableCall call;
  switch (ambi_table_end(g->cx, c->cursor, &call)) {
  case TABLE_AGAIN:
    for (uint32_t i = 0; i < n; i++)
      g->e[i] = ambi_expr_at(aux, i).w;
    g->e[pc->a] = ambi_position(c).w;
    g->pc = pc + 1;
    return NEXT_PC;
  case TABLE_GIVE: break;
  default: return no_memory(g);
  }
  drop_record(g);
  if (v->table == TABLE_AUTO) return NEXT_FAIL;
  size_t nvars = ambi_expr_size(aux) - n;
  Value vars =
      ambi_make_expr(g->cx, nvars ? ambi_expr_items(aux) + n : NULL, nvars);
  return ambi_is_none(vars) ? no_memory(g) : give(g, &call, vars);
}
