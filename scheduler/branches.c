// Branches that run beside one another: tasks, each with a form in a Context of its own.
//
// Who began them waits for results and takes them; each branch goes its own way until it
// has ended, and leaves its results outside of any heap. What the two of them share is
// under the lock of the Branches.
//
// Branches that take turns rest behind each result until it was taken; the results are
// the parent's meanwhile.
#include "scheduler/crew_data.h"

#include "memory/alloc.h"
#include "runtime/atoms/best.h"
#include "runtime/eval.h"
#include "runtime/spaces/journal.h"
#include "runtime/spaces/share.h"
#include "runtime/tables/table.h"
#include "runtime/types/types.h"
#include "runtime/watch.h"

typedef struct Branches Branches;

typedef struct Branch {
  Task task;  // first
  Branches *of;
  Context *cx;           // [lock] set and cleared by its evaluator
  bool opened;           // [evaluator]
  Carried form;          // [init]
  ValueVec found;        // [evaluator]
  Carried results;       // its evaluator's until done, then the parent's
  uint64_t random;       // its stream
  uint64_t steps;        // that it took
  enum AmbStop stop;     // [lock] why it ended
  struct Delta *deltas;  // that its results name; likewise
  enum Found { FOUND_NONE, FOUND_ERROR, FOUND_RESULT } what;  // [lock]
  uint32_t place;  // [lock] among those that are done, from 1 on
  bool done;       // [lock]
  bool rests;  // [lock] a result is there to be taken, of those that take turns
  bool gave;   // [evaluator] a value, before
  bool taken;  // [own] of the parent: all it had
  size_t ntaken;  // [own] likewise, Errors that it had instead of a value
} Branch;

struct Branches {
  Branches *next;   // [own] of its form
  uint64_t number;  // [init]
  CrewMates *crew;  // [init]
  Space *space;     // [init] the parent's, and its module and limits
  Module *module;   // [init]
  Limits limits;    // [init]
  Task *waiter;     // [init] the parent's task; NULL: the owner's thread
  struct Best
      *best;   // [init] what `bound` looks at in all of them; held. Not where
               // they take turns: what is left out decides whose turn it is
  bool turns;  // [init] they take turns
  pthread_mutex_t lock;
  bool dropped;    // [lock] the parent is gone
  bool news;       // [lock] since the parent looked
  uint32_t n;      // [init]
  uint32_t ndone;  // [lock]
  Branch at[];
};

// ---- life of the whole ----------------------------------------------------------

static size_t bytes_of(uint32_t n) {
  return sizeof(Branches) + n * sizeof(Branch);
}

static void free_all(Branches *g) {
  for (uint32_t i = 0; i < g->n; i++) {
    ambi_carried_drop(&g->at[i].form);
    ambi_carried_drop(&g->at[i].results);
    ambi_vec_drop(&g->at[i].found);
    ambi_deltas_free(&g->at[i].deltas, 0);
  }
  ambi_best_give_up(g->best);
  pthread_mutex_destroy(&g->lock);
  ambi_free(g, bytes_of(g->n));
}

// [lock] The others are to end at their next look.
static void cancel(Branches *g) {
  for (uint32_t i = 0; i < g->n; i++) {
    if (g->at[i].done || !g->at[i].cx) continue;
    ambi_store_release(&g->at[i].cx->x_cancel, 1);
    ambi_task_wake(&g->at[i].task, ambi_crew_acting());
  }
}

// ---- one branch -----------------------------------------------------------------

static bool may_begin(Branch *b, Context *cx) {
  Branches *g = b->of;
  pthread_mutex_lock(&g->lock);
  bool wanted = !g->dropped;
  if (wanted) b->cx = cx;
  pthread_mutex_unlock(&g->lock);
  return wanted;
}

