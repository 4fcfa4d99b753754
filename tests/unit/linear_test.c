// Histories of what several threads did with one state, or one space: each operation
// seems to have happened at one moment between its beginning and its end.
//
// A state: its value is read in every way, changed, and replaced if it still is what was
// read. A space: atoms of a few kinds come, go, and change kind in a batch, and are
// counted by every way there is to ask. Transactions do several of these at once, on a
// space and two states, beside others that do one; on two spaces, too, beside others that
// ask one of them, or both in one question; and with rules and types as atoms, which they
// look at through twins. tests/unit/linear.h says how histories are
// recorded and checked; the checker itself is tried on histories that are known first.
#include <sched.h>

#include "runtime/spaces/journal.h"
#include "runtime/spaces/share.h"
#include "runtime/spaces/state.h"
#include "tests/unit/linear.h"
#include "tests/unit/terms.h"

enum { THREADS = 4, OPS = 3000 };  // of each thread

static unsigned rounds = 4;

typedef struct Worker {
  pthread_t thread;
  Context *cx;
  uint32_t me;
  uint64_t random;
  int64_t made;  // values that are nobody else's
  Log log;
  bool failed;  // an operation could not be done
} Worker;

static uint32_t pick(Worker *w, uint32_t n) {
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(w->random >> 33) % n;
}
#define W(...) AMB_EXPR(w->cx, __VA_ARGS__)

enum Kind {
  // of a state
  GET,
  SET,      // to a
  REPLACE,  // a by b; gave: was it a?
  // of a space: a and b are kinds of atoms
  ADD,
  REMOVE,  // gave: was there one?
  MOVE,    // from a to b, in one batch; gave: was there one?
  COUNT,   // gave: how many of kind a
  ALL,     // gave: how many of each
  PAIRS,   // gave: how many pairs of one kind below FIRST_Q and one above
  // of a space and two states
  LOAD,      // gave: what state a holds
  STORE,     // b into state a
  EXCHANGE,  // a transaction: the states change places; gave: what they held
  SHIFT,  // one: from kind a to b, if there is one; gave: how many, as state 0 does now
  LOOK,    // one: gave: all there is
  GIVE_UP  // the same, and it is undone
};

static const char *linear_name(uint32_t kind) {
  static const char *const names[] = {
      "get",   "set",  "replace", "add",      "remove", "move", "count",  "all",
      "pairs", "load", "store",   "exchange", "shift",  "look", "give up"};
  return names[kind];
}

// ---- the models -----------------------------------------------------------------------
// Of a space: how many of each kind there are; above them what the two states hold.
enum { KINDS = 6, FIRST_Q = 3, BITS = 8 };
#define IN_SPACE (((uint64_t)1 << (BITS * KINDS)) - 1)

static uint64_t count_of(uint64_t model, int64_t kind) {
  return model >> (BITS * kind) & ((1 << BITS) - 1);
}
static uint64_t some_of(uint64_t model, int from, int to) {
  uint64_t sum = 0;
  for (int k = from; k < to; k++)
    sum += count_of(model, k);
  return sum;
}

static bool apply_to_state(const Op *op, uint64_t *model) {
  bool same = *model == (uint64_t)op->a;
  switch (op->kind) {
  case GET: return op->gave == *model;
  case SET: *model = (uint64_t)op->a; return true;
  default: break;
  }
  if (same) *model = (uint64_t)op->b;
  return op->gave == same;
}

static bool apply_to_space(const Op *op, uint64_t *model) {
  uint64_t one = (uint64_t)1 << (BITS * op->a);
  bool there = count_of(*model, op->a) > 0;
  switch (op->kind) {
  case ADD: *model += one; return true;
  case REMOVE:
    if (there) *model -= one;
    return op->gave == there;
  case MOVE:
    if (there) *model += ((uint64_t)1 << (BITS * op->b)) - one;
    return op->gave == there;
  case COUNT: return op->gave == count_of(*model, op->a);
  case ALL: return op->gave == (*model & IN_SPACE);
  default: break;
  }
  return op->gave ==
         some_of(*model, 0, FIRST_Q) * some_of(*model, FIRST_Q, KINDS);
}

