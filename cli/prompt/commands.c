// What begins with a colon: one table of commands, their arguments, and what they do.
#include <ctype.h>
#include <stdarg.h>

#include "cli/doc/doc.h"
#include "cli/figures.h"
#include "cli/near.h"
#include "cli/prompt/prompt.h"
#include "cli/source/tree.h"
#include "cli/trace/why.h"
#include "cli/trace/why_not.h"
#include "memory/alloc.h"

typedef void CommandFn(Prompt *p, const char *arg);

typedef struct Command {
  const char *name;
  const char *arg;  // what follows it, NULL: nothing; [WHAT]: or nothing
  const char *help;
  CommandFn *fn;
} Command;

static CommandFn trace_form, why, why_not, help, load, reload, time_form,
    type_of, doc, stats, limit, setting, spaces, quit;

static const Command commands[] = {
    {"help", "[COMMAND]", "what there is", help},
    {"load", "FILE", "read a file, as if it had been given at the start", load},
    {"reload", NULL, "begin anew: forget all, read the files again", reload},
    {"time", "FORM", "evaluate, and tell how long it took", time_form},
    {"type", "ATOM", "the types of an atom", type_of},
    {"doc", "NAME", "the documentation of a name", doc},
    {"trace", "FORM", "evaluate, and go through the calls one by one",
     trace_form},
    {"why", "FORM", "evaluate, and tell what each answer rests on", why},
    {"why-not", "FORM [ANSWER]",
     "evaluate, and tell what came to nothing on the way", why_not},
    {"stats", NULL, "what the evaluators did so far", stats},
    {"limit", "[NAME VALUE]", "show the limits of each form, or set one",
     limit},
    {"set", "[NAME on|off]", "show the settings, or change one", setting},
    {"spaces", NULL, "the spaces that have a name, and their atoms", spaces},
    {"quit", NULL, "leave, as Ctrl-D does", quit},
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

static bool takes_file(const char *name, size_t len) {
  return len == 4 && memcmp(name, "load", 4) == 0;
}

const CompletionCommands *cli_prompt_commands(void) {
  static const char *names[NCOMMANDS];
  static CompletionCommands all = {names, NCOMMANDS, takes_file};
  for (int i = 0; i < NCOMMANDS; i++)
    names[i] = commands[i].name;
  return &all;
}

// ---- finding a command ------------------------------------------------------

bool cli_prompt_is_command(const char *text) {
  text += strspn(text, " \t");
  return text[0] == ':' && isalpha((unsigned char)text[1]);
}

// By its name, or by a beginning that no other has.
static const Command *find(const char *name, size_t len, bool *several) {
  const Command *found = NULL;
  *several = false;
  for (int i = 0; i < NCOMMANDS; i++) {
    if (strncmp(commands[i].name, name, len) != 0) continue;
    if (strlen(commands[i].name) == len) {
      *several = false;
      return &commands[i];
    }
    *several = found != NULL;
    if (found) break;
    found = &commands[i];
  }
  return *several ? NULL : found;
}

static void unknown(Prompt *p, const char *name, size_t len, bool several) {
  Nearest near = cli_nearest(name, len, 1 + len / 3);
  for (int i = 0; i < NCOMMANDS && !several; i++)
    cli_nearest_try(&near, commands[i].name, strlen(commands[i].name));
  if (several)
    cli_screen_say(&p->screen, COLOUR_ERROR,
                   ":%.*s may be several commands; see :help", (int)len, name);
  else if (near.best)
    cli_screen_say(&p->screen, COLOUR_ERROR,
                   "there is no command :%.*s; did you mean :%s?", (int)len,
                   name, near.best);
  else
    cli_screen_say(&p->screen, COLOUR_ERROR,
                   "there is no command :%.*s; see :help", (int)len, name);
}

// Brackets that are put around anything else would belong to something else.
static bool is_one_atom(const char *text) {
  Tree t;
  if (!cli_tree_read(&t, text, strlen(text))) return true;  // who goes on tells
  uint32_t first = cli_tree_first(&t, 0);
  bool one = first && !cli_tree_next(&t, first) && !cli_tree_fault(&t);
  cli_tree_free(&t);
  return one;
}

// May it be that of the command?
static bool is_argument(const Command *c, const char *arg) {
  if (!*arg) return !c->arg || *c->arg == '[';
  if (!c->arg) return false;
  bool atom = strcmp(c->arg, "ATOM") == 0 || strcmp(c->arg, "NAME") == 0;
  return !atom || is_one_atom(arg);
}

void cli_prompt_command(Prompt *p, char *text) {
  text += strspn(text, " \t") + 1;
  size_t len = strcspn(text, " \t\n");
  bool several;
  const Command *c = find(text, len, &several);
  if (!c) {
    unknown(p, text, len, several);
    return;
  }
  char *arg = text + len;
  arg += strspn(arg, " \t\n");
  size_t end = strlen(arg);
  while (end && isspace((unsigned char)arg[end - 1]))
    arg[--end] = 0;
  if (is_argument(c, arg))
    c->fn(p, arg);
  else if (c->arg)
    cli_screen_say(&p->screen, COLOUR_ERROR, ":%s takes %s: %s", c->name,
                   c->arg, c->help);
  else
    cli_screen_say(&p->screen, COLOUR_ERROR, ":%s takes no argument", c->name);
}

// ---- telling ----------------------------------------------------------------

static void tell(Prompt *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(Prompt *p, const char *format, ...) {
  char line[200];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  cli_screen_output(&p->screen, line, strlen(line));
  cli_screen_output(&p->screen, "\n", 1);
}

static void tell_command(Prompt *p, const Command *c) {
  char left[40];
  snprintf(left, sizeof left, ":%s%s%s", c->name, c->arg ? " " : "",
           c->arg ? c->arg : "");
  tell(p, "  %-23s %s", left, c->help);
}

static void help(Prompt *p, const char *arg) {
  bool several;
  if (*arg == ':') arg++;
  const Command *c = *arg ? find(arg, strlen(arg), &several) : NULL;
  if (c) {
    tell_command(p, c);
    return;
  }
  if (*arg) unknown(p, arg, strlen(arg), several);
  tell(
      p,
      "An atom is added to the space; !ATOM is evaluated. Input goes on until");
  tell(p, "its brackets are closed. Commands, which may be shortened:");
  for (int i = 0; i < NCOMMANDS; i++)
    tell_command(p, &commands[i]);
  tell(p,
       "Keys: Tab completes, Up and Ctrl-R go back to what was typed, Ctrl-C");
  tell(p, "stops what runs or drops the line, Ctrl-D leaves.");
}

// ---- files ------------------------------------------------------------------

static void load(Prompt *p, const char *arg) {
  Options *o = &p->cli->options;
  for (size_t i = 0; i < o->nsources; i++)
    if (o->sources[i].path && strcmp(o->sources[i].path, arg) == 0) {
      cli_prompt_load(p, &o->sources[i]);
      return;
    }
  char *path = ambi_text_copy(arg, strlen(arg));
  if (!path || !cli_options_add_file(o, path)) {
    ambi_text_free(path);
    cli_complain("out of memory");
    return;
  }
  Source *s = &o->sources[o->nsources - 1];
  s->owned = path;
  if (cli_prompt_load(p, s)) return;
  cli_source_drop(s);  // there is nothing to read again
  o->nsources--;
}

static void reload(Prompt *p, const char *arg) {
  (void)arg;
  p->reloading = true;
}

static void quit(Prompt *p, const char *arg) {
  (void)arg;
  p->leaving = true;
}

// ---- evaluating -------------------------------------------------------------

static void time_form(Prompt *p, const char *arg) {
  char count[CLI_COUNT_SIZE];
  double began = ambi_monotonic_seconds();
  uint64_t steps = cli_screen_steps(&p->screen);
  cli_prompt_run(p, *arg == '!' ? "" : "!", arg, "\n");
  double seconds = ambi_monotonic_seconds() - began;
  cli_count_text((double)(cli_screen_steps(&p->screen) - steps), count);
  cli_screen_say(&p->screen, COLOUR_NOTE, "%.3f s, %s steps", seconds, count);
}

static void trace_line(void *arg, enum TracePort port, const char *text,
                       size_t len) {
  Prompt *p = arg;
  enum Colour colour =
      port == TRACE_ERROR || port == TRACE_FAIL ? COLOUR_ERROR : COLOUR_NOTE;
  cli_screen_say(&p->screen, colour, "%.*s", (int)len - 1, text);
}

static int trace_key(void *arg, const char *question) {
  return cli_prompt_ask(arg, question);
}

static void trace_form(Prompt *p, const char *arg) {
  Trace t = {.mode = TRACE_SHOW, .line = trace_line, .arg = p};
  if (p->screen.terminal && !p->lines->is_pasting(p->lines)) {
    t.key = trace_key;
    t.mode = TRACE_STEP;
  }
  cli_trace_open(&t, p->cli->rt);
  cli_prompt_run(p, *arg == '!' ? "" : "!", arg, "\n");
  cli_trace_close(&t);
  cli_trace_names_drop(&t.breaks);
}

static void told_line(void *arg, const char *text, size_t len) {
  cli_screen_told(&((Prompt *)arg)->screen, text, len);
}

static Teller teller_of(Prompt *p) {
  return (Teller){.line = told_line, .arg = p, .json = p->cli->options.json};
}

static void why(Prompt *p, const char *arg) {
  Why w = {.places = &p->cli->places, .to = teller_of(p)};
  cli_why_open(&w, p->cli->rt);
  cli_prompt_run(p, *arg == '!' ? "" : "!", arg, "\n");
  cli_why_close(&w);
}

// Where the second atom of a text begins; its end: there is none.
static size_t second_atom(const char *text) {
  Tree t;
  size_t at = strlen(text);
  if (!cli_tree_read(&t, text, at)) return at;
  uint32_t n = cli_tree_first(&t, 0);
  if (n && t.nodes[n].kind == NODE_BANG) n = cli_tree_next(&t, n);
  if (n) n = cli_tree_next(&t, n);
  if (n) at = t.nodes[n].begin;
  cli_tree_free(&t);
  return at;
}

static void why_not(Prompt *p, const char *arg) {
  size_t at = second_atom(arg);
  char *form = ambi_text_copy(arg, at);
  if (!form) {
    cli_complain("out of memory");
    return;
  }
  WhyNot w = {.places = &p->cli->places,
              .to = teller_of(p),
              .wanted = arg[at] ? arg + at : NULL};
  cli_why_not_open(&w, p->cli->rt);
  cli_prompt_run(p, *arg == '!' ? "" : "!", form, "\n");
  cli_why_not_close(&w);
  ambi_text_free(form);
}

static void type_of(Prompt *p, const char *arg) {
  cli_prompt_run(p, "!(get-type ", arg, "\n)\n");
}

static bool built_in_doc(Prompt *p, const char *name) {
  Buffer b = {0};
  unsigned width, height;
  cli_screen_size(&width, &height);
  DocStyle style = {.bold = p->screen.colours, .width = width};
  bool found = cli_doc_name_text(&b, name, style) && !b.failed;
  if (found) cli_screen_output(&p->screen, b.text, b.len);
  ambi_buffer_drop(&b);
  return found;
}

static void doc(Prompt *p, const char *arg) {
  if (built_in_doc(p, arg)) return;
  const Names *names = cli_prompt_names(p);
  size_t len = strlen(arg);
  const char *near =
      cli_names_have(names, arg, len) ? NULL : cli_names_near(names, arg, len);
  if (near)
    cli_screen_say(&p->screen, COLOUR_NOTE,
                   "note: %s is not known here; did you mean %s?", arg, near);
  else
    cli_prompt_run(p, "!(help! ", arg, "\n)\n");
}

static void stats(Prompt *p, const char *arg) {
  (void)arg;
  Cli *cli = p->cli;
  enum StatsForm before = cli->options.stats;
  if (before != STATS_JSON) cli->options.stats = STATS_BRIEF;
  cli_stats_take(cli);
  cli_stats_print(cli);
  cli->options.stats = before;
}

// ---- limits -----------------------------------------------------------------

static const struct {
  const char *name, *option;
  const char *unit;
} limits[] = {
    {"answers", "-n", ""},    {"time", "--query-timeout", " s"},
    {"steps", "--steps", ""}, {"memory", "--memory", " bytes"},
    {"depth", "--depth", ""},
};
enum { NLIMITS = sizeof limits / sizeof *limits };

static double limit_value(const Limits *l, int which) {
  const double all[NLIMITS] = {(double)l->answers, l->query_seconds,
                               (double)l->steps, (double)l->memory,
                               (double)l->depth};
  return all[which];
}

static void lift(Limits *l, int which) {
  uint64_t *const whole[NLIMITS] = {&l->answers, NULL, &l->steps, &l->memory,
                                    &l->depth};
  if (whole[which])
    *whole[which] = 0;
  else
    l->query_seconds = 0;
}

static void show_limits(Prompt *p) {
  for (int i = 0; i < NLIMITS; i++) {
    double v = limit_value(&p->cli->rt->limits, i);
    if (v > 0)
      tell(p, "  %-10s %.15g%s", limits[i].name, v, limits[i].unit);
    else
      tell(p, "  %-10s off", limits[i].name);
  }
}

static void set_limit(Prompt *p, int which, const char *value) {
  Cli *cli = p->cli;
  const char *expects;
  if (strcmp(value, "off") == 0) {
    lift(&cli->options.limits, which);
  } else if (!cli_option_set(&cli->options, limits[which].option, value,
                             &expects)) {
    cli_screen_say(&p->screen, COLOUR_ERROR, ":limit %s: %s or off is expected",
                   limits[which].name, expects);
    return;
  }
  Limits *l = &cli->rt->limits;
  const Limits *to = &cli->options.limits;
  l->answers = to->answers;
  l->query_seconds = to->query_seconds;
  l->steps = to->steps;
  l->memory = to->memory;
  l->depth = to->depth;
  ambi_alloc_limit(
      0);  // the last one does not keep the next form from beginning
  if (cli->rt->modules->has_ceiling) cli->rt->modules->ceiling = *l;
}

// NAME VALUE as two words: value NULL if there is one word only.
static size_t split(const char *arg, const char **value) {
  size_t len = strcspn(arg, " \t=");
  const char *rest = arg + len + strspn(arg + len, " \t=");
  *value = *rest ? rest : NULL;
  return len;
}

static void limit(Prompt *p, const char *arg) {
  const char *value;
  size_t len = split(arg, &value);
  for (int i = 0; i < NLIMITS && value; i++)
    if (strlen(limits[i].name) == len &&
        strncmp(limits[i].name, arg, len) == 0) {
      set_limit(p, i, value);
      return;
    }
  if (value)
    cli_screen_say(&p->screen, COLOUR_ERROR, "there is no limit %.*s", (int)len,
                   arg);
  show_limits(p);
}

// ---- settings ---------------------------------------------------------------

typedef struct Setting {
  const char *name, *help;
  bool *at;
} Setting;
enum { NSETTINGS = 5 };

static void find_settings(Prompt *p, Setting out[NSETTINGS]) {
  const Setting all[NSETTINGS] = {
      {"colours", "answers and messages in colours", &p->screen.colours},
      {"pause", "stop where answers fill the screen", &p->pause},
      {"progress", "tell what runs for more than two seconds",
       &p->screen.progress},
      {"hints", "propose a name for one that is not known", &p->hints},
      {"explain", "tell how each match looks for its atoms",
       &p->cli->rt->explain}};
  memcpy(out, all, sizeof all);
}

static void setting(Prompt *p, const char *arg) {
  Setting all[NSETTINGS];
  find_settings(p, all);
  const char *value;
  size_t len = split(arg, &value);
  bool on = value && strcmp(value, "on") == 0,
       off = value && strcmp(value, "off") == 0;
  for (int i = 0; i < NSETTINGS && (on || off); i++)
    if (strlen(all[i].name) == len && strncmp(all[i].name, arg, len) == 0) {
      *all[i].at = on;
      return;
    }
  if (*arg)
    cli_screen_say(&p->screen, COLOUR_ERROR,
                   ":set takes one of these names, and on or off:");
  for (int i = 0; i < NSETTINGS; i++)
    tell(p, "  %-10s %-4s %s", all[i].name, *all[i].at ? "on" : "off",
         all[i].help);
}

// ---- spaces -----------------------------------------------------------------

static void tell_space(Prompt *p, const char *name, const Space *s) {
  tell(p, "  %-20s %10zu atom%s", name, ambi_space_count(s),
       ambi_space_count(s) == 1 ? "" : "s");
}

static void spaces(Prompt *p, const char *arg) {
  (void)arg;
  const Runtime *rt = p->cli->rt;
  const Module *top = ambi_module_top(p->cli->rt);
  tell_space(p, "&self", top->space);
  for (size_t i = 0; i < ambi_tokens_count(top->tokens); i++) {
    Value v;
    uint32_t symbol = ambi_tokens_symbol(top->tokens, i, &v);
    if (symbol == AMB_NO_SYMBOL || !ambi_is_cell_kind(v, CELL_SPACE)) continue;
    const Space *s = ambi_space_of(v);
    if (s != top->space)
      tell_space(p, ambi_symbol(rt->symbols, symbol)->text, s);
  }
  for (size_t i = 0; i < ambi_space_ndeps(top->space); i++) {
    const Space *s = ambi_space_dep(top->space, i);
    const char *path = s->name ? strrchr(s->name, '-') : NULL;
    tell_space(p, path ? path + 1 : "(imported)", s);
  }
}
