// Units put together by hand, run on the machine; and the verifier, which has
// to refuse every way of breaking a unit.
#include <string.h>

#include "memory/alloc.h"
#include "runtime/engine.h"
#include "runtime/runner.h"
#include "runtime/verify.h"
#include "tests/unit/unit.h"

static Runtime *rt;
static Context *cx;
static Engine *g;

static bool drop_output(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}

static void ignore_note(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
}

static void open_machine(void) {
  Host host = {NULL, drop_output, ignore_note};
  rt = ambi_runtime_open(&host, 1);
  ck_assert_ptr_nonnull(rt);
  cx = ambi_context_open(rt);
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  ambi_limits_begin(cx);
  cx->engine = g = ambi_engine_open(cx);
  ck_assert_ptr_nonnull(g);
}

// Constants of a unit lie in the store, where collections leave them alone.
static Template lists[8];
static unsigned nlists;

static void close_machine(void) {
  while (nlists)
    ambi_template_release(rt->store, &lists[--nlists]);
  ambi_engine_close(g);
  ambi_context_close(cx);
  ambi_runtime_close(rt);
}

// ---- assembling ---------------------------------------------------------------

enum { MAX_CODE = 64, MAX_K = 16, MAX_EDGES = 16 };

typedef struct Asm {
  uint32_t n, nslots, nargs, nk, nedges;
  Code code[MAX_CODE];
  Word k[MAX_K];
  ErrorEdge edges[MAX_EDGES];
} Asm;

static uint32_t op(Asm *a, enum Opcode o, unsigned x, unsigned y, unsigned z) {
  ck_assert(a->n < MAX_CODE);
  Code c = {.w = 0};
  c.op = (uint16_t)o;
  c.a = (uint16_t)x;
  c.b = (uint16_t)y;
  c.c = (uint16_t)z;
  a->code[a->n] = c;
  return a->n++;
}

static void words(Asm *a, unsigned x, unsigned y, unsigned z, unsigned w) {
  op(a, (enum Opcode)x, y, z, w);
}

// Label operand c of the instruction is where the code has got to.
static void here(Asm *a, uint32_t at) {
  a->code[at].c = (uint16_t)(a->n - at);
}

static void to(Asm *a, uint32_t at, uint32_t target) {
  a->code[at].c = (uint16_t)(int16_t)((int)target - (int)at);
}

static void edge(Asm *a, uint32_t at, uint32_t target) {
  ck_assert(a->nedges < MAX_EDGES);
  a->edges[a->nedges++] = (ErrorEdge){at, target};
}

static unsigned konst(Asm *a, Word w) {
  ck_assert(a->nk < MAX_K);
  a->k[a->nk] = w;
  return a->nk++;
}

static unsigned value(Asm *a, Value v) {
  return SRC_CONST + konst(a, v.w);
}
static unsigned integer(Asm *a, int64_t i) {
  return value(a, ambi_small_int(i));
}

static void *copied(const void *from, size_t size) {
  if (!size) return NULL;
  void *p = ambi_alloc(size);
  ck_assert_ptr_nonnull(p);
  return memcpy(p, from, size);
}

static Unit *assemble(const Asm *a) {
  Unit *u = ambi_alloc(sizeof *u);
  ck_assert_ptr_nonnull(u);
  u->code = copied(a->code, a->n * sizeof *a->code);
  u->ncode = a->n;
  u->nslots = a->nslots;
  u->nargs = a->nargs;
  u->k = copied(a->k, a->nk * sizeof *a->k);
  u->nk = a->nk;
  u->edges = copied(a->edges, a->nedges * sizeof *a->edges);
  u->nedges = a->nedges;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (ambi_ops[u->code[at].op].flags & X_CALL)
      u->code[at + 1].half[0] = (uint16_t)u->nslots;
  ck_assert(ambi_unit_liveness(u));
  return u;
}

