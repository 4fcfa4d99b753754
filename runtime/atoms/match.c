// Walks over two terms at once: equality, unification, one-way matching.
//
// All share one shape: a run of pairs still to be compared, and a work stack of
// the runs to come back to. A run's last pair is entered without leaving
// anything on the stack, so right-nested terms of any length need none.
// Without memory for the stack the equality tests answer false.
#include "runtime/atoms/match.h"

#include "runtime/atoms/number.h"
#include "runtime/atoms/work.h"
#include "runtime/runtime.h"

typedef struct Run {
  const Value *a, *b;
  uint32_t n;
} Run;

typedef struct Pairs {
  Run now;
  Work work;
} Pairs;

static void open_pairs(Pairs *p, const Value *a, const Value *b) {
  p->now = (Run){a, b, 1};
  ambi_work_open(&p->work);
}

// The next pair as it stands in the terms; false: all have been seen.
static inline bool next_pair(Pairs *p, Value *a, Value *b) {
  if (p->now.n == 0) {
    if (p->work.used == 0) return false;
    p->now = *(Run *)ambi_work_top(&p->work, sizeof p->now);
    p->work.used -= sizeof p->now;
  }
  *a = *p->now.a++;
  *b = *p->now.b++;
  p->now.n--;
  return true;
}

// The children of two nodes come next. False: memory is out.
static inline bool enter_pair(Pairs *p, Value a, Value b) {
  if (p->now.n > 0) {
    Run *rest = ambi_work_push(&p->work, sizeof *rest);
    if (!rest) return false;
    *rest = p->now;
  }
  p->now = (Run){ambi_expr_items(a), ambi_expr_items(b),
                 ambi_hdr_size(*ambi_ptr(a))};
  return true;
}

// ---- atoms without children ---------------------------------------------------
static bool str_equal(Value a, Value b) {
  uint32_t n = ambi_str_len(a);
  return n == ambi_str_len(b) &&
         memcmp(ambi_str_bytes(a), ambi_str_bytes(b), n) == 0;
}

bool ambi_atomic_equal(Value a, Value b) {
  if (ambi_same(a, b)) return a.w != AMB_CANONICAL_NAN;
  if (ambi_is_number(a)) {
    if (ambi_is_int(a) && ambi_is_int(b)) return false;
    return ambi_is_number(b) && ambi_num_cmp(a, b) == 0;
  }
  if (ambi_is_obj(a)) {
    if (ambi_is_str(a)) return ambi_is_str(b) && str_equal(a, b);
    return ambi_is_bindings(a) && ambi_is_bindings(b) && ambi_equal(a, b);
  }
  return ambi_is_state(a) && ambi_is_state(b) && ambi_equal(a, b);
}

static uint64_t hash_text(const char *s, size_t n) {
  uint64_t h = ambi_hash_mix(7, n);
  for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
    uint64_t part = 0;
    memcpy(&part, s + i, n - i < sizeof part ? n - i : sizeof part);
    h = ambi_hash_mix(h, part);
  }
  return h;
}

uint64_t ambi_other_hash(Value v) {
  switch (ambi_tag(v)) {
  case TAG_CELL: return ambi_hash_mix(3, ambi_is_state(v) ? 0 : v.w);
  case TAG_OBJ:
    if (!ambi_is_str(v)) return ambi_hash_mix(5, ambi_hdr_size(*ambi_ptr(v)));
    return hash_text(ambi_str_bytes(v), ambi_str_len(v));
  case TAG_IMM:
  case TAG_OP: return ambi_hash_mix(1, v.w);
  default: {
    double d = ambi_num_to_double(v);
    if (d == 0) d = 0;  // one zero only
    return ambi_hash_mix(2, ambi_double(d).w);
  }
  }
}

// At most so many nodes are looked at.
enum { HASH_SEED = 11, HASH_NODES = 1 << 16 };

