// The units of the library's modules, as the space of a module that imports one
// lowers them.
//
// Each is lowered alone, with nothing known beforehand, so that all it relies on
// is seen. Where an unknown head was met, that is done for every bound of its
// effects, and equal units share a row.
#include <stdlib.h>

#include "memory/alloc.h"
#include "runtime/bytecode/verify.h"
#include "runtime/library/make/make.h"
#include "runtime/spaces/space_data.h"

typedef struct Wanted {
  Variant *variant;
  uint32_t source;  // that has the rules
} Wanted;

typedef struct Todo {  // variants to be lowered, in the order they are met
  Wanted *at;
  size_t n, cap;
} Todo;

static void want(Units *u, Todo *todo, uint32_t source, Value head,
                 uint32_t nargs, Value type, bool same) {
  CodeState *cs = u->cx->rt->code;
  Definition *d = ambi_definition(cs, u->sources[source].user, head, nargs);
  make_check(d && ambi_definition_find_out(u->cx, d), "out of memory");
  Variant *v =
      same ? ambi_variant_same(cs, d, type) : ambi_variant(cs, d, type);
  make_check(v != NULL, "out of memory");
  for (size_t i = 0; i < todo->n; i++)
    if (todo->at[i].variant == v) return;
  make_check(
      ambi_grow((void **)&todo->at, &todo->cap, todo->n + 1, sizeof *todo->at),
      "out of memory");
  todo->at[todo->n++] = (Wanted){v, source};
}

// The module that has the rules, of those the user of a module imports.
static uint32_t source_of(const Units *u, uint32_t user, Value head) {
  const Space *s = u->sources[user].user;
  for (size_t i = ambi_space_ndeps(s); i-- > 0;)
    for (uint32_t k = 0; k < u->nsources; k++)
      if (u->sources[k].space == ambi_space_dep(s, i) &&
          ambi_space_defines(ambi_space_dep(s, i), ambi_sym_of(head)))
        return k;
  return u->core;
}

static Symbol *symbol(const Units *u, uint32_t id) {
  return ambi_symbol(u->cx->rt->symbols, id);
}

static uint32_t nsymbols(const Units *u) {
  return (uint32_t)ambi_symbols_count(u->cx->rt->symbols);
}

// ---- what a unit depends on -----------------------------------------------------

// Marks the symbols of a term.
static void mark_symbols(uint8_t *marks, Value term) {
  ValueVec todo = {0};
  bool ok = ambi_vec_push(&todo, term);
  while (ok && todo.n) {
    Value v = todo.at[--todo.n];
    if (ambi_is_sym(v)) marks[ambi_sym_of(v)] = 1;
    for (uint32_t i = 0; ok && i < ambi_expr_size(v); i++)
      ok = ambi_vec_push(&todo, ambi_expr_at(v, i));
  }
  make_check(ok, "out of memory");
  ambi_vec_drop(&todo);
}

static void mark_records(uint8_t *marks, RecordVec *records) {
  for (size_t i = 0; i < records->n; i++)
    mark_symbols(marks, ambi_record_atom(records->at[i]));
  ambi_records_drop(records);
}

static void push_marked(const Units *u, WordVec *out, const uint8_t *marks,
                        bool relied) {
  for (uint32_t id = 0; id < nsymbols(u); id++)
    if (marks[id] && (symbol(u, id)->analysed != 0) == relied)
      make_push(out, id);
}

// Symbols lowering relied on; then those of the rules and of the types of the
// symbols relied on, which may decide whether an argument fits.
static void push_depends(const Units *u, const Variant *v, WordVec *out) {
  uint8_t *marks = ambi_alloc(nsymbols(u));
  RecordVec records = {0};
  make_check(marks && ambi_space_rules(v->def->space, v->def->head,
                                       v->def->nargs, &records),
             "out of memory");
  mark_records(marks, &records);
  for (uint32_t id = 0; id < nsymbols(u); id++) {
    if (!symbol(u, id)->analysed) continue;
    marks[id] = 1;
    make_check(ambi_space_types(v->def->space, AMB_SYM_ID(id), &records),
               "out of memory");
    mark_records(marks, &records);
  }
  WordVec ids = {0};
  push_marked(u, &ids, marks, true);
  size_t relied = ids.n;
  push_marked(u, &ids, marks, false);
  make_push(out, relied | (Word)ids.n << 32);
  for (size_t i = 0; i < ids.n; i += 2)
    make_push(out, ids.at[i] | (i + 1 < ids.n ? ids.at[i + 1] << 32 : 0));
  make_drop(&ids);
  ambi_free(marks, nsymbols(u));
}

// ---- one unit -------------------------------------------------------------------

typedef struct Group {  // a unit and its loops while they are written
  const Unit *units[16];
  uint32_t nunits;
  WordVec variants;  // Variants met
} Group;

static uint32_t index_of(WordVec *v, Word w) {
  for (size_t i = 0; i < v->n; i++)
    if (v->at[i] == w) return (uint32_t)i;
  make_push(v, w);
  return (uint32_t)v->n - 1;
}

