// Spaces: multisets of atoms with on-demand hash indexes (semantics section 6).
//
// Atoms are kept in insertion order in one relation per (head symbol, size);
// other atoms (symbols, grounded, variable-headed, ...) in a few relations of
// their own. Any argument position, and positions inside of argument
// expressions, get a hash index when a query first can use it.
// A query collects its candidates at once, in insertion order: a snapshot.
//
// A record that was handed out stays right as long as the store keeps its atom: until
// the next quiescent point, also after removal, unless a collection finds that nothing
// leads to it. Rules and types are kept until then in any case, where code may run them.
// What holds when several threads use a space is in share.h.
#ifndef AMBIT_RUNTIME_SPACE_H
#define AMBIT_RUNTIME_SPACE_H

#include "memory/atomic.h"
#include "runtime/atoms/match.h"
#include "runtime/atoms/printer.h"
#include "runtime/spaces/record.h"

// Has something been evaluated in it? Then changes of its rules invalidate code.
enum SpaceContext {
  CONTEXT_NEVER,
  CONTEXT_LEFT,  // yes, but no code refers to it any more
  CONTEXT_OF_CODE
};

struct Space {
  CellHeader cell;  // CELL_SPACE: a Space is a cell, its Value is the cell word
  Runtime *rt;
  AMB_ATOMIC(uint64_t)
  x_number;  // [lock>all] no other space has it; another one when a relation is
             // replaced
  char *name;      // "GroundingSpace-top" style name, or NULL (anonymous)
  bool is_module;  // prints as ModuleSpace(name); queries reach deps
  AMB_ATOMIC(uint8_t) x_context;   // [all] enum SpaceContext
  AMB_ATOMIC(bool) x_holds_cells;  // [all] atoms of it did, at least
  // imported module spaces, in import order, flattened
  AMB_ATOMIC(Space **) x_deps;  // [lock>all] the guard's, as what follows
  AMB_ATOMIC(size_t) x_ndeps;   // [lock>all]
  // library heads that give way: symbol ids, see below
  AMB_ATOMIC(uint32_t *) x_yields;  // [lock>all]
  AMB_ATOMIC(size_t) x_nyields;     // [lock>all]
  size_t deps_cap, yields_cap;      // [lock:guard]
  AMB_ATOMIC(uint64_t) version;     // [lock>all] counts changes
  AMB_ATOMIC(uint64_t)
  x_ruled;            // [lock>all] those of rules and types; grows
                      // before and after each. The guard's
  struct Twin *twin;  // [init] what it is a twin of (twin.h), or NULL
  Space *twins;       // [lock:guard] the twins it has
  AMB_ATOMIC(struct SpaceData *) x_data;  // [lock>all] relations and indexes
  struct SpaceWriter *writer;             // [init] what belongs to changes
  Space *next_shrunk;  // in the runtime's list of those with removed rules
  bool shrunk;         // is in that list; by a thread that is alone
};

// Both only grow, and what is there stays: the number first.
static inline size_t ambi_space_ndeps(const Space *s) {
  return ambi_load_acquire(&s->x_ndeps);
}
static inline Space *ambi_space_dep(const Space *s, size_t i) {
  return ambi_load_acquire(&s->x_deps)[i];
}
static inline bool ambi_space_has_dep(const Space *s, const Space *dep) {
  for (size_t i = 0, n = ambi_space_ndeps(s); i < n; i++)
    if (ambi_space_dep(s, i) == dep) return true;
  return false;
}
static inline size_t ambi_space_nyields(const Space *s) {
  return ambi_load_acquire(&s->x_nyields);
}
static inline bool ambi_space_is_context(const Space *s) {
  return ambi_load_acquire(&s->x_context) != CONTEXT_NEVER;
}
static inline bool ambi_space_has_code(const Space *s) {
  return ambi_load_acquire(&s->x_context) == CONTEXT_OF_CODE;
}
void ambi_space_begin_evaluating(Space *s);
void ambi_space_leave(Space *s, enum SpaceContext now);  // no code refers to it
static inline void ambi_space_evaluates(Space *s) {
  if (!ambi_space_has_code(s)) ambi_space_begin_evaluating(s);
}

