// A journal's log, and what an isolated evaluation sees by it.
#include <string.h>

#include "memory/alloc.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal_data.h"
#include "runtime/spaces/share.h"
#include "runtime/spaces/twin.h"

#define MOST_ORDINAL (UINT32_MAX - 2)

static bool out_of_memory(Context *cx) {
  if (!cx->stop) cx->stop = STOP_MEMORY;
  return false;
}

// ---- places of spaces and states ----------------------------------------------------

static struct Place *place_of(const Places *p, const void *of) {
  size_t i = (size_t)(((uintptr_t)of >> 4) * 0x9E3779B97F4A7C15u >> 32);
  while (p->slot[i &= p->cap - 1].at && p->slot[i].of != of)
    i++;
  return &p->slot[i];
}

static bool make_room(Places *p) {
  if (p->n * 2 < p->cap) return true;
  Places more = {.cap = p->cap ? p->cap * 2 : 16, .n = p->n};
  more.slot = ambi_alloc(more.cap * sizeof *more.slot);
  if (!more.slot) return false;
  for (size_t i = 0; i < p->cap; i++)
    if (p->slot[i].at) *place_of(&more, p->slot[i].of) = p->slot[i];
  ambi_free(p->slot, p->cap * sizeof *p->slot);
  *p = more;
  return true;
}

static size_t find(const Journal *j, const void *of) {
  return j->places.cap ? place_of(&j->places, of)->at : 0;
}

static void note_place(Journal *j, const void *of, size_t at) {
  *place_of(&j->places, of) = (struct Place){of, at};
  j->places.n++;
}

// ---- shades -------------------------------------------------------------------------

// By address; there is room.
static void put_in_order(Journal *j, Shade *new) {
  size_t i = j->nshades;
  for (; i > 0 && (uintptr_t)j->in_order[i - 1]->space > (uintptr_t) new->space;
       i--)
    j->in_order[i] = j->in_order[i - 1];
  j->in_order[i] = new;
}

Shade *ambi_journal_shade(Journal *j, const Space *s) {
  s = ambi_space_face((Space *)(uintptr_t)s);
  size_t at = find(j, s);
  if (at) return j->shades[at - 1];
  Shade *new = ambi_alloc(sizeof *new);
  if (!new || !make_room(&j->places) ||
      !ambi_grow((void **)&j->shades, &j->shades_cap, j->nshades + 1,
                 sizeof(Shade *)) ||
      !ambi_grow((void **)&j->in_order, &j->in_order_cap, j->nshades + 1,
                 sizeof(Shade *))) {
    ambi_free(new, sizeof *new);
    return NULL;
  }
  new->space = (Space *)(uintptr_t)s;
  new->version = ambi_load_acquire(&s->version);
  new->base = ambi_space_view(s);
  new->first = new->base.seen == VIEW_ALL ? new->base.data->next_ordinal
                                          : new->base.seen;
  put_in_order(j, new);
  j->shades[j->nshades++] = new;
  note_place(j, s, j->nshades);
  return new;
}

const Shade *ambi_journal_find_shade(const Journal *j, const Space *s) {
  size_t at = find(j, s);
  return at ? j->shades[at - 1] : NULL;
}

