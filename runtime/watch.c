// Telling the timeline and the log what happened.
#include "runtime/watch.h"

#include <inttypes.h>
#include <stdio.h>

void ambi_watch_log(const Runtime *rt, enum WatchLevel level, const char *event,
                    const WatchField *fields, size_t n) {
  const Watch *w = ambi_watch(rt);
  if (w && w->log && level <= w->level) w->log(w->arg, level, event, fields, n);
}

void ambi_watch_form(const Runtime *rt, uint64_t began, uint32_t line) {
  Timeline *t = ambi_watch_timeline(rt);
  char name[EVENT_NAME];
  if (!t || !began) return;
  snprintf(name, sizeof name, "form in line %" PRIu32, line);
  ambi_timeline_span(t, began, "form", name, line);
}

void ambi_watch_slice(const Runtime *rt, const char *what, uint64_t number) {
  Timeline *t = ambi_watch_timeline(rt);
  char name[EVENT_NAME];
  if (!t) return;
  snprintf(name, sizeof name, "%s %" PRIu64, what, number);
  ambi_timeline_label(t, what, name, number);
}

void ambi_watch_collected(const Runtime *rt, uint64_t began, bool major,
                          uint64_t copied, uint64_t live) {
  Timeline *t = ambi_watch_timeline(rt);
  if (!began) return;
  const char *kind = major ? "major collection" : "minor collection";
  if (t) ambi_timeline_span(t, began, "collection", kind, copied);
  AMB_LOG(rt, WATCH_DEBUG, "collection", {"kind", major ? "major" : "minor", 0},
          {"ns", NULL, ambi_timeline_now() - began}, {"copied", NULL, copied},
          {"live", NULL, live});
}

void ambi_watch_compiled(const Runtime *rt, uint64_t began,
                         const WatchCompiled *unit) {
  Timeline *t = ambi_watch_timeline(rt);
  const char *name = unit->unit ? unit->unit : "ambit";
  if (!began) return;
  if (t) ambi_timeline_span(t, began, "compile", name, unit->level);
  AMB_LOG(rt, WATCH_DEBUG, "compile", {"unit", name, 0},
          {"level", NULL, unit->level}, {"result", unit->result, 0},
          {"bytes", NULL, unit->bytes},
          {"ns", NULL, ambi_timeline_now() - began});
}

uint64_t ambi_watch_given(const Runtime *rt, uint64_t bytes) {
  Timeline *t = ambi_watch_timeline(rt);
  uint64_t number = t ? ambi_timeline_leaves(t, "handover") : 0;
  AMB_LOG(rt, WATCH_DEBUG, "handover", {"bytes", NULL, bytes});
  return number;
}

void ambi_watch_taken(const Runtime *rt, uint64_t number) {
  Timeline *t = ambi_watch_timeline(rt);
  if (t && number) ambi_timeline_arrives(t, "handover", number);
}

static bool is_limit(enum AmbStop stop) {
  switch (stop) {
  case STOP_TIME:
  case STOP_RUN_TIME:
  case STOP_STEPS:
  case STOP_MEMORY:
  case STOP_HEAP:
  case STOP_DEPTH: return true;
  default: return false;
  }
}

void ambi_watch_stopped(const Context *cx, uint32_t line) {
  char text[160];
  bool limit = is_limit(cx->stop);
  if (!ambi_watch(cx->rt) || (!limit && cx->stop != STOP_INTERNAL)) return;
  ambi_stop_text(cx, text, sizeof text);
  AMB_LOG(cx->rt, limit ? WATCH_WARN : WATCH_ERROR,
          limit ? "limit" : "internal", {"what", text, 0},
          {"line", NULL, line});
}
