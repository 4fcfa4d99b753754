// The log of a runtime, given to the embedding program (runtime/watch.h).
#include "scheduler/system.h"

#include "memory/alloc.h"
#include "runtime/watch.h"

// A thread may still be telling one that was replaced, so all stay until the end.
struct SystemLog {
  SystemLog *older;
  Watch watch;
  ambit_on_log *on_log;
  void *arg;
};

_Static_assert(sizeof(WatchField) == sizeof(ambit_log_field) &&
                   offsetof(WatchField, text) ==
                       offsetof(ambit_log_field, text) &&
                   offsetof(WatchField, number) ==
                       offsetof(ambit_log_field, number),
               "what is told is handed on as it is");

static void hand_on(void *arg, enum WatchLevel level, const char *event,
                    const WatchField *fields, size_t n) {
  const SystemLog *log = arg;
  log->on_log(log->arg, (ambit_log_level)level, event,
              (const ambit_log_field *)(const void *)fields, n);
}

ambit_status ambit_set_log(ambit *a, ambit_log_level level,
                           ambit_on_log *on_log, void *arg) {
  if (level == AMBIT_LOG_OFF || !on_log) {
    ambi_watch_set(a->rt, NULL);
    return AMBIT_OK;
  }
  SystemLog *log = ambi_alloc(sizeof *log);
  if (!log) return system_fail(a, AMBIT_MEMORY, "out of memory");
  *log = (SystemLog){
      .older = a->log,
      .watch = {.level = (enum WatchLevel)level, .log = hand_on, .arg = log},
      .on_log = on_log,
      .arg = arg};
  a->log = log;
  ambi_watch_set(a->rt, &log->watch);
  return AMBIT_OK;
}

void system_logs_drop(ambit *a) {
  while (a->log) {
    SystemLog *log = a->log;
    a->log = log->older;
    ambi_free(log, sizeof *log);
  }
}
