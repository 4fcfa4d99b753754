// The life of actors: run in slices, waiting, ended.
#include "scheduler/actor.h"

#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/bytecode/code.h"
#include "runtime/eval.h"
#include "runtime/guard.h"
#include "runtime/machine/engine.h"
#include "runtime/spaces/share.h"
#include "runtime/watch.h"

enum { SLICE_STEPS = 4000 };

typedef struct Deadline {
  Timer timer;
  Actor *actor;
} Deadline;

static bool is_script(const Actor *a) {
  return a == &a->all->script;
}

static Worker *worker_of(const Actor *a) {
  return &a->all->workers[ambi_evaluator_index(a->self)];
}

PackRoom *ambi_actor_room(Actor *a) {
  return a->self ? &worker_of(a)->room : &a->all->room;
}

static bool is_single(const Actors *all) {
  return ambi_pool_size(all->pool) == 1;
}

// ---- contexts -------------------------------------------------------------------

// Where evaluators are together, all actors count as one guest.
static void count_guest(Actors *all, int more) {
  if (!is_single(all)) return;
  all->out += (uint32_t)more;
  all->rt->guests += (unsigned)more;
}

static Context *take_context(Actor *a) {
  Worker *w = worker_of(a);
  Context *cx =
      w->nspare ? w->spare[--w->nspare] : ambi_context_open(a->all->rt);
  if (cx) ambi_add_relaxed(&a->all->x_heaps, 1);
  if (cx && !a->stowed) count_guest(a->all, 1);
  return cx;
}

// w: NULL: it is closed.
static void give_context_back(Actor *a, Worker *w) {
  Context *cx = a->cx;
  a->cx = NULL;
  cx->actor = cx->crew_data = NULL;
  ambi_add_relaxed(&a->all->x_heaps, -1u);
  if (w && w->nspare < WORKER_SPARE) {
    ambi_context_reset(cx);
    w->spare[w->nspare++] = cx;
  } else {
    ambi_context_close(cx);
  }
}

// Nothing is left of what it has on its stacks.
static void leave_context(Actor *a, Worker *w) {
  if (!a->cx && !a->stowed) return;
  if (a->cx) {
    ambi_form_close(a->cx);
    give_context_back(a, w);
  }
  ambi_stowed_drop(a->all->rt, a->stowed);
  a->stowed = NULL;
  count_guest(a->all, -1);
}

// A heap and stacks reserve so many addresses that there is room for some hundreds of them.
// So beyond a few that wait with one, and many that are in the middle of something, the
// others have a block, if it is possible.
static void stow(Actor *a, uint32_t most) {
  if (!ambi_stress(STRESS_STOW) && ambi_load_relaxed(&a->all->x_heaps) <= most)
    return;
  a->stowed = ambi_stow(a->cx);
  if (a->stowed) give_context_back(a, worker_of(a));
}

static void set_out(Context *cx, Actor *a) {
  cx->actor = a;
  cx->crew_data = &a->task;
  cx->space = a->space;
  cx->module = a->module;
  cx->random = &a->random;
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
  ambi_pack_room_take_back(ambi_actor_room(a), a->form);
  a->form = NULL;
}

static bool script_may_go_on(void *arg) {
  Actor *a = arg;
  return !ambi_mailbox_is_parked(&a->handle->box) ||
         ambi_load_relaxed(&a->x_killed) ||
         ambi_load_relaxed(&a->all->x_stop) != STOP_NONE ||
         ambi_load_relaxed(&a->all->rt->x_cancel);
}

void ambi_actors_stop(Actors *all, enum AmbStop why, int code) {
  uint64_t none = STOP_NONE;
  ambi_compare_exchange(&all->x_stop, &none,
                        (uint64_t)why | (uint64_t)(uint32_t)code << 32);
  ambi_pool_nudge(all->pool);
}

bool ambi_actor_is_stopped(Context *cx, Actor *a) {
  if (!is_script(a) || !ambi_load_relaxed(&a->all->x_stop)) return false;
  uint64_t stop = ambi_exchange(&a->all->x_stop, STOP_NONE);
  cx->exit_code = (int)(uint32_t)(stop >> 32);
  if (!cx->stop) cx->stop = (enum AmbStop)(uint32_t)stop;
  return true;
}

// What ends a wait of the script in time, though no message comes.
typedef struct Alarm {
  Timer timer;
  Actors *all;
  enum AmbStop why;
} Alarm;

