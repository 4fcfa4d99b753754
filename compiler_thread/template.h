// What the templates of instructions are written with (emit_*.c).
//
// A template gets the instruction in m->pc and assembles its usual case. What it
// does not take is a jump to emit_slow(m): there the instruction is run by
// ambi_interp_one, and machine code goes on wherever that leads. So a template
// changes nothing before it knows that it can finish.
//
// Registers: E, B, h, Engine and Context in registers that C functions keep, XB =
// -(TAG_EXPR << 48) so that [p + XB] reaches the object of an EXPR word without its
// marks. At return points rax is the returned value. All others are scratch.
#ifndef AMBIT_COMPILER_THREAD_TEMPLATE_H
#define AMBIT_COMPILER_THREAD_TEMPLATE_H

#include "compiler_thread/emit.h"
#include "compiler_thread/jit.h"
#include "runtime/machine/engine.h"

#define R_E  J_RBX
#define R_B  J_R12
#define R_H  J_R13
#define R_G  J_R14
#define R_CX J_R15
#define R_XB J_RBP

// The code that all units share (emit_stubs.c, emit_shared.c). Those that are called
// keep what is not named, but rcx and rdx.
#define STUBS(X)                                                                                \
  X(enter)       /* from C: (Engine *, address) -> enum Next */                                 \
  X(to_bytecode) /* rdx: variant; E: the new frame, not counted yet */                          \
  X(ret)         /* rax: the value */                                                           \
  X(fail)                                                                                       \
  X(dispatch) /* rcx: position; rv in the Engine */                                             \
  X(after)    /* eax: what a helper said; registers in the Engine */                            \
  X(one)      /* rcx: an instruction to be run by ambi_interp_one */                            \
  X(one_ret)  /* the same at a return point; rax: the returned value */                         \
  X(exit)     /* rcx: position, to the loop; rv in the Engine */                                \
  X(stop)                                                                                       \
  X(stopped)    /* likewise, registers in the Engine */                                         \
  X(poll)       /* called, E: a frame at its unit's start */                                    \
  X(more_stack) /* likewise */                                                                  \
  X(observe)    /* likewise, for ThreadSanitizer */                                             \
  X(go)         /* rcx: a position that is no landing; rax: returned value */                   \
  X(ret_bytecode) /* likewise, returned to by the frame at rdx */                               \
  X(helper) /* called, rax: a helper (Engine *, ...) -> enum Next, its operands \
               from rsi on, rcx: this instruction. rcx: bytes from it to where \
               it goes on. Keeps nothing */               \
  X(asks) /* called, likewise a helper that answers in eax, 0: no or stop,   \
               which is looked at; flags as by test of al. E and B stay */                  \
  X(leave_by) /* rax: a helper, r8: this instruction; goes on as it says */                     \
  X(deref) /* called, rax: a VAR; gives its value, the tag in ecx; keeps rdx */                 \
  X(ready) /* called, rax: see emit_ready; carry: to be run slowly */                           \
  X(firm)  /* called, rax: an EXPR. carry: not known to be a value. Else    \
                 evaluated marks are set */                   \
  X(own)   /* the same where its variables were not bound since */                              \
  X(result_any) /* called, rax: no EXPR, ecx: its tag. carry: a body's      \
                      result only after a closer look */                   \
  X(result_number) /* the same where a number is expected */                                    \
  X(member)       /* called, rax: a child for MKEXPR, marks gathered in rsi */                  \
  X(ready_member) /* ready, and then member */                                                  \
  X(part)     /* called, rax: a child of the term in rsi; rax: as GETCH   \
                      gives it. Keeps rdx */                     \
  X(child)    /* called, rax: a slot's word, rdx: which child; likewise */                      \
  X(is_error) /* called, rax: a value; equal: it is an Error */                                 \
  X(is_error_term) /* the same of an EXPR without marks */                                      \
  X(apart) /* called, rax, rdx: EXPRs; carry: ambi_apart. Uses rsi; keeps   \
              nothing of the two */                   \
  X(unify) /* called, rsi, rdx: EXPRs, kept; equal: they differ. carry: \
               ambi_unify is to do it, or the rest of it. All others are used */                       \
  X(meet)  /* called: the same of what `apart` has just looked at */                            \
  X(attempt) /* called, rax, rdx: EXPRs; equal: they differ. Else eax, compared     \
                with 1: 0: not done, some variables may be bound; 2: done. rsi: the    \
                trail's top behind a choice record made now. All others are used */           \
  X(decons) /* called, rax: a list; rax: its first child, rdx: its rest, at h, where there is \
                 room; carry: not done. All others are used */ \
  X(not_term) /* called, rax: a value that is not a certain term headed by \
                      a symbol; equal: and it does not become one */

