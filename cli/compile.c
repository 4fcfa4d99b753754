// `ambit compile`: a program as a file that need not be read again.
#include "cli/cli.h"
#include "memory/alloc.h"

// FILE.metta becomes FILE.ambit. NULL: told why.
static char *output_of(const Source *s) {
  if (!s->path || strcmp(s->path, "-") == 0) {
    cli_complain("compile needs -o FILE for a text without a file");
    return NULL;
  }
  size_t len = strlen(s->path);
  static const char from[] = ".metta", to[] = ".ambit";
  size_t end = sizeof from - 1;
  if (len > end && strcmp(s->path + len - end, from) == 0) len -= end;
  char *out = ambi_text_copy(s->path, len + sizeof to - 1);
  if (!out) {
    cli_complain("out of memory");
    return NULL;
  }
  memcpy(out + len, to, sizeof to);
  return out;
}

static enum RunStatus compile(Cli *cli, Context *cx, const Source *s,
                              const char *out) {
  const char *slash = strrchr(s->name, '/');
  const char *title = slash ? slash + 1 : s->name;
  SnapshotSource source = {title, s->text, strlen(title) + 1, s->len};
  Module *top = ambi_module_top(cli->rt);
  ReadError error = {0};
  if (ambi_program_compile(cx, top->tokens, top->space, &source, out, &error))
    return RUN_OK;
  if (error.message) {
    cli_report(s, error.at, SEVERITY_ERROR, error.message);
    return RUN_PARSE;
  }
  if (cx->stop == STOP_CANCEL) return RUN_CANCELLED;
  if (cx->stop == STOP_NONE) {
    cli_complain("%s", cx->message);
    return RUN_INTERNAL;
  }
  char what[160];
  ambi_stop_text(cx, what, sizeof what);
  cli_complain("compile was stopped: %s", what);
  return RUN_LIMIT;
}

void cli_compile(Cli *cli, Source *s) {
  char *made = cli->options.output ? NULL : output_of(s);
  const char *out = cli->options.output ? cli->options.output : made;
  Context *cx = out ? ambi_context_open(cli->rt) : NULL;
  enum RunStatus status = out ? RUN_LIMIT : RUN_PARSE;
  if (cx) {
    ambi_limits_begin(cx);
    status = compile(cli, cx, s, out);
  } else if (out) {
    cli_complain("out of memory");
  }
  ambi_context_close(cx);
  ambi_text_free(made);
  if (status != RUN_OK) cli->code = out ? (int)status : EXIT_USAGE;
  cli->over = status != RUN_OK;
}
