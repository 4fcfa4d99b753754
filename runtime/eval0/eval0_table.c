// Calls of functions that are declared to be tabled (tables/table.h), in tier 0.
//
// A table that is being made has a choice, met when everything above it is done, and a
// frame, met by each result. The pragma `tabling` changes nothing here: what it keeps
// would be the same.
#include "runtime/eval0/eval0.h"
#include "runtime/runtime.h"
#include "runtime/tables/table.h"

enum { MAX_ARGS = 64 };  // as in tier 1

static bool is_tabled(const Machine *m, Value call) {
  if (!ambi_is_expr(call) || m->cx->limits.max_stack_depth) return false;
  return ambi_expr_size(call) <= MAX_ARGS + 1 &&
         ambi_tables_declares(m->cx->rt, m->space,
                              ambi_deref(ambi_expr_at(call, 0)));
}

// ---- giving ------------------------------------------------------------------------

static bool bind_all(Context *cx, Value vars, Value answer) {
  for (uint32_t i = 0; i < ambi_expr_size(vars); i++) {
    Value var = ambi_deref(ambi_expr_at(vars, i)),
          to = ambi_deref(ambi_expr_at(answer, i + 1));
    if (!ambi_same(var, to) && !ambi_bind(cx, var, to)) return false;
  }
  return true;
}

// The results are alternatives of `up`.
static void offer(Machine *m, const TableCall *call, Value vars, Frame *up) {
  Context *cx = m->cx;
  ItemList items = {0};
  Mark mark = ambi_eval0_mark(m);
  const Value *at = ambi_is_unit(vars) ? NULL : ambi_expr_items(vars);
  for (uint32_t i = call->from; i < call->to; i++) {
    Value v = ambi_table_answer(cx, call->table, i, at, ambi_expr_size(vars));
    if (!ambi_eval0_ok(m, v) || !bind_all(cx, vars, v)) return;
    Value value = at ? ambi_expr_at(v, 0) : v;
    if (!ambi_eval0_keep(m, &items, value, mark)) return;
    ambi_trail_undo(cx, mark.trail);
  }
  ambi_eval0_offer(m, CHOICE_ITEMS, &items, up, AMB_NONE);
}

// ---- making ------------------------------------------------------------------------

static void run(Machine *m, Frame *f) {
  if (!ambi_eval0_choose(m, CHOICE_TABLE, f)) return;
  m->count.most = UINT32_MAX;  // a table has all results
  m->space = f->space;
  m->atom = f->a;
  m->type = f->b;
  m->up = f;
  m->depth = f->depth;
  m->resolved = false;
  ambi_eval0_call_rules(m);
}

static void make(Machine *m, Value call, Value type, Value vars,
                 size_t making) {
  Frame *f = ambi_eval0_frame(m, FRAME_TABLE, m->up, m->depth);
  if (!f) return;
  f->a = call;
  f->b = type;
  f->c = vars;
  f->index = (uint32_t)making;
  uint64_t limit = m->cx->limits.depth;
  f->nest++;
  if (limit && f->nest > limit)
    ambi_eval0_stop(m, STOP_DEPTH);
  else
    run(m, f);
}

// Results of the call pass a frame that casts them. False: cx->stop is set.
static bool cast_results(Machine *m, Value call) {
  Frame *f = ambi_eval0_frame(m, FRAME_CAST, m->up, m->depth);
  if (!f) return false;
  f->a = call;
  f->b = ambi_deref(m->type);
  m->type = AMB_SYM(UNDEFINED);
  m->up = f;
  return true;
}

// No table takes the call. Its results are cast all the same.
static void call_plain(Machine *m, Value call) {
  m->atom = call;
  ambi_eval0_call_rules(m);
}

bool ambi_eval0_tabled(Machine *m, Value call) {
  if (!is_tabled(m, call)) return false;
  call = ambi_resolve(m->cx, call);
  if (!ambi_eval0_ok(m, call)) return true;
  Value type = ambi_deref(m->type);
  bool cast = !ambi_is_sym(type);  // what the table has is asked for that
  if (cast) type = AMB_SYM(UNDEFINED);
  TableAsk ask = {.kind = TABLE_SET,
                  .owner = ambi_space_identity(m->space),
                  .epoch = ambi_load_acquire(&m->cx->rt->x_rule_changes),
                  .args = (const Value[]){type, call},
                  .n = 2};
  TableCall out;
  enum TableDo what = ambi_table_call(m->cx, &ask, &out);
  if (what == TABLE_PLAIN && !cast) return false;
  if (cast && !cast_results(m, call)) return true;
  if (what == TABLE_PLAIN) {
    call_plain(m, call);
    return true;
  }
  Value vars = what == TABLE_STOP
                   ? AMB_NONE
                   : ambi_make_expr(m->cx, out.vars->at, out.vars->n);
  if (!ambi_eval0_ok(m, vars)) return true;
  if (what == TABLE_GIVE)
    offer(m, &out, vars, m->up);
  else
    make(m, call, type, vars, out.making);
  return true;
}

void ambi_eval0_table_result(Machine *m, Value value, const Frame *f) {
  const Value *vars = ambi_is_unit(f->c) ? NULL : ambi_expr_items(f->c);
  m->todo = DO_FAIL;
  value = ambi_deref(value);
  if (ambi_same(value, AMB_SYM(EMPTY))) return;
  if (!ambi_table_result(m->cx, f->index, value, vars, ambi_expr_size(f->c)))
    ambi_eval0_stop(m, STOP_MEMORY);
}

void ambi_eval0_table_end(Machine *m, Frame *f) {
  TableCall out;
  switch (ambi_table_end(m->cx, f->index, &out)) {
  case TABLE_AGAIN: run(m, f); break;
  case TABLE_GIVE: offer(m, &out, f->c, f->up); break;
  default: ambi_eval0_stop(m, STOP_MEMORY); break;
  }
}
