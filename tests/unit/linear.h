// Is a history of concurrent operations linearizable: does each seem to have happened at
// one moment between its beginning and its end?
//
// Threads record what they did, each in a Log of its own: the clock before, the operation,
// what it gave, the clock after. Afterwards one thread goes through all beginnings and
// ends in their order and keeps every state the model can be in, each with the set of
// those operations under way that have had their moment (Config). Where an operation
// ends, what is under way may have its moment first, in every order; the states in which
// this one has not had it, or would have given something else, go. If none is left, the
// history has no explanation. Configs that are the same are kept once, so this takes
// little even for long histories.
//
// The clock is a number that each end adds to and each beginning reads. Who reads a
// number above that of an end comes behind all that was done before this end, on any
// processor; who does not counts as being there at the same time, which allows more and
// claims nothing that is not so.
//
// The test that includes this defines the model:
//   static bool linear_apply(const Op *op, uint64_t *model);
//   static const char *linear_name(uint32_t kind);  of an operation
// False: in that state the operation would have given something else.
#ifndef AMBIT_TESTS_LINEAR_H
#define AMBIT_TESTS_LINEAR_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "memory/alloc.h"
#include "memory/atomic.h"
#include "tests/unit/unit.h"

enum { LINEAR_THREADS = 8, LINEAR_CONFIGS = 4096 };

typedef struct Op {
  uint32_t kind, thread;
  int64_t a, b;       // what it was asked to do
  uint64_t gave;      // what it gave
  uint64_t from, to;  // the clock
} Op;

typedef struct Log {
  Op *at;
  size_t n, cap;
} Log;

static bool linear_apply(const Op *op, uint64_t *model);
static const char *linear_name(uint32_t kind);

// ---- recording ------------------------------------------------------------------------
static AMB_ATOMIC(uint64_t) linear_clock;  // [all]

// Where the operation is noted; what it gives is put there behind linear_end.
static inline Op *linear_begin(Log *log, uint32_t thread, uint32_t kind,
                               int64_t a, int64_t b) {
  ck_assert(log->n < log->cap);
  Op *op = &log->at[log->n++];
  *op = (Op){kind, thread, a, b, .from = ambi_load_acquire(&linear_clock)};
  return op;
}
static inline void linear_end(Op *op, uint64_t gave) {
  op->to = ambi_add_release(&linear_clock, 1);
  op->gave = gave;
}
// It said nothing: as if it had not been asked.
static inline void linear_forget(Log *log) {
  log->n--;
}

// ---- checking -------------------------------------------------------------------------
typedef struct Config {
  uint64_t model;
  uint32_t done;  // set of threads whose operation has had its moment
} Config;

typedef struct Checker {
  Config at[LINEAR_CONFIGS];
  size_t n;
  const Op *under_way[LINEAR_THREADS];
} Checker;

static inline void linear_reach(Checker *c, Config new) {
  for (size_t i = 0; i < c->n; i++)
    if (c->at[i].model == new.model && c->at[i].done == new.done) return;
  ck_assert_uint_lt(c->n, LINEAR_CONFIGS);
  c->at[c->n++] = new;
}

// All that what is under way can lead to, in every order.
static inline void linear_close(Checker *c) {
  for (size_t i = 0; i < c->n; i++)
    for (uint32_t t = 0; t < LINEAR_THREADS; t++) {
      Config next = c->at[i];
      if (!c->under_way[t] || next.done >> t & 1) continue;
      next.done |= (uint32_t)1 << t;
      if (linear_apply(c->under_way[t], &next.model)) linear_reach(c, next);
    }
}

// Leaves the states in which the operation has had its moment. False: there are none.
static inline bool linear_ended(Checker *c, const Op *op) {
  uint32_t bit = (uint32_t)1 << op->thread;
  linear_close(c);
  size_t n = c->n;
  c->n = 0;
  for (size_t i = 0; i < n; i++)
    if (c->at[i].done & bit)
      linear_reach(c, (Config){c->at[i].model, c->at[i].done & ~bit});
  c->under_way[op->thread] = NULL;
  return c->n > 0;
}

static inline void linear_show(const Op *op) {
  fprintf(stderr,
          "thread %u: %s %" PRId64 ", %" PRId64 " gave %" PRIu64
          " between %" PRIu64 " and %" PRIu64 "\n",
          op->thread, linear_name(op->kind), op->a, op->b, op->gave, op->from,
          op->to);
}

// The operation of the logs whose beginning or end comes next. `at`: how far each log
// is, in beginnings and ends. NULL: that was all.
static inline const Op *linear_next(const Log *logs, unsigned n, size_t *at,
                                    bool *ends) {
  const Op *first = NULL;
  uint64_t when = 0;
  unsigned of = 0;
  for (unsigned t = 0; t < n; t++) {
    if (at[t] == 2 * logs[t].n) continue;
    const Op *op = &logs[t].at[at[t] / 2];
    bool end = at[t] % 2;
    uint64_t moment = 2 * (end ? op->to : op->from) + end;
    if (first && moment >= when) continue;
    first = op;
    when = moment;
    *ends = end;
    of = t;
  }
  if (first) at[of]++;
  return first;
}

// The first operation that nothing explains, or NULL.
static inline const Op *linear_check(const Log *logs, unsigned n,
                                     uint64_t model) {
  static Checker c;
  size_t at[LINEAR_THREADS] = {0};
  bool ends;
  memset(&c, 0, sizeof c);
  linear_reach(&c, (Config){model, 0});
  for (const Op *op; (op = linear_next(logs, n, at, &ends)) != NULL;) {
    if (!ends)
      c.under_way[op->thread] = op;
    else if (!linear_ended(&c, op))
      return op;
  }
  return NULL;
}

#endif
