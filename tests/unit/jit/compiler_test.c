// The compiler of a runtime: what gets hot is published, refused or dropped, each
// counted under its name, and answers do not change.
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "runtime/modules/module.h"
#include "runtime/modules/runner.h"
#include "tests/unit/jit/fake_emitter.h"
#include "tests/unit/unit.h"

typedef struct Seen {
  Runtime *rt;
  Compiler *compiler;
  Buffer results;
  size_t bytes;  // allocated before
} Seen;

static bool drop_text(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}

static void drop_note(void *arg, const char *text, size_t len) {
  drop_text(arg, text, len);
}

static bool on_form(void *arg, const FormReport *r) {
  Seen *seen = arg;
  ambi_print_results(seen->rt, &seen->results, r->results, r->n);
  return true;
}

static enum RunStatus run(Seen *seen, const char *text) {
  ambi_buffer_drop(&seen->results);
  Script s = {.rt = seen->rt,
              .module = ambi_module_top(seen->rt),
              .name = "test",
              .text = text,
              .len = strlen(text),
              .on_form = on_form,
              .arg = seen};
  enum RunStatus status = ambi_run_script(&s);
  ambi_script_drop(&s);
  return status;
}

static void check(Seen *seen, const char *text, const char *want) {
  ck_assert_int_eq(run(seen, text), RUN_OK);
  ck_assert_str_eq(seen->results.text, want);
}

static void open_runtime(Seen *seen, int tier) {
  Host host = {.write = drop_text, .note = drop_note};
  *seen = (Seen){.bytes = ambi_alloc_bytes()};
  seen->rt = ambi_runtime_open(&host, tier);
  ck_assert_ptr_nonnull(seen->rt);
}

static void open_all(Seen *seen, enum JitMode mode, uint32_t threshold) {
  const char *why;
  JitConfig config = {.mode = mode, .threshold = threshold, .memory = 1 << 20};
  open_runtime(seen, 1);
  ck_assert_msg(ambi_compiler_open(seen->rt, &config, &why), "%s", why);
  seen->compiler = ambi_compiler_of(seen->rt);
}

static JitStats stats(const Seen *seen) {
  JitStats s;
  ambi_compiler_stats(seen->compiler, &s);
  return s;
}

static void close_all(Seen *seen) {
  ambi_compiler_stop(seen->rt);
  if (seen->compiler) {
    JitStats s = stats(seen);
    uint64_t outcomes = s.stale + s.late + s.queue_full;
    for (int i = 0; i < EMIT_RESULT_COUNT; i++)
      outcomes += s.results[i];
    ck_assert_uint_eq(s.hot, outcomes);  // nothing is lost
    ck_assert_uint_eq(s.compiled, s.results[EMIT_OK]);
    ck_assert_uint_eq(s.queue_depth, 0);
  }
  ambi_runtime_close(seen->rt);
  if (seen->compiler) ck_assert_uint_eq(stats(seen).memory.used, 0);
  ambi_compiler_close(seen->compiler);
  ambi_buffer_drop(&seen->results);
  ck_assert_uint_eq(ambi_load_relaxed(&fake.natives), 0);
  ck_assert_uint_eq(ambi_alloc_bytes(), seen->bytes);
}

static const char fib[] =
    "(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))";

// ---- outcomes -------------------------------------------------------------------

START_TEST(compiles_at_the_first_call) {
  Seen seen;
  open_all(&seen, JIT_SYNC, 1);
  run(&seen, fib);
  check(&seen, "!(fib 15)", "[610]");
  JitStats s = stats(&seen);
  ck_assert_uint_gt(s.compiled, 0);
  ck_assert_uint_eq(s.compiled, s.hot);
  ck_assert_uint_gt(s.instructions, s.compiled);
  ck_assert_uint_eq(s.bytes, s.compiled * FAKE_BYTES);
  ck_assert_uint_ge(s.memory.used, s.bytes);
  ck_assert_uint_gt(ambi_load_relaxed(&fake.entered), 1000);
  close_all(&seen);
}
END_TEST