static uint64_t held_by(uint64_t model, int64_t which) {
  return count_of(model, KINDS + which);
}
static void hold(uint64_t *model, int64_t which, uint64_t value) {
  int64_t at = BITS * (KINDS + which);
  *model = (*model & ~((uint64_t)0xff << at)) | value << at;
}

static bool apply_to_all(const Op *op, uint64_t *model) {
  uint64_t first = held_by(*model, 0), second = held_by(*model, 1);
  switch (op->kind) {
  case LOAD: return op->gave == held_by(*model, op->a);
  case STORE: hold(model, op->a, (uint64_t)op->b); return true;
  case LOOK:
  case GIVE_UP: return op->gave == *model;
  case EXCHANGE:
    hold(model, 0, second);
    hold(model, 1, first);
    return op->gave == (first << BITS | second);
  default: break;
  }
  uint64_t n = count_of(*model, op->a);
  hold(model, 0, n);
  if (n > 0)
    *model += ((uint64_t)1 << (BITS * op->b)) - ((uint64_t)1 << (BITS * op->a));
  return op->gave == n;
}

static bool linear_apply(const Op *op, uint64_t *model) {
  if (op->kind >= LOAD) return apply_to_all(op, model);
  return op->kind < ADD ? apply_to_state(op, model) : apply_to_space(op, model);
}

// ---- histories that are known -----------------------------------------------------------
// Two threads; what each did, in order.
static bool is_explained(Op *mine, size_t n, Op *other, size_t m) {
  Log logs[2] = {{mine, n, n}, {other, m, m}};
  return linear_check(logs, 2, 0) == NULL;
}

START_TEST(test_checker) {
  // A value is changed while it is read: the read may give either, but not the new one
  // first and the old one later.
  Op set = {SET, 0, 7, 0, 0, 0, 9};
  Op old_new[] = {{GET, 1, 0, 0, 0, 1, 2}, {GET, 1, 0, 0, 7, 3, 4}};
  Op new_old[] = {{GET, 1, 0, 0, 7, 1, 2}, {GET, 1, 0, 0, 0, 3, 4}};
  ck_assert(is_explained(&set, 1, old_new, 2));
  ck_assert(!is_explained(&set, 1, new_old, 2));
  // What has ended is seen.
  Op late[] = {{GET, 1, 0, 0, 0, 10, 11}};
  ck_assert(!is_explained(&set, 1, late, 1));
  late[0].from = 9;
  ck_assert(is_explained(&set, 1, late, 1));
  // One of two that replace the same value finds it.
  Op first = {REPLACE, 0, 0, 1, 1, 0, 5}, second = {REPLACE, 1, 0, 2, 1, 0, 5};
  ck_assert(!is_explained(&first, 1, &second, 1));
  second.gave = 0;
  ck_assert(is_explained(&first, 1, &second, 1));
}
END_TEST

START_TEST(test_checker_of_spaces) {
  Op move[] = {{ADD, 0, 1, 0, 0, 0, 1}, {MOVE, 0, 1, 2, 1, 2, 9}};
  Op counts[] = {{ALL, 1, 0, 0, (uint64_t)1 << BITS, 3, 4},
                 {COUNT, 1, 2, 0, 1, 5, 6}};
  ck_assert(is_explained(move, 2, counts, 2));
  counts[0].gave = 0;  // neither where it was nor where it goes
  ck_assert(!is_explained(move, 2, counts, 2));
  counts[0].gave = (uint64_t)1 << BITS | (uint64_t)1 << (2 * BITS);
  ck_assert(!is_explained(move, 2, counts, 2));
  Op taken[] = {{REMOVE, 1, 1, 0, 1, 3, 9}};
  ck_assert(!is_explained(move, 2, taken, 1));
  move[1].gave = 0;
  ck_assert(is_explained(move, 2, taken, 1));
}
END_TEST

