/* ambit.h - MeTTa as a C library.
 *
 * A runtime (ambit) holds a program: its spaces, rules, modules and code. Text is run in
 * it as a script, or asked as a query whose answers come one by one. C functions can be
 * added as operations of the language, C data as its atoms.
 *
 * Threads. A runtime and all that belongs to it is used by one thread at a time, any one;
 * different runtimes may be used at the same time. ambit_cancel alone may be called
 * from any thread and from a signal handler. A runtime has threads of its own: one that
 * compiles, and the evaluators that were asked for (ambit_options). Signals are blocked
 * in them. Functions of the program that they call are those of ambit_operation and
 * ambit_set_log.
 *
 * The library writes nowhere, installs no signal handlers, and never ends the process.
 *
 * Errors. A call that can fail returns a status, or NULL; ambit_message says what was
 * wrong, in English, with file:line:column where there is one, and ambit_calls in which
 * calls of the program. When memory is out the call fails and the runtime stays usable.
 *
 * Ownership. What ambit_*_open, ambit_ask, ambit_keep return is the caller's, to be
 * given back with the matching call before the runtime is closed. Texts that are passed
 * in are copied. Texts that are handed out belong to the library, for as long as the call
 * says.
 */
#ifndef AMBIT_H
#define AMBIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AMBIT_API __attribute__((visibility("default")))
#else
#define AMBIT_API
#endif

typedef struct ambit ambit; /* a runtime */
typedef struct ambit_query
    ambit_query; /* an evaluation whose answers are taken */
typedef struct ambit_heap ambit_heap; /* where terms are made and live */
typedef struct ambit_atom ambit_atom; /* a term that is kept */
typedef struct ambit_call ambit_call; /* a call of a C function that goes on */

typedef enum ambit_status {
  AMBIT_OK = 0,
  AMBIT_DONE,   /* there is no further answer */
  AMBIT_ERROR,  /* a result is an Error; the script stopped there */
  AMBIT_SYNTAX, /* text that is no MeTTa */
  AMBIT_LIMIT,  /* time, steps, memory, depth or answers: see ambit_message */
  AMBIT_CANCELLED, /* by ambit_cancel */
  AMBIT_EXIT,      /* the program called (exit! CODE): see ambit_exit_code */
  AMBIT_MEMORY,    /* the system has no more */
  AMBIT_FILE,      /* a file cannot be read */
  AMBIT_MISUSE,    /* the arguments do not fit what the call wants */
  AMBIT_INTERNAL   /* a mistake of the library's own */
} ambit_status;

/* "0.1.0" */
AMBIT_API const char *ambit_version(void);

/* ---- a runtime --------------------------------------------------------------- */

/* Each 0 (or below, for seconds): no limit. They hold for each query, and for each form
 * of a script. */
typedef struct ambit_limits {
  double seconds;   /* of running; what passes between answers does not count */
  uint64_t steps;   /* evaluation steps */
  uint64_t memory;  /* bytes in use, by all runtimes of the process together */
  uint64_t depth;   /* calls inside one another */
  uint64_t answers; /* of one form of a script; a query just stops asking */
} ambit_limits;

typedef enum ambit_machine_code {
  AMBIT_CODE_BACKGROUND = 0, /* hot code is compiled by a thread */
  AMBIT_CODE_OFF             /* bytecode only, and no thread */
} ambit_machine_code;

/* All zero: the defaults. */
typedef struct ambit_options {
  ambit_limits limits;
  ambit_machine_code machine_code;
  const char
      *directory; /* where modules and files are looked for; NULL: the working
                            directory */
  /* What println! and its like write; false: output is closed, an error. NULL: it is
   * thrown away. */
  bool (*write)(void *arg, const char *text, size_t length);
  /* Warnings, and what trace! says. NULL: thrown away. */
  void (*note)(void *arg, const char *text, size_t length);
  void *arg; /* of both */
  /* Threads that searches, branches and actors of a program run on, that of the caller
   * included; 0: no other. Answers and their order are the same. More than 256 are as
   * many. */
  unsigned evaluators;
} ambit_options;

