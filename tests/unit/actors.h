// A runtime with actors, whose results are kept as text: for tests of actors as a whole.
#ifndef AMBIT_TEST_ACTORS_H
#define AMBIT_TEST_ACTORS_H

#include "memory/alloc.h"
#include "runtime/modules/runner.h"
#include "scheduler/actor.h"
#include "scheduler/crew.h"
#include "tests/unit/unit.h"

static Runtime *rt;
static size_t bytes_before;
static Buffer lines;  // of results, up to the first form that was stopped

static void drop_note(void *arg, const char *text, size_t len) {
  (void)arg, (void)text, (void)len;
}
static bool drop_text(void *arg, const char *text, size_t len) {
  drop_note(arg, text, len);
  return true;
}

static void open_runtime(unsigned evaluators) {
  Host host = {.write = drop_text, .note = drop_note};
  bytes_before = ambi_alloc_bytes();
  rt = ambi_runtime_open(&host, 1);
  ck_assert_ptr_nonnull(rt);
  ck_assert(ambi_crew_open(rt, evaluators));
  ck_assert(ambi_actors_open(rt));
}

static void close_runtime(void) {
  ambi_actors_close(rt);
  ambi_crew_close(rt);
  ambi_runtime_close(rt);
  ambi_buffer_drop(&lines);
  ck_assert_uint_eq(ambi_alloc_bytes(), bytes_before);
}

static bool on_form(void *arg, const FormReport *r) {
  (void)arg;
  const char *why = "";
  if (r->stop != STOP_NONE) return false;
  ck_assert_msg(ambi_actors_is_valid(rt->actors, &why), "%s", why);
  ambi_print_results(rt, &lines, r->results, r->n);
  return true;
}

static enum RunStatus run(const char *text) {
  Script s = {.rt = rt,
              .module = ambi_module_top(rt),
              .name = "test",
              .text = text,
              .len = strlen(text),
              .on_form = on_form};
  lines.len = 0;
  lines.failed = false;
  enum RunStatus status = ambi_run_script(&s);
  ambi_script_drop(&s);
  return status;
}

static void gives(const char *text, const char *expected) {
  enum RunStatus status = run(text);
  ck_assert_msg(status == RUN_OK && strcmp(lines.text, expected) == 0,
                "%s: %d, %s instead of %s", text, status, lines.text, expected);
}

#endif
