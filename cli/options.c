// The command line, read by one table that also makes the help text.
//
// Options stand before FILE; everything after FILE belongs to the program that
// is run. Values may follow as the next word or after `=`.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/lost.h"
#include "cli/near.h"
#include "memory/alloc.h"

// Any two pieces of machine code reach each other.
#define JIT_MOST_MEMORY ((uint64_t)1 << 30)

typedef bool SetFn(Options *o, const char *value);  // false: not a good value

typedef struct Option {
  const char *name;  // "--steps" or "-n"
  const char
      *value;  // name of its value, NULL: it has none; [=V]: only behind =
  const char *help;
  SetFn *set;
  const char *expects;  // what a good value is
} Option;

const char *const cli_log_levels[] = {"off", "error", "warn", "info", "debug"};

// ---- values -----------------------------------------------------------------

bool cli_read_count(const char *s, uint64_t *out) {
  if (*s < '0' || *s > '9') return false;
  char *end;
  errno = 0;
  *out = strtoull(s, &end, 10);
  return !errno && !*end;
}

bool cli_read_seconds(const char *s, double *out) {
  if ((*s < '0' || *s > '9') && *s != '.') return false;
  char *end;
  *out = strtod(s, &end);
  return !*end && *out > 0 && *out < 1e9;
}

// False: memory is out.
static bool add_source(Options *o, Source s) {
  if (!ambi_grow((void **)&o->sources, &o->source_room, o->nsources + 1,
                 sizeof s)) {
    cli_lost();
    return false;
  }
  o->sources[o->nsources++] = s;
  return true;
}

static bool set_text(Options *o, const char *v) {
  static const char *const names[] = {"<-e>", "<-e 2>", "<-e 3>", "<-e ...>"};
  Source s = {.name = names[o->nsources < 3 ? o->nsources : 3],
              .text = v,
              .len = strlen(v)};
  return add_source(o, s);
}
static bool set_tier(Options *o, const char *v) {
  if (*v < '0' || *v > '2' || v[1]) return false;
  o->tier = *v - '0';
  o->tier_chosen = true;
  return true;
}
static bool set_jit(Options *o, const char *v) {
  static const char *const names[] = {"off", "sync", "background"};
  for (int i = JIT_OFF; i <= JIT_BACKGROUND; i++) {
    if (strcmp(v, names[i]) != 0) continue;
    o->jit.mode = (enum JitMode)i;
    return o->jit_chosen = true;
  }
  return false;
}
static bool set_jit_threshold(Options *o, const char *v) {
  uint64_t n;
  if (!cli_read_count(v, &n) || n == 0 || n > UINT32_MAX) return false;
  o->jit.threshold = (uint32_t)n;
  return true;
}
static bool set_jit_level(Options *o, const char *v) {
  if ((*v != '1' && *v != '2') || v[1]) return false;
  o->jit.level = (unsigned)(*v - '0');
  return true;
}
static bool set_jit_memory(Options *o, const char *v) {
  uint64_t n;
  if (!ambi_size_parse(v, &n) || n == 0 || n > JIT_MOST_MEMORY) return false;
  o->jit.memory = n;
  return true;
}
static bool set_jit_perf(Options *o, const char *v) {
  if (strcmp(v, "map") != 0 && strcmp(v, "dump") != 0) return false;
  o->jit.profile = *v == 'm' ? PROFILE_MAP : PROFILE_DUMP;
  return true;
}
static bool set_evaluators(Options *o, const char *v) {
  uint64_t n;
  if (!cli_read_count(v, &n) || n == 0 || n > MOST_EVALUATORS) return false;
  o->evaluators = (unsigned)n;
  return true;
}
static bool set_order(Options *o, const char *v) {
  o->free_order = strcmp(v, "arrival") == 0;
  return o->free_order || strcmp(v, "source") == 0;
}
static bool set_explain(Options *o, const char *v) {
  (void)v;
  return o->explain = true;
}
static bool set_jit_gdb(Options *o, const char *v) {
  (void)v;
  return o->jit.debugger = true;
}
static bool set_native(Options *o, const char *v) {
  (void)v;
  o->jit.mode = JIT_SYNC;
  return o->native = o->jit_chosen = true;
}
static bool set_jit_stats(Options *o, const char *v) {
  (void)v;
  return o->jit_stats = true;
}
static bool set_gc_stats(Options *o, const char *v) {
  (void)v;
  return o->gc_stats = true;
}

