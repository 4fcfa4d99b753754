// The locked steps of park.h. Each ends with the one who is to be called, if any, and
// calls behind the lock.
#include "scheduler/park.h"

#include "memory/check.h"
#include "memory/short_lock.h"

// Who is called at the end of a step.
typedef struct Call {
  Sleeper *post;
  bool start;
} Call;

static void take_lock(Lot *l) {
  pthread_mutex_lock(&l->lock);
}

static bool is_valid(const Lot *l, const char **why) {
  uint64_t injected = 0;
  uint32_t sleeping = 0;
  for (int c = 0; c < TASK_CLASSES; c++) {
    if (!ambi_tasks_is_valid(&l->injected[c], why)) return false;
    injected += l->injected[c].n;
  }
  if (injected != ambi_load_relaxed(&l->x_injected))
    return ambi_invalid(why, "injected tasks are miscounted");
  for (const Sleeper *s = l->sleepers; s; s = s->next, sleeping++)
    if (!s->asleep || s->searching)
      return ambi_invalid(why, "a sleeper that does not sleep");
  if (sleeping != ambi_load_relaxed(&l->x_sleeping))
    return ambi_invalid(why, "sleepers are miscounted");
  return sleeping <= l->acting ||
         ambi_invalid(why, "more sleep than there are");
}

bool ambi_lot_is_valid(Lot *l, const char **why) {
  take_lock(l);
  bool ok = is_valid(l, why);
  pthread_mutex_unlock(&l->lock);
  return ok;
}

static bool end_step(Lot *l, Call call) {
  if (ambi_pace(&l->walked, 64)) AMB_WALK(is_valid(l, &why));
  pthread_mutex_unlock(&l->lock);
  if (call.post) sem_post(&call.post->wake);
  if (call.start) l->use.start(l->use.arg);
  return call.post || call.start;
}

// Counts that are written under the lock.
#define ADD(x, n) ambi_store_relaxed(&(x), ambi_load_relaxed(&(x)) + (n))

static bool is_searched(const Lot *l) {
  return ambi_load_relaxed(&l->x_searching);
}

static void begin_search(Lot *l, Sleeper *s) {
  AMB_ASSERT(!is_searched(l));
  ambi_store_relaxed(&l->x_searching, true);
  if (s) s->searching = true;
}

static void end_search(Lot *l, Sleeper *s) {
  if (!s->searching) return;
  s->searching = false;
  ambi_store_relaxed(&l->x_searching, false);
}

static void remove_sleeper(Lot *l, Sleeper *s) {
  Sleeper **at = &l->sleepers;
  while (*at != s)
    at = &(*at)->next;
  *at = s->next;
  s->asleep = false;
  ADD(l->x_sleeping, -1u);
}

// Somebody is to look for work, unless somebody does.
static Call call_one(Lot *l) {
  if (is_searched(l) || ambi_load_relaxed(&l->x_closing)) return (Call){0};
  Sleeper *s = l->sleepers;
  if (s) {
    remove_sleeper(l, s);
    begin_search(l, s);
    return (Call){.post = s};
  }
  if (ambi_load_relaxed(&l->x_startable) == 0) return (Call){0};
  ADD(l->x_startable, -1u);
  l->acting++;
  begin_search(l, NULL);
  return (Call){.start = true};
}

static Call call_for_injected(Lot *l) {
  return ambi_load_relaxed(&l->x_injected) > 0 ? call_one(l) : (Call){0};
}

static Call call_helper(Lot *l) {
  Sleeper *s = l->helper;
  if (!s || !s->asleep) return (Call){0};
  remove_sleeper(l, s);
  return (Call){.post = s};
}

void ambi_lot_open(Lot *l, uint32_t startable, const LotUse *use) {
  ambi_short_lock_open(&l->lock);
  l->use = *use;
  ambi_store_release(&l->x_startable, startable);
}

void ambi_lot_close(Lot *l) {
  pthread_mutex_destroy(&l->lock);
}

void ambi_lot_join(Lot *l, Sleeper *s) {
  take_lock(l);
  AMB_ENSURE(!l->helper);
  l->helper = s;
  l->acting++;
  ambi_store_relaxed(&l->x_nudged, false);
  end_step(l, (Call){0});
}

static void append(Lot *l, TaskList *to, TaskList tasks) {
  ADD(l->x_injected, tasks.n);
  if (to->n == 0) {
    *to = tasks;
  } else if (tasks.n < TASKS_AHEAD) {
    for (Task *t; (t = ambi_tasks_take(&tasks)) != NULL;)
      ambi_tasks_append(to, t);
  } else {
    to->last->next = tasks.first;
    tasks.first = to->first;
    tasks.n += to->n;
    *to = tasks;
  }
}

void ambi_lot_part(Lot *l, Sleeper *s, const TaskList tasks[TASK_CLASSES]) {
  take_lock(l);
  end_search(l, s);
  l->acting--;
  if (l->helper == s) l->helper = NULL;
  for (int c = 0; c < TASK_CLASSES; c++)
    append(l, &l->injected[c], tasks[c]);
  end_step(l, call_for_injected(l));
}

