// Tasks, queues, parking and timers in many schedules, each from a seed.
//
//   AMBIT_LONG=1 build/unit/schedules_test      10000 seeds for each case
//   build/unit/schedules_test SEED              that one alone
#include "memory/alloc.h"
#include "scheduler/pool.h"
#include "scheduler/run_queue.h"
#include "tests/unit/unit.h"

enum { SEEDS = 300, LONG_SEEDS = 10000 };
static uint64_t first_seed, last_seed, this_seed;

static void run_seeds(void (*run)(void)) {
  for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
    size_t before = ambi_alloc_bytes();
    this_seed = seed;
    schedule_begin(seed);
    run();
    schedule_end();
    ck_assert_msg(ambi_alloc_bytes() == before, "seed %lu: a leak",
                  (unsigned long)seed);
  }
}

static unsigned pick(unsigned least, unsigned most) {
  return least + (unsigned)(schedule_random() % (most - least + 1));
}

// ---- the run queue ------------------------------------------------------------------
// An owner and two thieves. Each task is taken once; the owner's come in order.
enum { THIEVES = 2, TASKS = 30 };
static struct {
  RunQueue queues[THIEVES + 1];
  Task tasks[TASKS];
  unsigned taken[TASKS], ntaken;
} robbed;

static unsigned note_taken(const Task *t) {
  unsigned number = (unsigned)(t - robbed.tasks);
  robbed.taken[number]++;
  robbed.ntaken++;
  return number;
}

static void *rob(void *arg) {
  RunQueue *mine = arg;
  while (robbed.ntaken < TASKS) {
    Task *t;
    RunQueue *victim = &robbed.queues[pick(0, THIEVES)];
    if (victim != mine) ambi_run_queue_steal(victim, mine, pick(1, 2));
    schedule_point();
    while (pick(0, 3) > 0 && (t = ambi_run_queue_take(mine)))
      note_taken(t);
    while ((t = ambi_run_queue_take(mine)))
      note_taken(t);
  }
  return NULL;
}

static void rob_an_owner(void) {
  pthread_t threads[THIEVES];
  memset(&robbed, 0, sizeof robbed);
  for (unsigned i = 0; i < THIEVES; i++)
    pthread_create(&threads[i], NULL, rob, &robbed.queues[i + 1]);
  unsigned put = 0, after = 0;
  while (robbed.ntaken < TASKS) {
    for (unsigned i = pick(0, 9); i > 0 && put < TASKS; i--)
      ambi_run_queue_put(&robbed.queues[0], &robbed.tasks[put++]);
    for (unsigned i = pick(0, 5); i > 0; i--) {
      Task *t = ambi_run_queue_take(&robbed.queues[0]);
      unsigned number = t ? note_taken(t) : after;
      ck_assert_uint_ge(number, after);
      after = number;
    }
    schedule_point();
  }
  for (unsigned i = 0; i < THIEVES; i++)
    pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < TASKS; i++)
    ck_assert_uint_eq(robbed.taken[i], 1);
}

START_TEST(test_run_queue) {
  run_seeds(rob_an_owner);
}
END_TEST

// ---- the pool -------------------------------------------------------------------------
// Players that hand tokens round until one has gone so far, woken by one another, by
// threads outside and by timers. Nothing may be lost: at the end all rest, all tokens
// have come to their end, and only then the helper is told that it is stuck.
enum { PLAYERS = 5, OUTSIDE = 2 };
typedef struct Player {
  Task task;
  Timer timer;
  unsigned running;  // by how many evaluators
  AMB_ATOMIC(unsigned) x_tokens;
} Player;

static struct {
  Pool *pool;
  Player players[PLAYERS];
  unsigned given, ended;  // tokens
  unsigned steps;         // how many a token still makes, all together
  sem_t ends;             // posted for each that ended
} game;

static void give_token(Player *p, Evaluator *self) {
  ambi_add_release(&p->x_tokens, 1);
  ambi_task_wake(&p->task, self);
}

static void wake_player(Timer *t) {
  give_token((Player *)((char *)t - offsetof(Player, timer)), NULL);
}

static void hand_on(Player *p, Evaluator *self) {
  Player *next = &game.players[pick(0, PLAYERS - 1)];
  if (game.steps == 0) {
    game.ended++;
    sem_post(&game.ends);
    return;
  }
  game.steps--;
  if (pick(0, 7) == 0) {  // by the timer, or that has a token already
    Timers *all = ambi_pool_timers(game.pool);
    uint64_t due = ambi_now_ns() + pick(0, 20000);
    if (!ambi_timer_cancel(all, &p->timer)) {
      ck_assert(ambi_timer_start(all, &p->timer, due, wake_player));
      return;
    }
    give_token(p, self);
  }
  give_token(next, self);
}

static TaskNext play(Task *t, Evaluator *self) {
  Player *p = (Player *)t;
  ck_assert_uint_eq(p->running++, 0);
  unsigned n = ambi_exchange(&p->x_tokens, 0);
  for (unsigned i = 0; i < n; i++)
    hand_on(p, self);
  schedule_point();
  if (pick(0, 2) == 0) ambi_pool_offer(self);
  p->running--;
  return pick(0, 2) == 0 ? TASK_AGAIN : TASK_WAIT;
}

