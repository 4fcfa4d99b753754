// The unit that inlining writes: words, labels, constants, tables.
//
// Errors are sticky: after the first one nothing is written, and closing gives NULL.
#ifndef AMBIT_COMPILER_THREAD_INLINE_CODE_H
#define AMBIT_COMPILER_THREAD_INLINE_CODE_H

#include "compiler_thread/emit.h"

typedef uint32_t Label;
#define NO_LABEL UINT32_MAX

typedef struct Fixup {
  uint32_t from;  // the instruction, which counts the distance
  uint32_t word;
  unsigned half;
  Label to;
} Fixup;

typedef struct EdgeTo {
  uint32_t at;
  Label to;
} EdgeTo;

typedef struct CaseTo {  // of a switch: a case, or behind them its two others
  uint32_t table, number;
  Label to;
} CaseTo;

typedef struct UnitConstants {  // where a unit's constants begin
  const Unit *unit;
  uint32_t from;
} UnitConstants;

typedef struct Out {
  bool failed;
  uint32_t nslots;
  Code *code;
  uint8_t *seen;  // beside it
  size_t n, cap, seen_cap;
  Word *k;
  size_t nk, k_cap;
  uint32_t *labels;  // where they are bound
  size_t nlabels, labels_cap;
  Fixup *fixups;
  size_t nfixups, fixups_cap;
  EdgeTo *edges;  // ascending
  size_t nedges, edges_cap;
  Switch *switches;
  size_t nswitches, switches_cap;
  CaseTo *cases;
  size_t ncases, cases_cap;
  InlinedBody *bodies;
  size_t nbodies, bodies_cap;
  Outlet *outlets;
  size_t noutlets, outlets_cap;
  UnitConstants *units;
  size_t nunits, units_cap;
} Out;

Label out_label(Out *o);
void out_bind(Out *o, Label l);
// `words` words that follow `pc`, to be changed; NULL: failed. seen: SEEN_* of it.
Code *out_copy(Out *o, const Code *pc, unsigned words, unsigned seen);
Code *out_one(Out *o, unsigned op, unsigned a, unsigned b, unsigned c);
// The label at `half` of word `word` of the instruction at `from`.
void out_jump(Out *o, uint32_t from, uint32_t word, unsigned half, Label to);
void out_edge(Out *o, uint32_t at, Label to);
uint16_t out_slot(Out *o);
// Where the constants of the unit are.
uint32_t out_constants(Out *o, const Unit *u);
uint16_t out_body(Out *o, const Variant *v, const Unit *u);
uint16_t out_outlet(Out *o, const Unit *u, uint32_t at);
// A table like s, whose labels are told by out_case.
uint16_t out_switch(Out *o, const Switch *s);
void out_case(Out *o, uint16_t table, uint32_t number, Label to);
// The unit, made of `u`; NULL: failed. *seen as in ambi_inline.
Unit *out_close(Out *o, const Unit *u, SeenByte **seen);

#endif
