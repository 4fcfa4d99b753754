// Several evaluators on one Runtime: names, terms, states, rules, spaces, words, output.
//
// Each thread has a Context, goes in and out, and does by chance one thing after
// another. What it did itself it knows; what others do it can tell from what each kind
// of thing promises: a name has one id, a term stays what it was, values of one writer
// are seen in their order, counts lose nothing, and under the guard rules stand still.
#include <sched.h>
#include <stdio.h>

#include "runtime/atoms/store_data.h"
#include "runtime/builtins/builtin.h"
#include "runtime/guard.h"
#include "runtime/modules/module.h"
#include "runtime/spaces/share.h"
#include "tests/unit/terms.h"

enum {
  THREADS = 4,
  NAMES = 6000,
  HELD = 40,   // terms that a thread has at a time
  STATES = 3,  // that all change
  OWN = 30,    // facts and rules of a thread
  MOST_DEPS = 48
};

static unsigned rounds = 2500;  // of each thread

typedef struct Held {
  Template term;
  uint64_t seed;
} Held;

typedef struct Worker {
  pthread_t thread;
  Runtime *rt;
  Context *cx;
  uint32_t me;
  uint64_t random;
  uint64_t wrong;
  int line;  // where something was wrong first
  Held held[HELD];
  size_t nheld;
  int64_t wrote[STATES];         // the last value
  int64_t saw[STATES][THREADS];  // of each writer
  uint64_t changed[STATES], added;
  bool fact[OWN], rule[OWN];
  size_t opened, deps;
  uint64_t memo_at;  // a count of rule changes, and what held then
  size_t memo;
} Worker;

static Value heads[THREADS], rule_heads[THREADS], fact_head, dep_head,
    term_head;
static uint32_t var_name;
static Space *space, *parent;
static State *states[STATES], *counter;
static AMB_ATOMIC(uint32_t) ids[NAMES];     // id + 1
static AMB_ATOMIC(Held *) passed[THREADS];  // on the way to another thread
static AMB_ATOMIC(unsigned) in_hook;
static uint64_t hook_calls;  // the guard's

static uint32_t pick(Worker *w, uint32_t n) {
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(w->random >> 33) % n;
}
static Value new_var(Worker *w) {
  return ambi_make_var(w->cx, var_name, AMB_VAR_FRESH);
}
static void note_wrong(Worker *w, bool wrong, int line) {
  if (wrong && !w->wrong++) w->line = line;
}
#define WRONG(c) note_wrong(w, (c), __LINE__)
#define W(...)   AMB_EXPR(w->cx, __VA_ARGS__)

// ---- names --------------------------------------------------------------------------
static void use_name(Worker *w) {
  char text[24];
  uint32_t i = pick(w, NAMES), id = 0, none = 0;
  int len = snprintf(text, sizeof text, "shared-name-%u", i);
  WRONG(!ambi_symbol_intern(w->rt->symbols, text, (size_t)len, &id));
  WRONG(strcmp(ambi_symbol(w->rt->symbols, id)->text, text) != 0);
  if (!ambi_compare_exchange(&ids[i], &none, id + 1)) WRONG(none != id + 1);
}

// ---- terms --------------------------------------------------------------------------
// The same seed gives the same term; some are large.
static Value term_of(Worker *w, uint64_t seed) {
  Value v = W(term_head, ambi_small_int((int64_t)(seed % 1000)));
  size_t depth = seed % 97 == 0 ? 1500 : seed % 9;
  for (size_t i = 0; i < depth; i++)
    v = W(term_head, ambi_double((double)seed), v, ambi_small_int((int64_t)i));
  return seed % 5 == 0 ? W(v, new_var(w)) : v;
}

static bool is_term_of(Worker *w, const Held *h) {
  Value v = ambi_instance(w->cx, &h->term, false);
  return ambi_alpha_equal(v, term_of(w, h->seed));
}

static void drop_held(Worker *w, size_t i) {
  WRONG(!is_term_of(w, &w->held[i]));
  ambi_template_release(w->rt->store, &w->held[i].term);
  w->held[i] = w->held[--w->nheld];
}

static void use_term(Worker *w) {
  if (w->nheld == HELD || (w->nheld && pick(w, 3) == 0)) {
    drop_held(w, pick(w, (uint32_t)w->nheld));
    return;
  }
  Held *h = &w->held[w->nheld];
  h->seed = pick(w, 1 << 20);
  if (!ambi_template_make(w->rt->store, term_of(w, h->seed), &h->term)) {
    WRONG(true);
  } else if (pick(w, 6) == 0) {  // nobody has seen it
    ambi_template_discard(w->rt->store, &h->term);
  } else {
    w->nheld++;
  }
}

