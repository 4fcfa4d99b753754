// Units put together by hand, run on the machine.
#include "tests/unit/machine.h"

// ---- running --------------------------------------------------------------------

START_TEST(a_fork_written_out) {
  Asm a = {.nslots = 2};
  uint32_t first = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_MOVE, 0, integer(&a, 1), 0);
  uint32_t go1 = op(&a, OP_I_JUMP, 0, 0, 0);
  here(&a, first);
  uint32_t second = op(&a, OP_I_RETRY, 0, 0, 0);
  op(&a, OP_I_MOVE, 0, integer(&a, 2), 0);
  uint32_t go2 = op(&a, OP_I_JUMP, 0, 0, 0);
  here(&a, second);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_MOVE, 0, integer(&a, 3), 0);
  here(&a, go1);
  here(&a, go2);
  uint32_t add = op(&a, OP_I_ADDI, 1, 0, 10);
  op(&a, OP_I_RET, 1, 0, 0);
  edge(&a, add, op(&a, OP_I_FAIL, 0, 0, 0));
  gives(&a, "[11, 12, 13]");
}
END_TEST

START_TEST(a_fork_over_a_list) {
  Asm a = {.nslots = 3};
  fork_list(&a, list_of(1, 2, 3));
  uint32_t add = op(&a, OP_I_ADDI, 2, 1, 10);
  op(&a, OP_I_RET, 2, 0, 0);
  edge(&a, add, op(&a, OP_I_FAIL, 0, 0, 0));
  gives(&a, "[11, 12, 13]");
}
END_TEST

START_TEST(failing) {
  Asm none = {.nslots = 0};
  op(&none, OP_I_FAIL, 0, 0, 0);
  gives(&none, "[]");
  Asm a = {.nslots = 0};
  uint32_t first = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_FAIL, 0, 0, 0);
  here(&a, first);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, integer(&a, 7), 0, 0);
  gives(&a, "[7]");
}
END_TEST

START_TEST(records_that_move_and_go) {
  Asm a = {.nslots = 1};  // the second alternative is chosen on the way
  uint32_t first = op(&a, OP_I_TRY, 0, 0, 0);
  uint32_t other = op(&a, OP_I_SETALT, 0, 0, 0);
  op(&a, OP_I_RET, integer(&a, 1), 0, 0);
  here(&a, first);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, integer(&a, 2), 0, 0);
  here(&a, other);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, integer(&a, 3), 0, 0);
  gives(&a, "[1, 3]");
  Asm b = {.nslots = 1};  // no alternative is left
  first = op(&b, OP_I_TRY, 0, 0, 0);
  op(&b, OP_I_POPALT, 0, 0, 0);
  op(&b, OP_I_RET, integer(&b, 1), 0, 0);
  here(&b, first);
  op(&b, OP_I_TRUST, 0, 0, 0);
  op(&b, OP_I_RET, integer(&b, 2), 0, 0);
  gives(&b, "[1]");
}
END_TEST

// The cut drops what was forked inside, and nothing outside.
START_TEST(cutting_to_a_barrier) {
  Asm a = {.nslots = 3};
  uint32_t outer = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_ONCE, 2, 0, 0);
  fork_list(&a, list_of(4, 5, 6));
  op(&a, OP_I_ONCE_END, 1, 2, 0);
  op(&a, OP_I_RET, 1, 0, 0);
  here(&a, outer);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, integer(&a, 9), 0, 0);
  gives(&a, "[4, 9]");
}
END_TEST

START_TEST(a_barrier_without_result) {
  Asm a = {.nslots = 1};
  uint32_t outer = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_ONCE, 0, 0, 0);
  op(&a, OP_I_FAIL, 0, 0, 0);
  here(&a, outer);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, integer(&a, 9), 0, 0);
  gives(&a, "[9]");
}
END_TEST

START_TEST(collecting) {
  Asm a = {.nslots = 5};
  uint32_t begin = op(&a, OP_I_COLLECT, 3, 0, 0);
  fork_list(&a, list_of(1, 2, 3));
  uint32_t add = op(&a, OP_I_ADDI, 2, 1, 10);
  op(&a, OP_I_COLLECT_ADD, 2, 3, 0);
  here(&a, begin);
  op(&a, OP_I_COLLECT_END, 4, 0, 0);
  op(&a, OP_I_RET, 4, 0, 0);
  edge(&a, add, op(&a, OP_I_FAIL, 0, 0, 0));
  gives(&a, "[(11 12 13)]");
  Asm none = {.nslots = 2};
  begin = op(&none, OP_I_COLLECT, 0, 0, 0);
  op(&none, OP_I_FAIL, 0, 0, 0);
  here(&none, begin);
  op(&none, OP_I_COLLECT_END, 1, 0, 0);
  op(&none, OP_I_RET, 1, 0, 0);
  gives(&none, "[()]");
}
END_TEST

