// Definitions, variants, units: looking them up, throwing them away, liveness.
#include "runtime/bytecode/code.h"

#include "memory/alloc.h"
#include "runtime/machine/engine.h"
#include "runtime/machine/site.h"
#include "runtime/spaces/space_data.h"
#include "runtime/tables/table.h"
#include "runtime/types/types.h"

const OpInfo ambi_ops[OP_I_COUNT] = {
#define OP(name, operands, flags, text) {#name, operands, flags, text},
#include "runtime/bytecode/opcodes.def"
};

unsigned ambi_op_words(const Code *pc) {
  unsigned f = ambi_ops[pc->op].flags;
  unsigned n = 1;
  if (f & X_CALL)
    n += (pc->b + 4u) / 4;
  else if (f & (X_LIST | X_ENV))
    n += (pc->b + 3u) / 4;
  if (f & (X_VARL | X_ELSE)) n++;
  return n;
}

// ---- life ---------------------------------------------------------------------

static void rules_changed(Runtime *rt, Space *s, Value atom) {
  CodeState *cs = rt->code;
  Value subject =
      ambi_expr_size(atom) > 1 ? ambi_deref(ambi_expr_at(atom, 1)) : AMB_UNIT;
  while (ambi_is_expr(subject))
    subject = ambi_deref(ambi_expr_at(subject, 0));
  Value kind = ambi_is_expr(atom) ? ambi_expr_at(atom, 0) : AMB_UNIT;
  bool odd_subject = !ambi_is_sym(subject) && !ambi_is_op(subject);
  if (ambi_is_lvar(kind) || (odd_subject && kind.w == AMB_SYM(EQ).w))
    cs->odd_rules = true;
  cs->broad_rules |= s != rt->corelib && ambi_is_expr(atom) &&
                     (!ambi_is_sym(subject) || !ambi_is_sym(kind) ||
                      ambi_same(kind, AMB_SYM(SUBTYPE)));
  cs->rule_for_all |= s != rt->corelib && ambi_is_broad(atom);
  if (!cs->relied) return;
  if (ambi_is_sym(subject)) {
    Symbol *sym = ambi_symbol(rt->symbols, ambi_sym_of(subject));
    if (!sym->analysed || ambi_symbol_is_dynamic(sym)) return;
    sym->changes++;
  }
  ambi_code_invalidate(cs);
}

static void calls_changed(Runtime *rt) {
  ambi_code_invalidate(rt->code);
}

static bool defined_in(const Space *s, uint32_t symbol) {
  if (ambi_space_defines(s, symbol)) return true;
  for (size_t i = 0, ndeps = ambi_space_ndeps(s); i < ndeps; i++)
    if (ambi_space_defines(ambi_space_dep(s, i), symbol)) return true;
  return false;
}

static bool is_data_symbol(Context *cx, uint32_t symbol) {
  CodeState *cs = cx->rt->code;
  struct DataHeads *d = &cs->data_heads;
  if (symbol == AMB_S_ERROR) return false;
  if (d->space != cx->space || d->epoch != cs->epoch) {
    d->space = cx->space;
    d->epoch = cs->epoch;
    d->generation++;
  }
  if (symbol >= d->cap) {
    size_t old = d->cap;
    if (!ambi_grow((void **)&d->at, &d->cap, symbol + 1, sizeof *d->at))
      return false;
    memset(d->at + old, 0, (d->cap - old) * sizeof *d->at);
  }
  if (d->at[symbol] >> 1 == d->generation) return d->at[symbol] & 1;
  Symbol *sym = ambi_symbol(cx->rt->symbols, symbol);
  bool data = !ambi_symbol_is_dynamic(sym) && !defined_in(cx->space, symbol) &&
              !ambi_is_instruction_symbol(symbol);
  if (data) {
    ambi_space_evaluates(cx->space);
    ambi_code_rely(cs, AMB_SYM_ID(symbol));
  }
  d->at[symbol] = d->generation << 1 | data;
  return data;
}

