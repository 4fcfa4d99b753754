// Definitions and variants: what calls find, what is known of them, and what a change
// of rules does to that. The protocol is told in code.h.
#include "memory/alloc.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/guard.h"
#include "runtime/machine/site.h"
#include "runtime/spaces/share.h"
#include "runtime/tables/table.h"
#include "runtime/types/types.h"
#include "runtime/watch.h"

// ---- the table ------------------------------------------------------------------

static size_t hash_key(const Space *s, Value head, uint32_t nargs) {
  uint64_t h = (uint64_t)(uintptr_t)s * 0x9E3779B97F4A7C15ull;
  h ^= (head.w + nargs) * 0xC2B2AE3D27D4EB4Full;
  return (size_t)(h ^ (h >> 29));
}

static size_t table_bytes(size_t size) {
  return sizeof(Definitions) + size * sizeof(Definition *);
}

static Definitions *make_table(size_t size) {
  Definitions *t = ambi_alloc(table_bytes(size));
  if (t) t->size = size;
  return t;
}

static SharedDefinition *chain_of(Definitions *t, const Definition *d) {
  return &t->x_at[hash_key(d->space, d->head, d->nargs) & (t->size - 1)];
}

static void link_in(Definitions *t, Definition *d) {
  SharedDefinition *chain = chain_of(t, d);
  ambi_store_release(&d->x_chain, ambi_load_relaxed(chain));
  ambi_store_release(chain, d);
}

// Who is on its way along a chain may get into another one, and then looks again under
// the guard. Memory is out: longer chains, no harm.
static void grow_table(CodeState *cs) {
  Sharing *sh = cs->rt->sharing;
  Definitions *old = ambi_load_relaxed(&cs->x_table);
  size_t bytes = table_bytes(old->size);
  RetiredBlock *gone = sh ? ambi_retired_block(old, bytes) : NULL;
  Definitions *t = sh && !gone ? NULL : make_table(old->size * 2);
  if (!t) {
    if (gone) ambi_retired_drop(gone);
    return;
  }
  for (size_t i = 0; i < old->size; i++)
    for (Definition *d = ambi_load_relaxed(&old->x_at[i]), *next; d; d = next) {
      next = ambi_load_relaxed(&d->x_chain);
      link_in(t, d);
    }
  ambi_store_release(&cs->x_table, t);
  if (gone)
    ambi_epoch_retire_block(&sh->epochs, gone);
  else
    ambi_free(old, bytes);
}

static inline bool is_for(const Definition *d, const Space *s, Value head,
                          uint32_t nargs) {
  return d->space == s && d->head.w == head.w && d->nargs == nargs;
}

static Definition *look_up(const CodeState *cs, const Space *s, Value head,
                           uint32_t nargs) {
  const Definitions *t = ambi_load_acquire(&cs->x_table);
  size_t at = hash_key(s, head, nargs) & (t->size - 1);
  Definition *d = ambi_load_acquire(&t->x_at[at]);
  while (d && !is_for(d, s, head, nargs))
    d = ambi_load_acquire(&d->x_chain);
  return d;
}

// Under the guard.
static Definition *make_definition(CodeState *cs, Space *s, Value head,
                                   uint32_t nargs) {
  Definition *d = ambi_alloc(sizeof *d);
  if (!d) return NULL;
  d->space = s;
  d->head = head;
  d->nargs = nargs;
  link_in(ambi_load_relaxed(&cs->x_table), d);
  if (++cs->count > ambi_load_relaxed(&cs->x_table)->size) grow_table(cs);
  return d;
}

static Definition *find_definition(CodeState *cs, Space *s, Value head,
                                   uint32_t nargs) {
  Definition *d = look_up(cs, s, head, nargs);
  if (d) return d;
  ambi_guard(cs->rt);
  if (ambi_together(cs->rt)) d = look_up(cs, s, head, nargs);
  if (!d) d = make_definition(cs, s, head, nargs);
  ambi_unguard(cs->rt);
  return d;
}