typedef struct Stubs {
#define X(name) const void *name;
  STUBS(X)
#undef X
} Stubs;
typedef struct StubLabels {
#define X(name) JitLabel name;
  STUBS(X)
#undef X
  JitLabel leave;  // eax: a Next
} StubLabels;

struct Emitter {
  Jit *j;
  CodeMemory *memory;
  Stubs stubs;
  void *code;  // of the stubs
  size_t bytes;
  OpCount *ran;       // instructions count there as they begin, or NULL
  uint64_t *scratch;  // for the unit at hand
  size_t scratch_cap;
};

// The register that may hold what the last instruction computed, see Emit.
#define R_LAST J_R11

enum Fact {    // what is known of a slot in the sure version (emit_facts.c)
  FACT_INT,    // an INT
  FACT_FLAT,   // an EXPR whose children follow its header
  FACT_FLOAT,  // a double
  FACT_READY,  // emit_ready lets it pass as it is
  FACT_FULL,  // the same for good, and it takes no mark from a term it goes into
  FACT_OPEN,     // a variable, unbound: nothing was bound since it was made
  FACT_NEWEST,   // a position: no choice was made since
  FACT_GUARDED,  // of an inlined body, not a slot: its unit is in force
  FACT_CHAINED,  // bit 0, of the frame: its value goes into a chain, newest as above
  FACTS,
  FACTS_OF_VALUES = FACT_OPEN  // those before
};

typedef struct Keep Keep;  // keep.h

typedef struct Emit {
  Emitter *em;
  Jit *j;
  const Unit *u;
  const Code *pc;  // the instruction
  uint32_t at;     // ... its offset
  bool sure;       // which version is being emitted
  unsigned level;  // 1, 2
  // Level 2: per word, what level 1 has noted so far (Native.seen), a copy; or NULL.
  const uint8_t *seen;
  Keep *keep;        // level 2, or NULL
  uint32_t *labels;  // per word: 1 + the label in the general version, then as
                     // many for the sure one, and for arrivals; 0: none yet
  uint16_t
      *wanted;    // words of the instruction here that gets machine code, or 0
  uint8_t *used;  // per word: jumped to, bits of both versions; or by what has
                  // met an unbound variable
  uint32_t *landing;  // likewise: 1 + the index of its landing
  // FACTS rows of so many words for each word of the unit, a bit for a slot. NULL: no
  // sure version.
  uint64_t *facts;
  uint32_t fact_words;
  // In the sure version: the slot whose integer R_LAST holds, its tag rotated to the
  // low bits, or NO_SLOT. `had`: when the instruction begins; `has`: when it is done.
  unsigned had, has;
  JitLabel slow;
  bool slow_used;
  Native *native;
  JitLabel *landing_label;  // of native->landings
  JitLabel *parts_label;    // likewise, where Landing.parts_of is not 0
  JitLabel end, sure_end;   // behind the last instruction of a version
  JitLabel called;          // entry of calls of this very unit ...
  JitLabel self;            // ... whose frame says that it runs this unit ...
  JitLabel again;           // ... and has room
  JitLabel poll;            // ... and must look at limits
  uint64_t
      passed;  // arguments that the sure version knows to be FACT_READY ...
} Emit;        // ... because each of its turns passes them so

