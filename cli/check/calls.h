// What walk.c asks about each call that it meets.
#ifndef AMBIT_CLI_CHECK_CALLS_H
#define AMBIT_CLI_CHECK_CALLS_H

#include "cli/check/check.h"

typedef struct CallPlace {
  const char *need;  // the plain type that is needed there, or NULL
  bool direct;       // its value is used, rather than kept in a tuple
  bool body;         // it is the whole body of a rule
  bool in_rule;
} CallPlace;
// A list that is evaluated, and its head's name, or NULL.
void check_call(Check *c, const CheckFile *f, uint32_t list, Name *n,
                const CallPlace *place);
// A word that is evaluated.
void check_word(Check *c, const CheckFile *f, uint32_t node, const char *need);
// The branches of a case.
void check_branches(Check *c, const CheckFile *f, uint32_t list);
// An if, whose condition may be constant.
void check_branch_condition(Check *c, const CheckFile *f, uint32_t list);
// A rule inside an evaluated atom.
void check_rule_inside(Check *c, const CheckFile *f, uint32_t rule);
// What an atom gives, if its type is a plain one.
enum VarType check_value_type(Check *c, const CheckFile *f, uint32_t node);

#endif
