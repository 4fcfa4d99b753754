// MATCHF: a match of a flat pattern, whose children are variables or have none.
//
// The pattern is never built. What is bound is compared, and a variable seen first gets
// what the fact has in its place, without a cell and without the trail. Most of these
// questions come again and again from one instruction, with another value of the one
// argument that is known, and one fact, a few or none are the answer: an engine keeps where
// they were found (FlatSite), so that it goes from the value to the slot of the index, the
// record and the fact.
#include "runtime/machine/deepen.h"
#include "runtime/machine/step.h"

#include "memory/alloc.h"
#include "memory/stress.h"

enum { MAX_FLAT = 16 };

static const Template *flat_pattern(const Engine *g, const Code *pc) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  return (const Template *)(uintptr_t)u->k[pc->c];
}

// The pattern, with its children as they are now.
typedef struct Flat {
  FlatAsk ask;
  uint32_t nfresh;          // variables first seen:
  uint8_t at[MAX_FLAT];     // which children they are
  uint16_t slot[MAX_FLAT];  // and where their values go
  Value items[MAX_FLAT];
} Flat;

static inline void look_at(const Engine *g, const Code *pc, Flat *f) {
  Value pattern = flat_pattern(g, pc)->atom;
  const Value *parts = ambi_stored_items(pattern);
  const uint16_t *list = ambi_op_list(pc);
  FlatAsk ask = {.items = f->items, .n = ambi_hdr_size(*ambi_ptr(pattern))};
  uint32_t nfresh = 0;
  for (uint32_t i = 0; i < ask.n; i++) {
    Value v = parts[i];
    if (ambi_is_lvar(v)) {
      uint16_t slot = list[ambi_lvar_of(v)];
      if (slot & ENV_NEW) {
        f->items[i] = AMB_NONE;
        f->at[nfresh] = (uint8_t)i;
        f->slot[nfresh++] = slot & ENV_SLOT;
        continue;
      }
      v = ambi_deref(AMB_V(g->e[slot]));
    }
    f->items[i] = v;
    if (i) ambi_flat_note(&ask, i, v);
  }
  f->ask = ask;
  f->nfresh = nfresh;
}

// Behind a MATCHF.
static inline const Code *behind(const Code *pc) {
  AMB_ASSERT(ambi_op_words(pc) == 1 + (pc->b + 3u) / 4);
  return pc + 1 + (pc->b + 3u) / 4;
}

// What a variable first seen is where a record has none of its own for it.
static Value own_variable(Engine *g, const Code *pc, uint32_t i) {
  const Template *t = flat_pattern(g, pc);
  uint32_t var = ambi_lvar_of(ambi_expr_at(t->atom, i));
  Value v = ambi_make_var(g->cx, ambi_vinfo_name(t->vinfo[var]), AMB_VAR_FRESH);
  if (!ambi_is_none(v) && (ambi_op_list(pc)[var] & ENV_LATE))
    ambi_ptr(v)[1] = ambi_step_late_name(g, g->e, ambi_ptr(v)[1]);
  return v;
}

static bool any_open(const RecordVec *records) {
  for (size_t i = 0; i < records->n; i++)
    if (ambi_record_open(records->at[i])) return true;
  return false;
}

// All candidates have the same ones, as the results are of one pattern.
static bool own_variables(Engine *g, const Code *pc, const Flat *f,
                          Value *fresh) {
  for (uint32_t i = 0; i < f->ask.n; i++) {
    bool is_fresh = ambi_is_none(f->items[i]);
    fresh[i] = is_fresh ? own_variable(g, pc, i) : AMB_UNIT;
    if (ambi_is_none(fresh[i])) return false;
  }
  return true;
}

// Variables first seen get what the record has in their places.
static bool take_flat(Engine *g, const Flat *f, const Value *fresh, Record r) {
  Value out[MAX_FLAT];
  if (!ambi_record_unify_items(g->cx, r, f->items, f->ask.n, fresh, out))
    return false;
  for (uint32_t i = 0; i < f->nfresh; i++)
    g->e[f->slot[i]] = out[f->at[i]].w;
  return true;
}

