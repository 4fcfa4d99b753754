// The `ambit` program: options, the host it gives to the runtime, verbs.
//
// Beside the program's thread there are the compiler's (native.c) and those of the other
// evaluators. Exit codes are those of enum RunStatus, and 2 for a command line that makes
// no sense.
#ifndef AMBIT_CLI_CLI_H
#define AMBIT_CLI_CLI_H

#include <pthread.h>
#include <stdio.h>

#include "cli/diagnostic/diagnostic.h"
#include "cli/tool.h"
#include "cli/trace/places.h"
#include "cli/trace/trace.h"
#include "compiler_thread/compiler.h"
#include "runtime/kept_calls.h"
#include "runtime/modules/runner.h"
#include "runtime/watch.h"

enum { EXIT_USAGE = 2 };
#define PROMPT_NAME "prompt"  // of the Source of what is typed
#ifdef AMBIT_JIT
enum { JIT_BUILT_IN = 1 };
#else
enum { JIT_BUILT_IN = 0 };
#endif

typedef struct Source {
  const char *name;  // as shown in messages
  const char *path;  // NULL: the text is given; "-": standard input
  char *owned;       // the path, if it is the source's own
  const char *verb;  // the command that the path may have meant to be, or NULL
  FileText file;
  const char *text;
  size_t len;
  Snapshot *compiled;  // what the path leads to is a compiled program; or NULL
} Source;

typedef void Verb(Cli *cli, Source *s);

enum { MOST_EVALUATORS = 256 };
// STATS_BRIEF: what is not 0, of all evaluators together.
enum StatsForm { STATS_NONE, STATS_TEXT, STATS_BRIEF, STATS_JSON };
typedef struct Stats Stats;
typedef struct Options {
  Verb *verb;
  ToolMain *tool;   // what runs in place of a verb, or NULL
  Source *sources;  // texts of -e, or the one FILE
  size_t nsources, source_room;
  char **args;  // what follows FILE
  int nargs;
  int tier;          // 0, 1; 2: with machine code, jit.mode says how
  bool tier_chosen;  // on the command line
  bool jit_chosen;   // by --jit
  bool jit_stats, gc_stats, table_stats;
  enum StatsForm stats;
  bool profile;
  bool coverage;             // of rules; tier 1 then, whatever else is said
  const char *profile_file;  // for stacks, or NULL
  const char *timeline;      // the file it is written to, or NULL
  enum WatchLevel log_level;
  bool log_json;
  bool json;            // results and diagnostics as JSON lines
  bool native;          // disasm: with machine code
  JitConfig jit;        // 0 in numbers: the usual
  unsigned evaluators;  // 0: as many as there are processors
  bool free_order;      // results may come as they arrive
  Limits limits;
  double time_limit;
  bool explain;
  Trace trace;         // what is to be traced
  const char *answer;  // why-not: the one that is missing, or NULL: any
  const char *output;  // compile: -o
  bool help, version;
} Options;

typedef struct Line {
  char *text;
  size_t len, cap;
} Line;

struct Cli {
  Options options;
  Runtime *rt;
  Compiler *compiler;  // or NULL
  FILE *out;           // standard output, see output.c
  KeptCalls calls;     // in which something failed
  Places places;       // of atoms, where somebody may ask why
  Line line;           // that the program has begun, with --format=json
  bool closed;         // it can no longer be written
  int write_error;     // errno then
  int code;            // exit code so far
  Watch watch;         // what is told of the run, and since when
  uint64_t looked_at;
  Stats *stats;           // taken while evaluators are there; or NULL
  bool over;              // no further script is to run
  struct Prompt *prompt;  // what is typed is read by, or NULL
  bool again;             // with a runtime that is opened anew
  double told;  // seconds at which progress was shown last; 0: not at all
};

// ---- options.c --------------------------------------------------------------
// Reads the command line. -1: go on; otherwise the exit code (already told why).
int cli_options_parse(Options *o, int argc, char **argv);
void cli_options_drop(Options *o);
// One FILE more. False: memory is out.
bool cli_options_add_file(Options *o, const char *path);
// Sets an option of the table, which takes a value. False: not a good one.
bool cli_option_set(Options *o, const char *name, const char *value,
                    const char **expects);
void cli_help(FILE *out);
// A value of an option. False: it is none.
bool cli_read_count(const char *s, uint64_t *out);
bool cli_read_seconds(const char *s, double *out);
extern const char *const cli_log_levels[];  // by enum WatchLevel

// ---- report.c ---------------------------------------------------------------
// A diagnostic with nothing but a place and a message.
void cli_report(const Source *s, Position at, enum Severity severity,
                const char *message);
// The text of a diagnostic about this place, with its line and column.
DiagnosticText cli_source_text(const Source *s, Position at);
// ambit: message, on standard error.
void cli_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
// Fills in text and length. False: told why, but for EINTR (see ambi_file_read).
bool cli_source_load(Source *s, uint64_t max_bytes, Runtime *rt);
void cli_source_forget(Source *s);  // ... them again
void cli_source_drop(Source *s);

