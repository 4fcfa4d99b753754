// The program `soak`: makes programs, runs each in all modes, shrinks and keeps what
// differs.
//
// Workers are processes, so a program that ends the process is a finding like any
// other: the one who waits sees the signal, and the number the worker was at. While
// shrinking, each try has a process for the same reason.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/gen/gen.h"

enum { MAX_JOBS = 64, SECONDS = 300, TRIES = 20000, SIGNALLED = 16 };

typedef struct Options {
  uint64_t seed, start, count;
  int mix;  // -1: each in turn
  unsigned jobs, stop;
  double seconds;  // no new program behind them; 0: no limit
  const char *save, *write, *shrink;
  bool show;
  GenMode modes[GEN_MAX_MODES];
  unsigned nmodes;
} Options;

typedef struct Worker {  // [own] of the worker, read by others as it comes
  volatile uint64_t at;  // the number it is at
  volatile uint64_t done, cut, found;
  pid_t pid;
} Worker;

typedef struct Soak {
  Options o;
  Grammar *grammar;
  Worker *workers;  // shared by the processes
  double begin;     // of the workers
} Soak;

static unsigned mix_of(const Soak *s, uint64_t number) {
  if (s->o.mix >= 0) return (unsigned)s->o.mix;
  return (unsigned)(number % gen_mix_count());
}

// ---- one try in a process of its own ------------------------------------------------------

// A verdict, or SIGNALLED and the signal that ended the process.
static int try_apart(const Options *o, const Program *p) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) abort();
  if (pid == 0) {
    alarm(SECONDS / 4);
    _exit((int)gen_check(o->modes, o->nmodes, p, NULL));
  }
  int status;
  if (waitpid(pid, &status, 0) != pid) abort();
  if (WIFSIGNALED(status)) return SIGNALLED + WTERMSIG(status);
  return WEXITSTATUS(status);
}

// A rule for every atom makes any program a strange one. Shrinking would like to make
// such rules of others.
static bool has_rule_for_all(const Node *n) {
  if (n->word) return false;
  if (n->n == 3 && gen_is_word(n->kid[0], "=") && n->kid[1]->word &&
      n->kid[1]->word[0] == '$')
    return true;
  for (unsigned i = 0; i < n->n; i++)
    if (has_rule_for_all(n->kid[i])) return true;
  return false;
}

static bool any_rule_for_all(const Program *p) {
  for (unsigned i = 0; i < p->n; i++)
    if (has_rule_for_all(p->form[i].atom)) return true;
  return false;
}

typedef struct Wanted {
  const Options *options;
  int outcome;
  bool rule_for_all;
} Wanted;

static bool same_outcome(void *arg, const Program *p) {
  const Wanted *w = arg;
  return (w->rule_for_all || !any_rule_for_all(p)) &&
         try_apart(w->options, p) == w->outcome;
}

// ---- findings ---------------------------------------------------------------------------

static void put_comment(FILE *f, const Buffer *b) {
  bool fresh = true;
  for (size_t i = 0; i < b->len; i++) {
    if (fresh) fputs("; ", f);
    fputc(b->text[i], f);
    fresh = b->text[i] == '\n';
  }
  if (!fresh) fputc('\n', f);
}

static void put_finding(const Soak *s, FILE *f, const char *title,
                        const Program *p, int outcome) {
  Buffer text = {0}, told = {0};
  gen_put_program(&text, p);
  if (outcome < SIGNALLED) gen_check(s->o.modes, s->o.nmodes, p, &told);
  fprintf(f, "; %s", title);
  if (outcome >= SIGNALLED)
    fprintf(f, ", ended by signal %d", outcome - SIGNALLED);
  fprintf(f, "\n%.*s", (int)text.len, text.text);
  put_comment(f, &told);
  ambi_buffer_drop(&text);
  ambi_buffer_drop(&told);
}

