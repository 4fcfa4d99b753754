// Taking, compiling, publishing: the thread and the door the evaluator uses.
//
// The two protocol cards are in compiler.h. Fields of a Compiler are tagged with who
// touches them: [own] the evaluator, [compiler] whoever compiles.
#define _GNU_SOURCE  // pthread_setname_np, sched_getaffinity
#include "compiler_thread/compiler.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "compiler_thread/budget.h"
#include "compiler_thread/inline.h"
#include "compiler_thread/maker.h"
#include "compiler_thread/queue.h"
#include "memory/alloc.h"
#include "memory/check.h"
#include "memory/stress.h"
#include "runtime/bytecode/disasm.h"
#include "runtime/bytecode/sampler.h"
#include "runtime/config.h"
#include "runtime/guard.h"
#include "runtime/modules/module.h"
#include "runtime/watch.h"

enum {
  QUEUE_SIZE = 1024,
  BATCH = 64,  // units that the compiler picks the most urgent from
  STACK_BYTES = 512 << 10,  // no recursion over data; sanitizers need the most
  STEP = 64,                // units that wait add the threshold once more
  MODEST_NICE = 10,
  MODEST_PERCENT = 15,
  LEVEL_2 = 10,  // times the threshold
  FEW = 16       // thresholds below are for tests: looks are many
};

const JitConfig ambi_jit_defaults = {
    .mode = JIT_BACKGROUND, .level = 2, .threshold = 200, .memory = 64 << 20};

typedef struct Counts {  // [compiler], or [own]: the first row, asked
  AMB_ATOMIC(uint64_t) hot, full, counted_on, retired;
  AMB_ATOMIC(uint64_t) outdated;  // both
  AMB_ATOMIC(uint64_t) compiled, second, stale, late;
  AMB_ATOMIC(uint64_t) instructions, bytes, emit_ns;
  AMB_ATOMIC(uint64_t) cpu_ns, began_ns, ended_ns, pauses, paused_ns;
  AMB_ATOMIC(uint64_t) results[EMIT_RESULT_COUNT];
  AMB_ATOMIC(uint64_t) inlined[INLINE_RESULT_COUNT];
  Latency published;
  Latency asked;
} Counts;

struct Compiler {
  JitConfig config;               // [init]
  CodeState *code;                // [init]
  Maker maker;                    // opened for the first unit
  HotQueue *queue;                // [lock] ... before the thread is started
  AMB_ATOMIC(bool) x_threaded;    // [lock>all] the thread runs, or has run
  AMB_ATOMIC(bool) x_threadless;  // [lock>all] evaluators compile, by turns
  bool stopped;  // [init] nothing is compiled any more; set when one is left
  uint32_t percent;       // [init] of the wall, for the thread
  uint64_t changed_over;  // [own] NativeHost.changed_over, once stopped
  pthread_t thread;
  sem_t wake;                     // posted to whoever sleeps, and to stop
  AMB_ATOMIC(uint32_t) x_asleep;  // [all] the thread has found nothing to do
  AMB_ATOMIC(uint32_t) x_stop;    // [own>all]
  AMB_ATOMIC(uint32_t)
  x_waiting;                    // [all] units on their way, or being compiled
  AMB_ATOMIC(uint32_t) x_peak;  // [own>all] the most of them
  pthread_mutex_t lock;         // with `idle`, for ambi_compiler_wait alone
  pthread_cond_t idle;          // x_waiting became 0
  HotUnit batch[BATCH];         // [compiler] taken from the queue
  uint32_t nbatch;
  Counts counts;
  unsigned turns;                 // [compiler] for STRESS_REFUSE
  AMB_ATOMIC(uint32_t) x_pushes;  // [all~] likewise
  OpCount *passed;  // [all~] NULL, or NativeHost.one, .left, JitStats.ran
};

#define PASSED_BYTES ((2 + COUNTED_ROWS) * (size_t)OP_I_COUNT * sizeof(OpCount))

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}

