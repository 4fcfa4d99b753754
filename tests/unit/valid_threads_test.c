// The walks over what threads share: each says that a sound one is sound, and names what
// is wrong with one that is broken here on purpose. (valid_test.c has the others, and
// jit/ those of the compiler's thread.)
#include "memory/epoch.h"
#include "runtime/builtins/mutexes.h"
#include "runtime/kept_calls.h"
#include "runtime/machine/site.h"
#include "scheduler/actor.h"
#include "scheduler/crew_data.h"
#include "scheduler/mutex.h"
#include "scheduler/mutex_data.h"
#include "scheduler/park.h"
#include "scheduler/parts_data.h"
#include "scheduler/timer.h"
#include "tests/unit/actors.h"
#include "tests/unit/broken.h"

static void nothing(void *arg) {
  (void)arg;
}
static void never(Timer *t) {
  ck_abort_msg("%p fired", (void *)t);
}

START_TEST(test_timers) {
  Timers *all = ambi_timers_open(nothing, NULL);
  Timer t[40] = {0};
  uint64_t later = ambi_now_ns() + (uint64_t)1000 * 1000000000;
  for (unsigned i = 0; i < 40; i++)
    ck_assert(ambi_timer_start(all, &t[i], later + i * 7 % 40, never));
  for (unsigned i = 10; i < 40; i += 4)
    ck_assert(ambi_timer_cancel(all, &t[i]));
#define TIMERS ambi_timers_is_valid(all, &why)
  SOUND(TIMERS);
  ck_assert_ptr_nonnull(t[0].child);
  Timer *child = t[0].child;
  BROKEN(child->due_ns, later - 1, TIMERS,
         "a timer that is due before its parent");
  BROKEN(child->turn, 40, TIMERS, "a timer of a turn to come");
  BROKEN(child->fire, NULL, TIMERS, "a timer that waits and is not armed");
  BROKEN(child->brings, false, TIMERS, "armed timers are miscounted");
  BROKEN(child->before, child, TIMERS,
         "a timer that another one stands before");
  BROKEN(t[0].next, child, TIMERS, "the first timer is not alone");
  ambi_timers_close(all);
}
END_TEST

static void keep(Retired *r) {
  (void)r;
}

START_TEST(test_epochs) {
  Epochs e = {0};
  Participant inside = {0};
  Retired r[3] = {
      {.give_back = keep}, {.give_back = keep}, {.give_back = keep}};
  ambi_epochs_open(&e);
  ambi_epoch_join(&e, &inside);
  ambi_epoch_enter(&e, &inside);
  for (int i = 0; i < 3; i++)
    ambi_epoch_retire(&e, &r[i]);
#define EPOCHS ambi_epochs_is_valid(&e, &why)
  SOUND(EPOCHS);
  BROKEN(inside.x_since, ambi_load_relaxed(&e.x_now) + 1, EPOCHS,
         "a thread inside since a time to come");
  BROKEN(r[1].since, r[2].since + 1, EPOCHS, "what is retired is out of order");
  BROKEN(r[2].since, ambi_load_relaxed(&e.x_now) + 1, EPOCHS,
         "what is retired is out of order");
  BROKEN(e.newest, &r[1].next, EPOCHS, "what is retired ends elsewhere");
  BROKEN(e.x_waiting, 2, EPOCHS, "what is retired is miscounted");
  ambi_epoch_leave(&inside);
  ambi_epoch_poll(&e);
  SOUND(EPOCHS);
  ambi_epoch_part(&e, &inside);
  ambi_epochs_close(&e);
}
END_TEST

START_TEST(test_run_queue) {
  enum { N = RUN_PLACES + 3 };
  static Task t[N];
  static RunQueue q;
  for (int i = 0; i < N; i++)
    ambi_run_queue_put(&q, &t[i]);
#define QUEUE ambi_run_queue_is_valid(&q, &why)
  SOUND(QUEUE);
  BROKEN(q.x_places[7], NULL, QUEUE, "a place without a task");
  BROKEN(q.x_tail, RUN_PLACES + 1, QUEUE,
         "a queue that is longer than its ring");
  BROKEN(q.behind.n, 2, QUEUE, "a list of tasks is miscounted");
  BROKEN(q.behind.n, 4, QUEUE, "a list of tasks is miscounted");
  BROKEN(q.behind.last, q.behind.first, QUEUE,
         "a list of tasks ends elsewhere");
}
END_TEST

