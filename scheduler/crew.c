// Opening a crew, lending it a thread, and the Contexts of its tasks.
#include "scheduler/crew_data.h"

#include "memory/alloc.h"
#include "runtime/eval.h"
#include "runtime/guard.h"
#include "runtime/modules/module.h"
#include "runtime/spaces/share.h"
#include "runtime/watch.h"
#include "scheduler/actor.h"
#include "scheduler/mutex.h"

// Which evaluator a thread is does not change while it is in a slice.
static _Thread_local Evaluator *acting;

Evaluator *ambi_crew_acting(void) {
  return acting;
}

void ambi_crew_act(Evaluator *self) {
  acting = self;
}

Evaluator *ambi_crew_owner(const Runtime *rt) {
  const CrewMates *c = ambi_crew_of(rt);
  return c ? ambi_pool_evaluator(c->pool, 0) : NULL;
}

// ---- looking whether all is well ------------------------------------------------

static bool spare_is_valid(const CrewMates *c, unsigned at, const char **why) {
  const Context *cx = c->spare[at];
  for (unsigned i = 0; i < at; i++)
    if (c->spare[i] == cx)
      return ambi_invalid(why, "a spare Context that two may take");
  if (cx->rt != c->rt)
    return ambi_invalid(why, "a spare Context of another Runtime");
  if (cx->crew_data || cx->actor || cx->journal || cx->held)
    return ambi_invalid(why, "a spare Context that somebody evaluates in");
  if (cx->h != cx->hbase || cx->tr)
    return ambi_invalid(why, "a spare Context that is not empty");
  return ambi_context_is_valid(cx, why);
}

// Under the lock.
static bool spares_are_valid(const CrewMates *c, const char **why) {
  if (c->nspare > CREW_SPARE)
    return ambi_invalid(why, "more spare Contexts than their room");
  for (unsigned i = 0; i < c->nspare; i++)
    if (!spare_is_valid(c, i, why)) return false;
  return true;
}

bool ambi_crew_is_valid(CrewMates *c, bool alone, const char **why) {
  if (alone && ambi_load_acquire(&c->x_open))
    return ambi_invalid(why, "tasks are open, and nobody has begun them");
  if (alone && ambi_load_acquire(&c->x_running) != 1)
    return ambi_invalid(why, "forms that run are miscounted");
  pthread_mutex_lock(&c->lock);
  bool ok = spares_are_valid(c, why);
  pthread_mutex_unlock(&c->lock);
  return ok;
}

// ---- Contexts -------------------------------------------------------------------

Context *ambi_crew_take(CrewMates *c, Space *space, Module *module,
                        const Limits *limits) {
  pthread_mutex_lock(&c->lock);
  Context *cx = c->nspare ? c->spare[--c->nspare] : NULL;
  pthread_mutex_unlock(&c->lock);
  if (!cx) cx = ambi_context_open(c->rt);
  if (!cx) return NULL;
  cx->space = space;
  cx->module = module;
  cx->limits = *limits;
  cx->limits.answers = 0;
  cx->stop = STOP_NONE;
  cx->sliced = true;
  ambi_store_release(&cx->x_cancel, 0);
  return cx;
}

void ambi_crew_give(CrewMates *c, Context *cx) {
  if (!cx) return;
  ambi_context_reset(cx);
  cx->crew_data = NULL;
  cx->random = &c->rt->rng_state;
  pthread_mutex_lock(&c->lock);
  bool kept = c->nspare < CREW_SPARE;
  if (kept) c->spare[c->nspare++] = cx;
  if (ambi_pace(&c->walked, 64)) AMB_WALK(spares_are_valid(c, &why));
  pthread_mutex_unlock(&c->lock);
  if (!kept) ambi_context_close(cx);
}

