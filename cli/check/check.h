// `ambit check`: what is wrong with a program, found without running it.
//
// Files become trees; what they define goes into a model (model.c), by names. Then each
// file is looked at by its brackets (brackets.c), its rules (rules.c), its calls (walk.c,
// names.c), their types (types.c, with the runtime's own checker) and its variables
// (variables.c). What is found is told with a code of codes.def. Nothing is said of what
// could be meant so: a word without rules is data, and a variable without a value too.
#ifndef AMBIT_CLI_CHECK_CHECK_H
#define AMBIT_CLI_CHECK_CHECK_H

#include "cli/diagnostic/diagnostic.h"
#include "cli/source/tree.h"
#include "runtime/modules/module.h"
#include "runtime/types/types.h"

typedef enum CheckCode {
#define CODE(id, code, severity, strict, title, text) CHECK_##id,
#include "cli/check/codes.def"
  CHECK_CODES
} CheckCode;

typedef struct CheckRow {
  const char *code;
  enum Severity severity;
  bool strict;  // told with --strict only
  const char *title, *text;
} CheckRow;
extern const CheckRow check_rows[CHECK_CODES];

typedef struct CheckFile {
  DiagnosticText shown;
  char *name;  // owned, or NULL
  Tree tree;
  FileText loaded;
  bool own;      // it is looked at; else it only defines names
  bool library;  // part of the runtime
} CheckFile;

typedef struct NodeRef {
  const CheckFile *file;  // NULL: none
  uint32_t node;
} NodeRef;

enum { ARITY_MANY = 31 };  // the bit for more arguments than that
typedef struct Name {
  const char *text;
  uint32_t len;
  NodeRef rule, type, doc, bound;  // the first of each; rule: its head's name
  uint32_t rules, arities;         // bit n: there is a rule with n arguments
  uint32_t types;                  // declarations
  uint32_t type_arities;           // bit n: a function type with n arguments
  uint32_t type_uses;              // mentioned in types
  uint32_t uses;                   // mentioned outside of what defines it
  uint32_t facts;                  // data at the top, in a pattern or in quotes
  bool curried;                    // rules with ((name ...) ...)
  bool plain_type;                 // a type that is no function's
  bool library, operation, effects;
  bool replaced;  // the program's rules take the place of the library's
  bool suspect;   // told as misspelt
  bool counted;   // an operation with numbers of arguments
  int min_args, max_args;  // of an operation; max -1: any
} Name;

typedef struct Check {
  Runtime *rt;
  Context *cx;
  Space *space;  // of the declarations
  CheckFile **files;
  size_t nfiles, files_cap;
  Name **names;  // by symbol; NULL: not met
  size_t names_cap;
  Diagnostics out;
  struct Scope *scope;  // of the atom that is looked at
  bool open;            // rules may come from what cannot be seen
  bool strict;
  bool failed;  // memory was out
  struct UnknownCall *unknown;
  size_t nunknown, unknown_cap;
} Check;

// ---- check.c ----------------------------------------------------------------
// Prepares for the texts that are added. False: memory is out.
bool check_open(Check *c, bool strict);
void check_close(Check *c);
// name and text have to last. NULL: memory is out.
CheckFile *check_add(Check *c, const char *name, const char *text, size_t len,
                     bool own);
CheckFile *check_load(Check *c, const char *path,
                      bool own);  // or errno says why
// All of them; c->out has what was found, in order.
void check_all(Check *c);

// ---- model.c ----------------------------------------------------------------
bool check_model_open(Check *c);  // the library's names
void check_model_add(Check *c, CheckFile *f);
void check_imports(Check *c, const CheckFile *f);
Name *check_name(Check *c, const char *text, size_t len);  // NULL: memory
Name *check_name_at(Check *c, const CheckFile *f, uint32_t node);  // NULL: none
// Does the library give way to a program's own function of that name?
bool check_yields(const char *name);
bool check_is_added(const CheckFile *f, uint32_t node);
bool check_is_known(const Name *n);  // has it rules or a type, or is it bound?

// ---- nodes ------------------------------------------------------------------
static inline const char *check_text(const CheckFile *f, uint32_t node) {
  return f->tree.text + f->tree.nodes[node].begin;
}
static inline uint32_t check_len(const CheckFile *f, uint32_t node) {
  return f->tree.nodes[node].end - f->tree.nodes[node].begin;
}
static inline NodeKind check_kind(const CheckFile *f, uint32_t node) {
  return (NodeKind)f->tree.nodes[node].kind;
}
static inline bool check_is(const CheckFile *f, uint32_t node, NodeKind kind) {
  return node && check_kind(f, node) == kind;
}
// Child i of a list, from 0; 0: there is none.
uint32_t check_child(const CheckFile *f, uint32_t node, uint32_t i);
uint32_t check_count(const CheckFile *f, uint32_t node);
// Is it a list with that head and at least one argument?
bool check_has_head(const CheckFile *f, uint32_t node, const char *head);
// Is the node's text that?
bool check_reads(const CheckFile *f, uint32_t node, const char *text);

// ---- telling ----------------------------------------------------------------
__attribute__((format(printf, 5, 6))) Diagnostic *
check_tell(Check *c, const CheckFile *f, CheckCode code, uint32_t node,
           const char *format, ...);
DiagnosticPlace check_place(const CheckFile *f, uint32_t node);
// The first line of a node's text, shortened, for a message.
typedef struct CheckShown {
  char text[64];
} CheckShown;
CheckShown check_show(const CheckFile *f, uint32_t node);

// ---- what is looked at ------------------------------------------------------
void check_brackets(Check *c, const CheckFile *f);
void check_rules(Check *c, const CheckFile *f);
void check_calls(Check *c, const CheckFile *f);
void check_unknown_calls(Check *c);  // when all files were walked
void check_unused(Check *c);
// names.c: a name of a type, or of a function without a type, that may be meant; NULL.
const char *check_near_type(const Check *c, const Name *n);
const Name *check_near_untyped(const Check *c, const Name *n);
bool check_types_open(Check *c);  // declarations go to the runtime
void check_types_import(Check *c, const char *module);
// A call, or another atom in a place where a type is expected (0: none).
void check_types(Check *c, const CheckFile *f, uint32_t node, NodeRef expected);

// ---- suppress.c -------------------------------------------------------------
// Takes out what comments ask to be silent about.
void check_suppress(Check *c);

// ---- walk.c -----------------------------------------------------------------
enum VarUse {
  VAR_BINDS = 1,   // a head, a pattern, a parameter
  VAR_LOOSE = 2,   // evaluated, where something could bind it
  VAR_STRICT = 4,  // evaluated, where a value is needed
  VAR_DATA = 8
};
enum VarType { VAR_ANY, VAR_NUMBER, VAR_STRING, VAR_BOOL, VAR_MIXED };
typedef struct Var {
  const char *text;
  uint32_t len, first, count;
  unsigned uses;
  enum VarType type;
} Var;
typedef struct Scope {  // one atom of the top
  const CheckFile *file;
  Var *vars;
  size_t n, cap;
} Scope;
Var *check_var(Check *c, const CheckFile *f, uint32_t node);
void check_variables(Check *c, const Scope *s);

typedef struct UnknownCall {
  NodeRef at;        // the list
  const char *need;  // the type that is needed there, or NULL
  bool body;         // it is all that a rule gives
} UnknownCall;

#endif