START_TEST(test_checker_of_transactions) {
  // The first reads what the second changes, and the other way round.
  Op swap[] = {{STORE, 0, 1, 5, 0, 0, 1}, {EXCHANGE, 0, 0, 0, 5, 2, 9}};
  Op shift[] = {{ADD, 1, 2, 0, 0, 0, 1}, {SHIFT, 1, 2, 3, 1, 2, 9}};
  Op look = {LOOK, 0, 0, 0, 0, 10, 11};
  Op mine[] = {swap[0], swap[1], look};
  uint64_t moved = (uint64_t)1 << (BITS * 3);
  hold(&moved, 0, 1);
  mine[2].gave =
      moved;  // the exchange came first, the state that it set was set again
  ck_assert(is_explained(mine, 3, shift, 2));
  mine[1].gave = (uint64_t)1 << BITS | 5;  // it came later
  hold(&mine[2].gave, 0, 5);
  hold(&mine[2].gave, 1, 1);
  ck_assert(is_explained(mine, 3, shift, 2));
  mine[1].gave = 5;  // both first
  ck_assert(!is_explained(mine, 3, shift, 2));
}
END_TEST

// ---- threads ----------------------------------------------------------------------------
static AMB_ATOMIC(unsigned) ready;
static void (*act)(Worker *w);

static void *run(void *arg) {
  Worker *w = arg;
  Participant me;
  Epochs *e = &rt.sharing->epochs;
  ambi_epoch_join(e, &me);
  ambi_add_release(&ready, 1);
  while (ambi_load_acquire(&ready) < THREADS)
    sched_yield();
  while (w->log.n + 2 <= OPS && !w->failed) {
    ambi_epoch_enter(e, &me);
    act(w);
    ambi_epoch_leave(&me);
    w->cx->tr = 0;
    ambi_context_reset(w->cx);
    if (pick(w, 16) == 0) sched_yield();
    if (pick(w, 64) == 0) ambi_spaces_tidy(&rt);
  }
  ambi_epoch_part(e, &me);
  return NULL;
}

static void start(Worker *w, uint32_t me, uint64_t seed) {
  size_t bytes = (OPS + 1) * sizeof(Op);
  *w = (Worker){.cx = ambi_context_open(&rt), .me = me, .random = seed};
  w->log = (Log){.at = ambi_alloc(bytes), .cap = OPS + 1};
  ck_assert(w->cx && w->log.at);
  ck_assert_int_eq(pthread_create(&w->thread, NULL, run, w), 0);
}

// All threads act on what is as the model begins, with 0; when they are done, `last` asks
// for all there is. What they did has an explanation.
static void history(void (*how)(Worker *w), void (*last)(Worker *w),
                    uint64_t seed) {
  Worker workers[THREADS];
  Log logs[THREADS];
  act = how;
  ambi_store_release(&ready, 0);
  for (uint32_t t = 0; t < THREADS; t++)
    start(&workers[t], t, seed * THREADS + t);
  for (uint32_t t = 0; t < THREADS; t++) {
    pthread_join(workers[t].thread, NULL);
    ck_assert(!workers[t].failed);
  }
  last(&workers[0]);
  for (uint32_t t = 0; t < THREADS; t++)
    logs[t] = workers[t].log;
  const Op *odd = linear_check(logs, THREADS, 0);
  if (odd) linear_show(odd);
  ck_assert_msg(!odd, "nothing explains this, with seed %u", (unsigned)seed);
  for (uint32_t t = 0; t < THREADS; t++) {
    ambi_context_close(workers[t].cx);
    ambi_free(workers[t].log.at, (OPS + 1) * sizeof(Op));
  }
}

// ---- states ---------------------------------------------------------------------------
static State *shared;
static bool boxed;  // each value is an expression that was made once
static Value box;

static Value value_of(Worker *w, int64_t n) {
  if (!boxed) return ambi_small_int(n);
  Value v = ambi_small_int(n);
  return n % 3 ? W(box, v, v) : W(box, v, v, ambi_make_var(w->cx, 1, 0));
}

// What it holds, by one of the two ways; torn if it is two values.
static int64_t number_in(Worker *w, Value v) {
  v = ambi_deref(v);
  if (!boxed) return ambi_int_of(v);
  int64_t n = ambi_int_of(ambi_expr_at(v, 1));
  w->failed = w->failed || n != ambi_int_of(ambi_expr_at(v, 2));
  return n;
}

