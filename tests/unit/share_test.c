// Spaces that several threads use: snapshots are whole, and nothing that is still seen
// is freed.
//
// Writers move money between the two accounts of a pair, add and remove heaps of items,
// and count their batches with a clock that is itself a fact. Each batch keeps: one fact
// for each account, a constant sum for each pair, all items of a heap or none. Readers ask
// by every way there is; what they see with the clock has to be what the history says.
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

#include "runtime/spaces/join.h"
#include "runtime/spaces/share.h"
#include "tests/unit/terms.h"

static Space *space;

static void open_shared(void) {
  terms_open();
  space = ambi_space_open(&rt, NULL, false);
  ck_assert(space && ambi_spaces_share(&rt));
}

static void close_shared(void) {
  ambi_spaces_unshare(&rt);
  const char *why = NULL;
  ck_assert_msg(ambi_space_is_valid(space, &why), "%s", why);
  ambi_spaces_quiesce(&rt);
  terms_close();
}

static void add(Value v) {
  ck_assert(ambi_space_add(space, v));
}
static bool drop(Value v) {
  bool found;
  ck_assert(ambi_space_remove(space, v, &found));
  return found;
}

static size_t count(Value pattern) {
  RecordVec v = {0};
  ck_assert(ambi_space_query(cx, space, pattern, &v));
  size_t n = v.n;
  ambi_records_drop(&v);
  return n;
}

// ---- one thread, several views ----------------------------------------------------------
static size_t count_in(const View *v) {
  Relation *rel = ambi_data_relation(v->data, REL_SYMBOL, name("p"), 2);
  Stream st;
  size_t n = 0;
  if (!rel) return 0;
  for (ambi_relation_all(rel, v, &st); ambi_stream_next(&st) != STREAM_END;)
    n++;
  return n;
}

// A view shows what there was when it was taken, whatever becomes of the space.
START_TEST(test_views) {
  enum { STEPS = 300 };
  View views[STEPS];
  size_t want[STEPS], there = 0;
  Participant reader, me;
  ambi_epoch_join(&rt.sharing->epochs, &reader);
  ambi_epoch_join(&rt.sharing->epochs, &me);
  ambi_epoch_enter(&rt.sharing->epochs, &reader);
  bool in[64] = {false};
  for (int i = 0; i < STEPS; i++) {
    views[i] = ambi_space_view(space);
    want[i] = there;
    ambi_epoch_enter(&rt.sharing->epochs, &me);
    for (uint32_t k = below(6); k-- > 0;) {
      uint32_t key = below(i < STEPS / 2 ? 64 : 8);
      bool gone = drop(E(sym("p"), num(key)));
      ck_assert_int_eq(gone, in[key]);
      if (!gone) add(E(sym("p"), num(key)));
      in[key] = !in[key];
      there += gone ? (size_t)-1 : 1;
      ck_assert_uint_eq(count(E(sym("p"), var("x"))), there);
      ck_assert_uint_eq(count(E(sym("p"), num(key))), in[key]);
    }
    ambi_epoch_leave(&me);
    if (i % 50 == 0) ambi_spaces_tidy(&rt);
  }
  for (int i = 0; i < STEPS; i++)
    ck_assert_uint_eq(count_in(&views[i]), want[i]);
  ambi_epoch_leave(&reader);
  ambi_epoch_part(&rt.sharing->epochs, &me);
  ambi_epoch_part(&rt.sharing->epochs, &reader);
}
END_TEST

// A batch is seen as a whole.
START_TEST(test_batch) {
  View v = ambi_space_view(space);
  ambi_space_begin(space);
  for (int i = 0; i < 100; i++)
    add(E(sym("p"), num(i)));
  ck_assert(drop(E(sym("p"), num(7))));
  ambi_space_begin(space);
  ck_assert(!drop(E(sym("p"), num(7))));
  ambi_space_commit(space);
  View during = ambi_space_view(space);
  ck_assert_uint_eq(count_in(&during), 0);
  ambi_space_commit(space);
  ck_assert_uint_eq(count_in(&v), 0);
  v = ambi_space_view(space);
  ck_assert_uint_eq(count_in(&v), 99);
}
END_TEST

static FactPlace find_place(int64_t key) {
  Value items[] = {sym("p"), num(key), AMB_NONE};
  FlatAsk ask = ambi_flat_ask(items, 3);
  FactPlace place = {0};
  ck_assert_uint_eq(count(E(items[0], items[1], var("x"))), 1);
  ck_assert(ambi_fact_place(cx, space, &ask, &place));
  return place;
}

// How many facts with this key the place of the last answer has.
static size_t count_there(const FactPlace *place, int64_t key) {
  const Value *parts;
  RecordVec several = {0};
  enum FactAnswer answer =
      ambi_fact_there(cx, space, place, num(key), &parts, &several);
  ck_assert_int_ne(answer, FACT_ASK);
  size_t n = answer == FACT_SEVERAL ? several.n : answer == FACT_ONE;
  ambi_records_drop(&several);
  return n;
}

