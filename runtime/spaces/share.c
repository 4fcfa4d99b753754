// Sharing begins and ends, and relations are replaced by smaller ones while it lasts.
#include "runtime/spaces/share.h"

#include "memory/alloc.h"
#include "runtime/guard.h"

static SpaceData *data_of(const Space *s) {
  return ambi_load_relaxed(&s->x_data);
}

// ---- relations that others may still look at --------------------------------------------
typedef struct RetiredRelation {
  Retired r;
  Sharing *sharing;
  Store *store;
  Relation *rel;
  uint32_t horizon;  // what ended before that is nowhere else
} RetiredRelation;

// Rules wait for the code as well. There is room for those that were removed; one that
// was taken back may stay in the store.
static void give_back_atom(Sharing *sh, Store *store, Record r) {
  if (!ambi_is_rule(ambi_record_atom(r))) {
    ambi_record_release(store, r);
    return;
  }
  if (sh->rules_to_come) sh->rules_to_come--;
  if (sh->rules.n < sh->rules.cap) sh->rules.at[sh->rules.n++] = r;
}

static void give_back_ended(Sharing *sh, Store *store, const Relation *rel,
                            uint32_t horizon) {
  const EndWord *end = ambi_load_acquire(&rel->x_end);
  const Record *at = ambi_relation_at(rel);
  size_t n = ambi_relation_n(rel);
  for (size_t i = 0; end && i < n; i++)
    if (!ambi_record_gone(at[i]) && ambi_is_ended(end, i, horizon))
      give_back_atom(sh, store, at[i]);
}

static void give_back_relation(Retired *r) {
  RetiredRelation *gone = (RetiredRelation *)r;
  pthread_mutex_lock(&gone->sharing->lists);
  give_back_ended(gone->sharing, gone->store, gone->rel, gone->horizon);
  pthread_mutex_unlock(&gone->sharing->lists);
  ambi_relation_close(gone->rel);
  ambi_free(gone->rel, sizeof *gone->rel);
  ambi_free(gone, sizeof *gone);
}

static RetiredRelation *will_retire(const Space *s, Relation *rel,
                                    uint32_t horizon) {
  RetiredRelation *gone = ambi_alloc(sizeof *gone);
  if (gone)
    *gone = (RetiredRelation){.r = {.give_back = give_back_relation},
                              .sharing = s->rt->sharing,
                              .store = s->rt->store,
                              .rel = rel,
                              .horizon = horizon};
  return gone;
}

bool ambi_share_reserve_rule(Sharing *sh) {
  pthread_mutex_lock(&sh->lists);
  bool ok =
      ambi_grow((void **)&sh->rules.at, &sh->rules.cap,
                sh->rules.n + sh->rules_to_come + 1, sizeof *sh->rules.at);
  if (ok) sh->rules_to_come++;
  pthread_mutex_unlock(&sh->lists);
  return ok;
}

void ambi_share_keep_rule(Sharing *sh, Record r) {
  pthread_mutex_lock(&sh->lists);
  if (ambi_grow((void **)&sh->rules.at, &sh->rules.cap,
                sh->rules.n + sh->rules_to_come + 1, sizeof *sh->rules.at))
    sh->rules.at[sh->rules.n++] = r;
  pthread_mutex_unlock(&sh->lists);
}

// ---- compaction -----------------------------------------------------------------------
// Everybody inside now, but for those who were before `mark`, sees at least `noted`.
static void raise_horizon(Space *s) {
  SpaceWriter *w = s->writer;
  Epochs *e = &s->rt->sharing->epochs;
  if (w->noted && ambi_epoch_is_past(e, w->mark)) {
    w->horizon = w->noted;
    w->noted = 0;
  }
  if (w->noted) return;
  w->noted = ambi_load_relaxed(&data_of(s)->x_now);
  w->mark = ambi_epoch_mark(e);
  if (w->noted && ambi_epoch_is_past(e, w->mark)) {
    w->horizon = w->noted;
    w->noted = 0;
  }
}

