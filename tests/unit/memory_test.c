// The counting allocator, ranges of pages, arenas.
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory/alloc.h"
#include "memory/arena.h"
#include "memory/atomic.h"
#include "memory/large.h"
#include "memory/pages.h"
#include "tests/unit/unit.h"

START_TEST(counts_bytes_out) {
  size_t before = ambi_alloc_bytes();
  char *p = ambi_alloc(100);
  ck_assert_ptr_nonnull(p);
  for (int i = 0; i < 100; i++)
    ck_assert_int_eq(p[i], 0);
  ck_assert_uint_ge(ambi_alloc_bytes(), before + 100);
  memset(p, 7, 100);
  p = ambi_realloc(p, 100, 1000);
  ck_assert_int_eq(p[99], 7);
  ck_assert_uint_ge(ambi_alloc_bytes(), before + 1000);
  p = ambi_realloc(p, 1000, 10);
  ck_assert_uint_le(ambi_alloc_bytes(), before + 100);
  ambi_free(p, 10);
  ambi_free(NULL, 10);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

START_TEST(the_limit_holds_at_every_door) {
  size_t before = ambi_alloc_bytes();
  Range r;
  ck_assert(ambi_range_open(&r, 1 << 24));
  ambi_alloc_limit(before + 10000);
  void *p = ambi_alloc(5000);
  ck_assert_ptr_nonnull(p);
  ck_assert_ptr_null(ambi_alloc(5000));
  ck_assert_ptr_null(ambi_realloc(p, 5000, 11000));
  ck_assert(!ambi_range_commit(&r, 1));
  ck_assert(!ambi_alloc_charge(6000));
  ck_assert_uint_lt(ambi_alloc_bytes(), before + 6000);
  p = ambi_realloc(p, 5000, 100);  // less is possible
  void *q = ambi_alloc(5000);
  ck_assert_ptr_nonnull(q);
  ambi_alloc_limit(0);
  ck_assert(ambi_range_commit(&r, 1));
  ambi_range_close(&r);
  ambi_free(q, 5000);
  ambi_free(p, 100);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// ---- large blocks -------------------------------------------------------------------
// Words that tell where they stand, up to n bytes.
static void write_places(uint64_t *p, size_t from, size_t to) {
  for (size_t i = from / sizeof *p; i < to / sizeof *p; i++)
    p[i] = i * 0x9E3779B97F4A7C15u;
}

static bool has_places(const uint64_t *p, size_t n) {
  for (size_t i = 0; i < n / sizeof *p; i++)
    if (p[i] != i * 0x9E3779B97F4A7C15u) return false;
  return true;
}

START_TEST(blocks_keep_what_they_hold_at_any_size) {
  static const size_t sizes[] = {
      1 << 20,         LARGE_BLOCK - 8, LARGE_BLOCK, LARGE_BLOCK + 8,
      5 << 20,         5 << 20,         23 << 20,    3 << 20,
      LARGE_BLOCK - 8, 9 << 20,         100};
  size_t before = ambi_alloc_bytes(), old = 0;
  uint64_t *p = NULL, *neighbour = ambi_alloc(3 << 20);
  ck_assert_ptr_nonnull(neighbour);
  write_places(neighbour, 0, 3 << 20);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    p = ambi_realloc(p, old, sizes[i]);
    ck_assert_ptr_nonnull(p);
    ck_assert(has_places(p, old < sizes[i] ? old : sizes[i]));
    if (sizes[i] > old) write_places(p, old, sizes[i]);
    old = sizes[i];
    ck_assert_uint_ge(ambi_alloc_bytes() - before, old + (3 << 20));
    ck_assert_uint_le(ambi_alloc_bytes() - before, old + (3 << 20) + 8300);
  }
  ck_assert(has_places(neighbour, 3 << 20));
  ambi_free(neighbour, 3 << 20);
  ambi_free(p, old);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

START_TEST(large_blocks_begin_zeroed_and_aligned) {
  for (int round = 0; round < 3; round++) {
    char *p = ambi_alloc(4 << 20);
    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < 4 << 20; i += 512)
      ck_assert_int_eq(p[i], 0);
    memset(p, 1, 4 << 20);
    ambi_free(p, 4 << 20);
    p = ambi_alloc_aligned(6 << 20, LARGE_BLOCK);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % LARGE_BLOCK, 0);
    memset(p, 1, 6 << 20);
    ambi_free_aligned(p, 6 << 20);
  }
}
END_TEST

