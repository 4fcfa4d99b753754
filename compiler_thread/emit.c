// A unit to machine code: what of it, in which order, and the pieces put together.
//
// What a unit usually runs is emitted: everything that its entry leads to but
// error edges; twice, see emit_facts.c. Level 2 has those that were taken in level 1,
// once, so that they take no facts from what they lead back to. In the stress of
// STRESS_COLLECT all are emitted, each time. Instructions come in the order of the
// bytecode, slow arms in the cold section behind.
#include "compiler_thread/emit.h"

#include "compiler_thread/keep.h"
#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/bytecode/sampler.h"

enum { LARGEST = 1 << 15 };  // words of a unit

typedef void Template_(Emit *m);
static Template_ *const templates[OP_I_COUNT] = {
#define OP(name, operands, flags, text) ambi_emit_##name,
#include "runtime/bytecode/opcodes.def"
};

// ---- the emitter ---------------------------------------------------------------
Emitter *ambi_emitter_open(CodeMemory *memory, const char **why) {
  Emitter *em = ambi_alloc(sizeof *em);
  *why = "out of memory";
  if (!em) return NULL;
  em->memory = memory;
  em->j = jit_open();
  if (em->j && ambi_emit_stubs(em, why)) return em;
  ambi_emitter_close(em);
  return NULL;
}

void ambi_emitter_count(Emitter *em, OpCount *ran) {
  em->ran = ran;
}

void ambi_emitter_close(Emitter *em) {
  if (!em) return;
  if (em->code) ambi_code_give_back(em->memory, em->code, em->bytes);
  if (em->j) jit_close(em->j);
  ambi_free(em->scratch, em->scratch_cap * sizeof *em->scratch);
  ambi_free(em, sizeof *em);
}

void ambi_emitter_host(const Emitter *em, NativeHost *host) {
  host->enter = (int (*)(Engine *, const void *))(uintptr_t)em->stubs.enter;
  host->to_bytecode = em->stubs.to_bytecode;
  host->fail = em->stubs.fail;
}

const void *ambi_emitter_code(const Emitter *em, size_t *bytes) {
  *bytes = em->bytes;
  return em->code;
}

const void *ambi_emitter_called(const Emitter *em, size_t *bytes) {
  const char *from = em->stubs.more_stack;
  *bytes = em->bytes - (size_t)(from - (const char *)em->code);
  return from;
}

// ---- what to emit ----------------------------------------------------------------
// Bits of Emit.used.
enum { IN_GENERAL = 1, IN_SURE = 2, OPEN = 4 };

typedef struct Reach {
  Emit *m;
  uint32_t *todo;
  size_t n;
} Reach;

static void reach(Reach *r, uint32_t offset) {
  const Unit *u = r->m->u;
  if (offset >= u->ncode || r->m->wanted[offset]) return;
  r->m->wanted[offset] = (uint16_t)ambi_op_words(u->code + offset);
  r->todo[r->n++] = offset;
}

static void reach_open(Reach *r, uint32_t offset) {
  reach(r, offset);
  r->m->used[offset] |= OPEN;
}

static bool every_edge(void) {
  return ambi_stress(STRESS_COLLECT);
}

// What has been run though it is rare, by what level 1 noted.
static bool comes_up(const Emit *m, uint32_t at) {
  return every_edge() || (m->seen && (m->seen[at] & SEEN_RARE));
}

static void reach_switch(Reach *r, const Switch *s) {
  reach(r, s->other);
  reach_open(r, s->open);
  for (uint32_t i = 0; i < s->n; i++)
    reach(r, s->cases[i].to);
}

static void reach_from(Reach *r, uint32_t at) {
  const Unit *u = r->m->u;
  const Code *pc = u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  uint32_t words = r->m->wanted[at];
  uint32_t edge = ambi_unit_edge(u, at);
  if (!(op->flags & F_END)) reach(r, at + words);
  if (ambi_op_skips(pc)) reach(r, at + words + 1);
  if (op->operands[2] == 'L')
    reach(r, (uint32_t)((int64_t)at + (int16_t)pc->c));
  if (pc->op == OP_I_SWITCH) reach_switch(r, &u->switches[pc->b]);
  if (op->flags & X_ELSE)
    reach(r, (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b));
  if (op->flags & X_VARL) {
    uint32_t unbound = (uint32_t)((int64_t)at + (int16_t)pc[words - 1].b);
    if (pc->op != OP_I_BRANCH || comes_up(r->m, unbound))
      reach_open(r, unbound);
  }
  if (edge != UINT32_MAX && comes_up(r->m, edge)) reach(r, edge);
}

