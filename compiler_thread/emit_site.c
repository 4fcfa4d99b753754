// Templates of calls through a variable.
//
// The head is looked up in line. What it goes to stays in the Engine while the
// arguments are made ready, as that uses all scratch registers. A callee without type
// takes any values; one with types has its own way to look at them, behind the call.
#include "compiler_thread/template.h"
#include "runtime/machine/site.h"

typedef struct SiteCode {
  Emit *m;
  unsigned n;           // arguments
  const uint16_t *src;  // theirs
  Variant *shape;
  JitLabel found;  // rdx: the Target, also in the Engine
  JitLabel ready;  // arguments are where they go
} SiteCode;

// ambi_target_is_data of rax: rdx = its Target, else to `not`.
static void is_data(Emit *m, JitLabel not ) {
  Jit *j = m->j;
  emit_want_tag(m, J_RAX, TAG_INT, not );
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_mi(j, J_CMP, 1, jit_at(J_RCX, OFF(CodeState, x_relied)), 0);
  jit_jump_if(j, J_EQ, not );
  jit_mi(j, J_CMP, 1, jit_at(J_RCX, OFF(CodeState, x_odd_rules)), 0);
  jit_jump_if(j, J_NE, not );
  jit_imm(j, J_RDX, (uintptr_t)ambi_target_data());
}

// rdx = the Target of the head in this source. What is not in the table is found out
// by the helper.
static void look_up(Emit *m, unsigned head, const Variant *shape) {
  Jit *j = m->j;
  JitLabel miss = jit_label(j), found = jit_label(j), find = jit_label(j);
  emit_source(m, J_RAX, slot_of(head));
  jit_imm(j, J_RCX, (uintptr_t)&shape->targets);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, 0));
  jit_rr32(j, J_MOV, J_RDX, J_RAX);
  jit_rm32(j, J_AND, J_RDX, jit_at(J_RCX, OFF(Targets, mask)));
  jit_rm(j, J_MOV, J_RDX, jit_at_index(J_RCX, J_RDX, 3, OFF(Targets, at)));
  jit_rm(j, J_CMP, J_RAX, jit_at(J_RDX, OFF(Target, head)));
  jit_jump_if(j, J_NE, miss);
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(CodeState, x_epoch)));
  jit_rm(j, J_CMP, J_RCX, jit_at(J_RDX, OFF(Target, epoch)));
  jit_jump_if(j, J_NE, miss);
  jit_bind(j, found);
  jit_cold(j);
  jit_bind(j, miss);
  is_data(m, find);
  jit_jump(j, found);
  jit_bind(j, find);
  emit_save(j);
  jit_imm(j, J_RCX, (uintptr_t)m->pc);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_imm(j, J_RSI, (uintptr_t)shape);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_call(j, (const void *)(uintptr_t)ambi_target_find);
  jit_rr(j, J_TEST, J_RAX, J_RAX);
  jit_jump_to_if(j, J_EQ, m->em->stubs.stop);
  emit_load(j);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_jump(j, found);
  jit_hot(j);
}

static void want_kind(Emit *m, unsigned kind, JitIf c, JitLabel l) {
  jit_mi(m->j, J_CMP, 4, jit_at(J_RDX, OFF(Target, kind)), (int32_t)kind);
  jit_jump_if(m->j, c, l);
}

static Variant *shape_of(const Emit *m, unsigned k) {
  return (Variant *)(uintptr_t)m->u->k[k];
}

void ambi_emit_CHKHEAD(Emit *m) {
  Jit *j = m->j;
  JitLabel data = jit_label(j);
  look_up(m, m->pc->a, shape_of(m, m->pc->b));
  want_kind(m, TARGET_DATA, J_EQ, data);
  want_kind(m, TARGET_CALL, J_EQ, emit_branch(m, m->pc->c));
  want_kind(m, TARGET_TERM, J_EQ, emit_branch(m, m->pc->c));
  jit_jump(j, emit_slow(m));
  jit_bind(j, data);
}

void ambi_emit_CHKCALL(Emit *m) {
  Jit *j = m->j;
  JitLabel typed = jit_label(j), ok = jit_label(j);
  look_up(m, m->pc[1].half[0], shape_of(m, m->pc->c));
  want_kind(m, TARGET_CALL, J_NE, typed);
  jit_bind(j, ok);
  jit_cold(j);
  jit_bind(j, typed);
  jit_rr(j, J_MOV, J_RSI, J_RDX);
  emit_ask(m, (const void *)(uintptr_t)ambi_target_passes);
  jit_jump_if(j, J_EQ, emit_slow(m));
  jit_jump(j, ok);
  jit_hot(j);
}

// Enters the callee, with the frame at rdi.
static void enter(Emit *m) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RDX, in_engine(OFF(Engine, target)));
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDX, OFF(Target, variant)));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RDX, OFF(Variant, x_unit)));
  jit_lea(j, R_E, emit_new_frame(0));
  jit_mr(j, J_MOV, in_frame(FRAME_UNIT), J_RCX);
  jit_jump_m(j, jit_at(J_RCX, OFF(Unit, enter)));
}