Definition *ambi_definition(CodeState *cs, Space *s, Value head,
                            uint32_t nargs) {
  SharedDefinition *met = &cs->x_met[ambi_definition_place(head, nargs)];
  Definition *d = ambi_load_acquire(met);
  if (d && is_for(d, s, head, nargs)) return d;
  d = find_definition(cs, s, head, nargs);
  if (d) ambi_store_release(met, d);
  return d;
}

bool ambi_definitions_open(CodeState *cs) {
  Definitions *t = make_table(1024);
  ambi_store_release(&cs->x_table, t);
  return t != NULL;
}

void ambi_definition_free(Definition *d) {
  for (Variant *v = ambi_load_relaxed(&d->x_variants), *next; v; v = next) {
    next = v->next;
    ambi_free(v, sizeof *v);
  }
  ambi_sole_types_drop(&d->types);
  ambi_free(d, sizeof *d);
}

void ambi_definitions_close(CodeState *cs) {
  Definitions *t = ambi_load_relaxed(&cs->x_table);
  for (size_t i = 0; t && i < t->size; i++)
    for (Definition *d = ambi_load_relaxed(&t->x_at[i]), *next; d; d = next) {
      next = ambi_load_relaxed(&d->x_chain);
      ambi_definition_free(d);
    }
  if (t) ambi_free(t, table_bytes(t->size));
}

// ---- what is known -----------------------------------------------------------------

// Is what a record says of the head this function type: (-> Atom .. %Undefined%)?
static bool takes_atoms(const Definition *d, Record r) {
  Value typing = ambi_record_atom(r);
  Value t = ambi_expr_size(typing) == 3 ? ambi_expr_at(typing, 2) : AMB_NONE;
  if (ambi_expr_size(t) != d->nargs + 2 ||
      !ambi_same(ambi_expr_at(t, 0), AMB_SYM(ARROW)) ||
      !ambi_same(ambi_expr_at(t, d->nargs + 1), AMB_SYM(UNDEFINED)))
    return false;
  for (uint32_t i = 1; i <= d->nargs; i++)
    if (!ambi_same(ambi_expr_at(t, i), AMB_SYM(T_ATOM))) return false;
  return true;
}

// Memory may be out. The only declaration, if there is one, without variables.
static Value look_for_types(Context *cx, const Definition *d, Value atom,
                            DefinitionInfo *info) {
  RecordVec types = {0};
  if (!ambi_space_types(d->space, atom, &types)) cx->stop = STOP_MEMORY;
  info->untyped = types.n == 0;
  info->takes_atoms = types.n == 1 && takes_atoms(d, types.at[0]);
  bool sole = types.n == 1 && !ambi_record_open(types.at[0]);
  Value only = sole ? ambi_record_atom(types.at[0]) : AMB_NONE;
  ambi_records_drop(&types);
  return only;
}

// Has some call of it a type of its own, as in (: (f a) T)? The question is no term of the
// heap: who asks may be in the middle of making one.
static void look_for_typed_calls(Context *cx, const Definition *d,
                                 DefinitionInfo *info) {
  enum { MANY = 64 };
  Word any[2], call[MANY + 2];
  info->untyped = d->nargs <= MANY;
  if (!info->untyped) return;
  any[0] = ambi_tag_ptr(TAG_VAR, any).w;
  any[1] = ambi_vinfo(AMB_S_X, AMB_VAR_FRESH);
  call[0] = ambi_header(KIND_FLAT, 0, d->nargs + 1);
  call[1] = d->head.w;
  for (uint32_t i = 1; i <= d->nargs; i++)
    call[1 + i] = any[0];
  look_for_types(cx, d, ambi_tag_ptr(TAG_EXPR, call), info);
  info->takes_atoms = false;  // it is said of the call
}