// Odd, and no other space has or will have it; what has a name stays.
static inline Word ambi_space_identity(const Space *s) {
  Word w = s->name ? (Word)(uintptr_t)s : s->cell.number;
  return w << 1 | 1;
}
static inline Space *ambi_space_of(Value v) {
  return (Space *)ambi_ptr(v);
}
static inline Value ambi_space_value(Space *s) {
  return ambi_tag_ptr(TAG_CELL, s);
}

// name: copied; NULL for an anonymous space. Freed when nothing refers to it
// (runtime/cells.h).
Space *ambi_space_open(Runtime *rt, const char *name, bool is_module);
// By who frees cells: it has no atoms any more, and is only to be freed.
void ambi_space_empty(Space *s);
void ambi_space_free(Space *s);
bool ambi_space_add(Space *s, Value atom);  // copies; false: memory
// Takes the term over; it stays the caller's when false is returned. The hook
// rt->rules_changed sees the stored atom, with LVAR words.
bool ambi_space_add_template(Space *s, Template *t);
// Adds ground atoms that lie in the store, with a use of the store each, as Templates
// without variables would be. Many of one head and size behind one another cost least.
// How many were added; fewer than n: memory is out, the others stay the caller's.
size_t ambi_space_append(Space *s, const Value *atoms, size_t n);
// The same of plain atoms (ambi_is_plain) with the same head and size, all of them or
// none, with room at once for `more` that will follow.
bool ambi_space_append_alike(Space *s, const Value *atoms, size_t n,
                             size_t more);
// Is the stored atom an expression with a symbol as head, and one that has no say in
// what is evaluated? Then all are with this head and size.
bool ambi_is_plain(Value atom);
// Takes back the n atoms that came last, which nobody has asked for yet, when a larger
// addition could not be finished. Where other threads may be looking: of this batch.
void ambi_space_take_back(Space *s, size_t n);
// Several changes that other threads see at once, or nothing of; they wait until these
// are done if they want to change something as well. No change is taken back when a
// later one fails. May be nested.
void ambi_space_begin(Space *s);
void ambi_space_commit(Space *s);
// Removes one equal copy (oldest first). *found tells. False: memory.
bool ambi_space_remove(Space *s, Value atom, bool *found);
size_t ambi_space_count(const Space *s);  // own atoms
// Another number than before once an atom has come or gone, here or in a dep, that a
// pattern of n children with this head could match. A head that is no symbol: any
// atom. Library heads that give way (see below) may change without it.
uint64_t ambi_space_version(const Space *s, Value head, uint32_t n);
// Adds every own atom, oldest first.
bool ambi_space_atoms(Space *s, RecordVec *out);
// The same as cx sees them.
bool ambi_space_atoms_for(Context *cx, Space *s, RecordVec *out);
// Candidates for the pattern (a heap term): a superset of the records that
// unify with it, filtered by the best index; own atoms, then those of deps.
bool ambi_space_query(Context *cx, Space *s, Value pattern, RecordVec *out);
// Rules `(= lhs rhs)` whose lhs could match (head a1 .. an): lhs is an
// expression of n+1 children with that head or a variable head, or a variable.
// head AMB_NONE or an expression: expression-headed calls; a variable: all of
// that size; a key of expressions (ambi_term_key): calls with such a head, which counts as
// one of the arguments. Atoms with a variable in the place of `=` count as well.
bool ambi_space_rules(Space *s, Value head, uint32_t nargs, RecordVec *out);
bool ambi_space_has_rules(Space *s, Value head, uint32_t nargs);
// Stored `(: t T)` whose t could match the atom, own and of deps.
bool ambi_space_types(Space *s, Value atom, RecordVec *out);
// The records of (head atom $x), where that is one of `:`, `:<` and the like: as cx sees
// them where it looks at rules and types itself, else as code does.
bool ambi_space_told(Context *cx, Space *s, Value head, Value atom,
                     RecordVec *out);
// Puts down how such a question is answered: goals, indexes, numbers of atoms. False:
// memory is out, or a limit was met.
bool ambi_space_plan(Context *cx, Space *s, Value pattern, Buffer *out);
// The same for who looks at the program (Host.note).
void ambi_space_explain(Context *cx, Space *s, Value pattern);
bool ambi_space_add_dep(Space *s, Space *dep);  // no-op when already there
// Registers a symbol of a library space that gives way: as long as the space
// that asks, or another of its deps that does not yield it too, has a rule or
// a type for the symbol, s's own rules and types of it are not seen from there
// (by query, rules and types alike).
bool ambi_space_yield(Space *s, uint32_t symbol);
// Every atom is whole, in its relation, and counted.
bool ambi_space_is_valid(const Space *s, const char **why);
void ambi_spaces_quiesce(Runtime *rt);  // frees removed rules and types
void ambi_spaces_leave(Runtime *rt);    // the same where no code may run them

