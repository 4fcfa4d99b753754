// Conjunctions against nested loops over a plain list of atoms: the same solutions in
// the same order, whatever the plan is; with facts that come and go, nested patterns,
// variables in facts, variables for heads, facts of another space, which may keep some
// back, numbers that are equal and not the same, and memory that runs out.
//
// AMBIT_LONG=1 makes it a million cases.
#include "memory/stress.h"
#include "runtime/atoms/work.h"
#include "runtime/spaces/join.h"
#include "tests/unit/terms.h"

enum { MAX_FACTS = 300, MAX_GOALS = 5 };

static Space *space, *other;
static Value facts[2]
                  [MAX_FACTS];  // of the space, of the other one; oldest first
static uint32_t nfacts[2], keys;  // how many different leaves
static bool yields;  // does the other space give way where it has the symbol?
static uint64_t planned, reordered, with_variables, hashed, asked, cases,
    solved;
static uint64_t held_back;  // facts that were not asked for by name

static void open_spaces(void) {
  terms_open();
}

// ---- facts and patterns -------------------------------------------------------------
static Value leaf(Scope *s) {
  if (below(100) < s->vars_in_100) return random_var(s);
  uint32_t k = below(keys);
  switch (below(12)) {
  case 0: return ambi_double(k | 1);  // equal to some integer
  case 1: return str((char[]){(char)('a' + k % 26), '\0'});
  case 2: return below(20) ? num(k) : AMB_V(AMB_CANONICAL_NAN);
  default: return k % 2 ? num(k) : sym((char[]){(char)('a' + k % 26), '\0'});
  }
}

static Value argument(Scope *s, uint32_t depth) {
  if (depth == 0 || below(4)) return leaf(s);
  Value items[3] = {below(5) ? sym(below(2) ? "f" : "g") : leaf(s)};
  uint32_t n = 1 + below(3);
  for (uint32_t i = 1; i < n; i++)
    items[i] = argument(s, depth - 1);
  return ambi_make_expr(cx, items, n);
}

// Seldom there is something else than a symbol in front.
static Value head(Scope *s, uint32_t open_in_100) {
  static const char *const heads[] = {"p", "q", "r"};
  if (below(100) < open_in_100) return random_var(s);
  if (below(30)) return sym(heads[below(3)]);
  return below(2) ? num(below(3)) : argument(s, 1);
}

static Value atom(Scope *s, uint32_t depth, uint32_t open_in_100) {
  if (below(50) == 0) return leaf(s);
  Value items[4] = {head(s, open_in_100)};
  uint32_t n = below(8) ? 3 : 2 + below(3);
  for (uint32_t i = 1; i < n; i++)
    items[i] = argument(s, depth);
  return ambi_make_expr(cx, items, n);
}

static void add_some(uint32_t which, uint32_t n, uint32_t vars_in_100) {
  Space *to = which ? other : space;
  for (uint32_t i = 0; i < n && nfacts[which] < MAX_FACTS; i++) {
    Scope s = {.vars_in_100 = vars_in_100};
    Value v = atom(&s, 3, vars_in_100 ? 2 : 0);
    if (!ambi_equal(v, v)) continue;  // a NaN is never found again
    facts[which][nfacts[which]++] = v;
    ck_assert(ambi_space_add(to, v));
  }
}

static void remove_some(uint32_t which, uint32_t n) {
  for (uint32_t i = 0; i < n && nfacts[which]; i++) {
    Value *at = facts[which], v = at[below(nfacts[which])];
    uint32_t k = 0;
    while (!plain_equal(at[k], v))
      k++;
    bool found;
    ck_assert(ambi_space_remove(which ? other : space, v, &found) && found);
    memmove(at + k, at + k + 1, (--nfacts[which] - k) * sizeof *at);
  }
}

// ---- both answers -------------------------------------------------------------------
// Is it about the symbol that the other space gives way with?
static bool is_yielded(Value subject) {
  subject = ambi_deref(subject);
  while (ambi_is_expr(subject))
    subject = ambi_deref(ambi_expr_at(subject, 0));
  return ambi_same(subject, sym("a"));
}

static bool is_third_or_more(Value v) {
  return ambi_is_expr(v) && ambi_expr_size(v) > 2;
}

// Such a fact is found by who has the symbol in his pattern.
static bool is_held_back(Value pattern, Value fact) {
  pattern = ambi_deref(pattern);
  return is_third_or_more(fact) && is_yielded(ambi_expr_at(fact, 1)) &&
         !(is_third_or_more(pattern) && is_yielded(ambi_expr_at(pattern, 1)));
}