// Has nobody but the library said what calls of (|-> PARAMS BODY) are? It has one type
// and one rule for them.
static bool look_for_lambda(Context *cx, const Definition *d) {
  Value symbol = AMB_SYM(LAMBDA);
  if (d->head.w != ambi_term_key(3, AMB_S_LAMBDA) ||
      ambi_load_relaxed(&cx->rt->code->x_typed_calls))
    return false;
  RecordVec types = {0}, rules = {0};
  bool told = ambi_space_types(d->space, symbol, &types) &&
              ambi_space_rules(d->space, d->head, d->nargs, &rules);
  if (!told) cx->stop = STOP_MEMORY;
  bool plain = told && types.n == 1 && rules.n == 1 &&
               !ambi_space_has_rules(d->space, symbol, 2) &&
               ambi_space_has_dep(d->space, cx->rt->corelib);
  ambi_records_drop(&types);
  ambi_records_drop(&rules);
  return plain;
}

// Heads that are expressions of a symbol without types have none either, if no expression
// was given one as a whole.
static bool look_at_applied(Context *cx, const Definition *d,
                            DefinitionInfo *info) {
  look_for_types(cx, d, ambi_definition_symbol(d), info);
  info->untyped &= !ambi_load_relaxed(&cx->rt->code->x_typed_calls);
  info->takes_atoms = false;
  info->has_rules = ambi_space_has_rules(d->space, d->head, d->nargs);
  info->lambda = look_for_lambda(cx, d);
  return !cx->stop;
}

// What rules and types there are now. *declared: as of look_for_types.
static bool look(Context *cx, const Definition *d, DefinitionInfo *info,
                 Value *declared) {
  Value head = ambi_is_sym(d->head) ? d->head : AMB_NONE;
  *declared = AMB_NONE;
  if (ambi_is_lambda(d)) {
    info->untyped = info->has_rules = true;
    return true;
  }
  if (ambi_is_applied(d)) return look_at_applied(cx, d, info);
  info->untyped = true;
  if (ambi_is_sym(head)) *declared = look_for_types(cx, d, head, info);
  if (ambi_is_sym(head) && info->untyped && !cx->stop &&
      ambi_load_relaxed(&cx->rt->code->x_typed_calls))
    look_for_typed_calls(cx, d, info);
  info->has_rules = ambi_space_has_rules(d->space, head, d->nargs);
  return !cx->stop;
}

// Under the guard, so nothing changes before code is known to rely on it.
static bool find_out(Context *cx, Definition *d) {
  CodeState *cs = cx->rt->code;
  DefinitionInfo info = {0};
  Value declared;
  if (!look(cx, d, &info, &declared)) return false;
  Value symbol = ambi_definition_symbol(d);
  info.dynamic =
      ambi_is_sym(symbol) &&
      ambi_symbol_is_dynamic(ambi_symbol(cx->rt->symbols, ambi_sym_of(symbol)));
  info.known = !info.dynamic;
  info.tabled = ambi_tables_declares(cx->rt, d->space, d->head);
  ambi_space_evaluates(d->space);
  ambi_code_rely(cs, symbol);
  ambi_sole_type_set(&d->types, info.known ? declared : AMB_NONE);
  ambi_store_release(&d->x_info, info);
  return true;
}

// What is dynamic is looked at each time, and no code relies on it. If another
// evaluator changes what is known meanwhile, that stays.
static bool find_out_again(Context *cx, Definition *d, DefinitionInfo was) {
  DefinitionInfo info = was;
  Value declared;
  if (!look(cx, d, &info, &declared)) return false;
  if (info.untyped != was.untyped || info.has_rules != was.has_rules ||
      info.takes_atoms != was.takes_atoms || info.lambda != was.lambda)
    ambi_compare_exchange(&d->x_info, &was, info);
  return true;
}

bool ambi_definition_find_out(Context *cx, Definition *d) {
  DefinitionInfo info = ambi_info_of(d);
  if (info.dynamic) return find_out_again(cx, d, info);
  ambi_guard(cx->rt);
  bool ok = (ambi_together(cx->rt) && ambi_info_of(d).known) || find_out(cx, d);
  ambi_unguard(cx->rt);
  return ok;
}

