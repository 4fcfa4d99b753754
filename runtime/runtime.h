// The Runtime object: everything mutable hangs off it.
//
// Two runtimes in one process share nothing but immutable tables. Who may use one at the
// same time is in guard.h.
#ifndef AMBIT_RUNTIME_RUNTIME_H
#define AMBIT_RUNTIME_RUNTIME_H

#include <semaphore.h>
#include <stdio.h>

#include "memory/atomic.h"
#include "memory/tally.h"
#include "runtime/atoms/collections.h"
#include "runtime/atoms/mention.h"
#include "runtime/atoms/printer.h"
#include "runtime/atoms/reader.h"
#include "runtime/atoms/store.h"
#include "runtime/atoms/symbol.h"
#include "runtime/builtins/host.h"
#include "runtime/library/boot.h"
#include "runtime/spaces/space.h"
#include "runtime/spaces/state.h"

typedef struct Progress {  // of something that may take long
  const char *what;        // the file that is read
  uint64_t count;          // facts so far
  uint64_t done, all;      // bytes of the file; all 0: not known
  double seconds;          // since it began
  bool over;
} Progress;

typedef struct Host {  // what the embedding program provides
  void *arg;
  // Program output (println! and results). False: output is closed.
  bool (*write)(void *arg, const char *text, size_t len);
  // Diagnostics (trace!, warnings).
  void (*note)(void *arg, const char *text, size_t len);
  // How far loading a file has come, many times a second; may be NULL.
  void (*progress)(void *arg, const Progress *now);
  // A form is stopped, or an Error is made: see calls.h. On the thread that evaluates; may
  // be NULL.
  void (*failed)(void *arg, Context *cx, Value call);
  // A script adds an atom that stands there. On the thread that runs it; may be NULL.
  void (*added)(void *arg, const char *script, Position at, const Template *t);
  // Does the process take more than so many bytes, with all that malloc could give back
  // given back? May be NULL: what is counted is believed.
  bool (*takes_more)(void *arg, size_t bytes);
  // The program is about to wait, for input or a message: what it has written is to be
  // seen. May be NULL.
  void (*waits)(void *arg);
} Host;

typedef struct Tables Tables;        // what calls gave, see tables/table.h
typedef struct CodeState CodeState;  // tier 1's definitions and units

typedef struct ReadLog {  // what is asked of spaces, see spaces/reads.h
  struct Read *at;
  size_t n, cap;
  size_t from;    // of the newest who wants to know
  size_t untidy;  // entries from there on, before it is tidied
  bool open;      // somebody wants to know
  bool failed;    // memory was out, or something that was read has changed
} ReadLog;

// What there was behind the last look for cells that nothing refers to (cells.h).
typedef struct CellsSeen {
  size_t cells;  // bytes of cells
  size_t held;   // ... and of all terms, with which what they hold grows
} CellsSeen;

