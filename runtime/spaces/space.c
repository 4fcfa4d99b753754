// Spaces: their life, their relations, and the count of what symbols have.
#include "runtime/spaces/space.h"

#include <string.h>

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"
#include "runtime/spaces/share.h"
#include "runtime/spaces/twin.h"

void ambi_space_lose_places(Space *s) {
  ambi_store_release(&s->x_number, ambi_add_relaxed(&s->rt->x_spaces, 1) + 1);
}

// ---- life -------------------------------------------------------------------------
static char *copy_name(const char *name) {
  size_t size = strlen(name) + 1;
  char *p = ambi_alloc(size);
  if (p) memcpy(p, name, size);
  return p;
}

static SpaceWriter *open_writer(void) {
  SpaceWriter *w = ambi_alloc(sizeof *w);
  if (!w) return NULL;
  pthread_mutexattr_t again;
  pthread_mutexattr_init(&again);
  pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&w->lock, &again);
  pthread_mutexattr_destroy(&again);
  return w;
}

static void close_writer(SpaceWriter *w) {
  DefTable *defs = ambi_load_relaxed(&w->x_defs);
  if (defs) ambi_free(defs, sizeof *defs + defs->cap * sizeof *defs->at);
  ambi_records_drop(&w->removed);
  pthread_mutex_destroy(&w->lock);
  ambi_free(w, sizeof *w);
}

Space *ambi_space_open(Runtime *rt, const char *name, bool is_module) {
  Space *s = ambi_alloc(sizeof *s);
  SpaceData *d = ambi_data_open(rt->sharing ? &rt->sharing->epochs : NULL);
  SpaceWriter *w = open_writer();
  char *copy = name ? copy_name(name) : NULL;
  if (!s || !d || !w || (name && !copy)) {
    ambi_free(s, sizeof *s);
    if (d) ambi_data_free(d);
    if (w) close_writer(w);
    if (copy) ambi_free(copy, strlen(copy) + 1);
    return NULL;
  }
  s->cell.kind = CELL_SPACE;
  s->rt = rt;
  ambi_space_lose_places(s);
  s->name = copy;
  s->is_module = is_module;
  ambi_store_release(&s->x_data, d);
  s->writer = w;
  if (copy)
    ambi_runtime_keep_cell(rt, &s->cell);
  else
    ambi_runtime_add_cell(rt, &s->cell);
  return s;
}

static void free_removed(Store *store, SpaceWriter *w) {
  for (size_t i = 0; i < w->removed.n; i++)
    ambi_record_release(store, w->removed.at[i]);
  w->removed.n = 0;
}

// A store that ends takes all terms along.
static void free_relations(Store *store, SpaceData *d) {
  bool ends = ambi_store_ends(store);
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    for (size_t k = 0; !ends && k < ambi_relation_n(rel); k++)
      ambi_record_release(store, ambi_relation_at(rel)[k]);
    ambi_relation_close(rel);
    ambi_free(rel, sizeof *rel);
  }
}

void ambi_space_empty(Space *s) {
  SpaceData *d = ambi_load_relaxed(&s->x_data);
  free_removed(s->rt->store, s->writer);
  if (!d) return;
  free_relations(s->rt->store, d);
  ambi_data_free(d);
  ambi_store_release(&s->x_data, NULL);
}

void ambi_space_free(Space *s) {
  ambi_space_empty(s);
  ambi_twin_free(s);
  close_writer(s->writer);
  if (s->name) ambi_free(s->name, strlen(s->name) + 1);
  ambi_free(ambi_load_relaxed(&s->x_deps), s->deps_cap * sizeof(Space *));
  ambi_free(ambi_load_relaxed(&s->x_yields), s->yields_cap * sizeof(uint32_t));
  ambi_free(s, sizeof *s);
}

void ambi_spaces_quiesce(Runtime *rt) {
  if (rt->sharing) {
    ambi_spaces_tidy(rt);
    return;
  }
  for (Space *s = rt->shrunk; s; s = s->next_shrunk) {
    free_removed(rt->store, s->writer);
    s->shrunk = false;
  }
  rt->shrunk = NULL;
}

// Spaces that import this one may run its rules; it stays.
void ambi_spaces_leave(Runtime *rt) {
  for (Space **at = &rt->shrunk, *s; (s = *at) != NULL;) {
    if (s->is_module || ambi_space_has_code(s) ||
        ambi_load_relaxed(&s->cell.x_stays)) {
      at = &s->next_shrunk;
      continue;
    }
    free_removed(rt->store, s->writer);
    *at = s->next_shrunk;
    s->shrunk = false;
  }
}

size_t ambi_space_count(const Space *s) {
  return ambi_load_relaxed(&s->writer->x_count);
}