// ---- variants --------------------------------------------------------------------

static Variant *look_for(const Definition *d, const Variant *want) {
  Variant *v = ambi_load_acquire(&d->x_variants);
  while (v && (v->type.w != want->type.w || v->same != want->same ||
               v->made != want->made || v->table != want->table ||
               v->only_new != want->only_new || v->counted != want->counted))
    v = v->next;
  return v;
}

static Variant *make_variant(CodeState *cs, Definition *d,
                             const Variant *want) {
  Variant *v = ambi_alloc(sizeof *v);
  if (!v) return NULL;
  v->type = want->type;
  v->same = want->same;
  v->made = want->made;
  v->table = want->table;
  v->only_new = want->only_new;
  v->counted = want->counted;
  v->plain = want->plain;
  v->def = d;
  v->number = ambi_add_relaxed(&cs->x_numbered, 1) + 1;
  v->next = ambi_load_relaxed(&d->x_variants);
  ambi_store_release(&v->x_unit, cs->lower_unit);
  ambi_store_release(&v->targets, ambi_targets_none());
  ambi_store_release(&d->x_variants, v);
  return v;
}

static Variant *find_variant(CodeState *cs, Definition *d, Variant want) {
  Variant *v = look_for(d, &want);
  if (v) return v;
  ambi_guard(cs->rt);
  if (ambi_together(cs->rt)) v = look_for(d, &want);
  if (!v) v = make_variant(cs, d, &want);
  ambi_unguard(cs->rt);
  return v;
}

Variant *ambi_variant_of(CodeState *cs, Definition *d, Value type, bool same) {
  return find_variant(cs, d, (Variant){.type = type, .same = same});
}

Variant *ambi_variant_tabled(CodeState *cs, Variant *v, unsigned kind,
                             bool only_new) {
  return find_variant(cs, v->def,
                      (Variant){.type = v->type,
                                .same = v->same,
                                .made = v->made,
                                .table = (uint8_t)kind,
                                .only_new = only_new,
                                .plain = v});
}

Variant *ambi_variant_counted(CodeState *cs, Variant *v) {
  Variant want = {.type = v->type,
                  .same = v->same,
                  .made = v->made,
                  .table = v->table,
                  .only_new = v->only_new,
                  .plain = v->plain,
                  .counted = true};
  return v->counted ? v : find_variant(cs, v->def, want);
}

static Variant *called(CodeState *cs, Definition *d, Variant want) {
  Variant *v = find_variant(cs, d, want);
  return v && ambi_info_of(d).tabled
             ? ambi_variant_tabled(cs, v, TABLE_SET, false)
             : v;
}

Variant *ambi_variant(CodeState *cs, Definition *d, Value type) {
  return called(cs, d, (Variant){.type = type});
}

// Does the rule apply to all calls, and what it gives is never NotReducible?
static bool always_reduces(Value rule, uint32_t nargs) {
  if (ambi_expr_size(rule) != 3) return false;
  Value lhs = ambi_expr_at(rule, 1), rhs = ambi_expr_at(rule, 2);
  if (ambi_expr_size(lhs) != nargs + 1) return false;
  for (uint32_t i = 1; i <= nargs; i++) {
    if (!ambi_is_lvar(ambi_expr_at(lhs, i))) return false;
    for (uint32_t k = 1; k < i; k++)
      if (ambi_same(ambi_expr_at(lhs, i), ambi_expr_at(lhs, k))) return false;
  }
  if (ambi_is_lvar(rhs) || ambi_same(rhs, AMB_SYM(NOT_REDUCIBLE))) return false;
  return !ambi_is_expr(rhs) ||
         (ambi_is_sym(ambi_expr_at(rhs, 0)) && !ambi_is_instruction(rhs));
}

