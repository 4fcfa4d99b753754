// Snapshots: atoms in a file that is used as its bytes are, see docs/snapshot.md.
//
// A file is terms, laid out as the chunks of a store, and behind them tables: of symbols
// and operations, of which atom is where, and, of a compiled program, of what to do
// with the atoms and the text they were read from. Whatever a file says is checked before
// it is used; the hash finds accidents, and the check of each word the rest.
#ifndef AMBIT_RUNTIME_SNAPSHOT_H
#define AMBIT_RUNTIME_SNAPSHOT_H

#include "memory/mapping.h"
#include "runtime/loading/facts.h"
#include "runtime/runtime.h"

#define SNAPSHOT_MAGIC \
  "\x89"               \
  "ambit\r\n"
enum {
  SNAPSHOT_VERSION = 1,
  SNAPSHOT_CHUNK = STORE_CHUNK_WORDS * 8,
  SNAPSHOT_ORDER = 0x01020304  // as a little-endian machine writes it
};

typedef struct SnapshotHead {  // the first words of the file
  char magic[8];
  uint32_t version, order;
  uint64_t bytes;  // of the file
  uint64_t hash;   // see ambi_snapshot_hash
  uint64_t base;   // where the words that refer to terms believe the file to be
  uint64_t nwords;  // of terms, heads of chunks included
  uint64_t reserved[2];
} SnapshotHead;
_Static_assert(sizeof(SnapshotHead) == STORE_CHUNK_FIRST * sizeof(Word),
               "the head fills what is left free in the first chunk");

// Behind the terms. The tables follow in this order, each begins at a whole word.
typedef struct SnapshotTail {
  uint64_t nsymbols;    // SnapshotName, ids ascending
  uint64_t nops;        // SnapshotName
  uint64_t natoms;      // uint32_t: the word where each begins
  uint64_t nsteps;      // SnapshotStep
  uint64_t nmentions;   // uint32_t: symbols, see mention.h
  uint64_t name_bytes;  // texts of symbols and operations, one behind the other
  uint64_t source_bytes;  // text of the program
  uint64_t title_bytes;   // its name
  // Of operations in the text, see mention.h; in the upper half: of those that may be
  // taken for data.
  uint64_t effects;
  uint64_t kind;  // enum SnapshotKind
} SnapshotTail;
enum SnapshotKind { SNAPSHOT_SPACE, SNAPSHOT_PROGRAM };

typedef struct SnapshotName {
  uint32_t id;   // in words of terms
  uint32_t len;  // of its text
} SnapshotName;

// What a program does next with its atoms: evaluates the next one, or adds some.
typedef struct SnapshotStep {
  uint64_t offset;  // in the text
  uint32_t line, column;
  uint32_t natoms;  // to be added; 0: the next is a form
  uint32_t unused;
} SnapshotStep;

// In terms, an object of KIND_VEC is an atom that needs more than its expression:
// of 1 word an atom without variables; of 3 + n words a Template and the names of its n
// variables. The space that is saved is the cell at address 0.
#define SNAPSHOT_SELF AMB_V(AMB_TAGGED(TAG_CELL, 0))
enum { SNAPSHOT_TEMPLATE = sizeof(Template) / sizeof(Word) };

// The hash goes on over pieces: the chunks of terms, the first without the head; what is
// behind the terms, in pieces as long as a chunk; and the head with 0 for the hash.
uint64_t ambi_snapshot_hash(uint64_t hash, const void *bytes, size_t n);
// That of a file, whose head is given, as its bytes are.
uint64_t ambi_snapshot_hash_file(const SnapshotHead *head, const char *bytes);
static inline size_t ambi_snapshot_padded(size_t n) {
  return (n + 7) & ~(size_t)7;
}

// ---- writing (snapshot_write.c) ---------------------------------------------------
typedef struct SnapshotWriter SnapshotWriter;
// Begins a file beside `path`, which takes its place in ambi_snapshot_finish. self: the
// space that is saved. NULL with cx->message or cx->stop.
SnapshotWriter *ambi_snapshot_begin(Context *cx, const char *path, Space *self);
// Adds an atom. False with cx->message or cx->stop.
bool ambi_snapshot_put(SnapshotWriter *w, const Template *t);
// The next atoms are added, or (form) the next one is evaluated.
bool ambi_snapshot_step(SnapshotWriter *w, Position at, bool form);
typedef struct SnapshotSource {  // of a program
  const char *title, *text;
  size_t title_len, len;
} SnapshotSource;
// Writes the tables and puts the file in its place; source NULL: a space. False as above.
// Closes the writer in any case.
bool ambi_snapshot_finish(SnapshotWriter *w, const SnapshotSource *source);
void ambi_snapshot_abandon(SnapshotWriter *w);
uint64_t ambi_snapshot_written(const SnapshotWriter *w);  // atoms

