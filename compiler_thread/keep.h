// Which slots' values registers hold, while the second level of a unit is emitted.
//
// In level 2 the sure version of a unit keeps values in registers: integers shifted
// left by 16 bits, doubles and other words as they are. A value that its slot in memory
// does not have yet is dirty; it is stored when an instruction leaves, returns, or is
// returned to, and only if its slot is still needed there. So frames look the same to
// everybody else: the general version, the loop, collections. Nothing is kept across
// calls.
//
// Each place that is jumped to has a state that was fixed when it was first named;
// who comes with another state passes a stub that makes it that one.
#ifndef AMBIT_COMPILER_THREAD_KEEP_H
#define AMBIT_COMPILER_THREAD_KEEP_H

#include "compiler_thread/template.h"

enum { KEEP_GP = 5, KEEP_FP = 14, KEEP_STUBS = 256, MOST_LOOP_ARGUMENTS = 64 };

typedef struct Kept {
  uint16_t slot;  // NO_SLOT: the register is free
  bool dirty;
  bool word;  // of keep_gp: the word as it is
} Kept;

// Level 2 of a loop also counts steps in a register, R_TURNS, see emit_loop.c.
typedef struct KeepState {
  Kept gp[KEEP_GP];  // keep_gp[i]: the number in slot, times 65536, or its word
  Kept fp[KEEP_FP];  // xmm (2 + i)
  bool turns;        // R_TURNS holds the Engine's budget ...
  bool turns_dirty;  // ... which does not know yet
  uint16_t steps;    // of inlined bodies, to be taken from the budget
} KeepState;

typedef struct KeepLabel {
  KeepState state;
  bool set;   // the state is fixed, so the instruction will be emitted
  bool done;  // it is
} KeepLabel;

typedef struct KeepStub {  // a jump that has to put things in their places
  JitLabel at, to;
  uint32_t offset;  // what is needed there decides what is stored
  KeepState from, want;
} KeepStub;

// All of it is the emitter's.
struct Keep {
  KeepState now;
  uint32_t pins[2];     // registers the instruction uses: bits of gp, of fp
  KeepLabel *label[2];  // of the whole unit, of its loop: one for each word
  bool loop;            // the second is being emitted ...
  bool on;              // ... or the first
  uint8_t *region;      // per word: belongs to the loop
  uint32_t *row;        // per word: its row of liveness
  JitLabel *loop_label;
  uint64_t *loop_facts;  // as Emit.facts; NULL: there is no loop
  uint8_t
      kinds[MOST_LOOP_ARGUMENTS];  // of its arguments: bits 1 << FACT_INT ...
  uint64_t changes;                // ... bits of those that turns change
  KeepState header;                // of the loop, at its beginning
  JitLabel head, peeled;
  KeepStub *stub;
  unsigned nstubs;
};
#define R_TURNS J_RDI
extern const JitReg keep_gp[KEEP_GP];

// False: memory is out.
bool keep_open(Emit *m);
void keep_close(Emit *m);

// Is the slot read before it is written, from this offset on?
bool keep_live(const Emit *m, uint32_t offset, unsigned slot);
void keep_empty(KeepState *s);
static inline unsigned keep_xmm(unsigned i) {
  return 2 + i;
}
// Index of the register that holds the slot, or -1.
int keep_find_gp(const Emit *m, unsigned source);
int keep_find_fp(const Emit *m, unsigned source);
int keep_find_word(const Emit *m, unsigned source);
// A register for the slot's new value, which is dirty; what held it before is free.
JitReg keep_define_gp(Emit *m, unsigned slot);
unsigned keep_define_fp(Emit *m, unsigned slot);
// The same for the value the slot has.
JitReg keep_load_gp(Emit *m, unsigned slot);
unsigned keep_load_fp(Emit *m, unsigned slot);
// rax is the slot's new word.
void keep_give_word(Emit *m, unsigned slot);
// The register of the source's word, or rax; what was in memory is kept if that is free.
JitReg keep_word_of(Emit *m, unsigned source);
// A register for this instruction alone: its index.
unsigned keep_scratch(Emit *m);
// rsi is free for this instruction.
void keep_release_rsi(Emit *m);
void keep_pin(Emit *m, bool fp, int i);
// The slot is written in memory.
void keep_drop(Emit *m, unsigned slot);
// Tells the Engine's budget what was counted.
void keep_count(Emit *m);
// Stores what is needed from offset on. Keeps rax.
void keep_flush(Emit *m, uint32_t offset);
// The registers hold nothing any more.
void keep_forget(Emit *m);
// r = the word of a slot that is held. Uses rcx.
bool keep_word(Emit *m, JitReg r, unsigned slot);

