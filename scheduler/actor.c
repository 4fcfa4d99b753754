// The life of actors: spawned, run in slices, waiting, ended.
#include "scheduler/actor.h"

#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/bytecode/code.h"
#include "runtime/eval.h"
#include "runtime/machine/engine.h"
#include "runtime/watch.h"
#include "scheduler/mutex.h"

enum { SPARE_CONTEXTS = 16, SLICE_STEPS = 4000 };

typedef struct Worker {  // what an evaluator has for actors
  Context *spare[SPARE_CONTEXTS];
  unsigned nspare;
  Flat room;
} Worker;

typedef struct Deadline {
  Timer timer;
  Actor *actor;
} Deadline;

static bool is_script(const Actor *a) {
  return a == &a->all->script;
}

static Worker *worker_of(Evaluator *self) {
  return *ambi_evaluator_data(self);
}

Flat *ambi_actor_room(Actor *a) {
  return a->self ? &worker_of(a->self)->room : &a->all->room;
}

// ---- contexts -------------------------------------------------------------------

static Context *take_context(Actors *all, Worker *w) {
  Context *cx = w->nspare ? w->spare[--w->nspare] : ambi_context_open(all->rt);
  if (cx) all->rt->guests++;
  return cx;
}

static void leave_context(Actors *all, Worker *w, Context *cx) {
  if (!cx) return;
  ambi_form_close(cx);
  cx->actor = NULL;
  all->rt->guests--;
  if (w && w->nspare < SPARE_CONTEXTS) {
    ambi_context_reset(cx);
    w->spare[w->nspare++] = cx;
  } else {
    ambi_context_close(cx);
  }
}

static void set_out(Context *cx, Actor *a) {
  cx->actor = a;
  cx->space = a->space;
  cx->module = a->module;
  cx->sliced = true;
  ambi_limits_begin(cx);
  cx->limits.deadline = 0;  // forms of the script have one
  cx->limits.answers = 1;
  cx->limits.heap = (uint64_t)a->most_kib << 10;
}

// ---- waiting --------------------------------------------------------------------

static void fire(Timer *t) {
  Actor *a = ((Deadline *)(void *)t)->actor;
  if (ambi_mailbox_nudge(&a->handle->box)) ambi_actor_wake(NULL, a->handle);
}

bool ambi_actor_wait_until(Actor *a, uint64_t due_ns) {
  if (!a->deadline && !(a->deadline = ambi_alloc(sizeof *a->deadline)))
    return false;
  a->deadline->actor = a;
  a->waiting.timed = true;
  return ambi_timer_start(ambi_pool_timers(a->all->pool), &a->deadline->timer,
                          due_ns, fire);
}

bool ambi_actor_is_due(const Actor *a) {
  return a->waiting.timed && ambi_now_ns() >= a->deadline->timer.due_ns;
}

void ambi_actor_waited(Actor *a) {
  if (a->waiting.timed)
    ambi_timer_cancel(ambi_pool_timers(a->all->pool), &a->deadline->timer);
  a->waiting = (Waiting){0};
  ambi_message_free(a->form);
  a->form = NULL;
}

static bool script_may_go_on(void *arg) {
  Actor *a = arg;
  return !ambi_mailbox_is_parked(&a->handle->box) ||
         ambi_load_relaxed(&a->all->x_stop) ||
         ambi_load_relaxed(&a->all->rt->x_cancel);
}

// The script is to stop where it waits. The first reason counts.
static void stop_script(Actors *all, enum AmbStop why, int code) {
  uint32_t none = STOP_NONE;
  if (why == STOP_EXIT) all->exit_code = code;
  ambi_compare_exchange(&all->x_stop, &none, (uint32_t)why);
  ambi_pool_nudge(all->pool);
}

// What ends a wait of the script in time, though no message comes.
typedef struct Alarm {
  Timer timer;
  Actors *all;
  enum AmbStop why;
} Alarm;

static void ring(Timer *t) {
  Alarm *alarm = (Alarm *)t;
  stop_script(alarm->all, alarm->why, 0);
}

