// Units of the boot image: when one may be used, and making it ready.
//
// A unit is used only where lowering would give the same. So the rules and types
// of every symbol it depends on must be those of its own module and what that
// imports, as they were built, seen from the context space; none may be about no
// symbol in particular; and an unknown head must be bounded as when the unit was
// made.
#include "runtime/library/boot.h"

#include "memory/alloc.h"
#include "runtime/bytecode/lower.h"
#include "runtime/bytecode/verify.h"
#include "runtime/spaces/twin.h"

// ---- may it be used? ------------------------------------------------------------

// Is nothing said about the symbol but by the unit's module and its imports?
static bool as_built(const Runtime *rt, const Space *s, const Space *module,
                     uint32_t symbol) {
  if (ambi_symbol_is_dynamic(ambi_symbol(rt->symbols, symbol)) ||
      ambi_space_defines(s, symbol))
    return false;
  for (size_t i = 1, ndeps = ambi_space_ndeps(s); i <= ndeps; i++) {
    const Space *dep = ambi_space_nth(s, i);
    if (dep != module && !ambi_space_has_dep(module, dep) &&
        ambi_space_nth_defines(s, i, symbol))
      return false;
  }
  return true;
}

// As it is seen from the space.
static bool library_unchanged(const Runtime *rt, const Space *s) {
  for (uint32_t i = 0; i < rt->boot->nmodules; i++) {
    const BootLoaded *b = &rt->booted[i];
    if (b->space && (b->space->version != b->version ||
                     (s->twin && !ambi_twin_leaves(s, b->space))))
      return false;
  }
  return true;
}

typedef struct Group {  // the units of one row
  const Word *at;
  uint32_t nunits, nvariants, nrelied, ndepends;
  const uint32_t *depends;  // symbols, those relied on first
  const Word *variants;
  const Word *terms;  // of the module
} Group;

static Group group_at(const Runtime *rt, const BootUnit *row) {
  const Word *at = rt->boot->code + row->at;
  Group g = {.nunits = (uint32_t)at[0],
             .nvariants = (uint32_t)(at[0] >> 32),
             .nrelied = (uint32_t)at[1],
             .ndepends = (uint32_t)(at[1] >> 32),
             .depends = (const uint32_t *)(const void *)(at + 2),
             .terms = rt->booted[row->module].terms};
  g.variants = at + 2 + (g.ndepends + 1) / 2;
  g.at = g.variants + (size_t)g.nvariants * 2;
  return g;
}

static bool usable(CodeState *cs, const Space *s, const BootUnit *row,
                   const Group *g) {
  const Space *module = cs->rt->booted[row->module].space;
  for (uint32_t i = 0; i < g->ndepends; i++)
    if (!as_built(cs->rt, s, module, g->depends[i])) return false;
  if (ambi_effects_fetched(cs)) return false;  // no unit was made for that
  return row->bounds == UINT64_MAX ||
         row->bounds >> (ambi_effects_unknown(cs) & E_ALL) & 1;
}

static const BootUnit *first_row(const BootImage *image, uint32_t head) {
  uint32_t lo = 0, hi = image->nunits;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (image->units[mid].head < head)
      lo = mid + 1;
    else
      hi = mid;
  }
  return image->units + lo;
}

// NULL: there is no such unit that may be used.
static const BootUnit *find_row(Context *cx, const Variant *v, Group *g) {
  CodeState *cs = cx->rt->code;
  const Runtime *rt = cx->rt;
  const Definition *d = v->def;
  const Space *s = d->space;
  if (!rt->boot || v->made || ambi_load_relaxed(&cs->x_broad_rules) ||
      ambi_load_relaxed(&cs->x_metatypes) || !ambi_is_sym(d->head) ||
      s != cx->space || !(s->is_module || s->twin) || !library_unchanged(rt, s))
    return NULL;
  const BootUnit *end = rt->boot->units + rt->boot->nunits;
  uint32_t head = ambi_sym_of(d->head);
  for (const BootUnit *row = first_row(rt->boot, head);
       row < end && row->head == head; row++) {
    const BootLoaded *b = &rt->booted[row->module];
    if (row->nargs != (d->nargs | (v->same ? BOOT_SAME : 0)) || !b->space ||
        !ambi_space_has_dep(s, b->space) ||
        ambi_image_word(b->terms, row->type) != v->type.w)
      continue;
    *g = group_at(rt, row);
    if (usable(cs, s, row, g)) return row;
  }
  return NULL;
}

// ---- making it ready ------------------------------------------------------------

// A unit with all that is made for it; the rest stays in the image.
typedef struct BootBlock {
  Unit unit;
  Variant local;  // what calls it, if it is a loop's
  Word rest[];    // constants, switches, templates
} BootBlock;

static size_t block_size(const BootCounts *n) {
  return sizeof(BootBlock) + n->nk * sizeof(Word) +
         n->nswitches * sizeof(Switch) +
         n->ntemplates * (sizeof(Template) + sizeof(Template *));
}

static Unit *nth_unit(Unit *u, uint32_t i) {
  while (i-- > 0)
    u = u->next;
  return u;
}

// NULL: memory is out.
static Variant *variant_at(CodeState *cs, Space *s, const Group *g,
                           uint32_t i) {
  const Word *at = g->variants + (size_t)i * 2;
  uint32_t head = (uint32_t)at[0], nargs = (uint32_t)(at[0] >> 32);
  bool same = nargs & BOOT_SAME;
  nargs &= ~BOOT_SAME;
  Value type = AMB_V(ambi_image_word(g->terms, at[1]));
  if (head == BOOT_SHAPE) return ambi_shape(cs, s, nargs, type, same);
  Definition *d = ambi_definition(cs, s, AMB_SYM_ID(head), nargs);
  return d ? ambi_variant_of(cs, d, type, same) : NULL;
}