static uint64_t hash_on(uint64_t h, Value v, uint32_t *left) {
  Pairs p;
  open_pairs(&p, &v, &v);
  Value a, same;
  for (; *left > 0 && next_pair(&p, &a, &same); --*left) {
    a = ambi_deref(a);
    if (ambi_is_var(a) || ambi_is_lvar(a)) {
      h = ambi_hash_mix(h, TAG_VAR);
    } else if (ambi_is_expr(a)) {
      h = ambi_hash_mix(h, ambi_expr_size(a));
      if (!enter_pair(&p, a, a)) break;  // hashed in part: equal terms alike
    } else {
      h = ambi_hash_mix(h, ambi_atomic_hash(a));
    }
  }
  ambi_work_close(&p.work);
  return h;
}

uint64_t ambi_hash(Value v) {
  uint32_t left = HASH_NODES;
  return hash_on(HASH_SEED, v, &left);
}

uint64_t ambi_hash_items(const Value *items, uint32_t n) {
  uint64_t h = ambi_hash_mix(HASH_SEED, n);
  uint32_t left = HASH_NODES - 1;
  for (uint32_t i = 0; i < n; i++)
    h = hash_on(h, items[i], &left);
  return h;
}

// ---- equality -----------------------------------------------------------------
// What the LVAR words of the two sides mean. On the heap side there are none,
// unless alpha equality has numbered variables by writing LVAR words into their
// cells; in the contents of a state they are that template's variables.
typedef struct Sides {
  const Template *a, *b;  // NULL: heap terms
} Sides;

typedef struct Partner {
  Word *cell;
  uint32_t right, left;  // number + 1 of the variable it stands for there
} Partner;

typedef struct Seen {
  const Word *a, *b;
} Seen;
enum { FIRST_SEEN = 1 << 12, MAX_SEEN = 1 << 20 };

typedef struct Equality {
  Pairs pairs;
  Sides sides;
  Work outer;      // OuterTerms: terms left for the contents of a state
  bool alpha;      // up to renaming of heap variables
  Work partners;   // Partner: numbered variables
  uint64_t nodes;  // pairs of expressions seen
  Seen *seen;      // some of them, in a long walk; or NULL
  size_t nseen;    // places for them
} Equality;

typedef struct OuterTerms {
  Run now;
  size_t base;  // work.used when the contents were entered
  Sides sides;
} OuterTerms;

// Nested states beyond this count as unequal: their contents may be cyclic.
enum { MAX_STATE_NESTING = 10000 };

static Partner *partner(Equality *e, Value lvar) {
  return (Partner *)(void *)e->partners.at + ambi_lvar_of(lvar);
}

// The number of an unbound heap variable, as LVAR word; AMB_NONE: no memory.
static Value number_var(Equality *e, Value v) {
  if (!ambi_is_var(v)) return v;
  Value number = ambi_lvar((uint32_t)(e->partners.used / sizeof(Partner)));
  Partner *p = ambi_work_push(&e->partners, sizeof *p);
  if (!p) return AMB_NONE;
  *p = (Partner){ambi_ptr(v), 0, 0};
  *p->cell = number.w;
  return number;
}

static bool var_equal(Equality *e, Value a, Value b) {
  if (e->sides.a) {
    if (!ambi_is_lvar(a) || !ambi_is_lvar(b)) return false;
    uint32_t i = ambi_lvar_of(a), j = ambi_lvar_of(b);
    return i == j && e->sides.a->vinfo[i] == e->sides.b->vinfo[j];
  }
  if (!e->alpha) return ambi_same(a, b);
  a = number_var(e, a);
  b = number_var(e, ambi_deref(b));
  if (!ambi_is_lvar(a) || !ambi_is_lvar(b)) return false;
  uint32_t i = ambi_lvar_of(a) + 1, j = ambi_lvar_of(b) + 1;
  Partner *pa = partner(e, a), *pb = partner(e, b);
  if (pa->right == 0 && pb->left == 0) {
    pa->right = j;
    pb->left = i;
  }
  return pa->right == j && pb->left == i;
}

// The names of what a state holds. A Template that a record leads to stays.
static const Template *side_of(Record r) {
  static const Template ground = {.nvars = 0};
  return ambi_record_open(r) ? ambi_record_kept(r) : &ground;
}

