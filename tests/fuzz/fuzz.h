// What all fuzz targets share: taking an input apart, a silent host, and checks.
//
// A target is one file with a function LLVMFuzzerTestOneInput; its first lines say
// what it holds the library to. A claim that fails ends the process, and libFuzzer
// keeps the input.
#ifndef AMBIT_TESTS_FUZZ_H
#define AMBIT_TESTS_FUZZ_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/modules/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// ---- checks -------------------------------------------------------------------

__attribute__((noreturn, format(printf, 1, 2))) static inline void
wrong(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("WRONG: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  abort();
}
#define HOLDS(c, ...) ((c) ? (void)0 : wrong(__VA_ARGS__))

// ---- the input as choices -------------------------------------------------------

typedef struct Bytes {
  const uint8_t *at;
  size_t n;
} Bytes;

static inline uint8_t next_byte(Bytes *b) {  // 0 when none is left
  if (b->n == 0) return 0;
  b->n--;
  return *b->at++;
}
static inline uint32_t choose(Bytes *b, uint32_t below) {  // below <= 256
  return next_byte(b) % below;
}
static inline uint64_t next_word(Bytes *b) {
  uint64_t w = 0;
  for (unsigned i = 0; i < 8; i++)
    w = w << 8 | next_byte(b);
  return w;
}

// ---- a runtime without a world ----------------------------------------------------

static inline bool swallow(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}
static inline void ignore(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
}

// The switches this target is to run under.
static inline void take_switches(void) {
#ifdef FUZZ_STRESS
  HOLDS(ambi_stress_choose(FUZZ_STRESS), "a build without switches");
#endif
}

static inline Runtime *open_runtime(int tier) {
  take_switches();
  Host host = {.write = swallow, .note = ignore};
  Runtime *rt = ambi_runtime_open(&host, tier);
  HOLDS(rt, "no runtime");
  rt->rng_state = 1;
  return rt;
}

static inline Context *open_context(Runtime *rt) {
  Context *cx = ambi_context_open(rt);
  HOLDS(cx, "no context");
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  ambi_limits_begin(cx);
  return cx;
}

// What opening reaches says nothing about an input: called before the part that
// counts, this leaves libFuzzer the coverage of that part alone.
extern uint8_t first_counter[] __asm__("__start___sancov_cntrs");
extern uint8_t end_of_counters[] __asm__("__stop___sancov_cntrs");
static inline void forget_coverage(void) {
  memset(first_counter, 0, (size_t)(end_of_counters - first_counter));
}

// Names and what was read are never forgotten by a runtime: a new one now and then
// keeps a long run small.
enum { INPUTS_PER_RUNTIME = 5000 };

#endif
