// Parts of a search that evaluators hand over to one another: tasks, each with an
// alternative and all behind it in a Context of its own (machine/handover.h).
//
// A part belongs to whoever handed it over, its parent, and to its task, and is freed by
// the second of them to be through with it. One that ends leaves what it has handed on to
// its parent, so none keeps a Context only to wait: where each alternative has all those
// to its right behind it, as in a loop of two clauses, parts are handed on by turns, and
// would wait for one another in a chain as long as the search.
#include "scheduler/parts_data.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "memory/timeline.h"
#include "runtime/atoms/work.h"
#include "runtime/config.h"
#include "runtime/eval.h"
#include "runtime/machine/handover.h"
#include "runtime/machine/segment.h"
#include "runtime/spaces/share.h"
#include "runtime/tables/table.h"
#include "runtime/watch.h"

// A part has a Context while it runs, and while it waits at the end of a region that
// begins in it: so many for each evaluator.
enum { MOST_OPEN = 8 };

// Whoever ends finds a part that is ready, and does not wait until somebody looks whether
// anything is wanted: so many are made ahead.
static unsigned ahead(unsigned evaluators) {
  return evaluators / 2;
}

// What a part keeps of its search when it has handed on the rest may be next to nothing,
// as the turns of a loop are. Then parts would do little else than hand on. So the next
// ones take more steps before; and fewer, where that was not so.
enum {
  SMALL = 3000,
  LEAST_GRAIN = AMB_POLL_STEPS / 2,  // at the first look
  MOST_GRAIN = 8 * AMB_POLL_STEPS
};

// Handing over takes both sides some microseconds, and the alternatives of a search may be
// small by turns. So several small parts in a row make the next ones rarer, until one is
// larger: more and more time passes for whoever hands over before the next.
enum { SMALL_NS = 20000, MOST_SMALL = 4 };

static Job *job_of_task(Task *t) {
  return (Job *)(void *)((char *)t - offsetof(Job, task));
}

static void free_job(Job *w) {
  ambi_handover_drop(&w->part.from);
  ambi_segment_drop(&w->results);
  pthread_mutex_destroy(&w->lock);
  ambi_free(w, sizeof *w);
}

static void count(Job *w, bool runs) {
  if (w->counted == runs) return;
  w->counted = runs;
  ambi_add_relaxed(&w->crew->x_running, runs ? 1u : (uint32_t)-1);
}

// ---- the task -------------------------------------------------------------------

static enum AmbStop begin(Job *w) {
  Context *cx = ambi_crew_take(w->crew, w->space, w->module, &w->limits);
  if (!cx) return STOP_MEMORY;
  pthread_mutex_lock(&w->lock);
  bool wanted = w->state == PART_RUNS;
  if (wanted) w->cx = cx;
  pthread_mutex_unlock(&w->lock);
  if (!wanted) {
    ambi_crew_give(w->crew, cx);
    return STOP_CANCEL;
  }
  cx->crew_data = &w->task;
  w->began = ambi_timeline_now();
  ambi_party_enter(cx);
  bool ok = ambi_handover_take(cx, &w->part.from);
  ambi_handover_drop(&w->part.from);
  return ok ? STOP_NONE : cx->stop;
}

// The last of a list of parts, where another may follow.
static Part **end_of(Part **list) {
  while (*list)
    list = &(*list)->older;
  return list;
}

// A list of parts that nobody wants, and of those they have handed on.
static void drop_all(Part *list) {
  while (list) {
    Job *w = (Job *)list;
    pthread_mutex_lock(&w->lock);
    bool done = w->state == PART_DONE;
    list = w->part.older;
    w->state = PART_UNWANTED;
    if (w->cx) {  // it may wait for parts of its own
      ambi_store_release(&w->cx->x_cancel, 1);
      ambi_task_wake(&w->task, ambi_crew_acting());
    }
    pthread_mutex_unlock(&w->lock);
    if (!done) continue;
    *end_of(&w->rest) = list;
    list = w->rest;
    free_job(w);
  }
}

// What a part has handed on wakes the part's parent from now on. Called with the part's
// lock; parents are locked before their parts.
static void leave_to_parent(Job *w) {
  for (Part **at = &w->rest; *at; at = &(*at)->older) {
    Job *x = (Job *)*at;
    pthread_mutex_lock(&x->lock);
    if (x->state == PART_RUNS) {
      x->waiter = w->waiter;
    } else if (x->rest) {
      *end_of(&x->rest) = x->part.older;
      x->part.older = x->rest;
      x->rest = NULL;
    }
    pthread_mutex_unlock(&x->lock);
  }
}

