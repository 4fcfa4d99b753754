// A walk over the words of a tokenizer.
#include "runtime/atoms/tokens_data.h"

static bool begins_as_noted(const Tokens *t, uint32_t symbol) {
  unsigned char c = (unsigned char)ambi_symbol(t->rt->symbols, symbol)->text[0];
  return t->first[c / 64] >> c % 64 & 1;
}

static bool names_are_valid(const Tokens *t, const char **why) {
  size_t used = 0;
  for (size_t i = 0; i < t->nslots; i++) {
    const Slot *s = &t->slots[i];
    if (!s->entry) continue;
    used++;
    if (s->entry > t->n || t->at[s->entry - 1].code ||
        t->at[s->entry - 1].symbol != s->symbol ||
        ambi_tokens_slot(t, s->symbol) != s)
      return ambi_invalid(why, "a word that leads to another's value");
    if (!begins_as_noted(t, s->symbol))
      return ambi_invalid(why, "a word that begins as none does");
  }
  return used == t->nused || ambi_invalid(why, "words are miscounted");
}

bool ambi_tokens_is_valid(const Tokens *t, const char **why) {
  size_t npatterns = 0;
  for (size_t i = 0; i < t->n; i++) {
    const Entry *e = &t->at[i];
    if (!ambi_template_is_valid(t->rt->store, &e->value, why)) return false;
    if (!e->code &&
        (t->nslots == 0 || ambi_tokens_slot(t, e->symbol)->entry <= i))
      return ambi_invalid(why, "a word whose newest value is not the last");
    if (e->code && (npatterns == t->npatterns || t->patterns[npatterns++] != i))
      return ambi_invalid(why, "patterns out of order, or not all there");
  }
  if (npatterns != t->npatterns)
    return ambi_invalid(why, "patterns out of order, or not all there");
  return names_are_valid(t, why);
}