// What is collected outlives the bindings it was made under.
START_TEST(collected_expressions_are_copies) {
  Asm a = {.nslots = 5};
  uint32_t begin = op(&a, OP_I_COLLECT, 3, 0, 0);
  fork_list(&a, list_of(1, 2, 3));
  op(&a, OP_I_MKEXPR, 2, 2, 1);
  words(&a, value(&a, AMB_SYM(X)), 1, 0, 0);
  op(&a, OP_I_COLLECT_ADD, 2, 3, 0);
  here(&a, begin);
  op(&a, OP_I_COLLECT_END, 4, 0, 0);
  op(&a, OP_I_RET, 4, 0, 0);
  gives(&a, "[((x 1) (x 2) (x 3))]");
}
END_TEST

static void guarded(enum Opcode test, int64_t bound, const char *text) {
  Asm a = {.nslots = 3};
  fork_list(&a, list_of(1, 2, 3));
  uint32_t guard = op(&a, test, 1, integer(&a, bound), 0);
  op(&a, OP_I_RET, 1, 0, 0);
  here(&a, guard);
  uint32_t fail = op(&a, OP_I_FAIL, 0, 0, 0);
  edge(&a, guard, fail);
  gives(&a, text);
}

START_TEST(guards) {
  guarded(OP_I_JNLT, 2, "[1]");
  guarded(OP_I_JNGT, 2, "[3]");
  guarded(OP_I_JNLE, 2, "[1, 2]");
  guarded(OP_I_JNGE, 2, "[2, 3]");
  guarded(OP_I_JNEQ, 2, "[2]");
  guarded(OP_I_JNEQT, 2, "[2]");
  guarded(OP_I_JNLT, 0, "[]");
}
END_TEST

START_TEST(an_operand_that_is_no_number_takes_the_edge) {
  Asm a = {.nslots = 2};
  op(&a, OP_I_MOVE, 0, value(&a, AMB_SYM(X)), 0);
  uint32_t add = op(&a, OP_I_ADDI, 1, 0, 10);
  op(&a, OP_I_RET, 1, 0, 0);
  edge(&a, add, op(&a, OP_I_RET, 0, 0, 0));
  gives(&a, "[x]");
}
END_TEST

START_TEST(bindings_are_undone) {
  Asm a = {.nslots = 1};
  unsigned name = konst(&a, ambi_vinfo(AMB_S_X, AMB_VAR_AS_WRITTEN));
  op(&a, OP_I_FRESH, 0, name, 0);
  uint32_t first = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_UNIFYV, 0, integer(&a, 1), 0);
  op(&a, OP_I_RET, 0, 0, 0);
  here(&a, first);
  uint32_t second = op(&a, OP_I_RETRY, 0, 0, 0);
  op(&a, OP_I_UNIFYV, 0, integer(&a, 2), 0);
  op(&a, OP_I_UNIFYV, 0, integer(&a, 3), 0);
  op(&a, OP_I_RET, 0, 0, 0);
  here(&a, second);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  gives(&a, "[1, $x]");
}
END_TEST

// ---- frames ----------------------------------------------------------------------

// f(x) = x + each of the list.
static Unit *adder(Value list) {
  Asm a = {.nslots = 4, .nargs = 1};
  op(&a, OP_I_MOVE, 1, value(&a, list), 0);
  op(&a, OP_I_FORKV, 2, 1, 0);
  uint32_t add = op(&a, OP_I_ADD, 3, 0, 2);
  op(&a, OP_I_RET, 3, 0, 0);
  edge(&a, add, op(&a, OP_I_FAIL, 0, 0, 0));
  return sound(&a);
}

// Calls f for each of 1 2 3 and pairs argument and result.
static void call_each(enum Opcode ret, Variant *f, const char *text) {
  Asm a = {.nslots = 5};
  fork_list(&a, list_of(1, 2, 3));
  bool noted = ret != OP_I_R_STORE;
  op(&a, OP_I_CALL, noted ? 4 : NO_SLOT, 1, konst(&a, (Word)(uintptr_t)f));
  words(&a, 0, 1, 0, 0);
  uint32_t back = op(&a, ret, 2, noted ? 4 : 0, 0);
  op(&a, OP_I_MKEXPR, 3, 2, 1);
  words(&a, 1, 2, 0, 0);
  op(&a, OP_I_RET, 3, 0, 0);
  if (noted) edge(&a, back, op(&a, OP_I_RET, 2, 0, 0));
  gives(&a, text);
}

