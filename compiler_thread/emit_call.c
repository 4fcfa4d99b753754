// Templates of calls and returns.
//
// A call reads the callee from its Variant each time, so that a call after a change
// of rules sees the new ones. The callee makes sure of room for its slots; header
// and arguments are written before, into the spare words behind the stack's end.
#include "compiler_thread/template.h"
#include "runtime/machine/step.h"

enum { MOST_ARGUMENTS = 200 };
static const JitReg scratch[EMIT_IN_REGISTERS] = {J_R8, J_R9, J_R10, J_R11,
                                                  J_RSI};

enum { HEADER_BYTES = FRAME_HEADER * 8 };

JitMem emit_new_frame(int word) {
  return jit_at(J_RDI, HEADER_BYTES + word * 8);
}

void emit_frame_top(Emit *m, unsigned size) {
  Jit *j = m->j;
  jit_lea(j, J_RDI, in_slot(size));
  jit_rm(j, J_CMP, J_RDI, in_record(OFF(Choice, top)));
  Aside low = emit_aside(m, J_ABOVE_EQ, J_BELOW);
  jit_rm(j, J_MOV, J_RDI, in_record(OFF(Choice, top)));
  emit_back(m, low);
}

void emit_argument(Emit *m, unsigned source) {
  emit_source(m, J_RAX, source);
  if (is_checked(source) && !emit_is_ready(m, slot_of(source)))
    emit_ready(m, emit_slow(m));
}

// The same, of argument i of a call.
static void argument(Emit *m, unsigned i) {
  emit_argument(m, m->pc[1].half[1 + i]);
}

void emit_is_self(Emit *m, JitReg scratch_register) {
  if (!m->u->of) {
    jit_rm(m->j, J_CMP, J_RCX, in_frame(FRAME_UNIT));
    return;
  }
  jit_imm(m->j, scratch_register, (uintptr_t)m->u->of);
  jit_rr(m->j, J_CMP, J_RCX, scratch_register);
}

// Calls of this very unit do not ask where to go.
static void go_to_self(Emit *m, JitLabel other) {
  Jit *j = m->j;
  emit_is_self(m, J_RAX);
  jit_jump_if(j, J_NE, other);
  if (m->u->of) jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_UNIT));
  jit_lea(j, R_E, emit_new_frame(0));
  jit_mr(j, J_MOV, in_frame(FRAME_UNIT), J_RCX);
  jit_jump(j, m->self);
}

// Enters the callee, with the frame at rdi. Level 1 calls itself as it calls others,
// so that level 2 gets all calls once it is there.
static void go(Emit *m) {
  Jit *j = m->j;
  const Variant *v = (const Variant *)(uintptr_t)m->u->k[m->pc->c];
  bool self = emit_calls_self(m, m->pc) && m->level > 1;
  JitLabel other = jit_label(j);
  jit_imm(j, J_RDX, (uintptr_t)v);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RDX, OFF(Variant, x_unit)));
  if (self) go_to_self(m, other);
  jit_bind(j, other);
  jit_lea(j, R_E, emit_new_frame(0));
  jit_mr(j, J_MOV, in_frame(FRAME_UNIT), J_RCX);
  jit_jump_m(j, jit_at(J_RCX, OFF(Unit, enter)));
}

void ambi_emit_CALL(Emit *m) {
  Jit *j = m->j;
  const Code *pc = m->pc;
  unsigned n = pc->b;
  if (n > MOST_ARGUMENTS) {
    jit_jump(j, emit_slow(m));
    return;
  }
  emit_frame_top(m, pc[1].half[0]);
  for (unsigned i = 0; i < n; i++) {
    argument(m, i);
    jit_mr(j, J_MOV, emit_new_frame((int)i), J_RAX);
  }
  if (pc->a != NO_SLOT) emit_to_slot(m, pc->a, R_B);
  jit_mr(j, J_MOV, emit_new_frame(FRAME_PREV), R_E);
  const Code *back = emit_position(m, m->at + ambi_op_words(pc));
  jit_imm(j, J_RCX, (uintptr_t)back);
  jit_mr(j, J_MOV, emit_new_frame(FRAME_RET), J_RCX);
  go(m);
}

