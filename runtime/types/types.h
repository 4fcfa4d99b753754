// The type checker all tiers share (semantics 7.3, 7.5 and section 8).
//
// Types are atoms. Every routine is iterative over the depth of atoms and binds
// type variables (and variables of the program inside types) through the trail.
#ifndef AMBIT_RUNTIME_TYPES_H
#define AMBIT_RUNTIME_TYPES_H

#include "runtime/spaces/space.h"

typedef struct TypeItem {
  Value type;        // with fresh variables
  bool is_function;  // (-> ...) with at least a result
  bool is_error;     // then `error` is the (Error ...) atom
  Value error;
} TypeItem;
typedef struct TypeVec {
  TypeItem *at;
  size_t n, cap;
} TypeVec;
void ambi_types_drop(TypeVec *v);

// get_types(a), 8.2: appended in order; nothing for an undeclared atom.
bool ambi_get_types(Context *cx, Space *s, Value atom, TypeVec *out);
// As get_types, but one %Undefined% item instead of nothing.
// The types of the head of a call with so many arguments; last: the last of them,
// or () if it does not matter.
bool ambi_head_types(Context *cx, Space *s, Value head, uint32_t nargs,
                     Value last, TypeVec *out);
bool ambi_get_types_or_undefined(Context *cx, Space *s, Value atom,
                                 TypeVec *out);
// match_types(x, y), 7.3: binds on success; undoes its bindings on failure.
bool ambi_match_types(Context *cx, Value x, Value y);
Value ambi_metatype(Value atom);  // symbol Value: Symbol, Variable, ...
bool ambi_is_metatype(Value type);
bool ambi_is_function_type(Value type);  // (-> .. R)
// Does the argument pass the parameter whatever its type is?
bool ambi_takes_untyped(Value formal, Value arg);

// type_cast(a, T, S), 7.3. True: a passes (bindings made). False: one
// (Error a (BadType T t)) per type in errors.
bool ambi_type_cast(Context *cx, Space *s, Value a, Value type,
                    ValueVec *errors);
// The same of a value of the call that was evaluated against nothing: an expression is
// asked for its type only if it is another call of a function.
bool ambi_type_cast_result(Context *cx, Space *s, Value call, Value v,
                           Value type, ValueVec *errors);
// check_applicable(e, f, T), 7.5, for one function type f. True: applicable,
// first way that succeeds, bindings left on the trail. False: its errors.
bool ambi_check_applicable(Context *cx, Space *s, Value e, Value ftype,
                           Value expected, ValueVec *errors);

// ---- checks that were made before (types_calls.c) --------------------------------
enum { AMB_CALL_KEY = 64 };
// What a call looks like to the check before it.
typedef struct CallKey {
  Word w[AMB_CALL_KEY];
  uint32_t n, stamp;
  uint64_t hash;
} CallKey;
typedef struct CallType {
  Template type;  // of the function, as the check left it
  bool open;      // what the call gives is evaluated against nothing
} CallType;
// Where names tell all types; expected: NONE asks for Errors alone. False: it has no key.
bool ambi_call_key(Context *cx, Space *s, Value call, Value expected,
                   CallKey *key);
// NULL: no such call was noted.
const CallType *ambi_call_known(Context *cx, Space *s, const CallKey *key);
void ambi_call_note(Context *cx, Space *s, const CallKey *key, Value type,
                    bool open);

// ---- types of expressions that were found before (types_memo.c) -------------------
// Every eighth term, by its address, is asked for and remembered with its type, so that
// a walk ends after some levels.
static inline bool ambi_is_milestone(Value e) {
  return ((uintptr_t)ambi_ptr(e) >> 3) * 0x9E3779B97F4A7C15u >> 61 == 0;
}
// A ground expression's only type, as ambi_get_types found it or who else knows noted it
// before: AMB_NONE for "not known", () for "it has none".
Value ambi_known_type(Context *cx, Space *s, Value expr);
void ambi_note_type(Context *cx, Space *s, Value expr, Value type);
// Terms have moved: where says where the one at an address is now, NULL for one that
// has gone. To be told before the heap is another one.
typedef const Word *AmbWhere(void *arg, const Word *at);
void ambi_types_moved(Context *cx, AmbWhere *where, void *arg);
bool ambi_is_error_atom(Value v);  // expression headed by the symbol Error

#endif
