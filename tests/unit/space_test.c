// Spaces against a plain list of atoms: candidates in order, with and without
// indexes, while atoms come and go; rules, types, deps, solutions.
#include "runtime/spaces/share.h"
#include "tests/unit/terms.h"

static Space *space;

static void open_space(void) {
  terms_open();
  space = ambi_space_open(&rt, "test", true);
  ck_assert(space);
}

static void add(Space *s, Value v) {
  ck_assert(ambi_space_add(s, v));
}

static bool drop(Space *s, Value v) {
  bool found;
  ck_assert(ambi_space_remove(s, v, &found));
  return found;
}

// ---- the plain model ------------------------------------------------------------
typedef struct Model {
  ValueVec atoms;  // oldest first
} Model;

static void model_add(Model *m, Value v) {
  ck_assert(ambi_vec_push(&m->atoms, v));
}

static bool model_drop(Model *m, Value v) {
  for (size_t i = 0; i < m->atoms.n; i++) {
    if (!plain_equal(m->atoms.at[i], v)) continue;
    m->atoms.n--;
    memmove(m->atoms.at + i, m->atoms.at + i + 1,
            (m->atoms.n - i) * sizeof(Value));
    return true;
  }
  return false;
}

// Appends (pattern atom) after unification, for each atom that unifies.
static void model_query(const Model *m, Value pattern, ValueVec *out) {
  for (size_t i = 0; i < m->atoms.n; i++) {
    Value v = ambi_copy_renamed(cx, m->atoms.at[i], NULL, NULL);
    size_t mark = cx->tr;
    if (plain_unify(pattern, v))
      ck_assert(ambi_vec_push(out, ambi_resolve(cx, pattern)));
    ambi_trail_undo(cx, mark);
  }
}

static size_t spurious, matching;

static void space_query(Space *s, Value pattern, ValueVec *out) {
  RecordVec records = {0};
  ck_assert(ambi_space_query(cx, s, pattern, &records));
  for (size_t i = 0; i < records.n; i++) {
    size_t mark = cx->tr;
    bool ok = ambi_record_unify(cx, records.at[i], pattern);
    if (ok) ck_assert(ambi_vec_push(out, ambi_resolve(cx, pattern)));
    spurious += !ok;
    matching += ok;
    ambi_trail_undo(cx, mark);
  }
  ambi_records_drop(&records);
}

static void compare_answers(ValueVec *want, ValueVec *got) {
  ck_assert_uint_eq(want->n, got->n);
  for (size_t i = 0; i < want->n; i++)
    ck_assert(ambi_alpha_equal(want->at[i], got->at[i]) ||
              !ambi_equal(want->at[i], want->at[i]));
  ambi_vec_drop(want);
  ambi_vec_drop(got);
}

static uint32_t at_once[FACT_ASK + 1];  // answers of each kind

// What is told at once, where that is easy.
static void check_at_once(Value pattern, size_t want) {
  if (!ambi_is_expr(pattern)) return;
  Record r;
  FlatAsk ask =
      ambi_flat_ask(ambi_expr_items(pattern), ambi_expr_size(pattern));
  size_t mark = cx->tr;
  enum FactAnswer answer = ambi_space_fact(cx, space, &ask, &r);
  ambi_trail_undo(cx, mark);
  at_once[answer]++;
  if (answer == FACT_NONE || answer == FACT_ONE)
    ck_assert_uint_eq(want, answer == FACT_ONE);
  if (answer == FACT_CANDIDATE)
    ck_assert_uint_eq(ambi_record_unify(cx, r, pattern), want);
  ambi_trail_undo(cx, mark);
}

static void check_query(const Model *m, Value pattern) {
  ValueVec want = {0}, got = {0};
  model_query(m, pattern, &want);
  check_at_once(pattern, want.n);
  space_query(space, pattern, &got);
  compare_answers(&want, &got);
}

static void check_atoms(const Model *m) {
  RecordVec all = {0};
  ck_assert(ambi_space_atoms(space, &all));
  ck_assert_uint_eq(all.n, m->atoms.n);
  ck_assert_uint_eq(ambi_space_count(space), m->atoms.n);
  for (size_t i = 0; i < all.n; i++) {
    Template t = ambi_record_template(all.at[i]);
    Value v = instance(&t, true);
    ck_assert(plain_equal(v, m->atoms.at[i]) || !ambi_equal(v, v));
  }
  ambi_records_drop(&all);
}

// An atom shaped like facts and rules: often the same heads.
static Value random_fact(uint32_t vars_in_100, uint32_t depth) {
  Scope s = {.vars_in_100 = vars_in_100};
  if (below(10) == 0) return random_term(&s, depth);
  Value items[4] = {below(3) ? sym(below(2) ? "=" : "foo") : random_leaf(&s)};
  uint32_t n = 2 + below(2);
  for (uint32_t i = 1; i < n; i++)
    items[i] = random_term(&s, depth - 1);
  return ambi_make_expr(cx, items, n);
}