JitReg emit_argument_register(unsigned i, unsigned n) {
  return i + 1 < n ? scratch[i] : J_RAX;
}

// Does the unit pass this argument on to itself as it stands?
static bool stays(const Emit *m, unsigned i) {
  unsigned source = m->pc[1].half[1 + i];
  return source == i ||
         (is_checked(source) && slot_of(source) == i && emit_is_ready(m, i));
}

// Few arguments go through registers over this frame's slots.
static void load_few(Emit *m, unsigned n, bool self) {
  for (unsigned i = 0; i < n; i++) {
    if (self && stays(m, i)) continue;
    argument(m, i);
    if (i + 1 < n) jit_rr(m->j, J_MOV, scratch[i], J_RAX);
  }
}

void emit_may_turn(Emit *m, JitLabel other) {
  Jit *j = m->j;
  jit_imm(j, J_RDI, m->u->k[m->pc->c]);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RDI, OFF(Variant, x_unit)));
  emit_is_self(m, J_RDI);
  jit_jump_if(j, J_NE, other);
  jit_lea(j, J_RDI, in_slot((unsigned)-FRAME_HEADER));
  jit_rm(j, J_CMP, J_RDI, in_record(OFF(Choice, top)));
  jit_jump_if(j, J_BELOW, other);
}

// A turn of a loop: this unit again, in this frame, which has the arguments.
static void turned(Emit *m) {
  Jit *j = m->j;
  if (!m->sure || !m->passed) {
    jit_jump(j, m->again);
    return;
  }
  jit_mi(j, J_SUB, 8, in_engine(OFF(Engine, budget)), 1);
  jit_jump_if(j, J_SIGN, m->poll);
  emit_counted_call(m);
  jit_jump(j, emit_sure_at(m, 0));
}

static void turn(Emit *m, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (!stays(m, i)) emit_to_slot(m, i, emit_argument_register(i, n));
  turned(m);
}

// rax is the only argument that changes. A rigid term needs nothing but its mark.
static void turn_with(Emit *m, unsigned argument, JitLabel other) {
  Jit *j = m->j;
  emit_want_tag(m, J_RAX, TAG_EXPR, other);
  jit_ri32(j, J_TEST, J_RAX, AMB_EXPR_RIGID);
  jit_jump_if(j, J_EQ, other);
  emit_rigid_holds(m, other);
  jit_ri(j, J_OR, J_RAX, AMB_EXPR_EVAL);
  emit_to_slot(m, argument, J_RAX);
  turned(m);
}

void emit_turn_again(Emit *m, unsigned argument) {
  JitLabel other = jit_label(m->j);
  unsigned n = m->pc->b;
  bool only = argument < n && !stays(m, argument);
  for (unsigned i = 0; i < n; i++)
    only &= i == argument || stays(m, i);
  if (only) turn_with(m, argument, other);
  jit_bind(m->j, other);
  load_few(m, n, true);
  turn(m, n);
}

void emit_tail_few(Emit *m, unsigned n) {
  Jit *j = m->j;
  JitLabel far = jit_label(j), ok = jit_label(j);
  jit_lea(j, J_RDI, in_slot((unsigned)-FRAME_HEADER));
  jit_rm(j, J_CMP, J_RDI, in_record(OFF(Choice, top)));
  jit_jump_if(j, J_BELOW, far);
  jit_bind(j, ok);
  for (unsigned i = 0; i < n; i++)
    jit_mr(j, J_MOV, emit_new_frame((int)i), emit_argument_register(i, n));
  jit_cold(j);
  jit_bind(j, far);
  jit_lea(j, J_RDI, in_slot(m->pc[1].half[0]));
  jit_rm(j, J_CMP, J_RDI, in_record(OFF(Choice, top)));
  JitSkip above = jit_skip_if(j, J_ABOVE_EQ);
  jit_rm(j, J_MOV, J_RDI, in_record(OFF(Choice, top)));
  jit_skip_to_here(j, above);
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_PREV));
  jit_mr(j, J_MOV, emit_new_frame(FRAME_PREV), J_RCX);
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_RET));
  jit_mr(j, J_MOV, emit_new_frame(FRAME_RET), J_RCX);
  jit_jump(j, ok);
  jit_hot(j);
}