// May the call it is for be its own value all the same?
static bool sends_back(Value rule) {
  Value rhs = ambi_expr_size(rule) == 3 ? ambi_expr_at(rule, 2) : AMB_UNIT;
  return rhs.w == AMB_SYM(NOT_REDUCIBLE).w || ambi_is_lvar(rhs) ||
         (ambi_is_expr(rhs) && ambi_expr_at(rhs, 0).w == AMB_SYM(FUNCTION).w);
}

static bool is_builder(Value e) {
  Value head = ambi_expr_at(e, 0);
  return ambi_is_sym(head) && (ambi_sym_of(head) == AMB_S_COLLAPSE ||
                               ambi_sym_of(head) == AMB_S_CONS_ATOM ||
                               ambi_sym_of(head) == AMB_S_NOEVAL);
}

// May what it is for be put together by the rule, which then is not evaluated? So it names
// the function where it puts something together.
static bool builds_call(Value rule, Value function) {
  Value rhs = ambi_expr_size(rule) == 3 ? ambi_expr_at(rule, 2) : AMB_UNIT;
  ValueVec todo = {
      0};  // pairs of a term, and whether it is part of what is built
  bool found = false,
       ok = ambi_vec_push(&todo, rhs) && ambi_vec_push(&todo, AMB_FALSE);
  while (ok && !found && todo.n) {
    Value built = todo.at[--todo.n], e = todo.at[--todo.n];
    if (!ambi_is_expr(e)) {
      found = built.w == AMB_TRUE.w && e.w == function.w;
      continue;
    }
    if (is_builder(e)) built = AMB_TRUE;
    for (uint32_t i = 0; ok && i < ambi_expr_size(e); i++)
      ok = ambi_vec_push(&todo, ambi_expr_at(e, i)) &&
           ambi_vec_push(&todo, built);
  }
  ambi_vec_drop(&todo);
  return found || !ok;
}

// Under the guard: finds out `stays` of what is known. False: memory is out.
static bool look_for_stays(CodeState *cs, Definition *d, DefinitionInfo *info) {
  RecordVec rules = {0};
  *info = ambi_info_of(d);
  if (!info->known || info->stays) return true;
  bool ok = ambi_definition_rules(cs, d, &rules);
  bool reduces = false, back = false, built = false;
  for (size_t i = 0; ok && i < rules.n; i++) {
    Value rule = ambi_record_atom(rules.at[i]);
    reduces |= always_reduces(rule, d->nargs);
    back |= sends_back(rule);
    built |= builds_call(rule, d->head);
  }
  if (ok)
    info->stays = built              ? OWN_BUILT
                  : reduces && !back ? OWN_NEVER
                                     : OWN_AT_TIMES;
  ambi_records_drop(&rules);
  if (ok) ambi_store_release(&d->x_info, *info);
  return ok;
}

static bool find_stays(CodeState *cs, Definition *d, DefinitionInfo *info) {
  ambi_guard(cs->rt);
  bool ok = look_for_stays(cs, d, info);
  ambi_unguard(cs->rt);
  return ok;
}

bool ambi_may_stay(CodeState *cs, Definition *d) {
  DefinitionInfo info = ambi_info_of(d);
  return !info.known ||
         (info.stays == OWN_UNKNOWN && !find_stays(cs, d, &info)) ||
         info.stays != OWN_NEVER;
}

bool ambi_may_build(CodeState *cs, Definition *d) {
  DefinitionInfo info = ambi_info_of(d);
  bool unknown = info.known && info.stays == OWN_UNKNOWN;
  return (!unknown || find_stays(cs, d, &info)) && info.stays == OWN_BUILT;
}

Variant *ambi_variant_same(CodeState *cs, Definition *d, Value type) {
  DefinitionInfo info = ambi_info_of(d);
  bool checked = !info.untyped || ambi_rules_may_change(cs);
  bool told = info.known && (checked || !info.dynamic);
  if (told && info.stays == OWN_UNKNOWN && !find_stays(cs, d, &info))
    return NULL;
  bool same = info.known && (info.stays == OWN_BUILT ||
                             (checked && info.stays == OWN_AT_TIMES));
  return called(cs, d, (Variant){.type = type, .same = same});
}