static void ring(Timer *t) {
  Alarm *alarm = (Alarm *)t;
  ambi_actors_stop(alarm->all, alarm->why, 0);
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

// The script's thread is an evaluator until the condition holds.
static HelpEnd help(Context *cx, Actors *all, bool (*until)(void *arg),
                    void *arg) {
  ambi_party_leave(cx);
  HelpEnd end = ambi_pool_help(all->pool, until, arg);
  ambi_party_be_in(cx);
  return end;
}

// The script's thread runs others meanwhile.
static enum BuiltinStatus wait_here(Context *cx, Actor *a) {
  Mailbox *box = &a->handle->box;
  Alarm alarm = {.all = a->all};
  if (!ambi_mailbox_park(box)) return B_OK;
  HelpEnd end = HELP_OUTAGE;
  if (set_alarm(&alarm, &cx->limits)) {
    end = help(cx, a->all, script_may_go_on, a);
    ambi_timer_cancel(ambi_pool_timers(a->all->pool), &alarm.timer);
  }
  bool nothing = ambi_mailbox_unpark(box);
  if (end == HELP_OUTAGE) cx->stop = STOP_MEMORY;
  if (ambi_actor_is_stopped(cx, a) || !ambi_limits_poll(cx)) return B_STOP;
  return end == HELP_STUCK && nothing ? B_EMPTY : B_OK;
}

// What a thread does for others that is not to get on yet: some slices, or a pause.
typedef struct Pause {
  Timer timer;
  Pool *pool;
  unsigned slices;
  AMB_ATOMIC(bool) x_over;  // [all]
} Pause;

static void end_pause(Timer *t) {
  Pause *p = (Pause *)t;
  ambi_store_release(&p->x_over, true);
  ambi_pool_nudge(p->pool);
}

static bool is_paused_enough(void *arg) {
  Pause *p = arg;
  return p->slices-- == 0 || ambi_load_acquire(&p->x_over);
}

// What has almost done its turn ends it, and needs no Context then.
void ambi_actor_give_way(Context *cx, Actor *a, bool full) {
  enum { SLICES = 4, PAUSE_NS = 200000, STEPS_TO_REST = 64 };
  if (!is_script(a)) {
    a->slow = true;
    a->goes_to = ambi_engine_steps(cx->engine) + (full ? 0 : STEPS_TO_REST);
    ambi_engine_hurry(cx->engine, full ? 0 : STEPS_TO_REST);
    return;
  }
  Pause p = {.pool = a->all->pool, .slices = SLICES};
  Timers *timers = ambi_pool_timers(p.pool);
  // Alone, it cannot find itself without work while there is some.
  if (is_single(a->all) ||
      ambi_timer_start_aside(timers, &p.timer, ambi_now_ns() + PAUSE_NS,
                             end_pause))
    help(cx, a->all, is_paused_enough, &p);
  if (!is_single(a->all)) ambi_timer_cancel(timers, &p.timer);
}

enum BuiltinStatus ambi_actor_wait(Context *cx, Actor *a) {
  if (is_script(a)) return wait_here(cx, a);
  cx->stop = STOP_WAIT;
  return B_STOP;
}

static void notify(Actors *all, Handle *to) {
  pthread_mutex_lock(&all->outside);
  const Actor *a = ambi_handle_actor(to);
  if (a) a->notify(a->notified);
  pthread_mutex_unlock(&all->outside);
}

void ambi_actor_wake(Actor *from, Handle *to) {
  Actor *a = ambi_handle_actor(to);
  if (!a) return;  // it was woken by something else, and has ended
  if (is_script(a))
    ambi_pool_nudge(a->all->pool);
  else if (ambi_load_relaxed(&a->x_outside))
    notify(a->all, to);
  else
    ambi_task_wake(&a->task, from ? from->self : NULL);
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

Message *ambi_actor_pack_reason(Actor *a, Context *cx, Value v) {
  Message *m = NULL;
  if (!ambi_is_none(v)) ambi_parcel_pack(cx, ambi_actor_room(a), v, &m);
  return m;
}

static bool is_normal(const Actors *all, const Message *reason) {
  return ambi_same(ambi_parcel_root(reason), all->normal);
}

void ambi_actor_drop_all(Actor *a) {
  Message *reason = ambi_exchange(&a->x_killed, NULL);
  ambi_message_free(reason);
  ambi_messages_free(a->inbox.first);
  ambi_message_free(a->form);
  ambi_free(a->deadline, sizeof *a->deadline);
}

// It is not freed: who woke it last may be on the way out of the scheduler.
void ambi_actor_keep(Actor *a) {
  Actors *all = a->all;
  pthread_mutex_lock(&all->lock);
  a->task.next = (Task *)all->spare;
  all->spare = a;
  pthread_mutex_unlock(&all->lock);
}

Actor *ambi_actor_new(Actors *all, TaskClass class) {
  pthread_mutex_lock(&all->lock);
  Actor *a = all->spare;
  if (a) all->spare = (Actor *)(void *)a->task.next;
  pthread_mutex_unlock(&all->lock);
  if (a) {
    memset((char *)a + sizeof a->task, 0, sizeof *a - sizeof a->task);
  } else {
    a = ambi_alloc(sizeof *a);
    if (!a) return NULL;
    ambi_task_init(&a->task, all->pool, class, ambi_actor_slice);
  }
  a->task.of_class = class;
  a->all = all;
  return a;
}

void ambi_actor_depart(Actor *a, Context *cx, Message *reason) {
  Actors *all = a->all;
  Handle *h = a->handle;
  pthread_mutex_lock(&all->lock);
  Bond *told = ambi_actor_unbind(a, reason);
  ambi_actor_unname(all, h);
  pthread_mutex_lock(&all->outside);
  ambi_store_release(&h->x_actor, NULL);
  pthread_mutex_unlock(&all->outside);
  h->reason = reason;
  if (!ambi_load_relaxed(&a->x_outside)) ambi_add_relaxed(&all->x_living, -1u);
  pthread_mutex_unlock(&all->lock);
  ambi_mailbox_close(&h->box, &a->inbox);
  if (told && !cx) cx = a->cx = take_context(a);
  ambi_actor_tell(a, cx, told, reason);
}

// reason: NULL: normally. It is given away.
static TaskNext end_actor(Actor *a, Message *reason) {
  Actors *all = a->all;
  if (reason && is_normal(all, reason)) {
    ambi_message_free(reason);
    reason = NULL;
  }
  ambi_actor_depart(a, a->cx, reason);
  leave_context(a, worker_of(a));
  if (a->deadline)
    ambi_timer_cancel(ambi_pool_timers(all->pool), &a->deadline->timer);
  ambi_actor_drop_all(a);
  ambi_actor_keep(a);
  if (ambi_load_relaxed(&all->x_closing) &&
      ambi_load_relaxed(&all->x_living) == 1)
    ambi_pool_nudge(all->pool);
  return TASK_DONE;
}

// Without memory for its reason others would take the end for a normal one: all stops.
static Message *told_reason(Actor *a, Value v) {
  Message *m = NULL;
  if (ambi_is_none(v) ||
      ambi_parcel_pack(a->cx, ambi_actor_room(a), v, &m) == PACK_OUTAGE)
    ambi_actors_stop(a->all, STOP_MEMORY, 0);
  return m;
}

static Message *limit_reason(Actor *a) {
  Context *cx = a->cx;
  char text[80];
  ambi_stop_text(cx, text, sizeof text);
  Value why = ambi_make_error_text(cx, ambi_actor_value(a->handle), text);
  return told_reason(a, why);
}

static TaskNext end_with_result(Actor *a, const ValueVec *out) {
  Value v = out->n ? ambi_deref(out->at[0]) : AMB_UNIT;
  return end_actor(a, ambi_is_error_atom(v) ? told_reason(a, v) : NULL);
}

// What concerns all, and not this actor alone.
static TaskNext end_with_all(Actor *a, enum AmbStop stop) {
  ambi_actors_stop(a->all, stop, a->cx ? a->cx->exit_code : 0);
  return end_actor(a, NULL);
}

// ---- slices -----------------------------------------------------------------------

static bool is_killed(Actor *a) {
  return ambi_load_relaxed(&a->x_killed) != NULL;
}

static bool is_to_end(Actor *a) {
  return is_killed(a) || ambi_load_relaxed(&a->all->x_closing);
}

// It goes on where it was, or with its form, which stays while an operation is to be done
// again.
static bool go_on(Actor *a) {
  a->cx = take_context(a);
  if (!a->cx) return false;
  set_out(a->cx, a);
  if (a->stowed) {
    bool out = ambi_unstow(a->cx, a->stowed);
    if (out) a->stowed = NULL;
    return out;
  }
  Value form = ambi_parcel_unpack(a->cx, a->form);
  if (!a->waiting.on) {
    ambi_pack_room_take_back(ambi_actor_room(a), a->form);
    a->form = NULL;
  }
  return !ambi_is_none(form) && ambi_form_open_data(a->cx, form) == STOP_NONE;
}

// Where there is a form, nothing is on its stack but the operation that waits, which is
// that. When it looked for messages, it may have taken the nudge of who killed it.
static TaskNext rest(Actor *a) {
  enum { MOST_WAITING = 32 };
  if (a->form)
    leave_context(a, worker_of(a));
  else
    stow(a, MOST_WAITING);
  // What came while it waits for something else is kept.
  if (!a->waiting.on) ambi_mailbox_drain(&a->handle->box, &a->inbox);
  a->task.hint = a->form ? (const void *)a->form : a->stowed;
  if (is_to_end(a)) return TASK_AGAIN;
  return ambi_mailbox_park(&a->handle->box) ? TASK_WAIT : TASK_AGAIN;
}

// It gives way after so many steps; but nobody comes in between where it is isolated.
static bool goes_on(Actor *a, uint64_t began) {
  if (is_to_end(a)) return false;
  if (a->cx->journal && !a->cx->rt->sharing) return true;
  uint64_t steps = a->cx->limits.steps_used;
  if (!a->slow) return steps - began < SLICE_STEPS;
  if (steps >= a->goes_to) return false;
  ambi_engine_hurry(a->cx->engine, (int64_t)(a->goes_to - steps));
  return true;
}

static enum AmbStop run_on(Actor *a, ValueVec *out) {
  enum AmbStop stop;
  uint64_t began = a->cx->limits.steps_used;
  do {
    stop = ambi_form_run(a->cx, out);
    if (stop == STOP_YIELD) ambi_pool_offer(a->self);
  } while (stop == STOP_YIELD && goes_on(a, began));
  a->slow = false;
  ambi_inbox_tell(&a->handle->box, &a->inbox);
  ambi_party_leave(a->cx);  // it began what is shared
  return stop;
}

// Each of those has a heap and stacks, so no more of them begin than memory is sure to be
// there for, but one now and then, lest others that never end keep it from beginning.
static bool is_put_off(const Actor *a, Worker *w) {
  enum { MOST_HALFWAY = 200, PATIENCE = 1000 };
  if (a->begun || ambi_load_relaxed(&a->all->x_halfway) < MOST_HALFWAY)
    return false;
  if (++w->put_off < PATIENCE) return true;
  w->put_off = 0;
  return false;
}

static void set_halfway(Actor *a, bool halfway) {
  if (a->halfway != halfway)
    ambi_add_relaxed(&a->all->x_halfway, halfway ? 1u : -1u);
  a->halfway = halfway;
}

static TaskNext what_next(Actor *a, enum AmbStop stop, const ValueVec *out) {
  if (stop == STOP_CANCEL && is_killed(a)) stop = STOP_YIELD;
  enum { MOST_HEAPS = 400 };
  switch (stop) {
  case STOP_YIELD:
    set_halfway(a, true);
    stow(a, MOST_HEAPS);
    return TASK_AGAIN;
  case STOP_WAIT: return rest(a);
  case STOP_NONE:
  case STOP_ANSWERS: return end_with_result(a, out);
  case STOP_EXIT:
  case STOP_CANCEL:
  case STOP_INTERNAL:
  case STOP_MEMORY: return end_with_all(a, stop);
  default: return end_actor(a, limit_reason(a));
  }
}

static TaskNext one_slice(Actor *a) {
  ValueVec out = {0};
  ambi_mailbox_unpark(&a->handle->box);
  set_halfway(a, false);
  if (ambi_load_relaxed(&a->all->x_closing)) return end_actor(a, NULL);
  if (is_killed(a)) return end_actor(a, ambi_exchange(&a->x_killed, NULL));
  if (is_put_off(a, worker_of(a))) return TASK_AGAIN;
  a->begun = true;
  bool ready = a->cx != NULL || go_on(a);
  enum AmbStop stop = ready ? run_on(a, &out) : STOP_MEMORY;
  TaskNext next = what_next(a, stop, &out);
  ambi_vec_drop(&out);
  return next;
}

static void go_in(Runtime *rt, Worker *w) {
  if (!ambi_together(rt)) return;
  Epochs *e = &rt->sharing->epochs;
  if (!w->joined) ambi_epoch_join(e, &w->party);
  w->joined = true;
  ambi_epoch_enter(e, &w->party);
}

static void go_out(Runtime *rt, Worker *w) {
  if (!ambi_epoch_is_inside(&w->party)) return;
  ambi_epoch_leave(&w->party);
  ambi_epoch_poll(&rt->sharing->epochs);
}

TaskNext ambi_actor_slice(Task *t, Evaluator *self) {
  Actor *a = (Actor *)(void *)t;
  Runtime *rt = a->all->rt;
  a->self = self;
  Worker *w = worker_of(a);
  ambi_crew_act(self);
  ambi_watch_slice(rt, "actor", a->handle->object.cell.number);
  go_in(rt, w);
  TaskNext next = one_slice(a);
  go_out(rt, w);
  ambi_crew_act(NULL);
  return next;
}

void ambi_actor_drop(Actor *a) {
  a->self = NULL;
  for (Bond *b = ambi_actor_unbind(a, NULL), *next; b; b = next) {
    next = b->next_in;
    ambi_free(b, sizeof *b);
  }
  ambi_mailbox_close(&a->handle->box, &a->inbox);
  leave_context(a, NULL);
  ambi_actor_drop_all(a);
  if (!is_script(a)) ambi_free(a, sizeof *a);
}