static int64_t new_number(Worker *w) {
  return boxed ? ++w->made * THREADS + w->me : pick(w, 3);
}

static void read_state(Worker *w) {
  Op *op = linear_begin(&w->log, w->me, GET, 0, 0);
  Value v = pick(w, 2) ? ambi_state_ground(shared) : AMB_NONE;
  if (ambi_is_none(v)) v = ambi_state_instance(w->cx, shared);
  linear_end(op, (uint64_t)number_in(w, v));
}

static void set_state(Worker *w) {
  int64_t n = new_number(w);
  Value v = value_of(w, n);
  Op *op = linear_begin(&w->log, w->me, SET, n, 0);
  bool ok = ambi_state_change(&rt, shared, v);
  linear_end(op, 0);
  w->failed = w->failed || !ok;
}

static void replace_state(Worker *w) {
  int64_t n = new_number(w);
  Value v = value_of(w, n);
  bool done = false;
  Op *op = linear_begin(&w->log, w->me, GET, 0, 0);
  Record read = ambi_state_record(shared);
  int64_t was = number_in(w, ambi_record_atom(read));
  linear_end(op, (uint64_t)was);
  op = linear_begin(&w->log, w->me, REPLACE, was, n);
  bool ok = ambi_state_replace(&rt, shared, read, v, &done);
  linear_end(op, done);
  w->failed = w->failed || !ok;
}

static void act_on_state(Worker *w) {
  switch (pick(w, 4)) {
  case 0: set_state(w); break;
  case 1: replace_state(w); break;
  default: read_state(w); break;
  }
}

static void states(bool of_boxes) {
  terms_open();
  boxed = of_boxes;
  box = sym("box");
  Value first = boxed ? E(box, num(0), num(0)) : num(0);
  shared = ambi_state_of(state(first));
  ck_assert(ambi_spaces_share(&rt));
  for (unsigned i = 0; i < rounds; i++) {
    ck_assert(ambi_state_change(&rt, shared, first));
    history(act_on_state, read_state, i + 1);
  }
  ambi_spaces_unshare(&rt);
  terms_close();
}

START_TEST(test_state) {
  states(false);
}
END_TEST

START_TEST(test_state_of_expressions) {
  states(true);
}
END_TEST

// ---- spaces ---------------------------------------------------------------------------
// Those of two spaces hold (p k) and (q k rest), and `both` asks the two together; else
// they are all the same one.
static Space *space, *other, *both;
static Value p, q, rest;
static bool ruled;  // they are rules and types

static Space *space_of(int64_t kind) {
  return kind < FIRST_Q ? space : other;
}

// Those below FIRST_Q are (p k), the others (q k rest).
static Value atom_of(Worker *w, int64_t kind) {
  Value k = ambi_small_int(kind);
  return kind < FIRST_Q ? W(p, k) : W(q, k, rest);
}

static void note(Worker *w, Op *op, bool ok, uint64_t gave) {
  linear_end(op, gave);
  w->failed = w->failed || !ok;
}

static void add_one(Worker *w) {
  int64_t kind = pick(w, KINDS);
  Value v = atom_of(w, kind);
  Op *op = linear_begin(&w->log, w->me, ADD, kind, 0);
  note(w, op, ambi_space_add(space_of(kind), v), 0);
}

static void remove_one(Worker *w) {
  int64_t kind = pick(w, KINDS);
  Value v = atom_of(w, kind);
  bool found = false;
  Op *op = linear_begin(&w->log, w->me, REMOVE, kind, 0);
  bool ok = ambi_space_remove(space_of(kind), v, &found);
  note(w, op, ok, found);
}

static void move_one(Worker *w) {
  int64_t from = pick(w, KINDS), to = pick(w, KINDS);
  Value old = atom_of(w, from), new = atom_of(w, to);
  bool found = false;
  Op *op = linear_begin(&w->log, w->me, MOVE, from, to);
  ambi_space_begin(space);
  bool ok = ambi_space_remove(space, old, &found);
  ok = ok && (!found || ambi_space_add(space, new));
  ambi_space_commit(space);
  note(w, op, ok, found);
}

