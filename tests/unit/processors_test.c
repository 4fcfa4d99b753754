// What control groups of both versions leave to a process, in trees made for it.
#define _GNU_SOURCE
#include "memory/processors.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char root[64];
static char made[64][256];  // files and folders, in order
static unsigned nmade;

static void remember(const char *path) {
  ck_assert_uint_lt(nmade, 64);
  snprintf(made[nmade++], sizeof *made, "%s", path);
}

static void write_file(const char *path, const char *text) {
  char name[256];
  snprintf(name, sizeof name, "%s%s", root, path);
  for (char *at = strchr(name + strlen(root) + 1, '/'); at;
       at = strchr(at + 1, '/')) {
    *at = 0;
    if (mkdir(name, 0700) == 0) remember(name);
    *at = '/';
  }
  FILE *f = fopen(name, "w");
  ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
  remember(name);
}

static void begin_tree(void) {
  strcpy(root, "/tmp/ambit-processors-XXXXXX");
  ck_assert(mkdtemp(root));
  nmade = 0;
}

static void end_tree(void) {
  while (nmade > 0)
    remove(made[--nmade]);
  ck_assert_int_eq(rmdir(root), 0);
}

START_TEST(test_version_2) {
  write_file("/proc/self/cgroup", "0::/a/b\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 0);
  write_file("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 0);
  write_file("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 3);
  write_file("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 1);
  write_file("/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 3);
  // In a container: the path is that of the host, the topmost is its own.
  write_file("/proc/self/cgroup", "0::/../elsewhere\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 0);
  write_file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 2);
}
END_TEST

START_TEST(test_version_1) {
  write_file("/proc/self/cgroup", "5:cpuset:/x\n4:cpuacct,cpu:/p/q\n"
                                  "1:name=systemd:/p\n0::/\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 0);
  write_file("/sys/fs/cgroup/cpu/p/q/cpu.cfs_quota_us", "-1\n");
  write_file("/sys/fs/cgroup/cpu/p/q/cpu.cfs_period_us", "100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 0);
  write_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "700000\n");
  write_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 7);
  write_file("/sys/fs/cgroup/cpu/p/q/cpu.cfs_quota_us", "150000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 2);
  // Both versions side by side: the tighter one.
  write_file("/sys/fs/cgroup/cpu.max", "100000 100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 1);
}
END_TEST

START_TEST(test_other_folder) {
  write_file("/proc/self/cgroup", "4:cpu,cpuacct:/\n");
  write_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
  write_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  ck_assert_uint_eq(ambi_processors_quota(root), 3);
}
END_TEST

START_TEST(test_nonsense) {
  static const char *const texts[] = {"",         "\n",       "0\n",
                                      "0:\n",     "0::\n",    "0::x\n",
                                      "0::///\n", "::/\n:::", "1:cpux:/\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    write_file("/proc/self/cgroup", texts[i]);
    ck_assert_uint_eq(ambi_processors_quota(root), 0);
  }
  static const char *const limits[] = {
      "", "1", "0 0\n", "-5 10\n", "100 -1\n", "abc def\n", "100 \n", "max\n"};
  write_file("/proc/self/cgroup", "0::/\n");
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    write_file("/sys/fs/cgroup/cpu.max", limits[i]);
    ck_assert_uint_eq(ambi_processors_quota(root), 0);
  }
}
END_TEST

START_TEST(test_affinity) {
  cpu_set_t all, one;
  ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
  ck_assert_uint_eq(ambi_processors_allowed(), (unsigned)CPU_COUNT(&all));
  int first = 0;
  while (!CPU_ISSET(first, &all))
    first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
  ck_assert_uint_eq(ambi_processors_allowed(), 1);
  ck_assert_uint_eq(ambi_processors(), 1);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("processors");
  tcase_add_checked_fixture(tc, begin_tree, end_tree);
  tcase_add_test(tc, test_version_2);
  tcase_add_test(tc, test_version_1);
  tcase_add_test(tc, test_other_folder);
  tcase_add_test(tc, test_nonsense);
  tcase_add_test(tc, test_affinity);
  return unit_run(tc, "processors");
}
