// Running a script: read an atom, add it or evaluate it, report, go on.
#ifndef AMBIT_RUNTIME_RUNNER_H
#define AMBIT_RUNTIME_RUNNER_H

#include "runtime/eval.h"
#include "runtime/loading/snapshot.h"
#include "runtime/modules/module.h"

enum RunStatus {  // also the exit codes of `ambit`
  RUN_OK = 0,
  RUN_ERROR_RESULT = 1,  // a result held an Error; the script stopped there
  RUN_PARSE = 3,
  RUN_LIMIT = 4,  // a limit stopped at least one form; others ran
  RUN_INTERNAL = 5,
  RUN_CANCELLED = 130,
  RUN_EXIT = 256  // (exit! CODE): see code
};

typedef struct FormReport {  // one `!` form, handed to the observer
  Position at;               // of the `!`
  const Value *results;
  size_t n;
  enum AmbStop stop;
  const Context *cx;
  const Value *form;  // the form as read (heap atom); NULL: memory is out
  bool is_error;      // a result is an Error: the script stops here, as a rule
} FormReport;

typedef struct Script {
  Runtime *rt;
  Module *module;
  const char *name;  // as shown in messages
  const char *text;
  size_t len;
  const Snapshot *compiled;  // the same, compiled, or NULL
  // If not NULL: called with each result of a `!` form as it comes (runtime/eval.h);
  // what is reported of the form then has none.
  TakeAnswer *on_answer;
  // Called after each `!` form; may be NULL. False stops the script.
  bool (*on_form)(void *arg, const FormReport *report);
  void *arg;
  // A script run on behalf of a form: the Context of that form, whose limits
  // hold here too. NULL: a script of its own.
  Context *parent;
  bool keep_last;    // fill `last`
  bool past_errors;  // an Error among the results ends no script
  // out
  ReadError error;    // with RUN_PARSE
  int code;           // with RUN_EXIT
  enum AmbStop stop;  // what stopped the script's last form, if anything
  bool
      unbegun;  // memory was out before the first form, and nothing was reported
  Position at;  // of the atom at which the script ended
  // results of the last `!` form as templates (include, module loading)
  Template *last;
  size_t nlast, last_cap;
} Script;

// Semantics 8.6. True: the atom is ill-typed in every way, out holds why.
bool ambi_fails_type_check(Context *cx, Value atom, ValueVec *out);
enum RunStatus ambi_run_script(Script *s);
void ambi_script_drop(Script *s);

#endif