// False: there is no thread for it.
static bool set_alarm(Alarm *alarm, const Limits *l) {
  bool whole = l->run_deadline > 0 &&
               (l->deadline <= 0 || l->run_deadline < l->deadline);
  double due = whole ? l->run_deadline : l->deadline;
  alarm->why = whole ? STOP_RUN_TIME : STOP_TIME;
  return due <= 0 ||
         ambi_timer_start_aside(ambi_pool_timers(alarm->all->pool),
                                &alarm->timer, (uint64_t)(due * 1e9), ring);
}

// The script's thread runs others meanwhile.
static enum BuiltinStatus wait_here(Context *cx, Actor *a) {
  Mailbox *box = &a->handle->box;
  Alarm alarm = {.all = a->all};
  if (!ambi_mailbox_park(box)) return B_OK;
  HelpEnd end = HELP_OUTAGE;
  if (set_alarm(&alarm, &cx->limits)) {
    end = ambi_pool_help(a->all->pool, script_may_go_on, a);
    ambi_timer_cancel(ambi_pool_timers(a->all->pool), &alarm.timer);
  }
  bool nothing = ambi_mailbox_unpark(box);
  cx->stop = (enum AmbStop)ambi_exchange(&a->all->x_stop, STOP_NONE);
  cx->exit_code = a->all->exit_code;
  if (end == HELP_OUTAGE) cx->stop = STOP_MEMORY;
  if (cx->stop || !ambi_limits_poll(cx)) return B_STOP;
  return end == HELP_STUCK && nothing ? B_EMPTY : B_OK;
}

static bool some_have_run(void *arg) {
  unsigned *left = arg;
  return (*left)-- == 0;
}

void ambi_actor_give_way(Context *cx, Actor *a) {
  unsigned slices = 4;
  if (is_script(a)) {
    ambi_pool_help(a->all->pool, some_have_run, &slices);
  } else {
    a->slow = true;
    ambi_engine_hurry(cx->engine);
  }
}

enum BuiltinStatus ambi_actor_wait(Context *cx, Actor *a) {
  if (is_script(a)) return wait_here(cx, a);
  cx->stop = STOP_WAIT;
  return B_STOP;
}

void ambi_actor_wake(Actor *from, Handle *to) {
  Actor *a = ambi_handle_actor(to);
  if (!a) return;  // it was woken by something else, and has ended
  if (is_script(a))
    ambi_pool_nudge(a->all->pool);
  else
    ambi_task_wake(&a->task, from ? from->self : NULL);
}

void ambi_actors_nudge(Runtime *rt) {
  Actors *all = rt->actors;
  Handle *h = all && all->pool ? all->script.handle : NULL;
  if (h && ambi_mailbox_nudge(&h->box)) ambi_actor_wake(NULL, h);
}

bool ambi_actors_run(Runtime *rt) {
  Actors *all = rt->actors;
  unsigned slices = 4;
  return all && all->pool &&
         ambi_pool_help(all->pool, some_have_run, &slices) == HELP_REACHED;
}

enum Posted ambi_actor_deliver(Actor *from, Handle *to, Message *m,
                               bool always) {
  enum Posted posted = always ? ambi_mailbox_deliver(&to->box, m)
                              : ambi_mailbox_post(&to->box, m);
  ambi_tally_add(ambi_tally(&from->all->rt->tally), TALLY_MESSAGES, 1);
  if (posted == POST_WOKE) ambi_actor_wake(from, to);
  if (posted == POST_CLOSED) ambi_message_free(m);
  return posted;
}

// ---- ending ---------------------------------------------------------------------

Value ambi_actor_reason(Context *cx, Actors *all, const Message *reason) {
  return reason ? ambi_parcel_unpack(cx, reason) : all->normal;
}

static Message *pack_reason(Actor *a, Context *cx, Value v) {
  Message *m = NULL;
  if (!ambi_is_none(v)) ambi_parcel_pack(cx, ambi_actor_room(a), v, &m);
  return m;
}

static bool is_normal(const Actors *all, const Message *reason) {
  return ambi_same(ambi_parcel_root(reason), all->normal);
}