// The instruction at `offset`, reached from here as the registers are now.
JitLabel keep_label(Emit *m, uint32_t offset);
// The same, reached by returning or failing.
JitLabel keep_arrive(Emit *m, uint32_t offset);
// The instruction at `offset` of the sure version, reached from the general one. False:
// it is not there.
bool keep_again(Emit *m, uint32_t offset, JitLabel *to);
// What of a slot has to be so for that, as bits 1 << fact.
unsigned keep_wants(const Emit *m, uint32_t offset, unsigned slot);
// The instruction at `offset` of the general version, and this one there.
JitLabel keep_general(Emit *m, uint32_t offset);
JitLabel keep_exit(Emit *m);
// A place of this instruction's template that expects everything in memory.
JitLabel keep_stored(Emit *m, JitLabel to);
// This instruction of the loop in the whole version.
JitLabel keep_leave(Emit *m);
// A place that wants this state, reached as the registers are now.
JitLabel keep_jump(Emit *m, JitLabel to, uint32_t offset,
                   const KeepState *want);
// Makes the registers what the state wants, here.
void keep_become(Emit *m, uint32_t offset, const KeepState *want);
void keep_stubs(Emit *m);  // those of the instruction that is done

// ---- operands of templates (emit_keep.c) ---------------------------------------------
bool keep_can_be_int(const Emit *m, unsigned source);
bool keep_surely_int(const Emit *m, unsigned source);
// The register of a slot's integer; what is none leaves. Uses rcx.
JitReg keep_int(Emit *m, unsigned source);
// The operand as a double: its register, or the scratch register x. What is none leaves.
// Uses rax, rcx.
unsigned keep_double(Emit *m, unsigned x, unsigned source);

// ---- terms from registers to registers (emit_words.c) ----------------------------------
// Templates: false where there is nothing to gain.
bool ambi_emit_keep_switch(Emit *m);
bool ambi_emit_keep_child(Emit *m);
bool ambi_emit_keep_make(Emit *m);
bool ambi_emit_keep_chain(Emit *m);
bool ambi_emit_keep_value(Emit *m);
bool ambi_emit_keep_item(Emit *m);

// ---- terms returned in registers (emit_return.c) ---------------------------------------
// MKEXPR: returns the parts if the caller takes them; what is behind it makes the term.
void ambi_emit_return_parts(Emit *m);
// R_STREAM: another way in, if the parts of the term are all that is wanted of it.
void ambi_emit_take_parts(Emit *m);

// ---- from the general version to the sure one (emit_again.c) ----------------------------
// Where an alternative of the fork at hand goes on.
JitLabel ambi_emit_behind_fork(Emit *m);
// The instruction at hand, which takes what was returned: a frame comes to it with that in
// rax. What is behind it goes on in the general version.
void ambi_emit_arrival(Emit *m);

// emit_keep.c: the instruction at hand, from registers to registers.
void ambi_emit_keeping(Emit *m);
// Goes the instruction on without forgetting registers?
bool ambi_emit_keeps(const Code *pc);
// emit_loop.c: both versions of the unit that keep registers.
void ambi_emit_level2(Emit *m);
// Turns a TAILCALL of this very unit into a turn of its loop. False: it is none.
bool ambi_emit_turn(Emit *m);

#endif
