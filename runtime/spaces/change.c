// Changes of a space: atoms come and go.
//
// Where other threads may be looking, a change holds the space's lock, and becomes
// visible as a whole when x_now is moved behind it (share.h).
#include <string.h>

#include "memory/alloc.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"
#include "runtime/spaces/share.h"

#define LAST_ORDINAL (UINT32_MAX - 1)

static SpaceData *data_of(const Space *s) {
  return ambi_load_relaxed(&s->x_data);
}

// ---- beginning and ending -------------------------------------------------------------
static inline bool is_shared(const Space *s) {
  return AMB_UNLIKELY(s->rt->sharing != NULL);
}

// A batch may come to change rules, so it takes the guard before the space's lock.
void ambi_space_begin(Space *s) {
  if (!is_shared(s)) return;
  ambi_guard_take(s->rt);
  ambi_share_begin(s);
}

void ambi_space_commit(Space *s) {
  if (!is_shared(s)) return;
  ambi_share_commit(s);
  ambi_guard_give(s->rt);
}

// One change of one atom. The guard is held until others see it: who lowers code
// behind it finds the rule as it is then.
static inline void begin_one(Space *s, bool rule) {
  if (!is_shared(s)) return;
  if (rule) ambi_guard_take(s->rt);
  ambi_share_begin(s);
}
static inline void commit_one(Space *s, bool rule) {
  if (!is_shared(s)) return;
  ambi_share_commit(s);
  if (rule) ambi_guard_give(s->rt);
}

static void announce(Space *s, Value atom) {
  if (!ambi_is_rule(atom)) return;
  if (is_shared(s)) s->writer->ruled = true;
  ambi_runtime_rules_changed(s->rt);
  ambi_space_ruled(s);
  if (!ambi_same(ambi_expr_at(atom, 0), AMB_SYM(EQ)))
    ambi_runtime_types_changed(s->rt);
  if (s->rt->rules_changed && (ambi_space_is_context(s) || s->is_module))
    s->rt->rules_changed(s->rt, s, atom);
}

static inline void note_change(Space *s, Relation *rel, size_t more,
                               uint32_t ordinal) {
  SpaceWriter *w = s->writer;
  uint64_t version = ambi_load_relaxed(&s->version) + 1;
  ambi_store_release(&s->version, version);
  ambi_store_release(&rel->x_changed, version);
  rel->last = is_shared(s) ? ordinal : 0;
  ambi_store_release(&w->x_count, ambi_load_relaxed(&w->x_count) + more);
}

// Ordinals for n changes. False: they have run out.
static inline bool reserve_ordinals(Space *s, size_t n) {
  SpaceData *d = data_of(s);
  if (AMB_LIKELY(LAST_ORDINAL - d->next_ordinal >= n)) return true;
  return !d->epochs && ambi_data_renumber(d) &&
         LAST_ORDINAL - d->next_ordinal >= n;
}

// ---- adding -------------------------------------------------------------------------
bool ambi_is_plain(Value atom) {
  return ambi_is_expr(atom) && ambi_is_sym(ambi_expr_at(atom, 0)) &&
         !ambi_is_rule(atom);
}

// How many of the atoms, plain ones, are in the first one's relation.
static size_t count_alike(const Value *atoms, size_t n) {
  size_t alike = 1;
  while (alike < n && ambi_is_expr(atoms[alike]) &&
         ambi_expr_size(atoms[alike]) == ambi_expr_size(atoms[0]) &&
         ambi_same(ambi_expr_at(atoms[alike], 0), ambi_expr_at(atoms[0], 0)))
    alike++;
  return alike;
}

// In a batch that others do not see yet, room for what it takes to take it back.
static inline bool reserve_back(const Space *s, Relation *rel) {
  const SpaceData *d = data_of(s);
  return !d->epochs || s->writer->depth < 2 ||
         ambi_relation_reserve_end(rel, d->epochs);
}

