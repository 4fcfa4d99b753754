// Which states and spaces go, against a model: what terms, that are kept, lead to stays.
#include "tests/unit/terms.h"

enum { CELLS = 24000, KEPT = 40, MOST = 3 };  // MOST: cells that one refers to

typedef struct Node {
  Value cell;
  uint32_t to[MOST], n;
  bool reached;
} Node;
static Node nodes[CELLS];

// A cell alone, or a term with cells in it, or one with a variable as well.
static Value term_of(const Node *from) {
  Value to[MOST];
  for (uint32_t i = 0; i < from->n; i++)
    to[i] = nodes[from->to[i]].cell;
  if (from->n == 0) return sym("nothing");
  if (from->n == 1 && below(2)) return to[0];
  Value inner = ambi_make_expr(cx, to, from->n);
  return below(3) ? E(sym("has"), inner) : E(sym("has"), var("x"), inner);
}

static void open_all(void) {
  for (uint32_t i = 0; i < CELLS; i++) {
    Value space = AMB_NONE;
    if (below(3) == 0)
      space = ambi_space_value(ambi_space_open(&rt, NULL, false));
    nodes[i] = (Node){.cell = ambi_is_none(space) ? state(num(1)) : space};
  }
}

static void fill(Node *at, uint32_t i, bool circles) {
  at->n = below(MOST + 1);
  if (!circles && i == 0) at->n = 0;
  for (uint32_t k = 0; k < at->n; k++)
    at->to[k] = below(circles ? CELLS : i);
  if (ambi_is_state(at->cell)) {
    ck_assert(ambi_state_change(&rt, ambi_state_of(at->cell), term_of(at)));
    return;
  }
  Value seen = E(sym("seen"), nodes[below(CELLS)].cell);
  bool found;
  ck_assert(ambi_space_add(ambi_space_of(at->cell), seen));
  ck_assert(ambi_space_add(ambi_space_of(at->cell), term_of(at)));
  ck_assert(ambi_space_remove(ambi_space_of(at->cell), seen, &found) && found);
}

static size_t reach(uint32_t from) {
  static uint32_t todo[CELLS];
  size_t n = 0, count = 0;
  if (!nodes[from].reached) todo[n++] = from;
  nodes[from].reached = true;
  for (; n; count++) {
    const Node *at = &nodes[todo[--n]];
    for (uint32_t k = 0; k < at->n; k++) {
      Node *to = &nodes[at->to[k]];
      if (!to->reached) todo[n++] = at->to[k];
      to->reached = true;
    }
  }
  return count;
}

static size_t count_cells(void) {
  size_t n = 0;
  for (const CellHeader *c = rt.cells; c; c = c->next)
    n++;
  return n;
}

// So that they are looked for whatever was there before.
static void quiesce(void) {
  ambi_context_reset(cx);
  rt.cells_seen = rt.circles_seen = (CellsSeen){0};
  ambi_cells_quiesce(&rt);
}

static void check(bool circles) {
  terms_open();
  open_all();
  for (uint32_t i = 0; i < CELLS; i++)
    fill(&nodes[i], i, circles);
  Template kept[KEPT];
  size_t stay = 0;
  for (uint32_t i = 0; i < KEPT; i++) {
    uint32_t one = below(CELLS);
    Value term = i % 2 ? nodes[one].cell : E(sym("kept"), nodes[one].cell);
    ck_assert(ambi_template_make(rt.store, term, &kept[i]));
    stay += reach(one);
  }
  quiesce();
  ck_assert_uint_eq(count_cells(), stay);
  for (uint32_t i = 0; i < CELLS; i++)
    if (nodes[i].reached && ambi_is_space(nodes[i].cell))
      ck_assert_uint_eq(ambi_space_count(ambi_space_of(nodes[i].cell)), 1);
  for (uint32_t i = 0; i < KEPT; i++)
    ambi_template_release(rt.store, &kept[i]);
  // few are not looked for, so there are many again
  for (uint32_t i = 0; i < CELLS; i++)
    state(num(i));
  quiesce();
  ck_assert_uint_eq(count_cells(), 0);
  terms_close();
}

START_TEST(what_is_kept_stays) {
  random_state = (uint64_t)_i * 977 + 5;
  check(false);
}
END_TEST

