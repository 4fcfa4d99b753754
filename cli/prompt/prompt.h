// The prompt: what is typed is added or evaluated, until the person leaves.
//
// A Prompt lasts as long as the process; the Runtime may be opened anew below it
// (`:reload`). Who owns what:
//   prompt.c     the session: opening, the loop over inputs, leaving
//   evaluate.c   one input or file: its answers, pages, messages
//   commands.c   what begins with a colon
//   lines.h      where lines come from: editor.c on a terminal, plain.c elsewhere
//   history.h    the file of what was typed
//   collect.h    when an input is whole
//   complete.h   what a word may become; names.h: the names in scope
//   screen.h     who writes to the terminal, and the meter; flow.h: where answers go
//   interrupt.h  Ctrl-C as a signal
// collect, complete, names, flow and history know nothing of terminals.
#ifndef AMBIT_CLI_PROMPT_PROMPT_H
#define AMBIT_CLI_PROMPT_PROMPT_H

#include "cli/prompt/collect.h"
#include "cli/prompt/lines.h"
#include "cli/prompt/screen.h"

typedef struct Prompt {
  Cli *cli;
  Lines *lines;
  Collector input;
  Names names;
  Screen screen;
  bool pause, hints;  // settings
  bool leaving;
  bool reloading;  // the runtime is to be opened anew
} Prompt;

// What is evaluated, be it typed or read.
typedef struct Evaluated {
  Source *source;
  bool typed;     // there is nobody who does not know where it stands
  bool no_units;  // a list of answers that is [()] is not shown
} Evaluated;
// True: all of it has run.
bool cli_prompt_evaluate(Prompt *p, const Evaluated *what);
// The same for a text that is typed; before and behind may be "".
bool cli_prompt_run(Prompt *p, const char *before, const char *text,
                    const char *behind);
// A key in answer to a question, while something is evaluated. -1: interrupted.
int cli_prompt_ask(Prompt *p, const char *question);
// Reads and runs a file. False: it could not be read.
bool cli_prompt_load(Prompt *p, Source *s);
// The names in scope now.
const Names *cli_prompt_names(void *prompt);

// ---- commands.c -------------------------------------------------------------
// A line that begins with a colon and a letter is a command.
bool cli_prompt_is_command(const char *text);
void cli_prompt_command(Prompt *p, char *text);
const CompletionCommands *cli_prompt_commands(void);

#endif
