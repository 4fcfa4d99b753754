// Opening and closing a runtime for an embedding program, its limits and messages.
//
// The one place that knows the compiler thread and the rest alike.
#include "scheduler/system.h"

#include <stdarg.h>
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/bytecode/code.h"
#include "runtime/spaces/share.h"
#include "scheduler/actor.h"
#include "scheduler/crew_data.h"
#ifdef AMBIT_JIT
#include "compiler_thread/compiler.h"
#endif

#ifndef AMB_VERSION
#define AMB_VERSION "0.1.0"
#endif

const char *ambit_version(void) {
  return AMB_VERSION;
}

// ---- messages ---------------------------------------------------------------

ambit_status system_fail(ambit *a, ambit_status status, const char *format,
                         ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  system_lock(a);
  a->message.len = 0;
  a->message.failed = false;
  ambi_buffer_puts(&a->message, text);
  system_unlock(a);
  return status;
}

void system_lock(ambit *a) {
  pthread_mutex_lock(&a->calls);
}

void system_unlock(ambit *a) {
  pthread_mutex_unlock(&a->calls);
}

bool system_is_owner(void) {
  const Evaluator *self = ambi_crew_acting();
  return !self || ambi_evaluator_index(self) == 0;
}

const char *ambit_message(const ambit *a) {
  return a->message.text && !a->message.failed ? a->message.text : "";
}

ambit_status system_stopped(ambit *a, const Context *cx) {
  char text[80];
  switch (cx->stop) {
  case STOP_CANCEL: return system_fail(a, AMBIT_CANCELLED, "cancelled");
  case STOP_EXIT:
    a->exit_code = cx->exit_code;
    return system_fail(a, AMBIT_EXIT, "the program called exit!");
  case STOP_INTERNAL:
    return system_fail(a, AMBIT_INTERNAL, "a mistake of the library");
  case STOP_MEMORY:
    if (!cx->limits.memory)
      return system_fail(a, AMBIT_MEMORY, "out of memory");
    break;
  default: break;
  }
  ambi_stop_text(cx, text, sizeof text);
  return system_fail(a, AMBIT_LIMIT, "stopped: %s", text);
}

int ambit_exit_code(const ambit *a) {
  return a->exit_code;
}

// ---- life ---------------------------------------------------------------------

static bool host_write(void *arg, const char *text, size_t len) {
  ambit *a = arg;
  return !a->options.write || a->options.write(a->options.arg, text, len);
}

static void host_note(void *arg, const char *text, size_t len) {
  ambit *a = arg;
  if (a->options.note) a->options.note(a->options.arg, text, len);
}

static void host_failed(void *arg, Context *cx, Value call) {
  ambi_kept_calls_note(&((ambit *)arg)->kept, cx, call);
}

void ambit_set_limits(ambit *a, const ambit_limits *l) {
  Limits *to = &a->rt->limits;
  to->query_seconds = l->seconds > 0 ? l->seconds : 0;
  to->steps = l->steps;
  to->memory = l->memory;
  to->depth = l->depth;
  to->answers = l->answers;
  ambi_alloc_limit(
      0);  // the last one does not keep the next form from beginning
}

// Where there is no machine code, bytecode does as well.
static void open_compiler(ambit *a) {
#ifdef AMBIT_JIT
  JitConfig config = ambi_jit_defaults;
  const char *why;
  config.mode = JIT_BACKGROUND;
  if (a->options.machine_code == AMBIT_CODE_BACKGROUND &&
      ambi_compiler_open(a->rt, &config, &why))
    a->compiler = ambi_compiler_of(a->rt);
#else
  (void)a;
#endif
}

static void close_runtime(ambit *a) {
  system_ports_close(a);
  ambi_actors_close(a->rt);
  ambi_crew_close(a->rt);
#ifdef AMBIT_JIT
  if (a->compiler) ambi_compiler_stop(a->rt);
  ambi_runtime_close(a->rt);
  if (a->compiler) ambi_compiler_close(a->compiler);
#else
  ambi_runtime_close(a->rt);
#endif
}

static bool set_directory(ambit *a, const char *path) {
  if (!path) return true;
  char *dir = ambi_text_copy(path, strlen(path));
  bool ok = dir && ambi_module_set_dir(ambi_module_top(a->rt), dir);
  ambi_text_free(dir);
  return ok;
}

