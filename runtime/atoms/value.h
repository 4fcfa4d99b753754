// THE value header: how an atom fits in one 64-bit word.
//
// NaN boxing. A word whose top 15 bits below the sign are at most 0x7FF8 is a
// double as it stands (only the canonical NaN may appear). The other patterns
// carry a tag in the top 16 bits and 48 bits of payload:
//
//   7FF9 INT    48-bit two's complement integer
//   7FFA SYM    symbol id
//   7FFB EXPR   pointer to an expression's header; bits 0..1 are marks
//   7FFC VAR    pointer to a heap variable (two words)
//   7FFD BIG    pointer to a bignum object (integers beyond 48 bits only)
//   7FFE CELL   pointer to a CellHeader (state, space, file, generator)
//   7FFF OBJ    pointer to another heap object (string, bindings, vector)
//   FFF9 IMM    immediates: unit, False, True
//   FFFA OP     grounded operation, row of builtins.def
//   FFFB LVAR   variable number i of the enclosing template (never on a heap)
//   FFFC HDR    first word of an object; never a Value in a register
//   FFFD FWD    forwarding word, only inside a collection
//   FFFE VINFO  second word of a variable: name and id; no Value either
//
// No other file knows these bits. The unit `()` is only ever AMB_UNIT: an
// expression object has at least one child.
#ifndef AMBIT_RUNTIME_VALUE_H
#define AMBIT_RUNTIME_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memory/atomic.h"
#include "memory/check.h"

typedef uint64_t Word;
typedef struct Value {
  Word w;
} Value;

enum {
  TAG_INT = 0x7FF9,
  TAG_SYM = 0x7FFA,
  TAG_EXPR = 0x7FFB,
  TAG_VAR = 0x7FFC,
  TAG_BIG = 0x7FFD,
  TAG_CELL = 0x7FFE,
  TAG_OBJ = 0x7FFF,
  TAG_IMM = 0xFFF9,
  TAG_OP = 0xFFFA,
  TAG_LVAR = 0xFFFB,
  TAG_HDR = 0xFFFC,
  TAG_FWD = 0xFFFD,
  TAG_VINFO = 0xFFFE
};

#define AMB_PAYLOAD_MASK  ((Word)0xFFFFFFFFFFFF)
#define AMB_TAGGED(t, p)  (((Word)(t) << 48) | ((Word)(p)&AMB_PAYLOAD_MASK))
#define AMB_V(word)       ((Value){(word)})
#define AMB_NONE          AMB_V(0xFFFFFFFFFFFFFFFFull)  // "no value"; never stored
#define AMB_UNIT          AMB_V(AMB_TAGGED(TAG_IMM, 0))
#define AMB_FALSE         AMB_V(AMB_TAGGED(TAG_IMM, 2))
#define AMB_TRUE          AMB_V(AMB_TAGGED(TAG_IMM, 3))
#define AMB_SYM_ID(id)    AMB_V(AMB_TAGGED(TAG_SYM, (id)))
#define AMB_OP_ID(id)     AMB_V(AMB_TAGGED(TAG_OP, (id)))
#define AMB_INT_MIN       (-((int64_t)1 << 47))
#define AMB_INT_MAX       (((int64_t)1 << 47) - 1)
#define AMB_CANONICAL_NAN ((Word)0x7FF8000000000000ull)

// Marks in the low bits of an EXPR word (objects are 8-byte aligned).
#define AMB_EXPR_EVAL \
  ((Word)1)  // evaluation gave the term itself (7.8); no Error
#define AMB_EXPR_GROUND \
  ((Word)2)  // no variable inside; equals the header's bit
// Every head inside is a symbol without rules or types, so no Error: a value
// whatever its variables get bound to, as long as that is a value too (Context.rigid).
// But of a part that is ground and evaluated only that is known: it may quote what is not.
#define AMB_EXPR_RIGID ((Word)4)
#define AMB_EXPR_MARKS ((Word)7)

