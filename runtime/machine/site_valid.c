// A walk over the targets of calls through variables, and the tables they are looked up in.
#include "runtime/machine/site.h"

static bool is_listed(const CodeState *cs, const Target *t) {
  const Target *at = cs->targets;
  while (at && at != t)
    at = at->next;
  return at != NULL;
}

static bool is_known_table(const CodeState *cs, const Targets *t) {
  const Targets *at = cs->target_tables;
  while (at && at != t)
    at = at->next;
  return at != NULL;
}

// Which kinds go to a variant, and of what.
static bool goes_somewhere(const Target *t, const char **why) {
  bool calls = t->kind == TARGET_CALL || t->kind == TARGET_TYPED;
  if (calls != (t->variant != NULL))
    return ambi_invalid(why, "a target that goes nowhere, or data that does");
  if (calls && (t->variant->def->head.w != t->head ||
                t->variant->def->nargs != t->nargs))
    return ambi_invalid(why, "a target that enters another definition");
  if (t->kind == TARGET_APPLY && !ambi_is_op(AMB_V(t->head)))
    return ambi_invalid(why, "a target that applies what is no operation");
  return true;
}

static bool takes_types(const Target *t, const char **why) {
  for (uint32_t i = 0; i < t->nargs; i++)
    if (!ambi_is_sym(t->param[i]) &&
        !(t->kind == TARGET_APPLY && ambi_is_unit(t->param[i])))
      return ambi_invalid(why, "a target with an argument of no type");
  return true;
}

// One that was not found out, as a limit stopped it, is odd and in no table.
static bool target_is_valid(const CodeState *cs, const Target *t,
                            const char **why) {
  Value head = AMB_V(t->head);
  if (!ambi_is_sym(head) && !ambi_is_op(head))
    return ambi_invalid(why, "a target of no head");
  if (t->epoch > ambi_code_epoch(cs))
    return ambi_invalid(why, "a target of a time to come");
  if (t->kind > TARGET_ODD) return ambi_invalid(why, "a target of no kind");
  return t->kind == TARGET_ODD ||
         (goes_somewhere(t, why) && takes_types(t, why));
}

static bool place_is_valid(const CodeState *cs, const Targets *table,
                           uint32_t i, const char **why) {
  const Target *t = ambi_load_relaxed(&table->at[i]);
  if (t == ambi_load_relaxed(&ambi_targets_none()->at[0])) return true;
  if (!is_listed(cs, t))
    return ambi_invalid(why, "a table has a target that there is not");
  if (ambi_target_index(t->head, table->mask) != i)
    return ambi_invalid(why, "a target that is not found");
  return t->nargs == table->shape->def->nargs ||
         ambi_invalid(why, "a target of another shape");
}

static bool table_is_valid(const CodeState *cs, const Targets *table,
                           const char **why) {
  if (table->mask & (table->mask + 1))
    return ambi_invalid(why, "a table of targets of no possible size");
  const Targets *now = ambi_load_relaxed(&table->shape->targets);
  if (!is_known_table(cs, now) || now->shape != table->shape)
    return ambi_invalid(why, "a shape looks up in another one's table");
  for (uint32_t i = 0; i <= table->mask; i++)
    if (!place_is_valid(cs, table, i, why)) return false;
  return true;
}

bool ambi_targets_is_valid(const CodeState *cs, const char **why) {
  for (const Target *t = cs->targets; t; t = t->next)
    if (!target_is_valid(cs, t, why)) return false;
  for (const Targets *t = cs->target_tables; t; t = t->next)
    if (!table_is_valid(cs, t, why)) return false;
  return true;
}