// ---- what a question depends on -----------------------------------------------------
static uint64_t change_of(const Relation *rel) {
  return rel ? ambi_load_acquire(&rel->x_changed) : 0;
}

static uint64_t own_version(const Space *s, Value head, uint32_t n) {
  const SpaceData *d = ambi_load_acquire(&s->x_data);
  if (!ambi_is_sym(head)) return ambi_load_acquire(&s->version);
  return change_of(ambi_data_relation(d, REL_SYMBOL, ambi_sym_of(head), n)) +
         change_of(ambi_data_lone(d, REL_VAR_HEAD)) +
         change_of(ambi_data_lone(d, REL_OPEN));
}

uint64_t ambi_space_version(const Space *s, Value head, uint32_t n) {
  uint64_t sum = own_version(s, head, n);
  for (size_t i = 0, ndeps = ambi_space_ndeps(s); i < ndeps; i++)
    sum += own_version(ambi_space_dep(s, i), head, n);
  return sum;
}

// ---- deps and yields ----------------------------------------------------------------
static Epochs *epochs_of(const Space *s) {
  return ambi_load_relaxed(&s->x_data)->epochs;
}

static void note_change(Space *s) {
  ambi_space_begin(s);
  ambi_store_release(&s->version, ambi_load_relaxed(&s->version) + 1);
  ambi_space_commit(s);
  ambi_runtime_types_changed(s->rt);
}

static bool add_dep(Space *s, Space *dep) {
  size_t n = ambi_space_ndeps(s);
  Growth g;
  if (!ambi_growth_begin(&g, epochs_of(s), ambi_load_relaxed(&s->x_deps),
                         s->deps_cap, n + 1, sizeof dep))
    return false;
  ambi_cell_stay(&dep->cell);
  ((Space **)g.at)[n] = dep;
  ambi_store_release(&s->x_deps, (Space **)g.at);
  s->deps_cap = g.cap;
  ambi_growth_end(&g, epochs_of(s));
  ambi_store_release(&s->x_ndeps, n + 1);
  note_change(s);
  return true;
}

static bool need_dep(Space *s, Space *dep) {
  return dep == s || ambi_space_has_dep(s, dep) || add_dep(s, dep);
}

bool ambi_space_add_dep(Space *s, Space *dep) {
  ambi_guard(s->rt);
  bool ok = need_dep(s, dep);
  for (Space *t = s->twins; ok && t; t = t->twin->next)
    ok = need_dep(t, dep);
  ambi_unguard(s->rt);
  return ok;
}

static bool add_yield(Space *s, uint32_t symbol) {
  size_t n = ambi_space_nyields(s);
  Growth g;
  if (!ambi_growth_begin(&g, epochs_of(s), ambi_load_relaxed(&s->x_yields),
                         s->yields_cap, n + 1, sizeof symbol))
    return false;
  ((uint32_t *)g.at)[n] = symbol;
  ambi_store_release(&s->x_yields, (uint32_t *)g.at);
  s->yields_cap = g.cap;
  ambi_growth_end(&g, epochs_of(s));
  ambi_store_release(&s->x_nyields, n + 1);
  note_change(s);
  return true;
}

bool ambi_space_yield(Space *s, uint32_t symbol) {
  ambi_guard(s->rt);
  bool ok = add_yield(s, symbol);
  ambi_unguard(s->rt);
  return ok;
}

// ---- relations --------------------------------------------------------------------
static size_t table_size(size_t cap) {
  return sizeof(RelationTable) + cap * sizeof(Relation *);
}

static RelationTable *table_of(const SpaceData *d) {
  return ambi_load_acquire(&d->x_table);
}

SpaceData *ambi_data_open(Epochs *e) {
  SpaceData *d = ambi_alloc(sizeof *d);
  if (d) d->epochs = e;
  return d;
}

void ambi_data_drop(SpaceData *d) {
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;) {
    ambi_relation_close(rel);
    ambi_free(rel, sizeof *rel);
  }
  ambi_data_free(d);
}

void ambi_data_free(SpaceData *d) {
  RelationTable *t = table_of(d);
  if (t) ambi_free(t, table_size(t->cap));
  ambi_free(d, sizeof *d);
}

Relation *ambi_relations_next(Relations *rels) {
  const RelationTable *t = rels->table;
  while (t && rels->next < t->cap) {
    Relation *rel = ambi_load_acquire(&t->x_slot[rels->next++]);
    if (rel) return rel;
  }
  return NULL;
}

static void put_in(RelationTable *t, Relation *rel) {
  Relation *there;
  size_t i = ambi_relation_slot(t, rel->kind, rel->head, rel->size, &there);
  ambi_store_release(&t->x_slot[i], rel);
}

