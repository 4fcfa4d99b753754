// States: cells that hold one atom, which may be replaced.
//
// PROTOCOL state
//   what      State.x_value, one word that is all a state holds: a ground atom itself, or
//             the address of a Template (as in a Record); x_version counts its changes
//   writer    anybody. A commit of several states (PROTOCOL journal) freezes them first: its
//             word leads to a Template with TMPL_FROZEN, and nobody else changes it then,
//             nor asks for its value
//   readers   everybody
//   publish   alone a store, together an exchange or compare-exchange of x_value, behind
//             all that it leads to; then one is added to x_version
//   observe   one acquire load of x_value
//   why safe  a word is seen whole, and so is what it leads to. Together no room of the
//             store is used again, so the same word is the same atom, and who finds the
//             word that it has read may replace it as if nobody had been there meanwhile
//   waits     who changes a frozen state or asks for its value, for the guard, which the
//             commit has; else nobody. Who compares or prints sees the value before
//   lifetime  the atom that was replaced is given up; the store frees nothing while there
//             are several threads, and alone nothing that a heap points to
//   weaker?   a relaxed load is rejected: an atom could be seen before its words. Two
//             words, for the atom and its variables, are rejected: they could be of two
//             values
//   test      tests/unit/together_test.c and linear_test.c, also under tsan and with noise
#ifndef AMBIT_RUNTIME_STATE_H
#define AMBIT_RUNTIME_STATE_H

#include "memory/atomic.h"
#include "runtime/spaces/record.h"

typedef struct State {  // CELL_STATE
  CellHeader cell;
  AMB_ATOMIC(Word) x_value;  // [all] a Record
  AMB_ATOMIC(uint64_t)
  x_version;  // [all] another one than before: it was changed
  AMB_ATOMIC(bool)
  x_cast;  // [all] it has held what may not pass as its type; set in front of that
  Template type;  // [init] the fixed T of (StateMonad T)
} State;

static inline State *ambi_state_of(Value v) {
  return (State *)(void *)ambi_cell(v);
}
// What it holds. Several looks may find several values.
static inline Record ambi_state_record(const State *s) {
  return (Record){AMB_V(ambi_load_acquire(&s->x_value))};
}
static inline uint64_t ambi_state_version(const State *s) {
  return ambi_load_acquire(&s->x_version);
}
// The value, if it has no variables and no commit is about to change it, else AMB_NONE.
static inline Value ambi_state_ground(const State *s) {
  Record r = ambi_state_record(s);
  if (AMB_LIKELY(!ambi_record_open(r))) return r.held;
  const Template *t = ambi_record_kept(r);
  return t->nvars || t->flags & TMPL_FROZEN ? AMB_NONE : t->atom;
}
// The value on the heap, its variables new. AMB_NONE: memory is out.
Value ambi_state_instance(Context *cx, const State *s);
// Is it equal to itself? Not with a NaN inside; but what holds cells may hold itself.
bool ambi_state_is_itself(const State *s);
// The type that a value has to pass as. AMB_NONE: memory is out.
Value ambi_state_type(Context *cx, const State *s);

// NULL: memory is out. Linked into the runtime.
State *ambi_state_open(Runtime *rt, Value value, Value type);
void ambi_state_free(Runtime *rt, State *s);
// It holds nothing any more, and is only to be freed.
void ambi_state_empty(Runtime *rt, State *s);
// False: memory is out.
bool ambi_state_change(Runtime *rt, State *s, Value value);
// What it holds when no commit is about to change it.
Record ambi_state_settled(Runtime *rt, const State *s);
// A value as a state would hold it. False: memory is out.
bool ambi_state_make(Runtime *rt, Value value, Record *out);
// For commits, together and with the guard: nobody else changes it until it is thawed.
// False: it does not hold what was read, or memory is out.
bool ambi_state_freeze(Runtime *rt, State *s, Record read);
void ambi_state_thaw(Runtime *rt, State *s, Record read);
// Gives one that is frozen, or any where one evaluation has all, what ambi_state_make
// made of the value.
void ambi_state_put(Runtime *rt, State *s, Record read, Record new);
// It is going to hold this, which may be no value of its type.
void ambi_state_note_type(State *s, Value value);
// Changes it if it still holds what was read from it (settled): *done.
bool ambi_state_replace(Runtime *rt, State *s, Record read, Value value,
                        bool *done);

// Does a value pass as the type a state has, without asking the type checker?
static inline bool ambi_state_takes(const State *s, Value v) {
  Value t = s->type.atom;
  if (ambi_is_lvar(t)) return true;
  if (ambi_is_unit(v)) return t.w == AMB_SYM(UNDEFINED).w;
  if (ambi_is_number(v)) return t.w == AMB_SYM(T_NUMBER).w;
  if (ambi_is_bool(v)) return t.w == AMB_SYM(T_BOOL).w;
  return ambi_is_str(v) && t.w == AMB_SYM(T_STRING).w;
}
// Does a value of this type, a symbol, pass as what the state holds? Whatever it is
// passes as %Undefined%.
static inline bool ambi_state_is_of(Value state, Value type, bool exactly) {
  Value t = ambi_state_of(state)->type.atom;
  bool any = ambi_same(type, AMB_SYM(UNDEFINED));
  if (ambi_is_lvar(t)) return any || !exactly;
  if (ambi_same(t, type)) return true;
  return any && !exactly && !ambi_same(t, AMB_SYM(T_ATOM)) &&
         !ambi_same(t, AMB_SYM(T_EXPRESSION));
}

#endif