// Shrinks the program; tells and keeps what is left.
static void found(const Soak *s, Arena *a, const char *title, Program *p) {
  Wanted w = {&s->o, try_apart(&s->o, p), any_rule_for_all(p)};
  unsigned tries = gen_shrink(a, p, same_outcome, &w, TRIES);
  char name[512];
  snprintf(name, sizeof name, "%s, shrunk in %u tries", title, tries);
  put_finding(s, stdout, name, p, w.outcome);
  fflush(stdout);
  if (!s->o.save) return;
  snprintf(name, sizeof name, "%s/%s.metta", s->o.save, title);
  FILE *f = fopen(name, "w");
  if (!f) {
    perror(name);
    return;
  }
  put_finding(s, f, title, p, w.outcome);
  fclose(f);
}

static void title_of(const Soak *s, uint64_t number, char *buf, size_t size) {
  snprintf(buf, size, "%s-%llu-%llu", gen_mix_name(mix_of(s, number)),
           (unsigned long long)s->o.seed, (unsigned long long)number);
}

static void make_number(const Soak *s, Arena *a, uint64_t number, Program *p) {
  gen_make(s->grammar, a, mix_of(s, number), s->o.seed, number, p);
}

static void found_number(const Soak *s, uint64_t number) {
  Arena a;
  Program p;
  char title[128];
  ambi_arena_open(&a);
  make_number(s, &a, number, &p);
  title_of(s, number, title, sizeof title);
  found(s, &a, title, &p);
  ambi_arena_close(&a);
}

// ---- workers ------------------------------------------------------------------------------

static uint64_t total(const Soak *s, size_t field) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < s->o.jobs; i++)
    sum += *(volatile uint64_t *)((char *)&s->workers[i] + field);
  return sum;
}
#define TOTAL(s, field) total(s, offsetof(Worker, field))

static bool goes_on(const Soak *s, const Worker *w) {
  bool in_time =
      s->o.seconds == 0 || ambi_monotonic_seconds() - s->begin < s->o.seconds;
  return in_time && w->at < s->o.start + s->o.count &&
         TOTAL(s, found) < s->o.stop;
}

static void work(const Soak *s, Worker *w) {
  for (; goes_on(s, w); w->at += s->o.jobs) {
    Arena a;
    Program p;
    ambi_arena_open(&a);
    alarm(SECONDS);
    make_number(s, &a, w->at, &p);
    enum GenVerdict v = gen_check(s->o.modes, s->o.nmodes, &p, NULL);
    alarm(0);
    ambi_arena_close(&a);
    w->done++;
    w->cut += v == GEN_CUT;
    if (v < GEN_DIFFERENT) continue;
    w->found++;
    found_number(s, w->at);
  }
}

static void start_worker(const Soak *s, Worker *w) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) abort();
  if (pid == 0) {
    work(s, w);
    exit(0);
  }
  w->pid = pid;
}

// A worker that was ended by a signal leaves a finding; another one goes on.
static void wait_for_workers(const Soak *s) {
  int status;
  pid_t pid;
  while ((pid = wait(&status)) > 0) {
    Worker *w = s->workers;
    while (w->pid != pid)
      w++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    w->done++;
    w->found++;
    found_number(s, w->at);
    w->at += s->o.jobs;
    start_worker(s, w);
  }
}

static int soak(Soak *s) {
  s->begin = ambi_monotonic_seconds();
  for (unsigned i = 0; i < s->o.jobs; i++) {
    s->workers[i].at = s->o.start + i;
    start_worker(s, &s->workers[i]);
  }
  wait_for_workers(s);
  double seconds = ambi_monotonic_seconds() - s->begin;
  uint64_t done = TOTAL(s, done), bad = TOTAL(s, found);
  printf("%llu programs, %llu cut by a limit, %llu differ; %.0f a second\n",
         (unsigned long long)done, (unsigned long long)TOTAL(s, cut),
         (unsigned long long)bad, (double)done / seconds);
  return bad ? 1 : 0;
}

