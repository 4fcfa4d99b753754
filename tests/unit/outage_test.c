// Whole programs while memory runs out: whichever allocation fails, the script
// ends with a status, forms before the first that is stopped give what they
// always give, nothing leaks, and the runtime goes on working.
//
// The programs are those of tests/programs. Each is run in all tiers once for
// every allocation among a sample: the programs together reach most places.
#include <dirent.h>
#include <stdio.h>

#include "compiler_thread/compiler.h"
#include "memory/alloc.h"
#include "runtime/modules/module.h"
#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

enum { SAMPLES = 50, MAX_PROGRAMS = 400 };

typedef struct Program {
  char path[1024];
  size_t dir;  // bytes of the path that name the folder
} Program;

static Program programs[MAX_PROGRAMS];
static int nprograms;
static enum AmbStop last_stop;
static bool endless;  // a form took far more than it could
static Buffer usual;  // the lines of an undisturbed run
static Buffer now;    // those of this one, until a form is stopped
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

static bool on_form(void *arg, const FormReport *r) {
  last_stop = r->stop;
  endless = endless || r->stop == STOP_STEPS ||
            ambi_alloc_bytes() > r->cx->limits.memory;
  stopped = stopped || r->stop != STOP_NONE;
  if (stopped) return true;
  ambi_print_results(arg, &now, r->results, r->n);
  ambi_buffer_puts(&now, "\n");
  stopped = now.failed;
  return true;
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
  Runtime *rt = open_tier(tier);
  rt->limits.steps = 10 * 1000 * 1000;
  rt->limits.memory = ambi_alloc_bytes() + (256 << 20);
  char *dir = ambi_text_copy(p->path, p->dir);
  ck_assert(ambi_module_set_dir(ambi_module_top(rt), dir));
  ambi_text_free(dir);
  stopped = false;
  now = (Buffer){0};
  uint64_t from = ambi_alloc_attempts();
  ambi_alloc_fail_at(n);
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
  return attempts;
}

static void find_programs(void) {
  static const char folder[] = "../programs";
  const char *slash = strrchr(__FILE__, '/');
  int dir = slash ? (int)(slash - __FILE__) : 0;
  char path[512];
  snprintf(path, sizeof path, "%.*s/%s", dir, __FILE__, folder);
  DIR *d = opendir(path);
  ck_assert_ptr_nonnull(d);
  for (struct dirent *e; (e = readdir(d)) && nprograms < MAX_PROGRAMS;) {
    size_t len = strlen(e->d_name);
    bool others = strncmp(e->d_name, "files", 5) == 0 ||
                  strncmp(e->d_name, "random", 6) == 0;
    bool limits = strncmp(e->d_name, "pragma", 6) == 0;  // lost, it is endless
    if (others || limits || len < 6 ||
        strcmp(e->d_name + len - 6, ".metta") != 0)
      continue;
    Program *p = &programs[nprograms++];
    snprintf(p->path, sizeof p->path, "%s/%s", path, e->d_name);
    p->dir = strlen(path);
  }
  closedir(d);
  ck_assert_int_gt(nprograms, 50);
}

static void sample(int tier) {
  find_programs();
  for (int i = 0; i < nprograms; i++) {
    FileText f;
    ck_assert(ambi_file_load(programs[i].path, 1 << 24, NULL, &f));
    uint64_t total = run(&programs[i], &f, tier, 0);
    uint64_t stride = total / SAMPLES + 1;
    for (uint64_t n = 1 + (uint64_t)i % stride; n <= total; n += stride)
      run(&programs[i], &f, tier, n);
    ambi_file_drop(&f);
  }
}

START_TEST(programs_of_tier_0) {
  sample(0);
}
END_TEST

START_TEST(programs_of_tier_1) {
  sample(1);
}
END_TEST

#ifdef AMBIT_JIT
START_TEST(programs_with_machine_code) {
  sample(2);
}
END_TEST
#endif

int main(void) {
  TCase *tc = tcase_create("outage");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, programs_of_tier_0);
  tcase_add_test(tc, programs_of_tier_1);
#ifdef AMBIT_JIT
  tcase_add_test(tc, programs_with_machine_code);
#endif
  return unit_run(tc, "outage");
}