// What two states hold takes their place. False: they are different.
static bool enter_states(Equality *e, Value *a, Value *b) {
  const State *one = ambi_state_of(*a), *other = ambi_state_of(*b);
  Record x = ambi_state_record(one);
  Record y = one == other ? x : ambi_state_record(other);
  if (side_of(x)->nvars != side_of(y)->nvars) return false;
  if (e->outer.used / sizeof(OuterTerms) >= MAX_STATE_NESTING) return false;
  OuterTerms *o = ambi_work_push(&e->outer, sizeof *o);
  if (!o) return false;
  *o = (OuterTerms){e->pairs.now, e->pairs.work.used, e->sides};
  e->pairs.now = (Run){NULL, NULL, 0};
  e->sides = (Sides){side_of(x), side_of(y)};
  *a = ambi_record_atom(x);
  *b = ambi_record_atom(y);
  return true;
}

// Back from the contents of states once all of their pairs have been seen.
static void leave_states(Equality *e) {
  while (e->outer.used > 0) {
    const OuterTerms *o = ambi_work_top(&e->outer, sizeof *o);
    if (e->pairs.now.n > 0 || e->pairs.work.used > o->base) return;
    e->pairs.now = o->now;
    e->sides = o->sides;
    e->outer.used -= sizeof *o;
  }
}

static bool open_var(Value v) {
  return ambi_is_var(v) || ambi_is_lvar(v);
}

enum { PLACE_NODES = AMB_WALK_NODES / FIRST_SEEN * 2 };  // for each place

static void forget_pairs(Equality *e) {
  ambi_free(e->seen, e->nseen * sizeof *e->seen);
  e->seen = NULL;
}

// What was remembered is seen once more. Memory is out: no pairs are remembered until
// there should be still more places.
static void more_places(Equality *e) {
  forget_pairs(e);
  e->nseen = e->nseen ? e->nseen * 2 : FIRST_SEEN;
  e->seen = ambi_alloc(e->nseen * sizeof *e->seen);
}

// Has the pair been entered before? Then it says nothing new: the walk ends with the
// first difference. Terms that share parts are endless as trees, so a long walk
// remembers pairs, each in the one place it may have. The longer it is, the more places
// there are: with fewer than there are different pairs it would not come to an end.
static bool seen_before(Equality *e, Value a, Value b) {
  if (++e->nodes < AMB_WALK_NODES || e->outer.used > 0) return false;
  if (e->nodes >= e->nseen * PLACE_NODES && e->nseen < MAX_SEEN) more_places(e);
  if (!e->seen) return false;
  const Word *x = ambi_ptr(a), *y = ambi_ptr(b);
  uint64_t h = ambi_hash_mix(ambi_hash_mix(0, (uintptr_t)x), (uintptr_t)y);
  Seen *s = &e->seen[h % e->nseen];
  if (s->a == x && s->b == y) return true;
  *s = (Seen){x, y};
  return false;
}

static bool equal_pair(Equality *e, Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  while (ambi_is_state(a) && ambi_is_state(b)) {
    if (ambi_same(a, b) && ambi_state_is_itself(ambi_state_of(a))) return true;
    if (!enter_states(e, &a, &b)) return false;
  }
  if (open_var(a) || open_var(b))
    return open_var(a) && open_var(b) && var_equal(e, a, b);
  if (ambi_is_expr(a))
    return ambi_is_expr(b) && ambi_expr_size(a) == ambi_expr_size(b) &&
           (seen_before(e, a, b) || enter_pair(&e->pairs, a, b));
  if (ambi_is_expr(b)) return false;
  if (ambi_is_bindings(a))
    return ambi_is_bindings(b) &&
           ambi_hdr_size(*ambi_ptr(a)) == ambi_hdr_size(*ambi_ptr(b)) &&
           enter_pair(&e->pairs, a, b);
  return ambi_atomic_equal(a, b);
}

static bool run_equality(Equality *e, const Value *a, const Value *b) {
  open_pairs(&e->pairs, a, b);
  ambi_work_open(&e->outer);
  e->nodes = e->nseen = 0;
  e->seen = NULL;
  bool ok = true;
  Value x, y;
  while (ok && next_pair(&e->pairs, &x, &y)) {
    ok = equal_pair(e, x, y);
    if (e->outer.used > 0) leave_states(e);
  }
  ambi_work_close(&e->pairs.work);
  ambi_work_close(&e->outer);
  forget_pairs(e);
  return ok;
}

