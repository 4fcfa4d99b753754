// What a unit calls, found by the evaluator when it sends the unit off for level 2.
#include "compiler_thread/inline.h"
#include "memory/alloc.h"

enum { MOST = 24, LARGEST_BODY = 400 };

typedef struct Callee {
  const Variant *variant;
  Unit *unit;
} Callee;

struct Plan {
  uint32_t n;
  Callee at[MOST];
};

const Unit *ambi_plan_unit(const Plan *p, const Variant *v) {
  for (uint32_t i = 0; i < p->n; i++)
    if (p->at[i].variant == v) return p->at[i].unit;
  return NULL;
}

// What asks a table finds the arguments where its own frame has them.
static bool asks_table(const Variant *v) {
  return v && v->table;
}

// Units that were lowered before rules changed are called no more.
static bool may_serve(const CodeState *cs, const Unit *u) {
  return u != cs->lower_unit && !u->form && !u->routine &&
         u->epoch == ambi_code_epoch(cs) && u->ncode <= LARGEST_BODY;
}

static void add_calls(Plan *p, const CodeState *cs, const Unit *u) {
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    const Code *pc = u->code + at;
    if (pc->op != OP_I_CALL && pc->op != OP_I_TAILCALL) continue;
    const Variant *v = (const Variant *)(uintptr_t)u->k[pc->c];
    Unit *callee = ambi_unit_of(v);
    if (p->n == MOST || ambi_plan_unit(p, v) || asks_table(v) ||
        !may_serve(cs, callee))
      continue;
    ambi_add_relaxed(&callee->x_held, 1);
    p->at[p->n++] = (Callee){v, callee};
  }
}

Plan *ambi_plan_make(const CodeState *cs, Unit *u) {
  if (u->form || u->stamp || u->epoch != ambi_code_epoch(cs) ||
      asks_table(u->variant))
    return NULL;
  Plan *p = ambi_alloc(sizeof *p);
  if (!p) return NULL;
  add_calls(p, cs, u);
  for (uint32_t i = 0; i < p->n; i++)
    add_calls(p, cs, p->at[i].unit);
  if (p->n) return p;
  ambi_plan_drop(p);
  return NULL;
}

void ambi_plan_drop(Plan *p) {
  if (!p) return;
  for (uint32_t i = 0; i < p->n; i++)
    ambi_add_release(&p->at[i].unit->x_held, (uint32_t)-1);
  ambi_free(p, sizeof *p);
}
