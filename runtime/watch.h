// What those who look at a Runtime from outside are told while it runs: events of a
// timeline (memory/timeline.h), lines of a log.
//
// Nobody looks: x_watch of the Runtime is NULL, and each of the places below, all of them
// rare, looks at that and goes on. A Watch that was set stays until the Runtime is
// closed, so a thread may go on telling one that was replaced.
#ifndef AMBIT_RUNTIME_WATCH_H
#define AMBIT_RUNTIME_WATCH_H

#include "memory/timeline.h"
#include "runtime/runtime.h"

enum WatchLevel {
  WATCH_OFF,
  WATCH_ERROR,  // a result is an Error, or something is broken
  WATCH_WARN,   // a limit was reached
  WATCH_INFO,   // files and modules
  WATCH_DEBUG  // what the machine does: code, collections, alternatives handed over
};

typedef struct WatchField {
  const char *key;
  const char *text;  // NULL: the number
  uint64_t number;
} WatchField;

// Any thread of the Runtime calls it, several at a time; what it is given is valid during
// the call. It must not call the Runtime.
typedef void WatchLog(void *arg, enum WatchLevel level, const char *event,
                      const WatchField *fields, size_t n);

typedef struct Watch {
  Timeline *timeline;     // or NULL
  enum WatchLevel level;  // of what is logged
  WatchLog *log;          // or NULL
  void *arg;
} Watch;

static inline const Watch *ambi_watch(const Runtime *rt) {
  return ambi_load_acquire(&rt->x_watch);
}
static inline void ambi_watch_set(Runtime *rt, const Watch *w) {
  ambi_store_release(&rt->x_watch, w);
}
static inline Timeline *ambi_watch_timeline(const Runtime *rt) {
  const Watch *w = ambi_watch(rt);
  return w ? w->timeline : NULL;
}
// When something begins whose end will be told; 0 if nobody looks.
static inline uint64_t ambi_watch_begin(const Runtime *rt) {
  return AMB_UNLIKELY(ambi_watch(rt) != NULL) ? ambi_timeline_now() : 0;
}

// A log line, if its level is wanted. The fields are WatchFields.
#define AMB_LOG(rt, level, event, ...)                                     \
  do {                                                                     \
    if (AMB_UNLIKELY(ambi_watch(rt) != NULL))                              \
      ambi_watch_log(                                                      \
          (rt), (level), (event), (const WatchField[]){__VA_ARGS__},       \
          sizeof((const WatchField[]){__VA_ARGS__}) / sizeof(WatchField)); \
  } while (0)
void ambi_watch_log(const Runtime *rt, enum WatchLevel level, const char *event,
                    const WatchField *fields, size_t n);

// ---- what happens, where `began` came from ambi_watch_begin ----------------------
void ambi_watch_form(const Runtime *rt, uint64_t began, uint32_t line);
// The slice that runs is one of "actor" number 7.
void ambi_watch_slice(const Runtime *rt, const char *what, uint64_t number);
void ambi_watch_collected(const Runtime *rt, uint64_t began, bool major,
                          uint64_t copied, uint64_t live);
typedef struct WatchCompiled {
  const char *unit, *result;
  unsigned level;
  size_t bytes;
} WatchCompiled;
void ambi_watch_compiled(const Runtime *rt, uint64_t began,
                         const WatchCompiled *unit);
// An alternative is handed over; the number is for who takes it.
uint64_t ambi_watch_given(const Runtime *rt, uint64_t bytes);
void ambi_watch_taken(const Runtime *rt, uint64_t number);
// cx->stop stopped a form or what is read; line 0: of no file.
void ambi_watch_stopped(const Context *cx, uint32_t line);

#endif
