// Whole programs while memory runs out: whichever allocation fails, the script
// ends with a status, forms before the first that is stopped give what they
// always give, nothing leaks, and the runtime goes on working.
//
// The programs are those of tests/programs and the claims of tests/lang, but for what
// reaches files or needs a limit to end. Each is run in all tiers once for every
// allocation among a sample, which together reach most places; with AMBIT_LONG=1,
// once for every allocation. Debug builds do it again collecting all the time and
// with the least memory at each growth.
#define _GNU_SOURCE  // memmem
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "compiler_thread/compiler.h"
#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/modules/module.h"
#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

enum { MAX_PROGRAMS = 2000, LARGEST = 4000 };

typedef struct Program {
  char path[1024];
  size_t dir;  // bytes of the path that name the folder
  unsigned samples;
} Program;

static Program programs[MAX_PROGRAMS];
static int nprograms;
static enum AmbStop last_stop;
static bool endless;   // a form took far more than it could
static bool declares;  // without which the program may be endless
static Buffer usual;   // the lines of an undisturbed run
static Buffer now;     // those of this one, until a form is stopped
static bool stopped;

static bool drop_text(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
  return true;
}

static void drop_note(void *arg, const char *text, size_t len) {
  drop_text(arg, text, len);
}

// Addresses are other ones each time.
static void hide_addresses(Buffer *b) {
  for (size_t i = 0; i + 2 < b->len; i++)
    if (b->text[i] == '0' && b->text[i + 1] == 'x')
      for (i += 2; i < b->len && strchr("0123456789abcdef", b->text[i]); i++)
        b->text[i] = '.';
}

static bool on_form(void *arg, const FormReport *r) {
  last_stop = r->stop;
  endless = endless || (r->stop == STOP_STEPS && !(stopped && declares)) ||
            ambi_alloc_bytes() > r->cx->limits.memory;
  stopped = stopped || r->stop != STOP_NONE;
  if (stopped) return true;
  ambi_print_results(arg, &now, r->results, r->n);
  ambi_buffer_puts(&now, "\n");
  hide_addresses(&now);
  stopped = now.failed;
  return true;
}

// The lowest number a new file would get.
static int next_file(void) {
  int fd = dup(STDIN_FILENO);
  ck_assert_msg(fd >= 0, "%s", strerror(errno));
  close(fd);
  return fd;
}

static enum RunStatus run_text(Runtime *rt, const char *text, size_t len) {
  Script s = {.rt = rt,
              .module = ambi_module_top(rt),
              .name = "test",
              .text = text,
              .len = len,
              .on_form = on_form,
              .arg = rt};
  enum RunStatus status = ambi_run_script(&s);
  ambi_script_drop(&s);
  return status;
}

// Tier 2 compiles at the first call.
static Runtime *open_tier(int tier) {
  Host host = {.write = drop_text, .note = drop_note};
  Runtime *rt = ambi_runtime_open(&host, tier > 0);
  ck_assert_ptr_nonnull(rt);
#ifdef AMBIT_JIT
  JitConfig config = {.mode = JIT_SYNC, .threshold = 1, .memory = 1 << 24};
  const char *why;
  if (tier == 2)
    ck_assert_msg(ambi_compiler_open(rt, &config, &why), "%s", why);
#endif
  return rt;
}

static void close_tier(Runtime *rt) {
#ifdef AMBIT_JIT
  Compiler *c = ambi_compiler_of(rt);
  ambi_compiler_stop(rt);
  ambi_runtime_close(rt);
  ambi_compiler_close(c);
#else
  ambi_runtime_close(rt);
#endif
}

// Runs the program with the n-th allocation failing (0: none). Returns how many
// there were.
static uint64_t run(const Program *p, const FileText *f, int tier, uint64_t n) {
  if (n == 0) ambi_buffer_drop(&usual);
  size_t before = ambi_alloc_bytes();
  int file_before = next_file();
  Runtime *rt = open_tier(tier);
  rt->limits.steps = 10 * 1000 * 1000;
  rt->limits.memory = ambi_alloc_bytes() + (256 << 20);
  char *dir = ambi_text_copy(p->path, p->dir);
  ck_assert(ambi_module_set_dir(ambi_module_top(rt), dir));
  ambi_text_free(dir);
  stopped = false;
  now = (Buffer){0};
  uint64_t from = ambi_alloc_attempts();
  ambi_alloc_fail_at(n ? n : NEVER_FAILS);
  declares = memmem(f->text, f->len, "tabled!", 7) != NULL;
  enum RunStatus status = run_text(rt, f->text, f->len);
  uint64_t attempts = ambi_alloc_attempts() - from;
  ambi_alloc_fail_at(0);
  ck_assert_msg(
      n == 0 || now.len == 0 || now.failed ||
          (now.len <= usual.len && memcmp(now.text, usual.text, now.len) == 0),
      "%s, tier %d, %llu:\n%s", p->path, tier, (unsigned long long)n, now.text);
  if (n == 0)
    usual = now;
  else
    ambi_buffer_drop(&now);
  ck_assert_msg(status != RUN_INTERNAL && !endless, "%s, tier %d, %llu",
                p->path, tier, (unsigned long long)n);
  last_stop = STOP_INTERNAL;
  stopped = true;  // its line is of no interest
  static const char more[] = "(= (again $x) (+ $x 1)) !(again 41)";
  status = run_text(rt, more, sizeof more - 1);
  ck_assert_msg(status == RUN_OK && last_stop == STOP_NONE,
                "%s, tier %d, %llu: no more forms", p->path, tier,
                (unsigned long long)n);
  close_tier(rt);
  if (n == 0) return attempts;
  ck_assert_msg(ambi_alloc_bytes() == before, "%s, tier %d, %llu: a leak",
                p->path, tier, (unsigned long long)n);
  ck_assert_msg(next_file() == file_before, "%s, tier %d, %llu: a file is open",
                p->path, tier, (unsigned long long)n);
  return attempts;
}