// False: memory is out.
static bool make_constant(CodeState *cs, Space *s, const Group *g, Unit *first,
                          const Unit *u, Word w, Word *out) {
  const void *p;
  if (ambi_tag(AMB_V(w)) != TAG_FWD) {
    *out = ambi_image_word(g->terms, w);
    return true;
  }
  uint32_t i = (uint32_t)w;
  switch ((enum BootReference)((w & AMB_PAYLOAD_MASK) >> 32)) {
  case BOOT_TEMPLATE: p = u->templates[i]; break;
  case BOOT_LOOP: p = nth_unit(first, i)->local; break;
  default: p = variant_at(cs, s, g, i); break;
  }
  *out = (Word)(uintptr_t)p;
  return p != NULL;
}

static const Word *take(const Word **at, size_t words) {
  const Word *p = *at;
  *at += words;
  return p;
}

// Points the unit at its tables in the image; what follows are its switches.
static void use_tables(Unit *u, const BootCounts *n, const Word **at) {
  u->ncode = n->ncode;
  u->nslots = n->nslots;
  u->nargs = n->nargs;
  u->stamp = n->stamp;
  u->nk = n->nk;
  u->nedges = n->nedges;
  u->nswitches = n->nswitches;
  u->nlive = n->nlive;
  u->nrows = n->nrows;
  u->ntemplates = n->ntemplates;
  u->code = (Code *)(uintptr_t)take(at, n->ncode);
  u->edges = (ErrorEdge *)(uintptr_t)take(at, n->nedges);
  u->live_at = (uint32_t *)(uintptr_t)take(at, (n->nrows + 1) / 2);
  u->live = (uint64_t *)(uintptr_t)take(at, (size_t)n->nrows * n->nlive);
}

static void make_switches(Unit *u, const Word **at) {
  for (uint32_t i = 0; i < u->nswitches; i++) {
    const Word *head = take(at, 2);
    Switch *w = &u->switches[i];
    w->n = (uint32_t)head[0];
    w->other = (uint32_t)head[1];
    w->open = (uint32_t)(head[1] >> 32);
    w->cases = (SwitchCase *)(uintptr_t)take(at, (size_t)w->n * 2);
  }
}

static void make_templates(Unit *u, const Word *base, const Word **at) {
  Template *t = (Template *)(void *)(u->templates + u->ntemplates);
  for (uint32_t i = 0; i < u->ntemplates; i++) {
    const Word *w = take(at, 3);
    u->templates[i] = &t[i];
    t[i] = (Template){.atom = AMB_V(ambi_image_word(base, w[0])),
                      .nvars = (uint32_t)w[1],
                      .flags = (uint32_t)(w[1] >> 32),
                      .vinfo = (uint32_t)w[1] ? (Word *)(uintptr_t)(base + w[2])
                                              : NULL};
  }
}

// Empty units, linked in the order of the image. False: memory is out.
static bool make_blocks(const Group *g, Unit **first) {
  Unit **link = first;
  const Word *at = g->at;
  for (uint32_t i = 0; i < g->nunits; i++) {
    const BootCounts *n = (const BootCounts *)(const void *)at;
    BootBlock *block = ambi_alloc(block_size(n));
    if (!block) return false;
    Unit *u = *link = &block->unit;
    link = &u->next;
    u->block = block_size(n);
    u->k = block->rest;
    u->switches = (Switch *)(void *)(u->k + n->nk);
    u->templates = (Template **)(void *)(u->switches + n->nswitches);
    if (i) {
      u->local = &block->local;
      ambi_store_release(&u->local->x_unit, u);
    }
    take(&at, BOOT_COUNT_WORDS);
    use_tables(u, n, &at);
    make_switches(u, &at);
    at += (size_t)n->ntemplates * 3 + n->nk;
  }
  return true;
}

// False: memory is out.
static bool fill(CodeState *cs, Space *s, const Group *g, Unit *first) {
  bool ok = true;
  for (Unit *u = first; u; u = u->next) {
    const Word *at = u->live + (size_t)u->nrows * u->nlive;
    for (uint32_t i = 0; i < u->nswitches; i++)
      at += 2 + (size_t)u->switches[i].n * 2;
    make_templates(u, g->terms, &at);
    for (uint32_t i = 0; ok && i < u->nk; i++)
      ok = make_constant(cs, s, g, first, u, at[i], &u->k[i]);
    u->epoch = ambi_code_epoch(cs);
    ambi_unit_ready(cs, u);
  }
  return ok;
}

static Unit *load(CodeState *cs, Variant *v, const Group *g) {
  Unit *first = NULL, *last = NULL;
  bool made = make_blocks(g, &first);
  if (made) first->variant = v;
  if (!made || !fill(cs, v->def->space, g, first)) {
    while (first) {
      Unit *u = first;
      first = u->next;
      ambi_unit_free(u);
    }
    return NULL;
  }
  for (Unit *u = first; u; u = u->next) {
    AMB_CHECK_UNIT(u);
    last = u;
  }
  last->next = cs->units;
  cs->units = first;
  ambi_space_evaluates(v->def->space);
  for (uint32_t i = 0; i < g->nrelied; i++)
    ambi_code_rely(cs, AMB_SYM_ID(g->depends[i]));
  return first;
}

Unit *ambi_variant_unit(Context *cx, Variant *v) {
  Group g;
  if (v->table) return ambi_lower_tabled(cx, v);
  if (v->counted || !find_row(cx, v, &g)) return ambi_lower_variant(cx, v);
  Unit *u = load(cx->rt->code, v, &g);
  if (!u) cx->stop = STOP_MEMORY;
  return u;
}
