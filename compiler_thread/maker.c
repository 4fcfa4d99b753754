// Opening what machine code is made with, at the first need; maker.h has the card.
#include "compiler_thread/maker.h"

static bool tell_of_shared(Maker *m) {
  size_t bytes, called_bytes;
  const char *called, *shared = ambi_emitter_code(m->emitter, &bytes);
  called = ambi_emitter_called(m->emitter, &called_bytes);
  if (m->debugs) {
    m->debugger = ambi_gdb_add(shared, bytes - called_bytes, "ambit");
    m->debugger_called = ambi_gdb_add_called(called, called_bytes, "ambit");
  }
  if (m->profiles == PROFILE_NONE) return true;
  m->profile = ambi_profile_open(m->profiles, &m->why);
  if (!m->profile) return false;
  ambi_profile_add(m->profile, shared, bytes, "ambit");
  return true;
}

// What all units share has room under any cap.
enum { LEAST_MEMORY = 8 << 10 };

static bool open_parts(Maker *m) {
  size_t cap = m->cap < LEAST_MEMORY ? LEAST_MEMORY : m->cap;
  if (!(m->memory = ambi_code_memory_open(cap, &m->why)) ||
      !(m->emitter = ambi_emitter_open(m->memory, &m->why)) ||
      !tell_of_shared(m))
    return false;
  if (m->ran) ambi_emitter_count(m->emitter, m->ran);
  return true;
}

// What was opened before something else was refused.
static void close_parts(Maker *m) {
  ambi_profile_close(m->profile);
  ambi_gdb_remove(m->debugger);
  ambi_gdb_remove(m->debugger_called);
  ambi_emitter_close(m->emitter);
  ambi_code_memory_close(m->memory);
  m->profile = NULL;
  m->debugger = m->debugger_called = NULL;
  m->emitter = NULL;
  m->memory = NULL;
}

bool ambi_maker_ready(Maker *m, NativeHost *host) {
  uint32_t state = ambi_load_relaxed(&m->x_state);
  if (AMB_LIKELY(state != MAKER_CLOSED)) return state == MAKER_OPEN;
  bool open = open_parts(m);
  if (open)
    ambi_emitter_host(m->emitter, host);
  else
    close_parts(m);
  ambi_store_release(&m->x_state, open ? MAKER_OPEN : MAKER_REFUSED);
  return open;
}

enum MakerState ambi_maker_state(const Maker *m) {
  return (enum MakerState)ambi_load_acquire(&m->x_state);
}

CodeMemoryUse ambi_maker_use(const Maker *m) {
  if (ambi_maker_state(m) == MAKER_OPEN) return ambi_code_use(m->memory);
  return (CodeMemoryUse){.cap = m->cap};
}

void ambi_maker_tell(const Maker *m, Native *n, const char *name) {
  if (m->profile) ambi_profile_add(m->profile, n->code, n->bytes, name);
  if (m->debugs) n->debugger = ambi_gdb_add(n->code, n->bytes, name);
}

void ambi_maker_close(Maker *m) {
  close_parts(m);
}
