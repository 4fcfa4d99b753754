// The scheduler's mask, and the files of control groups.
//
// A process finds its groups in /proc/self/cgroup: one line ID:CONTROLLERS:PATH each,
// with no controllers in version 2. In a container PATH may name a directory that is
// not mounted; the topmost one, which always is looked at, is then its own.
#define _GNU_SOURCE  // sched_getaffinity
#include "memory/processors.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PROCESSORS = 1 << 16 };

unsigned ambi_processors_allowed(void) {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
  int n = CPU_COUNT(&cpus);
  return n < 1 ? 1 : (unsigned)n;
}

// The first line of root/folder/path/file without its end. False: there is none.
static bool read_line(char *line, size_t size, const char *root,
                      const char *folder, const char *path, const char *file) {
  char name[PATH_MAX];
  int n = snprintf(name, sizeof name, "%s%s%s/%s", root, folder, path, file);
  if (n < 0 || (size_t)n >= sizeof name) return false;
  FILE *f = fopen(name, "re");
  if (!f) return false;
  bool ok = fgets(line, (int)size, f) != NULL;
  fclose(f);
  if (ok) line[strcspn(line, "\n")] = 0;
  return ok;
}

// So many processors, rounded up; 0: no limit.
static unsigned share(const char *quota, const char *period) {
  char *end;
  long long q = strtoll(quota, &end, 10);
  if (end == quota) return 0;  // "max"
  long long p = strtoll(period, &end, 10);
  if (end == period || q <= 0 || p <= 0) return 0;
  long long n = q / p + (q % p != 0);
  return n > MOST_PROCESSORS ? MOST_PROCESSORS : (unsigned)n;
}

static unsigned quota_2(const char *root, const char *path) {
  char line[128];
  if (!read_line(line, sizeof line, root, "/sys/fs/cgroup", path, "cpu.max"))
    return 0;
  char *period = strchr(line, ' ');
  return period ? share(line, period + 1) : 0;
}

static unsigned quota_1(const char *root, const char *path) {
  static const char *const folders[] = {"/sys/fs/cgroup/cpu",
                                        "/sys/fs/cgroup/cpu,cpuacct"};
  char quota[64], period[64];
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    if (read_line(quota, sizeof quota, root, folders[i], path,
                  "cpu.cfs_quota_us") &&
        read_line(period, sizeof period, root, folders[i], path,
                  "cpu.cfs_period_us"))
      return share(quota, period);
  return 0;
}

static unsigned smaller(unsigned a, unsigned b) {
  return a == 0 || (b != 0 && b < a) ? b : a;
}

// The tightest limit from this group up to the topmost.
static unsigned tightest(const char *root, char *path,
                         unsigned (*quota)(const char *, const char *)) {
  unsigned least = 0;
  for (;;) {
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
      path[--len] = 0;
    least = smaller(least, quota(root, path));
    if (len == 0) return least;
    *strrchr(path, '/') = 0;
  }
}

static bool has_controller(const char *list, const char *name) {
  size_t len = strlen(name);
  for (const char *at = list; at; at = strchr(at, ',')) {
    at += *at == ',';
    if (strncmp(at, name, len) == 0 && (at[len] == 0 || at[len] == ','))
      return true;
  }
  return false;
}

// One line of /proc/self/cgroup.
static unsigned quota_of_group(const char *root, char *line) {
  char *controllers = strchr(line, ':');
  char *path = controllers ? strchr(++controllers, ':') : NULL;
  if (!path) return 0;
  *path++ = 0;
  path[strcspn(path, "\n")] = 0;
  if (*path != '/') return 0;
  if (*controllers == 0) return tightest(root, path, quota_2);
  return has_controller(controllers, "cpu") ? tightest(root, path, quota_1) : 0;
}

unsigned ambi_processors_quota(const char *root) {
  char name[PATH_MAX], line[PATH_MAX];
  int n = snprintf(name, sizeof name, "%s/proc/self/cgroup", root);
  FILE *f = n > 0 && (size_t)n < sizeof name ? fopen(name, "re") : NULL;
  if (!f) return 0;
  unsigned least = 0;
  while (fgets(line, sizeof line, f))
    least = smaller(least, quota_of_group(root, line));
  fclose(f);
  return least;
}

unsigned ambi_processors(void) {
  return smaller(ambi_processors_quota(""), ambi_processors_allowed());
}
