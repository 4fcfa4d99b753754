// Jumps and labels of the assembler: code that jumps about in all sections, forwards and
// backwards, near and far, is run; what is wrong with labels is an error, and the next
// piece knows nothing of it.
#include <stdlib.h>
#include <string.h>

#include "compiler_thread/code_memory.h"
#include "compiler_thread/jit.h"
#include "memory/alloc.h"
#include "tests/unit/unit.h"

enum { BLOCKS = 60, ROUNDS = 200, FAR = 300, CODE_BYTES = 1 << 20 };

static uint64_t random_state;

static unsigned below(unsigned n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(random_state >> 33) % n;
}

static CodeMemory *open_memory(void) {
  const char *why;
  CodeMemory *m = ambi_code_memory_open(CODE_BYTES, &why);
  ck_assert_msg(m, "%s", why);
  return m;
}

static void *placed(Jit *j, CodeMemory *m) {
  void *run, *write;
  ck_assert_msg(jit_size(j) > 0, "%s", jit_error(j));
  ck_assert(ambi_code_take(m, jit_size(j), &run, &write));
  ck_assert_msg(jit_place(j, write, run), "%s", jit_error(j));
  ambi_code_settle(m);
  return run;
}

static uint64_t called(void *code) {
  uint64_t (*f)(void);
  memcpy(&f, &code, sizeof f);
  return f();
}

// ---- code that jumps about -------------------------------------------------------
// rax = 3 * rax + n
static void calculate(Jit *j, unsigned n) {
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_rr(j, J_ADD, J_RAX, J_RCX);
  jit_rr(j, J_ADD, J_RAX, J_RCX);
  jit_ri(j, J_ADD, J_RAX, (int32_t)n);
}

static void go_to_section(Jit *j, unsigned section) {
  jit_pair(j, section >= 2);
  if (section % 2) jit_cold(j);
}

// One jump of each kind, always taken; and one that never is.
static void go_on(Jit *j, JitLabel to, JitLabel never) {
  jit_rr(j, J_TEST, J_RSP, J_RSP);
  jit_jump_if(j, J_EQ, never);
  if (below(2))
    jit_jump(j, to);
  else
    jit_jump_if(j, J_NE, to);
}

static void pad(Jit *j) {
  for (unsigned n = below(4) ? below(8) : below(FAR); n > 0; n--)
    jit_ret(j);
}

static uint64_t write_blocks(Jit *j) {
  JitLabel at[BLOCKS + 1];
  unsigned order[BLOCKS];
  uint64_t want = 0;
  for (unsigned i = 0; i <= BLOCKS; i++)
    at[i] = jit_label(j);
  for (unsigned i = 0; i < BLOCKS; i++) {
    unsigned k = below(i + 1);
    order[i] = order[k];
    order[k] = i;
    want = 3 * want + i;
  }
  jit_imm(j, J_RAX, 0);
  jit_jump(j, at[0]);
  for (unsigned i = 0; i < BLOCKS; i++) {
    go_to_section(j, below(4));
    pad(j);
    jit_bind(j, at[order[i]]);
    calculate(j, order[i]);
    go_on(j, at[order[i] + 1], at[below(BLOCKS)]);
  }
  go_to_section(j, below(4));
  jit_bind(j, at[BLOCKS]);
  jit_ret(j);
  return want;
}

START_TEST(jumps_arrive) {
  Jit *j = jit_open();
  CodeMemory *m = open_memory();
  ck_assert_ptr_nonnull(j);
  for (unsigned i = 0; i < ROUNDS; i++) {
    random_state = i;
    ck_assert(jit_begin(j));
    jit_whole(j, i % 2);
    uint64_t want = write_blocks(j);
    size_t bytes = jit_size(j);
    void *code = placed(j, m);
    ck_assert_msg(called(code) == want, "round %u", i);
    ambi_code_give_back(m, code, bytes);
  }
  ambi_code_memory_close(m);
  jit_close(j);
}
END_TEST

