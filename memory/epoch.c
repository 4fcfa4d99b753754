// Who is inside, and what waits for them: two lists under one lock.
//
// Retired things wait in the order of their numbers, so giving back takes them from
// the front until the oldest thread inside may know the next one.
#include "memory/epoch.h"

#include <string.h>

#include "memory/alloc.h"

struct RetiredBlock {
  Retired r;
  void *at;
  size_t size;
};

void ambi_epochs_open(Epochs *e) {
  ambi_store_release(&e->x_now, 1);
  ambi_store_release(&e->x_waiting, 0);
  pthread_mutex_init(&e->lock, NULL);
  e->all = NULL;
  e->oldest = NULL;
  e->newest = &e->oldest;
}

void ambi_epochs_close(Epochs *e) {
  AMB_ENSURE(!e->all);
  ambi_epoch_poll(e);
  AMB_ENSURE(!e->oldest);
  pthread_mutex_destroy(&e->lock);
}

void ambi_epoch_join(Epochs *e, Participant *p) {
  ambi_store_release(&p->x_since, 0);
  pthread_mutex_lock(&e->lock);
  p->next = e->all;
  e->all = p;
  pthread_mutex_unlock(&e->lock);
}

void ambi_epoch_part(Epochs *e, Participant *p) {
  AMB_ASSERT(ambi_load_relaxed(&p->x_since) == 0);
  pthread_mutex_lock(&e->lock);
  Participant **link = &e->all;
  while (*link != p)
    link = &(*link)->next;
  *link = p->next;
  pthread_mutex_unlock(&e->lock);
}

uint64_t ambi_epoch_mark(Epochs *e) {
  return ambi_add_release(&e->x_now, 1);
}

// The least number with which anybody is inside; under the lock.
static uint64_t least_inside(const Epochs *e) {
  uint64_t least = UINT64_MAX;
  for (Participant *p = e->all; p; p = p->next) {
    uint64_t since = 0;
    if (!ambi_compare_exchange(&p->x_since, &since, 0) && since < least)
      least = since;
  }
  return least;
}

bool ambi_epoch_is_past(Epochs *e, uint64_t mark) {
  pthread_mutex_lock(&e->lock);
  bool past = least_inside(e) > mark;
  pthread_mutex_unlock(&e->lock);
  return past;
}

// Under the lock. Numbers of those inside are loaded before the one they come from.
static bool are_valid(Epochs *e, const char **why) {
  size_t waiting = 0;
  uint64_t last = 0;
  Retired **link = &e->oldest;
  for (const Participant *p = e->all; p; p = p->next)
    if (ambi_load_acquire(&p->x_since) > ambi_load_acquire(&e->x_now))
      return ambi_invalid(why, "a thread inside since a time to come");
  for (; *link; link = &(*link)->next, waiting++) {
    if ((*link)->since < last || (*link)->since > ambi_load_acquire(&e->x_now))
      return ambi_invalid(why, "what is retired is out of order");
    last = (*link)->since;
  }
  if (link != e->newest)
    return ambi_invalid(why, "what is retired ends elsewhere");
  return waiting == ambi_load_relaxed(&e->x_waiting) ||
         ambi_invalid(why, "what is retired is miscounted");
}

bool ambi_epochs_is_valid(Epochs *e, const char **why) {
  pthread_mutex_lock(&e->lock);
  bool ok = are_valid(e, why);
  pthread_mutex_unlock(&e->lock);
  return ok;
}

static void look(Epochs *e) {
  if (ambi_pace(&e->walked, 64)) AMB_WALK(are_valid(e, &why));
}

void ambi_epoch_retire(Epochs *e, Retired *r) {
  pthread_mutex_lock(&e->lock);
  r->next = NULL;
  r->since = ambi_epoch_mark(e);
  *e->newest = r;
  e->newest = &r->next;
  ambi_add_relaxed(&e->x_waiting, 1);
  look(e);
  pthread_mutex_unlock(&e->lock);
}

// Takes what is past out of the list.
static Retired *take_past(Epochs *e) {
  Retired *first = e->oldest, **link = &e->oldest;
  uint64_t least = least_inside(e);
  while (*link && (*link)->since < least) {
    link = &(*link)->next;
    ambi_add_relaxed(&e->x_waiting, -(size_t)1);
  }
  if (link == &e->oldest) return NULL;
  e->oldest = *link;
  *link = NULL;
  if (!e->oldest) e->newest = &e->oldest;
  return first;
}

void ambi_epoch_poll(Epochs *e) {
  if (ambi_load_relaxed(&e->x_waiting) == 0 ||
      pthread_mutex_trylock(&e->lock) != 0)
    return;
  Retired *r = take_past(e);
  look(e);
  pthread_mutex_unlock(&e->lock);
  for (Retired *next; r; r = next) {
    next = r->next;
    r->give_back(r);
  }
}

// ---- memory -----------------------------------------------------------------------
static void give_back_block(Retired *r) {
  RetiredBlock *b = (RetiredBlock *)r;
  ambi_free(b->at, b->size);
  ambi_free(b, sizeof *b);
}

RetiredBlock *ambi_retired_block(void *at, size_t size) {
  RetiredBlock *b = ambi_alloc(sizeof *b);
  if (b)
    *b = (RetiredBlock){
        .r = {.give_back = give_back_block}, .at = at, .size = size};
  return b;
}

void ambi_epoch_retire_block(Epochs *e, RetiredBlock *b) {
  ambi_epoch_retire(e, &b->r);
}

void ambi_retired_drop(RetiredBlock *b) {
  ambi_free(b, sizeof *b);
}

bool ambi_growth_begin(Growth *g, Epochs *e, void *array, size_t cap,
                       size_t need, size_t item) {
  *g = (Growth){.at = array, .cap = cap};
  if (!e || !array) return ambi_grow(&g->at, &g->cap, need, item);
  if (need <= cap) return true;
  if (need > SIZE_MAX / 2 / item) return false;
  size_t more = cap + cap / 2;
  g->cap = need > more ? need : more;
  g->old = ambi_retired_block(array, cap * item);
  g->at = g->old ? ambi_alloc(g->cap * item) : NULL;
  if (!g->at) {
    if (g->old) ambi_retired_drop(g->old);
    return false;
  }
  memcpy(g->at, array, cap * item);
  return true;
}

void ambi_growth_end(Growth *g, Epochs *e) {
  if (g->old) ambi_epoch_retire_block(e, g->old);
}