static void wait_for_horizon(Space *s) {
  Sharing *sh = s->rt->sharing;
  pthread_mutex_lock(&sh->lists);
  if (!s->writer->untidy) {
    s->writer->untidy = true;
    s->writer->next_untidy = sh->untidy;
    sh->untidy = s;
  }
  pthread_mutex_unlock(&sh->lists);
}

static bool replace(Space *s, Relation *rel) {
  RetiredRelation *gone = will_retire(s, rel, s->writer->horizon);
  Relation *copy = gone ? ambi_relation_copy(rel, s->writer->horizon) : NULL;
  if (!copy) {
    if (gone) ambi_free(gone, sizeof *gone);
    return false;
  }
  ambi_data_put(data_of(s), copy);
  ambi_space_lose_places(s);
  ambi_epoch_retire(&s->rt->sharing->epochs, &gone->r);
  return true;
}

// Half of what is not wanted, at least, has to go; else it is looked at again when there
// is more.
static bool compact(Space *s, Relation *rel) {
  raise_horizon(s);
  size_t n = ambi_relation_n(rel), unwanted = rel->dead + rel->ended;
  size_t goes = n - ambi_relation_kept(rel, s->writer->horizon);
  if (goes >= unwanted / 2 && replace(s, rel)) return true;
  rel->worth = rel->ended + rel->ended / 4 + 1;
  return false;
}

void ambi_share_tidy(Space *s, Relation *rel) {
  if (!ambi_relation_is_sparse(rel) || rel->ended < rel->worth) return;
  if (!compact(s, rel)) wait_for_horizon(s);
}

// False: some had to wait.
static bool tidy_space(Space *s) {
  SpaceData *d = data_of(s);
  bool all = true;
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;)
    if (ambi_relation_is_sparse(rel)) all = compact(s, rel) && all;
  return all;
}

static Space *take_untidy(Sharing *sh) {
  pthread_mutex_lock(&sh->lists);
  Space *s = sh->untidy;
  sh->untidy = NULL;
  pthread_mutex_unlock(&sh->lists);
  return s;
}

static void free_rules(Sharing *sh, Store *store) {
  pthread_mutex_lock(&sh->lists);
  for (size_t i = 0; i < sh->rules.n; i++)
    ambi_record_release(store, sh->rules.at[i]);
  sh->rules.n = 0;
  pthread_mutex_unlock(&sh->lists);
}

void ambi_spaces_tidy(Runtime *rt) {
  Sharing *sh = rt->sharing;
  for (Space *s = take_untidy(sh), *next; s; s = next) {
    next = s->writer->next_untidy;
    pthread_mutex_lock(&s->writer->lock);
    s->writer->untidy = false;
    bool all = tidy_space(s);
    pthread_mutex_unlock(&s->writer->lock);
    if (!all) wait_for_horizon(s);
  }
  ambi_epoch_poll(&sh->epochs);
}

// ---- all begin again ------------------------------------------------------------------
typedef struct RetiredData {
  Retired r;
  SpaceData *data;
} RetiredData;

static void give_back_data(Retired *r) {
  RetiredData *gone = (RetiredData *)r;
  ambi_data_free(gone->data);
  ambi_free(gone, sizeof *gone);
}

// Everything the relations have now, in relations of their own.
static bool copy_relations(const SpaceData *from, SpaceData *to) {
  Relation *rel;
  for (Relations rels = ambi_data_relations(from);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    Relation *copy = ambi_relation_copy(rel, VIEW_ALL);
    if (copy && ambi_data_put(to, copy)) continue;
    if (copy) ambi_relation_close(copy);
    ambi_free(copy, copy ? sizeof *copy : 0);
    return false;
  }
  return true;
}

// One thing for each relation, and one for the data, all linked. False: memory is out.
static bool will_retire_all(const Space *s, Retired **all) {
  SpaceData *d = data_of(s);
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    RetiredRelation *gone = will_retire(s, rel, VIEW_ALL);
    if (!gone) return false;
    gone->r.next = *all;
    *all = &gone->r;
  }
  RetiredData *gone = ambi_alloc(sizeof *gone);
  if (!gone) return false;
  *gone = (RetiredData){{*all, 0, give_back_data}, d};
  *all = &gone->r;
  return true;
}