// ---- other uses -----------------------------------------------------------------------------

// Programs for others to run: those that come to an end here, one file each.
static int write_programs(const Soak *s) {
  uint64_t end = s->o.start + s->o.count;
  for (uint64_t i = s->o.start; i < end; i++) {
    Arena a;
    Program p;
    Buffer text = {0};
    char title[128], name[512];
    ambi_arena_open(&a);
    make_number(s, &a, i, &p);
    title_of(s, i, title, sizeof title);
    snprintf(name, sizeof name, "%s/%s.metta", s->o.write, title);
    gen_put_program(&text, &p);
    FILE *f = NULL;
    if (try_apart(&s->o, &p) == GEN_SAME && (f = fopen(name, "w")))
      fwrite(text.text, 1, text.len, f);
    if (f) fclose(f);
    ambi_buffer_drop(&text);
    ambi_arena_close(&a);
  }
  return 0;
}

static int show_programs(const Soak *s) {
  for (uint64_t i = 0; i < s->o.count; i++) {
    Arena a;
    Program p;
    Buffer text = {0};
    ambi_arena_open(&a);
    make_number(s, &a, s->o.start + i, &p);
    gen_put_program(&text, &p);
    fwrite(text.text, 1, text.len, stdout);
    ambi_buffer_drop(&text);
    ambi_arena_close(&a);
  }
  return 0;
}

static int shrink_file(const Soak *s) {
  FileText file;
  Arena a;
  Program p;
  if (!ambi_file_load(s->o.shrink, 0, NULL, &file)) {
    perror(s->o.shrink);
    return 2;
  }
  ambi_arena_open(&a);
  int status = 2;
  if (!gen_parse(&a, file.text, file.len, &p))
    fprintf(stderr, "%s is too large\n", s->o.shrink);
  else if ((status = try_apart(&s->o, &p)) < GEN_DIFFERENT)
    printf("no difference\n");
  else
    found(s, &a, "shrunk", &p);
  ambi_arena_close(&a);
  ambi_file_drop(&file);
  return status < GEN_DIFFERENT ? 0 : status == 2 ? 2 : 1;
}

// ---- the command line -------------------------------------------------------------------------

static const char usage[] =
    "usage: soak [--seed N] [--start N] [--count N] [--mix NAME] [--jobs N]\n"
    "            [--stop N] [--seconds N] [--save DIR]\n"
    "            [--modes NAME,NAME.. | all]\n"
    "       soak --show  ...      prints the programs\n"
    "       soak --write DIR ...  writes those that come to an end, a file "
    "each\n"
    "       soak --shrink FILE [--save DIR]\n"
    "Runs programs --start .. --start + --count - 1 of the seed in all modes, "
    "and\n"
    "shrinks those for which the modes differ. Stops after --stop of them "
    "(10),\n"
    "and begins none after --seconds.\n"
    "Without --mix each mix in turn, without --modes both tiers.\n";

// "all", or names with commas between them. A name twice is no mode more.
static bool choose_modes(Options *o, const char *names) {
  size_t taken = 0;
  o->nmodes = 0;
  for (unsigned i = 0; i < gen_nmodes; i++) {
    const char *at = strstr(names, gen_modes[i].name);
    size_t len = strlen(gen_modes[i].name);
    while (at && ((at > names && at[-1] != ',') || !strchr(",", at[len])))
      at = strstr(at + 1, gen_modes[i].name);
    if (at) taken += len + (taken > 0);
    if ((at || strcmp(names, "all") == 0) && gen_mode_there(&gen_modes[i]))
      o->modes[o->nmodes++] = gen_modes[i];
  }
  if (strcmp(names, "all") == 0 || (taken == strlen(names) && o->nmodes > 1))
    return true;
  fprintf(stderr, "no modes %s in this build; there are:", names);
  for (unsigned i = 0; i < gen_nmodes; i++)
    if (gen_mode_there(&gen_modes[i]))
      fprintf(stderr, " %s", gen_modes[i].name);
  fputc('\n', stderr);
  return false;
}