// What stays in its slot was not loaded.
static void load_kept(Emit *m, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (stays(m, i))
      jit_rm(m->j, J_MOV, emit_argument_register(i, n), in_slot(i));
}

static void tail_in_registers(Emit *m, unsigned n) {
  bool self = emit_calls_self(m, m->pc);
  load_few(m, n, self);
  if (self) {
    JitLabel other = jit_label(m->j);
    emit_may_turn(m, other);
    turn(m, n);
    jit_bind(m->j, other);
    load_kept(m, n);
  }
  emit_tail_few(m, n);
}

// Many are put above and brought down when this frame may be overwritten.
static void tail_many(Emit *m, unsigned n) {
  Jit *j = m->j;
  JitLabel reuse = jit_label(j), done = jit_label(j);
  emit_frame_top(m, m->pc[1].half[0]);
  for (unsigned i = 0; i < n; i++) {
    argument(m, i);
    jit_mr(j, J_MOV, emit_new_frame((int)i), J_RAX);
  }
  jit_lea(j, J_RSI, in_slot((unsigned)-FRAME_HEADER));
  jit_rm(j, J_CMP, J_RSI, in_record(OFF(Choice, top)));
  jit_jump_if(j, J_ABOVE_EQ, reuse);
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_PREV));
  jit_mr(j, J_MOV, emit_new_frame(FRAME_PREV), J_RCX);
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_RET));
  jit_mr(j, J_MOV, emit_new_frame(FRAME_RET), J_RCX);
  jit_jump(j, done);
  jit_bind(j, reuse);
  for (unsigned i = 0; i < n; i++) {
    jit_rm(j, J_MOV, J_RAX, emit_new_frame((int)i));
    jit_mr(j, J_MOV, in_slot(i), J_RAX);
  }
  jit_rr(j, J_MOV, J_RDI, J_RSI);
  jit_bind(j, done);
}

void ambi_emit_TAILCALL(Emit *m) {
  if (m->pc->b > MOST_ARGUMENTS) {
    jit_jump(m->j, emit_slow(m));
    return;
  }
  if (m->pc->b <= EMIT_IN_REGISTERS)
    tail_in_registers(m, m->pc->b);
  else
    tail_many(m, m->pc->b);
  go(m);
}

// rax = a value to be returned.
static void result(Emit *m, unsigned source) {
  if (emit_last(m, J_RAX, source))
    jit_shift(m->j, J_ROR, J_RAX, 16);
  else
    emit_source(m, J_RAX, source);
}

void ambi_emit_RET(Emit *m) {
  result(m, m->pc->a);
  emit_return(m);
}

void ambi_emit_RETRV(Emit *m) {
  emit_return(m);
}

// An atom as the value of a body of this type; tag in ecx.
static void want_result(Emit *m, Value type, JitLabel ok, JitLabel slow) {
  Jit *j = m->j;
  if (type.w == AMB_SYM(UNDEFINED).w) {
    emit_routine(m, SHARED_RESULT_ANY, ok, slow);
  } else if (type.w == AMB_SYM(T_NUMBER).w) {
    emit_routine(m, SHARED_RESULT_NUMBER, ok, slow);
  } else {
    if (type.w == AMB_SYM(T_BOOL).w) {
      jit_rr(j, J_MOV, J_RDX, J_RAX);
      jit_ri(j, J_OR, J_RDX, 1);
      jit_imm(j, J_RCX, AMB_TRUE.w);
      jit_rr(j, J_CMP, J_RDX, J_RCX);
      jit_jump_if(j, J_EQ, ok);
    }
    jit_jump(j, slow);
  }
}

