// Definitions and forms -> units: the rules fetched, their bodies lowered.
//
// How the rules of one head are told apart is in lower_head.c. Bodies stand once,
// whichever of a rule's heads control comes from.
#include "runtime/bytecode/coverage.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/bytecode/lower_head.h"

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/machine/routine.h"

enum { MAX_ARGS = 60 };

// ---- bodies -------------------------------------------------------------------------

void ambi_lower_use_rule(Lower *l, Rule *r) {
  l->rule = r->tmpl;
  l->rule_number = r->number;
  l->slots = &r->slots;
  l->uses = NULL;
  memcpy(l->vars, r->vars, sizeof l->vars);
}

// The children of the call: so many sources.
static uint32_t call_members(Heads *h, uint16_t *list) {
  uint32_t n = 0;
  if (!h->applied) list[n++] = ambi_lower_k(h->l, h->head);
  for (uint32_t i = 0; i < h->nargs; i++)
    list[n++] = (uint16_t)i;
  return n;
}

uint16_t ambi_lower_call_atom(Heads *h, bool own_value) {
  Lower *l = h->l;
  uint16_t list[MAX_CALL_ARGS + 1];
  uint32_t n = call_members(h, list);
  uint16_t slot = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_MKEXPR, slot, n, own_value);
  ambi_lower_list(l, list, n);
  return slot;
}

// A typed call that is its own value is checked again when it is evaluated again,
// unless it is what was to be evaluated.
static uint16_t stayed(Heads *h) {
  uint16_t call = ambi_lower_call_atom(h, h->own_value);
  if (h->unevaluated) ambi_lower_emit(h->l, OP_I_OWN, call, call, 0);
  return call;
}

void ambi_lower_data_code(Heads *h) {
  ambi_lower_emit(h->l, OP_I_RET, stayed(h), 0, 0);
}

static bool built_only(Value rhs) {  // evaluation is not wanted or is odd
  if (!ambi_is_expr(rhs)) return false;
  Value head = ambi_expr_at(rhs, 0);
  return ambi_is_function(rhs) || head.w == AMB_SYM(ERROR).w;
}

// A call that gives its body unevaluated: may that be the call itself? Then it counts as
// evaluated, if the arguments are as they were.
static bool may_name_call(const Heads *h, Value rhs) {
  if (ambi_expr_size(rhs) != h->nargs + !h->applied) return false;
  Value head = ambi_expr_at(rhs, 0);
  return h->applied || ambi_is_lvar(head) || head.w == h->head.w;
}

// The rule's body is a variable: what it holds may send back to the call.
static void variable_body(Heads *h, Rule *r) {
  Lower *l = h->l;
  uint16_t from = ambi_lower_term(l, r->rhs);
  ambi_lower_emit(l, OP_I_RETV, from, ambi_lower_const(l, h->type.w), 1);
  if (!ambi_is_expr(r->lhs)) return;
  size_t at = l->last;
  int stub = ambi_lower_body_stub(l, from, r->lhs, h->type, (Dst){.tail = true},
                                  (ErrTo){.ret = true});
  Stub *s = ambi_lower_stub_at(l, stub);
  ambi_lower_edge_at(l, at, s->entry);
  s->own = h->own_value;
  s->stayed = h->unevaluated;
  s->list = ambi_lower_new_list(l, h->nargs + 1);
  if (l->failed) return;
  s->nlist = call_members(h, s->list);
}

// It may look like the call, which counts as evaluated then, if it is that.
static void ask_for_call(Heads *h, uint16_t slot) {
  Lower *l = h->l;
  int stub = ambi_lower_body_stub(l, slot, AMB_UNIT, AMB_SYM(T_ATOM),
                                  (Dst){.tail = true}, (ErrTo){.ret = true});
  Stub *s = ambi_lower_stub_at(l, stub);
  int entry = s->entry, back = s->back;
  s->own = h->own_value;
  s->stayed = true;
  s->list = ambi_lower_new_list(l, h->nargs + 1);
  if (l->failed) return;
  s->nlist = call_members(h, s->list);
  Word key = ambi_term_key(h->nargs + 1, ambi_sym_of(h->head));
  ambi_lower_jump(l, OP_I_TESTF, slot, ambi_lower_const(l, key), back);
  ambi_lower_varl(l, back);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, entry);
  ambi_lower_bind(l, back);
}