// rax = argument i, if the Target's type takes it as it is.
static void typed_argument(SiteCode *s, unsigned i) {
  Emit *m = s->m;
  Jit *j = m->j;
  JitLabel number = jit_label(j), ok = jit_label(j), slow = emit_slow(m);
  int32_t param = OFF(Target, param) + 8 * (int32_t)i;
  emit_value(m, s->src[i]);
  jit_rm(j, J_MOV, J_RDX, in_engine(OFF(Engine, target)));
  jit_mi(j, J_CMP, 4, jit_at(J_RDX, param), AMB_S_T_NUMBER);
  jit_jump_if(j, J_EQ, number);
  jit_mi(j, J_CMP, 4, jit_at(J_RDX, param), AMB_S_UNDEFINED);
  jit_jump_if(j, J_NE, slow);
  emit_ready(m, emit_slow(m));
  jit_jump(j, ok);
  jit_bind(j, number);
  jit_ri32(j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(j, J_EQ, ok);
  jit_ri32(j, J_AND, J_RCX, 0x7FFF);
  jit_ri32(j, J_CMP, J_RCX, 0x7FF8);
  jit_jump_if(j, J_ABOVE, slow);
  jit_bind(j, ok);
}

static bool in_registers(const SiteCode *s) {
  return (ambi_ops[s->m->pc->op].flags & F_END) && s->n <= EMIT_IN_REGISTERS;
}

// The arguments to registers, or into the frame at rdi.
static void arguments(SiteCode *s, void (*one)(SiteCode *s, unsigned i)) {
  Jit *j = s->m->j;
  bool registers = in_registers(s);
  if (!registers) emit_frame_top(s->m, s->m->pc[1].half[0]);
  for (unsigned i = 0; i < s->n; i++) {
    one(s, i);
    if (!registers)
      jit_mr(j, J_MOV, emit_new_frame((int)i), J_RAX);
    else if (i + 1 < s->n)
      jit_rr(j, J_MOV, emit_argument_register(i, s->n), J_RAX);
  }
}

static void any_argument(SiteCode *s, unsigned i) {
  emit_argument(s->m, s->src[i]);
}

// Applies an operation; what comes behind goes on with its value.
static void apply(SiteCode *s) {
  Emit *m = s->m;
  const void *helper = (const void *)(uintptr_t)ambi_target_apply;
  jit_rr(m->j, J_MOV, J_RSI, J_RDX);
  if (ambi_ops[m->pc->op].flags & F_END) {
    emit_leave_by(m, helper);
    return;
  }
  emit_helper(m, helper, m->at + emit_words(m));
  jit_rm(m->j, J_MOV, J_RAX, in_engine(OFF(Engine, rv)));
  jit_jump(m->j, emit_next(m));
}

// A head that is an expression.
static void enter_term(Emit *m) {
  const Code *back = (ambi_ops[m->pc->op].flags & F_END)
                         ? NULL
                         : emit_position(m, m->at + ambi_op_words(m->pc));
  jit_imm(m->j, J_RSI, (uintptr_t)back);
  emit_leave_by(m, (const void *)(uintptr_t)ambi_target_enter);
}

// rdx: a Target of another kind.
static void other_kinds(SiteCode *s) {
  Emit *m = s->m;
  Jit *j = m->j;
  JitLabel applied = jit_label(j), other = jit_label(j);
  const Code *label = m->pc + ambi_op_words(m->pc) - 1;
  want_kind(m, TARGET_DATA, J_EQ, emit_branch(m, label->b));
  want_kind(m, TARGET_TERM, J_NE, other);
  enter_term(m);
  jit_bind(j, other);
  if (is_checked(m->pc[1].half[1])) {  // members are values: no types any more
    jit_jump(j, emit_slow(m));
    return;
  }
  want_kind(m, TARGET_APPLY, J_EQ, applied);
  want_kind(m, TARGET_TYPED, J_NE, emit_slow(m));
  arguments(s, typed_argument);
  jit_jump(j, s->ready);
  jit_bind(j, applied);
  apply(s);
}

static SiteCode open_site(Emit *m) {
  SiteCode s = {.m = m,
                .n = m->pc->b - 1u,
                .src = m->pc[1].half + 2,
                .shape = shape_of(m, m->pc->c),
                .ready = jit_label(m->j)};
  return s;
}

// Up to where the arguments are ready.
static JitLabel begin(SiteCode *s) {
  Emit *m = s->m;
  JitLabel other = jit_label(m->j);
  look_up(m, m->pc[1].half[1], s->shape);
  jit_mr(m->j, J_MOV, in_engine(OFF(Engine, target)), J_RDX);
  want_kind(m, TARGET_CALL, J_NE, other);
  arguments(s, any_argument);
  jit_bind(m->j, s->ready);
  return other;
}

void ambi_emit_CALLV(Emit *m) {
  Jit *j = m->j;
  SiteCode s = open_site(m);
  JitLabel other = begin(&s);
  if (m->pc->a != NO_SLOT) emit_to_slot(m, m->pc->a, R_B);
  jit_mr(j, J_MOV, emit_new_frame(FRAME_PREV), R_E);
  const Code *back = emit_position(m, m->at + ambi_op_words(m->pc));
  jit_imm(j, J_RCX, (uintptr_t)back);
  jit_mr(j, J_MOV, emit_new_frame(FRAME_RET), J_RCX);
  enter(m);
  jit_bind(j, other);
  other_kinds(&s);
}

void ambi_emit_TAILCALLV(Emit *m) {
  SiteCode s = open_site(m);
  if (!in_registers(&s)) {
    jit_jump(m->j, emit_slow(m));
    return;
  }
  JitLabel other = begin(&s);
  emit_tail_few(m, s.n);
  enter(m);
  jit_bind(m->j, other);
  other_kinds(&s);
}