// ---- compiling ----------------------------------------------------------------

static void outdate(Compiler *c, Native *n) {
  if (!n) return;
  n->outdated = true;
  ambi_add_relaxed(&c->counts.outdated, n->bytes);
}

// Calls of u go to the unit that was made of it.
static void publish_better(Compiler *c, Unit *u, Unit *better, Native *n) {
  outdate(c, ambi_load_relaxed(&u->native));
  ambi_code_settle(c->maker.memory);
  ambi_unit_number(c->code, better);
  ambi_store_release(&better->native, n);
  ambi_store_release(&better->enter, n->entry);
  ambi_store_release(&u->better, better);
  ambi_store_release(&u->enter, n->entry);
  ambi_store_release(&u->entry, (const Code *)(const void *)&n->landings[0]);
}

static void publish(Compiler *c, Unit *u, Native *n) {
  n->older = ambi_load_relaxed(&u->native);
  outdate(c, n->older);
  ambi_code_settle(c->maker.memory);
  ambi_store_release(&u->native, n);
  ambi_store_release(&u->enter, n->entry);
  ambi_store_release(&u->entry, (const Code *)(const void *)&n->landings[0]);
}

static void count_published(Counts *k, const EmitNote *note, unsigned level,
                            uint64_t waited) {
  ambi_add_relaxed(&k->compiled, 1);
  ambi_add_relaxed(&k->second, level > 1);
  ambi_add_relaxed(&k->instructions, note->instructions);
  ambi_add_relaxed(&k->bytes, note->bytes);
  ambi_latency_add(&k->published, waited);
}

static enum NativeState state_after(unsigned level, EmitResult result) {
  if (level > 1) return NATIVE_FINAL;
  return result == EMIT_OK ? NATIVE_READY : NATIVE_REFUSED;
}

static const char *name_shown(const HotUnit *item) {
  return item->name ? item->name : "ambit";
}

static void count_inlined(Counts *k, const InlineNote *note) {
  for (unsigned i = 0; i < INLINE_RESULT_COUNT; i++)
    ambi_add_relaxed(&k->inlined[i], note->calls[i]);
}

// With bodies inlined; EMIT_POINTLESS: there are none.
static EmitResult emit_better(Compiler *c, const HotUnit *item,
                              EmitNote *note) {
  InlineNote inlined = {{0}};
  SeenByte *seen = NULL;
  Native *native = NULL;
  Unit *better = ambi_inline(item->unit, item->plan, &seen, &inlined);
  count_inlined(&c->counts, &inlined);
  if (!better) return EMIT_POINTLESS;
  EmitResult result = ambi_emit_unit(c->maker.emitter, better, item->level,
                                     seen, &native, note);
  ambi_free(seen, better->ncode * sizeof *seen);
  if (result == EMIT_OK) {
    ambi_maker_tell(&c->maker, native, name_shown(item));
    publish_better(c, item->unit, better, native);
  } else {
    ambi_unit_free(better);
  }
  return result;
}

static EmitResult emit_unit(Compiler *c, const HotUnit *item, EmitNote *note) {
  Unit *u = item->unit;
  Native *native = NULL, *before = ambi_load_relaxed(&u->native);
  EmitResult result =
      ambi_emit_unit(c->maker.emitter, u, item->level,
                     before ? before->seen : NULL, &native, note);
  if (result == EMIT_OK) {
    ambi_maker_tell(&c->maker, native, name_shown(item));
    publish(c, u, native);
  }
  return result;
}

// Nothing of the unit is looked at once its state is stored.
static EmitResult emit(Compiler *c, const HotUnit *item, EmitNote *note) {
  EmitResult result = EMIT_ASSEMBLER;
  if (ambi_maker_state(&c->maker) != MAKER_OPEN) {
    result = EMIT_CLOSED;
  } else if (!ambi_stress(STRESS_REFUSE) || ++c->turns % 3 != 0) {
    result = item->plan ? emit_better(c, item, note) : EMIT_POINTLESS;
    if (result == EMIT_POINTLESS) result = emit_unit(c, item, note);
  }
  ambi_store_release(&item->unit->x_state, state_after(item->level, result));
  return result;
}