/* NULL: memory is out. options may be NULL. */
AMBIT_API ambit *ambit_open(const ambit_options *options);
/* Queries, heaps and kept atoms must have been closed. NULL is let pass. */
AMBIT_API void ambit_close(ambit *a);

/* From the next form or query on. */
AMBIT_API void ambit_set_limits(ambit *a, const ambit_limits *limits);
/* What the last call that failed was about; "" if none did. Valid until the next call. */
AMBIT_API const char *ambit_message(const ambit *a);
/* After AMBIT_EXIT. */
AMBIT_API int ambit_exit_code(const ambit *a);
/* Stops what runs, within a few milliseconds, or what is asked next: it ends with
 * AMBIT_CANCELLED. Any thread, and signal handlers. */
AMBIT_API void ambit_cancel(ambit *a);
/* Takes a cancellation back that has not stopped anything, or did. To be called after
 * AMBIT_CANCELLED before the runtime is used again. */
AMBIT_API void ambit_resume(ambit *a);

/* ---- what it does -------------------------------------------------------------- */

typedef enum ambit_log_level {
  AMBIT_LOG_OFF,
  AMBIT_LOG_ERROR, /* a script ends with an Error */
  AMBIT_LOG_WARN,  /* a limit was reached */
  AMBIT_LOG_INFO,  /* files are loaded */
  AMBIT_LOG_DEBUG /* rules compiled and changed, collections, searches shared */
} ambit_log_level;

typedef struct ambit_log_field {
  const char *key;
  const char *text; /* NULL: the number */
  uint64_t number;
} ambit_log_field;

/* Called by any thread of the runtime, several at a time; must not call the runtime. What
 * it is given is valid during the call. event: "load", "limit", "compile" ... */
typedef void ambit_on_log(void *arg, ambit_log_level level, const char *event,
                          const ambit_log_field *fields, size_t n);
/* Tells what happens from now on, up to this level; AMBIT_LOG_OFF: no more. Threads of the
 * runtime may still be in a function that was replaced until ambit_close. AMBIT_MEMORY. */
AMBIT_API ambit_status ambit_set_log(ambit *a, ambit_log_level level,
                                     ambit_on_log *on_log, void *arg);

/* ---- terms --------------------------------------------------------------------- */

/* An atom as it stands on a heap: two terms of the same bits are the same, but equal
 * atoms may have different ones (ambit_equal). Valid as long as its heap says. */
typedef struct ambit_term {
  uint64_t bits;
} ambit_term;

typedef enum ambit_kind {
  AMBIT_SYMBOL,
  AMBIT_VARIABLE,
  AMBIT_EXPRESSION,
  AMBIT_INTEGER, /* fits int64_t */
  AMBIT_BIG,     /* a larger one: see ambit_text */
  AMBIT_FLOAT,
  AMBIT_BOOL,
  AMBIT_STRING,
  AMBIT_OPERATION,
  AMBIT_SPACE,
  AMBIT_STATE,
  AMBIT_OBJECT, /* of the embedding program */
  AMBIT_OTHER
} ambit_kind;

/* A heap of its own, empty. While one is open, memory of atoms that were removed is not
 * given back: close it when the terms have done their work. NULL: memory is out. */
AMBIT_API ambit_heap *ambit_heap_open(ambit *a);
/* Its terms are gone. NULL is let pass. */
AMBIT_API void ambit_heap_close(ambit_heap *h);

/* Making terms. ambit_none(): memory is out, or an argument is ambit_none() or no text of
 * the kind (names are words, strings are UTF-8). The term is valid as long as the heap,
 * that of a query or a call until its next answer or its end. Items of an expression live
 * on the same heap. */