// Rules for heads that are no symbols, nor expressions with a symbol innermost,
// and atoms that are rules or types by their variable head, are counted as odd; the
// core library has none.
static bool is_data_head(Context *cx, Value head) {
  CodeState *cs = cx->rt->code;
  if (cs->odd_rules) return false;
  while (ambi_is_expr(head))
    head = ambi_deref(ambi_expr_at(head, 0));
  if (ambi_is_sym(head)) return is_data_symbol(cx, ambi_sym_of(head));
  cs->relied = true;
  return !ambi_is_op(head) && !ambi_is_var(head) && !ambi_is_lvar(head);
}

bool ambi_code_open(Runtime *rt) {
  static const Code lower[1] = {{.op = OP_I_LOWER}};
  CodeState *cs = ambi_alloc(sizeof *cs);
  if (!cs) return false;
  rt->code = cs;
  cs->rt = rt;
  cs->ntable = 1024;
  cs->table = ambi_alloc(cs->ntable * sizeof *cs->table);
  cs->lower_unit = ambi_alloc(sizeof *cs->lower_unit);
  if (!cs->table || !cs->lower_unit) {
    ambi_code_close(rt);
    return false;
  }
  cs->lower_unit->code = (Code *)(uintptr_t)lower;
  cs->lower_unit->ncode = 1;
  ambi_unit_ready(cs, cs->lower_unit);
  rt->rules_changed = rules_changed;
  rt->calls_changed = calls_changed;
  rt->is_data_head = is_data_head;
  return true;
}

// ---- machine code of units ----------------------------------------------------

static const Code warm[1] = {{.op = OP_I_WARM}};

void ambi_unit_ready(CodeState *cs, Unit *u) {
  const NativeHost *host = &cs->native;
  bool counts = host->hot && !u->form && u != cs->lower_unit;
  // Forms count their forks and what returns to them.
  ambi_store_release(&u->heat, host->threshold);
  ambi_store_release(&u->aim, host->threshold);
  ambi_store_release(&u->looks, host->looks);
  if (host->hot) ambi_store_release(&u->warm_since, ambi_monotonic_seconds());
  ambi_store_release(&u->x_state, host->hot ? NATIVE_COLD : NATIVE_REFUSED);
  ambi_store_release(&u->enter, host->call_bytecode);
  ambi_store_release(&u->entry, counts ? warm : u->code);
}

const Code *ambi_unit_hot(CodeState *cs, Unit *u) {
  cs->native.hot(cs->native.arg, u);
  const Code *entry = ambi_load_acquire(&u->entry);
  return entry == warm ? u->code : entry;
}

void ambi_unit_look(CodeState *cs, Unit *u) {
  if (ambi_load_relaxed(&u->x_state) == NATIVE_READY &&
      ambi_unit_counted(&u->looks))
    cs->native.hot(cs->native.arg, u);
}

// Nobody but who was first stores an entry, until the state is another one.
bool ambi_unit_claim(Unit *u, uint32_t was) {
  uint32_t state = was;
  if (!ambi_compare_exchange(&u->x_state, &state, NATIVE_QUEUED)) return false;
  if (was == NATIVE_COLD) ambi_store_release(&u->entry, (const Code *)u->code);
  return true;
}

// The state comes last: what follows it may be another evaluator's claim.
static void count(Unit *u, uint32_t events) {
  ambi_store_release(&u->heat, events);
  ambi_store_release(&u->entry, warm);
  ambi_store_release(&u->x_state, NATIVE_COLD);
}

// Of the time that the count took half is kept, too.
void ambi_unit_cool(CodeState *cs, Unit *u, unsigned level) {
  double since = ambi_load_relaxed(&u->warm_since);
  uint32_t aim = ambi_load_relaxed(&u->aim);
  ambi_store_release(&u->warm_since, (since + ambi_monotonic_seconds()) / 2);
  if (level == 1) {
    count(u, aim - aim / 2);
    return;
  }
  ambi_store_release(&u->looks, (cs->native.looks + 1) / 2);
  ambi_store_release(&u->x_state, NATIVE_READY);
}

void ambi_unit_count_on(Unit *u, uint32_t aim) {
  uint32_t before = ambi_load_relaxed(&u->aim);
  ambi_store_release(&u->aim, aim);
  count(u, aim - before);
}

const void *ambi_unit_machine(const Unit *u, const Code *pc) {
  const Native *n = ambi_load_acquire(&u->native);
  uint32_t at = n ? n->at[pc - u->code] : 0;
  return at ? (const char *)n->code + at - 1 : NULL;
}

