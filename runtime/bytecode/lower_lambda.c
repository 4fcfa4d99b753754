// Functions without a name where they are written: noted as definitions (lambda.h), and
// called at once where they are applied.
#include "memory/alloc.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/bytecode/lower.h"
#include "runtime/machine/routine.h"
#include "runtime/spaces/space_data.h"

typedef struct Written {  // (|-> PARAMS BODY) in a rule or form
  Lower *l;
  Value term, params, body;
  uint16_t captured[LAMBDA_CAPTURES];  // variables of that, and how many
  uint32_t ncaptured;
} Written;

// ---- which ones can have code of their own ---------------------------------------------

static bool are_plain(Value params) {
  uint32_t n = ambi_expr_size(params);
  if (!ambi_is_expression(params) || n > LAMBDA_PARAMS) return false;
  for (uint32_t i = 0; i < n; i++) {
    if (!ambi_is_lvar(ambi_expr_at(params, i))) return false;
    for (uint32_t k = 0; k < i; k++)
      if (ambi_expr_at(params, k).w == ambi_expr_at(params, i).w) return false;
  }
  return true;
}

// NotReducible and functions go back to the call, which is that of the library.
static bool open_written(Written *w, Lower *l, Value term) {
  if (!ambi_is_lambda_term(term)) return false;
  *w = (Written){.l = l,
                 .term = term,
                 .params = ambi_expr_at(term, 1),
                 .body = ambi_expr_at(term, 2)};
  return are_plain(w->params) && ambi_is_expr(w->body) &&
         !ambi_is_function(w->body);
}

static bool is_param(const Written *w, uint16_t var) {
  for (uint32_t i = 0; i < ambi_expr_size(w->params); i++)
    if (ambi_lvar_of(ambi_expr_at(w->params, i)) == var) return true;
  return false;
}

// Variables that also stand elsewhere may have a value there. made: only those that exist
// by now; what does not is none of that value.
static bool find_captured(Written *w, bool made) {
  Lower *l = w->l;
  uint16_t vars[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, w->term, vars);
  if (n > LAMBDA_VARS) return false;
  for (unsigned i = 0; i < n; i++) {
    if (is_param(w, vars[i]) || !ambi_lower_shared(l, w->term, vars[i]))
      continue;
    if (made && ambi_lower_unset(l, ambi_lvar(vars[i]))) continue;
    if (w->ncaptured == LAMBDA_CAPTURES) return false;
    w->captured[w->ncaptured++] = vars[i];
  }
  return !l->failed;
}

// ---- noting them -------------------------------------------------------------------------

static void see_cell(void *arg, CellHeader *c) {
  if (c->kind != CELL_SPACE || !((Space *)c)->is_module) *(bool *)arg = true;
}

// What is noted stays, and so would states and spaces.
static bool holds_cell(const Lower *l, const Template *t) {
  bool holds = false;
  if (t->flags & TMPL_HAS_CELL)
    ambi_store_see_cells(l->cx->rt->store, t, see_cell, &holds);
  return holds;
}

// The rule, with variables of its own. AMB_NONE: memory is out.
static Value rule_of(const Written *w) {
  Context *cx = w->l->cx;
  Value env[MAX_VARS], call[1 + LAMBDA_CAPTURES + LAMBDA_PARAMS];
  uint32_t n = 1, nparams = ambi_expr_size(w->params);
  for (unsigned i = 0; i < MAX_VARS; i++)
    env[i] = AMB_NONE;
  Value term = ambi_instantiate_part(cx, w->term, w->l->rule, env, false);
  if (ambi_is_none(term)) return term;
  call[0] = AMB_SYM(LAMBDA);
  for (uint32_t i = 0; i < w->ncaptured; i++)
    call[n++] = env[w->captured[i]];
  for (uint32_t i = 0; i < nparams; i++)
    call[n++] = ambi_expr_at(ambi_expr_at(term, 1), i);
  Value lhs = ambi_make_expr(cx, call, n);
  if (ambi_is_none(lhs)) return lhs;
  return AMB_EXPR(cx, AMB_SYM(EQ), lhs, ambi_expr_at(term, 2));
}