static enum AmbStop open_form(Branch *b) {
  Branches *g = b->of;
  Context *cx = ambi_crew_take(g->crew, g->space, g->module, &g->limits);
  if (!cx) return STOP_MEMORY;
  if (!may_begin(b, cx)) {
    ambi_crew_give(g->crew, cx);
    return STOP_CANCEL;
  }
  cx->crew_data = &b->task;
  cx->random = &b->random;
  cx->limits.answers = g->turns;
  if (g->best) ambi_best_enter(cx, g->best);
  ValueVec form = {0};
  ambi_party_enter(cx);
  if (ambi_engine_of(cx) && ambi_carry_in(cx, &b->form, &form))
    ambi_form_open(cx, ambi_deref(form.at[0]));
  else if (!cx->stop)
    cx->stop = STOP_MEMORY;
  ambi_vec_drop(&form);
  ambi_carried_drop(&b->form);
  b->opened = true;
  return cx->stop;
}

static void close_form(Branch *b, enum AmbStop *stop) {
  Context *cx = b->cx;
  if (!cx) return;
  b->steps = cx->limits.steps_used - b->of->limits.steps_used;
  if (b->gave) b->found.n = 0;  // only Errors come without a value
  if ((*stop == STOP_NONE || *stop == STOP_ANSWERS) &&
      !ambi_carry_out(cx, &b->results, b->found.at, b->found.n))
    *stop = cx->stop;
  if (*stop == STOP_NONE || *stop == STOP_ANSWERS)
    ambi_deltas_move(&cx->deltas, &b->deltas);
  ambi_form_close(cx);
  ambi_party_leave(cx);
}

static enum Found what_came(const Branch *b) {
  if (b->found.n == 0) return FOUND_NONE;
  return ambi_is_error_atom(ambi_deref(b->found.at[0])) ? FOUND_ERROR
                                                        : FOUND_RESULT;
}

// The last that is done for a branch; the parent may free everything behind it.
static void finish(Branch *b, enum AmbStop stop, Evaluator *self) {
  Branches *g = b->of;
  CrewMates *crew = g->crew;
  enum Found what = b->cx ? what_came(b) : FOUND_NONE;
  close_form(b, &stop);
  Context *cx = b->cx;
  pthread_mutex_lock(&g->lock);
  b->cx = NULL;
  b->stop = stop == STOP_ANSWERS ? STOP_NONE : stop;
  b->done = g->news = true;
  b->what = what;
  b->place = ++g->ndone;
  bool last = g->ndone == g->n && g->dropped;
  if (!g->dropped && g->waiter) ambi_task_wake(g->waiter, self);
  pthread_mutex_unlock(&g->lock);
  if (last) free_all(g);
  ambi_crew_give(crew, cx);
  ambi_add_release(&crew->x_open, (uint32_t)-1);
  ambi_pool_nudge(crew->pool);
}

// Is it this one's turn to go on? False: its last result was not taken yet.
static bool may_go_on(Branch *b) {
  Branches *g = b->of;
  pthread_mutex_lock(&g->lock);
  bool goes = !b->rests || g->dropped;
  pthread_mutex_unlock(&g->lock);
  return goes;
}

// A result was found: it is the parent's until it was taken. False: it ends here.
static bool show(Branch *b, Evaluator *self, enum AmbStop *stop) {
  Branches *g = b->of;
  bool carried = ambi_carry_out(b->cx, &b->results, b->found.at, b->found.n);
  pthread_mutex_lock(&g->lock);
  bool ok = carried && !g->dropped;
  b->rests = ok;
  b->gave = g->news = true;
  if (ok && g->waiter) ambi_task_wake(g->waiter, self);
  pthread_mutex_unlock(&g->lock);
  if (!ok) *stop = carried ? STOP_CANCEL : STOP_MEMORY;
  if (ok) ambi_pool_nudge(g->crew->pool);
  return ok;
}

static TaskNext slice(Task *t, Evaluator *self) {
  Branch *b = (Branch *)t;
  if (!may_go_on(b)) return TASK_WAIT;
  ambi_crew_act(self);
  ambi_watch_slice(b->of->crew->rt, "branch", (uint64_t)(b - b->of->at));
  enum AmbStop stop = b->opened ? STOP_NONE : open_form(b);
  if (!stop) stop = ambi_crew_run(b->cx, &b->found, self);
  TaskNext next = ambi_crew_next(stop);
  if (stop == STOP_ANSWERS && b->of->turns && show(b, self, &stop))
    next = TASK_WAIT;
  if (next == TASK_DONE) finish(b, stop, self);
  ambi_crew_act(NULL);
  return next;
}