static void drop_item(const HotUnit *item) {
  ambi_text_free(item->name);
  ambi_plan_drop(item->plan);
}

static void tell(const Compiler *c, const HotUnit *item, const EmitNote *note,
                 EmitResult result, uint64_t began) {
  static const char *const names[EMIT_RESULT_COUNT] = {
#define X(name, text) text,
      EMIT_RESULTS(X)
#undef X
  };
  if (!ambi_watch(c->code->rt)) return;
  ambi_watch_compiled(c->code->rt, began,
                      &(WatchCompiled){.unit = item->name,
                                       .result = names[result],
                                       .level = item->level,
                                       .bytes = note->bytes});
}

static void compile(Compiler *c, const HotUnit *item) {
  uint32_t state = NATIVE_QUEUED;
  if (!ambi_compare_exchange(&item->unit->x_state, &state, NATIVE_COMPILING)) {
    AMB_CHECK(state == NATIVE_STALE);
    ambi_add_relaxed(&c->counts.stale, 1);
    ambi_store_release(&item->unit->x_state, NATIVE_REFUSED);
  } else {
    EmitNote note = {0};
    ambi_maker_ready(&c->maker, &c->code->native);
    uint64_t began = now_ns();
    EmitResult result = emit(c, item, &note);
    uint64_t ended = now_ns();
    ambi_add_relaxed(&c->counts.results[result], 1);
    ambi_add_relaxed(&c->counts.emit_ns, ended - began);
    if (result == EMIT_OK)
      count_published(&c->counts, &note, item->level, ended - item->hot_ns);
    tell(c, item, &note, result, began);
  }
  drop_item(item);
}

// ---- the thread ---------------------------------------------------------------

// Moves units from the queue to the batch. False: there are none.
static bool refill(Compiler *c) {
  while (c->nbatch < BATCH && ambi_queue_pop(c->queue, &c->batch[c->nbatch]))
    c->nbatch++;
  return c->nbatch > 0;
}

// The unit that counts the fastest.
static HotUnit take_most_urgent(Compiler *c) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < c->nbatch; i++)
    if (c->batch[i].rate > c->batch[best].rate) best = i;
  HotUnit item = c->batch[best];
  c->batch[best] = c->batch[--c->nbatch];
  return item;
}

static void done(Compiler *c) {
  if (ambi_add_release(&c->x_waiting, (uint32_t)-1) != 1) return;
  pthread_mutex_lock(&c->lock);
  pthread_cond_broadcast(&c->idle);
  pthread_mutex_unlock(&c->lock);
}

static bool stopping(const Compiler *c) {
  return ambi_load_acquire(&c->x_stop) != 0;
}

static void drop_rest(Compiler *c) {
  while (refill(c)) {
    HotUnit item = take_most_urgent(c);
    ambi_add_relaxed(&c->counts.late, 1);
    ambi_store_release(&item.unit->x_state,
                       state_after(item.level, EMIT_NO_MEMORY));
    drop_item(&item);
    done(c);
  }
}

// With one processor for both, the evaluator goes first.
static uint32_t usual_percent(void) {
  cpu_set_t cpus;
  bool one =
      sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1;
  return one ? MODEST_PERCENT : 100;
}

// Until then, or until there is no more work to be done. The clock that
// sem_timedwait takes may be set by somebody: it is asked for a moment at a time.
static void stand_back(Compiler *c, uint64_t ns) {
  enum { MOMENT = 20000000 };
  uint64_t from = now_ns(), now = from;
  while (now < from + ns && !stopping(c)) {
    uint64_t left = from + ns - now;
    uint64_t until = clock_ns(CLOCK_REALTIME) + (left < MOMENT ? left : MOMENT);
    struct timespec t = {(time_t)(until / 1000000000u),
                         (long)(until % 1000000000u)};
    sem_timedwait(&c->wake, &t);
    now = now_ns();
  }
  ambi_add_relaxed(&c->counts.pauses, 1);
  ambi_add_relaxed(&c->counts.paused_ns, now - from);
}

