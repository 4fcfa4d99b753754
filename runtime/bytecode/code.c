// Units: opening and closing what holds them, counting and freeing them, liveness.
#include "runtime/bytecode/code.h"
#include "runtime/bytecode/coverage.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/bytecode/sampler.h"

#include "memory/alloc.h"
#include "runtime/guard.h"
#include "runtime/machine/engine.h"
#include "runtime/machine/site.h"
#include "runtime/spaces/space_data.h"
#include "runtime/tables/table.h"
#include "runtime/types/types.h"

const OpInfo ambi_ops[OP_I_COUNT] = {
#define OP(name, operands, flags, text) {#name, operands, flags, text},
#include "runtime/bytecode/opcodes.def"
};

// ---- life ---------------------------------------------------------------------

bool ambi_code_open(Runtime *rt) {
  static const Code lower[1] = {{.op = OP_I_LOWER}};
  CodeState *cs = ambi_alloc(sizeof *cs);
  if (!cs) return false;
  rt->code = cs;
  cs->rt = rt;
  cs->lower_unit = ambi_alloc(sizeof *cs->lower_unit);
  if (!ambi_definitions_open(cs) || !cs->lower_unit) {
    ambi_code_close(rt);
    return false;
  }
  cs->lower_unit->code = (Code *)(uintptr_t)lower;
  cs->lower_unit->ncode = 1;
  ambi_unit_ready(cs, cs->lower_unit);
  rt->rules_changed = ambi_code_rules_changed;
  rt->calls_changed = ambi_code_calls_changed;
  rt->is_data_head = ambi_code_is_data_head;
  rt->keeps_rules = ambi_code_keeps_rules;
  return true;
}

// ---- machine code of units ----------------------------------------------------

static const Code warm[1] = {{.op = OP_I_WARM}};

void ambi_unit_ready(CodeState *cs, Unit *u) {
  const NativeHost *host = &cs->native;
  if (AMB_UNLIKELY(cs->sampler != NULL)) ambi_sampler_unit(cs, u);
  bool counts = host->hot && !u->form && u != cs->lower_unit;
  ambi_unit_number(cs, u);
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

bool ambi_unit_is_idle(Unit *u) {
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
  if (ambi_unit_is_idle(u)) {
    drop_native(cs, u);
    ambi_unit_free(u);
    return;
  }
  ambi_guard(cs->rt);
  u->next = cs->retired;
  cs->retired = u;
  ambi_unguard(cs->rt);
}

// Those the compiler has stay in the list.
static void free_units(CodeState *cs, Unit **list) {
  while (*list) {
    Unit *u = *list;
    if (!ambi_unit_is_idle(u)) {
      list = &u->next;
      continue;
    }
    *list = u->next;
    drop_native(cs, u);
    ambi_unit_free(u);
  }
}

static void free_routine(SharedUnit *at) {
  if (ambi_load_relaxed(at)) ambi_unit_free(ambi_load_relaxed(at));
}

void ambi_code_close(Runtime *rt) {
  CodeState *cs = rt->code;
  if (!cs) return;
  ambi_targets_free(cs);
  ambi_receives_close(cs);
  ambi_lambdas_close(cs);
  ambi_coverage_end(cs);
  ambi_definitions_close(cs);
  free_units(cs, &cs->units);
  free_units(cs, &cs->retired);
  for (unsigned i = 0; i < 32; i++)
    free_routine(&cs->x_eval_units[i]);
  free_routine(&cs->x_routine_unit);
  free_routine(&cs->x_chain_unit);
  free_routine(&cs->x_data_unit);
  ambi_free(cs->lower_unit, sizeof *cs->lower_unit);
  ambi_free(cs, sizeof *cs);
  rt->code = NULL;
  rt->rules_changed = NULL;
  rt->calls_changed = NULL;
  rt->is_data_head = NULL;
  rt->keeps_rules = NULL;
}

// Others may have frames and records that lead to what is in force no more.
void ambi_code_quiesce(CodeState *cs) {
  if (ambi_together(cs->rt)) return;
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

// Who sets another bit at the same time may lose it.
void ambi_unit_note_rare(const Unit *u, uint32_t at) {
  const Native *n = ambi_load_acquire(&u->native);
  while (n && !n->seen)
    n = n->older;
  if (!n) return;
  unsigned seen = ambi_load_relaxed(&n->seen[at]);
  ambi_store_relaxed(&n->seen[at], (uint8_t)(seen | SEEN_RARE));
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

const Code *ambi_unit_case(const Unit *u, const Code *none) {
  for (const Code *pc = u->code; pc < u->code + u->ncode;
       pc += ambi_op_words(pc))
    if (pc->op == OP_I_CASE && pc + (int16_t)pc->c == none) return pc;
  return NULL;
}

bool ambi_unit_notes_position(const Unit *u, uint32_t slot) {
  for (const Code *pc = u->code; pc < u->code + u->ncode;
       pc += ambi_op_words(pc)) {
    const char *kinds = ambi_ops[pc->op].operands;
    const uint16_t operands[3] = {pc->a, pc->b, pc->c};
    for (int i = 0; i < 3; i++)
      if ((kinds[i] == 'P' || kinds[i] == 'Q') && operands[i] == slot)
        return true;
  }
  return false;
}

static void successors(const Flow *f, uint32_t at, uint64_t *s) {
  const Code *pc = f->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  unsigned words = ambi_op_words(pc);
  if (!(op->flags & F_END)) join(s, row_of(f, at + words), f->row);
  if ((op->flags & X_PUSH) && op->operands[0] == 'W')  // goes on at once
    join(s, row_of(f, at + words + 1), f->row);
  if (pc->op == OP_I_BUILTIN) join(s, row_of(f, at + words + 1), f->row);
  // What a case looks at may begin again (machine/handover.h).
  const Code *from = pc->op == OP_I_CASE_NONE ? ambi_unit_case(f->u, pc) : NULL;
  if (from) join(s, row_of(f, (size_t)(from + 1 - f->u->code)), f->row);
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