Variant *ambi_variant_made(CodeState *cs, Definition *d, Value type) {
  bool made = ambi_may_stay(cs, d);
  return called(cs, d, (Variant){.type = type, .made = made});
}

Variant *ambi_shape(CodeState *cs, Space *s, uint32_t nargs, Value type,
                    bool same) {
  Definition *d = ambi_definition(cs, s, AMB_UNIT, nargs);
  return d ? ambi_variant_of(cs, d, type, same) : NULL;
}

// ---- changes ------------------------------------------------------------------------

static void forget(CodeState *cs, Definition *d) {
  DefinitionInfo info = ambi_info_of(d);
  info.known = info.dynamic = false;
  info.stays = OWN_UNKNOWN;
  ambi_store_release(&d->x_info, info);
  d->effects_known = false;
  d->form = 0;
  for (Variant *v = ambi_load_relaxed(&d->x_variants); v; v = v->next)
    ambi_store_release(&v->x_unit, cs->lower_unit);
}

void ambi_code_invalidate(CodeState *cs) {
  const Definitions *t = ambi_load_relaxed(&cs->x_table);
  uint64_t units = 0;
  for (size_t i = 0; i < t->size; i++)
    for (Definition *d = ambi_load_relaxed(&t->x_at[i]); d;
         d = ambi_load_relaxed(&d->x_chain))
      forget(cs, d);
  for (; cs->units; units++) {
    Unit *u = cs->units;
    cs->units = u->next;
    u->next = cs->retired;
    cs->retired = u;
  }
  ambi_store_release(&cs->x_relied, false);
  ambi_store_release(&cs->x_epoch, ambi_load_relaxed(&cs->x_epoch) + 1);
  AMB_LOG(cs->rt, WATCH_DEBUG, "invalidated", {"units", NULL, units},
          {"epoch", NULL, ambi_load_relaxed(&cs->x_epoch)});
}

// What is said to be an Expression leaves what it is compared with unevaluated. Code that
// does not look at that is no more in force. True: it was the first.
static bool note_metatype(CodeState *cs, Value atom) {
  if (ambi_expr_size(atom) != 3 ||
      !ambi_same(ambi_expr_at(atom, 0), AMB_SYM(COLON)))
    return false;
  Value type = ambi_deref(ambi_expr_at(atom, 2));
  if (!ambi_is_metatype(type) || ambi_same(type, AMB_SYM(T_ATOM)) ||
      ambi_load_relaxed(&cs->x_metatypes))
    return false;
  ambi_store_release(&cs->x_metatypes, true);
  return true;
}

void ambi_code_rules_changed(Runtime *rt, Space *s, Value atom) {
  CodeState *cs = rt->code;
  Value subject =
      ambi_expr_size(atom) > 1 ? ambi_deref(ambi_expr_at(atom, 1)) : AMB_UNIT;
  while (ambi_is_expr(subject))
    subject = ambi_deref(ambi_expr_at(subject, 0));
  Value kind = ambi_is_expr(atom) ? ambi_expr_at(atom, 0) : AMB_UNIT;
  bool odd_subject = !ambi_is_sym(subject) && !ambi_is_op(subject);
  if (ambi_is_lvar(kind) || (odd_subject && kind.w == AMB_SYM(EQ).w))
    ambi_store_release(&cs->x_odd_rules, true);
  if (s != rt->corelib && ambi_is_expr(atom) &&
      (!ambi_is_sym(subject) || !ambi_is_sym(kind) ||
       ambi_same(kind, AMB_SYM(SUBTYPE))))
    ambi_store_release(&cs->x_broad_rules, true);
  if (s != rt->corelib && kind.w == AMB_SYM(COLON).w &&
      ambi_is_expr(ambi_expr_at(atom, 1)))
    ambi_store_release(&cs->x_typed_calls, true);
  if (s != rt->corelib && (ambi_is_broad(atom) || ambi_names_itself(atom)))
    ambi_store_release(&cs->x_rule_for_all, true);
  bool all = note_metatype(cs, atom);
  if (!ambi_load_relaxed(&cs->x_relied)) return;
  if (!all && ambi_is_sym(subject)) {
    Symbol *sym = ambi_symbol(rt->symbols, ambi_sym_of(subject));
    if (!sym->analysed || ambi_symbol_is_dynamic(sym)) return;
    sym->changes += !cs->coverage;  // rules that are lowered are counted
    AMB_LOG(rt, WATCH_DEBUG, "rules changed", {"of", sym->text, 0},
            {"times", NULL, sym->changes});
  }
  ambi_code_invalidate(cs);
}