// The place of an answer shows nothing of a batch that has not ended, though the index
// has its facts already, as the writer looks for those it removes; then all of it.
START_TEST(test_batch_at_place) {
  enum { OLD = 20, NEW = 2000 };
  for (int i = 0; i < OLD; i++)
    add(E(sym("p"), num(i), num(0)));
  FactPlace place = find_place(0);
  ambi_space_begin(space);
  for (int i = OLD / 2; i < NEW; i++)
    add(E(sym("p"), num(i), num(1)));
  for (int i = 0; i < OLD / 2; i++)
    ck_assert(drop(E(sym("p"), num(i), num(0))));
  const Relation *rel = ambi_space_relation(space, REL_SYMBOL, name("p"), 3);
  const Index *x = ambi_relation_has_index(rel, ambi_path(1));
  ck_assert_uint_eq(ambi_index_upto(x), ambi_relation_n(rel));
  for (int i = 0; i < NEW; i++)
    ck_assert_uint_eq(count_there(&place, i), i < OLD);
  ambi_space_commit(space);
  for (int i = 0; i < NEW; i++)
    ck_assert_uint_eq(count_there(&place, i), i < OLD / 2 ? 0 : 1 + (i < OLD));
}
END_TEST

static void ck_is_lost(const FactPlace *place) {
  const Value *parts;
  RecordVec several = {0};
  ck_assert_uint_ne(place->space, ambi_load_relaxed(&space->x_number));
  for (int i = 0; i < 60; i++)
    ck_assert_int_eq(
        ambi_fact_there(cx, space, place, num(i), &parts, &several), FACT_ASK);
}

// Where a smaller relation has taken the place of one, or all begin again, nobody looks at
// the one that was.
START_TEST(test_place_is_lost) {
  for (int i = 0; i < 60; i++)
    add(E(sym("p"), num(i), num(0)));
  FactPlace place = find_place(0);
  ambi_spaces_unshare(&rt);
  ck_assert_uint_eq(count_there(&place, 3), 1);
  ck_assert(ambi_spaces_share(&rt));
  ck_assert_uint_eq(count_there(&place, 3), 1);
  for (int i = 0; i < 40; i++)
    ck_assert(drop(E(sym("p"), num(i), num(0))));
  ck_is_lost(&place);
  place = find_place(59);
  ck_assert_uint_eq(count_there(&place, 39), 0);
  ck_assert_uint_eq(count_there(&place, 40), 1);
  ambi_load_relaxed(&space->x_data)->next_ordinal = UINT32_MAX - 1000;
  add(E(sym("p"), num(40), num(1)));
  ck_is_lost(&place);
  place = find_place(59);
  ck_assert_uint_eq(count_there(&place, 40), 2);
}
END_TEST

// What is taken back in its batch is never seen.
START_TEST(test_take_back) {
  Value facts[30];
  add(E(sym("p"), num(1000)));
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 30; i++)
      facts[i] = make(E(sym(i < 20 ? "p" : "q"), num(i))).atom;
    ambi_space_begin(space);
    ck_assert_uint_eq(ambi_space_append(space, facts, 30), 30);
    ambi_space_take_back(space, 30);
    ambi_space_commit(space);
    View v = ambi_space_view(space);
    ck_assert_uint_eq(count_in(&v), 1);
    ck_assert_uint_eq(count(var("x")), 1);
    ck_assert_uint_eq(ambi_space_count(space), 1);
  }
}
END_TEST

// A plan sees what its view has, and uses indexes that have more.
START_TEST(test_plan) {
  Participant reader;
  ambi_epoch_join(&rt.sharing->epochs, &reader);
  ambi_epoch_enter(&rt.sharing->epochs, &reader);
  for (int i = 0; i < 100; i++) {
    add(E(sym("p"), num(i), num(i % 10)));
    add(E(sym("q"), num(i % 10), num(i)));
  }
  Value x = var("x"), y = var("y");
  Value head = _i ? var("h") : sym("q");
  Value all = E(AMB_SYM(COMMA), E(sym("p"), num(7), x), E(head, x, y));
  ValueVec vars = {0}, values = {0};
  View few[FEW_VIEWS];
  const View *views = ambi_space_views(&(Context){0}, space, NULL, 0, few);
  Join j;
  size_t n;
  ck_assert(ambi_collect_vars(cx, all, &vars));
  for (int i = 0; i < 100; i++) {
    if (i % 3 == 0) add(E(sym("p"), num(i), num((i + 1) % 10)));
    if (i % 4 == 0) ck_assert(drop(E(sym("q"), num(i % 10), num(i))));
    add(E(sym("q"), num(i % 10), num(100 + i)));
    count(E(sym("q"), num(3), y));  // brings the index up to date
    count(E(sym("p"), num(3), y));
    ck_assert(ambi_join_plan(&j, cx, space, views, ambi_expr_items(all) + 1, 2,
                             &vars));
    ck_assert(ambi_join_run(&j, &values, &n));
    ck_assert_uint_eq(n, _i ? 11 : 10);
    values.n = 0;
  }
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
  ambi_epoch_leave(&reader);
  ambi_epoch_part(&rt.sharing->epochs, &reader);
}
END_TEST

