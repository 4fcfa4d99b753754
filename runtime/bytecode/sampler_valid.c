// A walk over a profile: functions, the names of units, the tree of stacks.
#include "runtime/bytecode/sampler_data.h"

static bool is_function(const Sampler *p, const FunctionCounts *f) {
  const FunctionCounts *at = p->functions;
  while (at && at != f)
    at = at->next;
  return at || f == &p->collecting || f == &p->deeper || f == &p->building ||
         f == &p->other;
}

static bool functions_are_valid(const Sampler *p, const char **why) {
  uint32_t left = p->nfunctions;
  for (const FunctionCounts *f = p->functions; f; f = f->next) {
    if (left-- == 0 || f->number != left)
      return ambi_invalid(why, "functions of a profile are miscounted");
    if (!f->name) return ambi_invalid(why, "a function without a name");
  }
  return left == 0 ||
         ambi_invalid(why, "functions of a profile are miscounted");
}

static bool units_are_valid(const Sampler *p, const char **why) {
  size_t n = 0;
  if (p->units_cap & (p->units_cap - 1))
    return ambi_invalid(why, "a table of units of no possible size");
  for (size_t i = 0; i < p->units_cap; i++) {
    const UnitName *u = &p->units[i];
    if (!u->unit) continue;
    n++;
    if (ambi_sampler_place(p, u->unit) != u)
      return ambi_invalid(why, "a unit that is not found in a profile");
    if (!is_function(p, u->f))
      return ambi_invalid(why, "a unit of no function of the profile");
  }
  return n == p->nunits ||
         ambi_invalid(why, "units of a profile are miscounted");
}

// Children are younger than their parent, and each is younger than the next.
static bool tree_is_valid(const Sampler *p, const char **why) {
  size_t reached = 1;
  if (p->nnodes == 0 || p->nnodes > p->nodes_cap)
    return ambi_invalid(why, "a tree of stacks without a root");
  for (uint32_t i = 0; i < p->nnodes; i++) {
    uint32_t before = (uint32_t)p->nnodes;
    for (uint32_t c = p->nodes[i].first; c; c = p->nodes[c].next) {
      if (c <= i || c >= before)
        return ambi_invalid(why, "a tree of stacks out of order");
      before = c;
      reached++;
    }
    if (i && !is_function(p, p->nodes[i].f))
      return ambi_invalid(why, "a stack of what is no function");
  }
  return reached == p->nnodes ||
         ambi_invalid(why, "a stack that nothing leads to");
}

bool ambi_sampler_is_valid(const Sampler *p, const char **why) {
  return functions_are_valid(p, why) && units_are_valid(p, why) &&
         tree_is_valid(p, why);
}
