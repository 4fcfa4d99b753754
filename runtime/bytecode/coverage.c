// Rules by their text, in a table; counts by unit, which are added up at the end.
#include "runtime/bytecode/coverage_data.h"

#include <string.h>

#include "memory/alloc.h"
#include "runtime/guard.h"
#include "runtime/modules/module.h"

bool ambi_coverage_start(CodeState *cs) {
  cs->coverage = ambi_alloc(sizeof *cs->coverage);
  return cs->coverage != NULL;
}

void ambi_coverage_end(CodeState *cs) {
  Coverage *c = cs->coverage;
  cs->coverage = NULL;
  if (!c) return;
  for (UnitCover *u = c->units, *next; u; u = next) {
    next = u->next;
    ambi_free(u->marks, u->nmarks * sizeof *u->marks);
    ambi_free(u, sizeof *u + u->ncode * sizeof *u->x_counts);
  }
  for (size_t i = 0; i < c->nrules; i++) {
    ambi_text_free(c->rules[i].file);
    ambi_text_free(c->rules[i].shown);
    ambi_text_free(c->rules[i].text);
  }
  ambi_free(c->rules, c->cap * sizeof *c->rules);
  ambi_free(c->places, c->nplaces * sizeof *c->places);
  ambi_free(c, sizeof *c);
}

// ---- rules ----------------------------------------------------------------------

static bool is_rule(const Template *t) {
  return ambi_is_expr(t->atom) && ambi_expr_size(t->atom) == 3 &&
         ambi_same(ambi_expr_at(t->atom, 0), AMB_SYM(EQ));
}

// NULL: memory is out.
static char *printed(Runtime *rt, const Template *t) {
  Buffer b = {0};
  ambi_print_template(rt, &b, t, NULL);
  char *text = b.failed ? NULL : ambi_text_copy(b.text, b.len);
  ambi_buffer_drop(&b);
  return text;
}

// What the rule says, whatever its variables are called. NULL: memory is out.
static char *text_of(Runtime *rt, const Template *t) {
  Template plain = *t;
  plain.vinfo = ambi_alloc((t->nvars + (size_t)1) * sizeof *plain.vinfo);
  if (!plain.vinfo) return NULL;
  for (uint32_t i = 0; i < t->nvars; i++)
    plain.vinfo[i] = ambi_vinfo(AMB_S_X, i + 1);
  char *text = printed(rt, &plain);
  ambi_free(plain.vinfo, (t->nvars + (size_t)1) * sizeof *plain.vinfo);
  return text;
}

uint32_t *ambi_coverage_place(const Coverage *c, const char *text) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (const char *s = text; *s; s++)
    hash = (hash ^ (unsigned char)*s) * UINT64_C(1099511628211);
  size_t i = (size_t)(hash >> 20) & (c->nplaces - 1);
  while (c->places[i] && strcmp(c->rules[c->places[i] - 1].text, text) != 0)
    i = (i + 1) & (c->nplaces - 1);
  return &c->places[i];
}

static bool make_room(Coverage *c) {
  if (!ambi_grow((void **)&c->rules, &c->cap, c->nrules + 1, sizeof *c->rules))
    return false;
  if (2 * (c->nrules + 1) <= c->nplaces) return true;
  size_t n = c->nplaces ? 2 * c->nplaces : 256;
  uint32_t *places = ambi_alloc(n * sizeof *places);
  if (!places) return false;
  ambi_free(c->places, c->nplaces * sizeof *places);
  c->places = places;
  c->nplaces = n;
  for (size_t i = 0; i < c->nrules; i++)
    if (c->rules[i].text)
      *ambi_coverage_place(c, c->rules[i].text) = (uint32_t)i + 1;
  return true;
}