// Files, other people's input, and what is endless when a limit was not set; results
// that are new each time.
static bool is_left_out(const char *text, size_t len) {
  static const char
      *const words
          [] = {"file-",     "readln",  "read-all",       "exit!",
                "pragma!",   "random",  "flip",           "time",
                "_now",      "catalog", "expect-exit: 4", "save-space!",
                "concurrent"};  // what evaluates nothing, once that is imported
  if (len > LARGEST) return true;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (memmem(text, len, words[i], strlen(words[i]))) return true;
  return false;
}

static void add_program(const char *dir, const char *name, unsigned samples) {
  ck_assert_int_lt(nprograms, MAX_PROGRAMS);
  Program *p = &programs[nprograms];
  FileText f;
  snprintf(p->path, sizeof p->path, "%s/%s", dir, name);
  p->dir = strlen(dir);
  p->samples = samples;
  ck_assert(ambi_file_load(p->path, 1 << 24, NULL, &f));
  if (!is_left_out(f.text, f.len)) nprograms++;
  ambi_file_drop(&f);
}

// The programs of a folder, and of those in it.
static void find_in(const char *dir, unsigned depth, unsigned samples) {
  DIR *d = opendir(dir);
  ck_assert_ptr_nonnull(d);
  for (struct dirent *e; (e = readdir(d));) {
    size_t len = strlen(e->d_name);
    char path[1024];
    if (*e->d_name == '_')
      continue;  // parts of others, and what other tests write
    if (len > 6 && strcmp(e->d_name + len - 6, ".metta") == 0) {
      add_program(dir, e->d_name, samples);
    } else if (depth > 0 && !strchr(e->d_name, '.')) {
      snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
      find_in(path, depth - 1, samples);
    }
  }
  closedir(d);
}

static void find_programs(void) {
  const char *slash = strrchr(__FILE__, '/');
  int len = slash ? (int)(slash - __FILE__) : 0;
  char path[512];
  bool all = getenv("AMBIT_LONG") != NULL;
  snprintf(path, sizeof path, "%.*s/../programs", len, __FILE__);
  find_in(path, 0, all ? UINT32_MAX : 40);
  ck_assert_int_gt(nprograms, 50);
  snprintf(path, sizeof path, "%.*s/../lang", len, __FILE__);
  find_in(path, 1, all ? UINT32_MAX : 5);
  ck_assert_int_gt(nprograms, 300);
}

// `; small: N=30` in a program: (= (N) 1000) becomes (= (N) 30  ), as in the modes of
// the matrix that take long.
static void make_small(FileText *f) {
  static const char key[] = "; small: ";
  char *at = memmem(f->text, f->len, key, sizeof key - 1);
  if (!at) return;
  for (at += sizeof key - 1; at[0] >= 'A' && at[0] <= 'Z' && at[1] == '=';) {
    char rule[] = {'\n', '(', '=', ' ', '(', at[0], ')', ' '};
    char *to = memmem(f->text, f->len, rule, sizeof rule);
    ck_assert_ptr_nonnull(to);
    for (at += 2, to += sizeof rule; *to >= '0' && *to <= '9'; to++)
      *to = *at >= '0' && *at <= '9' ? *at++ : ' ';
    at += strspn(at, "0123456789, ");
  }
}

// Check cannot tell of a test that takes longer than half an hour: so many tests share
// the programs.
static int shares = 1;

static void sample(int tier, int share) {
  find_programs();
  for (int i = share; i < nprograms; i += shares) {
    FileText f;
    ck_assert_msg(ambi_file_load(programs[i].path, 1 << 24, NULL, &f), "%s: %s",
                  programs[i].path, strerror(errno));
    make_small(&f);
    uint64_t total = run(&programs[i], &f, tier, 0);
    ck_assert_uint_gt(total, 0);
    uint64_t stride = total / programs[i].samples + 1;
    for (uint64_t n = 1 + (uint64_t)i % stride; n <= total; n += stride)
      run(&programs[i], &f, tier, n);
    ambi_file_drop(&f);
  }
}

START_TEST(programs_of_tier_0) {
  sample(0, _i);
}
END_TEST

START_TEST(programs_of_tier_1) {
  sample(1, _i);
}
END_TEST

#ifdef AMBIT_JIT
START_TEST(programs_with_machine_code) {
  sample(2, _i);
}
END_TEST
#endif

#ifdef AMB_DEBUG
START_TEST(programs_under_stress) {
  ck_assert(ambi_stress_choose("collect,minimal"));
  sample(1, _i);
}
END_TEST
#endif

int main(void) {
  TCase *tc = tcase_create("outage");
  if (getenv("AMBIT_LONG")) shares = 40;
  if (getenv("AMBIT_LONG")) tcase_set_timeout(tc, 7200);
  tcase_add_loop_test(tc, programs_of_tier_0, 0, shares);
  tcase_add_loop_test(tc, programs_of_tier_1, 0, shares);
#ifdef AMBIT_JIT
  tcase_add_loop_test(tc, programs_with_machine_code, 0, shares);
#endif
#ifdef AMB_DEBUG
  tcase_add_loop_test(tc, programs_under_stress, 0, shares);
#endif
  return unit_run(tc, "outage");
}
