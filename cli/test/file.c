// One file of tests: each form behind ! is a point.
//
// What a form gives is all right unless it holds an Error or was stopped by a limit; an
// Error does not end the file. Where answers are recorded beside the file, it runs as a
// program does, and each form has to print what stands there.
#include <errno.h>
#include <unistd.h>

#include "cli/diagnostic/json.h"
#include "cli/lost.h"
#include "cli/source/find.h"
#include "cli/test/test.h"
#include "memory/alloc.h"
#include "runtime/types/types.h"

enum { NAME_BYTES = 100 };

typedef struct Testing {
  Cli cli;  // first, so that the verb finds the rest
  const TestOptions *o;
  FILE *out;        // of the points
  Buffer printed;   // by the program
  Tree tree;        // of the text
  bool recorded;    // answers are, or are going to be
  char *beside;     // where
  Answers answers;  // when they are
  double began;     // of the form
} Testing;

char *cli_test_recorded(const char *path) {
  static const char expected[] = ".expected";
  size_t len = strlen(path);
  if (cli_path_ends(path, ".metta")) len -= sizeof ".metta" - 1;
  char *beside = ambi_alloc(len + sizeof expected);
  if (!beside) return NULL;
  memcpy(beside, path, len);
  memcpy(beside + len, expected, sizeof expected);
  return beside;
}

bool cli_test_is_assertion(const Tree *t, uint32_t list) {
  uint32_t head = cli_tree_first(t, list);
  const Node *n = &t->nodes[head];
  return t->nodes[list].kind == NODE_LIST && head && n->kind == NODE_SYMBOL &&
         n->end - n->begin >= 6 && memcmp(t->text + n->begin, "assert", 6) == 0;
}

// ---- names ----------------------------------------------------------------------

// The form of the ! at this byte, or the atom that is added; 0: reading ended there, at a
// comment or behind all.
static uint32_t form_at(const Tree *t, size_t offset) {
  uint32_t i = cli_tree_at(t, (uint32_t)offset);
  if (i && t->nodes[i].kind == NODE_BANG) i = cli_tree_next(t, i);
  return i && t->nodes[i].kind != NODE_COMMENT ? i : 0;
}

static void name_of(const Tree *t, uint32_t form, Buffer *b) {
  if (form)
    cli_tree_print(t, form, NAME_BYTES, b);
  else
    ambi_buffer_puts(b, "the file");
}

static bool is_wanted(const Testing *t, const char *name) {
  const char *filter = t->o->filter;
  return !filter || strstr(t->cli.options.sources[0].name, filter) ||
         strstr(name, filter);
}

// The text without assertions that are not asked for: blanks take their place. NULL:
// memory is out.
static char *wanted_text(const Testing *t) {
  const Tree *tree = &t->tree;
  char *text = ambi_text_copy(tree->text, tree->len);
  uint32_t bang = 0;
  for (uint32_t i = cli_tree_first(tree, 0); i && text;
       i = cli_tree_next(tree, i)) {
    if (bang && cli_test_is_assertion(tree, i)) {
      Buffer b = {0};
      name_of(tree, i, &b);
      if (b.failed) cli_lost();
      if (!b.failed && !is_wanted(t, b.text)) {
        text[tree->nodes[bang].begin] = ' ';
        for (uint32_t at = tree->nodes[i].begin; at < tree->nodes[i].end; at++)
          if (text[at] != '\n') text[at] = ' ';
      }
      ambi_buffer_drop(&b);
    }
    bang = tree->nodes[i].kind == NODE_BANG ? i : 0;
  }
  return text;
}

// ---- one form --------------------------------------------------------------------

// The reason of an Error, which may be a text of several lines.
static void say_error(Runtime *rt, Value error, Buffer *b) {
  Value reason =
      ambi_expr_size(error) > 2 ? ambi_deref(ambi_expr_at(error, 2)) : AMB_NONE;
  Buffer text = {0};
  if (!ambi_is_none(reason) && ambi_is_str(reason))
    ambi_print_plain(rt, &text, reason, NULL);
  else
    ambi_print(rt, &text, error, NULL);
  if (text.len) ambi_buffer_puts(b, text.text + strspn(text.text, "\n"));
  ambi_buffer_puts(b, "\n");
  if (text.failed) cli_lost();
  ambi_buffer_drop(&text);
}

