// From one instruction to the next: long rows of simple ones, run as one unit.
//
// What it takes to begin and end the run is measured with an empty row and
// subtracted.
#include "bench/micro/machine.h"
#include "memory/alloc.h"
#include "runtime/bytecode/verify.h"

enum { ROW = 4000, SLOTS = 8 };

static Code word(enum Opcode op, unsigned a, unsigned b, unsigned c) {
  Code w = {.w = 0};
  w.op = (uint16_t)op;
  w.a = (uint16_t)a;
  w.b = (uint16_t)b;
  w.c = (uint16_t)c;
  return w;
}

// The i-th instruction of a row; every slot it reads was written before.
typedef Code Row(unsigned i);

static Code move(unsigned i) {
  return word(OP_I_MOVE, 1 + i % (SLOTS - 1),
              i % 7 == 0 ? 0 : 1 + (i - 1) % (SLOTS - 1), 0);
}

static Code add(unsigned i) {
  return word(OP_I_ADDI, 1 + i % (SLOTS - 1),
              i == 0 ? 0 : 1 + (i - 1) % (SLOTS - 1), 1);
}

static Code compare(unsigned i) {
  (void)i;
  return word(OP_I_JNEQI, 0, 7, 1);
}

// Three kinds in an order that repeats only after a long time.
static Code mixed(unsigned i) {
  unsigned kind = (i * 2654435761u >> 13) % 3;
  unsigned to = 1 + i % (SLOTS - 1),
           from = i == 0 ? 0 : 1 + (i - 1) % (SLOTS - 1);
  return kind == 0   ? word(OP_I_MOVE, to, from, 0)
         : kind == 1 ? word(OP_I_ADDI, to, from, 1)
                     : word(OP_I_SUBI, to, from, 1);
}

static Unit *make(Row *row, uint32_t n) {
  Unit *u = ambi_alloc(sizeof *u);
  micro_must(u, "no memory");
  u->ncode = n + 2;
  u->code = ambi_alloc(u->ncode * sizeof *u->code);
  u->k = ambi_alloc(sizeof *u->k);
  micro_must(u->code && u->k, "no memory");
  u->nslots = SLOTS;
  u->nk = 1;
  u->k[0] = ambi_small_int(7).w;
  u->code[0] = word(OP_I_MOVE, 0, SRC_CONST, 0);
  for (uint32_t i = 0; i < n; i++)
    u->code[1 + i] = row(i);
  u->code[n + 1] = word(OP_I_RET, 0, 0, 0);
  micro_must(ambi_unit_liveness(u), "no liveness");
  ambi_unit_ready(rt->code, u);
  return u;
}

static uint64_t run(void *arg, uint64_t n) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    ValueVec out = {0};
    micro_must(ambi_engine_run_unit(g, arg, &out) == STOP_NONE && out.n == 1,
               "the unit has no result");
    sum += out.at[0].w;
    ambi_vec_drop(&out);
  }
  return sum;
}

static void report(const char *name, Row *row) {
  Unit *whole = make(row, ROW), *empty = make(row, 0);
  double ns = micro_time(run, whole, 1) - micro_time(run, empty, 1);
  micro_line("dispatch", name, ns / ROW);
  ambi_unit_free(whole);
  ambi_unit_free(empty);
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  open_machine();
  report("slot to slot", move);
  report("slot plus number", add);
  report("slot compared with number", compare);
  report("three kinds mixed", mixed);
  close_machine();
  return 0;
}
