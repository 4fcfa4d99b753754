// What program text can use as data: a bound on what an unknown head may do.
//
// A head that only running can tell is some operation or function whose name
// stands in text that was read, and not where it can only be called: as the head
// of a form. So the reader notes every operation and every name of the core
// library that stands elsewhere; together they bound what a call through a
// variable can do. Bodies of the program's own rules need no look: what they
// mention was read, too. The bound only grows; code that was lowered under a
// smaller one is thrown away.
//
// The value of a variable, or of an atom that was fetched, is evaluated as well. It is
// code with effects only if such code stands in the text where it can be taken for
// data: in a fact, as an argument of what does not just evaluate its arguments, or in a
// pattern that asks for rules. That bound is kept apart, since most programs have none.
// Where a call of a function of the program's own stands like that, or one of which only
// running can tell what it calls, its effects are taken to be all that the text mentions.
#ifndef AMBIT_RUNTIME_MENTION_H
#define AMBIT_RUNTIME_MENTION_H

#include "runtime/spaces/space.h"

// Beside enum Effect: adds a rule or type whose subject only running can tell.
#define E_BROAD 256u
// Has NotReducible or a function where it is a value, and not what a step of a call
// gives: it sends back to whatever call hands it on. Or gives a symbol the type of a
// function while forms run, so that terms which are values already are ill typed then.
#define E_SENDS_BACK 512u

// What a name of the program's own was read as.
enum NamedAs {
  NAMED_DATA =
      1,  // it heads an expression in a fact, or in what is kept as it stands
  NAMED_ARGUMENT = 2,  // ... in an argument of a function of the program's own
  NAMED_FUNCTION = 4   // it has a rule
};

struct BootModule;

typedef struct Mentions {
  unsigned
      effects;  // of operations that were read (enum Effect), and those beside
  unsigned fetched;   // of those that may be taken for data
  uint32_t nsymbols;  // ids below are names of the library
  uint8_t *seen;      // nsymbols: was it read (1), where it may be data (2)?
  uint8_t *reach;     // nsymbols: effects of its rules; NULL: not known yet
  uint8_t
      *modules;    // likewise, of rules of modules that were loaded; NULL: none
  uint8_t *names;  // of others: enum NamedAs
  uint32_t nnames;  // ids below have an entry
  uint8_t
      called;  // NAMED_DATA, NAMED_ARGUMENT: functions are named so as well, or what
               // only running can tell
  bool changed;  // since the bound was asked for
} Mentions;

// All of it belongs to who has the guard (runtime/guard.h), as a reader has; who notes an
// operation or a symbol takes it.
// After the core library was read: what follows is the program's.
bool ambi_mentions_open(Runtime *rt);  // false: memory
void ambi_mentions_close(Runtime *rt);
// The reader met an operation: e is the operation itself, or the expression that
// it heads. data: where it may be taken for data.
void ambi_mention_op(Runtime *rt, Value e, bool data);
// The reader met a symbol; rule: as the head of an atom that is no form.
void ambi_mention_symbol(Runtime *rt, uint32_t symbol, bool rule, bool data);
// The reader met the name of the program's own, which has its rules, or heads an
// expression. False: memory is out.
bool ambi_mention_name(Runtime *rt, uint32_t symbol, enum NamedAs how);
// The reader met an expression where it names a function like that, and its head is no
// name. Can running it make a name of the head?
void ambi_mention_head(Runtime *rt, Value head, unsigned how);
// How arguments of this head name functions: NAMED_DATA, NAMED_ARGUMENT, or 0: they are
// evaluated with it, are no calls, or are what `around` says the whole is.
unsigned ambi_mention_arguments(const Runtime *rt, Value head, bool fact,
                                unsigned around);
// Are arguments of this head evaluated with it or not at all? All others may hand
// them on as data. rule: it is that of an atom that is no form.
bool ambi_mention_evaluates(const Runtime *rt, Value head, bool rule);
// The reader met an expression: does it add a rule or type whose subject only running
// can tell, or the type of a function?
void ambi_mention_adding(Runtime *rt, Value e);
// The reader met NotReducible, or `function` at a head, as child number i of what has
// this head (AMB_NONE: of a form or fact by itself).
void ambi_mention_body(Runtime *rt, uint32_t symbol, Value head, size_t i);
// ... an (eval A): is A no call at all?
void ambi_mention_eval(Runtime *rt, Value e);
// Is the atom a rule for all expressions, a type of all symbols, or, by its head, both a
// rule and a type?
bool ambi_is_broad(Value atom);
// A program was taken from a compiled file: what reading its text noted.
void ambi_mention_all(Runtime *rt, unsigned effects, unsigned fetched);
// A module of the library, with these rules, was taken from the boot image. What its text
// mentions counts as read; what its rules do, for whoever reads the name of one, if none
// has such names as data; else from now on.
#define MENTIONED_AS_DATA 0x80000000u  // a bit of the image's symbols
void ambi_mention_module(Runtime *rt, Space *module,
                         const struct BootModule *image);
// Effects an unknown head may have. Memory out: all.
unsigned ambi_mentioned_effects(Runtime *rt);
// Those of code that is the value of a variable, or fetched. Pure if none of it writes.
unsigned ambi_fetched_effects(Runtime *rt);
// Is e the addition or removal of an atom that is plainly no rule or type?
bool ambi_changes_plain_fact(Value e);

#endif