START_TEST(compiles_in_the_background) {
  Seen seen;
  open_all(&seen, JIT_BACKGROUND, 2);
  run(&seen, fib);
  check(&seen, "!(fib 15)", "[610]");
  ambi_compiler_wait(seen.compiler);
  JitStats s = stats(&seen);
  ck_assert_uint_gt(s.compiled, 0);
  ck_assert_uint_eq(s.queue_depth, 0);
  ck_assert_uint_ge(s.queue_peak, 1);
  ck_assert_uint_eq(s.published.n, s.compiled);
  ck_assert_uint_gt(s.published.half, 0);
  ck_assert_uint_ge(s.published.most_of_them, s.published.half);
  ck_assert_uint_ge(s.published.longest, s.published.most_of_them);
  ck_assert_uint_eq(s.asked.n, s.hot);
  uint32_t before = ambi_load_relaxed(&fake.entered);
  check(&seen, "!(fib 15)", "[610]");
  ck_assert_uint_gt(ambi_load_relaxed(&fake.entered) - before, 1000);
  close_all(&seen);
}
END_TEST

START_TEST(counts_calls_to_the_threshold) {
  Seen seen;
  open_all(&seen, JIT_SYNC, 10);
  run(&seen, "(= (once-more $x) (+ $x 1))");
  for (int i = 0; i < 9; i++)
    check(&seen, "!(once-more 1)", "[2]");
  ck_assert_uint_eq(stats(&seen).hot, 0);
  check(&seen, "!(once-more 1)", "[2]");
  ck_assert_uint_eq(stats(&seen).hot, 1);
  for (int i = 0; i < 30; i++)
    check(&seen, "!(once-more 1)", "[2]");
  ck_assert_uint_eq(stats(&seen).hot, 1);
  close_all(&seen);
}
END_TEST

START_TEST(refusals_are_counted_by_name) {
  for (int r = EMIT_OK + 1; r < EMIT_RESULT_COUNT; r++) {
    for (int mode = JIT_SYNC; mode <= JIT_BACKGROUND; mode++) {
      Seen seen;
      fake.result = (EmitResult)r;
      open_all(&seen, (enum JitMode)mode, 1);
      run(&seen, fib);
      check(&seen, "!(fib 15)", "[610]");
      ambi_compiler_wait(seen.compiler);
      JitStats s = stats(&seen);
      ck_assert_uint_gt(s.results[r], 0);
      ck_assert_uint_eq(s.results[r], s.hot);
      ck_assert_uint_eq(s.compiled, 0);
      close_all(&seen);
    }
  }
}
END_TEST

// Calls all of (f0), (f1) ... once.
static void call_all(Seen *seen, int units) {
  char text[64], want[16];
  for (int i = 0; i < units; i++) {
    snprintf(text, sizeof text, "!(f%d)", i);
    snprintf(want, sizeof want, "[%d]", i);
    check(seen, text, want);
  }
}

static void define_all(Seen *seen, int units) {
  char text[64];
  for (int i = 0; i < units; i++) {
    snprintf(text, sizeof text, "(= (f%d) %d)", i, i);
    run(seen, text);
  }
}

// More units than the queue has places get hot while the compiler stands still. Those
// that found no room count again, and are compiled later.
START_TEST(a_full_queue_stops_nobody) {
  enum { UNITS = 1500, MOST_ROUNDS = 40 };
  Seen seen;
  open_all(&seen, JIT_BACKGROUND, 1);
  fake_gate(true);
  define_all(&seen, UNITS);
  for (int i = 0; i < MOST_ROUNDS && stats(&seen).queue_full == 0; i++)
    call_all(&seen, UNITS);
  JitStats s = stats(&seen);
  ck_assert_uint_gt(s.queue_full, 0);
  ck_assert_uint_ge(s.queue_peak, 1024);
  ck_assert_uint_le(s.compiled, 1);
  fake_gate(false);
  for (int i = 0; i < MOST_ROUNDS && stats(&seen).compiled < UNITS; i++) {
    ambi_compiler_wait(seen.compiler);
    call_all(&seen, UNITS);
  }
  ambi_compiler_wait(seen.compiler);
  ck_assert_uint_eq(stats(&seen).compiled, UNITS);
  close_all(&seen);
}
END_TEST