static size_t place_among(const Shade *s, uint32_t ordinal) {
  size_t low = 0, high = s->nhidden;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (s->hidden[middle] < ordinal)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool ambi_shade_hides(const Shade *s, uint32_t ordinal) {
  size_t i = place_among(s, ordinal);
  return i < s->nhidden && s->hidden[i] == ordinal;
}

static bool may_hide(Shade *s) {
  return ambi_grow((void **)&s->hidden, &s->hidden_cap, s->nhidden + 1,
                   sizeof *s->hidden);
}

static void hide(Shade *s, uint32_t ordinal) {
  size_t i = place_among(s, ordinal);
  memmove(&s->hidden[i + 1], &s->hidden[i],
          (s->nhidden++ - i) * sizeof *s->hidden);
  s->hidden[i] = ordinal;
}

static void unhide(Shade *s, uint32_t ordinal) {
  size_t i = place_among(s, ordinal);
  memmove(&s->hidden[i], &s->hidden[i + 1],
          (--s->nhidden - i) * sizeof *s->hidden);
}

static void drop_shade(Shade *s) {
  if (s->own) ambi_data_drop(s->own);
  ambi_free(s->hidden, s->hidden_cap * sizeof *s->hidden);
  ambi_free(s->defs, s->defs_cap * sizeof *s->defs);
  ambi_free(s, sizeof *s);
}

static void note_read(Shade *s, Value head, uint32_t n) {
  if (!ambi_is_none(head)) head = ambi_deref(head);
  if (s->read_all) return;
  if (!ambi_is_sym(head)) {
    s->read_all = true;
    return;
  }
  for (unsigned i = 0; i < s->nread; i++)
    if (s->read[i].head == ambi_sym_of(head) && s->read[i].size == n) return;
  if (s->nread == SHADE_READS) {
    s->read_all = true;
    return;
  }
  s->read[s->nread].head = ambi_sym_of(head);
  s->read[s->nread++].size = n;
}

bool ambi_journal_look(Journal *j, const Space *s, Value head, uint32_t n,
                       View *out) {
  Shade *shade = ambi_journal_shade(j, s);
  if (!shade) return false;
  note_read(shade, head, n);
  *out = shade->base;
  if (shade->own || shade->nhidden) out->shade = shade;
  return true;
}

bool ambi_journal_view(Context *cx, const Space *s, Value head, uint32_t n,
                       View *out) {
  return ambi_journal_look(cx->journal, s, head, n, out) || out_of_memory(cx);
}

// ---- the log ------------------------------------------------------------------------

static Change *next_change(Changes *log) {
  if (!ambi_grow((void **)&log->at, &log->cap, log->n + 1, sizeof *log->at))
    return NULL;
  return &log->at[log->n];
}

static size_t newest_mark(const Journal *j) {
  return j->nlevels ? j->levels[j->nlevels - 1].mark : 0;
}

// ---- spaces -------------------------------------------------------------------------

// The record is the journal's from now on. False: memory is out, and it is the caller's.
static bool add_record(Journal *j, Space *space, Record r) {
  Shade *s = ambi_journal_shade(j, space);
  Change *c = next_change(&j->log);
  if (!s || !c || s->first >= MOST_ORDINAL - j->added ||
      (!s->own && !(s->own = ambi_data_open(NULL))) ||
      !ambi_shade_reserve_def(s) ||
      !ambi_grow((void **)&j->log_at, &j->log_at_cap, j->added + 1,
                 sizeof *j->log_at))
    return false;
  Relation *rel = ambi_data_need_relation(s->own, ambi_record_atom(r));
  if (!rel || !ambi_relation_reserve(rel, NULL, 1)) return false;
  *c = (Change){.kind = CHANGE_ADDED,
                .space = space,
                .record = r,
                .ordinal = s->first + j->added};
  ambi_shade_note_rule(j, s, ambi_record_atom(r), true);
  j->log_at[j->added++] = j->log.n++;
  j->version++;
  ambi_relation_append(rel, r, c->ordinal);
  s->own->next_ordinal = c->ordinal + 1;
  return true;
}

// The first equal record of the View that is not hidden; what is returned is its ordinal
// + 1, or 0.
static uint32_t find_equal(const Shade *s, const View *v, const Template *t) {
  Relation *rel = v->data ? ambi_data_relation_of(v->data, t->atom) : NULL;
  Stream st[STREAMS_EACH];
  size_t n = rel ? ambi_relation_lookup_equal(rel, v, t->atom, st) : 0;
  uint32_t found = 0;
  for (size_t i = 0; i < n; i++) {
    for (size_t pos; !found;) {
      pos = ambi_stream_next(&st[i]);
      if (pos == STREAM_END) break;
      Template stored = ambi_record_template(st[i].at[pos]);
      if (!ambi_shade_hides(s, st[i].ordinal[pos]) &&
          ambi_template_equal(&stored, t))
        found = st[i].ordinal[pos] + 1;
    }
    ambi_stream_close(&st[i]);
  }
  return found;
}

// Is it an addition of the newest level? Then it was not added.
static bool forget_addition(Journal *j, const Shade *s, uint32_t ordinal) {
  if (ordinal < s->first) return false;
  size_t at = j->log_at[ordinal - s->first];
  if (at < newest_mark(j)) return false;
  return j->log.at[at].gone = true;
}

// As above; *kept: the record is the journal's.
static bool remove_record(Journal *j, Space *space, Record r, bool *kept) {
  Template t = ambi_record_template(r);
  Shade *s = ambi_journal_shade(j, space);
  Change *c = next_change(&j->log);
  *kept = false;
  if (!s || !c || !may_hide(s) || !ambi_shade_reserve_def(s)) return false;
  note_read(s, ambi_is_expr(t.atom) ? ambi_expr_at(t.atom, 0) : AMB_NONE,
            ambi_is_expr(t.atom) ? ambi_expr_size(t.atom) : 0);
  View own = ambi_shade_own(s);
  uint32_t found = find_equal(s, &s->base, &t);
  if (!found) found = find_equal(s, &own, &t);
  if (!found) return true;
  ambi_shade_note_rule(j, s, t.atom, false);
  hide(s, found - 1);
  j->version++;
  if (forget_addition(j, s, found - 1)) return true;
  *c = (Change){.kind = CHANGE_REMOVED,
                .space = space,
                .record = r,
                .ordinal = found - 1};
  j->log.n++;
  return *kept = true;
}

// The atom as a record. False: memory is out, or the evaluation begins again.
static bool make_record(Context *cx, Value atom, Record *out) {
  Store *store = cx->rt->store;
  Template t;
  if (!ambi_template_make(store, atom, &t)) return out_of_memory(cx);
  bool rule = ambi_is_rule(t.atom);
  if ((!rule || ambi_journal_lets_rule(cx)) && ambi_record_make(store, &t, out))
    return true;
  ambi_template_discard(store, &t);
  return out_of_memory(cx);
}

bool ambi_journal_add(Context *cx, Space *s, Value atom) {
  Record r;
  if (!make_record(cx, atom, &r)) return false;
  if (add_record(cx->journal, s, r)) return true;
  ambi_record_release(cx->rt->store, r);
  return out_of_memory(cx);
}

bool ambi_journal_remove(Context *cx, Space *s, Value atom) {
  Record r;
  if (!make_record(cx, atom, &r)) return false;
  bool kept, ok = remove_record(cx->journal, s, r, &kept);
  if (!kept) ambi_record_release(cx->rt->store, r);
  return ok || out_of_memory(cx);
}

// ---- states -------------------------------------------------------------------------

static StateSeen *need_state(Journal *j, State *s) {
  size_t at = find(j, s);
  if (at) return &j->states[at - 1];
  if (!make_room(&j->places) || !ambi_grow((void **)&j->states, &j->states_cap,
                                           j->nstates + 1, sizeof *j->states))
    return NULL;
  StateSeen *new = &j->states[j->nstates++];
  *new = (StateSeen){
      .state = s, .version = ambi_state_version(s), .next = {AMB_NONE}};
  new->now = new->read = ambi_state_settled(j->rt, s);
  note_place(j, s, j->nstates);
  return new;
}

// Alone, what a state held is not kept once it holds something else.
bool ambi_journal_read_state(Context *cx, State *s, Record *out) {
  StateSeen *seen = need_state(cx->journal, s);
  if (!seen) return out_of_memory(cx);
  *out = seen->changed || cx->rt->sharing ? seen->now : ambi_state_record(s);
  return true;
}

static bool change_record(Journal *j, State *s, Record r) {
  StateSeen *seen = need_state(j, s);
  Change *c = next_change(&j->log);
  if (!seen || !c) return false;
  *c = (Change){.kind = CHANGE_STATE,
                .state = s,
                .record = r,
                .before = seen->now,
                .changed = seen->changed};
  j->log.n++;
  seen->now = r;
  seen->changed = true;
  j->version++;
  return true;
}

bool ambi_journal_change_state(Context *cx, State *s, Value v) {
  Record r;
  if (!ambi_state_make(cx->rt, v, &r)) return out_of_memory(cx);
  if (change_record(cx->journal, s, r)) return true;
  ambi_record_release(cx->rt->store, r);
  return out_of_memory(cx);
}

// ---- levels -------------------------------------------------------------------------

// Code may have been made of rules that were added.
static void release(Journal *j, const Change *c) {
  if (c->kind == CHANGE_ADDED)
    ambi_rule_release(j, c->space, c->record);
  else
    ambi_record_release(j->rt->store, c->record);
}

static void release_all(Journal *j, const Changes *c) {
  for (size_t i = 0; i < c->n; i++)
    release(j, &c->at[i]);
}

// Evaluations rest, and go out then; what a journal looks at has to stay.
static void go_in(Journal *j) {
  if (!j->rt->sharing) return;
  Epochs *e = &j->rt->sharing->epochs;
  ambi_epoch_join(e, &j->party);
  ambi_epoch_enter(e, &j->party);
}

static void go_out(Journal *j) {
  if (!ambi_epoch_is_inside(&j->party)) return;
  Epochs *e = &j->rt->sharing->epochs;
  ambi_epoch_leave(&j->party);
  ambi_epoch_part(e, &j->party);
  ambi_epoch_poll(e);
}

static void close_journal(Journal *j) {
  ambi_journal_leave_twins(j, true);
  release_all(j, &j->log);
  release_all(j, &j->dead);
  for (size_t i = 0; i < j->nshades; i++)
    drop_shade(j->shades[i]);
  ambi_free(j->dead.at, j->dead.cap * sizeof *j->dead.at);
  ambi_free(j->twins, j->twins_cap * sizeof(Space *));
  ambi_free(j->seen, j->seen_cap * sizeof *j->seen);
  ambi_free(j->shades, j->shades_cap * sizeof(Shade *));
  ambi_free(j->in_order, j->in_order_cap * sizeof(Shade *));
  ambi_free(j->states, j->states_cap * sizeof *j->states);
  ambi_free(j->places.slot, j->places.cap * sizeof *j->places.slot);
  ambi_free(j->log.at, j->log.cap * sizeof *j->log.at);
  ambi_free(j->log_at, j->log_at_cap * sizeof *j->log_at);
  ambi_free(j->levels, j->levels_cap * sizeof *j->levels);
  go_out(j);
  ambi_free(j, sizeof *j);
}

// What was taken out of it goes before it.
static void drop_within(Context *cx, const Journal *j) {
  for (Delta **at = &cx->deltas; *at;) {
    Delta *d = *at;
    if (d->within != j) {
      at = &d->next;
    } else {
      *at = d->next;
      ambi_delta_drop(d);
    }
  }
}

static void end_journal(Context *cx, Journal *j) {
  drop_within(cx, j);
  close_journal(j);
}

static void drop_journal(Context *cx) {
  if (cx->journal) end_journal(cx, cx->journal);
  cx->journal = NULL;
}

// A machine is tier 0's.
static Journal *open_journal(Context *cx, size_t height) {
  Journal *j = ambi_alloc(sizeof *j);
  if (!j) return NULL;
  j->rt = cx->rt;
  j->number = ambi_delta_numbers(cx->rt);
  j->height = height;
  j->in_place = cx->machine != NULL;
  j->ruling = j->in_place || cx->rules_next;
  cx->rules_next = false;
  go_in(j);
  return j;
}

bool ambi_journal_enter(Context *cx, enum LevelKind kind, size_t height) {
  if (!cx->journal) cx->journal = open_journal(cx, height);
  Journal *j = cx->journal;
  if (!j || !ambi_grow((void **)&j->levels, &j->levels_cap, j->nlevels + 1,
                       sizeof *j->levels))
    return out_of_memory(cx);
  j->levels[j->nlevels++] = (Level){kind, j->log.n};
  return true;
}

bool ambi_journal_begins_again(Context *cx) {
  if (!cx->journal->again) return false;
  drop_journal(cx);
  cx->rules_next = true;
  return true;
}

Word ambi_journal_stamp(const Context *cx) {
  const Journal *j = cx->journal;
  return j ? j->number * 0x9E3779B97F4A7C15u + j->version * 0xC2B2AE3D27D4EB4Fu
           : 0;
}

bool ambi_journal_has(const Context *cx, enum LevelKind kind) {
  const Journal *j = cx->journal;
  for (size_t i = 0; j && i < j->nlevels; i++)
    if (j->levels[i].kind == kind) return true;
  return false;
}

static void undo_one(Journal *j, const Change *c) {
  j->version++;
  if (c->kind == CHANGE_CALL) return;
  if (c->kind == CHANGE_STATE) {
    StateSeen *seen = need_state(j, c->state);  // it is there
    seen->now = c->before;
    seen->changed = c->changed;
  } else {
    Shade *s = ambi_journal_shade(j, c->space);  // likewise
    bool removed = c->kind == CHANGE_REMOVED;
    if (removed || !c->gone)
      ambi_shade_note_rule(j, s, ambi_record_atom(c->record), removed);
    if (removed)
      unhide(s, c->ordinal);
    else if (!c->gone)
      hide(s, c->ordinal);
  }
}

// Room for undoing what is behind the mark.
static bool may_undo(Journal *j, size_t mark) {
  size_t n = j->log.n - mark;
  for (size_t i = mark; i < j->log.n; i++) {
    const Change *c = &j->log.at[i];
    if (c->kind != CHANGE_ADDED) continue;
    Shade *s = ambi_journal_shade(j, c->space);
    if (!ambi_grow((void **)&s->hidden, &s->hidden_cap, s->nhidden + n,
                   sizeof *s->hidden))
      return false;
  }
  return ambi_grow((void **)&j->dead.at, &j->dead.cap, j->dead.n + n,
                   sizeof *j->dead.at);
}

void ambi_journal_undo(Context *cx) {
  Journal *j = cx->journal;
  size_t mark = newest_mark(j);
  if (--j->nlevels == 0) {
    drop_journal(cx);
    return;
  }
  if (!may_undo(j, mark)) {
    out_of_memory(cx);
    return;
  }
  while (j->log.n > mark) {
    const Change *c = &j->log.at[--j->log.n];
    undo_one(j, c);
    j->dead.at[j->dead.n++] = *c;
  }
}

bool ambi_journal_give_up(Context *cx) {
  Journal *j = cx->journal;
  bool holds = j->nlevels > 1 || ambi_journal_holds(j);
  ambi_journal_undo(cx);
  return holds;
}

// ---- deltas -------------------------------------------------------------------------

static bool take_changes(Journal *j, size_t mark, Changes *out) {
  size_t n = j->log.n - mark;
  if (!may_undo(j, mark) ||
      !ambi_grow((void **)&out->at, &out->cap, n, sizeof *out->at))
    return false;
  if (n) memcpy(out->at, j->log.at + mark, n * sizeof *out->at);
  out->n = n;
  while (j->log.n > mark)
    undo_one(j, &j->log.at[--j->log.n]);
  return true;
}

Delta *ambi_journal_take(Context *cx) {
  Journal *j = cx->journal;
  Delta *d = ambi_alloc(sizeof *d);
  size_t mark = newest_mark(j);
  if (!d || (j->nlevels > 1 && !take_changes(j, mark, &d->changes))) {
    ambi_free(d, sizeof *d);
    out_of_memory(cx);
    return NULL;
  }
  if (--j->nlevels > 0) {
    d->within = j;
    return d;
  }
  drop_within(cx, j);
  ambi_journal_leave_twins(j, true);
  d->whole = j;
  d->changes = j->log;
  j->log = (Changes){0};
  cx->journal = NULL;
  return d;
}

// What is left of changes that were taken out of a journal may still be looked at there.
static void leave_within(Journal *j, const Changes *c) {
  if (!ambi_grow((void **)&j->dead.at, &j->dead.cap, j->dead.n + c->n,
                 sizeof *j->dead.at))
    return;  // the store keeps them
  for (size_t i = 0; i < c->n; i++)
    if (!ambi_record_gone(c->at[i].record)) j->dead.at[j->dead.n++] = c->at[i];
}

void ambi_delta_drop(Delta *d) {
  if (d->within) leave_within(d->within, &d->changes);
  if (d->whole) {
    release_all(d->whole, &d->changes);
    close_journal(d->whole);
  }
  ambi_free(d->changes.at, d->changes.cap * sizeof *d->changes.at);
  ambi_free(d, sizeof *d);
}

// The records that are in the journal now are no longer the Delta's.
static bool apply_within(Journal *j, Delta *d) {
  for (size_t i = 0; i < d->changes.n; i++) {
    Change *c = &d->changes.at[i];
    bool kept = true, ok = true;
    switch (c->kind) {
    case CHANGE_ADDED:
      if (c->gone) continue;
      ok = add_record(j, c->space, c->record);
      break;
    case CHANGE_REMOVED:
      ok = remove_record(j, c->space, c->record, &kept);
      break;
    case CHANGE_STATE: ok = change_record(j, c->state, c->record); break;
    case CHANGE_CALL: continue;
    }
    if (!ok) return false;
    if (kept) c->record.held = AMB_NONE;
  }
  return true;
}

bool ambi_delta_apply(Context *cx, Delta *d) {
  bool ok = cx->journal ? apply_within(cx->journal, d)
                        : ambi_changes_publish(cx, d->whole, &d->changes);
  return ok || out_of_memory(cx);
}

bool ambi_journal_commit(Context *cx) {
  Journal *j = cx->journal;
  size_t mark = newest_mark(j);
  if (--j->nlevels > 0)
    return ambi_journal_has(cx, LEVEL_TRANSACTION) ||
           ambi_journal_calls(cx, &j->log, mark);
  cx->journal = NULL;
  bool done = ambi_journal_publish(cx, j);
  if (done) done = ambi_journal_calls(cx, &j->log, 0);
  end_journal(cx, j);
  return done;
}

bool ambi_journal_hold(Context *cx, Value call) {
  Journal *j = cx->journal;
  Template t;
  Change *c = next_change(&j->log);
  if (!c || !ambi_template_make(cx->rt->store, call, &t))
    return out_of_memory(cx);
  *c = (Change){.kind = CHANGE_CALL};
  if (ambi_record_make(cx->rt->store, &t, &c->record)) {
    j->log.n++;
    return true;
  }
  ambi_template_discard(cx->rt->store, &t);
  return out_of_memory(cx);
}

// ---- deltas that wait ---------------------------------------------------------------

uint64_t ambi_delta_numbers(Runtime *rt) {
  return ambi_add_relaxed(&rt->x_deltas, 1) + 1;
}

uint64_t ambi_delta_keep(Context *cx, Delta *d) {
  d->number = ambi_delta_numbers(cx->rt);
  d->next = cx->deltas;
  cx->deltas = d;
  return d->number;
}

Delta *ambi_delta_find(Context *cx, uint64_t number) {
  Delta *d = cx->deltas;
  while (d && d->number != number)
    d = d->next;
  return d;
}

void ambi_deltas_free(Delta **all, uint64_t from) {
  for (Delta **at = all; *at;) {
    Delta *d = *at;
    if (d->number < from) {
      at = &d->next;
    } else {
      *at = d->next;
      ambi_delta_drop(d);
    }
  }
}

void ambi_deltas_move(Delta **from, Delta **to) {
  while (*from) {
    Delta *d = *from;
    *from = d->next;
    d->next = *to;
    *to = d;
  }
}

void ambi_isolation_end(Context *cx) {
  ambi_deltas_free(&cx->deltas, 0);
  drop_journal(cx);
  cx->rules_next = false;
}
