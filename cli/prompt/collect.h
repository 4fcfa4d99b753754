// What is typed, gathered line by line until it is whole: brackets and strings closed,
// and an atom behind each `!`.
//
// The text is looked at byte by byte and never again, so that long input costs no more
// than its length; the tree of a text (cli/source/tree.h) would be made anew for each line.
// It judges nothing: what is whole here may still be refused by the reader, and a bracket
// that closes nothing is whole at once.
#ifndef AMBIT_CLI_PROMPT_COLLECT_H
#define AMBIT_CLI_PROMPT_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Scan {
  enum {
    SCAN_BETWEEN,
    SCAN_WORD,
    SCAN_VARIABLE,
    SCAN_STRING,
    SCAN_ESCAPE,  // behind a backslash in a string
    SCAN_COMMENT
  } in;
  size_t depth;  // of open brackets
  bool seen;     // anything but blanks and comments
  bool bang;     // what was read last, outside of brackets, is a word `!`
  bool stray;    // a bracket was closed that was not open
} Scan;

typedef struct Collector {
  char *text;  // NUL-terminated once there is any
  size_t len, cap;
  Scan scan;
} Collector;

enum CollectState {
  COLLECT_EMPTY,  // blanks and comments only
  COLLECT_OPEN,
  COLLECT_WHOLE
};

// A line, with its newline or without; one is put behind it. False: memory is out, and
// nothing was added.
bool cli_collect_add(Collector *c, const char *line, size_t len);
enum CollectState cli_collect_state(const Collector *c);
void cli_collect_clear(Collector *c);
void cli_collect_drop(Collector *c);

#endif