// Each 64 units that wait add the threshold once more.
START_TEST(the_longer_the_queue_the_longer_the_count) {
  enum { THRESHOLD = 3, STEP = 64, UNITS = 2 * STEP + 1 };
  Seen seen;
  open_all(&seen, JIT_BACKGROUND, THRESHOLD);
  fake_gate(true);
  define_all(&seen, UNITS + 1);
  unsigned more = 0;
  for (unsigned unit = 0; unit < UNITS; unit++) {
    char text[16];
    snprintf(text, sizeof text, "!(f%u)", unit);
    unsigned times = 1 + unit / STEP;
    for (unsigned call = 1; call <= THRESHOLD * times; call++) {
      ck_assert_uint_eq(stats(&seen).hot, unit);
      run(&seen, text);
    }
    more += times > 1;
    ck_assert_uint_eq(stats(&seen).hot, unit + 1);
    ck_assert_uint_eq(stats(&seen).counted_on, more);
  }
  fake_gate(false);
  ambi_compiler_wait(seen.compiler);
  for (unsigned call = 1; call <= THRESHOLD; call++) {
    ck_assert_uint_eq(stats(&seen).hot, UNITS);
    run(&seen, "!(f129)");
  }
  ck_assert_uint_eq(stats(&seen).hot, UNITS + 1);
  close_all(&seen);
}
END_TEST

// The unit at the gate keeps its memory; those behind it are dropped unseen.
START_TEST(what_was_thrown_away_is_dropped) {
  Seen seen;
  open_all(&seen, JIT_BACKGROUND, 1);
  fake_gate(true);
  run(&seen, "(= (a) 1) (= (b) 2) (= (c) 3)");
  check(&seen, "!(a)", "[1]");
  fake_await();
  check(&seen, "!(b) !(c)", "[2][3]");
  run(&seen, "(= (a) 4)");
  check(&seen, "!(+ 1 1)", "[2]");
  fake_gate(false);
  ambi_compiler_wait(seen.compiler);
  JitStats s = stats(&seen);
  ck_assert_uint_eq(s.stale, 2);
  ck_assert_uint_eq(s.compiled, 1);
  check(&seen, "!(+ 1 1)", "[2]");
  ck_assert_uint_eq(ambi_load_relaxed(&fake.natives), 0);
  ck_assert_uint_eq(stats(&seen).memory.used, 0);
  check(&seen, "!(a) !(b)", "[1, 4][2]");
  close_all(&seen);
}
END_TEST

START_TEST(machine_code_goes_with_its_unit) {
  Seen seen;
  open_all(&seen, JIT_SYNC, 1);
  char text[64];
  run(&seen, fib);
  for (int i = 0; i < 6; i++) {
    check(&seen, "!(fib 10)", "[55]");
    uint32_t live = ambi_load_relaxed(&fake.natives);
    ck_assert_uint_gt(live, 0);
    ck_assert_uint_lt(live, 20);
    snprintf(text, sizeof text, "(= (fib $n) (empty)) ; %d", i);
    run(&seen, text);
    ck_assert_uint_gt(ambi_compiler_retiring(seen.compiler), 0);
  }
  check(&seen, "!(+ 1 1)", "[2]");
  ck_assert_uint_eq(ambi_compiler_retiring(seen.compiler), 0);
  JitStats s = stats(&seen);
  ck_assert_uint_gt(s.memory.freed, 0);
  ck_assert_uint_gt(s.retired, 0);
  ck_assert_uint_eq(s.retired + ambi_load_relaxed(&fake.natives), s.compiled);
  close_all(&seen);
}
END_TEST

// ---- debuggers --------------------------------------------------------------------

// As the GDB manual has it.
typedef struct CodeEntry {
  struct CodeEntry *next, *previous;
  const unsigned char *object;
  uint64_t size;
} CodeEntry;
extern struct {
  uint32_t version, action;
  CodeEntry *relevant, *first;
} __jit_debug_descriptor;

