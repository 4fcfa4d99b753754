#include "scheduler/mutex.h"

#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/builtins/mutexes.h"
#include "scheduler/actor.h"
#include "scheduler/crew_data.h"
#include "scheduler/mutex_data.h"

static Mutexes *mutexes_of(const Runtime *rt) {
  return rt->mutexes;
}

// ---- the list of locks, under Mutexes.lock ------------------------------------------

static Mutex *find(const Mutexes *all, Value name) {
  Mutex *m = all->all;
  while (m && !ambi_equal(m->name.atom, name))
    m = m->next;
  return m;
}

static Mutex *need(Mutexes *all, Value name) {
  Mutex *m = find(all, name);
  if (m || !(m = ambi_alloc(sizeof *m))) return m;
  if (!ambi_template_make(all->rt->store, name, &m->name)) {
    ambi_free(m, sizeof *m);
    return NULL;
  }
  m->next = all->all;
  return all->all = m;
}

static void drop_unused(Mutexes *all, Mutex *m) {
  if (m->holder || m->first) return;
  Mutex **at = &all->all;
  while (*at != m)
    at = &(*at)->next;
  *at = m->next;
  ambi_template_release(all->rt->store, &m->name);
  ambi_free(m, sizeof *m);
}

static void hold(Mutex *m, Context *cx, Held *held) {
  *held = (Held){cx->held, m};
  cx->held = held;
  m->holder = cx;
  m->depth++;
}

// ---- looking whether all is well, under the lock ------------------------------------

// How often cx has taken it. Under the lock nobody takes or gives.
static unsigned times_held(const Context *cx, const Mutex *m) {
  unsigned times = 0;
  for (const Held *h = cx->held; h; h = h->before)
    times += h->mutex == m;
  return times;
}

static bool mutex_is_valid(const Mutexes *all, const Mutex *m,
                           const char **why) {
  uint64_t last = 0;
  if (!m->holder) return ambi_invalid(why, "a lock that nobody has");
  if (times_held(m->holder, m) != m->depth)
    return ambi_invalid(why, "a lock that its holder has not taken so often");
  for (const Waiter *w = m->first; w; w = w->next) {
    if (w->mutex != m || w->cx->waiter != w)
      return ambi_invalid(why, "one who waits for another lock");
    if (w->state != WAITER_WAITS)
      return ambi_invalid(why, "one who waits and has been told");
    if (w->number <= last || w->number > all->numbers)
      return ambi_invalid(why, "some who wait out of order");
    last = w->number;
  }
  return true;
}

static bool are_valid(const Mutexes *all, const char **why) {
  for (const Mutex *m = all->all; m; m = m->next) {
    if (!mutex_is_valid(all, m, why)) return false;
    if (find(all, m->name.atom) != m)
      return ambi_invalid(why, "two locks of one name");
  }
  return true;
}

bool ambi_mutexes_is_valid(Runtime *rt, const char **why) {
  Mutexes *all = mutexes_of(rt);
  if (!all) return true;
  pthread_mutex_lock(&all->lock);
  bool ok = are_valid(all, why);
  pthread_mutex_unlock(&all->lock);
  return ok;
}

static void leave(Mutexes *all) {
  if (ambi_pace(&all->walked, 64)) AMB_WALK(are_valid(all, &why));
  pthread_mutex_unlock(&all->lock);
}

// ---- waking -------------------------------------------------------------------------

// Under the lock, so that the one who waits is still there.
static void wake(const Waiter *w) {
  const Context *cx = w->cx;
  const CrewMates *crew = ambi_crew_of(cx->rt);
  if (cx->crew_data) {
    ambi_task_wake(cx->crew_data, ambi_crew_acting());
  } else if (cx->actor) {
    Handle *h = ((Actor *)cx->actor)->handle;
    if (ambi_mailbox_nudge(&h->box)) ambi_actor_wake(NULL, h);
  } else {
    if (crew) ambi_pool_nudge(crew->pool);
    ambi_actors_nudge(cx->rt);
  }
}

static void hand_on(Mutexes *all, Mutex *m) {
  Waiter *w = m->first;
  m->holder = NULL;
  if (!w) {
    drop_unused(all, m);
    return;
  }
  m->first = w->next;
  w->state = WAITER_HAS;
  m->holder = w->cx;  // it takes it when it goes on
  wake(w);
}

// ---- taking and giving --------------------------------------------------------------

static Waiter *begin_to_wait(Mutexes *all, Context *cx, Mutex *m, Held *held) {
  Waiter *w = ambi_alloc(sizeof *w);
  if (!w) return NULL;
  *w = (Waiter){.cx = cx, .mutex = m, .held = held, .number = ++all->numbers};
  Waiter **at = &m->first;
  while (*at)
    at = &(*at)->next;
  *at = w;
  return cx->waiter = w;
}

static void wait_no_more(Context *cx) {
  ambi_free(cx->waiter, sizeof(Waiter));
  cx->waiter = NULL;
}

// For an operation that is done again.
static enum BuiltinStatus look_again(Context *cx) {
  Waiter *w = cx->waiter;
  if (w->state == WAITER_WAITS) return B_STOP;
  bool has = w->state == WAITER_HAS;
  if (has)
    hold(w->mutex, cx, w->held);
  else
    ambi_free(w->held, sizeof *w->held);
  wait_no_more(cx);
  return has ? B_OK : ambi_answer_error(cx, "this would wait for ever");
}

