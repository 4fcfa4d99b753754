// A runtime without a program, for the micro benchmarks that need one.
#ifndef AMBIT_BENCH_MACHINE_H
#define AMBIT_BENCH_MACHINE_H

#include <string.h>

#include "bench/micro/micro.h"
#include "runtime/machine/engine.h"
#include "runtime/modules/runner.h"

static Runtime *rt;
static Context *cx;
static Engine *g;

static inline bool drop_output(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}

static inline void drop_note(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
}

static inline void open_machine(void) {
  Host host = {.write = drop_output, .note = drop_note};
  rt = ambi_runtime_open(&host, 1);
  micro_must(rt, "no runtime");
  cx = ambi_context_open(rt);
  micro_must(cx, "no context");
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  ambi_limits_begin(cx);
  cx->engine = g = ambi_engine_open(cx);
  micro_must(g, "no engine");
}

static inline void close_machine(void) {
  ambi_engine_close(g);
  ambi_context_close(cx);
  ambi_runtime_close(rt);
}

static inline Value sym(const char *text) {
  return ambi_make_sym(cx, text, strlen(text));
}

static inline Value var(const char *text) {
  uint32_t id = 0;
  micro_must(ambi_symbol_intern(rt->symbols, text, strlen(text), &id),
             "no symbol");
  return ambi_make_var(cx, id, AMB_VAR_FRESH);
}

#endif