// How many entries there are, and how many have this name.
static uint32_t count_entries(const char *name, uint32_t *named) {
  uint32_t n = 0;
  const CodeEntry *before = NULL;
  *named = 0;
  for (const CodeEntry *e = __jit_debug_descriptor.first; e; e = e->next) {
    ck_assert_ptr_eq(e->previous, before);
    ck_assert_int_eq(memcmp(e->object, "\177ELF", 4), 0);
    size_t length = strlen(name) + 1;
    ck_assert_uint_gt(e->size, length);
    *named += memcmp(e->object + e->size - length, name, length) == 0;
    before = e;
    n++;
  }
  return n;
}

START_TEST(a_debugger_sees_what_there_is) {
  Seen seen;
  const char *why;
  uint32_t named;
  JitConfig config = {
      .mode = JIT_SYNC, .threshold = 1, .memory = 1 << 20, .debugger = true};
  ck_assert_uint_eq(__jit_debug_descriptor.version, 1);
  open_runtime(&seen, 1);
  ck_assert_msg(ambi_compiler_open(seen.rt, &config, &why), "%s", why);
  seen.compiler = ambi_compiler_of(seen.rt);
  uint32_t shared = count_entries("ambit", &named);
  ck_assert_uint_ge(shared, 1);
  ck_assert_uint_eq(named, shared);
  for (int round = 0; round < 3; round++) {
    run(&seen, round ? "(= (fib -1) none)" : fib);
    check(&seen, "!(fib 10)", "[55]");
    uint32_t n = count_entries("fib/1", &named);
    ck_assert_uint_eq(n, ambi_load_relaxed(&fake.natives) + shared);
    ck_assert_uint_eq(named, 1);
    ck_assert_uint_eq(__jit_debug_descriptor.action, 0);
  }
  close_all(&seen);
  ck_assert_uint_eq(count_entries("fib/1", &named), 0);
}
END_TEST

static bool is_called(const Runtime *rt, const Unit *u, const char *name) {
  if (!u->variant || !ambi_is_sym(u->variant->def->head)) return false;
  uint32_t id = ambi_sym_of(u->variant->def->head);
  return strcmp(ambi_symbol(rt->symbols, id)->text, name) == 0;
}

// Its first call seems to be long ago.
static void grow_old(Seen *seen, const char *name) {
  for (Unit *u = seen->rt->code->units; u; u = u->next)
    if (is_called(seen->rt, u, name))
      ambi_store_release(&u->warm_since,
                         ambi_load_relaxed(&u->warm_since) - 1000);
}

START_TEST(the_hottest_comes_first) {
  Seen seen;
  open_all(&seen, JIT_BACKGROUND, 2);
  run(&seen, "(= (slow $x) (+ $x 1)) (= (fast $x) (+ $x 2))"
             "(= (gate $x) $x)");
  fake_gate(true);
  check(&seen, "!(gate 1) !(gate 1)", "[1][1]");
  fake_await();
  check(&seen, "!(slow 1) !(fast 1)", "[2][3]");
  grow_old(&seen, "slow");
  check(&seen, "!(slow 1) !(fast 1)", "[2][3]");
  ck_assert_uint_eq(stats(&seen).queue_depth, 3);
  fake_gate(false);
  ambi_compiler_wait(seen.compiler);
  ck_assert_uint_eq(fake.nseen, 3);
  ck_assert(is_called(seen.rt, fake.seen[0], "gate"));
  ck_assert(is_called(seen.rt, fake.seen[1], "fast"));
  ck_assert(is_called(seen.rt, fake.seen[2], "slow"));
  close_all(&seen);
}
END_TEST

// ---- level 2 --------------------------------------------------------------------

static void open_for_level_2(Seen *seen, enum JitMode mode) {
  const char *why;
  JitConfig config = {
      .mode = mode, .level = 2, .threshold = 1, .memory = 1 << 20};
  open_runtime(seen, 1);
  ck_assert_msg(ambi_compiler_open(seen->rt, &config, &why), "%s", why);
  seen->compiler = ambi_compiler_of(seen->rt);
}

static const Unit *unit_called(const Seen *seen, const char *name) {
  for (const Unit *u = seen->rt->code->units; u; u = u->next)
    if (is_called(seen->rt, u, name)) return u;
  ck_abort_msg("no unit of %s", name);
}

