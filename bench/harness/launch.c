// Starts one program and reports what it cost: launch CPU WALL PAGES REPORT ARGV...
//
// The kernel counts a process's peak memory from its fork on, what was before
// exec included. Forked from the harness, every run would seem to take as much as
// Python does; this program is small. CPU bounds processor seconds, WALL seconds by
// the clock. REPORT gets one line: status user system wall kilobytes.
//
// A virtual machine gives memory that was free for a while back to what it runs on, and
// whoever is the first to use it again pays. So PAGES megabytes are used and given back
// before the program begins, by this one, whose time does not count.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void late(int sig) {
  (void)sig;
  kill(-child, SIGKILL);
}

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Large ones where the system has them: free memory that is small stays where it is.
static void use_pages(size_t megabytes) {
  enum { PAGE = 4096 };
  size_t n = megabytes << 20;
  char *p =
      mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return;
  madvise(p, n, MADV_HUGEPAGE);
  for (size_t at = 0; at < n; at += PAGE)
    p[at] = 1;
  munmap(p, n);
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  unsigned cpu = (unsigned)atoi(argv[1]), wall = (unsigned)atoi(argv[2]);
  int pages = atoi(argv[3]);
  if (pages > 0) use_pages((size_t)pages);
  double start = now();
  child = fork();
  if (child < 0) return 2;
  if (child == 0) {
    struct rlimit r = {cpu, cpu + 1};
    setpgid(0, 0);
    setrlimit(RLIMIT_CPU, &r);
    execvp(argv[5], argv + 5);
    _exit(127);
  }
  signal(SIGALRM, late);
  alarm(wall);
  int status;
  struct rusage u;
  while (wait4(child, &status, 0, &u) < 0) {
  }
  double took = now() - start;
  FILE *report = fopen(argv[4], "w");
  if (!report) return 2;
  fprintf(report, "%d %.6f %.6f %.6f %ld\n",
          WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status),
          seconds(u.ru_utime), seconds(u.ru_stime), took, u.ru_maxrss);
  return fclose(report) ? 2 : 0;
}
