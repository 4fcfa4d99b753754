// Putting a unit together: instructions, constants, labels, edges, templates.
#include "runtime/bytecode/coverage.h"
#include "runtime/bytecode/lower.h"

#include <stdlib.h>

#include "memory/alloc.h"
#include "runtime/bytecode/verify.h"

static bool grow(Lower *l, void *array, size_t *cap, size_t need, size_t item) {
  if (!ambi_grow((void **)array, cap, need, item)) l->failed = true;
  return !l->failed;
}

enum { NOT_USED = -1, USED = -2 };  // labels that are not bound

uint16_t ambi_lower_slot(Lower *l) {
  if (l->slots->next >= MAX_SLOTS - 1) {
    l->refused = true;
    return 0;
  }
  uint16_t slot = (uint16_t)l->slots->next++;
  if (l->slots->next > l->frame) l->frame = l->slots->next;
  return slot;
}

uint16_t ambi_lower_scratch(Lower *l) {
  if (l->slots->scratch == NO_SLOT) l->slots->scratch = ambi_lower_slot(l);
  return l->slots->scratch;
}

int ambi_lower_label(Lower *l) {
  if (!grow(l, &l->labels, &l->labels_cap, l->nlabels + 1, sizeof *l->labels))
    return 0;
  l->labels[l->nlabels] = NOT_USED;
  return (int)l->nlabels++;
}

void ambi_lower_use(Lower *l, int label) {
  if (!l->failed && l->labels[label] == NOT_USED) l->labels[label] = USED;
}

bool ambi_lower_used(const Lower *l, int label) {
  return !l->failed && l->labels[label] != NOT_USED;
}

void ambi_lower_bind(Lower *l, int label) {
  if (!l->failed) l->labels[label] = (int64_t)l->ncode;
}

static Code *word(Lower *l) {
  if (!grow(l, &l->code, &l->code_cap, l->ncode + 1, sizeof *l->code))
    return &l->no_code;
  Code *c = &l->code[l->ncode++];
  c->w = 0;
  return c;
}

// Does what follows the instruction, or stands inside of what it begins, come with
// each of several results?
static bool leaves_choices(enum Opcode op) {
  switch (op) {
  case OP_I_TRY:
  case OP_I_FORKV:
  case OP_I_MATCH:
  case OP_I_MATCHF:
  case OP_I_COLLECT:
  case OP_I_DEEPEN:
  case OP_I_CASE:
  case OP_I_ONCE:
  case OP_I_BUILTIN:
  case OP_I_CALL: return true;
  default: return (ambi_ops[op].flags & X_PUSH) != 0;
  }
}

Code *ambi_lower_emit(Lower *l, enum Opcode op, unsigned a, unsigned b,
                      unsigned c) {
  l->last = l->ncode;
  bool runs = leaves_choices(op);
  l->ran |= runs;
  l->choices |= runs && l->in_body;
  Code *w = word(l);
  w->op = (uint16_t)op;
  w->a = (uint16_t)a;
  w->b = (uint16_t)b;
  w->c = (uint16_t)c;
  return w;
}

static void fix(Lower *l, size_t at, size_t in, unsigned half, int label) {
  if (!grow(l, &l->fixups, &l->fixups_cap, l->nfixups + 1, sizeof *l->fixups))
    return;
  l->fixups[l->nfixups++] =
      (Fixup){(uint32_t)at, (uint32_t)in, (uint8_t)half, label};
  ambi_lower_use(l, label);
}

void ambi_lower_jump(Lower *l, enum Opcode op, unsigned a, unsigned b,
                     int label) {
  ambi_lower_emit(l, op, a, b, 0);
  fix(l, l->ncode - 1, l->ncode - 1, 3, label);
}

void ambi_lower_varl(Lower *l, int label) {
  word(l);
  fix(l, l->last, l->ncode - 1, 2, label);
}

void ambi_lower_list(Lower *l, const uint16_t *list, unsigned n) {
  for (unsigned i = 0; i < n; i += 4) {
    Code *w = word(l);
    for (unsigned j = 0; j < 4 && i + j < n; j++)
      w->half[j] = list[i + j];
  }
}

uint16_t *ambi_lower_new_list(Lower *l, uint32_t n) {
  uint16_t *list = ambi_arena_alloc(&l->arena, (n + 2) * sizeof *list);
  if (!list) l->failed = true;
  return list;
}