struct Runtime {
  SymbolTable *symbols;
  uint32_t own_symbols;  // those that are there before anything is read
  Store *store;
  Words *words;  // that stand for something else in every module
  Host host;
  AMB_ATOMIC(CellHeader *) cells;   // [all] all cells, newest first
  AMB_ATOMIC(size_t) x_cell_bytes;  // [all~] that they take, about
  AMB_ATOMIC(uint32_t) x_numbered;  // [all~] cells that got a number
  CellsSeen cells_seen;             // [own] when they were looked for ...
  CellsSeen circles_seen;           // [own] ... and those in circles
  bool was_short;  // [own] the last form was stopped for want of memory
  AMB_ATOMIC(size_t)
  x_evaluated;         // [all~] spaces that began to be evaluated in
  size_t spaces_soft;  // [own] how many of them there are when code leaves them
  uint32_t cell_mark;  // [own] of what was seen last time
  Space *shrunk;       // spaces with removed rules and types
  struct Sharing *sharing;  // [init] NULL: one evaluator has all, see guard.h
  unsigned guards;          // [lock:guard] how often the guard is taken
  const struct Crew *crew;  // who runs several evaluations, or NULL: nobody
  void *actors;             // of scheduler/actor.h, or NULL
  const struct ActorTable
      *actor_table;               // what they can do; NULL: there are none
  AMB_ATOMIC(uint64_t) x_deltas;  // [all] numbers of what journals keep
  AMB_ATOMIC(uint64_t) x_spaces;  // [all] numbers of spaces given so far
  struct Mutexes *mutexes;        // of scheduler/mutex.c, or NULL
  const struct MutexTable *mutex_table;  // what is done with them, or NULL
  Template *op_types;             // parsed types of builtins, OP_COUNT entries
  HostOps host_ops;               // operations of the embedding program
  struct Modules *modules;        // loaded modules, see module.h
  Space *corelib;                 // space of the core library
  const BootImage *boot;          // what it was opened from, or NULL: text
  BootLoaded *booted;             // its modules
  int tier;                       // 0 or 1
  AMB_ATOMIC(bool) x_type_check;  // [lock>all] pragma type-check auto
  bool bare_minimal;  // [lock:guard] pragma interpreter bare-minimal
  bool free_order;  // [init] results of branches and parts come as they arrive
  bool explain;     // [init] note how each match looks for its atoms
  Limits limits;    // [lock:guard] defaults for each form
  const struct Tracer *tracer;  // [own] who follows each call, or NULL: nobody
  AMB_ATOMIC(const struct Watch *) x_watch;  // [own>all] who looks, or NULL
  Collections collections;                   // what the collector did so far
  Tally tally;                     // what the thread did that runs the forms
  AMB_ATOMIC(uint32_t) x_cancel;   // [all] set from outside to stop the form
  AMB_ATOMIC(sem_t *) x_bell;      // [all] who sleeps in the runtime, or NULL
  AMB_ATOMIC(bool) x_nan;          // [all] there has been a NaN (match.c)
  AMB_ATOMIC(bool) x_parsed_vars;  // [all] parse has made variables
  AMB_ATOMIC(uint64_t)
  x_type_changes;   // [lock>all] how often what gives types
                    // was changed; the guard's
  unsigned guests;  // queries and heaps of the embedding program that are open
  uint64_t rng_state;  // default random generator
  char **argv;         // (args): strings after FILE
  int argc;
  Mentions mentions;  // what read text can use as data
  CodeState *code;    // tier 1; NULL in tier 0
  Tables *tables;
  ReadLog reads;
  bool tabling;  // [lock:guard] pragma tabling auto
  AMB_ATOMIC(uint64_t)
  x_rule_changes;  // [lock>all] how often what `=`, `:` and
                   // `:<` say was changed; the guard's
  // Memory is short: gives so many bytes back. False: there is nothing to give.
  bool (*give_memory)(Runtime *rt, size_t bytes);
  // Tier 1: what a call means has changed, beside its rules and types.
  void (*calls_changed)(Runtime *rt);
  // Tier 1: is an expression with this head (dereferenced; no operation, no
  // variable) data in the context space, that is, has the head no rules and no
  // types? The code's epoch tells when that changes.
  bool (*is_data_head)(Context *cx, Value head);
  // Tier 1: is the atom sure not to change rules or types when it is evaluated in the
  // context space?
  bool (*keeps_rules)(Context *cx, Value atom);
  // Called before a change of a `=`, `:` or `:<` atom in a context space.
  void (*rules_changed)(Runtime *rt, Space *s, Value atom);
};

Runtime *ambi_runtime_open(const Host *host, int tier);
// The same with the image given; NULL: the core library is read as text.
Runtime *ambi_runtime_open_from(const BootImage *boot, const Host *host,
                                int tier);
// Is the core library as it was when the runtime was opened from an image?
bool ambi_runtime_core_unchanged(const Runtime *rt);
void ambi_runtime_close(Runtime *rt);
// The form that runs is to stop. Any thread, and signal handlers.
static inline void ambi_runtime_cancel(Runtime *rt) {
  ambi_store_release(&rt->x_cancel, 1);
  sem_t *bell = ambi_load_acquire(&rt->x_bell);
  if (bell) sem_post(bell);
}
// Nothing on this thread's heaps is needed any more: frees what was removed and given
// up, as far as others do not need it.
void ambi_runtime_quiesce(Runtime *rt);
// Symbols, store, spaces, states and code hold together.
bool ambi_runtime_is_valid(const Runtime *rt, const char **why);
// Under the guard. Who reads one of the counts and then what it counts has not missed a
// change as long as the count stays.
static inline void ambi_runtime_rules_changed(Runtime *rt) {
  ambi_store_release(&rt->x_rule_changes,
                     ambi_load_relaxed(&rt->x_rule_changes) + 1);
}
static inline void ambi_runtime_types_changed(Runtime *rt) {
  ambi_store_release(&rt->x_type_changes,
                     ambi_load_relaxed(&rt->x_type_changes) + 1);
}
// A new cell is numbered and linked into the runtime, and freed with it at the latest
// (cells.h). Any thread. Without a number: what prints a name of its own, or is met by no
// program, of which there may be more in one tier than in another.
void ambi_runtime_add_cell(Runtime *rt, CellHeader *c);
void ambi_runtime_keep_cell(Runtime *rt, CellHeader *c);

typedef struct HostObject {  // CELL_HOST: data of the embedding program
  CellHeader cell;
  const void *kind;  // tells its objects apart
  const char *name;  // the kind's, static
  Value type;        // a symbol
  void *data;
  void (*destroy)(void *data);  // when the runtime is closed; or NULL
} HostObject;

#endif