static bool grow_relations(SpaceData *d) {
  RelationTable *old = table_of(d);
  size_t cap = old ? old->cap * 2 : 8, size = old ? table_size(old->cap) : 0;
  RetiredBlock *block = d->epochs && old ? ambi_retired_block(old, size) : NULL;
  RelationTable *t =
      block || !old || !d->epochs ? ambi_alloc(table_size(cap)) : NULL;
  if (!t) {
    if (block) ambi_retired_drop(block);
    return false;
  }
  t->cap = cap;
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL;)
    put_in(t, rel);
  ambi_store_release(&d->x_table, t);
  if (block)
    ambi_epoch_retire_block(d->epochs, block);
  else
    ambi_free(old, size);
  return true;
}

bool ambi_data_put(SpaceData *d, Relation *rel) {
  bool new = !ambi_data_relation(d, rel->kind, rel->head, rel->size);
  if (new) {
    size_t n = ambi_load_relaxed(&d->x_ntable);
    if ((!table_of(d) || n * 2 >= table_of(d)->cap) && !grow_relations(d))
      return false;
    ambi_store_release(&d->x_ntable, n + 1);
  }
  put_in(table_of(d), rel);
  if (rel->kind != REL_SYMBOL && rel->kind != REL_SIZE)
    ambi_store_release(&d->x_lone[rel->kind], rel);
  return true;
}

// Kind, head and size of the relation that a stored atom belongs to.
static inline enum RelationKind kind_of(Value atom, uint32_t *head,
                                        uint32_t *size) {
  *head = *size = 0;
  if (ambi_is_lvar(atom)) return REL_OPEN;
  if (!ambi_is_expr(atom)) return REL_ATOM;
  Value first = ambi_expr_at(atom, 0);
  if (ambi_is_lvar(first)) return REL_VAR_HEAD;
  *size = ambi_expr_size(atom);
  if (!ambi_is_sym(first)) return REL_SIZE;
  *head = ambi_sym_of(first);
  return REL_SYMBOL;
}

Relation *ambi_data_relation_of(const SpaceData *d, Value atom) {
  uint32_t head, size;
  enum RelationKind kind = kind_of(atom, &head, &size);
  return ambi_data_relation(d, kind, head, size);
}

Relation *ambi_data_need_relation(SpaceData *d, Value atom) {
  uint32_t head, size;
  enum RelationKind kind = kind_of(atom, &head, &size);
  Relation *rel = ambi_data_relation(d, kind, head, size);
  if (AMB_LIKELY(rel != NULL)) return rel;
  rel = ambi_alloc(sizeof *rel);
  if (!rel) return NULL;
  rel->kind = kind;
  rel->head = head;
  rel->size = size;
  if (ambi_data_put(d, rel)) return rel;
  ambi_free(rel, sizeof *rel);
  return NULL;
}

// ---- which symbols have rules or types --------------------------------------------
bool ambi_is_rule(Value atom) {
  if (!ambi_is_expr(atom)) return false;
  Value head = ambi_expr_at(atom, 0);
  bool any = ambi_is_lvar(head) && ambi_expr_size(atom) == 3;
  return any || ambi_same(head, AMB_SYM(EQ)) ||
         ambi_same(head, AMB_SYM(COLON)) || ambi_same(head, AMB_SYM(SUBTYPE));
}

bool ambi_space_defined_by(Value atom, uint32_t *symbol) {
  if (!ambi_is_expr(atom) || ambi_expr_size(atom) != 3) return false;
  Value head = ambi_expr_at(atom, 0), of = ambi_expr_at(atom, 1);
  bool rule = ambi_same(head, AMB_SYM(EQ));
  if (!rule && !ambi_same(head, AMB_SYM(COLON))) return false;
  if (rule && !ambi_is_expr(of)) return false;
  while (ambi_is_expr(of))
    of = ambi_expr_at(of, 0);
  if (!ambi_is_sym(of)) return false;
  *symbol = ambi_sym_of(of);
  return true;
}

static size_t defs_size(size_t cap) {
  return sizeof(DefTable) + cap * sizeof(DefCount);
}

static DefCount *def_slot(DefTable *t, uint32_t symbol) {
  size_t i = (symbol * 0x9E3779B1u) & (t->cap - 1);
  for (;;) {
    uint32_t there = ambi_load_acquire(&t->at[i].x_symbol);
    if (there == 0 || there == symbol + 1) return &t->at[i];
    i = (i + 1) & (t->cap - 1);
  }
}

static void copy_defs(const DefTable *from, DefTable *to) {
  for (size_t i = 0; i < from->cap; i++) {
    uint32_t symbol = ambi_load_relaxed(&from->at[i].x_symbol);
    if (symbol == 0) continue;
    DefCount *def = def_slot(to, symbol - 1);
    ambi_store_release(&def->x_count, ambi_load_relaxed(&from->at[i].x_count));
    ambi_store_release(&def->x_symbol, symbol);
  }
}