// What is wrong with the results; nothing is put if all is well.
static void judge(const Testing *t, const FormReport *r, uint32_t form,
                  Buffer *b) {
  char what[160];
  if (r->stop != STOP_NONE && r->stop != STOP_ANSWERS && r->stop != STOP_EXIT) {
    ambi_stop_text(r->cx, what, sizeof what);
    ambi_buffer_format(b, "stopped: %s\n",
                       r->stop == STOP_INTERNAL ? r->cx->message : what);
  }
  for (size_t i = 0; i < r->n; i++) {
    Value v = ambi_deref(r->results[i]);
    if (ambi_is_error_atom(v)) say_error(t->cli.rt, v, b);
  }
  if (!b->len && !r->n && form && cli_test_is_assertion(&t->tree, form))
    ambi_buffer_puts(b, "the assertion has no result\n");
}

static bool on_form(void *arg, const FormReport *r) {
  Testing *t = arg;
  double now = ambi_monotonic_seconds();
  uint32_t form = form_at(&t->tree, r->at.offset);
  Buffer name = {0}, wrong = {0};
  name_of(&t->tree, form, &name);
  judge(t, r, form, &wrong);
  if (name.failed || wrong.failed) cli_lost();
  if (!name.failed && is_wanted(t, name.text))
    cli_test_point(t->out, name.text, r->at, now - t->began,
                   wrong.len ? wrong.text : NULL);
  ambi_buffer_drop(&name);
  ambi_buffer_drop(&wrong);
  t->began = ambi_monotonic_seconds();
  return r->stop != STOP_EXIT;
}

// As a program prints them.
static bool on_answer(void *arg, const FormReport *r) {
  Testing *t = arg;
  double now = ambi_monotonic_seconds();
  Buffer results = {0}, name = {0}, wrong = {0};
  if (r->stop != STOP_EXIT || r->n) {
    ambi_print_results(t->cli.rt, &results, r->results, r->n);
    ambi_buffer_puts(&results, "\n");
    cli_write(&t->cli, results.text ? results.text : "", results.len);
  }
  cli_flush(&t->cli);
  name_of(&t->tree, form_at(&t->tree, r->at.offset), &name);
  if (r->stop != STOP_NONE && r->stop != STOP_ANSWERS) judge(t, r, 0, &wrong);
  Answers *a = &t->answers;
  bool ok = ambi_grow((void **)&a->at, &a->cap, a->n + 1, sizeof *a->at);
  if (!ok || results.failed || name.failed || wrong.failed) cli_lost();
  if (ok)
    a->at[a->n++] = (Answer){
        .name = ambi_text_copy(name.text ? name.text : "", name.len),
        .at = r->at,
        .end = t->printed.len,
        .stopped = wrong.len ? ambi_text_copy(wrong.text, wrong.len) : NULL,
        .seconds = now - t->began};
  ambi_buffer_drop(&results);
  ambi_buffer_drop(&name);
  ambi_buffer_drop(&wrong);
  t->began = ambi_monotonic_seconds();
  return ok;
}

// ---- the file ----------------------------------------------------------------------

static void note_trouble(const Testing *t, Position at, const char *message) {
  cli_test_point(t->out, "the file is run to its end", at, 0, message);
}

static void record(Testing *t) {
  CliFile f;
  const char *message = "cannot write the answers";
  if (cli_file_begin(&f, t->beside)) {
    fwrite(t->printed.text, 1, t->printed.len, f.out);
    if (cli_file_end(&f)) message = NULL;
  }
  cli_test_point(t->out, "answers are recorded", (Position){1, 1, 0}, 0,
                 message);
}

static void end_recorded(Testing *t) {
  for (size_t i = 0; i < t->answers.n && t->o->update; i++)
    if (t->answers.at[i].stopped) {
      note_trouble(t, t->answers.at[i].at, t->answers.at[i].stopped);
      return;
    }
  if (t->o->update)
    record(t);
  else
    cli_test_compare(&t->answers, &t->printed, t->beside, t->out);
}

