// The names that mean something here, for completion and for hints.
//
// In scope are the words that every module has, the module's own, all symbols in the atoms
// of its space, and what the spaces it imports define. Library names that begin with an
// underscore are helpers, and not proposed.
#ifndef AMBIT_CLI_PROMPT_NAMES_H
#define AMBIT_CLI_PROMPT_NAMES_H

#include "runtime/modules/module.h"

typedef struct Names {
  const char **at;  // sorted; the runtime's texts, NUL-terminated
  size_t n, cap;
  uint64_t stamp;  // of what they were made from
  bool made;
} Names;

// Makes them anew if anything has changed. False: memory is out, and there are none.
bool cli_names_update(Names *names, const Module *m);
void cli_names_drop(Names *names);
bool cli_names_have(const Names *names, const char *text, size_t len);
// Those that begin so: the number, *first is the index of the first.
size_t cli_names_with(const Names *names, const char *start, size_t len,
                      size_t *first);
// The one that a misspelt word may have meant, or NULL.
const char *cli_names_near(const Names *names, const char *text, size_t len);

#endif