// ---- operands -------------------------------------------------------------------
#define OFF(type, field) ((int32_t)offsetof(type, field))

static inline JitMem in_slot(unsigned i) {
  return jit_at(R_E, (int32_t)i * 8);
}
static inline JitMem in_frame(int i) {  // FRAME_UNIT ...
  return jit_at(R_E, i * 8);
}
static inline JitMem in_engine(int32_t off) {
  return jit_at(R_G, off);
}
static inline JitMem in_context(int32_t off) {
  return jit_at(R_CX, off);
}
// Not equal: there has been a NaN. Uses r.
static inline void emit_ask_nan(Jit *j, JitReg r) {
  jit_rm(j, J_MOV, r, in_context(OFF(Context, rt)));
  jit_mi(j, J_CMP, 1, jit_at(r, OFF(Runtime, x_nan)), 0);
}
static inline JitMem in_record(int32_t off) {
  return jit_at(R_B, off);
}
static inline JitMem in_object(JitReg p, int32_t off) {  // p without marks
  return jit_at_index(p, R_XB, 0, off);
}

static inline bool is_constant(unsigned source) {
  return source >= SRC_CONST;
}
static inline bool is_checked(unsigned source) {
  return (source & SRC_CONST) == SRC_CHECK;
}
static inline Value constant(const Emit *m, unsigned source) {
  return AMB_V(m->u->k[source - SRC_CONST]);
}
static inline unsigned slot_of(unsigned source) {
  return source & (SRC_CHECK - 1);
}
// In the sure version, at this offset.
static inline bool emit_fact(const Emit *m, uint32_t offset, unsigned slot,
                             enum Fact fact) {
  size_t row = (size_t)offset * FACTS + fact;
  return m->facts[row * m->fact_words + slot / 64] >> slot % 64 & 1;
}
static inline bool emit_known(const Emit *m, unsigned source, enum Fact fact) {
  if (is_constant(source))
    return fact == FACT_INT && ambi_is_int(constant(m, source));
  return m->sure && emit_fact(m, m->at, slot_of(source), fact);
}
// What makes a value FACT_READY or FACT_FULL, as bits 1 << fact.
enum {
  FULL_BITS = 1 << FACT_INT | 1 << FACT_FLOAT | 1 << FACT_FULL,
  READY_BITS = FULL_BITS | 1 << FACT_READY
};
static inline unsigned emit_value_facts(const Emit *m, unsigned slot) {
  unsigned bits = 0;
  for (unsigned i = 0; m->sure && i < FACTS_OF_VALUES; i++)
    bits |= (unsigned)emit_fact(m, m->at, slot, (enum Fact)i) << i;
  return bits;
}
static inline bool emit_is_full(const Emit *m, unsigned slot) {
  return emit_value_facts(m, slot) & FULL_BITS;
}
static inline bool emit_is_ready(const Emit *m, unsigned slot) {
  return (emit_value_facts(m, slot) & READY_BITS) ||
         emit_known(m, slot, FACT_OPEN);
}
// keep.c: r = the word of a slot that a register holds. Uses nothing else.
bool keep_word(Emit *m, JitReg r, unsigned slot);
static inline void emit_source(Emit *m, JitReg r, unsigned source) {
  if (is_constant(source))
    jit_imm(m->j, r, constant(m, source).w);
  else if (!m->keep || !keep_word(m, r, slot_of(source)))
    jit_rm(m->j, J_MOV, r, in_slot(slot_of(source)));
}
static inline void emit_to_slot(Emit *m, unsigned slot, JitReg r) {
  jit_mr(m->j, J_MOV, in_slot(slot), r);
}

// r = the value of a slot known to hold an integer, if R_LAST has it.
static inline bool emit_last(Emit *m, JitReg r, unsigned source) {
  if (is_constant(source) || slot_of(source) != m->had) return false;
  jit_rr(m->j, J_MOV, r, R_LAST);
  return true;
}

