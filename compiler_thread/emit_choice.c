// Templates of choice records, forks and collectors.
#include "compiler_thread/keep.h"
#include "runtime/machine/step.h"

static void aux_is_unit(Emit *m) {  // of the record at rdx
  jit_imm(m->j, J_RCX, AMB_UNIT.w);
  jit_mr(m->j, J_MOV, jit_at(J_RDX, OFF(Choice, aux)), J_RCX);
}

static const Code *alternative(Emit *m) {
  return emit_position(m, emit_offset(m, (int16_t)m->pc->c));
}

void emit_try(Emit *m, const Code *resume) {
  emit_push_choice(m, resume);
  aux_is_unit(m);
}

void ambi_emit_TRY(Emit *m) {
  emit_try(m, alternative(m));
}

static void resume_at(Emit *m) {
  jit_imm(m->j, J_RCX, (uintptr_t)alternative(m));
  jit_mr(m->j, J_MOV, in_record(OFF(Choice, resume)), J_RCX);
}

void ambi_emit_RETRY(Emit *m) {
  resume_at(m);
}
void ambi_emit_SETALT(Emit *m) {
  resume_at(m);
}
void ambi_emit_TRUST(Emit *m) {
  emit_pop_choice(m);
}
void ambi_emit_CASE_NONE(Emit *m) {
  emit_pop_choice(m);
}
void ambi_emit_POPALT(Emit *m) {
  emit_pop_choice(m);
}

// ---- forks over a list ---------------------------------------------------------------
static const Code fork_next[1] = {{.op = OP_I_FORK_NEXT}};

// In the general version it says which fork it is of (native.h).
static const Code *fork_landing(Emit *m, JitLabel resume) {
  const Code *position = emit_landing(m, resume, fork_next);
  Code code = {{.op = OP_I_NATIVE, .b = (uint16_t)m->at, .c = !m->sure}};
  m->native->landings[m->native->nlandings - 1].code = code.w;
  return position;
}

// rsi = address of the first child of the EXPR in rax, rdi = its object. Lists that
// programs take apart and put together are views.
static void children(Emit *m) {
  Jit *j = m->j;
  JitLabel view = jit_label(j), have = jit_label(j);
  emit_flat(m, J_RDI, J_RAX, view);
  jit_lea(j, J_RSI, in_object(J_RDI, 8));
  jit_bind(j, have);
  jit_cold(j);
  jit_bind(j, view);
  jit_rm(j, J_MOV, J_RSI, in_object(J_RDI, 16));
  jit_jump(j, have);
  jit_hot(j);
}

// The integer in rax, or that constant, is the alternative. A register of level 2 has
// it, or the slot.
static void alternative_is(Emit *m, JitReg kept, Value first) {
  Jit *j = m->j;
  bool fixed = !ambi_is_none(first);
  if (kept != J_NONE && fixed) {
    jit_imm(j, kept, first.w << 16);
  } else if (kept != J_NONE) {
    jit_shift(j, J_SHL, J_RAX, 16);
    jit_rr(j, J_MOV, kept, J_RAX);
  } else {
    if (fixed) jit_imm(j, J_RAX, first.w);
    emit_to_slot(m, m->pc->a, J_RAX);
  }
}

// Level 1: notes that the alternative whose tag is in ecx is no integer.
static void note_other(Emit *m) {
  if (!m->native->seen) return;
  jit_ri32(m->j, J_CMP, J_RCX, TAG_INT);
  JitSkip integer = jit_skip_if(m->j, J_EQ);
  emit_note(m, SEEN_DOUBLE);
  jit_skip_to_here(m->j, integer);
}

// rax, and the cursor in rdx goes on; falls through behind the last one. The record's
// object is in rdi. A register of level 2 has the alternative, or the slot.
static void take_alternative(Emit *m, JitReg kept, JitLabel next) {
  Jit *j = m->j;
  jit_ri(j, J_ADD, J_RDX, 1);
  jit_mr(j, J_MOV, in_record(OFF(Choice, cursor)), J_RDX);
  alternative_is(m, kept, AMB_NONE);
  jit_rm32(j, J_CMP, J_RDX, in_object(J_RDI, 0));
  jit_jump_if(j, J_NE, next);
  emit_pop_choice(m);
}