static bool not_awaited(void *arg) {
  (void)arg;
  return false;
}

START_TEST(test_lot) {
  Lot l = {0};
  Sleeper s = {.asleep = true};
  Task t[2] = {{.of_class = TASK_BATCH}, {.of_class = TASK_INTERACTIVE}};
  ambi_lot_open(&l, 0, &(LotUse){.start = nothing, .is_awaited = not_awaited});
  for (int i = 0; i < 2; i++)
    ambi_lot_inject(&l, &t[i], true);
#define LOT ambi_lot_is_valid(&l, &why)
  SOUND(LOT);
  BROKEN(l.x_injected, 1, LOT, "injected tasks are miscounted");
  BROKEN(l.injected[TASK_BATCH].n, 2, LOT, "a list of tasks is miscounted");
  BROKEN(l.x_sleeping, 1, LOT, "sleepers are miscounted");
  l.sleepers = &s;
  ambi_store_relaxed(&l.x_sleeping, 1);
  SEES(LOT, "more sleep than there are");
  l.acting = 1;
  BROKEN(s.asleep, false, LOT, "a sleeper that does not sleep");
  BROKEN(s.searching, true, LOT, "a sleeper that does not sleep");
  ambi_lot_close(&l);
}
END_TEST

START_TEST(test_mailbox) {
  Mailbox box;
  Inbox in = {0};
  ambi_mailbox_open(&box, 0);
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(ambi_mailbox_post(&box, ambi_message_new(2, 0)),
                     POST_DONE);
    if (i == 1) ck_assert(ambi_mailbox_drain(&box, &in));
  }
#define MAILBOX ambi_mailbox_is_valid(&box, &in, &why)
  SOUND(MAILBOX);
  BROKEN(box.x_sent, 0, MAILBOX, "a mailbox that counts wrong");
  BROKEN(in.last, in.first, MAILBOX, "an inbox that ends elsewhere");
  BROKEN(in.taken, 1, MAILBOX, "a mailbox that counts wrong");
  ambi_mailbox_close(&box, &in);
  while (in.first) {
    Message *m = in.first;
    ambi_inbox_take(&box, &in, NULL, m);
    ambi_message_free(m);
  }
}
END_TEST

START_TEST(test_actors) {
  open_runtime(1);
  gives("!(import! &self concurrent) "
        "!(bind! &a (spawn (receive ((go ()))) ((name worker)))) "
        "!(monitor &a)",
        "[()][()][()]");
  Actors *all = rt->actors;
#define ACTORS ambi_actors_is_valid(all, &why)
  SOUND(ACTORS);
  Bond *b = all->script.out;
  ck_assert_ptr_nonnull(b);
  Handle *h = b->watched;
  Actor *a = ambi_handle_actor(h);
  BROKEN(all->x_living, 1, ACTORS, "actors that are counted wrong");
  BROKEN(all->named[h->name], NULL, ACTORS, "a name of one who is not there");
  BROKEN(b->watched, b->watcher, ACTORS, "a bond of one who is not there");
  BROKEN(b->at_out, &all->script.in, ACTORS, "a bond to one who is not there");
  a->in = NULL;
  BROKEN(a->handle, all->script.handle, ACTORS, "an actor of another handle");
  a->in = b;
  close_runtime();
}
END_TEST

static Context *open_context(void) {
  Context *cx = ambi_context_open(rt);
  ck_assert_ptr_nonnull(cx);
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  return cx;
}

static void lock(Context *cx, const char *name) {
  uint32_t id;
  ck_assert(ambi_symbol_intern(rt->symbols, name, strlen(name), &id));
  rt->mutex_table->lock(cx, AMB_SYM_ID(id));
}

