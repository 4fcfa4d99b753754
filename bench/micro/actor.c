// What a message costs, what an actor costs to spawn, and how many bytes it takes while it
// waits.
#include <pthread.h>
#include <sched.h>

#include "bench/micro/machine.h"
#include "memory/alloc.h"
#include "scheduler/actor.h"

static Mailbox box;
static Inbox inbox;
static Depot depot;
static PackRoom sent = {.depot = &depot}, received = {.depot = &depot};

// What was received is used again, as by programs.
static uint64_t take_all(PackRoom *room) {
  uint64_t n = 0;
  ambi_mailbox_drain(&box, &inbox);
  for (Message *m; (m = inbox.first); n++) {
    ambi_inbox_take(&box, &inbox, NULL, m);
    ambi_pack_room_take_back(room, m);
  }
  return n;
}

static void post(uint64_t i) {
  Message *m = ambi_pack_room_message(&sent, 4, 0);
  micro_must(m, "no memory");
  m->words[0] = i;
  ambi_mailbox_post(&box, m);
}

static uint64_t alone(void *arg, uint64_t n) {
  const uint64_t *batch = arg;
  uint64_t taken = 0;
  for (uint64_t i = 0; i < n; i++) {
    post(i);
    if (i % *batch == *batch - 1) taken += take_all(&sent);
  }
  return taken + take_all(&sent);
}

static void *sender(void *arg) {
  for (uint64_t i = 0; i < *(const uint64_t *)arg; i++)
    post(i);
  return NULL;
}

// Processor time of both.
static uint64_t across(void *arg, uint64_t n) {
  pthread_t thread;
  (void)arg;
  micro_must(!pthread_create(&thread, NULL, sender, &n), "no thread");
  for (uint64_t taken = 0; taken < n;) {
    uint64_t some = take_all(&received);
    taken += some;
    if (!some) sched_yield();
  }
  pthread_join(thread, NULL);
  return n;
}

static uint64_t parcels(void *arg, uint64_t n) {
  const Value *v = arg;
  PackRoom room = {0};
  Word *h = cx->h;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    Message *m;
    micro_must(ambi_parcel_pack(cx, &room, *v, &m) == PACKED, "not packed");
    sum += ambi_parcel_unpack(cx, m).w;
    ambi_pack_room_take_back(&room, m);
    cx->h = h;
  }
  ambi_pack_room_drop(&room);
  return sum;
}

// ---- actors ---------------------------------------------------------------------

static bool never(void *arg) {
  (void)arg;
  return false;
}

static Message *form_of(const char *text) {
  Reader r;
  Template t;
  PackRoom room = {0};
  Message *m = NULL;
  ambi_reader_open(&r, rt, ambi_module_top(rt)->tokens, text, strlen(text));
  micro_must(ambi_read(&r, &t) == READ_ATOM, "not read");
  Value v = ambi_instance(cx, &t, true);
  micro_must(ambi_parcel_pack(cx, &room, v, &m) == PACKED, "not packed");
  ambi_template_release(rt->store, &t);
  ambi_pack_room_drop(&room);
  return m;
}

enum { BATCH = 1000 };

// n actors are spawned; returns how long that took, in nanoseconds. Then they run.
static double spawn(const Message *form, unsigned n) {
  Actor *script = ambi_actor_of(cx);
  SpawnOptions none = {0};
  double start = micro_now();
  for (unsigned i = 0; i < n; i++) {
    Handle *h = NULL;
    Message *copy = ambi_parcel_copy(form);
    micro_must(copy && ambi_actor_spawn(script, cx, copy, &none, &h) == SPAWNED,
               "not spawned");
  }
  double took = micro_now() - start;
  ambi_pool_help(script->all->pool, never, NULL);
  return took;
}

static void spawning(const char *name, const char *text) {
  Message *form = form_of(text);
  unsigned rounds = micro_quick ? 1 : 200;
  double took = 0, start = micro_now();
  for (unsigned i = 0; i < rounds; i++)
    took += spawn(form, BATCH);
  double all = micro_now() - start;
  micro_line("spawn", name, took / rounds / BATCH);
  micro_line("run", name, (all - took) / rounds / BATCH);
  ambi_message_free(form);
}

static void waiting(const char *text) {
  Message *form = form_of(text);
  spawn(form, BATCH);  // what is made once
  size_t before = ambi_alloc_bytes();
  spawn(form, 10 * BATCH);
  printf("%-10s %-44s %10.0f bytes\n", "idle", text,
         (double)(ambi_alloc_bytes() - before) / (10 * BATCH));
  ambi_message_free(form);
}

static void run(const char *text) {
  Script s = {.rt = rt,
              .module = ambi_module_top(rt),
              .name = "micro",
              .text = text,
              .len = strlen(text)};
  micro_must(ambi_run_script(&s) == RUN_OK, "not run");
  ambi_script_drop(&s);
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  open_machine();
  micro_must(ambi_crew_open(rt, 1) && ambi_actors_open(rt), "no actors");
  run("!(import! &self concurrent)"
      "(= (counter $n) (receive (((add $x) (counter (+ $n $x))))))");
  uint64_t one = 1, many = 100;
  Value message = AMB_EXPR(cx, sym("add"), ambi_small_int(7));
  ambi_mailbox_open(&box, 0);
  micro_case("message", "sent and taken, one by one", alone, &one, 1);
  micro_case("message", "sent and taken, a hundred at a time", alone, &many, 1);
  micro_case("message", "sent by another thread", across, NULL, 1);
  micro_case("message", "(add 7) packed and unpacked", parcels, &message, 1);
  spawning("an actor that ends at once", "1");
  waiting("(counter 5)");
  ambi_pack_room_drop(&sent);
  ambi_pack_room_drop(&received);
  ambi_depot_drop(&depot);
  ambi_actors_close(rt);
  ambi_crew_close(rt);
  close_machine();
  return 0;
}