// ---- several threads ----------------------------------------------------------------
// Threads that take and free blocks until one is refused or a number is reached. What
// they have at the end, they leave to the others: the next round frees it.
enum { HANDS = 6, BLOCKS = 4000 };
typedef struct Hand {
  pthread_t thread;
  uint64_t random;
  size_t rounds, n;
  struct {
    void *at;
    size_t size;
  } block[BLOCKS];
} Hand;
static AMB_ATOMIC(size_t) in_use;       // [all]
static AMB_ATOMIC(uint64_t) most_used;  // [all]

static void drop_block(Hand *h, size_t i) {
  ambi_add_relaxed(&in_use, -h->block[i].size);
  ambi_free(h->block[i].at, h->block[i].size);
  h->block[i] = h->block[--h->n];
}

static bool take_block(Hand *h) {
  size_t size = 1 + (h->random >> 40) % 6000;
  void *p = ambi_alloc(size);
  if (!p) return false;
  ambi_raise_relaxed(&most_used, ambi_add_relaxed(&in_use, size) + size);
  h->block[h->n].size = size;
  h->block[h->n++].at = p;
  return true;
}

static void *handle_blocks(void *arg) {
  Hand *h = arg;
  for (size_t i = 0; i < h->rounds; i++) {
    h->random = h->random * 6364136223846793005u + 1442695040888963407u;
    bool full = h->n == BLOCKS, take = h->n == 0 || h->random >> 33 & 3;
    if ((full || !take) || !take_block(h))
      if (h->n) drop_block(h, (h->random >> 20) % h->n);
  }
  return NULL;
}

static void *drop_blocks(void *arg) {
  for (Hand *h = arg; h->n;)
    drop_block(h, h->n - 1);
  return NULL;
}

static void together(Hand *hands, void *(*what)(void *)) {
  for (int i = 0; i < HANDS; i++)
    ck_assert_int_eq(pthread_create(&hands[i].thread, NULL, what, &hands[i]),
                     0);
  for (int i = 0; i < HANDS; i++)
    ck_assert_int_eq(pthread_join(hands[i].thread, NULL), 0);
}

static Hand *hands_of(size_t rounds) {
  Hand *hands = calloc(HANDS, sizeof *hands);
  ck_assert_ptr_nonnull(hands);
  for (int i = 0; i < HANDS; i++) {
    hands[i].rounds = rounds;
    hands[i].random = (uint64_t)i + 1;
  }
  ambi_store_relaxed(&in_use, 0);
  ambi_store_relaxed(&most_used, 0);
  return hands;
}

START_TEST(threads_that_ended_leave_an_exact_count) {
  size_t before = ambi_alloc_bytes();
  Hand *hands = hands_of(20000);
  together(hands, handle_blocks);
  size_t used = ambi_load_relaxed(&in_use), blocks = 0;
  for (int i = 0; i < HANDS; i++)
    blocks += hands[i].n;
  ck_assert_uint_ge(ambi_alloc_bytes() - before, used);
  ck_assert_uint_le(ambi_alloc_bytes() - before, used + 40 * blocks);
  together(hands, drop_blocks);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
  free(hands);
}
END_TEST