// After a mass removal the memory of the relation comes back once nobody is inside, that
// of the atoms once nobody else is there.
START_TEST(test_shrinks) {
  enum { FACTS = 20000 };
  Participant me;
  ambi_epoch_join(&rt.sharing->epochs, &me);
  size_t before = ambi_alloc_bytes();
  Word *top = cx->h;
  for (int64_t i = 0; i < FACTS; i++, cx->h = top)
    add(E(sym("p"), num(i)));
  ambi_epoch_enter(&rt.sharing->epochs, &me);
  size_t full = ambi_alloc_bytes();
  for (int64_t i = 0; i < FACTS; i++, cx->h = top)
    ck_assert(drop(E(sym("p"), num(i))));
  ck_assert_uint_ge(ambi_alloc_bytes(), full);
  ambi_epoch_leave(&me);
  for (int i = 0; i < 3; i++)
    ambi_spaces_quiesce(&rt);
  const Relation *rel = ambi_space_relation(space, REL_SYMBOL, name("p"), 2);
  ck_assert_uint_lt(rel->cap, 100);
  ambi_epoch_part(&rt.sharing->epochs, &me);
  // The atoms go with the others.
  ambi_spaces_unshare(&rt);
  ambi_store_quiesce(rt.store);
  // A segment of the store stays.
  ck_assert_uint_lt(ambi_alloc_bytes() - before, (full - before) / 2 + 1200000);
}
END_TEST

// Ordinals begin again under the eyes of somebody.
START_TEST(test_ordinals_run_out) {
  Participant me;
  ambi_epoch_join(&rt.sharing->epochs, &me);
  ambi_epoch_enter(&rt.sharing->epochs, &me);
  for (int i = 0; i < 50; i++)
    add(E(sym("p"), num(i)));
  for (int i = 0; i < 10; i++)
    ck_assert(drop(E(sym("p"), num(i))));
  View v = ambi_space_view(space);
  SpaceData *d = ambi_load_relaxed(&space->x_data);
  d->next_ordinal = UINT32_MAX - 1000;
  add(E(sym("p"), num(100)));
  ck_assert(drop(E(sym("p"), num(20))));
  ck_assert(ambi_load_relaxed(&space->x_data) != d);
  ck_assert_uint_eq(count_in(&v), 40);
  v = ambi_space_view(space);
  ck_assert_uint_eq(count_in(&v), 40);
  ck_assert_uint_eq(count(E(sym("p"), num(20))), 0);
  ck_assert_uint_eq(count(E(sym("p"), num(100))), 1);
  ambi_epoch_leave(&me);
  ambi_epoch_part(&rt.sharing->epochs, &me);
}
END_TEST

// Rules go like facts, but are given back between forms only.
START_TEST(test_rules) {
  for (int round = 0; round < 30; round++) {
    for (int i = 0; i < 40; i++)
      add(E(sym("="), E(sym("f"), num(i), var("x")), var("x")));
    ck_assert(ambi_space_defines(space, name("f")));
    for (int i = 0; i < 40; i++)
      ck_assert(drop(E(sym("="), E(sym("f"), num(i), var("x")), var("x"))));
    ck_assert(!ambi_space_defines(space, name("f")));
    ck_assert(!ambi_space_has_rules(space, sym("f"), 2));
    if (round % 5 == 0) ambi_spaces_quiesce(&rt);
    if (round % 10 == 0) {
      ambi_spaces_unshare(&rt);
      ambi_store_quiesce(rt.store);
      ck_assert(ambi_spaces_share(&rt));
    }
  }
}
END_TEST

