// Between lower.c and lower_head.c: the rules of one definition while they are
// lowered together.
#ifndef AMBIT_RUNTIME_LOWER_HEAD_H
#define AMBIT_RUNTIME_LOWER_HEAD_H

#include "runtime/bytecode/lower.h"

typedef struct Rule {
  Template own;
  const Template *tmpl;  // own
  Value lhs, rhs;
  uint32_t first;  // which child of lhs is the pattern of the first argument
  Var vars[MAX_VARS];  // slots, the same whichever head is taken
  Slots slots;
  int body;   // label
  size_t at;  // of its first instruction
  unsigned number;
  bool emitted;
  bool single;  // ... which is all of it, and leaves the unit
} Rule;

typedef struct Heads {  // of a definition, while it is lowered
  Lower *l;
  Rule **rules;
  uint32_t nrules, nargs;
  Value head, type;
  bool applied;  // calls have their head as first argument
  int open, data;
  uint16_t made;     // slot for the number of choices, where they are counted
  bool own_value;    // a call that is its own value stays so
  bool unevaluated;  // evaluating changes no argument
  bool
      asked;  // the slot behind the arguments is what bodies are asked for with
} Heads;

static inline Value ambi_rule_pattern(const Rule *r, uint32_t i) {
  return ambi_is_expr(r->lhs) ? ambi_expr_at(r->lhs, i + r->first) : AMB_NONE;
}

// ---- lower.c -----------------------------------------------------------------------
void ambi_lower_use_rule(Lower *l, Rule *r);  // its variables and slots
// A slot with the call as an atom; own_value: it is marked as evaluated.
uint16_t ambi_lower_call_atom(Heads *h, bool own_value);
// Code for a call that is its own value.
void ambi_lower_data_code(Heads *h);
// Control arrives with the rule's variables in their slots.
void ambi_lower_to_body(Heads *h, Rule *r, bool often);

// ---- lower_head.c ---------------------------------------------------------------------
// All code of a definition: entries, heads, and through them the bodies.
void ambi_lower_heads(Heads *h);

#endif
