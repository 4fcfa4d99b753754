// Commands that look after programs: each has options of its own, and all words behind
// its name are its own to read.
//
// A tool's options are a table of the fields that they set, which makes its help text,
// too. Options and other words may stand in any order; `--` ends the options.
#ifndef AMBIT_CLI_TOOL_H
#define AMBIT_CLI_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct Cli Cli;

// What an option's field is, and how its value is read.
typedef enum ToolValue {
  TOOL_FLAG,     // bool
  TOOL_TEXT,     // const char *; an empty one is refused
  TOOL_COUNT,    // uint64_t, from 1
  TOOL_SECONDS,  // double
  TOOL_SIZE      // uint64_t
} ToolValue;

typedef struct ToolOption {
  const char *name;  // "--jobs" or "-n"
  const char
      *value;  // name of its value, NULL: it has none; [=V]: only behind =
  const char *help;
  ToolValue kind;
  size_t field;  // offset in what the tool's options are read into
} ToolOption;

typedef struct Tool {
  const char *usage;  // "fmt [OPTION...] [FILE...]"
  const char *about;  // lines
  const ToolOption *options;
  size_t noptions;
} Tool;

typedef struct ToolWords {
  char **
      at;  // those that are no options, in order; they take the place of argv's
  int n;
} ToolWords;

// -1: go on; otherwise the exit code: 0 when the help was asked for, which is on `out`.
int cli_tool_read(const Tool *tool, void *fields, int argc, char **argv,
                  ToolWords *words, FILE *out);
// Complains of a word that there should not be. The exit code.
int cli_tool_refuse(const Tool *tool, const char *word);

// All programs that the words name, one after another (cli/source/find.h). The highest exit
// code of any.
typedef int ToolFile(Cli *cli, const void *options, const char *path);
int cli_tool_files(Cli *cli, const ToolWords *words, ToolFile *with,
                   const void *options);

typedef int ToolMain(Cli *cli, int argc, char **argv);  // gives the exit code
ToolMain cli_bench;
ToolMain cli_check;
ToolMain cli_doc;
ToolMain cli_fmt;
ToolMain cli_lsp;
ToolMain cli_new;
ToolMain cli_test;

#endif