// ---- memory runs out --------------------------------------------------------------------
// Whatever allocation fails: the change has been made or not, the view is what it was, and
// everything comes back in the end.
static void fault_round(uint64_t n) {
  Participant reader;
  Epochs *e = &rt.sharing->epochs;
  bool in[200] = {false};
  size_t there = 0;
  ambi_epoch_join(e, &reader);
  ambi_epoch_enter(e, &reader);
  View first = ambi_space_view(space);
  size_t had = count_in(&first);
  ambi_alloc_fail_at(n);
  for (int i = 0; i < 600; i++) {
    uint32_t key = i < 200 ? (uint32_t)i : below(200);
    Value v = E(sym("p"), num(key));
    bool found = false;
    RecordVec seen = {0};
    if (!in[key]) {
      if (!ambi_space_add(space, v)) continue;
      in[key] = true;
      there++;
    } else if (ambi_space_remove(space, v, &found) && found) {
      in[key] = false;
      there--;
    }
    if (i % 3 == 0 && ambi_space_query(cx, space, v, &seen))
      ck_assert_uint_eq(seen.n, in[key]);
    ambi_records_drop(&seen);
    cx->stop = STOP_NONE;
    if (i % 40 == 0) {
      ambi_epoch_leave(&reader);
      ambi_spaces_tidy(&rt);
      ambi_epoch_enter(e, &reader);
      first = ambi_space_view(space);
      had = there;
    }
    ck_assert_uint_eq(ambi_space_count(space), there);
  }
  ambi_alloc_fail_at(0);
  ck_assert_uint_eq(count_in(&first), had);
  const char *why = NULL;
  ck_assert_msg(ambi_space_is_valid(space, &why), "%s", why);
  ambi_epoch_leave(&reader);
  ambi_epoch_part(e, &reader);
}

START_TEST(test_memory_out) {
  for (uint64_t n = 1; n < 260; n++) {
    fault_round(n);
    close_shared();
    open_shared();
  }
}
END_TEST

// ---- a space becomes larger under the eyes of somebody ------------------------------------
// Atoms of more and more heads come while a thread looks at all there are: what it has
// seen once is there again the next time, and once.
enum { GROWING = 100, FIRST_HEADS = 4, MORE_HEADS = 60 };
static AMB_ATOMIC(Space *) growing;
static AMB_ATOMIC(bool) grown;

static bool count_up(void *arg, Record r, uint32_t ordinal) {
  (void)ordinal;
  *(size_t *)arg += !ambi_record_open(r);
  return true;
}

static void *watch_growth(void *arg) {
  size_t *wrong = arg;
  Participant me;
  Epochs *e = &rt.sharing->epochs;
  ambi_epoch_join(e, &me);
  while (!ambi_load_acquire(&grown)) {
    ambi_epoch_enter(e, &me);
    View v = ambi_space_view(ambi_load_acquire(&growing));
    size_t n = 0;
    *wrong += !ambi_view_see(&v, count_up, &n) || n != v.seen;
    ambi_epoch_leave(&me);
  }
  ambi_epoch_part(e, &me);
  return NULL;
}

static Space *new_space(Value *heads, int n) {
  Space *s = ambi_space_open(&rt, NULL, false);
  ck_assert(s);
  for (int i = 0; i < n; i++)
    ck_assert(ambi_space_add(s, E(heads[i], num(i))));
  return s;
}

START_TEST(test_table_grows) {
  Value heads[MORE_HEADS];
  char text[16];
  pthread_t thread;
  size_t wrong = 0;
  for (int i = 0; i < MORE_HEADS; i++) {
    snprintf(text, sizeof text, "h%d", i);
    heads[i] = sym(text);
  }
  ambi_store_release(&growing, new_space(heads, FIRST_HEADS));
  ck_assert_int_eq(pthread_create(&thread, NULL, watch_growth, &wrong), 0);
  for (int round = 0; round < GROWING; round++) {
    Space *s = new_space(heads, FIRST_HEADS);
    ambi_store_release(&growing, s);
    sched_yield();
    for (int i = FIRST_HEADS; i < MORE_HEADS; i++)
      ck_assert(ambi_space_add(s, E(heads[i], num(i))));
    ambi_context_reset(cx);
  }
  ambi_store_release(&grown, true);
  pthread_join(thread, NULL);
  ck_assert_uint_eq(wrong, 0);
}
END_TEST

// ---- several threads --------------------------------------------------------------------
enum {
  READERS = 3,
  WRITERS = 2,
  ACCOUNTS = 32,  // two make a pair
  PAIR_SUM = 1000,
  HEAPS = 6,
  HEAP_MOST = 40,
  ITEM_STEP =
      100  // an item is the size of its heap times that, and which one it is
};

static uint64_t batches = 600;  // of all writers

// Under the lock of the space.
static int64_t money[ACCOUNTS];
static uint32_t heap_size[HEAPS];
static int64_t clock_now;

// What the accounts were after each batch, as one number. Written before the batch is
// visible.
static uint64_t *history;
static AMB_ATOMIC(int64_t) begun, ended;  // batches
static AMB_ATOMIC(bool) stop;

