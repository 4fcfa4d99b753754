// A walk over everything a Runtime keeps from form to form.
#include "runtime/runtime.h"

#include "runtime/bytecode/code.h"
#include "runtime/modules/module.h"
#include "runtime/tables/table.h"

static bool cell_is_valid(const Runtime *rt, const CellHeader *c,
                          const char **why) {
  if (c->kind == CELL_SPACE) return ambi_space_is_valid((const Space *)c, why);
  if (c->kind > CELL_HOST) return ambi_invalid(why, "a cell of no kind");
  if (c->kind != CELL_STATE) return true;
  const State *s = (const State *)c;
  Template value = ambi_record_template(ambi_state_record(s));
  return ambi_template_is_valid(rt->store, &value, why) &&
         ambi_template_is_valid(rt->store, &s->type, why);
}

bool ambi_runtime_is_valid(const Runtime *rt, const char **why) {
  if (rt->sharing) return true;  // others change what would be looked at
  if (!ambi_symbols_is_valid(rt->symbols, why) ||
      !ambi_store_is_valid(rt->store, why))
    return false;
  for (const CellHeader *c = rt->cells; c; c = c->next)
    if (!cell_is_valid(rt, c, why)) return false;
  if (!ambi_latency_is_valid(&rt->collections.minor, why) ||
      !ambi_latency_is_valid(&rt->collections.major, why))
    return false;
  if (rt->modules && !ambi_modules_is_valid(rt->modules, why)) return false;
  if (!ambi_tables_is_valid(rt, why)) return false;
  return !rt->code || ambi_code_is_valid(rt->code, why);
}
