// Writing the unit of inline_code.h, and making it ready.
#include "compiler_thread/inline_code.h"

#include "memory/alloc.h"
#include "runtime/bytecode/verify.h"

enum { MOST_WORDS = 4096, MOST_SLOTS = 400, MOST_CONSTANTS = 0x3000 };

static bool room(Out *o, void *array, size_t *cap, size_t need, size_t item) {
  if (!o->failed && !ambi_grow(array, cap, need, item)) o->failed = true;
  return !o->failed;
}
#define ROOM(array, count) \
  room(o, &o->array, &o->array##_cap, (size_t)(count), sizeof *o->array)

static void *exactly(const void *from, size_t bytes) {
  void *to = bytes ? ambi_alloc(bytes) : NULL;
  if (to) memcpy(to, from, bytes);
  return to;
}

Label out_label(Out *o) {
  if (!ROOM(labels, o->nlabels + 1)) return 0;
  o->labels[o->nlabels] = UINT32_MAX;
  return (Label)o->nlabels++;
}

void out_bind(Out *o, Label l) {
  if (!o->failed) o->labels[l] = (uint32_t)o->n;
}

Code *out_copy(Out *o, const Code *pc, unsigned words, unsigned seen) {
  if (o->n + words > MOST_WORDS) o->failed = true;
  if (!room(o, &o->code, &o->cap, o->n + words, sizeof *o->code) ||
      !ROOM(seen, o->n + words))
    return NULL;
  Code *to = o->code + o->n;
  memcpy(to, pc, words * sizeof *to);
  memset(o->seen + o->n, 0, words);
  o->seen[o->n] = (uint8_t)seen;
  o->n += words;
  return to;
}

Code *out_one(Out *o, unsigned op, unsigned a, unsigned b, unsigned c) {
  Code code = {
      .op = (uint16_t)op, .a = (uint16_t)a, .b = (uint16_t)b, .c = (uint16_t)c};
  return out_copy(o, &code, 1, 0);
}

void out_jump(Out *o, uint32_t from, uint32_t word, unsigned half, Label to) {
  if (ROOM(fixups, o->nfixups + 1))
    o->fixups[o->nfixups++] = (Fixup){from, word, half, to};
}

void out_edge(Out *o, uint32_t at, Label to) {
  if (ROOM(edges, o->nedges + 1)) o->edges[o->nedges++] = (EdgeTo){at, to};
}

uint16_t out_slot(Out *o) {
  if (o->nslots >= MOST_SLOTS) o->failed = true;
  return (uint16_t)(o->failed ? 0 : o->nslots++);
}

uint32_t out_constants(Out *o, const Unit *u) {
  for (size_t i = 0; i < o->nunits; i++)
    if (o->units[i].unit == u) return o->units[i].from;
  uint32_t from = (uint32_t)o->nk;
  if (o->nk + u->nk > MOST_CONSTANTS) o->failed = true;
  if (!ROOM(units, o->nunits + 1) ||
      !room(o, &o->k, &o->k_cap, o->nk + u->nk, sizeof *o->k))
    return 0;
  if (u->nk) memcpy(o->k + o->nk, u->k, u->nk * sizeof *o->k);
  o->nk += u->nk;
  o->units[o->nunits++] = (UnitConstants){u, from};
  return from;
}

uint16_t out_body(Out *o, const Variant *v, const Unit *u) {
  if (!ROOM(bodies, o->nbodies + 1)) return 0;
  o->bodies[o->nbodies] = (InlinedBody){v, u};
  return (uint16_t)o->nbodies++;
}

uint16_t out_outlet(Out *o, const Unit *u, uint32_t at) {
  const uint64_t *live = ambi_unit_live_row(u, at);
  if (!live) o->failed = true;
  if (!ROOM(outlets, o->noutlets + 1)) return 0;
  o->outlets[o->noutlets] = (Outlet){u, at, live};
  return (uint16_t)o->noutlets++;
}

uint16_t out_switch(Out *o, const Switch *s) {
  if (!ROOM(switches, o->nswitches + 1)) return 0;
  Switch *to = &o->switches[o->nswitches];
  *to = (Switch){.n = s->n};
  to->cases = exactly(s->cases, s->n * sizeof *to->cases);
  if (!to->cases && s->n) {
    o->failed = true;
    return 0;
  }
  return (uint16_t)o->nswitches++;
}

void out_case(Out *o, uint16_t table, uint32_t number, Label to) {
  if (ROOM(cases, o->ncases + 1))
    o->cases[o->ncases++] = (CaseTo){table, number, to};
}

// ---- the end ----------------------------------------------------------------------------

static void resolve(Out *o) {
  for (size_t i = 0; i < o->nfixups; i++) {
    const Fixup *f = &o->fixups[i];
    o->code[f->word].half[f->half] = (uint16_t)(o->labels[f->to] - f->from);
  }
  for (size_t i = 0; i < o->ncases; i++) {
    const CaseTo *c = &o->cases[i];
    Switch *s = &o->switches[c->table];
    uint32_t to = o->labels[c->to];
    if (c->number < s->n)
      s->cases[c->number].to = to;
    else if (c->number == s->n)
      s->other = to;
    else
      s->open = to;
  }
  for (size_t at = 0; at < o->n; at += ambi_op_words(o->code + at))
    if (ambi_ops[o->code[at].op].flags & X_CALL)
      o->code[at + 1].half[0] = (uint16_t)o->nslots;
}

static bool fill_edges(const Out *o, Unit *u) {
  u->nedges = (uint32_t)o->nedges;
  u->edges = o->nedges ? ambi_alloc(o->nedges * sizeof *u->edges) : NULL;
  for (size_t i = 0; u->edges && i < o->nedges; i++)
    u->edges[i] = (ErrorEdge){o->edges[i].at, o->labels[o->edges[i].to]};
  return u->edges || !o->nedges;
}

static bool fill_templates(const Out *o, Unit *u) {
  size_t n = 0;
  for (size_t i = 0; i < o->nunits; i++)
    n += o->units[i].unit->ntemplates;
  if (n == 0) return true;
  if (!(u->templates = ambi_alloc(n * sizeof *u->templates))) return false;
  for (size_t i = 0; i < o->nunits; i++) {
    const Unit *from = o->units[i].unit;
    if (from->ntemplates)
      memcpy(u->templates + u->ntemplates, from->templates,
             from->ntemplates * sizeof *u->templates);
    u->ntemplates += from->ntemplates;
  }
  return true;
}

// The tables of switches go over to the unit.
static bool fill(Out *o, Unit *u) {
  u->ncode = (uint32_t)o->n;
  u->nslots = o->nslots;
  u->nk = (uint32_t)o->nk;
  u->nswitches = (uint32_t)o->nswitches;
  u->nbodies = (uint32_t)o->nbodies;
  u->noutlets = (uint32_t)o->noutlets;
  u->code = exactly(o->code, o->n * sizeof *u->code);
  u->k = exactly(o->k, o->nk * sizeof *u->k);
  u->switches = exactly(o->switches, o->nswitches * sizeof *u->switches);
  u->bodies = exactly(o->bodies, o->nbodies * sizeof *u->bodies);
  u->outlets = exactly(o->outlets, o->noutlets * sizeof *u->outlets);
  if (u->switches || !o->nswitches)
    o->nswitches = 0;
  else
    u->nswitches = 0;
  return u->code && (u->k || !o->nk) && !o->nswitches &&
         (u->bodies || !o->nbodies) && (u->outlets || !o->noutlets) &&
         fill_edges(o, u) && fill_templates(o, u) && ambi_unit_liveness(u);
}

static Unit *make_unit(Out *o, const Unit *of) {
  Unit *u = ambi_alloc(sizeof *u);
  if (!u) return NULL;
  u->of = of;
  u->store = of->store;
  u->nargs = of->nargs;
  u->epoch = of->epoch;
  u->nhost = of->nhost;
  u->variant = of->variant;
  u->space = of->space;
  bool ok = fill(o, u);
  if (!ok) {
    ambi_unit_free(u);
    return NULL;
  }
  ambi_store_release(&u->x_state, NATIVE_FINAL);
  ambi_store_release(&u->entry, (const Code *)u->code);
  AMB_CHECK_UNIT(u);
  return u;
}

static SeenByte *shared_copy(const Out *o) {
  SeenByte *to = ambi_alloc(o->n * sizeof *to);
  for (size_t i = 0; to && i < o->n; i++)
    ambi_store_release(&to[i], o->seen[i]);
  return to;
}

static void drop(Out *o) {
  for (size_t i = 0; i < o->nswitches; i++)
    ambi_free(o->switches[i].cases, o->switches[i].n * sizeof(SwitchCase));
  ambi_free(o->code, o->cap * sizeof *o->code);
  ambi_free(o->seen, o->seen_cap);
  ambi_free(o->k, o->k_cap * sizeof *o->k);
  ambi_free(o->labels, o->labels_cap * sizeof *o->labels);
  ambi_free(o->fixups, o->fixups_cap * sizeof *o->fixups);
  ambi_free(o->edges, o->edges_cap * sizeof *o->edges);
  ambi_free(o->switches, o->switches_cap * sizeof *o->switches);
  ambi_free(o->cases, o->cases_cap * sizeof *o->cases);
  ambi_free(o->bodies, o->bodies_cap * sizeof *o->bodies);
  ambi_free(o->outlets, o->outlets_cap * sizeof *o->outlets);
  ambi_free(o->units, o->units_cap * sizeof *o->units);
}

Unit *out_close(Out *o, const Unit *of, SeenByte **seen) {
  Unit *u = NULL;
  if (!o->failed) {
    resolve(o);
    *seen = shared_copy(o);
    u = *seen ? make_unit(o, of) : NULL;
    if (!u && *seen) ambi_free(*seen, o->n * sizeof **seen);
  }
  drop(o);
  return u;
}