// What can be wrong, and how often it was.
#define CHECKED(X)                                          \
  X(CHANGED, "a change that failed")                        \
  X(SOLVED, "a question that failed")                       \
  X(CLOCKS, "more than one clock")                          \
  X(ACCOUNTS_SEEN, "accounts missing, or too many")         \
  X(TOO_OLD, "older than what had been done before")        \
  X(TOO_NEW, "newer than what had begun")                   \
  X(BACK, "older than what was seen before")                \
  X(DIGEST, "accounts that were never like that")           \
  X(PAIRS, "pairs missing, or too many")                    \
  X(SUM, "a pair with another sum")                         \
  X(HEAP, "a heap with some of its items")                  \
  X(ACCOUNT, "an account with no value, or several")        \
  X(FACT, "an answer by the short way that is another one") \
  X(THERE, "an answer from its place that is another one")  \
  X(SEEN, "a view that could not be looked at")             \
  X(SAME, "a view that changed")
#define AS_NAME(id, text) id,
#define AS_TEXT(id, text) text,
enum Checked { CHECKED(AS_NAME) CHECKED_KINDS };
static const char *const checked_texts[] = {CHECKED(AS_TEXT)};

typedef struct Worker {
  pthread_t thread;
  Context *cx;
  uint64_t random;
  uint64_t wrong[CHECKED_KINDS], looked;
  int64_t last_clock;
  FactPlace acc, item, tick;  // kept from one question to the next
  bool open_atom;
} Worker;

static uint32_t pick(Worker *w, uint32_t n) {
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(w->random >> 33) % n;
}

static void check(Worker *w, enum Checked what, bool ok) {
  w->wrong[what] += !ok;
}

static uint64_t digest_of(uint64_t account, int64_t value) {
  return (account * 1000003 + (uint64_t)value + 17) * 0x9E3779B97F4A7C15ull;
}

static uint64_t digest_money(void) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < ACCOUNTS; i++)
    sum += digest_of(i, money[i]);
  return sum;
}

static struct { Value acc, pair, item, heap, tick; } names;
static uint32_t var_name;

static Value v2(Worker *w, Value head, int64_t a) {
  return AMB_EXPR(w->cx, head, ambi_small_int(a));
}
static Value v3(Worker *w, Value head, int64_t a, int64_t b) {
  return AMB_EXPR(w->cx, head, ambi_small_int(a), ambi_small_int(b));
}

static void change(Worker *w, Value v, bool comes) {
  bool found = true;
  bool ok =
      comes ? ambi_space_add(space, v) : ambi_space_remove(space, v, &found);
  check(w, CHANGED, ok && found);
}

static void move_money(Worker *w) {
  uint32_t from = pick(w, ACCOUNTS), to = from ^ 1;
  int64_t amount = pick(w, 50);
  uint32_t each[2] = {from, to};
  for (int i = 0; i < 2; i++)
    change(w, v3(w, names.acc, each[i], money[each[i]]), false);
  money[from] -= amount;
  money[to] += amount;
  for (int i = 0; i < 2; i++)
    change(w, v3(w, names.acc, each[i], money[each[i]]), true);
}

static void change_heap(Worker *w) {
  uint32_t h = pick(w, HEAPS), n = heap_size[h];
  bool comes = n == 0;
  if (comes) n = 1 + pick(w, HEAP_MOST);
  for (uint32_t i = 0; i < n; i++)
    change(w, v3(w, names.item, h, n * ITEM_STEP + i), comes);
  change(w, v3(w, names.heap, h, n), comes);
  heap_size[h] = comes ? n : 0;
}

static void write_batch(Worker *w) {
  Epochs *e = &rt.sharing->epochs;
  Participant me;
  ambi_epoch_join(e, &me);
  ambi_epoch_enter(e, &me);
  ambi_space_begin(space);
  ambi_store_release(&begun, clock_now + 1);
  for (uint32_t i = pick(w, 4); i-- > 0;)
    move_money(w);
  if (pick(w, 3) == 0) change_heap(w);
  change(w, v2(w, names.tick, clock_now), false);
  change(w, v2(w, names.tick, ++clock_now), true);
  history[clock_now] = digest_money();
  int64_t now = clock_now;
  ambi_space_commit(space);
  // Another writer may have come in between.
  int64_t was = ambi_load_acquire(&ended);
  while (was < now && !ambi_compare_exchange(&ended, &was, now)) {
  }
  ambi_epoch_leave(&me);
  ambi_epoch_part(e, &me);
}

static void *write(void *arg) {
  Worker *w = arg;
  while (w->looked < batches / WRITERS) {
    write_batch(w);
    ambi_context_reset(w->cx);
    w->looked++;
    if (w->looked % 8 == 0) ambi_spaces_tidy(&rt);
    if (w->looked % 16 == 0) sched_yield();
  }
  return NULL;
}

// ---- readers --------------------------------------------------------------------------
static Value new_var(Worker *w) {
  return ambi_make_var(w->cx, var_name, AMB_VAR_FRESH);
}