// Some wait until as many tokens have ended: then nobody else is there to wake anyone.
static void *play_from_outside(void *arg) {
  unsigned n = pick(1, 3), wait = pick(0, 1);
  for (unsigned i = 0; i < n; i++) {
    schedule_sleep(pick(0, 1) * pick(0, 20000));
    game.given++;
    give_token(&game.players[pick(0, PLAYERS - 1)], NULL);
  }
  for (unsigned i = 0; i < n && wait; i++)
    sem_wait(&game.ends);
  if (wait) schedule_sleep(pick(0, 20000));
  ambi_pool_unexpect(game.pool);
  return arg;
}

static bool never(void *arg) {
  return !arg;
}

static void play_a_game(void) {
  pthread_t threads[OUTSIDE];
  memset(&game, 0, sizeof game);
  game.pool = ambi_pool_open(pick(1, 4), NULL);
  game.steps = pick(5, 60);
  for (unsigned i = 0; i < PLAYERS; i++) {
    ambi_task_init(&game.players[i].task, game.pool, i % TASK_CLASSES, play);
    ambi_task_start(&game.players[i].task, NULL);
  }
  for (unsigned i = 0; i < OUTSIDE; i++) {
    ambi_pool_expect(game.pool);
    pthread_create(&threads[i], NULL, play_from_outside, NULL);
  }
  ck_assert_int_eq(ambi_pool_help(game.pool, never, &game), HELP_STUCK);
  ck_assert(ambi_pool_is_quiet(game.pool));
  ck_assert_uint_ge(game.given, OUTSIDE);
  ck_assert_msg(game.ended == game.given, "seed %lu: %u of %u tokens",
                (unsigned long)this_seed, game.ended, game.given);
  for (unsigned i = 0; i < OUTSIDE; i++)
    pthread_join(threads[i], NULL);
  ck_assert_uint_eq(ambi_pool_close(game.pool, NULL, NULL), PLAYERS);
}

START_TEST(test_pool) {
  run_seeds(play_a_game);
}
END_TEST

// ---- coming and going -----------------------------------------------------------------
// A helper that comes back for each of some rounds, and is nudged by tasks that others
// run; then everything is closed, whatever is under way.
enum { MOST_WORKERS = 6 };
static struct {
  Pool *pool;
  Task tasks[MOST_WORKERS];
  unsigned slices[MOST_WORKERS];
  unsigned done, wanted, left;
  bool helped;
} rounds;

static bool is_enough(void *arg) {
  (void)arg;
  return rounds.done >= rounds.wanted;
}

static TaskNext work_on(Task *t, Evaluator *self) {
  unsigned at = (unsigned)(t - rounds.tasks);
  schedule_point();
  if (++rounds.slices[at] % 5 != 0) return TASK_AGAIN;
  rounds.done++;
  ambi_pool_nudge(rounds.pool);
  // A slice that is over only when the helper has gone.
  while (rounds.helped && is_enough(NULL) && ambi_evaluator_index(self) != 0)
    schedule_sleep(1000);
  return TASK_AGAIN;
}

static void count_left(Task *t, void *arg) {
  ck_assert(t >= rounds.tasks && t < rounds.tasks + MOST_WORKERS);
  ++*(unsigned *)arg;
}

static void come_and_go(void) {
  memset(&rounds, 0, sizeof rounds);
  unsigned size = pick(1, 4), n = pick(1, MOST_WORKERS);
  rounds.pool = ambi_pool_open(size, NULL);
  for (unsigned i = 0; i < n; i++) {
    ambi_task_init(&rounds.tasks[i], rounds.pool, i % TASK_CLASSES, work_on);
    ambi_task_start(&rounds.tasks[i], NULL);
  }
  for (unsigned i = pick(0, 4); i > 0; i--) {
    rounds.wanted = rounds.done + pick(0, 4);
    rounds.helped = true;
    ck_assert_int_eq(ambi_pool_help(rounds.pool, is_enough, NULL),
                     HELP_REACHED);
    rounds.helped = false;
  }
  // Others go on without it.
  rounds.wanted = rounds.done + pick(0, 4);
  while (size > 1 && !is_enough(NULL))
    schedule_sleep(1000);
  ck_assert_uint_eq(ambi_pool_close(rounds.pool, count_left, &rounds.left), n);
  ck_assert_uint_eq(rounds.left, n);
}

START_TEST(test_coming_and_going) {
  run_seeds(come_and_go);
}
END_TEST

int main(int argc, char **argv) {
  if (AMB_TSAN) {  // which takes coroutines for threads of their own
    puts("1..0");
    return 0;
  }
  first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  last_seed = argc > 1 ? first_seed : getenv("AMBIT_LONG") ? LONG_SEEDS : SEEDS;
  TCase *tc = tcase_create("schedules");
  tcase_add_test(tc, test_run_queue);
  tcase_add_test(tc, test_pool);
  tcase_add_test(tc, test_coming_and_going);
  return unit_run(tc, "schedules");
}