static void drop_what_it_has(Actor *a) {
  Message *reason = ambi_exchange(&a->x_killed, NULL);
  ambi_message_free(reason);
  ambi_messages_free(a->inbox.first);
  ambi_message_free(a->form);
  ambi_free(a->deadline, sizeof *a->deadline);
}

// It is not freed: who woke it last may be on the way out of the scheduler.
static void keep_for_another(Actor *a) {
  Actors *all = a->all;
  pthread_mutex_lock(&all->lock);
  a->task.next = (Task *)all->spare;
  all->spare = a;
  pthread_mutex_unlock(&all->lock);
}

// reason: NULL: normally. It is given away.
static TaskNext end_actor(Actor *a, Message *reason) {
  Actors *all = a->all;
  Handle *h = a->handle;
  Worker *w = worker_of(a->self);
  if (reason && is_normal(all, reason)) {
    ambi_message_free(reason);
    reason = NULL;
  }
  pthread_mutex_lock(&all->lock);
  Bond *told = ambi_actor_unbind(a, reason);
  ambi_actor_unname(all, h);
  ambi_store_release(&h->x_actor, NULL);
  h->reason = reason;
  all->living--;
  pthread_mutex_unlock(&all->lock);
  ambi_mailbox_close(&h->box, &a->inbox);
  if (told && !a->cx) a->cx = take_context(all, w);
  ambi_actor_tell(a, a->cx, told, reason);
  leave_context(all, w, a->cx);
  if (a->deadline)
    ambi_timer_cancel(ambi_pool_timers(all->pool), &a->deadline->timer);
  drop_what_it_has(a);
  keep_for_another(a);
  return TASK_DONE;
}

static Message *limit_reason(Actor *a, Context *cx) {
  char text[80];
  ambi_stop_text(cx, text, sizeof text);
  Value why = ambi_make_error_text(cx, ambi_actor_value(a->handle), text);
  return pack_reason(a, cx, why);
}

static TaskNext end_with_result(Actor *a, const ValueVec *out) {
  Value v = out->n ? ambi_deref(out->at[0]) : AMB_UNIT;
  return end_actor(a, ambi_is_error_atom(v) ? pack_reason(a, a->cx, v) : NULL);
}

// What concerns all, and not this actor alone.
static TaskNext end_with_all(Actor *a, enum AmbStop stop) {
  stop_script(a->all, stop, a->cx ? a->cx->exit_code : 0);
  return end_actor(a, NULL);
}

// ---- slices -----------------------------------------------------------------------

static bool is_killed(Actor *a) {
  return ambi_load_relaxed(&a->x_killed) != NULL;
}

// It goes on with its form, which stays while an operation is to be done again.
static bool go_on(Actor *a) {
  Worker *w = worker_of(a->self);
  a->cx = take_context(a->all, w);
  if (!a->cx) return false;
  set_out(a->cx, a);
  Value form = ambi_parcel_unpack(a->cx, a->form);
  if (!a->waiting.on) {
    ambi_message_free(a->form);
    a->form = NULL;
  }
  return !ambi_is_none(form) && ambi_form_open_data(a->cx, form) == STOP_NONE;
}

// Nothing is on its stack but the operation that waits, which is in `form`.
static TaskNext rest(Actor *a) {
  if (a->form) {
    leave_context(a->all, worker_of(a->self), a->cx);
    a->cx = NULL;
  }
  return ambi_mailbox_park(&a->handle->box) ? TASK_WAIT : TASK_AGAIN;
}

// It gives way after so many steps.
static bool goes_on(Actor *a, uint64_t began) {
  return !is_killed(a) && !a->slow &&
         a->cx->limits.steps_used - began < SLICE_STEPS;
}

static enum AmbStop run_on(Actor *a, ValueVec *out) {
  enum AmbStop stop;
  uint64_t began = a->cx->limits.steps_used;
  do
    stop = ambi_form_run(a->cx, out);
  while (stop == STOP_YIELD && goes_on(a, began));
  a->slow = false;
  return stop;
}