typedef struct Solved {
  ValueVec vars, values;
  size_t n;
} Solved;

static bool solve_all(Worker *w, Value pattern, Solved *out) {
  *out = (Solved){0};
  bool ok = ambi_space_solve(w->cx, space, pattern, &out->vars, &out->values,
                             &out->n);
  check(w, SOLVED, ok);
  return ok;
}

// The value of the k-th variable in the i-th solution.
static int64_t value_of(const Solved *s, size_t i, size_t k) {
  return ambi_int_of(ambi_deref(s->values.at[i * s->vars.n + k]));
}

static void drop_solved(Solved *s) {
  ambi_vec_drop(&s->vars);
  ambi_vec_drop(&s->values);
}

// The clock and all accounts, at once: as the history says, and not older than what had
// been done before.
static void check_history(Worker *w) {
  int64_t before = ambi_load_acquire(&ended);
  Solved s;
  Value all =
      AMB_EXPR(w->cx, AMB_SYM(COMMA), AMB_EXPR(w->cx, names.tick, new_var(w)),
               AMB_EXPR(w->cx, names.acc, new_var(w), new_var(w)));
  if (solve_all(w, all, &s)) {
    uint64_t digest = 0;
    int64_t now = s.n ? value_of(&s, 0, 0) : -1;
    for (size_t i = 0; i < s.n; i++) {
      check(w, CLOCKS, value_of(&s, i, 0) == now);
      digest += digest_of((uint64_t)value_of(&s, i, 1), value_of(&s, i, 2));
    }
    int64_t after = ambi_load_acquire(&begun);
    check(w, ACCOUNTS_SEEN, s.n == ACCOUNTS);
    check(w, TOO_OLD, now >= before);
    check(w, TOO_NEW, now <= after);
    check(w, BACK, now >= w->last_clock);
    check(w, DIGEST, now >= 0 && now <= after && digest == history[now]);
    w->last_clock = now;
  }
  drop_solved(&s);
}

// Each pair has its sum, through indexes of two patterns.
static void check_pairs(Worker *w) {
  Solved s;
  Value a = new_var(w), b = new_var(w);
  Value all = AMB_EXPR(w->cx, AMB_SYM(COMMA), AMB_EXPR(w->cx, names.pair, a, b),
                       AMB_EXPR(w->cx, names.acc, a, new_var(w)),
                       AMB_EXPR(w->cx, names.acc, b, new_var(w)));
  if (solve_all(w, all, &s)) {
    check(w, PAIRS, s.n == ACCOUNTS / 2);
    for (size_t i = 0; i < s.n; i++)
      check(w, SUM, value_of(&s, i, 2) + value_of(&s, i, 3) == PAIR_SUM);
  }
  drop_solved(&s);
}

// A heap has all its items, which are asked for by name, or are some of what is found.
static void check_heaps(Worker *w) {
  Solved s;
  bool named = pick(w, 2);
  Value h = new_var(w), head = named ? names.item : new_var(w);
  uint32_t items[HEAPS] = {0}, sizes[HEAPS] = {0};
  Value all = AMB_EXPR(w->cx, AMB_SYM(COMMA),
                       AMB_EXPR(w->cx, names.heap, h, new_var(w)),
                       AMB_EXPR(w->cx, head, h, new_var(w)));
  if (solve_all(w, all, &s)) {
    for (size_t i = 0; i < s.n; i++) {
      if (!named &&
          !ambi_same(ambi_deref(s.values.at[i * s.vars.n + 2]), names.item))
        continue;
      items[value_of(&s, i, 0)]++;
      sizes[value_of(&s, i, 0)] = (uint32_t)value_of(&s, i, 1);
    }
    for (int i = 0; i < HEAPS; i++)
      check(w, HEAP, items[i] == sizes[i]);
  }
  drop_solved(&s);
}

// One account has one value, found by its key.
static void check_account(Worker *w) {
  RecordVec found = {0};
  Value pattern =
      AMB_EXPR(w->cx, names.acc, ambi_small_int(pick(w, ACCOUNTS)), new_var(w));
  bool ok = ambi_space_query(w->cx, space, pattern, &found);
  size_t n = 0;
  for (size_t i = 0; ok && i < found.n; i++)
    n += !ambi_record_open(found.at[i]);
  check(w, SOLVED, ok);
  check(w, ACCOUNT, n == 1);
  ambi_records_drop(&found);
}

// The same, by the short way where that knows an answer.
static void check_fact(Worker *w) {
  Value items[] = {names.acc, ambi_small_int(pick(w, ACCOUNTS)), AMB_NONE};
  FlatAsk ask = ambi_flat_ask(items, 3);
  Record fact;
  check(w, FACT,
        ambi_space_fact(w->cx, space, &ask, &fact) != FACT_ONE ||
            ambi_same(ambi_expr_at(fact.held, 1), items[1]));
}