// What the thread has taken since the last time; pauses if that was too much.
static void account(Compiler *c, Budget *b) {
  uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  uint64_t spent = cpu - ambi_load_relaxed(&c->counts.cpu_ns);
  ambi_store_release(&c->counts.cpu_ns, cpu);
  uint64_t pause = ambi_budget_spend(b, now_ns(), spent);
  AMB_WALK(ambi_budget_is_valid(b, now_ns(), &why));
  if (pause) stand_back(c, pause);
}

// A push comes before its look at x_asleep, and here a look at the queue comes after
// it is set. The two exchanges have an order: either the push is seen here, or the
// flag there (tests/unit/jit/wake_model_test.c).
static void sleep_until_asked(Compiler *c) {
  for (;;) {
    ambi_exchange(&c->x_asleep, 1);
    if (stopping(c) || refill(c)) break;
    sem_wait(&c->wake);  // may end without a post, by a debugger's signal
  }
  ambi_exchange(&c->x_asleep, 0);
}

// On a busy machine, waking the thread must not put it in the evaluator's place in the
// middle of asking: batch jobs wait for their turn.
static void be_modest(const Compiler *c) {
  struct sched_param none = {0};
  sched_setscheduler(0, SCHED_BATCH, &none);
  if (c->percent < 100) setpriority(PRIO_PROCESS, 0, MODEST_NICE);
}

static void *work(void *arg) {
  Compiler *c = arg;
  Budget budget;
  Timeline *timeline = ambi_watch_timeline(c->code->rt);
  if (timeline) ambi_timeline_name(timeline, "compiler", UINT16_MAX);
  ambi_store_release(&c->counts.began_ns, now_ns());
  ambi_budget_open(&budget, c->percent, now_ns());
  be_modest(c);
  while (!stopping(c)) {
    sleep_until_asked(c);
    while (!stopping(c) && refill(c)) {
      HotUnit item = take_most_urgent(c);
      compile(c, &item);
      done(c);
      account(c, &budget);
    }
  }
  drop_rest(c);
  ambi_store_release(&c->counts.ended_ns, now_ns());
  return NULL;
}

// At the first unit that gets hot: most programs end before that. Signals are for the
// threads of the program around us.
static bool start_thread(Compiler *c) {
  sigset_t all, before;
  pthread_attr_t attributes;
  if (!ambi_alloc_permitted() || pthread_attr_init(&attributes) != 0)
    return false;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool threaded = pthread_create(&c->thread, &attributes, work, c) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (threaded) pthread_setname_np(c->thread, "ambit-compiler");
  ambi_store_release(&c->x_threaded, threaded);
  return threaded;
}

static bool has_begun(const Compiler *c) {
  return ambi_load_acquire(&c->x_threaded) ||
         ambi_load_acquire(&c->x_threadless);
}

static void begin(Compiler *c) {
  ambi_guard(c->code->rt);
  bool first = !has_begun(c);
  if (first) c->queue = ambi_queue_open(QUEUE_SIZE);
  if (first && (!c->queue || !start_thread(c)))
    ambi_store_release(&c->x_threadless, true);
  ambi_unguard(c->code->rt);
}

// There is one emitter.
static void compile_here(Compiler *c, const HotUnit *item) {
  ambi_guard(c->code->rt);
  compile(c, item);
  ambi_unguard(c->code->rt);
}

// ---- the evaluator's side -----------------------------------------------------