static void run_model(uint32_t steps, uint32_t size, uint32_t vars) {
  Model m = {0};
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t what = below(10);
    if (what < 5 && (m.atoms.n < size || what < 1)) {
      Value v = random_fact(vars, 3);
      add(space, v);
      model_add(&m, v);
    } else if (what < 7 && m.atoms.n > 0) {
      Value v = m.atoms.at[below((uint32_t)m.atoms.n)];
      if (below(8) == 0) v = random_fact(vars, 3);
      ck_assert_int_eq(drop(space, v), model_drop(&m, v));
    } else {
      check_query(&m, random_fact(40, 3));
    }
    if (i % 97 == 0) ambi_spaces_quiesce(&rt);
    if (i % 500 == 0) check_atoms(&m);
  }
  while (m.atoms.n > 0) {
    Value v = m.atoms.at[below((uint32_t)m.atoms.n)];
    if (model_drop(&m, v))
      ck_assert(drop(space, v));
    else
      m.atoms.n = 0;  // a NaN: equal to nothing
  }
  ambi_vec_drop(&m.atoms);
}

START_TEST(test_model_small) {
  for (int i = 0; i < 20; i++) {
    space = ambi_space_open(&rt, NULL, false);
    run_model(400, 12, 15);
  }
}
END_TEST

START_TEST(test_model_ground) {
  run_model(6000, 300, 0);
}
END_TEST

START_TEST(test_model_variables) {
  run_model(6000, 200, 20);
  // The indexes must be worth something.
  ck_assert_uint_gt(matching, 1000);
  ck_assert_uint_lt(spurious, matching);
}
END_TEST

static size_t count(Value pattern) {
  RecordVec v = {0};
  ck_assert(ambi_space_query(cx, space, pattern, &v));
  size_t n = v.n;
  ambi_records_drop(&v);
  return n;
}

static Value stored(Value v) {
  Template t = make(v);
  ck_assert_uint_eq(t.nvars, 0);
  return t.atom;
}

// Atoms appended at once are found like those that came one by one.
START_TEST(test_append) {
  Model m = {0};
  ValueVec facts = {0};
  for (int i = 0; i < 3000; i++) {
    Value v = below(3) ? E(sym("edge"), num(below(50)), num(below(9)))
                       : random_fact(0, 2);
    if (!ambi_equal(v, v)) continue;
    ck_assert(ambi_vec_push(&facts, stored(v)));
    model_add(&m, v);
    if (below(300)) continue;
    ck_assert_uint_eq(ambi_space_append(space, facts.at, facts.n), facts.n);
    facts.n = 0;
    for (int k = 0; k < 10; k++)
      check_query(&m, random_fact(40, 3));
    check_query(&m, E(sym("edge"), num(below(50)), var("x")));
    check_atoms(&m);
  }
  const char *why = NULL;
  ck_assert_msg(ambi_space_is_valid(space, &why), "%s", why);
  ambi_vec_drop(&facts);
  ambi_vec_drop(&m.atoms);
}
END_TEST

// Appending stops where memory is out, and says where.
START_TEST(test_append_memory_out) {
  Value facts[300];
  for (int i = 0; i < 300; i++)
    facts[i] = stored(E(sym(i < 150 ? "p" : "q"), num(i)));
  for (uint64_t n = 1; n < 20; n++) {
    space = ambi_space_open(&rt, NULL, false);
    ambi_alloc_fail_at(n);
    size_t done = ambi_space_append(space, facts, 300);
    ambi_alloc_fail_at(0);
    ck_assert_uint_eq(ambi_space_count(space), done);
    ck_assert(done == 0 || done == 150 || done == 300);
    done += ambi_space_append(space, facts + done, 300 - done);
    ck_assert_uint_eq(done, 300);
    for (int i = 0; i < 300; i++) {
      ck_assert(drop(space, facts[i]));
      facts[i] = stored(facts[i]);
    }
  }
}
END_TEST

// The version for a pattern tells of what could match it, and of nothing else.
START_TEST(test_version) {
  Space *dep = ambi_space_open(&rt, NULL, true);
  ck_assert(dep && ambi_space_add_dep(space, dep));
  Value p = sym("p");
  uint64_t none = ambi_space_version(space, p, 2),
           any = ambi_space_version(space, AMB_NONE, 2);
  add(space, E(p, num(1), num(2)));
  add(dep, E(sym("q"), num(1)));
  ck_assert_uint_eq(ambi_space_version(space, p, 2), none);
  ck_assert_uint_ne(ambi_space_version(space, AMB_NONE, 2), any);
  Value each[] = {E(p, num(1)), E(var("h"), num(2)), var("all")};
  for (int i = 0; i < 12; i++) {
    uint64_t before = ambi_space_version(space, p, 2);
    Space *s = i & 1 ? dep : space;
    if (i < 6)
      add(s, each[i / 2]);
    else
      ck_assert(drop(s, each[(i - 6) / 2]));
    ck_assert_uint_ne(ambi_space_version(space, p, 2), before);
  }
}
END_TEST

