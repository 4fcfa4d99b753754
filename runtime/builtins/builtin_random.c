// Random numbers: the module random.
//
// A generator is one 64-bit word, advanced by a fixed odd constant and then
// scrambled (splitmix64), so a seed alone determines the sequence. Ranges are
// drawn without bias, by multiplying into 128 bits and drawing again when the
// result fell into the uneven rest.
#include <math.h>
#include <time.h>

#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"

typedef struct Generator {  // CELL_RNG
  CellHeader cell;
  uint64_t state;
} Generator;

static uint64_t draw(uint64_t *state) {
  *state += 0x9E3779B97F4A7C15u;
  uint64_t x = *state;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

static uint64_t draw_below(uint64_t *state, uint64_t bound) {
  uint64_t rest = -bound % bound;  // 2^64 mod bound
  for (;;) {
    __uint128_t product = (__uint128_t)draw(state) * bound;
    if ((uint64_t)product >= rest) return (uint64_t)(product >> 64);
  }
}

static double draw_unit(uint64_t *state) {  // in [0, 1)
  return (double)(draw(state) >> 11) * 0x1p-53;
}

static void drop_generator(CellHeader *c) {
  ambi_free(c, sizeof(Generator));
}

static Value open_generator(Runtime *rt, uint64_t seed) {
  Generator *g = ambi_alloc(sizeof *g);
  if (!g) return AMB_NONE;
  g->cell.kind = CELL_RNG;
  g->cell.drop = drop_generator;
  g->state = seed;
  ambi_runtime_add_cell(rt, &g->cell);
  return ambi_tag_ptr(TAG_CELL, g);
}

// The word of a generator cell or of &rng; NULL for anything else.
static uint64_t *state_of(Context *cx, Value v) {
  if (ambi_is_op(v) && ambi_op_of(v) == OP_RNG) return cx->random;
  if (!ambi_is_cell_kind(v, CELL_RNG)) return NULL;
  return &((Generator *)ambi_cell(v))->state;
}

// &rng stands for the runtime's own generator and cannot be called.
enum BuiltinStatus ambi_b_rng(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)cx, (void)args, (void)n, (void)out;
  return B_NOREDUCE;
}

// ---- drawing ----------------------------------------------------------------

// An integer in [start, end).
static enum BuiltinStatus draw_int(Context *cx, uint64_t *state,
                                   const Value *range, Value *out) {
  int64_t start, end;
  if (!ambi_num_to_int64(range[0], &start) ||
      !ambi_num_to_int64(range[1], &end) || start >= end)
    return ambi_answer_error(cx, "RangeIsEmpty");
  uint64_t below = draw_below(state, (uint64_t)end - (uint64_t)start);
  int64_t drawn = (int64_t)((uint64_t)start + below);
  return ambi_answer(cx, out, ambi_num_from_int64(cx, drawn));
}

// A float in [start, end).
static enum BuiltinStatus draw_float(Context *cx, uint64_t *state,
                                     const Value *range, Value *out) {
  double start = ambi_num_to_double(range[0]);
  double end = ambi_num_to_double(range[1]);
  if (!(start < end) || isinf(end - start))
    return ambi_answer_error(cx, "RangeIsEmpty");
  double x = start + draw_unit(state) * (end - start);
  return ambi_answer(cx, out, ambi_double(x < end ? x : start));
}

static bool numbers(const Value *args) {
  return ambi_is_number(args[0]) && ambi_is_number(args[1]);
}

static enum BuiltinStatus draw_from(
    Context *cx, const Value *args, unsigned n, const char *name,
    enum BuiltinStatus (*f)(Context *, uint64_t *, const Value *, Value *),
    Value *out) {
  cx->error_reason = AMB_NONE;
  if (n < 3 || !numbers(args + 1)) {
    ambi_set_message(cx,
                     "%s expects three arguments: random generator, number "
                     "(start) and number (end)",
                     name);
    return B_ERROR;
  }
  uint64_t *state = state_of(cx, args[0]);
  if (state) return f(cx, state, args + 1, out);
  ambi_set_message(cx, "%s expects a random generator as its argument", name);
  return B_ERROR;
}

enum BuiltinStatus ambi_b_random_int(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  return draw_from(cx, args, n, "random-int", draw_int, out);
}

enum BuiltinStatus ambi_b_random_float(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  return draw_from(cx, args, n, "random-float", draw_float, out);
}

// The same from the runtime's own generator.
enum BuiltinStatus ambi_b_draw_int(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  if (n < 2 || !numbers(args)) return B_NOREDUCE;
  return draw_int(cx, cx->random, args, out);
}

enum BuiltinStatus ambi_b_draw_float(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 2 || !numbers(args)) return B_NOREDUCE;
  return draw_float(cx, cx->random, args, out);
}

enum BuiltinStatus ambi_b_flip(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  (void)args, (void)n;
  return ambi_answer_bool(out, draw(cx->random) >> 63);
}

// ---- generators -------------------------------------------------------------

static uint64_t seed_of(Value number) {
  int64_t i;
  return ambi_num_to_int64(number, &i) ? (uint64_t)i : ambi_hash(number);
}

enum BuiltinStatus ambi_b_new_random_generator(Context *cx, const Value *args,
                                               unsigned n, Value *out) {
  if (n < 1 || !ambi_is_number(args[0]))
    return ambi_answer_error(
        cx, "new-random-generator expects one argument: number (seed)");
  return ambi_answer(cx, out, open_generator(cx->rt, seed_of(args[0])));
}

enum BuiltinStatus ambi_b_set_random_seed(Context *cx, const Value *args,
                                          unsigned n, Value *out) {
  if (n < 2 || !ambi_is_number(args[1]))
    return ambi_answer_error(cx, "set-random-seed expects two arguments: "
                                 "random generator and number (seed)");
  uint64_t *state = state_of(cx, args[0]);
  if (!state)
    return ambi_answer_error(
        cx, "set-random-seed expects a random generator as its argument");
  *state = seed_of(args[1]);
  return ambi_answer_unit(out);
}

enum BuiltinStatus ambi_b_reset_random_generator(Context *cx, const Value *args,
                                                 unsigned n, Value *out) {
  uint64_t *state = n < 1 ? NULL : state_of(cx, args[0]);
  if (!state)
    return ambi_answer_error(
        cx,
        "reset-random-generator expects a random generator as its argument");
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  *state = draw(cx->random) ^ ((uint64_t)t.tv_sec << 32 ^ (uint64_t)t.tv_nsec);
  return ambi_answer_unit(out);
}