bool ambi_equal(Value a, Value b) {
  Equality e;
  e.sides = (Sides){NULL, NULL};
  e.alpha = false;
  return run_equality(&e, &a, &b);
}

bool ambi_template_equal(const Template *a, const Template *b) {
  if (a->nvars != b->nvars) return false;
  Equality e;
  e.sides = (Sides){a, b};
  e.alpha = false;
  return run_equality(&e, &a->atom, &b->atom);
}

bool ambi_alpha_equal(Value a, Value b) {
  Equality e;
  e.sides = (Sides){NULL, NULL};
  e.alpha = true;
  ambi_work_open(&e.partners);
  bool ok = run_equality(&e, &a, &b);
  Partner *p = (Partner *)(void *)e.partners.at;
  for (size_t i = 0; i < e.partners.used / sizeof *p; i++)
    *p[i].cell = AMB_TAGGED(TAG_VAR, (uintptr_t)p[i].cell);
  ambi_work_close(&e.partners);
  return ok;
}

// ---- binding ----------------------------------------------------------------------
static bool out_of_memory(Context *cx) {
  cx->stop = STOP_MEMORY;
  return false;
}

// told: what bindings tell of the variable counts.
static bool occurs(Context *cx, Value var, Value term, bool told) {
  Pairs p;
  open_pairs(&p, &term, &term);
  bool found = false;
  Value v, same;
  while (!found && next_pair(&p, &v, &same)) {
    v = ambi_deref(v);
    if (ambi_is_var(v))
      found = ambi_same(v, var);
    else if (!ambi_word_ground(v) && (told || !ambi_is_bindings(v)))
      found = !(enter_pair(&p, v, v) || out_of_memory(cx)) || !ambi_walk_on(cx);
  }
  ambi_work_close(&p.work);
  return found;
}

bool ambi_occurs(Context *cx, Value var, Value term) {
  return occurs(cx, var, term, true);
}

// The cell is borrowed while the term is resolved. Where bindings tell of the variable,
// another one stands for the value meanwhile, or there would be no end.
Value ambi_substitute(Context *cx, Value term, Value var, Value by) {
  bool self = occurs(cx, var, by, false);
  bool told = !self && ambi_occurs(cx, var, by);
  Value stands = by;
  if (!cx->stop && told) stands = ambi_make_var(cx, AMB_S_X, AMB_VAR_FRESH);
  if (cx->stop || ambi_is_none(stands)) return AMB_NONE;
  Word *cell = ambi_ptr(var), saved = *cell;
  if (!self) *cell = stands.w;
  term = ambi_resolve(cx, term);
  *cell = saved;
  if (!told || ambi_is_none(term)) return term;
  return ambi_bind(cx, stands, by) ? ambi_resolve(cx, term) : AMB_NONE;
}

// Which of two variables is bound to the other? One written in the program keeps its
// name. What a step asked for is known where its value went, and other results may hold it
// already: it stays what it is before a variable that a rule has for itself. This depends
// on what the variables are and not on which is older, as evaluators make them in another
// order and collections move them.
static inline bool bind_vars(Context *cx, Value a, Value b) {
  uint32_t x = ambi_vinfo_id(ambi_ptr(a)[1]), y = ambi_vinfo_id(ambi_ptr(b)[1]);
  bool own = x & ~y & 1;  // of a rule, and b was asked for if it is fresh, too
  bool a_gives = (x >= AMB_VAR_STAMPED) & (own | (y < AMB_VAR_STAMPED));
  return a_gives ? ambi_bind(cx, a, b) : ambi_bind(cx, b, a);
}

Value ambi_presume_data_expr(Context *cx, Value term) {
  enum { MANY = 48 };
  bool ground = ambi_is_expr(term) && ambi_is_ground_expr(term);
  uint64_t epoch = ground ? cx->rigid.ground : cx->rigid.all;
  if (ambi_is_firm(term) || epoch == RIGID_NEVER || !cx->rt->is_data_head)
    return term;
  Value todo[MANY];
  unsigned n = 0, seen = 0;
  todo[n++] = term;
  while (n) {
    Value e = todo[--n];
    const Value *it = ambi_expr_items(e);
    uint32_t size = ambi_expr_size(e);
    Value head = ambi_deref(it[0]);
    if ((seen += size) > MANY || ambi_is_var(head) ||
        !cx->rt->is_data_head(cx, head))
      return term;
    for (uint32_t i = 0; i < size; i++) {
      Value c = ambi_deref(it[i]);
      if (c.w == AMB_SYM(EMPTY).w) return term;
      if (ambi_is_expr(c) && !ambi_is_firm(c)) todo[n++] = c;
    }
  }
  return AMB_V(term.w | AMB_EXPR_RIGID);
}