typedef struct Body {
  unsigned slot;
  Value type;
  bool whole;               // a variable's value may have lost its mark
  bool bound;               // ... and does where marks do not hold
  void (*finish)(Emit *m);  // rax: the value
} Body;

// Its word alone does not tell whether it is returned as it is.
static void look_at_value(Emit *m, unsigned slot, JitLabel ok) {
  Jit *j = m->j;
  emit_source(m, J_RSI, slot);
  emit_ask(m, (const void *)(uintptr_t)ambi_body_stays);
  jit_jump_if(j, J_EQ, emit_slow(m));
  jit_rm(j, J_MOV, J_RAX, in_engine(OFF(Engine, rv)));
  jit_jump(j, ok);
}

// The value of a body, where it needs no evaluation.
static void body(Emit *m, Body b) {
  Jit *j = m->j;
  bool looks = b.type.w == AMB_SYM(UNDEFINED).w;
  JitLabel ok = jit_label(j), atom = jit_label(j),
           slow = looks ? jit_label(j) : emit_slow(m);
  if (emit_known(m, b.slot, FACT_INT) &&
      (b.type.w == AMB_SYM(UNDEFINED).w || b.type.w == AMB_SYM(T_NUMBER).w)) {
    result(m, b.slot);
    b.finish(m);
    return;
  }
  if (b.whole) {
    emit_source(m, J_RAX, b.slot);
    emit_tag(m, J_RCX, J_RAX);
  } else {
    emit_value(m, b.slot);
  }
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, atom);
  if (b.bound) emit_rigid_holds(m, slow);
  emit_routine(m, b.whole ? SHARED_FIRM : SHARED_OWN, ok, slow);
  jit_bind(j, ok);
  b.finish(m);
  jit_cold(j);
  jit_bind(j, atom);
  want_result(m, b.type, ok, slow);
  if (looks) {
    jit_bind(j, slow);
    look_at_value(m, b.slot, ok);
  }
  jit_hot(j);
}

void ambi_emit_RETV(Emit *m) {
  body(m, (Body){.slot = m->pc->a,
                 .type = AMB_V(m->u->k[m->pc->b]),
                 .whole = m->pc->c != 1,
                 .bound = m->pc->c == 2,
                 .finish = emit_return});
}

static void to_slot(Emit *m) {
  emit_to_slot(m, m->pc->a, J_RAX);
}

void ambi_emit_VALUE(Emit *m) {
  body(m, (Body){.slot = m->pc->b,
                 .type = AMB_V(m->u->k[m->pc->c]),
                 .finish = to_slot});
}

// ---- inlined bodies --------------------------------------------------------------------
// No step is counted: that would be the dearest part of a small body.
void ambi_emit_INLINED(Emit *m) {
  Jit *j = m->j;
  const InlinedBody *inlined = &m->u->bodies[m->pc->a];
  jit_imm(j, J_RDX, (uintptr_t)&inlined->variant->x_unit);
  jit_imm(j, J_RCX, (uintptr_t)inlined->unit);
  jit_mr(j, J_CMP, jit_at(J_RDX, 0), J_RCX);
  jit_jump_if(j, J_NE, emit_branch(m, m->pc->c));
}

void ambi_emit_TAKE(Emit *m) {
  emit_source(m, J_RAX, m->pc->b);
  if (!emit_is_ready(m, slot_of(m->pc->b))) emit_ready(m, emit_slow(m));
  emit_to_slot(m, m->pc->a, J_RAX);
}

// ---- going elsewhere ------------------------------------------------------------------
void ambi_emit_JUMP(Emit *m) {
  jit_jump(m->j, emit_branch(m, m->pc->c));
}

void ambi_emit_FAIL(Emit *m) {
  emit_fail(m);
}
