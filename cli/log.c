// The log: lines on standard error, as text or as JSON.
//
// Threads tell at the same time, so a line is made first and written at once.
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"

static void json_line(FILE *out, double at, enum WatchLevel level,
                      const char *event, const WatchField *f, size_t n) {
  fprintf(out, "{\"time\":%.6f,\"level\":\"%s\",\"event\":", at,
          cli_log_levels[level]);
  cli_json_text(out, event);
  for (size_t i = 0; i < n; i++) {
    fputc(',', out);
    cli_json_text(out, f[i].key);
    fputc(':', out);
    if (f[i].text)
      cli_json_text(out, f[i].text);
    else
      fprintf(out, "%" PRIu64, f[i].number);
  }
  fputs("}\n", out);
}

// A word stands as it is; anything else in quotes.
static void text_value(FILE *out, const char *text) {
  bool word = *text != 0;
  for (const char *c = text; *c; c++)
    word = word && (unsigned char)*c > ' ' && *c != '"' && *c != '=' &&
           *c != '\\' && *c != 0x7F;
  if (word)
    fputs(text, out);
  else
    cli_json_text(out, text);
}

static void text_line(FILE *out, double at, enum WatchLevel level,
                      const char *event, const WatchField *f, size_t n) {
  fprintf(out, "ambit: %10.6f %-5s %s", at, cli_log_levels[level], event);
  for (size_t i = 0; i < n; i++) {
    fprintf(out, " %s=", f[i].key);
    if (f[i].text)
      text_value(out, f[i].text);
    else
      fprintf(out, "%" PRIu64, f[i].number);
  }
  fputc('\n', out);
}

static void log_line(void *arg, enum WatchLevel level, const char *event,
                     const WatchField *fields, size_t n) {
  const Cli *cli = arg;
  char *line = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&line, &len);
  if (!out) return;
  double at = (double)(ambi_timeline_now() - cli->looked_at) * 1e-9;
  if (cli->options.log_json)
    json_line(out, at, level, event, fields, n);
  else
    text_line(out, at, level, event, fields, n);
  if (fclose(out) == 0) fwrite(line, 1, len, stderr);
  free(line);
}

bool cli_watch_open(Cli *cli) {
  Options *o = &cli->options;
  cli->looked_at = ambi_timeline_now();
  if (!cli_timeline_open(cli)) return false;
  if (o->log_level != WATCH_OFF) {
    cli->watch.log = log_line;
    cli->watch.level = o->log_level;
    cli->watch.arg = cli;
  }
  if (cli->watch.timeline || cli->watch.log)
    ambi_watch_set(cli->rt, &cli->watch);
  return true;
}
