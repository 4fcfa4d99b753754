// Functions without a name: kept, and found again from a term.
#include "runtime/bytecode/lambda.h"

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/guard.h"

enum { LISTS = 256, MOST_TRIED = 64, MOST_NODES = 400 };

struct Lambdas {
  size_t n;                                       // [lock:guard]
  AMB_ATOMIC(const Lambda *) x_list[LISTS];       // [lock>all] by kind
  AMB_ATOMIC(const Lambda *) x_at[LAMBDAS_KEPT];  // [lock>all] by number
};

// ---- kept ------------------------------------------------------------------------

Word ambi_lambda_kind(Value body) {
  body = ambi_deref(body);
  if (!ambi_is_expr(body)) return 0;
  Value head = ambi_deref(ambi_expr_at(body, 0));
  if (!ambi_is_sym(head) && !ambi_is_op(head)) return 0;
  return head.w * 31 + ambi_expr_size(body);
}

static size_t list_of(Word kind, uint32_t nparams) {
  Word h = (kind + nparams) * 0x9E3779B97F4A7C15ull;
  return (size_t)(h >> 32) % LISTS;
}

// Variables that a body makes are shown under their names.
static bool same_name(const Lambda *f, uint32_t i, Word info) {
  return i < f->ncaptured + f->nparams ||
         ambi_vinfo_name(ambi_record_kept(f->rule)->vinfo[i]) ==
             ambi_vinfo_name(info);
}

// 1 and 1.0 are equal, but not the same.
static bool same_leaf(Value a, Value b) {
  return a.w == b.w || (ambi_is_str(a) && ambi_is_str(b) && ambi_equal(a, b));
}

// Parts that memory is short of count as others.
static bool same_term(Value a, Value b) {
  ValueVec todo = {0};
  bool same = ambi_vec_push(&todo, a) && ambi_vec_push(&todo, b);
  while (same && todo.n) {
    b = todo.at[--todo.n];
    a = todo.at[--todo.n];
    uint32_t n = ambi_expr_size(a);
    if (!ambi_is_expr(a) || !ambi_is_expr(b)) {
      same = same_leaf(a, b);
      continue;
    }
    same = n == ambi_expr_size(b);
    for (uint32_t i = 0; same && i < n; i++)
      same = ambi_vec_push(&todo, ambi_expr_at(a, i)) &&
             ambi_vec_push(&todo, ambi_expr_at(b, i));
  }
  ambi_vec_drop(&todo);
  return same;
}

static bool same_names(const Lambda *f, const Template *rule) {
  bool same = true;
  for (uint32_t i = 0; i < rule->nvars; i++)
    same &= same_name(f, i, rule->vinfo[i]);
  return same;
}

static const Lambda *look_up(const struct Lambdas *all, const Template *rule,
                             const Lambda *like) {
  const Lambda *f =
      ambi_load_acquire(&all->x_list[list_of(like->kind, like->nparams)]);
  for (; f; f = f->next) {
    Template own = ambi_record_template(f->rule);
    if (f->ncaptured == like->ncaptured && f->nparams == like->nparams &&
        own.nvars == rule->nvars && same_term(own.atom, rule->atom) &&
        same_names(f, rule))
      return f;
  }
  return NULL;
}

static const Lambda *add(CodeState *cs, Template *rule, const Lambda *like) {
  struct Lambdas *all = ambi_load_relaxed(&cs->x_lambdas);
  if (all->n == LAMBDAS_KEPT) return NULL;
  Lambda *f = ambi_alloc(sizeof *f);
  if (!f) return NULL;
  *f = *like;
  f->number = (uint32_t)all->n;
  if (!ambi_record_keep(cs->rt->store, rule, &f->rule)) {
    ambi_free(f, sizeof *f);
    return NULL;
  }
  size_t list = list_of(f->kind, f->nparams);
  f->next = ambi_load_relaxed(&all->x_list[list]);
  ambi_store_release(&all->x_at[all->n++], f);
  ambi_store_release(&all->x_list[list], f);
  return f;
}

