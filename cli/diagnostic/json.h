// JSON that the program writes: one object a line, made with jansson.
#ifndef AMBIT_CLI_DIAGNOSTIC_JSON_H
#define AMBIT_CLI_DIAGNOSTIC_JSON_H

#include <jansson.h>

#include "cli/diagnostic/diagnostic.h"

// Text that is no UTF-8 gets U+FFFD where it is not.
json_t *cli_json_string(const char *text, size_t len);
// Writes it as a line, and releases it. NULL is told as lost memory.
void cli_json_line(FILE *out, json_t *line);

#endif
