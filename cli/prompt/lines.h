// Where the lines come from that are typed: a terminal with an editor, or a plain stream.
#ifndef AMBIT_CLI_PROMPT_LINES_H
#define AMBIT_CLI_PROMPT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/prompt/complete.h"

enum LineStatus {
  LINE_READ,
  LINE_INTERRUPTED,  // Ctrl-C: as much as was typed of the line is dropped
  LINE_END,          // there are no more
  LINE_MEMORY
};

typedef struct LineWish {
  const char *prompt;
  const char *above;  // lines before this one, of the same input
  size_t above_len;
} LineWish;

typedef struct Lines Lines;
struct Lines {
  // The line, with its newline if it has one, is valid until the next call. *len is its
  // length, also of one that is dropped.
  enum LineStatus (*read)(Lines *l, const LineWish *wish, const char **line,
                          size_t *len);
  // An input was whole: it can be called up again.
  void (*remember)(Lines *l, const char *text, size_t len);
  // Is there text on its way that was pasted, and not typed?
  bool (*is_pasting)(const Lines *l);
  // The next key that is pressed; -1: interrupted, or there are no more.
  int (*key)(Lines *l);
  void (*close)(Lines *l);
};

// What the editor asks of the program around it.
typedef struct EditorHost {
  void *arg;
  const Names *(*names)(void *arg);  // in scope now, for completion
  CompletionCommands commands;
  bool colours;
} EditorHost;

// On the terminal. NULL: built without libedit, or it cannot be used here.
Lines *cli_editor_open(const EditorHost *host);
// Standard input as it comes; with the prompt if it is a terminal. NULL: memory is out.
Lines *cli_plain_open(void);

#endif