static void count_one(Worker *w) {
  int64_t kind = pick(w, KINDS);
  Value v = atom_of(w, kind);
  RecordVec all = {0};
  size_t n = 0;
  Op *op = linear_begin(&w->log, w->me, COUNT, kind, 0);
  bool ok = ambi_space_query(w->cx, space_of(kind), v, &all);
  for (size_t i = 0; i < all.n; i++)  // candidates: more than match, maybe
    n += ambi_same(ambi_expr_at(ambi_record_atom(all.at[i]), 1),
                   ambi_small_int(kind));
  note(w, op, ok, n);
  ambi_records_drop(&all);
}

static void count_by_fact(Worker *w) {
  int64_t kind = pick(w, KINDS);
  Value items[] = {kind < FIRST_Q ? p : q, ambi_small_int(kind), rest};
  Record fact;
  Op *op = linear_begin(&w->log, w->me, COUNT, kind, 0);
  FlatAsk ask = ambi_flat_ask(items, kind < FIRST_Q ? 2 : 3);
  enum FactAnswer answer = ambi_space_fact(w->cx, space_of(kind), &ask, &fact);
  bool one = answer == FACT_ONE ||
             (answer == FACT_CANDIDATE &&
              ambi_same(ambi_expr_at(ambi_record_atom(fact), 1), items[1]));
  linear_end(op, one);
  if (answer == FACT_ASK) linear_forget(&w->log);
}

static bool tally(void *arg, Record r, uint32_t ordinal) {
  (void)ordinal;
  uint64_t *counts = arg;
  Value head = ambi_expr_at(ambi_record_atom(r), 0);
  if (!ambi_same(head, p) && !ambi_same(head, q)) return true;
  int64_t kind = ambi_int_of(ambi_expr_at(ambi_record_atom(r), 1));
  if (kind < KINDS) *counts += (uint64_t)1 << (BITS * kind);
  return true;
}

static void count_all(Worker *w) {
  RecordVec all = {0};
  uint64_t counts = 0;
  Value any = ambi_make_var(w->cx, 1, 0);
  bool ok, by_view = both == space && pick(w, 2);
  Op *op = linear_begin(&w->log, w->me, ALL, 0, 0);
  if (by_view) {
    View v = ambi_space_view(space);
    ok = ambi_view_see(&v, tally, &counts);
  } else {
    ok = ambi_space_query(w->cx, both, any, &all);
    for (size_t i = 0; i < all.n; i++)
      tally(&counts, all.at[i], 0);
  }
  note(w, op, ok, counts);
  ambi_records_drop(&all);
}

static void count_pairs(Worker *w) {
  ValueVec vars = {0}, values = {0};
  size_t n = 0;
  uint64_t pairs = 0;
  Value pattern = W(AMB_SYM(COMMA), W(p, ambi_make_var(w->cx, 1, 1)),
                    W(q, ambi_make_var(w->cx, 2, 1), rest));
  Op *op = linear_begin(&w->log, w->me, PAIRS, 0, 0);
  bool ok = ambi_space_solve(w->cx, both, pattern, &vars, &values, &n);
  for (size_t i = 0; i < n; i++)
    pairs += ambi_int_of(ambi_deref(values.at[2 * i])) < KINDS &&
             ambi_int_of(ambi_deref(values.at[2 * i + 1])) < KINDS;
  note(w, op, ok, pairs);
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
}

// An atom of a head that there was not before, now and then: the table of relations
// becomes larger.
static void add_new_head(Worker *w) {
  char text[24];
  uint32_t id;
  int len = snprintf(text, sizeof text, "head-%u", pick(w, 200));
  bool ok = ambi_symbol_intern(rt.symbols, text, (size_t)len, &id) &&
            ambi_space_add(space, W(AMB_SYM_ID(id), rest));
  w->failed = w->failed || !ok;
}

static void act_on_space(Worker *w) {
  uint32_t n = pick(w, 100);
  if (n < 18)
    add_one(w);
  else if (n < 40)
    remove_one(w);
  else if (n < 58 && other == space)
    move_one(w);
  else if (n < 70)
    count_one(w);
  else if (n < 80)
    count_by_fact(w);
  else if (n < 90)
    count_all(w);
  else if (n < 98)
    count_pairs(w);
  else
    add_new_head(w);
}