static void pass_term(Worker *w) {
  if (w->nheld == HELD || !w->nheld) return;
  Held *mine = ambi_alloc(sizeof *mine);
  *mine = w->held[--w->nheld];
  Held *other = ambi_exchange(&passed[pick(w, THREADS)], mine);
  if (!other) return;
  w->held[w->nheld++] = *other;
  WRONG(!is_term_of(w, other));
  ambi_free(other, sizeof *other);
}

// ---- states -------------------------------------------------------------------------
// (w writer n n), with a variable or a double in it by chance.
static void write_state(Worker *w) {
  uint32_t i = pick(w, STATES);
  Value n = ambi_small_int(++w->wrote[i]), who = ambi_small_int(w->me);
  Value odd = pick(w, 2) ? new_var(w) : ambi_double(0.5);
  Value v = pick(w, 3) ? W(term_head, who, n, n) : W(term_head, who, n, n, odd);
  WRONG(!ambi_state_change(w->rt, states[i], v));
  w->changed[i]++;
}

static void read_state(Worker *w) {
  uint32_t i = pick(w, STATES);
  Value v = ambi_state_instance(w->cx, states[i]);
  Value ground = ambi_state_ground(states[i]);
  WRONG(!ambi_is_none(ground) && ambi_expr_size(ground) < 4);
  WRONG(ambi_expr_size(v) < 4);
  int64_t who = ambi_int_of(ambi_expr_at(v, 1));
  int64_t n = ambi_int_of(ambi_expr_at(v, 2));
  WRONG(n != ambi_int_of(ambi_expr_at(v, 3)) || n < w->saw[i][who]);
  if (who == w->me) WRONG(n != w->wrote[i]);
  w->saw[i][who] = n;
}

static void add_one(Worker *w) {
  bool done = false;
  while (!done) {
    Record read = ambi_state_record(counter);
    Value n = ambi_expr_at(ambi_record_atom(read), 1);
    Value more = W(term_head, ambi_small_int(ambi_int_of(n) + 1));
    WRONG(!ambi_state_replace(w->rt, counter, read, more, &done));
  }
  w->added++;
}

// ---- rules and facts ------------------------------------------------------------------
static void rules_changed(Runtime *of, Space *s, Value atom) {
  (void)of;
  (void)s;
  (void)atom;
  ck_assert_uint_eq(ambi_exchange(&in_hook, 1), 0);
  hook_calls++;
  ambi_store_release(&in_hook, 0);
}

static Value own_rule(Worker *w, uint32_t i) {
  return W(AMB_SYM(EQ), W(rule_heads[w->me], ambi_small_int(i)), new_var(w));
}

static size_t count_of(Worker *w, Space *s, Value pattern) {
  RecordVec v = {0};
  WRONG(!ambi_space_query(w->cx, s, pattern, &v));
  size_t n = v.n;
  ambi_records_drop(&v);
  return n;
}

static void flip_fact(Worker *w, uint32_t i) {
  Value v = W(fact_head, heads[w->me], ambi_small_int(i));
  bool found = true;
  bool ok = w->fact[i] ? ambi_space_remove(space, v, &found)
                       : ambi_space_add(space, v);
  w->fact[i] = !w->fact[i];
  WRONG(!ok || !found);
}

static void change_fact(Worker *w) {
  uint32_t i = pick(w, OWN);
  flip_fact(w, i);
  WRONG(count_of(w, space, W(fact_head, heads[w->me], ambi_small_int(i))) !=
        w->fact[i]);
}

static void flip_rule(Worker *w, uint32_t i) {
  bool found = true;
  bool ok = w->rule[i] ? ambi_space_remove(space, own_rule(w, i), &found)
                       : ambi_space_add(space, own_rule(w, i));
  w->rule[i] = !w->rule[i];
  size_t n = 0;
  for (int k = 0; k < OWN; k++)
    n += w->rule[k];
  uint32_t head = ambi_sym_of(rule_heads[w->me]);
  WRONG(!ok || !found || ambi_space_defines(space, head) != (n > 0));
}

static void change_rule(Worker *w) {
  flip_rule(w, pick(w, OWN));
}