// ---- the next one of a fork --------------------------------------------------------------
// The record's next alternative; where FORKV's landing leads. kept: integers are
// wanted, all else goes on in the general version.
static void next_alternative(Emit *m, JitLabel resume, JitReg kept) {
  Jit *j = m->j;
  JitLabel variable = jit_label(j), other = jit_label(j), ok = jit_label(j);
  jit_bind(j, resume);
  jit_rm(j, J_MOV, J_RAX, in_record(OFF(Choice, aux)));
  jit_rm(j, J_MOV, J_RDX, in_record(OFF(Choice, cursor)));
  children(m);
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RSI, J_RDX, 3, 0));
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(j, J_CMP, J_RCX, kept == J_NONE ? TAG_VAR : TAG_INT);
  if (kept == J_NONE)
    jit_jump_if(j, J_EQ, variable);
  else
    jit_jump_if(j, J_NE, other);
  jit_bind(j, ok);
  if (kept == J_NONE) note_other(m);
  JitLabel next = ambi_emit_behind_fork(m);
  take_alternative(m, kept, next);
  if (!m->sure) jit_jump(j, next);
  jit_cold(j);
  if (kept != J_NONE) {
    JitLabel found = jit_label(j);
    jit_bind(j, other);
    jit_ri32(j, J_CMP, J_RCX, TAG_VAR);
    jit_jump_if(j, J_NE, found);
    jit_call_to(j, m->em->stubs.deref);
    jit_bind(j, found);
    take_alternative(m, J_NONE, emit_general_next(m));
    jit_jump(j, emit_general_next(m));
  } else {
    jit_bind(j, variable);
    jit_call_to(j, m->em->stubs.deref);
    jit_jump(j, ok);
  }
  jit_hot(j);
}

// ---- alternatives that are written in the program -----------------------------------------
static bool leads_to(const Unit *u, uint32_t at, uint32_t offset) {
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  if (op->operands[2] == 'L' && at + (uint32_t)(int16_t)pc->c == offset)
    return true;
  return (op->flags & (X_VARL | X_ELSE)) &&
         at + (uint32_t)(int16_t)pc[ambi_op_words(pc) - 1].b == offset;
}

bool emit_is_target(const Emit *m, uint32_t offset) {
  const Unit *u = m->u;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (leads_to(u, at, offset)) return true;
  for (uint32_t i = 0; i < u->nedges; i++)
    if (u->edges[i].to == offset) return true;
  for (uint32_t i = 0; i < u->nswitches; i++) {
    const Switch *s = &u->switches[i];
    if (s->other == offset || s->open == offset) return true;
    for (uint32_t k = 0; k < s->n; k++)
      if (s->cases[k].to == offset) return true;
  }
  return false;
}

// (superpose (1 2 3)): a MOVE of the list, and nothing jumps in between.
Value ambi_emit_literal_fork(const Emit *m, uint32_t at) {
  const Code *fork = m->u->code + at, *move = fork - 1;
  if (at == 0 || m->wanted[at - 1] != 1 || move->op != OP_I_MOVE ||
      move->a != fork->b || !is_constant(move->b) || emit_is_target(m, at))
    return AMB_NONE;
  Value list = constant(m, move->b);
  if (!ambi_is_expr(list) || ambi_expr_size(list) < 2) return AMB_NONE;
  for (uint32_t i = 0; i < ambi_expr_size(list); i++)
    if (!ambi_is_int(ambi_expr_items(list)[i])) return AMB_NONE;
  return list;
}

static void fork_literal(Emit *m, Value list) {
  Jit *j = m->j;
  JitLabel resume = jit_label(j);
  const Value *items = ambi_expr_items(list);
  emit_push_choice(m, fork_landing(m, resume));
  jit_imm(j, J_RCX, list.w);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, aux)), J_RCX);
  jit_mi(j, J_MOV, 8, jit_at(J_RDX, OFF(Choice, cursor)), 1);
  jit_imm(j, J_RCX, (uintptr_t)m->pc);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, next)), J_RCX);
  JitReg kept = m->keep && m->keep->on ? keep_define_gp(m, m->pc->a) : J_NONE;
  alternative_is(m, kept, items[0]);
  jit_jump(j, emit_next(m));
  jit_bind(j, resume);
  if (ambi_expr_size(list) == 2) {
    alternative_is(m, kept, items[1]);
    emit_pop_choice(m);
    return;
  }
  jit_rm(j, J_MOV, J_RDX, in_record(OFF(Choice, cursor)));
  jit_imm(j, J_RSI, (uintptr_t)items);
  jit_rm(j, J_MOV, J_RAX, jit_at_index(J_RSI, J_RDX, 3, 0));
  jit_ri(j, J_ADD, J_RDX, 1);
  jit_mr(j, J_MOV, in_record(OFF(Choice, cursor)), J_RDX);
  alternative_is(m, kept, AMB_NONE);
  jit_ri32(j, J_CMP, J_RDX, (int32_t)ambi_expr_size(list));
  jit_jump_if(j, J_NE, emit_next(m));
  emit_pop_choice(m);
}