static void choose(Emit *m, uint32_t *todo) {
  Reach r = {.m = m, .todo = todo};
  reach(&r, 0);
  while (r.n)
    reach_from(&r, r.todo[--r.n]);
}

// The next instruction that gets machine code, from a word on; ncode: none.
static uint32_t next_wanted(const Emit *m, uint32_t at) {
  while (at < m->u->ncode && !m->wanted[at])
    at++;
  return at;
}

// ---- labels and positions ----------------------------------------------------------
static uint32_t label_index(const Emit *m, bool sure, uint32_t offset) {
  return (sure ? m->u->ncode + 1 : 0) + offset;
}

static JitLabel label_at(Emit *m, uint32_t index) {
  if (!m->labels[index]) m->labels[index] = 1 + jit_label(m->j);
  return m->labels[index] - 1;
}

JitLabel emit_general_at(Emit *m, uint32_t offset) {
  return label_at(m, label_index(m, false, offset));
}

JitLabel emit_sure_at(Emit *m, uint32_t offset) {
  return label_at(m, label_index(m, true, offset));
}

// Where frames arrive that come back to this instruction in the general version: in level 2
// the sure one may go on (emit_again.c). Slow arms of that go to the instruction itself.
static JitLabel arrival_at(Emit *m, uint32_t offset) {
  bool again = m->keep && (ambi_ops[m->u->code[offset].op].flags & F_RET);
  return again ? label_at(m, 2 * (m->u->ncode + 1) + offset)
               : emit_general_at(m, offset);
}

// The index of the label of this instruction, in this version.
static uint32_t use_label(Emit *m, uint32_t offset) {
  m->used[offset] |= m->sure ? IN_SURE : IN_GENERAL;
  return label_index(m, m->sure && m->wanted[offset], offset);
}

static bool keeps(const Emit *m) {
  return m->keep && m->keep->on;
}

JitLabel emit_label(Emit *m, uint32_t offset) {
  if (keeps(m)) return keep_label(m, offset);
  return label_at(m, use_label(m, offset));
}

JitLabel emit_stored(Emit *m, JitLabel to) {
  return keeps(m) ? keep_stored(m, to) : to;
}

JitLabel emit_general(Emit *m) {
  return keeps(m) ? keep_exit(m) : emit_general_at(m, m->at);
}

JitLabel emit_slow(Emit *m) {
  if (!m->slow_used) m->slow = jit_label(m->j);
  m->slow_used = true;
  return emit_stored(m, m->slow);
}

JitLabel emit_edge(Emit *m) {
  uint32_t to = ambi_unit_edge(m->u, m->at);
  if (to == UINT32_MAX) return emit_slow(m);
  return keeps(m) && !every_edge() ? keep_general(m, to) : emit_label(m, to);
}

const Code *emit_landing(Emit *m, JitLabel l, const Code *origin) {
  Native *n = m->native;
  Landing *landing = &n->landings[n->nlandings];
  AMB_CHECK(n->nlandings < n->caplandings);
  m->landing_label[n->nlandings++] = l;
  landing->code = OP_I_NATIVE;
  landing->origin = origin;
  landing->parts_of = 0;
  landing->parts = NULL;
  return (const Code *)(const void *)landing;
}

const Code *emit_position(Emit *m, uint32_t offset) {
  const Code *origin = m->u->code + offset;
  if (!m->wanted[offset]) return origin;
  if (ambi_stress(STRESS_LEAVE) && offset % 2) return origin;
  uint32_t label = use_label(m, offset), *index = &m->landing[label];
  if (*index == 0) {
    emit_landing(m,
                 keeps(m)  ? keep_arrive(m, offset)
                 : m->sure ? label_at(m, label)
                           : arrival_at(m, offset),
                 origin);
    *index = m->native->nlandings;
  }
  return (const Code *)(const void *)&m->native->landings[*index - 1];
}

