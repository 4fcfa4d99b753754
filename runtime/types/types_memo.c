// Types of ground expressions, kept from one look-up to the next.
//
// The check before a call looks at the types of its arguments in depth, and each
// argument's own call is checked again: without a memory a term of depth n would
// be walked n times. Long walks are remembered, and milestones where calls are
// checked often. An entry holds as long as the address means the same term and
// nothing changed that gives types.
#include "memory/alloc.h"
#include "runtime/runtime.h"
#include "runtime/types/types_walk.h"

enum {
  LONG_WALK = 64,   // steps after which a walk is remembered
  MAX_TYPES = 255,  // distinct types
  NO_TYPE = MAX_TYPES,
  MIN_ENTRIES = 256,
  KEPT_ENTRIES = 4096  // a larger table is not kept for later use
};

typedef struct Entry {
  const Word *at;
  uint32_t stamp;  // of the memo when it was made
  uint32_t type;   // number, or NO_TYPE
} Entry;

struct TypeMemo {
  Entry *entries;   // open addressing; cap is a power of two
  size_t n, cap;    // n: places in use, be it by an entry that holds no more
  uint32_t stored;  // stamp of entries for stored terms ...
  uint32_t heap;    // ... and of those on the heap
  uint32_t serial;
  // what the entries rely on
  const Space *space;
  uint64_t changes, moved;
  uint32_t given_back;
  Template *types;
  size_t ntypes, types_cap;
  TypeNames names;
  CallTypes calls;
};

static void clear(Context *cx, TypeMemo *m) {
  for (size_t i = 0; i < m->ntypes; i++)
    ambi_template_release(cx->rt->store, &m->types[i]);
  m->ntypes = 0;
  if (m->cap > KEPT_ENTRIES) {
    ambi_free(m->entries, m->cap * sizeof *m->entries);
    m->entries = NULL;
    m->n = m->cap = 0;
  }
  ambi_names_clear(cx, &m->names);
  ambi_calls_clear(cx, &m->calls);
}

static void close(Context *cx) {
  TypeMemo *m = cx->types;
  clear(cx, m);
  ambi_names_close(cx, &m->names);
  ambi_calls_close(cx, &m->calls);
  ambi_free(m->entries, m->cap * sizeof *m->entries);
  ambi_free(m->types, m->types_cap * sizeof *m->types);
  ambi_free(m, sizeof *m);
}

// Stamps of entries that do not hold any more are never used again.
static void renew(Context *cx, const Space *s, TypeMemo *m) {
  if (m->space != s ||
      m->changes != ambi_load_acquire(&cx->rt->x_type_changes) ||
      m->moved != cx->moved) {
    clear(cx, m);
    m->space = s;
    m->changes = ambi_load_acquire(&cx->rt->x_type_changes);
    m->moved = cx->moved;
    m->stored = ++m->serial;
  } else if (m->given_back == cx->given_back) {
    return;
  }
  m->given_back = cx->given_back;
  m->heap = ++m->serial;
}

static bool holds(const TypeMemo *m, const Entry *e, const Context *cx) {
  return e->at && e->stamp == (ambi_in_heap(cx, e->at) ? m->heap : m->stored);
}

// The entry for the address, or the free place for it.
static Entry *place(const TypeMemo *m, const Word *at) {
  size_t i = ((uintptr_t)at >> 3) * 0x9E3779B97F4A7C15u >> 20;
  while (m->entries[i & (m->cap - 1)].at &&
         m->entries[i & (m->cap - 1)].at != at)
    i++;
  return &m->entries[i & (m->cap - 1)];
}

// NULL: nothing is known of the expression.
static const Entry *find(Context *cx, const Space *s, Value expr) {
  TypeMemo *m = cx->types;
  if (AMB_LIKELY(!m || m->n == 0) || !ambi_is_ground_expr(expr)) return NULL;
  renew(cx, s, m);
  if (m->n == 0) return NULL;
  const Entry *e = place(m, ambi_ptr(expr));
  return holds(m, e, cx) ? e : NULL;
}

bool ambi_memo_find(Walk *w, Value expr, bool *found) {
  const Entry *e = find(w->cx, w->space, expr);
  *found = e != NULL;
  return !e || e->type == NO_TYPE ||
         ambi_walk_push(w, w->cx->types->types[e->type].atom, AMB_NONE);
}

Value ambi_known_type(Context *cx, Space *s, Value expr) {
  const Entry *e = find(cx, s, expr);
  if (!e) return AMB_NONE;
  return e->type == NO_TYPE ? AMB_UNIT : cx->types->types[e->type].atom;
}