// ---- where to go ------------------------------------------------------------------
// The label of the instruction at this offset, in this version; without machine
// code it leaves.
JitLabel emit_label(Emit *m, uint32_t offset);
// The same in the general version, and in the sure one.
JitLabel emit_general_at(Emit *m, uint32_t offset);
JitLabel emit_sure_at(Emit *m, uint32_t offset);
// This instruction in the general version: where a template of the sure one goes
// with what its facts do not cover, before it has changed anything.
JitLabel emit_general(Emit *m);
// A place of this template, with nothing in registers that memory does not have.
JitLabel emit_stored(Emit *m, JitLabel to);
static inline uint32_t emit_words(const Emit *m) {
  return m->wanted[m->at];
}
// What comes next in the general version.
static inline JitLabel emit_general_next(Emit *m) {
  return emit_general_at(m, m->at + emit_words(m));
}
static inline uint32_t emit_offset(const Emit *m, int delta) {
  return (uint32_t)((int64_t)m->at + delta);
}
static inline JitLabel emit_branch(Emit *m, uint16_t delta) {
  return emit_label(m, emit_offset(m, (int16_t)delta));
}
static inline JitLabel emit_next(Emit *m) {
  return emit_label(m, m->at + emit_words(m));
}
// Runs this instruction out of line.
JitLabel emit_slow(Emit *m);
// The error edge, or else emit_slow.
JitLabel emit_edge(Emit *m);
// The address that frames and records keep for this offset.
const Code *emit_position(Emit *m, uint32_t offset);
// A landing of its own at `l`, for the position `origin` of anywhere.
const Code *emit_landing(Emit *m, JitLabel l, const Code *origin);
// The landing of this instruction takes the parts of this term at `l`. False: there is none.
bool emit_landing_of_parts(Emit *m, Word key, JitLabel l);