static __attribute__((noinline)) bool bind_compound(Context *cx, Value var,
                                                    Value term) {
  if (!ambi_word_ground(term) && ambi_occurs(cx, var, term)) return false;
  term = ambi_presume_data(cx, term);
  return ambi_bind(cx, var, term);
}

static inline bool bind_term(Context *cx, Value var, Value term) {
  if (AMB_UNLIKELY(ambi_is_expr(term) || ambi_is_obj(term)))
    return bind_compound(cx, var, term);
  return ambi_bind(cx, var, term);
}

// ---- unification ------------------------------------------------------------------
// A term equals itself, unless it holds NaN, which equals nothing. Looking for that takes
// a walk, and the same term is often met twice; so it is done from then on only that there
// has been a NaN at all.
static inline bool is_itself(const Context *cx, Value v) {
  return AMB_LIKELY(!ambi_load_relaxed(&cx->rt->x_nan)) || ambi_equal(v, v);
}

// 1: done with this pair, 0: they differ, -1: children are to be unified.
static inline __attribute__((always_inline)) int
unify_pair(Context *cx, Value *a, Value *b) {
  if (ambi_is_var(*a)) *a = ambi_deref(*a);
  if (ambi_is_var(*b)) *b = ambi_deref(*b);
  if (ambi_same(*a, *b))
    return ambi_is_expr(*a) ? is_itself(cx, *a) : a->w != AMB_CANONICAL_NAN;
  if (ambi_is_var(*a))
    return ambi_is_var(*b) ? bind_vars(cx, *a, *b) : bind_term(cx, *a, *b);
  if (ambi_is_var(*b)) return bind_term(cx, *b, *a);
  if (ambi_is_sym(*a) || ambi_is_sym(*b)) return 0;
  if (!ambi_is_expr(*a)) return !ambi_is_expr(*b) && ambi_atomic_equal(*a, *b);
  if (!ambi_is_expr(*b) || ambi_expr_size(*a) != ambi_expr_size(*b)) return 0;
  return ambi_ptr(*a) == ambi_ptr(*b) ? is_itself(cx, *a) : -1;
}

// One heap term a with one template term b; answers as above.
static inline int unify_stored(Context *cx, Value *a, Value b,
                               const Template *t, Value *env) {
  if (ambi_is_var(*a)) *a = ambi_deref(*a);
  if (ambi_is_lvar(b)) {
    Value *slot = &env[ambi_lvar_of(b)];
    if (!ambi_is_none(*slot)) return ambi_unify(cx, *a, *slot);
    *slot = *a;
    return 1;
  }
  if (ambi_is_var(*a)) {
    Value v =
        ambi_word_ground(b) ? b : ambi_instantiate_part(cx, b, t, env, false);
    return !ambi_is_none(v) && bind_term(cx, *a, v);
  }
  if (!ambi_is_expr(b))
    return ambi_same(*a, b) ? a->w != AMB_CANONICAL_NAN
                            : !ambi_is_sym(b) && !ambi_is_expr(*a) &&
                                  ambi_atomic_equal(*a, b);
  if (!ambi_is_expr(*a) || ambi_expr_size(*a) != ambi_expr_size(b)) return 0;
  return ambi_ptr(*a) == ambi_ptr(b) ? is_itself(cx, b) : -1;
}