static void drop_retired(Retired *r) {
  for (Retired *next; r; r = next) {
    next = r->next;
    size_t size = r->give_back == give_back_data ? sizeof(RetiredData)
                                                 : sizeof(RetiredRelation);
    ambi_free(r, size);
  }
}

// Ordinals have run out, or nearly so: those who are inside keep what they see, the
// others get a copy with new ones. Before a change, so that x_now is up to date.
static void renumber(Space *s) {
  Epochs *e = &s->rt->sharing->epochs;
  SpaceData *to = ambi_data_open(e);
  Retired *gone = NULL;
  if (!to) return;
  if (!copy_relations(data_of(s), to) || !ambi_data_renumber(to) ||
      !will_retire_all(s, &gone)) {
    drop_retired(gone);
    ambi_data_drop(to);
    return;
  }
  ambi_store_release(&to->x_now, to->next_ordinal);
  ambi_store_release(&s->x_data, to);
  ambi_space_lose_places(s);
  s->writer->horizon = s->writer->noted = 0;
  for (Retired *next; gone; gone = next) {
    next = gone->next;
    ambi_epoch_retire(e, gone);
  }
}

// ---- changes --------------------------------------------------------------------------
void ambi_share_begin(Space *s) {
  pthread_mutex_lock(&s->writer->lock);
  if (s->writer->depth++ == 0 &&
      data_of(s)->next_ordinal > UINT32_MAX - AMB_SHARE_ORDINALS)
    renumber(s);
}

// Who read the counts before others could see the change has to look again.
static void tell_again(Space *s) {
  if (!s->writer->ruled) return;
  s->writer->ruled = false;
  ambi_runtime_rules_changed(s->rt);
  ambi_runtime_types_changed(s->rt);
  ambi_space_ruled(s);
}

void ambi_share_commit(Space *s) {
  SpaceData *d = data_of(s);
  Epochs *e = d->epochs;
  if (--s->writer->depth == 0) {
    ambi_store_release(&d->x_now, d->next_ordinal);
    tell_again(s);
  }
  pthread_mutex_unlock(&s->writer->lock);
  ambi_epoch_poll(e);
}

// ---- several spaces at once -----------------------------------------------------------
bool ambi_share_is_changed(const Space *s) {
  const SpaceData *d = data_of(s);
  return s->writer->depth == 1 &&
         ambi_load_relaxed(&d->x_now) != d->next_ordinal;
}

void ambi_share_seal(Space *s) {
  ambi_store_release(&data_of(s)->x_now, NOW_SEALED);
}

void ambi_share_show(Space *s) {
  SpaceData *d = data_of(s);
  if (ambi_load_relaxed(&d->x_now) == NOW_SEALED)
    ambi_store_release(&d->x_now, d->next_ordinal);
}

View ambi_share_settled(const Space *s) {
  for (;;) {
    const SpaceData *d = ambi_load_acquire(&s->x_data);
    uint32_t seen = ambi_load_acquire(&d->x_now);
    if (seen != NOW_SEALED)
      return (View){.data = d, .epochs = d->epochs, .seen = seen};
    ambi_guard(s->rt);
    ambi_unguard(s->rt);
  }
}

// ---- beginning and ending -------------------------------------------------------------
static void open_guard(pthread_mutex_t *m) {
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(m, &kind);
  pthread_mutexattr_destroy(&kind);
}

void ambi_guard_take(Runtime *rt) {
  pthread_mutex_lock(&rt->sharing->guard);
  rt->guards++;
}

void ambi_guard_give(Runtime *rt) {
  rt->guards--;
  pthread_mutex_unlock(&rt->sharing->guard);
}