static void send(Compiler *c, const HotUnit *item) {
  uint32_t waiting = ambi_add_relaxed(&c->x_waiting, 1) + 1;
  if (waiting > ambi_load_relaxed(&c->x_peak))
    ambi_store_release(&c->x_peak, waiting);
  bool full =
      ambi_stress(STRESS_REFUSE) && ambi_add_relaxed(&c->x_pushes, 1) % 3 == 2;
  if (!full && ambi_queue_push(c->queue, *item)) {
    if (ambi_exchange(&c->x_asleep, 0)) sem_post(&c->wake);
    return;
  }
  ambi_add_relaxed(&c->counts.full, 1);
  ambi_unit_cool(c->code, item->unit, item->level);
  drop_item(item);
  done(c);
}

// What profilers show: fib/1; NULL: memory is out. The compiler cannot ask, because
// symbols are the evaluator's.
static char *name_of(const Compiler *c, const Unit *u) {
  Buffer b = {0};
  bool named = u->variant && u->variant->def;
  if (named)
    ambi_disasm_variant(c->code->rt, &b, u->variant);
  else
    ambi_buffer_puts(&b, u->form ? "form" : "loop");
  for (size_t i = 0; i < b.len; i++)
    if ((unsigned char)b.text[i] < ' ') b.text[i] = '?';
  char *name = b.failed ? NULL : ambi_text_copy(b.text, b.len);
  ambi_buffer_drop(&b);
  return name;
}