// Is it known, from the same place? A text may be run several times.
static bool is_known(const Coverage *c, uint32_t first, const char *file,
                     uint32_t line) {
  for (uint32_t i = first;; i = c->rules[i].next) {
    if (c->rules[i].line == line && strcmp(c->rules[i].file, file) == 0)
      return true;
    if (!c->rules[i].next) return false;
  }
}

// Takes `shown` over, and the text, if it is the first rule of that text.
static void add(Coverage *c, uint32_t *place, Known k) {
  uint32_t number = (uint32_t)c->nrules;
  k.same = *place ? *place - 1 : number;
  if (*place) {
    k.text = NULL;
    k.next = c->rules[k.same].next;
    c->rules[k.same].next = number;
  } else {
    *place = number + 1;
  }
  c->rules[c->nrules++] = k;
}

void ambi_coverage_atom(CodeState *cs, const char *file, uint32_t line,
                        const Template *t) {
  Coverage *c = cs->coverage;
  if (!is_rule(t)) return;
  Known k = {.text = text_of(cs->rt, t), .line = line};
  bool kept = false;
  ambi_guard(cs->rt);
  uint32_t *place =
      k.text && make_room(c) ? ambi_coverage_place(c, k.text) : NULL;
  if (place && !(*place && is_known(c, *place - 1, file, line))) {
    k.file = ambi_text_copy(file, strlen(file));
    k.shown = printed(cs->rt, t);
    if (k.file && k.shown) {
      kept = !*place;
      add(c, place, k);
    } else {
      ambi_text_free(k.file);
      ambi_text_free(k.shown);
    }
  }
  ambi_unguard(cs->rt);
  if (!kept) ambi_text_free(k.text);
}

uint32_t ambi_coverage_rule(CodeState *cs, const Template *t) {
  const Coverage *c = cs->coverage;
  char *text = c->nplaces ? text_of(cs->rt, t) : NULL;
  uint32_t number = text ? *ambi_coverage_place(c, text) - 1 : UINT32_MAX;
  ambi_text_free(text);
  return number;
}

void ambi_coverage_unseen(CodeState *cs, const Template *t) {
  uint32_t number = ambi_coverage_rule(cs, t);
  if (number != UINT32_MAX) cs->coverage->rules[number].unseen = true;
}

// ---- units ----------------------------------------------------------------------

UnitCover *ambi_coverage_unit(CodeState *cs, CoverMark *marks, uint32_t n,
                              uint32_t ncode) {
  UnitCover *u = ambi_alloc(sizeof *u + ncode * sizeof *u->x_counts);
  if (!u) {
    ambi_free(marks, n * sizeof *marks);
    return NULL;
  }
  u->marks = marks;
  u->nmarks = n;
  u->ncode = ncode;
  u->next = cs->coverage->units;
  return cs->coverage->units = u;
}

static void add_up(Coverage *c) {
  for (size_t i = 0; i < c->nrules; i++)
    c->rules[i].n[COVER_TRIED] = c->rules[i].n[COVER_TAKEN] = 0;
  for (const UnitCover *u = c->units; u; u = u->next)
    for (uint32_t i = 0; i < u->nmarks; i++) {
      const CoverMark *m = &u->marks[i];
      c->rules[m->rule].n[m->kind] += ambi_load_relaxed(&u->x_counts[m->at]);
    }
}

void ambi_coverage_rules(CodeState *cs,
                         void (*with)(void *arg, const CoveredRule *r),
                         void *arg) {
  Coverage *c = cs->coverage;
  AMB_WALK(ambi_coverage_is_valid(c, &why));
  add_up(c);
  for (size_t i = 0; i < c->nrules; i++) {
    const Known *k = &c->rules[i], *first = &c->rules[k->same];
    CoveredRule r = {.file = k->file,
                     .line = k->line,
                     .text = k->shown,
                     .unseen = first->unseen && !first->n[COVER_TAKEN],
                     .tried = first->n[COVER_TRIED],
                     .taken = first->n[COVER_TAKEN]};
    with(arg, &r);
  }
}