static uint32_t loop_index(Group *g, const Unit *u) {
  for (uint32_t i = 0; i < g->nunits; i++)
    if (g->units[i] == u) return i;
  make_check(g->nunits < 16, "too many loops in a unit");
  g->units[g->nunits] = u;
  return g->nunits++;
}

// What constant k of the unit is: the letter of an operand.
static char constant_kind(const Unit *u, uint32_t k) {
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    const Code *pc = u->code + at;
    for (unsigned i = 0; i < 3; i++) {
      char kind = ambi_operand_kind(pc->op, i);
      if ((kind == 'T' || kind == 'C') && pc->half[i + 1] == k) return kind;
    }
  }
  return 'K';
}

static Word constant(Terms *t, Group *g, WordVec *templates, const Unit *u,
                     uint32_t k) {
  Word w = u->k[k];
  switch (constant_kind(u, k)) {
  case 'T': return AMB_BOOT_REFERENCE(BOOT_TEMPLATE, index_of(templates, w));
  case 'C': {
    const Variant *v = (const Variant *)(uintptr_t)w;
    return v->def
               ? AMB_BOOT_REFERENCE(BOOT_VARIANT, index_of(&g->variants, w))
               : AMB_BOOT_REFERENCE(BOOT_LOOP, loop_index(g, ambi_unit_of(v)));
  }
  default: return make_terms_word(t, AMB_V(w));
  }
}

// Items of at most a word each, padded to whole words.
static void push_bytes(WordVec *out, const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += sizeof(Word)) {
    Word w = 0;
    memcpy(&w, (const char *)from + i,
           bytes - i < sizeof w ? bytes - i : sizeof w);
    make_push(out, w);
  }
}

static void push_switches(WordVec *out, const Unit *u) {
  for (uint32_t i = 0; i < u->nswitches; i++) {
    const Switch *s = &u->switches[i];
    make_push(out, s->n);
    make_push(out, s->other | (Word)s->open << 32);
    for (uint32_t j = 0; j < s->n; j++) {
      make_push(out, s->cases[j].key);
      make_push(out, s->cases[j].to);
    }
  }
}

static void push_unit(Terms *t, Group *g, WordVec *out, const Unit *u) {
  WordVec constants = {0}, templates = {0};
  for (uint32_t k = 0; k < u->nk; k++)
    make_push(&constants, constant(t, g, &templates, u, k));
  BootCounts n = {.ncode = u->ncode,
                  .nslots = u->nslots,
                  .nargs = u->nargs,
                  .nk = u->nk,
                  .nedges = u->nedges,
                  .nswitches = u->nswitches,
                  .nlive = u->nlive,
                  .nrows = u->nrows,
                  .ntemplates = (uint32_t)templates.n,
                  .stamp = u->stamp};
  push_bytes(out, &n, sizeof n);
  push_bytes(out, u->code, u->ncode * sizeof *u->code);
  push_bytes(out, u->edges, u->nedges * sizeof *u->edges);
  push_bytes(out, u->live_at, u->nrows * sizeof *u->live_at);
  push_bytes(out, u->live, (size_t)u->nrows * u->nlive * sizeof *u->live);
  push_switches(out, u);
  for (size_t i = 0; i < templates.n; i++) {
    TemplateImage im =
        make_terms_template(t, (const Template *)(uintptr_t)templates.at[i]);
    make_push(out, im.atom);
    make_push(out, im.nvars | (Word)im.flags << 32);
    make_push(out, im.vinfo);
  }
  for (size_t i = 0; i < constants.n; i++)
    make_push(out, constants.at[i]);
  make_drop(&constants);
  make_drop(&templates);
}

// ---- one row --------------------------------------------------------------------

// Lowers the variant as if it were the first, with unknown heads having so many
// effects. asked: did that matter?
static const Unit *lower(Units *u, Variant *v, unsigned effects, bool *asked) {
  CodeState *cs = u->cx->rt->code;
  ambi_code_invalidate(cs);
  ambi_store_release(&cs->x_unknown, 0);
  u->cx->rt->mentions.effects = effects;
  for (uint32_t id = 0; id < nsymbols(u); id++)
    symbol(u, id)->analysed = 0;
  const Unit *unit = ambi_lower_variant(u->cx, v);
  make_check(unit != NULL, "a definition cannot be lowered");
  *asked = ambi_load_relaxed(&cs->x_unknown) != 0;
  return unit;
}

static uint32_t nargs_of(const Variant *v) {
  return v->def->nargs | (v->same ? BOOT_SAME : 0);
}