static inline uint32_t ambi_tag(Value v) {
  return (uint32_t)(v.w >> 48);
}
static inline bool ambi_same(Value a, Value b) {
  return a.w == b.w;
}
static inline bool ambi_is_none(Value v) {
  return v.w == AMB_NONE.w;
}
static inline bool ambi_is_double(Value v) {
  return (ambi_tag(v) & 0x7FFF) <= 0x7FF8;
}
static inline bool ambi_is_int(Value v) {
  return ambi_tag(v) == TAG_INT;
}
static inline bool ambi_is_sym(Value v) {
  return ambi_tag(v) == TAG_SYM;
}
static inline bool ambi_is_var(Value v) {
  return ambi_tag(v) == TAG_VAR;
}
static inline bool ambi_is_lvar(Value v) {
  return ambi_tag(v) == TAG_LVAR;
}
static inline bool ambi_is_op(Value v) {
  return ambi_tag(v) == TAG_OP;
}
static inline bool ambi_is_big(Value v) {
  return ambi_tag(v) == TAG_BIG;
}
static inline bool ambi_is_cell(Value v) {
  return ambi_tag(v) == TAG_CELL;
}
static inline bool ambi_is_obj(Value v) {
  return ambi_tag(v) == TAG_OBJ;
}
static inline bool ambi_is_unit(Value v) {
  return v.w == AMB_UNIT.w;
}
// An expression with children; see ambi_is_expression for () as well.
static inline bool ambi_is_expr(Value v) {
  return ambi_tag(v) == TAG_EXPR;
}
// Key of expressions of this size with this symbol as head. A million children carry into
// the tag, so that the key is no term's any more: no pattern has as many.
static inline Word ambi_term_key(uint32_t size, uint32_t head) {
  return ((Word)TAG_HDR << 48) + ((Word)size << 28) + head;
}
static inline uint32_t ambi_term_key_size(Value key) {
  return (uint32_t)(key.w >> 28) & 0xFFFFF;
}
static inline bool ambi_is_term_key(Value v) {
  return ambi_tag(v) == TAG_HDR;
}
static inline bool ambi_is_expression(Value v) {
  return ambi_is_expr(v) || ambi_is_unit(v);
}
static inline bool ambi_is_bool(Value v) {
  return (v.w | 1) == AMB_TRUE.w;
}
static inline bool ambi_is_number(Value v) {
  return ambi_is_int(v) || ambi_is_double(v) || ambi_is_big(v);
}

static inline Value ambi_bool(bool b) {
  return b ? AMB_TRUE : AMB_FALSE;
}
static inline int64_t ambi_int_of(Value v) {
  return (int64_t)(v.w << 16) >> 16;
}
static inline bool ambi_int_fits(int64_t i) {
  return i >= AMB_INT_MIN && i <= AMB_INT_MAX;
}
static inline Value ambi_small_int(int64_t i) {  // must fit 48 bits
  AMB_ASSERT(ambi_int_fits(i));
  return AMB_V(AMB_TAGGED(TAG_INT, (Word)i));
}
static inline double ambi_double_of(Value v) {
  double d;
  memcpy(&d, &v.w, sizeof d);
  return d;
}
static inline Value ambi_double(double d) {
  Value v;
  if (AMB_UNLIKELY(d != d)) return AMB_V(AMB_CANONICAL_NAN);
  memcpy(&v.w, &d, sizeof d);
  return v;
}
static inline uint32_t ambi_sym_of(Value v) {
  return (uint32_t)v.w;
}
static inline uint32_t ambi_op_of(Value v) {
  return (uint32_t)v.w;
}
static inline uint32_t ambi_lvar_of(Value v) {
  return (uint32_t)v.w;
}
static inline Value ambi_lvar(uint32_t i) {
  return AMB_V(AMB_TAGGED(TAG_LVAR, i));
}
// Address of what an EXPR, VAR, BIG, CELL or OBJ word points to.
static inline Word *ambi_ptr(Value v) {
  return (Word *)(uintptr_t)(v.w & (AMB_PAYLOAD_MASK & ~AMB_EXPR_MARKS));
}
static inline Value ambi_tag_ptr(uint32_t tag, const void *p) {
  return AMB_V(AMB_TAGGED(tag, (uintptr_t)p));
}

// ---- objects: one header word, then words --------------------------------
// HDR tag | kind 4 bits | flags 4 bits | spare 8 bits | size 32 bits

enum ObjKind {
  KIND_FLAT = 0,  // expression: `size` child words follow
  KIND_VIEW = 1,  // expression: `size` children seen inside another object; two
                  // words follow: that object, which is a BUF (OBJ word) or a
                  // FLAT of any region (EXPR word), and the address of child 0
  KIND_BUF = 2,   // front-growing child buffer: size = capacity in words; one
                  // word `first` (raw index, as INT) and `size` words follow;
                  // words before `first` are garbage
  KIND_BIG = 3,   // bignum: size = limbs; FLAG_NEG for the sign
  KIND_STR = 4,   // string: size = bytes, then bytes, a NUL, padding to words
  KIND_BIND = 5,  // bindings: size words: variable, value, variable, value ...
  KIND_VEC = 6    // private mutable vector of `size` Values (engine only)
};
enum { FLAG_GROUND = 1, FLAG_NEG = 2 };