static void run_script(Testing *t, const Source *s, char *text) {
  Script script = {.rt = t->cli.rt,
                   .module = ambi_module_top(t->cli.rt),
                   .name = s->name,
                   .text = text,
                   .len = s->len,
                   .on_form = t->recorded ? on_answer : on_form,
                   .past_errors = !t->recorded,
                   .arg = t};
  t->began = ambi_monotonic_seconds();
  enum RunStatus status = ambi_run_script(&script);
  if (script.unbegun) {
    note_trouble(t, (Position){1, 1, 0}, "out of memory");
  } else if (status == RUN_PARSE) {
    cli_report(s, script.error.at, SEVERITY_ERROR, script.error.message);
    note_trouble(t, script.error.at, script.error.message);
  } else if (status == RUN_CANCELLED || status == RUN_INTERNAL) {
    note_trouble(t, script.at, "it was ended");
  }
  ambi_script_drop(&script);
}

static void test_verb(Cli *cli, Source *s) {
  Testing *t = (Testing *)cli;
  cli_enter_dir(cli, s);
  if (!cli_tree_read(&t->tree, s->text, s->len)) {
    note_trouble(t, (Position){1, 1, 0}, "out of memory");
    return;
  }
  char *text = wanted_text(t);
  if (text)
    run_script(t, s, text);
  else
    note_trouble(t, (Position){1, 1, 0}, "out of memory");
  if (t->recorded) end_recorded(t);
  cli_test_write_rules(cli, t->out);
  ambi_text_free(text);
}

// Answers are recorded beside it; or will be, if there is nothing else to be tested.
static bool is_recorded(const TestOptions *o, const char *path,
                        const char *beside) {
  if (access(beside, F_OK) == 0) return true;
  FileText file;
  Tree t;
  if (!o->update) return false;
  if (!ambi_file_load(path, 0, NULL, &file)) {
    if (errno == ENOMEM) cli_lost();
    return false;
  }
  bool read = cli_tree_read(&t, file.text, file.len), found = false;
  for (uint32_t i = 1; read && !found && i < t.count; i++)
    found = cli_test_is_assertion(&t, i);
  if (read)
    cli_tree_free(&t);
  else
    cli_lost();
  ambi_file_drop(&file);
  return read && !found;
}

static void drop(Testing *t) {
  for (size_t i = 0; i < t->answers.n; i++) {
    ambi_text_free(t->answers.at[i].name);
    ambi_text_free(t->answers.at[i].stopped);
  }
  ambi_free(t->answers.at, t->answers.cap * sizeof *t->answers.at);
  cli_tree_free(&t->tree);
  cli_source_drop(t->cli.options.sources);
  ambi_text_free(t->beside);
  if (t->cli.out) fclose(t->cli.out);
  ambi_buffer_drop(&t->printed);
}

void cli_test_file(const Cli *cli, const TestOptions *o, const char *path,
                   FILE *out) {
  unsigned losses = cli_losses();
  Source source = {.name = path, .path = path};
  Testing t = {.cli.options = cli->options, .o = o, .out = out};
  Options *options = &t.cli.options;
  options->verb = test_verb;
  options->sources = &source;
  options->nsources = 1;
  options->limits.query_seconds = o->timeout;
  options->time_limit = o->file_timeout;
  if (!options->evaluators) options->evaluators = 1;
  options->coverage = o->coverage || o->lcov;
  if (options->coverage) {
    options->tier = 1;
    options->jit.mode = JIT_OFF;
  }
  t.beside = cli_test_recorded(path);
  t.recorded = t.beside && is_recorded(o, path, t.beside);
  t.cli.out = cli_capture(&t.printed);
  bool wanted = !t.recorded || !o->filter || strstr(path, o->filter);
  if (t.beside && t.cli.out && wanted) {
    cli_session(&t.cli);
    if (!t.tree.count)
      note_trouble(&t, (Position){1, 1, 0}, "it cannot be read");
  }
  if (!t.beside || !t.cli.out) cli_lost();
  fputs(cli_losses() == losses ? "{\"end\":true}\n"
                               : "{\"end\":true,\"lost\":true}\n",
        out);
  fflush(out);
  drop(&t);
}