// ---- reading (snapshot_file.c, snapshot_read.c, snapshot_check.c) -----------------
// Atoms that stand one behind the other in the file.
typedef struct SnapshotRun {
  size_t first;  // of them; the next run's says where it ends
  bool alike;  // all are ground expressions of one size with one symbol as head
} SnapshotRun;

typedef struct Snapshot {
  Runtime *rt;
  const char *path;
  Mapping map;
  SnapshotHead head;
  SnapshotTail tail;
  const SnapshotName *symbols, *ops;
  const uint32_t *atoms, *mentions;
  const SnapshotStep *steps;
  const char *names, *source, *title;
  uint32_t *symbol_ids;  // by id in the file; NULL: as they are
  size_t nids;           // ids in the file are below
  uint32_t *op_ids;      // likewise
  size_t nop_ids;
  uint32_t *live;  // of each chunk, for the store
  size_t nchunks;
  SnapshotRun *runs;
  size_t nruns, runs_cap;
  bool adopted;     // the terms are the store's
  const char *why;  // what is wrong with the file
} Snapshot;

// Is there a snapshot at that path, as its first bytes say?
bool ambi_snapshot_is(const char *path);
// The file in memory, its hash looked at. False: s->why, cx->stop or *why, an errno.
bool ambi_snapshot_read(Context *cx, Snapshot *s, int *why);
// Reads, checks and takes over what the file holds; its terms belong to the store then.
// self: what the saved space stands for. False with cx->message or cx->stop.
bool ambi_snapshot_open(Context *cx, Snapshot *s, const char *path,
                        enum SnapshotKind kind, Value self);
void ambi_snapshot_close(Snapshot *s);
// Atom i as a record of the store.
Record ambi_snapshot_record(const Snapshot *s, size_t i);
// The same, of a run of atoms that are alike.
Value ambi_snapshot_expression(const Snapshot *s, size_t i);
// Checks all words of terms, makes them what they mean here, and finds the runs of
// atoms. False: s->why, or memory is out.
bool ambi_snapshot_check(Snapshot *s, Value self);

// Adds n atoms from `at` on. How many were added; fewer than n: cx->stop, the others
// are given back.
size_t ambi_snapshot_add(Context *cx, const Snapshot *s, Space *into, size_t at,
                         size_t n);

// ---- spaces (snapshot_space.c) ----------------------------------------------------
bool ambi_space_save(Context *cx, Space *from, const char *path,
                     uint64_t *count);
bool ambi_space_load(Context *cx, Space *into, const char *path,
                     uint64_t *count);

// ---- programs (program.c) ---------------------------------------------------------
// Reads the text of a program, without running anything of it, and writes it as a
// program to a file. The words of `tokens` stand for what they stand for; `self` is the
// space that is &self. False with cx->message or cx->stop, or with error->message.
bool ambi_program_compile(Context *cx, Tokens *tokens, Space *self,
                          const SnapshotSource *source, const char *path,
                          ReadError *error);

// How far a compiled program has been run.
typedef struct CompiledRun {
  const Snapshot *s;
  size_t step, atom;  // the next ones
  // Symbols that stand for something else since, by id: atoms with them are read
  // again.
  uint8_t *special;
  size_t nspecial;
  size_t ntokens;  // entries that were looked at
  bool any;        // everything is read again
} CompiledRun;

void ambi_program_open(CompiledRun *p, const Snapshot *s);
void ambi_program_close(CompiledRun *p);
// Must the atoms of the next step be read again, as the tokens are now?
bool ambi_program_is_stale(CompiledRun *p, Tokens *tokens, Value self);
// Goes on to the next step; its atoms begin at *atom. False: that was the last.
const SnapshotStep *ambi_program_next(CompiledRun *p, size_t *atom,
                                      size_t *natoms);
// Where the text of the step just taken ends.
size_t ambi_program_end(const CompiledRun *p);

#endif