static Unit *sound(const Asm *a) {
  Unit *u = assemble(a);
  const char *why = "";
  uint32_t at = 0;
  bool ok = ambi_unit_verify(u, &why, &at);
  ck_assert_msg(ok, "at %u: %s", at, why);
  return u;
}

static void expect_results(Unit *u, const char *text) {
  ValueVec out = {0};
  Buffer b = {0};
  ck_assert_int_eq(ambi_engine_run_unit(g, u, &out), STOP_NONE);
  ambi_print_results(rt, &b, out.at, out.n);
  ck_assert_str_eq(b.text, text);
  ambi_buffer_drop(&b);
  ambi_vec_drop(&out);
}

static void gives(const Asm *a, const char *text) {
  Unit *u = sound(a);
  expect_results(u, text);
  expect_results(u, text);  // a run leaves nothing behind
  ambi_unit_free(u);
}

static Value list_of(int64_t x, int64_t y, int64_t z) {
  Value v =
      AMB_EXPR(cx, ambi_small_int(x), ambi_small_int(y), ambi_small_int(z));
  ck_assert(nlists < 8 && !ambi_is_none(v));
  ck_assert(ambi_template_make(rt->store, v, &lists[nlists]));
  return lists[nlists++].atom;
}

// s0 = the list, s1 = each child of it in turn.
static void fork_list(Asm *a, Value list) {
  op(a, OP_I_MOVE, 0, value(a, list), 0);
  op(a, OP_I_FORKV, 1, 0, 0);
}

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
  Variant f = {.unit = u, .type = AMB_SYM(UNDEFINED)};
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
  self->unit = u;
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
  f.unit = sound(&b);
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
  ambi_unit_free(f.unit);
}
END_TEST

// ---- the verifier: flow ----------------------------------------------------------

static void refused_unit(const Unit *u, const char *reason) {
  const char *why = NULL;
  uint32_t at = 0;
  ck_assert_msg(!ambi_unit_verify(u, &why, &at), "accepted; wanted: %s",
                reason);
  ck_assert_ptr_nonnull(why);
  ck_assert_msg(strstr(why, reason) != NULL, "%s; wanted: %s", why, reason);
}

static void refused(const Asm *a, const char *reason) {
  Unit *u = assemble(a);
  refused_unit(u, reason);
  ambi_unit_free(u);
}

START_TEST(reads_come_after_writes) {
  Asm a = {.nslots = 1};
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "may not have been written");
  Asm one_path = {.nslots = 2, .nargs = 1};
  uint32_t test = op(&one_path, OP_I_JNEQ, 0, integer(&one_path, 1), 0);
  op(&one_path, OP_I_MOVE, 1, 0, 0);
  here(&one_path, test);
  op(&one_path, OP_I_RET, 1, 0, 0);
  refused(&one_path, "may not have been written");
  Asm edge_path = {.nslots = 2, .nargs = 1};
  uint32_t add = op(&edge_path, OP_I_ADDI, 1, 0, 1);
  op(&edge_path, OP_I_RET, 1, 0, 0);
  edge(&edge_path, add, op(&edge_path, OP_I_RET, 1, 0, 0));
  refused(&edge_path, "may not have been written");
}
END_TEST

// What was written after the record was made is gone when it resumes.
START_TEST(alternatives_see_older_slots_only) {
  Asm a = {.nslots = 1};
  uint32_t first = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_MOVE, 0, integer(&a, 1), 0);
  uint32_t other = op(&a, OP_I_SETALT, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  here(&a, first);
  here(&a, other);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "may not have been written");
}
END_TEST

