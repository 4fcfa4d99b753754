// Where answers go on the screen: [a, b, c], broken behind a comma where a line is full,
// and full after so many lines.
//
// It only counts: who writes asks what to write in front of an answer, and tells what was
// written. Nothing of this looks at a terminal.
#ifndef AMBIT_CLI_PROMPT_FLOW_H
#define AMBIT_CLI_PROMPT_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Flow {
  unsigned width, height;  // of the screen; 0: lines of any length, never full
  unsigned column;         // of the cursor, from 0
  unsigned rows;           // begun since the page began
  uint64_t answers;        // of the list that is open
  bool parted;             // the comma behind the last one is written already
} Flow;

// A list of answers begins, and with it a page.
void cli_flow_begin(Flow *f, unsigned width, unsigned height);
// What to write in front of the next answer, whose text begins so.
const char *cli_flow_lead(Flow *f, const char *text, size_t len);
// What to write between two answers, so that something else can stand there.
const char *cli_flow_part(Flow *f);
// What to write when there is no further answer.
const char *cli_flow_end(const Flow *f);
// That was written, by whomever.
void cli_flow_wrote(Flow *f, const char *text, size_t len);
// Is there no room on this page for the next answer, whose text begins so? The last line
// of the screen is for the question.
bool cli_flow_is_full(const Flow *f, const char *text, size_t len);
// Another page begins, or the last line of one with so many lines more.
void cli_flow_turn(Flow *f, unsigned rows);
// Columns that the text takes on one line.
size_t cli_flow_width(const char *text, size_t len);

#endif
