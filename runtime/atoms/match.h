// Equality and unification of atoms (semantics sections 4 and 5).
//
// All routines are iterative. Unification binds heap variables through the
// trail; on failure the caller undoes to its own mark. Cyclic bindings fail
// (occurs check). Marks in words are ignored.
#ifndef AMBIT_RUNTIME_MATCH_H
#define AMBIT_RUNTIME_MATCH_H

#include "runtime/atoms/store.h"

// Structural equality: same variables, numbers by value (1 = 1.0, NaN unequal
// to all), states by content, strings by text, spaces by identity.
bool ambi_equal(Value a, Value b);
// Equality up to a one-to-one renaming of unbound variables.
bool ambi_alpha_equal(Value a, Value b);
bool ambi_atomic_equal(Value a, Value b);  // neither is EXPR nor VAR
// The same term with the same variables, names and ids compared literally.
bool ambi_template_equal(const Template *a, const Template *b);
// A hash equal for equal ground terms (states hash by kind only).
// All variables hash alike.
uint64_t ambi_hash(Value v);
// That of the expression with these children, n > 0.
uint64_t ambi_hash_items(const Value *items, uint32_t n);
static inline uint64_t ambi_hash_mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15ull;
  return h ^ (h >> 29);
}
// The same for an atom without children; equal numbers hash alike.
uint64_t ambi_other_hash(Value v);  // neither a symbol nor a small integer
static inline uint64_t ambi_atomic_hash(Value v) {
  if (ambi_is_sym(v)) return ambi_hash_mix(1, v.w);
  if (!ambi_is_int(v)) return ambi_other_hash(v);
  return ambi_hash_mix(2, ambi_double((double)ambi_int_of(v)).w);
}

// Do two EXPRs differ in their sizes, or in a symbol or integer among their children, so
// that nothing makes them one? False: perhaps not. Looks no deeper.
bool ambi_apart(Value a, Value b);
// Unifies two heap terms. False: no match, or cx->stop is set.
bool ambi_unify(Context *cx, Value a, Value b);
// Unifies a heap term with (a subterm of) a template. env: nvars entries,
// AMB_NONE = LVAR still free; a free LVAR simply takes the other side.
bool ambi_unify_template(Context *cx, Value term, Value part, const Template *t,
                         Value *env);
// Does the unbound variable stand anywhere in the term? Memory out counts as
// yes, with cx->stop set.
bool ambi_occurs(Context *cx, Value var, Value term);
// The term with the variable replaced. This is no binding: outside of the term the variable
// stays what it is, and it may have been bound meanwhile. A value that holds the variable
// itself is none that it could have. AMB_NONE: memory is out.
Value ambi_substitute(Context *cx, Value term, Value var, Value by);
// One-way match, binding no heap variable: 1 matches (env filled), 0 cannot
// match whatever is bound, -1 would have to bind a heap variable.
int ambi_match_template(Context *cx, Value term, Value part, const Template *t,
                        Value *env);

// Tier 1: an expression in which all heads are data, marked as rigid, so that
// binding it spoils nobody's mark. Looks at a few nodes only.
Value ambi_presume_data_expr(Context *cx, Value term);
static inline Value ambi_presume_data(Context *cx, Value term) {
  return ambi_is_expr(term) ? ambi_presume_data_expr(cx, term) : term;
}

#endif
