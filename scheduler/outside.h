// Actors that are not evaluated here: ends of mailboxes in the hands of the program
// around the Runtime, from which messages come and to which they go.
//
// Threads. "The owner" is the thread that evaluates the script.
//
//   owner                  ambi_outside_open, ambi_outside_close, ambi_outside_name,
//                          ambi_outside_actor, ambi_outside_pack
//   any thread, any time   ambi_outside_post, ambi_outside_reply, ambi_parcel_copy, ambi_message_free
//   one thread at a time   ambi_outside_take, ambi_outside_ended
//
// None of them waits, and none but those of the owner touches terms, names or spaces:
// messages are parcels (scheduler/parcel.h). An Outside is there until it is closed; what
// ambi_outside_actor gave, until the Runtime is. While one is open, nobody that waits
// counts as stuck.
//
// `notify` is called when a message, or the end, has come and nobody has been notified
// since a take that found nothing: on the thread that sent it, perhaps under locks of the
// scheduler. It may post a semaphore or write to a descriptor, and calls nothing of the
// Runtime.
#ifndef AMBIT_SCHEDULER_OUTSIDE_H
#define AMBIT_SCHEDULER_OUTSIDE_H

#include "scheduler/actor.h"

typedef struct Outside Outside;

// NULL: memory is out.
Outside *ambi_outside_open(Context *cx, void (*notify)(void *arg), void *arg);
// It ends like an actor, normally. cx: of the owner.
void ambi_outside_close(Context *cx, Outside *o);
// Programs may call it by this symbol. By the owner.
enum Spawned ambi_outside_name(Outside *o, uint32_t name);
// What programs hold of it.
Value ambi_outside_actor(const Outside *o);
// A message of this term; NULL: memory is out, or it cannot be sent.
Message *ambi_outside_pack(Context *cx, const Outside *o, Value v);
// to: an actor, as a term, that was there when `o` was open. POST_FULL: the message is
// still the caller's.
enum Posted ambi_outside_post(Outside *o, Value to, Message *m);
// The same for what answers a call; `asker` came with that. POST_FULL: it is no asker.
enum Posted ambi_outside_reply(Outside *o, Value asker, Message *m);
// The oldest message, which is the caller's then; NULL: there is none, and the next
// notifies.
Message *ambi_outside_take(Outside *o);
// Has somebody killed it, or one that it is linked to ended?
bool ambi_outside_ended(Outside *o);

#endif