// The same from the place of the last answer; where that is not known any more, from the
// index that a question has made.
static enum FactAnswer ask_there(Worker *w, FactPlace *place, Value head,
                                 uint32_t n, int64_t key, const Value **parts,
                                 RecordVec *several) {
  Value items[] = {head, ambi_small_int(key), AMB_NONE};
  enum FactAnswer answer =
      ambi_fact_there(w->cx, space, place, items[1], parts, several);
  if (answer != FACT_ASK) return answer;
  FlatAsk ask = ambi_flat_ask(items, n);
  RecordVec found = {0};
  check(w, SOLVED, ambi_space_query_items(w->cx, space, items, n, &found));
  ambi_fact_place(w->cx, space, &ask, place);
  ambi_records_drop(&found);
  return answer;
}

// An account has one value.
static void check_account_there(Worker *w) {
  const Value *parts;
  RecordVec several = {0};
  uint32_t key = pick(w, ACCOUNTS);
  enum FactAnswer answer =
      ask_there(w, &w->acc, names.acc, 3, key, &parts, &several);
  check(w, THERE,
        answer == FACT_ASK ||
            (answer == FACT_ONE && ambi_int_of(parts[1]) == key));
  ambi_records_drop(&several);
}

static bool is_item(Value item, uint32_t heap, size_t size, size_t i) {
  return ambi_int_of(ambi_expr_at(item, 1)) == heap &&
         ambi_int_of(ambi_expr_at(item, 2)) == (int64_t)(size * ITEM_STEP + i);
}

// A heap has all its items, in their order, or none.
static void check_heap_there(Worker *w) {
  const Value *parts = NULL;
  RecordVec all = {0};
  uint32_t heap = pick(w, HEAPS);
  enum FactAnswer answer =
      ask_there(w, &w->item, names.item, 3, heap, &parts, &all);
  if (answer == FACT_ONE) check(w, THERE, ambi_int_of(parts[2]) == ITEM_STEP);
  for (size_t i = 0; answer == FACT_SEVERAL && i < all.n; i++)
    check(w, THERE, is_item(all.at[i].held, heap, all.n, i));
  ambi_records_drop(&all);
}

// Is the clock where it may be by now?
static void check_clock_there(Worker *w) {
  const Value *parts;
  RecordVec several = {0};
  int64_t before = ambi_load_acquire(&ended), key = before + pick(w, 3) - 1;
  if (key < 0) return;
  enum FactAnswer answer =
      ask_there(w, &w->tick, names.tick, 2, key, &parts, &several);
  ambi_records_drop(&several);
  check(w, THERE, answer != FACT_SEVERAL);
  if (answer != FACT_ONE) return;
  check(w, TOO_OLD, key >= before);
  check(w, TOO_NEW, key <= ambi_load_acquire(&begun));
  check(w, BACK, key >= w->last_clock);
  w->last_clock = key;
}

static bool sum_up(void *arg, Record r, uint32_t ordinal) {
  (void)ordinal;
  uint64_t *sum = arg;
  Value v = ambi_record_atom(r);
  if (!ambi_record_open(r) && ambi_same(ambi_expr_at(v, 0), names.acc))
    *sum += digest_of((uint64_t)ambi_int_of(ambi_expr_at(v, 1)),
                      ambi_int_of(ambi_expr_at(v, 2)));
  return true;
}

// All atoms of a view, twice: the same, whatever has happened in between.
static void check_view(Worker *w) {
  View v = ambi_space_view(space);
  uint64_t one = 0, other = 0;
  check(w, SEEN, ambi_view_see(&v, sum_up, &one));
  sched_yield();
  check(w, SEEN, ambi_view_see(&v, sum_up, &other));
  check(w, SAME, one == other);
}

static void *read(void *arg) {
  static void (*const checks[])(Worker *) = {
      check_history,    check_pairs,       check_heaps,
      check_account,    check_fact,        check_account_there,
      check_heap_there, check_clock_there, check_view};
  enum { CHECKS = sizeof checks / sizeof *checks };
  Worker *w = arg;
  Participant me;
  Epochs *e = &rt.sharing->epochs;
  ambi_epoch_join(e, &me);
  while (!w->looked || !ambi_load_acquire(&stop)) {
    ambi_epoch_enter(e, &me);
    for (uint32_t i = 1 + pick(w, 3); i-- > 0; w->looked++)
      checks[pick(w, CHECKS)](w);
    ambi_epoch_leave(&me);
    w->cx->tr = 0;
    ambi_context_reset(w->cx);
  }
  ambi_epoch_part(e, &me);
  return NULL;
}

// What else is there, which matches nothing that is asked in the end.
enum Others { OTHERS_NONE, OTHERS_OPEN_FACT, OTHERS_OPEN_HEAD };

