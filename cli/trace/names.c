// Names of functions that a trace tells of or stops at.
#include "cli/trace/trace.h"

#include "cli/lost.h"
#include "memory/alloc.h"

bool cli_trace_name(TraceNames *names, const char *name) {
  if (!ambi_grow((void **)&names->at, &names->cap, names->n + 1,
                 sizeof *names->at)) {
    cli_lost();
    return false;
  }
  names->at[names->n++] = name;
  return true;
}

void cli_trace_names_drop(TraceNames *names) {
  ambi_free(names->at, names->cap * sizeof *names->at);
  *names = (TraceNames){0};
}
