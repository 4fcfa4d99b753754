// A unit to machine code: what of it, in which order, and the pieces put together.
//
// What a unit usually runs is emitted: everything that its entry leads to but
// error edges, which stay bytecode but in the stress of STRESS_COLLECT; twice, see
// emit_facts.c. Instructions come in the order of the bytecode, slow arms in the
// cold section behind.
#include "compiler_thread/emit.h"

#include "compiler_thread/template.h"
#include "memory/alloc.h"
#include "memory/stress.h"

enum { LARGEST = 1 << 15 };  // words of a unit

typedef void Template_(Emit *m);
static Template_ *const templates[OP_I_COUNT] = {
#define OP(name, operands, flags, text) ambi_emit_##name,
#include "runtime/bytecode/opcodes.def"
};

// ---- the emitter ---------------------------------------------------------------
Emitter *ambi_emitter_open(CodeMemory *memory, const char **why) {
  Emitter *em = ambi_alloc(sizeof *em);
  *why = "no memory";
  if (!em) return NULL;
  em->memory = memory;
  em->j = jit_open();
  if (em->j && ambi_emit_stubs(em, why)) return em;
  ambi_emitter_close(em);
  return NULL;
}

void ambi_emitter_close(Emitter *em) {
  if (!em) return;
  if (em->code) ambi_code_give_back(em->memory, em->code, em->bytes);
  if (em->j) jit_close(em->j);
  ambi_free(em, sizeof *em);
}

void ambi_emitter_host(const Emitter *em, NativeHost *host) {
  host->enter = (int (*)(Engine *, const void *))(uintptr_t)em->stubs.enter;
  host->call_bytecode = em->stubs.call_bytecode;
}

const void *ambi_emitter_code(const Emitter *em, size_t *bytes) {
  *bytes = em->bytes;
  return em->code;
}

// ---- what to emit ----------------------------------------------------------------
typedef struct Reach {
  Emit *m;
  uint32_t *todo;
  size_t n;
} Reach;

static void reach(Reach *r, uint32_t offset) {
  if (offset >= r->m->u->ncode || r->m->wanted[offset]) return;
  r->m->wanted[offset] = 1;
  r->todo[r->n++] = offset;
}

static void reach_switch(Reach *r, const Switch *s) {
  reach(r, s->other);
  reach(r, s->open);
  for (uint32_t i = 0; i < s->n; i++)
    reach(r, s->cases[i].to);
}

static void reach_from(Reach *r, uint32_t at) {
  const Unit *u = r->m->u;
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  uint32_t words = ambi_op_words(pc);
  bool all = ambi_stress(STRESS_COLLECT);
  if (!(op->flags & F_END)) reach(r, at + words);
  if (ambi_op_skips(pc)) reach(r, at + words + 1);
  if (op->operands[2] == 'L')
    reach(r, (uint32_t)((int64_t)at + (int16_t)pc->c));
  if (pc->op == OP_I_SWITCH) reach_switch(r, &u->switches[pc->b]);
  if (op->flags & X_ELSE)
    reach(r, (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b));
  if ((op->flags & X_VARL) && (all || pc->op != OP_I_BRANCH))
    reach(r, (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b));
  if (!all) return;
  uint32_t edge = ambi_unit_edge(u, at);
  if (edge != UINT32_MAX) reach(r, edge);
}

static bool choose(Emit *m) {
  Reach r = {.m = m};
  size_t bytes = (size_t)m->u->ncode * sizeof *r.todo;
  r.todo = ambi_alloc(bytes);
  if (!r.todo) return false;
  reach(&r, 0);
  while (r.n)
    reach_from(&r, r.todo[--r.n]);
  ambi_free(r.todo, bytes);
  return true;
}

// ---- labels and positions ----------------------------------------------------------
JitLabel emit_label(Emit *m, uint32_t offset) {
  m->used[offset] = 1;
  if (m->sure) m->sure_used[offset] = 1;
  return m->sure && m->wanted[offset] ? m->sure_label[offset]
                                      : m->label[offset];
}

JitLabel emit_slow(Emit *m) {
  if (!m->slow_used) m->slow = jit_label(m->j);
  m->slow_used = true;
  return m->slow;
}

JitLabel emit_edge(Emit *m) {
  uint32_t to = ambi_unit_edge(m->u, m->at);
  return to == UINT32_MAX ? emit_slow(m) : emit_label(m, to);
}

const Code *emit_landing(Emit *m, JitLabel l, const Code *origin) {
  Native *n = m->native;
  Landing *landing = &n->landings[n->nlandings];
  AMB_CHECK(n->nlandings < m->landings_cap);
  m->landing_label[n->nlandings++] = l;
  landing->code = OP_I_NATIVE;
  landing->origin = origin;
  return (const Code *)(const void *)landing;
}