START_TEST(test_mutexes) {
  open_runtime(1);
  ck_assert(ambi_mutexes_open(rt));
  Context *one = open_context(), *two = open_context(), *three = open_context();
  lock(one, "door");
  lock(one, "door");
  lock(two, "gate");
  lock(two, "door");
  lock(three, "door");
  Mutexes *all = rt->mutexes;
  Mutex *gate = all->all, *door = gate->next;
#define MUTEXES ambi_mutexes_is_valid(rt, &why)
  SOUND(MUTEXES);
  BROKEN(door->depth, 1, MUTEXES,
         "a lock that its holder has not taken so often");
  BROKEN(door->holder, two, MUTEXES,
         "a lock that its holder has not taken so often");
  BROKEN(gate->holder, NULL, MUTEXES, "a lock that nobody has");
  BROKEN(two->waiter, three->waiter, MUTEXES, "one who waits for another lock");
  Waiter *w = door->first;
  BROKEN(w->mutex, gate, MUTEXES, "one who waits for another lock");
  BROKEN(w->state, WAITER_HAS, MUTEXES, "one who waits and has been told");
  BROKEN(w->number, w->next->number, MUTEXES, "some who wait out of order");
  BROKEN(w->next->number, all->numbers + 1, MUTEXES,
         "some who wait out of order");
  BROKEN(gate->name, door->name, MUTEXES, "two locks of one name");
  rt->mutex_table->release(one);
  SOUND(MUTEXES);
  ck_assert_ptr_eq(door->holder, two);
  rt->mutex_table->release(three);
  rt->mutex_table->release(two);
  ck_assert_ptr_null(all->all);
  ambi_context_close(one);
  ambi_context_close(two);
  ambi_context_close(three);
  close_runtime();
}
END_TEST

START_TEST(test_parts) {
  open_runtime(1);
  Context *cx = open_context();
  Part *p[3];
  for (int i = 0; i < 3; i++) {
    p[i] = ambi_part_make(cx);
    ck_assert_ptr_nonnull(p[i]);
    p[i]->older = i ? p[i - 1] : NULL;
  }
#define PARTS ambi_parts_is_valid(cx, p[2], &why)
  SOUND(PARTS);
  Job *w = (Job *)p[1];
  BROKEN(w->state, PART_UNWANTED, PARTS, "a part that nobody wants");
  BROKEN(w->state, PART_RUNS, PARTS, "more parts run than are open");
  BROKEN(w->cx, cx, PARTS, "a part that is done and runs");
  BROKEN(w->counted, true, PARTS, "a part that is done and runs");
  ambi_add_release(&w->crew->x_open, 1);
  w->state = PART_RUNS;
  BROKEN(w->waiter, &w->task, PARTS, "a part that wakes somebody else");
  w->state = PART_DONE;
  ambi_add_release(&w->crew->x_open, (uint32_t)-1);
  ambi_part_drop(cx, p[2]);
  ambi_part_drop(cx, p[1]);
  ambi_part_drop(cx, p[0]);
  ambi_context_close(cx);
  close_runtime();
}
END_TEST

static Value call_of(Context *cx, const char *name) {
  Value items[] = {ambi_make_sym(cx, name, strlen(name)), ambi_small_int(1)};
  return ambi_make_expr(cx, items, 2);
}

START_TEST(test_kept_calls) {
  KeptCalls k;
  open_runtime(1);
  Context *cx = open_context();
  ambi_kept_calls_open(&k);
#define KEPT ambi_kept_calls_is_valid(&k, &why)
  SOUND(KEPT);
  ambi_kept_calls_note(&k, cx, call_of(cx, "f"));
  ambi_kept_calls_note(&k, cx, call_of(cx, "g"));
  SOUND(KEPT);
  Buffer *f = &k.errors[0].about;
  ck_assert_str_eq(f->text, "(f 1)");
  BROKEN(k.made, 3, KEPT, "more Errors than are looked at");
  BROKEN(k.made, 65, KEPT, "more Errors than are looked at");
  BROKEN(k.errors[5].about.failed, true, KEPT,
         "an Error in a place that nobody has used");
  BROKEN(f->text, NULL, KEPT, "calls without their text");
  BROKEN(f->text[f->len], ')', KEPT, "a text of calls that does not end");
  BROKEN(f->cap, f->len, KEPT, "a text of calls that does not end");
  Buffer about = *f;
  *f = (Buffer){0};
  BROKEN(k.errors[0].lines.len, 1, KEPT, "calls of no Error");
  *f = about;
  ambi_kept_calls_forget(&k);
  SOUND(KEPT);
  ambi_kept_calls_close(&k);
  ambi_context_close(cx);
  close_runtime();
}
END_TEST

