// Spaces: adding and removing atoms, and what belongs to that.
#include "runtime/spaces/space.h"

#include <string.h>

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/runtime.h"
#include "runtime/spaces/space_data.h"

// ---- life -------------------------------------------------------------------------
static char *copy_name(const char *name) {
  size_t size = strlen(name) + 1;
  char *p = ambi_alloc(size);
  if (p) memcpy(p, name, size);
  return p;
}

Space *ambi_space_open(Runtime *rt, const char *name, bool is_module) {
  Space *s = ambi_alloc(sizeof *s);
  SpaceData *d = ambi_alloc(sizeof *d);
  char *copy = name ? copy_name(name) : NULL;
  if (!s || !d || (name && !copy)) {
    ambi_free(s, sizeof *s);
    ambi_free(d, sizeof *d);
    if (copy) ambi_free(copy, strlen(copy) + 1);
    return NULL;
  }
  s->cell.kind = CELL_SPACE;
  s->rt = rt;
  s->name = copy;
  s->is_module = is_module;
  s->data = d;
  ambi_runtime_add_cell(rt, &s->cell);
  return s;
}

static void free_removed(Store *store, SpaceData *d) {
  for (size_t i = 0; i < d->removed.n; i++)
    ambi_record_release(store, d->removed.at[i]);
  d->removed.n = 0;
}

static void free_data(Store *store, SpaceData *d) {
  free_removed(store, d);
  ambi_records_drop(&d->removed);
  for (size_t i = 0; i < d->cap; i++) {
    Relation *rel = d->table[i];
    if (!rel) continue;
    for (size_t k = 0; k < rel->n; k++)
      ambi_record_release(store, rel->at[k]);
    ambi_relation_close(rel);
    ambi_free(rel, sizeof *rel);
  }
  ambi_free(d->table, d->cap * sizeof *d->table);
  ambi_free(d->defs, d->defs_cap * sizeof *d->defs);
  ambi_free(d, sizeof *d);
}

void ambi_space_free(Space *s) {
  free_data(s->rt->store, s->data);
  if (s->name) ambi_free(s->name, strlen(s->name) + 1);
  ambi_free(s->deps, s->deps_cap * sizeof *s->deps);
  ambi_free(s->yields, s->yields_cap * sizeof *s->yields);
  ambi_free(s, sizeof *s);
}

size_t ambi_space_count(const Space *s) {
  return s->data->count;
}

static uint64_t change_of(const Relation *rel) {
  return rel ? rel->changed : 0;
}

static uint64_t own_version(const Space *s, Value head, uint32_t n) {
  Relation *const *lone = s->data->lone;
  if (!ambi_is_sym(head)) return s->version;
  return change_of(ambi_space_relation(s, REL_SYMBOL, ambi_sym_of(head), n)) +
         change_of(lone[REL_VAR_HEAD]) + change_of(lone[REL_OPEN]);
}

uint64_t ambi_space_version(const Space *s, Value head, uint32_t n) {
  uint64_t sum = own_version(s, head, n);
  for (size_t i = 0; i < s->ndeps; i++)
    sum += own_version(s->deps[i], head, n);
  return sum;
}

bool ambi_space_add_dep(Space *s, Space *dep) {
  if (dep == s) return true;
  for (size_t i = 0; i < s->ndeps; i++)
    if (s->deps[i] == dep) return true;
  if (!ambi_grow((void **)&s->deps, &s->deps_cap, s->ndeps + 1,
                 sizeof *s->deps))
    return false;
  s->deps[s->ndeps++] = dep;
  s->version++;
  s->rt->type_changes++;
  return true;
}

bool ambi_space_yield(Space *s, uint32_t symbol) {
  if (!ambi_grow((void **)&s->yields, &s->yields_cap, s->nyields + 1,
                 sizeof *s->yields))
    return false;
  s->yields[s->nyields++] = symbol;
  s->version++;
  s->rt->type_changes++;
  return true;
}

// ---- relations --------------------------------------------------------------------
static size_t relation_slot(Relation **table, size_t cap,
                            enum RelationKind kind, uint32_t head,
                            uint32_t size) {
  uint64_t h = ambi_hash_mix(((uint64_t)head << 32) | size, kind);
  size_t i = (size_t)(h >> 16) & (cap - 1);
  while (table[i] && !(table[i]->kind == kind && table[i]->head == head &&
                       table[i]->size == size))
    i = (i + 1) & (cap - 1);
  return i;
}