static size_t count_rules(Worker *w, uint32_t of) {
  RecordVec v = {0};
  WRONG(!ambi_space_rules(space, rule_heads[of], 1, &v));
  size_t n = v.n;
  ambi_records_drop(&v);
  return n;
}

// As who lowers code would: nothing changes under the guard.
static void look_under_guard(Worker *w) {
  uint32_t of = pick(w, THREADS);
  ambi_guard(w->rt);
  uint64_t calls = hook_calls;
  size_t n = count_rules(w, of);
  sched_yield();
  WRONG(n != count_rules(w, of) || calls != hook_calls);
  ambi_unguard(w->rt);
}

// What held at a count of changes holds as long as the count stays.
static void look_by_count(Worker *w) {
  uint64_t before = ambi_load_acquire(&w->rt->x_rule_changes);
  size_t n = 0;
  for (uint32_t i = 0; i < THREADS; i++)
    n += count_rules(w, i);
  if (before != ambi_load_acquire(&w->rt->x_rule_changes)) return;
  WRONG(before == w->memo_at && n != w->memo);
  w->memo_at = before;
  w->memo = n;
}

// A batch of rules and facts is seen as a whole.
static void change_batch(Worker *w) {
  ambi_space_begin(space);
  change_rule(w);
  flip_fact(w, pick(w, OWN));
  ambi_space_commit(space);
}

// ---- spaces ---------------------------------------------------------------------------
// A new space has one fact, and becomes a dep of the one that all ask.
static void open_space(Worker *w) {
  if (w->deps == MOST_DEPS / THREADS) return;
  Space *s = ambi_space_open(w->rt, NULL, true);
  WRONG(!s);
  Value v = W(dep_head, ambi_small_int((int64_t)(w->opened * THREADS + w->me)));
  WRONG(!ambi_space_add(s, v) || !ambi_space_add_dep(parent, s));
  WRONG(!ambi_space_yield(s, ambi_sym_of(dep_head)));
  w->opened++;
  w->deps++;
}

static void ask_deps(Worker *w) {
  size_t before = ambi_space_ndeps(parent), n = 0;
  ValueVec vars = {0}, values = {0};
  Value x = new_var(w);
  Value both = W(AMB_SYM(COMMA), W(dep_head, x), W(dep_head, x));
  WRONG(!ambi_space_solve(w->cx, parent, both, &vars, &values, &n));
  WRONG(n < before || n > ambi_space_ndeps(parent));
  WRONG(count_of(w, parent, W(dep_head, new_var(w))) < n);
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
}

static void open_state(Worker *w) {
  if (w->opened > rounds / 4) return;
  State *s = ambi_state_open(w->rt, ambi_small_int(w->me), AMB_UNIT);
  WRONG(!s || ambi_int_of(ambi_state_ground(s)) != w->me);
  w->opened++;
}

// ---- all of it ------------------------------------------------------------------------
static void *work(void *arg) {
  static void (*const steps[])(Worker *) = {
      use_name,    use_term,         pass_term,     write_state,  read_state,
      add_one,     change_fact,      change_rule,   change_batch, open_space,
      ask_deps,    look_under_guard, look_by_count, open_state,   use_term,
      write_state, read_state,       use_name,      add_one,      change_fact};
  enum { STEPS = sizeof steps / sizeof *steps };
  Worker *w = arg;
  for (unsigned i = 0; i < rounds; i++) {
    ambi_party_enter(w->cx);
    for (uint32_t k = 1 + pick(w, 8); k-- > 0;)
      steps[pick(w, STEPS)](w);
    ambi_party_leave(w->cx);
    w->cx->tr = 0;
    ambi_context_reset(w->cx);
    if (i % 64 == 0) ambi_spaces_quiesce(w->rt);
  }
  return NULL;
}

static void start(Worker *w, uint32_t me, Runtime *of, void *(*run)(void *)) {
  *w = (Worker){.rt = of, .me = me, .random = me + 1, .cx = NULL};
  w->cx = ambi_context_open(of);
  ck_assert(w->cx);
  ck_assert_int_eq(pthread_create(&w->thread, NULL, run, w), 0);
}

