// What is declared of names, kept from one look-up to the next.
//
// The check before a call asks for the types of each name in it, and the space answers by
// its indexes, a microsecond each. What it said stays true until something that gives types
// changes, so what is asked for often is kept: a program that declares types all the time
// has nothing kept for it. An isolated evaluation sees what others do not, and asks each
// time.
#include "memory/alloc.h"
#include "runtime/runtime.h"
#include "runtime/spaces/reads.h"
#include "runtime/types/types_walk.h"

enum {
  MIN_NAMES = 16,
  MANY = 16,     // questions before what a name has is kept, in the store
  MIN_ASKED = 4  // questions before all declarations are looked at
};

struct NameTypes {
  uint32_t symbol;
  uint32_t asked;     // 0: a free place; MANY: the types are kept
  uint32_t first, n;  // of the types
};

void ambi_names_clear(Context *cx, TypeNames *m) {
  for (size_t i = 0; i < m->ntypes; i++)
    ambi_template_release(cx->rt->store, &m->types[i]);
  if (m->n) memset(m->at, 0, m->cap * sizeof *m->at);
  m->n = m->ntypes = 0;
  m->scope = SCOPE_UNKNOWN;
  m->asked = 0;
}

void ambi_names_close(Context *cx, TypeNames *m) {
  ambi_names_clear(cx, m);
  ambi_free(m->at, m->cap * sizeof *m->at);
  ambi_free(m->types, m->types_cap * sizeof *m->types);
}

// The entry of the symbol, or the free place for it.
static struct NameTypes *place(const TypeNames *m, uint32_t symbol) {
  size_t i = symbol * 0x9E3779B1u;
  while (m->at[i & (m->cap - 1)].asked &&
         m->at[i & (m->cap - 1)].symbol != symbol)
    i++;
  return &m->at[i & (m->cap - 1)];
}

static bool make_room(TypeNames *m) {
  if (m->n * 2 < m->cap) return true;
  TypeNames more = {.cap = m->cap ? m->cap * 2 : MIN_NAMES};
  more.at = ambi_alloc(more.cap * sizeof *more.at);
  if (!more.at) return false;
  for (size_t i = 0; i < m->cap; i++)
    if (m->at[i].asked) *place(&more, m->at[i].symbol) = m->at[i];
  ambi_free(m->at, m->cap * sizeof *m->at);
  m->at = more.at;
  m->cap = more.cap;
  return true;
}

static TypeNames *names_of(const Walk *w) {
  return w->cx->journal ? NULL : ambi_memo_names(w);
}

bool ambi_names_find(Walk *w, Value name, bool *found) {
  const TypeNames *m = names_of(w);
  const struct NameTypes *e = m && m->n ? place(m, ambi_sym_of(name)) : NULL;
  *found = e && e->asked == MANY;
  if (!*found) return true;
  ambi_space_asked(w->space, AMB_SYM(COLON), 3);
  if (e->n) ambi_space_asked(w->space, AMB_SYM(SUBTYPE), 3);
  for (uint32_t i = 0; i < e->n; i++) {
    Value type = ambi_instance(w->cx, &m->types[e->first + i], false);
    if (ambi_is_none(type) || !ambi_walk_push(w, type, AMB_NONE)) return false;
  }
  return true;
}

// False: some were not kept; those that were go with the others.
static bool keep_types(Context *cx, TypeNames *m, const TypeVec *v,
                       size_t from) {
  size_t n = v->n - from;
  if (!ambi_grow((void **)&m->types, &m->types_cap, m->ntypes + n,
                 sizeof *m->types))
    return false;
  for (size_t i = 0; i < n; i++) {
    if (!ambi_template_make(cx->rt->store, v->at[from + i].type,
                            &m->types[m->ntypes]))
      return false;
    m->ntypes++;
  }
  return true;
}

void ambi_names_note(Walk *w, Value name, size_t from) {
  Context *cx = w->cx;
  TypeNames *m = cx->journal ? NULL : ambi_memo_names_still(w);
  if (!m || !make_room(m)) return;
  struct NameTypes *e = place(m, ambi_sym_of(name));
  if (!e->asked) {
    *e = (struct NameTypes){.symbol = ambi_sym_of(name)};
    m->n++;
  }
  if (e->asked < MANY - 1) {
    e->asked++;
    return;
  }
  size_t first = m->ntypes;
  if (!keep_types(cx, m, w->items, from)) return;
  e->first = (uint32_t)first;
  e->n = (uint32_t)(m->ntypes - first);
  e->asked = MANY;
}

// ---- what is no name ----------------------------------------------------------------

// All atoms (head X Y).
static bool ask_all(Walk *w, Value head) {
  w->records.n = 0;
  return ambi_space_told(w->cx, w->space, head, AMB_NONE, &w->records) ||
         ambi_out_of_memory(w->cx);
}

// Notes what a declaration is about. False: it may be about anything.
static bool note_subject(TypeNames *m, Value declaration) {
  if (!ambi_same(ambi_expr_at(declaration, 0), AMB_SYM(COLON))) return false;
  Value subject = ambi_expr_at(declaration, 1);
  if (!ambi_is_expr(subject)) return !ambi_is_lvar(subject);
  Value head = ambi_expr_at(subject, 0);
  if (!ambi_is_sym(head)) return false;
  for (uint32_t i = 0; i < m->nheads; i++)
    if (m->heads[i] == ambi_sym_of(head)) return true;
  if (m->nheads == TYPED_HEADS) return false;
  m->heads[m->nheads++] = ambi_sym_of(head);
  return true;
}

static bool look_at_all(Walk *w, TypeNames *m) {
  enum Scope scope = SCOPE_MORE;
  if (!ask_all(w, AMB_SYM(SUBTYPE))) return false;
  if (w->records.n == 0) {
    if (!ask_all(w, AMB_SYM(COLON))) return false;
    m->declared = w->records.n;
    m->nheads = 0;
    size_t i = 0;
    while (i < w->records.n &&
           note_subject(m, ambi_record_atom(w->records.at[i])))
      i++;
    if (i == w->records.n) scope = SCOPE_NAMES;
  }
  if (ambi_memo_names_still(w)) m->scope = scope;
  return true;
}

static bool is_about(const TypeNames *m, Value expr) {
  Value head = ambi_deref(ambi_expr_at(expr, 0));
  bool about = ambi_is_var(head);
  for (uint32_t i = 0; i < m->nheads && ambi_is_sym(head); i++)
    about |= m->heads[i] == ambi_sym_of(head);
  return about;
}

// Looking at all declarations waits until as many questions were asked as there were
// declarations the last time, so it costs a question no more than a look at a few.
bool ambi_names_alone(Walk *w, Value expr, bool *none) {
  TypeNames *m = names_of(w);
  *none = false;
  if (!m) return true;
  if (m->scope == SCOPE_UNKNOWN) {
    if (++m->asked < MIN_ASKED || m->asked < m->declared) return true;
    if (!look_at_all(w, m)) return false;
  }
  *none = m->scope == SCOPE_NAMES && !is_about(m, expr);
  if (!*none) return true;
  ambi_space_asked(w->space, AMB_SYM(COLON), 3);
  ambi_space_asked(w->space, AMB_SYM(SUBTYPE), 3);
  return true;
}