const Code *emit_position(Emit *m, uint32_t offset) {
  const Code *origin = m->u->code + offset;
  if (!m->wanted[offset]) return origin;
  if (ambi_stress(STRESS_LEAVE) && offset % 2) return origin;
  JitLabel l = emit_label(m, offset);
  for (uint32_t i = 0; i < m->native->nlandings; i++)
    if (m->landing_label[i] == l)
      return (const Code *)(const void *)&m->native->landings[i];
  return emit_landing(m, l, origin);
}

// ---- one unit ------------------------------------------------------------------------
static void drop(Emit *m) {
  size_t words = (size_t)m->u->ncode + 1;
  ambi_free(m->label, words * sizeof *m->label);
  ambi_free(m->sure_label, words * sizeof *m->sure_label);
  ambi_free(m->facts, m->facts_bytes);
  ambi_free(m->wanted, words);
  ambi_free(m->used, words);
  ambi_free(m->sure_used, words);
  ambi_free((void *)(uintptr_t)m->seen, words);
  ambi_free(m->landing_label, m->landings_cap * sizeof *m->landing_label);
}

// Machine code goes on noting while it is read.
static bool copy_seen(Emit *m, const SeenByte *seen) {
  if (!seen) return true;
  uint8_t *copy = ambi_alloc((size_t)m->u->ncode + 1);
  if (!copy) return false;
  for (uint32_t i = 0; i < m->u->ncode; i++)
    copy[i] = ambi_load_relaxed(&seen[i]);
  m->seen = copy;
  return true;
}

static bool prepare(Emit *m) {
  const Unit *u = m->u;
  size_t words = (size_t)u->ncode + 1;
  m->landings_cap = 2 * u->ncode + 8;
  m->label = ambi_alloc(words * sizeof *m->label);
  m->sure_label = ambi_alloc(words * sizeof *m->sure_label);
  m->wanted = ambi_alloc(words);
  m->used = ambi_alloc(words);
  m->sure_used = ambi_alloc(words);
  m->landing_label = ambi_alloc(m->landings_cap * sizeof *m->landing_label);
  Native *n = m->native = ambi_alloc(sizeof *n);
  if (!n) return false;
  n->ncode = u->ncode;
  n->level = m->level;
  n->caplandings = m->landings_cap;
  n->at = ambi_alloc(u->ncode * sizeof *n->at);
  n->sure = ambi_alloc(u->ncode * sizeof *n->sure);
  n->landings = ambi_alloc(m->landings_cap * sizeof *n->landings);
  if (m->level == 1) n->seen = ambi_alloc(u->ncode * sizeof *n->seen);
  if (m->level == 1 && !n->seen) return false;
  return m->label && m->sure_label && m->wanted && m->used && m->sure_used &&
         m->landing_label && n->at && n->sure && n->landings && choose(m) &&
         ambi_emit_facts(m);
}

// Calls from machine code arrive here: room for the frame, and one step.
static void entry(Emit *m) {
  Jit *j = m->j;
  const Stubs *s = &m->em->stubs;
  JitLabel grow = jit_label(j), room = jit_label(j), poll = jit_label(j),
           on = jit_label(j);
  m->self = jit_label(j);
  m->again = room;
  jit_bind(j, m->self);
  jit_lea(j, J_RCX, in_slot(m->u->nslots));
  jit_rm(j, J_CMP, J_RCX, in_engine(OFF(Engine, stack_end)));
  jit_jump_if(j, J_ABOVE, grow);
  jit_bind(j, room);
  jit_mi(j, J_SUB, 8, in_engine(OFF(Engine, budget)), 1);
  jit_jump_if(j, J_SIGN, poll);
  jit_bind(j, on);
  jit_cold(j);
  jit_bind(j, grow);
  jit_call_to(j, s->more_stack);
  jit_jump(j, room);
  jit_bind(j, poll);
  jit_call_to(j, s->poll);
  jit_jump(j, on);
  jit_hot(j);
}

// What the template could not do. A returned value that it had is still in rax.
static void slow_arm(Emit *m) {
  if (!m->slow_used) return;
  m->slow_used = false;
  jit_cold(m->j);
  jit_bind(m->j, m->slow);
  if (ambi_ops[m->pc->op].flags & F_RET)
    jit_mr(m->j, J_MOV, in_engine(OFF(Engine, rv)), J_RAX);
  jit_imm(m->j, J_RCX, (uintptr_t)m->pc);
  jit_jump_to(m->j, m->em->stubs.one);
  jit_hot(m->j);
}

// Positions that stay bytecode, where something jumps to them.
static void leave_arms(Emit *m) {
  const Unit *u = m->u;
  jit_cold(m->j);
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    if (m->wanted[at] || !m->used[at]) continue;
    jit_bind(m->j, m->label[at]);
    jit_imm(m->j, J_RCX, (uintptr_t)(u->code + at));
    jit_jump_to(m->j, m->em->stubs.exit);
  }
}