// ---- the parent -----------------------------------------------------------------

static Branches *make(Context *cx, Value list, bool turns) {
  CrewMates *crew = ambi_crew_of(cx->rt);
  uint32_t n = ambi_expr_size(list);
  Branches *g = ambi_alloc(bytes_of(n));
  if (!g) return NULL;
  pthread_mutex_init(&g->lock, NULL);
  g->n = n;
  g->crew = crew;
  g->waiter = cx->crew_data;
  g->space = cx->space;
  g->module = cx->module;
  g->limits = cx->limits;
  g->turns = turns;
  g->best = cx->best && !turns ? ambi_best_share(cx->best) : NULL;
  uint64_t seed = (*cx->random)++;
  for (uint32_t i = 0; i < n; i++) {
    Value form = ambi_deref(ambi_expr_at(list, i));
    Branch *b = &g->at[i];
    b->of = g;
    b->random = ambi_crew_stream(seed, i);
    ambi_task_init(&b->task, crew->pool, TASK_BATCH, slice);
    if (ambi_carry_out(cx, &b->form, &form, 1)) continue;
    free_all(g);
    return NULL;
  }
  return g;
}

static uint64_t begin(Context *cx, Value list, bool turns) {
  // Not for a script that a task runs, nor where tables are shared. Who has a lock has it
  // in all branches.
  if (cx->plain || cx->held || cx->journal || ambi_tables_in_use(cx->rt) ||
      (ambi_crew_acting() && !cx->crew_data))
    return 0;
  CrewMates *crew = ambi_crew_of(cx->rt);
  Branches *g = ambi_crew_share(cx) ? make(cx, list, turns) : NULL;
  if (!g) {
    if (!cx->stop) cx->stop = STOP_MEMORY;
    return 0;
  }
  Branches *newest = cx->branches;
  g->number = newest ? newest->number + 1 : 1;
  g->next = newest;
  cx->branches = g;
  cx->sliced = true;
  ambi_add_release(&crew->x_open, g->n);
  for (uint32_t i = 0; i < g->n; i++)
    ambi_task_start(&g->at[i].task, ambi_crew_acting());
  return g->number;
}

uint64_t ambi_branches_begin(Context *cx, Value list) {
  return begin(cx, list, false);
}

uint64_t ambi_branches_begin_turns(Context *cx, Value list) {
  return begin(cx, list, true);
}

static Branches *find(const Context *cx, uint64_t number) {
  Branches *g = cx->branches;
  while (g && g->number != number)
    g = g->next;
  return g;
}

static enum BuiltinStatus stopped(Context *cx, enum AmbStop why) {
  if (!cx->stop) cx->stop = why;
  return B_STOP;
}

static enum BuiltinStatus wait_for_news(Context *cx) {
  bool unwanted = ambi_load_relaxed(&cx->x_cancel);
  return stopped(cx, unwanted ? STOP_CANCEL : STOP_WAIT);
}

// Results leave the branch and are pushed.
static enum BuiltinStatus take(Context *cx, Branch *b) {
  if (!ambi_carry_in(cx, &b->results, &cx->many)) return B_STOP;
  for (size_t i = 0; i < cx->many.n; i++)  // they are what evaluation gave
    cx->many.at[i] = ambi_mark_eval(ambi_deref(cx->many.at[i]));
  ambi_carried_drop(&b->results);
  b->results = (Carried){0};
  ambi_deltas_move(&b->deltas, &cx->deltas);
  return B_MANY;
}