void ambi_lot_start_failed(Lot *l) {
  take_lock(l);
  l->acting--;
  ambi_store_relaxed(&l->x_startable, 0);
  ambi_store_relaxed(&l->x_searching, false);
  end_step(l, call_for_injected(l));
}

bool ambi_lot_inject(Lot *l, Task *t, bool is_new) {
  take_lock(l);
  l->started += is_new;
  ambi_tasks_append(&l->injected[t->of_class], t);
  ADD(l->x_injected, 1);
  return end_step(l, call_one(l));
}

bool ambi_lot_offer(Lot *l) {
  take_lock(l);
  return end_step(l, call_one(l));
}

bool ambi_lot_take(Lot *l, Sleeper *s, RunQueue queues[TASK_CLASSES]) {
  enum { MOST = 64 };
  take_lock(l);
  for (int c = 0; c < TASK_CLASSES; c++) {
    TaskList *from = &l->injected[c];
    uint64_t share = (from->n + l->acting - 1) / l->acting;
    if (share > MOST) share = MOST;
    for (uint64_t i = 0; i < share; i++)
      ambi_run_queue_put(&queues[c], ambi_tasks_take(from));
    ADD(l->x_injected, -share);
  }
  end_search(l, s);
  return end_step(l, call_for_injected(l));
}

Task *ambi_lot_take_left(Lot *l) {
  take_lock(l);
  Task *t = NULL;
  for (int c = 0; c < TASK_CLASSES && !t; c++)
    t = ambi_tasks_take(&l->injected[c]);
  if (t) ADD(l->x_injected, -1ull);
  end_step(l, (Call){0});
  return t;
}

bool ambi_lot_found(Lot *l, Sleeper *s) {
  take_lock(l);
  end_search(l, s);
  return end_step(l, call_for_injected(l));
}

static bool is_quiet(const Lot *l) {
  uint32_t awake = l->helper && !l->helper->asleep;
  return ambi_load_relaxed(&l->x_sleeping) + awake == l->acting &&
         ambi_load_relaxed(&l->x_injected) == 0;
}

// The helper is the last one: can anything come?
static bool is_stuck(const Lot *l) {
  return is_quiet(l) && l->expected == 0 && !l->use.is_awaited(l->use.arg);
}

// What s is to do at once, if anything.
static bool has_to_look(Lot *l, Sleeper *s) {
  if (s == l->helper && ambi_load_relaxed(&l->x_nudged)) {
    ambi_store_relaxed(&l->x_nudged, false);
    return true;
  }
  return ambi_load_relaxed(&l->x_injected) > 0 ||
         ambi_load_relaxed(&l->x_closing);
}

// Is a search worth it? Others that are awake may have more than they can do.
static bool can_find(const Lot *l) {
  return ambi_load_relaxed(&l->x_sleeping) + 1 < l->acting || l->expected > 0;
}

static LotRest sleep_until_called(Lot *l, Sleeper *s) {
  s->asleep = true;
  s->next = l->sleepers;
  l->sleepers = s;
  ADD(l->x_sleeping, 1);
  // The helper reports it when nobody can go on.
  bool last = s != l->helper && is_quiet(l);
  end_step(l, last ? call_helper(l) : (Call){0});
  // A signal, or the bell: whoever rings it is not heard under the lock.
  (void)!sem_wait(&s->wake);
  take_lock(l);
  if (s->asleep) remove_sleeper(l, s);
  end_step(l, (Call){0});
  return LOT_LOOK;
}

LotRest ambi_lot_rest(Lot *l, Sleeper *s) {
  take_lock(l);
  LotRest rest = LOT_LOOK;
  if (has_to_look(l, s)) {
    rest = LOT_LOOK;
  } else if (!is_searched(l) && can_find(l)) {
    begin_search(l, s);
    rest = LOT_SEARCH;
  } else {
    end_search(l, s);
    if (s != l->helper || !is_stuck(l)) return sleep_until_called(l, s);
    rest = LOT_STUCK;
  }
  end_step(l, (Call){0});
  return rest;
}

bool ambi_lot_nudge(Lot *l) {
  take_lock(l);
  Call call = call_helper(l);
  if (!call.post) ambi_store_relaxed(&l->x_nudged, true);
  return end_step(l, call);
}

void ambi_lot_expect(Lot *l, bool more) {
  take_lock(l);
  l->expected += more ? 1 : -1;
  end_step(l, !more && l->expected == 0 ? call_helper(l) : (Call){0});
}

bool ambi_lot_is_quiet(Lot *l) {
  take_lock(l);
  bool quiet = is_quiet(l);
  end_step(l, (Call){0});
  return quiet;
}

uint64_t ambi_lot_started(Lot *l) {
  take_lock(l);
  uint64_t started = l->started;
  end_step(l, (Call){0});
  return started;
}

void ambi_lot_end(Lot *l) {
  take_lock(l);
  ambi_store_relaxed(&l->x_closing, true);
  ambi_store_relaxed(&l->x_startable, 0);
  while (l->sleepers) {
    Sleeper *s = l->sleepers;
    remove_sleeper(l, s);
    sem_post(&s->wake);
  }
  end_step(l, (Call){0});
}