// Ordinals begin again when they run out, and nobody sees it.
START_TEST(test_ordinals_run_out) {
  Model m = {0};
  SpaceData *d = ambi_load_relaxed(&space->x_data);
  d->next_ordinal = UINT32_MAX - 250;
  for (int i = 0; i < 1000; i++) {
    Value v = random_fact(10, 3);
    if (!ambi_equal(v, v)) continue;
    add(space, v);
    model_add(&m, v);
    Value old = m.atoms.at[below((uint32_t)m.atoms.n)];
    if (below(3)) ck_assert_int_eq(drop(space, old), model_drop(&m, old));
    if (i % 50 == 0) {
      check_query(&m, random_fact(40, 3));
      check_query(&m, E(var("h"), var("x")));
      check_atoms(&m);
    }
  }
  ck_assert_uint_lt(d->next_ordinal, UINT32_MAX - 250);
  const char *why = NULL;
  ck_assert_msg(ambi_space_is_valid(space, &why), "%s", why);
  ambi_vec_drop(&m.atoms);
}
END_TEST

// A table guesses how many keys will come, and does not keep a guess that was wrong.
START_TEST(test_index_fits) {
  Value x = var("x");
  enum { KEYS = 20000, FACTS = 400000 };
  Word *top = cx->h;
  for (int64_t i = 0; i < FACTS; i++, cx->h = top)
    add(space, E(sym("k"), num(i < KEYS ? i : 7), num(i)));
  ck_assert_uint_eq(count(E(sym("k"), num(9), x)), 1);
  ck_assert_uint_eq(count(E(sym("k"), x, num(9))), 1);
  const Relation *rel = ambi_space_relation(space, REL_SYMBOL, name("k"), 3);
  const Index *few = ambi_relation_has_index(rel, ambi_path(1));
  const Index *all = ambi_relation_has_index(rel, ambi_path(2));
  ck_assert(few && few->x_used == KEYS);
  ck_assert_uint_lt(ambi_load_relaxed(&few->x_table)->cap, 8 * KEYS + 256);
  ck_assert(all && all->x_used <= FACTS);
  ck_assert_uint_lt(ambi_load_relaxed(&all->x_table)->cap, FACTS / 10 * 17);
}
END_TEST

// A key that comes and goes beside others that stay takes no more and more room.
START_TEST(test_churn_is_flat) {
  Value x = var("x");
  for (int64_t i = 0; i < 1000; i++)
    add(space, E(sym("k"), num(i), num(i % 10)));
  size_t first = 0;
  for (int64_t i = 0; i < 200000; i++) {
    ck_assert(drop(space, E(sym("k"), num(i % 1000), num(i % 10))));
    add(space, E(sym("k"), num(i % 1000), num(i % 10)));
    if (i % 7 == 0) {
      RecordVec v = {0};
      ck_assert(ambi_space_query(cx, space, E(sym("k"), num(i % 1000), x), &v));
      ck_assert_uint_eq(v.n, 1);
      ambi_records_drop(&v);
    }
    if (i % 100 == 0) {
      ambi_spaces_quiesce(&rt);
      ambi_store_quiesce(rt.store);
      cx->tr = 0;
      ambi_context_reset(cx);
      x = var("x");
    }
    if (i == 20000) first = ambi_alloc_bytes();
  }
  ck_assert_uint_le(ambi_alloc_bytes(), first + first / 10);
}
END_TEST

// ---- single claims --------------------------------------------------------------
START_TEST(test_one_candidate) {
  for (int64_t i = 0; i < 1000; i++) {
    add(space, E(sym("edge"), num(i % 10), num(i)));
    add(space, E(sym("="), E(sym("f"), num(i), E(sym("g"), num(i))), num(1)));
    add(space, E(AMB_OP_ID(1), num(i)));
    add(space, E(E(sym("h"), num(i)), sym("b")));
    add(space, num(i));
  }
  Value x = var("x");
  ck_assert_uint_eq(count(E(sym("edge"), x, ambi_double(77))), 1);
  ck_assert_uint_eq(count(E(sym("edge"), num(3), x)), 100);
  ck_assert_uint_eq(count(E(sym("edge"), num(3), num(14))), 0);
  ck_assert_uint_eq(count(E(sym("edge"), num(3), num(13))), 1);
  ck_assert_uint_eq(
      count(E(sym("="), E(sym("f"), x, E(sym("g"), num(5))), var("y"))), 1);
  ck_assert_uint_eq(count(E(sym("="), E(sym("f"), num(5), x), var("y"))), 1);
  ck_assert_uint_eq(count(E(AMB_OP_ID(1), num(44))), 1);
  ck_assert_uint_eq(count(E(AMB_OP_ID(2), num(44))), 0);
  ck_assert_uint_eq(count(E(E(sym("h"), num(44)), x)), 1);
  ck_assert_uint_eq(count(num(44)), 1);
  ck_assert_uint_eq(count(x), 5000);
  ck_assert_uint_eq(count(E(x, num(44))), 1);
  // A stored variable is a candidate everywhere, in its place.
  add(space, var("any"));
  ck_assert_uint_eq(count(num(44)), 2);
  ck_assert_uint_eq(count(E(sym("edge"), num(3), num(13))), 2);
}
END_TEST

