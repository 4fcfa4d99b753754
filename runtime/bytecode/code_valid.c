// A walk over definitions, variants and units.
#include "runtime/bytecode/code.h"
#include "runtime/bytecode/coverage.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/bytecode/verify.h"
#include "runtime/machine/site.h"

static bool is_linked(const Unit *list, const Unit *u) {
  for (; list; list = list->next)
    if (list == u) return true;
  return false;
}

static bool variants_are_valid(const CodeState *cs, const Definition *d,
                               const char **why) {
  for (const Variant *v = ambi_load_acquire(&d->x_variants); v; v = v->next) {
    const Unit *u = ambi_unit_of(v);
    if (v->def != d)
      return ambi_invalid(why, "a variant of another definition");
    if (u == cs->lower_unit) continue;
    if (!is_linked(cs->units, u))
      return ambi_invalid(why, "a variant runs a unit that was thrown away");
    if (u->variant != v || u->nargs != d->nargs)
      return ambi_invalid(why, "a unit of another variant");
  }
  return true;
}

static bool definitions_are_valid(const CodeState *cs, const char **why) {
  size_t n = 0;
  const Definitions *t = ambi_load_acquire(&cs->x_table);
  if (t->size == 0 || (t->size & (t->size - 1)))
    return ambi_invalid(why, "a table of definitions of no possible size");
  for (size_t i = 0; i < t->size; i++) {
    for (const Definition *d = ambi_load_acquire(&t->x_at[i]); d;
         d = ambi_load_acquire(&d->x_chain)) {
      n++;
      if (!d->space || (!ambi_is_sym(d->head) && !ambi_is_unit(d->head) &&
                        !ambi_is_applied(d) && !ambi_is_lambda(d)))
        return ambi_invalid(why, "a definition of nothing");
      if (!variants_are_valid(cs, d, why)) return false;
    }
  }
  return n == cs->count || ambi_invalid(why, "definitions are miscounted");
}

// What the look-up of definitions remembers is what it would find.
static bool cache_is_valid(const CodeState *cs, const char **why) {
  size_t n = sizeof cs->x_met / sizeof *cs->x_met;
  for (size_t i = 0; i < n; i++) {
    const Definition *d = ambi_load_acquire(&cs->x_met[i]);
    if (d && ambi_definition_place(d->head, d->nargs) != i)
      return ambi_invalid(why, "a definition is remembered under another key");
  }
  return true;
}

static bool better_is_valid(const Unit *u, const char **why) {
  const Unit *b = ambi_load_acquire(&u->better);
  if (b && (b->of != u || b->variant != u->variant || b->nargs != u->nargs ||
            !b->nbodies || ambi_load_acquire(&b->better)))
    return ambi_invalid(why, "a unit of level 2 that was made of another");
  return true;
}

static bool units_are_valid(const Unit *list, const CodeState *cs,
                            const char **why) {
  for (const Unit *u = list; u; u = u->next) {
    if (!u->code || !u->ncode || u->epoch > ambi_code_epoch(cs))
      return ambi_invalid(why, "a unit without code, or of a time to come");
    for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
      if (u->code[at].op >= OP_I_COUNT)
        return ambi_invalid(why, "a unit holds what is no instruction");
    if (!better_is_valid(u, why)) return false;
  }
  return true;
}

bool ambi_code_is_valid(const CodeState *cs, const char **why) {
  return definitions_are_valid(cs, why) && cache_is_valid(cs, why) &&
         units_are_valid(cs->units, cs, why) &&
         units_are_valid(cs->retired, cs, why) &&
         ambi_targets_is_valid(cs, why) &&
         (!cs->coverage || ambi_coverage_is_valid(cs->coverage, why));
}

// ---- all bytecode once more ---------------------------------------------------

static bool verify_units(const Unit *list, const char **why) {
  uint32_t at;
  for (const Unit *u = list; u; u = u->next) {
    const Unit *better = ambi_load_acquire(&u->better);
    if (!ambi_unit_verify(u, why, &at) && *why) return false;
    if (better && !ambi_unit_verify(better, why, &at) && *why) return false;
  }
  return true;
}

bool ambi_code_verifies(const CodeState *cs, const char **why) {
  // Not the chain's unit: its frames are filled when they are made.
  size_t n = sizeof cs->x_eval_units / sizeof *cs->x_eval_units;
  for (size_t i = 0; i < n; i++)
    if (!verify_units(ambi_load_acquire(&cs->x_eval_units[i]), why))
      return false;
  return verify_units(cs->units, why) && verify_units(cs->retired, why) &&
         verify_units(ambi_load_acquire(&cs->x_routine_unit), why);
}
