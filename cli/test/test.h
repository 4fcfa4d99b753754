// Tests: what is known of the points of each file, and who runs and shows them.
//
// A file is run by a process of its own (file.c), which writes what it finds as lines of
// JSON; command.c starts such processes, several at a time, and hands the points on in the
// order of the files (show.c). A point is
//   {"name":TEXT, "line":N, "column":N, "ok":BOOL, "message":TEXT, "seconds":S}
// with a message only if it is not ok. {"end":true} comes last.
#ifndef AMBIT_CLI_TEST_TEST_H
#define AMBIT_CLI_TEST_TEST_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/source/tree.h"

typedef struct TestOptions {
  uint64_t jobs;
  const char *filter, *junit;
  const char *lcov;
  bool update, quiet, coverage;
  double timeout, file_timeout;  // seconds of a form, of a file
} TestOptions;

typedef struct TestFile {
  const char *path;
  json_t *points;  // array
  double seconds;
  char *notes;  // what it wrote to standard error, or NULL
} TestFile;

// ---- file.c ---------------------------------------------------------------------
// Runs the file and writes its points; for a process that ends afterwards.
void cli_test_file(const Cli *cli, const TestOptions *o, const char *path,
                   FILE *out);
bool cli_test_is_assertion(const Tree *t, uint32_t list);
// NAME.expected beside NAME.metta, to be freed with ambi_text_free. NULL: memory is out.
char *cli_test_recorded(const char *path);

// ---- recorded.c -----------------------------------------------------------------
typedef struct Answer {  // of one form
  char *name;
  Position at;
  size_t end;     // of the output up to here
  char *stopped;  // by what, or NULL
  double seconds;
} Answer;
typedef struct Answers {
  Answer *at;
  size_t n, cap;
} Answers;
void cli_test_compare(const Answers *all, const Buffer *output,
                      const char *recorded, FILE *out);
void cli_test_point(FILE *out, const char *name, Position at, double seconds,
                    const char *message);

// ---- show.c ---------------------------------------------------------------------
typedef struct TestTotals {
  size_t points, failed, files;
} TestTotals;
// The points of one file as TAP; quiet: only those that failed.
void cli_test_show(FILE *out, const TestFile *file, bool quiet,
                   TestTotals *totals);
bool cli_test_junit(const char *path, const TestFile *files, size_t n);

// ---- cover.c --------------------------------------------------------------------
// The rules of the runtime as lines of JSON:
//   {"rule":TEXT, "file":TEXT, "line":N, "tried":N, "taken":N, "unseen":BOOL}
void cli_test_write_rules(Cli *cli, FILE *out);
void cli_test_add_rule(json_t *rules, json_t *rule);
void cli_test_show_rules(FILE *out, json_t *rules);
bool cli_test_lcov(const char *path, json_t *rules);

#endif
