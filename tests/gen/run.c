// Runs a program in one mode, in a runtime of its own, and keeps what it tells.
//
// Limits on steps, depth and memory make an end of every program. Modes count their
// steps differently, so a program may be cut in one mode and not in the other.
#include "tests/gen/gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory/alloc.h"
#include "memory/stress.h"
#include "scheduler/crew.h"
#ifdef AMBIT_JIT
#include "compiler_thread/compiler.h"
#endif

enum { STEPS = 3000, DEPTH = 1000, MEGABYTES = 512, MAX_TOLD = 1 << 20 };

// A mode more is a row here. What each is for: tests/lib/Modes.pm.
const GenMode gen_modes[] = {
    {"tier0", 0, GEN_BYTECODE, NULL, NULL, false, 0},
    {"tier1", 1, GEN_BYTECODE, NULL, NULL, false, 0},
    {"native", 1, GEN_LEVEL_1, NULL, NULL, false, 0},
    {"native-level2", 1, GEN_AT_ONCE, NULL, NULL, false, 0},
    {"background", 1, GEN_BACKGROUND, NULL, NULL, false, 0},
    {"tabling", 1, GEN_BYTECODE, NULL, NULL, true, 0},
    {"native-tabling", 1, GEN_AT_ONCE, NULL, NULL, true, 0},
    {"tier0-walk", 0, GEN_BYTECODE, "minimal,walk", NULL, false, 0},
    {"collect", 1, GEN_BYTECODE, "collect", NULL, false, 0},
    {"relower", 1, GEN_BYTECODE, "relower", NULL, false, 0},
    {"minimal", 1, GEN_BYTECODE, "minimal", NULL, false, 0},
    {"verify", 1, GEN_BYTECODE, "verify", NULL, false, 0},
    {"tabling-collect", 1, GEN_BYTECODE, "collect,minimal,walk", NULL, true, 0},
    {"tabling-relower", 1, GEN_BYTECODE, "relower", NULL, true, 0},
    {"walk", 1, GEN_BYTECODE, "collect,minimal,walk", NULL, false, 0},
    {"native-collect", 1, GEN_AT_ONCE, "collect,minimal,walk", NULL, false, 0},
    {"native-refuse", 1, GEN_AT_ONCE, "refuse,collect", NULL, false, 0},
    {"native-early", 1, GEN_AT_ONCE, "early", NULL, false, 0},
    {"native-early-leave", 1, GEN_AT_ONCE, "early,leave", NULL, false, 0},
    {"native-leave", 1, GEN_AT_ONCE, "leave,collect", NULL, false, 0},
    {"native-relower", 1, GEN_AT_ONCE, "relower", NULL, false, 0},
    {"yield", 1, GEN_BYTECODE, "yield", NULL, false, 0},
    {"handover", 1, GEN_BYTECODE, "handover", NULL, false, 1},
    {"handover-j3", 1, GEN_BYTECODE, "handover,collect", NULL, false, 3},
    {"native-handover", 1, GEN_AT_ONCE, "handover,yield", NULL, false, 3},
};
const unsigned gen_nmodes = sizeof gen_modes / sizeof *gen_modes;

bool gen_mode_there(const GenMode *mode) {
  bool there = !mode->stress || ambi_stress_choose(mode->stress);
  ambi_stress_choose("");
#ifndef AMBIT_JIT
  there = there && mode->code == GEN_BYTECODE;
#endif
  return there;
}

#ifdef AMBIT_JIT
static bool open_native(Runtime *rt, enum GenCode code, const char **why) {
  JitConfig config = ambi_jit_defaults;
  config.mode = code == GEN_BACKGROUND ? JIT_BACKGROUND : JIT_SYNC;
  config.threshold = code == GEN_BACKGROUND ? 2 : 1;
  if (code == GEN_LEVEL_1) config.level = 1;
  return ambi_compiler_open(rt, &config, why);
}

static void close_runtime(Runtime *rt) {
  Compiler *c = ambi_compiler_of(rt);
  if (c) ambi_compiler_stop(rt);
  ambi_runtime_close(rt);
  if (c) ambi_compiler_close(c);
}
#else
static bool open_native(Runtime *rt, enum GenCode code, const char **why) {
  (void)rt;
  (void)code;
  *why = "no machine code";
  return false;
}