START_TEST(records_are_its_own) {
  static const enum Opcode ops[] = {OP_I_RETRY, OP_I_TRUST, OP_I_POPALT,
                                    OP_I_SETALT};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    Asm a = {.nslots = 0};
    uint32_t at = op(&a, ops[i], 0, 0, 0);
    if (ambi_ops[ops[i]].operands[2] == 'L') to(&a, at, 1);
    op(&a, OP_I_FAIL, 0, 0, 0);
    refused(&a, "choice record");
  }
  Asm collector = {.nslots = 1};
  uint32_t begin = op(&collector, OP_I_COLLECT, 0, 0, 0);
  op(&collector, OP_I_FAIL, 0, 0, 0);
  here(&collector, begin);
  op(&collector, OP_I_TRUST, 0, 0, 0);
  op(&collector, OP_I_FAIL, 0, 0, 0);
  refused(&collector, "choice record");
}
END_TEST

START_TEST(positions_are_no_values) {
  Asm a = {.nslots = 1};
  op(&a, OP_I_POS, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "may not have been written");
  Asm b = {.nslots = 2};
  op(&b, OP_I_MOVE, 0, integer(&b, 1), 0);
  op(&b, OP_I_ONCE_END, 0, 0, 0);
  op(&b, OP_I_RET, 0, 0, 0);
  refused(&b, "may not have been written");
}
END_TEST

START_TEST(return_points_are_returned_to) {
  Asm a = {.nslots = 1};
  op(&a, OP_I_NOP, 0, 0, 0);
  op(&a, OP_I_R_STORE, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "return point");
  Asm b = {.nslots = 1};
  op(&b, OP_I_R_STORE, 0, 0, 0);
  op(&b, OP_I_RET, 0, 0, 0);
  refused(&b, "return point");
}
END_TEST

// ---- the verifier: units of real programs ----------------------------------------

static const char program[] =
    "(: num (-> Number Number))"
    "(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))"
    "(= (num $n) (let $x (* $n 2) (- $x 1)))"
    "(= (app () $y) $y)"
    "(= (app (Cons $h $t) $y) (Cons $h (app $t $y)))"
    "(= (kind a) 1) (= (kind b) 2) (= (kind 3) 3) (= (kind (f $x)) $x)"
    "(= (kind (g $x $x)) same)"
    "(= (pick) (collapse (superpose (1 2 3))))"
    "(= (find $k) (match &self (fact $k $v) ($k $v)))"
    "(= (sw $x) (case $x ((1 one) ((p $y) $y) ($else none))))"
    "(= (sum $l) (foldl-atom $l 0 $a $b (+ $a $b)))"
    "(= (twice $l) (map-atom $l $x (app $x $x)))"
    "(= (first) (once (superpose ((num 1) (num 2)))))"
    "(= (un $x) (unify $x (h $y $z) ($z $y) no))"
    "(fact a 1) (fact b 2)"
    "!(fib 5) !(app (Cons 1 ()) ()) !(kind (g 1 1)) !(pick) !(find $k)"
    "!(sw (p 1)) !(sum (1 2)) !(twice ((Cons 1 ()))) !(first)"
    "!(un (h 1 2)) !(kind $q)";

static void run_program(void) {
  Script script = {.rt = rt,
                   .module = ambi_module_top(rt),
                   .name = "test",
                   .text = program,
                   .len = strlen(program)};
  ck_assert_int_eq(ambi_run_script(&script), RUN_OK);
  ambi_script_drop(&script);
}

// Lowers every definition of the library.
static void lower_library(void) {
  RecordVec all = {0};
  ck_assert(ambi_space_atoms(rt->corelib, &all));
  for (size_t i = 0; i < all.n; i++) {
    Value rule = all.at[i]->tmpl.atom;
    if (ambi_expr_size(rule) != 3 ||
        !ambi_same(ambi_expr_at(rule, 0), AMB_SYM(EQ)))
      continue;
    Value lhs = ambi_expr_at(rule, 1);
    if (!ambi_is_expr(lhs) || !ambi_is_sym(ambi_expr_at(lhs, 0))) continue;
    Definition *d = ambi_definition(rt->code, cx->space, ambi_expr_at(lhs, 0),
                                    ambi_expr_size(lhs) - 1);
    Variant *v = ambi_variant(rt->code, d, AMB_SYM(UNDEFINED));
    ck_assert_ptr_nonnull(ambi_lower_variant(cx, v));
  }
  ambi_records_drop(&all);
}