// n atoms of one relation, where `more` will follow.
static bool append_alike(Space *s, const Value *atoms, size_t n, size_t more) {
  SpaceData *d = data_of(s);
  Relation *rel = ambi_data_need_relation(d, atoms[0]);
  if (!rel || !ambi_relation_reserve(rel, d->epochs, n + more) ||
      !reserve_back(s, rel) || !reserve_ordinals(s, n))
    return false;
  ambi_relation_append_ground(rel, atoms, n, d->next_ordinal);
  d->next_ordinal += (uint32_t)n;
  note_change(s, rel, n, d->next_ordinal - 1);
  return true;
}

bool ambi_space_append_alike(Space *s, const Value *atoms, size_t n,
                             size_t more) {
  ambi_space_begin(s);
  bool ok = append_alike(s, atoms, n, more);
  ambi_space_commit(s);
  return ok;
}

size_t ambi_space_append(Space *s, const Value *atoms, size_t n) {
  size_t done = 0;
  ambi_space_begin(s);
  while (done < n) {
    size_t alike = 1;
    Template t = {.atom = atoms[done]};
    if (ambi_is_plain(t.atom)) {
      alike = count_alike(atoms + done, n - done);
      if (!append_alike(s, atoms + done, alike, 0)) break;
    } else if (!ambi_space_add_template(s, &t)) {
      break;
    }
    done += alike;
  }
  ambi_space_commit(s);
  return done;
}

static inline bool add_template(Space *s, const Template *t) {
  SpaceData *d = data_of(s);
  uint32_t symbol;
  bool defines = ambi_space_defined_by(t->atom, &symbol);
  Relation *rel = ambi_data_need_relation(d, t->atom);
  Record r;
  if (!rel || !ambi_relation_reserve(rel, d->epochs, 1) ||
      !reserve_back(s, rel) || (defines && !ambi_space_reserve_def(s)) ||
      !reserve_ordinals(s, 1) || !ambi_record_make(s->rt->store, t, &r))
    return false;
  announce(s, t->atom);
  if (AMB_UNLIKELY(t->flags & TMPL_HAS_CELL))
    ambi_store_relaxed(&s->x_holds_cells, true);
  ambi_relation_append(rel, r, d->next_ordinal++);
  if (defines) ambi_space_count_def(s, symbol, true);
  note_change(s, rel, 1, d->next_ordinal - 1);
  return true;
}

bool ambi_space_add_template(Space *s, Template *t) {
  bool rule = is_shared(s) && ambi_is_rule(t->atom);
  begin_one(s, rule);
  bool ok = add_template(s, t);
  commit_one(s, rule);
  return ok;
}

bool ambi_space_add(Space *s, Value atom) {
  Template t;
  if (!ambi_template_make(s->rt->store, atom, &t)) return false;
  if (ambi_space_add_template(s, &t)) return true;
  ambi_template_discard(s->rt->store, &t);
  return false;
}

static void take_one_back(Space *s, Relation *rel, size_t pos) {
  SpaceData *d = data_of(s);
  Record r = ambi_relation_at(rel)[pos];
  Value atom = ambi_record_atom(r);
  uint32_t symbol;
  announce(s, atom);
  if (ambi_space_defined_by(atom, &symbol))
    ambi_space_count_def(s, symbol, false);
  note_change(s, rel, -(size_t)1, d->next_ordinal - 1);
  if (d->epochs) {
    ambi_relation_end(rel, (uint32_t)pos, d->next_ordinal - 1);
    return;
  }
  ambi_relation_pop(rel);
  ambi_record_release(s->rt->store, r);
}

void ambi_space_take_back(Space *s, size_t n) {
  SpaceData *d = data_of(s);
  uint32_t first = d->next_ordinal - (uint32_t)n;
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    const uint32_t *ordinal = ambi_load_relaxed(&rel->x_ordinal);
    for (size_t k = ambi_relation_n(rel); k-- > 0 && ordinal[k] >= first;)
      take_one_back(s, rel, k);
    if (d->epochs) ambi_share_tidy(s, rel);
  }
  if (!d->epochs) d->next_ordinal = first;
}