static uint32_t grain_of(const CrewMates *c) {
  uint32_t grain = ambi_load_relaxed(&c->x_grain);
  return grain < LEAST_GRAIN ? LEAST_GRAIN : grain;
}

static void learn(CrewMates *c, uint64_t kept) {
  uint32_t grain = grain_of(c);
  grain = kept < SMALL ? 2 * grain : grain / 2;
  ambi_store_relaxed(&c->x_grain, grain < MOST_GRAIN ? grain : MOST_GRAIN);
}

// A part that has handed on was larger than the time it took.
static void notice(CrewMates *c, const Job *w) {
  bool small = w->part.took < SMALL_NS && !w->gave;
  uint32_t before = ambi_load_relaxed(&c->x_small);
  uint32_t now = !small ? 0 : before < MOST_SMALL ? before + 1 : before;
  if (now != before) ambi_store_relaxed(&c->x_small, now);
}

static void gather(Job *w, Engine *g) {
  w->results = ambi_segment_of(g);
  w->rest = ambi_handover_leave(g);
  w->spoilt = w->results.image.astray;
}

static void finish(Job *w, enum AmbStop stop, Evaluator *self) {
  CrewMates *crew = w->crew;
  Context *cx = w->cx;
  if (cx) {
    Engine *g = cx->engine;
    w->steps = cx->limits.steps_used;
    w->part.took = ambi_timeline_now() - w->began;
    if (w->gave) learn(crew, w->steps - w->gave);
    notice(crew, w);
    w->rigid = cx->rigid;
    if (!stop) gather(w, g);
    w->spoilt |= g && g->spoilt;
    ambi_form_close(cx);
    ambi_party_leave(cx);
  }
  count(w, false);
  pthread_mutex_lock(&w->lock);
  w->cx = NULL;
  w->stop = stop;
  bool unwanted = w->state == PART_UNWANTED;
  if (!unwanted) leave_to_parent(w);  // else the parent may be gone
  w->state = PART_DONE;
  if (!unwanted && w->waiter) ambi_task_wake(w->waiter, self);
  pthread_mutex_unlock(&w->lock);
  if (unwanted) {
    drop_all(w->rest);
    free_job(w);
  }
  ambi_crew_give(crew, cx);
  ambi_add_release(&crew->x_open, (uint32_t)-1);
  ambi_pool_nudge(crew->pool);
}

static TaskNext slice(Task *t, Evaluator *self) {
  Job *w = job_of_task(t);
  ambi_crew_act(self);
  t->of_class = TASK_BATCH;
  ambi_watch_slice(w->crew->rt, "part", w->part.from.number);
  count(w, true);
  enum AmbStop stop = w->cx ? STOP_NONE : begin(w);
  ValueVec none = {0};  // what a part finds is left with its Engine
  if (!stop) stop = ambi_crew_run(w->cx, &none, self);
  TaskNext next = ambi_crew_next(stop);
  if (next == TASK_WAIT) count(w, false);
  if (next == TASK_DONE) finish(w, stop, self);
  ambi_crew_act(NULL);
  return next;
}

// ---- the parent -----------------------------------------------------------------

// Those that nobody wants are in no list.
static bool part_is_valid(const Context *cx, const Job *w, const char **why) {
  if (w->state == PART_UNWANTED)
    return ambi_invalid(why, "a part that nobody wants");
  if (w->state == PART_RUNS && w->waiter != cx->crew_data)
    return ambi_invalid(why, "a part that wakes somebody else");
  return w->state == PART_RUNS || (!w->cx && !w->counted) ||
         ambi_invalid(why, "a part that is done and runs");
}

bool ambi_parts_is_valid(const Context *cx, Part *newest, const char **why) {
  uint32_t run = 0;
  bool ok = true;
  for (Part *p = newest; ok && p; p = p->older) {
    Job *w = (Job *)p;
    pthread_mutex_lock(&w->lock);
    ok = part_is_valid(cx, w, why);
    run += w->state == PART_RUNS;
    if (ok && run > ambi_load_acquire(&w->crew->x_open))
      ok = ambi_invalid(why, "more parts run than are open");
    pthread_mutex_unlock(&w->lock);
  }
  return ok;
}

// The part that cx evaluates; NULL: it evaluates none.
static Job *part_of(const Context *cx) {
  const Engine *g = cx->engine;
  return g && g->is_part ? job_of_task(cx->crew_data) : NULL;
}

