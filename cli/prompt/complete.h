// What may stand where the cursor is: candidates for a word that has begun.
//
// Commands behind a colon, file names behind those that take one, variables of the same
// input behind a $, names in scope anywhere else. A word must have begun: nothing is
// proposed in strings, in comments, and where there is nothing yet.
#ifndef AMBIT_CLI_PROMPT_COMPLETE_H
#define AMBIT_CLI_PROMPT_COMPLETE_H

#include "cli/prompt/names.h"

typedef struct Typed {  // the input up to the cursor, and a NUL
  const char *text;
  size_t len;
} Typed;

typedef struct Completion {
  size_t word;   // bytes of the word that has begun
  Buffer texts;  // the candidates, each with a NUL behind it
  size_t *at;    // where they begin, sorted
  size_t n, cap;
} Completion;

typedef struct CompletionCommands {
  const char *const *names;  // without their colon
  size_t n;
  bool (*takes_file)(const char *name, size_t len);
} CompletionCommands;
// False: memory is out.
bool cli_complete(Completion *c, Typed typed, const Names *names,
                  const CompletionCommands *commands);
static inline const char *cli_candidate(const Completion *c, size_t i) {
  return c->texts.text + c->at[i];
}
// Bytes that all candidates begin with; characters are whole.
size_t cli_complete_common(const Completion *c);
void cli_completion_drop(Completion *c);

#endif