// ---- removing -----------------------------------------------------------------------
// STREAM_END: no atom is equal. What an index has is older than what it has not.
static size_t find_equal(Space *s, Relation *rel, const Template *t) {
  View v = ambi_space_latest(s);
  Stream st[STREAMS_EACH];
  size_t n = ambi_relation_lookup_equal(rel, &v, t->atom, st),
         found = STREAM_END;
  for (size_t i = 0; i < n && found == STREAM_END; i++) {
    for (;;) {
      found = ambi_stream_next(&st[i]);
      if (found == STREAM_END) break;
      Template stored = ambi_record_template(st[i].at[found]);
      if (ambi_template_equal(&stored, t)) break;
    }
    ambi_stream_close(&st[i]);
  }
  return found;
}

// What may still be run is given back later.
static void keep_removed(Space *s, Record r) {
  RecordVec *removed = &s->writer->removed;
  removed->at[removed->n++] = r;
  if (s->shrunk) return;
  s->shrunk = true;
  s->next_shrunk = s->rt->shrunk;
  s->rt->shrunk = s;
}

// Where memory is out, the store keeps it.
void ambi_space_keep_rule(Space *s, Record r) {
  RecordVec *removed = &s->writer->removed;
  if (is_shared(s))
    ambi_share_keep_rule(s->rt->sharing, r);
  else if (ambi_grow((void **)&removed->at, &removed->cap, removed->n + 1,
                     sizeof *removed->at))
    keep_removed(s, r);
}

// Room for what is done with a removed record. False: memory is out.
static bool reserve_removal(Space *s, Relation *rel, bool rule) {
  Epochs *e = data_of(s)->epochs;
  RecordVec *removed = &s->writer->removed;
  if (e)
    return reserve_ordinals(s, 1) && ambi_relation_reserve_end(rel, e) &&
           (!rule || ambi_share_reserve_rule(s->rt->sharing));
  return !rule || ambi_grow((void **)&removed->at, &removed->cap,
                            removed->n + 1, sizeof *removed->at);
}

static bool remove_at(Space *s, Relation *rel, size_t pos) {
  SpaceData *d = data_of(s);
  Record r = ambi_relation_at(rel)[pos];
  Value atom = ambi_record_atom(r);
  bool rule = ambi_is_rule(atom);
  if (!reserve_removal(s, rel, rule)) return false;
  announce(s, atom);
  uint32_t symbol;
  if (ambi_space_defined_by(atom, &symbol))
    ambi_space_count_def(s, symbol, false);
  note_change(s, rel, -(size_t)1, d->next_ordinal);
  if (d->epochs) {
    ambi_relation_end(rel, (uint32_t)pos, d->next_ordinal++);
    ambi_share_tidy(s, rel);
    return true;
  }
  if (rule)
    keep_removed(s, r);
  else
    ambi_record_release(s->rt->store, r);
  ambi_relation_remove(rel, (uint32_t)pos);
  return true;
}

static bool remove_template(Space *s, Template *t, bool *found) {
  Relation *rel = ambi_data_relation_of(data_of(s), t->atom);
  size_t pos = rel ? find_equal(s, rel, t) : STREAM_END;
  ambi_template_discard(s->rt->store, t);
  *found = pos != STREAM_END;
  return !*found || remove_at(s, rel, pos);
}

bool ambi_space_remove(Space *s, Value atom, bool *found) {
  Template t;
  if (!ambi_template_make(s->rt->store, atom, &t)) return false;
  bool rule = is_shared(s) && ambi_is_rule(t.atom);
  begin_one(s, rule);
  bool ok = remove_template(s, &t, found);
  commit_one(s, rule);
  return ok;
}
