// What machine code costs: time and bytes for an instruction of bytecode.
//
// The units are those of the rules of the programs in bench/programs, expected types
// unknown. "Hot to installed" is all of it: each runtime has a compiler that compiles at
// once, and is told of each unit as an evaluator tells it, until calls go to the machine
// code. The others are emitting alone: "each once" with a new emitter and code memory that
// nobody has touched, "again" the same units over and over, when all is warm.
#include <dirent.h>

#include "bench/micro/machine.h"
#include "compiler_thread/compiler.h"
#include "memory/alloc.h"
#include "runtime/atoms/reader.h"

enum { MOST_UNITS = 4096, CODE_BYTES = 64 << 20 };

typedef struct Units {
  Unit *at[MOST_UNITS];
  CodeState *code[MOST_UNITS];  // of the runtime that has it
  size_t n;
  size_t instructions, bytes;  // of all
} Units;

static Units units;
static unsigned level = 1;

// ---- the units -------------------------------------------------------------------
static char *text_of(const char *folder, const char *name, size_t *len) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "rb");
  micro_must(f && fseek(f, 0, SEEK_END) == 0, path);
  *len = (size_t)ftell(f);
  rewind(f);
  char *text = malloc(*len + 1);
  micro_must(text && fread(text, 1, *len, f) == *len, path);
  text[*len] = 0;
  fclose(f);
  return text;
}

// The atoms of the file to the space, but what stands behind `!`.
static void load(const char *text, size_t len) {
  Reader r;
  Template t;
  bool bang = false;
  ambi_reader_open(&r, rt, cx->module->tokens, text, len);
  while (ambi_read(&r, &t) == READ_ATOM) {
    bool mark = ambi_same(t.atom, AMB_SYM(BANG)), keep = !mark && !bang;
    bang = mark;
    if (!keep || !ambi_space_add_template(cx->space, &t))
      ambi_template_release(rt->store, &t);
  }
}

static void lower(Value rule) {
  if (!ambi_is_expr(rule) || ambi_expr_size(rule) != 3 ||
      !ambi_same(ambi_expr_at(rule, 0), AMB_SYM(EQ)))
    return;
  Value lhs = ambi_expr_at(rule, 1);
  if (!ambi_is_expr(lhs) || !ambi_is_sym(ambi_expr_at(lhs, 0))) return;
  Definition *d = ambi_definition(rt->code, cx->space, ambi_expr_at(lhs, 0),
                                  ambi_expr_size(lhs) - 1);
  Variant *v = d ? ambi_variant(rt->code, d, AMB_SYM(UNDEFINED)) : NULL;
  Unit *u = v ? ambi_variant_unit(cx, v) : NULL;
  micro_must(u && units.n < MOST_UNITS, "no unit");
  ambi_context_reset(cx);
  for (size_t i = 0; i < units.n; i++)
    if (units.at[i] == u) return;
  units.code[units.n] = rt->code;
  units.at[units.n++] = u;
}

static void lower_all(void) {
  RecordVec all = {0};
  micro_must(ambi_space_atoms(cx->space, &all), "no memory");
  for (size_t i = 0; i < all.n; i++)
    lower(ambi_record_atom(all.at[i]));
  ambi_records_drop(&all);
}

// ---- installing --------------------------------------------------------------------
static void open_compiler(void) {
  JitConfig config = ambi_jit_defaults;
  const char *why = "";
  config.mode = JIT_SYNC;
  config.threshold = 1;
  micro_must(ambi_compiler_open(rt, &config, &why), why);
}

static double install_all(void) {
  double start = micro_now();
  for (size_t i = 0; i < units.n; i++) {
    const NativeHost *host = &units.code[i]->native;
    host->hot(host->arg, units.at[i]);
  }
  double took = micro_now() - start;
  for (size_t i = 0; i < units.n; i++) {
    const Native *n = ambi_load_acquire(&units.at[i]->native);
    micro_must(n != NULL, "a unit was not installed");
  }
  return took;
}

// ---- emitting ----------------------------------------------------------------------
static void emit_all(Emitter *em, CodeMemory *memory) {
  units.instructions = units.bytes = 0;
  for (size_t i = 0; i < units.n; i++) {
    Native *n;
    EmitNote note;
    micro_must(ambi_emit_unit(em, units.at[i], level, NULL, &n, &note) ==
                   EMIT_OK,
               "a unit was not compiled");
    units.instructions += note.instructions;
    units.bytes += note.bytes;
    ambi_native_free(memory, n);
  }
}

typedef struct Tools {
  CodeMemory *memory;
  Emitter *emitter;
} Tools;

static Tools open_tools(void) {
  const char *why = "";
  Tools t = {.memory = ambi_code_memory_open(CODE_BYTES, &why)};
  micro_must(t.memory, why);
  t.emitter = ambi_emitter_open(t.memory, &why);
  micro_must(t.emitter, why);
  return t;
}

static void close_tools(Tools *t) {
  ambi_emitter_close(t->emitter);
  ambi_code_memory_close(t->memory);
}

static uint64_t again(void *arg, uint64_t n) {
  Tools *t = arg;
  for (uint64_t i = 0; i < n; i++)
    emit_all(t->emitter, t->memory);
  return units.bytes;
}

// Nothing is given back before the end, so that no code memory is used twice.
static double once(void) {
  Tools t = open_tools();
  Native *made[MOST_UNITS];
  EmitNote note;
  double start = micro_now();
  for (size_t i = 0; i < units.n; i++)
    micro_must(ambi_emit_unit(t.emitter, units.at[i], level, NULL, &made[i],
                              &note) == EMIT_OK,
               "a unit was not compiled");
  double took = micro_now() - start;
  for (size_t i = 0; i < units.n; i++)
    ambi_native_free(t.memory, made[i]);
  close_tools(&t);
  return took;
}

static double median_once(void) {
  double took[MICRO_ROUNDS];
  for (int i = 0; i < MICRO_ROUNDS; i++)
    took[i] = once();
  qsort(took, MICRO_ROUNDS, sizeof *took, micro_order);
  return took[MICRO_ROUNDS / 2];
}

// Each in a runtime of its own, which stays open.
static bool one_program(const char *folder, const char *name) {
  size_t len;
  if (!strstr(name, ".metta")) return false;
  char *text = text_of(folder, name, &len);
  open_machine();
  open_compiler();
  load(text, len);
  free(text);
  lower_all();
  return true;
}

static void one_level(double installing) {
  char text[64];
  double first = median_once();
  Tools t = open_tools();
  double ns = micro_time(again, &t, 1), each = (double)units.instructions;
  if (level == 1)
    micro_line("emit", "level 1, an instruction, hot to installed",
               installing / each);
  snprintf(text, sizeof text, "level %u, an instruction, each unit once",
           level);
  micro_line("emit", text, first / each);
  snprintf(text, sizeof text, "level %u, an instruction, again", level);
  micro_line("emit", text, ns / each);
  snprintf(text, sizeof text, "level %u, an instruction", level);
  printf("%-10s %-44s %10.2f bytes\n", "emit", text,
         (double)units.bytes / each);
  close_tools(&t);
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  struct dirent **files;
  int n = scandir(AMB_PROGRAMS, &files, NULL, alphasort), loaded = 0;
  micro_must(n > 0, "no programs in " AMB_PROGRAMS);
  for (int i = 0; i < n; i++)
    loaded += one_program(AMB_PROGRAMS, files[i]->d_name);
  printf("# %zu units of %d programs\n", units.n, loaded);
  double installing = install_all();
  for (level = 1; level <= 2; level++)
    one_level(installing);
  return 0;
}