static void prepare(void) {
  char text[16];
  fact_head = sym("fact");
  dep_head = sym("dep");
  term_head = sym("term");
  var_name = name("v");
  for (uint32_t i = 0; i < THREADS; i++) {
    snprintf(text, sizeof text, "head-%u", i);
    heads[i] = sym(text);
    snprintf(text, sizeof text, "rule-%u", i);
    rule_heads[i] = sym(text);
  }
  space = ambi_space_open(&rt, NULL, true);
  parent = ambi_space_open(&rt, NULL, true);
  ck_assert(space && parent);
  for (int i = 0; i < STATES; i++)
    states[i] = ambi_state_of(state(E(term_head, num(0), num(0), num(0))));
  counter = ambi_state_of(state(E(term_head, num(0))));
  rt.rules_changed = rules_changed;
}

// Every cell is linked, and the spaces have the numbers from 1 on.
static void check_cells(size_t opened) {
  size_t n = 0, spaces = 0;
  bool *seen = calloc(opened + 1, sizeof *seen);
  ck_assert(seen);
  for (CellHeader *c = rt.cells; c; c = c->next, n++) {
    if (c->kind != CELL_SPACE) continue;
    spaces++;
    ck_assert(c->number <= opened && !seen[c->number]);
    seen[c->number] = true;
  }
  ck_assert_uint_eq(n, opened);
  for (size_t i = 1; i <= spaces; i++)
    ck_assert(seen[i]);
  free(seen);
}

static void check_end(const Worker *w) {
  uint64_t changed[STATES] = {0}, added = 0;
  size_t opened = 2 + STATES + 1;
  for (int k = 0; k < THREADS; k++) {
    ck_assert_msg(!w[k].wrong, "thread %d, line %d", k, w[k].line);
    added += w[k].added;
    opened += w[k].opened;
    for (int i = 0; i < STATES; i++)
      changed[i] += w[k].changed[i];
  }
  for (int i = 0; i < STATES; i++)
    ck_assert_uint_eq(ambi_state_version(states[i]), changed[i]);
  Value sum = ambi_expr_at(ambi_state_ground(counter), 1);
  ck_assert_uint_eq((uint64_t)ambi_int_of(sum), added);
  ck_assert_uint_eq(ambi_state_version(counter), added);
  check_cells(opened);
}

static void check_whole(void) {
  const char *why = NULL;
  ck_assert_msg(ambi_symbols_is_valid(rt.symbols, &why), "%s", why);
  ck_assert_msg(ambi_space_is_valid(space, &why), "%s", why);
  ck_assert_msg(ambi_space_is_valid(parent, &why), "%s", why);
  ck_assert_msg(ambi_store_is_valid(rt.store, &why), "%s", why);
}

static size_t live_terms(void) {
  size_t n = 0;
  for (const Segment *g = rt.store->segments; g; g = g->next)
    for (size_t i = 0; i < g->nchunks; i++)
      if (!(g->free >> i & 1))
        n += ambi_chunk_live(ambi_chunk_at(g->base + i * CHUNK_BYTES));
  for (size_t i = 0; i < rt.store->nlarge; i++)
    n += ambi_chunk_live(rt.store->large[i]);
  return n;
}

// Once all is given up, the store has the facts of deps and nothing else.
static void check_store(Worker *w) {
  for (uint32_t k = 0; k < THREADS; k++) {
    while (w[k].nheld)
      drop_held(&w[k], 0);
    for (uint32_t i = 0; i < OWN; i++) {
      if (w[k].fact[i]) flip_fact(&w[k], i);
      if (w[k].rule[i]) flip_rule(&w[k], i);
    }
    ck_assert_msg(!w[k].wrong, "thread %u, line %d", k, w[k].line);
    Held *left = ambi_exchange(&passed[k], NULL);
    if (!left) continue;
    ambi_template_release(rt.store, &left->term);
    ambi_free(left, sizeof *left);
  }
  for (CellHeader *c = rt.cells; c; c = c->next)
    if (c->kind == CELL_STATE)
      ck_assert(ambi_state_change(&rt, (State *)c, AMB_UNIT));
  ambi_spaces_quiesce(&rt);
  ambi_store_quiesce(rt.store);
  check_whole();
  size_t facts = 0;
  for (uint32_t k = 0; k < THREADS; k++)
    facts += w[k].deps;
  ck_assert_uint_eq(live_terms(), facts);
}