// With the switch STRESS_LEAVE every third instruction has only its slow arm.
static bool leaves(const Emit *m) {
  return ambi_stress(STRESS_LEAVE) && (m->at + m->u->ncode + m->sure) % 3 == 0;
}

static void version(Emit *m, bool sure) {
  const Unit *u = m->u;
  m->sure = sure;
  m->has = NO_SLOT;
  jit_pair(m->j, !sure);
  JitLabel *label = sure ? m->sure_label : m->label;
  for (m->at = 0; m->at < u->ncode; m->at += ambi_op_words(m->pc)) {
    m->pc = u->code + m->at;
    m->had = m->has;
    m->has = NO_SLOT;
    if (!m->wanted[m->at]) continue;
    if (!sure || m->sure_used[m->at]) m->had = NO_SLOT;  // from elsewhere, too
    jit_bind(m->j, label[m->at]);
    if (AMB_TSAN && m->at == 0) jit_call_to(m->j, m->em->stubs.observe);
    // Frames made by bytecode may be told it later (emit_stubs.c).
    if (!sure && (ambi_ops[m->pc->op].flags & F_RET)) emit_position(m, m->at);
    if (leaves(m))
      jit_jump(m->j, emit_slow(m));
    else
      templates[m->pc->op](m);
    slow_arm(m);
  }
  JitLabel *end = sure ? &m->sure_end : &m->end;
  *end = jit_label(m->j);
  jit_bind(m->j, *end);
}

static void assemble(Emit *m, EmitNote *note) {
  const Unit *u = m->u;
  jit_begin(m->j);
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    m->label[at] = jit_label(m->j);
    m->sure_label[at] = jit_label(m->j);
    note->instructions += m->wanted[at];
  }
  m->at = 0;
  m->pc = u->code;
  m->sure = m->facts != NULL;
  emit_position(m, 0);  // landing 0: calls from the loop, which counts them
  jit_pair(m->j, !m->sure);
  entry(m);
  if (m->facts) version(m, true);
  version(m, false);
  leave_arms(m);
}

static EmitResult place(Emit *m, EmitNote *note) {
  Native *n = m->native;
  void *write;
  n->bytes = note->bytes = jit_size(m->j);
  if (n->bytes == 0) {
    note->refused_for = jit_error(m->j);
    return EMIT_ASSEMBLER;
  }
  if (!ambi_code_take(m->em->memory, n->bytes, &n->code, &write))
    return EMIT_CODE_FULL;
  if (!jit_place(m->j, write, n->code, n->bytes)) {
    note->refused_for = jit_error(m->j);
    return EMIT_ASSEMBLER;
  }
  const char *base = n->code;
  n->entry = base + jit_offset(m->j, m->self);
  for (uint32_t i = 0; i < n->nlandings; i++)
    n->landings[i].addr = base + jit_offset(m->j, m->landing_label[i]);
  for (uint32_t at = 0; at < n->ncode; at += ambi_op_words(m->u->code + at)) {
    if (!m->wanted[at]) continue;
    n->at[at] = 1 + (uint32_t)jit_offset(m->j, m->label[at]);
    if (m->facts)
      n->sure[at] = 1 + (uint32_t)jit_offset(m->j, m->sure_label[at]);
  }
  n->end = (uint32_t)jit_offset(m->j, m->end);
  n->sure_end = m->facts ? (uint32_t)jit_offset(m->j, m->sure_end) : 0;
  return EMIT_OK;
}

EmitResult ambi_emit_unit(Emitter *em, const Unit *u, unsigned level,
                          const SeenByte *seen, Native **out, EmitNote *note) {
  *note = (EmitNote){0};
  *out = NULL;
  if (u->ncode > LARGEST) return EMIT_LARGE;
  Emit m = {.em = em, .j = em->j, .u = u, .level = level};
  EmitResult result = EMIT_NO_MEMORY;
  if (copy_seen(&m, seen) && prepare(&m)) {
    assemble(&m, note);
    result = place(&m, note);
  }
  drop(&m);
  if (result == EMIT_OK)
    *out = m.native;
  else
    ambi_native_free(em->memory, m.native);
  return result;
}

void ambi_native_free(CodeMemory *memory, Native *n) {
  while (n) {
    Native *older = n->older;
    if (n->code) ambi_code_give_back(memory, n->code, n->bytes);
    ambi_free(n->at, n->ncode * sizeof *n->at);
    ambi_free(n->sure, n->ncode * sizeof *n->sure);
    ambi_free(n->seen, n->ncode * sizeof *n->seen);
    ambi_free(n->landings, n->caplandings * sizeof *n->landings);
    ambi_free(n, sizeof *n);
    n = older;
  }
}