bool ambi_space_reserve_def(Space *s) {
  SpaceWriter *w = s->writer;
  Epochs *e = ambi_load_relaxed(&s->x_data)->epochs;
  DefTable *old = ambi_load_relaxed(&w->x_defs);
  if (old && w->ndefs * 2 < old->cap) return true;
  size_t cap = old ? old->cap * 2 : 16, size = old ? defs_size(old->cap) : 0;
  RetiredBlock *block = e && old ? ambi_retired_block(old, size) : NULL;
  DefTable *t = block || !old || !e ? ambi_alloc(defs_size(cap)) : NULL;
  if (!t) {
    if (block) ambi_retired_drop(block);
    return false;
  }
  t->cap = cap;
  if (old) copy_defs(old, t);
  ambi_store_release(&w->x_defs, t);
  if (block)
    ambi_epoch_retire_block(e, block);
  else
    ambi_free(old, size);
  return true;
}

void ambi_space_count_def(Space *s, uint32_t symbol, bool added) {
  DefCount *def = def_slot(ambi_load_relaxed(&s->writer->x_defs), symbol);
  if (ambi_load_relaxed(&def->x_symbol) == 0) {
    ambi_store_release(&def->x_symbol, symbol + 1);
    s->writer->ndefs++;
  }
  uint32_t count = ambi_load_relaxed(&def->x_count);
  ambi_store_release(&def->x_count, added ? count + 1 : count - 1);
}

uint32_t ambi_space_count_of(const Space *s, uint32_t symbol) {
  DefTable *t = ambi_load_acquire(&s->writer->x_defs);
  return t ? ambi_load_acquire(&def_slot(t, symbol)->x_count) : 0;
}

bool ambi_space_defines(const Space *s, uint32_t symbol) {
  if (AMB_UNLIKELY(s->twin != NULL)) return ambi_twin_defines(s, 0, symbol);
  return ambi_space_count_of(s, symbol) > 0;
}

bool ambi_space_nth_defines(const Space *s, size_t i, uint32_t symbol) {
  if (AMB_UNLIKELY(s->twin != NULL)) return ambi_twin_defines(s, i, symbol);
  return ambi_space_count_of(ambi_space_nth(s, i), symbol) > 0;
}

// ---- looking whether all is well --------------------------------------------------
static bool record_is_valid(const Space *s, const Relation *rel, Record r,
                            const char **why) {
  Template t = ambi_record_template(r);
  if (ambi_data_relation_of(ambi_load_relaxed(&s->x_data), t.atom) != rel)
    return ambi_invalid(why, "an atom in a relation it does not belong to");
  if (!ambi_record_open(r) && !ambi_word_ground(t.atom))
    return ambi_invalid(why, "variables without names in a space");
  return ambi_template_is_valid(s->rt->store, &t, why);
}

// Each record is whole, and what it defines is counted.
static bool records_are_valid(const Space *s, const Relation *rel,
                              size_t *counted, const char **why) {
  View v = ambi_space_latest(s);
  Stream st;
  ambi_relation_all(rel, &v, &st);
  for (size_t i; (i = ambi_stream_next(&st)) != STREAM_END;) {
    uint32_t symbol;
    if (st.ordinal[i] >= v.data->next_ordinal)
      return ambi_invalid(why, "a record of a time to come");
    if (!record_is_valid(s, rel, st.at[i], why)) return false;
    if (!ambi_space_defined_by(ambi_record_atom(st.at[i]), &symbol)) continue;
    ++*counted;
    if (!ambi_space_count_of(s, symbol))
      return ambi_invalid(why, "a rule or type nobody has counted");
  }
  return true;
}

bool ambi_space_is_valid(const Space *s, const char **why) {
  const SpaceData *d = ambi_load_relaxed(&s->x_data);
  const DefTable *defs = ambi_load_relaxed(&s->writer->x_defs);
  size_t n = 0, live = 0, sum = 0, counted = 0;
  Relation *rel;
  for (Relations rels = ambi_data_relations(d);
       (rel = ambi_relations_next(&rels)) != NULL; n++) {
    live += ambi_relation_live(rel) - rel->ended;
    if (ambi_data_relation(d, rel->kind, rel->head, rel->size) != rel)
      return ambi_invalid(why, "a relation is not found");
    if (!ambi_relation_is_valid(rel, why) ||
        !records_are_valid(s, rel, &counted, why))
      return false;
  }
  if (n != ambi_load_relaxed(&d->x_ntable) || live != ambi_space_count(s))
    return ambi_invalid(why, "relations do not hold all records");
  for (size_t i = 0; defs && i < defs->cap; i++)
    sum += ambi_load_relaxed(&defs->at[i].x_count);
  return sum == counted || ambi_invalid(why, "rules and types are miscounted");
}