// How much a unit has to count, with so many before it.
static uint32_t needed(const Compiler *c) {
  uint64_t waiting = ambi_load_relaxed(&c->x_waiting);
  uint64_t n = c->config.threshold * (1 + waiting / STEP);
  return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static HotUnit describe(const Compiler *c, Unit *u, unsigned level,
                        uint64_t now) {
  bool inlines = level > 1 && !c->code->sampler;  // a call is to be seen as one
  double warmed = ambi_monotonic_seconds() - ambi_load_relaxed(&u->warm_since);
  bool named = c->config.profile || c->config.debugger ||
               ambi_watch(c->code->rt) != NULL;
  return (HotUnit){.unit = u,
                   .hot_ns = now,
                   .rate = ambi_load_relaxed(&u->aim) /
                           (warmed > 1e-9 ? warmed : 1e-9),
                   .name = named ? name_of(c, u) : NULL,
                   .level = level,
                   .plan = inlines ? ambi_plan_make(c->code, u) : NULL};
}

static void ask(Compiler *c, Unit *u, unsigned level, uint64_t now) {
  ambi_add_relaxed(&c->counts.hot, 1);
  if (c->stopped) {
    ambi_add_relaxed(&c->counts.late, 1);
    ambi_store_release(&u->x_state, state_after(level, EMIT_NO_MEMORY));
    return;
  }
  HotUnit item = describe(c, u, level, now);
  if (!has_begun(c)) begin(c);
  if (ambi_load_relaxed(&c->x_threadless))
    compile_here(c, &item);
  else
    send(c, &item);
}

// With level 2 nobody waits for others.
static void hot(void *arg, Unit *u) {
  Compiler *c = arg;
  uint64_t now = now_ns();
  uint32_t state = ambi_load_acquire(&u->x_state), enough = needed(c);
  if (state != NATIVE_COLD && (state != NATIVE_READY || c->config.level < 2))
    return;
  if (!ambi_unit_claim(u, state)) return;
  if (state == NATIVE_COLD && ambi_load_relaxed(&u->aim) < enough) {
    ambi_unit_count_on(u, enough);
    ambi_add_relaxed(&c->counts.counted_on, 1);
    return;
  }
  bool first = state == NATIVE_COLD && !ambi_stress(STRESS_EARLY);
  ask(c, u, first ? 1 : 2, now);
  ambi_latency_add(&c->counts.asked, now_ns() - now);
}

static void freed(void *arg, Native *native) {
  Compiler *c = arg;
  ambi_add_relaxed(&c->counts.retired, 1);
  for (const Native *n = native; n; n = n->older) {
    ambi_gdb_remove(n->debugger);
    if (n->outdated) ambi_add_relaxed(&c->counts.outdated, -(uint64_t)n->bytes);
  }
  ambi_native_free(c->maker.memory, native);
}

// ---- life ---------------------------------------------------------------------

// So many calls of a unit are seen at least, on the average, while it is called
// LEVEL_2 times as often as level 1 asks for.
static void look_for_level_2(NativeHost *host) {
  uint64_t events = (uint64_t)LEVEL_2 * host->threshold;
  host->look_every = host->threshold < FEW ? 4 : AMB_POLL_STEPS;
  host->looks = (uint32_t)((events + host->look_every - 1) / host->look_every);
}

// What the evaluator is to count in.
static bool prepare(Compiler *c) {
  c->maker = (Maker){.cap = c->config.memory,
                     .profiles = c->config.profile,
                     .debugs = c->config.debugger};
  if (!c->config.counts && !c->config.counts_all) return true;
  c->passed = ambi_alloc(PASSED_BYTES);
  if (c->passed && c->config.counts_all)
    c->maker.ran = c->passed + 2 * OP_I_COUNT;
  return c->passed != NULL;
}

// Where it costs nobody anything, or has to be known.
static bool opens_at_once(const Compiler *c) {
  return c->config.at_once || c->config.mode == JIT_SYNC || c->config.profile ||
         c->config.debugger || c->code->sampler;
}

static bool open_now(Compiler *c, const char **why) {
  if (ambi_maker_ready(&c->maker, &c->code->native)) return true;
  *why = c->maker.why;
  return false;
}

static void tell_profile(const Compiler *c) {
  const void *low, *high;
  ambi_code_range(c->maker.memory, &low, &high);
  ambi_sampler_code(c->code->sampler, low, high);
}

// Units that exist already, with code that calls no other unit, learn what the
// entry of bytecode is.
static void install(Compiler *c) {
  CodeState *cs = c->code;
  NativeHost host = cs->native;  // what the maker has put there
  host.call_bytecode = ambi_emit_call_bytecode();
  if (cs->sampler) tell_profile(c);
  host.arg = c;
  host.hot = hot;
  host.freed = freed;
  host.threshold = c->config.threshold;
  if (c->config.level > 1) look_for_level_2(&host);
  host.one = c->passed;
  host.left = c->passed ? c->passed + OP_I_COUNT : NULL;
  cs->native = host;
  ambi_unit_ready(cs, cs->lower_unit);
  for (Unit *u = cs->units; u; u = u->next)
    ambi_unit_ready(cs, u);
}

bool ambi_compiler_open(Runtime *rt, const JitConfig *config,
                        const char **why) {
  if (config->mode == JIT_OFF) return true;
  *why = "there is no bytecode in tier 0";
  if (!rt->code) return false;
  *why = "out of memory";
  Compiler *c = ambi_alloc(sizeof *c);
  if (!c) return false;
  c->config = *config;
  c->code = rt->code;
  ambi_store_release(&c->x_threadless, config->mode == JIT_SYNC);
  if (c->config.threshold == 0) c->config.threshold = 1;
  c->percent = config->percent ? config->percent : usual_percent();
  sem_init(&c->wake, 0, 0);
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->idle, NULL);
  if (!prepare(c) || (opens_at_once(c) && !open_now(c, why))) {
    ambi_compiler_close(c);
    return false;
  }
  install(c);
  return true;
}

void ambi_compiler_stop(Runtime *rt) {
  Compiler *c = ambi_compiler_of(rt);
  if (!c || c->stopped) return;
  c->stopped = true;
  c->changed_over = ambi_load_relaxed(&c->code->native.changed_over);
  if (!ambi_load_acquire(&c->x_threaded)) return;
  ambi_store_release(&c->x_stop, 1);
  sem_post(&c->wake);
  pthread_join(c->thread, NULL);
}