// Is somebody without work, or would be next? What is made ahead comes from those who
// have handed on nothing yet: who was the last to take something has most of it.
static bool is_idle(const Context *cx, const CrewMates *c) {
  const Engine *g = cx->engine;
  unsigned n = ambi_pool_size(c->pool), run = ambi_load_relaxed(&c->x_running);
  return run < n || (run < n + ahead(n) && !g->gave);
}

// Where a limit of steps ends a form must not depend on who took them. What a transaction
// reads is its own, and so are tables; with automatic tabling any call may ask one.
static bool is_limited(const Context *cx) {
  return cx->journal || cx->rt->tabling ||
         (cx->limits.steps && !ambi_stress(STRESS_HANDOVER));
}

// Were the last parts small, and was it a short time ago?
static bool is_too_soon(const Context *cx, const CrewMates *c) {
  const Engine *g = cx->engine;
  uint32_t small = ambi_load_relaxed(&c->x_small);
  return small > 1 && ambi_timeline_now() - g->gave_at < (uint64_t)SMALL_NS
                                                             << (small - 1);
}

bool ambi_parts_wanted(const Context *cx) {
  const CrewMates *c = ambi_crew_of(cx->rt);
  unsigned open = ambi_load_relaxed(&c->x_open), n = ambi_pool_size(c->pool);
  bool forced = ambi_stress(STRESS_HANDOVER);
  if (open > MOST_OPEN * n || (!forced && !is_idle(cx, c))) return false;
  if (is_limited(cx)) {
    ambi_tally_add(ambi_tally(&cx->rt->tally), TALLY_KEPT_LIMITS, 1);
    return false;
  }
  if (!forced && is_too_soon(cx, c)) {
    ambi_tally_add(ambi_tally(&cx->rt->tally), TALLY_KEPT_SMALL, 1);
    return false;
  }
  if (forced || !part_of(cx)) return cx->crew_data || !ambi_crew_acting();
  return cx->limits.steps_used >= grain_of(c);
}

Part *ambi_part_make(Context *cx) {
  CrewMates *crew = ambi_crew_of(cx->rt);
  Job *w = ambi_alloc(sizeof *w);
  if (!w) return NULL;
  pthread_mutex_init(&w->lock, NULL);
  w->crew = crew;
  w->waiter = cx->crew_data;
  w->limits = cx->limits;
  w->limits.steps_used = 0;
  w->space = cx->space;
  w->module = cx->module;
  w->state = PART_DONE;  // until it is started
  ambi_task_init(&w->task, crew->pool, TASK_SPARE, slice);
  return &w->part;
}

void ambi_part_start(Context *cx, Part *p) {
  Job *w = (Job *)p, *from = part_of(cx);
  Engine *g = cx->engine;
  if (from) from->gave = cx->limits.steps_used;
  g->gave_at = ambi_timeline_now();
  w->state = PART_RUNS;
  cx->sliced = true;
  ambi_add_release(&w->crew->x_open, 1);
  count(w, true);
  ambi_task_start(&w->task, ambi_crew_acting());
  if (ambi_crew_acting()) ambi_pool_offer(ambi_crew_acting());
}

bool ambi_part_done(Part *p) {
  Job *w = (Job *)p;
  pthread_mutex_lock(&w->lock);
  bool done = w->state == PART_DONE;
  pthread_mutex_unlock(&w->lock);
  return done;
}

Segment *ambi_part_results(Context *cx, Part *p, Part **rest, bool *again) {
  Job *w = (Job *)p;
  bool done = ambi_part_done(p);
  AMB_WALK(ambi_parts_is_valid(cx, p, &why));
  cx->waits = done ? NULL : w;
  if (!done) {
    bool unwanted = ambi_load_relaxed(&cx->x_cancel);
    cx->stop = unwanted ? STOP_CANCEL : STOP_WAIT;
    return NULL;
  }
  *again = w->spoilt;
  cx->limits.steps_used += w->steps;
  if (w->stop && !w->spoilt) cx->stop = w->stop;
  if (w->stop || w->spoilt) return NULL;
  if (w->rigid.all == RIGID_NEVER) cx->rigid.all = RIGID_NEVER;
  if (w->rigid.ground == RIGID_NEVER) cx->rigid.ground = RIGID_NEVER;
  *rest = w->rest;
  w->rest = NULL;
  return &w->results;
}

void ambi_part_drop(Context *cx, Part *p) {
  (void)cx;
  p->older = NULL;
  drop_all(p);
}

bool ambi_part_news(const Context *cx) {
  Job *w = cx->waits;
  return w && ambi_part_done(&w->part);
}