void ambi_lower_edge_at(Lower *l, size_t at, int label) {
  if (!grow(l, &l->edge_labels, &l->edge_labels_cap, l->nedge_labels + 1,
            sizeof *l->edge_labels))
    return;
  l->edge_labels[l->nedge_labels].at = (uint32_t)at;
  l->edge_labels[l->nedge_labels++].label = label;
  ambi_lower_use(l, label);
}

void ambi_lower_repeat(Lower *l, size_t at) {
  if (l->failed) return;
  unsigned words = ambi_op_words(l->code + at);
  l->last = l->ncode;
  for (unsigned i = 0; i < words; i++) {
    Code *w = word(l);
    if (!l->failed) *w = l->code[at + i];
  }
  for (size_t i = 0, n = l->nedge_labels; !l->failed && i < n; i++)
    if (l->edge_labels[i].at == at)
      ambi_lower_edge_at(l, l->last, l->edge_labels[i].label);
}

void ambi_lower_edge(Lower *l, int label) {
  ambi_lower_edge_at(l, l->last, label);
}

uint16_t ambi_lower_const(Lower *l, Word w) {
  for (size_t i = 0; i < l->nk; i++)
    if (l->k[i] == w) return (uint16_t)i;
  if (l->nk >= 0x3FF0) {
    l->refused = true;
    return 0;
  }
  if (!grow(l, &l->k, &l->k_cap, l->nk + 1, sizeof *l->k)) return 0;
  l->k[l->nk] = w;
  return (uint16_t)l->nk++;
}

// What lowering has put together itself is not kept by anybody else.
uint16_t ambi_lower_k(Lower *l, Value v) {
  if (ambi_is_expr(v) && ambi_in_heap(l->cx, ambi_ptr(v)))
    v = AMB_V(ambi_lower_kept(l, v).w | (v.w & AMB_EXPR_MARKS));
  return (uint16_t)(SRC_CONST + ambi_lower_const(l, v.w));
}

Stub *ambi_lower_stub(Lower *l, enum StubKind kind) {
  int entry = ambi_lower_label(l), back = ambi_lower_label(l);
  if (!grow(l, &l->stubs, &l->stubs_cap, l->nstubs + 1, sizeof *l->stubs))
    return &l->no_stub;
  Stub *s = &l->stubs[l->nstubs++];
  *s = (Stub){.kind = kind,
              .entry = entry,
              .back = back,
              .back_to = NO_LABEL,
              .no = NO_LABEL,
              .rule = l->rule,
              .rule_number = l->rule_number,
              .choices = l->choices,
              .counted = l->counted,
              .first = l->first,
              .each = l->each,
              .slots = l->slots};
  s->vars = ambi_arena_alloc(&l->arena, sizeof l->vars);
  if (s->vars)
    memcpy(s->vars, l->vars, sizeof l->vars);
  else
    l->failed = true;
  return s;
}

void ambi_lower_error_edge(Lower *l, uint16_t slot, ErrTo err) {
  size_t at = l->last;
  Stub *s = ambi_lower_stub(l, STUB_ERROR);
  s->from = slot;
  s->err = err;
  ambi_lower_edge_at(l, at, s->entry);
}

void ambi_lower_take(Lower *l, uint16_t slot, uint16_t pos, ErrTo err) {
  enum Opcode op = ambi_lower_taken_by(l, slot);
  ambi_lower_emit(l, op, slot, op == OP_I_R_STORE ? 0 : pos, 0);
  if (op != OP_I_R_STORE) ambi_lower_error_edge(l, slot, err);
}

void ambi_lower_raise(Lower *l, uint16_t slot, ErrTo err) {
  if (err.ret) {
    ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
    return;
  }
  if (slot != err.slot) ambi_lower_emit(l, OP_I_MOVE, err.slot, slot, 0);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, err.label);
}

// ---- templates ---------------------------------------------------------------------

unsigned ambi_lower_vars_of(Lower *l, Value term, uint16_t *vars) {
  bool seen[MAX_VARS] = {false};
  unsigned n = 0;
  ValueVec todo = {0};
  if (!ambi_vec_push(&todo, term)) l->failed = true;
  while (todo.n) {
    Value v = todo.at[--todo.n];
    if (ambi_is_lvar(v)) {
      uint32_t i = ambi_lvar_of(v);
      if (i < MAX_VARS && !seen[i]) {
        seen[i] = true;
        vars[n++] = (uint16_t)i;
      }
    } else if (ambi_is_expr(v) && !ambi_is_ground_expr(v)) {
      for (uint32_t i = ambi_expr_size(v); i-- > 0;)
        if (!ambi_vec_push(&todo, ambi_expr_at(v, i))) l->failed = true;
    }
  }
  ambi_vec_drop(&todo);
  return n;
}

