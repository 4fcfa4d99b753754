// Mailboxes: what others send to one receiver, and how it sleeps and is woken.
//
// One word leads to what has arrived, newest first. Senders put a message in front of
// it; the receiver takes all of it by one exchange and keeps the messages in the order
// of their arrival (Inbox), where nobody else looks.
//
// PROTOCOL mailbox
//   what      messages on their way, and whose it is to run the receiver
//   writer    anybody: post and nudge; the receiver alone: drain, park, close
//   readers   the receiver
//   publish   compare-exchange of x_in, behind the message's words and next
//   observe   exchange of x_in before what was in it is followed
//   why safe  a message belongs to its sender until the compare-exchange that puts it
//             there, and to the receiver from the exchange on. What stands in `next` is
//             what the word was, so a word that changed and changed back is as good.
//             PARKED is put there only by the receiver and only over EMPTY, so nothing
//             that came before is slept over; who replaces it, and that is one, has the
//             receiver run. A receiver that is run for another reason takes PARKED away
//             first, or somebody has done so, who then has it run once more for nothing
//             (scheduler/task.h). CLOSED stays. What was taken is counted by the receiver
//             alone and shown when it looks for more, so that it does not write to what
//             the senders write to with each message; where there is a limit it is shown
//             at once. So the count is never too low
//   waits     nobody. A sender tries again when another was faster
//   lifetime  the Mailbox is there as long as anybody may send to it
//   weaker?   a relaxed post is rejected: the words of the message could be missed, and
//             what the receiver left behind when it parked. A nudge that only loads what
//             is there is rejected: the load may come before what the caller has stored
//   test      tests/unit/mailbox_test.c, also under tsan; every interleaving of a model
//             in tests/unit/mailbox_model_test.c
#ifndef AMBIT_SCHEDULER_MAILBOX_H
#define AMBIT_SCHEDULER_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/atomic.h"

typedef struct Message Message;
struct Message {
  Message *next;    // older ones while it is on its way, then newer ones
  uint32_t nwords;  // of the row
  uint32_t nvars;   // variables in it
  uint64_t
      about;  // odd: 2 r + 1, where it answers request r of the receiver. Else it is
              // for `receive`: the address of one made before, or 0
  uint64_t words[];  // what scheduler/parcel.h says
};
// 0: it is for `receive`.
static inline uint64_t ambi_message_request(const Message *m) {
  return m->about & 1 ? m->about >> 1 : 0;
}
static inline void ambi_message_answers(Message *m, uint64_t request) {
  m->about = request << 1 | 1;
}

typedef struct Mailbox {
  AMB_ATOMIC(Message *) x_in;  // [all] newest, or one of the marks of mailbox.c
  AMB_ATOMIC(uint32_t) x_sent;  // [all~] messages that ever came, modulo 2^32
  AMB_ATOMIC(uint32_t)
  x_taken;  // [all] of those, as far as the receiver has told
  AMB_ATOMIC(uint32_t)
  x_limit;  // [all~] messages from which on none is taken; 0: none
} Mailbox;

// What the receiver took from its mailbox and has not used yet, oldest first.
typedef struct Inbox {
  Message *first, *last;
  uint32_t taken;  // out of it, ever, modulo 2^32
  bool limited;    // the mailbox has a limit
} Inbox;

// Room for a row of so many words and the names of so many variables; NULL: memory is
// out.
Message *ambi_message_new(size_t nwords, size_t nvars);
void ambi_message_free(Message *m);
void ambi_messages_free(Message *first);

// The receiver runs, and nothing has arrived. limit: 0: none.
void ambi_mailbox_open(Mailbox *box, uint32_t limit);
// Messages, those kept in the inbox included, and without a limit some of those taken.
static inline uint32_t ambi_mailbox_count(Mailbox *box) {
  uint32_t taken = ambi_load_acquire(&box->x_taken);  // all of which were sent
  return ambi_load_relaxed(&box->x_sent) - taken;
}

enum Posted {
  POST_DONE,
  POST_WOKE,   // ... and the receiver is the caller's to have it run
  POST_FULL,   // the message is still the caller's; so it is below
  POST_CLOSED  // there is no receiver any more
};
// Any thread. Several senders at once may exceed the limit by one message each.
enum Posted ambi_mailbox_post(Mailbox *box, Message *m);
// The same whatever the limit says: what the receiver asked for.
enum Posted ambi_mailbox_deliver(Mailbox *box, Message *m);
// Any thread: there is something to look at that is no message. True: the receiver is
// the caller's to have it run.
bool ambi_mailbox_nudge(Mailbox *box);

// ---- the receiver -----------------------------------------------------------------

// What has arrived comes behind what the inbox has. False: nothing has.
bool ambi_mailbox_drain(Mailbox *box, Inbox *in);
// From now on who posts or nudges has the receiver run. False: something has arrived
// since it drained, or it was nudged.
bool ambi_mailbox_park(Mailbox *box);
// It runs, though nobody has put anything there: true, and from now on nobody will have
// it run. False: it was not parked, or somebody has just had it run.
bool ambi_mailbox_unpark(Mailbox *box);
// Does it still sleep? Asked by who may wake it, or on its behalf.
bool ambi_mailbox_is_parked(Mailbox *box);
// What was taken out of the inbox counts no more.
void ambi_inbox_tell(Mailbox *box, const Inbox *in);
// The message goes out of the inbox; `before` is the one before it, or NULL.
void ambi_inbox_take(Mailbox *box, Inbox *in, Message *before, Message *m);
// Nothing is taken any more; what there is goes to the inbox.
void ambi_mailbox_close(Mailbox *box, Inbox *in);

bool ambi_mailbox_is_valid(Mailbox *box, const Inbox *in, const char **why);

#endif
