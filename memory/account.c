// How many bytes are out, and who counts them.
//
// One number that all threads add to would be in none of their caches. So a thread takes
// bytes from it in portions, and has what it frees counted there a portion at a time; the
// rest it counts by itself.
//
// PROTOCOL byte-count
//   what      bytes_out: bytes in use, and those that threads have taken but not used;
//             Account.kept: the latter, of one thread
//   writer    bytes_out: anybody, by adding; kept: its own thread, which nobody else
//             looks at
//   readers   who asks for the number or takes a portion
//   publish   nothing: a statistic and a limit, which order nothing
//   observe   nothing
//   why safe  what is in use is bytes_out less all that is kept, so while bytes_out stays
//             below the limit, so does what is in use. It is too large by no more than
//             two portions for each thread, and by nothing for a thread that is alone
//   waits     never
//   lifetime  a thread gives back what it keeps when it ends (a destructor of pthreads);
//             while it can not be promised that it will, it keeps nothing
//   weaker?   all is relaxed
//   test      tests/unit/memory_test.c, also under tsan
#include <pthread.h>

#include "memory/alloc.h"
#include "memory/atomic.h"

static AMB_ATOMIC(size_t) bytes_out;    // [all]
static AMB_ATOMIC(size_t) bytes_limit;  // [all~] 0 = none

static _Thread_local struct Account {
  size_t kept;
  bool ends;  // it is known that this thread will give back
} mine;

// Where memory is limited, all that a hundred threads keep is a small part of it.
static size_t portion(void) {
  enum { MOST = 32 << 10, SHARE = 12 };
  size_t limit = ambi_load_relaxed(&bytes_limit), part = limit >> SHARE;
  return limit && part < MOST ? part : MOST;
}

static void give_back(size_t bytes) {
  mine.kept -= bytes;
  ambi_add_relaxed(&bytes_out, -bytes);
}

// ---- threads that end ---------------------------------------------------------------
static pthread_once_t begun = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;  // [init]

static void end_account(void *thread) {
  (void)thread;
  mine.ends = false;
  give_back(mine.kept);
}

static void make_key(void) {
  has_key = pthread_key_create(&key, end_account) == 0;
}

// The library may be closed before the threads that have used it end.
__attribute__((destructor)) static void drop_key(void) {
  if (has_key) pthread_key_delete(key);
}

static bool may_keep(void) {
  if (mine.ends) return true;
  pthread_once(&begun, make_key);
  mine.ends = has_key && pthread_setspecific(key, &mine) == 0;
  return mine.ends;
}

// ---- the count ----------------------------------------------------------------------
// Counted only if it is granted: others' attempts shall not fail because of one that is
// far too large.
static bool take(size_t bytes) {
  size_t limit = ambi_load_relaxed(&bytes_limit);
  if (limit == 0) {
    ambi_add_relaxed(&bytes_out, bytes);
    return true;
  }
  size_t was = ambi_load_relaxed(&bytes_out);
  do {
    if (was > limit || bytes > limit - was) return false;
  } while (!ambi_compare_exchange_relaxed(&bytes_out, &was, was + bytes));
  return true;
}

// Near the limit, what is needed and no more.
static bool charge_more(size_t bytes) {
  size_t more = bytes - mine.kept, room = may_keep() ? portion() : 0;
  if (!take(more + room)) {
    room = 0;
    if (!take(more)) return false;
  }
  mine.kept = room;
  return true;
}

bool ambi_alloc_charge(size_t bytes) {
  if (bytes > mine.kept) return charge_more(bytes);
  mine.kept -= bytes;
  return true;
}

static void keep_less(void) {
  size_t room = may_keep() ? portion() : 0;
  if (mine.kept > 2 * room) give_back(mine.kept - room);
}

void ambi_alloc_discharge(size_t bytes) {
  mine.kept += bytes;
  if (!mine.ends || mine.kept > 2 * portion()) keep_less();
}

size_t ambi_alloc_bytes(void) {
  return ambi_load_relaxed(&bytes_out) - mine.kept;
}

size_t ambi_alloc_room(void) {
  size_t limit = ambi_load_relaxed(&bytes_limit), now = ambi_alloc_bytes();
  if (!limit) return SIZE_MAX;
  return now < limit ? limit - now : 0;
}

void ambi_alloc_limit(size_t bytes) {
  ambi_store_release(&bytes_limit, bytes);
}