// ---- where an answer was --------------------------------------------------------
static uint32_t told[FACT_ASK + 1];  // answers of each kind

static Value edge(Value from, Value to) {
  return E(sym("edge"), from, to);
}

// All that there are, in their order.
static void all_there(const RecordVec *all, const ValueVec *want) {
  ck_assert_uint_eq(all->n, want->n);
  for (size_t i = 0; i < all->n; i++)
    ck_assert(plain_equal(ambi_record_atom(all->at[i]), want->at[i]));
}

// The general way says so, and shows where; a place that is kept says the same.
static void ask_place(const Model *m, FactPlace *place) {
  Value to = var("to"),
        key = below(9) ? num(below(60)) : ambi_double(below(60)),
        items[] = {sym("edge"), key, to};
  const Value *parts = NULL;
  FlatAsk ask = ambi_flat_ask(items, 3);
  ValueVec want = {0};
  model_query(m, edge(key, to), &want);
  RecordVec all = {0};
  enum FactAnswer answer = ambi_fact_there(cx, space, place, key, &parts, &all);
  told[answer]++;
  if (answer == FACT_SEVERAL)
    all_there(&all, &want);
  else if (answer != FACT_ASK)
    ck_assert_uint_eq(want.n, answer == FACT_ONE);
  if (answer == FACT_ONE)
    ck_assert(plain_equal(parts[2], ambi_expr_at(want.at[0], 2)));
  ambi_records_drop(&all);
  ambi_vec_drop(&want);
  if (answer != FACT_ASK) return;
  RecordVec records = {0};  // makes the index
  ck_assert(ambi_space_query_items(cx, space, items, 3, &records));
  ambi_records_drop(&records);
  size_t mark = cx->tr;
  Record fact;
  if (ambi_space_fact(cx, space, &ask, &fact) != FACT_ASK)
    ambi_fact_place(cx, space, &ask, place);
  ambi_trail_undo(cx, mark);
}

// Facts, few for each key; seldom one that matches whatever is asked, and not for long.
// `heads`: also those whose head is a variable, after which no place is kept.
static Value random_edge(bool heads) {
  uint32_t kind = below(300);
  if (kind == 0) return edge(var("any"), num(1));
  if (kind == 1 && heads) return E(var("head"), num(below(60)), num(2));
  return edge(num(below(60)), num(below(9)));
}

static bool is_plain_edge(Value v) {
  return !ambi_is_var(ambi_expr_at(v, 0)) && !ambi_is_var(ambi_expr_at(v, 1));
}

static void change_edges(Model *m, bool heads) {
  size_t i = m->atoms.n ? below((uint32_t)m->atoms.n) : 0;
  for (size_t k = 0; k < m->atoms.n; k++)
    if (!is_plain_edge(m->atoms.at[k]) && below(40) == 0) i = k;
  if (m->atoms.n && (m->atoms.n > 50 || below(2))) {
    Value v = m->atoms.at[i];
    ck_assert_int_eq(drop(space, v), model_drop(m, v));
    return;
  }
  Value v = random_edge(heads);
  add(space, v);
  model_add(m, v);
}

// Several threads share the spaces, or do no more.
static void turn_over(void) {
  if (rt.sharing)
    ambi_spaces_unshare(&rt);
  else
    ck_assert(ambi_spaces_share(&rt));
}