bool emit_landing_of_parts(Emit *m, Word key, JitLabel l) {
  uint32_t index = m->landing[label_index(m, m->sure, m->at)];
  if (index == 0) return false;
  m->native->landings[index - 1].parts_of = key;
  m->parts_label[index - 1] = l;
  return true;
}

// ---- one unit ------------------------------------------------------------------------
// So many bytes of the scratch memory, in words of 64 bits.
static size_t part(size_t *end, size_t bytes) {
  size_t from = *end;
  *end += (bytes + 7) / 8;
  return from;
}

// Machine code goes on noting while it is read.
static const uint8_t *copy_seen(const SeenByte *seen, uint8_t *copy, size_t n) {
  for (size_t i = 0; seen && i < n; i++)
    copy[i] = ambi_load_relaxed(&seen[i]);
  return seen ? copy : NULL;
}

static bool prepare_scratch(Emit *m, const SeenByte *noted) {
  Emitter *em = m->em;
  size_t words = (size_t)m->u->ncode + 1,
         facts = m->level < 2 ? 0 : ambi_emit_facts_room(m), n = 0;
  size_t wanted = part(&n, words * sizeof *m->wanted);
  size_t used = part(&n, words);
  size_t each = part(&n, 3 * words * sizeof *m->labels);
  size_t landing = part(&n, 2 * words * sizeof *m->landing), zeroed = n;
  size_t todo = part(&n, words * sizeof(uint32_t));
  size_t seen = part(&n, words);
  size_t labels = part(&n, (4 * words + 1) * sizeof *m->landing_label);
  size_t parts = part(&n, (4 * words + 1) * sizeof *m->parts_label);
  if (!ambi_grow((void **)&em->scratch, &em->scratch_cap, n + facts,
                 sizeof *em->scratch))
    return false;
  memset(em->scratch, 0, zeroed * sizeof *em->scratch);
  m->wanted = (uint16_t *)(em->scratch + wanted);
  m->used = (uint8_t *)(em->scratch + used);
  m->labels = (uint32_t *)(em->scratch + each);
  m->landing = (uint32_t *)(em->scratch + landing);
  m->landing_label = (JitLabel *)(em->scratch + labels);
  m->parts_label = (JitLabel *)(em->scratch + parts);
  m->seen = copy_seen(noted, (uint8_t *)(em->scratch + seen), m->u->ncode);
  m->facts = facts ? em->scratch + n : NULL;
  choose(m, (uint32_t *)(em->scratch + todo));
  if (facts) ambi_emit_facts(m);
  return m->level < 2 || !facts || keep_open(m);
}

// In each version one for every instruction, and one of its own for those that fork;
// and one more for the way in.
static uint32_t most_landings(const Emit *m) {
  uint32_t n = 0;
  for (uint32_t at = 0; at < m->u->ncode; at++) {
    unsigned op = m->u->code[at].op;
    if (m->wanted[at]) n += 1 + (op == OP_I_FORKV || op == OP_I_ONCE);
  }
  return (m->facts ? 2 * n : n) + 1;
}

// Small, since time to compile is time to touch memory.
static bool prepare(Emit *m, const SeenByte *seen) {
  const Unit *u = m->u;
  Native *n = m->native = ambi_alloc(sizeof *n);
  if (!n || !prepare_scratch(m, seen)) return false;
  n->ncode = u->ncode;
  n->level = m->level;
  n->caplandings = most_landings(m);
  n->at = ambi_alloc(u->ncode * sizeof *n->at);
  n->landings = ambi_realloc(NULL, 0, n->caplandings * sizeof *n->landings);
  if (m->facts) n->sure = ambi_alloc(u->ncode * sizeof *n->sure);
  if (m->level == 1) n->seen = ambi_alloc(u->ncode * sizeof *n->seen);
  return n->at && n->landings && (n->sure || !m->facts) &&
         (n->seen || m->level > 1);
}