AMBIT_API ambit_term ambit_make_symbol(ambit_heap *h, const char *name);
AMBIT_API ambit_term ambit_make_variable(ambit_heap *h, const char *name);
AMBIT_API ambit_term ambit_make_string(ambit_heap *h, const char *bytes,
                                       size_t length);
AMBIT_API ambit_term ambit_make_integer(ambit_heap *h, int64_t value);
AMBIT_API ambit_term ambit_make_float(ambit_heap *h, double value);
AMBIT_API ambit_term ambit_make_bool(bool value);
AMBIT_API ambit_term ambit_make_expression(ambit_heap *h,
                                           const ambit_term *items, size_t n);
/* One atom, read with the words of the program (so `+` is the operation). On failure
 * ambit_message says where. */
AMBIT_API ambit_term ambit_parse(ambit_heap *h, const char *text,
                                 size_t length);
AMBIT_API ambit_term ambit_none(void);
AMBIT_API bool ambit_is_none_term(ambit_term t);

/* Taking them apart. A getter returns false, and leaves *out alone, where the term is of
 * another kind. Texts are valid as long as the term, names as long as the runtime. */
AMBIT_API ambit_kind ambit_kind_of(ambit_term t);
AMBIT_API bool ambit_get_integer(ambit_term t, int64_t *out);
AMBIT_API bool ambit_get_float(ambit_term t, double *out); /* of any number */
AMBIT_API bool ambit_get_bool(ambit_term t, bool *out);
AMBIT_API bool ambit_get_string(ambit_term t, const char **bytes,
                                size_t *length);
/* Of a symbol, a variable (without $) or an operation. */
AMBIT_API const char *ambit_name(const ambit_heap *h, ambit_term t);
/* Children of an expression; 0 for everything else. */
AMBIT_API size_t ambit_size(ambit_term t);
AMBIT_API ambit_term ambit_at(ambit_term t, size_t i); /* i < ambit_size(t) */
AMBIT_API bool ambit_equal(ambit_heap *h, ambit_term a, ambit_term b);
AMBIT_API bool ambit_is_error(ambit_term t); /* (Error ...) */
/* As MeTTa prints it; valid until the next call with this heap. NULL: memory is out. */
AMBIT_API const char *ambit_text(ambit_heap *h, ambit_term t, size_t *length);

/* A copy that outlives its heap. Any thread that uses the runtime may free it. NULL:
 * memory is out. */
AMBIT_API ambit_atom *ambit_keep(ambit_heap *h, ambit_term t);
AMBIT_API ambit_term ambit_term_of(ambit_heap *h, const ambit_atom *atom);
AMBIT_API void ambit_atom_free(ambit *a, ambit_atom *atom);

/* ---- running -------------------------------------------------------------------- */

/* What one `!` form of a script gave. The terms are valid during the call. false: the
 * script stops here, and its status is AMBIT_OK. */
typedef struct ambit_results {
  ambit_heap *heap;
  const ambit_term *at;
  size_t n;
  ambit_status status;   /* AMBIT_LIMIT ...: these had been found until then */
  uint32_t line, column; /* of the `!`, from 1 */
} ambit_results;
typedef bool ambit_on_results(void *arg, const ambit_results *results);

/* Runs a script in the top module: atoms are added to its space, `!` forms evaluated.
 * name is what messages call it. on_results may be NULL. A form that a limit stops does
 * not end the script; its status is that of the last such form. */
AMBIT_API ambit_status ambit_run(ambit *a, const char *name, const char *text,
                                 size_t length, ambit_on_results *on_results,
                                 void *arg);
AMBIT_API ambit_status ambit_run_file(ambit *a, const char *path,
                                      ambit_on_results *on_results, void *arg);

/* Evaluates one atom (without `!`) in the space of the top module, answer by answer.
 * Nothing runs before the first ambit_next; between two answers the program may use the
 * runtime for anything else, further queries too. NULL: the text is not one atom, or
 * memory is out. */