// The same for a fact that is known to match.
static inline void take_fact(Engine *g, const Flat *f, Value fact) {
  const Value *parts = ambi_stored_items(fact);
  for (uint32_t i = 0; i < f->nfresh; i++)
    g->e[f->slot[i]] = ambi_presume_data(g->cx, parts[f->at[i]]).w;
}

static void explain_flat(Engine *g, const Code *pc, Space *s, const Flat *f) {
  Value whole[MAX_FLAT];
  for (uint32_t i = 0; i < f->ask.n; i++) {
    bool is_fresh = ambi_is_none(f->items[i]);
    whole[i] = is_fresh ? own_variable(g, pc, i) : f->items[i];
  }
  Value pattern = ambi_make_expr(g->cx, whole, f->ask.n);
  if (!g->cx->stop) ambi_space_explain(g->cx, s, pattern);
}

// ---- where the last answer was ------------------------------------------------------
enum { FLAT_SITES = 64, FLAT_PARTS = 4, FLAT_PATIENCE = 128, FLAT_WAIT = 60 };

// One instruction in one unit and one space, by the address of the instruction.
struct FlatSite {
  const Code *pc;
  uint64_t unit;  // its number
  FactPlace place;
  uint8_t wait;   // nothing could be kept: questions until it is tried again
  bool constant;  // the known argument is a constant of the pattern, else ...
  uint16_t key;   // ... in this slot
  Value value;
  // Children that are not known, and the slots of their variables: those first seen,
  // then those that were unbound.
  uint8_t nfresh, nparts, at[FLAT_PARTS];
  uint16_t slot[FLAT_PARTS];
};

void ambi_flat_sites_free(Engine *g) {
  ambi_free(g->flat_sites, FLAT_SITES * sizeof *g->flat_sites);
}

static inline FlatSite *site_of(const Engine *g, const Code *pc) {
  return &g->flat_sites[((uintptr_t)pc / sizeof *pc) % FLAT_SITES];
}

static inline uint64_t unit_number(const Engine *g) {
  return ((const Unit *)(uintptr_t)g->e[FRAME_UNIT])->number;
}

static uint16_t slot_of(const Code *pc, Value part) {
  return ambi_op_list(pc)[ambi_lvar_of(part)] & ENV_SLOT;
}

// False: there are too many.
static bool note_parts(const Code *pc, const Value *pattern, const Flat *f,
                       FlatSite *site) {
  if (f->nfresh + f->ask.vars > FLAT_PARTS) return false;
  site->nfresh = (uint8_t)f->nfresh;
  memcpy(site->at, f->at, f->nfresh * sizeof *f->at);
  memcpy(site->slot, f->slot, f->nfresh * sizeof *f->slot);
  uint8_t n = site->nfresh;
  for (uint32_t i = 1; i < f->ask.n; i++) {
    if (ambi_is_none(f->items[i]) || !ambi_is_var(f->items[i])) continue;
    site->at[n] = (uint8_t)i;
    site->slot[n++] = slot_of(pc, pattern[i]);
  }
  site->nparts = n;
  return true;
}

static bool find_site(Engine *g, Space *s, const Code *pc, const Flat *f,
                      FlatSite *site) {
  const Value *pattern = ambi_stored_items(flat_pattern(g, pc)->atom);
  if (!site->unit || !note_parts(pc, pattern, f, site) ||
      !ambi_fact_place(g->cx, s, &f->ask, &site->place))
    return false;
  site->value = pattern[f->ask.last];
  site->constant = !ambi_is_lvar(site->value);
  if (!site->constant) site->key = slot_of(pc, site->value);
  return true;
}

// Keeps where the answer was; not where memory is short.
static void keep_site(Engine *g, Space *s, const Code *pc, const Flat *f) {
  if (g->flat_asked < FLAT_PATIENCE && !ambi_stress(STRESS_MINIMAL)) {
    // an evaluation of a moment
    g->flat_asked++;
    return;
  }
  if (!g->flat_sites &&
      !(g->flat_sites = ambi_alloc(FLAT_SITES * sizeof *g->flat_sites)))
    return;
  FlatSite *kept = site_of(g, pc), site = {.pc = pc, .unit = unit_number(g)};
  if (kept->wait && kept->pc == pc && kept->unit == site.unit) {
    kept->wait--;
    return;
  }
  if (find_site(g, s, pc, f, &site))
    *kept = site;
  else if (!kept->pc || kept->pc == pc)
    *kept = (FlatSite){.pc = pc, .unit = site.unit, .wait = FLAT_WAIT};
}