static bool set_table_stats(Options *o, const char *v) {
  (void)v;
  return o->table_stats = true;
}
static bool set_stats(Options *o, const char *v) {
  o->stats = v ? STATS_JSON : STATS_TEXT;
  return !v || strcmp(v, "json") == 0;
}
static bool set_profile(Options *o, const char *v) {
  o->profile_file = v;
  o->profile = true;
  return !v || *v;
}
static bool set_timeline(Options *o, const char *v) {
  o->timeline = v;
  return *v != 0;
}
static bool set_log_level(Options *o, const char *v) {
  for (int i = WATCH_ERROR; i <= WATCH_DEBUG; i++) {
    if (strcmp(v, cli_log_levels[i]) != 0) continue;
    o->log_level = (enum WatchLevel)i;
    return true;
  }
  return false;
}
static bool set_log_format(Options *o, const char *v) {
  o->log_json = strcmp(v, "json") == 0;
  return o->log_json || strcmp(v, "text") == 0;
}
static bool set_format(Options *o, const char *v) {
  o->json = strcmp(v, "json") == 0;
  cli_diagnostic_choose(o->json ? DIAGNOSTIC_JSON : DIAGNOSTIC_TEXT);
  return o->json || strcmp(v, "text") == 0;
}
static bool set_names(Options *o, const char *v) {
  return cli_read_count(v, &o->limits.names);
}
static bool set_answers(Options *o, const char *v) {
  return cli_read_count(v, &o->limits.answers) && o->limits.answers > 0;
}
static bool set_steps(Options *o, const char *v) {
  return cli_read_count(v, &o->limits.steps);
}
static bool set_depth(Options *o, const char *v) {
  return cli_read_count(v, &o->limits.depth);
}
static bool set_memory(Options *o, const char *v) {
  return ambi_size_parse(v, &o->limits.memory);
}
static bool set_query_timeout(Options *o, const char *v) {
  return cli_read_seconds(v, &o->limits.query_seconds);
}
static bool set_time_limit(Options *o, const char *v) {
  return cli_read_seconds(v, &o->time_limit);
}
static bool set_trace_depth(Options *o, const char *v) {
  return cli_read_count(v, &o->trace.depth) && o->trace.depth > 0;
}
static bool set_only(Options *o, const char *v) {
  return *v && cli_trace_name(&o->trace.only, v);
}
static bool set_break(Options *o, const char *v) {
  return *v && cli_trace_name(&o->trace.breaks, v);
}
static bool set_trace_all(Options *o, const char *v) {
  (void)v;
  return o->trace.all = true;
}
static bool set_answer(Options *o, const char *v) {
  o->answer = v;
  return *v != 0;
}
static bool set_output(Options *o, const char *v) {
  o->output = v;
  return *v != 0;
}
static bool set_help(Options *o, const char *v) {
  (void)v;
  o->help = true;
  return true;
}
static bool set_version(Options *o, const char *v) {
  (void)v;
  o->version = true;
  return true;
}

static const char seconds[] = "a number of seconds";
static const char count[] = "a whole number";
static const char size[] = "a size such as 500M or 2G";