void ambi_lower_give_built(Lower *l, uint16_t slot, Dst d) {
  if (d.tail && l->built) ask_for_call(l->built, slot);
  ambi_lower_give(l, slot, d);
}

static bool has_stamp(const Lower *l, unsigned rule) {
  return (l->stamped[rule / 64] >> rule % 64) & 1;
}

static void body_code(Heads *h, Rule *r) {
  Lower *l = h->l;
  ambi_lower_use_rule(l, r);
  ambi_lower_note_lambdas(l, r->rhs);
  l->linear = l->tabled && ambi_lower_is_linear(l, r->rhs);
  if (has_stamp(l, r->number))
    ambi_lower_emit(l, OP_I_MOVE, l->stamp - 1,
                    ambi_lower_k(l, ambi_small_int(0)), 0);
  Dst d = {.tail = true};
  ErrTo err = {.ret = true};
  if (r->rhs.w == AMB_SYM(NOT_REDUCIBLE).w) {
    ambi_lower_data_code(h);
  } else if (built_only(r->rhs)) {
    uint16_t body = ambi_lower_in_slot(l, ambi_lower_term(l, r->rhs));
    if (ambi_expr_at(r->rhs, 0).w == AMB_SYM(ERROR).w)
      ambi_lower_emit(l, OP_I_RET, body, 0, 0);
    else
      ambi_lower_emit(l, OP_I_BODYT, stayed(h), body,
                      ambi_lower_const(l, h->type.w));
  } else if (ambi_is_lvar(r->rhs)) {
    variable_body(h, r);
  } else if (h->type.w == AMB_SYM(T_ATOM).w) {
    if (r->rhs.w == AMB_SYM(EMPTY).w)
      ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
    else if (may_name_call(h, r->rhs))
      ambi_lower_emit(l, OP_I_BODYT, stayed(h),
                      ambi_lower_in_slot(l, ambi_lower_term(l, r->rhs)),
                      ambi_lower_const(l, h->type.w));
    else
      ambi_lower_give(l, ambi_lower_term(l, r->rhs), d);
  } else {
    ambi_lower_prepare_shown(l, r->rhs);
    l->body = r->rhs;
    ambi_lower_expr(l, r->rhs, h->type, d, err, 0);
  }
}

static bool is_single(const Lower *l, size_t at) {
  if (l->failed) return false;
  const Code *pc = l->code + at;
  return (pc->op == OP_I_TAILCALL || pc->op == OP_I_RET) &&
         at + ambi_op_words(pc) == l->ncode;
}

// Control arrives with the rule's variables in their slots. What is no longer than a
// jump to it stands wherever it is often needed: there more is known of where it comes
// from.
void ambi_lower_to_body(Heads *h, Rule *r, bool often) {
  Lower *l = h->l;
  if (r->emitted && r->single && often) {
    ambi_lower_mark_rule(l, r->tmpl, COVER_TAKEN);
    ambi_lower_repeat(l, r->at);
    return;
  }
  if (r->emitted) {
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, r->body);
    return;
  }
  ambi_lower_bind(l, r->body);
  ambi_lower_mark_rule(l, r->tmpl, COVER_TAKEN);
  r->emitted = true;
  r->at = l->ncode;
  l->in_body = true;
  l->ran = r->number > 0;
  body_code(h, r);
  r->single = is_single(l, r->at);
  l->in_body = l->choices = l->linear = false;
}

// ---- definitions ----------------------------------------------------------------------------

static bool are_open(Value v) {
  return ambi_is_bindings(v) && !ambi_word_ground(v);
}

// Lowering recurses over terms, and takes what is no expression for a constant or a
// variable. Deeper terms, and those with bindings of variables in them, which are the
// rule's, are left to EVAL, which does neither.
static bool is_odd(CodeState *cs, Value term) {
  enum { MAX_DEPTH = 300 };
  ValueVec now = {0}, next = {0};
  bool ok = ambi_vec_push(&now, term), found = are_open(term);
  unsigned depth = 0;
  for (; ok && !found && now.n && depth < MAX_DEPTH; depth++) {
    next.n = 0;
    for (size_t i = 0; ok && i < now.n; i++)
      for (uint32_t j = 0; ok && j < ambi_expr_size(now.at[i]); j++) {
        Value child = ambi_expr_at(now.at[i], j);
        found |= are_open(child);
        if (ambi_is_expr(child)) ok = ambi_vec_push(&next, child);
      }
    ValueVec swap = now;
    now = next;
    next = swap;
  }
  ambi_vec_drop(&now);
  ambi_vec_drop(&next);
  if (!ok) cs->starved = true;
  return !ok || found || depth == MAX_DEPTH;
}

