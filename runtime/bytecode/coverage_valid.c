// A walk over the rules that are counted: their texts, where these are found, and the marks of units.
#include "runtime/bytecode/coverage_data.h"

// The rules of one text, from the first one on, which has it.
static bool texts_are_valid(const Coverage *c, const char **why) {
  size_t reached = 0;
  for (size_t i = 0; i < c->nrules; i++) {
    const Known *k = &c->rules[i];
    if (k->same > i || (k->same == i) != (k->text != NULL))
      return ambi_invalid(why, "a rule that goes by the text of none");
    if (!k->file || !k->shown) return ambi_invalid(why, "a rule of no place");
    if (k->same != i) continue;
    for (uint32_t at = (uint32_t)i;; at = c->rules[at].next) {
      if (at >= c->nrules || c->rules[at].same != i || reached == c->nrules)
        return ambi_invalid(why, "a rule among those of another text");
      reached++;
      if (!c->rules[at].next) break;
    }
  }
  return reached == c->nrules ||
         ambi_invalid(why, "a rule that its text does not lead to");
}

static bool places_are_valid(const Coverage *c, const char **why) {
  size_t texts = 0, places = 0;
  if ((c->nplaces & (c->nplaces - 1)) || c->nrules > c->nplaces)
    return ambi_invalid(why, "a table of rules of no possible size");
  for (size_t i = 0; i < c->nplaces; i++)
    places += c->places[i] != 0;
  for (size_t i = 0; i < c->nrules; i++) {
    if (!c->rules[i].text) continue;
    texts++;
    if (*ambi_coverage_place(c, c->rules[i].text) != i + 1)
      return ambi_invalid(why, "a rule that is not found");
  }
  return texts == places || ambi_invalid(why, "places of rules are miscounted");
}

static bool marks_are_valid(const Coverage *c, const char **why) {
  for (const UnitCover *u = c->units; u; u = u->next)
    for (uint32_t i = 0; i < u->nmarks; i++)
      if (u->marks[i].at >= u->ncode || u->marks[i].rule >= c->nrules ||
          u->marks[i].kind > COVER_TAKEN)
        return ambi_invalid(why, "a mark outside of its unit, or of no rule");
  return true;
}

bool ambi_coverage_is_valid(const Coverage *c, const char **why) {
  return texts_are_valid(c, why) && places_are_valid(c, why) &&
         marks_are_valid(c, why);
}
