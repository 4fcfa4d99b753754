// Rules and types in an isolated evaluation: when they may change, in which spaces it is
// evaluated then, and what it has read of them.
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal_data.h"
#include "runtime/spaces/share.h"
#include "runtime/spaces/twin.h"

// ---- beginning again ----------------------------------------------------------------

void ambi_journal_expects(Context *cx, bool keeps_rules) {
  cx->journal->calm = keeps_rules;
}

// What is printed in a transaction is held.
static bool lasts(const Context *cx, unsigned flags) {
  if (cx->journal->calm) return false;
  if (flags & F_PRINTS) return !ambi_journal_has(cx, LEVEL_TRANSACTION);
  return (flags & (F_LASTING | F_HOST)) != 0;
}

static void begin_again(Context *cx) {
  cx->journal->again = true;
  if (!cx->stop) cx->stop = STOP_AGAIN;
}

bool ambi_journal_lets(Context *cx, unsigned flags) {
  if (cx->journal->ruling || !lasts(cx, flags)) return true;
  begin_again(cx);
  return false;
}

bool ambi_journal_lets_rule(Context *cx) {
  if (!cx->journal->ruling) begin_again(cx);
  return cx->journal->ruling;
}

size_t ambi_journal_goes_back(const Context *cx) {
  const Journal *j = cx->journal;
  return j && j->again ? j->height : SIZE_MAX;
}

bool ambi_journal_in_place(const Journal *j) {
  return j->in_place;
}

// ---- where it is evaluated ----------------------------------------------------------

static bool note_seen(Journal *j, const Space *s) {
  for (size_t i = 0; i < j->nseen; i++)
    if (j->seen[i].space == s) return true;
  if (!ambi_grow((void **)&j->seen, &j->seen_cap, j->nseen + 1,
                 sizeof *j->seen))
    return false;
  j->seen[j->nseen++] = (RulesSeen){s, ambi_rules_age(s)};
  return true;
}

static Space *need_twin(Journal *j, Space *s) {
  for (size_t i = 0; i < j->ntwins; i++)
    if (j->twins[i]->twin->of == s) return j->twins[i];
  if (!ambi_grow((void **)&j->twins, &j->twins_cap, j->ntwins + 1,
                 sizeof(Space *)))
    return NULL;
  Space *twin = ambi_twin_take(j, s);
  if (twin) j->twins[j->ntwins++] = twin;
  return twin;
}

Space *ambi_journal_home(Context *cx, Space *s) {
  Journal *j = cx->journal;
  s = ambi_space_face(s);
  if (j->in_place) return s;
  if (!note_seen(j, s))
    s = NULL;
  else if (j->ruling)
    s = need_twin(j, s);
  if (!s && !cx->stop) cx->stop = STOP_MEMORY;
  return s;
}

bool ambi_rules_hold(const Journal *j) {
  for (size_t i = 0; i < j->nseen; i++)
    if (j->seen[i].age != ambi_rules_age(j->seen[i].space)) return false;
  return true;
}

// ---- changes ------------------------------------------------------------------------

// What was made of rules and types is made anew. Before they change.
static void announce(const Journal *j, Space *of, Value atom) {
  Runtime *rt = j->rt;
  ambi_guard(rt);
  ambi_runtime_rules_changed(rt);
  ambi_runtime_types_changed(rt);
  if (rt->rules_changed && !j->in_place) rt->rules_changed(rt, of, atom);
  ambi_unguard(rt);
}

static struct DefMore *def_of(const Shade *s, uint32_t symbol) {
  size_t i = symbol * 0x9E3779B1u;
  while (s->defs[i &= s->defs_cap - 1].symbol &&
         s->defs[i].symbol != symbol + 1)
    i++;
  return &s->defs[i];
}

bool ambi_shade_reserve_def(Shade *s) {
  if (s->ndefs * 2 < s->defs_cap) return true;
  Shade more = {.defs_cap = s->defs_cap ? s->defs_cap * 2 : 8};
  more.defs = ambi_alloc(more.defs_cap * sizeof *more.defs);
  if (!more.defs) return false;
  for (size_t i = 0; i < s->defs_cap; i++)
    if (s->defs[i].symbol) *def_of(&more, s->defs[i].symbol - 1) = s->defs[i];
  ambi_free(s->defs, s->defs_cap * sizeof *s->defs);
  s->defs = more.defs;
  s->defs_cap = more.defs_cap;
  return true;
}

void ambi_shade_note_rule(Journal *j, Shade *s, Value atom, bool comes) {
  uint32_t symbol;
  if (!ambi_is_rule(atom)) return;
  announce(j, s->space, atom);
  j->nruled++;
  s->ruled = true;
  if (!ambi_space_defined_by(atom, &symbol)) return;
  struct DefMore *def = def_of(s, symbol);
  s->ndefs += !def->symbol;
  def->symbol = symbol + 1;
  def->more += comes ? 1 : -1;
}

bool ambi_journal_defines(const Journal *j, const Space *s, uint32_t symbol) {
  const Shade *shade = ambi_journal_find_shade(j, s);
  int64_t more = shade && shade->defs_cap ? def_of(shade, symbol)->more : 0;
  return ambi_space_count_of(s, symbol) + more > 0;
}

bool ambi_journal_rules(const Journal *j, const Space *s) {
  const Shade *shade = ambi_journal_find_shade(j, s);
  return shade && shade->ruled;
}

// ---- the end ------------------------------------------------------------------------

static void announce_all(const Journal *j) {
  for (size_t i = 0; i < j->log.n; i++) {
    const Change *c = &j->log.at[i];
    bool atom = c->kind == CHANGE_ADDED || c->kind == CHANGE_REMOVED;
    if (atom && !c->gone && ambi_is_rule(ambi_record_atom(c->record)))
      announce(j, c->space, ambi_record_atom(c->record));
  }
}

void ambi_journal_leave_twins(Journal *j, bool undone) {
  if (undone && j->nruled) announce_all(j);
  for (size_t i = 0; i < j->ntwins; i++)
    ambi_twin_leave(j->twins[i]);
  j->ntwins = j->nruled = 0;
}

void ambi_rule_release(Journal *j, Space *of, Record r) {
  if (ambi_record_gone(r)) return;
  if (j->in_place || !ambi_is_rule(ambi_record_atom(r)))
    ambi_record_release(j->rt->store, r);
  else
    ambi_space_keep_rule(of, r);
}