static bool set_option(Options *o, int c) {
  switch (c) {
  case 'e': o->seed = strtoull(optarg, NULL, 10); return true;
  case 'f': o->start = strtoull(optarg, NULL, 10); return true;
  case 'c': o->count = strtoull(optarg, NULL, 10); return true;
  case 'j': o->jobs = (unsigned)strtoul(optarg, NULL, 10); return true;
  case 't': o->stop = (unsigned)strtoul(optarg, NULL, 10); return true;
  case 'u': o->seconds = strtod(optarg, NULL); return true;
  case 'd': o->save = optarg; return true;
  case 'w': o->write = optarg; return true;
  case 'r': o->shrink = optarg; return true;
  case 's': o->show = true; return true;
  case 'o': return choose_modes(o, optarg);
  case 'm':
    o->mix = gen_mix_find(optarg);
    if (o->mix >= 0) return true;
    fprintf(stderr, "no mix %s; there are:", optarg);
    for (unsigned i = 0; i < gen_mix_count(); i++)
      fprintf(stderr, " %s", gen_mix_name(i));
    fputc('\n', stderr);
    return false;
  default: fputs(usage, stderr); return false;
  }
}

static bool read_options(Options *o, int argc, char **argv) {
  static const struct option all[] = {{"seed", 1, NULL, 'e'},
                                      {"start", 1, NULL, 'f'},
                                      {"count", 1, NULL, 'c'},
                                      {"jobs", 1, NULL, 'j'},
                                      {"stop", 1, NULL, 't'},
                                      {"seconds", 1, NULL, 'u'},
                                      {"save", 1, NULL, 'd'},
                                      {"write", 1, NULL, 'w'},
                                      {"mix", 1, NULL, 'm'},
                                      {"shrink", 1, NULL, 'r'},
                                      {"show", 0, NULL, 's'},
                                      {"modes", 1, NULL, 'o'},
                                      {0}};
  *o = (Options){.seed = 1, .count = 1000, .mix = -1, .jobs = 1, .stop = 10};
  choose_modes(o, "tier0,tier1");
  int c;
  while ((c = getopt_long(argc, argv, "", all, NULL)) != -1)
    if (!set_option(o, c)) return false;
  if (optind < argc) fputs(usage, stderr);
  return optind == argc && o->jobs > 0 && o->jobs <= MAX_JOBS;
}

// Makes the folder, and those it stands in, unless they are there. NULL: none is wanted.
// A long run is not to end with findings that could not be kept.
static bool make_folder(const char *path) {
  char part[512];
  size_t len = path ? strlen(path) : 0;
  if (len + sizeof "/." > sizeof part) {
    fprintf(stderr, "%s: the name is too long\n", path);
    return false;
  }
  for (size_t i = 1; i <= len; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    snprintf(part, sizeof part, "%.*s", (int)i, path);
    if (mkdir(part, 0777) == 0 || errno == EEXIST) continue;
    perror(part);
    return false;
  }
  if (len == 0) return true;
  snprintf(part, sizeof part, "%s/.", path);  // of a file this is an error
  if (access(part, W_OK | X_OK) == 0) return true;
  perror(path);
  return false;
}

int main(int argc, char **argv) {
  Soak s = {0};
  if (!read_options(&s.o, argc, argv) || !make_folder(s.o.save) ||
      !make_folder(s.o.write))
    return 2;
  s.grammar = gen_grammar_open();
  size_t size = s.o.jobs * sizeof *s.workers;
  s.workers = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (s.workers == MAP_FAILED) abort();
  int status = s.o.show     ? show_programs(&s)
               : s.o.write  ? write_programs(&s)
               : s.o.shrink ? shrink_file(&s)
                            : soak(&s);
  munmap(s.workers, size);
  gen_grammar_close(s.grammar);
  return status;
}