Relation *ambi_space_relation(const Space *s, enum RelationKind kind,
                              uint32_t head, uint32_t size) {
  const SpaceData *d = s->data;
  if (d->cap == 0) return NULL;
  return d->table[relation_slot(d->table, d->cap, kind, head, size)];
}

static bool grow_relations(SpaceData *d) {
  size_t cap = d->cap ? d->cap * 2 : 8;
  Relation **table = ambi_alloc(cap * sizeof *table);
  if (!table) return false;
  for (size_t i = 0; i < d->cap; i++) {
    Relation *rel = d->table[i];
    if (rel)
      table[relation_slot(table, cap, rel->kind, rel->head, rel->size)] = rel;
  }
  ambi_free(d->table, d->cap * sizeof *d->table);
  d->table = table;
  d->cap = cap;
  return true;
}

// The relation a stored atom belongs to; a new one is made when create is set.
// NULL: there is none, or memory is out.
static Relation *relation_of(Space *s, Value atom, bool create) {
  SpaceData *d = s->data;
  Relation key = {.kind = REL_ATOM};
  if (ambi_is_lvar(atom)) {
    key.kind = REL_OPEN;
  } else if (ambi_is_expr(atom)) {
    Value head = ambi_expr_at(atom, 0);
    key.kind = ambi_is_sym(head)    ? REL_SYMBOL
               : ambi_is_lvar(head) ? REL_VAR_HEAD
                                    : REL_SIZE;
    key.head = ambi_is_sym(head) ? ambi_sym_of(head) : 0;
    key.size = ambi_is_lvar(head) ? 0 : ambi_expr_size(atom);
  }
  Relation *rel = ambi_space_relation(s, key.kind, key.head, key.size);
  if (rel || !create) return rel;
  if (d->ntable * 2 >= d->cap && !grow_relations(d)) return NULL;
  rel = ambi_alloc(sizeof *rel);
  if (!rel) return NULL;
  *rel = key;
  d->table[relation_slot(d->table, d->cap, key.kind, key.head, key.size)] = rel;
  d->ntable++;
  if (key.kind != REL_SYMBOL && key.kind != REL_SIZE) d->lone[key.kind] = rel;
  return rel;
}

// ---- which symbols have rules or types --------------------------------------------
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

static DefCount *def_slot(DefCount *defs, size_t cap, uint32_t symbol) {
  size_t i = (symbol * 0x9E3779B1u) & (cap - 1);
  while (defs[i].used && defs[i].symbol != symbol)
    i = (i + 1) & (cap - 1);
  return &defs[i];
}

static bool reserve_def(SpaceData *d) {
  if (d->ndefs * 2 < d->defs_cap) return true;
  size_t cap = d->defs_cap ? d->defs_cap * 2 : 16;
  DefCount *defs = ambi_alloc(cap * sizeof *defs);
  if (!defs) return false;
  for (size_t i = 0; i < d->defs_cap; i++)
    if (d->defs[i].used) *def_slot(defs, cap, d->defs[i].symbol) = d->defs[i];
  ambi_free(d->defs, d->defs_cap * sizeof *d->defs);
  d->defs = defs;
  d->defs_cap = cap;
  return true;
}

static void count_def(SpaceData *d, uint32_t symbol, bool added) {
  DefCount *def = def_slot(d->defs, d->defs_cap, symbol);
  if (!def->used) {
    *def = (DefCount){symbol, 0, true};
    d->ndefs++;
  }
  def->count += added ? 1u : -1u;
}

bool ambi_space_defines(const Space *s, uint32_t symbol) {
  const SpaceData *d = s->data;
  if (d->defs_cap == 0) return false;
  const DefCount *def = def_slot(d->defs, d->defs_cap, symbol);
  return def->used && def->count > 0;
}

// ---- changes ----------------------------------------------------------------------
static bool is_rule(Value atom) {
  if (!ambi_is_expr(atom)) return false;
  Value head = ambi_expr_at(atom, 0);
  bool any = ambi_is_lvar(head) && ambi_expr_size(atom) == 3;
  return any || ambi_same(head, AMB_SYM(EQ)) ||
         ambi_same(head, AMB_SYM(COLON)) || ambi_same(head, AMB_SYM(SUBTYPE));
}

