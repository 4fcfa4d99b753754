// What --trace-timeline writes: the JSON that chrome://tracing and Perfetto read.
//
// Times are microseconds since the program began to look. The file appears as a whole or
// not at all.
#include "memory/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"

enum { EVENTS = 1 << 14 };  // of each thread, 1.5 MB

bool cli_timeline_open(Cli *cli) {
  const char *path = cli->options.timeline;
  if (!path) return true;
  if (!cli_file_may(path)) return false;
  Timeline *t = cli->watch.timeline = ambi_timeline_open(EVENTS);
  if (t)
    ambi_timeline_name(t, "evaluator 0", 0);
  else
    cli_complain("out of memory: no timeline");
  return t != NULL;
}

typedef struct Writing {
  FILE *out;
  uint64_t from;  // the moment that is 0
  bool first;
} Writing;

static void begin_event(Writing *w, const char *phase, unsigned track) {
  fprintf(w->out, "%s\n{\"ph\":\"%s\",\"pid\":1,\"tid\":%u",
          w->first ? "" : ",", phase, track);
  w->first = false;
}

static void write_text(FILE *out, const char *key, const char *text) {
  fprintf(out, ",\"%s\":", key);
  cli_json_text(out, text);
}

static void write_time(const Writing *w, const char *key, uint64_t ns) {
  fprintf(w->out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000,
          (unsigned)(ns % 1000));
}

static uint64_t since(const Writing *w, uint64_t at) {
  return at > w->from ? at - w->from : 0;
}

static void write_track(Writing *w, unsigned track, const TrackView *view) {
  begin_event(w, "M", track);
  fprintf(w->out, ",\"name\":\"thread_name\",\"args\":{\"name\":");
  cli_json_text(w->out, *view->name ? view->name : "thread");
  fputs("}}", w->out);
  begin_event(w, "M", track);
  fprintf(w->out,
          ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%u}}",
          view->order);
}

static const char *amount_of(const char *what) {
  if (strcmp(what, "compile") == 0) return "level";
  if (strcmp(what, "collection") == 0) return "copied";
  return strcmp(what, "form") == 0 ? "line" : "number";
}

static void write_event(Writing *w, unsigned track, const Event *e) {
  static const char *const phases[] = {"X", "s", "f"};
  begin_event(w, phases[e->kind], track);
  write_text(w->out, "cat", e->what);
  write_text(w->out, "name", e->name);
  write_time(w, "ts", since(w, e->at));
  if (e->kind == EVENT_SPAN) {
    write_time(w, "dur", e->took);
    fprintf(w->out, ",\"args\":{\"%s\":%" PRIu64 "}}", amount_of(e->what),
            e->amount);
  } else {
    fprintf(w->out, ",\"id\":%" PRIu64 "%s}", e->amount,
            e->kind == EVENT_ARRIVES ? ",\"bp\":\"e\"" : "");
  }
}

static void write_all(FILE *out, const Timeline *t, uint64_t from) {
  Writing w = {out, from, true};
  TrackView view;
  uint64_t lost = 0;
  fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
  for (unsigned i = 0; ambi_timeline_track(t, i, &view); i++) {
    const Event *e;
    write_track(&w, i, &view);
    for (uint32_t n = 0; (e = ambi_timeline_event(t, i, n)); n++)
      write_event(&w, i, e);
    lost += view.lost;
  }
  fprintf(out, "\n],\"otherData\":{\"lost\":%" PRIu64 "}}\n", lost);
}

void cli_timeline_write(Cli *cli) {
  Timeline *t = cli->watch.timeline;
  if (!t) return;
  CliFile file;
  bool ok = cli_file_begin(&file, cli->options.timeline);
  if (ok) {
    write_all(file.out, t, cli->looked_at);
    ok = cli_file_end(&file);
  }
  if (!ok && !cli->code) cli->code = RUN_INTERNAL;
  ambi_timeline_close(t);
  cli->watch.timeline = NULL;
}