// B_OK, B_ERROR; B_STOP: it waits, or cx->stop is set.
static enum BuiltinStatus take(Mutexes *all, Context *cx, Value name) {
  if (cx->waiter) return look_again(cx);
  Held *held = ambi_alloc(sizeof *held);
  Mutex *m = held ? need(all, name) : NULL;
  if (m && (!m->holder || m->holder == cx)) {
    hold(m, cx, held);
    return B_OK;
  }
  if (m && !cx->plain && begin_to_wait(all, cx, m, held)) return B_STOP;
  if (m) drop_unused(all, m);
  ambi_free(held, sizeof *held);
  if (m && cx->plain) return ambi_answer_error(cx, "a search cannot wait");
  return ambi_answer_stop(cx);
}

// An actor has what the script waits for: the script's thread is to run it.
static bool is_an_actors(const Context *cx) {
  const Waiter *w = cx->waiter;
  if (!w || w->state != WAITER_WAITS || cx->actor || cx->crew_data)
    return false;
  return w->mutex->holder->actor != NULL;
}

// What has arrived goes to the inbox before the lock is looked at: over a mailbox that
// has something nobody can go to sleep, and what tells of the lock comes there, too.
static void put_messages_aside(Context *cx) {
  Actors *actors = cx->rt->actors;
  Actor *a = cx->actor;
  if (!a && !cx->crew_data && actors && actors->pool) a = &actors->script;
  if (a) ambi_mailbox_drain(&a->handle->box, &a->inbox);
}

static enum BuiltinStatus lock(Context *cx, Value name) {
  Mutexes *all = mutexes_of(cx->rt);
  for (;;) {
    put_messages_aside(cx);
    pthread_mutex_lock(&all->lock);
    enum BuiltinStatus status = take(all, cx, name);
    bool actors = is_an_actors(cx);
    leave(all);
    if (status != B_STOP || cx->stop) return status;
    if (ambi_load_relaxed(&cx->x_cancel)) {
      cx->stop = STOP_CANCEL;
      return B_STOP;
    }
    if (!actors) break;
    status = ambi_actor_wait(cx, ambi_actor_of(cx));
    if (status == B_STOP) return status;
    if (status == B_EMPTY) ambi_mutexes_refuse(cx->rt);
  }
  cx->stop = STOP_WAIT;
  return B_STOP;
}

// Under the lock.
static void give(Mutexes *all, Context *cx) {
  Held *held = cx->held;
  Mutex *m = held->mutex;
  cx->held = held->before;
  ambi_free(held, sizeof *held);
  if (--m->depth == 0) hand_on(all, m);
}

static void unlock(Context *cx) {
  Mutexes *all = mutexes_of(cx->rt);
  pthread_mutex_lock(&all->lock);
  if (cx->held) give(all, cx);
  leave(all);
}

static void stop_waiting(Mutexes *all, Context *cx) {
  Waiter *w = cx->waiter;
  ambi_free(w->held, sizeof *w->held);
  if (w->state == WAITER_HAS) hand_on(all, w->mutex);
  if (w->state == WAITER_WAITS) {
    Waiter **at = &w->mutex->first;
    while (*at != w)
      at = &(*at)->next;
    *at = w->next;
  }
  wait_no_more(cx);
}

static void release(Context *cx) {
  Mutexes *all = mutexes_of(cx->rt);
  pthread_mutex_lock(&all->lock);
  if (cx->waiter) stop_waiting(all, cx);
  while (cx->held)
    give(all, cx);
  leave(all);
}

// ---- looking from outside -----------------------------------------------------------

bool ambi_mutex_news(const Context *cx) {
  Mutexes *all = mutexes_of(cx->rt);
  if (!cx->waiter) return false;
  pthread_mutex_lock(&all->lock);
  bool news = cx->waiter->state != WAITER_WAITS || is_an_actors(cx);
  leave(all);
  return news;
}

bool ambi_mutexes_refuse(Runtime *rt) {
  Mutexes *all = mutexes_of(rt);
  if (!all) return false;
  pthread_mutex_lock(&all->lock);
  Waiter **last = NULL;
  for (Mutex *m = all->all; m; m = m->next)
    for (Waiter **at = &m->first; *at; at = &(*at)->next)
      if (!last || (*at)->number > (*last)->number) last = at;
  Waiter *w = last ? *last : NULL;
  if (w) {
    *last = w->next;
    w->state = WAITER_REFUSED;
    wake(w);
  }
  leave(all);
  return w != NULL;
}

// ---- life ---------------------------------------------------------------------------

static void free_mutexes(CellHeader *keeper) {
  Mutexes *all = (Mutexes *)(void *)keeper;
  pthread_mutex_destroy(&all->lock);
  ambi_free(all, sizeof *all);
}

bool ambi_mutexes_open(Runtime *rt) {
  static const MutexTable table = {lock, unlock, release};
  if (rt->mutexes || rt->tier == 0) return true;
  Mutexes *all = ambi_alloc(sizeof *all);
  if (!all) return false;
  all->rt = rt;
  all->keeper = (HostObject){.cell = {.kind = CELL_HOST, .drop = free_mutexes},
                             .name = "Mutexes",
                             .type = AMB_SYM(UNDEFINED)};
  pthread_mutex_init(&all->lock, NULL);
  ambi_runtime_keep_cell(rt, &all->keeper.cell);
  rt->mutexes = all;
  rt->mutex_table = &table;
  return true;
}