static void announce(Space *s, Value atom) {
  if (!is_rule(atom)) return;
  s->rt->rule_changes++;
  if (!ambi_same(ambi_expr_at(atom, 0), AMB_SYM(EQ))) s->rt->type_changes++;
  if (s->rt->rules_changed && (s->is_context || s->is_module))
    s->rt->rules_changed(s->rt, s, atom);
}

// What has no say in what is evaluated.
static bool is_plain(Value atom) {
  uint32_t symbol;
  return ambi_is_expr(atom) && ambi_is_sym(ambi_expr_at(atom, 0)) &&
         !is_rule(atom) && !ambi_space_defined_by(atom, &symbol);
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

static bool append_alike(Space *s, const Value *atoms, size_t n) {
  SpaceData *d = s->data;
  Relation *rel = relation_of(s, atoms[0], true);
  if (!rel || !ambi_relation_reserve(rel, n) ||
      (UINT32_MAX - d->next_ordinal < n &&
       !(ambi_space_renumber(s) && UINT32_MAX - d->next_ordinal >= n)))
    return false;
  for (size_t i = 0; i < n; i++)
    ambi_relation_append(rel, (Record){atoms[i]}, d->next_ordinal++);
  d->count += n;
  rel->changed = ++s->version;
  return true;
}

size_t ambi_space_append(Space *s, const Value *atoms, size_t n) {
  size_t done = 0;
  while (done < n) {
    size_t alike = 1;
    Template t = {.atom = atoms[done]};
    if (is_plain(t.atom)) {
      alike = count_alike(atoms + done, n - done);
      if (!append_alike(s, atoms + done, alike)) break;
    } else if (!ambi_space_add_template(s, &t)) {
      break;
    }
    done += alike;
  }
  return done;
}

bool ambi_space_add_template(Space *s, Template *t) {
  SpaceData *d = s->data;
  uint32_t symbol;
  bool defines = ambi_space_defined_by(t->atom, &symbol);
  Relation *rel = relation_of(s, t->atom, true);
  Record r;
  if (!rel || !ambi_relation_reserve(rel, 1) || (defines && !reserve_def(d)) ||
      (d->next_ordinal == UINT32_MAX && !ambi_space_renumber(s)) ||
      !ambi_record_make(s->rt->store, t, &r))
    return false;
  announce(s, t->atom);
  ambi_relation_append(rel, r, d->next_ordinal++);
  d->count++;
  if (defines) count_def(d, symbol, true);
  rel->changed = ++s->version;
  return true;
}

void ambi_space_take_back(Space *s, size_t n) {
  SpaceData *d = s->data;
  uint32_t first = d->next_ordinal - (uint32_t)n;
  for (size_t i = 0; i < d->cap; i++) {
    Relation *rel = d->table[i];
    while (rel && rel->n && rel->ordinal[rel->n - 1] >= first) {
      Record r = ambi_relation_pop(rel);
      uint32_t symbol;
      announce(s, ambi_record_atom(r));
      if (ambi_space_defined_by(ambi_record_atom(r), &symbol))
        count_def(d, symbol, false);
      ambi_record_release(s->rt->store, r);
      d->count--;
      rel->changed = ++s->version;
    }
  }
  d->next_ordinal = first;
}

bool ambi_space_add(Space *s, Value atom) {
  Template t;
  if (!ambi_template_make(s->rt->store, atom, &t)) return false;
  if (ambi_space_add_template(s, &t)) return true;
  ambi_template_discard(s->rt->store, &t);
  return false;
}

// STREAM_END: no atom is equal.
static size_t find_equal(Relation *rel, const Template *t) {
  Stream st[STREAMS_EACH];
  size_t n = ambi_relation_lookup_equal(rel, t->atom, st), found = STREAM_END;
  for (size_t i = 0; i < n && found == STREAM_END; i++) {
    for (;;) {
      found = ambi_stream_next(&st[i]);
      if (found == STREAM_END) break;
      Template stored = ambi_record_template(rel->at[found]);
      if (ambi_template_equal(&stored, t)) break;
    }
    ambi_stream_close(&st[i]);
  }
  return found;
}

// What may still be run is given back later.
static void keep_removed(Space *s, Record r) {
  s->data->removed.at[s->data->removed.n++] = r;
  if (s->shrunk) return;
  s->shrunk = true;
  s->next_shrunk = s->rt->shrunk;
  s->rt->shrunk = s;
}

static bool remove_at(Space *s, Relation *rel, size_t pos) {
  SpaceData *d = s->data;
  Record r = rel->at[pos];
  Value atom = ambi_record_atom(r);
  bool rule = is_rule(atom);
  if (rule && !ambi_grow((void **)&d->removed.at, &d->removed.cap,
                         d->removed.n + 1, sizeof *d->removed.at))
    return false;
  announce(s, atom);
  uint32_t symbol;
  if (ambi_space_defined_by(atom, &symbol)) count_def(d, symbol, false);
  if (rule)
    keep_removed(s, r);
  else
    ambi_record_release(s->rt->store, r);
  ambi_relation_remove(rel, (uint32_t)pos);
  d->count--;
  rel->changed = ++s->version;
  return true;
}

bool ambi_space_remove(Space *s, Value atom, bool *found) {
  Template t;
  if (!ambi_template_make(s->rt->store, atom, &t)) return false;
  Relation *rel = relation_of(s, t.atom, false);
  size_t pos = rel ? find_equal(rel, &t) : STREAM_END;
  ambi_template_discard(s->rt->store, &t);
  *found = pos != STREAM_END;
  return !*found || remove_at(s, rel, pos);
}

void ambi_spaces_quiesce(Runtime *rt) {
  for (Space *s = rt->shrunk; s; s = s->next_shrunk) {
    free_removed(rt->store, s->data);
    s->shrunk = false;
  }
  rt->shrunk = NULL;
}

// ---- looking whether all is well --------------------------------------------------
static bool record_is_valid(const Space *s, const Relation *rel, Record r,
                            const char **why) {
  Template t = ambi_record_template(r);
  if (relation_of((Space *)(uintptr_t)s, t.atom, false) != rel)
    return ambi_invalid(why, "an atom in a relation it does not belong to");
  if (!ambi_record_open(r) && !ambi_word_ground(t.atom))
    return ambi_invalid(why, "variables without names in a space");
  return ambi_template_is_valid(s->rt->store, &t, why);
}

static bool records_are_valid(const Space *s, const Relation *rel,
                              const char **why) {
  for (size_t i = 0; i < rel->n; i++) {
    if (rel->ordinal[i] >= s->data->next_ordinal)
      return ambi_invalid(why, "a record of a time to come");
    if (!ambi_record_gone(rel->at[i]) &&
        !record_is_valid(s, rel, rel->at[i], why))
      return false;
  }
  return true;
}

// What the atoms of a relation define is counted.
static bool defs_are_counted(const SpaceData *d, const Relation *rel,
                             size_t *counted, const char **why) {
  for (size_t i = 0; i < rel->n; i++) {
    uint32_t symbol;
    if (ambi_record_gone(rel->at[i]) ||
        !ambi_space_defined_by(ambi_record_atom(rel->at[i]), &symbol))
      continue;
    ++*counted;
    const DefCount *def =
        d->defs_cap ? def_slot(d->defs, d->defs_cap, symbol) : NULL;
    if (!def || !def->used || !def->count)
      return ambi_invalid(why, "a rule or type nobody has counted");
  }
  return true;
}

bool ambi_space_is_valid(const Space *s, const char **why) {
  const SpaceData *d = s->data;
  size_t n = 0, live = 0, sum = 0, counted = 0;
  for (size_t i = 0; i < d->cap; i++) {
    const Relation *rel = d->table[i];
    if (!rel) continue;
    n++;
    live += ambi_relation_live(rel);
    if (ambi_space_relation(s, rel->kind, rel->head, rel->size) != rel)
      return ambi_invalid(why, "a relation is not found");
    if (!ambi_relation_is_valid(rel, why) || !records_are_valid(s, rel, why) ||
        !defs_are_counted(d, rel, &counted, why))
      return false;
  }
  if (n != d->ntable || live != d->count)
    return ambi_invalid(why, "relations do not hold all records");
  for (size_t i = 0; i < d->defs_cap; i++)
    if (d->defs[i].used) sum += d->defs[i].count;
  return sum == counted || ambi_invalid(why, "rules and types are miscounted");
}