static void close_runtime(Runtime *rt) {
  ambi_runtime_close(rt);
}
#endif

typedef struct Listener {
  Runtime *rt;
  Told *told;
} Listener;

// False: that is more than anybody compares, as if a limit had been met.
static bool keep(Told *t, const char *text, size_t len) {
  if (t->len + len > MAX_TOLD) {
    t->cut = true;
    return false;
  }
  if (t->len + len > t->cap) {
    t->cap = 2 * t->cap + len + 256;
    t->text = realloc(t->text, t->cap);
    if (!t->text) abort();
  }
  memcpy(t->text + t->len, text, len);
  t->len += len;
  return true;
}

static bool keep_output(void *arg, const char *text, size_t len) {
  const Listener *l = arg;
  return keep(l->told, text, len);
}

static void keep_note(void *arg, const char *text, size_t len) {
  const Listener *l = arg;
  keep(l->told, "note: ", 6);
  keep(l->told, text, len);
}

static bool keep_form(void *arg, const FormReport *r) {
  const Listener *l = arg;
  Told *told = l->told;
  if (r->stop == STOP_INTERNAL) told->wrong = "an internal error";
  if (r->stop != STOP_NONE && r->stop != STOP_EXIT) told->cut = true;
  if (told->cut) return false;
  Buffer line = {0};
  ambi_print_results(l->rt, &line, r->results, r->n);
  ambi_buffer_puts(&line, "\n");
  bool kept = !line.failed && keep(told, line.text, line.len);
  ambi_buffer_drop(&line);
  told->cut = !kept;
  return kept;
}

static void tell_end(Told *told, const Script *s, enum RunStatus status) {
  char line[256];
  if (told->cut || status == RUN_LIMIT) {
    told->cut = true;
    return;
  }
  if (status == RUN_INTERNAL) told->wrong = "an internal error";
  if (status == RUN_PARSE)
    snprintf(line, sizeof line, "cannot be read at %u:%u: %s\n",
             s->error.at.line, s->error.at.column, s->error.message);
  else
    snprintf(line, sizeof line, "status %d\n", (int)status);
  keep(told, line, strlen(line));
}

static void run_script(Listener *l, const char *text, size_t len) {
  Script script = {.rt = l->rt,
                   .module = ambi_module_top(l->rt),
                   .name = "generated",
                   .text = text,
                   .len = len,
                   .on_form = keep_form,
                   .arg = l};
  enum RunStatus status = ambi_run_script(&script);
  tell_end(l->told, &script, status);
  ambi_script_drop(&script);
}

static void run_in(const GenMode *mode, const char *text, size_t len,
                   Told *told) {
  Listener l = {NULL, told};
  Host host = {.arg = &l, .write = keep_output, .note = keep_note};
  l.rt = ambi_runtime_open(&host, mode->tier);
  if (!l.rt) {
    told->wrong = "no runtime";
    return;
  }
  l.rt->rng_state = 1;
  l.rt->tabling = mode->tabling;
  l.rt->limits = (Limits){.query_seconds = 0.1,
                          .steps = STEPS,
                          .depth = DEPTH,
                          .memory = (uint64_t)MEGABYTES << 20};
  const char *why = "no evaluators";
  if (mode->evaluators && !ambi_crew_open(l.rt, mode->evaluators))
    told->wrong = why;
  else if (mode->code == GEN_BYTECODE || open_native(l.rt, mode->code, &why))
    run_script(&l, text, len);
  else
    told->wrong = why;
  ambi_crew_close(l.rt);
  close_runtime(l.rt);
}

void gen_run(const GenMode *mode, const char *text, size_t len, Told *told) {
  *told = (Told){.cut = false};
  size_t before = ambi_alloc_bytes();
  if (mode->stress) ambi_stress_choose(mode->stress);
  run_in(mode, text, len, told);
  if (mode->stress) ambi_stress_choose("");
  if (ambi_alloc_bytes() != before && !told->wrong)
    told->wrong = "memory that is not given back";
  if (mode->spoil) mode->spoil(told);
}

void gen_told_drop(Told *t) {
  free(t->text);
  *t = (Told){.cut = false};
}