// Is the body a variable that the head does not have? The reference then gives the
// variable it asks for bodies with, which is one for all rules of the call.
static bool gives_asked(CodeState *cs, const Template *t) {
  Value body = ambi_expr_at(t->atom, 2);
  if (!ambi_is_lvar(body) || is_odd(cs, t->atom)) return false;
  ValueVec todo = {0};
  bool ok = ambi_vec_push(&todo, ambi_expr_at(t->atom, 1)), found = false;
  while (ok && todo.n && !found) {
    Value v = todo.at[--todo.n];
    found = v.w == body.w;
    for (uint32_t i = 0; ok && ambi_is_expr(v) && i < ambi_expr_size(v); i++)
      ok = ambi_vec_push(&todo, ambi_expr_at(v, i));
  }
  ambi_vec_drop(&todo);
  return ok && !found;
}

// If several rules do, their variable gets the slot behind the arguments.
static void make_asked(Heads *h, const RecordVec *records) {
  unsigned n = 0;
  for (size_t i = 0; i < records->n; i++) {
    Template t = ambi_record_template(records->at[i]);
    n += gives_asked(h->l->cs, &t);
  }
  if (n < 2) return;
  Lower *l = h->l;
  h->asked = true;
  l->own.next = l->frame = h->nargs + 1;
  ambi_lower_emit(l, OP_I_FRESH, (uint16_t)h->nargs,
                  ambi_lower_const(l, ambi_vinfo(AMB_S_X, AMB_VAR_ASKED)), 0);
}

static bool load_rule(Heads *h, Record r, unsigned number, Rule *out) {
  Lower *l = h->l;
  out->own = ambi_record_template(r);
  const Template *t = &out->own;
  if (t->nvars > MAX_VARS || is_odd(l->cs, t->atom)) {
    l->refused = true;
    return false;
  }
  out->tmpl = t;
  out->number = number;
  out->lhs = ambi_expr_at(t->atom, 1);
  out->rhs = ambi_expr_at(t->atom, 2);
  out->first = !h->applied;
  out->body = ambi_lower_label(l);
  out->emitted = out->single = false;
  out->slots = (Slots){l->own.next, NO_SLOT};
  l->slots = &out->slots;
  for (unsigned i = 0; i < MAX_VARS; i++)
    out->vars[i] = (Var){NO_SLOT, NO_SLOT, NO_SLOT};
  for (uint32_t i = 0; i < h->nargs; i++) {
    Value p = ambi_rule_pattern(out, i);
    if (ambi_is_lvar(p) && out->vars[ambi_lvar_of(p)].slot == NO_SLOT)
      out->vars[ambi_lvar_of(p)].slot = (uint16_t)i;
  }
  l->rule = t;
  uint16_t vars[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, out->lhs, vars);
  for (unsigned i = 0; i < n; i++)
    if (out->vars[vars[i]].slot == NO_SLOT)
      out->vars[vars[i]].slot = ambi_lower_slot(l);
  if (h->asked && gives_asked(l->cs, t))
    out->vars[ambi_lvar_of(out->rhs)].slot = (uint16_t)h->nargs;
  return true;
}

// Is a call that no rule applies to marked as evaluated?
static bool is_own_value(CodeState *cs, const Variant *v) {
  return v->same || (!v->made && ambi_info_of(v->def).untyped &&
                     !ambi_rules_may_change(cs));
}

static Unit *dynamic_unit(Context *cx, Variant *v) {
  Lower l;
  ambi_lower_open(&l, cx, v->def->space);
  l.variant = v;
  l.own.next = l.frame = v->def->nargs;
  Heads h = {.l = &l,
             .nargs = v->def->nargs,
             .head = v->def->head,
             .applied = ambi_is_applied(v->def)};
  bool own_value = is_own_value(cx->rt->code, v);
  ambi_lower_emit(&l, OP_I_QUERYT, ambi_lower_call_atom(&h, own_value),
                  ambi_lower_const(&l, v->type.w), 0);
  Unit *u = ambi_lower_finish(&l, v->def->nargs);
  ambi_lower_close(&l);
  if (!u) cx->stop = STOP_MEMORY;
  return u;
}

