// Functions without a name, (|-> PARAMS BODY), as definitions.
//
// What a body takes from around it become parameters, before those of the function. So
//
//   (= (adder $n) (|-> ($x) (+ $x $n)))
//
// makes the definition of a head that is a number and no program can write, with the rule
//
//   (= (0 $n $x) (+ $x $n))
//
// which is lowered, called and compiled like any other. It is noted when the rule or form
// that the function is written in is lowered (lower_lambda.c). A function that is applied
// where it is written is called at once; one that comes in a variable is a term, which
// tells what it was made of when it is laid beside the rule: what stands where
// the rule has $n is the value of $n. Terms that fit no rule are left to the library's
// rules of |->, and so are all where a program has rules or types of its own for it.
//
// Who writes what: who lowers notes functions, under the guard, and none goes before the
// end. Publish: a Lambda is complete when the list that it is put in front of, and its
// place in the table, are stored with release order. Observe: both are loaded with acquire
// order.
#ifndef AMBIT_RUNTIME_LAMBDA_H
#define AMBIT_RUNTIME_LAMBDA_H

#include "runtime/bytecode/code.h"

enum {
  LAMBDA_CAPTURES = 12,   // at most: values from around it ...
  LAMBDA_PARAMS = 8,      // ... arguments, as the library has rules for ...
  LAMBDA_VARS = 60,       // ... variables in all ...
  LAMBDAS_KEPT = 1 << 11  // ... and functions
};

typedef struct Lambda {
  Record rule;                // [init] (= (NUMBER $captured .. $param ..) BODY)
  uint32_t number;            // [init]
  uint32_t ncaptured;         // [init]
  uint32_t nparams;           // [init]
  Word kind;                  // [init] see ambi_lambda_kind
  const struct Lambda *next;  // [init] in its list
} Lambda;

// A body is looked for by what it is an application of; 0: of anything.
Word ambi_lambda_kind(Value body);
// (|-> PARAMS BODY)?
static inline bool ambi_is_lambda_term(Value v) {
  return ambi_is_expr(v) && ambi_expr_size(v) == 3 &&
         ambi_deref(ambi_expr_at(v, 0)).w == AMB_SYM(LAMBDA).w;
}
// Does the library say what calls of (|-> ..) with so many arguments are? Code that asks
// relies on that. May set cx->stop.
bool ambi_lambdas_are_plain(Context *cx, Space *s, uint32_t nargs);
// The function of this rule; takes the template over. Under the guard. NULL: there is no
// room for it, or memory is out.
const Lambda *ambi_lambda_keep(CodeState *cs, Template *rule,
                               uint32_t ncaptured, uint32_t nparams);
// What it is called by in this space. NULL: memory is out.
Definition *ambi_lambda_definition(CodeState *cs, Space *s, const Lambda *f);
static inline bool ambi_is_lambda(const Definition *d) {
  return ambi_is_int(d->head);
}
const Lambda *ambi_lambda_of(const CodeState *cs, const Definition *d);
// The rules of a definition. False: memory is out.
bool ambi_definition_rules(const CodeState *cs, const Definition *d,
                           RecordVec *out);
// What function is this term, applied to so many arguments? What it has captured is put
// into `captured`. NULL: none that is known, or cx->stop is set.
const Lambda *ambi_lambda_find(Context *cx, Value term, uint32_t nargs,
                               Value *captured);
void ambi_lambdas_close(CodeState *cs);

#endif
