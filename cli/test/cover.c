// Which rules the tests took: gathered over all files, as lines of text and for lcov.
#include <stdlib.h>

#include "cli/diagnostic/json.h"
#include "cli/test/test.h"
#include "memory/alloc.h"
#include "runtime/bytecode/coverage.h"

// ---- in the process that runs a file ---------------------------------------------

typedef struct Writing {
  FILE *out;
  char *folder;  // that we are in, or NULL
} Writing;

// As it is reached from the folder that we are in.
static const char *path_from(const char *folder, const char *file) {
  size_t len = folder ? strlen(folder) : 0;
  bool below = len && strncmp(file, folder, len) == 0 && file[len] == '/';
  return below ? file + len + 1 : file;
}

static void write_rule(void *arg, const CoveredRule *r) {
  const Writing *w = arg;
  const char *file = path_from(w->folder, r->file);
  json_t *o = json_object();
  json_object_set_new(o, "rule", cli_json_string(r->text, strlen(r->text)));
  json_object_set_new(o, "file", cli_json_string(file, strlen(file)));
  json_object_set_new(o, "line", json_integer(r->line));
  json_object_set_new(o, "unseen", json_boolean(r->unseen));
  json_object_set_new(o, "tried", json_integer((json_int_t)r->tried));
  json_object_set_new(o, "taken", json_integer((json_int_t)r->taken));
  cli_json_line(w->out, o);
}

void cli_test_write_rules(Cli *cli, FILE *out) {
  CodeState *cs = cli->rt->code;
  if (!cs || !cs->coverage) return;
  Writing w = {out, realpath(".", NULL)};
  ambi_coverage_rules(cs, write_rule, &w);
  free(w.folder);
}

// ---- gathered ----------------------------------------------------------------------

static long long number_of(const json_t *o, const char *key) {
  return json_integer_value(json_object_get(o, key));
}

static const char *text_of(const json_t *o, const char *key) {
  const char *text = json_string_value(json_object_get(o, key));
  return text ? text : "";
}

static void add_number(json_t *to, const json_t *from, const char *key) {
  json_object_set_new(to, key,
                      json_integer(number_of(to, key) + number_of(from, key)));
}

// The rules of one run, to those that are known: {"FILE:LINE:TEXT":RULE}.
void cli_test_add_rule(json_t *rules, json_t *rule) {
  Buffer key = {0};
  ambi_buffer_puts(&key, text_of(rule, "file"));
  ambi_buffer_format(&key, ":%lld:", number_of(rule, "line"));
  ambi_buffer_puts(&key, text_of(rule, "rule"));
  json_t *known = key.failed ? NULL : json_object_get(rules, key.text);
  if (!known) {
    json_object_set(rules, key.failed ? "" : key.text, rule);
  } else {
    add_number(known, rule, "tried");
    add_number(known, rule, "taken");
    if (!json_is_true(json_object_get(rule, "unseen")))
      json_object_set_new(known, "unseen", json_false());
  }
  ambi_buffer_drop(&key);
}

static int by_place(const void *a, const void *b) {
  const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
  int order = strcmp(text_of(x, "file"), text_of(y, "file"));
  long long d = number_of(x, "line") - number_of(y, "line");
  return order ? order : d < 0 ? -1 : d > 0;
}

// By file and line, with NULL behind; to be freed with n + 1 places.
static json_t **sorted(json_t *rules, size_t *n) {
  *n = json_object_size(rules);
  json_t **all = ambi_alloc((*n + 1) * sizeof(json_t *)), *rule;
  const char *key;
  size_t i = 0;
  if (!all) return NULL;
  json_object_foreach(rules, key, rule) all[i++] = rule;
  qsort((void *)all, *n, sizeof *all, by_place);
  return all;
}

// ---- as text -----------------------------------------------------------------------

typedef struct Sum {
  size_t taken, counted, unseen;
} Sum;

static void add_to(Sum *s, const json_t *rule) {
  bool unseen = json_is_true(json_object_get(rule, "unseen"));
  s->unseen += unseen;
  s->counted += !unseen;
  s->taken += number_of(rule, "taken") > 0;
}

static void put_missed(FILE *out, const json_t *rule) {
  if (number_of(rule, "taken")) return;
  const char *what = json_is_true(json_object_get(rule, "unseen"))
                         ? "not counted"
                     : number_of(rule, "tried") ? "tried, never taken"
                                                : "never tried";
  fprintf(out, "#   line %lld %s: %.100s\n", number_of(rule, "line"), what,
          text_of(rule, "rule"));
}

static void put_sum(FILE *out, const char *label, const Sum *s) {
  fprintf(out, "# %s: %zu of %zu rules taken", label, s->taken, s->counted);
  if (s->counted)
    fprintf(out, ", %.1f %%", 100.0 * (double)s->taken / (double)s->counted);
  if (s->unseen) fprintf(out, "; %zu not counted", s->unseen);
  fputc('\n', out);
}

void cli_test_show_rules(FILE *out, json_t *rules) {
  size_t n;
  json_t **all = sorted(rules, &n);
  Sum total = {0};
  for (size_t i = 0; all && i < n;) {
    const char *file = text_of(all[i], "file");
    Sum sum = {0};
    size_t end = i;
    for (; end < n && strcmp(text_of(all[end], "file"), file) == 0; end++) {
      add_to(&sum, all[end]);
      add_to(&total, all[end]);
    }
    put_sum(out, file, &sum);
    for (; i < end; i++)
      put_missed(out, all[i]);
  }
  put_sum(out, "all", &total);
  ambi_free((void *)all, (n + 1) * sizeof *all);
}

// ---- for lcov ----------------------------------------------------------------------

// How often a line's rules were taken; *i goes behind them.
static long long line_count(json_t **all, size_t n, size_t *i) {
  long long count = 0;
  const json_t *first = all[*i];
  for (; *i < n && by_place((const void *)&all[*i], (const void *)&first) == 0;
       ++*i)
    count += number_of(all[*i], "taken");
  return count;
}

bool cli_test_lcov(const char *path, json_t *rules) {
  CliFile f;
  size_t n;
  if (!cli_file_begin(&f, path)) return false;
  json_t **all = sorted(rules, &n);
  for (size_t i = 0; all && i < n;) {
    const char *file = text_of(all[i], "file");
    size_t lines = 0, hit = 0;
    fprintf(f.out, "TN:\nSF:%s\n", file);
    while (i < n && strcmp(text_of(all[i], "file"), file) == 0) {
      long long line = number_of(all[i], "line");
      long long count = line_count(all, n, &i);
      fprintf(f.out, "DA:%lld,%lld\n", line, count);
      lines++;
      hit += count > 0;
    }
    fprintf(f.out, "LF:%zu\nLH:%zu\nend_of_record\n", lines, hit);
  }
  ambi_free((void *)all, (n + 1) * sizeof *all);
  return cli_file_end(&f);
}