static void nested_loops(Value all, uint32_t goal, ValueVec *out) {
  if (goal == ambi_expr_size(all)) {
    ck_assert(ambi_vec_push(out, ambi_resolve(cx, all)));
    return;
  }
  for (uint32_t which = 0; which < 2; which++)
    for (uint32_t i = 0; i < nfacts[which]; i++) {
      Value v = facts[which][i];
      if (which && yields && is_held_back(ambi_expr_at(all, goal), v)) {
        held_back++;
        continue;
      }
      if (!ambi_word_ground(v)) v = ambi_copy_renamed(cx, v, NULL, NULL);
      size_t mark = cx->tr;
      if (plain_unify(ambi_expr_at(all, goal), v))
        nested_loops(all, goal + 1, out);
      ambi_trail_undo(cx, mark);
    }
}

static void by_the_space(Value all, ValueVec *out) {
  ValueVec vars = {0}, values = {0};
  size_t n;
  ck_assert(ambi_space_solve(cx, space, all, &vars, &values, &n));
  ck_assert_uint_eq(values.n, n * vars.n);
  for (size_t i = 0; i < n; i++) {
    size_t mark = cx->tr;
    for (size_t k = 0; k < vars.n; k++)
      ck_assert(ambi_unify(cx, vars.at[k], values.at[i * vars.n + k]));
    ck_assert(ambi_vec_push(out, ambi_resolve(cx, all)));
    ambi_trail_undo(cx, mark);
  }
  View few[FEW_VIEWS];
  const View *views = ambi_space_views(cx, space, NULL, 0, few);
  Join j;
  if (ambi_join_plan(&j, cx, space, views, ambi_expr_items(all) + 1,
                     ambi_expr_size(all) - 1, &vars)) {
    planned++;
    reordered += j.reordered;
    ValueVec more = {0};
    ck_assert(ambi_join_run(&j, &more, &n));
    ambi_vec_drop(&more);
    bool open = false, hash = false, asks = false;
    for (unsigned i = 0; i < j.ngoals && !j.empty; i++) {
      asks = asks || (j.goals[i].asks && j.reordered);
      open = open || j.goals[i].open;
      hash = hash || j.goals[i].hashed;
    }
    with_variables += open;
    hashed += hash;
    asked += asks;
  }
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
}

// A fact with variables in some places, so that there is something to find.
static Value like_a_fact(Scope *s, uint32_t open_in_100) {
  Value v = facts[0][below(nfacts[0])], items[4];
  if (!ambi_is_expr(v)) return random_var(s);
  uint32_t n = ambi_expr_size(v);
  for (uint32_t i = 0; i < n; i++) {
    Value c = ambi_expr_at(v, i);
    bool keep = i == 0 ? below(100) >= open_in_100 : below(3) == 0;
    items[i] = keep && ambi_word_ground(c) ? c : random_var(s);
  }
  return ambi_make_expr(cx, items, n);
}

// The same numbers, not equal ones.
static bool same_leaves(Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (!ambi_is_expr(a)) return ambi_is_double(a) == ambi_is_double(b);
  for (uint32_t i = 0; i < ambi_expr_size(a); i++)
    if (!same_leaves(ambi_expr_at(a, i), ambi_expr_at(b, i))) return false;
  return true;
}

static bool same(Value a, Value b) {
  if (!ambi_equal(a, a)) return true;
  return ambi_alpha_equal(a, b) && same_leaves(a, b);
}

static void ask(void) {
  uint32_t n = nfacts[0] + nfacts[1];
  uint32_t most = n < 12 ? 4 : n < 40 ? 3 : 2;
  Value items[MAX_GOALS] = {AMB_SYM(COMMA)};
  Scope s = {.vars_in_100 = 20 + below(60)};
  uint32_t goals = 1 + below(most), open = below(2) ? 0 : 10 + below(50);
  for (uint32_t i = 1; i <= goals; i++)
    items[i] =
        nfacts[0] && below(2) ? like_a_fact(&s, open) : atom(&s, 3, open);
  Value all = ambi_make_expr(cx, items, goals + 1);
  ValueVec want = {0}, got = {0};
  nested_loops(all, 1, &want);
  by_the_space(all, &got);
  ck_assert_uint_eq(want.n, got.n);
  for (size_t i = 0; i < want.n; i++)
    ck_assert(same(want.at[i], got.at[i]));
  cases++;
  solved += want.n > 0;
  ambi_vec_drop(&want);
  ambi_vec_drop(&got);
}

