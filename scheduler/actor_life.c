// Actors begin: with a Runtime, one by one, and all of them end with it; and how the
// script's thread shares itself and the Runtime with them.
#include "memory/alloc.h"
#include "memory/short_lock.h"
#include "runtime/guard.h"
#include "runtime/spaces/share.h"
#include "runtime/tables/table.h"
#include "runtime/watch.h"
#include "scheduler/actor.h"
#include "scheduler/mutex.h"

static bool is_single(const Actors *all) {
  return ambi_pool_size(all->pool) == 1;
}

// ---- spawning -----------------------------------------------------------------------

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

// [lock] Among all handles.
static void number(Actors *all, Handle *h) {
  if (h->object.cell.number) return;  // it was reserved
  h->object.cell.number = ++all->numbers;
  h->older = all->handles;
  all->handles = h;
}

Handle *ambi_actor_reserve(Actors *all, uint32_t mailbox) {
  Handle *h = new_handle(all, mailbox);
  if (!h) return NULL;
  pthread_mutex_lock(&all->lock);
  number(all, h);
  pthread_mutex_unlock(&all->lock);
  return h;
}

void ambi_actor_never(Actors *all, Handle *h, Message *reason) {
  Inbox in = {0};
  pthread_mutex_lock(&all->lock);
  h->reason = reason;
  pthread_mutex_unlock(&all->lock);
  ambi_mailbox_close(&h->box, &in);
  ambi_messages_free(in.first);
}

static enum Spawned enlist(Actors *all, Actor *a, Handle *h, uint32_t name) {
  pthread_mutex_lock(&all->lock);
  enum Spawned done = ambi_actor_name(all, h, name);
  if (done == SPAWNED) {
    number(all, h);
    a->handle = h;
    ambi_store_release(&h->x_actor, a);
    if (!ambi_load_relaxed(&a->x_outside)) ambi_add_relaxed(&all->x_living, 1);
  }
  pthread_mutex_unlock(&all->lock);
  return done;
}

bool ambi_actor_enlist(Actor *a) {
  Handle *h = new_handle(a->all, 0);
  return h && enlist(a->all, a, h, 0) == SPAWNED;
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

// The script's evaluation is to share its thread with actors, or the Runtime with other
// threads. False: cx->stop is set.
static bool hold(Actors *all, Context *cx) {
  if (is_single(all)) {
    cx->sliced = true;
    return true;
  }
  if (all->held) return true;
  all->held = ambi_crew_share(cx);
  all->rt->guests += all->held;
  return all->held;
}

static Actor *make(Actors *all, const SpawnOptions *o, Handle **out,
                   enum Spawned *done) {
  *done = SPAWN_OUTAGE;
  Handle *reserved = *out;
  Handle *h = reserved ? reserved : new_handle(all, o->mailbox);
  Actor *a = h ? ambi_actor_new(all, o->class) : NULL;
  if (a) *done = enlist(all, a, h, o->name);
  *out = h;
  if (*done == SPAWNED) return a;
  if (!reserved) ambi_free(h, sizeof *h);
  if (a) ambi_actor_keep(a);
  return NULL;
}

enum Spawned ambi_actor_spawn(Actor *parent, Context *cx, Message *form,
                              const SpawnOptions *o, Handle **out) {
  Actors *all = parent->all;
  enum Spawned done = SPAWN_OUTAGE;
  Actor *a = parent->self || hold(all, cx) ? make(all, o, out, &done) : NULL;
  if (!a) {
    ambi_message_free(form);
    return done;
  }
  a->form = form;
  a->task.hint = form;
  a->space = cx->space;
  a->module = cx->module;
  a->most_kib = o->kib;
  a->random = ambi_crew_stream((*cx->random)++, 0);
  if (!tie(parent, *out, o)) {  // it ends before it begins
    Message *m = ambi_actor_pack_reason(parent, cx, all->normal);
    if (m) ambi_actor_kill(parent, *out, m);
    done = SPAWN_OUTAGE;
  }
  ambi_task_start(&a->task, parent->self);
  return done;
}

// ---- beside the script ------------------------------------------------------------

// The evaluators' parts in the epochs end. None of them is in a slice of an actor.
static void part_workers(Actors *all) {
  for (unsigned i = 0; i < ambi_pool_size(all->pool); i++) {
    Worker *w = &all->workers[i];
    if (w->joined) ambi_epoch_part(&all->rt->sharing->epochs, &w->party);
    w->joined = false;
  }
}

static void let_go(Actors *all) {
  all->rt->guests -= all->held;
  all->held = false;
  part_workers(all);
}

bool ambi_actors_need_crew(Runtime *rt) {
  Actors *all = rt->actors;
  if (!all || !all->pool) return false;
  if (is_single(all)) {
    if (all->out > 0) return true;
  } else if (all->held && (ambi_load_relaxed(&all->x_living) > 1 ||
                           !ambi_pool_is_quiet(all->pool))) {
    return true;
  }
  let_go(all);
  return false;
}

void ambi_actors_take_turn(Runtime *rt) {
  Actors *all = rt->actors;
  if (all && all->pool && is_single(all) && !ambi_pool_is_quiet(all->pool))
    ambi_pool_turn(all->pool);
}

void ambi_actors_nudge(Runtime *rt) {
  Actors *all = rt->actors;
  Handle *h = all && all->pool ? all->script.handle : NULL;
  if (h && ambi_mailbox_nudge(&h->box)) ambi_actor_wake(NULL, h);
}

static bool some_have_run(void *arg) {
  unsigned *left = arg;
  return (*left)-- == 0;
}

bool ambi_actors_run(Runtime *rt) {
  Actors *all = rt->actors;
  unsigned slices = 4;
  return all && all->pool &&
         ambi_pool_help(all->pool, some_have_run, &slices) == HELP_REACHED;
}

// ---- opening ----------------------------------------------------------------------

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
  pthread_mutex_destroy(&all->outside);
  ambi_free(all, sizeof *all);
}

