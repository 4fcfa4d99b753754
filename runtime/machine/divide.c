// What records of alternatives have still to try, by kind.
#include "runtime/machine/divide.h"

#include "memory/alloc.h"

const Code ambi_divide_gone[1] = {{.op = OP_I_ONCE_FAIL}};

static const Code *resumes_at(const Choice *r) {
  return ambi_code_origin(r->resume);
}

static bool is_list(const Choice *r) {
  unsigned op = resumes_at(r)->op;
  return op == OP_I_FORK_NEXT || op == OP_I_MANY_NEXT;
}

static bool is_match(const Choice *r) {
  unsigned op = resumes_at(r)->op;
  return op == OP_I_MATCH_NEXT || op == OP_I_MATCHF_NEXT;
}

bool ambi_divide_can(const Choice *r) {
  if (is_match(r)) return !r->hook->old && r->hook->kind == HOOK_CURSOR;
  if (r->hook) return false;
  unsigned op = resumes_at(r)->op;
  return is_list(r) || op == OP_I_RETRY || op == OP_I_TRUST;
}

// How many there are, and the next.
static uint64_t all_of(const Choice *r, uint64_t *next) {
  *next = 0;
  if (is_list(r)) {
    *next = (uint32_t)r->cursor;
    return ambi_list_end(r, resumes_at(r));
  }
  if (!is_match(r)) return 0;
  *next = r->hook->cursor;
  return r->hook->records.n ? r->hook->records.n : r->hook->nvalues;
}

uint64_t ambi_divide_near(const Choice *r) {
  uint64_t next, all = all_of(r, &next);
  return (all - next) / 2;
}

const Code *ambi_divide_goes_on(const Choice *r) {
  bool list = is_list(r) || is_match(r);
  return list ? ambi_code_origin(r->next) : resumes_at(r);
}

// ---- what goes ------------------------------------------------------------------

static bool give_hook(const Hook *h, size_t from, Farther *to,
                      ValueVec *terms) {
  size_t n = h->records.n - from;
  size_t first = h->records.n ? 0 : from * h->nvars;
  bool ok = ambi_vec_push(terms, h->pattern) && ambi_vec_push(terms, h->templ);
  for (size_t i = first; ok && i < h->values.n; i++)
    ok = ambi_vec_push(terms, h->values.at[i]);
  to->nvars = h->nvars;
  if (h->records.n == 0) {
    to->nsolutions = h->nvalues - from;
    return ok;
  }
  RecordVec *c = &to->candidates;
  if (!ok || !ambi_grow((void **)&c->at, &c->cap, n, sizeof *c->at))
    return false;
  memcpy(c->at, h->records.at + from, n * sizeof *c->at);
  c->n = n;
  return true;
}

bool ambi_divide_give(const Choice *r, uint64_t kept, Farther *to,
                      ValueVec *terms) {
  uint64_t next;
  all_of(r, &next);
  to->resume = resumes_at(r);
  to->next = r->next;
  to->cursor = is_list(r) ? r->cursor + kept : r->cursor;
  to->match = is_match(r);
  if (to->match) return give_hook(r->hook, next + kept, to, terms);
  return ambi_vec_push(terms, r->aux);
}

void ambi_divide_drop(Farther *f) {
  ambi_records_drop(&f->candidates);
}

// ---- what stays -----------------------------------------------------------------

// Ends where begins what went.
static void shorten_list(Choice *r, uint64_t end) {
  static const Code fork[1] = {{.op = OP_I_FORK_NEXT, .c = 1}},
                    many[1] = {{.op = OP_I_MANY_NEXT, .c = 1}};
  r->resume = resumes_at(r)->op == OP_I_FORK_NEXT ? fork : many;
  r->cursor = (uint32_t)r->cursor | end << 32;
}

static void shorten_hook(Hook *h, size_t end) {
  if (h->records.n) h->records.n = end;
  h->nvalues = end;
}

void ambi_divide_keep(Engine *g, Choice *r, uint64_t kept) {
  uint64_t next;
  all_of(r, &next);
  if (kept && is_list(r)) {
    shorten_list(r, next + kept);
  } else if (kept) {
    shorten_hook(r->hook, next + kept);
  } else {
    ambi_hook_free(g, r->hook);
    r->hook = NULL;
    r->resume = ambi_divide_gone;
    r->aux = AMB_UNIT;
  }
}

// ---- elsewhere ------------------------------------------------------------------

static bool take_hook(Engine *g, Choice *r, const Farther *from,
                      const Value *terms, size_t n) {
  const RecordVec *c = &from->candidates;
  Hook *h = r->hook = ambi_hook_new(g, HOOK_CURSOR);
  if (!h) return false;
  h->pattern = terms[0];
  h->templ = terms[1];
  h->nvars = from->nvars;
  h->nvalues = c->n + from->nsolutions;
  for (size_t i = 2; i < n; i++)
    if (!ambi_vec_push(&h->values, terms[i])) return false;
  if (c->n == 0) return true;
  if (!ambi_grow((void **)&h->records.at, &h->records.cap, c->n, sizeof *c->at))
    return false;
  memcpy(h->records.at, c->at, c->n * sizeof *c->at);
  h->records.n = c->n;
  return true;
}

bool ambi_divide_take(Engine *g, Choice *r, const Farther *from,
                      const Value *terms, size_t n) {
  r->resume = from->resume;
  r->next = from->next;
  r->cursor = from->cursor;
  if (from->match) return take_hook(g, r, from, terms, n);
  r->aux = terms[0];
  return true;
}