void ambi_compiler_close(Compiler *c) {
  if (!c) return;
  AMB_CHECK(!ambi_load_relaxed(&c->x_threaded) || c->stopped);
  AMB_WALK(ambi_latency_is_valid(&c->counts.published, &why));
  AMB_WALK(ambi_latency_is_valid(&c->counts.asked, &why));
  ambi_maker_close(&c->maker);
  ambi_queue_close(c->queue);
  ambi_free(c->passed, PASSED_BYTES);
  pthread_cond_destroy(&c->idle);
  pthread_mutex_destroy(&c->lock);
  sem_destroy(&c->wake);
  ambi_free(c, sizeof *c);
}

Compiler *ambi_compiler_of(const Runtime *rt) {
  return rt->code && rt->code->native.hot == hot ? rt->code->native.arg : NULL;
}

// ---- looking at it ------------------------------------------------------------

void ambi_compiler_wait(Compiler *c) {
  pthread_mutex_lock(&c->lock);
  while (ambi_load_acquire(&c->x_waiting) != 0)
    pthread_cond_wait(&c->idle, &c->lock);
  pthread_mutex_unlock(&c->lock);
}

uint64_t ambi_compiler_retiring(const Compiler *c) {
  uint64_t bytes = 0;
  for (const Unit *u = c->code->retired; u; u = u->next) {
    const Native *n = ambi_load_acquire(&u->native);
    for (; n; n = n->older)
      bytes += n->bytes;
  }
  return bytes;
}

static uint64_t wall(const Counts *k) {
  uint64_t began = ambi_load_relaxed(&k->began_ns);
  uint64_t ended = ambi_load_relaxed(&k->ended_ns);
  return !began ? 0 : (ended ? ended : now_ns()) - began;
}

void ambi_compiler_stats(const Compiler *c, JitStats *out) {
  const Counts *k = &c->counts;
  bool refused = ambi_maker_state(&c->maker) == MAKER_REFUSED;
  *out = (JitStats){
      .refused = refused ? c->maker.why : NULL,
      .threadless = ambi_load_relaxed(&c->x_threadless),
      .hot = ambi_load_relaxed(&k->hot),
      .compiled = ambi_load_relaxed(&k->compiled),
      .second = ambi_load_relaxed(&k->second),
      .stale = ambi_load_relaxed(&k->stale),
      .late = ambi_load_relaxed(&k->late),
      .queue_full = ambi_load_relaxed(&k->full),
      .instructions = ambi_load_relaxed(&k->instructions),
      .bytes = ambi_load_relaxed(&k->bytes),
      .changed_over = c->stopped
                          ? c->changed_over
                          : ambi_load_relaxed(&c->code->native.changed_over),
      .outdated = ambi_load_relaxed(&k->outdated),
      .emit_ns = ambi_load_relaxed(&k->emit_ns),
      .counted_on = ambi_load_relaxed(&k->counted_on),
      .retired = ambi_load_relaxed(&k->retired),
      .published = ambi_latency_view(&k->published),
      .asked = ambi_latency_view(&k->asked),
      .cpu_ns = ambi_load_relaxed(&k->cpu_ns),
      .wall_ns = wall(k),
      .percent = c->percent,
      .pauses = ambi_load_relaxed(&k->pauses),
      .paused_ns = ambi_load_relaxed(&k->paused_ns),
      .queue_depth = ambi_load_relaxed(&c->x_waiting),
      .queue_peak = ambi_load_relaxed(&c->x_peak),
      .memory = ambi_maker_use(&c->maker),
      .one = c->passed,
      .left = c->passed ? c->passed + OP_I_COUNT : NULL,
      .ran = c->config.counts_all ? c->passed + 2 * OP_I_COUNT : NULL};
  for (unsigned i = 0; i < EMIT_RESULT_COUNT; i++)
    out->results[i] = ambi_load_relaxed(&k->results[i]);
  for (unsigned i = 0; i < INLINE_RESULT_COUNT; i++)
    out->inlined[i] = ambi_load_relaxed(&k->inlined[i]);
}