// The same for a function without a name, which no space has: its body is evaluated as
// data.
static Unit *body_unit(Context *cx, Variant *v, Record record) {
  Lower l;
  ambi_lower_open(&l, cx, v->def->space);
  l.variant = v;
  l.own.next = l.frame = v->def->nargs;
  Heads h = {.l = &l, .nargs = v->def->nargs, .head = v->def->head};
  Rule *r = ambi_arena_alloc(&l.arena, sizeof *r);
  if (!r) l.failed = true;
  if (r && load_rule(&h, record, 0, r)) {
    ambi_lower_use_rule(&l, r);
    ambi_lower_generic(&l, r->rhs, v->type, (Dst){.tail = true},
                       (ErrTo){.ret = true});
    ambi_lower_stubs(&l);
  }
  Unit *u = ambi_lower_finish(&l, v->def->nargs);
  ambi_lower_close(&l);
  if (!u) cx->stop = STOP_MEMORY;
  return u;
}

// Do all arguments of the call arrive as they are written?
static bool takes_atoms(Lower *l, Value call) {
  if (!ambi_is_expr(call)) return false;
  Head h = ambi_lower_head_of(l, call);
  bool all = h.kind == HEAD_TYPED;
  for (uint32_t i = 1; all && i < ambi_expr_size(call); i++)
    all = ambi_deref(ambi_expr_at(h.ftype, i)).w == AMB_SYM(T_ATOM).w;
  return all;
}

static bool lower_rules(Lower *l, Variant *v, RecordVec *records) {
  Definition *d = v->def;
  l->unstable = ambi_effects_definition(l->cs, d) & E_RULES;
  DefinitionInfo info = ambi_info_of(d);
  l->tabled = info.tabled;
  l->counted = v->counted;
  Heads h = {.l = l,
             .nargs = d->nargs,
             .own_value = info.untyped && is_own_value(l->cs, v),
             .unevaluated = v->same && !info.untyped,
             .head = d->head,
             .applied = ambi_is_applied(d),
             .type = v->type,
             .nrules = (uint32_t)records->n};
  if (v->same && ambi_is_sym(h.head) && ambi_may_build(l->cs, d)) l->built = &h;
  h.rules = ambi_arena_alloc(&l->arena, (records->n + 1) * sizeof *h.rules);
  if (!h.rules) {
    l->failed = true;
    return false;
  }
  l->own.next = l->frame = d->nargs;
  make_asked(&h, records);
  h.made = l->counted ? ambi_lower_slot(l) : NO_SLOT;
  for (size_t i = 0; i < records->n && !l->stamp; i++)
    if (has_stamp(l, (unsigned)i)) l->stamp = ambi_lower_slot(l) + 1u;
  for (size_t i = 0; i < records->n; i++) {
    h.rules[i] = ambi_arena_alloc(&l->arena, sizeof(Rule));
    if (!h.rules[i]) {
      l->failed = true;
      return false;
    }
    if (!load_rule(&h, records->at[i], (unsigned)i, h.rules[i])) return false;
  }
  for (size_t i = 0; i < records->n && !v->made && !h.unevaluated; i++)
    h.unevaluated = takes_atoms(l, h.rules[i]->lhs);
  ambi_lower_heads(&h);
  ambi_lower_stubs(l);
  l->built = NULL;
  return true;
}

// An atom with a variable head is a rule as well, where that stands for `=`.
static bool all_equations(const RecordVec *records) {
  for (size_t i = 0; i < records->n; i++)
    if (!ambi_same(ambi_expr_at(ambi_record_atom(records->at[i]), 0),
                   AMB_SYM(EQ)))
      return false;
  return true;
}

// See literal.c: of what is evaluated like that, tabled functions come here.
static bool is_literal(const Context *cx, const Definition *d) {
  return ambi_info_of(d).tabled && ambi_all_is_literal(cx->rt);
}