// What others come to have is noticed as well. By turns alone and together: a place stays
// good meanwhile.
START_TEST(test_fact_places) {
  Model m = {0};
  FactPlace place = {0};
  Space *dep = ambi_space_open(&rt, NULL, true);
  ck_assert(dep && ambi_space_add_dep(space, dep));
  for (int i = 0; i < 40000; i++) {
    if (below(12) == 0) change_edges(&m, i > 30000);
    ask_place(&m, &place);
    if (i % 40 == 0) check_query(&m, edge(num(below(60)), var("to")));
    if (i % 500 == 0) ambi_spaces_quiesce(&rt);
    if (_i && i % 1700 == 0) turn_over();
  }
  ck_assert_uint_gt(told[FACT_ONE], 1000);
  ck_assert_uint_gt(told[FACT_NONE], 1000);
  ck_assert_uint_gt(told[FACT_SEVERAL], 1000);
  ck_assert_uint_gt(told[FACT_ASK], 1000);
  ck_assert_uint_gt(at_once[FACT_NONE], 20);
  ck_assert_uint_gt(at_once[FACT_ONE], 20);
  const Value *parts;
  RecordVec all = {0};
  add(dep, edge(num(1), num(1)));
  for (int64_t k = 0; k < 60; k++)
    ck_assert(ambi_fact_there(cx, space, &place, num(k), &parts, &all) ==
              FACT_ASK);
  ambi_records_drop(&all);
  ambi_spaces_unshare(&rt);
  ambi_vec_drop(&m.atoms);
}
END_TEST

// The head is not known, but an argument is: each relation of that size looks in its own
// index, and what they find comes in the order in which it was added.
START_TEST(test_open_head) {
  enum { HEADS = 60, FACTS = 6000 };
  Model m = {0};
  char head[] = "h00";
  for (int64_t i = 0; i < FACTS; i++) {
    head[1] = (char)('0' + i % HEADS / 10);
    head[2] = (char)('0' + i % 10);
    Value v = i % 7 ? E(sym(head), num(i % 97), num(i)) : E(sym(head), num(i));
    if (i == 3000) v = E(var("any"), num(44), var("what"));
    if (i == 4000) v = var("atom");
    if (i % 500 == 1) v = E(E(sym(head), num(i)), num(44), num(i));
    add(space, v);
    model_add(&m, v);
  }
  Value x = var("x"), y = var("y");
  check_query(&m, E(x, num(44), y));
  check_query(&m, E(x, y, num(44)));
  check_query(&m, E(x, y, x));
  check_query(&m, E(E(x, num(501)), num(44), y));
  const Relation *rel = ambi_space_relation(space, REL_SYMBOL, name("h01"), 3);
  const Index *index = ambi_relation_has_index(rel, ambi_path(1));
  ck_assert(index && ambi_index_upto(index) == ambi_relation_n(rel));
  rel = ambi_space_relation(space, REL_SYMBOL, name("h07"), 2);
  ck_assert_ptr_null(ambi_relation_has_index(rel, ambi_path(1)));
  for (size_t i = m.atoms.n; i-- > 0;) {
    Value v = m.atoms.at[i];
    if (i % 3 && ambi_is_ground_expr(v)) {
      ck_assert(drop(space, v));
      ck_assert(model_drop(&m, v));
    }
  }
  check_query(&m, E(x, num(44), y));
  ambi_vec_drop(&m.atoms);
}
END_TEST

START_TEST(test_remove_literal) {
  add(space, E(sym("="), E(sym("f"), var("x")), num(1)));
  ck_assert(!drop(space, E(sym("="), E(sym("f"), var("zz")), num(1))));
  ck_assert(!drop(space, E(sym("="), E(sym("f"), fresh("x")), num(1))));
  ck_assert(drop(space, E(sym("="), E(sym("f"), var("x")), ambi_double(1))));
  add(space, E(sym("g"), fresh("x")));
  ck_assert(!drop(space, E(sym("g"), var("x"))));
  ck_assert(drop(space, E(sym("g"), fresh("x"))));
  add(space, state(num(1)));
  ck_assert(drop(space, state(num(1))));
  ck_assert(!drop(space, state(num(1))));
}
END_TEST

START_TEST(test_snapshot) {
  for (int64_t i = 0; i < 100; i++)
    add(space, E(sym("p"), num(i)));
  RecordVec v = {0};
  ck_assert(ambi_space_query(cx, space, E(sym("p"), var("x")), &v));
  for (int64_t i = 0; i < 100; i++)
    ck_assert(drop(space, E(sym("p"), num(i))));
  ck_assert_uint_eq(v.n, 100);
  ck_assert_uint_eq(ambi_space_count(space), 0);
  for (size_t i = 0; i < v.n; i++)
    ck_assert_int_eq(ambi_int_of(ambi_expr_at(ambi_record_atom(v.at[i]), 1)),
                     i);
  ambi_records_drop(&v);
  ambi_spaces_quiesce(&rt);
  ambi_store_quiesce(rt.store);
  ck_assert_uint_eq(count(var("x")), 0);
}
END_TEST

static size_t rules(Space *s, Value head, uint32_t nargs, RecordVec *v) {
  ck_assert(ambi_space_rules(s, head, nargs, v));
  ck_assert_int_eq(ambi_space_has_rules(s, head, nargs), v->n > 0);
  size_t n = v->n;
  ambi_records_drop(v);
  return n;
}