// A unit that was made of another takes the calls of that one. Those of machine code
// arrive at m->called, those of the loop, which has counted the step, at landing 0.
static void take_over(Emit *m, JitLabel on) {
  Jit *j = m->j;
  JitLabel counted = jit_label(j);
  emit_landing(m, counted, m->u->code);
  jit_cold(j);
  jit_bind(j, counted);
  jit_imm(j, J_RCX, (uintptr_t)m->u);
  jit_mr(j, J_MOV, in_frame(FRAME_UNIT), J_RCX);
  jit_lea(j, J_RCX, in_slot(m->u->nslots));
  jit_rm(j, J_CMP, J_RCX, in_engine(OFF(Engine, stack_end)));
  jit_jump_if(j, J_BELOW_EQ, on);
  jit_call_to(j, m->em->stubs.more_stack);
  jit_jump(j, on);
  jit_hot(j);
  jit_bind(j, m->called);
  jit_imm(j, J_RCX, (uintptr_t)m->u);
  jit_mr(j, J_MOV, in_frame(FRAME_UNIT), J_RCX);
}

static void count_in(Emit *m, const OpCount *count) {
  jit_imm(m->j, J_RCX, (uintptr_t)count);
  jit_mi(m->j, J_ADD, 8, jit_at(J_RCX, 0), 1);
}

void emit_counted_call(Emit *m) {
  struct FunctionCounts *counts = m->u->counts;
  if (counts) count_in(m, &counts->x_n[SAMPLER_CALLS]);
}

// What each turn would have to look at again: once, when the loop begins.
static void ready_arguments(Emit *m) {
  for (unsigned i = 0; i < m->u->nargs; i++) {
    if (!(m->passed >> i & 1)) continue;
    jit_rm(m->j, J_MOV, J_RAX, in_slot(i));
    emit_ready(m, emit_general_at(m, 0));
    emit_to_slot(m, i, J_RAX);
  }
}

// Calls from machine code arrive here: room for the frame, and one step.
static void entry(Emit *m) {
  Jit *j = m->j;
  const Stubs *s = &m->em->stubs;
  JitLabel grow = jit_label(j), poll = jit_label(j), on = jit_label(j);
  m->poll = poll;
  m->self = jit_label(j);
  m->called = m->u->of ? jit_label(j) : m->self;
  m->again = jit_label(j);
  if (m->u->of)
    take_over(m, on);
  else if (m->u->counts || m->passed)
    emit_landing(m, on, m->u->code);
  else
    emit_position(m, 0);  // landing 0: calls from the loop, which counts them
  jit_bind(j, m->self);
  jit_lea(j, J_RCX, in_slot(m->u->nslots));
  jit_rm(j, J_CMP, J_RCX, in_engine(OFF(Engine, stack_end)));
  jit_jump_if(j, J_ABOVE, grow);
  jit_bind(j, m->again);
  jit_mi(j, J_SUB, 8, in_engine(OFF(Engine, budget)), 1);
  jit_jump_if(j, J_SIGN, poll);
  jit_bind(j, on);
  emit_counted_call(m);
  ready_arguments(m);
  if (m->keep) m->keep->peeled = on;
  jit_cold(j);
  jit_bind(j, grow);
  jit_call_to(j, s->more_stack);
  jit_jump(j, m->again);
  jit_bind(j, poll);
  jit_call_to(j, s->poll);
  jit_jump(j, on);
  jit_hot(j);
}

// What the template could not do. A returned value that it had is still in rax.
void emit_slow_arm(Emit *m) {
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
  for (m->at = 0; m->at < u->ncode; m->at++) {
    if (m->wanted[m->at] || !m->used[m->at]) continue;
    jit_bind(m->j, emit_general_at(m, m->at));
    emit_note(m, SEEN_RARE);
    jit_imm(m->j, J_RCX, (uintptr_t)(u->code + m->at));
    jit_jump_to(m->j, m->em->stubs.exit);
  }
}

