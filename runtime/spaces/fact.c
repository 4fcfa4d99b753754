// A question whose answer is one fact or none, without a list of candidates.
//
// Most questions of programs that compute are of this kind: some children are known,
// no atom of the space has variables where it matters, and an index that is there
// leads to one position at most. Everything else is for query.c.
#include "runtime/atoms/work.h"
#include "runtime/spaces/reads.h"
#include "runtime/spaces/space_data.h"

static bool has_live(const Relation *rel) {
  return rel && ambi_relation_live(rel);
}

// The only relation with atoms that can match, or NULL.
static Relation *only_relation(const Space *s, const View *v, Value head,
                               uint32_t n) {
  uint32_t symbol = ambi_sym_of(head);
  Relation *rel = ambi_data_relation(v->data, REL_SYMBOL, symbol, n);
  if (!rel || ambi_load_acquire(&rel->x_nopen) || ambi_data_has_open(v->data))
    return NULL;
  for (size_t i = 0, ndeps = ambi_space_ndeps(s); i < ndeps; i++) {
    const SpaceData *dep = ambi_load_acquire(&ambi_space_dep(s, i)->x_data);
    if (ambi_data_has_open(dep) ||
        has_live(ambi_data_relation(dep, REL_SYMBOL, symbol, n)))
      return NULL;
  }
  return rel;
}

// The index at an argument, if it is there and has all records.
static inline Index *ready_index(const Relation *rel, const View *v,
                                 uint32_t arg) {
  Index *x = ambi_relation_has_index(rel, ambi_path(arg));
  return x && ambi_index_upto(x) >= ambi_relation_seen(rel, v) ? x : NULL;
}

static bool equal_part(Context *cx, Value asked, Value part) {
  if (ambi_same(asked, part) && !ambi_is_expr(part))
    return part.w != AMB_CANONICAL_NAN;
  if (ambi_is_sym(asked) || ambi_is_sym(part)) return false;
  return ambi_unify(cx, asked, part);
}

// Takes a part as the value of an unbound variable, which may have got one meanwhile.
static bool take_part(Context *cx, Value var, Value part) {
  var = ambi_deref(var);
  return ambi_is_var(var) ? ambi_bind(cx, var, ambi_presume_data(cx, part))
                          : equal_part(cx, var, part);
}

static bool matches(Context *cx, const Value *items, uint32_t n,
                    const Value *parts) {
  uint32_t vars = 0;
  for (uint32_t i = 1; i < n; i++) {
    if (ambi_is_none(items[i])) continue;
    if (ambi_is_var(items[i]))
      vars++;
    else if (!equal_part(cx, items[i], parts[i]))
      return false;
  }
  for (uint32_t i = 1; vars && i < n; i++)
    if (ambi_is_var(items[i]) && !take_part(cx, items[i], parts[i]))
      return false;
  return true;
}

enum FactAnswer ambi_space_fact(Context *cx, Space *s, const Value *items,
                                uint32_t n, Value *fact) {
  if (!ambi_is_sym(items[0]) || cx->journal) return FACT_ASK;
  ambi_space_asked(s, items[0], n);
  View view = ambi_space_view(s);
  Relation *rel = only_relation(s, &view, items[0], n);
  if (!rel || !ambi_load_acquire(&rel->x_index)) return FACT_ASK;
  Hits hits = {.n = UINT32_MAX};
  for (uint32_t i = 1; i < n; i++) {
    Value v = items[i];
    uint64_t key;
    if (ambi_is_none(v) || ambi_is_var(v)) continue;
    if (!ambi_word_ground(v)) return FACT_ASK;
    Index *x = hits.n > 1 && i < PATH_STEPS ? ready_index(rel, &view, i) : NULL;
    if (x && ambi_key_value(v, &key) == KEY_VALUE)
      hits = ambi_relation_hits(rel, &view, x, key);
  }
  if (hits.n != 1) return hits.n ? FACT_ASK : FACT_NONE;
  size_t pos = ambi_hit(&hits, 0);
  if (ambi_is_ended(ambi_load_acquire(&rel->x_end), pos, view.seen))
    return FACT_NONE;
  *fact = ambi_relation_at(rel)[pos].held;
  return !ambi_is_none(*fact) && matches(cx, items, n, ambi_expr_items(*fact))
             ? FACT_ONE
             : FACT_NONE;
}