void ambi_code_calls_changed(Runtime *rt) {
  ambi_code_invalidate(rt->code);
}

// ---- what is data -------------------------------------------------------------------

static bool defined_in(const Space *s, uint32_t symbol) {
  for (size_t i = 0, ndeps = ambi_space_ndeps(s); i <= ndeps; i++)
    if (ambi_space_nth_defines(s, i, symbol)) return true;
  return false;
}

// Under the guard. False: memory is out, nothing is remembered.
static bool remember(DataHeads *d, uint32_t symbol, bool data) {
  if (symbol >= d->cap) {
    size_t old = d->cap;
    if (!ambi_grow((void **)&d->at, &d->cap, symbol + 1, sizeof *d->at))
      return false;
    memset(d->at + old, 0, (d->cap - old) * sizeof *d->at);
  }
  d->at[symbol] = d->generation << 1 | data;
  return true;
}

static bool find_out_data(Context *cx, uint32_t symbol) {
  CodeState *cs = cx->rt->code;
  DataHeads *d = &cx->data_heads;
  if (d->space != cx->space || d->epoch != ambi_code_epoch(cs)) {
    d->space = cx->space;
    d->epoch = ambi_code_epoch(cs);
    d->generation++;
  }
  const Symbol *sym = ambi_symbol(cx->rt->symbols, symbol);
  bool data = !ambi_symbol_is_dynamic(sym) && !defined_in(cx->space, symbol) &&
              !ambi_is_instruction_symbol(symbol);
  if (!remember(d, symbol, data)) return false;
  if (data) {
    ambi_space_evaluates(cx->space);
    ambi_code_rely(cs, AMB_SYM_ID(symbol));
  }
  return data;
}

static bool is_data_symbol(Context *cx, uint32_t symbol) {
  CodeState *cs = cx->rt->code;
  const DataHeads *d = &cx->data_heads;
  if (symbol == AMB_S_ERROR) return false;
  if (d->space == cx->space && d->epoch == ambi_code_epoch(cs) &&
      symbol < d->cap && d->at[symbol] >> 1 == d->generation)
    return d->at[symbol] & 1;
  ambi_guard(cx->rt);
  bool data = find_out_data(cx, symbol);
  ambi_unguard(cx->rt);
  return data;
}

// Code relies on it from now on.
static void rely_on_heads(CodeState *cs) {
  if (ambi_load_acquire(&cs->x_relied)) return;
  ambi_guard(cs->rt);
  ambi_store_release(&cs->x_relied, true);
  ambi_unguard(cs->rt);
}

// Rules for heads that are no symbols, nor expressions with a symbol innermost,
// and atoms that are rules or types by their variable head, are counted as odd; the
// core library has none.
bool ambi_code_is_data_head(Context *cx, Value head) {
  CodeState *cs = cx->rt->code;
  if (ambi_load_acquire(&cs->x_odd_rules)) return false;
  while (ambi_is_expr(head))
    head = ambi_deref(ambi_expr_at(head, 0));
  if (ambi_is_sym(head)) return is_data_symbol(cx, ambi_sym_of(head));
  rely_on_heads(cs);
  return !ambi_load_acquire(&cs->x_odd_rules) && !ambi_is_op(head) &&
         !ambi_is_var(head) && !ambi_is_lvar(head);
}