static inline enum FactAnswer take_site(Engine *g, const FlatSite *site,
                                        const Value *parts) {
  for (uint32_t i = 0; i < site->nfresh; i++)
    g->e[site->slot[i]] = ambi_presume_data(g->cx, parts[site->at[i]]).w;
  for (uint32_t i = site->nfresh; i < site->nparts; i++)
    if (!ambi_fact_take(g->cx, AMB_V(g->e[site->slot[i]]), parts[site->at[i]]))
      return FACT_NONE;
  return FACT_ONE;
}

// FACT_SEVERAL: they are in g->found. FACT_ASK: nothing is kept for it, or it has changed.
static inline enum FactAnswer ask_site(Engine *g, const Space *s,
                                       const Code *pc) {
  if (!g->flat_sites) return FACT_ASK;
  const FlatSite *site = site_of(g, pc);
  if (site->pc != pc || site->unit != unit_number(g) || !site->place.space)
    return FACT_ASK;
  for (uint32_t i = site->nfresh; i < site->nparts; i++)
    if (!ambi_is_var(ambi_deref(AMB_V(g->e[site->slot[i]])))) return FACT_ASK;
  Value key = site->constant ? site->value : ambi_deref(AMB_V(g->e[site->key]));
  const Value *parts;
  enum FactAnswer answer =
      ambi_fact_there(g->cx, s, &site->place, key, &parts, &g->found);
  if (answer == FACT_ONE) return take_site(g, site, parts);
  return answer == FACT_SEVERAL && site->nparts > site->nfresh ? FACT_ASK
                                                               : answer;
}

// ---- the instruction ----------------------------------------------------------------
// Do two of the candidates in g->found match? Nothing stays bound.
static bool several_match(Engine *g, const Code *pc, const Value *fresh) {
  Context *cx = g->cx;
  size_t mark = cx->tr, n = 0;
  Word *hb = cx->hb, *top = cx->h;
  Flat f;
  look_at(g, pc, &f);
  cx->hb = (Word *)UINTPTR_MAX;
  for (size_t i = 0; i < g->found.n && n < 2 && !cx->stop; i++) {
    n += take_flat(g, &f, fresh, g->found.at[i]);
    ambi_trail_undo(cx, mark);
    if (!cx->stop) cx->h = top;
  }
  cx->hb = hb;
  return n > 1;
}