// rax and R_LAST may be in use.
void emit_counted(Emit *m) {
  struct FunctionCounts *counts = m->u->counts;
  enum SamplerCount kind = counts ? ambi_sampler_kind(m->pc) : SAMPLER_COUNTS;
  if (kind != SAMPLER_COUNTS) count_in(m, &counts->x_n[kind]);
  emit_counted_as(m, COUNTED_ALL);
}

void emit_counted_as(Emit *m, enum EmitCounted row) {
  if (m->em->ran) count_in(m, &m->em->ran[row * OP_I_COUNT + m->pc->op]);
}

// With the switch STRESS_LEAVE every third instruction has only its slow arm.
bool emit_leaves(const Emit *m) {
  return ambi_stress(STRESS_LEAVE) && (m->at + m->u->ncode + m->sure) % 3 == 0;
}

static void version(Emit *m, bool sure) {
  const Unit *u = m->u;
  m->sure = sure;
  m->has = NO_SLOT;
  jit_pair(m->j, !sure);
  uint32_t behind = 0;
  for (m->at = next_wanted(m, 0); m->at < u->ncode;
       m->at = next_wanted(m, behind)) {
    m->pc = u->code + m->at;
    m->had = m->at == behind ? m->has : NO_SLOT;
    m->has = NO_SLOT;
    behind = m->at + emit_words(m);
    // From elsewhere, too.
    if (!sure || (m->used[m->at] & IN_SURE)) m->had = NO_SLOT;
    bool returned = !sure && (ambi_ops[m->pc->op].flags & F_RET);
    if (returned && m->keep) {
      jit_bind(m->j, arrival_at(m, m->at));
      ambi_emit_arrival(m);
    }
    jit_bind(m->j, label_at(m, label_index(m, sure, m->at)));
    if (m->used[m->at] & OPEN) emit_note(m, SEEN_RARE);
    if (AMB_TSAN && m->at == 0) jit_call_to(m->j, m->em->stubs.observe);
    // Frames made by bytecode may be told it later (emit_stubs.c).
    if (returned) emit_position(m, m->at);
    emit_counted(m);
    if (emit_leaves(m))
      jit_jump(m->j, emit_slow(m));
    else
      templates[m->pc->op](m);
    emit_slow_arm(m);
  }
  JitLabel *end = sure ? &m->sure_end : &m->end;
  *end = jit_label(m->j);
  jit_bind(m->j, *end);
}

static void assemble(Emit *m, EmitNote *note) {
  const Unit *u = m->u;
  if (!jit_begin(m->j)) return;  // which place() tells
  for (uint32_t at = 0; at < u->ncode; at++)
    note->instructions += m->wanted[at] != 0;
  m->at = 0;
  m->pc = u->code;
  m->sure = m->facts != NULL;
  jit_pair(m->j, !m->sure);
  entry(m);
  if (m->keep)
    ambi_emit_level2(m);
  else if (m->facts)
    version(m, true);
  version(m, false);
  leave_arms(m);
}

static bool is_bound(const Emit *m, uint32_t index) {
  return m->labels[index] && jit_is_bound(m->j, m->labels[index] - 1);
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
  if (!jit_place(m->j, write, n->code)) {
    note->refused_for = jit_error(m->j);
    return EMIT_ASSEMBLER;
  }
  const char *base = n->code;
  n->entry = base + jit_offset(m->j, m->called);
  for (uint32_t i = 0; i < n->nlandings; i++) {
    Landing *l = &n->landings[i];
    l->addr = base + jit_offset(m->j, m->landing_label[i]);
    if (l->parts_of) l->parts = base + jit_offset(m->j, m->parts_label[i]);
  }
  for (uint32_t at = next_wanted(m, 0); at < n->ncode;
       at = next_wanted(m, at + 1)) {
    n->at[at] = 1 + (uint32_t)jit_offset(m->j, arrival_at(m, at));
    if (m->facts && is_bound(m, label_index(m, true, at)))
      n->sure[at] =
          1 + (uint32_t)jit_offset(m->j, label_at(m, label_index(m, true, at)));
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
  if (prepare(&m, seen)) {
    assemble(&m, note);
    result = place(&m, note);
  }
  keep_close(&m);
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