// One solution of a query: the instantiated values, as bindings on the trail.
// Unifies the pattern with the record; on failure undoes what it bound.
bool ambi_record_unify(Context *cx, Record r, Value pattern);
// The same where a step asks for a new variable x by the pattern (= CALL x). It stands
// for no other one. On failure what was bound is left to be undone.
bool ambi_record_answers(Context *cx, Record r, Value call, Value x);
// The same for a flat pattern: its children as they are now, AMB_NONE where a
// variable is seen first; what the record has there is put into out, and fresh[i] if
// that is an unbound variable, which only an open record has.
bool ambi_space_query_items(Context *cx, Space *s, const Value *items,
                            uint32_t n, RecordVec *out);
// The children of a flat pattern, dereferenced, AMB_NONE where a variable is seen first.
typedef struct FlatAsk {
  const Value *items;
  uint32_t n;
  uint32_t known,
      last;       // how many behind the head are known, and the last of them
  uint32_t vars;  // how many are unbound variables
} FlatAsk;
static inline void ambi_flat_note(FlatAsk *a, uint32_t i, Value v) {
  if (ambi_is_var(v)) {
    a->vars++;
  } else {
    a->known++;
    a->last = i;
  }
}
static inline FlatAsk ambi_flat_ask(const Value *items, uint32_t n) {
  FlatAsk a = {.items = items, .n = n};
  for (uint32_t i = 1; i < n; i++)
    if (!ambi_is_none(items[i])) ambi_flat_note(&a, i, items[i]);
  return a;
}
// Tells at once, where that is easy, which one atom matches them: *out, which has no
// variables, or none. Binds those of the children; some may be bound when none matches.
// FACT_CANDIDATE: nothing is bound, and no other atom than *out can match; it may have
// variables, and need not match. FACT_ASK: that is to be asked for as candidates are.
enum FactAnswer {
  FACT_NONE,
  FACT_ONE,
  FACT_CANDIDATE,
  FACT_SEVERAL,  // of ambi_fact_there
  FACT_ASK
};
enum FactAnswer ambi_space_fact(Context *cx, Space *s, const FlatAsk *a,
                                Record *out);
// The same for a pattern of any kind, whose variables are bound; never a candidate.
enum FactAnswer ambi_space_fact_like(Context *cx, Space *s, Value pattern);
// Where the answer to such a question was, whose argument `arg` alone is known: kept by
// who asks again and again with other values of it, each thread by itself, also while it
// is outside of the epochs. What changes meanwhile is noticed.
typedef struct FactPlace {
  uint64_t space;  // its number; 0: there is no such place
  // As long as the space has that number:
  const struct SpaceData *data;
  struct Relation *relation;
  size_t deps;  // relations of the space's deps
  uint32_t arg;
} FactPlace;
// False: such questions have to be asked as others are.
bool ambi_fact_place(const Context *cx, Space *s, const FlatAsk *a,
                     FactPlace *out);
// The children of the one fact with this value of the argument, which is dereferenced.
// FACT_SEVERAL: all of them are in `several`, in order, and nothing else; what is there
// after other answers means nothing.
enum FactAnswer ambi_fact_there(const Context *cx, const Space *s,
                                const FactPlace *p, Value key,
                                const Value **parts, RecordVec *several);
// One of them as the value of a variable that was unbound, and may have got one meanwhile.
bool ambi_fact_take(Context *cx, Value var, Value part);
bool ambi_record_unify_items(Context *cx, Record r, const Value *items,
                             uint32_t n, const Value *fresh, Value *out);
// Every solution of a pattern, conjunctions `(, p1 .. pn)` included, in order.
// vars: the distinct unbound variables of the pattern. values: for each
// solution, vars->n values (resolved; an unbound variable stands for itself).
// All bindings are undone again; to take a solution, unify vars with values.
bool ambi_space_solve(Context *cx, Space *s, Value pattern, ValueVec *vars,
                      ValueVec *values, size_t *nsolutions);

#endif
