// Starts one program and reports what it cost: launch CPU WALL REPORT ARGV...
//
// The kernel counts a process's peak memory from its fork on, what was before
// exec included. Forked from the harness, every run would seem to take as much as
// Python does; this program is small. CPU bounds processor seconds, WALL seconds by
// the clock. REPORT gets one line: status user system wall kilobytes.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  unsigned cpu = (unsigned)atoi(argv[1]), wall = (unsigned)atoi(argv[2]);
  double start = now();
  child = fork();
  if (child < 0) return 2;
  if (child == 0) {
    struct rlimit r = {cpu, cpu + 1};
    setpgid(0, 0);
    setrlimit(RLIMIT_CPU, &r);
    execvp(argv[4], argv + 4);
    _exit(127);
  }
  signal(SIGALRM, late);
  alarm(wall);
  int status;
  struct rusage u;
  while (wait4(child, &status, 0, &u) < 0) {
  }
  double took = now() - start;
  FILE *report = fopen(argv[3], "w");
  if (!report) return 2;
  fprintf(report, "%d %.6f %.6f %.6f %ld\n",
          WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status),
          seconds(u.ru_utime), seconds(u.ru_stime), took, u.ru_maxrss);
  return fclose(report) ? 2 : 0;
}
