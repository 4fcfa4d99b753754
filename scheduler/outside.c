// An Outside is an Actor without a task: what wakes it notifies.
#include "scheduler/outside.h"

#include "memory/alloc.h"

static Actor *actor_of(const Outside *o) {
  return (Actor *)(uintptr_t)o;
}

Outside *ambi_outside_open(Context *cx, void (*notify)(void *arg), void *arg) {
  Actor *script = ambi_actor_of(cx);
  Actor *a = script ? ambi_actor_new(script->all, TASK_INTERACTIVE) : NULL;
  if (!a) return NULL;
  a->notify = notify;
  a->notified = arg;
  ambi_store_relaxed(&a->x_outside, true);
  if (!ambi_actor_enlist(a)) {
    ambi_actor_keep(a);
    return NULL;
  }
  ambi_pool_expect(a->all->pool);
  return (Outside *)a;
}

void ambi_outside_close(Context *cx, Outside *o) {
  Actor *a = actor_of(o);
  ambi_actor_depart(a, cx, NULL);
  ambi_pool_unexpect(a->all->pool);
  ambi_actor_drop_all(a);
  ambi_actor_keep(a);
}

enum Spawned ambi_outside_name(Outside *o, uint32_t name) {
  Actors *all = actor_of(o)->all;
  pthread_mutex_lock(&all->lock);
  enum Spawned done = ambi_actor_name(all, actor_of(o)->handle, name);
  pthread_mutex_unlock(&all->lock);
  return done;
}

Value ambi_outside_actor(const Outside *o) {
  return ambi_actor_value(actor_of(o)->handle);
}

Message *ambi_outside_pack(Context *cx, const Outside *o, Value v) {
  Message *m;
  return ambi_parcel_pack(cx, &actor_of(o)->all->room, v, &m) == PACKED ? m
                                                                        : NULL;
}

enum Posted ambi_outside_post(Outside *o, Value to, Message *m) {
  HostObject *object = (HostObject *)(void *)ambi_cell(to);
  return ambi_actor_deliver(actor_of(o), (Handle *)(void *)object, m, false);
}

enum Posted ambi_outside_reply(Outside *o, Value asker, Message *m) {
  Handle *to;
  uint64_t request;
  Actor *a = actor_of(o);
  if (!ambi_actor_is_asker(a->all, asker, &to, &request)) return POST_FULL;
  ambi_message_answers(m, request);
  return ambi_actor_deliver(a, to, m, true);
}

Message *ambi_outside_take(Outside *o) {
  Inbox *in = &actor_of(o)->inbox;
  Mailbox *box = &actor_of(o)->handle->box;
  for (;;) {
    ambi_mailbox_drain(box, in);
    Message *m = in->first;
    if (m) {
      ambi_inbox_take(box, in, NULL, m);
      return m;
    }
    if (ambi_mailbox_park(box) || ambi_outside_ended(o)) return NULL;
  }
}

bool ambi_outside_ended(Outside *o) {
  return ambi_load_acquire(&actor_of(o)->x_killed) != NULL;
}
