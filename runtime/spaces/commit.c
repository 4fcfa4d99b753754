// What an isolated evaluation changed becomes visible.
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal_data.h"
#include "runtime/spaces/share.h"

// ---- beginning and ending -----------------------------------------------------------

static void begin_all(Journal *j) {
  ambi_guard(j->rt);
  for (size_t i = 0; i < j->nshades; i++)
    ambi_space_begin(j->in_order[i]->space);
}

// Who looks at what has changed waits from here on until all of it is there. What one
// space shows is there at once anyway.
static bool seal_all(Journal *j, size_t nstates) {
  size_t n = nstates;
  for (size_t i = 0; j->rt->sharing && i < j->nshades; i++)
    n += ambi_share_is_changed(j->shades[i]->space);
  if (!j->rt->sharing || n < 2) return false;
  for (size_t i = 0; i < j->nshades; i++)
    if (ambi_share_is_changed(j->shades[i]->space))
      ambi_share_seal(j->shades[i]->space);
  return true;
}

static void commit_all(Journal *j, bool sealed) {
  for (size_t i = 0; sealed && i < j->nshades; i++)
    ambi_share_show(j->shades[i]->space);
  for (size_t i = j->nshades; i-- > 0;)
    ambi_space_commit(j->in_order[i]->space);
}

// ---- is what was read still true? -----------------------------------------------------

static bool has_changed(const Relation *rel, const Shade *s) {
  return rel && rel->last >= s->base.seen;
}

static bool any_has_changed(const SpaceData *d, const Shade *s) {
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;)
    if (has_changed(rel, s)) return true;
  return false;
}

static bool space_holds(const Shade *s) {
  const SpaceData *d = ambi_load_acquire(&s->space->x_data);
  if (!s->nread && !s->read_all) return true;
  if (!s->base.epochs || !d->epochs)
    return s->version == ambi_load_acquire(&s->space->version);
  if (d != s->base.data) return false;
  if (s->read_all) return !any_has_changed(d, s);
  if (has_changed(ambi_data_lone(d, REL_VAR_HEAD), s) ||
      has_changed(ambi_data_lone(d, REL_OPEN), s))
    return false;
  for (unsigned i = 0; i < s->nread; i++)
    if (has_changed(
            ambi_data_relation(d, REL_SYMBOL, s->read[i].head, s->read[i].size),
            s))
      return false;
  return true;
}

// The first n are as they were read; those of them are frozen, where others could change
// them meanwhile.
static bool freeze(Journal *j, size_t *n) {
  for (*n = 0; *n < j->nstates; ++*n) {
    const StateSeen *s = &j->states[*n];
    bool same = j->rt->sharing ? ambi_state_freeze(j->rt, s->state, s->read)
                               : ambi_state_version(s->state) == s->version;
    if (!same) return false;
  }
  return true;
}

// Nobody changes what was read from here on, if it is as it was. Begins in any case.
static bool begin_if_holds(Journal *j, size_t *frozen) {
  begin_all(j);
  bool holds = ambi_rules_hold(j);
  for (size_t i = 0; holds && i < j->nshades; i++)
    holds = space_holds(j->shades[i]);
  return holds && freeze(j, frozen);
}

static void thaw(Journal *j, size_t n) {
  for (size_t i = 0; j->rt->sharing && i < n; i++)
    ambi_state_thaw(j->rt, j->states[i].state, j->states[i].read);
}

// ---- changes --------------------------------------------------------------------------

static bool publish_addition(Context *cx, Change *c) {
  Store *store = cx->rt->store;
  Record r = c->record;
  Template t = ambi_record_template(r);
  if (!ambi_space_add_template(c->space, &t)) return false;
  if (ambi_record_open(r)) ambi_template_give_up(store, ambi_record_kept(r));
  c->record.held = AMB_NONE;
  return true;
}

static bool publish(Context *cx, Change *c) {
  Template t = ambi_record_template(c->record);
  bool found;
  if (c->kind == CHANGE_CALL) return true;
  if (c->kind == CHANGE_ADDED) return c->gone || publish_addition(cx, c);
  // Variables as they are written tell equal atoms from others.
  Value v = ambi_instance(cx, &t, c->kind == CHANGE_REMOVED);
  if (ambi_is_none(v)) return false;
  return c->kind == CHANGE_REMOVED ? ambi_space_remove(c->space, v, &found)
                                   : ambi_state_change(cx->rt, c->state, v);
}