static void open_lock(ambit *a) {
  pthread_mutexattr_t again;
  pthread_mutexattr_init(&again);
  pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&a->calls, &again);
  pthread_mutexattr_destroy(&again);
}

static unsigned evaluators_of(const ambit_options *o) {
  enum { MOST = 256 };
  return o->evaluators < 1 ? 1 : o->evaluators < MOST ? o->evaluators : MOST;
}

ambit *ambit_open(const ambit_options *options) {
  ambit *a = ambi_alloc(sizeof *a);
  if (!a) return NULL;
  if (options) a->options = *options;
  open_lock(a);
  ambi_kept_calls_open(&a->kept);
  Host host = {
      .arg = a, .write = host_write, .note = host_note, .failed = host_failed};
  a->rt = ambi_runtime_open(&host, 1);
  if (!a->rt) {
    ambi_kept_calls_close(&a->kept);
    pthread_mutex_destroy(&a->calls);
    ambi_free(a, sizeof *a);
    return NULL;
  }
  ambi_space_evaluates(a->rt->modules->corelib->space);
  ambi_space_evaluates(ambi_module_top(a->rt)->space);
  if (!ambi_crew_open(a->rt, evaluators_of(&a->options)) ||
      !ambi_actors_open(a->rt) || !set_directory(a, a->options.directory)) {
    ambit_close(a);
    return NULL;
  }
  a->options.directory = NULL;
  ambit_set_limits(a, &a->options.limits);
  open_compiler(a);
  return a;
}

void ambit_close(ambit *a) {
  if (!a) return;
  while (a->nspare)
    ambi_context_close(a->spare[--a->nspare]);
  close_runtime(a);
  system_logs_drop(a);
  ambi_kept_calls_close(&a->kept);
  pthread_mutex_destroy(&a->calls);
  ambi_buffer_drop(&a->message);
  ambi_buffer_drop(&a->called);
  ambi_free(a, sizeof *a);
}

void ambit_cancel(ambit *a) {
  ambi_runtime_cancel(a->rt);
}

void ambit_resume(ambit *a) {
  ambi_store_release(&a->rt->x_cancel, 0);
}

// ---- heaps ------------------------------------------------------------------------

// Opening one asks the system for address space, which takes far longer than a short
// query, so some that were used stay.
static Context *take_context(ambit *a) {
  return a->nspare ? a->spare[--a->nspare] : ambi_context_open(a->rt);
}

static void leave_context(ambit *a, Context *cx) {
  if (a->nspare == SPARE_CONTEXTS) {
    ambi_context_close(cx);
    return;
  }
  ambi_context_reset(cx);
  a->spare[a->nspare++] = cx;
}

bool system_heap_open(ambit *a, ambit_heap *h) {
  h->a = a;
  h->cx = take_context(a);
  if (!h->cx) {
    system_fail(a, AMBIT_MEMORY, "out of memory");
    return false;
  }
  h->cx->module = ambi_module_top(a->rt);
  h->cx->space = h->cx->module->space;
  h->cx->hb = (Word *)UINTPTR_MAX;
  ambi_limits_begin(h->cx);
  ambi_party_enter(h->cx);
  a->rt->guests++;
  return true;
}

// What was removed while guests could point to it goes when the last one has left,
// unless a script runs, which sees to that itself.
void system_heap_close(ambit_heap *h) {
  Runtime *rt = h->a->rt;
  ambi_buffer_drop(&h->text);
  ambi_party_leave(h->cx);
  leave_context(h->a, h->cx);
  h->cx = NULL;
  if (--rt->guests || rt->modules->nesting) return;
  ambi_crew_part(rt, 0);
  ambi_runtime_quiesce(rt);
}

ambit_heap *ambit_heap_open(ambit *a) {
  ambit_heap *h = ambi_alloc(sizeof *h);
  if (h && system_heap_open(a, h)) return h;
  ambi_free(h, sizeof *h);
  return NULL;
}

void ambit_heap_close(ambit_heap *h) {
  if (!h) return;
  system_heap_close(h);
  ambi_free(h, sizeof *h);
}