START_TEST(test_rules) {
  RecordVec v = {0};
  Value x = var("x");
  for (int64_t i = 0; i < 100; i++) {
    add(space, E(sym("="), E(sym("f"), num(i)), num(i)));
    add(space, E(sym("="), E(sym("g"), num(i), x), num(i)));
    add(space, E(sym("="), E(sym(i % 2 ? "h" : "k"), num(i)), num(i)));
  }
  ck_assert_uint_eq(rules(space, sym("f"), 1, &v), 100);
  ck_assert_uint_eq(rules(space, sym("f"), 2, &v), 0);
  ck_assert_uint_eq(rules(space, sym("h"), 1, &v), 50);
  add(space, E(sym("="), E(x, num(1)), num(1)));
  add(space, E(sym("="), x, num(1)));
  add(space, E(sym("="), E(E(sym("c"), x), num(1)), num(1)));
  add(space, E(sym("="), E(AMB_OP_ID(3), num(1)), num(1)));
  add(space, E(sym("="), sym("f"), num(1)));
  ck_assert_uint_eq(rules(space, sym("f"), 1, &v), 102);
  ck_assert_uint_eq(rules(space, sym("f"), 2, &v), 1);
  ck_assert_uint_eq(rules(space, AMB_NONE, 1, &v), 3);
  ck_assert_uint_eq(rules(space, AMB_OP_ID(3), 1, &v), 3);
  ck_assert_uint_eq(rules(space, AMB_OP_ID(4), 1, &v), 2);
  ck_assert_uint_eq(rules(space, num(5), 1, &v), 2);
}
END_TEST

START_TEST(test_deps_and_yield) {
  RecordVec v = {0};
  Space *lib = ambi_space_open(&rt, "lib", true);
  Space *mod = ambi_space_open(&rt, "mod", true);
  ck_assert(lib && mod && ambi_space_add_dep(space, lib));
  ck_assert(ambi_space_add_dep(space, lib) && ambi_space_ndeps(space) == 1);
  ck_assert(ambi_space_add_dep(space, mod));
  Value x = var("x");
  add(lib, E(sym("="), E(sym("once"), x), num(1)));
  add(lib, E(sym(":"), sym("once"), sym("T")));
  add(lib, E(sym("="), E(sym("f"), x), num(2)));
  ck_assert(ambi_space_yield(lib, name("once")));
  ck_assert(ambi_space_yield(lib, name("f")));
  Value once_rule = E(sym("="), E(sym("once"), x), var("y"));
  ck_assert_uint_eq(rules(space, sym("once"), 1, &v), 1);
  ck_assert_uint_eq(count(once_rule), 1);
  // Defined by the program: the library's rules and types give way.
  add(space, E(sym(":"), sym("once"), sym("Mine")));
  ck_assert_uint_eq(rules(space, sym("once"), 1, &v), 0);
  ck_assert_uint_eq(rules(lib, sym("once"), 1, &v), 1);
  ck_assert_uint_eq(count(once_rule), 0);
  ck_assert(ambi_space_types(space, sym("once"), &v) && v.n == 1);
  ambi_records_drop(&v);
  ck_assert(drop(space, E(sym(":"), sym("once"), sym("Mine"))));
  ck_assert_uint_eq(rules(space, sym("once"), 1, &v), 1);
  ck_assert(ambi_space_types(space, sym("once"), &v) && v.n == 1);
  ambi_records_drop(&v);
  // By another module that does not yield it.
  add(mod, E(sym("="), E(sym("f"), x), num(3)));
  ck_assert(ambi_space_rules(space, sym("f"), 1, &v) && v.n == 1);
  ck_assert(ambi_same(ambi_expr_at(ambi_record_atom(v.at[0]), 2), num(3)));
  ambi_records_drop(&v);
  // Own atoms first, then those of deps in order.
  add(space, E(sym("q"), num(1)));
  add(mod, E(sym("q"), num(3)));
  add(lib, E(sym("q"), num(2)));
  ck_assert(ambi_space_query(cx, space, E(sym("q"), x), &v) && v.n == 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert_int_eq(ambi_int_of(ambi_expr_at(ambi_record_atom(v.at[i]), 1)),
                     i + 1);
  ambi_records_drop(&v);
  ck_assert_uint_eq(ambi_space_count(space), 1);
}
END_TEST

static int changes;
static size_t size_seen;
static void changed(Runtime *r, Space *s, Value atom) {
  ck_assert(r == &rt && ambi_is_expr(atom));
  size_seen = ambi_space_count(s);
  changes++;
}

START_TEST(test_rules_changed) {
  rt.rules_changed = changed;
  Space *plain = ambi_space_open(&rt, NULL, false);
  add(plain, E(sym("="), E(sym("f")), num(1)));
  ck_assert_int_eq(changes, 0);
  ambi_space_evaluates(plain);
  add(plain, E(sym("="), E(sym("g")), num(1)));
  ck_assert(changes == 1 && size_seen == 1);
  add(plain, E(sym(":"), sym("f"), sym("T")));
  add(plain, E(sym(":<"), sym("f"), sym("T")));
  add(plain, E(sym("f"), sym("T")));
  ck_assert_int_eq(changes, 3);
  ck_assert(drop(plain, E(sym("="), E(sym("f")), num(1))));
  ck_assert(changes == 4 && size_seen == 5);
  ck_assert(!drop(plain, E(sym("="), E(sym("f")), num(1))));
  ck_assert_int_eq(changes, 4);
  uint64_t version = plain->version;
  add(plain, sym("a"));
  ck_assert_uint_gt(plain->version, version);
}
END_TEST

// ---- solutions --------------------------------------------------------------------
static void solve(Value pattern, ValueVec *vars, ValueVec *values, size_t *n) {
  size_t trail = cx->tr;
  ck_assert(ambi_space_solve(cx, space, pattern, vars, values, n));
  ck_assert_uint_eq(cx->tr, trail);
  ck_assert_uint_eq(values->n, *n * vars->n);
  for (size_t i = 0; i < vars->n; i++)
    ck_assert(ambi_var_unbound(vars->at[i]));
}

START_TEST(test_conjunction) {
  static const char *const names[] = {"a", "b", "c", "d"};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      if (i < j) add(space, E(sym("lt"), sym(names[i]), sym(names[j])));
  Value x = var("x"), y = var("y"), z = var("z"), comma = sym(",");
  ValueVec vars = {0}, values = {0};
  size_t n;
  solve(E(comma, E(sym("lt"), x, y), E(sym("lt"), y, z)), &vars, &values, &n);
  static const char *const want[] = {"abc", "abd", "acd", "bcd"};
  ck_assert(n == 4 && vars.n == 3);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 3; k++)
      ck_assert(
          ambi_same(values.at[i * 3 + k], sym((char[]){want[i][k], '\0'})));
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
  solve(E(comma), &vars, &values, &n);
  ck_assert(n == 1 && vars.n == 0);
  solve(E(comma, E(sym("lt"), sym("d"), x)), &vars, &values, &n);
  ck_assert(n == 0 && vars.n == 1);
  ambi_vec_drop(&vars);
  // Only the outermost comma is special.
  solve(E(comma, E(comma, E(sym("lt"), x, y))), &vars, &values, &n);
  ck_assert_uint_eq(n, 0);
  ambi_vec_drop(&vars);
  // Variables of facts surface; the query's name wins.
  Value v = var("v");
  add(space, E(sym("any"), v, v));
  solve(E(sym("any"), x, y), &vars, &values, &n);
  ck_assert(n == 1 && ambi_same(values.at[0], values.at[1]));
  ck_assert(ambi_same(values.at[0], x) || ambi_same(values.at[0], y));
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
}
END_TEST

