// Memory for machine code: blocks do not overlap and come back, both mappings show
// one memory, and no page is writable and executable.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "compiler_thread/code_memory_data.h"
#include "memory/alloc.h"
#include "tests/unit/broken.h"

static CodeMemory *open_memory(size_t cap) {
  const char *why;
  CodeMemory *m = ambi_code_memory_open(cap, &why);
  ck_assert_msg(m, "%s", why);
  return m;
}

START_TEST(both_mappings_show_one_memory) {
  CodeMemory *m = open_memory(1 << 20);
  void *run, *write;
  ck_assert(ambi_code_take(m, 100, &run, &write));
  ck_assert_ptr_ne(run, write);
  ck_assert_uint_eq((uintptr_t)run % 16, 0);
  memset(write, 0x5A, 100);
  for (int i = 0; i < 100; i++)
    ck_assert_uint_eq(((unsigned char *)run)[i], 0x5A);
  ambi_code_memory_close(m);
}
END_TEST

#ifdef __x86_64__
static int run_returning(CodeMemory *m, unsigned char n, void **block) {
  const unsigned char code[] = {0xB8, n, 0, 0, 0, 0xC3};  // mov eax, n; ret
  void *write;
  ck_assert(ambi_code_take(m, sizeof code, block, &write));
  memcpy(write, code, sizeof code);
  ambi_code_settle(m);
  int (*f)(void);
  memcpy(&f, block, sizeof f);
  return f();
}

START_TEST(what_was_written_runs) {
  CodeMemory *m = open_memory(1 << 16);
  bool reuses = ambi_code_use(m).reuses;
  void *block, *last = NULL;
  for (unsigned i = 0; i < 200; i++) {
    ck_assert_int_eq(run_returning(m, (unsigned char)i, &block), (int)i);
    ck_assert(!last || (block == last) == reuses);
    last = block;
    ambi_code_give_back(m, block, 6);
  }
  ambi_code_memory_close(m);
}
END_TEST
#endif

START_TEST(no_page_is_writable_and_executable) {
  CodeMemory *m = open_memory(1 << 20);
  void *run, *write;
  ck_assert(ambi_code_take(m, 100, &run, &write));
  FILE *maps = fopen("/proc/self/maps", "r");
  ck_assert_ptr_nonnull(maps);
  char line[1024], access[5];
  unsigned long from, to;
  int ours = 0;
  while (fgets(line, sizeof line, maps)) {
    ck_assert_int_eq(sscanf(line, "%lx-%lx %4s", &from, &to, access), 3);
    bool runs = from <= (uintptr_t)run && (uintptr_t)run < to;
    bool writes = from <= (uintptr_t)write && (uintptr_t)write < to;
    if (runs) ck_assert_str_eq(access, "r-xs");
    if (writes) ck_assert_str_eq(access, "rw-s");
    ours += runs + writes;
  }
  fclose(maps);
  ck_assert_int_eq(ours, 2);
  ambi_code_memory_close(m);
}
END_TEST

START_TEST(the_cap_is_reached_and_left) {
  CodeMemory *m = open_memory(1);  // a page
  CodeMemoryUse use = ambi_code_use(m);
  void *run, *write, *first;
  ck_assert(!ambi_code_take(m, 0, &run, &write));
  ck_assert(!ambi_code_take(m, use.cap + 1, &run, &write));
  ck_assert(ambi_code_take(m, use.cap / 2, &first, &write));
  ck_assert(ambi_code_take(m, use.cap / 2, &run, &write));
  ck_assert(!ambi_code_take(m, 1, &run, &write));
  ambi_code_give_back(m, first, use.cap / 2);
  ck_assert(ambi_code_take(m, 1, &run, &write) == use.reuses);
  use = ambi_code_use(m);
  ck_assert_uint_eq(use.peak, use.cap);
  ck_assert_uint_eq(use.used, use.cap / 2 + (use.reuses ? 16 : 0));
  ck_assert_uint_eq(use.freed, use.cap / 2);
  ambi_code_memory_close(m);
}
END_TEST

// ---- against a plain model ----------------------------------------------------

enum { CAP = 1 << 16, MAX_BLOCKS = 600 };

typedef struct Block {
  void *run;
  unsigned char *write;
  size_t n;
  unsigned char fill;
} Block;

static Block blocks[MAX_BLOCKS];
static size_t nblocks;

static unsigned next_random(uint64_t *x) {
  *x = *x * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(*x >> 33);
}

static void give_back_one(CodeMemory *m, size_t i) {
  Block b = blocks[i];
  size_t kept = 0;
  while (kept < b.n && ((unsigned char *)b.run)[kept] == b.fill)
    kept++;
  ck_assert_uint_eq(kept, b.n);
  ambi_code_give_back(m, b.run, b.n);
  blocks[i] = blocks[--nblocks];
}

static size_t bytes_of_blocks(void) {
  size_t sum = 0;
  for (size_t i = 0; i < nblocks; i++)
    sum += (blocks[i].n + 15) / 16 * 16;
  return sum;
}