AMBIT_API ambit_query *ambit_ask(ambit *a, const char *text, size_t length);
AMBIT_API ambit_query *ambit_ask_term(ambit_heap *h, ambit_term t);
/* AMBIT_OK: *answer is the next one, valid until the query is used again. AMBIT_DONE:
 * there is none. Else something stopped it; it can only be closed then. */
AMBIT_API ambit_status ambit_next(ambit_query *q, ambit_term *answer);
AMBIT_API ambit_heap *ambit_query_heap(ambit_query *q);
/* At any time; the rest is not looked for. NULL is let pass. */
AMBIT_API void ambit_query_close(ambit_query *q);

/* The calls that an answer which is an Error was made in, the innermost first, each on a
 * line: `(f 3 (a b))`, what is long shortened to `...`, `_` for arguments that nobody needs
 * any more. ambit_none(): those that a limit has stopped, or in which the Error was made
 * that ended a script. "": they are not known, which is so of Errors that a program puts
 * together itself. Known until another script or query begins while none runs. Valid until
 * the next call. */
AMBIT_API const char *ambit_calls(ambit *a, ambit_term error);

/* ---- spaces ---------------------------------------------------------------------- */

AMBIT_API ambit_term ambit_top_space(ambit *a);
/* A new one, for as long as the runtime. */
AMBIT_API ambit_term ambit_make_space(ambit_heap *h);
/* AMBIT_MISUSE: space is none. Adding rules and types is adding atoms. */
AMBIT_API ambit_status ambit_add(ambit_heap *h, ambit_term space,
                                 ambit_term atom);
/* One atom that is equal; AMBIT_DONE: there is none. */
AMBIT_API ambit_status ambit_remove(ambit_heap *h, ambit_term space,
                                    ambit_term atom);
AMBIT_API size_t ambit_count(ambit_term space); /* atoms in it */

/* ---- operations and objects in C ----------------------------------------------------- */

/* What a call may do besides giving results. What it does not say it must not do:
 * evaluation may leave such calls out, repeat them or change their order. */
enum {
  AMBIT_PURE = 0,
  AMBIT_READS_SPACES = 1,
  AMBIT_READS_STATES = 2,
  AMBIT_WRITES_SPACES = 4,
  AMBIT_WRITES_STATES = 8,
  AMBIT_DOES_IO = 16,
  AMBIT_DOES_ANYTHING = 63
};

typedef enum ambit_outcome {
  AMBIT_GAVE, /* what ambit_give was called with, in this order; without such a
                       call: no result */
  AMBIT_NOT_MINE,   /* the call stays as data */
  AMBIT_GAVE_ERROR, /* (Error CALL TEXT), see ambit_give_error */
  AMBIT_NO_MEMORY   /* the form is stopped */
} ambit_outcome;

/* args are terms of the call's heap, evaluated if the type says so. It may ask queries of
 * the same runtime, if the thread is the one that uses the runtime. It must not close the
 * runtime, run a script, or jump out. */
typedef ambit_outcome ambit_function(ambit_call *call, const ambit_term *args,
                                     size_t n, void *data);

typedef struct ambit_operation {
  const char *name; /* a word that the language does not know yet */
  const char
      *type; /* "(-> Number Number)"; NULL: %Undefined%, arguments evaluated */
  int min_args, max_args; /* 0..60; with a type, max_args of it */
  unsigned effects;       /* AMBIT_PURE, or some of AMBIT_READS_SPACES ... */
  bool deterministic;     /* it never gives more than one result, nor none */
  ambit_function *function;
  void *data;
  void (*destroy)(void *data); /* when the runtime is closed; or NULL */
  /* With several evaluators it is called on any of them, one call of such functions at a
   * time. true: several at a time; it makes terms, takes them apart and gives results, and
   * calls nothing else of the runtime. */
  bool any_thread;
} ambit_operation;

/* Text that is read from now on knows the name. AMBIT_MISUSE: see ambit_message. */
AMBIT_API ambit_status ambit_register(ambit *a,
                                      const ambit_operation *operation);
