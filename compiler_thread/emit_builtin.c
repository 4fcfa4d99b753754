// Templates of operations: division, remainder, roots, least and greatest of numbers
// in line, the others by their helper.
//
// Like arithmetic elsewhere, the sure version goes on with integers only; doubles and
// whatever the helper gives go on in the general one.
#include "compiler_thread/template.h"
#include "runtime/builtins/builtin.h"
#include "runtime/machine/step.h"

static unsigned operand(const Emit *m, unsigned i) {
  return ambi_op_list(m->pc)[i];
}

// What follows: behind the instruction that takes further results.
static uint32_t behind(const Emit *m) {
  return m->at + emit_words(m) + 1;
}

static void by_helper(Emit *m, JitLabel at) {
  Jit *j = m->j;
  jit_cold(j);
  jit_bind(j, at);
  emit_helper_cold(m, (const void *)(uintptr_t)ambi_step_builtin_call,
                   behind(m));
  jit_hot(j);
}

// r = the operand as a signed integer; no INT: to `other`. Uses rcx.
static void integer(Emit *m, JitReg r, unsigned source, JitLabel other) {
  Jit *j = m->j;
  if (is_constant(source) && ambi_is_int(constant(m, source))) {
    jit_imm(j, r, (uint64_t)ambi_int_of(constant(m, source)));
    return;
  }
  emit_source(m, r, source);
  if (!emit_known(m, source, FACT_INT)) emit_want_tag(m, r, TAG_INT, other);
  jit_shift(j, J_SHL, r, 16);
  jit_shift(j, J_SAR, r, 16);
}

// rax, an integer that fits, to slot a.
static void give_integer(Emit *m) {
  Jit *j = m->j;
  jit_shift(j, J_SHL, J_RAX, 16);
  jit_ri(j, J_OR, J_RAX, TAG_INT);
  jit_shift(j, J_ROR, J_RAX, 16);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_jump(j, emit_label(m, behind(m)));
}

// xmm0 to slot a, if it is a number.
static void give_double(Emit *m, JitLabel slow) {
  Jit *j = m->j;
  jit_float(j, J_FCMP, 0, 0);
  jit_jump_if(j, J_PARITY, slow);
  jit_from_float(j, J_RAX, 0);
  emit_to_slot(m, m->pc->a, J_RAX);
  jit_jump(j, emit_general_at(m, behind(m)));
}

// xmm x = the operand, a double; else to `slow`. Uses rax, rcx.
static void floating(Emit *m, unsigned x, unsigned source, JitLabel slow) {
  Jit *j = m->j;
  emit_source(m, J_RAX, source);
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_AND, J_RCX, 0x7FFF);
  jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
  jit_jump_if(j, J_ABOVE, slow);
  jit_to_float(j, x, J_RAX);
}

static void divide(Emit *m, bool remainder) {
  Jit *j = m->j;
  JitLabel other = jit_label(j), slow = jit_label(j);
  integer(m, J_RAX, operand(m, 0), other);
  integer(m, J_RSI, operand(m, 1), other);
  jit_rr(j, J_TEST, J_RSI, J_RSI);
  jit_jump_if(j, J_LE, slow);  // nothing to fear of a positive divisor
  jit_divide(j, J_RSI);
  if (remainder) jit_rr(j, J_MOV, J_RAX, J_RDX);
  give_integer(m);
  jit_cold(j);
  jit_bind(j, other);
  if (remainder) {
    jit_jump(j, slow);
  } else {
    floating(m, 0, operand(m, 0), slow);
    floating(m, 1, operand(m, 1), slow);
    emit_note(m, SEEN_DOUBLE);
    jit_float(j, J_FDIV, 0, 1);
    give_double(m, slow);
  }
  jit_hot(j);
  by_helper(m, slow);
}

static void quotient(Emit *m) {
  divide(m, false);
}
static void rest(Emit *m) {
  divide(m, true);
}

static void root(Emit *m) {
  Jit *j = m->j;
  JitLabel slow = jit_label(j);
  floating(m, 0, operand(m, 0), slow);
  jit_float(j, J_FSQRT, 0, 0);
  give_double(m, slow);
  by_helper(m, slow);
}

static void extreme(Emit *m, JitIf first) {
  Jit *j = m->j;
  JitLabel slow = jit_label(j), done = jit_label(j);
  integer(m, J_RAX, operand(m, 0), slow);
  integer(m, J_RSI, operand(m, 1), slow);
  jit_rr(j, J_CMP, J_RAX, J_RSI);
  jit_jump_if(j, first, done);
  jit_rr(j, J_MOV, J_RAX, J_RSI);
  jit_bind(j, done);
  give_integer(m);
  by_helper(m, slow);
}
static void least(Emit *m) {
  extreme(m, J_LE);
}
static void greatest(Emit *m) {
  extreme(m, J_GE);
}

static const struct Inlined {
  uint16_t op, operands;
  void (*emit)(Emit *m);
  bool integer;  // what the sure version goes on with
} inlined[] = {{OP_DIV, 2, quotient, true},
               {OP_REM, 2, rest, true},
               {OP_SQRT_MATH, 1, root, false},
               {OP_MIN, 2, least, true},
               {OP_MAX, 2, greatest, true}};

static const struct Inlined *find(const Code *pc) {
  for (size_t i = 0; i < sizeof inlined / sizeof *inlined; i++)
    if (inlined[i].op == pc->c && inlined[i].operands == pc->b)
      return &inlined[i];
  return NULL;
}

bool ambi_emit_gives_integer(const Code *pc) {
  const struct Inlined *x = find(pc);
  return x && x->integer;
}

void ambi_emit_BUILTIN(Emit *m) {
  const struct Inlined *x = find(m->pc);
  if (x)
    x->emit(m);
  else
    emit_helper(m, (const void *)(uintptr_t)ambi_step_builtin_call, behind(m));
}