Value ambi_lower_on_heap(Lower *l, Value term) {
  Value env[MAX_VARS];
  for (unsigned i = 0; i < MAX_VARS; i++)
    env[i] = AMB_NONE;
  Value heap = ambi_instantiate_part(l->cx, term, l->rule, env, true);
  if (ambi_is_none(heap)) l->failed = true;
  return heap;
}

Template *ambi_lower_own(Lower *l, Template *from) {
  Template *t = ambi_alloc(sizeof *t);
  if (!t || !grow(l, &l->templates, &l->templates_cap, l->ntemplates + 1,
                  sizeof *l->templates)) {
    ambi_free(t, sizeof *t);
    ambi_template_release(l->cx->rt->store, from);
    l->failed = true;
    return NULL;
  }
  *t = *from;
  l->templates[l->ntemplates++] = t;
  return t;
}

// The term with its variables renumbered from 0 in order of first occurrence.
static Template *template_of(Lower *l, Value term, const uint16_t *vars,
                             unsigned n) {
  Template made;
  if (l->failed) return NULL;
  Value heap = ambi_lower_on_heap(l, term);
  if (ambi_is_none(heap) ||
      !ambi_template_make(l->cx->rt->store, heap, &made)) {
    l->failed = true;
    return NULL;
  }
  AMB_CHECK(made.nvars == n);
  (void)vars;
  (void)n;
  return ambi_lower_own(l, &made);
}

Value ambi_lower_kept(Lower *l, Value term) {
  if (ambi_is_none(term)) l->failed = true;
  if (l->failed || !ambi_is_expr(term) || !ambi_is_ground_expr(term))
    return term;
  Template *t = template_of(l, term, NULL, 0);
  return t ? t->atom : term;
}

static bool has_namesake(const Lower *l, uint32_t v) {
  uint32_t name = ambi_vinfo_name(l->rule->vinfo[v]);
  for (uint32_t i = 0; i < l->rule->nvars; i++)
    if (i != v && ambi_vinfo_name(l->rule->vinfo[i]) == name) return true;
  return false;
}

// Is the variable, if it is made here, made once for each choice? Then it has the stamp of
// the frame (of two with one name that would be in vain), or the form or map has made it
// before. What is lowered is lowered again when it turns out that this is needed.
static bool made_late(Lower *l, uint32_t v) {
  bool before = l->form || l->loop == MAP;
  if (!l->choices ||
      (!before && l->loop == NO_LOOP && l->rule_number >= MAX_RULES))
    return false;
  if (l->loop != MAP && has_namesake(l, v)) return false;
  uint32_t which = before ? v : l->loop == FOLD ? 0 : l->rule_number;
  uint64_t bit = (uint64_t)1 << which % 64;
  l->late[which / 64] |= bit;
  return (l->stamped[which / 64] & bit) != 0;
}

static void take_own(Lower *l, const Var *var) {
  uint16_t step = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_INDEX, step, l->for_steps, STEP_INDEX);
  ambi_lower_edge(l, ambi_lower_fail_label(l));
  ambi_lower_emit(l, OP_I_INDEX, var->slot, step,
                  ambi_lower_k(l, ambi_small_int(var->made)));
  ambi_lower_edge(l, ambi_lower_fail_label(l));
}

static bool made_before(Lower *l, uint32_t v) {
  Var *var = &l->vars[v];
  if (!made_late(l, v) || var->made == NO_SLOT) return false;
  if (l->loop == MAP)
    take_own(l, var);
  else
    ambi_lower_emit(l, OP_I_MOVE, var->slot, var->made, 0);
  return true;
}

void ambi_lower_early(Lower *l) {
  for (uint32_t v = 0; v < l->rule->nvars; v++) {
    if (!((l->stamped[v / 64] >> v % 64) & 1)) continue;
    ambi_lower_var(l, v);
    l->vars[v].made = l->vars[v].slot;
    l->vars[v].slot = NO_SLOT;
  }
}

void ambi_lower_env(Lower *l, enum Opcode op, uint16_t a, Value term,
                    int else_label) {
  uint16_t vars[MAX_VARS], list[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, term, vars);
  Template *t = template_of(l, term, vars, n);
  if (!t) return;
  for (unsigned i = 0; i < n; i++) {
    Var *v = &l->vars[vars[i]];
    if (v->slot == NO_SLOT) {
      v->slot = v->pre != NO_SLOT ? v->pre : ambi_lower_slot(l);
      list[i] = v->slot;
      if ((op != OP_I_MATCHF || l->loop == MAP) && made_before(l, vars[i]))
        continue;
      list[i] |= ENV_NEW;
      if (made_late(l, vars[i])) list[i] |= ENV_LATE;
    } else {
      list[i] = v->slot;
    }
  }
  size_t at = l->ncode;
  ambi_lower_emit(l, op, a, n, ambi_lower_const(l, (Word)(uintptr_t)t));
  ambi_lower_list(l, list, n);
  if (op == OP_I_UNIFYE) {
    word(l);
    fix(l, at, l->ncode - 1, 2, else_label);
  }
}

