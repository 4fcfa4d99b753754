// One step of an explanation, as a line of text or as JSON.
//
// The texts of a Told lie in an arena of whoever tells; steps are told in order, each with
// the depth it stands at, so a tree of any depth is a list.
#ifndef AMBIT_CLI_TRACE_TOLD_H
#define AMBIT_CLI_TRACE_TOLD_H

#include "cli/trace/places.h"
#include "memory/arena.h"

struct json_t;

enum ToldKind {
  TOLD_CALL,     // text gave value
  TOLD_RULE,     // was used, with these bindings
  TOLD_FACT,     // was found
  TOLD_UNFIT,    // a rule was not used: value says why
  TOLD_NOTHING,  // a call that gave no value: value says so
  TOLD_REASON,   // text came to nothing: value says why
  TOLD_ANSWER,   // text is an answer
  TOLD_KINDS
};

typedef struct Told {
  enum ToldKind kind;
  const char *text, *value;  // value: or NULL
  const char *bindings;  // NAME VALUE NAME VALUE, each ended by NUL; NULL: none
  uint32_t nbindings;
  AtomPlace place;
} Told;

// Where steps go: each is a line, or all of an explanation are a line of JSON.
typedef struct Teller {
  void (*line)(void *arg, const char *text, size_t len);
  void *arg;
  bool json;
  struct json_t *steps;  // of the explanation that is begun
} Teller;

void cli_told(const Teller *to, uint32_t depth, const Told *t);
// A line of its own; nothing with JSON.
void cli_told_line(const Teller *to, uint32_t depth, const char *text);
// With JSON: {"kind":KIND, "about":ABOUT, "steps":[...]} is begun, and written.
void cli_told_begin(Teller *to);
void cli_told_end(Teller *to, const char *kind, const char *about);

// An atom as text in the arena, cut where it gets longer. Never NULL.
const char *cli_told_atom(Runtime *rt, Arena *a, Value v);
// A text that is moved there; the buffer is dropped.
const char *cli_told_text(Arena *a, Buffer *b);
// What the variables of a rule are in this call of it.
void cli_told_bindings(Told *t, Context *cx, Arena *a, Record rule, Value call);
// The rule as it is written.
const char *cli_told_rule(Context *cx, Arena *a, Record rule);

#endif