static bool open_lambdas(CodeState *cs) {
  if (ambi_load_relaxed(&cs->x_lambdas)) return true;
  struct Lambdas *all = ambi_alloc(sizeof *all);
  ambi_store_release(&cs->x_lambdas, all);
  return all != NULL;
}

const Lambda *ambi_lambda_keep(CodeState *cs, Template *rule,
                               uint32_t ncaptured, uint32_t nparams) {
  Lambda like = {.ncaptured = ncaptured,
                 .nparams = nparams,
                 .kind = ambi_lambda_kind(ambi_expr_at(rule->atom, 2))};
  const Lambda *f = NULL;
  if (open_lambdas(cs)) {
    f = look_up(ambi_load_relaxed(&cs->x_lambdas), rule, &like);
    if (!f && (f = add(cs, rule, &like)) != NULL) return f;
  }
  ambi_template_release(cs->rt->store, rule);
  return f;
}

void ambi_lambdas_close(CodeState *cs) {
  struct Lambdas *all = ambi_load_relaxed(&cs->x_lambdas);
  if (!all) return;
  for (size_t i = 0; i < all->n; i++) {
    Lambda *f = (Lambda *)(uintptr_t)ambi_load_relaxed(&all->x_at[i]);
    ambi_record_release(cs->rt->store, f->rule);
    ambi_free(f, sizeof *f);
  }
  ambi_free(all, sizeof *all);
}

// ---- as definitions ----------------------------------------------------------------

bool ambi_lambdas_are_plain(Context *cx, Space *s, uint32_t nargs) {
  CodeState *cs = cx->rt->code;
  if (nargs > LAMBDA_PARAMS || ambi_load_acquire(&cs->x_odd_rules))
    return false;
  Value key = AMB_V(ambi_term_key(3, AMB_S_LAMBDA));
  Definition *d = ambi_definition(cs, s, key, nargs + 1);
  if (!d) cx->stop = STOP_MEMORY;
  if (!d || !ambi_definition_ask(cx, d)) return false;
  DefinitionInfo info = ambi_info_of(d);
  return info.lambda && !info.dynamic;
}

Definition *ambi_lambda_definition(CodeState *cs, Space *s, const Lambda *f) {
  return ambi_definition(cs, s, ambi_small_int(f->number),
                         f->ncaptured + f->nparams);
}

const Lambda *ambi_lambda_of(const CodeState *cs, const Definition *d) {
  const struct Lambdas *all = ambi_load_acquire(&cs->x_lambdas);
  return ambi_load_acquire(&all->x_at[ambi_int_of(d->head)]);
}

bool ambi_definition_rules(const CodeState *cs, const Definition *d,
                           RecordVec *out) {
  if (!ambi_is_lambda(d))
    return ambi_space_rules(d->space, d->head, d->nargs, out);
  if (!ambi_grow((void **)&out->at, &out->cap, out->n + 1, sizeof *out->at))
    return false;
  out->at[out->n++] = ambi_lambda_of(cs, d)->rule;
  return true;
}

// ---- found again ---------------------------------------------------------------------

typedef struct Fitting {
  const Lambda *f;
  uint32_t nvars;
  Value bound[LAMBDA_VARS];  // of the rule's variables; AMB_NONE: not met yet
  Value rule[MOST_NODES], term[MOST_NODES];  // still to be compared
  unsigned n;
} Fitting;

// The variables of the function itself are different ones that have no value.
static bool variable_fits(Fitting *p, uint32_t i, Value v) {
  if (!ambi_is_none(p->bound[i])) return p->bound[i].w == v.w;
  p->bound[i] = v;
  if (i < p->f->ncaptured) return true;
  for (uint32_t k = p->f->ncaptured; k < p->nvars; k++)
    if (k != i && p->bound[k].w == v.w) return false;
  return ambi_is_var(v) && same_name(p->f, i, ambi_ptr(v)[1]);
}