// The words of a row; what its units call goes to todo.
static void push_row(Units *u, const Wanted *w, const Unit *unit, WordVec *out,
                     Todo *todo) {
  Terms *t = &u->sources[w->source].terms;
  Group g = {.units = {unit}, .nunits = 1};
  WordVec units = {0}, depends = {0};
  for (uint32_t i = 0; i < g.nunits; i++)
    push_unit(t, &g, &units, g.units[i]);
  push_depends(u, w->variant, &depends);
  make_push(out, g.nunits | (Word)g.variants.n << 32);
  for (size_t i = 0; i < depends.n; i++)
    make_push(out, depends.at[i]);
  for (size_t i = 0; i < g.variants.n; i++) {
    const Variant *called = (const Variant *)(uintptr_t)g.variants.at[i];
    Value head = called->def->head;
    uint32_t id = ambi_is_sym(head) ? ambi_sym_of(head) : BOOT_SHAPE;
    make_push(out, id | (Word)nargs_of(called) << 32);
    make_push(out, make_terms_word(t, called->type));
    if (ambi_is_sym(head))
      want(u, todo, source_of(u, w->source, head), head, called->def->nargs,
           called->type, called->same);
  }
  for (size_t i = 0; i < units.n; i++)
    make_push(out, units.at[i]);
  make_drop(&g.variants);
  make_drop(&units);
  make_drop(&depends);
}

// A row that is the same for these bounds, too.
static bool add_bounds(Units *u, size_t first, const WordVec *row,
                       uint64_t bounds) {
  for (size_t i = first; i < u->n; i++) {
    size_t end = i + 1 < u->n ? u->rows[i + 1].at : u->code.n;
    size_t at = u->rows[i].at;
    if (end - at != row->n ||
        memcmp(u->code.at + at, row->at, row->n * sizeof(Word)) != 0)
      continue;
    u->rows[i].bounds |= bounds;
    return true;
  }
  return false;
}

static void add_row(Units *u, const Wanted *w, size_t first, const WordVec *row,
                    uint64_t bounds) {
  if (add_bounds(u, first, row, bounds)) return;
  make_check(ambi_grow((void **)&u->rows, &u->cap, u->n + 1, sizeof *u->rows),
             "out of memory");
  const Variant *v = w->variant;
  Terms *t = &u->sources[w->source].terms;
  u->rows[u->n++] = (BootUnit){.head = ambi_sym_of(v->def->head),
                               .nargs = nargs_of(v),
                               .module = w->source,
                               .type = make_terms_word(t, v->type),
                               .bounds = bounds,
                               .at = (uint32_t)u->code.n};
  for (size_t i = 0; i < row->n; i++)
    make_push(&u->code, row->at[i]);
}

static void add_variant(Units *u, Wanted w, Todo *todo) {
  size_t first = u->n;
  bool asked = true;
  u->cx->space = u->sources[w.source].user;
  for (unsigned effects = 0; asked && effects <= E_ALL; effects++) {
    const Unit *unit = lower(u, w.variant, effects, &asked);
    if (unit->code[0].op != OP_I_QUERYT) {  // else lowering has given up
      WordVec row = {0};
      push_row(u, &w, unit, &row, todo);
      add_row(u, &w, first, &row, asked ? (uint64_t)1 << effects : UINT64_MAX);
      make_drop(&row);
    }
    ambi_context_reset(u->cx);
  }
}

// ---- all of them ----------------------------------------------------------------

static int by_head(const void *a, const void *b) {
  const BootUnit *x = a, *y = b;
  if (x->head != y->head) return x->head < y->head ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

static void want_all(Units *u, Todo *todo, uint32_t source) {
  RecordVec all = {0};
  make_check(ambi_space_atoms(u->sources[source].space, &all), "out of memory");
  for (size_t i = 0; i < all.n; i++) {
    Value rule = ambi_record_atom(all.at[i]);
    if (ambi_expr_size(rule) != 3 ||
        !ambi_same(ambi_expr_at(rule, 0), AMB_SYM(EQ)))
      continue;
    Value lhs = ambi_expr_at(rule, 1);
    if (!ambi_is_expr(lhs) || !ambi_is_sym(ambi_expr_at(lhs, 0))) continue;
    want(u, todo, source, ambi_expr_at(lhs, 0), ambi_expr_size(lhs) - 1,
         AMB_SYM(UNDEFINED), false);
    want(u, todo, source, ambi_expr_at(lhs, 0), ambi_expr_size(lhs) - 1,
         AMB_SYM(UNDEFINED), true);
  }
  ambi_records_drop(&all);
}

void make_units(Units *u) {
  Todo todo = {0};
  for (uint32_t i = 0; i < u->nsources; i++)
    want_all(u, &todo, i);
  for (size_t i = 0; i < todo.n; i++)
    add_variant(u, todo.at[i], &todo);
  ambi_free(todo.at, todo.cap * sizeof *todo.at);
  if (u->n) qsort(u->rows, u->n, sizeof *u->rows, by_head);
}

void make_units_close(Units *u) {
  for (uint32_t i = 0; i < u->nsources; i++) {
    make_terms_close(&u->sources[i].terms);
    make_drop(&u->sources[i].mentions);
  }
  ambi_free(u->sources, u->nsources * sizeof *u->sources);
  ambi_free(u->rows, u->cap * sizeof *u->rows);
  make_drop(&u->code);
}