START_TEST(forks_inside_of_forks) {
  Unit *u = adder(list_of(10, 20, 30));
  Variant f = {.x_unit = u, .type = AMB_SYM(UNDEFINED)};
  const char *text = "[(1 11), (1 21), (1 31), (2 12), (2 22), (2 32), (3 13), "
                     "(3 23), (3 33)]";
  call_each(OP_I_R_STORE, &f, text);
  call_each(OP_I_R_STREAM, &f, text);
  call_each(OP_I_R_GATHER, &f, text);
  ambi_unit_free(u);
}
END_TEST

// f(n) = f(n - 1) + 1, f(0) = each of the list: the caller's frames have to
// stand until the last alternative at the bottom is through.
static Unit *counter(Variant *self, Value list) {
  Asm a = {.nslots = 4, .nargs = 1};
  uint32_t test = op(&a, OP_I_JNGTI, 0, 0, 0);
  uint32_t less = op(&a, OP_I_SUBI, 1, 0, 1);
  op(&a, OP_I_CALL, NO_SLOT, 1, konst(&a, (Word)(uintptr_t)self));
  words(&a, 0, 1, 0, 0);
  op(&a, OP_I_R_STORE, 2, 0, 0);
  uint32_t more = op(&a, OP_I_ADDI, 3, 2, 1);
  op(&a, OP_I_RET, 3, 0, 0);
  here(&a, test);
  op(&a, OP_I_MOVE, 1, value(&a, list), 0);
  op(&a, OP_I_FORKV, 2, 1, 0);
  op(&a, OP_I_RET, 2, 0, 0);
  uint32_t fail = op(&a, OP_I_FAIL, 0, 0, 0);
  edge(&a, test, fail);
  edge(&a, less, fail);
  edge(&a, more, fail);
  Unit *u = sound(&a);
  ambi_store_release(&self->x_unit, u);
  return u;
}

START_TEST(backtracking_through_many_frames) {
  Variant f = {.type = AMB_SYM(UNDEFINED)};
  Unit *u = counter(&f, list_of(0, 1000000, 2000000));
  Asm a = {.nslots = 1};
  op(&a, OP_I_TAILCALL, 0, 1, konst(&a, (Word)(uintptr_t)&f));
  words(&a, 0, integer(&a, 100000), 0, 0);
  gives(&a, "[100000, 1100000, 2100000]");
  ambi_unit_free(u);
}
END_TEST

// f(n, x) makes garbage n times and returns x: x has to survive collections.
START_TEST(collections_keep_live_slots) {
  Variant f = {.type = AMB_SYM(UNDEFINED)};
  Asm b = {.nslots = 4, .nargs = 2};
  uint32_t test = op(&b, OP_I_JNGTI, 0, 0, 0);
  uint32_t less = op(&b, OP_I_SUBI, 2, 0, 1);
  op(&b, OP_I_MKEXPR, 3, 3, 1);
  words(&b, 0, 1, 2, 0);
  op(&b, OP_I_TAILCALL, 0, 2, konst(&b, (Word)(uintptr_t)&f));
  words(&b, 0, 2, 1, 0);
  here(&b, test);
  op(&b, OP_I_RET, 1, 0, 0);
  uint32_t fail = op(&b, OP_I_FAIL, 0, 0, 0);
  edge(&b, test, fail);
  edge(&b, less, fail);
  ambi_store_release(&f.x_unit, sound(&b));
  Asm a = {.nslots = 3};
  fork_list(&a, list_of(7, 8, 9));
  op(&a, OP_I_MKEXPR, 2, 2, 1);
  words(&a, value(&a, AMB_SYM(X)), 1, 0, 0);
  op(&a, OP_I_TAILCALL, 0, 2, konst(&a, (Word)(uintptr_t)&f));
  words(&a, 0, integer(&a, 200000), 2, 0);
  Unit *u = sound(&a);
  uint64_t before = g->collections;
  expect_results(u, "[(x 7), (x 8), (x 9)]");
  ck_assert(g->collections > before);
  ambi_unit_free(u);
  ambi_unit_free(ambi_unit_of(&f));
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("bytecode");
  tcase_add_checked_fixture(tc, open_machine, close_machine);
  tcase_add_test(tc, a_fork_written_out);
  tcase_add_test(tc, a_fork_over_a_list);
  tcase_add_test(tc, failing);
  tcase_add_test(tc, records_that_move_and_go);
  tcase_add_test(tc, cutting_to_a_barrier);
  tcase_add_test(tc, a_barrier_without_result);
  tcase_add_test(tc, collecting);
  tcase_add_test(tc, collected_expressions_are_copies);
  tcase_add_test(tc, guards);
  tcase_add_test(tc, an_operand_that_is_no_number_takes_the_edge);
  tcase_add_test(tc, bindings_are_undone);
  tcase_add_test(tc, forks_inside_of_forks);
  tcase_add_test(tc, backtracking_through_many_frames);
  tcase_add_test(tc, collections_keep_live_slots);
  return unit_run(tc, "bytecode");
}
