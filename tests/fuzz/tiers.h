// Both tiers tell the same: a program's output and results, form by form, up to the
// names of variables within a result and what errors say, as far as both get within
// the limits.
//
// The function of the targets that run whole programs; they differ in the library
// they are linked with, and in how many STEPS a form may take.
#ifndef AMBIT_TESTS_FUZZ_TIERS_H
#define AMBIT_TESTS_FUZZ_TIERS_H

#include "runtime/modules/runner.h"
#include "tests/fuzz/forms.h"

enum { DEPTH = 1000, MAX_TEXT = 2000, MEGABYTES = 256 };

typedef struct Told {
  Runtime *rt;
  Buffer out;  // output, and one line for each form
  size_t forms;
  size_t kept;     // bytes of `out` told by forms that came to an end
  size_t at[256];  // kept, after so many forms
  enum RunStatus status;
  bool cut;    // a limit was met
  bool quiet;  // what the program prints is not compared
} Told;

static bool keep_output(void *arg, const char *text, size_t len) {
  Told *t = arg;
  if (!t->quiet) ambi_buffer_put(&t->out, text, len);
  return !t->out.failed;
}

static bool keep_form(void *arg, const FormReport *r) {
  Told *t = arg;
  t->cut = r->stop != STOP_NONE && r->stop != STOP_EXIT;
  HOLDS(r->stop != STOP_INTERNAL, "internal error: %s", r->cx->message);
  if (t->cut || t->forms == 255) return false;
  for (size_t i = 0; i < r->n; i++) {
    ambi_print_results(t->rt, &t->out, r->results + i, 1);
    ambi_buffer_puts(&t->out, "\n");
  }
  ambi_buffer_puts(&t->out, "\n");
  t->at[++t->forms] = t->kept = t->out.len;
  return true;
}

static void open_tier(Told *t, int tier) {
  Host host = {.arg = t, .write = keep_output, .note = ignore};
  take_switches();
  t->rt = ambi_runtime_open(&host, tier);
  HOLDS(t->rt, "no runtime");
  t->rt->rng_state = 1;
  t->rt->limits = (Limits){.query_seconds = 5,
                           .steps = STEPS,
                           .depth = DEPTH,
                           .memory = (uint64_t)MEGABYTES << 20};
}

static void run(Told *t, const char *text, size_t len) {
  Script script = {.rt = t->rt,
                   .module = ambi_module_top(t->rt),
                   .name = "fuzz",
                   .text = text,
                   .len = len,
                   .on_form = keep_form,
                   .arg = t};
  t->status = ambi_run_script(&script);
  t->cut = t->cut || t->status == RUN_LIMIT;
  ambi_script_drop(&script);
  ambi_runtime_close(t->rt);
}

// ---- comparing --------------------------------------------------------------------

// Reaches the world, or tells the time.
static bool is_left_out(const char *text, size_t len) {
  static const char *const words[] = {"file", "git",  "time", "_now",   "read",
                                      "env",  "args", "mods", "catalog"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (memmem(text, len, words[i], strlen(words[i]))) return true;
  return false;
}

typedef struct Names {
  const char *at[64];
  size_t len[64];
  unsigned n;
} Names;

static unsigned number_of(Names *names, const char *name, size_t len) {
  unsigned i = 0;
  while (i < names->n &&
         (names->len[i] != len || memcmp(names->at[i], name, len)))
    i++;
  if (i == names->n && i < 64) {
    names->at[i] = name;
    names->len[i] = len;
    names->n++;
  }
  return i;
}

// Bytes of the expression that begins here.
static size_t expression_end(const char *text, size_t len) {
  unsigned depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < len; i++) {
    if (quoted && text[i] == '\\')
      i++;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (!quoted && text[i] == '(')
      depth++;
    else if (!quoted && text[i] == ')' && --depth == 0)
      return i + 1;
  }
  return len;
}

// Variables numbered in each line, addresses gone, errors without their parts:
// one call may be wrong in several ways, and which is told is not laid down.
static void put_normal(Buffer *b, const char *text, size_t len) {
  Names names = {.n = 0};
  for (size_t i = 0; i < len;) {
    size_t n = 1;
    char number[24];
    if (text[i] == '\n') names.n = 0;
    if (text[i] == '$') {
      while (i + n < len && !strchr(" \n\t(),]", text[i + n]))
        n++;
      snprintf(number, sizeof number, "$%u", number_of(&names, text + i, n));
      ambi_buffer_puts(b, number);
    } else if (len - i > 6 && memcmp(text + i, "(Error ", 7) == 0) {
      n = expression_end(text + i, len - i);
      ambi_buffer_puts(b, "(Error)");
    } else if (text[i] == '0' && i + 6 < len && text[i + 1] == 'x') {
      n = 2 + strspn(text + i + 2, "0123456789abcdef");
      ambi_buffer_puts(b, "0x");
    } else {
      ambi_buffer_put(b, text + i, 1);
    }
    i += n;
  }
  ambi_buffer_put(b, "", 0);
}

// The line, or how it begins.
static const char *line_of(const Buffer *b, size_t at, char *out, size_t size) {
  size_t n = at < b->len ? strcspn(b->text + at, "\n") : 0;
  snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1),
           n ? b->text + at : "");
  return out;
}

static void tell_difference(const Told *a, const Buffer *one, const Told *b,
                            const Buffer *two, const char *text, size_t len) {
  size_t same = 0, line = 0;
  while (same < one->len && same < two->len &&
         one->text[same] == two->text[same])
    if (one->text[same++] == '\n') line = same;
  char first[1000], second[1000];
  wrong("the tiers differ in\n%.*s\n---- tier 0 (%d)\n%s\n---- tier 1 (%d)\n%s",
        (int)len, text, a->status, line_of(one, line, first, sizeof first),
        b->status, line_of(two, line, second, sizeof second));
}

static void compare(const Told *a, const Told *b, const char *text,
                    size_t len) {
  bool whole = !a->cut && !b->cut && a->forms < 255;
  size_t forms = a->forms < b->forms ? a->forms : b->forms;
  Buffer one = {0}, two = {0};
  put_normal(&one, a->out.text, whole ? a->out.len : a->at[forms]);
  put_normal(&two, b->out.text, whole ? b->out.len : b->at[forms]);
  bool same = one.len == two.len && memcmp(one.text, two.text, one.len) == 0;
  if (!same || (whole && a->status != b->status))
    tell_difference(a, &one, b, &two, text, len);
  ambi_buffer_drop(&one);
  ambi_buffer_drop(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  if (size > MAX_TEXT || is_left_out(text, size)) return -1;
  // How often the rules of tabled functions are run is not laid down.
  bool quiet = memmem(text, size, "tabled", 6) != NULL;
  Told told[2] = {{.quiet = quiet}, {.quiet = quiet}};
  for (int tier = 0; tier < 2; tier++)
    open_tier(&told[tier], tier);
  forget_coverage();
  for (int tier = 0; tier < 2; tier++)
    run(&told[tier], text, size);
  compare(&told[0], &told[1], text, size);
  ambi_buffer_drop(&told[0].out);
  ambi_buffer_drop(&told[1].out);
  return 0;
}

#endif