static const Lambda *note(const Written *w) {
  Lower *l = w->l;
  Word *top = l->cx->h;
  Value rule = rule_of(w);
  Template t;
  const Lambda *f = NULL;
  if (ambi_is_none(rule) || !ambi_template_make(l->cx->rt->store, rule, &t)) {
    l->failed = true;
    return NULL;
  }
  if (holds_cell(l, &t))
    ambi_template_release(l->cx->rt->store, &t);
  else
    f = ambi_lambda_keep(l->cs, &t, w->ncaptured, ambi_expr_size(w->params));
  if (!l->cx->stop) ambi_heap_give_back(l->cx, top);
  return f;
}

// Who asks which rules are taken is told of those of the program only.
void ambi_lower_note_lambdas(Lower *l, Value body) {
  if (l->cs->coverage || !ambi_is_expr(body)) return;
  ValueVec todo = {0};
  bool ok = ambi_vec_push(&todo, body);
  while (ok && todo.n && !l->failed) {
    Value e = todo.at[--todo.n];
    Written w;
    if (open_written(&w, l, e) && find_captured(&w, false)) note(&w);
    for (uint32_t i = 0; ok && i < ambi_expr_size(e); i++)
      if (ambi_is_expr(ambi_expr_at(e, i)))
        ok = ambi_vec_push(&todo, ambi_expr_at(e, i));
  }
  ambi_vec_drop(&todo);
  if (!ok) l->failed = true;
}

// ---- applied where they are written --------------------------------------------------------

// Nothing in the application gives the variable a value, or takes what it has.
static bool is_own(Lower *l, Value e, Value term, uint16_t var) {
  return ambi_lower_unset(l, ambi_lvar(var)) &&
         ambi_lower_outside(l, term, var) == ambi_lower_outside(l, e, var);
}

static bool open_applied(Written *w, Lower *l, Value e) {
  if (!ambi_is_expr(e) || l->cs->coverage ||
      !open_written(w, l, ambi_expr_at(e, 0)) ||
      ambi_expr_size(w->params) != ambi_expr_size(e) - 1)
    return false;
  uint16_t vars[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, w->term, vars);
  for (unsigned i = 0; i < n; i++) {
    bool unset = ambi_lower_unset(l, ambi_lvar(vars[i]));
    if ((is_param(w, vars[i]) || unset) && !is_own(l, e, w->term, vars[i]))
      return false;
  }
  bool plain =
      ambi_lambdas_are_plain(l->cx, l->space, ambi_expr_size(w->params));
  if (l->cx->stop) l->failed = true;
  return plain && !l->failed;
}

bool ambi_lower_is_applied_lambda(Lower *l, Value e) {
  Written w;
  return open_applied(&w, l, e);
}

bool ambi_lower_applied_lambda(Lower *l, Value e, Value t, Dst d, ErrTo err,
                               unsigned rest) {
  Written w;
  if (!ambi_lower_any_type(t) || !open_applied(&w, l, e) ||
      !find_captured(&w, true))
    return false;
  const Lambda *f = note(&w);
  Definition *def = f ? ambi_lambda_definition(l->cs, l->space, f) : NULL;
  if (!def) {
    if (f) l->failed = true;
    return l->failed;
  }
  uint32_t n = w.ncaptured, nparams = ambi_expr_size(w.params);
  uint16_t *src = ambi_lower_new_list(l, n + nparams);
  Variant *v = ambi_definition_ask(l->cx, def)
                   ? ambi_variant(l->cs, def, AMB_SYM(UNDEFINED))
                   : NULL;
  if (!v) l->failed = true;
  if (l->failed) return true;
  int stub = n ? ambi_lower_bail_stub(l, e, t, d, err) : -1;
  for (uint32_t i = 0; i < n; i++) {
    src[i] = l->vars[w.captured[i]].slot;
    ambi_lower_emit(l, OP_I_CHKGROUND, src[i], src[i], 0);
    ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  }
  ambi_lower_tuple_sources(l, e, 1, nparams + 1, src + n, err, rest);
  ambi_lower_call(l, v, src, n + nparams, d, err);
  if (n) ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
  return true;
}