// The entries that hold go to a new table; where: to their new addresses.
static bool rebuild(Context *cx, TypeMemo *m, size_t cap, AmbWhere *where,
                    void *arg) {
  Entry *old = m->entries;
  size_t was = m->cap;
  Entry *entries = ambi_alloc(cap * sizeof *entries);
  if (!entries) return false;
  m->entries = entries;
  m->cap = cap;
  m->n = 0;
  for (size_t i = 0; i < was; i++) {
    Entry e = old[i];
    if (!holds(m, &e, cx)) continue;
    const Word *now = where ? where(arg, e.at) : e.at;
    if (!now) continue;
    if (now != e.at) e = (Entry){now, m->heap, e.type};
    *place(m, now) = e;
    m->n++;
  }
  ambi_free(old, was * sizeof *old);
  return true;
}

static bool grow(Context *cx, TypeMemo *m) {
  if (m->n * 2 < m->cap) return true;
  return rebuild(cx, m, m->cap ? m->cap * 2 : MIN_ENTRIES, NULL, NULL);
}

void ambi_types_moved(Context *cx, AmbWhere *where, void *arg) {
  TypeMemo *m = cx->types;
  if (!m || m->n == 0) return;
  bool stale = m->moved != cx->moved;
  if (m->given_back != cx->given_back) {
    m->given_back = cx->given_back;
    m->heap = ++m->serial;
  }
  if (stale || !rebuild(cx, m, m->cap, where, arg)) m->space = NULL;
}

// Types that grow with their terms, such as those of tuples, are not compared at
// every level.
static bool is_small(Value type, unsigned depth, unsigned *nodes) {
  if (!ambi_is_expr(type)) return !ambi_is_var(type);
  *nodes += ambi_expr_size(type);
  if (depth == 0 || *nodes > 32 || !ambi_is_ground_expr(type)) return false;
  for (uint32_t i = 0; i < ambi_expr_size(type); i++)
    if (!is_small(ambi_expr_at(type, i), depth - 1, nodes)) return false;
  return true;
}

// The number of the type; NO_TYPE: there are too many, or memory is out.
static uint32_t number_of(Context *cx, TypeMemo *m, Value type) {
  for (size_t i = 0; i < m->ntypes; i++)
    if (ambi_equal(m->types[i].atom, type)) return (uint32_t)i;
  if (m->ntypes == MAX_TYPES ||
      !ambi_grow((void **)&m->types, &m->types_cap, m->ntypes + 1,
                 sizeof *m->types) ||
      !ambi_template_make(cx->rt->store, type, &m->types[m->ntypes]))
    return NO_TYPE;
  return (uint32_t)m->ntypes++;
}

static TypeMemo *memo_of(Context *cx) {
  if (cx->types) return cx->types;
  cx->types = ambi_alloc(sizeof *cx->types);
  if (cx->types) cx->types_close = close;
  return cx->types;
}

TypeNames *ambi_memo_names(const Walk *w) {
  TypeMemo *m = memo_of(w->cx);
  if (!m) return NULL;
  renew(w->cx, w->space, m);
  return &m->names;
}

TypeNames *ambi_memo_names_still(const Walk *w) {
  TypeMemo *m = w->cx->types;
  bool still = m && m->space == w->space &&
               m->changes == ambi_load_acquire(&w->cx->rt->x_type_changes);
  return still ? &m->names : NULL;
}

CallTypes *ambi_memo_calls(Context *cx, const Space *s, uint32_t *stamp) {
  TypeMemo *m = memo_of(cx);
  if (!m) return NULL;
  renew(cx, s, m);
  *stamp = m->stored;
  return &m->calls;
}

// type: a number, or NO_TYPE.
static void note(Context *cx, TypeMemo *m, Value expr, uint32_t type) {
  if (!grow(cx, m)) return;
  Entry *e = place(m, ambi_ptr(expr));
  m->n += !e->at;
  bool heap = ambi_in_heap(cx, ambi_ptr(expr));
  *e = (Entry){ambi_ptr(expr), heap ? m->heap : m->stored, type};
}

// () has none.
void ambi_note_type(Context *cx, Space *s, Value expr, Value type) {
  TypeMemo *m = ambi_is_ground_expr(expr) ? memo_of(cx) : NULL;
  if (!m) return;
  renew(cx, s, m);
  uint32_t number = ambi_is_unit(type) ? NO_TYPE : number_of(cx, m, type);
  if (number != NO_TYPE || ambi_is_unit(type)) note(cx, m, expr, number);
}

static bool notes_milestone(const Context *cx, Value expr) {
  return ambi_is_milestone(expr) && cx->types &&
         ambi_calls_are_many(&cx->types->calls);
}

void ambi_memo_note(Walk *w, Value expr, size_t from) {
  const TypeVec *v = w->items;
  if (AMB_LIKELY(w->steps < LONG_WALK) && !notes_milestone(w->cx, expr)) return;
  if (v->n > from + 1) return;
  unsigned nodes = 0;
  Value type = AMB_UNIT;
  if (v->n > from) {
    const TypeItem *t = &v->at[from];
    if (t->is_error || !is_small(t->type, 4, &nodes)) return;
    type = t->type;
  }
  ambi_note_type(w->cx, w->space, expr, type);
}