static void each_unit(void (*fn)(Unit *)) {
  run_program();
  lower_library();
  size_t n = 0;
  for (Unit *u = rt->code->units; u; u = u->next, n++)
    fn(u);
  ck_assert(n > 50);
}

static void accept(Unit *u) {
  const char *why = "";
  uint32_t at = 0;
  ck_assert_msg(ambi_unit_verify(u, &why, &at), "at %u: %s", at, why);
}

START_TEST(real_units_pass) {
  each_unit(accept);
}
END_TEST

// A copy to be broken; templates and variants stay the original's.
static Unit *copy_unit(const Unit *u) {
  Unit *c = copied(u, sizeof *u);
  c->code = copied(u->code, u->ncode * sizeof *u->code);
  c->k = copied(u->k, u->nk * sizeof *u->k);
  c->edges = copied(u->edges, u->nedges * sizeof *u->edges);
  c->live = copied(u->live, (size_t)u->nrows * u->nlive * sizeof *u->live);
  c->live_at = copied(u->live_at, u->nrows * sizeof *u->live_at);
  c->switches = copied(u->switches, u->nswitches * sizeof *u->switches);
  for (uint32_t i = 0; i < u->nswitches; i++)
    c->switches[i].cases =
        copied(u->switches[i].cases, u->switches[i].n * sizeof(SwitchCase));
  c->templates = copied(u->templates, u->ntemplates * sizeof *u->templates);
  c->local = NULL;
  return c;
}

static void free_copy(Unit *c, const Unit *u) {
  c->ncode = u->ncode;
  c->nedges = u->nedges;
  c->nk = u->nk;
  c->nrows = u->nrows;
  ambi_free(c->templates, u->ntemplates * sizeof *u->templates);
  c->templates = NULL;
  c->ntemplates = 0;
  ambi_unit_free(c);
}

static void broken(Unit *c, const Unit *u, uint32_t at) {
  const char *why;
  uint32_t where;
  ck_assert_msg(!ambi_unit_verify(c, &why, &where), "%s at %u of %u accepted",
                ambi_ops[u->code[at].op].name, at, u->ncode);
  ck_assert_ptr_nonnull(why);
  memcpy(c->code, u->code, u->ncode * sizeof *u->code);
}

static void break_operands(Unit *c, const Unit *u, uint32_t at) {
  Code *pc = c->code + at;
  for (unsigned i = 0; i < 3; i++) {
    uint16_t bad = 0;
    switch (ambi_operand_kind(pc->op, i)) {
    case 'W':
    case 'R':
    case 'U':
    case 'Q':
    case 'I':
    case 'P': bad = (uint16_t)u->nslots; break;
    case 'S': bad = 0x8000; break;
    case 'L': bad = (uint16_t)(u->ncode - at); break;
    case 'K':
    case 'T':
    case 'C':
    case 'V':
    case 'H': bad = (uint16_t)u->nk; break;
    case 'O': bad = OP_COUNT; break;
    case 'X': bad = (uint16_t)u->nswitches; break;
    default: continue;
    }
    if (pc->half[i + 1] == NO_SLOT) continue;
    pc->half[i + 1] = bad;
    broken(c, u, at);
  }
}