// ---- pieces (emit_parts.c) ----------------------------------------------------------
void emit_save(Jit *j);  // E, B, h to the Engine and the Context
void emit_load(Jit *j);
void emit_tag(Emit *m, JitReg tag, JitReg v);
// tag of v in ecx; jumps to `other` unless it is this one.
void emit_want_tag(Emit *m, JitReg v, unsigned tag, JitLabel other);
// rax = the source, dereferenced; its tag in ecx.
void emit_value(Emit *m, unsigned source);
// The same where the sure version goes on knowing what kind the slot's word is: of a
// variable that has to be followed it does not.
void emit_value_learnt(Emit *m, unsigned source);
// The bit in which the header of a view differs: byte of the header, bit of that.
enum { VIEW_BYTE = 5, VIEW_BIT = KIND_VIEW << 4 };
enum { SPARE_BYTE = 4 };  // of a header
// p = v without marks; jumps to `view` if the children do not follow the header.
void emit_flat(Emit *m, JitReg p, JitReg v, JitLabel view);
// Equal: the EXPR in rax has all of these marks, which are the last bits of the word.
void emit_test_marks(Jit *j, JitReg scratch, int32_t marks);
// rax is FACT_FULL, else to `other`. Uses rcx, rdx.
void emit_want_full(Jit *j, JitLabel other);
// Jumps to `error` if rax is one. Uses rcx, rdx.
void emit_error_test(Emit *m, JitLabel error);
// rax must pass as a member of an evaluated tuple, else to `other`. May set its
// mark. Uses rcx, rdx.
void emit_ready(Emit *m, JitLabel other);
// rax becomes a child of the term that MKEXPR makes, whose marks are gathered in rsi.
// Uses rcx, rdx.
void emit_member(Emit *m);
// rdx = the address of the first child of the EXPR in rax, ecx = how many there are.
void emit_items(Emit *m);
void emit_ready_member(Emit *m);  // both
// In the hot section: what is not `usual` by the flags passes the routine, see STUBS: called, or in the
// cold section of level 2. `slow`: what it does not take, or an Error.
enum Shared {
  SHARED_READY,
  SHARED_FIRM,
  SHARED_OWN,
  SHARED_MEMBER,
  SHARED_READY_MEMBER,
  SHARED_PART,
  SHARED_RESULT_ANY,
  SHARED_RESULT_NUMBER,
  SHARED_NO_ERROR
};
void emit_unless(Emit *m, JitIf usual, enum Shared which, JitLabel slow);
// The same always, in either section; goes to one of two places.
void emit_routine(Emit *m, enum Shared which, JitLabel done, JitLabel slow);
// The marks of rigid terms say nothing any more: goes to `not`. Uses rcx.
void emit_rigid_holds(Emit *m, JitLabel not );
// Goes to `l` if a mark of rax, an EXPR, is missing (J_NE) of EVAL and GROUND, or if
// none is (J_EQ). Uses rcx.
void emit_firm_marks(Emit *m, JitIf missing, JitLabel l);
// rax, an EXPR, is not presumed to be its own value: goes to `not`. Uses rcx, rdx.
void emit_presumed(Emit *m, JitLabel not );
// Level 1: notes something of the instruction at hand. Uses rcx and flags.
void emit_note(Emit *m, enum NativeSeen what);
// Level 2 where it knows something: time counts more than bytes, so routines and calls
// of helpers are in line.
bool emit_thick(const Emit *m);
// In the hot section: what follows, until emit_back, is for the rare flags only; a few
// instructions that are jumped over, or stand in the cold section of level 2.
typedef struct Aside {
  bool cold;
  JitSkip skip;
  JitLabel back;
} Aside;
Aside emit_aside(Emit *m, JitIf usual, JitIf rare);
void emit_back(Emit *m, Aside a);
// Calls helper(Engine, ...), which answers with a Next: arguments from rsi on are
// set. NEXT_PC at `offset` goes on there at once; anything else is done.
void emit_helper(Emit *m, const void *helper, uint32_t offset);
// The same in the cold section, going on in the general version.
void emit_helper_cold(Emit *m, const void *helper, uint32_t offset);
// A helper that answers in eax, see STUBS; of 0 it is known that nothing must stop.
void emit_ask(Emit *m, const void *helper);
// The same of helper(Engine, this instruction, ...): arguments from rdx on are set.
void emit_ask_at(Emit *m, const void *helper);
// A helper that answers with a Next which is no way on here.
void emit_leave_by(Emit *m, const void *helper);
// Pushes a choice record resuming at `resume`; then rdx points to it and its aux
// and what follows are not set. Uses rcx.
void emit_push_choice(Emit *m, const Code *resume);
void emit_pop_choice(Emit *m);
// TRY, where the next alternative is that.
void emit_try(Emit *m, const Code *resume);
// Does something jump to the instruction at this offset?
bool emit_is_target(const Emit *m, uint32_t offset);
// The registers of the newest record; rcx: where to resume. Uses rdx.
void emit_restore(Jit *j);
void emit_fail(Emit *m);
void emit_return(Emit *m);  // rax, from this frame

// ---- calls (emit_call.c) ------------------------------------------------------------
enum { EMIT_IN_REGISTERS = 6 };  // arguments of a tail call
// rdi = where the header of the next frame begins. Uses nothing else.
void emit_frame_top(Emit *m, unsigned size);
JitMem emit_new_frame(int word);  // of the frame at rdi
// rax = the source, ready to be passed. Uses rcx, rdx.
void emit_argument(Emit *m, unsigned source);
JitReg emit_argument_register(unsigned i, unsigned n);
// rdi = where the frame of a tail call goes; its arguments, from their registers, and
// its header but for the unit are there. Uses rcx.
void emit_tail_few(Emit *m, unsigned n);

// ---- templates, one for each row of opcodes.def ----------------------------------------
#define OP(name, operands, flags, text) void ambi_emit_##name(Emit *m);
#include "runtime/bytecode/opcodes.def"