static bool publish_all(Context *cx, Changes *c) {
  bool ok = true;
  for (size_t i = 0; ok && i < c->n; i++)
    ok = publish(cx, &c->at[i]);
  if (!ok && !cx->stop) cx->stop = STOP_MEMORY;
  return ok;
}

bool ambi_changes_publish(Context *cx, Journal *j, Changes *c) {
  begin_all(j);
  bool ok = publish_all(cx, c);
  commit_all(j, seal_all(j, 0));
  ambi_unguard(j->rt);
  return ok;
}

// What the states are going to hold, so that nothing can fail when they change.
static bool make_states(Context *cx, Journal *j) {
  for (size_t i = 0; i < j->nstates; i++) {
    StateSeen *s = &j->states[i];
    if (!s->changed) continue;
    Template t = ambi_record_template(s->now);
    Value v = ambi_instance(cx, &t, false);
    if (ambi_is_none(v) || !ambi_state_make(cx->rt, v, &s->next)) return false;
    ambi_state_note_type(s->state, ambi_deref(v));
  }
  return true;
}

static size_t changed_states(const Journal *j) {
  size_t n = 0;
  for (size_t i = 0; i < j->nstates; i++)
    n += j->states[i].changed;
  return n;
}

static void put_states(Journal *j) {
  for (size_t i = 0; i < j->nstates; i++) {
    StateSeen *s = &j->states[i];
    if (s->changed) ambi_state_put(j->rt, s->state, s->read, s->next);
    s->next = (Record){AMB_NONE};
  }
}

static void drop_states(Journal *j) {
  for (size_t i = 0; i < j->nstates; i++) {
    StateSeen *s = &j->states[i];
    if (!ambi_is_none(s->next.held)) ambi_record_release(j->rt->store, s->next);
    s->next = (Record){AMB_NONE};
  }
}

static bool publish_spaces(Context *cx, Changes *c) {
  for (size_t i = 0; i < c->n; i++)
    if (c->at[i].kind != CHANGE_STATE && !publish(cx, &c->at[i])) return false;
  return true;
}

// Who asks for a state waits while it is frozen, and who asks for a changed space while it
// is sealed. States get their new values in between; so whoever has seen one of all these
// changes sees the others.
bool ambi_journal_publish(Context *cx, Journal *j) {
  size_t frozen = 0;
  bool holds = begin_if_holds(j, &frozen), ok = true;
  if (holds) ok = make_states(cx, j) && publish_spaces(cx, &j->log);
  bool sealed = seal_all(j, holds && ok ? changed_states(j) : 0);
  if (holds && ok)
    put_states(j);
  else
    drop_states(j);
  commit_all(j, sealed);
  thaw(j, frozen);
  ambi_journal_leave_twins(j, !holds || !ok);
  ambi_unguard(j->rt);
  if (!ok && !cx->stop) cx->stop = STOP_MEMORY;
  return holds && ok;
}

bool ambi_journal_holds(Journal *j) {
  size_t frozen = 0;
  bool holds = begin_if_holds(j, &frozen);
  commit_all(j, false);
  thaw(j, frozen);
  ambi_unguard(j->rt);
  return holds;
}

bool ambi_journal_calls(Context *cx, Changes *log, size_t from) {
  for (size_t i = from; i < log->n; i++) {
    Change *c = &log->at[i];
    if (c->kind != CHANGE_CALL || c->gone) continue;
    Template t = ambi_record_template(c->record);
    Value call = ambi_instance(cx, &t, false), out;
    c->gone = true;
    if (ambi_is_none(call)) return false;
    const Builtin *b = ambi_builtin(cx->rt, ambi_op_of(ambi_expr_at(call, 0)));
    ambi_builtin_call(cx, b, ambi_expr_items(call) + 1,
                      ambi_expr_size(call) - 1, &out);
    if (cx->stop) return false;
  }
  return true;
}