static void break_words(Unit *c, const Unit *u, uint32_t at) {
  Code *pc = c->code + at;
  unsigned f = ambi_ops[pc->op].flags, n = ambi_op_words(pc);
  pc->op = OP_I_COUNT;
  broken(c, u, at);
  if (f & (X_VARL | X_ELSE)) {
    pc[n - 1].b = (uint16_t)(u->ncode - at);
    broken(c, u, at);
  }
  if (f & X_CALL) {
    pc[1].half[0]++;
    broken(c, u, at);
  }
  if ((f & (X_LIST | X_CALL)) && pc->b) {
    pc[1].half[f & X_CALL ? 1 : 0] = (uint16_t)(SRC_CONST + u->nk);
    broken(c, u, at);
  }
  if ((f & X_ENV) && pc->b) {
    pc[1].half[0] = (uint16_t)u->nslots;
    broken(c, u, at);
  }
  bool returned_to =
      (f & X_PUSH) || pc->op == OP_I_BUILTIN || ((f & X_CALL) && !(f & F_END));
  if (returned_to) {
    pc[n].op = OP_I_NOP;
    broken(c, u, at);
  }
}

static void break_sorts(Unit *c, const Unit *u, uint32_t at) {
  Code *pc = c->code + at;
  for (unsigned i = 0; i < 3; i++) {
    char kind = ambi_operand_kind(pc->op, i);
    Word w = kind == 'K' ? (u->ntemplates ? (Word)(uintptr_t)u->templates[0]
                                          : AMB_NONE.w)
                         : ambi_small_int(1).w;
    if (kind != 'K' && kind != 'T' && kind != 'C' && kind != 'V' && kind != 'H')
      continue;
    uint16_t k = pc->half[i + 1];
    c->k[k] = w;
    broken(c, u, at);
    c->k[k] = u->k[k];
  }
}

static void break_instructions(Unit *u) {
  Unit *c = copy_unit(u);
  accept(c);
  uint32_t last = 0;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    break_operands(c, u, at);
    break_words(c, u, at);
    break_sorts(c, u, at);
    last = at;
  }
  c->code[last] = (Code){.op = OP_I_NOP};
  broken(c, u, last);
  free_copy(c, u);
}

START_TEST(broken_instructions_are_refused) {
  each_unit(break_instructions);
}
END_TEST

static void break_tables(Unit *u) {
  Unit *c = copy_unit(u);
  for (uint32_t i = 0; i < u->nedges; i++) {
    c->edges[i].to = u->ncode;
    broken(c, u, u->edges[i].at);
    c->edges[i] = u->edges[i];
    c->edges[i].at = u->ncode;
    broken(c, u, u->edges[i].at);
    c->edges[i] = u->edges[i];
  }
  if (u->nedges > 1) {
    c->edges[0] = u->edges[1];
    broken(c, u, u->edges[0].at);
    c->edges[0] = u->edges[0];
  }
  for (uint32_t i = 0; i < u->nswitches; i++) {
    c->switches[i].other = u->ncode;
    broken(c, u, 0);
    c->switches[i].other = u->switches[i].other;
    c->switches[i].open = u->ncode;
    broken(c, u, 0);
    c->switches[i].open = u->switches[i].open;
    if (!u->switches[i].n) continue;
    c->switches[i].cases[0].to = u->ncode;
    broken(c, u, 0);
    c->switches[i].cases[0] = u->switches[i].cases[0];
    c->switches[i].cases[0].key = AMB_NONE.w;
    broken(c, u, 0);
    c->switches[i].cases[0] = u->switches[i].cases[0];
  }
  c->nargs = u->nslots + 1;
  broken(c, u, 0);
  c->nargs = u->nargs;
  c->nslots = MAX_SLOTS + 1;
  broken(c, u, 0);
  c->nslots = u->nslots;
  accept(c);
  free_copy(c, u);
}

START_TEST(broken_tables_are_refused) {
  each_unit(break_tables);
}
END_TEST

