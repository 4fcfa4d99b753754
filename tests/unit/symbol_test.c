// Interning: one id per text, ids dense, reading without a lock.
#include <pthread.h>
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/atoms/symbol.h"
#include "tests/unit/unit.h"

START_TEST(predefined_ids_are_rows) {
  SymbolTable *t = ambi_symbols_open();
  ck_assert_uint_eq(ambi_symbols_count(t), AMB_S_COUNT);
  uint32_t id;
  ck_assert(ambi_symbol_find(t, "Error", 5, &id));
  ck_assert_uint_eq(id, AMB_S_ERROR);
  ck_assert(ambi_symbol_find(t, "", 0, &id));
  ck_assert_uint_eq(id, AMB_S_EMPTY_NAME);
  ck_assert_str_eq(ambi_symbol(t, AMB_S_ARROW)->text, "->");
  ck_assert_uint_eq(ambi_sym_of(AMB_SYM(ARROW)), AMB_S_ARROW);
  ambi_symbols_close(t);
}
END_TEST

START_TEST(same_text_same_id) {
  SymbolTable *t = ambi_symbols_open();
  uint32_t a, b, c, none;
  ck_assert(!ambi_symbol_find(t, "fresh", 5, &none));
  ck_assert(ambi_symbol_intern(t, "fresh", 5, &a));
  ck_assert(ambi_symbol_intern(t, "fresher", 5, &b));
  ck_assert(ambi_symbol_intern(t, "fresher", 7, &c));
  ck_assert_uint_eq(a, AMB_S_COUNT);
  ck_assert_uint_eq(a, b);
  ck_assert_uint_eq(c, a + 1);
  ck_assert(ambi_symbol_find(t, "fresh", 5, &b));
  ck_assert_uint_eq(a, b);
  ambi_symbols_close(t);
}
END_TEST

START_TEST(text_may_hold_any_byte) {
  SymbolTable *t = ambi_symbols_open();
  uint32_t a, b;
  ck_assert(ambi_symbol_intern(t, "x\0y", 3, &a));
  ck_assert(ambi_symbol_intern(t, "x\0z", 3, &b));
  ck_assert_uint_ne(a, b);
  const Symbol *s = ambi_symbol(t, a);
  ck_assert_uint_eq(s->len, 3);
  ck_assert_mem_eq(s->text, "x\0y", 4);
  ambi_symbols_close(t);
}
END_TEST

START_TEST(many_symbols_do_not_move) {
  size_t before = ambi_alloc_bytes();
  SymbolTable *t = ambi_symbols_open();
  uint32_t first, id;
  ck_assert(ambi_symbol_intern(t, "s0", 2, &first));
  const Symbol *kept = ambi_symbol(t, first);
  char text[24];
  size_t wrong = 0;
  for (uint32_t i = 0; i < 50000; i++) {
    int len = snprintf(text, sizeof text, "s%u", i);
    bool made = ambi_symbol_intern(t, text, (size_t)len, &id);
    wrong += !made || id != first + i;
  }
  for (uint32_t i = 0; i < 50000; i++) {
    int len = snprintf(text, sizeof text, "s%u", i);
    bool found = ambi_symbol_find(t, text, (size_t)len, &id);
    wrong += !found || id != first + i ||
             strcmp(ambi_symbol(t, id)->text, text) != 0;
  }
  ck_assert_uint_eq(wrong, 0);
  ck_assert_ptr_eq(ambi_symbol(t, first), kept);
  ambi_symbols_close(t);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

START_TEST(failed_allocation_leaves_table_whole) {
  size_t before = ambi_alloc_bytes();
  for (uint64_t n = 1;; n++) {  // opening, each step failing in turn
    ambi_alloc_fail_at(n);
    SymbolTable *t = ambi_symbols_open();
    ambi_alloc_fail_at(0);
    ck_assert(t || ambi_alloc_bytes() == before);
    ambi_symbols_close(t);
    if (t) break;
  }
  SymbolTable *t = ambi_symbols_open();
  char text[24];
  for (uint32_t i = 0; i < 9000; i++) {
    int len = snprintf(text, sizeof text, "s%u", i);
    uint32_t id, again;
    ambi_alloc_fail_at(1);
    bool made = ambi_symbol_intern(t, text, (size_t)len, &id);
    ambi_alloc_fail_at(0);
    ck_assert(ambi_symbol_intern(t, text, (size_t)len, &again));
    ck_assert_uint_eq(again, AMB_S_COUNT + i);
    ck_assert(!made || id == again);
  }
  ambi_symbols_close(t);
}
END_TEST

// Several threads make the same names, each from another one on, while tables grow.
enum { INTERNERS = 3, SHARED_NAMES = 30000 };
typedef struct Interner {
  SymbolTable *t;
  uint32_t first;
  uint32_t ids[SHARED_NAMES];
  uint32_t wrong;
} Interner;

static void *intern_all(void *arg) {
  Interner *in = arg;
  char text[24];
  for (uint32_t k = 0; k < SHARED_NAMES; k++) {
    uint32_t i = (in->first + k) % SHARED_NAMES, id = 0, again = 1;
    int len = snprintf(text, sizeof text, "shared%u", i);
    in->wrong += !ambi_symbol_intern(in->t, text, (size_t)len, &id) ||
                 strcmp(ambi_symbol(in->t, id)->text, text) != 0;
    if (k % 7 == 0)
      in->wrong +=
          !ambi_symbol_find(in->t, text, (size_t)len, &again) || again != id;
    in->ids[i] = id;
  }
  return NULL;
}

START_TEST(threads_agree_on_ids) {
  size_t before = ambi_alloc_bytes();
  SymbolTable *t = ambi_symbols_open();
  static Interner in[INTERNERS];
  pthread_t thread[INTERNERS];
  const char *why = NULL;
  ambi_symbols_share(t, true);
  for (uint32_t i = 0; i < INTERNERS; i++) {
    in[i] = (Interner){.t = t, .first = i * 50};
    ck_assert_int_eq(pthread_create(&thread[i], NULL, intern_all, &in[i]), 0);
  }
  for (uint32_t i = 0; i < INTERNERS; i++) {
    pthread_join(thread[i], NULL);
    ck_assert_uint_eq(in[i].wrong, 0);
    ck_assert_mem_eq(in[i].ids, in[0].ids, sizeof in[0].ids);
  }
  ambi_symbols_share(t, false);
  ck_assert_msg(ambi_symbols_is_valid(t, &why), "%s", why);
  ck_assert_uint_eq(ambi_symbols_count(t), AMB_S_COUNT + SHARED_NAMES);
  ambi_symbols_close(t);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("symbol");
  tcase_add_test(tc, predefined_ids_are_rows);
  tcase_add_test(tc, same_text_same_id);
  tcase_add_test(tc, text_may_hold_any_byte);
  tcase_add_test(tc, many_symbols_do_not_move);
  tcase_add_test(tc, failed_allocation_leaves_table_whole);
  tcase_add_test(tc, threads_agree_on_ids);
  return unit_run(tc, "symbol");
}
