// `ambit test`: finds files of tests and runs them, each in a process of its own, several
// at a time.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/lost.h"
#include "cli/source/find.h"
#include "cli/test/test.h"
#include "memory/alloc.h"
#include "memory/processors.h"

enum { TEST_FAILED = 1, GRACE_SECONDS = 2, MOST_JOBS = 256 };

static const ToolOption options[] = {
    {"--filter", "TEXT", "only points whose file or form has TEXT", TOOL_TEXT,
     offsetof(TestOptions, filter)},
    {"--jobs", "N", "files that are run at once (default: processors)",
     TOOL_COUNT, offsetof(TestOptions, jobs)},
    {"--timeout", "S", "at most S seconds for each form (default 10)",
     TOOL_SECONDS, offsetof(TestOptions, timeout)},
    {"--file-timeout", "S", "at most S seconds for each file (default 60)",
     TOOL_SECONDS, offsetof(TestOptions, file_timeout)},
    {"--update", NULL, "record the answers, beside each program", TOOL_FLAG,
     offsetof(TestOptions, update)},
    {"--quiet", NULL, "show only what failed", TOOL_FLAG,
     offsetof(TestOptions, quiet)},
    {"--coverage", NULL, "tell which rules were never taken", TOOL_FLAG,
     offsetof(TestOptions, coverage)},
    {"--lcov", "FILE", "write how often rules were taken as lcov does",
     TOOL_TEXT, offsetof(TestOptions, lcov)},
    {"--junit", "FILE", "write the points as JUnit does, too", TOOL_TEXT,
     offsetof(TestOptions, junit)},
};

static const Tool tool = {
    "test [OPTION...] [FILE|FOLDER...]",
    "Runs tests and tells of each point as TAP. Each form behind ! is a "
    "point:\n"
    "it fails if it gives an Error or is stopped by a limit. Where answers "
    "are\n"
    "recorded in NAME.expected beside NAME.metta, what is printed has to be "
    "that.\n"
    "Of a FOLDER (without any: of the one you are in) the files named\n"
    "*_test.metta, those with assertions and those with recorded answers are "
    "run,\n"
    "but none whose name begins with _. Options of ambit before the word test\n"
    "hold for the runs.\n\n"
    "exit codes: 0 all passed, 1 something failed, 2 usage, 3 a file cannot "
    "be\n"
    "read\n",
    options, sizeof options / sizeof *options};

typedef struct Job {
  TestFile file;
  Child child;
  bool ended, killed;
} Job;

typedef struct Jobs {
  Job *at;
  size_t n, started, shown;
  unsigned running;
  json_t *rules;  // that were taken, or not
  TestTotals totals;
} Jobs;

// ---- finding ----------------------------------------------------------------------

static bool is_test_name(const char *name) {
  return cli_is_program(name) && name[0] != '_';
}

static bool has_assertion(const char *path) {
  FileText file;
  Tree t;
  if (!ambi_file_load(path, 0, NULL, &file)) {
    if (errno == ENOMEM) cli_lost();
    return false;
  }
  bool found = false;
  if (cli_tree_read(&t, file.text, file.len)) {
    uint32_t last = 0;
    for (uint32_t i = cli_tree_first(&t, 0); i && !found;
         last = i, i = cli_tree_next(&t, i))
      found = last && t.nodes[last].kind == NODE_BANG &&
              cli_test_is_assertion(&t, i);
    cli_tree_free(&t);
  } else {
    cli_lost();
  }
  ambi_file_drop(&file);
  return found;
}

static bool is_test(const char *path) {
  if (cli_path_ends(path, "_test.metta") || has_assertion(path)) return true;
  char *beside = cli_test_recorded(path);
  if (!beside) cli_lost();
  bool recorded = beside && access(beside, F_OK) == 0;
  ambi_text_free(beside);
  return recorded;
}

// Of what a folder has, the tests only. False: told why.
static bool find_tests(Paths *found, const char *word) {
  size_t first = found->n, kept = first;
  if (!cli_find(found, word, is_test_name)) return false;
  bool named = found->n == first + 1 && strcmp(found->at[first], word) == 0;
  if (named && access(word, R_OK) != 0) {
    cli_complain("cannot read %s: %s", word, strerror(errno));
    return false;
  }
  for (size_t i = first; i < found->n && !named; i++) {
    if (is_test(found->at[i]))
      found->at[kept++] = found->at[i];
    else
      ambi_text_free(found->at[i]);
  }
  if (!named) found->n = kept;
  return true;
}

// ---- processes --------------------------------------------------------------------

static void start(Cli *cli, const TestOptions *o, Job *job) {
  job->file.points = json_array();
  if (cli_child_start(&job->child) != 0) return;
  cli_test_file(cli, o, job->file.path, job->child.found);
  cli_child_end(0);
}

// So that it is a text to its end.
static char *take_notes(FILE *notes) {
  size_t len;
  char *text = cli_child_text(notes, &len);
  for (size_t i = 0; i < len && text; i++)
    if (!text[i]) text[i] = '?';
  return text;
}

static void add_trouble(Job *job, const char *message) {
  json_array_append_new(job->file.points,
                        json_pack("{s:s, s:i, s:i, s:b, s:f, s:s}", "name",
                                  "the file is run to its end", "line", 1,
                                  "column", 1, "ok", 0, "seconds", 0.0,
                                  "message", message));
}