void ambi_lower_var(Lower *l, uint32_t i) {
  Var *v = &l->vars[i];
  if (v->slot != NO_SLOT) return;
  v->slot = v->pre != NO_SLOT ? v->pre : ambi_lower_slot(l);
  if (made_before(l, i)) return;
  Word info = l->rule->vinfo[i];
  if (l->rule_number <
          MAX_RULES &&  // a body that is it is asked for with another
      ambi_same(ambi_expr_at(l->rule->atom, 2), ambi_lvar(i)))
    info = ambi_vinfo(AMB_S_X, AMB_VAR_ASKED);
  else if (!l->form)
    info = ambi_vinfo(ambi_vinfo_name(info), AMB_VAR_FRESH);
  ambi_lower_emit(l, OP_I_FRESH, v->slot, ambi_lower_const(l, info),
                  made_late(l, i) ? l->stamp : 0);
}

void ambi_lower_prepare(Lower *l, Value term) {
  uint16_t vars[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, term, vars);
  for (unsigned i = 0; i < n; i++)
    ambi_lower_var(l, vars[i]);
}

// ---- finishing ------------------------------------------------------------------------

static void resolve_labels(Lower *l) {
  for (size_t i = 0; i < l->nfixups; i++) {
    Fixup *f = &l->fixups[i];
    int64_t to = l->labels[f->label], delta = to - (int64_t)f->at;
    if (to < 0 || delta > INT16_MAX || delta < INT16_MIN)
      l->refused = true;
    else
      l->code[f->word].half[f->half] = (uint16_t)(int16_t)delta;
  }
  for (size_t i = 0; i < l->nswitches; i++) {
    Switch *s = &l->switches[i];
    s->other = (uint32_t)l->labels[s->other];
    s->open = (uint32_t)l->labels[s->open];
    for (uint32_t j = 0; j < s->n; j++)
      s->cases[j].to = (uint32_t)l->labels[s->cases[j].to];
  }
}

static int by_at(const void *a, const void *b) {
  const ErrorEdge *x = a, *y = b;
  return x->at < y->at ? -1 : x->at > y->at;
}

// Cuts an array to the items it has.
static bool cut(Lower *l, void *array, size_t *cap, size_t n, size_t item) {
  bool ok = ambi_shrink(array, cap, n, item);
  if (!ok) l->failed = true;
  return ok;
}

static bool cut_all(Lower *l) {
  return cut(l, &l->code, &l->code_cap, l->ncode, sizeof *l->code) &&
         cut(l, &l->k, &l->k_cap, l->nk, sizeof *l->k) &&
         cut(l, &l->edges, &l->edges_cap, l->nedge_labels, sizeof *l->edges) &&
         cut(l, &l->switches, &l->switches_cap, l->nswitches,
             sizeof *l->switches) &&
         cut(l, &l->templates, &l->templates_cap, l->ntemplates,
             sizeof *l->templates);
}

// Hands the arrays over.
static void move_to_unit(Lower *l, Unit *u) {
  u->code = l->code;
  u->k = l->k;
  u->edges = l->edges;
  u->switches = l->switches;
  u->templates = l->templates;
  u->ncode = (uint32_t)l->ncode;
  u->nk = (uint32_t)l->nk;
  u->nedges = (uint32_t)l->nedge_labels;
  u->nswitches = (uint32_t)l->nswitches;
  u->ntemplates = (uint32_t)l->ntemplates;
  l->code = NULL;
  l->k = NULL;
  l->edges = NULL;
  l->switches = NULL;
  l->templates = NULL;
  l->code_cap = l->k_cap = l->edges_cap = l->switches_cap = l->templates_cap =
      0;
  l->nswitches = l->ntemplates = 0;
}

static bool make_edges(Lower *l) {
  if (!grow(l, &l->edges, &l->edges_cap, l->nedge_labels, sizeof *l->edges))
    return false;
  for (size_t i = 0; i < l->nedge_labels; i++)
    l->edges[i] = (ErrorEdge){l->edge_labels[i].at,
                              (uint32_t)l->labels[l->edge_labels[i].label]};
  if (l->nedge_labels)
    qsort(l->edges, l->nedge_labels, sizeof *l->edges, by_at);
  return true;
}

