// The looks at clock, counters and memory that may stop a form.
#include "runtime/atoms/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t ambi_thread_ns(void) {
  return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double ambi_monotonic_seconds(void) {
  return (double)clock_ns(CLOCK_MONOTONIC) * 1e-9;
}

// The evaluator looks at the limit now and then (find_stop) and stops in good
// order; the door of alloc.h keeps everybody from going on for long after it.
enum { ROOM_TO_STOP = 4 << 20, ROOM_TO_REPORT = 12 << 20 };

static void close_door(const Limits *l, size_t room) {
  ambi_alloc_limit(l->memory ? (size_t)l->memory + room : 0);
}

size_t ambi_limits_left(uint64_t memory) {
  size_t limit = (size_t)memory, out = ambi_alloc_bytes();
  if (!limit) return SIZE_MAX;
  return limit > out ? limit - out : 0;
}

void ambi_limits_begin(Context *cx) {
  Limits *l = &cx->limits;
  size_t seen_bytes = l->seen_bytes;  // by the last form: asking is dear
  unsigned looks = l->looks;
  ambi_guard(cx->rt);
  *l = cx->rt->limits;
  ambi_unguard(cx->rt);
  l->seen_bytes = seen_bytes;
  l->looks = looks;
  l->deadline =
      l->query_seconds > 0 ? ambi_monotonic_seconds() + l->query_seconds : 0;
  l->steps_used = 0;
  cx->stop = STOP_NONE;
  ambi_symbols_cap(cx->rt->symbols, l->names);
  close_door(l, ROOM_TO_STOP);
}

void ambi_limits_rest(Context *cx) {
  Limits *l = &cx->limits;
  if (l->deadline > 0) l->left = l->deadline - ambi_monotonic_seconds();
}

void ambi_limits_go_on(Context *cx) {
  Limits *l = &cx->limits;
  if (l->deadline > 0) l->deadline = ambi_monotonic_seconds() + l->left;
  close_door(l, ROOM_TO_STOP);
}

void ambi_limits_end(Context *cx) {
  close_door(&cx->limits, ROOM_TO_REPORT);
}

static enum AmbStop find_end(const Limits *l) {
  if (l->run_deadline <= 0 && l->deadline <= 0) return STOP_NONE;
  double now = ambi_monotonic_seconds();
  if (l->run_deadline > 0 && now >= l->run_deadline) return STOP_RUN_TIME;
  return l->deadline > 0 && now >= l->deadline ? STOP_TIME : STOP_NONE;
}

// Is it too much, even without what could be given back?
static bool memory_is_out(const Context *cx) {
  size_t limit = (size_t)cx->limits.memory, now = ambi_alloc_bytes();
  Runtime *rt = cx->rt;
  if (!limit || now <= limit) return false;
  if (!rt->give_memory || !rt->give_memory(rt, now - limit + limit / 8))
    return true;
  return ambi_alloc_bytes() > limit;
}

// Small blocks that were freed are not counted any more, but what lies between them may
// keep their pages. Asking takes a system call, so it is done when much has changed.
static bool process_is_out(Context *cx) {
  enum { MUCH = 1 << 20, LOOKS = 256, ROOM_FOR_HOLES = 12 << 20 };
  Limits *l = &cx->limits;
  const Host *host = &cx->rt->host;
  if (!l->memory || !host->takes_more) return false;
  size_t now = ambi_alloc_bytes(), was = l->seen_bytes;
  size_t moved = now > was ? now - was : was - now;
  if (moved < MUCH && ++l->looks < LOOKS) return false;
  l->seen_bytes = now;
  l->looks = 0;
  size_t most = (size_t)l->memory + ROOM_FOR_HOLES;
  if (!host->takes_more(host->arg, most)) return false;
  Runtime *rt = cx->rt;
  if (!rt->give_memory || !rt->give_memory(rt, (size_t)l->memory / 8))
    return true;
  return host->takes_more(host->arg, most);
}

static enum AmbStop find_stop(Context *cx) {
  const Limits *l = &cx->limits;
  if (ambi_load_relaxed(&cx->rt->x_cancel) || ambi_load_relaxed(&cx->x_cancel))
    return STOP_CANCEL;
  if (l->steps && l->steps_used > l->steps) return STOP_STEPS;
  if (memory_is_out(cx) || process_is_out(cx)) return STOP_MEMORY;
  if (l->heap && ambi_heap_words(cx) * sizeof(Word) > l->heap) return STOP_HEAP;
  return find_end(l);
}

bool ambi_limits_poll(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = find_stop(cx);
  return cx->stop == STOP_NONE;
}

bool ambi_limits_walked(Context *cx, size_t nodes) {
  enum { NODES_A_STEP = 64 };
  cx->limits.steps_used += nodes / NODES_A_STEP;
  // What was found is walked, too, when it is handed on behind the stop.
  bool found = cx->stop == STOP_ANSWERS;
  if (found) cx->stop = STOP_NONE;
  bool ok = ambi_limits_poll(cx);
  if (found && ok) cx->stop = STOP_ANSWERS;
  return ok;
}

bool ambi_limits_may_print(const Context *cx) {
  if (ambi_load_relaxed(&cx->rt->x_cancel)) return false;
  return cx->stop != STOP_NONE || find_end(&cx->limits) == STOP_NONE;
}

static void memory_text(uint64_t bytes, char *buf, size_t size) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  unsigned u = 0;
  while (u < 4 && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    u++;
  }
  if (bytes)
    snprintf(buf, size, "the memory limit of %" PRIu64 " %s", bytes, units[u]);
  else
    snprintf(buf, size, "the end of the memory");
}

static void names_text(const Limits *l, char *buf, size_t size) {
  uint64_t most = l->names ? l->names : AMB_MAX_SYMBOLS;
  snprintf(buf, size, "the limit of %" PRIu64 " names", most);
}

void ambi_stop_text(const Context *cx, char *buf, size_t size) {
  const Limits *l = &cx->limits;
  switch (cx->stop) {
  case STOP_NONE: snprintf(buf, size, "nothing"); break;
  case STOP_TIME:
    snprintf(buf, size, "the time limit of %g s", l->query_seconds);
    break;
  case STOP_RUN_TIME: snprintf(buf, size, "the time limit of the run"); break;
  case STOP_STEPS:
    snprintf(buf, size, "the limit of %" PRIu64 " steps", l->steps);
    break;
  case STOP_MEMORY:
    if (ambi_symbols_refused(cx->rt->symbols))
      names_text(l, buf, size);
    else
      memory_text(l->memory, buf, size);
    break;
  case STOP_HEAP: memory_text(l->heap, buf, size); break;
  case STOP_DEPTH:
    snprintf(buf, size, "the depth limit of %" PRIu64, l->depth);
    break;
  case STOP_ANSWERS:
    snprintf(buf, size, "the limit of %" PRIu64 " answers", l->answers);
    break;
  case STOP_CANCEL: snprintf(buf, size, "an interrupt"); break;
  case STOP_EXIT: snprintf(buf, size, "exit!"); break;
  case STOP_YIELD: snprintf(buf, size, "the end of its slice"); break;
  case STOP_WAIT: snprintf(buf, size, "what it waits for"); break;
  case STOP_AGAIN:
  case STOP_INTERNAL: snprintf(buf, size, "an internal error"); break;
  }
}
