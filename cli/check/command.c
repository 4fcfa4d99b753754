// `ambit check`: programs looked at together, each finding shown; and what a code means.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check/check.h"
#include "cli/cli.h"
#include "cli/diagnostic/json.h"
#include "cli/near.h"

enum { EXIT_FOUND = 1 };

typedef struct CheckOptions {
  bool strict, list;
  const char *explain, *format;
} CheckOptions;

static const ToolOption options[] = {
    {"--strict", NULL,
     "tell of variables used once and unused definitions, too", TOOL_FLAG,
     offsetof(CheckOptions, strict)},
    {"--format", "FORM", "of what is found: text or json", TOOL_TEXT,
     offsetof(CheckOptions, format)},
    {"--explain", "CODE", "tell what a code means", TOOL_TEXT,
     offsetof(CheckOptions, explain)},
    {"--list", NULL, "tell all codes", TOOL_FLAG, offsetof(CheckOptions, list)},
};

static const Tool tool = {
    .usage = "check [OPTION...] FILE...",
    .about =
        "Looks for what is wrong with programs without running them. FILE `-` "
        "is the\nstandard input; of a folder all its programs are meant. A "
        "comment\n`; check: ignore [CODE...]` keeps it silent about a line. "
        "Exit codes: 0 nothing\nfound, 1 something, 2 usage, 3 a file cannot "
        "be "
        "read.\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
};

static int explain(Cli *cli, const char *code) {
  Nearest near = cli_nearest(code, strlen(code), 1);
  for (int i = 0; i < CHECK_CODES; i++) {
    const CheckRow *row = &check_rows[i];
    cli_nearest_try(&near, row->code, strlen(row->code));
    if (strcmp(row->code, code) != 0) continue;
    fprintf(cli->out, "%s: %s%s\n\n%s", row->code, row->title,
            row->strict ? " (with --strict)" : "", row->text);
    return RUN_OK;
  }
  if (near.best)
    cli_complain("there is no code %s; did you mean %s?", code, near.best);
  else
    cli_complain("there is no code %s; see ambit check --list", code);
  return EXIT_USAGE;
}

static int list(Cli *cli) {
  for (int i = 0; i < CHECK_CODES; i++)
    fprintf(cli->out, "%s  %s%s\n", check_rows[i].code, check_rows[i].title,
            check_rows[i].strict ? " (with --strict)" : "");
  return RUN_OK;
}

static int show(Cli *cli, const Check *c, bool json) {
  bool colours = !json && cli_colours(cli->out);
  for (size_t i = 0; i < c->out.n; i++)
    if (json)
      cli_diagnostic_json(cli->out, &c->out.at[i]);
    else
      cli_diagnostic_text(cli->out, &c->out.at[i], colours);
  return c->out.n ? EXIT_FOUND : RUN_OK;
}

// A file, or the standard input; its text stays as long as the check.
static bool add(Check *c, const char *path) {
  if (strcmp(path, "-") != 0) return check_load(c, path, true) != NULL;
  FileText text;
  if (!ambi_file_read(0, 0, c->rt, &text)) return false;
  CheckFile *f = check_add(c, "<stdin>", text.text, text.len, true);
  if (f)
    f->loaded = text;
  else
    ambi_file_drop(&text);
  return f != NULL;
}

// Each file is a program of its own, with what it imports.
static int check_file(Cli *cli, const void *given, const char *path) {
  const CheckOptions *o = given;
  Check c;
  if (!check_open(&c, o->strict)) {
    cli_complain("out of memory");
    return RUN_LIMIT;
  }
  int code = RUN_OK;
  if (add(&c, path)) {
    check_all(&c);
    code = show(cli, &c, strcmp(o->format, "json") == 0);
  } else {
    cli_complain("cannot read %s: %s", path, strerror(errno));
    code = RUN_PARSE;
  }
  if (c.failed) {
    cli_complain("out of memory");
    code = RUN_LIMIT;
  }
  check_close(&c);
  return code;
}

int cli_check(Cli *cli, int argc, char **argv) {
  CheckOptions o = {.format = cli->options.json ? "json" : "text"};
  ToolWords words;
  int code = cli_tool_read(&tool, &o, argc, argv, &words, cli->out);
  if (code >= 0) return code;
  if (strcmp(o.format, "text") != 0 && strcmp(o.format, "json") != 0) {
    cli_complain("option --format: text or json is expected, not %s", o.format);
    return EXIT_USAGE;
  }
  if (o.explain) return explain(cli, o.explain);
  if (o.list) return list(cli);
  if (!words.n) {
    cli_complain("check needs a FILE; see ambit check --help");
    return EXIT_USAGE;
  }
  return cli_tool_files(cli, &words, check_file, &o);
}
