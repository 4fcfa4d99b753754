// Reading the words of a tool.
#include "cli/tool.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/near.h"
#include "cli/source/find.h"

static const char *const expected[] = {
    [TOOL_TEXT] = "a text",
    [TOOL_COUNT] = "a whole number from 1",
    [TOOL_SECONDS] = "a number of seconds",
    [TOOL_SIZE] = "a size such as 500M or 2G",
};

static bool set(const ToolOption *o, void *fields, const char *value) {
  void *field = (char *)fields + o->field;
  uint64_t *number = field;
  switch (o->kind) {
  case TOOL_FLAG: return *(bool *)field = true;
  case TOOL_TEXT: *(const char **)field = value; return value && *value;
  case TOOL_COUNT: return cli_read_count(value, number) && *number > 0;
  case TOOL_SECONDS: return cli_read_seconds(value, field);
  case TOOL_SIZE: return ambi_size_parse(value, number) && *number > 0;
  }
  return false;
}

static void help(const Tool *tool, FILE *out) {
  fprintf(out, "usage: ambit %s\n%s", tool->usage, tool->about);
  fputs("\noptions:\n", out);
  for (size_t i = 0; i < tool->noptions; i++) {
    const ToolOption *o = &tool->options[i];
    char left[40];
    snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "",
             o->value ? o->value : "");
    fprintf(out, "  %-21s %s\n", left, o->help);
  }
  fprintf(out, "  %-21s %s\n", "--help", "show this text");
}

static const ToolOption *find(const Tool *tool, const char *word, size_t len) {
  for (size_t i = 0; i < tool->noptions; i++)
    if (strlen(tool->options[i].name) == len &&
        memcmp(tool->options[i].name, word, len) == 0)
      return &tool->options[i];
  return NULL;
}

static int unknown(const Tool *tool, const char *word, size_t len) {
  const char *nearest = NULL;
  size_t best = CLI_FAR;
  for (size_t i = 0; i < tool->noptions; i++) {
    size_t d = cli_distance(word, len, tool->options[i].name);
    if (d >= best) continue;
    best = d;
    nearest = tool->options[i].name;
  }
  int name = (int)strcspn(tool->usage, " ");
  if (nearest && cli_is_near(best, len))
    cli_complain("%.*s has no option %.*s; did you mean %s?", name, tool->usage,
                 (int)len, word, nearest);
  else
    cli_complain("%.*s has no option %.*s; see ambit %.*s --help", name,
                 tool->usage, (int)len, word, name, tool->usage);
  return EXIT_USAGE;
}

// One option at argv[*at], which is moved on to the next word.
static int read_option(const Tool *tool, void *fields, int argc, char **argv,
                       int *at) {
  const char *word = argv[(*at)++];
  size_t len = strcspn(word, "=");
  const ToolOption *o = find(tool, word, len);
  const char *value = word[len] ? word + len + 1 : NULL;
  if (!o && word[1] != '-' && (o = find(tool, word, 2))) {  // -j4
    value = word + 2;
    if (o->kind == TOOL_FLAG) o = NULL;
  }
  if (!o) return unknown(tool, word, len);
  if (value && o->kind == TOOL_FLAG) {
    cli_complain("option %s takes no value", o->name);
    return EXIT_USAGE;
  }
  if (!value && o->kind != TOOL_FLAG) value = *at < argc ? argv[(*at)++] : NULL;
  if (o->kind != TOOL_FLAG && !value) {
    cli_complain("option %s needs a value: %s", o->name, expected[o->kind]);
    return EXIT_USAGE;
  }
  if (set(o, fields, value)) return -1;
  cli_complain("option %s: %s is expected, not %s", o->name, expected[o->kind],
               value);
  return EXIT_USAGE;
}

int cli_tool_read(const Tool *tool, void *fields, int argc, char **argv,
                  ToolWords *words, FILE *out) {
  *words = (ToolWords){.at = argv};
  bool ended = false;
  for (int at = 0; at < argc;) {
    char *word = argv[at];
    int code = -1;
    if (ended || word[0] != '-' || !word[1]) {
      words->at[words->n++] = word;
      at++;
    } else if (strcmp(word, "--help") == 0) {
      help(tool, out);
      return 0;
    } else if (strcmp(word, "--") == 0) {
      ended = true;
      at++;
    } else {
      code = read_option(tool, fields, argc, argv, &at);
    }
    if (code >= 0) return code;
  }
  return -1;
}

int cli_tool_refuse(const Tool *tool, const char *word) {
  cli_complain("%s is not expected; usage: ambit %s", word, tool->usage);
  return EXIT_USAGE;
}

// ---- files ------------------------------------------------------------------

int cli_tool_files(Cli *cli, const ToolWords *words, ToolFile *with,
                   const void *options) {
  Paths paths = {0};
  int code = RUN_OK;
  for (int i = 0; i < words->n; i++)
    if (!cli_find(&paths, words->at[i], cli_is_program)) code = RUN_PARSE;
  for (size_t i = 0; i < paths.n && !cli->closed; i++) {
    int one = with(cli, options, paths.at[i]);
    if (one > code) code = one;
  }
  cli_paths_drop(&paths);
  return code;
}
