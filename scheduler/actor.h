// Actors: evaluations with a mailbox each, and what ties one to another.
//
// What a program holds of an actor is its Handle: a value, compared by identity, with the
// mailbox, so that a sender needs nothing else. The Actor behind it is there while it
// lives. It has a Context only while there is something on its stack: one that has not
// begun, and one that waits in `receive` as the last thing it does, is no more than a
// form in a parcel. Where many wait within something else, those beyond a few are put away
// in a block each (runtime/machine/stow.h).
//
// An actor is run by the evaluators of the crew, slice by slice, and parks its mailbox
// when it waits; who puts something there wakes it (scheduler/mailbox.h). The script is
// an actor, too, which is not in any queue: while it waits, its thread is evaluator 0,
// and where that is the only one, it gives others a turn at its looks.
//
// Of several evaluators all are together (runtime/guard.h) from the first `spawn` until
// a form of the script ends and no other actor lives. With one of them they need not be.
//
// Who looks at an actor from outside (to kill it, to tie it to another) holds
// Actors.lock, under which it ends. Bonds are between Handles and stand in two lists.
#ifndef AMBIT_SCHEDULER_ACTOR_H
#define AMBIT_SCHEDULER_ACTOR_H

#include <pthread.h>

#include "runtime/builtins/actors.h"
#include "runtime/machine/stow.h"
#include "runtime/runtime.h"
#include "runtime/types/types.h"
#include "scheduler/crew_data.h"
#include "scheduler/parcel.h"

typedef struct Actor Actor;
typedef struct Bond Bond;

typedef struct Handle {
  HostObject object;            // [init]
  Mailbox box;                  // [all]
  struct Handle *older;         // [lock] all handles
  Message *reason;              // [lock] why it ended; NULL: normally
  AMB_ATOMIC(Actor *) x_actor;  // [lock>all] NULL: it has ended
  uint32_t name;                // [lock] a symbol; 0: none
} Handle;

// BOND_FOLLOW: the watcher ends when the watched one does, for whatever reason.
enum BondKind { BOND_LINK, BOND_FOLLOW, BOND_MONITOR, BOND_CALL };
struct Bond {  // [lock]
  enum BondKind kind;
  uint64_t request;           // BOND_CALL: which of the watcher's
  Handle *watched, *watcher;  // of a link: either
  Bond *next_in, **at_in;     // in the list of the watched actor
  Bond *next_out, **at_out;   // in that of the watcher
};

typedef struct Waiting {  // what an operation that is done again has noted
  Message *looked;        // `receive`: nothing up to this one matched
  uint64_t request;       // `call`: the answer to this; 0: none
  bool on;
  bool timed;  // until its deadline
} Waiting;

struct Actor {
  // what each slice looks at, as close together as it goes
  Task task;           // the scheduler's; stays when it is used again
  struct Actors *all;  // [init]
  Handle *handle;      // [init]
  AMB_ATOMIC(Message *) x_killed;  // [all] why, once
  // of who runs it
  Evaluator *self;  // NULL: the script
  Context *cx;      // NULL: the form is in `form`, or
  Stowed *stowed;   // ... all of it here
  Message *form;    // what it evaluates, or goes on with
  Space *space;
  Module *module;
  Inbox inbox;
  Waiting waiting;
  uint64_t requests;
  uint64_t random;             // its stream
  struct Deadline *deadline;   // made when it is first needed
  uint32_t most_kib;           // of its heap; 0: no limit
  AMB_ATOMIC(bool) x_outside;  // [all] an Outside: it has no task
  bool begun;                  // it has had a slice
  bool halfway;                // ... which ended in the middle of something
  bool slow;                   // its slice is to end: it sent to a long mailbox
  uint64_t goes_to;            // ... at this step
  Bond *in, *out;              // [lock]
  // of an Outside, from its begin to its end
  void (*notify)(void *arg);  // [lock:outside]
  void *notified;             // [lock:outside]
};

enum { WORKER_SPARE = 16 };
typedef struct Worker {  // [evaluator] what an evaluator has for actors
  Context *spare[WORKER_SPARE];
  unsigned nspare;
  bool joined;        // party is one of the Runtime's epochs
  Participant party;  // inside during a slice
  uint32_t put_off;   // actors that were to begin, since one did
  PackRoom room;
} Worker;

typedef struct Actors {
  HostObject
      keeper;  // the cell of the Runtime that frees all handles, and this
  Runtime *rt;
  Pool *pool;       // the crew's; set with the first actor
  Worker *workers;  // [init] one for each evaluator
  bool own_pool;    // ... or one of one evaluator, for tables are in use
  bool held;        // by the script: evaluators stay together
  uint32_t out;     // of one evaluator: actors with something on their stacks
  pthread_mutex_t lock;     // [init]
  pthread_mutex_t outside;  // [init] below `lock`
  Handle *handles;          // [lock] the newest
  Handle **named;           // [lock] by symbol
  size_t nnamed;            // [lock]
  uint32_t numbers;         // [lock]
  AMB_ATOMIC(uint32_t)
  x_living;      // [lock>all] the script is one; without Outsides
  Actor *spare;  // [lock] to be used again, linked by task.next
  Actor script;
  PackRoom room;  // of the script
  Depot depot;    // [init] for this and the Workers'
  Value type;     // of a handle
  Value down, normal, shutdown, call, asker;  // symbols in messages
  AMB_ATOMIC(uint64_t)
  x_stop;  // [all] the script is to stop so: enum AmbStop, and the exit code << 32
  AMB_ATOMIC(bool) x_closing;      // [all] every actor is to end
  AMB_ATOMIC(uint32_t) x_halfway;  // [all] actors between two slices
  AMB_ATOMIC(uint32_t) x_heaps;    // [all~] Contexts that actors have
} Actors;

