// Points as TAP, and as the XML that JUnit writes.
#include "cli/diagnostic/json.h"
#include "cli/test/test.h"

static const char *text_of(const json_t *point, const char *key) {
  const char *text = json_string_value(json_object_get(point, key));
  return text ? text : "";
}

static long long number_of(const json_t *point, const char *key) {
  return json_integer_value(json_object_get(point, key));
}

static bool is_ok(const json_t *point) {
  return json_is_true(json_object_get(point, "ok"));
}

static double seconds_of(const json_t *point) {
  return json_real_value(json_object_get(point, "seconds"));
}

// ---- TAP ------------------------------------------------------------------------

// Each line of the text behind the label.
static void put_lines(FILE *out, const char *label, const char *text) {
  while (*text) {
    size_t len = strcspn(text, "\n");
    fprintf(out, "%s%.*s\n", label, (int)len, text);
    text += len + (text[len] == '\n');
  }
}

// What would be a directive is none.
static void put_name(FILE *out, const char *name) {
  for (; *name; name++) {
    if (*name == '#' || *name == '\\') fputc('\\', out);
    fputc(*name, out);
  }
}

static void put_point(FILE *out, const char *path, const json_t *point,
                      size_t number) {
  fprintf(out, "%sok %zu - ", is_ok(point) ? "" : "not ", number);
  put_name(out, path);
  fprintf(out, ":%lld ", number_of(point, "line"));
  put_name(out, text_of(point, "name"));
  fputc('\n', out);
  if (is_ok(point)) return;
  fprintf(out, "  ---\n  at: %s:%lld:%lld\n  message: |\n", path,
          number_of(point, "line"), number_of(point, "column"));
  put_lines(out, "    ", text_of(point, "message"));
  fputs("  ...\n", out);
}

void cli_test_show(FILE *out, const TestFile *file, bool quiet,
                   TestTotals *totals) {
  size_t i, failed = totals->failed;
  json_t *point;
  json_array_foreach(file->points, i, point) {
    totals->points++;
    totals->failed += !is_ok(point);
    if (!quiet || !is_ok(point))
      put_point(out, file->path, point, totals->points);
  }
  totals->files++;
  if (file->notes && totals->failed > failed) put_lines(out, "# ", file->notes);
}

// ---- JUnit ----------------------------------------------------------------------

static void put_xml(FILE *out, const char *text) {
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    switch (*c) {
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '&': fputs("&amp;", out); break;
    case '"': fputs("&quot;", out); break;
    case '\n': fputs("&#10;", out); break;
    default: fputc(*c < 0x20 && *c != '\t' ? '?' : *c, out);
    }
  }
}

static void put_case(FILE *out, const TestFile *file, const json_t *point) {
  fputs("    <testcase classname=\"", out);
  put_xml(out, file->path);
  fputs("\" name=\"", out);
  put_xml(out, text_of(point, "name"));
  fprintf(out, "\" line=\"%lld\" time=\"%.6f\"", number_of(point, "line"),
          seconds_of(point));
  if (is_ok(point)) {
    fputs("/>\n", out);
    return;
  }
  fputs(">\n      <failure message=\"", out);
  put_xml(out, text_of(point, "message"));
  fputs("\"/>\n    </testcase>\n", out);
}

static size_t count_failed(const TestFile *file) {
  size_t i, n = 0;
  json_t *point;
  json_array_foreach(file->points, i, point) n += !is_ok(point);
  return n;
}

bool cli_test_junit(const char *path, const TestFile *files, size_t n) {
  CliFile f;
  if (!cli_file_begin(&f, path)) return false;
  fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", f.out);
  for (size_t i = 0; i < n; i++) {
    if (!json_array_size(files[i].points)) continue;
    fputs("  <testsuite name=\"", f.out);
    put_xml(f.out, files[i].path);
    fprintf(f.out, "\" tests=\"%zu\" failures=\"%zu\" time=\"%.6f\">\n",
            json_array_size(files[i].points), count_failed(&files[i]),
            files[i].seconds);
    size_t k;
    json_t *point;
    json_array_foreach(files[i].points, k, point)
        put_case(f.out, &files[i], point);
    if (files[i].notes) {
      fputs("    <system-err>", f.out);
      put_xml(f.out, files[i].notes);
      fputs("</system-err>\n", f.out);
    }
    fputs("  </testsuite>\n", f.out);
  }
  fputs("</testsuites>\n", f.out);
  return cli_file_end(&f);
}