START_TEST(test_torture) {
  static Worker w[THREADS];
  terms_open();
  prepare();
  ck_assert(ambi_spaces_share(&rt));
  for (uint32_t k = 0; k < THREADS; k++)
    start(&w[k], k, &rt, work);
  for (uint32_t k = 0; k < THREADS; k++)
    pthread_join(w[k].thread, NULL);
  check_end(w);
  ambi_spaces_unshare(&rt);
  check_whole();
  check_store(w);
  for (uint32_t k = 0; k < THREADS; k++)
    ambi_context_close(w[k].cx);
  terms_close();
}
END_TEST

// ---- one thing, by all at once ----------------------------------------------------------
enum { HOT = 20000, GIVEN = 200000 };
static Template given[GIVEN];  // released by turns
static pthread_barrier_t all_there;

static void *work_hot(void *arg) {
  Worker *w = arg;
  Word *top = w->cx->h;
  ambi_party_enter(w->cx);
  pthread_barrier_wait(&all_there);
  for (size_t i = w->me; i < GIVEN; i += THREADS)
    ambi_template_release(w->rt->store, &given[i]);
  for (size_t i = 0; i < HOT; i++, w->cx->h = top) {
    Value n = ambi_small_int((int64_t)i);
    WRONG(!ambi_state_change(w->rt, states[0], W(term_head, n, n, n)));
    add_one(w);
    if (i % 8 == 0) WRONG(!ambi_state_open(w->rt, AMB_UNIT, AMB_UNIT));
  }
  ambi_party_leave(w->cx);
  return NULL;
}

START_TEST(test_hot) {
  static Worker w[THREADS];
  terms_open();
  prepare();
  Word *top = cx->h;
  for (size_t i = 0; i < GIVEN; i++, cx->h = top)
    given[i] = make(E(term_head, num((int64_t)i)));
  ck_assert(ambi_spaces_share(&rt));
  pthread_barrier_init(&all_there, NULL, THREADS);
  for (uint32_t k = 0; k < THREADS; k++)
    start(&w[k], k, &rt, work_hot);
  for (uint32_t k = 0; k < THREADS; k++) {
    pthread_join(w[k].thread, NULL);
    ck_assert_msg(!w[k].wrong, "thread %u, line %d", k, w[k].line);
  }
  Value sum = ambi_expr_at(ambi_state_ground(counter), 1);
  ck_assert_int_eq(ambi_int_of(sum), (int64_t)THREADS * HOT);
  ck_assert_uint_eq(ambi_state_version(states[0]), (uint64_t)THREADS * HOT);
  check_cells(2 + STATES + 1 + THREADS * HOT / 8);
  ambi_spaces_unshare(&rt);
  check_store(w);
  for (uint32_t k = 0; k < THREADS; k++)
    ambi_context_close(w[k].cx);
  pthread_barrier_destroy(&all_there);
  terms_close();
}
END_TEST

// ---- in the middle of a form ------------------------------------------------------------
static void *try_guard(void *arg) {
  bool *got = arg;
  *got = pthread_mutex_trylock(&rt.sharing->guard) == 0;
  if (*got) pthread_mutex_unlock(&rt.sharing->guard);
  return NULL;
}
static bool guard_is_free(void) {
  pthread_t other;
  bool got = false;
  ck_assert_int_eq(pthread_create(&other, NULL, try_guard, &got), 0);
  pthread_join(other, NULL);
  return got;
}

// What a query has found, and what was removed before, is there as long as the form.
START_TEST(test_begin_in_form) {
  terms_open();
  prepare();
  RecordVec found = {0};
  for (int i = 0; i < 3000; i++)
    ck_assert(ambi_space_add(space, E(fact_head, num(i), E(num(i), num(i)))));
  ck_assert(ambi_space_add(space, E(sym("="), E(sym("f"), num(1)), var("x"))));
  ck_assert(
      ambi_space_query(cx, space, E(fact_head, var("x"), var("y")), &found));
  ck_assert_uint_eq(found.n, 3000);
  bool gone;
  for (int i = 0; i < 1500; i++)
    ck_assert(ambi_space_remove(space, E(fact_head, num(i), E(num(i), num(i))),
                                &gone) &&
              gone);
  ck_assert(ambi_space_remove(space, E(sym("="), E(sym("f"), num(1)), var("x")),
                              &gone) &&
            gone);
  ambi_guard(&rt);
  ck_assert(ambi_spaces_share(&rt));
  ck_assert(!guard_is_free());
  ambi_unguard(&rt);
  ck_assert(guard_is_free());
  ambi_party_enter(cx);
  for (int i = 1500; i < 3000; i++)
    ck_assert(ambi_space_remove(space, E(fact_head, num(i), E(num(i), num(i))),
                                &gone) &&
              gone);
  for (int i = 0; i < 3000; i++)
    ck_assert(ambi_space_add(space, E(dep_head, num(i), E(num(i), num(-i)))));
  for (int i = 0; i < 3; i++)
    ambi_spaces_quiesce(&rt);
  for (size_t i = 0; i < found.n; i++) {
    Value v = ambi_record_atom(found.at[i]);
    ck_assert(ambi_equal(
        v, E(fact_head, num((int64_t)i), E(num((int64_t)i), num((int64_t)i)))));
  }
  ambi_records_drop(&found);
  ambi_party_leave(cx);
  ambi_spaces_unshare(&rt);
  ambi_spaces_quiesce(&rt);
  ambi_store_quiesce(rt.store);
  check_whole();
  ck_assert_uint_eq(ambi_space_count(space), 3000);
  terms_close();
}
END_TEST