Unit *ambi_lower_variant(Context *cx, Variant *v) {
  Definition *d = v->def;
  if (v->table) return ambi_lower_tabled(cx, v);
  if (!ambi_definition_ask(cx, d)) return NULL;
  RecordVec records = {0};
  if (!ambi_definition_rules(cx->rt->code, d, &records)) {
    ambi_records_drop(&records);
    cx->stop = STOP_MEMORY;
    return NULL;
  }
  Unit *u = NULL;
  bool refused = records.n > MAX_RULES || d->nargs > MAX_ARGS ||
                 ambi_info_of(d).dynamic || is_literal(cx, d) ||
                 !all_equations(&records);
  Word *top = cx->h;
  Lower l = {0};
  for (bool again = !refused; again;) {
    uint64_t stamped[sizeof l.late / sizeof *l.late];
    memcpy(stamped, l.late, sizeof stamped);
    ambi_lower_open(&l, cx, d->space);
    l.variant = v;
    memcpy(l.stamped, stamped, sizeof stamped);
    lower_rules(&l, v, &records);
    again = !l.failed && !l.refused && memcmp(l.late, stamped, sizeof stamped);
    if (!again) u = ambi_lower_finish(&l, d->nargs);
    refused = l.refused;
    if (l.failed && !cx->stop) cx->stop = STOP_MEMORY;
    ambi_lower_close(&l);
  }
  for (size_t i = 0; i < records.n && refused && cx->rt->code->coverage; i++) {
    Template rule = ambi_record_template(records.at[i]);
    ambi_coverage_unseen(cx->rt->code, &rule);
  }
  if (!cx->stop) ambi_heap_give_back(cx, top);  // of no use any more
  if (refused && !cx->stop)
    u = ambi_is_lambda(d) ? body_unit(cx, v, records.at[0])
                          : dynamic_unit(cx, v);
  ambi_records_drop(&records);
  return u;
}

// The code refers to parts of the form, so that it has to keep it. False: cx->stop is set.
static bool open_form(Lower *l, Context *cx, Template *form) {
  ambi_lower_open(l, cx, cx->space);
  l->rule = ambi_lower_own(l, form);
  if (!l->rule) {
    cx->stop = STOP_MEMORY;
    ambi_lower_close(l);
    return false;
  }
  l->form = l->in_body = true;
  l->unstable = ambi_effects_term(l->cs, l->space, l->rule->atom) & E_RULES;
  return true;
}

// For who lowers it once more.
static Template take_form_back(Lower *l) {
  Template form = *l->rule;
  AMB_ASSERT(l->templates[0] == l->rule);
  ambi_free(l->templates[0], sizeof form);
  l->templates[0] = l->templates[--l->ntemplates];
  return form;
}

static void form_code(Lower *l) {
  Value atom = l->rule->atom;
  Dst d = {.tail = true};
  ErrTo err = {.ret = true};
  if (l->rule->nvars > MAX_VARS || is_odd(l->cs, atom)) {
    l->refused = true;
    return;
  }
  ambi_lower_note_lambdas(l, atom);
  ambi_lower_early(l);
  if (ambi_is_expr(atom))
    ambi_lower_expr(l, atom, AMB_SYM(UNDEFINED), d, err, 0);
  else
    ambi_lower_give(l, ambi_lower_term(l, atom), d);
  ambi_lower_stubs(l);
}

Unit *ambi_lower_form(Context *cx, Value form) {
  Lower l = {0};
  Unit *u = NULL;
  Template own;
  AMB_ASSERT(cx->rt->code);
  if (!ambi_template_make(cx->rt->store, form, &own)) {
    cx->stop = STOP_MEMORY;
    return NULL;
  }
  for (bool again = true; again;) {
    uint64_t early[sizeof l.late / sizeof *l.late];
    memcpy(early, l.late, sizeof early);
    if (!open_form(&l, cx, &own)) return NULL;
    memcpy(l.stamped, early, sizeof early);
    Word *top = cx->h;
    form_code(&l);
    again = !l.failed && !l.refused && memcmp(l.late, early, sizeof early);
    if (again)
      own = take_form_back(&l);
    else
      u = ambi_lower_finish(&l, 0);
    if (l.failed && !cx->stop) cx->stop = STOP_MEMORY;
    if (u) {  // the form's own: its runner frees it
      l.cs->units = u->next;
      u->next = NULL;
    }
    ambi_lower_close(&l);
    if (!cx->stop) ambi_heap_give_back(cx, top);  // of no use any more
  }
  return u;
}