// What lies outside, before this piece and behind where it goes.
START_TEST(code_outside) {
  Jit *j = jit_open();
  CodeMemory *m = open_memory();
  ck_assert(j && jit_begin(j));
  calculate(j, 5);
  jit_ret(j);
  const char *add = placed(j, m);
  ck_assert(jit_begin(j));
  jit_imm(j, J_RAX, 1);
  jit_call_to(j, add);
  jit_cold(j);
  JitLabel cold = jit_label(j);
  jit_bind(j, cold);
  calculate(j, 7);
  jit_ret(j);
  jit_hot(j);
  jit_call_label(j, cold);
  jit_rr(j, J_TEST, J_RSP, J_RSP);
  jit_jump_to_if(j, J_EQ, add);
  jit_jump_to(j, add);
  ck_assert_uint_eq(called(placed(j, m)), ((1 * 3 + 5) * 3 + 7) * 3 + 5);
  ambi_code_memory_close(m);
  jit_close(j);
}
END_TEST

// ---- the shortest form ---------------------------------------------------------------
static size_t bytes_back(Jit *j, unsigned between, bool conditional) {
  ck_assert(jit_begin(j));
  JitLabel l = jit_label(j);
  jit_bind(j, l);
  for (unsigned i = 0; i < between; i++)
    jit_ret(j);
  if (conditional)
    jit_jump_if(j, J_NE, l);
  else
    jit_jump(j, l);
  return jit_size(j) - between;
}

START_TEST(near_jumps_are_short) {
  Jit *j = jit_open();
  ck_assert_ptr_nonnull(j);
  for (unsigned i = 0; i <= 126; i++) {
    ck_assert_uint_eq(bytes_back(j, i, false), 2);
    ck_assert_uint_eq(bytes_back(j, i, true), 2);
  }
  ck_assert_uint_eq(bytes_back(j, 127, false), 5);
  ck_assert_uint_eq(bytes_back(j, 127, true), 6);
  jit_close(j);
}
END_TEST

// ---- errors ------------------------------------------------------------------------------
START_TEST(wrong_labels_are_errors) {
  Jit *j = jit_open();
  uint8_t room[64];
  ck_assert(j && jit_begin(j));
  jit_jump(j, jit_label(j));
  ck_assert_uint_eq(jit_size(j), 5);
  ck_assert(!jit_place(j, room, room));
  ck_assert_str_eq(jit_error(j), "a label that was never bound");
  ck_assert(jit_begin(j));
  JitLabel l = jit_label(j);
  jit_bind(j, l);
  jit_bind(j, l);
  ck_assert_str_eq(jit_error(j), "a label that was bound twice");
  ck_assert_uint_eq(jit_size(j), 0);
  ck_assert(jit_begin(j));
  ck_assert_ptr_null(jit_error(j));
  jit_ret(j);
  ck_assert(jit_place(j, room, room));
  ck_assert_uint_eq(room[0], 0xC3);
  jit_close(j);
}
END_TEST

static void many(Jit *j) {
  JitLabel first = jit_label(j);
  for (unsigned i = 0; i < 3000; i++) {
    JitLabel l = jit_label(j);
    jit_jump(j, l);
    jit_jump(j, first);
    jit_bind(j, l);
  }
  jit_bind(j, first);
  jit_ret(j);
}

START_TEST(memory_is_out) {
  uint8_t *room = malloc(1 << 16);
  unsigned failed = 0;
  ck_assert_ptr_nonnull(room);
  for (uint64_t n = 1;; n++) {
    Jit *j = jit_open();
    ck_assert(j && jit_begin(j));
    uint64_t before = ambi_alloc_attempts();
    ambi_alloc_fail_at(n);
    many(j);
    bool all = ambi_alloc_attempts() - before < n;
    ambi_alloc_fail_at(0);
    ck_assert_int_eq(jit_error(j) == NULL, all);
    failed += !all;
    if (!all) {
      ck_assert_str_eq(jit_error(j), "out of memory");
      ck_assert(jit_begin(j));
      many(j);
    }
    ck_assert_msg(jit_place(j, room, room), "%s", jit_error(j));
    jit_close(j);
    if (all) break;
  }
  ck_assert_uint_gt(failed, 5);
  free(room);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("labels");
  tcase_add_test(tc, jumps_arrive);
  tcase_add_test(tc, code_outside);
  tcase_add_test(tc, near_jumps_are_short);
  tcase_add_test(tc, wrong_labels_are_errors);
  tcase_add_test(tc, memory_is_out);
  return unit_run(tc, "labels");
}