// May the unit be freed? If not, the compiler has it; it will let go of it.
static bool is_idle(Unit *u) {
  uint32_t state = NATIVE_QUEUED;
  if (ambi_load_acquire(&u->x_held) != 0) return false;
  if (ambi_compare_exchange(&u->x_state, &state, NATIVE_STALE)) return false;
  return state != NATIVE_COMPILING && state != NATIVE_STALE;
}

static void drop_native(CodeState *cs, Unit *u) {
  Native *native = ambi_load_acquire(&u->native);
  Unit *better = ambi_load_acquire(&u->better);
  if (better) drop_native(cs, better);
  if (native) cs->native.freed(cs->native.arg, native);
}

void ambi_unit_free(Unit *u) {
  Unit *better = ambi_load_acquire(&u->better);
  if (better) ambi_unit_free(better);
  if (u->block) {
    ambi_free(u, u->block);
    return;
  }
  for (uint32_t i = 0; i < u->nswitches; i++)
    ambi_free(u->switches[i].cases, u->switches[i].n * sizeof(SwitchCase));
  for (uint32_t i = 0; !u->of && i < u->ntemplates; i++) {
    ambi_template_release(u->store, u->templates[i]);
    ambi_free(u->templates[i], sizeof(Template));
  }
  ambi_free(u->templates, u->ntemplates * sizeof *u->templates);
  if (u->local) ambi_free(u->local, sizeof *u->local);
  ambi_free(u->bodies, u->nbodies * sizeof *u->bodies);
  ambi_free(u->outlets, u->noutlets * sizeof *u->outlets);
  ambi_free(u->switches, u->nswitches * sizeof *u->switches);
  ambi_free(u->code, u->ncode * sizeof *u->code);
  ambi_free(u->k, u->nk * sizeof *u->k);
  ambi_free(u->edges, u->nedges * sizeof *u->edges);
  ambi_free(u->live, (size_t)u->nrows * u->nlive * sizeof *u->live);
  ambi_free(u->live_at, u->nrows * sizeof *u->live_at);
  ambi_free(u, sizeof *u);
}

void ambi_unit_drop(CodeState *cs, Unit *u) {
  if (is_idle(u)) {
    drop_native(cs, u);
    ambi_unit_free(u);
  } else {
    u->next = cs->retired;
    cs->retired = u;
  }
}

// Those the compiler has stay in the list.
static void free_units(CodeState *cs, Unit **list) {
  while (*list) {
    Unit *u = *list;
    if (!is_idle(u)) {
      list = &u->next;
      continue;
    }
    *list = u->next;
    drop_native(cs, u);
    ambi_unit_free(u);
  }
}

void ambi_code_close(Runtime *rt) {
  CodeState *cs = rt->code;
  if (!cs) return;
  ambi_targets_free(cs);
  for (size_t i = 0; cs->table && i < cs->ntable; i++) {
    while (cs->table[i]) {
      Definition *d = cs->table[i];
      cs->table[i] = d->chain;
      while (d->variants) {
        Variant *v = d->variants;
        d->variants = v->next;
        ambi_free(v, sizeof *v);
      }
      ambi_free(d, sizeof *d);
    }
  }
  free_units(cs, &cs->units);
  free_units(cs, &cs->retired);
  for (unsigned i = 0; i < 32; i++)
    if (cs->eval_units[i]) ambi_unit_free(cs->eval_units[i]);
  if (cs->routine_unit) ambi_unit_free(cs->routine_unit);
  ambi_free(cs->data_heads.at, cs->data_heads.cap * sizeof(uint32_t));
  if (cs->chain_unit) ambi_unit_free(cs->chain_unit);
  ambi_free(cs->lower_unit, sizeof *cs->lower_unit);
  ambi_free(cs->table, cs->ntable * sizeof *cs->table);
  ambi_free(cs, sizeof *cs);
  rt->code = NULL;
  rt->rules_changed = NULL;
  rt->calls_changed = NULL;
  rt->is_data_head = NULL;
}

// ---- lookup -----------------------------------------------------------------------

static size_t hash_key(Space *s, Value head, uint32_t nargs) {
  uint64_t h = (uint64_t)(uintptr_t)s * 0x9E3779B97F4A7C15ull;
  h ^= (head.w + nargs) * 0xC2B2AE3D27D4EB4Full;
  return (size_t)(h ^ (h >> 29));
}

