// Printed answers, compared: the numbers of new variables, $x#7, may differ, if each
// stands for the same one throughout a line.
#ifndef AMBIT_CLI_ANSWERS_H
#define AMBIT_CLI_ANSWERS_H

#include <stdbool.h>

typedef struct Span {
  const char *at, *end;
} Span;

// The first line, without its end; `rest` is moved on behind it.
Span cli_next_line(Span *rest);
bool cli_same_line(Span a, Span b);
bool cli_same_answers(Span a, Span b);  // line by line

#endif