static inline Word ambi_header(enum ObjKind kind, unsigned flags,
                               uint32_t size) {
  return AMB_TAGGED(TAG_HDR, ((Word)kind << 44) | ((Word)flags << 40) | size);
}
static inline enum ObjKind ambi_hdr_kind(Word h) {
  AMB_ASSERT(h >> 48 == TAG_HDR);
  return (enum ObjKind)((h >> 44) & 15);
}
static inline unsigned ambi_hdr_flags(Word h) {
  return (h >> 40) & 15;
}
// The spare byte: under which epoch the term was presumed to be its own value
// (tier 1 sets it on lists it conses; 0 = not presumed).
static inline unsigned ambi_hdr_spare(Word h) {
  return (h >> 32) & 0xFF;
}
static inline Word ambi_hdr_with_spare(Word h, unsigned spare) {
  return (h & ~((Word)0xFF << 32)) | ((Word)spare << 32);
}
static inline uint32_t ambi_hdr_size(Word h) {
  AMB_ASSERT(h >> 48 == TAG_HDR);
  return (uint32_t)h;
}
// Words an object takes, header included.
static inline size_t ambi_object_words(Word h) {
  switch (ambi_hdr_kind(h)) {
  case KIND_VIEW: return 3;
  case KIND_BUF: return 2 + (size_t)ambi_hdr_size(h);
  case KIND_STR: return 1 + (size_t)ambi_hdr_size(h) / 8 + 1;
  default: return 1 + (size_t)ambi_hdr_size(h);
  }
}

// ---- expressions ----------------------------------------------------------
static inline uint32_t ambi_expr_size(Value v) {  // 0 for unit
  return ambi_is_expr(v) ? ambi_hdr_size(*ambi_ptr(v)) : 0;
}
// Children, contiguous; valid until the next allocation that may collect.
static inline const Value *ambi_expr_items(Value v) {
  const Word *p = ambi_ptr(v);
  if (AMB_UNLIKELY(ambi_hdr_kind(*p) == KIND_VIEW))
    return (const Value *)(uintptr_t)p[2];
  return (const Value *)(p + 1);
}
// The same of one in the store, where there are no views.
static inline const Value *ambi_stored_items(Value v) {
  return (const Value *)(ambi_ptr(v) + 1);
}
static inline Value ambi_expr_at(Value v, uint32_t i) {
  return ambi_expr_items(v)[i];
}
static inline bool ambi_is_ground_expr(Value v) {
  return (v.w & AMB_EXPR_GROUND) != 0;
}
static inline bool ambi_is_rigid(Value v) {
  return ambi_is_expr(v) && (v.w & AMB_EXPR_RIGID) != 0;
}
// A value that stays one: atomic (but Empty), ground and evaluated, or rigid.
static inline bool ambi_is_firm(Value v) {
  if (!ambi_is_expr(v)) return true;
  Word m = v.w & AMB_EXPR_MARKS;
  return (m & AMB_EXPR_RIGID) != 0 || (m & (AMB_EXPR_EVAL | AMB_EXPR_GROUND)) ==
                                          (AMB_EXPR_EVAL | AMB_EXPR_GROUND);
}
// A part of a rigid term is rigid as well, unless it had marks of its own when the term
// was made; so has what a variable was bound to.
static inline Value ambi_part_of_rigid(Value part, Word marks) {
  Word own = AMB_EXPR_EVAL | AMB_EXPR_GROUND;
  if (!ambi_is_expr(part) || (part.w & own) == own) return part;
  return AMB_V(part.w | marks);
}
static inline Value ambi_unmark(Value v) {
  return ambi_is_expr(v) ? AMB_V(v.w & ~AMB_EXPR_EVAL) : v;
}
static inline bool ambi_has_eval(Value v) {  // v is an EXPR
  return (v.w & AMB_EXPR_EVAL) != 0;
}