// ---- failure.c --------------------------------------------------------------
enum { FAILURE_TEXT = 124 };  // bytes of an atom that a message shows
typedef struct Failure {      // the first Error among the results of a form
  bool noted;
  char call[FAILURE_TEXT],
      name[FAILURE_TEXT];  // what it is about, and its head
  char wanted[FAILURE_TEXT], got[FAILURE_TEXT],
      at[FAILURE_TEXT];    // types, or ""
  char why[FAILURE_TEXT];  // any other reason, or ""
  Buffer calls;            // lines
} Failure;
// For Host.failed: keeps the calls in which something fails.
void cli_failure_calls(void *arg, Context *cx, Value call);
// If the atom is an Error, and the first one.
void cli_failure_note(Cli *cli, Value v, Failure *f);
void cli_failure_tell(const Source *s, Position at, const Failure *f,
                      const char *then);
void cli_failure_drop(Failure *f);
void cli_stop_tell(Cli *cli, const Source *s, const FormReport *r);

// ---- run.c ------------------------------------------------------------------
// {"kind":"results","file":...,"line":...,"column":...,"results":[TEXT...]}
// False: it was cut, since there is no more time or memory.
bool cli_write_results(Cli *cli, const Source *source, const FormReport *r);
// Why results could not be shown as a whole.
const char *cli_why_cut(const FormReport *r);
// The top module stands where the source's file is.
void cli_enter_dir(Cli *cli, const Source *s);

// ---- native.c ---------------------------------------------------------------
// Gives the runtime its compiler, as the options say.
void cli_jit_open(Cli *cli);
// Before the runtime is closed: no more compiling, and the statistics.
void cli_jit_stop(Cli *cli);
void cli_jit_close(Cli *cli);  // after it was closed
const char *cli_jit_version(void);

// ---- collections.c ----------------------------------------------------------
// What --gc-stats tells, on standard error.
void cli_gc_stats(const Cli *cli);

// ---- tables.c ---------------------------------------------------------------
// What --table-stats tells, likewise.
void cli_table_stats(const Cli *cli);

// ---- files.c ----------------------------------------------------------------
typedef struct CliFile {
  FILE *out;
  const char *path;
  char *beside;  // what is written, until it takes the place of `path`; or NULL
} CliFile;
// False: told why.
bool cli_file_begin(CliFile *f, const char *path);
bool cli_file_end(CliFile *f);
// Could it be written, as things stand? Asked before a run that takes long.
bool cli_file_may(const char *path);
// The text in quotes.
void cli_json_text(FILE *out, const char *text);

// ---- log.c, timeline.c ------------------------------------------------------
// The runtime tells what the options ask for, from the beginning. False: told why.
bool cli_watch_open(Cli *cli);
bool cli_timeline_open(Cli *cli);
// When no thread of the runtime is left.
void cli_timeline_write(Cli *cli);

// ---- profile.c --------------------------------------------------------------
// Before anything is lowered. False: told why.
bool cli_profile_open(Cli *cli);
// When no thread of the runtime is left.
void cli_profile_close(Cli *cli);

// ---- stats.c ----------------------------------------------------------------
// What evaluators did, before they are gone; and told, when all has ended.
void cli_stats_take(Cli *cli);
void cli_stats_print(Cli *cli);

// ---- disasm_native.c --------------------------------------------------------
// A DisasmNote; arg: the Cli. The machine code of a unit beside its bytecode.
void cli_note_native(void *arg, Buffer *b, const Unit *u, uint32_t at);

// ---- output.c ---------------------------------------------------------------
void cli_output_open(Cli *cli);
// A stream into the buffer, of up to 64 MB, to be had as Cli.out. NULL: there is none.
FILE *cli_capture(Buffer *b);
bool cli_write(void *arg, const char *text, size_t len);
// What the program prints; with --format=json each line as an object.
bool cli_write_output(void *arg, const char *text, size_t len);
struct json_t;
// One object and a newline, behind what the program has printed.
void cli_write_json(Cli *cli, struct json_t *line);
// A note of the program; arg: the Cli.
void cli_write_note(void *arg, const char *text, size_t len);
void cli_flush(Cli *cli);  // so that a reader behind a pipe sees it
// The end: the rest is written, and what was lost is told.
void cli_output_finish(Cli *cli);

// ---- progress.c -------------------------------------------------------------
// How far loading has come, on a terminal, when it takes more than two seconds.
void cli_progress(void *arg, const Progress *now);

// ---- main.c -----------------------------------------------------------------
// A runtime as the options say, in which their verb runs their sources.
void cli_session(Cli *cli);

// ---- verbs, one file each; options.c has their table ------------------------
Verb cli_run, cli_parse, cli_disasm, cli_compile, cli_trace, cli_why,
    cli_why_not;

// ---- prompt/prompt.c --------------------------------------------------------
Verb cli_repl;  // reads all sources itself
void cli_prompt_close(Cli *cli);
// What the program writes and is told while there is a prompt; arg: the Cli.
bool cli_prompt_write(void *arg, const char *text, size_t len);
void cli_prompt_note(void *arg, const char *text, size_t len);
void cli_prompt_progress(void *arg, const Progress *now);

#endif