bool ambi_emit_forks_numbers(const Emit *m, uint32_t at) {
  return m->level > 1 && !(m->seen && (m->seen[at] & SEEN_DOUBLE));
}

void ambi_emit_FORKV(Emit *m) {
  Value literal = ambi_emit_literal_fork(m, m->at);
  if (!ambi_is_none(literal)) {
    fork_literal(m, literal);
    return;
  }
  Jit *j = m->j;
  JitLabel resume = jit_label(j), slow = emit_slow(m);
  bool numbers = m->sure && ambi_emit_forks_numbers(m, m->at);
  emit_value(m, m->pc->b);
  jit_ri32(j, J_CMP, J_RCX, TAG_EXPR);
  jit_jump_if(j, J_NE, slow);
  children(m);
  jit_mi(j, J_CMP, 4, in_object(J_RDI, 0), 1);
  jit_jump_if(j, J_EQ, slow);
  jit_rm(j, J_MOV, J_RSI, jit_at(J_RSI, 0));
  emit_tag(m, J_RCX, J_RSI);
  jit_ri32(j, J_CMP, J_RCX, numbers ? TAG_INT : TAG_VAR);
  jit_jump_if(j, numbers ? J_NE : J_EQ, numbers ? emit_general(m) : slow);
  if (!numbers) note_other(m);
  emit_push_choice(m, fork_landing(m, resume));
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, aux)), J_RAX);
  jit_mi(j, J_MOV, 8, jit_at(J_RDX, OFF(Choice, cursor)), 1);
  jit_imm(j, J_RCX, (uintptr_t)m->pc);
  jit_mr(j, J_MOV, jit_at(J_RDX, OFF(Choice, next)), J_RCX);
  jit_rr(j, J_MOV, J_RAX, J_RSI);
  JitReg kept = numbers ? keep_define_gp(m, m->pc->a) : J_NONE;
  alternative_is(m, kept, AMB_NONE);
  jit_jump(j, emit_next(m));
  next_alternative(m, resume, kept);
}

// ---- case and once -------------------------------------------------------------------
void ambi_emit_CASE(Emit *m) {
  emit_to_slot(m, m->pc->a, R_B);
  emit_push_choice(m, alternative(m));
  aux_is_unit(m);
}

void ambi_emit_ONCE(Emit *m) {
  Jit *j = m->j;
  JitLabel resume = jit_label(j);
  emit_to_slot(m, m->pc->a, R_B);
  emit_push_choice(m, emit_landing(m, resume, ambi_once_fail));
  aux_is_unit(m);
  jit_imm(j, J_RCX, (uintptr_t)m->pc);
  jit_mr(j, J_MOV, in_record(OFF(Choice, next)), J_RCX);
  jit_cold(j);
  jit_bind(j, resume);
  emit_pop_choice(m);
  jit_jump_to(j, m->em->stubs.fail);
  jit_hot(j);
}

// ---- collectors ------------------------------------------------------------------------
// With a spare hook, as ambi_hook_new takes one.
static void begin_with_spare(Emit *m) {
  Jit *j = m->j;
  jit_mi(j, J_CMP, 8, in_engine(OFF(Engine, spare_hooks)), 0);
  jit_jump_if(j, J_EQ, emit_slow(m));
  emit_to_slot(m, m->pc->a, R_B);
  emit_push_choice(m, alternative(m));
  aux_is_unit(m);
  jit_rm(j, J_MOV, J_RDI, in_engine(OFF(Engine, spare_hooks)));
  jit_mr(j, J_MOV, in_record(OFF(Choice, hook)), J_RDI);
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RDI, OFF(Hook, old)));
  jit_mr(j, J_MOV, in_engine(OFF(Engine, spare_hooks)), J_RCX);
  jit_mi(j, J_SUB, 4, in_engine(OFF(Engine, nspare)), 1);
  jit_mi(j, J_MOV, 8, jit_at(J_RDI, OFF(Hook, old)), 0);
  jit_mi(j, J_MOV, 4, jit_at(J_RDI, OFF(Hook, kind)), HOOK_COLLECT);
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, effects)));
  jit_mr(j, J_MOV, jit_at(J_RDI, OFF(Hook, effects)), J_RCX);
  jit_rm(j, J_MOV, J_RCX, in_context(OFF(Context, limits.steps_used)));
  jit_mr(j, J_MOV, jit_at(J_RDI, OFF(Hook, steps)), J_RCX);
  jit_imm(j, J_RCX, (uintptr_t)m->pc);
  jit_mr(j, J_MOV, in_record(OFF(Choice, next)), J_RCX);
}

