// `ambit parse`: the atoms of a text as the reader sees them.
#include "cli/cli.h"
#include "memory/alloc.h"

static bool print_atom(Cli *cli, Context *cx, const Template *t, Position at) {
  size_t n = t->nvars + (size_t)1;
  Value *env = ambi_alloc(n * sizeof *env);
  if (!env) return false;
  for (size_t i = 0; i < n; i++)
    env[i] = AMB_NONE;
  Value v = ambi_instantiate(cx, t, env, true);
  ambi_free(env, n * sizeof *env);
  if (ambi_is_none(v)) return false;
  char place[48];
  snprintf(place, sizeof place, "%u:%u: ", at.line, at.column);
  Buffer b = {0};
  Naming naming = {0};
  ambi_buffer_puts(&b, place);
  ambi_print(cli->rt, &b, v, &naming);
  ambi_buffer_puts(&b, "\n");
  bool ok = !b.failed && cli_write(cli, b.text, b.len);
  ambi_vec_drop(&naming.vars);
  ambi_buffer_drop(&b);
  return ok;
}

static enum RunStatus parse_all(Cli *cli, Context *cx, Reader *r,
                                const Source *s) {
  for (;;) {
    Template t;
    bool ok = true;
    switch (ambi_read(r, &t)) {
    case READ_END: return RUN_OK;
    case READ_ERROR:
      cli_report(s, r->error.at, SEVERITY_ERROR, r->error.message);
      return RUN_PARSE;
    case READ_MEMORY: ok = false; break;
    case READ_ATOM:
      ok = print_atom(cli, cx, &t, r->start);
      ambi_template_release(cli->rt->store, &t);
      ambi_context_reset(cx);
      ambi_store_quiesce(cli->rt->store);
    }
    if (cli->closed) return RUN_OK;
    if (ambi_load_relaxed(&cli->rt->x_cancel)) return RUN_CANCELLED;
    if (!ok) {
      cli_report(s, r->start, SEVERITY_STOPPED, "out of memory");
      return RUN_LIMIT;
    }
  }
}

void cli_parse(Cli *cli, Source *s) {
  Reader r;
  ambi_reader_open(&r, cli->rt, ambi_module_top(cli->rt)->tokens, s->text,
                   s->len);
  Context *cx = ambi_context_open(cli->rt);
  if (!cx) cli_complain("out of memory");
  enum RunStatus status = cx ? parse_all(cli, cx, &r, s) : RUN_LIMIT;
  ambi_context_close(cx);
  if (status != RUN_OK) cli->code = (int)status;
  cli->over = status != RUN_OK;
}