START_TEST(threads_reach_a_limit_and_do_not_pass_it) {
  enum { LIMIT = 16 << 20 };
  Hand *hands = hands_of(20000);
  size_t before = ambi_alloc_bytes();
  ambi_alloc_limit(before + LIMIT);
  together(hands, handle_blocks);
  uint64_t most = ambi_load_relaxed(&most_used);
  ck_assert_uint_le(most, LIMIT);
  ck_assert_uint_ge(most, LIMIT / 100 * 95);
  together(hands, drop_blocks);
  ambi_alloc_limit(0);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
  free(hands);
}
END_TEST

START_TEST(empty_block_is_no_failure) {
  void *p = ambi_alloc(0);
  ck_assert_ptr_nonnull(p);
  ambi_free(p, 0);
}
END_TEST

START_TEST(impossible_sizes_fail_cleanly) {
  size_t before = ambi_alloc_bytes();
  ck_assert_ptr_null(ambi_alloc(SIZE_MAX));
  ck_assert_ptr_null(ambi_realloc(NULL, 0, SIZE_MAX - 8));
  uint64_t *v = NULL;
  size_t cap = 0;
  ck_assert(!ambi_grow((void **)&v, &cap, SIZE_MAX / 4, sizeof *v));
  ck_assert_ptr_null(v);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

START_TEST(planned_attempt_fails_once) {
  ambi_alloc_fail_at(2);
  void *a = ambi_alloc(8), *b = ambi_alloc(8), *c = ambi_alloc(8);
  ck_assert_ptr_nonnull(a);
  ck_assert_ptr_null(b);
  ck_assert_ptr_nonnull(c);
  ambi_alloc_fail_at(2);
  uint64_t n = ambi_alloc_attempts();
  void *d = ambi_realloc(NULL, 0, 8);
  ck_assert_ptr_nonnull(d);
  ck_assert_uint_eq(ambi_alloc_attempts(), n + 1);
  ambi_alloc_fail_at(0);
  ck_assert(ambi_alloc_permitted());
  ambi_free(a, 8);
  ambi_free(c, 8);
  ambi_free(d, 8);
}
END_TEST

START_TEST(growing_array_keeps_items) {
  size_t before = ambi_alloc_bytes();
  uint32_t *v = NULL;
  size_t cap = 0;
  for (uint32_t n = 0; n < 1000; n++) {
    ck_assert(ambi_grow((void **)&v, &cap, n + 1, sizeof *v));
    v[n] = n;
  }
  for (uint32_t i = 0; i < 1000; i++)
    ck_assert_uint_eq(v[i], i);
  size_t old_cap = cap;
  ambi_alloc_fail_at(1);
  ck_assert(!ambi_grow((void **)&v, &cap, cap + 1, sizeof *v));
  ck_assert_uint_eq(cap, old_cap);
  ck_assert_uint_eq(v[999], 999);
  ambi_free(v, cap * sizeof *v);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// From `n` items to `to`, of any size: those that are kept are what they were, and only
// they are counted.
static void shrinks(size_t n, size_t to) {
  size_t before = ambi_alloc_bytes(), cap = 0;
  int *v = NULL, *exact;
  ck_assert(ambi_grow((void **)&v, &cap, n, sizeof *v));
  for (size_t i = 0; i < to; i++)
    v[i] = (int)i;
  size_t grown = cap;
  ambi_alloc_fail_at(1);
  ck_assert(ambi_shrink((void **)&v, &cap, to, sizeof *v) == (to == 0));
  ambi_alloc_fail_at(0);
  ck_assert_uint_eq(cap, to ? grown : 0);
  ck_assert(ambi_shrink((void **)&v, &cap, to, sizeof *v));
  ck_assert_uint_eq(cap, to);
  for (size_t i = 0; i < to; i++)
    ck_assert_int_eq(v[i], (int)i);
  size_t taken = ambi_alloc_bytes() - before;
  ambi_free(v, cap * sizeof *v);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
  if (!to) {
    ck_assert_ptr_null(v);
    return;
  }
  ck_assert_ptr_nonnull(exact = ambi_alloc(to * sizeof *exact));
  ck_assert_uint_eq(ambi_alloc_bytes() - before, taken);
  ambi_free(exact, to * sizeof *exact);
}

START_TEST(shrunk_array_keeps_items) {
  shrinks(9, 0);
  shrinks(9, 1);
  shrinks(1000, 3);
  shrinks(1 << 20, 5);        // from pages of its own to malloc
  shrinks(3 << 20, 2 << 20);  // and in its place
  shrinks((3 << 20) + 1, 0);
  int *none = NULL;
  size_t cap = 0;
  ck_assert(ambi_shrink((void **)&none, &cap, 1, sizeof *none));
  ck_assert(!none && cap == 0);
}
END_TEST

START_TEST(range_commits_in_place) {
  size_t before = ambi_alloc_bytes();
  Range r;
  ck_assert(ambi_range_open(&r, (size_t)1 << 30));
  ck_assert_uint_eq(r.committed, 0);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
  char *base = r.base;
  ck_assert(ambi_range_commit(&r, 1));
  ck_assert_uint_ge(r.committed, 256 * 1024);
  base[0] = 1;
  ck_assert(ambi_range_commit(&r, 10 << 20));
  base[(10 << 20) - 1] = 2;
  ck_assert_ptr_eq(r.base, base);
  ck_assert_int_eq(base[0], 1);
  ck_assert_uint_eq(ambi_alloc_bytes(), before + r.committed);
  ambi_range_close(&r);
  ck_assert_ptr_null(r.base);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// Large ranges end where huge pages do, while there is plenty of room; others as they
// are asked.
START_TEST(large_ranges_end_with_a_huge_page) {
  enum { HUGE_PAGE = 2 << 20, STEP = 999999 };
  Range r;
  ck_assert(ambi_range_open(&r, (40 << 20) + 4096));
  ck_assert_uint_eq(ambi_range_whole(&r, 1000000), 1000000);
  for (size_t n = 0; n + STEP < r.reserved; n += STEP) {
    ck_assert(ambi_range_more(&r, n + STEP));
    ck_assert_uint_ge(r.committed, n + STEP);
    ck_assert_uint_le(r.committed, r.reserved);
    bool whole = ((uintptr_t)r.base + r.committed) % HUGE_PAGE == 0;
    ck_assert(whole || n < 2 << 20 || n > r.reserved / 2);
    memset(r.base + n, 1, STEP);
  }
  ck_assert(ambi_range_more(&r, r.reserved));
  ck_assert_uint_eq(ambi_range_whole(&r, r.reserved), r.reserved);
  ck_assert_uint_eq(r.committed, r.reserved);
  ambi_range_close(&r);
}
END_TEST

START_TEST(range_refuses_more_than_reserved) {
  Range r;
  ck_assert(ambi_range_open(&r, 100000));
  ck_assert_uint_ge(r.reserved, 100000);
  ck_assert(!ambi_range_commit(&r, r.reserved + 1));
  ck_assert_uint_eq(r.committed, 0);
  ck_assert(ambi_range_commit(&r, r.reserved));
  ck_assert_uint_eq(r.committed, r.reserved);
  ambi_range_close(&r);
  ambi_range_close(&r);
  ck_assert(!ambi_range_open(&r, SIZE_MAX));
}
END_TEST

START_TEST(trimmed_pages_come_back_zeroed) {
  size_t before = ambi_alloc_bytes();
  Range r;
  ck_assert(ambi_range_open(&r, 64 << 20));
  ck_assert(ambi_range_commit(&r, 8 << 20));
  memset(r.base, 5, 8 << 20);
  ambi_range_trim(&r, 1 << 20);
  ck_assert_uint_eq(r.committed, 1 << 20);
  ck_assert_uint_eq(ambi_alloc_bytes(), before + (1 << 20));
  ck_assert_int_eq(r.base[(1 << 20) - 1], 5);
  ck_assert(ambi_range_commit(&r, 8 << 20));
  ck_assert_int_eq(r.base[1 << 20], 0);
  ck_assert_int_eq(r.base[(8 << 20) - 1], 0);
  ambi_range_close(&r);
}
END_TEST

START_TEST(commit_can_be_made_to_fail) {
  Range r;
  ck_assert(ambi_range_open(&r, 64 << 20));
  ambi_alloc_fail_at(1);
  ck_assert(!ambi_range_commit(&r, 1));
  ck_assert_uint_eq(r.committed, 0);
  ck_assert(ambi_range_commit(&r, 1));
  ambi_range_close(&r);
}
END_TEST

START_TEST(system_memory_is_plausible) {
  ck_assert_uint_ge(ambi_system_memory(), 16 << 20);
  ck_assert_uint_lt(ambi_system_memory(), (uint64_t)1 << 50);
}
END_TEST

START_TEST(arena_blocks_are_apart_and_aligned) {
  size_t before = ambi_alloc_bytes();
  Arena a;
  ambi_arena_open(&a);
  enum { N = 3000 };
  unsigned char *at[N];
  size_t size[N];
  for (size_t i = 0; i < N; i++) {
    size[i] = i % 50 == 7 ? 40000 : i % 97;
    at[i] = ambi_arena_alloc(&a, size[i]);
    ck_assert_uint_eq((uintptr_t)at[i] % 8, 0);
    memset(at[i], (int)(i % 251), size[i]);
  }
  size_t damaged = 0;
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < size[i]; j++)
      damaged += at[i][j] != i % 251;
  ck_assert_uint_eq(damaged, 0);
  ck_assert_uint_ge(ambi_alloc_bytes(), before + a.total);
  ambi_arena_close(&a);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
  ck_assert_ptr_nonnull(ambi_arena_alloc(&a, 1));
  ambi_arena_close(&a);
}
END_TEST

START_TEST(arena_survives_failed_chunk) {
  Arena a;
  ambi_arena_open(&a);
  char *p = ambi_arena_alloc(&a, 16);
  memset(p, 3, 16);
  ambi_alloc_fail_at(1);
  ck_assert_ptr_null(ambi_arena_alloc(&a, 1 << 20));
  ck_assert_ptr_null(ambi_arena_alloc(&a, SIZE_MAX));
  ck_assert_ptr_nonnull(ambi_arena_alloc(&a, 1 << 20));
  ck_assert_int_eq(p[15], 3);
  ambi_arena_close(&a);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("memory");
  tcase_add_test(tc, counts_bytes_out);
  tcase_add_test(tc, the_limit_holds_at_every_door);
  tcase_add_test(tc, blocks_keep_what_they_hold_at_any_size);
  tcase_add_test(tc, large_blocks_begin_zeroed_and_aligned);
  tcase_add_test(tc, threads_that_ended_leave_an_exact_count);
  tcase_add_test(tc, threads_reach_a_limit_and_do_not_pass_it);
  tcase_add_test(tc, empty_block_is_no_failure);
  tcase_add_test(tc, impossible_sizes_fail_cleanly);
  tcase_add_test(tc, planned_attempt_fails_once);
  tcase_add_test(tc, growing_array_keeps_items);
  tcase_add_test(tc, shrunk_array_keeps_items);
  tcase_add_test(tc, range_commits_in_place);
  tcase_add_test(tc, large_ranges_end_with_a_huge_page);
  tcase_add_test(tc, range_refuses_more_than_reserved);
  tcase_add_test(tc, trimmed_pages_come_back_zeroed);
  tcase_add_test(tc, commit_can_be_made_to_fail);
  tcase_add_test(tc, system_memory_is_plausible);
  tcase_add_test(tc, arena_blocks_are_apart_and_aligned);
  tcase_add_test(tc, arena_survives_failed_chunk);
  return unit_run(tc, "memory");
}