static void grow_table(CodeState *cs) {
  size_t n = cs->ntable * 2;
  Definition **t = ambi_alloc(n * sizeof *t);
  if (!t) return;  // longer chains, no harm
  for (size_t i = 0; i < cs->ntable; i++) {
    while (cs->table[i]) {
      Definition *d = cs->table[i];
      cs->table[i] = d->chain;
      size_t at = hash_key(d->space, d->head, d->nargs) & (n - 1);
      d->chain = t[at];
      t[at] = d;
    }
  }
  ambi_free(cs->table, cs->ntable * sizeof *t);
  cs->table = t;
  cs->ntable = n;
}

static Definition *find_definition(CodeState *cs, Space *s, Value head,
                                   uint32_t nargs) {
  size_t at = hash_key(s, head, nargs) & (cs->ntable - 1);
  for (Definition *d = cs->table[at]; d; d = d->chain)
    if (d->space == s && d->head.w == head.w && d->nargs == nargs) return d;
  Definition *d = ambi_alloc(sizeof *d);
  if (!d) return NULL;
  *d = (Definition){
      .space = s, .head = head, .nargs = nargs, .chain = cs->table[at]};
  cs->table[at] = d;
  if (++cs->count > cs->ntable) grow_table(cs);
  return d;
}

Definition *ambi_definition(CodeState *cs, Space *s, Value head,
                            uint32_t nargs) {
  struct DefinitionCache *c = &cs->cache[(head.w * 31 + nargs) & 255];
  if (c->def && c->space == s && c->head == head.w && c->nargs == nargs)
    return c->def;
  Definition *d = find_definition(cs, s, head, nargs);
  if (d) *c = (struct DefinitionCache){s, head.w, nargs, d};
  return d;
}

bool ambi_definition_info(Context *cx, Definition *d) {
  CodeState *cs = cx->rt->code;
  Value head = ambi_is_sym(d->head) ? d->head : AMB_NONE;
  d->untyped = true;
  if (ambi_is_sym(head)) {
    RecordVec types = {0};
    if (!ambi_space_types(d->space, head, &types)) {
      ambi_records_drop(&types);
      cx->stop = STOP_MEMORY;
      return false;
    }
    d->untyped = types.n == 0;
    ambi_records_drop(&types);
    d->dynamic =
        ambi_symbol_is_dynamic(ambi_symbol(cx->rt->symbols, ambi_sym_of(head)));
  }
  d->has_rules = ambi_space_has_rules(d->space, head, d->nargs);
  d->tabled = ambi_tables_declares(cx->rt, d->space, d->head);
  d->info_known = !d->dynamic;  // else it is looked up each time
  ambi_space_evaluates(d->space);
  ambi_code_rely(cs, d->head);
  return true;
}

static Variant *find_variant(CodeState *cs, Definition *d, Variant want) {
  for (Variant *v = d->variants; v; v = v->next)
    if (v->type.w == want.type.w && v->same == want.same &&
        v->table == want.table && v->only_new == want.only_new)
      return v;
  Variant *v = ambi_alloc(sizeof *v);
  if (!v) return NULL;
  want.unit = cs->lower_unit;
  want.def = d;
  want.next = d->variants;
  *v = want;
  ambi_store_release(&v->targets, ambi_targets_none());
  d->variants = v;
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
                                .table = (uint8_t)kind,
                                .only_new = only_new,
                                .plain = v});
}

static Variant *called(CodeState *cs, Definition *d, Value type, bool same) {
  Variant *v = ambi_variant_of(cs, d, type, same);
  return v && d->tabled ? ambi_variant_tabled(cs, v, TABLE_SET, false) : v;
}