// Does this call or tail call name the unit itself? A loop has a variant of its own.
static inline bool emit_calls_self(const Emit *m, const Code *pc) {
  const Unit *u = m->u->of ? m->u->of : m->u;
  uintptr_t callee = (uintptr_t)m->u->k[pc->c];
  return callee == (uintptr_t)u->variant || callee == (uintptr_t)u->local;
}
// Is the unit in rcx the one whose calls this code runs?
void emit_is_self(Emit *m, JitReg scratch_register);
// The unit that TAILCALL names is this one, in force, and nothing protects its frame; else
// to `other`. Uses rcx, rdi.
void emit_may_turn(Emit *m, JitLabel other);
// TAILCALL of few arguments where that is known. rax: this argument, not ready yet, or
// NO_SLOT: nothing.
void emit_turn_again(Emit *m, unsigned argument);
// Does this BUILTIN go on with an integer in the sure version?
bool ambi_emit_gives_integer(const Code *pc);
// emit_facts.c: words of scratch memory; m->fact_words is set. 0: no sure version.
size_t ambi_emit_facts_room(Emit *m);
void ambi_emit_facts(Emit *m);  // fills m->facts
// For level 2: what is known in the unit's loop. False: memory is out.
bool ambi_emit_loop_facts(Emit *m);
// Does this instruction calculate with doubles in the sure version of level 2, where
// these are the facts of its slots?
bool ambi_emit_in_doubles(const Emit *m, const Code *pc, const uint64_t *facts);
// Does CHKNUM take integers alone in the sure version of level 2?
bool ambi_emit_wants_integer(const Emit *m, const Code *pc,
                             const uint64_t *facts);
// rax, a child of the term in rsi, as GETCH gives it. Uses rcx.
void ambi_emit_part(Emit *m);
// rax, dereferenced. Uses rcx.
void ambi_emit_bound(Emit *m);
// rax = the term that MKEXPR makes.
void ambi_emit_make(Emit *m);
// CHAIN of the cell in rax.
void ambi_emit_append(Emit *m);
// Is the atom FACT_FULL?
bool ambi_emit_full_atom(Value v);
// The list of integers that FORKV at this offset goes through, if the program has it in
// writing; else AMB_NONE.
Value ambi_emit_literal_fork(const Emit *m, uint32_t at);
// Does FORKV at this offset expect integers in the sure version?
bool ambi_emit_forks_numbers(const Emit *m, uint32_t at);
// COLLECT_ADD of the integer in rax; what is not the usual case goes to `other`.
void ambi_emit_collect_word(Emit *m, JitLabel other);
// The first body of the unit that has the guard of this one.
unsigned ambi_emit_guard_of(const Unit *u, unsigned body);
// What R_STREAM at this offset expects of a call that gives numbers: FACT_INT, or
// FACT_FLOAT if level 1 has met others; FACTS: it expects nothing.
enum Fact ambi_emit_expects(const Emit *m, uint32_t at);
// STREAM of what is known to be a number. False: it is not.
bool ambi_emit_stream_number(Emit *m);
// Notes in the position of operand b that choices are left behind it. Uses nothing.
void emit_leave_choices(Emit *m);
// Is this instruction to have its slow arm only?
bool emit_leaves(const Emit *m);
void emit_counted(Emit *m);                           // ... and uses rcx
void emit_counted_as(Emit *m, enum EmitCounted row);  // likewise
void emit_counted_call(Emit *m);  // the unit begins; likewise
// What the template could not do, out of line.
void emit_slow_arm(Emit *m);
// emit_stubs.c
bool ambi_emit_stubs(Emitter *em, const char **why);
// emit_shared.c: those from deref on
void ambi_emit_shared(Emit *m, const StubLabels *l);
// emit_unify.c
void ambi_emit_apart(Jit *j, const StubLabels *l);
void ambi_emit_unify(Jit *j, const StubLabels *l);
void ambi_emit_attempt(Jit *j, const StubLabels *l);
// emit_term.c
void ambi_emit_taking(Jit *j, const StubLabels *l);

#endif