START_TEST(test_join_random) {
  Model m = {0};
  for (int i = 0; i < 60; i++) {
    Scope s = {.vars_in_100 = 10};
    Value v = E(sym("r"), random_leaf(&s), random_leaf(&s));
    if (!ambi_equal(v, v)) continue;
    add(space, v);
    model_add(&m, v);
  }
  for (int i = 0; i < 200; i++) {
    Scope s = {.vars_in_100 = 70};
    Value p = E(sym("r"), random_leaf(&s), random_leaf(&s));
    Value q = E(sym("r"), random_leaf(&s), random_leaf(&s));
    Value both = E(sym(","), p, q);
    ValueVec want = {0}, got = {0}, vars = {0}, values = {0};
    for (size_t k = 0; k < m.atoms.n; k++) {
      size_t mark = cx->tr;
      if (plain_unify(p, ambi_copy_renamed(cx, m.atoms.at[k], NULL, NULL)))
        for (size_t j = 0; j < m.atoms.n; j++) {
          size_t inner = cx->tr;
          if (plain_unify(q, ambi_copy_renamed(cx, m.atoms.at[j], NULL, NULL)))
            ck_assert(ambi_vec_push(&want, ambi_resolve(cx, both)));
          ambi_trail_undo(cx, inner);
        }
      ambi_trail_undo(cx, mark);
    }
    size_t n;
    solve(both, &vars, &values, &n);
    for (size_t k = 0; k < n; k++) {
      size_t mark = cx->tr;
      for (size_t j = 0; j < vars.n; j++)
        ck_assert(ambi_unify(cx, vars.at[j], values.at[k * vars.n + j]));
      ck_assert(ambi_vec_push(&got, ambi_resolve(cx, both)));
      ambi_trail_undo(cx, mark);
    }
    compare_answers(&want, &got);
    ambi_vec_drop(&vars);
    ambi_vec_drop(&values);
  }
  ambi_vec_drop(&m.atoms);
}
END_TEST