static const Option table[] = {
    {"-e", "TEXT", "run TEXT (may be repeated)", set_text, "a text"},
    {"-j", "N",
     "evaluators that searches are shared among (default: one a processor)",
     set_evaluators, "a whole number from 1 to 256"},
    {"--order", "WHICH", "of results found side by side: source, or arrival",
     set_order, "source or arrival"},
    {"-n", "N", "at most N answers for each form", set_answers,
     "a whole number from 1"},
    {"--query-timeout", "S", "at most S seconds for each form",
     set_query_timeout, seconds},
    {"--steps", "N", "at most N steps for each form", set_steps, count},
    {"--memory", "SIZE", "at most SIZE bytes (k, M, G; default half of all)",
     set_memory, size},
    {"--depth", "N", "calls nested at most N deep", set_depth, count},
    {"--names", "N", "at most N names beside those of the library", set_names,
     count},
    {"--time-limit", "S", "at most S seconds for the whole run", set_time_limit,
     seconds},
    {"--format", "FORM", "of results and messages: text or json", set_format,
     "text or json"},
    {"--tier", "N", "0: the plain evaluator, 1: bytecode, 2: machine code, too",
     set_tier, "0, 1 or 2"},
    {"--jit", "MODE", "machine code: off, sync or background", set_jit,
     "off, sync or background"},
    {"--jit-threshold", "N", "calls after which a rule is compiled",
     set_jit_threshold, "a whole number from 1"},
    {"--jit-level", "N", "1: compile once, 2: once more what stays hot",
     set_jit_level, "1 or 2"},
    {"--jit-memory", "SIZE", "bytes of machine code at most", set_jit_memory,
     "a size up to 1G"},
    {"--stats", "[=json]", "tell at the end what each evaluator did", set_stats,
     "json"},
    {"--profile", "[=FILE]", "tell at the end which functions took the time",
     set_profile, "a path"},
    {"--trace-timeline", "FILE", "write when each thread did what, as JSON",
     set_timeline, "a path"},
    {"--log-level", "LEVEL", "tell what happens: error, warn, info or debug",
     set_log_level, "error, warn, info or debug"},
    {"--log-format", "FORM", "of the log: text or json", set_log_format,
     "text or json"},
    {"--jit-stats", NULL, "tell at the end what was compiled", set_jit_stats,
     NULL},
    {"--jit-perf", "WHAT", "write a map or a dump of machine code for perf",
     set_jit_perf, "map or dump"},
    {"--jit-gdb", NULL, "let gdb see machine code by name", set_jit_gdb, NULL},
    {"--gc-stats", NULL, "tell at the end how memory was collected",
     set_gc_stats, NULL},
    {"--table-stats", NULL, "tell at the end what tables did", set_table_stats,
     NULL},
    {"--explain", NULL, "tell how each match looks for its atoms", set_explain,
     NULL},
    {"--native", NULL, "disasm: with the machine code", set_native, NULL},
    {"--only", "NAME", "trace: calls of this function (may be repeated)",
     set_only, "a name"},
    {"--trace-depth", "N", "trace, why-not: calls nested at most N deep",
     set_trace_depth, "a whole number from 1"},
    {"--trace-all", NULL, "trace: operations and the library, too",
     set_trace_all, NULL},
    {"--break", "NAME", "trace: stop where this function is called", set_break,
     "a name"},
    {"--answer", "ATOM", "why-not: the answer that is missing", set_answer,
     "an atom"},
    {"-o", "FILE", "compile: where to write", set_output, "a path"},
    {"--help", NULL, "show this text", set_help, NULL},
    {"--version", NULL, "show the version", set_version, NULL},
};
enum { NOPTIONS = sizeof table / sizeof *table };

static const struct {
  const char *name, *help;
  Verb *verb;
  ToolMain *tool;  // in place of a verb: all words behind the name are its own
} verbs[] = {
    {"run", "run a program (when no command is given)", cli_run, NULL},
    {"parse", "show the atoms of a file as read, with their positions",
     cli_parse, NULL},
    {"disasm", "show the bytecode of a file's definitions, or of one NAME",
     cli_disasm, NULL},
    {"compile", "write a program to a file that starts faster", cli_compile,
     NULL},
    {"trace", "run a program, and tell of its calls", cli_trace, NULL},
    {"why", "run a program, and tell what its answers rest on", cli_why, NULL},
    {"why-not", "run a program, and tell what came to nothing on the way",
     cli_why_not, NULL},
    {"check", "look for what is wrong without running it", NULL, cli_check},
    {"fmt", "lay out programs", NULL, cli_fmt},
    {"lsp", "answer an editor (Language Server Protocol)", NULL, cli_lsp},
    {"test", "run tests and tell of each as TAP", NULL, cli_test},
    {"new", "make a project to begin with", NULL, cli_new},
    {"bench", "time a program in each tier", NULL, cli_bench},
    {"doc", "show the documentation of modules, files or a name", NULL,
     cli_doc},
    {"repl", "read FILEs, then what is typed (no command, no FILE: likewise)",
     cli_repl, NULL},
};
enum { NVERBS = sizeof verbs / sizeof *verbs };

static bool may_lack_value(const Option *o) {
  return o->value && *o->value == '[';
}

