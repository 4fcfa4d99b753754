// What the parts of the crew share.
#ifndef AMBIT_SCHEDULER_CREW_DATA_H
#define AMBIT_SCHEDULER_CREW_DATA_H

#include <pthread.h>

#include "runtime/crew.h"
#include "runtime/machine/carry.h"
#include "runtime/runtime.h"
#include "scheduler/crew.h"
#include "scheduler/pool.h"

enum { CREW_SPARE = 32 };  // Contexts kept for the next tasks

typedef struct CrewMates {
  Crew face;  // first: what rt->crew points to
  Runtime *rt;
  Pool *pool;
  unsigned yields;                 // [own] of the owner's form
  pthread_mutex_t lock;            // [init]
  Context *spare[CREW_SPARE];      // [lock]
  unsigned nspare;                 // [lock]
  Pace walked;                     // [lock]
  AMB_ATOMIC(uint32_t) x_open;     // [all] tasks that are not done
  AMB_ATOMIC(uint32_t) x_running;  // [all] parts and forms that do not wait
  AMB_ATOMIC(uint32_t) x_grain;    // [all~] steps of a part before it hands on
  AMB_ATOMIC(uint32_t) x_small;    // [all~] parts in a row that were small
} CrewMates;

static inline CrewMates *ambi_crew_of(const Runtime *of) {
  return (CrewMates *)(uintptr_t)of->crew;
}
// The evaluator that this thread is in a slice of, or NULL.
Evaluator *ambi_crew_acting(void);
void ambi_crew_act(Evaluator *self);
// That of the owner's thread; NULL: rt has no crew.
Evaluator *ambi_crew_owner(const Runtime *rt);

// The seed of the i-th of what runs beside others, from a number of who began them.
uint64_t ambi_crew_stream(uint64_t from, uint64_t i);

// The Runtime's evaluations are together from now on; cx is one of them. False:
// cx->stop is set.
bool ambi_crew_share(Context *cx);
// They are not any more, unless more is open than so many forms or heaps.
void ambi_crew_part(Runtime *rt, unsigned own);

// A Context for a task of the same program. NULL: memory is out.
Context *ambi_crew_take(CrewMates *c, Space *space, Module *module,
                        const Limits *limits);
void ambi_crew_give(CrewMates *c, Context *cx);
// alone: it is the owner's thread that asks, and no task is open.
bool ambi_crew_is_valid(CrewMates *c, bool alone, const char **why);

// Slices of a form that was begun follow one another while nobody else wants the
// thread; results are pushed onto `found`.
enum AmbStop ambi_crew_run(Context *cx, ValueVec *found, Evaluator *self);
// What the task of a form says that ended like this.
TaskNext ambi_crew_next(enum AmbStop stop);

// ---- parts.c --------------------------------------------------------------------
struct Part;
bool ambi_parts_wanted(const Context *cx);
struct Part *ambi_part_make(Context *cx);
void ambi_part_start(Context *cx, struct Part *p);
struct Segment *ambi_part_results(Context *cx, struct Part *p,
                                  struct Part **rest, bool *again);
bool ambi_part_done(struct Part *p);
void ambi_part_drop(Context *cx, struct Part *p);
bool ambi_part_news(const Context *cx);

// ---- branches.c ---------------------------------------------------------------
uint64_t ambi_branches_begin(Context *cx, Value list);
uint64_t ambi_branches_begin_turns(Context *cx, Value list);
enum BuiltinStatus ambi_branches_next(Context *cx, uint64_t branches,
                                      uint32_t i);
enum BuiltinStatus ambi_branches_first(Context *cx, uint64_t branches);
void ambi_branches_drop(Context *cx, uint64_t branches);
void ambi_branches_end(Context *cx);  // all that the form has
// Has something come that the evaluation of cx waits for?
bool ambi_branches_news(const Context *cx);

#endif
