// Generated programs: terms, the generator, the runner, and the shrinker.
//
// A program is a list of forms, a form a term. Terms are never changed; a changed
// program is a new one that shares what is the same. All of them live in an Arena
// of whoever asked for them.
#ifndef AMBIT_TESTS_GEN_H
#define AMBIT_TESTS_GEN_H

#include "memory/arena.h"
#include "runtime/modules/runner.h"

// ---- terms (term.c) ---------------------------------------------------------------

typedef struct Node Node;
struct Node {
  const char *word;  // NULL: an expression
  uint32_t n;        // children
  uint32_t nodes;    // in this term, itself included
  const Node *kid[];
};

typedef struct Form {
  bool run;  // behind a `!`
  const Node *atom;
} Form;

enum { GEN_MAX_FORMS = 128, GEN_MAX_KIDS = 64 };

typedef struct Program {
  Form form[GEN_MAX_FORMS];
  unsigned n;
} Program;

const Node *gen_word(Arena *a, const char *text, size_t len);
const Node *gen_expr(Arena *a, const Node *const *kids, unsigned n);
bool gen_is_word(const Node *n, const char *word);
void gen_put_node(Buffer *b, const Node *n);
void gen_put_program(Buffer *b, const Program *p);  // one form a line
// Reads text; what is not well-formed is taken as it comes. False: too many forms,
// or a term too wide or too deep for a Node.
bool gen_parse(Arena *a, const char *text, size_t len, Program *out);
// The i-th term inside `n` in the order of its text, 0 is n itself.
const Node *gen_subterm(const Node *n, uint32_t i);
// `n` with its i-th term replaced; NULL takes it away (not for i = 0).
const Node *gen_replace(Arena *a, const Node *n, uint32_t i, const Node *by);

// ---- the generator (make.c, grammar.c) ---------------------------------------------

typedef struct Grammar Grammar;
Grammar *gen_grammar_open(void);
void gen_grammar_close(Grammar *g);
unsigned gen_mix_count(void);
const char *gen_mix_name(unsigned mix);
// -1: there is no such mix.
int gen_mix_find(const char *name);
// Program `number` of a seed and a mix, always the same.
void gen_make(const Grammar *g, Arena *a, unsigned mix, uint64_t seed,
              uint64_t number, Program *out);

// ---- running (run.c) ----------------------------------------------------------------

struct Told;
// Who makes machine code, and when.
enum GenCode { GEN_BYTECODE, GEN_LEVEL_1, GEN_AT_ONCE, GEN_BACKGROUND };

typedef struct GenMode {
  const char *name;
  int tier;
  enum GenCode code;
  const char *stress;  // switches of memory/stress.h, or NULL
  // Tests of the tool itself: what was told is altered so.
  void (*spoil)(struct Told *told);
  bool tabling;         // the pragma, from the start
  unsigned evaluators;  // 0: nobody but the script's thread
} GenMode;

enum { GEN_MAX_MODES = 32 };
extern const GenMode gen_modes[];
extern const unsigned gen_nmodes;
// Can this build run programs so?
bool gen_mode_there(const GenMode *mode);

// What a program told in one mode: what it printed and noted, a line for the
// results of each form, and a line for how the script ended.
typedef struct Told {
  char *text;  // not from memory/alloc.h, which is watched for leaks
  size_t len, cap;
  bool cut;           // a limit was met; what comes after is not known
  const char *wrong;  // NULL, or what no program may cause
} Told;

void gen_run(const GenMode *mode, const char *text, size_t len, Told *told);
void gen_told_drop(Told *t);

// ---- comparing (compare.c) ----------------------------------------------------------

enum GenVerdict { GEN_SAME, GEN_CUT, GEN_DIFFERENT, GEN_WRONG };
// Told by two modes about one program: the same lines up to a renaming of variables
// in each result; where one was cut, as far as it got.
enum GenVerdict gen_compare(const Told *a, const Told *b);
// Runs the program in all the modes and compares each with the first. With
// `report` not NULL, what was told goes there when it is not the same.
enum GenVerdict gen_check(const GenMode *modes, unsigned nmodes,
                          const Program *p, Buffer *report);

// ---- shrinking (shrink.c) ------------------------------------------------------------

// Is what was found still there?
typedef bool GenTry(void *arg, const Program *p);
// Makes `p`, for which `still` holds, smaller until no step helps or `budget` tries
// are spent. Returns the tries.
unsigned gen_shrink(Arena *a, Program *p, GenTry *still, void *arg,
                    unsigned budget);

#endif