void cli_help(FILE *out) {
  fputs("usage: ambit [OPTION...] [COMMAND] FILE [ARGUMENT...]\n"
        "       ambit [OPTION...] -e TEXT [ARGUMENT...]\n"
        "       ambit [OPTION...] [repl [FILE...]]\n"
        "Runs MeTTa programs. FILE `-` is the standard input.\n\ncommands:\n",
        out);
  for (int i = 0; i < NVERBS; i++)
    fprintf(out, "  %-21s %s\n", verbs[i].name, verbs[i].help);
  fputs("\noptions:\n", out);
  for (int i = 0; i < NOPTIONS; i++) {
    char left[40];
    snprintf(left, sizeof left, "%s%s%s", table[i].name,
             may_lack_value(&table[i]) ? "" : " ",
             table[i].value ? table[i].value : "");
    fprintf(out, "  %-21s %s\n", left, table[i].help);
  }
  fputs("\nexit codes: 0 fine, 1 a result held an Error, 2 usage, 3 a file "
        "cannot be\nread or parsed, 4 a limit stopped a form, 5 internal "
        "error, 130 interrupted\n",
        out);
}

// ---- suggestions ------------------------------------------------------------

static const char *near_verb(const char *word) {
  Nearest near = cli_nearest(word, strlen(word), 2);
  for (int i = 0; i < NVERBS; i++)
    cli_nearest_try(&near, verbs[i].name, strlen(verbs[i].name));
  return near.best;
}

// The start of a long option, or its first letter behind one dash.
static bool is_abbreviated(const char *word, size_t len, const char *name) {
  if (len == 2 && word[1] != '-') return name[1] == '-' && name[2] == word[1];
  return len > 2 && strncmp(word, name, len) == 0;
}

static int unknown_option(const char *word, size_t len) {
  const char *meant = NULL;
  Nearest near = cli_nearest(word, len, 1 + len / 3);
  for (int i = 0; i < NOPTIONS; i++) {
    cli_nearest_try(&near, table[i].name, strlen(table[i].name));
    if (!meant && is_abbreviated(word, len, table[i].name))
      meant = table[i].name;
  }
  if (!meant) meant = near.best;
  if (meant)
    cli_complain("unknown option %.*s; did you mean %s?", (int)len, word,
                 meant);
  else
    cli_complain("unknown option %.*s; see ambit --help", (int)len, word);
  return EXIT_USAGE;
}

// ---- reading ----------------------------------------------------------------

static const Option *find_option(const char *word, size_t len) {
  for (int i = 0; i < NOPTIONS; i++)
    if (strlen(table[i].name) == len && memcmp(table[i].name, word, len) == 0)
      return &table[i];
  return NULL;
}

// One option at argv[*at], which is moved on to the next word.
static int read_option(Options *o, int argc, char **argv, int *at) {
  const char *word = argv[(*at)++];
  size_t len = strcspn(word, "=");
  const Option *option = find_option(word, len);
  const char *value = word[len] ? word + len + 1 : NULL;
  if (!option && word[1] != '-') {  // -j4
    option = find_option(word, 2);
    value = word + 2;
    if (option && !option->value) option = NULL;
  }
  if (!option) return unknown_option(word, len);
  if (value && !option->value) {
    cli_complain("option %s takes no value", option->name);
    return EXIT_USAGE;
  }
  if (option->value && !value && !may_lack_value(option)) {
    if (*at >= argc) {
      cli_complain("option %s needs a value: %s", option->name,
                   option->expects);
      return EXIT_USAGE;
    }
    value = argv[(*at)++];
  }
  unsigned losses = cli_losses();
  if (option->set(o, value)) return -1;
  if (cli_losses() != losses) return RUN_LIMIT;
  cli_complain("option %s: %s is expected, not %s", option->name,
               option->expects, value);
  return EXIT_USAGE;
}

bool cli_option_set(Options *o, const char *name, const char *value,
                    const char **expects) {
  const Option *option = find_option(name, strlen(name));
  *expects = option->expects;
  return option->set(o, value);
}

static bool take_verb(Options *o, const char *word) {
  for (int i = 0; i < NVERBS; i++)
    if (strcmp(word, verbs[i].name) == 0) {
      o->verb = verbs[i].verb;
      o->tool = verbs[i].tool;
      return true;
    }
  return false;
}

