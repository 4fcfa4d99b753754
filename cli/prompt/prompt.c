// The session at the prompt, see prompt.h.
#include "cli/prompt/prompt.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/prompt/interrupt.h"
#include "include/ambit.h"
#include "memory/alloc.h"

const Names *cli_prompt_names(void *prompt) {
  Prompt *p = prompt;
  cli_names_update(&p->names, ambi_module_top(p->cli->rt));
  return &p->names;
}

// ---- leaving ----------------------------------------------------------------

// A second Ctrl-C on an empty line.
static void ask_to_leave(Prompt *p) {
  fputs("Leave ambit? (y/n) ", stdout);
  fflush(stdout);
  int key = p->lines->key(p->lines);
  bool yes = key == 'y' || key == 'Y' || key == -1 || key == 3;
  fputs(yes ? "yes\n" : "no\n", stdout);
  fflush(stdout);
  p->leaving = yes;
}

// ---- inputs -----------------------------------------------------------------

static void handle(Prompt *p) {
  Collector *c = &p->input;
  if (p->lines->remember) p->lines->remember(p->lines, c->text, c->len);
  if (cli_prompt_is_command(c->text)) {
    cli_prompt_command(p, c->text);
  } else {
    Source s = {.name = PROMPT_NAME, .text = c->text, .len = c->len};
    cli_prompt_evaluate(p, &(Evaluated){&s, true, false});
  }
}

// One line more. False: there are no more.
static bool take_line(Prompt *p, bool *interrupted) {
  Collector *c = &p->input;
  const char *line;
  size_t len = 0;
  LineWish wish = {c->len ? "| " : "> ", c->text, c->len};
  cli_flush(p->cli);
  switch (p->lines->read(p->lines, &wish, &line, &len)) {
  case LINE_END: return false;
  case LINE_MEMORY: cli_complain("out of memory"); return false;
  case LINE_INTERRUPTED:
    *interrupted = !(*interrupted && !c->len && !len);
    if (!*interrupted) ask_to_leave(p);
    cli_collect_clear(c);
    return true;
  case LINE_READ: break;
  }
  *interrupted = false;
  if (!cli_collect_add(c, line, len)) {
    cli_complain("out of memory: the input is dropped");
    cli_collect_clear(c);
    return true;
  }
  enum CollectState state = cli_collect_state(c);
  if (state == COLLECT_WHOLE) handle(p);
  if (state != COLLECT_OPEN) cli_collect_clear(c);
  return true;
}

// What the stream ended in the middle of is told like any other mistake.
static void finish(Prompt *p) {
  if (cli_collect_state(&p->input) == COLLECT_OPEN) handle(p);
  cli_collect_clear(&p->input);
}

static void take_lines(Prompt *p) {
  bool interrupted = false;
  p->reloading = false;
  while (!p->leaving && !p->reloading && !p->cli->closed)
    if (!take_line(p, &interrupted)) {
      finish(p);
      p->leaving = true;
    }
}

// ---- life -------------------------------------------------------------------

static bool wants_colours(void) {
  const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
  return !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static bool on_terminal(void) {
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

// Where the locale has no characters beyond ASCII, they are still UTF-8 here.
static void choose_characters(void) {
  setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
}

static Prompt *open_prompt(Cli *cli) {
  Prompt *p = ambi_alloc(sizeof *p);
  if (!p) return NULL;
  choose_characters();
  p->cli = cli;
  p->pause = p->hints = true;
  cli_screen_open(&p->screen, cli, wants_colours());
  EditorHost host = {.arg = p,
                     .names = cli_prompt_names,
                     .commands = *cli_prompt_commands(),
                     .colours = p->screen.colours};
  if (on_terminal()) p->lines = cli_editor_open(&host);
  if (!p->lines) p->lines = cli_plain_open();
  if (p->lines) return p;
  cli_screen_close(&p->screen);
  ambi_free(p, sizeof *p);
  return NULL;
}

void cli_prompt_close(Cli *cli) {
  Prompt *p = cli->prompt;
  if (!p) return;
  p->lines->close(p->lines);
  cli_screen_close(&p->screen);
  cli_collect_drop(&p->input);
  cli_names_drop(&p->names);
  ambi_free(p, sizeof *p);
  cli->prompt = NULL;
}

static void greet(Prompt *p) {
  if (on_terminal())
    cli_screen_say(&p->screen, COLOUR_NOTE,
                   "Ambit %s    :help tells what there is, Ctrl-D leaves",
                   ambit_version());
}

void cli_repl(Cli *cli, Source *none) {
  (void)none;
  bool first = !cli->prompt;
  if (first) cli->prompt = open_prompt(cli);
  Prompt *p = cli->prompt;
  if (!p) {
    cli_complain("out of memory");
    cli->code = RUN_LIMIT;
    return;
  }
  cli_interrupt_open();
  if (first) greet(p);
  for (size_t i = 0; i < cli->options.nsources && !p->leaving; i++)
    cli_prompt_load(p, &cli->options.sources[i]);
  take_lines(p);
  cli_names_drop(&p->names);
  cli->again = p->reloading && !p->leaving;
}

// ---- the host ---------------------------------------------------------------

bool cli_prompt_write(void *arg, const char *text, size_t len) {
  Cli *cli = arg;
  return cli->prompt ? cli_screen_output(&cli->prompt->screen, text, len)
                     : cli_write(cli, text, len);
}

void cli_prompt_note(void *arg, const char *text, size_t len) {
  Cli *cli = arg;
  if (cli->prompt) cli_screen_note(&cli->prompt->screen, text, len);
}

void cli_prompt_progress(void *arg, const Progress *now) {
  Cli *cli = arg;
  if (cli->prompt) cli_screen_progress(&cli->prompt->screen, now);
}
