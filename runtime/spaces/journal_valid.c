// A walk over a journal: what an isolated evaluation sees is what its log tells.
#include "runtime/runtime.h"
#include "runtime/spaces/journal_data.h"

// Is the place remembered of each space and state, and of nothing else?
static bool places_are_valid(const Journal *j, const char **why) {
  const Places *p = &j->places;
  size_t taken = 0;
  for (size_t i = 0; i < p->cap; i++) {
    size_t at = p->slot[i].at;
    if (at == 0) continue;
    taken++;
    bool space = at <= j->nshades && j->shades[at - 1]->space == p->slot[i].of;
    bool state = at <= j->nstates && j->states[at - 1].state == p->slot[i].of;
    if (!space && !state)
      return ambi_invalid(why, "a place of a journal that is another's");
  }
  if (taken != p->n || p->n != j->nshades + j->nstates)
    return ambi_invalid(why, "places of a journal are miscounted");
  return true;
}

static bool shade_is_valid(const Journal *j, const Shade *s, const char **why) {
  if (s->nhidden > s->hidden_cap || s->nread > SHADE_READS)
    return ambi_invalid(why, "a shade has more than its room");
  for (size_t i = 0; i < s->nhidden; i++)
    if ((i > 0 && s->hidden[i - 1] >= s->hidden[i]) ||
        s->hidden[i] >= s->first + j->added)
      return ambi_invalid(why, "hidden records out of order, or not there");
  if (!s->own) return true;
  if (s->own->next_ordinal > s->first + j->added)
    return ambi_invalid(why, "an addition that the journal has not counted");
  Relation *rel;
  for (Relations rels = ambi_data_relations(s->own);
       (rel = ambi_relations_next(&rels)) != NULL;)
    if (!ambi_relation_is_valid(rel, why)) return false;
  return true;
}

static const Shade *shade_of(const Journal *j, const Space *space) {
  for (size_t i = 0; i < j->nshades; i++)
    if (j->shades[i]->space == space) return j->shades[i];
  return NULL;
}

// What the log says of a record, or that a state holds, is so.
static bool change_is_valid(const Journal *j, size_t at, const char **why) {
  const Change *c = &j->log.at[at];
  if (c->kind != CHANGE_ADDED && c->kind != CHANGE_REMOVED) return true;
  const Shade *s = shade_of(j, c->space);
  if (!s) return ambi_invalid(why, "a change of a space nobody has looked at");
  if (c->kind == CHANGE_REMOVED)
    return ambi_shade_hides(s, c->ordinal) ||
           ambi_invalid(why, "what was removed is not hidden");
  if (c->ordinal < s->first || c->ordinal - s->first >= j->added ||
      j->log_at[c->ordinal - s->first] != at)
    return ambi_invalid(why, "an addition that is not found in the log");
  return !c->gone || ambi_shade_hides(s, c->ordinal) ||
         ambi_invalid(why, "what was removed again is not hidden");
}

static bool state_is_valid(const Journal *j, const StateSeen *seen,
                           const char **why) {
  Record now = seen->read;
  bool changed = false;
  for (size_t i = 0; i < j->log.n; i++) {
    const Change *c = &j->log.at[i];
    if (c->kind != CHANGE_STATE || c->state != seen->state) continue;
    now = c->record;
    changed = true;
  }
  return (changed == seen->changed && now.held.w == seen->now.held.w) ||
         ambi_invalid(why, "a state holds something else than the log tells");
}

bool ambi_journal_is_valid(const Journal *j, const char **why) {
  if (!places_are_valid(j, why)) return false;
  for (size_t i = 0; i < j->nshades; i++)
    if (!shade_is_valid(j, j->shades[i], why)) return false;
  for (size_t i = 0; i < j->nlevels; i++)
    if (j->levels[i].mark > j->log.n ||
        (i > 0 && j->levels[i].mark < j->levels[i - 1].mark))
      return ambi_invalid(why, "levels of a journal out of order");
  for (size_t i = 0; i < j->log.n; i++)
    if (!change_is_valid(j, i, why)) return false;
  for (size_t i = 0; i < j->nstates; i++)
    if (!state_is_valid(j, &j->states[i], why)) return false;
  return true;
}
