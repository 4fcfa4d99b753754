// Importing rows while memory runs out: whichever allocation fails, the space is as it was, and
// the next import works.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "runtime/loading/rows.h"
#include "runtime/modules/module.h"
#include "tests/unit/unit.h"

static Runtime *rt;
static Context *cx;

static bool swallow(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}

static void open_all(void) {
  Host host = {.write = swallow};
  rt = ambi_runtime_open(&host, 0);
  cx = rt ? ambi_context_open(rt) : NULL;
  ck_assert_ptr_nonnull(cx);
}

static void close_all(void) {
  ambi_context_close(cx);
  ambi_runtime_close(rt);
}

// A row with everything in it, and many that are alike.
static const struct {
  const char *name, *first, *other;
} files[] = {
    {"a.csv", "a,\"quo\"\"ted\",123456789012345678901234567890\n", "b,c,1\n"},
    {"a.tsv", "a\tb\\tc\t1.5\n", "b\tc\t2\n"},
    {"a.nt", "<s> <p\\u0041> \"x\\n\"@en .\n", "_:b <p> \"1\"^^<t> .\n"},
    {"a.ndjson", "{\"k\": [1, {\"x\": \"\\n\"}], \"l\": \"\\u00e9\"}\n",
     "{\"l\": null, \"k\": true}\n"},
};
enum { FILES = sizeof files / sizeof *files, ROWS = 300 };

static void write_file(const char *path, int i) {
  FILE *f = fopen(path, "w");
  ck_assert_ptr_nonnull(f);
  fputs(files[i].first, f);
  for (int k = 1; k < ROWS; k++)
    fputs(files[i].other, f);
  ck_assert_int_eq(fclose(f), 0);
}

static bool import(Space *s, const char *path) {
  RowsOptions o;
  uint64_t n = 0;
  ambi_limits_begin(cx);
  bool ok = ambi_rows_options(cx, path, AMB_UNIT, &o) &&
            ambi_rows_import(cx, s, path, &o, &n);
  ambi_rows_options_drop(&o);
  ck_assert(!ok || n == ROWS);
  return ok;
}

static void check_valid(void) {
  const char *why = "";
  ck_assert_msg(ambi_runtime_is_valid(rt, &why), "%s", why);
}

START_TEST(test_memory) {
  char directory[] = "/tmp/ambit-rows-XXXXXX", path[64];
  ck_assert_ptr_nonnull(mkdtemp(directory));
  for (int i = 0; i < FILES; i++) {
    open_all();
    snprintf(path, sizeof path, "%s/%s", directory, files[i].name);
    write_file(path, i);
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
      ck_assert_uint_lt(n, 10000);
      Space *s = ambi_space_open(rt, NULL, false);
      ck_assert_ptr_nonnull(s);
      ck_assert(ambi_space_add(s, AMB_SYM(EQ)));
      ambi_alloc_fail_at(n);
      done = import(s, path);
      ambi_alloc_fail_at(0);
      ck_assert(done || cx->stop == STOP_MEMORY);
      ck_assert_uint_eq(ambi_space_count(s), 1 + (done ? ROWS : 0));
      ambi_context_reset(cx);
      ambi_store_quiesce(rt->store);
      check_valid();
    }
    close_all();
    unlink(path);
  }
  rmdir(directory);
}
END_TEST

// What came last goes, whatever it is and wherever it lies; what was there stays.
START_TEST(test_take_back) {
  open_all();
  Space *s = ambi_space_open(rt, NULL, true);
  static const char text[] =
      "(a b) (= (f $x) $x) (: f (-> A B)) $v x (b c d) (a c) ((x) y) ($h 1)";
  for (int round = 0; round < 3; round++) {
    Reader r;
    Template t;
    size_t before = ambi_space_count(s), added = 0;
    ambi_reader_open(&r, rt, NULL, text, sizeof text - 1);
    for (; ambi_read(&r, &t) == READ_ATOM; added++)
      ck_assert(ambi_space_add_template(s, &t));
    check_valid();
    if (round == 1) ambi_space_take_back(s, added);
    ck_assert_uint_eq(ambi_space_count(s),
                      round == 1 ? before : before + added);
    check_valid();
  }
  RecordVec all = {0};
  ck_assert(ambi_space_atoms(s, &all));
  for (size_t i = 0; i < all.n / 2; i++) {
    Template a = ambi_record_template(all.at[i]);
    Template b = ambi_record_template(all.at[i + all.n / 2]);
    ck_assert(ambi_template_equal(&a, &b));
  }
  ambi_records_drop(&all);
  close_all();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("rows");
  tcase_add_test(tc, test_memory);
  tcase_add_test(tc, test_take_back);
  return unit_run(tc, "rows");
}