START_TEST(circles_go) {
  random_state = (uint64_t)_i * 911 + 3;
  check(true);
}
END_TEST

// A term that was given up counts until nobody can see it.
START_TEST(given_up_terms_hold_on) {
  terms_open();
  Value inner = state(num(7)), outer = state(E(sym("in"), inner));
  ck_assert(ambi_state_change(&rt, ambi_state_of(outer), num(1)));
  ck_assert_uint_eq(ambi_load_relaxed(&ambi_cell(inner)->x_uses), 1);
  ambi_store_forget_given(rt.store);
  ck_assert_uint_eq(ambi_load_relaxed(&ambi_cell(inner)->x_uses), 0);
  ck_assert_ptr_eq(ambi_store_unused(rt.store), ambi_cell(inner));
  ck_assert_ptr_null(ambi_store_unused(rt.store));
  terms_close();
}
END_TEST

// Nothing is counted where the note of a term finds no room.
START_TEST(failed_allocation_counts_nothing) {
  terms_open();
  Value s = state(num(7)), term = E(sym("in"), s, E(s, s));
  Template t;
  bool made = false;
  for (int n = 1; !made; n++) {
    ambi_alloc_fail_at(n);
    made = ambi_template_make(rt.store, term, &t);
    ambi_alloc_fail_at(0);
    ck_assert_uint_eq(ambi_load_relaxed(&ambi_cell(s)->x_uses), made ? 3 : 0);
  }
  ambi_template_release(rt.store, &t);
  ambi_store_forget_given(rt.store);
  ck_assert_uint_eq(ambi_load_relaxed(&ambi_cell(s)->x_uses), 0);
  terms_close();
}
END_TEST

static void leave_states(uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    state(E(sym("holds"), num(i), E(sym("and"), num(i), num(i))));
  ambi_context_reset(cx);
}

// Few are not worth a look, unless they are what is missing below the limit; and then
// only when they are a share of what is looked at.
START_TEST(few_go_when_there_is_no_room) {
  terms_open();
  quiesce();
  size_t before = count_cells(), held = rt.cells_seen.held;
  leave_states(400);
  ambi_cells_quiesce(&rt);
  ck_assert_uint_eq(count_cells(), before + 400);
  rt.limits.memory = ambi_alloc_bytes() + (1 << 24);
  ambi_cells_quiesce(&rt);
  ck_assert_uint_eq(count_cells(), before + 400);
  rt.limits.memory = ambi_alloc_bytes() + 64;
  ambi_cells_quiesce(&rt);
  ck_assert_uint_eq(count_cells(), before);
  rt.cells_seen.held = held + (1 << 30);
  leave_states(400);
  rt.limits.memory = ambi_alloc_bytes();
  ambi_cells_quiesce(&rt);
  ck_assert_uint_eq(count_cells(), before + 400);
  rt.limits.memory = 0;
  terms_close();
}
END_TEST

// What they hold counts, however few they are.
START_TEST(few_go_that_hold_much) {
  enum { MANY = 1 << 16, ROUNDS = 32 };
  terms_open();
  quiesce();
  size_t before = count_cells(), most = 0;
  Value *items = ambi_alloc(MANY * sizeof *items);
  for (uint32_t i = 0; i < MANY; i++)
    items[i] = num(i);
  for (unsigned i = 0; i < ROUNDS; i++) {
    state(ambi_make_expr(cx, items, MANY));
    ambi_context_reset(cx);
    ambi_cells_quiesce(&rt);
    if (count_cells() > most) most = count_cells();
  }
  ck_assert_uint_lt(most, before + ROUNDS);
  ambi_free(items, MANY * sizeof *items);
  terms_close();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("cells");
  tcase_add_loop_test(tc, what_is_kept_stays, 0, 4);
  tcase_add_loop_test(tc, circles_go, 0, 4);
  tcase_add_test(tc, given_up_terms_hold_on);
  tcase_add_test(tc, few_go_when_there_is_no_room);
  tcase_add_test(tc, few_go_that_hold_much);
  tcase_add_test(tc, failed_allocation_counts_nothing);
  return unit_run(tc, "cells");
}