static void one_world(void) {
  ambi_stress_choose(below(2) ? "minimal" : "");  // in a build that has stress
  space = ambi_space_open(&rt, NULL, false);
  other = ambi_space_open(&rt, NULL, false);
  ck_assert(space && other);
  nfacts[0] = nfacts[1] = 0;
  keys = 2 + below(below(2) ? 6 : 60);
  uint32_t vars = below(2) ? 0 : below(2) ? 2 : 10;
  bool two = below(4) == 0;
  yields = two && below(2);
  if (two) ck_assert(ambi_space_add_dep(space, other));
  if (yields) ck_assert(ambi_space_yield(other, ambi_sym_of(sym("a"))));
  for (int i = 0; i < 6; i++) {
    add_some(0, below(below(2) ? 12 : 80), vars);
    if (two) add_some(1, below(6), vars);
    remove_some(0, below(below(3) ? 4 : 60));
    if (two) remove_some(1, below(4));
    for (int k = 0; k < 4; k++)
      ask();
  }
  const char *why = NULL;
  ck_assert_msg(ambi_space_is_valid(space, &why), "%s", why);
  ambi_spaces_quiesce(&rt);
  rt.cells = NULL;  // both spaces
  ambi_space_free(space);
  ambi_space_free(other);
  ambi_store_quiesce(rt.store);
  cx->tr = 0;
  ambi_context_reset(cx);
}

START_TEST(test_join_model) {
  uint64_t most = getenv("AMBIT_LONG") ? 1000000 : 12000;
  while (cases < most)
    one_world();
  // The plans must have been used, and orders been changed.
  ck_assert_uint_gt(planned, cases / 2);
  ck_assert_uint_gt(reordered, cases / 200);
  ck_assert_uint_gt(with_variables, cases / 20);
  ck_assert_uint_gt(asked, cases / 200);
  ck_assert_uint_gt(held_back, cases / 50);
  if (ambi_stress_choose("minimal")) ck_assert_uint_gt(hashed, cases / 100);
  ambi_stress_choose("");
}
END_TEST

// ---- single claims --------------------------------------------------------------------
static void plan(Value all, Join *j, ValueVec *vars, size_t want) {
  ValueVec values = {0};
  View few[FEW_VIEWS];
  const View *views = ambi_space_views(cx, space, NULL, 0, few);
  size_t n;
  ck_assert(ambi_collect_vars(cx, all, vars));
  ck_assert(ambi_join_plan(j, cx, space, views, ambi_expr_items(all) + 1,
                           ambi_expr_size(all) - 1, vars));
  ck_assert(ambi_join_run(j, &values, &n));
  ck_assert_uint_eq(n, want);
  ambi_vec_drop(&values);
}

START_TEST(test_order_is_chosen) {
  space = ambi_space_open(&rt, NULL, false);
  Value x = var("x"), y = var("y");
  for (int64_t i = 0; i < 2000; i++)
    ck_assert(ambi_space_add(space, E(sym("link"), num(i), num(i % 500))));
  ck_assert(ambi_space_add(space, E(sym("start"), num(77))));
  Join j;
  ValueVec vars = {0};
  plan(E(sym(","), E(sym("link"), x, y), E(sym("start"), y)), &j, &vars, 4);
  ck_assert(j.reordered && j.goals[0].written == 1);
  ck_assert_uint_eq(j.goals[1].looked_at, 4);
  vars.n = 0;
  plan(E(sym(","), E(sym("start"), y), E(sym("link"), x, y)), &j, &vars, 4);
  ck_assert(!j.reordered);
  ambi_vec_drop(&vars);
}
END_TEST

// Two common keys together are rare: their positions are intersected.
START_TEST(test_lists_are_intersected) {
  space = ambi_space_open(&rt, NULL, false);
  for (int64_t i = 0; i < 20000; i++)
    ck_assert(
        ambi_space_add(space, E(sym("t"), num(i % 20), num(i % 19), num(i))));
  Join j;
  ValueVec vars = {0};
  plan(E(sym(","), E(sym("t"), num(7), num(7), var("x"))), &j, &vars, 53);
  ck_assert_uint_eq(j.goals[0].looked_at, 53);
  ambi_vec_drop(&vars);
}
END_TEST