// All that a branch has; of one that takes turns the next Error, if it had no value.
static enum BuiltinStatus take_all(Context *cx, Branch *b) {
  size_t n = b->results.values.n;
  if (b->taken) return B_EMPTY;
  if (b->ntaken == 0) cx->limits.steps_used += b->steps;
  if (b->stop) return stopped(cx, b->stop);
  b->taken = !b->of->turns || b->ntaken + 1 >= n;
  if (!b->of->turns) return take(cx, b);
  if (n == 0) return B_EMPTY;
  if (!ambi_carry_in(cx, &b->results, &cx->many)) return B_STOP;
  cx->many.at[0] = ambi_mark_eval(ambi_deref(cx->many.at[b->ntaken++]));
  cx->many.n = 1;
  return B_MANY;
}

// The next result; the branch may go on.
static enum BuiltinStatus take_turn(Context *cx, Branch *b) {
  enum BuiltinStatus status = take(cx, b);
  pthread_mutex_lock(&b->of->lock);
  b->rests = false;
  pthread_mutex_unlock(&b->of->lock);
  ambi_task_wake(&b->task, ambi_crew_acting());
  return status;
}

// [lock] Where the order is free: one that is done and was not taken.
static uint32_t arrived(const Branches *g, uint32_t i) {
  for (uint32_t k = 0; k < g->n; k++)
    if (g->at[k].done && !g->at[k].taken) return k;
  while (i && g->at[i].taken)
    i--;
  return i;
}

enum BuiltinStatus ambi_branches_next(Context *cx, uint64_t branches,
                                      uint32_t i) {
  Branches *g = find(cx, branches);
  if (!g || i >= g->n) return B_EMPTY;
  pthread_mutex_lock(&g->lock);
  bool any = cx->rt->free_order && !g->turns;
  Branch *b = &g->at[any ? arrived(g, i) : i];
  bool done = b->done && !(any && b->taken), rests = b->rests;
  g->news = false;
  pthread_mutex_unlock(&g->lock);
  if (rests) return take_turn(cx, b);
  return done ? take_all(cx, b) : wait_for_news(cx);
}

static bool is_better(const Branch *a, const Branch *b) {
  if (!a->done || a->stop || a->what == FOUND_NONE) return false;
  if (!b || a->what != b->what) return !b || a->what > b->what;
  return a->what == FOUND_RESULT && a->place < b->place;
}

enum BuiltinStatus ambi_branches_first(Context *cx, uint64_t branches) {
  Branches *g = find(cx, branches);
  if (!g) return B_EMPTY;
  Branch *best = NULL, *stop = NULL;
  pthread_mutex_lock(&g->lock);
  for (uint32_t i = 0; i < g->n; i++) {
    if (is_better(&g->at[i], best)) best = &g->at[i];
    if (g->at[i].done && g->at[i].stop && !stop) stop = &g->at[i];
  }
  bool all = g->ndone == g->n;
  g->news = false;
  pthread_mutex_unlock(&g->lock);
  if (best && (all || best->what == FOUND_RESULT)) return take_all(cx, best);
  if (stop) return take_all(cx, stop);
  return all ? B_EMPTY : wait_for_news(cx);
}

static void leave(Branches *g) {
  pthread_mutex_lock(&g->lock);
  g->dropped = true;
  cancel(g);
  bool last = g->ndone == g->n;
  pthread_mutex_unlock(&g->lock);
  if (last) free_all(g);
}

void ambi_branches_drop(Context *cx, uint64_t branches) {
  for (Branches *g = cx->branches, *before = NULL; g; before = g, g = g->next) {
    if (g->number != branches) continue;
    if (before)
      before->next = g->next;
    else
      cx->branches = g->next;
    leave(g);
    return;
  }
}

void ambi_branches_end(Context *cx) {
  while (cx->branches) {
    Branches *g = cx->branches;
    cx->branches = g->next;
    leave(g);
  }
}

bool ambi_branches_news(const Context *cx) {
  bool news = false;
  for (Branches *g = cx->branches; g && !news; g = g->next) {
    pthread_mutex_lock(&g->lock);
    news = g->news;
    pthread_mutex_unlock(&g->lock);
  }
  return news;
}