// Bits of the collector's rows where nothing is written yet; rows at return
// points that are missing or empty.
static void break_rows(Unit *u) {
  Unit *c = copy_unit(u);
  if (u->nslots > u->nargs) {  // no slot but the arguments at the start
    uint32_t slot = u->nslots - 1;
    c->live[slot / 64] |= (uint64_t)1 << (slot % 64);
    broken(c, u, 0);
    c->live[slot / 64] = u->live[slot / 64];
  }
  for (uint32_t i = 0; i < u->nrows; i++) {
    uint64_t *row = c->live + (size_t)i * u->nlive;
    uint64_t was = row[0];
    bool used = ambi_ops[u->code[u->live_at[i]].op].operands[0] == 'R';
    row[0] = 0;
    if (was && used && i == 0) broken(c, u, u->live_at[i]);
    row[0] = was;
  }
  if (u->nrows > 1) {
    c->live_at[0] = u->live_at[1];
    broken(c, u, 0);
    c->live_at[0] = u->live_at[0];
  }
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (u->code[at].op == OP_I_R_GATHER) {
      c->nrows = 0;
      broken(c, u, at);
      c->nrows = u->nrows;
      break;
    }
  accept(c);
  free_copy(c, u);
}

START_TEST(broken_rows_are_refused) {
  each_unit(break_rows);
}
END_TEST

// ---- the verifier: anything at all --------------------------------------------------

static uint64_t random_state = 1;
static uint32_t below(uint32_t n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % n;
}

static void flip(void *at, size_t size) {
  if (!size) return;
  size_t bit = below((uint32_t)size * 8);
  ((unsigned char *)at)[bit / 8] ^= (unsigned char)(1u << (bit % 8));
}

// Any answer is right as long as there is one.
static void flip_bits(Unit *u) {
  for (unsigned round = 0; round < 40; round++) {
    Unit *c = copy_unit(u);
    for (uint32_t flips = 1 + below(4); flips > 0; flips--) {
      switch (below(8)) {
      case 0: flip(c->edges, u->nedges * sizeof *u->edges); break;
      case 1: flip(c->k, u->nk * sizeof *u->k); break;
      case 2:
        flip(c->live, (size_t)u->nrows * u->nlive * sizeof *u->live);
        break;
      case 3: flip(c->live_at, u->nrows * sizeof *u->live_at); break;
      case 4:
        if (u->nswitches) {
          Switch *s = &c->switches[below(u->nswitches)];
          flip(s->cases, s->n * sizeof *s->cases);
          flip(below(2) ? &s->other : &s->open, sizeof s->open);
        }
        break;
      default: flip(c->code, u->ncode * sizeof *u->code); break;
      }
    }
    const char *why;
    uint32_t at;
    bool ok = ambi_unit_verify(c, &why, &at);
    ck_assert(ok || why != NULL);
    free_copy(c, u);
  }
}

START_TEST(random_flips_do_no_harm) {
  each_unit(flip_bits);
}
END_TEST

START_TEST(no_memory_is_no_answer) {
  Asm a = {.nslots = 0};
  op(&a, OP_I_FAIL, 0, 0, 0);
  Unit *u = sound(&a);
  const char *why = "";
  uint32_t at;
  for (unsigned i = 1; i <= 2; i++) {
    ambi_alloc_fail_at(i);
    ck_assert(!ambi_unit_verify(u, &why, &at));
    ck_assert_ptr_null(why);
  }
  ambi_alloc_fail_at(0);
  ambi_unit_free(u);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("bytecode");
  tcase_set_timeout(tc, 60);
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
  tcase_add_test(tc, reads_come_after_writes);
  tcase_add_test(tc, alternatives_see_older_slots_only);
  tcase_add_test(tc, records_are_its_own);
  tcase_add_test(tc, positions_are_no_values);
  tcase_add_test(tc, return_points_are_returned_to);
  tcase_add_test(tc, real_units_pass);
  tcase_add_test(tc, broken_instructions_are_refused);
  tcase_add_test(tc, broken_tables_are_refused);
  tcase_add_test(tc, broken_rows_are_refused);
  tcase_add_test(tc, random_flips_do_no_harm);
  tcase_add_test(tc, no_memory_is_no_answer);
  return unit_run(tc, "bytecode");
}