enum Made { FIRST_ONLY, SAME_UNIT, OTHER_UNIT };

static enum Made made(const Unit *u) {
  const Native *n = ambi_load_acquire(&u->native);
  const Unit *better = ambi_load_acquire(&u->better);
  ck_assert(n && better != u);
  if (n->level == 2) return n->older && !better ? SAME_UNIT : FIRST_ONLY;
  n = better ? ambi_load_acquire(&better->native) : NULL;
  return n && n->level == 2 && better->of == u && better->nbodies ? OTHER_UNIT
                                                                  : FIRST_ONLY;
}

static const char *outcome_of_level_2(const char *rules, const char *form,
                                      EmitResult second, enum Made want) {
  Seen seen;
  open_for_level_2(&seen, JIT_SYNC);
  fake.second = second;
  run(&seen, rules);
  check(&seen, form, "[610]");
  const Unit *u = unit_called(&seen, "fib");
  enum Made got = made(u);
  bool final = ambi_load_acquire(&u->x_state) == NATIVE_FINAL;
  JitStats s = stats(&seen);
  close_all(&seen);
  if (!final) return "the unit may be asked for again";
  if (got != want) return "not the code of that level";
  if (s.second != (want != FIRST_ONLY)) return "level 2 is miscounted";
  if (s.results[second] < 1) return "its outcome is not counted";
  if ((s.inlined[INLINE_OK] > 0) != (rules == fib))
    return "what was inlined is miscounted";
  return (s.outdated > 0) == (want != FIRST_ONLY) ? NULL
                                                  : "what it replaced is not";
}

// A loop calls nothing that could be inlined.
static const char loop[] =
    "(= (fib $n $a $b) (if (== $n 0) $a (fib (- $n 1) $b (+ $a $b))))";

START_TEST(level_2_comes_after_level_1) {
  const char *wrong =
      outcome_of_level_2(loop, "!(fib 15 0 1)", EMIT_OK, SAME_UNIT);
  ck_assert_msg(!wrong, "%s", wrong);
  wrong = outcome_of_level_2(fib, "!(fib 15)", EMIT_OK, OTHER_UNIT);
  ck_assert_msg(!wrong, "%s", wrong);
}
END_TEST

START_TEST(a_refusal_at_level_2_leaves_level_1) {
  for (int r = EMIT_OK + 1; r < EMIT_RESULT_COUNT; r++) {
    const char *wrong =
        outcome_of_level_2(fib, "!(fib 15)", (EmitResult)r, FIRST_ONLY);
    ck_assert_msg(!wrong, "%d: %s", r, wrong);
  }
}
END_TEST

// It waits for level 2 when its rules change: its code of level 1 goes with it.
START_TEST(what_waits_for_level_2_may_be_thrown_away) {
  Seen seen;
  open_for_level_2(&seen, JIT_BACKGROUND);
  run(&seen, "(= (a $x) (+ $x 1)) (= (gate) 1)");
  check(&seen, "!(a 1)", "[2]");
  ambi_compiler_wait(seen.compiler);
  fake_gate(true);
  check(&seen, "!(gate)", "[1]");
  fake_await();
  Unit *u = (Unit *)(uintptr_t)unit_called(&seen, "a");
  while (ambi_load_acquire(&u->x_state) == NATIVE_READY)
    ambi_unit_look(seen.rt->code, u);
  ck_assert_uint_eq(ambi_load_acquire(&u->x_state), NATIVE_QUEUED);
  run(&seen, "(= (a $x) 0)");
  check(&seen, "!(+ 1 1)", "[2]");
  fake_gate(false);
  ambi_compiler_wait(seen.compiler);
  ck_assert_uint_eq(stats(&seen).stale, 1);
  ck_assert_uint_eq(stats(&seen).second, 0);
  check(&seen, "!(a 1)", "[2, 0]");
  close_all(&seen);
}
END_TEST

static unsigned retired(const Seen *seen, uint32_t held) {
  unsigned n = 0;
  for (const Unit *u = seen->rt->code->retired; u; u = u->next)
    n += ambi_load_acquire(&u->x_held) == held;
  return n;
}