AMBIT_API ambit_heap *ambit_call_heap(ambit_call *call);
AMBIT_API void ambit_give(ambit_call *call, ambit_term result);
AMBIT_API void ambit_give_error(ambit_call *call, const char *text);

/* C data as an atom: printed as NAME-0xNUMBER, of type NAME, equal to itself only. */
typedef struct ambit_class {
  const char *name;            /* one word; lives as long as the runtime */
  void (*destroy)(void *data); /* when the runtime is closed; or NULL */
} ambit_class;
AMBIT_API ambit_term ambit_make_object(ambit_heap *h, const ambit_class *kind,
                                       void *data);
/* NULL: no object, or one of another class. */
AMBIT_API void *ambit_get_object(ambit_term t, const ambit_class *kind);

/* ---- actors ---------------------------------------------------------------------------- */

/* A port is an actor of the embedding program. Actors of the runtime send to its atom, or to
 * its name, as to any other, and it sends to them. It is used by one thread at a time, which
 * need not be the one that uses the runtime: but for ambit_port_open and ambit_port_close,
 * the calls below that take a port may be made beside all others.
 *
 * On a port's heap terms are made and taken apart (ambit_make_..., ambit_get_..., ambit_name,
 * ambit_text ...), but not read, kept, nor added to spaces; they are gone with the next
 * ambit_take, ambit_post or ambit_reply of the port. Atoms of actors stay as long as the
 * runtime. ambit_message says nothing of these calls. */
typedef struct ambit_port ambit_port;

/* Something has come to a port whose messages had all been taken, or its end. Called by the
 * thread that sent it; it must not call the runtime. */
typedef void ambit_on_message(void *arg, ambit_port *p);

/* name, on_message: may be NULL. NULL: the name is taken, or memory is out. */
AMBIT_API ambit_port *ambit_port_open(ambit *a, const char *name,
                                      ambit_on_message *on_message, void *arg);
/* It ends as an actor does, normally. What was sent to it is lost. NULL is let pass; those
 * that are open are closed with the runtime. */
AMBIT_API void ambit_port_close(ambit_port *p);
AMBIT_API ambit_term ambit_port_term(ambit_port *p);
AMBIT_API ambit_heap *ambit_port_heap(ambit_port *p);
/* A file descriptor for poll and its like: readable until ambit_take has said that there is
 * nothing, and again when something has come; not to be read, and closed with the port. -1:
 * the system has none. */
AMBIT_API int ambit_port_file(ambit_port *p);

/* to: an actor, or a symbol that is the name of one. The message is copied. AMBIT_DONE: the
 * actor has ended. AMBIT_LIMIT: its mailbox is full. AMBIT_MISUSE: it is no actor, or the
 * message cannot be sent. AMBIT_MEMORY. */
AMBIT_API ambit_status ambit_post(ambit_port *p, ambit_term to,
                                  ambit_term message);
/* Answers (call ASKER ...), which `(call PORT ...)` has sent. */
AMBIT_API ambit_status ambit_reply(ambit_port *p, ambit_term asker,
                                   ambit_term value);
/* The oldest message. AMBIT_DONE: there is none. AMBIT_CANCELLED: none, and somebody has
 * killed the port. AMBIT_MEMORY: it is lost. */
AMBIT_API ambit_status ambit_take(ambit_port *p, ambit_term *message);

/* Lets actors run on the thread that uses the runtime, for so many seconds at most (below 0:
 * as long as it takes). With several evaluators they run meanwhile as well. AMBIT_OK: a
 * message has come to a port. AMBIT_DONE: no actor lives and no port is open, or all
 * actors wait and nobody can send them anything. AMBIT_LIMIT: time is over.
 * AMBIT_CANCELLED, AMBIT_EXIT, AMBIT_MEMORY. */
AMBIT_API ambit_status ambit_serve(ambit *a, double seconds);

#ifdef __cplusplus
}
#endif
#endif