uint64_t ambi_crew_stream(uint64_t from, uint64_t i) {  // splitmix64
  uint64_t z = from + (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

// ---- slices ---------------------------------------------------------------------

enum AmbStop ambi_crew_run(Context *cx, ValueVec *found, Evaluator *self) {
  enum { SPARE_TURN = 32 };
  for (unsigned i = 1;; i++) {
    enum AmbStop stop = ambi_form_run(cx, found);
    if (stop != STOP_YIELD) return stop;
    ambi_pool_offer(self);
    // On the owner's thread, the owner looks at its news before the next slice.
    if (ambi_pool_has_waiting(self, i % SPARE_TURN == 0) ||
        ambi_evaluator_index(self) == 0)
      return stop;
  }
}

TaskNext ambi_crew_next(enum AmbStop stop) {
  if (stop == STOP_YIELD) return TASK_AGAIN;
  return stop == STOP_WAIT ? TASK_WAIT : TASK_DONE;
}

// ---- the owner's thread ---------------------------------------------------------

// The owner's form goes on for so many slices before it gives one to others: looking for
// them takes as long as hundreds of steps.
enum { SLICES = 64 };

static bool after_news(void *arg) {
  const Context *cx = arg;
  return ambi_branches_news(cx) || ambi_part_news(cx) || ambi_mutex_news(cx);
}

static void rest(Context *cx) {
  CrewMates *c = ambi_crew_of(cx->rt);
  if (acting) return;  // inside of a slice: it just goes on
  if (cx->stop == STOP_WAIT) {
    ambi_add_relaxed(&c->x_running, (uint32_t)-1);
    if (ambi_pool_help(c->pool, after_news, cx) == HELP_STUCK &&
        !ambi_actors_run(cx->rt) && !after_news(cx))
      ambi_mutexes_refuse(cx->rt);
    ambi_add_relaxed(&c->x_running, 1);
  } else if (++c->yields % SLICES == 0 && ambi_load_relaxed(&c->x_open) &&
             !ambi_pool_is_quiet(c->pool))
    ambi_pool_turn(c->pool);
  if (cx->stop == STOP_YIELD) ambi_actors_take_turn(cx->rt);
  ambi_party_be_in(cx);  // who ran may have begun to share the Runtime
}

bool ambi_crew_share(Context *cx) {
  if (!ambi_together(cx->rt) && !ambi_spaces_share(cx->rt)) {
    if (!cx->stop) cx->stop = STOP_MEMORY;
    return false;
  }
  ambi_party_be_in(cx);
  return true;
}

static bool none_open(void *arg) {
  CrewMates *c = arg;
  return ambi_load_acquire(&c->x_open) == 0;
}

static void unshare(CrewMates *c) {
  ambi_pool_help(c->pool, none_open, c);
  AMB_WALK(ambi_crew_is_valid(c, true, &why));
  ambi_spaces_unshare(c->rt);
}

// Forms and heaps that are open, but for so many, may go on as they are: that of a form
// that runs a module, questions of an embedding program.
void ambi_crew_part(Runtime *rt, unsigned own) {
  CrewMates *c = ambi_crew_of(rt);
  if (!c || acting || !ambi_together(rt) || ambi_actors_need_crew(rt) ||
      rt->modules->nesting + rt->guests > own)
    return;
  unshare(c);
}

static bool alone(Context *cx) {
  CrewMates *c = ambi_crew_of(cx->rt);
  if (acting || cx->crew_data || cx->actor || ambi_actors_need_crew(cx->rt))
    return false;
  ambi_pool_help(c->pool, none_open, c);
  ambi_party_be_in(cx);  // who ran may have begun to share the Runtime
  return none_open(c);
}

static void form_ended(Context *cx) {
  ambi_branches_end(cx);
  if (acting || cx->crew_data || cx->actor) return;
  if (!ambi_together(cx->rt)) return;
  ambi_party_leave(cx);
  cx->sliced = false;
  ambi_crew_part(cx->rt, 1);
}

// The script's thread has nothing to do, so somebody outside may have to do something.
static void show_output(Evaluator *self, void *arg) {
  const CrewMates *c = arg;
  if (ambi_evaluator_index(self) == 0) ambi_output_show(c->rt);
}

// ---- life -----------------------------------------------------------------------

bool ambi_crew_open(Runtime *rt, unsigned n) {
  CrewMates *c = ambi_alloc(sizeof *c);
  PoolUse use = {
      .rest = show_output, .arg = c, .timeline = ambi_watch_timeline(rt)};
  if (!c) return false;
  c->pool = ambi_pool_open(n, &use);
  if (!c->pool) {
    ambi_free(c, sizeof *c);
    return false;
  }
  c->rt = rt;
  ambi_store_release(&c->x_running, 1);  // the owner's form
  pthread_mutex_init(&c->lock, NULL);
  c->face = (Crew){.rest = rest,
                   .form_ended = form_ended,
                   .begin = ambi_branches_begin,
                   .begin_turns = ambi_branches_begin_turns,
                   .branch = ambi_branches_next,
                   .first = ambi_branches_first,
                   .drop = ambi_branches_drop,
                   .wants = ambi_parts_wanted,
                   .share = ambi_crew_share,
                   .alone = alone,
                   .part_make = ambi_part_make,
                   .part_start = ambi_part_start,
                   .part_results = ambi_part_results,
                   .part_done = ambi_part_done,
                   .part_drop = ambi_part_drop};
  rt->crew = &c->face;
  return ambi_mutexes_open(rt);
}

void ambi_crew_close(Runtime *rt) {
  CrewMates *c = ambi_crew_of(rt);
  if (!c) return;
  if (ambi_together(rt)) unshare(c);
  ambi_pool_close(c->pool, NULL, NULL);
  for (unsigned i = 0; i < c->nspare; i++)
    ambi_context_close(c->spare[i]);
  pthread_mutex_destroy(&c->lock);
  rt->crew = NULL;
  ambi_free(c, sizeof *c);
}