// A unit waits for level 2, and another that it would have inlined is thrown away.
START_TEST(what_may_be_inlined_is_held) {
  Seen seen;
  open_for_level_2(&seen, JIT_BACKGROUND);
  run(&seen, "(= (g $x) (+ $x 1)) (= (f $x) (* 2 (g $x))) (= (gate) 1)");
  check(&seen, "!(f 1)", "[4]");
  ambi_compiler_wait(seen.compiler);
  fake_gate(true);
  check(&seen, "!(gate)", "[1]");
  fake_await();
  Unit *f = (Unit *)(uintptr_t)unit_called(&seen, "f");
  while (ambi_load_acquire(&f->x_state) == NATIVE_READY)
    ambi_unit_look(seen.rt->code, f);
  ck_assert_uint_eq(ambi_load_acquire(&f->x_state), NATIVE_QUEUED);
  run(&seen, "(= (g $x) 0)");
  for (int form = 0; form < 3; form++)
    check(&seen, "!(+ 1 1)", "[2]");
  ck_assert_uint_eq(retired(&seen, 1), 1);  // g, as a number's argument
  fake_gate(false);
  ambi_compiler_wait(seen.compiler);
  check(&seen, "!(+ 1 1)", "[2]");
  ck_assert_uint_eq(retired(&seen, 0) + retired(&seen, 1), 0);
  ck_assert_uint_eq(stats(&seen).stale, 1);
  check(&seen, "!(f 1)", "[4, 0]");
  close_all(&seen);
}
END_TEST

// ---- opening, closing, outage -----------------------------------------------------

static void *open_gate(void *arg) {
  fake_gate(false);
  return arg;
}

START_TEST(stops_with_units_waiting) {
  Seen seen;
  open_all(&seen, JIT_BACKGROUND, 1);
  fake_gate(true);
  run(&seen, "(= (a) 1) (= (b) 2) (= (c) 3)");
  check(&seen, "!(a)", "[1]");
  fake_await();
  check(&seen, "!(b)", "[2]");
  pthread_t opener;
  ck_assert_int_eq(pthread_create(&opener, NULL, open_gate, NULL), 0);
  ambi_compiler_stop(seen.rt);
  pthread_join(opener, NULL);
  check(&seen, "!(a) !(b) !(c)", "[1][2][3]");
  JitStats s = stats(&seen);
  ck_assert_uint_eq(s.hot, 3);
  ck_assert_uint_ge(s.late, 1);  // c; b, if the gate was slower than the stop
  ck_assert_uint_eq(s.compiled + s.late, 3);
  close_all(&seen);
}
END_TEST

// ---- where there is one processor for both ------------------------------------------

static void open_modest(Seen *seen) {
  const char *why;
  JitConfig config = {
      .mode = JIT_BACKGROUND, .threshold = 1, .percent = 1, .memory = 1 << 20};
  open_runtime(seen, 1);
  ck_assert_msg(ambi_compiler_open(seen->rt, &config, &why), "%s", why);
  seen->compiler = ambi_compiler_of(seen->rt);
}

START_TEST(a_modest_compiler_stands_back) {
  Seen seen;
  open_modest(&seen);
  fake.burn_ns = 2000000;
  define_all(&seen, 4);
  call_all(&seen, 4);
  ambi_compiler_wait(seen.compiler);
  ambi_compiler_stop(seen.rt);
  JitStats s = stats(&seen);
  ck_assert_uint_eq(s.compiled, 4);
  ck_assert_uint_eq(s.percent, 1);
  ck_assert_uint_ge(s.pauses, 1);
  ck_assert_uint_ge(s.cpu_ns, 4 * fake.burn_ns);
  ck_assert_uint_ge(s.wall_ns, s.paused_ns);
  close_all(&seen);
}
END_TEST

// What it owes would last longer than this test may.
START_TEST(a_stop_ends_a_pause) {
  Seen seen;
  open_modest(&seen);
  fake.burn_ns = 700000000;
  define_all(&seen, 2);
  call_all(&seen, 2);
  while (stats(&seen).compiled == 0)
    sched_yield();
  ambi_compiler_stop(seen.rt);
  ck_assert_uint_eq(stats(&seen).late, 1);
  close_all(&seen);
}
END_TEST