static void fill(enum Others others) {
  names.acc = sym("acc");
  names.pair = sym("pair");
  names.item = sym("item");
  names.heap = sym("heap");
  names.tick = sym("tick");
  var_name = name("v");
  history = ambi_alloc((batches + WRITERS + 1) * sizeof *history);
  ck_assert(history);
  for (int i = 0; i < ACCOUNTS; i++) {
    money[i] = PAIR_SUM / 2;
    add(E(names.acc, num(i), num(money[i])));
    if (i % 2 == 0) add(E(names.pair, num(i), num(i + 1)));
  }
  add(E(names.tick, num(0)));
  history[0] = digest_money();
  // Plans unify it with their pattern.
  if (others == OTHERS_OPEN_FACT)
    add(E(names.pair, E(sym("no"), var("p")), var("p")));
  // No conjunction has a plan.
  if (others == OTHERS_OPEN_HEAD)
    add(E(var("h"), sym("no"), sym("account"), sym("of"), sym("all")));
}

static void start(Worker *w, void *(*run)(void *), uint64_t seed) {
  *w = (Worker){.cx = ambi_context_open(&rt), .random = seed};
  ck_assert(w->cx);
  ck_assert_int_eq(pthread_create(&w->thread, NULL, run, w), 0);
}

// Says what was wrong; true if nothing was.
static bool finish(Worker *w) {
  uint64_t wrong = 0;
  pthread_join(w->thread, NULL);
  ambi_context_close(w->cx);
  ck_assert_uint_gt(w->looked, 0);
  for (int i = 0; i < CHECKED_KINDS; i++) {
    if (w->wrong[i])
      fprintf(stderr, "%s: %" PRIu64 " times\n", checked_texts[i], w->wrong[i]);
    wrong += w->wrong[i];
  }
  return wrong == 0;
}

// Each account is where a reader has last found one, and says what the writers left.
static void check_places(Worker *w, bool known) {
  for (int64_t i = 0; i < ACCOUNTS; i++) {
    const Value *parts;
    RecordVec several = {0};
    ask_there(w, &w->acc, names.acc, 3, i, &parts, &several);
    enum FactAnswer answer =
        ask_there(w, &w->acc, names.acc, 3, i, &parts, &several);
    ck_assert_int_eq(answer, known ? FACT_ONE : FACT_ASK);
    if (known) ck_assert_int_eq(ambi_int_of(parts[2]), money[i]);
    ambi_records_drop(&several);
  }
}

static void torture(enum Others others) {
  Worker readers[READERS], writers[WRITERS];
  bool ok = true;
  fill(others);
  for (unsigned i = 0; i < READERS; i++)
    start(&readers[i], read, i + 1);
  for (unsigned i = 0; i < WRITERS; i++)
    start(&writers[i], write, i + 100);
  for (unsigned i = 0; i < WRITERS; i++)
    ok = finish(&writers[i]) && ok;
  ambi_store_release(&stop, true);
  for (unsigned i = 0; i < READERS; i++) {
    ok = finish(&readers[i]) && ok;
    readers[i].cx = cx;
    check_places(&readers[i], others != OTHERS_OPEN_HEAD);
  }
  ck_assert_msg(ok, "see what was wrong above");
  ck_assert_int_eq(clock_now, ambi_load_relaxed(&ended));
  ambi_free(history, (batches + WRITERS + 1) * sizeof *history);
}

START_TEST(test_torture) {
  torture(OTHERS_NONE);
}
END_TEST

START_TEST(test_torture_open_fact) {
  torture(OTHERS_OPEN_FACT);
}
END_TEST

START_TEST(test_torture_unplanned) {
  torture(OTHERS_OPEN_HEAD);
}
END_TEST

// share_test [BATCHES]
int main(int argc, char **argv) {
  if (argc > 1) batches = strtoull(argv[1], NULL, 10);
  TCase *tc = tcase_create("share");
  tcase_set_timeout(tc, 0);
  tcase_add_checked_fixture(tc, open_shared, close_shared);
  tcase_add_test(tc, test_views);
  tcase_add_test(tc, test_batch);
  tcase_add_test(tc, test_batch_at_place);
  tcase_add_test(tc, test_place_is_lost);
  tcase_add_test(tc, test_take_back);
  tcase_add_loop_test(tc, test_plan, 0, 2);
  tcase_add_test(tc, test_shrinks);
  tcase_add_test(tc, test_ordinals_run_out);
  tcase_add_test(tc, test_rules);
  tcase_add_test(tc, test_torture);
  tcase_add_test(tc, test_torture_open_fact);
  tcase_add_test(tc, test_torture_unplanned);
  tcase_add_test(tc, test_table_grows);
  tcase_add_test(tc, test_memory_out);
  return unit_run(tc, "share");
}