extern const ActorTable ambi_actor_table;  // actor_ops.c

// A Runtime with actors, on the evaluators of its crew. False: memory is out.
bool ambi_actors_open(Runtime *rt);
// Ends them all, before the crew is closed.
void ambi_actors_close(Runtime *rt);

// ---- for the crew, on the thread of the script ------------------------------------
// Are evaluators to stay as they are, together or not, when a form of the script ends?
bool ambi_actors_need_crew(Runtime *rt);
// Others run for a slice, if the script's is the only thread for them.
void ambi_actors_take_turn(Runtime *rt);

typedef struct SpawnOptions {
  uint32_t name, mailbox, kib;
  TaskClass class;
  bool link, monitor, follow;
} SpawnOptions;
enum Spawned { SPAWNED, SPAWN_NAME_TAKEN, SPAWN_OUTAGE };
// A handle of an actor that is still to be spawned, which counts as ended until then.
// NULL: memory is out.
Handle *ambi_actor_reserve(Actors *all, uint32_t mailbox);
// It will not be, for that reason, which is given away.
void ambi_actor_never(Actors *all, Handle *h, Message *reason);
// The form becomes the actor's. parent: who spawns it. *out: NULL, or what was reserved
// for it.
enum Spawned ambi_actor_spawn(Actor *parent, Context *cx, Message *form,
                              const SpawnOptions *o, Handle **out);

// Is v what `call` sends along for the answer? Then whose, and which.
bool ambi_actor_is_asker(Actors *all, Value v, Handle **h, uint64_t *request);
// Whose evaluation it is, not that of a branch; NULL: memory is out.
Actor *ambi_actor_of(Context *cx);
PackRoom *ambi_actor_room(Actor *a);
// Under the lock, or by the actor itself; else what is found may end meanwhile, but its
// memory stays that of an actor.
static inline Actor *ambi_handle_actor(Handle *h) {
  return ambi_load_acquire(&h->x_actor);
}
static inline Value ambi_actor_value(const Handle *h) {
  return ambi_tag_ptr(TAG_CELL, h);
}
// An actor's handle, or the name of one; else NULL.
Handle *ambi_actor_handle(Actors *all, Value v);

// The mailbox has something new; `from` is whoever put it there.
void ambi_actor_wake(Actor *from, Handle *to);
// What became of a message; it is not the caller's any more unless it is POST_FULL.
enum Posted ambi_actor_deliver(Actor *from, Handle *to, Message *m,
                               bool always);
// The reason becomes the actor's, unless there is one. False: it has ended.
bool ambi_actor_kill(Actor *from, Handle *h, Message *reason);
enum Tied { TIED, TIE_ENDED, TIE_OUTAGE };
// TIE_ENDED: it has ended before, and nothing was done.
enum Tied ambi_actor_tie(Actor *watcher, Handle *watched, enum BondKind kind,
                         uint64_t request);
// The answer has come, or is not waited for any more.
void ambi_actor_untie_call(Actor *watcher, uint64_t request);
// ---- actor.c, for spawning ----------------------------------------------------------
TaskNext ambi_actor_slice(Task *t, Evaluator *self);
Message *ambi_actor_pack_reason(Actor *a, Context *cx, Value v);
// An actor to be filled in, all zero but for its task, and of which others may still
// know the memory; NULL: there is no memory.
Actor *ambi_actor_new(Actors *all, TaskClass class);
void ambi_actor_keep(Actor *a);
// A handle is made for it. False: memory is out.
bool ambi_actor_enlist(Actor *a);
// Others are told that it ends; nothing comes to it any more. cx: of its thread.
void ambi_actor_depart(Actor *a, Context *cx, Message *reason);
// What it has of its own is given back.
void ambi_actor_drop_all(Actor *a);
// The same, and the actor.
void ambi_actor_drop(Actor *a);

// For the end of an actor, under the lock, and then without it: what it was tied to
// follows it, and who watched it is to be told.
enum Spawned ambi_actor_name(Actors *all, Handle *h, uint32_t name);
void ambi_actor_unname(Actors *all, Handle *h);
Bond *ambi_actor_unbind(Actor *a, const Message *reason);
// cx: of anybody; NULL: there is no memory. Who cannot be told would wait for ever, so then
// the script is stopped.
void ambi_actor_tell(Actor *a, Context *cx, Bond *told, const Message *reason);
// The reason for which it ended, as an atom. AMB_NONE: memory is out.
Value ambi_actor_reason(Context *cx, Actors *all, const Message *reason);

// The script looks again at what it waits for.
void ambi_actors_nudge(Runtime *rt);
// The script's thread runs some. False: none can run.
bool ambi_actors_run(Runtime *rt);
// Others run before the caller goes on for long; full: before it goes on at all.
void ambi_actor_give_way(Context *cx, Actor *a, bool full);
// The operation is done again when something has arrived or it is due: B_STOP, or for
// the script, which waits here, B_OK.
enum BuiltinStatus ambi_actor_wait(Context *cx, Actor *a);
// Until when it waits, from now on. False: there is no memory.
bool ambi_actor_wait_until(Actor *a, uint64_t due_ns);
bool ambi_actor_is_due(const Actor *a);
// The script is to stop where it waits. The first reason counts.
void ambi_actors_stop(Actors *all, enum AmbStop why, int code);
// Is the script to stop, for another actor did? cx->stop is set then.
bool ambi_actor_is_stopped(Context *cx, Actor *a);
// It waits no more.
void ambi_actor_waited(Actor *a);

bool ambi_actors_is_valid(Actors *all, const char **why);

#endif