// Where two keys together are rare, and asked for often, facts are hashed by both.
START_TEST(test_facts_are_hashed) {
  space = ambi_space_open(&rt, NULL, false);
  for (int64_t i = 0; i < 20000; i++)
    ck_assert(
        ambi_space_add(space, E(sym("t"), num(i % 20), num(i % 19), num(i))));
  for (int64_t i = 0; i < 2000; i++)
    ck_assert(ambi_space_add(space, E(sym("s"), num(i % 23), num(i % 21))));
  ck_assert(ambi_space_add(space, E(sym("t"), var("v"), num(1), sym("any"))));
  Value x = var("x"), y = var("y");
  size_t want = 0;
  for (int64_t i = 0; i < 2000; i++) {
    if (i % 21 == 1) want++;
    for (int64_t k = 0; k < 380 && i % 23 < 20 && i % 21 < 19; k++)
      if (k % 20 == i % 23 && k % 19 == i % 21)
        want += (20000 - (size_t)k + 379) / 380;
  }
  Join j;
  ValueVec vars = {0};
  plan(E(sym(","), E(sym("s"), x, y), E(sym("t"), x, y, var("z"))), &j, &vars,
       want);
  ck_assert(j.goals[1].hashed && !j.reordered);
  ck_assert_uint_lt(j.goals[1].looked_at, want + 3000);
  ambi_vec_drop(&vars);
}
END_TEST

// Only the facts with this deep inside are looked at.
START_TEST(test_deep_keys) {
  space = ambi_space_open(&rt, NULL, false);
  Value n = sym("N"), list = sym("L"), has = sym("has"), f = sym("f");
  Value x = var("x"), open = var("o"), p = E(sym("P"), has);
  for (int64_t i = 0; i < 3000; i++)
    ck_assert(ambi_space_add(
        space,
        E(sym("ev"), p, E(list, E(n, num(i % 1000)), E(n, E(f, num(i)))))));
  ck_assert(
      ambi_space_add(space, E(sym("ev"), p, E(list, open, E(n, E(f, open))))));
  Join j;
  ValueVec vars = {0};
  plan(E(sym(","), E(sym("ev"), p, E(list, E(n, num(7)), x))), &j, &vars, 4);
  ck_assert_uint_le(j.goals[0].looked_at, 4);
  vars.n = 0;
  plan(E(sym(","), E(sym("ev"), p, E(list, x, E(n, E(f, num(1234)))))), &j,
       &vars, 2);
  ck_assert_uint_le(j.goals[0].looked_at, 2);
  ambi_vec_drop(&vars);
}
END_TEST

// What a variable stands for may be an expression: all of it leads to the facts.
START_TEST(test_expressions_as_keys) {
  space = ambi_space_open(&rt, NULL, false);
  Value id = sym("id"), in = sym("in"), x = var("x"), y = var("y"),
        z = var("z"), any = var("any");
  for (int64_t i = 0; i < 1000; i++)
    ck_assert(ambi_space_add(
        space, E(sym("next"), E(id, num(i)), E(in, E(id, num(i + 1))))));
  ck_assert(
      ambi_space_add(space, E(sym("next"), E(id, any), E(in, sym("any")))));
  Join j;
  ValueVec vars = {0};
  plan(E(sym(","), E(sym("next"), x, E(in, y)), E(sym("next"), y, z)), &j,
       &vars, 1999);
  ck_assert_uint_le(j.goals[0].looked_at + j.goals[1].looked_at, 4 * 1001);
  vars.n = 0;
  plan(E(sym(","), E(sym("next"), y, z), E(sym("next"), x, E(in, y))), &j,
       &vars, 1999);
  ck_assert_uint_le(j.goals[0].looked_at + j.goals[1].looked_at, 4 * 1001);
  ambi_vec_drop(&vars);
}
END_TEST

// A fact that is known in full is looked up as a whole, when no argument is rare.
START_TEST(test_facts_known_in_full) {
  space = ambi_space_open(&rt, NULL, false);
  for (int64_t i = 0; i < 1000; i++)
    for (int64_t k = 1; k < 5; k++)
      ck_assert(ambi_space_add(
          space, E(sym("e"), num(i), num((i * 7 + k * k) % 1000))));
  Value x = var("x"), y = var("y"), z = var("z");
  Value all =
      E(sym(","), E(sym("e"), x, y), E(sym("e"), y, z), E(sym("e"), x, z));
  size_t want = 0;
  for (int64_t i = 0; i < 1000; i++)
    for (int64_t k = 1; k < 5; k++)
      for (int64_t m = 1; m < 5; m++)
        for (int64_t n = 1; n < 5; n++)
          want += (((i * 7 + k * k) % 1000) * 7 + m * m) % 1000 ==
                  (i * 7 + n * n) % 1000;
  ck_assert_uint_gt(want, 0);
  Join j;
  ValueVec vars = {0};
  plan(all, &j, &vars, want);
  ck_assert_uint_eq(j.goals[2].asked, 16000);
  ck_assert_uint_le(j.goals[2].looked_at, want + 16);
  ambi_vec_drop(&vars);
}
END_TEST