static bool intern(Runtime *rt, const char *text, Value *out) {
  uint32_t id;
  if (!ambi_symbol_intern(rt->symbols, text, strlen(text), &id)) return false;
  *out = AMB_SYM_ID(id);
  return true;
}

static bool intern_all(Actors *all) {
  Runtime *rt = all->rt;
  return intern(rt, "Actor", &all->type) && intern(rt, "down", &all->down) &&
         intern(rt, "normal", &all->normal) &&
         intern(rt, "shutdown", &all->shutdown) &&
         intern(rt, "call", &all->call) && intern(rt, "reply-to", &all->asker);
}

static void show_output(Evaluator *self, void *arg) {
  (void)self;
  ambi_output_show(arg);
}

// Tables belong to one evaluation at a time, so where there are any, actors have one
// evaluator of their own: the script's thread while it waits.
static bool find_evaluators(Actors *all) {
  CrewMates *crew = ambi_crew_of(all->rt);
  bool own = ambi_pool_size(crew->pool) > 1 && ambi_tables_in_use(all->rt);
  PoolUse use = {.rest = show_output,
                 .arg = all->rt,
                 .timeline = ambi_watch_timeline(all->rt)};
  Pool *pool = own ? ambi_pool_open(1, &use) : crew->pool;
  if (!pool) return false;
  all->workers = ambi_alloc(ambi_pool_size(pool) * sizeof *all->workers);
  if (all->workers) {
    for (unsigned i = 0; i < ambi_pool_size(pool); i++)
      all->workers[i].room.depot = &all->depot;
    all->pool = pool;
    all->own_pool = own;
    return true;
  }
  if (own) ambi_pool_close(pool, NULL, NULL);
  return false;
}

// With the first form that has to do with actors.
static bool begin(Actors *all) {
  if (all->pool) return true;
  if (!intern_all(all)) return false;
  Handle *h = new_handle(all, 0);
  if (!h || !find_evaluators(all)) {
    ambi_free(h, sizeof *h);
    return false;
  }
  ambi_store_release(&all->rt->x_bell, ambi_pool_bell(all->pool));
  all->script.all = all;
  return enlist(all, &all->script, h, 0) == SPAWNED;
}

Actor *ambi_actor_of(Context *cx) {
  if (cx->actor) return cx->actor;
  Actors *all = cx->rt->actors;
  return begin(all) ? &all->script : NULL;
}

bool ambi_actors_open(Runtime *rt) {
  Actors *all = ambi_alloc(sizeof *all);
  if (!all) return false;
  all->rt = rt;
  all->keeper = (HostObject){.cell = {.kind = CELL_HOST, .drop = free_handles},
                             .name = "Actors",
                             .type = AMB_SYM(UNDEFINED)};
  ambi_short_lock_open(&all->lock);
  ambi_short_lock_open(&all->outside);
  all->room.depot = &all->depot;
  ambi_runtime_keep_cell(rt, &all->keeper.cell);
  rt->actors = all;
  if (rt->crew) rt->actor_table = &ambi_actor_table;
  return ambi_mutexes_open(rt);
}

// ---- closing ----------------------------------------------------------------------

static bool are_all_over(void *arg) {
  const Actors *all = arg;
  const CrewMates *crew = ambi_crew_of(all->rt);
  return ambi_load_relaxed(&all->x_living) <= 1 &&
         ambi_load_acquire(&crew->x_open) == 0;
}

// Whoever is in a slice, or has others work for it, ends it; the rest rest. Actors may
// still be begun meanwhile: those that are newer than the list know that they are to end.
static void end_all(Actors *all) {
  ambi_store_release(&all->x_closing, true);
  pthread_mutex_lock(&all->lock);
  Handle *newest = all->handles;
  pthread_mutex_unlock(&all->lock);
  for (Handle *h = newest; h; h = h->older)
    if (ambi_mailbox_nudge(&h->box)) ambi_actor_wake(NULL, h);
  ambi_pool_help(all->pool, are_all_over, all);
}

static void close_workers(Actors *all) {
  size_t n = ambi_pool_size(all->pool);
  for (size_t i = 0; i < n; i++) {
    Worker *w = &all->workers[i];
    while (w->nspare)
      ambi_context_close(w->spare[--w->nspare]);
    ambi_pack_room_drop(&w->room);
  }
  ambi_free(all->workers, n * sizeof *all->workers);
}

static void drop_actors(Actors *all) {
  for (Handle *h = all->handles; h; h = h->older) {
    Actor *a = ambi_exchange(&h->x_actor, NULL);
    if (a) ambi_actor_drop(a);
  }
  while (all->spare) {
    Actor *a = all->spare;
    all->spare = (Actor *)(void *)a->task.next;
    ambi_free(a, sizeof *a);
  }
  ambi_pack_room_drop(&all->room);
}

void ambi_actors_close(Runtime *rt) {
  Actors *all = rt->actors;
  if (!all || !all->pool) return;
  const CrewMates *crew = ambi_crew_of(rt);
  if (!is_single(all) || ambi_load_acquire(&crew->x_open)) end_all(all);
  ambi_store_release(&rt->x_bell, NULL);
  ambi_pool_stop(all->pool);
  rt->actor_table = NULL;
  drop_actors(all);
  let_go(all);
  close_workers(all);
  ambi_depot_drop(&all->depot);
  if (all->own_pool) ambi_pool_close(all->pool, NULL, NULL);
}
