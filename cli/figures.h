// Numbers as people read them.
#ifndef AMBIT_CLI_FIGURES_H
#define AMBIT_CLI_FIGURES_H

#include <stdio.h>

enum { CLI_COUNT_SIZE = 32 };

// "1234567" -> "1.23 M"; five characters of digits at most.
static inline void cli_count_text(double n, char out[CLI_COUNT_SIZE]) {
  const char *unit = n < 1e4 ? "" : n < 1e6 ? " k" : n < 1e9 ? " M" : " G";
  double scaled = n < 1e4 ? n : n < 1e6 ? n / 1e3 : n < 1e9 ? n / 1e6 : n / 1e9;
  snprintf(out, CLI_COUNT_SIZE, "%.*f%s", n < 1e4 ? 0 : 2, scaled, unit);
}

#endif