// ---- variables --------------------------------------------------------------
// Word 0: the binding, or a VAR word to itself when unbound. Word 1: VINFO.
// VINFO payload: symbol id of the name (24 bits) << 24 | id (24 bits).
#define AMB_VAR_AS_WRITTEN 0u         // prints $name
#define AMB_VAR_FRESH      0xFFFFFFu  // a copy: numbered when printed or stored
#define AMB_VAR_ASKED      0xFFFFFEu  // fresh; what a step asked for
// Ids from here on are fresh, too; the id tells which variable it is after
// several results that hold it were copied one by one. The last bit stays as it was,
// so what a step asked for has an even one.
#define AMB_VAR_STAMPED 0x800000u
#define AMB_STAMPS      ((AMB_VAR_ASKED - AMB_VAR_STAMPED) / 2)  // that there are
static inline uint32_t ambi_stamp(uint32_t n) {
  return AMB_VAR_STAMPED + 2 * n;
}
static inline Word ambi_vinfo(uint32_t name, uint32_t id) {
  return AMB_TAGGED(TAG_VINFO, ((Word)name << 24) | id);
}
static inline uint32_t ambi_vinfo_name(Word i) {
  return (uint32_t)((i & AMB_PAYLOAD_MASK) >> 24);
}
static inline uint32_t ambi_vinfo_id(Word i) {
  return i & 0xFFFFFFu;
}
static inline Word ambi_vinfo_with_stamp(Word i, Word stamp) {
  return (i & ~(Word)AMB_VAR_ASKED) | stamp;
}
static inline bool ambi_vinfo_is_fresh(Word i) {
  return ambi_vinfo_id(i) >= AMB_VAR_STAMPED;
}
static inline bool ambi_var_unbound(Value v) {
  return *ambi_ptr(v) == v.w;
}
// Follows bound variables; the result is unbound if it is still a variable.
static inline Value ambi_deref(Value v) {
  while (ambi_is_var(v)) {
    Value next = AMB_V(*ambi_ptr(v));
    AMB_ASSERT(ambi_tag(next) != TAG_FWD);
    if (next.w == v.w) break;
    v = next;
  }
  return v;
}

// ---- strings, bindings --------------------------------------------------------
static inline bool ambi_is_str(Value v) {
  return ambi_is_obj(v) && ambi_hdr_kind(*ambi_ptr(v)) == KIND_STR;
}
static inline bool ambi_is_bindings(Value v) {
  return ambi_is_obj(v) && ambi_hdr_kind(*ambi_ptr(v)) == KIND_BIND;
}
// What collapse-bind gives: pairs (atom bindings).
static inline bool ambi_is_collapsed(Value all) {
  if (!ambi_is_expression(all)) return false;
  for (uint32_t i = 0; i < ambi_expr_size(all); i++) {
    Value pair = ambi_deref(ambi_expr_at(all, i));
    if (ambi_expr_size(pair) != 2 ||
        !ambi_is_bindings(ambi_deref(ambi_expr_at(pair, 1))))
      return false;
  }
  return true;
}
static inline const char *ambi_str_bytes(Value v) {
  return (const char *)(ambi_ptr(v) + 1);
}
static inline uint32_t ambi_str_len(Value v) {
  return ambi_hdr_size(*ambi_ptr(v));
}

// ---- cells: shared, mutable, never on a context heap ----------------------
enum CellKind { CELL_SPACE, CELL_STATE, CELL_FILE, CELL_RNG, CELL_HOST };
typedef struct CellHeader {
  uint8_t kind;    // [init] enum CellKind
  uint8_t listed;  // [lock] in one of the lists that `link` is for
  AMB_ATOMIC(bool)
  x_stays;                      // [all] until the runtime is closed
  uint32_t number;              // [init] which numbered cell it is
  AMB_ATOMIC(uint32_t) x_uses;  // [all] by terms of the store
  uint32_t mark;            // [own] was seen when cells were last looked for
  uint32_t outer;           // [own] uses by what is no cell, likewise
  struct CellHeader *next;  // [init] the cell before it
  struct CellHeader *prev;  // [own] while cells are looked for
  struct CellHeader *link;  // [lock]
  void (*drop)(struct CellHeader *);  // [init] frees a cell that is neither
                                      // space nor state
} CellHeader;
static inline CellHeader *ambi_cell(Value v) {
  return (CellHeader *)ambi_ptr(v);
}
// Somebody refers to it who is neither a heap nor the store.
static inline void ambi_cell_stay(CellHeader *c) {
  ambi_store_relaxed(&c->x_stays, true);
}
static inline bool ambi_is_cell_kind(Value v, enum CellKind k) {
  return ambi_is_cell(v) && ambi_cell(v)->kind == k;
}
static inline bool ambi_is_space(Value v) {
  return ambi_is_cell_kind(v, CELL_SPACE);
}
static inline bool ambi_is_state(Value v) {
  return ambi_is_cell_kind(v, CELL_STATE);
}
// Metatype Grounded: everything that is not a symbol, variable or expression.
static inline bool ambi_is_grounded(Value v) {
  return !(ambi_is_sym(v) || ambi_is_var(v) || ambi_is_expression(v));
}

#endif