Variant *ambi_variant(CodeState *cs, Definition *d, Value type) {
  return called(cs, d, type, false);
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

// Finds out d->stays. False: memory is out.
static bool find_stays(Definition *d) {
  RecordVec rules = {0};
  bool ok = ambi_space_rules(d->space, d->head, d->nargs, &rules);
  if (ok) d->stays = 2;
  for (size_t i = 0; ok && i < rules.n; i++)
    if (always_reduces(ambi_record_atom(rules.at[i]), d->nargs)) d->stays = 1;
  ambi_records_drop(&rules);
  return ok;
}

Variant *ambi_variant_same(CodeState *cs, Definition *d, Value type) {
  bool told = d->info_known && (!d->untyped || ambi_rules_may_change(cs));
  if (told && d->stays == 0 && !find_stays(d)) return NULL;
  return called(cs, d, type, told && d->stays == 2);
}

Variant *ambi_shape(CodeState *cs, Space *s, uint32_t nargs, Value type,
                    bool same) {
  Definition *d = ambi_definition(cs, s, AMB_UNIT, nargs);
  return d ? ambi_variant_of(cs, d, type, same) : NULL;
}

void ambi_code_invalidate(CodeState *cs) {
  for (size_t i = 0; i < cs->ntable; i++) {
    for (Definition *d = cs->table[i]; d; d = d->chain) {
      d->info_known = d->effects_known = false;
      d->form = d->stays = 0;
      for (Variant *v = d->variants; v; v = v->next)
        v->unit = cs->lower_unit;
    }
  }
  while (cs->units) {
    Unit *u = cs->units;
    cs->units = u->next;
    u->next = cs->retired;
    cs->retired = u;
  }
  cs->relied = false;
  cs->epoch++;
}

void ambi_code_quiesce(CodeState *cs) {
  free_units(cs, &cs->retired);
  ambi_targets_quiesce(cs);
}

uint32_t ambi_unit_edge(const Unit *u, uint32_t at) {
  uint32_t lo = 0, hi = u->nedges;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (u->edges[mid].at < at)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < u->nedges && u->edges[lo].at == at ? u->edges[lo].to : UINT32_MAX;
}

Word ambi_switch_key_slow(Value v) {
  switch (ambi_tag(v)) {
  case TAG_INT:
  case TAG_SYM:
  case TAG_IMM:
  case TAG_OP: return v.w;
  case TAG_EXPR: {
    Value head = ambi_deref(ambi_expr_items(v)[0]);
    uint32_t h = ambi_is_sym(head) ? ambi_sym_of(head) : 0xFFFFFFF;
    return ambi_term_key(ambi_expr_size(v), h);
  }
  default:
    if (ambi_is_double(v)) {
      double d = ambi_double_of(v);
      if (d >= (double)AMB_INT_MIN && d <= (double)AMB_INT_MAX &&
          d == (double)(int64_t)d)
        return ambi_small_int((int64_t)d).w;
    }
    return 0;
  }
}

// ---- liveness -------------------------------------------------------------------

typedef struct Flow {
  Unit *u;
  uint64_t *in;  // a row for each code word
  uint32_t row;
} Flow;

static void gen(uint64_t *s, uint32_t slot) {
  s[slot / 64] |= (uint64_t)1 << (slot % 64);
}
static void kill(uint64_t *s, uint32_t slot) {
  s[slot / 64] &= ~((uint64_t)1 << (slot % 64));
}
static void join(uint64_t *to, const uint64_t *from, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    to[i] |= from[i];
}

static void read_source(uint64_t *s, uint32_t x) {
  if (x < SRC_CONST) gen(s, x & (SRC_CHECK - 1));
}

static void list_reads(const Code *pc, unsigned flags, uint64_t *s) {
  unsigned from = flags & X_CALL ? 1 : 0, n = pc->b + from;
  if (flags & (X_LIST | X_CALL))
    for (unsigned i = from; i < n; i++)
      read_source(s, ambi_op_list(pc)[i]);
  if (flags & X_ENV) {
    for (unsigned i = 0; i < pc->b; i++)
      if (ambi_op_list(pc)[i] & ENV_NEW)
        kill(s, ambi_op_list(pc)[i] & ENV_SLOT);
    for (unsigned i = 0; i < pc->b; i++)
      if (!(ambi_op_list(pc)[i] & ENV_NEW)) gen(s, ambi_op_list(pc)[i]);
  }
}

static void transfer(const Code *pc, uint64_t *s) {
  const OpInfo *op = &ambi_ops[pc->op];
  const uint16_t x[3] = {pc->a, pc->b, pc->c};
  for (int i = 0; i < 3; i++)
    if ((op->operands[i] == 'W' || op->operands[i] == 'P') && x[i] != NO_SLOT)
      kill(s, x[i]);
  list_reads(pc, op->flags, s);
  for (int i = 0; i < 3; i++) {
    char k = op->operands[i];
    if (k == 'R' || k == 'Q' || k == 'U' || k == 'I') gen(s, x[i]);
    if (k == 'I') gen(s, x[i] + 1u);
    if (k == 'S') read_source(s, x[i]);
  }
}

static const uint64_t *row_of(const Flow *f, size_t at) {
  return f->in + at * f->row;
}

static void successors(const Flow *f, uint32_t at, uint64_t *s) {
  const Code *pc = f->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  unsigned words = ambi_op_words(pc);
  if (!(op->flags & F_END)) join(s, row_of(f, at + words), f->row);
  if ((op->flags & X_PUSH) && op->operands[0] == 'W')  // goes on at once
    join(s, row_of(f, at + words + 1), f->row);
  if (pc->op == OP_I_BUILTIN) join(s, row_of(f, at + words + 1), f->row);
  if (op->operands[2] == 'L')
    join(s, row_of(f, (size_t)((int64_t)at + (int16_t)pc->c)), f->row);
  if (op->flags & (X_VARL | X_ELSE))
    join(s, row_of(f, (size_t)((int64_t)at + (int16_t)pc[words - 1].b)),
         f->row);
  if (pc->op == OP_I_SWITCH) {
    const Switch *w = &f->u->switches[pc->b];
    join(s, row_of(f, w->other), f->row);
    join(s, row_of(f, w->open), f->row);
    for (uint32_t i = 0; i < w->n; i++)
      join(s, row_of(f, w->cases[i].to), f->row);
  }
  uint32_t edge = ambi_unit_edge(f->u, at);
  if (edge != UINT32_MAX) join(s, row_of(f, edge), f->row);
}

// An instruction that resumes has what its record's instruction could reach in
// the frame live already: TRY keeps label slots live by its own label operand.
static bool flow_once(Flow *f, const uint32_t *starts, uint32_t n,
                      uint64_t *s) {
  bool changed = false;
  for (uint32_t i = n; i-- > 0;) {
    memset(s, 0, f->row * sizeof *s);
    successors(f, starts[i], s);
    transfer(f->u->code + starts[i], s);
    uint64_t *in = f->in + (size_t)starts[i] * f->row;
    if (memcmp(in, s, f->row * sizeof *s) != 0) {
      memcpy(in, s, f->row * sizeof *s);
      changed = true;
    }
  }
  return changed;
}

static bool keep_rows(Flow *f, const uint32_t *starts, uint32_t n) {
  Unit *u = f->u;
  u->nrows = n;
  u->nlive = f->row;
  u->live = ambi_alloc((size_t)n * f->row * sizeof *u->live);
  u->live_at = ambi_alloc(n * sizeof *u->live_at);
  if (!u->live || !u->live_at) return false;
  for (uint32_t i = 0; i < n; i++) {
    u->live_at[i] = starts[i];
    memcpy(u->live + (size_t)i * f->row, row_of(f, starts[i]),
           f->row * sizeof(uint64_t));
  }
  return true;
}

const uint64_t *ambi_unit_live_row(const Unit *u, uint32_t at) {
  uint32_t lo = 0, hi = u->nrows;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (u->live_at[mid] < at)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo >= u->nrows || u->live_at[lo] != at) return NULL;
  return u->live + (size_t)lo * u->nlive;
}

bool ambi_unit_liveness(Unit *u) {
  Flow f = {.u = u, .row = (u->nslots + 64) / 64};
  size_t rows = (size_t)u->ncode + 2;
  f.in = ambi_alloc(rows * f.row * sizeof *f.in);
  uint32_t *starts = ambi_alloc(u->ncode * sizeof *starts);
  uint64_t *s = ambi_alloc(f.row * sizeof *s);
  bool ok = f.in && starts && s;
  if (ok) {
    uint32_t n = 0;
    for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
      starts[n++] = at;
    while (flow_once(&f, starts, n, s)) {
    }
    ok = keep_rows(&f, starts, n);
  }
  ambi_free(f.in, rows * f.row * sizeof *f.in);
  ambi_free(starts, u->ncode * sizeof *starts);
  ambi_free(s, f.row * sizeof *s);
  return ok;
}