// ---- much -------------------------------------------------------------------------
START_TEST(test_many_and_deep) {
  Value d = deep(1000000, var("x"), false);
  add(space, E(sym("deep"), d));
  for (int64_t i = 0; i < 20; i++)
    add(space, E(sym("deep"), num(i)));
  ValueVec vars = {0}, values = {0};
  size_t n;
  solve(E(sym("deep"), deep(1000000, num(1), false)), &vars, &values, &n);
  ck_assert_uint_eq(n, 1);
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
  ck_assert(drop(space, E(sym("deep"), d)));
  // Equal copies and a queue: removal stays cheap.
  for (int64_t i = 0; i < 50000; i++)
    add(space, E(sym("same"), sym("a")));
  for (int64_t i = 0; i < 50000; i++) {
    ck_assert(drop(space, E(sym("same"), sym("a"))));
    add(space, E(sym("job"), sym("now"), num(i)));
    add(space, E(sym("job"), sym("now"), num(i + 1)));
    ck_assert(drop(space, E(sym("job"), sym("now"), num(i))));
    if (i % 100 == 0) {
      ck_assert_uint_ge(count(E(sym("job"), sym("now"), num(i + 1))), 1);
      ambi_spaces_quiesce(&rt);
      ambi_store_quiesce(rt.store);
      cx->tr = 0;
      ambi_context_reset(cx);
    }
  }
  ck_assert_uint_eq(ambi_space_count(space), 20 + 50000);
}
END_TEST

START_TEST(test_memory_out) {
  for (int64_t i = 0; i < 200; i++)
    add(space, E(sym("edge"), num(i % 20), num(i)));
  bool done = false;
  size_t size = 200;
  for (uint64_t n = 1; !done; n++) {
    Space *s = ambi_space_open(&rt, NULL, false);
    ck_assert(s);
    bool ok = true;
    ambi_alloc_fail_at(n);
    for (int64_t i = 0; ok && i < 40; i++) {
      ok = ambi_space_add(s, E(sym("="), E(sym("f"), num(i)), num(i)));
      ck_assert_uint_eq(ambi_space_count(s), (size_t)i + ok);
    }
    bool found;
    ok = ok &&
         ambi_space_remove(s, E(sym("="), E(sym("f"), num(3)), num(3)), &found);
    RecordVec v = {0};
    ok = ok && ambi_space_query(cx, s,
                                E(sym("="), E(sym("f"), num(2)), var("x")), &v);
    ambi_alloc_fail_at(0);
    if (ok) ck_assert(found && v.n == 1);
    done = ok && n > 100;
    cx->stop = STOP_NONE;
    ambi_records_drop(&v);
  }
  done = false;
  for (uint64_t n = 1; !done; n++) {
    ValueVec vars = {0}, values = {0};
    size_t solutions;
    Value x = var("x"), y = var("y"), z = var("z");
    ambi_alloc_fail_at(n);
    done = ambi_space_solve(
        cx, space, E(sym(","), E(sym("edge"), x, y), E(sym("edge"), y, z)),
        &vars, &values, &solutions);
    ambi_alloc_fail_at(0);
    ck_assert_int_eq(cx->stop, done ? STOP_NONE : STOP_MEMORY);
    ck_assert(ambi_var_unbound(x) && ambi_var_unbound(y) && cx->tr == 0);
    if (done) ck_assert_uint_eq(solutions, size);
    cx->stop = STOP_NONE;
    ambi_vec_drop(&vars);
    ambi_vec_drop(&values);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("space");
  tcase_add_checked_fixture(tc, open_space, terms_close);
  tcase_add_test(tc, test_model_small);
  tcase_add_test(tc, test_model_ground);
  tcase_add_test(tc, test_model_variables);
  tcase_add_test(tc, test_append);
  tcase_add_test(tc, test_append_memory_out);
  tcase_add_test(tc, test_version);
  tcase_add_test(tc, test_ordinals_run_out);
  tcase_add_test(tc, test_index_fits);
  tcase_add_test(tc, test_churn_is_flat);
  tcase_add_test(tc, test_one_candidate);
  tcase_add_loop_test(tc, test_fact_places, 0, 2);
  tcase_add_test(tc, test_open_head);
  tcase_add_test(tc, test_remove_literal);
  tcase_add_test(tc, test_snapshot);
  tcase_add_test(tc, test_rules);
  tcase_add_test(tc, test_deps_and_yield);
  tcase_add_test(tc, test_rules_changed);
  tcase_add_test(tc, test_conjunction);
  tcase_add_test(tc, test_join_random);
  tcase_add_test(tc, test_many_and_deep);
  tcase_add_test(tc, test_memory_out);
  return unit_run(tc, "space");
}