START_TEST(test_targets) {
  open_runtime(1);
  gives("(= (f $x) $x) (= (apply $h $x) ($h $x)) "
        "!(apply f 1) !(apply g 2) !(apply not True)",
        "[1][(g 2)][False]");
  CodeState *cs = rt->code;
#define TARGETS ambi_targets_is_valid(cs, &why)
  SOUND(TARGETS);
  Targets *table = cs->target_tables;
  ck_assert(table && cs->targets);
  Target *f = cs->targets;
  while (f && f->kind != TARGET_CALL)
    f = f->next;
  ck_assert_ptr_nonnull(f);
  BROKEN(f->head, ambi_small_int(1).w, TARGETS, "a target of no head");
  BROKEN(f->head, AMB_SYM(EQ).w, TARGETS,
         "a target that enters another definition");
  BROKEN(f->epoch, ambi_code_epoch(cs) + 1, TARGETS,
         "a target of a time to come");
  BROKEN(f->kind, TARGET_ODD + 1, TARGETS, "a target of no kind");
  BROKEN(f->kind, TARGET_DATA, TARGETS,
         "a target that goes nowhere, or data that does");
  BROKEN(f->variant, NULL, TARGETS,
         "a target that goes nowhere, or data that does");
  BROKEN(f->param[0], AMB_UNIT, TARGETS,
         "a target with an argument of no type");
  BROKEN(table->mask, 6, TARGETS, "a table of targets of no possible size");
  BROKEN(table->shape->targets, ambi_targets_none(), TARGETS,
         "a shape looks up in another one's table");
  uint32_t at = ambi_target_index(f->head, table->mask);
  ck_assert_ptr_eq(ambi_load_relaxed(&table->at[at]), f);
  Target copy = *f;
  BROKEN(table->at[at], &copy, TARGETS,
         "a table has a target that there is not");
  uint32_t beside = (at + 1) & table->mask;
  BROKEN(table->at[beside], f, TARGETS, "a target that is not found");
  close_runtime();
}
END_TEST

START_TEST(test_crew) {
  open_runtime(2);
  CrewMates *c = ambi_crew_of(rt);
  Context *cx = open_context(), *used[2];
  Limits limits = {0};
  for (int i = 0; i < 2; i++)
    used[i] = ambi_crew_take(c, cx->space, cx->module, &limits);
  ck_assert(used[0] && used[1]);
  for (int i = 0; i < 2; i++)
    ambi_crew_give(c, used[i]);
#define CREW ambi_crew_is_valid(c, true, &why)
  SOUND(CREW);
  ck_assert_uint_eq(c->nspare, 2);
  BROKEN(c->x_open, 1, CREW, "tasks are open, and nobody has begun them");
  BROKEN(c->x_running, 2, CREW, "forms that run are miscounted");
  BROKEN(c->nspare, CREW_SPARE + 1, CREW,
         "more spare Contexts than their room");
  BROKEN(c->spare[1], c->spare[0], CREW, "a spare Context that two may take");
  BROKEN(used[0]->rt, NULL, CREW, "a spare Context of another Runtime");
  BROKEN(used[0]->crew_data, c, CREW,
         "a spare Context that somebody evaluates in");
  BROKEN(used[1]->tr, 1, CREW, "a spare Context that is not empty");
  ambi_context_close(cx);
  close_runtime();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("valid threads");
  tcase_add_test(tc, test_timers);
  tcase_add_test(tc, test_epochs);
  tcase_add_test(tc, test_run_queue);
  tcase_add_test(tc, test_lot);
  tcase_add_test(tc, test_mailbox);
  tcase_add_test(tc, test_actors);
  tcase_add_test(tc, test_mutexes);
  tcase_add_test(tc, test_parts);
  tcase_add_test(tc, test_kept_calls);
  tcase_add_test(tc, test_targets);
  tcase_add_test(tc, test_crew);
  return unit_run(tc, "valid_threads");
}