// The children of two expressions. The run of pairs is kept in locals; only nesting
// touches the work stack. t NULL: both are heap terms.
static inline __attribute__((always_inline)) bool
unify_children(Context *cx, Value a, Value b, const Template *t, Value *env) {
  Pairs p;
  ambi_work_open(&p.work);
  Run run = {ambi_expr_items(a), ambi_expr_items(b), ambi_expr_size(b)};
  bool ok = true;
  for (;;) {
    if (run.n == 0) {
      if (p.work.used == 0) break;
      run = *(Run *)ambi_work_top(&p.work, sizeof run);
      p.work.used -= sizeof run;
    }
    Value x = *run.a++, y = *run.b++;
    run.n--;
    int one = t ? unify_stored(cx, &x, y, t, env) : unify_pair(cx, &x, &y);
    if (one > 0) continue;
    p.now = run;
    ok = one < 0 && (enter_pair(&p, x, y) || out_of_memory(cx)) &&
         ambi_walk_on(cx);
    if (!ok) break;
    run = p.now;
  }
  ambi_work_close(&p.work);
  return ok;
}

static inline bool apart_at_once(Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (ambi_same(a, b) || ambi_is_var(a) || ambi_is_var(b)) return false;
  return ambi_is_sym(a) || ambi_is_sym(b) || (ambi_is_int(a) && ambi_is_int(b));
}

bool ambi_apart(Value a, Value b) {
  uint32_t n = ambi_expr_size(a);
  if (n != ambi_expr_size(b)) return true;
  const Value *x = ambi_expr_items(a), *y = ambi_expr_items(b);
  while (n-- > 0)
    if (apart_at_once(x[n], y[n])) return true;
  return false;
}

bool ambi_unify(Context *cx, Value a, Value b) {
  int first = unify_pair(cx, &a, &b);
  return first < 0 ? unify_children(cx, a, b, NULL, NULL) : first;
}

bool ambi_unify_template(Context *cx, Value term, Value part, const Template *t,
                         Value *env) {
  int first = unify_stored(cx, &term, part, t, env);
  return first < 0 ? unify_children(cx, term, part, t, env) : first;
}

// ---- one-way matching ---------------------------------------------------------------
// 1: equal, 0: no binding can make them equal, -1: a variable is in the way.
static int compare_open(Context *cx, Value a, Value b) {
  Pairs p;
  open_pairs(&p, &a, &b);
  int answer = 1;
  Value x, y;
  while (answer != 0 && next_pair(&p, &x, &y)) {
    x = ambi_deref(x);
    y = ambi_deref(y);
    if (ambi_is_var(x) || ambi_is_var(y)) {
      if (!ambi_same(x, y)) answer = -1;
    } else if (ambi_is_expr(x) && ambi_is_expr(y)) {
      if (ambi_expr_size(x) != ambi_expr_size(y))
        answer = 0;
      else if (ambi_ptr(x) == ambi_ptr(y))
        answer = is_itself(cx, x);
      else if (!enter_pair(&p, x, y))
        answer = out_of_memory(cx);
    } else if (ambi_is_expr(x) || ambi_is_expr(y) || !ambi_atomic_equal(x, y)) {
      answer = 0;
    }
  }
  ambi_work_close(&p.work);
  return answer;
}

static int match_stored(Context *cx, Pairs *p, Value a, Value b, Value *env) {
  a = ambi_deref(a);
  if (ambi_is_lvar(b)) {
    Value *slot = &env[ambi_lvar_of(b)];
    if (!ambi_is_none(*slot)) return compare_open(cx, a, *slot);
    *slot = a;
    return 1;
  }
  if (ambi_is_var(a)) return -1;
  if (ambi_is_expr(b)) {
    if (!ambi_is_expr(a) || ambi_expr_size(a) != ambi_expr_size(b)) return 0;
    if (ambi_ptr(a) == ambi_ptr(b)) return is_itself(cx, b);
    return enter_pair(p, a, b) || out_of_memory(cx);
  }
  return !ambi_is_expr(a) && ambi_atomic_equal(a, b);
}

int ambi_match_template(Context *cx, Value term, Value part, const Template *t,
                        Value *env) {
  (void)t;
  Pairs p;
  open_pairs(&p, &term, &part);
  int answer = 1;
  Value x, y;
  while (answer != 0 && next_pair(&p, &x, &y)) {
    int one = match_stored(cx, &p, x, y, env);
    if (one != 1) answer = one;
  }
  ambi_work_close(&p.work);
  return answer;
}