// Facts that are none of the kinds, so that there are indexes.
static void fill_space(int n) {
  for (int i = 0; i < n; i++) {
    ck_assert(ambi_space_add(space, E(p, num(KINDS + i))));
    ck_assert(ambi_space_add(other, E(q, num(KINDS + i), rest)));
  }
}

static void one_space(int n) {
  space = other = both = ambi_space_open(&rt, NULL, false);
  ck_assert(space);
  fill_space(n);
}

static void two_spaces(int n) {
  space = ambi_space_open(&rt, NULL, false);
  other = ambi_space_open(&rt, NULL, false);
  both = ambi_space_open(&rt, NULL, true);
  ck_assert(space && other && both && ambi_space_add_dep(both, space) &&
            ambi_space_add_dep(both, other));
  fill_space(n);
}

static void spaces_open(void) {
  terms_open();
  p = ruled ? AMB_SYM(EQ) : sym("p");
  q = ruled ? AMB_SYM(COLON) : sym("q");
  rest = sym("rest");
  ck_assert(ambi_spaces_share(&rt));
}

static void spaces_close(void) {
  ambi_spaces_unshare(&rt);
  terms_close();
}

static void spaces(int others) {
  spaces_open();
  for (unsigned i = 0; i < rounds; i++) {
    const char *why = NULL;
    one_space(others);
    history(act_on_space, count_all, i + 1);
    ck_assert_msg(ambi_space_is_valid(space, &why), "%s", why);
  }
  spaces_close();
}

START_TEST(test_space) {
  spaces(0);
}
END_TEST

// ---- transactions -----------------------------------------------------------------------
static State *held[2];

// What it holds for a transaction, and without one.
static uint64_t load(Worker *w, State *s) {
  Record r = ambi_state_settled(&rt, s);
  if (w->cx->journal) w->failed |= !ambi_journal_read_state(w->cx, s, &r);
  return (uint64_t)ambi_int_of(ambi_record_atom(r));
}
static void store(Worker *w, State *s, uint64_t n) {
  Value v = ambi_small_int((int64_t)n);
  bool ok = w->cx->journal ? ambi_journal_change_state(w->cx, s, v)
                           : ambi_state_change(&rt, s, v);
  w->failed = w->failed || !ok;
}

// Others come in between.
static void give_way(Worker *w) {
  if (pick(w, 4) == 0) sched_yield();
}

static uint64_t number_of(Worker *w, int64_t kind) {
  RecordVec all = {0};
  uint64_t n = 0;
  Space *s = ambi_home(w->cx, space_of(kind));
  w->failed |= !s || !ambi_space_query(w->cx, s, atom_of(w, kind), &all);
  for (size_t i = 0; i < all.n; i++)
    n += ambi_same(ambi_expr_at(ambi_record_atom(all.at[i]), 1),
                   ambi_small_int(kind));
  ambi_records_drop(&all);
  return n;
}

static void move_in_it(Worker *w, int64_t from, int64_t to) {
  bool ok = ambi_journal_remove(w->cx, space_of(from), atom_of(w, from)) &&
            ambi_journal_add(w->cx, space_of(to), atom_of(w, to));
  w->failed = w->failed || !ok;
}

static uint64_t exchange(Worker *w) {
  uint64_t first = load(w, held[0]);
  give_way(w);
  uint64_t second = load(w, held[1]);
  store(w, held[0], second);
  store(w, held[1], first);
  return first << BITS | second;
}

static uint64_t shift(Worker *w, const Op *op) {
  uint64_t n = number_of(w, op->a);
  give_way(w);
  if (n > 0) move_in_it(w, op->a, op->b);
  store(w, held[0], n);
  return n;
}

// Asked kind by kind, or for all at once.
static uint64_t look(Worker *w) {
  RecordVec all = {0};
  uint64_t counts = 0;
  hold(&counts, 1, load(w, held[1]));
  if (pick(w, 2)) {
    for (int64_t kind = 0; kind < KINDS; kind++)
      counts += number_of(w, kind) << (BITS * kind);
  } else {
    Value any = ambi_make_var(w->cx, 1, 0);
    w->failed |= !ambi_space_query(w->cx, both, any, &all);
    for (size_t i = 0; i < all.n; i++)
      tally(&counts, all.at[i], 0);
  }
  give_way(w);
  hold(&counts, 0, load(w, held[0]));
  ambi_records_drop(&all);
  return counts;
}

