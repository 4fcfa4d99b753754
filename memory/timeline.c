// Tracks of events, one for each thread.
#include "memory/timeline.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "memory/alloc.h"
#include "memory/atomic.h"
#include "memory/stress.h"

typedef struct Track {
  struct Track *next;  // [lock]
  uint64_t n;          // [own] events so far
  Pace walked;         // [own]
  unsigned order;      // [own]
  char name[TRACK_NAME];
  Event slice;  // [own] what it is in, as far as that was told
  Event at[];
} Track;

struct Timeline {
  uint64_t opened;     // [init] tells it from others at the same place
  uint32_t per_track;  // [init]
  AMB_ATOMIC(uint64_t) x_numbers;  // [all~] given to what is given away
  pthread_mutex_t lock;            // [init] of the list
  Track *tracks;                   // [lock]
};

// The calling thread's track, and what it is of.
static _Thread_local struct {
  const Timeline *of;
  uint64_t opened;
  Track *track;
} mine;

uint64_t ambi_timeline_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t bytes_of(uint32_t events) {
  return sizeof(Track) + events * sizeof(Event);
}

Timeline *ambi_timeline_open(uint32_t per_track) {
  Timeline *t = ambi_alloc(sizeof *t);
  if (!t) return NULL;
  t->opened = ambi_timeline_now();
  t->per_track = per_track ? per_track : 1;
  pthread_mutex_init(&t->lock, NULL);
  return t;
}

void ambi_timeline_close(Timeline *t) {
  if (!t) return;
  while (t->tracks) {
    Track *track = t->tracks;
    t->tracks = track->next;
    ambi_free(track, bytes_of(t->per_track));
  }
  pthread_mutex_destroy(&t->lock);
  ambi_free(t, sizeof *t);
}

// NULL: memory is out.
static Track *own_track(Timeline *t) {
  if (mine.of == t && mine.opened == t->opened) return mine.track;
  Track *track = ambi_alloc(bytes_of(t->per_track));
  if (!track) return NULL;
  pthread_mutex_lock(&t->lock);
  track->next = t->tracks;
  t->tracks = track;
  pthread_mutex_unlock(&t->lock);
  mine.of = t;
  mine.opened = t->opened;
  return mine.track = track;
}

static void copy_name(char *to, size_t size, const char *name) {
  size_t len = strlen(name);
  if (len >= size) len = size - 1;
  while (len > 0 && ((unsigned char)name[len] & 0xC0) == 0x80)
    len--;  // not within a character
  memcpy(to, name, len);
  to[len] = 0;
}

void ambi_timeline_name(Timeline *t, const char *name, unsigned order) {
  Track *track = own_track(t);
  if (!track) return;
  copy_name(track->name, sizeof track->name, name);
  track->order = order;
}

static uint64_t held(const Timeline *t, const Track *track) {
  return track->n < t->per_track ? track->n : t->per_track;
}

static bool event_is_valid(const Timeline *t, const Event *e,
                           const char **why) {
  if (e->kind > EVENT_ARRIVES || !e->what)
    return ambi_invalid(why, "an event of no kind");
  if (!memchr(e->name, 0, sizeof e->name))
    return ambi_invalid(why, "an event whose name does not end");
  uint64_t now = ambi_timeline_now();
  if (e->at > now || e->took > now - e->at)
    return ambi_invalid(why, "an event of a time to come");
  return e->kind == EVENT_SPAN ||
         e->amount <= ambi_load_relaxed(&t->x_numbers) ||
         ambi_invalid(why, "an event with a number that nothing got");
}

static bool track_is_valid(const Timeline *t, const Track *track,
                           const char **why) {
  if (!memchr(track->name, 0, sizeof track->name))
    return ambi_invalid(why, "a track whose name does not end");
  for (uint64_t i = held(t, track); i-- > 0;)
    if (!event_is_valid(t, &track->at[i], why)) return false;
  return true;
}

bool ambi_timeline_is_valid(const Timeline *t, const char **why) {
  bool has_track = mine.of == t && mine.opened == t->opened;
  return !has_track || track_is_valid(t, mine.track, why);
}

static void note(Timeline *t, const Event *event, const char *name) {
  Track *track = own_track(t);
  if (!track) return;
  Event *to = &track->at[track->n++ % t->per_track];
  *to = *event;
  copy_name(to->name, sizeof to->name, name);
  if (ambi_pace(&track->walked, 64)) AMB_WALK(track_is_valid(t, track, &why));
}

void ambi_timeline_span(Timeline *t, uint64_t began, const char *what,
                        const char *name, uint64_t amount) {
  Event event = {.at = began,
                 .took = ambi_timeline_now() - began,
                 .amount = amount,
                 .what = what,
                 .kind = EVENT_SPAN};
  note(t, &event, name);
}

void ambi_timeline_label(Timeline *t, const char *what, const char *name,
                         uint64_t amount) {
  Track *track = own_track(t);
  if (!track) return;
  track->slice = (Event){.what = what, .amount = amount};
  copy_name(track->slice.name, sizeof track->slice.name, name);
}

void ambi_timeline_slice(Timeline *t, uint64_t began) {
  Track *track = own_track(t);
  if (!track) return;
  Event slice = track->slice;
  track->slice.what = NULL;
  ambi_timeline_span(t, began, slice.what ? slice.what : "task",
                     slice.what ? slice.name : "task", slice.amount);
}

uint64_t ambi_timeline_leaves(Timeline *t, const char *what) {
  Event event = {.at = ambi_timeline_now(),
                 .amount = ambi_add_relaxed(&t->x_numbers, 1) + 1,
                 .what = what,
                 .kind = EVENT_LEAVES};
  note(t, &event, what);
  return event.amount;
}

void ambi_timeline_arrives(Timeline *t, const char *what, uint64_t number) {
  Event event = {.at = ambi_timeline_now(),
                 .amount = number,
                 .what = what,
                 .kind = EVENT_ARRIVES};
  note(t, &event, what);
}

// ---- looking ------------------------------------------------------------------

static const Track *track_at(const Timeline *t, unsigned i) {
  const Track *track = t->tracks;
  while (track && i-- > 0)
    track = track->next;
  return track;
}

bool ambi_timeline_track(const Timeline *t, unsigned i, TrackView *out) {
  const Track *track = track_at(t, i);
  if (!track) return false;
  uint64_t lost = track->n > t->per_track ? track->n - t->per_track : 0;
  *out = (TrackView){track->name, track->order, lost};
  return true;
}

const Event *ambi_timeline_event(const Timeline *t, unsigned track_number,
                                 uint32_t i) {
  const Track *track = track_at(t, track_number);
  if (!track) return NULL;
  uint64_t n = held(t, track);
  return i < n ? &track->at[(track->n - n + i) % t->per_track] : NULL;
}
