// Any command line is understood or refused with one complaint, and `--name=value`
// means what `--name value` means.
#include "cli/cli.h"
#include "cli/diagnostic/diagnostic.h"
#include "cli/tool.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

enum { MAX_WORDS = 16 };

// What the rest of the program would provide.
static unsigned complaints;
static char complaint[4096];
#define VERB(name)                 \
  void name(Cli *cli, Source *s) { \
    (void)cli;                     \
    (void)s;                       \
  }
VERB(cli_run)
VERB(cli_parse)
VERB(cli_disasm)
VERB(cli_compile)
VERB(cli_trace)
VERB(cli_why)
VERB(cli_why_not)
VERB(cli_repl)
#define TOOL(name)                            \
  int name(Cli *cli, int argc, char **argv) { \
    (void)cli;                                \
    (void)argv;                               \
    return argc;                              \
  }
TOOL(cli_bench)
TOOL(cli_check)
TOOL(cli_doc)
TOOL(cli_fmt)
TOOL(cli_lsp)
TOOL(cli_new)
TOOL(cli_test)
void cli_diagnostic_choose(enum DiagnosticForm form) {
  (void)form;
}
void cli_source_drop(Source *s) {
  HOLDS(!s->file.text, "a source was loaded");
}
void cli_complain(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(complaint, sizeof complaint, format, args);
  va_end(args);
  complaints++;
}

// ---- what was understood ----------------------------------------------------------

static void check_limits(const Limits *l, double time_limit) {
  HOLDS(isfinite(l->query_seconds) && l->query_seconds >= 0, "%g seconds",
        l->query_seconds);
  HOLDS(isfinite(time_limit) && time_limit >= 0, "%g seconds", time_limit);
}

static bool is_word(char *const *argv, int argc, const char *text) {
  for (int i = 1; i < argc; i++)
    if (text >= argv[i] && text <= argv[i] + strlen(argv[i])) return true;
  return false;
}

static int understand(Options *o, int argc, char **argv) {
  complaints = 0;
  int code = cli_options_parse(o, argc, argv);
  HOLDS(complaints == (code >= 0), "code %d with %u complaints", code,
        complaints);
  if (code >= 0) {
    HOLDS(code == EXIT_USAGE && *complaint, "code %d: %s", code, complaint);
    return code;
  }
  HOLDS(o->help || o->version || o->nsources > 0 || o->tool ||
            o->verb == cli_repl,
        "nothing to do");
  if (o->tool) return code;  // it reads its words itself
  HOLDS(o->tier >= 0 && o->tier <= 2, "tier %d", o->tier);
  HOLDS(o->jit.mode == JIT_OFF || o->tier == 2, "machine code in tier %d",
        o->tier);
  HOLDS(o->verb != NULL, "no verb");
  check_limits(&o->limits, o->time_limit);
  for (size_t i = 0; i < o->nsources; i++) {
    const Source *s = &o->sources[i];
    HOLDS(s->name && (s->path || s->text), "an empty source");
    HOLDS(is_word(argv, argc, s->path ? s->path : s->text), "a strange source");
    HOLDS(s->path || s->len == strlen(s->text), "length of a text");
  }
  HOLDS(o->nargs >= 0 && o->args + o->nargs == argv + argc,
        "arguments that are not the last words");
  return code;
}

static void same(const Options *a, const Options *b) {
  HOLDS(a->verb == b->verb && a->tier == b->tier && a->help == b->help &&
            a->version == b->version && a->nsources == b->nsources &&
            a->nargs == b->nargs && a->jit_stats == b->jit_stats &&
            memcmp(&a->jit, &b->jit, sizeof a->jit) == 0 &&
            a->time_limit == b->time_limit &&
            memcmp(&a->limits, &b->limits, sizeof a->limits) == 0,
        "two ways to write a value differ");
}

// ---- the two ways -------------------------------------------------------------------

static void check_split(const Options *o, int argc, char **argv) {
  char *words[MAX_WORDS + 2], *equals = argc > 1 ? strchr(argv[1], '=') : NULL;
  if (!equals || argv[1][0] != '-') return;
  if (strncmp(argv[1], "--stats=", 8) == 0 ||  // no value but there
      strncmp(argv[1], "--profile=", 10) == 0)
    return;
  bool is_short = argv[1][1] != '-';
  if (is_short && equals > argv[1] + 2) return;  // part of the value: -eA=B
  *equals = 0;
  words[0] = argv[0];
  words[1] = argv[1];
  for (int i = 2; i < argc; i++)
    words[i + 1] = argv[i];
  words[2] = equals + 1;
  words[argc + 1] = NULL;
  Options two;
  HOLDS(understand(&two, argc + 1, words) == -1, "refused when split: %s",
        complaint);
  same(o, &two);
  cli_options_drop(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1), *argv[MAX_WORDS + 1] = {"ambit"};
  memcpy(text, data, size);
  text[size] = 0;
  int argc = 1;
  for (char *word = text; argc < MAX_WORDS;) {
    char *end = strchr(word, '\n');
    if (end) *end = 0;
    argv[argc++] = word;
    if (!end) break;
    word = end + 1;
  }
  argv[argc] = NULL;
  Options o;
  if (understand(&o, argc, argv) == -1) check_split(&o, argc, argv);
  cli_options_drop(&o);
  free(text);
  return 0;
}