// ---- whoever evaluates ----------------------------------------------------------------
void ambi_party_enter(Context *cx) {
  Sharing *sh = cx->rt->sharing;
  if (!sh) return;
  ambi_epoch_join(&sh->epochs, &cx->party);
  ambi_epoch_enter(&sh->epochs, &cx->party);
}

void ambi_party_be_in(Context *cx) {
  if (!ambi_epoch_is_inside(&cx->party)) ambi_party_enter(cx);
}

void ambi_party_leave(Context *cx) {
  if (!ambi_epoch_is_inside(&cx->party)) return;
  Epochs *e = &cx->rt->sharing->epochs;
  ambi_epoch_leave(&cx->party);
  ambi_epoch_part(e, &cx->party);
  ambi_epoch_poll(e);
}

void ambi_output_take(Runtime *rt) {
  if (ambi_together(rt)) pthread_mutex_lock(&rt->sharing->output);
}

void ambi_output_give(Runtime *rt) {
  if (ambi_together(rt)) pthread_mutex_unlock(&rt->sharing->output);
}

void ambi_output_show(Runtime *rt) {
  if (!rt->host.waits) return;
  ambi_output_take(rt);
  rt->host.waits(rt->host.arg);
  ambi_output_give(rt);
}

bool ambi_spaces_share(Runtime *rt) {
  Sharing *sh = ambi_alloc(sizeof *sh);
  if (!sh) return false;
  ambi_epochs_open(&sh->epochs);
  open_guard(&sh->guard);
  for (unsigned i = 0; i < rt->guards; i++)
    pthread_mutex_lock(&sh->guard);
  pthread_mutex_init(&sh->lists, NULL);
  pthread_mutex_init(&sh->output, NULL);
  rt->sharing = sh;
  ambi_symbols_share(rt->symbols, true);
  ambi_store_share(rt->store, true);
  for (CellHeader *c = ambi_load_acquire(&rt->cells); c; c = c->next) {
    if (c->kind != CELL_SPACE) continue;
    SpaceData *d = data_of((Space *)c);
    ambi_store_release(&d->x_now, d->next_ordinal);
    d->epochs = &sh->epochs;
  }
  return true;
}

// Ends become gaps.
static void settle(Sharing *sh, Store *store, Relation *rel) {
  EndWord *end = ambi_load_relaxed(&rel->x_end);
  size_t n = ambi_relation_n(rel);
  for (size_t i = 0; end && i < n; i++) {
    if (!ambi_is_ended(end, i, VIEW_ALL)) continue;
    Record r = ambi_relation_at(rel)[i];
    ambi_relation_leave_gap(rel, (uint32_t)i);
    give_back_atom(sh, store, r);
  }
  ambi_free(end, rel->ends_cap * sizeof *end);
  ambi_store_release(&rel->x_end, NULL);
  rel->ends_cap = rel->ended = rel->worth = 0;
  rel->last = 0;
  if (ambi_relation_is_sparse(rel)) ambi_relation_compact(rel);
}

static void settle_space(Sharing *sh, Space *s) {
  SpaceData *d = data_of(s);
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;)
    settle(sh, s->rt->store, rel);
  d->epochs = NULL;
  s->writer->untidy = false;
  s->writer->horizon = s->writer->noted = 0;
}

void ambi_spaces_unshare(Runtime *rt) {
  Sharing *sh = rt->sharing;
  if (!sh) return;
  ambi_epochs_close(&sh->epochs);
  for (CellHeader *c = ambi_load_acquire(&rt->cells); c; c = c->next)
    if (c->kind == CELL_SPACE) settle_space(sh, (Space *)c);
  free_rules(sh, rt->store);
  ambi_records_drop(&sh->rules);
  pthread_mutex_destroy(&sh->lists);
  pthread_mutex_destroy(&sh->output);
  for (unsigned i = 0; i < rt->guards; i++)
    pthread_mutex_unlock(&sh->guard);
  pthread_mutex_destroy(&sh->guard);
  ambi_free(sh, sizeof *sh);
  rt->sharing = NULL;
  ambi_symbols_share(rt->symbols, false);
  ambi_store_share(rt->store, false);
}
