// What tests of bytecode share: a machine without a program, and an assembler.
#ifndef AMBIT_TESTS_MACHINE_H
#define AMBIT_TESTS_MACHINE_H

#include <string.h>

#include "memory/alloc.h"
#include "runtime/bytecode/verify.h"
#include "runtime/machine/engine.h"
#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

static Runtime *rt;
static Context *cx;
static Engine *g;

static inline bool drop_output(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}

static inline void ignore_note(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
}

static inline void open_machine(void) {
  Host host = {.write = drop_output, .note = ignore_note};
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

static inline void close_machine(void) {
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

static inline uint32_t op(Asm *a, enum Opcode o, unsigned x, unsigned y,
                          unsigned z) {
  ck_assert(a->n < MAX_CODE);
  Code c = {.w = 0};
  c.op = (uint16_t)o;
  c.a = (uint16_t)x;
  c.b = (uint16_t)y;
  c.c = (uint16_t)z;
  a->code[a->n] = c;
  return a->n++;
}

static inline void words(Asm *a, unsigned x, unsigned y, unsigned z,
                         unsigned w) {
  op(a, (enum Opcode)x, y, z, w);
}

// Label operand c of the instruction is where the code has got to.
static inline void here(Asm *a, uint32_t at) {
  a->code[at].c = (uint16_t)(a->n - at);
}

static inline void to(Asm *a, uint32_t at, uint32_t target) {
  a->code[at].c = (uint16_t)(int16_t)((int)target - (int)at);
}

static inline void edge(Asm *a, uint32_t at, uint32_t target) {
  ck_assert(a->nedges < MAX_EDGES);
  a->edges[a->nedges++] = (ErrorEdge){at, target};
}

static inline unsigned konst(Asm *a, Word w) {
  ck_assert(a->nk < MAX_K);
  a->k[a->nk] = w;
  return a->nk++;
}

static inline unsigned value(Asm *a, Value v) {
  return SRC_CONST + konst(a, v.w);
}
static inline unsigned integer(Asm *a, int64_t i) {
  return value(a, ambi_small_int(i));
}

static inline void *copied(const void *from, size_t size) {
  if (!size) return NULL;
  void *p = ambi_alloc(size);
  ck_assert_ptr_nonnull(p);
  return memcpy(p, from, size);
}

static inline Unit *assemble(const Asm *a) {
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
  ambi_unit_ready(rt->code, u);
  return u;
}

static inline Unit *sound(const Asm *a) {
  Unit *u = assemble(a);
  const char *why = "";
  uint32_t at = 0;
  bool ok = ambi_unit_verify(u, &why, &at);
  ck_assert_msg(ok, "at %u: %s", at, why);
  return u;
}

static inline void expect_results(Unit *u, const char *text) {
  ValueVec out = {0};
  Buffer b = {0};
  ck_assert_int_eq(ambi_engine_run_unit(g, u, &out), STOP_NONE);
  ambi_print_results(rt, &b, out.at, out.n);
  ck_assert_str_eq(b.text, text);
  ambi_buffer_drop(&b);
  ambi_vec_drop(&out);
}

static inline void gives(const Asm *a, const char *text) {
  Unit *u = sound(a);
  expect_results(u, text);
  expect_results(u, text);  // a run leaves nothing behind
  ambi_unit_free(u);
}

static inline Value list_of(int64_t x, int64_t y, int64_t z) {
  Value v =
      AMB_EXPR(cx, ambi_small_int(x), ambi_small_int(y), ambi_small_int(z));
  ck_assert(nlists < 8 && !ambi_is_none(v));
  ck_assert(ambi_template_make(rt->store, v, &lists[nlists]));
  return lists[nlists++].atom;
}

// s0 = the list, s1 = each child of it in turn.
static inline void fork_list(Asm *a, Value list) {
  op(a, OP_I_MOVE, 0, value(a, list), 0);
  op(a, OP_I_FORKV, 1, 0, 0);
}

#endif