// An evaluated part is not what the rule has, which is evaluated each time.
static bool node_fits(Fitting *p, Value rule, Value v) {
  if (ambi_is_lvar(rule)) return variable_fits(p, ambi_lvar_of(rule), v);
  if (!ambi_is_expr(rule)) return same_leaf(rule, v);
  if (!ambi_is_expr(v) || ambi_has_eval(v) != ambi_has_eval(rule)) return false;
  if (ambi_ptr(v) == ambi_ptr(rule) && ambi_is_ground_expr(v)) return true;
  uint32_t n = ambi_expr_size(rule);
  if (n != ambi_expr_size(v) || p->n + n > MOST_NODES) return false;
  for (uint32_t i = n; i-- > 0;) {
    p->rule[p->n] = ambi_expr_at(rule, i);
    p->term[p->n++] = ambi_deref(ambi_expr_at(v, i));
  }
  return true;
}

static bool fits(Fitting *p, Value params, Value body) {
  const Lambda *f = p->f;
  p->nvars = ambi_record_kept(f->rule)->nvars;
  for (uint32_t i = 0; i < p->nvars; i++)
    p->bound[i] = AMB_NONE;
  for (uint32_t i = 0; i < f->nparams; i++)
    if (!variable_fits(p, f->ncaptured + i,
                       ambi_deref(ambi_expr_at(params, i))))
      return false;
  p->rule[0] = ambi_expr_at(ambi_record_atom(f->rule), 2);
  p->term[0] = body;
  p->n = 1;
  while (p->n) {
    p->n--;
    if (!node_fits(p, p->rule[p->n], p->term[p->n])) return false;
  }
  return true;
}

typedef struct Own {  // of a function
  const Fitting *p;
  bool met;
} Own;

static bool meet_own(Value var, void *arg) {
  Own *own = arg;
  const Fitting *p = own->p;
  for (uint32_t k = p->f->ncaptured; k < p->nvars; k++)
    own->met |= p->bound[k].w == var.w;
  return own->met;
}

// Variables in what it has captured are new ones each time it is applied.
static bool take_captured(Context *cx, const Fitting *p, Value *captured) {
  uint32_t n = p->f->ncaptured;
  bool open = false;
  for (uint32_t i = 0; i < n; i++) {
    captured[i] = p->bound[i];
    open |= !ambi_word_ground(captured[i]);
  }
  if (!open) return true;
  Own own = {.p = p};
  Value all = ambi_make_expr(cx, captured, n);
  if (!ambi_is_none(all)) all = ambi_copy_renamed(cx, all, meet_own, &own);
  if (ambi_is_none(all)) cx->stop = STOP_MEMORY;
  for (uint32_t i = 0; i < n && !cx->stop; i++)
    if (!ambi_word_ground(captured[i])) captured[i] = ambi_expr_at(all, i);
  return !cx->stop && !own.met;
}

static const Lambda *find_in(Context *cx, const struct Lambdas *all, Word kind,
                             Value params, Value body, Value *captured) {
  uint32_t n = ambi_expr_size(params), tried = 0;
  const Lambda *f = ambi_load_acquire(&all->x_list[list_of(kind, n)]);
  Fitting p;
  for (; f && tried < MOST_TRIED; f = f->next) {
    if (f->kind != kind || f->nparams != n) continue;
    p.f = f;
    tried++;
    if (fits(&p, params, body))
      return take_captured(cx, &p, captured) ? f : NULL;
  }
  return NULL;
}

const Lambda *ambi_lambda_find(Context *cx, Value term, uint32_t nargs,
                               Value *captured) {
  const struct Lambdas *all = ambi_load_acquire(&cx->rt->code->x_lambdas);
  Value params = ambi_deref(ambi_expr_at(term, 1)),
        body = ambi_deref(ambi_expr_at(term, 2));
  if (!all || !ambi_is_expression(params) || ambi_expr_size(params) != nargs)
    return NULL;
  Word kind = ambi_lambda_kind(body);
  const Lambda *f = NULL;
  if (kind) f = find_in(cx, all, kind, params, body, captured);
  if (!f && !cx->stop) f = find_in(cx, all, 0, params, body, captured);
  return f;
}