// Every block keeps what was written to it until it is given back, and when all
// are back, the whole is one extent again.
START_TEST(blocks_do_not_overlap_and_come_together) {
  size_t before = ambi_alloc_bytes();
  CodeMemory *m = open_memory(CAP);
  bool reuses = ambi_code_use(m).reuses;
  uint64_t seed = 7;
  size_t full = 0;
  for (int round = 0; round < 50000; round++) {
    if (nblocks && next_random(&seed) % 2 == 0) {
      give_back_one(m, next_random(&seed) % nblocks);
      continue;
    }
    Block b = {.n = 1 + next_random(&seed) % 700, .fill = (unsigned char)round};
    void *write;
    if (nblocks == MAX_BLOCKS || !ambi_code_take(m, b.n, &b.run, &write)) {
      full++;
      continue;
    }
    memset(write, b.fill, b.n);
    blocks[nblocks++] = b;
    ck_assert_uint_eq(ambi_code_use(m).used, bytes_of_blocks());
  }
  ck_assert_uint_gt(full, 0);
  while (nblocks)
    give_back_one(m, nblocks - 1);
  void *run, *write;
  ck_assert(ambi_code_take(m, CAP, &run, &write) == reuses);
  ambi_code_memory_close(m);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

// Two blocks are taken with a free one between them.
START_TEST(a_walk_sees_what_is_broken) {
  CodeMemory *m = open_memory(1 << 16);
  void *run[3], *write;
  for (int i = 0; i < 3; i++)
    ck_assert(ambi_code_take(m, 100, &run[i], &write));
#define CODE_MEMORY ambi_code_memory_is_valid(m, &why)
  SOUND(CODE_MEMORY);
  ambi_code_give_back(m, run[1], 100);
  SOUND(CODE_MEMORY);
  BROKEN(m->used, m->used - 16, CODE_MEMORY, "code memory is miscounted");
  BROKEN(m->nblocks, 0, CODE_MEMORY, "blocks of code are miscounted");
  BROKEN(m->peak, 16, CODE_MEMORY, "blocks of code are miscounted");
  BROKEN(m->nblocks, 100, CODE_MEMORY,
         "no room for code memory that comes back");
  BROKEN(m->high, m->cap + 1, CODE_MEMORY,
         "code memory that nobody has counted");
  BROKEN(m->charged, 16, CODE_MEMORY, "code memory that nobody has counted");
  if (m->reuses) {
    Extent *last = &m->extents[m->nextents - 1];
    BROKEN(m->extents[0].n, 0, CODE_MEMORY,
           "free code memory that is not there");
    BROKEN(m->extents[0].n, m->extents[0].n + 112, CODE_MEMORY,
           "free code memory that is not put together");
    BROKEN(last->n, last->n + 1, CODE_MEMORY,
           "free code memory that is not there");
    BROKEN(last->n, last->n - 16, CODE_MEMORY,
           "code memory that was never used and is not free");
  }
  ambi_code_memory_close(m);
}
END_TEST

START_TEST(works_without_memory) {
  size_t before = ambi_alloc_bytes();
  const char *why;
  for (uint64_t n = 1; n <= 2; n++) {
    ambi_alloc_fail_at(n);
    ck_assert_ptr_null(ambi_code_memory_open(CAP, &why));
    ck_assert_str_eq(why, "out of memory");
  }
  ambi_alloc_fail_at(0);
  CodeMemory *m = open_memory(1 << 20);
  void *at[300], *write;
  size_t n = 0, refused = 0;
  for (uint64_t i = 0; i < 200; i++) {
    ambi_alloc_fail_at(1);
    if (ambi_code_take(m, 100, &at[n], &write))
      n++;
    else
      refused++;
    ambi_alloc_fail_at(0);
    if (i % 3 == 0 && ambi_code_take(m, 100, &at[n], &write)) n++;
  }
  ck_assert_uint_gt(refused, 0);
  ambi_alloc_fail_at(1);
  while (n) {  // never fails
    ambi_code_give_back(m, at[n - 1], 100);
    n -= n >= 2 ? 2 : 1;
  }
  ambi_alloc_fail_at(0);
  ambi_alloc_limit(ambi_alloc_bytes() + 100000);
  ck_assert(!ambi_code_take(m, 1 << 19, &at[0], &write));  // pages count
  ambi_alloc_limit(0);
  ck_assert(ambi_code_take(m, 1 << 19, &at[0], &write));
  ambi_code_memory_close(m);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("code memory");
  tcase_add_test(tc, both_mappings_show_one_memory);
#ifdef __x86_64__
  tcase_add_test(tc, what_was_written_runs);
#endif
  tcase_add_test(tc, no_page_is_writable_and_executable);
  tcase_add_test(tc, the_cap_is_reached_and_left);
  tcase_add_test(tc, blocks_do_not_overlap_and_come_together);
  tcase_add_test(tc, a_walk_sees_what_is_broken);
  tcase_add_test(tc, works_without_memory);
  return unit_run(tc, "code memory");
}
