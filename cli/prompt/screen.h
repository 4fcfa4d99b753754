// The terminal while a prompt is there: who writes to it when, and in which colours.
//
// Answers, output of the program, messages and the line of progress (the meter) all pass
// through here, one at a time, because the meter is a thread of its own: it draws behind
// the cursor and puts the cursor back, and whoever writes next wipes it away. Where output
// is no terminal there is no meter, no colour and no layout.
#ifndef AMBIT_CLI_PROMPT_SCREEN_H
#define AMBIT_CLI_PROMPT_SCREEN_H

#include <pthread.h>

#include "cli/cli.h"
#include "cli/prompt/flow.h"

enum Colour { COLOUR_PLAIN, COLOUR_PROMPT, COLOUR_ERROR, COLOUR_NOTE };

typedef struct Screen {
  Cli *cli;
  bool terminal;  // output is one, and so are messages
  bool colours;
  bool progress;         // the meter may show itself
  pthread_mutex_t lock;  // of what follows, and of the streams
  Flow flow;
  enum Colour colour;  // of what is written there now
  bool in_list;        // answers are being written
  bool drawn;          // the meter is there
  char reading[64];    // the file that is being read, or ""
  uint64_t facts;      // found in it so far
  bool running;        // a form is: since when, with how many steps before
  double began;
  uint64_t steps_before;
  double asked;  // since when the person is asked something; 0: nothing
  // of the meter's thread
  pthread_t meter;
  pthread_cond_t change;
  bool has_meter, ending;
} Screen;

// The terminal's size as it is now.
void cli_screen_size(unsigned *width, unsigned *height);
void cli_screen_open(Screen *s, Cli *cli, bool colours);
void cli_screen_close(Screen *s);

// A form begins, or has ended: between the two the meter may show itself.
void cli_screen_runs(Screen *s, bool running);
uint64_t cli_screen_steps(const Screen *s);  // of all evaluators so far

// What the program writes. False: output is closed.
bool cli_screen_output(Screen *s, const char *text, size_t len);
// What is told beside it, on standard error.
void cli_screen_note(Screen *s, const char *text, size_t len);
// The same for text that is in its form already.
void cli_screen_told(Screen *s, const char *text, size_t len);
// A diagnostic is about to be told.
void cli_screen_leave(Screen *s);
void cli_screen_say(Screen *s, enum Colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cli_screen_progress(Screen *s, const Progress *now);

// A list of answers, answer by answer, each in parts.
void cli_screen_list(Screen *s, unsigned width, unsigned height);
// first: the answer's first part.
bool cli_screen_part(Screen *s, bool first, enum Colour colour,
                     const char *text, size_t len);
void cli_screen_answered(Screen *s);  // the answer is whole
// The list is; cut: not all answers were taken.
void cli_screen_list_end(Screen *s, bool cut);
// Asks what to do now that the page is full, between two answers; and wipes that away.
void cli_screen_ask(Screen *s, const char *question);
void cli_screen_wipe(Screen *s);

#endif