static TaskNext slice(Task *t, Evaluator *self) {
  Actor *a = (Actor *)(void *)t;
  ValueVec out = {0};
  a->self = self;
  ambi_watch_slice(a->all->rt, "actor", a->handle->object.cell.number);
  ambi_mailbox_unpark(&a->handle->box);
  if (is_killed(a)) return end_actor(a, ambi_exchange(&a->x_killed, NULL));
  bool ready = a->cx != NULL || go_on(a);
  enum AmbStop stop = ready ? run_on(a, &out) : STOP_MEMORY;
  TaskNext next;
  switch (stop) {
  case STOP_YIELD: next = TASK_AGAIN; break;
  case STOP_WAIT: next = rest(a); break;
  case STOP_NONE:
  case STOP_ANSWERS: next = end_with_result(a, &out); break;
  case STOP_EXIT:
  case STOP_CANCEL:
  case STOP_INTERNAL:
  case STOP_MEMORY: next = end_with_all(a, stop); break;
  default: next = end_actor(a, limit_reason(a, a->cx)); break;
  }
  ambi_vec_drop(&out);
  return next;
}

// ---- spawning -----------------------------------------------------------------------

static void free_handles(CellHeader *keeper) {
  Actors *all = (Actors *)(void *)keeper;
  while (all->handles) {
    Handle *h = all->handles;
    all->handles = h->older;
    ambi_message_free(h->reason);
    ambi_free(h, sizeof *h);
  }
  ambi_free(all->named, all->nnamed * sizeof(Handle *));
  pthread_mutex_destroy(&all->lock);
  ambi_free(all, sizeof *all);
}

static Handle *new_handle(Actors *all, uint32_t limit) {
  Handle *h = ambi_alloc(sizeof *h);
  if (!h) return NULL;
  h->object = (HostObject){.cell = {.kind = CELL_HOST},
                           .kind = all,
                           .name = "Actor",
                           .type = all->type};
  ambi_mailbox_open(&h->box, limit);
  return h;
}

static Actor *new_actor(Actors *all) {
  pthread_mutex_lock(&all->lock);
  Actor *a = all->spare;
  if (a) all->spare = (Actor *)(void *)a->task.next;
  pthread_mutex_unlock(&all->lock);
  if (!a) a = ambi_alloc(sizeof *a);
  if (a) *a = (Actor){.all = all};
  return a;
}

static enum Spawned enlist(Actors *all, Actor *a, Handle *h, uint32_t name) {
  pthread_mutex_lock(&all->lock);
  enum Spawned done = ambi_actor_name(all, h, name);
  if (done == SPAWNED) {
    h->object.cell.number = ++all->numbers;
    h->older = all->handles;
    all->handles = h;
    a->handle = h;
    ambi_store_release(&h->x_actor, a);
    all->living++;
  }
  pthread_mutex_unlock(&all->lock);
  return done;
}

// The bonds that options ask for, which cannot fail to find it alive.
static bool tie(Actor *parent, Handle *h, const SpawnOptions *o) {
  if (o->link && ambi_actor_tie(parent, h, BOND_LINK, 0) == TIE_OUTAGE)
    return false;
  if (o->follow && ambi_actor_tie(ambi_handle_actor(h), parent->handle,
                                  BOND_FOLLOW, 0) == TIE_OUTAGE)
    return false;
  return !o->monitor ||
         ambi_actor_tie(parent, h, BOND_MONITOR, 0) != TIE_OUTAGE;
}

enum Spawned ambi_actor_spawn(Actor *parent, Context *cx, Message *form,
                              const SpawnOptions *o, Handle **out) {
  Actors *all = parent->all;
  Handle *h = new_handle(all, o->mailbox);
  Actor *a = h ? new_actor(all) : NULL;
  enum Spawned done = a ? enlist(all, a, h, o->name) : SPAWN_OUTAGE;
  if (done != SPAWNED) {
    ambi_message_free(form);
    ambi_free(h, sizeof *h);
    if (a) keep_for_another(a);
    return done;
  }
  a->form = form;
  a->space = cx->space;
  a->module = cx->module;
  a->most_kib = o->kib;
  ambi_task_init(&a->task, all->pool, o->class, slice);
  if (!tie(parent, h, o)) {  // it ends before it begins
    Message *m = pack_reason(parent, cx, all->normal);
    if (m) ambi_actor_kill(parent, h, m);
    done = SPAWN_OUTAGE;
  }
  *out = h;
  ambi_task_start(&a->task, parent->self);
  return done;
}