// The first of several, which are in g->found. fresh: NULL when none of them is open.
// certain: they match, and the pattern's variables are first seen.
static enum Next several(Engine *g, const Code *pc, uint32_t n,
                         const Value *fresh, bool certain) {
  static const Code resume[1] = {{.op = OP_I_MATCHF_NEXT}};
  Word *noted = ambi_counted_behind(g, behind(pc));
  if (AMB_UNLIKELY(noted != NULL))
    *noted |= certain || several_match(g, pc, fresh);
  Hook *h = ambi_hook_new(g, HOOK_CURSOR);
  bool kept = h != NULL;
  for (uint32_t i = 0; fresh && i < n && kept; i++)
    kept = ambi_vec_push(&h->values, fresh[i]);
  Choice *c = kept ? ambi_choice_push(g, resume) : NULL;
  if (!c) {
    ambi_hook_free(g, h);
    if (g->cx->stop == STOP_NONE) g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  h->records = g->found;
  h->certain = certain;
  g->found = (RecordVec){0};
  c->hook = h;
  c->next = pc;
  return ambi_match_flat_next(g);
}

// The only candidate.
static enum Next match_one(Engine *g, const Code *pc, const Flat *f, Record r) {
  Value fresh[MAX_FLAT];
  if (ambi_record_open(r) && !own_variables(g, pc, f, fresh)) return NEXT_STOP;
  g->pc = behind(pc);
  bool ok = take_flat(g, f, fresh, r);
  return g->cx->stop ? NEXT_STOP : ok ? NEXT_PC : NEXT_FAIL;
}

// Where there may be several.
static __attribute__((noinline)) enum Next
match_all(Engine *g, Space *s, const Code *pc, const Flat *f) {
  g->found.n = 0;
  if (!ambi_space_query_items(g->cx, s, f->items, f->ask.n, &g->found))
    return NEXT_STOP;
  if (g->found.n == 0) return NEXT_FAIL;
  if (g->found.n == 1) return match_one(g, pc, f, g->found.at[0]);
  Value fresh[MAX_FLAT];
  bool open = any_open(&g->found);
  if (open && !own_variables(g, pc, f, fresh)) return NEXT_STOP;
  if (!open) keep_site(g, s, pc, f);
  return several(g, pc, f->ask.n, open ? fresh : NULL, false);
}

static __attribute__((noinline)) enum Next match_flat(Engine *g, Space *s,
                                                      const Code *pc) {
  Flat f;
  Record fact;
  look_at(g, pc, &f);
  if (AMB_UNLIKELY(g->cx->rt->explain)) explain_flat(g, pc, s, &f);
  enum FactAnswer answer = ambi_space_fact(g->cx, s, &f.ask, &fact);
  if (answer == FACT_ASK) return match_all(g, s, pc, &f);
  if (g->cx->stop) return NEXT_STOP;
  if (answer == FACT_CANDIDATE) return match_one(g, pc, &f, fact);
  keep_site(g, s, pc, &f);
  if (answer == FACT_NONE) return NEXT_FAIL;
  take_fact(g, &f, fact.held);
  g->pc = behind(pc);
  return NEXT_PC;
}

enum Next ambi_match_flat(Engine *g, Value space) {
  const Code *pc = g->pc;
  const Space *s = ambi_space_of(space);
  switch (ask_site(g, s, pc)) {
  case FACT_NONE: return g->cx->stop ? NEXT_STOP : NEXT_FAIL;
  case FACT_ONE: g->pc = behind(pc); return NEXT_PC;
  case FACT_SEVERAL: return several(g, pc, 0, NULL, true);
  case FACT_CANDIDATE:
  case FACT_ASK: break;
  }
  return match_flat(g, ambi_space_of(space), pc);
}

// Each child that is a variable first seen gets what the fact has there.
static inline void take_parts(const Engine *g, const Code *pc, Value fact) {
  Value pattern = flat_pattern(g, pc)->atom;
  const Value *asked = ambi_stored_items(pattern),
              *parts = ambi_stored_items(fact);
  const uint16_t *list = ambi_op_list(pc);
  for (uint32_t i = 1, n = ambi_hdr_size(*ambi_ptr(pattern)); i < n; i++) {
    if (!ambi_is_lvar(asked[i])) continue;
    uint16_t slot = list[ambi_lvar_of(asked[i])];
    if (slot & ENV_NEW)
      g->e[slot & ENV_SLOT] = ambi_presume_data(g->cx, parts[i]).w;
  }
}

enum Next ambi_match_flat_next(Engine *g) {
  Choice *c = g->b;
  Hook *h = c->hook;
  const Code *pc = c->next;
  if (h->certain) {
    Value fact = h->records.at[h->cursor++].held;
    if (h->cursor == h->records.n) ambi_choice_cut(g, c);
    take_parts(g, pc, fact);
    g->pc = behind(pc);
    return NEXT_PC;
  }
  Flat f;
  Value fresh[MAX_FLAT];
  look_at(g, pc, &f);
  if (h->values.n) memcpy(fresh, h->values.at, f.ask.n * sizeof *fresh);
  while (h->cursor < h->records.n) {
    Record r = h->records.at[h->cursor++];
    bool last = h->cursor == h->records.n;
    if (last) ambi_choice_cut(g, c);
    bool ok = take_flat(g, &f, fresh, r);
    if (g->cx->stop) return NEXT_STOP;
    if (ok) {
      g->pc = behind(pc);
      return NEXT_PC;
    }
    if (last) break;
  }
  return NEXT_FAIL;
}