// A program that is compiled is not run, so what stands behind it is for us.
static int read_behind_file(Options *o, int argc, char **argv, int at) {
  while (at < argc) {
    if (argv[at][0] != '-' || !argv[at][1]) {
      cli_complain("compile takes one FILE, and not %s", argv[at]);
      return EXIT_USAGE;
    }
    int code = read_option(o, argc, argv, &at);
    if (code >= 0) return code;
  }
  return -1;
}

bool cli_options_add_file(Options *o, const char *path) {
  Source s = {.name = strcmp(path, "-") == 0 ? "<stdin>" : path,
              .path = path,
              .verb = near_verb(path)};
  return add_source(o, s);
}

// The words behind the options: [COMMAND] [FILE] [ARGUMENT...]. A command may
// be followed by more options.
static int read_words(Options *o, int argc, char **argv) {
  int at = 1, code;
  bool verb_seen = false, ended = false;
  while (at < argc) {
    const char *word = argv[at];
    if (!ended && word[0] == '-' && word[1]) {
      if (strcmp(word, "--") == 0) {
        ended = true;
        at++;
      } else if ((code = read_option(o, argc, argv, &at)) >= 0) {
        return code;
      }
    } else if (!ended && !verb_seen && take_verb(o, word)) {
      verb_seen = true;
      at++;
      if (o->tool) break;
    } else {
      break;
    }
  }
  while (at < argc && !o->tool && (!o->nsources || o->verb == cli_repl))
    if (!cli_options_add_file(o, argv[at++])) return RUN_LIMIT;
  if (o->verb == cli_compile &&
      (code = read_behind_file(o, argc, argv, at)) >= 0)
    return code;
  o->args = argv + at;
  o->nargs = argc - at;
  return -1;
}

// Machine code comes with tier 2, which is what runs when nothing else is said.
static int settle_tier(Options *o) {
  if (o->output && o->verb != cli_compile) {
    cli_complain("option -o is for compile");
    return EXIT_USAGE;
  }
  bool traces =
      o->trace.all || o->trace.depth || o->trace.only.n || o->trace.breaks.n;
  if (o->answer && o->verb != cli_why_not) {
    cli_complain("option --answer is for why-not");
    return EXIT_USAGE;
  }
  if (o->verb == cli_why_not && !o->trace.all && !o->trace.only.n &&
      !o->trace.breaks.n)
    traces = false;  // --trace-depth is for both
  if (traces && o->verb != cli_trace) {
    cli_complain(
        "options --only, --trace-depth, --trace-all and --break are for trace");
    return EXIT_USAGE;
  }
  if (o->native && o->verb != cli_disasm) {
    cli_complain("option --native is for disasm");
    return EXIT_USAGE;
  }
  bool native = o->jit_chosen    ? o->jit.mode != JIT_OFF
                : o->tier_chosen ? o->tier == 2
                                 : JIT_BUILT_IN;
  if (!o->tier_chosen) o->tier = native ? 2 : 1;
  if (!o->jit_chosen) o->jit.mode = native ? JIT_BACKGROUND : JIT_OFF;
  if (native && !JIT_BUILT_IN) {
    cli_complain("this ambit was built without machine code (AMBIT_JIT)");
    return EXIT_USAGE;
  }
  if (o->profile && o->tier == 0) {
    cli_complain("tier 0 has no functions that --profile could tell apart");
    return EXIT_USAGE;
  }
  if (native && o->tier < 2) {
    cli_complain("tier %d has no machine code: leave out --tier or --jit",
                 o->tier);
    return EXIT_USAGE;
  }
  return -1;
}

int cli_options_parse(Options *o, int argc, char **argv) {
  *o = (Options){.verb = cli_run};
  o->limits.memory = ambi_system_memory() / 2;
  int code = read_words(o, argc, argv);
  if (code < 0) code = settle_tier(o);
  if (code >= 0) return code;
  if (o->help || o->version || o->nsources || o->tool || o->verb == cli_repl)
    return -1;
  if (o->verb == cli_run && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
    o->verb = cli_repl;
    return -1;
  }
  cli_complain("a FILE or -e TEXT is needed; see ambit --help");
  return EXIT_USAGE;
}

void cli_options_drop(Options *o) {
  for (size_t i = 0; i < o->nsources; i++)
    cli_source_drop(&o->sources[i]);
  cli_trace_names_drop(&o->trace.only);
  cli_trace_names_drop(&o->trace.breaks);
  ambi_free(o->sources, o->source_room * sizeof *o->sources);
}