// A list of positions that is walked along stays as it is while another goal asks for the
// same facts, though most of them have gone.
START_TEST(test_lists_in_use) {
  space = ambi_space_open(&rt, NULL, false);
  Value x = var("x"), y = var("y"), p = var("p");
  for (int64_t i = 0; i < 400; i++)
    ck_assert(ambi_space_add(space, E(sym("e"), num(i % 2), num(i))));
  Join j;
  ValueVec vars = {0};
  plan(E(sym(","), E(sym("e"), num(1), x)), &j, &vars, 200);
  for (int64_t i = 1; i < 400; i += 2) {
    bool found;
    if (i % 5 == 1) continue;
    ck_assert(ambi_space_remove(space, E(sym("e"), num(1), num(i)), &found));
    ck_assert(found);
  }
  vars.n = 0;
  plan(E(sym(","), E(sym("e"), num(1), x), E(p, num(1), y)), &j, &vars, 1600);
  ck_assert(!j.goals[0].asks && j.goals[1].asks);
  ck_assert_uint_eq(j.goals[1].asked, 40);
  ambi_vec_drop(&vars);
}
END_TEST

// A pattern with a variable for its head has a place in the order, and is asked by what
// is known of the head.
START_TEST(test_open_heads) {
  space = ambi_space_open(&rt, NULL, false);
  Value x = var("x"), y = var("y"), z = var("z"), p = var("p");
  for (int64_t i = 0; i < 3000; i++)
    ck_assert(
        ambi_space_add(space, E(sym(i % 3 ? "a" : "b"), num(i), num(i % 500))));
  ck_assert(ambi_space_add(space, E(sym("edge"), num(7), sym("end"))));
  ck_assert(ambi_space_add(space, E(sym("verb"), sym("b"))));
  Join j;
  ValueVec vars = {0};
  plan(E(sym(","), E(p, x, y), E(sym("edge"), y, z)), &j, &vars, 6);
  ck_assert(j.reordered && j.goals[0].written == 1 && j.goals[1].asks);
  ck_assert_uint_eq(j.goals[1].looked_at, 6);
  vars.n = 0;
  plan(E(sym(","), E(sym("verb"), p), E(p, x, num(9))), &j, &vars, 2);
  ck_assert(j.goals[1].asks);
  ck_assert_uint_eq(j.goals[1].looked_at, 2);
  ambi_vec_drop(&vars);
}
END_TEST

START_TEST(test_memory_out) {
  space = ambi_space_open(&rt, NULL, false);
  for (int64_t i = 0; i < 300; i++) {
    ck_assert(ambi_space_add(space, E(sym("p"), num(i), num(i % 30))));
    ck_assert(ambi_space_add(space, E(sym("q"), num(i % 30), num(i % 7))));
  }
  ck_assert(ambi_space_add(space, E(sym("s"), num(3))));
  Value x = var("x"), y = var("y"), z = var("z");
  Value head = _i ? var("h") : sym("q");
  Value all = E(sym(","), E(sym("p"), x, y), E(head, y, z), E(sym("s"), z));
  bool done = false;
  for (uint64_t k = 1; !done; k++) {
    ValueVec vars = {0}, values = {0};
    size_t n;
    ambi_alloc_fail_at(k);
    done = ambi_space_solve(cx, space, all, &vars, &values, &n);
    ambi_alloc_fail_at(0);
    ck_assert_int_eq(cx->stop, done ? STOP_NONE : STOP_MEMORY);
    ck_assert(ambi_var_unbound(x) && ambi_var_unbound(z) && cx->tr == 0);
    for (size_t i = 0; done && i < n; i++)
      ck_assert_int_eq(ambi_int_of(values.at[(i + 1) * vars.n - 1]), 3);
    if (done) ck_assert_uint_eq(n, _i ? 440 : 430);
    cx->stop = STOP_NONE;
    ambi_vec_drop(&vars);
    ambi_vec_drop(&values);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("join");
  if (getenv("AMBIT_LONG")) tcase_set_timeout(tc, 7200);
  tcase_add_checked_fixture(tc, open_spaces, terms_close);
  tcase_add_test(tc, test_join_model);
  tcase_add_test(tc, test_order_is_chosen);
  tcase_add_test(tc, test_lists_are_intersected);
  tcase_add_test(tc, test_facts_are_hashed);
  tcase_add_test(tc, test_deep_keys);
  tcase_add_test(tc, test_expressions_as_keys);
  tcase_add_test(tc, test_facts_known_in_full);
  tcase_add_test(tc, test_lists_in_use);
  tcase_add_test(tc, test_open_heads);
  tcase_add_loop_test(tc, test_memory_out, 0, 2);
  return unit_run(tc, "join");
}
