// Runs a program in one mode, in a runtime of its own, and keeps what it tells.
//
// Limits on steps, depth and memory make an end of every program. Modes count their
// steps differently, so a program may be cut in one mode and not in the other.
#include "tests/gen/gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory/alloc.h"

enum { STEPS = 3000, DEPTH = 1000, MEGABYTES = 512, MAX_TOLD = 1 << 20 };

// A mode more is a row here.
const GenMode gen_modes[] = {
    {"tier0", 0, NULL},
    {"tier1", 1, NULL},
};
const unsigned gen_nmodes = sizeof gen_modes / sizeof *gen_modes;

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

void gen_run(const GenMode *mode, const char *text, size_t len, Told *told) {
  Listener l = {NULL, told};
  Host host = {&l, keep_output, keep_note};
  *told = (Told){.cut = false};
  size_t before = ambi_alloc_bytes();
  l.rt = ambi_runtime_open(&host, mode->tier);
  if (!l.rt) {
    told->wrong = "no runtime";
    return;
  }
  l.rt->rng_state = 1;
  l.rt->limits = (Limits){.query_seconds = 0.1,
                          .steps = STEPS,
                          .depth = DEPTH,
                          .memory = (uint64_t)MEGABYTES << 20};
  run_script(&l, text, len);
  ambi_runtime_close(l.rt);
  if (ambi_alloc_bytes() != before)
    told->wrong = "memory that is not given back";
  if (mode->spoil) mode->spoil(told);
}

void gen_told_drop(Told *t) {
  free(t->text);
  *t = (Told){.cut = false};
}
