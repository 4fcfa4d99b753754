// `ambit fmt`: lays out files in place, or the standard input.
#include "cli/fmt/fmt.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "memory/alloc.h"

enum { NOT_LAID_OUT = 1 };  // exit code of --check

typedef struct FmtOptions {
  bool check;
  uint64_t width;
} FmtOptions;

static const ToolOption options[] = {
    {"--check", NULL, "name files that would change, and change none",
     TOOL_FLAG, offsetof(FmtOptions, check)},
    {"--width", "N", "columns of a line (default 80)", TOOL_COUNT,
     offsetof(FmtOptions, width)},
};

static const Tool tool = {
    "fmt [OPTION...] [FILE|FOLDER...]",
    "Lays out MeTTa programs: indents lines, breaks those that are too long, "
    "and\n"
    "keeps comments and the breaks that are there. Files are changed in "
    "place;\n"
    "without any, or for `-`, the standard input is written to the standard\n"
    "output. Of a FOLDER, all that is named *.metta below it.\n\n"
    "exit codes: 0 fine, 1 --check found something, 2 usage, 3 a file cannot "
    "be\n"
    "read or parsed\n",
    options, sizeof options / sizeof *options};

static void refuse(const Source *s, const Tree *t, uint32_t node) {
  DiagnosticText text = cli_source_text(s, (Position){0});
  const Node *n = &t->nodes[node];
  size_t end = n->kind == NODE_LIST ? n->begin : n->end;
  Diagnostics one = {0};
  cli_diagnostics_add(&one, SEVERITY_ERROR, NULL,
                      (DiagnosticPlace){&text, n->begin, end}, "%s",
                      cli_tree_fault_text(t, node));
  cli_diagnostics_tell(&one);
}

static int write_file(const char *path, const Buffer *b) {
  char *real = realpath(path, NULL);  // what a link leads to
  CliFile f;
  bool ok = cli_file_begin(&f, real ? real : path);
  if (ok) {
    fwrite(b->text, 1, b->len, f.out);
    ok = cli_file_end(&f);
  }
  free(real);
  return ok ? RUN_OK : RUN_INTERNAL;
}

// What became of the text, by the path it came from.
static int give(Cli *cli, const FmtOptions *o, const Source *s,
                const Buffer *b) {
  bool same =
      b->len == s->len && (!s->len || !memcmp(b->text, s->text, s->len));
  bool stream = strcmp(s->path, "-") == 0;
  if (o->check) {
    if (!same) fprintf(cli->out, "%s\n", s->name);
    return same ? RUN_OK : NOT_LAID_OUT;
  }
  if (stream) {
    cli_write(cli, b->text ? b->text : "", b->len);
    return RUN_OK;
  }
  return same ? RUN_OK : write_file(s->path, b);
}

static int format_one(Cli *cli, const void *given, const char *path) {
  const FmtOptions *o = given;
  bool stream = strcmp(path, "-") == 0;
  Source s = {.name = stream ? "<stdin>" : path, .path = path};
  if (!cli_source_load(&s, 0, NULL)) return RUN_PARSE;
  Tree t;
  Buffer b = {0};
  int code = RUN_LIMIT;
  if (cli_tree_read(&t, s.text, s.len)) {
    uint32_t fault = cli_tree_fault(&t);
    if (fault) {
      refuse(&s, &t, fault);
      code = RUN_PARSE;
    } else if (cli_format(&t, (unsigned)o->width, &b)) {
      code = give(cli, o, &s, &b);
    }
    cli_tree_free(&t);
  }
  if (code == RUN_LIMIT) cli_complain("out of memory");
  ambi_buffer_drop(&b);
  cli_source_drop(&s);
  return code;
}

int cli_fmt(Cli *cli, int argc, char **argv) {
  FmtOptions o = {.width = CLI_FORMAT_WIDTH};
  ToolWords words;
  int code = cli_tool_read(&tool, &o, argc, argv, &words, cli->out);
  if (code >= 0) return code;
  return words.n ? cli_tool_files(cli, &words, format_one, &o)
                 : format_one(cli, &o, "-");
}