START_TEST(off_and_tier_0_have_no_compiler) {
  Seen seen;
  const char *why = NULL;
  JitConfig config = ambi_jit_defaults;
  config.mode = JIT_OFF;
  open_runtime(&seen, 1);
  ck_assert(ambi_compiler_open(seen.rt, &config, &why));
  ck_assert_ptr_null(ambi_compiler_of(seen.rt));
  run(&seen, fib);
  check(&seen, "!(fib 15)", "[610]");
  close_all(&seen);
  open_runtime(&seen, 0);
  config.mode = JIT_BACKGROUND;
  ck_assert(!ambi_compiler_open(seen.rt, &config, &why));
  ck_assert_ptr_nonnull(strstr(why, "tier 0"));
  close_all(&seen);
}
END_TEST

// Most programs end before anything is hot.
START_TEST(nothing_is_opened_before_it_is_needed) {
  Seen seen;
  uint32_t before = ambi_load_relaxed(&fake.opened);
  open_all(&seen, JIT_BACKGROUND, 100);
  run(&seen, fib);
  check(&seen, "!(fib 3)", "[2]");
  ck_assert_uint_eq(ambi_load_relaxed(&fake.opened), before);
  ck_assert_uint_eq(stats(&seen).memory.peak, 0);
  check(&seen, "!(fib 15)", "[610]");
  ambi_compiler_wait(seen.compiler);
  check(&seen, "!(fib 15)", "[610]");
  ck_assert_uint_eq(ambi_load_relaxed(&fake.opened), before + 1);
  ck_assert_uint_gt(stats(&seen).memory.peak, 0);
  close_all(&seen);
}
END_TEST

START_TEST(what_cannot_be_opened_leaves_bytecode) {
  Seen seen;
  const char *why = NULL;
  JitConfig config = {.mode = JIT_BACKGROUND,
                      .threshold = 1,
                      .memory = 1 << 20,
                      .at_once = true};
  fake.refuses = true;
  open_all(&seen, JIT_BACKGROUND, 1);
  run(&seen, fib);
  check(&seen, "!(fib 15)", "[610]");
  ambi_compiler_wait(seen.compiler);
  JitStats s = stats(&seen);
  ck_assert_str_eq(s.refused, "refused");
  ck_assert_uint_gt(s.hot, 0);
  ck_assert_uint_eq(s.results[EMIT_CLOSED], s.hot);
  ck_assert_uint_eq(s.memory.used, 0);
  close_all(&seen);
  open_runtime(&seen, 1);
  ck_assert(!ambi_compiler_open(seen.rt, &config, &why));
  ck_assert_str_eq(why, "refused");
  fake.refuses = false;
  run(&seen, fib);
  check(&seen, "!(fib 15)", "[610]");
  close_all(&seen);
}
END_TEST

START_TEST(opening_without_memory_leaves_bytecode) {
  JitConfig config = ambi_jit_defaults;
  config.at_once = true;
  unsigned refused = 0;
  for (uint64_t n = 1; n < 100; n++) {
    Seen seen;
    const char *why;
    open_runtime(&seen, 1);
    ambi_alloc_fail_at(n);
    bool opened = ambi_compiler_open(seen.rt, &config, &why);
    ambi_alloc_fail_at(0);
    if (!opened) ck_assert_str_eq(why, "out of memory");
    seen.compiler = ambi_compiler_of(seen.rt);
    ck_assert(opened == (seen.compiler != NULL));
    run(&seen, fib);
    check(&seen, "!(fib 15)", "[610]");
    close_all(&seen);
    if (opened) break;
    refused++;
  }
  ck_assert_uint_ge(refused, 3);
}
END_TEST

// Whichever allocation fails, of the evaluator's or of the compiler's.
static void outages(enum JitMode mode, uint64_t *lost, uint64_t *closed) {
  for (uint64_t n = 1; n < 400; n++) {
    Seen seen;
    open_all(&seen, mode, 1);
    run(&seen, fib);
    ambi_alloc_fail_at(n);
    run(&seen, "!(fib 12)");
    ambi_compiler_wait(seen.compiler);
    ambi_alloc_fail_at(0);
    check(&seen, "!(fib 15)", "[610]");
    *lost += stats(&seen).results[EMIT_NO_MEMORY];
    *closed += stats(&seen).results[EMIT_CLOSED];
    close_all(&seen);
  }
}

