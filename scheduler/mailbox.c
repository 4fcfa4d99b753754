// One word for what has arrived and for who sleeps; the order of messages.
#include "scheduler/mailbox.h"

#include "memory/alloc.h"
#include "memory/check.h"

// What x_in may be beside a message, which lies at no such address.
#define EMPTY  ((Message *)NULL)
#define PARKED ((Message *)(uintptr_t)1)  // nobody runs the receiver
#define NUDGED ((Message *)(uintptr_t)2)  // empty, and it is not to park
#define CLOSED ((Message *)(uintptr_t)3)

static bool is_message(const Message *m) {
  return (uintptr_t)m > (uintptr_t)CLOSED;
}

// ---- messages -------------------------------------------------------------------

static size_t message_bytes(size_t nwords, size_t nvars) {
  return sizeof(Message) + (nwords + nvars) * sizeof(uint64_t);
}

Message *ambi_message_new(size_t nwords, size_t nvars) {
  if (nwords > UINT32_MAX || nvars > UINT32_MAX) return NULL;
  Message *m = ambi_realloc(NULL, 0, message_bytes(nwords, nvars));
  if (!m) return NULL;
  *m = (Message){.nwords = (uint32_t)nwords, .nvars = (uint32_t)nvars};
  return m;
}

void ambi_message_free(Message *m) {
  if (m) ambi_free(m, message_bytes(m->nwords, m->nvars));
}

void ambi_messages_free(Message *first) {
  while (first) {
    Message *next = first->next;
    ambi_message_free(first);
    first = next;
  }
}

// ---- how many there are -----------------------------------------------------------

void ambi_inbox_tell(Mailbox *box, const Inbox *in) {
  if (ambi_load_relaxed(&box->x_taken) != in->taken)
    ambi_store_release(&box->x_taken, in->taken);
}

void ambi_mailbox_open(Mailbox *box, uint32_t limit) {
  ambi_store_release(&box->x_sent, 0);
  ambi_store_release(&box->x_taken, 0);
  ambi_store_release(&box->x_limit, limit);
  ambi_store_release(&box->x_in, EMPTY);
}

// ---- senders ----------------------------------------------------------------------

// It is counted first: what is written comes into this processor's cache, and is looked at
// there.
enum Posted ambi_mailbox_deliver(Mailbox *box, Message *m) {
  ambi_add_relaxed(&box->x_sent, 1);
  Message *old = ambi_load_relaxed(&box->x_in);
  do {
    if (old == CLOSED) {
      ambi_add_relaxed(&box->x_sent, -1u);
      return POST_CLOSED;
    }
    m->next = is_message(old) ? old : NULL;
  } while (!ambi_compare_exchange(&box->x_in, &old, m));
  return old == PARKED ? POST_WOKE : POST_DONE;
}

enum Posted ambi_mailbox_post(Mailbox *box, Message *m) {
  uint32_t limit = ambi_load_relaxed(&box->x_limit);
  if (limit && ambi_mailbox_count(box) >= limit)
    return ambi_load_relaxed(&box->x_in) == CLOSED ? POST_CLOSED : POST_FULL;
  return ambi_mailbox_deliver(box, m);
}

// A message is replaced by itself, so that whoever takes it sees what the caller has done.
bool ambi_mailbox_nudge(Mailbox *box) {
  Message *old = ambi_load_relaxed(&box->x_in), *now;
  do {
    if (old == CLOSED) return false;
    now = old == EMPTY ? NUDGED : old == PARKED ? EMPTY : old;
  } while (!ambi_compare_exchange(&box->x_in, &old, now));
  return old == PARKED;
}

// ---- the receiver -----------------------------------------------------------------

// What was newest first goes, oldest first, behind what the inbox has. Each message comes
// from its sender's cache, to be written: with those further on asked for before, the
// receiver waits for none of them.
static void append(Inbox *in, Message *newest) {
  Message *first = NULL;
  for (Message *m = newest, *older; m; m = older) {
    __builtin_prefetch((const void *)(uintptr_t)m->about, 1);
    older = m->next;
    m->next = first;
    first = m;
  }
  if (in->last)
    in->last->next = first;
  else
    in->first = first;
  in->last = newest;
}

static bool take_in(Inbox *in, Message *newest) {
  if (!is_message(newest)) return false;
  append(in, newest);
  return true;
}

bool ambi_mailbox_drain(Mailbox *box, Inbox *in) {
  if (ambi_load_relaxed(&box->x_in) == EMPTY) return false;
  Message *newest = ambi_exchange(&box->x_in, EMPTY);
  ambi_inbox_tell(box, in);
  in->limited = ambi_load_relaxed(&box->x_limit) != 0;
  return take_in(in, newest);
}

bool ambi_mailbox_park(Mailbox *box) {
  Message *old = EMPTY;
  return ambi_compare_exchange(&box->x_in, &old, PARKED);
}

bool ambi_mailbox_unpark(Mailbox *box) {
  Message *old = PARKED;
  return ambi_load_relaxed(&box->x_in) == PARKED &&
         ambi_compare_exchange(&box->x_in, &old, EMPTY);
}

bool ambi_mailbox_is_parked(Mailbox *box) {
  return ambi_load_acquire(&box->x_in) == PARKED;
}

void ambi_inbox_take(Mailbox *box, Inbox *in, Message *before, Message *m) {
  if (before)
    before->next = m->next;
  else
    in->first = m->next;
  if (in->last == m) in->last = before;
  m->next = NULL;
  in->taken++;
  if (in->limited) ambi_inbox_tell(box, in);
}

void ambi_mailbox_close(Mailbox *box, Inbox *in) {
  take_in(in, ambi_exchange(&box->x_in, CLOSED));
}

bool ambi_mailbox_is_valid(Mailbox *box, const Inbox *in, const char **why) {
  uint32_t n = 0;
  const Message *last = NULL;
  for (const Message *m = in->first; m; last = m, m = m->next)
    n++;
  if (last != in->last)
    return ambi_invalid(why, "an inbox that ends elsewhere");
  const Message *m = ambi_load_acquire(&box->x_in);
  for (m = is_message(m) ? m : NULL; m; m = m->next)
    n++;
  if (n + in->taken != ambi_load_relaxed(&box->x_sent))
    return ambi_invalid(why, "a mailbox that counts wrong");
  return true;
}
