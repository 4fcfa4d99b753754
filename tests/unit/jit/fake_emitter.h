// A compiler's emitter that makes no machine code: the landing enters a function that
// goes on in bytecode at the same position. So tests see what the compiler does
// without regard to what is compiled, refuse what they like, and stop it where they
// like. To be included by one file of a program; it stands before the library's.
#ifndef AMBIT_TESTS_FAKE_EMITTER_H
#define AMBIT_TESTS_FAKE_EMITTER_H

#include <pthread.h>
#include <time.h>

#include "compiler_thread/compiler.h"
#include "memory/alloc.h"
#include "runtime/machine/engine.h"
#include "runtime/machine/step.h"
#include "tests/unit/unit.h"

struct Emitter {
  CodeMemory *memory;
};

enum { FAKE_BYTES = 40, FAKE_SEEN = 4096 };

static struct Fake {
  EmitResult result;             // what every unit gets
  EmitResult second;             // what every unit gets at level 2
  uint32_t refuse_every;         // 0: none is refused beside that
  uint64_t burn_ns;              // processor time for each unit
  bool refuses;                  // there is no emitter
  AMB_ATOMIC(uint32_t) opened;   // emitters, or would be
  AMB_ATOMIC(uint32_t) asked;    // units
  AMB_ATOMIC(uint32_t) natives;  // live
  AMB_ATOMIC(uint32_t) entered;  // landings
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool closed;                  // units wait at the gate
  bool waits;                   // one does
  const Unit *seen[FAKE_SEEN];  // in order
  uint32_t nseen;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .changed = PTHREAD_COND_INITIALIZER};

static inline void fake_gate(bool closed) {
  pthread_mutex_lock(&fake.lock);
  fake.closed = closed;
  pthread_cond_broadcast(&fake.changed);
  pthread_mutex_unlock(&fake.lock);
}

// Until a unit stands at the gate.
static inline void fake_await(void) {
  pthread_mutex_lock(&fake.lock);
  while (!fake.waits)
    pthread_cond_wait(&fake.changed, &fake.lock);
  pthread_mutex_unlock(&fake.lock);
}

static void pass_gate(const Unit *u) {
  pthread_mutex_lock(&fake.lock);
  if (fake.nseen < FAKE_SEEN) fake.seen[fake.nseen++] = u;
  fake.waits = fake.closed;
  pthread_cond_broadcast(&fake.changed);
  while (fake.closed)
    pthread_cond_wait(&fake.changed, &fake.lock);
  fake.waits = false;
  pthread_mutex_unlock(&fake.lock);
}

static uint64_t cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void burn(void) {
  for (uint64_t from = cpu_ns(); cpu_ns() - from < fake.burn_ns;) {
  }
}

// ---- the calls of emit.h --------------------------------------------------------

Emitter *ambi_emitter_open(CodeMemory *m, const char **why) {
  ambi_add_relaxed(&fake.opened, 1);
  *why = "refused";
  if (fake.refuses) return NULL;
  *why = "out of memory";
  Emitter *em = ambi_alloc(sizeof *em);
  if (em) em->memory = m;
  return em;
}

void ambi_emitter_count(Emitter *em, OpCount *ran) {
  (void)em;
  (void)ran;
}

void ambi_emitter_close(Emitter *em) {
  if (em) ambi_free(em, sizeof *em);
}

// What a landing enters. A unit that was made of another takes over its frame.
typedef struct FakeCode {
  const Unit *unit;
} FakeCode;

static int enter_bytecode(Engine *engine, const void *addr) {
  const Unit *u = ((const FakeCode *)addr)->unit;
  ambi_add_relaxed(&fake.entered, 1);
  engine->e[FRAME_UNIT] = (Word)(uintptr_t)u;
  engine->pc = u->code;
  return engine->e + u->nslots <= engine->stack_end ||
                 ambi_stack_more(engine, engine->e + u->nslots)
             ? NEXT_PC
             : NEXT_STOP;
}

void ambi_emitter_host(const Emitter *em, NativeHost *host) {
  (void)em;
  host->enter = enter_bytecode;
}

const void *ambi_emit_call_bytecode(void) {
  return &fake;
}

const void *ambi_emitter_code(const Emitter *em, size_t *bytes) {
  *bytes = 0;
  return em;
}
const void *ambi_emitter_called(const Emitter *em, size_t *bytes) {
  size_t all;
  *bytes = 0;
  return ambi_emitter_code(em, &all);
}

static void add_landing(const Unit *u, Native *n) {
  const Code native = {.op = OP_I_NATIVE};
  Landing *l = &n->landings[n->nlandings++];
  l->addr = n->code;
  l->origin = u->code;
  l->code = native.w;
}

EmitResult ambi_emit_unit(Emitter *em, const Unit *u, unsigned level,
                          const SeenByte *seen, Native **out, EmitNote *note) {
  pass_gate(u);
  burn();
  ck_assert_uint_eq(level, seen ? 2 : 1);
  if (seen) ck_assert_uint_eq(ambi_load_relaxed(&seen[u->ncode - 1]), 0);
  if (fake.result != EMIT_OK) return fake.result;
  if (level > 1 && fake.second != EMIT_OK) return fake.second;
  uint32_t number = ambi_add_relaxed(&fake.asked, 1) + 1;
  if (fake.refuse_every && number % fake.refuse_every == 0)
    return EMIT_ASSEMBLER;
  Native *n = ambi_alloc(sizeof *n);
  if (!n) return EMIT_NO_MEMORY;
  void *write;
  n->ncode = u->ncode;
  n->level = level;
  n->bytes = FAKE_BYTES;
  n->at = ambi_alloc(n->ncode * sizeof *n->at);
  if (level == 1) n->seen = ambi_alloc(n->ncode * sizeof *n->seen);
  n->caplandings = 1;
  n->landings = ambi_alloc(n->caplandings * sizeof *n->landings);
  bool room = n->at && n->landings && (n->seen || level > 1) &&
              ambi_code_take(em->memory, FAKE_BYTES, &n->code, &write);
  ambi_add_relaxed(&fake.natives, 1);
  if (!room) {
    bool full = n->at && n->landings && (n->seen || level > 1);
    ambi_native_free(em->memory, n);
    return full ? EMIT_CODE_FULL : EMIT_NO_MEMORY;
  }
  ((FakeCode *)write)->unit = u;
  add_landing(u, n);
  n->entry = u->code;
  *note = (EmitNote){.instructions = n->ncode, .bytes = FAKE_BYTES};
  *out = n;
  return EMIT_OK;
}

void ambi_native_free(CodeMemory *m, Native *n) {
  if (n->older) ambi_native_free(m, n->older);
  if (n->code) ambi_code_give_back(m, n->code, n->bytes);
  ambi_free(n->at, n->ncode * sizeof *n->at);
  ambi_free(n->seen, n->ncode * sizeof *n->seen);
  ambi_free(n->landings, n->caplandings * sizeof *n->landings);
  ambi_free(n, sizeof *n);
  ambi_add_relaxed(&fake.natives, (uint32_t)-1);
}

#endif