// All of it, until what it read is still so when it ends.
static void transact(Worker *w, enum Kind kind) {
  Op *op = linear_begin(&w->log, w->me, kind, pick(w, KINDS), pick(w, KINDS));
  uint64_t gave = 0;
  bool done = false;
  while (!done && !w->failed) {
    w->cx->rules_next = ruled;
    if (!ambi_journal_enter(w->cx, LEVEL_TRANSACTION, 0)) break;
    if (kind == EXCHANGE)
      gave = exchange(w);
    else if (kind == SHIFT)
      gave = shift(w, op);
    else
      gave = look(w);
    if (kind == GIVE_UP) move_in_it(w, op->a, op->b);
    done = kind == GIVE_UP ? ambi_journal_give_up(w->cx)
                           : ambi_journal_commit(w->cx);
    w->failed |= w->cx->stop != STOP_NONE;
  }
  note(w, op, done, gave);
}

static void load_one(Worker *w) {
  int64_t which = pick(w, 2);
  Op *op = linear_begin(&w->log, w->me, LOAD, which, 0);
  linear_end(op, load(w, held[which]));
}

static void store_one(Worker *w) {
  int64_t which = pick(w, 2), value = pick(w, 1 << BITS);
  Op *op = linear_begin(&w->log, w->me, STORE, which, value);
  store(w, held[which], (uint64_t)value);
  linear_end(op, 0);
}

static void act_on_all(Worker *w) {
  static const enum Kind kinds[] = {EXCHANGE, SHIFT, LOOK, GIVE_UP};
  uint32_t n = pick(w, 10);
  if (n < 4)
    transact(w, kinds[n]);
  else if (n < 6)
    store_one(w);
  else if (n < 8)
    load_one(w);
  else
    act_on_space(w);
}

// Half of the threads move atoms from one space to the other, the others look.
static void act_on_two(Worker *w) {
  if (pick(w, 8) == 0)
    act_on_all(w);
  else if (w->me % 2)
    transact(w, SHIFT);
  else if (pick(w, 2))
    count_all(w);
  else
    count_one(w);
}

static void look_at_end(Worker *w) {
  transact(w, LOOK);
}

static void transactions(void (*open)(int others), void (*how)(Worker *w)) {
  spaces_open();
  for (unsigned i = 0; i < rounds; i++) {
    open(i % 2 ? 20 : 0);
    for (int k = 0; k < 2; k++)
      held[k] = ambi_state_of(state(num(0)));
    history(how, look_at_end, i + 1);
  }
  spaces_close();
}

START_TEST(test_transactions) {
  transactions(one_space, act_on_all);
}
END_TEST

START_TEST(test_transactions_of_two_spaces) {
  transactions(two_spaces, act_on_two);
}
END_TEST

START_TEST(test_transactions_of_rules) {
  ruled = true;
  transactions(one_space, act_on_all);
  transactions(two_spaces, act_on_two);
  ruled = false;
}
END_TEST

START_TEST(test_space_with_indexes) {
  spaces(20);
}
END_TEST

// linear_test [ROUNDS]
int main(int argc, char **argv) {
  if (argc > 1) rounds = (unsigned)strtoul(argv[1], NULL, 10);
  TCase *tc = tcase_create("linear");
  tcase_set_timeout(tc, 0);
  tcase_add_test(tc, test_checker);
  tcase_add_test(tc, test_checker_of_spaces);
  tcase_add_test(tc, test_checker_of_transactions);
  tcase_add_test(tc, test_state);
  tcase_add_test(tc, test_state_of_expressions);
  tcase_add_test(tc, test_space);
  tcase_add_test(tc, test_space_with_indexes);
  tcase_add_test(tc, test_transactions);
  tcase_add_test(tc, test_transactions_of_two_spaces);
  tcase_add_test(tc, test_transactions_of_rules);
  return unit_run(tc, "linear");
}
