// When what happened on which thread, for somebody who looks at it later.
//
// Each thread that notes something has a track: a ring of fixed size, in which the newest
// events take the place of the oldest. A track is written by its thread alone, without a
// lock, and read when that has ended or notes nothing any more.
#ifndef AMBIT_MEMORY_TIMELINE_H
#define AMBIT_MEMORY_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Timeline Timeline;

enum EventKind {
  EVENT_SPAN,    // from `at` for `took` nanoseconds
  EVENT_LEAVES,  // something with the number `amount` is given away here ...
  EVENT_ARRIVES  // ... and taken up here
};
enum { EVENT_NAME = 36, TRACK_NAME = 24 };

typedef struct Event {
  uint64_t at, took;  // nanoseconds, of the clock of ambi_timeline_now
  uint64_t amount;    // what it means is the kind's and the category's
  const char *what;   // its category: static text
  enum EventKind kind;
  char name[EVENT_NAME];  // cut where it is longer
} Event;

uint64_t ambi_timeline_now(void);
// NULL: memory is out. per_track: events that a track holds, at least 1.
Timeline *ambi_timeline_open(uint32_t per_track);
// No thread notes anything any more.
void ambi_timeline_close(Timeline *t);

// The calling thread's track has this name; `order` is its place among the others.
void ambi_timeline_name(Timeline *t, const char *name, unsigned order);
// The calling thread notes a span that ends now. Where memory is out nothing is noted.
void ambi_timeline_span(Timeline *t, uint64_t began, const char *what,
                        const char *name, uint64_t amount);
// The slice of a task that the calling thread is in is this; told when it ends.
void ambi_timeline_label(Timeline *t, const char *what, const char *name,
                         uint64_t amount);
void ambi_timeline_slice(Timeline *t, uint64_t began);
// What is given away gets a number; who takes it up tells it.
uint64_t ambi_timeline_leaves(Timeline *t, const char *what);
void ambi_timeline_arrives(Timeline *t, const char *what, uint64_t number);

// Is all well with the calling thread's track?
bool ambi_timeline_is_valid(const Timeline *t, const char **why);

// ---- looking ------------------------------------------------------------------
typedef struct TrackView {
  const char *name;
  unsigned order;
  uint64_t lost;  // events that newer ones took the place of
} TrackView;
// Track i, the oldest event first. False: there is no such track.
bool ambi_timeline_track(const Timeline *t, unsigned i, TrackView *out);
// NULL: it has no more.
const Event *ambi_timeline_event(const Timeline *t, unsigned track, uint32_t i);

#endif