// ---- words and output -------------------------------------------------------------------
static AMB_ATOMIC(unsigned) writing;
static uint64_t lines, mixed;

static bool take_line(void *arg, const char *text, size_t len) {
  (void)arg;
  mixed += ambi_exchange(&writing, 1) != 0;
  mixed += len == 0 || text[len - 1] != '\n';
  lines++;
  sched_yield();
  ambi_store_release(&writing, 0);
  return true;
}

static Value call(Worker *w,
                  enum BuiltinStatus (*f)(Context *, const Value *, unsigned,
                                          Value *),
                  Value a, Value b) {
  Value args[2] = {a, b}, out = AMB_NONE;
  WRONG(f(w->cx, args, 2, &out) != B_OK);
  return out;
}

// Binds words of its own and reads them; prints a line now and then.
static void *bind_and_read(void *arg) {
  Worker *w = arg;
  char text[40];
  w->cx->module = ambi_module_top(w->rt);
  w->cx->space = w->cx->module->space;
  pthread_barrier_wait(&all_there);
  for (unsigned i = 0; i < rounds / 2; i++) {
    ambi_party_enter(w->cx);
    int len = snprintf(text, sizeof text, "word-%u-%u", w->me, i);
    Value word = ambi_make_sym(w->cx, text, (size_t)len);
    call(w, ambi_b_bind, word, ambi_small_int((int64_t)i));
    len = snprintf(text, sizeof text, "(word-%u-%u car-atom $x other-%u)",
                   w->me, pick(w, i + 1), i);
    Value v = call(w, ambi_b_parse, ambi_make_str(w->cx, text, (size_t)len),
                   AMB_UNIT);
    WRONG(ambi_expr_size(v) != 4 || !ambi_is_int(ambi_expr_at(v, 0)));
    if (i % 8 == 0) call(w, ambi_b_println, v, AMB_UNIT);
    ambi_party_leave(w->cx);
    ambi_context_reset(w->cx);
  }
  return NULL;
}

START_TEST(test_words_and_output) {
  static Worker w[THREADS];
  Host host = {.write = take_line};
  Runtime *one = ambi_runtime_open(&host, 1);
  ck_assert(one && ambi_spaces_share(one));
  pthread_barrier_init(&all_there, NULL, THREADS);
  for (uint32_t k = 0; k < THREADS; k++)
    start(&w[k], k, one, bind_and_read);
  for (uint32_t k = 0; k < THREADS; k++) {
    pthread_join(w[k].thread, NULL);
    ck_assert_msg(!w[k].wrong, "thread %u, line %d", k, w[k].line);
    ambi_context_close(w[k].cx);
  }
  ck_assert_uint_eq(mixed, 0);
  ck_assert_uint_eq(lines, (uint64_t)THREADS * ((rounds / 2 + 7) / 8));
  pthread_barrier_destroy(&all_there);
  ambi_spaces_unshare(one);
  ambi_runtime_close(one);
}
END_TEST

// together_test [ROUNDS]
int main(int argc, char **argv) {
  if (argc > 1) rounds = (unsigned)strtoul(argv[1], NULL, 10);
  TCase *tc = tcase_create("together");
  tcase_set_timeout(tc, 0);
  tcase_add_test(tc, test_torture);
  tcase_add_test(tc, test_hot);
  tcase_add_test(tc, test_begin_in_form);
  tcase_add_test(tc, test_words_and_output);
  return unit_run(tc, "together");
}
