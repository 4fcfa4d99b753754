// Terms on their way from one heap to another: a message's block, packed and unpacked.
//
// A parcel is a row (runtime/tables/flat.h) and behind it the names of its variables,
// so it holds no pointer into a heap, and none into the store, whose terms may be given
// up while it waits. Marks of values are kept: what was a value when it was sent is one
// when it is received. Its variables are others than those it was made from.
#ifndef AMBIT_SCHEDULER_PARCEL_H
#define AMBIT_SCHEDULER_PARCEL_H

#include "runtime/tables/flat.h"
#include "scheduler/mailbox.h"

enum {
  PARCEL_FEW = 32,    // words
  PARCEL_SPARE = 32,  // messages
  PARCEL_AHEAD = 8,
  DEPOT_BATCH = 16,
  DEPOT_PLACES = 4
};

// Messages that are to be used again, on their way from threads that receive more than they
// send to those that send more than they receive: in batches, one in a place.
//
// PROTOCOL depot
//   what      Depot.x_places, and the messages behind them
//   writer    whoever has a batch too many, or none
//   readers   the same
//   publish   compare-exchange of a place from NULL, behind the batch's `next`
//   observe   exchange of a place with NULL
//   why safe  a batch belongs to who made it until that compare-exchange, and to the one
//             whose exchange has found it. A place is empty or has one whole batch, so it is
//             no matter whether it was another one meanwhile
//   waits     nobody. Without an empty place messages are freed, without a batch made
//   lifetime  the depot is there longer than the rooms
//   test      tests/unit/mailbox_test.c, also under tsan
typedef struct Depot {
  AMB_ATOMIC(Message *) x_places[PARCEL_FEW + 1][DEPOT_PLACES];  // [all]
} Depot;
void ambi_depot_drop(Depot *d);

// What one thread packs with, again and again: a row, and messages of few words that were
// received or not sent, by their number of words.
typedef struct PackRoom {
  Flat row;
  Depot *depot;  // what it has too many of goes there; or NULL
  const Message *recent[PARCEL_AHEAD];  // the newest it made, by turns
  unsigned turn;
  Message *spare[PARCEL_FEW + 1];
  uint8_t nspare[PARCEL_FEW + 1];
} PackRoom;
void ambi_pack_room_drop(PackRoom *room);
// Room for a row of so many words and the names of so many variables; NULL: memory is
// out.
Message *ambi_pack_room_message(PackRoom *room, size_t nwords, size_t nvars);
// A message that nobody needs any more goes, or waits to be used again.
void ambi_pack_room_take_back(PackRoom *room, Message *m);

enum Packed { PACKED, PACK_OUTAGE, PACK_ODD };  // odd: nothing that can be sent
// PACK_OUTAGE: memory is out, or cx->stop is set.
enum Packed ambi_parcel_pack(Context *cx, PackRoom *room, Value v,
                             Message **out);
// AMB_NONE: memory is out.
Value ambi_parcel_unpack(Context *cx, const Message *m);
// Another one of the same; NULL: memory is out.
Message *ambi_parcel_copy(const Message *m);

// The root as it stands in the row: an atom, or an expression whose children are those.
static inline Value ambi_parcel_root(const Message *m) {
  return AMB_V(m->words[0]);
}
static inline const Word *ambi_parcel_items(const Message *m, Value root) {
  return m->words +
         (root.w & (AMB_PAYLOAD_MASK & ~AMB_EXPR_MARKS)) / sizeof(Word);
}

#endif