// What the process wrote; and how it ended, if that was not as it should.
static void collect(Job *job, int status, json_t *rules) {
  json_error_t error;
  bool complete = false, lost = false;
  if (job->child.found) rewind(job->child.found);
  for (json_t *o;
       job->child.found &&
       (o = json_loadf(job->child.found, JSON_DISABLE_EOF_CHECK, &error));
       json_decref(o)) {
    if (json_object_get(o, "end")) {
      complete = true;
      lost = json_object_get(o, "lost");
    } else if (json_object_get(o, "rule"))
      cli_test_add_rule(rules, o);
    else
      json_array_append(job->file.points, o);
  }
  char message[80];
  if (job->child.pid < 0)
    add_trouble(job, "it cannot be started");
  else if (job->killed)
    add_trouble(job, "it did not end in time");
  else if (lost)
    add_trouble(job, "memory was out");
  else if (!complete && WIFSIGNALED(status)) {
    snprintf(message, sizeof message, "it was ended by signal %d",
             WTERMSIG(status));
    add_trouble(job, message);
  } else if (!complete)
    add_trouble(job, "it ended the process");
  job->file.seconds = ambi_monotonic_seconds() - job->child.began;
  job->file.notes = take_notes(job->child.notes);
  cli_child_close(&job->child);
  job->ended = true;
}

static void look_after(Jobs *jobs, const TestOptions *o) {
  for (size_t i = 0; i < jobs->started; i++) {
    Job *job = &jobs->at[i];
    int status = 0;
    if (job->ended) continue;
    if (job->child.pid > 0 && waitpid(job->child.pid, &status, WNOHANG) == 0) {
      double late =
          ambi_monotonic_seconds() - job->child.began - o->file_timeout;
      if (late > GRACE_SECONDS && !job->killed)
        job->killed = kill(job->child.pid, SIGKILL) == 0;
      continue;
    }
    collect(job, status, jobs->rules);
    jobs->running--;
  }
}

static void pause_a_little(void) {
  nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static void run_jobs(Cli *cli, const TestOptions *o, Jobs *jobs) {
  while (jobs->shown < jobs->n && !cli->closed) {
    while (jobs->running < o->jobs && jobs->started < jobs->n) {
      start(cli, o, &jobs->at[jobs->started++]);
      jobs->running++;
    }
    look_after(jobs, o);
    bool shown = false;
    for (; jobs->shown < jobs->n && jobs->at[jobs->shown].ended; shown = true)
      cli_test_show(cli->out, &jobs->at[jobs->shown++].file, o->quiet,
                    &jobs->totals);
    if (shown)
      cli_flush(cli);
    else
      pause_a_little();
  }
}

// ---- the whole --------------------------------------------------------------------

static bool write_junit(const TestOptions *o, const Jobs *jobs) {
  TestFile *files = ambi_alloc((jobs->n + 1) * sizeof *files);
  if (!files) return false;
  for (size_t i = 0; i < jobs->n; i++)
    files[i] = jobs->at[i].file;
  bool ok = cli_test_junit(o->junit, files, jobs->n);
  ambi_free(files, (jobs->n + 1) * sizeof *files);
  return ok;
}

static int run_tests(Cli *cli, TestOptions *o, const Paths *paths) {
  Jobs jobs = {.n = paths->n};
  double began = ambi_monotonic_seconds();
  if ((o->junit && !cli_file_may(o->junit)) ||
      (o->lcov && !cli_file_may(o->lcov)))
    return RUN_INTERNAL;
  jobs.at = ambi_alloc((paths->n + 1) * sizeof *jobs.at);
  if (!jobs.at) {
    cli_complain("out of memory");
    return RUN_LIMIT;
  }
  for (size_t i = 0; i < paths->n; i++)
    jobs.at[i].file.path = paths->at[i];
  jobs.rules = json_object();
  run_jobs(cli, o, &jobs);
  const TestTotals *t = &jobs.totals;
  fprintf(cli->out, "1..%zu\n# %zu point%s in %zu file%s, %zu failed, %.2f s\n",
          t->points, t->points, t->points == 1 ? "" : "s", t->files,
          t->files == 1 ? "" : "s", t->failed,
          ambi_monotonic_seconds() - began);
  int code = t->failed ? TEST_FAILED : RUN_OK;
  if (o->coverage) cli_test_show_rules(cli->out, jobs.rules);
  if (o->lcov && !cli_test_lcov(o->lcov, jobs.rules)) code = RUN_INTERNAL;
  json_decref(jobs.rules);
  if (o->junit && !write_junit(o, &jobs)) code = RUN_INTERNAL;
  for (size_t i = 0; i < jobs.n; i++) {
    json_decref(jobs.at[i].file.points);
    ambi_text_free(jobs.at[i].file.notes);
  }
  ambi_free(jobs.at, (paths->n + 1) * sizeof *jobs.at);
  return code;
}

int cli_test(Cli *cli, int argc, char **argv) {
  TestOptions o = {
      .jobs = ambi_processors(), .timeout = 10, .file_timeout = 60};
  ToolWords words;
  int code = cli_tool_read(&tool, &o, argc, argv, &words, cli->out);
  if (code >= 0) return code;
  if (o.jobs > MOST_JOBS) o.jobs = MOST_JOBS;
  Paths paths = {0};
  bool ok = words.n || find_tests(&paths, ".");
  for (int i = 0; i < words.n && ok; i++)
    ok = find_tests(&paths, words.at[i]);
  if (!ok) {
    code = RUN_PARSE;
  } else if (!paths.n) {
    cli_complain("there are no tests");
    code = TEST_FAILED;
  } else {
    code = run_tests(cli, &o, &paths);
  }
  cli_paths_drop(&paths);
  return code;
}