// ---- opening and closing --------------------------------------------------------------

static bool enter(Evaluator *self, void *arg) {
  (void)arg;
  Worker *w = ambi_alloc(sizeof *w);
  *ambi_evaluator_data(self) = w;
  return w != NULL;
}

static void leave(Evaluator *self, void *arg) {
  (void)arg;
  Worker *w = worker_of(self);
  while (w->nspare)
    ambi_context_close(w->spare[--w->nspare]);
  ambi_flat_drop(&w->room);
  ambi_free(w, sizeof *w);
}

static bool intern(Runtime *rt, const char *text, Value *out) {
  uint32_t id;
  if (!ambi_symbol_intern(rt->symbols, text, strlen(text), &id)) return false;
  *out = AMB_SYM_ID(id);
  return true;
}

// With the first form that has to do with actors.
static bool begin(Actors *all) {
  if (all->pool) return true;
  Runtime *rt = all->rt;
  PoolUse use = {.enter = enter,
                 .leave = leave,
                 .arg = all,
                 .timeline = ambi_watch_timeline(rt)};
  if (!intern(rt, "Actor", &all->type) || !intern(rt, "down", &all->down) ||
      !intern(rt, "normal", &all->normal) ||
      !intern(rt, "shutdown", &all->shutdown) ||
      !intern(rt, "call", &all->call) || !intern(rt, "reply-to", &all->asker))
    return false;
  Handle *h = new_handle(all, 0);
  if (!h) return false;
  all->pool = ambi_pool_open(all->evaluators, &use);
  if (!all->pool) {
    ambi_free(h, sizeof *h);
    return false;
  }
  ambi_store_release(&rt->x_bell, ambi_pool_bell(all->pool));
  all->script.all = all;
  return enlist(all, &all->script, h, 0) == SPAWNED;
}

Actor *ambi_actor_of(Context *cx) {
  if (cx->actor) return cx->actor;
  Actors *all = cx->rt->actors;
  return begin(all) ? &all->script : NULL;
}

bool ambi_actors_open(Runtime *rt, unsigned evaluators) {
  Actors *all = ambi_alloc(sizeof *all);
  if (!all) return false;
  all->rt = rt;
  all->evaluators = evaluators;
  all->keeper = (HostObject){.cell = {.kind = CELL_HOST, .drop = free_handles},
                             .name = "Actors",
                             .type = AMB_SYM(UNDEFINED)};
  pthread_mutex_init(&all->lock, NULL);
  ambi_runtime_add_cell(rt, &all->keeper.cell);
  rt->actors = all;
  rt->actor_table = &ambi_actor_table;
  return ambi_mutexes_open(rt);
}

static void drop_actor(Actors *all, Actor *a) {
  for (Bond *b = ambi_actor_unbind(a, NULL), *next; b; b = next) {
    next = b->next_in;
    ambi_free(b, sizeof *b);
  }
  ambi_mailbox_close(&a->handle->box, &a->inbox);
  leave_context(all, NULL, a->cx);
  drop_what_it_has(a);
  if (!is_script(a)) ambi_free(a, sizeof *a);
}

void ambi_actors_close(Runtime *rt) {
  Actors *all = rt->actors;
  rt->actor_table = NULL;
  if (!all || !all->pool) return;
  ambi_store_release(&rt->x_bell, NULL);
  ambi_pool_close(all->pool, NULL, NULL);
  for (Handle *h = all->handles; h; h = h->older) {
    Actor *a = ambi_exchange(&h->x_actor, NULL);
    if (a) drop_actor(all, a);
  }
  while (all->spare) {
    Actor *a = all->spare;
    all->spare = (Actor *)(void *)a->task.next;
    ambi_free(a, sizeof *a);
  }
  ambi_flat_drop(&all->room);
}