void ambi_lower_mark_rule(Lower *l, const Template *rule, int kind) {
  if (AMB_LIKELY(!l->cs->coverage) || l->failed) return;
  uint32_t number = ambi_coverage_rule(l->cs, rule);
  if (number == UINT32_MAX ||
      !grow(l, &l->marks, &l->marks_cap, l->nmarks + 1, sizeof *l->marks))
    return;
  l->marks[l->nmarks++] = (CoverMark){
      .at = (uint32_t)l->ncode, .rule = number, .kind = (enum CoverKind)kind};
}

// The unit's counts take the marks over. Without memory it has none.
static void cover(Lower *l, Unit *u) {
  CoverMark *marks = ambi_realloc(l->marks, l->marks_cap * sizeof *marks,
                                  l->nmarks * sizeof *marks);
  if (!marks) return;
  l->marks = NULL;
  l->marks_cap = 0;
  u->cover = ambi_coverage_unit(l->cs, marks, (uint32_t)l->nmarks, u->ncode);
}

Unit *ambi_lower_finish(Lower *l, uint32_t nargs) {
  if (l->cs->starved) l->failed = true;
  l->cs->starved = false;
  if (l->failed || l->refused) return NULL;
  resolve_labels(l);
  if (l->refused || !make_edges(l) || !cut_all(l)) return NULL;
  Unit *u = ambi_alloc(sizeof *u);
  if (!u) {
    l->failed = true;
    return NULL;
  }
  move_to_unit(l, u);
  u->store = l->cx->rt->store;
  u->nslots = l->frame;
  u->nargs = nargs;
  u->stamp = l->stamp;
  u->form = l->form;
  u->variant = l->variant;
  u->space = l->space;
  u->epoch = ambi_code_epoch(l->cs);
  u->nhost = l->cx->rt->host_ops.n;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (ambi_ops[u->code[at].op].flags & X_CALL)
      u->code[at + 1].half[0] = (uint16_t)u->nslots;
  if (!ambi_unit_liveness(u)) {
    ambi_unit_free(u);
    l->failed = true;
    return NULL;
  }
  if (l->nmarks) cover(l, u);
  ambi_unit_ready(l->cs, u);
  AMB_CHECK_UNIT(u);
  u->next = l->cs->units;
  l->cs->units = u;
  return u;
}

bool ambi_lower_open(Lower *l, Context *cx, Space *s) {
  *l = (Lower){.cx = cx,
               .space = s,
               .cs = cx->rt->code,
               .bail = NO_LABEL,
               .arg_bail = NO_LABEL,
               .whole_call = NO_LABEL,
               .first = NO_SLOT,
               .each = NO_SLOT,
               .position = NO_SLOT,
               .applied = NO_SLOT,
               .rule_number = MAX_RULES,
               .own = {.scratch = NO_SLOT}};
  l->slots = &l->own;
  ambi_arena_open(&l->arena);
  for (unsigned i = 0; i < MAX_VARS; i++)
    l->vars[i] = (Var){NO_SLOT, NO_SLOT, NO_SLOT};
  l->fail = NO_LABEL;
  return true;
}

void ambi_lower_close(Lower *l) {
  for (size_t i = 0; i < l->nswitches; i++)
    ambi_free(l->switches[i].cases, l->switches[i].n * sizeof(SwitchCase));
  for (size_t i = 0; i < l->ntemplates; i++) {
    ambi_template_release(l->cx->rt->store, l->templates[i]);
    ambi_free(l->templates[i], sizeof(Template));
  }
  ambi_free(l->code, l->code_cap * sizeof *l->code);
  ambi_free(l->k, l->k_cap * sizeof *l->k);
  ambi_free(l->edges, l->edges_cap * sizeof *l->edges);
  ambi_free(l->switches, l->switches_cap * sizeof *l->switches);
  ambi_free(l->templates, l->templates_cap * sizeof *l->templates);
  ambi_free(l->labels, l->labels_cap * sizeof *l->labels);
  ambi_free(l->fixups, l->fixups_cap * sizeof *l->fixups);
  ambi_free(l->stubs, l->stubs_cap * sizeof *l->stubs);
  ambi_free(l->edge_labels, l->edge_labels_cap * sizeof *l->edge_labels);
  ambi_free(l->marks, l->marks_cap * sizeof *l->marks);
  ambi_arena_close(&l->arena);
}