void ambi_emit_COLLECT(Emit *m) {
  if (emit_thick(m) && m->pc->b == 0) {
    begin_with_spare(m);
    return;
  }
  jit_imm(m->j, J_RSI, (uintptr_t)alternative(m));
  emit_ask(m, (const void *)(uintptr_t)ambi_step_collect_begin);
  jit_jump_to_if(m->j, J_EQ, m->em->stubs.stop);
  emit_load(m->j);
}

// rdi = the collector's hook, if it is the newest on its record and wants no bindings.
static void collector(Emit *m, JitLabel other) {
  Jit *j = m->j;
  jit_rm(j, J_MOV, J_RDI, in_slot(m->pc->b));
  jit_ri(j, J_AND, J_RDI, -2);
  jit_rm(j, J_MOV, J_RDI,
         jit_at(J_RDI, (int32_t)sizeof(Choice) + OFF(Choice, hook)));
  jit_mi(j, J_CMP, 4, jit_at(J_RDI, OFF(Hook, kind)), HOOK_COLLECT);
  jit_jump_if(j, J_NE, other);
  jit_mi(j, J_CMP, 1, jit_at(J_RDI, OFF(Hook, with_bindings)), 0);
  jit_jump_if(j, J_NE, other);
}

// rax goes straight to the list, where no Errors are that a first value would drop.
static void collect(Emit *m, JitLabel other) {
  Jit *j = m->j;
  collector(m, other);
  jit_rm(j, J_MOV, J_RDX, jit_at(J_RDI, OFF(Hook, values.n)));
  jit_rm(j, J_CMP, J_RDX, jit_at(J_RDI, OFF(Hook, nvalues)));
  jit_jump_if(j, J_NE, other);
  jit_rm(j, J_CMP, J_RDX, jit_at(J_RDI, OFF(Hook, values.cap)));
  jit_jump_if(j, J_ABOVE_EQ, other);
  jit_rm(j, J_MOV, J_RSI, jit_at(J_RDI, OFF(Hook, values.at)));
  jit_mr(j, J_MOV, jit_at_index(J_RSI, J_RDX, 3, 0), J_RAX);
  jit_mi(j, J_ADD, 8, jit_at(J_RDI, OFF(Hook, values.n)), 1);
  jit_mi(j, J_ADD, 8, jit_at(J_RDI, OFF(Hook, nvalues)), 1);
  emit_fail(m);
}

void ambi_emit_collect_word(Emit *m, JitLabel other) {
  collect(m, other);
}

void ambi_emit_COLLECT_ADD(Emit *m) {
  static const unsigned plain[] = {TAG_INT, TAG_SYM, TAG_IMM};
  Jit *j = m->j;
  JitLabel other = jit_label(j), ok = jit_label(j);
  jit_rm(j, J_MOV, J_RAX, in_slot(m->pc->a));
  emit_tag(m, J_RCX, J_RAX);
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    jit_ri32(j, J_CMP, J_RCX, (int32_t)plain[i]);
    jit_jump_if(j, J_EQ, ok);
  }
  jit_jump(j, other);
  jit_bind(j, ok);
  collect(m, other);
  jit_cold(j);
  jit_bind(j, other);
  emit_leave_by(m, (const void *)(uintptr_t)ambi_step_collect_add);
  jit_hot(j);
}

void ambi_emit_COLLECT_END(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_collect_end, m->at + 1);
}

void ambi_emit_CASE_END(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_case_end, m->at + 1);
}

void ambi_emit_ONCE_END(Emit *m) {
  emit_helper(m, (const void *)(uintptr_t)ambi_step_once_end, m->at + 1);
}