START_TEST(an_outage_leaves_bytecode) {
  uint64_t lost = 0, closed = 0;
  outages(JIT_SYNC, &lost, &closed);
  ck_assert_uint_gt(lost, 0);
  ck_assert_uint_eq(closed, 0);
  outages(JIT_BACKGROUND, &lost, &closed);
  ck_assert_uint_gt(closed, 0);
}
END_TEST

START_TEST(without_a_thread_the_evaluator_compiles) {
  Seen seen;
  open_all(&seen, JIT_BACKGROUND, 100);
  run(&seen, "(= (lone $x) (+ $x 1))");
  check(&seen, "!(lone 1)", "[2]");
  ck_assert(!stats(&seen).threadless);
  for (Unit *u = seen.rt->code->units; u; u = u->next) {
    if (!is_called(seen.rt, u, "lone")) continue;
    ambi_alloc_fail_at(1);
    ambi_unit_hot(seen.rt->code, u);
    ambi_alloc_fail_at(0);
  }
  ck_assert(stats(&seen).threadless);
  ck_assert_uint_eq(stats(&seen).compiled, 1);
  check(&seen, "!(lone 1)", "[2]");
  ck_assert_uint_gt(ambi_load_relaxed(&fake.entered), 0);
  close_all(&seen);
}
END_TEST

START_TEST(at_the_cap_units_stay_bytecode) {
  Seen seen;
  const char *why;
  JitConfig config = {.mode = JIT_SYNC, .threshold = 1, .memory = 1};
  char text[64];
  open_runtime(&seen, 1);
  ck_assert(ambi_compiler_open(seen.rt, &config, &why));
  seen.compiler = ambi_compiler_of(seen.rt);
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "(= (f%d) 5) !(f%d)", i, i);
    check(&seen, text, "[5]");
  }
  JitStats s = stats(&seen);
  ck_assert_uint_gt(s.results[EMIT_CODE_FULL], 0);
  ck_assert_uint_le(s.memory.peak, s.memory.cap);
  ck_assert_uint_eq(s.compiled + s.results[EMIT_CODE_FULL], s.hot);
  close_all(&seen);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("compiler");
  tcase_add_test(tc, compiles_at_the_first_call);
  tcase_add_test(tc, compiles_in_the_background);
  tcase_add_test(tc, counts_calls_to_the_threshold);
  tcase_add_test(tc, refusals_are_counted_by_name);
  tcase_add_test(tc, a_full_queue_stops_nobody);
  tcase_add_test(tc, the_longer_the_queue_the_longer_the_count);
  tcase_add_test(tc, what_was_thrown_away_is_dropped);
  tcase_add_test(tc, machine_code_goes_with_its_unit);
  tcase_add_test(tc, a_debugger_sees_what_there_is);
  tcase_add_test(tc, the_hottest_comes_first);
  tcase_add_test(tc, level_2_comes_after_level_1);
  tcase_add_test(tc, a_refusal_at_level_2_leaves_level_1);
  tcase_add_test(tc, what_waits_for_level_2_may_be_thrown_away);
  tcase_add_test(tc, what_may_be_inlined_is_held);
  tcase_add_test(tc, stops_with_units_waiting);
  tcase_add_test(tc, a_modest_compiler_stands_back);
  tcase_add_test(tc, a_stop_ends_a_pause);
  tcase_add_test(tc, off_and_tier_0_have_no_compiler);
  tcase_add_test(tc, nothing_is_opened_before_it_is_needed);
  tcase_add_test(tc, what_cannot_be_opened_leaves_bytecode);
  tcase_add_test(tc, opening_without_memory_leaves_bytecode);
  tcase_add_test(tc, an_outage_leaves_bytecode);
  tcase_add_test(tc, without_a_thread_the_evaluator_compiles);
  tcase_add_test(tc, at_the_cap_units_stay_bytecode);
  return unit_run(tc, "compiler");
}
